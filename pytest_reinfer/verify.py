"""Asks a live tenant and a fake one the same, and tells where the answers differ."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract, drift, probes
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.live import Unanswered
from pytest_reinfer.tenant import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_reinfer.drift import Difference
    from pytest_reinfer.live import Live
    from pytest_reinfer.probes import Step
    from pytest_reinfer.wire import JSON, Request, Response

    Exchange = tuple[Request, Response]
    Key = tuple[int, int]  # the number of a step, and which of its requests

SHOWS: Final = (1.0, 2.0, 4.0, 8.0, 16.0)  # seconds between two looks at what may show late
PATIENCE: Final = 120.0  # seconds in all that it waits for such things
LOOKS: Final = (1.0, 2.0, 4.0, 8.0)  # seconds between two looks for a project whose making was not answered
GIVEN_UP: Final = 3  # so many requests in a row without an answer, and it asks no more


class Asked(NamedTuple):
    """One request that both tenants have answered."""

    label: str
    request: Request


class Verdict(NamedTuple):
    """What has come of it.

    asked: what both have answered; `exchange` of a difference is a place in it.
    skipped: what was not asked, and why; unanswered: what the live tenant did not answer in the end, or twice.
    retried: how often it was asked again, by what it had answered.
    left: what may be left in the live tenant, and to be removed by hand; "" for nothing.
    """

    asked: tuple[Asked, ...]
    differences: tuple[Difference, ...]
    skipped: tuple[str, ...]
    unanswered: tuple[str, ...]
    retried: Mapping[str, int]
    left: str


def verify(live: Live, project: str, *, write: bool, sleep: Callable[[float], object]) -> Verdict:
    """Ask a live tenant and a fake one the same.

    project: a name that no project has; with `write` one of that name is made, written in, and removed.
    sleep: what waits so many seconds.

    Raises ValueError where it is no tenant that answers, the token is not taken, or there is such a project; OSError
    where it answers no more. What is left then, or when it is interrupted, is told by `live.tell`.
    """
    run = _Run(live, project, sleep)
    run.read()
    if write:
        run.write()
    return run.verdict()


class _Run:
    def __init__(self, live: Live, project: str, sleep: Callable[[float], object]) -> None:
        self._live = live
        self._project = project
        self._sleep = sleep
        self._patience = PATIENCE
        self._asked: list[Asked] = []
        self._differences: list[Difference] = []
        self._skipped: list[str] = []
        self._unanswered: list[str] = []
        self._names: dict[str, str] = {"unique": project}  # that the live tenant has told
        self._user: JSON = {}
        self._known: set[str] = set()  # words of all answers: an id among them was not made here
        self._left = ""

    def verdict(self) -> Verdict:
        """What has come of it so far."""
        told = (tuple(self._skipped), tuple(self._unanswered), dict(self._live.retried), self._left)
        return Verdict(tuple(self._asked), tuple(self._differences), *told)

    # ------------------------------------------------------------------------------------------- reading

    def read(self) -> None:
        """Ask what stores nothing; first of the live tenant, so that the fake can be arranged like it."""
        steps = [*probes.steps("x-read")]
        live: dict[Key, Exchange] = {}
        for key, step, exchange in self._play(steps, self._names, self._ask):
            if not self._user:
                self._user = _user(step, *exchange)
            live[key] = exchange
            self._know(exchange[1])
        tenant, token = _arranged(self._names, self._user)
        names = {"unique": self._project, **_chosen(self._names)}
        fake = {key: exchange for key, _, exchange in self._play(steps, names, _asking(tenant, token))}
        self._compare(steps, fake, live, contents=False)

    # ------------------------------------------------------------------------------------------- writing

    def write(self) -> None:
        """Make a project, write in it alone, and remove it, whatever happens."""
        told = probes.throwaway()
        there, _ = self._live.ask(probes.asked_of_project(told["find"], self._project))
        self._know(there)
        if there.status < 400:  # noqa: PLR2004 -- it is there
            raise ValueError(f"There is a project {self._project} already: it is not touched, and nothing is written.")
        steps = [*probes.steps("x-write")]
        tenant, token = _arranged({}, self._user)
        names = {"unique": self._project, "user_id": _id_of(tenant, token)}
        fake = {key: exchange for key, _, exchange in self._play(steps, names, _asking(tenant, token))}
        live: dict[Key, Exchange] = {}
        names = {"unique": self._project, "user_id": self._names["user_id"]}
        self._live.may_write(self._project)
        made: bool | None = None  # not known yet
        try:
            for key, step, exchange in self._play(steps, names, self._ask):
                if made is None and key != (0, 0):
                    self._skipped.append("all that writes: it was not answered whether a project was made")
                    break
                if made is None and exchange[1].status >= 400:  # noqa: PLR2004 -- refused
                    made = False
                    self._skipped.append(f"all that writes: no project could be made ({exchange[1].status})")
                    break
                made = True
                live[key] = exchange if not step.late or key not in fake else self._settled(fake[key], exchange)
                if key[1] == 0:
                    self._own(step, exchange[1], names)
                self._know(exchange[1])
        except BaseException:
            self._live.tell(f"Ends early: the project {self._project} is removed.")
            raise
        finally:
            if made is not False:
                self._remove(sure=bool(made))
        self._compare(steps, fake, live, contents=True)

    def _own(self, step: Step, response: Response, names: dict[str, str]) -> None:
        """Take the ids of what a step has made for the project's own; forget those that may be another's."""
        for name, value in probes.kept(step, response).items() if response.status < 300 else ():  # noqa: PLR2004
            if not probes.is_id(name):
                continue
            if value in self._known or not probes.owned(step, name, response, self._project):
                names.pop(name, None)
                self._skipped.append(f"{step.label}: what follows by the id it answers, which may be another's")
            else:
                self._live.made(value)

    def _know(self, response: Response) -> None:
        """Keep the words of an answer."""
        with suppress(ValueError, RecursionError):
            self._known.update(drift.words(json.loads(response.body)))

    def _remove(self, *, sure: bool) -> None:
        """Remove the project; where it may be left, say so. sure: whether it was answered that it was made."""
        self._live.patience = max(self._live.patience, PATIENCE)
        self._left = f"The project {self._project} may be left in the tenant"
        try:
            self._left = self._removed(sure=sure)
        finally:
            if self._left:
                self._left += ". Remove it by hand."
                self._live.tell(self._left)

    def _removed(self, *, sure: bool) -> str:
        """Remove the project; what is left."""
        request = probes.asked_of_project(probes.throwaway()["remove"], self._project)
        for wait in (0.0,) if sure else (0.0, *LOOKS):
            if wait:
                self._sleep(wait)
            try:
                status = self._live.ask(request)[0].status
            except Unanswered as error:
                return f"The project {self._project} could not be removed: {error}"
            if status < 300:  # noqa: PLR2004 -- done
                return ""
            if status != contract.error("no_such_project").status:
                return f"The project {self._project} could not be removed: {status}"
        return (
            "" if sure else f"The project {self._project} may still appear: its making was asked for, and not answered"
        )

    def _settled(self, fake: Exchange, live: Exchange) -> Exchange:
        """What the live tenant answers when it has had the time to show what was written."""
        for wait in SHOWS:
            if self._patience < wait or not drift.compare([fake], [live]):
                break
            self._patience -= wait
            self._sleep(wait)
            with suppress(Unanswered):
                live = (live[0], self._live.ask(live[0])[0])
        return live

    # ------------------------------------------------------------------------------------------- both

    def _play(
        self, steps: Iterable[Step], names: dict[str, str], ask: Callable[[Request], tuple[Response, bool]]
    ) -> Iterator[tuple[Key, Step, Exchange]]:
        """Ask step by step; `names` grows by what the answers tell."""
        failed = 0
        for step in steps:
            try:
                for turn, request in enumerate(probes.requests(step, names)):
                    try:
                        response, again = ask(request)
                    except Unanswered as error:
                        self._unanswered.append(f"{step.label}: {error}")
                        failed += 1
                        if failed == GIVEN_UP or not self._user:  # the very first, or one after the other
                            raise OSError(f"The tenant answers no more. {step.label}: {error}") from None
                        continue
                    failed = 0
                    if turn == 0 and response.status < 300:  # noqa: PLR2004 -- all is well
                        names.update(probes.kept(step, response))
                    if again and not probes.harmless(request) and response.status >= 400:  # noqa: PLR2004
                        self._unanswered.append(f"{step.label}: asked again, and may have been done the first time")
                        continue
                    yield (step.number, turn), step, (request, response)
            except probes.NotKnown as missing:
                told = f"{step.label}: {missing}"
                if told not in self._skipped:
                    self._skipped.append(told)

    def _ask(self, request: Request) -> tuple[Response, bool]:
        return self._live.ask(request)

    def _compare(
        self, steps: list[Step], fake: Mapping[Key, Exchange], live: Mapping[Key, Exchange], *, contents: bool
    ) -> None:
        keys = [key for key in fake if key in live]
        first = len(self._asked)
        self._asked += [Asked(steps[number].label, fake[number, turn][0]) for number, turn in keys]
        pairs = ([fake[key] for key in keys], [live[key] for key in keys])
        for each in drift.compare(*pairs, contents=contents):
            self._differences.append(each._replace(exchange=each.exchange + first))


def _user(step: Step, request: Request, response: Response) -> JSON:
    """Who asks, by the first answer. ValueError where that is none of a tenant, or the token is not taken."""
    if step.number:
        raise OSError("The tenant does not answer who asks, so that the fake cannot be arranged like it.")
    try:
        body = json.loads(response.body)
    except ValueError:
        body = None
    if response.status == contract.error("unauthorized").status:
        raise ValueError(f"The tenant does not take the token: {response.status}.")
    if not isinstance(body, dict) or not isinstance(body.get("user"), dict):
        names = {name.lower(): value for name, value in response.headers.items()}
        to = f", which leads to {names['location'].partition('?')[0]}" if "location" in names else ""
        raise ValueError(  # noqa: TRY004 -- what is wrong is the URL
            f"What answers there is no tenant: {request.method} {request.path} is {response.status}"
            f"{to} ({names.get('content-type', 'no content type')}). Is --endpoint the URL of the tenant?"
        )
    user: JSON = body["user"]
    return user


def _chosen(names: Mapping[str, str]) -> dict[str, str]:
    """The names that people chose; ids are given out by each tenant."""
    return {name: value for name, value in names.items() if not probes.is_id(name)}


def _arranged(names: Mapping[str, str], user: JSON) -> tuple[FakeTenant, str]:
    """A fake tenant with what the names stand for, and the token of a user who may do what the live one's may."""
    tenant = FakeTenant(unknown_routes="allow", unbuilt_routes="allow")
    project = names.get("project")
    if project is not None:
        tenant.add_project(project)
        source, comments = names.get("source_name"), []
        if source is not None:
            comments = [_comment(names.get("comment_id", "first"))]
            tenant.add_source(f"{project}/{source}", comments=comments)
        if "dataset_name" in names:
            labels = [{"name": names["label_name"]}] if "label_name" in names else []
            groups = [{"name": names["label_group"], "label_defs": labels}] if "label_group" in names else []
            sources = [] if source is None else [f"{project}/{source}"]
            fields: dict[str, Any] = {"label_groups": groups} if groups else {}
            tenant.add_dataset(f"{project}/{names['dataset_name']}", sources=sources, **fields)
        if "bucket_name" in names:
            tenant.add_bucket(f"{project}/{names['bucket_name']}")
    known = contract.permissions()
    granted = {EVERYWHERE: [name for name in _told(user, "global") if name in known and contract.is_tenants(name)]}
    if project is not None:
        granted[project] = [name for name in _told(user, "organisation", project) if name in known]
    caller = tenant.add_user("verify", permissions=granted)
    return tenant, caller.token


def _told(user: JSON, where: str, project: str | None = None) -> list[str]:
    """The machine names of all permissions that a user is shown with: in the tenant, or in a project."""
    found: list[str] = []
    for name, value in user.items():
        if name.endswith(f"{where}_permissions"):
            listed = value.get(project, ()) if isinstance(value, dict) and project is not None else value
            found += [each for each in listed if isinstance(each, str)] if isinstance(listed, list) else []
    return list(dict.fromkeys(found))


def _comment(comment_id: str) -> JSON:
    return {"id": comment_id, "timestamp": "2024-01-01", "messages": [{"body": {"text": "Good morning"}}]}


def _asking(tenant: FakeTenant, token: str) -> Callable[[Request], tuple[Response, bool]]:
    """What asks a fake tenant."""

    def ask(request: Request) -> tuple[Response, bool]:
        headers = {name: value.replace(probes.TOKEN, token) for name, value in request.headers.items()}
        return tenant.answer(request._replace(headers=headers)), False

    return ask


def _id_of(tenant: FakeTenant, token: str) -> str:
    return next(user.id for user in tenant.users if user.token == token)
