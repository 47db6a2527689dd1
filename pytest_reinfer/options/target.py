"""`--reinfer-target`: the fixture `reinfer` as the real tenant, for tests that are marked as safe for it."""

from __future__ import annotations

import os
import secrets
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest

from pytest_reinfer import contract, given, runs
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.patching import Link, Replaced
from pytest_reinfer.real import MOST, RealTenant, unique
from pytest_reinfer.transports.onward import Onward

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence

    from pytest_reinfer.drift import Difference
    from pytest_reinfer.real import May
    from pytest_reinfer.wire import Exchange, Request, Response

    Exchanges = list[tuple[Request, Response]]

NAME: Final = "reinfer_target"  # under which it is told of a test what its runs came to
BREACH: Final = "reinfer_breach"  # and each breach of the contract by the real tenant or of the test's requests
DRIFT: Final = "reinfer_drift"  # and each difference between the two
SHOWN: Final = 20  # so many of each
TENANTS: Final = ("reinfer", "reinfer_server")  # the fixtures that are a tenant
ENDPOINT, TOKEN = "REINFER_ENDPOINT", "REINFER_TOKEN"


def may(item: pytest.Item) -> Any:
    """What a test says it does with a real tenant, by the closest marker that says anything; None: it is not for it."""
    marks = (mark for mark in item.iter_markers("reinfer") if "live" in mark.kwargs)
    return next((mark.kwargs["live"] for mark in marks), None)


class Target:
    """The real tenant of a session. Raises pytest.UsageError where its environment does not tell of one.

    Until it is closed the environment has a stand-in for the token, which only the tenant of a test takes for it.
    """

    def __init__(self, config: pytest.Config) -> None:
        from urllib.request import getproxies, proxy_bypass  # noqa: PLC0415 -- nobody else asks

        # Before the session hides tenants from proxies.
        self._both = config.getoption("reinfer_target") == "both"
        self.url, self._token = _endpoint(), _token()
        self._stand_in = secrets.token_hex(len(self._token))[: len(self._token)]
        if config.getoption("dist", "no") == "no":  # or else workers of pytest-xdist are to find the token there
            os.environ[TOKEN] = self._stand_in
        host = urlsplit(self.url).netloc
        proxies = getproxies()
        proxy = None if proxy_bypass(host) else proxies.get("https", proxies.get("all"))
        if proxy is not None and urlsplit(proxy).scheme != "http":
            scheme = urlsplit(proxy).scheme
            raise pytest.UsageError(f"--reinfer-target: the proxy of the environment speaks {scheme}, not http.")
        self._proxy = proxy

    def close(self) -> None:
        """Leave the environment as it was."""
        os.environ[TOKEN] = self._token

    # ------------------------------------------------------------------------------------------ the fixture

    def is_live(self, item: pytest.Item) -> bool:
        """Whether a run of a test is on the real tenant; with nothing but that, a test not marked for it is skipped."""
        __tracebackhide__ = True
        run, marked = getattr(item, NAME, None), may(item) is not None
        if self._both and marked and run is None:
            pytest.fail(
                "With --reinfer-target=both the test is run twice, and so has to ask for `reinfer` or `reinfer_server` "
                "by name, as an argument of the test or of a fixture of its own, and not only by getfixturevalue.",
                pytrace=False,
            )
        if not self._both and not marked:
            pytest.skip(
                "--reinfer-target=live: the test is not marked as safe for a real tenant, by "
                '@pytest.mark.reinfer(live="read") or live="write"'
            )
        return run == "live" or not self._both

    def tenant(self, may: May, settings: dict[str, Any], resolve: Callable[..., Any]) -> RealTenant:
        """The real tenant, as the fixture of a test. ValueError or TypeError for settings that make no sense."""
        onward = Onward(self.url, resolve, self._proxy)
        return RealTenant(token=self._token, stand_in=self._stand_in, onward=onward, may=may, **settings)

    def tell(self, item: pytest.Item, tenant: FakeTenant) -> None:
        """Tell with a test what it exchanged with the real tenant, and how far that keeps to the contract."""
        if not isinstance(tenant, RealTenant):
            raise TypeError(f"{tenant!r} is no real tenant.")
        exchanges, breaches = tenant.exchanges, dict[str, None]()
        for request, response in exchanges:
            where = contract.match(request.method, request.path).route or f"{request.method} {request.path}"
            name = getattr(where, "name", where)
            breaches |= dict.fromkeys(f"{name}: {breach}" for breach in contract.breaches(request, response))
        total = f"on the real tenant: {_count(len(exchanges), 'exchange')}"
        total += f", and {tenant.unrecorded} more, not looked at" * bool(tenant.unrecorded)
        total += f", {_count(len(breaches), 'breach', 'breaches')} of the contract" * bool(breaches)
        item.user_properties += [(NAME, total), *_some(BREACH, list(breaches))]

    # --------------------------------------------------------------------------------------------- the hooks

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test that is marked for it on the fake and on the real tenant."""
        if not self._both or may(item) is None or not {*TENANTS} & {*getattr(item, "fixturenames", ())}:
            return None
        runs.protocol(item, nextitem, lambda: self._reports(item))
        return True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Keep the token out of what is reported of those who know it all the same."""
        report = yield
        shown = report.longrepr
        if isinstance(shown, tuple):
            report.longrepr = (shown[0], shown[1], self._hide(shown[2]))
        elif shown is not None and self._token in str(shown):
            report.longrepr = self._hide(str(shown))
        report.sections = [(title, self._hide(text)) for title, text in report.sections]
        report.user_properties = [
            (name, self._hide(value) if isinstance(value, str) else value) for name, value in report.user_properties
        ]
        return report

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Tell of each test what it came to with the real tenant."""
        lines = [
            f"{report.nodeid}: {value}" if name == NAME else f"    {value}"
            for reports in terminalreporter.stats.values()
            for report in reports
            if getattr(report, "when", None) == "teardown"  # each test has one, and workers send it too
            for name, value in sorted(
                report.user_properties, key=lambda each: each[0] != NAME
            )  # what it is about first
            if name in (NAME, BREACH, DRIFT)
        ]
        terminalreporter.section(f"reinfer: the real tenant at {self.url}")
        for line in lines or ["no test that was run is marked for it: @pytest.mark.reinfer(live=...)"]:
            terminalreporter.line(line)

    # ---------------------------------------------------------------------------------------------- two runs

    def _reports(self, item: pytest.Item) -> list[pytest.TestReport]:
        """The reports of a test that was run twice."""
        if "subtests" in getattr(item, "fixturenames", ()):
            refusal = "--reinfer-target=both cannot run a test twice that has subtests, which report themselves."
            return [
                runs.report(item, "setup", pytest.fail.Exception(refusal, pytrace=False)),
                runs.report(item, "teardown"),
            ]
        vars(item)["reinfer_project"] = unique()  # the same for both
        vars(item)[NAME] = "fake"
        recorded: Exchanges = []
        with Replaced(FakeTenant, "exchanged", _recording(recorded)):
            fake = runs.run(item)
        vars(item)[NAME] = "live"
        live = runs.run(item)
        told = [each for each in live.item.user_properties if each[0] in (BREACH, NAME)]
        tenants = [tenant for tenant in live.tenants if isinstance(tenant, RealTenant)]
        contents = may(item) == "write"
        alike, differences = _compared(recorded, tenants[-1].exchanges if tenants else [], contents=contents)
        total = f"{_outcome(fake)} on the fake, {_outcome(live)} {told[0][1] if told else 'on the real tenant'}"
        total += f"; {_count(len(differences), 'difference')}"
        if alike is not None and not (fake.skipped or live.skipped):
            total += f", and from request {alike + 1} on the two runs asked otherwise"
        reported = next((ran for ran in (fake, live) if ran.failed), live if live.passed else fake)
        reported.reports[-1].user_properties = [
            *(each for each in reported.reports[-1].user_properties if each[0] not in (BREACH, NAME)),
            *told[1:],
            *_some(DRIFT, list(dict.fromkeys(map(str, differences)))),
        ]
        seconds = sum(ran.reports[-2].duration for ran in (fake, live))
        return runs.reported(NAME, runs.Verdict(reported, total, seconds, total if reported.failed else None))

    def _hide(self, text: str) -> str:
        return text.replace(self._token, self._stand_in)


def _endpoint() -> str:
    """The URL of the real tenant, from the environment; one that a token may travel to."""
    url = os.environ.get(ENDPOINT, "").rstrip("/")
    if not url or not os.environ.get(TOKEN):
        missing = " and ".join(name for name in (ENDPOINT, TOKEN) if not os.environ.get(name))
        example = contract.convention("x-servers")[0]["url"].format(domain="acme")
        raise pytest.UsageError(
            f"--reinfer-target: the environment has no {missing}. Its URL is taken from {ENDPOINT}, such as "
            f"{example}, and a token from {TOKEN}."
        )
    try:
        FakeTenant(url)
    except ValueError as error:
        raise pytest.UsageError(f"--reinfer-target: {ENDPOINT}: {error}") from None
    if urlsplit(url).scheme == "http" and not _is_here(urlsplit(url).hostname or ""):
        raise pytest.UsageError(
            f"--reinfer-target: {ENDPOINT} is {url}, and a token travels by https, but for a port of this machine."
        )
    return url


def _token() -> str:
    token = os.environ[TOKEN]
    try:
        given.token(TOKEN, token, ())
    except ValueError as error:
        raise pytest.UsageError(f"--reinfer-target: {error}") from None
    return token


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _recording(recorded: Exchanges) -> Callable[[Link], Callable[..., Exchange]]:
    """What every answer of a fake tenant passes, and is kept by, up to as many as are kept of a real one."""

    def make(link: Link) -> Callable[..., Exchange]:
        def exchanged(tenant: FakeTenant, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
            given: Exchange = link.previous(tenant, request, exchange, fault)
            if link.open and len(recorded) < MOST:
                recorded.append((request, given.response))
            return given

        return exchanged

    return make


def _compared(fake: Exchanges, live: Exchanges, *, contents: bool) -> tuple[int | None, Sequence[Difference]]:
    """After how many requests two runs asked otherwise, if they did, and how the answers differ until then."""
    from pytest_reinfer import drift  # noqa: PLC0415 -- where there are two runs

    alike = 0
    for (ours, _), (theirs, _) in zip(fake, live, strict=False):
        if _route(ours) != _route(theirs):
            break
        alike += 1
    differences = drift.compare(fake[:alike], live[:alike], contents=contents)
    return None if len(fake) == len(live) == alike else alike, differences


def _route(request: Request) -> tuple[str, object]:
    return request.method, contract.match(request.method, request.path).route


def _outcome(ran: runs.Ran) -> str:
    return "passed" if ran.passed else "failed" if ran.failed else "skipped"


def _some(name: str, found: list[str]) -> Iterator[tuple[str, str]]:
    """The first of what is told, under a name."""
    yield from ((name, each) for each in found[:SHOWN])
    if len(found) > SHOWN:
        yield name, f"... and {len(found) - SHOWN} more"


def _count(number: int, one: str, several: str | None = None) -> str:
    return f"{number} {one if number == 1 else several or f'{one}s'}"
