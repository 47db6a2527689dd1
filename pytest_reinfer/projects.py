"""The projects of a tenant: what they hold, and how they come, change and go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_reinfer import contract
from pytest_reinfer.stamps import stamp
from pytest_reinfer.tenant import EVERYWHERE, Project

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_reinfer.tenant import Resource, Tenant, User
    from pytest_reinfer.wire import JSON


def create(tenant: Tenant, name: str, given: JSON, members: Iterable[User]) -> Project:
    """Create a project from the fields of a valid request; its members may do everything in it."""
    project = tenant.put_project({"name": name, **given})
    everything = frozenset(each for each in contract.every_permission() if not contract.is_tenants(each))
    for user in members:
        tenant.users[user.username] = replace(user, permissions={**user.permissions, name: everything})
    return project


def change(tenant: Tenant, project: Project, given: JSON) -> Project:
    """Put the fields of a valid request in the place of the old ones; nothing given changes nothing."""
    if not given:
        return project
    tenant.projects[project.name] = new = Project({**project.fields, **given, "updated_at": stamp(tenant.tick())})
    return new


def sees(tenant: Tenant, user: User, project: str) -> bool:
    """Whether a user may know of a project: by any permission in it, or by the one to create projects."""
    return tenant.sees(user, project) or user.may(str(contract.routes()["create_project"].permission), EVERYWHERE)


def counts(tenant: Tenant, project: Project) -> dict[str, int]:
    """How many resources of each kind a project holds."""
    ref = "routes/get_resource_counts.json#/properties/response/properties/resource_counts"
    held = {name: len(resources) for name, resources in _children(tenant, project).items()}
    return {kind: held.get(kind, 0) for kind in contract.node(ref)["properties"]}


def drop(tenant: Tenant, project: Project) -> None:
    """Delete a project with all that it holds, and what users may do in it."""
    for dataset in _children(tenant, project)["datasets"]:
        tenant.drop_dataset(tenant.datasets[dataset.id])
    for source in _children(tenant, project)["sources"]:
        tenant.drop_source(tenant.sources[source.id])
    for bucket in _children(tenant, project)["buckets"]:
        tenant.drop_bucket(tenant.buckets[bucket.id])
    for user in list(tenant.users.values()):
        named, permissions = (
            {name: granted for name, granted in table.items() if name != project.name}
            for table in (user.named, user.permissions)
        )
        tenant.users[user.username] = replace(user, named=named, permissions=permissions)
    del tenant.projects[project.name]


def _children(tenant: Tenant, project: Project) -> dict[str, list[Resource]]:
    """What a project holds, by the name of the table."""
    tables: Mapping[str, Mapping[str, Resource]] = {
        "buckets": tenant.buckets,
        "datasets": tenant.datasets,
        "sources": tenant.sources,
    }
    return {
        name: [resource for resource in table.values() if resource.owner == project.name]
        for name, table in tables.items()
    }
