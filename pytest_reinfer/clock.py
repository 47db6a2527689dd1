"""The one clock of a tenant: `reinfer.clock`. Under `lead`, sleeping goes by it and takes no real time."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from math import inf, isfinite, nextafter
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.stamps import EPOCH, MICROSECOND
from pytest_reinfer.travel import move, travelled

if TYPE_CHECKING:
    from asyncio import Future
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from pytest_reinfer.tenant import Tenant

    Follow = Callable[[timedelta], None]  # told how much time has passed
    Make = Callable[[Link], Callable[..., Any]]

LOCK = threading.RLock()  # of the leading alone; no tenant is locked under it
MOST = 10_000  # so many sleeps are remembered; of more, the latest
LED = ("time", "time_ns", "monotonic", "monotonic_ns")  # functions of `time` that run ahead by what was slept


class Clock:
    """The clock of a tenant. It stands still but for changes, travels, and what is let pass here.

    Under a travel by time-machine or freezegun it goes by that, and time that passes here passes there too.
    """

    def __init__(self, state: Callable[[], Tenant], lock: AbstractContextManager[Any]) -> None:
        self._state = state
        self._lock = lock
        self._leads: list[_Lead] = []  # one for every `lead` that is open
        self._sleeps: deque[timedelta] = deque(maxlen=MOST)
        self._waited = timedelta()

    def __repr__(self) -> str:
        return f"<Clock at {self.now.isoformat()}>"

    @property
    def now(self) -> datetime:
        """The present moment of the tenant, in UTC."""
        with self._lock:
            return (EPOCH + self._state().time() * MICROSECOND).replace(tzinfo=UTC)

    @property
    def waited(self) -> float:
        """Seconds that led sleeps have asked for, in all."""
        return self._waited.total_seconds()

    @property
    def sleeps(self) -> tuple[float, ...]:
        """The seconds that each led sleep has asked for, in order; of more than 10,000, the latest. None is zero."""
        return tuple(length.total_seconds() for length in tuple(self._sleeps))

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass, for the tenant and for the travel under way; while this clock leads, for its sleepers too.

        Raises TypeError for what is no number and no timedelta, ValueError for less than nothing, OverflowError where
        the year 9999 would end.
        """
        __tracebackhide__ = True
        if not isinstance(seconds, (int, float, timedelta)):
            raise TypeError(f"advance: give seconds as a number, or a timedelta, not {seconds!r}.")
        length = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        if length < timedelta():
            raise ValueError(f"advance: time only goes on, not by {seconds!r}. To go back, travel by time-machine.")
        _let_pass(length, [self._follow], self._leads[-1:])

    @contextmanager
    def lead(self) -> Iterator[None]:
        """Lead the sleeping of the code under test to this clock, for a with block: it takes no real time.

        `time.sleep` and `asyncio.sleep`, also where modules took them as `sleep`, let time pass here instead, and
        `time.time`, `time.monotonic` and their `_ns` run ahead by it. Sleeps of several threads or tasks add up. A
        thread that was alive before, other than this one, keeps sleeping really.
        """
        others = frozenset(threading.enumerate()) - {threading.current_thread()}
        with LOCK:
            lead = next(_leads(time.sleep), None) or _Lead()
            lead.join(self._slept, others)
            self._leads.append(lead)
        try:
            yield
        finally:
            with LOCK:
                self._leads.remove(lead)
                lead.leave(self._slept, others)

    def _slept(self, length: timedelta) -> None:
        with self._lock:
            self._follow(length)
            self._sleeps.append(length)
            self._waited += length

    def _follow(self, length: timedelta) -> None:
        """Go on by so much; where a travel has gone on already, by what it has."""
        with self._lock:
            state = self._state()
            now = state.time() + (length // MICROSECOND if state.travelled is None else 0)
            _ = EPOCH + now * MICROSECOND  # the tenant could never tell a moment after the year 9999
            state.now = now


def _let_pass(length: timedelta, followers: Iterable[Follow], leads: Iterable[_Lead]) -> None:
    """Let time pass once for all: for the travel under way, for what is led, and for all who follow."""
    __tracebackhide__ = True
    with LOCK:
        ahead = [function for lead in leads for function in lead.in_force()]
        stood = [function.underneath() if travelled() is not None else 0 for function in ahead]
        move(length.total_seconds())
        for function, before in zip(ahead, stood, strict=True):
            function.follow(length, before)
    for follow in followers:
        follow(length)


# ------------------------------------------------------------------------------------------------- the replacements


class _Lead:
    """The replacements that lead sleeping, for all clocks that lead at the same time."""

    def __init__(self) -> None:
        self._members: list[tuple[Follow, frozenset[threading.Thread]]] = []
        real = _bottom(time.sleep)
        self._give_way = real if _is_sleep(real) else lambda _: None
        sleepers = list(_sleepers())
        self._sleeps = [Replaced(module, "sleep", make(self)).open() for module, make in sleepers]
        self._functions = [_Ahead(name) for name in LED]

    def join(self, slept: Follow, others: frozenset[threading.Thread]) -> None:
        """Lead the sleeping of all but some threads to one more clock."""
        self._members = [*self._members, (slept, others)]

    def leave(self, slept: Follow, others: frozenset[threading.Thread]) -> None:
        """Lead to a clock no longer; the last one gone, nothing is replaced any more."""
        left = self._members.copy()
        left.remove((slept, others))
        self._members = left
        if not left:
            for sleep in self._sleeps:
                sleep.close()
            for function in self._functions:
                function.close()

    def followers(self) -> list[Follow]:
        """The clocks that this thread's sleeping is led to, each once."""
        here = threading.current_thread()
        return list(dict.fromkeys(slept for slept, others in self._members if here not in others))

    def in_force(self) -> list[_Ahead]:
        """The functions that run ahead; those that a foreign patch ended over are there again."""
        for function in self._functions:
            function.renew()
        return self._functions

    def sleep(self, length: timedelta, followers: list[Follow]) -> None:
        """Let a sleep be over at once."""
        __tracebackhide__ = True
        if threading.active_count() > 1:  # it takes 0.1 ms
            self._give_way(0)
        if length:
            _let_pass(length, followers, [self])


class _Ahead:
    """A function of `time` that runs ahead of itself, by what has passed and it has not gone on by itself."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._unit = 1 if name.endswith("_ns") else 1e-9
        self._open()

    def _open(self) -> None:
        self._nanoseconds = 0
        self._replaced = Replaced(time, self._name, self._make).open()

    def _make(self, link: Link) -> Callable[[], float]:
        self._link = link
        wall = self._name in ("time", "time_ns")

        def now() -> Any:
            ahead = self._nanoseconds
            if not ahead or not link.open or (wall and travelled() is not None):  # a travel says what time it is
                return link.previous()
            return link.previous() + ahead * self._unit

        return now

    def renew(self) -> None:
        """Replace the function again where the end of a foreign patch has put the real one in its place."""
        if isinstance(getattr(time, self._name), BuiltinFunctionType):
            self.close()
            self._open()

    def underneath(self) -> float:
        """What the function underneath says, in nanoseconds."""
        return self._link.previous() / self._unit  # type: ignore[no-any-return]

    def follow(self, length: timedelta, stood: float) -> None:
        """Run ahead by so much more, unless the function underneath, which stood there, has done so by itself."""
        nanoseconds = length // MICROSECOND * 1000
        if not stood or self.underneath() - stood < nanoseconds / 2:
            self._nanoseconds += nanoseconds

    def close(self) -> None:
        """Run ahead no longer."""
        self._replaced.close()


def _time_sleep(lead: _Lead) -> Make:
    """`time.sleep`."""

    def make(link: Link) -> Callable[..., Any]:
        def sleep(seconds: Any, /) -> None:
            __tracebackhide__ = True
            followers = lead.followers()
            if not followers or not (isinstance(seconds, float) or hasattr(seconds, "__index__")):
                link.previous(seconds)
                return
            if seconds < 0:
                raise ValueError("sleep length must be non-negative")
            lead.sleep(timedelta(seconds=float(seconds)), followers)

        sleep.reinfer_lead = lead  # type: ignore[attr-defined] # where the next clock finds it
        return sleep

    return make


def _asyncio_sleep(lead: _Lead) -> Make:
    """`asyncio.sleep`."""
    import asyncio  # noqa: PLC0415 -- costs 30 ms

    def make(link: Link) -> Callable[..., Any]:
        async def sleep(delay: float, result: Any = None) -> Any:
            followers = lead.followers()
            if not followers or delay <= 0 or not isfinite(delay):  # sleeping for ever is no waiting
                return await link.previous(delay, result)
            loop = asyncio.get_running_loop()
            lead.sleep(timedelta(seconds=float(delay)), followers)
            over = loop.create_future()
            # A timer comes after those that were due before it; it is due at once, whatever time the loop goes by.
            loop.call_at(nextafter(loop.time(), -inf), _wake, over)
            await over
            return result

        return sleep

    return make


def _wake(over: Future[None]) -> None:
    if not over.done():
        over.set_result(None)


def _sleepers() -> Iterator[tuple[ModuleType, Callable[[_Lead], Make]]]:
    """The modules that have a `sleep` to be led, `time` and `asyncio` among them, and what leads it."""
    import asyncio.tasks  # noqa: PLC0415 -- costs 30 ms

    patched, asynchronous = _bottom(time.sleep), {id(_bottom(each.sleep)) for each in (asyncio, asyncio.tasks)}
    modules = {id(module): module for name, module in list(sys.modules.items()) if not name.startswith("_pytest.")}
    for module in modules.values():
        found = _bottom(getattr(module, "__dict__", {}).get("sleep"))
        if found is patched or _is_sleep(found):
            yield module, _time_sleep
        elif id(found) in asynchronous:
            yield module, _asyncio_sleep


def _is_sleep(function: Any) -> bool:
    """Whether a function is the real `time.sleep`."""
    return isinstance(function, BuiltinFunctionType) and (function.__module__, function.__name__) == ("time", "sleep")


def _chain(function: Any) -> Iterator[tuple[Any, Link | None]]:
    """A function and what it stands for, down to what nobody of ours put there, each with its link."""
    link = getattr(function, "reinfer_link", None)
    while isinstance(link, Link):  # a mock has every attribute
        yield function, link
        function = link.previous
        link = getattr(function, "reinfer_link", None)
    yield function, None


def _bottom(function: Any) -> Any:
    """What stood where a function stands before anybody of ours put something there."""
    *_, (bottom, _) = _chain(function)
    return bottom


def _leads(function: Any) -> Iterator[_Lead]:
    """The leading that is under way where a function stands."""
    for each, link in _chain(function):
        if link is not None and link.open and isinstance(lead := getattr(each, "reinfer_lead", None), _Lead):
            yield lead
