"""The one clock of a tenant: time that passes by hand, by travelling, and by sleeping that takes no real time."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from email.utils import formatdate
from itertools import product
from types import ModuleType
from typing import TYPE_CHECKING, Any
from unittest import mock

import freezegun
import pytest
import requests
import tenacity
import time_machine
from _pytest import timing
from conftest import in_threads
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse, Retry

from pytest_reinfer import FakeTenant
from pytest_reinfer.clock import leading
from pytest_reinfer.travel import move, travelled, wall

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from pytest_reinfer.clock import Clock

    Travel = Callable[..., AbstractContextManager[Any]]

START = datetime(2024, 1, 15, 9, tzinfo=UTC)
LED = ("sleep", "time", "time_ns", "monotonic", "monotonic_ns")
REAL = {name: getattr(time, name) for name in LED}
HOUR = 3600


@pytest.fixture
def clock(tenant: FakeTenant) -> Clock:
    return tenant.clock


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What was slept really: nothing takes long."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def led(clock: Clock) -> Iterator[Clock]:
    with clock.lead():
        yield clock
    assert {name: getattr(time, name) for name in LED} == REAL


def by_freezegun(to: str, *, tick: bool = False) -> AbstractContextManager[Any]:
    return freezegun.freeze_time(to, tick=tick)


def by_time_machine(to: str, *, tick: bool = False) -> AbstractContextManager[Any]:
    return time_machine.travel(to, tick=tick)


travelling = pytest.mark.parametrize("travel", [by_freezegun, by_time_machine])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def changed(tenant: FakeTenant, name: str = "p/s") -> datetime:
    """The stamp of a change."""
    return at(tenant.add_source(name).fields["created_at"])


# ------------------------------------------------------------------------------------------------ the clock by hand


def test_the_clock_stands_still_but_for_changes(clock: Clock, tenant: FakeTenant) -> None:
    assert clock.now == clock.now == START
    stamp = changed(tenant)
    assert stamp > START
    assert clock.now == stamp


def test_the_clock_shows_itself(clock: Clock) -> None:
    assert repr(clock) == "<Clock at 2024-01-15T09:00:00+00:00>"


@pytest.mark.parametrize("seconds", [90, 90.0, timedelta(minutes=1, seconds=30)])
def test_time_passes_by_hand(clock: Clock, tenant: FakeTenant, seconds: float | timedelta) -> None:
    clock.advance(seconds)
    assert clock.now == START + timedelta(seconds=90)
    assert changed(tenant) >= START + timedelta(seconds=90)
    assert clock.waited == 0


def test_a_restored_tenant_is_where_it_was(clock: Clock, tenant: FakeTenant) -> None:
    before = tenant.snapshot()
    clock.advance(HOUR)
    tenant.restore(before)
    assert clock.now == START


@pytest.mark.parametrize(
    ("seconds", "error", "message"),
    [
        (-1, ValueError, "only goes on, not by -1"),
        (timedelta(days=-1), ValueError, "only goes on"),
        (float("nan"), ValueError, "give seconds as a number, not nan"),
        (float("inf"), OverflowError, "infinity"),
        (10**12, OverflowError, "out of range"),
        ("5", TypeError, "a number, or a timedelta, not '5'"),
        (True, TypeError, "a number, or a timedelta, not True"),
        (None, TypeError, "not None"),
    ],
)
def test_time_does_not_pass_by_nonsense(clock: Clock, seconds: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        clock.advance(seconds)
    assert clock.now == START


@pytest.mark.parametrize("seconds", [-1, True, float("nan"), "5"])
def test_a_refusal_to_let_time_pass_is_told_at_the_callers_line(clock: Clock, seconds: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="advance: ") as caught:
        clock.advance(seconds)
    assert str(caught.traceback.filter(caught)[-1].path) == __file__


def test_threads_let_time_pass_together(clock: Clock) -> None:
    def work(_: int) -> None:
        for _ in range(100):
            clock.advance(1)

    in_threads(work, 4)
    assert clock.now == START + timedelta(seconds=400)


# -------------------------------------------------------------------------------------------------------- travelling


def test_without_a_travel_there_is_nowhere_travelled_to() -> None:
    assert travelled() is None
    move(5)
    assert travelled() is None


@travelling
@pytest.mark.parametrize("tick", [False, True])
def test_a_travel_is_moved_on_from_where_it_has_got_to(travel: Travel, *, tick: bool) -> None:
    with travel("2031-05-06T07:08:09Z", tick=tick):
        before = travelled()
        assert before is not None
        for _ in range(3):
            move(1000)
        after = travelled()
        assert after is not None
        assert 3000 <= (after - before) / 1e6 < 3060
        assert timedelta() <= datetime.now(UTC) - at("2031-05-06T07:58:09Z") < timedelta(minutes=1)
    assert travelled() is None


@travelling
def test_the_innermost_travel_counts(travel: Travel) -> None:
    with travel("2031-05-06T07:08:09Z"):
        with travel("2032-01-01T00:00:00Z"):
            move(1)
            assert travelled() == datetime(2032, 1, 1, 0, 0, 1, tzinfo=UTC).timestamp() * 1_000_000
        assert travelled() == datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp() * 1_000_000


def test_a_freezer_inside_a_travel_counts() -> None:
    with time_machine.travel("2031-05-06T07:08:09Z", tick=False):
        with freezegun.freeze_time("2032-01-01T00:00:00.000001Z"):
            assert travelled() == datetime(2032, 1, 1, tzinfo=UTC).timestamp() * 1_000_000 + 1
        assert travelled() == datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp() * 1_000_000


@travelling
def test_a_travel_that_ticks_goes_on(travel: Travel) -> None:
    with travel("2031-05-06T07:08:09Z", tick=True):
        before = travelled()
        time.sleep(0.001)
        assert travelled() != before


def test_looking_does_not_tick_a_clock_that_ticks_by_being_asked() -> None:
    with freezegun.freeze_time("2031-05-06T07:08:09Z", auto_tick_seconds=10):
        there = travelled()
        assert travelled() == there
        move(1)
        assert there is not None
        assert travelled() == there + 1_000_000


@travelling
def test_changes_made_under_a_travel_have_its_stamps(travel: Travel, clock: Clock, tenant: FakeTenant) -> None:
    with travel("2031-05-06T07:08:09Z"):
        assert clock.now == at("2031-05-06T07:08:09Z")
        assert changed(tenant) - at("2031-05-06T07:08:09Z") < timedelta(seconds=1)


@travelling
def test_a_jump_back_goes_back(travel: Travel, clock: Clock, tenant: FakeTenant) -> None:
    with travel("2031-05-06T07:08:09Z") as there:
        changed(tenant, "p/one")
        there.move_to("2025-01-01T00:00:00Z")
        assert changed(tenant, "p/two") < at("2025-01-01T00:00:01Z")
        with travel("2024-06-01T00:00:00Z"):
            assert changed(tenant, "p/three") < at("2024-06-01T00:00:01Z")
        assert at("2025-01-01T00:00:00Z") <= clock.now < at("2025-01-01T00:00:01Z")


@travelling
@pytest.mark.parametrize("tick", [False, True])
def test_stamps_ascend_under_a_travel(travel: Travel, tenant: FakeTenant, *, tick: bool) -> None:
    with travel("2031-05-06T07:08:09Z", tick=tick):
        stamps = [changed(tenant, f"p/s{number}") for number in range(50)]
    assert stamps == sorted(set(stamps))


@travelling
def test_after_a_travel_time_goes_on_from_there(travel: Travel, clock: Clock, tenant: FakeTenant) -> None:
    with travel("2031-05-06T07:08:09Z"):
        before = changed(tenant, "p/one")
    assert clock.now == before
    clock.advance(5)
    assert clock.now == before + timedelta(seconds=5)
    assert changed(tenant, "p/two") > before + timedelta(seconds=5)


@travelling
@pytest.mark.parametrize("seen", [False, True])
def test_time_that_passes_passes_in_a_travel_too(travel: Travel, clock: Clock, *, seen: bool) -> None:
    with travel("2031-05-06T07:08:09Z"):
        assert not seen or clock.now == at("2031-05-06T07:08:09Z")
        clock.advance(HOUR)
        assert clock.now == datetime.now(UTC) == at("2031-05-06T08:08:09Z")
        assert wall() == at("2031-05-06T08:08:09Z").timestamp()


@travelling
def test_the_wall_clock_is_the_travels_in_every_thread(travel: Travel) -> None:
    seen: list[float] = []
    with travel("2031-05-06T07:08:09Z"):
        in_threads(lambda _: seen.append(wall()), 1)
    assert seen == [at("2031-05-06T07:08:09Z").timestamp()]


def test_the_wall_clock_is_the_real_one_otherwise() -> None:
    assert time.time() <= wall() <= time.time()


# ------------------------------------------------------------------------------------------------------ led sleeping


def test_a_led_sleep_lets_time_pass_and_takes_none(slept: list[float], clock: Clock) -> None:
    with clock.lead():
        for _ in range(1000):
            time.sleep(0.1)
        time.sleep(HOUR)
    assert clock.now == START + timedelta(seconds=3700)
    assert clock.waited == 3700
    assert clock.sleeps == (0.1,) * 1000 + (3600.0,)
    assert slept == []


def test_outside_of_leading_sleeps_are_real(slept: list[float], clock: Clock) -> None:
    with clock.lead():
        time.sleep(1)
    time.sleep(2)
    assert slept == [2]
    assert clock.sleeps == (1.0,)


def test_whether_any_clock_leads_is_told(clock: Clock) -> None:
    assert not leading()
    with FakeTenant("https://other.example").clock.lead():
        with clock.lead():
            assert leading()
        assert leading()
    assert not leading()


def test_an_error_ends_the_leading(clock: Clock) -> None:
    with pytest.raises(ZeroDivisionError), clock.lead():
        _ = 1 / 0
    assert {name: getattr(time, name) for name in LED} == REAL


def test_the_latest_sleeps_are_remembered(led: Clock) -> None:
    for seconds in range(1, 10_003):
        time.sleep(seconds)
    assert led.sleeps[:1] + led.sleeps[-1:] == (3.0, 10_002.0)
    assert len(led.sleeps) == 10_000
    assert led.waited == sum(range(1, 10_003))


def test_a_sleep_of_nothing_gives_way_and_is_not_counted(led: Clock) -> None:
    time.sleep(0)
    asyncio.run(asyncio.sleep(0))
    assert led.sleeps == ()


@pytest.mark.parametrize("wrong", [-1, -0.5, float("nan"), float("inf"), "1", None, Decimal(1)])
def test_a_led_sleep_refuses_what_a_sleep_refuses(led: Clock, wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)) as real:
        REAL["sleep"](wrong)
    with pytest.raises(real.type):
        time.sleep(wrong)
    assert led.waited == 0


@pytest.mark.parametrize("sleep", [time.sleep, asyncio.sleep])
def test_names_that_modules_took_are_led_and_put_back(
    sleep: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ModuleType("took")
    module.sleep = sleep
    monkeypatch.setitem(sys.modules, "took", module)
    monkeypatch.setattr(time, "sleep", print)  # what modules took before stays real
    for _ in range(2):
        with clock.lead():
            sleeping = module.sleep(5)
            if sleeping is not None:
                asyncio.run(sleeping)
        assert module.sleep is sleep
    assert clock.sleeps == (5.0, 5.0)


def test_a_name_taken_while_leading_is_real_afterwards_and_led_the_next_time(
    slept: list[float], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    module: Any = ModuleType("took")
    with clock.lead():
        module.sleep = time.sleep
    module.sleep(3)
    assert slept == [3]
    monkeypatch.setitem(sys.modules, "took", module)
    with clock.lead():
        module.sleep(5)
    assert clock.sleeps == (5.0,)
    assert slept == [3]


def test_what_is_called_sleep_and_is_something_else_stays(led: Clock) -> None:
    assert tenacity.nap.sleep.__module__ == "tenacity.nap"
    tenacity.nap.sleep(5)
    assert led.sleeps == (5.0,)


def test_the_timing_of_pytest_itself_stays_real(led: Clock) -> None:
    time.sleep(HOUR)
    assert timing.sleep is REAL["sleep"]
    assert timing.time is REAL["time"]
    assert time.time() - timing.time() > HOUR - 60


def test_the_clocks_of_a_program_run_ahead_by_what_was_slept(led: Clock) -> None:
    before = {name: getattr(time, name)() for name in LED[1:]}
    time.sleep(HOUR)
    led.advance(HOUR)
    for name, moment in before.items():
        passed = (getattr(time, name)() - moment) * (1e-9 if name.endswith("_ns") else 1)
        assert 2 * HOUR <= passed < 2 * HOUR + 60, name
    assert isinstance(time.time_ns(), int)
    assert time.time() <= wall() <= time.time()


def test_a_clock_that_does_not_lead_moves_no_other(clock: Clock) -> None:
    before = time.monotonic()
    with FakeTenant("https://other.example").clock.lead():
        clock.advance(HOUR)
    assert time.monotonic() - before < 60


def test_a_loop_up_to_a_deadline_ends(led: Clock) -> None:
    turns = 0
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        time.sleep(2)
        turns += 1
    assert turns == 5
    until = time.time() + 10
    while time.time() < until:
        time.sleep(2)
        turns += 1
    assert turns == 10
    assert led.waited == 20


def test_tenacity_waits_and_gives_up_by_the_clock(led: Clock) -> None:
    @tenacity.retry(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_exponential(multiplier=1))
    def work() -> None:
        raise ConnectionError

    with pytest.raises(tenacity.RetryError):
        work()
    assert led.sleeps == (1.0, 2.0, 4.0, 8.0, 16.0, 32.0)


def test_tenacity_waits_in_asyncio_too(led: Clock) -> None:
    @tenacity.retry(stop=tenacity.stop_after_delay(60), wait=tenacity.wait_fixed(25))
    async def work() -> None:
        raise ConnectionError

    with pytest.raises(tenacity.RetryError):
        asyncio.run(work())
    assert led.sleeps == (25.0, 25.0, 25.0)


def test_urllib3_backs_off_by_the_clock(led: Clock, tenant: FakeTenant) -> None:
    with requests.Session() as session:
        session.mount("https://", HTTPAdapter(max_retries=Retry(total=4, backoff_factor=2, status_forcelist=[404])))
        with pytest.raises(requests.exceptions.RetryError):
            session.get(f"{tenant.url}/api/v1/datasets/no/such", headers=tenant.headers)
    assert led.sleeps == (4.0, 8.0, 16.0)
    assert led.now == START + timedelta(seconds=28)
    assert len(tenant.requests) == 5


def retry_after(moment: float) -> HTTPResponse:
    return HTTPResponse(status=503, headers={"Retry-After": formatdate(moment, usegmt=True)})


def test_a_date_to_retry_after_is_waited_for(led: Clock) -> None:
    time.sleep(HOUR)
    Retry().sleep(retry_after(wall() + 120))
    assert 60 < led.sleeps[1] <= 120


# ---------------------------------------------------------------------------------------------------- led in asyncio


def test_asyncio_sleeps_by_the_clock(led: Clock) -> None:
    assert asyncio.run(asyncio.sleep(HOUR, "result")) == "result"
    assert led.sleeps == (3600.0,)
    assert led.now == START + timedelta(hours=1)


def test_a_led_sleep_lets_other_tasks_go_on(led: Clock) -> None:
    seen: list[str] = []

    async def work(name: str) -> None:
        for _ in range(2):
            seen.append(name)
            await asyncio.sleep(1)

    async def both() -> None:
        await asyncio.gather(work("a"), work("b"))

    asyncio.run(both())
    assert seen == ["a", "b", "a", "b"]
    assert led.waited == 2


async def within(seconds: float, sleep: float) -> None:
    async with asyncio.timeout(seconds):
        await asyncio.sleep(sleep)


async def waited_for(seconds: float, sleep: float) -> None:
    await asyncio.wait_for(asyncio.sleep(sleep), seconds)


async def waited_for_twice(seconds: float, sleep: float) -> None:
    await asyncio.wait_for(waited_for(2 * seconds, sleep), seconds)


@pytest.mark.parametrize("wait", [within, waited_for, waited_for_twice])
def test_a_timeout_ends_a_sleep_that_is_longer_and_no_other(
    led: Clock, wait: Any, caplog: pytest.LogCaptureFixture
) -> None:
    asyncio.run(wait(50, 5))
    with pytest.raises(TimeoutError):
        asyncio.run(wait(5, 50))
    assert led.sleeps == (5.0, 50.0)
    assert caplog.records == []


@travelling
def test_asyncio_sleeps_under_a_travel(travel: Travel, led: Clock) -> None:
    with travel("2031-05-06T07:08:09Z"):
        asyncio.run(asyncio.sleep(HOUR))
        assert led.now == datetime.now(UTC) == at("2031-05-06T08:08:09Z")


@travelling
@pytest.mark.parametrize("wait", [within, waited_for, waited_for_twice])
@pytest.mark.parametrize("tick", [False, True])
def test_timeouts_count_under_a_travel(travel: Travel, led: Clock, wait: Any, *, tick: bool) -> None:
    with travel("2031-05-06T07:08:09.123457Z", tick=tick):
        asyncio.run(wait(0.7, 0.1))
        with pytest.raises(TimeoutError):
            asyncio.run(wait(0.1, 0.7))


def test_asyncio_that_keeps_its_own_time_is_led_too(led: Clock) -> None:
    with freezegun.freeze_time("2031-05-06T07:08:09Z", real_asyncio=True):
        asyncio.run(asyncio.sleep(HOUR))
        assert led.now == datetime.now(UTC) == at("2031-05-06T08:08:09Z")


def test_timers_of_a_loop_fire_when_their_time_has_passed(led: Clock) -> None:
    async def work() -> list[str]:
        fired: list[str] = []
        loop = asyncio.get_running_loop()
        loop.call_later(20, fired.append, "late")
        loop.call_later(10, fired.append, "early")
        loop.call_later(HOUR, fired.append, "never")
        await asyncio.sleep(30)
        return fired

    assert asyncio.run(work()) == ["early", "late"]


def test_a_sleep_for_ever_is_ended_by_cancelling_alone(led: Clock) -> None:
    async def work() -> None:
        task = asyncio.create_task(asyncio.sleep(float("inf")))
        await asyncio.sleep(HOUR)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert led.sleeps == (3600.0,)


def test_a_sleep_into_the_year_10000_is_told_to_who_sleeps_and_to_nobody_else(led: Clock) -> None:
    async def work() -> None:
        far = asyncio.create_task(asyncio.sleep(10**12))
        assert await asyncio.sleep(5, "fine") == "fine"
        with pytest.raises(OverflowError):
            await far

    asyncio.run(work())


@pytest.mark.parametrize("arguments", [(), ("5",), (None,), (1, 2, 3)])
def test_a_led_sleep_in_asyncio_refuses_what_asyncio_refuses(led: Clock, arguments: tuple[Any, ...]) -> None:
    async def work() -> None:
        await asyncio.sleep(*arguments)

    with pytest.raises(TypeError):
        asyncio.run(work())
    assert led.waited == 0


# ------------------------------------------------------------------------------------- whose turn it is in asyncio


class Moments:
    """What happened, and at which second of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.seen: list[tuple[str, float]] = []

    @property
    def now(self) -> float:
        # Timers come early by what real time passes while they are set: much, where the machine is busy.
        return round((self._clock.now - START).total_seconds(), 1)

    def note(self, what: str) -> None:
        self.seen.append((what, self.now))

    async def after(self, seconds: float, what: str) -> None:
        await asyncio.sleep(seconds)
        self.note(what)


@pytest.fixture
def moments(led: Clock) -> Moments:
    return Moments(led)


async def three(moments: Moments) -> None:
    await asyncio.gather(moments.after(3, "a"), moments.after(1, "b"), moments.after(2, "c"))


IN_ORDER = [("b", 1), ("c", 2), ("a", 3)]


def test_sleepers_wake_in_the_order_of_their_deadlines_and_time_passes_once(led: Clock, moments: Moments) -> None:
    asyncio.run(three(moments))
    assert moments.seen == IN_ORDER
    assert led.sleeps == (3.0, 1.0, 2.0)
    assert led.waited == 3


def test_sleepers_of_the_same_deadline_wake_in_the_order_they_fell_asleep(moments: Moments) -> None:
    async def work() -> None:
        await asyncio.gather(*(moments.after(0.1, name) for name in "abc"), moments.after(0.1, "d"))

    asyncio.run(work())
    assert moments.seen == [("a", 0.1), ("b", 0.1), ("c", 0.1), ("d", 0.1)]


@pytest.mark.parametrize("limit", [asyncio.wait_for, None])
def test_a_long_sleep_in_the_background_ends_no_timeout_before_its_time(moments: Moments, limit: Any) -> None:
    async def work() -> None:
        for _ in range(3):
            await asyncio.sleep(1)

    async def both() -> None:
        background = asyncio.create_task(asyncio.sleep(100))
        if limit is None:
            async with asyncio.timeout(10):
                await work()
        else:
            await limit(work(), 10)
        moments.note("done")
        await background

    asyncio.run(both())
    assert moments.seen == [("done", 3)]
    assert moments.now == 100


@pytest.mark.parametrize("wait", [within, waited_for, waited_for_twice])
def test_a_timeout_comes_at_its_own_moment(moments: Moments, wait: Any) -> None:
    async def late() -> None:
        with pytest.raises(TimeoutError):
            await wait(10, 50)
        moments.note("timeout")

    async def work() -> None:
        await asyncio.gather(late(), moments.after(9, "before"), moments.after(11, "after"))

    asyncio.run(work())
    assert moments.seen == [("before", 9), ("timeout", 10), ("after", 11)]


def test_timeouts_inside_timeouts_come_at_their_own_moments(moments: Moments) -> None:
    async def work() -> None:
        async with asyncio.timeout(10):
            while True:
                with pytest.raises(TimeoutError):
                    await asyncio.wait_for(asyncio.Event().wait(), 4)
                moments.note("inner")

    async def both() -> None:
        heart = asyncio.create_task(asyncio.sleep(100))
        with pytest.raises(TimeoutError):
            await work()
        moments.note("outer")
        heart.cancel()

    asyncio.run(both())
    assert moments.seen == [("inner", 4), ("inner", 8), ("outer", 10)]


def test_a_timeout_as_long_as_the_sleep_inside_comes_first(moments: Moments) -> None:
    with pytest.raises(TimeoutError):
        asyncio.run(waited_for(5, 5))
    with pytest.raises(TimeoutError):
        asyncio.run(within(0.3, 0.3))
    assert moments.now == 5.3


def test_a_timeout_that_is_put_off_comes_later(moments: Moments) -> None:
    async def work() -> None:
        async with asyncio.timeout(10) as limit:
            await asyncio.sleep(8)
            limit.reschedule(asyncio.get_running_loop().time() + 10)
            await asyncio.sleep(8)
            moments.note("in time")
            await asyncio.sleep(8)

    with pytest.raises(TimeoutError):
        asyncio.run(work())
    assert moments.seen == [("in time", 16)]
    assert moments.now == 18


def test_timers_of_a_loop_fire_at_their_own_moments_once_and_in_their_context(moments: Moments) -> None:
    name: ContextVar[str] = ContextVar("name")

    async def work() -> None:
        loop = asyncio.get_running_loop()
        name.set("then")
        kept = [loop.call_later(20, lambda: moments.note(name.get())), loop.call_later(10, moments.note, "early")]
        loop.call_later(15, moments.note, "never").cancel()
        name.set("now")
        await asyncio.sleep(30)
        await asyncio.sleep(30)
        assert len(kept) == 2

    asyncio.run(work())
    assert moments.seen == [("early", 10), ("then", 20)]


def test_a_timer_that_the_loop_has_run_is_not_run_again(led: Clock, moments: Moments) -> None:
    async def work() -> None:
        kept = asyncio.get_running_loop().call_later(5, moments.note, "timer")
        led.advance(10)
        await moments.after(1, "sleeper")
        assert not kept.cancelled()

    asyncio.run(work())
    assert moments.seen == [("timer", 10), ("sleeper", 11)]


@pytest.mark.parametrize("far", [float("inf"), 1e30])
def test_a_timer_for_ever_is_none(moments: Moments, far: float) -> None:
    async def work() -> None:
        asyncio.get_running_loop().call_later(far, moments.note, "never")
        await asyncio.sleep(HOUR)

    asyncio.run(work())
    assert moments.seen == []


def test_without_a_sleeper_time_does_not_pass_and_a_timeout_is_real(moments: Moments) -> None:
    async def work() -> None:
        await asyncio.sleep(1)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    asyncio.run(work())
    assert moments.now == 1


def test_a_cancelled_sleep_lets_no_time_pass(led: Clock, moments: Moments) -> None:
    async def work() -> None:
        tasks = [asyncio.create_task(asyncio.sleep(seconds)) for seconds in (1, 50, 100)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        tasks[2].cancel()
        with pytest.raises(asyncio.CancelledError):
            await tasks[2]
        moments.note("cancelled")
        await moments.after(2, "after")
        tasks[1].cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    asyncio.run(work())
    assert moments.seen == [("cancelled", 0), ("after", 2)]
    assert moments.now == 2
    assert led.sleeps == (1.0, 50.0, 100.0, 2.0)


def test_a_sleep_that_is_cancelled_when_it_has_woken_ends_as_cancelled(moments: Moments) -> None:
    async def work() -> None:
        task = asyncio.create_task(asyncio.sleep(5))
        asyncio.get_running_loop().call_later(5, task.cancel)
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(work())
    assert moments.now == 5


def test_tasks_that_are_ready_run_before_time_passes(moments: Moments) -> None:
    async def work() -> None:
        questions: asyncio.Queue[int] = asyncio.Queue(1)
        answers: asyncio.Queue[int] = asyncio.Queue(1)

        async def answering() -> None:
            while True:
                await answers.put(await questions.get())

        background = [asyncio.create_task(answering()), asyncio.create_task(moments.after(0.1, "sleeper"))]
        for number in range(500):
            await questions.put(number)
            assert await answers.get() == number
        moments.note("done")
        await background[1]
        background[0].cancel()

    asyncio.run(work())
    assert moments.seen == [("done", 0), ("sleeper", 0.1)]


def test_a_task_waits_for_an_event_that_a_sleeper_sets(moments: Moments) -> None:
    async def work() -> None:
        event = asyncio.Event()

        async def waiting() -> None:
            await asyncio.wait_for(event.wait(), 6)
            moments.note("set")
            await moments.after(5, "after")

        async def setting() -> None:
            await asyncio.sleep(5)
            event.set()
            await moments.after(5.5, "end")

        await asyncio.gather(waiting(), setting())

    asyncio.run(work())
    assert moments.seen == [("set", 5), ("after", 10), ("end", 10.5)]


@pytest.mark.parametrize(("at_once", "took"), [(5, 7), (2, 21)])
def test_workers_that_back_off_wait_beside_each_other(led: Clock, moments: Moments, at_once: int, took: float) -> None:
    async def worker(free: asyncio.Semaphore) -> None:
        async with free:
            for seconds in (1, 2, 4):
                await asyncio.sleep(seconds)

    async def work() -> None:
        free = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as group:
            for _ in range(5):
                group.create_task(worker(free))

    asyncio.run(work())
    assert moments.now == took
    assert led.waited == took


def test_a_task_that_never_rests_does_not_stop_the_time(moments: Moments) -> None:
    async def work() -> None:
        sleeper = asyncio.create_task(moments.after(5, "awake"))
        while not sleeper.done():  # noqa: ASYNC110 -- there are such programs
            await asyncio.sleep(0)

    asyncio.run(work())
    assert moments.seen == [("awake", 5)]


def test_time_that_passes_by_hand_or_by_a_sleep_of_the_thread_passes_for_tasks_too(
    led: Clock, moments: Moments
) -> None:
    async def work() -> None:
        sleepers = [asyncio.create_task(moments.after(seconds, "awake")) for seconds in (4, 10, 20)]
        await asyncio.sleep(0)
        led.advance(5)
        await sleepers[0]
        time.sleep(5)  # noqa: ASYNC251 -- it is what is tested
        await asyncio.gather(*sleepers)

    asyncio.run(work())
    assert moments.seen == [("awake", 5), ("awake", 10), ("awake", 20)]


def test_work_in_other_threads_is_not_waited_for(moments: Moments) -> None:
    async def work() -> None:
        awake = threading.Event()
        working = asyncio.create_task(asyncio.to_thread(awake.wait))
        await moments.after(HOUR, "awake")
        awake.set()
        await working

    asyncio.run(work())
    assert moments.seen == [("awake", HOUR)]


def test_who_is_asleep_when_the_leading_ends_sleeps_the_rest_really(
    clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        with clock.lead():
            tasks = [asyncio.create_task(asyncio.sleep(seconds)) for seconds in (1.001, 1.002, 1.003)]
            await asyncio.sleep(1)
        before = time.monotonic()
        await tasks[0]
        tasks[1].cancel()
        await tasks[2]
        assert time.monotonic() - before >= 0.003 - time.get_clock_info("monotonic").resolution

    asyncio.run(work())
    assert clock.now == START + timedelta(seconds=1)
    assert caplog.records == []


def test_who_sleeps_the_rest_really_lets_no_time_pass_when_others_are_led_again(clock: Clock) -> None:
    async def nothing() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 0.001)

    async def work() -> None:
        with clock.lead():
            task = asyncio.create_task(asyncio.sleep(HOUR))
            await asyncio.sleep(1)
        await nothing()
        with clock.lead():
            await asyncio.sleep(2)
            await nothing()
        task.cancel()

    with ExitStack() as ending, ThreadPoolExecutor(1) as pool:  # goes on leading, but not this thread
        pool.submit(ending.enter_context, FakeTenant("https://other.example").clock.lead()).result()
        asyncio.run(work())
    assert clock.now == START + timedelta(seconds=3)


def test_a_loop_that_is_run_again_goes_on_where_it_was(moments: Moments) -> None:
    with asyncio.Runner() as runner:

        async def begin() -> asyncio.Task[None]:
            task = asyncio.create_task(moments.after(10, "begun"))
            await moments.after(3, "first")
            return task

        async def end(task: asyncio.Task[None]) -> None:
            await moments.after(5, "second")
            await task

        runner.run(end(runner.run(begin())))
    assert moments.seen == [("first", 3), ("second", 8), ("begun", 10)]


def test_a_loop_is_not_kept_by_its_sleepers_and_timers(led: Clock) -> None:
    loop = asyncio.new_event_loop()
    loop.call_later(HOUR, print)
    loop.create_task(asyncio.sleep(HOUR)).add_done_callback(print)
    loop.run_until_complete(asyncio.wait_for(asyncio.sleep(1), 2))
    loop.close()
    gone = weakref.ref(loop)
    del loop
    gc.collect()
    assert gone() is None


class Foreign(asyncio.SelectorEventLoop):
    """Like a loop that is not asyncio's own: nobody sees what it has to do."""

    call_at = asyncio.BaseEventLoop.call_at
    call_soon = asyncio.BaseEventLoop.call_soon


def test_loops_that_are_not_asyncios_own_are_led_too(moments: Moments) -> None:
    with asyncio.Runner(loop_factory=Foreign) as runner:
        runner.run(three(moments))
    assert moments.seen == IN_ORDER


@pytest.mark.parametrize("debug", [False, True])
def test_the_loops_are_as_before_after_the_leading(clock: Clock, *, debug: bool) -> None:
    before = vars(asyncio.BaseEventLoop).copy()
    with clock.lead():
        asyncio.run(waited_for(5, 1), debug=debug)
        assert vars(asyncio.BaseEventLoop) != before
    assert vars(asyncio.BaseEventLoop) == before


@travelling
@pytest.mark.parametrize("tick", [False, True])
def test_tasks_take_their_turns_under_a_travel(travel: Travel, moments: Moments, *, tick: bool) -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(three(moments), asyncio.sleep(8)), 7)
        moments.note("timeout")

    with travel("2031-05-06T07:08:09.123457Z", tick=tick):
        start = moments.now
        asyncio.run(work())
    assert [(what, int(moment - start)) for what, moment in moments.seen] == [*IN_ORDER, ("timeout", 7)]


def test_timeouts_are_exact_where_real_time_stands(led: Clock) -> None:
    async def work() -> None:
        for seconds in (0.1, 0.3, 0.7, 0.001):
            before = led.now
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(asyncio.sleep(8), seconds)
            assert led.now - before == timedelta(seconds=seconds)

    with freezegun.freeze_time("2031-05-06T07:08:09.123457Z"):
        asyncio.run(work())


def test_tasks_take_their_turns_where_asyncio_keeps_its_own_time(moments: Moments) -> None:
    async def work() -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.gather(three(moments), asyncio.sleep(8)), 7)
        moments.note("timeout")

    with freezegun.freeze_time(START, real_asyncio=True):
        asyncio.run(work())
    assert moments.seen == [*IN_ORDER, ("timeout", 7)]


def test_two_clocks_lead_tasks_at_once(moments: Moments) -> None:
    other = FakeTenant("https://other.example").clock
    with other.lead():
        asyncio.run(three(moments))
    assert moments.seen == IN_ORDER
    assert other.now == START + timedelta(seconds=3)
    assert other.sleeps == (3.0, 1.0, 2.0)


def test_loops_in_several_threads_are_led_at_once(led: Clock, moments: Moments) -> None:
    seen: list[Moments] = [Moments(led) for _ in range(4)]
    in_threads(lambda number: asyncio.run(three(seen[number])), 4)
    assert [sorted(what for what, _ in each.seen) for each in seen] == [["a", "b", "c"]] * 4
    assert 3 <= led.waited == moments.now <= 12


# ---------------------------------------------------------------------------------------------------- threads, others


def test_threads_that_are_started_while_leading_are_led_and_add_up(led: Clock) -> None:
    in_threads(lambda _: time.sleep(HOUR), 3)
    assert led.waited == 3 * HOUR


def test_a_thread_that_was_there_before_keeps_sleeping_really(slept: list[float], clock: Clock) -> None:
    go, gone = threading.Event(), threading.Event()

    def work() -> None:
        go.wait()
        time.sleep(7)
        asyncio.run(asyncio.sleep(0.001))
        gone.set()

    thread = threading.Thread(target=work)
    thread.start()
    with clock.lead():
        time.sleep(5)
        go.set()
        gone.wait()
    thread.join()
    assert slept == [7]
    assert clock.sleeps == (5.0,)


@pytest.mark.parametrize("first", [0, 1])
def test_two_tenants_lead_at_once_and_a_sleep_is_slept_once(slept: list[float], clock: Clock, first: int) -> None:
    other = FakeTenant("https://other.example").clock
    leads = [ExitStack(), ExitStack()]
    leads[0].enter_context(clock.lead())
    time.sleep(1)
    leads[1].enter_context(other.lead())
    before = time.monotonic()
    time.sleep(HOUR)
    assert HOUR <= time.monotonic() - before < HOUR + 60
    leads[first].close()
    assert HOUR <= time.monotonic() - before < HOUR + 60
    time.sleep(2)
    leads[1 - first].close()
    time.sleep(3)
    assert (clock.sleeps, other.sleeps) == [((1, HOUR), (HOUR, 2)), ((1, HOUR, 2), (HOUR,))][first]
    assert slept == [3]


def test_a_sleep_that_is_cancelled_has_waited_as_long_as_it_lasted(led: Clock) -> None:
    async def impatient() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1):
                await asyncio.sleep(HOUR)

    asyncio.run(impatient())
    assert led.sleeps == (HOUR,)
    assert 1 <= led.waited < 2


def test_a_tenant_that_is_opened_while_sleeping_is_led_goes_along(slept: list[float], clock: Clock) -> None:
    with FakeTenant("https://before.example") as before:
        start = before.clock.now
        with clock.lead(), FakeTenant("https://meanwhile.example") as meanwhile:
            time.sleep(HOUR)
            assert meanwhile.clock.now == start + timedelta(seconds=HOUR)
            assert (meanwhile.clock.waited, before.clock.now) == (HOUR, start)
        with FakeTenant("https://after.example") as after:
            time.sleep(7)
            assert after.clock.waited == 0
    assert slept[-1:] == [7]


def test_two_tenants_that_lead_under_a_travel_move_it_once(clock: Clock) -> None:
    other = FakeTenant("https://other.example").clock
    with time_machine.travel("2031-05-06T07:08:09Z", tick=False), clock.lead(), other.lead():
        time.sleep(HOUR)
        assert clock.now == other.now == datetime.now(UTC) == at("2031-05-06T08:08:09Z")


def test_leading_twice_is_leading_once(clock: Clock) -> None:
    with clock.lead(), clock.lead():
        time.sleep(5)
    assert clock.sleeps == (5.0,)
    assert {name: getattr(time, name) for name in LED} == REAL


def test_a_patch_of_the_tests_own_wins_while_it_stands(led: Clock) -> None:
    with mock.patch("time.sleep") as patched:
        time.sleep(5)
        with FakeTenant("https://other.example").clock.lead():
            time.sleep(6)
        time.sleep(7)
    time.sleep(8)
    assert [call.args for call in patched.call_args_list] == [(5,), (7,)]
    assert led.sleeps == (8.0,)


def test_a_patch_that_outlasts_the_leading_leads_on_to_what_was_there(slept: list[float], clock: Clock) -> None:
    patches = ExitStack()
    with clock.lead():
        for name in LED:
            patches.enter_context(mock.patch(f"time.{name}", wraps=getattr(time, name)))
        time.sleep(HOUR)
    time.sleep(3)
    assert time.monotonic() - REAL["monotonic"]() < 60
    patches.close()  # puts back what it found, which leads no longer
    time.sleep(4)
    assert time.time() - timing.time() < 60
    with clock.lead():
        time.sleep(5)
    assert slept == [3, 4]
    assert clock.sleeps == (HOUR, 5.0)


def test_a_function_that_a_patch_has_put_aside_is_real_after_the_leading(clock: Clock) -> None:
    with clock.lead():
        aside = time.monotonic
        vars(time)["monotonic"] = REAL["monotonic"]
        time.sleep(HOUR)
        assert time.monotonic() - REAL["monotonic"]() > HOUR - 60
    assert aside() - REAL["monotonic"]() < 60
    assert time.monotonic is REAL["monotonic"]


def test_a_clock_that_the_test_has_stopped_is_not_asked_in_vain(clock: Clock) -> None:
    with mock.patch("time.monotonic", side_effect=[1.0, 2.0]), clock.lead():
        first = time.monotonic()
        time.sleep(HOUR)
        assert time.monotonic() - first == HOUR + 1


# -------------------------------------------------------------------------------------------- led and travelling both


@travelling
@pytest.mark.parametrize("tick", [False, True])
@pytest.mark.parametrize(("inside", "first"), list(product([False, True], [False, True])))
def test_leading_and_travelling_begin_and_end_in_any_order(
    travel: Travel, clock: Clock, *, tick: bool, inside: bool, first: bool
) -> None:
    there, lead = ExitStack(), ExitStack()
    if inside:
        lead.enter_context(clock.lead())
        time.sleep(100)
    there.enter_context(travel("2031-05-06T07:08:09Z", tick=tick))
    if not inside:
        lead.enter_context(clock.lead())
    assert 0 <= time.time() - at("2031-05-06T07:08:09Z").timestamp() < 60
    before = time.monotonic()
    for _ in range(3):
        time.sleep(HOUR)
    for now in (time.time(), datetime.now(UTC).timestamp(), clock.now.timestamp(), wall()):
        assert 0 <= now - at("2031-05-06T10:08:09Z").timestamp() < 60
    assert 3 * HOUR <= time.monotonic() - before < 3 * HOUR + 60
    (there if first else lead).close()
    if first:  # the travel has ended: sleeps are led as ever
        before, then = time.monotonic(), time.time()
        time.sleep(1)
        time.sleep(HOUR)
        assert HOUR < time.monotonic() - before < HOUR + 60
        assert HOUR < time.time() - then < HOUR + 60
        assert clock.now - at("2031-05-06T11:08:10Z") < timedelta(seconds=60)
    else:
        assert 0 <= time.time() - at("2031-05-06T10:08:09Z").timestamp() < 60
    (lead if first else there).close()
    assert {name: getattr(time, name) for name in LED} == REAL
    assert abs(time.time() - timing.time()) < 60


@travelling
def test_a_date_to_retry_after_is_exact_under_a_travel(travel: Travel, led: Clock) -> None:
    with travel("2031-05-06T07:08:09Z"):
        Retry().sleep(retry_after(wall() + 120))
    assert led.sleeps == (120.0,)
