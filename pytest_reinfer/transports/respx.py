"""How the door for `httpx` stands beside `respx`, which patches what is beneath it: its stubs go before the tenant."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_reinfer.patching import Link, Replaced

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer.wire import Place

    Locate = Callable[[str], Place | None]


def _mocker() -> Any:
    """What holds the routers that are started; None where `respx` is not imported."""
    return getattr(sys.modules.get("respx.mocks"), "HTTPCoreMocker", None)


def started() -> bool:
    """Whether there are stubs that go before the tenant."""
    return bool(getattr(_mocker(), "routers", ()))


def has_stub(request: Any) -> bool:
    """Whether one of them is for a request, whose body is read."""
    patterns = [route.pattern for router in _mocker().routers for route in router.routes]
    return any(pattern is None or pattern.match(request) for pattern in patterns)


def _handler(locate: Locate, *, awaited: bool) -> Callable[[Link], Callable[..., Any]]:
    """What a router does with a request; one of a tenant's without a stub goes on."""

    def make(link: Link) -> Callable[..., Any]:
        def passes(request: Any) -> None:
            if link.open and locate(str(request.url)) is not None and not has_stub(request):
                passing: Any = sys.modules["respx.models"]
                raise passing.PassThrough("The request is a tenant's.", request=request, origin=None)

        def handler(request: Any) -> Any:
            passes(request)
            return link.previous(request)

        async def async_handler(request: Any) -> Any:
            passes(request)
            return await link.previous(request)

        return async_handler if awaited else handler

    return make


def doors(locate: Locate) -> list[Replaced]:
    """What lets `respx`, while it is open, leave to the tenant what it has no stub for."""
    ways = (("handler", False), ("async_handler", True))
    mocker = _mocker()  # none in a stub of the whole package
    return [Replaced(mocker, name, _handler(locate, awaited=awaited)) for name, awaited in ways if mocker is not None]
