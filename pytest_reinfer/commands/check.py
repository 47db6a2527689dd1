"""`pytest-reinfer check`: whether recordings keep the contract, give secrets away, and are too old."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_reinfer.commands import output

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from pytest_reinfer.recordings.checking import Report
    from pytest_reinfer.recordings.scrubber import Scrubber

FORMATS = ("text", "json", "junit")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    parser = commands.add_parser(
        "check",
        help="check recordings (HAR, VCR.py, responses, JSON Lines) against the contract, and for secrets",
        description="Checks every exchange of recordings against the contract, reports secrets and addresses in them, "
        "and tells their age. The exit code is 1 where something is wrong, and 2 where a file is no recording, or has "
        "no exchange of the API.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="a recording, in whatever form")
    parser.add_argument(
        "--scrub",
        action="store_true",
        help="write the files again without secrets and addresses, each replaced by the same everywhere",
    )
    parser.add_argument(
        "--into", type=Path, metavar="FOLDER", help="where --scrub writes them (default: in their places)"
    )
    parser.add_argument("--max-age", type=_days, metavar="DAYS", help="fail where an exchange is older")
    parser.add_argument(
        "--min-evidence",
        default="assumed",
        metavar="KIND",
        help="tell breaches of rules known less well, and let them pass",
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="of the report (default: text)")
    parser.add_argument("--output", type=output, metavar="FILE", help="where the report goes (default: the terminal)")
    parser.set_defaults(run=run)


def _days(text: str) -> int:
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


_days.__name__ = "number of days"  # as argparse calls it


def run(options: argparse.Namespace) -> int:
    """Check the files. Raises ValueError where they cannot be written where they are to go."""
    from datetime import UTC, datetime  # noqa: PLC0415 -- not for --help

    from pytest_reinfer import contract  # noqa: PLC0415
    from pytest_reinfer.recordings import checking, reports  # noqa: PLC0415
    from pytest_reinfer.recordings.scrubber import Scrubber  # noqa: PLC0415
    from pytest_reinfer.stamps import moment  # noqa: PLC0415
    from pytest_reinfer.whole import report  # noqa: PLC0415

    contract.rank(options.min_evidence)
    targets = _targets(options)
    now = moment(datetime.now(UTC).isoformat())
    scrubber = Scrubber(os.urandom(32), lambda _: None)
    found = [
        checking.check(path, scrubber, now=now, min_evidence=options.min_evidence, max_age=options.max_age)
        for path in options.files
    ]
    checking.hide(found, scrubber)
    if options.scrub:
        _scrub(found, targets, scrubber)
    writers = {"text": reports.text, "json": reports.as_text_of_json, "junit": reports.junit}
    told = writers[options.format](found).encode(errors="replace").decode()  # half a character may be in a recording
    report(told, options.output)
    if options.format != "text" or options.output is not None:
        for each in found:
            if each.error is not None:
                sys.stderr.write(f"pytest-reinfer check: {each.error}\n")
    return 2 if any(each.error for each in found) else int(any(each.failed for each in found))


def _targets(options: argparse.Namespace) -> list[Path]:
    """Where the scrubbed files go. Raises ValueError where the report would take the place of a recording."""
    if options.output is not None and Path(options.output).resolve() in {path.resolve() for path in options.files}:
        raise ValueError(f"--output: {options.output} is a recording: name another file for the report")
    if options.into is None:
        return list(options.files)
    if not options.scrub:
        raise ValueError("--into is where --scrub writes to: name both, or none")
    names = [path.name for path in options.files]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"--into: several files are called {', '.join(twice)}: take them in several runs")
    options.into.mkdir(parents=True, exist_ok=True)
    return [options.into / name for name in names]


def _scrub(found: Sequence[Report], targets: Sequence[Path], scrubber: Scrubber) -> None:
    """Write again what could be read."""
    from pytest_reinfer.recordings import scrubbing  # noqa: PLC0415

    for report, target in zip(found, targets, strict=True):
        if report.error is None:
            try:
                scrubbing.scrub(report.path, scrubber, target)
            except (scrubbing.Refused, ValueError, OSError) as error:
                report.refused = str(error)
            else:
                report.scrubbed = target
