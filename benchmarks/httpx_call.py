"""Table 1d: one small call by httpx."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from unittest import mock

from benchmarks import harness, peers
from benchmarks.harness import Peer, load
from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from benchmarks.harness import Call

FLOOR = "floor: a transport that returns a Response"
MOCK = "httpx.MockTransport"
RESPX = "respx"
PYTEST_HTTPX = "pytest-httpx"


def client(exchange: peers.Exchange, httpx: Any, **options: Any) -> AbstractContextManager[Call]:
    """One client that asks again and again, always with the tenant's token, and parses what it gets."""

    @contextmanager
    def context() -> Iterator[Call]:
        with httpx.Client(headers=exchange.tenant.headers, **options) as made:
            yield lambda: made.get(exchange.url).json()

    return context()


def everyone(exchange: peers.Exchange, httpx: Any) -> tuple[Peer, list[Peer]]:
    """The floor and the peers."""
    body = exchange.answer()

    def response(_: Any = None) -> Any:
        return httpx.Response(200, headers=peers.PLAIN, content=body)

    class Floor(httpx.BaseTransport):  # type: ignore[misc] # it is loaded by name
        """Answers without looking at the request."""

        def handle_request(self, request: Any) -> Any:
            return response(request)

    @contextmanager
    def ours() -> Iterator[Call]:
        with exchange.tenant, client(exchange, httpx) as call:
            yield call

    found = [
        Peer(peers.OURS, ours),
        Peer(MOCK, lambda: client(exchange, httpx, transport=httpx.MockTransport(response))),
    ]
    respx, pytest_httpx = load("respx"), load("pytest_httpx")

    @contextmanager
    def by_respx() -> Iterator[Call]:
        assert respx is not None
        with respx.mock(assert_all_called=False) as router, client(exchange, httpx) as call:
            router.get(exchange.url).mock(return_value=response())
            yield call

    @contextmanager
    def by_pytest_httpx() -> Iterator[Call]:
        assert pytest_httpx is not None
        options = load("pytest_httpx._options")
        assert options is not None
        stubs = pytest_httpx.HTTPXMock(options._HTTPXMockOptions(can_send_already_matched_responses=True))  # noqa: SLF001
        stubs.add_response(url=exchange.url, content=body, headers=peers.PLAIN)

        def handle_request(transport: Any, request: Any) -> Any:
            return stubs._handle_request(transport, request)  # noqa: SLF001

        # what its fixture does, which is for tests alone
        with (
            mock.patch.object(httpx.HTTPTransport, "handle_request", handle_request),
            client(exchange, httpx) as call,
        ):
            yield call

    found += [Peer(RESPX, by_respx)] if respx else []
    found += [Peer(PYTEST_HTTPX, by_pytest_httpx)] if pytest_httpx else []
    return Peer(FLOOR, lambda: client(exchange, httpx, transport=Floor())), found


def measure(report: harness.Report) -> None:
    """Get a dataset."""
    httpx = load("httpx")
    if httpx is None:
        return
    tenant = FakeTenant()
    tenant.add_dataset("acme/support", title="Support", description="What customers write to us.")
    exchange = peers.Exchange(tenant, "/api/v1/datasets/acme/support")
    wanted = json.loads(exchange.answer())
    print(f"GET {exchange.path}, answered with {len(exchange.answer())} bytes; one client, its answers parsed.")
    floor, others = everyone(exchange, httpx)
    samples = harness.compare(floor, others, seconds=report.seconds(35, 4), check=lambda got: bool(got == wanted))
    harness.ratios(samples, FLOOR)
    ours = samples[peers.OURS].ratio
    report.target("ours over the floor", ours, 1.2)
    if RESPX in samples:
        report.target("ours over respx", ours / samples[RESPX].ratio, 0.70)


if __name__ == "__main__":
    harness.main("1d", "A small call by httpx", measure)
