"""The plugin, as a user's session sees it."""

from __future__ import annotations

import re
import sys

import pytest


@pytest.fixture(autouse=True)
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"
    )


CALL = "import requests, os, pytest\n"


def test_the_fixture_gives_a_fresh_tenant_to_each_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
@pytest.mark.parametrize("turn", range(3))
def test_export(reinfer, turn):
    assert reinfer.datasets == ()
    assert len(reinfer.requests) == 0
    dataset = reinfer.add_dataset("acme/support", comments=3)
    assert dataset.id == "ID"
    url = reinfer.url + "/api/v1/datasets/acme/support/export"
    assert len(requests.post(url, json={}, headers=reinfer.headers).json()["comments"]) == 3
""".replace("ID", _first_dataset_id())
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=3)


def _first_dataset_id() -> str:
    from pytest_reinfer import FakeTenant  # noqa: PLC0415

    return FakeTenant().add_dataset("acme/support", comments=3).id


def test_endpoint_and_token_stand_in_the_environment_while_a_test_runs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", "of a real tenant")
    monkeypatch.delenv("REINFER_ENDPOINT", raising=False)
    pytester.makepyfile(
        CALL
        + """
def test_inside(reinfer):
    assert (os.environ["REINFER_ENDPOINT"], os.environ["REINFER_TOKEN"]) == (reinfer.url, reinfer.token)

def test_outside():
    assert os.environ["REINFER_TOKEN"] == "of a real tenant"
    assert "REINFER_ENDPOINT" not in os.environ
"""
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("path", "told"),
    [
        (
            "/api/v1/datset/acme",
            ["GET /api/v1/datset/acme  (2 times)", "*no such route*", "*GET /api/v1/datasets/{project}"],
        ),
        (
            "/api/v1/datasets/a/b/export",
            ["*not with this method*405*", "*POST /api/v1/datasets/{project}/{dataset_name}/export*"],
        ),
        ("/api/_private/quotas", ["*does not build it*", "*GET /api/_private/quotas  (not built)*", "*stub this URL*"]),
    ],
)
def test_a_request_that_no_test_should_make_fails_it_even_if_the_code_swallows_it(
    pytester: pytest.Pytester, path: str, told: list[str]
) -> None:
    pytester.makepyfile(
        CALL
        + f"""
def ask(reinfer):
    for _ in range(2):
        try:
            requests.get(reinfer.url + {path!r}, headers=reinfer.headers)
        except Exception:
            pass

def test_it(reinfer):
    ask(reinfer)

@pytest.mark.reinfer(unknown_routes="allow", unbuilt_routes="allow")
def test_allowed(reinfer):
    ask(reinfer)
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["The code under test asked the tenant for what it should not:", "*(2 times)"])
    result.stdout.fnmatch_lines(told)
    result.stdout.fnmatch_lines(["*@pytest.mark.reinfer(un*_routes=*allow*)*"])
    assert "plugin.py" not in result.stdout.str()


def test_a_test_that_fails_by_itself_tells_the_requests_beside_its_failure_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
def test_it(reinfer):
    requests.get(reinfer.url + "/api/v1/nowhere", headers=reinfer.headers)
    assert 1 == 2
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E       assert 1 == 2", "*reinfer call*", "GET /api/v1/nowhere"])
    assert result.stdout.str().count("asked the tenant for what it should not") == 1


def test_a_request_made_while_fixtures_end_is_told_as_well(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
@pytest.fixture
def client(reinfer):
    yield
    requests.get(reinfer.url + "/api/v1/nowhere", headers=reinfer.headers)

def test_it(client):
    pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*GET /api/v1/nowhere*"])


def test_a_bug_of_the_fake_fails_the_test_though_the_code_swallows_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
def test_it(reinfer, monkeypatch):
    monkeypatch.setattr("pytest_reinfer.contract.match", lambda *_: 1 / 0)
    try:
        requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers)
    except Exception:
        pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*ZeroDivisionError*", "*pytest-reinfer itself failed over this request*"])


# ------------------------------------------------------------------------------------------------------ settings


def test_the_seed_comes_from_the_ini_the_marker_and_the_option_each_before_the_last(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
def test_ini(reinfer):
    print("INI", reinfer.seed)

@pytest.mark.reinfer(seed=5)
class TestClass:
    def test_marker(self, reinfer):
        print("MARKER", reinfer.seed)

    @pytest.mark.reinfer(seed=6)
    def test_closer(self, reinfer):
        print("CLOSER", reinfer.seed)
"""
    )
    pytester.runpytest_inprocess("-s", "-o", "reinfer_seed=3").stdout.fnmatch_lines(
        ["*INI 3", "*MARKER 5", "*CLOSER 6"]
    )
    pytester.runpytest_inprocess("-s", "--reinfer-seed=9").stdout.fnmatch_lines(["*INI 9", "*MARKER 9", "*CLOSER 9"])
    pytester.runpytest_inprocess("-s").stdout.fnmatch_lines(["*INI 0"])


def test_the_url_comes_from_the_ini_and_the_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
def test_ini(reinfer):
    assert reinfer.url == "https://one.example/x"

@pytest.mark.reinfer(url="https://cloud.uipath.com/acme/prod/reinfer_")
def test_marker(reinfer):
    assert reinfer.url == os.environ["REINFER_ENDPOINT"] == "https://cloud.uipath.com/acme/prod/reinfer_"
    assert requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers).ok
"""
    )
    pytester.runpytest_inprocess("-o", "reinfer_url=https://one.example/x").assert_outcomes(passed=2)


@pytest.mark.parametrize(
    ("marker", "told"),
    [
        ("reinfer(sed=5)", "*unexpected keyword argument 'sed'. The marker is @pytest.mark.reinfer(?, url=None*"),
        ("reinfer(5)", "*by position, not by name. The marker is @pytest.mark.reinfer(?, url=None*"),
        ("reinfer(unknown_routes='ignore')", "*'fail' or 'allow', not 'ignore'*"),
        ("reinfer(url='acme')", "*starts with http*"),
        ("reinfer(sleep='never')", "*'real' or 'clock', not 'never'. The marker is @pytest.mark.reinfer(?, url=None*"),
    ],
)
def test_a_marker_that_means_nothing_is_an_error(pytester: pytest.Pytester, marker: str, told: str) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.{marker}\ndef test_it(reinfer): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])
    assert not re.search(r"\.py:\d", result.stdout.str())


def test_a_setup_that_fails_is_told_at_the_users_own_line(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_reinfer_setup(tenant): 1 / 0  # the line")
    pytester.makepyfile("def test_it(reinfer): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([">*1 / 0  # the line", "conftest.py:1: ZeroDivisionError"])
    assert "plugin.py" not in result.stdout.str()


def test_a_long_body_is_kept_only_as_far_as_asked(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
@pytest.mark.reinfer(log_bodies=10)
def test_it(reinfer):
    reinfer.add_project("acme")
    for title in ("", "x" * 20):
        body = {"dataset": {"title": title}}
        requests.put(reinfer.url + "/api/v1/datasets/acme/d", json=body, headers=reinfer.headers)
    with pytest.raises(ValueError, match="longer than the log keeps"):
        reinfer.requests[-1].json
"""
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1)


def test_the_marker_and_the_fixtures_explain_themselves(pytester: pytest.Pytester) -> None:
    markers = pytester.runpytest_inprocess("--markers").stdout
    markers.fnmatch_lines(["@pytest.mark.reinfer(*, url=None, seed=None, *"])
    markers.fnmatch_lines_random(
        [f"@pytest.mark.reinfer_{name}(*" for name in ("fail", "budget", "sweep", "deny_each")]
    )
    pytester.makepyfile("def test_it(reinfer): pass")
    listed = pytester.runpytest_inprocess("--fixtures").stdout
    listed.fnmatch_lines(["reinfer -- *", "    A fresh fake re:infer tenant: *"])
    pytester.runpytest_inprocess("--help").stdout.fnmatch_lines(["*--reinfer-seed=*"])


def test_a_setup_runs_once_per_seed_and_each_test_has_its_own_tenant(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
def pytest_reinfer_setup(tenant):
    print("SETUP", tenant.seed)
    tenant.add_dataset("acme/support", comments=20)
"""
    )
    pytester.makepyfile(
        CALL
        + """
@pytest.mark.parametrize("turn", range(3))
def test_it(reinfer, turn):
    assert len(reinfer.exported("acme/support")) == 20
    uid = reinfer.exported("acme/support")[0]["comment"]["uid"]
    reinfer.delete_comments(uid)
    requests.delete(reinfer.url + "/api/v1/datasets/acme/support", headers=reinfer.headers).raise_for_status()

@pytest.mark.reinfer(seed=1)
def test_other(reinfer):
    assert reinfer.seed == 1
    assert len(reinfer.exported("acme/support")) == 20
"""
    )
    result = pytester.runpytest_inprocess("-s")
    result.assert_outcomes(passed=4)
    assert result.stdout.str().count("SETUP 0") == 1
    assert result.stdout.str().count("SETUP 1") == 1


def test_a_setup_in_a_folder_is_for_its_tests_only(pytester: pytest.Pytester) -> None:
    for name in ("one", "two"):
        folder = pytester.mkdir(name)
        folder.joinpath("conftest.py").write_text(f"def pytest_reinfer_setup(tenant): tenant.add_project('{name}')")
        test = f"def test_it(reinfer): assert [each.name for each in reinfer.projects] == ['{name}']"
        folder.joinpath(f"test_{name}.py").write_text(test)
    pytester.makepyfile(test_top="def test_it(reinfer): assert reinfer.projects == ()")
    pytester.runpytest_inprocess().assert_outcomes(passed=3)


def test_what_a_test_sets_by_monkeypatch_leaves_nothing_in_the_environment(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
def test_first(monkeypatch, reinfer):
    monkeypatch.setenv("REINFER_TOKEN", "other")

def test_second(reinfer, monkeypatch):
    monkeypatch.delenv("REINFER_TOKEN")

def test_third():
    assert "REINFER_TOKEN" not in os.environ
"""
    )
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=3)


@pytest.mark.parametrize("order", ["mock, reinfer", "reinfer, mock"])
@pytest.mark.parametrize(
    "kind", ["responses.RequestsMock(assert_all_requests_are_fired=False)", "requests_mock.Mocker()"]
)
def test_the_tenant_answers_in_every_test_whichever_fixture_mocks_other_hosts(
    pytester: pytest.Pytester, order: str, kind: str
) -> None:
    pytester.makepyfile(
        CALL
        + f"""
import responses, requests_mock

@pytest.fixture
def mock():
    with {kind} as mock:
        mock.get("https://elsewhere.example/")
        yield mock

def listed(tenant):
    return requests.get(tenant.url + "/api/v1/datasets", headers=tenant.headers).ok

@pytest.mark.parametrize("turn", range(2))
def test_first({order}, turn):
    assert requests.get("https://elsewhere.example/").ok
    assert listed(reinfer)
    mock.get(reinfer.url + "/api/v1/sources", status=503) if {kind!r}.startswith("responses") else mock.get(
        reinfer.url + "/api/v1/sources", status_code=503
    )
    if "{order}" == "reinfer, mock":
        assert requests.get(reinfer.url + "/api/v1/sources").status_code == 503

def test_second(reinfer):
    assert listed(reinfer)

@responses.activate
def test_third(reinfer):
    responses.get("https://elsewhere.example/")
    assert requests.get("https://elsewhere.example/").ok
    assert listed(reinfer)

def test_fourth(reinfer, mock):
    assert listed(reinfer)
"""
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=5)


def test_the_doors_are_closed_when_the_session_ends(pytester: pytest.Pytester) -> None:
    from requests.adapters import HTTPAdapter  # noqa: PLC0415

    before = HTTPAdapter.send
    pytester.makepyfile("def test_it(reinfer): pass")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    assert HTTPAdapter.send is before


# --------------------------------------------------------------------------------------------------------- guard


def test_the_guard_stops_whatever_no_tenant_serves_though_the_code_swallows_it(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import http.client, socket, threading, urllib.request
import pytest, requests, urllib3

CALLS = {
    "requests": lambda host: requests.get(f"https://{host}/api/v1/datasets"),
    "urllib3": lambda host: urllib3.request("GET", f"https://{host}/", retries=False),
    "urllib": lambda host: urllib.request.urlopen(f"https://{host}/"),
    "http.client": lambda host: http.client.HTTPSConnection(host).request("GET", "/"),
    "socket": lambda host: socket.create_connection((host, 443)),
    "bytes": lambda host: socket.getaddrinfo(host.encode(), 443),
}

@pytest.mark.parametrize("host", ["acme.reinfer.io", "ACME.Reinfer.IO.", "acme.reinfer.dev", "cloud.uipath.com"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_told(call, host):
    with pytest.raises(RuntimeError, match="where real tenants live"):
        call(host)

@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_swallowed(call):
    try:
        call("acme.reinfer.io")
    except Exception:
        pass

def test_other_hosts_are_not_touched():
    assert socket.getaddrinfo("localhost", 80)
    assert socket.getaddrinfo(None, 80)

def test_a_url_beside_the_tenants(reinfer):
    with pytest.raises(RuntimeError, match="the URL is not below `reinfer.url`"):
        requests.get("https://other.reinfer.io/api/v1/datasets")

@pytest.mark.reinfer(url="https://corp.example/x")
def test_own_host(reinfer):
    with pytest.raises(RuntimeError):
        socket.getaddrinfo("corp.example", 443)

def test_own_host_later():
    with pytest.raises(RuntimeError):
        socket.getaddrinfo("corp.example", 443)
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=24 + 6 + 3)
    result.stdout.fnmatch_lines(
        ["*The thread 'MainThread' was about to reach acme.reinfer.io, where real tenants live.*"]
    )


def test_a_thread_that_outlives_its_test_is_stopped_and_named(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import threading, requests

EVENT, DONE = threading.Event(), threading.Event()

def late(url):
    EVENT.wait()
    try:
        requests.get(url)
    except Exception:
        pass
    DONE.set()

def test_first(reinfer):
    threading.Thread(target=late, args=(reinfer.url,), name="late exporter", daemon=True).start()

def test_second():
    EVENT.set()
    DONE.wait()
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*The thread 'late exporter' was about to reach acme.reinfer.io*"])


def test_a_proxy_does_not_lead_around_the_guard(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "elsewhere.example")
    pytester.makepyfile(
        """
import os, urllib.request, pytest, requests

@pytest.mark.parametrize("call", [requests.get, urllib.request.urlopen])
@pytest.mark.parametrize("host", ["live.reinfer.io", "reinfer.dev", "cloud.uipath.com"])
def test_it(call, host):
    with pytest.raises(RuntimeError, match="where real tenants live"):
        call(f"https://{host}/api/v1/datasets")

def test_kept():
    assert "elsewhere.example" in os.environ["NO_PROXY"]
"""
    )
    result = pytester.runpytest_subprocess()
    result.assert_outcomes(passed=1, failed=6)
    assert "Proxy" not in result.stdout.str()


def test_a_mock_in_the_place_of_send_does_not_hang_the_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
from unittest import mock

@pytest.fixture
def down(monkeypatch):
    monkeypatch.setattr("requests.adapters.HTTPAdapter.send", mock.Mock(side_effect=requests.ConnectionError))

def test_first(reinfer): pass

def test_second(down, reinfer): pass

def test_third(reinfer, down):
    with pytest.raises(requests.ConnectionError):
        requests.get(reinfer.url)

def test_fourth(reinfer):
    assert requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers).ok
"""
    )
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=4)


def test_a_misspelt_route_is_told_though_its_token_is_wrong(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(CALL + "def test_it(reinfer): requests.get(reinfer.url + '/api/v1/nope')")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["GET /api/v1/nope"])


def test_a_host_may_be_allowed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import socket, pytest

def test_it():
    with pytest.raises(OSError):
        socket.getaddrinfo("acme.reinfer.io", -5)
"""
    )
    pytester.runpytest_subprocess("-o", "reinfer_allow_hosts=*.Reinfer.io").assert_outcomes(passed=1)


def test_the_guard_ends_with_the_session(pytester: pytest.Pytester) -> None:
    import socket  # noqa: PLC0415

    before = socket.getaddrinfo
    pytester.makepyfile("import socket\ndef test_it(): assert hasattr(socket.getaddrinfo, 'reinfer_link')")
    pytester.runpytest_inprocess().assert_outcomes(passed=1)
    assert socket.getaddrinfo is before


# ------------------------------------------------------------------------------------------------------- failures


def test_markers_let_requests_fail_in_the_order_they_stand_in(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
from pytest_reinfer.faults import fail

pytestmark = pytest.mark.reinfer_fail(500)

def statuses(reinfer, number):
    url = reinfer.url + "/api/v1/datasets"
    return [requests.get(url, headers=reinfer.headers).status_code for _ in range(number)]

@pytest.mark.reinfer_fail(503, times=2)
@pytest.mark.reinfer_fail(fail(409).then(429))
def test_it(reinfer):
    assert statuses(reinfer, 6) == [500, 503, 503, 409, 429, 200]

@pytest.mark.reinfer_fail(404, nth=3)
def test_nth(reinfer):
    assert statuses(reinfer, 4) == [500, 200, 404, 200]
"""
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=2)


def test_a_failure_that_no_request_meets_fails_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
@pytest.mark.reinfer_fail(503)
def test_it(reinfer): pass

@pytest.mark.reinfer_fail(503, optional=True)
def test_optional(reinfer): pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*fail(503)*"])


def test_a_test_that_fails_tells_how_often_each_failure_has_fired(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
def statuses(reinfer, times):
    return [requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers).status_code for _ in range(times)]

@pytest.mark.reinfer_fail(503, times=2)
def test_it(reinfer):
    reinfer.fail(500, nth=9, optional=True)
    assert statuses(reinfer, 2) == [200, 200]

def test_silent(reinfer):
    reinfer.fail(502, nth=8)
    assert statuses(reinfer, 1) == []
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(
        [
            "*- Captured reinfer faults call -*",
            "fail(503, times=2): fired 2 of 2 times, 2 requests matched",
            "fail(500, nth=9, optional=True): fired 0 of 1 times, 2 requests matched",
            "*- Captured reinfer call -*",
            "Never fired: fail(502, nth=8). All faults in force:",
        ]
    )


@pytest.mark.parametrize("arguments", ["", "'nope'", "503, rout='x'", "503, route='x'", "200"])
def test_a_failure_that_cannot_be_is_told_with_the_markers_help(pytester: pytest.Pytester, arguments: str) -> None:
    pytester.makepyfile(f"import pytest\n@pytest.mark.reinfer_fail({arguments})\ndef test_it(reinfer): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*The marker is @pytest.mark.reinfer_fail(what, ?, times=1, *"])
    assert not re.search(r"\.py:\d", result.stdout.str())


@pytest.mark.parametrize(("marker", "way"), [("reinfer_fail(503)", "fail"), ("reinfer_budget(1)", "budget")])
def test_a_tests_own_marker_about_a_tenant_that_it_does_not_have_fails_it(
    pytester: pytest.Pytester, marker: str, way: str
) -> None:
    pytester.makepyfile(
        CALL
        + f"""
import pytest_reinfer

@pytest.mark.{marker}
def test_its_own():
    with pytest_reinfer.FakeTenant(): pass

@pytest.mark.parametrize("turn", [pytest.param(1, marks=pytest.mark.{marker})])
def test_turn(turn): pass

@pytest.mark.{marker}
class TestClass:
    @pytest.mark.usefixtures("tmp_path")
    def test_of_its_class(self): pass

@pytest.mark.{marker}
def test_late(request):
    reinfer = request.getfixturevalue("reinfer")
    requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers)

@pytest.mark.{marker}
def test_skips(): pytest.skip("not now")

@pytest.mark.parametrize("turn", [1])
@pytest.mark.usefixtures("tmp_path")
def test_other_markers(turn): pass
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(failed=2, passed=3, skipped=1)
    told = f"reinfer_{way} is about the tenant of the fixture `reinfer`, * say tenant.{way}(...) in the test."
    result.stdout.fnmatch_lines([told, told])
    assert not re.search(r"\.py:\d", result.stdout.str())


def test_failures_in_the_setup_of_all_tests_are_refused(pytester: pytest.Pytester) -> None:
    pytester.makeconftest("def pytest_reinfer_setup(tenant): tenant.fail(503)")
    pytester.makepyfile("def test_first(reinfer): pass\ndef test_second(reinfer): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines(["*pytest_reinfer_setup put failures in force*fail(503)*reinfer_fail(503)*"])


SLEEPS = """
import time

def test_it(reinfer):
    time.sleep(3600)
    assert reinfer.clock.sleeps
"""


def test_sleeping_is_led_to_the_clock_by_the_ini_and_the_marker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_ini=SLEEPS,
        test_marker=SLEEPS.replace("\ndef", "\nimport pytest\n@pytest.mark.reinfer(sleep='clock')\ndef"),
    )
    pytester.runpytest_inprocess("-o", "reinfer_sleep=clock", "test_ini.py").assert_outcomes(passed=1)
    pytester.runpytest_inprocess("test_marker.py").assert_outcomes(passed=1)


def test_sleeping_is_real_unless_asked_and_again_behind_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import time
import pytest

REAL = time.sleep

@pytest.mark.reinfer(sleep="clock")
def test_led(reinfer): assert time.sleep is not REAL

def test_real(reinfer): assert time.sleep is REAL

def test_without(): assert time.sleep is REAL
"""
    )
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=3)


# -------------------------------------------------------------------------------------------------- cost, company

HEAVY = ("requests", "urllib3", "responses", "httpx", "jsonschema", "jsonschema_rs", "hypothesis", "faker")


def test_being_installed_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
import re
import sys

def test_it():
    assert not [name for name in {HEAVY} if name in sys.modules]
    assert len([name for name in sys.modules if name.startswith("pytest_reinfer")]) <= 6
"""
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_importing_the_package_loads_nothing_heavy(pytester: pytest.Pytester) -> None:
    script = f"import pytest_reinfer, sys; assert not [name for name in {(*HEAVY, 'pytest')} if name in sys.modules]"
    assert pytester.run(sys.executable, "-c", script).ret == 0


def test_the_plugin_works_under_xdist_with_the_same_tenant_in_every_worker(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
@pytest.mark.parametrize("turn", range(8))
def test_it(reinfer, turn, tmp_path_factory):
    reinfer.add_dataset("acme/support", comments=5)
    shared = tmp_path_factory.getbasetemp().parent / "seen.txt"
    with shared.open("a") as file:
        file.write(reinfer.token + reinfer.exported("acme/support")[0]["comment"]["uid"] + "\\n")
    assert len(set(shared.read_text().split())) == 1
"""
    )
    pytester.runpytest_subprocess("-p", "xdist", "-n2").assert_outcomes(passed=8)


def test_the_fixture_works_in_a_unittest_class(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        CALL
        + """
import unittest

class Test(unittest.TestCase):
    @pytest.fixture(autouse=True)
    def _tenant(self, reinfer):
        self.tenant = reinfer

    def test_it(self):
        assert requests.get(self.tenant.url + "/api/v1/datasets", headers=self.tenant.headers).ok

    def test_unknown(self):
        requests.get(self.tenant.url + "/api/v1/nowhere", headers=self.tenant.headers)
"""
    )
    pytester.runpytest_inprocess().assert_outcomes(passed=1, failed=1)


def test_a_wrong_seed_is_told_at_the_users_own_line(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(reinfer):\n    reinfer.add_dataset('acme/support', titel='x')  # the line")
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines(
        [">*reinfer.add_dataset('acme/support', titel='x')  # the line", "E*ValueError: add_dataset*"]
    )
    assert "fake.py" not in result.stdout.str()


def test_the_marker_of_the_tenant_wants_the_tenant(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest

pytestmark = pytest.mark.reinfer(seed=1)

@pytest.mark.reinfer(sleep="clock")
def test_it(): pass

def test_of_the_module(): pass
"""
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(failed=1, passed=1)
    result.stdout.fnmatch_lines(["*reinfer is about the tenant of the fixture `reinfer`*tenant.clock.lead()*"])
