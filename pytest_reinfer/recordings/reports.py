"""Reports on recordings, as text, as JSON, and as JUnit XML, which CI servers show as tests."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

from pytest_reinfer.recordings.checking import as_json
from pytest_reinfer.stamps import stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_reinfer.recordings.checking import Report

SHOWN: Final = 20  # of the breaches of a file or of a route, and of the places of secrets
NO_XML: Final = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def text(reports: Sequence[Report]) -> str:
    """For people: what is wrong with each file, and one line on all of them."""
    lines = [line for report in reports for line in _lines(report)]
    failed = sum(report.failed for report in reports)
    exchanges = sum(report.routes.total() for report in reports)
    files = "1 file" if len(reports) == 1 else f"{len(reports)} files"
    verdict = f"{failed} with something wrong" if failed else "nothing wrong"
    return "\n".join([*lines, f"{files}, {exchanges} exchanges: {verdict}"]) + "\n"


def _lines(report: Report) -> Iterator[str]:
    if report.error is not None:
        yield report.error
        return
    yield f"{report.path}: {_about(report)}"
    yield from (f"  {line}" for line in [*_wrong(report), *_secrets(report)])
    first = report.breaches[:SHOWN]
    yield from (f"  {told.exchange}\n    {told.breach}{'' if told.fails else '  (tolerated)'}" for told in first)
    more = report.broken + report.weak - len(first)
    if more > 0:
        yield f"  and {more} more breaches of the contract"


def _about(report: Report) -> str:
    """What a file is."""
    parts = [report.form, f"{report.routes.total()} exchanges"]
    if report.unanswered:
        parts.append(f"{report.unanswered} without an answer")
    if report.aside:
        parts.append(f"{report.aside} preflights and answers 304 not checked")
    if report.unrecorded:
        parts.append(f"{report.unrecorded} bodies not recorded, and so not checked")
    if report.others:
        parts.append(f"{report.others.total()} with other hosts left out")
    if report.oldest is None or report.newest is None:
        parts.append("of unknown age")
    else:
        parts.append(f"{stamp(report.oldest)} to {stamp(report.newest)}, {report.days} days old")
    return ", ".join(parts)


def _wrong(report: Report) -> list[str]:
    told = [f"too old: {report.too_old}"] * bool(report.too_old)
    told += [f"not scrubbed: {report.refused}"] * bool(report.refused)
    return told + report.unread[:SHOWN]


def _secrets(report: Report) -> Iterator[str]:
    for kind, count in report.kinds.most_common():
        places = [secret.place for secret in report.secrets if secret.kind == kind][:3]
        at = f": {', '.join(places)}{', ...' if count > len(places) else ''}" if places else ""
        yield f"{count} x {kind}{at}"
    if report.scrubbed is not None:
        yield f"written without them: {report.scrubbed}" if report.kinds else f"written: {report.scrubbed}"


def as_text_of_json(reports: Iterable[Report]) -> str:
    """For programs."""
    found = [as_json(report) for report in reports]
    document = {"failed": any(each["failed"] for each in found), "files": found}
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"


def junit(reports: Iterable[Report]) -> str:
    """For CI servers: a suite for each file; in it a test for each recorded route, for secrets, and for age."""
    suites = [_suite(report) for report in reports]
    cases = [case for suite in suites for case in suite[1]]
    body = "".join(
        f"<testsuite name={_attribute(name)} {_counts(found)}>{''.join(each[0] for each in found)}</testsuite>\n"
        for name, found in suites
    )
    head = '<?xml version="1.0" encoding="utf-8"?>\n'
    return f'{head}<testsuites name="pytest-reinfer check" {_counts(cases)}>\n{body}</testsuites>\n'


Case = tuple[str, str]  # its XML, and "failure", "error" or nothing


def _counts(cases: Sequence[Case]) -> str:
    failures, errors = (sum(case[1] == verdict for case in cases) for verdict in ("failure", "error"))
    return f'tests="{len(cases)}" failures="{failures}" errors="{errors}" skipped="0" time="0"'


def _suite(report: Report) -> tuple[str, list[Case]]:
    path = str(report.path)
    if report.error is not None:
        return path, [_case(path, "is read", "error", report.error, report.error)]
    cases = []
    for route, count in report.routes.items():
        told = [each for each in report.breaches if each.route == route]
        lines = [f"{each.exchange}\n  {each.breach}" for each in told if each.fails]
        title = f"{len(lines)} breaches in {count} exchanges" if lines else ""
        cases.append(_case(path, f"{route} keeps the contract", "failure", title, "\n".join(lines[:SHOWN])))
    if report.broken and not any(each.fails for each in report.breaches):  # those that are told are others
        title = f"{report.broken} breaches"
        cases.append(_case(path, "all keep the contract", "failure", title, title))
    secrets = [] if report.scrubbed is not None else list(_secrets(report))
    title = f"{report.kinds.total()} secrets and addresses" if secrets else ""
    cases.append(_case(path, "gives no secrets away", "failure", title, "\n".join(secrets)))
    wrong = _wrong(report)
    cases.append(_case(path, "is whole and new enough", "failure", wrong[0] if wrong else "", "\n".join(wrong)))
    return path, cases


def _case(path: str, name: str, verdict: str, title: str, body: str) -> Case:
    head = f'<testcase classname={_attribute(path)} name={_attribute(name)} time="0"'
    if not title:
        return f"{head}/>", ""
    return f"{head}><{verdict} message={_attribute(title)}>{_content(body)}</{verdict}></testcase>", verdict


def _attribute(value: str) -> str:
    return quoteattr(NO_XML.sub("\ufffd", value))


def _content(value: str) -> str:
    return escape(NO_XML.sub("\ufffd", value))
