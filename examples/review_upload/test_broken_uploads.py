"""What the property tests are worth: each finds the bugs that are planted here, which look right and store wrong."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import review_upload
import test_upload_properties
from pytest_reinfer import strategies

ONE_RUN = test_upload_properties.test_the_tenant_holds_what_the_csv_says_and_a_second_run_changes_nothing
ANY_FAULT = test_upload_properties.test_each_review_is_stored_once_whatever_fails_and_however_often_it_is_run
FAULTS = (st.integers(1, 8), strategies.fault_plans(route="sync_comments"))
ALIKE = settings(  # at every run; the smallest case is not asked for
    database=None,
    derandomize=True,
    deadline=None,
    phases=(Phase.generate,),
    suppress_health_check=[HealthCheck.too_slow],
)


def planted(old: str, new: str) -> ModuleType:
    """The program with one piece of it replaced."""
    source = Path(review_upload.__file__).read_text(encoding="utf-8")
    assert source.count(old) == 1
    module = ModuleType("planted")
    exec(compile(source.replace(old, new), "planted", "exec"), module.__dict__)  # noqa: S102 -- our own
    return module


BUGS = {
    "the ids are random": (
        (ONE_RUN, ()),
        ('return {"id": name,', 'return {"id": os.urandom(8).hex(),'),
        "id",
    ),
    "each try makes new ids": (
        (ANY_FAULT, FAULTS),
        (
            'json={"comments": comments}',
            'json={"comments": [{**each, "id": os.urandom(8).hex()} for each in comments]}',
        ),
        "stored more than once",
    ),
    "the last batch is forgotten": (
        (ONE_RUN, ()),
        ("range(done, len(reviews), batch)", "range(done, len(reviews) // batch * batch, batch)"),
        "never stored",
    ),
    "the file is read as Latin-1": (
        (ONE_RUN, ()),
        ('encoding="utf-8-sig"', 'encoding="latin-1"'),
        "never stored",
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(monkeypatch: pytest.MonkeyPatch, bug: str) -> None:
    (holds, more), change, told = BUGS[bug]

    @ALIKE
    @given(st.tuples(test_upload_properties.REVIEWS, *more))
    def holds_again(drawn: tuple[Any, ...]) -> None:
        holds.hypothesis.inner_test(*drawn)  # type: ignore[attr-defined] # what `given` wraps

    monkeypatch.setattr(review_upload, "main", planted(*change).main)
    with pytest.raises(AssertionError, match=told):
        holds_again()
