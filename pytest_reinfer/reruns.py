"""Running a test again, each time with something else that fails: sweeps of faults, and permissions denied.

A marked test is run as it is, and then once per failure, each time the whole of it: with a tenant and fixtures of its
own, while those of its class, module and session stay. Of all the runs one is reported.
"""

from __future__ import annotations

import copy
import os
import re
import shlex
from dataclasses import replace
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, NoReturn

import pytest
from _pytest.runner import runtestprotocol

from pytest_reinfer import contract
from pytest_reinfer.faults import Plan, fail

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Mapping, Sequence, Sized

    from pytest_reinfer import FakeTenant

    Arrange = Callable[[FakeTenant], object]
    When = Literal["setup", "call", "teardown"]

KINDS: Final = (
    409,
    429,
    500,
    503,
    "html_bad_gateway",
    "connection_reset",
    "read_timeout",
)  # of a sweep that names none
PHASES: Final = ("setup", "call", "teardown")
SHOWN = 20  # so many failed runs a report lists
LONGEST = 160  # so much of an exception's words


class Pair(NamedTuple):
    """A run of a sweep: which request fails, counted from 1, how, and the plan that lets it."""

    k: int
    label: str
    plan: Plan

    def __str__(self) -> str:
        return f"{self.k}:{self.label}"

    def arrange(self, tenant: FakeTenant) -> None:
        """Put it in force; a test that asks less than it did may pass."""
        tenant.fail(Plan(((replace(self.plan.faults[0], optional=True),),)))

    def met(self, tenant: FakeTenant) -> str:
        """The request that failed."""
        route = self.plan.faults[0].route
        found = [request for request in tenant.requests if route in (None, request.route)]
        return str(found[self.k - 1]) if len(found) >= self.k else "no request"


class Ran(NamedTuple):
    """What came of a run."""

    item: pytest.Item
    reports: list[pytest.TestReport]
    errors: list[BaseException]
    tenants: list[FakeTenant]

    @property
    def failed(self) -> bool:
        """Whether it failed, also where that is expected."""
        ended = (pytest.skip.Exception, pytest.xfail.Exception)
        return not all(isinstance(error, ended) for error in self.errors)

    @property
    def skipped(self) -> bool:
        """Whether it ended itself, by skip or xfail."""
        return bool(self.errors) and not self.failed

    @property
    def passed(self) -> bool:
        """Whether it ran to its end; with --setup-only nothing does."""
        return not self.errors and len(self.reports) == len(PHASES)


class Verdict(NamedTuple):
    """What is told of a test: one of its runs, and all of them in a line, and in a section where something failed."""

    ran: Ran
    total: str
    seconds: float | None = None  # that they all took
    section: str | None = None
    failure: str | None = None  # in the place of what the run itself came to


def protocol(item: pytest.Item, nextitem: pytest.Item | None, markers: Mapping[str, str]) -> None:
    """Run a test as its marker wants it, and report it as one. markers: what they say of themselves, by name."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    *reports, last = _reports(item, markers)
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logreport(report=_closed(item, nextitem, last))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def _reports(item: pytest.Item, markers: Mapping[str, str]) -> list[pytest.TestReport]:
    """The reports of a test, one per phase."""
    marker, *others = (marker for marker in item.iter_markers() if marker.name in markers)
    name = marker.name
    try:
        _refuse(item, name, {other.name for other in others})
        judge = {"reinfer_sweep": _sweep, "reinfer_deny_each": _deny_each}[name]
        ran, total, seconds, section, failure = judge(item, marker, markers[name])
    except pytest.fail.Exception as refusal:
        return [_report(item, "setup", refusal), _report(item, "teardown")]
    reports = ran.reports
    if failure is not None:
        call = _report(ran.item, "call", pytest.fail.Exception(failure, pytrace=False))
        reports = [_report(ran.item, "setup"), call, reports[-1]]
    if seconds is not None:
        reports[-2].duration = seconds
    for report in reports:
        report.user_properties = [*report.user_properties, (name, total)]
    if section is not None:
        told = next((report for report in reports if report.outcome != "passed"), reports[-1])
        told.sections.append((name.replace("_", " "), section))
    return reports


def _refuse(item: pytest.Item, name: str, others: set[str]) -> None:
    """Fail for a test that cannot be run again, or not so."""
    if others - {name}:
        _refused(f"A test is marked {name} or {', '.join(others - {name})}, not both: make two tests of it.")
    if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
        _refused(
            f"{name} runs a test again and again, as @given does. Draw the failures as a part of the example: "
            "@given(plan=strategies.fault_plans(), ...), and in the test tenant.fail(plan)."
        )
    if "subtests" in getattr(item, "fixturenames", ()):
        _refused(f"{name} cannot run a test again that has subtests, which report themselves: parametrize it.")


def _refused(message: str) -> NoReturn:
    raise pytest.fail.Exception(message, pytrace=False) from None


# ---------------------------------------------------------------------------------------------------------- sweeps


def _sweep(item: pytest.Item, marker: pytest.Mark, help_text: str) -> Verdict:
    """Let each request fail in each way, or only the one that the command line names."""
    kinds, route = marker.args or KINDS, marker.kwargs.get("route")
    try:
        if marker.kwargs.keys() - {"route"}:
            _refused(
                f"{marker.kwargs} given, and it takes the keyword route only. The marker is @pytest.mark.{help_text}"
            )
        by_label = {str(kind): kind for kind in kinds}
        plans = {label: _at(kind, 1, route) for label, kind in by_label.items()}
        named: tuple[int, str] | None = item.config.getoption("reinfer_sweep")
        if named is not None:
            k, label = named
            plan = _at(by_label.get(label, _kind(label)), k, route)
            return Verdict(_run(item, lambda tenant: tenant.fail(plan)), f"1 run: {k}:{label}")
    except (TypeError, ValueError) as error:
        _refused(f"{error} The marker is @pytest.mark.{help_text}")
    base = _run(item)
    if not base.passed:
        return Verdict(base, "no run with a failure: the test does not pass as it is")
    tenant = _tenant(base, "reinfer_sweep")
    asked = {label: _asked(tenant, plan.faults[0].route) for label, plan in plans.items()}
    most = max(asked.values())
    if not most:
        _refused("reinfer_sweep: the test asked the tenant for nothing that could fail.")
    every = [(k, label) for k in range(1, most + 1) for label in plans if k <= asked[label]]
    bound = item.config.getoption("reinfer_sweep_max") or int(item.config.getini("reinfer_sweep_max"))
    pairs = [Pair(k, label, _at(by_label[label], k, route)) for k, label in every[:bound]]
    total = f"{_count(pairs, 'run')}: {most} request{'s' * (most != 1)} x {_count(plans, 'kind')}"
    if len(pairs) < len(every):
        total += f", CUT from {len(every)} runs by reinfer_sweep_max: the rest was not tried"
    return _swept(item, base, pairs, total)


def _swept(item: pytest.Item, base: Ran, pairs: list[Pair], total: str) -> Verdict:
    """Run them all; the first that fails is the smallest."""
    failed: list[Pair] = []
    smallest, skipped = base, 0
    seconds = base.reports[-2].duration
    for pair in pairs:
        ran = _run(item, pair.arrange)
        seconds += sum(report.duration for report in ran.reports)
        skipped += ran.skipped
        if ran.failed:
            smallest = smallest if failed else ran
            failed.append(pair)
            if item.config.getoption("usepdb", default=False):
                total += ", ended by --pdb at the first that failed"
                break
    total += f", {skipped} skipped" * bool(skipped)
    if not failed:
        return Verdict(base, total, seconds)
    total += f"; {len(failed)} failed: {_listed(failed)}"
    first = failed[0]
    file = os.path.relpath(item.path, item.config.invocation_params.dir)
    test = shlex.quote("::".join([file, *item.nodeid.split("::")[1:]]))
    lines = [total, f"The smallest is {first}: {first.met(smallest.tenants[-1])}" if smallest.tenants else total]
    lines += ["It alone, by command or in the test:"]
    lines += [f"  pytest {test} --reinfer-sweep={shlex.quote(str(first))}", f"  reinfer.{first.plan}"]
    return Verdict(smallest, total, seconds, "\n".join(lines))


def _at(kind: Any, k: int, route: str | None) -> Plan:
    """The plan by which the k-th request fails. ValueError for what is no kind, or more than one fault."""
    if not isinstance(kind, Plan):
        return fail(kind, nth=k, route=route)
    if len(kind.faults) != 1:
        raise ValueError(f"A kind is a status, a name or a plan of one fault, not {kind}.")
    fault = kind.faults[0]
    times = fault.times if fault.probability is None else 1
    return Plan(((replace(fault, times=times, after=k - 1, route=fault.route or route, probability=None, seed=None),),))


def _kind(label: str) -> int | str:
    return int(label) if label.isdecimal() else label


def _asked(tenant: FakeTenant, route: str | None) -> int:
    return tenant.asked if route is None else sum(request.route == route for request in tenant.requests)


# ------------------------------------------------------------------------------------------------------ permissions


def _deny_each(item: pytest.Item, marker: pytest.Mark, help_text: str) -> Verdict:
    """Take each permission that the test uses, and see that the refusal is told."""
    if marker.args or marker.kwargs:
        _refused(f"It takes no arguments. The marker is @pytest.mark.{help_text}")
    base = _run(item)
    if not base.passed:
        return Verdict(base, "no permission denied: the test does not pass as it is")
    permissions = _tenant(base, "reinfer_deny_each").permissions_used
    if not permissions:
        _refused("reinfer_deny_each: the test asked the tenant for nothing that needs a permission.")
    if item.config.getoption("usepdb", default=False):
        return Verdict(base, "no permission denied: with --pdb each refusal would open the debugger")
    seconds = base.reports[-2].duration
    wrong, told, unrefused = [], [], 0
    for permission in permissions:
        ran = _run(item, methodcaller("revoke", permission))
        seconds += sum(report.duration for report in ran.reports)
        refused = _was_refused(ran)
        unrefused += not refused
        problem = _problem(ran) if refused else None
        right = "right, it failed and told the refusal" if refused else "nothing is refused without it"
        told.append(f"  {permission}: {problem or right}")
        if problem is not None:
            wrong.append((permission, ran, problem))
    total = f"{_count(permissions, 'run')}: one per permission"
    total += f", {unrefused} in which nothing is refused" * bool(unrefused)
    first, reported, problem = wrong[0] if wrong else (None, base, None)
    if not wrong:
        return Verdict(base, total, seconds)
    total += f"; {len(wrong)} wrong: {_listed([permission for permission, *_ in wrong])}"
    lines = [total, *told, "The first wrong one alone, in the test:", f'  reinfer.revoke("{first}")']
    failure = None if reported.failed else f"Without the permission {first!r}: {problem}."
    return Verdict(reported, total, seconds, "\n".join(lines), failure)


def _was_refused(ran: Ran) -> bool:
    """Whether the tenant refused anything; it does not where it only answers with less."""
    status = contract.error("forbidden").status
    return any(request.status == status for tenant in ran.tenants for request in tenant.requests)


def _problem(ran: Ran) -> str | None:
    """What is wrong with a run that was refused something; None where it says so."""
    if ran.skipped:
        return "it was skipped, and so did not tell the refusal"
    if not ran.failed:
        return "it ran to its end as if nothing had been refused"
    status, message = contract.error("forbidden")
    words = [text for error in ran.errors for text in _words(error)]
    captured = [text for title, text in ran.reports[-1].sections if title.startswith("Captured ")]
    if re.search(rf"\b{status}\b|{re.escape(message)}", "\n".join(words + captured)):
        return None
    return f"it failed and did not tell the refusal: {words[0]:.{LONGEST}}"


def _words(error: BaseException | None) -> Iterator[str]:
    """What an exception says, and those it comes from or holds."""
    if error is None:
        return
    yield " ".join([f"{type(error).__name__}: {error}", *getattr(error, "__notes__", ())])
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _words(each)
    yield from _words(error.__cause__ or (None if error.__suppress_context__ else error.__context__))


# ------------------------------------------------------------------------------------------------------------- runs


class _Errors:
    """Remembers what the phases of a run raise, behind what other plugins make of it."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
        report = yield
        if call.excinfo is not None:
            self.errors.append(call.excinfo.value)
        return report


def _run(item: pytest.Item, arrange: Arrange | None = None) -> Ran:
    """Run a test once, with nothing of earlier runs, and report nothing. arrange: what is done to its tenant."""
    twin = _twin(item)
    tenants: list[FakeTenant] = []

    def arranged(tenant: FakeTenant) -> None:
        tenants.append(tenant)
        if arrange is not None:
            arrange(tenant)

    vars(twin)["reinfer_arrange"] = arranged
    heard = _Errors()
    item.config.pluginmanager.register(heard)
    try:
        reports = runtestprotocol(twin, log=False, nextitem=_twin(item))  # beside another, the rest of the stack stays
    finally:
        item.config.pluginmanager.unregister(heard)
    return Ran(twin, reports, heard.errors, tenants)


def _twin(item: pytest.Item) -> pytest.Item:
    """A copy of a test as it was collected, which shares nothing that a run changes."""
    twin = copy.copy(item)
    twin.own_markers = [*item.own_markers]
    twin.user_properties = [*item.user_properties]
    vars(twin)["_report_sections"] = []
    vars(twin)["_request"] = False  # pytest makes a new one
    if isinstance(item.parent, pytest.Class):
        for name in ("_obj", "_instance"):  # the method, and the object it is bound to
            vars(twin).pop(name, None)
    return twin


def _tenant(ran: Ran, name: str) -> FakeTenant:
    """The tenant of a run."""
    if not ran.tenants:
        _refused(f"{name} is about the tenant of the fixture `reinfer`, which the test does not use: ask for it.")
    return ran.tenants[-1]


def _report(item: pytest.Item, when: When, failure: BaseException | None = None) -> pytest.TestReport:
    """The report of a phase that raises a failure, or passes."""

    def phase() -> None:
        if failure is not None:
            raise failure

    return _made(item, pytest.CallInfo.from_call(phase, when))


def _closed(item: pytest.Item, nextitem: pytest.Item | None, last: pytest.TestReport) -> pytest.TestReport:
    """The report of the teardown, when the fixtures too have ended that the next test does not share."""
    session = item.session
    following = None if session.shouldfail or session.shouldstop else nextitem
    end = session._setupstate.teardown_exact  # noqa: SLF001 -- as `runtestprotocol` ends them
    call = pytest.CallInfo.from_call(lambda: end(following), "teardown", (pytest.exit.Exception, KeyboardInterrupt))
    if call.excinfo is None:
        return last
    report = _made(item, call)
    report.user_properties = last.user_properties
    return report


def _made(item: pytest.Item, call: pytest.CallInfo[None]) -> pytest.TestReport:
    report: pytest.TestReport = item.ihook.pytest_runtest_makereport(item=item, call=call)
    return report


def _listed(found: Sequence[object]) -> str:
    return ", ".join(map(str, found[:SHOWN])) + f" and {len(found) - SHOWN} more" * (len(found) > SHOWN)


def _count(found: Sized, noun: str) -> str:
    return f"{len(found)} {noun}{'s' * (len(found) != 1)}"
