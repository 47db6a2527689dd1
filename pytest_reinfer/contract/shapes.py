"""What speaks for a value: the node of a schema at its place, those it refers to, and the evidence of each."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urljoin

from pytest_reinfer.contract import reading

if TYPE_CHECKING:
    from pytest_reinfer.wire import JSON


class Part(NamedTuple):
    """A node of a schema: its file, what it states, and what it and the nodes around it hold for general evidence."""

    file: str
    schema: JSON
    evidence: tuple[str, ...]  # the nearest first

    def why(self, rule: str) -> str:
        """The evidence of one of its rules, from the closest node that speaks for it; empty where none does."""
        return self.schema.get("x-evidence", {}).get(rule) or next(iter(self.evidence), "")


# A value is spoken for by the node at its place and by every node that it refers to: all of them apply.
Shape = tuple[Part, ...]

RULES = frozenset({"type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum"})
CONTAINERS = frozenset({"required", "additionalProperties", "minItems", "maxItems", "uniqueItems"})
STRUCTURE = frozenset({"$ref", "properties", "patternProperties", "items"})
ANNOTATIONS = frozenset(
    {"title", "description", "examples", "default", "readOnly", "deprecated", "$comment", "$defs", "$schema"}
)
KNOWN = RULES | CONTAINERS | STRUCTURE | ANNOTATIONS


@cache
def shape(ref: str) -> Shape:
    """What speaks for the values of the schema at `ref`, such as `objects/common.json#/$defs/id`.

    Raises NotImplementedError for a schema that says what is not read here.
    """
    return _located(ref, ())


def _located(ref: str, around: tuple[str, ...]) -> Shape:
    """The same, referred to from where the evidence `around` holds."""
    file, _, pointer = ref.partition("#")
    schema: Any = reading.documents()[file]
    for step in pointer.split("/")[1:]:
        if "$ref" in schema and step not in schema:
            file, schema, around = next(part for part in _shape(file, schema, around) if step in part.schema)
        around = (*_general(schema), *around)
        schema = schema[step]
    return _shape(file, schema, around)


def _shape(file: str, schema: Any, around: tuple[str, ...]) -> Shape:
    """A node and those that it refers to."""
    if not isinstance(schema, dict):
        raise NotImplementedError(f"{file}: a schema that is {schema!r} instead of an object is not known here")
    unknown = {keyword for keyword in schema if keyword not in KNOWN and not keyword.startswith("x-")}
    if isinstance(schema.get("additionalProperties"), dict):
        unknown.add("additionalProperties with a schema")
    if unknown:
        raise NotImplementedError(f"{file}: not known here: {', '.join(sorted(unknown))}")
    own = Part(file, schema, (*_general(schema), *around))
    if "$ref" not in schema:
        return (own,)
    target = urljoin(reading.BASE + file, schema["$ref"]).removeprefix(reading.BASE)
    return (own, *_located(target, own.evidence))


def _general(schema: JSON) -> tuple[str, ...]:
    """The evidence of a node for all that it states, if it has one."""
    return tuple(text for keyword, text in schema.get("x-evidence", {}).items() if keyword == "*")


def stated(shape: Shape, keyword: str) -> list[Any]:
    """What the nodes of a shape say beside a keyword."""
    return [part.schema[keyword] for part in shape if keyword in part.schema]


def names(shape: Shape) -> list[str]:
    """The keys that a shape speaks of by name."""
    return list(dict.fromkeys(chain.from_iterable(stated(shape, "properties"))))


def member(shape: Shape, step: str | int) -> Shape:
    """What speaks for a member: for the key of that name, or for the items. Empty where nothing does."""
    found: list[Part] = []
    for file, schema, evidence in shape:
        if isinstance(step, int):
            nodes = [schema["items"]] if "items" in schema else []
        else:
            nodes = [node for name, node in schema.get("properties", {}).items() if name == step]
            nodes += [node for key, node in schema.get("patternProperties", {}).items() if re.search(key, step)]
        for node in nodes:
            found += _shape(file, node, evidence)
    return tuple(found)
