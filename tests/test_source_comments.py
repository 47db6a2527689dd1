"""The comments of a source one by one, page by page, by thread; and those that are added or deleted."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, everything, in_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer.tenant import Source

    Send = Callable[..., Answer]

COMMENTS = "/api/v1/sources/acme/mail/comments"
PRIVATE = "/api/_private/sources/acme/mail/comments"
THREADS = "/api/v1/sources/acme/mail/threads"


@pytest.fixture(autouse=True)
def source(tenant: FakeTenant) -> Source:
    return tenant.add_source("acme/mail")


def ids(answer: Answer) -> list[str]:
    assert answer.status == 200, answer
    return [each["id"] for each in answer.json["comments"]]


def walk(tenant: FakeTenant, query: str = "limit=2") -> list[str]:
    """What a client gets that follows the continuations."""
    found, after = [], ""
    for _ in range(400):
        answer = ask(tenant, "GET", f"{PRIVATE}?{query}{after}")
        found += ids(answer)
        if "continuation" not in answer.json:
            return found
        assert ids(answer)
        after = f"&after={answer.json['continuation']}"
    raise AssertionError("The walk does not end.")


# ---------------------------------------------------------------------------------------------------------- one by one


def test_a_comment_is_shown_by_its_id_which_may_hold_dots_and_marks(tenant: FakeTenant, send: Send) -> None:
    for name in ("a.b", "a?b#c%d", "id:0"):
        (uid,) = tenant.add_comments("acme/mail", [comment(name)])
        escaped = name.replace("%", "%25").replace("?", "%3F").replace("#", "%23")
        assert send("GET", f"{COMMENTS}/{escaped}").json == {"comment": tenant.comment(uid), "status": "ok"}


def test_a_comment_that_is_not_there_is_404(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_source("acme/other", comments=[comment("a")])
    for path in (f"{COMMENTS}/a", "/api/v1/sources/acme/nothing/comments/a", "/api/v1/sources/no/mail/comments/a"):
        assert refused(404, "GET", path).message == "404 Not Found"


MARKUP = {"kind": "text", "thread_id": "inner", "children": [{"kind": "break"}]}


def marked(comment_id: str) -> Any:
    body = {"text": "a", "text_markup": MARKUP}
    signed = {"text": "b", "translated_from": "c", "translated_from_markup": [1.0]}
    return comment(comment_id, messages=[{"body": body, "signature": signed}, {"body": {"text": "d"}}])


def test_markup_comes_back_where_it_is_asked_for_and_nowhere_else(tenant: FakeTenant, send: Send) -> None:
    (uid,) = tenant.add_comments("acme/mail", [marked("a")])
    tenant.add_dataset("acme/support", sources=["acme/mail"])
    whole = tenant.comment(uid)
    assert whole["messages"] == marked("a")["messages"]
    bare = {**whole, "messages": [{"body": {"text": "a"}, "signature": {"text": "b", "translated_from": "c"}}]}
    bare["messages"] += whole["messages"][1:]
    for query, expected in (("", bare), ("?include_markup=false", bare), ("?include_markup=true", whole)):
        assert send("GET", f"{COMMENTS}/a{query}").json["comment"] == expected
        assert send("GET", PRIVATE + query).json["comments"] == [expected]
    page = send("POST", "/api/v1/datasets/acme/support/export", {}).json["comments"]
    assert page == tenant.exported("acme/support")
    assert page[0]["comment"] == bare


OTHERS = [  # that answer comments without being asked for their markup
    ("POST", "query", {"filter": {}, "order": {"kind": "recent"}}),
    ("POST", "recent", {"filter": {}, "limit": 9}),
    ("GET", "labellings?source_id={source_id}", None),
    ("POST", "labellings/{source_id}.a", {"labelling": []}),
]


@pytest.mark.parametrize("way", ["sync", "synced again", "put", "put again", "added", "updated"])
def test_an_export_and_others_leave_markup_out_however_it_came(tenant: FakeTenant, source: Source, way: str) -> None:
    tenant.add_dataset("acme/support", sources=[source], comments=3)
    if way in ("synced again", "put again", "updated"):
        tenant.add_comments(source, [comment("a")])
    snapshot = tenant.snapshot()
    told = {"context": tenant.comment(f"{source.id}.a")["context"]} if way == "put again" else {}
    if way.startswith("sync"):
        ask(tenant, "POST", "/api/v1/sources/acme/mail/sync", {"comments": [marked("a")]})
    elif way.startswith("put"):
        assert ask(tenant, "PUT", PRIVATE, {"comments": [{**marked("a"), **told}]}).status == 200
    elif way == "added":
        tenant.add_comments(source, [marked("a")])
    else:
        tenant.update_comment(f"{source.id}.a", messages=marked("a")["messages"])
    assert "text_markup" in tenant.comment(f"{source.id}.a")["messages"][0]["body"]
    for _ in "12":
        page = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {})
        assert page.json["comments"] == tenant.exported("acme/support")
        assert b"_markup" not in page.body
        for method, path, body in OTHERS:
            answer = ask(
                tenant, method, f"/api/_private/datasets/acme/support/{path.format(source_id=source.id)}", body
            )
            assert answer.status == 200
            assert b"_markup" not in answer.body
        tenant.add_comments(source, 2)  # to a copy of the table
        tenant.restore(tenant.snapshot())
    tenant.restore(snapshot)
    assert b"_markup" not in ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {}).body


def test_a_flag_that_is_neither_true_nor_false_is_400(refused: Send) -> None:
    for path in (f"{COMMENTS}/a?include_markup=1", f"{PRIVATE}?include_thread_properties="):
        assert "is not of type 'boolean'" in refused(400, "GET", path).message


# -------------------------------------------------------------------------------------------------------- page by page


def test_comments_come_by_timestamp_then_by_id_and_descending_in_the_other_order(tenant: FakeTenant) -> None:
    days = {"b": 2, "c": 1, "a": 2, "e": 1, "d": 3}
    tenant.add_comments("acme/mail", [comment(name, f"2024-01-0{day}") for name, day in days.items()])
    expected = ["c", "e", "a", "b", "d"]
    for limit in range(1, 7):
        assert walk(tenant, f"limit={limit}") == expected
        assert walk(tenant, f"limit={limit}&direction=ascending") == expected
        assert walk(tenant, f"limit={limit}&direction=descending") == expected[::-1]


def test_a_page_holds_64_comments_unless_it_is_told_and_256_at_most(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_comments("acme/mail", 300)
    assert len(ids(ask(tenant, "GET", PRIVATE))) == 64
    assert len(ids(ask(tenant, "GET", f"{PRIVATE}?limit=256"))) == 256
    assert walk(tenant, "") == [each["id"] for each in tenant.comments("acme/mail")]
    assert refused(400, "GET", f"{PRIVATE}?limit=257").message == "257 is greater than the maximum of 256"
    assert refused(400, "GET", f"{PRIVATE}?limit=0").message == "0 is less than the minimum of 1"
    assert refused(400, "GET", f"{PRIVATE}?limit=1x").message == "'1x' is not of type 'integer'"
    assert refused(400, "GET", f"{PRIVATE}?limit=1234567890").message.startswith("1234567890 is greater than")
    assert refused(400, "GET", f"{PRIVATE}?direction=up").message.startswith("'up' is not one of ['ascending', ")


def test_bounds_are_of_timestamp_and_inclusive_both_in_either_direction(tenant: FakeTenant) -> None:
    tenant.add_comments("acme/mail", [comment(f"{day}", f"2024-01-0{day}T10:00:00Z") for day in range(1, 7)])
    low, high = "from_timestamp=2024-01-02T10:00:00Z", "to_timestamp=2024-01-05T12:00:00%2B02:00"
    for direction, turn in (("ascending", 1), ("descending", -1)):
        query = f"limit=2&direction={direction}"
        assert walk(tenant, f"{query}&{low}&{high}") == list("2345")[::turn]
        assert walk(tenant, f"{query}&{low}") == list("23456")[::turn]
        assert walk(tenant, f"{query}&{high}") == list("12345")[::turn]
        assert walk(tenant, f"{query}&from_timestamp=2024-01-05T10:00:00.000001Z") == ["6"]
        assert walk(tenant, f"{query}&from_timestamp=2024-02-01") == []
        assert walk(tenant, f"{query}&from_timestamp=2024-01-05&to_timestamp=2024-01-02") == []


def test_the_vendors_client_sends_the_lower_bound_with_the_first_page_alone(tenant: FakeTenant) -> None:
    tenant.add_comments("acme/mail", [comment(f"{day}", f"2024-01-0{day}") for day in range(1, 7)])
    first = ask(tenant, "GET", f"{PRIVATE}?limit=2&from_timestamp=2024-01-02&to_timestamp=2024-01-05")
    token = first.json["continuation"]
    last = ask(tenant, "GET", f"{PRIVATE}?limit=2&after={token}&to_timestamp=2024-01-05")
    assert (ids(first), ids(last), "continuation" in last.json) == (["2", "3"], ["4", "5"], False)


@pytest.mark.parametrize(("direction", "order"), [("ascending", "abcdef"), ("descending", "fedcba")])
def test_a_page_goes_on_behind_a_comment_since_deleted_or_changed(
    tenant: FakeTenant, source: Source, direction: str, order: str
) -> None:
    tenant.add_comments("acme/mail", [comment(name, "2024-01-01") for name in "abcdef"])
    token = ask(tenant, "GET", f"{PRIVATE}?limit=3&direction={direction}").json["continuation"]
    asked = f"{PRIVATE}?direction={direction}&after={token}"
    tenant.update_comment(f"{source.id}.{order[2]}", thread_id="changed")
    assert ids(ask(tenant, "GET", asked)) == list(order[3:])
    tenant.delete_comments(f"{source.id}.{order[2]}", f"{source.id}.{order[4]}")
    tenant.add_comments("acme/mail", [comment(f"{order[3]}+", "2024-01-01")])
    assert sorted(ids(ask(tenant, "GET", asked))) == sorted([order[3], f"{order[3]}+", order[5]])


def test_of_a_parameter_that_is_given_twice_the_last_counts(tenant: FakeTenant) -> None:
    tenant.add_comments("acme/mail", [comment("a"), comment("b"), comment("c")])
    assert len(ids(ask(tenant, "GET", f"{PRIVATE}?limit=1&limit=2"))) == 2


def test_a_continuation_of_elsewhere_is_400(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_comments("acme/mail", [comment("a"), comment("b")])
    tenant.add_source("acme/other", comments=[comment("a"), comment("b")])
    tenant.add_dataset("acme/support", sources=["acme/mail"])
    own = ask(tenant, "GET", f"{PRIVATE}?limit=1").json["continuation"]
    others = ask(tenant, "GET", "/api/_private/sources/acme/other/comments?limit=1").json["continuation"]
    exports = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {"limit": 1}).json["continuation"]
    for bad in (others, exports, own[:-1], own[:-1] + "0123456789abcdef"[own[-1] == "0"], "", "x", own[::-1]):
        message = refused(400, "GET", f"{PRIVATE}?after={bad}").message
        assert message == f"400 Bad Request: '{bad}' is not a valid continuation"


def test_a_moment_that_is_none_is_422_and_no_moment_at_all_400(refused: Send) -> None:
    bad = refused(422, "GET", f"{PRIVATE}?to_timestamp=2024-02-30").message
    assert bad == "The value '2024-02-30' is not a valid timestamp."
    assert "does not match" in refused(400, "GET", f"{PRIVATE}?from_timestamp=yesterday").message


def test_a_source_is_listed_without_a_lag(tenant: FakeTenant) -> None:
    tenant.lag("comments", reads=3)
    tenant.add_comments("acme/mail", [comment("a")])
    assert ids(ask(tenant, "GET", PRIVATE)) == ["a"]


@settings(database=None, derandomize=True, deadline=None, max_examples=60)
@given(
    days=st.lists(st.integers(1, 4), max_size=12),
    bounds=st.tuples(st.integers(1, 5), st.integers(0, 4)),
    limit=st.integers(1, 5),
    direction=st.sampled_from(["ascending", "descending"]),
)
def test_a_walk_meets_each_comment_between_the_bounds_once_and_in_order(
    days: list[int], bounds: tuple[int, int], limit: int, direction: str
) -> None:
    tenant = FakeTenant()
    uploads = [comment(f"{(number * 7) % 13}", f"2024-01-0{day}") for number, day in enumerate(days)]
    tenant.add_source("acme/mail", comments=uploads)
    low, high = bounds
    found = walk(
        tenant,
        f"limit={limit}&direction={direction}&from_timestamp=2024-01-0{low}&to_timestamp=2024-01-0{high or 1}",
    )
    between = [(day, each["id"]) for day, each in zip(days, uploads, strict=True) if low <= day <= (high or 1)]
    assert found == [name for _, name in sorted(between, reverse=direction == "descending")]


# ------------------------------------------------------------------------------------------------------------- threads


def mail(comment_id: str, minute: int, thread_id: str | None, sender: str | None, *to: str) -> Any:
    message = {"body": {"text": comment_id}, **({"from": sender} if sender else {}), **({"to": [*to]} if to else {})}
    thread = {} if thread_id is None else {"thread_id": thread_id}
    return comment(comment_id, f"2024-01-01T00:{minute:02}:00Z", messages=[message], **thread)


def test_threads_come_with_their_comments_by_timestamp(tenant: FakeTenant, send: Send) -> None:
    uploads = [mail("c", 3, "t", None), mail("a", 1, '"\\ü', None), mail("b", 2, "t", None), mail("d", 0, None, None)]
    tenant.add_comments("acme/mail", [*uploads, {**marked("e"), "thread_id": "t"}, marked("f")])
    assert send("GET", THREADS).json == {
        "threads": [{"thread_id": "t", "comments": ["e", "b", "c"]}, {"thread_id": '"\\ü', "comments": ["a"]}],
        "status": "ok",
    }


def test_a_source_without_threads_has_none(tenant: FakeTenant, send: Send) -> None:
    tenant.add_comments("acme/mail", [comment("a", user_properties={"string:thread_id": '"thread_id":"x"'})])
    assert send("GET", THREADS).json["threads"] == []


def test_thread_properties_come_for_each_comment_of_a_page(tenant: FakeTenant, send: Send) -> None:
    uploads = [
        mail("a", 0, "t", "ann", "bob"),
        mail("b", 2, "t", "ann", "bob", "eve"),
        mail("c", 5, "t", "bob", "ann"),
        mail("d", 6, None, None),
        mail("e", 9, "u", "eve"),
    ]
    tenant.add_comments("acme/mail", uploads)
    thread = {"duration": 300.0, "response_time": 300.0, "first_sender": "ann", "num_messages": 3}
    thread["num_participants"] = 3
    alone = {"duration": None, "response_time": None, "first_sender": None, "num_messages": 1, "num_participants": 0}
    eve = {**alone, "first_sender": "eve", "num_participants": 1}
    expected = [{**thread, "thread_position": place} for place in (1, 2, 3)]
    expected += [{**alone, "thread_position": 1}, {**eve, "thread_position": 1}]
    assert send("GET", f"{PRIVATE}?include_thread_properties=true").json["thread_properties"] == expected
    page = send("GET", f"{PRIVATE}?include_thread_properties=true&limit=2&direction=descending").json
    assert page["thread_properties"] == expected[:2:-1]
    assert "thread_properties" not in send("GET", PRIVATE).json


def test_a_thread_is_answered_by_who_is_known_and_takes_part_by_any_header(tenant: FakeTenant, send: Send) -> None:
    told = mail("c", 9, "t", None)
    told["messages"] += [{"body": {"text": "c"}, "from": "eve", "cc": ["dan"], "bcc": ["kim", "ann"]}]
    tenant.add_comments("acme/mail", [mail("a", 0, "t", "ann"), mail("b", 5, "t", None), told])
    known = {"duration": 540.0, "response_time": 540.0, "first_sender": "ann", "num_messages": 4, "num_participants": 4}
    page = send("GET", f"{PRIVATE}?include_thread_properties=true").json
    assert page["thread_properties"] == [{**known, "thread_position": place} for place in (1, 2, 3)]


# ------------------------------------------------------------------------------------------------------------ deleting


@pytest.mark.parametrize(
    "query", ["id=a&id=b.c", "ids=a,b.c", "id=a&ids=b.c", "ids=a,b.c,&id=a", "id=a&id=b.c&id=gone"]
)
def test_comments_are_deleted_by_their_ids(tenant: FakeTenant, source: Source, send: Send, query: str) -> None:
    tenant.add_dataset("acme/support", sources=[source], labels=["Claim"])
    tenant.add_comments(source, [comment(name) for name in ("a", "b.c", "d")])
    tenant.annotate("acme/support", f"{source.id}.a", ["Claim"])
    for _ in "12":  # ids that are gone are no error
        assert send("DELETE", f"{COMMENTS}?{query}").json == {"status": "ok"}
        assert [each["id"] for each in tenant.comments(source)] == ["d"]
    tenant.add_comments(source, [comment("a")])
    assert tenant.exported("acme/support")[0]["annotations"]["labels"]["assigned"] == []


def test_an_id_with_a_comma_is_deleted_by_id_alone(tenant: FakeTenant, send: Send) -> None:
    tenant.add_comments("acme/mail", [comment("a,b")])
    send("DELETE", f"{COMMENTS}?ids=a,b")
    assert len(tenant.comments("acme/mail")) == 1
    send("DELETE", f"{COMMENTS}?id=a,b")
    assert tenant.comments("acme/mail") == []


def test_128_ids_are_taken_and_no_more_nor_none(tenant: FakeTenant, send: Send, refused: Send) -> None:
    tenant.add_comments("acme/mail", [comment(f"{n}") for n in range(129)])
    many = "&".join(f"id={n}" for n in range(128))
    assert refused(400, "DELETE", f"{COMMENTS}?{many}&id=128").message.endswith("is too long")
    assert refused(400, "DELETE", f"{COMMENTS}?{many}&ids=128").message.endswith("is too long")
    for query in ("", "?", "?ids=", "?other=1"):
        assert refused(400, "DELETE", COMMENTS + query).message == "[] should be non-empty"
    assert "does not match" in refused(400, "DELETE", f"{COMMENTS}?ids=a,b%20c").message
    assert "does not match" in refused(400, "DELETE", f"{COMMENTS}?id=").message
    assert send("DELETE", f"{COMMENTS}?{many}").status == 200
    assert [each["id"] for each in tenant.comments("acme/mail")] == ["128"]
    assert refused(404, "DELETE", "/api/v1/sources/acme/nothing/comments?id=a").message == "404 Not Found"


def test_a_snapshot_keeps_what_was_deleted(tenant: FakeTenant) -> None:
    tenant.add_comments("acme/mail", 5)
    before, snapshot = everything(tenant), tenant.snapshot()
    ask(tenant, "DELETE", f"{COMMENTS}?id={tenant.comments('acme/mail')[0]['id']}")
    assert len(tenant.comments("acme/mail")) == 4
    tenant.restore(snapshot)
    assert everything(tenant) == before


# -------------------------------------------------------------------------------------------------------------- adding


def put(tenant: FakeTenant, *comments: Any) -> Answer:
    return ask(tenant, "PUT", PRIVATE, {"comments": comments})


def test_new_comments_are_added_and_nothing_is_counted(tenant: FakeTenant, source: Source, send: Send) -> None:
    given = comment("a", thread_id="t", user_properties={"number:Value": 1.5})
    assert send("PUT", PRIVATE, {"comments": [given, comment("b")]}).json == {"status": "ok"}
    stored = tenant.comment(f"{source.id}.a")
    assert stored.items() >= given.items()
    assert (stored["text_format"], stored["attachments"], "context" in given) == ("plain", [], False)
    tenant.assert_no_duplicates_or_losses(source, [given, comment("b")])
    assert send("PUT", PRIVATE, {"comments": []}).json == {"status": "ok"}


def test_the_same_again_is_no_error_and_moves_no_stamp(tenant: FakeTenant, source: Source) -> None:
    tenant.add_dataset("acme/support", sources=[source])
    given = {**comment("a", "2024-01-01T00:00:00Z"), "user_properties": {"number:A": 1, "string:B": "b"}}
    put(tenant, given)
    tenant.annotate("acme/support", f"{source.id}.a", ["Claim"])
    before = everything(tenant)
    again = {**given, "timestamp": "2024-01-01T02:00+02:00", "user_properties": {"string:B": "b", "number:A": 1}}
    again |= {"text_format": "plain", "attachments": []}
    for each in (given, again, {**again, "context": "no such"}):
        assert put(tenant, each).status == 200
    assert put(tenant, given, again).status == 200
    assert everything(tenant) == before


@pytest.mark.parametrize(
    "change",
    [
        {"timestamp": "2024-01-02"},
        {"thread_id": "t"},
        {"user_properties": {"string:A": "b"}},
        {"messages": [{"body": {"text": "other"}}]},
        {"text_format": "markdown"},
        {"context": "1", "thread_id": "t"},
    ],
)
def test_a_known_id_with_anything_else_in_it_is_409_for_the_whole_batch(
    tenant: FakeTenant, refused: Send, change: Any
) -> None:
    tenant.add_comments("acme/mail", [comment("a")])
    answer = refused(409, "PUT", PRIVATE, {"comments": [comment("new"), {**comment("a"), **change}]})
    assert answer.message == "Comment already exists with other content: a"


def test_the_context_of_now_replaces_a_comment_and_that_of_before_does_not(
    tenant: FakeTenant, source: Source, send: Send, refused: Send
) -> None:
    (uid,) = tenant.add_comments(source, [comment("a")])
    before = tenant.comment(uid)
    changed = comment("a", thread_id="t")
    assert send("PUT", PRIVATE, {"comments": [{**changed, "context": before["context"]}]}).status == 200
    after = tenant.comment(uid)
    assert (after["thread_id"], after["created_at"]) == ("t", before["created_at"])
    assert int(after["context"]) > int(before["context"])
    refused(409, "PUT", PRIVATE, {"comments": [{**comment("a"), "context": before["context"]}]})
    assert send("PUT", PRIVATE, {"comments": [{**comment("new"), "context": "any"}]}).status == 200


def test_an_id_twice_in_a_batch_is_409_unless_both_say_the_same(
    tenant: FakeTenant, source: Source, refused: Send
) -> None:
    (uid,) = tenant.add_comments(source, [comment("old")])
    told = {"context": tenant.comment(uid)["context"]}
    refused(409, "PUT", PRIVATE, {"comments": [comment("a"), comment("a", thread_id="t")]})
    twice = [{**comment("old", thread_id=thread), **told} for thread in "tu"]
    refused(409, "PUT", PRIVATE, {"comments": twice})
    assert put(tenant, comment("a"), comment("a", "2024-01-01")).status == 200
    assert [each["id"] for each in tenant.comments(source)] == ["a", "old"]


def test_a_batch_that_does_not_fit_is_refused(refused: Send) -> None:
    assert "'uid' was unexpected" in refused(400, "PUT", PRIVATE, {"comments": [{**comment("a"), "uid": "b"}]}).message
    bad = {"comments": [comment("a"), comment("b", "2024-02-30")]}
    assert refused(422, "PUT", PRIVATE, bad).message == "The value '2024-02-30' is not a valid timestamp."
    sent = {"body": {"text": "a"}, "sent_at": "2024-02-31"}
    bad = {"comments": [comment("a"), comment("b", messages=[sent])]}
    assert refused(422, "PUT", PRIVATE, bad).message == "The value '2024-02-31' is not a valid timestamp."
    assert refused(404, "PUT", PRIVATE.replace("mail", "nothing"), {"comments": []}).message == "404 Not Found"


def test_of_many_who_add_an_id_with_other_content_one_does(tenant: FakeTenant) -> None:
    statuses: list[int] = []
    in_threads(lambda number: statuses.append(put(tenant, comment("a", thread_id=f"{number}")).status))
    assert sorted(statuses) == [200, *[409] * 7]


def test_a_part_of_a_batch_is_stored_and_a_repeat_adds_the_rest(tenant: FakeTenant, source: Source) -> None:
    batch = [comment(name) for name in "abc"]
    with tenant.fail(503, phase="partial", stored=2, route="create_comments"):
        assert put(tenant, *batch).status == 503
    assert [each["id"] for each in tenant.comments(source)] == ["a", "b"]
    assert put(tenant, *batch).status == 200
    tenant.assert_no_duplicates_or_losses(source, batch)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/v1/sources/acme/mail/sync", {"comments": []}),
        ("POST", "/api/v1/sources/acme/mail/sync-raw-emails", {"documents": []}),
        ("PUT", PRIVATE, {"comments": []}),
    ],
)
def test_an_upload_without_charge_takes_another_permission(
    tenant: FakeTenant, send: Send, refused: Send, method: str, path: str, body: Any
) -> None:
    writer = tenant.add_user("writer", permissions=["Edit messages"])
    debugger = tenant.add_user("debugger", permissions=["Edit messages", "Debug"])
    assert send(method, path, body, user=writer).status == 200
    assert send(method, f"{path}?no_charge=false", body, user=writer).status == 200
    assert send(method, f"{path}?no_charge=true", body, user=debugger).status == 200
    assert refused(403, method, f"{path}?no_charge=true", body, user=writer).message == "403 Forbidden"
    refused(403, method, f"{path}?no_charge=true", {"nonsense": 1}, user=writer)  # before the body is looked at
    assert refused(400, method, f"{path}?no_charge=1", body).message == "'1' is not of type 'boolean'"


def test_two_tenants_hold_comments_of_their_own(tenant: FakeTenant) -> None:
    with FakeTenant("https://beta.reinfer.io") as other:
        other.add_source("acme/mail")
        put(tenant, comment("a"))
        put(other, comment("a", thread_id="t"), comment("b"))
        assert (walk(tenant), walk(other)) == (["a"], ["a", "b"])
        ask(other, "DELETE", f"{COMMENTS}?id=a")
        assert (walk(tenant), walk(other)) == (["a"], ["b"])


def test_a_whole_page_is_json_of_the_comments_as_they_are_stored(tenant: FakeTenant) -> None:
    tenant.add_comments("acme/mail", 256)
    answer = ask(tenant, "GET", f"{PRIVATE}?limit=256&include_markup=true")
    assert json.loads(answer.body)["comments"] == tenant.comments("acme/mail")
