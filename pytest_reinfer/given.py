"""What a test hands in to arrange a tenant: held against the schemas, and refused at the caller's line."""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from pytest_reinfer import contract
from pytest_reinfer.stamps import moment
from pytest_reinfer.tenant import SECOND, encode

if TYPE_CHECKING:
    from pytest_reinfer.tenant import User
    from pytest_reinfer.wire import JSON

    Item = TypeVar("Item")

STAMPS = ("created_at", "last_modified")  # what the service stamps, and a test may arrange


def check(what: str, ref: str, value: object) -> None:
    """Refuse a value that does not fit its schema, with the field and what is allowed there."""
    __tracebackhide__ = True
    fits(what, ref, value)
    encodable(what, value)


def fits(what: str, ref: str, value: object) -> None:
    """Refuse a value that does not fit its schema; whether it can be encoded is another question."""
    __tracebackhide__ = True
    problem = contract.problem(ref, value)
    if problem is not None:
        allowed = f" Allowed: {problem.allowed}." if problem.allowed else ""
        raise ValueError(f"{what}: {problem.path.replace('$', 'the value', 1)}: {problem.message}.{allowed}")


def encodable(what: str, value: object) -> None:
    """Refuse a value with text that no JSON can hold."""
    __tracebackhide__ = True
    try:
        encode(value)
    except UnicodeEncodeError as error:
        raise ValueError(
            f"{what}: {error.object[error.start]!r} is half a character, which no JSON can hold."
        ) from None


def several(what: str, name: str, values: Iterable[Item]) -> list[Item]:
    """The values of an argument that takes several; a text is one value, and not its letters."""
    __tracebackhide__ = True
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{what}: {name} is a list, not {values!r}.")
    return list(values)


def whole(what: str, name: str, value: Any, least: int) -> int:
    """A whole number, not below the least."""
    __tracebackhide__ = True
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise ValueError(f"{what}: {name} is a whole number, at least {least}, not {value!r}.")
    return value


def microseconds(what: str, seconds: Any) -> int:
    """A number of seconds, not below zero, in the unit of the tenant's clock."""
    __tracebackhide__ = True
    if not isinstance(seconds, (int, float)) or isinstance(seconds, bool) or not 0 <= seconds < float("inf"):
        raise ValueError(f"{what}: seconds is a number, not below 0, not {seconds!r}.")
    return round(seconds * SECOND)


def token(what: str, value: Any, others: Iterable[User]) -> None:
    """Refuse what cannot be a token, or is somebody else's, without saying it again."""
    __tracebackhide__ = True
    if not isinstance(value, str) or contract.problem("state.json#/$defs/token", value) is not None:
        raise ValueError(f"{what}: a token is at least 8 printable ASCII characters, and no space.")
    for other in others:
        if hmac.compare_digest(other.token.encode(), value.encode()):
            raise ValueError(f"{what}: this token is that of {other.username!r}.")


def an_object(what: str, value: Any) -> JSON:
    """A JSON object, and nothing else."""
    __tracebackhide__ = True
    if not isinstance(value, dict):
        raise TypeError(f"{what}: an object is wanted, or a name, and not {value!r}.")
    return value


def once(what: str, name: str, labels: list[JSON]) -> None:
    """Refuse labels of which two have one name."""
    __tracebackhide__ = True
    twice = [label for label, times in Counter(label["name"] for label in labels).items() if times > 1]
    if twice:
        raise ValueError(f"{what}: {name} hold {twice} twice.")


def upload_fields() -> Mapping[str, Any]:
    """The fields of an upload, with their schemas."""
    fields: Mapping[str, Any] = contract.node("objects/new_comment.json")["properties"]
    return fields


def uploads(what: str, comments: int | Iterable[JSON]) -> int | list[JSON]:
    """How many comments to generate, or upload objects."""
    __tracebackhide__ = True
    if isinstance(comments, int) and not isinstance(comments, bool):
        if comments < 0:
            raise ValueError(f"{what}: {comments} comments cannot be.")
        return comments
    return checked(what, several(what, "comments", comments))  # type: ignore[arg-type] # a bool is refused there


def checked(what: str, comments: list[JSON]) -> list[JSON]:
    """Upload objects with their defaults, each fit to be stored."""
    __tracebackhide__ = True
    uploads = []
    for number, comment in enumerate(comments):
        where = f"{what}: comment {number}"
        if not isinstance(comment, dict):
            raise TypeError(f"{where}: a comment is an object, not {comment!r}.")
        stamps = {name: comment[name] for name in STAMPS if name in comment}
        upload = {name: value for name, value in comment.items() if name not in STAMPS}
        for name, value in stamps.items():
            check(f"{where}: {name}", "objects/common.json#/$defs/timestamp", value)
        fits(where, "objects/new_comment.json", upload)
        sent = (message["sent_at"] for message in upload["messages"] if "sent_at" in message)
        for text in (*stamps.values(), upload["timestamp"], *sent):
            try:
                moment(text)
            except ValueError as error:
                raise ValueError(f"{where}: {text!r} is no moment: {error}.") from None
        uploads.append(contract.with_defaults("objects/new_comment.json", upload) | stamps)
    twice = [name for name, times in Counter(upload["id"] for upload in uploads).items() if times > 1]
    if twice:
        raise ValueError(f"{what}: the ids {twice} stand there twice.")
    try:
        encode(uploads)  # all at once costs a third
    except UnicodeEncodeError:
        for number, upload in enumerate(uploads):
            encodable(f"{what}: comment {number}", upload)
    return uploads
