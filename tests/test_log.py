"""The log of requests, and assertions whose failure shows what was asked."""

from __future__ import annotations

from unittest.mock import ANY

import pytest
from conftest import ask

from pytest_reinfer import FakeTenant, log
from pytest_reinfer.wire import Request, Response

EXPORT = "/api/v1/datasets/acme/support/export"


@pytest.fixture
def asked() -> FakeTenant:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=3)
    ask(tenant, "GET", "/api/v1/datasets?a=1&a=2&b=")
    ask(tenant, "POST", EXPORT, {"limit": 1, "from": "2020-01-01"})
    ask(tenant, "POST", EXPORT, {"limit": 0})
    ask(tenant, "GET", "/api/v1/datasets/acme%2Fsupport")
    return tenant


def test_the_log_tells_what_was_asked_and_what_came_of_it(asked: FakeTenant) -> None:
    first, export, bad, encoded = asked.requests
    assert (first.method, first.path, first.query) == ("GET", "/api/v1/datasets", {"a": ["1", "2"], "b": [""]})
    assert (first.status, first.route, first.permission, first.json) == (200, "list_datasets", "View labels", None)
    assert (export.json, export.permission) == ({"limit": 1, "from": "2020-01-01"}, "Export datasets")
    assert (bad.status, bad.route) == (400, "export_dataset")
    assert (encoded.path, encoded.target) == ("/api/v1/datasets/acme/support", "/api/v1/datasets/acme%2Fsupport")
    assert len(asked.requests) == 4
    assert asked.requests[-1] == encoded
    assert asked.requests[-2:] == [bad, encoded]


def test_a_refused_token_leaves_the_route_in_the_log(asked: FakeTenant) -> None:
    asked.requests.clear()
    asked.answer(Request("POST", EXPORT, "", {}, b"{}"))
    asked.assert_requested("export_dataset", status=401, permission=None)


def test_the_log_never_shows_a_token(asked: FakeTenant) -> None:
    assert asked.token not in repr(asked.requests)
    assert asked.token not in repr(list(asked.requests))


def test_what_was_asked_can_be_asserted(asked: FakeTenant) -> None:
    assert asked.assert_requested() == list(asked.requests)
    assert asked.assert_requested("export_dataset", times=2) == list(asked.requests)[1:3]
    assert len(asked.assert_requested("export_dataset", json={"limit": 1})) == 1
    asked.assert_requested(json={"limit": ANY, "from": ANY}, status=200, permission="Export datasets")
    asked.assert_requested(method="GET", path="/api/v1/datasets", query={"a": ["1", "2"]}, times=1)
    asked.assert_not_requested("delete_dataset")
    asked.assert_not_requested("export_dataset", json={"limit": 2})


def test_a_failed_assertion_shows_what_was_asked_beside_what_was_expected(asked: FakeTenant) -> None:
    with pytest.raises(AssertionError) as failure:
        asked.assert_requested("export_dataset", json={"limit": 5}, status=200)
    assert str(failure.value) == (
        "Expected at least once: export_dataset, json={'limit': 5}, status=200\n"
        "Asked 0 times. All requests:\n"
        "  1. GET /api/v1/datasets -> 200  [list_datasets]\n"
        '  2. POST /api/v1/datasets/acme/support/export -> 200  [export_dataset]  {"limit": 1, "from": "2020-01-01"}\n'
        '  3. POST /api/v1/datasets/acme/support/export -> 400  [export_dataset]  {"limit": 0}\n'
        "  4. GET /api/v1/datasets/acme/support -> 200  [get_dataset]\n"
        "The nearest is POST /api/v1/datasets/acme/support/export -> 200  [export_dataset]"
        '  {"limit": 1, "from": "2020-01-01"}\n'
        "  json: expected {'limit': 5}, got {'limit': 1, 'from': '2020-01-01'}"
    )


def test_too_many_and_too_few_are_told(asked: FakeTenant) -> None:
    with pytest.raises(
        AssertionError, match=r"(?s)Expected 1 time: export_dataset\nAsked 2 times\. All requests:.*export\]?"
    ):
        asked.assert_requested("export_dataset", times=1)
    with pytest.raises(AssertionError, match=r"Expected 0 times: list_datasets\nAsked 1 time\."):
        asked.assert_not_requested("list_datasets")
    with pytest.raises(
        AssertionError, match=r"(?s)Expected 2 times: get_dataset\n.*route: expected 'get_dataset', got"
    ):
        asked.assert_requested("get_dataset", times=2)


def test_of_no_requests_it_says_so() -> None:
    tenant = FakeTenant()
    assert repr(tenant.requests) == "<0 requests>"
    with pytest.raises(AssertionError, match="All requests:\n  nothing"):
        tenant.assert_requested()


def test_a_route_that_is_none_is_refused_with_those_there_are(asked: FakeTenant) -> None:
    with pytest.raises(ValueError, match=r"No route is called 'export'. There are: .*export_dataset"):
        asked.assert_requested("export")
    with pytest.raises(TypeError, match="jsn"):
        asked.assert_not_requested("export_dataset", jsn={})


def test_a_part_of_an_object_is_enough_at_every_depth() -> None:
    assert log.fits({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3})
    assert not log.fits({"a": {"b": 1}}, {"a": {"c": 1}})
    assert not log.fits({"a": {"b": 1}}, {"a": 1})
    assert not log.fits([1], [1, 2])
    assert log.fits([ANY, 2], [1, 2])


def test_the_log_is_bounded_and_says_what_it_has_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "MOST", 30)
    tenant = FakeTenant()
    for number in range(35):
        ask(tenant, "GET", f"/api/v1/datasets?n={number}")
    assert (len(tenant.requests), tenant.requests.forgotten) == (30, 5)
    assert tenant.requests[0].query == {"n": ["5"]}
    assert repr(tenant.requests).startswith("<30 requests>\n  ... 15 earlier ones\n  16. GET")
    tenant.requests.clear()
    assert (len(tenant.requests), tenant.requests.forgotten) == (0, 0)


def test_a_body_longer_than_the_log_keeps_is_not_kept() -> None:
    tenant = FakeTenant(log_bodies=10)
    for body in (b"x" * 10, b"x" * 11):
        tenant.answer(Request("POST", EXPORT, "", {}, body))
    assert tenant.requests[0].body == b"x" * 10
    assert tenant.requests[0].json is None
    assert tenant.requests[1].body is None
    with pytest.raises(ValueError, match="longer than the log keeps"):
        _ = tenant.requests[1].json


def test_answers_are_plain_values() -> None:
    assert isinstance(FakeTenant().answer(Request("GET", "/", "", {}, b"")), Response)


# ------------------------------------------------------------------------------------------ and at the edges


@pytest.mark.parametrize(
    ("path", "body", "shown"),
    [
        ("/api/v1/nowhere", b"", "POST /api/v1/nowhere -> 404  [no route]"),
        (EXPORT, b"\xff{", f"POST {EXPORT} -> 400  [export_dataset]  \ufffd{{"),
        (EXPORT, b"x" * 121, f"POST {EXPORT} -> 400  [export_dataset]  {'x' * 120}"),
        ("/api/v1/audit_events/query", b"{}", "POST /api/v1/audit_events/query -> no answer  [no route]  {}"),
    ],
)
def test_a_request_is_shown_in_one_line(path: str, body: bytes, shown: str) -> None:
    from contextlib import suppress  # noqa: PLC0415

    tenant = FakeTenant(unbuilt_routes="allow")
    tenant.add_dataset("acme/support")
    headers = {"authorization": tenant.headers["Authorization"], "content-type": "application/json"}
    with suppress(NotImplementedError):
        tenant.answer(Request("POST", path, "", headers, body))
    assert str(tenant.requests[0]) == shown


def test_of_many_requests_the_latest_twenty_are_shown() -> None:
    tenant = FakeTenant()
    for _ in range(20):
        ask(tenant, "GET", "/api/v1/datasets")
    assert "earlier ones" not in repr(tenant.requests)
    assert repr(tenant.requests).startswith("<20 requests>\n  1. GET")
    ask(tenant, "GET", "/api/v1/datasets")
    assert repr(tenant.requests).startswith("<21 requests>\n  ... 1 earlier ones\n  2. GET")


def test_more_requests_than_expected_are_told_without_a_nearest(asked: FakeTenant) -> None:
    with pytest.raises(AssertionError) as failure:
        asked.assert_requested("export_dataset", times=1)
    assert "The nearest" not in str(failure.value)


def test_the_nearest_request_is_the_one_with_the_fewest_differences(asked: FakeTenant) -> None:
    with pytest.raises(AssertionError) as failure:
        asked.assert_requested("export_dataset", json={"limit": 1, "from": "2020-01-02"}, status=400)
    assert str(failure.value).endswith("\n  json: expected {'limit': 1, 'from': '2020-01-02'}, got {'limit': 0}")


def test_requests_may_be_made_while_the_log_is_read(asked: FakeTenant) -> None:
    for entry in asked.requests:
        ask(asked, entry.method, entry.path)
    assert len(asked.requests) == 8


def test_an_assertion_about_any_route_says_so(asked: FakeTenant) -> None:
    with pytest.raises(AssertionError, match=r"^Expected at least once: any route, status=500\nAsked 0 times\."):
        asked.assert_requested(status=500)
