"""Whether a value fits a schema, and what is wrong with it in the service's own words."""

from __future__ import annotations

from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reinfer.contract.reading import BASE, documents, node, property_ref
from pytest_reinfer.contract.shapes import CONTAINERS, RULES, STRUCTURE

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    import jsonschema.protocols
    import jsonschema_rs
    from jsonschema.exceptions import ValidationError

    from pytest_reinfer.wire import JSON


CONSTRAINTS = (RULES | CONTAINERS | STRUCTURE) - {"$ref"}


class Problem(NamedTuple):
    """What is wrong with a value: where (a JSON path), in the words of `jsonschema`, and what is allowed there.

    steps: the keys and indices that lead there.
    """

    path: str
    message: str
    allowed: str
    steps: tuple[str | int, ...]


@cache
def _verdict(ref: str) -> jsonschema_rs.Draft202012Validator:
    """The quick validator of a schema."""
    import jsonschema_rs  # noqa: PLC0415

    registry = jsonschema_rs.Registry([(BASE + name, schema) for name, schema in documents().items()])
    return jsonschema_rs.Draft202012Validator({"$ref": BASE + ref}, registry=registry)


@cache
def words(ref: str) -> jsonschema.protocols.Validator:
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
    found: jsonschema.protocols.Validator = own({"$ref": BASE + ref}, registry=registry)
    return found


def _items(words: Any, schema: JSON, items: Any, _: object) -> Iterator[ValidationError]:
    """What `jsonschema` says of the items of a list, without reading those that the quick validator finds right."""
    name = "" if schema.keys() & CONSTRAINTS else schema.get("$ref", "").rpartition("/")[2]
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
        return next(words(ref).iter_errors(value), None) is None


def problem(ref: str, value: Any) -> Problem | None:
    """What is wrong with a value by the schema at `ref`, or None: of several breaches the one `jsonschema` raises."""
    if valid(ref, value):
        return None
    from jsonschema.exceptions import best_match  # noqa: PLC0415

    breach = best_match(words(ref).iter_errors(value))
    if breach is None:  # an infinity, which Python takes for a number
        return Problem("$", "it holds a number that no JSON can hold", "", ())
    allowed = _allowed(breach.schema, str(breach.validator))
    return Problem(breach.json_path, breach.message, allowed, (*breach.absolute_path,))


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
            filled[name] = with_defaults(property_ref(ref, name), filled[name])
    return filled


@cache
def _defaults(ref: str) -> Mapping[str, Any]:
    """The defaults that a schema states for its properties."""
    properties = node(ref).get("properties", {})
    return {name: schema["default"] for name, schema in properties.items() if "default" in schema}


@cache
def _nested(ref: str) -> tuple[str, ...]:
    """The properties of a schema that are objects of named properties themselves."""
    return tuple(name for name in node(ref).get("properties", {}) if "properties" in node(property_ref(ref, name)))
