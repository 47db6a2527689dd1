"""A tenant in a file: it comes back as it was, and a file that is not whole or not ours is refused in words."""

from __future__ import annotations

import json
import os
import stat
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from conftest import ask, comment, everything
from hypothesis import HealthCheck, given, settings

from pytest_reinfer import FakeTenant, state, strategies
from pytest_reinfer.tenant import Tenant

if TYPE_CHECKING:
    from collections.abc import Callable

EXPORT = "/api/v1/datasets/{}/export"


def loaded(path: Path) -> FakeTenant:
    tenant = FakeTenant()
    tenant.load(path)
    return tenant


def kept(tenant: FakeTenant) -> Any:
    held = tenant.snapshot()
    ids = {source_id: table.ids for source_id, table in held.comments.items()}
    return everything(tenant), ids, held.names, held.seed, held.now, held.made


@pytest.fixture
def full(tenant: FakeTenant) -> FakeTenant:
    """A tenant with something in every table."""
    dataset = tenant.add_dataset("acme/support", comments=150)
    bucket = tenant.add_bucket("acme/mails")
    mail = tenant.add_source("other/mail", bucket_id=bucket.id, comments=[comment("1"), comment("a.b"), comment("3")])
    tenant.add_dataset("other/mail", sources=[mail, "acme/support"], labels=["Grüße > ✂"])
    tenant.annotate("other/mail", f"{mail.id}.a.b", ["Grüße > ✂"], dismissed=["Nicht"], entities=["order"])
    tenant.predict("other/mail", f"{mail.id}.1", {"Grüße > ✂": 0.1 + 0.2})
    tenant.tag_model(dataset, "live", 7)
    tenant.add_user("viewer", permissions={"acme": ["View labels"]})
    tenant.expire_token(3600, "viewer")
    tenant.delete_comments(f"{mail.id}.3")
    tenant.add_comments(mail, [comment("4"), comment("3")])  # an id that has come twice
    return tenant


@pytest.fixture
def file(full: FakeTenant, tmp_path: Path) -> Path:
    path = tmp_path / "tenant.json"
    full.save(path)
    return path


def test_a_tenant_comes_back_as_it_was(full: FakeTenant, file: Path) -> None:
    again = loaded(file)
    assert kept(again) == kept(full)
    assert [again.exported(each) for each in again.datasets] == [full.exported(each) for each in full.datasets]
    assert [again.comments(each) for each in again.sources] == [full.comments(each) for each in full.sources]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tenant=strategies.tenants())
def test_any_tenant_comes_back_as_it_was(tenant: FakeTenant, tmp_path: Path) -> None:
    tenant.save(tmp_path / "tenant.json")
    again = loaded(tmp_path / "tenant.json")
    assert kept(again) == kept(tenant)
    again.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_bytes() == (tmp_path / "tenant.json").read_bytes()


def test_a_table_that_is_neither_kept_nor_left_on_purpose_is_seen() -> None:
    assert sorted((*state.KEPT, *state.LEFT)) == sorted(field.name for field in fields(Tenant))


def test_what_is_compared_here_has_something_in_every_table(full: FakeTenant) -> None:
    tables = set(state.KEPT) - {"seed"}
    assert tables == {name for name in tables if getattr(full.snapshot(), name)}


def test_a_continuation_is_worth_what_it_was(full: FakeTenant, tmp_path: Path) -> None:
    first = ask(full, "POST", EXPORT.format("acme/support"), {"limit": 100}).json
    last = first["comments"][-1]["comment"]["uid"]
    full.delete_comments(last)
    full.save(tmp_path / "tenant.json")
    again = loaded(tmp_path / "tenant.json")
    rest = ask(again, "POST", EXPORT.format("acme/support"), {"limit": 100, "continuation": first["continuation"]})
    assert [*first["comments"][:-1], *rest.json["comments"]] == full.exported("acme/support")


def test_what_is_made_next_is_the_same(full: FakeTenant, file: Path) -> None:
    again = loaded(file)
    for tenant in (full, again):
        tenant.add_dataset("acme/new", comments=5)
        tenant.update_comment(tenant.comments("acme/new")[0]["uid"], user_properties={"string:Team": "North"})
    assert full.rotate_token() == again.rotate_token()
    assert kept(again) == kept(full)


def test_a_tenant_may_be_loaded_at_another_address(full: FakeTenant, file: Path) -> None:
    again = FakeTenant("http://127.0.0.1:1/acme")
    again.load(file)
    assert (again.url, again.snapshot().url) == ("http://127.0.0.1:1/acme", "http://127.0.0.1:1/acme")
    assert kept(again) == kept(full)


def test_a_token_that_has_ended_stays_so(full: FakeTenant, tmp_path: Path) -> None:
    full.clock.advance(3600)
    full.save(tmp_path / "tenant.json")
    again = loaded(tmp_path / "tenant.json")
    again.add_user("other", permissions=["View labels"])
    token = {"Authorization": f"Bearer {again.user('viewer').token}"}
    assert ask(again, "GET", "/api/v1/datasets").status == 200
    assert again.user("viewer").expires is not None
    assert again.snapshot().caller(token["Authorization"].partition(" ")[2]) is None


def test_faults_and_the_log_are_not_kept(full: FakeTenant, tmp_path: Path) -> None:
    with full.fail(503, times=None, optional=True):
        ask(full, "GET", "/api/v1/datasets")
        full.save(tmp_path / "tenant.json")
    again = loaded(tmp_path / "tenant.json")
    assert (len(again.requests), again.faults) == (0, ())


def test_nothing_is_shared_with_the_tenant_that_was_loaded_elsewhere(full: FakeTenant, file: Path) -> None:
    one, other = loaded(file), loaded(file)
    one.delete_comments(one.comments("acme/support")[0]["uid"])
    assert len(other.comments("acme/support")) == 150


@pytest.mark.skipif(os.name != "posix", reason="modes of files are of POSIX")
def test_only_its_owner_may_read_the_file(full: FakeTenant, file: Path) -> None:
    file.chmod(0o644)
    full.save(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_link_stays_a_link(full: FakeTenant, file: Path) -> None:
    link = file.with_name("link.json")
    link.symlink_to(file)
    full.delete_comments(full.comments("acme/support")[0]["uid"])
    full.save(link)
    assert link.is_symlink()
    assert kept(loaded(file)) == kept(full)


@pytest.mark.parametrize("step", ["write", "fsync", "replace"])
def test_what_fails_on_the_way_leaves_the_old_file(
    full: FakeTenant, file: Path, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()
    full.add_dataset("acme/new")

    def fails(*_: object) -> Any:
        raise OSError(28, "No space left on device")

    if step == "write":
        monkeypatch.setattr(state, "_lines", fails)
    elif step == "fsync":
        monkeypatch.setattr(os, "fsync", fails)
    else:
        monkeypatch.setattr(Path, "replace", fails)
    with pytest.raises(OSError, match="No space left"):
        full.save(file)
    assert file.read_bytes() == before
    assert [each.name for each in file.parent.iterdir()] == [file.name]


def test_a_process_that_is_killed_before_the_end_leaves_the_old_file(
    full: FakeTenant, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = file.read_bytes()

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    monkeypatch.setattr(Path, "unlink", killed)  # nothing is tidied up
    with suppress(KeyboardInterrupt):
        full.save(file)
    assert file.read_bytes() == before
    assert kept(loaded(file)) == kept(full)


def test_a_folder_that_is_not_there_is_an_error(full: FakeTenant, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        full.save(tmp_path / "nowhere" / "tenant.json")


def test_a_file_that_is_not_there_is_an_error(full: FakeTenant, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        full.load(tmp_path / "tenant.json")


def refused(path: Path, *words: str) -> str:
    """See that a file is refused in these words, and that the tenant stays as it was."""
    tenant = FakeTenant()
    tenant.add_dataset("acme/mine")
    before = kept(tenant)
    with pytest.raises(state.BadState) as raised:
        tenant.load(path)
    assert kept(tenant) == before
    told = str(raised.value)
    assert str(path) in told
    assert [word for word in words if word not in told] == []
    return told


def test_a_file_that_was_cut_off_is_refused_wherever(file: Path) -> None:
    whole = file.read_bytes()
    for length in (0, 1, 100, len(whole) // 2, len(whole) - 3):
        file.write_bytes(whole[:length])
        refused(file, "no JSON, or not all of it")


@pytest.mark.parametrize(
    "text", [b"[]", b"null", b'"tenant"', b"{}", b'{"version":true}', b'{"version":"1"}', b'{"name":"x","version":"2"}']
)
def test_another_file_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "package.json"
    path.write_bytes(text)
    refused(path, "holds no tenant")


@pytest.mark.parametrize("text", [b"\xff\xfe", b"no", b'{"version":NaN}', b"[" * 100_000])
def test_what_is_no_json_is_refused(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "tenant.json"
    path.write_bytes(text)
    refused(path, "is no JSON")


def test_a_later_version_is_refused_with_what_to_do(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b'{"version":1', b'{"version":2,"streams":[]', 1))
    refused(file, "written by a later pytest-reinfer", "version 2", "up to 1", "Update pytest-reinfer")


def _of(change: Callable[[Any], object], *words: str) -> Any:
    return pytest.param(change, words, id=words[0][:40])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        _of(lambda it: it.update(streams=[]), "$", "'streams' was unexpected"),
        _of(lambda it: it.pop("made"), "'made' is a required property"),
        _of(lambda it: it["users"].pop("admin"), "$.users"),
        _of(lambda it: it["datasets"][0].update(title=3), "$.datasets[0].title", "3 is not of type 'string'"),
        _of(lambda it: it["comments"][0]["comments"][7].pop("messages"), "$.comments[0].comments[7]", "'messages'"),
        _of(lambda it: it["projects"].pop(), "sources belong to the project other, which is not there"),
        _of(lambda it: it["projects"].append(it["projects"][0]), "several projects have the name acme"),
        _of(lambda it: it["sources"].append({**it["sources"][0], "name": "x"}), "several sources have the id"),
        _of(
            lambda it: it["datasets"].append({**it["datasets"][0], "id": "0" * 16}),
            "several datasets have the name acme/support",
        ),
        _of(lambda it: it["datasets"][0].update(source_ids=["0" * 16]), "datasets name the source 0000000000000000"),
        _of(lambda it: it["sources"][0].update(bucket_id="0" * 16), "sources name the bucket 0000000000000000"),
        _of(lambda it: it["comments"].pop(), "no list of comments is there for the source"),
        _of(lambda it: it["comments"].append(it["comments"][0]), "several lists of comments are of the source"),
        _of(lambda it: it["comments"][0]["ids"].pop(), "lack that of the comment"),
        _of(lambda it: it["comments"][0]["comments"].append(it["comments"][0]["comments"][0]), "several comments"),
        _of(lambda it: it["comments"][1]["comments"][0].update(id="4711"), "lack that of the comment 4711"),
        _of(lambda it: it["comments"][1]["comments"][0].update(source_id="0" * 16), "is not what its source"),
        _of(lambda it: it["comments"][1]["comments"][0].update(created_at="2024-02-30T00:00:00Z"), "day is out of"),
        _of(lambda it: it["comments"][1]["comments"][0].update(thread_id="\ud800"), "surrogates not allowed"),
        _of(lambda it: it["comments"][1]["comments"].pop(0), "labels stand there for a comment of"),
        _of(lambda it: it["labelled"].append(it["labelled"][0]), "several lists of labels"),
        _of(lambda it: it["labelled"][0].update(dataset_id="0" * 16), "labels stand there for the dataset 0000"),
        _of(lambda it: it.update(model_tags={"0" * 16: {}}), "model tags stand there for the dataset 0000"),
        _of(
            lambda it: it["users"]["viewer"]["permissions"].update(acme=["View lables"]),
            "'View lables' is no permission of the API",
        ),
    ],
)  # fmt: skip
def test_a_tenant_that_cannot_be_is_refused(file: Path, change: Callable[[Any], object], words: tuple[str]) -> None:
    value = json.loads(file.read_bytes())
    change(value)
    file.write_text(json.dumps(value))
    refused(file, *words, "Mend the file")


@pytest.mark.parametrize("token", ["a b", "short", "line\nline\n", "half-a-token-é"])
def test_a_bad_token_in_a_file_is_refused_and_not_said(file: Path, token: str) -> None:
    value = json.loads(file.read_bytes())
    value["users"]["viewer"]["token"] = token
    file.write_text(json.dumps(value))
    assert token not in refused(file, "$.users.viewer.token")


def test_two_users_with_one_token_are_refused_by_name(full: FakeTenant, file: Path) -> None:
    value = json.loads(file.read_bytes())
    value["users"]["viewer"]["token"] = value["users"]["admin"]["token"]
    file.write_text(json.dumps(value))
    assert full.token not in refused(file, "several users have one token, that of admin")


def test_a_user_may_be_given_a_token(tenant: FakeTenant) -> None:
    viewer = tenant.add_user("viewer", permissions=["View labels"])
    assert tenant.rotate_token(token="of-the-admin") == tenant.token == "of-the-admin"
    assert tenant.rotate_token(viewer, token="of-the-viewer") == tenant.user("viewer").token
    assert tenant.rotate_token(token="of-the-admin") == "of-the-admin"
    assert ask(tenant, "GET", "/api/v1/datasets").status == 200


@pytest.mark.parametrize(
    "token", ["", "1234567", "with a space", "line-break\n", "Grüße-an-alle", 12345678, "x" * 1025]
)
def test_what_can_be_no_token_is_refused(tenant: FakeTenant, token: Any) -> None:
    before = tenant.token
    with pytest.raises(ValueError, match="at least 8 printable ASCII characters") as raised:
        tenant.rotate_token(token=token)
    assert tenant.token == before
    assert not token or str(token) not in str(raised.value)


def test_the_token_of_another_user_is_refused(tenant: FakeTenant) -> None:
    viewer = tenant.add_user("viewer", permissions=["View labels"])
    with pytest.raises(ValueError, match="this token is that of 'admin'"):
        tenant.rotate_token(viewer, token=tenant.token)
