"""A socket without a network, for any client that reads from one: it plays an answer, and the trouble on its way.

No real time passes: what a client waits is told to the trouble, and measured against the timeout of the socket.
"""

from __future__ import annotations

import errno
import http.client
import io
import math
import socket
import ssl
from typing import TYPE_CHECKING, Final

from pytest_reinfer.wire import Trouble

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.wire import Place, Request, Response

GIVES_UP: Final = 127.0  # seconds for which Linux asks for a connection that nobody answers


def asked(place: Place, request: Request) -> Response | Trouble:
    """The answer at a place, or what comes instead."""
    try:
        return place.answer(request)
    except Trouble as trouble:
        return trouble.with_traceback(None)  # which would keep the response, in a circle


def seconds(timeout: object = None) -> float | None:
    """What a timeout means that may also be a client's sign for the default of the process."""
    return timeout if timeout is None or isinstance(timeout, (int, float)) else socket.getdefaulttimeout()


def unreached(trouble: Trouble, timeout: float | None) -> OSError:
    """Why a connection is never made, as the system or TLS tells it, after the time that it takes (in seconds)."""
    if trouble.end == "dns_failure":
        return socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    if trouble.end == "connection_refused":
        return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    if trouble.end == "tls_error":
        return _untrusted()
    if timeout is None or timeout > GIVES_UP:
        trouble.passes(GIVES_UP)
        return TimeoutError(errno.ETIMEDOUT, "Connection timed out")
    trouble.passes(timeout)
    return TimeoutError("timed out")


def _untrusted() -> ssl.SSLCertVerificationError:
    """What OpenSSL says to a certificate that nobody known has signed."""
    why = "unable to get local issuer certificate"
    error = ssl.SSLCertVerificationError(1, f"[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {why}")
    error.library, error.reason, error.verify_code, error.verify_message = "SSL", "CERTIFICATE_VERIFY_FAILED", 20, why
    return error


class PlayedSocket:
    """The client's end of a connection on which the request is taken, and the answer of a trouble comes."""

    def __init__(self, trouble: Trouble) -> None:
        self._trouble = trouble
        self._timeout: float | None = None
        self._coming = pieces(trouble)
        self._come = memoryview(b"")

    def settimeout(self, seconds: float | None) -> None:
        """Wait for at most so many seconds, or for ever, whenever something is read."""
        self._timeout = seconds

    def sendall(self, data: object) -> None:
        """Take what is sent: who made this socket knows the request already."""

    def makefile(self, *_: object) -> io.BufferedReader:
        """What comes, as a file."""
        return io.BufferedReader(socket.SocketIO(self, "rb"))  # type: ignore[arg-type] # it asks for the methods here

    def recv(self, size: int) -> bytes:
        """Read at most so many bytes of what comes, as `recv_into` does."""
        buffer = memoryview(bytearray(size))
        return bytes(buffer[: self.recv_into(buffer)])

    def close(self) -> None:
        """End nothing: what was made by `makefile` can still be read."""

    _decref_socketios = close

    def recv_into(self, buffer: memoryview) -> int:
        """Read what comes, after the time that it takes; 0 at the end. OSError as a socket raises it."""
        while not self._come:
            seconds, come = next(self._coming, (0.0, None))
            self._wait(seconds)
            if come is None:
                return self._end()
            self._come = memoryview(come)
        read = min(len(buffer), len(self._come))
        buffer[:read] = self._come[:read]
        self._come = self._come[read:]
        return read

    def _end(self) -> int:
        if self._trouble.end == "connection_reset":
            raise ConnectionResetError(errno.ECONNRESET, "Connection reset by peer")
        if self._trouble.end == "timeout":
            self._wait(math.inf)
        return 0

    def _wait(self, seconds: float) -> None:
        waits = seconds if self._timeout is None else min(seconds, self._timeout)
        if waits == math.inf:
            raise self._trouble.hangs(hanging(self._trouble))
        if waits:
            self._trouble.passes(waits)
        if waits < seconds:
            raise TimeoutError("timed out")


def pieces(trouble: Trouble) -> Iterator[tuple[float, bytes | None]]:
    """What comes, each piece after so many seconds; None is the end."""
    response = trouble.response
    if response is None:
        yield trouble.delay, None
        return
    yield trouble.delay, _head(response, told=trouble.end is not None)
    size = len(response.body)
    end = size if trouble.at is None else trouble.at
    for part in range(trouble.parts):
        start, stop = size * part // trouble.parts, size * (part + 1) // trouble.parts
        if start < end or trouble.at is None:
            yield trouble.pace, response.body[start : min(stop, end)]


def _head(response: Response, *, told: bool) -> bytes:
    """Status line and headers; the length among them, if it is to be told how much of the body is to come."""
    headers = response.headers
    if told and "content-length" not in map(str.lower, headers):
        headers = {**headers, "Content-Length": str(len(response.body))}
    reason = http.client.responses.get(response.status, "")
    lines = [f"HTTP/1.1 {response.status} {reason}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def hanging(trouble: Trouble) -> str:
    """What a client is told that would wait for ever."""
    response = trouble.response
    came = (
        "no byte of an answer"
        if response is None
        else f"{len(response.body[: trouble.at])} of {len(response.body)} bytes of a body"
    )
    return (
        f"The client waits for ever: {came} came, and then nothing more, and it has set no read timeout.\n"
        "Give it one, such as `timeout=30`: on a network it would hang here too."
    )
