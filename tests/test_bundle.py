"""Schemas and the OpenAPI document for other languages: each in one piece, printed and written by commands."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from pytest_reinfer import bundle, command, contract, openapi

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITTEN = sorted(name for name, file in bundle.names().items() if file.startswith(("objects/", "routes/")))
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
    with pytest.raises(ValueError, match=r"there is no schema 'datasets'. The nearest: dataset,"):
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


@pytest.mark.parametrize(
    "held",
    [
        "notes of mine",
        '{"name": "package"}',
        "[]",
        '{"openapi":"3.1.0","info":{"title":"Payments","version":"1"},"paths":{}}',
        '{"$schema":"https://json-schema.org/draft/2020-12/schema","title":"my own"}',
    ],
)
def test_what_is_no_document_is_not_replaced(tmp_path: Path, held: str, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "package.json"
    file.write_text(held, encoding="utf-8")
    assert command.main(["openapi", "--output", str(file)]) == 2
    assert file.read_text(encoding="utf-8") == held
    assert "package.json was not written by pytest-reinfer: it is not replaced" in capsys.readouterr().err
    (tmp_path / "dataset.json").write_text(held, encoding="utf-8")
    assert command.main(["schemas", "dataset", "--output", str(tmp_path)]) == 2
    assert (tmp_path / "dataset.json").read_text(encoding="utf-8") == held


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
    assert sorted(line.split()[0] for line in lines) == WRITTEN
    assert all(len(line.split(maxsplit=1)) == 2 for line in lines)


def test_a_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["schemas", "dataset"]) == 0
    assert json.loads(capsys.readouterr().out) == bundle.bundled("dataset")


def test_schemas_are_written_those_that_are_named_or_all(tmp_path: Path) -> None:
    assert command.main(["schemas", "dataset", "export_dataset", "--output", str(tmp_path)]) == 0
    assert {each.name for each in tmp_path.iterdir()} == {"dataset.json", "export_dataset.json"}
    assert command.main(["schemas", "--output", str(tmp_path)]) == 0
    for name in WRITTEN:
        assert json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8")) == bundle.bundled(name)
    assert len([*tmp_path.iterdir()]) == len(WRITTEN)


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["datasets"], "there is no schema 'datasets'"),
        (["dataset", "datasets"], "there is no schema 'datasets'"),
        (["dataset", "source"], "by --output"),
        (["dataset", "--output", ""], "--output"),
    ],
)
def test_what_cannot_be_printed_is_told_in_one_line(
    names: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(["schemas", *names]) == 2
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


@pytest.mark.parametrize(
    "url", ["", "foo", "http://", "javascript:x", "http://h/p?q=1", "http://h#f", "http://user:secret@h", "ftp://h"]
)
def test_a_url_that_no_tenant_can_have_is_refused(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert ended(["openapi", "--url", url]) == 2
    told = capsys.readouterr()
    assert ("--url" in told.err, "secret" in told.err, told.out) == (True, False, "")


def test_a_url_is_named_as_a_tenant_has_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["openapi", "--url", "http://h/p/"]) == 0
    assert json.loads(capsys.readouterr().out)["servers"] == [{"url": "http://h/p"}]


# ------------------------------------------------------------------------------------------------ where reports go


def ended(arguments: list[str]) -> object:
    """The exit code, also where it is the reader of the arguments that ends."""
    try:
        return command.main(arguments)
    except SystemExit as end:
        return end.code


def recording(folder: Path) -> str:
    """An empty recording, of which there is a report nevertheless."""
    (folder / "recording.jsonl").write_text("{}\n", encoding="utf-8")
    return str(folder / "recording.jsonl")


def written(name: str, output: Path | str, folder: Path) -> None:
    """Have a command write its report there."""
    told = {
        "openapi": ["openapi"],
        "evidence": ["evidence", "label"],
        "check": ["check", recording(folder), "--format", "json"],
    }
    ended([*told[name], "--output", str(output)])


each_command = pytest.mark.parametrize("name", ["openapi", "evidence", "check"])
on_unix = pytest.mark.skipif(os.name == "nt", reason="there are no such files")


@on_unix
@each_command
def test_a_pipe_is_written_to_and_stays_one(name: str, tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", list[bytes]()
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: read.append(pipe.read_bytes()), daemon=True)
    reader.start()
    written(name, pipe, tmp_path)
    reader.join(timeout=30)
    assert pipe.is_fifo()
    assert read[0].endswith(b"\n")


@on_unix
@each_command
def test_a_link_is_followed_and_a_file_keeps_its_mode(name: str, tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.touch()
    target.chmod(0o640)
    link.symlink_to(target)
    written(name, link, tmp_path)
    assert (link.is_symlink(), target.stat().st_size > 0, target.stat().st_mode & 0o777) == (True, True, 0o640)


@on_unix
@each_command
def test_a_new_file_has_the_usual_mode(name: str, tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    written(name, tmp_path / "made" / "new", tmp_path)
    assert (tmp_path / "made" / "new").stat().st_mode == (tmp_path / "usual").stat().st_mode


@each_command
def test_a_dash_is_the_standard_output(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recording(tmp_path)
    monkeypatch.chdir(tmp_path)
    written(name, "-", tmp_path)
    assert capsys.readouterr().out
    assert [each.name for each in tmp_path.iterdir()] == ["recording.jsonl"]


@each_command
def test_an_output_without_a_name_is_refused(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    written(name, "", tmp_path)
    assert "--output" in capsys.readouterr().err


@on_unix
@pytest.mark.parametrize("arguments", [["schemas"], ["openapi"], ["evidence"]])
def test_a_reader_that_goes_away_is_no_failure_to_tell_of(arguments: list[str]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    line = [sys.executable, "-W", "error", "-m", "pytest_reinfer", *arguments]
    done = subprocess.run(line, stdout=writing, stderr=subprocess.PIPE, check=False, timeout=60)  # noqa: S603 -- our own
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


# ------------------------------------------------------------------------------------------------------- the docs


def keywords(node: Any) -> Iterator[str]:
    """The keywords of our own in a schema and all that it holds."""
    if isinstance(node, dict):
        yield from (key for key in node if key.startswith("x-"))
        for several in bundle.MAPS:
            for each in node.get(several, {}).values():
                yield from keywords(each)
        for one in bundle.SINGLE:
            yield from keywords(node.get(one))


def test_the_docs_name_every_keyword_of_our_own() -> None:
    text = (Path(__file__).parent.parent / "docs" / "contract-checks.md").read_text(encoding="utf-8")
    listed = text.partition("addVocabulary([")[2].partition("])")[0]
    assert sorted(json.loads(f"[{listed}]")) == sorted(
        {each for name in WRITTEN for each in keywords(bundle.bundled(name))}
    )
