"""Raw e-mails as comments: from headers and a body to the object of an upload. No tenant is known here."""

from __future__ import annotations

import re
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import Message
from email.parser import HeaderParser
from email.utils import getaddresses, parsedate_to_datetime
from hashlib import blake2b
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Final

from pytest_reinfer import contract
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import moment, stamp

if TYPE_CHECKING:
    from pytest_reinfer.wire import JSON

Headers = Message

_WORD: Final = r"=\?[!->@-~]+\?[bBqQ]\?[!->@-~]*\?="
ENCODED: Final = re.compile(rf"{_WORD}(?:\s+{_WORD})*")  # adjacent words are one text
CONDITION: Final = re.compile(r"<!\[[^>]*>?")  # what only some programs write, and the parser may not read
HIDDEN: Final = frozenset({"script", "style", "title"})
PARAGRAPHS: Final = frozenset({"p", "ul", "ol", "table", "blockquote", "pre", *(f"h{size}" for size in range(1, 7))})
LINES: Final = frozenset({"div", "li", "tr", "dt", "dd", "section", "article", "header", "footer", "hr"}) | PARAGRAPHS
RECIPIENTS: Final = ("to", "cc", "bcc")


def upload(document: JSON, number: int) -> JSON:
    """The comment that a document of a batch becomes; refused in words that tell which of the batch it is."""
    raw = document["raw_email"]
    headers = _headers(raw["headers"])
    message_ids = _ids(headers, "message-id")
    if "comment_id" not in document and not message_ids:
        raise Refused("unreadable_email", number=number, header="Message-ID")
    sent_at = _date(headers, number)
    message = {"body": {"text": _cut(_text(raw["body"]), "part_text")}, "sent_at": sent_at}
    if "subject" in headers:
        message["subject"] = {"text": _cut(_decoded(headers["subject"]), "part_text")}
    if senders := _addresses(headers, "from"):
        message["from"] = senders[0]
    for name in RECIPIENTS:
        if found := _addresses(headers, name):
            message[name] = found[: contract.node(f"objects/message.json#/properties/{name}")["maxItems"]]
    thread = _ids(headers, "references") or _ids(headers, "in-reply-to") or message_ids
    return {
        "id": document["comment_id"] if "comment_id" in document else derived(message_ids[0]),
        "timestamp": sent_at,
        "messages": [message],
        "user_properties": document.get("user_properties", {}),
        "attachments": raw.get("attachments", []),
        **({"thread_id": derived(thread[0])} if thread else {}),
    }


def derived(message_id: str) -> str:
    """The id that follows from the id of an e-mail, which stands without its brackets."""
    return blake2b(message_id.encode(), digest_size=8).hexdigest()


# ------------------------------------------------------------------------------------------------------------- headers


def _headers(given: JSON) -> Headers:
    if "raw" in given:
        return HeaderParser().parsestr(given["raw"].lstrip("\r\n"))
    headers = Message()
    for name, value in given["parsed"].items():
        headers[name] = value
    return headers


def _ids(headers: Headers, name: str) -> list[str]:
    """The ids of e-mails that a header holds."""
    text = str(headers.get(name, ""))
    return [found for each in re.findall(r"<([^<>]*)>", text) or text.split() if (found := "".join(each.split()))]


def _date(headers: Headers, number: int) -> str:
    try:
        return stamp(moment(parsedate_to_datetime(str(headers.get("date", ""))).isoformat()))
    except (ValueError, TypeError, IndexError, OverflowError):  # what the library raises of texts that are no dates
        raise Refused("unreadable_email", number=number, header="Date") from None


def _addresses(headers: Headers, name: str) -> list[str]:
    """Addresses as people read them: a name and the address in brackets, or the address alone."""
    found = getaddresses([" ".join(str(value).split()) for value in headers.get_all(name, [])])
    told = (f"{_decoded(person)} <{address}>" if person and address else address or person for person, address in found)
    return [_cut(each, "address") for each in told if each]


def _decoded(text: str) -> str:
    """The text of a header on one line, its encoded words decoded; what cannot be decoded stays."""
    return " ".join(ENCODED.sub(_word, str(text)).split())


def _word(found: re.Match[str]) -> str:
    try:
        text = str(make_header(decode_header(found[0])))
        text.encode()
    except (MessageError, LookupError, ValueError):
        return found[0]
    return text


# ---------------------------------------------------------------------------------------------------------------- body


def _text(body: JSON) -> str:
    plain: str = body.get("plain", "").replace("\r\n", "\n")
    return plain if plain.strip() or "html" not in body else text_of(body["html"])


def text_of(html: str) -> str:
    """The text of HTML: a line for each block, an empty one around paragraphs."""
    reader = _Reader()
    reader.feed(CONDITION.sub(lambda found: "-->" if found[0].endswith("-->") else "", html))
    reader.close()
    lines = (" ".join(line.split()) for line in "".join(reader.parts).split("\n"))
    return re.sub("\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    """Collects what people read, with the ends of lines."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.lines = 2  # so many ends of lines were last
        self.hidden = ""

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag in HIDDEN:
            self.hidden = tag
        elif tag == "br":
            self._end(self.lines + 1)
        elif tag in LINES:
            self._end(2 if tag in PARAGRAPHS else 1)

    def handle_endtag(self, tag: str) -> None:
        if tag == self.hidden:
            self.hidden = ""
        elif tag in LINES:
            self._end(2 if tag in PARAGRAPHS else 1)

    def handle_data(self, data: str) -> None:
        if self.hidden:
            return
        self.parts.append(" ".join(re.split(r"\s+", data)))
        if data.strip():
            self.lines = 0

    def _end(self, lines: int) -> None:
        self.parts.append("\n" * (lines - self.lines))
        self.lines = max(lines, self.lines)


def _cut(text: str, what: str) -> str:
    most: int = contract.node(f"objects/common.json#/$defs/{what}")["maxLength"]
    return text[:most]
