"""The threads of a source: comments that share a `thread_id`, and what is known of them."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from pytest_reinfer.tenant import SECOND

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_reinfer.comments import Comments, Row
    from pytest_reinfer.wire import JSON

RECIPIENTS: Final = ("to", "cc", "bcc")
THREAD: Final = re.compile(rb'"thread_id":("(?:[^"\\]|\\.)*")')


def threads(table: Comments) -> dict[str, list[Row]]:
    """The comments of each thread by their timestamp, the thread of the first comment first."""
    found: dict[str, list[Row]] = {}
    for row in table.orders["timestamp"]:
        thread_id = _thread_of(row)
        if thread_id is not None:
            found.setdefault(thread_id, []).append(row)
    return found


def properties(table: Comments, rows: Iterable[Row]) -> list[JSON]:
    """What is known of the thread of each of these comments; one without `thread_id` is a thread by itself."""
    found = threads(table)
    known: dict[str, JSON] = {}
    told = []
    for row in rows:
        thread_id = _thread_of(row)
        if thread_id is None:
            told.append({**_facts([row]), "thread_position": 1})
            continue
        if thread_id not in known:
            known[thread_id] = _facts(found[thread_id])
        told.append({**known[thread_id], "thread_position": found[thread_id].index(row) + 1})
    return told


def _thread_of(row: Row) -> str | None:
    """The thread of a comment, read without the rest of it: a source may have many."""
    if b'_markup":' in row.data:  # which may have such a key inside
        whole: str | None = json.loads(row.data).get("thread_id")
        return whole
    found = THREAD.search(row.data)
    return None if found is None else str(json.loads(found[1]))


def _facts(rows: Sequence[Row]) -> JSON:
    messages = [json.loads(row.data)["messages"] for row in rows]
    senders = [next((each["from"] for each in several if "from" in each), None) for several in messages]
    begun = rows[0].timestamp
    answered = [row.timestamp for row, sender in zip(rows, senders, strict=True) if sender not in (senders[0], None)]
    named = set[str]()
    for each in chain.from_iterable(messages):
        named.update([each["from"]] if "from" in each else (), *(each.get(name, ()) for name in RECIPIENTS))
    return {
        "duration": (rows[-1].timestamp - begun) / SECOND if rows[1:] else None,
        "response_time": (answered[0] - begun) / SECOND if answered else None,
        "first_sender": senders[0],
        "num_messages": sum(map(len, messages)),
        "num_participants": len(named),
    }
