"""One exchange over `requests`, answered in several ways."""

from __future__ import annotations

import json
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
import responses
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from benchmarks.harness import Peer, load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from benchmarks.harness import Call
    from pytest_reinfer import FakeTenant

FLOOR = "floor: an adapter that returns one prebuilt Response"
OURS = "pytest-reinfer"
STATIC = "responses, static body"
CALLBACK = "responses, one catch-all callback"
MOCK = "requests-mock"
HTTPSERVER = "pytest-httpserver (a socket)"
MOTO = "moto, an object in S3"
PLAIN = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Exchange:
    """What a client asks of an open tenant; `sent` is the JSON it posts, None for a GET."""

    tenant: FakeTenant
    path: str
    sent: Any = None

    @property
    def method(self) -> str:
        """Of HTTP."""
        return "GET" if self.sent is None else "POST"

    @property
    def url(self) -> str:
        """Where the tenant answers."""
        return self.tenant.url + self.path

    def client(self, url: str | None = None, adapter: HTTPAdapter | None = None) -> Call:
        """One session that asks again and again, always with the tenant's token, and parses what it gets."""
        session, target = requests.Session(), url or self.url
        session.headers.update(self.tenant.headers)
        if adapter is not None:
            session.mount("https://", adapter)
        if self.sent is None:
            return lambda: session.get(target).json()
        return lambda: session.post(target, json=self.sent).json()

    def answer(self) -> bytes:
        """The bytes that the tenant answers with."""
        with self.tenant:
            reply = requests.request(self.method, self.url, json=self.sent, headers=self.tenant.headers)
            reply.raise_for_status()
            return bytes(reply.content)


class Prebuilt(HTTPAdapter):
    """Returns the same response to every request, as cheaply as an adapter can."""

    def __init__(self, body: bytes) -> None:
        super().__init__()
        self.body = body
        self.response: requests.Response | None = None

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Answer without looking at the request."""
        if self.response is None:
            raw = HTTPResponse(BytesIO(self.body), PLAIN, 200, preload_content=False)
            self.response = self.build_response(request, raw)
            assert self.response.content == self.body
            self.response.raw = BytesIO()
        self.response.request = request
        return self.response


def floor(exchange: Exchange, body: bytes) -> Peer:
    """What `requests` itself takes to send the request and to parse the answer."""

    @contextmanager
    def context() -> Iterator[Call]:
        yield exchange.client(adapter=Prebuilt(body))

    return Peer(FLOOR, context)


def ours(exchange: Exchange) -> Peer:
    """An open tenant: real state, permissions, validation, log."""

    @contextmanager
    def context() -> Iterator[Call]:
        with exchange.tenant:
            yield exchange.client()

    return Peer(OURS, context)


def responses_static(exchange: Exchange, body: bytes) -> Peer:
    """What most test suites do."""

    @contextmanager
    def context() -> Iterator[Call]:
        with responses.RequestsMock() as mock:
            mock.add(exchange.method, exchange.url, body=body, content_type=PLAIN["Content-Type"])
            yield exchange.client()

    return Peer(STATIC, context)


def responses_callback(exchange: Exchange, body: bytes) -> Peer:
    """What a fake of one's own would be built on."""

    @contextmanager
    def context() -> Iterator[Call]:
        with responses.RequestsMock() as mock:
            place = re.compile(re.escape(exchange.tenant.url) + "/")
            mock.add_callback(exchange.method, place, callback=lambda _: (200, PLAIN, body))
            yield exchange.client()

    return Peer(CALLBACK, context)


def requests_mock(exchange: Exchange, body: bytes) -> Peer | None:
    """It catches every session, so it is left while the floor runs."""
    module = load("requests_mock")
    if module is None:
        return None

    @contextmanager
    def around() -> Iterator[None]:
        with module.Mocker() as mock:
            mock.register_uri(exchange.method, exchange.url, content=body, headers=PLAIN)
            yield

    @contextmanager
    def context() -> Iterator[Call]:
        yield exchange.client()

    return Peer(MOCK, context, around)


def httpserver(exchange: Exchange, body: bytes) -> Peer | None:
    """A server on loopback, in a thread of this process."""
    module = load("pytest_httpserver")
    if module is None:
        return None

    @contextmanager
    def context() -> Iterator[Call]:
        with module.HTTPServer(port=0) as server:
            handler = server.expect_request(exchange.path, method=exchange.method)
            handler.respond_with_data(body, content_type=PLAIN["Content-Type"])
            yield exchange.client(server.url_for(exchange.path))

    return Peer(HTTPSERVER, context, kept=True)


def moto(_: Exchange, body: bytes) -> Peer | None:
    """A fake service with state: the same bytes as a public object, got by a GET, without a token."""
    module, boto3 = load("moto"), load("boto3")
    if module is None or boto3 is None:
        return None
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.setdefault(name, "made-up")

    @contextmanager
    def context() -> Iterator[Call]:
        with module.mock_aws():
            client = boto3.client("s3", region_name="us-east-1")
            client.create_bucket(Bucket="bench")
            client.put_object(Bucket="bench", Key="k", Body=body, ContentType=PLAIN["Content-Type"], ACL="public-read")
            session = requests.Session()
            yield lambda: session.get("https://bench.s3.amazonaws.com/k").json()

    return Peer(MOTO, context, every=4)


def everyone(exchange: Exchange) -> tuple[Peer, list[Peer], Callable[[Any], bool]]:
    """The floor, the peers, and whether an answer is the tenant's."""
    body = exchange.answer()
    wanted: Mapping[str, Any] = json.loads(body)
    makers = (responses_static, responses_callback, requests_mock, httpserver, moto)
    others = [peer for peer in (make(exchange, body) for make in makers) if peer is not None]
    return floor(exchange, body), [ours(exchange), *others], lambda got: bool(got == wanted)
