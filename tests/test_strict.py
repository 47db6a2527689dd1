"""What a test sends and gets, held against the contract: by the fixture `reinfer_contract` and --reinfer-strict."""

from __future__ import annotations

import pytest
from asking import arrange, asked
from conftest import ask

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.options.exchanges import BrokenContract, Exchanges

CLIENT = """
import pytest, requests
from pytest_reinfer import FakeTenant

def ask(tenant, method, path, json=None):
    return requests.request(method, tenant.url + path, headers=tenant.headers, json=json)

def export(tenant, **body):
    return ask(tenant, "POST", "/api/v1/datasets/acme/support/export", body)
"""
KEEPS = """
def test_keeps(reinfer):
    reinfer.add_dataset("acme/support", comments=2)
    assert len(export(reinfer, limit=2).json()["comments"]) == 2
"""


@pytest.fixture(autouse=True)
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"
    )


def run(pytester: pytest.Pytester, tests: str, *arguments: str) -> pytest.RunResult:
    pytester.makepyfile(CLIENT + tests)
    return pytester.runpytest_inprocess(*arguments)


# ------------------------------------------------------------------------------------------------------- the fixture


BREAKS = """
def test_breaks(reinfer, reinfer_contract):
    reinfer.add_dataset("acme/support", comments=2)
    export(reinfer, limit=2)
    assert reinfer_contract.breaches == ()
    export(reinfer, limit=300)
    (breach,) = reinfer_contract.breaches
    assert (breach.part, breach.path, breach.rule) == ("request", "$.body.limit", "maximum")
"""


def test_the_fixture_fails_a_test_that_breaks_the_contract(pytester: pytest.Pytester) -> None:
    result = run(pytester, BREAKS)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "What was sent or answered breaks the contract of the API:",
            "  POST /api/v1/datasets/acme/support/export -> 400",
            "    request $.body.limit: maximum: expected 256, got 300  [[]documented: *]",
            "Breaches that a test means: `reinfer_contract.clear()` forgets those so far.",
        ]
    )
    result.stdout.no_fnmatch_line("*strict=False*")


def test_breaches_that_a_test_means_are_forgotten(pytester: pytest.Pytester) -> None:
    run(pytester, BREAKS + "    reinfer_contract.clear()\n" + KEEPS).assert_outcomes(passed=2)


def test_the_fixture_sees_every_tenant_of_the_test_and_none_of_another(pytester: pytest.Pytester) -> None:
    tests = """
def test_two(reinfer_contract):
    with FakeTenant() as one, FakeTenant("https://two.example") as two:
        for tenant in (one, two):
            ask(tenant, "PUT", "/api/v1/datasets/acme/support", {"dataset": {"titel": "x"}})
    assert len(reinfer_contract.breaches) == 1  # the same of both
    reinfer_contract.clear()

def test_without(reinfer):
    ask(reinfer, "PUT", "/api/v1/datasets/acme/support", {"dataset": {"titel": "x"}})

def test_after(reinfer_contract):
    assert reinfer_contract.breaches == ()
"""
    run(pytester, tests).assert_outcomes(passed=3)


def test_a_breach_at_the_end_of_a_fixture_is_told_there(pytester: pytest.Pytester) -> None:
    tests = """
@pytest.fixture
def leaving(reinfer):
    yield
    export(reinfer, limit=0)

def test_leaves(leaving, reinfer_contract):
    pass
"""
    run(pytester, tests).assert_outcomes(passed=1, errors=1)


def test_a_failed_test_tells_its_breaches_beside_its_failure(pytester: pytest.Pytester) -> None:
    result = run(pytester, BREAKS + "    assert 1 == 2\n")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E       assert 1 == 2", "* reinfer *", "*maximum: expected 256, got 300*"])


def test_what_a_fault_answers_is_what_the_test_means(pytester: pytest.Pytester) -> None:
    tests = """
def test_teapot(reinfer, reinfer_contract):
    reinfer.add_dataset("acme/support", comments=2)
    reinfer.fail(418, message="short and stout")
    assert export(reinfer).status_code == 418
"""
    run(pytester, tests).assert_outcomes(passed=1)


# ---------------------------------------------------------------------------------------------------- --reinfer-strict


STRICT = """
def test_parameter(reinfer):
    ask(reinfer, "GET", "/api/v1/datasets?page=2")

def test_own_tenant():
    with FakeTenant() as tenant:
        ask(tenant, "GET", "/api/v1/datasets?page=2")

@pytest.mark.reinfer(strict=False)
def test_meant(reinfer):
    ask(reinfer, "GET", "/api/v1/datasets?page=2")

@pytest.mark.reinfer(strict=True)
def test_marked(reinfer):
    ask(reinfer, "GET", "/api/v1/datasets?page=2")
"""


def test_strictly_what_no_schema_speaks_of_fails_a_test(pytester: pytest.Pytester) -> None:
    result = run(pytester, STRICT + KEEPS, "--reinfer-strict", "-p", "no:randomly")
    result.assert_outcomes(failed=3, passed=2)
    result.stdout.fnmatch_lines(
        [
            "    request $.query.page: undocumented: *",
            "A test that is not to be read strictly: mark it @pytest.mark.reinfer(strict=False).",
        ]
    )


def test_without_the_option_only_marked_tests_are_read_strictly(pytester: pytest.Pytester) -> None:
    run(pytester, STRICT + KEEPS).assert_outcomes(failed=1, passed=4)


def test_a_client_that_needs_a_key_that_nobody_published_fails_strictly(pytester: pytest.Pytester) -> None:
    tests = """
def test_needs(reinfer):
    reinfer.add_dataset("acme/support")
    (dataset,) = ask(reinfer, "GET", "/api/v1/datasets").json()["datasets"]
    assert dataset["title"] == ""  # which is documented
    assert dataset["label_groups"]
"""
    run(pytester, tests).assert_outcomes(passed=1)
    result = run(pytester, tests, "--reinfer-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *KeyError: 'label_groups'", "*left out of answers*", "*label_groups*client*"])


def test_a_deprecated_shape_fails_strictly(pytester: pytest.Pytester) -> None:
    path = contract.routes()["update_labelling"].path.format(
        project="acme", dataset_name="support", comment_uid="{uid}"
    )
    tests = f"""
def test_span(reinfer):
    dataset = reinfer.add_dataset("acme/support", comments=1)
    uid = reinfer.comments("acme/support")[0]["uid"]
    entity = {{"name": "policy", "formatted_value": "P-17", "spans": [], "span": {{}}}}
    ask(reinfer, "POST", f"{path}", {{"entities": {{"assigned": [entity], "dismissed": []}}}})
"""
    run(pytester, tests).assert_outcomes(passed=1)
    result = run(pytester, tests, "--reinfer-strict")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*.assigned[[]0[]].span: deprecated: expected *"])


@pytest.mark.parametrize("value", ["'yes'", "None", "1.5"])
def test_a_strictness_that_is_no_truth_value_is_refused(pytester: pytest.Pytester, value: str) -> None:
    result = run(pytester, f"@pytest.mark.reinfer(strict={value})\ndef test_it(reinfer): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["strict is True or False, not *. The marker is @pytest.mark.reinfer(*"])


def test_an_example_of_hypothesis_is_read_strictly(pytester: pytest.Pytester) -> None:
    tests = """
from hypothesis import given, settings
from pytest_reinfer import strategies

@settings(max_examples=2, deadline=None)
@given(tenant=strategies.tenants())
def test_drawn(tenant):
    ask(tenant, "GET", "/api/v1/datasets?page=2")
"""
    run(pytester, tests, "--reinfer-strict", "-p", "no:randomly").assert_outcomes(failed=1)


def test_without_the_option_nothing_of_it_is_loaded(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import sys\ndef test_it(reinfer):\n    assert 'pytest_reinfer.options.exchanges' not in sys.modules"
    )
    pytester.runpytest_subprocess().assert_outcomes(passed=1)


def test_a_client_that_compares_with_what_the_tenant_shows_passes_strictly(pytester: pytest.Pytester) -> None:
    tests = """
def test_exported(reinfer):
    reinfer.add_dataset("acme/support", comments=60)
    entries = export(reinfer).json()["comments"]
    assert entries == reinfer.exported("acme/support")
"""
    run(pytester, tests, "--reinfer-strict").assert_outcomes(passed=1)


def test_what_the_tenant_refuses_by_a_rule_that_no_schema_says_is_told(pytester: pytest.Pytester) -> None:
    tests = """
@pytest.mark.parametrize("body", [
    {"comment_uids": ["18ba5ce699f8da1f.a"], "from": "2020-01-01T00:00:00Z"}, {"continuation": "junk"},
    {"from": "2020-02-31"},
])
def test_senseless(reinfer, reinfer_contract, body):
    reinfer.add_dataset("acme/support", comments=2)
    assert export(reinfer, **body).status_code in (400, 422)

def test_not_there(reinfer, reinfer_contract):
    assert export(reinfer).status_code == 404
"""
    run(pytester, tests).assert_outcomes(failed=3, passed=1)


def test_a_request_whose_answer_never_comes_is_looked_at(pytester: pytest.Pytester) -> None:
    tests = """
@pytest.mark.parametrize("kind", ["connection_reset", "read_timeout", "slow_answer"])
def test_lost(reinfer, kind):
    reinfer.fail(kind)
    try:
        requests.get(reinfer.url + "/api/v1/datasets?page=2", headers=reinfer.headers, timeout=5)
    except requests.RequestException:
        pass
"""
    run(pytester, tests, "--reinfer-strict").assert_outcomes(failed=3)


def test_a_refusal_that_follows_from_a_failure_on_demand_is_meant(pytester: pytest.Pytester) -> None:
    tests = """
def test_garbled(reinfer):
    reinfer.add_dataset("acme/support", comments=3)
    reinfer.fail("garbled_continuation")
    page = export(reinfer, limit=1).json()
    assert export(reinfer, limit=1, continuation=page["continuation"]).status_code == 400
"""
    run(pytester, tests, "--reinfer-strict").assert_outcomes(passed=1)


def test_a_body_where_none_is_taken_is_undocumented(pytester: pytest.Pytester) -> None:
    tests = """
def test_body(reinfer):
    ask(reinfer, "GET", "/api/v1/datasets", {"limit": 5})
"""
    run(pytester, tests).assert_outcomes(passed=1)
    run(pytester, tests, "--reinfer-strict").assert_outcomes(failed=1)


def test_a_test_of_its_own_tenants_can_leave_the_strictness(pytester: pytest.Pytester) -> None:
    tests = """
@pytest.mark.reinfer(strict=False)
def test_own():
    with FakeTenant() as tenant:
        ask(tenant, "GET", "/api/v1/datasets?page=2")

@pytest.mark.reinfer(unknown_routes="allow")
def test_means_it(reinfer):
    ask(reinfer, "GET", "/api/v1/nothing")

def test_login(reinfer):
    reinfer.fail("login_redirect")
    ask(reinfer, "GET", "/api/v1/datasets")
"""
    run(pytester, tests, "--reinfer-strict").assert_outcomes(passed=3)


@pytest.mark.parametrize("header", ["TOKEN", "Bearer:TOKEN", "Token TOKEN", "Bearer\u00a0TOKEN"])
def test_a_token_is_never_told(header: str) -> None:
    secret = "2c33a4deb948c0ffee"
    request = {
        "method": "GET",
        "url": "/api/v1/datasets",
        "headers": {"Authorization": header.replace("TOKEN", secret)},
    }
    (breach,) = contract.breaches(request)
    assert secret not in repr(breach)


# ------------------------------------------------------------------------------------------------------- all routes


@pytest.mark.parametrize("route", [each for each in contract.routes().values() if each.built], ids=str)
def test_strictly_every_route_still_answers_what_the_vendor_published(route: contract.Route) -> None:
    tenant = FakeTenant()
    arrange(tenant)
    path, body = asked(route, tenant)
    watched = Exchanges(strict=True).open()
    try:
        answer = ask(tenant, route.method, path, body)
    finally:
        watched.close()
    assert answer.status == 200
    assert answer.json["status"] == "ok"
    watched.check()
    for rule in watched.left_out:
        assert contract.rank(rule.kind) > contract.rank("sample")


def test_so_many_breaches_are_told_and_so_many_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_reinfer.options.exchanges.MOST", 30)
    tenant = FakeTenant()
    watched = Exchanges(strict=False).open()
    for number in range(40):
        ask(tenant, "GET", f"/api/v1/nothing/{number}")
    watched.close()
    ask(tenant, "GET", "/api/v1/nothing/closed")
    assert len(watched.breaches) == 30
    with pytest.raises(BrokenContract, match=r"\.\.\. and 20 more") as told:
        watched.check()
    assert str(told.value).count("-> 404") == 20
    watched.check()  # told once
