"""Whether what was to be stored is stored once: the verdict on a client that repeats what got no answer."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sized
from typing import TYPE_CHECKING, Any

from pytest_reinfer import given
from pytest_reinfer.tenant import encode, row_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_reinfer.wire import JSON

SHOWN = 10  # so many items of a sort a failure shows


def once(expected: Iterable[Any], stored: Sequence[JSON], key: Callable[[JSON], object] | None) -> str | None:
    """What is wrong where items are not stored once each, in words; None where nothing is.

    Items are told apart by `key`, which is given stored comments, and those of the expected items that are objects; by
    default by all that was uploaded but the id.
    """
    __tracebackhide__ = True
    wanted = given.several("assert_no_duplicates_or_losses", "comments", expected)
    if not wanted and not isinstance(expected, Sized):
        raise ValueError("assert_no_duplicates_or_losses: comments is an iterator that has ended. Give a list.")
    if key is None:
        objects = [
            given.an_object(
                "assert_no_duplicates_or_losses", {"id": str(number), **item} if isinstance(item, dict) else item
            )
            for number, item in enumerate(wanted)
        ]
        uploads = given.checked("assert_no_duplicates_or_losses", objects)
        to_be = Counter(_content(json.loads(row_of("", upload, 0, 0).data)) for upload in uploads)
        there = Counter(map(_content, stored))
    else:
        to_be = Counter(str(key(item) if isinstance(item, dict) else item) for item in wanted)
        there = Counter(str(key(comment)) for comment in stored)
    several = there - Counter({name: max(times, 1) for name, times in to_be.items()})
    sorts = {
        "stored more than once": [f"{there[name]} times: {name}" for name in to_be if there[name] > to_be[name]],
        "never stored": [name for name in to_be if there[name] < to_be[name]],
        "stored, and not expected": [name for name in several if name not in to_be],
    }
    if not sorts["stored more than once"] and not sorts["never stored"]:
        return None
    return "\n".join(_listed(sort, names) for sort, names in sorts.items() if names)


def _content(comment: JSON) -> str:
    """What was uploaded, without the id."""
    fields = {name: comment[name] for name in sorted(given.upload_fields()) if name in comment and name != "id"}
    return encode(fields).decode()


def _listed(sort: str, names: list[str]) -> str:
    more = [f"  ... and {len(names) - SHOWN} more"] if len(names) > SHOWN else []
    return "\n".join([f"{len(names)} {sort}:", *(f"  {name:.200}" for name in names[:SHOWN]), *more])
