"""The pages of an export: which comments, where the next page goes on, and their JSON from the stored parts."""

from __future__ import annotations

import re
from bisect import bisect_left
from hmac import compare_digest
from typing import TYPE_CHECKING

from pytest_reinfer.comments import POSITION, Position, Row, first
from pytest_reinfer.markup import without
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import moment, stamp
from pytest_reinfer.tenant import UNMARKED

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_reinfer.tenant import Dataset, Resource, Tenant

CONTINUATION = re.compile(
    r"(?P<stamp>[^.]+(?:\.\d+)?Z)\.(?P<source>[0-9a-f]{16})(?P<number>[0-9a-f]{8})(?P<check>[0-9a-f]{8})"
)


def select(
    tenant: Tenant,
    dataset: Dataset,
    *,
    order_by: str,
    low: int | None,
    high: int | None,
    source_ids: Sequence[str] | None,
    after: Position | None,
    most: int,
) -> list[Row]:
    """At most `most` comments of a dataset in an order, between two moments, of some sources, behind a position."""
    wanted = dataset.source_ids if source_ids is None else set(source_ids).intersection(dataset.source_ids)
    tables = [tenant.comments[source_id] for source_id in wanted]
    spans = [table.span(order_by, low, high, after, most) for table in tables]
    return first([span for span in spans if span], order_by, most)


def pick(tenant: Tenant, dataset: Dataset, uids: Iterable[str], order_by: str, after: Position | None) -> list[Row]:
    """The comments of a dataset that have one of these uids, in an order, behind a position."""
    position = POSITION[order_by]
    found = {tenant.find_comment(uid) for uid in uids}
    rows = [row for row in found if row is not None and row.source_id in dataset.source_ids]
    return [row for row in sorted(rows, key=position) if after is None or position(row) > after]


def entries(tenant: Tenant, dataset: Dataset, rows: Sequence[Row]) -> list[bytes]:
    """Exported comments as a JSON array, in parts to be joined."""
    if not rows:
        return [b"[]"]
    labelled = {
        source_id: tenant.labelled.get((dataset.id, source_id), {}).get for source_id in {row.source_id for row in rows}
    }
    marked = any(tenant.comments[source_id].marked for source_id in labelled)
    parts = [b"["]
    for row in rows:
        data = without(row.data) if marked else row.data
        parts += (labelled[row.source_id](row.id, UNMARKED), data, b"},")
    parts[-1] = b"}]"
    return parts


def continuation(tenant: Tenant, of: Resource, row: Row, order_by: str) -> str:
    """The token of the page that follows a comment of a dataset or source: its moment, and 32 hex digits.

    These find the comment though it be deleted.
    """
    return _token(tenant, of, row, POSITION[order_by](row)[0])


def start(tenant: Tenant, dataset: Dataset, order_by: str) -> str | None:
    """A token of the page that starts with the first comment; None where the dataset has none."""
    rows = [row for source_id in dataset.source_ids for row in tenant.comments[source_id].orders[order_by][:1]]
    first_row = min(rows, key=POSITION[order_by], default=None)
    return first_row and _token(tenant, dataset, first_row, POSITION[order_by](first_row)[0] - 1)


def last(tenant: Tenant, dataset: Dataset, order_by: str, at: int) -> Position | None:
    """Where the last comment stands that is not behind a moment."""
    position = POSITION[order_by]
    tables = [tenant.comments[source_id].orders[order_by] for source_id in dataset.source_ids]
    ends = [(rows, bisect_left(rows, (at + 1,), key=position)) for rows in tables]
    return max((position(rows[end - 1]) for rows, end in ends if end), default=None)


def _token(tenant: Tenant, of: Resource, row: Row, at: int) -> str:
    head = f"{stamp(at)}.{row.source_id}{row.number:08x}"
    return head + _check(tenant, of, head, row.id)


def position(tenant: Tenant, of: Resource, token: str) -> Position:
    """Where a token says that the next page goes on; tokens that were not given out for this are refused."""
    found = CONTINUATION.fullmatch(token)
    comments = tenant.comments.get(found["source"]) if found else None
    if found is None or comments is None or int(found["number"], 16) >= len(comments.ids):
        raise Refused("bad_continuation", continuation=token)
    last = comments.ids[int(found["number"], 16)]
    if not compare_digest(_check(tenant, of, token[:-8], last), token[-8:]):
        raise Refused("bad_continuation", continuation=token)
    return moment(found["stamp"]), found["source"], last


def _check(tenant: Tenant, of: Resource, head: str, comment_id: str) -> str:
    return tenant.digest("continuation", of.id, head, comment_id, size=4)
