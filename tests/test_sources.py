"""The source routes: every parameter, rule and refusal of sources."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, in_threads

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.tenant import Bucket

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    Send = Callable[..., Answer]

MAIL = "/api/v1/sources/acme/mail"
CLI_READS = {
    *("id", "owner", "name", "title", "description", "language", "should_translate", "created_at", "updated_at"),
    "_kind",
}


@pytest.fixture(autouse=True)
def _acme(tenant: FakeTenant) -> None:
    tenant.add_project("acme")


@pytest.fixture
def bucket(tenant: FakeTenant) -> str:
    """The id of a bucket of the tenant."""
    state = tenant.snapshot()
    made = Bucket({"id": state.new_id(), "owner": "acme", "name": "inbox", "title": ""})
    state.buckets[made.id] = made
    tenant.restore(state)
    return made.id


def by_id(tenant: FakeTenant, name: str = "acme/mail") -> str:
    return f"/api/v1/sources/id:{tenant.source(name).id}"


# ------------------------------------------------------------------------------------------------------ create


def test_create_source_of_nothing_has_the_defaults(tenant: FakeTenant, send: Send) -> None:
    answer = send("PUT", MAIL, {"source": {}})
    source = answer.json["source"]
    stamp = source["created_at"]
    assert answer.json == {"source": source, "status": "ok"}
    assert source == {
        "id": tenant.source("acme/mail").id,
        "owner": "acme",
        "name": "mail",
        "title": "",
        "description": "",
        "language": "en",
        "should_translate": False,
        "sensitive_properties": [],
        "_kind": "unknown",
        "created_at": stamp,
        "updated_at": stamp,
        "last_modified": stamp,
    }
    assert set(source) >= CLI_READS
    assert tenant.source("acme/mail").as_json() == source
    assert tenant.comments("acme/mail") == []


def test_create_source_keeps_what_is_given(tenant: FakeTenant, send: Send, bucket: str) -> None:
    given = {
        "title": "Beschwerden",
        "description": "Ω",
        "language": "de",
        "should_translate": True,
        "sensitive_properties": ["string:Name", "string:Name"],
        "bucket_id": bucket,
        "_kind": "chat",
        "email_transform_tag": "generic.0.CONVKER5",
        "email_transform_version": 3,
    }
    source = send("PUT", MAIL, {"source": given}).json["source"]
    assert source | given == source
    assert source == send("GET", MAIL).json["source"] == send("GET", by_id(tenant)).json["source"]


def test_a_created_source_takes_comments_and_belongs_to_datasets(tenant: FakeTenant, send: Send) -> None:
    source_id = send("PUT", MAIL, {"source": {}}).json["source"]["id"]
    assert send("POST", f"{MAIL}/sync", {"comments": [comment("a")]}).json["new"] == 1
    dataset = send("PUT", "/api/v1/datasets/acme/support", {"dataset": {"source_ids": [source_id]}}).json["dataset"]
    assert dataset["source_ids"] == [source_id]
    assert [entry["comment"]["id"] for entry in tenant.exported("acme/support")] == ["a"]


def test_create_source_under_a_name_that_is_taken_is_409(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_source("acme/mail")
    answer = refused(409, "PUT", MAIL, {"source": {"bucket_id": "0" * 16}})
    assert answer.message == "Source already exists: acme/mail"


def test_a_source_and_a_dataset_may_have_one_name(tenant: FakeTenant, send: Send) -> None:
    tenant.add_dataset("acme/mail")
    assert send("PUT", MAIL, {"source": {}}).status == 200


def test_create_source_in_no_project_is_404(refused: Send) -> None:
    assert refused(404, "PUT", "/api/v1/sources/nowhere/mail", {"source": {}}).message == "404 Not Found"


def test_a_bucket_of_null_is_none(send: Send) -> None:
    assert "bucket_id" not in send("PUT", MAIL, {"source": {"bucket_id": None}}).json["source"]


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_bucket_that_there_is_not_is_422(tenant: FakeTenant, refused: Send, method: str) -> None:
    if method == "POST":
        tenant.add_source("acme/mail")
    answer = refused(422, method, MAIL, {"source": {"title": "x", "bucket_id": "0" * 16}})
    assert answer.message == f"The value '{'0' * 16}' is not a valid bucket id."


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize("tag", ["not-a-valid-transform-tag.0.ABCDEFGH", "", "generic", "generic.0.CONVKER5\n"])
def test_a_bad_transform_tag_is_422_in_the_words_of_the_service(
    tenant: FakeTenant, refused: Send, method: str, tag: str
) -> None:
    if method == "POST":
        tenant.add_source("acme/mail")
    answer = refused(422, method, MAIL, {"source": {"email_transform_tag": tag}})
    assert answer.message == f"The value '{tag}' is not a valid transform tag."


# ------------------------------------------------------------------------------------------------------ update


def test_update_source_changes_what_is_given_and_stamps_it(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_source("acme/mail", title="old", description="kept", sensitive_properties=["a"]).as_json()
    given = {"title": "new", "should_translate": True, "sensitive_properties": [], "_kind": "call", "language": "xlm"}
    after = send("POST", MAIL, {"source": given}).json["source"]
    assert after["updated_at"] == after["last_modified"] > before["updated_at"]
    stamps = {name: after[name] for name in ("updated_at", "last_modified")}
    assert after == {**before, **given, **stamps} == send("GET", MAIL).json["source"]


def test_update_source_by_nothing_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_source("acme/mail", title="old").as_json()
    assert send("POST", MAIL, {"source": {}}).json["source"] == before == tenant.source("acme/mail").as_json()


def test_a_bucket_stays_goes_and_comes_by_absence_null_and_id(tenant: FakeTenant, send: Send, bucket: str) -> None:
    tenant.add_source("acme/mail", bucket_id=bucket)

    def updated(**given: Any) -> Any:
        return send("POST", MAIL, {"source": given}).json["source"].get("bucket_id")

    assert updated(title="x") == bucket
    assert updated(bucket_id=None) is None
    assert updated(title="y") is None
    assert updated(bucket_id=bucket) == bucket


@pytest.mark.parametrize("field", ["name", "owner", "id", "created_at", "last_modified"])
def test_update_source_refuses_what_cannot_change(tenant: FakeTenant, refused: Send, field: str) -> None:
    tenant.add_source("acme/mail")
    answer = refused(400, "POST", MAIL, {"source": {field: "x"}})
    assert answer.message == f"Additional properties are not allowed ({field!r} was unexpected)"


def test_comments_and_labels_stay_when_a_source_changes(tenant: FakeTenant, send: Send) -> None:
    dataset = tenant.add_dataset("acme/support", comments=3)
    before = tenant.exported(dataset)
    send("POST", "/api/v1/sources/acme/support", {"source": {"title": "x", "language": "de"}})
    assert tenant.exported(dataset) == before


# ----------------------------------------------------------------------------------------------------- list, get


def test_list_sources_lists_them_in_order_of_creation(tenant: FakeTenant, send: Send) -> None:
    names = ["acme/b", "other/c", "acme/a"]
    for name in names:
        tenant.add_source(name)
    listed = send("GET", "/api/v1/sources").json["sources"]
    assert [f"{each['owner']}/{each['name']}" for each in listed] == names
    assert listed[0] == tenant.source("acme/b").as_json()
    assert [each["name"] for each in send("GET", "/api/v1/sources/acme").json["sources"]] == ["b", "a"]


def test_list_sources_shows_those_of_the_projects_that_the_caller_sees(tenant: FakeTenant, send: Send) -> None:
    tenant.add_source("acme/mail")
    tenant.add_source("other/mail")
    user = tenant.add_user("ann", permissions={"other": ["View sources"], "acme": ["View labels"]})
    assert [each["owner"] for each in send("GET", "/api/v1/sources", user=user).json["sources"]] == ["other"]
    for path in ("/api/v1/sources/acme", MAIL, by_id(tenant)):
        assert send("GET", path, user=user).status == 403


def test_list_project_sources_of_an_empty_project_is_empty_and_of_none_404(send: Send, refused: Send) -> None:
    assert send("GET", "/api/v1/sources/acme").json == {"sources": [], "status": "ok"}
    refused(404, "GET", "/api/v1/sources/nowhere")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", MAIL, None),
        ("GET", "/api/v1/sources/id:0123456789abcdef", None),
        ("POST", MAIL, {"source": {"bucket_id": "0" * 16}}),
        ("DELETE", "/api/v1/sources/id:0123456789abcdef", None),
    ],
)
def test_a_source_that_is_not_there_is_404(refused: Send, method: str, path: str, body: Any) -> None:
    assert refused(404, method, path, body).message == "404 Not Found"


def test_a_source_is_found_by_its_name_in_one_segment(tenant: FakeTenant, send: Send) -> None:
    tenant.add_source("acme/mail")
    assert send("GET", "/api/v1/sources/acme%2Fmail").json["source"]["name"] == "mail"


# ------------------------------------------------------------------------------------------------------ delete


def test_a_source_cannot_be_deleted_by_its_name(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_source("acme/mail")
    assert refused(405, "DELETE", MAIL).headers["Allow"] == "GET, POST, PUT"


def test_a_deleted_source_takes_its_comments_and_labels_along(tenant: FakeTenant, send: Send, refused: Send) -> None:
    mail, chat = (tenant.add_source(f"acme/{name}", comments=[comment("a")]) for name in ("mail", "chat"))
    dataset = tenant.add_dataset("acme/support", sources=[mail, chat])
    for source in (mail, chat):
        tenant.annotate(dataset, f"{source.id}.a", ["Claim"], dismissed=["Praise"])
    path, before = by_id(tenant), tenant.dataset("acme/support").as_json()
    assert send("DELETE", path).json == {"status": "ok"}
    assert [each["name"] for each in send("GET", "/api/v1/sources").json["sources"]] == ["chat"]
    refused(404, "DELETE", path)
    refused(404, "POST", f"{MAIL}/sync", {"comments": []})
    after = tenant.dataset("acme/support").as_json()
    assert after["last_modified"] > before["last_modified"]
    assert after == {**before, "source_ids": [chat.id], "last_modified": after["last_modified"]}
    assert [entry["comment"]["uid"] for entry in tenant.exported(dataset)] == [f"{chat.id}.a"]
    assert tenant.exported(dataset)[0]["annotations"]["labels"]["assigned"]
    left = tenant.snapshot()
    assert {*left.labelled, *left.remarks} == {(dataset.id, chat.id)}
    state = tenant.snapshot()
    assert set(state.comments) == {source_id for _, source_id in state.labelled} == {chat.id}
    assert send("POST", "/api/v1/datasets/acme/support/export", {}).json["comments"] == tenant.exported(dataset)


def test_a_name_is_free_again_after_its_source_is_deleted(tenant: FakeTenant, send: Send) -> None:
    old = tenant.add_source("acme/mail", comments=[comment("a")])
    send("DELETE", by_id(tenant))
    new = send("PUT", MAIL, {"source": {}}).json["source"]
    assert new["id"] != old.id
    assert tenant.comments("acme/mail") == []


def test_a_source_that_no_dataset_has_changes_none(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_dataset("acme/support", comments=2).as_json()
    tenant.add_source("acme/mail")
    send("DELETE", by_id(tenant))
    assert tenant.dataset("acme/support").as_json() == before


def test_an_export_goes_on_without_a_source_that_is_deleted_between_two_pages(tenant: FakeTenant) -> None:
    mail, chat = (
        tenant.add_source(f"acme/{name}", comments=[comment(each, f"2024-01-0{day}") for each in "ab"])
        for day, name in enumerate(["mail", "chat"], start=1)
    )
    tenant.add_dataset("acme/support", sources=[mail, chat])
    export = "/api/v1/datasets/acme/support/export"
    page = ask(tenant, "POST", export, {"limit": 1}).json
    ask(tenant, "DELETE", f"/api/v1/sources/id:{chat.id}")
    rest = ask(tenant, "POST", export, {"continuation": page["continuation"]}).json
    assert [entry["comment"]["uid"] for entry in rest["comments"]] == [f"{mail.id}.b"]
    ask(tenant, "DELETE", f"/api/v1/sources/id:{mail.id}")
    gone = ask(tenant, "POST", export, {"continuation": page["continuation"]})
    assert (gone.status, page["continuation"] in gone.message) == (400, True)


def test_exports_that_lag_behind_do_not_stumble_over_a_deleted_source(tenant: FakeTenant) -> None:
    mail, chat = (tenant.add_source(f"acme/{name}", comments=[comment("a")]) for name in ("mail", "chat"))
    tenant.add_dataset("acme/support", sources=[mail, chat])
    tenant.lag(reads=2)
    ask(tenant, "DELETE", f"/api/v1/sources/id:{mail.id}")
    for _ in range(4):
        page = ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {}).json
        assert [entry["comment"]["uid"] for entry in page["comments"]] == [f"{chat.id}.a"]


# --------------------------------------------------------------------------------------------- limits, permissions


@pytest.mark.parametrize("method", ["PUT", "POST"])
@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"title": "x" * 129}, f"{'x' * 129!r} is too long"),
        ({"description": "x" * 16385}, f"{'x' * 16385!r} is too long"),
        ({"language": "fr"}, "'fr' is not one of ['en', 'de', 'xlm']"),
        ({"should_translate": "true"}, "'true' is not of type 'boolean'"),
        ({"sensitive_properties": None}, "None is not of type 'array'"),
        ({"sensitive_properties": ["a"] * 4097}, f"{['a'] * 4097!r} is too long"),
        ({"bucket_id": "inbox"}, "'inbox' does not match '^[0-9a-f]{16}$'"),
        ({"_kind": "mail"}, "'mail' is not one of ['call', 'chat', 'unknown', 'ixp_runtime', 'ixp_design']"),
        ({"email_transform_tag": None}, "None is not of type 'string'"),
        ({"email_transform_version": 1.5}, "1.5 is not of type 'integer'"),
        ({"titel": "x"}, "Additional properties are not allowed ('titel' was unexpected)"),
    ],
    ids=str,
)
def test_a_body_that_breaks_its_schema_is_400(tenant: FakeTenant, method: str, given: Any, message: str) -> None:
    if method == "POST":
        tenant.add_source("acme/mail")
    before = [source.as_json() for source in tenant.sources]
    answer = ask(tenant, method, MAIL, {"source": given})
    assert (answer.status, answer.message) == (400, message)
    assert [source.as_json() for source in tenant.sources] == before


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_body_without_its_one_key_is_400(tenant: FakeTenant, method: str) -> None:
    assert ask(tenant, method, MAIL, {}).message == "'source' is a required property"


@pytest.mark.parametrize("language", contract.node("objects/new_source.json#/properties/language")["enum"])
def test_every_language_is_echoed(tenant: FakeTenant, language: str) -> None:
    answer = ask(tenant, "PUT", MAIL, {"source": {"language": language}})
    assert answer.json["source"]["language"] == language


def test_who_may_see_a_source_may_not_change_it(tenant: FakeTenant, refused: Send) -> None:
    tenant.add_source("acme/mail")
    user = tenant.add_user("ann", permissions={"acme": ["View sensitive data", "Datasets admin"]})
    refused(403, "PUT", "/api/v1/sources/acme/new", {"source": {}}, user=user)
    refused(403, "POST", MAIL, {"source": {"title": "x"}}, user=user)
    refused(403, "DELETE", by_id(tenant), user=user)


# ----------------------------------------------------------------------------- other tenants, snapshots, threads


def test_two_tenants_have_sources_of_their_own() -> None:
    one, other = FakeTenant(), FakeTenant(seed=1)
    for tenant in (one, other):
        tenant.add_source("acme/mail")
    ask(one, "DELETE", by_id(one))
    ask(other, "POST", MAIL, {"source": {"title": "kept"}})
    assert one.sources == ()
    assert other.source("acme/mail").title == "kept"


def test_a_snapshot_holds_what_is_deleted_and_changed_afterwards(tenant: FakeTenant, send: Send) -> None:
    dataset = tenant.add_dataset("acme/support", comments=3)
    tenant.add_source("acme/mail", title="old")
    before, exported = tenant.snapshot(), tenant.exported(dataset)
    send("POST", MAIL, {"source": {"title": "new"}})
    send("DELETE", by_id(tenant, "acme/support"))
    assert tenant.exported(dataset) == []
    tenant.restore(before)
    assert tenant.source("acme/mail").title == "old"
    assert tenant.exported(dataset) == exported
    send("DELETE", by_id(tenant, "acme/support"))
    tenant.restore(before)
    assert tenant.exported(dataset) == exported


def test_sources_are_created_and_deleted_from_several_threads_at_once(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", source_ids=[tenant.add_source(f"acme/s{n}").id for n in range(8)])

    def work(number: int) -> None:
        assert ask(tenant, "PUT", f"/api/v1/sources/acme/t{number}", {"source": {}}).status == 200
        assert ask(tenant, "DELETE", by_id(tenant, f"acme/s{number}")).status == 200

    in_threads(work)
    assert {source.name for source in tenant.sources} == {f"t{number}" for number in range(8)}
    assert tenant.dataset("acme/support").source_ids == ()


# --------------------------------------------------------------------------------------------------- arranging


def test_arranging_a_source_is_as_strict_as_the_service(tenant: FakeTenant) -> None:
    with pytest.raises(LookupError, match=r"add_source: no bucket has the id 0{16}\."):
        tenant.add_source("acme/mail", bucket_id="0" * 16)
    with pytest.raises(ValueError, match=r"add_source: email_transform_tag: .*'x' does not match"):
        tenant.add_source("acme/mail", email_transform_tag="x")
    assert tenant.sources == ()
    assert "bucket_id" not in tenant.add_source("acme/mail", bucket_id=None).as_json()
