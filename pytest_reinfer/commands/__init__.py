"""The subcommands of `pytest-reinfer`, one module each: `add` says what it takes, `run` does it."""

from __future__ import annotations

import sys


def say(text: str) -> None:
    """Write a line for whoever reads the output."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def output(text: str) -> str:
    """Where --output writes to; ValueError unless it is named."""
    if not text:
        raise ValueError("it is empty")
    return text


output.__name__ = "name"  # as argparse calls it


def tell(command: str, problem: object) -> None:
    """Write in one line what is wrong, on the stream for errors."""
    sys.stderr.write(f"pytest-reinfer {command}: {' '.join(str(problem).split())}\n")
    sys.stderr.flush()
