"""Where a test has travelled to, by time-machine or freezegun: neither is imported, only looked at where it is used."""

from __future__ import annotations

import sys
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from types import ModuleType

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- freezegun's moments are UTC, without a zone


def travelled() -> int | None:
    """The moment that a travel under way pretends, in microseconds since the epoch; None without one."""
    freezegun, time_machine = sys.modules.get("freezegun.api"), sys.modules.get("time_machine")
    if freezegun and (freezer := _innermost(freezegun, "freeze_factories")):
        steps = hasattr(freezer, "step_width")  # such a one goes on by being asked, which looking must not do
        there: datetime = freezer.time_to_freeze if steps else freezer()
        return (there - EPOCH) // timedelta(microseconds=1)
    if time_machine and (traveller := _innermost(time_machine, "traveller_stack")):
        return int(traveller.time_ns()) // 1000
    return None


def wall() -> float:
    """What `time.time()` says now to the code under test, in seconds since the epoch."""
    there = travelled()  # asked first: freezegun says the real time to threads
    return time.time() if there is None else there / 1e6


def move(seconds: float) -> None:
    """Let the travel under way, if there is one, go on by so many seconds."""
    freezegun, time_machine = sys.modules.get("freezegun.api"), sys.modules.get("time_machine")
    if freezegun and (freezer := _innermost(freezegun, "freeze_factories")):
        freezer.time_to_freeze += timedelta(seconds=seconds)  # `tick` would set a ticking one back
    elif time_machine and (traveller := _innermost(time_machine, "traveller_stack")):
        traveller.shift(timedelta(seconds=seconds))


def _innermost(module: ModuleType, stack: str) -> Any:
    """The last of those that a module has in use; None where it has none."""
    last = getattr(module, stack, ())[-1:]  # in one go: another thread may end it meanwhile
    return last[0] if last else None
