"""The export: filters, orders, pages and continuations."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from conftest import Answer

    Send = Callable[..., Answer]

EXPORT = "/api/v1/datasets/acme/support/export"
JUNE = [f"2024-06-{day:02}T12:00:00Z" for day in range(1, 11)]


def ids(page: Any) -> list[str]:
    return [entry["comment"]["id"] for entry in page["comments"]]


def walk(send: Send, **body: Any) -> Iterator[Any]:
    while True:
        page = send("POST", EXPORT, body).json
        yield page
        if "continuation" not in page:
            return
        body["continuation"] = page["continuation"]


@pytest.fixture
def ten(tenant: FakeTenant) -> FakeTenant:
    """Ten comments a to j, one a day, uploaded in the opposite order."""
    uploads = [comment(name, stamp) for name, stamp in zip("abcdefghij", JUNE, strict=True)]
    tenant.add_dataset("acme/support", comments=reversed(uploads))
    return tenant


# ----------------------------------------------------------------------------------------------------- answers


def test_an_exported_comment_has_every_documented_key(tenant: FakeTenant, send: Send) -> None:
    dataset = tenant.add_dataset("acme/support", comments=[comment("a", thread_id="t")])
    uid = f"{dataset.source_ids[0]}.a"
    tenant.annotate(dataset, uid, ["Parent", {"name": "Parent > Child", "sentiment": "negative"}])
    tenant.predict(dataset, uid, [{"name": "Other", "probability": 0.9, "sentiment": -0.4}])
    (entry,) = send("POST", EXPORT, {"limit": 1}).json["comments"]
    assert entry["annotations"] == {
        "labels": {
            "assigned": [
                {"name": "Parent", "sentiment": "positive"},
                {"name": "Parent > Child", "sentiment": "negative"},
            ]
        }
    }
    assert entry["predictions"] == {"labels": [{"name": "Other", "probability": 0.9, "sentiment": -0.4}]}
    stamps = {name: entry["comment"].pop(name) for name in ("created_at", "last_modified", "context")}
    assert entry["comment"] == {
        "id": "a",
        "uid": uid,
        "source_id": dataset.source_ids[0],
        "timestamp": "2024-01-01T00:00:00Z",
        "messages": [{"body": {"text": "a"}}],
        "text_format": "plain",
        "thread_id": "t",
        "user_properties": {},
        "attachments": [],
        "has_annotations": True,
    }
    assert re.fullmatch(r"\d{13}", stamps["context"])
    assert stamps["created_at"] == stamps["last_modified"] == "2024-01-15T09:00:00.004000Z"


def test_sentiments_are_left_out_where_the_dataset_has_none(tenant: FakeTenant, send: Send) -> None:
    dataset = tenant.add_dataset("acme/support", comments=[comment("a")], has_sentiment=False)
    uid = f"{dataset.source_ids[0]}.a"
    tenant.annotate(dataset, uid, [{"name": "A", "sentiment": "positive"}])
    tenant.predict(dataset, uid, [{"name": "A", "probability": 0.5, "sentiment": 0.1}])
    (entry,) = send("POST", EXPORT, {}).json["comments"]
    assert entry["annotations"]["labels"]["assigned"] == [{"name": "A"}]
    assert entry["predictions"]["labels"] == [{"name": "A", "probability": 0.5}]


def test_timestamps_come_back_in_utc_with_six_digits_or_none(tenant: FakeTenant, send: Send) -> None:
    given_and_got = {
        "2011-12-11T11:05:10.000000+00:00": "2011-12-11T11:05:10Z",
        "2011-12-11T11:05:10.5+05:30": "2011-12-11T05:35:10.500000Z",
        "2020-02-29T23:59:59.999999-01:00": "2020-03-01T00:59:59.999999Z",
        "2020-06-03T16:05:00": "2020-06-03T16:05:00Z",
        "0001-01-01T00:00:00Z": "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59Z": "9999-12-31T23:59:59Z",
    }
    uploads = [comment(str(number), stamp) for number, stamp in enumerate(given_and_got)]
    uploads[0]["messages"][0]["sent_at"] = "2011-12-11T12:05:10+01:00"
    tenant.add_dataset("acme/support", comments=uploads)
    got = {entry["comment"]["id"]: entry["comment"] for entry in send("POST", EXPORT, {}).json["comments"]}
    assert [got[str(number)]["timestamp"] for number in range(len(uploads))] == list(given_and_got.values())
    assert got["0"]["messages"][0]["sent_at"] == "2011-12-11T11:05:10Z"


def test_an_empty_dataset_and_one_without_sources_answer_an_empty_page(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/support")
    assert send("POST", EXPORT, {}).json == {"comments": [], "status": "ok"}
    tenant.add_dataset("acme/empty", sources=[tenant.add_source("acme/mail")])
    assert send("POST", "/api/v1/datasets/acme/empty/export", {}).json == {"comments": [], "status": "ok"}


# ------------------------------------------------------------------------------------------------------- pages


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 128, 129])
def test_the_default_page_holds_64_and_the_last_has_no_continuation(tenant: FakeTenant, send: Send, size: int) -> None:
    tenant.add_dataset("acme/support", comments=size)
    pages = list(walk(send))
    assert [len(page["comments"]) for page in pages] == [64] * ((size - 1) // 64) + [(size - 1) % 64 + 1 if size else 0]
    assert [entry for page in pages for entry in page["comments"]] == tenant.exported("acme/support")


@pytest.mark.parametrize("limit", [1, 2, 5, 9, 10, 11, 256])
def test_any_limit_gives_all_comments_once_in_order(ten: FakeTenant, send: Send, limit: int) -> None:
    pages = list(walk(send, limit=limit))
    assert "".join(name for page in pages for name in ids(page)) == "abcdefghij"
    assert all(len(page["comments"]) == limit for page in pages[:-1])


def test_a_limit_may_be_written_as_a_whole_float(ten: FakeTenant, send: Send) -> None:
    assert ids(send("POST", EXPORT, {"limit": 2.0}).json) == ["a", "b"]


def test_a_continuation_has_the_documented_form(ten: FakeTenant, send: Send) -> None:
    token = send("POST", EXPORT, {"limit": 3}).json["continuation"]
    assert re.fullmatch(r"2024-06-03T12:00:00Z\.[0-9a-f]{32}", token)


def test_a_continuation_holds_a_fraction_where_the_moment_has_one(tenant: FakeTenant, send: Send) -> None:
    uploads = [comment(name, f"2024-06-01T12:00:00.00{name}Z") for name in "123"]
    tenant.add_dataset("acme/support", comments=uploads)
    assert [ids(page) for page in walk(send, limit=1)] == [["1"], ["2"], ["3"]]


def test_equal_moments_are_ordered_by_uid_across_sources(tenant: FakeTenant, send: Send) -> None:
    sources = [tenant.add_source(f"acme/{name}", comments=[comment(c) for c in "ba.c"]) for name in "xyz"]
    tenant.add_dataset("acme/support", sources=sources)
    expected = sorted(f"{source.id}.{name}" for source in sources for name in "ba.c")
    for order_by in ("timestamp", "created_at"):
        got = [entry["comment"]["uid"] for page in walk(send, limit=2, order_by=order_by) for entry in page["comments"]]
        assert sorted(got) == expected
    got = [entry["comment"]["uid"] for page in walk(send, limit=2) for entry in page["comments"]]
    assert got == expected


def test_ids_may_hold_dots(tenant: FakeTenant, send: Send) -> None:
    names = ["a.b", "a", "a.b.c", ".", "..a"]
    dataset = tenant.add_dataset("acme/support", comments=[comment(name) for name in names])
    assert [name for page in walk(send, limit=1) for name in ids(page)] == sorted(names)
    uids = [f"{dataset.source_ids[0]}.{name}" for name in names[:2]]
    assert ids(send("POST", EXPORT, {"comment_uids": uids}).json) == ["a", "a.b"]


# ----------------------------------------------------------------------------------------------------- filters


def test_order_by_created_at_is_the_order_of_the_upload(ten: FakeTenant, send: Send) -> None:
    assert "".join(ids(send("POST", EXPORT, {"order_by": "created_at"}).json)) == "jihgfedcba"
    assert "".join(ids(send("POST", EXPORT, {"order_by": "timestamp"}).json)) == "abcdefghij"
    assert "".join(name for page in walk(send, order_by="created_at", limit=3) for name in ids(page)) == "jihgfedcba"


@pytest.mark.parametrize(
    ("bounds", "expected"),
    [
        ({"from": JUNE[3]}, "defghij"),
        ({"to": JUNE[3]}, "abcd"),
        ({"from": JUNE[3], "to": JUNE[3]}, "d"),
        ({"from": JUNE[4], "to": JUNE[3]}, ""),
        ({"from": "2024-06-04T12:00:00.000001Z"}, "efghij"),
        ({"to": "2024-06-04T11:59:59.999999Z"}, "abc"),
        ({"from": "2024-06-04T17:30:00+05:30"}, "defghij"),
        ({"to": "2024-06-04T07:00:00-0500"}, "abcd"),
        ({"from": "2024-06-04T12:00:00"}, "defghij"),
        ({"from": "2024-06-04"}, "defghij"),
        ({"to": "2024-06-04"}, "abc"),
        ({"from": "2024-06-04T12:00:00,0Z", "to": "2024-06-05 12:00Z"}, "de"),
        ({"from": "0001-01-01T00:00:00Z", "to": "9999-12-31T23:59:59.999999Z"}, "abcdefghij"),
    ],
)
def test_from_and_to_are_inclusive_in_any_notation(
    ten: FakeTenant, send: Send, bounds: dict[str, str], expected: str
) -> None:
    assert "".join(ids(send("POST", EXPORT, bounds).json)) == expected
    assert "".join(name for page in walk(send, limit=1, **bounds) for name in ids(page)) == expected


def test_from_and_to_compare_what_order_by_names(ten: FakeTenant, send: Send) -> None:
    created = [entry["comment"]["created_at"] for entry in ten.exported("acme/support", order_by="created_at")]
    bounds = {"from": created[2], "to": created[4]}
    assert "".join(ids(send("POST", EXPORT, {"order_by": "created_at", **bounds}).json)) == "hgf"
    assert ids(send("POST", EXPORT, bounds).json) == []


@pytest.mark.parametrize("stamp", ["2024-02-30", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00"])
def test_a_timestamp_that_means_no_moment_is_422(ten: FakeTenant, refused: Send, stamp: str) -> None:
    for name in ("from", "to"):
        message = refused(422, "POST", EXPORT, {name: stamp}).message
        assert message == f"The value '{stamp}' is not a valid timestamp."


def test_source_ids_restrict_and_unknown_ones_match_nothing(tenant: FakeTenant, send: Send) -> None:
    sources = [tenant.add_source(f"acme/{name}", comments=[comment(name)]) for name in "xyz"]
    foreign = tenant.add_source("acme/foreign", comments=[comment("f")])
    tenant.add_dataset("acme/support", sources=sources)
    first, second, _ = (source.id for source in sources)
    for wanted, expected in [([first], "x"), ([second, first, second], "xy"), ([foreign.id, "0" * 16], ""), ([], "")]:
        assert "".join(sorted(ids(send("POST", EXPORT, {"source_ids": wanted}).json))) == expected


def test_comment_uids_give_those_comments_in_order_and_no_others(ten: FakeTenant, send: Send) -> None:
    source_id = ten.dataset("acme/support").source_ids[0]
    foreign = ten.add_source("acme/foreign", comments=[comment("a")]).id
    uids = [f"{source_id}.{name}" for name in ("e", "b", "e", "gone")] + [f"{foreign}.a", f"{'0' * 16}.a"]
    assert ids(send("POST", EXPORT, {"comment_uids": uids}).json) == ["b", "e"]
    assert ids(send("POST", EXPORT, {"comment_uids": uids, "order_by": "created_at"}).json) == ["e", "b"]
    assert [ids(page) for page in walk(send, comment_uids=uids, limit=1)] == [["b"], ["e"]]
    assert ids(send("POST", EXPORT, {"comment_uids": []}).json) == []


@pytest.mark.parametrize("other", [{"source_ids": []}, {"from": "2024-01-01"}, {"to": "2024-01-01"}])
def test_comment_uids_stand_alone(ten: FakeTenant, refused: Send, other: dict[str, Any]) -> None:
    message = refused(400, "POST", EXPORT, {"comment_uids": [], **other}).message
    assert message == f"400 Bad Request: no other filter may be passed with comment_uids: {next(iter(other))}"


UID = f"{'0' * 16}.a"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"limit": 0}, "0 is less than the minimum of 1"),
        ({"limit": -1}, "-1 is less than the minimum of 1"),
        ({"limit": 257}, "257 is greater than the maximum of 256"),
        ({"limit": "5"}, "'5' is not of type 'integer'"),
        ({"limit": True}, "True is not of type 'integer'"),
        ({"limit": 1.5}, "1.5 is not of type 'integer'"),
        ({"limit": None}, "None is not of type 'integer'"),
        ({"order_by": "id"}, "'id' is not one of ['created_at', 'timestamp']"),
        ({"continuation": 5}, "5 is not of type 'string'"),
        ({"comment_uids": UID}, f"{UID!r} is not of type 'array'"),
        ({"comment_uids": [UID] * 257}, f"{[UID] * 257!r} is too long"),
        ({"comment_uids": ["a"]}, "'a' does not match"),
        ({"comment_uids": [UID + "\n"]}, "does not match"),
        ({"source_ids": ["0" * 16] * 1025}, "is too long"),
        ({"from": "yesterday"}, "'yesterday' does not match"),
        ({"from": 1718000000}, "1718000000 is not of type 'string'"),
        ({"offset": 5}, "Additional properties are not allowed ('offset' was unexpected)"),
    ],
)
def test_a_body_that_breaks_its_schema_is_400_in_the_words_of_jsonschema(
    ten: FakeTenant, refused: Send, body: dict[str, Any], message: str
) -> None:
    assert message in refused(400, "POST", EXPORT, body).message


def test_an_infinite_limit_is_400(ten: FakeTenant, refused: Send) -> None:
    for number in ("1e999", "-1e999"):
        message = refused(400, "POST", EXPORT, body=b'{"limit": %b}' % number.encode()).message
        assert message.endswith(f"{number} is too large a number")


def test_the_limits_themselves_are_legal(ten: FakeTenant, send: Send) -> None:
    for body in ({"limit": 1}, {"limit": 256}, {"comment_uids": [UID] * 256}, {"source_ids": ["0" * 16] * 1024}):
        assert send("POST", EXPORT, body).status == 200


# ----------------------------------------------------------------------------------------------- continuations


def spoiled(token: str) -> list[str]:
    stamp, _, digits = token.rpartition(".")
    other = f"{(int(digits[0], 16) + 1) % 16:x}"
    return [
        "",
        "x",
        token + "0",
        token[:-1],
        token.upper(),
        f"{stamp}.{other}{digits[1:]}",
        f"{stamp}.{digits[:-1]}{'0' if digits[-1] != '0' else '1'}",
        f"2024-06-09T12:00:00Z.{digits}",
        f"{stamp}.{'f' * 32}",
        digits,
        f"{token}\n",
    ]


def test_a_continuation_that_was_not_given_out_is_400(ten: FakeTenant, send: Send, refused: Send) -> None:
    token = send("POST", EXPORT, {"limit": 3}).json["continuation"]
    for bad in spoiled(token):
        message = refused(400, "POST", EXPORT, {"continuation": bad}).message
        assert message == f"400 Bad Request: '{bad}' is not a valid continuation"


def test_a_continuation_of_another_dataset_is_400(ten: FakeTenant, send: Send, refused: Send) -> None:
    token = send("POST", EXPORT, {"limit": 3}).json["continuation"]
    ten.add_dataset("acme/other", sources=["acme/support"])
    refused(400, "POST", "/api/v1/datasets/acme/other/export", {"continuation": token})


def test_a_continuation_fixes_the_position_and_the_filters_apply_as_sent(ten: FakeTenant, send: Send) -> None:
    token = send("POST", EXPORT, {"limit": 3}).json["continuation"]
    assert ids(send("POST", EXPORT, {"continuation": token, "limit": 2}).json) == ["d", "e"]
    assert ids(send("POST", EXPORT, {"continuation": token, "from": JUNE[7]}).json) == ["h", "i", "j"]
    assert ids(send("POST", EXPORT, {"continuation": token, "from": JUNE[0], "to": JUNE[4]}).json) == ["d", "e"]
    assert ids(send("POST", EXPORT, {"continuation": token, "limit": 2}).json) == ["d", "e"]


def test_a_continuation_of_what_a_restore_took_back_is_400(ten: FakeTenant, send: Send, refused: Send) -> None:
    snapshot = ten.snapshot()
    ten.add_comments("acme/support", [comment("y", "2030-01-01"), comment("z", "2031-01-01")])
    token = send("POST", EXPORT, {"limit": 11}).json["continuation"]
    ten.restore(snapshot)
    refused(400, "POST", EXPORT, {"continuation": token})
    ten.add_comments("acme/support", [comment("x", "2030-01-01")])
    refused(400, "POST", EXPORT, {"continuation": token})


def test_a_walk_goes_on_when_its_source_leaves_the_dataset(tenant: FakeTenant, send: Send) -> None:
    sources = [
        tenant.add_source(f"acme/{name}", comments=[comment(name, JUNE[0]), comment(f"{name}2", JUNE[1])])
        for name in "xy"
    ]
    tenant.add_dataset("acme/support", sources=sources)
    page = send("POST", EXPORT, {"limit": 1}).json
    gone = page["comments"][0]["comment"]["source_id"]
    kept = [source for source in sources if source.id != gone]
    send("POST", "/api/v1/datasets/acme/support", {"dataset": {"source_ids": [kept[0].id]}})
    rest = send("POST", EXPORT, {"continuation": page["continuation"]}).json
    assert ids(rest) == [kept[0].name, f"{kept[0].name}2"]


# ------------------------------------------------------------------------------ a walk while the comments change

MOMENTS = st.sampled_from(JUNE[:4])
NAMES = st.sampled_from([*"abcdef", "a.b", "b."])
EDITS = st.one_of(
    st.tuples(st.just("add"), NAMES, MOMENTS),
    st.tuples(st.just("change"), NAMES, MOMENTS),
    st.tuples(st.just("delete"), NAMES, MOMENTS),
)


def edit(tenant: FakeTenant, source_id: str, what: str, name: str, moment: str) -> None:
    """Make one change, where it can be made."""
    there = any(each["id"] == name for each in tenant.comments(tenant.sources[0]))
    if what == "add" and not there:
        tenant.add_comments(tenant.sources[0], [comment(name, moment)])
    elif what == "change" and there:
        tenant.update_comment(f"{source_id}.{name}", timestamp=moment)
    elif what == "delete" and there:
        tenant.delete_comments(f"{source_id}.{name}")


@given(
    start=st.dictionaries(NAMES, MOMENTS, max_size=8),
    edits=st.lists(st.lists(EDITS, max_size=3), max_size=6),
    limit=st.integers(1, 3),
    order_by=st.sampled_from(["timestamp", "created_at"]),
)
@settings(max_examples=200, deadline=None)
def test_a_walk_loses_nothing_and_gives_nothing_twice_while_comments_change(
    start: dict[str, str], edits: list[list[tuple[str, str, str]]], limit: int, order_by: str
) -> None:
    tenant = FakeTenant()
    dataset = tenant.add_dataset("acme/support", sources=[tenant.add_source("acme/support")])
    source_id = dataset.source_ids[0]
    tenant.add_comments("acme/support", [comment(name, moment) for name, moment in start.items()])
    untouched = set(start)
    seen: list[tuple[str, str, str]] = []
    changes = iter(edits)
    for page in walk(partial(ask, tenant), limit=limit, order_by=order_by):
        seen += [
            (each["comment"][order_by], each["comment"]["uid"], each["comment"]["id"]) for each in page["comments"]
        ]
        for what, name, moment in next(changes, ()):
            edit(tenant, source_id, what, name, moment)
            untouched.discard(name)
    assert [key[:2] for key in seen] == sorted({key[:2] for key in seen})
    names = [name for _, _, name in seen]
    assert all(names.count(name) == 1 for name in untouched)


# ------------------------------------------------------------------------------------------ and at the edges


def test_all_filters_that_may_not_accompany_comment_uids_are_told(ten: FakeTenant, refused: Send) -> None:
    body = {"comment_uids": [], "to": "2024-01-01", "from": "2024-01-01", "source_ids": []}
    message = refused(400, "POST", EXPORT, body).message
    assert message.endswith("no other filter may be passed with comment_uids: source_ids, from, to")


@pytest.mark.parametrize("count", [32, 33, 40])
def test_many_comments_uploaded_at_once_stand_in_both_orders(tenant: FakeTenant, send: Send, count: int) -> None:
    names = [f"{number:02}" for number in range(count)]
    uploads = [comment(name, f"2024-06-01T12:00:{59 - int(name)}Z") for name in names]
    tenant.add_dataset("acme/support", comments=uploads)
    assert ids(send("POST", EXPORT, {"order_by": "created_at"}).json) == names
    assert ids(send("POST", EXPORT, {"order_by": "timestamp"}).json) == names[::-1]


@pytest.mark.parametrize("sizes", [(0, 1, 3, 100, 40), (30, 30, 30, 30), (200, 2), (1, 1, 1)])
@pytest.mark.parametrize("order_by", ["timestamp", "created_at"])
@pytest.mark.parametrize("limit", [1, 7, 64])
def test_pages_of_several_sources_are_one_walk(
    tenant: FakeTenant, send: Send, sizes: tuple[int, ...], order_by: str, limit: int
) -> None:
    sources = [tenant.add_source(f"acme/s{number}", comments=size) for number, size in enumerate(sizes)]
    tenant.add_dataset("acme/support", sources=sources)
    entries = [entry for page in walk(send, limit=limit, order_by=order_by) for entry in page["comments"]]
    assert entries == tenant.exported("acme/support", order_by=order_by)
