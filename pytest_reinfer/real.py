"""A real tenant, in the place of the fake one: what a test may do with it, and what must never reach it."""

from __future__ import annotations

import json
import secrets
import signal
import threading
import time
from contextlib import contextmanager
from hashlib import blake2b
from hmac import compare_digest
from typing import TYPE_CHECKING, Any, Final, Literal, NoReturn
from urllib.parse import quote, unquote, urlencode

from pytest_reinfer import contract, given
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.tenant import Bucket, Dataset, Project, Source, encode
from pytest_reinfer.wire import UNREACHED, Exchange, Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from pytest_reinfer.contract import Match
    from pytest_reinfer.transports.onward import Came, Onward
    from pytest_reinfer.wire import JSON, Place

    May = Literal["read", "write"]

HAS: Final = (  # of what a fake tenant has
    *("url", "token", "headers", "environment", "live", "requests", "asked", "permissions_used", "budget"),
    *("assert_requested", "assert_not_requested", "check"),
    *("projects", "sources", "datasets", "buckets", "project", "source", "dataset", "bucket"),
    *("add_project", "add_source", "add_dataset", "add_comments"),
)
UNDERNEATH: Final = (  # by which clients, and the fixture, come to it
    *("answer", "exchanged", "locate", "serves", "waits", "plugged", "interrupted", "strayed", "faults", "left_out"),
)
MOST: Final = 1000  # so many exchanges are kept
MOST_BYTES: Final = 32 * 1024 * 1024  # and so much of their bodies
TAUGHT: Final = 1024 * 1024  # answers up to so many bytes are looked through for what is the test's own
BATCH: Final = 256  # comments that are uploaded at a time
TRIES: Final = 5  # of what is arranged or cleared away
LONGEST_WAIT: Final = 30  # seconds before another try
PREFIX: Final = "pytest-reinfer-"  # of the names of throw-away projects


class NotOnARealTenant(AssertionError):
    """A test wanted of a real tenant what is for a fake one, or would have written where it may not."""


class RealTenantFailed(RuntimeError):
    """A real tenant did not do what a test needed of it; a request of the code under test is not meant."""


class RealTenant(FakeTenant):
    """A real tenant, held as a test holds a fake one.

    What the code under test sends to its `url` goes on to the real one, but for what would write where the test may
    not. What there is, is asked of the API at each look. What cannot be, for a real one, raises NotOnARealTenant.

    stand_in: what tests have in the place of the token, as long as it is; worth nothing to whoever goes another way.
    onward: leads to the real one. may: "read" lets nothing pass that could write; "write" only what stays in the
    throw-away project. settings: as of a fake one.
    """

    live = True

    def __init__(
        self,
        url: str,
        token: str,
        stand_in: str,
        onward: Onward,
        may: May,
        **settings: Any,
    ) -> None:
        super().__init__(url, **settings)
        self._token = token
        self._stand_in = stand_in
        self._onward = onward
        self._may = may
        self._arranged = FakeTenant(url, seed=settings.get("seed", 0))  # what a test arranges, as a fake would have it
        self._source_ids: dict[str, str] = {}  # of what was arranged, in the real tenant, by full name
        self._project: str | None = None  # the throw-away project
        self._own: set[str] = set()  # ids of what is in it
        self._exchanges: list[tuple[Request, Response] | None] = []  # None: not answered yet, or never
        self._bytes = 0
        self.unrecorded = 0  # so many exchanges were not kept, of too many

    def __getattribute__(self, name: str) -> Any:
        __tracebackhide__ = True
        if name[:1] != "_" and name not in (*HAS, *UNDERNEATH) and hasattr(FakeTenant, name):
            raise NotOnARealTenant(
                f"`reinfer.{name}` is for a fake tenant, and this run of the test is on a real one. Ask for it "
                "`if not reinfer.live`, or leave `live=` out of the marker, and the test runs on the fake alone. A "
                f"real tenant has: {', '.join(HAS)}."
            )
        return super().__getattribute__(name)

    def __repr__(self) -> str:
        return f"<RealTenant {self.url}: a real tenant, to {self._may}>"

    # --------------------------------------------------------------------------------------- reaching it

    @property
    def token(self) -> str:
        """What the tests have for its token, which they never see; on the way to it the one becomes the other."""
        return self._stand_in

    @property
    def headers(self) -> dict[str, str]:
        """What a request with `token` carries."""
        header = contract.header("authorization")
        return {header.name: f"{header.scheme} {self._stand_in}"}

    @property
    def waits(self) -> bool:
        """Whether an answer may take its time, so that others are to be answered meanwhile."""
        return True

    def locate(self, url: str) -> Place | None:
        """Who answers a URL in this process: as long as the answer took, so long the client has waited for it."""
        place = super().locate(url)
        return None if place is None else place._replace(answer=self._answer_late)

    def answer(self, request: Request) -> Response:
        """Answer one request as the real tenant does. Raises NotOnARealTenant, Trouble for how a connection ends."""
        __tracebackhide__ = True
        try:
            return self._ask(request).response
        except Trouble as trouble:
            trouble.delay = trouble.pace = 0  # they have passed
            raise

    @property
    def exchanges(self) -> list[tuple[Request, Response]]:
        """The requests that were answered, in the order in which they were sent, and their answers; no token."""
        with self._lock:
            return [exchange for exchange in self._exchanges if exchange is not None]

    def _answer_late(self, request: Request) -> NoReturn:
        __tracebackhide__ = True
        came = self._ask(request)
        raise Trouble(response=came.response, delay=came.delay, pace=came.pace)

    def _ask(self, request: Request) -> Came:
        __tracebackhide__ = True
        found = contract.match(request.method, request.path)
        route = None if found.route is None else found.route.name
        hidden = self._hide(request)
        with self._lock:
            for budget in self._budgets:
                budget.add(request.method, request.path, route)
            refusal = self._refusal(request, found)
        if refusal is not None:
            with self._lock:
                self.requests.add(hidden, route=route)
                self._unexpected.stop(refusal)
            raise NotOnARealTenant(refusal)
        with self._lock:
            number = len(self._exchanges)
            if number < MOST:
                self._exchanges.append(None)
        try:
            came = self._send(request)
        except Trouble as trouble:
            why = f"{trouble.end}: {trouble.__cause__}"
            trouble.hangs = lambda what: self._hung(hidden, f"{what} ({why})")
            with self._lock:
                self.requests.add(hidden, route=route, fault=why)
            raise
        response = came.response
        permission = None if found.route is None or response.status >= 400 else found.route.permission  # noqa: PLR2004 -- RFC 9110
        with self._lock:
            self.requests.add(hidden, response.status, route, permission)
            self._learn(response)
            self._bytes += len(request.body) + len(response.body)
            if number < MOST and self._bytes <= MOST_BYTES:
                self._exchanges[number] = hidden, response
            else:
                self.unrecorded += 1
            given = self.exchanged(hidden, Exchange(response, route, permission, None), None)
        return came._replace(response=given.response)

    def _send(self, request: Request) -> Came:
        """What a request comes to that goes out with the token for its stand-in, and comes back the other way round."""
        name = contract.header("authorization").name.lower()
        scheme, _, sent = request.headers.get(name, "").partition(" ")
        if compare_digest(sent.strip().encode(errors="replace"), self._stand_in.encode()):
            request = request._replace(headers={**request.headers, name: f"{scheme} {self._token}"})
        try:
            came = self._onward.send(request)
        except Trouble as trouble:
            if trouble.response is not None:
                trouble.response = self._hide_in(trouble.response)
            raise
        return came._replace(response=self._hide_in(came.response))

    def _hide(self, request: Request) -> Request:
        """A request of somebody who knows the token all the same, without it, wherever it stands in it."""
        method, path, query, headers, body = request
        text, there = self._stand_in, self._token
        clean = {name: value.replace(there, text) for name, value in headers.items()}
        return Request(
            method,
            path.replace(there, text),
            query.replace(there, text),
            clean,
            body.replace(there.encode(), text.encode()),
        )

    def _hide_in(self, response: Response) -> Response:
        text, there = self._stand_in, self._token
        headers = {name: value.replace(there, text) for name, value in response.headers.items()}
        return Response(response.status, headers, response.body.replace(there.encode(), text.encode()))

    # --------------------------------------------------------------------------------------- what may not be

    def _refusal(self, request: Request, found: Match) -> str | None:
        """Why a request must not reach the real tenant; None where it may."""
        if contract.reads(request.method, None):
            return None
        route, plain = found.route, ".." not in unquote(request.path).split("/") and found.problem is None
        if plain and contract.reads(request.method, route):
            return None
        if self._may == "write" and plain and self._is_own(found.parameters):
            return None
        name = "of which nobody knows what it does" if route is None else f"{route.name}, which may write"
        where = f"{request.method} {unquote(request.path)} ({name})"
        if self._may == "read":
            why = (
                'the test is marked live="read": mark it live="write", and have it write in its `reinfer_project` alone'
            )
        elif self._project is None:
            why = "the test has no project of its own there: ask for the fixture `reinfer_project`, and write in it"
        else:
            why = f"it is not in the test's own project, {self._project}: write there alone"
        return f"{where} was kept from the real tenant, and nothing was sent, as {why}."

    def _is_own(self, parameters: Mapping[str, str]) -> bool:
        """Whether a path leads into the throw-away project: by its name, or by an id of what is in it."""
        if "project" in parameters:
            return self._in_project(parameters["project"])
        return bool(parameters) and self._own.issuperset(parameters.values())

    def _in_project(self, name: object) -> bool:
        """Whether a project is the throw-away one, or one that bears its name and more."""
        own = self._project
        return own is not None and isinstance(name, str) and (name == own or name.startswith(f"{own}-"))

    def _learn(self, response: Response) -> None:
        """Know the ids of what an answer shows to be in the throw-away project."""
        if self._project is None or len(response.body) > TAUGHT:
            return
        try:
            body = json.loads(response.body)
        except ValueError:
            return
        for value in body.values() if isinstance(body, dict) else ():
            for each in value if isinstance(value, list) else [value]:
                if isinstance(each, dict) and self._in_project(each.get("owner")):
                    self._own.add(str(each.get("id")))

    # ------------------------------------------------------------------------------------------ arranging

    def use_project(self, name: str) -> None:
        """Make the throw-away project, in which the test may write; `drop_project` is to follow, whatever happens."""
        __tracebackhide__ = True
        self._project = name  # first: where the answer is lost, it may be there all the same
        self.add_project(name)

    def drop_project(self) -> None:
        """Remove the throw-away project with all that is in it, and those that bear its name and more.

        Raises RealTenantFailed, which says what is left, and how to remove it.
        """
        __tracebackhide__ = True
        if self._project is None:
            return
        left: dict[str, RealTenantFailed] = {}
        try:
            names = {project.name for project in self.projects if self._in_project(project.name)}
        except RealTenantFailed:
            names = {self._project}
        for name in sorted(names):
            try:
                self._call("delete_project", {"project": name}, {"force": "true"}, gone=True)
            except RealTenantFailed as error:
                left[name] = error
        if left:
            route = contract.routes()["delete_project"]
            how = f"{route.method} {self.url}{route.path.format(project=next(iter(left)))}?force=true"
            raise RealTenantFailed(
                f"Left in the real tenant: {', '.join(left)}, as it could not be removed. Remove it by:\n  {how}\n"
                f"{next(iter(left.values()))}"
            )

    def add_project(self, name: str, *, title: str = "", description: str = "") -> Project:
        """Create a project whose name starts with that of the throw-away project, to be removed with it."""
        __tracebackhide__ = True
        self._must_be_own("add_project", name)
        self._arranged.add_project(name, title=title, description=description)
        fields = {"title": title, "description": description}
        made = self._call("create_project", {"project": name}, body={"project": fields})
        self._call("get_project", {"project": name}, missing=True)  # the service may take a while to know it
        return Project(made["project"])

    def add_source(self, full_name: str, *, comments: int | Iterable[JSON] = 0, **fields: Any) -> Source:
        """Create a source in the throw-away project, with comments: a number of generated ones, or objects."""
        __tracebackhide__ = True
        comments, there = self._prepared("add_source", full_name, comments)
        self._arranged.add_source(full_name, comments=comments, **fields)
        source = self._create_source(full_name, fields)
        self._upload(there)
        return source

    def add_dataset(
        self,
        full_name: str,
        *,
        comments: int | Iterable[JSON] = 0,
        sources: Iterable[str | Source] = (),
        labels: Iterable[str] | None = None,
        **fields: Any,
    ) -> Dataset:
        """Create a dataset in the throw-away project, of sources that the test has added, or one of its own name.

        Generated comments come without predictions and annotations, which is what the service's own model makes.
        """
        __tracebackhide__ = True
        comments, there = self._prepared("add_dataset", full_name, comments)
        made = self._arranged.add_dataset(full_name, comments=comments, sources=sources, labels=labels, **fields)
        names = {source.id: source.full_name for source in self._arranged.sources}
        for name in (names[source_id] for source_id in made.source_ids):
            if name not in self._source_ids:
                self._create_source(name, {})
        known = [*fields.get("label_defs", ())]
        told = {label["name"] for label in known}
        body = {
            **fields,
            "source_ids": [self._source_ids[names[source_id]] for source_id in made.source_ids],
            "label_defs": [*known, *({"name": name} for name in made.labels if name not in told)],
        }
        answer = self._call("create_dataset", self._path("create_dataset", full_name), body={"dataset": body})
        self._upload(there)
        return Dataset(answer["dataset"])

    def add_comments(self, source: str | Source, comments: int | Iterable[JSON]) -> tuple[str, ...]:
        """Upload comments to a source that the test has added, a number of generated ones or objects; their uids."""
        __tracebackhide__ = True
        full_name = source if isinstance(source, str) else source.full_name
        comments, there = self._prepared("add_comments", full_name, comments)
        made = self._arranged.add_comments(full_name, comments)
        self._upload(there)
        source_id = self._source_ids[full_name]
        return tuple(f"{source_id}.{self._arranged.comment(uid)['id']}" for uid in made)

    def _prepared(self, what: str, full_name: str, comments: int | Iterable[JSON]) -> tuple[Any, set[str]]:
        """Comments that can be uploaded, and the uids of those that were arranged before; the project is there."""
        __tracebackhide__ = True
        owner = full_name.partition("/")[0]
        self._must_be_own(what, owner)
        if not isinstance(comments, int):
            comments = given.several(what, "comments", comments)
            stamped = [name for name in given.STAMPS if any(name in each for each in comments)]
            if stamped:
                raise NotOnARealTenant(f"{what}: a real tenant sets {' and '.join(stamped)} of a comment by itself.")
        if owner not in {project.name for project in self._arranged.projects}:
            self.add_project(owner)
        return comments, {comment["uid"] for comment in self._of_all()}

    def _must_be_own(self, what: str, project: str) -> None:
        __tracebackhide__ = True
        if not self._in_project(project):
            raise NotOnARealTenant(
                f"{what}: the project {project!r} is not the test's own in the real tenant. Ask for the fixture "
                '`reinfer_project`, in a test that is marked live="write", and use its name: '
                'reinfer.add_source(f"{reinfer_project}/mail").'
            )

    def _create_source(self, full_name: str, fields: JSON) -> Source:
        answer = self._call("create_source", self._path("create_source", full_name), body={"source": fields})
        source = Source(answer["source"])
        self._source_ids[full_name] = source.id
        return source

    def _upload(self, there: set[str]) -> None:
        """Upload the arranged comments but those that were there."""
        for source in self._arranged.sources:
            new = [each for each in self._arranged.comments(source) if each["uid"] not in there]
            uploads = [{name: each[name] for name in given.upload_fields() if name in each} for each in new]
            for start in range(0, len(uploads), BATCH):
                path = self._path("sync_comments", source.full_name)
                self._call("sync_comments", path, body={"comments": uploads[start : start + BATCH]})

    def _of_all(self) -> list[JSON]:
        return [comment for source in self._arranged.sources for comment in self._arranged.comments(source)]

    @staticmethod
    def _path(route: str, full_name: str) -> dict[str, str]:
        """The path parameters of a route for `project/name`."""
        names = contract.node(f"routes/{route}.json#/properties/path")["properties"]
        return dict(zip(names, full_name.split("/"), strict=True))

    # ------------------------------------------------------------------------------------------ inspecting

    @property
    def projects(self) -> tuple[Project, ...]:
        """The projects that the token may see."""
        return self._all(Project)

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that the token may see."""
        return self._all(Source)

    @property
    def datasets(self) -> tuple[Dataset, ...]:
        """The datasets that the token may see."""
        return self._all(Dataset)

    @property
    def buckets(self) -> tuple[Bucket, ...]:
        """The buckets that the token may see."""
        return self._all(Bucket)

    def _all(self, kind: type[object]) -> tuple[Any, ...]:
        lists: dict[type[Any], str] = {
            Project: "list_private_projects",
            Source: "list_sources",
            Dataset: "list_datasets",
            Bucket: "list_buckets",
        }
        (found,) = (value for value in self._call(lists[kind]).values() if isinstance(value, list))
        return tuple(kind(each) for each in found)  # type: ignore[call-arg] # those above

    # ------------------------------------------------------------------------------------------ underneath

    def _call(
        self,
        name: str,
        path: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        body: JSON | None = None,
        *,
        gone: bool = False,
        missing: bool = False,
    ) -> JSON:
        """What the API answers to a call of our own, which no log and no budget knows.

        It is repeated, a few times, when there is no answer, or one that says later. Raises RealTenantFailed.
        gone: what is not there has been deleted already. missing: what is not there may come.
        """
        __tracebackhide__ = True
        route, content_type = contract.routes()[name], contract.header("content_type")
        where = route.path.format(**{key: quote(value, safe="") for key, value in (path or {}).items()})
        headers = {each.lower(): value for each, value in self.headers.items()}
        if body is not None:
            headers[content_type.name.lower()] = content_type.value
        sent = b"" if body is None else encode(body)
        request = Request(route.method, where, urlencode(query or {}), headers, sent)
        absent = contract.error("no_such_project").status
        told, wait = "", 0.0
        for attempt in range(TRIES):
            if wait:
                time.sleep(wait)
            wait = 2.0**attempt
            try:
                response = self._send(request).response
            except Trouble as trouble:
                told = f"no answer, {trouble.end}: {trouble.__cause__}"
                if trouble.end in UNREACHED:  # which does not pass so soon
                    break
                continue
            if response.status < 300:  # noqa: PLR2004 -- RFC 9110
                return self._read(response, str(route))
            if gone and response.status == absent:
                return {}
            told = f"{response.status} {response.body[:200].decode(errors='replace')}"
            later = response.status >= 500 or response.status == contract.error("rate_limited").status  # noqa: PLR2004
            if not later and not (missing and response.status == absent):
                break
            names = {each.lower(): value for each, value in response.headers.items()}
            retry_after = names.get(contract.header("retry_after").name.lower(), "")
            wait = min(float(retry_after) if retry_after.isdecimal() else wait, LONGEST_WAIT)
        raise RealTenantFailed(f"{route.method} {where} of the real tenant, for what the test needs there: {told}")

    def _read(self, response: Response, what: str) -> JSON:
        try:
            body = json.loads(response.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise RealTenantFailed(f"{what} of the real tenant: {response.status}, and the body is no JSON object.")
        self._learn(response)
        return body


@contextmanager
def own_project(tenant: FakeTenant, test: str, name: str | None) -> Iterator[str]:
    """An empty project for a test alone, in a real tenant until the test has ended, however it ends; its name.

    name: that it is to have. By default it follows from the test, and in a real tenant is one that nobody else has.
    """
    __tracebackhide__ = True
    if not isinstance(tenant, RealTenant):
        name = name or PREFIX + blake2b(test.encode(), digest_size=6).hexdigest()
        tenant.add_project(name)
        yield name
        return
    name = name or unique()
    with _ended_in_order() as held:
        try:
            with held:
                tenant.use_project(name)
            yield name
        finally:
            with held:
                tenant.drop_project()


def unique() -> str:
    """A name for a project that nobody has, and that tells where it comes from."""
    return PREFIX + secrets.token_hex(6)


class _Held:
    """SIGTERM, which ends the session as Ctrl-C does, so that fixtures come to their end; in a with block, after it."""

    def __init__(self) -> None:
        self._holding = self._came = self._told = False

    def __enter__(self) -> None:
        self._holding = True

    def __exit__(self, *_: object) -> None:
        self._holding = False
        self._tell()

    def __call__(self, *_: object) -> None:
        self._came = True
        self._tell()

    def _tell(self) -> None:
        if self._came and not (self._holding or self._told):
            self._told = True
            raise KeyboardInterrupt("SIGTERM")


@contextmanager
def _ended_in_order() -> Iterator[_Held]:
    """Takes SIGTERM, which pytest leaves to end the process at once, where nobody else does and the thread may."""
    held, number = _Held(), signal.SIGTERM
    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(number) is signal.SIG_DFL
    if ours:
        signal.signal(number, held)
    try:
        yield held
    finally:
        if ours and signal.getsignal(number) is held:
            signal.signal(number, signal.SIG_DFL)
