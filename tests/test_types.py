"""The typed dictionaries are those of the schemas: every key, every list of words, every type."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import typing
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NotRequired, get_args, get_origin, get_type_hints, is_typeddict

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_reinfer import contract, types

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SCHEMAS = ROOT / "schemas"
OBJECTS = sorted(path.stem for path in (SCHEMAS / "objects").glob("*.json") if path.stem != "common")
PARTS = {
    "CreateDatasetRequest": ("create_dataset", "body"),
    "UpdateDatasetRequest": ("update_dataset", "body"),
    "CreateSourceRequest": ("create_source", "body"),
    "UpdateSourceRequest": ("update_source", "body"),
    "ExportRequest": ("export_dataset", "body"),
    "ExportPage": ("export_dataset", "response"),
    "SyncRequest": ("sync_comments", "body"),
    "UpdateLabellingRequest": ("update_labelling", "body"),
    "SyncRawEmailsRequest": ("sync_raw_emails", "body"),
    "CreateCommentsRequest": ("create_comments", "body"),
    "CommentPage": ("list_comments", "response"),
}
PYTHON = {"string": str, "integer": int, "number": float, "boolean": bool, "null": type(None)}


@cache
def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def resolved(file: Path, schema: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
    """A schema with what it refers to; what stands beside a reference wins."""
    while "$ref" in schema:
        target, _, pointer = schema["$ref"].partition("#")
        file = (file.parent / target).resolve() if target else file
        found = load(file)
        for step in pointer.split("/")[1:]:
            found = found[step]
        schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
    return file, schema


def named(object_name: str) -> str:
    return object_name.replace("_", " ").title().replace(" ", "")


def tops() -> Iterator[tuple[str, Path, dict[str, Any], list[Any]]]:
    """What has a class by the name of its file or its part of a route, with its examples."""
    for name in OBJECTS:
        file = SCHEMAS / "objects" / f"{name}.json"
        yield named(name), file, load(file), load(file)["examples"]
    for name, (route, part) in PARTS.items():
        file = SCHEMAS / "routes" / f"{route}.json"
        yield name, file, load(file)["properties"][part], [example[part] for example in load(file)["examples"]]


def without_mark(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is NotRequired else hint


def walk(where: str, hint: Any, file: Path, schema: dict[str, Any]) -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Every type with the schema that it stands for, a type beside a schema all the way down."""
    file, schema = resolved(file, schema)
    yield where, hint, schema
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        for key, inner in schema.get("properties", {}).items():
            yield from walk(f"{where}.{key}", hints.get(key), file, inner)
    elif "items" in schema:
        yield from walk(f"{where}[]", get_args(hint)[0], file, schema["items"])


PLACES = [place for name, file, schema, _ in tops() for place in walk(name, getattr(types, name, None), file, schema)]
CLASSES = [value for name, value in vars(types).items() if is_typeddict(value) and not name.startswith("_")]

each_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def has_keys(schema: dict[str, Any]) -> bool:
    return bool(schema.get("properties") or schema.get("required"))


def test_the_file_is_what_the_script_makes() -> None:
    spec = importlib.util.spec_from_file_location("make_types", ROOT / "docs" / "make_types.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = (ROOT / "pytest_reinfer" / "types.py").read_text(encoding="utf-8")
    assert module.types() == text, "run: python docs/make_types.py"


@pytest.mark.parametrize("name", [*map(named, OBJECTS), *PARTS])
def test_every_object_has_a_type(name: str) -> None:
    assert is_typeddict(getattr(types, name)) or name == "UserProperties"


def test_every_class_stands_for_a_schema() -> None:
    assert {hint for _, hint, _ in PLACES if is_typeddict(hint)} == set(CLASSES)


@each_class
def test_a_class_says_what_it_is(cls: type) -> None:
    assert (cls.__doc__ or "").rstrip().endswith(".")
    assert get_type_hints(cls)


def test_every_object_with_keys_is_a_class() -> None:
    assert {where for where, _, schema in PLACES if has_keys(schema)} == {
        where for where, hint, _ in PLACES if is_typeddict(hint)
    }


def test_the_keys_are_those_of_the_schema() -> None:
    for where, hint, schema in PLACES:
        if has_keys(schema):
            required = set(schema.get("required", []))
            assert hint.__required_keys__ == required, where
            assert hint.__optional_keys__ == set(schema.get("properties", {})) - required, where


def test_a_value_from_a_list_of_words_is_one_of_them() -> None:
    seen = 0
    for where, hint, schema in PLACES:
        words = tuple(schema.get("enum", [schema["const"]] if "const" in schema else []))
        assert (get_origin(hint) is Literal) == bool(words), where
        assert not words or get_args(hint) == words, where
        seen += bool(words)
    assert seen > 20


def test_a_value_has_the_type_of_the_schema() -> None:
    for where, hint, schema in PLACES:
        kinds = schema.get("type")
        if has_keys(schema) or get_origin(hint) is Literal:
            continue
        if kinds is None:
            assert hint is Any, where
        elif isinstance(kinds, list):
            assert set(get_args(hint)) == {PYTHON[kind] for kind in kinds}, where
        elif kinds == "array":
            assert get_origin(hint) is list, where
            assert "items" in schema or get_args(hint) == (Any,), where
        elif "patternProperties" in schema:
            kinds = {inner["type"] for inner in schema["patternProperties"].values()}
            values = {"object": Any, "string": str}.get("".join(kinds), str | float)
            assert hint == dict[str, values], where  # type: ignore[valid-type] # it is made here
        elif kinds == "object":
            assert hint == dict[str, Any], where
        else:
            assert hint is PYTHON[kinds], where


def fits(value: Any, hint: Any, *, closed: bool) -> bool:
    """Whether a value has a type, as a checker of types would say; `closed` where no key may stand beside the known."""
    arguments = get_args(hint)
    if hint is Any:
        return True
    if is_typeddict(hint):
        hints = get_type_hints(hint)
        known = hint.__required_keys__ <= set(value) and (not closed or set(value) <= set(hints))
        return known and all(fits(value[key], hints[key], closed=closed) for key in set(value) & set(hints))
    if get_origin(hint) is Literal:
        return value in arguments
    if get_origin(hint) is list:
        return isinstance(value, list) and all(fits(each, arguments[0], closed=closed) for each in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(fits(each, arguments[1], closed=closed) for each in value.values())
    plain = arguments or (hint,)  # of a union its members, which are all plain
    return isinstance(value, (*plain, int) if float in plain else plain)


@pytest.mark.parametrize("name", [name for name, *_ in tops()])
def test_an_example_of_the_schema_has_the_type(name: str) -> None:
    schema, examples = next((schema, examples) for top, _, schema, examples in tops() if top == name)
    assert examples
    for example in examples:
        assert fits(example, getattr(types, name), closed=schema.get("additionalProperties") is False)


def test_a_value_of_another_type_does_not_fit() -> None:
    message = {"body": {"text": "Good morning"}, "from": "bob@organisation.org"}
    assert fits(message, types.Message, closed=True)
    assert not fits(message | {"from": 1}, types.Message, closed=True)
    assert not fits(message | {"form": ""}, types.Message, closed=True)
    assert not fits({"from": ""}, types.Message, closed=True)


# ------------------------------------------------------------------------------------------- in front of Hypothesis


def program(text: str) -> str:
    return subprocess.run([sys.executable, "-c", text], check=True, capture_output=True, text=True, timeout=60).stdout  # noqa: S603


def test_the_types_cost_a_program_no_library() -> None:
    heavy = {"hypothesis", "pytest", "jsonschema", "jsonschema_rs", "requests", "responses", "faker", "json"}
    loaded = program("import sys, pytest_reinfer.types; print(*sys.modules)").split()
    assert heavy & set(loaded) == set()
    assert {name for name in loaded if name.startswith("pytest_reinfer")} == {"pytest_reinfer", "pytest_reinfer.types"}


@pytest.mark.parametrize(
    ("imports", "ours"),
    [
        ("hypothesis", {"pytest_reinfer", "pytest_reinfer.for_hypothesis"}),
        (
            "hypothesis, pytest_reinfer.types",
            {"pytest_reinfer", "pytest_reinfer.for_hypothesis", "pytest_reinfer.types"},
        ),
    ],
)
def test_hypothesis_loads_nothing_of_ours_but_what_it_calls_and_what_a_program_asks_for(
    imports: str, ours: set[str]
) -> None:
    loaded = program(f"import sys, {imports}; print(*sys.modules)").split()
    assert {name for name in loaded if name.startswith("pytest_reinfer")} == ours


@pytest.mark.parametrize("imports", ["hypothesis, pytest_reinfer.types", "pytest_reinfer.types, hypothesis"])
def test_the_types_are_known_to_hypothesis_whichever_is_imported_first(imports: str) -> None:
    text = f"""
import sys, {imports}
hypothesis.strategies.from_type(pytest_reinfer.types.Dataset).validate()
print("pytest_reinfer.strategies" in sys.modules)"""
    assert program(text).strip() == "True"


@pytest.mark.parametrize("asked", [Mapping[str, int], typing.Mapping[str, int], typing.MutableMapping[str, int]])
def test_the_types_leave_other_dictionaries_alone(asked: Any) -> None:
    @settings(max_examples=30, database=None)
    @given(st.from_type(asked))
    def holds_numbers(value: Mapping[str, int]) -> None:
        assert all(isinstance(each, int) for each in value.values())

    holds_numbers()


def schema_of(cls: type) -> str | None:
    """The schema that a class with a file or a part of a route to itself stands for."""
    files = {named(name): f"objects/{name}.json" for name in OBJECTS}
    parts = {name: f"routes/{route}.json#/properties/{part}" for name, (route, part) in PARTS.items()}
    return (files | parts).get(cls.__name__)


@each_class
def test_a_registered_class_is_drawn_by_the_contract(cls: type) -> None:
    @settings(max_examples=30, database=None, deadline=None)
    @given(st.from_type(cls))
    def is_valid(value: Any) -> None:
        ref = schema_of(cls)
        assert fits(value, cls, closed=False)
        assert ref is None or contract.valid(ref, value)

    is_valid()
