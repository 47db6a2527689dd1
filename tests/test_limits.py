"""What the tenant's clock brings: rate limits, tokens that expire, and changes that are seen late."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import freezegun
import pytest
from conftest import Answer, ask, comment

from pytest_reinfer.unexpected import WouldHang
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer import FakeTenant

    Send = Callable[..., Answer]

LIST = "/api/v1/datasets"
EXPORT = "/api/v1/datasets/acme/support/export"


# ----------------------------------------------------------------------------------------------------------- rate limit


def test_who_asks_too_often_is_refused_until_the_window_ends(tenant: FakeTenant, send: Send) -> None:
    tenant.rate_limit(3, seconds=60)
    assert [send("GET", LIST).status for _ in range(5)] == [200, 200, 200, 429, 429]
    answer = send("GET", LIST)
    assert (answer.message, answer.headers["Retry-After"]) == ("429 Too Many Requests", "60")
    tenant.clock.advance(30.5)
    assert send("GET", LIST).headers["Retry-After"] == "30"
    tenant.clock.advance(29.4)
    assert send("GET", LIST).headers["Retry-After"] == "1"
    tenant.clock.advance(1)
    assert [send("GET", LIST).status for _ in range(4)] == [200, 200, 200, 429]


def test_a_window_starts_with_the_first_request_in_it(tenant: FakeTenant, send: Send) -> None:
    tenant.rate_limit(2, seconds=10)
    tenant.clock.advance(9)
    send("GET", LIST)
    tenant.clock.advance(9)
    assert [send("GET", LIST).status for _ in range(2)] == [200, 429]
    tenant.clock.advance(1)
    assert send("GET", LIST).status == 200


@pytest.fixture
def really(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The real clock, to be moved."""
    now = [100.0]
    monkeypatch.setattr("pytest_reinfer.fake.monotonic", lambda: now[0])
    return now


def test_who_really_waits_again_and_again_is_told_that_the_limit_goes_by_the_clock(
    tenant: FakeTenant, really: list[float]
) -> None:
    tenant.rate_limit(1, seconds=30)
    assert [ask(tenant, "GET", LIST).status for _ in range(3)] == [200, 429, 429]
    for waits in (29, 30):
        really[0] += waits
        assert ask(tenant, "GET", LIST).status == 429
    really[0] += 30
    with pytest.raises(WouldHang, match="GET /api/v1/datasets: The client has really waited 30 s, as it was told to"):
        ask(tenant, "GET", LIST)
    with pytest.raises(AssertionError, match="Lead its sleeping there by"):
        tenant.check()


def test_who_waits_by_the_clock_too_is_told_nothing(tenant: FakeTenant, really: list[float]) -> None:
    tenant.rate_limit(1, seconds=30)
    for _ in range(9):
        assert [ask(tenant, "GET", LIST).status for _ in range(2)] == [200, 429]
        really[0] += 30
        tenant.clock.advance(30)


def test_a_while_of_one_user_is_no_wait_of_another(tenant: FakeTenant, really: list[float]) -> None:
    users = [tenant.add_user(f"user-{number}", permissions=["View labels"]) for number in range(9)]
    tenant.rate_limit(1, seconds=1)
    for user in users:
        sent = Request("GET", LIST, "", {name.lower(): value for name, value in user.headers.items()}, b"")
        assert [tenant.answer(sent).status for _ in range(2)] == [200, 429]
        really[0] += 5


@pytest.mark.parametrize("tick", [False, True])
def test_who_waits_by_the_clock_of_a_travel_is_told_nothing(tenant: FakeTenant, *, tick: bool) -> None:
    tenant.rate_limit(2, seconds=60)
    with freezegun.freeze_time("2031-01-01", tick=tick), tenant.clock.lead():
        for _ in range(9):
            answer = ask(tenant, "GET", LIST)
            while answer.status == 429:
                time.sleep(int(answer.headers["Retry-After"]))
                answer = ask(tenant, "GET", LIST)
        assert 239 < tenant.clock.waited <= 240
    assert ask(tenant, "GET", LIST).status == 200


def test_each_token_has_a_window_of_its_own(tenant: FakeTenant, send: Send) -> None:
    viewer = tenant.add_user("viewer", permissions=["View labels"])
    tenant.rate_limit(1)
    assert [send("GET", LIST, user=user).status for user in (None, viewer, None, viewer)] == [200, 200, 429, 429]
    tenant.rotate_token()
    assert send("GET", LIST).status == 200


def test_who_has_no_token_is_told_so_and_is_not_counted(tenant: FakeTenant, send: Send) -> None:
    tenant.rate_limit(1)
    assert [send("GET", LIST, headers={}).status for _ in range(3)] == [401, 401, 401]
    assert send("GET", LIST).status == 200


def test_a_request_that_is_refused_does_nothing(tenant: FakeTenant, refused: Callable[..., Answer]) -> None:
    tenant.add_project("acme")
    tenant.rate_limit(1)
    ask(tenant, "GET", LIST)
    refused(429, "PUT", "/api/v1/datasets/acme/new", {"dataset": {}})
    refused(429, "GET", "/api/v1/nonsense")


def test_a_token_that_is_counted_is_not_shown(tenant: FakeTenant) -> None:
    tenant.rate_limit(1)
    ask(tenant, "GET", LIST)
    assert tenant.snapshot().windows
    assert tenant.token not in repr(tenant.snapshot()) + repr(tenant.requests) + repr(tenant)


def test_a_limit_can_be_changed_and_lifted(tenant: FakeTenant, send: Send) -> None:
    tenant.rate_limit(1)
    tenant.rate_limit(2)
    assert [send("GET", LIST).status for _ in range(3)] == [200, 200, 429]
    tenant.rate_limit(None)
    assert send("GET", LIST).status == 200


def test_a_snapshot_holds_the_limit(tenant: FakeTenant, send: Send) -> None:
    tenant.rate_limit(1)
    before = tenant.snapshot()
    assert [send("GET", LIST).status for _ in range(2)] == [200, 429]
    tenant.restore(before)
    assert [send("GET", LIST).status for _ in range(2)] == [200, 429]


# ---------------------------------------------------------------------------------------------------- tokens and rights


def test_a_token_expires_by_the_clock(tenant: FakeTenant, send: Send) -> None:
    tenant.expire_token(3600)
    assert send("GET", LIST).status == 200
    tenant.clock.advance(3599)
    assert send("GET", LIST).status == 200
    tenant.clock.advance(1)
    assert send("GET", LIST).status == 401
    tenant.rotate_token()
    tenant.clock.advance(10_000)
    assert send("GET", LIST).status == 200


def test_of_one_user_the_token_expires_and_of_the_others_not(tenant: FakeTenant, send: Send) -> None:
    viewer = tenant.add_user("viewer", permissions=["View labels"])
    tenant.expire_token(0, "viewer")
    assert [send("GET", LIST, user=user).status for user in (None, viewer)] == [200, 401]


def test_a_revoked_permission_is_gone_and_those_it_implies_stay(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/support")
    tenant.revoke("datasets-export", "Modify datasets")
    assert send("POST", EXPORT, {}).status == 403
    assert send("GET", LIST).status == 200
    assert send("POST", "/api/v1/datasets/acme/support", {"dataset": {}}).status == 200
    viewer = tenant.add_user("viewer", permissions={"acme": ["View labels"]})
    tenant.revoke("View labels", user=viewer)
    assert send("GET", "/api/v1/datasets/acme/support", user=viewer).status == 403
    with pytest.raises(ValueError, match=r"'Fly' is no permission of the API\. There are: "):
        tenant.revoke("Fly")


def test_a_permission_can_be_denied_to_everybody_present_and_to_come(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/support")
    tenant.deny("View labels")
    late = tenant.add_user("late", permissions=["View labels", "Export datasets"])
    for user in (None, late):
        assert send("GET", "/api/v1/datasets/acme/support", user=user).status == 403
        assert send("GET", LIST, user=user).json["datasets"] == []
        assert send("POST", EXPORT, {}, user=user).status == 200
    with pytest.raises(ValueError, match=r"'Fly' is no permission of the API"):
        tenant.deny("Fly")


def test_the_permissions_used_are_those_that_requests_needed_and_had(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support")
    assert not tenant.permissions_used
    viewer = tenant.add_user("viewer", permissions=["View labels"])
    ask(tenant, "POST", EXPORT, {})
    ask(tenant, "GET", LIST)
    ask(tenant, "POST", EXPORT, {})
    tenant.answer(tenant_request(viewer.headers))
    assert tenant.permissions_used == ("Export datasets", "View labels")


def tenant_request(headers: dict[str, str]) -> Any:
    lower = {name.lower(): value for name, value in headers.items()}
    return Request("DELETE", "/api/v1/datasets/acme/support", "", lower, b"")


# ------------------------------------------------------------------------------------------------------------------ lag


def exported(tenant: FakeTenant) -> list[str]:
    return [entry["comment"]["id"] for entry in ask(tenant, "POST", EXPORT, {}).json["comments"]]


def predicted(tenant: FakeTenant) -> list[Any]:
    entries = ask(tenant, "POST", EXPORT, {}).json["comments"]
    return [[label["name"] for label in entry["predictions"]["labels"]] for entry in entries]


@pytest.fixture
def lagging(tenant: FakeTenant) -> FakeTenant:
    tenant.add_dataset("acme/support", comments=[comment("a"), comment("b")], labels=["Claim"])
    return tenant


def test_changes_are_seen_after_so_many_reads(lagging: FakeTenant) -> None:
    lagging.lag(reads=2)
    lagging.add_comments("acme/support", [comment("c")])
    assert [exported(lagging) for _ in range(4)] == [["a", "b"], ["a", "b"], ["a", "b", "c"], ["a", "b", "c"]]


def test_changes_are_seen_after_so_many_seconds(lagging: FakeTenant) -> None:
    lagging.lag(seconds=30)
    lagging.add_comments("acme/support", [comment("c")])
    lagging.clock.advance(20)
    lagging.delete_comments(f"{lagging.source('acme/support').id}.a")
    assert exported(lagging) == exported(lagging) == ["a", "b"]
    lagging.clock.advance(10)
    assert exported(lagging) == ["a", "b", "c"]
    lagging.clock.advance(19)
    assert exported(lagging) == ["a", "b", "c"]
    lagging.clock.advance(2)
    assert exported(lagging) == ["b", "c"]


def test_what_a_full_export_must_return_in_the_end_is_known_at_once(lagging: FakeTenant) -> None:
    lagging.lag(seconds=30)
    lagging.add_comments("acme/support", [comment("c")])
    final = lagging.exported("acme/support")
    assert len(final) == 3
    assert ask(lagging, "POST", EXPORT, {}).json["comments"] != final
    lagging.clock.advance(31)
    assert ask(lagging, "POST", EXPORT, {}).json["comments"] == final


def test_a_changed_comment_is_seen_as_it_was(lagging: FakeTenant) -> None:
    lagging.lag("comments", reads=1)
    lagging.update_comment(f"{lagging.source('acme/support').id}.a", timestamp="2025-01-01T00:00:00Z")
    assert [exported(lagging) for _ in range(2)] == [["a", "b"], ["b", "a"]]


def test_what_comes_over_the_api_is_late_too_and_uploads_know_what_is_stored(lagging: FakeTenant) -> None:
    lagging.lag(reads=1)
    batch = {"comments": [comment("c")]}
    sync = "/api/v1/sources/acme/support/sync"
    assert [ask(lagging, "POST", sync, batch).json[key] for key in ("new", "unchanged")] == [1, 1]
    assert [exported(lagging) for _ in range(2)] == [["a", "b"], ["a", "b", "c"]]


def test_predictions_are_late_alone_and_annotations_are_not(lagging: FakeTenant) -> None:
    uid = f"{lagging.source('acme/support').id}.a"
    lagging.lag("predictions", reads=2)
    lagging.predict("acme/support", uid, {"Claim": 0.5})
    lagging.annotate("acme/support", uid, ["Claim"])
    lagging.add_comments("acme/support", [comment("c")])
    first = ask(lagging, "POST", EXPORT, {}).json["comments"]
    assert [label["name"] for label in first[0]["annotations"]["labels"]["assigned"]] == ["Claim"]
    assert [entry["predictions"]["labels"] for entry in first] == [[], [], []]
    assert predicted(lagging) == [[], [], []]
    assert predicted(lagging) == [["Claim"], [], []]


def test_comments_are_late_alone_and_predictions_are_not(lagging: FakeTenant) -> None:
    uid = f"{lagging.source('acme/support').id}.a"
    lagging.lag("comments", reads=1)
    lagging.predict("acme/support", uid, {"Claim": 0.5})
    lagging.add_comments("acme/support", [comment("c")])
    assert [predicted(lagging) for _ in range(2)] == [[["Claim"], []], [["Claim"], [], []]]


def test_a_new_dataset_is_there_at_once_and_its_comments_are_late(tenant: FakeTenant) -> None:
    tenant.lag(reads=1)
    tenant.add_dataset("acme/support", comments=[comment("a")])
    assert [exported(tenant) for _ in range(2)] == [[], ["a"]]


def test_reads_never_go_back_and_end_with_what_is_stored(lagging: FakeTenant) -> None:
    lagging.lag(reads=3)
    seen = []
    for number in range(12):
        lagging.add_comments("acme/support", [comment(f"c{number:02}")])
        seen.append(len(exported(lagging)))
    assert seen == [2, 2, 2, *range(3, 12)]
    for _ in range(3):
        exported(lagging)
    assert len(exported(lagging)) == 14


def test_without_a_number_changes_are_seen_at_once_again(lagging: FakeTenant) -> None:
    lagging.lag(reads=9)
    lagging.add_comments("acme/support", [comment("c")])
    lagging.lag()
    assert exported(lagging) == ["a", "b", "c"]


def test_however_many_changes_are_made_few_pasts_are_kept(lagging: FakeTenant) -> None:
    lagging.lag(seconds=60)
    for number in range(500):
        lagging.add_comments("acme/support", [comment(f"c{number}")])
        lagging.clock.advance(1)
        exported(lagging)
    assert len(lagging.snapshot().past) <= 20


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda tenant: tenant.rate_limit(0), "rate_limit: requests is a whole number, at least 1, not 0"),
        (
            lambda tenant: tenant.rate_limit(requests=True),
            "rate_limit: requests is a whole number, at least 1, not True",
        ),
        (lambda tenant: tenant.rate_limit(1, seconds=0), "rate_limit: a window lasts some seconds, not 0"),
        (lambda tenant: tenant.rate_limit(1, seconds="x"), "rate_limit: seconds is a number, not below 0, not 'x'"),
        (
            lambda tenant: tenant.lag("labels", reads=1),
            "lag: what may be late is comments, predictions, statistics, n",
        ),
        (lambda tenant: tenant.lag(reads=-1), "lag: reads is a whole number, at least 0, not -1"),
        (lambda tenant: tenant.lag(reads=1, seconds=1), "lag: either so many reads or so many seconds"),
        (lambda tenant: tenant.lag(seconds=float("inf")), "lag: seconds is a number, not below 0, not inf"),
        (lambda tenant: tenant.expire_token(-1), "expire_token: seconds is a number, not below 0, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused(tenant: FakeTenant, call: Callable[[FakeTenant], None], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call(tenant)
    assert ask(tenant, "GET", LIST).status == 200
