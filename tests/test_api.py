"""Authentication, routing, permissions, bodies and envelopes: the same for every route."""

from __future__ import annotations

import json
import re
from itertools import cycle
from typing import TYPE_CHECKING, Any

import pytest
from asking import LISTS, MEMBERS, arrange, asked
from conftest import SENDERS

from pytest_reinfer import FakeTenant, RouteNotBuilt, contract
from pytest_reinfer.tenant import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    Send = Callable[..., Answer]

BUILT = [route for route in contract.routes().values() if route.built]
UNBUILT = [route for route in contract.routes().values() if not route.built]
READING = [route for route in BUILT if contract.takes_body(route.name)]


def over_the_doors(routes: list[contract.Route]) -> pytest.MarkDecorator:
    """Each route, over one of the doors in turn: what stands here is the same for all routes, and at all doors."""
    turns = [pytest.param(route, door, id=f"{route.name}-{door}") for route, door in zip(routes, cycle(SENDERS))]
    return pytest.mark.parametrize(("route", "send"), turns, indirect=["send"])


each_route, each_reading_route = over_the_doors(BUILT), over_the_doors(READING)


@pytest.fixture(autouse=True)
def _a_dataset(tenant: FakeTenant) -> None:
    arrange(tenant)


def filled(route: contract.Route, tenant: FakeTenant) -> str:
    return asked(route, tenant).path


# ---------------------------------------------------------------------------------------------- authentication


@each_route
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Bearer "},
        {"Authorization": "Bearer"},
        {"X-Auth-Token": "{}"},
    ],
    ids=str,
)
def test_a_request_without_a_good_token_is_401(
    tenant: FakeTenant, refused: Send, route: contract.Route, headers: dict[str, str]
) -> None:
    headers = {name: value.format(tenant.token) for name, value in headers.items()}
    assert refused(401, route.method, filled(route, tenant), headers=headers).message == "401 Unauthorized"


@pytest.mark.parametrize("scheme", ["Basic", "Token", ""])
def test_a_good_token_under_another_scheme_is_401(tenant: FakeTenant, refused: Send, scheme: str) -> None:
    refused(401, "GET", "/api/v1/datasets", headers={"Authorization": f"{scheme} {tenant.token}".strip()})


def test_the_scheme_is_read_in_any_case(tenant: FakeTenant, send: Send) -> None:
    assert send("GET", "/api/v1/datasets", headers={"Authorization": f"bearer {tenant.token}"}).status == 200


def test_a_new_token_makes_the_old_one_worthless(tenant: FakeTenant, send: Send) -> None:
    old = tenant.headers
    token = tenant.rotate_token()
    assert token == tenant.token
    assert send("GET", "/api/v1/datasets", headers=old).status == 401
    assert send("GET", "/api/v1/datasets").status == 200


def test_each_user_has_a_token_of_its_own(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions=["View labels"])
    tenant.rotate_token()
    assert send("GET", "/api/v1/datasets", user=user).status == 200
    tenant.rotate_token(user)
    assert send("GET", "/api/v1/datasets", user=user).status == 401
    assert send("GET", "/api/v1/datasets", user=tenant.user("ann")).status == 200


def test_a_token_of_another_tenant_is_401(send: Send) -> None:
    assert send("GET", "/api/v1/datasets", headers=FakeTenant(seed=1).headers).status == 401


def test_a_token_in_no_ascii_is_401(send: Send) -> None:
    assert send("GET", "/api/v1/datasets", headers={"Authorization": "Bearer h\xe9"}).status == 401


def test_an_unknown_route_without_a_token_is_401_first(refused: Send) -> None:
    refused(401, "GET", "/api/v1/nonexistent_page", headers={})


# ----------------------------------------------------------------------------------------------------- routing


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/nonexistent_page",
        "/",
        "/api/v1",
        "/api/v1/datasets/",
        "/api/v1/datasets/acme/",
        "/api/v1/datasets/acme/support/",
        "/api/v1/datasets/acme/support/exports",
        "/api/v2/datasets",
        "/API/v1/datasets",
        "/api/v1/datasets/acme/support/export/more",
    ],
)
def test_an_unknown_path_is_404_in_the_documented_words(refused: Send, path: str) -> None:
    answer = refused(404, "GET", path)
    assert answer.json == {"status": "error", "message": "404 Not Found"}
    assert "Allow" not in answer.headers


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/api/v1/datasets", "GET"),
        ("PATCH", "/api/v1/datasets/acme/support", "DELETE, GET, POST, PUT"),
        ("GET", "/api/v1/datasets/acme/support/export", "POST"),
        ("DELETE", "/api/v1/datasets/acme", "GET"),
        ("OPTIONS", "/api/v1/datasets", "GET"),
    ],
)
def test_a_known_path_with_a_wrong_method_is_405(refused: Send, method: str, path: str, allowed: str) -> None:
    answer = refused(405, method, path)
    assert answer.message == "405 Method Not Allowed"
    assert answer.headers["Allow"] == allowed


def test_an_answer_to_head_has_no_body(send: Send) -> None:
    answer = send("HEAD", "/api/v1/datasets")
    assert (answer.status, answer.body) == (405, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/datasets/acme%2Fsupport",
        "/api/v1/datasets/acme%2fsupport",
        "/api%2Fv1/datasets/acme/support",
        "/api/v1/datasets//acme///support",
        "/api/v1/datasets/%61cme/support",
        "/api/v1/datasets/acme/support?unknown=1&unknown=2",
    ],
)
def test_a_path_may_be_written_in_several_ways(send: Send, path: str) -> None:
    assert send("GET", path).json["dataset"]["name"] == "support"


def test_of_two_routes_that_fit_the_more_literal_one_answers(tenant: FakeTenant, send: Send) -> None:
    dataset_id = tenant.dataset("acme/support").id
    assert send("GET", f"/api/v1/datasets/id:{dataset_id}").json["dataset"]["id"] == dataset_id
    assert tenant.requests[-1].route == "get_dataset_by_id"


@pytest.mark.parametrize("route", UNBUILT, ids=str)
def test_a_route_that_is_not_built_is_never_an_answer(tenant: FakeTenant, route: contract.Route) -> None:
    from pytest_reinfer.wire import Request  # noqa: PLC0415

    path = re.sub(r"{(\w+)}", "0123456789abcdef", route.path)
    headers = {name.lower(): value for name, value in tenant.headers.items()}
    with pytest.raises(RouteNotBuilt, match=re.escape(path)):
        tenant.answer(Request(route.method, path, "", headers, b""))
    assert tenant.requests[-1].status is None


def test_every_built_route_has_a_handler_of_its_name_and_every_handler_a_route() -> None:
    from pytest_reinfer.handlers import HANDLERS  # noqa: PLC0415

    assert set(HANDLERS) == {route.name for route in BUILT}


# ------------------------------------------------------------------------------------------------- permissions


@each_route
def test_the_permission_of_a_route_is_enough_for_it(tenant: FakeTenant, send: Send, route: contract.Route) -> None:
    granted = ["View labels"] if route.name in MEMBERS else [] if route.permission is None else [route.permission]
    where = EVERYWHERE if granted and contract.is_tenants(granted[0]) else "acme"
    user = tenant.add_user("ann", permissions={where: granted})
    path, body = asked(route, tenant)
    assert send(route.method, path, body, user=user).status == 200
    assert tenant.requests[-1].permission == route.permission


@each_route
def test_every_other_permission_is_not_enough(tenant: FakeTenant, send: Send, route: contract.Route) -> None:
    if route.permission is None:
        return  # whoever has a token may
    others = [name for name in contract.convention("x-permissions") if route.permission not in contract.granted(name)]
    user = tenant.add_user("ann", permissions=others)
    answer = send(route.method, filled(route, tenant), {"nonsense": 1}, user=user)
    if route.name in LISTS:
        assert answer.json == {LISTS[route.name]: [], "status": "ok"}
    else:
        assert (answer.status, answer.message) == (403, "403 Forbidden")
        assert tenant.requests[-1].permission is None


def test_a_permission_counts_in_its_own_project_only(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("other/support")
    user = tenant.add_user("ann", permissions={"other": ["Datasets admin"]})
    assert send("GET", "/api/v1/datasets/other/support", user=user).status == 200
    assert send("GET", "/api/v1/datasets/acme/support", user=user).status == 403
    assert send("GET", f"/api/v1/datasets/id:{tenant.dataset('acme/support').id}", user=user).status == 403
    assert [each["owner"] for each in send("GET", "/api/v1/datasets", user=user).json["datasets"]] == ["other"]


def test_a_permission_for_every_project_counts_in_those_to_come(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions=["datasets-export"])
    tenant.add_dataset("later/support")
    assert send("POST", "/api/v1/datasets/later/support/export", {}, user=user).status == 200
    assert send("GET", "/api/v1/datasets/later/support", user=user).status == 200
    assert send("DELETE", "/api/v1/datasets/later/support", user=user).status == 403


def test_higher_permissions_imply_the_lower_ones() -> None:
    assert contract.granted("datasets-admin") >= {"Datasets admin", "Modify datasets", "View labels"}
    assert contract.granted("Datasets admin") == contract.granted("datasets-admin")
    assert contract.granted("View labels") == {"View labels"}
    assert contract.granted("Sources admin") >= {"View sensitive data", "View sources"}
    assert "View labels" not in contract.granted("Sources admin")


# ------------------------------------------------------------------------------------------ the order of refusals


def test_refusals_come_in_the_order_of_the_contract(tenant: FakeTenant, send: Send) -> None:
    nobody = tenant.add_user("nobody", permissions={"acme": []})
    bad: dict[str, Any] = {"body": b"{"}
    assert send("POST", "/api/v1/nowhere", headers={}, **bad).status == 401
    assert send("POST", "/api/v1/nowhere", user=nobody, **bad).status == 404
    assert send("PATCH", "/api/v1/datasets/acme/support", user=nobody, **bad).status == 405
    assert send("POST", "/api/v1/datasets/acme/absent/export", user=nobody, **bad).status == 403
    assert send("POST", "/api/v1/datasets/acme/absent/export", **bad).status == 400
    assert send("POST", "/api/v1/datasets/acme/absent/export", {"from": "2024-02-30"}).status == 404
    assert send("POST", "/api/v1/datasets/acme/support/export", {"from": "2024-02-30"}).status == 422
    assert send("POST", "/api/v1/datasets/absent/support/export", user=nobody, json={}).status == 404
    unknown = {"dataset": {"source_ids": ["0" * 16]}}
    assert send("PUT", "/api/v1/datasets/acme/support", unknown).status == 409
    assert send("PUT", "/api/v1/datasets/acme/new", unknown).status == 422


# ------------------------------------------------------------------------------------------------------ bodies

MALFORMED = {
    "nothing": b"",
    "cut": b'{"dataset": {"title": "x"',
    "no JSON": b"title=x",
    "not UTF-8": '{"dataset": {"title": "é"}}'.encode("latin-1"),
    "UTF-16": '{"dataset": {}}'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf{}",
    "NaN": b'{"limit": NaN}',
    "Infinity": b'{"limit": -Infinity}',
    "duplicate keys": b'{"limit": 1, "limit": 2}',
    "deep": b"[" * 100_000,
    "a number of 5000 digits": b'{"limit": ' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"dataset": {"title": "\\ud800"}}',
    "two documents": b"{} {}",
}


@each_reading_route
@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_body_is_400(tenant: FakeTenant, refused: Send, route: contract.Route, body: bytes) -> None:
    answer = refused(400, route.method, filled(route, tenant), body=body)
    assert answer.message.startswith("400 Bad Request: the body ")
    assert "Traceback" not in answer.message


def test_a_duplicate_key_is_named(refused: Send) -> None:
    answer = refused(400, "POST", "/api/v1/datasets/acme/support/export", body=b'{"a": 1, "limit": 1, "limit": 1}')
    assert answer.message.endswith('duplicate key "limit"')


@each_reading_route
@pytest.mark.parametrize("body", ["[]", "null", "1", '"text"', "true", '[{"dataset": {}}]'])
def test_a_body_that_is_no_object_is_400(tenant: FakeTenant, refused: Send, route: contract.Route, body: str) -> None:
    answer = refused(400, route.method, filled(route, tenant), body=body.encode())
    assert answer.message == f"{json.loads(body)!r} is not of type 'object'"


@each_reading_route
@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/jsonl"])
def test_a_body_of_another_content_type_is_400(
    tenant: FakeTenant, refused: Send, route: contract.Route, content_type: str
) -> None:
    headers = {**tenant.headers, "Content-Type": content_type}
    answer = refused(400, route.method, filled(route, tenant), body=b"{}", headers=headers)
    assert answer.message == "400 Bad Request: Content-Type must be application/json"


def test_the_content_type_may_name_a_charset_and_be_written_in_capitals(tenant: FakeTenant, send: Send) -> None:
    headers = {**tenant.headers, "Content-Type": "Application/JSON; charset=utf-8"}
    assert send("POST", "/api/v1/datasets/acme/support/export", body=b"{}", headers=headers).status == 200


@each_reading_route
def test_a_body_of_20_megabytes_is_413(tenant: FakeTenant, refused: Send, route: contract.Route) -> None:
    body = b'{"dataset": {"description": "%b"}}' % (b"x" * 20_000_000)
    assert refused(413, route.method, filled(route, tenant), body=body).message == "413 Request Entity Too Large"


def test_a_body_of_the_largest_size_is_read(send: Send) -> None:
    most = contract.convention("x-max-body")["bytes"]
    body = b'{"limit": 1}'
    assert send("POST", "/api/v1/datasets/acme/support/export", body=body.ljust(most)).status == 200
    assert send("POST", "/api/v1/datasets/acme/support/export", body=body.ljust(most + 1)).status == 413


def test_a_body_is_ignored_where_the_route_takes_none(send: Send) -> None:
    assert send("GET", "/api/v1/datasets/acme/support", body=b"{").status == 200


# --------------------------------------------------------------------------------------------------- envelopes


def test_an_answer_says_what_the_service_took(send: Send) -> None:
    for path in ("/api/v1/datasets", "/api/v1/nowhere"):
        answer = send("GET", path)
        assert re.fullmatch(r"total;dur=\d+\.\d", answer.headers["Server-Timing"])
        assert answer.headers["Content-Type"] == "application/json"


def test_text_of_any_script_comes_back_as_it_was_sent(send: Send) -> None:
    title = "Zürich Ωμέγα Привет שלום नमस्ते 你好 😀\u2028\u0000\x7f"
    answer = send("PUT", "/api/v1/datasets/acme/new", {"dataset": {"title": title}})
    assert answer.json["dataset"]["title"] == title
    assert "Привет".encode() in answer.body


def test_a_bug_of_ours_reaches_the_test_as_itself(
    tenant: FakeTenant, send: Send, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract, "takes_body", lambda _: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        send("GET", "/api/v1/datasets")
    with pytest.raises(AssertionError, match="pytest-reinfer itself failed") as failure:
        tenant.check()
    assert isinstance(failure.value.__cause__, ZeroDivisionError)


# ------------------------------------------------------------------------------------------ and at the edges


def test_several_spaces_may_stand_before_a_token(tenant: FakeTenant, send: Send) -> None:
    assert send("GET", "/api/v1/datasets", headers={"Authorization": f"Bearer   {tenant.token}"}).status == 200


@each_reading_route
def test_a_request_that_names_no_content_type_is_400(tenant: FakeTenant, refused: Send, route: contract.Route) -> None:
    answer = refused(400, route.method, filled(route, tenant))
    assert answer.message == "400 Bad Request: Content-Type must be application/json"


def test_a_space_may_stand_before_the_charset(tenant: FakeTenant, send: Send) -> None:
    headers = {**tenant.headers, "Content-Type": "application/json ; charset=utf-8"}
    assert send("POST", "/api/v1/datasets/acme/support/export", body=b"{}", headers=headers).status == 200


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 100_000, "it is nested too deep"),
        (b'{"limit": NaN}', "NaN is no JSON number"),
        (b'{"limit": -Infinity}', "-Infinity is no JSON number"),
        (b'{"limit": 1, "limit": 1}', 'duplicate key "limit"'),
    ],
    ids=["deep", "NaN", "Infinity", "duplicate"],
)
def test_a_body_that_is_no_json_is_told_why(refused: Send, body: bytes, reason: str) -> None:
    answer = refused(400, "POST", "/api/v1/datasets/acme/support/export", body=body)
    assert answer.message == f"400 Bad Request: the body is not valid JSON: {reason}"


def test_the_time_that_an_answer_names_is_no_longer_than_it_took(send: Send) -> None:
    from time import perf_counter  # noqa: PLC0415

    started = perf_counter()
    answer = send("GET", "/api/v1/datasets")
    took = (perf_counter() - started) * 1000
    assert 0 <= float(answer.headers["Server-Timing"].removeprefix("total;dur=")) <= took


def test_a_route_that_is_not_built_is_told_by_its_method_and_path(send: Send) -> None:
    told = "GET /api/_private/quotas: the API has this route, pytest-reinfer does not build it."
    with pytest.raises(RouteNotBuilt, match=f"^{re.escape(told)}$"):
        send("GET", "/api/_private/quotas")


def test_an_answer_has_no_blanks_between_its_values(tenant: FakeTenant, send: Send) -> None:
    for method, path in [("GET", "/api/v1/datasets"), ("POST", "/api/v1/datasets/acme/support/export")]:
        answer = send(method, path, {} if method == "POST" else None)
        assert answer.body == json.dumps(answer.json, ensure_ascii=False, separators=(",", ":")).encode()
