"""What the vendor's command line tool does, call by call over a real socket, and what it must be able to read."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import pytest
import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer import FakeTenant

# What the tool cannot do without, for each object.
REQUIRED = {
    "dataset": (
        "id name owner title description created last_modified model_family source_ids has_sentiment entity_defs "
        "general_fields label_defs label_groups _dataset_flags"
    ),
    "label_group": "name",
    "label_def": "name",
    "entity_def": "color id inherits_from name title trainable",
    "general_field": "api_name",
    "source": "id owner name title description language should_translate created_at updated_at _kind",
    "comment": "id uid timestamp messages created_at",
    "sync": "new updated unchanged",
    "annotated": "comment",
    "labelling": "group",
    "assigned": "name sentiment",
    "predicted": "name probability",
    "project": "name title description created_at updated_at",
    "user": "id username email created global_permissions organisation_permissions sso_global_permissions verified",
    "bucket": "id name owner created_at",
    "statistics": "num_comments",
}
STAMPS = ("created", "last_modified", "created_at", "updated_at", "timestamp")
COMMENTS_PAGE, QUERY_PAGE, DELETED, BATCH, AT_ONCE = 64, 512, 32, 128, 32  # sizes that the tool asks for


def read(kind: str, value: Any) -> Any:
    """An object as the tool reads it: with all it needs, and moments that have an offset."""
    missing = set(REQUIRED[kind].split()) - value.keys()
    assert not missing, (kind, missing)
    for name in set(STAMPS) & value.keys():
        assert datetime.fromisoformat(value[name]).tzinfo is not None, (kind, name, value[name])
    return value


def read_dataset(value: Any) -> Any:
    for group in read("dataset", value)["label_groups"]:
        for label in read("label_group", group)["label_defs"]:
            read("label_def", label)
    for kind, name in (("label_def", "label_defs"), ("entity_def", "entity_defs"), ("general_field", "general_fields")):
        for each in value[name]:
            read(kind, each)
    return value


def read_comment(value: Any) -> Any:
    for message in read("comment", value)["messages"]:
        assert isinstance(message["body"]["text"], str)
    return value


def read_annotated(value: Any) -> Any:
    read_comment(read("annotated", value)["comment"])
    for labelling in value.get("labelling", ()):
        for label in read("labelling", labelling).get("assigned", ()):
            read("assigned", label)
        for label in labelling.get("predicted") or ():
            assert isinstance(read("predicted", label)["name"], list)
    return value


class Tool:
    """Calls as the tool makes them: full names as one segment, no User-Agent, gzip welcome."""

    def __init__(self, endpoint: str, token: str) -> None:
        self._endpoint = endpoint
        self._headers = {"Authorization": f"Bearer {token}", "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._pool = urllib3.PoolManager(retries=False, maxsize=AT_ONCE)

    def call(self, method: str, path: str, body: Any = None, query: Any = ()) -> Any:
        url = f"{self._endpoint}{path}"
        if query:
            url += "?" + urlencode(query)
        headers = {**self._headers, **({} if body is None else {"Content-Type": "application/json"})}
        answer = self._pool.request(method, url, body=None if body is None else json.dumps(body), headers=headers)
        value = answer.json()
        assert value["status"] == ("ok" if answer.status == 200 else "error"), "the tool takes it for a broken protocol"
        assert answer.status == 200, (method, url, value)
        return value

    def close(self) -> None:
        self._pool.clear()

    def log_in(self, *, writes: bool = False) -> None:
        """What every command does first."""
        read("user", self.call("GET", "/auth/user")["user"])
        if writes:
            assert self.call("POST", "/auth/refresh-user-permissions", {}).get("permissions_refreshed") is not False

    def source(self, full_name: str) -> Any:
        return read("source", self.call("GET", f"/api/v1/sources/{segment(full_name)}")["source"])

    def dataset(self, full_name: str) -> Any:
        return read_dataset(self.call("GET", f"/api/v1/datasets/{segment(full_name)}")["dataset"])


def segment(full_name: str) -> str:
    return quote(full_name, safe="")


SOURCE, DATASET = segment("acme/support"), segment("acme/support")
SOURCES, DATASETS = "/api/v1/sources", "/api/v1/datasets"
IN_SOURCE, IN_DATASET = f"/api/_private/sources/{SOURCE}", f"/api/_private/datasets/{DATASET}"


@pytest.fixture
def tool(reinfer_server: FakeTenant) -> Iterator[Tool]:
    reinfer_server.add_dataset("acme/support", comments=700, entity_defs=[ENTITY], general_fields=[FIELD])
    tool = Tool(reinfer_server.url, reinfer_server.token)
    yield tool
    tool.close()


ENTITY = {"name": "order", "title": "Order", "inherits_from": [], "trainable": True}
FIELD = {"api_name": "number"}


# ------------------------------------------------------------------------------------------------------- the commands


def create_dataset(tool: Tool) -> None:
    tool.log_in(writes=True)
    source = tool.source("acme/support")
    new = {"source_ids": [source["id"]], "has_sentiment": False}
    read_dataset(tool.call("PUT", f"{DATASETS}/acme%2Fnew", {"dataset": new})["dataset"])


def update_dataset(tool: Tool) -> None:
    tool.log_in(writes=True)
    answer = tool.call("POST", f"{DATASETS}/{DATASET}", {"dataset": {"source_ids": []}})
    assert read_dataset(answer["dataset"])["source_ids"] == []


def get_datasets(tool: Tool) -> None:
    tool.log_in()
    assert list(map(read_dataset, tool.call("GET", DATASETS)["datasets"]))


def get_dataset(tool: Tool) -> None:
    tool.log_in()
    tool.dataset("acme/support")


def delete_dataset(tool: Tool) -> None:
    tool.log_in()
    tool.call("DELETE", f"{DATASETS}/id:{tool.dataset('acme/support')['id']}")


def delete_dataset_by_id(tool: Tool) -> None:
    tool.log_in()
    (dataset,) = tool.call("GET", DATASETS)["datasets"]
    tool.call("DELETE", f"{DATASETS}/id:{dataset['id']}")


def get_sources(tool: Tool) -> None:
    tool.log_in()
    assert [read("source", each) for each in tool.call("GET", SOURCES)["sources"]]
    for each in tool.call("GET", "/api/_private/buckets")["buckets"]:
        read("bucket", each)


def create_source(tool: Tool) -> None:
    tool.log_in(writes=True)
    new = {"title": "Reviews", "description": "", "language": "de", "should_translate": True, "_kind": "call"}
    read("source", tool.call("PUT", f"{SOURCES}/acme%2Freviews", {"source": new})["source"])


def update_source(tool: Tool) -> None:
    tool.log_in(writes=True)
    source = tool.source("acme/support")
    change = {"title": "Mail", "bucket_id": source.get("bucket_id")}
    assert read("source", tool.call("POST", f"{SOURCES}/{SOURCE}", {"source": change})["source"])["title"] == "Mail"


def delete_source(tool: Tool) -> None:
    tool.log_in()
    tool.call("DELETE", f"{SOURCES}/id:{tool.source('acme/support')['id']}")


def upload(comment_id: str, text: str = "A text") -> Any:
    return {"id": comment_id, "timestamp": "2024-01-01T09:00:00Z", "messages": [{"body": {"text": text}}]}


def create_comments(tool: Tool) -> None:
    tool.log_in(writes=True)
    source = tool.source("acme/support")
    tool.dataset("acme/support")
    comments = [upload(f"new-{number}") for number in range(BATCH + 1)]
    for start in range(0, len(comments), BATCH):
        batch = {"comments": comments[start : start + BATCH]}
        tool.call("PUT", f"{IN_SOURCE}/comments", batch, query={"no_charge": "false"})
    labelling = [{"group": "default", "assigned": [{"name": "Order > Late", "sentiment": "negative"}], "dismissed": []}]

    def annotate(comment: Any) -> None:
        uid = f"{source['id']}.{comment['id']}"
        read_annotated(tool.call("POST", f"{IN_DATASET}/labellings/{uid}", {"labelling": labelling}))

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(annotate, comments[:AT_ONCE]))


def overwrite_comments(tool: Tool) -> None:
    tool.log_in(writes=True)
    tool.source("acme/support")
    sync = f"{SOURCES}/{SOURCE}/sync"
    batch = {"comments": [upload("new-1"), upload("new-1", "Another text")]}
    counts = read("sync", tool.call("POST", sync, batch, query={"no_charge": "false"}))
    assert (counts["new"], counts["updated"], counts["unchanged"]) == (1, 1, 0)


def get_comments(tool: Tool) -> None:
    tool.log_in()
    tool.source("acme/support")
    statistics = tool.call("POST", f"{SOURCES}/{SOURCE}/statistics", {"comment_filter": {}})["statistics"]
    total, query = read("statistics", statistics)["num_comments"], {"limit": COMMENTS_PAGE, "include_markup": "false"}
    found: list[Any] = []
    while True:
        page = tool.call("GET", f"{IN_SOURCE}/comments", query=query)
        found += map(read_comment, page["comments"])
        if page.get("continuation") is None:
            break
        query["after"] = page["continuation"]
    assert len({each["uid"] for each in found}) == len(found) == total == 700
    assert [each["timestamp"] for each in found] == sorted(each["timestamp"] for each in found)


def get_comments_of_a_dataset(tool: Tool) -> None:
    tool.log_in()
    source_id = tool.source("acme/support")["id"]
    tool.dataset("acme/support")
    wanted = {"sources": [source_id], "user_properties": {}}
    asked = {
        "comment_filter": wanted,
        "attribute_filters": [],
        "label_timeseries": False,
        "label_property_timeseries": False,
    }
    statistics = read("statistics", tool.call("POST", f"{IN_DATASET}/statistics", asked)["statistics"])
    body: dict[str, Any] = {
        "attribute_filters": [],
        "filter": wanted,
        "limit": QUERY_PAGE,
        "order": {"kind": "recent"},
    }
    found: list[Any] = []
    while True:
        page = tool.call("POST", f"{IN_DATASET}/query", body)
        found += map(read_annotated, page["results"])
        if page.get("continuation") is None:
            break
        body["continuation"] = page["continuation"]
    assert len({each["comment"]["uid"] for each in found}) == len(found) == statistics["num_comments"] == 700
    assert any(labelling.get("predicted") for each in found for labelling in each["labelling"])


def get_reviewed_comments(tool: Tool) -> None:
    tool.log_in()
    source_id = tool.source("acme/support")["id"]
    tool.dataset("acme/support")
    query = {"source_id": source_id, "return_predictions": "false"}
    found: list[Any] = []
    while True:
        page = tool.call("GET", f"{IN_DATASET}/labellings", query=query)
        if not page["results"]:
            break
        found += map(read_annotated, page["results"])
        assert page["after"] not in (None, query.get("after")), "here the tool panics"
        query["after"] = page["after"]
    assert 0 < len({each["comment"]["uid"] for each in found}) == len(found) < 700
    assert all(each["comment"]["has_annotations"] for each in found)


def delete_bulk(tool: Tool) -> None:
    tool.log_in()
    tool.source("acme/support")
    query: dict[str, Any] = {"limit": 256}
    while True:
        page = tool.call("GET", f"{IN_SOURCE}/comments", query=query)
        ids = [each["id"] for each in map(read_comment, page["comments"]) if not each["has_annotations"]]
        for start in range(0, len(ids), DELETED):
            tool.call("DELETE", f"{SOURCES}/{SOURCE}/comments", query=[("id", each) for each in ids[start:][:DELETED]])
        if page.get("continuation") is None:
            return
        query["after"] = page["continuation"]


COMMANDS: dict[str, Callable[[Tool], None]] = {
    "re create dataset acme/new -s acme/support": create_dataset,
    "re update dataset acme/support --source": update_dataset,
    "re get datasets": get_datasets,
    "re get datasets acme/support": get_dataset,
    "re delete dataset acme/support": delete_dataset,
    "re delete dataset <id>": delete_dataset_by_id,
    "re get sources": get_sources,
    "re create source acme/reviews": create_source,
    "re update source acme/support": update_source,
    "re delete source acme/support": delete_source,
    "re create comments -s acme/support -d acme/support": create_comments,
    "re create comments -s acme/support --overwrite": overwrite_comments,
    "re get comments acme/support": get_comments,
    "re get comments acme/support -d acme/support": get_comments_of_a_dataset,
    "re get comments acme/support -d acme/support --reviewed-only true": get_reviewed_comments,
    "re delete bulk -s acme/support": delete_bulk,
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_calls_of_a_command_of_the_vendors_tool_are_answered(command: str, tool: Tool) -> None:
    COMMANDS[command](tool)
