"""The door for `urllib3`: plain users of it are answered by its own code, as from a real server."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import requests
import urllib3
from loopback import in_process, serving
from urllib3.util import Retry

from pytest_reinfer import FakeTenant, RouteNotBuilt
from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

DATASETS = "/api/v1/datasets"
OK = Response(200, {"Content-Type": "application/json"}, b'{"status":"ok"}')
BUSY = Response(503, {"Retry-After": "0"}, b"{}")
GONE = Response(303, {"Location": "/elsewhere"}, b"gone")


@pytest.fixture
def pools() -> urllib3.PoolManager:
    return urllib3.PoolManager()


def test_a_pool_manager_and_the_module_are_answered(tenant: FakeTenant, pools: urllib3.PoolManager) -> None:
    expected = {"datasets": [], "status": "ok"}
    for client in (pools, urllib3):
        response = client.request("GET", tenant.url + DATASETS, headers=tenant.headers)
        assert (response.status, response.reason, json.loads(response.data)) == (200, "OK", expected)
    assert [each.route for each in tenant.requests] == ["list_datasets"] * 2


def test_a_pool_of_one_host_is_answered(tenant: FakeTenant) -> None:
    with urllib3.connection_from_url(tenant.url) as pool:
        assert pool.request("GET", DATASETS, headers=tenant.headers).status == 200
        assert pool.request("GET", f"{DATASETS}?a=b", headers=tenant.headers).status == 200
        assert pool.pool is not None
        assert [each.sock for each in pool.pool.queue if each] == [None]
    assert tenant.requests[-1].query == {"a": ["b"]}


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/deep/path", "http://[::1]:8000", "https://CommsMining.corp.example:8443"]
)
def test_a_tenant_answers_at_any_url(url: str, pools: urllib3.PoolManager) -> None:
    with FakeTenant(url) as tenant:
        assert pools.request("GET", tenant.url + DATASETS, headers=tenant.headers).status == 200


def test_a_proxy_for_http_is_not_asked() -> None:
    with FakeTenant("http://tenant.example") as tenant, urllib3.ProxyManager("http://127.0.0.1:9") as pools:
        assert pools.request("GET", tenant.url + DATASETS, headers=tenant.headers).status == 200


def test_other_hosts_are_reached_as_ever(tenant: FakeTenant, pools: urllib3.PoolManager) -> None:
    with serving(lambda _: OK) as url:
        assert pools.request("GET", url, timeout=5).data == OK.body
        assert pools.request("GET", tenant.url + DATASETS, headers=tenant.headers).status == 200
    assert len(tenant.requests) == 1


def test_what_is_sent_after_requests_has_reached_the_tenant_goes_its_own_way(
    tenant: FakeTenant, pools: urllib3.PoolManager
) -> None:
    with serving(lambda _: OK) as url:
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers, stream=True).status_code == 200
        assert pools.request("GET", url, timeout=5).data == OK.body
        with pytest.raises(RouteNotBuilt):
            requests.get(tenant.url + "/api/_private/quotas", headers=tenant.headers, stream=True)
        assert pools.request("GET", url, timeout=5).data == OK.body


def test_a_tenant_that_is_closed_answers_no_longer(pools: urllib3.PoolManager) -> None:
    with serving(lambda _: OK) as url:
        with FakeTenant(url) as tenant:
            assert pools.request("GET", url + DATASETS, headers=tenant.headers).data != OK.body
        assert pools.request("GET", url, timeout=5).data == OK.body


BODIES: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "text": bytes.decode,
    "file": io.BytesIO,
    "generator": lambda body: (body[start : start + 5] for start in range(0, len(body), 5)),
}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES.keys())
def test_any_body_that_urllib3_can_send_arrives(
    tenant: FakeTenant, make: Callable[[bytes], Any], pools: urllib3.PoolManager
) -> None:
    tenant.add_project("acme")
    body = json.dumps({"dataset": {"title": "Ωμέγα"}}).encode()
    headers = {**tenant.headers, "Content-Type": "application/json"}
    response = pools.request("PUT", f"{tenant.url}{DATASETS}/acme/new", body=make(body), headers=headers)
    assert json.loads(response.data)["dataset"]["title"] == "Ωμέγα"


def test_a_stream_can_be_read_in_pieces(tenant: FakeTenant, pools: urllib3.PoolManager) -> None:
    tenant.add_dataset("acme/support", comments=50)
    url = f"{tenant.url}{DATASETS}/acme/support/export"
    headers = {**tenant.headers, "Content-Type": "application/json"}

    def stream() -> Any:
        return pools.request("POST", url, body=b"{}", headers=headers, preload_content=False)

    whole = stream().read()
    assert len(json.loads(whole)["comments"]) == 50
    assert b"".join(stream().stream(1000)) == whole
    assert json.load(io.TextIOWrapper(stream())) == json.loads(whole)
    response = stream()
    assert response.read(10) == whole[:10]
    response.drain_conn()
    response.release_conn()
    assert response.closed


def test_a_route_that_is_not_built_raises_at_the_call(tenant: FakeTenant, pools: urllib3.PoolManager) -> None:
    with pytest.raises(RouteNotBuilt, match="GET /api/_private/quotas"):
        pools.request("GET", tenant.url + "/api/_private/quotas", headers=tenant.headers)


CALLS: dict[str, tuple[list[Response | Trouble], dict[str, Any]]] = {
    "plain": ([OK], {}),
    "a redirect": ([GONE, OK], {}),
    "a redirect, not followed": ([GONE], {"redirect": False}),
    "a redirect, followed too often": ([GONE, GONE], {"retries": Retry(redirect=1)}),
    "a redirect, no retries": ([GONE], {"retries": False}),
    "Retry-After": ([BUSY, BUSY, OK], {}),
    "Retry-After, too often": ([BUSY] * 4, {}),
    "Retry-After, no retries": ([BUSY], {"retries": False}),
    "statuses": ([Response(500, {}, b""), OK], {"retries": Retry(3, status_forcelist=[500])}),
    "a reset, then a redirect": ([Trouble("connection_reset"), GONE, OK], {}),
    "a reset, of a POST": ([Trouble("connection_reset")], {"method": "POST", "body": b"x"}),
    "a broken body, preloaded": ([Trouble("connection_closed", OK, at=3), OK], {}),
    "a broken body, not preloaded": ([Trouble("connection_closed", OK, at=3)], {"preload_content": False}),
    "too slow": ([Trouble("timeout"), OK], {"timeout": 0.1}),
    "too slow, once": ([Trouble("timeout")], {"timeout": urllib3.Timeout(connect=5, read=0.1), "retries": 0}),
    "too slow in all": ([Trouble("timeout")], {"timeout": urllib3.Timeout(total=0.1), "retries": False}),
}


def _history(response: urllib3.BaseHTTPResponse) -> Any:
    return response.retries.history if response.retries else ()


@pytest.mark.parametrize("call", CALLS)
def test_retries_redirects_and_errors_are_as_on_a_network(call: str) -> None:
    plan, options = CALLS[call]
    outcomes = []
    for world in (serving, in_process):
        left, asked = list(plan), list[tuple[Any, ...]]()

        def answer(request: Request, left: Any = left, asked: Any = asked) -> Response:
            asked.append((request.method, request.path, request.body))
            now: Response | Trouble = left.pop(0)
            if isinstance(now, Trouble):
                raise now
            return now

        with world(answer) as url, urllib3.PoolManager() as pools:
            try:
                response = pools.request(**{"method": "GET", "url": f"{url}/here", **options})
                history = [(each.method, each.status, type(each.error)) for each in _history(response)]
                outcome: Any = (response.status, dict(response.headers), response.read() or response.data, history)
            except urllib3.exceptions.HTTPError as error:
                outcome = type(error), type(getattr(error, "reason", None)), type(error.__cause__)
        outcomes.append((outcome, asked, left))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][2] == []


def test_a_pool_without_a_port_reaches_the_tenant(tenant: FakeTenant) -> None:
    with urllib3.HTTPSConnectionPool(tenant.url.removeprefix("https://")) as pool:
        assert pool.request("GET", "/api/v1/datasets", headers=tenant.headers).status == 200
