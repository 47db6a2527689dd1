"""Waits on the wire, in an event loop, that take no real time: those of its tasks pass beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

RESTED: Final = 8  # rounds of a loop after which its tasks have read what came, and others have begun to wait


class Wait(NamedTuple):
    """A wait until `due`, in seconds: its clock is told what passes; `over` is called at the end, or with an error."""

    due: float
    passes: Callable[[float], object]
    over: Callable[[Exception | None], object]


class Waits:
    """Those of one event loop. They begin when tasks rest, and the first to end lets time pass for all."""

    def __init__(self) -> None:
        self._waits: list[Wait] = []
        self._now = 0.0
        self._rounds = 0
        self._going = False

    def add(self, loop: AbstractEventLoop, seconds: float, passes: Callable[[float], object], over: Any) -> Wait:
        """Wait from now on."""
        if not self._waits:
            self._now = 0.0  # what is added to it stays exact
        wait = Wait(self._now + seconds, passes, over)
        self._waits.append(wait)
        self._rounds = RESTED
        if not self._going:
            self._going = True
            loop.call_soon(self._round, loop)
        return wait

    def drop(self, wait: Wait) -> None:
        """Wait no longer, if it still does."""
        self._waits = [each for each in self._waits if each is not wait]

    def _round(self, loop: AbstractEventLoop) -> None:
        self._rounds -= 1
        if self._rounds <= 0:
            self._turn()
            self._rounds = RESTED
        self._going = bool(self._waits)
        if self._going:
            loop.call_soon(self._round, loop)

    def _turn(self) -> None:
        """Let time pass until the first wait is over, for all clocks that are waited by."""
        if not self._waits:
            return
        due = min(wait.due for wait in self._waits)
        length, self._now = due - self._now, due
        failed: dict[Callable[[float], object], Exception] = {}
        for passes in dict.fromkeys(wait.passes for wait in self._waits):
            try:
                passes(length)
            except Exception as error:  # noqa: BLE001 -- it is theirs who wait
                failed[passes] = error
        over = [wait for wait in self._waits if wait.due == due or wait.passes in failed]
        self._waits = [wait for wait in self._waits if wait.due != due and wait.passes not in failed]
        for wait in over:
            wait.over(failed.get(wait.passes))
