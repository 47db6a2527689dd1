"""Questions about the comments of a dataset: which fulfil conditions, in which order, and what there is of them."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from functools import cache
from heapq import nsmallest
from hmac import compare_digest
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.refusal import Refused, RouteNotBuilt
from pytest_reinfer.stamps import EPOCH, MICROSECOND, moment, stamp
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pytest_reinfer.comments import Row
    from pytest_reinfer.tenant import Dataset, Tenant
    from pytest_reinfer.wire import JSON

    Test = Callable[[Row], bool]
    Place = tuple[int, str, str]  # where a comment stands in an order: its rank, its source, its id

TOKEN: Final = re.compile(
    r"(?P<rank>[0-9a-f]{16})(?P<number>[0-9a-f]{8})(?P<check>[0-9a-f]{8})-(?P<source>[0-9a-f]{16})"
)
UNREAD: Final = ("trigger_exceptions", "annotations", "entities", "thread_properties")  # filters that are not evaluated
MIDDLE: Final = 1 << 63  # ranks are whole numbers of 64 bits
RANGE: Final = frozenset({"minimum", "maximum"})  # of a number_range


def not_built(what: str) -> RouteNotBuilt:
    """What is raised where a request asks for more than is built: words for who wrote it."""
    return RouteNotBuilt(f"The API knows {what}, pytest-reinfer does not build it, and ignores nothing silently.")


# ---------------------------------------------------------------------------------------------------------- conditions


def matching(
    tenant: Tenant, dataset: Dataset | None, source_ids: Iterable[str], asked: JSON, attributes: Sequence[JSON] = ()
) -> list[Row]:
    """The comments of sources that fulfil a comment filter and attribute filters; of no dataset, of any.

    Raises RouteNotBuilt for a condition that is not evaluated.
    """
    for name in UNREAD:
        if name in asked:
            raise not_built(f"the filter {name!r}")
    tests = [*_of_rows(tenant, dataset, asked), *(_has_labels(tenant, dataset, each) for each in attributes)]
    contents = list(_of_contents(asked))
    sources = [each for each in source_ids if "sources" not in asked or each in asked["sources"]]
    rows = [row for each in sources for row in tenant.comments[each].rows.values()]
    for test in tests:
        rows = [row for row in rows if test(row)]
    if contents:
        read = ((row, json.loads(row.data)) for row in rows)
        rows = [row for row, comment in read if all(fits(comment) for fits in contents)]
    return rows


def _of_rows(tenant: Tenant, dataset: Dataset | None, asked: JSON) -> Iterator[Test]:
    """Conditions that need not read the comment."""
    bounds = asked.get("timestamp", {})
    if "minimum" in bounds:
        low = _moment(bounds["minimum"])
        yield lambda row: row.timestamp >= low
    if "maximum" in bounds:
        high = _moment(bounds["maximum"])
        yield lambda row: row.timestamp <= high
    if "reviewed" in asked:
        ids = [each for each, _ in {**tenant.labelled, **tenant.remarks}] if dataset is None else [dataset.id]
        datasets, wanted = list(dict.fromkeys(ids)), asked["reviewed"] == "only_reviewed"
        yield lambda row: any(tenant.annotated(each, row) for each in datasets) == wanted


def _moment(text: str) -> int:
    try:
        return moment(text)
    except ValueError:
        raise Refused("senseless_timestamp", value=text) from None


def _of_contents(asked: JSON) -> Iterator[Callable[[JSON], bool]]:
    """Conditions on what a comment holds."""
    properties, parties = asked.get("user_properties", {}), asked.get("messages", {})
    if properties:
        yield lambda comment: all(_fits(how, comment["user_properties"].get(name)) for name, how in properties.items())
    if parties:
        yield lambda comment: all(_parties_fit(how, _parties(comment, name)) for name, how in parties.items())


def _fits(wanted: JSON, value: Any) -> bool:
    """Whether a user property is as wanted; one that is not there has no value that could be."""
    if value is None:
        return not wanted.keys() & {"one_of", "minimum", "maximum"}
    return (
        value in wanted.get("one_of", (value,))
        and value not in wanted.get("not_one_of", ())
        and wanted.get("minimum", value) <= value <= wanted.get("maximum", value)
    )


def _parties(comment: JSON, name: str) -> set[str]:
    """Who sent or got the messages of a comment."""
    fields = ("to", "cc", "bcc") if name == "recipient" else (name,)
    found = (message.get(field, []) for message in comment["messages"] for field in fields)
    return {party for each in found for party in ([each] if isinstance(each, str) else each)}


def _parties_fit(wanted: JSON, parties: set[str]) -> bool:
    return ("one_of" not in wanted or not parties.isdisjoint(wanted["one_of"])) and parties.isdisjoint(
        wanted.get("not_one_of", ())
    )


def _has_labels(tenant: Tenant, dataset: Dataset | None, asked: JSON) -> Test:
    """The condition of an attribute filter."""
    kind = asked["filter"]["kind"]
    if dataset is None or asked["attribute"] != "labels" or kind == "number_range" or RANGE & asked["filter"].keys():
        raise not_built(f"the attribute filter {asked['attribute']!r} of the kind {kind!r}")
    wanted = kind == "string_any_of"
    key = "any_of" if wanted else "none_of"
    if key not in asked["filter"]:
        raise Refused("schema_violation", message=f"'{key}' is a required property")
    names = frozenset(asked["filter"][key])
    return lambda row: names.isdisjoint(labels(tenant, dataset, row)) != wanted


def labels(tenant: Tenant, dataset: Dataset, row: Row) -> dict[str, str]:
    """The labels that a comment has, with their sentiment: assigned or, where nobody reviewed it, predicted."""
    assigned, predicted = tenant.labels_of(dataset, row)
    if tenant.annotated(dataset.id, row):
        return {label["name"]: label.get("sentiment", "positive") for label in assigned}
    return {
        label["name"]: "negative" if label.get("sentiment", 0) < 0 else "positive"
        for label in predicted
        if label["probability"] >= _threshold()
    }


@cache
def _threshold() -> float:
    """The least probability with which a predicted label counts."""
    return float(contract.node("objects/common.json#/$defs/threshold")["default"])


# --------------------------------------------------------------------------------------------------------------- pages


class Order(NamedTuple):
    """An order of comments: what it is called, and where a comment stands in it, as a number of 64 bits."""

    name: str
    rank: Callable[[Row], int]

    def position(self, row: Row) -> Place:
        """Where a comment stands, alone."""
        return self.rank(row), row.source_id, row.id


class Page(NamedTuple):
    """Some comments, the token of what follows them, if anything does, and how many there are on all pages."""

    rows: list[Row]
    continuation: str | None
    total: int


def order_of(tenant: Tenant, dataset: Dataset, asked: JSON) -> Order:
    """The order that a request asks for. Raises RouteNotBuilt for one that is not built."""
    kind = asked["kind"]
    needs = {"recent": None, "by_label": "label", "sample": "seed"}
    if kind not in needs:
        raise not_built(f"orders of the kind {kind!r} (built are {', '.join(needs)})")
    if "sentiment" in asked:
        raise not_built(f"a sentiment in the order {kind!r}")
    if needs[kind] is not None and needs[kind] not in asked:
        raise Refused("schema_violation", message=f"'{needs[kind]}' is a required property")
    if kind == "recent":
        return recent()
    if kind == "sample":
        return Order(
            f"sample {asked['seed']}", lambda row: int(tenant.digest("sample", asked["seed"], row.uid, size=8), 16)
        )
    needle = encode(asked["label"])  # most comments do not hold it, and need not be read
    return Order(f"by_label {asked['label']}", lambda row: _unlikely(tenant, dataset, row, asked["label"], needle))


def recent() -> Order:
    """The newest first."""
    return Order("recent", lambda row: MIDDLE - row.timestamp)


def arrival() -> Order:
    """As they were uploaded."""
    return Order("arrival", lambda row: row.number)


def _unlikely(tenant: Tenant, dataset: Dataset, row: Row, name: str, needle: bytes) -> int:
    """How far a comment is from having a label."""
    key = dataset.id, row.source_id
    said = tenant.remarks.get(key, {}).get(row.id, {}).get("groups", {}).values()
    dismissed = any(label["name"] == name for about in said for label in about.get("dismissed", ()))
    if needle not in tenant.labelled.get(key, {}).get(row.id, b""):
        return MIDDLE - (not dismissed)
    assigned, predicted = tenant.labels_of(dataset, row)
    if any(label["name"] == name for label in assigned):
        return 0
    if dismissed:
        return MIDDLE
    probability = next((label["probability"] for label in predicted if label["name"] == name), None)
    return MIDDLE - 1 if probability is None else 1 + round((1 - probability) * (1 << 53))


def page(tenant: Tenant, dataset: Dataset, rows: list[Row], order: Order, *, after: Place | None, limit: int) -> Page:
    """At most `limit` comments in an order, behind a place in it."""
    left = rows if after is None else [row for row in rows if order.position(row) > after]
    found = nsmallest(limit + 1, left, key=order.position)
    more = len(found) > limit
    return Page(found[:limit], continuation(tenant, dataset, order, found[limit - 1]) if more else None, len(rows))


def continuation(tenant: Tenant, dataset: Dataset, order: Order, row: Row) -> str:
    """The token of what follows a comment in an order; it stays good when the comment is deleted."""
    head = f"{order.rank(row):016x}{row.number:08x}"
    return f"{head}{_check(tenant, dataset, order, head, row.source_id, row.id)}-{row.source_id}"


def position(tenant: Tenant, dataset: Dataset, order: Order, token: str) -> Place:
    """Where a token says that the next page goes on; one that this dataset did not give out for this is refused."""
    found = TOKEN.fullmatch(token)
    comments = tenant.comments.get(found["source"]) if found else None
    if found is None or comments is None or int(found["number"], 16) >= len(comments.ids):
        raise Refused("bad_continuation", continuation=token)
    comment_id = comments.ids[int(found["number"], 16)]
    if not compare_digest(_check(tenant, dataset, order, token[:24], found["source"], comment_id), found["check"]):
        raise Refused("bad_continuation", continuation=token)
    return int(found["rank"], 16), found["source"], comment_id


def _check(tenant: Tenant, dataset: Dataset, order: Order, *parts: str) -> str:
    return tenant.digest("query", dataset.id, order.name, *parts, size=4)


# ------------------------------------------------------------------------------------------------------------- figures


def statistics(tenant: Tenant, dataset: Dataset, rows: list[Row], resolution: str | None) -> JSON:
    """How many comments and labels there are; with a resolution, in each day, week or month too."""
    had = [list(labels(tenant, dataset, row).items()) for row in rows]
    found: JSON = {"num_comments": len(rows), "label_counts": _counts(dataset, had)}
    if resolution is not None:
        times: dict[int, list[list[tuple[str, str]]]] = {}
        for row, each in zip(rows, had, strict=True):
            times.setdefault(_start(row.timestamp, resolution), []).append(each)
        found["label_timeseries"] = [
            {"timestamp": stamp(at), "num_comments": len(times[at]), "label_counts": _counts(dataset, times[at])}
            for at in sorted(times)
        ]
    if rows:
        found["min_timestamp"] = stamp(min(row.timestamp for row in rows))
        found["max_timestamp"] = stamp(max(row.timestamp for row in rows))
    return found


def _counts(dataset: Dataset, had: Iterable[Iterable[tuple[str, str]]]) -> Mapping[str, JSON]:
    """How many comments have each label, by its sentiment; told is what each comment has."""
    counts = Counter(chain.from_iterable(had))
    names = dict.fromkeys([*dataset.labels, *(name for name, _ in counts)])
    return {name: {each: counts[name, each] for each in ("positive", "negative")} for name in names}


def _start(at: int, resolution: str) -> int:
    """When the day, week or month of a moment starts."""
    day: datetime = (EPOCH + at * MICROSECOND).replace(hour=0, minute=0, second=0, microsecond=0)
    if resolution == "month":
        day = day.replace(day=1)
    elif resolution == "week":
        day -= timedelta(days=day.weekday())  # the calendar starts with a Monday
    return (day - EPOCH) // MICROSECOND


def user_properties(rows: Iterable[Row]) -> JSON:
    """Which user properties comments have, and the values of those that are texts."""
    values: dict[str, Counter[Any]] = {}
    for row in rows:
        for name, value in json.loads(row.data)["user_properties"].items():
            values.setdefault(name, Counter())[value] += 1
    found: JSON = {"string": [], "number": []}
    for name, counts in sorted(values.items()):
        kind = name.partition(":")[0]
        entry: JSON = {"full_name": name, "count": counts.total()}
        if kind == "string":
            ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
            entry["cardinality"] = len(counts)
            entry["values"] = [{"value": value, "count": count} for value, count in ordered]
        found[kind].append(entry)
    return found
