"""The report as a page: one file, which needs nothing else, and no script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_reinfer import contract
from pytest_reinfer.coverage.items import API, GROUPS
from pytest_reinfer.screens import style
from pytest_reinfer.tags import Html, joined, tag

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.coverage.items import Item
    from pytest_reinfer.coverage.report import Part, Report, Row

TITLE: Final = "Coverage of the contract"
LOOK: Final = Html(
    """
.scroll { overflow-x: auto; }
.scroll th[scope=row] { min-width: 11rem; }
.scroll td { white-space: nowrap; }
.scroll td:last-child { white-space: normal; min-width: 14rem; }
.scroll td.number { min-width: 0; white-space: nowrap; }
"""
)


def page(found: Report) -> Html:
    """The whole page: the numbers, and for each route what was met, by which test, and what never was."""
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("title", f"{TITLE} · pytest-reinfer"),
        tag("link", rel="icon", href="data:,"),
        tag("style", joined([style(), LOOK])),
    )
    main = tag(
        "main",
        tag("h1", TITLE),
        *(tag("p", note, class_="alert") for note in found.notes),
        _numbers(found),
        _unasked(found),
        *map(_route, found.rows),
        id="content",
        tabindex="-1",
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#content", class_="skip"),
        tag("header", tag("p", "pytest-reinfer", class_="brand")),
        main,
        tag("footer", tag("p", "What the tests have met of the API, as pytest-reinfer knows it.")),
    )
    return Html(f"<!doctype html>\n{tag('html', head, body, lang='en')}\n")


def _numbers(found: Report) -> Html:
    total = found.part()
    columns = ["Route", "Requests", *(group.capitalize() for group in GROUPS), "Total"]
    head = [tag("th", name, scope="col", class_="number" if at else None) for at, name in enumerate(columns)]
    rows = [
        _line(
            tag("a", row.title, href=f"#{_anchor(row)}"),
            row.asked,
            [*(row.part(group) for group in GROUPS), row.part()],
        )
        for row in found.rows
    ]
    asked = sum(row.asked for row in found.rows)
    last = _line("Total", asked, [*(found.part(group) for group in GROUPS), total])
    table = tag("table", tag("caption", "By route"), tag("thead", tag("tr", *head)), tag("tbody", *rows, last))
    words = f"{total.met} of {total.of} met, {total.percent} %"
    return _section("All together", tag("p", words), _scroll("By route", table), name="numbers")


def _line(name: object, asked: int, parts: list[Part]) -> Html:
    cells = (tag("td", f"{part} ({int(part.percent)} %)" if part.of else "-", class_="number") for part in parts)
    return tag("tr", tag("th", name, scope="row"), tag("td", f"{asked:,}", class_="number"), *cells)


def _unasked(found: Report) -> Html | None:
    if not found.unasked:
        return None
    routes = (tag("li", f"{name}: ", tag("code", str(contract.routes()[name]))) for name in found.unasked)
    about = tag("summary", f"{len(found.unasked)} routes that no test asked for")
    return _section("Never asked", tag("details", about, tag("ul", *routes)), name="never-asked")


def _route(row: Row) -> Html:
    about = "Errors that every route has, and failures before the service, are counted once."
    said = tag("p", about) if row.route == API else tag("p", tag("code", str(contract.routes()[row.route])))
    return _section(row.title, said, *_groups(row), name=_anchor(row))


def _groups(row: Row) -> Iterator[Html]:
    for group in GROUPS:
        listed = [(item, test) for item, test in row.items.items() if item.group == group]
        if not listed:
            continue
        part = row.part(group)
        about = tag("summary", f"{group.capitalize()}: {part.met} of {part.of} met")
        head = tag("thead", tag("tr", *(tag("th", name, scope="col") for name in ("What", "Met", "By, or how"))))
        lines = (tag("tr", tag("th", tag("code", item.name), scope="row"), *_told(item, test)) for item, test in listed)
        caption = tag("caption", f"{group.capitalize()} of {row.title}", class_="hidden")
        table = _scroll(f"{group.capitalize()} of {row.title}", tag("table", caption, head, tag("tbody", *lines)))
        yield tag("details", about, table, open=part.met < part.of)


def _told(item: Item, test: str | None) -> tuple[Html, Html]:
    """Whether an item was met, and by which test, or else how a test meets it."""
    if item.unbuilt:
        return tag("td", "not counted"), tag("td", "pytest-reinfer does not build it", class_="soft")
    if test is None:
        return tag("td", "never", class_="bad"), tag("td", item.how)
    return tag("td", "yes"), tag("td", tag("code", test) if test else "between two tests", class_="soft")


def _scroll(name: str, table: Html) -> Html:
    """A table that a narrow window shows a part of; the arrow keys move it."""
    return tag("div", table, class_="scroll", role="region", tabindex="0", aria_label=name)


def _anchor(row: Row) -> str:
    return f"route-{row.route or 'any'}"


def _section(title: str, *inside: object, name: str) -> Html:
    return tag(
        "section", tag("h2", title, id=f"{name}-heading"), joined(inside), id=name, aria_labelledby=f"{name}-heading"
    )
