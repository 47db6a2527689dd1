"""The fixtures and the hooks around a test: imports pytest and nothing heavy."""

from __future__ import annotations

import os
from contextlib import ExitStack, nullcontext
from fnmatch import fnmatchcase
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer.markers import BUDGET, FAIL, MARKER, OF_TESTS, RERUNS, obey, without_tenant, wrong
from pytest_reinfer.patching import Link, Replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator, Sequence
    from socket import socket

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.options.exchanges import Exchanges
    from pytest_reinfer.options.target import Target
    from pytest_reinfer.server import Server
    from pytest_reinfer.tenant import Tenant
    from pytest_reinfer.transports.switchboard import Switchboard
    from pytest_reinfer.wire import Request


class Session:
    """The fixture and the hooks around a test, with what they share: guard, doors, and what tests start with."""

    def __init__(self, config: pytest.Config, target: Target | None) -> None:
        import socket  # noqa: PLC0415 -- pytest has imported it

        seed = config.getoption("reinfer_seed")
        self._chosen = {} if seed is None else {"seed": seed}
        self._default = {
            "seed": int(config.getini("reinfer_seed")),
            "url": config.getini("reinfer_url") or None,
            "sleep": config.getini("reinfer_sleep"),
            "tls": False,
            "min_evidence": config.getini("reinfer_min_evidence") or None,
            "live": None,
        }
        self._target = target  # the real tenant, where there is one
        self._live: str | None = None  # what the test does with a real tenant
        self._strict = bool(config.getoption("reinfer_strict"))
        self._allowed = tuple(config.getini("reinfer_allow_hosts"))
        self._guarded: set[str] = set()  # hosts of tenants beside the service's own
        self._stopped: list[str] = []  # what the guard has told during the test
        resolvers = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")
        self._guards = [Replaced(socket, name, self._guarding).open() for name in resolvers]
        connectors = ("connect", "connect_ex")  # which resolve by themselves
        self._guards += [Replaced(socket.socket, name, self._guarding_connect).open() for name in connectors]
        self._proxies = self._without_proxies()
        self._switchboard: Switchboard | None = None
        self._servers: dict[tuple[int, bool], Server] = {}  # by process, and whether with TLS
        self._numbers = count(1)  # of the tenants on them
        self._board: Server | Switchboard | None = None  # that the tenant of this test is plugged in
        self._snapshots: dict[tuple[object, ...], Tenant] = {}  # what the setup hooks made, by seed and hooks
        self._item: pytest.Item  # the test that runs
        self._tenant: FakeTenant | None = None  # of this test
        self._budgets = ExitStack()  # of this test, until they are told
        self._exchanges: Exchanges | None = None  # of this test, where they are held against the contract
        self._environment: dict[str, str | None] = {}  # as it was before the fixture changed it

    def close(self) -> None:
        """Leave the process as it was."""
        for guard in self._guards:
            guard.close()
        _put_back(self._proxies)
        if self._switchboard is not None:
            self._switchboard.close()
        for server in self._servers.values():
            server.close()

    @pytest.fixture
    def reinfer(self) -> Iterator[FakeTenant]:
        """A fresh fake re:infer tenant: what this test sends to `reinfer.url` is answered in-process.

        By `requests`, `urllib3`, `httpx`, `httpx2`, `aiohttp`, `http.client` and `urllib.request`; others are stopped.

        `REINFER_ENDPOINT` and `REINFER_TOKEN` are set to its `url` and `token` until the test has ended. What every
        tenant starts with can be told by the hook `pytest_reinfer_setup`, in a conftest.py.
        """
        __tracebackhide__ = True
        # The test is known from its hook: a fixture that asks for `request` costs a third more.
        yield from self._opened(on_server="reinfer_server" in getattr(self._item, "fixturenames", ()))

    @pytest.fixture
    def reinfer_server(self) -> Iterator[FakeTenant]:
        """The tenant of this test on a port of this machine, for any client: other languages, processes, services.

        It is the fixture `reinfer`, with all that markers and hooks say, at a URL that is its own. The server starts
        with the first test that asks for it, and serves the whole session; several clients at once are welcome.
        """
        __tracebackhide__ = True
        yield from self._opened(on_server=True)

    @pytest.fixture
    def reinfer_contract(self) -> Exchanges:
        """Holds what this test sends to its tenants, and what it gets, against the contract: a breach fails the test.

        `breaches` are those so far, and `clear()` forgets those that the test meant.
        """
        return self._exchanges or self._watch(strict=False)

    def _watch(self, *, strict: bool) -> Exchanges:
        """Hold the exchanges of the test that runs against the contract, until it has ended."""
        from pytest_reinfer.options.exchanges import Exchanges  # noqa: PLC0415

        self._exchanges = Exchanges(strict=strict).open()
        return self._exchanges

    def _opened(self, *, on_server: bool) -> Iterator[FakeTenant]:
        """The tenant of the test that runs; who asks for it first makes it, and ends it."""
        __tracebackhide__ = True
        if self._tenant is not None:
            if on_server and self._board is self._switchboard:
                pytest.fail(
                    "The test has its tenant already, without a server. Ask for `reinfer_server` by name, as an "
                    "argument of the test or of a fixture of its own, and not only by getfixturevalue.",
                    pytrace=False,
                )
            yield self._tenant
            return
        marks = [mark for mark in self._item.iter_markers() if mark.name.startswith("reinfer")]
        marks.reverse()  # the closest last
        settings = self._settings(marks)
        sleep, tls, live = settings.pop("sleep"), settings.pop("tls"), settings.pop("live")
        for said in OF_TESTS:
            settings.pop(said, None)
        if sleep not in ("real", "clock"):
            wrong(f"sleep is 'real' or 'clock', not {sleep!r}", MARKER)
        if tls not in (True, False) or (tls and not on_server):
            wrong(f"tls is True or False, and for the fixture `reinfer_server` alone, not {tls!r} here", MARKER)
        self._live = live
        if live is not None:
            _check_live(live, marks)
        target = self._target if self._target is not None and self._target.is_live(self._item) else None
        if on_server:
            settings["url"] = self._address(marks, tls=tls)
        board = self._servers[os.getpid(), tls] if on_server else self._doors()
        tenant = self._made(self._item, settings) if target is None else self._real(target, settings, live, on_server)
        self._tenant, self._board = tenant, board
        board.plug(tenant)
        try:
            self._arrange(tenant, marks)
        except BaseException:
            board.unplug(tenant)
            raise
        environment = tenant.environment
        self._environment = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        with tenant.clock.lead() if sleep == "clock" and target is None else nullcontext():
            yield tenant
        board.unplug(tenant)
        if target is not None:
            target.tell(self._item, tenant)
        self._budgets.close()
        tenant.check()

    @pytest.fixture
    def reinfer_project(self, reinfer: FakeTenant) -> Iterator[str]:
        """The name of an empty project of the test's own, to write in: on a real tenant it is removed at the end.

        With it goes all that is in it. A project whose name starts with it and a dash is the test's own too.
        """
        __tracebackhide__ = True
        from pytest_reinfer.real import own_project  # noqa: PLC0415 -- for those alone that ask for it

        if self._live == "read":
            wrong(
                "live='read', and the test asks for `reinfer_project`, which is to write in: say live='write'", MARKER
            )
        with own_project(reinfer, self._item.nodeid, getattr(self._item, "reinfer_project", None)) as name:
            yield name

    def _real(self, target: Target, settings: dict[str, Any], may: Any, on_server: bool) -> FakeTenant:  # noqa: FBT001
        """The real tenant, as the fixture of a test."""
        __tracebackhide__ = True
        from pytest_reinfer.transports.guard import host_of  # noqa: PLC0415

        host = host_of(target.url)
        if host is not None:
            self._guarded.add(host)  # whoever has no door is stopped there
        if not on_server:
            settings["url"] = target.url
        try:
            return target.tenant(may, settings, self._unguarded)
        except (TypeError, ValueError) as error:
            wrong(error, MARKER)

    def _doors(self) -> Switchboard:
        """What leads this process to tenants without a server; opened with the first."""
        if self._switchboard is None:
            from pytest_reinfer.transports.switchboard import Switchboard  # noqa: PLC0415

            self._switchboard = Switchboard()
        return self._switchboard

    def _address(self, marks: Sequence[pytest.Mark], *, tls: bool) -> str:
        """The URL of the next tenant on the server of this process, which starts with the first."""
        __tracebackhide__ = True
        from pytest_reinfer.server import Server, tenant_url  # noqa: PLC0415

        for mark in marks:
            if mark.name == "reinfer" and mark.kwargs.get("url") is not None:
                wrong(
                    f"url={mark.kwargs['url']!r}: a tenant of the fixture `reinfer_server` answers on a port of this "
                    "machine, at a URL of its own",
                    MARKER,
                )
        place = os.getpid(), tls  # a forked process has no threads, and so no server
        if place not in self._servers:
            self._servers[place] = Server(tls=tls, pages=self._look_for_strays).start()
        return tenant_url(self._servers[place].url, f"test-{next(self._numbers)}")

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
        """Run a test more than once, where its marker says so."""
        for mark in item.iter_markers():
            if mark.name in RERUNS:
                from pytest_reinfer import reruns  # noqa: PLC0415

                reruns.protocol(item, nextitem, RERUNS)
                return True
        return None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Know which test runs, and whether it is read strictly."""
        self._item = item
        marks = (mark.kwargs["strict"] for mark in item.iter_markers("reinfer") if "strict" in mark.kwargs)
        strict = next(marks, self._strict)  # the closest marker before the option, which is for whole suites
        if strict not in (True, False):
            wrong(f"strict is True or False, not {strict!r}", MARKER)
        if strict:
            self._watch(strict=True)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Tell at the end of a test what it asked for and should not: as its failure, or beside the one it has."""
        self._stopped.clear()
        try:
            result = yield
        except BaseException as failure:
            faults = [] if self._tenant is None else [repr(each) for each in self._tenant.faults]
            left_out = () if self._tenant is None else self._tenant.left_out
            error = self._unexpected()
            if error is not None and str(error) not in str(failure):
                item.add_report_section("call", "reinfer", str(error))
            elif faults:
                item.add_report_section("call", "reinfer faults", "\n".join(faults))
            if self._exchanges is not None:
                left_out = (*left_out, *self._exchanges.left_out)
            if left_out:
                told = "\n".join(f"{rule.about} {rule.place}  [{rule.kind}: {rule.source}]" for rule in left_out)
                item.add_report_section("call", "reinfer: left out of answers, by min_evidence or strict", told)
            raise
        error = self._unexpected()
        if error is None:
            if self._tenant is None and item.own_markers:
                without_tenant(item)
            return result
        if error.__cause__ is not None:
            raise error
        return pytest.fail(str(error), pytrace=False)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_teardown(self) -> Generator[None, object, object]:
        """Put the environment back behind all fixtures, whichever of them changed it meanwhile."""
        exchanges = self._exchanges
        try:
            result = yield
            if exchanges is not None:
                exchanges.check()  # what fixtures ask for at their end
            return result
        finally:
            if exchanges is not None:
                exchanges.close()
            self._exchanges = None
            _put_back(self._environment)
            self._environment = {}
            self._tenant = self._board = None

    def _look_for_strays(self, request: Request) -> None:
        """Tell the test of a request that went to no tenant, neither its own nor one of an earlier test."""
        from pytest_reinfer.server import tenant_url  # noqa: PLC0415

        tenant = self._tenant  # of the test that runs in another thread
        if tenant is not None and not fnmatchcase(request.path, f"{tenant_url('', 'test-*')}*"):
            tenant.strayed(request)

    def _made(self, item: pytest.Item, settings: dict[str, Any]) -> FakeTenant:
        """The tenant of a test, as its settings and the setup hooks of its folder want it."""
        __tracebackhide__ = True
        from pytest_reinfer.fake import FakeTenant  # noqa: PLC0415
        from pytest_reinfer.transports.guard import host_of  # noqa: PLC0415

        try:
            tenant = FakeTenant(**settings)
        except (TypeError, ValueError) as error:
            wrong(error, MARKER)
        host = host_of(tenant.url)
        if host is not None:
            self._guarded.add(host)
        setup = item.ihook.pytest_reinfer_setup
        hooks = setup.get_hookimpls()
        if hooks:
            key = (tenant.seed, *(hook.function for hook in hooks))
            if key in self._snapshots:
                tenant.restore(self._snapshots[key])
            else:
                setup(tenant=tenant)
                if tenant.faults:
                    raise RuntimeError(
                        f"pytest_reinfer_setup put failures in force, {tenant.faults[0].plan}, and later tests would "
                        "not meet them: it runs once, and tests share what the tenant holds. Let a marker say it for "
                        "the tests it is meant for, such as pytestmark = pytest.mark.reinfer_fail(503), or a fixture "
                        "of your own."
                    )
                self._snapshots[key] = tenant.snapshot()
        return tenant

    def _settings(self, marks: Sequence[pytest.Mark]) -> dict[str, Any]:
        """What the tenant of a test is made with: the command line before the closest marker before the ini file."""
        settings = dict(self._default)
        for mark in marks:
            if mark.name == "reinfer":
                if mark.args:
                    wrong(f"{mark.args} given by position, not by name", MARKER)
                settings |= mark.kwargs
        return settings | self._chosen

    def _arrange(self, tenant: FakeTenant, marks: Sequence[pytest.Mark]) -> None:
        """Put in force what the markers of a test say, and what this run of it is for."""
        arrange = getattr(self._item, "reinfer_arrange", None)
        if arrange is not None:
            arrange(tenant)  # before other failures, which would have it wait
        if not tenant.live:  # nothing is marked to fail that is for a real one
            obey(marks, "reinfer_fail", tenant.fail, FAIL)
        obey(
            marks,
            "reinfer_budget",
            lambda *args, **kwargs: self._budgets.enter_context(tenant.budget(*args, **kwargs)),
            BUDGET,
        )

    def _unexpected(self) -> AssertionError | None:
        try:
            self._budgets.close()
            if self._tenant is not None:
                self._tenant.check()
            if self._exchanges is not None:
                self._exchanges.check()
        except AssertionError as error:
            return error
        return AssertionError("\n\n".join(dict.fromkeys(self._stopped))) if self._stopped else None

    def _without_proxies(self) -> dict[str, str | None]:
        """Let clients look for tenants themselves, where the guard sees them, and through no proxy; what stood there.

        Loads the contract, and so only where a proxy is set.
        """
        if not any(name.lower() in ("https_proxy", "http_proxy", "all_proxy") for name in os.environ):
            return {}
        from pytest_reinfer.transports.guard import hosts  # noqa: PLC0415

        name = "no_proxy" if "no_proxy" in os.environ else "NO_PROXY"
        before = os.environ.get(name)
        bare = {pattern.removeprefix("*") for pattern in hosts()} - set(self._allowed)
        os.environ[name] = ",".join(filter(None, [before, *sorted(bare)]))
        return {name: before}

    def _unguarded(self, *place: Any) -> Any:
        """What finds hosts, without the guard."""
        return self._guards[0].previous(*place)

    def _guarding(self, link: Link) -> Callable[..., Any]:
        """A resolver of `socket`, which does not find the hosts of tenants."""

        def resolve(host: Any, *args: Any, **kwargs: Any) -> Any:
            if link.open:
                self._refuse(host)
            return link.previous(host, *args, **kwargs)

        return resolve

    def _guarding_connect(self, link: Link) -> Callable[..., Any]:
        """A socket's way to an address, which may be told by a name."""

        def connect(own: socket, address: Any) -> Any:
            if link.open and isinstance(address, tuple) and isinstance(address[0], str):
                host = address[0]
                if not host.replace(".", "").isdigit() and ":" not in host:
                    self._refuse(host)
            return link.previous(own, address)

        return connect

    def _refuse(self, host: object) -> None:
        """Stop, and tell at the end of the test, whoever is about to reach a real tenant."""
        from pytest_reinfer.transports.guard import ReachedForTenant, hosts, refuse  # noqa: PLC0415

        try:
            refuse(host, (*hosts(), *self._guarded), self._allowed)
        except ReachedForTenant as reached:
            self._stopped.append(str(reached))
            raise


def _check_live(live: Any, marks: Sequence[pytest.Mark]) -> None:
    """Fail for a test that is marked for a real tenant, and cannot be run on one."""
    if live not in ("read", "write"):
        wrong(f"live is 'read' or 'write', not {live!r}", MARKER)
    sleeps = [mark.kwargs["sleep"] for mark in marks if mark.name == "reinfer" and "sleep" in mark.kwargs]
    if sleeps[-1:] == ["clock"]:
        wrong("live and sleep='clock': a real tenant has no clock of its own to lead the code to", MARKER)
    for mark in marks:
        if mark.name == "reinfer_fail" or mark.name in RERUNS:
            wrong(f"live and {mark.name}: a real tenant does not fail on demand; make two tests of it", MARKER)


def _put_back(environment: dict[str, str | None]) -> None:
    for name, value in environment.items():
        os.environ.pop(name, None) if value is None else os.environ.update({name: value})
