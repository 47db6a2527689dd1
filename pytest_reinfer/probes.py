"""What `pytest-reinfer verify` asks, read from `schemas/probes.json`: requests, and which of them may be sent."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from pytest_reinfer import contract
from pytest_reinfer.violations import violations
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from pytest_reinfer.wire import JSON, Response

FILE: Final = "probes.json"
TOKEN: Final = "<token>"  # noqa: S105 -- stands in a request for the token, which is put in as it is sent
WRONG: Final = "no-token-of-anybody"
MOST: Final = 20_000  # bytes of a body that probes a limit: no tenant is to be filled by it
SIZES: Final = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems")


class Step(NamedTuple):
    """One step: what it asks, and what it keeps of the answer."""

    number: int
    said: JSON

    @property
    def keep(self) -> Mapping[str, str]:
        """The names of what is kept of the answer, each with the dotted path to it."""
        kept: Mapping[str, str] = self.said.get("keep", {})
        return kept

    @property
    def late(self) -> bool:
        """Whether what was written before may show only after a while."""
        return bool(self.said.get("late"))

    @property
    def label(self) -> str:
        """What it is about, in a word or two."""
        return str(self.said.get("route") or f"{self.said.get('method', 'GET')} {self.said['target']}")


class NotKnown(LookupError):
    """A step needs something that no answer before it has held."""


def steps(section: str) -> Iterator[Step]:
    """The steps of a section, `x-read` or `x-write`, in order."""
    for number, said in enumerate(contract.documents()[FILE][section]):
        yield Step(number, said)


def requests(step: Step, names: Mapping[str, str]) -> Iterator[Request]:
    """What a step asks, and after it, where it says so, each limit of the route; NotKnown where a name is missing."""
    said = _filled(step.said, names)
    if "target" in said:
        yield _request(said.get("method", "GET"), said["target"], {}, None, said)
        return
    route = contract.routes()[said["route"]]
    path = route.path.format_map({name: quote(value, safe="") for name, value in said.get("path", {}).items()})
    query, body = said.get("query", {}), said.get("body")
    yield _request(route.method, path, query, body, said)
    if not said.get("limits"):
        return
    if query:
        kinds = contract.kinds(f"routes/{route.name}.json#/properties/query")
        meant = {name: int(value) if kinds[name] == "integer" else value for name, value in query.items()}
        for other in _at_limits(f"routes/{route.name}.json#/properties/query", meant):
            yield _request(route.method, path, other, body, said)
    if body is not None:
        for other in _at_limits(f"routes/{route.name}.json#/properties/body", body, said.get("besides", ())):
            yield _request(route.method, path, query, other, said)


def kept(step: Step, response: Response) -> dict[str, str]:
    """What a step keeps of an answer that is well."""
    try:
        body = json.loads(response.body)
    except ValueError:
        return {}
    found = {name: _dug(body, path.split(".")) for name, path in step.keep.items()}
    return {name: value for name, value in found.items() if isinstance(value, str) and value}


def is_id(name: str) -> bool:
    """Whether a name of what is kept is that of an id which a tenant gives out."""
    return name.endswith("_id") and name != "comment_id"


def owned(step: Step, name: str, response: Response, project: str) -> bool:
    """Whether an answer says of what it keeps under a name that the project owns it."""
    around = _dug(json.loads(response.body), step.keep[name].split(".")[:-1])
    return isinstance(around, dict) and around.get(throwaway()["owner"]) == project


def throwaway() -> JSON:
    """The routes that make, find and remove the project that everything is written in."""
    told: JSON = contract.documents()[FILE]["x-throwaway"]
    return told


def asked_of_project(route: str, project: str) -> Request:
    """The request of a route, with its query, about the throw-away project and nothing else."""
    said = throwaway()
    query = said["query"] if route == said["remove"] else {}
    found = contract.routes()[route]
    return _request(found.method, found.path.format_map({said["parameter"]: quote(project, safe="")}), query, None, {})


def look(request: Request, project: str) -> Request | None:
    """What shows whom that belongs to which a request names by its id alone; None for a request that names the project.

    NotKnown where no route shows it.
    """
    if contract.match(request.method, request.path).parameters.get(throwaway()["parameter"]) == project:
        return None
    asked = request._replace(method="GET", query="", body=b"")
    if contract.match(asked.method, asked.path).route is None:
        raise NotKnown("nothing shows whom that id belongs to, so it is not sent")
    return asked


def shows_owner(response: Response, project: str) -> bool:
    """Whether an answer is about one thing, and the project owns it."""
    try:
        body = json.loads(response.body)
    except ValueError:
        return False
    about = [each for each in body.values() if isinstance(each, dict)] if isinstance(body, dict) else []
    return len(about) == 1 and about[0].get(throwaway()["owner"]) == project


def harmless(request: Request) -> bool:
    """Whether a request stores nothing, wherever it goes."""
    return contract.reads(request.method, contract.match(request.method, request.path).route)


def within(request: Request, project: str, ids: Collection[str]) -> bool:
    """Whether a request is about the throw-away project alone, or about what was made in it, known by its ids."""
    found = contract.match(request.method, request.path)
    if found.route is None or not found.parameters:
        return False
    parameter = throwaway()["parameter"]
    if parameter in found.parameters:
        return found.parameters[parameter] == project
    return set(found.parameters.values()) <= set(ids)


def _request(method: str, path: str, query: JSON, body: Any, said: JSON) -> Request:
    authorization, content_type = contract.header("authorization"), contract.header("content_type")
    token = {"none": None, "wrong": WRONG}.get(said.get("token", ""), TOKEN)
    headers = {} if token is None else {authorization.name.lower(): f"{authorization.scheme} {token}"}
    text = said.get("text", "" if body is None else json.dumps(body))
    if text:
        headers[content_type.name.lower()] = said.get("content_type", content_type.value)
    words = {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}
    return Request(method, path, urlencode(words, doseq=True), headers, text.encode())


def _filled(value: Any, names: Mapping[str, str]) -> Any:
    """A value with names in their places, and lists as long as they are to be."""
    if isinstance(value, str):
        try:
            return re.sub("{([a-z_]+)}", lambda found: names[found[1]], value)
        except KeyError as missing:
            raise NotKnown(f"no answer has told {missing.args[0]}") from None
    if isinstance(value, list) and value and isinstance(value[0], dict) and "repeat" in value[0]:
        count, item = value[0]["repeat"], value[0]["of"]
        return [_filled(item, {**names, "number": str(number)}) for number in range(count)]
    if isinstance(value, list):
        return [_filled(each, names) for each in value]
    if isinstance(value, dict):
        return {_filled(key, names): each if key == "keep" else _filled(each, names) for key, each in value.items()}
    return value


def _dug(value: Any, steps: list[str]) -> Any:
    """What stands along the steps; None where they lead nowhere."""
    for step in steps:
        if isinstance(value, list):
            value = value[int(step)] if step.isdecimal() and int(step) < len(value) else None
        else:
            value = value.get(step) if isinstance(value, dict) else None
    return value


def _at_limits(ref: str, valid: Any, besides: Collection[str] = ()) -> Iterator[Any]:
    """The value with each size of its schema in turn just at its limit, and just beyond it; not at some places."""
    for violation in violations(ref):
        if violation.rule not in SIZES or violation.place in besides:
            continue
        beyond = violation.apply(valid)
        at = _at(violation.rule, violation.limit, violation.place, deepcopy(beyond))
        for value in (at, beyond):
            if value is not None and len(json.dumps(value)) <= MOST and (value is beyond or contract.valid(ref, value)):
                yield value


def _at(rule: str, limit: Any, place: str, beyond: Any) -> Any:
    """What is beyond a limit, changed to stand at it; None where nothing is known that does."""
    found = re.findall(r"\.(\w+)|\[(\d+)]|\['([^']+)'\]", place)
    keys = [int(index) if index else name or quoted for name, index, quoted in found]
    around = beyond
    for key in keys[:-1]:
        around = around[key]
    value = around[keys[-1]]
    if rule in ("minimum", "maximum"):
        value = limit
    elif rule in ("maxLength", "maxItems"):
        value = value[:limit]
    elif rule == "minLength":
        value += value[-1:] or "a"
    else:
        return None
    around[keys[-1]] = value
    return beyond
