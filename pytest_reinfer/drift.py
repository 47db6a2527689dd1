"""Where two tenants answer the same requests differently: the fake and a live one, told by JSON path with evidence."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import reduce
from itertools import pairwise
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.violations import FITS, JSON_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_reinfer.contract import Shape
    from pytest_reinfer.wire import JSON, Request, Response

KINDS: Final = (
    *("added", "removed", "renamed", "retyped", "reordered", "value", "status", "message", "header"),
    *("limit", "default", "permission"),
)
SHOWN: Final = 120  # so many characters of a value a line shows
LENGTHS: Final[Mapping[str, type[str | list[Any]]]] = MappingProxyType(
    {"maxLength": str, "minLength": str, "maxItems": list, "minItems": list}
)
BREACHES: Final[Mapping[str, str]] = MappingProxyType(  # the kinds of breaches, by their rules; others are of a value
    {
        "additionalProperties": "added",
        "required": "removed",
        "type": "retyped",
        "header": "header",
        "message": "message",
    }
    | dict.fromkeys(("limit", "maximum", "minimum", *LENGTHS), "limit")
)
COMPARED: Final = 10_000  # pairs of items of which it looks for those that have most in common
WORD: Final = re.compile("[0-9A-Za-z._-]{8,}")  # as long as anything is that a tenant gives out


class Difference(NamedTuple):
    """One thing that the live tenant does otherwise than the fake.

    exchange: the place of the exchange among those compared, from 0.
    route: the name of its route, or its method and path where the API has no such route.
    kind: one of KINDS.
    path: where, as a JSON path in the answer, or in the request where `part` says so; [*] is any item of a list.
    fake, live: what stands there on either side; ids, stamps and the like as references such as `<id:1>`.
    evidence: how the fake knows what it does.
    """

    exchange: int
    route: str
    kind: str
    path: str
    fake: Any
    live: Any
    evidence: str
    part: str = "response"

    def __str__(self) -> str:
        place = self.path if self.part == "response" else f"{self.path} of the request"
        return (
            f"{self.route}: {self.kind} {place}: the fake has {_shown(self.fake)}, the live tenant "
            f"{_shown(self.live)}  [{self.evidence or 'no evidence'}]"
        )


class Missing:
    """Stands for what is not there."""

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "nothing"


NOTHING: Final = Missing()


def compare(
    fake: Sequence[tuple[Request, Response]], live: Sequence[tuple[Request, Response]], *, contents: bool = True
) -> list[Difference]:
    """What the second tenant does otherwise, having been asked the same as the first, in the same order.

    What a tenant gives out, such as ids and stamps, differs by itself: of these it counts which are the same.

    contents: whether the tenants hold the same. Otherwise answers that are well are not compared with each other: those
        of the live tenant are held against the contract.
    """
    references, shapes = References(), Shapes()
    found: list[Difference] = []
    for number, (ours, theirs) in enumerate(zip(fake, live, strict=True)):
        found += _Pair(number, ours, theirs, references, shapes, contents=contents).differences()
    return found


def report(differences: Sequence[Difference]) -> str:
    """All differences for people: each once, however many exchanges show it."""
    if not differences:
        return "No drift: the live tenant answers as the fake does."
    groups: dict[tuple[str, str, str, str], list[Difference]] = {}
    for each in differences:
        groups.setdefault((each.route, each.kind, each.part, each.path), []).append(each)
    lines = [f"Drift: the live tenant differs in {len(groups)} place{'s' * (len(groups) != 1)}."]
    for group in groups.values():
        times = len({each.exchange for each in group})
        lines.append(f"  {group[0]}" + f"  ({times} times)" * (times > 1))
    return "\n".join(lines)


# ------------------------------------------------------------------------------------------------ references


class Shapes:
    """`contract.member`, which remembers: long lists ask for the same members again and again."""

    def __init__(self) -> None:
        self._known: dict[tuple[tuple[tuple[int, tuple[str, ...]], ...], str | int], Shape] = {}

    def member(self, shape: Shape, step: str | int) -> Shape:
        """What speaks for a member."""
        key = (tuple((id(part.schema), part.evidence) for part in shape), step)  # the schemas stay where they are
        if key not in self._known:
            self._known[key] = contract.member(shape, step)
        return self._known[key]


class References:
    """Which values given out by the two tenants stand for the same thing, by the order of their first occurrence."""

    def __init__(self) -> None:
        self._fake: dict[str, str] = {}
        self._live: dict[str, str] = {}
        self._counts: Counter[str] = Counter()

    def same(self, kind: str, fake: str, live: str) -> bool:
        """Whether both stand for the same; from their first occurrence on they do."""
        if fake in self._fake or live in self._live:
            return self._fake.get(fake) == self._live.get(live)
        if fake == live:
            return True  # what the caller has made up
        self._counts[kind] += 1
        self._fake[fake] = self._live[live] = f"<{kind}:{self._counts[kind]}>"
        return True

    def fake(self, text: str) -> str:
        """A text of the fake with references in the place of what it has given out."""
        return _replaced(text, self._fake)

    def live(self, text: str) -> str:
        """A text of the live tenant with references in the place of what it has given out."""
        return _replaced(text, self._live)


def _replaced(text: str, table: Mapping[str, str]) -> str:
    """A text with references: as a whole, or for the words in it and their parts between dots."""
    if text in table or not table:
        return table.get(text, text)

    def word(found: re.Match[str]) -> str:
        return table.get(found[0]) or ".".join(table.get(part, part) for part in found[0].split("."))

    return WORD.sub(word, text)


# ---------------------------------------------------------------------------------------- reading the schemas


def _stated(shape: Shape, keyword: str) -> Any:
    """What the nearest node of a shape says beside a keyword; NOTHING where none does."""
    return next((part.schema[keyword] for part in shape if keyword in part.schema), NOTHING)


def _evidence(shape: Shape, keyword: str, otherwise: str = "") -> str:
    """The evidence for a keyword of a shape, or else for the shape."""
    for part in shape:
        said = part.schema.get("x-evidence", {}).get(keyword)
        if said:
            return str(said)
    return next((part.evidence[0] for part in shape if part.evidence), otherwise)


def _given(shape: Shape, value: Any = None) -> str | None:
    """Of which kind a value is that the platform gives out; None for what callers choose.

    What no schema speaks of is taken for an id if it looks like one.
    """
    if not shape and isinstance(value, str):
        shape = contract.shape("objects/common.json#/$defs/id")
        return _given(shape) if FITS["pattern"](_stated(shape, "pattern"), value) else None
    kind = _stated(shape, "x-given")
    return None if kind is NOTHING else kind


def _kind(value: Any) -> str:
    """The JSON type of a value."""
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else JSON_TYPES[type(value)]


def _shown(value: Any) -> str:
    text = repr(value) if isinstance(value, Missing) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def _misfits(shape: Shape, value: Any) -> bool:
    """Whether a value is of another type than a shape says, or the shape says none."""
    kinds = _stated(shape, "type")
    return kinds is NOTHING or not FITS["type"](kinds, value)


def _dug(value: Any, steps: Iterable[str]) -> Any:
    """What stands along the steps; NOTHING where they lead nowhere."""
    for step in steps:
        if not isinstance(value, dict) or step not in value:
            return NOTHING
        value = value[step]
    return value


def _parsed(response: Response) -> Any:
    """The JSON of an answer; NOTHING for what is none."""
    try:
        return json.loads(response.body)
    except ValueError:
        return NOTHING


def _beyond(rule: str, limit: Any, value: Any) -> float | None:
    """How far a value is beyond a limit, 0 where it is just at it; None for what is no limit of such a value."""
    size: float
    if rule in ("maximum", "minimum") and _kind(value) == "number":
        size = value
    elif rule in LENGTHS and isinstance(value, LENGTHS[rule]):
        size = len(value)
    else:
        return None
    return float(size - limit if rule.startswith("max") else limit - size)


class _Limit(NamedTuple):
    """A limit that a value of a request is at (0) or beyond (more)."""

    path: str
    rule: str
    limit: Any
    beyond: float
    evidence: str


def _limits(shape: Shape, path: str, value: Any) -> Iterator[_Limit]:
    """The limits that a value and its members are at or beyond."""
    for part in shape:
        for rule, limit in part.schema.items():
            beyond = _beyond(rule, limit, value)
            if rule in ("pattern", "enum"):
                beyond = 0.5 - FITS[rule](limit, value)  # there is no just at it
            if beyond is not None and beyond >= 0:
                yield _Limit(path, rule, limit, beyond, _evidence((part,), rule))
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _limits(contract.member(shape, name), f"{path}.{name}", member)
    elif isinstance(value, list) and value:
        for item in {json.dumps(each): each for each in value}.values():
            yield from _limits(contract.member(shape, 0), f"{path}[*]", item)


class _Default(NamedTuple):
    """What a request leaves out, and what stands there then."""

    path: str
    name: str
    value: Any
    evidence: str


def _left_out(shape: Shape, path: str, value: Any) -> Iterator[_Default]:
    """The defaults that a request makes use of."""
    if isinstance(value, dict):
        for name in contract.names(shape):
            member = contract.member(shape, name)
            default = _stated(member, "default")
            if name in value:
                yield from _left_out(member, f"{path}.{name}", value[name])
            elif default is not NOTHING:
                yield _Default(f"{path}.{name}", name, default, _evidence(member, "default"))
    elif isinstance(value, list):
        for item in value[:1]:
            yield from _left_out(contract.member(shape, 0), f"{path}[*]", item)


# --------------------------------------------------------------------------------------------- one exchange


class _Pair:
    """The same exchange with the fake and with the live tenant."""

    def __init__(
        self,
        number: int,
        fake: tuple[Request, Response],
        live: tuple[Request, Response],
        references: References,
        shapes: Shapes,
        *,
        contents: bool,
    ) -> None:
        self._member = shapes.member
        self._number = number
        (self._request, self._fake), (self._live_request, self._live) = fake, live
        self._references = references
        self._contents = contents
        self._match = contract.match(self._request.method, self._request.path)
        route = self._match.route
        self._built = route is not None and route.built
        self._route = route.name if route is not None else f"{self._request.method} {self._request.path}"
        self._found: dict[tuple[str, str, str], Difference] = {}
        self._sent = dict(self._parts(self._request))
        self._defaults = [
            default for part, (shape, value) in self._sent.items() for default in _left_out(shape, f"$.{part}", value)
        ]

    def differences(self) -> list[Difference]:
        """What differs, each place once."""
        theirs = self._parts(self._live_request)
        for (part, (shape, fake)), (_, (_, live)) in zip(self._sent.items(), theirs, strict=True):
            self._walk(shape, f"$.{part}", fake, live, "")
        self._found = {}  # requests are the same, and told the references only
        self._headers()
        if self._fake.status != self._live.status:
            self._status()
        else:
            self._bodies()
            if not self._contents:
                self._breaches()
        return list(self._found.values())

    def _parts(self, request: Request) -> Iterator[tuple[str, tuple[Shape, Any]]]:
        """The parts of a request that the route reads, with what speaks for them."""
        if not self._built:
            return
        name = self._match.route.name if self._match.route else ""
        ref = f"routes/{name}.json#/properties/"
        stated = contract.documents()[f"routes/{name}.json"]["properties"]
        if "path" in stated:
            yield "path", (contract.shape(f"{ref}path"), dict(contract.match(request.method, request.path).parameters))
        if "query" in stated:
            yield "query", (contract.shape(f"{ref}query"), contract.query(name, request.query))
        if "body" in stated:
            try:
                body = json.loads(request.body)
            except ValueError:
                body = None
            yield "body", (contract.shape(f"{ref}body"), body)

    def _tell(self, kind: str, path: str, fake: Any, live: Any, evidence: str, part: str = "response") -> None:
        difference = Difference(self._number, self._route, kind, path, fake, live, evidence, part)
        self._found.setdefault((part, kind, path), difference)

    # ------------------------------------------------------------------------------- status and headers

    def _document(self) -> JSON:
        """The schema of the route; of no route, that of the API."""
        return contract.documents()[f"routes/{self._route}.json" if self._built else "api.json"]

    def _refusal(self) -> str:
        """The evidence for what the fake answered: of its refusal, or of the route where all is well."""
        document = self._document()
        if self._fake.status < 300:  # noqa: PLR2004 -- all is well
            said: Mapping[str, str] = document.get("x-evidence", {})
            return said.get("*", "")
        body = _parsed(self._fake)
        message = str(body.get("message", "")) if isinstance(body, dict) else ""
        errors = contract.convention("x-errors")
        fitting = [
            (len(re.sub("{.*?}", "", entry["message"])), entry["evidence"])
            for name in document["x-errors"]
            if (entry := document["x-errors"][name] if isinstance(document["x-errors"], dict) else errors[name])
            and entry["status"] == self._fake.status
            and _template(entry["message"]).fullmatch(message)
        ]
        return str(max(fitting)[1]) if fitting else ""

    def _status(self) -> None:
        """Tell another status: as what it comes from, where the request shows that."""
        fake, live = self._fake.status, self._live.status
        body = _parsed(self._live)
        words = body.get("message") if isinstance(body, dict) else None
        answered = f"{live}" if words is None else f"{live} {self._references.live(str(words))}"
        limit = self._limit(beyond=fake == contract.error("schema_violation").status)
        if contract.error("forbidden").status in (fake, live):
            evidence = self._document().get("x-evidence", {}).get("x-permission") or self._refusal()
            self._tell("permission", "$.status", fake, live, evidence)
        elif contract.error("schema_violation").status in (fake, live) and min(fake, live) < 300 and limit is not None:  # noqa: PLR2004
            self._tell("limit", limit.path, f"{limit.rule} {_shown(limit.limit)}", answered, limit.evidence, "request")
        else:
            self._tell("status", "$.status", fake, answered if words else live, self._refusal())

    def _limit(self, *, beyond: bool) -> _Limit | None:
        """The limit of the API that the request is beyond, or else the one that it is just at."""
        limits = [limit for part, (shape, value) in self._sent.items() for limit in _limits(shape, f"$.{part}", value)]
        return next((limit for limit in limits if (limit.beyond > 0) is beyond), None)

    def _headers(self) -> None:
        """Tell the headers of the API that the live tenant lacks, or writes otherwise."""
        if self._fake.status != self._live.status:
            return
        theirs = {name.lower(): value for name, value in self._live.headers.items()}
        for entry in contract.convention("x-headers").values():
            name = entry["name"]
            mine, value = self._fake.headers.get(name), theirs.get(name.lower())
            if mine is not None and (value is None or not _same_header(entry["value"], mine, value)):
                self._tell("header", f"$.headers.{name}", mine, NOTHING if value is None else value, entry["evidence"])

    # ------------------------------------------------------------------------------------------- bodies

    def _bodies(self) -> None:
        fake, live = _parsed(self._fake), _parsed(self._live)
        if fake is NOTHING or live is NOTHING:
            if self._fake.body != self._live.body:
                self._tell("retyped", "$.body", _sort(self._fake), _sort(self._live), self._refusal())
            return
        if self._fake.status >= 300:  # noqa: PLR2004 -- a refusal
            self._refused(fake, live)
            return
        shape = contract.shape(f"routes/{self._route}.json#/properties/response") if self._built else ()
        if self._contents:
            self._walk(shape, "$.body", fake, live, self._refusal())
        else:
            self._hold(shape, "$.body", live)

    def _refused(self, fake: Any, live: Any) -> None:
        """Compare two refusals of the same status."""
        shape, evidence = contract.shape("objects/error.json"), self._refusal()
        words = [str(each.get("message", "")) if isinstance(each, dict) else "" for each in (fake, live)]
        if all(words):
            mine, theirs = self._references.fake(words[0]), self._references.live(words[1])
            limit = self._limit(beyond=True)
            if mine != theirs and limit is not None and _numberless(mine) == _numberless(theirs):
                self._tell("limit", limit.path, mine, theirs, limit.evidence, "request")
            elif mine != theirs:
                self._tell("message", "$.body.message", mine, theirs, evidence)
            fake, live = {**fake, "message": ""}, {**live, "message": ""}  # told above
        self._walk(shape, "$.body", fake, live, evidence)

    def _walk(self, shape: Shape, path: str, fake: Any, live: Any, around: str) -> None:
        """Compare two values of the same place; `around` is the evidence of what is around them."""
        given = _given(shape, fake)
        evidence = _evidence(shape, "type", around)
        if _kind(fake) != _kind(live):
            self._tell("retyped", path, _kind(fake), _kind(live), evidence)
        elif isinstance(fake, dict):
            self._walk_members(shape, path, fake, live, evidence)
        elif isinstance(fake, list):
            self._walk_items(shape, path, fake, live, evidence)
        elif given is not None and isinstance(fake, str):
            pattern = _stated(shape, "pattern")
            if pattern is not NOTHING and not FITS["pattern"](pattern, live):
                self._tell("value", path, f"<{given}> such as {fake}", live, _evidence(shape, "pattern", around))
            elif given != "stamp" and not self._references.same(given, fake, live):
                self._tell("value", path, self._references.fake(fake), self._references.live(live), evidence)
        elif isinstance(fake, str):
            mine, theirs = self._references.fake(fake), self._references.live(live)
            if mine != theirs:
                self._tell("value", path, mine, theirs, evidence)
        elif fake != live:
            self._tell("value", path, fake, live, evidence)

    def _walk_members(self, shape: Shape, path: str, fake: JSON, live: JSON, around: str) -> None:
        """Compare two objects."""
        gone = [name for name in fake if name not in live]
        new = [name for name in live if name not in fake]
        for name in tuple(gone):
            twins = [other for other in new if self._alike(fake[name], live[other])]
            if len(twins) == 1 and len(gone) == len(new) == 1:
                member = self._member(shape, name)
                self._tell("renamed", f"{path}.{name}", name, twins[0], _evidence(member, "type", around))
                gone, new, fake = [], [], {key: value for key, value in fake.items() if key != name}
        for name in fake:
            member = self._member(shape, name)
            value = live.get(name, NOTHING)
            default = next((each for each in self._defaults if each.name == name and each.value == fake[name]), None)
            if default is not None and name not in gone and self._plain(fake[name]) != self._plain(value, live=True):
                self._tell("default", default.path, default.value, value, default.evidence, "request")
            elif name in gone:
                required = name in (_stated(shape, "required") or ())
                evidence = _evidence(shape, "required", around) if required else _evidence(member, "type", around)
                self._tell("removed", f"{path}.{name}", fake[name], NOTHING, evidence)
            elif value is not NOTHING:
                self._walk(member, f"{path}.{name}", fake[name], value, around)
        for name in new:
            member = self._member(shape, name)
            evidence = _evidence(member or shape, "type" if member else "additionalProperties", around)
            self._tell("added", f"{path}.{name}", NOTHING, live[name], evidence)
        self._walk_stamps(shape, path, fake, live)

    def _walk_stamps(self, shape: Shape, path: str, fake: JSON, live: JSON) -> None:
        """Compare which of the moments in an object are the same, and which come first."""
        names = [
            name
            for name in fake
            if _given(member := self._member(shape, name)) == "stamp"
            and _moment(member, fake[name])
            and _moment(member, live.get(name))
        ]
        for before, name in pairwise(names):
            mine, theirs = (_relation(side[before], side[name]) for side in (fake, live))
            if mine != theirs:
                evidence = _evidence(self._member(shape, name), "type")
                self._tell("value", f"{path}.{name}", f"{mine} {before}", f"{theirs} {before}", evidence)

    def _walk_items(self, shape: Shape, path: str, fake: list[Any], live: list[Any], around: str) -> None:
        """Compare two lists: what stands in both in another order, and what stands in one alone."""
        item = self._member(shape, 0)
        masked = [
            [self._masked(item, each, live=bool(side)) for each in items] for side, items in enumerate((fake, live))
        ]
        pairs = _paired(*masked)
        order = [theirs for _, theirs in pairs]
        if order != sorted(order):
            keyword = "x-order" if _stated(shape, "x-order") is not NOTHING else "type"
            self._tell("reordered", path, [mine for mine, _ in pairs], order, _evidence(shape, keyword, around))
        for mine, theirs in pairs:
            self._walk(item, f"{path}[*]", fake[mine], live[theirs], around)
        if len(fake) != len(live):
            self._tell_length(path, len(fake), len(live), around)

    def _tell_length(self, path: str, fake: int, live: int, evidence: str) -> None:
        """Tell that a list is longer or shorter: as what the request, or its silence, asked for, where that fits."""
        for default in self._defaults:
            if live and _kind(default.value) == "number" and default.value == fake:
                self._tell("default", default.path, fake, live, default.evidence, "request")
                return
        for part, (shape, value) in self._sent.items():
            for name, given in value.items() if isinstance(value, dict) else ():
                if live and _kind(given) == "number" and given == fake:
                    said = _evidence(self._member(shape, name), "type")
                    self._tell("limit", f"$.{part}.{name}", f"{fake} items", f"{live} items", said, "request")
                    return
        kind = "added" if live > fake else "removed"
        self._tell(kind, f"{path}[*]", f"{fake} items", f"{live} items", evidence)

    def _masked(self, shape: Shape, value: Any, *, live: bool) -> Any:
        """A value with references in the place of what is known, and `<kind>` in that of what is given out."""
        if isinstance(value, dict):
            return {name: self._masked(self._member(shape, name), each, live=live) for name, each in value.items()}
        if isinstance(value, list):
            return [self._masked(self._member(shape, 0), each, live=live) for each in value]
        if not isinstance(value, str):
            return value
        text = self._references.live(value) if live else self._references.fake(value)
        given = _given(shape, value)
        return f"<{given}>" if given is not None and (text == value or given == "stamp") else text

    def _plain(self, value: Any, *, live: bool = False) -> str:
        return "" if value is NOTHING else json.dumps(self._masked((), value, live=live), sort_keys=True)

    def _alike(self, fake: Any, live: Any) -> bool:
        """Whether two values of other names may be the same."""
        return self._plain(fake) == self._plain(live, live=True)

    # ----------------------------------------------------------------------------------- without contents

    def _hold(self, shape: Shape, path: str, live: Any) -> None:
        """Hold a value of the live tenant against what the contract says of it."""
        for part in shape:
            for rule, limit in part.schema.items():
                beyond = _beyond(rule, limit, live) or 0
                if beyond > 0:
                    size = live if _kind(live) == "number" else len(live)
                    self._tell("limit", path, f"{rule} {limit}", size, _evidence((part,), rule))
                elif rule == "type" and not FITS[rule](limit, live):
                    self._tell("retyped", path, limit, _kind(live), _evidence((part,), rule))
                    return
                elif rule in ("enum", "const", "pattern") and not FITS[rule](limit, live):
                    self._tell("value", path, f"{rule} {_shown(limit)}", live, _evidence((part,), rule))
        if isinstance(live, dict):
            self._hold_members(shape, path, live)
        elif isinstance(live, list):
            self._hold_order(shape, path, live)
            for item in live:
                self._hold(self._member(shape, 0), f"{path}[*]", item)

    def _hold_members(self, shape: Shape, path: str, live: JSON) -> None:
        """Hold the members of an object against the contract; new ones where that describes such an object whole."""
        gone = [name for name in _stated(shape, "required") or () if name not in live]
        new = [name for name in live if not self._member(shape, name)]
        if len(gone) == len(new) == 1 and not _misfits(member := self._member(shape, gone[0]), live[new[0]]):
            self._tell("renamed", f"{path}.{gone[0]}", gone[0], new[0], _evidence(member, "type"))
            live = {name: value for name, value in live.items() if name != new[0]}
            gone = []
        for name in gone:
            self._tell("removed", f"{path}.{name}", "it required", NOTHING, _evidence(shape, "required"))
        whole = path == "$.body" or any("$schema" in part.schema for part in shape)
        for name, value in live.items():
            member = self._member(shape, name)
            if member:
                self._hold(member, f"{path}.{name}", value)
            elif whole and contract.names(shape):
                self._tell("added", f"{path}.{name}", NOTHING, value, _evidence(shape, "additionalProperties"))

    def _hold_order(self, shape: Shape, path: str, live: list[Any]) -> None:
        """Hold the order of a list against the one that the contract states."""
        order = _stated(shape, "x-order")
        if order is NOTHING:
            return
        asked = {default.name: default.value for default in self._defaults}
        for _, value in self._sent.values():
            asked |= value if isinstance(value, dict) else {}
        steps = order.format_map(asked).split(".")
        member = reduce(self._member, steps, self._member(shape, 0))
        values = [value for item in live if _moment(member, value := _dug(item, steps))]
        for before, after in pairwise(values):
            if _relation(before, after) == "earlier than":
                self._tell("reordered", path, f"by {order}", f"{before} before {after}", _evidence(shape, "x-order"))
                return

    def _breaches(self) -> None:
        """Tell how the answer breaks the contract otherwise, such as by more items than were asked for."""
        told = {difference.path for difference in self._found.values()}
        for breach in contract.breaches(self._live_request, self._live):
            path = re.sub(r"\[\d+]", "[*]", breach.path)
            if breach.part == "response" and breach.rule != "accepted" and path not in told:
                self._tell(BREACHES.get(breach.rule, "value"), path, breach.expected, breach.got, breach.evidence)


def words(value: Any) -> Iterator[str]:
    """The texts in a value, and the words in them that may be ids."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from words(name)
            yield from words(member)
    elif isinstance(value, list):
        for member in value:
            yield from words(member)
    elif isinstance(value, str):
        yield value
        for word in WORD.findall(value):
            yield from (word, *word.split("."))


def _moment(shape: Shape, value: Any) -> bool:
    """Whether a value is a moment as the platform writes it."""
    pattern = _stated(shape, "pattern")
    return isinstance(value, str) and pattern is not NOTHING and FITS["pattern"](pattern, value)


def _relation(before: str, after: str) -> str:
    """How the second of two moments stands to the first."""
    first, second = before.rstrip("Z"), after.rstrip("Z")
    return "the same as" if first == second else "later than" if first < second else "earlier than"


def _template(text: str) -> re.Pattern[str]:
    """What a text with places to fill looks like when they are filled."""
    return re.compile("(?s:.+)".join(map(re.escape, re.split("{.*?}", text))))


def _same_header(template: str, fake: str, live: str) -> bool:
    """Whether a header says the same: numbers in it are those of the moment, and lists have no order."""
    if "{" not in template:
        live = live.partition(";")[0]
    words = [{_numberless(word.strip()) for word in text.replace(".", "").split(",")} for text in (fake, live)]
    return words[0] == words[1]


def _numberless(text: str) -> str:
    return re.sub("[0-9]+", "0", text)


def _sort(response: Response) -> str:
    """What an answer that may be no JSON is."""
    name = contract.header("content_type").name.lower()
    kind = next((value for key, value in response.headers.items() if key.lower() == name), "nothing said")
    return f"{kind}, {len(response.body)} bytes"


def _paired(fake: list[Any], live: list[Any]) -> list[tuple[int, int]]:
    """Which items of two lists are the same: those that are equal, then those that have most in common."""
    places: dict[str, list[int]] = {}
    for place, item in reversed(list(enumerate(live))):
        places.setdefault(json.dumps(item, sort_keys=True), []).append(place)
    pairs: dict[int, int] = {}
    for place, item in enumerate(fake):
        equal = places.get(json.dumps(item, sort_keys=True))
        if equal:
            pairs[place] = equal.pop()
    left = sorted(place for equal in places.values() for place in equal)
    if len(left) * (len(fake) - len(pairs)) <= COMPARED:
        leaves = {place: set(_leaves(live[place])) for place in left}
    else:
        leaves = {}
    for place in range(len(fake)):
        if place not in pairs and left:
            mine = set(_leaves(fake[place])) if leaves else set()
            best = max(left, key=lambda other: (len(mine & leaves.get(other, mine)), -abs(other - place)))
            left.remove(best)
            pairs[place] = best
    return sorted(pairs.items())


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """The plain values in a value, each with its path."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from _leaves(member, f"{path}.{name}")
    elif isinstance(value, list):
        for member in value:
            yield from _leaves(member, f"{path}[*]")
    else:
        yield f"{path} {json.dumps(value)}"
