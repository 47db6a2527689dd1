"""What goes over the wire: plain values that every door and the api share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JSON = dict[str, Any]
UNREACHED = ("dns_failure", "connection_refused", "connect_timeout", "tls_error")  # ends before a request is sent
BROKEN = ("connection_reset", "connection_closed", "timeout")  # ends while an answer is awaited, or is coming
ENDS = (*UNREACHED, *BROKEN)


def _nothing(_: float) -> None:
    """Let time pass unnoticed."""


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


class Trouble(Exception):
    """The answer does not simply come: what the client meets on the wire instead. Raised in the place of a response.

    end: how the connection ends, one of ENDS; None where it ends as ever.
    response: what comes of an answer; None where nothing does.
    at: so many bytes of its body come before the end; None: all of them. Its head tells the length of the whole.
    delay: seconds before the first byte comes.
    parts, pace: the body comes in so many parts, and before each of them so many seconds pass.
    passes: told how many seconds a client has waited on the wire, on the tenant's clock and not in real time.
    hangs: told of a client that would wait for ever, having set no timeout; the exception for it to meet.
    """

    def __init__(
        self,
        end: str | None = None,
        response: Response | None = None,
        *,
        at: int | None = None,
        delay: float = 0,
        parts: int = 1,
        pace: float = 0,
        passes: Callable[[float], object] = _nothing,
        hangs: Callable[[str], BaseException] = RuntimeError,
    ) -> None:
        super().__init__(end or "slow")
        self.end = end
        self.response = response
        self.at = at
        self.delay = delay
        self.parts = parts
        self.pace = pace
        self.passes = passes
        self.hangs = hangs
