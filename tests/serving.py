"""`pytest-reinfer serve` as a process that tests can talk to."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import pytest
import urllib3

from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAST = "Stop"  # the name of the last line that it prints
SOURCE_ID = "18ba5ce699f8da1f"  # of the source in the documented samples
OPEN = "https://<my_api_endpoint>"


def line(*arguments: str | os.PathLike[str]) -> list[str | os.PathLike[str]]:
    """The command line; warnings are errors there too."""
    return [sys.executable, "-W", "error", "-m", "pytest_reinfer", *arguments]


def run(*arguments: str | os.PathLike[str], given: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end; `given` is its input."""
    return subprocess.run(  # noqa: S603 -- our own
        arguments,
        input=given,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
        env={**os.environ, **environment},
    )


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


def submit(served: Served, action: str, **form: str) -> int:
    """Send a form of the first page, as a browser does; the status."""
    page = served.printed["Page"]
    with urllib3.PoolManager(retries=False) as pool:
        shown = pool.request("GET", page, headers={"Accept": "text/html"}).data.decode()
        form["form_token"] = re.findall(r'name="form_token" value="([^"]+)"', shown)[0]
        return pool.request("POST", f"{page}_reinfer/{action}", body=urlencode(form), redirect=False).status


def needs(program: str) -> str:
    """Where a program is; without it a test is skipped, or fails where REINFER_TESTS_SKIP_NOTHING is set, as in CI."""
    found = shutil.which(program)
    if found is None:
        skip_or_fail = pytest.fail if os.environ.get("REINFER_TESTS_SKIP_NOTHING") else pytest.skip
        skip_or_fail(f"{program} is not installed here")
    return found


@contextmanager
def documented(folder: Path) -> Iterator[Served]:
    """A tenant in which the names and ids of the documented samples mean something, served."""
    tenant = FakeTenant()
    source = tenant.add_source("acme/mail", comments=100)
    dataset = tenant.add_dataset("acme/example", title="An Example Dataset", sources=[source], labels=["Parent Label"])
    tenant.annotate(dataset, tenant.comments(source)[0]["uid"], ["Parent Label"])
    tenant.predict(dataset, tenant.comments(source)[0]["uid"], {"Parent Label": 0.95})
    tenant.tag_model(dataset, "prod", 5)
    tenant.tag_model(dataset, "staging", 7)
    path = folder / "tenant.json"
    tenant.save(path)
    path.write_bytes(path.read_bytes().replace(source.id.encode(), SOURCE_ID.encode()))
    with serve("--state", path) as served:
        yield served


def as_published(sample: str, served: Served) -> str:
    """A sample, but for the endpoint and the project, which it leaves open."""
    assert OPEN in sample
    return sample.replace(OPEN, served.endpoint).replace("<project>", "acme")
