"""HTML from small functions: whatever is put in as plain text is escaped, in one place."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

EMPTY: Final = frozenset({"input", "link", "meta", "wbr"})  # elements that have no end


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def joined(parts: Iterable[object]) -> Html:
    """Parts behind each other: HTML as it is, all else as the text it is; None is nothing."""
    return Html("".join(part if isinstance(part, Html) else escape(str(part)) for part in parts if part is not None))


def tag(name: str, /, *inside: object, **attributes: str | int | bool | None) -> Html:
    """An element. An attribute that is True stands alone, one that is False or None is left out.

    `_` in its name is a hyphen, and left out at the end.
    """
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{given}>" if name in EMPTY else f"<{name}{given}>{joined(inside)}</{name}>")
