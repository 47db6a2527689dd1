"""Table 4: what the plugin adds to the start of pytest."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import harness

ROOT = Path(__file__).resolve().parent.parent
PLUGIN = ("-p", "pytest_reinfer.plugin")
HEAVY = ("requests", "urllib3", "responses", "httpx", "jsonschema", "jsonschema_rs", "hypothesis", "faker")
LOADED = """
import json, sys
import pytest
status = pytest.main(sys.argv[2:])
open(sys.argv[1], "w").write(json.dumps(sorted(sys.modules)))
sys.exit(status)
"""


def environment() -> dict[str, str]:
    """Of a pytest that loads no plugins but those it is told to."""
    return {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}


def collect(folder: Path, *arguments: str) -> float:
    """Seconds of CPU of a pytest in a fresh process that collects one trivial file."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    process = subprocess.Popen(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"pytest {arguments} ended with {process.returncode}")
    return usage.ru_utime + usage.ru_stime


def modules(folder: Path, *arguments: str) -> set[str]:
    """What such a pytest has imported at its end."""
    out = folder / "modules.json"
    command = [sys.executable, "-c", LOADED, str(out), "--collect-only", "-q", "-p", "no:cacheprovider", *arguments]
    subprocess.run(command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, check=True)  # noqa: S603
    return set(json.loads(out.read_text()))


def measure(report: harness.Report) -> None:
    """Start pytest with the plugin between two starts without."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        (folder / "test_trivial.py").write_text("def test_nothing() -> None: pass\n")
        added = modules(folder, *PLUGIN) - modules(folder)
        samples = {"bare again": harness.Sample(), "with the plugin": harness.Sample()}
        bare = [min(collect(folder) for _ in range(3))]
        for _ in range(5 if report.quick else 15):
            for arguments, sample in zip(((), PLUGIN), samples.values(), strict=True):
                took = collect(folder, *arguments)
                bare.append(collect(folder))
                sample.seconds.append(took)
                sample.ratios.append(2 * took / (bare[-2] + bare[-1]))
    rows = [("pytest alone", f"{statistics.median(bare) * harness.MILLI:.0f}", "1", "")]
    for what, sample in samples.items():
        low, high = harness.quartiles(sample.ratios)
        cpu = statistics.median(sample.seconds) * harness.MILLI
        rows.append((what, f"{cpu:.0f}", f"{sample.ratio:.3f}", f"{low:.3f} .. {high:.3f}"))
    harness.table(("`pytest --collect-only`, a fresh process", "ms of CPU", "x bare, paired median", "quartiles"), rows)
    ours = sorted(each for each in added if each.partition(".")[0] == "pytest_reinfer")
    heavy = sorted({each.partition(".")[0] for each in added}.intersection(HEAVY))
    print(f"Loading it imports {', '.join(sorted(added))}.\n")
    report.target("CPU with the plugin over without", samples["with the plugin"].ratio, 1.05)
    report.target("modules of ours that loading imports", len(ours), 3, "d")
    report.target(f"heavy packages that loading imports (of {', '.join(HEAVY)})", len(heavy), 0, "d")


if __name__ == "__main__":
    harness.main("4", "Start of pytest", measure)
