"""The upload program against a fake tenant: what it makes of a CSV, and that it stores each once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import review_upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_reinfer import FakeTenant

    Run = Callable[..., int]

pytestmark = pytest.mark.reinfer(sleep="clock")  # its back-off takes no real time

HEADER = "id,date,author,rating,title,text\n"
SOURCE = "acme/reviews"
KINDS = (
    *(409, 429, 500, 503),
    *("html_bad_gateway", "login_redirect", "empty_answer", "cut_json", "cut_gzip", "mislabelled_json"),
    *("connection_refused", "connection_reset", "connection_closed", "closed_mid_body", "read_timeout", "slow_answer"),
)


@pytest.fixture
def reviews(tmp_path: Path, reinfer: FakeTenant) -> Path:
    """Seven reviews, and the source that they are for."""
    reinfer.add_source(SOURCE)
    return write(tmp_path, "".join(row(f"{number}") for number in range(7)))


@pytest.fixture
def run(reviews: Path) -> Run:
    """Run the program; three reviews a request."""
    return lambda *more: review_upload.main([str(reviews), SOURCE, "--batch", "3", *more])


def write(folder: Path, rows: str, encoding: str = "utf-8") -> Path:
    path = folder / "reviews.csv"
    path.write_bytes((HEADER + rows).encode(encoding))
    return path


def row(number: str, date: str = "2024-03-01T09:30:00+01:00") -> str:
    return f"{number},{date},Ann,4.5,Title {number},Text {number}\n"


def number(comment: dict[str, Any]) -> str:
    return str(comment["id"])


def ids(request: Any) -> list[str]:
    return [each["id"] for each in request.json["comments"]]


def each_once(reinfer: FakeTenant) -> None:
    reinfer.assert_no_duplicates_or_losses(SOURCE, map(str, range(7)), key=number)


# ------------------------------------------------------------------------------------------------------------ the CSV


def test_a_review_becomes_a_comment(reinfer: FakeTenant, run: Run, reviews: Path) -> None:
    write(
        reviews.parent,
        '7/b ü,2024-03-01T09:30:00+01:00,José 田中,4.5,Grüße,"Two\r\nlines, ""quoted"" 🎉"\r\n',
        "utf-8-sig",
    )
    assert run() == 0
    (stored,) = reinfer.comments(SOURCE)
    assert (stored["id"], stored["timestamp"]) == ("7%2Fb%20%C3%BC", "2024-03-01T08:30:00Z")
    assert stored["user_properties"] == {"string:Author": "José 田中", "number:Rating": 4.5}
    assert stored["messages"] == [{"body": {"text": 'Two\r\nlines, "quoted" 🎉'}, "subject": {"text": "Grüße"}}]


def test_empty_cells_are_left_out_and_a_review_without_an_id_keeps_the_one_it_gets(
    reinfer: FakeTenant, run: Run, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(reviews.parent, ",2024-03-01T09:30:00Z,,,,Fine\n" * 2 + ",2024-03-01T09:30:01Z,,0,Good,\n")
    assert run() == run() == 0
    fine, good = reinfer.comments(SOURCE)
    assert (fine["user_properties"], fine["messages"]) == ({}, [{"body": {"text": "Fine"}}])
    assert (good["user_properties"], good["messages"][0]["body"]) == ({"number:Rating": 0}, {"text": ""})
    assert [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()] == ["2 new", "2 unchanged"]


def test_a_row_that_is_no_review_is_told_with_its_line_and_the_others_are_stored(
    reinfer: FakeTenant, run: Run, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = [
        row("0", "2024-03-01T09:30:00"),
        row("0", "01.03.2024"),
        row("0", "0001-01-01T00:00:00+01:00"),
        "0,2024-03-01T09:30:00Z,Ann,five,A,B\n",
        "0,2024-03-01T09:30:00Z,Ann,5\n",
        "0,2024-03-01T09:30:00Z,Ann,5,A,B,C\n",
        '0,2024-03-01T09:30:00Z,Ann,5,"\n",\n',
        row("1").replace("Text", "Other"),
        "0,2024-03-01T09:30:00Z,Ann,5,A," + "x" * 70_000 + "\n",
    ]
    write(reviews.parent, row("1") + "".join(bad) + row("2"))
    assert run() == 3
    assert [each["id"] for each in reinfer.comments(SOURCE)] == ["1", "2"]
    told = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{reviews}:").partition(": ")[0] for line in told] == [*"3456789", "11", "12"]
    assert "'2024-03-01T09:30:00' is not of the form" in told[0]
    assert "line 2 has another review of the id '1'" in told[7]
    assert "the service refused the review" in told[8]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"id,date\n", "has no column author"), (b"\xff", "from line 1"), (HEADER.encode() + b'"', "from line 2")],
)
def test_a_file_that_cannot_be_read_is_told(
    reinfer: FakeTenant, run: Run, reviews: Path, capsys: pytest.CaptureFixture[str], content: bytes, said: str
) -> None:
    reviews.write_bytes(content)
    assert run() == 1
    assert said in capsys.readouterr().err
    reinfer.assert_not_requested("sync_comments")


# ----------------------------------------------------------------------------------------------------- what goes wrong


@pytest.mark.reinfer_sweep(*KINDS)
def test_whichever_request_fails_each_review_is_stored_once_in_the_end(reinfer: FakeTenant, run: Run) -> None:
    if run():
        assert run() == 0
    each_once(reinfer)


@pytest.mark.reinfer_fail("read_timeout", phase="after")
def test_an_answer_that_is_lost_stores_nothing_twice(reinfer: FakeTenant, run: Run) -> None:
    assert run() == 0
    each_once(reinfer)


@pytest.mark.reinfer_fail(503, route="sync_comments", stored=2)
def test_a_batch_that_is_stored_in_part_is_completed(reinfer: FakeTenant, run: Run) -> None:
    assert run() == 0
    each_once(reinfer)


@pytest.mark.reinfer_budget(requests=3)
def test_seven_reviews_take_three_requests(run: Run) -> None:
    assert run() == 0


def test_a_second_run_sends_what_was_not_answered(
    reinfer: FakeTenant, run: Run, reviews: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with reinfer.fail("connection_reset", after=1, times=None):
        assert run() == 1
    before = len(reinfer.requests)
    assert run() == 0
    assert [each for request in reinfer.requests[before:] for each in ids(request)] == ["3", "4", "5", "6"]
    assert "3 stored before, 4 new" in capsys.readouterr().out
    assert list(reviews.parent.iterdir()) == [reviews]


def test_a_file_that_changed_after_a_failure_is_sent_anew(reinfer: FakeTenant, run: Run, reviews: Path) -> None:
    with reinfer.fail(500, after=1, times=None):
        assert run() == 1
    write(reviews.parent, "".join(row(f"{number}").replace("Text", "Other") for number in range(7)))
    assert run() == 0
    each_once(reinfer)
    assert all(each["messages"][0]["body"]["text"].startswith("Other") for each in reinfer.comments(SOURCE))


def test_what_was_refused_before_a_failure_is_told_in_the_end(
    reinfer: FakeTenant, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    reinfer.fail(400, times=None, when=lambda request: "1" in ids(request))
    with reinfer.fail(500, times=None, when=lambda request: "6" in ids(request)):
        assert run() == 1
    assert run() == 3
    assert "reviews.csv:3: the service refused the review" in capsys.readouterr().err
    reinfer.assert_no_duplicates_or_losses(SOURCE, ["0", "2", "3", "4", "5", "6"], key=number)


def test_a_batch_that_is_too_large_is_halved(reinfer: FakeTenant, run: Run) -> None:
    reinfer.fail(413, times=None, when=lambda request: len(ids(request)) > 2)
    assert run("--batch", "7") == 0
    each_once(reinfer)


def test_it_waits_as_long_as_the_service_asks(reinfer: FakeTenant, run: Run) -> None:
    reinfer.rate_limit(1, seconds=60)
    assert run() == 0
    each_once(reinfer)
    assert reinfer.clock.waited == 120


def test_it_tries_six_times_with_longer_and_longer_waits(reinfer: FakeTenant, run: Run) -> None:
    reinfer.fail(503, times=None)
    assert run() == 1
    assert reinfer.clock.sleeps == (1, 2, 4, 8, 16)


def test_it_does_not_wait_for_an_hour(reinfer: FakeTenant, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    reinfer.fail(429, retry_after=3600)
    assert run() == 1
    assert "is to be left alone for 3600 seconds: 429 Too Many Requests" in capsys.readouterr().err
    assert not reinfer.clock.sleeps


@pytest.mark.parametrize(
    ("status", "said"), [(401, "REINFER_TOKEN is not valid"), (403, '"Edit messages"'), (404, "no such source")]
)
@pytest.mark.reinfer_budget(requests=1)
def test_what_will_not_change_is_told_and_not_tried_again(
    reinfer: FakeTenant, run: Run, capsys: pytest.CaptureFixture[str], status: int, said: str
) -> None:
    reinfer.fail(status)
    assert run() == 1
    err = capsys.readouterr().err
    assert said in err
    assert reinfer.token not in err


@pytest.mark.reinfer_deny_each
def test_a_missing_permission_is_told(run: Run) -> None:
    assert run() == 0
