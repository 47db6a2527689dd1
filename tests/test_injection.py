"""Faults in force: which requests they meet, what becomes of the tenant, and what is told at the end."""

from __future__ import annotations

import gzip
import http.client
import json
import zlib
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import Answer, ask, comment, everything, in_threads

from pytest_reinfer import FakeTenant, contract, faults
from pytest_reinfer.faults import fail
from pytest_reinfer.injection import FaultsNeverFired
from pytest_reinfer.unexpected import UnexpectedRequests
from pytest_reinfer.wire import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.log import LoggedRequest

DATASET = "/api/v1/datasets/acme/support"
EXPORT = f"{DATASET}/export"
SYNC = "/api/v1/sources/acme/support/sync"


@pytest.fixture
def tenant() -> Iterator[FakeTenant]:
    with FakeTenant(unknown_routes="allow") as tenant:
        tenant.add_dataset("acme/support", comments=10)
        yield tenant


def statuses(tenant: FakeTenant, *asked: str) -> list[int]:
    """The statuses of so many requests, each given as method and path."""
    sent = (each.split(" ") for each in asked)
    return [ask(tenant, method, path, {} if method == "POST" else None).status for method, path in sent]


GET = f"GET {DATASET}"
POST = f"POST {EXPORT}"


# ---------------------------------------------------------------------------------------------- which requests it meets


@pytest.mark.parametrize(
    ("said", "asked", "expected"),
    [
        ({}, [GET, GET], [503, 200]),
        ({"times": 2}, [GET, POST, GET], [503, 503, 200]),
        ({"times": None}, [GET, POST, GET], [503, 503, 503]),
        ({"after": 1}, [GET, GET, GET], [200, 503, 200]),
        ({"after": 1, "times": 2}, [GET, GET, GET, GET], [200, 503, 503, 200]),
        ({"nth": 3}, [GET, GET, GET, GET], [200, 200, 503, 200]),
        ({"route": "export_dataset"}, [GET, POST, POST], [200, 503, 200]),
        ({"route": "export_dataset", "nth": 2}, [POST, GET, POST, POST], [200, 200, 503, 200]),
        ({"method": "post"}, [GET, POST, POST], [200, 503, 200]),
        ({"path": "*/export"}, [GET, POST, POST], [200, 503, 200]),
        ({"path": "/api/v1/datasets/acme/[s]upport", "optional": True}, [GET], [200]),
        ({"path": "/api/v1/datasets/acme/suppor?", "optional": True}, [GET], [200]),
        ({"path": "/api/v1/datasets/acme/*"}, ["GET /api/v1/datasets", GET], [200, 503]),
        ({"path": "/api/v1/datasets/acme/support"}, [POST, "GET /api/v1/datasets/acme%2Fsupport"], [200, 503]),
    ],
)
def test_a_fault_meets_the_requests_it_is_for(
    tenant: FakeTenant, said: dict[str, Any], asked: list[str], expected: list[int]
) -> None:
    tenant.fail(503, **said)
    assert statuses(tenant, *asked) == expected
    tenant.check()


def test_a_predicate_is_told_the_request_as_the_log_shows_it(tenant: FakeTenant) -> None:
    seen: list[LoggedRequest] = []

    def asks_for_few(request: LoggedRequest) -> bool:
        seen.append(request)
        return bool(request.route == "export_dataset" and request.json["limit"] < 3)

    tenant.fail(503, when=asks_for_few)
    assert ask(tenant, "POST", EXPORT, {"limit": 3}).status == 200
    assert ask(tenant, "POST", EXPORT, {"limit": 2}).status == 503
    assert [(each.path, each.status) for each in seen] == [(EXPORT, None), (EXPORT, None)]


def test_a_probability_is_drawn_from_the_seed_alone(tenant: FakeTenant) -> None:
    def drawn(of: int = 0, **said: Any) -> list[int]:
        fresh = FakeTenant(seed=of)
        fresh.fail(503, probability=0.3, **said)
        return statuses(fresh, *["GET /api/v1/datasets"] * 200)

    assert drawn() == drawn() != drawn(of=1)
    assert drawn(seed=1) == drawn(of=1, seed=1) != drawn(seed=2)
    assert 30 < drawn().count(503) < 90
    assert drawn(times=2).count(503) == 2


def test_each_probability_is_drawn_by_itself(tenant: FakeTenant) -> None:
    plans = [tenant.fail(503, probability=0.5) for _ in range(2)]
    statuses(tenant, *[GET] * 100)
    assert 30 < plans[0].fired < 70
    assert 10 < plans[1].fired < 40


def test_what_was_let_pass_is_not_said_to_be_missing(tenant: FakeTenant) -> None:
    told = "Requests came that they are for, and were let pass: too few for it, or by chance"
    with pytest.raises(FaultsNeverFired, match=told), tenant.fail(503, nth=3):
        statuses(tenant, GET)


def test_what_follows_comes_when_the_last_fault_is_over(tenant: FakeTenant) -> None:
    tenant.fail(503, times=2, route="get_dataset").then(429).then(500, after=1).then(404, route="export_dataset")
    assert statuses(tenant, POST, GET, GET, GET, GET, GET, GET, POST, POST) == [
        *(200, 503, 503, 429, 200, 500, 200, 404, 200)
    ]


def test_of_two_faults_that_are_due_the_first_fires_and_the_other_waits(tenant: FakeTenant) -> None:
    tenant.fail(503, nth=2)
    tenant.fail(fail(500, nth=2) | fail(502, nth=2))
    assert statuses(tenant, GET, GET, GET, GET, GET) == [200, 503, 500, 502, 200]


def test_faults_count_in_threads_at_once(tenant: FakeTenant) -> None:
    fault = tenant.fail(503, times=20)
    found: list[int] = []
    in_threads(lambda _: found.extend(statuses(tenant, *[GET] * 10)))
    assert found.count(503) == fault.fired == 20


def test_two_tenants_have_faults_of_their_own() -> None:
    with FakeTenant("https://a.example") as one, FakeTenant("https://b.example") as two:
        one.fail(503)
        for tenant, status in ((two, 200), (one, 503), (one, 200)):
            assert requests.get(f"{tenant.url}/api/v1/datasets", headers=tenant.headers).status_code == status


# ---------------------------------------------------------------------------------------------------- how long it lasts


def test_a_fault_ends_with_its_block(tenant: FakeTenant) -> None:
    with tenant.fail(503, times=None) as fault:
        assert statuses(tenant, GET, GET) == [503, 503]
        assert fault.fired == 2
        assert repr(fault) == "fail(503, times=None): fired 2 times, 2 requests matched"
        assert [each.plan for each in tenant.faults] == [fail(503, times=None)]
    assert statuses(tenant, GET) == [200]
    assert not tenant.faults


def test_a_fault_that_never_fired_fails_its_block_and_says_how_often_each_did(tenant: FakeTenant) -> None:
    with pytest.raises(FaultsNeverFired) as caught, tenant.fail(503, times=3).then(429, route="list_datasets"):
        statuses(tenant, GET, POST, GET, GET)
    assert str(caught.value) == (
        "Never fired: fail(429, route='list_datasets'). All faults in force:\n"
        "  fail(503, times=3): fired 3 of 3 times, 3 requests matched\n"
        "      .then(429, route='list_datasets'): fired 0 of 1 times, 0 requests matched\n"
        "The code under test did not send the requests that they are for. If it may do without, say optional=True."
    )


def test_a_block_that_fails_by_itself_fails_as_itself(tenant: FakeTenant) -> None:
    with pytest.raises(KeyError), tenant.fail(503):
        raise KeyError
    assert tenant.faults == ()


def test_a_fault_that_never_fired_fails_the_tenant_and_is_told_once(tenant: FakeTenant) -> None:
    tenant.fail(503, nth=2)
    statuses(tenant, GET)
    with pytest.raises(FaultsNeverFired, match="Never fired: fail\\(503, nth=2\\)"):
        tenant.check()
    tenant.check()


def test_an_optional_fault_need_not_fire(tenant: FakeTenant) -> None:
    with tenant.fail(503, nth=2, optional=True).then(429):
        tenant.fail(500, route="list_datasets", optional=True)


def test_what_was_asked_wrongly_is_told_before_what_never_fired() -> None:
    tenant = FakeTenant()
    tenant.fail(503, nth=9)
    ask(tenant, "GET", "/api/v1/nonsense")
    with pytest.raises(UnexpectedRequests):
        tenant.check()


def test_a_plan_that_has_ended_is_ended(tenant: FakeTenant) -> None:
    with tenant.fail(503) as fault:
        statuses(tenant, GET)
    with pytest.raises(RuntimeError, match=r"It has ended: fail\(503\)"):
        fault.then(429)
    with pytest.raises(RuntimeError, match=r"It has ended: fail\(503\)"), fault:
        pass
    assert statuses(tenant, GET) == [200]


def test_a_plan_may_be_stopped_whether_it_has_fired_or_not(tenant: FakeTenant) -> None:
    first, second = tenant.fail(503, times=None), tenant.fail(429, nth=9)
    assert statuses(tenant, GET) == [503]
    assert first.name != second.name
    first.stop()
    second.stop()
    second.stop()
    assert statuses(tenant, GET) == [200]
    assert tenant.faults == ()


def test_faults_need_not_fire_where_that_is_said(tenant: FakeTenant) -> None:
    tenant.faults_must_fire = False
    with tenant.fail(503, nth=9):
        pass
    tenant.fail(503, nth=9)


@pytest.mark.parametrize("what", [503, "connection_reset"])
@pytest.mark.parametrize(("method", "path"), [("GET", "/api/v1/datsets"), ("PATCH", DATASET)])
def test_a_fault_does_not_hide_a_path_that_the_api_does_not_have(what: Any, method: str, path: str) -> None:
    tenant = FakeTenant()
    tenant.fail(what)
    with suppress(Trouble):
        ask(tenant, method, path)
    with pytest.raises(UnexpectedRequests, match=f"{method} {path}"):
        tenant.check()


def test_a_plan_says_everything_itself(tenant: FakeTenant) -> None:
    with pytest.raises(TypeError, match="a plan says everything itself, and takes no times"):
        tenant.fail(fail(503), times=2)
    with pytest.raises(ValueError, match="No failure is called 'x'"):
        tenant.fail("x")
    with pytest.raises(ValueError, match="No failure is called 'x'"):
        tenant.fail(503, optional=True).then("x")
    assert [each.plan for each in tenant.faults] == [fail(503, optional=True)]
    with pytest.raises(ValueError, match=r"there is no TLS at http://a\.example, and so no tls_error"):
        FakeTenant("http://a.example").fail("tls_error")


# ------------------------------------------------------------------------------------------- what becomes of the tenant


@pytest.mark.parametrize("what", [503, "html_bad_gateway", "connection_reset", "connection_closed", "read_timeout"])
def test_before_nothing_has_happened_and_after_everything_has(tenant: FakeTenant, what: Any) -> None:
    def put(name: str) -> None:
        with suppress(Trouble):
            assert ask(tenant, "PUT", f"/api/v1/datasets/acme/{name}", {"dataset": {}}).status in (502, 503)

    before = everything(tenant)
    tenant.fail(what)
    put("one")
    assert everything(tenant) == before
    tenant.fail(what, phase="after")
    put("two")
    assert [each.name for each in tenant.datasets] == ["support", "two"]


@pytest.mark.parametrize(("said", "stored"), [({}, 2), ({"stored": 0}, 0), ({"stored": 1}, 1), ({"stored": 4}, 4)])
def test_of_a_batch_a_part_is_stored(tenant: FakeTenant, said: dict[str, Any], stored: int) -> None:
    tenant.add_source("acme/mail")
    batch = {"comments": [comment(str(number)) for number in range(5)]}
    tenant.fail(500, phase="partial", **said)
    assert statuses(tenant, GET) == [200]  # no batch
    assert ask(tenant, "POST", "/api/v1/sources/acme/mail/sync", batch).status == 500
    assert [each["id"] for each in tenant.comments("acme/mail")] == [str(number) for number in range(stored)]
    assert ask(tenant, "POST", "/api/v1/sources/acme/mail/sync", batch).json["new"] == 5 - stored


def test_a_batch_that_is_refused_stores_no_part(tenant: FakeTenant) -> None:
    before = everything(tenant)
    tenant.fail(500, phase="partial", stored=1)
    assert ask(tenant, "POST", SYNC, {"comments": [comment("1"), {"id": "a b"}]}).status == 400
    assert everything(tenant) == before
    assert ask(tenant, "POST", SYNC, {"comments": [comment("1"), comment("2")]}).status == 500


@pytest.mark.parametrize(("said", "size"), [({}, 1), ({"stored": 2}, 2), ({"stored": 2}, 1)])
def test_a_batch_too_small_for_a_part_is_let_pass(tenant: FakeTenant, said: dict[str, Any], size: int) -> None:
    fault = tenant.fail(500, phase="partial", optional=True, **said)
    assert ask(tenant, "POST", SYNC, {"comments": [comment(str(number)) for number in range(size)]}).status == 200
    assert fault.fired == 0


def test_the_log_shows_what_a_client_saw_and_why(tenant: FakeTenant) -> None:
    tenant.fail(503, route="get_dataset").then("connection_reset", phase="after", route="export_dataset")
    statuses(tenant, GET)
    with pytest.raises(Trouble):
        statuses(tenant, POST)
    assert [(each.route, each.status, each.permission, each.fault) for each in tenant.requests] == [
        ("get_dataset", 503, None, "fail(503, route='get_dataset')"),
        ("export_dataset", None, "Export datasets", "fail('connection_reset', route='export_dataset', phase='after')"),
    ]
    assert "-> 503  by fail(503, route='get_dataset')  [get_dataset]" in repr(tenant.requests)
    assert tenant.asked == 2


# --------------------------------------------------------------------------------------------------- what a client sees


def test_a_status_comes_in_the_envelope_of_the_api(tenant: FakeTenant, send: Callable[..., Answer]) -> None:
    for status in range(400, 600):
        tenant.fail(status)
        answer = send("GET", DATASET)
        assert (answer.status, answer.headers["Content-Type"]) == (status, "application/json")
        assert answer.message == f"{status} {http.client.responses.get(status, '')}".rstrip()
        assert "Server-Timing" in answer.headers
    tenant.fail(409, message="Busy")
    assert send("GET", DATASET).message == "Busy"


def test_a_refusal_of_the_api_comes_in_its_words(tenant: FakeTenant, send: Callable[..., Answer]) -> None:
    for name, entry in contract.convention("x-errors").items():
        places = {place: "x" for place in faults.kinds()[name].about if f"{{{place}}}" in entry["message"]}
        tenant.fail(name, **places)
        answer = send("GET", DATASET)
        assert (answer.status, answer.message) == (entry["status"], entry["message"].format(**places))


def test_a_failure_before_the_service_comes_in_a_shape_of_its_own(
    tenant: FakeTenant, send: Callable[..., Answer]
) -> None:
    for name, entry in contract.convention("x-failures").items():
        if "leads_to" in entry or name in faults.ALTERED:
            continue
        tenant.fail(name)
        answer = send("GET", DATASET)
        assert (answer.status, answer.headers, answer.body) == (
            *(entry["status"], entry["headers"], entry["body"].encode()),
        )
        assert "Server-Timing" not in answer.headers


def test_a_redirect_leads_to_the_login_page(tenant: FakeTenant) -> None:
    tenant.fail("login_redirect")
    response = requests.post(tenant.url + EXPORT, json={}, headers=tenant.headers)
    assert [each.status_code for each in response.history] == [302]
    assert (response.status_code, response.request.method) == (200, "GET")
    assert "Sign in" in response.text
    assert [each.fault for each in tenant.requests] == ["fail('login_redirect')"] * 2


def test_retry_after_says_seconds_or_a_date(tenant: FakeTenant, send: Callable[..., Answer]) -> None:
    tenant.fail(429).then(429, retry_after=30).then("html_unavailable", retry_after=7)
    assert [send("GET", DATASET).headers.get("Retry-After") for _ in range(3)] == [None, "30", "7"]
    tenant.fail(429, retry_after_date=120)
    then = parsedate_to_datetime(send("GET", DATASET).headers["Retry-After"])
    assert 119 <= (then - datetime.now(UTC)).total_seconds() <= 121


def test_the_answer_of_the_tenant_is_spoilt_on_its_way(tenant: FakeTenant, send: Callable[..., Answer]) -> None:
    good = send("POST", EXPORT, {})
    tenant.fail("cut_json").then("mislabelled_json").then("miscoded_json").then("no_server_timing")
    cut, mistyped, miscoded, untimed = (send("POST", EXPORT, {}) for _ in range(4))
    assert cut.body == good.body[: len(good.body) // 2]
    with pytest.raises(json.JSONDecodeError):
        _ = cut.json
    assert (mistyped.body, mistyped.headers["Content-Type"]) == (good.body, "text/html; charset=utf-8")
    assert (miscoded.body, miscoded.headers["Content-Type"]) == (good.body, "application/json; charset=iso-8859-1")
    assert (untimed.body, "Server-Timing" in untimed.headers) == (good.body, False)


def test_a_body_breaks_off_half_way(tenant: FakeTenant) -> None:
    whole = ask(tenant, "POST", EXPORT, {}).body
    tenant.fail("closed_mid_body").then("cut_gzip")
    with pytest.raises(Trouble) as cut:
        ask(tenant, "POST", EXPORT, {})
    assert (cut.value.at, cut.value.response.body if cut.value.response else None) == (len(whole) // 2, whole)
    with pytest.raises(Trouble) as coded:
        ask(tenant, "POST", EXPORT, {})
    assert coded.value.response is not None
    size = len(gzip.compress(whole, mtime=0))
    assert (len(coded.value.response.body), coded.value.response.headers["Content-Encoding"]) == (size // 2, "gzip")
    assert whole.startswith(zlib.decompressobj(wbits=31).decompress(coded.value.response.body))


def test_what_is_slow_is_slow_by_a_minute_or_as_said(tenant: FakeTenant) -> None:
    tenant.fail("slow_answer").then("slow_answer", seconds=5).then("slow_body").then("slow_body", seconds=5)
    found = []
    for _ in range(4):
        with pytest.raises(Trouble) as slow:
            ask(tenant, "POST", EXPORT, {})
        found.append((slow.value.end, slow.value.delay, slow.value.parts, slow.value.pace))
    assert found == [(None, 60, 1, 0), (None, 5, 1, 0), (None, 0, 10, 6), (None, 0, 10, 0.5)]


def test_a_head_request_is_never_given_a_body(tenant: FakeTenant, send: Callable[..., Answer]) -> None:
    tenant.fail(503).then("html_bad_gateway")
    assert [send("HEAD", DATASET).body for _ in range(2)] == [b"", b""]


# ------------------------------------------------------------------------------------------------ functions of the test


def test_a_function_is_called_before_a_request_is_answered(tenant: FakeTenant) -> None:
    old = tenant.token
    tenant.before(tenant.rotate_token, route="export_dataset", nth=2)
    headers = {"authorization": f"Bearer {old}"}
    urls = [tenant.url + DATASET, tenant.url + EXPORT, tenant.url + EXPORT]
    answers = [requests.request("POST" if "export" in url else "GET", url, json={}, headers=headers) for url in urls]
    assert [each.status_code for each in answers] == [200, 200, 401]


def test_a_function_and_a_failure_meet_one_request(tenant: FakeTenant) -> None:
    called: list[int] = []
    tenant.before(lambda: called.append(len(called)), times=2)
    tenant.fail(503, phase="after")
    assert statuses(tenant, GET, GET, GET) == [503, 200, 200]
    assert called == [0, 1]


def test_a_permission_can_be_revoked_at_a_request(tenant: FakeTenant) -> None:
    tenant.before(lambda: tenant.revoke("Export datasets"), nth=3)
    assert statuses(tenant, POST, POST, POST, GET) == [200, 200, 403, 200]
    assert tenant.permissions_used == ("Export datasets", "View labels")


def test_a_function_may_ask_the_tenant_itself(tenant: FakeTenant) -> None:
    found: list[list[int]] = []
    tenant.before(lambda: found.append(statuses(tenant, GET)), times=2)
    tenant.fail(503, nth=3)
    assert statuses(tenant, GET, GET, GET) == [200, 200, 200]
    assert found == [[200], [503]]  # its requests count as any others
    endless = tenant.before(lambda: found.append(statuses(tenant, GET)), times=None)
    assert statuses(tenant, GET) == [200]
    assert endless.fired == 1


def test_what_follows_a_function_comes_with_the_next_request(tenant: FakeTenant) -> None:
    called: list[int] = []
    tenant.before(lambda: called.append(1)).then(503).then(lambda: called.append(2))
    assert statuses(tenant, GET, GET, GET) == [200, 503, 200]
    assert called == [1, 2]


def test_an_error_in_a_function_of_the_test_is_the_tests_own() -> None:
    def broken() -> None:
        raise ZeroDivisionError

    for plan in (faults.before(broken), fail(503, when=lambda _: 1 / 0)):
        tenant = FakeTenant()
        tenant.fail(plan)
        with pytest.raises(ZeroDivisionError):
            ask(tenant, "GET", "/api/v1/datasets")
        with pytest.raises(
            UnexpectedRequests, match="A function that the test gave, to be called here, raised"
        ) as caught:
            tenant.check()
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
