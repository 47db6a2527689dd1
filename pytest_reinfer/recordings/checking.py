"""Checks recordings: whether their exchanges keep the contract, what secrets they give away, and how old they are."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.recordings import exchanges, files, kinds

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from pytest_reinfer.contract import Breach
    from pytest_reinfer.recordings.exchanges import Recorded
    from pytest_reinfer.recordings.scrubber import Found, Scrubber

KEPT: Final = 200  # breaches, and places of secrets, that are told of one file
DAY: Final = 86_400_000_000  # microseconds
BODY: Final = "$.body"


class Told(NamedTuple):
    """A breach in a recording: in which exchange, of which route, and whether it is one that matters."""

    place: str
    exchange: str
    route: str
    breach: Breach
    fails: bool


@dataclass
class Report:
    """What there is to say of a recording. Moments are in microseconds since 1970."""

    path: Path
    form: str = ""
    error: str | None = None  # why it could not be read
    routes: Counter[str] = field(default_factory=Counter)  # how many exchanges of each route
    others: Counter[str] = field(default_factory=Counter)  # how many with other hosts
    unanswered: int = 0
    aside: int = 0  # what browsers settle alone: preflights, and answers that they had already
    unrecorded: int = 0  # bodies that were left out of the recording, and so were not checked
    oldest: int | None = None
    newest: int | None = None
    now: int = 0
    too_old: str | None = None
    unread: list[str] = field(default_factory=list)  # what could not be looked into
    breaches: list[Told] = field(default_factory=list)  # the first of them
    broken: int = 0  # how many there are that matter
    weak: int = 0  # how many there are of rules that are not known well enough
    secrets: list[Found] = field(default_factory=list)  # the first places
    kinds: Counter[str] = field(default_factory=Counter)  # how many secrets of each kind
    scrubbed: Path | None = None  # where it stands without secrets
    refused: str | None = None  # why it does not

    @property
    def days(self) -> int | None:
        """How many days ago the oldest exchange was; None where the file does not say."""
        return None if self.oldest is None else max(0, self.now - self.oldest) // DAY

    @property
    def failed(self) -> bool:
        """Whether there is something wrong with it."""
        told = self.error or self.too_old or self.refused or self.unread
        return bool(told) or self.broken > 0 or (bool(self.kinds) and self.scrubbed is None)

    def found(self, secret: Found) -> None:
        """Take note of a secret."""
        self.kinds[secret.kind] += 1
        if len(self.secrets) < KEPT and secret not in self.secrets:
            self.secrets.append(secret)


def check(
    path: Path, scrubber: Scrubber, *, now: int, min_evidence: str = "assumed", max_age: int | None = None
) -> Report:
    """Look at a recording. What is wrong with the file itself is told in the report.

    min_evidence: breaches of rules that are known less well do not matter. max_age: in days; an exchange that is older,
    or does not say when it was, does.
    """
    report = Report(path, now=now)
    worst = contract.rank(min_evidence)
    scrubber.told = report.found
    try:
        form = files.form(path)
        report.form = form.name
        for piece in files.pieces(path, form):
            if piece.what == "exchange":
                recorded = exchanges.read(path, form, piece.place, piece.value)
                if recorded.ours and not exchanges.of_tenant(recorded.url):
                    scrubber.know_host(_host(recorded.url))
            scrubber.told = report.found
            scrubber.value(piece.value, piece.place, piece.name)
            if piece.what == "exchange":
                if recorded.ours:
                    _look(recorded, report, scrubber, worst)
                else:
                    _count(report.others, _host(recorded.url))
        if not report.routes and not report.unanswered and not report.aside:
            raise files.BadRecording(f"{path}: {_nothing(report)}")
    except (ValueError, OSError) as error:
        report.error = str(error)
        return report
    if max_age is not None:
        report.too_old = _too_old(report, max_age)
    return report


def _look(recorded: Recorded, report: Report, scrubber: Scrubber, worst: int) -> None:
    """Check one exchange."""
    if recorded.response is None:
        report.unanswered += 1
        return
    if recorded.of_browser:
        report.aside += 1
        return
    report.unrecorded += len(recorded.left) if report.form != "responses" else 0  # which never records requests
    route = contract.match(recorded.request.method, recorded.request.path).route
    name = "no route" if route is None else route.name
    report.routes[name] += 1
    if recorded.moment is not None:
        report.oldest = min(recorded.moment, report.oldest if report.oldest is not None else recorded.moment)
        report.newest = max(recorded.moment, report.newest if report.newest is not None else recorded.moment)
    for part in recorded.packed[: KEPT - len(report.unread)]:
        where = f"{recorded.place}: the body of the {part}"
        report.unread.append(f"{where} is compressed in a way that cannot be undone here, or is no text")
    scrubber.told = lambda _: None  # what breaches tell is told of the exchange already
    for breach in breaches(recorded):
        fails = contract.rank(contract.kind(breach.evidence)) <= worst
        report.broken += fails
        report.weak += not fails
        if len(report.breaches) < KEPT:
            report.breaches.append(_safe(Told(recorded.place, str(recorded), name, breach, fails), scrubber))


def hide(reports: Iterable[Report], scrubber: Scrubber) -> None:
    """Take out of reports what has turned out to be secret later, in the same file or in another one."""
    scrubber.told = lambda _: None
    for report in reports:
        report.breaches = [_safe(told, scrubber) for told in report.breaches]
        report.secrets = [secret._replace(place=scrubber.text(secret.place, "")) for secret in report.secrets]


def _safe(told: Told, scrubber: Scrubber) -> Told:
    """What is told of a breach without secrets; what is expected is the contract's own words, and stays."""
    breach = told.breach
    steps = re.split(r"[.\[\]'\"]+", breach.path)
    at = next(filter(kinds.is_secret, steps), next(filter(None, reversed(steps)), ""))
    safe = breach._replace(path=scrubber.text(breach.path, ""), got=scrubber.value(breach.got, "", at))
    if breach.rule == "accepted":  # which names the place of another breach
        safe = safe._replace(expected=scrubber.text(str(breach.expected), ""))
    return told._replace(exchange=scrubber.text(told.exchange, ""), breach=safe)


def breaches(recorded: Recorded) -> Iterator[Breach]:
    """The breaches of the contract in an exchange, of what was recorded of it."""
    unknown = {*recorded.left, *(f"{part} {BODY}" for part in recorded.packed)}
    for breach in contract.breaches(recorded.request, recorded.response):
        of_body = breach.path.startswith(BODY)
        if of_body and f"{breach.part} {BODY}" in unknown:
            continue
        if breach.rule == "accepted" and f"request {BODY}" in unknown and BODY in str(breach.expected):
            continue  # which follows from the one before
        yield breach


def _host(url: str) -> str:
    from urllib.parse import urlsplit  # noqa: PLC0415

    return urlsplit(url).hostname or f"{urlsplit(url).scheme}:"


def _count(hosts: Counter[str], host: str) -> None:
    """Count a host; those of the thousandth and later under one name."""
    hosts[host if host in hosts or len(hosts) < KEPT else "others"] += 1


def _nothing(report: Report) -> str:
    """What to say of a file without exchanges of the API."""
    if not report.others:
        return "it holds no exchange."
    hosts = ", ".join(sorted(report.others)[:5])
    return f"none of its {report.others.total()} exchanges is one of the API. They are with {hosts}."


def _too_old(report: Report, max_age: int) -> str | None:
    if report.days is None:
        return "it does not say when it was recorded"
    return f"it is {report.days} days old, more than {max_age}" if report.days > max_age else None


def as_json(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    from pytest_reinfer.stamps import stamp  # noqa: PLC0415

    return {
        "path": str(report.path),
        "format": report.form,
        "failed": report.failed,
        "error": report.error,
        "exchanges": report.routes.total(),
        "routes": dict(report.routes),
        "unanswered": report.unanswered,
        "aside": report.aside,
        "unrecorded_bodies": report.unrecorded,
        "other_hosts": dict(report.others),
        "oldest": None if report.oldest is None else stamp(report.oldest),
        "newest": None if report.newest is None else stamp(report.newest),
        "days": report.days,
        "too_old": report.too_old,
        "unread": report.unread,
        "breaches": {
            "failing": report.broken,
            "tolerated": report.weak,
            "first": [_breach(each) for each in report.breaches],
        },
        "secrets": {"kinds": dict(report.kinds), "first": [each._asdict() for each in report.secrets]},
        "scrubbed": None if report.scrubbed is None else str(report.scrubbed),
        "refused": report.refused,
    }


def _breach(told: Told) -> dict[str, Any]:
    return {"place": told.place, "exchange": told.exchange, "fails": told.fails, **told.breach._asdict()}
