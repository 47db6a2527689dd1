"""The objects of the API as strategies: what the schemas allow, and consistent in itself."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from pytest_reinfer import contract, given
from pytest_reinfer.stamps import moment, stamp
from pytest_reinfer.strategies import tables
from pytest_reinfer.strategies.parts import (
    Part,
    absent,
    an_object,
    array_of,
    constant,
    object_of,
    part_of,
    pinned,
    row_of,
    text,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from pytest_reinfer import types
    from pytest_reinfer.strategies.parts import Draw
    from pytest_reinfer.wire import JSON

    Names = Sequence[str] | SearchStrategy[Sequence[str]]
    Marks = tuple[list[JSON], list[JSON]]

COMMON: Final = "objects/common.json#/$defs"
COMMENT, UPLOAD, MESSAGE = "objects/comment.json", "objects/new_comment.json", "objects/message.json"
LABEL, PREDICTED, EXPORTED = "objects/label.json", "objects/predicted_label.json", "objects/exported_comment.json"
DATASET: Final = "objects/dataset.json"
PAGE: Final = "routes/export_dataset.json#/properties/response"


class Recipe(NamedTuple):
    """How a strategy makes its values: the part that draws them, and what makes them consistent."""

    name: str
    part: Part
    rows: SearchStrategy[bytes]
    settle: Callable[[Any], Any] | None

    def __repr__(self) -> str:
        return self.name


@st.composite
def drawn(draw: Draw, recipe: Recipe) -> Any:
    """A value made by a recipe."""
    _, part, rows, settle = recipe
    value = part.make(draw, draw(rows) if part.size else b"", 0)
    return value if settle is None else settle(value)


def strategy(name: str, part: Part, settle: Callable[[Any], Any] | None = None) -> SearchStrategy[Any]:
    """The strategy of a part; `settle` makes what it drew consistent."""
    return drawn(Recipe(name, part, st.binary(min_size=part.size, max_size=part.size), settle))


def checked(what: str, ref: str, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields that a caller pins: each is one of the schema's, and each value fits, those that are drawn too."""
    __tracebackhide__ = True
    schema = contract.node(ref)
    properties = schema["properties"]
    unknown = fields.keys() - properties.keys()
    if unknown:
        raise TypeError(f"{what}: there is no field {', '.join(sorted(unknown))}. There are: {', '.join(properties)}.")
    return {
        name: _checked(what, ref, name, wanted, name in schema.get("required", ())) for name, wanted in fields.items()
    }


def _checked(what: str, ref: str, name: str, wanted: Any, needed: bool) -> Any:  # noqa: FBT001
    place = f"{ref if '#' in ref else ref + '#'}/properties/{name}"

    def fits(value: Any) -> Any:
        if value is absent and needed:
            raise ValueError(f"{what}: {name} cannot be absent.")
        if value is not absent:
            given.check(f"{what}: {name}", place, value)
        return value

    return wanted.map(fits) if isinstance(wanted, SearchStrategy) else fits(wanted)


def from_schema(ref: str, **fields: Any) -> SearchStrategy[Any]:
    """Values that fit the schema at `ref`, such as "objects/project.json", each field by itself.

    fields: of an object, what to pin: a value, a strategy, or `absent`.
    """
    __tracebackhide__ = True
    name = ref.partition("#")[0]
    if name not in contract.documents():
        raise LookupError(f"from_schema: there is no schema {name!r}. There are: {', '.join(contract.documents())}.")
    if contract.node(ref).get("type") == "object" and "properties" in contract.node(ref):
        return strategy(f"from_schema({ref!r})", object_of(ref, checked("from_schema", ref, fields)))
    return strategy(f"from_schema({ref!r})", part_of(ref))


# --------------------------------------------------------------------------------------------------------------- leaves


def ids() -> SearchStrategy[str]:
    """Ids of the service: sixteen lower-case hex digits, some of which look like numbers."""
    return strategy("ids", row_of(tables.ids()))


def comment_ids() -> SearchStrategy[str]:
    """Ids that callers give to comments: with dots, and with what must be escaped in a URL."""
    return strategy("comment_ids", row_of(tables.comment_ids()))


def uids(source_id: str | SearchStrategy[str] | None = None) -> SearchStrategy[str]:
    """Ids of comments in the whole tenant: the id of the source, a dot, the comment's own id, which may hold dots."""
    source = (
        row_of(tables.ids())
        if source_id is None
        else pinned(_checked("uids", COMMENT, "source_id", source_id, needed=True))
    )
    fields = {"source_id": source, "id": row_of(tables.comment_ids())}
    return strategy("uids", an_object(fields, {}, fields), lambda made: "{source_id}.{id}".format(**made))


def timestamps(min_value: str | None = None, max_value: str | None = None) -> SearchStrategy[str]:
    """Moments as callers write them, from `min_value` to `max_value`: `Z`, offsets, fractions, none of them, dates."""
    return strategy("timestamps", row_of(tables.timestamps(*_span("timestamps", min_value, max_value))))


def stamps(min_value: str | None = None, max_value: str | None = None) -> SearchStrategy[str]:
    """Moments as the service writes them, in UTC with `Z`, from `min_value` to `max_value`."""
    return strategy("stamps", row_of(tables.stamps(*_span("stamps", min_value, max_value))))


def _span(what: str, low: str | None, high: str | None) -> tuple[int, int]:
    __tracebackhide__ = True
    for value in (low, high):
        if value is not None:
            given.check(what, f"{COMMON}/timestamp", value)
    span = tables.FIRST if low is None else moment(low), tables.LAST if high is None else moment(high)
    if span[0] > span[1]:
        raise ValueError(f"{what}: nothing is between {low} and {high}.")
    return span


def continuations() -> SearchStrategy[str]:
    """Continuations of the service's form; a tenant refuses them, for no page gave them out."""
    return strategy("continuations", row_of(tables.continuations()))


def texts(min_size: int = 0, max_size: int | None = None) -> SearchStrategy[str]:
    """Plain words, and what breaks programs: scripts, control characters, formulas, JSON, 4 KB, blanks, nothing."""
    return strategy("texts", text(min_size, max_size))


def label_names(min_size: int = 0, max_size: int | None = None) -> SearchStrategy[list[str]]:
    """The names of all labels of a dataset: parents are joined to children by " > ", and are labels too."""
    fit = [list(tree[:max_size]) for tree in ((), *tables.TREES, tables.DEEPEST) if len(tree[:max_size]) >= min_size]
    if not fit:
        raise ValueError(f"label_names: no tree has {min_size} to {max_size} names.")
    table = [fit[number * len(fit) // tables.ROWS] for number in range(tables.ROWS)]
    return strategy("label_names", row_of(table), list)


# --------------------------------------------------------------------------------------------------- labels of comments


def labels(*, has_sentiment: bool | None = None, **fields: Any) -> SearchStrategy[types.Label]:
    """An assigned label; has_sentiment says whether its dataset has, None leaves it open."""
    return _labelled("labels", LABEL, has_sentiment, fields)


def predicted_labels(*, has_sentiment: bool | None = None, **fields: Any) -> SearchStrategy[types.PredictedLabel]:
    """A predicted label, as an export has it; has_sentiment says whether its dataset has, None leaves it open."""
    return _labelled("predicted_labels", PREDICTED, has_sentiment, fields)


def _labelled(what: str, ref: str, has_sentiment: bool | None, fields: dict[str, Any]) -> SearchStrategy[Any]:  # noqa: FBT001
    __tracebackhide__ = True
    pins = checked(what, ref, fields)
    if has_sentiment is not None and "sentiment" not in pins:
        pins["sentiment"] = strategy("sentiment", part_of(f"{ref}#/properties/sentiment")) if has_sentiment else absent
    return strategy(what, object_of(ref, pins))


def annotations_(
    label_names: Names | None = None, *, has_sentiment: bool | None = None
) -> SearchStrategy[types.Annotations]:
    """What people assigned to a comment, out of the labels of a dataset: with a label its parents."""
    # The underscore keeps it apart from the import at the top; users know it without.
    part = marks(tree_of("annotations", label_names), has_sentiment)
    return strategy("annotations", part, lambda made: {"labels": {"assigned": made[0]}})


def predictions(
    label_names: Names | None = None, *, has_sentiment: bool | None = None
) -> SearchStrategy[types.Predictions]:
    """What the model predicts for a comment: with a label its parents, which are at least as probable."""
    part = marks(tree_of("predictions", label_names), has_sentiment)
    return strategy("predictions", part, lambda made: {"labels": made[1]})


def with_parents(names: Iterable[str]) -> list[str]:
    """Label names, with those parents that are not among them."""
    found: dict[str, None] = {}
    for name in names:
        parts = name.split(tables.SEPARATOR)
        found |= dict.fromkeys(tables.SEPARATOR.join(parts[: number + 1]) for number in range(len(parts)))
    return list(found)


def tree_of(what: str, label_names: Names | None) -> Part:
    """The part for the names of a dataset's labels: as the caller says, or any."""
    __tracebackhide__ = True
    if label_names is None:
        return row_of(tables.trees())

    def fits(names: Sequence[str]) -> Sequence[str]:
        for name in given.several(what, "label_names", names):
            given.check(f"{what}: label_names", f"{COMMON}/label_name", name)
        return with_parents(names)

    return pinned(label_names.map(fits)) if isinstance(label_names, SearchStrategy) else constant(fits(label_names))


def marks(tree: Part, has_sentiment: bool | None) -> Part:  # noqa: FBT001
    """The labels assigned to and predicted for a comment, out of a tree of names."""
    sentiment = row_of([False] * 128 + [True] * 128) if has_sentiment is None else constant(has_sentiment)

    def make(draw: Draw, rows: bytes, at: int) -> Marks:
        names = tree.make(draw, rows, at)
        feels = sentiment.make(draw, rows, at + tree.size)
        at += tree.size + sentiment.size
        return marked(draw, rows, at, names, has_sentiment=feels, spare=at + MARKS)

    spare = max(part.size for part in _extras())
    return Part(tree.size + sentiment.size + MARKS + spare, make)


MARKS: Final = 5  # bytes that `marked` takes


@cache
def _extras() -> tuple[Part, Part]:
    """What an assigned and a predicted label may have beside what it always has."""
    return (
        object_of(LABEL, {"name": absent, "sentiment": absent}),
        object_of(PREDICTED, {"name": absent, "sentiment": absent, "probability": absent}),
    )


def marked(draw: Draw, rows: bytes, at: int, names: Sequence[str], *, has_sentiment: bool, spare: int) -> Marks:
    """The labels assigned to and predicted for a comment, out of some names.

    spare: from where on bytes may be read a second time, for what labels seldom have.
    """
    assigned, predicted, chance, feeling, odd = rows[at : at + 5]
    least, feelings = tables.numbers(0, 1)[chance], tables.numbers(-1, 1)
    people: list[JSON] = [{"name": name} for name, _ in _chosen(names, assigned)]
    model: list[JSON] = [
        {"name": name, "probability": 1 - (1 - least) / 2**above if above else least}
        for name, above in _chosen(names, predicted)
    ]
    if has_sentiment:
        for number, label in enumerate(people):
            label["sentiment"] = _sentiments()[feeling >> number % 8 & 1]
        for number, label in enumerate(model):
            label["sentiment"] = feelings[(feeling + 37 * number) % tables.ROWS]
    if odd >= ODD:
        for_people, for_model = _extras()
        for label in people[-1:]:
            label.update(for_people.make(draw, rows, spare))
        for label in model[-1:]:
            label.update(for_model.make(draw, rows, spare))
    return people, model


@cache
def _sentiments() -> Sequence[str]:
    sentiments: Sequence[str] = contract.node(f"{COMMON}/sentiment")["enum"]
    return sentiments


ODD: Final = 224  # from this row on, a label has more than its name, probability and sentiment


def _chosen(names: Sequence[str], bits: int) -> list[tuple[str, int]]:
    """The names with a bit, and their parents among the names; each with how far it is above a name with a bit."""
    above: dict[str, int] = {}
    for number in range(min(8, len(names))):
        name, levels = names[number], 0
        while bits >> number & 1 and name:
            above[name] = max(above.get(name, 0), levels)
            name, levels = name.rpartition(tables.SEPARATOR)[0], levels + 1
    return [(name, above[name]) for name in names if name in above]


# ------------------------------------------------------------------------------------------------------------- comments


def user_properties(**fields: str | float) -> SearchStrategy[types.UserProperties]:
    """Facts about a comment: names with the prefix `string:` or `number:`, and values; `fields` are among them."""
    given.check("user_properties", "objects/user_properties.json", fields)
    return strategy("user_properties", part_of("objects/user_properties.json"), lambda made: {**made, **fields})


def attachments(**fields: Any) -> SearchStrategy[types.Attachment]:
    """A file that belongs to a comment."""
    return from_schema("objects/attachment.json", **fields)


def messages(**fields: Any) -> SearchStrategy[types.Message]:
    """One message of a comment."""
    return strategy("messages", object_of(MESSAGE, checked("messages", MESSAGE, fields)))


def _messages(sent_at: Part | None = None) -> Part:
    """The messages of a comment: one, and rarely none."""
    curated = {} if sent_at is None else {"sent_at": sent_at}
    most = contract.node(f"{COMMENT}#/properties/messages")["maxItems"]
    return array_of(object_of(MESSAGE, {}, curated), most, empty=range(250, 256))


def comments(form: Literal["read", "upload"] = "read", **fields: Any) -> SearchStrategy[Any]:
    """A comment, as the API answers with it or as callers upload it.

    Read: `uid` is `source_id`, a dot, and `id`; `last_modified` is not before `created_at`.
    """
    __tracebackhide__ = True
    if form not in ("read", "upload"):
        raise ValueError(f"comments: form is 'read' or 'upload', not {form!r}.")
    if form == "upload":
        return strategy("comments", object_of(UPLOAD, checked("comments", UPLOAD, fields), {"messages": _messages()}))
    pins = checked("comments", COMMENT, fields)
    return strategy("comments", _comment(pins), lambda made: _settled(made, pins))


def _comment(pins: dict[str, Any]) -> Part:
    return object_of(COMMENT, pins, {"messages": _messages(row_of(tables.stamps()))})


def _settled(comment: JSON, pins: Iterable[str]) -> JSON:
    """Make the fields of a comment agree; what is pinned stays."""
    if "uid" in pins:
        source_id, _, comment_id = comment["uid"].partition(".")
        for name, value in (("source_id", source_id), ("id", comment_id)):
            if name in pins and comment[name] != value:
                raise ValueError(f"comments: the uid {comment['uid']!r} is not of the {name} {comment[name]!r}.")
            comment[name] = value
    else:
        comment["uid"] = f"{comment['source_id']}.{comment['id']}"
    in_order(comment, "created_at", "last_modified", pins)
    if "context" in comment and "context" not in pins:
        comment["context"] = str(moment(comment["last_modified"]) // 1000)
    return comment


def in_order(made: JSON, earlier: str, later: str, pins: Iterable[str]) -> None:
    """Let one stamp be not before another, by changing what is not pinned."""
    if moment(made[earlier]) <= moment(made[later]):
        return
    if earlier in pins and later in pins:
        raise ValueError(f"{earlier} {made[earlier]} is after {later} {made[later]}.")
    if earlier in pins:
        made[later] = made[earlier]
    elif later in pins:
        made[earlier] = made[later]
    else:
        made[earlier], made[later] = made[later], made[earlier]


# -------------------------------------------------------------------------------------------------------------- exports


def exported_comments(
    label_names: Names | None = None, *, has_sentiment: bool | None = None, **fields: Any
) -> SearchStrategy[types.ExportedComment]:
    """A comment with its labels, as an export has it. `has_annotations` is true where a label is assigned."""
    __tracebackhide__ = True
    pins = checked("exported_comments", EXPORTED, fields)
    part = _exported(tree_of("exported_comments", label_names), has_sentiment, pins)
    return strategy("exported_comments", part, lambda made: _entry(made, pins))


def _exported(tree: Part, has_sentiment: bool | None, pins: dict[str, Any]) -> Part:  # noqa: FBT001
    own = {name: pinned(wanted) for name, wanted in pins.items()}
    parts = {"comment": own.pop("comment", None) or _comment({}), "marks": marks(tree, has_sentiment), **own}
    return an_object(parts, {}, parts)


def _entry(made: JSON, pins: dict[str, Any]) -> JSON:
    """An exported comment out of its pieces."""
    assigned, predicted = made["marks"]
    comment = made["comment"] if "comment" in pins else _settled(made["comment"], ())
    annotations = made.get("annotations", {"labels": {"assigned": assigned}})
    if "comment" in pins and "annotations" not in pins and comment.get("has_annotations") is False:
        annotations = {"labels": {"assigned": []}}
    if annotations["labels"]["assigned"]:
        comment = {**comment, "has_annotations": True}
    return {
        "comment": comment,
        "annotations": annotations,
        "predictions": made.get("predictions", {"labels": predicted}),
    }


def export_pages(
    *,
    min_size: int = 0,
    max_size: int | None = None,
    last: bool | None = None,
    label_names: Names | None = None,
    has_sentiment: bool | None = None,
    order_by: Literal["timestamp", "created_at"] = "timestamp",
) -> SearchStrategy[types.ExportPage]:
    """An answer of an export: comments in order, each once, and a continuation unless it is the last page.

    Most comments are plain; up to four of them are drawn whole. A page that is not full may have a continuation.

    max_size: at most 256; by default 20, or `min_size` if that is more.
    last: whether it is the last page; None leaves it open.
    """
    __tracebackhide__ = True
    max_size = max(20, min_size) if max_size is None else max_size
    most = contract.node(f"{PAGE}/properties/comments")["maxItems"]
    if not 0 <= min_size <= max_size <= most:
        raise ValueError(
            f"export_pages: min_size and max_size are 0 <= min_size <= max_size <= {most}, not {min_size}, {max_size}."
        )
    given.check("export_pages: order_by", "routes/export_dataset.json#/properties/body/properties/order_by", order_by)
    tree = tree_of("export_pages", label_names)
    rows = st.binary(min_size=8 + tree.size, max_size=8 + tree.size)
    made: SearchStrategy[Any] = page(Pages(rows, min_size, max_size, tree, has_sentiment, order_by, last))
    return made


class Pages(NamedTuple):
    """What pages of a strategy have in common."""

    rows: SearchStrategy[bytes]
    least: int
    most: int
    tree: Part
    has_sentiment: bool | None
    order_by: str
    last: bool | None

    def __repr__(self) -> str:
        return f"{self.least} to {self.most} comments"


@st.composite
def page(draw: Draw, pages: Pages) -> JSON:
    """A page of an export."""
    _, least, most, tree, has_sentiment, order_by, last = pages
    rows = draw(pages.rows)
    size = most if rows[0] >= FULL else least + rows[0] * (most - least + 1) // FULL
    step = STEPS[rows[1] * len(STEPS) // tables.ROWS]
    entries = [plain(number, step) for number in range(size)]
    if size and rows[2] >= WHOLE:
        names = tree.make(draw, rows, 8)
        feels = rows[3] >= HALF if has_sentiment is None else has_sentiment
        one = entry(names, has_sentiment=feels)
        for place in dict.fromkeys(
            row * size // tables.ROWS for row in (*rows[4:6], rows[4] ^ 255, rows[5] ^ 255)[: 1 + rows[2] % 4]
        ):
            entries[place] = draw(one)
    made: JSON = {"comments": _ordered(entries, order_by)}
    if rows[6] >= HALF if last is None else not last:
        head = made["comments"][-1]["comment"][order_by] if entries else tables.stamps()[rows[7]]
        made["continuation"] = head + tables.continuations()[rows[7]][-33:]
    return {**made, "status": "ok"}


HALF: Final = tables.ROWS // 2
STEPS: Final = (1_000_000, 0, 1_000, 1, 86_400_000_000)  # microseconds between plain comments of a page
FULL: Final = 250  # from this row on, a page has as many comments as it may
WHOLE: Final = 32  # from this row on, a page has comments that are drawn whole


def plain(number: int, step: int = STEPS[0]) -> JSON:
    """An exported comment that has only what it must have."""
    at, source_id = stamp(tables.BEGIN + number * step), tables.ids()[0]
    return {
        "comment": {
            "id": f"{number}",
            "uid": f"{source_id}.{number}",
            "source_id": source_id,
            "timestamp": at,
            "messages": [{"body": {"text": ""}}],
            "user_properties": {},
            "created_at": at,
            "last_modified": at,
        },
        "annotations": {"labels": {"assigned": []}},
        "predictions": {"labels": []},
    }


@cache
def _whole() -> tuple[Part, SearchStrategy[bytes]]:
    comment = _comment({})
    size = comment.size + MARKS
    return comment, st.binary(min_size=size, max_size=size)


@st.composite
def entry(draw: Draw, names: Sequence[str], *, has_sentiment: bool) -> JSON:
    """An exported comment drawn whole, with labels out of some names."""
    comment, bytes_ = _whole()
    rows = draw(bytes_)
    made = comment.make(draw, rows, 0)
    return _entry(
        {"comment": made, "marks": marked(draw, rows, comment.size, names, has_sentiment=has_sentiment, spare=0)}, {}
    )


def _ordered(entries: list[JSON], order_by: str) -> list[JSON]:
    """Exported comments in the order of an export, each uid once."""
    seen: set[str] = set()
    for number, each in enumerate(entries):
        comment = each["comment"]
        if comment["uid"] in seen:
            comment["id"] = f"{comment['id'][:1000]}.{number}"
            comment["uid"] = f"{comment['source_id']}.{comment['id']}"
        seen.add(comment["uid"])
    return sorted(entries, key=lambda each: _position(each["comment"], order_by))


def _position(comment: JSON, order_by: str) -> tuple[int, str, str]:
    return moment(comment[order_by]), comment["source_id"], comment["id"]


# --------------------------------------------------------------------------------------- datasets, sources, model tags


def model_tags(**fields: Any) -> SearchStrategy[types.ModelTag]:
    """A tag of a pinned model version."""
    return from_schema("objects/model_tag.json", **fields)


def sources(**fields: Any) -> SearchStrategy[types.Source]:
    """A source, as the API answers with it."""
    pins = checked("sources", "objects/source.json", fields)

    def settle(source: JSON) -> JSON:
        in_order(source, "created_at", "updated_at", pins)
        if "last_modified" not in pins:
            source["last_modified"] = source["updated_at"]
        return source

    return strategy("sources", object_of("objects/source.json", pins), settle)


def datasets(label_names: Names | None = None, **fields: Any) -> SearchStrategy[types.Dataset]:
    """A dataset, as the API answers with it: parents of labels are labels, and every label is in a group."""
    __tracebackhide__ = True
    pins = checked("datasets", DATASET, fields)
    entity_def, color = "objects/entity_def.json", "objects/entity_def.json#/properties/color"
    entity = object_of(entity_def, {"id": ids(), "color": from_schema(color)})
    curated = {
        "label_defs": row_of(tables.trees(bare=True)) if label_names is None else tree_of("datasets", label_names),
        "label_groups": row_of([True] * 240 + [False] * 16),  # whether a group without labels says so
        "entity_defs": array_of(entity, 3),
        "general_fields": array_of(part_of("objects/general_field.json"), 3),
    }

    def settle(dataset: JSON) -> JSON:
        in_order(dataset, "created", "last_modified", pins)
        if "label_defs" not in pins:
            dataset["label_defs"] = [{"name": name} for name in dataset["label_defs"]]
            if "label_groups" in pins:
                groups = dataset["label_groups"]
                dataset["label_defs"] = [each for group in groups for each in group.get("label_defs", ())]
        if "label_groups" not in pins:
            told = {"label_defs": dataset["label_defs"]} if dataset["label_defs"] or dataset["label_groups"] else {}
            default = contract.with_defaults("objects/label_group.json", {"label_defs": []})
            dataset["label_groups"] = [{"name": default["name"], **told} if not told else {**default, **told}]
        return dataset

    return strategy("datasets", object_of(DATASET, pins, curated), settle)
