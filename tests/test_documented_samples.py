"""The samples of the vendor's developer guide, run as they stand but for endpoint and token."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer import contract

if TYPE_CHECKING:
    from pytest_reinfer import FakeTenant

FRAME = """
import json
import os
import requests
response = requests.{method}(
    "https://<my_api_endpoint>{path}",
    headers={{"Authorization": "Bearer " + os.environ["REINFER_TOKEN"]}},
    {body}
)
print(json.dumps(response.json(), indent=2, sort_keys=True))
"""
CREATE = """json={
        "dataset": {
            "title": "An Example Dataset",
            "description": "An optional long form description.",
            "source_ids": ["18ba5ce699f8da1f"],
            "model_family": "english",
        }
    },"""


def run(tenant: FakeTenant, method: str, path: str, body: str = "") -> Any:
    sample = FRAME.format(method=method, path=path.replace("acme", "<project>"), body=body)
    ours = sample.replace("https://<my_api_endpoint>", tenant.url).replace("<project>", "acme")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(ours, "sample", "exec"), {})  # noqa: S102 -- the sample above
    return json.loads(printed.getvalue())


def shape(value: Any) -> Any:
    """The keys of an answer at every depth; of a list, those of its first item."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in value.items()}
    return [shape(value[0])] if isinstance(value, list) and value else type(value).__name__


def assert_holds(answer: Any, documented: Any, where: str = "$") -> None:
    """Every documented key is in the answer, with a value of its kind."""
    if isinstance(documented, dict):
        for key, value in documented.items():
            assert key in answer, f"{where}.{key}"
            assert_holds(answer[key], value, f"{where}.{key}")
    elif isinstance(documented, list) and documented:
        assert answer, where
        assert_holds(answer[0], documented[0], f"{where}[0]")
    else:
        assert answer == documented or type(answer).__name__ == documented, where


def documented(route: str) -> Any:
    return shape(contract.documents()[f"routes/{route}.json"]["examples"][0]["response"])


@pytest.fixture
def tenant(reinfer: FakeTenant) -> FakeTenant:
    """A tenant in which the ids of the samples mean something."""
    source = reinfer.add_source("acme/mail", comments=3)
    reinfer.add_dataset("acme/example", title="An Example Dataset", sources=[source])
    return reinfer


def test_list_datasets(tenant: FakeTenant) -> None:
    assert_holds(run(tenant, "get", "/api/v1/datasets"), documented("list_datasets"))


def test_get_dataset(tenant: FakeTenant) -> None:
    answer = run(tenant, "get", "/api/v1/datasets/acme/example")
    assert_holds(answer, documented("get_dataset"))
    assert answer["dataset"]["title"] == "An Example Dataset"


def test_get_model_tags(tenant: FakeTenant) -> None:
    tenant.tag_model("acme/example", "prod", 5)
    tenant.tag_model("acme/example", "staging", 7)
    assert_holds(run(tenant, "get", "/api/v1/datasets/acme/example/model-tags"), documented("get_model_tags"))


def test_get_model_tags_as_the_guide_misprints_it_is_404(tenant: FakeTenant) -> None:
    answer = run(tenant, "get", "/api/v1/datasets/acme/model-tags")
    assert answer == {"message": "404 Not Found", "status": "error"}


def test_create_dataset(tenant: FakeTenant) -> None:
    source_id = tenant.source("acme/mail").id
    answer = run(tenant, "put", "/api/v1/datasets/acme/new", CREATE.replace("18ba5ce699f8da1f", source_id))
    assert_holds(answer, documented("create_dataset"))
    assert answer["dataset"]["source_ids"] == [source_id]


def test_create_dataset_with_the_source_of_the_guide_is_422_where_there_is_none(tenant: FakeTenant) -> None:
    assert run(tenant, "put", "/api/v1/datasets/acme/new", CREATE)["status"] == "error"


def test_update_dataset(tenant: FakeTenant) -> None:
    body = 'json={"dataset": {"title": "An Alternative Title"}},'
    answer = run(tenant, "post", "/api/v1/datasets/acme/example", body)
    assert_holds(answer, documented("update_dataset"))
    assert answer["dataset"]["title"] == "An Alternative Title"


def test_delete_dataset(tenant: FakeTenant) -> None:
    assert run(tenant, "delete", "/api/v1/datasets/acme/example") == {"status": "ok"}


def test_export_dataset(tenant: FakeTenant) -> None:
    dataset = tenant.dataset("acme/example")
    first, *_ = tenant.exported(dataset)
    uid = first["comment"]["uid"]
    tenant.annotate(dataset, uid, ["Parent Label", "Parent Label > Child Label"])
    tenant.predict(dataset, uid, [{"name": "Another Parent Label", "probability": 0.95, "sentiment": -0.5}])
    tenant.update_comment(
        uid, thread_id="123456", user_properties={"string:Recipient Domain": "a", "string:Sender Domain": "b"}
    )
    answer = run(tenant, "post", "/api/v1/datasets/acme/example/export", 'json={"limit": 1},')
    assert_holds(answer, documented("export_dataset"))
    assert len(answer["comments"]) == 1


@pytest.mark.reinfer(unknown_routes="allow")
def test_an_unknown_page(reinfer: FakeTenant) -> None:
    assert run(reinfer, "get", "/api/v1/nonexistent_page") == {"message": "404 Not Found", "status": "error"}
