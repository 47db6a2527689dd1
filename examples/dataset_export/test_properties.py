"""What holds for every tenant: the export program against tenants, answers and failures that Hypothesis draws."""

from __future__ import annotations

import csv
import io
import json
import os
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NamedTuple

import responses
from hypothesis import given, settings
from hypothesis import strategies as st

import dataset_export
from pytest_reinfer import strategies

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer import FakeTenant

PAGE = 4
TENANTS = strategies.tenants(limit=PAGE)
WITH_ONE_DATASET = strategies.tenants(limit=PAGE, min_datasets=1, max_datasets=1)
unhurried = settings(deadline=None)  # a busy machine takes long over a whole export, at times


class Outcome(NamedTuple):
    """What a run of the program left."""

    code: int
    said: str


def run(*argv: object) -> Outcome:
    """Run the program. There are no fixtures here: they last for a test, and a test has a hundred tenants."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        code = dataset_export.main([str(each) for each in argv], backoff=0)
    assert os.environ["REINFER_TOKEN"] not in said.getvalue()
    return Outcome(code, said.getvalue())


def export(dataset: str, form: str = "jsonl", limit: int = PAGE) -> bytes:
    """Export a dataset as a whole."""
    with TemporaryDirectory() as folder:
        output = Path(folder, "out")
        assert run("export", dataset, "--format", form, "--limit", limit, "--output", output).code == 0
        return output.read_bytes()


def entries(exported: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in exported.split(b"\n") if line]


def only(tenant: FakeTenant) -> tuple[str, str]:
    """The one dataset that a tenant has, and where it is exported."""
    [dataset] = tenant.datasets
    return dataset.full_name, f"{tenant.url}/api/v1/datasets/{dataset.full_name}/export"


def on_call(number: int) -> Callable[[object], tuple[bool, str]]:
    """Let a stub match that call alone."""
    calls = iter(range(number + 1))
    return lambda _: (next(calls, None) == number, "another call")


@unhurried
@given(TENANTS)
def test_an_export_holds_every_comment_once_and_in_order(tenant: FakeTenant) -> None:
    for dataset in tenant.datasets:
        assert entries(export(dataset.full_name)) == tenant.exported(dataset)


@unhurried
@given(TENANTS, st.integers(1, 256))
def test_the_size_of_the_pages_changes_nothing(tenant: FakeTenant, limit: int) -> None:
    for dataset in tenant.datasets:
        assert entries(export(dataset.full_name, limit=limit)) == tenant.exported(dataset)


@unhurried
@given(TENANTS)
def test_the_csv_reads_back_and_no_cell_is_a_formula(tenant: FakeTenant) -> None:
    for dataset in tenant.datasets:
        told = export(dataset.full_name, form="csv").decode()
        before = csv.field_size_limit(len(told) + 1)  # texts of a comment may be longer than what is usual in a cell
        try:
            header, *rows = csv.reader(io.StringIO(told, newline=""))
        finally:
            csv.field_size_limit(before)
        comments = [entry["comment"] for entry in tenant.exported(dataset)]

        assert tuple(header) == dataset_export.COLUMNS
        texts = ["\n\n".join(message["body"]["text"] for message in each["messages"]) for each in comments]
        assert [row[6].removeprefix("'") for row in rows] == [text.removeprefix("'") for text in texts]
        ids = [(source_id, comment_id.removeprefix("'")) for source_id, comment_id, *_ in rows]
        assert ids == [(each["source_id"], each["id"].removeprefix("'")) for each in comments]
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@unhurried
@given(WITH_ONE_DATASET, st.integers(0, 3), st.sampled_from(["jsonl", "csv"]))
def test_an_export_that_is_resumed_writes_the_same_bytes(tenant: FakeTenant, page: int, form: str) -> None:
    dataset, url = only(tenant)
    undisturbed = export(dataset, form)
    with TemporaryDirectory() as folder, responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.post(url, status=500, match=[on_call(page)])
        command = ["export", dataset, "--format", form, "--limit", PAGE, "--output", Path(folder, "out")]
        if run(*command).code == 1:  # the export has that page
            assert run(*command, *["--resume"] * (page > 0)).code == 0
        assert Path(folder, "out").read_bytes() == undisturbed


@given(WITH_ONE_DATASET, strategies.errors())
def test_a_failure_is_told_in_one_message(tenant: FakeTenant, error: strategies.ErrorResponse) -> None:
    dataset, url = only(tenant)
    with TemporaryDirectory() as folder, responses.RequestsMock() as mock:
        mock.post(url, error.body, status=error.status, headers=error.headers)
        code, said = run("export", dataset, "--format", "csv", "--output", Path(folder, "out"))
        assert code == 1
        assert said.startswith(f"dataset_export: POST {url} was answered: ")
        assert said.count("dataset_export: ") == 1
        assert "Traceback" not in said
        assert not list(Path(folder).iterdir())


@given(WITH_ONE_DATASET, strategies.export_pages(last=True))
def test_an_answer_is_written_whole_whatever_it_says(tenant: FakeTenant, page: Any) -> None:
    dataset, url = only(tenant)
    with responses.RequestsMock() as mock:
        mock.post(url, json=page)
        assert entries(export(dataset)) == page["comments"]


@given(TENANTS)
def test_every_dataset_is_listed_once(tenant: FakeTenant) -> None:
    code, said = run("list")
    assert code == 0
    assert [line.split("\t")[0] for line in said.splitlines()] == sorted(each.full_name for each in tenant.datasets)
