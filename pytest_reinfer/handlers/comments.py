"""The comment routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_reinfer import contract, emails, export, threads
from pytest_reinfer.handlers.call import source_of
from pytest_reinfer.markup import without
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import Senseless, moment
from pytest_reinfer.tenant import ADDED, encode, row_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_reinfer.comments import Row
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.wire import JSON


def sync_comments(call: Call) -> JSON:
    """Create the comments of a batch that a source does not have, and replace those that it has."""
    source_id = source_of(call).id
    uploads = (contract.with_defaults("objects/new_comment.json", each) for each in call.body["comments"])
    try:
        return _counted(call.tenant.sync_comments(source_id, uploads))
    except Senseless as problem:
        raise Refused("senseless_timestamp", value=problem.text) from None


def sync_raw_emails(call: Call) -> JSON:
    """Make comments of e-mails, and sync them."""
    asked = call.body
    for number, document in enumerate(asked["documents"]):
        if len(document["raw_email"]["headers"]) != 1:
            raise Refused("one_form_of_headers", number=number)
    source = source_of(call)
    if not contract.valid("objects/common.json#/$defs/transform_tag", asked["transform_tag"]):
        raise Refused("unknown_transform_tag", value=asked["transform_tag"])
    read = (emails.upload(document, number) for number, document in enumerate(asked["documents"]))
    uploads = [contract.with_defaults("objects/new_comment.json", each) for each in read]
    answer = _counted(call.tenant.sync_comments(source.id, uploads))
    if asked["include_comments"]:
        rows = call.tenant.comments[source.id].rows
        answer["comments"] = _listed(rows[upload["id"]].data for upload in uploads)
    return answer


def create_comments(call: Call) -> JSON:
    """Create the comments of a batch; those that are there already are to say the same, or to tell their context."""
    source_id = source_of(call).id
    stored = call.tenant.comments[source_id].rows
    uploads: dict[str, JSON] = {}
    for given in call.body["comments"]:
        upload = {name: value for name, value in given.items() if name != "context"}
        upload = contract.with_defaults("objects/new_comment.json", upload)
        _known_moments(upload)
        earlier, row = uploads.setdefault(upload["id"], upload), stored.get(upload["id"])
        if earlier is not upload:
            fits = _said(row_of(source_id, earlier, 0, 0)) == _said(row_of(source_id, upload, 0, 0))
        elif row is not None:
            told = given.get("context") == json.loads(row.data)["context"]
            fits = told or _said(row) == _said(row_of(source_id, upload, 0, 0))
        else:
            fits = True
        if not fits:
            raise Refused("comment_exists", comment_id=upload["id"])
    call.tenant.sync_comments(source_id, uploads.values())
    return {}


def _said(row: Row) -> str:
    """What the caller said of a comment, without what the service adds."""
    comment = json.loads(row.data)
    return json.dumps({name: value for name, value in comment.items() if name not in ADDED}, sort_keys=True)


def get_comment(call: Call) -> JSON:
    """A comment by its id."""
    row = call.tenant.comments[source_of(call).id].rows.get(call.path["comment_id"])
    if row is None:
        raise Refused("no_such_comment")
    return {"comment": _shown(row, call.query)}


def list_comments(call: Call) -> JSON:
    """A page of a source's comments by their timestamp."""
    tenant, asked, source = call.tenant, call.query, source_of(call)
    table, limit = tenant.comments[source.id], asked["limit"]
    after = export.position(tenant, source, asked["after"]) if "after" in asked else None
    low, high = (_moment(asked[name]) if name in asked else None for name in ("from_timestamp", "to_timestamp"))
    turn = table.back if asked["direction"] == "descending" else table.span
    rows = turn("timestamp", low, high, after, limit + 1)
    page: JSON = {"comments": _listed(_shown(row, asked) for row in rows[:limit])}
    if len(rows) > limit:
        page["continuation"] = export.continuation(tenant, source, rows[limit - 1], "timestamp")
    if asked["include_thread_properties"]:
        page["thread_properties"] = encode(threads.properties(table, rows[:limit]))
    return page


def delete_comments(call: Call) -> JSON:
    """Delete comments; those that are gone already are no error."""
    ids = [*call.query.get("id", ()), *filter(None, call.query.get("ids", "").split(","))]
    problem = contract.problem("routes/delete_comments.json#/properties/query/properties/id", ids)
    if problem is not None:
        raise Refused("schema_violation", message=problem.message)
    table = call.tenant.comments[source_of(call).id]
    for row in [table.rows[each] for each in dict.fromkeys(ids) if each in table.rows]:
        call.tenant.drop_comment(row)
    return {}


def list_threads(call: Call) -> JSON:
    """The threads of a source."""
    found = threads.threads(call.tenant.comments[source_of(call).id])
    listed = [{"thread_id": name, "comments": [row.id for row in rows]} for name, rows in found.items()]
    return {"threads": encode(listed)}


def _shown(row: Row, asked: JSON) -> bytes:
    return row.data if asked["include_markup"] else without(row.data)


def _listed(comments: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(comments) + b"]"


def _counted(counts: Mapping[str, int]) -> JSON:
    text_changed, properties_only = counts["updated_text_changed"], counts["updated_properties_only"]
    return {
        "new": counts["new"],
        "updated": text_changed + properties_only,
        "unchanged": counts["unchanged"],
        "updated_properties_only": properties_only,
        "updated_text_changed": text_changed,
    }


def _known_moments(upload: JSON) -> None:
    for text in (upload["timestamp"], *(message["sent_at"] for message in upload["messages"] if "sent_at" in message)):
        _moment(text)


def _moment(text: str) -> int:
    try:
        return moment(text)
    except ValueError:
        raise Refused("senseless_timestamp", value=text) from None
