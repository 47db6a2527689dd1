"""A tenant in a file: one JSON document, held against `schemas/state.json`, and written whole or not at all."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_reinfer import contract
from pytest_reinfer.comments import Comments, Row
from pytest_reinfer.tenant import Bucket, Dataset, Project, Source, Tenant, User, encode, row_of
from pytest_reinfer.whole import replacing

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_reinfer.wire import JSON

VERSION: Final = 1  # of the file
NUMBERS: Final = ("seed", "now", "made")
RESOURCES: Final = {"projects": Project, "sources": Source, "datasets": Dataset, "buckets": Bucket}
KEPT: Final = (*NUMBERS, *RESOURCES, "users", "comments", "labelled", "remarks", "model_tags")
LEFT: Final = (  # what follows from the rest or from where it answers, and what is a rule of one run
    *("names", "own", "travelled", "url"),
    *("denied", "rate", "lag", "reads", "windows", "past"),
)


class BadState(ValueError):
    """A file that holds no tenant that this version can read."""


def same(one: Tenant, other: Tenant) -> bool:
    """Whether two snapshots of one tenant hold the same, as far as it is kept, at whatever moment."""
    return all(getattr(one, name) == getattr(other, name) for name in KEPT if name != "now")


# ---------------------------------------------------------------------------------------------------- writing


def write(tenant: Tenant, path: str | os.PathLike[str]) -> None:
    """Put a tenant in the place of what the file held; where that fails, the file is as it was.

    Only its owner may read the file: it holds tokens. Raises OSError.
    """
    with replacing(path) as file:
        file.writelines(_parts(tenant))


def _parts(tenant: Tenant) -> Iterator[bytes]:
    """The document in parts; comments and labels as they are stored, each on a line of its own."""
    yield b'{"version":%d' % VERSION
    users = {user.username: _user(user) for user in tenant.users.values()}
    for name, value in [*((name, getattr(tenant, name)) for name in NUMBERS), ("users", users)]:
        yield b',\n"%b":%b' % (name.encode(), encode(value))
    for name in RESOURCES:
        yield b',\n"%b":[' % name.encode()
        yield from _lines(resource.data for resource in getattr(tenant, name).values())
        yield b"]"
    yield b',\n"comments":['
    for number, (source_id, table) in enumerate(tenant.comments.items()):
        yield b'%b\n{"source_id":%b,"ids":%b,"comments":[' % (b"," * bool(number), encode(source_id), encode(table.ids))
        yield from _lines(row.data for row in table.rows.values())
        yield b"]}"
    yield b'],\n"labelled":['
    yield from _by_comment(tenant.labelled, _marks)
    yield b'],\n"remarks":['
    yield from _by_comment(tenant.remarks, encode)
    yield b'],\n"model_tags":%b}\n' % encode(tenant.model_tags)


def _by_comment(tables: Mapping[tuple[str, str], Mapping[str, Any]], write: Callable[[Any], bytes]) -> Iterator[bytes]:
    """What is there by dataset, source and comment."""
    for number, ((dataset_id, source_id), table) in enumerate(tables.items()):
        ids = b'"dataset_id":%b,"source_id":%b' % (encode(dataset_id), encode(source_id))
        yield b'%b\n{%b,"comments":{' % (b"," * bool(number), ids)
        yield from _lines(encode(comment_id) + b":" + write(value) for comment_id, value in table.items())
        yield b"}}"


def _lines(values: Iterable[bytes]) -> Iterator[bytes]:
    for number, value in enumerate(values):
        yield b",\n%b" % value if number else b"\n%b" % value


def _user(user: User) -> JSON:
    sets = {"permissions": user.permissions, "named": user.named}
    granted = {name: {project: sorted(names) for project, names in found.items()} for name, found in sets.items()}
    return {name: getattr(user, name) for name in PLAIN} | granted


PLAIN: Final = ("token", "expires", "id", "email", "created", "verified")  # of a user, kept as it is


_BEHIND: Final = b',"comment":'  # how the start of an exported comment ends


def _marks(start: bytes) -> bytes:
    return start.removesuffix(_BEHIND) + b"}"


# ---------------------------------------------------------------------------------------------------- reading


def read(path: str | os.PathLike[str]) -> Tenant:
    """The tenant that a file holds.

    Raises BadState, saying what is wrong where and what to do about it; OSError where the file cannot be read.
    """
    data = Path(path).read_bytes()
    try:
        value = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BadState(f"{path} is no JSON, or not all of it: {error}. {_REMEDY}") from None
    version = value.get("version") if isinstance(value, dict) else None
    if not isinstance(version, int) or isinstance(version, bool):
        raise BadState(f"{path} holds no tenant: it is JSON, but none with a whole number as version. {_REMEDY}")
    if version > VERSION:
        raise BadState(
            f"{path} was written by a later pytest-reinfer: it is version {version}, and this one reads up to "
            f"{VERSION}. Update pytest-reinfer, or name another file."
        )
    problem = contract.problem("state.json", value)
    if problem is not None:
        secret = problem.path.startswith("$.users")  # where the message may hold a token
        message = "it is not as it must be" if secret else f"{problem.message:.500}"
        allowed = f" Allowed: {problem.allowed}." if problem.allowed else ""
        raise BadState(f"{path}: at {problem.path}: {message}.{allowed} {_REMEDY}")
    for wrong in _contradictions(value):
        raise BadState(f"{path}: {wrong}. {_REMEDY}")
    try:
        return _tenant(value)
    except ValueError as error:
        raise BadState(f"{path}: {error}. {_REMEDY}") from None


_REMEDY: Final = "Mend the file, or name another one: a new tenant is made where there is no file."


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")


def _contradictions(value: JSON) -> Iterator[str]:
    """What fits the schema and cannot be: things that are there twice, or point to what is not there."""
    names = [project["name"] for project in value["projects"]]
    ids = {table: [each["id"] for each in value[table]] for table in ("sources", "datasets", "buckets")}
    full_names = {table: [f"{each['owner']}/{each['name']}" for each in value[table]] for table in ids}
    tokens = [user["token"] for user in value["users"].values()]
    of_sources = [table["source_id"] for table in value["comments"]]
    people = [user["id"] for user in value["users"].values()]
    yield from _twice("projects have the name", names)
    yield from _twice("users have one token, that of", tokens, [*value["users"]])
    yield from _twice("lists of comments are of the source", of_sources)
    yield from _twice("users have one id, that of", people, [*value["users"]])
    for table, found in ids.items():
        yield from _twice(f"{table} have the id", found)
        yield from _twice(f"{table} have the name", full_names[table])
        owners = [each["owner"] for each in value[table]]
        yield from _missing(f"{table} belong to the project", owners, names)
    wanted = [source_id for dataset in value["datasets"] for source_id in dataset["source_ids"]]
    yield from _missing("datasets name the source", wanted, ids["sources"])
    yield from _missing("comments stand there for the source", of_sources, ids["sources"])
    yield from _missing("no list of comments is there for the source", ids["sources"], of_sources, "")
    fed = [source["bucket_id"] for source in value["sources"] if source.get("bucket_id") is not None]
    yield from _missing("sources name the bucket", fed, ids["buckets"])
    yield from _missing("model tags stand there for the dataset", value["model_tags"], ids["datasets"])
    there = {table["source_id"]: [comment["id"] for comment in table["comments"]] for table in value["comments"]}
    for table in value["comments"]:
        source_id = table["source_id"]
        yield from _twice(f"comments of the source {source_id} have the id", there[source_id])
        yield from _missing(f"ids of the source {source_id} lack that of the comment", there[source_id], table["ids"])
        for comment in table["comments"]:
            if comment["uid"] != f"{source_id}.{comment['id']}" or comment["source_id"] != source_id:
                yield f"the comment {comment['uid']} is not what its source {source_id} and its id {comment['id']} say"
    for name, what in (("labelled", "labels"), ("remarks", "remarks")):
        pairs = [(table["dataset_id"], table["source_id"]) for table in value[name]]
        yield from _twice(f"lists of {what} are of the dataset and source", pairs)
        yield from _missing(f"{what} stand there for the dataset", [pair[0] for pair in pairs], ids["datasets"])
        yield from _missing(f"{what} stand there for the source", [pair[1] for pair in pairs], ids["sources"])
        for table in value[name]:
            known = there.get(table["source_id"], ())
            yield from _missing(f"{what} stand there for a comment of {table['source_id']}", table["comments"], known)


def _twice(what: str, values: Iterable[object], told: Iterable[object] = ()) -> Iterator[str]:
    values = list(values)
    times = Counter(values)
    for value, name in zip(values, list(told) or values, strict=True):
        if times[value] > 1:
            yield f"several {what} {name}"


def _missing(what: str, values: Iterable[object], there: Iterable[object], end: str = ", which is not there") -> Any:
    known = set(there)
    yield from (f"{what} {value}{end}" for value in values if value not in known)


def _tenant(value: JSON) -> Tenant:
    tenant = Tenant(**{name: value[name] for name in NUMBERS})
    tenant.projects = {each["name"]: Project(each) for each in value["projects"]}
    tenant.sources = {each["id"]: Source(each) for each in value["sources"]}
    tenant.datasets = {each["id"]: Dataset(each) for each in value["datasets"]}
    tenant.buckets = {each["id"]: Bucket(each) for each in value["buckets"]}
    for resource in (*tenant.sources.values(), *tenant.datasets.values(), *tenant.buckets.values()):
        tenant.names[type(resource), resource.full_name] = resource.id
    for username, user in value["users"].items():
        permissions, named = (
            {project: frozenset(map(which, names)) for project, names in user[name].items()}
            for name, which in (("permissions", contract.display_name), ("named", str))
        )
        plain = {name: user[name] for name in PLAIN}
        tenant.users[username] = User(username, permissions=permissions, named=named, **plain)
    for table in value["comments"]:
        tenant.comments[table["source_id"]] = _comments(table)
    for table in value["labelled"]:
        tenant.labelled[table["dataset_id"], table["source_id"]] = {
            comment_id: encode(marked)[:-1] + _BEHIND for comment_id, marked in table["comments"].items()
        }
    for table in value["remarks"]:
        tenant.remarks[table["dataset_id"], table["source_id"]] = table["comments"]
    tenant.model_tags = value["model_tags"]
    return tenant


def _comments(table: JSON) -> Comments:
    """The comments of a source; of an id that came more than once, the last is the one that is there."""
    numbers = {comment_id: number for number, comment_id in enumerate(table["ids"])}
    found = Comments()
    found.add(_row(comment, numbers[comment["id"]]) for comment in table["comments"])
    found.ids = table["ids"]
    return found


def _row(comment: JSON, number: int) -> Row:
    return row_of(comment["source_id"], comment, number, 0)
