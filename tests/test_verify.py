"""`pytest-reinfer verify`: a second fake on a port stands for the real tenant, with changes planted in its answers."""

from __future__ import annotations

import json
import re
import signal
import threading
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest

from pytest_reinfer import FakeTenant, command, contract, live, probes, verify_reports
from pytest_reinfer.drift import KINDS
from pytest_reinfer.live import Live
from pytest_reinfer.server import Server
from pytest_reinfer.verify import Verdict, verify
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_reinfer.probes import Step
    from pytest_reinfer.wire import JSON

    Change = Callable[[Request, Response], Response]

PROJECT = "reinfer-verify-0123456789abcdef"
PERMISSIONS = [name for name in contract.permissions() if not contract.is_tenants(name)]


class Plant(NamedTuple):
    """A change of the live tenant, and how it is to be told."""

    kind: str
    route: str
    path: str
    change: Change
    limits: bool = False  # whether it takes probes of limits to see it


# ------------------------------------------------------------------------------------------ ways to change


def with_json(response: Response, body: Any) -> Response:
    return response._replace(body=json.dumps(body).encode())


def well(change: Callable[[JSON], object]) -> Change:
    """Another body where all is well."""

    def changed(_: Request, response: Response) -> Response:
        if response.status != 200:
            return response
        body = json.loads(response.body)
        change(body)
        return with_json(response, body)

    return changed


def sent(request: Request) -> Any:
    return json.loads(request.body) if request.body else {}


def where(asked: Callable[[Request], object], change: Change) -> Change:
    """A change of the answers to some requests."""
    return lambda request, response: change(request, response) if asked(request) else response


def another_status(old: int, new: int) -> Change:
    return lambda _, response: response._replace(status=new) if response.status == old else response


def another_message(status: int, old: str, new: str) -> Change:
    def changed(_: Request, response: Response) -> Response:
        if response.status != status:
            return response
        body = json.loads(response.body)
        return with_json(response, {**body, "message": body["message"].replace(old, new)})

    return changed


def refused(status: int, message: str) -> Change:
    return lambda _, response: with_json(response._replace(status=status), {"status": "error", "message": message})


def another_header(name: str, value: str | None) -> Change:
    def changed(_: Request, response: Response) -> Response:
        headers = {key: text for key, text in response.headers.items() if key != name}
        return response._replace(headers=headers if value is None else {**headers, name: value})

    return changed


def moved(name: str, to: str) -> Callable[[JSON], object]:
    return lambda about: about.update({to: about.pop(name)})


def each(key: str, change: Callable[[JSON], object]) -> Callable[[JSON], object]:
    return lambda body: [change(item) for item in body[key]]


def fewer(key: str, count: int) -> Callable[[JSON], object]:
    return lambda body: body.update({key: body[key][:count]})


def shorter_title(most: int) -> Change:
    """A title of a project that may have so many characters."""

    def changed(request: Request, response: Response) -> Response:
        title = sent(request).get("project", {}).get("title", "")
        return refused(400, f"{title!r} is too long")(request, response) if len(title) > most else response

    return changed


PLANTS = [
    Plant(
        "added",
        "list_datasets",
        "$.body.datasets[*].colour",
        well(each("datasets", lambda item: item.update(colour=1))),
    ),
    Plant("added", "get_current_user", "$.body.user.colour", well(lambda body: body["user"].update(colour="red"))),
    Plant("added", "create_source", "$.body.source.colour", well(lambda body: body["source"].update(colour=None))),
    Plant("added", "sync_raw_emails", "$.body.duplicates", well(lambda body: body.update(duplicates=0))),
    Plant("removed", "get_project", "$.body.project.updated_at", well(lambda body: body["project"].pop("updated_at"))),
    Plant("removed", "get_comment", "$.body.comment.messages", well(lambda body: body["comment"].pop("messages"))),
    Plant("removed", "list_users", "$.body.users[*].email", well(each("users", lambda item: item.pop("email")))),
    Plant("removed", "update_labelling", "$.body.entities", well(lambda body: body.pop("entities"))),
    Plant(
        "renamed",
        "update_source",
        "$.body.source.description",
        well(lambda body: moved("description", "about")(body["source"])),
    ),
    Plant(
        "renamed", "create_bucket", "$.body.bucket.title", well(lambda body: moved("title", "heading")(body["bucket"]))
    ),
    Plant(
        "renamed",
        "update_dataset",
        "$.body.dataset.model_family",
        well(lambda body: moved("model_family", "family")(body["dataset"])),
    ),
    Plant(
        "retyped",
        "get_source",
        "$.body.source.should_translate",
        well(lambda body: body["source"].update(should_translate="no")),
    ),
    Plant(
        "retyped",
        "list_comments",
        "$.body.comments[*].user_properties",
        well(each("comments", lambda item: item.update(user_properties=[]))),
    ),
    Plant("retyped", "sync_comments", "$.body.new", well(lambda body: body.update(new=str(body["new"])))),
    Plant(
        "retyped",
        "list_projects",
        "$.body.projects[*].title",
        well(each("projects", lambda item: item.update(title=None))),
    ),
    Plant("reordered", "export_dataset", "$.body.comments", well(lambda body: body["comments"].reverse())),
    Plant("reordered", "list_project_datasets", "$.body.datasets", well(lambda body: body["datasets"].reverse())),
    Plant("reordered", "recent_comments", "$.body.results", well(lambda body: body["results"].reverse())),
    Plant(
        "reordered",
        "create_dataset",
        "$.body.dataset.source_ids",
        well(lambda body: body["dataset"]["source_ids"].reverse()),
    ),
    Plant(
        "value",
        "create_project",
        "$.body.project.description",
        well(lambda body: body["project"].update(description="")),
    ),
    Plant(
        "value",
        "get_label",
        "$.body.label.name",
        well(lambda body: body["label"].update(name=body["label"]["name"].upper())),
    ),
    Plant(
        "value",
        "update_labelling",
        "$.body.comment.has_annotations",
        well(lambda body: body["comment"].update(has_annotations=False)),
    ),
    Plant(
        "value",
        "create_dataset",
        "$.body.dataset.last_modified",
        well(lambda body: body["dataset"].update(last_modified="2031-01-01T00:00:00Z")),
    ),
    Plant(
        "value", "get_source_by_id", "$.body.source.id", well(lambda body: body["source"].update(id="fedcba9876543210"))
    ),
    Plant("status", "sync_comments", "$.status", another_status(404, 422)),
    Plant("status", "create_bucket", "$.status", another_status(409, 423)),
    Plant("status", "GET /api/v1/nonexistent_page", "$.status", another_status(404, 410)),
    Plant("status", "delete_source_by_id", "$.status", another_status(200, 202)),
    Plant("message", "create_dataset", "$.body.message", another_message(409, "already exists", "is there")),
    Plant("message", "create_source", "$.body.message", another_message(422, "transform tag", "tag")),
    Plant("message", "get_dataset_by_id", "$.body.message", another_message(404, "404 Not Found", "no such dataset")),
    Plant("message", "export_dataset", "$.body.message", another_message(400, "is not one of", "is none of")),
    Plant("header", "list_sources", "$.headers.Server-Timing", another_header("Server-Timing", None)),
    Plant("header", "OPTIONS /api/v1/datasets", "$.headers.Allow", another_header("Allow", "GET, POST")),
    Plant(
        "limit",
        "export_dataset",
        "$.body.limit",
        where(
            lambda request: request.body[:1] == b"{" and '"limit": 256' in request.body.decode(),
            refused(400, "256 is greater than the maximum of 128"),
        ),
        limits=True,
    ),
    Plant("limit", "update_project", "$.body.project.title", shorter_title(64), limits=True),
    Plant(
        "limit",
        "list_comments",
        "$.query.limit",
        where(
            lambda request: re.search("limit=0", request.query),
            lambda _, response: with_json(response._replace(status=200), {"comments": [], "status": "ok"}),
        ),
        limits=True,
    ),
    Plant(
        "default",
        "create_dataset",
        "$.body.dataset.has_sentiment",
        where(
            lambda request: "has_sentiment" not in request.body.decode(),
            well(lambda body: body["dataset"].update(has_sentiment=False)),
        ),
    ),
    Plant(
        "default",
        "export_dataset",
        "$.body.limit",
        where(lambda request: "limit" not in request.body.decode(), well(fewer("comments", 32))),
    ),
    Plant(
        "default",
        "create_source",
        "$.body.source.language",
        where(
            lambda request: "language" not in request.body.decode(),
            well(lambda body: body["source"].update(language="de")),
        ),
    ),
    Plant(
        "permission",
        "get_model_tags",
        "$.status",
        where(lambda request: request.path.endswith("model-tags"), refused(403, "403 Forbidden")),
    ),
    Plant("permission", "list_private_users", "$.status", refused(403, "403 Forbidden")),
]


# ----------------------------------------------------------------------------------------------- the tenants


class Twin:
    """A tenant on a port, whose answers are changed on their way."""

    def __init__(self, server: Server, path: str) -> None:
        self.tenant = FakeTenant(server.url + path, seed=9, unknown_routes="allow", unbuilt_routes="allow")
        self.tenant.add_dataset("corp/complaints", comments=40)
        self.tenant.add_dataset("corp/praise", comments=3, has_sentiment=False)
        self.tenant.add_dataset("other/things", comments=2)
        self.tenant.add_bucket("corp/box")
        self.tenant.add_user("eve", permissions=["voc"])
        self.user = self.tenant.add_user("ann", permissions=["tenant-admin", *PERMISSIONS])
        self.plants: list[Plant] = []
        self.before: Callable[[Request], Response | None] = lambda _: None
        self.seen: list[Request] = []
        self._lock = threading.Lock()
        self.real = self.tenant.answer
        server.plug(self.tenant)

    def answer(self, request: Request) -> Response:
        with self._lock:
            self.seen.append(request)
            instead = self.before(request)
            if instead is not None:
                return instead
            response = self.real(request)
            found = contract.match(request.method, request.path).route
            name = f"{request.method} {request.path}" if found is None else found.name
            for plant in self.plants:
                if plant.route == name:
                    response = plant.change(request, response)
            return response

    def writes(self) -> list[Request]:
        return [request for request in self.seen if not probes.harmless(request)]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def twin(server: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Twin]:
    twin = Twin(server, "/org/twin/reinfer_")
    monkeypatch.setattr(twin.tenant, "answer", twin.answer)
    yield twin
    server.unplug(twin.tenant)


@pytest.fixture
def without_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Probe no limits, which takes most of the time."""
    steps = probes.steps

    def unlimited(section: str) -> Iterator[Step]:
        for step in steps(section):
            yield step._replace(said={name: value for name, value in step.said.items() if name != "limits"})

    monkeypatch.setattr(probes, "steps", unlimited)


def verified(
    twin: Twin,
    *,
    write: bool = True,
    sleep: Callable[[float], object] = lambda _: None,
    tell: Callable[[str], object] = lambda _: None,
) -> Verdict:
    asking = Live(twin.tenant.url, twin.user.token, sleep=sleep, tell=tell)
    try:
        return verify(asking, PROJECT, write=write, sleep=sleep)
    finally:
        asking.close()


def told(verdict: Verdict) -> set[tuple[str, str, str]]:
    return {(each.kind, each.route, each.path) for each in verdict.differences}


# ------------------------------------------------------------------------------------------------- drift


def test_a_twin_with_other_contents_and_others_at_work_shows_no_drift(twin: Twin) -> None:
    def others(request: Request) -> None:
        if len(twin.seen) % 10 == 0:
            twin.tenant.add_comments("other/things", 1)
            twin.tenant.add_dataset(f"other/made-{len(twin.seen)}", comments=1)

    twin.before = others
    verdict = verified(twin)
    assert told(verdict) == set()
    assert verdict.skipped == verdict.unanswered == ()
    assert len(verdict.asked) > 300
    assert PROJECT not in [project.name for project in twin.tenant.projects]


@pytest.mark.usefixtures("without_limits")
@pytest.mark.parametrize(
    "plant", [plant for plant in PLANTS if not plant.limits], ids=lambda plant: f"{plant.kind}-{plant.route}"
)
def test_one_planted_change_is_told_by_itself(twin: Twin, plant: Plant) -> None:
    twin.plants = [plant]
    assert told(verified(twin)) == {(plant.kind, plant.route, plant.path)}


@pytest.mark.parametrize("plant", [plant for plant in PLANTS if plant.limits], ids=lambda plant: plant.route)
def test_one_planted_limit_is_told_by_itself(twin: Twin, plant: Plant) -> None:
    twin.plants = [plant]
    assert told(verified(twin, write=plant.route == "update_project")) == {(plant.kind, plant.route, plant.path)}


def test_forty_planted_changes_of_all_kinds_are_all_told_at_once_and_nothing_else(twin: Twin) -> None:
    assert len(PLANTS) >= 40
    assert {plant.kind for plant in PLANTS} == set(KINDS)
    twin.plants = PLANTS
    assert told(verified(twin)) == {(plant.kind, plant.route, plant.path) for plant in PLANTS}


# -------------------------------------------------------------------------------------------- what is sent


def test_without_leave_nothing_is_sent_that_could_change_anything(twin: Twin) -> None:
    before = twin.tenant.snapshot()
    verified(twin, write=False)
    assert twin.writes() == []
    assert twin.tenant.snapshot().projects == before.projects
    assert twin.tenant.snapshot().datasets == before.datasets
    assert {request.method for request in twin.seen} == {"GET", "POST", "OPTIONS"}


def test_with_leave_nothing_is_written_but_in_the_project_of_its_own(twin: Twin) -> None:
    before = {kind: getattr(twin.tenant, kind) for kind in ("projects", "sources", "datasets", "buckets", "users")}
    verified(twin)
    assert len(twin.writes()) > 60
    assert {kind: getattr(twin.tenant, kind) for kind in before} == before
    for request in twin.writes():
        found = contract.match(request.method, request.path)
        assert found.route is not None
        assert found.parameters.get("project", PROJECT) == PROJECT


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PUT", "/api/v1/datasets/corp/new"),
        ("DELETE", f"/api/v1/datasets/corp/{PROJECT}"),
        ("DELETE", f"/api/v1/datasets/{PROJECT}%2F..%2Fcorp/x"),
        ("DELETE", "/api/v1/sources/id:0123456789abcdef"),
        ("POST", "/api/v1/datasets"),
        ("PUT", "/api/_private/users"),
        ("DELETE", f"/api/_private/projects/{PROJECT}x"),
    ],
)
@pytest.mark.parametrize("leave", [False, True])
def test_a_request_that_could_change_something_of_others_is_never_sent(
    twin: Twin, method: str, path: str, *, leave: bool
) -> None:
    asking = Live(twin.tenant.url, twin.user.token)
    if leave:
        asking.may_write(PROJECT)
        asking.made("fedcba9876543210")
    with pytest.raises(RuntimeError, match="is not sent"):
        asking.ask(Request(method, path, "", {}, b""))
    assert twin.seen == []


def test_a_project_that_is_there_already_is_not_touched(twin: Twin) -> None:
    twin.tenant.add_dataset(f"{PROJECT}/precious")
    with pytest.raises(ValueError, match="already"):
        verified(twin)
    assert twin.writes() == []
    assert f"{PROJECT}/precious" in [dataset.full_name for dataset in twin.tenant.datasets]


@pytest.mark.usefixtures("without_limits")
@pytest.mark.parametrize("name", ["two", "mail"])
@pytest.mark.parametrize("seen", [True, False])
def test_what_has_an_id_of_others_is_never_changed(twin: Twin, name: str, *, seen: bool) -> None:
    """Whether the read part had met it or not."""
    dataset, source = twin.tenant.datasets[0], twin.tenant.sources[0]
    foreign = dataset.id if name == "two" else source.id
    kind = "dataset" if name == "two" else "source"

    def swapped(request: Request, response: Response) -> Response:
        if seen or request.path.endswith(f"{PROJECT}/{name}"):
            response = response._replace(body=response.body.replace(made[0].encode(), foreign.encode()))
        return response

    made: list[str] = []

    def answering(request: Request) -> Response:
        response = real(request)
        if request.method == "PUT" and request.path.endswith(f"{PROJECT}/{name}") and response.status == 200:
            made[:] = [json.loads(response.body)[kind]["id"]]
        elif not made and not seen:  # hidden from those that list
            return response._replace(body=response.body.replace(foreign.encode(), b"0123456789abcdef"))
        return swapped(request, response) if made else response

    real = twin.real
    twin.real = answering
    verdict = verified(twin)
    assert [request for request in twin.writes() if request.method == "DELETE" and foreign in request.path] == []
    assert dataset.id in [each.id for each in twin.tenant.datasets]
    assert source.id in [each.id for each in twin.tenant.sources]
    assert any("another's" in each or "is not shown to be" in each for each in verdict.skipped)


@pytest.mark.usefixtures("without_limits")
def test_deletions_that_are_well_are_compared(twin: Twin) -> None:
    for route in ("delete_label", "delete_label_group"):
        twin.plants = [Plant("", route, "", another_status(200, 204))]
        assert told(verified(twin)) == {("status", route, "$.status")}


@pytest.mark.usefixtures("without_limits")
def test_a_longer_page_is_told_without_leave_to_write(twin: Twin) -> None:
    twin.tenant.add_comments("corp/complaints", 60)

    def longer(request: Request) -> Response | None:
        if request.path.endswith("/export") and request.body == b"{}":
            return twin.real(request._replace(body=b'{"limit": 100}'))
        return None

    twin.before = longer
    verdict = verified(twin, write=False)
    assert told(verdict) == {("limit", "export_dataset", "$.body.comments")}
    assert verdict.differences[0].fake == "at most 64 items"


@pytest.mark.usefixtures("without_limits")
def test_another_name_of_a_key_is_told_as_one_without_leave_to_write(twin: Twin) -> None:
    twin.plants = [Plant("", "get_current_user", "", well(lambda body: moved("username", "user_name")(body["user"])))]
    verdict = verified(twin, write=False)
    assert told(verdict) == {("renamed", "get_current_user", "$.body.user.username")}
    assert (verdict.differences[0].fake, verdict.differences[0].live) == ("username", "user_name")


@pytest.mark.usefixtures("without_limits")
def test_a_page_that_is_empty_is_not_taken_for_another_default(twin: Twin) -> None:
    twin.plants = [Plant("", "export_dataset", "", well(fewer("comments", 0)))]
    kinds = {kind for kind, route, _ in told(verified(twin)) if route == "export_dataset"}
    assert kinds == {"removed"}


@pytest.mark.usefixtures("without_limits")
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_the_project_is_removed_whatever_happens(
    twin: Twin, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    real = Live.ask

    def interrupted(asking: Live, request: Request) -> tuple[Response, bool]:
        if request.path.endswith("/sync"):
            raise error
        return real(asking, request)

    monkeypatch.setattr(Live, "ask", interrupted)
    with pytest.raises(error):
        verified(twin)
    assert twin.writes()[-1].method == "DELETE"
    assert PROJECT not in [project.name for project in twin.tenant.projects]


@pytest.mark.usefixtures("without_limits")
def test_a_project_that_cannot_be_removed_is_told_by_its_name(twin: Twin) -> None:
    def stuck(request: Request) -> Response | None:
        fails = request.method == "DELETE" and request.path.endswith(PROJECT)
        return Response(403, {}, b"") if fails else None

    twin.before = stuck
    lines: list[str] = []
    verdict = verified(twin, tell=lines.append)
    assert lines == [verdict.left] == [f"The project {PROJECT} could not be removed: 403. Remove it by hand."]
    for show in (verify_reports.text, verify_reports.as_json, verify_reports.as_junit):
        assert verdict.left in show(verdict)


@pytest.mark.usefixtures("without_limits")
def test_a_project_that_appears_after_its_making_was_cancelled_is_removed_and_told(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Request] = []
    lines: list[str] = []

    def slow(asking: Live, request: Request) -> tuple[Response, bool]:
        if request.method == "PUT":
            made.append(request)
            raise KeyboardInterrupt
        return real(asking, request)

    def passing(_: float) -> None:
        if made:
            twin.tenant.add_project(PROJECT)
            made.clear()

    real = Live.ask
    monkeypatch.setattr(Live, "ask", slow)
    with pytest.raises(KeyboardInterrupt):
        verified(twin, sleep=passing, tell=lines.append)
    assert lines == [f"Ends early: the project {PROJECT} is removed."]
    assert PROJECT not in [project.name for project in twin.tenant.projects]


@pytest.mark.usefixtures("without_limits")
def test_a_project_whose_making_was_cancelled_and_that_does_not_appear_is_told(
    twin: Twin, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[str] = []
    real = Live.ask

    def cut(asking: Live, request: Request) -> tuple[Response, bool]:
        if request.method == "PUT":
            raise KeyboardInterrupt
        return real(asking, request)

    monkeypatch.setattr(Live, "ask", cut)
    with pytest.raises(KeyboardInterrupt):
        verified(twin, tell=lines.append)
    assert lines[-1].startswith(f"The project {PROJECT} may still appear")


@pytest.mark.usefixtures("without_limits")
def test_a_project_is_told_whose_removal_is_interrupted(twin: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    real = Live.ask

    def impatient(asking: Live, request: Request) -> tuple[Response, bool]:
        if request.path.endswith("/sync") or "force" in request.query:
            raise KeyboardInterrupt
        return real(asking, request)

    monkeypatch.setattr(Live, "ask", impatient)
    with pytest.raises(KeyboardInterrupt):
        verified(twin, tell=lines.append)
    assert lines[-1] == f"The project {PROJECT} may be left in the tenant. Remove it by hand."


@pytest.mark.usefixtures("without_limits")
def test_a_project_whose_making_was_not_answered_is_not_written_in_and_removed(twin: Twin) -> None:
    def lost(request: Request) -> Response | None:
        if request.method != "PUT":
            return None
        twin.real(request)
        return Response(502, {}, b"")

    twin.before = lost
    verdict = verified(twin)
    assert {request.method for request in twin.writes()} == {"PUT", "DELETE"}
    assert "all that writes: it was not answered whether a project was made" in verdict.skipped
    assert PROJECT not in [project.name for project in twin.tenant.projects]


@pytest.mark.usefixtures("without_limits")
def test_who_may_make_no_project_is_told_that_nothing_was_written(twin: Twin) -> None:
    twin.user = twin.tenant.add_user("reader", permissions=["voc-readonly", "sources-read"])
    verdict = verified(twin)
    assert told(verdict) == set()
    assert any("no project could be made" in each for each in verdict.skipped)


@pytest.mark.usefixtures("without_limits")
def test_the_fake_may_do_what_the_caller_of_the_live_tenant_may(twin: Twin) -> None:
    twin.user = twin.tenant.add_user("exporter", permissions=["datasets-export"])
    assert told(verified(twin, write=False)) == set()
    twin.plants = [Plant("", "list_users", "", refused(200, ""))]
    assert ("permission", "list_users", "$.status") in told(verified(twin, write=False))


@pytest.mark.usefixtures("without_limits")
def test_an_empty_tenant_is_asked_what_can_be_asked(server: Server) -> None:
    tenant = FakeTenant(f"{server.url}/empty", unknown_routes="allow", unbuilt_routes="allow")
    server.plug(tenant)
    verdict = verify(Live(tenant.url, tenant.token), PROJECT, write=False, sleep=lambda _: None)
    server.unplug(tenant)
    assert told(verdict) == set()
    assert "list_project_datasets: no answer has told project" in verdict.skipped


# ----------------------------------------------------------------------------------------------- the weather


@pytest.mark.usefixtures("without_limits")
def test_limits_of_rate_and_failures_of_the_platform_are_waited_out(twin: Twin) -> None:
    slept: list[float] = []
    failures = iter([429, 200, 503, 502, 200, 200, 500] + [200] * 1000)

    def failing(_: Request) -> Response | None:
        status = next(failures)
        headers = {"Retry-After": "7", "Content-Type": "text/html"}
        return None if status == 200 else Response(status, headers if status == 429 else {}, b"<html>busy</html>")

    twin.before = failing
    verdict = verified(twin, write=False, sleep=slept.append)
    assert told(verdict) == set()
    assert slept[:4] == [7, 1, 2, 1]
    assert verdict.retried == {"429": 1, "503": 1, "502": 1, "500": 1}
    assert verdict.unanswered == ()


@pytest.mark.usefixtures("without_limits")
def test_what_is_not_answered_in_the_end_is_told(twin: Twin) -> None:
    twin.before = lambda request: Response(503, {}, b"") if request.path.endswith("/model-tags") else None
    verdict = verified(twin, write=False)
    assert verdict.unanswered == ("get_model_tags: no answer after 5 tries, at last 503",) * 2
    assert told(verdict) == set()


def test_a_tenant_that_answers_nothing_is_given_up(twin: Twin) -> None:
    twin.before = lambda _: Response(503, {}, b"")
    with pytest.raises(OSError, match="answers no more"):
        verified(twin, write=False)
    assert len(twin.seen) == live.TRIES


@pytest.mark.usefixtures("without_limits")
def test_waits_are_told_and_have_an_end(twin: Twin) -> None:
    slept: list[float] = []
    lines: list[str] = []
    busy = Response(429, {"Retry-After": "86400"}, b"")
    twin.before = lambda request: busy if len(twin.seen) > 1 else None
    with pytest.raises(OSError, match="no patience left"):
        verified(twin, write=False, sleep=slept.append, tell=lines.append)
    assert slept == [live.LONGEST] * 5
    assert sum(slept) == live.PATIENCE
    assert lines[0] == "GET /api/v1/datasets: 429; it is asked again in 120 s"
    assert len(lines) == 5


@pytest.mark.usefixtures("without_limits")
def test_a_write_that_had_to_be_sent_twice_is_not_called_drift(twin: Twin) -> None:
    lost: list[Request] = []

    def losing(request: Request) -> Response | None:
        if request.method == "PUT" and request.path.endswith("/datasets/" + PROJECT + "/one") and not lost:
            lost.append(request)
            twin.real(request)
            return Response(502, {}, b"")
        return None

    twin.before = losing
    verdict = verified(twin)
    assert verdict.unanswered == ("create_dataset: asked again, and may have been done the first time",)
    assert told(verdict) == set()


@pytest.mark.usefixtures("without_limits")
def test_what_shows_late_is_waited_for(twin: Twin) -> None:
    twin.tenant.lag("comments", "statistics", reads=1)
    assert told(verified(twin)) == set()


def test_a_date_in_retry_after_is_read_and_no_wait_is_endless() -> None:
    def wait(text: str) -> float:
        return live.told_to_wait(Response(429, {"retry-after": text}, b""), 3)

    assert wait("999999") == live.LONGEST
    assert wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert wait("soon") == wait("") == 3


# ------------------------------------------------------------------------------------------- token and URL


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Response(401, {}, b'{"status":"error","message":"401 Unauthorized"}'), "does not take the token: 401"),
        (Response(200, {"Content-Type": "text/html"}, b"<html>Sign in</html>"), r"no tenant: .* is 200 \(text/html\)"),
        (Response(302, {"Location": "https://login.invalid/in?secret=1"}, b""), "leads to https://login.invalid/in "),
        (Response(200, {}, b"[]"), "is no tenant"),
    ],
)
def test_what_is_no_tenant_or_takes_no_token_is_told_at_once(twin: Twin, answer: Response, words: str) -> None:
    twin.before = lambda _: answer
    with pytest.raises(ValueError, match=words.replace("is no tenant", "no tenant")):
        verified(twin, write=False)
    assert len(twin.seen) == 1


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://acme.invalid",
        "ftp://127.0.0.1",
        "acme",
        "https://user:secret@acme.invalid",
        "http://127.0.0.1.acme.invalid",
    ],
)
def test_an_endpoint_that_would_give_the_token_away_is_refused(endpoint: str) -> None:
    with pytest.raises(ValueError, match="--endpoint"):
        Live(endpoint, "a-token-of-somebody")


@pytest.mark.usefixtures("without_limits")
def test_a_token_that_the_tenant_repeats_is_told_nowhere(twin: Twin) -> None:
    token = twin.user.token
    letters = "".join(f"\\u{ord(letter):04x}" for letter in token)
    escaped = f'{{"projects": [{{"title": "{letters}", "{letters}": "{letters}"}}], "status": "ok"}}'.encode()
    repeats = another_header("Server-Timing", f"total;token={token}")
    twin.plants = [
        Plant("", "get_project", "", well(lambda body: body["project"].update({"title": 3, token: token}))),
        Plant("", "get_source", "", another_message(404, "404", f"{token} sees no")),
        Plant("", "list_sources", "", repeats),
        Plant("", "list_projects", "", lambda _, response: response._replace(body=escaped)),
    ]
    verdict = verified(twin, write=False)
    assert len(verdict.differences) >= 3
    shown = [repr(verdict), repr(Live(twin.tenant.url, token))]
    shown += [show(verdict) for show in (verify_reports.text, verify_reports.as_json, verify_reports.as_junit)]
    assert [text for text in shown if token in text] == []
    assert probes.TOKEN in shown[0]


# --------------------------------------------------------------------------------------------- the command


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, without_limits: None) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)


@pytest.mark.usefixtures("quick")
def test_the_command_tells_drift_and_its_exit_code(
    twin: Twin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", twin.user.token)
    line = ["verify", "--endpoint", twin.tenant.url]
    assert command.main(line) == 0
    assert capsys.readouterr().out.startswith("No drift")
    twin.plants = PLANTS[:1]
    assert command.main(line) == 1
    assert "list_datasets: added $.body.datasets[*].colour" in capsys.readouterr().out
    monkeypatch.delenv("REINFER_TOKEN")
    (tmp_path / "token").write_text(twin.user.token + "\n")
    for form in ("json", "junit"):
        output = ["--format", form, "--output", str(tmp_path / form), "--token-file", str(tmp_path / "token")]
        assert command.main([*line, *output]) == 1
    assert capsys.readouterr().out == ""
    (found,) = json.loads((tmp_path / "json").read_text())["differences"]
    assert (found["kind"], found["request"]) == ("added", "GET /api/v1/datasets")
    suite = ET.parse(tmp_path / "junit").getroot()  # noqa: S314 -- our own
    assert suite.get("failures") == "1"
    assert len(suite.findall("testcase")) == int(suite.get("tests", 0))


@pytest.mark.usefixtures("quick")
def test_the_command_ends_with_two_where_something_was_not_answered(
    twin: Twin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", twin.user.token)
    twin.before = lambda request: Response(503, {}, b"") if request.path.endswith("/model-tags") else None
    assert command.main(["verify", "--endpoint", twin.tenant.url]) == 2
    assert "Not compared: get_model_tags" in capsys.readouterr().out


@pytest.mark.usefixtures("quick")
def test_nothing_is_asked_where_the_report_cannot_be_written(
    twin: Twin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", twin.user.token)
    (tmp_path / "file").touch()
    output = tmp_path / "file" / "report"
    assert command.main(["verify", "--endpoint", twin.tenant.url, "--output", str(output)]) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
    assert twin.seen == []


@pytest.mark.usefixtures("quick")
def test_the_command_ends_with_two_where_nothing_is_answered_or_something_is_left(
    twin: Twin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("REINFER_TOKEN", twin.user.token)
    line = ["verify", "--endpoint", twin.tenant.url, "--output", str(tmp_path / "report")]
    twin.before = lambda request: Response(403, {}, b"") if "force" in request.query else None
    twin.plants = PLANTS[:1]
    assert command.main([*line, "--write"]) == 2
    assert "could not be removed: 403. Remove it by hand." in capsys.readouterr().err
    assert "colour" in (tmp_path / "report").read_text()
    (tmp_path / "report").unlink()
    twin.before = lambda _: Response(503, {}, b"")
    assert command.main(line) == 2
    assert "answers no more" in capsys.readouterr().err
    assert not (tmp_path / "report").exists()


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_the_command_says_that_it_is_interrupted_and_removes_the_project(
    twin: Twin, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    if not hasattr(signal, name):
        pytest.skip("this system has no such signal")
    monkeypatch.setenv("REINFER_TOKEN", twin.user.token)
    sent: list[str] = []

    def ending(request: Request) -> None:
        if request.path.endswith("/sync") and not sent:
            sent.append(name)
            signal.raise_signal(getattr(signal, name))

    asked = Live.ask

    def ask(asking: Live, request: Request) -> tuple[Response, bool]:
        ending(request)
        return asked(asking, request)

    monkeypatch.setattr(Live, "ask", ask)
    before = signal.getsignal(getattr(signal, name))
    assert command.main(["verify", "--endpoint", twin.tenant.url, "--write"]) == 130
    assert signal.getsignal(getattr(signal, name)) == before
    told = capsys.readouterr().err.splitlines()
    assert told[0].startswith("pytest-reinfer verify: Ends early: the project reinfer-verify-")
    assert told[1:] == ["pytest-reinfer verify: interrupted"]
    assert [project.name for project in twin.tenant.projects if project.name.startswith("reinfer-verify")] == []


def test_the_command_without_a_token_says_where_it_looks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REINFER_TOKEN", raising=False)
    assert command.main(["verify", "--endpoint", "http://127.0.0.1:1"]) == 2
    assert "set REINFER_TOKEN" in capsys.readouterr().err


# ------------------------------------------------------------------------------------------------ the data


@pytest.mark.parametrize("section", ["x-read", "x-write"])
def test_every_step_can_be_asked_and_reads_what_the_api_has(section: str) -> None:
    names = dict.fromkeys(re.findall("{([a-z_]+)}", json.dumps(contract.documents()[probes.FILE][section])), "x")
    for step in probes.steps(section):
        first = next(probes.requests(step, names))
        assert probes.harmless(first) or section == "x-write", step.label


def test_a_step_that_needs_what_nobody_told_says_so() -> None:
    step = next(step for step in probes.steps("x-read") if step.label == "get_dataset")
    with pytest.raises(probes.NotKnown, match="no answer has told project"):
        next(probes.requests(step, {}))


def test_limits_are_probed_at_and_just_beyond() -> None:
    step = next(step for step in probes.steps("x-read") if step.label == "export_dataset")
    asked = [json.loads(each.body) for each in probes.requests(step, {"project": "a", "dataset_name": "b"})]
    assert {1, 256, 0, 257} <= {each["limit"] for each in asked}
