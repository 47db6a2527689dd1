"""What an exchange meets of the contract."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final

from pytest_reinfer import contract
from pytest_reinfer.coverage.items import API, OK, PARTS, everywhere, items, nested, optional, spot, statuses

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.coverage.items import Key, Spot
    from pytest_reinfer.wire import Exchange, Request

NAMED: Final = re.compile(r"fail\((?:'(?P<name>\w+)'|(?P<status>\d+))")  # as a fault tells itself
REFUSED: Final = "schema_violation"


def _always(_: Key) -> bool:
    return True


def met(
    request: Request, exchange: Exchange, fault: str | None, wanted: Callable[[Key], bool] = _always
) -> Iterator[Key]:
    """What an exchange meets; of what it takes long to look for only what is `wanted`.

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
    if status == OK:
        yield from _asked(request, route)
    elif refusal == REFUSED and fault is None:
        yield from _beyond(request, route)
    if status == OK and fault is None:
        yield from _answered(route, response.body, wanted)


def _answered(route: str, body: bytes, wanted: Callable[[Key], bool]) -> Iterator[Key]:
    """What an answer has of what it may have. It is read where that is not plain, and wanted: pages are long."""
    for name in optional(route):
        there, missing = ((route, "answers", f"{which} {name}") for which in ("with", "without"))
        if f'"{name}":'.encode() not in body:
            yield missing
        elif wanted(there) or (name in nested(route) and wanted(missing)):
            yield there if name in json.loads(body) else missing


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


def _asked(request: Request, route: str) -> Iterator[Key]:
    """The fields of a request and their values."""
    found: set[tuple[str, str]] = set()
    for part in PARTS:
        place = spot(route, part)
        if place is not None:
            _walk(place, [_value(request, route, part)], found)
    yield from ((route, group, name) for group, name in found)


def _beyond(request: Request, route: str) -> Iterator[Key]:
    """What was beyond a limit in a request that was refused: of several places only the one that the answer names."""
    for part in PARTS:
        place = spot(route, part)
        if place is None:
            continue
        value = _value(request, route, part)
        problem = contract.problem(f"routes/{route}.json#/properties/{part}", value)
        if problem is None:
            continue
        for step in problem.steps:
            below = _below(place, step)
            if below is None:
                return
            place, value = below, value[step]
        for end in place.ends:
            yield from ((route, "values", name) for name in end.met([value]) if name == end.beyond)
        return


def _below(place: Spot, step: str | int) -> Spot | None:
    """The place that a step leads to; None where no schema speaks of it."""
    if isinstance(step, int):
        return place.items
    fitting = (below for pattern, below in place.patterns if pattern.search(step))
    return place.members.get(step) or next(fitting, None)


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


def _walk(place: Spot, values: list[Any], found: set[tuple[str, str]]) -> None:
    """Put what the values at a place meet, and what stands in them, with the rest that was found.

    All values of a place at once: a batch has thousands, and few places.
    """
    if place.field:
        found.add(("fields", place.name))
    for end in place.ends:
        found.update(("values", name) for name in end.met(values) if name != end.beyond)
    objects = [value for value in values if isinstance(value, dict)] if place.members or place.patterns else []
    for name, below in place.members.items():
        inner = [value[name] for value in objects if name in value]
        if inner:
            _walk(below, inner, found)
    for pattern, below in place.patterns:
        inner = [
            value
            for each in objects
            for name, value in each.items()
            if name not in place.members and pattern.search(name)
        ]
        if inner:
            _walk(below, inner, found)
    if place.items is not None:
        inner = [item for value in values if isinstance(value, list) for item in value]
        if inner:
            _walk(place.items, inner, found)
