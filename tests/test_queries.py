"""Questions about many comments: conditions, orders, pages and figures."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment

from pytest_reinfer import FakeTenant, RouteNotBuilt, UnexpectedRequests, faults
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer.tenant import Source

    Send = Callable[..., Answer]

DATASET = "/api/_private/datasets/acme/support"
QUERY, RECENT, STATISTICS, SUMMARY = (f"{DATASET}/{name}" for name in ("query", "recent", "statistics", "summary"))
OF_SOURCE = "/api/v1/sources/acme/mail/statistics"
IDS = ["a", "b", "c", "d", "e"]  # a is the oldest


def message(sender: str, **fields: Any) -> dict[str, Any]:
    return {"body": {"text": ""}, "from": sender, **fields}


@pytest.fixture(autouse=True)
def source(tenant: FakeTenant) -> Source:
    """Five comments, one a day, in a source and another one."""
    properties = [
        {"string:Team": "North", "number:Value": 1},
        {"string:Team": "South", "number:Value": 2.5},
        {"string:Team": "North"},
        {},
        {"number:Value": -1},
    ]
    messages = [
        [message("ann@a.org", to=["bob@b.org"])],
        [message("bob@b.org", to=["ann@a.org"], cc=["eve@e.org"])],
        [message("ann@a.org"), message("eve@e.org", bcc=["bob@b.org"])],
        [],
        [message("eve@e.org", to=["x@x.org", "bob@b.org"])],
    ]
    comments = [
        comment(name, f"2024-01-{day:02}T12:00:00Z", user_properties=properties[day - 1])
        | {"messages": messages[day - 1]}
        for day, name in enumerate(IDS, start=1)
    ]
    source = tenant.add_source("acme/mail", comments=comments[:4])
    other = tenant.add_source("acme/other", comments=comments[4:])
    tenant.add_dataset("acme/support", sources=[source, other], labels=["Claim", "Praise"])
    tenant.annotate("acme/support", f"{source.id}.b", ["Claim"])
    tenant.annotate("acme/support", f"{source.id}.c", [], dismissed=["Claim"])
    tenant.predict("acme/support", f"{source.id}.a", {"Claim": 0.9, "Praise": 0.24})
    tenant.predict("acme/support", f"{source.id}.c", {"Claim": 0.99})
    tenant.predict("acme/support", f"{source.id}.d", [{"name": "Claim", "probability": 0.25, "sentiment": -0.5}])
    return source


def ids(answer: Any) -> list[str]:
    return [each["comment"]["id"] for each in answer["results"]]


def query(tenant: FakeTenant, kind: str = "recent", **asked: Any) -> Any:
    order: dict[str, Any] = {"kind": kind, **{key: asked.pop(key) for key in ("label", "seed") if key in asked}}
    answer = ask(tenant, "POST", QUERY, {"filter": {}, "order": order, **asked})
    assert answer.status == 200, answer
    return answer.json


# ------------------------------------------------------------------------------------------------------- conditions


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({}, "abcde"),
        ({"reviewed": "only_reviewed"}, "bc"),
        ({"reviewed": "only_unreviewed"}, "ade"),
        ({"timestamp": {"minimum": "2024-01-02T12:00:00Z"}}, "bcde"),
        ({"timestamp": {"maximum": "2024-01-02T13:00:00+01:00"}}, "ab"),
        ({"timestamp": {"minimum": "2024-01-02T12:00:00.000001Z", "maximum": "2024-01-03T12:00"}}, "c"),
        ({"sources": ["{mail}"]}, "abcd"),
        ({"sources": ["0000000000000000"]}, ""),
        ({"user_properties": {"string:Team": {"one_of": ["North"]}}}, "ac"),
        ({"user_properties": {"string:Team": {"not_one_of": ["North"]}}}, "bde"),
        ({"user_properties": {"number:Value": {"minimum": 1}}}, "ab"),
        ({"user_properties": {"number:Value": {"maximum": 1}}}, "ae"),
        ({"user_properties": {"number:Value": {"one_of": [2.5]}, "string:Team": {"one_of": ["South"]}}}, "b"),
        ({"messages": {"from": {"one_of": ["ann@a.org"]}}}, "ac"),
        ({"messages": {"from": {"not_one_of": ["ann@a.org"]}}}, "bde"),
        ({"messages": {"to": {"one_of": ["bob@b.org"]}}}, "ae"),
        ({"messages": {"cc": {"one_of": ["eve@e.org"]}}}, "b"),
        ({"messages": {"bcc": {"one_of": ["bob@b.org"]}}}, "c"),
        ({"messages": {"recipient": {"one_of": ["bob@b.org"]}}}, "ace"),
        ({"messages": {"recipient": {"one_of": ["bob@b.org"], "not_one_of": ["x@x.org"]}}}, "ac"),
        ({"reviewed": "only_reviewed", "user_properties": {"string:Team": {"one_of": ["North"]}}}, "c"),
    ],
)
def test_a_filter_keeps_the_comments_that_fulfil_it(
    tenant: FakeTenant, source: Source, asked: Any, expected: str
) -> None:
    asked = json.loads(json.dumps(asked).replace("{mail}", source.id))
    answer = query(tenant, filter=asked)
    assert ids(answer) == list(expected)[::-1]
    assert answer["num_results"] == {"filtered": len(expected), "expected": len(expected)}
    assert ids(ask(tenant, "POST", RECENT, {"filter": asked, "limit": 64}).json) == list(expected)[::-1]
    counted = ask(tenant, "POST", STATISTICS, {"comment_filter": asked}).json["statistics"]
    assert counted["num_comments"] == len(expected)
    if "e" not in expected or "reviewed" in asked:
        of_source = ask(tenant, "POST", OF_SOURCE, {"comment_filter": asked}).json["statistics"]
        assert of_source == {"num_comments": len(expected.replace("e", ""))}


def test_a_comment_of_a_source_is_reviewed_where_it_is_in_any_dataset(tenant: FakeTenant, source: Source) -> None:
    tenant.add_dataset("acme/second", sources=[source])
    tenant.annotate("acme/second", f"{source.id}.a", ["Claim"])
    asked = {"comment_filter": {"reviewed": "only_reviewed"}}
    assert ask(tenant, "POST", OF_SOURCE, asked).json["statistics"]["num_comments"] == 3
    assert ask(tenant, "POST", STATISTICS, asked).json["statistics"]["num_comments"] == 2


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"kind": "string_any_of", "any_of": ["Claim"]}, "abd"),  # a and d by prediction, c has it dismissed
        ({"kind": "string_any_of", "any_of": ["Praise"]}, ""),
        ({"kind": "string_any_of", "any_of": []}, ""),
        ({"kind": "string_none_of", "none_of": ["Claim"]}, "ce"),
    ],
)
def test_a_label_is_assigned_or_predicted_where_nobody_reviewed(tenant: FakeTenant, labels: Any, expected: str) -> None:
    attributes = [{"attribute": "labels", "filter": labels}]
    assert ids(query(tenant, attribute_filters=attributes)) == list(expected)[::-1]
    counted = ask(tenant, "POST", STATISTICS, {"attribute_filters": attributes}).json["statistics"]
    assert counted["num_comments"] == len(expected)


# ------------------------------------------------------------------------------------------------- orders and pages


def test_results_are_annotated_comments(tenant: FakeTenant, send: Send, source: Source) -> None:
    answer = send("POST", QUERY, {"filter": {}, "order": {"kind": "recent"}, "limit": 512}).json
    assert set(answer) == {"results", "entity_defs", "num_results", "status"}
    assert [tenant.labelling("acme/support", each["comment"]["uid"]) for each in answer["results"]] == answer["results"]
    assert answer["results"] == send("POST", RECENT, {"limit": 512, "filter": {}}).json["results"]


def test_by_label_the_likeliest_comes_first_and_a_dismissed_one_last(tenant: FakeTenant, source: Source) -> None:
    assert ids(query(tenant, "by_label", label="Claim")) == ["b", "a", "d", "e", "c"]
    for name in "bd":
        tenant.annotate("acme/support", f"{source.id}.{name}", [], dismissed=["Praise"])
        order = ids(query(tenant, "by_label", label="Praise"))
        assert (order[0], order[-1]) == ("a", name)
        tenant.annotate("acme/support", f"{source.id}.{name}", [], dismissed=[])


def test_a_sample_follows_from_its_seed(tenant: FakeTenant) -> None:
    samples = [ids(query(tenant, "sample", seed=seed)) for seed in range(8)]
    assert samples == [ids(query(tenant, "sample", seed=seed)) for seed in range(8)]
    assert all(sorted(sample) == IDS for sample in samples)
    assert len(set(map(tuple, samples))) > 4
    assert query(tenant, "sample", seed=3)["seed"] == 3


@pytest.mark.parametrize(
    "order", [{"kind": "recent"}, {"kind": "by_label", "label": "Claim"}, {"kind": "sample", "seed": 1}]
)
@pytest.mark.parametrize("limit", [1, 2, 4, 5])
def test_pages_together_are_the_whole(tenant: FakeTenant, send: Send, order: Any, limit: int) -> None:
    whole = ids(query(tenant, order=order))
    found, body = [], {"filter": {}, "order": order, "limit": limit}
    for _ in range(-(-5 // limit)):
        page = send("POST", QUERY, body).json
        assert page["num_results"]["filtered"] == 5
        found += ids(page)
        body["continuation"] = page.get("continuation")
    assert (found, body["continuation"]) == (whole, None)


def test_a_page_goes_on_whatever_happens_to_comments_meanwhile(tenant: FakeTenant, source: Source) -> None:
    page = query(tenant, limit=2)
    assert ids(page) == ["e", "d"]
    tenant.delete_comments(f"{source.id}.d")
    tenant.add_comments(source, [comment("new", "2024-02-01T00:00:00Z"), comment("late", "2024-01-03T11:00:00Z")])
    assert ids(query(tenant, continuation=page["continuation"])) == ["c", "late", "b", "a"]


def test_limit_and_continuation_in_the_query_win(tenant: FakeTenant, send: Send) -> None:
    body = {"filter": {}, "order": {"kind": "recent"}, "limit": 5}
    page = send("POST", f"{QUERY}?limit=2", body).json
    assert ids(page) == ["e", "d"]
    answer = send("POST", f"{QUERY}?limit=1&continuation={page['continuation']}", {**body, "continuation": "x"}).json
    assert ids(answer) == ["c"]


def test_moments_before_1970_and_far_away_are_in_order(tenant: FakeTenant, source: Source) -> None:
    stamps = ["0001-01-01T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"]
    tenant.add_comments(source, [comment(f"{n}", stamp) for n, stamp in enumerate(stamps)])
    found: list[str] = []
    asked: dict[str, Any] = {}
    for _ in range(8):
        page = query(tenant, limit=1, **asked)
        found += ids(page)
        asked = {"continuation": page.get("continuation")}
    assert found == ["2", *IDS[::-1], "1", "0"]


@pytest.mark.parametrize("token", ["", "x", "0" * 32 + "-" + "0" * 16])
def test_a_continuation_that_no_page_gave_is_400(tenant: FakeTenant, refused: Send, token: str) -> None:
    body = {"filter": {}, "order": {"kind": "recent"}, "continuation": token}
    assert refused(400, "POST", QUERY, body).message == f"400 Bad Request: '{token}' is not a valid continuation"
    refused(400, "POST", RECENT, {"continuation": token})


def test_a_continuation_is_of_its_dataset_and_order(tenant: FakeTenant, refused: Send, source: Source) -> None:
    tenant.add_dataset("acme/second", sources=[source])
    token = query(tenant, limit=1)["continuation"]
    assert ids(ask(tenant, "POST", RECENT, {"continuation": token}).json) == ["d", "c", "b", "a"]
    body = {"filter": {}, "order": {"kind": "recent"}, "continuation": token}
    refused(400, "POST", "/api/_private/datasets/acme/second/query", body)
    refused(400, "POST", QUERY, {**body, "order": {"kind": "sample", "seed": 1}})
    refused(400, "POST", QUERY, {**body, "continuation": token.replace(token[0], "f" if token[0] != "f" else "0", 1)})


@pytest.mark.parametrize(
    ("order", "another"),
    [
        ({"kind": "sample", "seed": 1}, {"kind": "sample", "seed": 2}),
        ({"kind": "by_label", "label": "Claim"}, {"kind": "by_label", "label": "Praise"}),
    ],
    ids=str,
)
def test_a_continuation_is_of_its_seed_or_label(tenant: FakeTenant, refused: Send, order: Any, another: Any) -> None:
    token = query(tenant, **order, limit=1)["continuation"]
    assert len(ids(query(tenant, **order, continuation=token))) == 4
    refused(400, "POST", QUERY, {"filter": {}, "order": another, "continuation": token})


# --------------------------------------------------------------------------------------------------------- figures


def test_statistics_count_comments_and_labels(tenant: FakeTenant, send: Send) -> None:
    body = {
        "comment_filter": {},
        "attribute_filters": [],
        "label_timeseries": False,
        "label_property_timeseries": False,
    }
    assert send("POST", STATISTICS, body).json["statistics"] == {
        "num_comments": 5,
        "label_counts": {"Claim": {"positive": 2, "negative": 1}, "Praise": {"positive": 0, "negative": 0}},
        "min_timestamp": "2024-01-01T12:00:00Z",
        "max_timestamp": "2024-01-05T12:00:00Z",
    }
    none = {"comment_filter": {"sources": ["0" * 16]}}
    assert set(send("POST", STATISTICS, none).json["statistics"]) == {"num_comments", "label_counts"}


def test_labels_of_a_dataset_without_sentiment_count_as_positive(tenant: FakeTenant, source: Source) -> None:
    tenant.add_dataset("acme/plain", sources=[source], labels=["Claim"], has_sentiment=False)
    tenant.annotate("acme/plain", f"{source.id}.a", ["Claim"])
    tenant.predict("acme/plain", f"{source.id}.b", {"Claim": 0.9})
    found = ask(tenant, "POST", "/api/_private/datasets/acme/plain/statistics", {"comment_filter": {}}).json
    assert found["statistics"]["label_counts"] == {"Claim": {"positive": 2, "negative": 0}}


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ("day", {"2023-12-31": 1, "2024-01-01": 1, "2024-01-02": 1, "2024-01-03": 1, "2024-01-04": 1, "2024-01-05": 1}),
        ("week", {"2023-12-25": 1, "2024-01-01": 5}),
        ("month", {"2023-12-01": 1, "2024-01-01": 5}),
    ],
)
def test_a_timeseries_counts_by_day_week_or_month(
    tenant: FakeTenant, send: Send, source: Source, resolution: str, expected: dict[str, int]
) -> None:
    tenant.add_comments(source, [comment("old", "2023-12-31T23:59:59.999999Z")])
    body = {"label_timeseries": True, "time_resolution": resolution}
    series = send("POST", STATISTICS, body).json["statistics"]["label_timeseries"]
    assert {each["timestamp"]: each["num_comments"] for each in series} == {
        f"{day}T00:00:00Z": count for day, count in expected.items()
    }
    assert sum(each["label_counts"]["Claim"]["positive"] for each in series) == 2


def test_the_first_week_of_the_calendar_is_counted(tenant: FakeTenant, source: Source) -> None:
    tenant.add_comments(source, [comment("old", "0001-01-03T00:00:00Z")])
    body = {"label_timeseries": True, "time_resolution": "week"}
    series = ask(tenant, "POST", STATISTICS, body).json["statistics"]["label_timeseries"]
    assert series[0]["timestamp"] == "0001-01-01T00:00:00Z"


def test_a_summary_tells_user_properties_and_their_values(send: Send) -> None:
    summary = send("POST", SUMMARY, {"filter": {}}).json["summary"]
    values = [{"value": "North", "count": 2}, {"value": "South", "count": 1}]
    team = {"full_name": "string:Team", "count": 3, "cardinality": 2, "values": values}
    value = {"full_name": "number:Value", "count": 3}
    assert summary == {"user_properties": {"string": [team], "number": [value]}}
    reviewed = send("POST", SUMMARY, {"filter": {"reviewed": "only_reviewed"}}).json["summary"]["user_properties"]
    assert [each["count"] for each in (*reviewed["string"], *reviewed["number"])] == [2, 1]


def test_values_that_are_as_frequent_come_by_name(tenant: FakeTenant, source: Source, send: Send) -> None:
    teams = {"x": "South", "y": "West", "z": "East"}
    tenant.add_comments(source, [comment(name, user_properties={"string:Team": team}) for name, team in teams.items()])
    (team,) = send("POST", SUMMARY, {"filter": {}}).json["summary"]["user_properties"]["string"]
    assert [each["value"] for each in team["values"]] == ["North", "South", "East", "West"]


# ------------------------------------------------------------------------------------------------------------- lag


def seen(tenant: FakeTenant) -> list[Any]:
    """What the four routes of a dataset and that of a source tell of how many comments there are."""
    summary = ask(tenant, "POST", SUMMARY, {}).json["summary"]["user_properties"]["number"]
    return [
        len(query(tenant)["results"]),
        len(ask(tenant, "POST", RECENT, {}).json["results"]),
        ask(tenant, "POST", STATISTICS, {}).json["statistics"]["num_comments"],
        sum(each["count"] for each in summary) + 2,  # two comments have no number
        ask(tenant, "POST", OF_SOURCE, {}).json["statistics"]["num_comments"] + 1,  # of the other source
    ]


def test_statistics_are_late_alone(tenant: FakeTenant, source: Source) -> None:
    tenant.lag("statistics", seconds=60)
    tenant.add_comments(source, [comment("new", user_properties={"number:Value": 1})])
    assert seen(tenant) == [5] * 5
    exported = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {}).json["comments"]
    assert len(exported) == 6
    tenant.clock.advance(61)
    assert seen(tenant) == [6] * 5


@pytest.mark.parametrize("what", ["comments", "predictions"])
def test_queries_are_not_late_with_exports(tenant: FakeTenant, source: Source, what: str) -> None:
    tenant.lag(what, reads=1)
    tenant.add_comments(source, [comment("new", user_properties={"number:Value": 1})])
    assert seen(tenant) == [6] * 5
    exported = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {}).json["comments"]
    assert len(exported) == (5 if what == "comments" else 6)


def test_what_people_say_is_late_too_but_in_labellings(tenant: FakeTenant, source: Source) -> None:
    tenant.lag(reads=2)
    tenant.annotate("acme/support", f"{source.id}.a", [], dismissed=["Claim"])
    tenant.annotate("acme/support", f"{source.id}.d", ["Claim"])
    asked: dict[str, Any] = {"filter": {"reviewed": "only_reviewed"}}
    answer = ask(tenant, "GET", f"{DATASET}/labellings?source_id={source.id}").json
    assert ids(answer) == ["a", "b", "c", "d"]
    assert [ids(query(tenant, **asked)) for _ in range(3)] == [["c", "b"], ["c", "b"], ["d", "c", "b", "a"]]


def test_what_datasets_include_and_labels_are_called_is_late_too(tenant: FakeTenant, source: Source) -> None:
    before = ask(tenant, "POST", STATISTICS, {}).json["statistics"]
    tenant.lag("statistics", reads=1)
    ask(tenant, "POST", f"{DATASET}/labels/default?label_name=Claim", {"label": {"name": "Renamed"}})
    assert ask(tenant, "POST", STATISTICS, {}).json["statistics"] == before
    after = ask(tenant, "POST", STATISTICS, {}).json["statistics"]
    assert after["label_counts"]["Renamed"] == before["label_counts"]["Claim"]
    ask(tenant, "DELETE", f"/api/v1/sources/id:{source.id}")
    assert ask(tenant, "POST", STATISTICS, {}).json["statistics"] == after
    left = ask(tenant, "POST", STATISTICS, {}).json["statistics"]["num_comments"]
    assert left == len(tenant.exported("acme/support")) < after["num_comments"]


def test_recent_comments_are_paged_by_the_query_as_well_and_it_wins(tenant: FakeTenant) -> None:
    path, body = f"{DATASET}/recent", {"filter": {}, "limit": 5}
    whole = ids(ask(tenant, "POST", path, body).json)
    first = ask(tenant, "POST", f"{path}?limit=2", body).json
    second = ask(tenant, "POST", f"{path}?limit=2&continuation={first['continuation']}", body).json
    assert ids(first) + ids(second) == whole[:4]


def test_an_order_and_what_it_shows_are_late_together(tenant: FakeTenant, source: Source) -> None:
    before = query(tenant, "by_label", label="Claim")
    tenant.lag("statistics", reads=1)
    tenant.annotate("acme/support", f"{source.id}.a", [], dismissed=["Claim"])
    late, then = (query(tenant, "by_label", label="Claim") for _ in "12")
    assert late == before
    tenant.lag("statistics", reads=1)
    tenant.annotate("acme/support", f"{source.id}.c", ["Praise"])
    counts = [ask(tenant, "POST", STATISTICS, {}).json["statistics"]["label_counts"]["Praise"] for _ in "12"]
    assert [each["positive"] for each in counts] == [0, 1]
    assert (ids(before), ids(then)) == (["b", "a", "d", "e", "c"], ["b", "d", "e", "a", "c"])


def test_what_is_refused_is_no_read(tenant: FakeTenant, source: Source) -> None:
    tenant.lag("statistics", reads=1)
    tenant.add_comments(source, [comment("new")])
    bad = {"timestamp": {"minimum": "2024-02-30"}}
    for _ in range(2):
        assert ask(tenant, "POST", STATISTICS, {"comment_filter": bad}).status == 422
        assert ask(tenant, "POST", OF_SOURCE, {"comment_filter": bad}).status == 422
        assert ask(tenant, "POST", RECENT, {"continuation": "x"}).status == 400
    assert [len(query(tenant)["results"]) for _ in range(2)] == [5, 6]


# -------------------------------------------------------------------------------------------- refusing, not built


@pytest.mark.parametrize(
    ("path", "body", "words"),
    [
        (QUERY, {"order": {"kind": "learning"}, "filter": {}}, "orders of the kind 'learning' .built are recent, by_l"),
        (
            QUERY,
            {"order": {"kind": "by_label", "label": "A", "sentiment": "x"}, "filter": {}},
            "a sentiment in the ord",
        ),
        (QUERY, {"order": {"kind": "recent"}, "filter": {}, "collapse_mode": "thread"}, "'collapse_mode' in a query"),
        (QUERY, {"order": {"kind": "recent"}, "filter": {"entities": {}}}, "the filter 'entities'"),
        (RECENT, {"filter": {"trigger_exceptions": {}}}, "the filter 'trigger_exceptions'"),
        (SUMMARY, {"filter": {"annotations": {"labels": []}}}, "the filter 'annotations'"),
        (OF_SOURCE, {"comment_filter": {"thread_properties": {}}}, "the filter 'thread_properties'"),
        (STATISTICS, {"label_property_timeseries": True}, "'label_property_timeseries' in statistics"),
        (STATISTICS, {"by_label_properties": ["x"]}, "'by_label_properties' in statistics"),
        (
            STATISTICS,
            {"attribute_filters": [{"attribute": "entities", "filter": {"kind": "string_any_of", "any_of": []}}]},
            "the attribute filter 'entities' of the kind 'string_any_of'",
        ),
        (
            STATISTICS,
            {"attribute_filters": [{"attribute": "labels", "filter": {"kind": "number_range"}}]},
            "the attribute filter 'labels' of the kind 'number_range'",
        ),
    ],
)
def test_what_is_not_built_is_told_and_never_ignored(path: str, body: Any, words: str) -> None:
    with FakeTenant() as tenant:
        source = tenant.add_source("acme/mail")
        tenant.add_dataset("acme/support", sources=[source])
        with pytest.raises(RouteNotBuilt, match=words):
            ask(tenant, "POST", path, body)
        with pytest.raises(UnexpectedRequests, match="It asked for what pytest-reinfer does not build") as told:
            tenant.check()
        assert "nearest routes" not in str(told.value)


def test_an_answer_in_csv_is_not_built(tenant: FakeTenant) -> None:
    headers = {**{name.lower(): value for name, value in tenant.headers.items()}, "content-type": "application/json"}
    body = b'{"filter": {}, "order": {"kind": "recent"}}'
    for accept in ("text/csv", "text/csv; charset=utf-8"):
        with pytest.raises(RouteNotBuilt, match="a query's answer in CSV"):
            tenant.answer(Request("POST", QUERY, "", {**headers, "accept": accept}, body))
    assert tenant.answer(Request("POST", QUERY, "", {**headers, "accept": "*/*"}, body)).status == 200


@pytest.mark.parametrize(
    ("status", "path", "body", "words"),
    [
        (400, QUERY, {"filter": {}}, "'order' is a required property"),
        (400, QUERY, {"order": {"kind": "recent"}}, "'filter' is a required property"),
        (400, QUERY, {"filter": {}, "order": {"kind": "by_label"}}, "'label' is a required property"),
        (400, QUERY, {"filter": {}, "order": {"kind": "sample"}}, "'seed' is a required property"),
        (400, QUERY, {"filter": {"reviewed": "no"}, "order": {"kind": "recent"}}, "'no' is not one of"),
        (400, f"{QUERY}?limit=0", {"filter": {}, "order": {"kind": "recent"}}, "0 is less than the minimum of 1"),
        (400, RECENT, {"limit": 1025}, "1025 is greater than the maximum of 1024"),
        (400, RECENT, {"filter": {"user_properties": {"Team": {}}}}, "does not match any of the regexes"),
        (400, RECENT, {"filter": {"user_properties": {"number:A": {"one_of": ["1"]}}}}, "'1' is not of type 'number'"),
        (400, RECENT, {"filter": {"sources": []}}, "[] should be non-empty"),
        (400, STATISTICS, {"time_resolution": "year"}, "'year' is not one of ['day', 'week', 'month']"),
        (422, SUMMARY, {"filter": {"timestamp": {"minimum": "2024-02-30"}}}, "The value '2024-02-30' is not a valid"),
        (
            400,
            SUMMARY,
            {"attribute_filters": [{"attribute": "labels", "filter": {"kind": "string_any_of"}}]},
            "'any_of' is a required property",
        ),
        (404, "/api/_private/datasets/acme/none/recent", {}, "404 Not Found"),
        (404, "/api/v1/sources/acme/none/statistics", {}, "404 Not Found"),
        (404, "/api/v1/sources/none/mail/statistics", {}, "404 Not Found"),
    ],
)
def test_what_cannot_be_asked_is_refused(refused: Send, status: int, path: str, body: Any, words: str) -> None:
    assert words in refused(status, "POST", path, body).message


@pytest.mark.parametrize("kind", faults.PAGES)
@pytest.mark.parametrize("route", ["query_dataset", "recent_comments", "get_labellings"])
def test_pages_of_another_kind_are_for_exports_alone(tenant: FakeTenant, route: str, kind: str) -> None:
    with pytest.raises(ValueError, match=f"{route} has no pages, and so no {kind}"):
        tenant.fail(kind, route=route)
    with tenant.fail(kind, optional=True) as plan:
        assert ids(query(tenant, limit=2)) == ["e", "d"]
    assert "fired 0 of 1 times, 0 requests matched" in str(plan)
