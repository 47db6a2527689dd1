"""Schemas and the OpenAPI document for other languages: each in one piece, printed and written by commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from pytest_reinfer import bundle, command, contract, openapi

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

each_name = pytest.mark.parametrize("name", sorted(bundle.names()))


def references(node: Any) -> Iterator[str]:
    """Every reference in a schema; that is, every text below that key."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for each in node.values():
            yield from references(each)
    elif isinstance(node, list):
        for each in node:
            yield from references(each)


@each_name
def test_a_schema_in_one_piece_refers_to_nothing_outside_itself(name: str) -> None:
    schema = bundle.bundled(name)
    jsonschema_rs.meta.validate(schema)
    for ref in references(schema):
        found = schema
        for step in ref.removeprefix("#").split("/")[1:]:
            found = found[step]
        assert ref.startswith("#")


@each_name
def test_a_schema_in_one_piece_holds_no_more_than_it_refers_to(name: str) -> None:
    schema = bundle.bundled(name)
    own = contract.documents()[bundle.names()[name]].get("$defs", {})
    named = {ref.split("/")[2] for ref in references(schema) if ref.startswith("#/$defs/")}
    assert schema.get("$defs", {}).keys() == named | own.keys()


@each_name
def test_a_schema_in_one_piece_allows_its_examples_and_no_lack_of_what_is_required(name: str) -> None:
    schema = bundle.bundled(name)
    allows = jsonschema_rs.Draft202012Validator(schema)
    for example in schema.get("examples", ()):
        assert allows.is_valid(example)
        for key in schema.get("required", ()):
            assert not allows.is_valid({other: value for other, value in example.items() if other != key})


def test_what_lies_deep_in_a_schema_in_one_piece_is_judged_as_well() -> None:
    allows = jsonschema_rs.Draft202012Validator(bundle.bundled("export_dataset"))
    (example,) = contract.documents()["routes/export_dataset.json"]["examples"]
    assert allows.is_valid(example)
    example = json.loads(json.dumps(example))
    example["response"]["comments"][0]["comment"]["uid"] = "no uid"
    assert not allows.is_valid(example)


def test_a_schema_in_one_piece_may_be_changed() -> None:
    bundle.bundled("dataset")["properties"].clear()
    assert bundle.bundled("dataset")["properties"]


def test_a_name_that_no_schema_bears_is_told_with_those_that_there_are() -> None:
    with pytest.raises(ValueError, match=r"there is no schema 'datasets'; there are: .*dataset"):
        bundle.bundled("datasets")


# --------------------------------------------------------------------------------------------------- the commands


def test_the_document_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["openapi", "--url", "http://127.0.0.1:8765"]) == 0
    assert json.loads(capsys.readouterr().out) == openapi.document("http://127.0.0.1:8765")


def test_the_document_is_the_same_in_every_process() -> None:
    def printed(seed: str) -> bytes:
        line = [sys.executable, "-W", "error", "-m", "pytest_reinfer", "openapi"]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        return subprocess.run(line, capture_output=True, check=True, timeout=60, env=environment).stdout  # noqa: S603 -- our own

    assert printed("1") == printed("2")


def test_the_document_is_written_and_written_again(tmp_path: Path) -> None:
    file = tmp_path / "made" / "openapi.json"
    for url in ("http://127.0.0.1:1", "http://127.0.0.1:2"):
        assert command.main(["openapi", "--url", url, "--output", str(file)]) == 0
        assert json.loads(file.read_text(encoding="utf-8")) == openapi.document(url)
    assert [each.name for each in file.parent.iterdir()] == [file.name]


@pytest.mark.parametrize("held", ["notes of mine", '{"name": "package"}', "[]"])
def test_what_is_no_document_is_not_replaced(tmp_path: Path, held: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "package.json"
    file.write_text(held, encoding="utf-8")
    assert command.main(["openapi", "--output", str(file)]) == 2
    assert file.read_text(encoding="utf-8") == held
    assert "package.json is no schema and no OpenAPI document: it is not replaced" in capsys.readouterr().err


def test_an_empty_file_is_replaced(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    file.touch()
    assert command.main(["openapi", "--output", str(file)]) == 0
    assert json.loads(file.read_text(encoding="utf-8")) == openapi.document()


def test_a_folder_that_cannot_be_made_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    assert command.main(["schemas", "--output", str(tmp_path / "file")]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def test_the_schemas_are_listed_each_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["schemas"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert sorted(line.split()[0] for line in lines) == sorted(bundle.names())
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def test_a_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["schemas", "dataset"]) == 0
    assert json.loads(capsys.readouterr().out) == bundle.bundled("dataset")


def test_schemas_are_written_those_that_are_named_or_all(tmp_path: Path) -> None:
    assert command.main(["schemas", "dataset", "export_dataset", "--output", str(tmp_path)]) == 0
    assert {each.name for each in tmp_path.iterdir()} == {"dataset.json", "export_dataset.json"}
    assert command.main(["schemas", "--output", str(tmp_path)]) == 0
    for name in bundle.names():
        assert json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) == bundle.bundled(name)
    assert len([*tmp_path.iterdir()]) == len(bundle.names())


@pytest.mark.parametrize(
    ("names", "words"), [(["datasets"], "there is no schema 'datasets'"), (["dataset", "source"], "by --output")]
)
def test_what_cannot_be_printed_is_told_in_one_line(
    names: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["schemas", *names]) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert (told.out, told.err.count("\n")) == ("", 1)


def test_of_several_schemas_all_are_written_or_none(tmp_path: Path) -> None:
    assert command.main(["schemas", "dataset", "datasets", "--output", str(tmp_path)]) == 2
    (tmp_path / "source.json").write_text("mine", encoding="utf-8")
    assert command.main(["schemas", "dataset", "source", "--output", str(tmp_path)]) == 2
    (tmp_path / "source.json").unlink()
    (tmp_path / "source.json").mkdir()
    assert command.main(["schemas", "dataset", "source", "--output", str(tmp_path)]) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["source.json"]
