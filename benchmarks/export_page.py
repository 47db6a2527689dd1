"""Table 1b: one page of an export."""

from typing import Any

from benchmarks import harness, peers
from pytest_reinfer import FakeTenant

PAGE = 256


def exchange() -> peers.Exchange:
    """The first page of a dataset that has more."""
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", comments=1000)
    return peers.Exchange(tenant, "/api/v1/datasets/acme/support/export", {"limit": PAGE})


def measure(report: harness.Report) -> None:
    """Export 256 comments."""
    page = exchange()
    print(
        f"POST {page.path} {page.sent}, answered with {len(page.answer()) / 1000:.0f} kB; one session, answers parsed."
    )
    floor, others, same = peers.everyone(page)

    def check(got: Any) -> bool:
        return same(got) and len(got["comments"]) == PAGE

    samples = harness.compare(floor, others, seconds=report.seconds(40, 5), batch=0.015, check=check)
    harness.ratios(samples, peers.FLOOR)
    report.target("ours over the floor", samples[peers.OURS].ratio, 1.08)


if __name__ == "__main__":
    harness.main("1b", "A page of 256 comments", measure)
