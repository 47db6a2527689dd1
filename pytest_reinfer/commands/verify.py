"""`pytest-reinfer verify`: whether a real tenant still answers as the fake does."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from secrets import token_hex
from typing import TYPE_CHECKING, Final

from pytest_reinfer.commands import output, tell

if TYPE_CHECKING:
    import argparse
    from types import FrameType

TOKEN: Final = "REINFER_TOKEN"  # noqa: S105 -- the name of the variable
DRIFT, NOT_DONE, INTERRUPTED = 1, 2, 128 + signal.SIGINT  # exit codes
ENDING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))
FORMATS: Final = ("text", "json", "junit")


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Say what it takes."""
    parser = commands.add_parser(
        "verify",
        help="ask a real tenant and the fake the same, and tell where the answers differ",
        description="Asks a real tenant and the fake the same, and tells where the answers differ: exit code 1 if they "
        "do, 2 if something could not be asked, written or removed, 130 if it is interrupted. Reads only, unless it is "
        "given leave to write.",
    )
    parser.add_argument("--endpoint", required=True, metavar="URL", help="of the tenant, below which /api stands")
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help=f"the file that holds the token (default: the variable {TOKEN})"
    )
    parser.add_argument(
        "--write", action="store_true", help="also make a project of its own, write in it, and remove it again"
    )
    parser.add_argument("--format", choices=FORMATS, default="text", help="of the report (default: text)")
    parser.add_argument("--output", type=output, metavar="FILE", help="write the report there, and not to the screen")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Verify; the exit code. Raises ValueError where that cannot be."""
    try:
        return _run(options)
    except OSError as error:
        tell("verify", error)
        return NOT_DONE
    except KeyboardInterrupt:
        tell("verify", "interrupted")
        return INTERRUPTED


def _run(options: argparse.Namespace) -> int:
    from pytest_reinfer import verify_reports as reports  # noqa: PLC0415 -- not for --help
    from pytest_reinfer.live import Live  # noqa: PLC0415
    from pytest_reinfer.verify import verify  # noqa: PLC0415
    from pytest_reinfer.whole import report  # noqa: PLC0415

    live = Live(options.endpoint, _token(options.token_file), tell=lambda line: tell("verify", line))
    if options.output is not None:
        _try(options.output)
    before = {each: signal.signal(each, _interrupt) for each in ENDING if signal.getsignal(each) != signal.SIG_IGN}
    try:
        verdict = verify(live, f"reinfer-verify-{token_hex(8)}", write=options.write, sleep=time.sleep)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        live.close()
    told = {"text": reports.text, "json": reports.as_json, "junit": reports.as_junit}[options.format](verdict)
    report(f"{told}\n", options.output)
    if verdict.left:
        return NOT_DONE
    return DRIFT if verdict.differences else NOT_DONE if verdict.unanswered else 0


def _try(where: str) -> None:
    """Raise OSError, before anything is asked, where a report cannot be written."""
    file = Path(where)
    if where == "-" or (file.exists() and not file.is_file()):
        return
    there = file.exists()
    file.parent.mkdir(parents=True, exist_ok=True)
    file.open("a").close()
    if not there:
        file.unlink()


def _token(file: Path | None) -> str:
    """The token: never among the arguments, which every process of the machine can read."""
    token = os.environ.get(TOKEN, "") if file is None else file.read_text(encoding="utf-8")
    if not token.strip():
        raise ValueError(f"there is no token: set {TOKEN}, or name a file by --token-file")
    return token.strip()


def _interrupt(_: int, __: FrameType | None) -> None:
    """End as Ctrl-C does, which lets the project be removed."""
    raise KeyboardInterrupt
