"""The options and ini settings of the plugin, all of them named after it, and how their values are read."""

from __future__ import annotations

from argparse import ArgumentTypeError
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def add(parser: pytest.Parser) -> None:
    """Declare them."""
    group = parser.getgroup("reinfer", "fake re:infer tenant (pytest-reinfer)")
    group.addoption(
        "--reinfer-seed", dest="reinfer_seed", type=int, help="seed of every fixture `reinfer` (default: 0)"
    )
    group.addoption(
        "--reinfer-strict",
        dest="reinfer_strict",
        action="store_true",
        help="fail tests that send fields the API does not have or deprecated ones, or otherwise break its contract, "
        "and leave out of answers the keys that the vendor has published nowhere",
    )
    group.addoption(
        "--reinfer-sweep",
        dest="reinfer_sweep",
        type=_pair,
        metavar="K:KIND",
        help="of tests marked reinfer_sweep only the run in which the K-th request fails so, such as 3:409",
    )
    group.addoption(
        "--reinfer-sweep-max",
        dest="reinfer_sweep_max",
        type=most,
        metavar="N",
        help="the most runs of a test marked reinfer_sweep (default: 1000)",
    )
    group.addoption(
        "--reinfer-mutants",
        dest="reinfer_mutants",
        action="store_true",
        help="run each test with a tenant again while its answers vary within the contract, and tell what broke the "
        "client and what no test noticed",
    )
    group.addoption(
        "--reinfer-mutant",
        dest="reinfer_mutant",
        type=_variation,
        metavar="ID",
        help="of --reinfer-mutants only this variation, such as export_dataset:empty_page",
    )
    group.addoption(
        "--reinfer-mutants-max",
        dest="reinfer_mutants_max",
        type=most,
        metavar="N",
        help="the most runs of a test with --reinfer-mutants (default: 1000)",
    )
    group.addoption(
        "--reinfer-mutants-json",
        dest="reinfer_mutants_json",
        metavar="FILE",
        help="where --reinfer-mutants writes its report as JSON",
    )
    group.addoption(
        "--reinfer-coverage",
        dest="reinfer_coverage",
        action="append",
        nargs="?",
        const="term",
        type=_coverage_report,
        metavar="term|html[:FILE]|json[:FILE]",
        help="what the tests have met of the contract, as a table, a page or JSON (may be given more than once)",
    )
    group.addoption(
        "--reinfer-coverage-fail-under",
        dest="reinfer_coverage_fail_under",
        type=_percent,
        metavar="N",
        help="fail the session if less than N percent of the contract are met",
    )
    group.addoption(
        "--reinfer-target",
        dest="reinfer_target",
        choices=("fake", "live", "both"),
        default="fake",
        help="what the fixture `reinfer` is in tests marked reinfer(live=...): a fake tenant (default), the real one "
        "of REINFER_ENDPOINT and REINFER_TOKEN, where other tests with it are skipped, or each in turn, to be compared",
    )
    parser.addini("reinfer_seed", "seed of the fixture `reinfer`", default="0")
    parser.addini("reinfer_url", "where the tenant of the fixture `reinfer` answers", default="")
    parser.addini("reinfer_sleep", "'clock' leads what tests sleep to their tenant's clock", default="real")
    parser.addini("reinfer_min_evidence", "the least evidence of rules that tests may rely on", default="")
    parser.addini("reinfer_sweep_max", "the most runs of a test marked reinfer_sweep", default="1000")
    parser.addini(
        "reinfer_coverage_routes",
        "the routes that count for --reinfer-coverage, by patterns with * (default: those that the tests ask for)",
        type="linelist",
        default=[],
    )
    parser.addini("reinfer_allow_hosts", "hosts of real tenants that tests may reach", type="linelist", default=[])


def _pair(text: str) -> tuple[int, str]:
    """The number of a request and a kind of failure; ArgumentTypeError unless it is both."""
    k, _, kind = text.partition(":")
    if not k.isdecimal() or int(k) < 1 or not kind:
        raise ArgumentTypeError(
            f"it takes K:KIND, a request, counted from 1, and a kind of failure, such as 3:409, not {text!r}"
        )
    return int(k), kind


def _variation(text: str) -> str:
    """The name of a variation; ArgumentTypeError for what is none."""
    from pytest_reinfer import variations  # noqa: PLC0415

    try:
        return str(variations.read(text))
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from None


def most(text: str) -> int:
    """The most runs of a sweep; ArgumentTypeError for less than one."""
    if not text.strip().isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"it takes a whole number of runs, at least 1, not {text!r}")
    return int(text)


def _coverage_report(text: str) -> str:
    """A kind of report, with its file; ArgumentTypeError for none."""
    kind, _, name = text.partition(":")
    if kind not in ("term", "html", "json") or (kind == "term" and name):
        raise ArgumentTypeError(
            f"it takes term, html, html:FILE, json or json:FILE, not {text!r}. Before the path of tests write "
            "--reinfer-coverage=term"
        )
    return text if kind == "term" else f"{kind}:{name or f'reinfer-coverage.{kind}'}"


def _percent(text: str) -> float:
    """A percentage; ArgumentTypeError for what is none."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 100:  # noqa: PLR2004 -- percent
        raise ArgumentTypeError(f"it takes a number from 0 to 100, not {text!r}")
    return number
