"""The Python face of a tenant: arranging, refusing what is wrong, looking, snapshots, the same in every process."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, everything, in_threads

from pytest_reinfer import FakeTenant, contract

if TYPE_CHECKING:
    from collections.abc import Callable


# ---------------------------------------------------------------------------------------------------- arranging


def test_a_tenant_starts_empty_but_for_its_administrator() -> None:
    tenant = FakeTenant()
    assert (tenant.projects, tenant.sources, tenant.datasets) == ((), (), ())
    assert [user.username for user in tenant.users] == ["admin"]


def test_add_dataset_makes_its_project_and_a_source_of_its_name() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=5, title="Support")
    assert tenant.project("acme").name == "acme"
    assert dataset.source_ids == (tenant.source("acme/support").id,)
    assert dataset == tenant.dataset("acme/support")
    assert (dataset.full_name, dataset.title, len(tenant.exported(dataset))) == ("acme/support", "Support", 5)


def test_add_dataset_without_comments_makes_no_source() -> None:
    tenant = FakeTenant()
    assert tenant.add_dataset("acme/support").source_ids == ()
    assert tenant.sources == ()


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_add_dataset_deals_its_comments_out_to_the_sources_in_turn(count: int) -> None:
    tenant = FakeTenant()
    sources = [tenant.add_source(f"acme/{name}") for name in "xyz"]
    tenant.add_dataset("acme/generated", comments=count, sources=sources)
    assert [len(tenant.comments(source)) for source in sources] == [(count + 2) // 3, (count + 1) // 3, count // 3]
    tenant.add_dataset("acme/given", comments=[comment(str(n)) for n in range(count)], sources=sources)
    assert [len(tenant.comments(source)) for source in sources] == [2 * ((count + 2 - n) // 3) for n in range(3)]


def test_generated_comments_are_labelled_and_given_ones_are_not() -> None:
    tenant = FakeTenant()
    generated = tenant.add_dataset("acme/generated", comments=100)
    entries = tenant.exported(generated)
    names = {label["name"] for entry in entries for label in entry["annotations"]["labels"]["assigned"]}
    assert names
    assert names <= set(generated.labels)
    assert any(entry["predictions"]["labels"] for entry in entries)
    flags = {
        (entry["comment"]["has_annotations"], bool(entry["annotations"]["labels"]["assigned"])) for entry in entries
    }
    assert flags == {(True, True), (False, False)}
    given = tenant.add_dataset("acme/given", comments=[comment("a")])
    assert given.labels == ()
    assert tenant.exported(given)[0]["predictions"] == {"labels": []}


def test_generated_labels_have_no_sentiment_where_the_dataset_has_none() -> None:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=100, has_sentiment=False)
    for entry in tenant.exported("acme/support"):
        for label in (*entry["annotations"]["labels"]["assigned"], *entry["predictions"]["labels"]):
            assert "sentiment" not in label


def test_labels_may_be_named() -> None:
    dataset = FakeTenant().add_dataset("acme/support", labels=["Claim", "Claim > New"])
    assert dataset.labels == ("Claim", "Claim > New")


def test_generated_comments_fit_their_schema_and_those_added_later_are_others() -> None:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=30)
    uids = tenant.add_comments("acme/support", 30)
    assert len(set(uids)) == 30
    entries = tenant.exported("acme/support")
    assert len({entry["comment"]["uid"] for entry in entries}) == 60
    for entry in entries:
        assert contract.problem("objects/exported_comment.json", entry) is None


def test_a_source_can_be_added_with_comments() -> None:
    tenant = FakeTenant()
    source = tenant.add_source("acme/mail", comments=3, title="Mail", language="de")
    assert (source.title, source.fields["language"], len(tenant.comments(source))) == ("Mail", "de", 3)
    assert source.fields["created_at"] == source.fields["updated_at"]


def test_a_comment_may_come_with_stamps_of_its_own() -> None:
    tenant = FakeTenant()
    stamps = {"created_at": "2020-01-01T00:00:00+01:00", "last_modified": "2020-01-02T00:00:00Z"}
    (uid,) = tenant.add_comments(tenant.add_source("acme/mail"), [comment("a", **stamps)])
    got = tenant.comment(uid)
    assert got["created_at"] == "2019-12-31T23:00:00Z"
    assert (got["last_modified"], got["context"]) == ("2020-01-02T00:00:00Z", "1577923200000")


def test_last_modified_is_never_before_created_at() -> None:
    tenant = FakeTenant()
    stamps = {"created_at": "2030-01-01T00:00:00Z", "last_modified": "2020-01-02T00:00:00Z"}
    (uid,) = tenant.add_comments(tenant.add_source("acme/mail"), [comment("a", **stamps)])
    assert tenant.comment(uid)["last_modified"] == "2030-01-01T00:00:00Z"


def test_update_comment_changes_what_is_given_and_stamps_it() -> None:
    tenant = FakeTenant()
    (uid,) = tenant.add_comments(tenant.add_source("acme/mail"), [comment("a", user_properties={"string:A": "b"})])
    before = tenant.comment(uid)
    tenant.update_comment(uid, timestamp="2025-01-01T00:00:00Z")
    after = tenant.comment(uid)
    assert after["timestamp"] == "2025-01-01T00:00:00Z"
    assert after["last_modified"] > before["last_modified"]
    assert after["context"] > before["context"]
    same = set(after) - {"timestamp", "last_modified", "context"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_update_comment_keeps_its_annotations() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=[comment("a")])
    uid = f"{dataset.source_ids[0]}.a"
    tenant.annotate(dataset, uid, ["Claim"])
    tenant.update_comment(uid, messages=[{"body": {"text": "new"}}])
    (entry,) = tenant.exported(dataset)
    assert entry["comment"]["has_annotations"] is True
    assert entry["annotations"]["labels"]["assigned"][0]["name"] == "Claim"


def test_deleted_comments_take_their_labels_along() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=[comment("a"), comment("b")])
    source_id = dataset.source_ids[0]
    for name in "ab":
        tenant.annotate(dataset, f"{source_id}.{name}", ["Claim"])
    tenant.delete_comments(f"{source_id}.a")
    tenant.add_comments("acme/support", [comment("a")])
    labels = {entry["comment"]["id"]: entry["annotations"]["labels"]["assigned"] for entry in tenant.exported(dataset)}
    assert labels == {"a": [], "b": [{"name": "Claim", "sentiment": "positive"}]}


def test_a_comment_named_twice_is_deleted_once() -> None:
    tenant = prepared()
    tenant.delete_comments(uid(tenant), uid(tenant))
    assert tenant.comments("acme/support") == []


def test_annotating_with_nothing_takes_the_labels_away() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=[comment("a")])
    uid = f"{dataset.source_ids[0]}.a"
    tenant.predict(dataset, uid, {"Claim": 0.25})
    tenant.annotate(dataset, uid, ["Claim"])
    assert tenant.comment(uid)["has_annotations"] is True
    tenant.annotate(dataset, uid, [])
    (entry,) = tenant.exported(dataset)
    assert entry["annotations"]["labels"]["assigned"] == []
    assert entry["predictions"]["labels"] == [{"name": "Claim", "probability": 0.25}]
    assert entry["comment"]["has_annotations"] is False


def test_annotating_with_a_new_name_makes_a_label_once() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=[comment("a")], labels=["Claim"])
    uid = f"{dataset.source_ids[0]}.a"
    tenant.annotate(dataset, uid, ["Claim", "New"])
    tenant.annotate(dataset, uid, ["New"])
    after = tenant.dataset("acme/support")
    assert after.labels == ("Claim", "New")
    assert after.fields["label_groups"][0]["label_defs"] == [{"name": "Claim"}, {"name": "New"}]


def test_a_user_has_permissions_by_project() -> None:
    tenant = FakeTenant()
    tenant.add_project("acme")
    user = tenant.add_user("ann", permissions={"acme": ["datasets-export"]})
    assert user.permissions == {"acme": {"Export datasets", "View labels"}}
    assert tenant.users[-1] == user
    assert user.token not in repr(user)
    assert tenant.token not in repr(tenant)


# --------------------------------------------------------- what is wrong is refused, and changes nothing


def prepared() -> FakeTenant:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=[comment("a")], labels=["Claim"])
    tenant.add_source("acme/other", comments=[comment("b")])
    tenant.add_user("ann", permissions=[])
    return tenant


def uid(tenant: FakeTenant, source: str = "acme/support", name: str = "a") -> str:
    return f"{tenant.source(source).id}.{name}"


WRONG: dict[str, tuple[Callable[[FakeTenant], Any], type[Exception], list[str]]] = {
    "a project's name": (
        lambda t: t.add_project("a b"),
        ValueError,
        ["add_project", "'a b' does not match", "The name of a project"],
    ),
    "a project twice": (lambda t: t.add_project("acme"), ValueError, ["'acme' already"]),
    "a project's title": (lambda t: t.add_project("x", title="x" * 129), ValueError, ["is too long", "maxLength 128"]),
    "a name without a project": (lambda t: t.add_dataset("support"), ValueError, ["'project/name', not 'support'"]),
    "a dataset's name": (lambda t: t.add_dataset("acme/a.b"), ValueError, ["'a.b' does not match"]),
    "a dataset's project": (lambda t: t.add_dataset("a b/c"), ValueError, ["'a b' does not match"]),
    "a dataset twice": (lambda t: t.add_dataset("acme/support"), ValueError, ["a dataset 'acme/support' already"]),
    "a dataset's field": (lambda t: t.add_dataset("new/x", titel="x"), ValueError, ["'titel'", "Allowed: title, "]),
    "a dataset's type": (lambda t: t.add_dataset("new/x", title=5), ValueError, ["value.title", "5 is not of type"]),
    "a dataset's source": (
        lambda t: t.add_dataset("new/x", sources=["acme/x"]),
        LookupError,
        ["There are: acme/support, acme/other"],
    ),
    "a dataset's source id": (
        lambda t: t.add_dataset("new/x", source_ids=["0" * 16]),
        LookupError,
        ["0" * 16, "acme/other"],
    ),
    "a dataset's label": (lambda t: t.add_dataset("new/x", labels=[""]), ValueError, ["label_defs[0].name"]),
    "a dataset's comment": (
        lambda t: t.add_dataset("new/x", comments=[{"id": "a"}]),
        ValueError,
        ["comment 0", "required"],
    ),
    "a source twice": (lambda t: t.add_source("acme/support"), ValueError, ["a source 'acme/support' already"]),
    "a source's field": (lambda t: t.add_source("new/x", colour="red"), ValueError, ["'colour'", "Allowed: title"]),
    "a comment's field": (
        lambda t: t.add_comments("acme/support", [comment("c"), comment("d", body="x")]),
        ValueError,
        ["comment 1", "'body'", "Allowed: id, timestamp"],
    ),
    "a comment's message": (
        lambda t: t.add_comments("acme/support", [comment("c") | {"messages": [{"body": {"text": 5}}]}]),
        ValueError,
        ["value.messages[0].body.text", "5 is not of type 'string'"],
    ),
    "a comment's uid": (lambda t: t.add_comments("acme/support", [comment("c", uid="x")]), ValueError, ["'uid'"]),
    "a comment's day": (
        lambda t: t.add_comments("acme/support", [comment("c", "2024-02-30")]),
        ValueError,
        ["'2024-02-30' is no moment"],
    ),
    "a comment's stamp": (
        lambda t: t.add_comments("acme/support", [comment("c", created_at="x")]),
        ValueError,
        ["created_at", "'x' does not match"],
    ),
    "a comment's property": (
        lambda t: t.add_comments("acme/support", [comment("c", user_properties={"x": "y"})]),
        ValueError,
        ["user_properties"],
    ),
    "a comment that is there": (
        lambda t: t.add_comments("acme/support", [comment("a")]),
        ValueError,
        ["['a'] already", "update_comment"],
    ),
    "a comment twice": (
        lambda t: t.add_comments("acme/support", [comment("c"), comment("c")]),
        ValueError,
        ["['c']", "twice"],
    ),
    "comments for no source": (
        lambda t: t.add_comments("acme/x", 5),
        LookupError,
        ["No source 'acme/x'", "acme/support"],
    ),
    "an update of nothing": (
        lambda t: t.update_comment("x.y", timestamp="2024-01-01"),
        LookupError,
        ["No comment 'x.y'"],
    ),
    "an update's field": (lambda t: t.update_comment(uid(t), colour="red"), ValueError, ["'colour'"]),
    "a deletion": (lambda t: t.delete_comments(uid(t), "x.y"), LookupError, ["'x.y'"]),
    "an annotation's dataset": (lambda t: t.annotate("acme/x", uid(t), []), LookupError, ["No dataset 'acme/x'"]),
    "an annotation's comment": (
        lambda t: t.annotate("acme/support", uid(t, "acme/other", "b"), []),
        LookupError,
        ["none of the sources of acme/support"],
    ),
    "an annotation's label": (
        lambda t: t.annotate("acme/support", uid(t), [{"name": "A", "sentiment": 1}]),
        ValueError,
        ["annotate", "sentiment"],
    ),
    "a prediction": (
        lambda t: t.predict("acme/support", uid(t), {"A": 1.5}),
        ValueError,
        ["1.5 is greater than the maximum of 1"],
    ),
    "a prediction's key": (
        lambda t: t.predict("acme/support", uid(t), [{"name": "A"}]),
        ValueError,
        ["'probability' is a required property"],
    ),
    "a tag": (lambda t: t.tag_model("acme/support", "live", "5"), ValueError, ["'5' is not of type 'integer'"]),  # type: ignore[arg-type]
    "a user twice": (lambda t: t.add_user("ann", permissions=[]), ValueError, ["'ann' already"]),
    "a permission": (
        lambda t: t.add_user("bob", permissions=["View lables"]),
        ValueError,
        ["'View lables'", "View labels"],
    ),
    "a permission's project": (
        lambda t: t.add_user("bob", permissions={"x": []}),
        LookupError,
        ["No project 'x'", "acme"],
    ),
    "permissions as text": (lambda t: t.add_user("bob", permissions="View labels"), TypeError, ["not the text"]),
    "a user who is not there": (lambda t: t.rotate_token("bob"), LookupError, ["There are: admin, ann"]),
    "an order": (lambda t: t.exported("acme/support", order_by="id"), ValueError, ["timestamp, created_at"]),
    "a look-up of a comment": (lambda t: t.comment("x"), LookupError, ["a uid is the id of its source, a dot"]),
    "half a character": (
        lambda t: t.add_source("new/x", comments=[comment("c") | {"messages": [{"body": {"text": "\ud800"}}]}]),
        ValueError,
        ["comment 0", "half a character"],
    ),
    "half a character in a title": (lambda t: t.add_dataset("new/x", title="\udfff"), ValueError, ["half a character"]),
    "labels as text": (lambda t: t.add_dataset("new/x", labels="Claim"), TypeError, ["labels is a list, not 'Claim'"]),
    "sources as text": (lambda t: t.add_dataset("new/x", sources="acme/x"), TypeError, ["sources is a list"]),
    "an annotation as text": (lambda t: t.annotate("acme/support", uid(t), "Claim"), TypeError, ["labels is a list"]),
    "comments as text": (lambda t: t.add_comments("acme/support", "abc"), TypeError, ["comments is a list"]),  # type: ignore[arg-type]
    "comments as a flag": (lambda t: t.add_comments("acme/support", True), TypeError, ["comments is a list"]),  # noqa: FBT003
    "comments below none": (lambda t: t.add_comments("acme/support", -1), ValueError, ["-1 comments cannot be"]),
    "a comment as a number": (
        lambda t: t.add_comments("acme/support", [1]),  # type: ignore[list-item]
        TypeError,
        ["a comment is an object, not 1"],
    ),
    "a prediction as a name": (lambda t: t.predict("acme/support", uid(t), ["A"]), ValueError, ["'A' is not of type"]),  # type: ignore[list-item]
    "uids as a list": (lambda t: t.delete_comments([uid(t)]), TypeError, ["A uid is a text, not ["]),  # type: ignore[arg-type]
    "an id's change": (
        lambda t: t.update_comment(uid(t), id="other"),
        ValueError,
        ["the id of a comment cannot change"],
    ),
    "a label twice": (
        lambda t: t.annotate("acme/support", uid(t), ["A", "A"]),
        ValueError,
        ["labels hold ['A'] twice"],
    ),
    "a label's field": (
        lambda t: t.annotate("acme/support", uid(t), [{"name": "A", "sentiment": "positive", "x": 1}]),
        ValueError,
        ["'x' was unexpected", "Allowed: name"],
    ),
    "a label as a number": (lambda t: t.annotate("acme/support", uid(t), [5]), TypeError, ["annotate", "not 5"]),  # type: ignore[list-item]
    "a copy of nothing": (
        lambda t: t.add_dataset("new/x", copy_annotations_from="0" * 16),
        LookupError,
        ["no dataset has the id 0000000000000000. There are: acme/support"],
    ),
    "a probability that is none": (
        lambda t: t.predict("acme/support", uid(t), {"A": float("nan")}),
        ValueError,
        ["predict"],
    ),
    "a look-up of a project": (lambda t: t.project("x"), LookupError, ["No project 'x'. There are: acme."]),
}


@pytest.mark.parametrize(("act", "kind", "told"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_refused_with_what_is_allowed_and_changes_nothing(
    act: Callable[[FakeTenant], Any], kind: type[Exception], told: list[str]
) -> None:
    tenant = prepared()
    before = everything(tenant)
    with pytest.raises(kind) as error:
        act(tenant)
    assert type(error.value) is kind
    for part in told:
        assert part in str(error.value)
    assert everything(tenant) == before


def test_a_look_up_in_an_empty_tenant_says_so() -> None:
    with pytest.raises(LookupError, match=r"No dataset 'a/b'. There are none yet\."):
        FakeTenant().dataset("a/b")


@pytest.mark.parametrize("url", ["https://ü.example", "https://x/a b", "https://x?y=1", "https://x#y", "https://u:p@x"])
def test_a_url_that_no_request_could_have_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="a scheme, a host in ASCII and maybe a path, not"):
        FakeTenant(url)


def test_a_token_of_one_tenant_opens_no_other_of_the_same_seed() -> None:
    first, second = FakeTenant("https://dev.reinfer.io"), FakeTenant("https://live.reinfer.io")
    assert first.token != second.token
    assert first.add_dataset("acme/support").id == second.add_dataset("acme/support").id


def test_a_label_without_a_sentiment_is_positive_where_the_dataset_has_sentiment() -> None:
    tenant = prepared()
    tenant.annotate("acme/support", uid(tenant), [{"name": "A"}])
    assert tenant.exported("acme/support")[0]["annotations"]["labels"]["assigned"] == [
        {"name": "A", "sentiment": "positive"}
    ]


def test_add_dataset_copies_annotations_as_the_api_does() -> None:
    tenant = prepared()
    original = tenant.dataset("acme/support")
    tenant.annotate(original, uid(tenant), ["Claim"])
    copy = tenant.add_dataset("new/copy", sources=["acme/support"], copy_annotations_from=original.id)
    assert copy.labels == ("Claim",)
    assert "copy_annotations_from" not in copy.fields
    assert tenant.exported(copy)[0]["annotations"]["labels"]["assigned"][0]["name"] == "Claim"


@pytest.mark.parametrize("url", ["acme.reinfer.io", "ftp://acme.reinfer.io", "https://", ""])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    if url:
        with pytest.raises(ValueError, match="starts with http:// or https://"):
            FakeTenant(url)
    else:
        assert FakeTenant(url).url == "https://acme.reinfer.io"


def test_a_policy_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="'fail' or 'allow', not 'ignore'"):
        FakeTenant(unknown_routes="ignore")  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------- reading


def test_what_is_read_is_the_readers_own() -> None:
    tenant = prepared()
    before = everything(tenant)
    tenant.dataset("acme/support").as_json()["source_ids"].append("x")
    tenant.exported("acme/support")[0]["comment"]["messages"].clear()
    tenant.comment(uid(tenant))["messages"].clear()
    tenant.comments("acme/support").clear()
    assert everything(tenant) == before


def test_what_was_given_is_copied() -> None:
    tenant, given = FakeTenant(), comment("a")
    labels = [{"name": "A"}]
    tenant.add_dataset("acme/support", comments=[given], label_defs=labels)
    given["messages"][0]["body"]["text"] = "changed"
    labels[0]["name"] = "changed"
    assert tenant.comments("acme/support")[0]["messages"][0]["body"]["text"] == "a"
    assert tenant.dataset("acme/support").labels == ("A",)


def test_the_comments_of_a_source_come_by_timestamp() -> None:
    tenant = FakeTenant()
    tenant.add_source(
        "acme/mail", comments=[comment("a", "2024-02-01T00:00:00Z"), comment("b", "2024-01-01T00:00:00Z")]
    )
    assert [each["id"] for each in tenant.comments("acme/mail")] == ["b", "a"]


# ------------------------------------------------------------------------------------------ snapshot and restore


def test_a_snapshot_restores_everything_however_much_changed() -> None:
    tenant = prepared()
    tenant.annotate("acme/support", uid(tenant), ["Claim"])
    tenant.tag_model("acme/support", "live", 1)
    before, token = everything(tenant), tenant.token
    snapshot = tenant.snapshot()
    for _ in range(2):
        tenant.annotate("acme/support", uid(tenant), ["Other"])
        tenant.add_comments("acme/support", 40)
        tenant.update_comment(uid(tenant), timestamp="2025-01-01T00:00:00Z")
        tenant.delete_comments(uid(tenant, "acme/other", "b"))
        tenant.tag_model("acme/support", "live", 2)
        tenant.rotate_token()
        tenant.add_dataset("new/dataset", comments=3)
        ask(tenant, "DELETE", "/api/v1/datasets/acme/support")
        assert everything(tenant) != before
        tenant.restore(snapshot)
        assert everything(tenant) == before
        assert tenant.token == token


def test_a_snapshot_can_be_restored_in_another_tenant_and_they_live_apart() -> None:
    tenant, twin = prepared(), FakeTenant("https://twin.reinfer.io")
    twin.restore(tenant.snapshot())
    before = everything(tenant)
    assert everything(twin) == before
    twin.add_comments("acme/support", 2)
    twin.annotate("acme/support", uid(twin), ["Claim"])
    assert everything(tenant) == before
    tenant.add_comments("acme/support", 3)
    assert len(twin.comments("acme/support")) == 3


def test_after_a_restore_the_same_steps_give_the_same_ids() -> None:
    tenant = prepared()
    snapshot = tenant.snapshot()
    first = tenant.add_dataset("new/dataset", comments=3)
    tenant.restore(snapshot)
    assert tenant.add_dataset("new/dataset", comments=3) == first


# ---------------------------------------------------------------------------------------- the same in every process

DIGEST = """
import hashlib, json
from pytest_reinfer import FakeTenant
tenant = FakeTenant(seed=7)
tenant.add_dataset("acme/support", comments=50)
print(tenant.token, hashlib.sha256(json.dumps(tenant.exported("acme/support")).encode()).hexdigest())
"""


def test_a_seed_gives_the_same_tenant_in_every_process() -> None:
    outputs = {
        subprocess.run(  # noqa: S603 -- this interpreter
            [sys.executable, "-c", DIGEST], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1


def test_another_seed_gives_another_tenant() -> None:
    first, second = FakeTenant(seed=1), FakeTenant(seed=2)
    for tenant in (first, second):
        tenant.add_dataset("acme/support", comments=5)
    assert first.token != second.token
    assert first.dataset("acme/support").id != second.dataset("acme/support").id
    texts = [[each["messages"] for each in tenant.comments("acme/support")] for tenant in (first, second)]
    assert texts[0] != texts[1]


def test_every_id_is_new() -> None:
    tenant = FakeTenant()
    ids = [tenant.add_dataset(f"p{number}/d", comments=1).id for number in range(50)]
    ids += [each.id for each in (*tenant.sources, *tenant.projects)]
    assert len(set(ids)) == 150


# ------------------------------------------------------------------------------------------------------- threads


def test_threads_may_change_and_read_one_tenant_at_once() -> None:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=100)

    def work(number: int) -> None:
        for step in range(10):
            tenant.add_comments("acme/support", [comment(f"{number}-{step}")])
            page = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {"limit": 256})
            assert len({entry["comment"]["uid"] for entry in page.json["comments"]}) >= 100

    in_threads(work)
    assert len(tenant.exported("acme/support")) == 180
    assert json.dumps(tenant.exported("acme/support"))


# ------------------------------------------------------------------------------------------ and at the edges


@pytest.mark.parametrize(
    ("method", "path", "told"),
    [
        ("GET", "/api/v1/nowhere", "GET /api/v1/nowhere\n  The API has no such route.\n"),
        ("PATCH", "/api/v1/datasets", "PATCH /api/v1/datasets\n  The API has this path, but not with this method: it "),
    ],
)
def test_what_a_test_should_not_ask_is_told_when_it_is_checked(method: str, path: str, told: str) -> None:
    tenant = FakeTenant()
    ask(tenant, method, path)
    with pytest.raises(AssertionError) as error:
        tenant.check()
    assert told in str(error.value)


def test_what_a_tenant_holds_shows_its_kind_name_and_id() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=1)
    (source,), (project,) = tenant.sources, tenant.projects
    assert repr(dataset) == f"Dataset('acme/support', id='{dataset.id}')"
    assert repr(source) == f"Source('acme/support', id='{source.id}')"
    assert repr(project) == f"Project('acme', id='{project.id}')"


@pytest.mark.parametrize("attribute", ["token", "username", "permissions"])
def test_a_user_in_hand_does_not_change(attribute: str) -> None:
    user = FakeTenant().user("admin")
    with pytest.raises(AttributeError):
        setattr(user, attribute, None)


def test_what_is_added_is_what_is_found() -> None:
    tenant = FakeTenant()
    project = tenant.add_project("acme", title="Acme", description="All of it")
    assert project == tenant.project("acme") == tenant.projects[0]
    assert (project.name, project.title, project.full_name, project.owner) == ("acme", "Acme", "acme", "acme")
    assert project.fields["created_at"] == project.fields["updated_at"]
    source = tenant.add_source("acme/mail", title="Mail")
    assert source == tenant.source("acme/mail") == tenant.sources[0]
    assert (source.name, source.title, source.full_name, source.owner) == ("mail", "Mail", "acme/mail", "acme")


def test_projects_and_sources_carry_the_moment_they_were_made() -> None:
    tenant = FakeTenant()
    source = tenant.add_source("acme/mail")
    project = tenant.project("acme")
    assert (project.fields["created_at"], project.fields["updated_at"]) == ("2024-01-15T09:00:00.001000Z",) * 2
    names = ("created_at", "updated_at", "last_modified")
    assert [source.fields[name] for name in names] == ["2024-01-15T09:00:00.002000Z"] * 3


def test_deleting_a_comment_leaves_one_of_the_same_id_in_another_source_labelled() -> None:
    tenant = FakeTenant()
    sources = [tenant.add_source(f"acme/{name}", comments=[comment("a")]) for name in ("one", "two")]
    dataset = tenant.add_dataset("acme/support", sources=sources)
    for source in sources:
        tenant.annotate(dataset, f"{source.id}.a", ["Claim"])
    tenant.delete_comments(f"{sources[0].id}.a")
    (entry,) = tenant.exported(dataset)
    assert entry["comment"]["source_id"] == sources[1].id
    assert [label["name"] for label in entry["annotations"]["labels"]["assigned"]] == ["Claim"]


def test_a_comment_without_labels_says_so() -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", comments=[comment("a"), comment("b")])
    tenant.predict(dataset, f"{dataset.source_ids[0]}.a", {"Claim": 0.5})
    assert [each["has_annotations"] for each in tenant.comments("acme/support")] == [False, False]


def test_a_comment_is_flagged_for_its_own_labels_in_any_dataset() -> None:
    tenant = FakeTenant()
    sources = [tenant.add_source(f"acme/{name}", comments=[comment("a"), comment("b")]) for name in ("one", "two")]
    first, second = (tenant.add_dataset(f"acme/{name}", sources=sources) for name in ("first", "second"))
    one, two = (source.id for source in sources)
    tenant.annotate(first, f"{one}.a", ["Claim"])
    tenant.annotate(second, f"{one}.b", ["Claim"])
    tenant.annotate(second, f"{two}.a", [])
    flags = {each["uid"]: each["has_annotations"] for source in sources for each in tenant.comments(source)}
    assert flags == {f"{one}.a": True, f"{one}.b": True, f"{two}.a": False, f"{two}.b": False}


def test_a_timestamp_beyond_the_calendar_is_told_with_the_reason() -> None:
    tenant = FakeTenant()
    tenant.add_source("acme/mail")
    with pytest.raises(ValueError, match=r"0001-01-01T00:00:00\+14:00 is outside the years 1 to 9999 in UTC"):
        tenant.add_comments("acme/mail", [comment("a", "0001-01-01T00:00:00+14:00")])
