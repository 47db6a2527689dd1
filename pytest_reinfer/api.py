"""Answers the one question: given this state and this request, what is the response."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from pytest_reinfer import contract
from pytest_reinfer.handlers import HANDLERS, Call
from pytest_reinfer.refusal import Refused, RouteNotBuilt
from pytest_reinfer.tenant import EVERYWHERE, encode
from pytest_reinfer.wire import Exchange, Request, Response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reinfer.contract import Route
    from pytest_reinfer.tenant import Tenant, User
    from pytest_reinfer.wire import JSON

SURROGATE: Final = re.compile(rb"\\u[dD][89a-fA-F]")  # the only way for half of a pair to get into a body


@dataclass(slots=True)
class _Known:
    """What has been found out about a request so far."""

    route: Route | None = None
    permission: str | None = None
    refusal: str | None = None


def answer(tenant: Tenant, request: Request) -> Exchange:
    """Answer a request, changing the tenant as the service would; a refusal changes nothing.

    Refusals come in this order: 401, 429, 404 or 405 for the route, 403, 413, 400, 404 for the resource, 409 and 422.
    Raises RouteNotBuilt for a route that the API has and the fake does not answer.
    """
    started = perf_counter()
    known = _Known()
    content_type = contract.header("content_type")
    headers = {content_type.name: content_type.value}
    try:
        payload = _payload(tenant, request, known, headers)
        status, body = 200, _envelope(payload)
    except Refused as refusal:
        known.refusal = refusal.name
        status, body = refusal.status, _error(str(refusal))
    _time(headers, started)
    if request.method == "HEAD":
        body = b""
    name = known.route.name if known.route else None
    return Exchange(Response(status, headers, body), name, known.permission, known.refusal)


def refused(status: int, message: str) -> Response:
    """A refusal in the API's envelope, as a tenant answers that is asked for nothing else."""
    content_type, started = contract.header("content_type"), perf_counter()
    headers = {content_type.name: content_type.value}
    body = _error(message)
    _time(headers, started)
    return Response(status, headers, body)


def _error(message: str) -> bytes:
    return encode({"status": "error", "message": message})


def _time(headers: dict[str, str], started: float) -> None:
    """Say how long the answer took."""
    timing = contract.header("server_timing")
    headers[timing.name] = timing.value.format(milliseconds=(perf_counter() - started) * 1000)


def _payload(tenant: Tenant, request: Request, known: _Known, headers: dict[str, str]) -> JSON:
    found = contract.match(request.method, request.path)
    known.route = found.route
    user = _caller(tenant, request)
    if tenant.rate is not None:
        _within_rate(tenant, user, headers)
    if found.allowed:
        allow = contract.header("allow")
        headers[allow.name] = allow.value.format(methods=", ".join(found.allowed))
        raise Refused("wrong_method")
    if found.route is None:
        raise Refused("unknown_route")
    route = found.route
    if not route.built:
        raise RouteNotBuilt(
            f"{request.method} {request.path}: the API has this route, pytest-reinfer does not build it."
        )
    known.permission = _permitted(tenant, user, route, found.parameters)
    if found.problem is not None:
        raise Refused("schema_violation", message=found.problem.message)
    query = _query(route, request)
    free = contract.convention("x-no-charge")
    if query.get(free["parameter"]) and not user.may(free["permission"], EVERYWHERE):
        raise Refused("forbidden")
    accept = request.headers.get(contract.header("csv").name.lower(), "")
    return HANDLERS[route.name](Call(tenant, user, found.parameters, query, _body(route, request), accept))


def _caller(tenant: Tenant, request: Request) -> User:
    """Whose token the request carries."""
    header = contract.header("authorization")
    scheme, _, token = request.headers.get(header.name.lower(), "").partition(" ")
    user = tenant.caller(token.strip()) if scheme.lower() == header.scheme.lower() else None
    if user is None:
        raise Refused("unauthorized")
    return user


def _within_rate(tenant: Tenant, user: User, headers: dict[str, str]) -> None:
    """Refuse a caller who has asked as often as may be, and say how many seconds that lasts."""
    wait = tenant.charge(user)
    if wait is not None:
        retry_after = contract.header("retry_after")
        headers[retry_after.name] = retry_after.value.format(seconds=wait)
        raise Refused("rate_limited")


def _permitted(tenant: Tenant, user: User, route: Route, path: Mapping[str, str]) -> str | None:
    """The permission of a route, refused to a caller who lacks it: in the project of the path, or in the tenant."""
    permission = route.permission
    if permission is None:
        return None
    project = tenant.project_of(path)
    if contract.is_tenants(permission):
        project = EVERYWHERE
    if project is not None and not user.may(permission, project):
        raise Refused("forbidden")
    return permission


def _query(route: Route, request: Request) -> JSON:
    """The query parameters that a route knows, with the defaults of its schema; others are ignored."""
    if not contract.takes_query(route.name):
        return {}
    ref = f"routes/{route.name}.json#/properties/query"
    query = contract.query(route.name, request.query)
    problem = contract.problem(ref, query)
    if problem is not None:
        raise Refused("schema_violation", message=problem.message)
    return contract.with_defaults(ref, query)


def _body(route: Route, request: Request) -> JSON:
    """The body of a request with the defaults of its schema; empty for a route that takes none."""
    ref = f"routes/{route.name}.json#/properties/body"
    if not contract.takes_body(route.name):
        return {}
    if len(request.body) > contract.convention("x-max-body")["bytes"]:
        raise Refused("body_too_large")
    header = contract.header("content_type")
    if request.headers.get(header.name.lower(), "").partition(";")[0].strip().lower() != header.value:
        raise Refused("wrong_content_type")
    body = _parsed(request.body)
    problem = contract.problem(ref, body)
    if problem is not None:
        raise Refused("schema_violation", message=problem.message)
    return contract.with_defaults(ref, body)


def _parsed(body: bytes) -> Any:
    """The JSON of a body; strictly JSON, with each key once, and text that can be written again."""
    try:
        value = json.loads(
            body.decode(), object_pairs_hook=_each_once, parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError:
        raise Refused("malformed_json", reason="it is nested too deep") from None
    except ValueError as problem:
        raise Refused("malformed_json", reason=problem) from None
    if SURROGATE.search(body):
        try:
            encode(value)
        except UnicodeEncodeError:
            raise Refused("unencodable_text") from None
    return value


def _each_once(pairs: list[tuple[str, Any]]) -> JSON:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in found if keys.count(key) > 1)
        raise ValueError(f"duplicate key {json.dumps(twice)}")
    return found


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large a number")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _envelope(payload: JSON) -> bytes:
    """The body of a success: the payload and `status`. Values that are bytes, or lists of bytes, are JSON already."""
    if not any(isinstance(value, (bytes, list)) for value in payload.values()):
        return encode({**payload, "status": "ok"})  # at once, which is quicker
    parts = [b"{"]
    for key, value in payload.items():
        parts.append(b'"%b":' % key.encode())
        parts += value if isinstance(value, list) else (value if isinstance(value, bytes) else encode(value),)
        parts.append(b",")
    parts.append(b'"status":"ok"}')
    return b"".join(parts)
