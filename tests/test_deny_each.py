"""The marker `reinfer_deny_each`: a test, and then the same test without each permission that it uses."""

from __future__ import annotations

import pytest

import pytest_reinfer.reruns  # noqa: F401 -- a session inside this one would forget it

HEAD = """
import logging, sys
import pytest, requests

def ask(tenant, path="", method="GET"):
    url = tenant.url + "/api/v1/datasets/acme/support" + path
    return requests.request(method, url, json={} if method == "POST" else None, headers=tenant.headers, timeout=5)

@pytest.fixture(autouse=True)
def seeded(reinfer):
    reinfer.add_dataset("acme/support", comments=3)

pytestmark = pytest.mark.reinfer_deny_each
"""
GOOD = "*test_it: 1 run: one per permission"
WRONG = "*test_it: 1 run: one per permission; 1 wrong: View labels"


@pytest.fixture(autouse=True)
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"
    )


@pytest.mark.parametrize(
    "body",
    [
        "ask(reinfer).raise_for_status()",
        "assert ask(reinfer).status_code == 200",
        "if not ask(reinfer).ok: raise RuntimeError(ask(reinfer).json()['message'])",
        "if not ask(reinfer).ok: sys.exit('403 Forbidden')",
        "if not ask(reinfer).ok: print('403 Forbidden'); raise KeyError",
        "if not ask(reinfer).ok: print('status 403', file=sys.stderr); raise KeyError",
        "if not ask(reinfer).ok: logging.error('refused: %s', 403); raise KeyError",
        "try: ask(reinfer).raise_for_status()\n    except Exception as error: raise KeyError from error",
        "try: ask(reinfer).raise_for_status()\n    except Exception: raise KeyError",
        "try: ask(reinfer).raise_for_status()\n    except Exception as one: raise ExceptionGroup('', [one]) from None",
        "if not ask(reinfer).ok: error = KeyError(); error.add_note('the server said 403'); raise error",
        *(
            f"if not ask(reinfer).ok: raise KeyError({each!r})"
            for each in ("is 403.", '{"status":403}', "<403>", "(403),")
        ),
    ],
)
def test_a_test_that_fails_and_tells_the_refusal_passes(pytester: pytest.Pytester, body: str) -> None:
    pytester.makepyfile(HEAD + f"def test_it(reinfer):\n    {body}\n")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([GOOD])


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("ask(reinfer)", "it ran to its end as if nothing had been refused"),
        (
            "ask(reinfer).json()['dataset']",
            "it failed and did not tell the refusal (403, or the words *): KeyError: 'dataset'",
        ),
        (
            "if not ask(reinfer).ok: raise KeyError(4031)",
            "it failed and did not tell the refusal (403, or the words *): KeyError: 4031",
        ),
        ("if not ask(reinfer).ok: pytest.skip('403')", "it was skipped, and so did not tell the refusal"),
        (
            "try: ask(reinfer).raise_for_status()\n    except Exception: raise KeyError('x') from None",
            "it failed and did not tell the refusal (403, or the words *): KeyError: 'x'",
        ),
    ],
)
def test_a_test_that_swallows_the_refusal_or_does_not_tell_it_fails(
    pytester: pytest.Pytester, body: str, told: str
) -> None:
    pytester.makepyfile(HEAD + f"def test_it(reinfer):\n    print('before')\n    {body}  # not a word of 403\n")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            "*reinfer deny each*",
            "1 run: one per permission; 1 wrong: View labels",
            f"  View labels: {told}",
            '  reinfer.deny("View labels")',
            WRONG,
        ]
    )


@pytest.mark.parametrize("name", ["s-403-x", "s_403", "a/403", "403/b", "403.json", "1.403", "e403", "test_it.py:403"])
@pytest.mark.parametrize("say", ["raise KeyError({!r})", "print({!r}); raise KeyError"])
def test_a_number_within_a_name_tells_nothing(pytester: pytest.Pytester, say: str, name: str) -> None:
    pytester.makepyfile(HEAD + f"def test_it(reinfer):\n    if not ask(reinfer).ok: {say.format(name)}\n")
    result = pytester.runpytest_inprocess()
    result.stdout.fnmatch_lines([WRONG])


def test_what_the_test_prints_in_any_case_tells_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(reinfer, capsys):
    print("may be refused: 403")
    capsys.readouterr()
    logging.error("may be refused: %s", 403)
    ask(reinfer).json()["dataset"]
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([WRONG])


@pytest.mark.parametrize("fixture", ["capsys", "capfd", "capsysbinary"])
def test_what_the_test_itself_reads_is_told(pytester: pytest.Pytester, fixture: str) -> None:
    pytester.makepyfile(
        HEAD
        + f"""
def test_it(reinfer, {fixture}):
    refused = not ask(reinfer).ok
    print("403 Forbidden" * refused)
    {fixture}.readouterr()
    if refused:
        raise KeyError
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([GOOD])


def test_each_permission_is_told_and_the_first_wrong_run_is_shown(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(reinfer):
    ask(reinfer).raise_for_status()
    requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers)
    comments = ask(reinfer, "/export", "POST").json()["comments"]
    assert len(comments) == 3
    ask(reinfer, "", "DELETE")
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        [
            ">*comments = ask(reinfer*",
            "E*KeyError: 'comments'",
            "3 runs: one per permission; 2 wrong: Export datasets, Datasets admin",
            "  View labels: right, it failed and told the refusal",
            "  Export datasets: it failed and did not tell the refusal (403, or the words *): KeyError: 'comments'",
            "  Datasets admin: it ran to its end as if nothing had been refused",
            '  reinfer.deny("Export datasets")',
        ]
    )


def test_the_printed_line_does_the_same_in_a_test(pytester: pytest.Pytester) -> None:
    lines = 'def test_it(reinfer):\n    reinfer.deny("View labels")\n    ask(reinfer).json()["dataset"]\n'
    pytester.makepyfile(HEAD.replace("pytestmark", "_") + lines)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E*KeyError: 'dataset'"])


def test_where_the_service_refuses_nobody_and_tells_less_there_is_nothing_to_tell(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(reinfer):
    found = requests.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers).json()["datasets"]
    print(f"FOUND {len(found)}")
"""
    )
    result = pytester.runpytest_inprocess("-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*FOUND 1", "*FOUND 0", f"{GOOD}, 1 in which nothing is refused"])


@pytest.mark.parametrize(
    ("test", "told"),
    [
        ("def test_it(): pass", "*asked the tenant for nothing that needs a permission*"),
        ("@pytest.mark.reinfer_deny_each('View labels')\ndef test_it(reinfer): ask(reinfer)", "*takes no arguments*"),
    ],
)
def test_a_test_in_which_nothing_can_be_denied_is_refused(pytester: pytest.Pytester, test: str, told: str) -> None:
    pytester.makepyfile(HEAD + test)
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([told])


def test_a_test_without_the_fixture_is_refused(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("import pytest\n@pytest.mark.reinfer_deny_each\ndef test_it(): pass")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*reinfer_deny_each is about the tenant of the fixture `reinfer`*"])


def test_a_test_that_fails_as_it_is_is_denied_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + "def test_it(reinfer):\n    ask(reinfer)\n    assert 1 == 2\n")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*assert 1 == 2*", "*no permission denied: the test does not pass as it is"])


def test_a_refusal_in_a_fixture_may_be_told_there(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.fixture
def client(reinfer, seeded):
    ask(reinfer).raise_for_status()

def test_it(client): pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([GOOD])


def test_a_fixture_that_skips_on_a_refusal_fails_the_test_once(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.fixture
def client(reinfer, seeded):
    if not ask(reinfer).ok:
        pytest.skip("403")

def test_it(client): pass
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*Without the permission 'View labels': it was skipped*"])


def test_the_debugger_is_not_opened_by_refusals(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + "def test_it(reinfer): ask(reinfer).raise_for_status()")
    result = pytester.runpytest_inprocess("--pdb")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*test_it: no permission denied: with --pdb *"])


def test_a_known_swallower_may_be_expected_to_fail(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + "@pytest.mark.xfail(strict=True)\ndef test_it(reinfer): ask(reinfer)")
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(xfailed=1)
    result.stdout.fnmatch_lines([WRONG])


def test_with_output_that_is_not_captured_it_is_said_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + "def test_it(reinfer):\n    if not ask(reinfer).ok: print('403'); raise KeyError\n")
    result = pytester.runpytest_inprocess("-s")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*in what it prints, which -s hides, or logs *"])


def test_users_that_the_test_makes_are_denied_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(reinfer):
    robot = reinfer.add_user("robot", permissions=["View labels"])
    url = reinfer.url + "/api/v1/datasets/acme/support"
    requests.get(url, headers=robot.headers).raise_for_status()
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines([GOOD])


@pytest.mark.parametrize(
    ("end", "told"), [("return", "it ran to its end as if*"), ("raise KeyError", "it failed and did not tell*")]
)
def test_failures_that_the_test_asks_for_tell_nothing_and_need_not_fire(
    pytester: pytest.Pytester, end: str, told: str
) -> None:
    pytester.makepyfile(
        HEAD
        + f"""
def test_it(reinfer):
    reinfer.fail(403, nth=2)
    if not ask(reinfer).ok:
        {end}
    ask(reinfer)
"""
    )
    result = pytester.runpytest_inprocess()
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([f"  View labels: {told}"])
