"""Writes the tables of README.md from the schemas: `python docs/make_tables.py`. A test holds the two together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from pytest_reinfer import contract

README = Path(__file__).parent.parent / "README.md"
START, END = "<!-- tables: made by docs/make_tables.py -->", "<!-- end of tables -->"


def tables() -> str:
    """What is answered and what is not, each rule with its evidence, in Markdown."""
    built = [route for route in contract.routes().values() if route.built]
    unbuilt = [route for route in contract.routes().values() if not route.built]
    schemas = {route.name: contract.documents()[f"routes/{route.name}.json"] for route in built}
    lines = ["### Routes", "", "| route | permission | refusals | evidence |", "|---|---|---|---|"]
    for route in built:
        schema = schemas[route.name]
        codes = sorted({contract.error(name).status for name in schema["x-errors"]})
        evidence = kind(schema["x-evidence"]["x-route"])
        lines.append(f"| `{route}` | {route.permission or 'none'} | {', '.join(map(str, codes))} | {evidence} |")
    lines += ["", "### Rules of every route", "", "| rule | evidence |", "|---|---|"]
    lines += rules(contract.convention("x-behaviour"))
    for route in built:
        lines += ["", f"### `{route.name}`", "", "| rule | evidence |", "|---|---|"]
        lines += rules(schemas[route.name]["x-behaviour"])
    lines += ["", "### Refusals", "", "| status | message | when | evidence |", "|---|---|---|---|"]
    for entry in contract.convention("x-errors").values():
        lines.append(
            f"| {entry['status']} | `{entry['message']}` | {cell(entry['when'])} | {cell(entry['evidence'])} |"
        )
    lines += ["", "### Known, and not built", "", f"{len(unbuilt)} routes of the API are known and not built:", ""]
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


def written(readme: str) -> str:
    """The README with the tables in their place."""
    before, _, rest = readme.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{tables()}\n\n{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(encoding="utf-8")), encoding="utf-8")
