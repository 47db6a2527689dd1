"""What the pages of a tenant show, in HTML; who may see them and change anything is the business of the view."""

from __future__ import annotations

import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import quote, urlencode

from pytest_reinfer import comments, contract, faults
from pytest_reinfer.stamps import stamp
from pytest_reinfer.tags import Html, joined, tag
from pytest_reinfer.tenant import assigns
from pytest_reinfer.wire import UNREACHED

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_reinfer.comments import Row
    from pytest_reinfer.fake import FakeTenant
    from pytest_reinfer.injection import Injection
    from pytest_reinfer.log import LoggedRequest
    from pytest_reinfer.tenant import Dataset, Source, Tenant
    from pytest_reinfer.wire import JSON

HOME: Final = "/_reinfer/"  # every page is below, and the first of them at / too
PAGE: Final = 50  # so many comments or requests stand on a page
LATEST: Final = 20  # so many requests stand on the first page
EVERY: Final = 2  # seconds between two looks at a page that is kept up to date
MOST_TEXT: Final = 1_000  # characters of a comment
MOST_JSON: Final = 8_000  # characters of a body, or of a comment in full
USUAL: Final = "503"  # what is offered first
DONE: Final = {  # what has been done, and where the page says so
    "injected": ("faults", "The fault is in force."),
    "stopped": ("faults", "The fault is stopped."),
    "reset": ("reset", "The tenant is as it was at the start."),
}


class Shown(NamedTuple):
    """A tenant that is shown, how it started, and what a form must carry to change it."""

    tenant: FakeTenant
    start: Tenant
    form_token: str


class Asked(NamedTuple):
    """What a browser asks for: a path below HOME in segments, and the last value of each name in the query."""

    segments: tuple[str, ...]
    query: Mapping[str, str]

    @property
    def live(self) -> bool:
        """Whether the page is to be kept up to date."""
        return "live" in self.query

    @property
    def number(self) -> int:
        """Which page of several."""
        text = self.query.get("page", "")
        return max(1, int(text)) if text.isdecimal() and len(text) < 10 else 1  # noqa: PLR2004 -- digits

    def link(self, **changed: object) -> str:
        """The same page with other arguments; None takes one away."""
        query = {name: value for name, value in {**self.query, **changed}.items() if value is not None}
        path = HOME + "/".join(quote(each, safe="") for each in self.segments)
        return f"{path}?{urlencode(query)}" if query else path


@cache
def style() -> Html:
    """The look of all pages."""
    return Html((Path(__file__).parent / "view.css").read_text(encoding="utf-8"))


def document(title: str, *main: object, asked: Asked | None = None, can_live: bool = False) -> Html:
    """A whole page, with how to get to the others."""
    here = None if asked is None else asked.segments
    live = can_live and asked is not None and asked.live
    places = [((), "/", "Overview"), (("requests",), f"{HOME}requests", "Requests")]
    links = [
        tag("li", tag("a", name, href=href, aria_current="page" if segments == here else None))
        for segments, href, name in places
    ]
    if can_live and asked is not None:
        words = "Stop refreshing" if live else f"Refresh every {EVERY} seconds"
        links.append(tag("li", tag("a", words, href=asked.link(live=None if live else 1, done=None))))
    icon = "data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg'><circle r='8' cx='8' cy='8' fill='teal'/></svg>"
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", http_equiv="refresh", content=EVERY) if live else None,
        tag("title", f"{title} · pytest-reinfer"),
        tag("link", rel="icon", href=icon.replace("#", "%23")),
        tag("style", style()),
    )
    body = tag(
        "body",
        tag("a", "Skip to the content", href="#content", class_="skip"),
        tag("header", tag("p", "pytest-reinfer", class_="brand"), tag("nav", tag("ul", *links), aria_label="Pages")),
        tag("main", tag("h1", title), *main, id="content", tabindex="-1"),
        tag("footer", tag("p", "A fake tenant on this machine, for tests. Nothing here is the vendor's.")),
    )
    return Html(f"<!doctype html>\n{tag('html', head, body, lang='en')}\n")


def alert(problem: object) -> Html:
    """What has gone wrong, in words."""
    return tag("p", problem, class_="alert", role="alert")


def _section(title: str, *inside: object, name: str) -> Html:
    heading = tag("h2", title, id=f"{name}-heading", tabindex="-1")
    return tag("section", heading, *inside, id=name, aria_labelledby=f"{name}-heading")


def _table(caption: str, columns: Sequence[object], rows: Iterable[Sequence[object]]) -> Html:
    """A table whose rows start with what they are about; all that are numbers stand at the right."""
    lines = list(rows)
    numeric = [bool(lines) and isinstance(cell, int) for cell in (lines[0] if lines else columns)]
    css = ["number" if each else None for each in numeric]
    head = [tag("th", column, scope="col", class_=each) for column, each in zip(columns, css, strict=True)]
    body = [
        tag(
            "tr",
            tag("th", line[0], scope="row"),
            *(
                tag("td", f"{cell:,}" if isinstance(cell, int) else cell, class_=each)
                for cell, each in zip(line[1:], css[1:], strict=True)
            ),
        )
        for line in lines
    ]
    if not lines:
        return joined([tag("h3", caption), tag("p", "None.", class_="soft")])
    return tag("table", tag("caption", caption), tag("thead", tag("tr", *head)), tag("tbody", *body))


def _facts(*pairs: tuple[str, object], row: bool = False) -> Html:
    """Names with what they stand for, below each other or in a row."""
    lines = (tag("div", tag("dt", name), tag("dd", value)) for name, value in pairs)
    return tag("dl", *lines, class_="row" if row else "facts")


# ------------------------------------------------------------------------------------------------- first page


def overview(shown: Shown, asked: Asked, problem: str | None = None) -> Html:
    """The first page; a problem is one with a fault that could not be injected."""
    tenant, state = shown.tenant, shown.tenant.snapshot()
    place, words = DONE.get(asked.query.get("done", ""), ("", ""))
    said = {place: tag("p", words, class_="status", role="status")}
    if problem is not None:
        said["faults"] = alert(problem)
    about = _facts(
        ("Endpoint", tag("code", tenant.url)),
        ("Token", "printed in the terminal where the tenant was started"),
        ("Its clock", tag("time", stamp(state.now))),
        ("Seed", state.seed),
        row=True,
    )
    return document(
        "The tenant",
        tag("section", tag("h2", "Where it is"), about),
        tag(
            "div",
            tag("div", _data(state), _reset(shown, said.get("reset"))),
            tag("div", _faults(shown, said.get("faults"), live=asked.live), _latest(tenant, live=asked.live)),
            class_="columns",
        ),
        asked=asked,
        can_live=True,
    )


def _data(state: Tenant) -> Html:
    """What the tenant holds, in counts."""
    datasets = [
        (
            _named("datasets", dataset),
            sum(len(state.comments[source_id].rows) for source_id in dataset.source_ids),
            sum(sum(map(assigns, marked.values())) for marked in _marked(state, dataset)),
            len(dataset.labels),
        )
        for dataset in state.datasets.values()
    ]
    sources = [(_named("sources", source), len(state.comments[source.id].rows)) for source in state.sources.values()]
    projects = [
        (
            tag("bdi", name),
            *(sum(each.owner == name for each in table.values()) for table in (state.datasets, state.sources)),
        )
        for name in state.projects
    ]
    return _section(
        "What it holds",
        _table("Datasets", ("Dataset", "Comments", "Annotated", "Labels"), datasets),
        _table("Sources", ("Source", "Comments"), sources),
        _table("Projects", ("Project", "Datasets", "Sources"), projects),
        name="data",
    )


def _marked(state: Tenant, dataset: Dataset) -> Iterator[Mapping[str, bytes]]:
    """The labels of a dataset, for each of its sources."""
    return (state.labelled.get((dataset.id, source_id), {}) for source_id in dataset.source_ids)


def _named(table: str, resource: Dataset | Source) -> Html:
    """A link to a dataset or a source, and its title."""
    href = f"{HOME}{table}/{quote(resource.owner, safe='')}/{quote(resource.name, safe='')}"
    title = tag("div", resource.title, class_="soft small", dir="auto") if resource.title else None
    parts = (f"{resource.owner}/", tag("wbr"), resource.name)
    return joined([tag("a", *parts, href=href, aria_label=resource.full_name), title])


def _posting(shown: Shown, action: str, *inside: object) -> Html:
    token = tag("input", type="hidden", name="form_token", value=shown.form_token)
    return tag("form", token, *inside, method="post", action=HOME + action, autocomplete="off")


def _reset(shown: Shown, said: Html | None) -> Html:
    words = (
        "Everything back to how it was when it started here: data, tokens and clock. Ends all faults, empties the log."
    )
    button = tag("button", "Reset the tenant", class_="alarm")
    return _section("Start again", said, tag("p", words), _posting(shown, "reset", button), name="reset")


def _faults(shown: Shown, said: Html | None, *, live: bool) -> Html:
    """The faults in force, and a form to inject another; none on a page that comes anew before it is filled in."""
    in_force = [
        (tag("code", what.strip()), f"fired {often}", _stop(shown, injection, number))
        for injection in shown.tenant.faults
        for number, line in enumerate(repr(injection).split("\n"))
        for what, _, often in [line.rpartition(": fired ")]
    ]
    routes = [route.name for route in contract.routes().values() if route.built]
    fields = tag(
        "div",
        _field("what", "What goes wrong", tag("select", *_kinds(), id="what", name="what")),
        _field(
            "route",
            "For which requests",
            tag(
                "select",
                tag("option", "all", value=""),
                *(tag("option", name, value=name) for name in routes),
                id="route",
                name="route",
            ),
        ),
        _field(
            "times",
            "How often",
            tag(
                "input", type="number", id="times", name="times", value=1, min=1, step=1, aria_describedby="times-help"
            ),
            tag("span", "Empty: until it is stopped.", id="times-help", class_="soft small"),
        ),
        class_="fields",
    )
    return _section(
        "Faults",
        said,
        _table("In force", ("Fault", "So far", tag("span", "What to do", class_="hidden")), in_force)
        if in_force
        else tag("p", "None is in force.", class_="soft"),
        tag("p", "Stop refreshing to inject one.", class_="soft")
        if live
        else _posting(shown, "faults", fields, tag("button", "Inject the fault")),
        name="faults",
    )


def _field(name: str, label: str, *inside: object) -> Html:
    return tag("div", tag("label", label, for_=name), *inside, class_="field")


def _stop(shown: Shown, injection: Injection, number: int) -> Html | None:
    """A button that stops a fault and what follows it."""
    if number:
        return None
    name = tag("input", type="hidden", name="name", value=injection.name)
    what = repr(injection.plan)
    return _posting(shown, "faults/stop", name, tag("button", "Stop", class_="quiet", aria_label=f"Stop {what}"))


@cache
def _kinds() -> tuple[Html, ...]:
    """What can go wrong, as options; what ends before a request is sent cannot, once it is here."""
    refusals, failures = contract.convention("x-errors"), contract.convention("x-failures")
    statuses = sorted({entry["status"] for entry in (*refusals.values(), *failures.values()) if entry["status"] >= 400})  # noqa: PLR2004 -- failures
    groups = {
        "A status": {str(status): f"{status} {HTTPStatus(status).phrase}" for status in statuses},
        "The network": _words(kind for kind in faults.NETWORK if kind not in UNREACHED),
        "The gateway and the service": _words(failures),
        "A refusal in the words of the API": _words(refusals),
        "What is wrong with a body": _words(faults.ALTERED),
        "Between the pages of an export": _words(faults.PAGES),
    }
    return tuple(
        tag(
            "optgroup",
            *(tag("option", words, value=value, selected=value == USUAL) for value, words in group.items()),
            label=label,
        )
        for label, group in groups.items()
    )


def _words(kinds: Iterable[str]) -> dict[str, str]:
    return {kind: kind.replace("_", " ") for kind in kinds}


# --------------------------------------------------------------------------------------------------- requests


def _latest(tenant: FakeTenant, *, live: bool) -> Html:
    log, asked = _log(tenant.requests[-LATEST:], tenant.asked, unfolded=live), tenant.asked
    more = tag("p", tag("a", f"All {asked:,} requests", href=f"{HOME}requests")) if asked > LATEST else None
    return _section("Latest requests", log, more, name="requests")


def requests(shown: Shown, asked: Asked) -> Html:
    """A page of the log, which starts with the newest."""
    entries, count = list(shown.tenant.requests), shown.tenant.asked
    start = (asked.number - 1) * PAGE
    newest = entries[max(0, len(entries) - start - PAGE) : max(0, len(entries) - start)]
    heading = _range("Requests", start, len(newest), count) + ", newest first"
    gone = count - len(entries)
    return document(
        "Requests",
        _section(
            heading,
            _log(newest, count - start, unfolded=asked.live),
            tag("p", f"The {gone:,} oldest are forgotten.", class_="soft") if gone else None,
            _pager(asked, len(entries)),
            name="requests",
        ),
        asked=asked,
        can_live=True,
    )


def _log(entries: Sequence[LoggedRequest], last: int, *, unfolded: bool) -> Html:
    """Requests, newest first; `last` is the number of the newest. Unfolded, as a page that comes anew folds them."""
    if not entries:
        return tag("p", "Nothing has been asked yet.", class_="soft")
    lines = [
        tag("li", _logged(entry, last - place, unfolded=unfolded)) for place, entry in enumerate(reversed(entries))
    ]
    return tag("ol", *lines, class_="log", reversed=True, start=last)


def _logged(entry: LoggedRequest, number: int, *, unfolded: bool) -> Html:
    failed = entry.status is None or entry.status >= HTTPStatus.BAD_REQUEST
    status = tag("span", entry.status or "no answer", class_="code bad" if failed else "code")
    path = tag("span", entry.method, " ", tag("bdi", entry.path), class_="mono")
    under = [entry.route or "no route", "by a fault" if entry.fault else None, entry.permission]
    summary = tag("summary", status, path, tag("span", " · ".join(filter(None, under)), class_="soft small wide"))
    facts: list[tuple[str, object]] = [
        ("Number", f"{number:,}"),
        ("Route", entry.route or "none of the API"),
        ("Permission", entry.permission or "none was used"),
    ]
    if entry.fault:
        facts.append(("Fault", tag("code", entry.fault)))
    if entry.arguments:
        facts.append(("Query", tag("code", entry.arguments)))
    return tag("details", summary, tag("div", _facts(*facts), _body(entry)), open=unfolded)


def _body(entry: LoggedRequest) -> Html:
    if entry.body is None:
        return tag("p", "Its body is longer than the log keeps.", class_="soft")
    if not entry.body:
        return tag("p", "It has no body.", class_="soft")
    try:
        text = pretty(json.loads(entry.body))
    except (ValueError, RecursionError):
        text = _bounded(entry.body.decode(errors="replace"), MOST_JSON)
    return tag("pre", text, dir="auto")


def pretty(value: Any) -> str:
    """JSON for people, as much of it as is read."""
    parts, size = [], 0
    for part in json.JSONEncoder(ensure_ascii=False, indent=2).iterencode(value):
        parts.append(part)
        size += len(part)
        if size > MOST_JSON:
            break
    return _bounded("".join(parts), MOST_JSON)


def _bounded(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}\n… and more"


# --------------------------------------------------------------------------------------------------- comments


def of_dataset(state: Tenant, dataset: Dataset, asked: Asked) -> Html:
    """A dataset and a page of its comments."""
    sources = [state.sources[source_id] for source_id in dataset.source_ids]
    facts = _facts(
        ("Title", tag("bdi", dataset.title or "none")),
        ("Id", tag("code", dataset.id)),
        ("Sources", _list(_named("sources", source) for source in sources)),
        ("Labels", _list(tag("bdi", label) for label in dataset.labels)),
    )
    return _of_comments(state, dataset, sources, [dataset], facts, asked)


def of_source(state: Tenant, source: Source, asked: Asked) -> Html:
    """A source and a page of its comments."""
    datasets = [dataset for dataset in state.datasets.values() if source.id in dataset.source_ids]
    facts = _facts(
        ("Title", tag("bdi", source.title or "none")),
        ("Id", tag("code", source.id)),
        ("Datasets", _list(_named("datasets", dataset) for dataset in datasets)),
    )
    return _of_comments(state, source, [source], datasets, facts, asked)


def _list(items: Iterable[Html]) -> Html:
    lines = [tag("li", item) for item in items]
    return tag("ul", *lines, class_="labels") if lines else Html("none")


def _of_comments(
    state: Tenant,
    what: Dataset | Source,
    sources: Sequence[Source],
    datasets: Sequence[Dataset],
    facts: Html,
    asked: Asked,
) -> Html:
    """A page of the comments of some sources, by timestamp, with their labels in some datasets."""
    count = sum(len(state.comments[source.id].rows) for source in sources)
    start = (asked.number - 1) * PAGE
    spans = [state.comments[source.id].span("timestamp", None, None, None, start + PAGE) for source in sources]
    rows = comments.first([span for span in spans if span], "timestamp", start + PAGE)[start:] if start < count else []
    articles = [tag("li", _comment(state, row, datasets, named=what not in datasets)) for row in rows]
    kind = type(what).__name__
    return document(
        f"{kind} {what.full_name}",
        tag("section", tag("h2", f"The {kind.lower()}"), facts),
        tag("h2", _range("Comments", start, len(rows), count) + ", by timestamp"),
        tag("ol", *articles, class_="comments", start=start + 1) if articles else tag("p", "There are none here."),
        _pager(asked, count),
        asked=asked,
    )


def _comment(state: Tenant, row: Row, datasets: Sequence[Dataset], *, named: bool) -> Html:
    comment: JSON = json.loads(row.data)
    message: JSON = next(iter(comment["messages"]), {})
    subject = message.get("subject", {}).get("text") or "No subject"
    text = message.get("body", {}).get("text", "")
    sender = (" from ", tag("bdi", message["from"])) if message.get("from") else ()
    about = tag("p", tag("time", comment["timestamp"]), *sender, " · ", tag("code", row.uid), class_="soft small")
    whole = tag("summary", "All of it, as JSON", tag("span", f" of {row.uid}", class_="soft small"))
    return tag(
        "article",
        tag("h3", tag("bdi", _bounded(subject, MOST_TEXT))),
        about,
        tag("p", _bounded(text, MOST_TEXT), class_="text", dir="auto"),
        *(_labels(state, dataset, row, named=named) for dataset in datasets),
        tag("details", whole, tag("pre", pretty(comment), dir="auto")),
        class_="comment",
    )


def _labels(state: Tenant, dataset: Dataset, row: Row, *, named: bool) -> Html:
    """What is assigned to a comment and predicted for it."""
    where = f" in {dataset.full_name}" if named else ""
    assigned, predicted = state.labels_of(dataset, row)
    parts: list[Html] = []
    for words, labels in (("Assigned", assigned), ("Predicted", predicted)):
        if labels:
            items = (tag("li", tag("bdi", label["name"]), _measure(label)) for label in labels)
            parts += [
                tag("p", words + where, class_="soft small"),
                tag("ul", *items, class_=f"labels {words.lower()}"),
            ]
    return tag("div", *(parts or [tag("p", f"No labels{where}", class_="soft small")]), class_="labelled")


def _measure(label: JSON) -> str:
    """How likely a label is, and how it is meant."""
    probability, sentiment = label.get("probability"), label.get("sentiment")
    said = [] if probability is None else [f"{probability:.2f}"]
    said += [] if sentiment is None else [sentiment if isinstance(sentiment, str) else f"sentiment {sentiment:+.2f}"]
    return f" · {', '.join(said)}" if said else ""


def _range(what: str, start: int, here: int, count: int) -> str:
    return f"{what} {start + 1:,} to {start + here:,} of {count:,}" if here else f"{what}: none of {count:,} here"


def _pager(asked: Asked, count: int) -> Html | None:
    """How to get to the pages beside this one."""
    pages = max(1, -(-count // PAGE))
    links = [
        tag("li", tag("a", words, href=asked.link(page=number), rel=rel))
        for words, number, rel in (("Previous page", asked.number - 1, "prev"), ("Next page", asked.number + 1, "next"))
        if 1 <= number <= pages
    ]
    if not links:
        return None
    here = tag("li", f"Page {asked.number:,} of {pages:,}")
    return tag("nav", tag("ul", here, *links, class_="pages"), aria_label="More of these")
