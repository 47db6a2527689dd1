"""The door for WSGI servers and clients: a tenant as a WSGI application.

A path arrives decoded in WSGI. Servers that also hand on what was sent (RAW_URI or REQUEST_URI: gunicorn, werkzeug,
uWSGI, mod_wsgi) keep every path as it was; of the others, `%2F` is a slash.
"""

from __future__ import annotations

import http.client
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

from pytest_reinfer import contract
from pytest_reinfer.transports.asgi import EMPTY, UNQUOTED, below, cannot, parts
from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Environ = dict[str, Any]
    Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

CHUNK = 65_536


def application(answer: Callable[[Request], Response], base: str = "") -> Application:
    """A WSGI application that answers so, at the root, below any `SCRIPT_NAME`, and below the path `base`."""
    most = contract.convention("x-max-body")["bytes"]

    def app(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        method, root = environ["REQUEST_METHOD"], _text(environ.get("SCRIPT_NAME", ""))
        path = below(_raw_path(environ), "", "" if root == "/" else root, base)
        request = Request(method, path, environ.get("QUERY_STRING", ""), _headers(environ), _body(environ, most))
        trouble = None
        try:
            response = answer(request)
        except Trouble as raised:
            trouble = raised
            if trouble.end:
                raise trouble.hangs(cannot(trouble)) from None
            response = trouble.response or Response(http.client.OK, {}, b"")
            _wait(trouble, trouble.delay)
        status, headers, body = response
        body = b"" if method == "HEAD" or status in EMPTY else body
        if method != "HEAD" and status not in EMPTY:
            headers = {**headers, "Content-Length": str(len(body))}
        start_response(f"{status} {http.client.responses.get(status, 'Unknown')}", list(headers.items()))
        return [body] if trouble is None else _slowly(trouble, body)

    return app


def _raw_path(environ: Environ) -> bytes:
    """The path as it was sent, if the server tells it and nothing between has led it elsewhere; else encoded anew."""
    whole = _bytes(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))
    target: str = environ.get("RAW_URI") or environ.get("REQUEST_URI") or ""
    raw = target.partition("?")[0] if target.startswith("/") else urlsplit(target).path
    if unquote_to_bytes(raw) != whole:
        raw = quote(whole, UNQUOTED)
    return raw.encode("latin-1") or b"/"


def _bytes(text: str) -> bytes:
    """What a text of WSGI stands for: its characters are bytes, except for those of clients that play a server."""
    try:
        return text.encode("latin-1")
    except UnicodeEncodeError:
        return text.encode()


def _text(text: str) -> str:
    return _bytes(text).decode("utf-8", "replace")


def _headers(environ: Environ) -> dict[str, str]:
    headers = {name[5:].replace("_", "-").lower(): str(text) for name, text in environ.items() if name[:5] == "HTTP_"}
    for name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(name):
            headers[name.replace("_", "-").lower()] = environ[name]
    return headers


def _body(environ: Environ, most: int) -> bytes:
    """The body of a request; of one that is too long, enough to show it."""
    length, file = environ.get("CONTENT_LENGTH"), environ["wsgi.input"]
    if length:
        left = int(length)
    elif environ.get("wsgi.input_terminated"):  # chunked: the server tells the end
        left = -1
    else:
        return b""
    body = bytearray()
    while left and (chunk := file.read(CHUNK if left < 0 else min(left, CHUNK))):
        left -= len(chunk) if left > 0 else 0
        body += chunk[: most + 1 - len(body)]
    return bytes(body)


def _slowly(trouble: Trouble, body: bytes) -> Iterator[bytes]:
    for part in parts(trouble, body):
        _wait(trouble, trouble.pace)
        yield part


def _wait(trouble: Trouble, seconds: float) -> None:
    """Really wait: a led `time.sleep` would not."""
    threading.Event().wait(seconds)
    if seconds:
        trouble.passes(seconds)
