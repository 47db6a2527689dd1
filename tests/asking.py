"""How each route is asked so that it answers: what tests that are about all routes ask of a tenant of `a_tenant`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.contract import Route

LISTS = {
    "list_datasets": "datasets",
    "list_sources": "sources",
    "list_buckets": "buckets",
}  # what refuses nobody, and shows to each what they may see, under this key
MEMBERS = ("get_project",)  # what asks for no permission of its own, but for any in the project

# What a route is asked, where it is not about what `arrange` makes, or not by the example of its schema.
PATHS: Mapping[str, Mapping[str, str]] = {
    "create_dataset": {"dataset_name": "new"},
    "create_bucket": {"bucket_name": "new"},
    "create_project": {"project": "new"},
    "create_source": {"source_name": "new"},
    "delete_label_group": {"label_group": "Tone"},
}
QUERIES: Mapping[str, str] = {
    "delete_comments": "id=gone",
    "delete_project": "force=true",
    "get_labellings": "source_id={source_id}",
    "get_label": "label_name=Polite",
    "update_label": "label_name=Polite",
    "delete_label": "label_name=Polite",
}
BODIES: Mapping[str, Any] = {
    "create_dataset": {"dataset": {}},
    "create_user": {"user": {"username": "new", "email": "new@acme.example"}},
}


class Asked(NamedTuple):
    """A path with its query, and the body, None for a route that takes none."""

    path: str
    body: Any


def arrange(tenant: FakeTenant) -> None:
    """Fill a tenant with one of everything that a route may be about."""
    groups = [{"name": "default"}, {"name": "Tone", "label_defs": [{"name": "Polite"}]}]
    tenant.add_dataset("acme/support", comments=3, label_groups=groups)
    tenant.add_user("bob", permissions=[])
    tenant.add_bucket("acme/mails")


def asked(route: Route, tenant: FakeTenant) -> Asked:
    """What a route of an arranged tenant is asked, and answers."""
    dataset, source = tenant.dataset("acme/support"), tenant.source("acme/support")
    names = {
        "project": "acme",
        "dataset_name": "support",
        "dataset_id": dataset.id,
        "source_name": "support",
        "source_id": source.id,
        "user_id": tenant.user("bob").id,
        "comment_uid": tenant.comments(source)[0]["uid"],
        "label_group": "Tone" if "label_name" in QUERIES.get(route.name, "") else "default",
        "comment_id": tenant.comments(source)[0]["id"],
        "bucket_name": "mails",
        "bucket_id": tenant.bucket("acme/mails").id,
    }
    path = route.path.format_map(names | dict(PATHS.get(route.name, {})))
    query = QUERIES.get(route.name, "").format_map(names)
    example = contract.documents()[f"routes/{route.name}.json"]["examples"][0]
    return Asked(f"{path}?{query}" if query else path, BODIES.get(route.name, example.get("body")))
