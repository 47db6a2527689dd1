"""The one clock of a tenant: `reinfer.clock`. Under `lead`, sleeping goes by it and takes no real time."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from contextlib import contextmanager, suppress
from contextvars import Context, copy_context
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush
from itertools import count
from math import ceil, isfinite, isnan
from types import BuiltinFunctionType
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.stamps import EPOCH, MICROSECOND
from pytest_reinfer.travel import move, travelled

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Future, TimerHandle
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager
    from types import ModuleType

    from pytest_reinfer.tenant import Tenant

    Told = Callable[[timedelta], None]
    Follower = tuple[Told, Told]  # told how much time has passed, and how much each sleep has asked for
    Make = Callable[[Link], Callable[..., Any]]

LOCK = threading.RLock()  # of the leading alone; no tenant is locked under it
MOST = 10_000  # so many sleeps are remembered; of more, the latest
# After so many rounds of an event loop with nothing new to do, its tasks wait. What timers and sockets bring shows by
# the second; the others are for loops that are not asyncio's own, of which nothing shows. A round takes some 10 us.
RESTED = 8
RESTLESS = 1000  # rounds after which time passes all the same: a task that polls by `sleep(0)` never waits
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
        """Seconds that have passed by led sleeping: of tasks that sleep beside each other once, of threads each."""
        return self._waited.total_seconds()

    @property
    def sleeps(self) -> tuple[float, ...]:
        """The seconds that each led sleep has asked for, in order; of more than 10,000, the latest. None is zero."""
        return tuple(length.total_seconds() for length in tuple(self._sleeps))

    def advance(self, seconds: float | timedelta) -> None:
        """Let time pass, for the tenant and for the travel under way; while this clock leads, for its sleepers too.

        Raises TypeError for what is no number and no timedelta, ValueError for less than nothing and for NaN,
        OverflowError where the year 9999 would end.
        """
        __tracebackhide__ = True
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float, timedelta)):
            raise TypeError(f"advance: give seconds as a number, or a timedelta, not {seconds!r}.")
        if isinstance(seconds, float) and isnan(seconds):
            raise ValueError(f"advance: give seconds as a number, not {seconds!r}, which is none.")
        length = seconds if isinstance(seconds, timedelta) else timedelta(seconds=seconds)
        if length < timedelta():
            raise ValueError(f"advance: time only goes on, not by {seconds!r}. To go back, travel by time-machine.")
        _let_pass(length, [self._follow], self._leads[-1:])

    @contextmanager
    def lead(self) -> Iterator[None]:
        """Lead the sleeping of the code under test to this clock, for a with block: it takes no real time.

        `time.sleep` and `asyncio.sleep`, also where modules took them as `sleep`, let time pass here instead, and
        `time.time`, `time.monotonic` and their `_ns` run ahead by it. A thread that was alive before, other than this
        one, keeps sleeping really.

        Each `time.sleep` lets its whole length pass, so those of several threads add up. In an event loop, time passes
        once all its tasks wait and at least one sleeps, and once for all of them: up to the next sleeper or timer
        (`wait_for`, `timeout`, `call_later`; in whole milliseconds) that is due. Work in other threads (`to_thread`,
        `run_in_executor`) and sockets are not waited for, and a timer set before the leading comes with the sleeper
        after it. Where nobody sleeps, timers take their real time. Who is asleep when the leading ends sleeps the rest
        really.
        """
        others = frozenset(threading.enumerate()) - {threading.current_thread()}
        follower = (self._wait, self._asked)
        with LOCK:
            lead = next(_leads(time.sleep), None) or _Lead()
            lead.join(follower, others)
            self._leads.append(lead)
        try:
            yield
        finally:
            with LOCK:
                self._leads.remove(lead)
                lead.leave(follower, others)

    def _asked(self, length: timedelta) -> None:
        with self._lock:
            self._sleeps.append(length)

    def _wait(self, length: timedelta) -> None:
        self._follow(length)
        with self._lock:
            self._waited += length

    def _follow(self, length: timedelta) -> None:
        """Go on by so much; where a travel has gone on already, by what it has."""
        with self._lock:
            state = self._state()
            now = state.time() + (length // MICROSECOND if state.travelled is None else 0)
            _ = EPOCH + now * MICROSECOND  # the tenant could never tell a moment after the year 9999
            state.now = now


def leading() -> bool:
    """Whether any clock leads sleeping now."""
    return next(_leads(time.sleep), None) is not None


def _let_pass(length: timedelta, told: Iterable[Told], leads: list[_Lead]) -> None:
    """Let time pass once for all: for the travel under way, for what is led, and for all who follow."""
    __tracebackhide__ = True
    with LOCK:
        _go_on(length, leads)
    for follow in told:
        follow(length)


def _go_on(length: timedelta, leads: list[_Lead]) -> None:
    """Let time pass for the travel under way, and for what is led; to be called under the lock."""
    __tracebackhide__ = True
    ahead = [function for lead in leads for function in lead.in_force()]
    stood = [function.underneath() if travelled() is not None else 0 for function in ahead]
    move(length.total_seconds())
    for function, before in zip(ahead, stood, strict=True):
        function.follow(length, before)
    for lead in leads:
        lead.passed += length


# ------------------------------------------------------------------------------------------------- the replacements


class _Lead:
    """The replacements that lead sleeping, for all clocks that lead at the same time."""

    def __init__(self) -> None:
        self._members: list[tuple[Follower, frozenset[threading.Thread]]] = []
        self.passed = timedelta()  # in all
        self.turns: WeakKeyDictionary[AbstractEventLoop, _Turns] = WeakKeyDictionary()
        real = _bottom(time.sleep)
        self._give_way = real if _is_sleep(real) else lambda _: None
        sleepers = list(_sleepers())
        self._replaced = [Replaced(module, "sleep", make(self)).open() for module, make in sleepers]
        self._replaced += _watched(self)
        self._functions = [_Ahead(name) for name in LED]

    def join(self, follower: Follower, others: frozenset[threading.Thread]) -> None:
        """Lead the sleeping of all but some threads to one more clock."""
        self._members = [*self._members, (follower, others)]

    def leave(self, follower: Follower, others: frozenset[threading.Thread]) -> None:
        """Lead to a clock no longer; the last one gone, nothing is replaced any more."""
        left = self._members.copy()
        left.remove((follower, others))
        self._members = left
        if not left:
            for replaced in self._replaced:
                replaced.close()
            for function in self._functions:
                function.close()

    def followers(self) -> list[Follower]:
        """The clocks that this thread's sleeping is led to, each once."""
        here = threading.current_thread()
        return list(dict.fromkeys(follower for follower, others in self._members if here not in others))

    def turns_of(self, loop: AbstractEventLoop) -> _Turns:
        """The sleepers and timers of an event loop."""
        if (turns := self.turns.get(loop)) is None:
            turns = self.turns[loop] = _Turns(self)
        return turns

    def in_force(self) -> list[_Ahead]:
        """The functions that run ahead; those that a foreign patch ended over are there again."""
        for function in self._functions:
            function.renew()
        return self._functions

    def sleep(self, length: timedelta, followers: list[Follower]) -> None:
        """Let a sleep be over at once."""
        __tracebackhide__ = True
        self._let_others_run()
        if length:
            _let_pass(length, [follow for follow, _ in followers], [self])
            for _, asked in followers:
                asked(length)

    def go_on_to(self, moment: timedelta, followers: list[Follower]) -> None:
        """Let time pass up to a moment, given as what will have passed by then; nothing where it has come."""
        self._let_others_run()
        with LOCK:
            length = moment - self.passed
            if length <= timedelta():
                return
            _go_on(length, [self])
        for follow, _ in followers:
            follow(length)

    def _let_others_run(self) -> None:
        if threading.active_count() > 1:  # it takes 0.1 ms
            self._give_way(0)


class _Sleeper(NamedTuple):
    """A task that sleeps in an event loop; the least is the next to wake."""

    due: timedelta
    number: int
    what: ReferenceType[Future[None]]

    def wake(self, error: Exception | None = None) -> None:
        """Let the task go on, or have an error."""
        over = self.what()
        if over is None or over.done():
            return
        if error is None:
            over.set_result(None)
        else:
            over.set_exception(error)


class _Timer(NamedTuple):
    """A timer of an event loop, numbered among the sleepers, and what it runs."""

    due: timedelta
    number: int
    what: ReferenceType[TimerHandle]
    run: ReferenceType[Callable[[], object]]
    context: Context

    def waits(self, loop: AbstractEventLoop) -> bool:
        """Whether the loop has not run it yet, and will not before time passes."""
        handle = self.what()
        return handle is not None and handle.when() >= loop.time()

    def run_soon(self, loop: AbstractEventLoop) -> None:
        """Run it now: the loop might find it not quite due, or not at all, by the time it goes by."""
        handle, run = self.what(), self.run()
        if handle is not None and run is not None:
            handle.cancel()
            loop.call_soon(run, context=self.context)


class _Turns:
    """Who sleeps in one event loop, and its timers: the one that is due next has its turn.

    While anybody sleeps, a callback goes round with the loop. When all tasks wait, it lets time pass up to the next
    turn. It holds the loop by nothing but what the loop itself holds.
    """

    def __init__(self, lead: _Lead) -> None:
        self._lead = lead
        self._sleepers: list[_Sleeper] = []  # heaps, both
        self._timers: list[_Timer] = []
        self._numbers = count()
        self._rounds = self._quiet = 0
        self._going = False
        self.stirred = False  # whether anything new is to do since the last round

    async def sleep(self, loop: AbstractEventLoop, length: timedelta) -> None:
        """Sleep until so much time has passed."""
        over = loop.create_future()
        heappush(self._sleepers, _Sleeper(self._lead.passed + length, next(self._numbers), ref(over)))
        if not self._going:
            self._going = True
            loop.call_soon(self._round, loop)
        await over

    def watch(self, timer: TimerHandle, left: float, run: Callable[[], object], context: Context) -> None:
        """Let a timer that has so many seconds left have its turn; one that is never due has none."""
        with suppress(OverflowError, ValueError):
            # Real time has passed since whoever set it looked at the clock: up, so that tests see the moment they asked
            # for; but not by what floats add.
            due = self._lead.passed + timedelta(milliseconds=ceil(left * 1000 - 0.001))
            _next(self._timers)
            heappush(self._timers, _Timer(due, next(self._numbers), ref(timer), ref(run), context))

    def _round(self, loop: AbstractEventLoop) -> None:
        self._rounds += 1
        self._quiet = 0 if self.stirred else self._quiet + 1
        if self._quiet == RESTED or self._rounds == RESTLESS:
            self._rounds = self._quiet = 0
            self._going = self._turn(loop)
        if self._going:
            loop.call_soon(self._round, loop)
            self.stirred = False

    def _turn(self, loop: AbstractEventLoop) -> bool:
        """Let time pass up to the next turn, and whoever has it go on; False where nobody sleeps."""
        sleeper, timer = _next(self._sleepers), _next(self._timers)
        if sleeper is None:
            return False
        followers = self._lead.followers()
        if not followers:
            for each in self._sleepers:
                loop.call_later((each.due - self._lead.passed).total_seconds(), each.wake)
            self._sleepers.clear()
            return False
        try:
            if timer is None or sleeper[:2] < timer[:2]:
                self._lead.go_on_to(sleeper.due, followers)
                heappop(self._sleepers).wake()
            else:
                waits = timer.waits(loop)
                self._lead.go_on_to(timer.due, followers)
                heappop(self._timers)
                if waits:
                    timer.run_soon(loop)
        except Exception as error:  # noqa: BLE001 -- it is the sleeper's
            heappop(self._sleepers).wake(error)
        return True


def _next(heap: list[Any]) -> Any:
    """The least of a heap of sleepers or timers, without those that are cancelled or gone; None where there is none."""
    while heap and ((what := heap[0].what()) is None or what.cancelled()):
        heappop(heap)
    return heap[0] if heap else None


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
            loop, length = asyncio.get_running_loop(), timedelta(seconds=float(delay))
            if length:
                for _, asked in followers:
                    asked(length)
            await lead.turns_of(loop).sleep(loop, length)
            return result

        return sleep

    return make


def _watched(lead: _Lead) -> list[Replaced]:
    """What asyncio's own event loops tell of themselves, opened: which timers are set, and whether tasks wait."""
    from asyncio import BaseEventLoop  # noqa: PLC0415 -- costs 30 ms

    def make_call_soon(link: Link) -> Callable[..., Any]:
        def call_soon(loop: AbstractEventLoop, *args: Any, **context: Any) -> Any:
            if (turns := lead.turns.get(loop)) is not None:
                turns.stirred = True
            return link.previous(loop, *args, **context)

        return call_soon

    def make_call_at(link: Link) -> Callable[..., Any]:
        def call_at(
            loop: AbstractEventLoop, when: float, callback: Any, *args: Any, context: Context | None = None
        ) -> TimerHandle:
            if not lead.followers():
                return link.previous(loop, when, callback, *args, context=context)  # type: ignore[no-any-return]
            run = partial(callback, *args)
            context = copy_context() if context is None else context
            timer: TimerHandle = link.previous(loop, when, run, context=context)
            lead.turns_of(loop).watch(timer, when - loop.time(), run, context)
            return timer

        return call_at

    made = {"call_soon": make_call_soon, "call_at": make_call_at}
    return [Replaced(BaseEventLoop, name, make).open() for name, make in made.items()]


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
