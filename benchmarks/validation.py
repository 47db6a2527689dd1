"""Table 2b: how often the tenant validates, and what share of a call that is."""

from __future__ import annotations

import statistics
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from benchmarks import export_page, harness, peers
from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGES = 50
BODY = "routes/export_dataset.json#/properties/body"


@contextmanager
def recorded() -> Iterator[list[str]]:
    """The schemas that values are validated by."""
    refs: list[str] = []
    real = contract.valid

    def valid(ref: str, value: object) -> bool:
        refs.append(ref)
        return real(ref, value)

    with patch.object(contract, "valid", valid):
        yield refs


def share(exchange: peers.Exchange, rounds: int) -> tuple[float, float]:
    """Medians of a whole call and of the validation of its body, in seconds, measured in turns."""
    whole, part = [], []
    with exchange.tenant:
        call = exchange.client()
        for _ in range(rounds):
            started = time.perf_counter()
            call()
            called = time.perf_counter()
            for _ in range(100):
                contract.valid(BODY, exchange.sent)
            whole.append(called - started)
            part.append((time.perf_counter() - called) / 100)
    return statistics.median(whole), statistics.median(part)


def measure(report: harness.Report) -> None:
    """Walk pages, and count."""
    page = export_page.exchange()
    sent: dict[str, Any] = {"limit": 16}
    with page.tenant, recorded() as refs:
        for _ in range(PAGES):
            got: Any = peers.Exchange(page.tenant, page.path, sent).client()()
            sent = {"limit": 16, "continuation": got["continuation"]}
    bodies, paths = refs.count(BODY), sum(ref.endswith("/path") for ref in refs)
    rows = [("request bodies", bodies), ("path parameters", paths), ("anything else", len(refs) - bodies - paths)]
    harness.table((f"validated during {PAGES} served pages", "times"), rows)
    report.target("validations of a request body per page", bodies / PAGES, 1, "g")
    report.target("validations of a path or an answer per page", (len(refs) - bodies) / PAGES, 1 / PAGES, "g")
    smallest = peers.Exchange(page.tenant, page.path, {"limit": 1})
    found = {f"limit {each.sent['limit']}": share(each, 60 if report.quick else 400) for each in (smallest, page)}
    shares = [
        (name, f"{whole * harness.MICRO:,.0f}", f"{part * harness.MICRO:.2f}", f"{part / whole:.4f}")
        for name, (whole, part) in found.items()
    ]
    harness.table(("an export", "us, the call", "us, validating its body", "share"), shares)
    for name, (whole, part) in found.items():
        report.target(f"share of validation in a call, {name}", part / whole, 0.02, ".4f")


if __name__ == "__main__":
    harness.main("2b", "Validation while serving", measure)
