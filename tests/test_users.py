"""The user routes: who there is, what they may do, and how the API changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, in_threads

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.tenant import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    Send = Callable[..., Answer]

USERS = "/api/_private/users"
CLI_READS = {
    *("id", "username", "email", "created", "global_permissions", "organisation_permissions"),
    *("sso_global_permissions", "verified"),
}
ANN = {"username": "ann", "email": "ann@acme.example"}


@pytest.fixture(autouse=True)
def _acme(tenant: FakeTenant) -> None:
    tenant.add_project("acme")


def at(tenant: FakeTenant, username: str = "ann") -> str:
    return f"{USERS}/{tenant.user(username).id}"


# ---------------------------------------------------------------------------------------------------- who asks


def test_whoever_asks_is_told_who_they_are_and_what_they_may_do(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("other")
    granted = {"acme": ["Export datasets", "sources-read"]}
    user = tenant.add_user("ann", permissions=granted, email="ann@acme.example")
    answer = send("GET", "/auth/user", user=user)
    said = answer.json["user"]
    assert answer.json == {"user": said, "status": "ok"}
    assert said == {
        "id": user.id,
        "username": "ann",
        "email": "ann@acme.example",
        "created": said["created"],
        "verified": True,
        "organisation_permissions": {"acme": ["datasets-export", "sources-read"]},
        "derived_organisation_permissions": {"acme": ["datasets-export", "sources-read", "voc-readonly"]},
        "global_permissions": [],
        "sso_global_permissions": [],
        "derived_user_global_permissions": [],
        "derived_global_permissions": [],
        "last_login_at": None,
        "is_support_user": False,
    }
    assert set(said) >= CLI_READS
    assert user.token not in answer.body.decode()


def test_who_may_do_everything_may_do_it_in_every_project_and_in_the_tenant(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("other")
    said = send("GET", "/auth/user").json["user"]
    table = contract.convention("x-permissions").values()
    projects = sorted(each["name"] for each in table if "scope" not in each)
    assert said["organisation_permissions"] == {"acme": projects, "other": projects}
    assert said["global_permissions"] == sorted(each["name"] for each in table if "scope" in each)
    assert said["username"] == "admin"


def test_a_user_without_permissions_is_told_so(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions={"acme": []})
    said = send("GET", "/auth/user", user=user).json["user"]
    assert (said["organisation_permissions"], said["email"]) == ({}, "ann@example.com")


def test_what_is_revoked_or_denied_is_not_told_and_what_it_implied_is(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions={"acme": ["Datasets admin"]})

    def told() -> Any:
        said = send("GET", "/auth/user", user=user).json["user"]
        return said["organisation_permissions"]["acme"], said["derived_organisation_permissions"]["acme"]

    assert told() == (["datasets-admin"], ["datasets-admin", "datasets-review", "voc", "voc-readonly"])
    tenant.revoke("Datasets admin", user="ann")
    assert told() == (["datasets-review", "voc", "voc-readonly"],) * 2
    tenant.deny("View labels")
    assert told() == (["datasets-review", "voc"],) * 2


def test_a_global_permission_brings_what_it_implies(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions=["Tenant admin"])
    said = send("GET", "/auth/user", user=user).json["user"]
    assert said["global_permissions"] == ["tenant-admin"]
    assert said["derived_global_permissions"] == ["projects-admin", "tenant-admin", "tenant-users-read"]
    assert said["derived_user_global_permissions"] == said["derived_global_permissions"]
    assert said["organisation_permissions"] == {}


def test_permissions_are_never_stale(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions=[])
    answer = send("POST", "/auth/refresh-user-permissions", {}, user=user)
    assert answer.json == {"permissions_refreshed": True, "status": "ok"}


def test_a_new_or_expired_token_changes_no_user(tenant: FakeTenant, send: Send) -> None:
    tenant.add_user("ann", permissions={"acme": ["View labels"]}, email="ann@acme.example")
    before = send("GET", at(tenant)).json
    tenant.rotate_token("ann")
    tenant.expire_token(0, "ann")
    assert send("GET", "/auth/user", user=tenant.user("ann")).status == 401
    tenant.rotate_token("ann")
    assert send("GET", at(tenant)).json == before
    assert send("GET", "/auth/user", user=tenant.user("ann")).status == 200


# --------------------------------------------------------------------------------------------------- list, get


def test_list_users_tells_names_and_addresses(tenant: FakeTenant, send: Send) -> None:
    tenant.add_user("ann", permissions=[], email="ann@acme.example")
    assert send("GET", "/api/v1/users").json["users"] == [
        {"email": "admin@example.com", "last_login_at": None, "username": "admin"},
        {"email": "ann@acme.example", "last_login_at": None, "username": "ann"},
    ]


def test_the_private_list_tells_of_each_user_what_their_own_route_tells(tenant: FakeTenant, send: Send) -> None:
    user = tenant.add_user("ann", permissions={"acme": ["View labels"]})
    listed = send("GET", USERS).json["users"]
    assert [each["username"] for each in listed] == ["admin", "ann"]
    assert listed[1] == send("GET", at(tenant)).json["user"] == send("GET", "/auth/user", user=user).json["user"]
    assert len({each["id"] for each in listed}) == 2


@pytest.mark.parametrize(
    ("method", "end", "body"),
    [("GET", "", None), ("POST", "", {"user": {}}), ("DELETE", "", None), ("POST", "/welcome-email", {})],
)
def test_a_user_that_is_not_there_is_404(refused: Send, method: str, end: str, body: Any) -> None:
    assert refused(404, method, f"{USERS}/0123456789abcdef{end}", body).message == "404 Not Found"


# ------------------------------------------------------------------------------------------------------ create


def test_a_created_user_may_do_what_they_are_granted(tenant: FakeTenant, send: Send) -> None:
    given = {"organisation_permissions": {"acme": ["sources-admin"]}, "global_permissions": ["projects-admin"]}
    said = send("PUT", USERS, {"user": {**ANN, **given}}).json["user"]
    assert said | given | ANN == said
    assert said["verified"] is False
    assert said["derived_organisation_permissions"] == {
        "acme": ["sources-admin", "sources-read", "sources-read-sensitive"]
    }
    user = tenant.user("ann")
    assert (user.id, user.email) == (said["id"], "ann@acme.example")
    assert user.permissions["acme"] == {"Sources admin", "View sensitive data", "View sources"}
    assert send("PUT", "/api/v1/sources/acme/mail", {"source": {}}, user=user).status == 200
    assert send("GET", "/api/v1/datasets/acme", user=user).status == 403
    assert send("GET", at(tenant)).json["user"] == send("GET", "/auth/user", user=user).json["user"] == said


def test_a_created_user_is_granted_nothing_by_default(tenant: FakeTenant, send: Send) -> None:
    said = send("PUT", USERS, {"user": ANN}).json["user"]
    assert (said["organisation_permissions"], said["global_permissions"]) == ({}, [])
    assert send("GET", "/api/v1/datasets/acme", user=tenant.user("ann")).status == 403


def test_roles_are_kept_and_give_nothing(tenant: FakeTenant, send: Send) -> None:
    given = {
        "organisation_permissions": {"acme": ["role-cm-developer", "streams-read"]},
        "global_permissions": ["role-cm-tenant-admin"],
    }
    said = send("PUT", USERS, {"user": {**ANN, **given}}).json["user"]
    assert said | given == said
    assert said["derived_organisation_permissions"] == given["organisation_permissions"]
    assert tenant.user("ann").permissions == {"acme": frozenset(), EVERYWHERE: frozenset()}


def test_create_user_under_a_name_that_is_taken_is_409(refused: Send) -> None:
    taken = {**ANN, "username": "admin", "organisation_permissions": {"nowhere": []}}
    assert refused(409, "PUT", USERS, {"user": taken}).message == "User already exists: admin"


@pytest.mark.parametrize("project", ["nowhere", EVERYWHERE, ""])
def test_permissions_in_no_project_are_422(tenant: FakeTenant, refused: Send, project: str) -> None:
    tenant.add_user("bob", permissions=[])
    given = {"organisation_permissions": {"acme": [], project: ["voc"]}}
    message = f"The value '{project}' is not a valid project."
    assert refused(422, "PUT", USERS, {"user": {**ANN, **given}}).message == message
    assert refused(422, "POST", at(tenant, "bob"), {"user": given}).message == message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"organisation_permissions": {"acme": ["View labels"]}},
            "'View labels' is not one of ['sources-add-comments'",
        ),
        ({"organisation_permissions": {"nowhere": "voc"}}, "'voc' is not of type 'array'"),
        ({"organisation_permissions": {"acme": None}}, "None is not of type 'array'"),
        ({"organisation_permissions": {"acme": ["tenant-admin"]}}, "'tenant-admin' is not one of"),
        ({"organisation_permissions": []}, "[] is not of type 'object'"),
        ({"global_permissions": ["voc"]}, "'voc' is not one of ['root', "),
        ({"global_permissions": None}, "None is not of type 'array'"),
        ({"is_support_user": True}, "Additional properties are not allowed ('is_support_user' was unexpected)"),
    ],
    ids=str,
)
def test_what_is_no_permission_is_400(tenant: FakeTenant, refused: Send, given: Any, message: str) -> None:
    tenant.add_user("bob", permissions=["View labels"])
    assert refused(400, "PUT", USERS, {"user": {**ANN, **given}}).message.startswith(message)
    assert refused(400, "POST", at(tenant, "bob"), {"user": given}).message.startswith(message)


def test_what_is_no_permission_is_400_before_its_user_is_404(refused: Send) -> None:
    nobody, given = f"{USERS}/{'0' * 16}", {"organisation_permissions": {"acme": ["View labels"]}}
    assert refused(400, "POST", nobody, {"user": given}).message.startswith("'View labels' is not one of ")


@pytest.mark.parametrize("missing", ["username", "email"])
def test_a_user_without_a_name_or_an_address_is_400(refused: Send, missing: str) -> None:
    given = {name: value for name, value in ANN.items() if name != missing}
    assert refused(400, "PUT", USERS, {"user": given}).message == f"{missing!r} is a required property"
    assert refused(400, "PUT", USERS, {"user": {**ANN, missing: ""}}).status == 400


# ------------------------------------------------------------------------------------------------------ update


def test_an_update_replaces_what_is_given_and_keeps_the_rest(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("other")
    tenant.add_user("ann", permissions={"acme": ["View labels"], EVERYWHERE: ["Projects admin", "Sources admin"]})

    def updated(**given: Any) -> Any:
        said = send("POST", at(tenant), {"user": given}).json["user"]
        assert send("GET", "/auth/user", user=tenant.user("ann")).json["user"] == said
        return said["organisation_permissions"], said["global_permissions"]

    before = {"acme": ["sources-admin", "voc-readonly"], "other": ["sources-admin"]}
    assert updated() == (before, ["projects-admin"])
    assert updated(global_permissions=["tenant-users-read"]) == (before, ["tenant-users-read"])
    assert updated(organisation_permissions={"other": ["voc"]}) == ({"other": ["voc"]}, ["tenant-users-read"])
    assert send("GET", "/api/v1/datasets/acme", user=tenant.user("ann")).status == 403
    assert send("GET", "/api/v1/datasets/other", user=tenant.user("ann")).status == 200
    assert send("GET", USERS, user=tenant.user("ann")).status == 200
    assert updated(organisation_permissions={}, global_permissions=[]) == ({}, [])
    assert send("GET", USERS, user=tenant.user("ann")).status == 403


def test_what_was_revoked_does_not_come_back_with_another_update(tenant: FakeTenant, send: Send) -> None:
    tenant.add_user("ann", permissions={"acme": ["View labels", "View sources"]})
    tenant.revoke("View labels", user="ann")
    said = send("POST", at(tenant), {"user": {"global_permissions": ["projects-admin"]}}).json["user"]
    assert said["organisation_permissions"] == {"acme": ["sources-read"]}


def test_an_update_by_nothing_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_user("ann", permissions={"acme": ["View labels"]})
    send("POST", at(tenant), {"user": {}})
    assert send("GET", "/api/v1/datasets/acme", user=before).status == 200
    assert (tenant.user("ann").token, tenant.user("ann").id) == (before.token, before.id)


@pytest.mark.parametrize("field", ["username", "email", "verified", "id"])
def test_only_permissions_can_change(tenant: FakeTenant, refused: Send, field: str) -> None:
    tenant.add_user("ann", permissions=[])
    answer = refused(400, "POST", at(tenant), {"user": {field: "x"}})
    assert answer.message == f"Additional properties are not allowed ({field!r} was unexpected)"


# ---------------------------------------------------------------------------------------------- delete, welcome


def test_a_deleted_user_has_no_token_any_more(tenant: FakeTenant, send: Send, refused: Send) -> None:
    user = tenant.add_user("ann", permissions=["View labels"])
    path = at(tenant)
    assert send("DELETE", path).json == {"status": "ok"}
    refused(401, "GET", "/auth/user", user=user)
    refused(404, "DELETE", path)
    assert [each["username"] for each in send("GET", USERS).json["users"]] == ["admin"]
    again = send("PUT", USERS, {"user": ANN}).json["user"]
    assert again["id"] != user.id
    refused(401, "GET", "/auth/user", user=user)


def test_users_may_delete_themselves(tenant: FakeTenant, send: Send) -> None:
    assert send("DELETE", at(tenant, "admin")).status == 200
    with pytest.raises(LookupError, match=r"No user 'admin'\. There are: \."):
        tenant.token  # noqa: B018 -- asked for in vain


def test_a_welcome_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    tenant.add_user("ann", permissions=[])
    before = tenant.users
    assert send("POST", f"{at(tenant)}/welcome-email", {}).json == {"status": "ok"}
    assert tenant.users == before
    tenant.assert_requested("send_welcome_email", times=1, permission="Tenant admin")


# -------------------------------------------------------------------------------- permissions in the whole tenant


def test_a_permission_in_the_whole_tenant_shows_no_project(tenant: FakeTenant, send: Send) -> None:
    original = tenant.add_dataset("hidden/original")
    user = tenant.add_user("ann", permissions={EVERYWHERE: ["Tenant admin"], "acme": ["Datasets admin"]})
    given = {"copy_annotations_from": original.id}
    assert send("PUT", "/api/v1/datasets/acme/new", {"dataset": given}, user=user).status == 422


def test_who_may_view_users_may_not_change_them(tenant: FakeTenant, refused: Send) -> None:
    user = tenant.add_user("ann", permissions=["View tenant users", "Projects admin"])
    refused(403, "PUT", USERS, {"user": ANN}, user=user)
    refused(403, "POST", at(tenant), {"user": {"global_permissions": ["tenant-admin"]}}, user=user)
    refused(403, "DELETE", at(tenant), user=user)


def test_every_permission_of_the_fake_is_one_that_the_api_may_grant() -> None:
    names = {
        scope: contract.node(f"objects/common.json#/$defs/{scope}_permission")["enum"]
        for scope in ("project", "global")
    }
    for permission in contract.convention("x-permissions").values():
        scope = "global" if "scope" in permission else "project"
        assert permission["name"] in names[scope]


# ----------------------------------------------------------------------------- other tenants, snapshots, threads


def test_two_tenants_have_users_of_their_own() -> None:
    one, other = FakeTenant(), FakeTenant("https://other.reinfer.io")
    for tenant in (one, other):
        ask(tenant, "PUT", USERS, {"user": ANN})
    assert one.user("ann").token != other.user("ann").token
    ask(one, "DELETE", at(one))
    assert [user.username for user in other.users] == ["admin", "ann"]


def test_a_snapshot_holds_the_users_and_what_they_may_do(tenant: FakeTenant, send: Send) -> None:
    tenant.add_user("ann", permissions=["View labels"])
    before, users = tenant.snapshot(), tenant.users
    send("POST", at(tenant), {"user": {"organisation_permissions": {}}})
    send("PUT", USERS, {"user": {**ANN, "username": "bob"}})
    tenant.restore(before)
    assert tenant.users == users
    assert send("GET", "/api/v1/datasets/acme", user=tenant.user("ann")).status == 200


def test_users_are_created_and_deleted_from_several_threads_at_once(tenant: FakeTenant) -> None:
    for number in range(8):
        tenant.add_user(f"old{number}", permissions=[])

    def work(number: int) -> None:
        assert ask(tenant, "PUT", USERS, {"user": {**ANN, "username": f"new{number}"}}).status == 200
        assert ask(tenant, "DELETE", at(tenant, f"old{number}")).status == 200

    in_threads(work)
    assert {user.username for user in tenant.users} == {"admin", *(f"new{number}" for number in range(8))}
    assert len({user.id for user in tenant.users}) == len({user.token for user in tenant.users}) == 9


# --------------------------------------------------------------------------------------------------- arranging


def test_arranging_a_user_is_as_strict_as_the_service(tenant: FakeTenant) -> None:
    for permission in ("Tenant admin", "tenant-admin"):
        with pytest.raises(ValueError, match=r"'Tenant admin' is no permission in a project.*'\*' stands for"):
            tenant.add_user("ann", permissions={"acme": ["View labels", permission]})
    with pytest.raises(ValueError, match=r"add_user: the value\.username: '' "):
        tenant.add_user("", permissions=[])
    with pytest.raises(ValueError, match=r"add_user: the value\.email: 5 is not of type 'string'"):
        tenant.add_user("ann", permissions=[], email=5)  # type: ignore[arg-type]
    assert [user.username for user in tenant.users] == ["admin"]
