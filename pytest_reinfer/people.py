"""The users of a tenant: what the API says of them, and how they come, change and go."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_reinfer import contract
from pytest_reinfer.stamps import stamp
from pytest_reinfer.tenant import EVERYWHERE, User

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reinfer.tenant import Tenant
    from pytest_reinfer.wire import JSON

    Granted = Mapping[str, frozenset[str]]


def create(tenant: Tenant, username: str, email: str, named: Granted, *, verified: bool = True) -> User:
    """Create a user with a token and permissions, by their machine names, per project."""
    created, token = tenant.tick(), tenant.new_token()
    permissions = {project: granted(names) for project, names in named.items()}
    user_id = tenant.digest("user", tenant.made)
    user = User(username, token, permissions, None, user_id, email, created, verified, named)
    tenant.users[username] = user
    return user


def find(tenant: Tenant, user_id: str) -> User | None:
    """The user of this id, where there is one."""
    return next((user for user in tenant.users.values() if user.id == user_id), None)


def grant(tenant: Tenant, user: User, given: JSON) -> User:
    """Put the permissions of a valid request in the place of the old ones; what is not given stays."""
    named, permissions = replaced(user.named, given, frozenset), replaced(user.permissions, given, granted)
    tenant.users[user.username] = new = replace(user, named=named, permissions=permissions)
    return new


def granted(names: Iterable[str]) -> frozenset[str]:
    """The display names of permissions and of what they imply; roles, and names that nothing needs, give nothing."""
    return frozenset[str]().union(*(contract.granted(name) for name in names if name in contract.permissions()))


def replaced(table: Granted, given: JSON, meaning: Callable[[Iterable[str]], frozenset[str]]) -> Granted:
    """A table of permissions by project, with those that a request gives in the place of the old ones."""
    everywhere = table.get(EVERYWHERE, frozenset())
    tenants = frozenset(filter(_is_tenants, everywhere))
    projects: dict[str, frozenset[str]] = {**table, EVERYWHERE: everywhere - tenants}
    if "organisation_permissions" in given:
        projects = {project: meaning(names) for project, names in given["organisation_permissions"].items()}
    if "global_permissions" in given:
        tenants = meaning(given["global_permissions"])
    return {**projects, EVERYWHERE: projects.get(EVERYWHERE, frozenset()) | tenants}


def as_json(tenant: Tenant, user: User) -> JSON:
    """What the API says of a user."""
    direct, derived = _in_tenant(user)
    by_project = {project: found for project in tenant.projects if any(found := _in_project(user, project))}
    return {
        "id": user.id,
        "username": user.username,
        "email": user.email,
        "created": stamp(user.created),
        "verified": user.verified,
        "organisation_permissions": {project: given for project, (given, _) in by_project.items()},
        "derived_organisation_permissions": {project: all_ for project, (_, all_) in by_project.items()},
        "global_permissions": direct,
        "sso_global_permissions": [],
        "derived_user_global_permissions": derived,
        "derived_global_permissions": derived,
        "last_login_at": None,
        "is_support_user": False,
    }


def _in_tenant(user: User) -> tuple[list[str], list[str]]:
    """The permissions of a user in the tenant as a whole: those granted, and with what they imply."""
    here = frozenset(filter(_is_tenants, user.permissions.get(EVERYWHERE, ())))
    return _told(here, filter(_is_tenants, user.named.get(EVERYWHERE, ())))


def _in_project(user: User, project: str) -> tuple[list[str], list[str]]:
    """The permissions of a user in a project: those granted, and with what they imply."""
    here, named = set(user.permissions.get(project, ())), set(user.named.get(project, ()))
    here |= {name for name in user.permissions.get(EVERYWHERE, ()) if not _is_tenants(name)}
    named |= {name for name in user.named.get(EVERYWHERE, ()) if not _is_tenants(name)}
    return _told(frozenset(here), named)


def _told(here: frozenset[str], named: Iterable[str]) -> tuple[list[str], list[str]]:
    """Machine names of the permissions `here`: as they were named, as far as they still hold, and of all of them."""
    known = contract.permissions()
    still = {name for name in named if name not in known or known[name] in here}
    direct = still | set(map(contract.machine_name, here - granted(still)))
    derived = direct | set(map(contract.machine_name, here))
    return sorted(direct), sorted(derived)


def _is_tenants(name: str) -> bool:
    """Whether a name among the permissions for every project is for the tenant: an unknown one is a role there."""
    known = contract.permissions()
    return (name not in known and name not in known.values()) or contract.is_tenants(name)
