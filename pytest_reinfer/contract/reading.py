"""Reads the files of `schemas/`, and finds what stands in them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reinfer.wire import JSON

BASE = "file:///schemas/"  # where relative references between the schemas meet


def folder() -> Path:
    """The folder of the schemas: inside the installed package, or beside it in a checkout."""
    here = Path(__file__).parent.parent
    return next(place / "schemas" for place in (here, here.parent) if (place / "schemas" / "api.json").is_file())


@cache
def documents() -> Mapping[str, JSON]:
    """Every schema by its name relative to `schemas/`, such as `objects/dataset.json`."""
    top = folder()
    return {
        path.relative_to(top).as_posix(): json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(top.rglob("*.json"))
    }


def node(ref: str) -> JSON:
    """The schema at `ref`, such as `objects/common.json#/$defs/id`; references on the way are followed."""
    return target(ref)[1]


def target(ref: str) -> tuple[str, JSON]:
    """Where the schema at `ref` stands itself, and the schema; references on the way and at its end are followed."""
    name, _, pointer = ref.partition("#")
    schema: Any = documents()[name]
    place = f"{name}#"
    for step in [*pointer.split("/")[1:], None]:
        while "$ref" in schema and not ("pattern" in schema and step is None):
            place, schema = target(_absolute(place.partition("#")[0], schema["$ref"]))
        if step is not None:
            schema = schema[step]
            place += f"/{step}"
    return place, schema


def _absolute(name: str, ref: str) -> str:
    """A reference found in the schema `name`, made relative to `schemas/`."""
    target, _, pointer = ref.partition("#")
    if target.startswith("../"):
        target = target.removeprefix("../")
    elif target:
        target = (Path(name).parent / target).as_posix()
    return f"{target or name}#{pointer}"


def property_ref(ref: str, name: str) -> str:
    """The reference of a property of the schema at `ref`."""
    return f"{ref if '#' in ref else ref + '#'}/properties/{name}"
