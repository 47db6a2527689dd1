"""Table 1a: one small call."""

from benchmarks import harness, peers
from pytest_reinfer import FakeTenant


def measure(report: harness.Report) -> None:
    """Get a dataset."""
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", title="Support", description="What customers write to us.")
    exchange = peers.Exchange(tenant, "/api/v1/datasets/acme/support")
    print(f"GET {exchange.path}, answered with {len(exchange.answer())} bytes; one session, its answers parsed.")
    floor, others, check = peers.everyone(exchange)
    samples = harness.compare(floor, others, seconds=report.seconds(35, 4), check=check)
    harness.ratios(samples, peers.FLOOR)
    ours = samples[peers.OURS].ratio
    report.target("ours over the floor", ours, 1.15)
    report.target("ours over responses with a static body", ours / samples[peers.STATIC].ratio, 0.80)


if __name__ == "__main__":
    harness.main("1a", "A small call", measure)
