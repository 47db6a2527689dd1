"""The files of recordings: told apart by what is in them, read piece by piece, and written again in the same form."""

from __future__ import annotations

import codecs
import json
from functools import partial
from typing import IO, TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

LARGEST: Final = 64 * 2**20  # characters of one exchange, in whatever form
MOST: Final = 1_000_000  # values in one exchange
DEEPEST: Final = 100  # values within values
FORMS: Final = {  # the key at the top of a document by which it is known, its form, and where exchanges stand in it
    "log": ("har", "log.entries"),
    "interactions": ("vcr", "interactions"),
    "responses": ("responses", "responses"),
    "request": ("jsonl", ""),
    "response": ("jsonl", ""),
}
SHAPES: Final = (
    "a HAR (JSON with log), a cassette of VCR.py or pytest-recording (YAML or JSON with interactions), a recording of "
    "responses (YAML with responses), or JSON Lines (an object with request and response on each line)"
)


class BadRecording(ValueError):
    """A file that is no recording, or not all of one: what is wrong, and where."""


class Piece(NamedTuple):
    """A piece of a file: an "exchange", a "value" beside them, or what stands around: "open", "close", "key".

    place: where, such as `log.entries[3]`. name: what a value goes by.
    """

    what: str
    place: str
    value: Any
    name: str = ""


class Form(NamedTuple):
    """A form of recordings: its name, how its pieces are read from a file, and written to one."""

    name: str
    read: Callable[[IO[bytes]], Iterator[Piece]]
    write: Callable[[Iterable[Piece]], Iterator[bytes]]


def form(path: Path) -> Form:
    """The form of a recording. Raises BadRecording, saying what the file holds instead; OSError."""
    with path.open("rb") as file:
        _skip_mark(file)
        start = file.read(4096).lstrip()
        file.seek(0)
        if not start:
            raise BadRecording(f"{path}: it is empty. Name {SHAPES}.")
        if start.startswith(b"\x1f\x8b"):
            raise BadRecording(f"{path}: it is compressed by gzip: unpack it first.")
        if b"\0" in start:
            raise BadRecording(f"{path}: it is no text. Name {SHAPES}.")
        _skip_mark(file)
        is_json = start.startswith((b"{", b"["))
        known, others = _told(path, file, json_keys if is_json else yaml_keys)
    if known is None:
        has = f"has {', '.join(others)} at its top" if others else "holds no object"
        raise BadRecording(f"{path}: it {has} and is no recording that is known. Name {SHAPES}.")
    name, at = FORMS[known]
    if name == "jsonl":
        return Form(name, _lines, _written_lines)
    if is_json:
        return Form(name, partial(_json_pieces, at=f"{at}.item"), _written_json)
    return Form(name, partial(_yaml_pieces, at=at), _written_yaml)


def pieces(path: Path, form: Form) -> Iterator[Piece]:
    """The pieces of a file, one after the other. Raises BadRecording, saying where it ends or is broken; OSError."""
    last = ""
    try:
        with path.open("rb") as file:
            _skip_mark(file)
            for piece in form.read(file):
                if piece.what == "exchange":
                    last = f" The last exchange read before: {piece.place}."
                yield piece
    except BadRecording as error:
        raise BadRecording(f"{path}: {error}{last}") from None


def _skip_mark(file: IO[bytes]) -> None:
    """Skip the mark of UTF-8 with which some programs begin a file."""
    if file.read(3) != codecs.BOM_UTF8:
        file.seek(0)


def _told(path: Path, file: IO[bytes], keys: Callable[[IO[bytes]], Iterator[str]]) -> tuple[str | None, list[str]]:
    """The first key of a file that tells its form, and those before it, at most ten."""
    others: list[str] = []
    try:
        for key in keys(file):
            if key in FORMS:
                return key, others
            others = [*others, key[:40]][:10]
    except BadRecording as error:
        raise BadRecording(f"{path}: {error} Name {SHAPES}.") from None
    return None, others


# ------------------------------------------------------------------------------------------------------------ JSON


def _events(file: IO[bytes]) -> Iterator[tuple[str, str, Any]]:
    """The events of a document with the place of each, such as `log.entries.item`; BadRecording where it is broken."""
    import ijson  # noqa: PLC0415

    steps: list[str] = []  # ijson.parse has them too, and takes memory by the square of the depth
    try:
        for event, value in ijson.basic_parse(file, use_float=True):
            if event in ("end_map", "end_array"):
                steps.pop()
            elif event == "map_key":
                steps.pop()
                yield ".".join(steps), event, value
                steps.append(value)
                continue
            yield ".".join(steps), event, value
            if event in ("start_map", "start_array"):
                steps.append("item")
                _bound("a value", 0, 0, len(steps))
    except ijson.IncompleteJSONError as error:
        raise BadRecording(f"the JSON ends before its end, or is broken: {_first_line(error)}") from None
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise BadRecording(f"it is no JSON: {_first_line(error)}") from None


def _first_line(error: BaseException) -> str:
    """What went wrong, without the text of the file that libraries like to show: it may hold secrets."""
    told = error.args[0] if error.args else ""
    text = told.decode(errors="replace") if isinstance(told, bytes) else str(told)
    return (text.strip().splitlines() or [type(error).__name__])[0].strip()[:200].rstrip(".") + "."


def json_keys(file: IO[bytes]) -> Iterator[str]:
    """The keys at the top of a document of JSON."""
    for prefix, event, value in _events(file):
        if not prefix and event == "map_key":
            yield value


def _json_pieces(file: IO[bytes], at: str) -> Iterator[Piece]:
    """The pieces of a document of JSON that has its exchanges in a list."""
    from ijson import ObjectBuilder  # noqa: PLC0415

    number = 0
    events = _events(file)
    seen = False
    for prefix, event, value in events:
        place = f"{at.removesuffix('.item')}[{number}]"
        if prefix == at:
            seen = True
            if event != "start_map":
                raise BadRecording(f"{place} is no object.")
            builder, size, depth = ObjectBuilder(), 0, 1
            builder.event(event, value)
            for count, (_, inner, scalar) in enumerate(events):
                builder.event(inner, scalar)
                depth += (inner in ("start_map", "start_array")) - (inner in ("end_map", "end_array"))
                size += len(scalar) if isinstance(scalar, str) else 8
                _bound(place, size, count, depth)
                if depth == 0:
                    break
            yield Piece("exchange", place, builder.value)
            number += 1
        elif event in ("start_map", "start_array"):
            seen = seen or f"{prefix}.item" == at
            yield Piece("open", prefix, event == "start_map")
        elif event in ("end_map", "end_array"):
            yield Piece("close", prefix, event == "end_map")
        elif event == "map_key":
            yield Piece("key", prefix, value)
        else:
            yield Piece("value", prefix, value, prefix.rpartition(".")[2])
    if not seen:
        raise BadRecording(f"it has no list at {at.removesuffix('.item')}.")


def _bound(place: str, size: int, count: int, depth: int) -> None:
    if size > LARGEST:
        raise BadRecording(f"{place} is larger than {LARGEST // 2**20} MiB, which is more than is read at once.")
    if count > MOST:
        raise BadRecording(f"{place} has more than {MOST} values.")
    if depth > DEEPEST:
        raise BadRecording(f"{place} is nested deeper than {DEEPEST} values.")


def _written_json(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """A document of JSON, an exchange on each line."""
    first, after_key = True, False
    for piece in pieces:
        if piece.what == "close":
            yield b"}" if piece.value else b"]"
            first, after_key = False, False
            continue
        if not first and not after_key:
            yield b","
        if piece.what == "open":
            yield b"{" if piece.value else b"["
            first, after_key = True, False
        elif piece.what == "key":
            yield _json(piece.value) + b":"
            first, after_key = False, True
        else:
            yield (b"\n" if piece.what == "exchange" else b"") + _json(piece.value)
            first, after_key = False, False
    yield b"\n"


def _json(value: Any) -> bytes:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    except UnicodeEncodeError:  # half of a character, which UTF-8 cannot say
        return json.dumps(value, separators=(",", ":")).encode()


# ------------------------------------------------------------------------------------------------------ JSON Lines


def _lines(file: IO[bytes]) -> Iterator[Piece]:
    number = 0
    while line := file.readline(LARGEST + 1):
        number += 1
        place = f"line {number}"
        if len(line) > LARGEST:
            raise BadRecording(f"{place} is larger than {LARGEST // 2**20} MiB, which is more than is read at once.")
        if not line.strip():
            continue
        try:
            value = json.loads(line)
        except RecursionError:
            raise BadRecording(f"{place} is nested too deep.") from None
        except ValueError as error:
            raise BadRecording(f"{place} is no JSON, or not all of it: {_first_line(error)}") from None
        if not isinstance(value, dict):
            raise BadRecording(f"{place} is no object.")
        yield Piece("exchange", place, value)


def _written_lines(pieces: Iterable[Piece]) -> Iterator[bytes]:
    for piece in pieces:
        yield _json(piece.value) + b"\n"


# ------------------------------------------------------------------------------------------------------------ YAML


def _loader(file: IO[bytes]) -> Any:
    """A loader that makes plain values alone, whatever a file asks for."""
    import yaml  # noqa: PLC0415

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)(file)


def _yaml(read: Callable[[Any], Iterator[Any]], file: IO[bytes]) -> Iterator[Any]:
    """What is read of a document of YAML; BadRecording where it is broken, or asks for more than plain values."""
    import yaml  # noqa: PLC0415

    loader = None
    try:
        loader = _loader(file)
        yield from read(loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f", line {mark.line + 1}" if mark else ""
        raise BadRecording(f"it is no YAML of plain values{where}: {error.problem}.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise BadRecording(f"it is no YAML: {_first_line(error)}") from None
    finally:
        if loader is not None:
            loader.dispose()


def yaml_keys(file: IO[bytes]) -> Iterator[str]:
    """The keys at the top of a document of YAML."""
    return _yaml(_yaml_keys, file)


def _yaml_keys(loader: Any) -> Iterator[str]:
    for key in _top(loader):
        yield key
        _skip(loader)


def _top(loader: Any) -> Iterator[str]:
    """The keys of the mapping that a document is; who asks reads, or skips, what each of them stands for."""
    import yaml  # noqa: PLC0415

    loader.get_event()
    if loader.check_event(yaml.DocumentStartEvent):
        loader.get_event()
    if not loader.check_event(yaml.MappingStartEvent):
        return
    loader.get_event()
    while not loader.check_event(yaml.MappingEndEvent):
        event = loader.get_event()
        if not isinstance(event, yaml.ScalarEvent):
            raise BadRecording("a key at its top is no text.")
        yield event.value
    loader.get_event()
    loader.get_event()
    if not loader.check_event(yaml.StreamEndEvent):
        raise BadRecording("it has more than one document.")


def _skip(loader: Any) -> None:
    """Read over a value."""
    import yaml  # noqa: PLC0415

    depth = 0
    while True:
        event = loader.get_event()
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth == 0:
            return


def _yaml_pieces(file: IO[bytes], at: str) -> Iterator[Piece]:
    """The pieces of a document of YAML that has its exchanges in a list."""
    found: Iterator[Piece] = _yaml(partial(_yaml_top, at=at), file)
    return found


def _yaml_top(loader: Any, at: str) -> Iterator[Piece]:
    import yaml  # noqa: PLC0415

    values = _Values(loader)
    for key in _top(loader):
        if key != at:
            yield Piece("value", key, values.next(key), key)
            continue
        yield Piece("key", at, at)
        if not loader.check_event(yaml.SequenceStartEvent):
            raise BadRecording(f"{at} is no list.")
        loader.get_event()
        number = 0
        while not loader.check_event(yaml.SequenceEndEvent):
            place = f"{at}[{number}]"
            yield Piece("exchange", place, values.next(place))
            number += 1
        loader.get_event()


class _Values:
    """The plain values of a document, one after the other; what is said once and meant often counts as often."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader
        self._anchors: dict[str, tuple[Any, int, int]] = {}  # what is meant, of how many characters and values
        self._size = self._count = self._kept = 0
        self._place = ""

    def next(self, place: str) -> Any:
        """The next value, whose place is told where it cannot be read."""
        self._size = self._count = 0
        self._place = place
        value = self._value(0)
        self._loader.constructed_objects.clear()  # each scalar of the file, else
        return value

    def _value(self, depth: int) -> Any:
        import yaml  # noqa: PLC0415

        event = self._loader.get_event()
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                raise yaml.MarkedYAMLError(problem=f"*{event.anchor} means nothing", problem_mark=event.start_mark)
            value, size, count = self._anchors[event.anchor]
            self._grow(size, count, depth)
            return value
        size, count = self._size, self._count
        self._grow(len(event.value) if isinstance(event, yaml.ScalarEvent) else 8, 1, depth)
        value = self._read(event, depth)
        if event.anchor is not None:
            size, count = self._size - size, self._count - count
            self._kept += size + 8 * count
            _bound("what is meant by anchors", self._kept, 0, 0)
            self._anchors[event.anchor] = value, size, count
        return value

    def _grow(self, size: int, count: int, depth: int) -> None:
        self._size += size
        self._count += count
        _bound(self._place, self._size, self._count, depth)

    def _read(self, event: Any, depth: int) -> Any:
        import yaml  # noqa: PLC0415

        loader = self._loader
        if isinstance(event, yaml.ScalarEvent):
            tag = event.tag
            if tag in (None, "!"):
                tag = loader.resolve(yaml.ScalarNode, event.value, event.implicit)
            if tag in TEXTS:
                return event.value
            return loader.construct_object(yaml.ScalarNode(tag, event.value, event.start_mark, event.end_mark))
        if event.tag not in (None, "!", *PLAIN):
            raise yaml.MarkedYAMLError(problem=f"it asks for {event.tag}", problem_mark=event.start_mark)
        end = yaml.SequenceEndEvent if isinstance(event, yaml.SequenceStartEvent) else yaml.MappingEndEvent
        members = []
        while not loader.check_event(end):
            members.append(self._value(depth + 1))
        loader.get_event()
        if end is yaml.SequenceEndEvent:
            return members
        try:
            return dict(zip(members[::2], members[1::2], strict=True))
        except TypeError:
            problem = "a key is no text or number"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark) from None


TEXTS: Final = tuple(f"tag:yaml.org,2002:{name}" for name in ("str", "python/unicode", "python/str"))
PLAIN: Final = tuple(f"tag:yaml.org,2002:{name}" for name in ("seq", "map"))


def _written_yaml(pieces: Iterable[Piece]) -> Iterator[bytes]:
    """A document of YAML, an exchange after the other."""
    import yaml  # noqa: PLC0415

    dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
    empty = False
    for piece in pieces:
        if piece.what == "key":
            yield f"{piece.value}:".encode()
            empty = True
            continue
        if empty:
            yield b"\n" if piece.what == "exchange" else b" []\n"
            empty = False
        value = [piece.value] if piece.what == "exchange" else {piece.name: piece.value}
        yield yaml.dump(value, Dumper=dumper, default_flow_style=False, sort_keys=False, encoding="utf-8")
    if empty:
        yield b" []\n"
