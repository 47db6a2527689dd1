"""The way to a real service: what a client meets through it is what it meets without it."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import loopback
import pytest
import requests
import trustme
from test_network_failures import CLIENTS, FAST, IN_ALL, KINDS, TIMED, Attempts, outcome

from pytest_reinfer import FakeTenant
from pytest_reinfer.server import Server
from pytest_reinfer.transports import onward
from pytest_reinfer.transports.onward import Onward
from pytest_reinfer.wire import UNREACHED, Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

OK = Response(200, {"Content-Type": "application/json"}, b"{}")
PAIRS = [
    (client, kind)
    for client in (
        *("requests.get", "urllib3, no retries", "httpx", "httpx2, async", "http.client", "urllib.request", "aiohttp"),
    )
    for kind in KINDS
    if (client, kind) != ("aiohttp", "connect_timeout")  # its event loop stands still: another timeout is over first
]
ASKED = Request("GET", "/api", "", {}, b"")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


def to(url: str, proxy: str | None = None) -> Onward:
    return Onward(url, lambda *place: socket.getaddrinfo(*place), proxy)  # noqa: PLW0108 -- as it is then


def late(way: Onward) -> Callable[[Request], Response]:
    """What answers so in this process, as of the fixture."""

    def answer(request: Request) -> Response:
        came = way.send(request)
        raise Trouble(response=came.response, delay=came.delay, pace=came.pace)

    return answer


@pytest.mark.parametrize(("client", "kind"), PAIRS, ids=map(", ".join, PAIRS))
def test_a_client_meets_through_it_what_it_meets_on_a_network(
    client: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble, (call, _) = KINDS[kind], CLIENTS[client]
    timeout = IN_ALL / 3 if kind in TIMED else FAST
    monkeypatch.setattr(onward, "SILENT", 2 * IN_ALL / 3)
    monkeypatch.setattr(onward, "CONNECTING", 2 * IN_ALL / 3)
    attempts = Attempts(monkeypatch)

    def answer(_: Request) -> Response:
        raise trouble

    with loopback.unreached(trouble.end) if trouble.end in UNREACHED else loopback.serving(answer) as url:
        real = outcome(call, url, timeout, attempts)
        with loopback.in_process(late(to(url)), url):
            assert outcome(call, url, timeout, attempts) == real


def test_a_request_goes_out_as_it_came_in_but_for_what_is_about_its_connection() -> None:
    reached: list[Request] = []

    def answer(request: Request) -> Response:
        reached.append(request)
        return Response(201, {"X-Mine": "1", "x-mine": "2", "Content-Length": "2", "Keep-Alive": "timeout=5"}, b"{}")

    headers = {"authorization": "Bearer abc", "x-a": "b", "host": "acme.example", "accept-encoding": "gzip, br"}
    headers |= {"transfer-encoding": "chunked", "connection": "close", "content-type": "application/json"}
    with loopback.serving(answer) as url:
        asked = Request("PUT", "/api/a%2Fb", "limit=1&x=%20", headers, b'{"a": 1}')
        came = to(f"{url}/acme").send(asked)
    (sent,) = reached
    assert sent[:3] == ("PUT", "/acme/api/a%2Fb", "limit=1&x=%20")
    assert sent.body == asked.body
    assert sent.headers == {
        "authorization": "Bearer abc",
        "x-a": "b",
        "content-type": "application/json",
        "content-length": "8",
        "host": url.removeprefix("http://"),
        "accept-encoding": "identity",
    }
    assert came.response == Response(201, {"X-Mine": "1, 2", "Content-Length": "2"}, b"{}")
    assert came.delay > 0


def test_a_redirect_is_an_answer_and_an_empty_body_has_a_length() -> None:
    moved = Response(302, {"Location": "https://login.example/", "Content-Length": "0"}, b"")
    with loopback.serving(lambda _: moved) as url:
        assert to(url).send(ASKED).response == moved
        assert to(url).send(ASKED._replace(method="POST")).response == moved


def test_an_answer_that_is_longer_than_anybody_needs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onward, "MOST_BODY", 1)
    with (
        loopback.serving(lambda _: OK) as url,
        pytest.raises(ValueError, match="GET /api: the answer is longer than 1"),
    ):
        to(url).send(ASKED)


@contextmanager
def certified(monkeypatch: pytest.MonkeyPatch, folder: Path, *names: str) -> Iterator[FakeTenant]:
    """A tenant on a port with TLS, certified for some names by an authority that the system trusts."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    authority.cert_pem.write_to_path(folder / "authority.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
    monkeypatch.setattr(Server, "_certified", lambda _: context)
    with Server(tls=True) as server:
        tenant = FakeTenant(server.url)
        server.plug(tenant)
        yield tenant


def test_a_certificate_is_verified_and_so_is_the_name_in_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked = Request("GET", "/api/v1/datasets", "", {}, b"")
    with certified(monkeypatch, tmp_path, "127.0.0.1") as tenant:
        headers = {name.lower(): value for name, value in tenant.headers.items()}
        assert to(tenant.url).send(asked._replace(headers=headers)).response.status == 200
        with pytest.raises(Trouble, match="tls_error") as caught:
            to(tenant.url.replace("127.0.0.1", "localhost")).send(asked)
        assert "Hostname mismatch" in str(caught.value.__cause__)
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(Trouble, match="tls_error"):
            to(tenant.url).send(asked)


def test_a_proxy_leads_to_what_speaks_https(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: list[bytes] = []

    def lead(server: socket.socket, status: bytes) -> None:
        client = server.accept()[0]
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += client.recv(1)
        asked.append(head)
        client.sendall(b"HTTP/1.1 " + status + b"\r\n\r\n")
        if status.startswith(b"200"):
            host, _, port = head.split()[1].decode().partition(":")
            with socket.create_connection((host, int(port))) as there:
                back = threading.Thread(target=pour, args=(there, client))
                back.start()
                pour(client, there)
                back.join()
        client.close()

    def pour(source: socket.socket, sink: socket.socket) -> None:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)

    with certified(monkeypatch, tmp_path, "127.0.0.1") as tenant:
        for status in (b"200 OK", b"407 Proxy Authentication Required"):
            with socket.create_server(("127.0.0.1", 0)) as server:
                thread = threading.Thread(target=lead, args=(server, status))
                thread.start()
                way = to(tenant.url, f"http://me:pass%20word@127.0.0.1:{server.getsockname()[1]}")
                if status.startswith(b"200"):
                    assert way.send(ASKED).response.status == 401
                else:
                    with pytest.raises(Trouble, match="connection_refused") as caught:
                        way.send(ASKED)
                    assert str(caught.value.__cause__) == "the proxy 127.0.0.1 answered 407"
                thread.join()
    assert all(b"Proxy-Authorization: Basic bWU6cGFzcyB3b3Jk\r\n" in head for head in asked)


def test_requests_through_it_pass_the_doors_of_a_tenant_that_has_the_url() -> None:
    with loopback.serving(lambda _: OK) as url, loopback.in_process(late(to(url)), url):
        assert requests.get(url, timeout=FAST).content == b"{}"
