"""The table of the docs: what each client raises over each kind of failure, cell by cell."""

from __future__ import annotations

import asyncio
import http.client
import json
import re
import urllib.request
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import aiohttp
import httpx
import httpx2
import pytest
import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from pytest_reinfer import FakeTenant, faults

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = Path(__file__).parent.parent / "docs" / "failure-on-demand.md"
PATH = "/api/v1/datasets/acme/support/export"


def by_requests(tenant: FakeTenant) -> None:
    requests.post(tenant.url + PATH, json={}, headers=tenant.headers, timeout=5).json()


def by_stream(tenant: FakeTenant) -> None:
    with requests.post(tenant.url + PATH, json={}, headers=tenant.headers, timeout=5, stream=True) as response:
        for _ in response.iter_content(64):
            pass


def by_retry(tenant: FakeTenant) -> None:
    with requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=Retry(2, allowed_methods=None, backoff_factor=0)))
        session.post(tenant.url + PATH, json={}, headers=tenant.headers, timeout=5).json()


def by_urllib3(tenant: FakeTenant) -> None:
    with urllib3.PoolManager(retries=False, timeout=5) as pool:
        pool.request("POST", tenant.url + PATH, json={}, headers=tenant.headers).json()


def by_httpx(package: Any, tenant: FakeTenant) -> None:
    with package.Client(verify=False, timeout=5) as client:
        client.post(tenant.url + PATH, json={}, headers=tenant.headers).json()


def by_httpx_async(package: Any, tenant: FakeTenant) -> None:
    async def call() -> None:
        async with package.AsyncClient(verify=False, timeout=5) as client:
            (await client.post(tenant.url + PATH, json={}, headers=tenant.headers)).json()

    asyncio.run(call())


def by_aiohttp(tenant: FakeTenant) -> None:
    async def post() -> None:
        limits = aiohttp.ClientTimeout(sock_connect=5, sock_read=5)
        async with aiohttp.request(
            "POST", tenant.url + PATH, json={}, headers=tenant.headers, timeout=limits
        ) as response:
            await response.json()

    asyncio.run(post())


def by_http_client(tenant: FakeTenant) -> None:
    conn = http.client.HTTPSConnection(urlsplit(tenant.url).netloc, timeout=5)
    conn.request("POST", PATH, b"{}", {**tenant.headers, "Content-Type": "application/json"})
    json.load(conn.getresponse())


def by_urllib_request(tenant: FakeTenant) -> None:
    headers = {**tenant.headers, "Content-Type": "application/json"}
    json.load(urllib.request.urlopen(urllib.request.Request(tenant.url + PATH, b"{}", headers), timeout=5))


CLIENTS: dict[str, tuple[Callable[[FakeTenant], None], ...]] = {  # by the column, which may be that of several
    "`requests`": (by_requests,),
    "`stream=True`": (by_stream,),
    "`Retry(2)`": (by_retry,),
    "`urllib3`": (by_urllib3,),
    "`httpx`, `httpx2`": tuple(partial(by, each) for by in (by_httpx, by_httpx_async) for each in (httpx, httpx2)),
    "`aiohttp`": (by_aiohttp,),
    "`http.client`": (by_http_client,),
    "`urllib.request`": (by_urllib_request,),
}
FAILURES = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    httpx.HTTPError,
    httpx2.HTTPError,
    aiohttp.ClientError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


def rows() -> dict[str, dict[str, str]]:
    """The cells of the table, by kind and client."""
    table = PAGE.read_text(encoding="utf-8").partition("<!-- network: ")[2].partition("<!-- end")[0]
    lines = [re.split(r" *\| *", line.strip("| ")) for line in table.splitlines() if line.startswith("|")]
    (_, *clients), _, *cells = lines
    return {row[0].strip('`"'): dict(zip(clients, row[1:], strict=True)) for row in cells}


def outcome(client: Callable[[FakeTenant], None], kind: str) -> str:
    """What a client makes of a failure that does not end: its exception, or nothing, and how often it tried."""
    with FakeTenant() as tenant:
        tenant.add_dataset("acme/support", comments=9)
        tenant.fail(kind, times=None)
        told = "fine"
        try:
            client(tenant)
        except FAILURES as error:
            told = f"`{type(error).__name__}`"
        return told if tenant.asked == 1 else f"{told}, {tenant.asked} tries"


@pytest.mark.parametrize("column", CLIENTS)
@pytest.mark.parametrize("kind", rows())
def test_a_cell_of_the_table_is_what_happens(kind: str, column: str) -> None:
    assert {outcome(client, kind) for client in CLIENTS[column]} == {rows()[kind][column]}


def test_the_table_has_every_failure_of_the_network_and_every_client() -> None:
    named: dict[str, Any] = {name: kind for name, kind in faults.kinds().items() if name in faults.NETWORK}
    assert set(rows()) == set(named) | set(faults.ALTERED)
    assert all(set(cells) == set(CLIENTS) for cells in rows().values())
