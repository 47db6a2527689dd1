"""The door for `http.client`: connections that lead where each request on them belongs."""

from __future__ import annotations

import http.client
import io
import json
import socket
import urllib.request
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlsplit

import pytest
from loopback import in_process, serving

from pytest_reinfer import FakeTenant
from pytest_reinfer.transports.guard import ReachedForTenant
from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable

DATASETS = "/api/v1/datasets"
KEPT = Response(200, {"Content-Length": "4"}, b"kept")


def connected(url: str, **options: Any) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    return kind(parts.netloc, **options)


def asked(conn: http.client.HTTPConnection, path: str, method: str = "GET", **options: Any) -> bytes:
    conn.request(method, path, **options)
    return conn.getresponse().read()


def test_many_requests_go_over_one_connection() -> None:
    paths: list[str] = []

    def answer(request: Request) -> Response:
        paths.append(request.path)
        return KEPT

    with in_process(answer, "https://tenant.example") as url:
        conn = connected(url)
        assert asked(conn, "/one") == b"kept"
        first = conn.sock
        assert asked(conn, "/two", "POST", body=b"x" * 100_000) == b"kept"
        assert asked(conn, "/three") == b"kept"
        assert conn.sock is first is not None
        conn.close()
    assert paths == ["/one", "/two", "/three"]


def test_one_connection_leads_to_the_tenant_and_to_the_network_each_in_turn() -> None:
    with serving(lambda request: KEPT._replace(body=request.body)) as url, FakeTenant(f"{url}/deep") as tenant:
        conn = connected(url, timeout=5)
        for body in (b"real", b"REAL"):
            assert asked(conn, "/elsewhere", "POST", body=iter([body[:1], body[1:]])) == body
            assert json.loads(asked(conn, f"/deep{DATASETS}", headers=tenant.headers))["status"] == "ok"
        conn.close()
        assert len(tenant.requests) == 2


def test_a_connection_that_is_kept_goes_to_the_tenant_that_is_open_by_then() -> None:
    conn = http.client.HTTPSConnection("tenant.example")
    for name in ("one", "two"):
        with FakeTenant("https://tenant.example") as tenant, mock.patch.object(FakeTenant, "answer", return_value=KEPT):
            assert asked(conn, f"/{name}", headers=tenant.headers) == b"kept"
    before = socket.getaddrinfo
    with mock.patch("socket.getaddrinfo", side_effect=ReachedForTenant("stopped")), pytest.raises(ReachedForTenant):
        asked(conn, "/three")
    assert socket.getaddrinfo is before


def test_a_closed_connection_of_the_network_is_closed_for_real() -> None:
    with serving(lambda _: KEPT) as url, FakeTenant(f"{url}/deep"):
        conn = connected(url, timeout=5)
        assert asked(conn, "/elsewhere") == b"kept"
        conn.close()  # or else a ResourceWarning, which is an error
        assert asked(conn, "/elsewhere") == b"kept"
        conn.close()


BODIES: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "text": bytes.decode,
    "file": io.BytesIO,
    "generator": lambda body: (body[start : start + 5] for start in range(0, len(body), 5)),
    "memoryview": memoryview,
}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES.keys())
def test_any_body_that_it_can_send_arrives(tenant: FakeTenant, make: Callable[[bytes], Any]) -> None:
    tenant.add_project("acme")
    body = json.dumps({"dataset": {"title": "a title"}}).encode()
    headers = {**tenant.headers, "Content-Type": "application/json"}
    conn = connected(tenant.url)
    got = json.loads(asked(conn, f"{DATASETS}/acme/new", "PUT", body=make(body), headers=headers))
    assert got["dataset"]["title"] == "a title"


def test_a_request_may_be_sent_in_pieces() -> None:
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        requests.append(request)
        return KEPT

    with in_process(answer) as url:
        conn = connected(url)
        conn.putrequest("PUT", "/x?y=z")
        for name, value in (("Content-Length", "4"), ("X-Twice", "a"), ("x-twice", "b")):
            conn.putheader(name, value)
        conn.endheaders()
        with pytest.raises(RuntimeError, match="not whole: not all of its body was sent"):
            conn.getresponse()
        conn.send(b"")
        conn.send(b"ab")
        conn.send(iter([b"c", b"d"]))
        assert conn.getresponse().read() == b"kept"
        conn.close()
    (request,) = requests
    assert (request.method, request.path, request.query, request.body) == ("PUT", "/x", "y=z", b"abcd")
    assert request.headers["x-twice"] == "a, b"


def test_an_error_in_the_answer_is_no_word_on_the_type_of_what_is_sent() -> None:
    def answer(_: Request) -> Response:
        turns.append(1)
        raise TypeError("of the fake")

    turns: list[int] = []
    with in_process(answer) as url, pytest.raises(TypeError, match="of the fake"):
        urllib.request.urlopen(url, data=b"abc")
    assert turns == [1]


def test_what_is_no_bytes_is_refused_as_by_a_socket(tenant: FakeTenant) -> None:
    conn = connected(tenant.url)
    conn.connect()
    with pytest.raises(TypeError):
        conn.send(5)  # type: ignore[arg-type] # is what is tested


def test_a_host_that_no_tenant_serves_is_left_alone(tenant: FakeTenant) -> None:
    with serving(lambda _: KEPT) as url:
        conn = connected(url, timeout=5)
        conn.connect()
        assert isinstance(conn.sock, socket.socket)
        assert asked(conn, "/") == b"kept"
        conn.close()
    with pytest.raises(ConnectionRefusedError):  # the host of a tenant, at another port
        connected(url).connect()


def test_a_tunnel_to_a_tenant_is_not_made_and_others_are_left_to_the_proxy(tenant: FakeTenant) -> None:
    with serving(lambda _: Response(404, {}, b"")) as url:
        conn = http.client.HTTPSConnection(urlsplit(url).netloc, timeout=5)
        conn.set_tunnel(urlsplit(tenant.url).netloc)
        assert json.loads(asked(conn, DATASETS, headers=tenant.headers))["status"] == "ok"
        conn.close()
        conn = http.client.HTTPSConnection(urlsplit(url).netloc, timeout=5)
        conn.set_tunnel("other.example")
        with pytest.raises(OSError, match="404"):
            conn.request("GET", "/")
        conn.close()
    assert len(tenant.requests) == 1


def test_a_proxy_of_the_environment_is_not_asked(tenant: FakeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    request = urllib.request.Request(tenant.url + DATASETS, headers=tenant.headers)
    with urllib.request.urlopen(request) as answer:
        assert json.load(answer)["status"] == "ok"


def test_after_a_failure_a_connection_is_good_again(tenant: FakeTenant) -> None:
    conn = connected(tenant.url, timeout=5)
    tenant.fail("connection_refused").then("connection_reset").then("read_timeout")
    for kind in (ConnectionRefusedError, ConnectionResetError, TimeoutError):
        with pytest.raises(kind):
            asked(conn, DATASETS)
        conn.close()
    assert json.loads(asked(conn, DATASETS, headers=tenant.headers))["status"] == "ok"


def test_a_timeout_that_is_set_later_counts() -> None:
    waited: list[float] = []

    def answer(_: Request) -> Response:
        raise Trouble("timeout", passes=waited.append)

    with in_process(answer) as url:
        conn = connected(url, timeout=30)
        conn.request("GET", "/")
        conn.sock.settimeout(4)
        with pytest.raises(TimeoutError):
            conn.getresponse()
        conn.close()
    assert waited == [4]


def test_a_request_that_no_server_understands_is_told(tenant: FakeTenant) -> None:
    conn = connected(tenant.url)
    conn.putrequest("GET", DATASETS, skip_host=True)
    with pytest.raises(Exception, match="Missing mandatory Host: header"):
        conn.endheaders()


def test_a_tenant_without_tls_answers_nobody_who_asks_by_tls() -> None:
    with FakeTenant("http://localhost:9") as tenant:
        conn = http.client.HTTPSConnection(urlsplit(tenant.url).netloc, timeout=5)
        with pytest.raises(ConnectionRefusedError):
            conn.request("GET", DATASETS)


def test_an_address_in_brackets_is_a_host_as_well() -> None:
    with FakeTenant("http://[::1]:8000") as tenant:
        assert json.loads(asked(connected(tenant.url), DATASETS, headers=tenant.headers))["status"] == "ok"
