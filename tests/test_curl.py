"""The samples for curl of the vendor's pages, run by a shell as they stand but for endpoint and project."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served, as_published, documented, needs, run
from test_documented_samples import assert_holds
from test_documented_samples import documented as documented_answer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = '-H "Authorization: Bearer $REINFER_TOKEN"'
JSON = '-H "Content-Type: application/json"'
DATASETS = "'https://<my_api_endpoint>/api/v1/datasets"
LIST = f"curl -X GET {DATASETS}' {TOKEN}"
GET = f"curl -X GET {DATASETS}/<project>/example' {TOKEN}"
TAGS = f"curl -X GET {DATASETS}/<project>/model-tags' {TOKEN}"
UPDATE = f"""curl -X POST {DATASETS}/<project>/example' {TOKEN} {JSON} \\
  -d '{{ "dataset": {{ "title": "An Alternative Title" }} }}'"""
EXPORT = f"""curl -X POST {DATASETS}/<project>/example/export' {TOKEN} {JSON} -d '{{ "limit": 1 }}'"""
DELETE = f"curl -X DELETE {DATASETS}/<project>/example' {TOKEN}"
CREATE = f"""curl -X PUT {DATASETS}/<project>/example' {TOKEN} {JSON} \\
  -d '{{ "dataset": {{ "description": "An optional long form description.", "model_family": "english",
        "source_ids": [ "18ba5ce699f8da1f" ], "title": "An Example Dataset" }} }}'"""
UNKNOWN = f"curl -X GET 'https://<my_api_endpoint>/api/v1/nonexistent_page' {TOKEN}"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    needs("curl")
    with documented(tmp_path) as served:
        yield served


def answered(served: Served, sample: str) -> Any:
    ended = run("sh", "-e", given=as_published(sample, served), **served.environment)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_the_documented_samples_run_one_after_another(served: Served) -> None:
    assert_holds(answered(served, LIST), documented_answer("list_datasets"))
    assert_holds(answered(served, GET), documented_answer("get_dataset"))
    assert len(answered(served, EXPORT)["comments"]) == 1
    assert answered(served, UPDATE)["dataset"]["title"] == "An Alternative Title"
    assert answered(served, CREATE)["status"] == "error"  # there is one of this name
    assert answered(served, DELETE) == {"status": "ok"}
    assert_holds(answered(served, CREATE), documented_answer("create_dataset"))


def test_the_samples_of_what_is_not_there_are_404(served: Served) -> None:
    for sample in (UNKNOWN, TAGS):  # the guide leaves out the dataset in the second
        assert answered(served, sample) == {"message": "404 Not Found", "status": "error"}
