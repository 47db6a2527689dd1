"""How answers may vary: a variation keeps the contract, makes a difference, and has a name that leads back to it."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from pytest_reinfer import contract, variations
from pytest_reinfer.tenant import encode
from pytest_reinfer.variations import EACH, NEW, Variation
from pytest_reinfer.wire import Response

ROUTES = [name for name, route in contract.routes().items() if route.built]
HEADERS = {"Content-Type": "application/json", "Server-Timing": "total;dur=1.0"}
ENTRY: dict[str, Any] = {
    "comment": {
        "id": "1",
        "uid": "47194279497e141e.1",
        "source_id": "47194279497e141e",
        "timestamp": "2024-01-01T00:00:00Z",
        "created_at": "2024-01-01T00:00:00Z",
        "last_modified": "2024-01-01T00:00:00Z",
        "messages": [{"body": {"text": "Hello"}, "language": "en"}],
        "user_properties": {"string:Team": "North", "string:City": "Ulm", "number:Age": 7},
        "text_format": "plain",
        "has_annotations": True,
    },
    "annotations": {"labels": {"assigned": [{"name": "A"}, {"name": "B", "sentiment": "positive"}]}},
    "predictions": {"labels": [{"name": "A", "probability": 0.5}]},
}
PAGE = {"comments": [ENTRY], "continuation": "2021-02-16T10:55:05Z.c060a787c0b2bbf95526ad5cf28bf582", "status": "ok"}


def answers(route: str) -> list[Any]:
    """The answers of a route that the contract shows."""
    return [example["response"] for example in contract.documents()[f"routes/{route}.json"]["examples"]]


def varied(name: str, answer: Any = PAGE) -> Any:
    return variations.varied(variations.read(name), answer)


def response(answer: Any) -> Response:
    return Response(200, dict(HEADERS), encode(answer))


@pytest.mark.parametrize("route", ROUTES)
def test_a_varied_answer_keeps_the_contract_and_is_another(route: str) -> None:
    found = variations.variations(route, answers(route))
    assert len(set(found)) == len(found) > 4
    assert sorted(found, key=lambda each: not each.harmless) == [*found]
    for each in found:
        assert variations.read(str(each)) == each
        if each.kind in variations.PAGES:
            continue
        sent = [response(answer) for answer in answers(route)]
        got = [variations.vary(each, answer) for answer in sent]
        assert got != sent, each
        for answer in got:
            assert contract.problem(f"routes/{route}.json#/properties/response", json.loads(answer.body)) is None


@pytest.mark.parametrize("route", ROUTES)
def test_the_name_of_a_variation_needs_no_quotes_in_a_shell(route: str) -> None:
    assert [
        str(each) for each in variations.variations(route, answers(route)) if re.search(r"[^\w:.=-]", str(each))
    ] == []


def test_no_field_of_the_api_is_called_as_a_step_or_has_a_dot() -> None:
    def names(node: Any) -> list[str]:
        if isinstance(node, list):
            return [name for each in node for name in names(each)]
        if not isinstance(node, dict):
            return []
        own = [*node.get("properties", ()), *(key.removeprefix("^") for key in node.get("patternProperties", ()))]
        return own + [name for key, each in node.items() if key != "examples" for name in names(each)]

    found = {name for route in ROUTES for name in names(contract.documents()[f"routes/{route}.json"])}
    found |= {
        name for file, node in contract.documents().items() if file.startswith("objects/") for name in names(node)
    }
    assert [name for name in found if name in (EACH, NEW) or "." in name] == []


def test_the_telling_variations_of_a_page_are_these() -> None:
    found = [str(each).removeprefix("export_dataset:") for each in variations.variations("export_dataset", [PAGE])]
    comment = "comments.each.comment"
    assert [each for each in found if each.split(":")[0] not in variations.HARMLESS] == [
        "empty:comments",
        f"other:{comment}.id",
        f"other:{comment}.uid",
        f"other:{comment}.source_id",
        f"other:{comment}.timestamp",
        f"empty:{comment}.messages",
        f"longest:{comment}.messages.each.body.text",
        f"script:{comment}.messages.each.body.text",
        f"absent:{comment}.messages.each.language",
        f"longest:{comment}.messages.each.language",
        f"script:{comment}.messages.each.language",
        f"absent:{comment}.user_properties.string:",
        f"script:{comment}.user_properties.string:",
        f"absent:{comment}.user_properties.number:",
        f"other:{comment}.user_properties.number:",
        f"other:{comment}.created_at",
        f"other:{comment}.last_modified",
        f"absent:{comment}.text_format",
        f"value=markdown:{comment}.text_format",
        f"absent:{comment}.has_annotations",
        f"other:{comment}.has_annotations",
        "empty:comments.each.annotations.labels.assigned",
        "script:comments.each.annotations.labels.assigned.each.name",
        "absent:comments.each.annotations.labels.assigned.each.sentiment",
        "value=negative:comments.each.annotations.labels.assigned.each.sentiment",
        "empty:comments.each.predictions.labels",
        "script:comments.each.predictions.labels.each.name",
        "lowest:comments.each.predictions.labels.each.probability",
        "highest:comments.each.predictions.labels.each.probability",
        "absent:continuation",
        "other:continuation",
    ]


def test_the_harmless_variations_of_a_page_are_these() -> None:
    found = [str(each).removeprefix("export_dataset:") for each in variations.variations("export_dataset", [PAGE])]
    assert [each for each in found if each.split(":")[0] in variations.HARMLESS] == [
        *("key_order", "spelling", "extra_header", "header_case", "charset", "empty_page"),
        *("unknown", "unknown:comments.each", "unknown:comments.each.comment", "unknown:comments.each.annotations"),
        "unknown:comments.each.annotations.labels",
        "item_order:comments.each.annotations.labels.assigned",
        "unknown:comments.each.predictions",
    ]
    two = variations.variations("export_dataset", [{**PAGE, "comments": [ENTRY, ENTRY]}])
    assert Variation("export_dataset", "short_page") in two


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        (
            "absent:comments.each.comment.text_format",
            ("comment",),
            {k: v for k, v in ENTRY["comment"].items() if k != "text_format"},
        ),
        ("absent:comments.each.comment.user_properties.string:", ("comment", "user_properties"), {"number:Age": 7}),
        ("other:comments.each.comment.user_properties.number:", ("comment", "user_properties", "number:Age"), 8),
        ("empty:comments.each.comment.messages", ("comment", "messages"), []),
        (
            "longest:comments.each.comment.messages.each.body.text",
            ("comment", "messages", 0, "body", "text"),
            "Hello" + "x" * 65531,
        ),
        (
            "script:comments.each.comment.messages.each.language",
            ("comment", "messages", 0, "language"),
            "\u05e9\u05dc\u05d5\u05dd e\u0301 ",
        ),
        ("value=markdown:comments.each.comment.text_format", ("comment", "text_format"), "markdown"),
        ("other:comments.each.comment.has_annotations", ("comment", "has_annotations"), False),
        ("highest:comments.each.predictions.labels.each.probability", ("predictions", "labels", 0, "probability"), 1),
        ("other:comments.each.comment.source_id", ("comment", "source_id"), "18ba5ce699f8da1f"),
        ("item_order:comments.each.annotations.labels.assigned", ("annotations", "labels", "assigned", 0, "name"), "B"),
        ("unknown:comments.each.predictions", ("predictions", NEW), "as it may come"),
    ],
)
def test_a_variation_changes_its_place_and_nothing_else(name: str, place: tuple[Any, ...], value: Any) -> None:
    changed = varied(f"export_dataset:{name}")
    found = changed["comments"][0]
    for step in place:
        found = found[step]
    assert found == value
    parts = [key for key in ENTRY if changed["comments"][0][key] is not ENTRY[key]]
    assert [key for key in parts if json.dumps(changed["comments"][0][key]) != json.dumps(ENTRY[key])] == [place[0]]


def test_other_json_and_other_headers_mean_the_same() -> None:
    plain = response({"status": "ok", "datasets": [{"title": "Grüße/1"}]})
    got = {kind: variations.vary(Variation("list_datasets", kind), plain) for kind in variations.WHOLE}
    assert {kind: json.loads(each.body) for kind, each in got.items()} == dict.fromkeys(got, json.loads(plain.body))
    assert got["key_order"].body.startswith(b'{"datasets"')
    assert b"Gr\\u00fc\\u00dfe\\/1" in got["spelling"].body
    assert got["charset"].headers["Content-Type"] == "application/json; charset=utf-8"
    assert list(got["header_case"].headers) == ["content-type", "server-timing"]
    assert got["extra_header"].headers.items() > plain.headers.items()
    assert {kind for kind, each in got.items() if each.body == plain.body} == {*variations.HEADERS}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b"\xff"])
def test_what_is_no_json_object_stays_as_it_is(body: bytes) -> None:
    for kind in ("unknown", "spelling", "key_order"):
        plain = Response(200, dict(HEADERS), body)
        assert variations.vary(Variation("list_datasets", kind), plain) is plain


def test_what_a_test_may_expect_is_varied_too_and_equals_what_is_not() -> None:
    for name in ("unknown:comments.each.comment", "item_order:comments.each.annotations.labels.assigned"):
        variation = variations.read(f"export_dataset:{name}")
        told = variations.expected(variation, "objects/exported_comment.json", ENTRY)
        assert json.dumps(told) == json.dumps(varied(str(variation))["comments"][0]) != json.dumps(ENTRY)
        assert told == ENTRY
        assert ENTRY == told  # noqa: SIM300 -- from either side
        assert [told] == [ENTRY]
        assert not told != ENTRY  # noqa: SIM202 -- the operator is what it is about
        assert told == varied(str(variation))["comments"][0]
        assert told != {**ENTRY, "predictions": {"labels": []}}
        assert (
            told
            != varied("export_dataset:absent:comments.each.annotations.labels.assigned.each.sentiment")["comments"][0]
        )
    inner = variations.expected(
        variations.read("export_dataset:unknown:comments.each.comment"), "objects/comment.json", ENTRY["comment"]
    )
    assert NEW in inner
    assert inner == ENTRY["comment"]
    elsewhere = variations.read("export_dataset:unknown:comments.each")
    assert variations.expected(elsewhere, "objects/comment.json", ENTRY["comment"]) is ENTRY["comment"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("export", "'export' is no route.*ROUTE:KIND:PLACE"),
        ("export_datase:absent:x", "'export_datase' is no route, export_dataset is near"),
        ("export_dataset:gone:comments", "'gone' is no kind of variation. There are: key_order"),
        ("export_dataset", "'' is no kind"),
        ("export_dataset:absent:comments.comment", "no 'comment' in comments. There is: each"),
        ("export_dataset:absent:coments", "no 'coments' in its answer. There is: comments, continuation, status"),
        ("export_dataset:absent:status.x", "no 'x' in status. There is: nothing"),
    ],
)
def test_a_name_of_no_variation_is_refused_with_what_there_is(name: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        variations.read(name)
