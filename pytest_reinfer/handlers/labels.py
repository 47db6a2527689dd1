"""The routes about what labels there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_reinfer import labelling
from pytest_reinfer.handlers.call import dataset_of
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from pytest_reinfer.handlers.call import Call
    from pytest_reinfer.wire import JSON


def put_labels(call: Call) -> JSON:
    """Define labels of a group, and change those that are there."""
    labelling.put_labels(call.tenant, dataset_of(call), call.path["label_group"], call.body["label_defs"])
    return {}


def get_label(call: Call) -> JSON:
    """A label of a group."""
    return {"label": labelling.label_of(dataset_of(call), call.path["label_group"], call.query["label_name"])}


def update_label(call: Call) -> JSON:
    """Change a label of a group, its name too."""
    group, name = call.path["label_group"], call.query["label_name"]
    return {"label": labelling.change_label(call.tenant, dataset_of(call), group, name, call.body["label"])}


def delete_label(call: Call) -> JSON:
    """Take a label from its group, and from all comments."""
    labelling.drop_label(call.tenant, dataset_of(call), call.path["label_group"], call.query["label_name"])
    return {}


def list_label_groups(call: Call) -> JSON:
    """The label groups of a dataset."""
    return {"label_groups": encode(dataset_of(call).fields["label_groups"])}


def get_label_group(call: Call) -> JSON:
    """A label group of a dataset."""
    return {"label_group": labelling.group_of(dataset_of(call), call.path["label_group"])}


def update_label_group(call: Call) -> JSON:
    """Change a label group, its name too."""
    group, given = call.path["label_group"], call.body["label_group"]
    return {"label_group": labelling.change_group(call.tenant, dataset_of(call), group, given)}


def delete_label_group(call: Call) -> JSON:
    """Take a label group out of a dataset, and its labels from all comments."""
    labelling.drop_group(call.tenant, dataset_of(call), call.path["label_group"])
    return {}
