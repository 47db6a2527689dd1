"""Requests are taken by any tenant, violations refused as announced, errors as they come over a network."""

from __future__ import annotations

import json
from typing import Any

import pytest
import requests
import responses
from conftest import Answer, ask, everything
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pytest_reinfer import FakeTenant, contract, strategies

URL = "/api/v1/datasets/acme/support"
quiet = settings(database=None, derandomize=True, deadline=None)
ROUTES = {
    "create_dataset": ("PUT", URL),
    "update_dataset": ("POST", URL),
    "create_source": ("PUT", "/api/v1/sources/acme/new"),
    "update_source": ("POST", "/api/v1/sources/acme/support"),
    "export_dataset": ("POST", URL + "/export"),
    "sync_comments": ("POST", "/api/v1/sources/acme/support/sync"),
    "update_labelling": ("POST", "/api/_private/datasets/acme/support/labellings/{uid}"),
}


def ready(route: str) -> FakeTenant:
    tenant = FakeTenant()
    tenant.add_project("acme")
    if route != "create_dataset":
        tenant.add_dataset("acme/support", comments=3)
    return tenant


def sent(tenant: FakeTenant, route: str, body: Any) -> Answer:
    method, path = (ROUTES | MORE)[route]
    return ask(
        tenant, method, path.format(uid=tenant.comments("acme/support")[0]["uid"]) if "{" in path else path, body
    )


@pytest.mark.parametrize("route", ROUTES)
def test_every_drawn_request_is_taken_by_any_tenant(route: str) -> None:
    made = {
        "create_dataset": strategies.create_dataset_requests(),
        "update_dataset": strategies.update_dataset_requests(),
        "create_source": strategies.create_source_requests(),
        "update_source": strategies.update_source_requests(),
        "export_dataset": strategies.export_requests(),
        "sync_comments": strategies.sync_requests(),
        "update_labelling": strategies.update_labelling_requests(),
    }

    @quiet
    @given(made[route])
    def is_taken(body: Any) -> None:
        tenant = ready(route)
        answer = sent(tenant, route, body)
        assert answer.status == 200, answer.body[:300]
        if route == "create_dataset":
            kept = {
                name: value for name, value in body["dataset"].items() if not name.startswith(("label_", "entity_"))
            }
            assert answer.json["dataset"] | kept == answer.json["dataset"]
        if "source" in body:
            kept = {name: value for name, value in body["source"].items() if name != "bucket_id"}
            assert answer.json["source"] | kept == answer.json["source"]
        if route == "sync_comments":
            assert answer.json["new"] == len(body["comments"])
            assert sent(tenant, route, body).json["unchanged"] == len(body["comments"])

    is_taken()


MORE = {
    "create_comments": ("PUT", "/api/_private/sources/acme/support/comments"),
    "sync_raw_emails": ("POST", "/api/v1/sources/acme/support/sync-raw-emails"),
    "create_bucket": ("PUT", "/api/_private/buckets/acme/mails"),
}


@pytest.mark.parametrize("route", [*ROUTES, *MORE])
def test_every_violation_is_refused_as_it_announces_by_the_schema_and_by_the_fake(route: str) -> None:
    tenant = ready(route)
    before, rules = everything(tenant), set()

    @settings(quiet, max_examples=300, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
    @given(strategies.invalid(route))
    def is_refused(case: strategies.Invalid) -> None:
        assert not contract.valid(f"routes/{route}.json#/properties/body", case.body)
        answer = sent(tenant, route, case.body)
        assert (answer.status, answer.message) == (case.status, case.message)
        assert case.evidence
        rules.add((case.place, case.rule))

    is_refused()
    assert everything(tenant) == before
    least = {
        "create_dataset": 55,
        "update_dataset": 35,
        "export_dataset": 18,
        "sync_comments": 45,
        "update_labelling": 35,
        "create_comments": 45,
        "sync_raw_emails": 25,
        "create_bucket": 6,
    }
    assert len(rules) > least.get(route, 15)


def test_a_violation_says_which_rule_is_broken() -> None:
    found: dict[tuple[str, str], strategies.Invalid] = {}

    @settings(quiet, max_examples=400, phases=[Phase.generate])
    @given(strategies.invalid("export_dataset"))
    def look(case: strategies.Invalid) -> None:
        found[case.place, case.rule] = case

    look()
    case = found["$.limit", "maximum"]
    assert (case.body["limit"], case.limit, case.status) == (257, 256, 400)
    assert case.message == "257 is greater than the maximum of 256"
    assert case.evidence.startswith("documented")
    assert found["$", "additionalProperties"].limit is False


@quiet
@given(st.data())
def test_filters_meet_the_comments_that_they_are_made_for(data: st.DataObject) -> None:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=9)
    exported = tenant.exported("acme/support")
    body = data.draw(strategies.export_requests(exported))
    answer = ask(tenant, "POST", URL + "/export", body)
    assert answer.status == 200
    if "comment_uids" in body:
        known = {each["comment"]["uid"] for each in exported}
        assert len(answer.json["comments"]) == min(len(known & set(body["comment_uids"])), body.get("limit", 64))


def test_filters_meet_some_comments_most_of_the_time() -> None:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=9)
    met = []

    @settings(quiet, max_examples=200, phases=[Phase.generate])
    @given(strategies.export_requests(tenant.exported("acme/support")))
    def look(body: Any) -> None:
        met.append(bool(ask(tenant, "POST", URL + "/export", body).json["comments"]))

    look()
    assert 0.5 < sum(met) / len(met) < 1


@quiet
@given(strategies.errors())
def test_an_error_is_an_answer_that_a_stub_can_give(error: strategies.ErrorResponse) -> None:
    with responses.RequestsMock() as mock:
        mock.get("https://acme.reinfer.io/", **error.stub)
        answer = requests.get("https://acme.reinfer.io/")
    assert (answer.status_code, answer.content) == (error.status, error.body)
    assert {name: answer.headers[name] for name in error.headers} == error.headers
    assert ("Content-Type" in answer.headers) == ("Content-Type" in error.headers)


@quiet
@given(strategies.errors("forbidden", "bad_continuation"), strategies.error_bodies("forbidden"))
def test_errors_are_chosen_by_name(error: strategies.ErrorResponse, body: Any) -> None:
    assert error.name in ("forbidden", "bad_continuation")
    assert error.status == contract.error(error.name).status
    assert json.loads(error.body)["status"] == "error"
    assert body == {"status": "error", "message": "403 Forbidden"}


@quiet
@given(strategies.create_dataset_requests(title="T", source_ids=["18ba5ce699f8da1f"]))
def test_a_request_can_be_pinned(body: Any) -> None:
    assert body["dataset"]["title"] == "T"
    assert body["dataset"]["source_ids"] == ["18ba5ce699f8da1f"]
