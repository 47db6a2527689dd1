"""The threads of a source: comments that share a `thread_id`, and what is known of them."""

from __future__ import annotations

import json
import re
from itertools import chain
from typing import TYPE_CHECKING, Final

from pytest_reinfer.comments import MARKED
from pytest_reinfer.tenant import SECOND, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_reinfer.comments import Comments, Row
    from pytest_reinfer.wire import JSON

RECIPIENTS: Final = ("to", "cc", "bcc")
KEY: Final = b'"thread_id":'
TEXT: Final = re.compile(rb'"(?:[^"\\]|\\.)*"')


def threads(table: Comments) -> dict[str, list[Row]]:
    """The comments of each thread by their timestamp, the thread of the first comment first."""
    return {json.loads(thread): rows for thread, rows in _threads(table).items()}


def properties(table: Comments, rows: Iterable[Row]) -> list[JSON]:
    """What is known of the thread of each of these comments; one without `thread_id` is a thread by itself."""
    found = _threads(table)
    known: dict[bytes, JSON] = {}
    told = []
    for row in rows:
        thread = _thread_of(row)
        if thread is None:
            told.append({**_facts([row]), "thread_position": 1})
            continue
        if thread not in known:
            known[thread] = _facts(found[thread])
        told.append({**known[thread], "thread_position": found[thread].index(row) + 1})
    return told


def _threads(table: Comments) -> dict[bytes, list[Row]]:
    found: dict[bytes, list[Row]] = {}
    for row in table.orders["timestamp"]:
        thread = _thread_of(row)
        if thread is not None:
            found.setdefault(thread, []).append(row)
    return found


def _thread_of(row: Row) -> bytes | None:
    """The JSON of a comment's `thread_id`, read without the rest of it: a source may have many."""
    at = row.data.find(KEY)
    if at < 0:
        return None
    if MARKED in row.data:  # which may have such a key inside
        whole = json.loads(row.data)
        return encode(whole["thread_id"]) if "thread_id" in whole else None
    found = TEXT.match(row.data, at + len(KEY))
    return None if found is None else found[0]


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
