"""Finds secrets in values, however they are written, and puts in their places what stands for them."""

from __future__ import annotations

import re
from base64 import b64encode, urlsafe_b64encode
from binascii import Error, a2b_base64
from bisect import bisect_left
from hashlib import blake2b
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer.recordings import kinds
from pytest_reinfer.recordings.bodies import decoded, is_named, is_text, unpacked
from pytest_reinfer.recordings.views import View, views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MOST_KNOWN: Final = 50_000  # secrets that are known by their names alone and looked for everywhere
STRIDE: Final = 4  # every so many characters of a text are looked up, to see which of those may be in it
GRAM: Final = 5  # so many at once: one of the last STRIDE + GRAM - 1 characters of each secret
SHORTEST: Final = 8  # shorter ones are replaced where they are named; elsewhere they may be any word
DISTINCT: Final = 16  # from so many characters on, one is found within a word as well
NAMED: Final = "secret by its name"
KNOWN: Final = "known elsewhere"
SHORT: Final = 200  # characters of a text that is remembered to have no secret
MOST_PLAIN: Final = 4096
ROUNDS: Final = 6  # until nothing is found any more
NESTED: Final = 4  # so many times something may be packed into something packed
SHORTEST_OF_ALL: Final = 4
SECRET_NUMBER: Final = 10_000
RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{12,}(?:\r?\n[A-Za-z0-9+/_-]{4,})*={0,2}")
_ID: Final = re.compile(r"[0-9a-f]{16}|[0-9a-f]{32}")  # the ids of the API, which mean nothing else
BASE64: Final = ("body_base64", "base64_string")  # the keys of bodies in JSON Lines, and of VCR.py
HOLDERS: Final = ("value", "key", "text", "string", "data", "raw", "plain")  # in a secret that is an object
LEARNT: Final = ("bearer token", "credentials in a URL")  # kinds that are looked for elsewhere too
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
    new: str
    weak: bool  # another one that overlaps it is replaced instead


class Scrubber:
    """Replaces secrets, the same by the same, and remembers what it has found.

    key: what replacements follow from; without it nobody can tell which secret one stands for.
    """

    def __init__(self, key: bytes, told: Callable[[Found], object]) -> None:
        self._key = key
        self.told = told
        self.known: dict[str, str] = {}  # secret -> what it is like
        self._plain: dict[str, int] = {}  # texts without secrets, and how many were known then: most come again
        self._grams: dict[str, list[str]] = {}  # a piece of secrets -> those that have it
        self._indexed = 0
        self.overflowed = False  # whether there are more of them than can be looked for

    def value(self, value: Any, place: str = "", name: str = "", above: str = "") -> Any:
        """A JSON value, whose texts may be bytes, without secrets; what it holds is told.

        place: where it stands. name: what it goes by. above: what the value around it goes by.
        """
        if isinstance(value, dict):
            return self._object(value, place, name)
        if isinstance(value, list):
            return [self.value(each, f"{place}[{number}]", name, above) for number, each in enumerate(value)]
        if isinstance(value, (str, bytes)):
            return self.data(value, place) if isinstance(value, bytes) else self._named(value, place, name, above)
        return self._number(value, place) if type(value) is int and kinds.is_secret(name) else value

    def _number(self, value: int, place: str) -> int:
        """A number that its name tells to be secret, or what stands for it; short ones are counts."""
        if value < SECRET_NUMBER or kinds.harmless(str(value)):
            return value
        self._tell(NAMED, place)
        return int(self._replacement("number", str(value)))

    def _object(self, value: dict[Any, Any], place: str, name: str) -> dict[Any, Any]:
        if value.get("encoding") == "base64" and isinstance(value.get("text"), str):  # as HAR keeps what is no text
            with_text = {**value, "text": ""}
            return {**self._members(with_text, place, name), "text": self._base64(value["text"], f"{place}.text")}
        return self._members(value, place, name)

    def _members(self, value: dict[Any, Any], place: str, name: str) -> dict[Any, Any]:
        called = value.get("name", value.get("key")) if isinstance(value.get("value"), str) else None  # as in HAR
        secret = kinds.is_secret(name)
        new = {}
        for key, member in value.items():
            if key in BASE64 and isinstance(member, str):
                new[key] = self._base64(member, f"{place}.{key}")
                continue
            inner = called if key == "value" and isinstance(called, str) else key
            inner = name if secret and key in HOLDERS else inner
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
        if self._plain.get(text) == len(self.known):
            return text
        for number in range(ROUNDS):
            found = list(self._hits(text, place, depth))
            if not found:
                if number == 0 and len(text) <= SHORT and len(self._plain) < MOST_PLAIN:
                    self._plain[text] = len(self.known)
                break
            hits = _apart(found)
            for hit in hits:
                if hit.kind:
                    self._tell(hit.kind, place)
            text = _applied(text, hits)
            if len(hits) == len(found):  # or else something may be left of what overlapped
                break
        return text

    def data(self, data: bytes, place: str, depth: int = 0) -> bytes:
        """Bytes without secrets, packed as they were."""
        if depth > NESTED:
            return data
        plain, pack = unpacked(data)
        if pack is not None:
            new = self.data(plain, place, depth + 1)
            if is_named(data):
                self._tell("name", place)
            return data if new == plain and not is_named(data) else pack(new)
        text, encoding = decoded(data)
        new_text = self.text(text, place, depth + 1)
        return data if new_text == text else new_text.encode(encoding)

    def _base64(self, text: str, place: str) -> str:
        """The base 64 of bytes without secrets."""
        try:
            data = a2b_base64(text)
        except Error:
            return self.text(text, place)
        new = self.data(data, place)
        return self.text(text, place) if new == data else b64encode(new).decode()

    def _hits(self, text: str, place: str, depth: int) -> Iterator[Hit]:
        if len(text) < SHORTEST_OF_ALL:
            return
        for chain in views(text):
            for view in chain:
                for start, end in kinds.said(view.text):
                    value = view.text[start:end]
                    self._know(value)
                    like = "number" if value.isdecimal() else "text"
                    yield self._hit(view, start, end, NAMED, like)
                yield from self._known_in(view)
            for kind in kinds.kinds():
                for start, end in kind.find(view.text):
                    if not kinds.harmless(view.text[start:end]):
                        if kind.name in LEARNT:
                            self._know(view.text[start:end].rpartition(":")[2])
                        yield self._hit(view, start, end, kind.name, kind.like)
            if depth <= NESTED:
                yield from self._runs(view, place, depth)

    def _hit(self, view: View, start: int, end: int, kind: str, like: str) -> Hit:
        new = view.encoded(self._replacement(like, view.text[start:end]))
        return Hit(*view.origin(start, end), kind, new, kind == KNOWN or like == "e-mail")

    def _known_in(self, view: View) -> Iterator[Hit]:
        """What is known to be secret by a name that it had elsewhere."""
        text = view.text
        for secret in self._candidates(text):
            like = self.known[secret]
            start = text.find(secret)
            while start >= 0:
                end = start + len(secret)
                within = text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()
                if len(secret) >= DISTINCT or not within:
                    yield self._hit(view, start, end, KNOWN, like)
                start = text.find(secret, end)

    def _candidates(self, text: str) -> Iterable[str]:
        """Those of what is known that may be in a text, found without a search for each."""
        for secret in islice(self.known, self._indexed, None):
            end = secret[1 - STRIDE - GRAM :]
            whole = len(end) >= STRIDE + GRAM - 1
            for piece in {end[number : number + GRAM] for number in range(STRIDE)} if whole else {""}:
                self._grams.setdefault(piece, []).append(secret)
        self._indexed = len(self.known)
        if not self._grams:
            return ()
        pieces = {text[start : start + GRAM] for start in range(0, len(text), STRIDE)} | {""}
        return list(dict.fromkeys(secret for piece in pieces & self._grams.keys() for secret in self._grams[piece]))

    def _runs(self, view: View, place: str, depth: int) -> Iterator[Hit]:
        """What holds secrets in base 64."""
        for found in RUN.finditer(view.text):
            whole = found.group()
            if _ID.fullmatch(whole):
                continue
            for start, end in _parts(whole):
                run = whole[start:end]
                data = _decoded(run)
                if data is None:
                    continue
                new = self.data(data, place, depth + 1)
                if new != data:
                    place_of = view.origin(found.start() + start, found.start() + end)
                    yield Hit(*place_of, "", view.encoded(_encoded(new, run)), weak=False)
                    break

    # ---------------------------------------------------------------------------------------------- underneath

    def _tell(self, kind: str, place: str) -> None:
        self.told(Found(kind, place))

    def _know(self, value: str, *, cookie: bool = False) -> None:
        """Look for a secret elsewhere too, where it is long enough to be nothing else."""
        for form in (value, _plain(value)):
            long = len(form) >= (DISTINCT if cookie and form.isalpha() else SHORTEST)
            if not long or form in self.known or kinds.harmless(form):
                continue
            if len(self.known) >= MOST_KNOWN:
                self.overflowed = True
            else:
                self.known[form] = "text"

    def know_host(self, host: str) -> None:
        """Look for the name of a host everywhere."""
        if "." in host and not host.rpartition(".")[2].isdigit() and not kinds.harmless(host):
            self.known[host] = "host"

    def _replacement(self, like: str, value: str) -> str:
        plain = _plain(value).encode(errors="surrogatepass")
        return kinds.replacement(like, blake2b(plain, key=self._key, digest_size=8).hexdigest())


def _plain(value: str) -> str:
    """A value without escapes."""
    return views(value)[0][-1].text


def _apart(hits: Iterable[Hit]) -> list[Hit]:
    """Hits that do not overlap, in their order: of those that do, the longest."""
    taken: list[Hit] = []
    for hit in sorted(dict.fromkeys(hits), key=lambda hit: (hit.weak, hit.start - hit.end, hit.start)):
        number = bisect_left(taken, hit.start, key=lambda each: each.start)
        before, after = taken[number - 1 : number], taken[number : number + 1]
        if not (before and before[0].end > hit.start) and not (after and after[0].start < hit.end):
            taken.insert(number, hit)
    return taken


def _applied(text: str, hits: list[Hit]) -> str:
    pieces: list[str] = []
    start = 0
    for hit in hits:
        pieces += (text[start : hit.start], hit.new)
        start = hit.end
    return "".join([*pieces, text[start:]])


def _parts(run: str) -> Iterator[tuple[int, int]]:
    """Where base 64 may stand within a run of its characters: all of it, or what a separator parts."""
    yield 0, len(run)
    if not LATE.isdisjoint(run):
        for found in re.finditer(r"[A-Za-z0-9+]{12,}={0,2}", run):
            if found.span() != (0, len(run)):
                yield found.span()


def _decoded(run: str) -> bytes | None:
    """What a run means in base 64, of either alphabet; None where it means nothing that could be looked into."""
    plain = run.translate(_STANDARD)
    rest = len(plain) % 4
    head = None if rest == 1 else a2b_base64(plain[:8])
    if head is None or (not (packed := head[:2] in _MARKS or head[:1] == b"x") and head.translate(None, _TEXT)):
        return None  # as most are: no text begins with what controls
    data = a2b_base64(plain + "==="[rest - 1 :] if rest else plain)
    return data if packed or is_text(data) else None


_STANDARD: Final = str.maketrans("-_", "+/", "=\r\n")
_MARKS: Final = (b"\x1f\x8b", b"\xff\xfe", b"\xfe\xff")  # of gzip and UTF-16
_TEXT: Final = bytes([9, 10, 13, *range(32, 127), *range(128, 256)])


def _encoded(data: bytes, run: str) -> str:
    """Bytes in base 64, as a run was written."""
    urlsafe = "-" in run or "_" in run
    text = (urlsafe_b64encode if urlsafe else b64encode)(data).decode()
    return text if run.endswith("=") or len("".join(run.split())) % 4 == 0 else text.rstrip("=")
