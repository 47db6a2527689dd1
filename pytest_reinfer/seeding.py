"""Whole batches of generated comments and labels, ready to be stored."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from pytest_reinfer import content
from pytest_reinfer.tenant import START, TICK, assigns, marks, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.comments import Row
    from pytest_reinfer.tenant import Dataset, Source, Tenant
    from pytest_reinfer.wire import JSON

CHUNK = 960  # comments made at a time
KEPT = 4096  # batches up to this size are remembered: most tests ask for the same


class Batch(NamedTuple):
    """What one batch is made from; equal batches are equal to the byte."""

    seed: int
    source_id: str
    source: str
    start: int
    size: int
    now: int
    dataset: str | None
    labels: tuple[str, ...]
    has_sentiment: bool


def add(tenant: Tenant, source: Source, count: int, dataset: Dataset | None = None) -> list[Row]:
    """Generate comments into a source; with a dataset, also its labels for them."""
    table = tenant.comments_to_change(source.id)
    batch = Batch(
        seed=tenant.seed,
        source_id=source.id,
        source=source.full_name,
        start=len(table.ids),
        size=count,
        now=tenant.time(),
        dataset=None if dataset is None else dataset.full_name,
        labels=() if dataset is None else dataset.labels,
        has_sentiment=dataset is not None and dataset.has_sentiment,
    )
    rows, labelled = (_remembered if count <= KEPT else _generated)(batch)
    tenant.now += count * TICK
    table.add(rows, plain=True)
    if dataset is not None:
        tenant.labels_to_change(dataset.id, source.id).update(labelled)
    return list(rows)


def _generated(batch: Batch) -> tuple[tuple[Row, ...], dict[str, bytes]]:
    rows, labelled = [], {}
    for number, upload in enumerate(_uploads(batch)):
        uid = f"{batch.source_id}.{upload['id']}"
        if batch.dataset is not None:
            both = content.marks(batch.seed, batch.dataset, uid, batch.labels, has_sentiment=batch.has_sentiment)
            labelled[upload["id"]] = start = marks(*both)
            upload["has_annotations"] = assigns(start)
        rows.append(row_of(batch.source_id, upload, batch.start + number, batch.now + (number + 1) * TICK))
    return tuple(rows), labelled


def _uploads(batch: Batch) -> Iterator[JSON]:
    """The uploads of a batch, few of them alive at once: as dictionaries they are several times as large."""
    end = batch.start + batch.size
    for start in range(batch.start, end, CHUNK):
        yield from content.comments(batch.seed, batch.source, start, min(CHUNK, end - start), START)


_remembered = lru_cache(maxsize=64)(_generated)


def labels(tenant: Tenant, full_name: str) -> tuple[str, ...]:
    """The names of the labels that a generated dataset has."""
    return content.label_tree(tenant.seed, full_name)
