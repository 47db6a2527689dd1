"""Budgets of requests: `FakeTenant.budget` and the marker `reinfer_budget`."""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests

from pytest_reinfer.budget import BudgetExceeded

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.budget import Budget

HERE = Path(__file__).name


def listed(tenant: FakeTenant, path: str = "/api/v1/datasets") -> None:
    requests.get(tenant.url + path, headers=tenant.headers)


def exceeded(budget: AbstractContextManager[Budget], ask: Callable[[], object]) -> list[str]:
    """The lines of the failure of asking within a budget."""

    def asked() -> None:
        with budget:
            ask()

    with pytest.raises(BudgetExceeded) as caught:
        asked()
    return str(caught.value).splitlines()


def test_as_many_requests_as_allowed_pass(tenant: FakeTenant) -> None:
    with tenant.budget(2):
        listed(tenant)
        listed(tenant)
    listed(tenant)


def test_requests_beyond_it_are_told_by_the_lines_that_make_them_most_first(
    tenant: FakeTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(Path(__file__).parent)

    def ask() -> None:
        requests.get(tenant.url + "/api/v1/datasets", headers=tenant.headers)
        for number in range(5):
            listed(tenant, f"/api/v1/datasets/acme/{number}")

    first, most, other = exceeded(tenant.budget(requests=3), ask)
    assert first == "Requests made: 6, allowed: 3. They come from:"
    paths = ", ".join(f"GET /api/v1/datasets/acme/{number}" for number in range(3))
    above = rf"from {HERE}:\d+ in ask, from {HERE}:\d+ in asked"
    assert re.fullmatch(rf"  5 x {HERE}:\d+ in listed, {above}   {paths}, \.\.\.", most)
    assert re.fullmatch(rf"  1 x {above[5:]}, from {HERE}:\d+ in exceeded   GET /api/v1/datasets", other)


def test_a_line_that_calls_itself_is_told_once(tenant: FakeTenant) -> None:
    def ask(depth: int) -> None:
        ask(depth - 1) if depth else listed(tenant)

    _, only = exceeded(tenant.budget(0), lambda: ask(9))
    assert re.match(
        rf"  1 x \S*{HERE}:\d+ in listed, from \S*{HERE}:\d+ in ask, from \S*{HERE}:\d+ in <lambda>  ", only
    )


def test_paths_outside_the_folder_are_told_in_full(
    tenant: FakeTenant, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    assert f"  1 x {__file__}:" in exceeded(tenant.budget(0), lambda: listed(tenant))[1]


def test_a_budget_of_a_route_counts_its_requests_only(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support")

    def ask() -> None:
        listed(tenant)
        listed(tenant, "/api/v1/datasets/acme/support")
        listed(tenant)

    with tenant.budget(1, route="get_dataset"):
        ask()
    first, only = exceeded(tenant.budget(0, route="get_dataset"), ask)
    assert first == "Requests of get_dataset made: 1, allowed: 0. They come from:"
    assert only.endswith("GET /api/v1/datasets/acme/support")


def test_threads_are_told_by_their_own_lines_or_by_name(tenant: FakeTenant) -> None:
    def ask() -> None:
        thread = threading.Thread(target=listed, args=(tenant,))
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1, thread_name_prefix="pool") as pool:
            pool.submit(requests.get, tenant.url, headers=tenant.headers).result()

    lines = "\n".join(exceeded(tenant.budget(0), ask))
    assert re.search(r"  1 x \S+:\d+ in listed   GET /api/v1/datasets", lines)
    assert re.search(r"  1 x the thread 'pool_0', which runs library code only   GET", lines)


def test_long_lists_of_lines_are_cut(tenant: FakeTenant) -> None:
    one = f"requests.get({tenant.url + '/api/v1/datasets'!r})\n"
    code = compile("import requests\n" + one * 25, str(Path(__file__).parent / "made_up.py"), "exec")
    first, *lines = exceeded(tenant.budget(0), lambda: exec(code, {}))  # noqa: S102 -- 25 lines of a file
    assert first.startswith("Requests made: 25")
    assert len(lines) == 21
    assert lines[-1] == "  ... and 5 more"


def test_code_of_installed_packages_is_not_the_line_that_is_told(tenant: FakeTenant) -> None:
    for folder in ("site-packages", "dist-packages"):
        names = {"requests": requests, "url": tenant.url + "/api/v1/datasets"}
        client = eval(compile("lambda: requests.get(url)", f"/opt/python/{folder}/client.py", "eval"), names)  # noqa: S307 -- our own line
        _, only = exceeded(tenant.budget(0), client)
        assert re.match(rf"  1 x \S*{HERE}:\d+ in asked, ", only)


def test_another_failure_in_the_block_is_told_as_itself(tenant: FakeTenant) -> None:
    def ask() -> None:
        with tenant.budget(0):
            listed(tenant)
            raise KeyError

    with pytest.raises(KeyError):
        ask()


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"requests": -1}, "not -1"),
        ({"requests": "3"}, "not '3'"),
        ({"requests": 1, "route": "x"}, "There are: .*get_"),
    ],
)
def test_a_budget_that_means_nothing_is_refused(tenant: FakeTenant, wrong: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message), tenant.budget(**wrong):  # type: ignore[arg-type] # they are wrong
        pass


# ------------------------------------------------------------------------------------------------------ the marker


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> pytest.Pytester:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"
    )
    return pytester


HEAD = """
import pytest, requests

def get(reinfer, path="/api/v1/datasets"):
    return requests.get(reinfer.url + path, headers=reinfer.headers)
"""


def test_the_marker_fails_a_test_that_asks_more_with_its_fixtures(session: pytest.Pytester) -> None:
    session.makepyfile(
        test_it=HEAD
        + """
@pytest.fixture
def client(reinfer):
    get(reinfer)
    yield

@pytest.mark.reinfer_budget(requests=2)
def test_within(reinfer, client): get(reinfer)

@pytest.mark.reinfer_budget(requests=2)
def test_beyond(reinfer, client):
    for _ in range(2):
        get(reinfer)

@pytest.mark.reinfer_budget(1, route="get_dataset")
def test_route(reinfer, client): get(reinfer)

def test_unmarked(reinfer, client):
    for _ in range(5):
        get(reinfer)
"""
    )
    result = session.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["Requests made: 3, allowed: 2. They come from:"])
    result.stdout.re_match_lines_random(
        [
            f"  {times} x test_it.py:4 in get, from test_it.py:{line} in {name}   GET /api/v1/datasets$"
            for times, line, name in ((1, 8, "client"), (2, 17, "test_beyond"))
        ]
    )
    assert "plugin.py" not in result.stdout.str()


def test_a_test_that_fails_by_itself_tells_its_budget_beside(session: pytest.Pytester) -> None:
    session.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_budget(0)
def test_it(reinfer):
    get(reinfer)
    assert 1 == 2

def test_behind(reinfer): get(reinfer)
"""
    )
    result = session.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["E*assert 1 == 2", "*reinfer call*", "Requests made: 1, allowed: 0*"])


def test_a_fixture_that_fails_beyond_the_budget_leaves_nothing_to_the_next_test(session: pytest.Pytester) -> None:
    session.makepyfile(
        HEAD
        + """
@pytest.fixture
def client(reinfer):
    get(reinfer)
    raise RuntimeError("no client")

@pytest.mark.reinfer_budget(0)
def test_it(client): pass

def test_behind(reinfer): get(reinfer)
"""
    )
    result = session.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(passed=1, errors=2)
    result.stdout.fnmatch_lines(["*no client*", "*Requests made: 1, allowed: 0*"])


def test_several_budgets_hold_at_once(session: pytest.Pytester) -> None:
    session.makepyfile(
        HEAD
        + """
@pytest.mark.reinfer_budget(5)
class Test:
    @pytest.mark.reinfer_budget(0, route="get_dataset")
    def test_it(self, reinfer):
        reinfer.add_dataset("acme/support")
        get(reinfer, "/api/v1/datasets/acme/support")

    def test_other(self, reinfer):
        for _ in range(6):
            get(reinfer)
"""
    )
    result = session.runpytest_inprocess("-p", "no:randomly")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["Requests of get_dataset made: 1, *", "Requests made: 6, allowed: 5*"])


@pytest.mark.parametrize("arguments", ["", "-1", "1, rout='x'", "1, route='x'"])
def test_a_marker_that_means_nothing_is_told_with_its_help(session: pytest.Pytester, arguments: str) -> None:
    session.makepyfile(f"import pytest\n@pytest.mark.reinfer_budget({arguments})\ndef test_it(reinfer): pass")
    result = session.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*The marker is @pytest.mark.reinfer_budget(requests, route=None): *"])
