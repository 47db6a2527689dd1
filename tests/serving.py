"""`pytest-reinfer serve` as a process that tests can talk to."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

LAST = "Stop"  # the name of the last line that it prints


def line(*arguments: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """The command line; warnings are errors there too."""
    return [sys.executable, "-W", "error", "-m", "pytest_reinfer", *arguments]


def run(*arguments: str | os.PathLike[str]) -> subprocess.CompletedProcess[str]:
    """Run a program to its end."""
    return subprocess.run(arguments, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 -- our own


class Served:
    """The command while it serves; when it has ended, also its exit code and what it complained of."""

    def __init__(self, *arguments: str | os.PathLike[str]) -> None:
        self.ended: int | None = None
        self.errors = ""
        self.environment: dict[str, str] = {}
        self.printed: dict[str, str] = {}
        self._process = subprocess.Popen(  # noqa: S603 -- our own
            line("serve", *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self._process.stdout is not None
        for printed in self._process.stdout:
            name, separator, value = printed.rstrip("\n").partition("=")
            if separator and name.isidentifier():
                self.environment[name] = value
                continue
            name, _, value = printed.partition(":")
            self.printed[name] = value.strip()
            if name == LAST:
                return
        raise AssertionError(f"it has not started: {self._process.communicate()[1]}")

    @property
    def endpoint(self) -> str:
        """Where the tenant is."""
        return self.environment["REINFER_ENDPOINT"]

    @property
    def token(self) -> str:
        """The token that it has printed."""
        return self.environment["REINFER_TOKEN"]

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.printed["Page"].rstrip("/").rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it by a signal, unless it has ended."""
        if self.ended is None:
            self._process.send_signal(number)
            _, self.errors = self._process.communicate(timeout=60)
            self.ended = self._process.returncode

    def kill(self) -> None:
        """End it as a crash would."""
        self.stop(signal.SIGKILL)


@contextmanager
def serve(*arguments: str | os.PathLike[str]) -> Iterator[Served]:
    """The command, serving on a free port unless the arguments name one, and stopped at the end."""
    served = Served(*(() if "--port" in arguments else ("--port", "0")), *arguments)
    try:
        yield served
    finally:
        served.stop()
