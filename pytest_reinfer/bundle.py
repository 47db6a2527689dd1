"""Schemas in one piece, for other languages: what a schema refers to stands in its own `$defs`."""

from __future__ import annotations

import json
from contextlib import ExitStack
from copy import deepcopy
from difflib import get_close_matches
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from pytest_reinfer import contract
from pytest_reinfer.whole import shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reinfer.wire import JSON

MAPS: Final = ("$defs", "properties", "patternProperties")  # schemas by name
MARK: Final = {"x-generator": "pytest-reinfer"}  # by which a document of ours is known again
SINGLE: Final = ("items", "additionalProperties")  # a schema, or true or false


def names() -> Mapping[str, str]:
    """The file of each schema by the name that it bears."""
    return {PurePosixPath(file).stem: file for file in contract.documents()}


def bundled(name: str) -> JSON:
    """The schema of that name, referring to nothing outside itself. Raises ValueError where there is none."""
    if name not in names():
        near = get_close_matches(name, names(), n=5, cutoff=0.5) or sorted(names())
        raise ValueError(f"there is no schema {name!r}. The nearest: {', '.join(near)}")
    file = names()[name]
    parts: JSON = {}

    def where(target: str, key: str) -> str:
        if target == file:
            return f"#/$defs/{key}" if key in contract.documents()[file].get("$defs", {}) else "#"
        if key not in parts:
            parts[key] = {}  # it may refer to itself
            parts[key] = moved(target, source(target, key), where)
        return f"#/$defs/{key}"

    schema = contract.documents()[file]
    own = moved(file, schema, where)
    if parts.keys() & own.get("$defs", {}).keys():
        raise NotImplementedError(f"{file}: a part of it bears the name of one that it refers to")
    defs = {"$defs": dict(sorted({**own.pop("$defs", {}), **parts}.items()))} if parts or "$defs" in own else {}
    return deepcopy({"$schema": schema["$schema"], **MARK, **own, **defs})


def part(target: str, pointer: str) -> tuple[str, str]:
    """The name under which what a reference leads to stands among others, and the pointer that goes on from there."""
    inside = pointer.split("/")
    if inside[1:2] == ["$defs"]:
        return inside[2], "".join(f"/{step}" for step in inside[3:])
    return PurePosixPath(target).stem, pointer


def source(target: str, key: str) -> JSON:
    """What stands in the file `target` under the name that `part` gives to it."""
    document = contract.documents()[target]
    return document if PurePosixPath(target).stem == key else document["$defs"][key]


def moved(file: str, schema: Any, where: Callable[[str, str], str]) -> Any:
    """A copy of a schema of `file` whose references lead where `where` says, which is given a file and a name in it.

    What has no name, as a property of another object, stands there itself; a list always says what its items are.
    """
    if not isinstance(schema, dict):
        return schema
    copy = {key: value for key, value in schema.items() if key != "$schema"}
    for key in copy.keys() & {*MAPS}:
        copy[key] = {name: moved(file, inner, where) for name, inner in schema[key].items()}
    for key in copy.keys() & {*SINGLE}:
        copy[key] = moved(file, schema[key], where)
    if "$ref" in copy:
        target, _, pointer = urljoin(contract.BASE + file, schema["$ref"]).removeprefix(contract.BASE).partition("#")
        key, rest = part(target, pointer)
        if rest:
            del copy["$ref"]
            named = source(target, key)
            return _joined(named, moved(target, _at(named, rest), where), copy)
        copy["$ref"] = where(target, key)
    if copy.get("type") == "array":
        copy.setdefault("items", {})
    return copy


def _at(schema: JSON, pointer: str) -> Any:
    found: Any = schema
    for step in pointer.split("/")[1:]:
        found = found[step]
    return found


def _joined(around: JSON, found: JSON, own: JSON) -> JSON:
    """What stands in a schema, with the evidence of that, and with what is said of it where it is referred to."""
    if both := (found.keys() & own.keys()) - {"description", "x-evidence"}:
        raise NotImplementedError(f"said where it stands and where it is referred to: {', '.join(sorted(both))}")
    general = {rule: why for rule, why in around.get("x-evidence", {}).items() if rule == "*"}
    evidence = general | found.get("x-evidence", {}) | own.get("x-evidence", {})
    return {**found, **own, **({"x-evidence": evidence} if evidence else {})}


def listed() -> list[tuple[str, str]]:
    """The name of each object and route, the objects first, with the first sentence of what it says of itself."""
    order = sorted((PurePosixPath(file).parent.name, name) for name, file in names().items() if "/" in file)
    documents = contract.documents()
    return [(name, documents[names()[name]]["description"].partition(". ")[0].rstrip(".")) for _, name in order]


def text(document: JSON) -> str:
    """A document as it is printed and written."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Put texts into files of a folder, which is made: all of them, or none where one cannot be written.

    A file of that name is replaced where it was written so. Raises ValueError for any other, and OSError.
    """
    for name in texts:
        if not _ours(folder / name):
            raise ValueError(f"{folder / name} was not written by pytest-reinfer: it is not replaced. Move it away")
    with ExitStack() as files:
        for name, lines in texts.items():
            files.enter_context(shown(folder / name)).write(f"{lines}\n".encode())


def _ours(path: Path) -> bool:
    """Whether a file may be replaced: it is none, is empty, or bears our mark."""
    if path.exists() and not path.is_file() and not path.is_dir():
        return True  # a device or a pipe, which is written to
    try:
        found = json.loads(path.read_text(encoding="utf-8") or json.dumps(MARK))
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    marked = [each for each in (found, found.get("info")) if isinstance(each, dict)] if isinstance(found, dict) else []
    return any(MARK.items() <= each.items() for each in marked)
