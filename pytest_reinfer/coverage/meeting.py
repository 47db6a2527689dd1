"""What an exchange meets of the contract."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from pytest_reinfer import contract
from pytest_reinfer.coverage.items import API, OK, PARTS, everywhere, items, optional, spot, statuses

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.coverage.items import Key, Spot
    from pytest_reinfer.wire import Exchange, Request

NAMED: Final = re.compile(r"fail\((?:'(?P<name>\w+)'|(?P<status>\d+))")  # as a fault tells itself
REFUSED: Final = "schema_violation"


def met(request: Request, exchange: Exchange, fault: str | None, *, read: bool = True) -> Iterator[Key]:
    """What an exchange meets; `read` is whether to look into the answer, which for large ones takes its time.

    Fields, and values that are allowed, count where the request was answered with 200; values beyond a limit where it
    was refused for that; errors where the tenant refused so, or a fault did in its place.
    """
    response, route, _, refusal = exchange
    for error in _errors(route, response.status, refusal, fault):
        key = (API if (API, "errors", error) in items(API) else route or API, "errors", error)
        if key in items(key[0]):
            yield key
    if route is None:
        return
    status = response.status
    if status in statuses(route):
        yield route, "statuses", str(status)
    if status == OK or (refusal == REFUSED and fault is None):
        yield from _asked(request, route, refused=status != OK)
    if status == OK and fault is None and read and optional(route):
        answered = json.loads(response.body)
        for name in optional(route):
            yield route, "answers", f"{'with' if name in answered else 'without'} {name}"


def _errors(route: str | None, status: int, refusal: str | None, fault: str | None) -> Iterator[str]:
    """The errors that a client has met: what a fault said, else what the tenant did."""
    said = NAMED.match(fault or "")
    if said is None:
        yield from () if refusal is None else (refusal,)
    elif said["name"] is not None:
        failure = contract.convention("x-failures").get(said["name"], {})
        yield failure["leads_to"] if "leads_to" in failure and status != failure["status"] else said["name"]
    else:
        known = everywhere() if route is None else contract.documents()[f"routes/{route}.json"]["x-errors"]
        alike = [name for name in known if contract.error(name).status == int(said["status"])]
        yield from alike if len(alike) == 1 else ()  # of several it is none in particular


def _asked(request: Request, route: str, *, refused: bool) -> Iterator[Key]:
    """The fields of a request and their values, or what was beyond a limit in one that was refused."""
    found: set[tuple[str, str]] = set()
    for part in PARTS:
        place = spot(route, part)
        if place is not None:
            _walk(place, _value(request, route, part), found, refused=refused)
    yield from ((route, group, name) for group, name in found)


def _value(request: Request, route: str, part: str) -> Any:
    """A part of a request, as the tenant reads it; None where it cannot be read."""
    if part == "path":
        return contract.match(request.method, request.path).parameters
    if part == "query":
        return contract.query(route, request.query)
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None


def _walk(place: Spot, value: Any, found: set[tuple[str, str]], *, refused: bool) -> None:
    """Put what a value meets, and what stands in it, with the rest that was found."""
    if place.field and not refused:
        found.add(("fields", place.name))
    for end in place.ends:
        name = end.met(value)
        if name is not None and (name == end.beyond) == refused:
            found.add(("values", name))
    if isinstance(value, dict):
        for key, inner in value.items():
            below = place.member(key)
            if below is not None:
                _walk(below, inner, found, refused=refused)
    elif isinstance(value, list) and place.items is not None:
        for each in value:
            _walk(place.items, each, found, refused=refused)
