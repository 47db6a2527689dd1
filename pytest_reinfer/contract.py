"""Reads `schemas/`: the routes, the objects, the limits, the permissions and the messages of the API."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    import jsonschema.protocols
    import jsonschema_rs
    from jsonschema.exceptions import ValidationError

    from pytest_reinfer.wire import JSON

BASE = "file:///schemas/"  # where relative references between the schemas meet


def folder() -> Path:
    """The folder of the schemas: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parent
    return next(place / "schemas" for place in (here, here.parent) if (place / "schemas" / "api.json").is_file())


@cache
def documents() -> Mapping[str, JSON]:
    """Every schema by its name relative to `schemas/`, such as `objects/dataset.json`."""
    top = folder()
    return {
        path.relative_to(top).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(top.rglob("*.json"))
    }


def node(ref: str) -> JSON:
    """The schema at `ref`, such as `objects/common.json#/$defs/id`; references on the way are followed."""
    return target(ref)[1]


def target(ref: str) -> tuple[str, JSON]:
    """Where the schema at `ref` stands itself, and the schema; references on the way and at its end are followed."""
    name, _, pointer = ref.partition("#")
    schema: Any = documents()[name]
    place = f"{name}#"
    for step in [*pointer.split("/")[1:], None]:
        while "$ref" in schema and not ("pattern" in schema and step is None):
            place, schema = target(_absolute(place.partition("#")[0], schema["$ref"]))
        if step is not None:
            schema = schema[step]
            place += f"/{step}"
    return place, schema


def _absolute(name: str, ref: str) -> str:
    """A reference found in the schema `name`, made relative to `schemas/`."""
    target, _, pointer = ref.partition("#")
    if target.startswith("../"):
        target = target.removeprefix("../")
    elif target:
        target = (Path(name).parent / target).as_posix()
    return f"{target or name}#{pointer}"


# ---------------------------------------------------------------------------------------------------- routes


class Error(NamedTuple):
    """One refusal of the API: its status, and its message with named places to fill."""

    status: int
    message: str


@dataclass(frozen=True, slots=True)
class Route:
    """One method and path of the API; `built` is False where the fake knows the route but does not answer it."""

    name: str
    method: str
    path: str
    permission: str | None
    built: bool
    pattern: re.Pattern[str]

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def literals(self) -> int:
        """How much of the path is fixed: of two matching routes the more fixed one wins."""
        return len(re.sub(r"{\w+}", "", self.path))


def _route(name: str, method_and_path: str, permission: str | None, *, built: bool) -> Route:
    method, path = method_and_path.split(" ")
    parts = (re.escape(part) for part in re.split(r"{\w+}", path))
    names = (f"(?P<{name}>[^/]+)" for name in re.findall(r"{(\w+)}", path))
    pattern = "".join(piece for pair in zip(parts, (*names, ""), strict=True) for piece in pair)
    return Route(name, method, path, permission, built, re.compile(pattern))


@cache
def routes() -> Mapping[str, Route]:
    """Every route of the API by name; one that is not built is named by its method and path."""
    built = {
        schema["title"]: _route(schema["title"], schema["x-route"], schema["x-permission"], built=True)
        for name, schema in documents().items()
        if name.startswith("routes/")
    }
    known = {asked: _route(asked, asked, None, built=False) for asked in documents()["api.json"]["x-unbuilt"]}
    return built | known


@cache
def _paths() -> Mapping[tuple[str, ...], list[tuple[re.Pattern[str], dict[str, Route]]]]:
    """The routes by where their path starts and how long it is, then by path (the most literal first) and method."""
    places: dict[tuple[str, ...], dict[re.Pattern[str], dict[str, Route]]] = {}
    for route in sorted(routes().values(), key=lambda route: -route.literals):
        methods = places.setdefault(_where(route.path.split("/")), {}).setdefault(route.pattern, {})
        methods[route.method] = route
    return {place: list(paths.items()) for place, paths in places.items()}


def _where(segments: list[str]) -> tuple[str, ...]:
    """The start of a path, in which no route has a parameter, and its length: few routes share both."""
    return (*segments[1:4], str(len(segments)))


class Match(NamedTuple):
    """What the paths of the API say to a method and a path.

    `route` with its path parameters, and what is wrong with them, if anything; where no route fits, the methods that
    the path allows.
    """

    route: Route | None
    parameters: Mapping[str, str]
    problem: Problem | None
    allowed: tuple[str, ...]


@lru_cache(maxsize=1024)
def match(method: str, path: str) -> Match:
    """The route of a request.

    The path is percent-decoded first, so `acme%2Fsupport` is two segments, and slashes that stand together are one;
    both as the live service does (`x-behaviour` in `schemas/api.json`).
    """
    path = re.sub("/{2,}", "/", unquote(path))
    allowed: set[str] = set()
    for pattern, methods in _paths().get(_where(path.split("/")), ()):
        found = pattern.fullmatch(path)
        if found is not None:
            if method in methods:
                route, parameters = methods[method], found.groupdict()
                checked = route.built and parameters
                wrong = problem(f"routes/{route.name}.json#/properties/path", parameters) if checked else None
                return Match(route, parameters, wrong, ())
            allowed.update(methods)
    return Match(None, {}, None, tuple(sorted(allowed)))


@cache
def takes_body(name: str) -> bool:
    """Whether a route reads the body of a request."""
    return "body" in documents()[f"routes/{name}.json"]["properties"]


@cache
def takes_query(name: str) -> bool:
    """Whether a route reads the query of a request."""
    return "query" in documents()[f"routes/{name}.json"]["properties"]


@cache
def kinds(ref: str) -> Mapping[str, str]:
    """The JSON type of each property of the schema at `ref`."""
    return {name: node(_property(ref, name))["type"] for name in node(ref)["properties"]}


@cache
def batch(name: str) -> str | None:
    """The key in the body of a route whose items the service stores one by one; None where there is none."""
    found: str | None = documents()[f"routes/{name}.json"].get("x-batch")
    return found


@cache
def pages(name: str) -> str | None:
    """The key in the answer of a route whose pages can be of another kind than usual; None where they cannot."""
    found: str | None = documents()[f"routes/{name}.json"].get("x-pages")
    return found


@lru_cache(maxsize=64)
def nearest(method: str, path: str, most: int = 3) -> tuple[Route, ...]:
    """The routes that look most like what was asked for, the likeliest first."""
    from difflib import SequenceMatcher  # noqa: PLC0415 -- only where a test has failed

    path = unquote(path).rstrip("/")

    def likeness(route: Route) -> float:
        segments = path.split("/")
        filled = [
            given if wanted.startswith("{") else wanted
            for wanted, given in zip(route.path.split("/"), [*segments, *[""] * 20], strict=False)
        ]
        return SequenceMatcher(None, path, "/".join(filled)).ratio() + 0.05 * (route.method == method)

    return tuple(sorted(routes().values(), key=likeness, reverse=True)[:most])


# ---------------------------------------------------------------------------------------- conventions of the API


def convention(name: str) -> Any:
    """One of the tables in `api.json`, such as `x-headers`."""
    return documents()["api.json"][name]


class Header(NamedTuple):
    """A header of the API: its name, its value with places to fill, and the scheme before a token."""

    name: str
    value: str = ""
    scheme: str = ""


@cache
def header(name: str) -> Header:
    """The header called `name` in `x-headers`."""
    entry = convention("x-headers")[name]
    return Header(entry["name"], entry.get("value", ""), entry.get("scheme", ""))


@cache
def error(name: str) -> Error:
    """The refusal called `name` in `x-errors`."""
    entry = convention("x-errors")[name]
    return Error(entry["status"], entry["message"])


@cache
def display_name(permission: str) -> str:
    """The display name of a permission, which may be said by its machine name too.

    Raises ValueError, naming the permissions that there are, for a name that the API does not know.
    """
    __tracebackhide__ = True
    table = convention("x-permissions")
    display = permissions() | {name: name for name in table}
    if permission not in display:
        raise ValueError(f"{permission!r} is no permission of the API. There are: {', '.join(sorted(table))}.")
    return str(display[permission])


@cache
def permissions() -> dict[str, str]:
    """The display name of each permission by its machine name."""
    return {entry["name"]: name for name, entry in convention("x-permissions").items()}


@cache
def machine_name(permission: str) -> str:
    """The machine name of a permission, which may be said by its display name too; ValueError for an unknown one."""
    __tracebackhide__ = True
    return str(convention("x-permissions")[display_name(permission)]["name"])


@cache
def is_tenants(permission: str) -> bool:
    """Whether a permission is for the whole tenant, and not for one project or another."""
    return bool(convention("x-permissions")[display_name(permission)].get("scope") == "tenant")


@cache
def granted(permission: str) -> frozenset[str]:
    """What a permission gives, itself and the implied ones, by their display names; ValueError for an unknown one."""
    name = display_name(permission)
    implied = convention("x-permissions")[name]["implies"]
    return frozenset({name}).union(*(granted(each) for each in implied))


@cache
def every_permission() -> frozenset[str]:
    """The display names of all permissions."""
    return frozenset(convention("x-permissions"))


# ------------------------------------------------------------------------------------------------- validation


class Problem(NamedTuple):
    """What is wrong with a value: where (a JSON path), in the words of `jsonschema`, and what is allowed there."""

    path: str
    message: str
    allowed: str


@cache
def _verdict(ref: str) -> jsonschema_rs.Draft202012Validator:
    """The quick validator of a schema."""
    import jsonschema_rs  # noqa: PLC0415

    registry = jsonschema_rs.Registry([(BASE + name, schema) for name, schema in documents().items()])
    return jsonschema_rs.Draft202012Validator({"$ref": BASE + ref}, registry=registry)


@cache
def _words(ref: str) -> jsonschema.protocols.Validator:
    """The validator whose sentences the service speaks."""
    from jsonschema import Draft202012Validator, validators  # noqa: PLC0415
    from referencing import Registry  # noqa: PLC0415
    from referencing.jsonschema import DRAFT202012  # noqa: PLC0415

    own: Any = validators.extend(Draft202012Validator, {"uniqueItems": _unique_items, "items": _items})  # type: ignore[no-untyped-call] # theirs

    registry: Registry[Any] = Registry().with_resources(
        # Without its dialect: a schema that names it would be read by the library's own class.
        (BASE + name, DRAFT202012.create_resource({key: value for key, value in schema.items() if key != "$schema"}))
        for name, schema in documents().items()
    )
    words: jsonschema.protocols.Validator = own({"$ref": BASE + ref}, registry=registry)
    return words


def _items(words: Any, schema: JSON, items: Any, _: object) -> Iterator[ValidationError]:
    """What `jsonschema` says of the items of a list, without reading those that the quick validator finds right."""
    name = schema.get("$ref", "").rpartition("/")[2]
    for index, item in enumerate(items if isinstance(items, list) else ()):
        if not (name.endswith(".json") and valid(f"objects/{name}", item)):
            yield from words.descend(item, schema, path=index)


def _unique_items(_: object, wanted: bool, items: Any, __: object) -> Iterator[ValidationError]:  # noqa: FBT001
    """What `jsonschema` says of equal items, without comparing each with each: of a thousand that takes a second."""
    from jsonschema.exceptions import ValidationError  # noqa: PLC0415

    if wanted and isinstance(items, list) and len(set(map(_frozen, items))) < len(items):
        yield ValidationError(f"{items!r} has non-unique elements")


def _frozen(value: Any) -> Hashable:
    """A value that equals another one's where both are the same JSON."""
    if isinstance(value, dict):
        return frozenset((key, _frozen(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    return (value,) if isinstance(value, bool) else value  # True is not 1


def valid(ref: str, value: Any) -> bool:
    """Whether a value fits the schema at `ref`."""
    verdict = _verdict(ref)
    try:
        return verdict.is_valid(value)
    except (ValueError, TypeError):  # what is no JSON at all: too deep, a key that is no string, a lone surrogate
        return next(_words(ref).iter_errors(value), None) is None


def problem(ref: str, value: Any) -> Problem | None:
    """What is wrong with a value by the schema at `ref`, or None: of several breaches the one `jsonschema` raises."""
    if valid(ref, value):
        return None
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    breach = best_match(_words(ref).iter_errors(value))
    if breach is None:  # an infinity, which Python takes for a number
        return Problem("$", "it holds a number that no JSON can hold", "")
    return Problem(breach.json_path, breach.message, _allowed(breach.schema, str(breach.validator)))


def _allowed(schema: Any, broken: str) -> str:
    """What a schema allows, in a few words; the message has the broken rule already, where it is a pattern."""
    if "properties" in schema:
        return ", ".join(schema["properties"])
    if broken == "pattern" and "description" in schema:
        return str(schema["description"]).rstrip(".")
    rules = ("type", "enum", "const", "pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum")
    return ", ".join(f"{rule} {schema[rule]!r}" for rule in rules if rule in schema)


def with_defaults(ref: str, value: JSON) -> JSON:
    """The value with the defaults of its schema filled in, at every depth of its objects."""
    filled = dict(value)
    for name, default in _defaults(ref).items():
        if name not in filled:
            container = isinstance(default, (dict, list))  # most are empty, and quickly made
            filled[name] = (deepcopy(default) if default else type(default)()) if container else default
    for name in _nested(ref):
        if name in filled:
            filled[name] = with_defaults(_property(ref, name), filled[name])
    return filled


def _property(ref: str, name: str) -> str:
    """The reference of a property of the schema at `ref`."""
    return f"{ref if '#' in ref else ref + '#'}/properties/{name}"


@cache
def _defaults(ref: str) -> Mapping[str, Any]:
    """The defaults that a schema states for its properties."""
    properties = node(ref).get("properties", {})
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema}


@cache
def _nested(ref: str) -> tuple[str, ...]:
    """The properties of a schema that are objects of named properties themselves."""
    return tuple(name for name in node(ref).get("properties", {}) if "properties" in node(_property(ref, name)))


def shape(ref: str) -> Any:
    from pytest_reinfer.violations import _located

    return _located(ref)


def member(shape: Any, step: Any) -> Any:
    from pytest_reinfer.violations import _member

    return _member(shape, step)


def names(shape: Any) -> Any:
    from pytest_reinfer.violations import _names

    return _names(shape)


Shape = Any
