"""The pytest plugin: imports pytest and nothing heavy, so that being installed costs nothing."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

import pytest

from pytest_reinfer import arguments
from pytest_reinfer.markers import BUDGET, FAIL, MARKER, RERUNS
from pytest_reinfer.session import Session

if TYPE_CHECKING:
    from pytest_reinfer import FakeTenant


class Hooks:
    """The hooks of the plugin, for conftest files."""

    @pytest.hookspec
    def pytest_reinfer_setup(self, tenant: FakeTenant) -> None:
        """Fill the tenant that every test below this conftest starts with.

        Called once per seed and not once per test: each test has a tenant of its own, which shares what it does not
        change.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options and ini settings."""
    arguments.add(parser)


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers, and what lasts as long as the session."""
    for marker in (MARKER, FAIL, BUDGET, *RERUNS.values()):
        config.addinivalue_line("markers", marker)
    try:
        arguments.most(config.getini("reinfer_sweep_max"))
    except ArgumentTypeError as error:
        raise pytest.UsageError(f"ini setting reinfer_sweep_max: {error}") from None
    target = None
    if config.getoption("reinfer_target") != "fake":
        from pytest_reinfer.options.target import Target  # noqa: PLC0415 -- hardly a session asks for it

        target = Target(config)
        config.add_cleanup(target.close)
    session = Session(config, target)
    config.pluginmanager.register(session, "reinfer-session")
    if target is not None:
        config.pluginmanager.register(target, "reinfer-target")
    config.add_cleanup(session.close)
    if config.getoption("reinfer_mutants") or config.getoption("reinfer_mutant") is not None:
        from pytest_reinfer.options.mutants import Mutants  # noqa: PLC0415

        config.pluginmanager.register(Mutants(config, RERUNS), "reinfer-mutants")
    for name in ("max", "json"):
        if config.getoption(f"reinfer_mutants_{name}") is not None and not config.getoption("reinfer_mutants"):
            raise pytest.UsageError(f"--reinfer-mutants-{name} is for --reinfer-mutants: give both.")
    if config.getoption("reinfer_coverage") or config.getoption("reinfer_coverage_fail_under") is not None:
        from pytest_reinfer.options.coverage import Coverage  # noqa: PLC0415

        config.pluginmanager.register(Coverage(config), "reinfer-coverage")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell of each test that was run more than once what its runs came to, and of a sweep that no test was for."""
    told = [
        (name, f"{report.nodeid}: {value}")
        for reports in terminalreporter.stats.values()
        for report in reports
        if getattr(report, "when", None) == "teardown"  # each test has one, and workers send it too
        for name, value in report.user_properties
        if name in RERUNS
    ]
    pair = config.getoption("reinfer_sweep")
    swept = any(name == "reinfer_sweep" for name, _ in told)
    if pair is not None and not swept and not config.getoption("collectonly"):
        k, kind = pair
        told.append(("", f"--reinfer-sweep={k}:{kind}: NO SWEEP, as no test that was run is marked reinfer_sweep"))
    if told:
        terminalreporter.section("reinfer: tests run again with failures")
        for _, line in told:
            terminalreporter.line(line, yellow="CUT" in line or "NO SWEEP" in line)
