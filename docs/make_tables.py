"""Writes what README.md and docs/routes.md say of routes, from the schemas: `python docs/make_tables.py`.

A test holds them together.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pytest_reinfer import contract

ROOT = Path(__file__).parent.parent
START, END = "<!-- tables: made by docs/make_tables.py -->", "<!-- end of tables -->"


def tables() -> str:
    """What is answered and what is not, each rule with its evidence, in Markdown."""
    built = [route for route in contract.routes().values() if route.built]
    unbuilt = [route for route in contract.routes().values() if not route.built]
    schemas = {route.name: contract.documents()[f"routes/{route.name}.json"] for route in built}
    lines = ["## Routes", "", "| route | permission | refusals | evidence |", "|---|---|---|---|"]
    for route in built:
        schema = schemas[route.name]
        codes = sorted({contract.error(name).status for name in schema["x-errors"]})
        evidence = kind(schema["x-evidence"]["x-route"])
        lines.append(f"| `{route}` | {route.permission or 'none'} | {', '.join(map(str, codes))} | {evidence} |")
    lines += ["", "## Rules of every route", "", "| rule | evidence |", "|---|---|"]
    lines += rules(contract.convention("x-behaviour"))
    for route in built:
        lines += ["", f"## `{route.name}`", "", "| rule | evidence |", "|---|---|"]
        lines += rules(schemas[route.name]["x-behaviour"])
    lines += ["", "## Refusals", "", "| status | message | when | evidence |", "|---|---|---|---|"]
    for entry in contract.convention("x-errors").values():
        lines.append(
            f"| {entry['status']} | `{entry['message']}` | {cell(entry['when'])} | {cell(entry['evidence'])} |"
        )
    lines += ["", "## Known, and not built", "", f"{len(unbuilt)} routes of the API are known and not built:", ""]
    families = Counter(family(route.path) for route in unbuilt)
    lines += [f"- `{name}`: {count}" for name, count in sorted(families.items())]
    return "\n".join(lines)


def rules(behaviour: list[dict[str, Any]]) -> list[str]:
    """Rows of rules with their evidence."""
    return [f"| {cell(entry['rule'])} | {cell(entry['evidence'])} |" for entry in behaviour]


def kind(evidence: str) -> str:
    """The kind of an evidence: documented, swagger, client, sample or assumed."""
    return evidence.partition(":")[0]


def cell(text: str) -> str:
    """Text that may stand in a cell of a table."""
    return text.replace("|", "\\|")


def family(path: str) -> str:
    """The resource that a path is about."""
    segments = path.split("/")
    length = 4 if segments[1] == "api" else 2
    return "/".join(segments[:length])


def summary() -> str:
    """The names of the routes that are answered, by the resource that they are about."""
    names: dict[str, list[str]] = {}
    for route in contract.routes().values():
        if route.built:
            names.setdefault(resource(route.path), []).append(route.name)
    lines = ["| resource | routes |", "|---|---|"]
    return "\n".join(
        [*lines, *(f"| {name} | {' '.join(f'`{each}`' for each in sorted(names[name]))} |" for name in sorted(names))]
    )


def resource(path: str) -> str:
    """What a route is about, in the API's word."""
    if path.startswith("/auth/"):
        return "users"
    first, *rest = path.split("/")[3:]
    return "comments" if first == "sources" and any(each.startswith(("comments", "sync")) for each in rest) else first


PAGES = {"README.md": summary, "docs/routes.md": tables}


def written(page: str) -> str:
    """A page with what is made for it in its place."""
    before, _, rest = (ROOT / page).read_text(encoding="utf-8").partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{PAGES[page]()}\n\n{END}{after}"


if __name__ == "__main__":
    for page in PAGES:
        (ROOT / page).write_text(written(page), encoding="utf-8")
