"""What people say of comments: labels assigned and dismissed by group, entities, forms; and what labels there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_reinfer.markup import without
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import stamp
from pytest_reinfer.tenant import UNMARKED, Dataset, encode, labels_of_groups, without_sentiment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_reinfer.comments import Row
    from pytest_reinfer.tenant import Tenant
    from pytest_reinfer.wire import JSON

    Labelling = dict[
        str, JSON
    ]  # by group, in their order: `assigned`, `dismissed` and, where it was said, `uninformative`

LISTS = ("assigned", "dismissed")
POSITIVE = "positive"  # the sentiment of a label where the dataset has none


# ------------------------------------------------------------------------------------------------------------- reading


def groups(dataset: Dataset) -> list[str]:
    """The names of the label groups of a dataset."""
    return [group["name"] for group in dataset.fields["label_groups"]]


def labelling_of(tenant: Tenant, dataset: Dataset, row: Row) -> Labelling:
    """What is assigned and dismissed in each group.

    The tenant keeps all assigned labels in one list, as an export has them: those of the first group, then those of
    the others, and beside it how many these are.
    """
    return _by_group(dataset, tenant.labels_of(dataset, row)[0], _remark(tenant, dataset, row))


def _by_group(dataset: Dataset, assigned: list[JSON], remark: JSON) -> Labelling:
    said = remark.get("groups", {})
    first, *others = groups(dataset)
    found: Labelling = {}
    end = len(assigned)
    for name in (*reversed(others), first):
        about = said.get(name, {})
        start = 0 if name == first else end - about.get("count", 0)
        rest = {key: about[key] for key in ("uninformative",) if key in about}
        found[name] = {"assigned": assigned[start:end], "dismissed": about.get("dismissed", []), **rest}
        end = start
    return {name: found[name] for name in (first, *others)}


def _remark(tenant: Tenant, dataset: Dataset, row: Row) -> JSON:
    return tenant.remarks.get((dataset.id, row.source_id), {}).get(row.id, {})


def entry(
    tenant: Tenant, dataset: Dataset, row: Row, *, predictions: bool = True, homes: Mapping[str, int] | None = None
) -> JSON:
    """What an answer has of a comment beside the comment itself.

    homes: where predictions stand, by the name of their label, to be found out once for several comments.
    """
    remark = _remark(tenant, dataset, row)
    assigned, predicted = tenant.labels_of(dataset, row)
    labelling = [
        {"group": name, **about, **{key: [_given(label) for label in about[key]] for key in LISTS}}
        for name, about in _by_group(dataset, assigned, remark).items()
    ]
    if predictions:
        homes = _homes(dataset) if homes is None else homes
        for each in labelling:
            each["predicted"] = []
        for label in predicted:
            labelling[homes.get(label["name"], 0)]["predicted"].append({**label, "name": label["name"].split(" > ")})
    entities = {key: remark.get("entities", {}).get(key, []) for key in LISTS}
    forms = {"moon_forms": remark["moon_forms"]} if "moon_forms" in remark else {}
    return {"labelling": labelling, "entities": entities, **forms}


def entries(tenant: Tenant, dataset: Dataset, rows: Iterable[Row], *, predictions: bool = True) -> bytes:
    """Annotated comments as a JSON array."""
    homes = _homes(dataset)
    parts = (
        b'{"comment":%b,%b'
        % (without(row.data), encode(entry(tenant, dataset, row, predictions=predictions, homes=homes))[1:])
        for row in rows
    )
    return b"[%b]" % b",".join(parts)


def _given(label: JSON) -> JSON:
    return {"sentiment": POSITIVE, **label}


def _homes(dataset: Dataset) -> Mapping[str, int]:
    """The number of the first group that has a label, by its name."""
    numbered = list(enumerate(dataset.fields["label_groups"]))
    return {label["name"]: number for number, group in reversed(numbered) for label in group["label_defs"]}


# ------------------------------------------------------------------------------------------------------------- writing


def update(tenant: Tenant, dataset: Dataset, row: Row, given: JSON) -> None:
    """Say something of a comment, from a valid request: what is absent stays, an empty list takes all away."""
    meant = [each["group"] for key in ("labelling", "moon_forms") for each in given.get(key, ())]
    unknown = [name for name in meant if name not in groups(dataset)]
    if unknown:
        raise Refused("unknown_label_group", value=unknown[0])
    if "labelling" in given:
        said = labelling_of(tenant, dataset, row) if given["labelling"] else {}
        for each in given["labelling"]:
            said[each["group"]] = _changed(said[each["group"]], each)
        put_labelling(tenant, dataset, row, said)
    remark = dict(_remark(tenant, dataset, row))
    if "entities" in given:
        entities = {**remark.get("entities", {}), **given["entities"]}
        remark["entities"] = {key: listed for key, listed in entities.items() if listed}
    if "moon_forms" in given:
        named = {form["group"]: form for form in remark.get("moon_forms", ())} if given["moon_forms"] else {}
        for form in given["moon_forms"]:
            named[form["group"]] = {**named.get(form["group"], {}), **form}
        remark["moon_forms"] = [form for form in named.values() if any(form.get(key) for key in LISTS)]
    tenant.put_remark(dataset.id, row, {key: about for key, about in remark.items() if about})


def _changed(said: JSON, given: JSON) -> JSON:
    """What is said in a group after a request: a label leaves the list that the request does not give."""
    new = {**said, **{key: about for key, about in given.items() if key != "group"}}
    for key in LISTS:
        new[key] = list({label["name"]: label for label in new[key]}.values())
    for key, other in (LISTS, LISTS[::-1]):
        if key in given and other not in given:
            names = {label["name"] for label in given[key]}
            new[other] = [label for label in new[other] if label["name"] not in names]
    return new


def put_labelling(tenant: Tenant, dataset: Dataset, row: Row, said: Labelling) -> None:
    """Say in each group what is assigned and dismissed, of groups not named nothing. New names become labels."""
    first = groups(dataset)[0]
    kept: JSON = {}
    for name, about in said.items():
        define(tenant, dataset, name, [label["name"] for key in LISTS for label in about[key]])
        dismissed = about["dismissed"] if dataset.has_sentiment else list(map(without_sentiment, about["dismissed"]))
        rest = {"dismissed": dismissed} if dismissed else {}
        rest |= {key: about[key] for key in ("uninformative",) if key in about}
        count = {"count": len(about["assigned"])} if name != first and about["assigned"] else {}
        if rest or count:
            kept[name] = {**rest, **count}
    assigned = [label for name in groups(dataset) for label in said.get(name, {}).get("assigned", ())]
    if assigned != tenant.labels_of(dataset, row)[0]:
        tenant.put_labels(dataset, row, assigned=assigned)
    remark = {key: about for key, about in _remark(tenant, dataset, row).items() if key != "groups"}
    tenant.put_remark(dataset.id, row, {"groups": kept, **remark} if kept else remark)


def copy(tenant: Tenant, original: Dataset, dataset: Dataset) -> int:
    """Say in a dataset what is said in another one of the comments of both; how many comments that were.

    What is said in a group that the dataset does not have is said in its first.
    """
    copied, there = 0, groups(dataset)
    for source_id in dataset.source_ids:
        key = original.id, source_id
        for comment_id in list({**tenant.labelled.get(key, {}), **tenant.remarks.get(key, {})}):
            row = tenant.comments[source_id].rows[comment_id]
            if not tenant.annotated(original.id, row):
                continue
            said: Labelling = {name: {key: [] for key in LISTS} for name in there}
            for name, about in labelling_of(tenant, original, row).items():
                home = said[name if name in there else there[0]]
                for part in LISTS:
                    home[part] = [*home[part], *about[part]]
                home |= {part: about[part] for part in ("uninformative",) if part in about}
            put_labelling(tenant, dataset, row, {name: _changed(about, {}) for name, about in said.items()})
            rest = {part: about for part, about in _remark(tenant, original, row).items() if part != "groups"}
            tenant.put_remark(dataset.id, row, {**_remark(tenant, dataset, row), **rest})
            copied += 1
    return copied


# ---------------------------------------------------------------------------------------------------- labels and groups


def group_of(dataset: Dataset, name: str) -> JSON:
    """A label group of a dataset."""
    found: JSON | None = next((group for group in dataset.fields["label_groups"] if group["name"] == name), None)
    if found is None:
        raise Refused("no_such_label_group")
    return found


def label_of(dataset: Dataset, group: str, name: str) -> JSON:
    """A label of a group."""
    found: JSON | None = next(
        (label for label in group_of(dataset, group)["label_defs"] if label["name"] == name), None
    )
    if found is None:
        raise Refused("no_such_label")
    return found


def define(tenant: Tenant, dataset: Dataset, group: str, names: Iterable[str]) -> None:
    """Make labels of those names that the group does not have yet; no stamp moves."""
    dataset = tenant.datasets[dataset.id]
    defs = group_of(dataset, group)["label_defs"]
    known = {label["name"] for label in defs}
    new = [{"name": name} for name in dict.fromkeys(names) if name not in known]
    if new:
        tenant.redefine(Dataset({**dataset.fields, **_with(dataset, group, {"label_defs": [*defs, *new]})}))


def put_labels(tenant: Tenant, dataset: Dataset, group: str, given: Iterable[JSON]) -> None:
    """Define labels of a group, and change those that are there."""
    defs = {label["name"]: label for label in group_of(dataset, group)["label_defs"]}
    for label in given:
        defs[label["name"]] = {**defs.get(label["name"], {}), **label}
    _stamped(tenant, dataset, _with(dataset, group, {"label_defs": list(defs.values())}))


def change_label(tenant: Tenant, dataset: Dataset, group: str, name: str, given: JSON) -> JSON:
    """Change a label of a group; with another name it has that wherever it was said or predicted."""
    old = label_of(dataset, group, name)
    if not given:
        return old
    new: JSON = {**old, **given}
    defs = group_of(dataset, group)["label_defs"]
    if new["name"] != name and any(label["name"] == new["name"] for label in defs):
        raise Refused("label_exists", label=new["name"])
    changed = _stamped(
        tenant, dataset, _with(dataset, group, {"label_defs": [new if each is old else each for each in defs]})
    )
    if new["name"] != name:
        _say_again(tenant, dataset, changed, [name], lambda label: {**label, "name": new["name"]}, group)
    return new


def drop_label(tenant: Tenant, dataset: Dataset, group: str, name: str) -> None:
    """Take a label from its group, and from all comments."""
    old = label_of(dataset, group, name)
    left = [label for label in group_of(dataset, group)["label_defs"] if label is not old]
    changed = _stamped(tenant, dataset, _with(dataset, group, {"label_defs": left}))
    _say_again(tenant, dataset, changed, [name], lambda _: None, group)


def change_group(tenant: Tenant, dataset: Dataset, name: str, given: JSON) -> JSON:
    """Change a label group; what was said in it stays."""
    old = group_of(dataset, name)
    if not given:
        return old
    new = {**old, **given}
    if new["name"] != name and new["name"] in groups(dataset):
        raise Refused("label_group_exists", label_group=new["name"])
    _stamped(tenant, dataset, _with(dataset, name, given))
    if new["name"] != name:
        _rename_group(tenant, dataset, name, new["name"])
    return new


def _rename_group(tenant: Tenant, dataset: Dataset, old: str, new: str | None) -> None:
    """Let what was said in a group be said in one of another name; forms of a group without one are gone."""
    for key in [key for key in tenant.remarks if key[0] == dataset.id]:
        for comment_id, remark in list(tenant.remarks[key].items()):
            names = {old: new}
            said = {names.get(name, name): about for name, about in remark.get("groups", {}).items()}
            forms = [
                {**form, "group": names.get(form["group"], form["group"])} for form in remark.get("moon_forms", ())
            ]
            changed = {**remark, "groups": said, "moon_forms": [form for form in forms if form["group"] is not None]}
            row = tenant.comments[key[1]].rows[comment_id]
            tenant.put_remark(dataset.id, row, {part: about for part, about in changed.items() if about})


def drop_group(tenant: Tenant, dataset: Dataset, name: str) -> None:
    """Take a label group out of a dataset, with what was said in it."""
    names = [label["name"] for label in group_of(dataset, name)["label_defs"]]
    left = [group for group in dataset.fields["label_groups"] if group["name"] != name]
    if not left:
        raise Refused("only_label_group", label_group=name)
    changed = _stamped(tenant, dataset, labels_of_groups(left))
    _say_again(tenant, dataset, changed, names, lambda _: None, name)
    _rename_group(tenant, changed, name, None)


def _with(dataset: Dataset, name: str, given: JSON) -> JSON:
    """The label fields of a dataset with one group changed."""
    return labels_of_groups(
        {**group, **given} if group["name"] == name else group for group in dataset.fields["label_groups"]
    )


def _stamped(tenant: Tenant, dataset: Dataset, given: JSON) -> Dataset:
    return tenant.redefine(Dataset({**dataset.fields, **given, "last_modified": stamp(tenant.tick())}))


def _say_again(
    tenant: Tenant,
    before: Dataset,
    after: Dataset,
    names: Sequence[str],
    change: Callable[[JSON], JSON | None],
    group: str,
) -> None:
    """Say of all comments again what was said, with labels of these names changed, or gone, in a group.

    Predictions have no group: they go along, unless a group that is left has the label.
    """
    gone = set(names) - set(after.labels)

    def changed(labels: Iterable[JSON], what: Iterable[str]) -> list[Any]:
        new = (change(label) if label["name"] in what else label for label in labels)
        return list({label["name"]: label for label in new if label is not None}.values())

    needles = [encode(name) for name in names]
    for source_id in [key[1] for key in {**tenant.labelled, **tenant.remarks} if key[0] == before.id]:
        marked, said = tenant.labelled.get((before.id, source_id), {}), tenant.remarks.get((before.id, source_id), {})
        for comment_id in list({**marked, **said}):
            start = marked.get(comment_id, UNMARKED)
            if comment_id not in said and not any(needle in start for needle in needles):
                continue
            row = tenant.comments[source_id].rows[comment_id]
            labelling, predicted = labelling_of(tenant, before, row), tenant.labels_of(before, row)[1]
            there = {name: about for name, about in labelling.items() if name in groups(after)}
            if group in there:
                there[group] = {**there[group], **{key: changed(there[group][key], names) for key in LISTS}}
            if there != labelling:
                put_labelling(tenant, after, row, there)
            if any(label["name"] in gone for label in predicted):
                tenant.put_labels(after, row, predicted=changed(predicted, gone))
