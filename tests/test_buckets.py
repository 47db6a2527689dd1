"""The bucket routes: what is made, shown, changed and deleted, and what becomes of the sources that a bucket feeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, everything, in_threads

from pytest_reinfer import FakeTenant

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    Send = Callable[..., Answer]

BUCKETS = "/api/_private/buckets"
MAILS = f"{BUCKETS}/acme/mails"
NEW = {"bucket": {"bucket_type": "emails", "title": "E-mails"}}


@pytest.fixture(autouse=True)
def _a_project(tenant: FakeTenant) -> None:
    tenant.add_project("acme")


def test_a_bucket_is_made_and_shown_by_name_by_id_and_in_lists(tenant: FakeTenant, send: Send) -> None:
    made = send("PUT", MAILS, NEW).json["bucket"]
    assert list(made) == ["id", "owner", "name", "title", "created_at", "updated_at"]
    assert (made["owner"], made["name"], made["title"]) == ("acme", "mails", "E-mails")
    assert made["created_at"] == made["updated_at"]
    assert send("GET", MAILS).json == {"bucket": made, "status": "ok"}
    assert send("GET", f"{BUCKETS}/acme%2Fmails").json["bucket"] == made
    assert send("GET", f"{BUCKETS}/id:{made['id']}").json["bucket"] == made
    other = tenant.add_bucket("beta/mails").as_json()
    assert send("GET", BUCKETS).json == {"buckets": [made, other], "status": "ok"}
    assert send("GET", f"{BUCKETS}/acme").json == {"buckets": [made], "status": "ok"}


def test_a_title_may_be_left_out(send: Send) -> None:
    assert send("PUT", MAILS, {"bucket": {"bucket_type": "emails"}}).json["bucket"]["title"] == ""


def test_an_update_changes_the_title_and_moves_a_stamp_and_an_empty_one_nothing(tenant: FakeTenant, send: Send) -> None:
    before = tenant.add_bucket("acme/mails", title="Old").as_json()
    assert send("POST", MAILS, {"bucket": {}}).json["bucket"] == before
    after = send("POST", MAILS, {"bucket": {"title": "New"}}).json["bucket"]
    assert after == {**before, "title": "New", "updated_at": after["updated_at"]}
    assert after["updated_at"] > before["updated_at"]
    assert tenant.bucket("acme/mails").as_json() == after


def test_a_deleted_bucket_is_gone_and_its_sources_stay_without_it(tenant: FakeTenant, send: Send) -> None:
    bucket, other = tenant.add_bucket("acme/mails"), tenant.add_bucket("acme/others")
    fed = tenant.add_source("acme/fed", bucket_id=bucket.id, comments=2).as_json()
    tenant.add_source("acme/else", bucket_id=other.id)
    path = f"{BUCKETS}/id:{bucket.id}"
    assert send("DELETE", path).json == {"status": "ok"}
    assert send("GET", path).status == send("GET", MAILS).status == send("DELETE", path).status == 404
    assert tenant.buckets == (other,)
    assert tenant.source("acme/fed").as_json() == {name: value for name, value in fed.items() if name != "bucket_id"}
    assert tenant.source("acme/else").fields["bucket_id"] == other.id
    assert len(tenant.comments("acme/fed")) == 2
    assert send("PUT", MAILS, NEW).json["bucket"]["id"] != bucket.id


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "words"),
    [
        (409, "PUT", MAILS, NEW, "Bucket already exists: acme/mails"),
        (404, "PUT", f"{BUCKETS}/nowhere/mails", NEW, "404 Not Found"),
        (404, "GET", f"{BUCKETS}/nowhere", None, "404 Not Found"),
        (404, "GET", f"{BUCKETS}/acme/nothing", None, "404 Not Found"),
        (404, "POST", f"{BUCKETS}/acme/nothing", {"bucket": {}}, "404 Not Found"),
        (404, "DELETE", f"{BUCKETS}/id:0123456789abcdef", None, "404 Not Found"),
        (404, "PUT", f"{BUCKETS}/acme/", NEW, "404 Not Found"),
        (405, "PUT", f"{BUCKETS}//mails", NEW, "405 Method Not Allowed"),
        (405, "DELETE", MAILS, None, "405 Method Not Allowed"),
        (400, "PUT", f"{BUCKETS}/acme/new", {"bucket": {}}, "'bucket_type' is a required property"),
        (400, "PUT", f"{BUCKETS}/acme/new", {"bucket": {"bucket_type": "calls"}}, "'calls' is not one of ['emails']"),
        (400, "POST", MAILS, {"bucket": {"name": "b"}}, "'name' was unexpected"),
    ],
)
def test_what_cannot_be_is_refused(
    tenant: FakeTenant, refused: Send, status: int, method: str, path: str, body: Any, words: str
) -> None:
    tenant.add_bucket("acme/mails")
    assert words in refused(status, method, path, body).message


def test_permissions_count_project_by_project(tenant: FakeTenant, send: Send) -> None:
    bucket, other = tenant.add_bucket("acme/mails"), tenant.add_bucket("beta/mails")
    for permission, status in (("View buckets", 403), ("Modify buckets", 200)):
        user = tenant.add_user(permission, permissions={"acme": [permission]})
        assert send("POST", MAILS, {"bucket": {}}, user=user).status == status
        assert send("DELETE", f"{BUCKETS}/id:{other.id}", user=user).status == 403
    assert send("GET", BUCKETS, user=tenant.user("View buckets")).json["buckets"] == [bucket.as_json()]


def test_a_bucket_is_arranged_and_looked_up(tenant: FakeTenant) -> None:
    bucket = tenant.add_bucket("beta/mails", title="E-mails")
    assert (tenant.bucket("beta/mails"), tenant.buckets, tenant.project("beta").name) == (bucket, (bucket,), "beta")
    assert repr(bucket) == f"Bucket('beta/mails', id='{bucket.id}')"
    with pytest.raises(LookupError, match=r"No bucket 'beta/mail'\. There are: beta/mails"):
        tenant.bucket("beta/mail")
    with pytest.raises(ValueError, match="there is a bucket 'beta/mails' already"):
        tenant.add_bucket("beta/mails")
    with pytest.raises(ValueError, match="'a b' does not match"):
        tenant.add_bucket("beta/a b")
    with pytest.raises(ValueError, match="is too long"):
        tenant.add_bucket("beta/new", title="x" * 129)


def test_a_snapshot_and_another_tenant_hold_buckets_of_their_own(tenant: FakeTenant) -> None:
    tenant.add_bucket("acme/mails")
    before, snapshot = everything(tenant), tenant.snapshot()
    with FakeTenant("https://beta.reinfer.io") as other:
        assert other.buckets == ()
    ask(tenant, "DELETE", f"{BUCKETS}/id:{tenant.bucket('acme/mails').id}")
    ask(tenant, "PUT", f"{BUCKETS}/acme/new", NEW)
    assert everything(tenant) != before
    tenant.restore(snapshot)
    assert everything(tenant) == before


def test_of_many_who_make_the_same_bucket_one_does(tenant: FakeTenant) -> None:
    statuses: list[int] = []
    in_threads(lambda _: statuses.append(ask(tenant, "PUT", MAILS, NEW).status))
    assert sorted(statuses) == [200, *[409] * 7]
