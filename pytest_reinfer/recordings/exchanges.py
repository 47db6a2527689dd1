"""What an exchange in a recording says, in whatever form: a request, an answer, and when it was."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from binascii import Error
from email.utils import parsedate_to_datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote_plus, urlsplit

from pytest_reinfer import contract
from pytest_reinfer.recordings import files
from pytest_reinfer.recordings.bodies import GZIP, TooLarge, decoded, is_text, unpacked
from pytest_reinfer.recordings.files import BadRecording
from pytest_reinfer.stamps import Senseless, moment
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from pytest_reinfer.recordings.files import Form

NOT_MODIFIED: Final = 304
UNREAD: Final = ("br", "zstd", "compress")  # compressions that the standard library cannot undo


class Recorded(NamedTuple):
    """An exchange of a recording.

    place: where it stands in its file. url: as it was asked for. response: None where none came. moment: when, in
    microseconds since 1970, where the recording says. left: the parts that were not recorded, such as `$.body` of the
    "request". packed: the parts whose bodies are compressed in a way that cannot be undone.
    """

    place: str
    url: str
    request: Request
    response: Response | None
    moment: int | None
    left: frozenset[str] = frozenset()
    packed: tuple[str, ...] = ()
    sizes: tuple[int, int] = (0, 0)

    @property
    def ours(self) -> bool:
        """Whether it is one with the API: at the address of a tenant, or of a route that the API has."""
        if not urlsplit(self.url).hostname or not contract.is_below(self.url):
            return False
        found = contract.match(self.request.method, self.request.path)
        return found.route is not None or bool(found.allowed) or of_tenant(self.url)

    @property
    def of_browser(self) -> bool:
        """Whether it is no exchange with the service, but a preflight, or an answer that the browser had already."""
        preflight = self.request.method == "OPTIONS" and "access-control-request-method" in self.request.headers
        return preflight or (self.response is not None and self.response.status == NOT_MODIFIED)

    def __str__(self) -> str:
        answered = "no answer" if self.response is None else str(self.response.status)
        return f"{self.place} {self.request.method} {self.request.path}: {answered}"


def of_tenant(url: str) -> bool:
    """Whether a URL is one of the addresses that tenants of the service have."""
    return _addresses().match(url) is not None


@cache
def _addresses() -> re.Pattern[str]:
    """The addresses of tenants."""
    servers = (re.split(r"\{\w+\}", server["url"]) for server in contract.convention("x-servers"))
    return re.compile("|".join(r"[\w-]+".join(map(re.escape, server)) + r"(?=[/:?#]|$)" for server in servers))


def recorded(path: Path, form: Form | None = None) -> Iterator[Recorded]:
    """The exchanges of a recording, one after the other. Raises BadRecording, saying what is wrong where; OSError."""
    form = form or files.form(path)
    for piece in files.pieces(path, form):
        if piece.what == "exchange":
            yield read(path, form, piece.place, piece.value)


def read(path: Path, form: Form, place: str, value: Any) -> Recorded:
    """An exchange of a recording. Raises BadRecording."""
    try:
        return _READERS[form.name](place, value)
    except (_Wrong, TooLarge) as error:
        raise BadRecording(f"{path}: {place}: {error}.") from None


class _Wrong(ValueError):
    """What an exchange must have and has not."""


def _get(value: Any, *steps: str, kind: type | tuple[type, ...] = object, default: Any = ...) -> Any:
    """What stands somewhere in an exchange. Raises _Wrong where it is missing or of another kind."""
    for number, step in enumerate(steps):
        if isinstance(value, dict) and value.get(step) is not None:
            value = value[step]
        elif default is not ...:
            return default
        else:
            raise _Wrong(f"{'.'.join(steps[: number + 1])} is missing")
    if not isinstance(value, kind) or isinstance(value, bool):
        raise _Wrong(f"{'.'.join(steps)} is not what it must be: it is a {type(value).__name__}")
    return value


# --------------------------------------------------------------------------------------------------------- forms


def _har(place: str, entry: Any) -> Recorded:
    sent = {"method": _get(entry, "request", "method", kind=str), "url": _get(entry, "request", "url", kind=str)}
    left = set()
    text = _get(entry, "request", "postData", "text", kind=str, default=None)
    if text is None:
        params = _get(entry, "request", "postData", "params", kind=list, default=[])
        pairs = [(_get(each, "name", kind=str), _get(each, "value", kind=str, default="")) for each in params]
        text = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
        if not text and (_get(entry, "request", "bodySize", kind=(int, float), default=0) or 0) > 0:
            left.add("request $.body")
    body = _content(text, _get(entry, "request", "postData", "encoding", kind=str, default=""))
    status = int(_get(entry, "response", "status", kind=(int, float), default=0))
    content = _get(entry, "response", "content", "text", kind=str, default=None)
    if content is None and (_get(entry, "response", "content", "size", kind=(int, float), default=0) or 0) != 0:
        left.add("response $.body")
    answer = _content(content or "", _get(entry, "response", "content", "encoding", kind=str, default=""))
    sent_headers, headers = (_har_headers(entry, part) for part in ("request", "response"))
    return _exchange(
        place,
        (*sent.values(), sent_headers, body),
        (status, headers, answer) if status > 0 else None,
        _get(entry, "startedDateTime", kind=str, default=None),
        left,
    )


def _har_headers(entry: Any, part: str) -> dict[str, str]:
    listed = _get(entry, part, "headers", kind=list, default=[])
    return {_get(each, "name", kind=str): _get(each, "value", kind=str, default="") for each in listed}


def _content(text: str, encoding: str) -> bytes:
    if encoding.lower() != "base64":
        return text.encode(errors="surrogatepass")
    try:
        return b64decode(text, validate=False)
    except Error:
        raise _Wrong("a body is said to be in base64 and is not") from None


def _vcr(place: str, interaction: Any) -> Recorded:
    method = _get(interaction, "request", "method", kind=str)
    url = _get(interaction, "request", "uri", kind=str)
    body = _get(interaction, "request", "body", kind=(str, bytes, dict), default=b"")
    status = _get(interaction, "response", "status", "code", kind=int, default=None)
    if status is None:  # as it is kept of httpx
        status = _get(interaction, "response", "status_code", kind=int)
    content = _get(interaction, "response", "body", kind=(dict, str, bytes), default=None)
    if content is None:
        content = _get(interaction, "response", "content", kind=(str, bytes), default=b"")
    sent_headers, headers = (
        _headers(_get(interaction, part, "headers", kind=dict, default={})) for part in ("request", "response")
    )
    at = _get(interaction, "recorded_at", default=None)
    return _exchange(place, (method, url, sent_headers, _of_vcr(body)), (status, headers, _of_vcr(content)), at, set())


def _of_vcr(body: Any) -> bytes:
    """A body: a text or bytes, or an object with one of them."""
    if isinstance(body, dict):
        if "base64_string" in body:
            return _content(_get(body, "base64_string", kind=str), "base64")
        body = _get(body, "string", kind=(str, bytes), default=b"")
    return body.encode(errors="surrogatepass") if isinstance(body, str) else bytes(body)


def _responses(place: str, item: Any) -> Recorded:
    body = _get(item, "response", "body", kind=(str, bytes), default=b"")
    headers = _headers(_get(item, "response", "headers", kind=dict, default={}))
    content_type = contract.header("content_type").name
    if content_type.lower() not in map(str.lower, headers):
        headers[content_type] = _get(item, "response", "content_type", kind=str, default="")
    method, url = (_get(item, "response", name, kind=str) for name in ("method", "url"))
    status = _get(item, "response", "status", kind=int)
    return _exchange(place, (method, url, {}, b""), (status, headers, _of_vcr(body)), None, {"request $.body"})


def _line(place: str, value: Any) -> Recorded:
    status = _get(value, "response", "status", kind=int, default=None)
    sent = (
        _get(value, "request", "method", kind=str),
        _get(value, "request", "url", kind=str),
        *_of_line(_get(value, "request", kind=dict)),
    )
    answer = None if status is None else (status, *_of_line(_get(value, "response", kind=dict)))
    return _exchange(place, sent, answer, _get(value, "at", kind=str, default=None), set())


def _of_line(part: dict[str, Any]) -> tuple[dict[str, str], bytes]:
    """The headers and the body of a part."""
    headers = _headers(_get(part, "headers", kind=dict, default={}))
    if "json" in part:
        content_type = contract.header("content_type")
        if content_type.name.lower() not in map(str.lower, headers):
            headers[content_type.name] = content_type.value
        return headers, json.dumps(part["json"]).encode()
    if "body_base64" in part:
        return headers, _content(_get(part, "body_base64", kind=str), "base64")
    return headers, _of_vcr(_get(part, "body", kind=str, default=""))


_READERS: Final[dict[str, Callable[[str, Any], Recorded]]] = {
    "har": _har,
    "vcr": _vcr,
    "responses": _responses,
    "jsonl": _line,
}


# ---------------------------------------------------------------------------------------------------- underneath


def _headers(headers: Mapping[Any, Any]) -> dict[str, str]:
    """Headers, each of which may be a text, bytes, or a list of those."""
    found = {}
    for name, value in headers.items():
        values = value if isinstance(value, list) else [value]
        texts = [each.decode("latin-1") if isinstance(each, bytes) else str(each) for each in values]
        found[str(name)] = ", ".join(texts)
    return found


def _exchange(
    place: str,
    sent: tuple[str, str, dict[str, str], bytes],
    answer: tuple[int, dict[str, str], bytes] | None,
    at: Any,
    left: set[str],
) -> Recorded:
    method, url, sent_headers, body = sent
    try:
        scheme, host = urlsplit(url).scheme, urlsplit(url).hostname
    except ValueError:  # whose message shows the host, and what stands before it
        raise _Wrong("its URL is none") from None
    if not host and scheme in ("", "http", "https"):  # else it is one as browsers have among themselves: data:, blob:
        raise _Wrong("its URL names no host")
    path, query = contract.below(url)
    lower = {name.lower(): value for name, value in sent_headers.items() if not name.startswith(":")}
    sizes = len(body), len(answer[2]) if answer is not None else 0
    ours = contract.is_below(url)
    body, was_packed = _plain(body, lower, ours=ours)
    packed = ["request"] * was_packed
    response = None
    if answer is not None:
        status, headers, content = answer
        plain, was_packed = _plain(content, {name.lower(): value for name, value in headers.items()}, ours=ours)
        packed += ["response"] * was_packed
        response = Response(status, {name: value for name, value in headers.items() if not name.startswith(":")}, plain)
    return Recorded(
        place,
        url,
        Request(method.upper(), path, query, lower, body),
        response,
        _moment(at) if at is not None else _date(answer),
        frozenset(left),
        tuple(packed),
        sizes,
    )


def _plain(body: bytes, headers: Mapping[str, str], *, ours: bool) -> tuple[bytes, bool]:
    """A body without compression, and whether it has one that cannot be undone, or is no text though it is ours."""
    plain, pack = unpacked(body)
    if ours and "\0" in decoded(plain)[0]:
        return plain, True
    if pack is not None or is_text(body):
        return plain, False
    encoding = headers.get("content-encoding", "").lower()
    named = encoding not in ("", "identity") if ours else any(each in encoding for each in UNREAD)
    return plain, named or body.startswith(GZIP)


def _moment(at: Any) -> int | None:
    try:
        return moment(at if isinstance(at, str) else at.isoformat())
    except (Senseless, AttributeError):
        return None


def _date(answer: tuple[int, dict[str, str], bytes] | None) -> int | None:
    """When an answer says that it was made."""
    if answer is None:
        return None
    date = next((value for name, value in answer[1].items() if name.lower() == "date"), "")
    try:
        return moment(parsedate_to_datetime(date).isoformat())
    except (ValueError, TypeError):
        return None


def resized(value: Any, before: Recorded, after: Recorded) -> Any:
    """An exchange of a recording that tells the length of its bodies as it is now, where it told it before."""
    for part, old, new in zip(("request", "response"), before.sizes, after.sizes, strict=True):
        if old == new or not isinstance(value.get(part), dict):
            continue
        headers = value[part].get("headers")
        if isinstance(headers, dict):
            for name, told in headers.items():
                if str(name).lower() == "content-length":
                    headers[name] = _instead(told, old, new)
        for each in headers if isinstance(headers, list) else ():  # as HAR has it
            if each["name"].lower() == "content-length":
                each["value"] = _instead(each["value"], old, new)
        for holder, name in ((value[part], "bodySize"), (value[part].get("content"), "size")):
            if isinstance(holder, dict) and name in holder:
                holder[name] = _instead(holder[name], old, new)
    return value


def _instead(told: Any, old: int, new: int) -> Any:
    """What tells a length, told anew where it was this one."""
    if isinstance(told, list):
        return [_instead(each, old, new) for each in told]
    if isinstance(told, str):
        return str(new) if told.strip() == str(old) else told
    return new if told == old else told
