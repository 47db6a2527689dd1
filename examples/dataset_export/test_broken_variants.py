"""What the property tests are worth: each finds the broken variant of the program that it is there for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings

import broken_variants
import dataset_export
import test_properties

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_reinfer import FakeTenant

EXPORT = test_properties.test_an_export_holds_every_comment_once_and_in_order
CSV = test_properties.test_the_csv_reads_back_and_no_cell_is_a_formula
ALIKE = settings(  # at every run; which lines are to blame is not asked, for to trace them takes most of the time
    database=None, derandomize=True, deadline=None, phases=(Phase.generate, Phase.shrink)
)


@pytest.mark.parametrize(
    ("holds", "place", "variant", "failure", "told", "ids"),
    [
        (EXPORT, "pages", broken_variants.forgets_the_continuation, AssertionError, "Right contains one more", "01234"),
        (EXPORT, "pages", broken_variants.stops_on_a_short_page, KeyError, "continuation", "0123"),
        (CSV, "row", broken_variants.splits_the_uid_at_its_last_dot, AssertionError, "[.]a', 'b'", ["a.b"]),
    ],
    ids=["forgets the continuation", "stops on a short page", "splits the uid at its last dot"],
)
def test_a_broken_variant_is_found(
    monkeypatch: pytest.MonkeyPatch,
    holds: Any,
    place: str,
    variant: Callable[..., Any],
    failure: type[Exception],
    told: str,
    ids: Sequence[str],
) -> None:
    tenants = []

    @ALIKE
    @given(test_properties.TENANTS)
    def holds_again(tenant: FakeTenant) -> None:
        tenants.append(tenant)
        holds.hypothesis.inner_test(tenant)

    holds_again()  # with the program as it is
    monkeypatch.setattr(dataset_export, place, variant)
    with pytest.raises(failure, match=told):
        holds_again()

    smallest = tenants[-1]  # Hypothesis ends with the smallest tenant that shows the failure
    every = [entry["comment"] for dataset in smallest.datasets for entry in smallest.exported(dataset)]
    assert [comment["id"] for comment in every] == list(ids)
