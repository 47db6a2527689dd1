"""Tenants on a port: what a client meets there is what it meets in process, and nothing of it outlives the server."""

from __future__ import annotations

import http.client
import json
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx
import pytest
import requests
import time_machine
from conftest import ask, comment, everything, in_threads
from test_network_failures import CLIENTS, FAST, IN_ALL, KINDS, TIMED, Attempts, outcome

from pytest_reinfer import FakeTenant, UnexpectedRequests
from pytest_reinfer.faults import fail
from pytest_reinfer.server import Server
from pytest_reinfer.transports import asgi, uvicorn
from pytest_reinfer.unexpected import WouldHang
from pytest_reinfer.wire import UNREACHED, Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATASETS = "/api/v1/datasets"
NOT_FOUND = b'{"status":"error","message":"404 Not Found"}'


@pytest.fixture(params=["httptools and uvloop", "h11 and asyncio"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What uvicorn runs on, with what is optional and without."""
    if request.param == "h11 and asyncio":
        from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415

        monkeypatch.setitem(sys.modules, "uvloop", None)
        monkeypatch.setattr(uvicorn, "AutoHTTPProtocol", H11Protocol)
    else:
        pytest.importorskip("uvloop")
        pytest.importorskip("httptools")


@pytest.fixture
def server(engine: None) -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def quick() -> Iterator[Server]:
    """A server on whatever is installed."""
    with Server() as server:
        yield server


def put_on(server: Server, path: str = "/acme/test/reinfer_", **settings: Any) -> FakeTenant:
    tenant = FakeTenant(server.url + path, **settings)
    server.plug(tenant)
    return tenant


@contextmanager
def connected(server: Server) -> Iterator[http.client.HTTPConnection]:
    """A connection that is kept alive; a second one would be an error."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=FAST)
    connection.connect()
    connection.auto_open = 0
    try:
        yield connection
    finally:
        connection.close()


def over(connection: http.client.HTTPConnection, method: str, url: str, **given: Any) -> tuple[int, bytes]:
    connection.request(method, urlsplit(url).path, **given)
    response = connection.getresponse()
    return response.status, response.read()


def threads() -> set[threading.Thread]:
    return {each for each in threading.enumerate() if each.name.startswith("reinfer")}


# ------------------------------------------------------------------------------------------------- the same answers


def test_a_connection_is_kept_for_the_next_request(server: Server) -> None:
    tenant = put_on(server)
    with connected(server) as connection:
        for name in ("one", "two"):
            tenant.add_dataset(f"acme/{name}")
            status, body = over(connection, "GET", tenant.url + DATASETS, headers=tenant.headers)
            assert status == 200
            assert json.loads(body)["datasets"][-1]["name"] == name
        assert over(connection, "GET", tenant.url + DATASETS)[0] == 401


def test_an_upload_is_stored_and_exported_as_in_process(server: Server) -> None:
    tenant, same = put_on(server), FakeTenant("https://acme.reinfer.io")
    for each in (tenant, same):
        each.add_dataset("acme/support", comments=70)
    uploads = {"comments": [comment("1", messages=[{"body": {"text": "Grüße"}}]), comment("a.b")]}
    for path, body in (("/api/v1/sources/acme/support/sync", uploads), (f"{DATASETS}/acme/support/export", {})):
        answer = requests.post(tenant.url + path, json=body, headers=tenant.headers, timeout=FAST)
        assert answer.status_code == 200
        assert answer.json() == ask(same, "POST", path, body).json
    assert everything(tenant)[:4] == everything(same)[:4]


@pytest.mark.parametrize(
    "path",
    ["/acme%2Fsupport", "/acme/%73upport", "//acme//support", "/acme/support/", "/a%20b/c", "/x/%E2%82%AC", "/%"],
)
def test_a_path_comes_as_it_was_sent(server: Server, path: str) -> None:
    tenant = put_on(server, unknown_routes="allow")
    tenant.add_dataset("acme/support")
    with connected(server) as connection:
        connection.putrequest("GET", f"/acme/test/reinfer_{DATASETS}{path}?q=%20&q", skip_accept_encoding=True)
        for name, value in tenant.headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        response = connection.getresponse()
        expected = ask(tenant, "GET", DATASETS + path)
        assert (response.status, response.read()) == (expected.status, expected.body)
    assert tenant.requests[0].target == DATASETS + path
    assert tenant.requests[0].arguments == "q=%20&q"


def test_a_path_of_a_tenant_may_be_written_in_other_ways(quick: Server) -> None:
    tenant = put_on(quick, "/gr%C3%B6%C3%9Fe/reinfer_")
    for path in ("/gr%C3%B6%C3%9Fe/reinfer_", "/gr%c3%b6%c3%9fe/%72einfer_"):
        with connected(quick) as connection:
            assert over(connection, "GET", path + DATASETS, headers=tenant.headers)[0] == 200


def test_an_upload_in_chunks_is_read(server: Server) -> None:
    tenant = put_on(server)
    tenant.add_source("acme/mail")
    parts = (json.dumps({"comments": [comment("1")]})[at : at + 7].encode() for at in range(0, 200, 7))
    url, headers = f"{tenant.url}/api/v1/sources/acme/mail/sync", {**tenant.headers, "Content-Type": "application/json"}
    assert requests.post(url, data=parts, headers=headers, timeout=FAST).status_code == 200
    assert len(tenant.comments("acme/mail")) == 1


def test_a_client_that_asks_first_is_told_to_send(server: Server) -> None:
    tenant = put_on(server)
    tenant.add_source("acme/mail")
    body = json.dumps({"comments": [comment("1")]}).encode()
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=FAST) as client:
        head = [
            "POST /acme/test/reinfer_/api/v1/sources/acme/mail/sync HTTP/1.1",
            f"Host: {address.netloc}",
            f"Authorization: {tenant.headers['Authorization']}",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
            "Expect: 100-continue",
        ]
        client.sendall("\r\n".join([*head, "", ""]).encode())
        assert client.recv(1000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(body)
        assert client.recv(1000).startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_body_that_is_too_long_is_refused_and_the_connection_goes_on(server: Server) -> None:
    tenant = put_on(server, log_bodies=10**9)
    tenant.add_source("acme/mail")
    url, headers = f"{tenant.url}/api/v1/sources/acme/mail/sync", {**tenant.headers, "Content-Type": "application/json"}
    most = 10 * 2**20
    with connected(server) as connection:
        assert over(connection, "POST", url, body=b" " * (2 * most), headers=headers)[0] == 413
        assert over(connection, "POST", url, body=b" " * (most + 1), headers=headers)[0] == 413
        assert over(connection, "POST", url, body=b" " * most, headers=headers)[0] == 400
        assert over(connection, "GET", tenant.url + DATASETS, headers=tenant.headers)[0] == 200
    assert len(tenant.requests[0].body or b"") == most + 1


def test_a_client_that_goes_in_the_middle_of_an_upload_has_asked_nothing(server: Server) -> None:
    tenant = put_on(server)
    address = urlsplit(server.url)
    with socket.create_connection((address.hostname, address.port), timeout=FAST) as client:
        client.sendall(b"POST /acme/test/reinfer_/x HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf")
    with connected(server) as connection:
        assert over(connection, "GET", tenant.url + DATASETS, headers=tenant.headers)[0] == 200
    assert [each.method for each in tenant.requests] == ["GET"]


def test_the_answer_to_a_head_has_no_body(server: Server) -> None:
    tenant = put_on(server, unknown_routes="allow")
    with connected(server) as connection:
        assert over(connection, "HEAD", tenant.url + DATASETS, headers=tenant.headers) == (405, b"")
        assert over(connection, "HEAD", server.url + "/nobody") == (404, b"")
        assert over(connection, "GET", tenant.url + DATASETS, headers=tenant.headers)[0] == 200


def test_what_is_no_http_is_refused_and_others_are_not_disturbed(server: Server) -> None:
    tenant, address = put_on(server), urlsplit(server.url)
    for nonsense in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n"):
        with socket.create_connection((address.hostname, address.port), timeout=FAST) as client:
            client.sendall(nonsense)
            assert client.recv(1000).startswith(b"HTTP/1.1 400 ")
    assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok


# ------------------------------------------------------------------------------------------------- many at once


def test_threads_are_answered_at_once_and_lose_nothing(server: Server) -> None:
    tenant = put_on(server)
    tenant.add_source("acme/mail")
    url = f"{tenant.url}/api/v1/sources/acme/mail/sync"

    def work(number: int) -> None:
        with requests.Session() as session:
            for each in range(20):
                body = {"comments": [comment(f"{number}.{each}")]}
                assert session.post(url, json=body, headers=tenant.headers, timeout=FAST).ok

    in_threads(work)
    tenant.assert_no_duplicates_or_losses(
        "acme/mail", [f"{thread}.{each}" for thread in range(8) for each in range(20)], key=lambda each: each["id"]
    )
    assert len(tenant.requests) == 160


def test_tenants_are_told_apart_by_their_paths(server: Server) -> None:
    paths = ["", "/acme", "/acme/a/reinfer_", "/acme/b/reinfer_", *(f"/many/{number}" for number in range(100))]
    tenants = [put_on(server, path) for path in paths]
    for number, tenant in enumerate(tenants):
        tenant.add_dataset(f"acme/number-{number}")
    with connected(server) as connection:
        for number, tenant in enumerate(tenants):
            body = over(connection, "GET", tenant.url + DATASETS, headers=tenant.headers)[1]
            assert [each["name"] for each in json.loads(body)["datasets"]] == [f"number-{number}"]
    assert all(len(tenant.requests) == 1 for tenant in tenants)


def test_where_no_tenant_is_the_answer_is_404_as_the_service_words_it(server: Server) -> None:
    tenant = put_on(server)
    for url in (server.url, f"{server.url}/acme/testreinfer_{DATASETS}", f"{tenant.url}_{DATASETS}"):
        answer = requests.get(url, headers=tenant.headers, timeout=FAST)
        assert answer.status_code == 404
        assert answer.json() == {"status": "error", "message": "404 Not Found"}
    server.unplug(tenant)
    assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).status_code == 404
    assert len(tenant.requests) == 0
    server.plug(tenant)
    assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok


@pytest.mark.parametrize(
    "url", ["https://acme.reinfer.io", "http://127.0.0.1:1/acme", "http://localhost/acme", "https://{netloc}"]
)
def test_a_tenant_elsewhere_is_refused(quick: Server, url: str) -> None:
    tenant = FakeTenant(url.format(url=quick.url, netloc=urlsplit(quick.url).netloc))
    with pytest.raises(ValueError, match=f"not below this server.*FakeTenant..{quick.url}/acme"):
        quick.plug(tenant)


def test_two_tenants_at_one_url_are_refused(quick: Server) -> None:
    tenant = put_on(quick)
    with pytest.raises(ValueError, match=r"There is a tenant at .*/acme/%74est/reinfer_ already"):
        put_on(quick, "/acme/%74est/reinfer_")
    assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok


def test_pages_are_asked_first_and_with_the_whole_path(quick: Server) -> None:
    asked: list[str] = []

    def pages(request: Request) -> Response | None:
        asked.append(request.path)
        return Response(200, {"Content-Type": "text/html"}, b"<p>") if request.path == "/" else None

    with Server(pages=pages) as server:
        tenant = put_on(server, "")
        assert requests.get(server.url, timeout=FAST).text == "<p>"
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok
    assert asked == ["/", DATASETS]
    assert len(tenant.requests) == 1


# ------------------------------------------------------------------------------------------------- starting, stopping


def test_only_this_machine_is_listened_to(quick: Server) -> None:
    assert re.fullmatch(r"http://127\.0\.0\.1:[0-9]+", quick.url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.2", urlsplit(quick.url).port or 0), timeout=FAST)


def test_a_server_that_has_not_started_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="start it first"):
        _ = Server().url


def test_starting_twice_is_refused_and_starting_again_is_not() -> None:
    server = Server()
    with server:
        with pytest.raises(RuntimeError, match="has been started already"):
            server.start()
        assert requests.get(server.url, timeout=FAST).status_code == 404
    server.close()
    with server:
        assert requests.get(server.url, timeout=FAST).status_code == 404


@pytest.mark.parametrize("port", [-1, 65_536, "80", None, 1.5])
def test_what_is_no_port_is_refused(port: Any) -> None:
    with pytest.raises(ValueError, match="A port is a whole number"):
        Server(port)


def test_a_taken_port_is_told(quick: Server) -> None:
    port = urlsplit(quick.url).port or 0
    with pytest.raises(OSError, match=f"The port {port} of 127.0.0.1 is taken"):
        Server(port).start()


def test_a_closed_server_leaves_nothing(engine: None) -> None:
    before = threads()
    with Server() as server:
        tenant, address = put_on(server), urlsplit(server.url)
        tenant.fail("read_timeout")
        with ExitStack() as stack:
            idle, half, hanging = (
                stack.enter_context(socket.create_connection((address.hostname, address.port), timeout=FAST))
                for _ in range(3)
            )
            request = f"GET /acme/test/reinfer_{DATASETS} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            idle.sendall(request.replace(b"/acme", b""))
            with idle.makefile("rb") as file:
                assert file.readline() == b"HTTP/1.1 404 Not Found\r\n"
                assert http.client.parse_headers(file)["content-length"] == str(len(NOT_FOUND))
                assert file.read(len(NOT_FOUND)) == NOT_FOUND
            half.sendall(request[:-2])
            hanging.sendall(request)
            while len(tenant.requests) < 1:
                time.sleep(0)
            server.close()
            for client in (idle, half, hanging):
                with suppress(ConnectionResetError):
                    assert client.recv(1000) == b""
        assert threads() == before
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.hostname, address.port), timeout=FAST)
    with Server(address.port or 0) as again:
        assert again.url == f"http://{address.netloc}"


def test_a_server_that_is_never_closed_does_not_keep_its_process() -> None:
    program = "from pytest_reinfer.server import Server; print(Server().start().url)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)  # noqa: S603
    assert "http://127.0.0.1:" in done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_neither_stops_the_server_nor_holds_its_port(quick: Server) -> None:
    tenant, address = put_on(quick), urlsplit(quick.url)
    asked, ask_it = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover -- in the child
        os.close(ask_it)
        quick.close()
        os.read(asked, 1)  # until the parent has seen what it wants to
        os._exit(0)
    os.close(asked)
    try:
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok
        quick.close()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((address.hostname, address.port), timeout=FAST)
    finally:
        os.close(ask_it)
        assert os.waitpid(child, 0)[1] == 0


# ------------------------------------------------------------------------------------------------- trouble


@contextmanager
def live(answer: Callable[[Request], Response]) -> Iterator[str]:
    """The URL of an application on a port that answers so."""
    listening = socket.create_server(("127.0.0.1", 0))
    host, port = listening.getsockname()
    stop = uvicorn.run(asgi.application(answer), listening, None)
    try:
        yield f"http://{host}:{port}"
    finally:
        stop()


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in UNREACHED])
@pytest.mark.parametrize("client", ["requests.get", "stream", "Retry", "urllib3, no retries"])
def test_a_client_meets_on_a_port_what_it_meets_in_process(
    kind: str, client: str, monkeypatch: pytest.MonkeyPatch, engine: None
) -> None:
    import loopback  # noqa: PLC0415

    trouble, (call, most) = KINDS[kind], CLIENTS[client]
    timeout = IN_ALL / most if kind in TIMED else FAST
    attempts = Attempts(monkeypatch)

    def answer(_: Request) -> Response:
        raise trouble

    with live(answer) as url:
        real = outcome(call, url, timeout, attempts)
    with loopback.in_process(answer, url):
        assert outcome(call, url, timeout, attempts) == real


def test_what_a_client_waits_passes_on_the_tenants_clock(server: Server) -> None:
    tenant = put_on(server)
    before = tenant.clock.now
    with tenant.fail("slow_answer", seconds=0.05):
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok
    assert (tenant.clock.now - before).total_seconds() == pytest.approx(0.05, abs=0.001)
    with tenant.fail("read_timeout"), pytest.raises(requests.ReadTimeout):
        requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=0.05)
    requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST)
    assert (tenant.clock.now - before).total_seconds() >= 0.06


def test_a_travel_holds_nothing_up(server: Server) -> None:
    tenant = put_on(server)
    with time_machine.travel(0, tick=False):
        tenant.fail("slow_answer", seconds=0.02).then("connection_reset")
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).ok
        with pytest.raises(requests.ConnectionError):
            requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST)
        server.close()


def test_others_are_answered_while_one_waits(server: Server) -> None:
    tenant = put_on(server)
    tenant.fail("read_timeout")
    with connected(server) as waiting, connected(server) as other:
        waiting.request("GET", urlsplit(tenant.url + DATASETS).path, headers=tenant.headers)
        while not tenant.requests:
            time.sleep(0)
        assert over(other, "GET", tenant.url + DATASETS, headers=tenant.headers)[0] == 200


@pytest.mark.parametrize("phase", ["before", "after", "partial"])
def test_a_fault_has_its_phase_on_a_port_too(server: Server, phase: Any) -> None:
    tenant = put_on(server)
    tenant.add_source("acme/mail")
    tenant.fail("connection_reset", phase=phase, route="sync_comments")
    body = {"comments": [comment(str(number)) for number in range(4)]}
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{tenant.url}/api/v1/sources/acme/mail/sync", json=body, headers=tenant.headers, timeout=FAST)
    assert len(tenant.comments("acme/mail")) == {"before": 0, "after": 4, "partial": 2}[phase]


@pytest.mark.parametrize("what", [*UNREACHED[:3]])
def test_what_comes_before_a_connection_is_refused_on_a_port(quick: Server, what: str) -> None:
    tenant = put_on(quick)
    with pytest.raises(ValueError, match=f"{what} cannot be done to a client that has connected.*read_timeout"):
        tenant.fail(what)
    with pytest.raises(ValueError, match="cannot be done"):
        tenant.fail(fail(503).then(what))
    quick.unplug(tenant)
    tenant.fail(what)
    quick.plug(tenant)
    assert requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST).status_code == 500
    with pytest.raises(UnexpectedRequests, match=f"that has connected cannot meet a {what}"):
        tenant.check()


def test_a_function_may_ask_the_tenant_that_waits_for_it(server: Server) -> None:
    tenant = put_on(server)
    get = partial(requests.get, tenant.url + DATASETS, headers=tenant.headers, timeout=FAST)
    seen: list[int] = []
    for _ in range(2):
        tenant.before(lambda: seen.append(get().status_code))
    assert get().ok
    assert seen == [200, 200]
    assert len(tenant.requests) == 3


def test_what_a_function_raises_is_the_tenants_to_tell(server: Server) -> None:
    tenant = put_on(server)
    tenant.before(lambda: 1 // 0)
    answer = requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST)
    assert (answer.status_code, answer.text) == (500, "ZeroDivisionError: integer division or modulo by zero\n")
    with pytest.raises(UnexpectedRequests) as error:
        tenant.check()
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_a_route_that_is_not_built_is_no_answer_of_the_service(server: Server) -> None:
    tenant = put_on(server)
    answer = requests.get(f"{tenant.url}/api/_private/quotas", headers=tenant.headers, timeout=FAST)
    assert answer.status_code == 501
    assert answer.text.startswith("RouteNotBuilt: ")
    with pytest.raises(UnexpectedRequests, match="does not build it"):
        tenant.check()


def test_who_really_waits_as_told_comes_past_a_limit(quick: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("pytest_reinfer.fake.monotonic", lambda: now)
    tenant = put_on(quick)
    tenant.rate_limit(1, seconds=60)
    statuses = []
    for _ in range(5):
        answer = requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST)
        statuses.append(answer.status_code)
        now += 60
    assert statuses == [200, 429, 200, 429, 200]
    monkeypatch.undo()
    tenant.check()


def test_a_client_that_is_refused_again_and_again_is_told_in_process_still(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("pytest_reinfer.fake.monotonic", lambda: now)
    tenant = FakeTenant()
    tenant.rate_limit(1, seconds=60)
    for _ in range(3):
        ask(tenant, "GET", DATASETS)
        now += 60
    with pytest.raises(WouldHang):
        ask(tenant, "GET", DATASETS)


# ------------------------------------------------------------------------------------------------- other processes


CHILD = """
import json, os, urllib.request
request = urllib.request.Request(
    os.environ["REINFER_ENDPOINT"] + "/api/v1/datasets",
    headers={"Authorization": "Bearer " + os.environ["REINFER_TOKEN"]},
)
print([each["name"] for each in json.load(urllib.request.urlopen(request))["datasets"]])
"""


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
def test_a_child_process_reaches_the_tenant_by_its_environment(
    scheme: str, proxy: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = scheme == "https"
    if proxy is not None:
        for name in ("http_proxy", "https_proxy"):
            monkeypatch.setenv(name, proxy)
        monkeypatch.setenv("no_proxy", "elsewhere.example")
    with Server(tls=tls) as server:
        tenant = put_on(server)
        tenant.add_dataset("acme/support")
        environment = {**os.environ, **tenant.environment}
        run = partial(subprocess.run, capture_output=True, text=True, timeout=60, check=True, env=environment)
        assert run([sys.executable, "-c", CHILD]).stdout == "['support']\n"
        curl = shutil.which("curl")
        if curl is not None:
            command = (
                'curl --silent --fail -H "Authorization: Bearer $REINFER_TOKEN" "$REINFER_ENDPOINT/api/v1/datasets"'
            )
            assert json.loads(run(["sh", "-c", command]).stdout)["status"] == "ok"
        assert ("SSL_CERT_FILE" in tenant.environment) == tls
        if proxy is not None:
            assert tenant.environment["no_proxy"] == "elsewhere.example,127.0.0.1"
    assert set(tenant.environment) == {"REINFER_ENDPOINT", "REINFER_TOKEN"}


def test_with_tls_who_trusts_the_server_is_answered_and_nobody_else(
    engine: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Server(tls=True) as server:
        tenant, address = put_on(server), urlsplit(server.url)
        assert server.url.startswith("https://127.0.0.1:")
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST)
        authority = tenant.environment["REQUESTS_CA_BUNDLE"]
        with requests.Session() as session:
            for _ in range(2):
                assert session.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST, verify=authority).ok
            tenant.fail("connection_reset").then("closed_mid_body", phase="after")
            for _ in range(2):
                with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
                    session.get(tenant.url + DATASETS, headers=tenant.headers, timeout=FAST, verify=authority)
        context = ssl.create_default_context(cafile=authority)
        assert httpx.get(tenant.url + DATASETS, headers=tenant.headers, verify=context).is_success
        with socket.create_connection((address.hostname, address.port)):  # that never says a word of TLS
            server.close()
    assert not os.path.exists(authority)  # noqa: PTH110 -- a text


def test_without_trustme_a_server_with_tls_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(RuntimeError, match=r"pip install 'pytest-reinfer\[tls\]'"):
        Server(tls=True).start()
