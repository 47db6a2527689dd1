"""The export program where service, gateway and network fail: whatever fails, it exports whole or tells what to do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import dataset_export
from pytest_reinfer.faults import PAGES, fail

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_reinfer import FakeTenant

pytestmark = pytest.mark.reinfer(sleep="clock")  # its back-off takes no real time

KINDS = (
    *(400, 409, 429, 500, 503),
    *("html_bad_gateway", "login_redirect", "empty_answer", "cut_json", "cut_gzip", "mislabelled_json"),
    *("connection_refused", "connection_reset", "connection_closed", "closed_mid_body", "read_timeout", "slow_answer"),
)


@pytest.fixture
def command(reinfer: FakeTenant, tmp_path: Path) -> list[str]:
    """An export of three pages."""
    reinfer.add_dataset("acme/mail", comments=11)
    return ["export", "acme/mail", "--format", "jsonl", "--limit", "4", "--output", str(tmp_path / "mail")]


def exported(tmp_path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (tmp_path / "mail").read_bytes().splitlines()]


@pytest.mark.reinfer_sweep(*KINDS)
def test_whichever_request_fails_once_nothing_is_lost_or_doubled(
    reinfer: FakeTenant, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = dataset_export.main(command)
    while code and "--resume" in capsys.readouterr().err:
        code = dataset_export.main([*command, "--resume"])
    if code:
        assert not (tmp_path / "mail").exists()  # the first page failed: there is nothing to go on from
        assert dataset_export.main(command) == 0
    assert exported(tmp_path) == reinfer.exported("acme/mail")


@pytest.mark.reinfer_sweep(*(fail(kind, times=None) for kind in KINDS))
def test_what_fails_again_and_again_is_told_in_a_line(
    reinfer: FakeTenant, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = dataset_export.main(command)
    err = capsys.readouterr().err
    assert reinfer.token not in err
    if code:
        assert err.startswith("dataset_export: POST https://")
        assert len(err.splitlines()) <= 2
    else:
        assert exported(tmp_path) == reinfer.exported("acme/mail")


@pytest.mark.reinfer_sweep(*PAGES, route="export_dataset")
def test_what_stays_all_the_time_is_exported_once(
    reinfer: FakeTenant, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {entry["comment"]["uid"] for entry in reinfer.exported("acme/mail")}
    if dataset_export.main(command):
        assert "is not a valid continuation" in capsys.readouterr().err
        return
    found = [entry["comment"]["uid"] for entry in exported(tmp_path)]  # type: ignore[index] # JSON
    after = {entry["comment"]["uid"] for entry in reinfer.exported("acme/mail")}
    assert before & after <= set(found) <= before | after
    assert len(set(found)) == len(found)


def test_it_waits_as_long_as_the_service_asks(reinfer: FakeTenant, command: list[str], tmp_path: Path) -> None:
    reinfer.rate_limit(2, seconds=60)

    assert dataset_export.main(command) == 0

    assert exported(tmp_path) == reinfer.exported("acme/mail")
    assert reinfer.clock.waited >= 60


def test_it_tries_five_times_with_longer_and_longer_waits(reinfer: FakeTenant, command: list[str]) -> None:
    reinfer.fail(503, times=6)

    assert dataset_export.main(command) == 1

    assert reinfer.clock.sleeps == (1, 2, 4, 8)


@pytest.mark.reinfer_deny_each
def test_a_missing_permission_is_told(command: list[str]) -> None:
    assert dataset_export.main(command) == 0


@pytest.mark.reinfer_budget(requests=3)
def test_three_pages_take_three_requests(command: list[str]) -> None:
    assert dataset_export.main(command) == 0
