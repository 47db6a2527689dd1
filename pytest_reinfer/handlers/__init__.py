"""What each route does: one module per resource, one function per route, named as its schema file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_reinfer.handlers import buckets, comments, datasets
from pytest_reinfer.handlers.call import Call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reinfer.wire import JSON

__all__ = ["HANDLERS", "Call"]

HANDLERS: Final[Mapping[str, Callable[[Call], JSON]]] = {
    handler.__name__: handler
    for handler in (
        datasets.list_datasets,
        datasets.list_project_datasets,
        datasets.get_dataset,
        datasets.get_dataset_by_id,
        datasets.get_model_tags,
        datasets.create_dataset,
        datasets.update_dataset,
        datasets.delete_dataset,
        datasets.delete_dataset_by_id,
        datasets.export_dataset,
        comments.sync_comments,
        comments.sync_raw_emails,
        comments.create_comments,
        comments.get_comment,
        comments.list_comments,
        comments.delete_comments,
        comments.list_threads,
        buckets.list_buckets,
        buckets.list_project_buckets,
        buckets.get_bucket,
        buckets.get_bucket_by_id,
        buckets.create_bucket,
        buckets.update_bucket,
        buckets.delete_bucket_by_id,
    )
}
