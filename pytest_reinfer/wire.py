"""What goes over the wire: plain values that every door and the api share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = dict[str, Any]


class Request(NamedTuple):
    """One request, as it reached the tenant.

    `path` starts below the tenant's base URL and is still percent-encoded; the names in `headers` are in lower case.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


class Response(NamedTuple):
    """One answer: status, headers as they are sent, body in bytes."""

    status: int
    headers: dict[str, str]
    body: bytes


class Exchange(NamedTuple):
    """An answer, and what the api made of the request.

    `route` is the name of the matched route, `permission` what the caller needed and had for it, `refusal` the name of
    the error in the contract; each is None where there was none.
    """

    response: Response
    route: str | None
    permission: str | None
    refusal: str | None


class Place(NamedTuple):
    """Where a URL leads: who answers there, and the path (percent-encoded) and query below the tenant's URL."""

    answer: Callable[[Request], Response]
    path: str
    query: str


class ConnectionCut(Exception):
    """The connection ends without an answer; a door turns it into what its client sees on a network."""
