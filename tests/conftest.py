"""What all tests share: a tenant, one way to send over every door, and a contract that every answer is held against."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import httpcore  # noqa: F401 -- httpx imports it late, and runs of pytest in-process forget what they import
import httpcore2  # noqa: F401 -- as well
import httpx
import httpx2
import pytest
import requests
import urllib3

from pytest_reinfer import FakeTenant, api, contract
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.tenant import Tenant, User
    from pytest_reinfer.wire import Exchange

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def _every_answer_keeps_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = api.answer

    def checked(tenant: Tenant, request: Request) -> Exchange:
        exchange = answer(tenant, request)
        found = contract.breaches(request, exchange.response, strict=True)
        assert [breach for breach in found if breach.part == "response"] == []
        return exchange

    monkeypatch.setattr(api, "answer", checked)


@pytest.fixture
def tenant() -> Iterator[FakeTenant]:
    with FakeTenant(unknown_routes="allow", unbuilt_routes="allow") as tenant:
        yield tenant


@dataclass
class Answer:
    """An answer, whatever door it came through."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def message(self) -> str:
        assert self.json["status"] == "error"
        return str(self.json["message"])


Send = "Callable[..., Answer]"


def _through_requests(tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    response = requests.request(method, tenant.url + path, headers=headers, data=body)
    return Answer(response.status_code, dict(response.headers), response.content)


def _directly(tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    parts = urlsplit(path)
    lower = {name.lower(): value for name, value in headers.items()}
    return Answer(*tenant.answer(Request(method, parts.path, parts.query, lower, body)))


def _through_urllib3(tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    with urllib3.PoolManager(retries=False) as pool:
        response = pool.request(method, tenant.url + path, headers=headers, body=body, redirect=False)
    return Answer(response.status, dict(response.headers), response.data)


def _through_httpx(tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    with httpx.Client(verify=_untrusting()) as client:
        response = client.request(method, tenant.url + path, headers=_octets(headers), content=body)
    return Answer(response.status_code, _texts(response.headers.raw), response.content)


def _through_httpx2(tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    async def call() -> httpx2.Response:
        async with httpx2.AsyncClient(verify=_untrusting()) as client:
            return await client.request(method, tenant.url + path, headers=_octets(headers), content=body)

    response = asyncio.run(call())
    return Answer(response.status_code, _texts(response.headers.raw), response.content)


def _octets(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    """Headers as `requests` encodes them: it takes more than ASCII."""
    return [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]


def _texts(headers: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in headers}


@cache
def _untrusting() -> ssl.SSLContext:
    """One for all: nobody looks at a certificate, and to load the usual ones is dear."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _through_http_client(tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    parts = urlsplit(tenant.url)
    conn = http.client.HTTPSConnection(parts.netloc, context=_untrusting())
    conn.request(method, quote(parts.path + path, safe="!#$%&'()*+,/:;=?@[]~"), body, headers)
    response = conn.getresponse()
    return Answer(response.status, dict(response.headers), response.read())


SENDERS = {
    "requests": _through_requests,
    "urllib3": _through_urllib3,
    "httpx": _through_httpx,
    "httpx2": _through_httpx2,
    "http.client": _through_http_client,
    "direct": _directly,
    "port": None,  # of the live server
}


class Port:
    """A port at which whoever is asked answers; what that raises is raised where it is asked."""

    def __init__(self, pool: urllib3.HTTPConnectionPool) -> None:
        self._pool = pool
        self._asked: FakeTenant | None = None
        self._raised: list[Exception] = []

    def answer(self, request: Request) -> Response:
        assert self._asked is not None
        try:
            self._given = self._asked.answer(request)
        except Exception as error:
            self._raised.append(error)
            raise
        return self._given

    def __call__(self, tenant: FakeTenant, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        self._asked = tenant
        response = self._pool.request(method, path, headers=headers, body=body, redirect=False, retries=False)
        if self._raised:
            raise self._raised.pop()
        return Answer(response.status, {name: response.headers[name] for name in self._given.headers}, response.data)


@pytest.fixture(scope="session")
def port() -> Iterator[Port]:
    """An application of ASGI on the live server."""
    from pytest_reinfer.transports import asgi, uvicorn  # noqa: PLC0415 -- not every run asks for it

    listening = socket.create_server(("127.0.0.1", 0))
    host, number = listening.getsockname()
    with urllib3.HTTPConnectionPool(host, number, timeout=10) as pool:
        port = Port(pool)
        stop = uvicorn.run(asgi.application(port.answer), listening, None)
        yield port
        stop()


@pytest.fixture(params=SENDERS)
def send(request: pytest.FixtureRequest, tenant: FakeTenant) -> Callable[..., Answer]:
    """Send to the tenant as its administrator or `user`: `json` as a value, or `body` in bytes."""
    door = SENDERS[request.param] or request.getfixturevalue("port")

    def send(
        method: str,
        path: str,
        json: Any = None,
        *,
        body: bytes | None = None,
        user: User | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        if headers is None:
            headers = dict((user or tenant).headers)
        if json is not None or body is not None:
            headers.setdefault("Content-Type", "application/json")
        sent = body if body is not None else b"" if json is None else _dumps(json)
        answer: Answer = door(tenant, method, path, headers, sent)
        return answer

    return send


def _dumps(value: Any) -> bytes:
    return json.dumps(value).encode()


@pytest.fixture
def refused(tenant: FakeTenant, send: Callable[..., Answer]) -> Callable[..., Answer]:
    """Send what the tenant must refuse, and see that nothing has changed."""

    def refused(status: int, *args: Any, **kwargs: Any) -> Answer:
        before = everything(tenant)
        answer = send(*args, **kwargs)
        assert answer.status == status, answer
        assert everything(tenant) == before
        return answer

    return refused


def ask(tenant: FakeTenant, method: str, path: str, json: Any = None) -> Answer:
    """Ask a tenant as its administrator, without a client."""
    headers = {**tenant.headers, "Content-Type": "application/json"}
    return _directly(tenant, method, path, headers, b"" if json is None else _dumps(json))


def in_threads(work: Callable[[int], None], count: int = 8) -> None:
    """Run `work(0)`, `work(1)` ... at once; an error in any of them is the test's."""
    with ThreadPoolExecutor(count) as pool:
        list(pool.map(work, range(count)))


def everything(tenant: FakeTenant) -> Any:
    """All that a tenant holds, to be compared."""
    state = tenant.snapshot()
    return (
        [
            each.fields
            for table in (state.projects, state.sources, state.datasets, state.buckets)
            for each in table.values()
        ],
        {source_id: (list(table.rows.values()), table.orders) for source_id, table in state.comments.items()},
        state.labelled,
        state.remarks,
        state.model_tags,
        state.users,
    )


def comment(comment_id: str, timestamp: str = "2024-01-01T00:00:00Z", **fields: Any) -> dict[str, Any]:
    """A small comment to upload."""
    return {"id": comment_id, "timestamp": timestamp, "messages": [{"body": {"text": comment_id}}], **fields}
