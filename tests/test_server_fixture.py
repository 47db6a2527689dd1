"""The fixture `reinfer_server`: all that `reinfer` is, on a port, for a test of a user's."""

from __future__ import annotations

import json
import os
import sys

import pytest

GET = """
    import json, os, subprocess, sys, threading, urllib.error, urllib.request
    import pytest, requests

    def get(tenant, path="/api/v1/datasets", **given):
        given.setdefault("headers", tenant.headers)
        return requests.get(tenant.url + path, timeout=5, **given)
"""


def run(pytester: pytest.Pytester, tests: str, *options: str, **outcomes: int) -> pytest.RunResult:
    pytester.makeini("[pytest]\nfilterwarnings = error\n")
    pytester.makepyfile(GET + tests)
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", *options)
    result.assert_outcomes(**outcomes)
    return result


def test_it_is_the_fixture_reinfer_on_a_port(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        """
    @pytest.fixture
    def seeded(reinfer):
        reinfer.add_dataset("acme/support")

    def test_first(seeded, reinfer, reinfer_server):
        assert reinfer is reinfer_server
        assert reinfer.url.startswith("http://127.0.0.1:")
        assert [each["name"] for each in get(reinfer).json()["datasets"]] == ["support"]
        assert reinfer.requests[-1].route == "list_datasets"

    def test_last(reinfer_server, reinfer):
        assert reinfer is reinfer_server
        assert get(reinfer).json()["datasets"] == []

    def test_alone(reinfer_server):
        assert get(reinfer_server).ok

    def test_without(reinfer):
        assert reinfer.url == "https://acme.reinfer.io"
        assert get(reinfer).ok
    """,
        passed=4,
    )


def test_every_test_has_a_url_of_its_own_on_one_server(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        """
    seen = []

    @pytest.mark.parametrize("number", range(3))
    def test_it(reinfer_server, number):
        seen.append(reinfer_server.url)
        assert seen.count(reinfer_server.url) == 1
        assert len({url.split("/")[2] for url in seen}) == 1
        assert reinfer_server.url.endswith("/reinfer_")
        for url in seen[:-1]:
            answer = requests.get(url + "/api/v1/datasets", headers=reinfer_server.headers, timeout=5)
            assert answer.status_code == 404
        assert len(reinfer_server.requests) == 0
    """,
        passed=3,
    )


def test_a_thread_that_outlives_its_test_meets_404_and_fails_nobody(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        """
    go, statuses = threading.Event(), []

    def test_starts_a_thread(reinfer_server):
        url, headers = reinfer_server.url + "/api/v1/datasets", reinfer_server.headers

        def work():
            go.wait()
            statuses.append(requests.get(url, headers=headers, timeout=5).status_code)

        pytest.late = threading.Thread(target=work)
        pytest.late.start()

    def test_runs_meanwhile(reinfer_server):
        go.set()
        pytest.late.join()
        assert statuses == [404]
        assert len(reinfer_server.requests) == 0
    """,
        passed=2,
    )


def test_child_processes_inherit_the_environment_which_is_put_back(pytester: pytest.Pytester) -> None:
    run(
        pytester,
        """
    CHILD = '''
    import json, os, urllib.request
    request = urllib.request.Request(os.environ["REINFER_ENDPOINT"] + "/api/v1/datasets")
    request.add_header("Authorization", "Bearer " + os.environ["REINFER_TOKEN"])
    print(json.load(urllib.request.urlopen(request))["status"])
    '''

    def child():
        program = "\\n".join(line.strip() for line in CHILD.splitlines())
        return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    def test_http(reinfer_server):
        assert os.environ["REINFER_ENDPOINT"] == reinfer_server.url
        assert child() == "ok\\n"

    @pytest.mark.reinfer(tls=True)
    def test_https(reinfer_server):
        assert reinfer_server.url.startswith("https://127.0.0.1:")
        assert child() == "ok\\n"
        assert get(reinfer_server).ok
        assert os.environ["SSL_CERT_FILE"] == reinfer_server.environment["NODE_EXTRA_CA_CERTS"]

    def test_over():
        assert "REINFER_ENDPOINT" not in os.environ
        assert "pytest-reinfer" not in os.environ.get("SSL_CERT_FILE", "")
    """,
        passed=3,
    )


def test_markers_options_and_hooks_are_obeyed(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        def pytest_reinfer_setup(tenant):
            tenant.add_dataset("acme/support", comments=3)
    """
    )
    result = run(
        pytester,
        """
    @pytest.mark.reinfer_fail(503)
    @pytest.mark.reinfer(seed=7, unknown_routes="allow")
    @pytest.mark.parametrize("turn", [1, 2])
    def test_fails(reinfer_server, turn):
        assert get(reinfer_server).status_code == 503
        assert get(reinfer_server).json()["datasets"][0]["name"] == "support"
        assert get(reinfer_server, "/nowhere").status_code == 404
        assert reinfer_server.seed == 7
        reinfer_server.fail("login_redirect")
        answer = get(reinfer_server, allow_redirects=False)
        assert answer.headers["Location"].startswith(reinfer_server.url + "/")

    @pytest.mark.reinfer_budget(1)
    def test_spends(reinfer_server):
        get(reinfer_server)
        get(reinfer_server)

    @pytest.mark.reinfer_fail(503, route="export_dataset")
    def test_never_fires(reinfer_server):
        get(reinfer_server)

    @pytest.mark.reinfer_sweep(503, "connection_reset")
    def test_swept(reinfer_server):
        for _ in range(3):
            try:
                if get(reinfer_server).ok:
                    return
            except requests.ConnectionError:
                pass
        raise AssertionError

    @pytest.mark.reinfer_sweep(503)
    def test_swept_and_broken(reinfer_server):
        assert get(reinfer_server).ok

    @pytest.mark.reinfer(sleep="clock")
    def test_sleeps(reinfer_server):
        import time
        reinfer_server.rate_limit(1, seconds=3600)
        assert get(reinfer_server).ok
        time.sleep(int(get(reinfer_server).headers["Retry-After"]))
        assert get(reinfer_server).ok
    """,
        passed=4,
        failed=3,
    )
    result.stdout.fnmatch_lines(["*Requests made: 2, allowed: 1*", "*Never fired: fail(503, route='export_dataset')*"])


def test_what_a_handler_raises_fails_the_test_that_caused_it(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    def boom():
        raise LookupError("boom")

    def test_swallows(reinfer_server):
        reinfer_server.before(boom)
        assert get(reinfer_server).status_code == 500

    def test_fails_over_there(reinfer_server):
        reinfer_server.before(lambda: pytest.fail("not at all"))
        assert get(reinfer_server).status_code == 500

    def test_is_not_concerned(reinfer_server):
        assert get(reinfer_server).ok

    @pytest.fixture
    def late(reinfer_server):
        yield
        reinfer_server.before(boom)
        get(reinfer_server)

    def test_has_passed_by_then(late):
        pass

    def test_asks_for_a_route_that_is_not_built(reinfer_server):
        get(reinfer_server, "/api/_private/quotas")

    def test_asks_for_a_route_that_does_not_exist(reinfer_server):
        get(reinfer_server, "/api/v1/dataset")
    """,
        passed=2,
        failed=4,
        errors=1,
    )
    result.stdout.fnmatch_lines(["*ERROR at teardown of test_has_passed_by_then*"])
    assert result.stdout.str().count("LookupError: boom") == 2


def test_a_url_that_has_lost_the_path_of_the_tenant_fails_the_test(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    from urllib.parse import urljoin

    def test_joins(reinfer_server):
        requests.get(urljoin(reinfer_server.url, "/api/v1/datasets"), headers=reinfer_server.headers, timeout=5)

    @pytest.mark.reinfer(unknown_routes="allow")
    def test_means_it(reinfer_server):
        url = urljoin(reinfer_server.url, "/api/v1/datasets")
        assert requests.get(url, headers=reinfer_server.headers, timeout=5).status_code == 404
    """,
        passed=1,
        failed=1,
    )
    result.stdout.fnmatch_lines(["*GET /api/v1/datasets: no tenant is at this path*", "*urljoin*"])


def test_what_makes_no_sense_is_refused_in_words(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
    @pytest.mark.reinfer(url="https://acme.reinfer.io")
    def test_url(reinfer_server):
        pass

    @pytest.mark.reinfer(tls=True)
    def test_tls(reinfer):
        pass

    def test_too_late(reinfer, request):
        request.getfixturevalue("reinfer_server")

    @pytest.mark.reinfer_fail("dns_failure")
    def test_too_early(reinfer_server):
        pass

    def test_in_time(request):
        server = request.getfixturevalue("reinfer_server")
        assert request.getfixturevalue("reinfer") is server
        assert get(server).ok
    """,
        passed=1,
        failed=1,
        errors=3,
    )
    result.stdout.fnmatch_lines(
        [
            "*url='https://acme.reinfer.io': a tenant of the fixture `reinfer_server` answers on a port*",
            "*tls is True or False, and for the fixture `reinfer_server` alone, not True here*",
            "*dns_failure cannot be done to a client that has connected*",
            "*The test has its tenant already, without a server. Ask for `reinfer_server` by name*",
        ]
    )


def test_a_url_of_the_ini_file_is_for_tests_without_a_server(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        GET
        + """
    def test_it(reinfer_server):
        assert get(reinfer_server).ok
    """
    )
    pytester.makeini("[pytest]\nreinfer_url = https://acme.example/t\n")
    pytester.runpytest_inprocess("-p", "no:randomly").assert_outcomes(passed=1)


def test_each_worker_of_xdist_has_a_server_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        GET
        + """
    @pytest.mark.parametrize("number", range(4))
    def test_it(reinfer_server, number):
        reinfer_server.add_dataset(f"acme/number-{number}")
        assert [each["name"] for each in get(reinfer_server).json()["datasets"]] == [f"number-{number}"]
        assert len(reinfer_server.requests) == 1
    """
    )
    pytester.runpytest_subprocess("-n", "2", "-p", "no:randomly").assert_outcomes(passed=4)


def test_nothing_of_it_is_loaded_or_left_where_no_test_asks_for_it(pytester: pytest.Pytester) -> None:
    pytester.makeconftest(
        """
        import atexit, json, sys, threading

        def tell():
            print(json.dumps([sorted({"uvicorn"} & set(sys.modules)), [each.name for each in threading.enumerate()]]))

        atexit.register(tell)
    """
    )
    pytester.makepyfile(
        test_one="def test_one(): pass",
        test_two="def test_two(reinfer_server): assert reinfer_server.url",
    )
    for file, loaded in (("test_one.py", False), ("test_two.py", True)):
        result = pytester.run(sys.executable, "-m", "pytest", "-q", "-p", "no:randomly", file)
        found, threads = json.loads(next(line for line in result.outlines if line.startswith("[[")))
        assert ("uvicorn" in found) == loaded
        assert "reinfer-server" not in threads


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_process_does_not_disturb_the_session(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        GET
        + """
    @pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
    @pytest.mark.parametrize("turn", [1, 2])
    def test_forks(reinfer_server, turn):
        import multiprocessing
        work = multiprocessing.get_context("fork").Process(target=get, args=(reinfer_server,))
        work.start()
        work.join()
        assert work.exitcode == 0
        assert len(reinfer_server.requests) == 1
        assert get(reinfer_server).ok
    """
    )
    pytester.runpytest_subprocess("-p", "no:randomly").assert_outcomes(passed=2)
