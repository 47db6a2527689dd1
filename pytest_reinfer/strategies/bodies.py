"""What callers send, right and wrong, and what fails: request bodies, their violations, error answers."""

from __future__ import annotations

import json
import string
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import strategies as st

from pytest_reinfer import contract
from pytest_reinfer.handlers.datasets import EXCLUSIVE
from pytest_reinfer.stamps import moment
from pytest_reinfer.strategies import tables
from pytest_reinfer.strategies.objects import MESSAGE, UPLOAD, checked, comments, strategy
from pytest_reinfer.strategies.parts import (
    Part,
    absent,
    an_object,
    array_of,
    constant,
    json_of,
    lists_of,
    named,
    object_of,
    part_of,
    pinned,
    row_of,
    text,
)
from pytest_reinfer.tenant import encode
from pytest_reinfer.violations import Violation, simplest, violations

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hypothesis.strategies import SearchStrategy

    from pytest_reinfer import types
    from pytest_reinfer.strategies.parts import Draw
    from pytest_reinfer.wire import JSON

NEW_DATASET, UPDATE = "objects/new_dataset.json", "objects/dataset_update.json"
NEW_SOURCE, SOURCE_UPDATE = "objects/new_source.json", "objects/source_update.json"
LABEL_DEF, LABEL_GROUP = "objects/label_def.json", "objects/label_group.json"
NOBODYS: Final = {"source_ids": json_of(["[]"]), "copy_annotations_from": constant(absent)}  # what any tenant takes

NO_BUCKET: Final = {"bucket_id": constant(None)}  # what any tenant takes


def create_dataset_requests(**fields: Any) -> SearchStrategy[types.CreateDatasetRequest]:
    """A body that creates a dataset, in any tenant: it names no sources, unless `source_ids` is pinned to some.

    Parents of labels are labels. fields: of the dataset, to be pinned.
    """
    __tracebackhide__ = True
    pins = checked("create_dataset_requests", NEW_DATASET, fields)
    part = object_of(NEW_DATASET, pins, {**NOBODYS, **_label_fields()})
    return strategy("create_dataset_requests", part, lambda dataset: {"dataset": _with_parents(dataset, pins)})


@cache
def _label_fields() -> Mapping[str, Part]:
    """Label definitions and groups of them, of which no two have one name."""
    most = contract.node(f"{LABEL_GROUP}#/properties/label_defs")["maxItems"]
    longest = contract.node(f"{LABEL_DEF}#/properties/name")["maxLength"]
    label = object_of(LABEL_DEF, {}, {"name": row_of(tables.part_names(longest))})
    several = array_of(label, most, named)
    group = object_of(LABEL_GROUP, {}, {"label_defs": several})
    return {"label_defs": several, "label_groups": array_of(group, most, named)}


def _with_parents(dataset: JSON, pins: Iterable[str]) -> JSON:
    """Let parents of labels be labels, as far as there is room."""
    if "label_defs" in dataset and "label_defs" not in pins:
        dataset["label_defs"] = _family(dataset["label_defs"])
    if "label_groups" not in pins:
        for group in dataset.get("label_groups", ()):
            if "label_defs" in group:
                group["label_defs"] = _family(group["label_defs"])
    return dataset


def _family(labels: list[JSON]) -> list[JSON]:
    most = contract.node(f"{LABEL_GROUP}#/properties/label_defs")["maxItems"]
    found = {label["name"]: label for label in labels}
    for name in list(found):
        above = name
        while above := above.rpartition(tables.SEPARATOR)[0]:
            found.setdefault(above, {"name": above})
    return sorted(found.values(), key=lambda label: label["name"].count(tables.SEPARATOR))[:most]


def update_dataset_requests(**fields: Any) -> SearchStrategy[types.UpdateDatasetRequest]:
    """A body that changes a dataset; it names no sources, unless `source_ids` is pinned to some.

    fields: of the dataset, to be pinned.
    """
    __tracebackhide__ = True
    pins = checked("update_dataset_requests", UPDATE, fields)
    return strategy("update_dataset_requests", object_of(UPDATE, pins, NOBODYS), lambda dataset: {"dataset": dataset})


def create_source_requests(**fields: Any) -> SearchStrategy[types.CreateSourceRequest]:
    """A body that creates a source, in any tenant: it names no bucket, unless `bucket_id` is pinned to one.

    fields: of the source, to be pinned.
    """
    __tracebackhide__ = True
    pins = checked("create_source_requests", NEW_SOURCE, fields)
    return strategy("create_source_requests", object_of(NEW_SOURCE, pins, NO_BUCKET), lambda source: {"source": source})


def update_source_requests(**fields: Any) -> SearchStrategy[types.UpdateSourceRequest]:
    """A body that changes a source; it names no bucket, unless `bucket_id` is pinned to one, and may take one away.

    fields: of the source, to be pinned.
    """
    __tracebackhide__ = True
    pins = checked("update_source_requests", SOURCE_UPDATE, fields)
    part = object_of(SOURCE_UPDATE, pins, NO_BUCKET)
    return strategy("update_source_requests", part, lambda source: {"source": source})


def update_labelling_requests(**fields: Any) -> SearchStrategy[types.UpdateLabellingRequest]:
    """A body that says something about a comment, in any dataset that has a label group named default.

    fields: to be pinned.
    """
    __tracebackhide__ = True
    pins = checked("update_labelling_requests", LABELLING, fields)
    group = {"group": constant(contract.with_defaults(LABEL_GROUP, {})["name"])}
    said = array_of(object_of("objects/new_labelling.json", {}, group), 2)
    forms = array_of(object_of("objects/moon_form.json", {}, group), 1)
    part = object_of(LABELLING, pins, {"labelling": said, "moon_forms": forms})
    return strategy("update_labelling_requests", part)


LABELLING: Final = "routes/update_labelling.json#/properties/body"


def export_requests(comments: Iterable[JSON] = (), **fields: Any) -> SearchStrategy[types.ExportRequest]:
    """A body that asks for a page of an export, with every legal combination of filters.

    comments: exported comments whose uids, sources and moments the filters are to meet; without them they meet nothing,
        or nearly nothing.
    fields: to be pinned. There is no `continuation` unless it is, for only a page can give one.
    """
    __tracebackhide__ = True
    pins = checked("export_requests", EXPORT, fields)
    part = object_of(
        EXPORT, pins, {"continuation": constant(absent), **_meeting([each["comment"] for each in comments])}
    )
    return strategy("export_requests", part, lambda body: _legal(body, pins))


EXPORT: Final = "routes/export_dataset.json#/properties/body"


def _meeting(comments: list[JSON]) -> Mapping[str, Part]:
    """Filters that meet some comments, and at times others."""
    if not comments:
        return {}
    moments = [comment[stamp] for comment in comments for stamp in ("timestamp", "created_at")]
    bound = row_of(tables.shares((224, moments), (32, tables.timestamps()[::8])))
    uids = [*dict.fromkeys(comment["uid"] for comment in comments), f"{tables.ids()[3]}.{tables.comment_ids()[3]}"]
    source_ids = [*dict.fromkeys(comment["source_id"] for comment in comments), tables.ids()[3]]
    found = {"from": bound, "to": bound}
    for name, values in (("comment_uids", uids), ("source_ids", source_ids)):
        most = contract.node(f"{EXPORT}/properties/{name}")["maxItems"]
        found[name] = lists_of(values, 0, most, unique=False)
    return found


def _legal(body: JSON, pins: Iterable[str]) -> JSON:
    """Let no filter stand beside uids, and the moments be in order; what is pinned stays."""
    others = [name for name in EXCLUSIVE if name in body]
    if "comment_uids" in body and others and "comment_uids" not in pins:
        if "from" in body or any(name in pins for name in others):
            del body["comment_uids"]
        else:
            others = [body.pop(name) for name in others]
    elif "comment_uids" in body:
        for name in others:
            if name not in pins:
                del body[name]
    if {"from", "to"} <= body.keys() and not {"from", "to"} & set(pins) and moment(body["from"]) > moment(body["to"]):
        body["from"], body["to"] = body["to"], body["from"]
    return body


def sync_requests(**fields: Any) -> SearchStrategy[types.SyncRequest]:
    """A body that uploads comments: none, up to four of which each is drawn whole, or with those a longer batch.

    fields: of each comment, to be pinned. No two comments have one id, unless `id` is pinned.
    """
    __tracebackhide__ = True
    pins = checked("sync_requests", UPLOAD, fields)
    sizes = (*range(2, 48), 64, 100, 128, 129, 256, 512, 1024, contract.node(SYNC)["maxItems"])
    parts = {
        "comments": array_of(pinned(comments(form="upload", **pins)), 4),
        "size": row_of(tables.shares((202, [0]), (53, sizes), (1, sizes[-1:]))),
    }
    return strategy("sync_requests", an_object(parts, {}, parts), lambda made: _batch(**made, pins=pins))


SYNC: Final = "routes/sync_comments.json#/properties/body/properties/comments"


def _batch(comments: list[JSON], size: int, pins: Iterable[str]) -> JSON:
    """A batch of these comments, filled up to a size with small ones that have what is pinned."""
    if comments:
        same = {name: comments[0][name] for name in pins if name in comments[0]}
        small = encode({**simplest(UPLOAD), "messages": [simplest(MESSAGE)], **same})
        comments += [json.loads(small) for _ in range(len(comments), size)]
    taken: set[str] = set()
    for number, comment in enumerate(comments):
        if comment["id"] in taken and "id" not in pins:
            comment["id"] = f"{comment['id'][:1000]}.{number}"
        taken.add(comment["id"])
    return {"comments": comments}


# ---------------------------------------------------------------------------------------------------------- violations


class Invalid(NamedTuple):
    """A body that breaks one rule of its schema, and what the service answers to it.

    place: where, as a JSON path; rule: the keyword of the schema that is broken; limit: what the schema says there;
    status, message: of the refusal; evidence: how the rule is known.
    """

    body: Any
    place: str
    rule: str
    limit: Any
    status: int
    message: str
    evidence: str


def invalid(route: str) -> SearchStrategy[Invalid]:
    """Bodies for a route, such as "create_dataset", each of which breaks one rule of the route's schema."""
    __tracebackhide__ = True
    if route not in contract.routes() or not contract.routes()[route].built or not contract.takes_body(route):
        taking = [each.name for each in contract.routes().values() if each.built and contract.takes_body(each.name)]
        raise ValueError(f"invalid: no route called {route!r} takes a body. There are: {', '.join(taking)}.")
    ref = f"routes/{route}.json#/properties/body"
    requests: Mapping[str, Callable[[], SearchStrategy[Any]]] = {
        "create_dataset": create_dataset_requests,
        "update_dataset": update_dataset_requests,
        "create_source": create_source_requests,
        "update_source": update_source_requests,
        "export_dataset": export_requests,
        "update_labelling": update_labelling_requests,
        "sync_comments": lambda: sync_requests().filter(lambda body: len(body["comments"]) <= FEW),
        "create_comments": lambda: sync_requests().filter(lambda body: len(body["comments"]) <= FEW),
    }
    valid = requests[route]() if route in requests else strategy(route, part_of(ref))
    rules: dict[tuple[str, str], list[Violation]] = {}
    for violation in violations(ref):
        if violation.place == "$" and violation.apply(simplest(ref)) is None:
            continue  # what client libraries take for no body at all
        if violation.rule == "maxItems" and violation.limit > MANY:
            continue  # a list of which it takes seconds to say that it is too long
        rules.setdefault((violation.place, violation.rule), []).append(violation)
    return broken(Rules(route, ref, valid, list(rules.values())))


FEW, MANY = 128, 10_000  # how many comments a broken batch has at most, and how many items a list that is too long


class Rules(NamedTuple):
    """The rules of a route's body, each with the ways to break it."""

    route: str
    ref: str
    valid: SearchStrategy[Any]
    ways: Sequence[Sequence[Violation]]

    def __repr__(self) -> str:
        return repr(self.route)


@st.composite
def broken(draw: Draw, rules: Rules) -> Invalid:
    """A valid body with one rule broken, each rule as often as the others."""
    _, ref, valid, every = rules
    rows = draw(st.binary(min_size=3, max_size=3))
    ways = every[int.from_bytes(rows[:2]) * len(every) >> 16]
    rule = ways[rows[2] * len(ways) // tables.ROWS]
    body = rule.apply(draw(valid))
    problem, refusal = contract.problem(ref, body), contract.error("schema_violation")
    if problem is None:
        raise AssertionError(f"{rule} is not broken by {body}")
    message = refusal.message.format(message=problem.message)
    return Invalid(body, rule.place, rule.rule, rule.limit, refusal.status, message, rule.evidence)


# -------------------------------------------------------------------------------------------------------------- errors


class ErrorResponse(NamedTuple):
    """A whole answer that is no success, by its name in `schemas/api.json`."""

    name: str
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def stub(self) -> dict[str, Any]:
        """What `responses` answers with it: `responses.get(url, **error.stub)`."""
        content_type = contract.header("content_type").name
        rest = {name: value for name, value in self.headers.items() if name != content_type}
        return {
            "status": self.status,
            "headers": rest,
            "content_type": self.headers.get(content_type),
            "body": self.body,
        }


def errors(*names: str) -> SearchStrategy[ErrorResponse]:
    """Answers that are no success: refusals of the API, its failures, and those of what stands before it.

    names: of `x-errors` and `x-failures` in `schemas/api.json`, such as "forbidden" or "html_bad_gateway"; all of them
        by default, but a redirect, which is no answer by itself.
    """
    __tracebackhide__ = True
    whole = (name for name, failure in contract.convention("x-failures").items() if "leads_to" not in failure)
    every = (*whole, *contract.convention("x-errors"))
    return strategy("errors", _named("errors", names, every), lambda made: _error(**made))


def error_bodies(*names: str) -> SearchStrategy[types.Error]:
    """The JSON of a refusal by the API; names: of `x-errors` in `schemas/api.json`, by default all of them."""
    __tracebackhide__ = True
    part = _named("error_bodies", names, tuple(contract.convention("x-errors")))
    return strategy("error_bodies", part, lambda made: _envelope(**made))


def _named(what: str, names: Sequence[str], every: Sequence[str]) -> Part:
    """One of these names, or of all, and a text for what its message leaves open."""
    __tracebackhide__ = True
    unknown = [name for name in names if name not in every]
    if unknown:
        told = ", ".join(map(repr, unknown))
        raise ValueError(f"{what}: no error is called {told}. There are: {', '.join(every)}.")
    chosen = names or every
    parts = {"name": row_of([chosen[n * len(chosen) // tables.ROWS] for n in range(tables.ROWS)]), "value": text(1, 64)}
    return an_object(parts, {}, parts)


def _envelope(name: str, value: str) -> JSON:
    message = contract.convention("x-errors")[name]["message"]
    places = {place: value for _, place, _, _ in string.Formatter().parse(message) if place}
    return {"status": "error", "message": message.format(**places)}


def _error(name: str, value: str) -> ErrorResponse:
    failure = contract.convention("x-failures").get(name)
    if failure is not None:
        return ErrorResponse(name, failure["status"], dict(failure["headers"]), failure["body"].encode())
    content_type, timing = contract.header("content_type"), contract.header("server_timing")
    headers = {content_type.name: content_type.value, timing.name: timing.value.format(milliseconds=1.0)}
    return ErrorResponse(name, contract.error(name).status, headers, encode(_envelope(name, value)))
