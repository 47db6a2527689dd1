"""Table 9: a HAR of 200 MB is checked, and scrubbed, in bounded memory. Peak memory is that of a process of its own."""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import export_page, harness

MB = 1_000_000
CHILD = """
import os, resource, sys
from pathlib import Path
from pytest_reinfer.recordings import checking, scrubbing
from pytest_reinfer.recordings.scrubber import Scrubber
scrubber = Scrubber(os.urandom(32), lambda _: None)
path = Path(sys.argv[1])
report = checking.check(path, scrubber, now=0)
assert report.error is None, report.error
if len(sys.argv) > 2:
    scrubbing.scrub(path, scrubber, Path(sys.argv[2]))
print(report.routes.total(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def written(path: Path, size: int) -> None:
    """A HAR of about `size` bytes: pages of an export, one after the other."""
    exchange = export_page.exchange()
    entry = {
        "startedDateTime": "2024-03-01T10:00:00.000Z",
        "request": {
            "method": exchange.method,
            "url": exchange.url,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "postData": {"mimeType": "application/json", "text": json.dumps(exchange.sent)},
        },
        "response": {
            "status": 200,
            "headers": [{"name": "Content-Type", "value": "application/json"}],
            "content": {"mimeType": "application/json", "text": exchange.answer().decode()},
        },
    }
    text = json.dumps(entry)
    with path.open("w") as file:
        file.write('{"log": {"version": "1.2", "entries": [' + text)
        for _ in range(size // len(text)):
            file.write(",\n" + text)
        file.write("]}}")


def run(*arguments: Path) -> tuple[float, int, int]:
    """Seconds, exchanges and MB at the peak of a process that checks a file, and scrubs it where a second is named."""
    start = time.perf_counter()
    told = subprocess.run([sys.executable, "-c", CHILD, *map(str, arguments)], check=True, capture_output=True)  # noqa: S603
    exchanges, kilobytes = map(int, told.stdout.split())
    return time.perf_counter() - start, exchanges, kilobytes * 1024 // MB


def measure(report: harness.Report) -> None:
    """Check a small and a large recording, and scrub the large one."""
    rows = []
    peaks = {}
    with tempfile.TemporaryDirectory() as folder:
        for size in (2, 20) if report.quick else (20, 200):
            path = Path(folder) / f"{size}.har"
            written(path, size * MB)
            for what, arguments in (("check", (path,)), ("scrub", (path, path.with_suffix(".clean")))):
                seconds, exchanges, peak = run(*arguments)
                peaks[what, size] = peak
                rows.append((what, f"{path.stat().st_size / MB:.0f} MB", exchanges, f"{seconds:.0f} s", f"{peak} MB"))
    harness.table(("", "file", "exchanges", "time", "peak"), rows)
    (small, large) = sorted({size for _, size in peaks})
    for what in ("check", "scrub"):
        growth = peaks[what, large] - peaks[what, small]
        report.target(f"{what}: MB more at the peak for ten times the file", growth, 10, ".0f")


if __name__ == "__main__":
    harness.main("9", "Recordings", measure)
