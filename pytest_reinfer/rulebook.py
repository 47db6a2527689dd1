"""Rules with their evidence, written for people and for programs."""

from __future__ import annotations

import json
import textwrap
from collections import Counter
from typing import TYPE_CHECKING, Final

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_reinfer.evidence import Rule

BESIDE: Final = 14  # columns before a rule, where its kind stands


def text(rules: Sequence[Rule], width: int) -> str:
    """Each rule with its kind and source, below what has it, in lines of so many columns; then how many there are."""
    lines: list[str] = []
    for about, its in by_name(rules):
        lines += [about]
        for rule in its:
            margin = " " * BESIDE
            kind = f"  {rule.kind}".ljust(BESIDE)
            for start, told in ((kind, str(rule)), (margin, f"- {rule.source}")):
                lines += textwrap.wrap(
                    told, width, initial_indent=start, subsequent_indent=f"{margin}  ", break_on_hyphens=False
                )
        lines += [""]
    return "\n".join([*lines, _counted(rules), ""])


def as_json(rules: Sequence[Rule]) -> str:
    """The rules as objects, and how many there are of each kind."""
    found = {"rules": [rule._asdict() for rule in rules], "kinds": counts(rules)}
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def markdown(rules: Sequence[Rule]) -> str:
    """A table of the rules of each that has some; then how many there are."""
    lines: list[str] = []
    for about, its in by_name(rules):
        lines += [f"## `{about}`", "", *table(its), ""]
    return "\n".join([*lines, _counted(rules), ""])


def table(rules: Iterable[Rule]) -> Iterator[str]:
    """The rows of a table of rules."""
    yield from ("| rule | evidence |", "|---|---|")
    for rule in rules:
        said = str(rule.says) if rule.rule == "behaviour" else code(str(rule))
        yield f"| {cell(said)} | {cell(f'{rule.kind}: {rule.source}')} |"


def cell(content: str) -> str:
    """Text that may stand in a cell of a table."""
    return content.replace("|", "\\|")


def code(content: str) -> str:
    """Text as code, whatever backticks it holds."""
    fence = "``" if "`" in content else "`"
    return f"{fence}{content}{fence}"


def counts(rules: Iterable[Rule]) -> dict[str, int]:
    """How many rules there are of each kind of evidence, the best known first."""
    found = Counter(rule.kind for rule in rules)
    return {kind: found[kind] for kind in contract.convention("x-evidence-kinds")}


def by_name(rules: Iterable[Rule]) -> Iterator[tuple[str, list[Rule]]]:
    """What has rules, with these."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        found.setdefault(rule.about, []).append(rule)
    yield from found.items()


def _counted(rules: Sequence[Rule]) -> str:
    told = ", ".join(f"{count} {kind}" for kind, count in counts(rules).items() if count)
    return f"{len(rules)} rule{'s' * (len(rules) != 1)}: {told}" if rules else "No rules."
