"""`pytest-reinfer openapi`: the API as an OpenAPI 3.1 document, for generators, mocks and fuzzers of any language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_reinfer.commands import say

if TYPE_CHECKING:
    import argparse


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    parser = commands.add_parser(
        "openapi",
        help="print the API as an OpenAPI 3.1 document",
        description="Prints the routes that are built, with their objects, refusals and evidence, as an OpenAPI 3.1 "
        "document in JSON. The same version prints the same.",
    )
    parser.add_argument("--output", type=Path, metavar="FILE", help="write it to this file, whole or not at all")
    parser.add_argument("--url", help="the one server to name (default: the service's)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print or write the document. Raises OSError where it cannot be written."""
    from pytest_reinfer import bundle, openapi  # noqa: PLC0415 -- not for --help

    text = bundle.text(openapi.document(options.url))
    if options.output is None:
        say(text)
    else:
        bundle.write({options.output.name: text}, options.output.parent)
    return 0
