"""What the strategies draw is valid, consistent, spread over all that the schemas allow, and shrinks to the obvious."""

from __future__ import annotations

import json
import re
from functools import cache
from random import Random
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st
from hypothesis.errors import NoSuchExample
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from pytest_reinfer import contract, strategies
from pytest_reinfer.stamps import moment
from pytest_reinfer.strategies import absent, tables

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hypothesis.strategies import SearchStrategy

EXPORTED = "objects/exported_comment.json"
COMMON = "objects/common.json#/$defs"
BODY = "routes/{}.json#/properties/body"
SOURCE_IDS = strategies.from_schema(f"{COMMON}/source_ids") | st.just(absent)
BUCKET_ID = strategies.ids() | st.sampled_from([None, absent])

# Every public strategy with its schema. Where a default keeps back what only a tenant can give, it is given here.
CASES: dict[str, tuple[SearchStrategy[Any], str]] = {
    "annotations": (strategies.annotations(), f"{EXPORTED}#/properties/annotations"),
    "attachments": (strategies.attachments(), "objects/attachment.json"),
    "comment_ids": (strategies.comment_ids(), f"{COMMON}/comment_id"),
    "comments": (strategies.comments(), "objects/comment.json"),
    "comments-upload": (strategies.comments(form="upload"), "objects/new_comment.json"),
    "continuations": (strategies.continuations(), f"{COMMON}/continuation"),
    "create_dataset_requests": (
        strategies.create_dataset_requests(
            source_ids=SOURCE_IDS, copy_annotations_from=strategies.ids() | st.just(absent)
        ),
        BODY.format("create_dataset"),
    ),
    "create_source_requests": (
        strategies.create_source_requests(bucket_id=BUCKET_ID),
        BODY.format("create_source"),
    ),
    "datasets": (strategies.datasets(), "objects/dataset.json"),
    "error_bodies": (strategies.error_bodies(), "objects/error.json"),
    "export_pages": (strategies.export_pages(), "routes/export_dataset.json#/properties/response"),
    "export_requests": (
        strategies.export_requests(continuation=strategies.continuations() | st.just(absent)),
        BODY.format("export_dataset"),
    ),
    "exported_comments": (strategies.exported_comments(), EXPORTED),
    "ids": (strategies.ids(), f"{COMMON}/id"),
    "labels": (strategies.labels(), "objects/label.json"),
    "messages": (strategies.messages(), "objects/message.json"),
    "model_tags": (strategies.model_tags(), "objects/model_tag.json"),
    "predicted_labels": (strategies.predicted_labels(), "objects/predicted_label.json"),
    "predictions": (strategies.predictions(), f"{EXPORTED}#/properties/predictions"),
    "sources": (strategies.sources(), "objects/source.json"),
    "stamps": (strategies.stamps(), f"{COMMON}/stamp"),
    "sync_requests": (strategies.sync_requests(), BODY.format("sync_comments")),
    "texts": (strategies.texts(max_size=65_536), f"{COMMON}/part_text"),
    "timestamps": (strategies.timestamps(), f"{COMMON}/timestamp"),
    "uids": (strategies.uids(), f"{COMMON}/uid"),
    "update_dataset_requests": (
        strategies.update_dataset_requests(source_ids=SOURCE_IDS),
        BODY.format("update_dataset"),
    ),
    "update_source_requests": (
        strategies.update_source_requests(bucket_id=BUCKET_ID),
        BODY.format("update_source"),
    ),
    "user_properties": (strategies.user_properties(), "objects/user_properties.json"),
}
# The schemas that no strategy is for alone: drawn by `from_schema`.
OBJECTS = {name: name for name in contract.documents() if name.startswith("objects/") and "common" not in name}
OTHERS = sorted(OBJECTS.keys() - {ref for _, ref in CASES.values()})
CASES |= {name: (strategies.from_schema(name), name) for name in OTHERS}

each_strategy = pytest.mark.parametrize(("strategy", "ref"), CASES.values(), ids=CASES)
every_day = settings(max_examples=200, database=None, derandomize=True)


@cache
def validators(ref: str) -> tuple[Draft202012Validator, jsonschema_rs.Draft202012Validator]:
    base = "https://schemas.invalid/"
    empty: Registry[Any] = Registry()
    registry = empty.with_resources(
        (base + name, Resource.from_contents(schema)) for name, schema in contract.documents().items()
    )
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": base + ref}

    def opened(uri: str) -> Any:
        return contract.documents()[uri.removeprefix(base)]

    return Draft202012Validator(schema, registry=registry), jsonschema_rs.Draft202012Validator(schema, retriever=opened)


@each_strategy
def test_a_drawn_value_is_valid_to_both_validators_and_can_be_sent(strategy: SearchStrategy[Any], ref: str) -> None:
    words, verdict = validators(ref)

    @settings(every_day, deadline=None)
    @given(strategy)
    def is_valid(value: Any) -> None:
        assert verdict.is_valid(value)
        if len(json.dumps(value, ensure_ascii=False).encode()) < 10_000:  # the words compare each item with each
            assert words.is_valid(value)

    is_valid()


@each_strategy
def test_every_default_health_check_is_green_at_default_settings(strategy: SearchStrategy[Any], ref: str) -> None:
    @settings(database=None)
    @given(strategy)
    def passes(value: Any) -> None:
        pass

    passes()


# ------------------------------------------------------------------------------------------------- all that is allowed


def walk(ref: str, where: str = "") -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every schema below one, up to where another file of objects has a strategy of its own: path, place, schema."""
    place, schema = contract.target(ref)
    if where and place.startswith("objects/") and "common" not in place and not place.partition("#")[2]:
        return
    yield where, place, schema
    for name in schema.get("properties", {}):
        yield from walk(f"{place}/properties/{name}", f"{where}.{name}")
    if "items" in schema:
        yield from walk(f"{place}/items", f"{where}[]")


def ends(schema: dict[str, Any]) -> Iterator[int]:
    """The shortest and the longest that a text or list may be, where that is said."""
    names = {"string": ("minLength", "maxLength"), "array": ("minItems", "maxItems")}.get(str(schema.get("type")), ())
    yield from (schema[name] for name in names if name in schema)
    yield from [0] * ("maxItems" in schema and "minItems" not in schema)
    if repeated := re.match(r"\^\[[^]]*\]\{(\d+),(\d+)\}\$", schema.get("pattern", "")):
        yield from map(int, repeated.groups())


def expected(ref: str) -> set[tuple[str, object]]:
    """What must have been seen: each optional key there and not there, each word of a list, each end."""
    found: set[tuple[str, object]] = set()
    for where, _, schema in walk(ref):
        optional = schema.get("properties", {}).keys() - set(schema.get("required", ()))
        found |= {(f"{where}.{name}", there) for name in optional for there in ("there", "not there")}
        found |= {(where, f"is {word}") for word in schema.get("enum", ())}
        found |= {(where, f"has {length}") for length in ends(schema)}
        found |= {(where, f"is {schema[end]}") for end in ("minimum", "maximum") if end in schema}
    return found


def seen(value: Any, ref: str, schemas: dict[str, dict[str, Any]], where: str = "") -> Iterator[tuple[str, object]]:
    """What is seen in a value."""
    schema = schemas.get(where)
    if schema is None:
        return
    if isinstance(value, dict):
        for name in schema.get("properties", {}):
            yield f"{where}.{name}", "there" if name in value else "not there"
            if name in value:
                yield from seen(value[name], ref, schemas, f"{where}.{name}")
    elif isinstance(value, list):
        yield where, f"has {len(value)}"
        for each in value[:8]:
            yield from seen(each, ref, schemas, f"{where}[]")
    else:
        yield where, f"has {len(value)}" if isinstance(value, str) else f"is {value}"
        if "enum" in schema:
            yield where, f"is {value}"


@each_strategy
def test_over_2000_examples_all_that_the_schema_tells_apart_is_drawn(strategy: SearchStrategy[Any], ref: str) -> None:
    schemas = {where: schema for where, _, schema in walk(ref)}
    found: set[tuple[str, object]] = set()

    @settings(max_examples=2000, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(strategy)
    def look(value: Any) -> None:
        found.update(seen(value, ref, schemas))

    look()
    assert expected(ref) - found - {(".comments", "has 256")} == set()  # of pages, see below


def test_pages_are_as_long_as_they_may_be_where_that_is_asked_for() -> None:
    sizes = set()

    @settings(max_examples=300, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(strategies.export_pages(max_size=256))
    def look(page: Any) -> None:
        sizes.add(len(page["comments"]))

    look()
    assert {min(sizes), max(sizes)} == {0, 256}
    assert len(sizes) > 30


def test_over_2000_examples_every_error_is_drawn() -> None:
    found = set()

    @settings(max_examples=2000, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(strategies.errors())
    def look(error: strategies.ErrorResponse) -> None:
        found.add(error.name)

    look()
    assert found == {*contract.convention("x-errors"), *contract.convention("x-failures")} - {"login_redirect"}


# ------------------------------------------------------------------------------------------------------- consistency


@every_day
@given(strategies.comments())
def test_a_uid_is_the_id_of_the_source_a_dot_and_the_id_which_may_hold_dots(comment: Any) -> None:
    assert comment["uid"].split(".", 1) == [comment["source_id"], comment["id"]]


@every_day
@given(strategies.comments())
def test_a_comment_is_modified_when_it_is_created_or_later(comment: Any) -> None:
    assert moment(comment["created_at"]) <= moment(comment["last_modified"])
    if "context" in comment:
        assert int(comment["context"]) == moment(comment["last_modified"]) // 1000


@every_day
@given(strategies.sources(), strategies.datasets())
def test_a_source_and_a_dataset_are_modified_when_they_are_created_or_later(source: Any, dataset: Any) -> None:
    assert moment(source["created_at"]) <= moment(source["updated_at"])
    assert source["updated_at"] == source["last_modified"]
    assert moment(dataset["created"]) <= moment(dataset["last_modified"])


def orphans(names: list[str]) -> list[str]:
    return [name for name in names if " > " in name and name.rpartition(" > ")[0] not in names]


@every_day
@given(strategies.label_names(), strategies.datasets(), strategies.create_dataset_requests())
def test_parents_of_labels_are_labels(names: list[str], dataset: Any, request: Any) -> None:
    assert orphans(names) == []
    defined = [label["name"] for label in dataset["label_defs"]]
    assert orphans(defined) == []
    assert defined == [label["name"] for group in dataset["label_groups"] for label in group.get("label_defs", ())]
    groups = [request["dataset"], *request["dataset"].get("label_groups", ())]
    for labels in (group.get("label_defs", ()) for group in groups):
        assert len(labels) > 1000 or orphans([label["name"] for label in labels]) == []


@every_day
@given(strategies.exported_comments())
def test_with_a_label_come_its_parents_which_are_at_least_as_probable(entry: Any) -> None:
    assigned = [label["name"] for label in entry["annotations"]["labels"]["assigned"]]
    chances = {label["name"]: label["probability"] for label in entry["predictions"]["labels"]}
    assert orphans(assigned) == orphans(list(chances)) == []
    assert len(set(assigned)) == len(assigned)
    for name, chance in chances.items():
        assert chances.get(name.rpartition(" > ")[0], 1) >= chance


@every_day
@given(strategies.exported_comments())
def test_a_comment_has_annotations_where_a_label_is_assigned(entry: Any) -> None:
    if entry["annotations"]["labels"]["assigned"]:
        assert entry["comment"]["has_annotations"] is True


@every_day
@given(st.data(), st.booleans())
def test_sentiment_is_there_where_the_dataset_has_it_and_nowhere_else(data: st.DataObject, has: Any) -> None:
    entry = data.draw(strategies.exported_comments(has_sentiment=has))
    page = data.draw(strategies.export_pages(has_sentiment=has))
    made = [entry, *page["comments"]]
    labels: list[Any] = [label for each in made for label in each["annotations"]["labels"]["assigned"]]
    labels += [label for each in made for label in each["predictions"]["labels"]]
    labels += [
        data.draw(strategies.labels(has_sentiment=has)),
        data.draw(strategies.predicted_labels(has_sentiment=has)),
    ]
    assert all(("sentiment" in label) is has for label in labels)


@every_day
@given(st.data(), st.sampled_from(["timestamp", "created_at"]))
def test_a_page_is_in_order_and_has_each_comment_once(data: st.DataObject, order_by: Any) -> None:
    page: Any = data.draw(strategies.export_pages(order_by=order_by))
    comments = [entry["comment"] for entry in page["comments"]]
    assert len({comment["uid"] for comment in comments}) == len(comments)
    positions = [(moment(each[order_by]), each["source_id"], each["id"]) for each in comments]
    assert positions == sorted(positions)
    if "continuation" in page and comments:
        assert page["continuation"].startswith(comments[-1][order_by])


@every_day
@given(strategies.export_pages(last=True), strategies.export_pages(last=False))
def test_the_last_page_and_no_other_is_without_a_continuation(last: Any, other: Any) -> None:
    assert "continuation" not in last
    assert "continuation" in other


@every_day
@given(strategies.export_requests())
def test_no_filter_stands_beside_uids_and_moments_are_in_order(body: Any) -> None:
    assert "comment_uids" not in body or not {"source_ids", "from", "to"} & body.keys()
    assert "continuation" not in body
    if {"from", "to"} <= body.keys():
        assert moment(body["from"]) <= moment(body["to"])


@every_day
@given(strategies.export_requests(comment_uids=["18ba5ce699f8da1f.a"]), strategies.export_requests(source_ids=[]))
def test_a_pinned_filter_drives_out_those_that_may_not_stand_beside_it(by_uid: Any, by_source: Any) -> None:
    assert not {"source_ids", "from", "to"} & by_uid.keys()
    assert "comment_uids" not in by_source


def test_every_legal_combination_of_filters_is_asked_for() -> None:
    found = set()

    @settings(max_examples=1500, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(strategies.export_requests())
    def look(body: Any) -> None:
        found.add(frozenset(body))

    look()
    filters = [frozenset(f) for f in ((), ("from",), ("to",), ("from", "to"))]
    filters += [one | {"source_ids"} for one in filters] + [frozenset({"comment_uids"})]
    others = [frozenset(o) for o in ((), ("limit",), ("order_by",), ("limit", "order_by"))]
    assert {one | other for one in filters for other in others} <= found


@every_day
@given(strategies.sync_requests(), strategies.sync_requests(id="a", thread_id="t", text_format=absent))
def test_a_batch_has_each_id_once_and_what_is_pinned(batch: Any, pinned: Any) -> None:
    assert len({each["id"] for each in batch["comments"]}) == len(batch["comments"])
    for each in pinned["comments"]:
        assert (each["id"], each["thread_id"], "text_format" in each) == ("a", "t", False)


@pytest.mark.parametrize("size", [1, 2, 3, 6])
def test_a_batch_shrinks_to_as_many_comments_as_it_takes(size: int) -> None:
    quiet = settings(max_examples=1000, database=None, deadline=None)
    batch = find(strategies.sync_requests(), lambda body: len(body["comments"]) >= size, settings=quiet)
    assert len(batch["comments"]) == size


@every_day
@given(strategies.timestamps(), strategies.stamps())
def test_a_timestamp_means_a_moment(timestamp: str, stamp: str) -> None:
    moment(timestamp)
    assert moment(stamp.removesuffix("Z") + "+00:00") == moment(stamp)


def test_timestamps_come_in_every_form_that_clients_meet() -> None:
    found = set()

    @settings(max_examples=1000, database=None, derandomize=True, deadline=None, phases=[Phase.generate])
    @given(strategies.timestamps())
    def look(text: str) -> None:
        found.add(text)

    look()
    for form in (
        r".*Z",
        r".*\+\d\d:\d\d",
        r".*-\d{4}",
        r".*[+-]\d\d",
        r"\d{4}-\d\d-\d\d",
        r".* \d\d:\d\d",
        r".*,\d+.*",
    ):
        assert any(re.fullmatch(form, text) for text in found), form
    for part in (r"\.\d{6}Z", r":\d\dZ", r"-02-29", r"^0001-", r"^9999-", r"\.\d{9}"):
        assert any(re.search(part, text) for text in found), part


# ------------------------------------------------------------------------------------------------------------- pinning


@every_day
@given(st.data())
def test_a_field_is_pinned_by_a_value_a_strategy_or_absence(data: st.DataObject) -> None:
    comment = data.draw(
        strategies.comments(
            source_id="18ba5ce699f8da1f", timestamp=strategies.stamps("2024-01-01", "2024-01-02"), thread_id=absent
        )
    )
    assert comment["uid"].startswith("18ba5ce699f8da1f.")
    assert "2024-01-01T00:00:00Z" <= comment["timestamp"] <= "2024-01-02T00:00:00Z"
    assert "thread_id" not in comment


@every_day
@given(strategies.comments(uid="18ba5ce699f8da1f.a.b"), strategies.uids(source_id="18ba5ce699f8da1f"))
def test_a_pinned_uid_decides_its_parts(comment: Any, uid: str) -> None:
    assert (comment["source_id"], comment["id"]) == ("18ba5ce699f8da1f", "a.b")
    assert uid.startswith("18ba5ce699f8da1f.")


@every_day
@given(
    strategies.comments(created_at="2500-01-01T00:00:00Z"), strategies.comments(last_modified="0001-01-01T00:00:00Z")
)
def test_a_pinned_stamp_moves_the_other(late: Any, early: Any) -> None:
    assert moment(late["last_modified"]) >= moment(late["created_at"]) == moment("2500-01-01")
    assert early["created_at"] == early["last_modified"] == "0001-01-01T00:00:00Z"


@every_day
@given(st.data())
def test_bounds_of_sizes_and_moments_hold(data: st.DataObject) -> None:
    assert 2 <= len(data.draw(strategies.texts(2, 5))) <= 5
    assert len(data.draw(strategies.texts(5000))) >= 5000
    assert data.draw(strategies.texts(max_size=0)) == ""
    assert 3 <= len(data.draw(strategies.export_pages(min_size=3, max_size=4))["comments"]) <= 4
    assert 2 <= len(data.draw(strategies.label_names(2, 3))) <= 3
    low, high = sorted([data.draw(strategies.stamps()), data.draw(strategies.stamps())], key=moment)
    for bounded in (strategies.stamps(low, high), strategies.timestamps(low, high)):
        assert moment(low) <= moment(data.draw(bounded)) <= moment(high)


@every_day
@given(
    strategies.exported_comments(["a", "a > b"]),
    strategies.exported_comments(comment=strategies.comments(id="7"), predictions={"labels": []}),
    strategies.user_properties(**{"string:Team": "North"}),
    strategies.datasets(["x", "x > y"], title="T", label_groups=[]),
)
def test_parts_are_pinned_too(entry: Any, other: Any, properties: Any, dataset: Any) -> None:
    assert {label["name"] for label in entry["predictions"]["labels"]} <= {"a", "a > b"}
    assert (other["comment"]["id"], other["predictions"]) == ("7", {"labels": []})
    assert properties["string:Team"] == "North"
    assert (dataset["title"], dataset["label_defs"]) == ("T", [])


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: strategies.comments(timestmap=""), TypeError, "no field timestmap. There are: id, uid"),
        (lambda: strategies.comments(timestamp="yesterday"), ValueError, "comments: timestamp"),
        (lambda: strategies.comments(timestamp=absent), ValueError, "timestamp cannot be absent"),
        (lambda: strategies.comments(form="write"), ValueError, "'read' or 'upload'"),  # type: ignore[arg-type]
        (lambda: strategies.datasets(title="x" * 129), ValueError, "too long"),
        (lambda: strategies.datasets("abc"), TypeError, "label_names is a list"),
        (lambda: strategies.timestamps("2024-01-02", "2024-01-01"), ValueError, "nothing is between"),
        (lambda: strategies.timestamps("soon"), ValueError, "timestamps"),
        (lambda: strategies.export_pages(max_size=257), ValueError, "256"),
        (lambda: strategies.export_pages(order_by="uid"), ValueError, "order_by"),  # type: ignore[arg-type]
        (lambda: strategies.label_names(max_size=3, min_size=4), ValueError, "no tree has 4 to 3"),
        (lambda: strategies.user_properties(Team="North"), ValueError, "Team"),
        (lambda: strategies.uids("x"), ValueError, "uids: source_id"),
        (lambda: strategies.texts(3, 2), ValueError, "no text has 3 to 2"),
        (lambda: strategies.from_schema("objects/nothing.json"), LookupError, r"There are: .*objects/dataset.json"),
        (lambda: strategies.errors(404), ValueError, "no error is called 404"),  # type: ignore[arg-type]
        (lambda: strategies.errors("nonsense"), ValueError, "There are: .*forbidden"),
        (lambda: strategies.error_bodies("cut_json"), ValueError, "no error is called 'cut_json'"),
        (lambda: strategies.invalid("get_dataset"), ValueError, "There are: create_bucket, "),
        (lambda: strategies.create_dataset_requests(labels=[]), TypeError, "no field labels"),
        (lambda: strategies.sync_requests(uid="a"), TypeError, "sync_requests: there is no field uid"),
    ],
)
def test_what_does_not_fit_is_refused_where_it_is_written(
    make: Callable[[], object], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        make()


def test_a_drawn_pin_that_does_not_fit_is_refused_when_it_is_drawn() -> None:
    with pytest.raises(ValueError, match=r"comments: text_format: .*'bold' is not one of"):
        find(strategies.comments(text_format=st.just("bold")), lambda _: True)
    with pytest.raises(ValueError, match=r"created_at .* is after last_modified"):
        find(
            strategies.comments(created_at="2024-01-02T00:00:00Z", last_modified="2024-01-01T00:00:00Z"), lambda _: True
        )
    with pytest.raises(ValueError, match="is not of the id"):
        find(strategies.comments(uid="18ba5ce699f8da1f.a", id="b"), lambda _: True)


@every_day
@given(strategies.datasets(["a > b > c"]), strategies.annotations(["a > b"]))
def test_parents_that_are_not_named_are_labels_all_the_same(dataset: Any, annotations: Any) -> None:
    assert [label["name"] for label in dataset["label_defs"]] == ["a", "a > b", "a > b > c"]
    assert orphans([label["name"] for label in annotations["labels"]["assigned"]]) == []


def test_a_strategy_is_shown_in_a_few_words() -> None:
    for strategy, _ in CASES.values():
        assert len(repr(strategy)) < 300
    assert len(repr(strategies.invalid("create_dataset")) + repr(strategies.tenants())) < 300


@every_day
@given(st.data())
def test_what_is_drawn_is_nobody_elses(data: st.DataObject) -> None:
    pinned: Any = {"labels": {"assigned": [{"name": "a"}]}}
    strategy = strategies.exported_comments(annotations=pinned)
    first: Any = data.draw(strategy)
    first["annotations"]["labels"]["assigned"].clear()
    for each in (first, first["comment"]):
        each.clear()
    assert data.draw(strategy)["annotations"] == pinned


# ----------------------------------------------------------------------------------------------------------- shrinking


def entry(**changes: Any) -> Any:
    at = "2024-01-01T00:00:00Z"
    comment: dict[str, Any] = {"id": "0", "source_id": "0" * 16, "timestamp": at, "created_at": at, "last_modified": at}
    comment |= {"messages": [{"body": {"text": ""}}], "user_properties": {}, **changes}
    comment["uid"] = f"{comment['source_id']}.{comment['id']}"
    return {"comment": comment, "annotations": {"labels": {"assigned": []}}, "predictions": {"labels": []}}


def texts(each: Any) -> list[str]:
    return [message["body"]["text"] for message in each["comment"]["messages"]]


def message(text: str = "", **fields: Any) -> Any:
    return {"body": {"text": text}, **fields}


ENTRY, PAGE = strategies.exported_comments(), strategies.export_pages(max_size=256)
MINIMA: dict[str, tuple[SearchStrategy[Any], Callable[[Any], Any], Any]] = {
    "more than one message": (ENTRY, lambda e: len(texts(e)) > 1, entry(messages=[message(), message()])),
    "a body that is not ASCII": (
        ENTRY,
        lambda e: not all(map(str.isascii, texts(e))),
        entry(messages=[message("é")]),
    ),
    "the second body is not empty": (
        ENTRY,
        lambda e: any(texts(e)[1:]),
        entry(messages=[message(), message("a")]),
    ),
    "an id with a dot": (ENTRY, lambda e: "." in e["comment"]["id"], entry(id="a.b")),
    "a year above 2100": (
        ENTRY,
        lambda e: e["comment"]["timestamp"] > "2101",
        entry(timestamp=next(stamp for stamp in tables.stamps() if stamp > "2101")),
    ),
    "a year below 1900": (
        ENTRY,
        lambda e: e["comment"]["created_at"] < "1900",
        entry(created_at=next(stamp for stamp in tables.stamps() if stamp < "1900")),
    ),
    "two addresses in cc": (
        ENTRY,
        lambda e: any(len(each.get("cc", ())) > 1 for each in e["comment"]["messages"]),
        entry(messages=[message(cc=["a", "0"])]),
    ),
    "a number among the user properties": (
        ENTRY,
        lambda e: any(name.startswith("number:") for name in e["comment"]["user_properties"]),
        entry(user_properties={"number:": 0}),
    ),
    "an attachment": (
        ENTRY,
        lambda e: e["comment"].get("attachments"),
        entry(attachments=[{"name": "", "size": 0, "content_type": ""}]),
    ),
    "a prediction without sentiment": (
        ENTRY,
        lambda e: any("sentiment" not in label for label in e["predictions"]["labels"]),
        {**entry(), "predictions": {"labels": [{"name": "a", "probability": 0}]}},
    ),
    "a prediction with sentiment": (
        ENTRY,
        lambda e: any("sentiment" in label for label in e["predictions"]["labels"]),
        {**entry(), "predictions": {"labels": [{"name": "a", "probability": 0, "sentiment": 0}]}},
    ),
    "a child among the assigned labels": (
        ENTRY,
        lambda e: any(" > " in label["name"] for label in e["annotations"]["labels"]["assigned"]),
        {**entry(has_annotations=True), "annotations": {"labels": {"assigned": [{"name": "a"}, {"name": "a > b"}]}}},
    ),
    "a page with more than one message": (
        PAGE,
        lambda page: any(len(texts(each)) > 1 for each in page["comments"]),
        {"comments": [entry(messages=[message(), message()])], "status": "ok"},
    ),
    "a page with a body that is not ASCII": (
        PAGE,
        lambda page: not all(text.isascii() for each in page["comments"] for text in texts(each)),
        {"comments": [entry(messages=[message("é")])], "status": "ok"},
    ),
}


@pytest.mark.parametrize(("strategy", "interesting", "least"), MINIMA.values(), ids=MINIMA)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_minimum_found_is_the_obvious_one(
    strategy: SearchStrategy[Any], interesting: Callable[[Any], Any], least: Any, seed: int
) -> None:
    asked = 0

    def counted(value: Any) -> bool:
        nonlocal asked
        asked += 1
        return bool(interesting(value))

    quiet = settings(max_examples=1000, database=None, deadline=None)
    assert find(strategy, counted, settings=quiet, random=Random(seed)) == least  # noqa: S311 -- an order
    assert asked < 1000


def test_65_comments_shrink_to_65_plain_ones() -> None:
    quiet = settings(max_examples=200, database=None, deadline=None)
    page = find(PAGE, lambda page: len(page["comments"]) >= 65, settings=quiet, random=Random(1))  # noqa: S311 -- an order
    assert len(page["comments"]) == 65
    assert all(each["comment"]["messages"] == [message()] for each in page["comments"])


def test_a_field_that_is_never_drawn_is_never_found() -> None:
    with pytest.raises(NoSuchExample):
        find(strategies.comments(thread_id=absent), lambda each: "thread_id" in each, settings=every_day)
