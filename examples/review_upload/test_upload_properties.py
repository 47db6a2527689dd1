"""What holds for all reviews, however many a request takes, and whatever fails meanwhile."""

from __future__ import annotations

import csv
import os
from contextlib import contextmanager
from datetime import timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

import review_upload
from pytest_reinfer import FakeTenant, strategies

if TYPE_CHECKING:
    from collections.abc import Iterator

    Review = dict[str, str]

SOURCE = "acme/reviews"
TEXTS = strategies.texts(max_size=40).filter(str.strip)
OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
DATES = st.datetimes(timezones=OFFSETS).map(lambda moment: moment.replace(microsecond=0).isoformat())
REVIEWS = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.just("") | TEXTS.map(str.strip),
            "date": DATES.filter(lambda date: "0001-01-02" < date < "9999-12-31"),
            "author": TEXTS.map(str.strip),
            "rating": st.integers(0, 50).map(lambda tenths: str(tenths / 10)),
            "title": TEXTS,
            "text": TEXTS,
        }
    ),
    unique_by=(lambda review: review["id"] or review["text"], lambda review: review["text"]),
    max_size=7,
)
unhurried = settings(deadline=None)


@contextmanager
def uploading(reviews: list[Review]) -> Iterator[tuple[FakeTenant, list[str]]]:
    """A tenant with a source, and the command that uploads a CSV of reviews to it."""
    with FakeTenant() as tenant, tenant.clock.lead(), TemporaryDirectory() as folder:
        tenant.add_source(SOURCE)
        path = Path(folder, "reviews.csv")
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, review_upload.COLUMNS)
            writer.writeheader()
            writer.writerows(reviews)
        with patch.dict(os.environ, tenant.environment):
            yield tenant, [str(path), SOURCE]


def said(review: Review) -> dict[str, Any]:
    """What the tenant is to hold of a review, but for the id."""
    return {
        "timestamp": review["date"],
        "messages": [{"body": {"text": review["text"]}, "subject": {"text": review["title"]}}],
        "user_properties": {"string:Author": review["author"], "number:Rating": float(review["rating"])},
    }


def each_once(tenant: FakeTenant, reviews: list[Review]) -> None:
    """Each review is stored once, as the CSV says it, and nothing else is."""
    tenant.assert_no_duplicates_or_losses(SOURCE, map(said, reviews) if reviews else [])
    assert len(tenant.comments(SOURCE)) == len(reviews)


@unhurried
@given(REVIEWS)
def test_the_tenant_holds_what_the_csv_says_and_a_second_run_changes_nothing(reviews: list[Review]) -> None:
    with uploading(reviews) as (tenant, command):
        assert review_upload.main(command) == 0
        each_once(tenant, reviews)
        stored = tenant.comments(SOURCE)
        assert review_upload.main(command) == 0
        assert tenant.comments(SOURCE) == stored


@unhurried
@given(REVIEWS, st.integers(1, 8), strategies.fault_plans(route="sync_comments"))
def test_each_review_is_stored_once_whatever_fails_and_however_often_it_is_run(
    reviews: list[Review], batch: int, plan: Any
) -> None:
    with uploading(reviews) as (tenant, command):
        tenant.fail(plan)
        command += ["--batch", str(batch)]
        assert 0 in (review_upload.main(command) for _ in range(10))
        each_once(tenant, reviews)
