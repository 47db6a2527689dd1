"""How many requests code may make, and which of its lines made them."""

from __future__ import annotations

import os
import sys
import sysconfig
import threading
from collections import Counter, defaultdict
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from pytest_reinfer import contract

if TYPE_CHECKING:
    from types import FrameType

OURS: Final = str(Path(__file__).parent)
RUNNER: Final = f"{os.sep}_pytest{os.sep}"
DEEP = 3  # so many lines tell who makes a request
SHOWN = 20  # so many callers a failure shows
ASKED = 3  # and so many different requests of each


class BudgetExceeded(AssertionError):
    """The code made more requests than it may."""


class Caller(NamedTuple):
    """A line of the user's own code that a request comes from; line 0: from a thread that runs none."""

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
        self._made: Counter[tuple[Caller, ...]] = Counter()
        self._asked: defaultdict[tuple[Caller, ...], dict[str, None]] = defaultdict(dict)

    def add(self, method: str, path: str, route: str | None) -> None:
        """Count a request, in the thread that makes it."""
        if self._route not in (None, route):
            return
        callers = _callers()
        self._made[callers] += 1
        if len(self._asked[callers]) <= ASKED:
            self._asked[callers][f"{method} {path}"] = None

    def check(self) -> None:
        """Raise BudgetExceeded if more requests were made than allowed."""
        __tracebackhide__ = True
        made = self._made.total()
        if made <= self._allowed:
            return
        of_route = "" if self._route is None else f" of {self._route}"
        lines = [f"Requests{of_route} made: {made}, allowed: {self._allowed}. They come from:"]
        lines += [f"  {times} x {self._told(callers)}" for callers, times in self._made.most_common(SHOWN)]
        lines += [f"  ... and {len(self._made) - SHOWN} more"] * (len(self._made) > SHOWN)
        raise BudgetExceeded("\n".join(lines))

    def _told(self, callers: tuple[Caller, ...]) -> str:
        asked = list(self._asked[callers])
        return f"{', from '.join(map(str, callers))}   {', '.join([*asked[:ASKED], *['...'] * (len(asked) > ASKED)])}"


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _callers() -> tuple[Caller, ...]:
    """The innermost lines that are neither ours nor a library's, each once, up to whoever runs the test."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001 -- inspect.stack reads every file on the way
    found: dict[Caller, None] = {}
    while frame is not None and len(found) < DEEP:
        file = frame.f_code.co_filename
        if not _is_library(file):
            found[Caller(file, frame.f_lineno, frame.f_code.co_name)] = None
        elif found and RUNNER in file:
            break  # what is above started pytest
        frame = frame.f_back
    nobody = Caller("", 0, f"the thread {threading.current_thread().name!r}, which runs library code only")
    return tuple(found) or (nobody,)


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
