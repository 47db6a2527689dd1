"""Tenants on a real port of this machine, for whatever speaks HTTP: other languages, other processes, services."""

from __future__ import annotations

import errno
import os
import socket
from contextlib import suppress
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit

from pytest_reinfer import api, contract
from pytest_reinfer.refusal import RouteNotBuilt
from pytest_reinfer.transports import asgi
from pytest_reinfer.wire import UNREACHED, Request, Response, Trouble

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    from pytest_reinfer.fake import FakeTenant

HOST: Final = "127.0.0.1"  # and no other: nothing here is for a network
MOST_PORTS: Final = 65_535
# Where clients are told of authorities: OpenSSL, requests, curl, Node.
TRUST: Final = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")


@lru_cache(maxsize=16)
def tenant_url(server: str, name: str) -> str:
    """The URL of a tenant of this name on a server, in the form that the service has for several on one host."""
    addresses = (urlsplit(each["url"]).path for each in contract.convention("x-servers"))
    path: str = next(address for address in addresses if address)
    return server + path.format(organisation="acme", tenant=name)


def _without_proxy() -> dict[str, str]:
    """What keeps a program from asking a proxy for what is on this machine, where one is set."""
    if not any(name.lower() in ("https_proxy", "http_proxy", "all_proxy") for name in os.environ):
        return {}
    name = "no_proxy" if "no_proxy" in os.environ else "NO_PROXY"
    return {name: ",".join(filter(None, [os.environ.get(name), HOST]))}


class Server:
    """Tenants on one port of loopback, told apart by their paths, answered in a thread of this process.

    A context manager, or `start` and `close`. All methods may be called from any thread.

    port: which; 0 is any that is free.
    tls: speak https, with a certificate that `environment` of each tenant says how to trust. Needs pytest-reinfer[tls].
    pages: asked first about every request, with the whole path in `Request.path`; None where it is not its own.
    """

    def __init__(
        self, port: int = 0, *, tls: bool = False, pages: Callable[[Request], Response | None] | None = None
    ) -> None:
        if port not in range(MOST_PORTS + 1):
            raise ValueError(f"A port is a whole number from 0, for any that is free, to {MOST_PORTS}, not {port!r}.")
        self._port = port
        self._tls = tls
        self._pages = pages
        self._tenants: dict[str, FakeTenant] = {}  # by their paths
        self._depths: tuple[int, ...] = ()  # how many segments these have, the longest first
        self._environment: dict[str, str] = {}
        self._url = ""
        self._stop: Callable[[], None] | None = None
        self._listening: socket.socket | None = None
        self._process = 0

    def __repr__(self) -> str:
        return f"<Server {self._url or 'not started'}: {len(self._tenants)} tenants>"

    @property
    def url(self) -> str:
        """Where it answers, such as `http://127.0.0.1:41234`; RuntimeError before it has started."""
        if not self._url:
            raise RuntimeError("The server has no URL yet: start it first, by `start()` or in a with block.")
        return self._url

    def start(self) -> Self:
        """Listen. Raises RuntimeError where it does already, OSError for a port that is taken."""
        if self._stop is not None:
            raise RuntimeError(f"{self!r} has been started already.")
        from pytest_reinfer.transports import uvicorn  # noqa: PLC0415 -- costs 150 ms

        try:
            listening = socket.create_server((HOST, self._port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            raise OSError(
                error.errno,
                f"The port {self._port} of {HOST} is taken: another program listens there, or another server of this "
                "one. Without a number, Server() takes a port that is free.",
            ) from None
        self._listening = listening.dup()  # the event loop closes what it is given
        try:
            app = asgi.application(self._answer)
            self._stop = uvicorn.run(app, listening, self._certified() if self._tls else None)
        except BaseException:
            listening.close()
            self._listening.close()
            raise
        self._process = os.getpid()
        self._url = f"{'https' if self._tls else 'http'}://{HOST}:{self._listening.getsockname()[1]}"
        return self

    def close(self) -> None:
        """End all connections and free the port, at once. In a process forked from the one that started it: nothing."""
        stop, listening, self._stop = self._stop, self._listening, None
        if stop is None or listening is None or self._process != os.getpid():
            return
        stop()
        with listening, suppress(OSError):  # a forked process may hold the port too, and would keep it open
            listening.shutdown(socket.SHUT_RDWR)
        for path in set(self._environment.values()):
            Path(path).unlink(missing_ok=True)
        self._url, self._environment = "", {}
        for tenant in tuple(self._tenants.values()):
            self.unplug(tenant)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def plug(self, tenant: FakeTenant) -> None:
        """Answer at a tenant's URL. ValueError where that is not below the server's, or is another tenant's already."""
        __tracebackhide__ = True
        rest = tenant.url.removeprefix(self.url)
        if rest == tenant.url or rest[:1] not in ("", "/"):
            raise ValueError(
                f"The tenant is at {tenant.url}, which is not below this server: give it a URL such as "
                f"FakeTenant({f'{self.url}/acme'!r})."
            )
        path = unquote(rest)
        if path in self._tenants:
            raise ValueError(f"There is a tenant at {tenant.url} already: {self._tenants[path]!r}. Use another path.")
        self._tenants[path] = tenant
        self._depths = tuple(sorted({*self._depths, path.count("/") + 1}, reverse=True))
        tenant.plugged({**self._environment, **_without_proxy()})

    def unplug(self, tenant: FakeTenant) -> None:
        """Answer at its URL no longer; what asks for it gets 404."""
        for path, each in tuple(self._tenants.items()):
            if each is tenant:
                del self._tenants[path]
                tenant.plugged(None)

    # ------------------------------------------------------------------------------------------- underneath

    def _certified(self) -> ssl.SSLContext:
        """TLS with a new certificate, and in the environment of tenants, who has signed it."""
        import ssl  # noqa: PLC0415 -- only where it is asked for
        import tempfile  # noqa: PLC0415

        try:
            import trustme  # noqa: PLC0415
        except ImportError:
            raise RuntimeError("A server with TLS needs trustme: pip install 'pytest-reinfer[tls]'.") from None
        authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(HOST, "localhost").configure_cert(context)
        handle, path = tempfile.mkstemp(prefix="pytest-reinfer-", suffix=".pem")
        with os.fdopen(handle, "wb") as file:
            file.write(authority.cert_pem.bytes())
        self._environment = dict.fromkeys(TRUST, path)
        return context

    def _find(self, path: str) -> tuple[FakeTenant, str] | None:
        """The tenant with the longest path that a path is below, and what is below it."""
        segments = path.split("/")
        for depth in self._depths:
            start = "/".join(segments[:depth])
            tenant = self._tenants.get(unquote(start) if "%" in start else start)
            if tenant is not None:
                return tenant, path[len(start) :] or "/"
        return None

    def _answer(self, request: Request) -> Response | Callable[[], Response]:
        page = None if self._pages is None else self._pages(request)
        if page is not None:
            return page
        method, path, query, headers, body = request
        found = self._find(path)
        if found is None:
            return api.refused(*contract.error("unknown_route"))
        tenant, path = found
        request = Request(method, path, query, headers, body)
        return partial(_answered, tenant, request) if tenant.waits else _answered(tenant, request)


def _answered(tenant: FakeTenant, request: Request) -> Response:
    """What a tenant answers, or what has kept it from answering, in words: the tenant keeps it for its test."""
    try:
        return tenant.answer(request)
    except Trouble as trouble:
        if trouble.end not in UNREACHED:
            raise
        return _failed(trouble.hangs(f"A client that has connected cannot meet a {trouble.end}."))
    except BaseException as error:  # noqa: BLE001 -- whatever it is, also what ends a test
        if not isinstance(error, Exception):
            tenant.interrupted(request, error)
        return _failed(error, 501 if isinstance(error, RouteNotBuilt) else 500)


def _failed(error: BaseException, status: int = 500) -> Response:
    told = f"{type(error).__name__}: {error}\n"
    return Response(status, {"Content-Type": "text/plain; charset=utf-8"}, told.encode(errors="replace"))
