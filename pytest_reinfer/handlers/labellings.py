"""The routes about what people say of comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract, labelling, query
from pytest_reinfer.handlers.call import dataset_of
from pytest_reinfer.markup import without
from pytest_reinfer.refusal import Refused
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from pytest_reinfer.comments import Row
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.tenant import Dataset
    from pytest_reinfer.wire import JSON


def get_labellings(call: Call) -> JSON:
    """What is said of certain comments, or page by page of those of a source that people annotated."""
    asked = call.query
    uids = [*asked.get("id", ()), *(uid for uid in asked.get("ids", "").split(",") if uid)]
    if bool(uids) == ("source_id" in asked):
        raise Refused("labellings_of_what")
    most = contract.node("routes/get_labellings.json#/properties/query/properties/id")["maxItems"]
    if len(uids) > most:
        raise Refused("too_many_uids", most=most, count=len(uids))
    dataset = dataset_of(call)
    rows = [_row(call, dataset, uid) for uid in uids if not asked["allow_missing"] or _found(call, dataset, uid)]
    page: JSON = {}
    if not uids:
        rows, after = _annotated(call, dataset)
        page = {} if after is None else {"after": after}
    results = labelling.entries(call.tenant, dataset, rows, predictions=asked["return_predictions"])
    return {"results": results, **page, "entity_defs": encode(dataset.fields["entity_defs"])}


def _annotated(call: Call, dataset: Dataset) -> tuple[list[Row], str | None]:
    """A page of the annotated comments of a source, and what leads on from its last one; nothing does from none."""
    tenant, asked, order = call.tenant, call.query, query.arrival()
    sources = [each for each in dataset.source_ids if each == asked["source_id"]]
    try:
        page = query.page(
            tenant,
            dataset,
            query.matching(tenant, dataset, sources, {"reviewed": "only_reviewed"}),
            order,
            after=query.position(tenant, dataset, order, asked["after"]) if "after" in asked else None,
            limit=asked["limit"],
        )
    except Refused:
        raise Refused("bad_after", value=asked["after"]) from None
    return page.rows, query.continuation(tenant, dataset, order, page.rows[-1]) if page.rows else None


def update_labelling(call: Call) -> JSON:
    """Say something of a comment."""
    dataset = dataset_of(call)
    row = _row(call, dataset, call.path["comment_uid"])
    labelling.update(call.tenant, dataset, row, call.body)
    dataset, row = call.tenant.datasets[dataset.id], _row(call, dataset, row.uid)  # as they are now
    said = labelling.entry(call.tenant, dataset, row)
    return {"comment": without(row.data), **{key: encode(about) for key, about in said.items()}}


def _row(call: Call, dataset: Dataset, uid: str) -> Row:
    """A comment of the dataset."""
    row = _found(call, dataset, uid)
    if row is None:
        raise Refused("no_such_comment")
    return row


def _found(call: Call, dataset: Dataset, uid: str) -> Row | None:
    row = call.tenant.find_comment(uid)
    return row if row is not None and row.source_id in dataset.source_ids else None
