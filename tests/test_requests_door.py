"""The door for `requests`: what a client sees is what it sees on a network, alone and beside other mocks."""

from __future__ import annotations

import gzip
import io
import json
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import pytest
import requests
import requests_mock
import responses
from conftest import in_threads
from loopback import in_process, serving
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

from pytest_reinfer import FakeTenant, RouteNotBuilt
from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATASETS = "/api/v1/datasets"
ELSEWHERE = "https://elsewhere.example/x"


# ------------------------------------------------------------------------------------------------- ordinary calls


def test_module_functions_and_sessions_are_answered(tenant: FakeTenant) -> None:
    url = tenant.url + DATASETS
    session = requests.Session()
    session.headers.update(tenant.headers)
    assert (
        requests.get(url, headers=tenant.headers).json() == session.get(url).json() == {"datasets": [], "status": "ok"}
    )


def test_a_response_has_what_a_response_has(tenant: FakeTenant) -> None:
    session = requests.Session()
    response = session.get(tenant.url + DATASETS, headers=tenant.headers, params={"a": "b c"})
    assert (response.status_code, response.reason, response.ok, response.encoding) == (200, "OK", True, "utf-8")
    assert response.url == f"{tenant.url}{DATASETS}?a=b+c"
    assert response.request.headers["Authorization"] == tenant.headers["Authorization"]
    assert response.headers["content-type"] == "application/json"
    assert response.connection is session.get_adapter(tenant.url)
    assert response.elapsed.total_seconds() > 0
    assert response.history == []
    assert (response.raw.status, response.raw.version, response.raw.reason) == (200, 11, "OK")
    assert (response.raw.headers["Content-Type"], response.raw.read()) == ("application/json", b"")
    assert response.raw.closed is not None
    response.close()


def test_an_error_raises_as_ever(tenant: FakeTenant) -> None:
    with pytest.raises(requests.HTTPError, match="401 Client Error: Unauthorized") as error:
        requests.get(tenant.url + DATASETS).raise_for_status()
    assert error.value.response.json()["status"] == "error"


def test_a_stream_can_be_read_in_pieces_in_lines_and_raw(tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=100)

    def stream() -> requests.Response:
        return requests.post(
            f"{tenant.url}{DATASETS}/acme/support/export", json={}, headers=tenant.headers, stream=True
        )

    whole = stream().content
    assert b"".join(stream().iter_content(1000)) == whole
    assert b"".join(stream().iter_content(None)) == whole
    assert b"\n".join(stream().iter_lines()) == whole
    assert stream().raw.read() == whole
    assert json.load(stream().raw) == json.loads(whole)
    with stream() as response:
        assert response.raw.read(10) == whole[:10]
    assert response.raw.closed


BODIES: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "text": bytes.decode,
    "bytearray": bytearray,
    "file": io.BytesIO,
    "generator": lambda body: (body[start : start + 5] for start in range(0, len(body), 5)),
    "texts": lambda body: iter([body.decode()]),
}


@pytest.mark.parametrize("make", BODIES.values(), ids=BODIES.keys())
@pytest.mark.parametrize("stream", [False, True])
def test_any_body_that_requests_can_send_arrives(
    tenant: FakeTenant,
    make: Callable[[bytes], Any],
    stream: bool,  # noqa: FBT001 -- a parameter
) -> None:
    tenant.add_project("acme")
    body = json.dumps({"dataset": {"title": "Ωμέγα"}}, ensure_ascii=False).encode()
    headers = {**tenant.headers, "Content-Type": "application/json"}
    response = requests.put(f"{tenant.url}{DATASETS}/acme/new", data=make(body), headers=headers, stream=stream)
    assert response.json()["dataset"]["title"] == "Ωμέγα"


def test_headers_may_be_bytes(tenant: FakeTenant) -> None:
    headers = {b"Authorization": tenant.headers["Authorization"].encode()}
    assert requests.get(tenant.url + DATASETS, headers=headers).status_code == 200  # type: ignore[arg-type]


def test_hooks_and_auth_objects_run(tenant: FakeTenant) -> None:
    seen: list[int] = []

    class Bearer(requests.auth.AuthBase):
        def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
            request.headers.update(tenant.headers)
            return request

    hooks = {"response": lambda response, **_: seen.append(response.status_code)}
    assert requests.get(tenant.url + DATASETS, auth=Bearer(), hooks=hooks).ok
    assert seen == [200]


def test_send_takes_its_arguments_by_position_as_adapters_of_users_give_them(tenant: FakeTenant) -> None:
    class Own(HTTPAdapter):
        def send(self, request: Any, stream: Any = False, timeout: Any = None, *args: Any, **kwargs: Any) -> Any:  # noqa: FBT002
            return super().send(request, stream, timeout, *args, **kwargs)

    session = requests.Session()
    session.mount("https://", Own())
    assert session.get(tenant.url + DATASETS, headers=tenant.headers).ok
    assert session.get(tenant.url + DATASETS, headers=tenant.headers, stream=True).raw.read()


def test_an_adapter_that_builds_responses_of_its_own_does(tenant: FakeTenant) -> None:
    class Marked(HTTPAdapter):
        def build_response(self, req: Any, resp: Any) -> requests.Response:
            response = super().build_response(req, resp)
            response.headers["X-Status"] = str(resp.status)
            return response

    session = requests.Session()
    session.mount("https://", Marked())
    response = session.get(tenant.url + DATASETS, headers=tenant.headers)
    assert response.headers["X-Status"] == "200"
    assert response.json()["status"] == "ok"


def test_a_route_that_is_not_built_raises_at_the_call(tenant: FakeTenant) -> None:
    with pytest.raises(RouteNotBuilt, match="GET /api/_private/quotas"):
        requests.get(tenant.url + "/api/_private/quotas", headers=tenant.headers)


# ---------------------------------------------------------------------------------------------------------- URLs


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.reinfer.io",
        "https://acme.reinfer.io/",
        "https://cloud.uipath.com/organisation/tenant/reinfer_",
        "https://cloud.uipath.com/organisation/tenant/reinfer_/",
        "http://localhost:8000",
        "http://127.0.0.1:8000/deep/path",
        "https://CommsMining.corp.example:8443",
    ],
)
def test_a_tenant_answers_at_any_url(url: str) -> None:
    with FakeTenant(url) as tenant:
        assert not tenant.url.endswith("/")
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).json() == {"datasets": [], "status": "ok"}
        assert tenant.requests[-1].path == DATASETS


@pytest.mark.parametrize(
    "url",
    [
        "https://acme.reinfer.io:443/api/v1/datasets",
        "HTTPS://ACME.reinfer.IO/api/v1/datasets",
        "https://acme.reinfer.io/api/v1/datasets?x=1#fragment",
        "https://acme.reinfer.io/api/v1/datasets#fragment",
        "https://acme.reinfer.io/x/../api/v1/datasets",
    ],
)
def test_a_url_may_be_written_in_several_ways(tenant: FakeTenant, url: str) -> None:
    assert requests.get(url, headers=tenant.headers).json() == {"datasets": [], "status": "ok"}


@pytest.mark.parametrize(
    "url",
    [
        "http://acme.reinfer.io/api/v1/datasets",
        "https://acme.reinfer.io:8443/api/v1/datasets",
        "https://acme.reinfer.io.evil.example/api/v1/datasets",
        "https://other.reinfer.io/api/v1/datasets",
        "mock://acme.reinfer.io/api/v1/datasets",
        "https://acme.reinfer.io:port/api/v1/datasets",
        "nonsense",
    ],
)
def test_another_place_is_not_the_tenants(tenant: FakeTenant, url: str) -> None:
    assert tenant.locate(url) is None


def test_below_a_path_only_that_path_is_the_tenants() -> None:
    tenant = FakeTenant("https://cloud.uipath.com/acme/prod/reinfer_")
    for rest in ("x/api", "/../other", ""):
        assert (tenant.locate(tenant.url + rest) is None) == rest.startswith("x")
    assert tenant.locate("https://cloud.uipath.com/acme/test/reinfer_/api") is None
    assert tenant.locate("https://CLOUD.uipath.com:443/acme/prod/reinfer_/api?a=b") == (tenant.answer, "/api", "a=b")


def test_several_tenants_are_open_at_once_and_close_in_any_order() -> None:
    tenants = [FakeTenant(f"https://cloud.uipath.com/acme/t{number}/reinfer_", seed=number) for number in range(3)]
    send = HTTPAdapter.send
    for tenant in tenants:
        tenant.__enter__()
    for tenant in (tenants[1], tenants[0], tenants[2]):
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).ok
        tenant.__exit__(None)
        assert tenant.locate(tenant.url) == (tenant.answer, "/", "")
    assert HTTPAdapter.send is send
    assert [len(tenant.requests) for tenant in tenants] == [1, 1, 1]


def test_of_two_tenants_at_one_url_the_later_answers(tenant: FakeTenant) -> None:
    with FakeTenant(seed=1) as later:
        assert requests.get(tenant.url + DATASETS, headers=later.headers).ok
        assert requests.get(tenant.url + DATASETS, headers=later.headers, stream=True).ok
    assert len(tenant.requests) == 0
    assert requests.get(tenant.url + DATASETS, headers=tenant.headers).ok


def test_a_tenant_cannot_be_opened_twice_but_again(tenant: FakeTenant) -> None:
    with pytest.raises(RuntimeError, match="is open already"), tenant:
        pass
    tenant.__exit__(None)
    with tenant:
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).ok
    tenant.__enter__()


def test_many_threads_open_and_use_tenants_of_their_own() -> None:
    send = HTTPAdapter.send

    def work(number: int) -> None:
        for _ in range(5):
            with FakeTenant(f"https://t{number}.reinfer.io", seed=number) as tenant:
                tenant.add_dataset("acme/support")
                listed = requests.get(tenant.url + DATASETS, headers=tenant.headers).json()["datasets"]
                assert [each["id"] for each in listed] == [tenant.dataset("acme/support").id]

    in_threads(work)
    assert HTTPAdapter.send is send


# --------------------------------------------------------------------------------------------- beside other mocks


@contextmanager
def open_in_order(kinds: tuple[str, ...]) -> Iterator[tuple[FakeTenant, Any]]:
    """A tenant and a mock of another host, the one inside the other."""
    tenant, mock = FakeTenant(), None
    with ExitStack() as stack:
        for kind in kinds:
            if kind == "tenant":
                stack.enter_context(tenant)
            elif kind == "responses":
                mock = stack.enter_context(responses.RequestsMock(assert_all_requests_are_fired=False))
                mock.get(ELSEWHERE, body="stub")
            else:
                mock = stack.enter_context(requests_mock.Mocker())
                mock.get(ELSEWHERE, text="stub")
        yield tenant, mock


BOTH = [
    (first, second) for mock in ("responses", "requests_mock") for first, second in (("tenant", mock), (mock, "tenant"))
]
both_orders = pytest.mark.parametrize("kinds", BOTH, ids="-in-".join)


@both_orders
def test_a_mock_of_another_host_and_the_tenant_both_answer(kinds: tuple[str, ...]) -> None:
    with open_in_order(kinds) as (tenant, _):
        for session in (requests.Session(), requests):
            assert session.get(ELSEWHERE).text == "stub"
            assert session.get(tenant.url + DATASETS, headers=tenant.headers).json()["status"] == "ok"
        assert len(tenant.requests) == 2


@both_orders
def test_what_neither_knows_is_refused_by_the_mock(kinds: tuple[str, ...]) -> None:
    with open_in_order(kinds), pytest.raises((requests.ConnectionError, requests_mock.NoMockAddress)):
        requests.get("https://nowhere.example/")


@both_orders
def test_a_stub_of_the_tests_own_wins_over_the_tenant(kinds: tuple[str, ...]) -> None:
    with open_in_order(kinds) as (tenant, mock):
        mock.get(tenant.url + "/api/v1/sources", json={"sources": [], "status": "ok"})
        inside = kinds[1] != "tenant"
        if inside:
            assert requests.get(tenant.url + "/api/v1/sources").json() == {"sources": [], "status": "ok"}
            assert len(tenant.requests) == 0
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).ok


@both_orders
def test_a_retry_of_the_session_runs_under_both(kinds: tuple[str, ...]) -> None:
    with open_in_order(kinds) as (tenant, _):
        session = requests.Session()
        session.mount("https://", HTTPAdapter(max_retries=Retry(2, status_forcelist=[401], backoff_factor=0)))
        with pytest.raises(requests.exceptions.RetryError):
            session.get(tenant.url + DATASETS)
        assert len(tenant.requests) == 3


def test_a_stub_that_counts_is_asked_once_and_then_the_tenant_answers(tenant: FakeTenant) -> None:
    asked: list[int] = []

    def once(_: Any) -> tuple[bool, str]:
        asked.append(1)
        return len(asked) == 1, "once"

    with responses.RequestsMock() as mock:
        mock.get(tenant.url + DATASETS, status=503, match=[once])
        statuses = [requests.get(tenant.url + DATASETS, headers=tenant.headers).status_code for _ in range(3)]
    assert statuses == [503, 200, 200]
    assert len(asked) == 3


def test_an_ordered_mock_keeps_its_order_while_the_tenant_answers(tenant: FakeTenant) -> None:
    with responses.RequestsMock(registry=responses.registries.OrderedRegistry) as mock:
        mock.get(ELSEWHERE, body="one")
        mock.get(tenant.url + DATASETS, status=503)
        mock.get(ELSEWHERE, body="two")
        assert requests.get(tenant.url + "/api/v1/datasets/acme", headers=tenant.headers).status_code == 404
        assert requests.get(ELSEWHERE).text == "one"
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).status_code == 503
        assert requests.get(ELSEWHERE).text == "two"
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).status_code == 200


def test_the_default_mock_of_responses_nests_as_well(tenant: FakeTenant) -> None:
    @responses.activate
    def inner() -> None:
        responses.get(ELSEWHERE, body="stub")
        assert requests.get(ELSEWHERE).text == "stub"
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers).ok
        assert len(responses.calls) == 1

    inner()


def test_a_mock_that_outlives_the_tenant_leaves_nothing_behind() -> None:
    send, on_request = HTTPAdapter.send, responses.RequestsMock._on_request  # noqa: SLF001
    tenant, mock = FakeTenant(), responses.RequestsMock(assert_all_requests_are_fired=False)
    tenant.__enter__()
    mock.start()
    tenant.__exit__(None)
    mock.get(ELSEWHERE, body="stub")
    assert requests.get(ELSEWHERE).text == "stub"
    with pytest.raises(requests.ConnectionError):
        requests.get(tenant.url + DATASETS)
    mock.stop()
    with FakeTenant() as again:
        assert requests.get(again.url + DATASETS, headers=again.headers).ok
    with FakeTenant():
        pass
    assert HTTPAdapter.send is send or getattr(HTTPAdapter.send, "reinfer_link").previous is send  # noqa: B009 -- mypy does not know it
    assert responses.RequestsMock._on_request is on_request  # noqa: SLF001


# ------------------------------------------------------------------- retries: as from a real server doing the same

Plan = list["Response | Trouble"]
CUT = Trouble("connection_closed")
OK = Response(200, {"Content-Type": "application/json"}, b'{"status":"ok"}')


def status(code: int, **headers: str) -> Response:
    named = {name.replace("_", "-").title(): value for name, value in headers.items()}
    return Response(code, {"Content-Type": "application/json", **named}, b'{"status":"error","message":"x"}')


def as_planned(plan: Plan, asked: list[tuple[str, bytes]]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        asked.append((request.method, request.body))
        now = plan.pop(0)
        if isinstance(now, Trouble):
            raise now
        return now

    return answer


RETRIES: dict[str, tuple[Any, Plan]] = {
    "no retry, an error": (0, [status(503)]),
    "no retry, a cut": (0, [CUT]),
    "a count, cuts": (2, [CUT, CUT, OK]),
    "a count, too many cuts": (1, [CUT, CUT]),
    "a count, an error": (2, [status(503)]),
    "statuses": (Retry(3, status_forcelist=[503]), [status(503), status(503), OK]),
    "statuses, other": (Retry(3, status_forcelist=[503]), [status(500)]),
    "statuses, too many": (Retry(1, status_forcelist=[503]), [status(503), status(503)]),
    "statuses, none left, returned": (
        Retry(1, status_forcelist=[503], raise_on_status=False),
        [status(503), status(503)],
    ),
    "statuses, then a cut": (Retry(3, status_forcelist=[503]), [status(503), CUT, OK]),
    "a cut, then statuses": (Retry(3, status_forcelist=[503]), [CUT, status(503), OK]),
    "Retry-After": (Retry(3), [status(429, retry_after="0"), OK]),
    "Retry-After, not respected": (Retry(3, respect_retry_after_header=False), [status(429, retry_after="0")]),
    "Retry-After, of a 500": (Retry(3), [status(500, retry_after="0")]),
    "no reads": (Retry(3, read=0), [CUT]),
    "other limit": (Retry(3, status=1, status_forcelist=[503]), [status(503), status(503)]),
}


@pytest.mark.parametrize(("retries", "plan"), RETRIES.values(), ids=RETRIES.keys())
@pytest.mark.parametrize("method", ["GET", "PUT", "POST"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_retry_does_what_it_does_on_a_network(
    retries: Any,
    plan: Plan,
    method: str,
    stream: bool,  # noqa: FBT001 -- a parameter
) -> None:
    outcomes = []
    for world in (serving, in_process):
        asked: list[tuple[str, bytes]] = []
        if method == "POST":  # which urllib3 retries only if it is told to
            plan = [plan[0]]
        left = list(plan)
        with world(as_planned(left, asked)) as url, requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retries))
            try:
                response = session.request(method, url, data=b"body", stream=stream)
                outcome: Any = (
                    response.status_code,
                    response.content,
                    len(getattr(response.raw.retries, "history", ())),
                )
                outcome = outcome if stream else outcome[:2]
            except requests.RequestException as error:
                outcome = type(error), type(error.args[0])
        outcomes.append((outcome, asked, left))
    assert outcomes[0] == outcomes[1]


def test_a_cut_connection_is_the_clients_own_error_in_its_own_words(tenant: FakeTenant) -> None:
    with (
        in_process(as_planned([CUT], [])) as url,
        pytest.raises(requests.ConnectionError, match="Remote end closed connection without response"),
    ):
        requests.get(url)


def test_a_body_in_gzip_is_decoded_where_it_is_streamed() -> None:
    packed = Response(200, {"Content-Type": "application/json", "Content-Encoding": "gzip"}, gzip.compress(b"{}"))
    with in_process(as_planned([packed], [])) as url:
        assert requests.get(url, stream=True).content == b"{}"


@pytest.mark.parametrize("start", [0, 2])
def test_a_file_is_sent_again_as_often_as_a_retry_wants_it(start: int) -> None:
    for world in (serving, in_process):
        asked: list[tuple[str, bytes]] = []
        with world(as_planned([status(503), status(503), OK], asked)) as url, requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503])))
            file = io.BytesIO(b"--body")
            file.seek(start)
            assert session.put(url, data=file).status_code == 200
        assert [body for _, body in asked] == [b"--body"[start:]] * 3


def test_an_adapter_may_add_the_token(tenant: FakeTenant) -> None:
    class Auth(HTTPAdapter):
        def add_headers(self, request: Any, **_: Any) -> None:
            request.headers.update(tenant.headers)

    session = requests.Session()
    session.mount("https://", Auth())
    assert session.get(tenant.url + DATASETS).status_code == 200
    assert session.get(tenant.url + DATASETS, stream=True).status_code == 200
    assert len(tenant.requests) == 2


def test_an_adapter_that_pools_by_itself_reaches_the_tenant(tenant: FakeTenant) -> None:
    class ByAddress(HTTPAdapter):
        def get_connection_with_tls_context(self, *_: Any, **__: Any) -> Any:
            return self.poolmanager.connection_from_url("https://127.0.0.1:9")

    session = requests.Session()
    session.mount("https://", ByAddress())
    assert session.get(tenant.url + DATASETS, headers=tenant.headers).status_code == 200


def test_a_proxy_of_the_environment_is_not_asked(tenant: FakeTenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    for stream in (False, True):
        assert requests.get(tenant.url + DATASETS, headers=tenant.headers, stream=stream).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_an_adapter_may_send_requests_of_its_own_meanwhile(
    tenant: FakeTenant,
    stream: bool,  # noqa: FBT001 -- a parameter
) -> None:
    told: list[bytes] = []

    class Asking(HTTPAdapter):
        def add_headers(self, request: Any, **_: Any) -> None:
            told.append(requests.get(elsewhere, timeout=5).content)
            told.append(requests.get(tenant.url + DATASETS, stream=stream).content)
            request.headers.update(tenant.headers)

    with serving(lambda _: OK) as elsewhere, requests.Session() as session:
        session.mount("https://", Asking())
        assert session.get(tenant.url + DATASETS, stream=stream).json()["datasets"] == []
    assert told[0] == OK.body
    assert json.loads(told[1])["status"] == "error"
    assert [each.status for each in tenant.requests] == [401, 200]


def test_retries_can_be_counted_on_a_response_and_are_named_in_an_error(tenant: FakeTenant) -> None:
    response = requests.get(tenant.url + DATASETS, headers=tenant.headers)
    assert response.raw.retries is not None
    assert response.raw.retries.history == ()
    session = requests.Session()
    session.mount("https://", HTTPAdapter(max_retries=Retry(1, status_forcelist=[401])))
    with pytest.raises(
        requests.exceptions.RetryError, match=r"HTTPSConnectionPool\(host='acme.reinfer.io', port=443\)"
    ):
        session.get(tenant.url + DATASETS)
