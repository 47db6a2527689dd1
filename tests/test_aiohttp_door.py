"""The door for `aiohttp`: its users are answered by its own connector and parser, as from a real server."""

from __future__ import annotations

import asyncio
import gc
import gzip
import io
import json
import warnings
from contextlib import ExitStack, suppress
from functools import partialmethod
from typing import TYPE_CHECKING, Any

import aiohttp
import anyio
import pytest
from aiohttp import ClientSession, ClientTimeout, web
from aiohttp.test_utils import TestServer
from conftest import in_threads
from loopback import in_process, serving

from pytest_reinfer import FakeTenant, RouteNotBuilt
from pytest_reinfer.unexpected import UnexpectedRequests, WouldHang
from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine
    from pathlib import Path

DATASETS = "/api/v1/datasets"
EXPORT = f"{DATASETS}/acme/support/export"
OK = Response(200, {"Content-Type": "application/json", "Content-Length": "15"}, b'{"status":"ok"}')
GONE = Response(303, {"Location": "/elsewhere"}, b"gone")


def session(tenant: FakeTenant, **options: Any) -> ClientSession:
    return ClientSession(headers=tenant.headers, **options)


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Any:
    """What runs a coroutine, with an event loop of either kind."""
    return pytest.importorskip(request.param).run


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def test_a_session_is_answered(tenant: FakeTenant, run: Callable[..., Any]) -> None:
    async def work() -> Any:
        async with session(tenant) as client, client.get(tenant.url + DATASETS) as response:
            return response.status, response.reason, await response.json()

    assert run(work()) == (200, "OK", {"datasets": [], "status": "ok"})
    assert [(each.method, each.path, each.route) for each in tenant.requests] == [("GET", DATASETS, "list_datasets")]


@pytest.mark.anyio
async def test_a_test_with_the_fixture_is_answered(reinfer: FakeTenant) -> None:
    async with session(reinfer, base_url=reinfer.url, raise_for_status=True) as client:
        answer = await (await client.get(DATASETS, params={"a": "b c"})).json()
    assert answer == {"datasets": [], "status": "ok"}
    assert reinfer.requests[-1].query == {"a": ["b c"]}


@pytest.mark.parametrize(
    "url", ["http://localhost:8000/deep/path", "http://[::1]:8000", "https://CommsMining.corp.example:8443"]
)
def test_a_tenant_answers_at_any_url(url: str) -> None:
    async def work(tenant: FakeTenant) -> int:
        async with session(tenant) as client, client.get(f"{tenant.url}{DATASETS}#part") as response:
            return response.status

    with FakeTenant(url) as tenant:
        assert asyncio.run(work(tenant)) == 200


@pytest.mark.parametrize("url", ["http://tenant.example", "https://tenant.example"])
def test_a_proxy_is_not_asked_for_a_tenant(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")

    async def work(tenant: FakeTenant) -> list[int]:
        async with session(tenant) as plain, session(tenant, trust_env=True) as trusting:
            first = await plain.get(tenant.url + DATASETS, proxy="http://127.0.0.1:9")
            second = await trusting.get(tenant.url + DATASETS)
            return [first.status, second.status]

    with FakeTenant(url) as tenant:
        assert asyncio.run(work(tenant)) == [200, 200]
        assert {each.path for each in tenant.requests} == {DATASETS}


def test_a_proxy_is_asked_for_other_hosts(tenant: FakeTenant) -> None:
    asked = []

    def answer(request: Request) -> Response:
        asked.append(request.path)
        return OK

    async def work(proxy: str) -> None:
        async with ClientSession() as client, client.get("http://nowhere.example/x", proxy=proxy) as response:
            assert await response.read() == OK.body

    with serving(answer) as url:
        asyncio.run(work(url))
    assert asked == ["http://nowhere.example/x"]


def test_other_servers_are_reached_as_ever(tenant: FakeTenant) -> None:
    async def greet(request: web.Request) -> web.Response:
        async with session(tenant) as client, client.get(tenant.url + DATASETS) as response:
            return web.Response(text=f"{request.path} {response.status}")

    async def work() -> str:
        application = web.Application()
        application.router.add_get("/hello", greet)
        async with TestServer(application) as server, ClientSession() as client:
            return await (await client.get(server.make_url("/hello"))).text()

    assert asyncio.run(work()) == "/hello 200"
    assert len(tenant.requests) == 1


def test_connections_of_the_network_and_of_tenants_at_one_url_stay_apart() -> None:
    asked = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return OK

    async def work(url: str) -> None:
        connector = aiohttp.TCPConnector(limit=1)
        reused = aiohttp.TraceConfig()
        reuses: list[int] = []

        async def count(*_: Any) -> None:
            reuses.append(len(asked))

        reused.on_connection_reuseconn.append(count)
        async with ClientSession(connector=connector, trace_configs=[reused]) as client:

            async def get() -> bytes:
                async with client.get(url + DATASETS) as response:
                    return await response.read()

            assert await get() == OK.body
            for _ in range(2):
                with FakeTenant(url, unknown_routes="allow") as tenant:
                    assert b"error" in await get()
                    tenant.fail("connection_reset", times=2)
                    with pytest.raises(aiohttp.ClientOSError):
                        await get()
                    assert len(tenant.requests) == 3
                assert await get() == OK.body
        assert len(asked) == 3
        assert len(reuses) == 2  # the one of the network

    with serving(answer) as url:
        asyncio.run(work(url))


def test_a_connector_that_leads_elsewhere_is_left_alone(tenant: FakeTenant, tmp_path: Path) -> None:
    async def greet(_: web.Request) -> web.Response:
        return web.Response(text="from the socket")

    class Watched(aiohttp.UnixConnector):
        async def _create_connection(self, req: Any, *args: Any, **kwargs: Any) -> Any:
            assert type(req) is aiohttp.ClientRequest
            return await super()._create_connection(req, *args, **kwargs)

    async def work() -> str:
        application = web.Application()
        application.router.add_get(DATASETS, greet)
        runner = web.AppRunner(application)
        await runner.setup()
        await web.UnixSite(runner, tmp_path / "socket").start()
        async with ClientSession(connector=Watched(str(tmp_path / "socket"))) as client:
            text = await (await client.get(tenant.url + DATASETS)).text()
        await runner.cleanup()
        return text

    assert asyncio.run(work()) == "from the socket"
    assert not tenant.requests


def test_a_tenant_that_is_closed_under_another_patch_answers_no_longer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def get(url: str) -> bytes:
        async with aiohttp.request("GET", url) as response:
            return await response.read()

    with serving(lambda _: OK) as url:
        with FakeTenant(url, unknown_routes="allow"):
            for owner, name in ((aiohttp.BaseConnector, "connect"), (aiohttp.TCPConnector, "_create_connection")):
                monkeypatch.setattr(owner, name, partialmethod(getattr(owner, name)))
            assert asyncio.run(get(url)) != OK.body
        assert asyncio.run(get(url)) == OK.body


def test_a_connection_to_a_tenant_serves_one_request() -> None:
    async def work(url: str) -> None:
        async with ClientSession() as client:
            for _ in range(3):
                assert await (await client.get(url)).read() == OK.body

    with in_process(lambda _: OK) as url:
        asyncio.run(work(url))


def test_of_two_tenants_each_gets_its_own(tenant: FakeTenant) -> None:
    async def work(other: FakeTenant) -> None:
        async with ClientSession() as client:
            for each in (tenant, other, tenant):
                assert (await client.get(each.url + DATASETS, headers=each.headers)).status == 200

    with FakeTenant("https://other.example/x") as other:
        asyncio.run(work(other))
        assert (len(tenant.requests), len(other.requests)) == (2, 1)


# ------------------------------------------------------------------------------------------------- what is sent


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 5):
        yield body[start : start + 5]
        await asyncio.sleep(0)


BODIES: dict[str, Callable[[bytes], dict[str, Any]]] = {
    "json": lambda body: {"json": json.loads(body)},
    "bytes": lambda body: {"data": body},
    "text": lambda body: {"data": body.decode()},
    "file": lambda body: {"data": io.BytesIO(body)},
    "chunked": lambda body: {"data": body, "chunked": True},
    "asynchronous generator": lambda body: {"data": _in_pieces(body)},
    "after 100 Continue": lambda body: {"data": body, "expect100": True},
}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES.keys())
def test_any_body_that_aiohttp_can_send_arrives(make: Callable[[bytes], dict[str, Any]]) -> None:
    body = json.dumps({"title": "Ωμέγα", "long": "x" * 200_000}).encode()

    async def work(url: str) -> bytes:
        async with ClientSession() as client, client.put(url, **make(body)) as response:
            return await response.read()

    with in_process(lambda request: Response(200, {}, request.body)) as url:
        assert asyncio.run(work(url)) == body


def test_headers_path_and_query_arrive_as_they_are_sent() -> None:
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return OK

    async def work(url: str) -> None:
        headers = [("X-Name", "Grüße"), ("X-Twice", "a"), ("X-Twice", "b")]
        async with ClientSession(cookies={"a": "b"}) as client:
            await client.get(f"{url}/a%2Fb/ü?q=%2B&q=1", headers=headers)

    with in_process(answer) as url:
        asyncio.run(work(url))
    request = asked[0]
    assert (request.method, request.path, request.query, request.body) == ("GET", "/a%2Fb/%C3%BC", "q=%2B&q=1", b"")
    assert request.headers["x-name"].encode("latin-1").decode() == "Grüße"
    assert (request.headers["x-twice"], request.headers["cookie"]) == ("a, b", "a=b")


def test_the_lines_that_ask_are_those_of_a_budget(tenant: FakeTenant) -> None:
    async def work() -> None:
        async with session(tenant) as client:
            for method in ("get", "put"):
                await getattr(client, method)(tenant.url + DATASETS, json={})

    with pytest.raises(AssertionError, match=r"2 x .*test_aiohttp_door.py:\d+ in work"), tenant.budget(requests=1):
        asyncio.run(work())


def test_a_route_that_is_not_built_raises_at_the_call(tenant: FakeTenant) -> None:
    async def work() -> None:
        async with session(tenant) as client:
            await client.get(tenant.url + "/api/_private/quotas")

    with pytest.raises(RouteNotBuilt, match="GET /api/_private/quotas"):
        asyncio.run(work())


def test_a_web_socket_is_refused_as_by_the_api(tenant: FakeTenant) -> None:
    async def work(url: str) -> None:
        async with session(tenant) as client:
            await client.ws_connect(url)

    for url in (tenant.url, tenant.url.replace("https", "wss")):
        with pytest.raises(aiohttp.WSServerHandshakeError) as error:
            asyncio.run(work(f"{url}/socket"))
        assert error.value.status == 404


# -------------------------------------------------------------------------------------------------- what comes


def test_an_answer_can_be_read_in_pieces(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=200)

    async def work() -> None:
        async with session(tenant, read_bufsize=64) as client:
            whole = await (await client.post(tenant.url + EXPORT, json={"limit": 200})).read()
            assert len(json.loads(whole)["comments"]) == 200
            async with client.post(tenant.url + EXPORT, json={"limit": 200}) as response:
                pieces = []
                async for piece in response.content.iter_chunked(1000):
                    pieces.append(piece)
                    await asyncio.sleep(0)
            assert (b"".join(pieces), max(map(len, pieces))) == (whole, 1000)
            async with client.post(tenant.url + EXPORT, json={"limit": 200}) as response:
                assert await response.content.read(10) == whole[:10]

    asyncio.run(work())


ANSWERS: dict[str, Response] = {
    "plain": OK,
    "without a length": Response(200, {"Content-Type": "text/plain; charset=latin-1"}, "Grüße".encode("latin-1")),
    "empty": Response(204, {}, b""),
    "an error": Response(503, {"Retry-After": "0", "Content-Length": "2"}, b"{}"),
    "gzip": Response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"x" * 1_000_000)),
    "a cookie": Response(200, {"Set-Cookie": "a=b", "Content-Length": "0"}, b""),
}


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_is_the_same_as_on_a_network(answer: str, method: str) -> None:
    plain = ANSWERS[answer] if method != "HEAD" else ANSWERS[answer]._replace(body=b"")

    async def work(url: str) -> Any:
        async with (
            ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as client,
            client.request(method, url) as response,
        ):
            body = await response.read()
            cookies = [(each.key, each.value) for each in client.cookie_jar]
            return response.status, response.reason, response.version, response.raw_headers, body, cookies

    with serving(lambda _: plain) as url:
        real = asyncio.run(work(url))
    with in_process(lambda _: ANSWERS[answer]) as url:
        assert asyncio.run(work(url)) == real


CALLS: dict[str, tuple[list[Response | Trouble], dict[str, Any]]] = {
    "plain": ([OK], {}),
    "a redirect": ([GONE, OK], {}),
    "a redirect, not followed": ([GONE], {"allow_redirects": False}),
    "a redirect, followed too often": ([GONE, GONE], {"max_redirects": 2}),
    "a redirect of a body": ([Response(307, {"Location": "/there"}, b""), OK], {"method": "POST", "json": {}}),
    "an error status": ([Response(500, {}, b"")], {"raise_for_status": True}),
    "a reset, which aiohttp tries again": ([Trouble("connection_reset"), OK], {}),
    "two of them": ([Trouble("connection_reset")] * 2, {}),
    "a reset, of a POST": ([Trouble("connection_reset")], {"method": "POST", "data": b"x"}),
    "no more, then a redirect": ([Trouble("connection_closed"), GONE, OK], {}),
    "too slow": ([Trouble("timeout")], {"timeout": ClientTimeout(total=0.1)}),
    "too slow to read": ([Trouble("timeout")], {"timeout": ClientTimeout(sock_read=0.1)}),
    "too slow after a redirect": (
        [Trouble(None, GONE, delay=0.08), Trouble(None, OK, delay=0.08)],
        {"timeout": ClientTimeout(total=0.12, sock_read=0.1)},
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_redirects_repetitions_and_errors_are_as_on_a_network(call: str) -> None:
    plan, options = CALLS[call]

    async def work(url: str) -> Any:
        async with ClientSession() as client:
            try:
                async with client.request(**{"method": "GET", "url": f"{url}/here", **options}) as response:
                    history = [each.status for each in response.history]
                    return response.status, response.url.path, history, await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                return type(error), type(error.__cause__)

    outcomes = []
    for world in (serving, in_process):
        left, asked = list(plan), list[tuple[Any, ...]]()

        def answer(request: Request, left: Any = left, asked: Any = asked) -> Response:
            asked.append((request.method, request.path, request.body))
            now: Response | Trouble = left.pop(0)
            if isinstance(now, Trouble):
                raise now
            return now

        with world(answer) as url:
            outcomes.append((asyncio.run(work(url)), asked, left))
    assert outcomes[0] == outcomes[1]
    assert outcomes[0][2] == []


@pytest.mark.parametrize(("version", "tries"), [("3.12", 2), ("3.11", 1)])
def test_a_connection_that_is_not_made_is_for_others_to_try_again(
    tenant: FakeTenant, version: str, tries: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if version == "3.11":  # which itself connects twice, and has nothing for others to do so with
        monkeypatch.delattr(aiohttp, "ClientMiddlewareType")

    async def twice(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        with suppress(aiohttp.ClientConnectorError):
            return await handler(request)
        return await handler(request)

    async def work() -> None:
        async with session(tenant, middlewares=[twice]) as client:
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.get(tenant.url + DATASETS)
            assert len(tenant.requests) == tries
            with pytest.raises(aiohttp.ClientConnectorError):
                await client.get(tenant.url + DATASETS)

    tenant.fail("connection_refused", times=None)
    asyncio.run(work())
    assert len(tenant.requests) == 2 * tries


def test_nothing_is_left_open() -> None:
    def answer(_: Request) -> Response:
        raise Trouble("timeout", OK, at=3)

    async def work(url: str) -> None:
        async with ClientSession(timeout=ClientTimeout(3)) as client:
            for _ in range(3):
                with pytest.raises(TimeoutError):
                    await (await client.get(url)).read()

    async def unread(url: str) -> None:
        async with ClientSession() as client:
            assert (await client.get(url)).status == 200

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with in_process(answer) as url:
            asyncio.run(work(url), debug=True)
        with in_process(lambda _: OK) as url:
            asyncio.run(unread(url), debug=True)
        gc.collect()
    assert [str(each.message) for each in told] == []


# ---------------------------------------------------------------------------------------------------- many at once


def test_tasks_that_share_a_session_are_answered_each(tenant: FakeTenant) -> None:
    tenant.add_project("acme")

    async def work() -> None:
        async with session(tenant, connector=aiohttp.TCPConnector(limit_per_host=5)) as client:

            async def put(number: int) -> str:
                body = {"dataset": {"title": f"Number {number}"}}
                async with client.put(f"{tenant.url}{DATASETS}/acme/d{number}", json=body) as response:
                    return str((await response.json())["dataset"]["title"])

            assert await asyncio.gather(*map(put, range(50))) == [f"Number {number}" for number in range(50)]

    asyncio.run(work())


def test_event_loops_of_several_threads_are_answered(tenant: FakeTenant, run: Callable[..., Any]) -> None:
    async def work() -> None:
        async with session(tenant, timeout=ClientTimeout(30)) as client:
            for _ in range(10):
                answers = await asyncio.gather(*(client.get(tenant.url + DATASETS) for _ in range(5)))
                assert [each.status for each in answers] == [200] * 5

    in_threads(lambda _: run(work()))
    assert len(tenant.requests) == 400


# ---------------------------------------------------------------------------------------------------------- waiting


def _clock(tenant: FakeTenant, work: Coroutine[Any, Any, Any]) -> float:
    """Seconds that pass on a tenant's clock."""
    before = tenant.clock.now
    asyncio.run(work)
    return (tenant.clock.now - before).total_seconds()


async def _timed(tenant: FakeTenant, error: type[Exception] | None, **limits: float) -> None:
    async with session(tenant, timeout=ClientTimeout(**{"total": 0, **limits})) as client:
        if error is None:
            await (await client.get(tenant.url + DATASETS)).read()
            return
        with pytest.raises(error) as raised:
            await (await client.get(tenant.url + DATASETS)).read()
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("kind", "limits", "error", "seconds"),
    [
        ("slow_answer", {"total": 300}, None, 60),
        ("slow_answer", {}, None, 60),
        ("slow_answer", {"total": 0}, None, 60),
        ("slow_answer", {"total": 8}, TimeoutError, 8),
        ("slow_answer", {"sock_read": 9}, aiohttp.SocketTimeoutError, 9),
        ("slow_answer", {"total": 7, "sock_read": 9}, TimeoutError, 7),
        ("slow_answer", {"total": 9, "sock_read": 7}, aiohttp.SocketTimeoutError, 7),
        ("slow_body", {"total": 61, "sock_read": 7}, None, 60),
        ("slow_body", {"total": 20, "sock_read": 7}, TimeoutError, 20),
        ("slow_body", {"total": 20, "sock_read": 5}, aiohttp.SocketTimeoutError, 5),
        ("read_timeout", {"total": 300}, TimeoutError, 300),
        ("timeout_mid_body", {"sock_read": 11}, aiohttp.SocketTimeoutError, 11),
        ("connect_timeout", {"connect": 6}, aiohttp.ConnectionTimeoutError, 6),
        ("connect_timeout", {"sock_connect": 6, "connect": 9}, aiohttp.ConnectionTimeoutError, 6),
        ("connect_timeout", {"sock_connect": 6, "total": 5}, TimeoutError, 5),
        ("connect_timeout", {"sock_read": 6}, aiohttp.ClientConnectorError, 127),
    ],
)
def test_timeouts_are_those_of_aiohttp_and_pass_on_the_clock(
    tenant: FakeTenant, kind: str, limits: dict[str, float], error: type[Exception] | None, seconds: float
) -> None:
    tenant.fail(kind)
    assert _clock(tenant, _timed(tenant, error, **limits)) == seconds


def test_a_client_without_a_timeout_is_told_that_it_would_hang() -> None:
    with ExitStack() as stack:
        stack.enter_context(pytest.raises(UnexpectedRequests, match="waits for ever"))
        tenant = stack.enter_context(FakeTenant())
        tenant.fail("read_timeout")
        asyncio.run(_timed(tenant, WouldHang, connect=5))


def test_what_came_is_read_before_a_hang() -> None:
    def answer(_: Request) -> Response:
        raise Trouble("timeout", OK, at=5)

    async def work(url: str) -> list[bytes]:
        came = []
        async with aiohttp.request("GET", url, timeout=ClientTimeout(0)) as response:
            with suppress(RuntimeError):
                async for chunk in response.content.iter_any():
                    came.append(chunk)  # noqa: PERF401 -- what came before the end
        return came

    with in_process(answer) as url:
        assert asyncio.run(work(url)) == [OK.body[:5]]


def test_tasks_wait_beside_each_other(tenant: FakeTenant) -> None:
    for seconds in (30, 10, 20, 10):
        tenant.fail("slow_answer", seconds=seconds)
    came: list[int] = []

    async def work() -> None:
        async with session(tenant) as client:

            async def get(number: int) -> None:
                await (await client.get(tenant.url + DATASETS)).read()
                came.append(number)

            await asyncio.gather(*map(get, range(4)))

    assert _clock(tenant, work()) == 30
    assert came == [1, 3, 2, 0]


def test_tasks_wait_for_two_tenants_at_once(tenant: FakeTenant) -> None:
    with FakeTenant("https://other.example") as other, ExitStack() as stack:
        for each in (tenant, other):
            stack.enter_context(each.fail("slow_answer", seconds=40))
        before = other.clock.now

        async def work() -> None:
            await asyncio.gather(_timed(tenant, None), _timed(other, None))

        assert _clock(tenant, work()) == 40
        assert (other.clock.now - before).total_seconds() == 40


def test_what_came_is_read_before_time_passes(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=50)
    tenant.fail("slow_body", seconds=50)
    start, moments = tenant.clock.now, list[float]()

    async def work() -> None:
        async with session(tenant) as client, client.post(tenant.url + EXPORT, json={}) as response:
            async for _ in response.content.iter_any():
                for _ in range(4):  # as if it were handed on to another task
                    await asyncio.sleep(0)
                moments.append((tenant.clock.now - start).total_seconds())

    asyncio.run(work())
    assert moments == [5 * part for part in range(1, 11)]


def test_a_timeout_of_asyncio_comes_where_the_clock_leads(tenant: FakeTenant) -> None:
    tenant.fail("slow_answer", seconds=60)

    async def work() -> None:
        async with asyncio.timeout(10), session(tenant) as client:
            await client.get(tenant.url + DATASETS)

    with tenant.clock.lead(), pytest.raises(TimeoutError):
        asyncio.run(work())


def test_a_task_that_is_cancelled_waits_no_longer(tenant: FakeTenant) -> None:
    async def work() -> None:
        asked = asyncio.Event()
        tenant.before(asked.set)
        async with session(tenant) as client:
            task = asyncio.create_task(client.get(tenant.url + DATASETS))
            await asked.wait()
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert (await client.get(tenant.url + DATASETS)).status == 200

    tenant.fail("slow_answer", seconds=60)
    assert _clock(tenant, work()) == 0


def test_a_clock_that_cannot_go_on_fails_the_call_alone() -> None:
    def stopped(_: float) -> None:
        raise OverflowError

    def answer(request: Request) -> Response:
        raise Trouble(None, OK, delay=3, passes=stopped if request.path == "/stopped" else lambda _: None)

    async def work(url: str) -> None:
        async with ClientSession() as client:
            answers = await asyncio.gather(
                client.get(f"{url}/stopped"), client.get(f"{url}/going"), return_exceptions=True
            )
            assert isinstance(answers[0], OverflowError)
            assert isinstance(answers[1], aiohttp.ClientResponse)

    with in_process(answer) as url:
        asyncio.run(work(url))


def test_a_group_of_anyio_is_answered(tenant: FakeTenant) -> None:
    async def work() -> None:
        async with session(tenant) as client, anyio.create_task_group() as group:
            for _ in range(5):
                group.start_soon(client.get, tenant.url + DATASETS)

    anyio.run(work)
    assert len(tenant.requests) == 5
