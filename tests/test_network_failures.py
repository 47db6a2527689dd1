"""Failures of the network: every client meets in process what it meets on a real network, and nobody waits for it."""

from __future__ import annotations

import asyncio
import gc
import gzip
import http.client
import re
import socket
import ssl
import urllib.error
import urllib.request
import weakref
from contextlib import suppress
from functools import cache, partial
from itertools import count
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import loopback
import pytest
import requests
import tenacity
import urllib3
from conftest import in_threads
from requests.adapters import HTTPAdapter
from urllib3.util import Retry, Timeout

from pytest_reinfer.wire import UNREACHED, Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

    Client = Callable[[str, float, list[bytes]], object]

OK = Response(200, {"Content-Type": "application/json"}, b'{"status":"ok","text":"forty bytes long"}')
FAST, NEVER = 5.0, 30.0  # seconds that are long enough for a server on loopback; and too long for any client here
IN_ALL = 0.27  # seconds that a client really waits in three attempts or more


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


# ---------------------------------------------------------------------------------------------- kinds and clients

KINDS: dict[str, Trouble] = {
    **{end: Trouble(end) for end in UNREACHED},
    "reset before an answer": Trouble("connection_reset"),
    "closed before an answer": Trouble("connection_closed"),
    "silence": Trouble("timeout"),
    "reset after the head": Trouble("connection_reset", OK, at=0),
    "reset in the body": Trouble("connection_reset", OK, at=25),
    "closed in the body": Trouble("connection_closed", OK, at=25),
    "silence in the body": Trouble("timeout", OK, at=25),
    "reset after a pause": Trouble("connection_reset", delay=0.01),
    "closed behind the body": Trouble("connection_closed", OK),
    "slow answer": Trouble(None, OK, delay=0.01),
    "slow body": Trouble(None, OK, parts=3, pace=0.005),
    "answer too slow": Trouble(None, OK, delay=NEVER),
    "body too slow": Trouble(None, OK, parts=2, pace=NEVER),
    "half a gzip": Trouble(None, Response(200, {"Content-Encoding": "gzip"}, gzip.compress(bytes(range(99)))[:30])),
    "an error": Trouble(None, Response(503, {"Content-Type": "application/json"}, b"{}")),
}
TIMED = ("connect_timeout", "silence", "silence in the body", "answer too slow", "body too slow")


def get(url: str, timeout: float, got: list[bytes]) -> object:
    response = requests.get(url, timeout=timeout)
    got.append(response.content)
    return response.status_code


def stream(url: str, timeout: float, got: list[bytes]) -> object:
    with requests.Session() as session, session.get(url, timeout=timeout, stream=True) as response:
        got.extend(response.iter_content(10))
        return response.status_code


def with_retry(url: str, timeout: float, got: list[bytes]) -> object:
    with requests.Session() as session:
        retry = Retry(3, backoff_factor=0, allowed_methods=None, status_forcelist=[503])
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        response = session.post(url, timeout=timeout, json={})
    got.append(response.content)
    return response.status_code


def with_tenacity(url: str, timeout: float, got: list[bytes]) -> object:
    wanted = tenacity.retry_if_exception_type((requests.ConnectionError, requests.Timeout))
    return tenacity.Retrying(stop=tenacity.stop_after_attempt(3), retry=wanted)(get, url, timeout, got)


def by_hand(url: str, timeout: float, got: list[bytes]) -> object:
    for attempt in count(1):
        try:
            return get(url, timeout, got)
        except (requests.ConnectionError, requests.Timeout):
            if attempt == 3:
                raise
    raise AssertionError


def of_urllib3(url: str, timeout: float, got: list[bytes]) -> object:
    with urllib3.PoolManager(retries=Retry(3, backoff_factor=0)) as pools:
        response = pools.request("GET", url, timeout=timeout)
    got.append(response.data)
    return response.status


def of_urllib3_once(url: str, timeout: float, got: list[bytes]) -> object:
    with urllib3.PoolManager() as pools:
        response = pools.request("GET", url, timeout=timeout, retries=False, preload_content=False)
        got.extend(response.stream(10))
    return response.status


@cache
def trusting_the_usual() -> ssl.SSLContext:
    """What every client of httpx would make for itself, and is dear."""
    return ssl.create_default_context()


def of_httpx(package: Any, url: str, timeout: float, got: list[bytes]) -> object:
    with package.Client(timeout=timeout, verify=trusting_the_usual()) as client:
        response = client.get(url)
    got.append(response.content)
    return response.status_code


def of_httpx_stream(package: Any, url: str, timeout: float, got: list[bytes]) -> object:
    with package.Client(timeout=timeout, verify=trusting_the_usual()) as client, client.stream("GET", url) as response:
        got.extend(response.iter_bytes(10))
        return response.status_code


def of_httpx_retries(package: Any, url: str, timeout: float, got: list[bytes]) -> object:
    transport = package.HTTPTransport(retries=1, verify=trusting_the_usual())
    with package.Client(timeout=timeout, transport=transport) as client:
        response = client.post(url, content=iter([b"one", b"two"]))
    got.append(response.content)
    return response.status_code


def of_httpx_async(package: Any, url: str, timeout: float, got: list[bytes]) -> object:
    async def call() -> object:
        try:
            async with package.AsyncClient(timeout=timeout, verify=trusting_the_usual()) as client:
                response = await client.post(url, json={})
        except package.HTTPError as error:  # what is behind it is of the event loop
            return type(error), re.sub(r" \(_ssl\.c:\d+\)", "", str(error)), bool(error.__cause__)
        got.append(response.content)
        return response.status_code

    return asyncio.run(call())


def of_http_client(url: str, timeout: float, got: list[bytes]) -> object:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    conn = kind(parts.netloc, timeout=timeout)
    try:
        conn.request("POST", parts.path or "/", body=iter([b"one", b"two"]))
        response = conn.getresponse()
        got.append(response.read())
        return response.status
    finally:
        conn.close()


def of_urllib_request(url: str, timeout: float, got: list[bytes]) -> object:
    with urllib.request.urlopen(url, timeout=timeout) as response:
        got.append(response.read())
        return response.status


def of_aiohttp(url: str, timeout: float | None, got: list[bytes], connect: float | None = None) -> object:
    async def work() -> object:
        limits = aiohttp.ClientTimeout(total=None, sock_connect=connect or timeout, sock_read=timeout)
        async with aiohttp.ClientSession() as session, session.post(url, timeout=limits) as response:
            got.append(await response.read())
            return response.status

    return asyncio.run(work())


def of_aiohttp_by_hand(url: str, timeout: float, got: list[bytes]) -> object:
    for attempt in count(1):
        try:
            return of_aiohttp(url, timeout, got)
        except (aiohttp.ClientError, TimeoutError):
            if attempt == 3:
                raise
    raise AssertionError


def streamed_by_aiohttp(url: str, timeout: float, got: list[bytes]) -> object:
    async def work() -> object:
        limits = aiohttp.ClientTimeout(total=timeout)
        async with aiohttp.ClientSession() as session, session.get(url, timeout=limits) as response:
            async for chunk in response.content.iter_chunked(10):
                got.append(chunk)  # noqa: PERF401 -- what came before an error, too
            return response.status

    return asyncio.run(work())


CLIENTS: dict[str, tuple[Client, int]] = {  # and how often each tries at most
    "requests.get": (get, 1),
    "stream": (stream, 1),
    "Retry": (with_retry, 4),
    "tenacity": (with_tenacity, 3),
    "by hand": (by_hand, 3),
    "urllib3": (of_urllib3, 4),
    "urllib3, no retries": (of_urllib3_once, 1),
    **{
        f"{package.__name__}{way}": (partial(call, package), most)
        for package in (httpx, httpx2)
        for way, call, most in (
            ("", of_httpx, 1),
            (", stream", of_httpx_stream, 1),
            (", retries", of_httpx_retries, 2),
            (", async", of_httpx_async, 1),
        )
    },
    "http.client": (of_http_client, 1),
    "urllib.request": (of_urllib_request, 1),
    "aiohttp": (of_aiohttp_by_hand, 3),
    "aiohttp, streamed": (streamed_by_aiohttp, 1),
}


# ------------------------------------------------------------------------------------------------------- the table


def told(error: BaseException | None) -> Any:
    """An error and all errors behind it: classes, texts, and by what each leads to the next."""
    if error is None:
        return None
    behind = {
        "cause": error.__cause__,
        "context": error.__context__,
        "reason": getattr(error, "reason", None),
        **{f"args[{place}]": each for place, each in enumerate(error.args)},
    }
    text = re.sub(r"0x[0-9a-f]+| \(_ssl\.c:\d+\)", "", str(error))
    return type(error), text, {name: told(each) for name, each in behind.items() if isinstance(each, BaseException)}


class Attempts:
    """Counts what pools and connectors try, in both worlds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for owner, name in ((urllib3.HTTPConnectionPool, "_make_request"), (aiohttp.BaseConnector, "connect")):
            monkeypatch.setattr(owner, name, self._counting(getattr(owner, name)))

    def _counting(self, attempt: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.count += 1
            return attempt(*args, **kwargs)

        return counted


def outcome(client: Client, url: str, timeout: float, attempts: Attempts) -> Any:
    """What becomes of a client: its result or error, what it got before, how often it tried."""
    before, got = attempts.count, list[bytes]()
    try:
        result = client(url, timeout, got)
    except Exception as error:  # noqa: BLE001 -- whatever it is
        result = told(error)
    return result, got, attempts.count - before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_meets_in_process_what_it_meets_on_a_network(
    kind: str, client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble, (call, most) = KINDS[kind], CLIENTS[client]
    timeout = IN_ALL / max(most, 3) if kind in TIMED else FAST
    attempts = Attempts(monkeypatch)
    reached: list[Request] = []

    def answer(request: Request) -> Response:
        reached.append(request)
        raise trouble

    with loopback.unreached(trouble.end) if trouble.end in UNREACHED else loopback.serving(answer) as url:
        real = outcome(call, url, timeout, attempts)
        asked = list(reached)
        reached.clear()
        with loopback.in_process(answer, url):
            assert outcome(call, url, timeout, attempts) == real
    assert len(reached) == (real[2] or most if trouble.end in UNREACHED else len(asked))
    assert asked == [] or [each[:3] + each[4:] for each in asked] == [each[:3] + each[4:] for each in reached]


def first(*answers: Response | Trouble) -> Callable[[Request], Response]:
    """Answer so, one after the other."""
    left = list(answers)

    def answer(_: Request) -> Response:
        now = left.pop(0)
        if isinstance(now, Trouble):
            raise now
        return now

    return answer


@pytest.mark.parametrize("kind", [kind for kind, trouble in KINDS.items() if trouble.end])
@pytest.mark.parametrize("client", [client for client, (_, most) in CLIENTS.items() if most > 2])
def test_what_passes_by_itself_is_survived_as_on_a_network(kind: str, client: str) -> None:
    trouble, call = KINDS[kind], CLIENTS[client][0]
    timeout = IN_ALL if kind in TIMED else FAST
    outcomes = []
    for world in (loopback.in_process, loopback.serving):
        got: list[bytes] = []
        answer = first(trouble, OK)
        with world(answer) as url:
            try:
                outcomes.append((call(url, timeout, got), got))
            except requests.RequestException as error:
                outcomes.append((type(error), got))
        if trouble.end in UNREACHED:  # a real server cannot be unreached once only
            break
    assert outcomes[0] == outcomes[-1]
    assert outcomes[0] == (200, [OK.body]) or trouble.response


@pytest.mark.parametrize("end", UNREACHED)
@pytest.mark.parametrize("package", [httpx, httpx2])
def test_a_transport_connects_again_as_often_as_it_is_told_to(end: str, package: Any) -> None:
    async def call(url: str) -> Any:
        transport = package.AsyncHTTPTransport(retries=1, verify=trusting_the_usual())
        async with package.AsyncClient(timeout=FAST, transport=transport) as client:
            return (await client.get(url)).content

    got: list[bytes] = []
    with loopback.in_process(first(Trouble(end), OK)) as url:
        assert of_httpx_retries(package, url, FAST, got) == 200
    assert got == [OK.body]
    with loopback.in_process(first(Trouble(end), OK)) as url:
        assert asyncio.run(call(url)) == OK.body
    failures = (package.ConnectError, package.ConnectTimeout)
    with loopback.in_process(first(Trouble(end), Trouble(end), OK)) as url, pytest.raises(failures):
        of_httpx_retries(package, url, FAST, got)


# ---------------------------------------------------------------------------------------------------------- waiting

WAITS: dict[str, tuple[Trouble, Any, list[float]]] = {  # trouble, timeout of the client, what it really waits
    "a slow answer": (Trouble(None, OK, delay=20), 30, [20]),
    "a slow answer, no timeout": (Trouble(None, OK, delay=20), None, [20]),
    "just in time": (Trouble(None, OK, delay=20), 20, [20]),
    "too slow": (Trouble(None, OK, delay=20), 5, [5]),
    "too slow to read": (Trouble(None, OK, delay=20), (30, 4), [4]),
    "a slow body": (Trouble(None, OK, parts=4, pace=5), 30, [5, 5, 5, 5]),
    "a slow body that breaks off": (Trouble("connection_reset", OK, at=20, delay=1, parts=4, pace=5), 30, [1, 5, 5]),
    "a slow body in many parts": (Trouble(None, OK, parts=30, pace=1), 30, [1] * 30),
    "a slow body, and nothing in it": (Trouble(None, OK._replace(body=b""), parts=3, pace=1), 30, [1] * 3),
    "a slow body, too slow": (Trouble(None, OK, delay=1, parts=4, pace=5), 3, [1, 3]),
    "silence": (Trouble("timeout"), 6, [6]),
    "silence in the body": (Trouble("timeout", OK, at=3, delay=2), 6, [2, 6]),
    "a reset after a while": (Trouble("connection_reset", delay=9), 10, [9]),
    "no connection": (Trouble("connect_timeout"), (3, 60), [3]),
    "no connection, no timeout": (Trouble("connect_timeout"), None, [127]),
    "no connection, a long timeout": (Trouble("connect_timeout"), 200, [127]),
    "no name": (Trouble("dns_failure"), 5, []),
    "refused": (Trouble("connection_refused"), 5, []),
    "at once": (Trouble(None, OK), 5, []),
}


async def awaited(options: dict[str, Any], url: str) -> bytes:
    async with httpx.AsyncClient(**options) as client:
        return (await client.get(url)).content


@pytest.mark.parametrize("kind", WAITS)
@pytest.mark.parametrize(
    "client", ["requests", "stream", "urllib3", "httpx", "httpx2", "httpx async", "aiohttp", "http.client"]
)
def test_what_a_client_waits_is_told_and_not_waited(kind: str, client: str) -> None:
    trouble, timeout, expected = WAITS[kind]
    waited: list[float] = []
    trouble.passes = waited.append
    connect, read = timeout if isinstance(timeout, tuple) else (timeout, timeout)
    with (
        loopback.in_process(first(trouble)) as url,
        suppress(
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            httpx.HTTPError,
            httpx2.HTTPError,
            aiohttp.ClientError,
            OSError,
        ),
    ):
        if client.startswith("httpx"):
            package = httpx2 if client == "httpx2" else httpx
            options = {"timeout": package.Timeout(read, connect=connect), "verify": trusting_the_usual()}
            if client == "httpx async":
                assert asyncio.run(awaited(options, url)) == (trouble.response or OK).body
            else:
                assert package.get(url, **options).content == (trouble.response or OK).body
        elif client == "http.client":
            conn = http.client.HTTPConnection(urlsplit(url).netloc, timeout=connect)
            conn.connect()
            conn.sock.settimeout(read)
            conn.request("GET", "/")
            assert conn.getresponse().read() == (trouble.response or OK).body
        elif client == "aiohttp":
            of_aiohttp(url, read, [], connect)
        elif client == "urllib3":
            given = Timeout(connect=connect, read=read)
            urllib3.PoolManager().request("GET", url, timeout=given, retries=False)
        else:
            assert (
                requests.get(url, timeout=timeout, stream=client == "stream").content == (trouble.response or OK).body
            )
    assert waited == expected


def test_a_client_without_a_timeout_is_told_by_the_system_that_nobody_is_there() -> None:
    with (
        loopback.in_process(first(Trouble("connect_timeout"))) as url,
        pytest.raises(urllib3.exceptions.ConnectTimeoutError) as error,
    ):
        urllib3.PoolManager().request("GET", url, retries=False)
    assert str(error.value.__context__) == "[Errno 110] Connection timed out"


@pytest.mark.parametrize("package", [httpx, httpx2])
def test_a_client_that_awaits_is_told_that_all_attempts_have_failed(package: Any) -> None:
    async def call(url: str) -> None:
        async with package.AsyncClient(timeout=None, verify=trusting_the_usual()) as client:
            await client.get(url)

    with (
        loopback.in_process(first(Trouble("connect_timeout"))) as url,
        pytest.raises(package.ConnectError, match="All connection attempts failed"),
    ):
        asyncio.run(call(url))


@pytest.mark.parametrize("kind", ["silence", "silence in the body"])
@pytest.mark.parametrize(
    "client", ["requests", "stream", "urllib3", "Retry", "httpx", "httpx2", "httpx async", "aiohttp", "urllib.request"]
)
def test_a_client_that_would_wait_for_ever_is_told(kind: str, client: str) -> None:
    class Hangs(AssertionError):
        """What the tenant has such a client meet."""

    trouble = Trouble("timeout", KINDS[kind].response, at=25, hangs=Hangs)
    calls: dict[str, Callable[[str], object]] = {
        "requests": requests.get,
        "stream": lambda url: requests.get(url, stream=True).content,
        "urllib3": lambda url: urllib3.PoolManager().request("GET", url),
        "Retry": lambda url: with_retry(url, None, []),  # type: ignore[arg-type] # no timeout
        "httpx": lambda url: httpx.get(url, timeout=None, verify=trusting_the_usual()),
        "httpx2": lambda url: httpx2.get(url, timeout=None, verify=trusting_the_usual()),
        "httpx async": lambda url: asyncio.run(awaited({"timeout": None, "verify": trusting_the_usual()}, url)),
        "urllib.request": lambda url: urllib.request.urlopen(url).read(),
        "aiohttp": lambda url: of_aiohttp(url, None, []),
    }
    with loopback.in_process(first(trouble)) as url, pytest.raises(Hangs, match="has set no read timeout") as error:
        calls[client](url)
    came = "no byte of an answer" if kind == "silence" else "25 of 41 bytes of a body"
    assert came in str(error.value)


def test_a_timeout_of_the_whole_process_counts() -> None:
    waited: list[float] = []
    troubles = [Trouble(end, passes=waited.append) for end in ("connect_timeout", "timeout")]
    before = socket.getdefaulttimeout()
    try:
        socket.setdefaulttimeout(7)
        with loopback.in_process(first(*troubles, *troubles)) as url, urllib3.PoolManager() as pools:
            for error in (urllib3.exceptions.ConnectTimeoutError, urllib3.exceptions.ReadTimeoutError):
                with pytest.raises(error):
                    pools.request("GET", url, retries=False)
            for fails in (urllib.error.URLError, TimeoutError):
                with pytest.raises(fails, match="timed out"):
                    urllib.request.urlopen(url)
    finally:
        socket.setdefaulttimeout(before)
    assert waited == [7, 7, 7, 7]


# ------------------------------------------------------------------------------------------------------- the wire


HEADERS = {"Content-Type": "text/plain; charset=latin-1", "X-Twice": "a, b", "Server-Timing": "total;dur=1.5"}


@pytest.mark.parametrize("status", [200, 204, 404, 418, 503])
@pytest.mark.parametrize("headers", [{}, HEADERS])
def test_an_answer_is_the_same_over_the_wire_as_on_the_quick_path(status: int, headers: dict[str, str]) -> None:
    plain = Response(status, headers, "Grüße".encode("latin-1") if status != 204 else b"")

    def told_of(response: requests.Response) -> Any:
        raw, _ = response.raw, response.content
        assert response.elapsed.total_seconds() > 0
        return (
            (response.status_code, response.reason, response.encoding, response.text, response.url),
            (response.headers, response.cookies, response.history, response.links, response.is_redirect),
            (raw.status, raw.version, raw.reason, raw.headers, raw.closed, raw.read(), raw.retries),
        )

    with loopback.serving(lambda _: plain) as url:
        real = told_of(requests.get(url))
        with loopback.in_process(lambda _: plain, url):
            quick, wire = told_of(requests.get(url)), told_of(requests.get(url, stream=True))
        with loopback.in_process(first(Trouble(response=plain)), url):
            slow = told_of(requests.get(url))
    assert str(quick) == str(wire) == str(slow) == str(real)
    assert quick[:2] == wire[:2] == slow[:2] == real[:2]


def test_a_body_that_is_not_what_its_encoding_says_is_the_clients_to_find_out() -> None:
    packed = Trouble(None, Response(200, {"Content-Encoding": "gzip"}, b"no gzip"))
    with loopback.in_process(first(packed, packed)) as url:
        with pytest.raises(requests.exceptions.ContentDecodingError):
            requests.get(url)
        with pytest.raises(urllib3.exceptions.DecodeError):
            urllib3.PoolManager().request("GET", url, retries=False)


def test_a_redirect_with_trouble_leads_on() -> None:
    away = Response(302, {"Location": "/login"}, b"")
    with loopback.in_process(first(Trouble(None, away, delay=1), OK)) as url:
        response = requests.get(url)
    assert [each.status_code for each in response.history] == [302]
    assert response.url.endswith("/login")


def test_a_response_goes_with_its_last_name() -> None:
    with loopback.in_process(first(Trouble(None, OK, delay=1))) as url:
        gc.disable()
        try:
            response = requests.get(url)
            raw = weakref.ref(response.raw)
            del response
            assert raw() is None
        finally:
            gc.enable()


def test_nothing_of_it_stays_in_the_pools_of_a_session() -> None:
    troubles = [each for kind, each in KINDS.items() if kind != "tls_error"]
    with loopback.serving(lambda _: OK) as url, requests.Session() as session:
        for trouble in troubles:
            with loopback.in_process(first(trouble), url), suppress(requests.RequestException):
                session.get(url, timeout=1)
            assert session.get(url).content == OK.body


def test_a_connection_of_the_network_that_is_kept_alive_stays_as_it_is() -> None:
    kept = Response(200, {"Content-Length": "4"}, b"real")
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return kept

    with loopback.serving(answer) as url, requests.Session() as session:
        assert session.get(url).text == "real"
        for trouble in (Trouble("connection_reset"), Trouble(None, OK), Trouble("connection_refused")):
            with loopback.in_process(first(trouble), url), suppress(requests.RequestException):
                session.get(url)
        assert session.get(url).text == "real"
        assert len(asked) == 2


def test_threads_that_share_a_session_meet_troubles_of_their_own() -> None:
    def answer(request: Request) -> Response:
        number = int(request.path.strip("/"))
        if number % 2:
            raise Trouble(["connection_refused", "connection_reset", "timeout", "dns_failure"][number // 2 % 4])
        return Response(200, {}, request.path.encode())

    with loopback.in_process(answer) as url, requests.Session() as session:
        errors = (requests.ConnectionError, requests.ConnectionError, requests.ReadTimeout, requests.ConnectionError)

        def work(number: int) -> None:
            for each in range(20):
                path = f"/{number + 8 * each}"
                if number % 2:
                    with pytest.raises(errors[number // 2]):
                        session.get(url + path, timeout=1)
                else:
                    assert session.get(url + path, stream=bool(each % 2)).text == path

        in_threads(work)
