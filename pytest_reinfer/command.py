"""The command `pytest-reinfer`: reads its arguments, runs a subcommand, and tells what is wrong in one line."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Final, NoReturn

import pytest_reinfer
from pytest_reinfer.commands import check, evidence, openapi, schemas, serve, tell, verify

if TYPE_CHECKING:
    from collections.abc import Sequence

COMMANDS: Final = (check, evidence, openapi, schemas, serve, verify)
FAILED, MISUSED = 1, 2  # exit codes
UNREAD: Final = 128 + 13  # that of whom SIGPIPE ends, which not every system has


class _Parser(argparse.ArgumentParser):
    """Tells what is wrong in one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(MISUSED, f"{self.prog}: {message} (see {self.prog} --help)\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit code: 0, 1 where something fails, 2 where it is asked for what cannot be."""
    options = parser().parse_args(arguments)
    try:
        code: int = options.run(options)
    except BrokenPipeError:
        with suppress(OSError):  # what is left goes nowhere, or Python would complain at its end
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return UNREAD
    except (OSError, ValueError) as error:
        tell(options.command, error)
        return FAILED if isinstance(error, OSError) else MISUSED
    except KeyboardInterrupt:  # before there was anything to stop
        return 128 + signal.SIGINT
    return code


def parser() -> argparse.ArgumentParser:
    """What the command takes."""
    whole = _Parser(prog="pytest-reinfer", description="A fake UiPath Communications Mining (re:infer) tenant.")
    whole.add_argument("--version", action="version", version=f"pytest-reinfer {pytest_reinfer.__version__}")
    commands = whole.add_subparsers(metavar="COMMAND", dest="command", required=True)
    for each in COMMANDS:
        each.add(commands)
    return whole
