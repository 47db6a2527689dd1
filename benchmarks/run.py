"""Runs the tables, each in a process of its own, and repeats their verdicts at the end."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TABLES = {
    "1a": "small_call",
    "1b": "export_page",
    "1c": "growth",
    "1d": "httpx_call",
    "1e": "kept_memory",
    "2b": "validation",
    "3": "strategies",
    "4": "startup",
    "5": "fixtures",
    "6": "scale",
    "7": "failures",
    "7s": "server",
    "7l": "load",
    "8": "sync",
    "9": "recordings",
}


def main() -> int:
    """Exit with 1 where a table failed, or with --check where a target is missed by over 15 %."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tables", nargs="*", metavar="TABLE", help=f"of {', '.join(TABLES)}; default: all")
    parser.add_argument("--quick", action="store_true", help="about a minute, for a first look")
    parser.add_argument("--long", action="store_true", help="also a million comments: ten minutes more, and some 12 GB")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed by over 15 %%")
    options = parser.parse_args()
    unknown = [name for name in options.tables if name not in TABLES]
    if unknown:
        parser.error(f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    flags = [f"--{name}" for name in ("quick", "long", "check") if getattr(options, name)]
    started, status, verdicts = time.monotonic(), 0, []
    for name in options.tables or TABLES:
        command = [sys.executable, "-m", f"benchmarks.{TABLES[name]}", *flags]
        with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
            for line in process.stdout or ():
                print(line, end="", flush=True)
                verdicts += [line] if line.startswith("- target") else []
        status = status or process.returncode
        flags += [] if "--no-header" in flags else ["--no-header"]
    print(f"## Verdicts, after {time.monotonic() - started:.0f} s\n")
    print("".join(verdicts), end="")
    return status


if __name__ == "__main__":
    sys.exit(main())
