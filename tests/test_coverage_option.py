"""`pytest --reinfer-coverage`, as a user's session sees it."""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer import contract
from pytest_reinfer.coverage.items import built

if TYPE_CHECKING:
    from collections.abc import Callable

ROUTE = "get_dataset_by_id"
SUITE = """
import pytest, requests

def ask(tenant, dataset_id, **about):
    url = f"{tenant.url}/api/_private/datasets/id:{dataset_id}"
    return requests.get(url, headers=about.get("headers", tenant.headers)).status_code

def test_there(reinfer):
    assert ask(reinfer, reinfer.add_dataset("acme/support").id) == 200

@pytest.mark.parametrize("length, status", [(16, 404), (17, 400)])
def test_gone(reinfer, length, status):
    assert ask(reinfer, "0" * length) == status

@pytest.mark.reinfer_sweep(503, "html_bad_gateway")
def test_again(reinfer):
    status = ask(reinfer, reinfer.add_dataset("acme/support").id)
    assert status in (200, 502, 503)

def test_server(reinfer_server):
    assert ask(reinfer_server, "0", headers={}) == 401

def test_of_its_own():
    from pytest_reinfer import FakeTenant
    with FakeTenant("https://other.example") as tenant:
        assert ask(tenant, tenant.add_dataset("acme/support").id) == 200

def test_that_fails(reinfer):
    reinfer.fail(429)
    assert ask(reinfer, "0" * 16) == 200

def test_of_nothing():
    pass
"""
TABLE = """\
*= reinfer: coverage of the contract =*
route              requests      statuses        errors        fields        values       answers         total
get_dataset_by_id         9     5/6   83%     2/3   66%     1/1  100%     2/2  100%             -   10/12   83%
any route                 0             -    3/16   18%             -             -             -    3/16   18%
total                     9     5/6   83%    5/19   26%     1/1  100%     2/2  100%             -   13/28   46%

Never asked: 61 of 62 routes: create_bucket, create_comments, create_dataset, create_project, create_source and 56 more

Never met, a to-do list:
  get_dataset_by_id: reinfer.fail(403, route="get_dataset_by_id")
  get_dataset_by_id: The caller lacks the permission the route asks for. \
Or reinfer.fail("forbidden", route="get_dataset_by_id")
  any route: reinfer.fail("unknown_route")
  any route: reinfer.fail("wrong_method")
  any route: reinfer.fail("internal_error")
  any route: reinfer.fail("service_unavailable")
  any route: reinfer.fail("plain_text_error")
  any route: reinfer.fail("html_unavailable")
  any route: reinfer.fail("html_gateway_timeout")
  any route: reinfer.fail("empty_bad_gateway")
  any route: reinfer.fail("empty_answer")
  any route: reinfer.fail("cut_json")
  any route: reinfer.fail("login_redirect")
  any route: reinfer.fail("login_page")
  any route: reinfer.fail("mislabelled_json")

Total: 13 of 28 met, 46.4 %"""


@pytest.fixture(autouse=True)
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini("[pytest]\naddopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers")


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    """Run the suite with options."""
    pytester.makepyfile(SUITE.replace("/api/_private/datasets/id:{dataset_id}", contract.routes()[ROUTE].path))
    return pytester.runpytest_inprocess


def reported(pytester: pytest.Pytester, name: str = "reinfer-coverage.json") -> Any:
    return json.loads((pytester.path / name).read_text(encoding="utf-8"))


def test_the_table_says_what_was_met_and_what_never_was(run: Callable[..., pytest.RunResult]) -> None:
    result = run("--reinfer-coverage")
    result.assert_outcomes(passed=7, failed=1)
    shown = result.outlines[next(i for i, line in enumerate(result.outlines) if "coverage of the contract" in line) :]
    expected = TABLE.splitlines()
    result.stdout.fnmatch_lines(expected[:1])
    assert shown[1 : len(expected)] == expected[1:]


def test_the_json_has_it_all_in_a_shape_that_stays(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    file = "test_the_json_has_it_all_in_a_shape_that_stays.py"
    run("--reinfer-coverage=json")

    def error(name: str, test: str | None = None, message: str = "") -> dict[str, Any]:
        way = f'reinfer.fail("{name}"{message}, route="{ROUTE}")'
        return item(name, f"{errors[name]['when']} Or {way}", test)

    def status(name: str, test: str | None = None) -> dict[str, Any]:
        return item(name, f'reinfer.fail({name}, route="{ROUTE}")', test)

    def item(name: str, how: str, test: str | None = None) -> dict[str, Any]:
        return {"name": name, "met": test is not None, "test": test and f"{file}::{test}", "how": how}

    def group(met: int, percent: float, *items: dict[str, Any]) -> dict[str, Any]:
        return {"met": met, "of": len(items), "percent": percent, "items": list(items)}

    errors, failures = contract.convention("x-errors"), contract.convention("x-failures")
    anywhere = {"unauthorized": "test_server", "rate_limited": "test_that_fails", "html_bad_gateway": "test_again"}
    names = ["unauthorized", "rate_limited", "unknown_route", "wrong_method", *failures]
    assert reported(pytester) == {
        "version": 1,
        "met": 13,
        "of": 28,
        "percent": 46.4,
        "groups": {
            "statuses": {"met": 5, "of": 6, "percent": 83.3},
            "errors": {"met": 5, "of": 19, "percent": 26.3},
            "fields": {"met": 1, "of": 1, "percent": 100.0},
            "values": {"met": 2, "of": 2, "percent": 100.0},
            "answers": {"met": 0, "of": 0, "percent": 100.0},
        },
        "routes": {
            ROUTE: {
                "route": str(contract.routes()[ROUTE]),
                "requests": 9,
                "met": 10,
                "of": 12,
                "percent": 83.3,
                "groups": {
                    "statuses": group(
                        5,
                        83.3,
                        item("200", "ask for it, and be answered", "test_again"),
                        status("400", "test_gone[17-400]"),
                        status("401", "test_server"),
                        status("403"),
                        status("404", "test_gone[16-404]"),
                        status("429", "test_that_fails"),
                    ),
                    "errors": group(
                        2,
                        66.6,
                        error("forbidden"),
                        error("schema_violation", "test_gone[17-400]", ', message="..."'),
                        error("no_such_dataset", "test_gone[16-404]"),
                    ),
                    "fields": group(
                        1, 100.0, item("path.dataset_id", "be answered 200 with path.dataset_id", "test_again")
                    ),
                    "values": group(
                        2,
                        100.0,
                        item(
                            "path.dataset_id of 16 characters",
                            "be answered 200 with path.dataset_id of 16 characters",
                            "test_again",
                        ),
                        item(
                            "path.dataset_id of 17 characters, refused",
                            "send path.dataset_id of 17 characters, refused",
                            "test_gone[17-400]",
                        ),
                    ),
                },
            }
        },
        "any_route": {
            "requests": 0,
            "met": 3,
            "of": 16,
            "percent": 18.7,
            "groups": {
                "errors": group(3, 18.7, *(item(name, f'reinfer.fail("{name}")', anywhere.get(name)) for name in names))
            },
        },
        "never_asked": [name for name in built() if name != ROUTE],
        "notes": [],
    }


@pytest.mark.parametrize("how", [("-n", "2"), ("-n", "2", "--dist", "loadfile"), ("-n", "1")], ids=" ".join)
def test_workers_come_to_the_very_same_report_as_one_process(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, how: tuple[str, ...]
) -> None:
    run("--reinfer-coverage=json:serial/one.json")
    result = run("-p", "xdist", *how, "--reinfer-coverage=json:many.json", "--reinfer-coverage")
    result.assert_outcomes(passed=7, failed=1)
    result.stdout.fnmatch_lines(["Total: 13 of 28 met, 46.4 %"])
    assert result.stdout.str().count("coverage of the contract") == 1
    assert reported(pytester, "many.json") == reported(pytester, "serial/one.json")
    assert not list(pytester.path.rglob("reinfer-coverage*"))


def test_a_worker_that_crashes_is_told_and_the_others_count(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    pytester.makepyfile(test_a_crash="import os\ndef test_it():\n    os._exit(1)\n")
    result = run("-p", "xdist", "-n", "1", "--max-worker-restart=1", "--reinfer-coverage=json")
    result.stdout.fnmatch_lines(["The worker gw0 ended early*: what it had met is not counted."])
    assert len(reported(pytester)["notes"]) == 1
    assert reported(pytester)["routes"][ROUTE]["requests"] > 0


@pytest.mark.parametrize(
    ("least", "code", "words"),
    [
        ("39.28", pytest.ExitCode.OK, "--reinfer-coverage-fail-under=39.28: reached, 39.2 % are met"),
        ("39.29", pytest.ExitCode.TESTS_FAILED, "--reinfer-coverage-fail-under=39.29: FAILED, 39.2 % are met"),
    ],
)
@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["serial", "workers"])
def test_too_little_fails_the_session(
    run: Callable[..., pytest.RunResult], least: str, code: int, words: str, workers: tuple[str, ...]
) -> None:
    result = run(f"--reinfer-coverage-fail-under={least}", "-k", "not that_fails", *workers)
    result.assert_outcomes(passed=7)
    result.stdout.fnmatch_lines(["Total: 11 of 28 met, 39.2 %", words])
    assert result.ret == code


def test_the_page_is_one_file_and_says_which_test_met_what(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    result = run("--reinfer-coverage=html:out/page.html")
    result.stdout.fnmatch_lines(["Written: *page.html"])
    text = (pytester.path / "out" / "page.html").read_text(encoding="utf-8")
    words = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", text.partition("</style>")[2]))
    assert "13 of 28 met, 46.4 %" in words
    assert "61 routes that no test asked for" in words
    assert "400 yes test_the_page_is_one_file_and_says_which_test_met_what.py::test_gone[17-400]" in words
    assert "403 never reinfer.fail(403, route=&quot;get_dataset_by_id&quot;)" in words
    assert "route  " not in result.stdout.str()  # no table beside it, unless that is asked for too


def test_routes_named_in_the_ini_file_count_and_no_others(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    run("--reinfer-coverage=json", "-o", "reinfer_coverage_routes=list_datasets\nget_dataset")
    assert list(reported(pytester)["routes"]) == ["get_dataset", "list_datasets"]
    assert reported(pytester)["routes"]["list_datasets"]["met"] == 0
    assert ROUTE not in reported(pytester)["never_asked"]


def test_a_pattern_that_names_no_route_ends_the_session_at_its_start(run: Callable[..., pytest.RunResult]) -> None:
    result = run("--reinfer-coverage", "-o", "reinfer_coverage_routes=get_datset*")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*reinfer_coverage_routes: No route is called 'get_datset*'. There are: create_*"])


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ("--reinfer-coverage=xml", "*term, html, html:FILE, json or json:FILE, not 'xml'*"),
        ("--reinfer-coverage=term:x", "*not 'term:x'*"),
        ("--reinfer-coverage-fail-under=half", "*a number from 0 to 100, not 'half'*"),
        ("--reinfer-coverage-fail-under=101", "*a number from 0 to 100, not '101'*"),
        ("--reinfer-coverage-fail-under=nan", "*a number from 0 to 100, not 'nan'*"),
    ],
)
def test_an_option_that_makes_no_sense_says_what_would(
    run: Callable[..., pytest.RunResult], option: str, words: str
) -> None:
    result = run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([words])


def test_the_path_of_tests_behind_the_option_is_not_taken_for_a_report(run: Callable[..., pytest.RunResult]) -> None:
    result = run("--reinfer-coverage", "tests/")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*not 'tests/'. Before the path of tests write --reinfer-coverage=term*"])


@pytest.mark.parametrize("workers", [(), ("-p", "xdist", "-n", "2")], ids=["serial", "workers"])
def test_what_runs_no_test_reports_nothing_or_that_nothing_was_met(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, workers: tuple[str, ...]
) -> None:
    result = run("--co", "--reinfer-coverage", "--reinfer-coverage-fail-under=90", *workers)
    assert result.ret == 0
    assert "coverage of the contract" not in result.stdout.str()
    result = run("-k", "no_such_test", "--reinfer-coverage", *workers)
    assert result.ret == pytest.ExitCode.NO_TESTS_COLLECTED
    result.stdout.fnmatch_lines(["Never asked: 62 of 62 routes*", "Total: 0 of 16 met, 0.0 %"])
    assert run("-k", "no_such_test", "--reinfer-coverage-fail-under=1", *workers).ret == pytest.ExitCode.TESTS_FAILED


def test_a_report_that_cannot_be_written_fails_the_session(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester
) -> None:
    (pytester.path / "file").write_text("")
    result = run("--reinfer-coverage=json:file/report.json", "-k", "there")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["json:file/report.json: not written: *"])


def test_two_sessions_in_one_process_count_apart(run: Callable[..., pytest.RunResult]) -> None:
    for _ in range(2):
        run("--reinfer-coverage").stdout.fnmatch_lines(["Total: 13 of 28 met, 46.4 %"])


def test_without_the_option_nothing_is_loaded_and_nothing_stands_around_a_tenant(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import sys

def test_it(reinfer):
    from pytest_reinfer import FakeTenant
    assert not [name for name in sys.modules if "reinfer.coverage" in name or "reinfer.options" in name]
    assert not hasattr(FakeTenant.exchanged, "reinfer_link")
"""
    )
    script = "import sys, pytest; sys.exit(pytest.main(['-q', '-p', 'no:randomly']))"
    assert pytester.run(sys.executable, "-c", script).ret == 0
