"""Doors of packages that may be imported or not: open when they are, and gone without a trace."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from contextlib import nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from conftest import in_threads

from pytest_reinfer import FakeTenant
from pytest_reinfer.transports.arrivals import DOORS, Arrivals

if TYPE_CHECKING:
    from collections.abc import Iterator

DATASETS = "/api/v1/datasets"


@pytest.fixture
def forgotten(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if nobody had imported httpx, nor asked for `reinfer`; behind it, who has will find it as it was."""
    session: Any = request.config.pluginmanager.get_plugin("reinfer-session")
    if session._switchboard is not None:  # noqa: SLF001
        session._switchboard.close()  # noqa: SLF001 -- until the next test that asks for the fixture
    for name in [name for name in sys.modules if name.partition(".")[0] == "httpx"]:
        monkeypatch.delitem(sys.modules, name)
    finders = list(sys.meta_path)
    yield
    assert sys.meta_path == finders
    for name in [name for name in sys.modules if name.partition(".")[0] == "httpx"]:
        del sys.modules[name]


def status(package: Any, tenant: FakeTenant) -> int:
    with package.Client(verify=False) as client:
        return int(client.get(tenant.url + DATASETS, headers=tenant.headers).status_code)


def test_a_package_that_is_imported_late_is_answered_and_afterwards_as_it_came(forgotten: None) -> None:
    with FakeTenant() as one, FakeTenant("https://other.example") as two:
        package = importlib.import_module("httpx")
        assert package is not httpx
        assert status(package, one) == status(package, two) == 200
    assert package.__spec__ is not None
    assert package.__loader__ is package.__spec__.loader
    assert "arrivals" not in type(package.__loader__).__module__
    assert package.HTTPTransport.handle_request.__module__ == package.AsyncHTTPTransport.aclose.__module__


def test_a_package_that_is_imported_anew_is_answered_as_well(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    with FakeTenant() as tenant:
        packages = []
        for _ in range(2):
            for name in [name for name in sys.modules if name.partition(".")[0] == "httpx"]:
                del sys.modules[name]
            packages.append(importlib.import_module("httpx"))
        assert packages[0] is not packages[1]
        assert [status(package, tenant) for package in packages] == [200, 200]
    assert not any(hasattr(package.HTTPTransport.handle_request, "reinfer_link") for package in packages)


def test_who_looks_for_a_package_finds_it_and_imports_nothing(forgotten: None) -> None:
    with FakeTenant():
        spec = importlib.util.find_spec("httpx")
        assert spec is not None
        assert spec.loader is not None
        assert "httpx" not in sys.modules
        assert spec.origin == httpx.__file__
        assert spec.loader.get_filename("httpx") == httpx.__file__  # type: ignore[attr-defined] # of the loader behind it
        assert importlib.util.find_spec("httpx._client") is not None
        assert importlib.util.find_spec("a_package_that_is_not_there") is None


def test_a_package_that_is_not_installed_is_not_found(forgotten: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.setattr(sys, "path_importer_cache", {})
    with FakeTenant():
        finders = [each for each in sys.meta_path if isinstance(each, Arrivals)]
        assert [finder.find_spec("httpx") for finder in finders] == [None]


@pytest.mark.parametrize("name", ["httpx", "respx"])
@pytest.mark.parametrize("stand_in", [None, ModuleType("stub")], ids=["hidden", "a stub"])
def test_a_package_that_a_test_hides_or_stubs_does_no_harm(
    forgotten: None, monkeypatch: pytest.MonkeyPatch, stand_in: Any, name: str
) -> None:
    monkeypatch.delitem(sys.modules, "respx.mocks", raising=False)
    monkeypatch.setitem(sys.modules, name, stand_in)
    with FakeTenant():
        assert sys.modules[name] is stand_in


def test_many_threads_import_it_while_tenants_come_and_go(forgotten: None) -> None:
    start = threading.Barrier(4)

    def work(number: int) -> None:
        start.wait()
        for turn in range(5):
            with FakeTenant(f"https://t{number}-{turn}.example") as tenant:
                assert status(importlib.import_module("httpx"), tenant) == 200

    in_threads(work, 4)
    assert not hasattr(importlib.import_module("httpx").HTTPTransport.handle_request, "reinfer_link")


@pytest.mark.parametrize("beside", [False, True])
def test_a_finder_that_somebody_puts_back_opens_no_door(forgotten: None, beside: bool) -> None:  # noqa: FBT001
    with FakeTenant():
        stale = next(each for each in sys.meta_path if isinstance(each, Arrivals))
    sys.meta_path.append(stale)
    with FakeTenant("https://other.example") if beside else nullcontext():
        package = importlib.import_module("httpx")
    sys.meta_path.remove(stale)
    assert not hasattr(package.HTTPTransport.handle_request, "reinfer_link")


def test_doors_that_were_covered_are_told_and_can_be_opened_again() -> None:
    arrivals = Arrivals(lambda _: None).open()
    try:
        assert arrivals.on_top
        sys.meta_path.remove(arrivals)  # as who restores the list does
        assert not arrivals.on_top
        arrivals.close()
        assert arrivals.open().on_top
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(httpx.HTTPTransport, "handle_request", lambda *_: None)
            assert not arrivals.on_top
        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "httpx", ModuleType("httpx"))
            assert not arrivals.on_top
    finally:
        arrivals.close()
    assert not arrivals.on_top
    assert {"httpx", "httpx2", "respx"} <= set(DOORS)
