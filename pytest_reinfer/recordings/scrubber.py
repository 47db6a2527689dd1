"""Finds secrets in values, however they are written, and puts in their places what stands for them."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from binascii import Error, a2b_base64
from collections.abc import Callable, Iterator
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from pytest_reinfer.recordings import kinds
from pytest_reinfer.recordings.bodies import unpacked
from pytest_reinfer.recordings.views import View, views

MOST_KNOWN: Final = 1000  # secrets that are known by their names alone and looked for everywhere
SHORTEST: Final = 8  # shorter ones are replaced where they are named; elsewhere they may be any word
DISTINCT: Final = 16  # from so many characters on, one is found within a word as well
NAMED: Final = "secret by its name"
KNOWN: Final = "known elsewhere"
ROUNDS: Final = 6  # until nothing is found any more
NESTED: Final = 4  # so many times something may be packed into something packed
RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
LATE: Final = frozenset("/_-")  # what parts runs of base 64 from what stands before them


class Found(NamedTuple):
    """Something secret: of which kind, and in which place of a recording."""

    kind: str
    place: str


class Hit(NamedTuple):
    """Something secret in a text: from where to where, of which kind, and what takes its place."""

    start: int
    end: int
    kind: str
    new: str | None  # None: there stands already what tells nothing
    sure: bool = True  # or else another one that overlaps it is read better
    weak: bool = False  # or else it is replaced rather than another one that overlaps it


class TooMany(ValueError):
    """More secrets than can be looked for."""


class Scrubber:
    """Replaces secrets, the same by the same, and remembers what it has found.

    key: what replacements follow from; without it nobody can tell which secret one stands for.
    """

    def __init__(self, key: bytes, told: Callable[[Found], object]) -> None:
        self._key = key
        self._told = told
        self.known: dict[str, str] = {}  # secret -> what it is like

    def value(self, value: Any, place: str = "", name: str = "", above: str = "") -> Any:
        """A JSON value, whose texts may be bytes, without secrets; what it holds is told.

        place: where it stands. name: what it goes by. above: what the value around it goes by.
        """
        if isinstance(value, dict):
            return self._object(value, place, name)
        if isinstance(value, list):
            return [self.value(each, f"{place}[{number}]", name, above) for number, each in enumerate(value)]
        if isinstance(value, str):
            return self._named(value, place, name, above)
        if isinstance(value, bytes):
            return self.data(value, place)
        if isinstance(value, int) and not isinstance(value, bool) and kinds.is_secret(name) and value > 9999:  # noqa: PLR2004
            if kinds.harmless(str(value)):
                return value
            self._tell(NAMED, place)
            return int(self._replacement("number", str(value)))
        return value

    def _object(self, value: dict[Any, Any], place: str, name: str) -> dict[Any, Any]:
        if value.get("encoding") == "base64" and isinstance(value.get("text"), str):  # as HAR keeps what is no text
            with_text = {**value, "text": ""}
            return {**self._members(with_text, place, name), "text": self._base64(value["text"], f"{place}.text")}
        return self._members(value, place, name)

    def _members(self, value: dict[Any, Any], place: str, name: str) -> dict[Any, Any]:
        called = value.get("name") if isinstance(value.get("value"), str) else None  # as HAR keeps headers
        new = {}
        for key, member in value.items():
            inner = called if key == "value" and isinstance(called, str) else key
            new_key = self.text(key, f"{place}: a key") if isinstance(key, str) else key
            new[new_key] = self.value(member, f"{place}.{new_key}", str(inner), name if key == "value" else "")
        return new

    def _named(self, text: str, place: str, name: str, above: str) -> str:
        if kinds.is_cookies(name) or above == "cookies":
            spans = list(kinds.cookies(text)) if kinds.is_cookies(name) else [(0, len(text))]
            text = self._replaced(text, spans, "cookie", place)
        elif kinds.is_secret(name):
            start = kinds.after_scheme(text)
            kind = "authorization" if "auth" in name.lower() else NAMED
            text = self._replaced(text, [(start, len(text))], kind, place)
        return self.text(text, place)

    def _replaced(self, text: str, spans: list[tuple[int, int]], kind: str, place: str) -> str:
        for start, end in reversed(spans):
            value = text[start:end]
            if value.strip() and not kinds.harmless(value):
                self._tell(kind, place)
                self._know(value, cookie=kind == "cookie")
                text = text[:start] + self._replacement("text", value) + text[end:]
        return text

    # ------------------------------------------------------------------------------------------- texts and bytes

    def text(self, text: str, place: str, depth: int = 0) -> str:
        """A text without secrets."""
        for _ in range(ROUNDS):
            hits = [hit for hit in _apart(self._hits(text, place, depth)) if hit.new is not None]
            if not hits:
                break
            for hit in hits:
                if hit.kind:
                    self._tell(hit.kind, place)
            text = _applied(text, hits)
        return text

    def data(self, data: bytes, place: str, depth: int = 0) -> bytes:
        """Bytes without secrets, packed as they were."""
        if depth > NESTED:
            return data
        plain, pack = unpacked(data)
        if pack is not None:
            new = self.data(plain, place, depth + 1)
            return data if new == plain else pack(new)
        for encoding in ("utf-16",) if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8", "latin-1"):
            try:
                text = data.decode(encoding)
            except UnicodeDecodeError:
                continue
            new_text = self.text(text, place, depth + 1)
            return data if new_text == text else new_text.encode(encoding)
        return data

    def _base64(self, text: str, place: str) -> str:
        """The base 64 of bytes without secrets."""
        try:
            data = a2b_base64(text)
        except Error:
            return self.text(text, place)
        new = self.data(data, place)
        return text if new == data else b64encode(new).decode()

    def _hits(self, text: str, place: str, depth: int) -> Iterator[Hit]:
        if len(text) < 4:  # noqa: PLR2004 -- nothing is that short
            return
        found = views(text)
        for view in found:
            last = view is found[-1]
            for start, end, kind, like in self._seen(view.text):
                named = kind in (NAMED, KNOWN)
                value = view.text[start:end]
                if kind == NAMED:
                    self._know(value)
                new = None if kinds.harmless(value) else view.encoded(self._replacement(like, value))
                yield Hit(*view.origin(start, end), kind, new, last or named, like == "e-mail" or kind == KNOWN)
            if depth <= NESTED:
                yield from self._runs(view, place, depth)

    def _seen(self, text: str) -> Iterator[tuple[int, int, str, str]]:
        """What is secret in a text: from where to where, of which kind, and like what."""
        for kind in kinds.kinds():
            if any(hint in text for hint in kind.hints):
                for found in kind.pattern.finditer(text):
                    groups = [number for number, group in enumerate(found.groups(), 1) if group is not None] or [0]
                    for number in groups:
                        value = found.group(number)
                        if kinds.harmless(value) or kind.real(value):
                            yield *found.span(number), kind.name, kind.like
        for start, end in kinds.said(text):
            yield start, end, NAMED, "number" if text[start:end].isdecimal() else "text"
        for secret, like in list(self.known.items()):
            start = text.find(secret)
            while start >= 0:
                end = start + len(secret)
                if len(secret) >= DISTINCT or not (
                    text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()
                ):
                    yield start, end, KNOWN, like
                start = text.find(secret, end)

    def _runs(self, view: View, place: str, depth: int) -> Iterator[Hit]:
        """What holds secrets in base 64."""
        for found in RUN.finditer(view.text):
            for start, end in _parts(found.group()):
                run = found.group()[start:end]
                data = _decoded(run)
                if data is None:
                    continue
                new = self.data(data, place, depth + 1)
                if new != data:
                    place_of = view.origin(found.start() + start, found.start() + end)
                    yield Hit(*place_of, "", view.encoded(_encoded(new, run)), sure=True)
                    break

    # ---------------------------------------------------------------------------------------------- underneath

    def _tell(self, kind: str, place: str) -> None:
        self._told(Found(kind, place))

    def _know(self, value: str, *, cookie: bool = False) -> None:
        """Look for a secret elsewhere too, where it is long enough to be nothing else."""
        for form in (value, _plain(value)):
            long = len(form) >= (DISTINCT if cookie and form.isalpha() else SHORTEST)
            if not long or form in self.known or kinds.harmless(form):
                continue
            if len(self.known) >= MOST_KNOWN:
                raise TooMany(
                    f"there are more than {MOST_KNOWN} different passwords, tokens and cookies, too many to look for "
                    "each of them everywhere: take the recordings in several runs"
                )
            self.known[form] = "text"

    def know_host(self, host: str) -> None:
        """Look for the name of a host everywhere."""
        if "." in host and not kinds.harmless(host):
            self.known[host] = "host"

    def _replacement(self, like: str, value: str) -> str:
        plain = _plain(value).encode(errors="surrogatepass")
        return kinds.replacement(like, blake2b(plain, key=self._key, digest_size=8).hexdigest())


def _plain(value: str) -> str:
    """A value without escapes."""
    return views(value)[-1].text


def _apart(hits: Iterator[Hit]) -> list[Hit]:
    """Hits that do not overlap, the last first: of those that do, the ones that are sure, and the longest."""
    taken: list[Hit] = []
    for hit in sorted(dict.fromkeys(hits), key=lambda hit: (not hit.sure, hit.weak, hit.start - hit.end, hit.start)):
        if all(hit.end <= other.start or hit.start >= other.end for other in taken):
            taken.append(hit)
    return sorted(taken, key=lambda hit: hit.start, reverse=True)


def _applied(text: str, hits: list[Hit]) -> str:
    pieces: list[str] = []
    end = len(text)
    for hit in hits:
        pieces += (text[hit.end : end], hit.new)
        end = hit.start
    pieces.append(text[:end])
    return "".join(reversed(pieces))


def _parts(run: str) -> Iterator[tuple[int, int]]:
    """Where base 64 may stand within a run of its characters: all of it, or what a separator parts."""
    yield 0, len(run)
    if not LATE.isdisjoint(run):
        for found in re.finditer(r"[A-Za-z0-9+]{12,}={0,2}", run):
            if found.span() != (0, len(run)):
                yield found.span()


def _decoded(run: str) -> bytes | None:
    """What a run means in base 64, of either alphabet; None where it means nothing that could be looked into."""
    plain = "".join(run.split()).rstrip("=").replace("-", "+").replace("_", "/")
    if len(plain) % 4 == 1:
        return None
    try:
        data = a2b_base64(plain + "=" * (-len(plain) % 4))
    except Error:
        return None
    if data[:2] in (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff") or data[:1] == b"x":
        return data
    try:
        data.decode()
    except UnicodeDecodeError:
        return None
    return data


def _encoded(data: bytes, run: str) -> str:
    """Bytes in base 64, as a run was written."""
    urlsafe = "-" in run or "_" in run
    text = (urlsafe_b64encode if urlsafe else b64encode)(data).decode()
    return text if run.endswith("=") or len("".join(run.split())) % 4 == 0 else text.rstrip("=")
