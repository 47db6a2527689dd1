"""Faults as plain values: what can be said, how it prints, and what is refused."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer import FakeTenant, contract, faults
from pytest_reinfer.faults import Plan, before, fail
from pytest_reinfer.wire import UNREACHED

if TYPE_CHECKING:
    from collections.abc import Callable


def somewhere(request: object) -> bool:
    return True


PLANS = {
    "fail(503)": fail(503),
    "fail(503, times=2)": fail(503, times=2),
    "fail(503, times=None)": fail(503, times=None),
    "fail(503, nth=3)": fail(503, nth=3),
    "fail(503, nth=2)": fail(503, after=1),
    "fail(503, times=2, after=1, route='export_dataset')": fail(503, times=2, after=1, route="export_dataset"),
    "fail(429, retry_after=30)": fail(429, retry_after=30),
    "fail(429, retry_after_date=30)": fail(429, retry_after_date=30),
    "fail('connection_reset', phase='after')": fail("connection_reset", phase="after"),
    "fail('read_timeout', method='POST', path='*/export')": fail("read_timeout", method="post", path="*/export"),
    "fail('slow_answer', seconds=90)": fail("slow_answer", seconds=90),
    "fail(500, stored=3)": fail(500, stored=3),
    "fail(500, phase='partial')": fail(500, phase="partial"),
    "fail(500, when=somewhere)": fail(500, when=somewhere),
    "fail(500, probability=0.5, seed=3)": fail(500, probability=0.5, seed=3),
    "fail(500, times=2, probability=0.5)": fail(500, times=2, probability=0.5),
    "fail(500, times=1, probability=0.5)": fail(500, times=1, probability=0.5),
    "fail(500, probability=1)": fail(500, probability=1),
    "fail(500, times=1, after=3, probability=0.5)": fail(500, times=1, after=3, probability=0.5),
    "fail('schema_violation', message='no')": fail("schema_violation", message="no"),
    "fail(500, optional=True)": fail(500, optional=True),
    "fail(400, message='no')": fail(400, message="no"),
    "fail('unknown_source', value='x')": fail("unknown_source", value="x"),
    "fail(503, route='export_dataset').then(429, retry_after=30)": fail(503, route="export_dataset").then(
        429, retry_after=30
    ),
    "fail(503, route='export_dataset').then(429, route='get_dataset')": fail(503, route="export_dataset").then(
        429, route="get_dataset"
    ),
    "fail(503, route='export_dataset').then(429, route=None)": fail(503, route="export_dataset").then(429, route=None),
    "fail(503, optional=True).then(429)": fail(503, optional=True).then(429),
    "fail(503, optional=True).then(429, optional=False)": fail(503, optional=True).then(429, optional=False),
    "fail(500, when=<partial>)": fail(500, when=partial(somewhere)),
    "fail(503) | fail('cut_json', nth=2)": fail(503) | fail("cut_json", nth=2),
    "fail(503).then(500) | fail(502).then(504)": fail(503).then(500) | fail(502).then(504),
    "before(somewhere, nth=3)": before(somewhere, nth=3),  # type: ignore[arg-type] # never called
    "Plan()": Plan(),
}


@pytest.mark.parametrize("python", PLANS)
def test_a_plan_prints_as_the_python_that_builds_it(python: str) -> None:
    assert repr(PLANS[python]) == python
    if "<" in python:  # a function without a name
        return
    names = {"fail": fail, "before": before, "Plan": Plan, "somewhere": somewhere}
    assert eval(python, names) == PLANS[python]  # noqa: S307 -- that is the point


def test_joined_plans_are_the_same_however_they_are_joined() -> None:
    one, two, three = fail(503), fail(429), fail("cut_json")
    assert (one | two) | three == one | (two | three)
    assert Plan() | one == one == one | Plan()
    assert len({one, fail(503), two}) == 2


def test_a_plan_does_not_change_when_it_is_built_upon() -> None:
    one = fail(503)
    one.then(429)
    assert one == fail(503)


def test_every_kind_can_be_said_in_each_of_its_phases() -> None:
    for name, kind in faults.kinds().items():
        said: dict[str, Any] = {field: "x" for field in kind.about if field not in ("retry_after", "retry_after_date")}
        said |= {"seconds": 1} if "seconds" in said else {}
        for phase in kind.phases:
            (fault,) = fail(name, phase=phase, **said).faults  # type: ignore[arg-type] # a phase it is
            assert (fault.what, fault.phase) == (name, phase)


def test_no_name_means_two_things() -> None:
    tables = [contract.convention("x-errors"), UNREACHED, faults.LOST, faults.MID_BODY, faults.SLOW, faults.PAGES]
    altered = {*faults.ALTERED} - {*contract.convention("x-failures")}
    names = [name for table in (*tables, contract.convention("x-failures"), altered) for name in table]
    assert sorted(names) == sorted(faults.kinds())


def test_every_refusal_and_failure_of_the_contract_is_a_kind() -> None:
    assert {*contract.convention("x-errors"), *contract.convention("x-failures")} < set(faults.kinds())


REFUSED: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "No failure is called 'html_bad_gatway'.*Near are: html_bad_gateway": (("html_bad_gatway",), {}),
    "No failure is called 200. There are the statuses from 400 to 599": ((200,), {}),
    "No failure is called 600": ((600,), {}),
    "No failure is called True": ((True,), {}),
    "No failure is called None": ((None,), {}),
    "503 takes no retry_aftr. What may be said about it: message, retry_after": ((503,), {"retry_aftr": 3}),
    "connection_reset takes no retry_after. What may be said about it: nothing": (
        ("connection_reset",),
        {"retry_after": 3},
    ),
    "The message of 'unknown_source' has places for value": (("unknown_source",), {}),
    "give one of them": ((429,), {"retry_after": 1, "retry_after_date": 1}),
    "retry_after is a whole number of seconds, at most 1000000000, not -1": ((429,), {"retry_after": -1}),
    "retry_after is a whole number of seconds, at most 1000000000, not 'soon'": ((429,), {"retry_after": "soon"}),
    "retry_after is a whole number of seconds, at most 1000000000, not 1.5": ((429,), {"retry_after": 1.5}),
    "retry_after_date is a whole number of seconds, at most 1000000000, not 1000000001": (
        (429,),
        {"retry_after_date": 10**9 + 1},
    ),
    "What 'schema_violation' says depends on the request: give it a message": (("schema_violation",), {}),
    "No failure is called '503', a text: the status is 503. There are": (("503",), {}),
    "message is a text, not 3": ((503,), {"message": 3}),
    "optional is True or False, not 'no'": ((503,), {"optional": "no"}),
    "it takes neither times nor after nor a probability": ((503,), {"nth": 2, "probability": 0.5}),
    "No route is called \\['get_dataset'\\]": ((503,), {"route": ["get_dataset"]}),
    "seconds is a number, at most 1000000000, not inf": (("slow_body",), {"seconds": float("inf")}),
    "No route is called 'export'. There are: create_bucket, ": ((503,), {"route": "export"}),
    "get_dataset has no pages, and so no short_page": (("short_page",), {"route": "get_dataset"}),
    "method is a text, not 5": ((503,), {"method": 5}),
    "A path starts with / or": ((503,), {"path": "api/v1"}),
    "when is a function": ((503,), {"when": "always"}),
    "times is a whole number, at least 1, not 0": ((503,), {"times": 0}),
    "times is a whole number, at least 1, not True": ((503,), {"times": True}),
    "after is a whole number, at least 0, not -1": ((503,), {"after": -1}),
    "nth is a whole number, at least 1, not 0": ((503,), {"nth": 0}),
    "it takes neither times nor after": ((503,), {"nth": 2, "times": 2}),
    "probability is a number above 0 and at most 1, not 0": ((503,), {"probability": 0}),
    "probability is a number above 0 and at most 1, not 2": ((503,), {"probability": 2}),
    "seed is a whole number that the draws of a probability follow from": ((503,), {"seed": 2}),
    "phase is one of before, after, partial, not 'during'": ((503,), {"phase": "during"}),
    "dns_failure has the phase before, and cannot be after": (("dns_failure",), {"phase": "after"}),
    "cut_json has the phase after, and cannot be before": (("cut_json",), {"phase": "before"}),
    "stored is how many items of a batch are stored, with the phase partial, not 3": (
        (503,),
        {"phase": "after", "stored": 3},
    ),
    "export_dataset takes no batch of which a part could be stored": (
        (503,),
        {"phase": "partial", "route": "export_dataset"},
    ),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused_with_what_there_is(words: str) -> None:
    what, said = REFUSED[words]
    with pytest.raises(ValueError, match=words):
        fail(*what, **said)
    with pytest.raises(ValueError, match=words):
        fail(503).then(*what, **said)


def test_functions_and_failures_are_not_mixed_up() -> None:
    with pytest.raises(TypeError, match="a function is called by before"):
        fail(print)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="before takes a function without arguments, not 503"):
        before(503)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"fail\(503, times=None\) does not end, and so nothing follows it"):
        fail(503, times=None).then(429)
    with pytest.raises(ValueError, match="An empty plan has no last fault"):
        Plan().then(503)
    with pytest.raises(TypeError, match="unsupported operand"):
        fail(503) | 503  # type: ignore[operator]


@pytest.mark.parametrize(
    "call",
    [
        lambda: fail("x"),
        lambda: fail(print),  # type: ignore[arg-type]
        lambda: before(503),  # type: ignore[arg-type]
        lambda: before(somewhere, nth=0),  # type: ignore[arg-type]
        lambda: fail(503).then("x"),
        lambda: fail(503, times=None).then(429),
        lambda: Plan().then(503),
        lambda: FakeTenant().fail("x"),
        lambda: FakeTenant().fail(503).then("x"),
        lambda: FakeTenant().fail(fail(503), times=2),
        lambda: FakeTenant().before(3),  # type: ignore[arg-type]
        lambda: FakeTenant().rate_limit(0),
        lambda: FakeTenant().lag("all"),
        lambda: FakeTenant().expire_token(-1),
        lambda: FakeTenant().revoke("Fly"),
        lambda: FakeTenant().deny("Fly"),
    ],
)
def test_what_is_refused_is_refused_at_the_line_that_says_it(call: Callable[[], object]) -> None:
    with pytest.raises((ValueError, TypeError)) as caught:
        call()
    shown = caught.traceback.filter(caught)
    assert shown[-1].path == Path(__file__)
