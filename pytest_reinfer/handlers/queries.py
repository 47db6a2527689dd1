"""The routes that ask about many comments at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract, labelling, query
from pytest_reinfer.handlers.call import dataset_of, source_of
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from pytest_reinfer.comments import Row
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.tenant import Dataset, Tenant
    from pytest_reinfer.wire import JSON

LATE = "statistics"  # what may be late of these answers


def query_dataset(call: Call) -> JSON:
    """A page of the comments of a dataset that fulfil conditions, in an order."""
    if call.accept.partition(";")[0].strip() == contract.header("csv").value:
        raise query.not_built("a query's answer in CSV")
    asked = {**call.body, **call.query}
    if "collapse_mode" in asked:
        raise query.not_built("'collapse_mode' in a query")
    page, found = _page(call, asked, asked["order"], asked.get("attribute_filters", []))
    page["num_results"] = {"filtered": found.total, "expected": found.total}
    page["entity_defs"] = encode(dataset_of(call).fields["entity_defs"])
    return page | ({"seed": asked["order"]["seed"]} if asked["order"]["kind"] == "sample" else {})


def recent_comments(call: Call) -> JSON:
    """A page of the comments of a dataset that fulfil conditions, the newest first."""
    return _page(call, {**call.body, **call.query}, {"kind": "recent"}, [])[0]


def _page(call: Call, asked: JSON, order: JSON, attributes: list[JSON]) -> tuple[JSON, query.Page]:
    dataset, tenant = dataset_of(call), call.tenant
    ordered = query.order_of(tenant, dataset, order)
    after = query.position(tenant, dataset, ordered, asked["continuation"]) if "continuation" in asked else None
    seen, shown, rows = _matching(call, dataset, asked.get("filter", {}), attributes)
    ordered = query.order_of(seen, shown, order)
    found = query.page(seen, shown, rows, ordered, after=after, limit=int(asked["limit"]))
    more = {} if found.continuation is None else {"continuation": found.continuation}
    return {"results": labelling.entries(seen, shown, found.rows), **more}, found


def _matching(call: Call, dataset: Dataset, asked: JSON, attributes: list[JSON]) -> tuple[Tenant, Dataset, list[Row]]:
    """The tenant and the dataset as this read sees them, and the comments there that fulfil conditions."""
    query.matching(call.tenant, dataset, [], asked, attributes)  # what is refused is no read
    seen = call.tenant.seen(LATE)
    shown = seen.datasets.get(dataset.id, dataset)
    return seen, shown, query.matching(seen, shown, shown.source_ids, asked, attributes)


def dataset_statistics(call: Call) -> JSON:
    """How many comments of a dataset fulfil conditions, and how many labels they have."""
    asked = call.body
    for name in ("label_property_timeseries", "by_label_properties"):
        if asked.get(name):
            raise query.not_built(f"{name!r} in statistics")
    dataset = dataset_of(call)
    seen, shown, rows = _matching(call, dataset, asked.get("comment_filter", {}), asked.get("attribute_filters", []))
    resolution = asked["time_resolution"] if asked["label_timeseries"] else None
    return {"statistics": query.statistics(seen, shown, rows, resolution)}


def dataset_summary(call: Call) -> JSON:
    """The user properties of the comments of a dataset that fulfil conditions."""
    dataset, asked = dataset_of(call), call.body
    *_, rows = _matching(call, dataset, asked.get("filter", {}), asked.get("attribute_filters", []))
    return {"summary": {"user_properties": query.user_properties(rows)}}


def source_statistics(call: Call) -> JSON:
    """How many comments of a source fulfil conditions."""
    source_id = source_of(call).id
    asked = call.body.get("comment_filter", {})
    query.matching(call.tenant, None, [], asked)  # what is refused is no read
    rows = query.matching(call.tenant.seen(LATE), None, [source_id], asked)
    return {"statistics": {"num_comments": len(rows)}}
