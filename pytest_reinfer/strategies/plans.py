"""Plans of failures, from one that any client must expect to several at once."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from pytest_reinfer import contract, faults, given

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hypothesis.strategies import SearchStrategy

    from pytest_reinfer.faults import Plan

STATUSES = (503, 429, 500, 502, 504, 409)  # what clients try again after, the plainest first
LATEST = 8  # so many requests may be sent until the last one fails
TIMES = (1, 1, 1, 1, 1, 2, 3)  # so many requests in a row, mostly one
WAITS = (None, 1, 30)  # seconds, in the Retry-After of what has one
WAITING = (503, 429)


def fault_plans(*kinds: int | str, route: str | None = None, max_faults: int = 3) -> SearchStrategy[Plan]:
    """Plans for `FakeTenant.fail`; what fails is shrunk to the one fault, of the first request, that breaks a client.

    kinds: statuses, and names of `pytest_reinfer.faults.kinds()`; by default what clients try again after, the failures
        before the service, and those of the network.
    route: whose requests alone fail. max_faults: so many faults at most stand beside each other.
    All faults are optional: an example may not send what they are for.
    """
    __tracebackhide__ = True
    every = kinds or _usual()
    for kind in every:
        faults.fail(kind, route=route, **_words(kind))  # refused here, and not while drawing
    given.whole("fault_plans", "max_faults", max_faults, 1)
    # One choice for a fault, each byte of it shrunk by itself: so the smallest is found, and others are left out whole.
    one = st.binary(min_size=5, max_size=5).map(lambda drawn: _plan(every, route, drawn))
    return st.lists(one, min_size=1, max_size=max_faults).map(lambda plans: reduce(or_, plans))


def _usual() -> tuple[int | str, ...]:
    """What is drawn where nothing is named."""
    named = (*contract.convention("x-failures"), *faults.LOST, *faults.MID_BODY, *faults.ALTERED, *faults.SLOW)
    unreached = ("connection_refused", "dns_failure", "connect_timeout")
    return (*STATUSES, *dict.fromkeys((*named, *unreached)))


def _plan(kinds: Sequence[int | str], route: str | None, drawn: bytes) -> Plan:
    """The plan of one fault."""
    kind, wait = _row(kinds, drawn[0]), _row(WAITS, drawn[3])
    about: dict[str, Any] = {"retry_after": wait} if kind in WAITING and wait is not None else {}
    about |= _words(kind)
    takes_part = route is not None and contract.batch(route) is not None
    every = faults.EVERY_PHASE if isinstance(kind, int) else faults.kinds()[kind].phases
    phases = [each for each in every if each != "partial" or takes_part]
    last = _row(range(1, LATEST + 1), drawn[1])
    times = min(_row(TIMES, drawn[2]), last)
    phase = _row(phases, drawn[4])
    return faults.fail(kind, after=last - times, times=times, route=route, phase=phase, optional=True, **about)


def _words(kind: int | str) -> dict[str, Any]:
    """What the message of a kind leaves open."""
    return dict.fromkeys(faults.kinds()[kind].places, "x") if isinstance(kind, str) and kind in faults.kinds() else {}


def _row(table: Sequence[Any], byte: int) -> Any:
    """The row of a table that a byte stands for; the lower, the plainer."""
    return table[byte * len(table) // 256]
