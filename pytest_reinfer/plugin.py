"""The pytest plugin: imports pytest and nothing heavy, so that being installed costs nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer.patching import Link, replaced

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    from pytest_reinfer import FakeTenant
    from pytest_reinfer.tenant import Tenant

    Setup = Callable[[FakeTenant], object]

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


GUARD = pytest.StashKey[Guard]()
TENANT = pytest.StashKey["FakeTenant"]()


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
    config.stash[GUARD] = guard = Guard(set(), allowed, [])
    guarding = replaced(socket, "getaddrinfo", lambda link: _guarded(guard, link))
    guarding.__enter__()
    config.add_cleanup(lambda: guarding.__exit__(None, None, None))


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


@pytest.fixture(scope="session")
def reinfer_setup() -> Setup | None:
    """What every tenant of the session starts with: override it to return a function that fills a `FakeTenant`.

    The function runs once per seed and not once per test: each test gets a tenant of its own that shares what it does
    not change.
    """
    return None


@pytest.fixture(scope="session")
def _reinfer_snapshots() -> dict[tuple[Setup, int], Tenant]:
    """What `reinfer_setup` made, by seed."""
    return {}


@pytest.fixture
def reinfer(
    request: pytest.FixtureRequest,
    reinfer_setup: Setup | None,
    _reinfer_snapshots: dict[tuple[Setup, int], Tenant],
) -> Iterator[FakeTenant]:
    """A fresh fake re:infer tenant: what this test sends to `reinfer.url` by `requests` is answered in-process.

    `REINFER_ENDPOINT` and `REINFER_TOKEN` are set to its `url` and `token` while the test runs.
    """
    from pytest_reinfer.fake import FakeTenant  # noqa: PLC0415
    from pytest_reinfer.transports.guard import host_of  # noqa: PLC0415

    tenant = FakeTenant(**_settings(request))
    if reinfer_setup is not None:
        key = reinfer_setup, tenant.seed
        if key not in _reinfer_snapshots:
            reinfer_setup(tenant)
            _reinfer_snapshots[key] = tenant.snapshot()
        else:
            tenant.restore(_reinfer_snapshots[key])
    host = host_of(tenant.url)
    if host is not None:
        request.config.stash[GUARD].hosts.add(host)
    before = {name: os.environ.get(name) for name in ("REINFER_ENDPOINT", "REINFER_TOKEN")}
    os.environ.update(REINFER_ENDPOINT=tenant.url, REINFER_TOKEN=tenant.token)
    request.node.stash[TENANT] = tenant
    try:
        with tenant:
            yield tenant
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _settings(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the tenant of a test is made with: the command line before the closest marker before the ini file."""
    config = request.config
    settings: dict[str, Any] = {"seed": int(config.getini("reinfer_seed")), "url": config.getini("reinfer_url") or None}
    for marker in reversed(list(request.node.iter_markers("reinfer"))):
        if marker.args:
            raise TypeError(f"@pytest.mark.reinfer takes keywords only: {MARKER}")
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


def _unexpected(item: pytest.Item) -> AssertionError | None:
    tenant = item.stash.get(TENANT, None)
    try:
        if tenant is not None:
            tenant.check()
    except AssertionError as error:
        return error
    stopped = item.config.stash[GUARD].stopped
    return AssertionError("\n\n".join(dict.fromkeys(stopped))) if stopped else None
