"""The door for `httpx` and `httpx2`: its own responses, as from a real server."""

from __future__ import annotations

import asyncio
import io
import json
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any
from unittest import mock

import httpx
import httpx2
import pytest
from loopback import in_process, serving

from pytest_reinfer import FakeTenant
from pytest_reinfer.wire import Request, Response, Trouble

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

DATASETS = "/api/v1/datasets"
OK = Response(200, {"Content-Type": "text/plain; charset=latin-1", "X-One": "a, b"}, "Grüße".encode("latin-1"))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture(params=[httpx, httpx2], ids=["httpx", "httpx2"])
def package(request: pytest.FixtureRequest) -> Any:
    return request.param


def told(response: Any, raw: bytes) -> Any:
    """What there is to see of a response, whose raw body was read."""
    return (
        (response.status_code, response.reason_phrase, response.http_version, str(response.url), response.is_closed),
        (
            response.headers.raw,
            response.encoding,
            response.history,
            response.is_redirect,
            response.num_bytes_downloaded,
        ),
        (raw, response.request.method, response.elapsed.total_seconds() > 0),
    )


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("answer", [OK, Response(404, {}, b"no"), Response(204, {}, b""), Response(418, {}, b"tea")])
def test_an_answer_is_the_same_as_over_the_wire(package: Any, method: str, answer: Response) -> None:
    def streamed(url: str) -> Any:
        with package.Client(verify=False, timeout=5) as client, client.stream(method, url) as response:
            raw = b"".join(response.iter_raw())
        with pytest.raises(package.StreamConsumed):
            next(response.iter_raw())
        return told(response, raw)

    async def awaited(url: str) -> Any:
        async with package.AsyncClient(verify=False, timeout=5) as client, client.stream(method, url) as response:
            raw = b"".join([part async for part in response.aiter_raw()])
        return told(response, raw)

    def read(url: str) -> Any:
        with package.Client(verify=False, timeout=5) as client:
            response = client.request(method, url)
        return told(response, response.content), response.text

    def wired(_: Request) -> Response:
        raise Trouble(response=answer)

    calls: list[Callable[[str], Any]] = [streamed, lambda url: asyncio.run(awaited(url)), read]
    with serving(lambda request: answer._replace(body=b"") if request.method == "HEAD" else answer) as url:
        real = [call(url) for call in calls]
        with in_process(lambda _: answer, url):
            assert [call(url) for call in calls] == real
        with in_process(wired, url):
            assert [call(url) for call in calls] == real


def _bodies(body: bytes) -> dict[str, Any]:
    def parts() -> Iterator[bytes]:
        yield body[:5]
        yield body[5:]

    return {"bytes": body, "text": body.decode(), "file": io.BytesIO(body), "generator": parts()}


async def _awaited(body: bytes) -> AsyncIterator[bytes]:
    yield body[:5]
    yield body[5:]


@pytest.mark.parametrize("kind", ["bytes", "text", "file", "generator"])
@pytest.mark.parametrize("fault", [None, "slow_body"])
def test_any_body_that_it_can_send_arrives(package: Any, tenant: FakeTenant, kind: str, fault: str | None) -> None:
    tenant.add_project("acme")
    body = json.dumps({"dataset": {"title": "a title"}}).encode()
    headers = {**tenant.headers, "Content-Type": "application/json"}
    url = f"{tenant.url}{DATASETS}/acme/new"
    if fault:
        tenant.fail(fault, phase="after")
    response = package.put(url, content=_bodies(body)[kind], headers=headers, timeout=30, verify=False)
    assert response.json()["dataset"]["title"] == "a title"
    assert tenant.requests[-1].json == json.loads(body)


@pytest.mark.parametrize("fault", [None, "slow_body"])
def test_a_body_that_is_awaited_arrives(package: Any, tenant: FakeTenant, fault: str | None) -> None:
    async def call() -> Any:
        headers = {**tenant.headers, "Content-Type": "application/json"}
        async with package.AsyncClient(verify=False, timeout=30) as client:
            return await client.put(f"{tenant.url}{DATASETS}/acme/new", content=_awaited(body), headers=headers)

    tenant.add_project("acme")
    body = json.dumps({"dataset": {"title": "a title"}}).encode()
    if fault:
        tenant.fail(fault, phase="after")
    assert asyncio.run(call()).json()["dataset"]["title"] == "a title"


def test_a_form_with_files_arrives_as_on_a_network(package: Any) -> None:
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        requests.append(request)
        return OK

    def send(url: str) -> None:
        boundary = {"Content-Type": "multipart/form-data; boundary=xyz"}
        files = {"file": ("a.txt", io.BytesIO(b"of a file"), "text/plain")}
        with package.Client(verify=False, timeout=5) as client:
            client.post(url, data={"a": "ü"}, files=files, headers=boundary)

    with serving(answer) as url:
        send(url)
        with in_process(answer, url):
            send(url)
    real, ours = requests
    assert real == ours
    assert b"of a file" in ours.body


def test_headers_of_one_name_and_cookies_arrive_as_one(package: Any) -> None:
    requests: list[Request] = []

    def answer(request: Request) -> Response:
        requests.append(request)
        return OK

    with in_process(answer) as url, package.Client(verify=False, cookies={"a": "1"}, auth=("me", "you")) as client:
        client.get(url, headers=[("X-Twice", "a"), ("x-twice", "b")])
    (request,) = requests
    assert (request.headers["x-twice"], request.headers["cookie"]) == ("a, b", "a=1")
    assert request.headers["authorization"].startswith("Basic ")


def test_a_body_that_cannot_be_sent_again_is_not(package: Any) -> None:
    away = Response(307, {"Location": "/there"}, b"")
    with (
        in_process(lambda _: away) as url,
        package.Client(verify=False, follow_redirects=True) as client,
        pytest.raises(package.StreamConsumed),
    ):
        client.post(url, content=(part for part in (b"once",)))


def test_a_gzip_is_unpacked_by_the_client(package: Any) -> None:
    packed = Response(200, {"Content-Encoding": "gzip"}, b"no gzip")
    with in_process(lambda _: packed) as url, pytest.raises(package.DecodingError):
        package.get(url, verify=False)


def test_a_transport_of_the_users_own_is_left_alone(package: Any, tenant: FakeTenant) -> None:
    transport = package.MockTransport(lambda _: package.Response(202))
    with package.Client(transport=transport) as client:
        assert client.get(tenant.url).status_code == 202
    mounts = {"all://stubbed.example": transport}
    with package.Client(mounts=mounts, verify=False) as client:
        assert client.get("https://stubbed.example").status_code == 202
        assert client.get(tenant.url + DATASETS, headers=tenant.headers).status_code == 200


def test_a_transport_that_is_built_on_its_own_is_answered(package: Any, tenant: FakeTenant) -> None:
    class Counting(package.HTTPTransport):  # type: ignore[misc]
        """Counts what goes through."""

        count = 0

        def handle_request(self, request: Any) -> Any:
            self.count += 1
            return super().handle_request(request)

    tenant.fail("slow_body")
    with package.Client(transport=Counting(verify=False), timeout=30) as client:
        for _ in range(2):
            assert client.get(tenant.url + DATASETS, headers=tenant.headers).status_code == 200
    assert tenant.asked == 2


@pytest.mark.parametrize("inside", [True, False])
def test_a_patch_of_the_transport_keeps_what_it_answers(package: Any, inside: bool) -> None:  # noqa: FBT001
    real: list[Any] = []

    def patched(transport: Any, request: Any) -> Any:
        if request.url.path == "/stub" or request.url.host == "other.example":
            return package.Response(202)
        return real[0](transport, request)

    def patch() -> Any:
        real[:] = [package.HTTPTransport.handle_request]
        return mock.patch.object(package.HTTPTransport, "handle_request", patched)

    tenant = FakeTenant("https://tenant.example", unknown_routes="allow")
    untouched = package.HTTPTransport.handle_request
    with package.Client(verify=False) as client:
        if inside:
            with tenant, patch():
                statuses = [client.get(tenant.url + path).status_code for path in ("/stub", DATASETS)]
                assert client.get("https://other.example").status_code == 202
        else:
            with patch(), tenant:
                statuses = [client.get(tenant.url + path).status_code for path in ("/stub", DATASETS)]
                assert client.get("https://other.example").status_code == 202
    assert statuses == [202 if inside else 401, 401]
    assert package.HTTPTransport.handle_request is untouched


def test_a_proxy_is_not_asked(package: Any, tenant: FakeTenant) -> None:
    with package.Client(proxy="http://127.0.0.1:9", verify=False) as client:
        assert client.get(tenant.url + DATASETS, headers=tenant.headers).status_code == 200
        tenant.fail("connection_reset")
        with pytest.raises(package.ReadError):
            client.get(tenant.url + DATASETS, headers=tenant.headers)


def test_a_connection_of_the_network_that_is_kept_alive_stays_as_it_is(package: Any) -> None:
    kept = Response(200, {"Content-Length": "4"}, b"real")
    asked: list[Request] = []

    def answer(request: Request) -> Response:
        asked.append(request)
        return kept

    def fails(_: Request) -> Response:
        raise Trouble("connection_reset")

    with serving(answer) as url, package.Client(verify=False, timeout=5) as client:
        assert client.get(url).text == "real"
        with in_process(fails, url), pytest.raises(package.ReadError):
            client.get(url)
        assert client.get(url).text == "real"
    assert len(asked) == 2


def test_calls_of_one_event_loop_run_beside_each_other(package: Any, tenant: FakeTenant) -> None:
    tenant.add_dataset("acme/support", comments=9)
    tenant.fail("slow_body", nth=3).then("reset_mid_body", nth=2)

    async def work() -> list[Any]:
        async with package.AsyncClient(verify=False, timeout=60) as client:
            url = f"{tenant.url}{DATASETS}/acme/support/export"
            calls = [client.post(url, json={"limit": number + 1}, headers=tenant.headers) for number in range(8)]
            return await asyncio.gather(*calls, return_exceptions=True)

    got = asyncio.run(work())
    failed = [each for each in got if isinstance(each, Exception)]
    assert [type(each) for each in failed] == [package.ReadError]
    sizes = [len(each.json()["comments"]) for each in got if not isinstance(each, Exception)]
    assert len(sizes) == len(set(sizes)) == 7


def test_it_works_in_trio_as_well(package: Any, tenant: FakeTenant) -> None:
    trio = pytest.importorskip("trio")

    async def call() -> Any:
        transport = package.AsyncHTTPTransport(retries=1, verify=False)
        async with package.AsyncClient(transport=transport, timeout=5) as client:
            return await client.get(tenant.url + DATASETS, headers=tenant.headers)

    assert trio.run(call).status_code == 200
    tenant.fail("connection_refused").then("read_timeout")
    with pytest.raises(package.ReadTimeout):
        trio.run(call)
    assert len(tenant.requests) == 3


# ------------------------------------------------------------------------------------------------------------ respx


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("awaited", [True, False])
def test_a_stub_of_respx_goes_before_the_tenant_which_gets_the_rest(inside: bool, awaited: bool) -> None:  # noqa: FBT001
    respx = pytest.importorskip("respx")
    tenant = FakeTenant()

    def send(method: str, url: str, content: bytes = b"") -> Any:
        async def call() -> Any:
            async with httpx.AsyncClient(timeout=30) as client:
                return await client.request(method, url, content=_awaited(content), headers=tenant.headers)

        if awaited:
            return asyncio.run(call())
        with httpx.Client(timeout=30) as client:
            return client.request(method, url, content=iter([content]), headers=tenant.headers)

    router = respx.mock(assert_all_called=True)
    with ExitStack() as stack:
        for each in (tenant, router) if inside else (router, tenant):
            stack.enter_context(each)
        router.post(f"{tenant.url}/api/v1/projects", json={"a": 1}).mock(return_value=httpx.Response(201))
        router.get("https://other.example/").mock(return_value=httpx.Response(202))
        assert send("POST", f"{tenant.url}/api/v1/projects", b'{"a": 1}').status_code == 201
        assert send("GET", "https://other.example/").status_code == 202
        assert send("GET", tenant.url + DATASETS).json()["datasets"] == []
        tenant.fail("slow_body").then("reset_mid_body")
        assert send("GET", tenant.url + DATASETS).json()["datasets"] == []
        with pytest.raises(httpx.ReadError):
            send("GET", tenant.url + DATASETS)
        with pytest.raises(AssertionError, match="not mocked"):
            send("GET", "https://more.example/")


@pytest.mark.parametrize("package", [httpx, httpx2])
def test_others_have_a_turn_while_an_answer_is_awaited(tenant: FakeTenant, package: Any) -> None:
    tenant.add_dataset("acme/support", title="0")
    url = f"{tenant.url}/api/v1/datasets/acme/support"

    async def one_more(client: Any) -> None:
        title = (await client.get(url)).json()["dataset"]["title"]
        await client.post(url, json={"dataset": {"title": str(int(title) + 1)}})

    async def for_ever(client: Any) -> None:
        while True:
            await client.get(url)

    async def work() -> None:
        async with package.AsyncClient(headers=tenant.headers, verify=False) as client:
            await asyncio.gather(*(one_more(client) for _ in range(10)))
            asked = tenant.asked
            task = asyncio.create_task(client.get(url))
            await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert tenant.asked == asked
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(for_ever(client), 0.05)

    asyncio.run(work())
    assert tenant.dataset("acme/support").title == "1"  # as on a network, updates are lost
