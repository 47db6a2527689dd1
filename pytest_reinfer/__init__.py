"""A fake UiPath Communications Mining (re:infer) tenant for pytest: `FakeTenant`, and the fixture `reinfer`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["FakeTenant", "RouteNotBuilt", "UnexpectedRequests"]

if TYPE_CHECKING:
    from pytest_reinfer.fake import FakeTenant
    from pytest_reinfer.refusal import RouteNotBuilt
    from pytest_reinfer.unexpected import UnexpectedRequests


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: pytest imports this package at every start."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_reinfer import fake, refusal, unexpected  # noqa: PLC0415

    return next(getattr(module, name) for module in (fake, refusal, unexpected) if hasattr(module, name))
