"""The comment routes: what an upload creates, replaces, leaves as it is and refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, everything

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.tenant import Source

    Send = Callable[..., Answer]
    Sync = Callable[..., dict[str, int]]

SYNC = "/api/v1/sources/acme/mail/sync"


@pytest.fixture(autouse=True)
def source(tenant: FakeTenant) -> Source:
    return tenant.add_source("acme/mail")


@pytest.fixture
def sync(send: Send) -> Sync:
    """Upload comments, and tell what became of them but for counts of none."""

    def sync(*comments: Any) -> dict[str, int]:
        answer = send("POST", SYNC, {"comments": comments})
        assert answer.status == 200, answer
        counts = {name: count for name, count in answer.json.items() if name != "status"}
        assert len(counts) == 5
        assert counts["new"] + counts["updated"] + counts["unchanged"] == len(comments)
        assert counts["updated"] == counts["updated_text_changed"] + counts["updated_properties_only"]
        return {name: count for name, count in counts.items() if count}

    return sync


# ------------------------------------------------------------------------------------------------------------ storing


def test_a_comment_of_a_new_id_is_created_with_the_defaults(tenant: FakeTenant, source: Source, sync: Sync) -> None:
    given = comment("a.b", thread_id="t", user_properties={"number:Value": 1.5})
    assert sync(given, comment("c")) == {"new": 2}
    first, second = (tenant.comment(f"{source.id}.{name}") for name in ("a.b", "c"))
    assert first.items() >= given.items()
    assert (first["text_format"], first["attachments"], first["has_annotations"]) == ("plain", [], False)
    assert (second["user_properties"], "thread_id" in second) == ({}, False)
    assert first["created_at"] == first["last_modified"] < second["created_at"] == second["last_modified"]


def test_a_comment_of_a_known_id_is_replaced_whole(tenant: FakeTenant, source: Source, sync: Sync) -> None:
    sync(comment("a", thread_id="t", user_properties={"string:A": "b"}), comment("other"))
    before, other = tenant.comment(f"{source.id}.a"), tenant.comment(f"{source.id}.other")
    given = comment("a", "2024-02-01T10:00:00+02:00", text_format="markdown")
    given["messages"] = [{"body": {"text": "new"}, "sent_at": "2024-02-01T10:00:00.5+02:00"}]
    assert sync(given) == {"updated": 1, "updated_text_changed": 1}
    after = tenant.comment(f"{source.id}.a")
    assert (after["timestamp"], after["text_format"]) == ("2024-02-01T08:00:00Z", "markdown")
    assert after["messages"] == [{"body": {"text": "new"}, "sent_at": "2024-02-01T08:00:00.500000Z"}]
    assert (after["user_properties"], "thread_id" in after) == ({}, False)
    assert after["created_at"] == before["created_at"] < after["last_modified"]
    assert int(after["context"]) > int(before["context"])
    assert tenant.comment(f"{source.id}.other") == other


def test_what_is_sent_again_is_unchanged_and_no_stamp_moves(tenant: FakeTenant, sync: Sync) -> None:
    uploads = [
        comment("a", "2024-01-01", user_properties={"number:Value": 1, "string:A": "b"}),
        comment("b", attachments=[{"name": "n", "size": 1, "content_type": "t"}]),
    ]
    uploads[0]["messages"][0]["sent_at"] = "2024-01-01"
    sync(*uploads)
    before, now = everything(tenant), tenant.snapshot().now
    again = [dict(reversed(each.items())) for each in uploads]
    again[0] |= {"timestamp": "2024-01-01T02:00:00+02:00", "user_properties": {"string:A": "b", "number:Value": 1}}
    again[0]["messages"] = [{"sent_at": "2023-12-31T23:00-01", "body": {"text": "a"}}]
    again[1] |= {"text_format": "plain", "user_properties": {}}
    assert sync(*uploads) == sync(*again) == {"unchanged": 2}
    assert (everything(tenant), tenant.snapshot().now) == (before, now)


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2024-01-01T00:00:00.000001Z"},
        {"thread_id": "other"},
        {"user_properties": {}},
        {"user_properties": {"string:A": "b", "number:Value": 2}},
        {"text_format": "markdown"},
        {"attachments": [{"name": "n", "size": 1, "content_type": "t"}]},
    ],
)
def test_other_fields_are_counted_apart_from_other_messages(sync: Sync, change: Any) -> None:
    given = comment("a", thread_id="t", user_properties={"string:A": "b", "number:Value": 1})
    sync(given)
    assert sync({**given, **change}) == {"updated": 1, "updated_properties_only": 1}
    assert sync({**given, **change}) == {"unchanged": 1}
    assert sync(given) == {"updated": 1, "updated_properties_only": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"body": {"text": "other"}},
        {"body": {"text": "a", "text_markup": {"bold": True}}},
        {"body": {"text": "a", "text_markup": {"bold": 1}}, "subject": {"text": ""}},
        {"body": {"text": "a"}, "sent_at": "2024-01-01T00:00:00Z"},
        {"body": {"text": "a"}, "to": ["alice@company.com"]},
    ],
)
def test_messages_that_differ_in_any_way_are_a_changed_text(sync: Sync, change: Any) -> None:
    sync(comment("a"))
    assert sync({**comment("a"), "messages": [change]}) == {"updated": 1, "updated_text_changed": 1}
    assert sync({**comment("a"), "messages": [change, change]}) == {"updated": 1, "updated_text_changed": 1}


def test_the_order_of_keys_makes_no_difference_beside_what_does(sync: Sync) -> None:
    message = {"body": {"text": "one"}, "subject": {"text": "two"}}
    turned = dict(reversed(message.items()))
    sync({**comment("a"), "messages": [message]})
    assert sync({**comment("a"), "messages": [turned]}) == {"unchanged": 1}
    later = {**comment("a", "2024-02-01T00:00:00.5Z"), "messages": [turned]}
    assert sync(later) == {"updated": 1, "updated_properties_only": 1}
    swapped = {"body": {"text": "two"}, "subject": {"text": "one"}}
    assert sync({**later, "messages": [swapped]}) == {"updated": 1, "updated_text_changed": 1}
    assert sync({**later, "messages": [swapped], "thread_id": ""}) == {"updated": 1, "updated_properties_only": 1}
    quoting = {
        **later,
        "id": 'b,"messages":["uid":',
        "messages": [{"body": {"text": ',"uid":"created_at":', "text_markup": {"uid": [], "created_at": 1}}}],
    }
    assert sync(quoting) == {"new": 1}
    assert sync(quoting) == {"unchanged": 1}
    assert sync({**quoting, "user_properties": {"string:A": '"created_at":'}}) == {
        "updated": 1,
        "updated_properties_only": 1,
    }


def test_true_and_1_are_two_things(tenant: FakeTenant, source: Source, sync: Sync) -> None:
    for markup in (1, True, 1.0):
        given = {**comment("a"), "messages": [{"body": {"text": "a", "text_markup": markup}}]}
        sync(given)
        assert repr(tenant.comment(f"{source.id}.a")["messages"]) == repr(given["messages"])


def test_an_id_that_stands_in_a_batch_twice_is_applied_twice(tenant: FakeTenant, source: Source, sync: Sync) -> None:
    sync(comment("old"))
    batch = [
        *(comment("a"), comment("b"), comment("a"), comment("a", thread_id="1"), comment("a", thread_id="2")),
        *(comment("old", thread_id="1"), comment("old"), comment("old")),
    ]
    assert sync(*batch) == {"new": 2, "updated": 4, "updated_properties_only": 4, "unchanged": 2}
    last = tenant.comment(f"{source.id}.a")
    assert last["thread_id"] == "2"
    assert last["created_at"] < tenant.comment(f"{source.id}.b")["created_at"] < last["last_modified"]
    assert [each["id"] for each in tenant.comments("acme/mail")] == ["a", "b", "old"]


def test_an_empty_batch_changes_nothing(tenant: FakeTenant, sync: Sync) -> None:
    before = everything(tenant)
    assert sync() == {}
    assert everything(tenant) == before


def test_labels_stay_whatever_is_uploaded(tenant: FakeTenant, source: Source, sync: Sync) -> None:
    sync(comment("a"))
    tenant.add_dataset("acme/support", sources=[source], labels=["Claim"])
    tenant.annotate("acme/support", f"{source.id}.a", ["Claim"])
    tenant.predict("acme/support", f"{source.id}.a", {"Claim": 0.5})
    (before,) = tenant.exported("acme/support")
    assert sync(comment("a")) == {"unchanged": 1}
    sync({**comment("a"), "messages": []})
    (after,) = tenant.exported("acme/support")
    assert (after["annotations"], after["predictions"]) == (before["annotations"], before["predictions"])
    assert (after["comment"]["messages"], after["comment"]["has_annotations"]) == ([], True)


@pytest.mark.parametrize("size", [3, 100])
def test_an_export_follows_uploads_in_both_orders(tenant: FakeTenant, source: Source, sync: Sync, size: int) -> None:
    tenant.add_dataset("acme/support", sources=[source])
    first = [comment(f"{n}", f"2024-01-01T00:{n % 60:02}:{n // 60:02}Z") for n in range(size)]
    sync(*first)
    turned = [{**each, "timestamp": first[-1 - n]["timestamp"]} for n, each in enumerate(first)]
    new = [comment(f"new-{n}", "2024-01-01T00:00:30Z") for n in range(size)]
    sync(*(each for pair in zip(turned, new, strict=True) for each in pair))
    for order in ("timestamp", "created_at"):
        page = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {"limit": 256, "order_by": order}).json
        assert page["comments"] == tenant.exported("acme/support", order_by=order)
        moments = [each["comment"][order] for each in page["comments"]]
        assert (len(moments), moments) == (2 * size, sorted(moments))


def test_a_page_goes_on_after_an_upload(tenant: FakeTenant, source: Source, sync: Sync) -> None:
    tenant.add_dataset("acme/support", sources=[source])
    sync(*(comment(f"{n}", f"2024-01-01T00:00:0{n}Z") for n in range(4)))
    path = "/api/v1/datasets/acme/support/export"
    page = ask(tenant, "POST", path, {"limit": 2}).json
    sync(comment("1", "2024-01-01T00:00:01Z", thread_id="t"), comment("new", "2024-01-01T00:00:02Z"))
    again = ask(tenant, "POST", path, {"limit": 2}).json
    for continuation in (page["continuation"], again["continuation"]):
        rest = ask(tenant, "POST", path, {"continuation": continuation}).json
        assert [each["comment"]["id"] for each in rest["comments"]] == ["2", "new", "3"]


def test_comments_that_were_arranged_are_replaced_as_uploaded_ones(tenant: FakeTenant, sync: Sync) -> None:
    (uid,) = tenant.add_comments("acme/mail", [comment("a", created_at="2020-01-01", last_modified="2020-01-02")])
    assert sync(comment("a")) == {"unchanged": 1}
    assert tenant.comment(uid)["last_modified"] == "2020-01-02T00:00:00Z"
    sync(comment("a", thread_id="t"), comment("b"))
    assert tenant.comment(uid)["created_at"] == "2020-01-01T00:00:00Z"
    assert tenant.comment(uid)["last_modified"] > "2024"
    tenant.add_comments("acme/mail", [comment("c")])
    tenant.delete_comments(uid)
    assert sync(comment("a"), comment("b"), comment("c")) == {"new": 1, "unchanged": 2}
    assert tenant.comment(uid)["created_at"] > "2024"


def test_generated_comments_that_are_uploaded_as_they_were_exported_are_unchanged(
    tenant: FakeTenant, sync: Sync
) -> None:
    tenant.add_comments("acme/mail", 40)
    fields = contract.node("objects/new_comment.json")["properties"]
    exported = [{name: each[name] for name in fields if name in each} for each in tenant.comments("acme/mail")]
    assert sync(*exported) == {"unchanged": 40}


def test_a_snapshot_keeps_what_was_there_before_an_upload(tenant: FakeTenant, sync: Sync) -> None:
    sync(comment("a"))
    snapshot, before = tenant.snapshot(), everything(tenant)
    sync(comment("a", thread_id="t"), comment("b"))
    tenant.restore(snapshot)
    assert everything(tenant) == before


def test_no_charge_is_ignored(tenant: FakeTenant, send: Send) -> None:
    answer = send("POST", f"{SYNC}?no_charge=true", {"comments": [comment("a")]})
    assert answer.json["new"] == len(tenant.comments("acme/mail")) == 1


def test_a_whole_batch_of_16384_comments_is_stored_and_replaced(tenant: FakeTenant) -> None:
    most = contract.node("routes/sync_comments.json#/properties/body/properties/comments")["maxItems"]
    batch = [comment(f"{number}") for number in range(most)]
    assert ask(tenant, "POST", SYNC, {"comments": batch}).json["new"] == most == 16384
    changed = [{**each, "thread_id": "t"} for each in reversed(batch)]
    assert ask(tenant, "POST", SYNC, {"comments": changed}).json["updated"] == most
    assert len(tenant.comments("acme/mail")) == most


# ----------------------------------------------------------------------------------------------------------- refusing


def test_a_user_needs_the_permission_to_edit_messages(tenant: FakeTenant, send: Send, refused: Send) -> None:
    writer = tenant.add_user("writer", permissions={"acme": ["Edit messages"]})
    reader = tenant.add_user("reader", permissions={"acme": ["Sources admin"]})
    body = {"comments": [comment("a")]}
    assert refused(403, "POST", SYNC, body, user=reader).message == "403 Forbidden"
    assert send("POST", SYNC, body, user=writer).json["new"] == 1


@pytest.mark.parametrize("path", ["acme/nothing", "nowhere/mail", "acme/support"])
def test_a_source_that_is_not_there_is_404(tenant: FakeTenant, source: Source, refused: Send, path: str) -> None:
    tenant.add_dataset("acme/support", sources=[source])
    answer = refused(404, "POST", f"/api/v1/sources/{path}/sync", {"comments": [comment("a")]})
    assert answer.message == "404 Not Found"


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"created_at": "2024-01-01T00:00:00Z"}, "'created_at' was unexpected"),
        ({"last_modified": "2024-01-01T00:00:00Z"}, "'last_modified' was unexpected"),
        ({"uid": "18ba5ce699f8da1f.b"}, "'uid' was unexpected"),
        ({"id": "a b"}, "'a b' does not match"),
        ({"timestamp": "yesterday"}, "'yesterday' does not match"),
        ({"user_properties": {"Team": "North"}}, "'Team' does not match any of the regexes"),
        ({"user_properties": {"number:Value": "1"}}, "'1' is not of type 'number'"),
        ({"user_properties": None}, "None is not of type 'object'"),
        ({"attachments": [{"name": "n"}]}, "'size' is a required property"),
    ],
)
def test_one_comment_that_does_not_fit_refuses_the_batch(refused: Send, bad: Any, words: str) -> None:
    batch = [comment("a"), {**comment("b"), **bad}, comment("c")]
    assert words in refused(400, "POST", SYNC, {"comments": batch}).message


def test_a_timestamp_that_means_no_moment_refuses_the_batch(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_comments("acme/mail", [comment("a")])
    now = tenant.snapshot().now
    for bad in ({"timestamp": "2024-02-30"}, {"messages": [{"body": {"text": ""}, "sent_at": "2024-02-30"}]}):
        batch = [comment("a", thread_id="t"), comment("b"), {**comment("c"), **bad}]
        answer = refused(422, "POST", SYNC, {"comments": batch})
        assert answer.message == "The value '2024-02-30' is not a valid timestamp."
    assert tenant.snapshot().now == now


def test_the_route_has_no_other_method(refused: Send) -> None:
    assert refused(405, "PUT", SYNC, {"comments": []}).headers["Allow"] == "POST"
