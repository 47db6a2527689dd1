"""Stored once each: a client that repeats what got no answer, naive and idempotent."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import comment

from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Iterator

SYNC = "/api/v1/sources/acme/mail/sync"
REVIEWS = [f"review {number}" for number in range(6)]


@pytest.fixture
def tenant() -> Iterator[FakeTenant]:
    with FakeTenant() as tenant:
        tenant.add_source("acme/mail")
        yield tenant


def upload(tenant: FakeTenant, names: dict[str, str] | None = None) -> None:
    """Upload the reviews in batches of two, each until it is answered; without names each attempt makes new ids."""
    for start in range(0, len(REVIEWS), 2):
        for _ in range(5):
            made = names or {text: uuid.uuid4().hex for text in REVIEWS}
            batch = [
                {**comment(made[text]), "messages": [{"body": {"text": text}}]} for text in REVIEWS[start : start + 2]
            ]
            try:
                answer = requests.post(tenant.url + SYNC, json={"comments": batch}, headers=tenant.headers, timeout=9)
            except requests.RequestException:
                continue
            if answer.ok:
                break


def text(stored: dict[str, Any]) -> str:
    return str(stored["messages"][0]["body"]["text"])


NAMED = {text: f"id-{number}" for number, text in enumerate(REVIEWS)}
LOST = [503, 409, "html_gateway_timeout", "connection_reset", "connection_closed", "read_timeout", "reset_mid_body"]


@pytest.mark.parametrize("what", LOST)
def test_who_makes_new_ids_for_each_attempt_stores_twice_what_got_no_answer(tenant: FakeTenant, what: Any) -> None:
    tenant.fail(what, phase="after", route="sync_comments", nth=2)
    upload(tenant)
    with pytest.raises(AssertionError) as caught:
        tenant.assert_no_duplicates_or_losses("acme/mail", REVIEWS, key=text)
    assert str(caught.value) == "2 stored more than once:\n  2 times: review 2\n  2 times: review 3"


@pytest.mark.parametrize("what", LOST)
def test_who_keeps_its_ids_stores_everything_once(tenant: FakeTenant, what: Any) -> None:
    tenant.fail(what, phase="after", route="sync_comments", times=3)
    upload(tenant, NAMED)
    tenant.assert_no_duplicates_or_losses("acme/mail", REVIEWS, key=text)
    assert [len(tenant.comments("acme/mail")), len(tenant.requests)] == [6, 6]


@pytest.mark.parametrize("what", LOST[:-1])
def test_of_a_batch_that_was_stored_in_part_the_part_is_stored_twice(tenant: FakeTenant, what: Any) -> None:
    tenant.fail(what, stored=1, route="sync_comments")
    upload(tenant)
    with pytest.raises(AssertionError, match=r"1 stored more than once:\n  2 times: review 0$"):
        tenant.assert_no_duplicates_or_losses("acme/mail", REVIEWS, key=text)


def test_who_keeps_its_ids_goes_over_a_part(tenant: FakeTenant) -> None:
    tenant.fail("connection_reset", phase="partial", times=3)
    upload(tenant, NAMED)
    tenant.assert_no_duplicates_or_losses("acme/mail", REVIEWS, key=text)


def test_who_gives_up_has_losses(tenant: FakeTenant) -> None:
    tenant.fail(503, times=5, after=1)
    upload(tenant, NAMED)
    with pytest.raises(AssertionError) as caught:
        tenant.assert_no_duplicates_or_losses("acme/mail", REVIEWS, key=text)
    assert str(caught.value) == "2 never stored:\n  review 2\n  review 3"


def test_without_a_key_all_that_was_uploaded_but_the_id_counts(tenant: FakeTenant) -> None:
    first, second = comment("1", "2024-01-01T01:00:00+01:00"), comment("2")
    tenant.add_comments("acme/mail", [first, second])
    bare = {name: value for name, value in first.items() if name != "id"}
    tenant.assert_no_duplicates_or_losses("acme/mail", [bare, {**second, "id": "other"}])
    with pytest.raises(AssertionError) as caught:
        tenant.assert_no_duplicates_or_losses("acme/mail", [first, {**second, "thread_id": "t"}])
    assert "1 never stored:" in str(caught.value)
    assert "1 stored, and not expected:" in str(caught.value)
    assert "stored more than once" not in str(caught.value)


def test_what_stands_twice_among_the_expected_may_be_stored_twice(tenant: FakeTenant) -> None:
    tenant.add_comments("acme/mail", [{**comment(name), "messages": []} for name in ("1", "2")])
    same = {**comment("x"), "messages": []}
    tenant.assert_no_duplicates_or_losses("acme/mail", [same, {**same, "id": "y"}])
    with pytest.raises(AssertionError, match="1 stored more than once"):
        tenant.assert_no_duplicates_or_losses("acme/mail", [same])


def test_a_long_list_is_cut(tenant: FakeTenant) -> None:
    with pytest.raises(AssertionError, match="30 never stored") as caught:
        tenant.assert_no_duplicates_or_losses("acme/mail", range(30), key=text)
    assert str(caught.value).endswith("  9\n  ... and 20 more")


def test_what_is_no_list_of_comments_is_refused(tenant: FakeTenant) -> None:
    with pytest.raises(TypeError, match="assert_no_duplicates_or_losses: comments is a list, not 'x'"):
        tenant.assert_no_duplicates_or_losses("acme/mail", "x")
    with pytest.raises(ValueError, match="comments is an iterator that has ended"):
        tenant.assert_no_duplicates_or_losses("acme/mail", iter(()))
    tenant.assert_no_duplicates_or_losses("acme/mail", [])
    with pytest.raises(TypeError, match="an object is wanted"):
        tenant.assert_no_duplicates_or_losses("acme/mail", [5])
    with pytest.raises(ValueError, match="comment 0: the value: 'messages' is a required property"):
        tenant.assert_no_duplicates_or_losses("acme/mail", [{"timestamp": "2024-01-01T00:00:00Z"}])
    with pytest.raises(LookupError, match="No source 'acme/none'"):
        tenant.assert_no_duplicates_or_losses("acme/none", [])
