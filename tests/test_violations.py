"""What breaks a schema, derived from it: every rule by itself, and refused by the fake in the words of the contract."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from asking import arrange, asked
from conftest import Answer, ask, everything

from pytest_reinfer import contract
from pytest_reinfer.contract import reading, validation
from pytest_reinfer.violations import Violation, simplest, violations
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer import FakeTenant

ROUTES = [name for name, route in contract.routes().items() if route.built and contract.takes_body(name)]
REFS = [
    *(f"routes/{name}.json#/properties/body" for name in ROUTES),
    "objects/new_comment.json",
    "objects/new_source.json",
    "objects/message.json",
]
EVERY_REF = [
    *(name for name in contract.documents() if name.startswith("objects/") and name != "objects/common.json"),
    *(f"objects/common.json#/$defs/{name}" for name in contract.documents()["objects/common.json"]["$defs"]),
    *(
        f"{name}#/properties/{part}"
        for name, schema in contract.documents().items()
        if name.startswith("routes/")
        for part in schema["properties"]
    ),
]
LABEL_NAMES = (".order.label", ".assigned[0].name", ".dismissed[0].name")  # their pattern holds their lengths, too
RULES = {
    *("type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum"),
    *("required", "additionalProperties", "minItems", "maxItems", "uniqueItems"),
}


# ---------------------------------------------------------------- reading the schemas, apart from what is tested here


def nodes(ref: str) -> list[tuple[str, dict[str, Any]]]:
    """The node at `ref` and those that it refers to, each with its file."""
    file, _, pointer = ref.partition("#")
    schema = contract.documents()[file]
    for step in pointer.split("/")[1:]:
        schema = schema[step]
    if "$ref" not in schema:
        return [(ref, schema)]
    target, _, inner = schema["$ref"].partition("#")
    folder = file.partition("/")[0]
    there = target.removeprefix("../") if target.startswith("../") else f"{folder}/{target}" if target else file
    return [(ref, schema), *nodes(f"{there}#{inner}")]


def below(ref: str, *steps: str) -> str:
    return "/".join([ref if "#" in ref else f"{ref}#", *steps])


def stated(ref: str, place: str = "$") -> Iterator[tuple[str, str]]:
    """Every place and rule that the schemas state, a pattern of keys standing for its keys."""
    for at, schema in nodes(ref):
        for rule in schema.keys() & RULES:
            if schema[rule] is not (rule == "additionalProperties"):
                yield place, rule
        for name in schema.get("properties", {}):
            key = f".{name}" if re.fullmatch("[a-zA-Z][a-zA-Z0-9_]*", name) else f"['{name}']"
            yield from stated(below(at, "properties", name), place + key)
        for pattern in schema.get("patternProperties", {}):
            yield from stated(below(at, "patternProperties", pattern), f"{place}['{pattern.removeprefix('^')}']")
        if "items" in schema:
            yield from stated(below(at, "items"), f"{place}[0]")


def full(ref: str) -> Any:
    """A value with every optional field, and more than one item where they may differ."""
    found = nodes(ref)
    at = found[-1][0]  # what is referred to holds the members
    schema = {rule: limit for _, node in reversed(found) for rule, limit in node.items()}
    kind = schema.get("type")
    if kind == "object":
        members = {name: full(below(at, "properties", name)) for name in schema.get("properties", {})}
        for pattern in schema.get("patternProperties", {}):
            members[pattern.removeprefix("^") + "A key"] = full(below(at, "patternProperties", pattern))
        return members
    if kind == "array":
        if "items" not in schema:
            return [1, "a", None]
        items = [full(below(at, "items")), simplest(below(at, "items"))]
        return items[: 1 if items[0] == items[1] else schema.get("maxItems")]
    known = [*schema.get("examples", []), *schema.get("enum", []), *([schema["const"]] if "const" in schema else [])]
    others = {"integer": schema.get("maximum", 7), "number": 0.5, "boolean": True}
    return known[-1] if known else others.get(str(kind), "0123456789abcdef"[: schema.get("maxLength")])


@cache
def bases(ref: str) -> list[Any]:
    """Valid values: the smallest, the documented ones, and one with everything."""
    file, _, pointer = ref.partition("#")
    examples = contract.documents()[file].get("examples", [])
    if pointer:
        examples = [example[pointer.rpartition("/")[2]] for example in examples]
    return [simplest(ref), *examples, full(ref)]


def errors(ref: str, value: Any) -> list[tuple[str, str]]:
    """Every error of a value: its place and its rule."""
    return [(each.json_path, str(each.validator)) for each in contract.words(ref).iter_errors(value)]


def takes_long(violation: Violation) -> bool:
    """Whether `jsonschema` has to compare every pair of more than a thousand items, which takes it over a second."""
    return violation.rule == "maxItems" and violation.limit > 1000


def put(monkeypatch: pytest.MonkeyPatch, name: str, schema: dict[str, Any]) -> str:
    """Have one more schema; no other test may have one of the same name, for what is known of it is remembered."""
    documents = {**contract.documents(), name: schema}
    for module in (reading, validation):
        monkeypatch.setattr(module, "documents", lambda: documents)
    contract.shape.cache_clear()
    return name


# --------------------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("ref", EVERY_REF)
def test_the_simplest_value_fits_and_every_rule_of_every_schema_is_broken(ref: str) -> None:
    assert errors(ref, simplest(ref)) == []
    places = ((re.sub(r"(?<=\.parsed)\.a", "['']", place), rule) for place, rule, *_ in violations(ref))  # any key
    broken = {(re.sub(r"(?<=:)\w+'\]", "']", place), rule) for place, rule in places}
    assert broken == set(stated(ref))


def test_the_simplest_value_has_what_is_required_and_is_the_callers_own() -> None:
    comment = simplest("objects/new_comment.json")
    assert set(comment) == set(contract.node("objects/new_comment.json")["required"])
    comment["messages"].append("changed")
    assert simplest("objects/new_comment.json")["messages"] == []


@pytest.mark.parametrize("ref", REFS)
def test_each_violation_breaks_its_rule_at_its_place_and_no_other(ref: str) -> None:
    rules = set(stated(ref))
    for number, base in enumerate(bases(ref)):
        assert errors(ref, base) == []
        before = deepcopy(base)
        for violation in violations(ref):
            place, rule = violation[:2]
            if number and takes_long(violation):
                continue  # the array is a new one, whatever the base
            value = violation.apply(base)
            expected = [(place, rule)]
            if rule == "type" and (place, "enum") in rules:
                expected.append((place, "enum"))  # no value of another type is among those that there are
            if rule.endswith("Length") and place.endswith(LABEL_NAMES) and (place, "pattern") in rules:
                expected.append((place, "pattern"))  # which says the length of a label's name as well
            assert sorted(errors(ref, value)) == sorted(expected), (violation, value)
            assert base == before
            assert not contract.valid(ref, value), violation


@pytest.mark.parametrize("ref", REFS)
def test_each_violation_is_json_of_a_reasonable_size_and_the_callers_own(ref: str) -> None:
    base = full(ref)
    for violation in violations(ref):
        value = violation.apply(base)
        assert len(json.dumps(value)) < 2_000_000  # a batch of comments is the longest list
        assert json.loads(json.dumps(value)) == value
        spoil(value)
        assert base == full(ref)
        assert spoil(violation.apply(base)) == value


def spoil(value: Any) -> Any:
    """Change a value at every depth."""
    if isinstance(value, list):
        value[:] = [spoil(each) for each in value] + ["changed"]
    elif isinstance(value, dict):
        value |= {key: spoil(each) for key, each in value.items()} | {"changed": True}
    return value


@pytest.mark.parametrize("name", ROUTES)
def test_the_fake_refuses_each_violation_in_the_words_of_the_contract(
    tenant: FakeTenant, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrange(tenant)
    ref, route = f"routes/{name}.json#/properties/body", contract.routes()[name]
    path, _, query = asked(route, tenant).path.partition("?")
    before, problem = everything(tenant), cache_by_value(contract.problem)
    monkeypatch.setattr(contract, "problem", problem)  # one answer for the fake and for us: some take over a second
    for violation in violations(ref):
        body = violation.apply(simplest(ref))
        headers = {"authorization": tenant.headers["Authorization"], "content-type": "application/json"}
        sent = json.dumps(body).encode()
        answer = Answer(*tenant.answer(Request(route.method, path, query, headers, sent)))
        assert (answer.status, answer.message) == (400, problem(ref, body).message), violation
    assert everything(tenant) == before
    assert ask(tenant, route.method, asked(route, tenant).path, simplest(ref)).status == 200


def cache_by_value(function: Any) -> Any:
    """Remember what a function of a reference and a JSON value gave."""
    known: dict[tuple[str, str], Any] = {}

    def remembering(ref: str, value: Any) -> Any:
        key = ref, json.dumps(value)
        if key not in known:
            known[key] = function(ref, value)
        return known[key]

    return remembering


@pytest.mark.parametrize(
    ("ref", "place", "rule", "limit", "evidence"),
    [
        ("routes/create_dataset.json#/properties/body", "$", "required", "dataset", "documented: "),
        ("routes/create_dataset.json#/properties/body", "$.dataset", "type", "object", "documented: "),
        ("routes/create_dataset.json#/properties/body", "$.dataset", "additionalProperties", False, "swagger: "),
        ("routes/create_dataset.json#/properties/body", "$.dataset.title", "maxLength", 128, "swagger: "),
        ("routes/create_dataset.json#/properties/body", "$.dataset.label_defs[0].name", "minLength", 1, "assumed: "),
        (
            "routes/create_dataset.json#/properties/body",
            "$.dataset.label_defs[0].trainable",
            "type",
            "boolean",
            "client: ",
        ),
        ("routes/create_dataset.json#/properties/path", "$.project", "pattern", "^(?![\\s\\S]*\\n)", "assumed: "),
        (
            "routes/create_dataset.json#/properties/body/properties/dataset/properties/title",
            "$",
            "maxLength",
            128,
            "swagger: ",
        ),
        ("routes/export_dataset.json#/properties/body", "$.limit", "minimum", 1, "assumed: "),
        ("objects/new_comment.json", "$.user_properties['number:a']", "type", "number", "client: "),
        ("objects/new_comment.json", "$.attachments[0].inline", "type", "boolean", "client: "),
    ],
)
def test_the_evidence_is_that_of_the_closest_node_that_speaks_for_the_rule(
    ref: str, place: str, rule: str, limit: Any, evidence: str
) -> None:
    found = [each for each in violations(ref) if each[:3] == (place, rule, limit)]
    assert found
    for each in found:
        assert each.evidence.startswith(evidence)


def test_the_violations_stand_in_the_order_of_the_schema() -> None:
    rules = [(each.place, each.rule) for each in violations("objects/text.json")]
    assert list(dict.fromkeys(rules))[:5] == [
        ("$", "type"),
        ("$", "required"),
        ("$", "additionalProperties"),
        ("$.text", "type"),
        ("$.text", "maxLength"),
    ]


def test_wrong_types_are_those_that_clients_send_by_mistake() -> None:
    ref = "routes/export_dataset.json#/properties/body"
    limits = [each.apply({}) for each in violations(ref) if (each.place, each.rule) == ("$.limit", "type")]
    assert [each["limit"] for each in limits] == [None, True, 1.5, "1", [], {}]
    assert [each.apply({}) for each in violations(ref) if each[:2] == ("$", "type")] == [None, True, 1, "1", []]


def test_a_new_rule_brings_its_violations_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    ref = put(
        monkeypatch,
        "objects/even.json",
        {
            "type": ["null", "object"],
            "properties": {
                "two": {
                    "type": "array",
                    "minItems": 2,
                    "maxItems": 3,
                    "uniqueItems": True,
                    "items": {"type": "number"},
                },
                "one": {"enum": [1, 2]},
                "same": {"const": True},
                "wide": {"type": "string", "minLength": 70, "pattern": "^[0-9]+$"},
                "nest": {"type": ["array", "null"], "items": {"$ref": "even.json#/$defs/thing", "maxLength": 3}},
            },
            "patternProperties": {"^[a-c]{2}$": {"type": "integer", "maximum": -5, "x-evidence": {"*": "own"}}},
            "additionalProperties": False,
            "$defs": {"thing": {"type": "string", "pattern": "^(a|bb)", "x-evidence": {"pattern": "far"}}},
            "x-evidence": {"*": "root"},
        },
    )
    assert simplest(ref) == {}
    for base in ({}, None, {"nest": None}, {"nest": ["a", "bb"], "two": [1, 2], "aa": -7}):
        assert errors(ref, base) == []
        for violation in violations(ref):
            value = violation.apply(base)
            assert errors(ref, value) == [(violation.place, violation.rule)], (violation, value)
            assert not contract.valid(ref, value), (violation, value)
    told = {(place, rule): evidence for place, rule, _, evidence, _ in violations(ref)}
    assert (told["$.nest[0]", "pattern"], told["$.nest[0]", "maxLength"]) == ("far", "root")
    assert (told["$.aa", "maximum"], told["$.one", "enum"]) == ("own", "root")
    assert told.keys() >= {("$.two", rule) for rule in ("type", "minItems", "maxItems", "uniqueItems")}


def test_a_rule_that_cannot_be_broken_alone_is_broken_with_others() -> None:
    ref = "objects/predicted_label.json"
    [violation] = [each for each in violations(ref) if each[:2] == ("$.name", "maxLength")]
    value = violation.apply(simplest(ref))
    assert len(value["name"]) == violation.limit + 1
    assert sorted(errors(ref, value)) == [("$.name", "maxLength"), ("$.name", "pattern")]


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "integer", "multipleOf": 5}, "objects/odd.json: not known here: multipleOf"),
        ({"properties": {"a": {"items": {"anyOf": []}}}}, "objects/odd.json: not known here: anyOf"),
        ({"additionalProperties": {"type": "string"}}, "objects/odd.json: .*additionalProperties with a schema"),
        ({"properties": {"a": False}}, "objects/odd.json: a schema that is False"),
        ({"type": "string", "pattern": "^xyz$"}, "objects/odd.json: no value is known that fits"),
        ({"type": "string", "pattern": "^"}, "objects/odd.json: no value is known that breaks pattern"),
    ],
)
def test_what_is_not_known_is_told(monkeypatch: pytest.MonkeyPatch, schema: dict[str, Any], words: str) -> None:
    ref = put(monkeypatch, "objects/odd.json", schema)
    with pytest.raises(NotImplementedError, match=words):
        violations(ref)
