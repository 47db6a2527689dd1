"""Every client by its door: unchanged code reaches the tenant and nothing else, whatever it is written with."""

from __future__ import annotations

import asyncio
import http.client
import json
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from conftest import Answer, in_threads
from loopback import serving

from pytest_reinfer import FakeTenant, RouteNotBuilt
from pytest_reinfer.transports.guard import ReachedForTenant
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Call = Callable[[str, str, dict[str, str], bytes], Answer]

DATASETS = "/api/v1/datasets"
EXPORT = f"{DATASETS}/acme/support/export"
OK = Response(200, {"Content-Type": "application/json", "Content-Length": "4"}, b"real")


def by_requests(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    response = requests.request(method, url, headers=headers, data=body, timeout=5)
    return Answer(response.status_code, dict(response.headers), response.content)


def by_urllib3(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    with urllib3.PoolManager(
        retries=urllib3.Retry(connect=0, read=0, redirect=5, respect_retry_after_header=False), timeout=5
    ) as pools:
        response = pools.request(method, url, headers=headers, body=body)
    return Answer(response.status, dict(response.headers), response.data)


def by_httpx(method: str, url: str, headers: dict[str, str], body: bytes, package: Any = httpx) -> Answer:
    with package.Client(verify=False, timeout=5, follow_redirects=True) as client:
        response = client.request(method, url, headers=headers, content=body)
    return Answer(response.status_code, dict(response.headers), response.content)


def by_httpx_async(method: str, url: str, headers: dict[str, str], body: bytes, package: Any = httpx) -> Answer:
    async def call() -> Any:
        async with package.AsyncClient(verify=False, timeout=5, follow_redirects=True) as client:
            return await client.request(method, url, headers=headers, content=body)

    response = asyncio.run(call())
    return Answer(response.status_code, dict(response.headers), response.content)


def by_httpx2(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    return by_httpx(method, url, headers, body, httpx2)


def by_httpx2_async(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    return by_httpx_async(method, url, headers, body, httpx2)


def by_http_client(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    conn = kind(parts.netloc, timeout=5)
    try:
        conn.request(method, f"{parts.path}?{parts.query}".rstrip("?"), headers=headers, body=body)
        response = conn.getresponse()
        return Answer(response.status, dict(response.headers), response.read())
    finally:
        conn.close()


def by_urllib_request(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    request = urllib.request.Request(url, method=method, headers=headers, data=body or None)
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return Answer(response.status, dict(response.headers), response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


def by_aiohttp(method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
    async def call() -> Answer:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(sock_connect=5, sock_read=5)) as session,
            session.request(method, url, headers=headers, data=body) as response,
        ):
            return Answer(response.status, dict(response.headers), await response.read())

    return asyncio.run(call())


CLIENTS: dict[str, Call] = {
    "requests": by_requests,
    "urllib3": by_urllib3,
    "httpx": by_httpx,
    "httpx, async": by_httpx_async,
    "httpx2": by_httpx2,
    "httpx2, async": by_httpx2_async,
    "aiohttp": by_aiohttp,
    "http.client": by_http_client,
    "urllib.request": by_urllib_request,
}
FOLLOWS = [name for name in CLIENTS if name != "http.client"]  # which leaves redirects to its user


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(params=CLIENTS)
def call(request: pytest.FixtureRequest) -> Call:
    """Send by each of the clients."""
    return CLIENTS[request.param]


@pytest.fixture
def canary() -> Iterator[FakeTenant]:
    """A tenant whose URL is that of a real server, which nobody may reach."""
    reached: list[Request] = []

    def answer(request: Request) -> Response:
        reached.append(request)
        return OK

    with serving(answer) as url:
        with FakeTenant(url, unknown_routes="allow", unbuilt_routes="allow") as tenant:
            yield tenant
        assert reached == []


# ------------------------------------------------------------------------------------------------------- the matrix


def test_a_client_is_answered_by_the_tenant_and_no_other(call: Call, canary: FakeTenant) -> None:
    canary.add_dataset("acme/support", title="Ωμέγα")
    there = call("GET", f"{canary.url}{DATASETS}/acme/support", canary.headers, b"")
    assert (there.status, there.json["dataset"]["title"]) == (200, "Ωμέγα")
    assert there.headers.get("Content-Type", there.headers.get("content-type")) == "application/json"
    by_sign = call("GET", f"{canary.url}{DATASETS}/acme%2Fsupport?a=b%20c&a=", canary.headers, b"")
    assert by_sign.json["dataset"]["title"] == "Ωμέγα"
    missing = call("GET", f"{canary.url}{DATASETS}/acme/none", canary.headers, b"")
    assert (missing.status, missing.json["status"]) == (404, "error")
    refused = call("GET", canary.url + DATASETS, {}, b"")
    assert (refused.status, refused.message) == (401, "401 Unauthorized")


def test_a_body_arrives_as_it_was_sent(call: Call, canary: FakeTenant) -> None:
    canary.add_project("acme")
    body = json.dumps({"dataset": {"title": "Größe 🎈 中"}}, ensure_ascii=False).encode()
    headers = {**canary.headers, "Content-Type": "application/json"}
    made = call("PUT", f"{canary.url}{DATASETS}/acme/new", headers, body)
    assert made.json["dataset"]["title"] == "Größe 🎈 中"
    assert canary.requests[-1].json == json.loads(body)


def test_all_clients_are_logged_alike(canary: FakeTenant) -> None:
    canary.add_dataset("acme/support", comments=3)
    url = f"{canary.url}{DATASETS}/acme%2Fsupport/export?a=b&c=%C3%BC"
    headers = {**canary.headers, "Content-Type": "application/json"}
    bodies = {call("POST", url, headers, b'{"limit": 2}').body for call in CLIENTS.values()}
    logged = {str((each.method, each.path, each.query, each.json, each.status, each.route)) for each in canary.requests}
    assert (len(bodies), len(logged), len(canary.requests)) == (1, 1, len(CLIENTS))


@pytest.mark.parametrize("place", ["", "/deep/path"])
def test_names_of_headers_reach_the_tenant_in_lower_case(call: Call, place: str) -> None:
    seen: list[Request] = []

    def answer(_: FakeTenant, request: Request) -> Response:
        seen.append(request)
        return OK

    with FakeTenant(f"https://tenant.example{place}") as tenant, mock.patch.object(FakeTenant, "answer", answer):
        call("POST", f"{tenant.url}/x", {"X-Mixed-Case": "Value"}, b"12")
    (request,) = seen
    assert (request.path, request.headers["x-mixed-case"], request.body) == ("/x", "Value", b"12")
    assert all(name == name.lower() for name in request.headers)


def test_a_failure_of_the_service_reaches_every_client(call: Call, canary: FakeTenant) -> None:
    canary.fail(503, retry_after=9).then("html_bad_gateway").then(409)
    answers = [call("GET", canary.url + DATASETS, canary.headers, b"") for _ in range(4)]
    assert [each.status for each in answers] == [503, 502, 409, 200]
    assert {name.lower(): value for name, value in answers[0].headers.items()}["retry-after"] == "9"
    assert b"<html" in answers[1].body.lower()


@pytest.mark.parametrize("kind", ["dns_failure", "connection_reset", "read_timeout", "closed_mid_body"])
def test_a_failure_of_the_network_reaches_every_client(call: Call, kind: str, canary: FakeTenant) -> None:
    canary.fail(kind)
    network = (OSError, urllib3.exceptions.HTTPError, httpx.TransportError, httpx2.TransportError, aiohttp.ClientError)
    with pytest.raises((*network, http.client.HTTPException)):  # a POST, which no client repeats by itself
        call("POST", canary.url + EXPORT, {**canary.headers, "Content-Type": "application/json"}, b"{}")
    assert canary.asked == 1
    assert call("GET", canary.url + DATASETS, canary.headers, b"").status == 200


@pytest.mark.parametrize("client", FOLLOWS)
def test_a_client_follows_a_redirect_by_itself(client: str, canary: FakeTenant) -> None:
    canary.fail("login_redirect")
    answer = CLIENTS[client]("GET", canary.url + DATASETS, canary.headers, b"")
    assert b"<html" in answer.body.lower()
    assert [each.status for each in canary.requests] == [302, 200]


def test_a_route_that_is_not_built_raises_at_the_call(call: Call, canary: FakeTenant) -> None:
    with pytest.raises(RouteNotBuilt, match="GET /api/v1/attachments/1"):
        call("GET", canary.url + "/api/v1/attachments/1", canary.headers, b"")


def test_two_tenants_are_told_apart_by_their_urls(call: Call) -> None:
    urls = ("https://one.example/a", "https://one.example/b", "http://one.example/a", "https://one.example:8443/a")
    tenants = [FakeTenant(url) for url in urls]
    for number, tenant in enumerate(tenants):
        tenant.add_dataset(f"acme/d{number}")
    with tenants[0], tenants[1], tenants[2], tenants[3]:
        for number, tenant in enumerate(tenants):
            found = call("GET", tenant.url + DATASETS, tenant.headers, b"").json["datasets"]
            assert [each["name"] for each in found] == [f"d{number}"]


def test_threads_have_answers_of_their_own(call: Call, canary: FakeTenant) -> None:
    for number in range(4):
        canary.add_dataset(f"acme/d{number}")

    def work(number: int) -> None:
        for _ in range(5):
            answer = call("GET", f"{canary.url}{DATASETS}/acme/d{number}", canary.headers, b"")
            assert answer.json["dataset"]["name"] == f"d{number}"

    in_threads(work, 4)


def test_what_is_no_tenants_is_reached_as_ever(call: Call) -> None:
    with serving(lambda request: OK._replace(body=request.body[:4])) as url, FakeTenant(f"{url}/deep"):
        assert call("POST", url + DATASETS, {}, b"real").body == b"real"
        with serving(lambda _: OK) as other:
            assert call("GET", other, {}, b"").body == b"real"


def test_a_tenant_that_is_closed_answers_no_longer(call: Call) -> None:
    with serving(lambda _: OK) as url:
        with FakeTenant(url) as tenant:
            assert call("GET", url + DATASETS, tenant.headers, b"").body != b"real"
        assert call("GET", url + DATASETS, tenant.headers, b"").body == b"real"


def test_another_url_at_a_tenants_host_is_stopped_by_the_guard(call: Call) -> None:
    with FakeTenant("https://tenant.example/deep") as tenant:
        with pytest.raises(ReachedForTenant, match=r"reach tenant\.example"):
            call("GET", "https://tenant.example/elsewhere", {}, b"")
        with pytest.raises(AssertionError, match=r"reach tenant\.example"):
            tenant.check()


# ------------------------------------------------------------------------------------------------------- by pytest

SESSION = "[pytest]\nfilterwarnings = error\naddopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"


@pytest.fixture
def session(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A session of a user who has this plugin alone, and the clients of this file."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.syspathinsert(Path(__file__).parent)
    pytester.makeini(SESSION)
    return pytester


@pytest.mark.parametrize("client", CLIENTS)
def test_a_thread_that_outlives_its_test_is_stopped_by_the_guard(client: str, session: pytest.Pytester) -> None:
    session.makepyfile(
        f"""
import threading
import pytest
from test_doors import CLIENTS
from pytest_reinfer.transports.guard import ReachedForTenant

CALL, OVER, REACHED = CLIENTS[{client!r}], threading.Event(), []

def work(url):
    CALL("GET", url, {{}}, b"")
    OVER.wait()
    try:
        CALL("GET", url, {{}}, b"")
    except ReachedForTenant as reached:
        REACHED.append(reached)

def test_it(reinfer):
    global thread
    thread = threading.Thread(target=work, args=(reinfer.url + "/api/v1/datasets",))
    thread.start()
    while not len(reinfer.requests):
        assert thread.is_alive()

def test_later():
    OVER.set()
    thread.join()
    assert len(REACHED) == 1
"""
    )
    result = session.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1)  # the test that it was stopped in, by what the guard tells
    result.stdout.fnmatch_lines(["*was about to reach acme.reinfer.io, where real tenants live."])


WAYS = {
    "by Python's resolver": "socket.create_connection((host, 443), timeout=5)",
    "by the socket's own": "socket.socket().connect((host, 443))",
    "without an exception": "socket.socket().connect_ex((host, 443))",
    "asyncio": "asyncio.run(asyncio.open_connection(host, 443))",
    "uvloop": "uvloop.run(asyncio.open_connection(host, 443))",
    "uvloop's resolver": "uvloop.run(resolve(host))",
}


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_nobody_has_a_door_for_is_stopped_by_the_guard(session: pytest.Pytester, way: str) -> None:
    if "uvloop" in way:
        pytest.importorskip("uvloop")
    session.makepyfile(
        f"""
import asyncio
import socket
from urllib.parse import urlsplit
{"import uvloop" if "uvloop" in way else ""}

async def resolve(host):
    await asyncio.get_running_loop().getaddrinfo(host, 443)

def test_it(reinfer):
    host = urlsplit(reinfer.url).hostname
    try:
        {WAYS[way]}
    except RuntimeError:
        pass
"""
    )
    result = session.runpytest_inprocess("-W", "ignore::ResourceWarning")
    result.assert_outcomes(failed=1)
    doors = "(it has them for `requests`, `urllib3`, `httpx`, `httpx2`, `aiohttp`, `http.client` and `urllib.request`)"
    result.stdout.fnmatch_lines([f"*{doors}."])


def test_a_client_may_be_imported_by_the_test_and_none_is_that_is_not(session: pytest.Pytester) -> None:
    session.makepyfile(
        """
import asyncio
import sys
import requests

CLIENTS = ("httpx", "httpcore", "httpx2", "httpcore2", "h11", "anyio", "aiohttp", "respx")

def test_only_requests(reinfer):
    assert requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers).ok
    assert not [name for name in CLIENTS if name in sys.modules]

def test_imported_here(reinfer):
    import httpx
    import httpx2
    url = reinfer.url + "/api/v1/datasets"
    for package in (httpx, httpx2):
        async def call():
            async with package.AsyncClient() as client:
                return await client.get(url, headers=reinfer.headers)
        assert package.get(url, headers=reinfer.headers).status_code == asyncio.run(call()).status_code == 200

def test_imported_before(reinfer):
    import httpx
    assert httpx.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers).status_code == 200
"""
    )
    session.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=3)
