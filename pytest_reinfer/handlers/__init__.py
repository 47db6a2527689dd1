"""What each route does: one module per resource, one function per route, named as its schema file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pytest_reinfer.handlers import (
    buckets,
    comments,
    datasets,
    labellings,
    labels,
    projects,
    queries,
    sources,
    users,
)
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
        sources.list_sources,
        sources.list_project_sources,
        sources.get_source,
        sources.get_source_by_id,
        sources.create_source,
        sources.update_source,
        sources.delete_source_by_id,
        users.get_current_user,
        users.refresh_user_permissions,
        users.list_users,
        users.list_private_users,
        users.create_user,
        users.get_user,
        users.update_user,
        users.delete_user,
        users.send_welcome_email,
        projects.list_projects,
        projects.list_private_projects,
        projects.create_project,
        projects.get_project,
        projects.update_project,
        projects.delete_project,
        projects.get_resource_counts,
        labellings.get_labellings,
        labellings.update_labelling,
        labels.put_labels,
        labels.get_label,
        labels.update_label,
        labels.delete_label,
        labels.list_label_groups,
        labels.get_label_group,
        labels.update_label_group,
        labels.delete_label_group,
        queries.query_dataset,
        queries.recent_comments,
        queries.dataset_statistics,
        queries.dataset_summary,
        queries.source_statistics,
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
