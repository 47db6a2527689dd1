"""The state machine: the fake keeps to its model, and planted bugs and broken clients do not pass."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
import requests
from hypothesis import Phase, settings
from hypothesis.stateful import rule, run_state_machine_as_test
from requests.adapters import HTTPAdapter

from pytest_reinfer import FakeTenant, UnexpectedRequests
from pytest_reinfer import tenant as tenants
from pytest_reinfer.comments import Comments
from pytest_reinfer.handlers import datasets as handlers
from pytest_reinfer.strategies.machine import TenantMachine
from pytest_reinfer.strategies.model import difference, difference_of_exports

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_reinfer.comments import Row
    from pytest_reinfer.tenant import Dataset, Tenant

JSON = dict[str, Any]
GENERATE = (Phase.generate,)  # what was found is not shrunk, which no test but one looks at


def run(machine: type[TenantMachine], runs: int = 100, steps: int = 30, phases: tuple[Phase, ...] = GENERATE) -> None:
    """Run a machine, the same way each time."""
    once = settings(
        max_examples=runs,
        stateful_step_count=steps,
        phases=phases,
        database=None,
        derandomize=True,
        deadline=None,
        report_multiple_bugs=False,
    )
    run_state_machine_as_test(machine, settings=once)


def failure(machine: type[TenantMachine], runs: int = 400) -> str:
    """What a machine says that must fail."""
    with pytest.raises(AssertionError) as failed:
        run(machine, runs)
    return str(failed.value)


def pages(tenant: FakeTenant, full_name: str, limit: int = 3) -> Iterator[JSON]:
    """An export program of a user, which speaks `requests`."""
    body: JSON = {"limit": limit}
    while True:
        url = f"{tenant.url}/api/v1/datasets/{full_name}/export"
        page = requests.post(url, json=body, headers=tenant.headers).json()
        yield from page["comments"]
        if "continuation" not in page:
            return
        body["continuation"] = page["continuation"]


# ------------------------------------------------------------------------------------------------------ the fake


def test_the_fake_does_for_thousands_of_steps_what_the_model_says() -> None:
    seen: dict[str, int] = {}

    class Counting(TenantMachine):
        def teardown(self) -> None:
            for name in ("comments", "datasets", "sources", "labelled", "model_tags"):
                seen[name] = max(seen.get(name, 0), len(getattr(self.model, name)))
            super().teardown()

        def check_invariants(self, *args: Any) -> None:
            seen["steps"] = seen.get("steps", 0) + 1
            super().check_invariants(*args)

    run(Counting, runs=130, steps=40)
    assert seen["steps"] >= 2000
    assert (seen["sources"], seen["datasets"]) == (3, 3)
    assert min(seen["comments"], seen["labelled"], seen["model_tags"]) >= 3, seen


def skipping(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that follows another one skips a comment."""
    span = Comments.span

    def wrong(self: Comments, order: str, low: Any, high: Any, after: Any, most: int) -> list[Row]:
        return span(self, order, low, high, after, most)[after is not None :]

    monkeypatch.setattr(Comments, "span", wrong)


def appending(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update adds sources to those that there are."""
    change = tenants.Tenant.change_dataset

    def wrong(self: Tenant, dataset: Dataset, given: JSON) -> Dataset:
        more = {"source_ids": [*dataset.source_ids, *given["source_ids"]]} if "source_ids" in given else {}
        return change(self, dataset, {**given, **more})

    monkeypatch.setattr(tenants.Tenant, "change_dataset", wrong)


def clearing(monkeypatch: pytest.MonkeyPatch) -> None:
    """An update clears a field that was not given."""
    change = tenants.Tenant.change_dataset
    monkeypatch.setattr(
        tenants.Tenant, "change_dataset", lambda self, dataset, given: change(self, dataset, {"title": "", **given})
    )


def flagging(monkeypatch: pytest.MonkeyPatch) -> None:
    """A comment keeps `has_annotations` when the dataset is deleted that had them."""
    flag = tenants.Tenant.flag_annotations

    def wrong(self: Tenant, rows: list[Row]) -> None:
        flag(self, [row for row in rows if b'"has_annotations":false' in row.data])

    monkeypatch.setattr(tenants.Tenant, "flag_annotations", wrong)


def feeling(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dataset without sentiment keeps it."""
    monkeypatch.setattr(tenants, "without_sentiment", lambda label: label)


def unordered(monkeypatch: pytest.MonkeyPatch) -> None:
    """A changed comment stays where it was in the order."""
    replace = Comments.replace

    def wrong(self: Comments, row: Row) -> None:
        old = self.rows[row.id]
        places = {order: ordered.index(old) for order, ordered in self.orders.items()}
        replace(self, row)
        for order, place in places.items():
            self.orders[order].remove(row)
            self.orders[order].insert(place, row)

    monkeypatch.setattr(Comments, "replace", wrong)


def circling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every page is the first."""
    span = Comments.span
    monkeypatch.setattr(
        Comments, "span", lambda self, order, low, high, after, most: span(self, order, low, high, None, most)
    )


def backwards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time runs backwards."""

    def wrong(self: Tenant) -> int:
        self.now -= tenants.TICK
        return self.now

    monkeypatch.setattr(tenants.Tenant, "tick", wrong)


def trusting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sources that do not exist are taken."""
    monkeypatch.setattr(handlers, "_known_sources", lambda tenant, source_ids: None)


def labelling(monkeypatch: pytest.MonkeyPatch) -> None:
    """Comments of other sources are labelled as well."""
    row = FakeTenant._row  # noqa: SLF001 -- a bug is planted
    monkeypatch.setattr(FakeTenant, "_row", lambda self, uid, dataset=None: row(self, uid))


def refusing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No comment is labelled."""

    def wrong(self: FakeTenant, dataset: str, uid: str, labels: list[JSON]) -> None:
        raise LookupError(uid)

    monkeypatch.setattr(FakeTenant, "predict", wrong)


@pytest.mark.parametrize(
    ("plant", "said"),
    [
        (skipping, "the client says|missing: "),
        (appending, "source_ids"),
        (clearing, r"\$\.title: the tenant holds ''"),
        (flagging, "has_annotations"),
        (feeling, "sentiment"),
        (unordered, "comments of acme/s"),
        (circling, "goes on after"),
        (backwards, "should hold '(later than|not before) 2024-"),
        (trusting, "was answered 200, not 422"),
        (labelling, "and was labelled there"),
        (refusing, "cannot be labelled there"),
    ],
)
def test_a_planted_bug_is_found(
    plant: Callable[[pytest.MonkeyPatch], None], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant(monkeypatch)
    told = failure(TenantMachine)
    assert re.search(said, told)


# --------------------------------------------------------------------------------------------------- clients


def test_a_client_that_is_right_passes_as_a_test_case() -> None:
    class Exporter(TenantMachine):
        def client_export_dataset(self, full_name: str) -> Iterator[JSON]:
            return pages(self.tenant, full_name)

    case = Exporter.TestCase
    case.settings = settings(max_examples=10, stateful_step_count=20, database=None, derandomize=True, deadline=None)
    case("runTest").debug()


def test_a_client_that_forgets_the_continuation_is_found() -> None:
    class FirstPage(TenantMachine):
        def client_export_dataset(self, full_name: str) -> list[JSON]:
            comments: list[JSON] = self.ask("export_dataset", full_name, {"limit": 2})["comments"]
            return comments

    told = failure(FirstPage)
    assert told.startswith("client_export_dataset('")
    assert "the client says 2 comments, the tenant holds 3; missing: " in told


def test_a_client_that_drops_comments_of_one_moment_is_found() -> None:
    class ByMoment(TenantMachine):
        def client_export_dataset(self, full_name: str) -> list[JSON]:
            return list({each["comment"]["timestamp"]: each for each in pages(self.tenant, full_name)}.values())

    assert "; missing: " in failure(ByMoment)


def test_a_client_that_reads_a_page_twice_is_found() -> None:
    class Twice(TenantMachine):
        def client_export_dataset(self, full_name: str) -> list[JSON]:
            every = list(pages(self.tenant, full_name))
            return every[:1] + every

    assert "; more than once: " in failure(Twice)


def test_a_client_that_orders_comments_by_itself_is_found() -> None:
    class ById(TenantMachine):
        def client_export_dataset(self, full_name: str) -> list[JSON]:
            return sorted(pages(self.tenant, full_name), key=lambda each: str(each["comment"]["id"]), reverse=True)

    assert "; in another order: " in failure(ById)


def test_a_client_whose_update_sends_an_empty_title_is_found() -> None:
    class Whole(TenantMachine):
        def client_update_dataset(self, full_name: str, fields: JSON) -> JSON | None:
            return super().client_update_dataset(full_name, {"title": "", **fields})

    told = failure(Whole)
    assert told.startswith("after client_update_dataset('")
    assert "$.title: the tenant holds '', should hold '" in told


def test_a_client_that_does_not_update_is_found() -> None:
    class Idle(TenantMachine):
        def client_update_dataset(self, full_name: str, fields: JSON) -> None:
            pass

    assert failure(Idle).startswith("after client_update_dataset('")


def test_a_client_that_does_not_create_is_found() -> None:
    class Idle(TenantMachine):
        def client_create_dataset(self, full_name: str, fields: JSON) -> None:
            pass

    assert "What the client was to make or change is not there: No dataset" in failure(Idle)


def test_a_client_that_does_not_delete_is_found() -> None:
    class Idle(TenantMachine):
        def client_delete_dataset(self, full_name: str) -> None:
            pass

    assert "the tenant holds it still" in failure(Idle)


def test_a_client_that_lists_too_little_is_found() -> None:
    class First(TenantMachine):
        def client_list_datasets(self) -> list[JSON]:
            return (super().client_list_datasets() or [])[:1]

    assert "client_list_datasets(): $[1]: the client says nothing, the tenant holds {" in failure(First)


def test_what_a_client_does_not_say_is_not_compared() -> None:
    class Silent(TenantMachine):
        def client_export_dataset(self, full_name: str) -> None:
            list(pages(self.tenant, full_name))

        def client_update_dataset(self, full_name: str, fields: JSON) -> None:
            super().client_update_dataset(full_name, fields)

        def client_get_model_tags(self, full_name: str) -> None:
            pass

    run(Silent, runs=10)


def test_an_export_may_come_by_the_moment_of_creation() -> None:
    class ByCreation(TenantMachine):
        order_by = "created_at"

    run(ByCreation, runs=10)


def test_a_request_for_an_unknown_route_fails_the_run_though_the_client_swallows_it() -> None:
    class Astray(TenantMachine):
        def client_get_model_tags(self, full_name: str) -> None:
            requests.get(f"{self.tenant.url}/api/v1/datasets/{full_name}/model_tags", headers=self.tenant.headers)

    with pytest.raises(UnexpectedRequests, match="model_tags"):
        run(Astray)


def test_what_was_asked_in_vain_is_told_before_what_the_client_made_of_it() -> None:
    class Astray(TenantMachine):
        def client_get_dataset(self, full_name: str) -> JSON:
            answer = requests.get(f"{self.tenant.url}/api/v1/dataset/{full_name}", headers=self.tenant.headers)
            dataset: JSON = answer.json()["dataset"]
            return dataset

    with pytest.raises(UnexpectedRequests) as failed:
        run(Astray)
    assert isinstance(failed.value.__context__, KeyError)


# ---------------------------------------------------------------------------------------------- rules, runs, output


def test_rules_of_a_user_draw_datasets_and_change_them_by_the_rules_that_there_are() -> None:
    renamed: list[str] = []

    class Renaming(TenantMachine):
        @rule(dataset=TenantMachine.datasets)
        def rename(self, dataset: str) -> None:
            self.update_dataset(dataset, None, {"title": "New"})
            renamed.append(dataset)

    run(Renaming, runs=10)
    assert {"acme/d0", "acme/d1"} <= set(renamed)


def test_every_run_has_its_own_tenant_which_is_closed_at_its_end() -> None:
    door, seen = HTTPAdapter.send, list[FakeTenant]()

    class Watching(TenantMachine):
        def __init__(self) -> None:
            super().__init__()
            assert HTTPAdapter.send is not door
            assert self.tenant.datasets == ()
            assert self.tenant not in seen
            seen.append(self.tenant)

    run(Watching, runs=5)
    assert len(seen) >= 5
    assert HTTPAdapter.send is door


def test_a_constructor_that_fails_leaves_no_door_open() -> None:
    door = HTTPAdapter.send

    class Broken(TenantMachine):
        def __init__(self) -> None:
            super().__init__()
            raise RuntimeError("no client")

    class Early(TenantMachine):
        def new_tenant(self) -> FakeTenant:
            raise RuntimeError("no tenant")

    for machine in (Broken, Early):
        with pytest.raises(RuntimeError):
            run(machine)
        assert HTTPAdapter.send is door


def test_a_client_that_fails_leaves_no_door_open() -> None:
    door = HTTPAdapter.send

    class Failing(TenantMachine):
        def client_list_datasets(self) -> None:
            raise RuntimeError("no client")

    with pytest.raises(RuntimeError, match="no client"):
        run(Failing)
    assert HTTPAdapter.send is door


def test_a_failing_run_is_told_as_a_script(capsys: pytest.CaptureFixture[str]) -> None:
    class Forgetful(TenantMachine):
        def client_list_datasets(self) -> list[JSON]:
            return (super().client_list_datasets() or [])[:1]

    with pytest.raises(AssertionError) as failed:
        run(Forgetful, steps=5, phases=(Phase.generate, Phase.shrink))
    told = "\n".join([*getattr(failed.value, "__notes__", ()), capsys.readouterr().out])
    steps = [line for line in told.splitlines() if "state." in line and "client_and_tenant_agree" not in line]
    assert "datasets_0 = state.start_with_dataset(fields={})" in steps
    assert any(step.startswith("datasets_1 = state.create_dataset(") for step in steps)
    assert steps[-1] == "state.teardown()"
    assert len(steps) == 5
    assert max(map(len, steps)) < 160


# ----------------------------------------------------------------------------------------------------- differences


SAYS = ("the client says", "the tenant holds")


def test_a_difference_is_told_by_its_place_and_both_values() -> None:
    held = {"a": [{"b": 1}, {"b": 2}], "c": "d"}
    assert difference(held, held, SAYS) == ""
    wrong = {"a": [{"b": 1}, {"b": 3}], "c": "d"}
    assert difference(wrong, held, SAYS) == "$.a[1].b: the client says 3, the tenant holds 2."
    assert difference({"a": held["a"]}, held, SAYS) == "$.c: the client says nothing, the tenant holds 'd'."
    assert difference("x" * 999, 1, SAYS) == f"$: the client says '{'x' * 199}..., the tenant holds 1."


def entry(uid: str, **fields: Any) -> JSON:
    return {"comment": {"uid": uid, **fields}}


def test_a_difference_of_exports_is_told_by_the_comments() -> None:
    held = [entry("s.a", n=1), entry("s.b", n=2)]
    assert difference_of_exports(held, held, SAYS) == ""
    assert difference_of_exports(held[::-1], held, SAYS) == (
        "the client says 2 comments, the tenant holds 2; in another order: s.b comes where s.a should."
    )
    assert difference_of_exports([*held, held[0], entry("s.c")], held, SAYS) == (
        "the client says 4 comments, the tenant holds 2; more than once: s.a; not in the dataset: s.c."
    )
    assert difference_of_exports([held[0], entry("s.b", n=3)], held, SAYS) == (
        "comment s.b: $.comment.n: the client says 3, the tenant holds 2."
    )
    assert "not in the dataset: 'x', which is no exported comment" in difference_of_exports(["x"], held, SAYS)
