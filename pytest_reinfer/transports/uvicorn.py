"""An application on a port: answered by uvicorn, in an event loop in a thread of its own.

All that rests on uvicorn's insides stands here. Used are its protocols for HTTP (httptools where it is installed, else
h11), with their attributes `app`, `access_log`, `transport` and `connections`, and `ServerState`, which knows the
connections and tasks. Its own `Server` is not: it polls every 0.1 s by `asyncio.sleep`, which a test may lead to a
tenant's clock, and takes as long to stop.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
import time
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from uvicorn.config import Config
from uvicorn.protocols.http.auto import AutoHTTPProtocol
from uvicorn.server import ServerState

from pytest_reinfer.transports.asgi import ENDING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from pytest_reinfer.transports.asgi import Application

FOR_EVER: Final = 10**8  # seconds that an idle connection is kept: none is closed under a client that waits
RESET: Final = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)  # for SO_LINGER: close by a reset
TICK: Final = 0.001  # seconds between two looks at what is still to be sent or to end
LAST: Final = 20  # so many ticks what is under way has to end when the server stops
BACKLOG: Final = 1024  # connections that wait to be accepted


def run(app: Application, listening: socket.socket, tls: ssl.SSLContext | None) -> Callable[[], None]:
    """Answer what comes to a listening socket, until the function that is returned is called; it closes the socket."""
    ready: Future[Callable[[], object]] = Future()

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=_slow_loop if tls else _new_loop) as runner:
                runner.run(_serve(app, listening, tls, ready))
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=work, name="reinfer-server", daemon=True)
    thread.start()
    end = ready.result()

    def stop() -> None:
        end()
        thread.join()

    return stop


def _new_loop() -> asyncio.AbstractEventLoop:
    """The fastest event loop there is. Not for TLS: uvloop 0.23 never closes while a handshake is under way."""
    try:
        import uvloop  # noqa: PLC0415 -- optional
    except ImportError:
        return _slow_loop()
    return uvloop.new_event_loop()


def _slow_loop() -> asyncio.AbstractEventLoop:
    """An event loop of asyncio's, that goes by a clock which neither travels nor is led."""
    loop = asyncio.new_event_loop()
    loop.time = time.perf_counter  # type: ignore[method-assign] # as loops of others have it
    return loop


async def _serve(
    app: Application, listening: socket.socket, tls: ssl.SSLContext | None, ready: Future[Callable[[], object]]
) -> None:
    loop, state = asyncio.get_running_loop(), ServerState()
    config = Config(
        app,
        interface="asgi3",
        lifespan="off",
        ws="none",
        log_config=None,
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=FOR_EVER,
    )
    config.load()

    def connection() -> asyncio.Protocol:
        protocol: Any = AutoHTTPProtocol(config=config, server_state=state, app_state={}, _loop=loop)  # type: ignore[call-arg]
        protocol.access_log = False
        protocol.app = partial(_handing_over, app, {ENDING: partial(_end, protocol)})
        return protocol  # type: ignore[no-any-return]

    server = await loop.create_server(connection, sock=listening, ssl=tls, backlog=BACKLOG)
    over = loop.create_future()
    ready.set_result(partial(loop.call_soon_threadsafe, over.set_result, None))
    await over
    if isinstance(loop, asyncio.SelectorEventLoop):  # which would forget, unclosed, whoever it lets in while it closes
        for each in server.sockets:
            loop.remove_reader(each.fileno())
        await _tick(loop)
    server.close()
    for _ in range(LAST):
        for connected in list(state.connections):
            connected.transport.abort()
        await _tick(loop)
        if not state.connections and not state.tasks:
            break


async def _handing_over(app: Application, extensions: dict[str, Any], scope: Any, receive: Any, send: Any) -> None:
    """The application, told how a connection is ended."""
    scope["extensions"] = extensions
    await app(scope, receive, send)


async def _end(protocol: Any, how: str) -> None:
    """End a connection once what is to be sent is sent: "connection_reset", "connection_closed"; else not at all."""
    transport = protocol.transport
    if how not in ("connection_reset", "connection_closed"):
        return
    loop = asyncio.get_running_loop()
    await _tick(loop)
    while protocol in protocol.connections and transport.get_write_buffer_size():
        await _tick(loop)
    if protocol not in protocol.connections:
        return
    if how == "connection_closed":
        transport.close()
        return
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    transport.abort()


async def _tick(loop: asyncio.AbstractEventLoop) -> None:
    """Let others go on for a moment; by no `asyncio.sleep`, which may be led to a tenant's clock."""
    over = loop.create_future()
    loop.call_later(TICK, over.set_result, None)
    await over
