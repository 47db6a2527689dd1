"""Plans in force: which fault a request meets, and what the client gets of it."""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random
from typing import TYPE_CHECKING, Any, Self

from pytest_reinfer import api, contract, effects, faults
from pytest_reinfer.effects import Met
from pytest_reinfer.log import LoggedRequest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from contextlib import AbstractContextManager

    from pytest_reinfer.faults import Fault, Plan
    from pytest_reinfer.tenant import Tenant
    from pytest_reinfer.wire import Request


class FaultsNeverFired(AssertionError):
    """The test asked for failures that no request met."""


class Injection:
    """A plan in force, from `FakeTenant.fail` to the end of the tenant, or of a with block.

    `fired` counts how often its faults have fired; its representation tells it of each. Leaving the block raises
    FaultsNeverFired where a fault that is not optional never did. `name` tells it from the others of its tenant.
    """

    def __init__(self, plan: Plan, seed: str, remove: Callable[[Injection], bool]) -> None:
        self._lines = [_Line(sequence, f"{seed}:{place}") for place, sequence in enumerate(plan.sequences)]
        self._remove = remove
        self._ended = False
        self.name = seed

    def then(self, what: int | str | Callable[[], object], **given: Any) -> Self:
        """What goes wrong when the last fault is over; for the same requests, unless others are given."""
        __tracebackhide__ = True
        self._goes_on()
        line = self._lines[-1]
        line.append(faults.following(line.faults[-1], what, given))
        return self

    @property
    def plan(self) -> Plan:
        """The plan."""
        return faults.Plan(tuple(tuple(line.faults) for line in self._lines))

    @property
    def fired(self) -> int:
        """How often its faults have fired, in all."""
        return sum(sum(line.fired) for line in self._lines)

    def __repr__(self) -> str:
        return "\n".join(line.told() for line in self._lines)

    def __enter__(self) -> Self:
        __tracebackhide__ = True
        self._goes_on()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        __tracebackhide__ = True
        must_fire = self._remove(self)
        if kind is None and must_fire:
            error = never_fired([self])
            if error is not None:
                raise error

    def stop(self) -> None:
        """Let nothing fail any more, whether its faults have fired or not."""
        self._remove(self)

    def end(self) -> None:
        """Remember that it is over."""
        self._ended = True

    def _goes_on(self) -> None:
        __tracebackhide__ = True
        if self._ended:
            raise RuntimeError(f"It has ended: {self.plan}. Put a plan in force by another `fail`.")

    def lines(self) -> Iterator[_Line]:
        """Its sequences of faults."""
        yield from self._lines


class _Line:
    """A sequence of faults in force, and how far it has come."""

    def __init__(self, sequence: Iterable[Fault], seed: str) -> None:
        self.faults: list[Fault] = []
        self.fired: list[int] = []
        self.matched: list[int] = []  # requests, while the fault was the present one
        self._seed = seed
        self._now = 0
        self._busy = False
        self._draws: list[Random] = []
        for fault in sequence:
            self.append(fault)

    def append(self, fault: Fault) -> None:
        """Let another fault follow."""
        self.faults.append(fault)
        self.fired.append(0)
        self.matched.append(0)
        seed = self._seed if fault.seed is None else fault.seed
        self._draws.append(Random(f"{seed}:{len(self.faults)}"))  # noqa: S311 -- to be the same at every run

    @property
    def acts(self) -> bool:
        """Whether the present fault is something to be done, and spoils no answer."""
        return self._now < len(self.faults) and effects.acts(self.faults[self._now])

    def due(self, logged: LoggedRequest) -> Fault | None:
        """The fault that this request meets, if any; to be told with `fire` when it was the one."""
        if self._now == len(self.faults) or self._busy:
            return None
        fault = self.faults[self._now]
        if not matches(fault, logged):
            return None
        self.matched[self._now] += 1
        if self.matched[self._now] <= fault.after:
            return None
        if fault.probability is not None and self._draws[self._now].random() >= fault.probability:
            return None
        return fault

    def act(
        self, tenant: Tenant, logged: LoggedRequest, fault: Fault, aside: Callable[[], AbstractContextManager[object]]
    ) -> None:
        """Do what is to be done; requests that a function of the test's own sends meanwhile are not for it."""
        self._busy = True
        try:
            if callable(fault.what):
                self.fire()
                with aside():
                    effects.own(fault.what)
            elif effects.edit(tenant, logged, str(fault.what)):
                self.fire()
        finally:
            self._busy = False

    def fire(self) -> None:
        """The present fault has fired; after the last time it gives place to the next."""
        self.fired[self._now] += 1
        if self.fired[self._now] == self.faults[self._now].times:
            self._now += 1

    def told(self) -> str:
        """Each fault, with how often it has fired."""
        lasts = [None, *self.faults]
        told = []
        for fault, last, fired, matched in zip(self.faults, lasts, self.fired, self.matched, strict=False):
            wanted = "" if fault.times is None else f" of {fault.times}"
            name = repr(fault) if last is None else f"    .then({fault.arguments(last)})"
            told.append(f"{name}: fired {fired}{wanted} times, {matched} requests matched")
        return "\n".join(told)


def never_fired(injections: Iterable[Injection]) -> FaultsNeverFired | None:
    """The error that tells faults that never fired and are not optional; None where there are none."""
    lines = [line for injection in injections for line in injection.lines()]
    silent = [
        (fault, matched)
        for line in lines
        for fault, fired, matched in zip(line.faults, line.fired, line.matched, strict=True)
        if not fired and not fault.optional
    ]
    if not silent:
        return None
    remedy = "The code under test did not send the requests that they are for. If it may do without, say optional=True."
    if all(matched for _, matched in silent):
        remedy = "Requests came that they are for, and were let pass: too few for it, or by chance."
    every = [f"  {text}" for line in lines for text in line.told().split("\n")]
    never = f"Never fired: {', '.join(repr(fault) for fault, _ in silent)}. All faults in force:"
    return FaultsNeverFired("\n".join([never, *every, remedy]))


def matches(fault: Fault, logged: LoggedRequest) -> bool:
    """Whether a fault is for a request."""
    route = logged.route
    return (
        fault.route in (None, route)
        and fault.method in (None, logged.method)
        and (fault.path is None or bool(_pattern(fault.path).fullmatch(logged.path)))
        and (fault.what not in faults.PAGES or (route is not None and contract.pages(route) is not None))
        and (
            fault.phase != "partial" or len(effects.items(logged) or ()) > (1 if fault.stored is None else fault.stored)
        )
        and (fault.when is None or bool(effects.own(fault.when, logged)))
    )


@lru_cache(maxsize=64)
def _pattern(path: str) -> re.Pattern[str]:
    """A pattern for paths in which `*` stands for anything."""
    return re.compile(".*".join(map(re.escape, path.split("*"))), re.DOTALL)


def route_of(request: Request) -> str | None:
    """The name of the route that a request is for, if it is built."""
    route = contract.match(request.method, request.path).route
    return route.name if route is not None and route.built else None


def as_logged(request: Request) -> LoggedRequest:
    """A request as the log will show it, not yet answered."""
    return LoggedRequest(request.method, request.path, request.query, request.body, None, route_of(request), None)


def answer(
    tenant: Tenant,
    request: Request,
    injections: Iterable[Injection],
    aside: Callable[[], AbstractContextManager[object]],
) -> Met:
    """Answer a request as `api.answer` does, unless a fault in force is for it: of several, the first in force.

    Functions are called and edits made before, all that are due.

    aside: makes what is entered while a function is called, which may have the tenant answer others.
    """
    every = (fault for injection in injections for line in injection.lines() for fault in line.faults)
    met = effects.redirected(tenant, request, every)
    if met is not None:
        return met
    logged = as_logged(request)
    lines = [line for injection in injections for line in injection.lines()]
    acting = [line for line in lines if line.acts]
    for line in acting:
        fault = line.due(logged)
        if fault is not None:
            line.act(tenant, logged, fault, aside)
    due = [(line, fault) for line in lines if line not in acting and (fault := line.due(logged))]
    for line, fault in due:
        met = effects.meet(tenant, request, logged, fault)
        if met is not None:
            line.fire()
            return met._replace(fault=repr(fault))
    exchange = api.answer(tenant, request)
    return Met(exchange.response, None, exchange.route, exchange.permission, exchange.refusal)
