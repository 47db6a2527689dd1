"""Holds what a test sends to its tenants, and what it gets, against the contract: a fixture, and `--reinfer-strict`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

from pytest_reinfer import contract, evidence
from pytest_reinfer.contract import Breach
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.reliance import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.evidence import Rule
    from pytest_reinfer.wire import JSON, Exchange, Request

MOST: Final = 1000  # so many breaches are remembered
SENSELESS: Final = (400, 413, 422)  # statuses of requests that are wrong whatever the tenant holds
SHOWN: Final = 20  # so many of them a failure shows
LEAST: Final = "sample"  # what the vendor has published: documentation, machine-readable descriptions, samples


class BrokenContract(AssertionError):
    """What a test sent or got breaks the contract of the API."""


class Exchanges:
    """The exchanges of a test with all of its tenants, from `open` to `close`.

    strict: fields that the contract does not have and deprecated ones are breaches as well, and answers come without
    the keys that the vendor has published nowhere.
    """

    def __init__(self, *, strict: bool) -> None:
        self._strict = strict
        self._found: dict[str, Breach] = {}  # by the request, and what is told of it
        self._forgotten = 0
        self._left_out: dict[str, Rule] = {}
        self._failed: set[int] = set()  # the tenants that have met a fault: what follows from it, nobody can tell
        self._seams = [
            Replaced(FakeTenant, "exchanged", self._watching),
            Replaced(FakeTenant, "unanswered", self._watching_breaks),
            Replaced(FakeTenant, "shown", self._showing),
        ]

    def open(self) -> Self:
        """Watch every tenant of this process."""
        for seam in self._seams:
            seam.open()
        return self

    def close(self) -> None:
        """Watch no longer."""
        for seam in self._seams:
            seam.close()

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """Each different breach so far, in the order they were found."""
        return tuple(self._found.values())

    @property
    def left_out(self) -> tuple[Rule, ...]:
        """The keys that answers came without."""
        return tuple(self._left_out.values())

    def clear(self) -> None:
        """Forget the breaches so far: those that the test meant."""
        self._found.clear()
        self._forgotten = 0

    def check(self) -> None:
        """Raise BrokenContract, naming the breaches since it was last asked, if there are any."""
        __tracebackhide__ = True
        found, more = list(self._found), self._forgotten
        self.clear()
        if not found:
            return
        more += len(found) - len(found[:SHOWN])
        lines = ["What was sent or answered breaks the contract of the API:", *found[:SHOWN]]
        lines += [f"... and {more} more"] * bool(more)
        lines.append("Breaches that a test means: `reinfer_contract.clear()` forgets those so far.")
        if self._strict:
            lines.append("A test that is not to be read strictly: mark it @pytest.mark.reinfer(strict=False).")
        raise BrokenContract("\n".join(lines))

    def _watching(self, link: Link) -> Callable[..., Exchange]:
        def exchanged(tenant: FakeTenant, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
            if link.open:
                self._look(tenant, request, exchange, fault)
            answered: Exchange = link.previous(tenant, request, exchange, fault)
            if not (link.open and self._strict):
                return answered
            published, left_out = trimmed(answered, LEAST)
            for rule in left_out:
                self._left_out.setdefault(f"{rule.about} {rule}", rule)
            return published

        return exchanged

    def _watching_breaks(self, link: Link) -> Callable[..., None]:
        def unanswered(tenant: FakeTenant, request: Request) -> None:
            if link.open:
                self._look(tenant, request, None, "no answer")
            link.previous(tenant, request)

        return unanswered

    def _showing(self, link: Link) -> Callable[..., JSON]:
        def shown(tenant: FakeTenant, route: str, answer: JSON) -> JSON:
            given: JSON = link.previous(tenant, route, answer)
            return evidence.trimmed(route, given, LEAST).answer if link.open and self._strict else given

        return shown

    def _look(self, tenant: FakeTenant, request: Request, exchange: Exchange | None, fault: str | None) -> None:
        """Remember what is wrong; with the answer of a fault the test means to have something wrong."""
        response = exchange.response if exchange is not None and fault is None else None
        found = contract.breaches(request, response, strict=self._strict)
        if fault is not None:
            self._failed.add(id(tenant))
        if exchange is not None and id(tenant) not in self._failed and not found:
            found = list(_refused(exchange))
        for breach in found:
            if breach.rule in ("route", "method") and (fault is not None or tenant.unknown_routes_pass):
                continue  # where a fault led to, or what the test says it means
            came = "no answer" if exchange is None else exchange.response.status
            told = f"  {request.method} {unquote(request.path)} -> {came}\n    {breach}"
            if told in self._found or len(self._found) < MOST:
                self._found[told] = breach
            else:
                self._forgotten += 1


def _refused(exchange: Exchange) -> Iterator[Breach]:
    """What a tenant refuses as ill-formed or senseless by a rule that no schema can say."""
    status = exchange.response.status
    if exchange.refusal is not None and status in SENSELESS:
        message = json.loads(exchange.response.body)["message"]
        why = contract.convention("x-errors")[exchange.refusal]["evidence"]
        yield Breach("request", "$", exchange.refusal, "what the API takes", f"{status}: {message}", why)
