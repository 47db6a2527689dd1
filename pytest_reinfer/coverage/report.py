"""The numbers: what a test suite has met of what there is, by route and group, and what it never met."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.coverage.items import API, GROUPS, built, items

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_reinfer.coverage.items import Item
    from pytest_reinfer.coverage.tally import Tally

VERSION: Final = 1  # of the JSON; another one for another shape


class Part(NamedTuple):
    """So many items were met of so many."""

    met: int
    of: int

    @property
    def percent(self) -> float:
        """Rounded down to a tenth, so that 100 is said of all alone; of no items all are met."""
        return self.met * 1000 // self.of / 10 if self.of else 100.0

    def __str__(self) -> str:
        return f"{self.met}/{self.of}"


class Row(NamedTuple):
    """A route, or what is counted once for all: how often it was asked, and its items with the test that met each."""

    route: str
    asked: int
    items: Mapping[Item, str | None]

    @property
    def title(self) -> str:
        """How people read it."""
        return self.route or "any route"

    def part(self, group: str | None = None) -> Part:
        """The numbers of a group of items, or of all."""
        tests = [test for item, test in self.items.items() if group in (None, item.group) and not item.unbuilt]
        return Part(sum(test is not None for test in tests), len(tests))

    def missing(self) -> dict[str, list[Item]]:
        """What was never met, by group."""
        return {
            group: [
                item for item, test in self.items.items() if item.group == group and test is None and not item.unbuilt
            ]
            for group in GROUPS
        }


class Report(NamedTuple):
    """What came of a run: a row for each route that counts, and those that do not, as nothing asked for them."""

    rows: tuple[Row, ...]
    unasked: tuple[str, ...]
    notes: tuple[str, ...]  # what the numbers lack

    def part(self, group: str | None = None) -> Part:
        """The numbers of all rows."""
        parts = [row.part(group) for row in self.rows]
        return Part(sum(part.met for part in parts), sum(part.of for part in parts))


def report(tally: Tally, patterns: Sequence[str] = (), notes: Iterable[str] = ()) -> Report:
    """The report on the routes whose names fit one of the patterns; without any, on those that were asked."""
    names = named(patterns) if patterns else [name for name in built() if name in tally.asked]
    rows = [
        Row(name, tally.asked.get(name, 0), {item: tally.met.get(item.key) for item in items(name).values()})
        for name in (*names, API)
    ]
    return Report(tuple(rows), tuple(name for name in built() if name not in tally.asked), tuple(notes))


def named(patterns: Iterable[str]) -> list[str]:
    """The routes whose names fit one of the patterns; LookupError for a pattern that none fits."""
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in built()):
            raise LookupError(f"No route is called {pattern!r}. There are: {', '.join(built())}.")
    return [name for name in built() if any(fnmatchcase(name, pattern) for pattern in patterns)]


def as_json(found: Report) -> dict[str, Any]:
    """A report as plain values, in the shape that `docs/contract-checks.md` tells."""
    return {
        "version": VERSION,
        **_numbers(found.part()),
        "groups": {group: _numbers(found.part(group)) for group in GROUPS},
        "routes": {row.route: _row(row) for row in found.rows if row.route != API},
        "any_route": next(_row(row) for row in found.rows if row.route == API),
        "never_asked": list(found.unasked),
        "notes": list(found.notes),
    }


def _numbers(part: Part) -> dict[str, Any]:
    return {"met": part.met, "of": part.of, "percent": part.percent}


def _row(row: Row) -> dict[str, Any]:
    route = {} if row.route == API else {"route": str(contract.routes()[row.route])}
    groups = {group: list(_items(row, group)) for group in GROUPS}
    return {
        **route,
        "requests": row.asked,
        **_numbers(row.part()),
        "groups": {group: {**_numbers(row.part(group)), "items": listed} for group, listed in groups.items() if listed},
    }


def _items(row: Row, group: str) -> Iterator[dict[str, Any]]:
    for item, test in row.items.items():
        if item.group == group:
            told = {"built": False} if item.unbuilt else {"met": test is not None, "test": test or None}
            yield {"name": item.name, **told, "how": item.how}
