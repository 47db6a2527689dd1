"""Retries really run: as many attempts, after the same waits, to the same end as on a real server that fails alike."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import requests
import tenacity
from loopback import serving
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pytest_reinfer import FakeTenant
from pytest_reinfer.faults import Plan, fail

if TYPE_CHECKING:
    from collections.abc import Callable

    Client = Callable[[str, dict[str, str]], requests.Response]

LIST = "/api/v1/datasets"
PASSING = (429, 500, 502, 503, 504)


def by_retry(url: str, headers: dict[str, str]) -> requests.Response:
    with requests.Session() as session:
        retry = Retry(4, backoff_factor=1, status_forcelist=PASSING, allowed_methods=None)
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=retry))
        return session.get(url, headers=headers, timeout=5)


@tenacity.retry(stop=tenacity.stop_after_attempt(4), wait=tenacity.wait_exponential(multiplier=2), reraise=True)
def by_tenacity(url: str, headers: dict[str, str]) -> requests.Response:
    response = requests.get(url, headers=headers, timeout=5)
    response.raise_for_status()
    return response


def by_hand(url: str, headers: dict[str, str]) -> requests.Response:
    for attempt in range(5):
        try:
            response = requests.get(url, headers=headers, timeout=5)
        except requests.ConnectionError:
            time.sleep(10 * 2**attempt)
            continue
        if response.status_code not in PASSING:
            return response
        time.sleep(float(response.headers.get("Retry-After", 3)))
    raise TimeoutError("given up")


CLIENTS: dict[str, Client] = {"Retry": by_retry, "tenacity": by_tenacity, "by hand": by_hand}
PLANS = [
    fail(503),
    fail(503, times=3),
    fail(503, times=9),
    fail(503).then(429, retry_after=7).then(500),
    fail(429, retry_after=0, times=2),
    fail(503, times=9, retry_after=2),
    fail("html_bad_gateway").then("connection_reset").then("html_unavailable"),
    fail("connection_closed", times=2).then(503),
    fail("connection_closed", times=9),
    fail("empty_bad_gateway", times=2),
    fail(404),
    fail("unauthorized"),
]


def outcome(client: Client, url: str, tenant: FakeTenant) -> Any:
    """The end of a client's attempts, and what reached the tenant."""
    try:
        end: Any = client(url + LIST, tenant.headers).status_code
    except (requests.RequestException, TimeoutError) as error:
        end = type(error), [type(getattr(each, "reason", each)) for each in error.args]
    return end, [(request.method, request.status, request.fault) for request in tenant.requests]


def failing(plan: Plan) -> FakeTenant:
    """A tenant that fails so, as long as it is asked."""
    tenant = FakeTenant()
    tenant.fail(Plan(tuple(tuple(replace(fault, optional=True) for fault in each) for each in plan.sequences)))
    return tenant


@pytest.mark.parametrize("plan", PLANS, ids=repr)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_tries_as_often_and_waits_as_long_as_on_a_network(
    client: str, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with serving((there := failing(plan)).answer) as url:
        on_a_network = outcome(CLIENTS[client], url, there), waits.copy()
    waits.clear()
    with failing(plan) as here:
        in_process = outcome(CLIENTS[client], here.url, here), waits.copy()
    assert in_process == on_a_network


def test_a_date_to_retry_after_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    with FakeTenant() as tenant:
        tenant.fail(429, retry_after_date=60)
        assert by_retry(tenant.url + LIST, tenant.headers).ok
    assert [59 < each < 61 for each in waits] == [True]
