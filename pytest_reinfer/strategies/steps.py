"""What the steps of a machine draw: small values that collide, so that a failing run reads as a script."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from hypothesis import strategies as st

from pytest_reinfer.strategies.objects import comments, from_schema, texts, timestamps
from pytest_reinfer.strategies.parts import absent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hypothesis.strategies import SearchStrategy

    from pytest_reinfer.strategies.model import Model
    from pytest_reinfer.wire import JSON

SOURCES: Final = ("acme/s0", "acme/s1", "other/s0")
DATASETS: Final = ("acme/d0", "acme/d1", "other/d0")
MOST: Final = 12  # comments of a source: few, so that a run stays quick
STRANGER: Final = "0" * 16  # an id that nothing has
REFUSED: Final[tuple[tuple[str, JSON, int], ...]] = (  # route, body, status
    ("create_dataset", {"dataset": {"title": "Taken"}}, 409),
    ("create_dataset", {"dataset": {"title": 1}}, 400),
    ("update_dataset", {"dataset": {"title": "Changed", "source_ids": [STRANGER]}}, 422),
    ("update_dataset", {"dataset": {"title": "Changed", "titel": ""}}, 400),
    ("update_dataset", {"dataset": {"has_sentiment": True}}, 400),
    ("update_dataset", {}, 400),
    ("export_dataset", {"limit": 0}, 400),
    ("export_dataset", {"continuation": f"2024-01-01T00:00:00Z.{STRANGER}{STRANGER}"}, 400),
    ("export_dataset", {"comment_uids": [], "source_ids": []}, 400),
    ("export_dataset", {"from": "2023-02-29"}, 422),
)


def one_of_model(pick: Callable[[Model], Iterable[Any]]) -> SearchStrategy[Any]:
    """One of what the model of the run has; there must be one."""
    return st.runner().flatmap(lambda machine: st.sampled_from(list(pick(machine.model))))


def some_of_model(pick: Callable[[Model], Iterable[Any]], *, unique: bool) -> SearchStrategy[list[Any]]:
    """Up to three of what the model of the run has."""

    def found(machine: Any) -> SearchStrategy[list[Any]]:
        every = list(pick(machine.model))
        return st.lists(st.sampled_from(every), max_size=3, unique=unique) if every else st.just([])

    return st.runner().flatmap(found)


MOMENTS: Final = st.sampled_from(  # few, so that comments collide; the first three are one moment
    (
        *("2024-01-01T00:00:00Z", "2024-01-01", "2024-01-01T01:00:00+01:00"),
        *("2024-01-01T00:00:00.000001Z", "2023-12-31T23:59:59.999Z", "2024-02-29T12:00:00"),
    )
) | timestamps("0002-01-01", "9998-01-01")
TEXTS: Final = texts(max_size=16)
MESSAGE: Final = st.fixed_dictionaries({"body": st.fixed_dictionaries({"text": TEXTS})}, optional={"sent_at": MOMENTS})
COMMENT: Final = {"timestamp": MOMENTS, "messages": st.lists(MESSAGE, max_size=2)}
UPLOADS: Final = st.lists(
    st.tuples(
        comments(
            form="upload",
            id=st.sampled_from(("a", "b", "c", "a.b", ".", "0", "1", "10", "<x>@%2F?")),
            thread_id=st.sampled_from((absent, "t")),
            attachments=absent,
            **COMMENT,
        ),
        st.fixed_dictionaries({}, optional={"created_at": MOMENTS}),
    ).map(lambda both: {**both[0], **both[1]}),
    min_size=1,
    max_size=3,
    unique_by=lambda upload: upload["id"],
)
NAME: Final = {"name": st.sampled_from(("A", "A > B", "A > B > C", "D"))}
FEW: Final[JSON] = {"max_size": 2, "unique_by": lambda each: each["name"]}
LABEL_DEFS: Final = st.lists(st.fixed_dictionaries(NAME), **FEW)
ASSIGNED: Final = st.lists(
    st.fixed_dictionaries(NAME, optional={"sentiment": st.sampled_from(("positive", "negative"))}), **FEW
)
PREDICTED: Final = st.lists(
    st.fixed_dictionaries({**NAME, "probability": st.floats(0, 1)}, optional={"sentiment": st.floats(-1, 1)}), **FEW
)
ENTITY: Final = {"title": TEXTS, "inherits_from": st.just([]), "trainable": st.booleans()}
CHANGE: Final = {
    "title": TEXTS,
    "description": TEXTS,
    "model_family": from_schema("objects/common.json#/$defs/model_family"),
    "_dataset_flags": st.lists(from_schema("objects/common.json#/$defs/dataset_flag"), max_size=2),
    "entity_defs": st.lists(
        st.fixed_dictionaries({"name": st.sampled_from("ef"), **ENTITY}, optional={"color": st.integers(0, 9)}),
        **FEW,
    ),
}
FIELDS: Final = st.fixed_dictionaries(
    {},
    optional={
        **CHANGE,
        "has_sentiment": st.booleans(),
        "label_defs": LABEL_DEFS,
        "label_groups": LABEL_DEFS.map(
            lambda defs: [{"name": "default", "label_defs": defs}, {"name": "second"}] if defs else []
        ),
    },
)
FILTERS: Final = st.fixed_dictionaries(
    {},
    optional={
        "from": MOMENTS,
        "to": MOMENTS,
        "source_ids": some_of_model(lambda model: [*model.sources.values(), STRANGER], unique=True),
    },
) | st.fixed_dictionaries(
    {"comment_uids": some_of_model(lambda model: [*model.comments, f"{STRANGER}.a"], unique=True)}
)
