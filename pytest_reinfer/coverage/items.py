"""What there is to meet of the contract: every item of every built route, derived from `schemas/` alone."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract, faults
from pytest_reinfer.contract.shapes import stated

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_reinfer.contract import Shape

API: Final = ""  # stands in the place of a route for what is counted once, whatever the route
GROUPS: Final = ("statuses", "errors", "fields", "values", "answers")
OK: Final = 200  # all is well
PARTS: Final = ("path", "query", "body")
STEPS: Final = {
    **dict.fromkeys(("minimum", "minLength", "minItems"), -1),
    **dict.fromkeys(("maximum", "maxLength", "maxItems"), 1),
}  # from the last value that is allowed to the first that is not
UNITS: Final = {"Length": "character", "Items": "item"}
Key = tuple[str, str, str]  # route, group, name


class Item(NamedTuple):
    """One thing that a test suite can meet, and how; `unbuilt` where the fake cannot, so that it is not counted."""

    route: str
    group: str
    name: str
    how: str
    unbuilt: bool = False

    @property
    def key(self) -> Key:
        """What tells it from others."""
        return self.route, self.group, self.name


class Limit(NamedTuple):
    """The end of what a field may be: the last value that is allowed, and the first that is not."""

    at: str
    beyond: str | None  # None where nothing is beyond, as below a length of 0
    rule: str
    limit: Any
    step: int | None  # None for numbers that need not be whole, of which there is no first beyond

    def met(self, values: Sequence[Any]) -> Iterator[str]:
        """The items that some values are."""
        sizes = _sizes(self.rule, values)
        if self.limit in sizes:
            yield self.at
        if self.beyond is not None and (
            self.limit + self.step in sizes
            if self.step is not None
            else any((size > self.limit) == (STEPS[self.rule] > 0) for size in sizes - {self.limit})
        ):
            yield self.beyond


class Choice(NamedTuple):
    """The values that there are of a field, and any other one."""

    names: Mapping[str, str]  # by the JSON of the value
    beyond: str

    def met(self, values: Sequence[Any]) -> Iterator[str]:
        """The items that some values are."""
        nested = [value for value in values if isinstance(value, (dict, list))]  # which are never among them
        for _, value in {(type(value), value) for value in values if not isinstance(value, (dict, list))}:
            yield self.names.get(json.dumps(value), self.beyond)
        if nested:
            yield self.beyond


class Spot(NamedTuple):
    """A place in a request, and what stands below it; `unbuilt`: what of it the fake does not build."""

    name: str
    field: bool  # and not the whole of a part, or an item of a list
    ends: tuple[Limit | Choice, ...]
    members: Mapping[str, Spot]
    patterns: tuple[tuple[re.Pattern[str], Spot], ...]
    items: Spot | None
    unbuilt: tuple[str, ...]


# ------------------------------------------------------------------------------------------------------ the items


@cache
def items(route: str) -> Mapping[Key, Item]:
    """Every item of a route, or of the API as a whole, in the order of the reports."""
    found = _of_api() if route == API else _of_route(route)
    return {item.key: item for item in found}


@cache
def built() -> tuple[str, ...]:
    """The names of all routes that have items."""
    return tuple(route.name for route in contract.routes().values() if route.built)


@cache
def everywhere() -> tuple[str, ...]:
    """The errors that every route has: a client meets them alike wherever it asks, and so they are counted once."""
    first, *others = (_schema(name)["x-errors"] for name in built())
    return tuple(name for name in first if all(name in errors for errors in others))


@cache
def statuses(route: str) -> tuple[int, ...]:
    """The statuses that a route answers with: when all is well, and those of its errors."""
    errors = [contract.convention("x-errors")[name] for name in _schema(route)["x-errors"]]
    return tuple(sorted({OK, *(error["status"] for error in errors if not error.get("routeless"))}))


@cache
def optional(route: str) -> Mapping[str, bool]:
    """The keys that an answer of a route may have or not, and of each whether the fake never leaves it out."""
    shape = contract.shape(f"routes/{route}.json#/properties/response")
    required = {name for names in stated(shape, "required") for name in names}
    return {
        name: bool(stated(contract.member(shape, name), "x-always"))
        for name in contract.names(shape)
        if name not in required
    }


@cache
def nested(route: str) -> frozenset[str]:
    """The keys that stand in an answer of a route below those of the answer itself."""
    shape = contract.shape(f"routes/{route}.json#/properties/response")
    return frozenset(name for each in contract.names(shape) for name in _names(contract.member(shape, each)))


def _names(shape: Shape) -> Iterator[str]:
    for name in contract.names(shape):
        yield name
        yield from _names(contract.member(shape, name))
    if stated(shape, "items"):
        yield from _names(contract.member(shape, 0))


def _schema(route: str) -> Mapping[str, Any]:
    return contract.documents()[f"routes/{route}.json"]


def _of_api() -> Iterator[Item]:
    for name in (*everywhere(), *contract.convention("x-failures")):
        yield Item(API, "errors", name, _fail(name))


def _of_route(route: str) -> Iterator[Item]:
    for status in statuses(route):
        how = "ask for it, and be answered" if status == OK else _fail(status, route)
        yield Item(route, "statuses", str(status), how)
    for name in _schema(route)["x-errors"]:
        if name not in everywhere():
            when = contract.convention("x-errors")[name]["when"]
            yield Item(route, "errors", name, f"{when} Or {_fail(name, route)}")
    for part in PARTS:
        root = spot(route, part)
        if root is not None:
            yield from _of_spot(route, root)
    for name, always in optional(route).items():
        yield Item(route, "answers", f"with {name}", f"get an answer with {name}")
        yield Item(route, "answers", f"without {name}", f"get an answer without {name}", always)


def _fail(what: int | str, route: str | None = None) -> str:
    """How a test meets a failure; with a message where the API's own has places to fill."""
    said = [json.dumps(what)]
    if isinstance(what, str) and faults.kinds()[what].places:
        said.append('message="..."')
    if route is not None:
        said.append(f'route="{route}"')
    return f"reinfer.fail({', '.join(said)})"


def _of_spot(route: str, place: Spot, *, unbuilt: bool = False) -> Iterator[Item]:
    """The items of a place, and of those below it."""
    unbuilt = unbuilt or "*" in place.unbuilt
    if place.field:
        yield Item(route, "fields", place.name, f"be answered {OK} with {place.name}", unbuilt)
    for end in place.ends:
        if isinstance(end, Choice):
            for value, name in end.names.items():
                said = unbuilt or json.loads(value) in place.unbuilt
                yield Item(route, "values", name, f"be answered {OK} with {name}", said)
        else:
            yield Item(route, "values", end.at, f"be answered {OK} with {end.at}", unbuilt)
        if end.beyond is not None:
            yield Item(route, "values", end.beyond, f"send {end.beyond}", unbuilt)
    below = (*place.members.values(), *(each for _, each in place.patterns), place.items)
    for each in below:
        if each is not None:
            yield from _of_spot(route, each, unbuilt=unbuilt)


# ------------------------------------------------------------------------------------------------------ the places


@cache
def spot(route: str, part: str) -> Spot | None:
    """The path, the query or the body of a route; None where it has none."""
    if part not in _schema(route)["properties"]:
        return None
    return _spot(contract.shape(f"routes/{route}.json#/properties/{part}"), part, field=False)


def _spot(shape: Shape, name: str, *, field: bool = True) -> Spot:
    members = {
        key: _spot(contract.member(shape, key), f"{name}.{key}")
        for properties in stated(shape, "properties")
        for key in properties
    }
    patterns = tuple(
        (re.compile(pattern), _spot(contract.member(shape, _like(pattern)), f"{name}.{pattern[1:]}*"))
        for several in stated(shape, "patternProperties")
        for pattern in several
    )
    inner = _spot(contract.member(shape, 0), f"{name}[]", field=False) if stated(shape, "items") else None
    return Spot(name, field, tuple(_ends(shape, name)), members, patterns, inner, _unbuilt(shape))


def _like(pattern: str) -> str:
    """A key that a pattern of keys accepts, which all of them do by how the key starts."""
    like = f"{pattern.removeprefix('^')}a"
    if re.search(pattern, like) is None:
        raise NotImplementedError(f"A pattern of keys that is no plain prefix is not known here: {pattern}")
    return like


def _ends(shape: Shape, name: str) -> Iterator[Limit | Choice]:
    whole = "number" not in stated(shape, "type")
    for rule, step in STEPS.items():
        said = stated(shape, rule)
        if not said:
            continue
        limit = max(said) if step < 0 else min(said)  # of several rules the narrowest
        unit = next((unit for ending, unit in UNITS.items() if rule.endswith(ending)), None)
        beyond: str | None
        if unit is None:
            at = f"{name} = {limit}"
            beyond = f"{name} = {limit + step}" if whole else f"{name} {'<>'[step > 0]} {limit}"
        else:
            at = f"{name} of {_count(limit, unit)}"
            beyond = f"{name} of {_count(limit + step, unit)}" if limit + step >= 0 else None
        unsayable = limit + step == 0 and name.startswith(("path.", "query."))  # an URL without it is another one
        beyond = None if beyond is None or unsayable else f"{beyond}, refused"
        yield Limit(at, beyond, rule, limit, step if whole or unit else None)
    for values in stated(shape, "enum")[:1]:
        names = {json.dumps(value): f"{name} = {json.dumps(value)}" for value in values}
        yield Choice(names, f"{name} of another value, refused")


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}{'s' * (number != 1)}"


def _sizes(rule: str, values: Sequence[Any]) -> set[Any]:
    """What a rule is about of some values, those left out that it is not about."""
    if rule.endswith("Length"):
        return {len(value) for value in values if isinstance(value, str)}
    if rule.endswith("Items"):
        return {len(value) for value in values if isinstance(value, list)}
    return {value for value in values if isinstance(value, (int, float)) and not isinstance(value, bool)}


def _unbuilt(shape: Shape) -> tuple[str, ...]:
    """What of a place in a request the fake does not build: `*` for all of it, or some of its values."""
    found: list[str] = []
    for built in stated(shape, "x-built"):
        found += [value for values in stated(shape, "enum") for value in values if value not in built]
        found += ["*"] * (not built)
    return tuple(found)
