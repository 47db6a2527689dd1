"""Whether an exchange keeps the contract: every breach, with its place, its rule, and how we know that rule."""

from __future__ import annotations

import json
import re
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reinfer.contract import conventions, routing, shapes
from pytest_reinfer.contract.exchanges import request_of, response_of
from pytest_reinfer.contract.reading import documents
from pytest_reinfer.contract.validation import valid, words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.contract.routing import Match, Route
    from pytest_reinfer.contract.shapes import Shape
    from pytest_reinfer.wire import JSON, Request, Response

OK = 200
SHOWN = 120  # characters of a value
MOST = 20  # breaches of an exchange that a failure tells


class Breach(NamedTuple):
    """One rule that an exchange breaks.

    part: "request" or "response". path: where, such as `$.body.comments[0].id`, `$.query.limit`, `$.status`. rule: the
    keyword of JSON Schema, or `route`, `method`, `unbuilt`, `json`, `header`, `status`, `message`, `accepted`,
    `undocumented`, `deprecated`. evidence: how we know the rule.
    """

    part: str
    path: str
    rule: str
    expected: Any
    got: Any
    evidence: str

    def __str__(self) -> str:
        return (
            f"{self.part} {self.path}: {self.rule}: expected {_shown(self.expected)}, got {_shown(self.got)}  "
            f"[{self.evidence}]"
        )


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


ABSENT = "nothing"  # what stands where something is missing


def breaches(request: Any, response: Any = None, *, strict: bool = False) -> list[Breach]:
    """Every breach of the contract in an exchange; none where it keeps it.

    request, response: of `requests` or httpx, of this package, or mappings (see `request_of` and `response_of`); an
    answer of `requests` or httpx alone stands for both. Without a response the request alone is looked at.
    strict: keys that no schema speaks of, which the service ignores or may add, are breaches as well, and so are
    deprecated ones in a request.

    Raises TypeError for what is no request or response.
    """
    __tracebackhide__ = True
    if response is None and hasattr(request, "status_code"):
        response = request
    sent = request_of(request)
    answer = None if response is None else response_of(response)
    found = routing.match(sent.method, sent.path)
    asked = list(_asked(found, sent, answer, strict=strict))
    if answer is None:
        return asked
    return asked + list(_answered(found, sent, answer, asked, strict=strict))


def assert_kept(request: Any, response: Any = None, *, strict: bool = False) -> None:
    """Raise AssertionError, naming every breach, unless an exchange keeps the contract. Arguments as of `breaches`."""
    __tracebackhide__ = True
    found = breaches(request, response, strict=strict)
    if found:
        sent = request_of(request)
        lines = "\n".join(
            [*(f"  {breach}" for breach in found[:MOST]), *[f"  ... {len(found)} in all"] * (len(found) > MOST)]
        )
        raise AssertionError(f"{sent.method} {sent.path} breaks the contract of the API:\n{lines}")


# --------------------------------------------------------------------------------------------------- the request


def _asked(found: Match, sent: Request, answer: Response | None, *, strict: bool) -> Iterator[Breach]:
    route = found.route
    if route is None:
        yield _unknown(found, sent)
        return
    if not route.built:
        evidence = conventions.convention("x-unbuilt")[str(route)]
        yield Breach("request", "$.path", "unbuilt", "a route whose exchange is described", str(route), evidence)
        return
    yield from _headers(route, sent, answer)
    ref = f"routes/{route.name}.json#/properties"
    if found.parameters:
        yield from _in("request", "$.path", f"{ref}/path", dict(found.parameters), strict=strict)
    if routing.takes_query(route.name):
        yield from _in("request", "$.query", f"{ref}/query", routing.query(route.name, sent.query), strict=strict)
    if strict:
        known = routing.query_names(route.name)
        for name in routing.given(sent.query).keys() - known:
            told = sorted(known) or "no parameter"
            yield Breach("request", f"$.query.{name}", "undocumented", told, name, _route_evidence(route))
    yield from _body(route, sent, f"{ref}/body", strict=strict)


def _body(route: Route, sent: Request, ref: str, *, strict: bool) -> Iterator[Breach]:
    """What is wrong with the body of a request."""
    if not routing.takes_body(route.name):
        if strict and sent.body:
            yield Breach("request", "$.body", "undocumented", ABSENT, f"{len(sent.body)} bytes", _route_evidence(route))
        return
    try:
        body = json.loads(sent.body.decode())
    except (ValueError, RecursionError) as problem:
        yield _of_error("malformed_json", "$.body", "json", "valid JSON", f"{type(problem).__name__}: {problem}")
    else:
        yield from _in("request", "$.body", ref, body, strict=strict)


def _unknown(found: Match, sent: Request) -> Breach:
    """A path or a method that there is not."""
    if found.allowed:
        return _of_error("wrong_method", "$.method", "method", ", ".join(found.allowed), sent.method)
    (near,) = routing.nearest(sent.method, sent.path, 1)
    return _of_error("unknown_route", "$.path", "route", f"a route, such as {near}", sent.path)


def _headers(route: Route, sent: Request, answer: Response | None) -> Iterator[Breach]:
    """What is wrong with the headers of a request, where any are known: recordings and logs leave some out."""
    if not sent.headers:
        return
    authorization, content_type = conventions.header("authorization"), conventions.header("content_type")
    unauthorized = conventions.error("unauthorized").status
    if answer is None or answer.status == unauthorized:  # else it had what it needs, whatever was kept of it
        scheme = sent.headers.get(authorization.name.lower(), "").partition(" ")[0]
        if scheme.lower() != authorization.scheme.lower():
            where = f"$.headers.{authorization.name}"
            given = "something else" if scheme else ABSENT  # which may be the token
            yield _of_error("unauthorized", where, "header", f"{authorization.scheme} and a token", given)
    if routing.takes_body(route.name):
        given = sent.headers.get(content_type.name.lower(), "")
        if given.partition(";")[0].strip().lower() != content_type.value:
            where = f"$.headers.{content_type.name}"
            yield _of_error("wrong_content_type", where, "header", content_type.value, given or ABSENT)


def _of_error(name: str, path: str, rule: str, expected: Any, got: Any) -> Breach:
    """What the service refuses as the error `name`."""
    return Breach("request", path, rule, expected, got, conventions.convention("x-errors")[name]["evidence"])


# -------------------------------------------------------------------------------------------------- the response


def _answered(found: Match, sent: Request, answer: Response, asked: list[Breach], *, strict: bool) -> Iterator[Breach]:
    route = found.route
    if route is not None and not route.built:
        return
    if answer.status == OK:
        yield from _accepted(route, answer, asked, strict=strict)
        if route is not None and not asked:
            yield from _page(route, sent, answer)
        return
    refusals = _refusals(None if route is None else route.name, bool(found.allowed))
    statuses = {conventions.error(name).status for name in refusals}
    statuses |= {entry["status"] for entry in conventions.convention("x-failures").values()}
    if answer.status not in statuses:
        evidence = _route_evidence(route)
        yield Breach("response", "$.status", "status", sorted(statuses), answer.status, evidence)
        return
    if _is_json(answer) and sent.method != "HEAD":  # what stands before the service answers in its own way
        yield from _refused(answer, refusals, strict=strict)


def _route_evidence(route: Route | None) -> str:
    if route is None:
        return str(conventions.convention("x-errors")["unknown_route"]["evidence"])
    return str(documents()[f"routes/{route.name}.json"]["x-evidence"]["x-route"])


def _is_json(answer: Response) -> bool:
    content_type = conventions.header("content_type")
    given = {name.lower(): value for name, value in answer.headers.items()}.get(content_type.name.lower(), "")
    return given.partition(";")[0].strip().lower() == content_type.value


def _accepted(route: Route | None, answer: Response, asked: list[Breach], *, strict: bool) -> Iterator[Breach]:
    """What is wrong with an answer that says that all is well."""
    for breach in asked:
        if breach.rule not in ("undocumented", "deprecated"):
            told = f"a refusal: {breach.part} {breach.path} breaks {breach.rule}"
            yield Breach("response", "$.status", "accepted", told, answer.status, breach.evidence)
    if route is None:
        return
    evidence = _route_evidence(route)
    if not _is_json(answer):
        content_type = conventions.header("content_type")
        given = {name.lower(): value for name, value in answer.headers.items()}.get(content_type.name.lower(), ABSENT)
        why = conventions.convention("x-headers")["content_type"]["evidence"]
        yield Breach("response", f"$.headers.{content_type.name}", "header", content_type.value, given, why)
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError) as problem:
        yield Breach("response", "$.body", "json", "valid JSON", f"{type(problem).__name__}: {problem}", evidence)
        return
    yield from _in("response", "$.body", f"routes/{route.name}.json#/properties/response", body, strict=strict)


def _page(route: Route, sent: Request, answer: Response) -> Iterator[Breach]:
    """A page that holds more than was asked for."""
    key = routing.pages(route.name)
    if key is None:
        return
    ref = f"routes/{route.name}.json#/properties/body"
    limit = shapes.member(shapes.shape(ref), "limit")
    try:
        most = json.loads(sent.body).get("limit", shapes.stated(limit, "default")[0])
        count = len(json.loads(answer.body)[key])
    except (ValueError, KeyError, TypeError):  # told as a breach of the schema
        return
    if count > most:
        yield Breach("response", f"$.body.{key}", "limit", f"at most {most} items", count, limit[0].why("maximum"))


def _refused(answer: Response, refusals: list[str], *, strict: bool) -> Iterator[Breach]:
    """What is wrong with a refusal of the service itself."""
    errors = conventions.convention("x-errors")
    names = [name for name in refusals if conventions.error(name).status == answer.status]
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError) as problem:
        got = f"{type(problem).__name__}: {problem}"
        yield Breach("response", "$.body", "json", "valid JSON", got, _error_evidence("required"))
        return
    wrong = list(_in("response", "$.body", "objects/error.json", body, strict=strict))
    yield from wrong
    if wrong or body in _failures(answer.status):
        return
    if not any(_template(name).fullmatch(body["message"]) for name in names):
        evidence = "; ".join(dict.fromkeys(errors[name]["evidence"] for name in names))
        expected = list(dict.fromkeys(errors[name]["message"] for name in names))
        yield Breach("response", "$.body.message", "message", expected, body["message"], evidence)


@cache
def _failures(status: int) -> tuple[JSON, ...]:
    """What the service says when it fails with a status."""
    failures = conventions.convention("x-failures").values()
    return tuple(json.loads(each["body"]) for each in failures if each["status"] == status and each["body"][:1] == "{")


def _error_evidence(rule: str) -> str:
    return shapes.shape("objects/error.json")[0].why(rule)


@cache
def _template(name: str) -> re.Pattern[str]:
    """What a message of an error looks like."""
    pieces = re.split(r"\{\w+\}", conventions.error(name).message)
    return re.compile(".*".join(map(re.escape, pieces)), re.DOTALL)


@cache
def _refusals(route: str | None, other_methods: bool) -> list[str]:  # noqa: FBT001 -- nobody else calls it
    """The names of the errors that a route may answer with; without one, those of a path or a method there is not."""
    if route is not None:
        errors = conventions.convention("x-errors")
        names = documents()[f"routes/{route}.json"]["x-errors"]
        return [name for name in names if not errors[name].get("routeless")]
    return ["unauthorized", "rate_limited", "wrong_method" if other_methods else "unknown_route"]


# ---------------------------------------------------------------------------------------------------- the values


def _in(part: str, place: str, ref: str, value: Any, *, strict: bool) -> Iterator[Breach]:
    """The breaches of a value by the schema at `ref`."""
    if not valid(ref, value):
        shape = shapes.shape(ref)
        seen: set[tuple[str, str, str]] = set()
        for error in words(ref).iter_errors(value):
            rule, at = str(error.validator), shape
            for step in error.absolute_path:
                at = shapes.member(at, step)
            why = next((each.why(rule) for each in at if each.schema.get(rule) == error.validator_value), "")
            where = place + error.json_path[1:]
            if part == "response" and rule == "additionalProperties" and shapes.names(at):
                continue  # answers may have more than is named; a strict reader is told below
            for path, expected, got in _told(at, where, error.validator_value, error.instance, rule):
                if (path, rule, str(expected)) not in seen:  # a node and the one it refers to may say the same
                    seen.add((path, rule, str(expected)))
                    yield Breach(part, path, rule, expected, got, why)
    if strict:
        yield from _strange(part, place, _spoken(ref), value)


def _told(shape: Shape, where: str, limit: Any, got: Any, rule: str) -> Iterator[tuple[str, Any, Any]]:
    """The path, what is expected there and what stands there; of missing and strange keys one for each."""
    if rule == "required":
        yield from ((f"{where}{_step(name)}", "a value", ABSENT) for name in limit if name not in got)
    elif rule == "additionalProperties":
        known = shapes.names(shape)
        strange = (name for name in got if not shapes.member(shape, name))
        yield from ((f"{where}{_step(name)}", f"one of {', '.join(known)}", got[name]) for name in strange)
    else:
        yield where, limit, got


def _step(name: str) -> str:
    """A key as `jsonschema` writes it into a path."""
    return f".{name}" if re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name) else f"[{name!r}]"


class _Spoken:
    """What a schema speaks of at a place, and below it, found out once."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.names = shapes.names(shape)
        self.closed = any(limit is False for limit in shapes.stated(shape, "additionalProperties"))  # told already
        self.deprecated = [part for part in shape if part.schema.get("deprecated")]
        self._below: dict[str | int, _Spoken] = {}

    def below(self, step: str | int) -> _Spoken:
        """What it speaks of in a member."""
        found = self._below.get(step)
        if found is None:
            found = _Spoken(shapes.member(self.shape, step))
            if step == 0 or step in self.names:  # not every key that somebody made up
                self._below[step] = found
        return found


@cache
def _spoken(ref: str) -> _Spoken:
    return _Spoken(shapes.shape(ref))


def _strange(part: str, place: str, spoken: _Spoken, value: Any) -> Iterator[Breach]:
    """The keys that no schema speaks of, where it speaks of keys at all, and the deprecated ones of a request."""
    if part == "request":
        for each in spoken.deprecated:
            yield Breach(part, place, "deprecated", ABSENT, value, each.why("deprecated"))
    if isinstance(value, list):
        items = spoken.below(0)
        for index, item in enumerate(value if items.shape else ()):
            if isinstance(item, (dict, list)) or items.deprecated:
                yield from _strange(part, f"{place}[{index}]", items, item)
    elif isinstance(value, dict) and spoken.names:
        for name, inner in value.items():
            below = spoken.below(name)
            if not below.shape and not (spoken.closed and part == "request"):
                known = f"one of {', '.join(spoken.names)}"
                yield Breach(part, f"{place}{_step(name)}", "undocumented", known, inner, spoken.shape[-1].why("*"))
            elif isinstance(inner, (dict, list)) or below.deprecated:
                yield from _strange(part, f"{place}{_step(name)}", below, inner)
