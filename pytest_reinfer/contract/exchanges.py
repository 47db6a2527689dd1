"""Requests and answers of whatever origin, as the plain values of `wire`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

from pytest_reinfer.contract.conventions import header
from pytest_reinfer.contract.routing import routes
from pytest_reinfer.wire import Request, Response


def below(url: str) -> tuple[str, str]:
    """The path (percent-encoded) and query of a URL below its tenant's, wherever that tenant lives.

    A path that the API starts nowhere in is taken whole.
    """
    parts = urlsplit(url)
    found = _starts().search(parts.path)
    return parts.path[found.start() :] if found else parts.path or "/", parts.query


def is_below(url: str) -> bool:
    """Whether a URL looks like one of the API's, of whichever host: its path has a start that routes have."""
    return _starts().search(urlsplit(url).path) is not None


@cache
def _starts() -> re.Pattern[str]:
    """Where in a path the API may start."""
    starts = {"/".join(route.path.split("/")[:3]) for route in routes().values()}
    return re.compile("|".join(f"{re.escape(start)}(?=/|$)" for start in sorted(starts, key=len, reverse=True)))


def request_of(thing: Any) -> Request:
    """A request as ours: of `wire`, `requests`, httpx, of a log of a tenant, or a mapping; or that of an answer.

    A mapping has `method` and `url`, and may have `headers` and `json` or `body`. Raises TypeError for anything else,
    and ValueError for one of a log whose body was not kept.
    """
    __tracebackhide__ = True
    if isinstance(thing, Request):
        return thing
    if isinstance(thing, Mapping):
        _known("request", thing, ("method", "url"), ("headers", "json", "body"))
        return _request(thing["method"], thing["url"], thing.get("headers", {}), _content(thing))
    if hasattr(thing, "status_code") and hasattr(thing, "request"):  # an answer, which knows what it is to
        return request_of(thing.request)
    if hasattr(thing, "target") and hasattr(thing, "arguments"):  # of a log, which keeps no headers
        if thing.body is None:
            raise ValueError("The body of this request is longer than the log keeps: FakeTenant(log_bodies=...).")
        return Request(thing.method, thing.target, thing.arguments, {}, thing.body)
    if hasattr(thing, "prepare") and hasattr(thing, "params"):
        raise TypeError("This request is not prepared yet, and so has no body: give request.prepare().")
    if all(hasattr(thing, name) for name in ("method", "url", "headers")):
        content = thing.content if hasattr(thing, "content") else getattr(thing, "body", b"")
        return _request(thing.method, str(thing.url), thing.headers, _bytes(content))
    raise TypeError(
        f"A request is one of `requests` or httpx, of `FakeTenant.requests`, or a mapping with method and url, not "
        f"{type(thing).__name__}."
    )


def response_of(thing: Any) -> Response:
    """An answer as ours: of `wire`, `requests`, httpx, or a mapping with `status`; TypeError for anything else.

    A mapping may have `headers` and `json` or `body`.
    """
    __tracebackhide__ = True
    if isinstance(thing, Response):
        return thing
    if isinstance(thing, Mapping):
        _known("response", thing, ("status",), ("headers", "json", "body"))
        headers = _pairs(thing.get("headers", {}))
        if not headers and "json" in thing:
            content_type = header("content_type")
            headers = {content_type.name: content_type.value}
        return Response(int(thing["status"]), headers, _content(thing))
    if all(hasattr(thing, name) for name in ("status_code", "headers", "content")):
        return Response(thing.status_code, _pairs(thing.headers), _bytes(thing.content))
    raise TypeError(f"A response is one of `requests` or httpx, or a mapping with status, not {type(thing).__name__}.")


def _known(what: str, thing: Mapping[str, Any], required: tuple[str, ...], optional: tuple[str, ...]) -> None:
    """Raise TypeError unless a mapping has the keys of a request or a response, and no other."""
    __tracebackhide__ = True
    if not thing.keys() >= {*required} or thing.keys() - {*required, *optional}:
        raise TypeError(
            f"A {what} that is a mapping has {' and '.join(required)}, and may have {', '.join(optional)}. "
            f"This one has {', '.join(map(str, thing)) or 'nothing'}."
        )


def _request(method: str, url: str, headers: Any, body: bytes) -> Request:
    path, query = below(url)
    return Request(method, path, query, {name.lower(): value for name, value in _pairs(headers).items()}, body)


def _pairs(headers: Mapping[str, Any] | Iterable[tuple[Any, Any]]) -> dict[str, str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return {_text(name): _text(value) for name, value in pairs}


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _content(thing: Mapping[str, Any]) -> bytes:
    if "json" not in thing:
        return _bytes(thing.get("body"))
    return json.dumps(thing["json"]).encode()


def _bytes(content: Any) -> bytes:
    __tracebackhide__ = True
    if isinstance(content, (bytes, bytearray)):
        return bytes(content)
    if content is None or isinstance(content, str):
        return (content or "").encode()
    raise TypeError(f"A body is bytes or a text, not {type(content).__name__}: what is streamed is gone when sent.")
