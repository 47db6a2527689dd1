"""The door for `requests` and `urllib3`, built on `responses`.

A tenant's door is a `RequestsMock` that asks the tenant where others look for a stub, and hands everything else on to
whatever was there before: the network, or another mock. Further replacements let a tenant be found under mocks that
are started inside it: a `responses` or `requests-mock` of the test's own gets what it has a stub for, and the tenant
gets the rest of its own URLs.

What `requests` does with an answer stays its own work. A plain answer becomes a `requests.Response` here, at a third of
the price; wherever more than that is at stake (a `Retry` that has something to say, a stream, trouble on the wire, an
adapter with ways of its own) the real `HTTPAdapter.send` runs over urllib3, and so over the door for `urllib3`.
"""

from __future__ import annotations

import http.client
from functools import cache, cached_property
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from typing import TYPE_CHECKING, Any

import requests
import responses
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers
from urllib3 import HTTPResponse

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.transports import urllib3
from pytest_reinfer.transports.sockets import asked
from pytest_reinfer.transports.urllib3 import Handed, sent, text
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer.transports.urllib3 import Locate
    from pytest_reinfer.wire import Place, Trouble


class Door(responses.RequestsMock):
    """Leads a request that is a tenant's to the tenant."""

    def __init__(self, handed: Handed) -> None:
        super().__init__(assert_all_requests_are_fired=False)
        self._handed = handed

    def _on_request(  # type: ignore[override] # it is told the place, and has no stubs to look through
        self,
        adapter: HTTPAdapter,
        request: requests.PreparedRequest,
        *,
        place: Place,
        retries: Any = None,  # noqa: ARG002 -- for mocks that play urllib3 themselves
        **kwargs: Any,
    ) -> requests.Response:
        """Send a request through an adapter to its place at a tenant."""
        if kwargs.get("stream") or not _is_stock(type(adapter)):  # type: ignore[arg-type] # a class has a hash
            return self._send_for_real(adapter, request, place, None, **kwargs)
        headers = {name: text(value) for name, value in request.headers.lower_items()}
        start = _position(request.body)
        body = sent(request.body)
        first = asked(place, Request(str(request.method), place.path, place.query, headers, body))
        if isinstance(first, Response) and not _is_retried(adapter, request, first):
            return _response(adapter, request, first)
        if start is not None:  # urllib3 rewinds to where it finds a file
            request.body.seek(start)  # type: ignore[union-attr] # it has a position
        return self._send_for_real(adapter, request, place, first, **kwargs)

    def _send_for_real(
        self,
        adapter: HTTPAdapter,
        request: requests.PreparedRequest,
        place: Place,
        first: Response | Trouble | None,
        **kwargs: Any,
    ) -> requests.Response:
        """Run the adapter's own `send` over urllib3; the first attempt may have its answer already."""
        with self._handed.over(place, first):
            return responses._real_send(adapter, request, **{**kwargs, "proxies": None})  # noqa: SLF001


def _position(body: Any) -> int | None:
    """Where a file stands that is to be sent; None for a body that cannot be sent again."""
    try:
        return int(body.tell()) if hasattr(body, "seek") else None
    except (AttributeError, OSError):
        return None


@cache
def _is_stock(kind: type[HTTPAdapter]) -> bool:
    """Whether an adapter has no ways of its own between a request and its response."""
    ways = ("add_headers", "build_response", "cert_verify", "get_connection_with_tls_context", "request_url")
    return all(getattr(kind, name) is getattr(HTTPAdapter, name) for name in ways)


def _is_retried(adapter: HTTPAdapter, request: requests.PreparedRequest, answer: Response) -> bool:
    """Whether the adapter's `Retry` has something to say to an answer."""
    retry_after = "Retry-After" in answer.headers
    return bool(adapter.max_retries.is_retry(str(request.method), answer.status, retry_after))


def _response(adapter: HTTPAdapter, request: requests.PreparedRequest, answer: Response) -> requests.Response:
    """A response as `requests` has it when the body is read: what `HTTPAdapter.build_response` sets, and the body."""
    response = requests.Response()
    response.status_code = answer.status
    response.headers = CaseInsensitiveDict()
    for name, value in answer.headers.items():
        response.headers[name] = value
    response.encoding = _encoding(response.headers.get("Content-Type"))
    response.raw = _DrainedRaw(answer, request, adapter)
    response.reason = http.client.responses.get(answer.status, "")
    response.url = str(request.url)
    response.request = request
    vars(response).update(connection=adapter, _content=answer.body, _content_consumed=True)
    return response


@cache
def _encoding(content_type: str | None) -> str | None:
    """The encoding that `requests` reads out of a content type."""
    return get_encoding_from_headers(CaseInsensitiveDict({"Content-Type": content_type} if content_type else {}))


class _DrainedRaw:
    """What `response.raw` is after the body was read: made when somebody looks, which hardly anybody does."""

    _original_response = None  # where `requests` looks for cookies, at every response

    def __init__(self, answer: Response, request: requests.PreparedRequest, adapter: HTTPAdapter) -> None:
        self._answer = answer
        self._request = request
        self._retries = adapter.max_retries

    @cached_property
    def _made(self) -> HTTPResponse:
        drained = BytesIO()
        drained.close()
        return HTTPResponse(
            body=drained,
            headers=self._answer.headers,
            status=self._answer.status,
            version=11,
            reason=http.client.responses.get(self._answer.status, ""),
            preload_content=False,
            request_method=self._request.method,
            retries=self._retries,
        )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._made, name)


# ------------------------------------------------------------------------------------------------- the replacements


def _send(locate: Locate, handed: Handed) -> Callable[[Link], Callable[..., Any]]:
    """`HTTPAdapter.send`, for a tenant's URLs the tenant."""

    def make(link: Link) -> Callable[..., Any]:
        serve = Door(handed).unbound_on_send()

        def send(adapter: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
            place = locate(str(request.url)) if link.open else None
            if place is None:
                with handed.over(None, None):  # an adapter may send it inside of one of the tenant's
                    return link.previous(adapter, request, *args, **kwargs)
            return serve(adapter, request, *args, place=place, **kwargs)

        return send

    return make


class _NoStub(Exception):
    """A mock of the test's own has no stub for a request that is a tenant's."""


def _on_request(locate: Locate, handed: Handed) -> Callable[[Link], Callable[..., Any]]:
    """What any other `RequestsMock` does with a request: its stubs first, then the tenant."""

    def make(link: Link) -> Callable[..., Any]:
        door = Door(handed)

        def on_request(
            mock: responses.RequestsMock, adapter: HTTPAdapter, request: requests.PreparedRequest, **kwargs: Any
        ) -> Any:
            place = locate(str(request.url)) if link.open else None
            if place is None:
                return link.previous(mock, adapter, request, **kwargs)
            if _may_have_stub(mock, request):
                try:
                    return link.previous(mock, adapter, request, **kwargs)
                except _NoStub:
                    pass
            return door._on_request(adapter, request, place=place, **kwargs)  # noqa: SLF001

        return on_request

    return make


def _find_match(locate: Locate) -> Callable[[Link], Callable[..., Any]]:
    """How a `RequestsMock` looks for a stub, asked once: a stub's own matchers may count."""

    def make(link: Link) -> Callable[..., Any]:
        def find_match(mock: responses.RequestsMock, request: requests.PreparedRequest) -> Any:
            found = link.previous(mock, request)
            if found[0] is None and link.open and locate(str(request.url)) is not None:
                raise _NoStub
            return found

        return find_match

    return make


def _may_have_stub(mock: responses.RequestsMock, request: requests.PreparedRequest) -> bool:
    """Whether a stub has this method and URL. An ordered registry is not even asked about others: it would reset."""
    url = str(request.url)
    return any(
        stub.method == request.method and stub._url_matches(stub.url, url)  # noqa: SLF001
        for stub in mock.registered()
    )


def _mock_send(locate: Locate) -> Callable[[Link], Callable[..., Any]]:
    """What a `requests_mock` adapter does with a request: its stubs first, then the session's own way to us."""

    def make(link: Link) -> Callable[..., Any]:
        from requests_mock.adapter import _RunRealHTTP  # noqa: PLC0415
        from requests_mock.exceptions import NoMockAddress  # noqa: PLC0415

        def send(mock: Any, request: requests.PreparedRequest, **kwargs: Any) -> Any:
            try:
                return link.previous(mock, request, **kwargs)
            except NoMockAddress:
                if link.open and locate(str(request.url)) is not None:
                    raise _RunRealHTTP from None
                raise

        return send

    return make


@cache
def _requests_mock() -> Any:
    """The package, where it is installed: its pytest plugin has imported it already."""
    return import_module("requests_mock") if find_spec("requests_mock") else None


def doors(locate: Locate) -> list[Replaced]:
    """What leads `requests` and `urllib3`, while it is open, to the places that `locate` finds for URLs."""
    handed = Handed()
    found = [
        *urllib3.doors(locate, handed),
        Replaced(HTTPAdapter, "send", _send(locate, handed)),
        Replaced(responses.RequestsMock, "_on_request", _on_request(locate, handed)),
        Replaced(responses.RequestsMock, "_find_match", _find_match(locate)),
    ]
    mocks = _requests_mock()
    return found if mocks is None else [*found, Replaced(mocks.Adapter, "send", _mock_send(locate))]
