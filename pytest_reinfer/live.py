"""A live tenant, asked with care: bounded tries, no redirects, nothing written that must not be, no token told."""

from __future__ import annotations

import json
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
PATIENCE: Final = 600.0  # seconds that it waits in all to try again
TOLD: Final = 4.0  # seconds: shorter waits are not told
MOST: Final = 64 * 1024 * 1024  # bytes of an answer
TOO_MANY, FAILING = 429, 500  # statuses after which it tries again; the second and all above


class Unanswered(OSError):
    """All tries have failed; the text says how."""


class Live:
    """A live tenant at a URL, and a token that leaves this object for that URL alone.

    endpoint: its URL, as in a browser. ValueError for what is none, and for http to anything but this machine.
    token: of the caller. ValueError for one that no header can hold.
    sleep: what waits so many seconds.
    tell: what takes a line for whoever waits for the end.
    """

    def __init__(
        self,
        endpoint: str,
        token: str,
        *,
        sleep: Callable[[float], object] = time.sleep,
        tell: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.url = _checked(endpoint)
        if not re.fullmatch(r"[\x21-\x7e]+", token):
            raise ValueError("The token holds a space or something else that no header can: is it a token?")
        self._token = token
        self._sleep = sleep
        self.tell = tell
        self.patience = PATIENCE
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

        Raises Unanswered after TRIES tries, or when it has waited for PATIENCE seconds in all; RuntimeError for a
        request that would write where nothing may be written; NotKnown for one that writes to what has an id, where the
        tenant does not say that it belongs to the project.
        """
        if not self._may(request):
            raise RuntimeError(f"{request.method} {request.path} could change the tenant, and is not sent.")
        if not probes.harmless(request):
            self._look(request)
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
            if turn == TRIES - 1:
                break
            if wait > self.patience:
                raise Unanswered(f"{told} at try {turn + 1}, and there is no patience left for {wait:g} s more")
            if wait >= TOLD:
                self.tell(f"{request.method} {request.path}: {told}; it is asked again in {wait:g} s")
            self.patience -= wait
            self._sleep(wait)
        raise Unanswered(f"no answer after {TRIES} tries, at last {told}")

    def _look(self, request: Request) -> None:
        """Look whom that belongs to which is named by its id alone."""
        asked = None if self._project is None else probes.look(request, self._project)
        if asked is not None and not probes.shows_owner(self.ask(asked)[0], self._project or ""):
            raise probes.NotKnown(f"{request.path} is not shown to be of {self._project}, so it is not sent")

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
        return Response(answer.status, told, _blanked(body, self._token))

    def close(self) -> None:
        """Close its connections."""
        if self._pool is not None:
            self._pool.clear()


def _blanked(body: bytes, token: str) -> bytes:
    """A body without the token, also where its JSON writes that in escapes."""
    body = body.replace(token.encode(), probes.TOKEN.encode())
    if b"\\" not in body:
        return body
    try:
        value = json.loads(body)
        return json.dumps(_without(value, token)).encode() if token in _plain(value) else body
    except ValueError:
        return body
    except RecursionError:
        raise ValueError("An answer of so many lists in lists is not read.") from None


def _plain(value: Any) -> str:
    """All the texts in a value, one after the other, each on a line."""
    if isinstance(value, dict):
        return "\n".join(f"{key}\n{_plain(each)}" for key, each in value.items())
    if isinstance(value, list):
        return "\n".join(map(_plain, value))
    return value if isinstance(value, str) else ""


def _without(value: Any, token: str) -> Any:
    if isinstance(value, dict):
        return {_without(key, token): _without(each, token) for key, each in value.items()}
    if isinstance(value, list):
        return [_without(each, token) for each in value]
    return value.replace(token, probes.TOKEN) if isinstance(value, str) else value


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
