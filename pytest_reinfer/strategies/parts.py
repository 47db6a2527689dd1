"""From a schema to a part: so many bytes, each at its own place, and the value that they stand for.

Hypothesis draws the bytes of an object as one choice and shrinks each of them by itself, towards row 0 of its table.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pytest_reinfer import contract
from pytest_reinfer.strategies import tables

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_reinfer.wire import JSON

Draw = Callable[[Any], Any]


class Part(NamedTuple):
    """A piece of a drawn value: how many bytes it takes, and what it makes of those from a place on."""

    size: int
    make: Callable[[Draw, bytes, int], Any]


class _Absent:
    def __repr__(self) -> str:
        return "absent"


absent: Final = _Absent()
"""Given for a field, or drawn for it: the field is left out."""

Fields = Mapping[str, Any]
"""What a caller pins: field -> a value, a strategy of values, or `absent`."""


# --------------------------------------------------------------------------------------------------------------- leaves


def constant(value: Any) -> Part:
    """Always the same."""
    return Part(0, lambda _draw, _rows, _at: value)


def row_of(table: Sequence[Any]) -> Part:
    """A row of a table."""
    return Part(1, lambda _draw, rows, at: table[rows[at]])


def text(shortest: int = 0, longest: int | None = None) -> Part:
    """A text of so many code points; where the table has no row for it, Hypothesis draws it."""
    table = tables.texts(shortest, longest)
    most = min(tables.MOST_DRAWN if longest is None else longest, tables.MOST_DRAWN)
    drawn = st.text(st.characters(exclude_categories=["Cs"]), min_size=min(shortest, most), max_size=most)

    def make(draw: Draw, rows: bytes, at: int) -> Any:
        found = table[rows[at]]
        return draw(drawn) if found is tables.DRAWN else found

    return Part(1, make)


def json_of(table: Iterable[str]) -> Part:
    """JSON that a table holds as text: each draw has its own value."""
    rows_ = tables.filled(table)
    return Part(1, lambda _draw, rows, at: json.loads(rows_[rows[at]]))


def pinned(wanted: Any) -> Part:
    """What the caller says: a strategy is drawn from, a value is copied."""
    if isinstance(wanted, SearchStrategy):
        return Part(0, lambda draw, _rows, _at: draw(wanted))
    if isinstance(wanted, (dict, list)):
        return Part(0, lambda _draw, _rows, _at: json.loads(json.dumps(wanted)))
    return constant(wanted)


# -------------------------------------------------------------------------------------------------------------- objects


def an_object(required: Mapping[str, Part], optional: Mapping[str, Part], order: Iterable[str]) -> Part:
    """An object: its optional fields are there by the bits of a mask, and in one of twenty, or by chance, none of them.

    The fewer bytes there are, the fewer are to be shrunk: where they are few, optional leaves share a byte, and the
    mask has one alone.
    """
    masks = (len(optional) + 7) // 8
    own = len(optional) > 5  # noqa: PLR2004 -- bits that the rows below BARE leave
    at = masks + own
    share = len(optional) < 4 and all(part.size <= 1 for part in optional.values())  # noqa: PLR2004
    shared, at = at, at + any(part.size for part in optional.values()) * share
    bits = {name: 1 << number for number, name in enumerate(optional)}
    layout: list[tuple[str, int, Callable[[Draw, bytes, int], Any], int]] = []
    for name in order:
        part = required[name] if name in required else optional[name]
        together = share and name in optional
        layout.append((name, bits.get(name, -1), part.make, shared if together else at))
        at += 0 if together else part.size

    def make(draw: Draw, rows: bytes, start: int) -> JSON:
        bare = not masks or rows[start + masks * own] >= BARE
        there = 0 if bare else int.from_bytes(rows[start : start + masks], "little")
        value: JSON = {}
        for name, bit, making, offset in layout:
            if bit == -1 or there & bit:
                made = making(draw, rows, start + offset)
                if made is not absent:
                    value[name] = made
        return value

    return Part(at, make)


BARE: Final = 242  # from this row on an object has none of its optional fields


def a_map(values: Mapping[str, Sequence[Any]]) -> Part:
    """An object of any names, out of a table: `values` has the prefixes that names have, each with its values."""
    names = [name for name in tables.texts(0, 64)[16:] if name is not tables.DRAWN]
    pairs = [
        (prefix + names[(7 * number) % len(names)] * bool(number), value)
        for number in range(24)
        for prefix, table in values.items()
        for value in [table[(11 * number) % tables.ROWS]]
        if value is not tables.DRAWN
    ]
    maps = [{}, *({name: value} for name, value in pairs)]
    several = [dict(pairs[number : number + 2 + number % 3]) for number in range(len(pairs) - 4)]
    table = tables.shares((80, maps[:1]), (112, maps[1:]), (64, several))
    return Part(1, lambda _draw, rows, at: dict(table[rows[at]]))


# --------------------------------------------------------------------------------------------------------------- arrays


def lists_of(table: Sequence[Any], least: int, most: int | None, *, unique: bool) -> Part:
    """A list of what a table holds, out of a table of lists: none, one of each kind, two, several, the most.

    unique: no two items are equal, of texts that may be any.
    """
    rows_ = [row for row in table if row is not tables.DRAWN]
    kinds = list(dict.fromkeys(rows_)) or rows_
    longest_ones = sorted(kinds, key=lambda row: len(str(row)))[-2:]
    single = [[row] for row in (*kinds[:: -(-len(kinds) // 120)], *longest_ones)]
    pairs = [[kinds[n % len(kinds)], kinds[(n * 7 + 1) % len(kinds)]] for n in range(24)]
    several = [[*kinds[n : n + 3], kinds[0]] for n in range(8)]
    longest = 40 if most is None else most
    many = [kinds[n % len(kinds)] if not unique or n < len(kinds) else f"{n}" for n in range(longest)]
    pool = [[], *single], pairs, several, [many]
    fit = [[list(dict.fromkeys(each)) if unique else each for each in part] for part in pool]
    fit = [[each for each in part if least <= len(each) <= longest] for part in fit]
    plain = [each for part in fit for each in part][:1] or [[kinds[0]] * least]
    one, two, more, end = (part or plain for part in fit)
    found = tables.shares((60, plain), (130, one), (40, two), (20, more), (6, end))
    return Part(1, lambda _draw, rows, at: list(found[rows[at]]))


def array_of(
    item: Part, most: int | None, differ: Callable[[list[Any]], list[Any]] | None = None, empty: range = range(64)
) -> Part:
    """A list of drawn items: each says whether another follows. At times filled up with plain ones, as far as may be.

    differ: lets no two items be equal, where they may not; empty: the rows of no items.
    """
    longest = 20 if most is None else most
    bytes_ = st.binary(min_size=item.size + 1, max_size=item.size + 1)

    @st.composite
    def items(draw: Draw) -> tuple[Any, int]:
        rows = draw(bytes_)
        return item.make(draw, rows, 1), rows[0]

    one, plain = items(), bytes(item.size)

    more = [*MORE, *[longest] * (6 if longest <= 256 else 3)]  # noqa: PLR2004 -- the longest take time
    plains = ANOTHER - len(more)

    def make(draw: Draw, rows: bytes, at: int) -> list[Any]:
        made: list[Any] = []
        follows = 0 if rows[at] in empty else ANOTHER
        while follows >= ANOTHER and len(made) < min(longest, 12):
            value, follows = draw(one)
            made.append(value)
        if follows >= plains:
            upto = min(longest, len(made) + more[min(follows, ANOTHER - 1) - plains])
            made += [item.make(draw, plain, 0) for _ in range(len(made), upto)]
        return made if differ is None else differ(made)

    return Part(1, make)


MORE: Final = (*[1] * 5, *[2] * 4, *[3] * 3, 4, 4, 5, 5, 6, 6, 7, 7, 9, 9, 12, 12, 16, 16, 20, 20)
ANOTHER: Final = 144  # from this row on another drawn item follows; below it, so many plain ones, or none


# ------------------------------------------------------------------------------------------------------------- schemas


@lru_cache(maxsize=512)
def part_of(ref: str) -> Part:
    """The part for the schema at `ref`, such as `objects/dataset.json`."""
    place, schema = contract.target(ref)
    kind = schema.get("type")
    if "const" in schema:
        return constant(schema["const"])
    if "enum" in schema:
        enum = schema["enum"]
        return row_of([enum[number * len(enum) // tables.ROWS] for number in range(tables.ROWS)])
    if kind == "object":
        return object_of(place, {})
    if kind == "array":
        return _array(place, schema)
    leaf = _leaf(place, schema)
    if leaf is None:
        raise NotImplementedError(f"{place}: nothing is drawn yet for {schema}.")
    return leaf


def _leaf(place: str, schema: JSON) -> Part | None:
    kinds = schema.get("type", "anything")
    if isinstance(kinds, list):
        first, *_ = (kind for kind in kinds if kind != "null")
        whole = _leaf(place, {**schema, "type": first})
        return whole and Part(
            1 + whole.size, lambda draw, rows, at: whole.make(draw, rows, at + 1) if rows[at] >= NULL else None
        )
    if kinds == "string":
        table = table_of(place, schema)
        return row_of(table) if table else text(schema.get("minLength", 0), schema.get("maxLength"))
    if kinds == "boolean":
        return row_of(tables.shares((128, [False]), (128, [True])))
    if kinds == "integer":
        return row_of(tables.integers(schema.get("minimum"), schema.get("maximum")))
    if kinds == "number":
        return row_of(tables.numbers(schema.get("minimum"), schema.get("maximum")))
    return json_of(tables.ANYTHING) if kinds == "anything" else None


NULL: Final = 64  # below this row a value that may be null is


def table_of(place: str, schema: JSON) -> Sequence[str] | None:
    """The table of a string that is more than any text: by its pattern, or its examples."""
    if "pattern" in schema:
        found = _patterns().get(schema["pattern"])
        if found is None:
            raise NotImplementedError(f"{place}: nothing is drawn yet for the pattern {schema['pattern']}.")
        return found
    free = not {"minLength", "maxLength"} & schema.keys()
    return tables.filled(schema["examples"]) if free and "examples" in schema else None


@cache
def _patterns() -> Mapping[str, Sequence[str]]:
    """The tables of strings by the pattern that their schemas state."""
    plain: Mapping[str, Callable[[], Sequence[str]]] = {
        "id": tables.ids,
        "comment_id": tables.comment_ids,
        "uid": lambda: tuple(map("{}.{}".format, tables.ids(), tables.comment_ids())),
        "timestamp": tables.timestamps,
        "stamp": tables.stamps,
        "continuation": tables.continuations,
        "label_name": tables.label_names,
    }
    definitions = contract.documents()["objects/common.json"]["$defs"]
    found = {definitions[name]["pattern"]: make() for name, make in plain.items()}
    for name in ("project_name", "dataset_name", "source_name"):
        pattern = definitions[name]["pattern"]
        found[pattern] = tables.names(pattern)
    return found


def _array(place: str, schema: JSON) -> Part:
    if "items" not in schema:
        return json_of(("[]", "[{}]", '["a"]', "[1, null]"))
    unique = schema.get("uniqueItems", False)
    least, most = schema.get("minItems", 0), schema.get("maxItems")
    where, item = contract.target(f"{place}/items")
    if item.get("type") == "string" and "enum" not in item:
        longest = item.get("maxLength")
        table = table_of(where, item) or tables.texts(item.get("minLength", 0), longest and min(longest, 4096))
        return lists_of(table, least, most, unique=unique)
    if "enum" in item:
        return lists_of(item["enum"], least, most, unique=unique)
    return array_of(part_of(where), most, named if unique else None)


def named(items: list[JSON]) -> list[JSON]:
    """Items of which no two have one name: later ones get a number."""
    seen: set[str] = set()
    for number, item in enumerate(items):
        if item["name"] in seen:
            item["name"] = f"{item['name'][:32]} {number}"
        seen.add(item["name"])
    return items


def object_of(ref: str, pins: Fields, curated: Mapping[str, Part] | None = None) -> Part:
    """The part for the object at `ref`; `pins` are the caller's fields, `curated` those that another part makes."""
    place, schema = contract.target(ref)
    curated = curated or {}
    properties = schema.get("properties", {})
    needed = schema.get("required", ())
    if "patternProperties" in schema:
        kinds: Mapping[str, Callable[[], Sequence[Any]]] = {
            "string": lambda: tables.texts(0, 300),
            "number": lambda: tables.numbers(None, None),
        }
        patterns = schema["patternProperties"].items()
        if any(inner["type"] not in kinds for _, inner in patterns):
            return json_of(map(json.dumps, schema["examples"]))
        return a_map({pattern.lstrip("^"): kinds[inner["type"]]() for pattern, inner in patterns})
    order = [*properties, *(name for name in needed if name not in properties)]
    parts = {
        name: pinned(pins[name])
        if name in pins
        else curated[name]
        if name in curated
        else part_of(f"{place}/properties/{name}")
        if name in properties
        else json_of(tables.ANYTHING)
        for name in order
    }
    always = {name: part for name, part in parts.items() if name in needed or name in pins}
    return an_object(always, {name: part for name, part in parts.items() if name not in always}, order)
