"""A tenant per example: fresh, open, closed and checked at its end, at the edges of pagers, printed to be rebuilt."""

from __future__ import annotations

import contextlib
import os
import socket
from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest
import requests
from conftest import everything
from hypothesis import Phase, Verbosity, given, settings
from hypothesis import strategies as st

from pytest_reinfer import FakeTenant, UnexpectedRequests, strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATASETS = "/api/v1/datasets"
quiet = settings(database=None, derandomize=True)
generate = settings(quiet, phases=[Phase.generate], deadline=None)


def get(tenant: FakeTenant, path: str = DATASETS) -> requests.Response:
    return requests.get(tenant.url + path, headers=tenant.headers)


def export(tenant: FakeTenant, full_name: str, **body: Any) -> Iterator[Any]:
    while True:
        page = requests.post(f"{tenant.url}{DATASETS}/{full_name}/export", json=body, headers=tenant.headers).json()
        yield from page["comments"]
        if "continuation" not in page:
            return
        body["continuation"] = page["continuation"]


@quiet
@given(tenant=strategies.tenants())
def test_a_tenant_answers_while_its_example_runs(tenant: FakeTenant) -> None:
    assert [each["id"] for each in get(tenant).json()["datasets"]] == [each.id for each in tenant.datasets]
    for dataset in tenant.datasets:
        assert list(export(tenant, dataset.full_name)) == tenant.exported(dataset)


def test_a_tenant_is_closed_when_its_example_has_ended() -> None:
    last = []

    @generate
    @given(tenant=strategies.tenants(url="http://127.0.0.1:9"))
    def look(tenant: FakeTenant) -> None:
        assert get(tenant).ok
        last.append(tenant)

    look()
    with pytest.raises(requests.ConnectionError):
        get(last[-1])


def test_nothing_of_an_example_is_seen_in_the_next() -> None:
    runs = []

    @settings(generate, max_examples=1000)
    @given(tenant=strategies.tenants(max_datasets=0))
    def look(tenant: FakeTenant) -> None:
        assert len(tenant.requests) == 0
        assert "acme/mine" not in [source.full_name for source in tenant.sources]
        get(tenant)
        tenant.add_source("acme/mine", comments=1)
        tenant.rotate_token()
        runs.append(tenant)

    look()
    assert len(set(map(id, runs))) == len(runs) == 1000


def test_the_process_is_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REINFER_ENDPOINT", "mine")
    monkeypatch.delenv("REINFER_TOKEN", raising=False)
    resolver, send = socket.getaddrinfo, requests.adapters.HTTPAdapter.send

    @generate
    @given(tenant=strategies.tenants())
    def look(tenant: FakeTenant) -> None:
        assert os.environ["REINFER_ENDPOINT"] == tenant.url
        assert os.environ["REINFER_TOKEN"] == tenant.token

    look()
    assert os.environ["REINFER_ENDPOINT"] == "mine"
    assert "REINFER_TOKEN" not in os.environ
    assert (socket.getaddrinfo, requests.adapters.HTTPAdapter.send) == (resolver, send)


@quiet
@given(one=strategies.tenants(), other=strategies.tenants(), data=st.data())
def test_several_tenants_live_in_one_example(one: FakeTenant, other: FakeTenant, data: st.DataObject) -> None:
    third = data.draw(strategies.tenants())
    assert len({each.url for each in (one, other, third)}) == 3
    for tenant in (one, other, third):
        assert [each["id"] for each in get(tenant).json()["datasets"]] == [each.id for each in tenant.datasets]
        assert len(tenant.requests) == 1


def test_several_tenants_leave_the_environment_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REINFER_ENDPOINT", "mine")

    @generate
    @given(one=strategies.tenants(), other=strategies.tenants())
    def look(one: FakeTenant, other: FakeTenant) -> None:
        assert os.environ["REINFER_ENDPOINT"] == other.url

    look()
    assert os.environ["REINFER_ENDPOINT"] == "mine"


def test_a_drawn_tenant_does_not_answer_for_that_of_the_fixture(reinfer: FakeTenant) -> None:
    reinfer.add_dataset("a/b")

    @generate
    @given(tenant=strategies.tenants(max_datasets=0))
    def look(tenant: FakeTenant) -> None:
        assert tenant.url != reinfer.url
        assert len(get(reinfer).json()["datasets"]) == 1

    look()


@quiet
@given(tenant=strategies.tenants(url="https://mine.example/x", seed=7, min_datasets=1, max_datasets=1))
def test_a_tenant_is_made_as_it_is_asked_for(tenant: FakeTenant) -> None:
    assert (tenant.url, tenant.seed, len(tenant.datasets)) == ("https://mine.example/x", 7, 1)


@quiet
@given(tenant=strategies.tenants(label_names=["a", "a > b"], has_sentiment=False, min_datasets=1))
def test_labels_and_sentiment_are_as_they_are_asked_for(tenant: FakeTenant) -> None:
    for dataset in tenant.datasets:
        assert dataset.labels == ("a", "a > b")
        assert dataset.has_sentiment is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"limit": 0},
        {"limit": 257},
        {"limit": 4.5},
        {"limit": True},
        {"limit": st.integers(1, 3)},
        {"min_datasets": 2, "max_datasets": 1},
        {"max_datasets": 5},
        {"url": "acme"},
        {"unknown_routes": "maybe"},
    ],
)
def test_what_cannot_be_is_refused_where_it_is_written(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"tenants: |A tenant's URL|unknown_routes"):
        strategies.tenants(**wrong)


# ------------------------------------------------------------------------------------------------------------- contents


def test_sizes_sit_on_the_edges_that_break_pagers() -> None:
    sizes: Counter[int] = Counter()

    @settings(generate, max_examples=800)
    @given(tenant=strategies.tenants(limit=4, min_datasets=1))
    def look(tenant: FakeTenant) -> None:
        sizes.update(len(tenant.exported(dataset)) for dataset in tenant.datasets)

    look()
    assert {0, 1, 3, 4, 5, 7, 8, 9, 11, 12, 13} <= sizes.keys()


def test_all_that_a_tenant_can_hold_is_drawn() -> None:
    seen: Counter[str] = Counter()

    @settings(generate, max_examples=500)
    @given(tenant=strategies.tenants(limit=3))
    def look(tenant: FakeTenant) -> None:
        state = tenant.snapshot()
        entries = [entry for dataset in tenant.datasets for entry in tenant.exported(dataset)]
        stamps = [entry["comment"]["timestamp"] for entry in entries]
        facts = {
            "no project": not tenant.projects,
            "a project without anything": any(
                project.name not in {each.owner for each in (*tenant.sources, *tenant.datasets)}
                for project in tenant.projects
            ),
            "a second user": len(tenant.users) > 1,
            "no dataset": not tenant.datasets,
            "a dataset without comments": any(not tenant.exported(dataset) for dataset in tenant.datasets),
            "a dataset of two sources": any(len(dataset.source_ids) > 1 for dataset in tenant.datasets),
            "a source of two datasets": any(
                set(one.source_ids) & set(other.source_ids)
                for one in tenant.datasets
                for other in tenant.datasets
                if one is not other
            ),
            "two projects with datasets": len({dataset.owner for dataset in tenant.datasets}) > 1,
            "a model tag": any(state.model_tags.values()),
            "an annotation": any(entry["annotations"]["labels"]["assigned"] for entry in entries),
            "a prediction": any(entry["predictions"]["labels"] for entry in entries),
            "no sentiment": any(not dataset.has_sentiment for dataset in tenant.datasets),
            "an id with a dot": any("." in entry["comment"]["id"] for entry in entries),
            "equal moments": len(set(stamps)) < len(stamps),
            "a path in the URL": tenant.url.count("/") > 2,
        }
        seen.update(fact for fact, so in facts.items() if so)
        seen.update({"example": 1, **dict.fromkeys(facts, 0)})

    look()
    assert {fact: count for fact, count in seen.items() if count < 5} == {}


# -------------------------------------------------------------------------------------------------- how examples fail


def failing(look: Callable[..., None], **tenants: Any) -> BaseException:
    """What Hypothesis raises for a property of a tenant."""

    def test(tenant: FakeTenant) -> None:
        look(tenant)

    with pytest.raises(BaseException) as caught:  # noqa: PT011 -- whatever it is
        settings(quiet, deadline=None)(given(tenant=strategies.tenants(**tenants))(test))()
    return caught.value


def test_an_example_that_asks_for_an_unknown_route_fails_and_is_shrunk() -> None:
    def look(tenant: FakeTenant) -> None:
        if len(tenant.datasets) == 2:
            get(tenant, "/api/v1/dataset")  # and takes the 404 for an answer

    failure = failing(look)
    assert isinstance(failure, UnexpectedRequests)
    assert "GET /api/v1/datasets\n" in str(failure)
    assert "tenant.add_dataset('acme/support')\ntenant.add_dataset('acme/mail')\n" in "\n".join(failure.__notes__)


@quiet
@given(tenant=strategies.tenants(unknown_routes="allow"))
def test_unknown_routes_may_be_allowed(tenant: FakeTenant) -> None:
    assert get(tenant, "/nowhere").status_code == 404


def test_what_was_asked_for_is_told_beside_the_failure_that_there_is() -> None:
    def look(tenant: FakeTenant) -> None:
        get(tenant, "/nowhere")
        raise KeyError("comments")

    failure = failing(look)
    assert isinstance(failure, KeyError)
    assert "GET /nowhere" in "\n".join(failure.__notes__)


def test_code_that_reaches_past_the_tenant_fails() -> None:
    def look(tenant: FakeTenant) -> None:
        with contextlib.suppress(RuntimeError):  # swallowed, and told all the same
            socket.getaddrinfo("mine.example", 443)

    assert "was about to reach mine.example" in str(failing(look, url="https://mine.example"))


@pytest.mark.parametrize("fact", ["big", "annotated", "tagged", "shared", "odd"])
def test_a_failing_example_prints_python_that_builds_the_same_tenant(fact: str) -> None:
    tenants = []

    def look(tenant: FakeTenant) -> None:
        entries = [entry for dataset in tenant.datasets for entry in tenant.exported(dataset)]
        interesting = {
            "big": len(entries) > 6,
            "annotated": any(entry["annotations"]["labels"]["assigned"] for entry in entries),
            "tagged": bool(tenant.snapshot().model_tags) and len(tenant.users) > 1,
            "shared": len(tenant.datasets) > 1 and len(tenant.datasets[1].source_ids) > 1,
            "odd": any(not entry["comment"]["id"].isdigit() for entry in entries),
        }
        if interesting[fact]:
            tenants.append(everything(tenant))
            tenant.add_project("changed-since")
            raise AssertionError

    failure = failing(look, limit=3)
    text = "\n".join(failure.__notes__)
    lines = [line for line in text.splitlines() if line.startswith(("from pytest_reinfer", "tenant"))]
    namespace: dict[str, Any] = {}
    exec("\n".join(line for line in lines if "=<" not in line), namespace)  # noqa: S102 -- what we printed ourselves
    assert everything(namespace["tenant"]) == tenants[-1]


def test_two_tenants_are_printed_by_names_of_their_own() -> None:
    @settings(quiet, deadline=None)
    @given(one=strategies.tenants(), other=strategies.tenants())
    def look(one: FakeTenant, other: FakeTenant) -> None:
        assert not other.datasets

    with pytest.raises(AssertionError) as caught:
        look()
    notes = "\n".join(caught.value.__notes__)
    assert "\ntenant = FakeTenant()\n" in notes
    assert "\ntenant_2 = FakeTenant(url='https://acme-2.reinfer.io')\ntenant_2.add_dataset('acme/support')\n" in notes


def test_a_forgotten_continuation_is_found_at_one_comment_more_than_a_page() -> None:
    def look(tenant: FakeTenant) -> None:
        for dataset in tenant.datasets:
            url = f"{tenant.url}{DATASETS}/{dataset.full_name}/export"
            page = requests.post(url, json={}, headers=tenant.headers).json()
            if page["comments"] != tenant.exported(dataset):
                raise AssertionError

    failure = failing(look)
    assert "tenant.add_dataset('acme/support', comments=plain_comments(0, 65))\n" in "\n".join(failure.__notes__)


def test_plain_comments_are_the_same_whenever_they_are_asked_for() -> None:
    assert strategies.plain_comments(1, 3, step=0) == [
        {"id": "1", "timestamp": "2024-01-01T00:00:00Z", "messages": [{"body": {"text": ""}}]},
        {"id": "2", "timestamp": "2024-01-01T00:00:00Z", "messages": [{"body": {"text": ""}}]},
    ]


def test_tenants_are_drawn_under_pytest_without_the_fixture(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import requests
        from hypothesis import given, settings
        from pytest_reinfer import strategies

        @settings(database=None)
        @given(tenant=strategies.tenants())
        def test_lists(tenant):
            requests.get(tenant.url + "/api/v1/datasets", headers=tenant.headers).raise_for_status()

        @settings(database=None)
        @given(tenant=strategies.tenants())
        def test_asks_for_what_there_is_not(tenant):
            requests.get(tenant.url + "/api/v2", headers=tenant.headers)

        class TestMethod:
            @settings(database=None)
            @given(tenant=strategies.tenants())
            def test_in_a_class(self, tenant):
                assert tenant.token
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:randomly", "-p", "no:cacheprovider", "-W", "error")
    result.assert_outcomes(passed=2, failed=1)
    result.stdout.fnmatch_lines(["*UnexpectedRequests*", "*GET /api/v2*", "*tenant = FakeTenant()*"])


def test_verbose_runs_tell_each_tenant(capsys: pytest.CaptureFixture[str]) -> None:
    @settings(generate, max_examples=3, verbosity=Verbosity.verbose)
    @given(tenant=strategies.tenants())
    def look(tenant: FakeTenant) -> None:
        pass

    look()
    assert "tenant = FakeTenant(" in capsys.readouterr().out
