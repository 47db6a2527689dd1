"""The project routes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from pytest_reinfer import people, projects
from pytest_reinfer.refusal import Refused
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.tenant import Project
    from pytest_reinfer.wire import JSON


def list_projects(call: Call) -> JSON:
    """The projects that the caller may see, in a few words."""
    return {
        "projects": encode(
            [{name: each.fields[name] for name in ("name", "title", "description")} for each in _visible(call)]
        )
    }


def list_private_projects(call: Call) -> JSON:
    """The projects that the caller may see."""
    return {"projects": b"[" + b",".join(each.data for each in _visible(call)) + b"]"}


def get_project(call: Call) -> JSON:
    """A project by its name."""
    found = _named(call)
    if not projects.sees(call.tenant, call.user, found.name):
        raise Refused("forbidden")
    return {"project": found.data}


def create_project(call: Call) -> JSON:
    """Create a project, of which the caller and others become members."""
    tenant, name = call.tenant, call.path["project"]
    if name in tenant.projects:
        raise Refused("project_exists", project=name)
    members = {call.user.username: tenant.users[call.user.username]}
    for user_id in call.body["user_ids"]:
        user = people.find(tenant, user_id)
        if user is None:
            raise Refused("unknown_user", value=user_id)
        members[user.username] = user
    return {"project": projects.create(tenant, name, call.body["project"], members.values()).data}


def update_project(call: Call) -> JSON:
    """Change the given fields of a project."""
    return {"project": projects.change(call.tenant, _named(call), call.body["project"]).data}


def delete_project(call: Call) -> JSON:
    """Delete a project, which must be empty unless `force` says otherwise."""
    found = _named(call)
    held = {kind: count for kind, count in projects.counts(call.tenant, found).items() if count}
    if held and not call.query["force"]:
        raise Refused("project_not_empty", children=json.dumps(held))
    projects.drop(call.tenant, found)
    return {}


def get_resource_counts(call: Call) -> JSON:
    """How much of what a project holds."""
    return {"resource_counts": projects.counts(call.tenant, _named(call))}


def _visible(call: Call) -> list[Project]:
    return [each for each in call.tenant.projects.values() if projects.sees(call.tenant, call.user, each.name)]


def _named(call: Call) -> Project:
    found = call.tenant.projects.get(call.path["project"])
    if found is None:
        raise Refused("no_such_project")
    return found
