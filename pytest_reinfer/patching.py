"""Replacing an attribute of somebody else's class, so that replacements may end in any order."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LOCK = threading.Lock()  # of the replacing alone: two threads may open tenants at once


class Link:
    """One replacement: `previous` is what stood there before, and is what a closed link leads to."""

    __slots__ = ("open", "previous")

    def __init__(self, previous: Any) -> None:
        self.previous = previous
        self.open = True


def _link(replacement: Any) -> Link | None:
    """The link of a replacement of ours; None for what anybody else put there."""
    return getattr(replacement, "reinfer_link", None)


@contextmanager
def replaced(owner: Any, name: str, make: Callable[[Link], Callable[..., Any]]) -> Iterator[None]:
    """Put `make(link)` in the place of an attribute until the end.

    Other patches, ours and foreign ones, may come and go meanwhile, also such as outlast this one: a replacement of
    ours is taken out of the chain where only ours stand above it, and else stays as a link that leads on.
    """
    with LOCK:
        current = getattr(owner, name)
        while (below := _link(current)) is not None and not below.open:
            current = below.previous
        link = Link(current)
        replacement = make(link)
        replacement.reinfer_link = link  # type: ignore[attr-defined]
        setattr(owner, name, replacement)
    try:
        yield
    finally:
        with LOCK:
            link.open = False
            above, current = None, getattr(owner, name)
            while (here := _link(current)) is not None and here is not link:
                above, current = here, here.previous
            if here is link and above is None:
                setattr(owner, name, link.previous)
            elif here is link and above is not None:
                above.previous = link.previous
