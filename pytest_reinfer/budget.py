"""How many requests code may make, and which of its lines made them."""

from __future__ import annotations

import sys
import sysconfig
import threading
from collections import Counter, defaultdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from pytest_reinfer import contract

OURS: Final = str(Path(__file__).parent)
SHOWN = 20  # so many callers a failure shows
ASKED = 3  # and so many different requests of each


class BudgetExceeded(AssertionError):
    """The code made more requests than it may."""


class Caller(NamedTuple):
    """The line of the user's own code that a request comes from; line 0: from a thread that runs none."""

    file: str
    line: int
    function: str

    def __str__(self) -> str:
        path = Path(self.file)
        shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
        return f"{shown}:{self.line} in {self.function}" if self.line else self.function


class Budget:
    """Counts requests, of a route or all, by the lines that make them. ValueError for what cannot be."""

    def __init__(self, requests: int, route: str | None = None) -> None:
        if not _is_count(requests):
            raise ValueError(f"budget: requests is a whole number, at least 0, not {requests!r}.")
        if route is not None and route not in contract.routes():
            built = ", ".join(each.name for each in contract.routes().values() if each.built)
            raise ValueError(f"budget: no route is called {route!r}. There are: {built}.")
        self._allowed = requests
        self._route = route
        self._made: Counter[Caller] = Counter()
        self._asked: defaultdict[Caller, dict[str, None]] = defaultdict(dict)

    def add(self, method: str, path: str, route: str | None) -> None:
        """Count a request, in the thread that makes it."""
        if self._route not in (None, route):
            return
        caller = _caller()
        self._made[caller] += 1
        if len(self._asked[caller]) <= ASKED:
            self._asked[caller][f"{method} {path}"] = None

    def check(self) -> None:
        """Raise BudgetExceeded if more requests were made than allowed."""
        __tracebackhide__ = True
        made = self._made.total()
        if made <= self._allowed:
            return
        of_route = "" if self._route is None else f" of {self._route}"
        lines = [f"Requests{of_route} made: {made}, allowed: {self._allowed}. They come from:"]
        lines += [f"  {times} x {caller}   {self._told(caller)}" for caller, times in self._made.most_common(SHOWN)]
        lines += [f"  ... and {len(self._made) - SHOWN} more lines"] * (len(self._made) > SHOWN)
        raise BudgetExceeded("\n".join(lines))

    def _told(self, caller: Caller) -> str:
        asked = list(self._asked[caller])
        return ", ".join([*asked[:ASKED], *["..."] * (len(asked) > ASKED)])


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _caller() -> Caller:
    """The innermost frame that is neither ours nor a library's."""
    frame = sys._getframe(2)  # noqa: SLF001 -- inspect.stack reads every file on the way
    while frame is not None:
        if not _is_library(frame.f_code.co_filename):
            return Caller(frame.f_code.co_filename, frame.f_lineno, frame.f_code.co_name)
        frame = frame.f_back  # type: ignore[assignment] # None ends the walk
    return Caller("", 0, f"the thread {threading.current_thread().name!r}, which runs library code only")


@lru_cache(maxsize=4096)
def _is_library(file: str) -> bool:
    """Whether a file is ours, of an installed package or of Python; code without a file is nobody's line."""
    path = Path(file)
    if file.startswith("<") or {"site-packages", "dist-packages"}.intersection(path.parts):
        return True
    return any(path.is_relative_to(folder) for folder in (OURS, *_standard_library()))


@cache
def _standard_library() -> tuple[str, ...]:
    return tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
