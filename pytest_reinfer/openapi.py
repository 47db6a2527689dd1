"""The API as an OpenAPI 3.1 document, made from `schemas/` alone."""

from __future__ import annotations

import re
from copy import deepcopy
from functools import partial
from http import HTTPStatus
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urljoin

import pytest_reinfer
from pytest_reinfer import bundle, contract

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_reinfer.contract import Route
    from pytest_reinfer.wire import JSON

VERSION: Final = "3.1.0"
SCHEME: Final = "token"  # what the way to authenticate is called in the document
SAMPLE: Final = "sample"  # what the one example of a part of a route is called
DEPTH: Final = 5  # of the labels in the groups of a dataset: links lead no deeper
# Where a header comes: with every answer, or with that one refusal.
HEADERS: Final = {"server_timing": None, "allow": "wrong_method", "retry_after": "rate_limited"}


def document(url: str | None = None) -> JSON:
    """The routes that are built, with their objects, refusals and evidence, as an OpenAPI document.

    url: the one server that it names; without it, those of the service.
    """
    api = contract.documents()["api.json"]
    routes = [route for route in contract.routes().values() if route.built]
    header = contract.header("authorization")
    paths: JSON = {}
    for route in sorted(routes, key=lambda route: (route.path, route.method)):
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, routes)
    found = {
        "openapi": VERSION,
        "info": {
            "title": "Communications Mining (re:infer)",
            "version": pytest_reinfer.__version__,
            "summary": "The routes that pytest-reinfer answers, each rule with its evidence.",
            "description": f"{api['description']} Not affiliated with UiPath.",
            **bundle.MARK,
        },
        "servers": [{"url": url}] if url is not None else [_server(each) for each in api["x-servers"]],
        "security": [{SCHEME: []}],
        "tags": [{"name": name} for name in sorted({_resource(route) for route in routes})],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(_schemas())),
            "examples": {name: _refusal(entry) for name, entry in api["x-errors"].items()},
            "headers": {contract.header(name).name: _header(name) for name in HEADERS},
            "securitySchemes": {
                SCHEME: {
                    "type": "http",
                    "scheme": header.scheme.lower(),
                    "x-evidence": api["x-headers"]["authorization"]["evidence"],
                }
            },
        },
        **{key: value for key, value in api.items() if key.startswith("x-") and key not in ("x-servers", "x-errors")},
    }
    return deepcopy(found)  # whoever has it may change it


def _resource(route: Route) -> str:
    """What a route is about, in the word of its path."""
    found = re.match(r"/(?:api/\w+/)?(\w+)", route.path)
    if found is None:
        raise NotImplementedError(f"{route}: its path names no resource")
    return found[1]


def _server(entry: JSON) -> JSON:
    """An address of the service; the variables in it have what the tests of users have most."""
    variables = re.findall(r"{(\w+)}", entry["url"])
    told = {name: {"default": "default" if name == "tenant" else "acme"} for name in variables}
    return {"url": entry["url"], "variables": told, "x-evidence": entry["evidence"]}


def _header(name: str) -> JSON:
    entry = contract.convention("x-headers")[name]
    return {"schema": {"type": "string"}, "x-form": entry["value"], "x-evidence": entry["evidence"]}


def _refusal(entry: JSON) -> JSON:
    """A refusal as an example; what stands in braces in its message is filled in by the service."""
    value = {"status": "error", "message": entry["message"]}
    return {"summary": entry["when"], "value": value, "x-evidence": entry["evidence"]}


# --------------------------------------------------------------------------------------------------------- schemas


def _place(_: str, name: str) -> str:
    return f"#/components/schemas/{name}"


def _moved(file: str, schema: Any) -> Any:
    return bundle.moved(file, schema, _place)


def _schemas() -> Iterator[tuple[str, Any]]:
    """Every object, and the small values that they share, by name."""
    for file, schema in contract.documents().items():
        if not file.startswith("objects/"):
            continue
        if "$defs" not in schema:
            yield bundle.part(file, "")[0], _moved(file, schema)
        for name, inner in schema.get("$defs", {}).items():
            yield name, _moved(file, inner)


def _nodes(file: str, schema: Any, seen: frozenset[str] = frozenset()) -> Iterator[JSON]:
    """A schema of a file and all that it holds or refers to."""
    if not isinstance(schema, dict):
        return
    yield schema
    inner = [each for keyword in bundle.MAPS for each in schema.get(keyword, {}).values()]
    for each in (*inner, *(schema[keyword] for keyword in bundle.SINGLE if keyword in schema)):
        yield from _nodes(file, each, seen)
    if "$ref" in schema:
        ref = urljoin(contract.BASE + file, schema["$ref"]).removeprefix(contract.BASE)
        if ref not in seen:
            place, target = contract.target(ref)
            yield from _nodes(place.partition("#")[0], target, seen | {ref})


# ------------------------------------------------------------------------------------------------------ operations


def _schema(route: Route) -> JSON:
    return contract.documents()[f"routes/{route.name}.json"]


def _operation(route: Route, routes: list[Route]) -> JSON:
    schema = _schema(route)
    told: JSON = {
        "operationId": route.name,
        "tags": [_resource(route)],
        "description": schema["description"],
        **({"parameters": parameters} if (parameters := [*_parameters(schema)]) else {}),
        **({"requestBody": {"required": True, "content": _content(schema, "body")}} if _takes(schema, "body") else {}),
        "responses": dict(_responses(route, schema, routes)),
    }
    kept = {key: value for key, value in schema.items() if key.startswith("x-") and key not in ("x-route", "x-errors")}
    return told | kept


def _takes(schema: JSON, section: str) -> bool:
    return section in schema["properties"]


def _file(schema: JSON) -> str:
    return f"routes/{schema['title']}.json"


def _parameters(schema: JSON) -> Iterator[JSON]:
    for place in ("path", "query"):
        section = schema["properties"].get(place, {})
        for name, inner in section.get("properties", {}).items():
            samples = [example[place][name] for example in schema["examples"] if name in example.get(place, {})]
            yield {
                "name": name,
                "in": place,
                "required": name in section.get("required", ()),
                **({"description": inner["description"]} if "description" in inner else {}),
                "schema": _moved(_file(schema), inner),
                **_samples(samples),
                **({"x-evidence": section["x-evidence"]} if "x-evidence" in section else {}),
            }


def _samples(values: list[Any]) -> JSON:
    numbered = {SAMPLE if number == 1 else f"{SAMPLE}-{number}": value for number, value in enumerate(values, 1)}
    return {"examples": {name: {"value": value} for name, value in numbered.items()}} if numbered else {}


def _content(schema: JSON, section: str) -> JSON:
    """The body of a request, or of an answer that is no refusal."""
    samples = [example[section] for example in schema["examples"] if section in example]
    moved = _moved(_file(schema), schema["properties"][section])
    return {contract.header("content_type").value: {"schema": moved, **_samples(samples)}}


def _responses(route: Route, schema: JSON, routes: list[Route]) -> Iterator[tuple[str, JSON]]:
    """The answers of a route by their status: the good one, its refusals, and what is not built of it."""
    links: JSON = {}
    for name, link in _links(route, routes):
        if name != route.name:
            links.setdefault(name, link)  # what stands nearer is surer
    yield (
        "200",
        {
            "description": schema["properties"]["response"].get("description", HTTPStatus.OK.phrase),
            "headers": _headers(()),
            "content": _content(schema, "response"),
            **({"links": links} if links else {}),
        },
    )
    status = partial(_status, contract.convention("x-errors"))
    for code, names in groupby(sorted(schema["x-errors"], key=status), status):
        refusals = [*names]
        examples = {name: {"$ref": f"#/components/examples/{name}"} for name in refusals}
        body = {"schema": {"$ref": _place("objects/error.json", "error")}, "examples": examples}
        yield (
            str(code),
            {
                "description": " ".join(contract.convention("x-errors")[name]["when"] for name in refusals),
                "headers": _headers(refusals),
                "content": {contract.header("content_type").value: body},
            },
        )
    parts = (schema["properties"][name] for name in ("query", "body") if _takes(schema, name))
    if any("x-built" in node for each in parts for node in _nodes(_file(schema), each)):
        yield (
            str(HTTPStatus.NOT_IMPLEMENTED.value),
            {
                "description": "From pytest-reinfer alone: the service knows what is asked for, and it is not built.",
                "content": {"text/plain": {"schema": {"type": "string"}}},
            },
        )


def _status(errors: Mapping[str, JSON], name: str) -> int:
    return int(errors[name]["status"])


def _headers(refusals: list[str] | tuple[()]) -> JSON:
    coming = (contract.header(name).name for name, refusal in HEADERS.items() if refusal in (None, *refusals))
    return {name: {"$ref": f"#/components/headers/{name}"} for name in coming}


# ----------------------------------------------------------------------------------------------------------- links


def _links(route: Route, routes: list[Route]) -> Iterator[tuple[str, JSON]]:
    """What can be asked next with what a route answers or was sent: the ids and names in it, and those of its path."""
    schema = _schema(route)
    file, parts = _file(schema), schema["properties"]
    asked = {name: f"$request.{place}.{name}" for place, name in _required(route)}
    told = [(f"$response.body#{at}", kind, keys) for at, kind, keys in _things(file, parts["response"])]
    sent = [(f"$request.body#{at}", kind, keys) for at, kind, keys in _things(file, parts.get("body", {}))]
    above: dict[str, dict[str, str]] = {}
    for where, kind, members in [*told, *sent]:
        given = {member: f"{where}/{member}" for member in members if member.endswith("_id")}
        given |= {f"{kind}_{member}": f"{where}/{member}" for member in members if not member.endswith("_id")}
        given |= {kind: f"{where}/name"} if "name" in members else {}
        beside = {"project": f"{where}/owner"} if "owner" in members else {}
        for outer, names in above.items():
            beside |= names if where.startswith(f"{outer}/") else {}
        known = asked | beside | given
        above[where] = beside | given
        for other in routes:
            needed, new = [name for _, name in _required(other)], _made(other)
            if given.keys() & {*needed} and {*needed} - new <= known.keys() and not new & given.keys():
                linked = {name: known[name] for name in needed if name not in new}
                yield other.name, {"operationId": other.name, "parameters": linked}


def _made(route: Route) -> set[str]:
    """The parameter of a route that names what it makes, and that has to be new."""
    if route.method != "PUT":
        return set()
    kinds = (name.removesuffix("_exists") for name in _schema(route)["x-errors"] if name.endswith("_exists"))
    names = {name for _, name in _required(route)}
    return {name for kind in kinds for name in (f"{kind}_name", kind) if name in names}


def _required(route: Route) -> list[tuple[str, str]]:
    """The parameters that a request for a route must have, with where they stand."""
    parts = _schema(route)["properties"]
    return [(place, name) for place in ("path", "query") for name in parts.get(place, {}).get("required", ())]


def _things(file: str, schema: Any, pointer: str = "", kind: str = "") -> Iterator[tuple[str, str, list[str]]]:
    """The objects of a body: where each stands, what it is called, and the keys that it is sure to have."""
    if "$ref" in schema:
        place, target = contract.target(urljoin(contract.BASE + file, schema["$ref"]).removeprefix(contract.BASE))
        yield from _things(place.partition("#")[0], target, pointer, kind)
        return
    members = schema.get("properties", {})
    if kind and members:
        yield pointer, kind, [name for name in members if name in schema.get("required", ())]
    if pointer.count("/") < DEPTH:
        for name, inner in members.items():
            items = inner.get("items")
            if isinstance(items, dict):
                yield from _things(file, items, f"{pointer}/{name}/0", name.removesuffix("s").removesuffix("_def"))
            else:
                yield from _things(file, inner, f"{pointer}/{name}", name)
