"""A live tenant, asked with care: bounded tries, no redirects, nothing written that must not be, no token told."""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from pytest_reinfer import __version__, contract, probes
from pytest_reinfer.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer.wire import Request

TRIES: Final = 5
TIMEOUT: Final = 60.0  # seconds, for a connection and between two parts of an answer
LONGEST: Final = 120.0  # seconds that it waits at most before it tries again, whatever it is told
MOST: Final = 64 * 1024 * 1024  # bytes of an answer
TOO_MANY, FAILING = 429, 500  # statuses after which it tries again; the second and all above


class Unanswered(OSError):
    """All tries have failed; the text says how."""


class Live:
    """A live tenant at a URL, and a token that leaves this object for that URL alone.

    endpoint: its URL, as in a browser. ValueError for what is none, and for http to anything but this machine.
    token: of the caller. ValueError for one that no header can hold.
    sleep: what waits so many seconds.
    """

    def __init__(self, endpoint: str, token: str, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self.url = _checked(endpoint)
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise ValueError("The token holds a space or something else that no header can: is it a token?")
        self._token = token
        self._sleep = sleep
        self._project: str | None = None
        self._ids: set[str] = set()
        self._pool: Any = None
        self.retried: dict[str, int] = {}  # how often, by what was answered

    def __repr__(self) -> str:
        return f"<Live {self.url}>"

    def may_write(self, project: str) -> None:
        """Let requests pass that are about this project, and about what is made in it."""
        self._project = project

    def made(self, *ids: str) -> None:
        """Let requests pass that are about what has these ids."""
        self._ids.update(ids)

    def ask(self, request: Request) -> tuple[Response, bool]:
        """The answer to a request, and whether it took more than one try.

        Raises Unanswered after TRIES tries, RuntimeError for a request that would write where nothing may be written.
        """
        if not self._may(request):
            raise RuntimeError(f"{request.method} {request.path} could change the tenant, and is not sent.")
        told = ""
        for turn in range(TRIES):
            wait = 2.0**turn
            try:
                response = self._send(request)
            except _failures() as error:
                told = type(error).__name__
            else:
                if response.status != TOO_MANY and response.status < FAILING:
                    return response, turn > 0
                told = str(response.status)
                wait = told_to_wait(response, wait)
            self.retried[told] = self.retried.get(told, 0) + 1
            if turn < TRIES - 1:
                self._sleep(wait)
        raise Unanswered(f"no answer after {TRIES} tries, at last {told}")

    def _may(self, request: Request) -> bool:
        if probes.harmless(request):
            return True
        return self._project is not None and probes.within(request, self._project, self._ids)

    def _send(self, request: Request) -> Response:
        """Send once; what comes back has no token in it."""
        if self._pool is None:
            self._pool = _pool(self.url)
        headers = {name: value.replace(probes.TOKEN, self._token) for name, value in request.headers.items()}
        headers["user-agent"] = f"pytest-reinfer/{__version__}"
        target = self.url + request.path + ("?" + request.query if request.query else "")
        answer = self._pool.request(
            request.method,
            target,
            body=request.body or None,
            headers=headers,
            redirect=False,
            retries=False,
            timeout=TIMEOUT,
            preload_content=False,
        )
        body = answer.read(MOST + 1, decode_content=True)
        if len(body) > MOST:
            answer.close()
            raise ValueError(f"{request.method} {request.path}: an answer of more than {MOST} bytes is not read.")
        answer.release_conn()
        told = {name: value.replace(self._token, probes.TOKEN) for name, value in answer.headers.items()}
        return Response(answer.status, told, body.replace(self._token.encode(), probes.TOKEN.encode()))

    def close(self) -> None:
        """Close its connections."""
        if self._pool is not None:
            self._pool.clear()


def _checked(endpoint: str) -> str:
    """The URL without a slash at its end."""
    parts = urlsplit(endpoint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ValueError(f"--endpoint is the URL of a tenant, such as https://cloud.uipath.com/..., not {endpoint!r}.")
    if parts.username or parts.password:
        raise ValueError("--endpoint holds a user or a password: the token comes from elsewhere.")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"--endpoint: the token is not sent to {parts.hostname} in the clear. Use https.")
    return endpoint.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _pool(url: str) -> Any:
    """What keeps connections: through the proxy that the environment names, if any."""
    import urllib3  # noqa: PLC0415 -- where it is used

    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy is None or proxy_bypass(parts.netloc):
        return urllib3.PoolManager()
    return urllib3.ProxyManager(proxy)


def _failures() -> tuple[type[BaseException], ...]:
    """How the network fails."""
    from urllib3.exceptions import HTTPError  # noqa: PLC0415

    return (HTTPError, OSError)


def told_to_wait(response: Response, otherwise: float) -> float:
    """The seconds until it may try again: as Retry-After says, in seconds or as a date."""
    name = contract.header("retry_after").name.lower()
    text = next((value for key, value in response.headers.items() if key.lower() == name), "")
    if text.strip().isdecimal():
        return min(float(text), LONGEST)
    try:
        return min(max(parsedate_to_datetime(text).timestamp() - time.time(), 0.0), LONGEST)
    except (ValueError, TypeError):
        return otherwise
