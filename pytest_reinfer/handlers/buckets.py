"""The bucket routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract
from pytest_reinfer.handlers.call import known_project
from pytest_reinfer.refusal import Refused
from pytest_reinfer.tenant import Bucket

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.wire import JSON


def list_buckets(call: Call) -> JSON:
    """Every bucket that the caller may see."""
    permission = str(contract.routes()["list_buckets"].permission)
    return _listed(each for each in call.tenant.buckets.values() if call.user.may(permission, each.owner))


def list_project_buckets(call: Call) -> JSON:
    """The buckets of a project."""
    known_project(call)
    return _listed(each for each in call.tenant.buckets.values() if each.owner == call.path["project"])


def get_bucket(call: Call) -> JSON:
    """A bucket by its name."""
    return {"bucket": _named(call).data}


def get_bucket_by_id(call: Call) -> JSON:
    """A bucket by its id."""
    return {"bucket": _identified(call).data}


def create_bucket(call: Call) -> JSON:
    """Create a bucket."""
    known_project(call)
    full_name = f"{call.path['project']}/{call.path['bucket_name']}"
    if (Bucket, full_name) in call.tenant.names:
        raise Refused("bucket_exists", full_name=full_name)
    return {"bucket": call.tenant.put_bucket(full_name, call.body["bucket"]).data}


def update_bucket(call: Call) -> JSON:
    """Change the given fields of a bucket; what is absent stays."""
    return {"bucket": call.tenant.change_bucket(_named(call), call.body["bucket"]).data}


def delete_bucket_by_id(call: Call) -> JSON:
    """Delete a bucket by its id."""
    call.tenant.drop_bucket(_identified(call))
    return {}


def _listed(buckets: Iterable[Bucket]) -> JSON:
    return {"buckets": b"[" + b",".join(each.data for each in buckets) + b"]"}


def _named(call: Call) -> Bucket:
    found = call.tenant.names.get((Bucket, f"{call.path['project']}/{call.path['bucket_name']}"))
    if found is None:
        raise Refused("no_such_bucket")
    return call.tenant.buckets[found]


def _identified(call: Call) -> Bucket:
    found = call.tenant.buckets.get(call.path["bucket_id"])
    if found is None:
        raise Refused("no_such_bucket")
    return found
