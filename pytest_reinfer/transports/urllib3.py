"""The door for `urllib3`: its own connections and retries, on a socket that plays what the tenant answers."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from copy import copy
from typing import TYPE_CHECKING, Any

from urllib3 import HTTPConnectionPool
from urllib3.util import connection

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.transports.sockets import PlayedSocket, asked, seconds, unreached
from pytest_reinfer.wire import UNREACHED, Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.wire import Place

    Locate = Callable[[str], Place | None]


class Handed(threading.local):
    """What another door hands on to the requests of its thread: their place, and an answer to the first of them."""

    place: Place | None = None
    answer: Response | Trouble | None = None

    @contextmanager
    def over(self, place: Place | None, answer: Response | Trouble | None) -> Iterator[None]:
        """Hand on, or for None nothing, what is sent inside of a with block."""
        before = self.place, self.answer
        self.place, self.answer = place, answer
        try:
            yield
        finally:
            self.place, self.answer = before


def text(value: str | bytes) -> str:
    """The text of a header."""
    return value.decode("latin-1") if isinstance(value, bytes) else value


def sent(body: Any) -> bytes:
    """The bytes that urllib3 would send for a body."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if hasattr(body, "read"):
        return sent(body.read())
    return bytes(body) if isinstance(body, (bytes, bytearray, memoryview)) else b"".join(map(sent, body))


class _Unreached(str):
    """The name of a host that cannot be reached."""

    __slots__ = ("trouble",)
    trouble: Trouble


def _make_request(locate: Locate, handed: Handed) -> Callable[[Link], Callable[..., Any]]:
    """One attempt of a pool, for a tenant's URLs at the tenant."""

    def make(link: Link) -> Callable[..., Any]:
        def make_request(pool: HTTPConnectionPool, conn: Any, method: str, url: str, **kwargs: Any) -> Any:
            answered = hasattr(conn, "reinfer_trouble")  # by a door over this one
            place = None if answered else handed.place or (locate(_absolute(pool, url)) if link.open else None)
            if place is None:
                return link.previous(pool, conn, method, url, **kwargs)
            answer, handed.answer = handed.answer, None
            if answer is None:
                body = sent(kwargs.get("body"))
                headers = {text(name).lower(): text(value) for name, value in (kwargs.get("headers") or {}).items()}
                answer = asked(place, Request(method, place.path, place.query, headers, body))
            trouble = answer if isinstance(answer, Trouble) else Trouble(response=answer)
            return link.previous(pool, _connection(conn, trouble), method, url, **kwargs)

        return make_request

    return make


def _absolute(pool: HTTPConnectionPool, url: str) -> str:
    """The URL that a pool is asked for by its path; by the whole, if the pool is a proxy's."""
    if not url.startswith("/"):
        return url
    host = f"[{pool.host}]" if ":" in pool.host else pool.host
    port = "" if pool.port is None else f":{pool.port}"
    return f"{pool.scheme}://{host}{port}{url}"


def _connection(conn: Any, trouble: Trouble) -> Any:
    """A connection such as a pool's, to be used once; the pool's own stays as it is, for others and for the network."""
    played = copy(conn)
    played.sock, played.reinfer_trouble = None, trouble
    if trouble.end not in UNREACHED:
        played.sock, played.is_verified = PlayedSocket(trouble), True
    elif trouble.end == "tls_error":
        played.connect = _failing(trouble)
    else:
        played.host = host = _Unreached(conn.host)
        host.trouble = trouble
    return played


def _failing(trouble: Trouble) -> Callable[[], None]:
    def connect() -> None:
        raise unreached(trouble, None)

    return connect


def _create_connection(link: Link) -> Callable[..., Any]:
    """What gives a socket to a connection; to those that are not to be made, the system's error."""

    def create_connection(address: tuple[str, int], *args: Any, **kwargs: Any) -> Any:
        host = address[0]
        if isinstance(host, _Unreached):
            raise unreached(host.trouble, seconds(*args[:1]))
        return link.previous(address, *args, **kwargs)

    return create_connection


def doors(locate: Locate, handed: Handed) -> list[Replaced]:
    """What leads `urllib3`, while it is open, to the places that `locate` finds for URLs, or to those handed on."""
    return [
        Replaced(connection, "create_connection", _create_connection),
        Replaced(HTTPConnectionPool, "_make_request", _make_request(locate, handed)),
    ]
