"""A tenant whose answers vary, or are watched: what stands between it and its client for the time of a test."""

from __future__ import annotations

import json
from collections import defaultdict
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Final

from pytest_reinfer import contract, variations
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer.fake import FakeTenant
    from pytest_reinfer.variations import Variation
    from pytest_reinfer.wire import JSON, Exchange, Request, Response

KEPT = 20  # so many answers of a route say which variations there are
PATIENCE = 3, 20  # so many times the requests of the usual run, and so many more, before it is taken for endless
CONTINUATION: Final = "continuation"
EXPECTED: Final = {  # what a tenant tells of itself in the words of the API
    "exported": "objects/exported_comment.json",
    "labelling": "objects/annotated_comment.json",
    "comment": "objects/comment.json",
    "comments": "objects/comment.json",
}


class Endless(AssertionError):
    """The client asks and asks, many times as often as it does without the variation."""


class Watched:
    """The answers of a tenant that a variation could be for, by route, and how many requests there were."""

    def __init__(self, tenant: FakeTenant) -> None:
        self.answers: defaultdict[str, list[JSON]] = defaultdict(list)
        self.requests = 0
        self._tenant = tenant
        vars(tenant)["exchanged"] = self._watching

    def _watching(self, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        self.requests += 1
        exchange = type(self._tenant).exchanged(self._tenant, request, exchange, fault)
        if _varies(exchange, fault):
            answer, kept = variations.parsed(exchange.response), self.answers[str(exchange.route)]
            if answer is not None and len(kept) < KEPT and answer not in kept:
                kept.append(answer)
        return exchange


class Varied:
    """A variation in force on a tenant, until it ends; `fired` counts the answers that it changed.

    Pages that it puts between others cost no request: the tenant is asked once, and what it answered comes later.
    requests: so many the usual run has made.
    """

    def __init__(self, tenant: FakeTenant, variation: Variation, requests: int | None) -> None:
        self.fired = 0
        self.endless = False
        self._variation = variation
        self._most = None if requests is None else PATIENCE[0] * requests + PATIENCE[1]
        self._asked = count(1)
        self._later: dict[str, Response] = {}  # by the continuation that leads there
        self._tenant, self._answer = tenant, tenant.answer
        vars(tenant).update(exchanged=self._varying, answer=self._paging)
        if variation.kind in variations.AT_A_PLACE:
            vars(tenant).update({name: self._expected(getattr(tenant, name), EXPECTED[name]) for name in EXPECTED})

    def _varying(self, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        exchange = type(self._tenant).exchanged(self._tenant, request, exchange, fault)
        if exchange.route != self._variation.route or not _varies(exchange, fault):
            return exchange
        paged = self._variation.kind in variations.PAGES
        response = self._earlier(exchange.response) if paged else variations.vary(self._variation, exchange.response)
        self.fired += response is not exchange.response
        return exchange._replace(response=response)

    def _paging(self, request: Request) -> Response:
        if self._most is not None and next(self._asked) > self._most:
            self.endless = True
            raise Endless(
                f"Under {self._variation} the client has asked {self._most} times, and asks on: {request.method} "
                f"{request.path}."
            )
        return self._later.get(_token(request)) or self._answer(request)

    def _earlier(self, response: Response) -> Response:
        """The page that comes before the one that was asked for; that one where none does."""
        route, kind, _ = self._variation
        items, page = str(contract.pages(route)), variations.parsed(response)
        shown = variations.PAGES.index(kind)
        if page is None or len(page.get(items, ())) <= shown:
            return response
        token = _made(route, len(self._later))
        self._later[token] = response._replace(body=encode({**page, items: page[items][shown:]}))
        return response._replace(body=encode({**page, items: page[items][:shown], CONTINUATION: token}))

    def _expected(self, tell: Callable[..., Any], file: str) -> Callable[..., Any]:
        """What the tenant tells, varied as its answers are."""

        def told(*args: Any, **kwargs: Any) -> Any:
            found = tell(*args, **kwargs)
            if isinstance(found, list):
                return [variations.expected(self._variation, file, each) for each in found]
            return variations.expected(self._variation, file, found)

        return told


def _varies(exchange: Exchange, fault: str | None) -> bool:
    """Whether an answer is one that variations are for."""
    return exchange.response.status == HTTPStatus.OK and exchange.route is not None and fault is None


def _token(request: Request) -> str:
    """The continuation that a request carries; empty where it has none."""
    try:
        body = json.loads(request.body)
    except ValueError:
        return ""
    return str(body.get(CONTINUATION, "")) if isinstance(body, dict) else ""


def _made(route: str, number: int) -> str:
    """A continuation like those of a route, of which this is the one with a number."""
    example: str = contract.node(f"routes/{route}.json#/properties/response/properties/{CONTINUATION}")["examples"][0]
    return f"{example[:-8]}{number:08x}"
