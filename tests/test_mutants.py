"""`pytest --reinfer-mutants`: what varied answers break, what no test notices, and which fields are read."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest

import pytest_reinfer.options.mutants  # noqa: F401 -- a session inside this one would forget it
from pytest_reinfer import mutants

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import pytest, requests

def post(tenant, **body):
    url = tenant.url + "/api/v1/datasets/acme/support/export"
    answer = requests.post(url, json=body, headers=tenant.headers, timeout=5)
    answer.raise_for_status()
    return answer.json()

def export(tenant, **body):
    while True:
        page = post(tenant, **body)
        yield from page["comments"]
        if "continuation" not in page:
            return
        body["continuation"] = page["continuation"]

COMMENTS = [
    {
        "id": f"c{day}",
        "timestamp": f"2024-01-0{day}T00:00:00Z",
        "thread_id": f"t{day}",
        "messages": [{"body": {"text": f"Text {day}"}, "from": "a@acme.example"}],
        "user_properties": {"string:Team": "North"},
    }
    for day in range(1, 4)
]

@pytest.fixture
def tenant(reinfer):
    reinfer.add_dataset("acme/support", comments=COMMENTS)
    for uid in (entry["comment"]["uid"] for entry in reinfer.exported("acme/support")):
        reinfer.annotate("acme/support", uid, ["A", "B"])
    return reinfer
"""
THREE_FIELDS = """
def read(tenant):
    for entry in export(tenant):
        comment = entry["comment"]
        texts = [message["body"]["text"] for message in comment["messages"]]
        yield comment["id"], comment.get("thread_id", "none"), texts

def test_it(tenant):
    assert list(read(tenant)) == [(f"c{day}", f"t{day}", [f"Text {day}"]) for day in range(1, 4)]
"""
FIVE_BLIND_SPOTS = """
KNOWN = {"id", "uid", "source_id", "timestamp", "messages", "user_properties", "attachments", "created_at"}
KNOWN |= {"last_modified", "thread_id", "text_format", "context", "has_annotations"}

def read(tenant):
    body = {"limit": 2}
    while True:
        page = post(tenant, **body)
        if not page["comments"]:
            return                                                          # stops at an empty page
        for entry in page["comments"]:
            comment = entry["comment"]
            if not KNOWN.issuperset(comment):
                raise TypeError(f"unknown: {set(comment) - KNOWN}")         # is strict about unknown fields
            labels = [label["name"] for label in entry["annotations"]["labels"]["assigned"]]
            texts = [message["body"]["text"].encode("ascii") for message in comment["messages"]]  # knows ASCII alone
            yield comment["id"], comment["thread_id"], labels[:1], texts    # needs a thread, and the first label
        if "continuation" not in page:
            return
        body["continuation"] = page["continuation"]

def test_it(tenant):
    expected = [(f"c{day}", f"t{day}", ["A"], [b"Text %d" % day]) for day in range(1, 4)]
    assert list(read(tenant)) == expected
"""
COMMENT = "comments.each.comment"


@pytest.fixture(autouse=True)
def _plain_session(monkeypatch: pytest.MonkeyPatch, pytester: pytest.Pytester) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makeini(
        "[pytest]\nfilterwarnings =\n  error\n  ignore::pytest.PytestAssertRewriteWarning\n"
        "addopts = -p pytest_reinfer.plugin -p no:cacheprovider --strict-markers"
    )


def told(pytester: pytest.Pytester, *arguments: str) -> tuple[pytest.RunResult, dict[str, Any]]:
    """A run with mutants, and its report as JSON."""
    result = pytester.runpytest_inprocess("--reinfer-mutants", "--reinfer-mutants-json=told.json", *arguments)
    return result, json.loads((pytester.path / "told.json").read_text())


def names(found: list[dict[str, str]]) -> list[str]:
    return [each["variation"].removeprefix("export_dataset:") for each in found]


def places(found: list[dict[str, str]]) -> list[str]:
    return [each["place"] for each in found]


def test_a_client_that_reads_three_fields_depends_on_exactly_these(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + THREE_FIELDS)
    result, report = told(pytester)
    result.assert_outcomes(passed=1)
    assert report["broke"] == []
    assert places(report["depended"]) == [f"{COMMENT}.id", f"{COMMENT}.messages.each.body.text", f"{COMMENT}.thread_id"]
    assert not {*places(report["depended"])}.intersection(places(report["unnoticed"]))
    assert {f"absent:{COMMENT}.text_format", f"absent:{COMMENT}.messages.each.from"} <= {*names(report["unnoticed"])}
    result.stdout.fnmatch_lines(
        [
            f"{report['runs']} runs of 1 test, * s",
            f"no test noticed, for none looks there: {len(report['unnoticed'])}, in * places",
            f"  export_dataset {COMMENT}.context (absent, script)",
            f"    pytest test_*.py::test_it --reinfer-mutant=export_dataset:absent:{COMMENT}.context",
            "the fields that tests depend on: 3",
            f"  export_dataset {COMMENT}.id",
            f"    pytest test_*.py::test_it --reinfer-mutant=export_dataset:other:{COMMENT}.id",
        ]
    )


def test_a_client_with_five_blind_spots_is_told_exactly_these(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + FIVE_BLIND_SPOTS)
    result, report = told(pytester)
    result.assert_outcomes(failed=1)
    assert {
        each["variation"].removeprefix("export_dataset:"): each["error"].partition(":")[0] for each in report["broke"]
    } == {
        "empty_page": "AssertionError",
        "item_order:comments.each.annotations.labels.assigned": "AssertionError",
        f"unknown:{COMMENT}": "TypeError",
        f"script:{COMMENT}.messages.each.body.text": "UnicodeEncodeError",
        f"absent:{COMMENT}.thread_id": "KeyError",
    }
    result.stdout.fnmatch_lines(
        [
            "*reinfer mutants*",
            "It passes as it is. * runs: 5 broke the client, * unnoticed. The failure above is that of the first:",
            "  export_dataset:empty_page: AssertionError: *",
            "broke the client, which has to stand them: 5",
            f"  export_dataset:absent:{COMMENT}.thread_id: KeyError: 'thread_id'",
            f"    pytest test_*.py::test_it --reinfer-mutant=export_dataset:absent:{COMMENT}.thread_id",
        ]
    )


def test_workers_tell_the_same_as_one_process(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_a=HEAD + THREE_FIELDS, test_b=HEAD + FIVE_BLIND_SPOTS)
    reports: list[Any] = []
    texts: list[str] = []
    for arguments in ([], ["-p", "xdist", "-n2"]):
        file = f"told-{len(reports)}.json"
        result = pytester.runpytest_subprocess("--reinfer-mutants", f"--reinfer-mutants-json={file}", *arguments)
        result.assert_outcomes(passed=1, failed=1)
        reports.append({**json.loads((pytester.path / file).read_text()), "seconds": 0})
        text = result.stdout.str().partition("mutants of the answers")[2].partition("All of it")[0]
        texts.append(re.sub(r"[0-9.]+ s\n", "", text))
    assert reports[0] == reports[1]
    assert texts[0] == texts[1]
    assert len(reports[0]["broke"]) == 5


def test_in_whatever_order_tests_end_the_same_is_told() -> None:
    outcomes = [["list_datasets:charset", "broke", "x"], ["list_datasets:empty:datasets", "unnoticed", ""]]
    plain = {"command": "pytest", "left": None, "seconds": 1.0, "outcomes": outcomes, "variations": 3}
    tests = [{**plain, "test": name} for name in "abc"]
    assert mutants.told(tests).json() == mutants.told(tests[::-1]).json()
    assert [each.test for each in mutants.told(tests[::-1]).broke] == ["a"]


def test_one_variation_alone_shows_the_clients_own_failure(pytester: pytest.Pytester) -> None:
    path = pytester.makepyfile(HEAD + FIVE_BLIND_SPOTS)
    variation = f"export_dataset:absent:{COMMENT}.thread_id"
    result = pytester.runpytest_inprocess(f"{path.name}::test_it", f"--reinfer-mutant={variation}")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines([">*yield comment*", "E*KeyError: 'thread_id'"])
    assert "mutants of the answers" not in result.stdout.str()
    result = pytester.runpytest_inprocess(path.name, "--reinfer-mutant=export_dataset:key_order")
    result.assert_outcomes(passed=1)
    for idle in ("list_datasets:key_order", f"export_dataset:absent:{COMMENT}.messages.each.cc"):
        result = pytester.runpytest_inprocess(path.name, f"--reinfer-mutant={idle}")
        result.assert_outcomes(failed=1)
        result.stdout.fnmatch_lines([f"*--reinfer-mutant={idle}: the test met no answer that it is for, or that *"])


def test_a_test_that_compares_with_the_tenant_stands_what_is_harmless(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_all_is_there_and_each_page_is_asked_once(tenant):
    with tenant.budget(2):
        found = list(export(tenant, limit=2))
    assert found == tenant.exported("acme/support")
    assert tenant.exported("acme/support") == found
    assert [entry["comment"] for entry in found] == tenant.comments("acme/support")
    first, second = tenant.assert_requested("export_dataset", times=2)
    assert (first.json, second.json["limit"]) == ({"limit": 2}, 2)
    assert len(tenant.requests) == 2

def test_a_comment_is_what_it_is(tenant):
    uid = tenant.comments("acme/support")[0]["uid"]
    source, _, name = uid.partition(".")
    url = f"{tenant.url}/api/v1/sources/acme/support/comments/{name}"
    answer = requests.get(url, headers=tenant.headers, timeout=5)
    assert answer.json()["comment"] == tenant.comment(uid)
"""
    )
    result, report = told(pytester)
    result.assert_outcomes(passed=2)
    assert report["broke"] == []
    assert report["unnoticed"] == []


@pytest.mark.parametrize(
    ("body", "came"),
    [
        ("assert post(tenant)['comments'][0]['comment'].get('thread_id')", "noticed"),
        ("post(tenant)['comments'][0]['comment']['thread_id']", "noticed"),
        ("[each['comment']['thread_id'] for each in post(tenant)['comments']]", "noticed"),
        ("with pytest.raises(ValueError): int(post(tenant)['comments'][0]['comment'].get('thread_id', 0))", "noticed"),
        ("post(tenant)['comments'][0]['comment'].get('thread_id') or pytest.skip('none')", "noticed"),
        ("read = lambda: post(tenant)['comments'][0]['comment']['thread_id']\n    read()", "noticed"),
        ("first(tenant)", "broke"),
        ("raise_group(tenant)", "broke"),
        ("if 'thread_id' not in post(tenant)['comments'][0]['comment']: raise_assertions()", "noticed"),
        ("post(tenant)", "unnoticed"),
    ],
)
def test_an_absent_field_is_noticed_by_the_test_or_breaks_the_client(
    pytester: pytest.Pytester, body: str, came: str
) -> None:
    client = """
def first(tenant):
    return post(tenant)['comments'][0]['comment']['thread_id']

def raise_assertions():
    raise ExceptionGroup("", [AssertionError()])

def raise_group(tenant):
    try:
        first(tenant)
    except KeyError as error:
        raise ExceptionGroup("", [AssertionError(), error])
"""
    pytester.makepyfile(f"{HEAD}{client}\ndef test_it(tenant):\n    {body}\n")
    _, report = told(pytester)
    wanted = f"absent:{COMMENT}.thread_id"
    assert (wanted in names(report["broke"])) == (came == "broke")
    assert (wanted in names(report["unnoticed"])) == (came == "unnoticed")
    assert (f"{COMMENT}.thread_id" in places(report["depended"])) == (came != "unnoticed")


def test_another_identifier_leads_elsewhere_and_breaks_no_client(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(tenant):
    for entry in export(tenant, limit=2):
        source, _, name = entry["comment"]["uid"].partition(".")
        url = f"{tenant.url}/api/v1/sources/acme/support/comments/{name}"
        requests.get(url, headers=tenant.headers, timeout=5).raise_for_status()
"""
    )
    result, report = told(pytester)
    result.assert_outcomes(passed=1)
    assert report["broke"] == []
    assert {f"{COMMENT}.uid", "continuation"} <= {*places(report["depended"])}


def test_what_one_test_does_not_notice_another_may(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_a(tenant): post(tenant)
def test_b(tenant): assert all("context" in entry["comment"] for entry in post(tenant)["comments"])
"""
    )
    _, report = told(pytester)
    assert f"absent:{COMMENT}.context" not in names(report["unnoticed"])
    assert f"script:{COMMENT}.context" in names(report["unnoticed"])
    depended = next(each for each in report["depended"] if each["place"] == f"{COMMENT}.context")
    assert depended["test"].endswith("::test_b")


def test_a_client_that_would_ask_for_ever_is_stopped_and_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def wait(tenant):
    while not post(tenant)["comments"][0]["comment"]["has_annotations"]:
        pass

def test_it(tenant): wait(tenant)
"""
    )
    result, report = told(pytester)
    result.assert_outcomes(failed=1)
    broke = {each["variation"].removeprefix("export_dataset:"): each["error"] for each in report["broke"]}
    assert broke[f"other:{COMMENT}.has_annotations"].startswith("Endless: ")


def test_tests_that_cannot_be_varied_run_as_ever_and_are_told(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "from hypothesis import given, settings, strategies as st\n"
        + HEAD
        + """
def test_fails(tenant): assert post(tenant) == 1
@pytest.mark.skip
def test_skipped(tenant): pass
@pytest.mark.xfail
def test_expected(tenant): assert post(tenant) == 1
@pytest.mark.xfail(strict=True)
def test_unexpected(tenant): post(tenant)
def test_asks_nothing(tenant): pass
@pytest.mark.reinfer(unknown_routes="allow")
def test_refused(reinfer): requests.get(reinfer.url + "/api/nothing", timeout=5)
@pytest.mark.reinfer_sweep(503)
def test_swept(tenant):
    try: post(tenant)
    except requests.HTTPError: pass
@given(st.just(1))
@settings(database=None)
def test_drawn(reinfer, x): pass
def test_subtests(tenant, subtests): pass
@pytest.mark.reinfer(mutants=False)
def test_kept(tenant): assert "charset" not in str(post(tenant))
def test_without(): pass
"""
    )
    result, report = told(pytester, "-p", "no:randomly")
    result.assert_outcomes(passed=7, failed=2, skipped=1, xfailed=1)
    left = {line.partition("::")[2].partition(": ")[0]: line.rpartition(": ")[2] for line in report["not_varied"]}
    assert left == {
        **dict.fromkeys(
            ("test_fails", "test_skipped", "test_expected", "test_unexpected"), "it does not pass as it is"
        ),
        **dict.fromkeys(("test_asks_nothing", "test_refused"), "it meets no answer of its tenant's"),
        "test_swept": "it is marked reinfer_sweep, which runs it again in its own way",
        "test_drawn": "@given runs it again and again",
        "test_kept": "its marker says mutants=False",
        "test_subtests": "it has subtests, which report themselves",
    }
    result.stdout.fnmatch_lines(
        ["0 runs of 0 tests, *", "not varied: 10", "NOTHING was varied: *", "*test_swept: 1 run: *"]
    )


def test_too_many_runs_are_cut_and_it_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + "def test_it(tenant): post(tenant)")
    result, report = told(pytester, "--reinfer-mutants-max=7")
    result.assert_outcomes(passed=1)
    assert report["runs"] == 7
    assert [re.sub(r"\d+$", "N", line) for line in report["cut"]] == [
        "test_too_many_runs_are_cut_and_it_says_so.py::test_it: 7 of N"
    ]
    result.stdout.fnmatch_lines(["CUT by --reinfer-mutants-max, the rest was not tried: *::test_it: 7 of *"])


@pytest.mark.parametrize(
    ("arguments", "wrong"),
    [
        (["--reinfer-mutants-max=3"], "*--reinfer-mutants-max is for --reinfer-mutants: give both*"),
        (["--reinfer-mutants-json=x"], "*--reinfer-mutants-json is for --reinfer-mutants: give both*"),
        (
            ["--reinfer-mutants", "--reinfer-mutants-json=no/such/x"],
            "*--reinfer-mutants-json: there is no folder *no/such",
        ),
        (["--reinfer-mutants", "--reinfer-mutant=export_dataset:charset"], "*one alone: give one of the options*"),
        (["--reinfer-mutants", "--reinfer-mutants-max=0"], "*at least 1, not '0'*"),
        (["--reinfer-mutant=export_dataset:gone"], "*'gone' is no kind of variation. There are: *"),
    ],
)
def test_a_wrong_option_is_refused(pytester: pytest.Pytester, arguments: list[str], wrong: str) -> None:
    result = pytester.runpytest_inprocess(*arguments)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines([wrong])


CACHED = """
import functools

@functools.cache
def cached(url, token):
    return requests.get(url + "/api/v1/datasets", headers={"Authorization": "Bearer " + token}, timeout=5).json()

def names(tenant):
    return [each["name"] for each in cached(tenant.url, tenant.token)["datasets"]]

def test_it(tenant): assert names(tenant) == ["support"]
"""


def test_what_a_client_that_remembers_answers_did_not_meet_is_told_apart(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + CACHED)
    result, report = told(pytester)
    result.assert_outcomes(passed=1)
    assert (report["broke"], report["unnoticed"], report["depended"]) == ([], [], [])
    assert len(report["not_met"]) == report["runs"] > 0
    result.stdout.fnmatch_lines(
        [
            f"not met in its run: {report['runs']}. The client or a fixture remembers answers: clear its caches *",
            f"  test_*.py::test_it: {report['runs']}",
            "    pytest test_*.py::test_it --reinfer-mutant=list_datasets:*",
        ]
    )
    assert "no test noticed" not in result.stdout.str()
    pytester.makepyfile(HEAD + CACHED + "@pytest.fixture(autouse=True)\ndef forget(): cached.cache_clear()\n")
    _, report = told(pytester)
    assert report["not_met"] == []
    assert "list_datasets:script:datasets.each.title" in [each["variation"] for each in report["unnoticed"]]


def test_a_test_that_passes_once_is_not_varied_and_breaks_no_client(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
@pytest.fixture(scope="module")
def seen(): return []

def read(tenant, seen):
    if seen:
        raise RuntimeError("once more")
    seen.append(post(tenant))

def test_once(tenant, seen): read(tenant, seen)
"""
    )
    result, report = told(pytester)
    result.assert_outcomes(passed=1)
    assert (report["runs"], report["broke"], report["depended"]) == (0, [], [])
    (left,) = report["not_varied"]
    assert left.endswith("::test_once: it does not pass twice in one process, even where nothing is varied")


def test_a_worker_that_crashes_is_told_with_the_test_that_it_ran(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD + "import os\ndef test_a(tenant): post(tenant)\ndef test_boom(tenant): post(tenant) and os._exit(3)\n"
    )
    result, report = told(pytester, "-p", "xdist", "-n1", "--max-worker-restart=1")
    result.assert_outcomes(passed=1, failed=1)
    assert [each.partition("::")[2] for each in report["not_varied"]] == [
        "test_boom: the worker that ran it ended early"
    ]
    (note,) = report["notes"]
    assert note.startswith("The worker gw0 ended early")
    result.stdout.fnmatch_lines([note.replace("[", "[[]"), "not varied: 1"])


def test_the_command_of_a_variation_says_the_seed_and_strict_and_its_error_no_address(
    pytester: pytest.Pytester,
) -> None:
    pytester.makepyfile(
        HEAD
        + """
def read(page):
    if "thread_id" not in page["comments"][0]["comment"]:
        raise ValueError(f"not in {object()}")

def test_it(tenant): read(post(tenant))
"""
    )
    _, report = told(pytester, "--reinfer-seed=5", "--reinfer-strict")
    (broke,) = (each for each in report["broke"] if each["kind"] == "absent")
    assert broke["error"] == "ValueError: not in <object object at 0x...>"
    assert "::test_it --reinfer-seed=5 --reinfer-strict --reinfer-mutant=export_dataset:absent:" in broke["command"]


def test_with_the_debugger_nothing_is_varied_but_one_may_be(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(HEAD + "def test_it(tenant): post(tenant)")
    result, report = told(pytester, "--pdb")
    result.assert_outcomes(passed=1)
    assert len(report["not_varied"]) == 1
    pytester.runpytest_inprocess("--pdb", "--reinfer-mutant=export_dataset:charset").assert_outcomes(passed=1)


def test_the_xml_has_a_line_per_test_and_the_time_of_all_its_runs(pytester: pytest.Pytester, tmp_path: Path) -> None:
    pytester.makepyfile(HEAD + THREE_FIELDS)
    pytester.runpytest_inprocess(
        "--reinfer-mutants", f"--junitxml={tmp_path / 'junit.xml'}", "-o", "junit_family=xunit1"
    )
    text = (tmp_path / "junit.xml").read_text()
    assert re.search(r'name="reinfer_mutants" value="\d+ runs: 0 broke the client, \d+ unnoticed"', text)
    assert text.count("<testcase") == 1


def test_answers_vary_on_a_port_and_for_coroutines(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
import pytest, urllib.request, json, httpx

def names(tenant):
    asked = urllib.request.Request(tenant.url + "/api/v1/datasets", headers=tenant.headers)
    with urllib.request.urlopen(asked, timeout=5) as answer:
        return [each["name"] for each in json.load(answer)["datasets"]]

def test_on_a_port(reinfer_server):
    reinfer_server.add_dataset("acme/a")
    reinfer_server.add_dataset("acme/b")
    assert names(reinfer_server) == ["a", "b"]

@pytest.mark.anyio
async def test_coroutine(reinfer):
    reinfer.add_dataset("acme/a")
    async with httpx.AsyncClient() as client:
        answer = await client.get(reinfer.url + "/api/v1/datasets", headers=reinfer.headers)
    assert answer.headers["content-type"] == "application/json"

@pytest.fixture
def anyio_backend():
    return "asyncio"
"""
    )
    result, report = told(pytester, "-p", "anyio.pytest_plugin")
    result.assert_outcomes(failed=2)
    assert [each["variation"] for each in report["broke"]] == [
        "list_datasets:charset",
        "list_datasets:item_order:datasets",
    ]


def test_a_variation_is_of_one_route(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
def test_it(tenant):
    post(tenant)
    answer = requests.get(tenant.url + "/api/v1/datasets", headers=tenant.headers, timeout=5)
    assert answer.headers["Content-Type"] == "application/json"
    assert list(answer.json()) == ["datasets", "status"]
"""
    )
    result, report = told(pytester)
    result.assert_outcomes(failed=1)
    broke = [each["variation"] for each in report["broke"]]
    assert broke == [f"list_datasets:{kind}" for kind in ("charset", "key_order", "unknown")]


def test_only_answers_of_the_tests_own_tenant_that_are_well_are_varied(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        HEAD
        + """
import json
from pytest_reinfer import FakeTenant

def test_it(tenant):
    url = tenant.url + "/api/v1/datasets/acme/support/export"
    wrong = requests.post(url, json={"limit": 0}, headers=tenant.headers, timeout=5)
    assert wrong.json() == {"status": "error", "message": "0 is less than the minimum of 1"}
    assert wrong.headers["Content-Type"] == "application/json"
    tenant.fail("mislabelled_json", route="export_dataset")
    spoilt = requests.post(url, json={}, headers=tenant.headers, timeout=5)
    assert spoilt.headers["Content-Type"] == "text/html; charset=utf-8"
    assert list(json.loads(spoilt.content)) == ["comments", "status"]
    assert len(json.loads(spoilt.content)["comments"]) == 3
    with FakeTenant("https://other.reinfer.io") as other:
        other.add_dataset("acme/support", comments=COMMENTS)
        assert post(other)["comments"] == other.exported("acme/support")
        assert list(post(other)) == ["comments", "status"]
    post(tenant)
"""
    )
    result, report = told(pytester)
    result.assert_outcomes(passed=1)
    assert (report["broke"], report["depended"]) == ([], [])
    assert {each["route"] for each in report["unnoticed"]} == {"export_dataset"}
