"""The tenant in a browser: pages that show what it holds and what was asked of it, and let it fail or start again."""

from __future__ import annotations

import secrets
from base64 import b64encode
from functools import cache, partial
from hashlib import sha256
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote, urlsplit

from pytest_reinfer import contract, faults, screens
from pytest_reinfer.screens import DONE, HOME, Asked, Shown
from pytest_reinfer.wire import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pytest_reinfer.fake import FakeTenant
    from pytest_reinfer.tags import Html
    from pytest_reinfer.wire import Request

MOST_FORM: Final = 10_000  # bytes


class _Refused(Exception):
    """A page is not shown, or nothing is done: why, and the status that says so."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def pages(tenant: FakeTenant) -> Callable[[Request], Response | None]:
    """What answers requests for the pages of a tenant, and None to all others. A reset makes it what it is now."""
    return partial(answer, Shown(tenant, tenant.snapshot(), secrets.token_urlsafe()))


def answer(shown: Shown, request: Request) -> Response | None:
    """The page that a browser asks for, by its whole path; None where it is not for a page."""
    path = unquote(request.path)
    at_root = path == "/" and request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")
    if not at_root and not f"{path}/".startswith(HOME):
        return None
    segments = () if at_root else tuple(path.removeprefix(HOME.rstrip("/")).removeprefix("/").split("/"))
    query = {name: values[-1] for name, values in _parsed(request.query).items()}
    asked = Asked(tuple(segment for segment in segments if segment), query)
    try:
        response = _answered(shown, asked, request)
    except _Refused as refused:
        response = _html(refused.status, screens.document(refused.status.phrase, screens.alert(refused)))
        if refused.status == HTTPStatus.METHOD_NOT_ALLOWED:
            response.headers[contract.header("allow").name] = "GET, HEAD, POST"
    return response._replace(body=b"") if request.method == "HEAD" else response


def _answered(shown: Shown, asked: Asked, request: Request) -> Response:
    _from_here(request)
    if request.method == "POST":
        return _done(shown, asked, request)
    if request.method not in ("GET", "HEAD"):
        raise _Refused(HTTPStatus.METHOD_NOT_ALLOWED, "A page is asked for by GET, and a form is sent by POST.")
    return _page(shown, asked)


# ----------------------------------------------------------------------------------------------------- safety


def _from_here(request: Request) -> None:
    """Refuse a host that is not this machine: a stranger's page may have a name of its own lead here."""
    try:
        host = urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise _Refused(HTTPStatus.FORBIDDEN, "The pages of the tenant are for this machine: ask for 127.0.0.1.")


def _form(shown: Shown, request: Request) -> dict[str, str]:
    """The fields of a form that one of our own pages has sent."""
    host, origin = request.headers.get("host", ""), request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    if len(request.body) > MOST_FORM:
        raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "No form of ours is so long.")
    form = {name: values[-1] for name, values in _parsed(request.body.decode(errors="replace")).items()}
    sent = form.pop("form_token", "").encode()
    ours = site == "same-origin" and origin in (None, f"http://{host}", f"https://{host}")
    if not compare_digest(sent, shown.form_token.encode()) or not ours:
        raise _Refused(
            HTTPStatus.FORBIDDEN, "This form is not one of ours, or older than the tenant: load the page again."
        )
    return form


def _parsed(text: str) -> dict[str, list[str]]:
    try:
        return parse_qs(text, keep_blank_values=True, max_num_fields=20)
    except ValueError:
        return {}


@cache
def _headers() -> dict[str, str]:
    """What keeps a page to itself: no script, no frame, nothing from elsewhere, nothing left in a cache."""
    digest = b64encode(sha256(screens.style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; form-action 'self'; base-uri 'none'"
    return {
        "Content-Type": "text/html; charset=utf-8",
        "Content-Security-Policy": f"{policy}; frame-ancestors 'none'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Vary": "Accept",
    }


def _html(status: int, document: Html) -> Response:
    return Response(int(status), dict(_headers()), document.encode(errors="replace"))


# ---------------------------------------------------------------------------------------------------- actions


def _done(shown: Shown, asked: Asked, request: Request) -> Response:
    """Do what a form asks for, and lead to the page that shows it."""
    form, tenant = _form(shown, request), shown.tenant
    match asked.segments:
        case ("faults",):
            try:
                _inject(tenant, form)
            except (ValueError, TypeError) as error:
                return _html(
                    HTTPStatus.BAD_REQUEST, screens.overview(shown, Asked((), {}), f"No fault is injected: {error}")
                )
            done = "injected"
        case ("faults", "stop"):
            for injection in tenant.faults:
                if injection.name == form.get("name"):
                    injection.stop()
            done = "stopped"
        case ("reset",):
            for injection in tenant.faults:
                injection.stop()
            tenant.restore(shown.start)
            tenant.requests.clear()
            done = "reset"
        case _:
            raise _Refused(HTTPStatus.NOT_FOUND, "Nothing here takes a form.")
    headers = {**_headers(), "Location": f"{HOME}?done={done}#{DONE[done][0]}"}
    return Response(HTTPStatus.SEE_OTHER, headers, b"")


def _inject(tenant: FakeTenant, form: Mapping[str, str]) -> None:
    what, times = form.get("what", ""), form.get("times", "").strip()
    if times and not (times.isdecimal() and int(times)):
        raise ValueError(f"how often is a number from 1 on, or nothing, not {times!r}.")
    kind = faults.kinds().get(what)
    tenant.fail(
        int(what) if what.isdecimal() else what,
        times=int(times) if times else None,
        route=form.get("route") or None,
        **({"message": "Asked for on the page of the tenant."} if kind is not None and kind.places else {}),
    )


# ------------------------------------------------------------------------------------------------------ pages


def _page(shown: Shown, asked: Asked) -> Response:
    match asked.segments:
        case ():
            document = screens.overview(shown, asked)
        case ("requests",):
            document = screens.requests(shown, asked)
        case ("datasets" | "sources" as table, owner, name):
            state = shown.tenant.snapshot()
            found = {each.full_name: each for each in getattr(state, table).values()}.get(f"{owner}/{name}")
            if found is None:
                raise _Refused(
                    HTTPStatus.NOT_FOUND, f"There is no {table.removesuffix('s')} {owner}/{name}, or no longer."
                )
            document = (
                screens.of_dataset(state, found, asked)
                if table == "datasets"
                else screens.of_source(state, found, asked)
            )
        case _:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is no such page.")
    return _html(HTTPStatus.OK, document)
