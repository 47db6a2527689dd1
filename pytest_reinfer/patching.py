"""Replacing an attribute of somebody else's class, so that replacements may end in any order."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from collections.abc import Callable

LOCK = threading.Lock()  # of the replacing alone: two threads may open tenants at once


class Link:
    """One replacement: `previous` is what stood there before, and is what a closed link leads to."""

    __slots__ = ("open", "previous")

    def __init__(self, previous: Any) -> None:
        self.previous = previous
        self.open = True


def _link(replacement: Any) -> Link | None:
    """The link of a replacement of ours; None for what anybody else put there."""
    link = getattr(replacement, "reinfer_link", None)
    return link if isinstance(link, Link) else None  # a mock has every attribute


class Replaced:
    """Puts `make(link)` in the place of an attribute, from `open` to `close` or for a with block.

    Other patches, ours and foreign ones, may come and go meanwhile, also such as outlast this one: a replacement of
    ours is taken out of the chain where only ours stand above it, and else stays as a link that leads on.
    """

    __slots__ = ("_link", "_make", "_name", "_owner", "_replacement")

    def __init__(self, owner: Any, name: str, make: Callable[[Link], Callable[..., Any]]) -> None:
        self._owner = owner
        self._name = name
        self._make = make
        self._link: Link | None = None
        self._replacement: Callable[..., Any] | None = None

    @property
    def on_top(self) -> bool:
        """Whether the attribute is this replacement, with nothing over it."""
        return getattr(self._owner, self._name) is self._replacement

    @property
    def previous(self) -> Any:
        """What stood there before, while it is open."""
        return getattr(self._owner, self._name) if self._link is None else self._link.previous

    def open(self) -> Self:
        """Replace the attribute."""
        with LOCK:
            current = getattr(self._owner, self._name)
            while (below := _link(current)) is not None and not below.open:
                current = below.previous
            self._link = link = Link(current)
            self._replacement = replacement = self._make(link)
            replacement.reinfer_link = link  # type: ignore[attr-defined] # a function takes attributes
            setattr(self._owner, self._name, replacement)
        return self

    def close(self) -> None:
        """Take the replacement out, or let it lead on."""
        link = self._link
        if link is None:
            return
        with LOCK:
            link.open = False
            above, current = None, getattr(self._owner, self._name)
            while (here := _link(current)) is not None and here is not link:
                above, current = here, here.previous
            if here is link and above is None:
                setattr(self._owner, self._name, link.previous)
            elif here is link and above is not None:
                above.previous = link.previous

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()
