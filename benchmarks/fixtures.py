"""Table 5: what a fixture adds to a test, set-up and tear-down together."""

from __future__ import annotations

import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from benchmarks import harness

ROOT = Path(__file__).resolve().parent.parent
BLOCK = 20  # tests of one kind in a row
CONFTEST = """
import gc, json, time
import pytest

TIMES = []

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item):
    started = time.perf_counter()
    result = yield
    TIMES.append((item.name, time.perf_counter() - started))
    return result

def pytest_collection_finish():
    gc.collect()
    gc.freeze()

def pytest_sessionfinish():
    with open("times.json", "w") as out:
        json.dump(TIMES, out)

@pytest.fixture
def nothing():
    yield None

@pytest.fixture
def mocked_responses():
    import responses
    with responses.RequestsMock() as mock:
        yield mock

@pytest.fixture
def mocked_aws():
    from moto import mock_aws
    with mock_aws():
        yield
"""
SEEDED = """
def pytest_reinfer_setup(tenant):
    tenant.add_dataset("acme/support", comments=1000)
"""


class Case(NamedTuple):
    """One fixture: what a test asks for, in which folder, and the package that must be there."""

    label: str
    argument: str
    folder: str = ""
    package: str = "pytest"
    share: float = 1  # of the blocks


CASES = {
    "nothing": Case("a fixture that yields None", "nothing"),
    "plain": Case("`reinfer`", "reinfer"),
    "seeded": Case("`reinfer`, 1000 comments by `pytest_reinfer_setup`", "reinfer", folder="seeded"),
    "responses": Case("responses.RequestsMock()", "mocked_responses", package="responses"),
    "mock": Case("requests_mock", "requests_mock", package="requests_mock"),
    "moto": Case("moto.mock_aws()", "mocked_aws", package="moto", share=0.25),
}


def write(folder: Path, cases: dict[str, Case], blocks: int) -> None:
    """One module per block of a case, with a block of bare tests before and after it; the modules are shuffled."""
    turns = [name for name, case in cases.items() for _ in range(max(2, int(blocks * case.share)))]
    random.Random(2).shuffle(turns)  # noqa: S311 -- an order
    (folder / "pytest.ini").write_text("[pytest]\n")
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "seeded").mkdir()
    (folder / "seeded" / "conftest.py").write_text(SEEDED)
    for turn, name in enumerate(turns):
        lines = []
        for part, argument in (("before", ""), (name, cases[name].argument), ("after", "")):
            lines += [f"def test_{turn}_{part}_{n}({argument}): pass" for n in range(BLOCK)]
        (folder / cases[name].folder / f"test_{turn:04d}.py").write_text("\n".join(lines) + "\n")


def run(folder: Path) -> list[tuple[str, float]]:
    """Names of the tests, and what each took."""
    plugins = ["-p", "pytest_reinfer.plugin"]
    if find_spec("requests_mock"):
        plugins += ["-p", "requests_mock.contrib._pytest_plugin"]
    made_up = {"AWS_ACCESS_KEY_ID": "made-up", "AWS_SECRET_ACCESS_KEY": "made-up", "AWS_DEFAULT_REGION": "us-east-1"}
    environment = {**os.environ, **made_up, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode:
        raise RuntimeError(done.stdout[-3000:] + done.stderr[-3000:])
    times: list[tuple[str, float]] = json.loads((folder / "times.json").read_text())
    return times


def measure(report: harness.Report) -> None:
    """Run some ten thousand tests in one process."""
    cases = {name: case for name, case in CASES.items() if find_spec(case.package)}
    for name in CASES.keys() - cases.keys():
        print(f"({CASES[name].package} is not installed: left out)")
    with tempfile.TemporaryDirectory() as name:
        write(Path(name), cases, 6 if report.quick else 40)
        times = run(Path(name))
    blocks: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for test, seconds in times:
        _, turn, part, _ = test.split("_")
        blocks[turn][part].append(seconds * harness.MILLI)
    extra: defaultdict[str, list[float]] = defaultdict(list)
    bare = []
    for parts in blocks.values():
        medians = {part: statistics.median(took) for part, took in parts.items()}
        before, after = medians.pop("before"), medians.pop("after")
        bare.append((before + after) / 2)
        for case, median in medians.items():
            extra[case].append(median - bare[-1])
    rows = []
    for case, each in extra.items():
        low, high = harness.quartiles(each)
        median = statistics.median(each)
        of_bare = f"{median / statistics.median(bare):.2f}"
        rows.append((cases[case].label, f"{median:+.3f}", f"{low:+.3f} .. {high:+.3f}", of_bare, len(each)))
    rows.sort(key=lambda row: float(row[1]))
    print(f"{len(times)} tests in one process; a bare test takes {statistics.median(bare):.3f} ms")
    harness.table(
        ("", "ms over a bare test, median of blocks", "quartiles", "of a bare test", f"blocks of {BLOCK}"), rows
    )
    report.target("ms that `reinfer` adds", statistics.median(extra["plain"]), 0.10)
    report.target("ms that `reinfer` adds, 1000 comments seeded", statistics.median(extra["seeded"]), 0.12)


if __name__ == "__main__":
    harness.main("5", "Set-up and tear-down of a fixture", measure)
