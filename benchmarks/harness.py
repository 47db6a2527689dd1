"""Interleaved measuring, tables in Markdown, and the verdicts on the targets."""

from __future__ import annotations

import argparse
import gc
import importlib
import importlib.metadata
import logging
import os
import platform
import random
import statistics
import sys
import time
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    Call = Callable[[], object]

PACKAGES = (
    "pytest-reinfer",
    "pytest",
    "requests",
    "urllib3",
    "responses",
    "requests-mock",
    "httpx",
    "respx",
    "pytest-httpx",
    "pytest-httpserver",
    "moto",
    "boto3",
    "jsonschema_rs",
)
SLACK = 1.15  # by so much a target may be missed before --check fails
MICRO, MILLI = 1e6, 1e3


@dataclass(frozen=True)
class Peer:
    """One thing to measure.

    context: entered for a round, yields what is called; `kept`: entered once, for a server.
    around: entered for each batch alone, for what would also catch the floor's client.
    every: measured each so many rounds, for what is slow to enter.
    """

    name: str
    context: Callable[[], AbstractContextManager[Call]]
    around: Callable[[], AbstractContextManager[object]] = nullcontext
    kept: bool = False
    every: int = 1


@dataclass
class Sample:
    """What was measured of one peer: seconds per call, and these over the floor's around them."""

    seconds: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> float:
        """The median of the paired ratios."""
        return statistics.median(self.ratios)


def load(name: str) -> Any | None:
    """A module of a peer; None, and a line that says so, where it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        print(f"({name} is not installed: left out)")
        return None


def timed(peer: Peer, call: Call, count: int) -> float:
    """Seconds per call of one batch; one call before it is not counted, it warms up what the other side cooled."""
    with peer.around():
        call()
        started = time.perf_counter()
        for _ in range(count):
            call()
        return (time.perf_counter() - started) / count


def compare(
    floor: Peer,
    peers: Sequence[Peer],
    *,
    seconds: float,
    batch: float = 0.005,
    inner: int = 3,
    check: Callable[[Any], bool] = bool,
) -> dict[str, Sample]:
    """Measure peers for so many seconds, in a new random order each round.

    Each batch stands between two batches of the floor, and its ratio is taken over their mean: what disturbs the
    machine for longer than three batches cancels out.
    """
    rng = random.Random(1)  # noqa: S311 -- an order
    everyone = [floor, *peers]
    samples = {peer.name: Sample() for peer in everyone}
    with ExitStack() as stack:
        base = stack.enter_context(floor.context())
        kept = {peer.name: stack.enter_context(peer.context()) for peer in everyone if peer.kept}

        def entered(peer: Peer) -> AbstractContextManager[Call]:
            return nullcontext(kept[peer.name]) if peer.kept else peer.context()

        counts = {}
        for peer in everyone:
            with entered(peer) as call, peer.around():
                if not check(call()):
                    raise RuntimeError(f"{peer.name} does not answer as it should")
            with entered(peer) as call:
                counts[peer.name] = max(1, int(batch / min(timed(peer, call, 1) for _ in range(5))))
        gc.collect()
        gc.freeze()
        until, turn = time.perf_counter() + seconds, 0
        while time.perf_counter() < until or turn < 4:
            for peer in rng.sample(everyone, len(everyone)):
                if turn % peer.every:
                    continue
                with entered(peer) as call:
                    gc.collect()
                    before = timed(floor, base, counts[floor.name])
                    for _ in range(inner):
                        took = timed(peer, call, counts[peer.name])
                        after = timed(floor, base, counts[floor.name])
                        samples[peer.name].seconds.append(took)
                        samples[peer.name].ratios.append(2 * took / (before + after))
                        before = after
            turn += 1
        gc.unfreeze()
    return samples


def quartiles(values: Sequence[float]) -> tuple[float, float]:
    """The first and the third quartile."""
    low, _, high = statistics.quantiles(values, n=4)
    return low, high


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table: the first column is text, the others are figures."""
    print("\n| " + " | ".join(head) + " |\n|---|" + "---:|" * (len(head) - 1))
    for row in rows:
        print("| " + " | ".join(map(str, row)) + " |")
    print(flush=True)


def ratios(samples: dict[str, Sample], floor: str) -> None:
    """Print what `compare` found, and whether the machine was calm: the floor measured over itself shows it."""
    rows = []
    for name, sample in samples.items():
        low, high = quartiles(sample.ratios)
        median = statistics.median(sample.seconds) * MICRO
        rows.append((name, f"{median:,.0f}", f"{sample.ratio:.3f}", f"{low:.3f} .. {high:.3f}", len(sample.ratios)))
    table(("", "us, median", "x floor, paired median", "quartiles", "batches"), rows)
    low, high = quartiles(samples[floor].ratios)
    if high - low > 0.15:
        print(
            f"Noisy: the floor over itself has quartiles {low:.2f} .. {high:.2f}; trust the medians to some per cent."
        )


@dataclass
class Report:
    """The verdicts of one table."""

    number: str
    quick: bool
    long: bool
    misses: list[str] = field(default_factory=list)

    def seconds(self, full: float, quick: float) -> float:
        """How long to measure."""
        return quick if self.quick else full

    def target(self, what: str, value: float, limit: float, form: str = ".3f") -> None:
        """Print the verdict on `value <= limit`."""
        verdict = "met" if value <= limit else "missed"
        if value > limit and limit:
            verdict += f" by {value / limit - 1:.0%}"
        if value > limit * SLACK:
            self.misses.append(what)
        print(f"- target {self.number}: {what}: <= {limit:g}, measured {value:{form}}: **{verdict}**", flush=True)

    def at_least(self, what: str, value: float, limit: float, form: str = ".3f") -> None:
        """Print the verdict on `value >= limit`."""
        verdict = "met" if value >= limit else f"missed by {1 - value / limit:.0%}"
        if value < limit / SLACK:
            self.misses.append(what)
        print(f"- target {self.number}: {what}: >= {limit:g}, measured {value:{form}}: **{verdict}**", flush=True)


def header() -> None:
    """Print what the figures depend on."""
    versions = []
    for package in PACKAGES:
        try:
            versions.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            versions.append(f"{package} absent")
    cpus, (load, *_) = os.cpu_count(), os.getloadavg()
    print(f"python {platform.python_version()}, {cpus} CPUs, load {load:.2f} at the start; {', '.join(versions)}\n")


def main(number: str, title: str, measure: Callable[[Report], None]) -> None:
    """Run one table as a program."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--quick", action="store_true", help="a tenth of the time, for a first look")
    parser.add_argument("--long", action="store_true", help="also what takes minutes")
    parser.add_argument("--check", action="store_true", help="exit with 1 where a target is missed by over 15 %%")
    parser.add_argument("--no-header", action="store_true", help="leave out the versions")
    options = parser.parse_args()
    logging.disable(logging.CRITICAL)
    if not options.no_header:
        header()
    print(f"## {number}. {title}\n", flush=True)
    report = Report(number, options.quick, options.long)
    measure(report)
    print(flush=True)
    sys.exit(bool(options.check and report.misses))
