"""Remembering what exchanges have met, from any thread, and putting several processes together."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from pytest_reinfer.coverage.items import API
from pytest_reinfer.coverage.meeting import met

if TYPE_CHECKING:
    from pytest_reinfer.coverage.items import Key
    from pytest_reinfer.wire import Exchange, Request


class Tally:
    """How often each route was asked, and which items were met, each with one test that did.

    Of several tests it is the first by name, whichever ran first. Nothing of a request or an answer is kept.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.test = ""  # that runs; "" between two
        self.asked: dict[str, int] = {}  # by route
        self.met: dict[Key, str] = {}  # the test by item

    def add(self, request: Request, exchange: Exchange, fault: str | None) -> None:
        """Remember an exchange."""
        test, route = self.test, exchange.route
        found = list(met(request, exchange, fault, lambda key: not _before(self.met.get(key), test)))
        with self._lock:
            self.asked[route or API] = self.asked.get(route or API, 0) + 1
            for key in found:
                self._put(key, test)

    def _put(self, key: Key, test: str) -> None:
        if not _before(self.met.get(key), test):
            self.met[key] = test

    def dump(self) -> dict[str, Any]:
        """All of it, in types that go from process to process."""
        with self._lock:
            return {"asked": dict(self.asked), "met": [[*key, test] for key, test in self.met.items()]}

    def merge(self, dumped: dict[str, Any]) -> None:
        """Add what another process has dumped."""
        with self._lock:
            for route, times in dumped["asked"].items():
                self.asked[route] = self.asked.get(route, 0) + times
            for route, group, name, test in dumped["met"]:
                self._put((route, group, name), test)


def _before(held: str | None, test: str) -> bool:
    """Whether the test that is held stays, when another one meets the same; none at all is the last."""
    return held is not None and (not test or (bool(held) and held <= test))
