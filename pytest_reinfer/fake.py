"""The tenant as a test holds it: to arrange, to look into, and to ask what was asked of it."""

from __future__ import annotations

import json
import re
import sys
import threading
from collections.abc import Iterable, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import cache, cached_property, lru_cache, partial
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self, TypeVar
from unittest.mock import ANY
from urllib.parse import unquote, urlsplit

from pytest_reinfer import api, contract, faults, given, injection, labelling, people, seeding, verdict
from pytest_reinfer.comments import POSITION, Row
from pytest_reinfer.effects import Interrupted
from pytest_reinfer.log import Log
from pytest_reinfer.markup import without
from pytest_reinfer.refusal import RouteNotBuilt
from pytest_reinfer.stamps import stamp
from pytest_reinfer.tenant import (
    EVERYWHERE,
    UNMARKED,
    Bucket,
    Dataset,
    Lag,
    Project,
    Rate,
    Resource,
    Source,
    Tenant,
    User,
)
from pytest_reinfer.travel import travelled
from pytest_reinfer.unexpected import Policy, Unexpected, WouldHang
from pytest_reinfer.wire import UNREACHED, Exchange, Place, Trouble

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterator, Sequence

    from pytest_reinfer.budget import Budget
    from pytest_reinfer.clock import Clock
    from pytest_reinfer.evidence import Rule
    from pytest_reinfer.faults import Plan
    from pytest_reinfer.injection import Injection
    from pytest_reinfer.log import LoggedRequest
    from pytest_reinfer.reliance import Reliance
    from pytest_reinfer.transports import asgi, wsgi
    from pytest_reinfer.transports.switchboard import Door
    from pytest_reinfer.wire import JSON, Request, Response

    Found = TypeVar("Found")
    Permissions = Mapping[str, Iterable[str]] | Iterable[str]

ADMINISTRATOR = "admin"
MOST_WAITS = 2  # so many times in a row a client may really have waited for a limit that goes by the clock
LATE: Final = ("comments", "predictions", "statistics")  # what reads may see late
_ADDRESS: Final = re.compile(r"[a-zA-Z]+://[^/@?#\\\s\x80-\uffff]+(/[^?#\\\s\x80-\uffff]*)?")


class Wait(NamedTuple):
    """What a client was told that is rate limited: at which moment of the tenant, and until when by the real clock."""

    window: int
    seconds: int
    until: float
    times: int  # that it has waited so, in a row


class FakeTenant:
    """A tenant of the API, empty but for one user who may do everything.

    As a context manager it answers what this process sends to its `url`, and at its end raises UnexpectedRequests if
    it was asked for routes that the API does not have or the fake does not build. Several may be open at once; of two
    with the same URL the one opened last answers. All methods may be called from any thread.

    url: where it answers, any http or https URL, with or without a path. Default: a tenant of `reinfer.io`.
    seed: what ids, tokens and generated content follow from; the same seed and URL give the same tenant, everywhere.
    unknown_routes, unbuilt_routes: "allow" lets such requests pass without an error at the end.
    log_bodies: request bodies up to so many bytes are kept in `requests`.
    min_evidence: a kind of evidence, such as "documented": answers come without the keys that are known on less, and
    the end raises LesserEvidence if requests relied on rules that are. Default: tests may rely on everything.
    """

    live: bool = False  # whether it is a real one, as of --reinfer-target

    def __init__(
        self,
        url: str | None = None,
        *,
        seed: int = 0,
        unknown_routes: Policy = "fail",
        unbuilt_routes: Policy = "fail",
        log_bodies: int = 65_536,
        min_evidence: str | None = None,
    ) -> None:
        self.url = (url or _default_url()).rstrip("/")
        self._place = _place(self.url)  # tells other ways to write it
        if not _ADDRESS.fullmatch(self.url):
            raise ValueError(f"A tenant's URL is a scheme, a host in ASCII and maybe a path, not {url!r}.")
        if not isinstance(seed, int):
            raise TypeError(f"A tenant's seed is a whole number, not {seed!r}.")
        self._lock = threading.RLock()
        self._state = _fresh(seed, self.url).fork()
        self._unexpected = Unexpected(unknown_routes, unbuilt_routes)
        self._reliance = None if min_evidence is None else _reliance(min_evidence)
        self._doors: list[Door] = []
        self._led = ExitStack()
        self._injections: tuple[Injection, ...] = ()
        self._injected = 0  # so many plans were ever in force: each has draws of its own
        self._budgets: tuple[Budget, ...] = ()
        self._waits: dict[str, Wait] = {}  # of those that are rate limited, by what they send as token
        self._on_server: Mapping[str, str] | None = None  # what programs need besides to reach it there
        self.untaken: tuple[str, ...] = ()  # of the recording that it was made from
        self.faults_must_fire = True  # or else those that never fired fail nothing
        self.requests = Log(log_bodies)

    def __repr__(self) -> str:
        state = self._state
        return f"<FakeTenant {self.url}: {len(state.datasets)} datasets, {len(state.sources)} sources>"

    # --------------------------------------------------------------------------------------- reaching it

    def __enter__(self) -> Self:
        from pytest_reinfer.transports import guard, switchboard  # noqa: PLC0415 -- 80 ms, and not every tenant opens

        if self._doors:
            raise RuntimeError(f"{self!r} is open already.")
        self._doors = [guard.guard(self.url, self._unexpected.stop), *switchboard.doors(self)]
        for door in self._doors:
            door.open()
        clock = sys.modules.get("pytest_reinfer.clock")
        if clock is not None and clock.leading():  # what sleeps by another tenant's clock sleeps by this one's too
            self._led.enter_context(self.clock.lead())
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        __tracebackhide__ = True
        self._led.close()
        for door in reversed(self._doors):
            door.close()
        self._doors = []
        if kind is None:
            self.check()

    @cached_property
    def clock(self) -> Clock:
        """What its stamps, rate limits, lags and tokens go by."""
        from pytest_reinfer.clock import Clock  # noqa: PLC0415 -- hardly a test asks for it

        return Clock(lambda: self._state, self._lock)

    @property
    def seed(self) -> int:
        """What ids, tokens and generated content follow from."""
        return self._state.seed

    @property
    def token(self) -> str:
        """The active token of the user who may do everything."""
        return self.user(ADMINISTRATOR).token

    @property
    def headers(self) -> dict[str, str]:
        """What a request with `token` carries."""
        return self.user(ADMINISTRATOR).headers

    @property
    def environment(self) -> dict[str, str]:
        """What programs find in their environment that are to reach it: `REINFER_ENDPOINT` and `REINFER_TOKEN`.

        On a server also what keeps them from a proxy, where one is set, and with TLS what lets them trust it.
        """
        return {"REINFER_ENDPOINT": self.url, "REINFER_TOKEN": self.token, **(self._on_server or {})}

    @property
    def asgi(self) -> asgi.Application:
        """An ASGI application that answers as this tenant: at the root, below any `root_path`, and below its URL."""
        from pytest_reinfer.transports import asgi  # noqa: PLC0415 -- asyncio costs 30 ms

        return asgi.application(
            lambda request: partial(self.answer, request) if self.waits else self.answer(request), self._place[2]
        )

    @property
    def wsgi(self) -> wsgi.Application:
        """A WSGI application that answers as this tenant: at the root, below any `SCRIPT_NAME`, and below its URL."""
        from pytest_reinfer.transports import wsgi  # noqa: PLC0415

        return wsgi.application(self.answer, self._place[2])

    def plugged(self, environment: Mapping[str, str] | None) -> None:
        """Know that a server answers for it, and what programs need besides to reach it there; None: no longer."""
        self._on_server = environment

    def interrupted(self, request: Request, error: BaseException) -> None:
        """Know of what a function of the test's own has raised in a thread that is not the test's, to end the test."""
        with self._lock:
            self._unexpected.interrupted(request, error)

    def strayed(self, request: Request) -> None:
        """Know of a request to its port that went to no tenant at all."""
        with self._lock:
            self._unexpected.stray(request, self.url)

    @property
    def waits(self) -> bool:
        """Whether a request may call a function of the test's own, which may take its time and ask the tenant."""
        return bool(self._injections) and any(
            callable(fault.what) for injected in self._injections for fault in injected.plan.faults
        )

    def locate(self, url: str) -> Place | None:
        """Who answers a URL, with its path (percent-encoded) and query below the tenant's; None if it is not ours."""
        end = len(self.url)
        if url.startswith(self.url) and url[end : end + 1] == "/":  # as nearly every client writes it
            path, _, query = url[end:].partition("#")[0].partition("?")
            return Place(self.answer, path, query)
        try:
            scheme, host, path = _place(url)
        except ValueError:  # no http at all
            return None
        if (scheme, host) != self._place[:2] or not f"{path}/".startswith(f"{self._place[2]}/"):
            return None
        return Place(self.answer, path[len(self._place[2]) :] or "/", urlsplit(url).query)

    def serves(self, origin: str) -> bool:
        """Whether it has URLs at a scheme, host and port, such as `https://acme.example:443`."""
        try:
            return _place(origin)[:2] == self._place[:2]
        except ValueError:
            return False

    def answer(self, request: Request) -> Response:
        """Answer one request; whatever reaches the tenant comes through here.

        Raises RouteNotBuilt for a route that the API has and the fake does not build.
        """
        with self._lock:
            if self._waits and self._on_server is not None:
                self._let_wait(request)
            for budget in self._budgets:
                budget.add(request.method, request.path, injection.route_of(request))
            try:
                if self._injections:
                    return self._met(request)
                exchange = api.answer(self._state, request)
            except RouteNotBuilt:
                self.requests.add(request)
                self._unexpected.add(request, "unbuilt_part" if injection.route_of(request) else "unbuilt_route")
                raise
            except Trouble:
                raise
            except Interrupted as interrupted:
                self.requests.add(request)
                self._unexpected.interrupted(request, interrupted.error)
                raise interrupted.error from None
            except Exception as error:
                self.requests.add(request)
                self._unexpected.crash(request, error)
                raise
            exchange = self.exchanged(request, exchange, None)
            self.requests.add(request, exchange.response.status, exchange.route, exchange.permission)
            self._unexpected.add(request, exchange.refusal, exchange.route)
            if exchange.refusal == "rate_limited" or self._waits:
                self._look_for_waits(request, exchange)
        return exchange.response

    def exchanged(self, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        """What a request was answered, by a fault where one is named; what it returns is what the client gets.

        Every answer passes here: options of pytest that watch or vary the answers replace it while they last.
        """
        if self._reliance is None:
            return exchange
        return self._reliance.met(self.asked + 1, request, exchange, fault)

    @property
    def unknown_routes_pass(self) -> bool:
        """Whether the test says that it means to ask for routes that the API does not have."""
        return self._unexpected.lets_pass("unknown_route")

    def unanswered(self, request: Request) -> None:
        """Know of a request whose answer does not come; as `exchanged`, to be watched."""

    def shown(self, route: str, answer: JSON) -> JSON:
        """What the tenant itself shows of an answer of a route: as much of it as a client is given."""
        return answer if self._reliance is None else self._reliance.shown(route, answer)

    def _let_wait(self, request: Request) -> None:
        """Let the time pass that a client has really waited, as it was told to: on a port its sleep cannot be led."""
        last = self._waits.get(request.headers.get(contract.header("authorization").name.lower(), ""))
        if last is not None and last.window == self._state.time() and monotonic() >= last.until and travelled() is None:
            self.clock.advance(last.seconds)

    def _look_for_waits(self, request: Request, exchange: Exchange) -> None:
        """Raise WouldHang where a client waits as it is told to, in real time, which the limit does not go by.

        One refusal after a while may be a slow test's; two in a row, with the tenant's clock at rest, are not.
        """
        who = request.headers.get(contract.header("authorization").name.lower(), "")
        last = self._waits.pop(who, None)
        if exchange.refusal != "rate_limited" or travelled() is not None:
            return
        seconds = int(exchange.response.headers[contract.header("retry_after").name])
        window, now = self._state.time(), monotonic()
        waited = last is not None and last.window == window and now >= last.until
        times = last.times + waited if last is not None and last.window == window else 0
        if times == MOST_WAITS:
            raise self._hung(
                request,
                f"The client has really waited {seconds} s, as it was told to, and is refused again and again: the "
                "limit goes by the clock of the tenant.\n"
                'Lead its sleeping there by @pytest.mark.reinfer(sleep="clock"), or by `with tenant.clock.lead():`, '
                "which takes no real time.",
            )
        self._waits[who] = Wait(window, seconds, now + seconds, times)

    def _met(self, request: Request) -> Response:
        """What a request meets of the faults in force."""
        met = injection.answer(self._state, request, self._injections, self._unlocked)
        came = met.response if met.trouble is None else met.trouble.response
        if came is None:
            self.unanswered(request)
        else:
            exchange = Exchange(came, met.route, met.permission, met.refusal)
            came = self.exchanged(request, exchange, met.fault).response
        self.requests.add(request, met.status, met.route, met.permission, met.fault)
        self._unexpected.add(request, met.refusal, met.route)
        if met.trouble is None and came is not None:
            return came
        trouble = met.trouble or Trouble("connection_closed")
        trouble.response = came
        trouble.passes, trouble.hangs = self.clock.advance, partial(self._hung, request)
        raise trouble

    @contextmanager
    def _unlocked(self) -> Iterator[None]:
        """Let other threads be answered for a while: a function of the test's own may wait for one that asks."""
        self._lock.release()
        try:
            yield
        finally:
            self._lock.acquire()

    def _hung(self, request: Request, what: str) -> BaseException:
        """Remember a client that would wait for ever; what it meets instead."""
        told = f"{request.method} {unquote(request.path)}: {what}"
        self._unexpected.stop(told)
        return WouldHang(told)

    # ------------------------------------------------------------------------------------------ arranging

    def add_project(self, name: str, *, title: str = "", description: str = "") -> Project:
        """Create a project, the owner of datasets and sources."""
        __tracebackhide__ = True
        with self._lock:
            given.check("add_project", "objects/common.json#/$defs/project_name", name)
            project = {"name": name, "title": title, "description": description}
            for field in ("title", "description"):
                given.check("add_project", f"objects/common.json#/$defs/{field}", project[field])
            if name in self._state.projects:
                raise ValueError(f"add_project: there is a project {name!r} already.")
            return self._state.put_project(contract.with_defaults("objects/new_project.json", project))

    def add_source(self, full_name: str, *, comments: int | Iterable[JSON] = 0, **fields: Any) -> Source:
        """Create a source `project/name`, and its project if need be, with comments: a number of them, or objects.

        fields: as in the body of the API's request, such as `title`, `language` or `sensitive_properties`.
        """
        __tracebackhide__ = True
        with self._lock:
            self._new_name("add_source", Source, full_name, "source_name")
            given.check("add_source", "objects/new_source.json", fields)
            if "email_transform_tag" in fields:
                tag = "objects/common.json#/$defs/transform_tag"
                given.check("add_source: email_transform_tag", tag, fields["email_transform_tag"])
            if fields.get("bucket_id") not in {None, *self._state.buckets}:
                raise LookupError(f"add_source: no bucket has the id {fields['bucket_id']}.")
            uploads = given.uploads("add_source", comments)
            source = self._put_source(full_name, fields)
            self._fill(source, uploads)
            return source

    def add_bucket(self, full_name: str, *, title: str = "") -> Bucket:
        """Create a bucket `project/name`, and its project if need be, for sources to name as their `bucket_id`."""
        __tracebackhide__ = True
        with self._lock:
            self._new_name("add_bucket", Bucket, full_name, "bucket_name")
            given.check("add_bucket", "objects/common.json#/$defs/title", title)
            self._project_of(full_name)
            return self._state.put_bucket(full_name, {"title": title})

    def add_dataset(
        self,
        full_name: str,
        *,
        comments: int | Iterable[JSON] = 0,
        sources: Iterable[str | Source] = (),
        labels: Iterable[str] | None = None,
        **fields: Any,
    ) -> Dataset:
        """Create a dataset `project/name`, and its project if need be.

        comments: how many to generate, with predictions and some annotations, or upload objects, without. They are
            dealt out to the sources in turn; without sources the dataset gets one of its own name.
        labels: names such as "Claim > New"; by default those of the generated comments, or none.
        fields: as in the body of the API's request, such as `title`, `has_sentiment` or `source_ids`.
        """
        __tracebackhide__ = True
        with self._lock:
            self._new_name("add_dataset", Dataset, full_name, "dataset_name")
            found = [self._find(Source, source) for source in given.several("add_dataset", "sources", sources)]
            uploads = given.uploads("add_dataset", comments)
            if labels is None and isinstance(uploads, int) and uploads:
                labels = seeding.labels(self._state, full_name)
            new = {"source_ids": [source.id for source in found], **fields}
            if labels is not None:
                labels = given.several("add_dataset", "labels", labels)
                new["label_defs"] = [*fields.get("label_defs", ()), *({"name": name} for name in labels)]
            given.check("add_dataset", "objects/new_dataset.json", new)
            copied_from = new.pop("copy_annotations_from", None)
            if copied_from is not None and copied_from not in self._state.datasets:
                raise LookupError(f"add_dataset: no dataset has the id {copied_from}. {self._there_are(Dataset)}")
            unknown = [source_id for source_id in new["source_ids"] if source_id not in self._state.sources]
            if unknown:
                raise LookupError(f"add_dataset: no sources with the ids {unknown}. {self._there_are(Source)}")
            if uploads and not new["source_ids"]:
                self._new_name("add_dataset", Source, full_name, "source_name")
                new["source_ids"] = [self._put_source(full_name, {}).id]
            self._project_of(full_name)
            dataset = self._state.put_dataset(full_name, contract.with_defaults("objects/new_dataset.json", new))
            owners = [self._state.sources[source_id] for source_id in dataset.source_ids]
            for turn, source in enumerate(owners):
                share = (
                    len(range(turn, uploads, len(owners))) if isinstance(uploads, int) else uploads[turn :: len(owners)]
                )
                self._fill(source, share, dataset)
            if copied_from is not None:
                labelling.copy(self._state, self._state.datasets[copied_from], dataset)
            return self._state.datasets[dataset.id]

    def add_comments(self, source: str | Source, comments: int | Iterable[JSON]) -> tuple[str, ...]:
        """Add comments to a source, a number of generated ones or upload objects with new ids; their uids.

        An object has the fields of an upload (`id`, `timestamp`, `messages`, `user_properties` ...), and may have
        `created_at` and `last_modified`.
        """
        __tracebackhide__ = True
        with self._lock:
            found = self._find(Source, source)
            uploads = given.uploads("add_comments", comments)
            return tuple(row.uid for row in self._fill(found, uploads))

    def update_comment(self, uid: str, **fields: Any) -> None:
        """Change fields of a comment, and stamp the change."""
        __tracebackhide__ = True
        with self._lock:
            row = self._row(uid)
            old = {name: value for name, value in json.loads(row.data).items() if name in given.upload_fields()}
            if "id" in fields:
                raise ValueError("update_comment: the id of a comment cannot change.")
            (new,) = given.checked("update_comment", [{**old, **fields}])
            self._state.change_comment(row, {name: new[name] for name in fields})

    def delete_comments(self, *uids: str) -> None:
        """Delete comments from their sources, and so from every dataset."""
        __tracebackhide__ = True
        with self._lock:
            for row in dict.fromkeys([self._row(uid) for uid in uids]):
                self._state.drop_comment(row)

    def annotate(
        self,
        dataset: str | Dataset,
        uid: str,
        labels: Iterable[str | JSON],
        *,
        dismissed: Iterable[str | JSON] | None = None,
        entities: Iterable[str | JSON] | None = None,
        group: str | None = None,
    ) -> None:
        """Assign labels to a comment, in the place of those assigned before; none takes them away.

        A label is a name such as "Claim > New", positive where the dataset has sentiment, or an object with `name` and
        `sentiment`. A name that is new to the dataset becomes one of its labels.

        dismissed: labels that do not fit; entities: those that it has, names or objects with `name`; by default these
            stay as they are.
        group: the label group of the labels; default: the first of the dataset.
        """
        __tracebackhide__ = True
        with self._lock:
            found, row = self._find(Dataset, dataset), self._row(uid, dataset)
            there = labelling.groups(found)
            if group is not None and group not in there:
                raise LookupError(f"annotate: {found.full_name} has no label group {group!r}. There are: {there}.")
            about: JSON = {"assigned": self._labels(found, "labels", labels)}
            if dismissed is not None:
                about["dismissed"] = self._labels(found, "dismissed", dismissed)
                given.once("annotate", "labels and dismissed", [*about["assigned"], *about["dismissed"]])
            said: JSON = {"labelling": [{"group": there[0] if group is None else group, **about}]}
            if entities is not None:
                listed = given.several("annotate", "entities", entities)
                objects = [
                    {"name": each} if isinstance(each, str) else given.an_object("annotate", each) for each in listed
                ]
                for each in objects:
                    given.check("annotate", "objects/entity.json", each)
                said["entities"] = {"assigned": objects}
            labelling.update(self._state, found, row, json.loads(json.dumps(said)))

    def _labels(self, dataset: Dataset, name: str, labels: Iterable[str | JSON]) -> list[JSON]:
        """Labels that a test gives, as objects."""
        __tracebackhide__ = True
        default = {"sentiment": "positive"} if dataset.has_sentiment else {}
        objects = [
            {"name": label, **default} if isinstance(label, str) else {**default, **given.an_object("annotate", label)}
            for label in given.several("annotate", name, labels)
        ]
        for label in objects:
            given.check("annotate", "objects/label.json", label)
        given.once("annotate", name, objects)
        return objects

    def predict(self, dataset: str | Dataset, uid: str, labels: Mapping[str, float] | Iterable[JSON]) -> None:
        """Predict labels for a comment, in the place of those predicted before.

        labels: name -> probability (0..1), or objects with `name`, `probability` and, if any, `sentiment` (-1..1).
        """
        __tracebackhide__ = True
        with self._lock:
            found, row = self._find(Dataset, dataset), self._row(uid, dataset)
            predicted = (
                [{"name": name, "probability": probability} for name, probability in labels.items()]
                if isinstance(labels, Mapping)
                else given.several("predict", "labels", labels)
            )
            for label in predicted:
                given.check("predict", "objects/predicted_label.json", label)
            given.once("predict", "labels", predicted)
            self._state.put_labels(found, row, predicted=predicted)

    def tag_model(self, dataset: str | Dataset, name: str, version: int) -> None:
        """Pin a version of a dataset's model and tag it, as "live" or "staging"; a tag has one version."""
        __tracebackhide__ = True
        with self._lock:
            found = self._find(Dataset, dataset)
            tag = {"name": name, "version": version, "updated_at": stamp(self._state.now)}
            given.check("tag_model", "objects/model_tag.json", tag)
            tag["updated_at"] = stamp(self._state.tick())
            self._state.model_tags[found.id] = {**self._state.model_tags.get(found.id, {}), name: tag}

    def add_user(self, username: str, *, permissions: Permissions, email: str | None = None) -> User:
        """Create a user with a token; higher permissions imply the lower ones.

        permissions: names, such as "Export datasets" or "datasets-export", for every project, or project -> names.
        email: by default an address of the name at example.com.
        """
        __tracebackhide__ = True
        with self._lock:
            email = f"{username}@example.com" if email is None else email
            given.check("add_user", "objects/new_user.json", {"username": username, "email": email})
            if username in self._state.users:
                raise ValueError(f"add_user: there is a user {username!r} already.")
            if isinstance(permissions, str):
                raise TypeError(f"add_user: permissions is a list of names or a mapping, not the text {permissions!r}.")
            by_project = getattr(permissions, "items", lambda: [(EVERYWHERE, permissions)])()
            named = {project: frozenset(map(contract.machine_name, names)) for project, names in by_project}
            for project in named.keys() - {EVERYWHERE}:
                self._find(Project, project)
                for name in filter(contract.is_tenants, sorted(named[project])):
                    raise ValueError(
                        f"add_user: {contract.display_name(name)!r} is no permission in a project, but in the whole "
                        f"tenant: grant it for every project, which {EVERYWHERE!r} stands for."
                    )
            return people.create(self._state, username, email, named)

    def rotate_token(self, user: str | User = ADMINISTRATOR, *, token: str | None = None) -> str:
        """Give a user a new token; the old one is worth nothing from now on, also where `REINFER_TOKEN` holds it.

        token: that it is to be, at least eight printable characters; one is made by default.
        """
        __tracebackhide__ = True
        with self._lock:
            old = self.user(user if isinstance(user, str) else user.username)
            if token is not None:
                given.token("rotate_token", token, (each for each in self.users if each.username != old.username))
            new = replace(old, token=token or self._state.new_token(), expires=None)
            self._state.users[new.username] = new
            return new.token

    def expire_token(self, seconds: float, user: str | User = ADMINISTRATOR) -> None:
        """Let the token of a user be worth nothing in so many seconds of `clock`; `rotate_token` gives a new one."""
        __tracebackhide__ = True
        with self._lock:
            old = self.user(user if isinstance(user, str) else user.username)
            expires = self._state.time() + given.microseconds("expire_token", seconds)
            self._state.users[old.username] = replace(old, expires=expires)

    def revoke(self, *permissions: str, user: str | User = ADMINISTRATOR) -> None:
        """Take permissions from a user, in every project; those that they imply stay."""
        __tracebackhide__ = True
        with self._lock:
            old = self.user(user if isinstance(user, str) else user.username)
            taken = set(map(contract.display_name, permissions))
            left = {project: granted - taken for project, granted in old.permissions.items()}
            self._state.users[old.username] = replace(old, permissions=left)

    def deny(self, *permissions: str) -> None:
        """Take permissions from every user, present and to come, in every project; those that they imply stay."""
        __tracebackhide__ = True
        with self._lock:
            self._state.denied |= set(map(contract.display_name, permissions))

    # ------------------------------------------------------------------------------------ failing on purpose

    def fail(self, what: int | str | Plan, **about: Any) -> Injection:
        """Let requests fail, until the end of the tenant or of a with block: see `pytest_reinfer.faults.fail`.

        what: a status, the name of a kind of failure, or a plan. Of several faults that are due the one first asked for
        fires, and the others wait. FaultsNeverFired is raised at the end for those that are not optional and never did.
        """
        __tracebackhide__ = True
        if not isinstance(what, faults.Plan):
            what = faults.fail(what, **about)
        elif about:
            raise TypeError(f"fail: a plan says everything itself, and takes no {', '.join(about)}.")
        if self._place[0] == "http" and any(fault.what == "tls_error" for fault in what.faults):
            raise ValueError(f"fail: there is no TLS at {self.url}, and so no tls_error.")
        if self._on_server is not None and (early := {fault.what for fault in what.faults}.intersection(UNREACHED)):
            others = ", ".join(name for name in faults.NETWORK if name not in UNREACHED)
            raise ValueError(
                f"fail: {', '.join(map(str, early))} cannot be done to a client that has connected to a real port. "
                f"What can be done there is {others}. The fixture `reinfer`, without a server, has all."
            )
        return self._inject(what)

    def before(self, call: Callable[[], object], **requests: Any) -> Injection:
        """Call a function before a request is answered, to rotate a token or change a dataset between two pages.

        requests: which, and how often, as for `fail`: `route="export_dataset", nth=3`.
        """
        __tracebackhide__ = True
        return self._inject(faults.before(call, **requests))

    @property
    def faults(self) -> tuple[Injection, ...]:
        """The plans in force, each of which tells how often its faults have fired."""
        return self._injections

    def rate_limit(self, requests: int | None, seconds: float = 60) -> None:
        """Answer 429 to more than so many requests of a token within so many seconds of `clock`; None: no limit.

        `Retry-After` tells the seconds until the window ends; it starts with the first request in it.
        """
        __tracebackhide__ = True
        window = given.microseconds("rate_limit", seconds)
        if not window:
            raise ValueError(f"rate_limit: a window lasts some seconds, not {seconds!r}.")
        rate = None if requests is None else Rate(given.whole("rate_limit", "requests", requests, 1), window)
        with self._lock:
            self._state.rate = rate
            self._state.windows = {}

    def lag(self, *what: str, reads: int = 0, seconds: float = 0) -> None:
        """Let reads see changes from now on late: after so many of them, or so many seconds of `clock`.

        what: "comments" and "predictions" of exports, "statistics": all that queries, recent comments, statistics and
            summaries tell; by default all three. Without a number changes are seen at once again.
        """
        __tracebackhide__ = True
        late = frozenset(what or LATE)
        if not late <= set(LATE):
            raise ValueError(f"lag: what may be late is {', '.join(LATE)}, not {', '.join(sorted(late - set(LATE)))}.")
        given.whole("lag", "reads", reads, 0)
        wait = given.microseconds("lag", seconds)
        if reads and wait:
            raise ValueError("lag: either so many reads or so many seconds.")
        with self._lock:
            self._state.lag = Lag(late, reads, wait) if reads or wait else None
            self._state.past = []

    @contextmanager
    def budget(self, requests: int, route: str | None = None) -> Iterator[Budget]:
        """Raise BudgetExceeded at the end of a with block that made more requests, with the lines that made them."""
        __tracebackhide__ = True
        from pytest_reinfer.budget import Budget  # noqa: PLC0415

        budget = Budget(requests, route)
        with self._lock:
            self._budgets = (*self._budgets, budget)
        try:
            yield budget
        finally:
            with self._lock:
                self._budgets = tuple(each for each in self._budgets if each is not budget)
        budget.check()

    # ------------------------------------------------------------------------------------------ inspecting

    @property
    def asked(self) -> int:
        """How many requests have reached it, or were to."""
        return len(self.requests) + self.requests.forgotten

    @property
    def left_out(self) -> Sequence[Rule]:
        """The fields that answers came without, for being known on less than `min_evidence`."""
        with self._lock:
            return () if self._reliance is None else self._reliance.left_out

    @property
    def permissions_used(self) -> tuple[str, ...]:
        """The permissions that requests needed and had, in the order of their first use."""
        return tuple(self.requests.permissions)

    @property
    def projects(self) -> tuple[Project, ...]:
        """The projects, in order of creation."""
        return tuple(self._state.projects.values())

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources, in order of creation."""
        return tuple(self._state.sources.values())

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets, in order of creation."""
        return tuple(self._state.datasets.values())

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """The buckets, in order of creation."""
        return tuple(self._state.buckets.values())

    @property
    def users(self) -> tuple[User, ...]:
        """The users, in order of creation."""
        return tuple(self._state.users.values())

    def project(self, name: str) -> Project:
        """The project of this name; LookupError where there is none."""
        __tracebackhide__ = True
        return self._find(Project, name)

    def source(self, full_name: str) -> Source:
        """The source `project/name`; LookupError where there is none."""
        __tracebackhide__ = True
        return self._find(Source, full_name)

    def dataset(self, full_name: str) -> Dataset:
        """The dataset `project/name` as it is now; LookupError where there is none."""
        __tracebackhide__ = True
        return self._find(Dataset, full_name)

    def bucket(self, full_name: str) -> Bucket:
        """The bucket `project/name` as it is now; LookupError where there is none."""
        __tracebackhide__ = True
        return self._find(Bucket, full_name)

    def user(self, username: str) -> User:
        """The user of this name as it is now; LookupError where there is none."""
        __tracebackhide__ = True
        if username not in self._state.users:
            raise LookupError(f"No user {username!r}. There are: {', '.join(self._state.users)}.")
        return self._state.users[username]

    def comment(self, uid: str) -> JSON:
        """The comment of this uid, as the API answers with all of it; LookupError where there is none."""
        __tracebackhide__ = True
        with self._lock:
            found: JSON = self.shown("get_comment", {"comment": json.loads(self._row(uid).data)})["comment"]
            return found

    def comments(self, source: str | Source) -> list[JSON]:
        """The comments of a source, by `timestamp`."""
        __tracebackhide__ = True
        with self._lock:
            return [
                json.loads(row.data) for row in self._state.comments[self._find(Source, source).id].orders["timestamp"]
            ]

    def labelling(self, dataset: str | Dataset, uid: str) -> JSON:
        """A comment with all that people and the model said about it in a dataset, as the API answers with it."""
        __tracebackhide__ = True
        with self._lock:
            found, row = self._find(Dataset, dataset), self._row(uid, dataset)
            annotated: JSON = json.loads(labelling.entries(self._state, found, [row]))[0]
            return annotated

    def exported(self, dataset: str | Dataset, *, order_by: str = "timestamp") -> list[JSON]:
        """What a full export of a dataset must return, in its order ("timestamp" or "created_at")."""
        __tracebackhide__ = True
        with self._lock:
            found, state = self._find(Dataset, dataset), self._state
            if order_by not in POSITION:
                raise ValueError(f"exported: order_by is one of {', '.join(POSITION)}, not {order_by!r}.")
            rows = [row for source_id in found.source_ids for row in state.comments[source_id].rows.values()]
            rows.sort(key=POSITION[order_by])
            comments = [
                json.loads(
                    state.labelled.get((found.id, row.source_id), {}).get(row.id, UNMARKED) + without(row.data) + b"}"
                )
                for row in rows
            ]
            shown: list[JSON] = self.shown("export_dataset", {"comments": comments})["comments"]
            return shown

    # --------------------------------------------------------------------------------- snapshots, assertions

    def snapshot(self) -> Tenant:
        """All that the tenant holds, to be restored; it costs nothing for what does not change afterwards."""
        with self._lock:
            return self._state.fork()

    def restore(self, snapshot: Tenant) -> None:
        """Hold again what a snapshot, of this tenant or another, holds. The log stays."""
        with self._lock:
            self._state = snapshot.fork()
            self._state.url = self.url

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write all that the tenant holds to a JSON file, for `load`: whole, or not at all; only its owner may read it.

        Faults, the log, rate limits and lags are not kept. Raises OSError.
        """
        __tracebackhide__ = True
        from pytest_reinfer import state  # noqa: PLC0415 -- hardly a test asks for it

        state.write(self.snapshot(), path)

    def load(self, path: str | os.PathLike[str]) -> None:
        """Hold what the tenant held that wrote a file: ids, tokens and continuations are worth what they were.

        Raises BadState, a ValueError, for a file that holds no tenant, saying where; OSError.
        """
        __tracebackhide__ = True
        from pytest_reinfer import state  # noqa: PLC0415 -- hardly a test asks for it

        self.restore(state.read(path))

    @classmethod
    def from_recording(cls, path: str | os.PathLike[str], **settings: Any) -> Self:
        """A tenant that holds what the answers of a recording show; `untaken` tells what could not be taken.

        path: a HAR, a cassette of VCR.py, a recording of `responses`, or JSON Lines. settings: as of the tenant itself.
        Raises BadRecording, a ValueError, for a file that is none, or shows nothing that a tenant holds; OSError.
        """
        __tracebackhide__ = True
        from pytest_reinfer.recordings import taking  # noqa: PLC0415 -- hardly a test asks for it

        tenant = cls(**settings)
        tenant.untaken = taking.take(Path(path), tenant._state)
        return tenant

    def assert_requested(
        self,
        route: str | None = None,
        *,
        times: int | None = None,
        method: Any = ANY,
        path: Any = ANY,
        query: Any = ANY,
        json: Any = ANY,
        status: Any = ANY,
        permission: Any = ANY,
    ) -> list[LoggedRequest]:
        """The requests of a route that are as expected; AssertionError unless there is one, or `times` of them.

        route: the name of its schema, such as "export_dataset". Objects in `json` and `query` are compared by the keys
        that are expected; anything with an `==` of its own, such as `unittest.mock.ANY`, may stand anywhere.
        """
        __tracebackhide__ = True
        if route is not None and route not in contract.routes():
            built = ", ".join(each.name for each in contract.routes().values() if each.built)
            raise ValueError(f"No route is called {route!r}. There are: {built}.")
        criteria = {
            "method": method,
            "path": path,
            "query": query,
            "json": json,
            "status": status,
            "permission": permission,
        }
        expected = {name: value for name, value in criteria.items() if value is not ANY}
        return self.requests.assert_requested(route, times, expected)

    def assert_not_requested(self, route: str | None = None, **expected: Any) -> None:
        """AssertionError if there was a request of a route that is as expected."""
        __tracebackhide__ = True
        self.assert_requested(route, times=0, **expected)

    def assert_no_duplicates_or_losses(
        self, source: str | Source, comments: Iterable[Any], *, key: Callable[[JSON], object] | None = None
    ) -> None:
        """AssertionError unless a source holds each of the comments once, telling which it holds twice or never.

        comments: upload objects, told apart by all they hold but the id; or anything, told apart by `key`, which is
        given the stored comments, and those of `comments` that are objects.
        """
        __tracebackhide__ = True
        problem = verdict.once(comments, self.comments(source), key)
        if problem is not None:
            raise AssertionError(problem)

    def check(self) -> None:
        """Raise what the test did not mean: UnexpectedRequests, FaultsNeverFired or LesserEvidence; each is told once.

        That is: requests for unknown or unbuilt routes, hosts of tenants reached for over the network, clients that
        would wait for ever; faults in force that are not optional and never fired, which end with it; and rules of
        lesser evidence than `min_evidence`.
        """
        __tracebackhide__ = True
        with self._lock:
            error: AssertionError | None = self._unexpected.take()
            silent = injection.never_fired(self._injections) if self.faults_must_fire else None
            if silent is not None:
                for injected in self._injections:
                    self._remove(injected)
            lesser = None if self._reliance is None else self._reliance.take()
        told = error or silent or lesser
        if told is not None:
            raise told

    # ------------------------------------------------------------------------------------------- underneath

    def _inject(self, plan: Plan) -> Injection:
        with self._lock:
            self._injected += 1
            new = injection.Injection(plan, f"{self.seed}:{self._injected}", self._remove)
            self._injections = (*self._injections, new)
        return new

    def _remove(self, injected: Injection) -> bool:
        """End a plan; whether its faults had to fire."""
        with self._lock:
            injected.end()
            self._injections = tuple(each for each in self._injections if each is not injected)
            return self.faults_must_fire

    def _find(self, kind: type[Found], wanted: Any) -> Found:
        __tracebackhide__ = True
        full_name = wanted.full_name if isinstance(wanted, Resource) else wanted
        for resource in self._all(kind):
            if resource.full_name == full_name:
                found: Found = resource
                return found
        raise LookupError(f"No {kind.__name__.lower()} {full_name!r}. {self._there_are(kind)}")

    def _all(self, kind: type[object]) -> tuple[Any, ...]:
        tables: Mapping[type[object], tuple[Any, ...]] = {
            Project: self.projects,
            Source: self.sources,
            Dataset: self.datasets,
            Bucket: self.buckets,
        }
        return tables[kind]

    def _there_are(self, kind: type[object]) -> str:
        names = [resource.full_name for resource in self._all(kind)]
        return f"There are: {', '.join(names)}." if names else "There are none yet."

    def _row(self, uid: str, dataset: str | Dataset | None = None) -> Row:
        __tracebackhide__ = True
        if not isinstance(uid, str):
            raise TypeError(f"A uid is a text, not {uid!r}.")
        row = self._state.find_comment(uid)
        if row is None:
            raise LookupError(f"No comment {uid!r}: a uid is the id of its source, a dot, and its own id.")
        if dataset is not None and row.source_id not in (found := self._find(Dataset, dataset)).source_ids:
            raise LookupError(f"The comment {uid!r} is in none of the sources of {found.full_name}.")
        return row

    def _new_name(self, what: str, kind: type[Source | Dataset | Bucket], full_name: str, pattern: str) -> None:
        __tracebackhide__ = True
        owner, slash, name = full_name.partition("/")
        if not slash:
            raise ValueError(f"{what}: a full name is 'project/name', not {full_name!r}.")
        given.check(what, "objects/common.json#/$defs/project_name", owner)
        given.check(what, f"objects/common.json#/$defs/{pattern}", name)
        if (kind, full_name) in self._state.names:
            raise ValueError(f"{what}: there is a {kind.__name__.lower()} {full_name!r} already.")

    def _project_of(self, full_name: str) -> None:
        owner = full_name.partition("/")[0]
        if owner not in self._state.projects:
            self.add_project(owner)

    def _put_source(self, full_name: str, fields: JSON) -> Source:
        self._project_of(full_name)
        return self._state.put_source(full_name, contract.with_defaults("objects/new_source.json", fields))

    def _fill(self, source: Source, uploads: int | list[JSON], dataset: Dataset | None = None) -> list[Row]:
        __tracebackhide__ = True
        if isinstance(uploads, int):
            return seeding.add(self._state, source, uploads, dataset)
        there = self._state.comments[source.id].rows
        twice = [upload["id"] for upload in uploads if upload["id"] in there]
        if twice:
            raise ValueError(
                f"{source.full_name} has comments with the ids {twice} already: change them by update_comment."
            )
        return self._state.put_comments(source.id, uploads)


def _reliance(kind: str) -> Reliance:
    __tracebackhide__ = True
    from pytest_reinfer.reliance import Reliance  # noqa: PLC0415 -- hardly a test asks for it

    return Reliance(kind)


@lru_cache(maxsize=16)
def _fresh(seed: int, url: str) -> Tenant:
    """The state that every tenant of a seed and URL starts with."""
    state = Tenant(seed=seed, url=url)
    token, everything = state.new_token(), {EVERYWHERE: contract.every_permission()}
    user_id, email = state.digest("user", state.made), f"{ADMINISTRATOR}@example.com"
    state.users[ADMINISTRATOR] = User(ADMINISTRATOR, token, everything, id=user_id, email=email)
    return state


@cache
def _default_url() -> str:
    server: str = contract.convention("x-servers")[0]["url"]
    return server.format(domain="acme")


@lru_cache(maxsize=1024)
def _place(url: str) -> tuple[str, tuple[str | None, int | None], str]:
    """Scheme, host with port, and path of a URL: what tells whether two URLs are the same place."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"A tenant's URL starts with http:// or https:// and a host, not as {url!r} does.")
    port = parts.port or {"http": 80, "https": 443}[parts.scheme]
    return parts.scheme, (parts.hostname.lower(), port), parts.path
