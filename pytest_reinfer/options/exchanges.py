"""Holds what a test sends to its tenants, and what it gets, against the contract: a fixture, and `--reinfer-strict`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote

from pytest_reinfer import contract
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.reliance import trimmed

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer.contract import Breach
    from pytest_reinfer.evidence import Rule
    from pytest_reinfer.wire import Exchange, Request

MOST: Final = 1000  # so many breaches are remembered
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
        self._seam = Replaced(FakeTenant, "exchanged", self._watching)

    def open(self) -> Self:
        """Watch every tenant of this process."""
        self._seam.open()
        return self

    def close(self) -> None:
        """Watch no longer."""
        self._seam.close()

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
                self._look(request, exchange, fault)
            answered: Exchange = link.previous(tenant, request, exchange, fault)
            if not (link.open and self._strict):
                return answered
            published, left_out = trimmed(answered, LEAST)
            for rule in left_out:
                self._left_out.setdefault(f"{rule.about} {rule}", rule)
            return published

        return exchanged

    def _look(self, request: Request, exchange: Exchange, fault: str | None) -> None:
        """Remember what is wrong; with the answer of a fault the test means to have something wrong."""
        response = exchange.response if fault is None else None
        for breach in contract.breaches(request, response, strict=self._strict):
            told = f"  {request.method} {unquote(request.path)} -> {exchange.response.status}\n    {breach}"
            if told in self._found or len(self._found) < MOST:
                self._found[told] = breach
            else:
                self._forgotten += 1
