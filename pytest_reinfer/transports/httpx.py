"""The door for `httpx` and `httpx2`, which are one client under two names.

A plain answer becomes a response of the client's own public class. Trouble on the wire is played by the client's own
transport, over connections that ask the tenant: exceptions, timeouts and `HTTPTransport(retries=)` are its own work.
"""

from __future__ import annotations

import http.client
import ssl
import sys
import time
from contextlib import contextmanager
from copy import copy
from functools import lru_cache
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.transports import respx
from pytest_reinfer.transports.sockets import PlayedSocket, asked, unreached
from pytest_reinfer.wire import UNREACHED, Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.wire import Place

    Locate = Callable[[str], Place | None]

CORES: Final = {"httpx": "httpcore", "httpx2": "httpcore2"}  # the packages that hold their connections


def _request(request: Any, place: Place, body: bytes) -> Request:
    raw = request.headers.raw
    headers = {_lower(name): value.decode("latin-1") for name, value in raw}
    if len(headers) != len(raw):  # those of one name are one
        headers = dict(request.headers.items())
    return Request(request.method, place.path, place.query, headers, body)


@lru_cache(maxsize=256)
def _lower(name: bytes) -> str:
    return name.decode("latin-1").lower()


def _response(client: Any, request: Request, answer: Response) -> Any:
    """A response as a transport hands it on: its body is still to be read."""
    return client.Response(
        answer.status,
        headers=list(answer.headers.items()),
        stream=client.ByteStream(b"" if request.method == "HEAD" else answer.body),
        extensions={"http_version": b"HTTP/1.1", "reason_phrase": _reason(answer.status)},
    )


@lru_cache(maxsize=64)
def _reason(status: int) -> bytes:
    return http.client.responses.get(status, "").encode("ascii")


# ---------------------------------------------------------------------------------------------- trouble on the wire


class _Line:
    """Where the connections for one request lead; the first of them may have its answer already."""

    def __init__(self, core: Any, place: Place, request: Request, first: Response | Trouble) -> None:
        self.core = core
        self._place = place
        self._request = request
        self._first: Response | Trouble | None = first

    def connected(self, timeout: float | None) -> PlayedSocket:
        """A connection for one attempt; OSError as the system raises it where there is none."""
        answer, self._first = self._first or asked(self._place, self._request), None
        trouble = answer if isinstance(answer, Trouble) else Trouble(response=answer)
        if trouble.end in UNREACHED:
            raise unreached(trouble, timeout)
        return PlayedSocket(trouble)


@contextmanager
def _told_as(timeout: type[Exception], error: type[Exception]) -> Iterator[None]:
    """Tell what the system raises in the words of the client."""
    try:
        yield
    except TimeoutError as why:
        raise timeout(why) from why
    except OSError as why:
        raise error(why) from why


class _Stream:
    """A connection, as a pool reads from it."""

    def __init__(self, line: _Line, timeout: float | None) -> None:
        self._core = line.core
        with _told_as(self._core.ConnectTimeout, self._core.ConnectError):
            self._socket = line.connected(timeout)

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What comes, after the time that it takes."""
        self._socket.settimeout(timeout)
        with _told_as(self._core.ReadTimeout, self._core.ReadError):
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Take what is sent: the tenant knows the request already."""

    def close(self) -> None:
        """End nothing."""

    def start_tls(self, *_: Any, **__: Any) -> _Stream:
        """Trust whoever is there."""
        return self

    def get_extra_info(self, _: str) -> None:
        """There is no socket to know more of."""


class _Backend:
    """What makes the connections of a pool."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    def connect_tcp(self, host: str, port: int, timeout: float | None = None, **_: Any) -> _Stream:  # noqa: ARG002
        """Make one to wherever the line leads."""
        return _Stream(self._line, timeout)

    def sleep(self, seconds: float) -> None:
        """Wait before the next attempt."""
        time.sleep(seconds)


@contextmanager
def _told_late(core: Any) -> Iterator[None]:
    """Tell it as clients do that wait in an event loop, which know less of what the system said."""
    try:
        yield
    except (core.ConnectTimeout, core.ReadTimeout) as told:
        why = told.__cause__
        if why is not None and getattr(why, "errno", None) is not None:  # not the client's own timeout
            raise core.ConnectError("All connection attempts failed") from why
        raise type(told)("") from why
    except core.ConnectError as told:
        if isinstance(told.__cause__, ConnectionError):
            raise core.ConnectError("All connection attempts failed") from told.__cause__
        raise
    except core.ReadError as told:
        raise core.ReadError("") from told.__cause__


class _AsyncStream:
    """The same, awaited."""

    def __init__(self, stream: _Stream, core: Any) -> None:
        self._stream = stream
        self._core = core

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 -- it is not waited
        """What comes, after the time that it takes."""
        with _told_late(self._core):
            return self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 -- as above
        """Take what is sent."""

    async def aclose(self) -> None:
        """End nothing."""

    async def start_tls(self, *_: Any, **__: Any) -> _AsyncStream:
        """Trust whoever is there."""
        return self

    def get_extra_info(self, _: str) -> None:
        """There is no socket to know more of."""


class _AsyncBackend:
    """The same, awaited."""

    def __init__(self, line: _Line) -> None:
        self._line = line

    async def connect_tcp(
        self,
        host: str,  # noqa: ARG002
        port: int,  # noqa: ARG002
        timeout: float | None = None,  # noqa: ASYNC109 -- it is not waited
        **_: Any,
    ) -> _AsyncStream:
        """Make a connection to wherever the line leads."""
        with _told_late(self._line.core):
            return _AsyncStream(_Stream(self._line, timeout), self._line.core)

    async def sleep(self, seconds: float) -> None:
        """Wait before the next attempt."""
        import anyio  # noqa: PLC0415 -- the client's own way to sleep in any event loop

        await anyio.sleep(seconds)


class _Kind(NamedTuple):
    """What differs between waiting and awaiting."""

    pool: str
    backend: type[_Backend | _AsyncBackend]


SYNC: Final = _Kind("ConnectionPool", _Backend)
ASYNC: Final = _Kind("AsyncConnectionPool", _AsyncBackend)


def _on_line(kind: _Kind, transport: Any, line: _Line) -> Any:
    """A transport like this one, whose connections lead to the tenant."""
    played = copy(transport)
    played._pool = getattr(line.core, kind.pool)(  # noqa: SLF001 -- no other way to give a transport connections
        ssl_context=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),  # never used, and dear if it is the usual one
        retries=getattr(transport._pool, "_retries", 0),  # noqa: SLF001
        network_backend=kind.backend(line),
    )
    return played


# ------------------------------------------------------------------------------------------------- the replacements


def _handle_request(locate: Locate, client: Any) -> Callable[[Link], Callable[..., Any]]:
    """What a transport does with a request, for a tenant's URLs at the tenant."""

    def make(link: Link) -> Callable[..., Any]:
        def handle_request(transport: Any, request: Any) -> Any:
            place = locate(str(request.url)) if link.open else None
            if place is None:
                return link.previous(transport, request)
            body = b"".join(request.stream)
            if respx.started() and respx.has_stub(again := _again(client, request, body)):
                return link.previous(transport, again)
            at_tenant = _request(request, place, body)
            answer = asked(place, at_tenant)
            if isinstance(answer, Response):
                return _response(client, at_tenant, answer)
            line = _Line(_core(client), place, at_tenant, answer)
            return link.previous(_on_line(SYNC, transport, line), _again(client, request, body))

        return handle_request

    return make


def _handle_async_request(locate: Locate, client: Any) -> Callable[[Link], Callable[..., Any]]:
    """The same, awaited."""

    def make(link: Link) -> Callable[..., Any]:
        async def handle_async_request(transport: Any, request: Any) -> Any:
            place = locate(str(request.url)) if link.open else None
            if place is None:
                return await link.previous(transport, request)
            from anyio.lowlevel import checkpoint  # noqa: PLC0415 -- it comes with the client

            await checkpoint()  # as on a network others have a turn before the answer, and may cancel this one
            body = b"".join([part async for part in request.stream])
            if respx.started() and respx.has_stub(again := _again(client, request, body)):
                return await link.previous(transport, again)
            at_tenant = _request(request, place, body)
            answer = asked(place, at_tenant)
            if isinstance(answer, Response):
                return _response(client, at_tenant, answer)
            line = _Line(_core(client), place, at_tenant, answer)
            return await link.previous(_on_line(ASYNC, transport, line), _again(client, request, body))

        return handle_async_request

    return make


def _core(client: Any) -> Any:
    return import_module(CORES[client.__name__])


def _again(client: Any, request: Any, body: bytes) -> Any:
    """A request that can be sent once more: its body may have been read for good."""
    return client.Request(
        request.method,
        request.url,
        headers=request.headers,
        stream=client.ByteStream(body),
        extensions=request.extensions,
    )


def doors(locate: Locate, package: str = "httpx") -> list[Replaced]:
    """What leads the client of a package that is imported, while it is open, to the places that `locate` finds."""
    client: Any = sys.modules[package]
    ways = (
        ("HTTPTransport", "handle_request", _handle_request),
        ("AsyncHTTPTransport", "handle_async_request", _handle_async_request),
    )
    return [
        Replaced(getattr(client, kind), name, make(locate, client))
        for kind, name, make in ways
        if hasattr(client, kind)  # who stubs the whole package may have left it out
    ]
