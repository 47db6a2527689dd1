"""`min_evidence`: a test fails if it relied on rules that are known on less, and answers come without such keys."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import asking
import pytest
import requests

from pytest_reinfer import FakeTenant, contract, evidence
from pytest_reinfer.reliance import LesserEvidence

if TYPE_CHECKING:
    from collections.abc import Callable

EXPORT = "/api/v1/datasets/acme/support/export"
DATASET = "/api/v1/datasets/acme/support"
SYNC = "/api/v1/sources/acme/support/sync"
COMMENT = {"id": "1", "timestamp": "2020-01-01", "messages": [{"body": {"text": "Hello"}}]}
BUILT = [route for route in contract.routes().values() if route.built]


def ask(tenant: FakeTenant, method: str, path: str, **given: Any) -> requests.Response:
    return requests.request(method, tenant.url + path, headers=tenant.headers, **given)


def relied(*calls: Callable[[FakeTenant], object], kind: str = "documented") -> str:
    """What a test is told that makes these calls; nothing where it may."""
    tenant = FakeTenant(min_evidence=kind, unknown_routes="allow")
    asking.arrange(tenant)
    try:
        with tenant:
            for call in calls:
                call(tenant)
    except LesserEvidence as error:
        return str(error)
    return ""


def test_what_is_documented_may_be_relied_on() -> None:
    assert not relied(
        lambda tenant: ask(tenant, "GET", DATASET),
        lambda tenant: ask(tenant, "POST", EXPORT, json={"limit": 256, "order_by": "created_at", "from": "2020-01-01"}),
        lambda tenant: ask(tenant, "POST", SYNC, json={"comments": [COMMENT]}),
        lambda tenant: ask(tenant, "PUT", "/api/v1/datasets/acme/new", json={"dataset": {"model_family": "english"}}),
    )


def test_a_route_that_is_known_on_less_is_told_with_its_source_and_its_request_and_what_to_do() -> None:
    told = relied(
        lambda tenant: ask(tenant, "GET", DATASET),
        *[lambda tenant: ask(tenant, "GET", "/api/v1/sources/acme/support")] * 3,
    )
    assert "nothing less than min_evidence='documented'" in told
    assert (
        "  get_source route GET /api/v1/sources/{project}/{source_name}\n"
        "    swagger: Power Automate connector, Swagger 2.0, 2021\n"
        "    request 2: GET /api/v1/sources/acme/support, and 2 more\n"
    ) in told
    assert '@pytest.mark.reinfer(min_evidence="assumed")' in told
    assert told.endswith("pytest-reinfer evidence get_source")
    assert "get_dataset" not in told


@pytest.mark.parametrize("route", BUILT, ids=lambda route: route.name)
def test_a_route_is_told_exactly_where_it_is_known_on_less(route: contract.Route) -> None:
    known = contract.rank(evidence.route(route.name).kind)
    for rank, kind in enumerate(contract.convention("x-evidence-kinds")):
        tenant = FakeTenant(min_evidence=kind)
        asking.arrange(tenant)
        path, body = asking.asked(route, tenant)
        told = ""
        try:
            with tenant:
                answer = ask(tenant, route.method, path, **({} if body is None else {"json": body}))
                assert answer.status_code == 200
                assert answer.json()["status"] == "ok"
        except LesserEvidence as error:
            told = str(error)
        assert (f"  {route.name} route {route}" in told) == (known > rank)
        assert (f"  {route.name} permission " in told) == (
            route.permission is not None and contract.rank(evidence.permission(route.name).kind) > rank
        )


def test_a_field_and_a_limit_that_its_value_stands_at_are_told() -> None:
    told = relied(lambda tenant: ask(tenant, "POST", EXPORT, json={"limit": 1}))
    assert "  export_dataset $.body.limit: minimum 1\n    assumed: " in told
    told = relied(lambda tenant: ask(tenant, "POST", EXPORT, json={"limit": 2}))
    assert told == ""
    comment = COMMENT | {"thread_id": "t", "user_properties": {"string:Team": "North"}}
    told = relied(lambda tenant: ask(tenant, "POST", SYNC, json={"comments": [COMMENT, comment, comment]}))
    assert "  sync_comments $.body.comments[*].thread_id: field\n    swagger: " in told
    assert "    request 1: POST /api/v1/sources/acme/support/sync\n" in told
    assert "user_properties.string" not in told


def test_a_value_of_a_list_of_values_is_told_unless_it_is_the_default() -> None:
    def create(family: str) -> str:
        body = {"dataset": {"model_family": family}}
        return relied(lambda tenant: ask(tenant, "PUT", "/api/v1/datasets/acme/new", json=body))

    assert "$.body.dataset.model_family: enum " in create("german")
    assert create("english") == ""


def test_a_query_parameter_is_told_and_so_is_one_that_the_route_does_not_have() -> None:
    told = relied(lambda tenant: ask(tenant, "POST", f"{SYNC}?no_charge=true", json={"comments": []}))
    assert "sync_comments $.query.no_charge: field" in told
    assert "`no_charge=true` takes the permission Debug" in told
    told = relied(lambda tenant: ask(tenant, "GET", f"{DATASET}?cache=no"))
    assert "api behaviour Query parameters that a route does not have are ignored." in told


def test_a_refusal_is_told_with_the_rule_that_was_broken_and_what_the_route_does_then() -> None:
    told = relied(lambda tenant: ask(tenant, "POST", EXPORT, json={"limit": 0}))
    assert "  api schema_violation: error " in told
    assert "  export_dataset $.body.limit: minimum 1\n" in told
    told = relied(lambda tenant: ask(tenant, "POST", EXPORT, json={"continuation": "none"}))
    assert "  api bad_continuation: error " in told
    assert "A continuation that this dataset did not give out is 400." in told


def test_a_refusal_before_the_route_is_known_is_told() -> None:
    assert relied(lambda tenant: ask(tenant, "GET", "/api/v1/nothing")) == ""  # which is documented
    told = relied(lambda tenant: ask(tenant, "DELETE", "/api/v1/datasets"))
    assert "api wrong_method: error" in told
    assert "api allow: header" in told


def test_a_rate_limit_is_told_with_its_header() -> None:
    def limited(tenant: FakeTenant) -> None:
        tenant.rate_limit(1)
        assert [ask(tenant, "GET", DATASET).status_code for _ in range(2)] == [200, 429]

    told = relied(limited)
    assert "api rate_limited: error" in told
    assert "api retry_after: header" in told


@pytest.mark.parametrize("what", [429, 503, "forbidden", "html_bad_gateway", "short_page", "connection_reset"])
def test_a_failure_that_the_test_arranged_is_nothing_that_it_relied_on(what: int | str) -> None:
    def fails(tenant: FakeTenant) -> None:
        about = {"retry_after": 3} if what == 429 else {}
        with tenant.fail(what, **about):
            try:
                ask(tenant, "POST", EXPORT, json={"limit": 2})
            except requests.ConnectionError:
                assert what == "connection_reset"

    assert relied(fails) == ""


def test_a_route_is_told_though_a_fault_answered_for_it() -> None:
    def fails(tenant: FakeTenant) -> None:
        tenant.fail(503)
        assert ask(tenant, "GET", "/api/v1/sources/acme/support").status_code == 503

    told = relied(fails)
    assert "get_source route" in told
    assert "error" not in told


def test_a_refusal_that_a_fault_kept_from_the_client_is_not_told() -> None:
    def fails(tenant: FakeTenant) -> None:
        tenant.fail(503, phase="after")
        assert ask(tenant, "POST", EXPORT, json={"continuation": "none"}).status_code == 503

    assert relied(fails) == ""


def test_answers_come_without_the_keys_that_are_known_on_less() -> None:
    found: list[requests.Response] = []
    tenant = FakeTenant(min_evidence="documented")
    tenant.add_dataset("acme/support", comments=70)
    with tenant:
        found = [ask(tenant, "GET", DATASET), ask(tenant, "POST", EXPORT, json={})]
    dataset, page = (answer.json() for answer in found)
    assert "label_groups" not in dataset["dataset"]
    assert dataset["dataset"]["title"] == ""
    assert set(page) == {"comments", "continuation", "status"}
    assert len(page["comments"]) == 64
    whole = json.loads(json.dumps(tenant.exported("acme/support")[0]))
    assert page["comments"][0]["annotations"] == whole["annotations"]
    assert page["comments"][0]["comment"]["id"] == whole["comment"]["id"]
    assert page["comments"][0] == whole  # the tenant itself shows no more
    assert "attachments" not in page["comments"][0]["comment"]
    left_out = {(rule.about, rule.place): rule.kind for rule in tenant.left_out}
    assert left_out["get_dataset", "$.dataset.label_groups"] == "client"
    assert left_out["export_dataset", "$.comments[*].comment.attachments"] == "swagger"


def test_an_answer_that_a_fault_has_cut_stays_as_it_is() -> None:
    tenant = FakeTenant(min_evidence="documented")
    tenant.add_dataset("acme/support")
    tenant.fail("cut_json")
    with tenant, pytest.raises(requests.JSONDecodeError):
        ask(tenant, "GET", DATASET).json()


def test_without_it_everything_may_be_relied_on_and_nothing_is_left_out() -> None:
    with FakeTenant() as tenant:
        tenant.add_dataset("acme/support")
        assert "label_groups" in ask(tenant, "GET", DATASET).json()["dataset"]
        assert ask(tenant, "GET", "/api/v1/sources/acme/none").status_code == 404
    assert tenant.left_out == ()


def test_it_is_told_once() -> None:
    tenant = FakeTenant(min_evidence="documented")
    tenant.add_dataset("acme/support")
    with pytest.raises(LesserEvidence), tenant:
        ask(tenant, "GET", "/api/v1/sources/acme/support")
    tenant.check()


def test_what_is_told_is_bounded() -> None:
    def much(tenant: FakeTenant) -> None:
        for name in ("create_bucket", "get_user", "list_users", "list_threads", "list_comments", "get_labellings"):
            path, body = asking.asked(contract.routes()[name], tenant)
            ask(tenant, contract.routes()[name].method, path, **({} if body is None else {"json": body}))
        ask(tenant, "GET", f"/api/v1/sources/acme/{'x' * 2000}")
        ask(tenant, "POST", SYNC, json={"comments": [COMMENT | {"thread_id": "t", "text_format": "plain"}]})
        ask(tenant, "POST", EXPORT, json={"limit": 0, "from": 1, "to": 1, "comment_uids": "x"})

    lines = relied(much).split("\n")
    assert any(line.startswith("  ... and ") for line in lines)
    assert len(lines) < 100
    assert max(map(len, lines[:-2])) <= 300


@pytest.mark.parametrize("kind", ["docs", "", "ours"])
def test_a_wrong_kind_is_refused_with_the_kinds_there_are(kind: str) -> None:
    with pytest.raises(
        ValueError, match=r"no kind of evidence\. There are.*documented, swagger, sample, client, assumed"
    ):
        FakeTenant(min_evidence=kind)


# ------------------------------------------------------------------------------------------------- as a user's test


@pytest.fixture
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers\n"
        "reinfer_min_evidence = documented"
    )


@pytest.mark.usefixtures("_plain_session")
def test_the_marker_goes_before_the_ini_and_the_test_fails_in_its_call(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest, requests

def ask(reinfer):
    reinfer.add_source("acme/mail")
    return requests.get(reinfer.url + "/api/v1/sources/acme/mail", headers=reinfer.headers).json()["source"]

def test_fails(reinfer):
    ask(reinfer)

@pytest.mark.reinfer(min_evidence="assumed")
def test_passes(reinfer):
    ask(reinfer)

@pytest.mark.reinfer(min_evidence=None)
def test_passes_too(reinfer):
    assert "_kind" in ask(reinfer)

def test_needs_a_key(reinfer):
    reinfer.add_dataset("acme/support")
    answer = requests.get(reinfer.url + "/api/v1/datasets/acme/support", headers=reinfer.headers).json()
    assert answer["dataset"]["label_groups"]

@pytest.mark.reinfer(min_evidence="docs")
def test_means_nothing(reinfer):
    pass
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=2, failed=2, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "The test is to rely on nothing less than min_evidence='documented', and relied on:",
            "  get_source route GET /api/v1/sources/{project}/{source_name}",
            "*KeyError: 'label_groups'",
            "get_dataset $.dataset.label_groups  [[]client: *",
            "'docs' is no kind of evidence. There are*documented, swagger, sample, client, assumed. The marker is *",
        ]
    )
