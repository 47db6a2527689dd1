"""A text as it reads once its escapes are resolved, with the way back: what is found there is replaced as it stands."""

from __future__ import annotations

import html
import json
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

DEEPEST: Final = 8  # so many escapes within escapes are resolved
PERCENT: Final = re.compile(r"%[0-9A-Fa-f]{2}")
FORM: Final = re.compile(r"[\w.%~*-]{1,200}=")
QUERY: Final = re.compile(r"\?[^\s=\"?]{1,100}=[^\s\"]{0,500}\+")


def _same(text: str) -> str:
    return text


class View(NamedTuple):
    """A text without escapes. `places` and `origins` are where its pieces start, here and in the text it is of."""

    text: str
    above: View | None = None
    places: Sequence[int] = ()
    origins: Sequence[int] = ()
    encode: Callable[[str], str] = _same

    def origin(self, start: int, end: int) -> tuple[int, int]:
        """Where a piece stands in the first text; escapes that it begins or ends within belong to it."""
        if self.above is None:
            return start, end
        return self.above.origin(self._start(start), self._end(end))

    def _start(self, place: int) -> int:
        number = bisect_right(self.places, place) - 1
        return self.origins[number] + (0 if self._escaped(number) else place - self.places[number])

    def _end(self, place: int) -> int:
        number = bisect_right(self.places, place - 1) - 1
        if self._escaped(number):
            return self.origins[number + 1]
        return self.origins[number] + place - self.places[number]

    def _escaped(self, number: int) -> bool:
        """Whether a piece is longer, or shorter, where it comes from."""
        if number + 1 >= len(self.places):
            return False
        lengths = (several[number + 1] - several[number] for several in (self.places, self.origins))
        return next(lengths) != next(lengths)

    def encoded(self, text: str) -> str:
        """A text as it has to stand in the first one."""
        text = self.encode(text)
        return text if self.above is None else self.above.encoded(text)


class Escape(NamedTuple):
    """A way to write characters by others: what it looks like, what it means, and the way back.

    An escape means a text; or, where `pieces` is there, several, each with how long its part of the escape is.
    """

    hint: str
    pattern: re.Pattern[str]
    means: Callable[[str], str]
    encode: Callable[[str], str]
    pieces: Callable[[str], Iterator[tuple[str, int]]] | None = None


def _octets(escape: str) -> Iterator[tuple[str, int]]:
    """What a run of escaped octets means, character by character; those that mean none stay as they are."""
    for character in bytes.fromhex(escape.replace(escape[0], "")).decode(errors="surrogateescape"):
        octet = ord(character) - SURROGATE
        yield (f"{escape[0]}{octet:02X}", 3) if 0 <= octet <= LAST else (character, 3 * len(character.encode()))


SURROGATE: Final = 0xDC00  # from here on Python decodes octets that mean nothing
LAST: Final = 0xFF
_SHORT: Final = {r"\n": "\n", r"\"": '"', r"\\": "\\", r"\/": "/", r"\r": "\r", r"\t": "\t", r"\b": "\b", r"\f": "\f"}


def _unescaped(escape: str) -> str:
    return _SHORT.get(escape) or str(json.loads(f'"{escape}"'))


def _percent(text: str) -> str:
    return quote(text, safe="")


_JSON: Final = re.compile(r'\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|["\\/bfnrt])')
_ENTITY: Final = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|amp|lt|gt|quot|apos|commat|period|colon|plus);")
ESCAPES: Final = (
    Escape("\\", _JSON, _unescaped, lambda text: json.dumps(text)[1:-1]),
    Escape("%", re.compile("(?:%[0-9a-fA-F]{2})+"), _same, _percent, _octets),
    Escape("&", _ENTITY, html.unescape, html.escape),
)
QUOTED_PRINTABLE: Final = Escape("=", re.compile("(?:=[0-9A-F]{2})+"), _same, _same, _octets)
SOFT_BREAK: Final = Escape("=", re.compile("=\r?\n"), lambda _: "", _same)
MAIL: Final = re.compile(
    "content-transfer-encoding: *quoted-printable|=\\?[a-z0-9-]{1,40}\\?q\\?|=\r?\n", re.IGNORECASE
)


def views(text: str) -> list[list[View]]:
    """A text, and what it is once one kind of escapes after the other is resolved, the last one with none left.

    There is a second list of such where the text may be a form, in which spaces are written as `+`.
    """
    chain = [View(text)]
    _resolve(chain, ESCAPES)
    if MAIL.search(chain[-1].text):
        _resolve(chain, (SOFT_BREAK, QUOTED_PRINTABLE))
    if "+" not in text or not (PERCENT.search(text) or (FORM.match(text) and " " not in text) or QUERY.search(text)):
        return [chain]
    form = [View(text.replace("+", " "), chain[0], (0,), (0,), lambda new: new.replace(" ", "+"))]
    _resolve(form, ESCAPES)
    return [chain, form]


def _resolve(chain: list[View], escapes: tuple[Escape, ...]) -> None:
    """Add to a chain what its last text is without escapes, until there are none."""
    number = -1
    while number != len(chain) <= DEEPEST:
        number = len(chain)
        for escape in escapes:
            resolved = _resolved(chain[-1], escape)
            if resolved is not None:
                chain.append(resolved)


def _resolved(view: View, escape: Escape) -> View | None:
    """What a text is without one kind of escapes; None where it has none."""
    if escape.hint not in view.text:
        return None
    texts: list[str] = []
    places, origins = [0], [0]
    place = origin = 0
    text, means, pieces = view.text, escape.means, escape.pieces
    for found in escape.pattern.finditer(text):
        start, end = found.span()
        texts.append(text[origin:start])
        place, origin = place + start - origin, start
        whole = found.group()
        for piece, length in ((means(whole), end - start),) if pieces is None else pieces(whole):
            places.append(place)
            origins.append(origin)
            texts.append(piece)
            place += len(piece)
            origin += length
        places.append(place)
        origins.append(origin)
    new = "".join([*texts, text[origin:]])
    return None if new == text else View(new, view, places, origins, escape.encode)
