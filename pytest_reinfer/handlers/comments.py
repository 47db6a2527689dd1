"""The comment routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import Senseless
from pytest_reinfer.tenant import Source

if TYPE_CHECKING:
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.wire import JSON


def sync_comments(call: Call) -> JSON:
    """Create the comments of a batch that a source does not have, and replace those that it has."""
    source_id = call.tenant.names.get((Source, f"{call.path['project']}/{call.path['source_name']}"))
    if source_id is None:
        raise Refused("no_such_source")
    uploads = (contract.with_defaults("objects/new_comment.json", each) for each in call.body["comments"])
    try:
        counts = call.tenant.sync_comments(source_id, uploads)
    except Senseless as problem:
        raise Refused("senseless_timestamp", value=problem.text) from None
    text_changed, properties_only = counts["updated_text_changed"], counts["updated_properties_only"]
    return {
        "new": counts["new"],
        "updated": text_changed + properties_only,
        "unchanged": counts["unchanged"],
        "updated_properties_only": properties_only,
        "updated_text_changed": text_changed,
    }
