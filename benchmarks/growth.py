"""Table 1c: the cost of a call by the number of routes that the API has."""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import replace
from functools import lru_cache
from itertools import cycle
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import requests

from benchmarks import harness
from pytest_reinfer import FakeTenant, contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from pytest_reinfer.contract import Route

ASKED = "get_dataset"
ONE, ALL, MORE = "one route", "all routes", "three times all routes"
MANY = 3000  # datasets: more paths than the contract remembers, so that each call is matched anew


def tables() -> dict[str, dict[str, Route]]:
    """The one route that is asked for; all; all, and twice as many made up beside them."""
    known = dict(contract.routes())
    copies = {
        f"{route.name} {copy}": replace(
            route,
            name=f"{route.name} {copy}",
            path=route.path.replace("/api/", f"/api{copy}/"),
            pattern=re.compile(route.pattern.pattern.replace("/api/", f"/api{copy}/")),
            built=False,
        )
        for copy in (1, 2)
        for route in known.values()
    }
    return {ONE: {ASKED: known[ASKED]}, ALL: known, MORE: known | copies}


def patched(routes: dict[str, Route]) -> Callable[[], AbstractContextManager[object]]:
    """Puts other routes into the contract, with memories of their own that last from batch to batch."""
    changed: dict[str, Any] = {"routes": lambda: routes}
    for name in ("_paths", "match"):
        function = vars(contract)[name]
        changed[name] = lru_cache(**function.cache_parameters())(function.__wrapped__)
    return lambda: patch.multiple(contract, **changed)


def measure(report: harness.Report) -> None:
    """Get one dataset again and again, then another one each time."""
    tenant = FakeTenant()
    urls = [f"{tenant.url}/api/v1/datasets/acme/{n}" for n in range(MANY)]
    for number in range(MANY):
        tenant.add_dataset(f"acme/{number}")
    session = requests.Session()
    session.headers.update(tenant.headers)
    for what, asked in (("the same path", urls[:1]), ("a new path", urls)):
        samples = grow(tenant, session, asked, report.seconds(9, 2))
        print(f"GET a dataset, {what} each time; {', '.join(f'{name}: {len(t)}' for name, t in tables().items())}")
        harness.ratios(samples, ONE)
        for name in (ALL, MORE):
            report.target(f"{name} over one, {what} each time", samples[name].ratio, 1.05)


def grow(
    tenant: FakeTenant, session: requests.Session, urls: Iterable[str], seconds: float
) -> dict[str, harness.Sample]:
    """Measure each number of routes over one route."""

    def peer(name: str, routes: dict[str, Route]) -> harness.Peer:
        following = cycle(urls)
        return harness.Peer(name, lambda: nullcontext(lambda: session.get(next(following)).json()), patched(routes))

    one, *others = (peer(name, routes) for name, routes in tables().items())
    with tenant:
        return harness.compare(one, others, seconds=seconds, check=lambda got: got["status"] == "ok")


if __name__ == "__main__":
    harness.main("1c", "Growth with the number of routes", measure)
