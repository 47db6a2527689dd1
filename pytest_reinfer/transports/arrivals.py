"""Doors for clients that a process may have or not: opened when, and only when, their package is imported."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from importlib import import_module
from importlib.abc import Loader
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from pytest_reinfer.patching import Replaced
    from pytest_reinfer.wire import Place

    Locate = Callable[[str], Place | None]


def _of_httpx(locate: Locate) -> list[Replaced]:
    from pytest_reinfer.transports import httpx  # noqa: PLC0415

    return httpx.doors(locate, "httpx")


def _of_httpx2(locate: Locate) -> list[Replaced]:
    from pytest_reinfer.transports import httpx  # noqa: PLC0415

    return httpx.doors(locate, "httpx2")


def _of_aiohttp(locate: Locate) -> list[Replaced]:
    from pytest_reinfer.transports import aiohttp  # noqa: PLC0415

    return aiohttp.doors(locate)


def _of_uvloop(_: Locate) -> list[Replaced]:
    from pytest_reinfer.transports import guard  # noqa: PLC0415

    return guard.uvloop_guards(sys.modules["uvloop"].Loop)


def _of_respx(locate: Locate) -> list[Replaced]:
    from pytest_reinfer.transports import respx  # noqa: PLC0415

    return respx.doors(locate)


DOORS: Final[dict[str, Callable[[Locate], list[Replaced]]]] = {  # by the package of the client
    "aiohttp": _of_aiohttp,
    "httpx": _of_httpx,
    "httpx2": _of_httpx2,
    "respx": _of_respx,
    "uvloop": _of_uvloop,  # no client, but what resolves for clients
}


class _Opened(NamedTuple):
    """The doors of a package, and the module that they were opened at: it may be imported anew."""

    module: ModuleType
    doors: list[Replaced]


class Arrivals:
    """Opens the doors of each package at once if it is imported, or else as soon as it is."""

    def __init__(self, locate: Locate) -> None:
        self._locate = locate
        self._lock = threading.Lock()
        self._open = False
        self._opened: dict[str, _Opened] = {}
        self._left: list[Replaced] = []  # the doors of modules that were imported anew meanwhile

    @property
    def on_top(self) -> bool:
        """Whether every door is open that should be, with nothing over it."""
        loaded = [(name, module) for name in DOORS if (module := sys.modules.get(name)) is not None]
        return (
            self in sys.meta_path
            and all(name in self._opened and self._opened[name].module is module for name, module in loaded)
            and all(door.on_top for opened in self._opened.values() for door in opened.doors)
        )

    def open(self) -> Arrivals:
        """Look out for packages."""
        self._open = True
        sys.meta_path.insert(0, self)
        for name in DOORS:
            if sys.modules.get(name) is not None:  # None is how a test hides a package
                self.arrived(name, import_module(name))  # another thread may be about to import it: waits for that
        return self

    def close(self) -> None:
        """Close the doors, and look out no longer."""
        with self._lock:
            self._open = False
            doors = [*self._left, *(door for opened in self._opened.values() for door in opened.doors)]
            self._left, self._opened = [], {}
        with suppress(ValueError):  # who keeps a copy of the list may have put it back without us
            sys.meta_path.remove(self)
        for door in reversed(doors):
            door.close()

    def arrived(self, name: str, module: ModuleType) -> None:
        """Open the doors of a package that is there."""
        doors = DOORS[name](self._locate)
        with self._lock:
            before = self._opened.get(name)
            if not self._open or (before is not None and before.module is module):
                return
            if before is not None:
                self._left += before.doors
            self._opened[name] = _Opened(module, [door.open() for door in doors])

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> Any:
        """Find a package as the finders behind this one do, and be told when it is loaded."""
        if name not in DOORS or self not in sys.meta_path:
            return None
        for finder in sys.meta_path[sys.meta_path.index(self) + 1 :]:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None:
                    spec.loader = _Telling(spec.loader)
                return spec
        return None


class _Telling(Loader):
    """The loader of a package, which tells when it has loaded it; to whoever asks for more it is the loader itself."""

    def __init__(self, loader: Any) -> None:
        super().__init__()
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """What to load it into."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Load it, and leave no trace in it."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for finder in tuple(sys.meta_path):  # also those that came while it was being loaded
            if isinstance(finder, Arrivals):
                finder.arrived(module.__name__, sys.modules[module.__name__])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
