"""Raw e-mails as comments: what is read out of headers and bodies, and what the route makes of batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, in_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_reinfer import contract, emails, strategies
from pytest_reinfer.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.tenant import Source

    Send = Callable[..., Answer]

SYNC = "/api/v1/sources/acme/mail/sync-raw-emails"
DATE = "Sun, 11 Dec 2011 12:05:10 +0100"
FROM = "From: Bob <bob@b.org>\r\nSubject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\n aus Köln"
RAW = f"Message-ID: <1@b.org>\r\nDate: {DATE}\r\n{FROM}"


@pytest.fixture(autouse=True)
def source(tenant: FakeTenant) -> Source:
    return tenant.add_source("acme/mail")


def document(raw: str = RAW, body: Any = None, **about: Any) -> dict[str, Any]:
    return {"raw_email": {"headers": {"raw": raw}, "body": {"plain": "Hello"} if body is None else body}, **about}


def parsed(**headers: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    with_date = {"Message-ID": "<1@b.org>", "Date": DATE, **named}
    return {"raw_email": {"headers": {"parsed": with_date}, "body": {}}}


def message(**headers: str) -> Any:
    """The message that an e-mail with these headers becomes."""
    return emails.upload(parsed(**headers), 0)["messages"][0]


# ------------------------------------------------------------------------------------------------------------- reading


def test_raw_and_parsed_headers_make_the_same_comment() -> None:
    lines = {"message-id": "<1@b.org>", "DATE": DATE, "From": "Bob <bob@b.org>", "subject": "Grüße aus Köln"}
    other = {"raw_email": {"headers": {"parsed": lines}, "body": {"plain": "Hello"}}}
    assert emails.upload(document(), 0) == emails.upload(other, 0)
    assert emails.upload(document(), 0) == {
        "id": "c59e229bfa8240b2",
        "timestamp": "2011-12-11T11:05:10Z",
        "messages": [
            {
                "body": {"text": "Hello"},
                "sent_at": "2011-12-11T11:05:10Z",
                "subject": {"text": "Grüße aus Köln"},
                "from": "Bob <bob@b.org>",
            }
        ],
        "user_properties": {},
        "attachments": [],
        "thread_id": "c59e229bfa8240b2",
    }


def test_raw_headers_may_stand_behind_an_empty_line_and_before_one() -> None:
    assert emails.upload(document(f"\r\n{RAW}\r\n\r\nnot a header"), 0) == emails.upload(document(), 0)
    assert emails.upload(document(f"{RAW}\n  "), 0) == emails.upload(document(), 0)


def test_the_id_follows_from_the_message_id_alone_unless_it_is_given() -> None:
    first, second = (emails.upload(parsed(Subject=text), 0)["id"] for text in "ab")
    assert first == second == emails.derived("1@b.org")
    assert emails.upload(parsed(Message_ID=" <1@b.org>\t(x)"), 0)["id"] == first
    assert emails.upload(parsed(Message_ID="1@b.org"), 0)["id"] == first
    assert emails.upload(parsed(Message_ID="<1@b.\r\n org>"), 0)["id"] == first
    assert emails.upload(parsed(Message_ID="<1@B.org>"), 0)["id"] != first
    assert emails.upload(parsed() | {"comment_id": "mine"}, 0)["id"] == "mine"


@pytest.mark.parametrize(
    ("headers", "root"),
    [
        ({}, "1@b.org"),
        ({"In_Reply_To": "<2@b.org>"}, "2@b.org"),
        ({"References": "<3@b.org>\r\n <2@b.org>", "In_Reply_To": "<2@b.org>"}, "3@b.org"),
        ({"References": "", "In_Reply_To": "junk <2@b.org> junk"}, "2@b.org"),
    ],
)
def test_the_thread_follows_from_the_first_e_mail_of_it(headers: dict[str, str], root: str) -> None:
    assert emails.upload(parsed(**headers), 0)["thread_id"] == emails.derived(root)


def test_an_e_mail_without_an_id_of_its_own_has_no_thread() -> None:
    given = {"raw_email": {"headers": {"parsed": {"Date": DATE}}, "body": {}}, "comment_id": "a"}
    assert "thread_id" not in emails.upload(given, 0)


@pytest.mark.parametrize(
    ("date", "stamp"),
    [
        ("Sun, 11 Dec 2011 11:05:10 +0000", "2011-12-11T11:05:10Z"),
        ("11 Dec 2011 11:05 GMT", "2011-12-11T11:05:00Z"),
        ("Sun, 11 Dec 2011 11:05:10 -0000 (UTC)", "2011-12-11T11:05:10Z"),
        ("Sun, 11 Dec 2011 23:05:10 -0500", "2011-12-12T04:05:10Z"),
    ],
)
def test_a_date_is_a_moment_in_utc(date: str, stamp: str) -> None:
    upload = emails.upload(parsed(Date=date), 0)
    assert upload["timestamp"] == upload["messages"][0]["sent_at"] == stamp


@pytest.mark.parametrize(
    "date",
    [
        "",
        " ",
        "soon",
        "Fri, 30 Feb 2024 00:00:00 +0000",
        "1 Jan 2024 00:00 +9999",
        f"1 Jan {'9' * 30}",
        "31 Dec 9999 23:00 -2359",
        f"{'9' * 30} Jan 2024 00:00 +0000",
    ],
)
def test_a_date_that_means_no_moment_is_refused(date: str) -> None:
    with pytest.raises(Refused, match="The document 7 has no valid Date header"):
        emails.upload(parsed(Date=date), 7)


def test_addresses_are_told_apart_and_their_names_decoded() -> None:
    found = message(
        From="=?iso-8859-1?q?J=FCrgen?= <j@b.org>, other@b.org",
        To='"Doe, Jane" <jane@a.org>, bob@a.org',
        Cc="Friends: ann@a.org, eve@a.org;",
        Bcc="undisclosed-recipients:;",
    )
    assert found["from"] == "Jürgen <j@b.org>"
    assert found["to"] == ["Doe, Jane <jane@a.org>", "bob@a.org"]
    assert found["cc"] == ["ann@a.org", "eve@a.org"]
    assert "bcc" not in found
    raw = f"{RAW}\r\nTo: ann@a.org\r\nCc: eve@a.org\r\nTo: bob@a.org"
    assert emails.upload(document(raw), 0)["messages"][0]["to"] == ["ann@a.org", "bob@a.org"]
    assert message().keys() == {"body", "sent_at"}


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ("=?utf-8?b?5L2g5aW9?=", "你好"),
        ("Re: =?utf-8?q?a?= =?utf-8?q?b?= c", "Re: ab c"),
        ("=?utf-8?q?=E4=BD?=\r\n =?utf-8?q?=A0?=", "你"),
        ("你好 =?utf-8?q?=C3=BC?=", "你好 ü"),
        ("=?no-such?q?a?=", "=?no-such?q?a?="),
        ("=?utf-8?q?=ff?= a", "=?utf-8?q?=ff?= a"),
        ("=?unicode_escape?q?=5Cud800?=", "=?unicode_escape?q?=5Cud800?="),
        ("=?utf-8?b?x?=", "=?utf-8?b?x?="),
        ("folded\r\n\there", "folded here"),
    ],
)
def test_encoded_words_are_decoded_where_they_can_be(header: str, text: str) -> None:
    assert message(Subject=header)["subject"]["text"] == text


HTML = """<html><head><title>T</title><style>p {a: b}</style></head><body>
<p>Dear&nbsp;Ann,<br>how &amp; why &lt;1&gt;?</p>
<div>one<div>two</div>three</div><script>if (a < b) c()</script>
<ul><li>x</li><li>y</ul><table><tr><td>1</td> <td>2</td></tr></table>
<!--[if mso]><p>no</p><![endif]--><![if !mso]>end<![endif]></body></html>"""


def test_html_becomes_text() -> None:
    expected = "Dear Ann,\nhow & why <1>?\n\none\ntwo\nthree\n\nx\ny\n\n1 2\n\nend"
    assert emails.text_of(HTML) == expected
    assert [emails.text_of(html) for html in ("", "a & b", "a <", "a &amp")] == ["", "a & b", "a <", "a &"]
    upload = emails.upload(document(body={"html": HTML}), 0)
    assert upload["messages"][0]["body"] == {"text": expected}


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<br>b", "a\nb"),
        ("a<br><br>b", "a\n\nb"),
        ("a<br><br><br><br>b", "a\n\nb"),
        ("<p>a</p><br><p>b</p>", "a\n\nb"),
        ("a<title>x<b>y</b>z</title>b", "ab"),
    ],
)
def test_breaks_end_lines_and_what_is_hidden_stays_so(html: str, text: str) -> None:
    assert emails.text_of(html) == text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"plain": "a\r\nb", "html": "<p>c"}, "a\nb"),
        ({"plain": " \r\n", "html": "<p>c"}, "c"),
        ({"plain": " a "}, " a "),
        ({}, ""),
    ],
)
def test_the_plain_text_goes_before_the_html(body: Any, text: str) -> None:
    assert emails.upload(document(body=body), 0)["messages"][0]["body"]["text"] == text


def test_what_is_longer_than_a_comment_may_hold_is_cut() -> None:
    many = parsed(Subject="s" * 70_000, From=f"{'n' * 600} <a@b.org>", To=", ".join(["a@b.org"] * 2050))
    many["raw_email"]["body"] = {"html": "h" * 70_000}
    upload = emails.upload(many, 0)
    (found,) = upload["messages"]
    assert [len(found["subject"]["text"]), len(found["from"]), len(found["to"])] == [65536, 512, 2048]
    assert len(found["body"]["text"]) == 65536
    assert contract.valid("objects/new_comment.json", upload)


LINES = st.one_of(
    st.text(max_size=30), st.sampled_from([DATE, "<a@b.org>", "Ann <a@b.org>", "=?utf-8?q?=C3?=", ":;,<>()"])
)
NAMES = st.sampled_from(["Message-ID", "Date", "From", "To", "Cc", "References", "In-Reply-To", "Subject", "X", ""])
TAGS = st.sampled_from(
    ["<p>", "</p>", "<br/>", "<![", "<!", "<![x[", "<!--", "-->", "<?", "</", "&#xD800;", "&#0;", "<title>"]
)


@settings(database=None, derandomize=True, deadline=None, max_examples=300)
@given(
    st.lists(st.tuples(NAMES, LINES)),
    st.lists(st.one_of(TAGS, st.text(max_size=8))),
    st.sampled_from(["raw", "parsed"]),
)
def test_whatever_is_sent_is_a_comment_or_refused_in_words(
    headers: list[tuple[str, str]], html: list[str], form: str
) -> None:
    told = {"raw": "\n".join(map(": ".join, headers)), "parsed": dict(headers)}
    sent = {"raw_email": {"headers": {form: told[form]}, "body": {"html": "".join(html)}}, "comment_id": "a"}
    upload = read(sent)
    assert upload is None or contract.problem("objects/new_comment.json", upload) is None


def read(sent: Any) -> Any:
    """What an e-mail becomes; None where it is refused as unreadable, which is the only way."""
    try:
        return emails.upload(sent, 0)
    except Refused as refusal:
        if refusal.name != "unreadable_email":
            raise
        return None


# ----------------------------------------------------------------------------------------------------------- the route


def test_e_mails_are_synced_as_comments(tenant: FakeTenant, source: Source, send: Send) -> None:
    attachments = [{"name": "a.csv", "size": 1, "content_type": "text/csv"}]
    given = document(comment_id="a", user_properties={"string:Team": "North"})
    given["raw_email"]["attachments"] = attachments
    answer = send("POST", SYNC, {"documents": [given, document()]})
    counts = {"new": 2, "updated": 0, "unchanged": 0, "updated_properties_only": 0, "updated_text_changed": 0}
    assert answer.json == {**counts, "status": "ok"}
    stored = tenant.comment(f"{source.id}.a")
    assert (stored["user_properties"], stored["attachments"]) == ({"string:Team": "North"}, attachments)
    assert (stored["text_format"], stored["timestamp"]) == ("plain", "2011-12-11T11:05:10Z")
    changed = document(comment_id="a", body={"plain": "Bye"})
    again = send("POST", SYNC, {"documents": [changed, document()], "override_user_properties": ["string:Team"]})
    assert (again.json["updated_text_changed"], again.json["unchanged"]) == (1, 1)
    assert len(tenant.comments(source)) == 2


def test_the_comments_come_back_where_they_are_asked_for(tenant: FakeTenant, source: Source, send: Send) -> None:
    batch = [document(comment_id=name) for name in "bab"]
    page = send("POST", SYNC, {"documents": batch, "include_comments": True}).json
    a, b = tenant.comments(source)
    assert page["comments"] == [b, a, b]
    assert (page["new"], page["unchanged"]) == (2, 1)


def test_an_empty_batch_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    assert send("POST", SYNC, {"documents": [], "include_comments": True}).json["comments"] == []
    assert tenant.comments("acme/mail") == []


@pytest.mark.parametrize("tag", ["generic.0.CONVKER5", "acme_mail.12.ABCD1234"])
def test_a_good_transform_tag_changes_nothing(send: Send, tag: str) -> None:
    assert send("POST", SYNC, {"documents": [document()], "transform_tag": tag}).json["new"] == 1


@pytest.mark.parametrize("tag", ["not-a-valid-transform-tag.0.ABCDEFGH", "", "generic", "generic.0.CONVKER5\n"])
def test_a_bad_transform_tag_is_422_in_the_words_of_the_service(refused: Send, tag: str) -> None:
    answer = refused(422, "POST", SYNC, {"documents": [document()], "transform_tag": tag})
    assert answer.message == f"The value '{tag}' is not a valid transform tag."


@pytest.mark.parametrize("headers", [{}, {"raw": RAW, "parsed": {}}])
def test_headers_in_both_forms_or_none_are_400(refused: Send, headers: Any) -> None:
    bad = document()
    bad["raw_email"]["headers"] = headers
    answer = refused(400, "POST", SYNC, {"documents": [document(), bad], "transform_tag": "bad"})
    assert answer.message == "400 Bad Request: the headers of document 1 are to be either raw or parsed"
    nowhere = {"documents": [bad]}
    assert refused(400, "POST", SYNC.replace("mail", "nothing", 1), nowhere).status == 400


@pytest.mark.parametrize(
    ("raw", "header"), [("Message-ID: <1@b.org>", "Date"), (f"Date: {DATE}", "Message-ID"), ("", "Message-ID")]
)
def test_an_e_mail_that_lacks_what_a_comment_needs_refuses_the_batch(refused: Send, raw: str, header: str) -> None:
    answer = refused(422, "POST", SYNC, {"documents": [document(), document(raw)]})
    assert answer.message == f"The document 1 has no valid {header} header."


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (document() | {"subject": "a"}, "'subject' was unexpected"),
        (document(comment_id="a b"), "'a b' does not match"),
        (document(user_properties={"Team": "North"}), "'Team' does not match any of the regexes"),
        (document("x" * 65_537), "is too long"),
        (document(body={"plain": "x" * 65_537}), "is too long"),
        (document(body={"text": "x"}), "'text' was unexpected"),
        ({}, "'raw_email' is a required property"),
        (parsed(To=1), "1 is not of type 'string'"),  # type: ignore[arg-type] # which is the point
    ],
)
def test_a_document_that_does_not_fit_is_400(refused: Send, bad: Any, words: str) -> None:
    assert words in refused(400, "POST", SYNC, {"documents": [document(), bad]}).message


def test_4096_e_mails_are_taken_and_no_more(tenant: FakeTenant) -> None:
    batch = [document(comment_id=f"{number}") for number in range(4097)]
    assert ask(tenant, "POST", SYNC, {"documents": batch}).message.endswith("is too long")
    assert ask(tenant, "POST", SYNC, {"documents": batch[:-1]}).json["new"] == 4096


def test_a_source_that_is_not_there_is_404(refused: Send) -> None:
    nowhere = SYNC.replace("acme/mail", "acme/nothing")
    assert refused(404, "POST", nowhere, {"documents": [document("")]}).message == "404 Not Found"


def test_a_part_of_a_batch_is_stored_and_a_repeat_stores_each_once(tenant: FakeTenant, source: Source) -> None:
    batch = {"documents": [document(f"Message-ID: <{n}@b.org>\nDate: {DATE}", {"plain": f"{n}"}) for n in range(4)]}
    with (
        tenant.fail("connection_reset", phase="partial", route="sync_raw_emails"),
        pytest.raises(Exception, match="reset"),
    ):
        ask(tenant, "POST", SYNC, batch)
    assert len(tenant.comments(source)) == 2
    assert ask(tenant, "POST", SYNC, batch).json["new"] == 2
    texts = [str(n) for n in range(4)]
    tenant.assert_no_duplicates_or_losses(source, texts, key=lambda each: each["messages"][0]["body"]["text"])


def test_many_who_send_the_same_e_mail_make_one_comment(tenant: FakeTenant) -> None:
    news: list[int] = []
    in_threads(lambda _: news.append(ask(tenant, "POST", SYNC, {"documents": [document()]}).json["new"]))
    assert sorted(news) == [*[0] * 7, 1]


@settings(database=None, derandomize=True, deadline=None, max_examples=40)
@given(strategies.from_schema("objects/email_document.json"))
def test_a_drawn_document_is_read_or_refused_in_words(sent: Any) -> None:
    upload = read(sent) if len(sent["raw_email"]["headers"]) == 1 else None
    assert upload is None or contract.problem("objects/new_comment.json", upload) is None
