"""`--reinfer-coverage`: collects what the session meets of the contract, in all its processes, and reports it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest

from pytest_reinfer.coverage import page, report, table
from pytest_reinfer.coverage.tally import Tally
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.whole import report as write

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.coverage.report import Report
    from pytest_reinfer.wire import Exchange, Request

SENT: Final = "reinfer_coverage"  # under which a worker of pytest-xdist sends what it has met


class Coverage:
    """What the session has met so far, from its start to its end."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._patterns = config.getini("reinfer_coverage_routes")
        self._reports = config.getoption("reinfer_coverage") or []
        self._least: float | None = config.getoption("reinfer_coverage_fail_under")
        self._tally = Tally()
        self._notes: list[str] = []
        self._told: list[tuple[str, bool]] = []  # lines behind the table, each with whether it is bad
        self._found: Report | None = None
        try:
            report.named(self._patterns)
        except LookupError as error:
            raise pytest.UsageError(f"ini setting reinfer_coverage_routes: {error}") from None
        self._seam = Replaced(FakeTenant, "exchanged", self._exchanged).open()
        config.add_cleanup(self._seam.close)

    def _exchanged(self, link: Link) -> Callable[[FakeTenant, Request, Exchange, str | None], Exchange]:
        """What every answer passes."""

        def exchanged(tenant: FakeTenant, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
            given: Exchange = link.previous(tenant, request, exchange, fault)
            if link.open:
                self._tally.add(request, given, fault)
            return given

        return exchanged

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Know which test runs."""
        self._tally.test = nodeid

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Take over what a worker of pytest-xdist has met."""
        sent = getattr(node, "workeroutput", {}).get(SENT)
        if sent is not None:
            self._tally.merge(sent)
        elif not self._config.getoption("collectonly"):
            why = f" ({str(error).strip().splitlines()[0]})" if error and str(error).strip() else ""
            self._notes.append(f"The worker {node.gateway.id} ended early{why}: what it had met is not counted.")

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Send it to the process that reports, or write the reports, and see whether it is enough."""
        sent = getattr(self._config, "workeroutput", None)
        if sent is not None:
            sent[SENT] = self._tally.dump()
        elif not self._config.getoption("collectonly"):
            self._found = report.report(self._tally, self._patterns, self._notes)
            self._told = list(self._written(self._found))
            if self._least is not None:
                self._told.append(_verdict(self._found, self._least))
            if any(bad for _, bad in self._told) and session.exitstatus in (
                pytest.ExitCode.OK,
                pytest.ExitCode.NO_TESTS_COLLECTED,
            ):
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Show the table, where it is asked for, and in any case what came of it all."""
        if self._found is None:
            return
        terminalreporter.section("reinfer: coverage of the contract")
        if "term" in self._reports:
            for line in table.lines(self._found):
                terminalreporter.line(line)
            terminalreporter.line("")
        for note in self._found.notes:
            terminalreporter.line(note, yellow=True)
        total = self._found.part()
        terminalreporter.line(f"Total: {total.met} of {total.of} met, {total.percent} %")
        for line, bad in self._told:
            terminalreporter.line(line, red=bad)

    def _written(self, found: Report) -> Iterator[tuple[str, bool]]:
        """Write the reports that go to files; each with what came of it, and whether that is bad."""
        for asked in dict.fromkeys(self._reports):
            kind, _, name = asked.partition(":")
            if kind == "term":
                continue
            text = page.page(found) if kind == "html" else json.dumps(report.as_json(found), indent=2) + "\n"
            try:
                write(text, name, self._config.invocation_params.dir)
            except OSError as error:
                yield f"{asked}: not written: {error}", True
            else:
                yield f"Written: {Path(name)}", False


def _verdict(found: Report, least: float) -> tuple[str, bool]:
    """Whether so many percent are enough, in words."""
    total = found.part()
    bad = total.met * 100 < least * total.of
    return f"--reinfer-coverage-fail-under={least:g}: {'FAILED' if bad else 'reached'}, {total.percent} % are met", bad
