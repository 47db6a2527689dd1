"""The comments of one source: encoded once, found by id, kept in both orders that an export may ask for."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FEW = 32  # up to so many new comments are put in their places one by one; more are appended and sorted

MARKED = b'_markup":'  # ends the keys of a text's layout, and hardly another one

Position = tuple[int, str, str]
"""Where a comment stands in an order: moment, source id, comment id."""


class Row(NamedTuple):
    """One comment: what it is ordered by, and its JSON in UTF-8."""

    timestamp: int
    source_id: str
    id: str
    created_at: int
    number: int  # the how manieth of its source it was to arrive: a continuation points to it
    data: bytes

    @property
    def uid(self) -> str:
        """The id of the comment in the whole tenant."""
        return f"{self.source_id}.{self.id}"


POSITION = {
    "timestamp": itemgetter(0, 1, 2),
    "created_at": itemgetter(3, 1, 2),
}


class Comments:
    """The comments of one source. Whoever shares it copies it before writing."""

    __slots__ = ("ids", "marked", "orders", "rows")

    def __init__(
        self,
        rows: Mapping[str, Row] | None = None,
        ids: Iterable[str] = (),
        orders: Mapping[str, list[Row]] | None = None,
        *,
        marked: bool = False,
    ) -> None:
        self.rows = dict(rows or {})
        self.ids = list(ids)  # every id that ever was, in order of arrival: a page may end at a comment since deleted
        self.orders = {order: list((orders or {}).get(order, ())) for order in POSITION}
        self.marked = marked  # whether a comment may have markup: pages are looked through for it only then

    def copy(self) -> Comments:
        """The same comments, to be changed apart from these."""
        return Comments(self.rows, self.ids, self.orders, marked=self.marked)

    def add(self, rows: Iterable[Row], *, plain: bool = False) -> None:
        """Put in comments whose ids are new; each row's `number` is its place after those that ever were.

        plain: none of them has markup.
        """
        new = list(rows)
        self.marked = self.marked or (not plain and any(MARKED in row.data for row in new))
        self.ids.extend(map(attrgetter("id"), new))
        self.rows.update((row.id, row) for row in new)
        for order, position in POSITION.items():
            ordered = self.orders[order]
            if len(new) > FEW:
                ordered.extend(new)
                ordered.sort(key=position)
            else:
                for row in new:
                    insort(ordered, row, key=position)

    def replace(self, *rows: Row) -> None:
        """Put changed comments in the place of those that have their ids."""
        self.marked = self.marked or any(MARKED in row.data for row in rows)
        if len(rows) * FEW > len(self.rows):  # to sort anew is cheaper
            self.rows.update((row.id, row) for row in rows)
            self.orders = {order: sorted(self.rows.values(), key=position) for order, position in POSITION.items()}
            return
        for row in rows:
            self._unorder(self.rows[row.id])
            self.rows[row.id] = row
            for order, position in POSITION.items():
                insort(self.orders[order], row, key=position)

    def remove(self, comment_id: str) -> None:
        """Delete a comment; its id stays known to continuations."""
        self._unorder(self.rows.pop(comment_id))

    def _unorder(self, row: Row) -> None:
        for order, position in POSITION.items():
            ordered = self.orders[order]
            del ordered[bisect_left(ordered, position(row), key=position)]

    def span(self, order: str, low: int | None, high: int | None, after: Position | None, most: int) -> list[Row]:
        """At most `most` comments in an order, from the moment `low` to `high`, both inclusive, behind a position."""
        ordered, position = self.orders[order], POSITION[order]
        start, end = self._bounds(order, low, high)
        if after is not None:
            start = max(start, bisect_right(ordered, after, key=position))
        return ordered[start : min(end, start + most)]

    def back(self, order: str, low: int | None, high: int | None, after: Position | None, most: int) -> list[Row]:
        """As `span`, from the last comment backwards: `after` is a position that all of them stand before."""
        ordered, position = self.orders[order], POSITION[order]
        start, end = self._bounds(order, low, high)
        if after is not None:
            end = min(end, bisect_left(ordered, after, key=position))
        return ordered[max(start, end - most) : end][::-1]

    def _bounds(self, order: str, low: int | None, high: int | None) -> tuple[int, int]:
        ordered, position = self.orders[order], POSITION[order]
        start = 0 if low is None else bisect_left(ordered, (low,), key=position)
        return start, len(ordered) if high is None else bisect_left(ordered, (high + 1,), key=position)


def first(spans: list[list[Row]], order: str, most: int) -> list[Row]:
    """The first `most` comments of several spans of one order, together in that order."""
    if len(spans) <= 1:
        return [row for span in spans for row in span]
    position, share = POSITION[order], most // len(spans)
    if all(len(span) > share for span in spans):  # what is behind the last of these shares is not among the first
        bound = max(position(span[share]) for span in spans)
        spans = [span[: bisect_right(span, bound, key=position)] for span in spans]
    return sorted(chain.from_iterable(spans), key=position)[:most]
