"""What a fault does: to the tenant before a request is answered, and to what the client gets of the answer."""

from __future__ import annotations

import gzip
import json
import math
from datetime import UTC, datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from pytest_reinfer import api, contract, export, faults
from pytest_reinfer.comments import POSITION
from pytest_reinfer.refusal import Refused
from pytest_reinfer.stamps import moment, stamp
from pytest_reinfer.tenant import encode
from pytest_reinfer.travel import wall
from pytest_reinfer.wire import UNREACHED, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_reinfer.comments import Position, Row
    from pytest_reinfer.faults import Fault
    from pytest_reinfer.log import LoggedRequest
    from pytest_reinfer.tenant import Dataset, Tenant
    from pytest_reinfer.wire import Exchange, Request

LONG = 60.0  # seconds, where none are said: more than most clients wait
PARTS = 10  # in so many parts a slow body comes
GAP = 1000  # microseconds that a comment added by an edit stands from its neighbour


class Interrupted(Exception):
    """A function of the test's own raised `error` while a request was answered."""

    def __init__(self, error: Exception) -> None:
        super().__init__(error)
        self.error = error


def own(function: Callable[..., Any], *given: object) -> Any:
    """Call a function of the test's own."""
    try:
        return function(*given)
    except Exception as error:
        raise Interrupted(error) from error


class Met(NamedTuple):
    """What a client gets, a response or trouble on the wire, and what the api made of the request, as in Exchange.

    `fault` is the Python of the fault that was met.
    """

    response: Response | None
    trouble: Trouble | None
    route: str | None
    permission: str | None
    refusal: str | None
    fault: str | None = None

    @property
    def status(self) -> int | None:
        """The status that the client sees, if it sees one."""
        return None if self.response is None else self.response.status


def items(logged: LoggedRequest) -> list[Any] | None:
    """The items of a request that is a batch."""
    batch = None if logged.route is None else contract.batch(logged.route)
    body = None if batch is None else logged.json
    found = body.get(batch) if isinstance(body, dict) else None
    return found if isinstance(found, list) and found else None


def meet(tenant: Tenant, request: Request, logged: LoggedRequest, fault: Fault) -> Met | None:
    """What a client gets of a fault; None where it only acts, and where this request gives it nothing to spoil."""
    what = fault.what
    if callable(what) or what in faults.EDITS:
        return None
    if what in faults.PAGES:
        return _page(tenant, request, logged, str(what))
    exchange = None
    if fault.phase == "after":
        exchange = api.answer(tenant, request)
    elif fault.phase == "partial":
        exchange = _stored_in_part(tenant, request, logged, fault.stored)
        if exchange is None:
            return None
    about = (
        (exchange.route, exchange.permission, exchange.refusal)
        if exchange
        else (logged.route, None, _unknown(request))  # which is told of the test, though the tenant is not asked
    )
    if what in UNREACHED or what in faults.LOST:
        return Met(None, Trouble(faults.LOST.get(str(what), str(what))), *about)
    if exchange is None or what not in _SPOILT:
        response = _answer(tenant, what, dict(fault.about))
        return Met(response._replace(body=b"") if request.method == "HEAD" else response, None, *about)
    return Met(*_spoilt(exchange, str(what), dict(fault.about)), *about)


# -------------------------------------------------------------------------------- answers in the place of the tenant's


def _answer(tenant: Tenant, what: int | str, about: Mapping[str, Any]) -> Response:
    """An answer that the tenant did not give: in the API's envelope, or as something before it would answer."""
    failure = contract.convention("x-failures").get(what)
    if failure is not None:
        headers = {name: value.format(url=tenant.url) for name, value in failure["headers"].items()}
        response = Response(failure["status"], headers, failure["body"].encode())
    elif isinstance(what, int):
        response = api.refused(what, about.get("message", f"{what} {_phrase(what)}".rstrip()))
    else:
        status, message = contract.error(what)
        response = api.refused(status, about["message"] if "message" in about else message.format(**about))
    if "retry_after" in about or "retry_after_date" in about:
        response.headers[contract.header("retry_after").name] = _wait(about)
    return response


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _wait(about: Mapping[str, Any]) -> str:
    """The value of Retry-After. A date is by the wall clock, which is what a client compares it with."""
    if "retry_after" in about:
        return str(about["retry_after"])
    date = datetime.fromtimestamp(math.ceil(wall() + about["retry_after_date"]), UTC)
    return format_datetime(date, usegmt=True)


def redirected(tenant: Tenant, request: Request, faults_in_force: Iterable[Fault]) -> Met | None:
    """What a client gets where a fault has sent it, whatever the tenant has at that path; None anywhere else."""
    for fault in faults_in_force:
        failure = contract.convention("x-failures").get(fault.what, {})
        place = failure.get("headers", {}).get("Location", "").removeprefix("{url}").partition("?")[0]
        if place and place == request.path:
            return Met(_answer(tenant, failure["leads_to"], {}), None, None, None, None, repr(fault))
    return None


# ------------------------------------------------------------------------------------------- the tenant's answer spoilt

_SPOILT = frozenset((*faults.MID_BODY, *faults.SLOW, *faults.ALTERED))


def _spoilt(exchange: Exchange, what: str, about: Mapping[str, Any]) -> tuple[Response, Trouble | None]:
    """An answer of the tenant's, spoilt on its way."""
    response, seconds = exchange.response, about.get("seconds", LONG)
    if what in faults.MID_BODY:
        return response, Trouble(faults.MID_BODY[what], response, at=len(response.body) // 2)
    if what == "slow_answer":
        return response, Trouble(None, response, delay=seconds)
    if what == "slow_body":
        return response, Trouble(None, response, parts=PARTS, pace=seconds / PARTS)
    content_type, timing = contract.header("content_type").name, contract.header("server_timing").name
    headers, body = dict(response.headers), response.body
    if what == "cut_json":
        body = body[: len(body) // 2]
    elif what == "cut_gzip":
        body = gzip.compress(body, mtime=0)
        body = body[: len(body) // 2]
        headers["Content-Encoding"] = "gzip"
    elif what == "mislabelled_json":
        headers[content_type] = "text/html; charset=utf-8"
    elif what == "miscoded_json":
        headers[content_type] += "; charset=iso-8859-1"
    else:
        del headers[timing]
    altered = Response(response.status, headers, body)
    return altered, Trouble(None, altered) if what == "cut_gzip" else None  # the client's to decode


def _unknown(request: Request) -> str | None:
    """The refusal of a path that the API does not have, or not with this method."""
    found = contract.match(request.method, request.path)
    if found.route is not None:
        return None
    return "wrong_method" if found.allowed else "unknown_route"


def _stored_in_part(tenant: Tenant, request: Request, logged: LoggedRequest, stored: int | None) -> Exchange | None:
    """Let the first items of a batch be stored; None for one that is refused, and so not stored at all."""
    if api.answer(tenant.fork(), request).refusal is not None:
        return None
    found, body = items(logged) or [], logged.json
    most = len(found) // 2 if stored is None else stored
    body[contract.batch(str(logged.route))] = found[:most]
    return api.answer(tenant, request._replace(body=encode(body)))


# ----------------------------------------------------------------------------------------------------------- the pages


def _page(tenant: Tenant, request: Request, logged: LoggedRequest, what: str) -> Met | None:
    """A page of another kind than usual; None where the answer is no page, or has nothing that could be spoilt."""
    if what == "short_page" and isinstance(logged.json, dict):
        request = request._replace(body=encode({**logged.json, "limit": 1}))
    exchange = api.answer(tenant.fork(), request)  # to look first: what is not spoilt is asked and counted once
    page = json.loads(exchange.response.body) if exchange.response.status == HTTPStatus.OK else {}
    token, items = page.get("continuation"), str(contract.pages(str(logged.route)))
    if what == "empty_page":
        found = _export(tenant, logged) if page.get(items) else None
        if found is None:
            return None
        page |= {items: [], "continuation": found.token or export.start(tenant, found.dataset, found.order_by)}
    elif not token:
        return None
    elif what == "expired_continuation":
        page["continuation"] = token[:-1] + ("0" if token[-1] != "0" else "1")
    elif what == "garbled_continuation":
        page["continuation"] = token[::-1]
    exchange = api.answer(tenant, request)
    return Met(exchange.response._replace(body=encode(page)), None, *exchange[1:])


class _Export(NamedTuple):
    """What a request for a page asks: of which dataset, in which order, and where it stands."""

    dataset: Dataset
    order_by: str
    token: str | None
    cursor: Position | None


def _export(tenant: Tenant, logged: LoggedRequest) -> _Export | None:
    """What a request for a page asks; None where it will be refused anyway."""
    route = contract.match(logged.method, logged.target)
    name = "{project}/{dataset_name}".format_map({"project": "", "dataset_name": "", **route.parameters})
    dataset, asked = tenant.find_dataset(name), logged.json
    if dataset is None or not isinstance(asked, dict):
        return None
    body = contract.with_defaults(f"routes/{logged.route}.json#/properties/body", asked)
    token, since, order_by = asked.get("continuation"), asked.get("from"), body["order_by"]
    if order_by not in POSITION:
        return None
    cursor = None
    try:
        if isinstance(token, str):
            cursor = export.position(tenant, dataset, token)
        elif isinstance(since, str):  # so do pagers that know no continuation
            cursor = export.last(tenant, dataset, order_by, moment(since))
    except (Refused, ValueError):
        return None
    return _Export(dataset, order_by, token, cursor)


def acts(fault: Fault) -> bool:
    """Whether a fault does something before its request is answered, and spoils no answer."""
    return callable(fault.what) or fault.what in faults.EDITS


def edit(tenant: Tenant, logged: LoggedRequest, what: str) -> bool:
    """Add, change or delete a comment before, at or behind the place where the next page goes on; whether it did."""
    found = _export(tenant, logged)
    if found is None or found.cursor is None:
        return False
    edited, _, place = what.partition("_")
    return _edit(tenant, found, edited, place)


def _edit(tenant: Tenant, found: _Export, edited: str, place: str) -> bool:
    position, cursor = POSITION[found.order_by], found.cursor
    rows = sorted(
        (row for each in found.dataset.source_ids for row in tenant.comments[each].rows.values()), key=position
    )
    sides: Mapping[str, list[Row]] = {
        "before_cursor": [row for row in rows if position(row) < cursor],
        "at_cursor": [row for row in rows if position(row) == cursor],
        "behind_cursor": [row for row in rows if position(row) > cursor],
    }
    if not sides[place]:
        return False
    row = sides[place][0]
    if edited == "deleted":
        tenant.drop_comment(row)
    elif edited == "changed":
        properties = json.loads(row.data)["user_properties"]
        tenant.change_comment(row, {"user_properties": {**properties, "string:Edited": stamp(tenant.time())}})
    else:
        return _add(tenant, found, place, row)
    return True


def _add(tenant: Tenant, found: _Export, place: str, like: Row) -> bool:
    """Add a comment like another one; by `created_at` a new one is always the last."""
    cursor, _, last = found.cursor or (0, "", "")
    new = {"id": tenant.new_id(), "messages": json.loads(like.data)["messages"], "timestamp": stamp(like.timestamp)}
    if found.order_by == "timestamp":
        shift = {"before_cursor": -GAP, "at_cursor": 0, "behind_cursor": GAP}[place]
        try:
            new["timestamp"] = stamp(cursor + shift)
        except OverflowError:  # the calendar ends there
            return False
        new |= {"id": f"{last}.{new['id']}"} if place == "at_cursor" else {}  # sorts right behind it
    elif place != "behind_cursor":
        return False
    if not contract.valid("objects/new_comment.json", new):  # the id has become too long
        return False
    tenant.put_comments(like.source_id, [contract.with_defaults("objects/new_comment.json", new)])
    return True
