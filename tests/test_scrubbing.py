"""Scrubbed recordings: whatever is secret, wherever it stands and however it is written, is not in them."""

from __future__ import annotations

import base64
import gzip
import html
import json
import re
import tracemalloc
import zlib
from collections import Counter
from contextlib import suppress
from functools import partial
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recording import DATASET, DATASETS, EXPORT, FORMS, Taken, har, lines, taken, vcr, walk

from pytest_reinfer import FakeTenant, command
from pytest_reinfer.recordings import checking, exchanges, files, scrubbing
from pytest_reinfer.recordings import scrubber as scrubber_module
from pytest_reinfer.recordings.scrubber import Found, Scrubber

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7bq1\nq8Zk3v==\n-----END RSA PRIVATE KEY-----"
SECRETS = {  # what is planted, by kind; of some the surroundings tell what they are
    "bearer token": ("Bearer {}", "q8Zk3vT1xW7yLr5N"),
    "basic credentials": ("Basic {}", base64.b64encode(b"alice:open-sesame").decode()),
    "JWT": ("{}", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"),
    "AWS key": ("{}", "AKIAQ7ZK3VT1XW7YLR5N"),
    "AWS secret key": ('{{"aws_secret_access_key": "{}"}}', "wJalrXUtnFEMI/K7MDENG/bPxRfiCYzzzzzzzKEY"),
    "Google key": ("{}", "AIzaSyD-9tSrke72PouQMnMX-a7eZSW0jkFMBWY"),
    "Slack token": ("{}", "xoxb-2345678901-abcdefghijkl"),
    "GitHub token": ("{}", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
    "API key": ("{}", "sk_live_4eC39HqLyjWDarjtT1zdp7dc"),
    "private key": ("{}", PEM),
    "password": ('{{"password": "{}"}}', "correct-horse-battery"),
    "short password": ('{{"password": "{}"}}', "pw1!"),
    "token of a form": ("a=b&access_token={}", "Zx81spectrumQ"),
    "e-mail address": ("write to {} today", "jane.doe+work@customer-site.com"),
    "name": ('"{}" <jane@customer-site.com>', "Jane Q. Doe"),
    "phone number": ("call {} now", "+49 30 901820-44"),
    "local phone number": ("call {} now", "(415) 555-2671"),
    "IP address": ("from {} port 22", "81.2.69.142"),
    "IP address of version 6": ("from {} port 22", "2a02:6b8:0:1::feed:ff"),
    "tenant": ("https://{}.reinfer.io/x", "northwind-bank"),
    "credentials in a URL": ("https://{}@files.org/a", "alice:open-sesame"),
}
WRITTEN: dict[str, tuple[Callable[[str], str], Callable[[str], str]]] = {  # however it is written, and back
    "plain": (str, str),
    "percent": (quote, unquote),
    "percent throughout": (partial(quote, safe=""), unquote),
    "percent twice": (lambda text: quote(quote(text, safe=""), safe=""), lambda text: unquote(unquote(text))),
    "percent of every octet": (lambda text: "".join(f"%{octet:02x}" for octet in text.encode()), unquote),
    "a form": (lambda text: "q=" + quote_plus(text), unquote_plus),
    "JSON": (lambda text: json.dumps({"a": [text]}), lambda text: json.loads(text)["a"][0]),
    "JSON of JSON": (
        lambda text: json.dumps({"a": json.dumps({"b": text})}),
        lambda text: json.loads(json.loads(text)["a"])["b"],
    ),
    "JSON of escapes": (
        lambda text: '{"a":"' + "".join(f"\\u{ord(each):04x}" for each in text) + '"}',
        lambda text: json.loads(text)["a"],
    ),
    "entities": (lambda text: "".join(f"&#{ord(each)};" for each in text), html.unescape),
    "base 64": (
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: base64.b64decode(text).decode(),
    ),
    "base 64 for URLs": (
        lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
        lambda text: base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode(),
    ),
    "gzip in base 64": (
        lambda text: base64.b64encode(gzip.compress(text.encode())).decode(),
        lambda text: gzip.decompress(base64.b64decode(text)).decode(),
    ),
    "base 64 in JSON": (
        lambda text: json.dumps({"data": base64.b64encode(text.encode()).decode()}),
        lambda text: base64.b64decode(json.loads(text)["data"]).decode(),
    ),
}


def in_header(one: Taken, text: str) -> Taken:
    return one._replace(headers={**one.headers, "X-Note": text.replace("\n", " ")})


def in_answer_header(one: Taken, text: str) -> Taken:
    return one._replace(answer_headers={**one.answer_headers, "X-Note": text.replace("\n", " ")})


def in_query(one: Taken, text: str) -> Taken:
    return one._replace(url=f"{one.url}?note={quote(text, safe='')}")


def in_body(one: Taken, text: str) -> Taken:
    return one._replace(method="POST", body=json.dumps({"limit": 1, "note": text}))


def in_answer(one: Taken, text: str) -> Taken:
    return one._replace(answer=json.dumps({**json.loads(one.answer), "note": {"deep": [text]}}).encode())


def in_a_key(one: Taken, text: str) -> Taken:
    return one._replace(answer=json.dumps({**json.loads(one.answer), text: 1}).encode())


POSITIONS = {each.__name__: each for each in (in_header, in_answer_header, in_query, in_body, in_answer, in_a_key)}


def scrubber() -> Scrubber:
    return Scrubber(b"a key", lambda _: None)


def scrubbed(*paths: Path) -> list[Path]:
    """The files without secrets, as the command makes them."""
    one = scrubber()
    for path in paths:
        report = checking.check(path, one, now=0)
        assert report.error is None, report.error
    targets = [path.with_name(f"{path.name}.scrubbed") for path in paths]
    for path, target in zip(paths, targets, strict=True):
        scrubbing.scrub(path, one, target)
    return targets


def broken(path: Path) -> Counter[tuple[str, ...]]:
    """The breaches of a recording, without what was got."""
    return Counter(
        (each.place, breach.part, breach.path, breach.rule)
        for each in exchanges.recorded(path)
        for breach in checking.breaches(each)
    )


@pytest.fixture
def full(tenant: FakeTenant) -> FakeTenant:
    tenant.add_dataset("acme/support", comments=12)
    return tenant


@pytest.fixture(scope="module")
def one() -> Taken:
    tenant = FakeTenant()
    tenant.add_dataset("acme/support")
    return taken(tenant, "GET", DATASET)


def everything_in(value: Any) -> list[str]:
    """Every text in a value, keys too, and what is within bytes, unpacked."""
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in everything_in(each)]
    if isinstance(value, list):
        return [text for each in value for text in everything_in(each)]
    if isinstance(value, bytes):
        return everything_in(gzip.decompress(value).decode() if value[:2] == b"\x1f\x8b" else value.decode("latin-1"))
    if isinstance(value, str):
        try:
            inner = json.loads(value)
        except ValueError:
            return [value]
        return [value] if not isinstance(inner, (dict, list)) else [value, *everything_in(inner)]
    return []


def leaks(text: str, secret: str, back: Callable[[str], str]) -> bool:
    """Whether a text holds a secret, or does once what it was written in is undone."""
    if secret in text:
        return True
    for candidate in {
        text,
        text.removeprefix("q="),
        *re.findall(r"[^\s\"'<>]+", text),
        *re.findall(r"note=([^&]*)", text),
    }:
        for undone in (candidate, unquote(candidate)):
            try:
                if secret in back(undone):
                    return True
            except (ValueError, LookupError, TypeError, OSError, EOFError):
                continue
    return False


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    kind=st.sampled_from(sorted(SECRETS)),
    written=st.sampled_from(sorted(WRITTEN)),
    position=st.sampled_from(sorted(POSITIONS)),
    form=st.sampled_from(sorted(FORMS)),
    around=st.sampled_from(["{}", "x {} y", "see: {}", "({})", "{}\n"]),
)
def test_a_planted_secret_never_reaches_a_scrubbed_file(
    one: Taken, tmp_path: Path, kind: str, written: str, position: str, form: str, around: str
) -> None:
    surroundings, secret = SECRETS[kind]
    write, back = WRITTEN[written]
    if written == "JSON of escapes" or "JSON" not in written:
        around = around if written in ("plain", "entities", "percent") else "{}"
    inner = surroundings.format(
        json.dumps(secret)[1:-1] if surroundings.startswith("{") and "{{" in surroundings else secret
    )
    text = around.replace("{}", write(inner))
    path = tmp_path / "recording"
    path.write_text(FORMS[form]([POSITIONS[position](one, text)]))
    if form == "responses" and position in ("in_header", "in_answer_header", "in_body"):
        return  # which are not recorded there
    (clean,) = scrubbed(path)
    form_of = files.form(clean)
    values = [piece.value for piece in files.pieces(clean, form_of)]
    assert form_of.name == form
    told = [each for each in everything_in(values) if leaks(each, secret, back)]
    assert told == []
    assert secret not in clean.read_text()
    assert broken(clean) == broken(path)
    found: list[Found] = []
    second = Scrubber(b"", found.append)
    for value in values:
        second.value(value)
    assert found == []


@pytest.mark.parametrize("kind", SECRETS)
def test_each_kind_of_secret_is_reported(kind: str, one: Taken, tmp_path: Path) -> None:
    surroundings, secret = SECRETS[kind]
    path = tmp_path / "recording"
    text = surroundings.format(json.dumps(secret)[1:-1] if "{{" in surroundings else secret)
    bare = one._replace(headers={}, url="http://localhost" + DATASET)
    path.write_text(lines([in_answer(bare, text)]))
    report = checking.check(path, scrubber(), now=0)
    assert report.kinds.total() >= 1
    assert {found.place for found in report.secrets} == {"line 1.response.json.note.deep[0]"}


QUIET = [
    "2021-02-16T10:55:05Z.c060a787c0b2bbf95526ad5cf28bf582",
    "47194279497e141e.0123456789abcdef",
    "2024-01-15T09:00:00.001000Z",
    "2011-12-11T11:05:10.000000+00:00",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
    "total;dur=12.5",
    '{"continuation": "2021-02-16T10:55:05Z.c060a787c0b2bbf95526ad5cf28bf582", "limit": 64}',
    '{"next_page_token": "CAIQAA", "has_token": true, "max_tokens": "4096", "token_type": "bearer"}',
    "0.954979807138443, -0.4281917143125379",
    "b9a1fd75-f613-4bce-9f2a-0242ac120002",
    "version 1.2.3, section 4.5.6.",
    "The bearer of this letter; the token of my gratitude: none. Password: please reset it.",
    "Parent Label > Child Label",
    '<div class="x">a &amp; b</div>',
    "sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=",
    "127.0.0.1:8080, ::1, 0.0.0.0",
    "https://docs.example.org/a/b?c=d&e=f",
    "std::vector<int> a::b::c",
    "1596721237668",
    "redacted",
]


@pytest.mark.parametrize("text", QUIET)
def test_what_is_no_secret_is_left_alone(text: str) -> None:
    found: list[Found] = []
    assert Scrubber(b"", found.append).value({"password": "<redacted>", "text": text}) == {
        "password": "<redacted>",
        "text": text,
    }
    assert found == []


def test_the_same_is_replaced_by_the_same_in_all_files_of_a_run(full: FakeTenant, tmp_path: Path) -> None:
    exchanges_of = [taken(full, "GET", DATASET, None, **{"X-To": "jane@customer-site.com"})]
    texts = {
        "one": har(exchanges_of),
        "two": vcr(exchanges_of),
        "three": lines([in_answer(exchanges_of[0], quote(f"jane@customer-site.com {full.token}", safe=""))]),
    }
    paths = [tmp_path / name for name in texts]
    for path, text in zip(paths, texts.values(), strict=True):
        path.write_text(text)
    clean = [path.read_text() for path in scrubbed(*paths)]
    mails = [set(re.findall(r"scrubbed-[0-9a-f]{16}(?=(?:@|%40)scrubbed)", text)) for text in clean]
    tokens = [set(re.findall(r"Bearer (scrubbed-[0-9a-f]{16})", text)) for text in clean]
    assert len(mails[0]) == len(tokens[0]) == 1
    assert mails == [mails[0]] * 3
    assert tokens == [tokens[0]] * 3
    assert tokens[0].pop() in clean[2].rpartition("note")[2]


def test_ids_stay_distinct_and_fit_to_each_other(full: FakeTenant, tmp_path: Path) -> None:
    source = full.add_source("acme/mails")
    uploads = [
        {"id": f"<{n}@mail.customer-site.com>", "timestamp": "2024-01-01", "messages": [{"body": {"text": "x"}}]}
        for n in range(50)
    ]
    full.add_comments(source, uploads)
    full.add_dataset("acme/other", sources=[source])
    path = tmp_path / "recording"
    path.write_text(har([taken(full, "POST", EXPORT.replace("support", "other"), {"limit": 256})]))
    (clean,) = scrubbed(path)
    (exchange,) = exchanges.recorded(clean)
    assert exchange.response is not None
    comments = [each["comment"] for each in json.loads(exchange.response.body)["comments"]]
    assert len({each["id"] for each in comments}) == 50
    assert all(each["uid"] == f"{each['source_id']}.{each['id']}" for each in comments)
    assert "customer-site" not in clean.read_text()


@pytest.mark.parametrize("form", FORMS)
def test_a_scrubbed_file_says_the_same_but_for_what_was_secret(form: str, full: FakeTenant, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text(FORMS[form](walk(full)))
    (clean,) = scrubbed(path)
    (again,) = scrubbed(clean)
    assert files.form(clean).name == form
    assert broken(clean) == broken(path)
    assert again.read_bytes() == clean.read_bytes()
    before, after = list(exchanges.recorded(path)), list(exchanges.recorded(clean))
    assert [each.moment for each in before] == [each.moment for each in after]
    for old, new in zip(before, after, strict=True):
        assert old.response is not None
        assert new.response is not None
        assert shape(json.loads(old.response.body)) == shape(json.loads(new.response.body))
        lengths = [value for name, value in new.response.headers.items() if name.lower() == "content-length"]
        assert lengths in ([], [str(new.sizes[1])])


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shape(member) for key, member in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value)


# ------------------------------------------------------------------------------------------------------- the command


def check(*arguments: object) -> int:
    return command.main(["check", *map(str, arguments)])


def test_scrub_writes_in_place_or_into_a_folder_and_the_result_passes(full: FakeTenant, tmp_path: Path) -> None:
    for name, form in FORMS.items():
        (tmp_path / name).write_text(form(walk(full)))
        (tmp_path / name).chmod(0o640)
    paths = [tmp_path / name for name in FORMS]
    assert check(*paths) == 1
    before = [path.read_bytes() for path in paths]
    assert check(*paths, "--scrub", "--into", tmp_path / "clean") == 0
    assert [path.read_bytes() for path in paths] == before
    assert check(*(tmp_path / "clean" / name for name in FORMS)) == 0
    assert check(*paths, "--scrub") == 0
    assert check(*paths) == 0
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o640}
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*FORMS, "clean"])


def test_a_file_in_which_a_secret_would_be_left_is_not_written(
    full: FakeTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recording"
    path.write_text(har([taken(full, "GET", DATASET)]))
    before = path.read_bytes()
    monkeypatch.setattr(exchanges, "resized", lambda value, *_: {**value, "comment": "jane@customer-site.com"})
    assert check(path, "--scrub") == 1
    assert "not scrubbed: a secret would be left at log.entries[0].comment (e-mail address)" in capsys.readouterr().out
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["recording"]


def test_a_body_that_cannot_be_looked_into_is_told_and_not_written(
    full: FakeTenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = yaml.safe_load(vcr([taken(full, "GET", DATASET)]))
    answer = document["interactions"][0]["response"]
    answer["headers"]["Content-Encoding"], answer["body"]["string"] = ["br"], b"\x8b\x03\x80\xff\xfe"
    path = tmp_path / "recording"
    path.write_text(yaml.dump(document))
    before = path.read_bytes()
    assert check(path) == 1
    assert "interactions[0]: the body of the response is compressed in a way" in capsys.readouterr().out
    assert check(path, "--scrub") == 1
    assert "not scrubbed: interactions[0]: the body of the response" in capsys.readouterr().out
    assert path.read_bytes() == before


def test_where_scrubbed_files_would_meet_is_misuse(
    full: FakeTenant, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x").write_text(har(walk(full)))
    assert check(tmp_path / "a" / "x", tmp_path / "b" / "x", "--scrub", "--into", tmp_path / "c") == 2
    assert "several files are called x" in capsys.readouterr().err
    assert check(tmp_path / "a" / "x", "--into", tmp_path / "c") == 2
    assert not (tmp_path / "c").exists()


def test_more_secrets_than_can_be_looked_for_are_refused(
    full: FakeTenant, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    one = taken(full, "GET", DATASET)
    path = tmp_path / "recording"
    path.write_text(lines([in_answer(one, " ".join(f'"password": "secret-{n}"' for n in range(1100)))]))
    monkeypatch.setattr(scrubber_module, "MOST_KNOWN", 1000)
    assert check(path) == 1
    assert check(path, "--scrub") == 1
    assert "different passwords, tokens and cookies in these files, too many" in capsys.readouterr().out


def test_thousands_of_secrets_are_looked_for_everywhere(one: Taken, tmp_path: Path) -> None:
    secrets = [f"{sha256(str(number).encode()).hexdigest()[:24]}" for number in range(2500)]
    exchanges_of = [one._replace(headers={"Authorization": f"Bearer {secret}"}) for secret in secrets]
    exchanges_of += [in_answer(one, f"{'x' * (number % 5)}{secret}z") for number, secret in enumerate(secrets[:40])]
    path = tmp_path / "recording"
    path.write_text(lines(exchanges_of))
    (clean,) = scrubbed(path)
    text = clean.read_text()
    assert [secret for secret in secrets if secret in text] == []


def exchange(answer: dict[str, Any], *, url: str = "https://localhost" + DATASETS, **sent: Any) -> dict[str, Any]:
    return {
        "request": {"method": "GET", "url": url, **sent},
        "response": {"status": 200, "headers": {"Content-Type": "application/json"}, **answer},
    }


PLAIN = json.dumps({"datasets": [], "status": "ok", "password": "Zk7QwX93LmNpRt01"}).encode()
LOOKED_INTO = {
    "raw deflate": zlib.compress(PLAIN)[2:-4],
    "gzip": gzip.compress(PLAIN),
    "gzip in gzip": gzip.compress(PLAIN[:20]) + gzip.compress(PLAIN[20:]),
    "gzip with a name": b"\x1f\x8b\x08\x08" + bytes(6) + b"Zk7QwX93LmNpRt01\0" + gzip.compress(b'{"status":"ok"}')[10:],
    "UTF-16": PLAIN.decode().encode("utf-16"),
    "UTF-16 without a mark": PLAIN.decode().encode("utf-16-le"),
    "UTF-32": PLAIN.decode().encode("utf-32-be"),
    "Latin-1": PLAIN.replace(b"ok", b"\xe9"),
}
NOT_LOOKED_INTO = {
    "gzip, cut off": gzip.compress(PLAIN)[:-9],
    "gzip and more": gzip.compress(PLAIN) + bytes(3),
    "no text": b"\x01\x02\x00\x03" + PLAIN,
}


@pytest.mark.parametrize("written", LOOKED_INTO)
def test_bodies_in_base_64_give_no_secret_away(written: str, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    body = base64.b64encode(LOOKED_INTO[written]).decode()
    path.write_text(json.dumps(exchange({"body_base64": body})))
    assert check(path) == 1
    assert check(path, "--scrub", "--into", tmp_path / "clean") in (0, 1)
    left = base64.b64decode(json.loads((tmp_path / "clean" / "recording").read_text())["response"]["body_base64"])
    inner = [left]
    for bits in (31, -15):
        with suppress(zlib.error):
            inner.append(zlib.decompress(left, bits))
    for encoding in ("latin-1", "utf-16-le", "utf-32-be"):
        assert not any("Zk7QwX93LmNpRt01" in data.decode(encoding, "replace") for data in inner)


@pytest.mark.parametrize("written", NOT_LOOKED_INTO)
def test_bodies_in_base_64_that_cannot_be_read_are_told_and_not_written(
    written: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "recording"
    path.write_text(json.dumps(exchange({"body_base64": base64.b64encode(NOT_LOOKED_INTO[written]).decode()})))
    assert check(path) == 1
    assert "the body of the response is compressed in a way that cannot be undone" in capsys.readouterr().out
    assert check(path, "--scrub", "--into", tmp_path / "clean") == 1
    assert list((tmp_path / "clean").iterdir()) == []


TOKEN = "Zk7QwX93LmNpRt01"
NAMES_AT: dict[str, dict[str, Any]] = {
    "a header": {"headers": {"Authorization": f"Bearer {TOKEN}"}},
    "a cookie": {"headers": {"Cookie": f"a={TOKEN}"}},
    "a key": {"headers": {"X-Api-Key": TOKEN}},
    "a query": {"url": f"https://localhost{DATASETS}?token={TOKEN}"},
    "a URL": {"url": f"https://bob:{TOKEN}@localhost{DATASETS}"},
    "a body": {"json": {"password": TOKEN}},
}


@pytest.mark.parametrize("form", ["text", "json", "junit"])
@pytest.mark.parametrize("scrub", [False, True])
@pytest.mark.parametrize("at", NAMES_AT)
def test_a_report_shows_no_secret_that_comes_again_elsewhere(
    at: str, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], *, scrub: bool
) -> None:
    path = tmp_path / "recording"
    before = exchange({"json": {"datasets": [], "status": TOKEN, "next": 1}})
    last = exchange({"json": {"datasets": [], "status": "ok"}}, **NAMES_AT[at])
    path.write_text(
        "\n".join(json.dumps(each) for each in (before, exchange(before["response"], **NAMES_AT[at]), last))
    )
    assert check(path, "--format", form, *(("--scrub", "--into", tmp_path / "clean") if scrub else ())) == 1
    said = capsys.readouterr()
    assert "$.body.status" in said.out
    assert TOKEN not in said.out + said.err


def test_a_report_says_what_the_contract_expects_in_its_own_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "https://localhost/api/v1/datasets/acme/support/export"
    sent = {"method": "POST", "headers": {"Authorization": "Basic eDp5"}, "json": {"limit": TOKEN, "token": TOKEN}}
    one = exchange({"json": {}}, url=url, **sent)
    one["response"]["status"] = 401
    path = tmp_path / "recording"
    path.write_text(json.dumps(one))
    assert check(path) == 1
    said = capsys.readouterr().out
    assert 'header: expected "Bearer and a token"' in said
    assert TOKEN not in said


KEPT_IN = {
    "alone in a URL": "https://{}@files.org/a",
    "a signature of Amazon": "https://a.org/?X-Amz-Signature={}",
    "a signature of Azure": "https://a.org/?sv=1&sig={}",
    "a key of Azure": "AccountName=a;AccountKey={};Suffix=b",
    "npm": "npm_{}aaaaaaaaaaaaaaaaaaaa",
    "Hugging Face": "hf_{}aaaaaaaaaaaaaaaaaaaa",
    "PyPI": "pypi-{}aaaaaaaa",
    "UiPath": "rt_{}AAAA-1",
    "a list of tokens": '{{"access_tokens": ["{}"]}}',
    "a list of passwords": '{{"passwords": ["{}"]}}',
    "an object": '{{"password": {{"value": "{}"}}}}',
    "credentials": '{{"credentials": {{"key": "{}"}}}}',
    "a key and a value": '{{"key": "api_token", "value": "{}"}}',
    "a connection string": '{{"connectionString": "{}"}}',
    "XML": "<a><password>{}</password></a>",
    "a part of a form": 'Content-Disposition: form-data; name="password"\r\n\r\n{}\r\n--x--',
    "JSON that is cut off": '{{"api_key":"{}',
}


@pytest.mark.parametrize("kept_in", KEPT_IN)
def test_a_secret_is_known_by_what_stands_around_it(kept_in: str) -> None:
    text = KEPT_IN[kept_in].format(TOKEN)
    value = json.loads(text) if text.startswith("{") and text.endswith("}") else text
    found: list[Found] = []
    assert TOKEN not in json.dumps(Scrubber(b"", found.append).value({"note": value}))
    assert found != []


@pytest.mark.parametrize("text", ["=?utf-8?Q?hank.marlowe=40b.com?=", "hank.marlowe@=\r\nb.com"])
def test_addresses_are_found_in_words_and_lines_of_mail(text: str) -> None:
    assert "hank.marlowe" not in scrubber().value(text)


def test_the_names_of_a_tenant_are_found_behind_any_host() -> None:
    url = f"https://as.corp.example/globexco/prodten/reinfer_{DATASETS}"
    assert re.search("globexco|prodten", scrubber().value(url)) is None


@pytest.mark.parametrize("form", ["json", "body"])
def test_half_a_character_is_written_as_it_was_meant(form: str, tmp_path: Path) -> None:
    body = {"datasets": [], "status": "ok", "half": "\ud83d", "to": "jane@customer-site.com"}
    path = tmp_path / "recording"
    path.write_text(json.dumps(exchange({"json": body} if form == "json" else {"body": json.dumps(body)})))
    assert check(path, "--scrub", "--into", tmp_path / "clean") == 0
    answer = json.loads((tmp_path / "clean" / "recording").read_text(encoding="utf-8"))["response"]
    assert (answer["json"] if form == "json" else json.loads(answer["body"]))["half"] == "\ud83d"


def test_scrubbing_takes_as_much_memory_for_a_large_file_as_for_a_small_one(one: Taken, tmp_path: Path) -> None:
    def peak(count: int) -> int:
        path = tmp_path / str(count)
        path.write_text(har([one] * count))
        tracemalloc.start()
        try:
            scrubbed(path)
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(60)  # what is loaded once, and tables that are full
    assert peak(180) - peak(60) < 50_000
