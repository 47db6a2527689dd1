"""Table 6: exports of many comments: a page by the server's side alone, a whole walk, and memory."""

from __future__ import annotations

import gc
import json
import random
import statistics
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from benchmarks import harness
from pytest_reinfer import FakeTenant
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Sequence

LIMIT = 256
RARE = 100  # one comment in so many is of the rare source
EXPORT = "/api/v1/datasets/acme/{}/export"


class Timed(FakeTenant):
    """A tenant that measures itself."""

    spent = 0.0

    def answer(self, request: Request) -> Response:
        """Answer, and add up what that took."""
        started = time.perf_counter()
        response = super().answer(request)
        self.spent += time.perf_counter() - started
        return response


def rss() -> int:
    """Bytes of this process that are in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def export(tenant: FakeTenant, dataset: str, asked: dict[str, Any]) -> bytes:
    """One page, asked of the tenant itself."""
    headers = {"content-type": "application/json"} | {name.lower(): value for name, value in tenant.headers.items()}
    sent = json.dumps({"limit": LIMIT, **asked}).encode()
    return tenant.answer(Request("POST", EXPORT.format(dataset), "", headers, sent)).body


def fill(tenant: FakeTenant, count: int) -> str:
    """Two datasets of so many comments: `one` of one source, `four` of four; the id of the rare source of `four`."""
    tenant.add_dataset("acme/one", comments=count)
    rare = tenant.add_source("acme/rare", comments=count // RARE)
    names = [f"acme/source-{number}" for number in range(3)]
    for name in names:
        tenant.add_source(name)
    four = tenant.add_dataset("acme/four", sources=names, comments=count - count // RARE)
    with tenant:
        url = f"{tenant.url}/api/v1/datasets/acme/four"
        change = {"dataset": {"source_ids": [*four.source_ids, rare.id]}}
        requests.post(url, json=change, headers=tenant.headers).raise_for_status()
    for comment in tenant.comments(rare):
        tenant.predict(four, comment["uid"], {four.labels[0]: 0.5})
    return rare.id


def places(tenant: FakeTenant, dataset: str) -> list[tuple[str, str]]:
    """Where the full pages of a dataset start: as a continuation, and as a moment."""
    found, asked = list[tuple[str, str]](), dict[str, Any]()
    while True:
        page = json.loads(export(tenant, dataset, asked))
        if "continuation" not in page:
            return found[:-1]
        asked = {"continuation": page["continuation"]}
        found.append((page["continuation"], page["comments"][-1]["comment"]["timestamp"]))


def pages(tenant: FakeTenant, dataset: str, asked: Sequence[dict[str, Any]], rounds: int) -> tuple[harness.Sample, int]:
    """Pages at random places, each over `json.loads` of that very page; and how many comments such a page has."""
    rng, sample, sizes = random.Random(3), harness.Sample(), []  # noqa: S311 -- positions
    for _ in range(rounds):
        body = rng.choice(asked)
        started = time.perf_counter()
        page = export(tenant, dataset, body)
        took = time.perf_counter() - started
        parsed = json.loads(page)
        started = time.perf_counter()
        json.loads(page)
        sample.seconds.append(took)
        sample.ratios.append(took / (time.perf_counter() - started))
        sizes.append(len(parsed["comments"]))
    return sample, int(statistics.median(sizes))


def measure_pages(report: harness.Report, count: int) -> None:
    """6a at one size."""
    tenant = FakeTenant(log_bodies=0)
    rare = fill(tenant, count)
    one, four = places(tenant, "one"), places(tenant, "four")
    early = [moment for _, moment in four[: max(1, len(four) * 3 // 5)]]
    first = [*[{"from": moment} for moment in early], {}] if count > LIMIT * RARE else [{}]
    cases: dict[str, tuple[str, list[dict[str, Any]]]] = {
        "one source, by continuation": ("one", [{"continuation": token} for token, _ in one]),
        "one source, by `from`": ("one", [{"from": moment} for _, moment in one]),
        "four sources, by continuation": ("four", [{"continuation": token} for token, _ in four]),
        "four sources, by `from`": ("four", [{"from": moment} for _, moment in four]),
        f"a source of 1 in {RARE}": ("four", [{**each, "source_ids": [rare]} for each in first]),
    }
    gc.collect()
    gc.freeze()
    found = {name: pages(tenant, *case, 40 if report.quick else 200) for name, case in cases.items()}
    gc.unfreeze()
    rows = []
    for name, (sample, size) in found.items():
        low, high = harness.quartiles(sample.ratios)
        took = statistics.median(sample.seconds) * harness.MICRO
        rows.append((f"{count:,}, {name}", size, f"{took:,.0f}", f"{sample.ratio:.3f}", f"{low:.3f} .. {high:.3f}"))
    harness.table(("comments", "on a page", "us, the tenant's part", "x json.loads of the page", "quartiles"), rows)
    for name, (sample, _) in found.items():
        report.target(f"6a, {count:,} comments, {name}: the tenant's part over json.loads", sample.ratio, 0.12)


def measure_walk(report: harness.Report, count: int) -> None:
    """6b: fill one dataset, look at the memory, and export all of it through `requests`."""
    tenant = Timed(log_bodies=0)
    tenant.add_dataset("acme/warm", comments=50)
    export(tenant, "warm", {})
    tenant.spent = 0.0
    gc.collect()
    before = rss()
    tenant.add_dataset("acme/one", comments=count)
    gc.collect()
    grown = rss() - before
    sent, asked = 0, dict[str, Any](limit=LIMIT)
    comments, parsing, walked = 0, 0.0, time.perf_counter()
    with tenant, requests.Session() as session:
        session.headers.update(tenant.headers)
        page: dict[str, Any] = {"continuation": None}
        while "continuation" in page:
            body = session.post(tenant.url + EXPORT.format("one"), json=asked).content
            started = time.perf_counter()
            page = json.loads(body)
            parsing += time.perf_counter() - started
            sent += len(body)
            comments += len(page["comments"])
            asked = {"limit": LIMIT, "continuation": page.get("continuation")}
    walked = time.perf_counter() - walked
    assert comments == count
    rows = [
        ("the whole walk", f"{walked:.2f}", f"{walked / parsing:.2f}"),
        ("the client's json.loads", f"{parsing:.2f}", "1"),
        ("the tenant's part", f"{tenant.spent:.3f}", f"{tenant.spent / parsing:.3f}"),
    ]
    harness.table((f"{count:,} comments in pages of {LIMIT}, {sent / 1e6:.0f} MB", "s", "x json.loads"), rows)
    print(f"In memory {grown / count:,.0f} bytes per comment, as exported JSON {sent / count:,.0f}.\n")
    report.target("6b: the tenant's part of a walk over json.loads", tenant.spent / parsing, 0.05)
    report.target("6b: memory per comment over its exported JSON", grown / sent, 1.30, ".2f")


def measure(report: harness.Report) -> None:
    """First what needs a fresh process."""
    sizes = [10_000] if report.quick else [10_000, 100_000, *([1_000_000] if report.long else [])]
    measure_walk(report, sizes[0] if report.quick else 100_000)
    gc.collect()
    for count in sizes:
        measure_pages(report, count)


if __name__ == "__main__":
    harness.main("6", "Exports of many comments", measure)
