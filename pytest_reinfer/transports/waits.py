"""Waits on the wire, in an event loop, that take no real time: those of its tasks pass beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop
    from collections.abc import Callable

RESTED: Final = 8  # rounds of a loop after which its tasks have read what came, or begun to wait, or timed out


class Wait(NamedTuple):
    """A wait until `due`, in seconds: its clock is told what passes; `over` is called at the end, or with an error."""

    due: float
    passes: Callable[[float], object]
    over: Callable[[Exception | None], object]


class Waits:
    """Those of one event loop. When its tasks rest, time passes for all until the first is over."""

    def __init__(self) -> None:
        self._waits: list[Wait] = []
        self._now = 0.0
        self._rounds = 0
        self._going = False

    def add(self, loop: AbstractEventLoop, seconds: float, passes: Callable[[float], object], over: Any) -> Wait:
        """Wait from now on."""
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
        if not self._rounds:
            self._rounds = RESTED
            if not self._end():
                self._pass()  # and see first whether anybody has no time left, whose timers go by a clock that leads
        self._going = bool(self._waits)
        if self._going:
            loop.call_soon(self._round, loop)

    def _end(self) -> bool:
        """End what is over; whether anything was."""
        over = [wait for wait in self._waits if wait.due <= self._now]
        for wait in over:
            self.drop(wait)
            wait.over(None)
        return bool(over)

    def _pass(self) -> None:
        """Let time pass until the first wait is over, for all clocks that are waited by."""
        due = min((wait.due for wait in self._waits), default=self._now)
        length, self._now = due - self._now, due
        for passes in dict.fromkeys(wait.passes for wait in self._waits):
            try:
                passes(length)
            except Exception as error:  # noqa: BLE001 -- it is theirs who wait
                for wait in [wait for wait in self._waits if wait.passes == passes]:
                    self.drop(wait)
                    wait.over(error)
