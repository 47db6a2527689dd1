"""Table 8: uploads of whole batches, beside what reading their JSON and storing their comments costs by itself."""

from __future__ import annotations

import gc
import json
import statistics
import time
from typing import TYPE_CHECKING, Any

from benchmarks import harness
from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.comments import Comments, Row
from pytest_reinfer.tenant import encode
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable

SYNC = "/api/v1/sources/acme/mail/sync"
MOST = contract.node("routes/sync_comments.json#/properties/body/properties/comments")["maxItems"]
LIMIT = 3  # times json.loads of the body, beside the storing
CASES = ("new", "sent again as it was", "another thread_id", "another text")


def batch() -> list[dict[str, Any]]:
    """As many generated mails as a batch may hold, of one short message each: some 9 MB as `requests` sends them."""
    tenant = FakeTenant()
    fields = ("id", "timestamp", "messages", "thread_id", "user_properties")
    found = []
    for each in tenant.comments(tenant.add_source("acme/mail", comments=MOST)):
        comment = {name: each[name] for name in fields if name in each}
        first = each["messages"][0]
        message = {name: first[name] for name in ("from", "to", "sent_at", "subject") if name in first}
        comment["messages"] = [{**message, "body": {"text": first["body"]["text"][:40]}}]
        found.append(comment)
    return found


def body(comments: list[dict[str, Any]]) -> bytes:
    """The JSON of a batch as `requests` makes it."""
    return json.dumps({"comments": comments}).encode()


def timed(call: Callable[[], object]) -> float:
    """Seconds of CPU that a call takes; the collector of garbage runs as ever, and has run before."""
    gc.collect()
    started = time.process_time()
    call()
    return time.process_time() - started


def storing(rows: list[Row], comments: list[dict[str, Any]], there: list[Row]) -> Callable[[], object]:
    """Storing alone: comments that are ready are encoded, and their rows put in their places; in those of others."""
    table = Comments()
    if there:
        table.add(there)

    def store() -> None:
        new = [row._replace(data=encode(comment)) for row, comment in zip(rows, comments, strict=True)]
        if there:
            table.replace(*new)
        else:
            table.add(new)

    return store


def measure(report: harness.Report) -> None:
    """Send a batch of each kind in turn, each beside its floor and its storing."""
    comments = batch()
    texts = [{**each, "messages": [{**each["messages"][0], "body": {"text": "Other"}}]} for each in comments]
    threads = [{**each, "thread_id": "other"} for each in comments]
    sent = dict(zip(CASES, map(body, (comments, comments, threads, texts)), strict=True))
    print(f"{MOST:,} comments, {len(sent['new']) / 1e6:.1f} MB")
    seconds: dict[str, list[tuple[float, float, float]]] = {case: [] for case in CASES}
    for _ in range(3 if report.quick else 15):
        for case in CASES:
            tenant = FakeTenant()
            source = tenant.add_source("acme/mail")
            headers = {"content-type": "application/json"} | {k.lower(): v for k, v in tenant.headers.items()}

            def call(case: str, tenant: FakeTenant = tenant, headers: dict[str, str] = headers) -> None:
                answer = tenant.answer(Request("POST", SYNC, "", headers, sent[case]))
                assert answer.status == 200, answer.body

            if case != "new":
                call("new")
            there = list(tenant._state.comments[source.id].rows.values())  # noqa: SLF001 -- no copies
            floor = timed(lambda case=case: json.loads(sent[case]))  # type: ignore[misc] # called at once
            whole = timed(lambda case=case, call=call: call(case))  # type: ignore[misc]
            rows = list(tenant._state.comments[source.id].rows.values())  # noqa: SLF001
            store = 0.0
            if case != "sent again as it was":
                store = timed(storing(rows, [json.loads(row.data) for row in rows], there))
            floor = (floor + timed(lambda case=case: json.loads(sent[case]))) / 2  # type: ignore[misc]
            seconds[case].append((whole, store, floor))
    found = {
        case: [statistics.median(column) for column in zip(*measured, strict=True)]
        for case, measured in seconds.items()
    }
    beside = {
        case: statistics.median((whole - store) / floor for whole, store, floor in measured)
        for case, measured in seconds.items()
    }
    shown = [(case, *(f"{each * harness.MILLI:,.0f}" for each in found[case]), f"{beside[case]:.2f}") for case in CASES]
    head = ("a batch", "ms, the call", "ms, storing", "ms, json.loads", "(call - storing) / json.loads")
    harness.table(head, shown)
    for case in CASES:
        report.target(f"{case}: beside the storing, x json.loads", beside[case], LIMIT, ".2f")


if __name__ == "__main__":
    harness.main("8", "Uploads of a whole batch", measure)
