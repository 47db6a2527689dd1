"""Schemas in one piece, for other languages: what a schema refers to stands in its own `$defs`."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reinfer.wire import JSON

MAPS: Final = ("$defs", "properties", "patternProperties")  # schemas by name
SINGLE: Final = ("items", "additionalProperties")  # a schema, or true or false


def names() -> Mapping[str, str]:
    """The file of each schema by the name that it bears."""
    return {PurePosixPath(file).stem: file for file in contract.documents()}


def bundled(name: str) -> JSON:
    """The schema of that name, referring to nothing outside itself. Raises ValueError where there is none."""
    if name not in names():
        raise ValueError(f"there is no schema {name!r}; there are: {', '.join(sorted(names()))}")
    file = names()[name]
    parts: JSON = {}

    def where(target: str, pointer: str) -> str:
        if target == file:
            return f"#{pointer}"
        key, rest = part(target, pointer)
        if key not in parts:
            parts[key] = {}  # it may refer to itself
            parts[key] = moved(target, source(target, key), where)
        return f"#/$defs/{key}{rest}"

    schema = contract.documents()[file]
    own = moved(file, schema, where)
    if parts.keys() & own.get("$defs", {}).keys():
        raise NotImplementedError(f"{file}: a part of it bears the name of one that it refers to")
    defs = {"$defs": dict(sorted({**own.pop("$defs", {}), **parts}.items()))} if parts or "$defs" in own else {}
    return deepcopy({"$schema": schema["$schema"], **own, **defs})


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
    """A copy of a schema of `file` whose references lead where `where` says, which is given a file and a pointer."""
    if not isinstance(schema, dict):
        return schema
    copy = {key: value for key, value in schema.items() if key != "$schema"}
    for key in copy.keys() & {*MAPS}:
        copy[key] = {name: moved(file, inner, where) for name, inner in schema[key].items()}
    for key in copy.keys() & {*SINGLE}:
        copy[key] = moved(file, schema[key], where)
    if "$ref" in copy:
        target, _, pointer = urljoin(contract.BASE + file, schema["$ref"]).removeprefix(contract.BASE).partition("#")
        copy["$ref"] = where(target, pointer)
    return copy


def listed() -> list[tuple[str, str]]:
    """The name of each schema, with the first sentence of what it says of itself; the objects first."""
    order = sorted((PurePosixPath(file).parent.name, name) for name, file in names().items())
    documents = contract.documents()
    return [(name, documents[names()[name]]["description"].partition(". ")[0].rstrip(".")) for _, name in order]


def text(document: JSON) -> str:
    """A document as it is printed and written."""
    return json.dumps(document, indent=2, ensure_ascii=False)


def write(texts: Mapping[str, str], folder: Path) -> None:
    """Put texts into files of a folder, which is made: all of them, or none where one cannot be written.

    A file of that name is replaced where it is JSON with a `$schema` or an `openapi` of its own: what these texts are.
    Raises ValueError for any other, and OSError.
    """
    for name in texts:
        if not _ours(folder / name):
            raise ValueError(f"{folder / name} is no schema and no OpenAPI document: it is not replaced")
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".pytest-reinfer-", dir=folder) as place:
        for name, lines in texts.items():
            Path(place, name).write_text(f"{lines}\n", encoding="utf-8")
        for name in texts:
            Path(place, name).replace(folder / name)


def _ours(path: Path) -> bool:
    """Whether a file may be replaced: it is not there, is empty, or holds what is written here."""
    try:
        found = json.loads(path.read_text(encoding="utf-8") or '{"$schema": ""}')
    except FileNotFoundError:
        return True
    except ValueError:
        return False
    return isinstance(found, dict) and bool(found.keys() & {"$schema", "openapi"})
