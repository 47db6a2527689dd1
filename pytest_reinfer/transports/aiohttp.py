"""The door for `aiohttp`: its own connector, protocol and parser, on a transport that plays what the tenant answers.

A request for a tenant goes through the connector, with its limits, as one of a host of its own: it never meets a
pooled connection of the network, and its connection serves no second request. What aiohttp writes is read as a server
would, and what comes is fed to aiohttp's parser; no response is made here.
"""

from __future__ import annotations

import asyncio
import errno
import math
from importlib import import_module
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.transports.sockets import GIVES_UP, hanging, pieces, unreached
from pytest_reinfer.transports.waits import Waits
from pytest_reinfer.wire import UNREACHED, Request, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from aiohttp import ClientRequest

    from pytest_reinfer.transports.waits import Wait
    from pytest_reinfer.wire import Place

    Locate = Callable[[str], Place | None]


class _Call:
    """One call of a session, with its redirects and repetitions: their timer, seconds waited, and why it has failed."""

    def __init__(self, timer: Any) -> None:
        self.timer = timer
        self.waited = 0.0
        self.unreached: BaseException | None = None


class _Key(NamedTuple):
    """What the connector knows the connections to a tenant by, in place of the key of a host on the network."""

    key: Any

    @property
    def is_ssl(self) -> bool:
        """Never: there is no socket to clean up after."""
        return False


class _Led:
    """A request as the connector sees it that is a tenant's."""

    def __init__(self, client: Any, request: ClientRequest, place: Place, call: _Call, waits: Waits) -> None:
        self.client = client  # the package
        self.request = request
        self.place = place
        self.call = call
        self.waits = waits
        self.connection_key = _Key(request.connection_key)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.request, name)


class _Played(asyncio.Transport):
    """A connection that takes one request, and plays what comes for it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, protocol: Any, led: _Led, timeout: Any) -> None:
        super().__init__({"peername": (led.request.host, led.request.port)})
        self._loop = loop
        self._protocol = protocol
        self._read = protocol.read
        protocol.read = self.read
        self._led = led
        self._timeout = timeout
        self._h11 = import_module("h11")
        self._server = self._h11.Connection(self._h11.SERVER)
        self._sent = bytearray()
        self._trouble = Trouble()
        self._coming: Iterator[tuple[float, bytes | None]] = iter(())
        self._wait: Wait | None = None
        self._next: asyncio.Handle | None = None
        self._paused = self._closing = False

    # ------------------------------------------------------------------------------------------- what aiohttp asks

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Take a part of the request; when it is whole, wake who awaits the answer."""
        self._server.receive_data(bytes(data))
        while (event := self._server.next_event()) is not self._h11.NEED_DATA:
            if isinstance(event, self._h11.Request):
                self._request = event
            elif isinstance(event, self._h11.Data):
                self._sent += event.data
            else:
                self._protocol.feed_data(self, 0)
                return
        if self._server.they_are_waiting_for_100_continue:
            go_on = self._h11.InformationalResponse(status_code=100, headers=[], reason="Continue")
            self._loop.call_soon(self._protocol.data_received, self._server.send(go_on))

    def pause_reading(self) -> None:
        """Let nothing come."""
        self._paused = True

    def resume_reading(self) -> None:
        """Let come what there is."""
        if self._paused:
            self._paused = False
            self._go_on_soon()

    def is_closing(self) -> bool:
        """Whether it has ended."""
        return self._closing

    def close(self) -> None:
        """End it."""
        self._lose(None)

    abort = close

    # ----------------------------------------------------------------------------------------------- what comes

    async def read(self) -> Any:
        """What the protocol's own `read` gives. The task that awaits an answer asks for it, from its own lines."""
        message = await self._read()
        if message is not self:
            return message  # such as "100 Continue"
        del self._protocol.read
        self._ask()
        return await self._read()

    def _ask(self) -> None:
        request, place = self._request, self._led.place
        headers: dict[str, str] = {}
        for name, value in ((name.decode(), value.decode("latin-1")) for name, value in request.headers):
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        method = request.method.decode()
        try:
            response = place.answer(Request(method, place.path, place.query, headers, bytes(self._sent)))
        except Trouble as trouble:
            self._trouble = trouble.with_traceback(None)
        else:
            self._trouble = Trouble(response=response)
        if self._trouble.end in UNREACHED:
            self._unreach()
        else:
            self._coming = _bursts(islice(pieces(self._trouble), 1 if method == "HEAD" else None))  # which is the head
            self._go_on_soon()  # aiohttp may still have a task that has nothing more to write

    def _go_on_soon(self) -> None:
        if self._next is None:
            self._next = self._loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """Let the next piece come, after the time that it takes."""
        self._next = None
        if self._closing or self._paused or self._wait:
            return
        seconds, piece = next(self._coming, (0.0, None))
        self._after(seconds, lambda: self._come(piece), self._timeout.sock_read, self._protocol._on_read_timeout)  # noqa: SLF001

    def _come(self, piece: bytes | None) -> None:
        if piece is not None:
            self._protocol.data_received(piece)
            self._go_on_soon()  # who reads has its turn before
        elif self._trouble.end == "connection_reset":
            self._lose(ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"))
        elif self._trouble.end == "timeout":
            self._after(math.inf, self._go_on, self._timeout.sock_read, self._protocol._on_read_timeout)  # noqa: SLF001
        else:
            self._protocol.eof_received()
            self._lose(None)

    def _unreach(self) -> None:
        """Fail as if there were no connection, which aiohttp raises in the same place."""
        end, request, client = self._trouble.end, self._led.request, self._led.client
        if end == "connect_timeout":
            self._after(GIVES_UP, self._give_up, self._until_connected(), self._too_late)
            return
        error = unreached(self._trouble, None)
        if end == "connection_refused":
            error = _refused(error.errno, request)
        kinds: dict[str | None, Any] = {
            "dns_failure": getattr(client, "ClientConnectorDNSError", client.ClientConnectorError),  # since 3.10
            "tls_error": client.ClientConnectorCertificateError,
        }
        kind = kinds.get(end, client.ClientConnectorError)
        self._fail_to_connect(error, kind(request.connection_key, error))

    def _until_connected(self) -> float | None:
        """Seconds that a connection may take."""
        return min(filter(None, (self._timeout.connect, self._timeout.sock_connect)), default=None)

    def _give_up(self) -> None:
        request, client = self._led.request, self._led.client
        error = _refused(errno.ETIMEDOUT, request)
        self._fail_to_connect(error, client.ClientConnectorError(request.connection_key, error))

    def _too_late(self) -> None:
        request, client = self._led.request, self._led.client
        kind = getattr(client, "ConnectionTimeoutError", client.ServerTimeoutError)  # since 3.10
        over = _by(asyncio.CancelledError(), TimeoutError())  # as asyncio tells it
        self._fail_to_connect(over, kind(f"Connection timeout to host {request.url}"))

    def _fail_to_connect(self, cause: BaseException, error: BaseException) -> None:
        self._led.call.unreached = _by(cause, error)
        self._fail(error)

    def _after(self, seconds: float, then: Callable[[], object], limit: float | None, late: Any) -> None:
        """Do something after a while; or what is to be done at the limit, be it that of aiohttp for the whole call."""
        call = self._led.call
        left = self._timeout.total - call.waited if self._timeout.total else math.inf
        waits = min(seconds, limit or math.inf, max(left, 0))
        if waits == math.inf:
            self._fail(self._trouble.hangs(hanging(self._trouble)))
            return
        if waits < seconds:
            then = late if waits == limit else call.timer.timeout
        call.waited += waits

        def over(error: Exception | None) -> None:
            if self._wait is None:  # the end of another wait has ended this
                return
            self._wait = None
            if error is None:
                then()
            else:
                self._fail(error)

        if waits:
            self._wait = self._led.waits.add(self._loop, waits, self._trouble.passes, over)
        else:
            then()

    def _fail(self, error: BaseException) -> None:
        """Raise something where the answer is awaited, or read."""
        payload = self._protocol._payload  # noqa: SLF001 -- aiohttp's own timeout does the same
        self._protocol.set_exception(error)
        if payload is not None:
            payload.set_exception(error)

    def _lose(self, error: Exception | None) -> None:
        if self._wait is not None:
            self._led.waits.drop(self._wait)
            self._wait = None
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, error)


def _bursts(coming: Iterable[tuple[float, bytes | None]]) -> Iterator[tuple[float, bytes]]:
    """What comes, with what comes without a wait in one: who looks at the head of a small answer has it all."""
    wait, burst = 0.0, b""
    for seconds, piece in coming:
        if seconds and (wait or burst):
            yield wait, burst
            wait, burst = 0.0, b""
        wait += seconds
        burst += piece or b""
    yield wait, burst


def _by(cause: BaseException, error: BaseException) -> BaseException:
    """An error, with what it comes from."""
    error.__cause__ = error.__context__ = cause
    return error


def _refused(number: int | None, request: ClientRequest) -> OSError:
    """What asyncio tells of an address that lets nobody in."""
    return OSError(number, f"Connect call failed {(request.host, request.port)}")


# ------------------------------------------------------------------------------------------------- the replacements


def _connect(client: Any, locate: Locate) -> Callable[[Link], Callable[..., Any]]:
    """What gets a connection for a request; of its own for one that is a tenant's."""
    calls: WeakKeyDictionary[asyncio.Task[Any], _Call] = WeakKeyDictionary()
    waits: WeakKeyDictionary[asyncio.AbstractEventLoop, Waits] = WeakKeyDictionary()

    def lead(request: ClientRequest, place: Place) -> _Led:
        task, loop, timer = asyncio.current_task(), asyncio.get_running_loop(), request._timer  # noqa: SLF001
        assert task is not None  # noqa: S101 -- aiohttp's own timers ask for one
        call = calls.get(task)
        if call is None or call.timer is not timer:
            call = calls[task] = _Call(timer)
        if call.unreached is not None and not hasattr(client, "ClientMiddlewareType"):
            raise call.unreached  # before 3.12, aiohttp takes it for a reset and connects again; later, only others do
        return _Led(client, request, place, call, waits.setdefault(loop, Waits()))

    def make(link: Link) -> Callable[..., Any]:
        async def connect(connector: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
            if link.open and isinstance(connector, client.TCPConnector) and not isinstance(request, _Led):
                place = locate(_http(request.url))
                if place is not None:
                    request = lead(request, place)
            return await link.previous(connector, request, *args, **kwargs)

        return connect

    return make


def _http(url: Any) -> str:
    """A URL as the tenant knows it; a web socket asks by http."""
    return f"http{str(url)[2:]}" if url.scheme in ("ws", "wss") else str(url)


def _create_connection(link: Link) -> Callable[..., Any]:
    """What makes a connection; to a tenant, one that is played."""

    async def create_connection(connector: Any, request: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109
        if not isinstance(request, _Led):
            return await link.previous(connector, request, traces, timeout)
        protocol = connector._factory()  # noqa: SLF001 -- as the connector does itself
        protocol.force_close()  # after this request
        protocol.connection_made(_Played(asyncio.get_running_loop(), protocol, request, timeout))
        return protocol

    return create_connection


def doors(locate: Locate) -> list[Replaced]:
    """What leads `aiohttp`, as it is imported now, while it is open, to the places that `locate` finds for URLs."""
    client = import_module("aiohttp")
    return [
        Replaced(client.TCPConnector, "_create_connection", _create_connection),
        Replaced(client.BaseConnector, "connect", _connect(client, locate)),
    ]
