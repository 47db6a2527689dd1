"""The schemas are sound: valid, linked, evidenced, and judged alike by both validators."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent / "schemas"
BASE = "https://schemas.invalid/"
DIALECT = "https://json-schema.org/draft/2020-12/schema"

FILES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.json"))
OBJECTS = [name for name in FILES if name.startswith("objects/") and name != "objects/common.json"]
ROUTES = [name for name in FILES if name.startswith("routes/")]

LINKS = {"$schema", "$ref", "$defs", "properties", "patternProperties", "items"}
CONSTRAINTS = {
    *("type", "enum", "const", "pattern", "minLength", "maxLength", "minItems", "maxItems", "uniqueItems"),
    *("minimum", "maximum", "required", "additionalProperties", "x-unordered"),
}
ANNOTATIONS = {
    *("title", "description", "examples", "deprecated", "$comment", "x-evidence", "x-built", "x-always", "x-given"),
}
EVIDENCED = CONSTRAINTS | {"default", "readOnly", "deprecated", "x-order"}
OF_ROUTES = {"x-route", "x-permission", "x-errors", "x-behaviour", "x-batch", "x-pages", "x-reads"}
OF_API = {
    *("x-servers", "x-headers", "x-permissions", "x-errors", "x-failures", "x-unbuilt", "x-max-body", "x-no-charge"),
    *("x-behaviour", "x-evidence-kinds"),
}
OF_PROBES = {"x-throwaway", "x-read", "x-write"}
EVIDENCE = re.compile(r"(documented|swagger|client|sample|assumed): .+")
OURS = re.compile(r"ours: .+")  # of what the service does not have at all

DOCUMENTED_DATASET = {
    "created": "2018-10-15T15:48:49.603000Z",
    "description": "An optional long form description.",
    "has_sentiment": True,
    "id": "18ba5ce699f8da1f",
    "last_modified": "2018-10-15T15:48:49.603000Z",
    "model_family": "english",
    "name": "example",
    "owner": "acme",
    "source_ids": ["18ba5ce699f8da1f"],
    "title": "An Example Dataset",
}
MADE = {"id": "b9a1fd75f6133bce"}
CHANGED = {**MADE, "title": "An Alternative Title", "last_modified": "2018-10-15T15:53:08.479000Z"}

each_file = pytest.mark.parametrize("name", FILES)
each_route = pytest.mark.parametrize("name", ROUTES)


@cache
def load(name: str) -> Any:
    return json.loads((ROOT / name).read_text(encoding="utf-8"))


def nodes(name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every place of a file where a schema stands, with its JSON pointer: parents before children."""
    yield from _nodes("", load(name))


def _nodes(pointer: str, node: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if not isinstance(node, dict):
        return
    yield pointer, node
    for keyword in ("$defs", "properties", "patternProperties"):
        for key, child in node.get(keyword, {}).items():
            yield from _nodes(f"{pointer}/{keyword}/{key.replace('~', '~0').replace('/', '~1')}", child)
    for keyword in ("items", "additionalProperties"):
        yield from _nodes(f"{pointer}/{keyword}", node.get(keyword))


def opened(uri: str) -> Any:
    return load(uri.removeprefix(BASE))


@cache
def registry() -> Registry[Any]:
    empty: Registry[Any] = Registry()
    return empty.with_resources((BASE + name, Resource.from_contents(load(name))) for name in FILES)


def verdicts(place: str, value: Any) -> dict[str, bool]:
    """What each validator makes of a value at a place such as `objects/dataset.json#/properties/id`."""
    schema = {"$schema": DIALECT, "$ref": BASE + place}
    return {
        "jsonschema": Draft202012Validator(schema, registry=registry()).is_valid(value),
        "jsonschema_rs": jsonschema_rs.Draft202012Validator(schema, retriever=opened).is_valid(value),
    }


def evidence_given(name: str) -> Iterator[tuple[str, str]]:
    """Every evidence of a file, with where it stands."""
    for pointer, node in nodes(name):
        for keyword, evidence in node.get("x-evidence", {}).items():
            yield f"{pointer}/x-evidence/{keyword}", evidence
    yield from ((entry["rule"], entry["evidence"]) for entry in load(name).get("x-behaviour", ()))
    if name == "probes.json":
        yield "/x-throwaway", load(name)["x-throwaway"]["evidence"]
    if name == "api.json":
        api = load(name)
        for table in ("x-headers", "x-permissions", "x-errors", "x-failures"):
            yield from ((f"/{table}/{key}", entry["evidence"]) for key, entry in api[table].items())
        yield from ((server["url"], server["evidence"]) for server in api["x-servers"])
        yield from api["x-unbuilt"].items()
        yield from ((f"/{key}", api[key]["evidence"]) for key in ("x-max-body", "x-no-charge"))


def implied(permission: str, *above: str) -> Iterator[str]:
    """The permission and all that it implies, near and far."""
    assert permission not in above, f"{permission} implies itself"
    yield permission
    for lower in load("api.json")["x-permissions"][permission]["implies"]:
        yield from implied(lower, permission, *above)


def nameless(route: str) -> str:
    """A route whose parameters have lost their names, as a request sees it."""
    return re.sub(r"\{[^}]*\}", "{}", route)


def test_the_three_kinds_of_files_are_found() -> None:
    assert "api.json" in FILES
    assert "objects/common.json" in FILES
    assert OBJECTS
    assert ROUTES


@each_file
def test_a_file_is_a_json_schema_of_2020_12(name: str) -> None:
    assert load(name)["$schema"] == DIALECT
    assert "$id" not in load(name)
    Draft202012Validator.check_schema(load(name))
    jsonschema_rs.meta.validate(load(name))


@each_file
def test_a_file_bears_its_own_name(name: str) -> None:
    assert load(name)["title"] == Path(name).stem
    assert load(name)["description"]


@each_file
def test_a_reference_leads_to_a_schema(name: str) -> None:
    for pointer, node in nodes(name):
        if "$ref" not in node:
            continue
        file, _, fragment = node["$ref"].partition("#")
        path = ((ROOT / name).parent / file).resolve() if file else ROOT / name
        assert path.is_file(), (pointer, node["$ref"])
        target = path.relative_to(ROOT).as_posix()
        assert fragment in dict(nodes(target)), (pointer, node["$ref"])


@each_file
def test_no_keyword_is_used_that_the_validators_may_read_differently(name: str) -> None:
    allowed = LINKS | EVIDENCED | ANNOTATIONS
    for pointer, node in nodes(name):
        of_file = {"api.json": OF_API, "probes.json": OF_PROBES}.get(name, set())
        here = OF_ROUTES if name in ROUTES and not pointer else of_file
        assert set(node) <= allowed | here, (pointer, set(node) - allowed - here)


@each_file
def test_an_example_fits_its_schema_in_both_validators(name: str) -> None:
    assert name in {"api.json", "probes.json", "objects/common.json"} or load(name)["examples"]
    for pointer, node in nodes(name):
        for example in node.get("examples", []):
            assert verdicts(f"{name}#{pointer}", example) == {"jsonschema": True, "jsonschema_rs": True}, pointer


@each_file
def test_what_is_built_of_a_value_fits_its_schema(name: str) -> None:
    for pointer, node in nodes(name):
        for value in node.get("x-built", []):
            assert verdicts(f"{name}#{pointer}", value) == {"jsonschema": True, "jsonschema_rs": True}, pointer


@each_file
def test_a_default_fits_its_schema_in_both_validators(name: str) -> None:
    for pointer, node in nodes(name):
        if "default" in node:
            assert verdicts(f"{name}#{pointer}", node["default"]) == {"jsonschema": True, "jsonschema_rs": True}, (
                pointer
            )


@each_file
def test_a_pattern_means_the_same_to_both_validators(name: str) -> None:
    words = ["", "a", "a > b", "é", "0123456789abcdef", "2011-12-11", "2011-12-11T11:05:10Z", "\n", "\u2028", "٣"]
    for pointer, node in nodes(name):
        if "pattern" not in node:
            continue
        assert not re.search(r"\\[wWdDbB]", node["pattern"]), (pointer, "ASCII in ECMA 262, any script in Python")
        for word in [*words, *node.get("examples", [])]:
            for value in (word, word + "\n", "\n" + word, word + " ", word + "é", word + word):
                assert len(set(verdicts(f"{name}#{pointer}", value).values())) == 1, (pointer, value)


@each_file
def test_only_a_key_of_an_answer_may_be_one_that_the_fake_never_leaves_out(name: str) -> None:
    for pointer, node in nodes(name):
        assert node.get("x-always", True) is True
        assert "x-always" not in node or "/response/" in pointer, pointer


@each_file
def test_a_constraint_has_evidence(name: str) -> None:
    general: set[str] = set()  # the places whose evidence speaks for those below, too
    for pointer, node in nodes(name):
        evidence = node.get("x-evidence", {})
        if "*" in evidence:
            general.add(pointer)
        if any(pointer == above or pointer.startswith(above + "/") for above in general):
            continue
        bare = (set(node) & EVIDENCED) - set(evidence)
        assert not bare, (pointer, bare)


@each_file
def test_an_evidence_names_its_kind_and_source(name: str) -> None:
    for where, evidence in evidence_given(name):
        assert (OURS if name in ("state.json", "probes.json") else EVIDENCE).fullmatch(evidence), (where, evidence)


@each_file
def test_an_evidence_speaks_of_a_keyword_that_stands_beside_it(name: str) -> None:
    for pointer, node in nodes(name):
        assert set(node.get("x-evidence", {})) <= set(node) | {"*", "field"}, pointer


@each_file
def test_an_evidence_of_a_field_stands_where_a_field_is(name: str) -> None:
    for pointer, node in nodes(name):
        if "field" in node.get("x-evidence", {}):
            assert re.search(r"/(properties|patternProperties)/[^/]+$", pointer), pointer


@each_file
def test_a_rule_is_told_with_its_evidence_and_with_the_fields_or_refusals_that_it_is_about_if_any(name: str) -> None:
    known = set(load(name).get("x-errors", ()))
    for entry in load(name).get("x-behaviour", ()):
        assert {"rule", "evidence"} <= set(entry) <= {"rule", "evidence", "fields", "errors"}
        for condition in ("fields", "errors"):
            assert condition not in entry or (entry[condition] and len({*entry[condition]}) == len(entry[condition]))
        assert known >= set(entry.get("errors", ())), entry["rule"]
        for field in entry.get("fields", ()):
            assert field == "$.query.*" if name == "api.json" else is_field(name, field), (entry["rule"], field)


def is_field(name: str, place: str) -> bool:
    """Whether a request for a route has a field at a place such as `$.body.comments[*].id`."""
    part, *steps = re.findall(r"\w+|\[\*\]", place.removeprefix("$."))
    shape = contract.shape(f"{name}#/properties/{part}")
    for step in steps:
        shape = contract.member(shape, 0 if step == "[*]" else step)
    return part in ("query", "body") and place.startswith("$.") and bool(shape)


@each_route
def test_a_route_and_its_permission_have_evidence(name: str) -> None:
    assert {"x-route", "x-permission"} <= set(load(name)["x-evidence"])


@each_route
def test_a_route_refuses_in_words_of_the_catalogue(name: str) -> None:
    errors = load(name)["x-errors"]
    assert set(errors) <= set(load("api.json")["x-errors"])
    assert len(errors) == len(set(errors))


def test_every_refusal_of_the_catalogue_is_used() -> None:
    assert set(load("api.json")["x-errors"]) == {error for name in ROUTES for error in load(name)["x-errors"]}


@pytest.mark.parametrize("error", load("api.json")["x-errors"])
def test_a_refusal_says_what_it_answers_and_when(error: str) -> None:
    refusal = load("api.json")["x-errors"][error]
    assert set(refusal) - {"routeless"} == {"status", "message", "when", "evidence"}
    assert 400 <= refusal["status"] < 500
    body = {"status": "error", "message": refusal["message"]}
    assert verdicts("objects/error.json", body) == {"jsonschema": True, "jsonschema_rs": True}


def test_no_refusal_and_failure_share_a_name() -> None:
    assert set(load("api.json")["x-errors"]).isdisjoint(load("api.json")["x-failures"])


@pytest.mark.parametrize("failure", load("api.json")["x-failures"])
def test_a_failure_is_a_whole_answer_that_is_no_success(failure: str) -> None:
    entry = load("api.json")["x-failures"][failure]
    assert set(entry) - {"leads_to"} == {"status", "headers", "body", "when", "evidence"}
    assert ("Location" in entry["headers"]) == ("leads_to" in entry)
    assert entry.get("leads_to", failure) in load("api.json")["x-failures"]
    assert entry["status"] >= 429 or '"status":"ok"}' not in entry["body"]


@each_route
def test_a_route_asks_for_a_permission_that_exists(name: str) -> None:
    assert load(name)["x-permission"] in {None, *load("api.json")["x-permissions"]}


@pytest.mark.parametrize("permission", load("api.json")["x-permissions"])
def test_a_permission_implies_only_others_that_exist(permission: str) -> None:
    assert set(implied(permission)) <= set(load("api.json")["x-permissions"])


def test_no_two_permissions_share_a_machine_name() -> None:
    names = [permission["name"] for permission in load("api.json")["x-permissions"].values()]
    assert len(names) == len(set(names))


@each_route
def test_a_route_names_its_path_parameters_once_and_alike(name: str) -> None:
    schema = load(name)
    method, path = schema["x-route"].split(" ")
    path_schema = schema["properties"].get("path", {"properties": {}, "required": [], "additionalProperties": False})
    assert method in {"GET", "PUT", "POST", "DELETE"}
    assert re.findall(r"\{(\w+)\}", path) == list(path_schema["properties"]) == path_schema["required"]
    assert path_schema["additionalProperties"] is False


@each_route
def test_a_route_requires_every_part_of_its_exchange(name: str) -> None:
    schema = load(name)
    assert schema["required"] == list(schema["properties"])
    assert set(schema["required"]) <= {"path", "query", "body", "response"}


@each_route
def test_a_route_answers_ok(name: str) -> None:
    response = load(name)["properties"]["response"]
    assert response["properties"]["status"] == {"const": "ok"}
    assert "status" in response["required"]


@each_route
def test_a_route_takes_no_unknown_key_in_its_body(name: str) -> None:
    body = load(name)["properties"].get("body", {"additionalProperties": False})
    assert body["additionalProperties"] is False


@each_route
def test_a_route_names_the_kind_of_each_of_its_query_parameters(name: str) -> None:
    query = load(name)["properties"].get("query", {"type": "object", "properties": {}})
    assert query["type"] == "object"
    assert "additionalProperties" not in query, "other parameters are ignored"
    if query["properties"]:
        assert set(contract.kinds(f"{name}#/properties/query").values()) <= {"string", "integer", "boolean", "array"}


@each_file
def test_only_a_list_is_unordered(name: str) -> None:
    for pointer, node in nodes(name):
        assert "x-unordered" not in node or (node["x-unordered"] is True and node["type"] == "array"), pointer


@each_route
def test_the_batch_of_a_route_is_a_list_that_its_body_must_have(name: str) -> None:
    batch, body = load(name).get("x-batch"), load(name)["properties"].get("body", {})
    assert batch is None or (batch in body["required"] and body["properties"][batch]["type"] == "array")


@each_route
def test_a_route_that_says_it_only_reads_is_one_whose_method_does_not_say_so(name: str) -> None:
    schema = load(name)
    method = schema["x-route"].partition(" ")[0]
    assert schema.get("x-reads", True) is True
    assert "x-reads" not in schema or (method == "POST" and "x-reads" in schema["x-evidence"])


def test_a_route_is_either_built_or_not() -> None:
    built = [nameless(load(name)["x-route"]) for name in ROUTES]
    unbuilt = [nameless(route) for route in load("api.json")["x-unbuilt"]]
    assert len({*built, *unbuilt}) == len(built) + len(unbuilt)


def test_a_dataset_holds_the_ten_documented_keys() -> None:
    assert len(DOCUMENTED_DATASET) == 10
    assert set(DOCUMENTED_DATASET) <= set(load("objects/dataset.json")["required"])


@pytest.mark.parametrize(
    ("name", "difference"),
    [("list_datasets", {}), ("get_dataset", {}), ("create_dataset", MADE), ("update_dataset", CHANGED)],
)
def test_the_documented_dataset_stands_as_the_example(name: str, difference: dict[str, str]) -> None:
    response = load(f"routes/{name}.json")["examples"][0]["response"]
    dataset = response["datasets"][0] if "datasets" in response else response["dataset"]
    assert {key: dataset[key] for key in DOCUMENTED_DATASET} == {**DOCUMENTED_DATASET, **difference}


def test_a_dataset_without_a_documented_key_is_refused_by_both_validators() -> None:
    whole = load("objects/dataset.json")["examples"][0]
    for missing in DOCUMENTED_DATASET:
        rest = {key: value for key, value in whole.items() if key != missing}
        assert verdicts("objects/dataset.json", rest) == {"jsonschema": False, "jsonschema_rs": False}, missing
