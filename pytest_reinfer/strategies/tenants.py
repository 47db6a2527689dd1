"""Whole tenants: drawn, opened for one example, and closed and checked at its end."""

from __future__ import annotations

import os
import sys
from functools import cache, lru_cache
from itertools import count
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from hypothesis import note
from hypothesis import strategies as st
from hypothesis.control import cleanup

from pytest_reinfer import contract, given
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.stamps import stamp
from pytest_reinfer.strategies import tables
from pytest_reinfer.strategies.objects import STEPS, comments, marks, strategy, tree_of
from pytest_reinfer.strategies.parts import constant, row_of
from pytest_reinfer.unexpected import UnexpectedRequests

if TYPE_CHECKING:
    from collections.abc import Callable

    from hypothesis.strategies import SearchStrategy

    from pytest_reinfer import types
    from pytest_reinfer.strategies.objects import Names
    from pytest_reinfer.strategies.parts import Draw, Part
    from pytest_reinfer.unexpected import Policy
    from pytest_reinfer.wire import JSON

LIMIT: Final = "routes/export_dataset.json#/properties/body/properties/limit"


class Step(NamedTuple):
    """One call that builds a tenant."""

    method: str
    args: tuple[Any, ...]
    fields: dict[str, Any]

    def written(self, name: str) -> str:
        """The call as Python, on the variable of that name."""
        given = [*map(repr, self.args), *(f"{field}={value!r}" for field, value in self.fields.items())]
        return f"{name}.{self.method}({', '.join(given)})"


class Script(NamedTuple):
    """The Python that builds a tenant again."""

    name: str
    made_with: dict[str, Any]
    steps: list[Step]

    def __repr__(self) -> str:
        given = ", ".join(f"{field}={value!r}" for field, value in self.made_with.items())
        calls = [f"{self.name} = FakeTenant({given})", *(step.written(self.name) for step in self.steps)]
        imports = ["from pytest_reinfer import FakeTenant"]
        if any("plain_comments(" in call for call in calls):
            imports.append("from pytest_reinfer.strategies import plain_comments")
        return "\n".join(
            [f"This builds `{self.name}` again, to be opened by `with {self.name}:`", "", *imports, "", *calls, ""]
        )


class Uploads(list[Any]):
    """Comments to upload of which most are plain; shown by what makes them."""

    def __init__(self, whole: dict[int, JSON], size: int, step: int) -> None:
        super().__init__(whole.get(number) or plain_comment(number, step) for number in range(size))
        self.whole, self.step = whole, step

    def __repr__(self) -> str:
        parts, start, step = [], 0, f", step={self.step}" if self.step != STEPS[0] else ""
        for place in [*sorted(self.whole), len(self)]:
            if place > start:
                parts.append(f"*plain_comments({start}, {place}{step})")
            if place < len(self):
                parts.append(repr(self.whole[place]))
            start = place + 1
        return f"[{', '.join(parts)}]" if self.whole else parts[0].removeprefix("*") if parts else "[]"


def plain_comment(number: int, step: int) -> JSON:
    """A comment to upload that has only what it must have."""
    at = stamp(tables.BEGIN + number * step)
    return {"id": str(number), "timestamp": at, "messages": [{"body": {"text": ""}}]}


def plain_comments(start: int, stop: int, *, step: int = STEPS[0]) -> list[types.NewComment]:
    """Comments to upload, number `start` up to `stop`, with only what they must have; `step` microseconds apart."""
    made: Any = [plain_comment(number, step) for number in range(start, stop)]
    return list(made)


def tenants(  # noqa: PLR0913 -- all of them by keyword, and none of them needed
    *,
    url: str | None = None,
    seed: int = 0,
    limit: int | None = None,
    min_datasets: int = 0,
    max_datasets: int | None = None,
    label_names: Names | None = None,
    has_sentiment: bool | None = None,
    unknown_routes: Policy = "fail",
    unbuilt_routes: Policy = "fail",
) -> SearchStrategy[FakeTenant]:
    """Whole tenants, each open for the example it is drawn in: what the example sends to `tenant.url` is answered.

    A tenant has projects, sources, datasets, comments, labels assigned and predicted, model tags and users. Datasets
    have as many comments as break pagers: none, one, two, and around one, two and three pages. Names differ from tenant
    to tenant: take them from `tenant.datasets`.

    At the end of the example the tenant is closed, and the example fails with UnexpectedRequests where it asked for
    what the fixture `reinfer` would not let pass. Until then `REINFER_ENDPOINT` and `REINFER_TOKEN` are those of the
    tenant drawn last. A failing example prints the Python that builds its tenants again.

    limit: how many comments the code under test asks for in a page; the API's own default, unless it is given. Small
        ones make small examples.
    max_datasets: at most 4; by default 2, or `min_datasets` if that is more.
    url, seed, unknown_routes, unbuilt_routes: as for `FakeTenant`. Without a URL it is one of the forms that the
        service has.
    label_names: of every dataset; has_sentiment: of every dataset.
    """
    __tracebackhide__ = True
    limit = contract.node(LIMIT)["default"] if limit is None else limit
    given.check("tenants: limit", LIMIT, limit)
    max_datasets = max(2, min_datasets) if max_datasets is None else max_datasets
    if not 0 <= min_datasets <= max_datasets <= len(NAMES):
        raise ValueError(
            f"tenants: 0 <= min_datasets <= max_datasets <= {len(NAMES)}, not {min_datasets} and {max_datasets}."
        )
    chosen: dict[str, Any] = {
        "url": url,
        "seed": seed,
        "unknown_routes": unknown_routes,
        "unbuilt_routes": unbuilt_routes,
    }
    FakeTenant(**chosen)  # refuses what is wrong with them here, at the caller's line
    tree = row_of(tables.trees(bare=True)) if label_names is None else tree_of("tenants", label_names)
    shape = Shape(limit, min_datasets, max_datasets, tree, has_sentiment)
    return tenant(Plan(chosen, shape))


class Shape(NamedTuple):
    """What tenants of a strategy have in common."""

    limit: int
    min_datasets: int
    max_datasets: int
    tree: Part
    has_sentiment: bool | None

    def __repr__(self) -> str:
        return f"up to {self.max_datasets} datasets, for pages of {self.limit}"


def size_of(limit: int, pages: int, edge: int) -> int:
    """How many comments a dataset has that is read in pages of so many: up to two, or about one to three pages."""
    if pages < 3 * FEW:
        return pages // FEW
    return PAGES[pages] * limit + (1, 0, -1)[edge * 3 // tables.ROWS]


FEW: Final = 24  # so many rows are no comment, so many one, and so many two
PAGES: Final = tables.shares((72, [0]), (120, [1]), (44, [2]), (20, [3]))


class Plan(NamedTuple):
    """What the tenants of a strategy are made with, and what is put into them."""

    chosen: dict[str, Any]
    shape: Shape

    def __repr__(self) -> str:
        return repr(self.shape)


@st.composite
def tenant(draw: Draw, plan: Plan) -> FakeTenant:
    """A tenant that is open until the example ends."""
    chosen, shape = plan
    others: list[FakeTenant] = draw(st.shared(st.builds(list), key="pytest_reinfer.strategies.tenants"))
    header = draw(HEADER)
    made_with = {name: value for name, value in chosen.items() if value != DEFAULTS[name]}
    own = next(
        url
        for url in (_url(header[0], number) for number in count(len(others)))
        if url != os.environ.get(ENDPOINT)  # of the fixture, of an outer example, or of the tenant before
    )
    if "url" not in made_with and own != FakeTenant().url:
        made_with["url"] = own
    made = FakeTenant(**made_with)
    steps: list[Step] = []

    def build(method: str, *args: Any, **fields: Any) -> None:
        getattr(made, method)(*args, **fields)
        steps.append(Step(method, args, fields))

    fill(draw, shape, header, made, build)
    others.append(made)
    note(Script("tenant" if len(others) == 1 else f"tenant_{len(others)}", made_with, steps))
    _open(made, first=len(others) == 1)
    return made


ENDPOINT: Final = "REINFER_ENDPOINT"
HEADER: Final = st.binary(min_size=6, max_size=6)
DEFAULTS: Final = {"url": None, "seed": 0, "unknown_routes": "fail", "unbuilt_routes": "fail"}


def _url(row: int, number: int) -> str:
    """The URL of the tenant of this number in its example; most are of the service's first form."""
    servers = contract.convention("x-servers")
    form: str = servers[max(0, row * 2 * len(servers) // tables.ROWS - len(servers))]["url"]
    name = f"acme-{number + 1}" if number else "acme"
    return form.format(domain=name, organisation=name, tenant="default")


def _open(tenant: FakeTenant, *, first: bool) -> None:
    """Open a tenant until the example ends, and lead programs to it that look into the environment."""
    outside = sys.exc_info()[1]
    before = {name: os.environ.get(name) for name in tenant.environment}
    tenant.__enter__()
    os.environ.update(tenant.environment)

    def close() -> None:
        # Hypothesis raises what a cleanup raises as the example's own failure, and shrinks it like any other. What the
        # example has failed with already is not to be hidden by it.
        failure = sys.exc_info()[1]
        if first:  # cleanups run in order: what the others found there was its own
            for name, value in before.items():
                os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        if failure is None or failure is outside:
            tenant.__exit__(None)
            return
        tenant.__exit__(type(failure))
        try:
            tenant.check()
        except UnexpectedRequests as unexpected:
            failure.add_note(str(unexpected))

    cleanup(close)


# ------------------------------------------------------------------------------------------------------------- contents

NAMES: Final = ("support", "mail", "A_b-9", "model-tags")  # of datasets
SELDOM: Final = 192  # three rows in four are below


def fill(draw: Draw, shape: Shape, header: bytes, made: FakeTenant, build: Callable[..., None]) -> None:
    """Draw what a tenant holds, and build it."""
    _, first, project, source, users, permission = header
    if project >= SELDOM:
        build("add_project", "empty")
    if source >= SELDOM:
        build("add_source", "acme/alone", comments=Uploads({}, source % 3, STEPS[0]))
    another, number = first >= NONE, 0
    while number < shape.max_datasets and (another or number < shape.min_datasets):
        another = draw(dataset(shape, number, made, build))
        number += 1
    every = list(contract.convention("x-permissions"))
    for user in range(max(0, users // 64 - 1)):
        some = {every[(permission + far) % len(every)]: None for far in (0, 7 * user)}
        build("add_user", f"user{user}", permissions=list(some))


NONE: Final = 48  # up to this row there are no datasets


@cache
def _uploads() -> SearchStrategy[Any]:
    return comments(form="upload")


@st.composite
def dataset(draw: Draw, shape: Shape, number: int, made: FakeTenant, build: Callable[..., None]) -> bool:
    """Build a dataset with its sources, comments, labels and tags; whether another follows."""
    bytes_ = 11 + shape.tree.size
    rows = draw(st.binary(min_size=bytes_, max_size=bytes_))
    size, step = size_of(shape.limit, rows[0], rows[10]), STEPS[rows[1] * len(STEPS) // tables.ROWS]
    feels = rows[2] < tables.ROWS // 2 if shape.has_sentiment is None else shape.has_sentiment
    owner = "acme" if rows[3] < SELDOM else f"project{number}"
    full_name, sources = f"{owner}/{NAMES[number]}", list[str]()
    if rows[4] >= SELDOM and number:  # the sources of another one, with the comments that they have
        sources, size = [source.full_name for source in made.sources], 0
    elif rows[4] >= SELDOM // 2:
        sources = [f"acme/{NAMES[number]}-{which}" for which in "ab"]
        for each in sources:
            build("add_source", each)
    uploads = Uploads(_whole(draw, rows[5:8], size), size, step)
    names = list(shape.tree.make(draw, rows, 11))
    fields: JSON = {"sources": sources, "comments": uploads, "labels": names}
    fields = {field: value for field, value in fields.items() if value} | ({} if feels else {"has_sentiment": False})
    build("add_dataset", full_name, **fields)
    source_ids = made.dataset(full_name).source_ids
    for place in [*sorted(uploads.whole), size - 1][: rows[8] % 4] if size else ():
        uid = f"{source_ids[place % len(source_ids)]}.{uploads[place]['id']}"
        people, model = draw(_marks(tuple(names), feels))
        if people:
            build("annotate", full_name, uid, people)
        if model:
            build("predict", full_name, uid, model)
    for tag in contract.node(TAG)["examples"][: rows[9] % 64 // 22]:
        build("tag_model", full_name, tag, rows[9] % 64)
    return bool(rows[9] >= tables.ROWS // 2)


TAG: Final = "objects/model_tag.json#/properties/name"


def _whole(draw: Draw, rows: bytes, size: int) -> dict[int, JSON]:
    """Up to three comments that are drawn whole, by where they stand among so many; no two have one id."""
    found: dict[int, JSON] = {}
    if size and rows[0] >= tables.ROWS // 4:
        for row in (rows[1], rows[2], rows[1] ^ 255)[: 1 + rows[0] % 3]:
            upload, place = draw(_uploads()), row * size // tables.ROWS
            plain_too = upload["id"].isdigit() or any(upload["id"] == each["id"] for each in found.values())
            found[place] = {**upload, "id": str(place)} if plain_too else upload
    return found


@lru_cache(maxsize=64)
def _marks(names: tuple[str, ...], has_sentiment: bool) -> SearchStrategy[Any]:  # noqa: FBT001
    return strategy("marks", marks(constant(names), has_sentiment))
