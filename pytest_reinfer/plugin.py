"""The pytest plugin: imports pytest and nothing heavy, so that being installed costs nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer.patching import Link, Replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.tenant import Tenant

MARKER = (
    "reinfer(*, url=None, seed=None, unknown_routes='fail', unbuilt_routes='fail', log_bodies=65536): "
    "how the fixture `reinfer` makes its tenant. url: where it answers; seed: what ids and generated content follow "
    "from; unknown_routes, unbuilt_routes: 'allow' lets a test ask for routes that the API does not have or that the "
    "fake does not build; log_bodies: bytes of a request's body that are kept in `reinfer.requests`."
)


@dataclass(slots=True)
class Guard:
    """The guard of a session: hosts of tenants beside the service's own, and what was stopped."""

    hosts: set[str]
    allowed: tuple[str, ...]
    stopped: list[str]


GUARD: pytest.StashKey[Guard] = pytest.StashKey()
TENANT: pytest.StashKey[FakeTenant] = pytest.StashKey()
ENVIRONMENT: pytest.StashKey[dict[str, str | None]] = pytest.StashKey()  # as it was before the test
SNAPSHOTS: pytest.StashKey[dict[tuple[object, ...], Tenant]] = (
    pytest.StashKey()
)  # what the setup hooks made, by seed and hooks


class Hooks:
    """The hooks of the plugin, for conftest files."""

    @pytest.hookspec
    def pytest_reinfer_setup(self, tenant: FakeTenant) -> None:
        """Fill the tenant that every test below this conftest starts with.

        Called once per seed and not once per test: each test has a tenant of its own, which shares what it does not
        change.
        """


def pytest_addhooks(pluginmanager: pytest.PytestPluginManager) -> None:
    """Declare the hooks."""
    pluginmanager.add_hookspecs(Hooks)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options and ini settings, all of them named after the plugin."""
    group = parser.getgroup("reinfer", "fake re:infer tenant (pytest-reinfer)")
    group.addoption(
        "--reinfer-seed", dest="reinfer_seed", type=int, help="seed of every fixture `reinfer` (default: 0)"
    )
    parser.addini("reinfer_seed", "seed of the fixture `reinfer`", default="0")
    parser.addini("reinfer_url", "where the tenant of the fixture `reinfer` answers", default="")
    parser.addini("reinfer_allow_hosts", "hosts of real tenants that tests may reach", type="linelist", default=[])


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, and guard the host names of tenants until the end of the session."""
    import socket  # noqa: PLC0415 -- pytest has imported it

    config.addinivalue_line("markers", MARKER)
    allowed = tuple(config.getini("reinfer_allow_hosts"))
    config.stash[SNAPSHOTS] = {}
    config.stash[GUARD] = guard = Guard(set(), allowed, [])
    config.add_cleanup(Replaced(socket, "getaddrinfo", lambda link: _guarded(guard, link)).open().close)


def _guarded(guard: Guard, link: Link) -> Callable[..., Any]:
    def getaddrinfo(host: Any, *args: Any, **kwargs: Any) -> Any:
        if link.open:
            from pytest_reinfer.transports.guard import ReachedForTenant, hosts, refuse  # noqa: PLC0415

            try:
                refuse(host, tuple(name for name in (*hosts(), *guard.hosts)), guard.allowed)
            except ReachedForTenant as reached:
                guard.stopped.append(str(reached))
                raise
        return link.previous(host, *args, **kwargs)

    return getaddrinfo


@pytest.fixture
def reinfer(request: pytest.FixtureRequest) -> Iterator[FakeTenant]:
    """A fresh fake re:infer tenant: what this test sends to `reinfer.url` by `requests` is answered in-process.

    `REINFER_ENDPOINT` and `REINFER_TOKEN` are set to its `url` and `token` until the test has ended. What every tenant
    starts with can be told by the hook `pytest_reinfer_setup`, in a conftest.py.
    """
    item = request.node
    item.stash[TENANT] = tenant = _tenant(item)
    item.stash[ENVIRONMENT] = {name: os.environ.get(name) for name in ("REINFER_ENDPOINT", "REINFER_TOKEN")}
    os.environ.update(REINFER_ENDPOINT=tenant.url, REINFER_TOKEN=tenant.token)
    with tenant:
        yield tenant


def _tenant(item: pytest.Item) -> FakeTenant:
    """The tenant of a test, as its settings and the setup hooks of its folder want it."""
    from pytest_reinfer.fake import FakeTenant  # noqa: PLC0415
    from pytest_reinfer.transports.guard import host_of  # noqa: PLC0415

    try:
        tenant = FakeTenant(**_settings(item))
    except TypeError as error:
        raise TypeError(f"{error}. The marker is @pytest.mark.{MARKER}") from None
    host = host_of(tenant.url)
    if host is not None:
        item.config.stash[GUARD].hosts.add(host)
    setup = item.ihook.pytest_reinfer_setup
    hooks = setup.get_hookimpls()
    if hooks:
        snapshots = item.config.stash[SNAPSHOTS]
        key = (tenant.seed, *(hook.function for hook in hooks))
        if key in snapshots:
            tenant.restore(snapshots[key])
        else:
            setup(tenant=tenant)
            snapshots[key] = tenant.snapshot()
    return tenant


def _settings(item: pytest.Item) -> dict[str, Any]:
    """What the tenant of a test is made with: the command line before the closest marker before the ini file."""
    config = item.config
    settings: dict[str, Any] = {"seed": int(config.getini("reinfer_seed")), "url": config.getini("reinfer_url") or None}
    for marker in reversed(list(item.iter_markers("reinfer"))):
        if marker.args:
            raise TypeError(f"{marker.args} given by position: it takes keywords only")
        settings |= marker.kwargs
    if config.getoption("reinfer_seed") is not None:
        settings["seed"] = config.getoption("reinfer_seed")
    return {name: value for name, value in settings.items() if value is not None}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tell at the end of a test what it asked for and should not have: as its failure, or beside the one it has."""
    stopped = item.config.stash[GUARD].stopped
    stopped.clear()
    try:
        result = yield
    except BaseException as failure:
        error = _unexpected(item)
        if error is not None and str(error) not in str(failure):
            item.add_report_section("call", "reinfer", str(error))
        raise
    error = _unexpected(item)
    if error is None:
        return result
    if error.__cause__ is not None:
        raise error
    return pytest.fail(str(error), pytrace=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, object, object]:
    """Put the environment back behind all fixtures, whichever of them changed it meanwhile."""
    try:
        return (yield)
    finally:
        for name, value in item.stash.get(ENVIRONMENT, {}).items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def _unexpected(item: pytest.Item) -> AssertionError | None:
    tenant = item.stash.get(TENANT, None)
    try:
        if tenant is not None:
            tenant.check()
    except AssertionError as error:
        return error
    stopped = item.config.stash[GUARD].stopped
    return AssertionError("\n\n".join(dict.fromkeys(stopped))) if stopped else None
