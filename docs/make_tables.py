"""Writes what README.md, docs/routes.md and docs/reference/ say of routes and objects: `python docs/make_tables.py`.

It is made from the rules that `pytest-reinfer evidence` prints; a test holds them together.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_reinfer import contract, evidence, rulebook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_reinfer.contract import Route
    from pytest_reinfer.evidence import Rule

ROOT = Path(__file__).parent.parent
START, END = "<!-- tables: made by docs/make_tables.py -->", "<!-- end of tables -->"


def tables() -> str:
    """What is answered and what is not, each rule with its evidence, in Markdown."""
    lines = ["## Routes", "", "| route | permission | refusals | evidence |", "|---|---|---|---|"]
    for route in built():
        names = contract.documents()[f"routes/{route.name}.json"]["x-errors"]
        codes = ", ".join(map(str, sorted({contract.error(name).status for name in names})))
        known = evidence.route(route.name)
        lines.append(f"| `{known.says}` | {evidence.permission(route.name).says} | {codes} | {known.kind} |")
    lines += ["", "## Rules of every route", "", *behaviour("api")]
    for route in built():
        lines += ["", f"## `{route.name}`", "", *behaviour(route.name)]
    lines += ["", "## Refusals", "", "| status | message | when | evidence |", "|---|---|---|---|"]
    for rule in evidence.about("api"):
        if rule.rule == "error":
            status, message, when = (rule.says[key] for key in ("status", "message", "when"))
            lines.append(f"| {status} | `{message}` | {rulebook.cell(when)} | {known_by(rule)} |")
    unbuilt = [rule.says for rule in evidence.about("api") if rule.rule == "unbuilt"]
    lines += ["", "## Known, and not built", "", f"{len(unbuilt)} routes of the API are known and not built:", ""]
    families = Counter(family(says.partition(" ")[2]) for says in unbuilt)
    lines += [f"- `{name}`: {count}" for name, count in sorted(families.items())]
    return "\n".join(lines)


def built() -> Iterator[Route]:
    """The routes that are answered."""
    return (route for route in contract.routes().values() if route.built)


def behaviour(about: str) -> list[str]:
    """What a route, or the API, does beyond its fields."""
    rows = [
        f"| {rulebook.cell(rule.says)} | {known_by(rule)} |"
        for rule in evidence.about(about)
        if rule.rule == "behaviour"
    ]
    return ["| rule | evidence |", "|---|---|", *rows]


def known_by(rule: Rule) -> str:
    """The evidence of a rule, for a cell."""
    return rulebook.cell(f"{rule.kind}: {rule.source}")


def family(path: str) -> str:
    """The resource that a path is about."""
    segments = path.split("/")
    length = 4 if segments[1] == "api" else 2
    return "/".join(segments[:length])


def summary() -> str:
    """The names of the routes that are answered, by the resource that they are about."""
    names = {each: sorted(route.name for route in of_resource(each)) for each in resources()}
    lines = ["| resource | routes |", "|---|---|"]
    return "\n".join([*lines, *(f"| {name} | {' '.join(f'`{each}`' for each in names[name])} |" for name in names)])


def fields_of(name: str) -> str:
    """What the routes of a resource take and answer, field by field."""
    lines: list[str] = []
    for route in of_resource(name):
        lines += ["", f"## `{route.name}`", "", f"`{route}`, permission: {route.permission or 'none'}", ""]
        held = (
            rule for rule in evidence.about(route.name) if rule.place.startswith(("$.query", "$.body", "$.response"))
        )
        lines += fields(held)
    return "\n".join(lines[1:])


def objects() -> str:
    """What the objects hold, field by field."""
    names = [name for name in contract.documents() if name.startswith("objects/")]
    lines: list[str] = []
    for name in names:
        title = contract.documents()[name]["title"]
        lines += ["", f"## `{title}`", "", contract.documents()[name]["description"], ""]
        lines += fields(evidence.about(title))
    return "\n".join(lines[1:])


def fields(rules: Iterable[Rule]) -> Iterator[str]:
    """A row for each place that rules stand at: what may stand there, and how that is known."""
    yield from ("| field | holds | evidence |", "|---|---|---|")
    places: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.place:
            places.setdefault(rule.place, []).append(rule)
    for place, its in places.items():
        first, *others = its
        says = [limit(rule) for rule in its if rule.rule != "field"]
        says += [f"[{rule.says}](objects.md#{rule.says})" for rule in its if rule.rule == "field" and rule.says]
        differ = [f"{rule.rule} {rule.kind}" for rule in others if rule.kind != first.kind]
        known = f"{first.kind} ({', '.join(differ)})" if differ else first.kind
        yield f"| `{place}` | {', '.join(says)} | {known} |"


def limit(rule: Rule) -> str:
    """What a keyword of a schema says, for a cell."""
    shared = {each.says: each.place for each in evidence.about("common") if each.rule == "pattern"}
    if rule.rule == "pattern" and rule.about != "common" and rule.says in shared:
        return f"[{shared[rule.says]}](objects.md#common)"
    said = str(rule).removeprefix(f"{rule.place}: ").removeprefix("type ")
    return rulebook.cell(rulebook.code(said)) if rule.rule in ("pattern", "enum", "default", "const") else said


def resources() -> list[str]:
    """What routes are about."""
    return sorted({resource(route.path) for route in built()})


def of_resource(name: str) -> list[Route]:
    """The routes that are about a resource."""
    return [route for route in built() if resource(route.path) == name]


def resource(path: str) -> str:
    """What a route is about, in the API's word."""
    if path.startswith("/auth/"):
        return "users"
    first, *rest = path.split("/")[3:]
    return "comments" if first == "sources" and any(each.startswith(("comments", "sync")) for each in rest) else first


PAGES: dict[str, Callable[[], str]] = {
    "README.md": summary,
    "docs/routes.md": tables,
    "docs/reference/objects.md": objects,
    **{f"docs/reference/{name}.md": partial(fields_of, name) for name in resources()},
}


def written(page: str) -> str:
    """A page with what is made for it in its place."""
    before, _, rest = (ROOT / page).read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{PAGES[page]()}\n\n{END}{after}"


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(written(page), encoding="utf-8")
