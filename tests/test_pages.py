"""Pages of another kind than usual, and datasets that change between two of them: what pagers break over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment

from pytest_reinfer import FakeTenant, contract, faults
from pytest_reinfer.export import CONTINUATION

if TYPE_CHECKING:
    from collections.abc import Iterator

EXPORT = "/api/v1/datasets/acme/support/export"
IDS = ["a", "b", "c", "d", "e", "f"]


@pytest.fixture
def tenant() -> Iterator[FakeTenant]:
    with FakeTenant() as tenant:
        uploads = [comment(name, f"2024-01-0{day}T00:00:00Z") for day, name in enumerate(IDS, start=1)]
        tenant.add_dataset("acme/support", comments=uploads)
        yield tenant


def page(tenant: FakeTenant, **body: Any) -> dict[str, Any]:
    answer: dict[str, Any] = ask(tenant, "POST", EXPORT, {"limit": 2, **body}).json
    return answer


def ids(answer: dict[str, Any]) -> list[str]:
    return [entry["comment"]["id"] for entry in answer["comments"]]


def walk(tenant: FakeTenant, **body: Any) -> list[str]:
    """What a client gets that follows the continuations."""
    found: list[str] = []
    while True:
        answer = page(tenant, **body)
        found += ids(answer)
        if "continuation" not in answer:
            return found
        body["continuation"] = answer["continuation"]


@pytest.mark.parametrize(
    ("edit", "stored", "got"),
    [
        ("deleted_before_cursor", ["b", "c", "d", "e", "f"], IDS),
        ("deleted_at_cursor", ["a", "c", "d", "e", "f"], IDS),
        ("deleted_behind_cursor", ["a", "b", "d", "e", "f"], ["a", "b", "d", "e", "f"]),
        ("added_before_cursor", ["a", "+", "b", "c", "d", "e", "f"], IDS),
        ("added_at_cursor", ["a", "b", "+", "c", "d", "e", "f"], ["a", "b", "+", "c", "d", "e", "f"]),
        ("added_behind_cursor", ["a", "b", "+", "c", "d", "e", "f"], ["a", "b", "+", "c", "d", "e", "f"]),
        ("changed_before_cursor", IDS, IDS),
        ("changed_at_cursor", IDS, IDS),
        ("changed_behind_cursor", IDS, IDS),
    ],
)
def test_a_dataset_changes_between_two_pages(tenant: FakeTenant, edit: str, stored: list[str], got: list[str]) -> None:
    def known(found: list[str]) -> list[str]:
        return [name if name in IDS else "+" for name in found]

    before = tenant.exported("acme/support")
    with tenant.fail(edit, route="export_dataset"):
        assert known(walk(tenant)) == got
    assert known([entry["comment"]["id"] for entry in tenant.exported("acme/support")]) == stored
    if edit.startswith("changed"):
        changed = [
            now["comment"]["id"] for now, was in zip(tenant.exported("acme/support"), before, strict=True) if now != was
        ]
        assert changed == [{"before": "a", "at": "b", "behind": "c"}[edit.split("_")[1]]]
    assert [each.fault for each in tenant.requests] == [None] * len(tenant.requests)


def test_what_is_added_at_the_cursor_sorts_right_behind_it(tenant: FakeTenant) -> None:
    for upload in (comment("c!", "2024-01-03T00:00:00Z"), comment("c~", "2024-01-03T00:00:00Z")):
        tenant.add_comments("acme/support", [upload])
    tenant.fail("added_at_cursor", nth=2)
    first = page(tenant, limit=3)
    assert ids(first) == ["a", "b", "c"]
    assert [name[:2] for name in ids(page(tenant, limit=3, continuation=first["continuation"]))] == ["c!", "c.", "c~"]


def test_nothing_is_edited_where_there_is_nothing(tenant: FakeTenant) -> None:
    before = tenant.fail("deleted_before_cursor", optional=True)
    page(tenant, limit=1, continuation=page(tenant, limit=1)["continuation"])
    assert before.fired == 0
    behind = tenant.fail("deleted_behind_cursor", optional=True)
    page(tenant, **{"from": "2024-01-06T00:00:00Z"})
    assert (before.fired, behind.fired) == (1, 0)


def test_an_expired_continuation_has_the_form_of_a_good_one_and_a_garbled_has_not(tenant: FakeTenant) -> None:
    good = page(tenant)["continuation"]
    tenant.fail("expired_continuation").then("garbled_continuation")
    expired, garbled = page(tenant)["continuation"], page(tenant)["continuation"]
    assert (expired[:-1], len(expired), expired == good) == (good[:-1], len(good), False)
    assert CONTINUATION.fullmatch(expired)
    assert not CONTINUATION.fullmatch(garbled)


def test_a_pager_that_goes_on_by_a_moment_has_a_cursor_too(tenant: FakeTenant) -> None:
    found: list[str] = []
    since: dict[str, str] = {}
    tenant.fail("deleted_at_cursor", nth=2)
    while entries := page(tenant, **since)["comments"][1 if since else 0 :]:  # it leaves out what it has already
        found += [entry["comment"]["id"] for entry in entries]
        since = {"from": entries[-1]["comment"]["timestamp"]}
    assert found == ["a", "b", "d", "e", "f"]  # c is lost


@pytest.mark.parametrize("since", ["yesterday", "2024-02-30T00:00:00Z", "2023-01-01T00:00:00Z", 5])
def test_a_moment_before_everything_is_no_cursor(tenant: FakeTenant, since: Any) -> None:
    fault = tenant.fail("deleted_at_cursor", optional=True)
    ask(tenant, "POST", EXPORT, {"from": since})
    assert fault.fired == 0


def test_an_edit_waits_for_a_page_that_has_a_cursor(tenant: FakeTenant) -> None:
    fault = tenant.fail("deleted_at_cursor")
    page(tenant)
    page(tenant, continuation="nonsense")
    assert fault.fired == 0
    walk(tenant)
    assert fault.fired == 1


def test_by_created_at_a_new_comment_can_only_be_the_last(tenant: FakeTenant) -> None:
    before = tenant.fail("added_before_cursor", optional=True, times=None)
    at = tenant.fail("added_at_cursor", optional=True, times=None)
    assert walk(tenant, order_by="created_at") == IDS
    assert before.fired == at.fired == 0
    with tenant.fail("added_behind_cursor"):
        assert walk(tenant, order_by="created_at")[:-1] == IDS


def test_edits_stop_where_there_is_nothing_left_to_edit(tenant: FakeTenant) -> None:
    fault = tenant.fail("deleted_behind_cursor", times=None)
    assert walk(tenant) == ["a", "b", "d", "e"]
    assert fault.fired == 2


def test_edits_at_the_end_of_the_calendar_and_of_ids_do_nothing() -> None:
    with FakeTenant() as tenant:
        last = comment("x" * 1024, "9999-12-31T23:59:59.999999Z")
        first = [comment(name, "9999-12-31T23:59:59.999998Z") for name in "ab"]
        tenant.add_dataset("acme/support", comments=[*first, last, comment("y" * 1024, "9999-12-31T23:59:59.999999Z")])
        at = tenant.fail("added_at_cursor", nth=2, optional=True)
        behind = tenant.fail("added_behind_cursor", nth=2, optional=True)
        assert len(walk(tenant, limit=3)) == 4
        assert at.fired == behind.fired == 0


def test_a_short_page_has_a_continuation(tenant: FakeTenant) -> None:
    tenant.fail("short_page", nth=2)
    first = page(tenant)
    second = page(tenant, continuation=first["continuation"])
    assert (ids(second), "continuation" in second) == (["c"], True)
    assert ids(page(tenant, continuation=second["continuation"])) == ["d", "e"]


def test_the_last_comment_makes_no_short_page(tenant: FakeTenant) -> None:
    fault = tenant.fail("short_page", optional=True)
    assert ids(page(tenant, **{"from": "2024-01-06T00:00:00Z"})) == ["f"]
    assert fault.fired == 0


@pytest.mark.parametrize("nth", [1, 2, 3])
def test_an_empty_page_has_a_continuation_and_nothing_is_lost(tenant: FakeTenant, nth: int) -> None:
    tenant.fail("empty_page", nth=nth)
    assert walk(tenant) == IDS
    assert len(tenant.requests) == 4


@pytest.mark.parametrize("what", ["short_page", "empty_page", "expired_continuation", "garbled_continuation"])
@pytest.mark.parametrize("body", [{}, {"from": "2024-01-06T00:00:00Z"}, {"from": "2025-01-06T00:00:00Z"}])
def test_a_page_counts_once_whether_it_is_spoilt_or_not(tenant: FakeTenant, what: str, body: dict[str, str]) -> None:
    tenant.fail(what, times=None, optional=True)
    tenant.rate_limit(3)
    answers = [ask(tenant, "POST", EXPORT, {"limit": 2, **body}) for _ in range(4)]
    assert [answer.status for answer in answers] == [200, 200, 200, 429]


def test_an_empty_page_is_empty(tenant: FakeTenant) -> None:
    tenant.fail("empty_page")
    answer = page(tenant)
    assert (answer["comments"], answer["status"], "continuation" in answer) == ([], "ok", True)


@pytest.mark.parametrize("what", ["expired_continuation", "garbled_continuation"])
def test_a_continuation_that_is_not_good_is_refused_when_it_is_sent(tenant: FakeTenant, what: str) -> None:
    tenant.fail(what)
    first = page(tenant)
    assert ids(first) == ["a", "b"]
    answer = ask(tenant, "POST", EXPORT, {"continuation": first["continuation"]})
    name = contract.error("bad_continuation")
    assert (answer.status, answer.message) == (400, name.message.format(continuation=first["continuation"]))


def test_a_last_page_has_no_continuation_to_spoil(tenant: FakeTenant) -> None:
    fault = tenant.fail("garbled_continuation", optional=True)
    page(tenant, limit=6)
    assert fault.fired == 0


@pytest.mark.parametrize("what", faults.PAGES)
def test_what_is_for_pages_leaves_every_other_request_alone(tenant: FakeTenant, what: str) -> None:
    fault = tenant.fail(what, optional=True, times=None)
    for method, path in (("GET", "/api/v1/datasets"), ("POST", "/api/v1/datasets/acme/support")):
        assert ask(tenant, method, path, {"dataset": {}} if method == "POST" else None).status == 200
    assert ask(tenant, "POST", "/api/v1/datasets/acme/none/export", {"continuation": "x"}).status == 404
    assert ask(tenant, "POST", EXPORT, []).status == 400
    assert ask(tenant, "POST", EXPORT, {"order_by": "size"}).status == 400
    assert fault.fired == 0


def test_what_is_for_pages_is_not_for_paths_that_the_api_does_not_have() -> None:
    tenant = FakeTenant(unknown_routes="allow")
    tenant.fail("short_page", optional=True)
    assert ask(tenant, "POST", "/api/v1/nonsense", {}).status == 404
