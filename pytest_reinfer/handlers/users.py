"""The user routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract, people
from pytest_reinfer.refusal import Refused
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.tenant import User
    from pytest_reinfer.wire import JSON


def get_current_user(call: Call) -> JSON:
    """Whoever asks."""
    return {"user": people.as_json(call.tenant, call.user)}


def refresh_user_permissions(_: Call) -> JSON:
    """Permissions are never stale."""
    return {"permissions_refreshed": True}


def list_users(call: Call) -> JSON:
    """The users by name and address."""
    said = [people.as_json(call.tenant, user) for user in call.tenant.users.values()]
    return {"users": encode([{name: user[name] for name in ("email", "last_login_at", "username")} for user in said])}


def list_private_users(call: Call) -> JSON:
    """The users with their permissions."""
    return {"users": encode([people.as_json(call.tenant, user) for user in call.tenant.users.values()])}


def create_user(call: Call) -> JSON:
    """Create a user, with a token that only the tenant knows."""
    given = call.body["user"]
    _words_of_permissions(given)
    if given["username"] in call.tenant.users:
        raise Refused("user_exists", username=given["username"])
    _known_projects(call, given)
    named = people.replaced({}, given, frozenset)
    user = people.create(call.tenant, given["username"], given["email"], named, verified=False)
    return {"user": people.as_json(call.tenant, user)}


def get_user(call: Call) -> JSON:
    """A user by their id."""
    return {"user": people.as_json(call.tenant, _identified(call))}


def update_user(call: Call) -> JSON:
    """Replace the permissions of a user that are given."""
    given = call.body["user"]
    _words_of_permissions(given)
    user = _identified(call)
    _known_projects(call, given)
    return {"user": people.as_json(call.tenant, people.grant(call.tenant, user, given))}


def delete_user(call: Call) -> JSON:
    """Delete a user, and with them their token."""
    del call.tenant.users[_identified(call).username]
    return {}


def send_welcome_email(call: Call) -> JSON:
    """Greet nobody."""
    _identified(call)
    return {}


def _identified(call: Call) -> User:
    found = people.find(call.tenant, call.path["user_id"])
    if found is None:
        raise Refused("no_such_user")
    return found


def _words_of_permissions(given: JSON) -> None:
    """Refuse permissions of projects that are no list of names: the schema does not know the projects."""
    for names in given.get("organisation_permissions", {}).values():
        problem = contract.problem("objects/common.json#/$defs/project_permissions", names)
        if problem is not None:
            raise Refused("schema_violation", message=problem.message)


def _known_projects(call: Call, given: JSON) -> None:
    for project in given.get("organisation_permissions", {}):
        if project not in call.tenant.projects:
            raise Refused("unknown_project", value=project)
