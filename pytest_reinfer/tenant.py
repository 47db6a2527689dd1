"""The state of a tenant: plain values in tables, and the few ways to change them."""

from __future__ import annotations

import hmac
import json
from collections import Counter
from dataclasses import MISSING, dataclass, field, fields, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.comments import Comments, Row
from pytest_reinfer.stamps import Senseless, moment, restamped, stamp
from pytest_reinfer.travel import travelled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_reinfer.wire import JSON

START = moment("2024-01-15T09:00:00Z")  # where the clock of every tenant starts
STEPS = 16  # changes within a sixteenth of a lag become visible together, with the latest of them
TICK = 1000  # microseconds between two changes: the service's own stamps are whole milliseconds
SECOND = 1_000_000  # microseconds
EVERYWHERE = "*"  # stands for every project, present and to come; no project can have this name


ENCODER: Final = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":"))


def encode(value: Any) -> bytes:
    """JSON as the service sends it: UTF-8, nothing escaped that need not be."""
    return ENCODER.encode(value).encode()


def marks(assigned: Sequence[JSON], predicted: Sequence[JSON]) -> bytes:
    """The start of an exported comment: its labels, up to where the comment itself follows."""
    labelled = {"annotations": {"labels": {"assigned": assigned}}, "predictions": {"labels": predicted}}
    return encode(labelled)[:-1] + b',"comment":'


UNMARKED = marks((), ())
NONE_ASSIGNED = UNMARKED[: UNMARKED.index(b"]") + 1]


def assigns(start: bytes) -> bool:
    """Whether the start of an exported comment holds an assigned label."""
    return not start.startswith(NONE_ASSIGNED)


@dataclass(frozen=True, slots=True)
class Resource:
    """A project, source, dataset or bucket: the JSON that the API answers with, never changed in place."""

    fields: Mapping[str, Any] = field(repr=False)
    data: bytes = field(init=False, repr=False, compare=False)  # the fields as they are sent

    def __post_init__(self) -> None:
        data = encode(self.fields)
        object.__setattr__(self, "data", data)
        object.__setattr__(self, "fields", json.loads(data))  # nobody else's: what was given may change later

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.full_name!r}, id={self.id!r})"

    @property
    def id(self) -> str:
        """Sixteen lower-case hex digits."""
        return str(self.fields["id"])

    @property
    def owner(self) -> str:
        """The name of its project."""
        return str(self.fields["owner"])

    @property
    def name(self) -> str:
        """Its name within its project."""
        return str(self.fields["name"])

    @property
    def full_name(self) -> str:
        """`project/name`, as the API's paths have it."""
        return f"{self.owner}/{self.name}"

    @property
    def title(self) -> str:
        """The title people read."""
        return str(self.fields["title"])

    def as_json(self) -> JSON:
        """What the API answers for it, as a value of your own."""
        own: JSON = json.loads(self.data)
        return own


@dataclass(frozen=True, slots=True, repr=False)
class Project(Resource):
    """A project: the owner of sources and datasets, for which permissions are granted."""

    @property
    def owner(self) -> str:
        """A project owns itself."""
        return self.name

    @property
    def full_name(self) -> str:
        """A project stands alone."""
        return self.name


@dataclass(frozen=True, slots=True, repr=False)
class Source(Resource):
    """A source: where comments live."""


@dataclass(frozen=True, slots=True, repr=False)
class Dataset(Resource):
    """A dataset: sources, with the labels assigned to and predicted for their comments."""

    @property
    def source_ids(self) -> tuple[str, ...]:
        """The ids of its sources."""
        return tuple(self.fields["source_ids"])

    @property
    def has_sentiment(self) -> bool:
        """Whether its labels carry a sentiment."""
        return bool(self.fields["has_sentiment"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of its labels, parents joined to children by ` > `."""
        return tuple(label["name"] for label in self.fields["label_defs"])


@dataclass(frozen=True, slots=True, repr=False)
class Bucket(Resource):
    """A bucket: where raw e-mails wait for the sources that they feed."""


@dataclass(frozen=True, slots=True)
class User:
    """Somebody with one active token, and permissions per project."""

    username: str
    token: str = field(repr=False)
    permissions: Mapping[str, frozenset[str]]  # display names, with the implied ones
    expires: int | None = None  # when the token is worth nothing any more
    id: str = ""
    email: str = ""
    created: int = START
    verified: bool = True
    named: Mapping[str, frozenset[str]] = field(default_factory=dict, repr=False)  # machine names, as they were granted

    @property
    def headers(self) -> dict[str, str]:
        """What a request of this user carries."""
        header = contract.header("authorization")
        return {header.name: f"{header.scheme} {self.token}"}

    def may(self, permission: str, project: str) -> bool:
        """Whether the user has a permission, by its display name, in a project."""
        return permission in self.permissions.get(project, ()) or permission in self.permissions.get(EVERYWHERE, ())


class Rate(NamedTuple):
    """So many requests per window and token, a window being so many microseconds from the first request in it."""

    requests: int
    window: int


class Lag(NamedTuple):
    """What reads see late, and how late: by so many reads, or so many microseconds."""

    what: frozenset[str]
    reads: int
    time: int


@dataclass(slots=True)
class Past:
    """A tenant as it was before changes that reads may not see yet, made after so many `reads` and up to `time`."""

    reads: int
    since: int
    time: int
    tenant: Tenant


@dataclass(slots=True)
class Tenant:
    """All that a tenant holds.

    Tables of comments and labels may be shared with snapshots: they are copied before the first change, so a fork
    costs nothing for what does not change.
    """

    seed: int = 0
    url: str = ""  # tokens follow from it too: what opens one tenant opens no other
    now: int = START
    travelled: int | None = None  # where time-machine or freezegun stood when last looked at
    made: int = 0  # how many ids and tokens were made: each is derived from the seed and this number
    projects: dict[str, Project] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    datasets: dict[str, Dataset] = field(default_factory=dict)
    buckets: dict[str, Bucket] = field(default_factory=dict)
    names: dict[tuple[type[Resource], str], str] = field(default_factory=dict)  # kind and full name -> id
    users: dict[str, User] = field(default_factory=dict)
    comments: dict[str, Comments] = field(default_factory=dict)  # source id -> its comments
    labelled: dict[tuple[str, str], dict[str, bytes]] = field(
        default_factory=dict
    )  # dataset, source -> comment -> marks
    remarks: dict[tuple[str, str], dict[str, JSON]] = field(
        default_factory=dict
    )  # dataset, source -> comment -> what people said of it beside the labels they assigned
    denied: frozenset[str] = frozenset()  # permissions that nobody has
    rate: Rate | None = None
    lag: Lag | None = None
    reads: int = 0  # exports answered since there is a lag
    windows: dict[str, tuple[int, int]] = field(default_factory=dict, repr=False)  # token -> start, requests so far
    past: list[Past] = field(default_factory=list)  # what reads that lag behind may still see
    model_tags: dict[str, dict[str, JSON]] = field(default_factory=dict)  # dataset id -> tag name -> tag
    own: set[object] = field(default_factory=set)  # the big tables that nobody else shares

    def fork(self) -> Tenant:
        """A tenant that holds the same and lives on by itself."""
        self.own.clear()
        twin = object.__new__(Tenant)
        for name in VALUES:
            setattr(twin, name, getattr(self, name))
        for name in TABLES:
            setattr(twin, name, getattr(self, name).copy())
        return twin

    # ------------------------------------------------------------------------------------ ids, time, people

    def digest(self, *parts: object, size: int = 8) -> str:
        """Hex digits that follow from the seed and the parts alone."""
        return blake2b(":".join(map(str, (self.seed, *parts))).encode(), digest_size=size).hexdigest()

    def new_id(self) -> str:
        """An id as the service makes them."""
        self.made += 1
        return self.digest("id", self.made)

    def new_token(self) -> str:
        """A token; only the fake knows it."""
        self.made += 1
        return self.digest("token", self.url, self.made, size=20)

    def time(self) -> int:
        """The present moment. It stands still but for changes, waiting, and what time-machine or freezegun do to it."""
        there = travelled()
        if there is not None and there != self.travelled:
            self.now = there if self.travelled is None else self.now + there - self.travelled
        self.travelled = there
        return self.now

    def tick(self) -> int:
        """The moment of a change: each has its own."""
        self.now = self.time() + TICK
        return self.now

    def caller(self, token: str) -> User | None:
        """Whose active token this is. Takes as long for a wrong token as for a right one."""
        found = None
        for user in self.users.values():
            if hmac.compare_digest(user.token.encode(), token.encode()):
                found = user
        if found is None or (found.expires is not None and found.expires <= self.time()):
            return None
        if self.denied:
            left = {project: granted - self.denied for project, granted in found.permissions.items()}
            return replace(found, permissions=left)
        return found

    def charge(self, user: User) -> int | None:
        """Count a request of a user; the seconds until there is one again where there is none left."""
        if self.rate is None:
            return None
        now = self.time()
        start, count = self.windows.get(user.token, (now, 0))
        if not start <= now < start + self.rate.window:
            start, count = now, 0
        if count == self.rate.requests:
            return -(-(start + self.rate.window - now) // SECOND)
        self.windows[user.token] = start, count + 1
        return None

    def project_of(self, path: Mapping[str, str]) -> str | None:
        """The project that the parameters of a path lead to, by its name or by the id of what it holds."""
        tables: Mapping[str, Mapping[str, Resource]] = {
            "dataset_id": self.datasets,
            "source_id": self.sources,
            "bucket_id": self.buckets,
        }
        for name, table in tables.items():
            if name in path:
                found = table.get(path[name])
                return None if found is None else found.owner
        project = path.get("project")
        return project if project in self.projects else None

    def sees(self, user: User, project: str) -> bool:
        """Whether the user has any permission in a project; those in the tenant as a whole do not count."""
        granted = (*user.permissions.get(project, ()), *user.permissions.get(EVERYWHERE, ()))
        return not all(map(contract.is_tenants, granted))

    # ------------------------------------------------------------------------------------------- resources

    def find_dataset(self, full_name: str) -> Dataset | None:
        """The dataset of this name, where there is one."""
        found = self.names.get((Dataset, full_name))
        return None if found is None else self.datasets[found]

    def find_source(self, full_name: str) -> Source | None:
        """The source of this name, where there is one."""
        found = self.names.get((Source, full_name))
        return None if found is None else self.sources[found]

    def put_project(self, given: JSON) -> Project:
        """Create a project from the fields of a valid request and its name."""
        at = stamp(self.tick())
        project = Project({"id": self.new_id(), **given, "created_at": at, "updated_at": at})
        self.projects[project.name] = project
        return project

    def put_source(self, full_name: str, given: JSON) -> Source:
        """Create a source from the fields of a valid request."""
        owner, name = full_name.split("/")
        at = stamp(self.tick())
        stamps = {"created_at": at, "updated_at": at, "last_modified": at}
        source = _source({"id": self.new_id(), "owner": owner, "name": name, **given, **stamps})
        self.sources[source.id] = source
        self.names[Source, full_name] = source.id
        self.comments[source.id] = Comments()
        self.own.add(source.id)
        return source

    def change_source(self, source: Source, given: JSON) -> Source:
        """Put the fields of a valid request in the place of the old ones; nothing given changes nothing."""
        if not given:
            return source
        at = stamp(self.tick())
        self.sources[source.id] = new = _source({**source.fields, **given, "updated_at": at, "last_modified": at})
        return new

    def drop_source(self, source: Source) -> None:
        """Delete a source with its comments and their labels; the datasets that include it include it no more."""
        if self.lag is not None:
            self.remember(self.lag)
        for dataset in [each for each in self.datasets.values() if source.id in each.source_ids]:
            self.change_dataset(dataset, {"source_ids": [each for each in dataset.source_ids if each != source.id]})
        for key in [key for key in {**self.labelled, **self.remarks} if key[1] == source.id]:
            self.own -= {key, ("remarks", *key)}
            self.labelled.pop(key, None)
            self.remarks.pop(key, None)
        self.own.discard(source.id)
        del self.sources[source.id], self.names[Source, source.full_name], self.comments[source.id]

    def put_dataset(self, full_name: str, given: JSON) -> Dataset:
        """Create a dataset from the fields of a valid request."""
        owner, name = full_name.split("/")
        at = stamp(self.tick())
        filled = {"id": self.new_id(), "owner": owner, "name": name, **given, "created": at, "last_modified": at}
        filled["source_ids"] = list(dict.fromkeys(given["source_ids"]))
        filled["entity_defs"] = self._entities(given["entity_defs"])
        groups = given.get("label_groups") or [{"label_defs": given["label_defs"]}]
        dataset = Dataset(
            filled | labels_of_groups(contract.with_defaults("objects/label_group.json", group) for group in groups)
        )
        self.datasets[dataset.id] = dataset
        self.names[Dataset, full_name] = dataset.id
        return dataset

    def change_dataset(self, dataset: Dataset, given: JSON) -> Dataset:
        """Put the fields of a valid request in the place of the old ones; nothing given changes nothing."""
        if not given:
            return dataset
        changed = {**dataset.fields, **given, "last_modified": stamp(self.tick())}
        changed["source_ids"] = list(dict.fromkeys(changed["source_ids"]))
        changed["entity_defs"] = self._entities(changed["entity_defs"])
        return self.redefine(Dataset(changed))

    def redefine(self, dataset: Dataset) -> Dataset:
        """Put a dataset with other fields in the place of the one that has its id."""
        if self.lag is not None:
            self.remember(self.lag)
        self.datasets[dataset.id] = dataset
        return dataset

    def _entities(self, given: Iterable[JSON]) -> list[JSON]:
        """Entities as the service answers them: each with an id, and a colour that is 0 where none was given."""
        return [{"color": 0, **entity, "id": entity.get("id") or self.new_id()} for entity in given]

    def drop_dataset(self, dataset: Dataset) -> None:
        """Delete a dataset and its labels; its sources and their comments stay."""
        del self.datasets[dataset.id], self.names[Dataset, dataset.full_name]
        self.model_tags.pop(dataset.id, None)
        for key in [key for key in {**self.labelled, **self.remarks} if key[0] == dataset.id]:
            self.own -= {key, ("remarks", *key)}
            marked, said = self.labelled.pop(key, {}), self.remarks.pop(key, {})
            annotated = dict.fromkeys([*(name for name, start in marked.items() if assigns(start)), *said])
            self.flag_annotations([self.comments[key[1]].rows[name] for name in annotated])

    def put_bucket(self, full_name: str, given: JSON) -> Bucket:
        """Create a bucket from the fields of a valid request."""
        owner, name = full_name.split("/")
        at = stamp(self.tick())
        title = {"title": given["title"]}
        bucket = Bucket(
            {"id": self.new_id(), "owner": owner, "name": name, **title, "created_at": at, "updated_at": at}
        )
        self.buckets[bucket.id] = bucket
        self.names[Bucket, full_name] = bucket.id
        return bucket

    def change_bucket(self, bucket: Bucket, given: JSON) -> Bucket:
        """Put the fields of a valid request in the place of the old ones; nothing given changes nothing."""
        if not given:
            return bucket
        self.buckets[bucket.id] = new = Bucket({**bucket.fields, **given, "updated_at": stamp(self.tick())})
        return new

    def drop_bucket(self, bucket: Bucket) -> None:
        """Delete a bucket, and let go of it the sources that it feeds."""
        del self.buckets[bucket.id], self.names[Bucket, bucket.full_name]
        for source in list(self.sources.values()):
            if source.fields.get("bucket_id") == bucket.id:
                left = {name: value for name, value in source.fields.items() if name != "bucket_id"}
                self.sources[source.id] = Source(left)

    # -------------------------------------------------------------------------------------------- comments

    def find_comment(self, uid: str) -> Row | None:
        """The comment of this uid, which splits at its first dot; the comment's own id may hold dots."""
        source_id, _, comment_id = uid.partition(".")
        found = self.comments.get(source_id)
        return None if found is None else found.rows.get(comment_id)

    def comments_to_change(self, source_id: str) -> Comments:
        """The comments of a source, nobody else's."""
        if self.lag is not None:
            self.remember(self.lag)
        if source_id not in self.own:
            self.comments[source_id] = self.comments[source_id].copy()
            self.own.add(source_id)
        return self.comments[source_id]

    def put_comments(self, source_id: str, uploads: Iterable[JSON]) -> list[Row]:
        """Store comments with ids new to the source; `created_at` and `last_modified` are now, unless given."""
        table = self.comments_to_change(source_id)
        rows = [
            row_of(source_id, upload, number, self.tick())
            for number, upload in enumerate(uploads, start=len(table.ids))
        ]
        table.add(rows)
        return rows

    def sync_comments(self, source_id: str, uploads: Iterable[JSON]) -> Counter[str]:
        """Store comments, in the place of those with their ids that say something else; what became of how many.

        Raises Senseless, and stores none, where a timestamp means no moment.
        """
        there, counts, now = self.comments[source_id], Counter[str](), self.time()
        rows: dict[str, Row] = {}
        reworded = set()
        try:
            for upload in uploads:
                said, comment_id = _said(source_id, upload), upload["id"]
                old = rows.get(comment_id) or there.rows.get(comment_id)
                change = "new" if old is None else _change(old, said)
                if old is None:
                    at = self.tick()
                    rows[comment_id] = said.row(len(there.ids) + counts["new"], at, at)
                elif change != "unchanged":
                    annotated = old.data.endswith(ANNOTATED)
                    rows[comment_id] = said.row(old.number, old.created_at, self.tick(), annotated=annotated)
                if change == "updated_text_changed":
                    reworded.add(comment_id)
                counts[change] += 1
        except Senseless:
            self.now = now
            raise
        if rows:
            table = self.comments_to_change(source_id)
            changed = [row for row in rows.values() if row.id in table.rows]
            table.add(row for row in rows.values() if row.id not in table.rows)
            table.replace(*changed)
        self.drop_entities(source_id, reworded)
        return counts

    def change_comment(self, row: Row, given: JSON) -> None:
        """Put the given fields in the place of the old ones, and stamp the change."""
        old = json.loads(row.data)
        old.pop("last_modified")
        new = row_of(row.source_id, {**old, **given}, row.number, self.tick())
        self.comments_to_change(row.source_id).replace(new)
        if not _same(json.loads(new.data)["messages"], old["messages"]):
            self.drop_entities(row.source_id, [row.id])

    def drop_comment(self, row: Row) -> None:
        """Delete a comment, and its labels in every dataset."""
        self.comments_to_change(row.source_id).remove(row.id)
        for dataset_id, source_id in self.labelled:
            if source_id == row.source_id and row.id in self.labelled[dataset_id, source_id]:
                del self.labels_to_change(dataset_id, source_id)[row.id]
        for dataset_id, source_id in self.remarks:
            if source_id == row.source_id and row.id in self.remarks[dataset_id, source_id]:
                del self.remarks_to_change(dataset_id, source_id)[row.id]

    # ------------------------------------------------------------------------------------------------- lag

    def remember(self, lag: Lag) -> None:
        """Keep what there is before a change, for reads that lag behind. Changes close together are seen together."""
        now, last = self.time(), self.past[-1] if self.past else None
        if last is not None and (last.reads == self.reads if lag.reads else now - last.since <= lag.time // STEPS):
            last.time = now
            return
        before = self.fork()
        before.lag, before.past = None, []
        self.past.append(Past(self.reads, now, now, before))

    def seen(self, *reads: str) -> Tenant:
        """The tenant as the next read sees it, of which these may be late: "comments", "predictions", "statistics"."""
        lag = self.lag
        if lag is None or lag.what.isdisjoint(reads):
            return self
        now = self.time()
        while self.past and self.reads >= self.past[0].reads + lag.reads and now >= self.past[0].time + lag.time:
            del self.past[0]
        self.reads += 1
        if not self.past:
            return self
        then, view = self.past[0].tenant, self.fork()
        late = lag.what.intersection(reads)
        if "statistics" in late:
            view.labelled, view.remarks, view.datasets = then.labelled, then.remarks, then.datasets
        if late & {"comments", "statistics"}:
            view.comments = {source_id: then.comments.get(source_id, Comments()) for source_id in self.comments}
            view.comments |= then.comments if "statistics" in late else {}  # also those of a source since deleted
        if "predictions" in late:
            view.labelled = {
                key: marked if marked is then.labelled.get(key) else _predicted(marked, then.labelled.get(key, {}))
                for key, marked in self.labelled.items()
            }
        return view

    # ---------------------------------------------------------------------------------------------- labels

    def labels_to_change(self, dataset_id: str, source_id: str) -> dict[str, bytes]:
        """The labels of a source's comments in a dataset, nobody else's."""
        if self.lag is not None:
            self.remember(self.lag)
        key = dataset_id, source_id
        if key not in self.own:
            self.labelled[key] = dict(self.labelled.get(key, ()))
            self.own.add(key)
        return self.labelled[key]

    def labels_of(self, dataset: Dataset, row: Row) -> tuple[list[JSON], list[JSON]]:
        """What is assigned to and predicted for a comment in a dataset."""
        start = self.labelled.get((dataset.id, row.source_id), {}).get(row.id, UNMARKED)
        entry = json.loads(start + b"{}}")
        return entry["annotations"]["labels"]["assigned"], entry["predictions"]["labels"]

    def put_labels(
        self,
        dataset: Dataset,
        row: Row,
        assigned: Sequence[JSON] | None = None,
        predicted: Sequence[JSON] | None = None,
    ) -> None:
        """Assign labels to a comment, or predict them; None leaves what there is. A new name becomes a label."""
        if assigned is not None and not dataset.has_sentiment:
            assigned = [without_sentiment(label) for label in assigned]
        if predicted is not None and not dataset.has_sentiment:
            predicted = [without_sentiment(label) for label in predicted]
        before = self.labels_of(dataset, row)
        both = [old if new is None else new for old, new in zip(before, (assigned, predicted), strict=True)]
        self.labels_to_change(dataset.id, row.source_id)[row.id] = marks(*both)
        if assigned is not None:
            self.define_labels(dataset, [label["name"] for label in assigned])
            self.flag_annotations([row])

    def remarks_to_change(self, dataset_id: str, source_id: str) -> dict[str, JSON]:
        """What people said of a source's comments in a dataset beside the labels they assigned, nobody else's."""
        if self.lag is not None:
            self.remember(self.lag)
        key = dataset_id, source_id
        if ("remarks", *key) not in self.own:
            self.remarks[key] = dict(self.remarks.get(key, ()))
            self.own.add(("remarks", *key))
        return self.remarks[key]

    def put_remark(self, dataset_id: str, row: Row, remark: JSON) -> None:
        """Keep what people said of a comment beside the labels they assigned; of nothing said nothing is kept."""
        if remark == self.remarks.get((dataset_id, row.source_id), {}).get(row.id, {}):
            return
        table = self.remarks_to_change(dataset_id, row.source_id)
        if remark:
            table[row.id] = remark  # never changed in place: others may share it
        else:
            del table[row.id]
        self.flag_annotations([row])

    def drop_entities(self, source_id: str, comment_ids: Iterable[str]) -> None:
        """Take what people said of entities from comments whose messages have changed, in every dataset."""
        keys = [key for key in self.remarks if key[1] == source_id]
        for comment_id in comment_ids if keys else ():
            for key in keys:
                remark = self.remarks[key].get(comment_id, {})
                if "entities" in remark:
                    left = {name: said for name, said in remark.items() if name != "entities"}
                    self.put_remark(key[0], self.comments[source_id].rows[comment_id], left)

    def annotated(self, dataset_id: str, row: Row) -> bool:
        """Whether people said anything of a comment in a dataset."""
        key = dataset_id, row.source_id
        return assigns(self.labelled.get(key, {}).get(row.id, UNMARKED)) or row.id in self.remarks.get(key, ())

    def define_labels(self, dataset: Dataset, names: Iterable[str]) -> None:
        """Make labels of those names that the dataset does not have yet."""
        dataset = self.datasets[dataset.id]
        new = [{"name": name} for name in dict.fromkeys(names) if name not in dataset.labels]
        if new:
            first, *others = dataset.fields["label_groups"]
            grown = {**first, "label_defs": [*first["label_defs"], *new]}
            self.redefine(Dataset({**dataset.fields, **labels_of_groups([grown, *others])}))

    def flag_annotations(self, rows: Iterable[Row]) -> None:
        """Let comments say whether people said anything of them in any dataset."""
        keys = {**self.labelled, **self.remarks}
        for each in rows:
            row = self.comments[each.source_id].rows[each.id]  # as it is now
            comment = json.loads(row.data)
            flag = any(self.annotated(dataset_id, row) for dataset_id, source_id in keys if source_id == row.source_id)
            if comment["has_annotations"] != flag:
                comment["has_annotations"] = flag
                self.comments_to_change(row.source_id).replace(row._replace(data=encode(comment)))


class Said(NamedTuple):
    """What a caller says of a comment: its fields as they are stored, and the JSON of them up to what is added."""

    fields: JSON
    start: bytes

    def row(self, number: int, created_at: int, last_modified: int, *, annotated: bool = False) -> Row:
        """The comment as it is stored; what the service adds comes last, so that what was said can be compared."""
        modified, created = max(last_modified, created_at), stamp(created_at)
        at = created if modified == created_at else stamp(modified)
        end = f'"created_at":"{created}","last_modified":"{at}","context":"{modified // 1000}",'
        data = self.start + end.encode() + (ANNOTATED if annotated else UNANNOTATED)
        timestamp = moment(self.fields["timestamp"])
        return Row(timestamp, self.fields["source_id"], self.fields["id"], created_at, number, data)


FIRST = ("id", "timestamp", "messages", "uid")  # of what is stored, in this order
MESSAGES, BEHIND = b',"messages":', b',"uid":'  # what stands before and behind them; no text holds a bare quote
ADDED = ("created_at", "last_modified", "context", "has_annotations")  # by the service, at its end
ANNOTATED, UNANNOTATED = b'"has_annotations":true}', b'"has_annotations":false}'


def row_of(source_id: str, given: JSON, number: int, at: int) -> Row:
    """A comment as it is stored: what was uploaded and what the service adds; `at` stands for stamps not given."""
    created_at, last_modified = (moment(given[name]) if name in given else at for name in ADDED[:2])
    said = _said(source_id, {name: value for name, value in given.items() if name not in ADDED})
    return said.row(number, created_at, last_modified, annotated=given.get("has_annotations", False))


def _said(source_id: str, upload: JSON) -> Said:
    timestamp = restamped(upload["timestamp"])
    messages = [
        {**message, "sent_at": restamped(message["sent_at"])} if "sent_at" in message else message
        for message in upload["messages"]
    ]
    made = {"timestamp": timestamp, "messages": messages, "uid": f"{source_id}.{upload['id']}", "source_id": source_id}
    fields = {**dict.fromkeys(FIRST), **upload, **made}
    return Said(fields, encode(fields)[:-1] + b",")


def _change(old: Row, said: Said) -> str:
    """What an upload means for the comment that has its id, by the API's name of the count.

    The bytes tell, but where they are as many in another order: then they may be the same JSON, and are read.
    """
    start = old.data[: old.data.rindex(b'"created_at":')]
    if start == said.start:
        return "unchanged"
    behind = encode({name: value for name, value in said.fields.items() if name not in FIRST[:3]})
    messages = said.start[said.start.index(MESSAGES) + len(MESSAGES) : -len(behind)]
    place = start.index(MESSAGES) + len(MESSAGES)
    told = start.startswith(messages + BEHIND, place)
    if not told and not start.startswith(BEHIND, place + len(messages)):
        return "updated_text_changed"
    if told and len(start) != len(said.start):
        return "updated_properties_only"
    kept = json.loads(start[:-1] + b"}")
    if not (told or _same(said.fields["messages"], kept["messages"])):
        return "updated_text_changed"
    return "unchanged" if _same(said.fields, kept) else "updated_properties_only"


def _same(one: Any, other: Any) -> bool:
    """Whether two are the same JSON; to Python, True is 1."""
    return bool(one == other) and json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


TABLES = tuple(each.name for each in fields(Tenant) if each.default_factory is not MISSING)
VALUES = tuple(each.name for each in fields(Tenant) if each.default_factory is MISSING)


def _predicted(marked: Mapping[str, bytes], then: Mapping[str, bytes]) -> dict[str, bytes]:
    """Labels as they are assigned now and were predicted then."""
    mixed = {}
    for comment_id, start in marked.items():
        before = then.get(comment_id, UNMARKED)
        assigned, predicted = json.loads(start + b"{}}"), json.loads(before + b"{}}")
        mixed[comment_id] = marks(assigned["annotations"]["labels"]["assigned"], predicted["predictions"]["labels"])
    return mixed


def _source(fields: JSON) -> Source:
    """A source, without the key of a bucket where it has none."""
    return Source({name: value for name, value in fields.items() if (name, value) != ("bucket_id", None)})


def without_sentiment(label: JSON) -> JSON:
    """A label as a dataset without sentiment keeps it."""
    return {key: value for key, value in label.items() if key != "sentiment"}


def labels_of_groups(groups: Iterable[JSON]) -> JSON:
    """The label fields of a dataset: its groups, and the labels of all of them together."""
    groups = list(groups)
    return {"label_groups": groups, "label_defs": [label for group in groups for label in group["label_defs"]]}
