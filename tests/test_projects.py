"""The project routes: who sees a project, who may do what in it, and what goes with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, in_threads

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.tenant import EVERYWHERE, Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    Send = Callable[..., Answer]

PROJECTS = "/api/_private/projects"
ACME = f"{PROJECTS}/acme"
CLI_READS = {"name", "title", "description", "created_at", "updated_at"}


def add_bucket(tenant: FakeTenant, project: str) -> str:
    """Have a bucket in a project; its id."""
    state = tenant.snapshot()
    made = Bucket({"id": state.new_id(), "owner": project, "name": "inbox", "title": ""})
    state.buckets[made.id], state.names[Bucket, made.full_name] = made, made.id
    tenant.restore(state)
    return made.id


# ------------------------------------------------------------------------------------------------------ create


def test_create_project_of_nothing_has_the_defaults(tenant: FakeTenant, send: Send) -> None:
    answer = send("PUT", ACME, {"project": {}})
    project = answer.json["project"]
    assert answer.json == {"project": project, "status": "ok"}
    assert project == {
        "id": project["id"],
        "name": "acme",
        "title": "",
        "description": "",
        "user_auto_join": False,
        "created_at": project["created_at"],
        "updated_at": project["created_at"],
    }
    assert set(project) >= CLI_READS
    assert tenant.project("acme").as_json() == project == send("GET", ACME).json["project"]


def test_create_project_keeps_what_is_given(send: Send) -> None:
    given = {"title": "Acme", "description": "Ω", "user_auto_join": True}
    project = send("PUT", ACME, {"project": given}).json["project"]
    assert project | given == project


def test_a_project_that_a_test_adds_says_as_much_as_one_of_the_api(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("other")
    assert send("PUT", ACME, {"project": {}}).json["project"].keys() == tenant.project("other").fields.keys()


def test_create_project_under_a_name_that_is_taken_is_409(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_project("acme")
    answer = refused(409, "PUT", ACME, {"project": {}, "user_ids": ["0" * 16]})
    assert answer.message == "Project already exists: acme"


def test_who_makes_a_project_and_whom_they_name_may_do_everything_in_it(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("other")
    maker = tenant.add_user("maker", permissions={EVERYWHERE: ["Projects admin"], "other": ["View labels"]})
    member, stranger = (tenant.add_user(name, permissions={"other": ["View labels"]}) for name in ("ann", "bob"))
    body = {"project": {}, "user_ids": [member.id, member.id], "uipath_user_ids": ["x"]}
    assert send("PUT", ACME, body, user=maker).status == 200
    for user in (maker, member):
        said = send("GET", "/auth/user", user=user).json["user"]
        table = contract.convention("x-permissions").values()
        assert said["organisation_permissions"] == {
            "acme": sorted(each["name"] for each in table if "scope" not in each),
            "other": ["voc-readonly"],
        }
        assert said["global_permissions"] == (["projects-admin"] if user is maker else [])
        assert send("PUT", f"/api/v1/sources/acme/{user.username}", {"source": {}}, user=user).status == 200
    assert send("GET", ACME, user=stranger).status == 403


def test_create_project_for_nobody_is_422(tenant: FakeTenant, refused: Send) -> None:
    user = tenant.add_user("ann", permissions=[])
    answer = refused(422, "PUT", ACME, {"project": {}, "user_ids": [user.id, "0" * 16]})
    assert answer.message == f"The value '{'0' * 16}' is not a valid user id."


# ------------------------------------------------------------------------------------------------------ update


def test_update_project_changes_what_is_given_and_stamps_it(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_project("acme", title="old", description="kept").as_json()
    after = send("POST", ACME, {"project": {"title": "new"}}).json["project"]
    assert after["updated_at"] > before["updated_at"]
    assert after == {**before, "title": "new", "updated_at": after["updated_at"]} == send("GET", ACME).json["project"]


def test_update_project_by_nothing_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_project("acme", title="old").as_json()
    assert send("POST", ACME, {"project": {}}).json["project"] == before == tenant.project("acme").as_json()


@pytest.mark.parametrize("field", ["name", "id", "created_at"])
def test_update_project_refuses_what_cannot_change(tenant: FakeTenant, refused: Send, field: str) -> None:
    tenant.add_project("acme")
    answer = refused(400, "POST", ACME, {"project": {field: "x"}})
    assert answer.message == f"Additional properties are not allowed ({field!r} was unexpected)"


# --------------------------------------------------------------------------------------------------- list, get


def test_projects_are_listed_in_order_of_creation(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("b", title="B")
    tenant.add_dataset("a/support")
    listed = send("GET", PROJECTS).json["projects"]
    assert listed == [tenant.project(name).as_json() for name in ("b", "a")]
    assert send("GET", f"{PROJECTS}?cm_only=true").json["projects"] == listed
    few = [{name: each[name] for name in ("name", "title", "description")} for each in listed]
    assert send("GET", "/api/v1/projects").json == {"projects": few, "status": "ok"}


@pytest.mark.parametrize("path", [PROJECTS, "/api/v1/projects"])
def test_the_listed_projects_are_those_that_the_caller_sees(tenant: FakeTenant, send: Send, path: str) -> None:
    for name in ("acme", "other", "third"):
        tenant.add_project(name)
    seen = {
        "member": ({"other": ["View alerts"], "acme": []}, ["other"]),
        "everybody's": (["View labels"], ["acme", "other", "third"]),
        "maker": (["Projects admin"], ["acme", "other", "third"]),
        "reader": (["View tenant users"], []),
    }
    for username, (permissions, expected) in seen.items():
        user = tenant.add_user(username, permissions=permissions)
        assert [each["name"] for each in send("GET", path, user=user).json["projects"]] == expected
        for name in ("acme", "other", "third"):
            assert send("GET", f"{PROJECTS}/{name}", user=user).status == (200 if name in expected else 403)


@pytest.mark.parametrize("text", ["yes", "", "1"])
def test_a_query_that_is_no_boolean_is_400(tenant: FakeTenant, refused: Send, text: str) -> None:
    tenant.add_project("acme")
    assert refused(400, "DELETE", f"{ACME}?force={text}").message == f"{text!r} is not of type 'boolean'"
    assert refused(400, "GET", f"{PROJECTS}?cm_only={text}").message == f"{text!r} is not of type 'boolean'"


@pytest.mark.parametrize(
    ("method", "end", "body"),
    [
        ("GET", "", None),
        ("POST", "", {"project": {}}),
        ("DELETE", "", None),
        ("DELETE", "?force=true", None),
        ("GET", "/resource_counts", None),
    ],
)
def test_a_project_that_is_not_there_is_404(refused: Send, method: str, end: str, body: Any) -> None:
    assert refused(404, method, f"{ACME}{end}", body).message == "404 Not Found"


def test_resource_counts_count_what_the_project_holds_and_no_other(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/support", comments=2)
    tenant.add_source("acme/mail")
    tenant.add_dataset("other/support", sources=["acme/mail"])
    add_bucket(tenant, "acme")
    counts = {"buckets": 1, "dashboards": 0, "datasets": 1, "integrations": 0, "sources": 2}
    assert send("GET", f"{ACME}/resource_counts").json == {"resource_counts": counts, "status": "ok"}


# ------------------------------------------------------------------------------------------------------ delete


def test_an_empty_project_goes_without_force(tenant: FakeTenant, send: Send, refused: Send) -> None:
    tenant.add_dataset("other/support")
    tenant.add_project("acme")
    tenant.add_user("ann", permissions={"acme": ["View labels"]})
    assert send("DELETE", ACME).json == {"status": "ok"}
    refused(404, "DELETE", ACME)
    assert [each["name"] for each in send("GET", PROJECTS).json["projects"]] == ["other"]


@pytest.mark.parametrize("query", ["", "?force=false"])
def test_a_project_with_a_source_is_409_in_the_words_of_the_service(
    tenant: FakeTenant, refused: Send, query: str
) -> None:
    tenant.add_source("acme/mail", comments=[comment("a")])
    assert refused(409, "DELETE", ACME + query).message == (
        'Project contains child resources but force deletion was not requested: {"sources": 1}'
    )


def test_the_kinds_of_what_a_project_holds_are_told_in_alphabetical_order(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_source("acme/mail")
    tenant.add_dataset("acme/support", comments=1)
    add_bucket(tenant, "acme")
    assert refused(409, "DELETE", ACME).message.endswith(': {"buckets": 1, "datasets": 1, "sources": 2}')


def test_with_force_goes_what_a_project_holds_and_nothing_else(tenant: FakeTenant, send: Send) -> None:
    tenant.add_source("other/chat", comments=[comment("a")])
    before = tenant.snapshot()
    bucket_id = add_bucket(tenant, "acme")
    mail = tenant.add_source("acme/mail", comments=[comment("a")], bucket_id=bucket_id)
    fed = tenant.add_source("other/fed", bucket_id=bucket_id)
    ours = tenant.add_dataset("acme/support", sources=[mail, "other/chat"])
    theirs = tenant.add_dataset("other/support", sources=[mail, "other/chat"])
    for dataset in (ours, theirs):
        tenant.annotate(dataset, f"{mail.id}.a", ["Claim"])
    tenant.annotate(ours, f"{tenant.source('other/chat').id}.a", ["Claim"])
    tenant.tag_model(ours, "live", 1)
    assert send("DELETE", f"{ACME}?force=true").status == 200
    state, old = tenant.snapshot(), before
    assert set(state.projects) == {"other"}
    assert set(state.sources) == {*old.sources, fed.id} == set(state.comments)
    assert set(state.names) == {
        (type(each), each.full_name) for table in (state.sources, state.datasets) for each in table.values()
    }
    assert (state.buckets, state.model_tags, [*filter(None, state.labelled.values())]) == ({}, {}, [])
    assert "bucket_id" not in tenant.source("other/fed").fields
    assert tenant.dataset("other/support").source_ids == (tenant.source("other/chat").id,)
    assert [entry["comment"]["has_annotations"] for entry in tenant.exported("other/support")] == [False]


def test_permissions_in_a_project_go_with_it(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("acme")
    tenant.add_project("other")
    user = tenant.add_user("ann", permissions={"acme": ["Datasets admin"], "other": ["View labels"]})
    send("DELETE", ACME)
    assert tenant.user("ann").permissions == {"other": {"View labels"}}
    tenant.add_project("acme")
    assert send("GET", "/api/v1/datasets/acme", user=user).status == 403
    said = send("GET", "/auth/user", user=user).json["user"]
    assert said["organisation_permissions"] == {"other": ["voc-readonly"]}


def test_roles_in_a_project_go_with_it(tenant: FakeTenant, send: Send) -> None:
    tenant.add_project("acme")
    roles = {"organisation_permissions": {"acme": ["role-cm-developer"]}}
    given = {"username": "ann", "email": "ann@acme.example", **roles}
    said = send("PUT", "/api/_private/users", {"user": given}).json["user"]
    assert said | roles == said
    send("DELETE", ACME)
    tenant.add_project("acme")
    user = send("GET", f"/api/_private/users/{said['id']}").json["user"]
    assert user["organisation_permissions"] == user["derived_organisation_permissions"] == {}


# --------------------------------------------------------------------------------------------- limits, permissions


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "'project' is a required property"),
        ({"project": {"title": "x" * 129}}, f"{'x' * 129!r} is too long"),
        ({"project": {"description": "x" * 16385}}, f"{'x' * 16385!r} is too long"),
        ({"project": {"user_auto_join": 1}}, "1 is not of type 'boolean'"),
        ({"project": {}, "user_ids": ["ann"]}, "'ann' does not match '^[0-9a-f]{16}$'"),
        ({"project": {}, "users": []}, "Additional properties are not allowed ('users' was unexpected)"),
    ],
    ids=str,
)
def test_a_body_that_breaks_its_schema_is_400(tenant: FakeTenant, body: Any, message: str) -> None:
    answer = ask(tenant, "PUT", ACME, body)
    assert (answer.status, answer.message, tenant.projects) == (400, message, ())


@pytest.mark.parametrize("name", ["a%20b", "%C3%A9", "x" * 1025, "*"])
def test_a_name_that_no_project_can_have_is_400(tenant: FakeTenant, name: str) -> None:
    for method, body in (("GET", None), ("PUT", {"project": {}}), ("POST", {"project": {}}), ("DELETE", None)):
        answer = ask(tenant, method, f"{PROJECTS}/{name}", body)
        assert answer.status == 400
        assert "does not match" in answer.message


def test_who_may_do_everything_in_a_project_may_not_change_the_project(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_project("acme")
    every = [name for name in contract.every_permission() if not contract.is_tenants(name)]
    user = tenant.add_user("ann", permissions={"acme": every, EVERYWHERE: ["View tenant users"]})
    refused(403, "PUT", f"{PROJECTS}/new", {"project": {}}, user=user)
    refused(403, "POST", ACME, {"project": {}}, user=user)
    refused(403, "DELETE", ACME, user=user)
    refused(403, "GET", f"{ACME}/resource_counts", user=user)


# ----------------------------------------------------------------------------- other tenants, snapshots, threads


def test_two_tenants_have_projects_of_their_own() -> None:
    one, other = FakeTenant(), FakeTenant(seed=1)
    for tenant in (one, other):
        tenant.add_dataset("acme/support", comments=1)
    ask(one, "DELETE", f"{ACME}?force=true")
    assert (one.projects, one.datasets, one.sources) == ((), (), ())
    assert len(other.exported("acme/support")) == 1


def test_a_snapshot_holds_a_project_that_is_deleted_afterwards(tenant: FakeTenant, send: Send) -> None:
    dataset = tenant.add_dataset("acme/support", comments=3)
    tenant.add_user("ann", permissions={"acme": ["View labels"]})
    before, exported, users = tenant.snapshot(), tenant.exported(dataset), tenant.users
    for _ in range(2):
        send("POST", ACME, {"project": {"title": "new"}})
        send("DELETE", f"{ACME}?force=true")
        tenant.restore(before)
        assert (tenant.exported(dataset), tenant.users, tenant.project("acme").title) == (exported, users, "")


def test_projects_are_created_and_deleted_from_several_threads_at_once(tenant: FakeTenant) -> None:
    for number in range(8):
        tenant.add_source(f"old{number}/mail", comments=[comment("a")])

    def work(number: int) -> None:
        assert ask(tenant, "PUT", f"{PROJECTS}/new{number}", {"project": {}}).status == 200
        assert ask(tenant, "DELETE", f"{PROJECTS}/old{number}?force=true").status == 200

    in_threads(work)
    assert {project.name for project in tenant.projects} == {f"new{number}" for number in range(8)}
    assert tenant.sources == ()
