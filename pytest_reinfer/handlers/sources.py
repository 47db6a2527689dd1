"""The source routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract
from pytest_reinfer.handlers.call import known_project, source_of
from pytest_reinfer.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.tenant import Source, Tenant
    from pytest_reinfer.wire import JSON


def list_sources(call: Call) -> JSON:
    """Every source that the caller may see."""
    permission = str(contract.routes()["list_sources"].permission)
    return _listed(each for each in call.tenant.sources.values() if call.user.may(permission, each.owner))


def list_project_sources(call: Call) -> JSON:
    """The sources of a project."""
    known_project(call)
    return _listed(each for each in call.tenant.sources.values() if each.owner == call.path["project"])


def get_source(call: Call) -> JSON:
    """A source by its name."""
    return {"source": source_of(call).data}


def get_source_by_id(call: Call) -> JSON:
    """A source by its id."""
    return {"source": _identified(call).data}


def create_source(call: Call) -> JSON:
    """Create a source."""
    tenant, given = call.tenant, call.body["source"]
    known_project(call)
    full_name = f"{call.path['project']}/{call.path['source_name']}"
    if tenant.find_source(full_name) is not None:
        raise Refused("source_exists", full_name=full_name)
    _sensible(tenant, given)
    return {"source": tenant.put_source(full_name, given).data}


def update_source(call: Call) -> JSON:
    """Change the given fields of a source; lists are replaced, what is absent stays, a bucket of null is taken away."""
    source, given = source_of(call), call.body["source"]
    _sensible(call.tenant, given)
    return {"source": call.tenant.change_source(source, given).data}


def delete_source_by_id(call: Call) -> JSON:
    """Delete a source by its id, with its comments."""
    call.tenant.drop_source(_identified(call))
    return {}


def _listed(sources: Iterable[Source]) -> JSON:
    return {"sources": b"[" + b",".join(each.data for each in sources) + b"]"}


def _identified(call: Call) -> Source:
    found = call.tenant.sources.get(call.path["source_id"])
    if found is None:
        raise Refused("no_such_source")
    return found


def _sensible(tenant: Tenant, given: JSON) -> None:
    """Refuse a bucket that does not exist, and a transform tag that is none."""
    bucket_id, tag = given.get("bucket_id"), given.get("email_transform_tag")
    if bucket_id is not None and bucket_id not in tenant.buckets:
        raise Refused("unknown_bucket", value=bucket_id)
    if tag is not None and not contract.valid("objects/common.json#/$defs/transform_tag", tag):
        raise Refused("unknown_transform_tag", value=tag)
