"""How each rule of the fake is known: read from `schemas/`, looked up, and held against answers."""

from __future__ import annotations

import json
import re
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

    from pytest_reinfer.contract import Part, Shape
    from pytest_reinfer.wire import JSON

API: Final = "api.json"
OURS: Final = ("state.json", "probes.json")  # the form of a file, and what `verify` asks: no service has them
COMMON: Final = "objects/common.json"  # small values, whose rules are told wherever they stand
ENTRIES: Final = (  # the tables of the API, and what one entry of each is
    ("x-headers", "header"),
    ("x-permissions", "permission"),
    ("x-errors", "error"),
    ("x-failures", "failure"),
)
CONSTRAINTS: Final = (
    *("type", "enum", "const", "pattern", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    *(
        "minimum",
        "maximum",
        "required",
        "additionalProperties",
        "default",
        "readOnly",
        "deprecated",
        "x-order",
        "x-unordered",
    ),
)


class Rule(NamedTuple):
    """One rule of the fake, and how it is known.

    about: what has it: a route or an object, by its name; `common` for small values, `api` for all routes.
    place: where it holds there: a JSON path, or the name of an entry; empty where it holds for the whole.
    rule: a keyword of JSON Schema, `field` for a key that there is, or what of the API it is, such as `error`.
    says: what stands beside it.
    kind, source: its evidence.
    """

    about: str
    place: str
    rule: str
    says: Any
    kind: str
    source: str

    def __str__(self) -> str:
        values = self.rule in ("enum", "const", "default")
        says = json.dumps(self.says, ensure_ascii=False) if values else _told(self.says)
        return " ".join(filter(None, [self.place and f"{self.place}:", self.rule, says]))


def _told(says: Any) -> str:
    if isinstance(says, str):
        return says
    if isinstance(says, list):
        return ", ".join(map(_told, says)) or "none"
    if isinstance(says, dict):
        return "; ".join(f"{key} {_told(value)}" for key, value in says.items())
    return json.dumps(says)


@cache
def rules() -> Sequence[Rule]:
    """Every rule that there is: those of the API, then those of each object and route, in the order of the schemas."""
    schemas = (name for name in contract.documents() if name not in (API, *OURS))
    return tuple(chain(_of_api(), chain.from_iterable(map(_of_schema, schemas))))


def about(*names: str) -> Sequence[Rule]:
    """The rules of routes and objects by their names, in which `*` stands for anything; without names all rules.

    Raises ValueError, with the nearest names, for one that nothing has.
    """
    known = dict.fromkeys(rule.about for rule in rules())
    wanted: set[str] = set()
    for name in names:
        found = {each for each in known if fnmatchcase(each, name)}
        if not found:
            near = get_close_matches(name, known, n=5, cutoff=0.5) or sorted(known)
            raise ValueError(f"Nothing is called {name!r}. The nearest routes and objects: {', '.join(near)}.")
        wanted |= found
    return [rule for rule in rules() if not names or rule.about in wanted]


# ------------------------------------------------------------------------------------------------ the catalogue


def stated(about: str, place: str, rule: str, says: Any, evidence: str) -> Rule:
    """A rule with its evidence, which says its kind, a colon and its source."""
    return Rule(about, place, rule, says, contract.kind(evidence), evidence.partition(": ")[2])


def _of_api() -> Iterator[Rule]:
    api, title = contract.documents()[API], "api"
    yield from (stated(title, "", "server", entry["url"], entry["evidence"]) for entry in api["x-servers"])
    yield from behaviour(title)
    for table, rule in ENTRIES:
        yield from (entry_of(table, rule, name) for name in api[table])
    for name in ("x-max-body", "x-no-charge"):
        says = {key: value for key, value in api[name].items() if key != "evidence"}
        yield stated(title, "", name.removeprefix("x-"), says, api[name]["evidence"])
    yield from (stated(title, "", "unbuilt", route, evidence) for route, evidence in api["x-unbuilt"].items())


def entry_of(table: str, rule: str, name: str) -> Rule:
    """The rule that an entry of a table of the API is."""
    entry = contract.convention(table)[name]
    says = {key: value for key, value in entry.items() if key != "evidence"}
    return stated("api", name, rule, says, entry["evidence"])


def behaviour(title: str) -> Iterator[Rule]:
    """What a route, or the API, does beyond its fields."""
    for entry in _document(title).get("x-behaviour", ()):
        yield stated(title, "", "behaviour", entry["rule"], entry["evidence"])


def applied(title: str, sent: Collection[str], refusal: str | None) -> Iterator[Rule]:
    """What a route, or the API, did where these fields were sent, by their places, and this refusal was met, if any.

    A rule that names no fields and no refusals holds for every answer, or for what nobody can see in one exchange.
    """
    for entry in _document(title).get("x-behaviour", ()):
        if refusal in entry.get("errors", ()) or any(field in sent for field in entry.get("fields", ())):
            yield stated(title, "", "behaviour", entry["rule"], entry["evidence"])


def _document(title: str) -> JSON:
    return contract.documents()[API if title == "api" else f"routes/{title}.json"]


def route(title: str) -> Rule:
    """That there is a route, at its method and path."""
    schema = _document(title)
    return stated(title, "", "route", schema["x-route"], schema["x-evidence"]["x-route"])


def permission(title: str) -> Rule:
    """Which permission a route asks for."""
    schema = _document(title)
    return stated(title, "", "permission", schema["x-permission"] or "none", schema["x-evidence"]["x-permission"])


def _of_schema(name: str) -> Iterator[Rule]:
    """The rules of an object, a route or a file of small values."""
    schema = contract.documents()[name]
    title: str = schema["title"]
    if "x-route" in schema:
        yield from (route(title), permission(title), *behaviour(title))
        if "x-reads" in schema:
            yield stated(title, "", "reads", schema["x-reads"], schema["x-evidence"]["x-reads"])
    if "type" in schema or "$ref" in schema:
        yield from _below(title, name, "$", contract.shape(name))
    for each in schema.get("$defs", ()):
        yield from _below(title, name, each, contract.shape(f"{name}#/$defs/{each}"))


def _below(title: str, name: str, place: str, shape: Shape) -> Iterator[Rule]:
    """The rules of a shape and of its members, up to where another object stands, which has its own."""
    here = tuple(part for part in shape if part.file in (name, COMMON))
    told: list[tuple[str, Any]] = []
    for part in here:
        for keyword in CONSTRAINTS:
            if keyword in part.schema and (keyword, part.schema[keyword]) not in told:
                told.append((keyword, part.schema[keyword]))
                yield constraint(title, place, part, keyword)
    for label, member in members(here):
        others = [part.file for part in member if part.file not in (name, COMMON)]
        held = others[0].rpartition("/")[2].removesuffix(".json") if others else ""
        yield stated(title, place + label, "field", held, presence(member))
        yield from _below(title, name, place + label, member)


def constraint(title: str, place: str, part: Part, keyword: str) -> Rule:
    """What a node of a schema says beside a keyword."""
    return stated(title, place, keyword, part.schema[keyword], part.why(keyword))


def members(shape: Shape) -> Iterator[tuple[str, Shape]]:
    """The members of a shape, each with what a path has for it; keys of one pattern are one member."""
    for name in contract.names(shape):
        yield f".{name}", contract.member(shape, name)
    for pattern in dict.fromkeys(_patterns(shape)):
        yield _label(pattern), contract.member(shape, pattern.removeprefix("^"))
    if any("items" in part.schema for part in shape):
        yield "[*]", contract.member(shape, 0)


def label(shape: Shape, key: str) -> str:
    """What a path has for a key of an object."""
    if key in contract.names(shape):
        return f".{key}"
    return next((_label(each) for each in _patterns(shape) if re.search(each, key)), f".{key}")


def _patterns(shape: Shape) -> Iterator[str]:
    return chain.from_iterable(part.schema.get("patternProperties", ()) for part in shape)


def _label(pattern: str) -> str:
    """What a path has for keys that start alike, which is all that the patterns of the schemas say."""
    return f".{pattern.removeprefix('^')}*"


def presence(member: Shape) -> str:
    """What speaks for it that a member is there at all: for the key, and not for all that the key may hold."""
    beside = [part.schema.get("x-evidence", {}) for part in member]
    own = (beside[0][name] for name in ("field", "*", "type") if name in beside[0])
    around = chain.from_iterable(part.evidence for part in member)
    below = chain.from_iterable(said.values() for said in beside)
    return str(next(chain(own, around, below)))


# --------------------------------------------------------------------------------------------------- answers


class Trimmed(NamedTuple):
    """An answer without what is known on lesser evidence, and the fields that it lost."""

    answer: JSON
    left_out: Sequence[Rule]


def trimmed(route: str, answer: JSON, kind: str) -> Trimmed:
    """The answer of a route (the body of a success) without the keys that are known on lesser evidence than `kind`.

    Where the route itself is known on no more, its answer keeps what is known as well as the route is. Raises
    ValueError for what is no kind of evidence.
    """
    worst = max(contract.rank(kind), contract.rank(contract.kind(_document(route)["x-evidence"]["x-route"])))
    shapes: dict[str, Shape] = {}  # by place
    labels: dict[tuple[str, str], str] = {}  # by place and key
    left_out: dict[str, Rule] = {}

    def kept(place: str, shape: Shape, value: Any) -> Any:
        if isinstance(value, list):
            here = f"{place}[*]"
            if here not in shapes:
                shapes[here] = contract.member(shape, 0)
            return [kept(here, shapes[here], item) for item in value]
        if not isinstance(value, dict) or not shape:
            return value
        members = {}
        for key, inner in value.items():
            here = labels.get((place, key)) or labels.setdefault((place, key), place + label(shape, key))
            if here not in shapes:
                shapes[here] = contract.member(shape, key)
                known = _known(shape, shapes[here], key)
                if contract.rank(contract.kind(known)) > worst:
                    left_out[here] = stated(route, here, "field", "", known)
            if here not in left_out:
                members[key] = kept(here, shapes[here], inner)
        return members

    rest = kept("$", contract.shape(f"routes/{route}.json#/properties/response"), answer)
    return Trimmed(rest, tuple(left_out.values()))


def _known(shape: Shape, member: Shape, key: str) -> str:
    """What speaks for a key of an answer."""
    if member:
        return presence(member)
    for part in shape:
        if key in part.schema.get("required", ()):
            return part.why("required")
    if any("properties" in part.schema for part in shape):
        return f"{[*contract.convention('x-evidence-kinds')][-1]}: no schema speaks of it"
    return shape[0].evidence[0]  # data, under names of its own
