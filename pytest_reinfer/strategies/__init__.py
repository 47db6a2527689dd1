"""Hypothesis strategies for everything the API says, and whole tenants: what it answers, is asked, and fails with."""

from typing import TYPE_CHECKING, Any

from pytest_reinfer.strategies.bodies import (
    ErrorResponse,
    Invalid,
    create_dataset_requests,
    create_source_requests,
    error_bodies,
    errors,
    export_requests,
    invalid,
    sync_requests,
    update_dataset_requests,
    update_labelling_requests,
    update_source_requests,
)
from pytest_reinfer.strategies.objects import annotations_ as annotations
from pytest_reinfer.strategies.objects import (
    attachments,
    comment_ids,
    comments,
    continuations,
    datasets,
    export_pages,
    exported_comments,
    from_schema,
    ids,
    label_names,
    labels,
    messages,
    model_tags,
    predicted_labels,
    predictions,
    sources,
    stamps,
    texts,
    timestamps,
    uids,
    user_properties,
)
from pytest_reinfer.strategies.parts import absent
from pytest_reinfer.strategies.plans import fault_plans
from pytest_reinfer.strategies.tenants import plain_comments, tenants

if TYPE_CHECKING:
    from pytest_reinfer.strategies.machine import TenantMachine

__all__ = [
    "ErrorResponse",
    "Invalid",
    "TenantMachine",
    "absent",
    "annotations",
    "attachments",
    "comment_ids",
    "comments",
    "continuations",
    "create_dataset_requests",
    "create_source_requests",
    "datasets",
    "error_bodies",
    "errors",
    "export_pages",
    "export_requests",
    "exported_comments",
    "fault_plans",
    "from_schema",
    "ids",
    "invalid",
    "label_names",
    "labels",
    "messages",
    "model_tags",
    "plain_comments",
    "predicted_labels",
    "predictions",
    "sources",
    "stamps",
    "sync_requests",
    "tenants",
    "texts",
    "timestamps",
    "uids",
    "update_dataset_requests",
    "update_labelling_requests",
    "update_source_requests",
    "user_properties",
]


def __getattr__(name: str) -> Any:
    """Import the machine when it is asked for: it brings a client library along."""
    if name != "TenantMachine":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pytest_reinfer.strategies import machine  # noqa: PLC0415

    return machine.TenantMachine
