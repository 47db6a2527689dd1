"""The OpenAPI document: it is valid, it says what the schemas say and nothing else, and its links lead on."""

from __future__ import annotations

import ast
import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import jsonschema_rs
import pytest
import requests
from openapi_spec_validator import OpenAPIV31SpecValidator

import pytest_reinfer
from pytest_reinfer import FakeTenant, RouteNotBuilt, contract, openapi
from pytest_reinfer.violations import violations

ROUTES = [route for route in contract.routes().values() if route.built]
FILES = [name for name in contract.documents() if name.startswith(("objects/", "routes/"))]
JSON = "application/json"
BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
each_route = pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.name)


@cache
def document() -> Any:
    return openapi.document()


def operation(name: str) -> Any:
    route = contract.routes()[name]
    return document()["paths"][route.path][route.method.lower()]


def pointed(ref: str) -> Any:
    found = document()
    for step in ref.removeprefix("#/").split("/"):
        found = found[step]
    return found


def schema_at(place: str) -> Any:
    """What the document has of a place of the schemas, such as `routes/get_dataset.json#/properties/path`."""
    file, _, pointer = place.partition("#")
    if file == "objects/common.json":
        return pointed(f"#/components/schemas/{pointer.removeprefix('/$defs/')}")
    if file.startswith("objects/"):
        return pointed(f"#/components/schemas/{Path(file).stem}{pointer}")
    own, section = operation(Path(file).stem), pointer.split("/")[2]
    if section in ("path", "query"):
        parameters = [each for each in own["parameters"] if each["in"] == section]
        return {"properties": {each["name"]: each["schema"] for each in parameters}}
    return (own["requestBody"] if section == "body" else own["responses"]["200"])["content"][JSON]["schema"]


def same(file: str, theirs: Any, ours: Any) -> None:
    """Both schemas state the same, and their references lead to the same; a property of another stands there itself."""
    place, _, inside = theirs.get("$ref", "").partition("#")
    if "/properties/" in inside:
        file = f"objects/{place}"
        found = contract.documents()[file]["properties"][inside.rpartition("/")[2]]
        evidence = found.get("x-evidence", {}) | theirs.get("x-evidence", {})
        assert evidence.items() <= ours["x-evidence"].items()
        assert ours["x-evidence"]["*"] == evidence.get("*", contract.documents()[file]["x-evidence"]["*"])
        theirs = found | {key: value for key, value in theirs.items() if key != "$ref"}
        theirs, ours = ({**each, "x-evidence": {}} for each in (theirs, ours))
    if theirs.get("type") == "array":
        theirs = {"items": {}} | theirs
    assert theirs.keys() - {"$schema"} == ours.keys()
    for keyword, value in theirs.items():
        if keyword in ("properties", "patternProperties"):
            assert list(value) == list(ours[keyword])
            for name, inner in value.items():
                same(file, inner, ours[keyword][name])
        elif keyword == "items":
            same(file, value, ours["items"])
        elif keyword == "$ref":
            where, _, pointer = value.partition("#")
            named = pointer.rpartition("/")[2] or Path(where).stem
            assert ours["$ref"].rpartition("/")[2] == named
            assert pointed(ours["$ref"]).get("description") == described(file, value)
        elif keyword != "$schema":
            assert value == ours[keyword], keyword


def test_no_reference_of_the_document_leads_into_a_schema_and_every_list_has_items() -> None:
    for place in (document()["paths"], document()["components"]["schemas"]):
        for each in objects(place):
            assert re.fullmatch(r"#/components/\w+/[\w-]+", each.get("$ref", "#/components/schemas/any"))
            assert each.get("type") != "array" or "items" in each


def objects(node: Any) -> Iterator[Any]:
    """Every object in a document."""
    if isinstance(node, Mapping):
        yield node
    for each in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from objects(each)


def described(file: str, ref: str) -> Any:
    """What the target of a reference says of itself, and not what that refers to."""
    where, _, pointer = ref.partition("#")
    found: Any = contract.documents()[(Path("objects", where).as_posix()).replace("objects/../", "") if where else file]
    for step in pointer.split("/")[1:]:
        found = found[step]
    return found.get("description")


def test_the_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_every_route_that_is_built_has_its_operation_and_no_other_has() -> None:
    found = {
        each["operationId"]: f"{method.upper()} {path}"
        for path, methods in document()["paths"].items()
        for method, each in methods.items()
    }
    assert found == {route.name: str(route) for route in ROUTES}


@pytest.mark.parametrize("file", FILES)
def test_everything_that_a_schema_states_stands_in_the_document(file: str) -> None:
    schema = contract.documents()[file]
    if file == "objects/common.json":
        for name, inner in schema["$defs"].items():
            same(file, inner, schema_at(f"{file}#/$defs/{name}"))
    elif file.startswith("objects/"):
        same(file, schema, schema_at(file))
    else:
        for section, inner in schema["properties"].items():
            if section in ("body", "response"):
                same(file, inner, schema_at(f"{file}#/properties/{section}"))
            elif inner["properties"]:
                ours = schema_at(f"{file}#/properties/{section}")
                same(file, {"properties": inner["properties"]}, ours)


@each_route
def test_an_operation_keeps_what_is_said_of_its_route(route: contract.Route) -> None:
    schema, own = contract.documents()[f"routes/{route.name}.json"], operation(route.name)
    for key in schema.keys() & {"x-permission", "x-evidence", "x-behaviour", "x-batch", "x-pages", "description"}:
        assert own[key] == schema[key]
    required = {each["name"] for each in own.get("parameters", ()) if each["required"]}
    sections = (schema["properties"].get(place, {}) for place in ("path", "query"))
    assert required == {name for section in sections for name in section.get("required", ())}
    for section, content in (("body", own.get("requestBody")), ("response", own["responses"]["200"])):
        samples = [example[section] for example in schema["examples"] if section in example]
        assert [each["value"] for each in content["content"][JSON]["examples"].values()] == samples if samples else True


@each_route
def test_an_operation_has_every_refusal_of_its_route_by_status_and_in_its_words(route: contract.Route) -> None:
    told = {}
    for status, answer in operation(route.name)["responses"].items():
        if status not in ("200", "501"):
            assert answer["content"][JSON]["schema"] == {"$ref": "#/components/schemas/error"}
            for name, example in answer["content"][JSON]["examples"].items():
                told[name] = int(status), pointed(example["$ref"])["value"]
    errors = contract.documents()[f"routes/{route.name}.json"]["x-errors"]
    assert told == {
        name: (contract.error(name).status, {"status": "error", "message": contract.error(name).message})
        for name in errors
    }


def texts(node: Any) -> Iterator[str]:
    """Every text in a document."""
    if isinstance(node, str):
        yield node
    for each in node.values() if isinstance(node, Mapping) else node if isinstance(node, list) else ():
        yield from texts(each)


@pytest.mark.parametrize("file", [*FILES, "api.json"])
def test_no_evidence_is_lost(file: str) -> None:
    kinds = re.compile(f"(?:{'|'.join(contract.convention('x-evidence-kinds'))}): ")
    said = {text for text in texts(contract.documents()[file]) if kinds.match(text)}
    assert said <= set(texts(document()))
    assert said


def validator(schema: Any) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator({**schema, "components": document()["components"]})


PLACES = [
    *(file for file in FILES if file.startswith("objects/") and file != "objects/common.json"),
    *(f"routes/{route.name}.json#/properties/{part}" for route in ROUTES for part in ("body", "response")),
]


@pytest.mark.parametrize(
    "place", [each for each in PLACES if "body" not in each or contract.takes_body(each[7:].partition(".")[0])]
)
def test_the_document_allows_what_the_contract_allows_and_nothing_else(place: str) -> None:
    file, _, pointer = place.partition("#")
    section = pointer.rpartition("/")[2]
    given = contract.documents()[file]["examples"]
    allows = validator(schema_at(place))
    for example in [each[section] for each in given if section in each] if section else given:
        assert allows.is_valid(example)
        for violation in violations(place):
            if violation.rule not in ("maxItems", "maxLength"):  # of megabytes; that they are stated is tested above
                broken = violation.apply(example)
                assert not allows.is_valid(broken), violation
                assert not contract.valid(place, broken), violation


# ----------------------------------------------------------------------------------------------------------- links


MADE = {
    "create_project": ({"project": "new"}, {"project": {}}),
    "create_source": ({"project": "acme", "source_name": "new"}, {"source": {}}),
    "create_bucket": ({"project": "acme", "bucket_name": "new"}, {"bucket": {"bucket_type": "emails"}}),
    "create_dataset": (
        {"project": "acme", "dataset_name": "new"},
        {"dataset": {"label_defs": [{"name": "Order"}], "_label_properties": []}},
    ),
    "create_user": ({}, {"user": {"username": "ann", "email": "ann@acme.example"}}),
    "sync_comments": (
        {"project": "acme", "source_name": "mail"},
        {"comments": [{"id": "1", "timestamp": "2024-01-01", "messages": [{"body": {"text": "Hello"}}]}]},
    ),
}


def evaluated(expression: str, path: Mapping[str, str], sent: Any, answered: Any) -> Any:
    """What a runtime expression of a link stands for."""
    source, _, pointer = expression.partition("#")
    if source.startswith("$request.path."):
        return path[source.removeprefix("$request.path.")]
    found = {"$request.body": sent, "$response.body": answered}[source]
    for step in pointer.split("/")[1:]:
        found = found[int(step) if isinstance(found, list) else step]
    return found


def ask(tenant: FakeTenant, name: str, parameters: Mapping[str, str], body: Any = None) -> requests.Response:
    route = contract.routes()[name]
    path = re.sub(r"{(\w+)}", lambda found: quote(parameters[found[1]], safe=""), route.path)
    query = {key: value for key, value in parameters.items() if f"{{{key}}}" not in route.path}
    url = f"{tenant.url}{path}?{urlencode(query)}"
    return requests.request(route.method, url, json=body, headers=tenant.headers)


@pytest.mark.parametrize("name", MADE)
def test_a_link_leads_to_what_was_made(name: str) -> None:
    path, sent = MADE[name]
    links = operation(name)["responses"]["200"]["links"]
    # Labellings are asked for with uids or a source besides, which no schema says.
    reading = [each for each in links if contract.routes()[each].method == "GET" and each != "get_labellings"]
    assert reading
    for each in reading:
        with FakeTenant() as tenant:
            tenant.add_dataset("acme/support", sources=[tenant.add_source("acme/mail")])
            answered = ask(tenant, name, path, sent)
            assert answered.status_code == 200, answered.text
            given = links[each]["parameters"].items()
            parameters = {key: evaluated(value, path, sent, answered.json()) for key, value in given}
            assert ask(tenant, each, parameters).status_code == 200, each


@each_route
def test_a_link_gives_what_its_operation_takes(route: contract.Route) -> None:
    for name, link in operation(route.name)["responses"]["200"].get("links", {}).items():
        assert link["operationId"] == name != route.name
        taken = {each["name"]: each["required"] for each in operation(name)["parameters"]}
        missing = {each for each, required in taken.items() if required} - link["parameters"].keys()
        assert link["parameters"].keys() <= taken.keys()
        assert missing <= {f"{name.removeprefix('create_')}_name"}  # of what is made with it


def test_what_is_deleted_is_reached_from_what_is_made() -> None:
    for kind in ("project", "dataset", "source_by_id", "bucket_by_id", "user"):
        made = operation(f"create_{kind.removesuffix('_by_id')}")
        assert f"delete_{kind}" in made["responses"]["200"]["links"]


def test_a_label_is_reached_from_the_dataset_that_holds_it() -> None:
    links = operation("create_dataset")["responses"]["200"]["links"]
    assert links["get_label"]["parameters"]["label_name"].startswith("$response.body#/dataset/label_groups/0/")


# ------------------------------------------------------------------------------------------------- what is not built


def nodes(node: Any) -> Iterator[Any]:
    yield node
    for keyword in ("properties", "patternProperties"):
        for inner in node.get(keyword, {}).values():
            yield from nodes(inner)
    if "items" in node:
        yield from nodes(node["items"])


QUERY = {"filter": {}, "order": {"kind": "recent"}}
LABELS = {"attribute": "labels", "filter": {"kind": "string_any_of", "any_of": []}}
UNBUILT: list[tuple[str, Any, tuple[str, ...]]] = [  # a good body, where a value stands in it, and that value
    *(("query_dataset", None, ("filter", name)) for name in ("trigger_exceptions", "annotations")),
    *(("source_statistics", None, ("comment_filter", name)) for name in ("entities", "thread_properties")),
    ("query_dataset", None, ("collapse_mode",)),
    ("query_dataset", "by_magic", ("order", "kind")),
    ("query_dataset", "positive", ("order", "sentiment")),
    ("dataset_statistics", "entities", ("attribute_filters", "attribute")),
    ("dataset_statistics", "number_range", ("attribute_filters", "filter", "kind")),
    *(("dataset_statistics", 1, ("attribute_filters", "filter", name)) for name in ("minimum", "maximum")),
    ("dataset_statistics", True, ("label_property_timeseries",)),
    ("dataset_statistics", [{}], ("by_label_properties",)),
]


@pytest.mark.parametrize(("name", "value", "steps"), UNBUILT)
def test_what_is_marked_as_not_built_is_not(name: str, value: Any, steps: tuple[str, ...]) -> None:
    body: Any = json.loads(json.dumps(QUERY if name == "query_dataset" else {}))
    inner, shape = body, contract.node(f"routes/{name}.json#/properties/body")
    if steps[0] == "attribute_filters":
        body["attribute_filters"] = [json.loads(json.dumps(LABELS))]
        inner, shape, steps = body["attribute_filters"][0], contract.node("objects/attribute_filter.json"), steps[1:]
    for step in steps[:-1]:
        inner = inner.setdefault(step, {})
        shape = contract.node(f"objects/{step}.json") if step == "comment_filter" else shape["properties"][step]
        shape = contract.node("objects/comment_filter.json") if step == "filter" and "$ref" in shape else shape
    mark = shape["properties"][steps[-1]]["x-built"]
    assert value not in mark
    with FakeTenant(unbuilt_routes="allow") as tenant:
        tenant.add_dataset("acme/support", sources=[tenant.add_source("acme/mail")])
        path = {"project": "acme", "dataset_name": "support", "source_name": "mail"}
        path = {key: path[key] for key in re.findall(r"{(\w+)}", contract.routes()[name].path)}
        inner[steps[-1]] = value
        with pytest.raises(RouteNotBuilt):
            ask(tenant, name, path, body)
        for built in [each for each in mark if each not in ("by_label", "sample", "string_none_of")]:
            inner[steps[-1]] = built
            assert ask(tenant, name, path, body).status_code == 200


def test_every_mark_of_what_is_not_built_is_tried_above() -> None:
    marked = [
        name
        for schema in contract.documents().values()
        for node in nodes(schema)
        for name, inner in node.get("properties", {}).items()
        if "x-built" in inner
    ]
    assert sorted(marked) == sorted(steps[-1] for _, _, steps in UNBUILT)


def test_an_operation_of_which_something_is_not_built_says_so() -> None:
    found = {route.name for route in ROUTES if "501" in operation(route.name)["responses"]}
    assert found == {"query_dataset", "recent_comments", "dataset_statistics", "dataset_summary", "source_statistics"}


# ---------------------------------------------------------------------------------------------------------- the rest


def test_the_servers_are_the_services_own_or_the_one_that_is_given() -> None:
    assert [each["url"] for each in document()["servers"]] == [each["url"] for each in contract.convention("x-servers")]
    for server in document()["servers"]:
        names = re.findall(r"{(\w+)}", server["url"])
        url = server["url"].format(**{name: server["variables"][name]["default"] for name in names})
        assert FakeTenant(url).url == url
    assert openapi.document("http://127.0.0.1:1")["servers"] == [{"url": "http://127.0.0.1:1"}]


def test_the_document_is_of_this_version() -> None:
    assert document()["info"]["version"] == pytest_reinfer.__version__


def test_a_token_is_asked_for_in_the_way_of_the_service() -> None:
    (name,) = document()["security"][0]
    scheme = document()["components"]["securitySchemes"][name]
    assert (scheme["type"], scheme["scheme"]) == ("http", contract.header("authorization").scheme.lower())


def test_two_documents_share_nothing_with_each_other_and_the_contract() -> None:
    mine = openapi.document()
    mine["paths"].clear()
    mine["components"]["schemas"]["dataset"]["required"].clear()
    assert openapi.document()["components"]["schemas"]["dataset"]["required"]
    assert contract.documents()["objects/dataset.json"]["required"]


def expected_statuses(check: str, status: Any) -> set[str]:
    """The routes of which the settings for Schemathesis expect a status otherwise than usual."""
    settings = tomllib.loads((BENCHMARKS / "schemathesis.toml").read_text("utf-8"))
    return {
        name
        for each in settings["operations"]
        if status in each["checks"].get(check, {}).get("expected-statuses", ())
        for name in each["include-operation-id"]
    }


def test_schemathesis_expects_otherwise_only_of_the_routes_that_have_such_an_answer() -> None:
    for check, status in (("positive_data_acceptance", 422), ("not_a_server_error", 501)):
        has = {route.name for route in ROUTES if str(status) in operation(route.name)["responses"]}
        assert expected_statuses(check, status) == has


def test_schemathesis_expects_a_400_only_where_no_schema_says_a_rule() -> None:
    tree = ast.parse((BENCHMARKS / "schemathesis_hooks.py").read_text("utf-8"))
    told = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id.isupper()
        if "FORM" in node.targets[0].id
    }
    named = {
        route.name
        for route in ROUTES
        for name in contract.documents()[f"routes/{route.name}.json"]["x-errors"]
        if contract.error(name).status == 400 and name not in told["OF_THE_FORM"]
    }
    assert expected_statuses("positive_data_acceptance", 400) == named | told["BESIDE_THE_FORM"].keys()
