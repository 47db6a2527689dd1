"""Whether an exchange keeps the contract, told of whatever client made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import asking
import httpx
import httpx2
import pytest
import requests
from conftest import Answer, ask

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.violations import Violation, simplest, violations
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from pytest_reinfer.contract import Breach

URL = "https://acme.reinfer.io"
EXPORT = f"{URL}{contract.routes()['export_dataset'].path.format(project='acme', dataset_name='support')}"
LIST = f"{URL}{contract.routes()['list_datasets'].path}"
BUILT = [route for route in contract.routes().values() if route.built]
JSON_TYPE = {"Content-Type": "application/json"}
AUTHORIZED = {"Authorization": "Bearer abcdefgh", **JSON_TYPE}
OK: dict[str, Any] = {"status": 200, "json": {"comments": [], "status": "ok"}}


def export(body: Any = None, **fields: Any) -> dict[str, Any]:
    return {"method": "POST", "url": EXPORT, "headers": AUTHORIZED, "json": {} if body is None else body, **fields}


def rules(request: Any, response: Any = None, *, strict: bool = False) -> list[tuple[str, str, str]]:
    return [(each.part, each.path, each.rule) for each in contract.breaches(request, response, strict=strict)]


def refusal(status: int, message: str) -> dict[str, Any]:
    return {"status": status, "json": {"status": "error", "message": message}}


# ---------------------------------------------------------------------------------------------- where it comes from


@pytest.mark.parametrize("client", [requests, httpx, httpx2])
def test_an_answer_of_a_client_is_checked_with_the_request_it_is_to(client: Any, tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=2)
    url = tenant.url + EXPORT.removeprefix(URL)
    kept = client.post(url, headers=tenant.headers, json={"limit": 2})
    assert contract.breaches(kept) == contract.breaches(kept.request, kept) == []
    broken = client.post(url, headers=tenant.headers, json={"limit": 300})
    (breach,) = contract.breaches(broken)
    assert breach[:5] == ("request", "$.body.limit", "maximum", 256, 300)
    assert breach.evidence.startswith("documented: ")
    with pytest.raises(AssertionError, match=r"limit: maximum: expected 256, got 300  \[documented: "):
        contract.assert_kept(broken)
    contract.assert_kept(kept)


def test_the_log_of_a_tenant_is_checked_without_headers(tenant: FakeTenant) -> None:
    ask(tenant, "GET", "/api/v1/dataset")
    assert rules(tenant.requests[0]) == [("request", "$.path", "route")]


def test_a_mapping_has_a_method_and_a_url_and_a_body_as_json_or_bytes() -> None:
    assert rules(export()) == []
    assert rules(export({"limit": 0})) == [("request", "$.body.limit", "minimum")]
    raw = {"method": "POST", "url": EXPORT, "body": b'{"limit": 0}'}
    assert rules(raw) == [("request", "$.body.limit", "minimum")]
    assert rules(export(headers=list(AUTHORIZED.items()))) == []


@pytest.mark.parametrize(
    ("request_", "response", "told"),
    [
        ("GET", None, "A request is one of"),
        ({"url": EXPORT}, None, "A request that is a mapping has method and url"),
        ({"method": "GET", "url": LIST, "params": {}}, None, "This one has method, url, params"),
        ({"method": "GET", "url": LIST}, "ok", "A response is one of"),
        (requests.Request("GET", LIST), None, "not prepared yet"),
        ({"method": "GET", "url": LIST}, {"status_code": 200}, "has status, and may have"),
        ({"method": "GET", "url": LIST, "body": iter([b"{}"])}, None, "what is streamed is gone"),
    ],
)
def test_what_is_no_exchange_is_refused_with_what_would_be(request_: Any, response: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        contract.breaches(request_, response)


@pytest.mark.parametrize(
    "base", [URL, "https://acme.reinfer.dev", "https://cloud.uipath.com/acme/dev/reinfer_", "http://127.0.0.1:8000"]
)
def test_a_url_is_cut_to_what_stands_below_its_tenant(base: str) -> None:
    path = EXPORT.removeprefix(URL)
    assert contract.below(f"{base}{path}?a=b") == (path, "a=b")
    assert contract.is_below(base + path)
    assert not contract.is_below(f"{base}/elsewhere")
    assert contract.below(f"{base}/elsewhere")[0].endswith("/elsewhere")


# -------------------------------------------------------------------------------------------------- what is broken


@pytest.mark.parametrize("route", BUILT, ids=str)
def test_what_a_route_is_asked_and_answers_keeps_the_contract(route: contract.Route, tenant: FakeTenant) -> None:
    asking.arrange(tenant)
    path, body = asking.asked(route, tenant)
    answer: Answer = ask(tenant, route.method, path, body)
    assert answer.status == 200
    headers = {**tenant.headers, **JSON_TYPE}
    request = {"method": route.method, "url": tenant.url + path, "headers": headers, "json": body}
    response = {"status": answer.status, "headers": answer.headers, "body": answer.body}
    assert rules(request, response) == []


def of(route: contract.Route) -> dict[str, Any]:
    """A request of a route that keeps the contract."""
    ref = f"routes/{route.name}.json#/properties"
    properties = contract.documents()[f"routes/{route.name}.json"]["properties"]
    path = route.path.format_map(
        {k: quote(v, safe="") for k, v in simplest(f"{ref}/path").items()} if "path" in properties else {}
    )
    body = {"json": simplest(f"{ref}/body")} if "body" in properties else {}
    query = simplest(f"{ref}/query") if "query" in properties else {}
    asked = "&".join(f"{name}={value}" for name, value in query.items())
    return {"method": route.method, "url": f"{URL}{path}?{asked}", "headers": AUTHORIZED, **body}


@pytest.mark.parametrize("route", BUILT, ids=str)
def test_each_broken_rule_of_a_body_and_of_an_answer_is_named_at_its_place(route: contract.Route) -> None:
    ref = f"routes/{route.name}.json#/properties"
    request = of(route)
    assert rules(request) == []
    valid = simplest(f"{ref}/response")
    for violation in violations(f"{ref}/response"):
        answer = {"status": 200, "json": violation.apply(valid)}
        found = contract.breaches(request, answer)
        if violation.rule == "additionalProperties" and not found:  # which answers may have, where keys are named
            found = contract.breaches(request, answer, strict=True)
            assert [breach.rule for breach in found] == ["undocumented"], violation
        else:
            assert any(same(breach, violation) for breach in found), violation
        assert {breach.part for breach in found} == {"response"}
    for violation in violations(f"{ref}/body") if contract.takes_body(route.name) else ():
        found = contract.breaches({**request, "json": violation.apply(request["json"])})
        assert any(same(breach, violation) for breach in found), violation
        assert {breach.part for breach in found} == {"request"}


def same(breach: Breach, violation: Violation) -> bool:
    """Whether a breach tells of a violation: missing and strange keys are told at their own place."""
    place = f"$.body{violation.place[1:]}"
    at = (
        breach.path.startswith(place)
        if violation.rule in ("required", "additionalProperties")
        else breach.path == place
    )
    return at and (breach.rule, breach.evidence) == (violation.rule, violation.evidence)


def test_missing_and_strange_keys_are_told_at_their_own_place() -> None:
    broken = {**of(contract.routes()["create_dataset"]), "json": {"dataset": {"titel": 1}, "x": 2}}
    told = [(each.path, each.rule, each.got) for each in contract.breaches(broken)]
    strange = [("$.body.dataset.titel", "additionalProperties", 1), ("$.body.x", "additionalProperties", 2)]
    assert sorted(told, key=str) == strange
    (missing,) = contract.breaches({**broken, "json": {}})
    assert missing[1:5] == ("$.body.dataset", "required", "a value", "nothing")


# ------------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize(
    ("request_", "response", "told"),
    [
        ({"method": "GET", "url": f"{URL}/api/v1/dataset"}, None, [("request", "$.path", "route")]),
        ({"method": "PATCH", "url": LIST}, None, [("request", "$.method", "method")]),
        ({"method": "PATCH", "url": LIST}, refusal(405, "405 Method Not Allowed"), [("request", "$.method", "method")]),
        (
            {"method": "PATCH", "url": LIST},
            {"status": 200, "json": {}},
            [("request", "$.method", "method"), ("response", "$.status", "accepted")],
        ),
        (export(headers=JSON_TYPE), None, [("request", "$.headers.Authorization", "header")]),
        (export(headers=JSON_TYPE), OK, []),  # what was recorded without the token
        (
            export(headers={"Authorization": "Basic abcdefgh", **JSON_TYPE}),
            refusal(401, "401 Unauthorized"),
            [("request", "$.headers.Authorization", "header")],
        ),
        (
            export(headers={"Authorization": "Bearer abcdefgh"}),
            None,
            [("request", "$.headers.Content-Type", "header")],
        ),
        (
            {"method": "POST", "url": EXPORT, "headers": AUTHORIZED, "body": b"{"},
            None,
            [("request", "$.body", "json")],
        ),
        (export(), OK, []),
        (export(), {"status": 201, "json": {}}, [("response", "$.status", "status")]),
        (export(), {"status": 502, "headers": {"Content-Type": "text/html"}, "body": "<html>"}, []),
        (export(), refusal(503, "503 Service Unavailable"), []),
        (export(), refusal(404, "404 Not Found"), []),
        (export(), refusal(404, "no such thing"), [("response", "$.body.message", "message")]),
        (
            export({"limit": 0}),
            refusal(400, "0 is less than the minimum of 1"),
            [("request", "$.body.limit", "minimum")],
        ),
        (export(), refusal(400, "rules that no schema can say are worded so, too"), []),
        (export(), refusal(400, "400 Bad Request: 'x' is not a valid continuation"), []),
        (export(), {"status": 404, "json": {"message": "x"}}, [("response", "$.body.status", "required")]),
        (
            export({"limit": 0}),
            OK,
            [("request", "$.body.limit", "minimum"), ("response", "$.status", "accepted")],
        ),
        (
            export(),
            {"status": 200, "headers": {"Content-Type": "text/html"}, "body": "<html>"},
            [("response", "$.headers.Content-Type", "header"), ("response", "$.body", "json")],
        ),
    ],
)
def test_whatever_else_is_broken_is_told_once(request_: Any, response: Any, told: list[tuple[str, str, str]]) -> None:
    assert rules(request_, response) == told


def test_a_page_holds_no_more_than_was_asked_for(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=3)
    path = EXPORT.removeprefix(URL)
    page = {"status": 200, "json": ask(tenant, "POST", path, {"limit": 2}).json}
    assert rules(export({"limit": 2}), page) == []
    assert rules(export({"limit": 1}), page) == [("response", "$.body.comments", "limit")]


def test_a_route_that_is_known_and_not_described_is_told() -> None:
    unbuilt = next(route for route in contract.routes().values() if not route.built and "{" not in route.path)
    (breach,) = contract.breaches({"method": unbuilt.method, "url": URL + unbuilt.path}, {"status": 200, "json": {}})
    assert (breach.path, breach.rule) == ("$.path", "unbuilt")
    assert breach.evidence == contract.convention("x-unbuilt")[str(unbuilt)]


def test_every_breach_has_evidence_of_a_kind_there_is() -> None:
    broken = export({"limit": 0, "order_by": "x", "strange": 1})
    found = contract.breaches(broken, {"status": 200, "json": {"comments": [{}]}})
    assert len(found) > 5
    assert all(contract.rank(contract.kind(breach.evidence)) >= 0 for breach in found)
    assert all(str(breach).endswith(f"[{breach.evidence}]") for breach in found)


def test_what_a_strict_reader_takes_amiss(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=1)
    path = EXPORT.removeprefix(URL)
    page = ask(tenant, "POST", path, {}).json
    page["comments"][0]["comment"]["colour"] = "red"
    answer = {"status": 200, "json": page}
    assert rules(export(), answer) == []
    assert rules(export(), answer, strict=True) == [("response", "$.body.comments[0].comment.colour", "undocumented")]
    asked = {"method": "GET", "url": f"{LIST}?page=2", "headers": AUTHORIZED}
    assert rules(asked) == []
    assert rules(asked, strict=True) == [("request", "$.query.page", "undocumented")]


def test_a_deprecated_shape_is_told_to_a_strict_reader() -> None:
    route = contract.routes()["update_labelling"]
    request = of(route)
    request["json"] = {
        "entities": {"assigned": [{"name": "x", "formatted_value": "y", "spans": [], "span": {}}], "dismissed": []}
    }
    assert ("request", "$.body.entities.assigned[0].span", "deprecated") in rules(request, strict=True)
    assert "deprecated" not in {rule for *_, rule in rules(request)}


def test_a_value_is_shown_in_part() -> None:
    (breach,) = contract.breaches(export({"continuation": ["x" * 10_000]}))
    assert len(str(breach)) < 400


def test_an_answer_to_a_head_has_no_body() -> None:
    assert rules(Request("HEAD", LIST.removeprefix(URL), "", {}, b""), Response(405, dict(JSON_TYPE), b"")) == [
        ("request", "$.method", "method")
    ]


def test_an_answer_may_have_more_than_is_known_and_a_strict_reader_is_told(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=1)
    page = ask(tenant, "POST", EXPORT.removeprefix(URL), {}).json
    page["comments"][0]["comment"]["messages"][0]["colour"] = "red"
    answer = {"status": 200, "json": page}
    assert rules(export(), answer) == []
    (told,) = rules(export(), answer, strict=True)
    assert told == ("response", "$.body.comments[0].comment.messages[0].colour", "undocumented")


def test_a_refusal_of_the_path_is_none_of_a_route() -> None:
    assert rules(export(), refusal(405, "405 Method Not Allowed")) == [("response", "$.status", "status")]


def test_a_request_of_a_log_that_did_not_keep_its_body_cannot_be_checked() -> None:
    tenant = FakeTenant(log_bodies=0)
    ask(tenant, "POST", EXPORT.removeprefix(URL), {"limit": 3})
    with pytest.raises(ValueError, match="longer than the log keeps"):
        contract.breaches(tenant.requests[0])


def test_of_many_breaches_a_failure_tells_some() -> None:
    broken = {"status": 200, "json": {"status": "ok", "comments": [{}] * 30}}
    with pytest.raises(AssertionError, match=r"\.\.\. \d+ in all$"):
        contract.assert_kept(export(), broken)


def test_without_being_asked_nobody_is_read_strictly() -> None:
    asked = {"method": "GET", "url": f"{LIST}?page=2", "headers": AUTHORIZED}
    assert contract.breaches(asked) == []
    contract.assert_kept(asked)
    with pytest.raises(AssertionError, match=r"\$\.query\.page: undocumented: expected \"no parameter\""):
        contract.assert_kept(asked, strict=True)


def test_a_status_that_nobody_speaks_of_is_told_with_the_evidence_of_its_route() -> None:
    (breach,) = contract.breaches(export(), {"status": 418, "json": {}})
    schema = contract.documents()["routes/export_dataset.json"]
    assert breach.evidence == schema["x-evidence"]["x-route"]
    assert {200, 400, 404, 503} <= set(breach.expected)
    nowhere = {"method": "GET", "url": f"{URL}/api/v1/nowhere"}
    *_, breach = contract.breaches(nowhere, {"status": 418, "json": {}})
    assert breach.evidence == contract.convention("x-errors")["unknown_route"]["evidence"]
    assert {401, 404} <= set(breach.expected)


def test_what_is_missing_in_a_header_is_called_nothing() -> None:
    without = contract.breaches(export(headers={"X-Any": "1"}))
    assert [(breach.path, breach.got) for breach in without] == [
        ("$.headers.Authorization", "nothing"),
        ("$.headers.Content-Type", "nothing"),
    ]
