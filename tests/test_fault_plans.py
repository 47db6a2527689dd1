"""Plans of failures that Hypothesis draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import HealthCheck, Phase, Verbosity, find, given, settings

from pytest_reinfer import FakeTenant, faults, strategies
from pytest_reinfer.faults import Plan, before, fail
from pytest_reinfer.wire import UNREACHED

if TYPE_CHECKING:
    from collections.abc import Callable

MANY = settings(max_examples=2000, derandomize=True, database=None, phases=[Phase.generate], deadline=None)
FIND = settings(max_examples=5000, derandomize=True, database=None, suppress_health_check=list(HealthCheck))


def test_over_2000_examples_every_usual_failure_is_drawn_in_every_phase() -> None:
    found: set[tuple[Any, str]] = set()
    sizes: set[int] = set()

    @MANY
    @given(strategies.fault_plans())
    def look(plan: Plan) -> None:
        found.update((fault.what, fault.phase) for fault in plan.faults)
        sizes.add(len(plan.faults))
        assert all(fault.optional for fault in plan.faults)

    look()
    kinds = {what for what, _ in found}
    assert {503, 429, 409, *faults.LOST, *faults.MID_BODY, *faults.ALTERED, *faults.SLOW} < kinds
    assert {*UNREACHED} - kinds == {"tls_error"}
    assert {(503, "before"), (503, "after"), ("read_timeout", "after"), ("slow_body", "after")} < found
    assert sizes == {1, 2, 3}


@settings(max_examples=200, deadline=None)
@given(strategies.fault_plans() | strategies.fault_plans("forbidden", "short_page", 409, max_faults=1))
def test_a_drawn_plan_prints_as_the_python_that_builds_it(plan: Plan) -> None:
    assert eval(repr(plan), {"fail": fail, "before": before}) == plan  # noqa: S307 -- that is the point


SMALLEST: dict[str, Callable[[Plan], bool]] = {
    "fail(503, optional=True)": lambda plan: True,
    "fail(503, nth=3, optional=True)": lambda plan: any(fault.after > 1 for fault in plan.faults),
    "fail(503, times=2, optional=True)": lambda plan: any((fault.times or 0) > 1 for fault in plan.faults),
    "fail(429, retry_after=1, optional=True)": lambda plan: any(
        fault.what == 429 and fault.about for fault in plan.faults
    ),
    "fail(503, optional=True) | fail('connection_reset', phase='after', optional=True)": lambda plan: (
        len(plan.faults) > 1
        and any(fault.what == "connection_reset" and fault.phase == "after" for fault in plan.faults)
    ),
}


@pytest.mark.parametrize("smallest", SMALLEST)
def test_plans_shrink_to_the_smallest(smallest: str) -> None:
    assert repr(find(strategies.fault_plans(), SMALLEST[smallest], settings=FIND)) == smallest


def test_parts_of_a_batch_are_for_routes_that_take_one() -> None:
    def partial(plan: Plan) -> bool:
        return any(fault.phase == "partial" for fault in plan.faults)

    plan = find(strategies.fault_plans(500, route="sync_comments"), partial, settings=FIND)
    assert repr(plan) == "fail(500, route='sync_comments', phase='partial', optional=True)"


def test_every_kind_can_be_drawn() -> None:
    found: set[Any] = set()

    @MANY
    @given(strategies.fault_plans(*faults.kinds()))
    def look(plan: Plan) -> None:
        found.update(fault.what for fault in plan.faults)

    look()
    assert found == set(faults.kinds())


def test_a_plan_that_fails_is_printed_as_python() -> None:
    @settings(FIND, phases=[Phase.generate, Phase.shrink], verbosity=Verbosity.normal)
    @given(plan=strategies.fault_plans())
    def survives(plan: Plan) -> None:
        assert all(fault.after + (fault.times or 0) <= 2 for fault in plan.faults)

    with pytest.raises(AssertionError) as caught:
        survives()
    (note,) = [line for line in caught.value.__notes__ if "plan=" in line]
    assert "Fault(" not in note
    assert "plan=fail(503, nth=3, optional=True)" in note


def test_what_cannot_be_drawn_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="No failure is called 'x'"):
        strategies.fault_plans("x")
    with pytest.raises(ValueError, match="No route is called 'x'"):
        strategies.fault_plans(route="x")
    with pytest.raises(ValueError, match="max_faults is a whole number, at least 1, not 0"):
        strategies.fault_plans(max_faults=0)


def impatient(tenant: FakeTenant) -> list[Any]:
    """Goes over what fails, but takes the second page's failure for the end."""
    found: list[Any] = []
    body: dict[str, Any] = {"limit": 4}
    url = f"{tenant.url}/api/v1/datasets/{tenant.datasets[0].full_name}/export"
    for tries in range(20):
        page = requests.post(url, json=body, headers=tenant.headers)
        if not page.ok:
            if tries == 1:
                break
            continue
        found += page.json()["comments"]
        if "continuation" not in page.json():
            break
        body["continuation"] = page.json()["continuation"]
    return found


def test_a_client_that_breaks_is_shown_the_smallest_plan_that_breaks_it() -> None:
    broken: list[str] = []

    @settings(FIND, max_examples=500, phases=[Phase.generate, Phase.shrink], deadline=None)
    @given(plan=strategies.fault_plans(503, 409))
    def survives(plan: Plan) -> None:
        with FakeTenant() as tenant:
            tenant.add_dataset("acme/support", comments=10)
            tenant.fail(plan)
            if impatient(tenant) != tenant.exported("acme/support"):
                broken.append(repr(plan))
                raise AssertionError

    with pytest.raises(AssertionError):
        survives()
    assert broken[-1] == "fail(503, nth=2, optional=True)"
