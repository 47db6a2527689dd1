"""The door for `http.client`, and so for `urllib.request`: connections to a tenant's host that are not made at once.

Whether a request is the tenant's, its path decides, and so it is collected first. One that is no tenant's is sent over
a real connection then.
"""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING, Any

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.transports.sockets import PlayedSocket, asked, seconds, unreached
from pytest_reinfer.wire import UNREACHED, Request, Trouble

if TYPE_CHECKING:
    import io
    import socket
    from collections.abc import Callable

    from pytest_reinfer.wire import Place

    Locate = Callable[[str], Place | None]
    Serves = Callable[[str], bool]


class DeferredSocket:
    """The client's end of a connection of which is not known yet where it leads."""

    def __init__(self, locate: Locate, connect: Callable[[], socket.socket], timeout: float | None) -> None:
        """Collect requests.

        locate: finds the place of a request's target. connect: makes the real connection, for what is no tenant's.
        """
        self._locate = locate
        self._connect = connect
        self._connecting = self._timeout = timeout
        self._coming = _Coming()
        self._real: socket.socket | None = None
        self._leads: PlayedSocket | socket.socket | None = None  # where the last whole request has led
        self._error: TypeError | None = None

    def settimeout(self, timeout: float | None) -> None:
        """Wait for at most so many seconds, or for ever, whenever something is read."""
        self._timeout = timeout
        if self._leads is not None:
            self._leads.settimeout(timeout)

    def sendall(self, data: Any) -> None:
        """Collect what is sent, and ask once a request is whole; OSError where it cannot be reached."""
        piece = bytes(memoryview(data))
        if piece and self._coming.add(piece):
            whole, self._coming = self._coming, _Coming()
            self._leads = None
            place = self._locate(whole.target)
            self._leads = self._really(whole) if place is None else self._played(whole, place)

    def _really(self, whole: _Coming) -> socket.socket:
        if self._real is None:
            self._real = self._connect()
        self._real.sendall(whole.sent)
        return self._real

    def _played(self, whole: _Coming, place: Place) -> PlayedSocket | None:
        request = Request(whole.method, place.path, place.query, whole.headers, bytes(whole.body))
        try:
            answer = asked(place, request)
        except TypeError as error:  # which http.client takes for a word on the type of what it sends
            self._error = error
            return None
        trouble = answer if isinstance(answer, Trouble) else Trouble(response=answer)
        if trouble.end in UNREACHED:
            raise unreached(trouble, self._connecting)
        played = PlayedSocket(trouble)
        played.settimeout(self._timeout)
        return played

    def makefile(self, *args: Any) -> io.BufferedReader:
        """What comes, as a file."""
        if self._error is not None:
            raise self._error
        if self._leads is None:
            raise RuntimeError("An answer is awaited, but the request is not whole: not all of its body was sent.")
        return self._leads.makefile(*args)

    def close(self) -> None:
        """End the connection; what was made by `makefile` can still be read."""
        if self._real is not None:
            self._real.close()


class _Coming:
    """A request on its way."""

    def __init__(self) -> None:
        import h11  # noqa: PLC0415 -- for those alone that use this client

        self._h11 = h11
        self._parser = h11.Connection(h11.SERVER)
        self.method = self.target = ""
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.sent = bytearray()

    def add(self, data: bytes) -> bool:
        """Go on with it; whether it is whole now."""
        self.sent += data
        self._parser.receive_data(data)
        while (event := self._parser.next_event()) is not self._h11.NEED_DATA:
            if isinstance(event, self._h11.Request):
                self.method, self.target = event.method.decode("ascii"), event.target.decode("ascii")
                self.headers = _joined(event.headers)
            elif isinstance(event, self._h11.Data):
                self.body += event.data
            else:
                return True
        return False


def _joined(headers: Any) -> dict[str, str]:
    """Headers by name; those of one name are one."""
    found: dict[str, str] = {}
    for name, value in headers:
        text = value.decode("latin-1")
        key = name.decode("ascii")
        found[key] = f"{found[key]}, {text}" if key in found else text
    return found


def _connect(locate: Locate, serves: Serves, scheme: str) -> Callable[[Link], Callable[..., Any]]:
    """What gives a connection its socket, for a tenant's host one that is deferred."""

    def make(link: Link) -> Callable[..., Any]:
        def connect(conn: Any) -> None:
            inner = scheme == "http" and isinstance(conn, http.client.HTTPSConnection)  # which HTTPS does first
            host, port = conn.host, conn.port
            if conn._tunnel_host:  # noqa: SLF001 -- no other way to know where a proxy is asked to lead to
                host, port = conn._tunnel_host, conn._tunnel_port  # noqa: SLF001
            base = f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}"
            if inner or not link.open or not serves(base):
                link.previous(conn)
                return

            def really() -> socket.socket:
                if link.open:
                    link.previous(conn)
                else:  # a tenant that was opened later may be there
                    conn.connect()
                real: socket.socket = conn.sock
                conn.sock = deferred
                return real

            def place_of(target: str) -> Place | None:
                return locate(base + target) if link.open and target.startswith("/") else None

            conn.sock = deferred = DeferredSocket(place_of, really, seconds(conn.timeout))

        return connect

    return make


def doors(locate: Locate, serves: Serves) -> list[Replaced]:
    """What leads `http.client`, while it is open, to the places that `locate` finds for URLs.

    serves: whether a tenant has URLs at a scheme, host and port, such as `https://acme.example:443`.
    """
    return [
        Replaced(http.client.HTTPConnection, "connect", _connect(locate, serves, "http")),
        Replaced(http.client.HTTPSConnection, "connect", _connect(locate, serves, "https")),
    ]
