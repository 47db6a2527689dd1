"""The marker `reinfer_sweep`: a test, and then the same test with each of its requests failing in each way."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import hypothesis  # noqa: F401 -- as what follows
import pytest

import pytest_reinfer.clock
import pytest_reinfer.reruns  # noqa: F401 -- a session inside this one would forget it

HEAD = """
import pytest, requests
from pytest_reinfer.faults import fail

def get(reinfer, path="/api/v1/datasets"):
    return requests.get(reinfer.url + path, headers=reinfer.headers, timeout=5)

def patient(reinfer, path="/api/v1/datasets"):
    for _ in range(3):
        try:
            answer = get(reinfer, path)
            if answer.ok:
                return answer.json()
        except requests.RequestException:
            pass
    raise TimeoutError
"""


@pytest.fixture(autouse=True)
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"
    )


TWO_OF_FIVE = """
@pytest.mark.reinfer_sweep(409, 503)
def test_it(reinfer):
    print("asking")
    patient(reinfer)
    get(reinfer, "/api/v1/datasets")
    assert get(reinfer).status_code != 503
    patient(reinfer)
    get(reinfer)
"""


def test_a_test_that_stands_every_failure_passes_and_tells_its_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep
def test_it(reinfer, record_property):
    record_property("own", "1")
    patient(reinfer)
    patient(reinfer)
"""
    )
    result = pytester.runpytest_inprocess("--junitxml=junit.xml", "-o", "junit_family=xunit1")
    result.assert_outcomes(passed=1)
    total = "14 runs: 2 requests x 7 kinds"
    result.stdout.fnmatch_lines(["*reinfer: tests run again with failures*", f"*test_it: {total}"])
    suite = ET.parse(pytester.path / "junit.xml").getroot()[0]  # noqa: S314 -- pytest wrote it
    assert suite.attrib["tests"] == "1"
    properties = [(found.attrib["name"], found.attrib["value"]) for found in suite.iter("property")]
    assert properties == [("own", "1"), ("reinfer_sweep", total)]


def test_of_several_runs_that_fail_the_first_request_and_the_first_kind_are_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(503, 409)
def test_it(reinfer, record_property):
    record_property("own", "1")
    patient(reinfer)
    for _ in range(2):
        get(reinfer).raise_for_status()
"""
    )
    result = pytester.runpytest_inprocess("--junitxml=junit.xml", "-o", "junit_family=xunit1")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "E*HTTPError: 503 *",
            "6 runs: 3 requests x 2 kinds; 4 failed: 2:503, 2:409, 3:503, 3:409",
            "The smallest is 2:503*",
        ]
    )
    suite = ET.parse(pytester.path / "junit.xml").getroot()[0]  # noqa: S314 -- pytest wrote it
    own, sweep = (found.attrib["value"] for found in suite.iter("property"))  # the former of its own run
    assert own == "1"
    assert re.search(r"; 4 failed: 2:503, .*; the smallest again: pytest \S+::test_it --reinfer-sweep=2:503$", sweep)


def test_a_plan_with_a_route_of_its_own_fails_only_that_routes_requests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(503, fail(429, route="get_dataset"))
def test_it(reinfer):
    reinfer.add_dataset("acme/support")
    patient(reinfer)
    patient(reinfer, "/api/v1/datasets/acme/support")
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_it: 3 runs: 2 requests x 2 kinds"])


def test_the_smallest_failing_pair_is_reported_with_the_lines_that_repeat_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_two=HEAD + TWO_OF_FIVE)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*assert get(reinfer).status_code != 503",
            "*reinfer sweep*",
            "10 runs: 5 requests x 2 kinds; 1 failed: 3:503",
            "The smallest is 3:503: GET /api/v1/datasets -> 503 *",
            "  pytest test_two.py::test_it --reinfer-sweep=3:503",
            "  reinfer.fail(503, nth=3)",
            "*test_it: 10 runs: 5 requests x 2 kinds; 1 failed: 3:503; the smallest again: pytest *",
        ]
    )
    assert result.stdout.str().count("asking") == 2  # in the source, and what the one run has printed


def test_the_printed_lines_repeat_the_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_two=HEAD
        + TWO_OF_FIVE
        + TWO_OF_FIVE.replace("test_it", "test_plain")
        .replace("@pytest.mark.reinfer_sweep(409, 503)", "")
        .replace('    print("asking")', "    reinfer.fail(503, nth=3)")
    )
    result = pytester.runpytest_inprocess("test_two.py::test_it", "--reinfer-sweep=3:503")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">*assert get(reinfer).status_code != 503", "*test_it: 1 run: 3:503"])
    pytester.runpytest_inprocess("test_two.py::test_it", "--reinfer-sweep=3:409").assert_outcomes(passed=1)
    result = pytester.runpytest_inprocess("test_two.py::test_plain")
    result.stdout.fnmatch_lines([">*assert get(reinfer).status_code != 503"])


def test_a_pair_that_meets_no_request_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + TWO_OF_FIVE)
    result = pytester.runpytest_inprocess("--reinfer-sweep=9:connection_reset")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*fail('connection_reset', nth=9) met no request. The test made 5 requests, *"])


@pytest.mark.parametrize("pair", ["409", "x:409", "0:409", "3:"])
def test_a_pair_that_is_none_ends_the_session_at_once(pytester: pytest.Pytester, pair: str) -> None:
    result = pytester.runpytest_inprocess(f"--reinfer-sweep={pair}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*--reinfer-sweep: it takes K:KIND, a request, *such as 3:409, not '{pair}'"])


@pytest.mark.parametrize("most", ["0", "-1", "x"])
@pytest.mark.parametrize("setting", [["--reinfer-sweep-max={}"], ["-o", "reinfer_sweep_max={}"]])
def test_a_sweep_of_no_runs_ends_the_session_at_once(pytester: pytest.Pytester, setting: list[str], most: str) -> None:
    result = pytester.runpytest_inprocess(*(each.format(most) for each in setting))
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([f"*reinfer?sweep?max: it takes a whole number of runs, at least 1, not '{most}'"])


def test_a_pair_that_is_for_no_test_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD + "def test_it(reinfer): pass\n@pytest.mark.reinfer_sweep\ndef test_refused(reinfer, subtests): pass"
    )
    result = pytester.runpytest_inprocess("--reinfer-sweep=3:409", "-k", "test_it")
    result.assert_outcomes(passed=1, deselected=1)
    told = "--reinfer-sweep=3:409: NO SWEEP, as no test that was run is marked reinfer_sweep"
    result.stdout.fnmatch_lines([told])
    for others in (["--reinfer-sweep=3:409", "--collect-only"], ["--reinfer-sweep=3:409"], []):
        pytester.runpytest_inprocess(*others).stdout.no_fnmatch_line("*NO SWEEP*")


def test_a_test_that_fails_as_it_is_fails_as_ever_and_is_not_swept(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep
def test_it(reinfer):
    get(reinfer)
    print("once")
    assert 1 == 2
"""
    )
    result = pytester.runpytest_inprocess("-s")
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("once\n") == 1
    result.stdout.no_fnmatch_line("*reinfer sweep -*")
    result.stdout.fnmatch_lines(["*test_it: no run with a failure: the test does not pass as it is"])


def test_one_report_per_phase_is_logged_and_it_has_the_time_of_all_runs(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(503)
def test_it(reinfer):
    for _ in range(4):
        patient(reinfer)
"""
    )
    record = pytester.inline_run()
    reports = record.getreports("pytest_runtest_logreport")
    assert [report.when for report in reports] == ["setup", "call", "teardown"]
    assert len(record.getcalls("pytest_runtest_logstart")) == len(record.getcalls("pytest_runtest_logfinish")) == 1
    calls = [call.call for call in record.getcalls("pytest_runtest_makereport") if call.call.when == "call"]
    assert len(calls) == 5
    assert reports[1].duration >= sum(call.duration for call in calls)


def test_each_run_has_fixtures_and_a_tenant_of_its_own_and_shares_those_of_the_module(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        HEAD
        + """
import logging, os

@pytest.fixture(scope="module")
def shared():
    print("MODULE UP")
    yield []
    print("MODULE DOWN")

@pytest.fixture(autouse=True)
def own(reinfer):
    print("OWN UP")
    reinfer.add_dataset("acme/support")
    yield
    print("OWN DOWN")

class Test:
    @pytest.mark.parametrize("turn", [1])
    @pytest.mark.reinfer_sweep(503)
    def test_it(self, reinfer, shared, tmp_path, monkeypatch, caplog, capsys, turn, record_property):
        record_property("turn", turn)
        assert len(reinfer.datasets) == 1
        assert "SEEN" not in os.environ
        monkeypatch.setenv("SEEN", "1")
        assert not hasattr(self, "seen")
        self.seen = True
        assert list(tmp_path.iterdir()) == []
        (tmp_path / "seen").touch()
        logging.warning("seen")
        assert caplog.messages == ["seen"]
        print("seen")
        assert capsys.readouterr().out == "seen\\n"
        shared.append(1)
        patient(reinfer)
        patient(reinfer)

def test_behind(shared):
    assert len(shared) == 3
"""
    )
    result = pytester.runpytest_inprocess("-s", "-p", "no:randomly")
    result.assert_outcomes(passed=2)
    out = result.stdout.str()
    assert (out.count("MODULE UP"), out.count("MODULE DOWN")) == (1, 1)
    assert (out.count("OWN UP"), out.count("OWN DOWN")) == (4, 4)


def test_kinds_may_be_plans_and_a_route_narrows_the_requests(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(fail(429, retry_after=1), "html_bad_gateway", route="get_dataset")
def test_it(reinfer):
    reinfer.add_dataset("acme/support")
    assert get(reinfer).ok
    patient(reinfer, "/api/v1/datasets/acme/support")
    assert get(reinfer, "/api/v1/datasets/acme/support").status_code != 429
    assert get(reinfer).ok
"""
    )
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(
        [
            "4 runs: 2 requests x 2 kinds; 1 failed: 2:fail(429, retry_after=1)",
            "  pytest *::test_it --reinfer-sweep='2:fail(429, retry_after=1)'",
            "  reinfer.fail(429, nth=2, route='get_dataset', retry_after=1)",
        ]
    )
    result = pytester.runpytest_inprocess("--reinfer-sweep=2:fail(429, retry_after=1)")
    result.assert_outcomes(failed=1)
    pytester.runpytest_inprocess("--reinfer-sweep=1:fail(429, retry_after=1)").assert_outcomes(passed=1)


def test_a_bug_that_shows_when_the_third_call_answers_409_is_found_as_that_pair(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(429, 409, 503, "connection_reset")
def test_it(reinfer):
    for call in range(1, 6):
        try:
            status = get(reinfer).status_code
        except requests.ConnectionError:
            continue
        assert (call, status) != (3, 409)  # the bug
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["20 runs: 5 requests x 4 kinds; 1 failed: 3:409", "The smallest is 3:409: GET *409*"])
    assert pytester.runpytest_inprocess("--reinfer-sweep=3:409").ret == pytest.ExitCode.TESTS_FAILED
    assert pytester.runpytest_inprocess("--reinfer-sweep=2:409").ret == pytest.ExitCode.OK


def test_a_plan_that_lasts_lasts_from_its_request_on(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(fail(503, times=None))
def test_it(reinfer):
    found = [get(reinfer).status_code for _ in range(3)]
    assert sorted(found) == found
    assert found[-1] == 200
"""
    )
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(
        [
            "*3 runs: 3 requests x 1 kind; 3 failed: 1:fail(503, times=None), 2:*",
            "*--reinfer-sweep='1:fail(503, times=None)'",
            "*reinfer.fail(503, times=None)",
        ]
    )


@pytest.mark.parametrize("setting", [["--reinfer-sweep-max=3"], ["-o", "reinfer_sweep_max=3"]])
def test_a_sweep_of_too_many_runs_is_cut_and_says_so(pytester: pytest.Pytester, setting: list[str]) -> None:
    pytester.makepyfile(HEAD + TWO_OF_FIVE)
    result = pytester.runpytest_inprocess(*setting)
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_it: 3 runs: 5 requests x 2 kinds, CUT from 10 runs by reinfer_sweep_max*"])


@pytest.mark.parametrize(
    ("marker", "body", "told"),
    [
        ("reinfer_sweep(503)", "def test_it(): pass", "*fixture `reinfer`*does not use*"),
        ("reinfer_sweep(503)", "def test_it(reinfer): pass", "*asked the tenant for nothing*"),
        ("reinfer_sweep('nope')", "def test_it(reinfer): get(reinfer)", "*'nope'*@pytest.mark.reinfer_sweep(?kinds*"),
        ("reinfer_sweep(200)", "def test_it(reinfer): get(reinfer)", "*200*reinfer_sweep(?kinds*"),
        ("reinfer_sweep(rout='x')", "def test_it(reinfer): get(reinfer)", "*'rout'*reinfer_sweep(?kinds*"),
        ("reinfer_sweep(route='x')", "def test_it(reinfer): get(reinfer)", "*No route*reinfer_sweep(?kinds*"),
        ("reinfer_sweep(fail(409) | fail(503))", "def test_it(reinfer): get(reinfer)", "*a plan of one fault*"),
        ("reinfer_sweep(fail(409, nth=2))", "def test_it(reinfer): get(reinfer)", "*no nth, after or probability*"),
        ("reinfer_sweep(fail(409, after=1))", "def test_it(reinfer): get(reinfer)", "*each request fail in turn*"),
        ("reinfer_sweep(fail(409, probability=0.5))", "def test_it(reinfer): get(reinfer)", "*each request fail in*"),
        (
            "reinfer_sweep(409)",
            "class Test:\n    @pytest.mark.reinfer_sweep(503)\n    def test_it(self, reinfer): get(reinfer)",
            "*2 markers reinfer_sweep*name all kinds in one*",
        ),
        (
            "reinfer_sweep",
            "@given(st.just(1))\n@settings(database=None)\ndef test_it(reinfer, x): get(reinfer)",
            "*fault_plans()*",
        ),
        (
            "reinfer_sweep",
            "def test_it(reinfer, subtests): get(reinfer)",
            "*cannot run a test again that has subtests*",
        ),
        ("reinfer_sweep", "@pytest.mark.reinfer_deny_each\ndef test_it(reinfer): get(reinfer)", "*make two tests*"),
    ],
)
def test_a_test_that_cannot_be_swept_is_refused(pytester: pytest.Pytester, marker: str, body: str, told: str) -> None:
    head = "from hypothesis import given, settings, strategies as st\n" + HEAD
    pytester.makepyfile(f"{head}\n@pytest.mark.{marker}\n{body}\n\ndef test_other(): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1, passed=1)
    result.stdout.fnmatch_lines([told])
    result.stdout.fnmatch_lines(["*test_it: no run: refused, as its error says"])
    assert "reruns.py" not in result.stdout.str()
    assert "During handling" not in result.stdout.str()


@pytest.mark.parametrize(
    ("fixture", "outcomes"),
    [
        ("get(reinfer).raise_for_status()\n    yield", {"errors": 1}),
        ("yield\n    get(reinfer).raise_for_status()", {"errors": 1, "passed": 1}),
    ],
)
def test_a_run_that_fails_in_its_setup_or_teardown_has_failed(
    pytester: pytest.Pytester, fixture: str, outcomes: dict[str, int]
) -> None:
    pytester.makepyfile(
        HEAD
        + f"""
@pytest.fixture
def client(reinfer):
    {fixture}

@pytest.mark.reinfer_sweep(503)
def test_it(client): pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(**outcomes)
    result.stdout.fnmatch_lines(["*503 Server Error*", "*test_it: 1 run: 1 request x 1 kind; 1 failed: 1:503; *"])


def test_skip_and_xfail_say_of_the_whole_sweep_what_they_say_of_a_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
pytestmark = pytest.mark.reinfer_sweep(503)

@pytest.mark.skip
def test_skipped(reinfer): raise AssertionError

@pytest.mark.xfail(strict=True)
def test_known_not_to_stand_it(reinfer): assert get(reinfer).ok

@pytest.mark.xfail(strict=True)
def test_wrongly_expected_to_fail(reinfer): patient(reinfer)

def test_a_run_that_skips(reinfer):
    if not get(reinfer).ok:
        pytest.skip("down")
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(skipped=1, xfailed=1, failed=1, passed=1)
    result.stdout.fnmatch_lines(
        ["*XPASS(strict)*", "*test_a_run_that_skips: 1 run: 1 request x 1 kind, 1 skipped"],
    )


def test_the_session_may_stop_at_a_swept_test_and_end_its_fixtures(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.fixture(scope="module")
def shared():
    yield
    raise RuntimeError("the module's end")

@pytest.mark.reinfer_sweep(503)
def test_it(reinfer, shared): assert get(reinfer).ok

def test_behind(shared): pass
"""
    )
    result = pytester.runpytest_inprocess("-x", "-p", "no:randomly")
    result.assert_outcomes(failed=1, errors=1)
    result.stdout.fnmatch_lines(["*the module's end*"])


def test_the_end_of_what_only_a_swept_test_uses_is_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_a=HEAD
        + """
@pytest.fixture(scope="module")
def shared():
    yield
    raise RuntimeError("the module's end")

@pytest.mark.reinfer_sweep(503)
def test_it(reinfer, shared): patient(reinfer)
""",
        test_b="def test_behind(): pass",
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*the module's end*", "*test_it: 1 run: 1 request x 1 kind"])


def test_the_debugger_opens_at_the_first_run_that_fails_and_ends_the_sweep(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        debugger="""
class Debugger:
    quitting = False
    def __init__(self, *args, **kwargs): pass
    def reset(self): pass
    def interaction(self, frame, trace): print("DEBUGGER")
""",
        test_it=HEAD
        + """
@pytest.mark.reinfer_sweep(409, 503)
def test_it(reinfer): assert get(reinfer).ok
""",
    )
    pytester.syspathinsert()
    result = pytester.runpytest_inprocess("--pdb", "--pdbcls=debugger:Debugger")
    result.assert_outcomes(failed=1)
    assert result.stdout.str().count("DEBUGGER") == 1
    result.stdout.fnmatch_lines(["*test_it: 2 runs: *, ended by --pdb at the first that failed; 1 failed: 1:409; *"])


def test_sweeps_run_in_workers_and_are_told_together(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.parametrize("turn", range(3))
@pytest.mark.reinfer_sweep(409, 503)
def test_it(reinfer, turn):
    patient(reinfer)
    assert turn or get(reinfer).status_code != 503
"""
    )
    result = pytester.runpytest_subprocess("-p", "xdist", "-n2")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["4 runs: 2 requests x 2 kinds; 1 failed: 2:503"])
    result.stdout.fnmatch_lines_random(
        ["*test_it?0?: 4 runs: *; 1 failed: 2:503; *", "*test_it?1?: 2 runs: *", "*test_it?2?: 2 runs: *"]
    )


def test_tests_of_a_unittest_class_and_coroutines_are_swept_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
import unittest

class Test(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _tenant(self, reinfer):
        self.tenant = reinfer

    def setUp(self):
        self.seen = 0

    @pytest.mark.reinfer_sweep(409, 503)
    def test_it(self):
        self.seen += 1
        assert self.seen == 1
        self.assertNotEqual(get(self.tenant).status_code, 503)

@pytest.mark.anyio
@pytest.mark.reinfer_sweep(409, 503)
async def test_coroutine(reinfer, anyio_backend):
    assert get(reinfer).status_code != 503

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
    )
    result = pytester.runpytest_inprocess("-p", "anyio.pytest_plugin", "-p", "no:randomly")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines_random([f"*{name}: 2 runs: *; 1 failed: 1:503; *" for name in ("it", "coroutine")])


def test_runs_in_which_no_request_is_one_for_the_failure_are_counted(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.parametrize("fewest", [1, 2])
@pytest.mark.reinfer_sweep("short_page")
def test_it(reinfer, fewest):
    reinfer.add_dataset("acme/support", comments=5)
    assert get(reinfer).ok
    url, body = reinfer.url + "/api/v1/datasets/acme/support/export", {"limit": 2}
    assert len(requests.post(url, json=body, headers=reinfer.headers).json()["comments"]) >= fewest
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1)
    total = "2 runs: 2 requests x 1 kind, 1 of 2 met nothing"
    result.stdout.fnmatch_lines(
        [f"{total}; 1 failed: 1:short_page", "The smallest is 1:short_page: POST */export -> *"]
    )
    result.stdout.fnmatch_lines([f"*test_it?1?: {total}"])


def test_a_kind_that_meets_nothing_in_any_run_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(503, "short_page", fail(409, route="get_user"), fail("empty_page", optional=True))
def test_it(reinfer): patient(reinfer)

@pytest.mark.reinfer_sweep(503, "short_page")
def test_that_fails_too(reinfer): assert get(reinfer).ok
""".replace("get_user", "get_dataset")
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "reinfer_sweep met nothing in any run: fail(409, route='get_dataset'), short_page. The test makes no *",
            "E*assert False",
            "2 runs: 1 request x 2 kinds, 1 of 2 met nothing; met nothing in any run: short_page; 1 failed: 1:503",
            "*test_it: 3 runs: 1 request x 4 kinds, 2 of 3 met nothing; met nothing in any run: fail(409, route=*",
        ]
    )


def test_the_kth_request_fails_whatever_else_does_and_other_failures_need_not_fire(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_fail(503, route="get_dataset")
@pytest.mark.reinfer_sweep(409)
def test_it(reinfer):
    reinfer.fail(500, nth=2)
    if not get(reinfer).ok:
        return
    assert get(reinfer).status_code in (500, 409)
    with reinfer.fail(502):
        if get(reinfer).status_code == 409:
            return
    assert get(reinfer, "/api/v1/datasets/acme/support").status_code in (503, 409)
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_it: 4 runs: 4 requests x 1 kind"])


def test_of_two_failures_that_meet_a_request_the_sweeps_goes_first(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_fail(503)
@pytest.mark.reinfer_sweep(409)
def test_it(reinfer): assert get(reinfer).status_code == 503
"""
    )
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(["The smallest is 1:409: GET /api/v1/datasets -> 409  by fail(409) *"])


def test_kinds_that_are_called_the_same_are_all_run_and_found(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_sweep(409, 409, fail(503, when=lambda _: True), fail(503, when=lambda request: request.query))
def test_it(reinfer):
    assert get(reinfer, "/api/v1/datasets?x=1").ok
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    failed = "1:409, 1:fail(503, when=<lambda>), 1:fail(503, when=<lambda>) #2"
    result.stdout.fnmatch_lines([f"3 runs: 1 request x 3 kinds; 3 failed: {failed}"])
    result = pytester.runpytest_inprocess("--reinfer-sweep=1:fail(503, when=<lambda>) #2")
    result.stdout.fnmatch_lines([">*assert get(*", "*test_it: 1 run: 1:fail(503, when=<lambda>) #2"])


def test_a_budget_is_each_runs_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_budget(2)
@pytest.mark.reinfer_sweep(503)
def test_within(reinfer): patient(reinfer)

@pytest.mark.reinfer_budget(1)
@pytest.mark.reinfer_sweep(503)
def test_beyond(reinfer): patient(reinfer)
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["Requests made: 2, allowed: 1. *", "*test_beyond: *; 1 failed: 1:503; *"])
