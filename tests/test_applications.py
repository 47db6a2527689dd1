"""A tenant as an application of ASGI and of WSGI: in clients that play a server, in dispatchers and in real servers."""

from __future__ import annotations

import asyncio
import io
import socket
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from wsgiref import simple_server
from wsgiref.validate import validator

import httpx
import pytest
import requests
from conftest import ask, comment, in_threads
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.serving import WSGIRequestHandler, make_server

from pytest_reinfer import FakeTenant, RouteNotBuilt, UnexpectedRequests
from pytest_reinfer.transports import uvicorn
from pytest_reinfer.unexpected import WouldHang
from pytest_reinfer.wire import BROKEN

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATASETS = "/api/v1/datasets"
URL = "https://cloud.uipath.com/acme/production/reinfer_"


@pytest.fixture
def acme() -> FakeTenant:
    """A tenant at a URL with a path, without doors."""
    tenant = FakeTenant(URL, unknown_routes="allow", unbuilt_routes="allow")
    tenant.add_dataset("acme/support", comments=3)
    return tenant


def by_asgi(app: Any, method: str, url: str, **given: Any) -> httpx.Response:
    async def ask_it() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.request(method, url, **given)

    return asyncio.run(ask_it())


def by_wsgi(app: Any, method: str, url: str, **given: Any) -> httpx.Response:
    with httpx.Client(transport=httpx.WSGITransport(validator(app))) as client:
        return client.request(method, url, **given)


@pytest.fixture(params=["asgi", "wsgi"])
def through(request: pytest.FixtureRequest, acme: FakeTenant) -> Callable[..., httpx.Response]:
    """Send a request to the tenant's application, by a client that plays the server."""

    def send(method: str, url: str, **given: Any) -> httpx.Response:
        given.setdefault("headers", acme.headers)
        if request.param == "asgi":
            return by_asgi(acme.asgi, method, url, **given)
        return by_wsgi(acme.wsgi, method, url, **given)

    return send


# ------------------------------------------------------------------------------------------------- the same answers


@pytest.mark.parametrize("base", ["http://anywhere", URL])
def test_it_answers_at_the_root_and_below_the_path_of_the_tenant(
    base: str, acme: FakeTenant, through: Callable[..., httpx.Response]
) -> None:
    for method, path, body in (
        ("GET", f"{DATASETS}/acme/support", None),
        ("POST", f"{DATASETS}/acme/support/export", {"limit": 2}),
        ("GET", f"{DATASETS}/nobody", None),
        ("PATCH", DATASETS, None),
        ("GET", "/", None),
    ):
        answer = through(method, base + path, **({} if body is None else {"json": body}))
        expected = ask(acme, method, path, body)
        assert (answer.status_code, answer.content) == (expected.status, expected.body)
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["content-length"] == str(len(expected.body))


def test_an_upload_is_stored(acme: FakeTenant, through: Callable[..., httpx.Response]) -> None:
    body = {"comments": [comment("1", messages=[{"body": {"text": "Grüße"}}])]}
    assert through("POST", "http://x/api/v1/sources/acme/support/sync", json=body).status_code == 200
    stored = acme.comment(f"{acme.source('acme/support').id}.1")
    assert stored["messages"][0]["body"]["text"] == "Grüße"


def test_a_body_that_is_too_long_is_refused(through: Callable[..., httpx.Response]) -> None:
    url, most = "http://x/api/v1/sources/acme/support/sync", 10 * 2**20
    assert through("POST", url, content=b" " * (3 * most)).status_code == 413


def test_the_answer_to_a_head_has_no_body(through: Callable[..., httpx.Response]) -> None:
    answer = through("HEAD", f"http://x{DATASETS}")
    assert (answer.status_code, answer.content) == (405, b"")
    assert "content-length" not in answer.headers  # which would be that of the body


def test_asgi_keeps_a_path_as_it_was_sent(acme: FakeTenant) -> None:
    for path in ("/acme%2Fsupport", "/acme/%73upport", "//acme//support", "/a%20b/c", "/x/%E2%82%AC"):
        by_asgi(acme.asgi, "GET", f"{URL}{DATASETS}{path}?a=%20", headers=acme.headers)
        assert acme.requests[-1].target == DATASETS + path
        assert acme.requests[-1].arguments == "a=%20"


@pytest.mark.parametrize(
    ("told", "target"),
    [
        ({}, "/api/v1/datasets/acme/s%20%C3%A4"),
        ({"RAW_URI": "/api/v1/datasets/acme%2Fs%20%c3%a4?x"}, "/api/v1/datasets/acme%2Fs%20%c3%a4"),
        ({"REQUEST_URI": "http://h:1/api/v1/datasets/acme/s%20%C3%A4?x"}, "/api/v1/datasets/acme/s%20%C3%A4"),
        ({"RAW_URI": "/rewritten/since"}, "/api/v1/datasets/acme/s%20%C3%A4"),
    ],
)
def test_wsgi_keeps_a_path_as_it_was_sent_where_the_server_tells_it(
    acme: FakeTenant, told: dict[str, str], target: str
) -> None:
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/api/v1/datasets/acme/s ä".encode().decode("latin-1"),
        "wsgi.input": io.BytesIO(),
        **told,
    }
    list(acme.wsgi(environ, lambda *_: None))
    assert acme.requests[-1].target == target


# ------------------------------------------------------------------------------------------------- mounted


def mounted(app: Any, root: str, *, new: bool) -> Any:
    """What a dispatcher does that has an application below a root: by the letter of ASGI today, or of old."""

    async def dispatcher(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"] if new else scope["path"].removeprefix(root)
        await app({**scope, "root_path": root, "path": path}, receive, send)

    return dispatcher


@pytest.mark.parametrize("new", [True, False])
@pytest.mark.parametrize("base", ["", "/acme/production/reinfer_"])
def test_it_answers_below_a_root_in_asgi(acme: FakeTenant, base: str, new: bool) -> None:  # noqa: FBT001
    app = mounted(acme.asgi, "/fakes/größe", new=new)
    url = f"http://x/fakes/gr%C3%B6%C3%9Fe{base}{DATASETS}/acme%2Fsupport"
    assert by_asgi(app, "GET", url, headers=acme.headers).status_code == 200
    assert acme.requests[-1].target == f"{DATASETS}/acme%2Fsupport"


def test_without_the_path_as_it_was_sent_it_is_quoted_anew(acme: FakeTenant) -> None:
    async def blind(scope: Any, receive: Any, send: Any) -> None:
        await acme.asgi({name: value for name, value in scope.items() if name != "raw_path"}, receive, send)

    by_asgi(blind, "GET", f"http://x{DATASETS}/a%20b/c:d%2Fe%E2%82%AC", headers=acme.headers)
    assert acme.requests[-1].target == f"{DATASETS}/a%20b/c:d/e%E2%82%AC"


def test_a_root_that_is_only_alike_is_none(acme: FakeTenant) -> None:
    by_asgi(acme.asgi, "GET", f"http://x/acme/production/reinfer_s{DATASETS}", headers=acme.headers)
    assert acme.requests[-1].target == f"/acme/production/reinfer_s{DATASETS}"


@contextmanager
def wsgiref_server(app: Any) -> Iterator[str]:
    class Quiet(simple_server.WSGIRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with simple_server.make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        yield from running(server, server.server_port)


@contextmanager
def werkzeug_server(app: Any) -> Iterator[str]:
    class Quiet(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            """Say nothing."""

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    yield from running(server, server.server_port)
    server.server_close()


def running(server: Any, port: int) -> Iterator[str]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        server.shutdown()
        thread.join()


@contextmanager
def uvicorn_server(app: Any) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    stop = uvicorn.run(app, listening, None)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop()


@pytest.mark.parametrize("root", ["", "/fakes"])
@pytest.mark.parametrize("server", [wsgiref_server, werkzeug_server])
def test_a_wsgi_server_answers_for_it(acme: FakeTenant, server: Any, root: str) -> None:
    app: Any = DispatcherMiddleware(acme.wsgi, {root: acme.wsgi} if root else {})
    with server(app) as url, requests.Session() as session:
        session.headers.update(acme.headers)
        for base in (url + root, f"{url}{root}/acme/production/reinfer_"):
            assert session.get(f"{base}{DATASETS}/acme/support", timeout=5).status_code == 200
            answer = session.post(f"{base}{DATASETS}/acme/support/export", json={}, timeout=5)
            assert answer.json() == {"comments": acme.exported("acme/support"), "status": "ok"}
        if server is werkzeug_server:
            assert session.get(f"{url}{root}{DATASETS}/acme%2Fsupport", timeout=5).status_code == 200
            assert acme.requests[-1].target == f"{DATASETS}/acme%2Fsupport"
            body = b'{"comments":[]}'
            chunks = (body[at : at + 4] for at in range(0, len(body), 4))
            headers = {"Content-Type": "application/json"}
            path = "/api/v1/sources/acme/support/sync"
            answer = session.post(url + root + path, data=chunks, headers=headers, timeout=5)
            assert answer.status_code == ask(acme, "POST", path, {"comments": []}).status


# ------------------------------------------------------------------------------------------------- trouble


def test_statuses_and_altered_answers_come_as_ever(acme: FakeTenant, through: Callable[..., httpx.Response]) -> None:
    acme.fail(503, retry_after=7).then("cut_json", phase="after")
    first, second = through("GET", f"http://x{DATASETS}"), through("GET", f"http://x{DATASETS}")
    assert (first.status_code, first.headers["retry-after"]) == (503, "7")
    assert second.status_code == 200
    with pytest.raises(ValueError, match="char"):
        second.json()


def test_a_slow_answer_takes_its_time_on_the_tenants_clock(
    acme: FakeTenant, through: Callable[..., httpx.Response]
) -> None:
    before = acme.clock.now
    acme.fail("slow_answer", seconds=0.02).then("slow_body", seconds=0.02, phase="after")
    for _ in range(2):
        assert through("GET", f"http://x{DATASETS}").json()["status"] == "ok"
    assert (acme.clock.now - before).total_seconds() == pytest.approx(0.04)


@pytest.mark.parametrize("end", [*BROKEN, "closed_mid_body"])
def test_what_only_a_server_can_do_is_refused_in_words(
    acme: FakeTenant, through: Callable[..., httpx.Response], end: str
) -> None:
    acme.fail("read_timeout" if end == "timeout" else end)
    with pytest.raises(WouldHang, match="the connection is its server's"):
        through("GET", f"http://x{DATASETS}")
    with pytest.raises(UnexpectedRequests, match="reinfer_server"):
        acme.check()


def test_an_exception_is_the_clients_and_the_tests(acme: FakeTenant, through: Callable[..., httpx.Response]) -> None:
    with pytest.raises(RouteNotBuilt):
        through("GET", "http://x/api/_private/quotas")
    acme.before(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        through("GET", f"http://x{DATASETS}")
    with pytest.raises(UnexpectedRequests) as error:
        acme.check()
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_a_function_may_ask_the_server_that_it_is_called_by(acme: FakeTenant) -> None:
    with uvicorn_server(acme.asgi) as url:
        seen: list[int] = []
        acme.before(lambda: seen.append(requests.get(url + DATASETS, headers=acme.headers, timeout=5).status_code))
        assert requests.get(url + DATASETS, headers=acme.headers, timeout=5).status_code == 200
    assert seen == [200]


# ------------------------------------------------------------------------------------------------- the protocol


def told(app: Any, scope: dict[str, Any], *incoming: dict[str, Any]) -> list[dict[str, Any]]:
    """What an ASGI application says to what it is told."""
    left, said = list(incoming), list[dict[str, Any]]()

    async def receive() -> dict[str, Any]:
        return left.pop(0)

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    asyncio.run(app(scope, receive, send))
    return said


def test_the_lifespan_of_a_server_is_followed(acme: FakeTenant) -> None:
    said = told(acme.asgi, {"type": "lifespan"}, {"type": "lifespan.startup"}, {"type": "lifespan.shutdown"})
    assert said == [{"type": "lifespan.startup.complete"}, {"type": "lifespan.shutdown.complete"}]


def test_a_websocket_is_refused(acme: FakeTenant) -> None:
    with pytest.raises(NotImplementedError, match="no websocket"):
        told(acme.asgi, {"type": "websocket"})


def test_a_client_that_goes_is_not_answered(acme: FakeTenant) -> None:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
    assert told(acme.asgi, scope, {"type": "http.disconnect"}) == []
    part = {"type": "http.request", "body": b"x", "more_body": True}
    assert told(acme.asgi, scope, part, part, {"type": "http.disconnect"}) == []
    assert len(acme.requests) == 0


def test_no_more_is_kept_of_a_body_than_shows_that_it_is_too_long() -> None:
    most = 10 * 2**20
    tenant = FakeTenant(log_bodies=10 * most, unknown_routes="allow")
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    for sizes in ((2 * most,), (2 * most, 2 * most, 9), (most, most, most), (1, most), (most, 2)):
        parts = [{"type": "http.request", "body": b" " * size, "more_body": True} for size in sizes]
        parts[-1]["more_body"] = False
        told(tenant.asgi, scope, *parts)
        assert len(tenant.requests[-1].body or b"") == most + 1


def test_a_header_that_comes_twice_is_one_with_both_values(acme: FakeTenant) -> None:
    authorization = acme.headers["Authorization"].encode()
    scope = {"type": "http", "method": "GET", "path": DATASETS, "query_string": b"", "raw_path": None}
    headers = [(b"x-twice", b"a"), (b"authorization", authorization), (b"x-twice", b"b")]
    said = told(acme.asgi, {**scope, "headers": headers}, {"type": "http.request", "body": b""})
    assert said[0]["status"] == 200
    said = told(acme.asgi, {**scope, "headers": headers[1:2] * 2}, {"type": "http.request", "body": b""})
    assert said[0]["status"] == 401


def test_threads_share_a_wsgi_application(acme: FakeTenant) -> None:
    acme.add_source("acme/mail")
    with werkzeug_server(acme.wsgi) as url:

        def work(number: int) -> None:
            body = {"comments": [comment(f"{number}.{each}") for each in range(5)]}
            path = "/api/v1/sources/acme/mail/sync"
            assert requests.post(url + path, json=body, headers=acme.headers, timeout=5).ok

        in_threads(work)
    assert len(acme.comments("acme/mail")) == 40
