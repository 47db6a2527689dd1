"""`pytest-reinfer openapi`: the API as an OpenAPI 3.1 document, for generators, mocks and fuzzers of any language."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_reinfer.commands import output, say

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
    parser.add_argument("--output", type=output, metavar="FILE", help="write it to this file, whole or not at all")
    parser.add_argument("--url", help="the one server to name (default: the service's)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print or write the document. Raises ValueError for a URL that is none, OSError where it cannot be written."""
    from pytest_reinfer import bundle, openapi  # noqa: PLC0415 -- not for --help

    text = bundle.text(openapi.document(None if options.url is None else _url(options.url)))
    if options.output in (None, "-"):
        say(text)
    else:
        file = Path(options.output)
        bundle.write({file.name: text}, file.parent)
    return 0


def _url(text: str) -> str:
    """The URL of a tenant, as a tenant itself has it; ValueError for what cannot be one, without a password in it."""
    from pytest_reinfer import FakeTenant  # noqa: PLC0415

    if not text or "@" in text:
        raise ValueError("--url: a tenant's URL is a scheme, a host and maybe a path, without user and password")
    try:
        return FakeTenant(text).url
    except ValueError as error:
        raise ValueError(f"--url: {error}") from None
