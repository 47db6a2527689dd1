"""The way to a real service: a request goes out as it came in, past our own doors and guards.

What keeps an answer from coming is told as the trouble that it is, for the client to meet in its own words.
"""

from __future__ import annotations

import http.client
import socket
from contextlib import closing, suppress
from functools import cached_property
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import urlsplit

from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Resolve = Callable[..., list[tuple[Any, ...]]]

CONNECTING: Final = 30.0  # seconds that a connection may take
SILENT: Final = 120.0  # seconds without a byte, after which no answer is awaited any longer
MOST_BODY: Final = 100 * 1024 * 1024  # bytes
PIECE: Final = 65_536  # bytes that are read at a time
LENGTH: Final = "Content-Length"
OF_ONE_CONNECTION: Final = (  # headers that each connection has of its own
    *("host", "connection", "keep-alive", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect"),
    *("proxy-authorization", "proxy-connection", "accept-encoding"),
)


class Came(NamedTuple):
    """An answer, the seconds until its head was there, and the most that its body was awaited at a time."""

    response: Response
    delay: float
    pace: float


class Onward:
    """Sends requests to one host, over a connection for each. All methods may be called from any thread.

    resolve: `socket.getaddrinfo`, as it is without guards.
    proxy: the URL of one that leads there, for https alone.
    Certificates are verified, by those of the system, `SSL_CERT_FILE` and certifi. Redirects are answers.
    """

    def __init__(self, url: str, resolve: Resolve, proxy: str | None = None) -> None:
        parts = urlsplit(url)
        self._https = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._https else 80)
        self._base = parts.path
        self._resolve = resolve
        self._proxy = urlsplit(proxy) if proxy and self._https else None

    def send(self, request: Request) -> Came:
        """Send a request to its path below the URL. Raises Trouble for what comes instead of an answer."""
        started = monotonic()
        target = self._base + request.path + f"?{request.query}" * bool(request.query)
        headers = {name: value for name, value in request.headers.items() if name.lower() not in OF_ONE_CONNECTION}
        conn = http.client.HTTPConnection(self._host, self._port)
        conn.default_port = 443 if self._https else 80  # which is left out of the header Host
        conn.sock = self._connected()
        try:
            return _exchanged(conn, request.method, target, headers, request.body, started)
        finally:
            conn.close()

    def _connected(self) -> socket.socket:
        """A socket to the host, or Trouble: the end by which it is not reached."""
        started, sock = monotonic(), None
        end = "connection_refused"
        try:
            sock = self._reached()
            if self._proxy is not None:
                self._tunnelled(sock)
            end = "tls_error"
            if self._https:
                sock = self._tls.wrap_socket(sock, server_hostname=self._host)
            sock.settimeout(SILENT)
        except (OSError, http.client.HTTPException) as error:
            if sock is not None:
                sock.close()
            ends = {socket.gaierror: "dns_failure", TimeoutError: "connect_timeout"}
            end = next((ends[kind] for kind in ends if isinstance(error, kind)), end)
            raise Trouble(end, delay=monotonic() - started) from error
        return sock

    def _reached(self) -> socket.socket:
        """A connection to the first of the addresses that takes one."""
        host, port = self._host, self._port
        if self._proxy is not None:
            host, port = self._proxy.hostname or "", self._proxy.port or 80
        problem: OSError = socket.gaierror(socket.EAI_NONAME, f"{host} has no address")
        for family, kind, protocol, _, address in self._resolve(host, port, 0, socket.SOCK_STREAM):
            sock = socket.socket(family, kind, protocol)
            try:
                sock.settimeout(CONNECTING)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                sock.connect(address)
            except OSError as error:
                sock.close()
                problem = error
            else:
                return sock
        raise problem

    def _tunnelled(self, sock: socket.socket) -> None:
        """Have a proxy lead on to the host; OSError where it does not."""
        place = f"{self._host}:{self._port}"
        asked = f"CONNECT {place} HTTP/1.1\r\nHost: {place}\r\n"
        if self._proxy is not None and self._proxy.username is not None:
            from base64 import b64encode  # noqa: PLC0415 -- hardly ever
            from urllib.parse import unquote  # noqa: PLC0415

            known = f"{unquote(self._proxy.username)}:{unquote(self._proxy.password or '')}"
            asked += f"Proxy-Authorization: Basic {b64encode(known.encode()).decode()}\r\n"
        sock.sendall(f"{asked}\r\n".encode("ascii"))
        with closing(http.client.HTTPResponse(sock, method="CONNECT")) as answer:
            answer.begin()
        if answer.status != http.client.OK:
            raise OSError(f"the proxy {self._proxy and self._proxy.hostname} answered {answer.status}")

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        import ssl  # noqa: PLC0415 -- only for https

        context = ssl.create_default_context()
        with suppress(ImportError):
            import certifi  # noqa: PLC0415

            context.load_verify_locations(certifi.where())
        return context


def _exchanged(
    conn: http.client.HTTPConnection, method: str, target: str, headers: dict[str, str], body: bytes, started: float
) -> Came:
    """The answer to one request that started at a moment; Trouble for how the connection ends before it is whole."""
    answer, come, delay, pace = None, bytearray(), 0.0, 0.0
    try:
        conn.request(method, target, body or None, headers)
        answer = conn.getresponse()
        now = monotonic()
        delay = now - started
        while piece := answer.read1(PIECE):
            come += piece
            pace, now = max(pace, monotonic() - now), monotonic()
            if len(come) > MOST_BODY:
                raise ValueError(f"{method} {target.partition('?')[0]}: the answer is longer than {MOST_BODY} bytes.")
        if answer.length:  # so much is still to come
            raise http.client.IncompleteRead(b"", answer.length)
        length = answer.headers.get(LENGTH) if method == "HEAD" else str(len(come))
        return Came(_response(answer, bytes(come), length), delay, pace)
    except (OSError, http.client.HTTPException) as error:
        reset = isinstance(error, ConnectionResetError) and not isinstance(error, http.client.RemoteDisconnected)
        end = "timeout" if isinstance(error, TimeoutError) else "connection_reset" if reset else "connection_closed"
        if answer is None:
            raise Trouble(end, delay=monotonic() - started) from error
        length = answer.headers.get(LENGTH, str(len(come) + 1))
        raise Trouble(end, _response(answer, bytes(come), length), delay=delay, pace=pace) from error
    finally:
        if answer is not None:
            answer.close()


def _response(answer: http.client.HTTPResponse, body: bytes, length: str | None) -> Response:
    """An answer with the headers that are not about its connection, those of one name as one, and a length."""
    found: dict[str, str] = {}
    for name, value in answer.getheaders():
        key = next((known for known in found if known.lower() == name.lower()), name)
        if name.lower() not in OF_ONE_CONNECTION:
            found[key] = f"{found[key]}, {value}" if key in found else value
    return Response(answer.status, found if length is None else {**found, LENGTH: length}, body)
