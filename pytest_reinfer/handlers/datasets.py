"""The dataset routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import contract, export, labelling
from pytest_reinfer.handlers.call import dataset_of, known_project
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import moment
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.tenant import Dataset
    from pytest_reinfer.wire import JSON

EXCLUSIVE = ("source_ids", "from", "to")  # the filters of an export that may not accompany comment_uids


def list_datasets(call: Call) -> JSON:
    """Every dataset that the caller may see."""
    permission = str(contract.routes()["list_datasets"].permission)
    return _listed(each for each in call.tenant.datasets.values() if call.user.may(permission, each.owner))


def list_project_datasets(call: Call) -> JSON:
    """The datasets of a project."""
    known_project(call)
    return _listed(each for each in call.tenant.datasets.values() if each.owner == call.path["project"])


def get_dataset(call: Call) -> JSON:
    """A dataset by its name."""
    return {"dataset": dataset_of(call).data}


def get_dataset_by_id(call: Call) -> JSON:
    """A dataset by its id."""
    return {"dataset": _identified(call).data}


def get_model_tags(call: Call) -> JSON:
    """The tags of a dataset's pinned models, by name."""
    tags = call.tenant.model_tags.get(dataset_of(call).id, {})
    return {"model_tags": encode([tags[name] for name in sorted(tags)])}


def create_dataset(call: Call) -> JSON:
    """Create a dataset; it may take over the annotations of another one."""
    tenant, given = call.tenant, dict(call.body["dataset"])
    known_project(call)
    full_name = f"{call.path['project']}/{call.path['dataset_name']}"
    if tenant.find_dataset(full_name) is not None:
        raise Refused("dataset_exists", full_name=full_name)
    _known_sources(call, given["source_ids"])
    copied_from = given.pop("copy_annotations_from", None)
    if copied_from is None:
        return {"dataset": tenant.put_dataset(full_name, given).data}
    original = tenant.datasets.get(copied_from)
    if original is None or not tenant.sees(call.user, original.owner):
        raise Refused("unknown_dataset_id", value=copied_from)
    dataset = tenant.put_dataset(full_name, given)
    copied = labelling.copy(tenant, original, dataset)
    return {"dataset": tenant.datasets[dataset.id].data, "num_copied": copied}


def update_dataset(call: Call) -> JSON:
    """Change the given fields of a dataset; lists are replaced, what is absent stays."""
    dataset, given = dataset_of(call), call.body["dataset"]
    _known_sources(call, given.get("source_ids", ()))
    return {"dataset": call.tenant.change_dataset(dataset, given).data}


def delete_dataset(call: Call) -> JSON:
    """Delete a dataset by its name."""
    call.tenant.drop_dataset(dataset_of(call))
    return {}


def delete_dataset_by_id(call: Call) -> JSON:
    """Delete a dataset by its id."""
    call.tenant.drop_dataset(_identified(call))
    return {}


def export_dataset(call: Call) -> JSON:
    """A page of comments with their assigned and predicted labels."""
    tenant, asked = call.tenant, call.body
    others = [name for name in EXCLUSIVE if name in asked]
    if "comment_uids" in asked and others:
        raise Refused("exclusive_filters", filters=", ".join(others))
    dataset = dataset_of(call)
    order_by, limit = asked["order_by"], int(asked["limit"])
    after = export.position(tenant, dataset, asked["continuation"]) if "continuation" in asked else None
    seen = tenant.seen("comments", "predictions")
    if "comment_uids" in asked:
        rows = export.pick(seen, dataset, asked["comment_uids"], order_by, after)
    else:
        rows = export.select(
            seen,
            dataset,
            order_by=order_by,
            low=_bound(asked, "from"),
            high=_bound(asked, "to"),
            source_ids=asked.get("source_ids"),
            after=after,
            most=limit + 1,
        )
    page: JSON = {"comments": export.entries(seen, dataset, rows[:limit])}
    if len(rows) > limit:
        page["continuation"] = export.continuation(tenant, dataset, rows[limit - 1], order_by)
    return page


def _listed(datasets: Iterable[Dataset]) -> JSON:
    return {"datasets": b"[" + b",".join(each.data for each in datasets) + b"]"}


def _identified(call: Call) -> Dataset:
    found = call.tenant.datasets.get(call.path["dataset_id"])
    if found is None:
        raise Refused("no_such_dataset")
    return found


def _known_sources(call: Call, source_ids: list[str]) -> None:
    for source_id in source_ids:
        source = call.tenant.sources.get(source_id)
        if source is None or not call.tenant.sees(call.user, source.owner):
            raise Refused("unknown_source", value=source_id)


def _bound(asked: JSON, name: str) -> int | None:
    try:
        return moment(asked[name]) if name in asked else None
    except ValueError:
        raise Refused("senseless_timestamp", value=asked[name]) from None
