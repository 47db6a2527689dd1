"""The same answers and troubles in two worlds: from a real server on loopback, which really waits, and in process."""

from __future__ import annotations

import http.client
import socket
import ssl
import struct
import threading
from contextlib import ExitStack, contextmanager, suppress
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from unittest import mock
from urllib.parse import urlsplit

import trustme

from pytest_reinfer.transports import switchboard
from pytest_reinfer.wire import Place, Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Answer = Callable[[Request], Response]

AT_ONCE = struct.pack("ii", 1, 0)  # for SO_LINGER: close by a reset


@contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """The URL of a server that answers so; what `answer` raises as Trouble happens on the wire, where it was reached.

    An answer without a length ends with its connection.
    """
    over, connections, threads = threading.Event(), list[socket.socket](), list[threading.Thread]()

    def accept(server: socket.socket) -> None:
        with suppress(OSError):  # at the end
            while True:
                connections.append(server.accept()[0])
                threads.append(threading.Thread(target=serve, args=(connections[-1],)))
                threads[-1].start()

    def serve(connection: socket.socket) -> None:
        with connection, suppress(OSError):  # of a client that has gone
            while _play(connection, answer, over):
                """Keep the connection."""

    with socket.create_server(("127.0.0.1", 0)) as server:
        acceptor = threading.Thread(target=accept, args=(server,))
        acceptor.start()
        try:
            yield _url(server)
        finally:
            over.set()
            server.shutdown(socket.SHUT_RDWR)
            acceptor.join()
            for connection in connections:  # a client may keep its end
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
            for thread in threads:
                thread.join()


@contextmanager
def in_process(answer: Answer, url: str = "http://tenant.example") -> Iterator[str]:
    """The same without a network, at a URL."""

    def locate(asked: str) -> Place | None:
        parts = urlsplit(asked)
        return Place(answer, parts.path or "/", parts.query) if asked.startswith(url) else None

    with ExitStack() as stack:
        for each in switchboard.doors(locate):
            stack.enter_context(each)
        yield url


@contextmanager
def unreached(end: str) -> Iterator[str]:
    """A URL to which a connection is really never made."""
    worlds = {
        "dns_failure": _without_a_name,
        "connection_refused": _closed,
        "connect_timeout": _full,
        "tls_error": _untrusted,
    }
    with worlds[end]() as url:
        yield url


def _url(server: socket.socket, scheme: str = "http") -> str:
    host, port = server.getsockname()
    return f"{scheme}://{host}:{port}"


def _play(connection: socket.socket, answer: Answer, over: threading.Event) -> bool:
    """Read one request, if there is one, and let what comes for it come; whether the connection goes on."""
    request = _request(connection)
    if request is None:
        return False
    try:
        trouble = Trouble(response=answer(request))
    except Trouble as raised:
        trouble = raised
    over.wait(trouble.delay)
    if trouble.response is not None:
        status, headers, body = trouble.response
        if trouble.end:
            headers = {**headers, "Content-Length": str(len(body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        connection.sendall(f"HTTP/1.1 {status} {http.client.responses[status]}\r\n{lines}\r\n".encode())
        ends = [len(body) * part // trouble.parts for part in range(trouble.parts + 1)]
        for start, stop in pairwise(ends):
            over.wait(trouble.pace)
            connection.sendall(body[: trouble.at][start:stop])
    if trouble.end == "timeout":
        over.wait()
    if trouble.end == "connection_reset":
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, AT_ONCE)
    return trouble.response is not None and not trouble.end and "Content-Length" in trouble.response.headers


def _request(connection: socket.socket) -> Request | None:
    with connection.makefile("rb") as file:
        method, target = f"{file.readline().decode()}  ".split(" ")[:2]
        if not method:
            return None
        headers = {name.lower(): value for name, value in http.client.parse_headers(file).items()}
        if headers.get("transfer-encoding") != "chunked":
            body = file.read(int(headers.get("content-length", 0)))
        else:
            body = b""
            while size := int(file.readline(), 16):
                body += file.read(size)
                file.readline()
            file.readline()
    path, _, query = target.partition("?")
    return Request(method, path, query, headers, body)


@contextmanager
def _without_a_name() -> Iterator[str]:
    """A host that no resolver knows; which says so at once here."""
    resolve = socket.getaddrinfo

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    with mock.patch("socket.getaddrinfo", getaddrinfo):
        yield "http://nowhere.example"


@contextmanager
def _closed() -> Iterator[str]:
    """A port that nobody listens on, and that nobody else gets."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        yield _url(server)


@contextmanager
def _full() -> Iterator[str]:
    """A server that has accepted as many as it takes, and takes them to nobody."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, ExitStack() as stack:
        for _ in range(4):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)  # noqa: FBT003 -- the name says it
            client.connect_ex(server.getsockname())
        yield _url(server)


@contextmanager
def _untrusted() -> Iterator[str]:
    """A server whose certificate nobody known has signed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)

    def accept() -> None:
        with suppress(OSError):  # at the end
            while True:
                connection, _ = server.accept()
                with connection, suppress(OSError):  # of a client that does not trust it
                    context.wrap_socket(connection, server_side=True).close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield _url(server, "https")
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
