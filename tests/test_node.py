"""Clients in another language: Node, by the samples of the vendor's pages and by its own fetch."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from serving import Served, as_published, documented, needs, run, serve, submit
from test_documented_samples import assert_holds, shape
from test_documented_samples import documented as documented_answer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Sample = Callable[[str], Any]

SAMPLES = Path(__file__).parent / "node"
NOT_FOUND = {"message": "404 Not Found", "status": "error"}


@pytest.fixture
def node() -> str:
    return needs("node")


@pytest.fixture
def served(node: str, tmp_path: Path) -> Iterator[Served]:
    with documented(tmp_path) as served:
        yield served


@pytest.fixture
def sample(node: str, served: Served) -> Sample:
    """What a documented sample prints, run as published but for the endpoint and the project that it leaves open."""

    def sample(name: str) -> Any:
        text = as_published((SAMPLES / f"{name}.js").read_text(encoding="utf-8"), served)
        ended = run(node, "-", given=text, NODE_PATH=str(SAMPLES), REINFER_TOKEN=served.token)
        assert (ended.returncode, ended.stderr) == (0, "")
        printed = json.loads(ended.stdout)
        return json.loads(printed) if isinstance(printed, str) else printed  # without `json: true` it is the text

    return sample


def test_the_documented_samples_run_one_after_another(sample: Sample) -> None:
    assert_holds(sample("list_datasets"), documented_answer("list_datasets"))
    answer = sample("get_dataset")
    assert_holds(answer, documented_answer("get_dataset"))
    assert answer["dataset"]["title"] == "An Example Dataset"
    answer = sample("export_dataset")
    assert shape(answer["comments"][0]["annotations"]) == {
        "labels": {"assigned": [{"name": "str", "sentiment": "str"}]}
    }
    assert len(answer["comments"]) == 1
    assert answer["continuation"]
    answer = sample("update_dataset")
    assert_holds(answer, documented_answer("update_dataset"))
    assert answer["dataset"]["title"] == "An Alternative Title"
    assert sample("create_dataset")["status"] == "error"  # there is one of this name
    assert sample("delete_dataset") == {"status": "ok"}
    answer = sample("create_dataset")
    assert_holds(answer, documented_answer("create_dataset"))
    assert answer["dataset"]["source_ids"] == ["18ba5ce699f8da1f"]


def test_the_samples_of_what_is_not_there_are_404(sample: Sample) -> None:
    assert sample("unknown_page") == NOT_FOUND
    assert sample("get_model_tags") == NOT_FOUND  # the guide leaves out the dataset in this one


def walk(node: str, environment: dict[str, str]) -> Any:
    ended = run(node, SAMPLES / "walk.mjs", "acme/support", "acme/support", **environment)
    assert (ended.returncode, ended.stderr) == (0, "")
    return json.loads(ended.stdout)


def test_a_program_by_fetch_uploads_and_exports_every_comment(node: str) -> None:
    with serve("--comments", "90") as served:
        walked = walk(node, served.environment)
    assert len(set(walked["uids"])) == len(walked["uids"]) == 91
    assert walked["uids"][-1].endswith(".from-node")
    assert walked["last"] == "Grüße aus Node 👋"


def test_a_program_by_fetch_is_refused_with_a_wrong_token(node: str, served: Served) -> None:
    environment = {**served.environment, "REINFER_TOKEN": "of-another-tenant"}
    assert walk(node, environment) == {"error": "401: 401 Unauthorized"}


def test_a_program_by_fetch_meets_a_connection_that_breaks(node: str, served: Served) -> None:
    assert submit(served, "faults", what="connection_reset", times="1") == 303
    assert walk(node, served.environment)["error"] in ("ECONNRESET", "UND_ERR_SOCKET")


def test_the_example_of_the_docs_runs_as_it_stands(node: str, served: Served) -> None:
    page = (Path(__file__).parent.parent / "docs" / "serve.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"^```js\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    ended = run(node, "--input-type=module", "-", given=example, **served.environment)
    assert (ended.stdout, ended.stderr) == ("[ 'example' ]\n", "")
