"""Running a test again, each time with something else that fails: sweeps of faults, and permissions denied.

A marked test is run as it is, and then once per failure, each time the whole of it: with a tenant and fixtures of its
own, while those of its class, module and session stay. Of all the runs one is reported.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from operator import methodcaller
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NoReturn

import pytest

from pytest_reinfer import contract, runs
from pytest_reinfer.faults import Plan, fail
from pytest_reinfer.runs import Ran, Verdict, report, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence, Sized

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.injection import Injection

KINDS: Final = (
    409,
    429,
    500,
    503,
    "html_bad_gateway",
    "connection_reset",
    "read_timeout",
)  # of a sweep that names none
SHOWN = 20  # so many failed runs a report lists
LONGEST = 160  # so much of an exception's words


class Pair(NamedTuple):
    """A run of a sweep: which request fails, counted from 1, how, and the plan that lets it."""

    k: int
    label: str
    plan: Plan

    def __str__(self) -> str:
        return f"{self.k}:{self.label}"

    def arrange(self, tenant: FakeTenant) -> Injection:
        """Put it in force."""
        return tenant.fail(self.plan)

    def met(self, ran: Ran) -> str:
        """The request that failed."""
        (fault,) = self.plan.faults
        requests = [request for tenant in ran.tenants for request in tenant.requests]
        found = [request for request in requests if request.fault == repr(fault)]
        found = found or [request for request in requests if fault.route in (None, request.route)][self.k - 1 :]
        return str(found[0]) if found and ran.met else "no request"


def protocol(item: pytest.Item, nextitem: pytest.Item | None, markers: Mapping[str, str]) -> None:
    """Run a test as its marker wants it, and report it as one. markers: what they say of themselves, by name."""
    runs.protocol(item, nextitem, lambda: _reports(item, markers))


def _reports(item: pytest.Item, markers: Mapping[str, str]) -> list[pytest.TestReport]:
    """The reports of a test, one per phase."""
    marker, *others = (marker for marker in item.iter_markers() if marker.name in markers)
    name = marker.name
    try:
        _refuse(item, name, [other.name for other in others])
        judge = {"reinfer_sweep": _sweep, "reinfer_deny_each": _deny_each}[name]
        verdict = judge(item, marker, markers[name])
    except pytest.fail.Exception as refusal:
        reports = [report(item, "setup", refusal), report(item, "teardown")]
        reports[-1].user_properties = [*item.user_properties, (name, "no run: refused, as its error says")]
        return reports
    return runs.reported(name, verdict)


def _refuse(item: pytest.Item, name: str, others: list[str]) -> None:
    """Fail for a test that cannot be run again, or not so."""
    if {*others} - {name}:
        _refused(f"A test is marked {name} or {', '.join({*others} - {name})}, not both: make two tests of it.")
    if others and name == "reinfer_sweep":
        _refused(
            f"The test has {len(others) + 1} markers reinfer_sweep, with those of its class and module: name all kinds "
            "in one."
        )
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
        by_label = _by_label(kinds)
        plans = {label: _at(kind, 1, route) for label, kind in by_label.items()}
        named: tuple[int, str] | None = item.config.getoption("reinfer_sweep")
        if named is not None:
            k, label = named
            pair = Pair(k, label, _at(by_label[label] if label in by_label else _kind(label), k, route))
    except (TypeError, ValueError) as error:
        _refused(f"{error} The marker is @pytest.mark.{help_text}")
    if named is not None:
        return _one(item, pair)
    base = run(item)
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
    unasked = [label for label, plan in plans.items() if not asked[label] and not plan.faults[0].optional]
    return _swept(item, base, pairs, unasked, total)


def _one(item: pytest.Item, pair: Pair) -> Verdict:
    """The run that the command line names."""
    ran = run(item, pair.arrange)
    failure = None
    if ran.passed and not ran.met:
        made = _asked(_tenant(ran, "reinfer_sweep"), pair.plan.faults[0].route)
        failure = (
            f"--reinfer-sweep={pair}: {pair.plan} met no request. The test made {_count(range(made), 'request')}, "
            "counted from 1, and not each is one that this kind of failure is for."
        )
    return Verdict(ran, f"1 run: {pair}", failure=failure)


def _swept(item: pytest.Item, base: Ran, pairs: list[Pair], unasked: list[str], total: str) -> Verdict:
    """Run them all; the first that fails is the smallest. unasked: the kinds that have no run."""
    tried: list[Pair] = []
    failed: list[Pair] = []
    met: set[str] = set()
    smallest, idle, skipped = base, 0, 0
    seconds = base.reports[-2].duration
    for pair in pairs:
        ran = run(item, pair.arrange)
        tried.append(pair)
        seconds += sum(report.duration for report in ran.reports)
        skipped += ran.skipped
        idle += not ran.met
        if ran.met or pair.plan.faults[0].optional:
            met.add(pair.label)
        if ran.failed:
            smallest = smallest if failed else ran
            failed.append(pair)
            if item.config.getoption("usepdb", default=False):
                total += ", ended by --pdb at the first that failed"
                break
    missed = [*unasked, *dict.fromkeys(pair.label for pair in tried if pair.label not in met)]
    total += f", {idle} of {len(tried)} met nothing" * bool(idle)
    total += f", {skipped} skipped" * bool(skipped)
    nothing = f"met nothing in any run: {_listed(missed)}"
    total += f"; {nothing}" * bool(missed)
    if not failed:
        failure = (
            f"reinfer_sweep {nothing}. The test makes no request that such a kind is for. Leave it out, name another "
            "route by route=..., or arrange what it needs, such as data for more than one page."
        )
        return Verdict(base, total, seconds, failure=failure if missed else None)
    total += f"; {len(failed)} failed: {_listed(failed)}"
    first = failed[0]
    again = f"{runs.command(item)} --reinfer-sweep={shlex.quote(str(first))}"
    lines = [total, f"The smallest is {first}: {first.met(smallest)}"]
    lines += ["It alone, by command or in the test:", f"  {again}", f"  reinfer.{first.plan}"]
    return Verdict(smallest, f"{total}; the smallest again: {again}", seconds, "\n".join(lines))


def _by_label(kinds: Sequence[Any]) -> dict[str, Any]:
    """Kinds by what they are called, each once; of others that are called the same, the second is `... #2`."""
    found: dict[str, Any] = {}
    for kind in kinds:
        if kind not in found.values():
            same = sum(str(kind) == str(other) for other in found.values())
            found[f"{kind}{f' #{same + 1}' * bool(same)}"] = kind
    return found


def _at(kind: Any, k: int, route: str | None) -> Plan:
    """The plan by which the k-th request fails. ValueError for what is no kind, as two faults, or one that waits."""
    if not isinstance(kind, Plan):
        return fail(kind, nth=k, route=route)
    if len(kind.faults) != 1:
        raise ValueError(f"A kind is a status, a name or a plan of one fault, not {kind}.")
    fault = kind.faults[0]
    if fault.after or fault.probability is not None:
        raise ValueError(
            f"A sweep lets each request fail in turn: a kind takes no nth, after or probability, as {kind} has them."
        )
    return Plan(((replace(fault, after=k - 1, route=fault.route or route),),))


def _kind(label: str) -> int | str:
    return int(label) if label.isdecimal() else label


def _asked(tenant: FakeTenant, route: str | None) -> int:
    return tenant.asked if route is None else sum(request.route == route for request in tenant.requests)


# ------------------------------------------------------------------------------------------------------ permissions


def _deny_each(item: pytest.Item, marker: pytest.Mark, help_text: str) -> Verdict:
    """Take each permission that the test uses, and see that the refusal is told."""
    if marker.args or marker.kwargs:
        _refused(f"It takes no arguments. The marker is @pytest.mark.{help_text}")
    base = run(item)
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
        ran = run(item, methodcaller("deny", permission))
        seconds += sum(report.duration for report in ran.reports)
        refused = _was_refused(ran)
        unrefused += not refused
        problem = _problem(ran, base) if refused else None
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
    lines = [total, *told, "The first wrong one alone, in the test:", f'  reinfer.deny("{first}")']
    failure = None if reported.failed else f"Without the permission {first!r}: {problem}."
    return Verdict(reported, total, seconds, "\n".join(lines), failure)


def _was_refused(ran: Ran) -> bool:
    """Whether the tenant refused anything; it does not where it only answers with less."""
    status = contract.error("forbidden").status
    return any(request.status == status for tenant in ran.tenants for request in tenant.requests)


def _problem(ran: Ran, base: Ran) -> str | None:
    """What is wrong with a run that was refused something; None where it says so, as the one that passed did not."""
    if ran.skipped:
        return "it was skipped, and so did not tell the refusal"
    if not ran.failed:
        return "it ran to its end as if nothing had been refused"
    status, message = contract.error("forbidden")
    words = [text for error in ran.errors for text in _words(error)]
    usual = {*_printed(base)}
    told = [*words, *(line for line in _printed(ran) if line not in usual)]
    alone = rf"(?<![\w./\\-])(?<!\.py:){status}(?![\w/\\-]|\.\w)"  # no word, path, name or line
    if re.search(rf"{alone}|{re.escape(message)}", "\n".join(told)):
        return None
    hidden = ", which -s hides," * (ran.item.config.getoption("capture") == "no")
    return (
        f"it failed and did not tell the refusal ({status}, or the words {message!r}, in an exception or in what it "
        f"prints{hidden} or logs and does not when it passes): {words[0]:.{LONGEST}}"
    )


def _printed(ran: Ran) -> list[str]:
    """The lines that a run printed and logged, with those that the test read itself."""
    captured = [text for title, text in ran.reports[-1].sections if title.startswith(("Captured std", "Captured log"))]
    return "\n".join([*captured, *ran.read]).splitlines()


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


def _tenant(ran: Ran, name: str) -> FakeTenant:
    """The tenant of a run."""
    if not ran.tenants:
        _refused(f"{name} is about the tenant of the fixture `reinfer`, which the test does not use: ask for it.")
    return ran.tenants[-1]


def _listed(found: Sequence[object]) -> str:
    return ", ".join(map(str, found[:SHOWN])) + f" and {len(found) - SHOWN} more" * (len(found) > SHOWN)


def _count(found: Sized, noun: str) -> str:
    return f"{len(found)} {noun}{'s' * (len(found) != 1)}"
