"""Table 7: what failures cost: a call beside a plan that is not for it, a wait of a minute, a run of a sweep."""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from benchmarks import harness
from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/v1/datasets/acme/support"
WAIT = 60  # seconds that a 429 asks for
SWEPT = """
import pytest, requests

@pytest.mark.parametrize("number", range({tests}))
{marker}def test_it(reinfer, number):
    for _ in range(10):
        requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers, timeout=5)
"""


@contextmanager
def called(plans: int) -> Iterator[Any]:
    """A call to a tenant with so many plans in force, none of which is for it."""
    with FakeTenant() as tenant, requests.Session() as session:
        tenant.add_dataset("acme/support")
        session.headers.update(tenant.headers)
        for _ in range(plans):
            tenant.fail(503, route="export_dataset", optional=True)
        yield lambda: session.get(tenant.url + PATH).json()


def waited() -> tuple[float, float]:
    """Seconds that a wait of a minute really takes, with its two attempts, and those on the clock of the tenant."""
    with FakeTenant() as tenant, requests.Session() as session:
        tenant.add_dataset("acme/support")
        tenant.fail(429, retry_after=WAIT)
        retry = Retry(1, status_forcelist=[429])
        session.mount("https://", HTTPAdapter(max_retries=retry))
        started = time.perf_counter()
        with tenant.clock.lead():
            answer = session.get(tenant.url + PATH, headers=tenant.headers)
        took = time.perf_counter() - started
        if not answer.ok:
            raise RuntimeError("the client did not wait")
        return took, tenant.clock.waited


def session(tests: int, marker: str) -> float:
    """Seconds of CPU of a pytest session with so many tests."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "test_it.py").write_text(SWEPT.format(tests=tests, marker=marker), encoding="utf-8")
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", "-p", "no:cacheprovider", folder]
        before = _children()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)  # noqa: S603
        return _children() - before


def _children() -> float:
    import resource  # noqa: PLC0415 -- not on every system

    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def measure(report: harness.Report) -> None:
    """Measure all three."""
    floor = harness.Peer("no plan", lambda: called(0))
    others = [harness.Peer("one plan", lambda: called(1)), harness.Peer("ten plans", lambda: called(10))]
    print("GET of a dataset, with plans in force that are for other requests.")
    samples = harness.compare(floor, others, seconds=report.seconds(12, 2))
    harness.ratios(samples, "no plan")
    report.target("a call beside one plan over a call without", samples["one plan"].ratio, 1.10)

    found = [waited() for _ in range(5 if report.quick else 30)]
    took = statistics.median(seconds for seconds, _ in found) * harness.MILLI
    virtual = min(seconds for _, seconds in found)
    print(
        f"429 with Retry-After: {WAIT}, waited for by urllib3's Retry: {took:.1f} ms, {virtual:.0f} s on the clock.\n"
    )
    report.target("ms of a wait of 60 s", took, 50)
    report.at_least("seconds waited on the clock", virtual, WAIT)

    every = []
    for _ in range(1 if report.quick else 5):  # interleaved
        nothing, plain = session(1, ""), session(71, "")
        swept = session(1, "@pytest.mark.reinfer_sweep(408, 409, 429, 500, 502, 503, 504)\n")
        every.append((swept - nothing) / (plain - nothing))
    print(f"70 runs of a sweep over 70 tests that do the same: {statistics.median(every):.2f}\n")
    report.target("a run of a sweep over a test", statistics.median(every), 1.50)


if __name__ == "__main__":
    harness.main("7", "Failures", measure)
