"""`pytest-reinfer schemas`: the JSON Schemas of the API, each in one piece, for other languages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_reinfer.commands import output, say

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    parser = commands.add_parser(
        "schemas",
        help="list, print or write the JSON Schemas of the API, each in one piece",
        description="Lists the schemas; prints the one that is named; or writes those that are named, or all, to a "
        "folder. Each is JSON Schema 2020-12 in one piece: what it refers to stands in its $defs.",
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as dataset or export_dataset")
    parser.add_argument(
        "--output", type=output, metavar="FOLDER", help="write a file NAME.json for each, all of them or none"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """List, print or write. Raises ValueError for a name that is none, OSError where it cannot be written."""
    from pytest_reinfer import bundle  # noqa: PLC0415 -- not for --help

    to_folder = options.output not in (None, "-")
    if not options.names and not to_folder:
        say("\n".join(f"{name:24} {told}" for name, told in bundle.listed()))
        return 0
    wanted = options.names or [name for name, _ in bundle.listed()]
    texts = {f"{name}.json": bundle.text(bundle.bundled(name)) for name in wanted}
    if to_folder:
        bundle.write(texts, Path(options.output))
    elif len(texts) == 1:
        say(*texts.values())
    else:
        raise ValueError("one schema is printed at a time: name a folder for several, by --output")
    return 0
