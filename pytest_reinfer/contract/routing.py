"""The routes of the API: what each is called, what it reads, and which of them a request is for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

from pytest_reinfer.contract.reading import documents, node, property_ref
from pytest_reinfer.contract.validation import problem

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reinfer.contract.validation import Problem
    from pytest_reinfer.wire import JSON

SAFE: Final = ("GET", "HEAD", "OPTIONS")  # methods that ask and change nothing, by RFC 9110
INTEGER: Final = re.compile("-?[0-9]{1,18}")  # as a query writes it


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
    return {name: node(property_ref(ref, name))["type"] for name in node(ref)["properties"]}


def query(name: str, text: str) -> JSON:
    """The query parameters that a route knows, read as its schema means them; what is no such value stays a text."""
    read = kinds(f"routes/{name}.json#/properties/query")
    return {key: _read(read[key], values) for key, values in given(text).items() if key in read}


def given(text: str) -> dict[str, list[str]]:
    """The names in a query, each with its values."""
    return parse_qs(text, keep_blank_values=True)


def query_names(name: str) -> frozenset[str]:
    """The names of the query parameters that a route knows."""
    return frozenset(kinds(f"routes/{name}.json#/properties/query") if takes_query(name) else ())


def _read(kind: str, values: list[str]) -> Any:
    """What the texts of a query parameter mean: all of them in a list, else the last; a text where it is no other."""
    if kind == "array":
        return values
    text = values[-1]
    if kind == "boolean":
        return {"true": True, "false": False}.get(text, text)
    return int(text) if kind == "integer" and INTEGER.fullmatch(text) else text


def reads(method: str, route: Route | None) -> bool:
    """Whether a request changes nothing that a tenant holds: by its method (RFC 9110), or as its route says."""
    if method in SAFE:
        return True
    return route is not None and route.built and bool(documents()[f"routes/{route.name}.json"].get("x-reads"))


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
