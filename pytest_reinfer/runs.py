"""Running a test once more by pytest's own protocol, with nothing of earlier runs, and reporting it once."""

from __future__ import annotations

import copy
import os
import shlex
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import pytest
from _pytest.assertion import util
from _pytest.capture import CaptureFixture
from _pytest.runner import runtestprotocol

from pytest_reinfer.patching import Link, Replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from pytest_reinfer import FakeTenant

    Arrange = Callable[[FakeTenant], object]
    When = Literal["setup", "call", "teardown"]

PHASES: Final = ("setup", "call", "teardown")


class Ran(NamedTuple):
    """What came of a run."""

    item: pytest.Item
    reports: list[pytest.TestReport]
    errors: list[BaseException]
    tenants: list[FakeTenant]
    arranged: list[Any]  # what came of arranging them
    read: list[str]  # what the test itself read of what it printed

    @property
    def met(self) -> bool:
        """Whether any request met what a sweep put in force."""
        return any(injection.fired for injection in self.arranged)

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


def protocol(
    item: pytest.Item, nextitem: pytest.Item | None, reports: Callable[[], Iterable[pytest.TestReport]]
) -> None:
    """Report a test as one, however often it is run. reports: runs it; one report per phase."""
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    *earlier, last = reports()
    for each in earlier:
        item.ihook.pytest_runtest_logreport(report=each)
    item.ihook.pytest_runtest_logreport(report=_closed(item, nextitem, last))
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)


def reported(name: str, verdict: Verdict) -> list[pytest.TestReport]:
    """The reports of a test, one per phase, that tell a verdict under a name."""
    ran, total, seconds, section, failure = verdict
    reports = ran.reports
    if failure is not None:
        call = report(ran.item, "call", pytest.fail.Exception(failure, pytrace=False))
        reports = [report(ran.item, "setup"), call, reports[-1]]
    if seconds is not None:
        reports[-2].duration = seconds
    for each in reports:
        each.user_properties = [*each.user_properties, (name, total)]
    if section is not None:
        told = next((each for each in reports if each.outcome != "passed"), reports[-1])
        told.sections.append((name.replace("_", " "), section))
    return reports


def command(item: pytest.Item) -> str:
    """What a shell takes to run a test alone, as it was run."""
    file = os.path.relpath(item.path, item.config.invocation_params.dir)
    seed = item.config.getoption("reinfer_seed")
    given = [f" --reinfer-seed={seed}"] * (seed is not None) + [" --reinfer-strict"] * item.config.getoption(
        "reinfer_strict"
    )
    return f"pytest {shlex.quote('::'.join([file, *item.nodeid.split('::')[1:]]))}{''.join(given)}"


class _Errors:
    """Remembers what the phases of a run raise, behind what other plugins make of it."""

    def __init__(self, errors: list[BaseException]) -> None:
        self._errors = errors

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
        report = yield
        if call.excinfo is not None:
            self._errors.append(call.excinfo.value)
        return report


def run(
    item: pytest.Item, arrange: Arrange | None = None, watch: Arrange | None = None, *, explain: bool = True
) -> Ran:
    """Run a test once, with nothing of earlier runs, and report nothing.

    arrange: what is done to its tenant, after which its own faults may stay silent. watch: what changes nothing.
    explain: whether pytest explains a failure, with comparison and source: it reads a file anew for each of them.
    """
    twin = _twin(item)
    ran = Ran(twin, [], [], [], [], [])

    def arranged(tenant: FakeTenant) -> None:
        ran.tenants.append(tenant)
        if watch is not None:
            watch(tenant)
        if arrange is not None:
            tenant.faults_must_fire = False  # the test may end before its own do
            ran.arranged.append(arrange(tenant))

    def reading(link: Link) -> Callable[[Any], Any]:
        def readouterr(fixture: Any) -> Any:
            read = link.previous(fixture)
            ran.read.extend(text.decode(errors="replace") if isinstance(text, bytes) else text for text in read)
            return read

        return readouterr

    vars(twin)["reinfer_arrange"] = arranged
    heard = _Errors(ran.errors)
    item.config.pluginmanager.register(heard)
    try:
        with ExitStack() as replaced:
            replaced.enter_context(Replaced(CaptureFixture, "readouterr", reading))
            if not explain:
                replaced.enter_context(Replaced(util, "_reprcompare", lambda _: lambda *_: None))
                vars(twin).update(repr_failure=_named, _repr_failure_py=_named)
            # beside another, the rest of the stack stays
            ran.reports.extend(runtestprotocol(twin, log=False, nextitem=_twin(item)))
    finally:
        item.config.pluginmanager.unregister(heard)
    return ran


def _named(excinfo: pytest.ExceptionInfo[BaseException], *_: object, **__: object) -> str:
    """A failure without its explanation."""
    return excinfo.typename


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


def report(item: pytest.Item, when: When, failure: BaseException | None = None) -> pytest.TestReport:
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
