"""`--reinfer-target`: a user's own tests on a real tenant, which is a second fake on a port here."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import loopback
import pytest
from test_onward import certified

from pytest_reinfer import FakeTenant
from pytest_reinfer.faults import fail
from pytest_reinfer.server import Server
from pytest_reinfer.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_reinfer.wire import Exchange, Request

GET = """
    import pytest, requests

    def get(tenant, path="/api/v1/datasets", **given):
        given.setdefault("headers", tenant.headers)
        return requests.get(tenant.url + path, timeout=5, **given)

    def put(tenant, path, body, **given):
        return requests.put(tenant.url + path, json=body, headers=tenant.headers, timeout=5, **given)

    def post(tenant, path, body, **given):
        return requests.post(tenant.url + path, json=body, headers=tenant.headers, timeout=5, **given)

    reads, writes = pytest.mark.reinfer(live="read"), pytest.mark.reinfer(live="write")
"""


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTenant]:
    """The real tenant of the tests: another fake one, on a port."""
    with Server() as server:
        tenant = FakeTenant(f"{server.url}/real", seed=7, unknown_routes="allow")
        server.plug(tenant)
        monkeypatch.setenv("REINFER_ENDPOINT", tenant.url)
        monkeypatch.setenv("REINFER_TOKEN", tenant.token)
        yield tenant


@pytest.fixture
def run(pytester: pytest.Pytester, real: FakeTenant) -> Callable[..., pytest.RunResult]:
    """Run tests on it."""

    def run(tests: str, *options: str, target: str = "live", **outcomes: int) -> pytest.RunResult:
        pytester.makeini("[pytest]\nfilterwarnings = error\n")
        pytester.makepyfile(GET + tests)
        result = pytester.runpytest_inprocess(
            "-p", "no:randomly", "-p", "no:cacheprovider", f"--reinfer-target={target}", *options
        )
        result.assert_outcomes(**outcomes)
        assert real.token not in result.stdout.str() + result.stderr.str()
        return result

    return run


def test_a_test_that_is_marked_reads_the_real_tenant_and_others_are_skipped(
    run: Callable[..., pytest.RunResult], real: FakeTenant
) -> None:
    real.add_dataset("acme/support", comments=3)
    result = run(
        """
    @reads
    def test_marked(reinfer):
        import os
        assert os.environ["REINFER_ENDPOINT"] == reinfer.url and reinfer.live
        assert reinfer.environment == {"REINFER_ENDPOINT": reinfer.url, "REINFER_TOKEN": reinfer.token}
        assert [each["name"] for each in get(reinfer).json()["datasets"]] == ["support"]
        reinfer.assert_requested("list_datasets", times=1, status=200, permission="View labels")
        reinfer.assert_not_requested("export_dataset")
        assert reinfer.permissions_used == ("View labels",) and len(reinfer.requests) == 1
        page = post(reinfer, "/api/v1/datasets/acme/support/export", {"limit": 2}).json()
        assert len(page["comments"]) == 2
        (dataset,) = reinfer.datasets
        assert dataset.full_name == "acme/support" and reinfer.dataset("acme/support") == dataset
        assert [each.full_name for each in reinfer.sources] == ["acme/support"]
        assert [each.name for each in reinfer.projects] == ["acme"] and reinfer.buckets == ()

    def test_unmarked(reinfer):
        raise AssertionError("it is not to run")

    def test_without():
        pass
    """,
        "-rs",
        passed=2,
        skipped=1,
    )
    result.stdout.fnmatch_lines(["*--reinfer-target=live: the test is not marked as safe for a real tenant*"])
    result.stdout.fnmatch_lines(["*::test_marked: on the real tenant: 2 exchanges"])
    assert [request.route for request in real.requests][:2] == ["list_datasets", "export_dataset"]


def test_a_write_never_reaches_the_real_tenant_from_a_test_that_reads(
    run: Callable[..., pytest.RunResult], real: FakeTenant
) -> None:
    real.add_dataset("acme/support", comments=1)
    result = run(
        """
    def swallow(call, *args, **given):
        try:
            return call(*args, **given)
        except Exception:
            return None

    @reads
    @pytest.mark.parametrize("method, path", [
        ("PUT", "/api/v1/datasets/acme/new"), ("POST", "/api/v1/datasets/acme/support"),
        ("DELETE", "/api/v1/datasets/acme/support"), ("POST", "/api/v1/sources/acme/support/sync"),
        ("POST", "/api/v1/datasets/acme/support%2F..%2Fsupport/export"), ("POST", "/api/v1/datasets/../support/export"),
        ("PATCH", "/api/v1/anything"), ("POST", "/api/v1/audit_events/query"), ("post", "/api/v1/nothing"),
        ("POST", "/api/v1/datasets/acme/export"),
    ])
    def test_writes(reinfer, method, path):
        url = reinfer.url + path
        prepared = requests.Request(method, url, json={}, headers=reinfer.headers).prepare()
        prepared.url, prepared.method = url, method
        swallow(requests.Session().send, prepared, timeout=5)

    @reads
    def test_writes_on_a_port(reinfer_server):
        assert put(reinfer_server, "/api/v1/datasets/acme/new", {"dataset": {}}).status_code == 500

    @reads
    def test_only_asks(reinfer):
        for path, body in {
            "/api/v1/datasets/acme/support/export": {},
            "/api/_private/datasets/acme/support/query": {"limit": 1, "filter": {}, "order": {"kind": "recent"}},
            "/api/v1/sources/acme/support/statistics": {},
        }.items():
            assert post(reinfer, path, body).status_code < 500, path
        assert requests.head(reinfer.url + "/api/v1/datasets", headers=reinfer.headers, timeout=5).status_code == 405

    @reads
    def test_tells_by_itself(reinfer):
        with pytest.raises(AssertionError, match="create_dataset, which may write.*nothing was sent"):
            put(reinfer, "/api/v1/datasets/acme/new", {"dataset": {}})
        assert reinfer.requests[-1].status is None
    """,
        passed=1,
        failed=12,
    )
    result.stdout.fnmatch_lines(
        ["*DELETE /api/v1/datasets/acme/support (delete_dataset, which may write) was kept from the real tenant*"]
    )
    assert {request.method for request in real.requests} <= {"GET", "HEAD", "POST"}
    assert {request.route for request in real.requests if request.method == "POST"} == {
        "export_dataset",
        "query_dataset",
        "source_statistics",
    }
    assert [dataset.full_name for dataset in real.datasets] == ["acme/support"]


WRITES = """
    @writes
    def test_writes(reinfer, reinfer_project):
        source = reinfer.add_source(f"{reinfer_project}/mail", title="Mail", comments=2)
        dataset = reinfer.add_dataset(f"{reinfer_project}/support", sources=[source], labels=["Claim"])
        assert dataset.source_ids == (source.id,) and "Claim" in dataset.labels
        uids = reinfer.add_comments(source, [
            {"id": "aa", "timestamp": "2024-01-01T00:00:00Z", "messages": [{"body": {"text": "Hello"}}]}
        ])
        assert uids == (f"{source.id}.aa",)
        page = post(reinfer, f"/api/v1/datasets/{dataset.full_name}/export", {}).json()
        assert len(page["comments"]) == 3
        assert put(reinfer, f"/api/v1/datasets/{reinfer_project}/mine", {"dataset": {"title": "Mine"}}).ok
        made = put(reinfer, f"/api/v1/sources/{reinfer_project}/theirs", {"source": {}}).json()["source"]
        by_id = f"{reinfer.url}/api/v1/sources/id:{made['id']}"
        assert requests.delete(by_id, headers=reinfer.headers, timeout=5).ok
        other = reinfer.add_dataset(f"{reinfer_project}-b/support", comments=[], labels=["New > Claim"])
        assert [each.full_name for each in reinfer.datasets][-1] == other.full_name
"""


def test_a_test_that_writes_has_a_project_of_its_own_which_is_removed(
    run: Callable[..., pytest.RunResult], real: FakeTenant
) -> None:
    real.add_dataset("acme/support", comments=1)
    run(
        WRITES
        + """
    @writes
    def test_fails(reinfer, reinfer_project):
        reinfer.add_dataset(f"{reinfer_project}/support", comments=5)
        assert len(post(reinfer, f"/api/v1/datasets/{reinfer_project}/support/export", {}).json()["comments"]) == 4

    @writes
    def test_is_interrupted_in_a_fixture(reinfer, reinfer_project, request):
        pytest.fail("over")
    """,
        passed=1,
        failed=2,
    )
    assert [project.name for project in real.projects] == ["acme"]
    assert [dataset.full_name for dataset in real.datasets] == ["acme/support"]
    made = [request.path for request in real.requests if request.route == "create_project"]
    assert len(set(made)) == 4
    assert all(path.rpartition("/")[2].startswith("pytest-reinfer-") for path in made)


def test_it_writes_in_its_own_project_alone(run: Callable[..., pytest.RunResult], real: FakeTenant) -> None:
    dataset = real.add_dataset("acme/support", comments=1)
    result = run(
        f"""
    @writes
    def test_elsewhere(reinfer, reinfer_project):
        with pytest.raises(AssertionError):
            put(reinfer, "/api/v1/datasets/acme/new", {{"dataset": {{}}}})

    @writes
    def test_by_id(reinfer, reinfer_project):
        get(reinfer)  # in which the id is shown
        with pytest.raises(AssertionError):
            requests.delete(f"{{reinfer.url}}/api/v1/datasets/id:{dataset.id}", headers=reinfer.headers, timeout=5)

    @writes
    def test_a_name_that_starts_alike(reinfer, reinfer_project):
        with pytest.raises(AssertionError):
            put(reinfer, f"/api/v1/datasets/{{reinfer_project}}x/new", {{"dataset": {{}}}})

    @writes
    def test_users(reinfer, reinfer_project):
        with pytest.raises(AssertionError):
            put(reinfer, "/api/_private/users", {{"user": {{"username": "eve", "email": "eve@example.com"}}}})

    @writes
    def test_without_a_project(reinfer):
        with pytest.raises(AssertionError, match="ask for the fixture `reinfer_project`"):
            put(reinfer, "/api/_private/projects/mine", {{"project": {{}}}})
    """,
        failed=5,
    )
    result.stdout.fnmatch_lines(["*it is not in the test's own project, pytest-reinfer-*: write there alone.*"])
    assert [each.full_name for each in real.datasets] == ["acme/support"]
    assert [user.username for user in real.users] == ["admin"]
    assert [project.name for project in real.projects] == ["acme"]
    own = {"create_project", "get_project", "list_private_projects", "delete_project"}
    assert {request.route for request in real.requests} == {*own, "list_datasets"}


def test_what_a_real_tenant_cannot_do_fails_at_the_line_that_asks(run: Callable[..., pytest.RunResult]) -> None:
    result = run(
        """
    @reads
    def test_clock(reinfer):
        reinfer.clock.advance(10)

    @reads
    def test_fail(reinfer):
        reinfer.fail(503)

    @reads
    def test_adds(reinfer):
        reinfer.add_dataset("acme/support", comments=3)

    @writes
    def test_adds_elsewhere(reinfer, reinfer_project):
        reinfer.add_source("acme/mail")

    @writes
    def test_stamps(reinfer, reinfer_project):
        comment = {"id": "aa", "timestamp": "2024-01-01T00:00:00Z", "messages": [{"body": {"text": "Hello"}}]}
        reinfer.add_source(f"{reinfer_project}/a", comments=[{**comment, "created_at": "2024-01-01T00:00:00Z"}])

    @writes
    def test_wrong_field(reinfer, reinfer_project):
        reinfer.add_source(f"{reinfer_project}/a", titel="Mail")

    @pytest.mark.reinfer(live="read", sleep="clock")
    def test_sleeps(reinfer):
        pass

    @reads
    @pytest.mark.reinfer_fail(503)
    def test_marked_to_fail(reinfer):
        pass

    @reads
    @pytest.mark.reinfer_sweep
    def test_swept(reinfer):
        pass

    @pytest.mark.reinfer(live="all")
    def test_all(reinfer):
        pass

    @reads
    def test_project(reinfer, reinfer_project):
        pass
    """,
        "--tb=short",
        failed=6,
        errors=5,
    )
    result.stdout.fnmatch_lines(
        [
            "*test_what_*: in test_clock",
            "*reinfer.clock.advance(10)",
            "*`reinfer.clock` is for a fake tenant, and this run of the test is on a real one.*",
        ]
    )
    result.stdout.fnmatch_lines_random(
        [
            "*add_dataset: the project 'acme' is not the test's own in the real tenant. Ask for*",
            "*a real tenant sets created_at of a comment by itself.*",
            "*'titel' was unexpected*",
            "*live and sleep='clock': a real tenant has no clock*",
            "*live and reinfer_fail: a real tenant does not fail on demand*",
            "*live and reinfer_sweep: *",
            "*live is 'read' or 'write', not 'all'*",
            "*live='read', and *`reinfer_project`, which is to write in*",
        ]
    )


def test_on_both_a_test_is_run_twice_reported_once_and_compared(
    run: Callable[..., pytest.RunResult], real: FakeTenant, pytester: pytest.Pytester
) -> None:
    real.add_dataset("acme/support", comments=3)
    result = run(
        WRITES
        + """
    @pytest.fixture
    def support(reinfer):
        if not reinfer.live:
            reinfer.add_dataset("acme/support", comments=5)

    @reads
    def test_reads(reinfer, support):
        assert len(get(reinfer).json()["datasets"]) == 1
        assert get(reinfer, "/api/v1/datasets/acme/nothing").status_code == 404

    def test_unmarked(reinfer):
        assert not reinfer.live and reinfer.datasets == ()

    @reads
    def test_fails_on_the_real_one(reinfer):
        assert get(reinfer).json()["datasets"] == []

    @reads
    def test_fails_on_the_fake(reinfer):
        assert get(reinfer).json()["datasets"] != []

    @reads
    def test_fails_on_both(reinfer):
        assert get(reinfer).json()["datasets"] is None

    @reads
    def test_asks_otherwise(reinfer):
        if reinfer.live:
            get(reinfer, "/api/v1/sources")
        get(reinfer)

    @reads
    def test_ends_itself(reinfer):
        if not reinfer.live:
            pytest.skip("the fake has nothing of the sort")
        assert get(reinfer).ok

    @reads
    def test_late(request):
        request.getfixturevalue("reinfer")
    """,
        "--junit-xml=junit.xml",
        target="both",
        passed=5,
        failed=4,
    )
    result.stdout.fnmatch_lines_random(
        [
            "*::test_writes: passed on the fake, passed on the real tenant: 4 exchanges; 0 differences",
            "*::test_reads: passed on the fake, passed on the real tenant: 2 exchanges; 0 differences",
            "*::test_fails_on_the_real_one: passed on the fake, failed on the real tenant: 1 exchange; 0 differences",
            "*::test_fails_on_the_fake: failed on the fake, passed on the real tenant: 1 exchange; 0 differences",
            "*::test_fails_on_both: failed on the fake, failed on the real tenant: 1 exchange; *",
            "*::test_asks_otherwise: passed on the fake, * 0 differences, *from request 1 on *",
            "*::test_ends_itself: skipped on the fake, passed on the real tenant: 1 exchange; 0 differences",
            "*has to ask for `reinfer` or `reinfer_server` by name*",
        ]
    )
    assert [project.name for project in real.projects] == ["acme"]
    junit = (pytester.path / "junit.xml").read_text()
    assert 'name="reinfer_target" value="passed on the fake, passed on the real tenant: 4 exchanges' in junit
    assert junit.count("<testcase") == 9


def test_drift_and_breaches_of_the_real_tenant_are_told_also_by_workers(
    run: Callable[..., pytest.RunResult], real: FakeTenant, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    unchanged = FakeTenant.exchanged

    def exchanged(tenant: FakeTenant, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        given = unchanged(tenant, request, exchange, fault)
        if tenant is not real or given.route != "get_dataset":
            return given
        dataset = json.loads(given.response.body)["dataset"]
        body = json.dumps({"dataset": {**dataset, "has_sentiment": "no", "colour": 3}, "status": "ok"})
        return given._replace(response=given.response._replace(body=body.encode()))

    monkeypatch.setattr(FakeTenant, "exchanged", exchanged)
    result = run(
        """
    @writes
    @pytest.mark.parametrize("number", range(3))
    def test_gets(reinfer, reinfer_project, number):
        reinfer.add_dataset(f"{reinfer_project}/support")
        assert get(reinfer, f"/api/v1/datasets/{reinfer_project}/support").json()["dataset"]["name"] == "support"
    """,
        "-n2",
        "--junit-xml=junit.xml",
        target="both",
        passed=3,
    )
    told = result.stdout.str()
    for number in range(3):
        total = "passed on the fake, passed on the real tenant: 1 exchange, 1 breach of the contract; 2 differences"
        assert f"::test_gets[{number}]: {total}" in told
    own = told[told.index("reinfer: the real tenant at") :].splitlines()[1:]
    assert ["::test_gets[" in line for line in own[:12]] == [True, False, False, False] * 3
    assert told.count("    get_dataset: response $.body.dataset.has_sentiment: type: ") == 3
    assert told.count("    get_dataset: retyped $.body.dataset.has_sentiment: ") == 3
    assert told.count("    get_dataset: added $.body.dataset.colour: ") == 3
    junit = (pytester.path / "junit.xml").read_text()
    assert junit.count('name="reinfer_drift" value="get_dataset: added') == 3
    assert junit.count('name="reinfer_breach"') == 3
    assert real.projects == ()
    result = run(
        """
    @writes
    def test_holds_it_against_the_contract(reinfer, reinfer_project, reinfer_contract):
        reinfer.add_dataset(f"{reinfer_project}/support")
        assert get(reinfer, f"/api/v1/datasets/{reinfer_project}/support").ok
    """,
        failed=1,
    )
    result.stdout.fnmatch_lines(["*response $.body.dataset.has_sentiment: type: expected *"])


CLIENTS = """
    import asyncio, http.client, json, os, subprocess, sys, urllib.request
    from concurrent.futures import ThreadPoolExecutor
    from urllib.parse import urlsplit
    import aiohttp, httpx, httpx2, urllib3

    def by_requests(url, headers, timeout):
        return requests.get(url, headers=headers, timeout=timeout).content

    def by_urllib3(url, headers, timeout):
        with urllib3.PoolManager(retries=False) as pool:
            return pool.request("GET", url, headers=headers, timeout=timeout).data

    def by_httpx(url, headers, timeout, client=httpx):
        with client.Client() as session:
            return session.get(url, headers=headers, timeout=timeout).content

    def by_httpx2(url, headers, timeout):
        return by_httpx(url, headers, timeout, httpx2)

    def by_async_httpx(url, headers, timeout, client=httpx):
        async def call():
            async with client.AsyncClient() as session:
                return (await session.get(url, headers=headers, timeout=timeout)).content
        return asyncio.run(call())

    def by_async_httpx2(url, headers, timeout):
        return by_async_httpx(url, headers, timeout, httpx2)

    def by_aiohttp(url, headers, timeout):
        async def call():
            waits = aiohttp.ClientTimeout(total=timeout)
            async with aiohttp.ClientSession(timeout=waits) as session, session.get(url, headers=headers) as response:
                return await response.read()
        return asyncio.run(call())

    def by_http_client(url, headers, timeout):
        parts = urlsplit(url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        conn = kind(parts.netloc, timeout=timeout)
        try:
            conn.request("GET", parts.path, headers=headers)
            return conn.getresponse().read()
        finally:
            conn.close()

    def by_urllib(url, headers, timeout):
        with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=timeout) as response:
            return response.read()

    each_client = pytest.mark.parametrize("client", [
        by_requests, by_urllib3, by_httpx, by_httpx2, by_async_httpx, by_async_httpx2, by_aiohttp, by_http_client,
        by_urllib,
    ])
"""


def test_every_client_reaches_the_real_tenant(run: Callable[..., pytest.RunResult], real: FakeTenant) -> None:
    real.add_dataset("acme/support")
    run(
        CLIENTS
        + """
    @reads
    @each_client
    def test_lists(reinfer, client):
        content = client(reinfer.url + "/api/v1/datasets", reinfer.headers, 5)
        assert [each["name"] for each in json.loads(content)["datasets"]] == ["support"]
        assert reinfer.requests[-1].status == 200

    @reads
    @each_client
    def test_lists_on_a_port(reinfer_server, client):
        assert reinfer_server.url == os.environ["REINFER_ENDPOINT"] and reinfer_server.url.endswith("/reinfer_")
        content = client(reinfer_server.url + "/api/v1/datasets", reinfer_server.headers, 5)
        assert [each["name"] for each in json.loads(content)["datasets"]] == ["support"]
        assert reinfer_server.requests[-1].status == 200

    @reads
    def test_lists_in_another_process(reinfer_server):
        code = "\\n".join([
            "import os, urllib.request",
            "headers = {'Authorization': 'Bearer ' + os.environ['REINFER_TOKEN']}",
            "url = os.environ['REINFER_ENDPOINT'] + '/api/v1/datasets'",
            "print(urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=5).read().decode())",
        ])
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        assert "support" in done.stdout, done.stderr
        assert len(reinfer_server.requests) == 1

    @reads
    def test_lists_in_threads(reinfer):
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: get(reinfer), range(16)))
        assert all(answer.ok for answer in answers)
        assert len(reinfer.requests) == len(reinfer.exchanges) == 16
    """,
        passed=20,
    )


def test_the_token_is_never_shown_even_by_those_who_know_it(
    run: Callable[..., pytest.RunResult], real: FakeTenant, pytester: pytest.Pytester
) -> None:
    pytester.makeconftest(
        """
    import os, pytest
    TOKEN = os.environ["REINFER_TOKEN"]  # as it is imported, where nothing stands in for it yet

    @pytest.fixture
    def known(reinfer):
        assert reinfer.token != TOKEN
        return TOKEN
    """
    )
    run(
        """
    import logging, os

    @reads
    def test_fails(reinfer, known):
        token, headers = known, {"Authorization": f"Bearer {known}"}
        print("the token is", token)
        logging.getLogger("mine").warning("by %s", headers)
        requests.get(reinfer.url + "/api/v1/datasets?token=" + token, headers=headers, timeout=5)
        post(reinfer, f"/api/v1/datasets/acme/{token}/export", {"continuation": token})
        raise ValueError("not by " + token)

    @reads
    def test_is_not_kept(reinfer, known):
        token, headers = known, {"Authorization": f"Bearer {known}"}
        requests.get(reinfer.url + "/api/v1/datasets?token=" + token, headers=headers, timeout=5)
        post(reinfer, f"/api/v1/datasets/acme/{token}/export", {"continuation": token})
        assert token not in repr(reinfer) + repr(reinfer.requests) + repr(reinfer.exchanges)
        assert reinfer.exchanges[0][0].headers["authorization"] == f"Bearer {os.environ['REINFER_TOKEN']}"

    @pytest.fixture
    def broken(known):
        raise ValueError(known)

    @reads
    def test_errs(broken):
        pass

    @reads
    def test_skips(known):
        pytest.skip("by " + known)

    @reads
    def test_tells(reinfer, known, request):
        request.node.user_properties.append(("token", known))
        with pytest.raises(AssertionError) as caught:
            put(reinfer, "/api/v1/datasets/acme/new?by=" + known, {"dataset": {"title": known}})
        raise caught.value
    """,
        "--showlocals",
        "--tb=long",
        "--override-ini=junit_logging=all",
        "-rA",
        "--junit-xml=junit.xml",
        passed=1,
        failed=2,
        errors=1,
        skipped=1,
    )
    junit = (pytester.path / "junit.xml").read_text()
    assert real.token not in junit
    assert "the token is " in junit
    assert 'name="token" value="' in junit


@pytest.mark.parametrize("workers", [[], ["-n1"]], ids=["alone", "workers"])
def test_tests_have_a_stand_in_for_the_token_whatever_they_do_with_it(
    run: Callable[..., pytest.RunResult],
    real: FakeTenant,
    pytester: pytest.Pytester,
    monkeypatch: pytest.MonkeyPatch,
    workers: list[str],
) -> None:
    unchanged = FakeTenant.exchanged

    def echoing(tenant: FakeTenant, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        given = unchanged(tenant, request, exchange, fault)
        body = json.dumps({"by": request.headers["authorization"]}).encode()
        headers = {**given.response.headers, "X-By": real.token, "Content-Length": str(len(body))}
        return given._replace(response=Response(200, headers, body)) if tenant is real else given

    monkeypatch.setattr(FakeTenant, "exchanged", echoing)
    run(
        """
    import json, logging, os, threading, warnings

    own = os.environ["REINFER_TOKEN"]

    @reads
    def test_it(reinfer, record_testsuite_property):
        assert {own, os.environ["REINFER_TOKEN"], reinfer.environment["REINFER_TOKEN"]} == {reinfer.token}
        echoed = get(reinfer)
        assert echoed.json() == {"by": f"Bearer {own}"} and echoed.headers["X-By"] == own
        with open("seen.txt", "w") as file:
            file.write(json.dumps([*reinfer.requests, *reinfer.exchanges], default=repr))
        record_testsuite_property("token", reinfer.token)
        logging.getLogger("mine").error("by %s", reinfer.headers)
        warnings.warn("by " + reinfer.token)

    def test_without(reinfer_contract):
        assert os.environ["REINFER_TOKEN"] == own
    """,
        "--log-file=run.log",
        "--junit-xml=junit.xml",
        "-Wdefault",
        *workers,
        passed=2,
        warnings=1,
    )
    for name in ("seen.txt", "junit.xml", "run.log"):
        path = pytester.path / name
        if path.exists() or not workers:  # a worker writes no log of its own
            assert real.token not in path.read_text(), name
    assert os.environ["REINFER_TOKEN"] == real.token


def test_the_token_of_others_and_none_at_all_is_passed_on_as_it_is(
    run: Callable[..., pytest.RunResult], real: FakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    came: list[str] = []
    unchanged = FakeTenant.answer

    def answer(tenant: FakeTenant, request: Request) -> Response:
        came.append(str(request))
        return unchanged(tenant, request)

    monkeypatch.setattr(FakeTenant, "answer", answer)
    real.add_project("acme")
    reader = real.add_user("reader", permissions={"acme": ["View sources"]})
    run(
        f"""
    @reads
    def test_it(reinfer):
        for token, status in {{"{reader.token}": 200, "nobody-has-it": 401, reinfer.token[:-1]: 401}}.items():
            headers = {{"Authorization": f"Bearer {{token}}"}}
            assert get(reinfer, "/api/v1/datasets", headers=headers).status_code == status
        assert get(reinfer, headers={{}}).status_code == 401
        assert get(reinfer, headers={{"X-Token": reinfer.token}}).status_code == 401
    """,
        passed=1,
    )
    assert len(came) == 5
    assert real.token not in "".join(came)


def test_what_goes_round_the_doors_has_no_token_that_is_worth_anything(
    run: Callable[..., pytest.RunResult], real: FakeTenant
) -> None:
    real.add_source("acme/mail")
    run(
        """
    import os, socket, subprocess, sys
    from urllib.parse import urlsplit

    CODE = "\\n".join([
        "import os, urllib.request, urllib.error",
        "headers = {'Authorization': 'Bearer ' + os.environ['REINFER_TOKEN'], 'Content-Type': 'application/json'}",
        "url = os.environ['REINFER_ENDPOINT'] + '/api/v1/sources/acme/mail/sync'",
        "try:",
        "    urllib.request.urlopen(urllib.request.Request(url, b'{}', headers), timeout=5)",
        "except urllib.error.HTTPError as error:",
        "    print(error.code)",
    ])

    def child():
        return subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True).stdout.strip()

    @reads
    def test_child(reinfer):
        assert child() == "401" and len(reinfer.requests) == 0

    def test_child_of_a_test_without_a_tenant():
        assert child() == "401"

    @reads
    def test_child_of_the_server(reinfer_server):
        try:
            assert child() == "500"
        finally:
            assert reinfer_server.requests[0].status is None

    @reads
    def test_socket(reinfer):
        parts = urlsplit(reinfer.url)
        with socket.create_connection((parts.hostname, parts.port), 5) as sock:
            head = f"POST {parts.path}/api/v1/sources/acme/mail/sync HTTP/1.1\\r\\nHost: x\\r\\n"
            head += f"Authorization: Bearer {reinfer.token}\\r\\nContent-Type: application/json\\r\\n"
            sock.sendall((head + 'Content-Length: 16\\r\\n\\r\\n{"comments": []}').encode())
            assert b" 401 " in sock.recv(100)
    """,
        passed=3,
        failed=1,
    )
    assert {request.status for request in real.requests} == {401}


@pytest.mark.parametrize("moment", ["made", "used", "removed"])
def test_a_session_that_is_terminated_removes_the_project_first(
    moment: str, real: FakeTenant, pytester: pytest.Pytester
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    routes = {"made": "create_project", "used": "list_datasets", "removed": "delete_project"}
    real.fail(429, retry_after=0, route="delete_project")  # so that it takes another try
    real.before(lambda: os.kill(running.pid, signal.SIGTERM), route=routes[moment])
    pytester.makepyfile(
        GET
        + """
    @writes
    def test_is_terminated(reinfer, reinfer_project):
        try:
            get(reinfer)
        except Exception:
            pass

    @writes
    def test_does_not_begin(reinfer, reinfer_project):
        get(reinfer, "/api/v1/sources")
    """
    )
    arguments = [sys.executable, "-m", "pytest", "-p", "no:randomly", "-p", "no:cacheprovider"]
    running = subprocess.Popen(  # noqa: S603 -- pytest itself
        [*arguments, "--reinfer-target=live"], cwd=pytester.path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    told = running.communicate(timeout=60)[0].decode()
    assert running.returncode == pytest.ExitCode.INTERRUPTED, told
    assert "SIGTERM" in told
    own = [*("create_project", "get_project", "list_private_projects"), *["delete_project"] * 2]
    assert [request.route for request in real.requests if request.route != "list_datasets"] == own
    assert real.projects == ()
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_handler_of_sigterm_that_is_not_pythons_own_stays(run: Callable[..., pytest.RunResult]) -> None:
    run(
        """
    import signal

    before = []

    @pytest.fixture
    def mine(request):
        before.append(signal.signal(signal.SIGTERM, request.param))
        yield request.param
        signal.signal(signal.SIGTERM, before[0])

    @writes
    @pytest.mark.parametrize("mine", [signal.SIG_IGN, signal.SIG_DFL], indirect=True)
    def test_handlers(mine, reinfer_project):
        assert (signal.getsignal(signal.SIGTERM) is mine) == (mine is signal.SIG_IGN)

    @writes
    def test_alone(reinfer_project):
        assert signal.getsignal(signal.SIGTERM) is not before[0]

    @reads
    def test_put_back(reinfer):
        assert signal.getsignal(signal.SIGTERM) is before[0]
    """,
        passed=4,
    )


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"REINFER_ENDPOINT": ""}, "the environment has no REINFER_ENDPOINT."),
        ({"REINFER_ENDPOINT": "", "REINFER_TOKEN": ""}, "the environment has no REINFER_ENDPOINT and REINFER_TOKEN."),
        ({"REINFER_ENDPOINT": "http://acme.example"}, "REINFER_ENDPOINT is http://acme.example, and a token travels"),
        ({"REINFER_ENDPOINT": "acme.example"}, "REINFER_ENDPOINT: A tenant's URL"),
        ({"REINFER_TOKEN": "short"}, "REINFER_TOKEN: a token is at least 8 printable"),
        ({"HTTPS_PROXY": "socks5://proxy.example"}, "the proxy of the environment speaks socks5, not http."),
    ],
    ids=["no_endpoint", "nothing", "http", "no_url", "short_token", "socks"],
)
@pytest.mark.usefixtures("real")
def test_an_environment_that_tells_of_no_real_tenant_ends_the_session_at_once(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], told: str
) -> None:
    for name, value in {"REINFER_ENDPOINT": "https://acme.example", **environment}.items():
        monkeypatch.setenv(name, value)
    pytester.makepyfile("def test_it(reinfer): raise AssertionError")
    result = pytester.runpytest_inprocess("-p", "no:randomly", "--reinfer-target=live")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert f"--reinfer-target: {told}" in result.stderr.str()
    assert "short" not in result.stderr.str()


def test_what_is_left_of_a_project_is_told_and_later_tries_are_made_where_they_may_help(
    run: Callable[..., pytest.RunResult], real: FakeTenant
) -> None:
    plan = fail(429, retry_after=0, route="create_project").then(429, retry_after=0, times=2, route="delete_project")
    real.fail(plan)
    tests = """
    @writes
    def test_it(reinfer, reinfer_project):
        assert get(reinfer, "/api/v1/datasets").ok
    """
    run(tests, passed=1)
    assert not real.projects
    real.fail(403, times=None, route="delete_project", optional=True)
    result = run(tests, passed=1, errors=1)
    (left,) = real.projects
    result.stdout.fnmatch_lines(
        [
            f"*RealTenantFailed: Left in the real tenant: {left.name}, as it could not be removed. Remove it by:",
            f"*DELETE {real.url}/api/_private/projects/{left.name}[?]force=true",
            "*403*",
        ]
    )
    real.fail(403, times=None, route="create_project", optional=True)
    result = run(tests, errors=1)
    result.stdout.fnmatch_lines(
        ["*RealTenantFailed: PUT /api/_private/projects/* of the real tenant, for what * 403 *"]
    )


def test_the_host_of_the_real_tenant_stays_guarded_but_for_what_comes_through_the_fixture(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resolve = socket.getaddrinfo
    asked: list[Any] = []

    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        return resolve("127.0.0.1" if str(host).endswith(".example") else host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    with certified(monkeypatch, tmp_path, "tenant.example") as tenant:
        url = tenant.url.replace("127.0.0.1", "tenant.example")
        monkeypatch.setenv("REINFER_ENDPOINT", url)
        monkeypatch.setenv("REINFER_TOKEN", tenant.token)
        result = run(
            """
    import socket

    @reads
    def test_reaches_it(reinfer):
        assert reinfer.url.startswith("https://tenant.example:")
        assert get(reinfer).ok

    @reads
    def test_without_a_door(reinfer):
        try:
            socket.create_connection(("tenant.example", 443))
        except Exception:
            pass

    def test_unmarked():
        socket.create_connection(("tenant.example", 443))
    """,
            passed=1,
            failed=2,
        )
    assert asked.count("tenant.example") == 1
    result.stdout.fnmatch_lines(["*was about to reach tenant.example, where real tenants live.*"])
    assert [request.route for request in tenant.requests] == ["list_datasets"]


def test_what_keeps_an_answer_from_coming_is_the_clients_own_error_and_told_in_the_log(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", "a-token-of-eight")
    with loopback.unreached("connection_refused") as url:
        monkeypatch.setenv("REINFER_ENDPOINT", url)
        pytester.makepyfile(
            GET
            + """
    @reads
    def test_requests(reinfer):
        with pytest.raises(requests.ConnectionError, match="Connection refused"):
            get(reinfer)
        assert "no answer  by connection_refused: " in repr(reinfer.requests)

    @reads
    def test_on_a_port(reinfer_server):
        assert get(reinfer_server).status_code == 500

    @writes
    def test_arranging(reinfer, reinfer_project):
        pass
    """
        )
        result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", "--reinfer-target=live")
    result.assert_outcomes(passed=1, failed=1, errors=1)
    result.stdout.fnmatch_lines_random(
        [
            "*A client that has connected cannot meet a connection_refused*Connection refused*",
            "*RealTenantFailed: * for what the test needs there: no answer, connection_refused: *",
        ]
    )


def test_on_the_fake_a_marked_test_is_as_any_other(run: Callable[..., pytest.RunResult]) -> None:
    run(
        WRITES
        + """
    names = []

    @writes
    @pytest.mark.parametrize("number", range(2))
    def test_projects(reinfer, reinfer_project, number):
        assert [project.name for project in reinfer.projects] == [reinfer_project]
        assert reinfer.url == "https://acme.reinfer.io"
        names.append(reinfer_project)

    def test_names():
        assert len(set(names)) == 2 and all(name.startswith("pytest-reinfer-") for name in names)

    def test_of_a_test_that_is_not_marked(reinfer_project, reinfer):
        assert reinfer.project(reinfer_project)
    """,
        target="fake",
        passed=5,
    )
