"""Recordings in four forms: read, checked against the contract, aged, and told apart from what is none."""

from __future__ import annotations

import gzip
import json
import re
import tracemalloc
import xml.etree.ElementTree as ET
import zlib
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from recording import DATASET, DATASETS, FORMS, SOURCES, Taken, har, lines, responses, taken, vcr, walk

from pytest_reinfer import FakeTenant, command
from pytest_reinfer.recordings import checking, exchanges, files
from pytest_reinfer.recordings.scrubber import Scrubber
from pytest_reinfer.stamps import moment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Run = Callable[..., tuple[int, str, str]]
    Write = Callable[..., Path]

each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture
def full(tenant: FakeTenant) -> FakeTenant:
    tenant.add_dataset("acme/support", comments=40)
    return tenant


@pytest.fixture
def walked(full: FakeTenant) -> list[Taken]:
    """What a client asked of a tenant, without what nobody is told."""
    return [each._replace(headers={"Content-Type": "application/json"}) for each in walk(full)]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """The exit code of `pytest-reinfer check`, and what it prints."""

    def run(*arguments: object) -> tuple[int, str, str]:
        try:
            code = command.main(["check", *map(str, arguments)])
        except SystemExit as ended:
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str | bytes], Path]:
    def write(content: str | bytes, name: str = "recording") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def quiet() -> Scrubber:
    return Scrubber(b"", lambda _: None)


def report(path: Path, **settings: Any) -> checking.Report:
    return checking.check(path, quiet(), now=moment("2024-03-11T10:00:00Z"), **settings)


# -------------------------------------------------------------------------------------------------------- reading


@each_form
def test_what_was_asked_and_answered_is_read_whatever_the_form(form: str, walked: list[Taken], write: Write) -> None:
    path = write(FORMS[form](walked))
    assert files.form(path).name == form
    found = list(exchanges.recorded(path))
    assert [each.request.method for each in found] == [each.method for each in walked]
    assert [each.url for each in found] == [each.url for each in walked]
    assert [json.loads(each.response.body) for each in found if each.response] == [
        json.loads(each.answer) for each in walked
    ]
    if form != "responses":  # which records no requests
        assert [each.request.body.decode() for each in found] == [each.body for each in walked]
        assert {each.moment for each in found} == {moment("2024-03-01T10:00:00Z")}


@each_form
def test_a_recording_of_the_fake_keeps_the_contract(form: str, walked: list[Taken], write: Write) -> None:
    found = report(write(FORMS[form](walked)))
    assert (found.error, found.breaches, found.routes["export_dataset"]) == (None, [], 3)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
def test_compressed_bodies_are_read(encoding: str, full: FakeTenant, write: Write) -> None:
    one = taken(full, "GET", DATASET)
    bits = {"gzip": 31, "deflate": 15, "raw deflate": -15}[encoding]
    document = yaml.safe_load(vcr([one]))
    document["interactions"][0]["response"]["body"]["string"] = zlib.compress(one.answer, wbits=bits)
    (found,) = exchanges.recorded(write(yaml.dump(document)))
    assert found.response is not None
    assert found.response.body == one.answer


def test_bodies_in_base_64_are_read(full: FakeTenant, write: Write) -> None:
    one = taken(full, "GET", DATASET)
    (found,) = exchanges.recorded(write(har([one], packed=True)))
    assert found.response is not None
    assert found.response.body == one.answer


def test_a_cassette_in_json_and_one_of_httpx_are_read(full: FakeTenant, write: Write) -> None:
    one = taken(full, "GET", DATASET)
    document: Any = yaml.safe_load(vcr([one]))
    old = document["interactions"][0]["response"]
    document["interactions"][0]["response"] = {
        "content": one.answer.decode(),
        "headers": {name: value for name, value in old["headers"].items() if name != "Content-Encoding"},
        "http_version": "HTTP/1.1",
        "status_code": 200,
    }
    for text in (yaml.dump(document), json.dumps(document)):
        (found,) = exchanges.recorded(write(text))
        assert found.response is not None
        assert found.response.body == one.answer


def test_what_the_recorder_of_responses_writes_is_read(full: FakeTenant, tmp_path: Path) -> None:
    import requests  # noqa: PLC0415
    from responses import Response, _recorder  # noqa: PLC0415

    recorder = _recorder.Recorder()
    url = full.url + DATASET
    answer = requests.get(url, headers=full.headers)
    content_type = answer.headers["Content-Type"]
    kept = Response("GET", url, body=answer.text, status=200, headers={"X": "y"}, content_type=content_type)
    recorder.get_registry().add(kept)
    recorder.dump_to_file(tmp_path / "recorded.yaml")
    found = report(tmp_path / "recorded.yaml")
    assert (found.form, found.error, found.breaches, found.routes["get_dataset"]) == ("responses", None, [], 1)


def test_a_body_that_was_not_recorded_is_held_against_nothing(walked: list[Taken], write: Write) -> None:
    document = json.loads(har(walked))
    for entry in document["log"]["entries"]:
        del entry["request"]["postData"], entry["response"]["content"]["text"]
    assert report(write(json.dumps(document))).breaches == []


def test_a_mark_of_utf_8_at_the_start_of_a_file_is_read_over(walked: list[Taken], write: Write) -> None:
    for form in FORMS.values():
        assert report(write(b"\xef\xbb\xbf" + form(walked).encode())).error is None


def test_a_tenant_on_any_host_counts_and_other_hosts_do_not(full: FakeTenant, write: Write) -> None:
    one = taken(full, "GET", DATASETS)
    urls = [
        "https://proxy.example.org/team" + DATASETS,
        "https://other.example.org/api/v1/things",
        "https://a.example/",
    ]
    found = report(write(har([one._replace(url=url) for url in urls])))
    assert found.routes == {"list_datasets": 1}
    assert found.others == {"other.example.org": 1, "a.example": 1}


def test_what_browsers_settle_alone_is_told_and_not_checked(full: FakeTenant, run: Run, write: Write) -> None:
    one = taken(full, "GET", DATASET)._replace(headers={}, url="http://localhost" + DATASET)
    asked = {"Access-Control-Request-Method": "GET"}
    preflight = one._replace(method="OPTIONS", headers=asked, status=204, answer=b"", answer_headers={})
    had_already = one._replace(status=304, answer=b"", answer_headers={})
    document = json.loads(har([one, preflight, had_already, one, one, one]))
    inner = ("data:text/css,a", "blob:https://localhost/api/v1/datasets", "about:blank")
    for entry, url in zip(document["log"]["entries"][3:], inner, strict=True):
        entry["request"]["url"] = url
    code, out, _ = run(write(json.dumps(document)))
    assert (code, "har, 1 exchanges, 2 preflights and answers 304 not checked, 3 with other hosts" in out) == (0, True)


def test_bodies_that_were_not_recorded_are_told(walked: list[Taken], run: Run, write: Write) -> None:
    document = json.loads(har(walked[:1]))
    document["log"]["entries"][0]["response"]["content"] = {"size": 500}
    assert "1 bodies not recorded, and so not checked" in run(write(json.dumps(document)))[1]


@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_half_a_character_hides_nothing_of_what_is_told(form: str, run: Run, write: Write) -> None:
    asked = {"method": "GET", "url": "https://localhost" + DATASETS}
    broken = {"request": asked, "response": {"status": 200, "json": "\ud800"}}
    code, out, _ = run(write(json.dumps(broken), "half"), write("nonsense", "other"), "--format", form)
    assert code == 2
    assert "$.body" in out
    assert "other" in out


def test_a_report_does_not_take_the_place_of_a_recording(walked: list[Taken], run: Run, write: Write) -> None:
    path = write(har(walked))
    before = path.read_bytes()
    code, _, err = run(path, "--output", path.parent / "." / path.name)
    assert (code, "is a recording: name another file" in err) == (2, True)
    assert path.read_bytes() == before


# ------------------------------------------------------------------------------------------------ what is no recording

BROKEN = {
    "empty": ("", "it is empty"),
    "blank": (" \n\n", "it is empty"),
    "prose": ("hello", "no recording"),
    "a list": ("[1, 2]", "no recording"),
    "a list of yaml": ("- a\n- b\n", "no recording"),
    "something else": ('{"openapi": "3.1.0", "paths": {}}', "openapi, paths at its top"),
    "something else of yaml": ("version: 2\njobs: {}\n", "version, jobs at its top"),
    "binary": (b"\x00\x01\x02\x03", "it is no text"),
    "compressed": (gzip.compress(b"{}"), "unpack it first"),
    "no entries": ('{"log": {"version": "1.2"}}', "no list at log.entries"),
    "no exchange": ('{"log": {"entries": []}}', "it holds no exchange"),
    "no exchange of yaml": ("interactions: []\nversion: 1\n", "it holds no exchange"),
    "an entry that is none": ('{"log": {"entries": [3]}}', r"log.entries\[0\] is no object"),
    "an entry without a URL": ('{"log": {"entries": [{"request": {"method": "GET"}}]}}', r"log.entries\[0\]: .*url"),
    "a URL without a host": (
        '{"request": {"method": "GET", "url": "/a"}, "response": {"status": 200}}',
        "line 1: its URL names no host",
    ),
    "a status that is a text": (
        '{"request": {"method": "GET", "url": "https://a.org/"}, "response": {"status": "200"}}',
        "line 1: status is not what it must be|line 1: response.status is not what it must be",
    ),
    "interactions that are no list": ("interactions: 3\n", "interactions is no list"),
    "half a line": ('{"request": {}, "response', "line 1 is no JSON|JSON ends before its end"),
    "too deep": ("[" * 100_000, "nested deeper"),
    "yaml too deep": ("interactions:\n- a: " + "[" * 5000, "nested deeper"),
    "latin-1": (b'{"log": {"entries": [{"a": "\xe4"}]}}', "invalid bytes"),
    "latin-1 in yaml": (b"interactions:\n- a: \xe4\n", "it is no YAML"),
    "broken yaml": ("interactions:\n- a: [\n", "line 3"),
    "two documents": ("interactions: []\n---\nb: 1\n", "more than one document"),
    "an alias of nothing": ("interactions:\n- a: *b\n", "line 2"),
    "bad base 64": (
        '{"request": {"method": "GET", "url": "https://a.org/"}, "response": {"status": 200, "body_base64": "a"}}',
        "line 1: a body is said to be in base64",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_no_recording_is_told_in_one_line_with_the_file(case: str, run: Run, write: Write) -> None:
    content, told = BROKEN[case]
    path = write(content)
    code, out, _ = run(path)
    assert code == 2
    first, verdict, *rest = out.splitlines()
    assert first.startswith(f"{path}: ")
    assert re.search(told, first), first
    assert (verdict, rest) == ("1 file, 0 exchanges: 1 with something wrong", [])


@each_form
def test_a_recording_that_is_cut_anywhere_is_never_passed_over(
    form: str, walked: list[Taken], run: Run, write: Write
) -> None:
    text = FORMS[form](walked[:2])
    for share in range(1, 20):
        cut = text[: len(text) * share // 20]
        code, out, err = run(write(cut))
        assert code == 2 or (form in ("vcr", "responses") and code in (0, 1)), out
        assert "Traceback" not in out + err
    # YAML cannot tell that it has been cut between two lines; what is read then is whole, or tells what is missing


def test_a_file_that_is_not_there_and_one_without_exchanges_of_the_api_are_misuse(
    run: Run, walked: list[Taken], write: Write, tmp_path: Path
) -> None:
    assert run(tmp_path / "none")[0] == 2
    code, out, _ = run(write(har([walked[0]._replace(url="https://a.example/")])))
    assert code == 2
    assert "none of its 1 exchanges is one of the API. They are with a.example" in out


def test_one_bad_file_does_not_hide_what_the_others_say(run: Run, walked: list[Taken], write: Write) -> None:
    good, bad = write(har(walked), "good"), write("", "bad")
    code, out, _ = run(bad, good)
    assert code == 2
    assert f"{good}: har, {len(walked)} exchanges" in out


EVIL = [
    "interactions:\n- !!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path ['{}']]\n",
    "interactions:\n- request: !!python/object/new:os.system ['touch {}']\n",
    "!!python/object/apply:os.system ['touch {}']\n",
    "interactions: !!python/object/apply:os.system ['touch {}']\n",
    "version: !!python/object/apply:os.system ['touch {}']\ninteractions: []\n",
    "responses:\n- response:\n    body: !!python/object/apply:subprocess.check_output [['touch', '{}']]\n",
]


@pytest.mark.parametrize("text", EVIL, ids=range(len(EVIL)))
def test_a_malicious_yaml_does_not_run(text: str, run: Run, write: Write, tmp_path: Path) -> None:
    path = write(text.replace("{}", str(tmp_path / "touched")))
    for arguments in ((path,), (path, "--scrub")):
        assert run(*arguments)[0] == 2
    with pytest.raises(files.BadRecording):
        FakeTenant.from_recording(path)
    assert not (tmp_path / "touched").exists()


def test_yaml_that_says_little_and_means_much_is_refused(run: Run, write: Write) -> None:
    layers = "".join(f"- &{chr(98 + n)} [{','.join([f'*{chr(97 + n)}'] * 10)}]\n" for n in range(9))
    code, out, _ = run(write("seen:\n- &a [x,x,x,x,x,x,x,x,x,x]\n" + layers + "interactions: []\n"))
    assert (code, "has more than 1000000 values" in out) == (2, True)


def test_a_body_that_grows_beyond_measure_is_refused(run: Run, walked: list[Taken], write: Write) -> None:
    document = yaml.safe_load(vcr(walked[:1]))
    document["interactions"][0]["response"]["body"]["string"] = gzip.compress(bytes(100 * 2**20))
    code, out, _ = run(write(yaml.dump(document)))
    assert code == 2
    assert "interactions[0]: a body has more than 64 MiB once it is decompressed" in out


# -------------------------------------------------------------------------------------------------------- checking


def wrong(one: Taken, **fields: Any) -> Taken:
    body = json.loads(one.answer)
    body["dataset"] |= fields
    return one._replace(answer=json.dumps(body).encode())


@each_form
def test_a_breach_is_told_with_its_place_its_rule_and_its_evidence(
    form: str, full: FakeTenant, run: Run, write: Write
) -> None:
    good = taken(full, "GET", DATASET)._replace(headers={})
    path = write(FORMS[form]([good, wrong(good, id=7)]))
    code, out, _ = run(path)
    assert code == 1
    place = {"har": "log.entries[1]", "vcr": "interactions[1]", "responses": "responses[1]", "jsonl": "line 2"}[form]
    assert f"{place} GET {DATASET}: 200" in out
    assert 'response $.body.dataset.id: type: expected "string", got 7' in out
    assert "[documented: " in out


def test_breaches_of_rules_known_less_well_pass_where_that_is_asked_for(
    full: FakeTenant, run: Run, write: Write
) -> None:
    tells = taken(full, "GET", SOURCES)
    body = json.loads(tells.answer)
    del body["sources"][0]["_kind"]  # which clients need, and nothing documents
    answer = json.dumps(body).encode()
    path = write(lines([tells._replace(answer=answer, headers={}, url="http://127.0.0.1" + SOURCES)]))
    assert run(path)[0] == 1
    code, out, _ = run(path, "--min-evidence", "documented")
    assert code == 0
    assert "(tolerated)" in out
    assert run(path, "--min-evidence", "heard")[0] == 2


def test_a_recording_is_too_old_or_does_not_say(walked: list[Taken], run: Run, write: Write) -> None:
    old = report(write(har(walked)), max_age=9)
    assert (old.days, old.too_old) == (10, "it is 10 days old, more than 9")
    assert report(write(har(walked)), max_age=10).too_old is None
    assert report(write(responses(walked)), max_age=10).too_old == "it does not say when it was recorded"
    code, out, _ = run(write(har(walked)), "--max-age", "30")
    assert (code, "too old: it is " in out) == (1, True)
    new = har(walked).replace("2024-03-01T10:00:00Z", (datetime.now(UTC) - timedelta(days=3)).isoformat())
    assert "too old" not in run(write(new), "--max-age", "30")[1]
    assert run(write(new), "--max-age", "-1")[0] == 2


def test_the_oldest_exchange_tells_the_age(walked: list[Taken], write: Write) -> None:
    text = lines(walked).replace("2024-03-01", "2023-03-01", 1)
    found = report(write(text))
    assert (found.oldest, found.newest) == (moment("2023-03-01T10:00:00Z"), moment("2024-03-01T10:00:00Z"))


def test_a_report_may_be_json(full: FakeTenant, run: Run, write: Write, tmp_path: Path) -> None:
    path = write(har([wrong(taken(full, "GET", DATASET), id=7)]))
    code, out, _ = run(path, "--format", "json")
    told = json.loads(out)
    assert (code, told["failed"]) == (1, True)
    (file,) = told["files"]
    (breach,) = file["breaches"]["first"]
    assert (breach["path"], breach["rule"], breach["place"]) == ("$.body.dataset.id", "type", "log.entries[0]")
    assert file["secrets"]["kinds"]["authorization"] == 1
    assert run(path, "--format", "json", "--output", tmp_path / "report")[1] == ""
    assert json.loads((tmp_path / "report").read_text())["files"][0]["days"] == file["days"]


def test_a_report_may_be_junit_that_says_which_file_and_route_failed(full: FakeTenant, run: Run, write: Write) -> None:
    good = taken(full, "GET", DATASETS)
    broken = wrong(taken(full, "GET", DATASET), id="\x00\x1f<&>]]>")
    one, none = write(har([good, *[broken] * 300]), 'one <&">'), write("nonsense", "none")
    code, out, err = run(one, none, "--format", "junit")
    assert code == 2
    suites = ET.fromstring(out)  # noqa: S314 -- our own
    assert [suite.get("name") for suite in suites] == [str(one), str(none)]
    verdicts = {case.get("name"): [each.tag for each in case] for case in suites.iter("testcase")}
    assert verdicts["list_datasets keeps the contract"] == []
    assert verdicts["get_dataset keeps the contract"] == ["failure"]
    assert verdicts["is read"] == ["error"]
    assert (suites.get("tests"), suites.get("failures"), suites.get("errors")) == (str(len(verdicts)), "2", "1")
    assert len(out) < 60_000
    assert "nonsense" not in err


def test_what_a_breach_tells_gives_no_secret_away(full: FakeTenant, run: Run, write: Write) -> None:
    broken = wrong(taken(full, "GET", DATASET), id={"password": "correct-horse", "to": "bob@acme.org"})
    for form in ("text", "json", "junit"):
        _, out, err = run(write(har([broken])), "--format", form)
        assert "$.body.dataset.id" in out
        assert not any(secret in out + err for secret in ("correct-horse", "bob@acme.org", full.token))


# ---------------------------------------------------------------------------------------------------------- memory


def peak(path: Path) -> int:
    tracemalloc.start()
    try:
        found = checking.check(path, quiet(), now=0)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.error is None
    return most


@each_form
def test_memory_does_not_grow_with_a_recording(form: str, full: FakeTenant, write: Write) -> None:
    one = taken(full, "GET", DATASET)._replace(headers={})
    small, large = (write(FORMS[form]([one] * count), str(count)) for count in (100, 400))
    peak(small)  # what is loaded once
    assert large.stat().st_size - small.stat().st_size > 300_000
    assert peak(large) - peak(small) < 60_000
