"""Every way to break exactly one rule of a schema: what the API has to refuse, derived from `schemas/` alone."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache, partial
from itertools import chain, islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.contract.shapes import Part, Shape, member, stated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence


class Violation(NamedTuple):
    """One way to break one rule: where it stands, what it says, how we know it, and what breaks it."""

    place: str  # a JSON path, the first item standing for every item
    rule: str  # the keyword of JSON Schema
    limit: Any  # what stands beside the keyword; for `required` the name of the missing key
    evidence: str  # of the keyword, from the closest node that speaks for it
    apply: Callable[[Any], Any]  # from any valid value to a copy that breaks this rule there, and no other


JSON_TYPES = MappingProxyType({type(None): "null", bool: "boolean", str: "string", list: "array", dict: "object"})


def simplest(ref: str) -> Any:
    """A small value that fits the schema at `ref`: required fields only."""
    return _simplest(contract.shape(ref))


@cache
def violations(ref: str) -> tuple[Violation, ...]:
    """Every way to break one rule of the schema at `ref`: the rules of a node, then those of its members, in order."""
    return tuple(_below((), (contract.shape(ref),)))


def _below(steps: tuple[str | int, ...], shapes: tuple[Shape, ...]) -> Iterator[Violation]:
    """The violations of the last of `shapes`, which stand along the `steps` from the root, and of its members."""
    from jsonschema import ValidationError  # noqa: PLC0415 -- heavy; its own words for a place are the ones to use

    place = ValidationError("", path=steps).json_path
    told = []
    for part in shapes[-1]:
        for rule, limit in part.schema.items():
            if (rule, limit) in told:
                continue  # stated by a node and by the one it refers to
            told.append((rule, limit))
            for said, spoil in _spoilers(shapes[-1], rule, limit):
                yield Violation(place, rule, said, part.why(rule), partial(_applied, steps, shapes, spoil))
    members: list[str | int] = [*_names(shapes[-1])]
    if stated(shapes[-1], "items"):
        members.append(0)
    for step in members:
        yield from _below((*steps, step), (*shapes, member(shapes[-1], step)))


def _applied(steps: Sequence[str | int], shapes: Sequence[Shape], spoil: Callable[[Any], Any], value: Any) -> Any:
    """A copy of `value` with what stands at the end of `steps` spoiled; what is missing on the way is built."""
    if not steps:
        return spoil(deepcopy(value))
    step, inner = steps[0], shapes[1]
    if isinstance(step, int):
        items = value if isinstance(value, list) and value else [_simplest(inner)]
        return [_applied(steps[1:], shapes[1:], spoil, items[0]), *deepcopy(items[1:])]
    members = value if isinstance(value, dict) else _simplest(shapes[0], "object")
    member = members[step] if step in members else _simplest(inner)
    return {**deepcopy(members), step: _applied(steps[1:], shapes[1:], spoil, member)}


# --------------------------------------------------------------------------------------------- reading schemas


def _names(shape: Shape) -> list[str]:
    """The keys that a shape speaks of, and one key for each pattern of keys."""
    return list(dict.fromkeys([*contract.names(shape), *map(_key, chain(*stated(shape, "patternProperties")))]))


def _key(pattern: str) -> str:
    """A key that a pattern of keys accepts: one letter more, where the pattern is a plain prefix."""
    schema = {"type": "string", "pattern": pattern, "examples": [pattern.removeprefix("^") + "a"]}
    return str(_simplest((Part("patternProperties", schema, ()),)))


# ------------------------------------------------------------------------------------------------ what fits


def _types(value: Any) -> set[str]:
    """The names that JSON Schema has for the type of a value."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"number", "integer"} if float(value).is_integer() else {"number"}
    return {JSON_TYPES[type(value)]}


# Whether a text, a number or another plain value keeps a rule; every rule but `type`, `enum` and `const` passes the
# values that it does not speak of.
FITS: MappingProxyType[str, Callable[[Any, Any], bool]] = MappingProxyType(
    {
        "type": lambda limit, value: not _types(value).isdisjoint([limit] if isinstance(limit, str) else limit),
        "enum": lambda limit, value: json.dumps(value) in map(json.dumps, limit),  # to Python, True == 1
        "const": lambda limit, value: json.dumps(value) == json.dumps(limit),
        "pattern": lambda limit, value: not isinstance(value, str) or re.search(limit, value) is not None,
        "minLength": lambda limit, value: not isinstance(value, str) or len(value) >= limit,
        "maxLength": lambda limit, value: not isinstance(value, str) or len(value) <= limit,
        "minimum": lambda limit, value: "number" not in _types(value) or value >= limit,
        "maximum": lambda limit, value: "number" not in _types(value) or value <= limit,
    }
)


def _broken(shape: Shape, value: Any) -> list[tuple[str, Any]]:
    """The rules of a shape that a value breaks by itself, whatever its members are."""
    rules = ((rule, limit) for part in shape for rule, limit in part.schema.items() if rule in FITS)
    return [(rule, limit) for rule, limit in rules if not FITS[rule](limit, value)]


def _simplest(shape: Shape, kind: str = "") -> Any:
    """A small value that fits a shape; of several types that may stand there the one called `kind`."""
    kinds = chain.from_iterable([stated] if isinstance(stated, str) else stated for stated in stated(shape, "type"))
    kind = kind or next((each for each in kinds if each != "null"), "object" if stated(shape, "required") else "")
    if kind == "object":
        return {name: _simplest(member(shape, name)) for names in stated(shape, "required") for name in names}
    if kind == "array":
        return _several(member(shape, 0), max(stated(shape, "minItems"), default=0))
    said = chain(*stated(shape, "examples"), stated(shape, "const"), *stated(shape, "enum"))
    runs = _runs((*range(1, 65), *stated(shape, "minLength"), 0))
    numbers = (0, *stated(shape, "minimum"), *stated(shape, "maximum"))
    for value in chain(said, runs, numbers, (False, None)):
        if not _broken(shape, value):
            return deepcopy(value)
    raise NotImplementedError(f"{shape[0].file}: no value is known that fits; examples beside the rules would help")


def _runs(lengths: Iterable[int]) -> Iterator[str]:
    """Texts of these lengths, of one character each."""
    return (character * length for length in lengths for character in "a0")


def _several(shape: Shape, count: int) -> list[Any]:
    """So many values that fit a shape: all different, if the shape is not too narrow for that."""
    first = _simplest(shape)
    if isinstance(first, dict):
        for name in dict.fromkeys((*first, *_names(shape))):
            series = _several(member(shape, name), count)
            if len(set(map(json.dumps, series))) == count:
                return [{**deepcopy(first), name: value} for value in series]
    elif isinstance(first, str):
        numbered = ((f"{number:0{len(first)}}", f"{first}{number}") for number in range(count))
        texts = (text for text in chain.from_iterable(numbered) if text != first and not _broken(shape, text))
        return list(islice(chain((first,), dict.fromkeys(texts), [first] * count), count))
    elif "number" in _types(first):
        numbers = (first + number for number in range(count))
        return list(islice(chain((each for each in numbers if not _broken(shape, each)), [first] * count), count))
    return [deepcopy(first) for _ in range(count)]


# ----------------------------------------------------------------------------------------------- what breaks


def _spoilers(shape: Shape, rule: str, limit: Any) -> Iterator[tuple[Any, Callable[[Any], Any]]]:
    """What breaks a rule of a shape: what the rule says, and a function from a valid value to a bad one."""
    if rule == "required":
        yield from ((name, partial(_without, shape, name)) for name in limit)
    elif rule == "additionalProperties" and not limit:
        strange = chain((f"{name}{name[-1:]}" for name in _names(shape)), _runs(range(8, 80)))  # a slip of the finger
        stranger = next(key for key in strange if not member(shape, key))
        yield limit, partial(_with, shape, stranger)
    elif rule == "uniqueItems" and limit:
        yield limit, lambda _: _twins(shape)
    elif rule == "maxItems" or (rule == "minItems" and limit):
        count = limit + 1 if rule == "maxItems" else limit - 1
        yield limit, lambda _: _several(member(shape, 0), count)
    elif rule in FITS and (rule, limit) != ("minLength", 0):
        yield from ((limit, partial(_instead, bad)) for bad in _breaking(shape, rule, limit))


def _without(shape: Shape, name: str, value: Any) -> Any:
    """The object without one of its keys."""
    members = value if isinstance(value, dict) else _simplest(shape, "object")
    return {key: member for key, member in members.items() if key != name}


def _with(shape: Shape, name: str, value: Any) -> Any:
    """The object with a key that it may not have."""
    return {**(value if isinstance(value, dict) else _simplest(shape, "object")), name: None}


def _twins(shape: Shape) -> Any:
    """A short array whose first item stands there twice."""
    items = _several(member(shape, 0), max([1, *(least - 1 for least in stated(shape, "minItems"))]))
    return [*items, deepcopy(items[0])]


def _instead(bad: Any, _: Any) -> Any:
    """A bad value, whatever stood there before."""
    return deepcopy(bad)


def _breaking(shape: Shape, rule: str, limit: Any) -> list[Any]:
    """Plain values that break a rule of a shape and, where that is possible, no other one."""
    different = {json.dumps(value): value for value in _candidates(shape, rule, limit)}  # to Python, True == 1
    broken = [(value, _broken(shape, value)) for value in different.values()]
    breaking = [(value, len(rules)) for value, rules in broken if (rule, limit) in rules]
    if not breaking:
        raise NotImplementedError(f"{shape[0].file}: no value is known that breaks {rule} {limit!r}")
    fewest = min(count for _, count in breaking)
    found = [value for value, count in breaking if count == fewest]
    return found[:1] if rule.endswith("Length") else found


def _candidates(shape: Shape, rule: str, limit: Any) -> Iterator[Any]:
    """Plain values of which one or the other is likely to break a rule and no other one."""
    valid = _simplest(shape)
    text = valid if isinstance(valid, str) else ""
    number = valid if "number" in _types(valid) else 0
    if rule in ("minimum", "maximum"):
        yield limit + (1 if rule == "maximum" else -1)
    elif rule in ("minLength", "maxLength"):
        length = limit + (1 if rule == "maxLength" else -1)
        yield from (*_runs([length]), (text + text[-1:] * length)[:length])
        yield text + "\n" * (length - len(text))  # one more that Python's $ lets pass
    elif rule == "type":
        yield from (None, True, number + 0.5 if FITS[rule](limit, 1) else 1, "1", [], {})
    else:  # a pattern, or the values that there are
        yield from (text[:-1], text.upper(), text + text[-1:], f"{text}\n", f" {text[1:]}", f"é{text[1:]}", "")
        yield from (text + text[-1:] * int(most) for most in re.findall(r"[{,]([0-9]+)}", str(limit)))
        yield from (number + 1, None, True)
