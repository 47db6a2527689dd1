"""What a tenant should hold, told in plain dictionaries by its history, and where two tellings first differ."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from pytest_reinfer import contract

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_reinfer.wire import JSON


class Model:
    """The history of a tenant, replayed naively: nothing here is shared with what answers the API.

    What only the service can know (ids, stamps) is taken from `held`, what it answers after a change, and must then
    stay: a dataset's `id` and `created` for ever, its `last_modified` until it is changed, and never goes back.
    """

    def __init__(self) -> None:
        self.sources: dict[str, str] = {}  # full name -> id
        self.comments: dict[str, JSON] = {}  # uid -> comment
        self.datasets: dict[str, JSON] = {}  # full name -> dataset, in order of creation
        self.labelled: dict[tuple[str, str], dict[str, list[JSON]]] = {}  # dataset, uid -> assigned, predicted
        self.model_tags: dict[str, dict[str, JSON]] = {}  # dataset -> name of the tag -> tag

    # ------------------------------------------------------------------------------------------------- comments

    def comments_of(self, source_id: str) -> list[JSON]:
        """The comments of a source, by `timestamp`."""
        flagged = self._annotated()
        found = [each for each in self.comments.values() if each["source_id"] == source_id]
        return [{**each, "has_annotations": each["uid"] in flagged} for each in sorted(found, key=_by("timestamp"))]

    def add_comment(self, source_id: str, upload: JSON, held: JSON) -> None:
        """A comment is uploaded, or arranged with stamps of its own."""
        comment = {**contract.with_defaults("objects/new_comment.json", upload), **_stamped(upload)}
        comment |= {"uid": f"{source_id}.{upload['id']}", "source_id": source_id}
        comment.setdefault("created_at", held["created_at"])
        self._modify(comment, held, comment["created_at"])

    def update_comment(self, uid: str, fields: JSON, held: JSON) -> None:
        """Fields of a comment are replaced."""
        old = self.comments[uid]
        self._modify({**old, **fields, **_stamped(fields)}, held, old["last_modified"])

    def _modify(self, comment: JSON, held: JSON, earliest: str) -> None:
        now = _moment(held["last_modified"])
        stamps = {
            "last_modified": _stamp(now) if now >= _moment(earliest) else f"not before {earliest}",
            "context": str((now - EPOCH) // timedelta(milliseconds=1)),
        }
        self.comments[comment["uid"]] = deepcopy({**comment, **stamps})

    def delete_comment(self, uid: str) -> None:
        """A comment goes, with its labels in every dataset."""
        del self.comments[uid]
        self.labelled = {key: marks for key, marks in self.labelled.items() if key[1] != uid}

    # ------------------------------------------------------------------------------------------------- datasets

    def create_dataset(self, full_name: str, fields: JSON, held: JSON) -> None:
        """A dataset is made, and takes over the annotations of another one if it is told to."""
        owner, name = full_name.split("/")
        new = contract.with_defaults("objects/new_dataset.json", fields)
        copied_from = new.pop("copy_annotations_from", None)
        groups = new.get("label_groups") or [{"label_defs": new["label_defs"]}]
        new["label_groups"] = [contract.with_defaults("objects/label_group.json", group) for group in groups]
        new["label_defs"] = [label for group in new["label_groups"] for label in group["label_defs"]]
        new |= {"owner": owner, "name": name, "created": held["created"], "last_modified": held["created"]}
        self.datasets[full_name] = {**deepcopy(new), **_settled(new, held), "id": held["id"]}
        for original in [name for name, dataset in self.datasets.items() if dataset["id"] == copied_from]:
            self._copy_annotations(original, full_name)

    def _copy_annotations(self, original: str, dataset: str) -> None:
        for source_id in self.datasets[dataset]["source_ids"]:
            for (name, uid), marks in list(self.labelled.items()):
                if name == original and marks["assigned"] and self.comments[uid]["source_id"] == source_id:
                    self._mark(dataset, uid, "assigned", marks["assigned"])

    def update_dataset(self, full_name: str, fields: JSON, held: JSON) -> None:
        """The given fields of a dataset are replaced, lists as a whole; nothing given changes nothing."""
        old = self.datasets[full_name]
        new = {**old, **deepcopy(fields), **_settled({**old, **fields}, held)}
        earlier, later = _moment(old["last_modified"]), _moment(held["last_modified"])
        if fields and (later > earlier or (new == old and later == earlier)):
            new["last_modified"] = held["last_modified"]
        elif fields:
            new["last_modified"] = f"later than {old['last_modified']}"
        self.datasets[full_name] = new

    def delete_dataset(self, full_name: str) -> None:
        """A dataset goes, with its labels and tags; its sources and their comments stay."""
        del self.datasets[full_name]
        self.model_tags.pop(full_name, None)
        self.labelled = {key: marks for key, marks in self.labelled.items() if key[0] != full_name}

    def tag_model(self, full_name: str, name: str, version: int, held: JSON) -> None:
        """A version of a dataset's model is tagged; a tag has one version."""
        tag = {"name": name, "version": version, "updated_at": held["updated_at"]}
        self.model_tags.setdefault(full_name, {})[name] = tag

    def tags(self, full_name: str) -> list[JSON]:
        """The tags of a dataset's models, by name."""
        return sorted(self.model_tags.get(full_name, {}).values(), key=lambda tag: str(tag["name"]))

    # --------------------------------------------------------------------------------------------------- labels

    def holds(self, full_name: str, uid: str) -> bool:
        """Whether a dataset holds a comment."""
        return bool(self.comments[uid]["source_id"] in self.datasets[full_name]["source_ids"])

    def annotate(self, full_name: str, uid: str, labels: Iterable[JSON]) -> None:
        """Labels are assigned in the place of the old ones, positive where nothing is said."""
        self._mark(full_name, uid, "assigned", [{"sentiment": "positive", **label} for label in labels])

    def predict(self, full_name: str, uid: str, labels: Iterable[JSON]) -> None:
        """Labels are predicted in the place of the old ones."""
        self._mark(full_name, uid, "predicted", labels)

    def _mark(self, full_name: str, uid: str, kind: str, labels: Iterable[JSON]) -> None:
        """Assigned labels become labels of the dataset, in its first group; without sentiment there is none."""
        dataset = self.datasets[full_name]
        dropped = () if dataset["has_sentiment"] else ("sentiment",)
        labels = [{key: value for key, value in label.items() if key not in dropped} for label in labels]
        self.labelled.setdefault((full_name, uid), {"assigned": [], "predicted": []})[kind] = deepcopy(labels)
        known = [label["name"] for label in dataset["label_defs"]]
        new = [{"name": label["name"]} for label in labels if label["name"] not in known]
        if kind == "assigned" and new:
            dataset["label_groups"][0]["label_defs"] += new
            dataset["label_defs"] = [label for group in dataset["label_groups"] for label in group["label_defs"]]

    def _annotated(self) -> set[str]:
        return {uid for (_, uid), marks in self.labelled.items() if marks["assigned"]}

    # --------------------------------------------------------------------------------------------------- export

    def exported(self, full_name: str, order_by: str = "timestamp", filters: JSON | None = None) -> list[JSON]:
        """What an export of a dataset should answer, on however many pages."""
        source_ids, flagged, wanted = self.datasets[full_name]["source_ids"], self._annotated(), filters or {}
        none: dict[str, list[JSON]] = {"assigned": [], "predicted": []}
        return [
            {
                "comment": {**comment, "has_annotations": comment["uid"] in flagged},
                "annotations": {"labels": {"assigned": marks["assigned"]}},
                "predictions": {"labels": marks["predicted"]},
            }
            for comment in sorted(self.comments.values(), key=_by(order_by))
            if comment["source_id"] in source_ids and _wanted(comment, order_by, wanted)
            for marks in [self.labelled.get((full_name, comment["uid"]), none)]
        ]


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def _moment(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)


def _stamp(when: datetime) -> str:
    return when.isoformat().replace("+00:00", "Z")


def _by(order_by: str) -> Callable[[JSON], tuple[datetime, str]]:
    return lambda comment: (_moment(comment[order_by]), comment["uid"])


def _wanted(comment: JSON, order_by: str, filters: JSON) -> bool:
    at = _moment(comment[order_by])
    return (
        ("from" not in filters or at >= _moment(filters["from"]))
        and ("to" not in filters or at <= _moment(filters["to"]))
        and comment["source_id"] in filters.get("source_ids", [comment["source_id"]])
        and comment["uid"] in filters.get("comment_uids", [comment["uid"]])
    )


def _stamped(fields: JSON) -> JSON:
    """The moments among the fields of an upload, as the service writes them."""
    found: JSON = {name: _stamp(_moment(fields[name])) for name in ("timestamp", "created_at") if name in fields}
    if "messages" not in fields:
        return found
    sent = [{"sent_at": _stamp(_moment(each["sent_at"]))} if "sent_at" in each else {} for each in fields["messages"]]
    return {**found, "messages": [{**each, **at} for each, at in zip(fields["messages"], sent, strict=True)]}


def _settled(dataset: JSON, held: JSON) -> JSON:
    """The lists of a dataset as the service keeps them: a source once, an entity with the id that it was given."""
    ids = [entity["id"] for entity in held["entity_defs"]] + [None] * len(dataset["entity_defs"])
    return {
        "source_ids": list(dict.fromkeys(dataset["source_ids"])),
        "entity_defs": [
            {"color": 0, "id": made, **entity} for entity, made in zip(dataset["entity_defs"], ids, strict=False)
        ],
    }


# -------------------------------------------------------------------------------------------------- differences

Speakers = tuple[str, str]
NOTHING: Final = type("Nothing", (), {"__repr__": lambda _: "nothing"})()


def difference(said: Any, held: Any, speakers: Speakers, path: str = "$") -> str:
    """The first place where two JSON values differ, and who says what there; empty where they do not."""
    if said == held:
        return ""
    if isinstance(said, dict) and isinstance(held, dict):
        both = [(f"{path}.{key}", said.get(key, NOTHING), held.get(key, NOTHING)) for key in {**held, **said}]
    elif isinstance(said, list) and isinstance(held, list):
        several = range(max(len(said), len(held)))
        both = [(f"{path}[{n}]", *(each[n] if n < len(each) else NOTHING for each in (said, held))) for n in several]
    else:
        return f"{path}: {speakers[0]} {_short(said)}, {speakers[1]} {_short(held)}."
    return next(filter(None, (difference(ours, theirs, speakers, where) for where, ours, theirs in both)))


def difference_of_exports(said: list[Any], held: list[JSON], speakers: Speakers) -> str:
    """Which comments of an export are missing, doubled, strange or out of order, or where the first one differs."""
    if said == held:
        return ""
    ours, theirs = [_uid(each) for each in said], [_uid(each) for each in held]
    found = {
        "missing": [uid for uid in theirs if uid not in ours],
        "more than once": [uid for uid, times in Counter(ours).items() if times > 1],
        "not in the dataset": [uid for uid in dict.fromkeys(ours) if uid not in theirs],
    }
    told = "; ".join(f"{what}: {', '.join(uids)}" for what, uids in found.items() if uids)
    place = next((n for n, (our, their) in enumerate(zip(ours, theirs, strict=False)) if our != their), None)
    if not told and place is not None:
        told = f"in another order: {ours[place]} comes where {theirs[place]} should"
    if told:
        return f"{speakers[0]} {len(said)} comments, {speakers[1]} {len(held)}; {told}."
    uid, our, their = next(three for three in zip(ours, said, held, strict=True) if three[1] != three[2])
    return f"comment {uid}: {difference(our, their, speakers)}"


def _uid(exported: Any) -> str:
    try:
        return str(exported["comment"]["uid"])
    except (KeyError, TypeError, IndexError):
        return f"{_short(exported)}, which is no exported comment"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


LONGEST: Final = 200
