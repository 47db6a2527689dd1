"""`pytest-reinfer evidence`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from pytest_reinfer import contract, evidence
from pytest_reinfer.command import main

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")


def test_it_prints_the_rules_of_a_route_with_kind_and_source(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "export_dataset"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert lines[:3] == [
        "export_dataset",
        "  documented  route POST /api/v1/datasets/{project}/{dataset_name}/export",
        "              - Developer Guide, Datasets (December 2024)",
    ]
    assert "  assumed     $.body.limit: minimum 1" in lines
    assert "label" not in lines


def test_it_is_readable_in_eighty_columns_and_ends_in_how_many_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence"]) == 0
    lines = capsys.readouterr().out.split("\n")
    assert max(map(len, lines)) <= 80
    counted = {
        kind: sum(rule.kind == kind for rule in evidence.rules()) for kind in contract.convention("x-evidence-kinds")
    }
    told = ", ".join(f"{count} {kind}" for kind, count in counted.items())
    assert lines[-2:] == [f"{len(evidence.rules())} rules: {told}", ""]


def test_it_prints_rules_of_some_kinds_and_names_alone_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "list_*", "dataset", "--kind", "client", "--kind", "swagger", "--format", "json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {rule["kind"] for rule in told["rules"]} == {"client", "swagger"}
    assert {"list_users", "dataset"} <= {rule["about"] for rule in told["rules"]}
    assert sum(told["kinds"].values()) == len(told["rules"])
    assert list(told["rules"][0]) == ["about", "place", "rule", "says", "kind", "source"]


def test_it_writes_markdown_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rules.md"
    assert main(["evidence", "label", "export_dataset", "--format", "markdown", "--output", str(file)]) == 0
    assert capsys.readouterr().out == ""
    lines = file.read_text(encoding="utf-8").split("\n")
    assert lines[:4] == ["## `label`", "", "| rule | evidence |", "|---|---|"]
    assert "| `$.body.limit: maximum 256` | documented: Developer Guide, Datasets (December 2024) |" in lines
    assert all(line.replace("\\|", "").count("|") in (0, 3) for line in lines)


def test_no_rules_of_a_kind_are_told_as_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "new_bucket", "--kind", "sample"]) == 0
    assert capsys.readouterr().out == "No rules.\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["exprt_dataset"], "Nothing is called 'exprt_dataset'. The nearest routes and objects: export_dataset,"),
        (["--kind", "docs"], "'docs' is no kind of evidence. There are"),
    ],
)
def test_what_there_is_not_is_told_in_one_line(
    arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evidence", *arguments]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"pytest-reinfer evidence: {told}")
    assert said.err.count("\n") == 1


def test_a_file_that_cannot_be_written_is_told_in_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evidence", "label", "--output", str(tmp_path)]) == 1
    assert capsys.readouterr().err.count("\n") == 1
