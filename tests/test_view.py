"""The pages of a tenant: what they show, that they show it as text, and who may change anything by them."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode

import pytest
from conftest import ask, comment, everything, in_threads
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_reinfer import FakeTenant, contract, faults, screens, tags, view
from pytest_reinfer.wire import Request, Response

HOSTILE = "<script>document.title='hacked'</script>\"'><img src=x onerror=alert(1)>&lt;"
LABEL = "<script>1</script>\"'><img src=x onerror=alert(1)>"
HOST = "127.0.0.1:8765"
EMPTY = {"input", "link", "meta", "wbr"}


class Page(HTMLParser):
    """A page as a reader of HTML sees it: its elements with their attributes, and the text of each."""

    def __init__(self, response: Response) -> None:
        super().__init__()
        self.status, self.headers = response.status, response.headers
        self.source = response.body.decode()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open and data.strip():
            self.texts.append((self.open[-1] if self.open else "", data))

    @property
    def text(self) -> str:
        return " ".join(" ".join(text for _, text in self.texts).split())

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]

    def of(self, tag: str) -> list[str]:
        return [text for name, text in self.texts if name == tag]

    @property
    def links(self) -> list[str]:
        return [str(each["href"]) for each in self.all("a")]

    @property
    def form_token(self) -> str:
        return str(next(each["value"] for each in self.all("input") if each.get("name") == "form_token"))


class Browser:
    """Asks for the pages of a tenant as a browser does."""

    def __init__(self, tenant: FakeTenant) -> None:
        self.pages = view.pages(tenant)

    def send(self, method: str, target: str, body: bytes = b"", /, **headers: str) -> Response | None:
        path, _, query = target.partition("?")
        given = {"host": HOST, "accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.pages(Request(method, path, query, {key: value for key, value in given.items() if value}, body))

    def get(self, target: str = "/", **headers: str) -> Page:
        response = self.send("GET", target, b"", **headers)
        assert response is not None
        return Page(response)

    def post(self, target: str, headers: dict[str, str] | None = None, /, **form: str) -> Response:
        form = {"form_token": self.get().form_token, **form}
        body = urlencode({name: value for name, value in form.items() if value}).encode()
        sent = {"origin": f"http://{HOST}", "sec_fetch_site": "same-origin", **(headers or {})}
        response = self.send("POST", target, body, **sent)
        assert response is not None
        return response


@pytest.fixture
def tenant() -> FakeTenant:
    """A tenant that nobody closes, as in the command."""
    return FakeTenant(f"http://{HOST}", unknown_routes="allow")


@pytest.fixture
def browser(tenant: FakeTenant) -> Browser:
    return Browser(tenant)


@pytest.fixture
def full(tenant: FakeTenant) -> FakeTenant:
    tenant.add_dataset("acme/support", comments=120, title="Support")
    mail = tenant.add_source("acme/mail", comments=[comment("1"), comment("2")])
    tenant.add_dataset("acme/claims", sources=[mail, "acme/support"], labels=["Claim > New"])
    tenant.annotate("acme/claims", f"{mail.id}.1", ["Claim > New"])
    tenant.predict("acme/claims", f"{mail.id}.1", {"Claim > New": 0.876})
    return tenant


def rows(page: Page) -> list[str]:
    """The rows of all tables as text."""
    found = re.findall(r"<tr>(.*?)</tr>", page.source, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]+>", " ", row.replace("<wbr>", "")).split()) for row in found]


# -------------------------------------------------------------------------------------------- whose request it is


def test_the_root_is_a_page_to_a_browser_alone(browser: Browser) -> None:
    assert browser.get("/").status == 200
    assert browser.send("GET", "/", accept="*/*") is None
    assert browser.send("GET", "/", accept="application/json") is None
    assert browser.send("GET", "/", accept="") is None
    assert browser.send("POST", "/") is None


@pytest.mark.parametrize("path", ["/api/v1/datasets", "/_reinfers", "//", "/x/_reinfer/", "/favicon.ico"])
def test_what_is_not_below_the_pages_is_somebody_elses(browser: Browser, path: str) -> None:
    assert browser.send("GET", path) is None


@pytest.mark.parametrize("path", ["/_reinfer", "/_reinfer/", "/%5Freinfer/", "/_reinfer//"])
def test_the_first_page_is_there_whatever_is_accepted(browser: Browser, path: str) -> None:
    assert browser.get(path, accept="*/*").of("h1") == ["The tenant"]


@pytest.mark.parametrize(
    "path", ["/_reinfer/nothing", "/_reinfer/datasets", "/_reinfer/datasets/acme/none", "/_reinfer/a/b/c/d"]
)
def test_a_page_that_is_not_there_says_so(browser: Browser, path: str) -> None:
    page = browser.get(path)
    assert page.status == 404
    assert page.of("h1") == ["Not Found"]


def test_another_method_is_refused(browser: Browser) -> None:
    response = browser.send("PUT", "/_reinfer/")
    assert response is not None
    assert (response.status, response.headers["Allow"]) == (405, "GET, HEAD, POST")


def test_a_head_is_a_page_without_its_body(browser: Browser) -> None:
    response = browser.send("HEAD", "/")
    assert response is not None
    assert (response.status, response.body) == (200, b"")


def test_looking_changes_nothing(full: FakeTenant, browser: Browser) -> None:
    before = everything(full), full.asked
    for target in ("/", "/_reinfer/requests", "/_reinfer/datasets/acme/support?page=2", "/_reinfer/sources/acme/mail"):
        assert browser.get(target).status == 200
    assert (everything(full), full.asked) == before


# ---------------------------------------------------------------------------------------------- what is shown


def test_the_first_page_shows_what_the_tenant_holds(full: FakeTenant, browser: Browser) -> None:
    page = browser.get()
    annotated = sum(bool(each["annotations"]["labels"]["assigned"]) for each in full.exported("acme/support"))
    labels = len(full.dataset("acme/support").labels)
    assert f"acme/support Support 120 {annotated} {labels}" in rows(page)
    assert "acme/claims 122 1 1" in rows(page)
    assert "acme/mail 2" in rows(page)
    assert "acme 2 2" in rows(page)
    assert {"/_reinfer/datasets/acme/support", "/_reinfer/sources/acme/mail"} <= set(page.links)


def test_a_large_count_is_written_for_people(tenant: FakeTenant, browser: Browser) -> None:
    tenant.add_source("acme/mail", comments=[comment(str(number)) for number in range(1234)])
    assert "acme/mail 1,234" in rows(browser.get())


def test_an_empty_tenant_has_a_page(browser: Browser) -> None:
    page = browser.get()
    assert page.of("p").count("None.") == 3
    assert "Nothing has been asked yet." in page.text


def test_no_page_tells_a_token(full: FakeTenant, browser: Browser) -> None:
    viewer = full.add_user("viewer", permissions=["View labels"])
    ask(full, "GET", "/api/v1/datasets")
    for target in ("/", "/_reinfer/requests", "/_reinfer/datasets/acme/support"):
        source = browser.get(target).source
        assert full.token not in source
        assert viewer.token not in source


def test_a_dataset_shows_its_comments_with_their_labels(full: FakeTenant, browser: Browser) -> None:
    page = browser.get("/_reinfer/datasets/acme/claims?page=3")
    uid = f"{full.source('acme/mail').id}.1"
    assert page.of("h1") == ["Dataset acme/claims"]
    assert "Comments 101 to 122 of 122, by timestamp" in page.of("h2")
    article = next(each for each in page.source.split("<article") if f">{uid}<" in each)
    assert "Assigned" in article
    assert "<bdi>Claim &gt; New</bdi> · positive" in article
    assert "<bdi>Claim &gt; New</bdi> · 0.88" in article


def test_a_source_shows_the_labels_of_every_dataset_it_is_in(full: FakeTenant, browser: Browser) -> None:
    page = browser.get("/_reinfer/sources/acme/mail")
    assert page.of("h1") == ["Source acme/mail"]
    assert "Assigned in acme/claims" in page.text
    assert page.text.count("No labels in acme/claims") == 1
    assert "in acme/support" in browser.get("/_reinfer/sources/acme/support").text


def test_the_pages_of_a_dataset_hold_every_comment_once_in_order(full: FakeTenant, browser: Browser) -> None:
    target, seen = "/_reinfer/datasets/acme/claims", list[str]()
    while target:
        page = browser.get(target)
        seen += [each for each in page.of("code") if "." in each]
        target = next((str(each["href"]) for each in page.all("a") if each.get("rel") == "next"), "")
    assert seen == [each["comment"]["uid"] for each in full.exported("acme/claims")]


@pytest.mark.parametrize(
    ("number", "beside"),
    [(1, ["next"]), (2, ["prev", "next"]), (3, ["prev"]), (4, ["prev"]), (99, []), ("x", ["next"])],
)
def test_a_page_leads_to_those_beside_it(full: FakeTenant, browser: Browser, number: object, beside: list[str]) -> None:
    page = browser.get(f"/_reinfer/datasets/acme/claims?page={number}")
    assert page.status == 200
    assert [each["rel"] for each in page.all("a") if "rel" in each] == beside


@pytest.mark.parametrize("number", ["0", "-1", "", "1e9", "9" * 5000, "٣", "%00", "²"])
def test_a_senseless_page_number_is_no_error(full: FakeTenant, browser: Browser, number: str) -> None:
    assert browser.get(f"/_reinfer/datasets/acme/claims?page={number}").status == 200


def test_a_long_comment_is_cut_and_shown_in_full_as_json(tenant: FakeTenant, browser: Browser) -> None:
    text = "word " * 1_000 + "the end"
    tenant.add_source("acme/mail", comments=[{**comment("1"), "messages": [{"body": {"text": text}}]}])
    page = browser.get("/_reinfer/sources/acme/mail")
    assert "… and more" in " ".join(page.of("p"))
    assert "the end" in " ".join(page.of("pre"))


def test_a_comment_without_messages_is_shown(tenant: FakeTenant, browser: Browser) -> None:
    tenant.add_source("acme/mail", comments=[{**comment("1"), "messages": []}])
    assert "No subject" in browser.get("/_reinfer/sources/acme/mail").text


# ------------------------------------------------------------------------------------------------ the requests


def test_the_log_shows_each_request_newest_first(full: FakeTenant, browser: Browser) -> None:
    ask(full, "GET", "/api/v1/datasets")
    ask(full, "POST", "/api/v1/datasets/acme/support/export", {"limit": 7})
    ask(full, "GET", "/api/v1/nothing%20here")
    ask(full, "POST", "/api/v1/datasets/acme/support/export", {"limit": "7"})
    page = browser.get("/_reinfer/requests")
    found = re.findall(r"<summary>(.*?)</summary>", page.source)
    told = [" ".join(re.sub(r"<[^>]+>", " ", each).split()) for each in found]
    assert told == [
        "400 POST /api/v1/datasets/acme/support/export export_dataset · Export datasets",
        "404 GET /api/v1/nothing here no route",
        "200 POST /api/v1/datasets/acme/support/export export_dataset · Export datasets",
        "200 GET /api/v1/datasets list_datasets · View labels",
    ]
    marks = [each["class"] for each in page.all("span") if "code" in str(each["class"])]
    assert marks == ["code bad", "code bad", "code", "code"]
    assert page.of("pre") == ['{\n  "limit": "7"\n}', '{\n  "limit": 7\n}']
    assert page.all("ol")[0]["start"] == "4"


def test_the_query_and_the_fault_of_a_request_are_told(full: FakeTenant, browser: Browser) -> None:
    full.fail(503)
    pages = Request("GET", "/api/v1/datasets", "a=<b>", {}, b"")
    full.answer(pages)
    text = browser.get("/_reinfer/requests").text
    assert "Query a=<b>" in text
    assert "Fault fail(503)" in text


def test_the_first_page_shows_the_latest_requests(full: FakeTenant, browser: Browser) -> None:
    for number in range(screens.LATEST):
        ask(full, "GET", f"/nothing/{number}")
    assert "All 20 requests" not in browser.get().text  # they are here
    for number in range(screens.LATEST, screens.LATEST + 5):
        ask(full, "GET", f"/nothing/{number}")
    page = browser.get()
    assert len(page.all("details")) == screens.LATEST
    assert f"/nothing/{screens.LATEST + 4}" in page.text
    assert "/nothing/4 " not in page.text
    assert "All 25 requests" in page.text


def test_the_pages_of_the_log_hold_every_request_once(full: FakeTenant, browser: Browser) -> None:
    for number in range(screens.PAGE + 5):
        ask(full, "GET", f"/nothing/{number}")
    seen = [
        path
        for number in (1, 2)
        for path in re.findall("<bdi>(.*?)</bdi>", browser.get(f"/_reinfer/requests?page={number}").source)
    ]
    assert seen == [f"/nothing/{number}" for number in reversed(range(screens.PAGE + 5))]
    assert browser.get("/_reinfer/requests?page=3").status == 200


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"", "It has no body."),
        (b"x" * 70_000, "Its body is longer than the log keeps."),
        (b"\xff<b>", "\ufffd<b>"),
        (b"[" * 60_000, "… and more"),
        (b'{"a":"\\ud800"}', '{ "a": "?" }'),
        (b'{"a":"<script>"}', '{ "a": "<script>" }'),
        (json.dumps(["word"] * 7_000).encode(), "… and more"),
        (b"1" * 6_000, "11111"),
    ],
)
def test_any_body_is_shown_as_far_as_it_is_kept(tenant: FakeTenant, browser: Browser, body: bytes, shown: str) -> None:
    tenant.answer(Request("POST", "/api/v1/datasets/acme/support/export", "", dict(tenant.headers), body))
    page = browser.get("/_reinfer/requests")
    assert shown in page.text
    assert len(page.source) < 40_000


def test_a_page_that_is_kept_up_to_date_says_so_and_can_be_left_alone(browser: Browser) -> None:
    still, live = browser.get(), browser.get("/?live=1")
    assert [each for each in still.all("meta") if each.get("http-equiv") == "refresh"] == []
    assert "/_reinfer/?live=1" in still.links
    assert "/_reinfer/?live=1" in browser.get("/_reinfer/?done=reset").links  # what was done is told once
    assert [each["content"] for each in live.all("meta") if each.get("http-equiv") == "refresh"] == ["2"]
    assert "/_reinfer/" in live.links
    assert "Stop refreshing" in live.text


# ------------------------------------------------------------------------------------------------------ forms


def test_a_fault_is_injected_and_told(full: FakeTenant, browser: Browser) -> None:
    response = browser.post("/_reinfer/faults", what="503", route="list_datasets", times="2")
    assert (response.status, response.headers["Location"]) == (303, "/_reinfer/?done=injected#faults")
    assert [repr(each.plan) for each in full.faults] == ["fail(503, times=2, route='list_datasets')"]
    assert ask(full, "GET", "/api/v1/datasets").status == 503
    page = browser.get("/_reinfer/?done=injected")
    assert "fired 1 of 2 times, 1 requests matched" in page.text
    assert [each["role"] for each in page.all("p") if "role" in each] == ["status"]


def test_a_fault_without_a_number_lasts_until_it_is_stopped(full: FakeTenant, browser: Browser) -> None:
    browser.post("/_reinfer/faults", what="connection_reset", times="")
    browser.post("/_reinfer/faults", what="429", times="1")
    first, second = full.faults
    assert first.plan.faults[0].times is None
    name = next(each["value"] for each in browser.get().all("input") if each.get("name") == "name")
    assert browser.post("/_reinfer/faults/stop", name=str(name)).status == 303
    assert full.faults == (second,)
    assert browser.post("/_reinfer/faults/stop", name=str(name)).status == 303  # pressed twice
    assert full.faults == (second,)


def offered(page: Page) -> list[str]:
    return [str(each["value"]) for each in page.all("option")]


def test_everything_that_is_offered_can_be_injected(full: FakeTenant, browser: Browser) -> None:
    whats = offered(browser.get())
    whats = [what for what in whats if what in faults.kinds() or what.isdecimal()]
    assert "503" in whats
    assert {"read_timeout", "rate_limited", "bad_continuation", "short_page", "cut_json"} <= set(whats)
    assert set(faults.kinds()) - set(whats) == {"dns_failure", "connection_refused", "connect_timeout", "tls_error"}
    for what in whats:
        assert browser.post("/_reinfer/faults", what=what, times="1").status == 303, what
    assert len(full.faults) == len(whats)


def test_every_route_that_is_built_is_offered(browser: Browser) -> None:
    assert {route.name for route in contract.routes().values() if route.built} <= set(offered(browser.get()))


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"what": "no_such_kind"}, "No failure is called 'no_such_kind'"),
        ({"what": ""}, "No failure is called"),
        ({"what": "200"}, "No failure is called 200"),
        ({"what": "503", "times": "0"}, "how often is a number from 1 on"),
        ({"what": "503", "times": "-1"}, "how often is a number"),
        ({"what": "503", "times": "²"}, "how often is a number"),
        ({"what": "503", "times": "<b>"}, "not '<b>'"),
        ({"what": "503", "route": "nowhere"}, "No route is called 'nowhere'"),
        ({"what": "short_page", "route": "list_datasets"}, "has no pages"),
        ({"what": "9" * 5_000}, "No fault is injected"),
    ],
)
def test_what_cannot_be_injected_is_told(full: FakeTenant, browser: Browser, form: dict[str, str], told: str) -> None:
    response = browser.post("/_reinfer/faults", None, **form)
    page = Page(response)
    assert page.status == 400
    assert told in page.text
    assert [each["role"] for each in page.all("p") if "role" in each] == ["alert"]
    assert full.faults == ()


def test_a_reset_brings_back_how_it_was_when_it_was_first_shown(full: FakeTenant) -> None:
    browser = Browser(full)
    before, token = everything(full), full.token
    full.delete_comments(full.comments("acme/mail")[0]["uid"])
    full.add_dataset("acme/new", comments=3)
    full.rotate_token()
    full.fail(503, times=None)
    ask(full, "GET", "/api/v1/datasets")
    response = browser.post("/_reinfer/reset")
    assert (response.status, response.headers["Location"]) == (303, "/_reinfer/?done=reset#reset")
    assert (everything(full), full.token, full.faults, len(full.requests)) == (before, token, (), 0)
    assert "The tenant is as it was at the start." in browser.get("/_reinfer/?done=reset").text
    full.add_dataset("acme/new")
    browser.post("/_reinfer/reset")
    assert everything(full) == before


def test_a_form_that_nothing_takes_is_refused(browser: Browser) -> None:
    assert browser.post("/_reinfer/nothing").status == 404
    assert browser.post("/_reinfer/").status == 404


# ----------------------------------------------------------------------------------------------------- safety


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "10.0.0.1", "", "[", "8.8.8.8", "a@b@c"]
)
def test_a_host_that_is_not_this_machine_is_refused(full: FakeTenant, browser: Browser, host: str) -> None:
    token = browser.get().form_token
    assert browser.get("/", host=host).status == 403
    assert "acme" not in browser.get("/_reinfer/requests", host=host).text
    body = urlencode({"form_token": token, "what": "503"}).encode()
    response = browser.send("POST", "/_reinfer/faults", body, host=host)
    assert response is not None
    assert (response.status, full.faults) == (403, ())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:8765", "[::1]:8765", "LOCALHOST", "127.0.0.2:1"])
def test_this_machine_has_several_names(browser: Browser, host: str) -> None:
    assert browser.get("/", host=host).status == 200
    assert browser.post("/_reinfer/reset", {"host": host, "origin": f"http://{host}"}).status == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:9999"},
        {"origin": "http://127.0.0.1"},
    ],
)
@pytest.mark.parametrize("target", ["/_reinfer/faults", "/_reinfer/faults/stop", "/_reinfer/reset"])
def test_a_form_from_another_site_is_refused(
    full: FakeTenant, browser: Browser, target: str, headers: dict[str, str]
) -> None:
    full.add_dataset("acme/new")
    injected = full.fail(503, times=None)
    before = everything(full)
    response = browser.post(target, headers, what="429", name=injected.name)
    assert response.status == 403
    assert (everything(full), full.faults) == (before, (injected,))


@pytest.mark.parametrize("token", ["", "x", "é" * 20])
def test_a_form_without_its_token_is_refused(full: FakeTenant, browser: Browser, token: str) -> None:
    response = browser.post("/_reinfer/faults", {"origin": "", "sec_fetch_site": ""}, form_token=token, what="503")
    assert response.status == 403
    assert full.faults == ()


def test_the_token_of_a_form_is_no_other_tenants(full: FakeTenant, browser: Browser) -> None:
    assert browser.post("/_reinfer/faults", form_token=Browser(full).get().form_token, what="503").status == 403


def test_a_form_is_not_endless(browser: Browser) -> None:
    assert browser.post("/_reinfer/faults", what="5" * 20_000).status == 413
    many = {f"field{number}": "x" for number in range(100)}
    assert browser.post("/_reinfer/faults", None, **many).status == 403


def test_every_answer_keeps_to_itself(full: FakeTenant, browser: Browser) -> None:
    answers = [browser.send("GET", path) for path in ("/", "/_reinfer/requests", "/_reinfer/none")]
    for response in (*answers, browser.post("/_reinfer/reset"), browser.post("/_reinfer/faults", what="")):
        assert response is not None
        policy = response.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "form-action 'self'; base-uri 'none'; frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert response.headers["X-Frame-Options"] == "DENY"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"] == "no-store"


def hostile(tenant: FakeTenant) -> list[str]:
    """A tenant full of HTML that nobody means; the pages that show it."""
    source = tenant.add_source(
        "acme/mail",
        title=HOSTILE,
        comments=[
            {
                "id": "<i>",
                "timestamp": "2024-01-01T09:00:00Z",
                "messages": [{"from": HOSTILE, "subject": {"text": HOSTILE}, "body": {"text": HOSTILE}}],
                "user_properties": {"string:x": HOSTILE},
                "thread_id": HOSTILE,
            }
        ],
    )
    tenant.add_dataset("acme/support", sources=[source], title=HOSTILE, labels=[LABEL])
    tenant.annotate("acme/support", f"{source.id}.<i>", [LABEL])
    tenant.predict("acme/support", f"{source.id}.<i>", {LABEL: 0.5})
    tenant.fail(503, path="/" + HOSTILE, message=HOSTILE)
    ask(tenant, "POST", "/api/v1/datasets/acme/support/export", {"limit": HOSTILE})
    tenant.answer(Request("<script>", "/<script>", "<script>", {}, b"<script>"))
    return ["/", "/_reinfer/requests", "/_reinfer/datasets/acme/support", "/_reinfer/sources/acme/mail"]


def test_what_the_tenant_holds_is_text_and_no_html(tenant: FakeTenant, browser: Browser) -> None:
    for target in hostile(tenant):
        page = browser.get(target)
        assert {tag for tag, _ in page.elements} & {"script", "img", "i", "b"} == set()
        assert not [name for _, given in page.elements for name in given if name.startswith("on")]
        assert "alert(1)" in page.text


def test_what_a_request_says_is_text_and_no_html(browser: Browser) -> None:
    for target in (f"/_reinfer/{HOSTILE}", f"/_reinfer/requests?page={HOSTILE}&live={HOSTILE}&x={HOSTILE}"):
        page = browser.get(target.replace(" ", "%20"))
        assert {tag for tag, _ in page.elements} & {"script", "img", "i", "b"} == set()


@settings(max_examples=200, deadline=None)
@given(text=st.text(), name=st.sampled_from(["title", "class_", "aria_label"]))
def test_any_text_comes_out_of_an_element_as_it_went_in(text: str, name: str) -> None:
    page = Page(Response(200, {}, tags.tag("p", "(", text, ")", **{name: text}).encode(errors="replace")))
    clean = text.encode(errors="replace").decode()
    assert page.elements == [("p", {name.rstrip("_").replace("_", "-"): clean})]
    assert "".join(part for _, part in page.texts) in (f"({clean})", f"({clean})".replace("\r", "\n"))


# ---------------------------------------------------------------------------------------------- for everybody


def every_page(tenant: FakeTenant, browser: Browser) -> list[Page]:
    tenant.fail(503, times=3).then(429)
    ask(tenant, "GET", "/api/v1/datasets")
    targets = ("/", "/?live=1", "/_reinfer/requests", "/_reinfer/datasets/acme/claims?page=2", "/_reinfer/none")
    refused = Page(browser.post("/_reinfer/faults", what="503", times="0"))
    return [*map(browser.get, targets), browser.get("/_reinfer/sources/acme/mail"), refused]


def test_a_page_can_be_found_ones_way_in(full: FakeTenant, browser: Browser) -> None:
    for page in every_page(full, browser):
        assert page.all("html") == [{"lang": "en"}]
        assert len(page.of("title")) == len(page.all("main")) == len(page.all("h1")) == 1
        assert page.links[0] == "#content"
        assert page.all("main")[0]["id"] == "content"
        assert all(each.get("aria-label") for each in page.all("nav"))
        levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
        assert levels[0] == 1
        assert all(below <= above + 1 for above, below in pairwise(levels)), levels
        ids = [given["id"] for _, given in page.elements if "id" in given]
        assert len(ids) == len(set(ids))
        named = {
            given[name]
            for _, given in page.elements
            for name in ("aria-labelledby", "aria-describedby")
            if name in given
        }
        assert named <= set(ids)


def test_every_field_has_a_label_and_every_table_its_heads(full: FakeTenant, browser: Browser) -> None:
    for page in every_page(full, browser):
        labelled = {each["for"] for each in page.all("label")}
        fields = [*page.all("select"), *(each for each in page.all("input") if each["type"] != "hidden")]
        assert {each["id"] for each in fields} == labelled
        assert len(page.all("caption")) == len(page.all("table"))
        assert all(each.get("scope") in ("col", "row") for each in page.all("th"))


def test_nothing_is_fetched_and_nothing_is_run(full: FakeTenant, browser: Browser) -> None:
    for page in every_page(full, browser):
        assert page.all("script") == page.all("img") == page.all("iframe") == []
        assert [str(each["href"]).partition(":")[0] for each in page.all("link")] == ["data"]
        assert not [given for _, given in page.elements if "style" in given]
        assert not [link for link in page.links if not link.startswith(("/", "#"))]
    style = (Path(view.__file__).parent / "view.css").read_text(encoding="utf-8")
    assert "url(" not in style
    assert "@import" not in style


def _luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_stand_apart_as_wcag_asks(scheme: str) -> None:
    style = (Path(view.__file__).parent / "view.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root {(.*?)}", style, re.DOTALL)
    colour = dict(re.findall(r"--([\w-]+): (#\w{6});", light if scheme == "light" else dark))
    grounds = ("ground", "card")
    texts = [(text, ground) for text in ("ink", "soft", "accent", "alarm") for ground in grounds]
    for text, ground in [*texts, ("on-accent", "accent"), ("ink", "wash"), ("ink", "alarm-wash")]:
        assert contrast(colour[text], colour[ground]) >= 4.5, (text, ground)
    for edge in ("edge", "accent", "alarm"):  # of a field, a button, and what has the focus
        assert contrast(colour[edge], colour["card"]) >= 3, edge


def test_pages_can_be_looked_at_while_the_tenant_changes(full: FakeTenant, browser: Browser) -> None:
    def work(number: int) -> None:
        for turn in range(10):
            if number % 2:
                full.add_comments("acme/mail", [comment(f"{number}-{turn}")])
                ask(full, "GET", "/api/v1/datasets")
            else:
                assert browser.get("/").status == browser.get("/_reinfer/sources/acme/mail").status == 200

    in_threads(work)
    assert "acme/mail 42" in rows(browser.get())
