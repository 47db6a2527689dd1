"""What people say of comments: labels assigned and dismissed, entities and forms, page by page and one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, everything, in_threads

from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer.tenant import Source

    Send = Callable[..., Answer]

LABELLINGS = "/api/_private/datasets/acme/support/labellings"
GROUPS = [{"name": "default", "label_defs": [{"name": "Claim"}]}, {"name": "Tone", "label_defs": [{"name": "Polite"}]}]
CLAIM = {"name": "Claim", "sentiment": "positive"}
BAD = {"name": "Bad > Worse", "sentiment": "negative"}
POLITE = {"name": "Polite", "sentiment": "positive"}
NUMBER = {"name": "policy-number", "formatted_value": "P-17", "spans": [{"char_start": 1, "char_end": 4}]}


@pytest.fixture(autouse=True)
def source(tenant: FakeTenant) -> Source:
    source = tenant.add_source("acme/mail", comments=[comment(name) for name in ("a", "b", "c")])
    tenant.add_dataset("acme/support", sources=[source], label_groups=GROUPS)
    return source


@pytest.fixture
def uid(source: Source) -> str:
    return f"{source.id}.a"


def say(tenant: FakeTenant, uid: str, dataset: str = "support", **body: Any) -> Any:
    answer = ask(tenant, "POST", f"/api/_private/datasets/acme/{dataset}/labellings/{uid}", body)
    assert answer.status == 200, answer
    return answer.json


def group(name: str = "default", **said: Any) -> dict[str, Any]:
    return {"group": name, **said}


def said(tenant: FakeTenant, uid: str, name: str = "default", dataset: str = "acme/support") -> tuple[list[str], ...]:
    """The names of the labels assigned to and dismissed from a comment in a group."""
    found = next(each for each in tenant.labelling(dataset, uid)["labelling"] if each["group"] == name)
    return tuple([label["name"] for label in found[key]] for key in ("assigned", "dismissed"))


def assigned(tenant: FakeTenant, uid: str) -> list[Any]:
    """What an export has of a comment."""
    entry = next(each for each in tenant.exported("acme/support") if each["comment"]["uid"] == uid)
    labels: list[Any] = entry["annotations"]["labels"]["assigned"]
    return labels


# ------------------------------------------------------------------------------------------------------- saying


def test_what_is_said_comes_back_and_is_exported(tenant: FakeTenant, send: Send, uid: str) -> None:
    body = {
        "labelling": [group(assigned=[CLAIM, BAD], uninformative=False), group("Tone", dismissed=[POLITE])],
        "entities": {"assigned": [NUMBER]},
        "moon_forms": [group(assigned=[{"label": CLAIM}])],
        "context": "1",
    }
    answer = send("POST", f"{LABELLINGS}/{uid}", body).json
    assert answer.pop("status") == "ok"
    assert answer == {
        "comment": tenant.comment(uid),
        "labelling": [
            group(assigned=[CLAIM, BAD], dismissed=[], uninformative=False, predicted=[]),
            group("Tone", assigned=[], dismissed=[POLITE], predicted=[]),
        ],
        "entities": {"assigned": [NUMBER], "dismissed": []},
        "moon_forms": [group(assigned=[{"label": CLAIM}])],
    }
    assert answer["comment"]["has_annotations"] is True
    assert send("GET", f"{LABELLINGS}?id={uid}").json["results"] == [answer] == [tenant.labelling("acme/support", uid)]
    assert assigned(tenant, uid) == [CLAIM, BAD]


def test_what_is_absent_stays_and_an_empty_list_takes_all_away(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, labelling=[group(assigned=[CLAIM], dismissed=[BAD]), group("Tone", assigned=[POLITE])])
    say(tenant, uid, entities={"assigned": [NUMBER], "dismissed": [NUMBER]}, moon_forms=[group(assigned=[{}])])
    before = tenant.labelling("acme/support", uid)
    assert say(tenant, uid) == {**before, "status": "ok"}
    assert say(tenant, uid, labelling=[group()], entities={}) == {**before, "status": "ok"}
    say(tenant, uid, labelling=[group(assigned=[])], entities={"dismissed": []})
    assert (said(tenant, uid), said(tenant, uid, "Tone")) == (([], ["Bad > Worse"]), (["Polite"], []))
    assert tenant.labelling("acme/support", uid)["entities"] == {"assigned": [NUMBER], "dismissed": []}
    assert assigned(tenant, uid) == [POLITE]
    say(tenant, uid, labelling=[])
    assert (said(tenant, uid), said(tenant, uid, "Tone")) == (([], []), ([], []))
    after = say(tenant, uid, moon_forms=[], entities={"assigned": []})
    assert "moon_forms" not in after
    assert after["comment"]["has_annotations"] is False
    assert not any(tenant.snapshot().remarks.values())


def test_what_is_absent_of_a_form_stays_too(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, moon_forms=[group(assigned=[{"label": CLAIM}]), group("Tone", assigned=[{}])])
    answer = say(tenant, uid, moon_forms=[group(dismissed=[{"label": BAD}])])
    form = group(assigned=[{"label": CLAIM}], dismissed=[{"label": BAD}])
    assert answer["moon_forms"] == [form, group("Tone", assigned=[{}])]


def test_a_label_that_is_given_in_both_lists_stays_in_both(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, labelling=[group(assigned=[CLAIM, BAD], dismissed=[CLAIM])])
    assert said(tenant, uid) == (["Claim", "Bad > Worse"], ["Claim"])


def test_what_takes_one_thing_away_and_says_another_leaves_an_annotation(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, labelling=[group(assigned=[CLAIM])])
    answer = say(tenant, uid, labelling=[], entities={"assigned": [NUMBER]})
    assert answer["comment"]["has_annotations"] is True
    answer = say(tenant, uid, labelling=[group(assigned=[CLAIM])], entities={"assigned": []})
    assert answer["comment"]["has_annotations"] is True


def test_one_label_may_stand_in_two_groups(tenant: FakeTenant, uid: str) -> None:
    angry = {"name": "Claim", "sentiment": "negative"}
    say(tenant, uid, labelling=[group(assigned=[CLAIM, BAD]), group("Tone", assigned=[angry])])
    found = tenant.labelling("acme/support", uid)["labelling"]
    assert [each["assigned"] for each in found] == [[CLAIM, BAD], [angry]]
    say(tenant, uid, labelling=[group(assigned=[])])
    assert [each["assigned"] for each in tenant.labelling("acme/support", uid)["labelling"]] == [[], [angry]]
    assert assigned(tenant, uid) == [angry]


def test_each_of_three_groups_has_its_own_labels(tenant: FakeTenant, uid: str) -> None:
    names = ["default", "Tone", "Mood"]
    tenant.add_dataset("acme/three", sources=["acme/mail"], label_groups=[{"name": name} for name in names])
    given = {"default": ["a", "b", "c"], "Tone": ["d"], "Mood": ["e", "f"]}
    for name in reversed(names):
        tenant.annotate("acme/three", uid, given[name], group=name)
    assert {name: said(tenant, uid, name, "acme/three")[0] for name in names} == given


def test_new_names_become_labels_of_their_group(tenant: FakeTenant, uid: str) -> None:
    stamp = tenant.dataset("acme/support").fields["last_modified"]
    say(tenant, uid, labelling=[group(assigned=[BAD]), group("Tone", dismissed=[{**BAD, "name": "Rude"}])])
    dataset = tenant.dataset("acme/support")
    names = {each["name"]: [label["name"] for label in each["label_defs"]] for each in dataset.fields["label_groups"]}
    assert names == {"default": ["Claim", "Bad > Worse"], "Tone": ["Polite", "Rude"]}
    assert dataset.labels == ("Claim", "Bad > Worse", "Polite", "Rude")
    assert dataset.fields["last_modified"] == stamp


def test_a_label_is_in_one_list_and_once(tenant: FakeTenant, uid: str) -> None:
    negative = {**CLAIM, "sentiment": "negative"}
    say(tenant, uid, labelling=[group(assigned=[CLAIM, BAD, negative])])
    assert assigned(tenant, uid) == [negative, BAD]
    say(tenant, uid, labelling=[group(dismissed=[CLAIM])])
    assert said(tenant, uid) == (["Bad > Worse"], ["Claim"])
    say(tenant, uid, labelling=[group(assigned=[CLAIM])])
    assert said(tenant, uid) == (["Claim"], [])


def test_a_dataset_without_sentiment_keeps_none_and_answers_positive(tenant: FakeTenant, uid: str) -> None:
    tenant.add_dataset("acme/plain", sources=["acme/mail"], has_sentiment=False)
    answer = say(
        tenant, uid, "plain", labelling=[group(assigned=[BAD], dismissed=[{**CLAIM, "sentiment": "negative"}])]
    )
    found = answer["labelling"][0]
    assert (found["assigned"], found["dismissed"]) == ([{**BAD, "sentiment": "positive"}], [CLAIM])
    (entry, *_) = tenant.exported("acme/plain")
    assert entry["annotations"]["labels"]["assigned"] == [{"name": "Bad > Worse"}]


@pytest.mark.parametrize(
    "body",
    [
        {"labelling": [{"group": "default", "dismissed": [CLAIM]}]},
        {"labelling": [{"group": "Tone", "uninformative": False}]},
        {"entities": {"dismissed": [NUMBER]}},
        {"moon_forms": [{"group": "default", "dismissed": [{"label": CLAIM}]}]},
    ],
)
def test_whatever_is_said_is_an_annotation_and_moves_no_stamp(tenant: FakeTenant, uid: str, body: Any) -> None:
    before = tenant.comment(uid)
    assert before["has_annotations"] is False
    say(tenant, uid, **body)
    assert tenant.comment(uid) == {**before, "has_annotations": True}
    ask(tenant, "DELETE", "/api/v1/datasets/acme/support")
    assert tenant.comment(uid) == before
    assert tenant.snapshot().remarks == {}


def test_predictions_stand_in_the_group_of_their_label_with_names_in_parts(tenant: FakeTenant, uid: str) -> None:
    tenant.predict("acme/support", uid, {"Bad > Worse": 0.5, "Polite": 0.75})
    first, tone = tenant.labelling("acme/support", uid)["labelling"]
    assert first["predicted"] == [{"name": ["Bad", "Worse"], "probability": 0.5}]
    assert tone["predicted"] == [{"name": ["Polite"], "probability": 0.75}]
    answer = ask(tenant, "GET", f"{LABELLINGS}?id={uid}&return_predictions=false").json
    assert all("predicted" not in each for each in answer["results"][0]["labelling"])


def test_threads_that_say_something_at_once_lose_nothing(tenant: FakeTenant, source: Source) -> None:
    def work(number: int) -> None:
        for name in ("a", "b", "c"):
            say(tenant, f"{source.id}.{name}", labelling=[group(assigned=[{**CLAIM, "name": f"{number} {name}"}])])

    in_threads(work)
    assert len(tenant.dataset("acme/support").labels) == 2 + 8 * 3


def test_two_tenants_and_snapshots_share_nothing_that_changes(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, labelling=[group(dismissed=[CLAIM])], entities={"assigned": [NUMBER]})
    before, snapshot, other = everything(tenant), tenant.snapshot(), FakeTenant("https://other.reinfer.io")
    other.restore(snapshot)
    for one in (tenant, other):
        say(one, uid, labelling=[group(assigned=[CLAIM], dismissed=[])], entities={"assigned": []})
        one.delete_comments(uid)
        assert everything(one) != before
    tenant.restore(snapshot)
    assert everything(tenant) == before


# ----------------------------------------------------------------------------------------- what it goes along with


def test_annotations_are_copied_with_all_that_was_said(tenant: FakeTenant, source: Source, uid: str) -> None:
    say(tenant, uid, labelling=[group(dismissed=[BAD], uninformative=False), group("Tone", assigned=[POLITE])])
    say(tenant, uid, entities={"assigned": [NUMBER]})
    tenant.annotate("acme/support", f"{source.id}.b", ["Claim"])
    given = {"source_ids": [source.id], "copy_annotations_from": tenant.dataset("acme/support").id}
    for name, extra in (("same", {"label_groups": GROUPS}), ("other", {"label_groups": [{"name": "default"}]})):
        answer = ask(tenant, "PUT", f"/api/v1/datasets/acme/{name}", {"dataset": {**given, **extra}})
        assert answer.json["num_copied"] == 2
    assert tenant.labelling("acme/same", uid) == tenant.labelling("acme/support", uid)
    assert said(tenant, uid, dataset="acme/other") == (["Polite"], ["Bad > Worse"])
    assert tenant.labelling("acme/other", uid)["entities"]["assigned"] == [NUMBER]
    assert set(tenant.dataset("acme/other").labels) == {"Polite", "Bad > Worse", "Claim"}


def test_what_is_copied_from_a_group_that_is_not_there_comes_into_the_first(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, labelling=[group(assigned=[CLAIM], dismissed=[BAD]), group("Tone", assigned=[POLITE, CLAIM])])
    given = {"copy_annotations_from": tenant.dataset("acme/support").id, "source_ids": [uid.partition(".")[0]]}
    for name, names in (("two", ["First", "Tone"]), ("one", ["First"])):
        body = {**given, "label_groups": [{"name": each} for each in names]}
        assert ask(tenant, "PUT", f"/api/v1/datasets/acme/{name}", {"dataset": body}).json["num_copied"] == 1
    assert said(tenant, uid, "First", "acme/two") == (["Claim"], ["Bad > Worse"])
    assert said(tenant, uid, "Tone", "acme/two") == (["Polite", "Claim"], [])
    assert said(tenant, uid, "First", "acme/one") == (["Claim", "Polite"], ["Bad > Worse"])


def test_a_deleted_comment_is_forgotten_and_one_of_its_id_is_another(tenant: FakeTenant, uid: str) -> None:
    say(tenant, uid, labelling=[group(dismissed=[CLAIM])])
    tenant.delete_comments(uid)
    tenant.add_comments("acme/mail", [comment("a")])
    assert said(tenant, uid) == ([], [])
    assert tenant.comment(uid)["has_annotations"] is False


@pytest.mark.parametrize(
    ("change", "left"),
    [
        ({"messages": [{"body": {"text": "other"}}]}, 0),
        ({"messages": [{"body": {"text": "a"}, "sent_at": "2024-01-01T00:00:00Z"}]}, 0),
        ({"timestamp": "2025-01-01T00:00:00Z", "user_properties": {"string:A": "b"}}, 1),
        ({}, 1),
    ],
)
@pytest.mark.parametrize("sync", [True, False])
def test_entities_go_when_messages_change_in_any_way(
    tenant: FakeTenant, uid: str, change: Any, left: int, *, sync: bool
) -> None:
    tenant.add_dataset("acme/second", sources=["acme/mail"])
    for name in ("support", "second"):
        say(tenant, uid, name, entities={"assigned": [NUMBER], "dismissed": [NUMBER]})
    say(tenant, uid, labelling=[group(dismissed=[CLAIM])])
    if sync:
        batch = {"comments": [{**comment("a"), **change}, comment("new")]}
        assert ask(tenant, "POST", "/api/v1/sources/acme/mail/sync", batch).status == 200
    else:
        tenant.update_comment(uid, **change)
    for name in ("acme/support", "acme/second"):
        assert [len(listed) for listed in tenant.labelling(name, uid)["entities"].values()] == [left, left]
    assert said(tenant, uid) == ([], ["Claim"])
    assert tenant.comment(uid)["has_annotations"] is True
    say(tenant, uid, labelling=[])
    assert tenant.comment(uid)["has_annotations"] is bool(left)


# ------------------------------------------------------------------------------------------------------ arranging


def test_a_test_arranges_what_people_say(tenant: FakeTenant, uid: str) -> None:
    tenant.annotate("acme/support", uid, ["Claim"], dismissed=[BAD], entities=["policy-number"])
    tenant.annotate("acme/support", uid, [{"name": "Polite", "instructions": "x"}], group="Tone")
    found = tenant.labelling("acme/support", uid)
    assert found["labelling"][0] | {"predicted": 0} == group(assigned=[CLAIM], dismissed=[BAD], predicted=0)
    assert found["labelling"][1]["assigned"] == [{**POLITE, "instructions": "x"}]
    assert found["entities"] == {"assigned": [{"name": "policy-number"}], "dismissed": []}
    tenant.annotate("acme/support", uid, [])
    assert (said(tenant, uid), said(tenant, uid, "Tone")) == (([], ["Bad > Worse"]), (["Polite"], []))


@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"group": "Mood"}, LookupError, r"annotate: acme/support has no label group 'Mood'. There are: \['default'"),
        ({"dismissed": ["Claim"]}, ValueError, r"annotate: labels and dismissed hold \['Claim'\] twice"),
        ({"dismissed": "Claim"}, TypeError, "annotate: dismissed is a list, not 'Claim'"),
        ({"dismissed": [{"sentiment": "positive"}]}, ValueError, "annotate: the value: 'name' is a required property"),
        ({"entities": [{"kind": "x"}]}, ValueError, "annotate: the value: 'name' is a required property"),
        ({"entities": [1]}, TypeError, "annotate: an object is wanted"),
    ],
)
def test_what_makes_no_sense_is_refused_at_the_line_that_says_it(
    tenant: FakeTenant, uid: str, given: Any, error: type[Exception], words: str
) -> None:
    before = everything(tenant)
    with pytest.raises(error, match=words):
        tenant.annotate("acme/support", uid, ["Claim"], **given)
    assert everything(tenant) == before


# ------------------------------------------------------------------------------------------------------- reading


def uids_of(answer: Any) -> list[str]:
    return [each["comment"]["id"] for each in answer["results"]]


def test_comments_come_in_the_order_asked_for(tenant: FakeTenant, send: Send, source: Source) -> None:
    query = f"id={source.id}.c&id={source.id}.a&ids={source.id}.b,{source.id}.c"
    answer = send("GET", f"{LABELLINGS}?{query}").json
    assert uids_of(answer) == ["c", "a", "b", "c"]
    assert "after" not in answer
    assert answer["entity_defs"] == []


def test_a_missing_comment_is_404_unless_it_may_be_missing(
    tenant: FakeTenant, send: Send, refused: Send, source: Source
) -> None:
    other = tenant.add_source("acme/other", comments=[comment("a")])
    for missing in (f"{source.id}.nothing", f"{other.id}.a"):
        assert refused(404, "GET", f"{LABELLINGS}?id={source.id}.a&id={missing}").message == "404 Not Found"
        query = f"id={source.id}.a&id={missing}&allow_missing=true"
        assert uids_of(send("GET", f"{LABELLINGS}?{query}").json) == ["a"]


@pytest.mark.parametrize("limit", [1, 2, 3, 999])
def test_every_page_that_is_not_empty_leads_on_and_the_end_is_an_empty_one(
    tenant: FakeTenant, source: Source, limit: int
) -> None:
    tenant.annotate("acme/support", f"{source.id}.c", ["Claim"])
    tenant.annotate("acme/support", f"{source.id}.a", [], dismissed=["Claim"])
    tenant.add_dataset("acme/second", sources=[source])
    tenant.annotate("acme/second", f"{source.id}.b", ["Claim"])
    found, after, tokens = [], "", []
    while True:
        query = f"source_id={source.id}&return_predictions=true&limit={limit}{after and '&after='}{after}"
        answer = ask(tenant, "GET", f"{LABELLINGS}?{query}").json
        if not answer["results"]:
            break
        assert len(answer["results"]) <= limit
        found += uids_of(answer)
        after = answer["after"]
        assert after not in tokens
        tokens.append(after)
    assert "after" not in answer
    assert found == ["a", "c"]
    tenant.delete_comments(f"{source.id}.a")
    assert uids_of(ask(tenant, "GET", f"{LABELLINGS}?source_id={source.id}&after={tokens[0]}").json) in ([], ["c"])


def test_a_source_that_is_not_in_the_dataset_has_no_page(tenant: FakeTenant, send: Send) -> None:
    other = tenant.add_source("acme/other", comments=2)
    for source_id in (other.id, "0" * 16):
        assert send("GET", f"{LABELLINGS}?source_id={source_id}").json["results"] == []


# ------------------------------------------------------------------------------------------------------ refusing


def test_128_comments_may_be_asked_for_at_once(tenant: FakeTenant, send: Send, uid: str) -> None:
    assert len(send("GET", f"{LABELLINGS}?ids={','.join([uid] * 128)}").json["results"]) == 128


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "400 Bad Request: either id or ids, or source_id must be given"),
        ("limit=1", "400 Bad Request: either id or ids, or source_id must be given"),
        ("id={0}.a&source_id={0}", "400 Bad Request: either id or ids, or source_id must be given"),
        ("ids=" + ",".join(["{0}.a"] * 129), "400 Bad Request: at most 128 uids may be given, not 129"),
        ("&".join(["id={0}.a"] * 129), "is too long"),
        ("source_id={0}&limit=1000", "1000 is greater than the maximum of 999"),
        ("source_id={0}&limit=0", "0 is less than the minimum of 1"),
        ("source_id={0}&after=x", "400 Bad Request: 'x' is not a valid value of after"),
        ("source_id=x", "'x' does not match"),
        ("id=x", "'x' does not match"),
    ],
)
def test_what_cannot_be_asked_is_400(refused: Send, source: Source, query: str, words: str) -> None:
    assert words in refused(400, "GET", f"{LABELLINGS}?{query.format(source.id)}").message


def test_an_after_of_another_dataset_is_400(tenant: FakeTenant, refused: Send, source: Source) -> None:
    tenant.add_dataset("acme/second", sources=[source])
    tenant.annotate("acme/second", f"{source.id}.a", ["Claim"])
    path = f"/api/_private/datasets/acme/second/labellings?source_id={source.id}"
    after = ask(tenant, "GET", path).json["after"]
    refused(400, "GET", f"{LABELLINGS}?source_id={source.id}&after={after}")


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (422, {"labelling": [group("Mood", assigned=[])]}, "The value 'Mood' is not a valid label group."),
        (422, {"moon_forms": [{"group": "Mood", "assigned": []}]}, "The value 'Mood' is not a valid label group."),
        (400, {"labelling": [group(assigned=[{"name": "Claim"}])]}, "'sentiment' is a required property"),
        (400, {"labelling": [{"assigned": []}]}, "'group' is a required property"),
        (400, {"labelling": [group(assigned=["Claim"])]}, "'Claim' is not of type 'object'"),
        (400, {"entities": []}, "[] is not of type 'object'"),
        (400, {"labels": []}, "'labels' was unexpected"),
    ],
)
def test_what_cannot_be_said_is_refused(refused: Send, uid: str, status: int, body: Any, words: str) -> None:
    given = {"entities": {"assigned": [NUMBER]}, **body}
    assert words in refused(status, "POST", f"{LABELLINGS}/{uid}", given).message


def test_a_comment_must_be_in_a_source_of_the_dataset(tenant: FakeTenant, refused: Send, source: Source) -> None:
    other = tenant.add_source("acme/other", comments=[comment("a")])
    for uid in (f"{source.id}.nothing", f"{other.id}.a"):
        refused(404, "POST", f"{LABELLINGS}/{uid}", {"labelling": []})
    refused(404, "POST", f"/api/_private/datasets/acme/none/labellings/{source.id}.a", {})
    refused(404, "POST", f"/api/_private/datasets/nowhere/support/labellings/{source.id}.a", {})
    refused(400, "POST", f"{LABELLINGS}/a", {})
