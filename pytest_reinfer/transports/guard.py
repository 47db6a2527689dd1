"""The guard at name resolution: what no door sees must not reach a real tenant."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from fnmatch import fnmatch
from functools import cache, lru_cache, partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_reinfer import contract
from pytest_reinfer.patching import Link, Replaced

if TYPE_CHECKING:
    from collections.abc import Callable


class ReachedForTenant(RuntimeError):
    """Somebody was about to resolve the host name of a tenant. No OSError: no client takes it for the network's."""


@cache
def hosts() -> tuple[str, ...]:
    """The host names of the service's tenants, as patterns."""
    urls = (server["url"] for server in contract.convention("x-servers"))
    names = (url.partition("://")[2].partition("/")[0] for url in urls)
    patterns = [".".join("*" if part.startswith("{") else part for part in name.split(".")) for name in names]
    return (*patterns, *(pattern.removeprefix("*.") for pattern in patterns if pattern.startswith("*.")))


@lru_cache(maxsize=64)
def host_of(url: str) -> str | None:
    """The host that a tenant's URL asks to be guarded; loopback needs no guard."""
    host = urlsplit(url).hostname or ""
    return None if host == "localhost" or host.replace(".", "").isdigit() or ":" in host else host


def refuse(host: object, guarded: tuple[str, ...], allowed: tuple[str, ...] = ()) -> None:
    """Raise ReachedForTenant for a host that is among the guarded patterns and not among the allowed ones."""
    name = host.decode("ascii", "replace") if isinstance(host, bytes) else host
    if not isinstance(name, str) or not _among(name, guarded) or _among(name, allowed):
        return
    raise ReachedForTenant(
        f"The thread {threading.current_thread().name!r} was about to reach {name}, where real tenants live.\n"
        "It was stopped. A request gets here when no open tenant serves its URL: the test did not ask for the fixture "
        "`reinfer`, the URL is not below `reinfer.url`, the thread outlived its test, or the client is one that this "
        "version has no door for (it has them for `requests`, `urllib3`, `httpx`, `httpx2`, `aiohttp`, `http.client` "
        "and `urllib.request`).\n"
        "A test that means to reach this host: add it to the ini option `reinfer_allow_hosts`."
    )


def _among(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch(name.lower().rstrip("."), pattern.lower()) for pattern in patterns)


def uvloop_guards(loop: type) -> list[Replaced]:
    """Has a loop of uvloop, which resolves names by itself, ask Python's resolver first, where the guards stand."""

    def make(link: Link, place: int) -> Callable[..., Any]:
        def resolve(own: Any, *args: Any, **kwargs: Any) -> Any:
            host = kwargs.get("host", args[place] if len(args) > place else None)
            if link.open and isinstance(host, (str, bytes)):
                with suppress(OSError):  # it is no address, and so asked for no further here
                    socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
            return link.previous(own, *args, **kwargs)

        return resolve

    places = {"getaddrinfo": 0, "create_connection": 1}
    return [Replaced(loop, name, partial(make, place=place)) for name, place in places.items()]


def guard(url: str, tell: Callable[[str], object]) -> Replaced:
    """Refuses, while it is open, to resolve the host of a tenant's URL, and tells that it was asked for."""
    host = host_of(url)

    def make(link: Link) -> Callable[..., Any]:
        def getaddrinfo(name: Any, *args: Any, **kwargs: Any) -> Any:
            if link.open and host is not None:
                try:
                    refuse(name, (host,))
                except ReachedForTenant as reached:
                    tell(str(reached))
                    raise
            return link.previous(name, *args, **kwargs)

        return getaddrinfo

    return Replaced(socket, "getaddrinfo", make)
