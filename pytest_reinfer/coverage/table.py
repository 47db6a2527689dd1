"""The report as the terminal shows it."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import TYPE_CHECKING, Final

from pytest_reinfer.coverage.items import GROUPS, built

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.coverage.items import Item
    from pytest_reinfer.coverage.report import Part, Report, Row

MOST: Final = 20  # so many lines of what was never met
NAMED: Final = 5  # so many routes of those that nothing asked for
WIDTH: Final = 14  # of a column of numbers


def lines(found: Report) -> Iterator[str]:
    """The table, and what was never met."""
    first = max(len(row.title) for row in found.rows)
    yield "".join([f"{'route':<{first}}{'requests':>10}", *(f"{group:>{WIDTH}}" for group in (*GROUPS, "total"))])
    for row in found.rows:
        cells = [*(_cell(row.part(group)) for group in GROUPS), _cell(row.part())]
        yield "".join([f"{row.title:<{first}}{row.asked:>10}", *(f"{cell:>{WIDTH}}" for cell in cells)])
    cells = [*(_cell(found.part(group)) for group in GROUPS), _cell(found.part())]
    asked = sum(row.asked for row in found.rows)
    yield "".join([f"{'total':<{first}}{asked:>10}", *(f"{cell:>{WIDTH}}" for cell in cells)])
    if found.unasked:
        more = f" and {len(found.unasked) - NAMED} more" if len(found.unasked) > NAMED else ""
        yield ""
        yield f"Never asked: {len(found.unasked)} of {len(built())} routes: {', '.join(found.unasked[:NAMED])}{more}"
    yield from _missing(found)


def _cell(part: Part) -> str:
    return f"{part}  {int(part.percent):>3}%" if part.of else "-"


def _missing(found: Report) -> Iterator[str]:
    """What was never met, of each group of each route something as far as there is room."""
    every = [(row, items) for row in found.rows for items in row.missing().values() if items]
    total = sum(len(items) for _, items in every)
    if not total:
        return
    turns = chain.from_iterable(zip_longest(*([(row, item) for item in items] for row, items in every)))
    shown = {item.key for _, item in list(filter(None, turns))[:MOST]}
    yield ""
    yield "Never met, a to-do list:"
    for row, items in every:
        yield from (_line(row, item) for item in items if item.key in shown)
    if total > len(shown):
        yield f"  ... and {total - len(shown)} more: --reinfer-coverage=html or =json has them all"


def _line(row: Row, item: Item) -> str:
    told = item.how if item.name in item.how else f"{item.name}: {item.how}"
    return f"  {row.title}: {told}"
