"""Puts into a tenant what the answers of a recording show, and tells what it could not take."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from pytest_reinfer import contract, export
from pytest_reinfer.comments import Comments
from pytest_reinfer.recordings.exchanges import recorded
from pytest_reinfer.recordings.files import BadRecording
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import moment, stamp
from pytest_reinfer.tenant import Bucket, Dataset, Project, Source, labels_of_groups, marks, row_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_reinfer.contract import Route
    from pytest_reinfer.recordings.exchanges import Recorded
    from pytest_reinfer.tenant import Tenant
    from pytest_reinfer.wire import JSON

OK: Final = 200
TAKEN: Final = (
    *("project", "source", "dataset", "bucket", "comment", "exported_comment", "annotated_comment", "model_tag"),
)
DELETED: Final = {  # routes that delete, the table they delete from, and the parameters of the path that tell what
    "delete_dataset": ("dataset", ("project", "dataset_name")),
    "delete_dataset_by_id": ("dataset", ("dataset_id",)),
    "delete_source_by_id": ("source", ("source_id",)),
    "delete_bucket_by_id": ("bucket", ("bucket_id",)),
    "delete_project": ("project", ("project",)),
}


class _Shown:
    """What the answers of a recording have shown so far, the last word on each thing."""

    def __init__(self) -> None:
        self.project: dict[str, JSON] = {}
        self.source: dict[str, JSON] = {}
        self.dataset: dict[str, JSON] = {}
        self.bucket: dict[str, JSON] = {}
        self.comment: dict[str, JSON] = {}  # by uid
        self.said: dict[tuple[str, str], JSON] = {}  # by full name of the dataset and uid: an entry with labels
        self.tags: dict[str, dict[str, JSON]] = {}  # by full name of the dataset and name
        self.of: dict[str, str] = {}  # the full names of sources that were asked for by name, by id
        self.left: Counter[str] = Counter()
        self.pages: list[tuple[str, str]] = []  # continuations that were sent: full name of the dataset, and token
        self.dropped = False  # whether anything was deleted
        self.newest = 0


def take(path: Path, tenant: Tenant) -> tuple[str, ...]:
    """Put into an empty tenant what the answers of a recording show; what could not be taken.

    Raises BadRecording where the file is none, or shows nothing that a tenant holds; OSError.
    """
    shown = _Shown()
    for exchange in recorded(path):
        _look(exchange, shown)
    if not shown.dropped and not any((shown.project, shown.source, shown.dataset, shown.bucket, shown.comment)):
        told = "; ".join(_told(shown)) or "it holds no exchange"
        raise BadRecording(f"{path}: no answer in it shows a project, dataset, source, bucket or comment: {told}.")
    _put(shown, tenant)
    _follow(shown, tenant)
    return tuple(_told(shown))


def _told(shown: _Shown) -> Iterator[str]:
    for what, count in shown.left.items():
        yield f"{what} ({count})" if count > 1 else what


def _look(exchange: Recorded, shown: _Shown) -> None:
    """Take note of what an exchange shows."""
    if not exchange.ours:
        shown.left["exchanges with other hosts"] += 1
        return
    found = contract.match(exchange.request.method, exchange.request.path)
    route, answer = found.route, exchange.response
    if route is None or not route.built:
        shown.left[
            f"an exchange of a route that the fake does not build: {exchange.request.method} {exchange.request.path}"[
                :200
            ]
        ] += 1
        return
    if answer is None or answer.status != OK:
        shown.left[f"{route.name}: answers that are no success"] += 1
        return
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        shown.left[f"{route.name}: answers whose body is no JSON, or was not recorded"] += 1
        return
    shown.newest = max(shown.newest, exchange.moment or 0)
    if route.name in DELETED:
        _drop(shown, *DELETED[route.name], found.parameters)
    elif route.name == "delete_comments":
        for comment_id in parse_qs(exchange.request.query).get("id", ()):
            for uid in [uid for uid in shown.comment if uid.partition(".")[2] == comment_id]:
                del shown.comment[uid]
                shown.dropped = True
    else:
        _take(route, found.parameters, body, shown)
        _sent(route, found.parameters, exchange.request.body, shown)


def _sent(route: Route, parameters: Mapping[str, str], sent: bytes, shown: _Shown) -> None:
    """Take note of what a request sent that leads on from an answer before it."""
    try:
        body = json.loads(sent)
    except (ValueError, RecursionError):
        return
    if not isinstance(body, dict):
        return
    if route.name == "export_dataset" and isinstance(body.get("continuation"), str):
        shown.pages.append((f"{parameters['project']}/{parameters['dataset_name']}", body["continuation"]))
    if body.get("context") is not None:
        shown.left[f"{route.name}: a recorded context means nothing to the tenant, which answers another one"] += 1


def _follow(shown: _Shown, tenant: Tenant) -> None:
    """Tell of continuations that the tenant did not give out, and so refuses: it has its own."""
    for full_name, token in shown.pages:
        dataset = tenant.find_dataset(full_name)
        try:
            if dataset is not None:
                export.position(tenant, dataset, token)
        except Refused:
            shown.left[f"{full_name}: a recorded continuation is refused, for the tenant gives out its own"] += 1


def _drop(shown: _Shown, table: str, names: tuple[str, ...], parameters: Mapping[str, str]) -> None:
    """Forget what was deleted."""
    wanted = "/".join(parameters[name] for name in names)
    things = getattr(shown, table)
    for key, fields in list(things.items()):
        if wanted in (key, f"{fields.get('owner')}/{fields['name']}"):
            del things[key]
            shown.dropped = True


def _take(route: Route, parameters: Mapping[str, str], body: Any, shown: _Shown) -> None:
    """Take note of the objects in an answer, which are where the schema of the route has them."""
    schema = contract.documents()[f"routes/{route.name}.json"]["properties"]["response"]
    project = parameters.get("project", "")
    dataset = f"{project}/{parameters['dataset_name']}" if "dataset_name" in parameters else ""
    source = f"{project}/{parameters['source_name']}" if "source_name" in parameters else ""
    count = 0
    for kind, value in _objects(schema, body):
        problem = contract.problem(f"objects/{kind}.json", value)
        if problem is not None:
            shown.left[f"{route.name}: a {kind} with {problem.path}: {problem.message}"[:200]] += 1
            continue
        count += 1
        if kind in ("exported_comment", "annotated_comment"):
            _comment(value["comment"], source, shown)
            old = shown.said.get((dataset, value["comment"]["uid"]), {})
            shown.said[dataset, value["comment"]["uid"]] = {**old, **value}
        elif kind == "comment":
            _comment(value, source, shown)
        elif kind == "model_tag":
            shown.tags.setdefault(dataset, {})[value["name"]] = value
        else:
            getattr(shown, kind)[value["name" if kind == "project" else "id"]] = value
    if not count and not any(kind for kind, _ in _objects(schema, body)):
        shown.left[f"{route.name}: its answers show nothing that is kept"] += 1


def _objects(schema: JSON, value: Any) -> Iterator[tuple[str, Any]]:
    """The objects in a value that a tenant keeps, with their kinds."""
    kind = Path(schema.get("$ref", "")).stem
    if kind in TAKEN:
        yield kind, value
    elif isinstance(value, list):
        for each in value:
            yield from _objects(schema.get("items", {}), each)
    elif isinstance(value, dict):
        for name, member in schema.get("properties", {}).items():
            if name in value:
                yield from _objects(member, value[name])


def _comment(comment: JSON, source: str, shown: _Shown) -> None:
    shown.comment[comment["uid"]] = {**shown.comment.get(comment["uid"], {}), **comment}
    if source:
        shown.of[comment["source_id"]] = source


# --------------------------------------------------------------------------------------------------- into the tenant


def _put(shown: _Shown, tenant: Tenant) -> None:
    """Fill the tenant, making what was not shown and is needed."""
    now = stamp(tenant.now)
    for name, fields in shown.project.items():
        tenant.projects[name] = Project({"id": fields.get("id") or tenant.new_id(), **fields})
    for fields in shown.bucket.values():
        _keep(tenant, Bucket(fields), shown)
    for fields in shown.source.values():
        _keep(tenant, Source(fields), shown)
    _sources(shown, tenant, now)
    _datasets(shown, tenant, now)
    _comments(shown, tenant)
    for (full_name, uid), entry in shown.said.items():
        _say(shown, tenant, full_name, uid, entry)
    for full_name, tags in shown.tags.items():
        dataset = tenant.find_dataset(full_name)
        if dataset is not None:
            tenant.model_tags[dataset.id] = tags
    tenant.now = max(
        tenant.now,
        shown.newest,
        *(row.created_at for all_ in tenant.comments.values() for row in all_.rows.values()),
        0,
    )


def _keep(tenant: Tenant, thing: Bucket | Source | Dataset, shown: _Shown) -> None:
    """Put a bucket, source or dataset into its table, and its project."""
    if thing.owner not in tenant.projects:
        at = stamp(tenant.now)
        fields = {"name": thing.owner, "title": "", "description": "", "created_at": at, "updated_at": at}
        tenant.projects[thing.owner] = Project({"id": tenant.new_id(), **fields})
        shown.left[f"the project {thing.owner}, which is not shown, has no title"] += 1
    tables: dict[type, dict[str, Any]] = {Bucket: tenant.buckets, Source: tenant.sources, Dataset: tenant.datasets}
    tables[type(thing)][thing.id] = thing
    tenant.names[type(thing), thing.full_name] = thing.id
    if isinstance(thing, Source):
        tenant.comments[thing.id] = Comments()
        tenant.own.add(thing.id)


def _sources(shown: _Shown, tenant: Tenant, now: str) -> None:
    """Make the sources that datasets and comments name, and that are not shown."""
    homes = {source_id: fields["owner"] for fields in shown.dataset.values() for source_id in fields["source_ids"]} | {
        uid.partition(".")[0]: full_name.partition("/")[0] for full_name, uid in shown.said
    }
    named = [*homes, *(uid.partition(".")[0] for uid in shown.comment)]
    for source_id in dict.fromkeys(each for each in named if each not in tenant.sources):
        full_name = shown.of.get(source_id) or f"{homes.get(source_id, 'recorded')}/source-{source_id}"
        owner, _, name = full_name.partition("/")
        made = contract.with_defaults("objects/new_source.json", {})
        stamps = dict.fromkeys(("created_at", "updated_at", "last_modified"), now)
        _keep(tenant, Source({"id": source_id, "owner": owner, "name": name, **made, **stamps}), shown)
        shown.left[f"the source {source_id}, which is not shown, is called {full_name}"] += 1


def _datasets(shown: _Shown, tenant: Tenant, now: str) -> None:
    """Put in the datasets, and make those that answers are about and none of them shows."""
    for fields in shown.dataset.values():
        _keep(tenant, Dataset(fields), shown)
    for full_name in dict.fromkeys([*(name for name, _ in shown.said), *shown.tags]):
        if tenant.find_dataset(full_name) is not None or not full_name:
            continue
        entries = [entry for (name, _), entry in shown.said.items() if name == full_name]
        labels = [label for entry in entries for label in _labels(entry)]
        owner, _, name = full_name.partition("/")
        made = contract.with_defaults("objects/new_dataset.json", {})
        made["has_sentiment"] = not labels or any("sentiment" in label for label in labels)
        made["source_ids"] = list(dict.fromkeys(entry["comment"]["source_id"] for entry in entries))
        names = dict.fromkeys(label["name"] for label in labels)
        group = contract.with_defaults("objects/label_group.json", {"label_defs": [{"name": each} for each in names]})
        stamps = {"created": now, "last_modified": now}
        fields = {"id": tenant.new_id(), "owner": owner, "name": name, **made, **stamps, **labels_of_groups([group])}
        _keep(tenant, Dataset(fields), shown)
        shown.left[
            f"the dataset {full_name}, which is not shown, has the labels and sources that its comments have"
        ] += 1


def _labels(entry: JSON) -> Iterator[JSON]:
    """The labels of an exported comment."""
    yield from entry.get("annotations", {}).get("labels", {}).get("assigned", ())
    yield from entry.get("predictions", {}).get("labels", ())


def _comments(shown: _Shown, tenant: Tenant) -> None:
    """Put in the comments, each source's in the order in which they were uploaded."""
    uploaded: dict[str, list[JSON]] = {}
    for comment in sorted(shown.comment.values(), key=lambda each: (moment(each["created_at"]), each["uid"])):
        uploaded.setdefault(comment["source_id"], []).append(comment)
    for source_id, comments in uploaded.items():
        tenant.comments_to_change(source_id).add(
            row_of(source_id, comment, number, tenant.now) for number, comment in enumerate(comments)
        )


def _say(shown: _Shown, tenant: Tenant, full_name: str, uid: str, entry: JSON) -> None:
    """Put in what is said of a comment in a dataset."""
    dataset, row = tenant.find_dataset(full_name), tenant.find_comment(uid)
    if dataset is None or row is None:
        return
    if "annotations" in entry:
        both = entry["annotations"]["labels"]["assigned"], entry["predictions"]["labels"]
    else:
        labellings = entry["labelling"]
        both = (
            [label for each in labellings for label in each.get("assigned", ())],
            [_predicted(label) for each in labellings for label in each.get("predicted", ())],
        )
        if len(labellings) > 1:
            shown.left[f"{full_name}: which label group a label is of"] += 1
        if any(each.get("dismissed") for each in labellings) or any(entry["entities"].values()):
            shown.left[f"{full_name}: what was dismissed, and entities, of comments"] += 1
    tenant.labels_to_change(dataset.id, row.source_id)[row.id] = marks(*both)
    tenant.define_labels(dataset, [label["name"] for label in both[0]])


def _predicted(label: JSON) -> JSON:
    name = label["name"]
    return {**label, "name": name if isinstance(name, str) else " > ".join(name)}
