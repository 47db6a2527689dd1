"""A state machine over a tenant: the API's operations as rules, your client in their place, and what always holds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from copy import deepcopy
from typing import TYPE_CHECKING, Any, ClassVar, Final

from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    StateMachineMeta,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

import pytest_reinfer.transports.requests  # noqa: F401 -- here, or the first run spends its deadline on it
from pytest_reinfer import contract
from pytest_reinfer.fake import FakeTenant
from pytest_reinfer.strategies import steps
from pytest_reinfer.strategies.model import Model, difference, difference_of_exports
from pytest_reinfer.tenant import encode
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_reinfer.wire import JSON, Response

SAYS: Final = ("the client says", "the tenant holds")
HOLDS: Final = ("the tenant holds", "should hold")


# Functions with names, for older versions of Hypothesis look up the source of a lambda at every step. The last comment
# and the last dataset stay: without any, most rules rest.


def _may_add_source(machine: TenantMachine) -> bool:
    return len(machine.model.sources) < len(steps.SOURCES)


def _may_delete_comment(machine: TenantMachine) -> bool:
    return len(machine.model.comments) > 1


def _may_create_dataset(machine: TenantMachine) -> bool:
    return len(machine.model.datasets) < len(steps.DATASETS)


def _may_delete_dataset(machine: TenantMachine) -> bool:
    return len(machine.model.datasets) > 1


class _Closing(StateMachineMeta):
    """Closes the tenant of a machine whose constructor fails: Hypothesis tears down only what was constructed."""

    def __call__(cls: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: N805 -- a class, made by this metaclass
        machine = cls.__new__(cls, *args, **kwargs)
        try:
            machine.__init__(*args, **kwargs)
        except BaseException:
            TenantMachine.teardown(machine)
            raise
        return machine


class TenantMachine(RuleBasedStateMachine, metaclass=_Closing):
    """Does to a tenant whatever may be done to it, and holds what a client says against what the tenant holds.

    Every run has a fresh tenant that is open: `self.tenant`. Put your client in the place of the API by overriding
    `client_...` methods, of which each returns what the API answers, or None where your client says nothing. After each
    step the client's datasets, exports and model tags must be those of the tenant, the tenant must hold what follows
    from its history (`self.model`), and nothing may have been asked for that the API does not have.

    Rules of your own may draw from the bundles `sources` and `datasets` (full names such as "acme/d0") and `comments`
    (uids). What they change they change by the rules that are here, as in `self.annotate(dataset, uid, labels)`: what
    is done past them, the model does not know.

    order_by: what the client's export is ordered by, "timestamp" or "created_at".
    """

    sources: Bundle[str] = Bundle("sources")
    datasets: Bundle[str] = Bundle("datasets")
    comments: Bundle[str] = Bundle("comments")
    order_by: ClassVar[str] = "timestamp"

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.page_limit = 1
        self.tenant = self.new_tenant().__enter__()
        for project in dict.fromkeys(name.split("/")[0] for name in (*steps.SOURCES, *steps.DATASETS)):
            self.tenant.add_project(project)
        self.add_source(steps.SOURCES[0])

    def new_tenant(self) -> FakeTenant:
        """The tenant of a run, not open yet: override it for another URL or seed."""
        return FakeTenant()

    def teardown(self) -> None:
        """Close the tenant."""
        tenant = vars(self).get("tenant")
        if tenant is not None:
            tenant.__exit__(*sys.exc_info())

    # --------------------------------------------------------------------------------------- the client

    def client_list_datasets(self) -> list[JSON] | None:
        """Every dataset, in order of creation."""
        datasets: list[JSON] = self.ask("list_datasets")["datasets"]
        return datasets

    def client_get_dataset(self, full_name: str) -> JSON | None:
        """A dataset."""
        dataset: JSON = self.ask("get_dataset", full_name)["dataset"]
        return dataset

    def client_create_dataset(self, full_name: str, fields: JSON) -> JSON | None:
        """Create a dataset; what it then is."""
        dataset: JSON = self.ask("create_dataset", full_name, {"dataset": fields})["dataset"]
        return dataset

    def client_update_dataset(self, full_name: str, fields: JSON) -> JSON | None:
        """Change fields of a dataset; what it then is."""
        dataset: JSON = self.ask("update_dataset", full_name, {"dataset": fields})["dataset"]
        return dataset

    def client_delete_dataset(self, full_name: str) -> None:
        """Delete a dataset."""
        self.ask("delete_dataset", full_name)

    def client_export_dataset(self, full_name: str) -> Iterable[JSON] | None:
        """All comments of a dataset as an export has them, in the order of `order_by`."""
        return self._export(full_name, {"limit": self.page_limit, "order_by": self.order_by})

    def client_get_model_tags(self, full_name: str) -> list[JSON] | None:
        """The tags of a dataset's models, by name."""
        tags: list[JSON] = self.ask("get_model_tags", full_name)["model_tags"]
        return tags

    # ------------------------------------------------------------------------------------------ the API

    def ask(self, route: str, full_name: str = "", body: JSON | None = None) -> JSON:
        """What the API itself answers to a route such as "get_dataset"; AssertionError where it refuses."""
        return self._answer(200, route, full_name, body)

    def _answer(self, status: int, route: str, full_name: str, body: JSON | None = None) -> JSON:
        owner, _, name = full_name.partition("/")
        found, kind = contract.routes()[route], contract.header("content_type")
        path = found.path.format(project=owner, dataset_name=name)
        headers = {header.lower(): value for header, value in {**self.tenant.headers, kind.name: kind.value}.items()}
        sent = b"" if body is None else encode(body)
        answer: Response = self.tenant.answer(Request(found.method, path, "", headers, sent))
        if answer.status != status:
            asked = f"{found.method} {path} {sent.decode()}"
            raise AssertionError(f"{asked} was answered {answer.status}, not {status}: {answer.body.decode()}")
        said: JSON = json.loads(answer.body)
        return said

    def _export(self, full_name: str, body: JSON) -> list[JSON]:
        exported: list[JSON] = []
        seen: tuple[str, ...] = ()
        while True:
            page = self.ask("export_dataset", full_name, body)
            exported += page["comments"]
            if "continuation" not in page:
                return exported
            if page["continuation"] in seen or len(page["comments"]) != body["limit"]:
                raise AssertionError(
                    f"The export of {full_name} goes on after {len(page['comments'])} comments: {body}"
                )
            seen = (*seen, page["continuation"])
            body = {**body, "continuation": page["continuation"]}

    # -------------------------------------------------------------------------------- what the tenant holds

    @initialize(target=sources, limit=st.integers(1, 5))
    def start(self, limit: int) -> str:
        """There is one source; pages of the API's own export have so many comments in this run."""
        self.page_limit = limit
        return steps.SOURCES[0]

    @initialize(target=comments, uploads=steps.UPLOADS)
    def start_with_comments(self, uploads: list[JSON]) -> MultipleResults[str] | str:
        """Comments arrive in that source."""
        return self.add_comments(steps.SOURCES[0], uploads)

    @initialize(target=datasets, fields=steps.FIELDS)
    def start_with_dataset(self, fields: JSON) -> str:
        """There is a dataset of that source, which no client made: yours may not be ready yet."""
        sent = {**fields, "source_ids": [self.model.sources[steps.SOURCES[0]]]}
        self.ask("create_dataset", steps.DATASETS[0], {"dataset": sent})
        self.model.create_dataset(steps.DATASETS[0], sent, self._held(steps.DATASETS[0]))
        return steps.DATASETS[0]

    @precondition(_may_add_source)
    @rule(
        target=sources,
        full_name=steps.one_of_model(lambda model: [name for name in steps.SOURCES if name not in model.sources]),
    )
    def add_source(self, full_name: str) -> str:
        """A source is made."""
        self.model.sources[full_name] = self.tenant.add_source(full_name).id
        return full_name

    @rule(target=comments, source=sources, uploads=steps.UPLOADS)
    def add_comments(self, source: str, uploads: list[JSON]) -> MultipleResults[str]:
        """Comments arrive; those whose ids are there already, and those for which there is no room, do not."""
        source_id = self.model.sources[source]
        room = steps.MOST - len(self.model.comments_of(source_id))
        new = [upload for upload in uploads if f"{source_id}.{upload['id']}" not in self.model.comments][:room]
        uids = self.tenant.add_comments(source, deepcopy(new))
        for uid, upload in zip(uids, new, strict=True):
            self.model.add_comment(source_id, upload, self.tenant.comment(uid))
        return multiple(*uids)

    @rule(comment=comments, fields=st.fixed_dictionaries({}, optional=steps.COMMENT))
    def update_comment(self, comment: str, fields: JSON) -> None:
        """A comment changes."""
        self.tenant.update_comment(comment, **deepcopy(fields))
        self.model.update_comment(comment, fields, self.tenant.comment(comment))

    @precondition(_may_delete_comment)
    @rule(comment=consumes(comments))
    def delete_comment(self, comment: str) -> None:
        """A comment goes."""
        self.tenant.delete_comments(comment)
        self.model.delete_comment(comment)

    @rule(dataset=datasets, comment=comments, labels=steps.ASSIGNED)
    def annotate(self, dataset: str, comment: str, labels: list[JSON]) -> None:
        """Labels are assigned to a comment; if it is not in the dataset, that is refused."""
        if self._labelled(self.tenant.annotate, dataset, comment, labels):
            self.model.annotate(dataset, comment, labels)

    @rule(dataset=datasets, comment=comments, labels=steps.PREDICTED)
    def predict(self, dataset: str, comment: str, labels: list[JSON]) -> None:
        """Labels are predicted for a comment; if it is not in the dataset, that is refused."""
        if self._labelled(self.tenant.predict, dataset, comment, labels):
            self.model.predict(dataset, comment, labels)

    def _labelled(
        self, put: Callable[[str, str, list[JSON]], None], dataset: str, comment: str, labels: list[JSON]
    ) -> bool:
        there = self.model.holds(dataset, comment)
        try:
            put(dataset, comment, deepcopy(labels))
        except LookupError as error:
            if there:
                raise AssertionError(f"{comment} is in {dataset}, and cannot be labelled there: {error}") from error
            return False
        if not there:
            raise AssertionError(f"{comment} is not in {dataset}, and was labelled there.")
        return True

    @rule(dataset=datasets, name=st.sampled_from(["live", "staging"]), version=st.integers(1, 9))
    def tag_model(self, dataset: str, name: str, version: int) -> None:
        """A version of a dataset's model is tagged."""
        self.tenant.tag_model(dataset, name, version)
        held = {tag["name"]: tag for tag in self.ask("get_model_tags", dataset)["model_tags"]}
        self.model.tag_model(dataset, name, version, held[name])

    # ---------------------------------------------------------------------------- what the client does to it

    @precondition(_may_create_dataset)
    @rule(
        target=datasets,
        full_name=steps.one_of_model(lambda model: [name for name in steps.DATASETS if name not in model.datasets]),
        sources=steps.some_of_model(lambda model: model.sources, unique=False),
        fields=steps.FIELDS,
        copied_from=steps.one_of_model(lambda model: [None, *model.datasets]),
    )
    def create_dataset(self, full_name: str, sources: list[str], fields: JSON, copied_from: str | None = None) -> str:
        """The client creates a dataset, which may take over the annotations of another one."""
        sent = {**fields, "source_ids": [self.model.sources[source] for source in sources]}
        if copied_from is not None:
            sent["copy_annotations_from"] = self.model.datasets[copied_from]["id"]
        said = self._said("create_dataset", full_name, sent)
        self.model.create_dataset(full_name, sent, self._held(full_name))
        self._settle("create_dataset", full_name, sent, said)
        return full_name

    @rule(
        dataset=datasets,
        sources=st.none() | steps.some_of_model(lambda model: model.sources, unique=False),
        fields=st.fixed_dictionaries({}, optional=steps.CHANGE),
    )
    def update_dataset(self, dataset: str, sources: list[str] | None, fields: JSON) -> None:
        """The client changes fields of a dataset."""
        given = {} if sources is None else {"source_ids": [self.model.sources[source] for source in sources]}
        said = self._said("update_dataset", dataset, {**fields, **given})
        self.model.update_dataset(dataset, {**fields, **given}, self._held(dataset))
        self._settle("update_dataset", dataset, {**fields, **given}, said)

    @precondition(_may_delete_dataset)
    @rule(dataset=consumes(datasets))
    def delete_dataset(self, dataset: str) -> None:
        """The client deletes a dataset; then the API has it no more."""
        self._said("delete_dataset", dataset)
        if dataset in [each.full_name for each in self.tenant.datasets]:
            raise AssertionError(f"after {_call('delete_dataset', dataset)}: the tenant holds it still.")
        for route in ("get_dataset", "delete_dataset", "export_dataset"):
            self._answer(404, route, dataset, {})
        self.model.delete_dataset(dataset)

    # --------------------------------------------------------------------------------------- the API alone

    @rule(dataset=datasets, refused=st.sampled_from(steps.REFUSED))
    def ask_in_vain(self, dataset: str, refused: tuple[str, JSON, int]) -> None:
        """The API refuses a request, which changes nothing."""
        route, body, status = refused
        self._answer(status, route, dataset, body)

    @rule(
        dataset=datasets,
        limit=st.integers(1, 5),
        order_by=st.sampled_from(["timestamp", "created_at"]),
        filters=steps.FILTERS,
    )
    def export_with_filters(self, dataset: str, limit: int, order_by: str, filters: JSON) -> None:
        """The API exports some of a dataset's comments, in one order or the other."""
        body = {"limit": limit, "order_by": order_by, **filters}
        exported, expected = self._export(dataset, body), self.model.exported(dataset, order_by, filters)
        _same(f"the export of {dataset} by {body}", difference_of_exports(exported, expected, ("it has", "there are")))

    # --------------------------------------------------------------------------------------- what always holds

    @invariant()
    def client_and_tenant_agree(self) -> None:
        """Nothing unexpected was asked, the tenant holds what its history says, and the client says the same."""
        self.tenant.check()
        model = self.model
        datasets = list(model.datasets.values())
        _same("datasets", difference([each.as_json() for each in self.tenant.datasets], datasets, HOLDS))
        for full_name, source_id in model.sources.items():
            held = self.tenant.comments(full_name)
            _same(f"comments of {full_name}", difference(held, model.comments_of(source_id), HOLDS))
        self._agree(difference, datasets, "list_datasets")
        for full_name, dataset in model.datasets.items():
            exported = model.exported(full_name, self.order_by)
            held = self.tenant.exported(full_name, order_by=self.order_by)
            _same(f"the export of {full_name}", difference_of_exports(held, exported, HOLDS))
            self._agree(difference, dataset, "get_dataset", full_name)
            self._agree(difference_of_exports, exported, "export_dataset", full_name)
            self._agree(difference, model.tags(full_name), "get_model_tags", full_name)

    def _agree(self, compare: Callable[..., str], held: Any, route: str, *args: Any) -> None:
        said = self._said(route, *args)
        if said is not None:
            _same(_call(route, *args), compare(said, held, SAYS))

    def _said(self, route: str, *args: Any) -> Any:
        """What the client says; what it asked for in vain explains more than what it then failed with."""
        try:
            said = getattr(self, f"client_{route}")(*deepcopy(args))
            return list(said) if isinstance(said, Iterator) else said
        finally:
            self.tenant.check()

    def _held(self, full_name: str) -> JSON:
        try:
            return self.tenant.dataset(full_name).as_json()
        except LookupError as error:
            raise AssertionError(f"What the client was to make or change is not there: {error}") from None

    def _settle(self, route: str, full_name: str, sent: JSON, said: JSON | None) -> None:
        """Hold what the client made of a dataset, and what it says of it, against the model."""
        expected, call = self.model.datasets[full_name], _call(route, full_name, sent)
        _same(f"after {call}", difference(self._held(full_name), expected, HOLDS))
        if said is not None:
            _same(call, difference(said, expected, SAYS))


def _call(route: str, *args: Any) -> str:
    return f"client_{route}({', '.join(map(repr, args))})"


def _same(what: str, told: str) -> None:
    if told:
        raise AssertionError(f"{what}: {told}")
