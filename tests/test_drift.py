"""Comparing two tenants: what is theirs alone makes no difference, everything else does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.drift import KINDS, NOTHING, Difference, compare, report
from pytest_reinfer.wire import Request, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_reinfer.wire import JSON

PUT = ("PUT", "/api/v1/datasets/acme/new", {"dataset": {"title": "New"}})
GET = ("GET", "/api/v1/datasets/acme/new", None)
LIST = ("GET", "/api/v1/datasets/acme", None)
EXPORT = ("POST", "/api/v1/datasets/acme/support/export", {"order_by": "created_at"})


def asked(
    tenant: FakeTenant, *asks: tuple[str, str, Any], authorization: str | None = None
) -> list[tuple[Request, Response]]:
    """What a tenant answers, each request with its answer."""
    exchanges = []
    for method, path, body in asks:
        parts = urlsplit(path)
        headers = {name.lower(): value for name, value in tenant.headers.items()}
        headers |= {"content-type": "application/json"} | ({"authorization": authorization} if authorization else {})
        sent = b"" if body is None else json.dumps(body).encode()
        request = Request(method, parts.path, parts.query, headers, sent)
        exchanges.append((request, tenant.answer(request)))
    return exchanges


def a_tenant(seed: int, url: str | None = None) -> FakeTenant:
    tenant = FakeTenant(url, seed=seed, unknown_routes="allow", unbuilt_routes="allow")
    uploads = [
        {"id": f"c{number}", "timestamp": "2024-01-01T00:00:00Z", "messages": [{"body": {"text": f"Text {number}"}}]}
        for number in range(3)
    ]
    tenant.add_dataset("acme/support", comments=uploads)
    return tenant


def changed(exchange: tuple[Request, Response], change: Callable[[JSON], object]) -> tuple[Request, Response]:
    """An exchange whose answer has another body."""
    request, response = exchange
    body = json.loads(response.body)
    change(body)
    return request, response._replace(body=json.dumps(body).encode())


def only(differences: list[Difference]) -> Difference:
    assert len(differences) == 1, list(map(str, differences))
    assert differences[0].kind in KINDS
    assert differences[0].evidence.partition(":")[0] in ("documented", "swagger", "client", "sample", "assumed")
    assert "\n" not in str(differences[0])
    return differences[0]


def test_tenants_that_are_alike_but_for_what_they_give_out_show_no_difference() -> None:
    asks = (PUT, GET, LIST, EXPORT, PUT, ("DELETE", "/api/v1/datasets/acme/new", None), GET, ("GET", "/api/v1/x", None))
    fake, live = asked(a_tenant(1), *asks), asked(a_tenant(2, "https://two.reinfer.io/org"), *asks)
    assert json.loads(fake[0][1].body) != json.loads(live[0][1].body)
    assert compare(fake, live) == []
    assert compare(fake, live, contents=False) == []
    assert "No drift" in report([])


def of_dataset(**fields: Any) -> Callable[[JSON], object]:
    """A change of the dataset that is answered."""
    return lambda body: body["dataset"].update(fields)


def of_comments(change: Callable[[list[JSON]], object]) -> Callable[[JSON], object]:
    """A change of the comments that are exported."""
    return lambda body: change([each["comment"] for each in body["comments"]])


LATER = "2031-01-01T00:00:00Z"
UNKNOWN = ("GET", "/api/v1/x", None)
TITLE = "$.body.dataset.title"
UID = "$.body.comments[*].comment.uid"


@pytest.mark.parametrize(
    ("ask", "change", "kind", "path"),
    [
        (PUT, of_dataset(colour=3), "added", "$.body.dataset.colour"),
        (PUT, lambda body: body["dataset"].pop("title"), "removed", TITLE),
        (PUT, lambda body: body["dataset"].update(heading=body["dataset"].pop("title")), "renamed", TITLE),
        (PUT, of_dataset(title=3), "retyped", TITLE),
        (PUT, of_dataset(title="Old"), "value", TITLE),
        (PUT, of_dataset(id="0"), "value", "$.body.dataset.id"),
        (PUT, of_dataset(created="yesterday"), "value", "$.body.dataset.created"),
        (PUT, of_dataset(last_modified=LATER), "value", "$.body.dataset.last_modified"),
        (PUT, of_dataset(model_family="german"), "default", "$.body.dataset.model_family"),
        (PUT, lambda body: body.update(status="done"), "value", "$.body.status"),
        (LIST, lambda body: body["datasets"].append(body["datasets"][0]), "added", "$.body.datasets[*]"),
        (LIST, lambda body: body["datasets"].clear(), "removed", "$.body.datasets[*]"),
        (EXPORT, lambda body: body["comments"].reverse(), "reordered", "$.body.comments"),
        (EXPORT, of_comments(lambda comments: [each.pop("uid") for each in comments]), "removed", UID),
        (EXPORT, of_comments(lambda comments: comments[1].update(uid=comments[0]["uid"])), "value", UID),
        (UNKNOWN, lambda body: body.update(message="gone"), "message", "$.body.message"),
        (UNKNOWN, lambda body: body.update(code=1), "added", "$.body.code"),
    ],
)
def test_a_change_of_an_answer_is_told_by_its_kind_and_path(
    ask: tuple[str, str, Any], change: Callable[[JSON], object], kind: str, path: str
) -> None:
    fake, live = asked(a_tenant(1), GET, ask, LIST), asked(a_tenant(2), GET, ask, LIST)
    live[1] = changed(live[1], change)
    found = only([each for each in compare(fake, live) if each.exchange == 1])
    assert (found.kind, found.path) == (kind, path)
    route = contract.match(ask[0], ask[1]).route
    assert found.route == (" ".join(ask[:2]) if route is None else route.name)


def test_the_same_dataset_is_the_same_in_every_answer() -> None:
    fake, live = asked(a_tenant(1), PUT, GET), asked(a_tenant(2), PUT, GET)
    live[1] = changed(live[1], lambda body: body["dataset"].update(id="0123456789abcdef"))
    found = only(compare(fake, live))
    assert (found.exchange, found.kind, found.path) == (1, "value", "$.body.dataset.id")
    assert found.fake.startswith("<id:")


def test_an_id_within_a_message_is_a_reference_too() -> None:
    def ask(tenant: FakeTenant) -> list[tuple[Request, Response]]:
        dataset = tenant.dataset("acme/support")
        exchanges = asked(tenant, ("GET", f"/api/v1/datasets/id:{dataset.id}", None))
        refusal = json.dumps({"status": "error", "message": f"No room in {dataset.id}."}).encode()
        return [*exchanges, (exchanges[0][0], Response(409, exchanges[0][1].headers, refusal))]

    assert compare(ask(a_tenant(1)), ask(a_tenant(2))) == []


@pytest.mark.parametrize("sign", ["limit", "status"])
def test_another_limit_is_told_at_the_field_that_has_it(sign: str) -> None:
    limit = contract.node("routes/export_dataset.json#/properties/body/properties/limit")["maximum"]
    beyond = ("POST", EXPORT[1], {"limit": limit + 1})
    fake = asked(a_tenant(1), beyond)
    live = asked(a_tenant(2), EXPORT) if sign == "status" else asked(a_tenant(2), beyond)
    if sign == "limit":
        live[0] = changed(live[0], lambda body: body.update(message=body["message"].replace(str(limit), "128")))
    found = only(compare(fake, [(fake[0][0], live[0][1])]))
    assert (found.kind, found.part, found.path) == ("limit", "request", "$.body.limit")
    assert found.evidence.startswith("documented")


def test_a_value_at_the_limit_that_is_refused_is_told_as_a_limit() -> None:
    at = ("POST", EXPORT[1], {"limit": 256})
    fake, refused = asked(a_tenant(1), at), asked(a_tenant(2), ("POST", EXPORT[1], {"limit": 257}))
    assert only(compare(fake, [(fake[0][0], refused[0][1])])).kind == "limit"


def test_a_page_of_another_size_is_told_as_another_default() -> None:
    fake = asked(tenant := FakeTenant(seed=1), *())
    tenant.add_dataset("acme/support", comments=70)
    fake = asked(tenant, ("POST", EXPORT[1], {}))
    found = only(compare(fake, [changed(fake[0], lambda body: body["comments"].__delitem__(slice(32, None)))]))
    assert (found.kind, found.path, found.fake, found.live) == ("default", "$.body.limit", 64, 32)


def test_another_word_on_who_may_is_told_as_a_permission() -> None:
    tenant = a_tenant(1)
    user = tenant.add_user("ann", permissions=[])
    allowed = asked(tenant, LIST)
    refused = asked(tenant, LIST, authorization=user.headers["Authorization"])
    assert only(compare(allowed, refused)).kind == "permission"
    assert only(compare(refused, allowed)).path == "$.status"


@pytest.mark.parametrize(
    ("ask", "name", "value"),
    [
        (LIST, "Server-Timing", None),
        (LIST, "Content-Type", "text/plain"),
        (("POST", "/api/v1/datasets", None), "Allow", "GET, PUT"),
    ],
)
def test_a_header_of_the_api_that_is_missing_or_says_something_else_is_told(
    ask: tuple[str, str, Any], name: str, value: str | None
) -> None:
    fake, live = asked(a_tenant(1), ask), asked(a_tenant(2), ask)
    headers = {**live[0][1].headers, name: value}
    live = [(live[0][0], live[0][1]._replace(headers={key: text for key, text in headers.items() if text is not None}))]
    found = only(compare(fake, live))
    assert (found.kind, found.path) == ("header", f"$.headers.{name}")


def test_a_header_beyond_those_of_the_api_is_nobodys_business() -> None:
    fake, live = asked(a_tenant(1), LIST), asked(a_tenant(2), LIST)
    headers = {name.lower(): value for name, value in live[0][1].headers.items()} | {"via": "1.1 gateway"}
    headers["content-type"] += "; charset=utf-8"
    assert compare(fake, [(live[0][0], live[0][1]._replace(headers=headers))]) == []


def test_a_page_of_html_is_told_as_what_it_is() -> None:
    fake = asked(a_tenant(1), LIST)
    page = Response(200, {**fake[0][1].headers}, b"<html></html>")
    found = only(compare(fake, [(fake[0][0], page)]))
    assert (found.kind, found.path) == ("retyped", "$.body")


@pytest.mark.parametrize(
    ("change", "kind", "path"),
    [
        (lambda body: body["datasets"][0].update(colour=3), "added", "$.body.datasets[*].colour"),
        (lambda body: body["datasets"][0].pop("id"), "removed", "$.body.datasets[*].id"),
        (lambda body: body["datasets"][0].update(title=None), "retyped", "$.body.datasets[*].title"),
        (lambda body: body["datasets"][0].update(model_family="other"), "value", "$.body.datasets[*].model_family"),
        (lambda body: body["datasets"][0].update(created="today"), "value", "$.body.datasets[*].created"),
        (lambda body: body["datasets"][0].update(title="x" * 129), "limit", "$.body.datasets[*].title"),
        (lambda body: body["datasets"].reverse(), "reordered", "$.body.datasets"),
    ],
)
def test_with_other_contents_the_contract_is_what_counts(
    change: Callable[[JSON], object], kind: str, path: str
) -> None:
    other = FakeTenant(seed=5)
    other.add_dataset("acme/a", comments=4)
    other.add_dataset("acme/b", title="Another")
    fake, live = asked(a_tenant(1), LIST), asked(other, LIST)
    assert compare(fake, live, contents=False) == []
    found = only(compare(fake, [changed(live[0], change)], contents=False))
    assert (found.kind, found.path) == (kind, path)


def test_a_report_tells_each_place_once() -> None:
    fake = asked(a_tenant(1), GET, GET, LIST)
    live = [changed(fake[0], lambda body: body.update(message="gone"))] * 2 + fake[2:]
    told = report(compare(fake, live))
    assert told.count("$.body.message") == 1
    assert "(2 times)" in told
    assert "differs in 1 place." in told


def test_lists_of_different_lengths_are_not_compared() -> None:
    fake = asked(a_tenant(1), GET)
    with pytest.raises(ValueError, match="shorter"):
        compare(fake, [])


def test_what_is_missing_says_so() -> None:
    assert str(Difference(0, "get_dataset", "removed", "$.body.x", 1, NOTHING, "assumed: x")).endswith(
        "the fake has 1, the live tenant nothing  [assumed: x]"
    )


def test_what_no_schema_speaks_of_and_looks_like_an_id_is_taken_for_one() -> None:
    fake, live = asked(a_tenant(1), PUT, GET), asked(a_tenant(2), PUT, GET)
    for number in range(2):
        fake[number] = changed(fake[number], of_dataset(run_id="00000000000000aa"))
        live[number] = changed(live[number], of_dataset(run_id="00000000000000bb"))
    assert compare(fake, live) == []
    live[1] = changed(live[1], of_dataset(run_id="00000000000000cc"))
    assert only(compare(fake, live)).path == "$.body.dataset.run_id"
