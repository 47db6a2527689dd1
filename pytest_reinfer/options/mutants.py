"""`pytest --reinfer-mutants`: each test with a tenant again and again, while the answers vary within the contract."""

from __future__ import annotations

import json
import re
import sysconfig
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from _pytest import timing  # which no test can turn back

from pytest_reinfer import mutants, runs, variations
from pytest_reinfer.mutants import BROKE, NOTICED, STOOD, UNMET, UNNOTICED
from pytest_reinfer.runs import Verdict
from pytest_reinfer.varying import Varied, Watched
from pytest_reinfer.whole import report

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import TracebackType

    from pytest_reinfer.runs import Ran
    from pytest_reinfer.variations import Variation

NAME: Final = "reinfer_mutants"  # of what reports carry
MOST: Final = 1000  # runs of a test
LONGEST: Final = 160  # so much of an exception's words
OURS: Final = str(Path(__file__).parent.parent)
ADDRESS: Final = re.compile(r"(?<= at )0x[0-9a-fA-F]+")  # of an object, another one in every process
SEEN: Final = (AssertionError, pytest.fail.Exception)


class Mutants:
    """Runs tests so, or with one variation alone, and tells what came of it. others: markers that run tests again."""

    def __init__(self, config: pytest.Config, others: Collection[str]) -> None:
        self._config = config
        self._others = others
        only: str | None = config.getoption("reinfer_mutant")
        if only is not None and config.getoption("reinfer_mutants"):
            raise pytest.UsageError(
                "--reinfer-mutants runs all variations, --reinfer-mutant=... one alone: give one of the options."
            )
        self._only = None if only is None else variations.read(only)
        self._crashed: list[str] = []  # tests whose worker of pytest-xdist ended under them
        self._notes: list[str] = []
        self._most: int = config.getoption("reinfer_mutants_max") or MOST
        file: str | None = config.getoption("reinfer_mutants_json")
        self._file = file
        if file is not None and not (folder := Path(config.invocation_params.dir, file).parent).is_dir():
            raise pytest.UsageError(f"--reinfer-mutants-json: there is no folder {folder}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test with a tenant as often as there are variations."""
        if not {"reinfer", "reinfer_server"}.intersection(getattr(item, "fixturenames", ())):
            return None
        why = self._why_not(item)
        if why is not None:
            item.user_properties.append((NAME, f"not varied: {why}"))
            return None
        runs.protocol(item, nextitem, lambda: self._reports(item))
        return True

    def _why_not(self, item: pytest.Item) -> str | None:
        """Why a test cannot be run so."""
        marked = [marker.name for marker in item.iter_markers() if marker.name in self._others]
        if marked:
            return f"it is marked {marked[0]}, which runs it again in its own way"
        closest = next((each for each in item.iter_markers("reinfer") if "mutants" in each.kwargs), None)
        if closest is not None and not closest.kwargs["mutants"]:
            return "its marker says mutants=False"
        if getattr(getattr(item, "obj", None), "is_hypothesis_test", False):
            return "@given runs it again and again"
        if "subtests" in getattr(item, "fixturenames", ()):
            return "it has subtests, which report themselves"
        if self._config.getoption("usepdb", default=False) and self._only is None:
            return "with --pdb each failure would open the debugger; say --reinfer-mutant=..."
        return None

    def _reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        told = _blank(item.nodeid) | {"command": runs.command(item)}
        verdict = self._one(item, self._only) if self._only else self._all(item, told)
        reports = runs.reported(NAME, verdict)
        if not self._only:
            vars(reports[-1])[NAME] = told  # plain values, which workers send with it
        return reports

    def _one(self, item: pytest.Item, variation: Variation) -> Verdict:
        """The run with the variation that the command line names."""
        ran = runs.run(item, partial(Varied, variation=variation, requests=None))
        if ran.met or not ran.passed:
            return Verdict(ran, f"1 run: {variation}: {'failed' if ran.failed else 'no failure'}")
        failure = (
            f"--reinfer-mutant={variation}: the test met no answer that it is for, or that it makes a difference to."
        )
        return Verdict(ran, f"1 run: {variation}: met nothing", failure=failure)

    def _all(self, item: pytest.Item, told: dict[str, Any]) -> Verdict:
        """The run as it is, once more to see that it can be, and one for each variation of the answers that it met."""
        started, watched = timing.perf_counter(), list[Watched]()
        base = runs.run(item, watch=lambda tenant: watched.append(Watched(tenant)))
        if not base.passed or any(report.outcome != "passed" for report in base.reports):
            told["left"] = "it does not pass as it is"
        elif not any(each.answers for each in watched):
            told["left"] = "it meets no answer of its tenant's"
        elif not runs.run(item, explain=False).passed:
            told["left"] = "it does not pass twice in one process, even where nothing is varied"
        if told["left"] is not None:
            return Verdict(base, f"not varied: {told['left']}")
        every = [
            variation
            for each in watched
            for route, answers in each.answers.items()
            for variation in variations.variations(route, answers)
        ]
        told["variations"] = len(every)
        requests = sum(each.requests for each in watched)
        broke: list[Variation] = []
        for number, variation in enumerate(every[: self._most]):
            self._show(f"{item.nodeid}: {number} of {len(every)} variations")
            ran = runs.run(item, partial(Varied, variation=variation, requests=requests), explain=False)
            came = _came(variation, ran)
            broke += [variation] * (came == BROKE)
            told["outcomes"].append((str(variation), came, _words(ran)))
        self._show("")
        told["seconds"] = timing.perf_counter() - started
        shown = runs.run(item, partial(Varied, variation=broke[0], requests=requests)) if broke else base
        return _verdict(shown, told)

    def _show(self, line: str) -> None:
        """Tell a terminal how far it is."""
        reporter: Any = self._config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None and reporter.isatty() and not hasattr(self._config, "workerinput"):
            reporter.rewrite(line, erase=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_handlecrashitem(self, crashitem: str) -> None:
        """Know the test that a worker of pytest-xdist did not end."""
        self._crashed.append(crashitem)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        """Know that a worker of pytest-xdist did not end as it should."""
        if not hasattr(node, "workeroutput"):
            why = f" ({str(error).strip().splitlines()[0]})" if error and str(error).strip() else ""
            self._notes.append(
                f"The worker {node.gateway.id} ended early{why}: nothing is told of the test that it ran."
            )

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell what came of all tests, and write it where that is asked for."""
        if self._only is not None:
            return
        reports = [each for found in terminalreporter.stats.values() for each in found]
        ended = [each for each in reports if getattr(each, "when", None) == "teardown"]
        found = [test for test in map(_told, ended) if test is not None]
        crashed = {*self._crashed}.difference(test["test"] for test in found)  # which another worker may have run
        found += [_blank(test) | {"left": "the worker that ran it ended early"} for test in crashed]
        told = mutants.told(found, self._notes)
        terminalreporter.section("reinfer: mutants of the answers")
        for line in told.lines():
            terminalreporter.line(line, yellow=line.startswith(("CUT", "The worker")), bold=not line.startswith(" "))
        if not told.outcomes:
            terminalreporter.line("NOTHING was varied: no test that passes met an answer of the fixture `reinfer`.")
        if self._file is not None:
            report(f"{json.dumps(told.json(), indent=2)}\n", self._file, self._config.invocation_params.dir)
            terminalreporter.line(f"All of it is in {self._file}.")


def _told(report: pytest.TestReport) -> dict[str, Any] | None:
    """What the report of a test carries; None of a test without a tenant."""
    found: dict[str, Any] | None = vars(report).get(NAME)
    left = [str(value) for name, value in report.user_properties if name == NAME]
    if found is None and left:
        return _blank(report.nodeid) | {"left": left[0].removeprefix("not varied: ")}
    return found


def _blank(test: str) -> dict[str, Any]:
    """What there is to tell of a test, before anything is known."""
    return {"test": test, "command": "", "left": None, "seconds": 0.0, "outcomes": [], "variations": 0}


def _verdict(ran: Ran, told: dict[str, Any]) -> Verdict:
    """What a test comes to: it passes unless a variation broke the client, which is then shown by its own failure."""
    outcomes = told["outcomes"]
    broke = [(variation, words) for variation, came, words in outcomes if came == BROKE]
    unnoticed = sum(came == UNNOTICED for _, came, _ in outcomes)
    total = f"{len(outcomes)} runs: {len(broke)} broke the client, {unnoticed} unnoticed"
    unmet = sum(came == UNMET for _, came, _ in outcomes)
    total += f", {unmet} not met" * bool(unmet)
    total += f", CUT from {told['variations']} runs by --reinfer-mutants-max" * (len(outcomes) < told["variations"])
    if not broke:
        return Verdict(ran, total, told["seconds"])
    lines = [f"It passes as it is. {total}. The failure above is that of the first:"]
    lines += [f"  {variation}: {words}" for variation, words in broke[: mutants.SHOWN]]
    lines += ["It alone:", f"  {told['command']} --reinfer-mutant={broke[0][0]}"]
    return Verdict(ran, total, told["seconds"], "\n".join(lines))


def _came(variation: Variation, ran: Ran) -> str:
    """What came of a variation: whether the test failed, and if so, whether it noticed or the client broke."""
    if any(each.endless for each in ran.arranged):
        return BROKE
    if not ran.met:
        return UNMET
    if not ran.failed:
        passed = STOOD if variation.harmless else UNNOTICED
        return NOTICED if ran.skipped and not variation.harmless else passed
    if variation.harmless:
        return BROKE
    # Another identifier or moment leads elsewhere, where a client may well be refused.
    seen = variation.kind == "other" or all(_is_tests(ran, each) for error in ran.errors for each in _each(error))
    return NOTICED if seen else BROKE


def _is_tests(ran: Ran, error: BaseException) -> bool:
    """Whether the test says so: by an assertion, or because it takes hold itself of what is not there."""
    if isinstance(error, SEEN):
        return True
    names = [name for name in _functions(error.__traceback__) if name]
    test = getattr(getattr(ran.item, "obj", None), "__qualname__", None)
    return bool(names) and names[-1].partition(".<locals>")[0] == test


def _functions(traceback: TracebackType | None) -> Iterator[str]:
    """The functions that an exception came through and that are nor Python's own nor ours."""
    library = (OURS, *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib")})
    while traceback is not None:
        code = traceback.tb_frame.f_code
        installed = {"site-packages", "dist-packages"}.intersection(Path(code.co_filename).parts)
        if installed or not code.co_filename.startswith(library):
            yield code.co_qualname
        traceback = traceback.tb_next


def _each(error: BaseException) -> Iterator[BaseException]:
    """An exception, or those in a group."""
    if isinstance(error, BaseExceptionGroup):
        for each in error.exceptions:
            yield from _each(each)
    else:
        yield error


def _words(ran: Ran) -> str:
    """What a run failed with, in a line."""
    if not ran.errors:
        return ""
    words = ADDRESS.sub("0x...", " ".join(f"{type(ran.errors[0]).__name__}: {ran.errors[0]}".split()))
    return words if len(words) <= LONGEST else f"{words[: LONGEST - 3]}..."
