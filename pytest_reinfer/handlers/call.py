"""What a handler is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pytest_reinfer.refusal import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reinfer.tenant import Dataset, Source, Tenant, User
    from pytest_reinfer.wire import JSON


class Call(NamedTuple):
    """A permitted and valid request: path parameters as text; query and body with the defaults of their schemas."""

    tenant: Tenant
    user: User
    path: Mapping[str, str]
    query: JSON
    body: JSON
    accept: str = ""  # which form of answer the caller asks for


def known_project(call: Call) -> None:
    """Refuse a path that names a project that there is not."""
    if call.path["project"] not in call.tenant.projects:
        raise Refused("no_such_project")


def dataset_of(call: Call) -> Dataset:
    """The dataset that a path names."""
    found = call.tenant.find_dataset(f"{call.path['project']}/{call.path['dataset_name']}")
    if found is None:
        raise Refused("no_such_dataset")
    return found


def source_of(call: Call) -> Source:
    """The source that a path names."""
    found = call.tenant.find_source(f"{call.path['project']}/{call.path['source_name']}")
    if found is None:
        raise Refused("no_such_source")
    return found
