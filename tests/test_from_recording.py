"""A tenant made of a recording: it answers as the recording did, and tells what it could not take."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from conftest import ask
from recording import DATASET, EXPORT, FORMS, SOURCES, Taken, har, taken, walk

from pytest_reinfer import FakeTenant, command, contract
from pytest_reinfer.recordings.files import BadRecording
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PROJECTS = contract.routes()["list_private_projects"].path
LABELLINGS = contract.routes()["get_labellings"].path.format(project="acme", dataset_name="support")


@pytest.fixture
def full(tenant: FakeTenant) -> FakeTenant:
    dataset = tenant.add_dataset("acme/support", comments=40)
    tenant.tag_model(dataset, "live", 3)
    return tenant


def of(path: Path, exchanges: Sequence[Taken], form: str = "har") -> FakeTenant:
    path.write_text(FORMS[form](exchanges))
    return FakeTenant.from_recording(path)


def again(tenant: FakeTenant, one: Taken, host: str) -> Any:
    """What a tenant answers that is asked the same again."""
    path, _, query = one.url.removeprefix(host).partition("?")
    headers = {"authorization": tenant.headers["Authorization"], "content-type": "application/json"}
    return json.loads(tenant.answer(Request(one.method, path, query, headers, one.body.encode())).body)


@pytest.mark.parametrize("form", FORMS)
def test_what_was_recorded_is_answered_again(form: str, full: FakeTenant, tmp_path: Path) -> None:
    model_tags = contract.routes()["get_model_tags"].path.format(project="acme", dataset_name="support")
    uid = full.exported("acme/support")[0]["comment"]["uid"]
    one_comment = contract.routes()["get_comment"].path.format(
        project="acme", source_name="support", comment_id=uid.partition(".")[2].replace("%", "%25")
    )
    paths = (PROJECTS, model_tags, one_comment)
    exchanges = [*walk(full), *(taken(full, "GET", path) for path in paths)]
    twin = of(tmp_path / "recording", exchanges, form)
    for each in exchanges:
        assert again(twin, each, full.url) == json.loads(each.answer), each.url
    assert twin.exported("acme/support") == full.exported("acme/support")
    assert twin.untaken == ()


def test_what_was_recorded_and_scrubbed_makes_a_tenant_too(full: FakeTenant, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text(har(walk(full)))
    assert command.main(["check", str(path), "--scrub"]) == 0
    twin = FakeTenant.from_recording(path)
    assert len(twin.exported("acme/support")) == 40
    assert len({each["comment"]["uid"] for each in twin.exported("acme/support")}) == 40


def test_a_tenant_made_of_a_recording_works_and_changes_as_any_other(full: FakeTenant, tmp_path: Path) -> None:
    twin = of(tmp_path / "recording", walk(full))
    uid = twin.exported("acme/support")[0]["comment"]["uid"]
    twin.annotate("acme/support", uid, ["New"])
    new = {"id": "new", "timestamp": "2024-01-01", "messages": [{"body": {"text": "x"}}]}
    twin.add_comments("acme/support", [new])
    assert len(twin.exported("acme/support")) == 41
    twin.save(tmp_path / "state.json")
    other = FakeTenant()
    other.load(tmp_path / "state.json")
    assert other.exported("acme/support") == twin.exported("acme/support")
    assert [each.full_name for each in full.datasets] == ["acme/support"]


def test_the_last_word_on_a_thing_holds(full: FakeTenant, tmp_path: Path) -> None:
    change = taken(full, "GET", DATASET)
    later = taken(full, "POST", DATASET, {"dataset": {"title": "Later"}})
    twin = of(tmp_path / "recording", [change, later])
    assert twin.dataset("acme/support").title == "Later"
    gone = of(tmp_path / "recording", [taken(full, "GET", SOURCES), change, taken(full, "DELETE", DATASET)])
    assert gone.datasets == ()
    assert len(gone.sources) == 1


def test_what_was_not_shown_is_made_up_and_told(full: FakeTenant, tmp_path: Path) -> None:
    twin = of(tmp_path / "recording", [taken(full, "POST", EXPORT, {"limit": 256})])
    (source,) = full.sources
    assert twin.exported("acme/support") == full.exported("acme/support")
    assert set(twin.untaken) == {
        f"the source {source.id}, which is not shown, is called acme/source-{source.id}",
        "the project acme, which is not shown, has no title",
        "the dataset acme/support, which is not shown, has the labels and sources that its comments have",
    }


def test_labels_are_taken_from_labellings_too(full: FakeTenant, tmp_path: Path) -> None:
    first, second = (each["comment"]["uid"] for each in full.exported("acme/support")[:2])
    full.annotate("acme/support", first, ["A > B"], dismissed=["C"])
    full.predict("acme/support", second, {"A > B": 0.5})
    exchanges = [
        taken(full, "GET", f"{LABELLINGS}?{urlencode({'id': [first, second]}, doseq=True)}"),
        *(taken(full, "GET", path) for path in (DATASET, SOURCES)),
    ]
    twin = of(tmp_path / "recording", exchanges)
    said = {each["comment"]["uid"]: each for each in full.exported("acme/support")}
    for each in twin.exported("acme/support"):
        uid = each["comment"]["uid"]
        assert [label["name"] for label in each["annotations"]["labels"]["assigned"]] == [
            label["name"] for label in said[uid]["annotations"]["labels"]["assigned"]
        ]
    assert "acme/support: what was dismissed, and entities, of comments" in twin.untaken


def test_what_could_not_be_taken_is_told(full: FakeTenant, tmp_path: Path) -> None:
    exchanges = [
        taken(full, "GET", DATASET),
        taken(full, "GET", DATASET.replace("support", "none")),
        taken(full, "GET", contract.routes()["list_users"].path),
        taken(full, "GET", DATASET)._replace(url="https://other.example/"),
        taken(full, "GET", DATASET)._replace(answer=b'{"dataset": {"id": 7}, "status": "ok"}'),
        taken(full, "GET", DATASET)._replace(answer=b'"nothing"'),
    ]
    told = of(tmp_path / "recording", exchanges).untaken
    assert "get_dataset: answers that are no success" in told
    assert "list_users: its answers show nothing that is kept" in told
    assert "exchanges with other hosts" in told
    assert any(each.startswith("get_dataset: a dataset with ") for each in told)


def test_a_recording_that_shows_nothing_makes_no_tenant(full: FakeTenant, tmp_path: Path) -> None:
    path = tmp_path / "recording"
    path.write_text(har([taken(full, "GET", DATASET.replace("support", "none"))]))
    with pytest.raises(BadRecording, match="shows a project, dataset, source, bucket or comment: get_dataset: answers"):
        FakeTenant.from_recording(path)
    with pytest.raises(FileNotFoundError):
        FakeTenant.from_recording(tmp_path / "none")


def test_settings_are_those_of_a_tenant(full: FakeTenant, tmp_path: Path) -> None:
    (tmp_path / "recording").write_text(har(walk(full)))
    twin = FakeTenant.from_recording(tmp_path / "recording", url="https://other.reinfer.io", seed=7)
    assert (twin.url, twin.seed) == ("https://other.reinfer.io", 7)
    assert ask(twin, "GET", DATASET).status == 200


def test_what_was_shown_and_deleted_leaves_an_empty_tenant(full: FakeTenant, tmp_path: Path) -> None:
    twin = of(tmp_path / "recording", [taken(full, "GET", DATASET), taken(full, "DELETE", DATASET)])
    assert (twin.datasets, twin.untaken) == ((), ())


def test_continuations_and_contexts_of_another_tenant_are_told(tmp_path: Path) -> None:
    other = FakeTenant(seed=7)
    other.add_dataset("acme/support", comments=40)
    pages = walk(other)
    asked = pages[-1]._replace(body=json.dumps({**json.loads(pages[-1].body), "context": "x"}))
    told = of(tmp_path / "recording", [*pages, asked]).untaken
    assert set(told) >= {
        "acme/support: a recorded continuation is refused, for the tenant gives out its own (3)",
        "export_dataset: a recorded context means nothing to the tenant, which answers another one",
    }
