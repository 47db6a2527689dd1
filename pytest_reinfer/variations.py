"""How an answer may differ and keep the contract: its variations, derived from `schemas/` alone.

A harmless one is nothing to a client that keeps to the contract; a telling one changes what the client receives.
"""

from __future__ import annotations

import json
from difflib import get_close_matches
from functools import cache
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.contract.shapes import stated
from pytest_reinfer.tenant import encode
from pytest_reinfer.violations import FITS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_reinfer.contract import Shape
    from pytest_reinfer.wire import JSON, Response

    Steps = tuple[str, ...]

EACH: Final = "each"  # the step from a list to its items
NEW: Final = "new_in_a_later_version"  # a key and a header that no schema has
SCRIPTS: Final = (
    "\u05e9\u05dc\u05d5\u05dd e\u0301 \U0001d49c \U0001f469\u200d\U0001f467"  # right to left, combining, astral
)
HEADERS: Final = ("extra_header", "header_case", "charset")
WHOLE: Final = ("key_order", "spelling", *HEADERS)  # of an answer as a whole
PAGES: Final = ("empty_page", "short_page")  # pages before the one that was asked for, and its first item alone
AT_A_PLACE: Final = ("unknown", "item_order")
HARMLESS: Final = frozenset((*WHOLE, *PAGES, *AT_A_PLACE))
TELLING: Final = ("absent", "empty", "null", "longest", "script", "lowest", "highest", "other")
VALUE: Final = "value="  # before one of the values that there are


class Variation(NamedTuple):
    """One way in which all answers of a route differ: where, by steps from the answer, and how."""

    route: str
    kind: str
    steps: Steps = ()

    def __str__(self) -> str:
        return ":".join([self.route, self.kind, *([self.place] if self.steps else [])])

    @property
    def place(self) -> str:
        """Where, in words that no shell reads."""
        return ".".join(self.steps)

    @property
    def harmless(self) -> bool:
        """Whether a client that keeps to the contract does not care."""
        return self.kind in HARMLESS


def variations(route: str, answers: Sequence[JSON]) -> tuple[Variation, ...]:
    """The variations that make a difference to these answers of a route, which all stay valid: the harmless first."""
    ref = f"routes/{route}.json#/properties/response"
    items = contract.pages(route)
    most = max((len(answer[items]) for answer in answers if items in answer), default=0)
    turned = any(encode(_backwards(answer)) != encode(answer) for answer in answers)
    whole = [kind for kind in WHOLE if turned or kind != "key_order"]
    whole += (kind for needed, kind in enumerate(PAGES, start=1) if most >= needed)
    found = _below(route, (), answers)
    valid = [each for each in found if all(contract.valid(ref, varied(each, answer)) for answer in answers)]
    return (*(Variation(route, kind) for kind in whole), *sorted(valid, key=lambda each: not each.harmless))


def read(text: str) -> Variation:
    """The variation that is written so, as `str` writes it; ValueError for what is none, with what there is."""
    route, _, rest = text.partition(":")
    kind, _, place = rest.partition(":")
    built = [name for name, each in contract.routes().items() if each.built]
    if route not in built:
        raise ValueError(f"{route!r} is no route{_near(route, built)}: a variation is ROUTE:KIND or ROUTE:KIND:PLACE.")
    kinds = (*WHOLE, *PAGES, *AT_A_PLACE, *TELLING)
    if kind not in kinds and not kind.startswith(VALUE):
        raise ValueError(f"{kind!r} is no kind of variation. There are: {', '.join(kinds)}, {VALUE}VALUE.")
    steps = tuple(place.split(".")) if place else ()
    for number, step in enumerate(steps):
        there = _steps(_shape(route, steps[:number]))
        if step not in there:
            above = ".".join(steps[:number]) or "its answer"
            raise ValueError(f"{route}: no {step!r} in {above}. There is: {', '.join(there) or 'nothing'}.")
    return Variation(route, kind, steps)


def _near(text: str, there: Sequence[str]) -> str:
    return "".join(f", {near} is near" for near in get_close_matches(text, there, 1))


# ------------------------------------------------------------------------------------------------ reading schemas


@cache
def _shape(route: str, steps: Steps = ()) -> Shape:
    """What the contract says of a place in the answers of a route."""
    if not steps:
        return contract.shape(f"routes/{route}.json#/properties/response")
    return contract.member(_shape(route, steps[:-1]), 0 if steps[-1] == EACH else steps[-1])


def _steps(shape: Shape) -> list[str]:
    """The steps that lead on: names, starts of names, from a list to its items."""
    names = chain.from_iterable(stated(shape, "properties"))
    starts = (pattern.removeprefix("^") for pattern in chain.from_iterable(stated(shape, "patternProperties")))
    return [*dict.fromkeys([*names, *starts]), *[EACH] * bool(stated(shape, "items"))]


def _keys(shape: Shape, step: str, value: JSON) -> list[str]:
    """The keys of an object that a step leads to: one, or those that start so."""
    if any(step in names for names in stated(shape, "properties")):
        return [step] * (step in value)
    return [key for key in value if key.startswith(step)]


def _fits(shape: Shape, value: Any) -> bool:
    return all(FITS[rule](limit, value) for part in shape for rule, limit in part.schema.items() if rule in FITS)


def _below(route: str, steps: Steps, values: Sequence[Any]) -> Iterator[Variation]:
    """The variations that make a difference to values at a place, and to what is in them."""
    shape = _shape(route, steps)
    objects = [value for value in values if isinstance(value, dict)]
    lists = [value for value in values if isinstance(value, list)]
    if objects and False not in stated(shape, "additionalProperties"):
        yield Variation(route, "unknown", steps)
    if any(len(value) > 1 and value != value[::-1] for value in lists) and True in stated(shape, "x-unordered"):
        yield Variation(route, "item_order", steps)
    yield from (Variation(route, kind, steps) for kind in _kinds(shape, values))
    required = {*chain.from_iterable(stated(shape, "required"))}
    for step in _steps(shape):
        members = [value[key] for value in objects for key in _keys(shape, step, value)]
        if step == EACH and lists:
            members = [*chain.from_iterable(lists)]
        elif members and step not in required:
            yield Variation(route, "absent", (*steps, step))
        if members:
            yield from _below(route, (*steps, step), members)


def _kinds(shape: Shape, values: Sequence[Any]) -> list[str]:
    """The telling kinds by which a shape makes something else of any of these values."""
    values_there = [f"{VALUE}{each}" for enum in stated(shape, "enum") for each in enum if isinstance(each, str)]
    kinds = [*dict.fromkeys(values_there), *CHANGES]
    found = [kind for kind in kinds if any(_changed(kind, shape, value) != value for value in values)]
    return found if found[:-1] == [] else [kind for kind in found if kind != "other"]  # which is for want of others


# ------------------------------------------------------------------------------------------------------- varying


def varied(variation: Variation, answer: Any) -> Any:
    """The JSON of an answer, varied; it shares what is the same."""
    return _at(variation, 0, answer)


def _at(variation: Variation, done: int, value: Any) -> Any:
    """What stands so many steps on the way to the place, varied."""
    route, kind, steps = variation
    if done == len(steps):
        return _changed(kind, _shape(route, steps), value)
    if steps[done] == EACH and isinstance(value, list):
        return [_at(variation, done + 1, item) for item in value]
    if not isinstance(value, dict):
        return value
    keys = _keys(_shape(route, steps[:done]), steps[done], value)
    if kind == "absent" and done + 1 == len(steps):
        return {key: member for key, member in value.items() if key not in keys}
    return {key: _at(variation, done + 1, member) if key in keys else member for key, member in value.items()}


def _changed(kind: str, shape: Shape, value: Any) -> Any:
    """A value varied; the same where the kind is not for it, or makes what does not fit."""
    if kind == "unknown":
        return _Grown({**value, NEW: "as it may come"}) if isinstance(value, dict) else value
    if kind == "item_order":
        return _Turned(value[::-1]) if isinstance(value, list) else value
    if kind.startswith(VALUE):
        candidates: Any = [kind.removeprefix(VALUE)] if isinstance(value, str) else []
    else:
        candidates = CHANGES[kind](shape, value) if kind in CHANGES else []
    return next((each for each in candidates if each != value and _fits(shape, each)), value)


def _empty(_: Shape, value: Any) -> list[Any]:
    return [[]] if isinstance(value, list) else []


def _null(shape: Shape, _: Any) -> list[Any]:
    return [None] if any("null" in kinds for kinds in stated(shape, "type")) else []


def _longest(shape: Shape, value: Any) -> list[str]:
    """A text as long as it may be; of one that has a form of its own that says little."""
    lengths = stated(shape, "maxLength")
    if not isinstance(value, str) or not lengths or stated(shape, "pattern"):
        return []
    return [(value + "x" * min(lengths))[: min(lengths)]]


def _script(shape: Shape, value: Any) -> list[str]:
    """A text that ends, or is, in other scripts, as far as they have room."""
    if not isinstance(value, str):
        return []
    most = min(stated(shape, "maxLength"), default=None)
    return [f"{value} {SCRIPTS}", SCRIPTS, SCRIPTS[:most]]


def _lowest(shape: Shape, value: Any) -> list[Any]:
    return stated(shape, "minimum") if _is_number(value) else []


def _highest(shape: Shape, value: Any) -> list[Any]:
    return stated(shape, "maximum") if _is_number(value) else []


def _other(shape: Shape, value: Any) -> Iterator[Any]:
    """Values like it: the opposite, a number beside it, an example of the contract, one sign changed."""
    if isinstance(value, bool):
        yield not value
    elif _is_number(value):
        yield from (value + 1, value - 1)
    elif isinstance(value, str):
        yield from chain.from_iterable(stated(shape, "examples"))
        for place in reversed(range(len(value))):
            yield from (f"{value[:place]}{sign}{value[place + 1 :]}" for sign in "0a")


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


CHANGES: Final[Mapping[str, Callable[[Shape, Any], Any]]] = MappingProxyType(
    {
        "empty": _empty,
        "null": _null,
        "longest": _longest,
        "script": _script,
        "lowest": _lowest,
        "highest": _highest,
        "other": _other,
    }
)


class _Grown(dict[str, Any]):
    """An object with an unknown key, which is the same with and without it."""

    __hash__ = None  # as of every dict

    def __eq__(self, other: object) -> bool:
        return isinstance(other, dict) and _known(self) == _known(other)

    def __ne__(self, other: object) -> bool:
        return not self == other


class _Turned(list[Any]):
    """A list without an order: it is the same from its end to its start."""

    __hash__ = None  # as of every list

    def __eq__(self, other: object) -> bool:
        return isinstance(other, list) and [*other] in ([*self], [*reversed(self)])

    def __ne__(self, other: object) -> bool:
        return not self == other


def _known(value: JSON) -> JSON:
    return {key: member for key, member in value.items() if key != NEW}


def expected(variation: Variation, file: str, value: Any) -> Any:
    """What a test may expect, an object of a schema such as `objects/comment.json`, where a harmless variation holds.

    It is varied as the answer is, and equals what is not.
    """
    for done in range(len(variation.steps) + 1):
        shape = _shape(variation.route, variation.steps[:done])
        if any(part.schema is contract.documents()[file] for part in shape):
            return _at(variation, done, value)
    return value


def vary(variation: Variation, response: Response) -> Response:
    """An answer varied, body and headers; the same where it makes no difference, or is no JSON object."""
    kind, answer = variation.kind, parsed(response)
    if kind in HEADERS:
        return response._replace(headers=_headed(kind, response.headers))
    if answer is None:
        return response
    body = {
        "key_order": lambda: encode(_backwards(answer)),
        "spelling": lambda: json.dumps(answer, indent=2).replace("/", "\\/").encode(),
    }.get(kind, lambda: encode(varied(variation, answer)))()
    return response if body == encode(answer) else response._replace(body=body)


def _headed(kind: str, headers: dict[str, str]) -> dict[str, str]:
    """Headers that say the same in another way, or more."""
    if kind == "extra_header":
        return {**headers, f"X-{NEW.title().replace('_', '-')}": "as it may come"}
    if kind == "header_case":
        return {name.lower(): value for name, value in headers.items()}
    content_type = contract.header("content_type")
    return {**headers, content_type.name: f"{headers.get(content_type.name, content_type.value)}; charset=utf-8"}


def parsed(response: Response) -> JSON | None:
    """The JSON object that an answer is; None where it is none."""
    try:
        answer = json.loads(response.body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) else None


def _backwards(value: Any) -> Any:
    """The same JSON with the keys of each object from the last to the first."""
    if isinstance(value, dict):
        return {key: _backwards(value[key]) for key in reversed(value)}
    return [_backwards(item) for item in value] if isinstance(value, list) else value
