"""The dataset routes but for the export: what each does, over every door."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import comment

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer import FakeTenant

    Send = Callable[..., Answer]

SUPPORT = "/api/v1/datasets/acme/support"
DOCUMENTED_KEYS = {
    *("created", "description", "has_sentiment", "id", "last_modified"),
    *("model_family", "name", "owner", "source_ids", "title"),
}


@pytest.fixture(autouse=True)
def _a_project(tenant: FakeTenant) -> None:
    tenant.add_project("acme")


# ------------------------------------------------------------------------------------------------------ create


def test_create_dataset_answers_with_all_documented_keys_and_the_defaults(send: Send) -> None:
    dataset = send("PUT", SUPPORT, {"dataset": {}}).json["dataset"]
    assert dataset.keys() >= DOCUMENTED_KEYS
    assert (dataset["title"], dataset["description"], dataset["source_ids"]) == ("", "", [])
    assert (dataset["model_family"], dataset["has_sentiment"]) == ("english", True)
    assert (dataset["owner"], dataset["name"]) == ("acme", "support")
    assert dataset["created"] == dataset["last_modified"]


def test_create_dataset_keeps_what_is_given(tenant: FakeTenant, send: Send) -> None:
    source = tenant.add_source("acme/mail")
    given = {
        "title": "T",
        "description": "D",
        "source_ids": [source.id],
        "model_family": "german",
        "has_sentiment": False,
    }
    answer = send("PUT", SUPPORT, {"dataset": given})
    assert answer.json["dataset"].items() >= given.items()
    assert send("GET", SUPPORT).json == {"dataset": answer.json["dataset"], "status": "ok"}
    assert "num_copied" not in answer.json


def test_create_dataset_of_a_taken_name_is_409(send: Send, refused: Send) -> None:
    send("PUT", SUPPORT, {"dataset": {"title": "first"}})
    refused(409, "PUT", SUPPORT, {"dataset": {"source_ids": ["0" * 16]}})  # before 422
    assert (
        refused(409, "PUT", SUPPORT, {"dataset": {"title": "second"}}).message == "Dataset already exists: acme/support"
    )


def test_create_dataset_in_no_project_is_404(refused: Send) -> None:
    assert refused(404, "PUT", "/api/v1/datasets/nowhere/support", {"dataset": {}}).message == "404 Not Found"


def test_create_dataset_with_an_unknown_source_is_422(tenant: FakeTenant, refused: Send) -> None:
    source = tenant.add_source("acme/mail")
    answer = refused(422, "PUT", SUPPORT, {"dataset": {"source_ids": [source.id, "0" * 16]}})
    assert answer.message == "The value '0000000000000000' is not a valid source id."


def test_create_dataset_keeps_a_source_once(tenant: FakeTenant, send: Send) -> None:
    first, second = (tenant.add_source(f"acme/{name}").id for name in ("one", "two"))
    answer = send("PUT", SUPPORT, {"dataset": {"source_ids": [second, first, second]}})
    assert answer.json["dataset"]["source_ids"] == [second, first]


def test_create_dataset_mirrors_its_labels_into_the_default_group(send: Send) -> None:
    labels = [{"name": "bar"}, {"name": "foo"}]
    dataset = send("PUT", SUPPORT, {"dataset": {"label_defs": labels}}).json["dataset"]
    assert dataset["label_defs"] == labels
    assert dataset["label_groups"] == [
        {
            "name": "default",
            "label_defs": labels,
            "label_collection_name": None,
            "trainable": True,
            "hidden": False,
            "instructions": "",
        }
    ]


def test_create_dataset_with_groups_lists_their_labels(tenant: FakeTenant, send: Send) -> None:
    groups = [{"name": "default", "label_defs": [{"name": "a"}]}, {"name": "other", "label_defs": [{"name": "b"}]}]
    dataset = send("PUT", SUPPORT, {"dataset": {"label_groups": groups}}).json["dataset"]
    assert [group["name"] for group in dataset["label_groups"]] == ["default", "other"]
    assert tenant.dataset("acme/support").labels == ("a", "b")


def test_create_dataset_copies_annotations_of_the_sources_they_share(tenant: FakeTenant, send: Send) -> None:
    shared, other = tenant.add_source("acme/shared", comments=3), tenant.add_source("acme/other", comments=1)
    original = tenant.add_dataset("acme/original", sources=[shared, other], labels=["Old"])
    uids = [each["uid"] for source in (shared, other) for each in tenant.comments(source)]
    tenant.annotate(original, uids[0], ["Claim > New"])
    tenant.annotate(original, uids[3], ["Claim"])
    tenant.predict(original, uids[1], {"Old": 0.5})
    given = {"source_ids": [shared.id], "copy_annotations_from": original.id}
    answer = send("PUT", SUPPORT, {"dataset": given})
    assert answer.json["num_copied"] == 1
    assert [label["name"] for label in answer.json["dataset"]["label_defs"]] == ["Claim > New"]
    entries = {entry["comment"]["uid"]: entry for entry in tenant.exported("acme/support")}
    assert entries[uids[0]]["annotations"]["labels"]["assigned"] == [{"name": "Claim > New", "sentiment": "positive"}]
    assert entries[uids[1]]["predictions"]["labels"] == []
    assert "copy_annotations_from" not in answer.json["dataset"]


def test_create_dataset_with_nothing_to_copy_says_so(tenant: FakeTenant, send: Send) -> None:
    original = tenant.add_dataset("acme/original")
    answer = send("PUT", SUPPORT, {"dataset": {"copy_annotations_from": original.id}})
    assert (answer.status, answer.json["num_copied"]) == (200, 0)


def test_create_dataset_copying_from_what_the_caller_cannot_see_is_422(tenant: FakeTenant, refused: Send) -> None:
    hidden = tenant.add_dataset("hidden/original")
    user = tenant.add_user("ann", permissions={"acme": ["Datasets admin"]})
    for dataset_id in (hidden.id, "0" * 16):
        answer = refused(422, "PUT", SUPPORT, {"dataset": {"copy_annotations_from": dataset_id}}, user=user)
        assert answer.message == f"The value '{dataset_id}' is not a valid dataset id."


# ------------------------------------------------------------------------------------------------------ update


def test_update_dataset_changes_what_is_given_and_stamps_it(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_dataset("acme/support", title="old", description="kept").as_json()
    answer = send("POST", SUPPORT, {"dataset": {"title": "An Alternative Title"}})
    after = answer.json["dataset"]
    assert after.pop("last_modified") > before.pop("last_modified")
    assert after == {**before, "title": "An Alternative Title"}


def test_update_dataset_by_nothing_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_dataset("acme/support", title="old").as_json()
    assert send("POST", SUPPORT, {"dataset": {}}).json["dataset"] == before


def test_update_dataset_replaces_and_clears_its_sources(tenant: FakeTenant, send: Send) -> None:
    first, second = (tenant.add_source(f"acme/{name}").id for name in ("one", "two"))
    tenant.add_dataset("acme/support", sources=["acme/one"])
    for source_ids in ([second, first], [second, second], []):
        answer = send("POST", SUPPORT, {"dataset": {"source_ids": source_ids}})
        assert answer.json["dataset"]["source_ids"] == list(dict.fromkeys(source_ids))


def test_update_dataset_with_an_unknown_source_is_422(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_dataset("acme/support")
    refused(422, "POST", SUPPORT, {"dataset": {"source_ids": ["0" * 16]}})


@pytest.mark.parametrize("field", ["has_sentiment", "name", "owner", "label_defs", "created", "id"])
def test_update_dataset_refuses_what_cannot_change(tenant: FakeTenant, refused: Send, field: str) -> None:
    tenant.add_dataset("acme/support")
    answer = refused(400, "POST", SUPPORT, {"dataset": {field: None}})
    assert answer.message == f"Additional properties are not allowed ({field!r} was unexpected)"


# ------------------------------------------------------------------------------------------------ list, get, tags


def test_list_datasets_lists_them_in_order_of_creation(tenant: FakeTenant, send: Send) -> None:
    names = ["acme/b", "other/c", "acme/a"]
    for name in names:
        tenant.add_dataset(name)
    listed = send("GET", "/api/v1/datasets").json["datasets"]
    assert [f"{each['owner']}/{each['name']}" for each in listed] == names
    listed = send("GET", "/api/v1/datasets/acme").json["datasets"]
    assert [each["name"] for each in listed] == ["b", "a"]


def test_list_project_datasets_of_an_empty_project_is_empty_and_of_none_404(send: Send, refused: Send) -> None:
    assert send("GET", "/api/v1/datasets/acme").json == {"datasets": [], "status": "ok"}
    refused(404, "GET", "/api/v1/datasets/nowhere")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", SUPPORT, None),
        ("GET", "/api/v1/datasets/id:0123456789abcdef", None),
        ("GET", f"{SUPPORT}/model-tags", None),
        ("GET", "/api/v1/datasets/acme/model-tags", None),
        ("POST", SUPPORT, {"dataset": {}}),
        ("DELETE", SUPPORT, None),
        ("DELETE", "/api/v1/datasets/id:0123456789abcdef", None),
        ("POST", f"{SUPPORT}/export", {}),
    ],
)
def test_a_dataset_that_is_not_there_is_404(refused: Send, method: str, path: str, body: Any) -> None:
    assert refused(404, method, path, body).message == "404 Not Found"


def test_get_model_tags_lists_them_by_name(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/support")
    assert send("GET", f"{SUPPORT}/model-tags").json == {"model_tags": [], "status": "ok"}
    tenant.tag_model("acme/support", "staging", 5)
    tenant.tag_model("acme/support", "live", 3)
    tenant.tag_model("acme/support", "staging", 7)
    tags = send("GET", f"{SUPPORT}/model-tags").json["model_tags"]
    assert [(tag["name"], tag["version"]) for tag in tags] == [("live", 3), ("staging", 7)]
    assert tags[0]["updated_at"] < tags[1]["updated_at"]


def test_a_dataset_may_be_called_as_a_route_is(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/model-tags")
    assert send("GET", "/api/v1/datasets/acme/model-tags").json["dataset"]["name"] == "model-tags"


# ------------------------------------------------------------------------------------------------------ delete


@pytest.mark.parametrize("by_id", [False, True])
def test_delete_dataset_leaves_its_comments(
    tenant: FakeTenant,
    send: Send,
    refused: Send,
    by_id: bool,  # noqa: FBT001 -- a parameter
) -> None:
    source = tenant.add_source("acme/mail", comments=[comment("a")])
    dataset = tenant.add_dataset("acme/support", sources=[source])
    tenant.tag_model(dataset, "live", 1)
    uid = f"{source.id}.a"
    tenant.annotate(dataset, uid, ["Claim"])
    path = f"/api/v1/datasets/id:{dataset.id}" if by_id else SUPPORT
    assert send("DELETE", path).json == {"status": "ok"}
    assert send("GET", "/api/v1/datasets").json["datasets"] == []
    refused(404, "DELETE", path)
    assert tenant.comment(uid)["has_annotations"] is False
    again = tenant.add_dataset("acme/support", sources=[source])
    assert again.id != dataset.id
    assert tenant.exported(again)[0]["annotations"] == {"labels": {"assigned": []}}
    assert send("GET", f"{SUPPORT}/model-tags").json["model_tags"] == []


def test_delete_dataset_keeps_the_annotations_of_another_one(tenant: FakeTenant, send: Send) -> None:
    source = tenant.add_source("acme/mail", comments=[comment("a")])
    for name in ("acme/support", "acme/other"):
        tenant.annotate(tenant.add_dataset(name, sources=[source]), f"{source.id}.a", ["Claim"])
    send("DELETE", SUPPORT)
    assert tenant.comment(f"{source.id}.a")["has_annotations"] is True
    assert tenant.exported("acme/other")[0]["annotations"]["labels"]["assigned"][0]["name"] == "Claim"


# ----------------------------------------------------------------------------------- limits, from the schemas


LONG = {"title": 128, "description": 16384}


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(("field", "most"), LONG.items())
def test_a_text_may_be_as_long_as_its_limit(tenant: FakeTenant, send: Send, method: str, field: str, most: int) -> None:
    if method == "POST":
        tenant.add_dataset("acme/support")
    text = "😀" * most
    assert send(method, SUPPORT, {"dataset": {field: text}}).json["dataset"][field] == text


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(("field", "most"), LONG.items())
def test_a_longer_text_is_400(tenant: FakeTenant, refused: Send, method: str, field: str, most: int) -> None:
    if method == "POST":
        tenant.add_dataset("acme/support")
    text = "x" * (most + 1)
    assert refused(400, method, SUPPORT, {"dataset": {field: text}}).message == f"{text!r} is too long"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'dataset' is a required property"),
        ({"title": "x"}, "'dataset' is a required property"),
        ({"dataset": {}, "status": "ok"}, "Additional properties are not allowed ('status' was unexpected)"),
        ({"dataset": None}, "None is not of type 'object'"),
        ({"dataset": {"foo": 1}}, "Additional properties are not allowed ('foo' was unexpected)"),
        ({"dataset": {"title": None}}, "None is not of type 'string'"),
        ({"dataset": {"title": 5}}, "5 is not of type 'string'"),
        ({"dataset": {"has_sentiment": "true"}}, "'true' is not of type 'boolean'"),
        ({"dataset": {"source_ids": "x"}}, "'x' is not of type 'array'"),
        ({"dataset": {"source_ids": ["X"]}}, "'X' does not match '^[0-9a-f]{16}$'"),
        ({"dataset": {"source_ids": ["0" * 16] * 1025}}, f"{['0' * 16] * 1025!r} is too long"),
        ({"dataset": {"label_defs": [{"name": "a"}, {"name": "a"}]}}, "has non-unique elements"),
        ({"dataset": {"label_defs": [{"name": "x" * 65}]}}, f"{'x' * 65!r} is too long"),
        ({"dataset": {"model_family": "non-existent-family"}}, "'non-existent-family' is not one of"),
    ],
)
def test_a_body_that_breaks_its_schema_is_400_in_the_words_of_jsonschema(
    refused: Send, body: dict[str, Any], message: str
) -> None:
    assert message in refused(400, "PUT", SUPPORT, body).message


@pytest.mark.parametrize("name", ["a%20b", "a.b", "%C3%A9", "x" * 257, "a%0A", "a%2Bb"])
def test_a_name_that_no_dataset_can_have_is_400(refused: Send, name: str) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        body: Any = {"dataset": {}} if method in ("PUT", "POST") else None
        assert "does not match" in refused(400, method, f"/api/v1/datasets/acme/{name}", body).message


def test_a_project_may_have_a_dot_and_a_dataset_a_name_of_256(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("acme.org")
    assert send("PUT", f"/api/v1/datasets/acme.org/{'x' * 256}", {"dataset": {}}).status == 200


@pytest.mark.parametrize("family", contract.node("objects/new_dataset.json#/properties/model_family")["enum"])
def test_every_model_family_is_echoed(send: Send, family: str) -> None:
    assert send("PUT", SUPPORT, {"dataset": {"model_family": family}}).json["dataset"]["model_family"] == family


# ------------------------------------------------------------------------------------------ and at the edges


def test_create_dataset_copies_the_annotations_of_every_comment_with_their_labels(
    tenant: FakeTenant, send: Send
) -> None:
    sources = [tenant.add_source(f"acme/{name}", comments=[comment("a"), comment("b")]) for name in ("one", "two")]
    original = tenant.add_dataset("acme/original", sources=sources)
    assigned = {f"{source.id}.{name}": f"{source.name} {name}" for source in sources for name in "ab"}
    for uid, label in assigned.items():
        tenant.annotate(original, uid, [label])
    given = {"source_ids": [source.id for source in sources], "copy_annotations_from": original.id}
    answer = send("PUT", SUPPORT, {"dataset": given}).json
    assert answer["num_copied"] == 4
    assert {label["name"] for label in answer["dataset"]["label_defs"]} == set(assigned.values())
    assert answer["dataset"]["label_groups"][0]["label_defs"] == answer["dataset"]["label_defs"]
    copied = {entry["comment"]["uid"]: entry["annotations"] for entry in tenant.exported("acme/support")}
    assert {uid: each["labels"]["assigned"][0]["name"] for uid, each in copied.items()} == assigned


def test_a_deleted_dataset_leaves_nothing_behind(tenant: FakeTenant, send: Send) -> None:
    source = tenant.add_source("acme/mail", comments=[comment("a")])
    tenant.add_dataset("acme/support", sources=[source])
    tenant.tag_model("acme/support", "live", 1)
    tenant.annotate("acme/support", f"{source.id}.a", ["Claim"])
    send("DELETE", SUPPORT)
    state = tenant.snapshot()
    assert (state.datasets, state.model_tags, state.labelled) == ({}, {}, {})


def test_any_permission_in_a_project_is_enough_to_copy_from_its_datasets(tenant: FakeTenant, send: Send) -> None:
    original = tenant.add_dataset("other/original")
    user = tenant.add_user("ann", permissions={"acme": ["Datasets admin"], "other": ["View sources"]})
    given = {"copy_annotations_from": original.id}
    assert send("PUT", SUPPORT, {"dataset": given}, user=user).json["num_copied"] == 0


def test_create_dataset_with_a_group_of_no_labels_has_none(tenant: FakeTenant, send: Send) -> None:
    dataset = send("PUT", SUPPORT, {"dataset": {"label_groups": [{"name": "default"}]}}).json["dataset"]
    assert dataset["label_defs"] == []
    assert tenant.dataset("acme/support").labels == ()


def test_create_dataset_copies_nothing_from_a_source_without_labels(tenant: FakeTenant, send: Send) -> None:
    given = {"source_ids": [tenant.add_source("acme/mail", comments=[comment("a")]).id]}
    original = send("PUT", "/api/v1/datasets/acme/original", {"dataset": given}).json["dataset"]
    given["copy_annotations_from"] = original["id"]
    assert send("PUT", SUPPORT, {"dataset": given}).json["num_copied"] == 0


def test_a_new_label_joins_the_first_group_and_leaves_the_others(tenant: FakeTenant) -> None:
    groups = [{"name": "default"}, {"name": "other", "label_defs": [{"name": "b"}], "trainable": False}]
    dataset = tenant.add_dataset("acme/support", comments=[comment("a")], label_groups=groups)
    tenant.annotate(dataset, f"{dataset.source_ids[0]}.a", ["c"])
    after = tenant.dataset("acme/support")
    assert after.labels == ("c", "b")
    assert [(group["name"], group["trainable"]) for group in after.fields["label_groups"]] == [
        ("default", True),
        ("other", False),
    ]


def test_copied_annotations_bring_their_labels_in_the_order_of_the_sources(tenant: FakeTenant, send: Send) -> None:
    sources = [tenant.add_source(f"acme/{name}", comments=[comment("a")]) for name in "pqrstuvw"]
    original = tenant.add_dataset("acme/original", sources=sources)
    for source in sources:
        tenant.annotate(original, f"{source.id}.a", [source.name])
    given = {"source_ids": [source.id for source in sources], "copy_annotations_from": original.id}
    copied = send("PUT", SUPPORT, {"dataset": given}).json["dataset"]
    assert [label["name"] for label in copied["label_defs"]] == list("pqrstuvw")


def test_an_entity_comes_back_with_an_id_and_a_colour_and_keeps_its_id(tenant: FakeTenant, send: Send) -> None:
    entity = {"name": "amount", "title": "Amount", "inherits_from": [], "trainable": True}
    (made,) = send("PUT", SUPPORT, {"dataset": {"entity_defs": [entity]}}).json["dataset"]["entity_defs"]
    assert made == {**entity, "id": made["id"], "color": 0}
    changed = {**entity, "id": made["id"], "color": 5}
    assert send("POST", SUPPORT, {"dataset": {"entity_defs": [changed]}}).json["dataset"]["entity_defs"] == [changed]


def test_a_source_of_a_project_that_the_caller_does_not_see_is_as_one_that_is_not_there(
    tenant: FakeTenant, send: Send, refused: Send
) -> None:
    secret = tenant.add_source("acme/secret", comments=1)
    tenant.add_project("mine")
    permissions = {"mine": ["Datasets admin"]}
    user = tenant.add_user("thief", permissions=permissions)
    body = {"dataset": {"source_ids": [secret.id]}}
    told = f"The value '{secret.id}' is not a valid source id."
    assert refused(422, "PUT", "/api/v1/datasets/mine/theirs", body, user=user).message == told
    send("PUT", "/api/v1/datasets/mine/theirs", {"dataset": {}}, user=user)
    assert refused(422, "POST", "/api/v1/datasets/mine/theirs", body, user=user).message == told
    reader = tenant.add_user("reader", permissions={**permissions, "acme": ["View sources"]})
    assert send("POST", "/api/v1/datasets/mine/theirs", body, user=reader).status == 200
