"""What the markers of the plugin say of themselves, and obeying them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MARKER = (
    "reinfer(*, url=None, seed=None, sleep='real', unknown_routes='fail', unbuilt_routes='fail', log_bodies=65536, "
    "tls=False, min_evidence=None, strict=False, mutants=True, live=None): how the fixtures `reinfer` and "
    "`reinfer_server` make their tenant. url: where it answers, without a server; tls: whether `reinfer_server` "
    "speaks https; seed: what ids and generated content follow from; sleep: 'clock' leads what the code sleeps to the "
    "tenant's clock; unknown_routes, unbuilt_routes: 'allow' lets a test ask for routes that the API does not have or "
    "that the fake does not build; log_bodies: bytes of a request's body that are kept in `reinfer.requests`; "
    "min_evidence: the least kind of evidence, such as 'documented', of rules of the API that the test may rely on; "
    "strict: what the test sends and gets is held against the contract to the letter, as by --reinfer-strict; "
    "mutants: False keeps its answers as they are with --reinfer-mutants; live: 'read' or 'write', the test is safe "
    "for a real tenant, of which it reads, or where it also writes, into `reinfer_project` alone; see --reinfer- "
    "target."
)
FAIL = (
    "reinfer_fail(what, *, times=1, nth=None, route=None, ...): requests to the tenant of the fixture `reinfer` fail, "
    "as `reinfer.fail` has it: by a status, the name of a kind, or a plan. Several markers stand for several failures."
)
BUDGET = (
    "reinfer_budget(requests, route=None): the test fails if it makes more requests, with its fixtures' setup; the "
    "failure names the lines that make them. route: only those of this route are counted."
)
RERUNS: Final = {  # tests that are run more than once
    "reinfer_sweep": (
        "reinfer_sweep(*kinds, route=None): run the test as it is, and then again for each request that it makes and "
        "each kind of failure, as of `reinfer.fail`, which this request meets; it passes if all runs pass, and each "
        "kind meets a request. kinds: statuses, names, plans of one fault; default: the usual ones. route: only its "
        "requests fail."
    ),
    "reinfer_deny_each": (
        "reinfer_deny_each(): run the test as it is, and then again without each permission that it uses; it passes if "
        "each of these runs fails and tells the refusal, in its exception or in what it prints or logs."
    ),
}
OF_TESTS: Final = frozenset({"strict", "mutants"})  # what the marker says of a test, whatever tenants it has
ABOUT: Final = {  # markers about the tenant of the fixture, and how a test says it of another one
    "reinfer": "FakeTenant(...), or `with tenant.clock.lead():`, in the test",
    "reinfer_fail": "tenant.fail(...) in the test",
    "reinfer_budget": "tenant.budget(...) in the test",
}


def obey(marks: Sequence[pytest.Mark], name: str, do: Callable[..., object], help_text: str) -> None:
    """Do what the markers of a name say; fail, with the marker's help, where it makes no sense."""
    for mark in marks:
        if mark.name == name:
            try:
                do(*mark.args, **mark.kwargs)
            except (TypeError, ValueError) as error:
                wrong(error, help_text)


def wrong(problem: object, help_text: str) -> NoReturn:
    """Fail for what a marker says, without a traceback: all of it would be ours."""
    told = f"{problem}".removesuffix(".")
    raise pytest.fail.Exception(f"{told}. The marker is @pytest.mark.{help_text}", pytrace=False) from None


def without_tenant(item: pytest.Item) -> None:
    """Fail for a test's own marker about a tenant that the test does not have; a module's or a class's may be."""
    for mark in item.own_markers:
        if mark.name == "reinfer" and mark.kwargs and mark.kwargs.keys() <= OF_TESTS:
            continue
        if mark.name in ABOUT:
            pytest.fail(
                f"{mark.name} is about the tenant of the fixture `reinfer`, which the test does not use: ask for it. "
                f"For a tenant of the test's own, say {ABOUT[mark.name]}.",
                pytrace=False,
            )
