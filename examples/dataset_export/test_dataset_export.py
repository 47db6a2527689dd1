"""The export program against a fake tenant."""

from __future__ import annotations

import csv
import io
import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
import responses

import dataset_export

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_reinfer import FakeTenant

    Run = Callable[..., "Outcome"]
    Arrange = Callable[[Callable[[], object]], None]

PAGE = 5
EXPORT = "/api/v1/datasets/acme/mail/export"
SCRIPTS = [
    "Guten Tag,\ngrüße aus Köln",
    "Добрый день;\r\nспасибо",  # noqa: RUF001 -- Russian it is
    "お世話になっております。\n\n田中",
    "שלום, עולם",
    "नमस्ते\tदुनिया",
    'He said "fine", twice 🎉',
    "a line\u2028separator",
    "",
]


class Outcome(NamedTuple):
    """What a run of the program left."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(reinfer: FakeTenant, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    tokens, said = {reinfer.token}, ""

    def run(*argv: object) -> Outcome:
        nonlocal said
        code = dataset_export.main([str(each) for each in argv], backoff=0)
        out, err = capsys.readouterr()
        tokens.update(user.token for user in reinfer.users)
        said += out + err
        return Outcome(code, out, err)

    yield run
    assert not [token for token in tokens if token in said]


@pytest.fixture
def between_pages(monkeypatch: pytest.MonkeyPatch) -> Arrange:
    """Does something once, as soon as the first page is written."""

    def arrange(happens: Callable[[], object]) -> None:
        waiting = [happens]
        monkeypatch.setattr(dataset_export, "show", lambda _: waiting and waiting.pop()())

    return arrange


def upload(number: int, text: str = "Hello", **fields: Any) -> dict[str, Any]:
    """One comment per day, of which the last day's was created first."""
    return {
        "id": f"mail.{number:02}",
        "timestamp": f"2024-03-{1 + number:02}T12:00:00Z",
        "created_at": f"2024-05-{28 - number:02}T12:00:00Z",
        "messages": [{"body": {"text": text}}],
        **fields,
    }


def lines(output: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.read_bytes().split(b"\n") if line]


def ids(output: Path) -> list[str]:
    return [entry["comment"]["id"] for entry in lines(output)]


def rows(output: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output.read_bytes().decode(), newline="")))


@pytest.mark.parametrize(
    ("size", "calls"), [(0, 1), (1, 1), (PAGE - 1, 1), (PAGE, 1), (PAGE + 1, 2), (2 * PAGE, 2), (4 * PAGE + 3, 5)]
)
@pytest.mark.parametrize("sources", [1, 3])
def test_every_comment_is_exported_once(
    reinfer: FakeTenant, run: Run, tmp_path: Path, size: int, calls: int, sources: int
) -> None:
    output = tmp_path / "mail.jsonl"
    names = [reinfer.add_source(f"acme/box-{number}") for number in range(sources)]
    reinfer.add_dataset("acme/mail", comments=size, sources=names)

    assert run("export", "acme/mail", "--format", "jsonl", "--output", output, "--limit", PAGE).code == 0

    assert lines(output) == reinfer.exported("acme/mail")
    assert len(lines(output)) == size
    assert list(tmp_path.iterdir()) == [output]
    reinfer.assert_requested("export_dataset", times=calls, json={"limit": PAGE}, status=200)


def test_the_pages_are_as_large_as_may_be(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    reinfer.add_dataset("acme/mail", comments=257)

    assert run("export", "acme/mail", "--format", "jsonl", "--output", tmp_path / "out").code == 0

    reinfer.assert_requested("export_dataset", times=2)
    assert lines(tmp_path / "out") == reinfer.exported("acme/mail")


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_an_older_output_is_replaced(reinfer: FakeTenant, run: Run, tmp_path: Path, form: str) -> None:
    output = tmp_path / "mail"
    reinfer.add_dataset("acme/mail", comments=7)
    run("export", "acme/mail", "--format", form, "--output", output)
    expected = output.read_bytes()
    output.write_bytes(b"yesterday's\n" * 10_000)

    assert run("export", "acme/mail", "--format", form, "--output", output, "--limit", 3).code == 0

    assert output.read_bytes() == expected


def test_csv_has_a_row_per_comment_in_every_script(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    output = tmp_path / "mail.csv"
    reinfer.add_dataset("acme/mail", comments=[upload(number, text) for number, text in enumerate(SCRIPTS)])

    assert run("export", "acme/mail", "--format", "csv", "--output", output, "--limit", 3).code == 0

    assert [each["text"] for each in rows(output)] == SCRIPTS
    assert output.read_bytes().count(b"comment_id") == 1


def test_jsonl_is_utf_8(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    reinfer.add_dataset("acme/mail", comments=[upload(number, text) for number, text in enumerate(SCRIPTS)])

    run("export", "acme/mail", "--format", "jsonl", "--output", tmp_path / "out")

    assert lines(tmp_path / "out") == reinfer.exported("acme/mail")
    assert "田中".encode() in (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_half_a_surrogate_pair_is_escaped(reinfer: FakeTenant, run: Run, tmp_path: Path, form: str) -> None:
    reinfer.add_dataset("acme/mail", comments=[upload(0, "half")])
    page = {"comments": reinfer.exported("acme/mail"), "status": "ok"}

    with responses.RequestsMock() as stubs:
        stubs.post(reinfer.url + EXPORT, body=json.dumps(page).replace("half", r"\ud83d"))
        assert run("export", "acme/mail", "--format", form, "--output", tmp_path / "out").code == 0

    assert rb"\ud83d" in (tmp_path / "out").read_bytes()


def test_csv_has_labels_and_both_halves_of_the_uid(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    message = {"body": {"text": "One"}, "subject": {"text": "Figures"}, "from": "bob@organisation.org"}
    reinfer.add_dataset("acme/mail", comments=[upload(0, messages=[message, {"body": {"text": "Two"}}])])
    (uid,) = (entry["comment"]["uid"] for entry in reinfer.exported("acme/mail"))
    reinfer.annotate("acme/mail", uid, ["Claim", "Claim > New"])
    reinfer.predict("acme/mail", uid, {"Praise": 0.954979})

    run("export", "acme/mail", "--format", "csv", "--output", tmp_path / "out")

    assert rows(tmp_path / "out") == [
        {
            "source_id": reinfer.source("acme/mail").id,
            "comment_id": "mail.00",
            "timestamp": "2024-03-01T12:00:00Z",
            "created_at": "2024-05-28T12:00:00Z",
            "from": "bob@organisation.org",
            "subject": "Figures",
            "text": "One\n\nTwo",
            "assigned": "Claim; Claim > New",
            "predicted": "Praise (0.95)",
        }
    ]


@pytest.mark.parametrize("text", ['=HYPERLINK("x")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "  =1", "＝1"])  # noqa: RUF001
def test_csv_has_no_formula(reinfer: FakeTenant, run: Run, tmp_path: Path, text: str) -> None:
    reinfer.add_dataset("acme/mail", comments=[upload(0, text, id="=1+1")])

    run("export", "acme/mail", "--format", "csv", "--output", tmp_path / "out")

    (only,) = rows(tmp_path / "out")
    assert (only["text"], only["comment_id"]) == (f"'{text}", "'=1+1")


def test_a_comment_without_messages_has_a_row(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    reinfer.add_dataset("acme/mail", comments=[upload(0, messages=[])])

    run("export", "acme/mail", "--format", "csv", "--output", tmp_path / "out")

    assert rows(tmp_path / "out")[0]["text"] == ""


def test_the_order_may_be_that_of_creation(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    reinfer.add_dataset("acme/mail", comments=[upload(number) for number in range(7)])

    run("export", "acme/mail", "--format", "jsonl", "--output", tmp_path / "out", "--order-by", "created_at")

    assert lines(tmp_path / "out") == reinfer.exported("acme/mail", order_by="created_at")
    assert ids(tmp_path / "out") == [f"mail.{number:02}" for number in reversed(range(7))]


@pytest.mark.parametrize(
    ("arguments", "numbers"),
    [
        (["--from", "2024-03-03T12:00:00Z"], range(2, 10)),
        (["--from", "2024-03-03T12:00:00.000001Z"], range(3, 10)),
        (["--to", "2024-03-03T12:00:00Z"], range(3)),
        (["--from", "2024-03-03", "--to", "2024-03-09T14:30:00+02:30"], range(2, 9)),
        (["--from", "2024-05-20", "--order-by", "created_at"], range(8, -1, -1)),
        (["--from", "2025-01-01"], range(0)),
    ],
)
def test_from_and_to_are_inclusive(
    reinfer: FakeTenant, run: Run, tmp_path: Path, arguments: list[str], numbers: range
) -> None:
    reinfer.add_dataset("acme/mail", comments=[upload(number) for number in range(10)])

    run("export", "acme/mail", "--format", "jsonl", "--output", tmp_path / "out", "--limit", 2, *arguments)

    assert ids(tmp_path / "out") == [f"mail.{number:02}" for number in numbers]


# ------------------------------------------------------------------------------------------------- failing and going on


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("failure", "told"),
    [
        ({"what": 503, "message": "Not now"}, "Not now"),
        ({"what": "plain_text_error"}, "500 Internal Server Error"),
        ({"what": "login_page"}, "not in the API's words"),
        ({"what": "connection_reset"}, "Connection reset by peer"),
    ],
    ids=["503", "500", "sign-in page", "cut"],
)
def test_a_resumed_export_loses_and_doubles_nothing(
    reinfer: FakeTenant, run: Run, tmp_path: Path, form: str, failure: dict[str, Any], told: str
) -> None:
    whole, output = tmp_path / "whole", tmp_path / "mail"
    reinfer.add_dataset("acme/mail", comments=23)
    command = ["export", "acme/mail", "--format", form, "--limit", PAGE, "--output"]
    run(*command, whole)
    third_page = reinfer.requests[2].json

    with reinfer.fail(**failure, when=lambda request: request.json == third_page, times=None):
        failed = run(*command, output)
    with output.open("ab") as file:
        file.write(b"of a page that was being written " * 10_000)
    resumed = run(*command, output, "--resume")

    assert (failed.code, resumed.code) == (1, 0)
    assert told in failed.err
    assert "10 comments are safe" in failed.err
    assert "--resume" in failed.err
    assert output.read_bytes() == whole.read_bytes()
    assert not dataset_export.state_file(output).exists()


@pytest.mark.parametrize("form", ["jsonl", "csv"])
@pytest.mark.parametrize("fails", [1, 2, 4])
def test_a_full_disk_loses_and_doubles_nothing(
    reinfer: FakeTenant, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str, fails: int
) -> None:
    whole, output, saved = tmp_path / "whole", tmp_path / "mail", []
    reinfer.add_dataset("acme/mail", comments=23)
    command = ["export", "acme/mail", "--format", form, "--limit", PAGE, "--output"]
    run(*command, whole)
    save = dataset_export.save

    def full(*args: Any) -> None:
        saved.append(args)
        if len(saved) == fails:
            raise OSError(28, "No space left on device")
        save(*args)

    monkeypatch.setattr(dataset_export, "save", full)
    failed = run(*command, output)
    resumed = run(*command, output, *["--resume"][: fails - 1])

    assert (failed.code, resumed.code) == (1, 0)
    assert "No space left on device" in failed.err
    assert output.read_bytes() == whole.read_bytes()


def test_an_export_begun_anew_forgets_the_old_one(
    reinfer: FakeTenant, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between_pages: Arrange
) -> None:
    command = ["export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", tmp_path / "out"]
    reinfer.add_dataset("acme/mail", comments=12)
    between_pages(reinfer.rotate_token)
    run(*command)
    monkeypatch.setenv("REINFER_TOKEN", reinfer.token)
    with monkeypatch.context() as disk:
        disk.setattr(dataset_export, "save", lambda *_: (tmp_path / "no" / "such").touch())
        assert run(*command).code == 1

    assert "Nothing to resume" in run(*command, "--resume").err


def test_a_rotated_token_is_told_and_a_new_one_goes_on(
    reinfer: FakeTenant,
    run: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    between_pages: Arrange,
) -> None:
    output = tmp_path / "mail.jsonl"
    command = ["export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", output]
    reinfer.add_dataset("acme/mail", comments=12)
    between_pages(reinfer.rotate_token)

    failed = run(*command)
    assert failed.code == 1
    assert "401 Unauthorized. The token in REINFER_TOKEN is not valid, or no longer" in failed.err
    assert run(*command, "--resume").code == 1, "the old token is still in the environment"
    monkeypatch.setenv("REINFER_TOKEN", reinfer.token)
    assert run(*command, "--resume").code == 0

    assert lines(output) == reinfer.exported("acme/mail")
    reinfer.assert_requested("export_dataset", times=3, status=200)
    reinfer.assert_requested(times=2, status=401)


def test_comments_may_come_and_go_between_the_pages(
    reinfer: FakeTenant, run: Run, tmp_path: Path, between_pages: Arrange
) -> None:
    numbers = [number for number in range(14) if number not in (1, 9)]
    reinfer.add_dataset("acme/mail", comments=[upload(number) for number in numbers])
    uid = f"{reinfer.source('acme/mail').id}.mail."

    def happens() -> None:
        reinfer.delete_comments(uid + "00", uid + "05", uid + "06", uid + "11")
        reinfer.add_comments("acme/mail", [upload(1, "behind"), upload(9, "before"), upload(20, "the last")])

    between_pages(happens)
    command = ["export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", tmp_path / "out"]

    assert run(*command).code == 0

    first, rest = [0, 2, 3, 4, 5], [7, 8, 9, 10, 12, 13, 20]
    assert ids(tmp_path / "out") == [f"mail.{number:02}" for number in (*first, *rest)]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_passes_is_repeated(reinfer: FakeTenant, run: Run, tmp_path: Path, status: int) -> None:
    reinfer.add_dataset("acme/mail", comments=8)

    reinfer.fail(status, times=3)

    done = run("export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", tmp_path / "out")

    assert done.code == 0
    assert lines(tmp_path / "out") == reinfer.exported("acme/mail")
    reinfer.assert_requested("export_dataset", times=3, status=status)
    reinfer.assert_requested("export_dataset", times=2, status=200)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["acme/mail", "--format", "csv", "--limit", "5"], "other arguments"),
        (["acme/mail", "--format", "jsonl", "--limit", "4"], "other arguments"),
        (["acme/else", "--format", "jsonl", "--limit", "5"], "other arguments"),
    ],
)
def test_only_the_same_export_is_resumed(
    reinfer: FakeTenant,
    run: Run,
    tmp_path: Path,
    between_pages: Arrange,
    arguments: list[str],
    told: str,
) -> None:
    output = tmp_path / "mail"
    reinfer.add_dataset("acme/mail", comments=12)
    between_pages(reinfer.rotate_token)
    run("export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", output)
    before = output.read_bytes()

    resumed = run("export", *arguments, "--output", output, "--resume")

    assert resumed.code == 1
    assert told in resumed.err
    assert output.read_bytes() == before


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda output: dataset_export.state_file(output).unlink(), "Nothing to resume"),
        (lambda output: output.unlink(), "Nothing to resume"),
        (lambda output: output.write_bytes(b"short"), "has lost some"),
        (lambda output: dataset_export.state_file(output).write_text("{}"), "cannot be read"),
        (lambda output: dataset_export.state_file(output).write_text("["), "cannot be read"),
    ],
    ids=["no state", "no output", "short output", "empty state", "half a state"],
)
def test_what_cannot_be_resumed_is_told(
    reinfer: FakeTenant,
    run: Run,
    tmp_path: Path,
    between_pages: Arrange,
    spoil: Callable[[Path], object],
    told: str,
) -> None:
    output = tmp_path / "mail"
    command = ["export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", output]
    reinfer.add_dataset("acme/mail", comments=12)
    between_pages(reinfer.rotate_token)
    run(*command)
    spoil(output)

    resumed = run(*command, "--resume")

    assert resumed.code == 1
    assert told in resumed.err


# ------------------------------------------------------------------------------------------------------------- refusals


def test_a_user_who_may_not_export_is_told(
    reinfer: FakeTenant, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reinfer.add_dataset("acme/mail", comments=3)
    monkeypatch.setenv("REINFER_TOKEN", reinfer.add_user("reader", permissions=["View labels"]).token)
    (tmp_path / "out").write_text("of yesterday")

    refused = run("export", "acme/mail", "--format", "csv", "--output", tmp_path / "out")

    assert refused.code == 1
    assert "403 Forbidden. The user of this token lacks a permission" in refused.err
    assert "Export datasets" in refused.err
    assert (tmp_path / "out").read_text() == "of yesterday"
    reinfer.assert_requested("export_dataset", times=1, status=403)


def test_an_unknown_dataset_is_told(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    reinfer.add_dataset("acme/mail")

    refused = run("export", "acme/male", "--format", "csv", "--output", tmp_path / "out")

    assert refused.code == 1
    assert "404 Not Found. There is no such dataset" in refused.err
    assert "--resume" not in refused.err
    assert not (tmp_path / "out").exists()
    reinfer.assert_requested("export_dataset", path="/api/v1/datasets/acme/male/export", status=404)


@pytest.mark.parametrize(
    ("dataset", "arguments", "status", "told"),
    [
        ("acme/mail", ["--limit", "0"], 400, "0 is less than the minimum of 1"),
        ("acme/mail", ["--limit", "257"], 400, "257 is greater than the maximum of 256"),
        ("acme/mail", ["--from", "yesterday"], 400, "'yesterday'"),
        ("acme/mail", ["--to", "2024-02-30"], 422, "'2024-02-30'"),
        ("acme/my mail", [], 400, "'my mail'"),
        ("acme/mail?%2e#", [], 400, "'mail?%2e#'"),
    ],
)
def test_the_service_says_what_is_wrong(
    reinfer: FakeTenant, run: Run, tmp_path: Path, dataset: str, arguments: list[str], status: int, told: str
) -> None:
    reinfer.add_dataset("acme/mail", comments=3)

    refused = run("export", dataset, *arguments, "--format", "csv", "--output", tmp_path / "out")

    assert refused.code == 1
    assert told in refused.err
    reinfer.assert_requested("export_dataset", times=1, status=status)


def test_list_shows_what_the_caller_may_see(reinfer: FakeTenant, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = [reinfer.add_source(f"acme/box-{number}") for number in range(3)]
    reinfer.add_dataset("acme/mail", title="All\tмail ", sources=sources)
    reinfer.add_dataset("acme/calls", title="Calls", comments=1)
    reinfer.add_dataset("secret/mail", title="Nobody's business")

    assert run("list").out == "acme/calls\tCalls\t1\nacme/mail\tAll мail\t3\nsecret/mail\tNobody's business\t0\n"
    for permissions, shown in (({"acme": ["View labels"]}, 2), ({"secret": ["Export datasets"]}, 1), ([], 0)):
        user = reinfer.add_user(f"sees-{shown}", permissions=permissions)
        monkeypatch.setenv("REINFER_TOKEN", user.token)
        assert len(run("list").out.splitlines()) == shown
    reinfer.assert_requested("list_datasets", times=4, status=200)


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "not ASCII: é"])
def test_an_impossible_token_is_not_sent_and_not_shown(
    reinfer: FakeTenant, run: Run, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", token)

    refused = run("list")

    assert refused.code == 1
    assert not token or token not in refused.err
    assert len(reinfer.requests) == 0


def test_a_token_may_have_been_read_with_its_line_break(
    reinfer: FakeTenant, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", f"{reinfer.token}\n")

    assert run("list").code == 0


def test_the_token_wins_over_a_netrc(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login somebody password else")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))

    assert run("list").code == 0


@pytest.mark.parametrize(
    "argv",
    [
        ["list", "--token", "x"],
        ["export", "mail", "--format", "csv", "--output", "out"],
        ["export", "acme/mail", "--format", "xlsx", "--output", "out"],
        ["--endpoint", "acme.reinfer.io", "list"],
        [],
    ],
)
def test_a_wrong_command_line_asks_nothing(reinfer: FakeTenant, run: Run, argv: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(*argv)
    reinfer.assert_not_requested()


@pytest.mark.reinfer(url="https://cloud.uipath.com/org/tenant/reinfer_")
def test_a_tenant_may_live_below_a_path(reinfer: FakeTenant, run: Run, tmp_path: Path) -> None:
    reinfer.add_dataset("acme/mail", comments=3)

    assert run("export", "acme/mail", "--format", "jsonl", "--output", tmp_path / "out").code == 0
    assert run("--endpoint", reinfer.url + "/", "list").out == "acme/mail\t\t1\n"
    assert lines(tmp_path / "out") == reinfer.exported("acme/mail")


@pytest.mark.parametrize("terminal", [True, False])
def test_progress_is_for_terminals(
    reinfer: FakeTenant, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, terminal: bool
) -> None:
    reinfer.add_dataset("acme/mail", comments=12)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)

    done = run("export", "acme/mail", "--format", "jsonl", "--limit", PAGE, "--output", tmp_path / "out")

    assert done.err.replace("\r\033[K", "\r").count("\r") == 4 * terminal
    assert ("10 comments, 0.0 MB" in done.err) == terminal
    assert done.err.endswith(f"12 comments of acme/mail are in {tmp_path / 'out'}.\n")
    assert done.out == ""
