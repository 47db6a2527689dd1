"""The one clock of a tenant: time that passes by hand, by travelling, and by sleeping that takes no real time."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from contextlib import ExitStack
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
        (float("nan"), ValueError, "NaN"),
        (float("inf"), OverflowError, "infinity"),
        (10**12, OverflowError, "out of range"),
        ("5", TypeError, "a number, or a timedelta, not '5'"),
        (None, TypeError, "not None"),
    ],
)
def test_time_does_not_pass_by_nonsense(clock: Clock, seconds: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        clock.advance(seconds)
    assert clock.now == START


def test_a_refusal_to_let_time_pass_is_told_at_the_callers_line(clock: Clock) -> None:
    with pytest.raises(ValueError, match="only goes on") as caught:
        clock.advance(-1)
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
    assert led.waited == 4


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


@pytest.mark.parametrize("arguments", [(), ("5",), (None,), (1, 2, 3)])
def test_a_led_sleep_in_asyncio_refuses_what_asyncio_refuses(led: Clock, arguments: tuple[Any, ...]) -> None:
    async def work() -> None:
        await asyncio.sleep(*arguments)

    with pytest.raises(TypeError):
        asyncio.run(work())
    assert led.waited == 0


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
