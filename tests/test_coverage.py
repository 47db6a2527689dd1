"""What there is to meet of the contract, and what an exchange meets of it."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import pytest
from asking import asked
from conftest import in_threads
from test_violations import full

from pytest_reinfer import FakeTenant, contract, faults
from pytest_reinfer.coverage import report, table
from pytest_reinfer.coverage.items import API, GROUPS, STEPS, Choice, built, everywhere, items
from pytest_reinfer.coverage.page import page
from pytest_reinfer.coverage.tally import Tally
from pytest_reinfer.refusal import RouteNotBuilt
from pytest_reinfer.violations import Violation, violations
from pytest_reinfer.wire import Exchange, Request, Response

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

EXPORT = "export_dataset"
LONGEST = " > ".join(["a" * 64] * 64)  # the name of a label
LABEL = {"name": LONGEST, "sentiment": "positive"}
GROUP_NAMES = ("b", "b" * 64)
MAIL = "Message-ID: <{number}@b.org>\nDate: Sun, 11 Dec 2011 11:05:10 +0000"
STEP = re.compile(r"\.(?P<key>\w+)|\[(?P<index>\d+)\]|\['(?P<name>[^']+)'\]")  # of a JSON path


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> Tally:
    """What all tenants of a test are asked for."""
    tally = Tally()

    def exchanged(_: FakeTenant, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        tally.add(request, exchange, fault)
        return exchange

    monkeypatch.setattr(FakeTenant, "exchanged", exchanged)
    return tally


def arranged(*, sources: int = 0) -> FakeTenant:
    """A tenant with one of everything that a route may be about, and what names as short or long as may be."""
    tenant = FakeTenant(unknown_routes="allow", unbuilt_routes="allow")
    names = ("Polite", "b")
    groups = [{"name": name, "label_defs": [{"name": each} for each in names]} for name in ("Tone", *GROUP_NAMES)]
    tenant.add_dataset("acme/support", comments=3, label_groups=[{"name": "default"}, *groups])
    tenant.annotate("acme/support", tenant.comments("acme/support")[0]["uid"], [LONGEST], group="Tone")
    tenant.add_user("bob", permissions=[])
    tenant.add_bucket("acme/mails")
    for number in range(sources):
        tenant.add_source(f"acme/s{number}")
    return tenant


def send(tenant: FakeTenant, route: str, path: str, query: str, body: Any) -> Any:
    """Ask a tenant; what it answers, None where it does not build what it is asked for."""
    headers = {"authorization": tenant.headers["Authorization"], "content-type": "application/json"}
    sent = b"" if body is None else json.dumps(body).encode()
    try:
        response = tenant.answer(Request(contract.routes()[route].method, path, query, headers, sent))
    except RouteNotBuilt:
        return None
    try:
        return json.loads(response.body) if response.status == 200 else None
    except ValueError:  # a failure before the service may look well
        return None


def export(tenant: FakeTenant, **body: Any) -> Any:
    path = contract.routes()[EXPORT].path.format(project="acme", dataset_name="support")
    return send(tenant, EXPORT, path, "", body)


def met(tally: Tally, route: str, group: str) -> set[str]:
    return {key[2] for key in tally.met if key[:2] == (route, group)}


def missing(tally: Tally, route: str) -> dict[str, list[str]]:
    """What of a route was never met."""
    row = report.report(tally, [route]).rows[0]
    return {group: [item.name for item in found] for group, found in row.missing().items() if found}


# ------------------------------------------------------------------- requests for all there is, by the schemas alone


def steps(place: str) -> list[str | int]:
    found = (match.groupdict() for match in STEP.finditer(place))
    return [int(each["index"]) if each["index"] else each["key"] or each["name"] for each in found]


def at(value: Any, way: Iterable[str | int]) -> Any:
    """What stands at a place; a pattern of keys stands for the key that there is."""
    for step in way:
        if isinstance(step, str) and step not in value:
            value = next(inner for key, inner in value.items() if key.startswith(step[:-1]))
        else:
            value = value[step]
    return value


def put(value: Any, way: list[str | int], new: Any) -> Any:
    """A copy with something else at a place."""
    copied = deepcopy(value)
    if not way:
        return new
    at(copied, way[:-1])[way[-1]] = new
    return copied


def variations(ref: str, base: Any) -> Iterator[Any]:
    """Values of a schema, one with each field, one with each of its values at a limit, one with each beyond."""
    everything = full(ref)
    for violation in violations(ref):
        way = steps(violation.place)
        if violation.rule == "type" and way:
            yield put(violation.apply(base), way, at(everything, way))
        elif violation.rule == "enum":
            yield from (put(violation.apply(base), way, value) for value in violation.limit)
            yield violation.apply(base)
        elif violation.rule in STEPS:
            yield from both_sides(violation, base, way)


def both_sides(violation: Violation, base: Any, way: list[str | int]) -> Iterator[Any]:
    """The value that breaks a limit, and the one beside it that does not."""
    beyond = violation.apply(base)
    yield beyond
    value = at(beyond, way)
    if isinstance(value, (int, float)):
        yield put(beyond, way, value - STEPS[violation.rule])
    elif STEPS[violation.rule] > 0:
        yield put(beyond, way, value[:-1])
    elif isinstance(value, str):
        yield put(beyond, way, value + "a")


def encoded(query: dict[str, Any]) -> str:
    return urlencode(
        {name: json.dumps(value) if isinstance(value, bool) else value for name, value in query.items()}, doseq=True
    )


def particular(name: str, tenant: FakeTenant, path: str) -> Iterator[tuple[str, str, Any]]:
    """What else a route has to be asked: things that have to be there, pages that follow."""
    source, dataset = tenant.source("acme/support"), tenant.dataset("acme/support")
    uid = tenant.comments(source)[0]["uid"]
    none_of = {"attribute_filters": [{"attribute": "labels", "filter": {"kind": "string_none_of", "none_of": ["a"]}}]}
    ids = [each.id for each in tenant.sources]
    usual = asked(contract.routes()[name], tenant)
    bodies: dict[str, list[Any]] = {
        "create_dataset": [
            {"dataset": {"source_ids": ids}},
            {"dataset": {"copy_annotations_from": dataset.id, "debug_config_json": {}}},
        ],
        "update_dataset": [{"dataset": {"source_ids": ids}}, {"dataset": {"debug_config_json": {}}}],
        "create_project": [{**(usual.body or {}), "user_ids": [tenant.user("bob").id]}],
        "create_source": [{"source": {"bucket_id": tenant.bucket("acme/mails").id}}],
        "update_source": [{"source": {"bucket_id": tenant.bucket("acme/mails").id}}],
        "dataset_statistics": [none_of, {"by_label_properties": []}],
        "dataset_summary": [none_of],
        "query_dataset": [
            {"filter": {}, "order": {"kind": "recent"}, **none_of},
            {"filter": {}, "order": {"kind": "sample", "seed": 1}},
            {"filter": {}, "order": {"kind": "by_label", "label": LONGEST}},
        ],
        "sync_raw_emails": [
            {"documents": list(map(mail, range(4096))), "transform_tag": "generic.0.CONVKER5"},
            {"documents": [mail(1, raw="x" * 65536)], "transform_tag": "generic.0.CONVKER5"},
            {"documents": [mail(1, parsed=True)], "transform_tag": "generic.0.CONVKER5"},
        ],
        "update_labelling": [
            {key: [{"group": group, **said}] for key, said in (("labelling", labels), ("moon_forms", {}))}
            for group in GROUP_NAMES
            for labels in ({"assigned": [LABEL]}, {"dismissed": [LABEL]})
        ],
    }
    queries: dict[str, list[Any]] = {
        "delete_comments": [{"id": [f"c{number}" for number in range(128)]}],
        "get_labellings": [
            {"id": [uid]},
            {"ids": [uid]},
            {"id": [uid] * 128},
            {"source_id": source.id, "limit": 1},
        ],
        **{f"{verb}_label": [{"label_name": "b"}, {"label_name": LONGEST}] for verb in ("get", "update", "delete")},
    }
    query = usual.path.partition("?")[2]
    for body in bodies.get(name, ()):
        yield path, query, body
    for said in queries.get(name, ()):
        yield path, encoded(said), usual.body
    if "/Tone" in path or "/default" in path:
        yield from ((re.sub("/(Tone|default)", f"/{group}", path), query, usual.body) for group in GROUP_NAMES)


def mail(number: int, *, raw: str = "", parsed: bool = False) -> dict[str, Any]:
    """A document with an e-mail, whose raw headers are filled up to a length."""
    lines = MAIL.format(number=number)
    headers = {"parsed": dict(line.split(": ", 1) for line in lines.split("\n"))} if parsed else {"raw": lines}
    if raw:
        headers = {"raw": f"{lines}\nX: {raw}"[: len(raw)]}
    return {"raw_email": {"headers": headers, "body": {}}}


def second_pages(name: str) -> Iterator[tuple[str, Any, str, str]]:
    """How a first page is asked for, the key of what leads to the next, and where that is sent, if in the query."""
    filters: dict[str, Any] = {"filter": {}} | ({"order": {"kind": "recent"}} if name == "query_dataset" else {})
    if name == EXPORT:
        yield "", {"limit": 1}, "continuation", ""
    elif name in ("query_dataset", "recent_comments"):
        yield "", {**filters, "limit": 1}, "continuation", ""
        yield "", {**filters, "limit": 1}, "continuation", "continuation"
    elif name == "list_comments":
        yield "limit=1", None, "continuation", "after"
    elif name == "get_labellings":
        yield "source_id={source_id}&limit=1", None, "after", "after"


def ask_for_everything(name: str) -> None:
    """Ask a route, each time of the same tenant, for all there is."""
    route, tenant = contract.routes()[name], arranged(sources=1023 * name.endswith("e_dataset"))
    start = tenant.snapshot()
    usual = asked(route, tenant)
    path, _, query = usual.path.partition("?")

    def ask(path: str, query: str, body: Any) -> Any:
        tenant.restore(start)
        return send(tenant, name, path, query, body)

    others = list(particular(name, tenant, path))
    ask(path, query, usual.body)
    for about in (*others, *varied(name, path, query, usual.body)):
        ask(*about)
    for first, body, key, where in second_pages(name):
        said = first.format(source_id=tenant.source("acme/support").id)
        page = ask(path, said, body)
        ask(
            path,
            f"{said}&{encoded({where: page[key]})}" if where else said,
            body if where else {**body, key: page[key]},
        )
    failures: list[int | str] = [*items_of(name, "errors"), *map(int, items_of(name, "statuses")[1:])]
    for what in failures:
        with fail(tenant, what, route=name):
            ask(path, query, usual.body)


def varied(name: str, path: str, query: str, body: Any) -> Iterator[tuple[str, str, Any]]:
    """Requests with each part as its schema lets it vary."""
    route, properties = contract.routes()[name], contract.documents()[f"routes/{name}.json"]["properties"]
    ref = f"routes/{name}.json#/properties"
    if "path" in properties:
        for value in variations(f"{ref}/path", contract.match(route.method, path).parameters):
            yield route.path.format_map(value), query, body
    if "query" in properties:
        for value in variations(f"{ref}/query", {}):
            yield path, f"{query}&{encoded(value)}", body
            yield path, encoded(value), body
    if "body" in properties:
        yield from ((path, query, value) for value in variations(f"{ref}/body", body))


def fail(tenant: FakeTenant, what: int | str, **about: Any) -> Any:
    """Let a request fail, with a message where that has places."""
    kind = faults.kinds().get(str(what))
    return tenant.fail(what, **about, **({"message": "x"} if kind is not None and kind.places else {}))


def items_of(route: str, group: str) -> list[str]:
    return [item.name for item in items(route).values() if item.group == group]


# --------------------------------------------------------------------------------------------------------- the tests


@pytest.mark.parametrize("name", built())
def test_all_that_is_counted_of_a_route_can_be_met(tally: Tally, name: str) -> None:
    ask_for_everything(name)
    assert missing(tally, name) == {}


def test_all_that_is_counted_for_any_route_can_be_met(tally: Tally) -> None:
    tenant = arranged()
    for name in items_of(API, "errors"):
        if name != "login_page":
            with tenant.fail(name):
                export(tenant)
    tenant.fail("login_redirect")
    export(tenant)
    redirect = contract.convention("x-failures")["login_redirect"]["headers"]["Location"].removeprefix("{url}")
    path, _, query = redirect.partition("?")
    send(tenant, EXPORT, path, query, None)
    assert met(tally, API, "errors") == {*everywhere(), *contract.convention("x-failures")}


def test_what_is_counted_is_what_the_schemas_state() -> None:
    assert items_of(EXPORT, "statuses") == ["200", "400", "401", "403", "404", "413", "422", "429"]
    assert items_of(EXPORT, "errors") == [
        *("forbidden", "wrong_content_type", "body_too_large", "malformed_json", "unencodable_text"),
        *("schema_violation", "no_such_project", "no_such_dataset", "exclusive_filters", "bad_continuation"),
        "senseless_timestamp",
    ]
    assert items_of(EXPORT, "fields") == [
        *("path.project", "path.dataset_name", "body.comment_uids", "body.source_ids", "body.order_by", "body.from"),
        *("body.to", "body.continuation", "body.limit"),
    ]
    assert items_of(EXPORT, "values") == [
        *("body.comment_uids of 256 items", "body.comment_uids of 257 items, refused"),
        *("body.source_ids of 1024 items", "body.source_ids of 1025 items, refused"),
        *("body.source_ids[] of 16 characters", "body.source_ids[] of 17 characters, refused"),
        *('body.order_by = "created_at"', 'body.order_by = "timestamp"', "body.order_by of another value, refused"),
        *("body.limit = 1", "body.limit = 0, refused", "body.limit = 256", "body.limit = 257, refused"),
    ]
    assert items_of(EXPORT, "answers") == ["with continuation", "without continuation"]
    assert everywhere() == ("unauthorized", "rate_limited", "unknown_route", "wrong_method")


def test_a_list_is_never_one_of_the_values_that_there_are() -> None:
    choice = Choice({"null": "none", "1": "one", "true": "yes"}, "other")
    given: list[tuple[list[Any], set[str]]] = [([None], {"none"}), ([[]], {"other"}), ([{}], {"other"})]
    given += [([1, True], {"one", "yes"}), ([1.0], {"other"}), (["1", 2], {"other"})]
    for values, names in given:
        assert set(choice.met(values)) == names


def test_every_item_says_how_it_is_met_and_has_a_name_of_its_own() -> None:
    for route in (API, *built()):
        listed = [item.key for item in items(route).values()]
        assert len(listed) == len(set(listed))
        assert {item.group for item in items(route).values()} <= set(GROUPS)
        assert all(item.how for item in items(route).values())


def test_what_the_fake_does_not_build_is_told_and_not_counted(tally: Tally) -> None:
    row = report.report(tally, ["query_dataset"]).rows[0]
    unbuilt = {item.name for item in row.items if item.unbuilt}
    assert unbuilt >= {"body.collapse_mode", "body.filter.entities", "without num_results"}
    assert 'body.attribute_filters[].filter.kind = "number_range"' in unbuilt
    assert row.part().of + len(unbuilt) == len(row.items)
    assert not unbuilt & {name for found in missing(tally, "query_dataset").values() for name in found}


@pytest.mark.parametrize(
    ("body", "values"),
    [
        ({}, set()),
        ({"limit": 0}, {"body.limit = 0, refused"}),
        ({"limit": 1}, {"body.limit = 1"}),
        ({"limit": 2}, set()),
        ({"limit": 255}, set()),
        ({"limit": 256}, {"body.limit = 256"}),
        ({"limit": 257}, {"body.limit = 257, refused"}),
        ({"limit": 258}, set()),
        ({"limit": "256"}, set()),
        ({"limit": True}, set()),
        ({"order_by": "timestamp"}, {'body.order_by = "timestamp"'}),
        ({"order_by": "id"}, {"body.order_by of another value, refused"}),
        ({"order_by": []}, {"body.order_by of another value, refused"}),
        ({"limit": 256, "order_by": "id"}, {"body.order_by of another value, refused"}),
        ({"limit": 256, "strange": 1}, set()),
        ({"limit": 257, "strange": 1}, set()),
        ({"limit": 0, "order_by": "id"}, {"body.order_by of another value, refused"}),
        ({"source_ids": ["0" * 16, "0" * 17]}, {"body.source_ids[] of 17 characters, refused"}),
    ],
)
def test_a_value_at_a_limit_counts_where_it_is_answered_and_one_beyond_where_it_is_refused(
    tally: Tally, body: dict[str, Any], values: set[str]
) -> None:
    export(arranged(), **body)
    assert met(tally, EXPORT, "values") == values


def test_a_field_counts_where_the_request_is_answered(tally: Tally) -> None:
    tenant = arranged()
    tenant.fail(503)
    export(tenant, limit=2)
    export(tenant, limit=2, order_by="id")
    assert met(tally, EXPORT, "fields") == set()
    export(tenant, limit=2)
    assert met(tally, EXPORT, "fields") == {"path.project", "path.dataset_name", "body.limit"}


def test_a_value_beyond_a_limit_does_not_count_where_it_is_refused_for_something_else(tally: Tally) -> None:
    tenant = arranged()
    tenant.fail(503)
    export(tenant, limit=257)
    tenant.fail("schema_violation", message="not for this")
    export(tenant, limit=257)
    tenant.rotate_token()
    with tenant.fail(404):
        export(tenant, limit=257)
    path = contract.routes()[EXPORT].path.format(project="acme", dataset_name="support")
    tenant.answer(Request("POST", path, "", {}, b'{"limit":257}'))
    assert met(tally, EXPORT, "values") == set()


def test_fields_count_at_every_depth_whatever_the_keys_that_a_pattern_allows(tally: Tally) -> None:
    said = {
        "id": "1",
        "timestamp": "2024-01-01",
        "messages": [{"body": {"text": "Hi"}}, {"body": {"text": ""}, "from": "b"}],
    }
    path = contract.routes()["sync_comments"].path.format(project="acme", source_name="support")
    send(arranged(), "sync_comments", path, "", {"comments": [{**said, "user_properties": {"number:Age": 1}}]})
    below = {name.removeprefix("body.comments[].") for name in met(tally, "sync_comments", "fields")}
    assert below >= {"messages", "messages[].body.text", "messages[].from", "user_properties.number:*"}
    assert not below & {"messages[].to", "user_properties.string:*"}


def test_a_path_that_is_refused_counts_whatever_the_body(tally: Tally) -> None:
    tenant = arranged()
    headers = {"authorization": tenant.headers["Authorization"], "content-type": "application/json"}
    route = contract.routes()["send_welcome_email"]
    path = route.path.format(user_id="0" * 17)
    assert tenant.answer(Request(route.method, path, "", headers, b"[" * 100_000)).status == 400
    assert met(tally, "send_welcome_email", "values") == {"path.user_id of 17 characters, refused"}


def test_a_key_of_the_same_name_deep_in_an_answer_is_another_one(tally: Tally) -> None:
    request = Request("POST", contract.routes()[EXPORT].path.format(project="a", dataset_name="b"), "", {}, b"{}")
    body = b'{"comments":[{"continuation":"a"}],"status":"ok"}'
    tally.add(request, Exchange(Response(200, {}, body), EXPORT, None, None), None)
    assert met(tally, EXPORT, "answers") == {"without continuation"}


def test_an_answer_counts_with_and_without_what_it_may_have(tally: Tally) -> None:
    tenant = arranged()
    export(tenant)
    assert met(tally, EXPORT, "answers") == {"without continuation"}
    export(tenant, limit=1)
    assert met(tally, EXPORT, "answers") == {"without continuation", "with continuation"}


@pytest.mark.parametrize(
    ("fault", "errors", "anywhere"),
    [
        ("bad_continuation", {"bad_continuation"}, set()),
        ("rate_limited", set(), {"rate_limited"}),
        ("html_bad_gateway", set(), {"html_bad_gateway"}),
        (429, set(), {"rate_limited"}),
        (403, {"forbidden"}, set()),
        (404, set(), set()),  # of several errors that look alike none in particular
        (500, set(), set()),
        ("slow_answer", set(), set()),
        ("connection_reset", set(), set()),
        ("label_exists", set(), set()),  # no error of this route
    ],
)
def test_a_fault_counts_as_the_error_that_it_answers(
    tally: Tally, fault: int | str, errors: set[str], anywhere: set[str]
) -> None:
    tenant = arranged()
    fail(tenant, fault)
    try:
        export(tenant)
    except Exception as trouble:  # noqa: BLE001 -- what the client meets on the wire
        assert type(trouble).__name__ == "Trouble"  # noqa: PT017 -- with slow ones as well
    assert (met(tally, EXPORT, "errors"), met(tally, API, "errors")) == (errors, anywhere)


def test_refusals_of_the_tenant_count_by_their_names(tally: Tally) -> None:
    tenant = arranged()
    path = contract.routes()[EXPORT].path.format(project="acme", dataset_name="gone")
    send(tenant, EXPORT, path, "", {})
    send(tenant, EXPORT, path + "/nowhere", "", {})
    send(tenant, EXPORT, contract.routes()["list_datasets"].path, "", {})
    tenant.answer(Request("POST", path, "", {}, b""))
    assert met(tally, EXPORT, "errors") == {"no_such_dataset"}
    assert met(tally, EXPORT, "statuses") == {"401", "404"}
    assert met(tally, API, "errors") == {"unauthorized", "unknown_route", "wrong_method"}
    assert tally.asked == {EXPORT: 2, API: 2}


@pytest.mark.parametrize("body", [b"", b"{", b"[" * 100_000, b"\xff", b'{"limit":257}{', b"[]", b"null"])
def test_a_body_that_is_no_json_meets_no_field_and_harms_nothing(tally: Tally, body: bytes) -> None:
    tenant = arranged()
    headers = {"authorization": tenant.headers["Authorization"], "content-type": "application/json"}
    path = contract.routes()[EXPORT].path.format(project="acme", dataset_name="support")
    assert tenant.answer(Request("POST", path, "", headers, body)).status == 400
    assert met(tally, EXPORT, "fields") == met(tally, EXPORT, "values") == set()


def test_threads_count_together_and_no_request_is_kept(tally: Tally) -> None:
    def work(number: int) -> None:
        tenant = arranged()
        for limit in (1, 256, 257, number + 2):
            export(tenant, limit=limit, source_ids=["0123456789abcdef"])

    in_threads(work)
    assert tally.asked == {EXPORT: 32}
    assert met(tally, EXPORT, "values") == {
        *("body.limit = 1", "body.limit = 256", "body.limit = 257, refused", "body.source_ids[] of 16 characters"),
    }
    assert "0123456789abcdef" not in json.dumps(tally.dump())


def test_several_processes_make_the_numbers_of_one_in_whatever_order_they_come() -> None:
    one, two, three = Tally(), Tally(), Tally()
    exchange = Exchange(tenant_answer(), "list_datasets", None, None)
    request = Request("GET", contract.routes()["list_datasets"].path, "", {}, b"")
    for test, half in (("b", one), ("", one), ("a", two), ("", three)):
        half.test = test
        half.add(request, exchange, None)
    totals = []
    for order in ((one, two, three), (three, two, one), (two, one, three)):
        total = Tally()
        for half in order:
            total.merge(json.loads(json.dumps(half.dump())))
        totals.append((total.asked, total.met))
    assert totals == [({"list_datasets": 4}, {("list_datasets", "statuses", "200"): "a"})] * 3


def tenant_answer() -> Any:
    tenant = FakeTenant()
    headers = {"authorization": tenant.headers["Authorization"]}
    return tenant.answer(Request("GET", contract.routes()["list_datasets"].path, "", headers, b""))


def test_patterns_name_the_routes_that_count_and_one_that_fits_none_is_told(tally: Tally) -> None:
    export(arranged())
    assert [row.route for row in report.report(tally).rows] == [EXPORT, API]
    assert [row.route for row in report.report(tally, ["get_s*", "export*"]).rows] == [
        *("export_dataset", "get_source", "get_source_by_id", API),
    ]
    with pytest.raises(LookupError, match=r"No route is called 'get_sauce'. There are: create_bucket, "):
        report.report(tally, ["get_source", "get_sauce"])


@pytest.mark.parametrize(
    ("met", "of", "percent"), [(0, 3, 0), (1, 3, 33.3), (2, 3, 66.6), (9999, 10000, 99.9), (3, 3, 100)]
)
def test_a_percentage_is_rounded_down_so_that_100_says_all(met: int, of: int, percent: float) -> None:
    assert report.Part(met, of).percent == percent


def test_the_to_do_list_is_short_and_has_something_of_every_kind(tally: Tally) -> None:
    tenant = arranged()
    export(tenant)
    lines = list(table.lines(report.report(tally)))
    todo = lines[lines.index("Never met, a to-do list:") + 1 :]
    assert len(todo) == table.MOST + 1
    assert todo[-1].startswith("  ... and ")
    assert '  export_dataset: reinfer.fail(401, route="export_dataset")' in todo
    assert "  export_dataset: be answered 200 with body.comment_uids" in todo
    assert "  export_dataset: send body.comment_uids of 257 items, refused" in todo
    assert "  export_dataset: get an answer with continuation" in todo
    assert '  any route: reinfer.fail("unauthorized")' in todo


def test_the_page_escapes_what_tests_are_called_and_needs_nothing_else(tally: Tally) -> None:
    tally.test = "test_x.py::test_it[<script>alert(1)</script>]"
    export(arranged())
    text = page(report.report(tally, notes=["<b>lost</b>"]))
    assert "<script" not in text
    assert "test_it[&lt;script&gt;" in text
    assert "&lt;b&gt;lost" in text
    assert not re.search(r"""(?:src|href)=["'](?!#|data:,)""", text)
    assert not re.search(r"@import|url\(|http", text)
