"""Reading the schemas: one verdict from two validators, and routes that are told from another."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from referencing import Registry
from referencing.jsonschema import DRAFT202012

from pytest_reinfer import contract, strategies

TEXT = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["acme", "a b", "0" * 16, "0" * 16 + "\n", "2024-01-01T00:00:00Z", "2024-13-01", "A > B", " > ", "é", "x" * 129]
    ),
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-300, 300), st.floats(allow_nan=False, allow_infinity=False, width=16), TEXT
)
NAMES = sorted({name for schema in contract.documents().values() for name in schema.get("properties", ())})
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=6)),
    max_leaves=12,
)
REFS = [
    *(name for name in contract.documents() if name.startswith("objects/") and name != "objects/common.json"),
    *(f"objects/common.json#/$defs/{name}" for name in contract.documents()["objects/common.json"]["$defs"]),
    *(
        f"routes/{route.name}.json#/properties/body"
        for route in contract.routes().values()
        if route.built and contract.takes_body(route.name)
    ),
]


def near(ref: str) -> st.SearchStrategy[Any]:
    """Values that nearly fit a schema: its examples with one member changed, added or taken away."""
    examples = contract.node(ref).get("examples") or [{}]

    @st.composite
    def spoiled(draw: st.DrawFn) -> Any:
        value = draw(st.sampled_from(examples))
        if not isinstance(value, dict):
            return draw(VALUES)
        value = dict(value)
        name = draw(st.sampled_from([*value, *contract.node(ref).get("properties", {}), "unknown"]))
        if draw(st.booleans()):
            value.pop(name, None)
        else:
            value[name] = draw(VALUES)
        return value

    return spoiled()


@pytest.mark.parametrize("ref", REFS)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_the_quick_verdict_and_the_words_agree(ref: str, data: st.DataObject) -> None:
    value = data.draw(st.one_of(near(ref), VALUES))
    words = next(contract.words(ref).iter_errors(value), None)
    assert contract.valid(ref, value) == (words is None)
    problem = contract.problem(ref, value)
    assert (problem is None) == (words is None)


@st.composite
def nearly_batches(draw: st.DrawFn) -> Any:
    """Batches of an upload of which one comment may not fit, and which may hold something else besides."""
    comments = draw(st.lists(strategies.comments(form="upload"), max_size=3))
    odd = draw(st.lists(near("objects/new_comment.json") | VALUES, max_size=1))
    place = draw(st.integers(0, len(comments)))
    more = draw(st.just({}) | st.dictionaries(st.sampled_from(NAMES), LEAVES, max_size=1))
    return {"comments": [*comments[:place], *odd, *comments[place:]], **more}


@given(nearly_batches())
@settings(deadline=None)
def test_a_batch_is_refused_where_jsonschema_refuses_it_and_in_its_words(batch: Any) -> None:
    ref = "routes/sync_comments.json#/properties/body"
    registry: Registry[Any] = Registry().with_resources(
        (contract.BASE + name, DRAFT202012.create_resource(schema)) for name, schema in contract.documents().items()
    )
    plain = Draft202012Validator({"$ref": contract.BASE + ref}, registry=registry)
    breach = best_match(plain.iter_errors(batch))
    problem = contract.problem(ref, batch)
    assert contract.valid(ref, batch) == (breach is None)
    assert (problem and problem.message) == (breach and breach.message)


@pytest.mark.parametrize("value", ["\ud800", {"a": [[]]}, {1: 2}, [1.5, ()], float("nan")])
def test_what_is_no_json_gets_a_verdict_too(value: Any) -> None:
    assert contract.valid("objects/error.json", value) is False
    problem = contract.problem("objects/error.json", value)
    assert problem is not None
    assert problem.message


def test_an_infinity_is_no_json_though_it_is_a_number() -> None:
    problem = contract.problem("objects/user_properties.json", {"number:A": float("inf")})
    assert problem is not None
    assert problem.message == "it holds a number that no JSON can hold"


def test_what_is_nested_deep_gets_a_verdict_too() -> None:
    deep: list[Any] = []
    for _ in range(400):
        deep = [deep]
    problem = contract.problem("objects/error.json", deep)
    assert problem is not None
    assert problem.message.endswith("is not of type 'object'")


def test_a_problem_says_where_it_is_and_what_is_allowed() -> None:
    value = {"id": "a", "timestamp": "2024-01-01", "messages": [{"body": {"text": "x"}, "from": ""}]}
    problem = contract.problem("objects/new_comment.json", value)
    assert problem is not None
    assert problem.path == "$.messages[0].from"
    assert "minLength 1" in problem.allowed
    assert "type 'string'" in problem.allowed


def test_defaults_are_filled_in_at_every_depth_and_are_the_callers_own() -> None:
    ref = "routes/create_dataset.json#/properties/body"
    given: dict[str, Any] = {"dataset": {"title": "T"}}
    filled = contract.with_defaults(ref, given)
    assert given == {"dataset": {"title": "T"}}
    assert filled["dataset"]["title"] == "T"
    assert (filled["dataset"]["has_sentiment"], filled["dataset"]["source_ids"]) == (True, [])
    filled["dataset"]["source_ids"].append("x")
    assert contract.with_defaults(ref, given)["dataset"]["source_ids"] == []
    assert contract.with_defaults("objects/dataset_update.json", {}) == {}


@pytest.mark.parametrize("route", contract.routes().values(), ids=str)
def test_every_route_is_found_by_its_own_path(route: contract.Route) -> None:
    values = {name: f"{index}" * 16 for index, name in enumerate(re.findall(r"{(\w+)}", route.path), start=1)}
    values |= {name: f"{value}.a" for name, value in values.items() if name == "comment_uid"}
    found = contract.match(route.method, route.path.format(**values))
    assert found.route is route
    assert found.parameters == values
    assert (found.problem, found.allowed) == (None, ())


def test_the_nearest_routes_are_near() -> None:
    for method, path, expected in [
        ("GET", "/api/v1/dataset", "GET /api/v1/datasets"),
        ("POST", "/api/v1/datasets/a/b/exports", "POST /api/v1/datasets/{project}/{dataset_name}/export"),
        ("PUT", "/api/v1/datasets/a/b/c", "PUT /api/v1/datasets/{project}/{dataset_name}"),
    ]:
        assert expected in [str(route) for route in contract.nearest(method, path)]
    assert len(contract.nearest("GET", "/")) == 3


def test_an_unknown_permission_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match=r"'nothing' is no permission of the API. There are: .*View labels"):
        contract.granted("nothing")
