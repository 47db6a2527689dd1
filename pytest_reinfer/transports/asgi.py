"""The door for ASGI servers and clients: a tenant as an ASGI 3 application.

An application cannot end the connection that it answers on. Where `scope["extensions"]` has an ENDING, as in the server
of `reinfer_server`, it is done by that; anywhere else such trouble is refused in words.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from functools import lru_cache
from itertools import pairwise
from time import monotonic
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from pytest_reinfer import contract
from pytest_reinfer.wire import Request, Trouble

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping

    from pytest_reinfer.wire import Response

    Message = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[Message]]
    Send = Callable[[Message], Awaitable[None]]
    Answer = Callable[[Request], Response | Callable[[], Response]]
    Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

ENDING: Final = "pytest_reinfer.ending"  # an awaitable function of one of BROKEN, which ends the connection so
UNQUOTED: Final = "/!$&'()*+,;=:@~"  # what stands in a path as it is
EMPTY: Final = (204, 304)  # statuses without a body


def application(answer: Answer, base: str = "") -> Application:
    """An ASGI application that answers so, at the root, below any `root_path`, and below the path `base`.

    answer: gives a response, or a function that has it, to be called in a thread: it may wait for other requests.
    """
    most = contract.convention("x-max-body")["bytes"]

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await _lifespan(scope, receive, send)
        body = await _body(receive, most)
        if body is None:
            return None
        pairs = scope["headers"]
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}
        if len(headers) < len(pairs):
            headers = _joined(pairs)
        path = below(scope.get("raw_path"), scope["path"], scope.get("root_path", ""), base)
        request = Request(scope["method"], path, scope["query_string"].decode("latin-1"), headers, body)
        try:
            found = answer(request)
            response = await _in_a_thread(found, request, receive) if callable(found) else found
        except Trouble as trouble:
            return await _play(trouble, scope, receive, send)
        if response is not None:
            await send(_start(scope["method"], response))
            await send({"type": "http.response.body", "body": _sent(scope["method"], response)})
        return None

    return app


def below(raw_path: bytes | None, path: str, root: str, base: str) -> str:
    """The percent-encoded path below a root that an application is mounted at, and below a base.

    Without the path as it was sent it is encoded anew: what had no need of encoding has none then.
    """
    asked = raw_path.decode("latin-1") if raw_path else quote(path, UNQUOTED)
    for prefix in (root, base):
        if prefix:
            asked = _without(asked, prefix)
    return asked


def _without(asked: str, prefix: str) -> str:
    """A path without a prefix; as it is where it has another."""
    end = len(prefix)
    if not asked.startswith(prefix):
        segments = asked.split("/")[: prefix.count("/") + 1]
        end = len("/".join(segments))
        if unquote(asked[:end]) != unquote(prefix):
            return asked
    return asked[end:] or "/" if asked[end : end + 1] in ("", "/") else asked


def _joined(pairs: list[tuple[bytes, bytes]]) -> dict[str, str]:
    """Headers of which some come more than once."""
    headers: dict[str, str] = {}
    for name, value in pairs:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return headers


async def _body(receive: Receive, most: int) -> bytes | None:
    """The body of a request; of one that is too long, enough to show it. None where the client has gone."""
    message = await receive()
    if not message.get("more_body"):
        return None if message["type"] == "http.disconnect" else bytes(message.get("body", b"")[: most + 1])
    body = bytearray(message.get("body", b"")[: most + 1])
    while message.get("more_body"):
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")[: most + 1 - len(body)]
    return bytes(body)


def _start(method: str, response: Response) -> Message:
    """The head of an answer, with its length."""
    headers = [(_octets(name), text.encode("latin-1")) for name, text in response.headers.items()]
    if method != "HEAD" and response.status not in EMPTY and "Content-Length" not in response.headers:
        headers.append((b"content-length", b"%d" % len(response.body)))
    return {"type": "http.response.start", "status": response.status, "headers": headers}


@lru_cache(maxsize=256)
def _octets(name: str) -> bytes:
    """The name of a header, as ASGI has it."""
    return name.lower().encode("latin-1")


def _sent(method: str, response: Response) -> bytes:
    return b"" if method == "HEAD" or response.status in EMPTY else response.body


async def _lifespan(scope: Message, receive: Receive, send: Send) -> None:
    if scope["type"] != "lifespan":
        raise NotImplementedError(f"A tenant answers HTTP, and no {scope['type']}.")
    while True:
        step = (await receive())["type"]
        await send({"type": f"{step}.complete"})
        if step == "lifespan.shutdown":
            return


async def _in_a_thread(answer: Callable[[], Response], request: Request, receive: Receive) -> Response | None:
    """Answer in a thread, so that others are answered meanwhile; None where the client has gone."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[Response] = loop.create_future()

    def tell(response: Response | None, error: BaseException | None) -> None:
        if over.cancelled():
            return
        if error is not None:
            over.set_exception(error)
        elif response is not None:
            over.set_result(response)

    def work() -> None:
        response, problem = None, None
        try:
            response = answer()
        except BaseException as error:  # noqa: BLE001 -- it is raised where the answer is awaited
            problem = error
        with suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(tell, response, problem)

    threading.Thread(target=work, name=f"{request.method} {request.path}", daemon=True).start()
    gone = asyncio.ensure_future(_disconnected(receive))
    both: set[asyncio.Future[Any]] = {over, gone}
    await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
    gone.cancel()
    if over.done():
        return over.result()
    over.cancel()
    return None


# -------------------------------------------------------------------------------------------------------- trouble


async def _play(trouble: Trouble, scope: Message, receive: Receive, send: Send) -> None:
    """Let happen to the client's connection what a trouble says, in real time."""
    ending: Callable[[str], Awaitable[None]] | None = (scope.get("extensions") or {}).get(ENDING)
    if trouble.end and ending is None:
        raise trouble.hangs(cannot(trouble))
    if await _gone(receive, trouble.delay, trouble):
        return
    if trouble.response is not None:
        await send(_start(scope["method"], trouble.response))
        for part in parts(trouble, _sent(scope["method"], trouble.response)):
            if await _gone(receive, trouble.pace, trouble):
                return
            await send({"type": "http.response.body", "body": part, "more_body": True})
    if not trouble.end:
        await send({"type": "http.response.body", "body": b""})
    elif ending is not None:
        await ending(trouble.end)
        await _gone(receive, None, trouble)


def parts(trouble: Trouble, body: bytes) -> list[bytes]:
    """What comes of a body before the end, in the parts in which it comes."""
    ends = [len(body) * part // trouble.parts for part in range(trouble.parts + 1)]
    return [body[: trouble.at][start:stop] for start, stop in pairwise(ends)]


def cannot(trouble: Trouble) -> str:
    """Why a trouble is refused."""
    return (
        f"An application cannot bring about a {trouble.end}: the connection is its server's.\n"
        "The fixture `reinfer_server` has a server that resets, closes and keeps silent."
    )


async def _gone(receive: Receive, seconds: float | None, trouble: Trouble) -> bool:
    """Let so many seconds pass, None: all; whether the client goes meanwhile."""
    if seconds == 0:
        return False
    started, passed = monotonic(), seconds
    try:
        await asyncio.wait_for(_disconnected(receive), seconds)
    except TimeoutError:
        return False
    else:
        passed = None
        return True
    finally:
        trouble.passes(monotonic() - started if passed is None else passed)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        """Nothing else is of interest."""
