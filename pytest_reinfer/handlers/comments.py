"""The comment routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import moment
from pytest_reinfer.tenant import Source

if TYPE_CHECKING:
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.wire import JSON


def sync_comments(call: Call) -> JSON:
    """Create the comments of a batch that a source does not have, and replace those that it has."""
    source_id = call.tenant.names.get((Source, f"{call.path['project']}/{call.path['source_name']}"))
    if source_id is None:
        raise Refused("no_such_source")
    uploads = [contract.with_defaults("objects/new_comment.json", each) for each in call.body["comments"]]
    for upload in uploads:
        _known_moments(upload)
    counts = call.tenant.sync_comments(source_id, uploads)
    text_changed, properties_only = counts["updated_text_changed"], counts["updated_properties_only"]
    return {
        "new": counts["new"],
        "updated": text_changed + properties_only,
        "unchanged": counts["unchanged"],
        "updated_properties_only": properties_only,
        "updated_text_changed": text_changed,
    }


def _known_moments(upload: JSON) -> None:
    sent = (message["sent_at"] for message in upload["messages"] if "sent_at" in message)
    for text in (upload["timestamp"], *sent):
        try:
            moment(text)
        except ValueError:
            raise Refused("senseless_timestamp", value=text) from None
