"""`pytest-reinfer evidence`: the rules of the fake, and how each of them is known."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from pytest_reinfer.commands import output

if TYPE_CHECKING:
    import argparse

NARROWEST: Final = 80  # columns
WIDEST: Final = 120


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    parser = commands.add_parser(
        "evidence",
        help="print the rules of the fake, and how each of them is known",
        description="Prints the rules that the tenant keeps to, each with its kind of evidence and its source, and how "
        "many there are of each kind.",
    )
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help="a route or an object, such as export_dataset or 'list_*'; `api` for what holds for all routes, `common` "
        "for small values (default: all)",
    )
    parser.add_argument("--kind", action="append", metavar="KIND", help="only rules of this kind; may be repeated")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="(default: text)")
    parser.add_argument("--output", type=output, metavar="FILE", help="write it there")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the rules; the exit code. Raises ValueError for what there is not, OSError where it cannot be written."""
    from pytest_reinfer import contract, evidence, rulebook  # noqa: PLC0415 -- not for --help
    from pytest_reinfer.whole import report  # noqa: PLC0415

    for kind in options.kind or ():
        contract.rank(kind)
    rules = [rule for rule in evidence.about(*options.names) if not options.kind or rule.kind in options.kind]
    if options.format == "text":
        columns = WIDEST if options.output else shutil.get_terminal_size((NARROWEST, 0)).columns
        told = rulebook.text(rules, min(max(columns, NARROWEST), WIDEST))
    else:
        told = {"json": rulebook.as_json, "markdown": rulebook.markdown}[options.format](rules)
    report(told, options.output)
    return 0
