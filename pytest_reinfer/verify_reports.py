"""What `pytest-reinfer verify` has found, as text, JSON and JUnit XML."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_reinfer import drift

if TYPE_CHECKING:
    from pytest_reinfer.drift import Difference
    from pytest_reinfer.verify import Verdict


def text(verdict: Verdict) -> str:
    """The report for people."""
    lines = [drift.report(verdict.differences), "", f"{len(verdict.asked)} requests compared."]
    lines += [f"Not asked: {each}" for each in verdict.skipped]
    lines += [f"Not compared: {each}" for each in verdict.unanswered]
    lines += [f"Asked again after {what}: {times} times" for what, times in verdict.retried.items()]
    lines += [verdict.left] * bool(verdict.left)
    return "\n".join(lines)


def as_json(verdict: Verdict) -> str:
    """The report for programs."""
    report = {
        "compared": len(verdict.asked),
        "differences": [_as_object(each, verdict) for each in verdict.differences],
        "skipped": verdict.skipped,
        "unanswered": verdict.unanswered,
        "retried": verdict.retried,
        "left": verdict.left,
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def _as_object(difference: Difference, verdict: Verdict) -> dict[str, Any]:
    """A difference as an object; `fake` and `live` are left out where there is nothing."""
    request = verdict.asked[difference.exchange].request
    told = {name: value for name, value in difference._asdict().items() if value is not drift.NOTHING}
    return {**told, "request": f"{request.method} {request.path}"}


def as_junit(verdict: Verdict) -> str:
    """The report for CI: a test case for each request."""
    from xml.etree import ElementTree as ET  # noqa: PLC0415 -- where it is used; nothing is read by it

    failed = {each.exchange for each in verdict.differences}
    errors = [*verdict.unanswered, *[verdict.left] * bool(verdict.left)]
    counts = {"tests": len(verdict.asked) + len(errors), "failures": len(failed)}
    counts |= {"errors": len(errors), "skipped": 0}
    suite = ET.Element("testsuite", {"name": "pytest-reinfer verify"} | {key: str(n) for key, n in counts.items()})
    for number, asked in enumerate(verdict.asked):
        name = f"{number + 1} {asked.request.method} {asked.request.path}"
        case = ET.SubElement(suite, "testcase", {"classname": asked.label, "name": name})
        told = [str(each) for each in verdict.differences if each.exchange == number]
        if told:
            ET.SubElement(case, "failure", {"message": _printable(told[0])}).text = _printable("\n".join(told))
    for number, unanswered in enumerate(errors):
        case = ET.SubElement(suite, "testcase", {"classname": "unanswered", "name": f"unanswered {number + 1}"})
        ET.SubElement(case, "error", {"message": _printable(unanswered)})
    ET.indent(suite)
    return ET.tostring(suite, encoding="unicode")


def _printable(words: str) -> str:
    """A text without the characters that XML cannot hold."""
    return "".join(each if each.isprintable() or each == "\n" else "?" for each in words)
