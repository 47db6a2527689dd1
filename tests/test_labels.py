"""What labels and label groups there are, and what becomes of comments when these change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, everything

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Answer

    from pytest_reinfer import FakeTenant

    Send = Callable[..., Answer]

DATASET = "/api/_private/datasets/acme/support"
DEFAULT, TONE = f"{DATASET}/labels/default", f"{DATASET}/labels/Tone"
GROUPS = [
    {"name": "default", "label_defs": [{"name": "Claim", "title": "A claim"}, {"name": "Claim > New"}]},
    {"name": "Tone", "label_defs": [{"name": "Polite"}, {"name": "Claim"}]},
]


@pytest.fixture(autouse=True)
def uid(tenant: FakeTenant) -> str:
    """A comment to which labels of both groups are assigned, dismissed and predicted."""
    tenant.add_dataset("acme/support", comments=[comment("a"), comment("b")], label_groups=GROUPS)
    uid = f"{tenant.source('acme/support').id}.a"
    tenant.annotate("acme/support", uid, ["Claim", "Claim > New"])
    tenant.annotate("acme/support", uid, ["Claim"], dismissed=["Polite"], group="Tone")
    tenant.predict("acme/support", uid, {"Claim": 0.5, "Claim > New": 0.25, "Polite": 0.75})
    return uid


def defined(tenant: FakeTenant, group: str = "default") -> list[Any]:
    groups = tenant.dataset("acme/support").fields["label_groups"]
    found: list[Any] = next(each["label_defs"] for each in groups if each["name"] == group)
    return found


def told(tenant: FakeTenant, uid: str) -> dict[str, tuple[list[str], ...]]:
    """By group the names that are assigned, dismissed and predicted."""
    return {
        each["group"]: (
            [label["name"] for label in each["assigned"]],
            [label["name"] for label in each["dismissed"]],
            [" > ".join(label["name"]) for label in each["predicted"]],
        )
        for each in tenant.labelling("acme/support", uid)["labelling"]
    }


def modified(tenant: FakeTenant) -> str:
    return str(tenant.dataset("acme/support").fields["last_modified"])


# -------------------------------------------------------------------------------------------------------- labels


def test_labels_are_created_and_updated_by_name(tenant: FakeTenant, send: Send) -> None:
    before = modified(tenant)
    given = [{"name": "New"}, {"name": "Claim", "instructions": "If it is one."}, {"name": "New", "title": "Anew"}]
    assert send("PUT", DEFAULT, {"label_defs": given}).json == {"status": "ok"}
    assert defined(tenant) == [
        {"name": "Claim", "title": "A claim", "instructions": "If it is one."},
        {"name": "Claim > New"},
        {"name": "New", "title": "Anew"},
    ]
    assert tenant.dataset("acme/support").labels == ("Claim", "Claim > New", "New", "Polite", "Claim")
    assert modified(tenant) > before
    answer = send("GET", f"{DEFAULT}?label_name=New")
    assert answer.json == {"label": {"name": "New", "title": "Anew"}, "status": "ok"}


def test_a_label_is_changed_but_for_what_is_absent(tenant: FakeTenant, send: Send, uid: str) -> None:
    before, stamp = told(tenant, uid), modified(tenant)
    assert send("POST", f"{DEFAULT}?label_name=Claim", {"label": {}}).json["label"] == GROUPS[0]["label_defs"][0]
    assert modified(tenant) == stamp
    answer = send("POST", f"{DEFAULT}?label_name=Claim", {"label": {"instructions": "x"}})
    assert answer.json["label"] == {"name": "Claim", "title": "A claim", "instructions": "x"} == defined(tenant)[0]
    assert told(tenant, uid) == before
    assert modified(tenant) > stamp


def test_a_label_that_gets_the_name_of_a_predicted_one_is_predicted_once(
    tenant: FakeTenant, send: Send, uid: str
) -> None:
    tenant.predict("acme/support", uid, {"Claim > New": 0.5, "Other": 0.25})
    assert "Other" not in tenant.dataset("acme/support").labels
    send("POST", f"{DEFAULT}?label_name=Claim%20%3E%20New", {"label": {"name": "Other"}})
    assert told(tenant, uid)["default"][2] == ["Other"]


def test_comments_follow_a_label_that_is_renamed_in_its_group(tenant: FakeTenant, send: Send, uid: str) -> None:
    flagged = tenant.comment(uid)
    send("POST", f"{TONE}?label_name=Polite", {"label": {"name": "Kind"}})
    assert told(tenant, uid)["Tone"] == (["Claim"], ["Kind"], ["Kind"])
    send("POST", f"{DEFAULT}?label_name=Claim", {"label": {"name": "Case"}})
    found = told(tenant, uid)
    assert found["default"][0] == ["Case", "Claim > New"]
    assert found["Tone"] == (["Claim"], ["Kind"], ["Claim", "Kind"])  # which still has a label of the old name
    send("POST", f"{TONE}?label_name=Claim", {"label": {"name": "Claims"}})
    assert told(tenant, uid)["Tone"] == (["Claims"], ["Kind"], ["Claims", "Kind"])
    assert tenant.dataset("acme/support").labels == ("Case", "Claim > New", "Kind", "Claims")
    assert tenant.comment(uid) == flagged
    exported = tenant.exported("acme/support")[0]["annotations"]["labels"]["assigned"]
    assert [label["name"] for label in exported] == ["Case", "Claim > New", "Claims"]


def test_a_deleted_label_is_taken_from_comments(tenant: FakeTenant, send: Send, uid: str) -> None:
    assert send("DELETE", f"{DEFAULT}?label_name=Claim%20%3E%20New").json == {"status": "ok"}
    assert told(tenant, uid) == {"default": (["Claim"], [], ["Claim"]), "Tone": (["Claim"], ["Polite"], ["Polite"])}
    send("DELETE", f"{DEFAULT}?label_name=Claim")
    send("DELETE", f"{TONE}?label_name=Polite")
    assert told(tenant, uid) == {"default": ([], [], []), "Tone": (["Claim"], [], ["Claim"])}
    assert tenant.comment(uid)["has_annotations"] is True
    send("DELETE", f"{TONE}?label_name=Claim")
    assert told(tenant, uid) == {"default": ([], [], []), "Tone": ([], [], [])}
    assert tenant.comment(uid)["has_annotations"] is False
    assert tenant.dataset("acme/support").labels == ()
    tenant.annotate("acme/support", uid, ["Claim"])
    assert told(tenant, uid)["default"][0] == ["Claim"]


def test_a_label_that_is_dismissed_alone_follows_and_goes(tenant: FakeTenant, send: Send, uid: str) -> None:
    other = f"{uid[:-1]}b"
    tenant.annotate("acme/support", other, [], dismissed=["Claim > New"])
    send("POST", f"{DEFAULT}?label_name=Claim%20%3E%20New", {"label": {"name": "Case"}})
    assert told(tenant, other)["default"] == ([], ["Case"], [])
    send("DELETE", f"{DEFAULT}?label_name=Case")
    assert told(tenant, other)["default"] == ([], [], [])
    assert tenant.comment(other)["has_annotations"] is False


def test_a_label_of_another_dataset_stays(tenant: FakeTenant, send: Send, uid: str) -> None:
    tenant.add_dataset("acme/other", sources=["acme/support"], labels=["Claim"])
    tenant.annotate("acme/other", uid, ["Claim"])
    send("DELETE", f"{DEFAULT}?label_name=Claim")
    assert tenant.labelling("acme/other", uid)["labelling"][0]["assigned"][0]["name"] == "Claim"


# -------------------------------------------------------------------------------------------------------- groups


def test_label_groups_are_listed_and_found(tenant: FakeTenant, send: Send) -> None:
    groups = tenant.dataset("acme/support").fields["label_groups"]
    assert send("GET", f"{DATASET}/label-groups").json == {"label_groups": groups, "status": "ok"}
    assert send("GET", f"{DATASET}/label-groups/Tone").json == {"label_group": groups[1], "status": "ok"}


@pytest.mark.parametrize("name", ["default", "Tone"])
def test_what_was_said_in_a_group_stays_when_it_is_renamed(tenant: FakeTenant, send: Send, uid: str, name: str) -> None:
    form = {"group": name, "assigned": [{"label": {"name": "Claim"}}]}
    ask(tenant, "POST", f"{DATASET}/labellings/{uid}", {"moon_forms": [form]})
    before = told(tenant, uid)
    answer = send("POST", f"{DATASET}/label-groups/{name}", {"label_group": {"name": "Mood", "hidden": True}})
    assert (answer.json["label_group"]["name"], answer.json["label_group"]["hidden"]) == ("Mood", True)
    assert told(tenant, uid) == {"Mood" if key == name else key: each for key, each in before.items()}
    assert tenant.labelling("acme/support", uid)["moon_forms"] == [{**form, "group": "Mood"}]


def test_groups_of_one_name_in_two_datasets_are_two(tenant: FakeTenant, send: Send, uid: str) -> None:
    tenant.add_dataset("acme/other", sources=["acme/support"], label_groups=GROUPS)
    tenant.annotate("acme/other", uid, ["Polite"], dismissed=["Claim"], group="Tone")
    before, other = told(tenant, uid), tenant.labelling("acme/other", uid)
    assert send("POST", f"{DATASET}/label-groups/Tone", {"label_group": {"name": "Mood"}}).status == 200
    assert told(tenant, uid) == {"default": before["default"], "Mood": before["Tone"]}
    assert send("DELETE", f"{DATASET}/label-groups/Mood").status == 200
    assert tenant.labelling("acme/other", uid) == other


def test_an_empty_update_of_a_group_changes_nothing(tenant: FakeTenant, send: Send) -> None:
    before = everything(tenant)
    send("POST", f"{DATASET}/label-groups/Tone", {"label_group": {}})
    assert everything(tenant) == before


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("Tone", {"default": (["Claim", "Claim > New"], [], ["Claim", "Claim > New"])}),
        ("default", {"Tone": (["Claim"], ["Polite"], ["Claim", "Polite"])}),
    ],
)
def test_a_deleted_group_takes_what_was_said_in_it_along(
    tenant: FakeTenant, send: Send, refused: Send, uid: str, name: str, left: Any
) -> None:
    ask(tenant, "POST", f"{DATASET}/labellings/{uid}", {"moon_forms": [{"group": name, "assigned": [{}]}]})
    assert send("DELETE", f"{DATASET}/label-groups/{name}").json == {"status": "ok"}
    assert told(tenant, uid) == left
    assert "moon_forms" not in tenant.labelling("acme/support", uid)
    (other,) = left
    answer = refused(409, "DELETE", f"{DATASET}/label-groups/{other}")
    assert answer.message == f"The only label group of a dataset cannot be deleted: {other}"


def test_snapshots_keep_labels_and_what_was_said(tenant: FakeTenant, uid: str) -> None:
    snapshot, before = tenant.snapshot(), everything(tenant)
    ask(tenant, "POST", f"{DEFAULT}?label_name=Claim", {"label": {"name": "Case"}})
    ask(tenant, "DELETE", f"{DATASET}/label-groups/Tone")
    assert everything(tenant) != before
    tenant.restore(snapshot)
    assert everything(tenant) == before


# ------------------------------------------------------------------------------------------------------ refusing


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_a_label_must_be_named_and_there(refused: Send, method: str) -> None:
    body = {"label": {"title": "x"}} if method == "POST" else None
    assert refused(400, method, DEFAULT, body).message == "'label_name' is a required property"
    for path in (f"{DEFAULT}?label_name=None", f"{DATASET}/labels/Mood?label_name=Claim", f"{TONE}?label_name=claim"):
        assert refused(404, method, path, body).message == "404 Not Found"


@pytest.mark.parametrize(
    ("status", "method", "path", "body", "words"),
    [
        (409, "POST", f"{DEFAULT}?label_name=Claim", {"label": {"name": "Claim > New"}}, "Label already exists: Claim"),
        (400, "POST", f"{DEFAULT}?label_name=Claim", {"label": {"name": ""}}, "'' should be non-empty"),
        (400, "POST", f"{DEFAULT}?label_name=Claim", {"name": "x"}, "'label' is a required property"),
        (404, "PUT", f"{DATASET}/labels/Mood", {"label_defs": []}, "404 Not Found"),
        (400, "PUT", DEFAULT, {"label_defs": [{"title": "x"}]}, "'name' is a required property"),
        (404, "GET", f"{DATASET}/label-groups/Mood", None, "404 Not Found"),
        (404, "DELETE", f"{DATASET}/label-groups/Mood", None, "404 Not Found"),
        (
            409,
            "POST",
            f"{DATASET}/label-groups/Tone",
            {"label_group": {"name": "default"}},
            "Label group already exists: default",
        ),
        (400, "POST", f"{DATASET}/label-groups/Tone", {"label_group": {"label_defs": []}}, "'label_defs' was unexp"),
        (404, "GET", "/api/_private/datasets/acme/none/label-groups", None, "404 Not Found"),
        (405, "PUT", f"{DATASET}/label-groups/Tone", {}, "405 Method Not Allowed"),
    ],
)
def test_what_cannot_be_is_refused(refused: Send, status: int, method: str, path: str, body: Any, words: str) -> None:
    assert words in refused(status, method, path, body).message
