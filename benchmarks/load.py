"""Thirty-two clients at once that read and write: whether anything is lost, doubled or kept, and how fast they are."""

from __future__ import annotations

import gc
import http.client
import json
import multiprocessing
import os
import socket
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.harness import MILLI, Report, load, main, table
from pytest_reinfer import FakeTenant
from pytest_reinfer.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENTS, PROCESSES = 32, 2
IDS = 200  # different comments of each client
EXPORT, SYNC = "/api/v1/datasets/acme/support/export", "/api/v1/sources/acme/support/sync"
MOST_GROWTH = 8  # MiB, between the first quarter of the time and the end
OURS = "reinfer_server"


class Asked(NamedTuple):
    """What one client asks in turn: method, path, body."""

    method: str
    path: str
    body: bytes


class Told(NamedTuple):
    """What the clients of one process came to: answers, errors in words, seconds of each answer, and what they sent."""

    answers: int
    errors: list[str]
    took: list[float]
    sent: list[str]


class Target(NamedTuple):
    """A server to be asked: where, with which headers, and what each client asks in turn."""

    netloc: str
    headers: dict[str, str]
    ask: Callable[[int, int], Asked]


def ask_ours(client: int, turn: int) -> Asked:
    """Of ten requests one uploads a comment, one exports a page of 16, and eight get a dataset."""
    prefix = "/acme/test/reinfer_"
    if turn % 10 == 9:
        upload = {
            "id": name(client, turn),
            "timestamp": "2024-01-01T00:00:00Z",
            "messages": [{"body": {"text": f"turn {turn}"}}],
        }
        return Asked("POST", prefix + SYNC, json.dumps({"comments": [upload]}).encode())
    if turn % 10 == 4:
        return Asked("POST", prefix + EXPORT, b'{"limit":16}')
    return Asked("GET", prefix + "/api/v1/datasets/acme/support", b"")


def name(client: int, turn: int) -> str:
    """The id of the comment that a client writes: it comes again, so that the data does not grow."""
    return f"{client}.{turn // 10 % IDS}"


def ask_httpserver(client: int, turn: int) -> Asked:
    """The same requests, for answers that are ready."""
    method, path, body = ask_ours(client, turn)
    return Asked(method, path.removeprefix("/acme/test/reinfer_"), body)


def ask_moto(client: int, turn: int) -> Asked:
    """Objects of S3, put and got, one to nine."""
    if turn % 10 == 9:
        return Asked("PUT", f"/bucket/{name(client, turn)}", json.dumps({"turn": turn}).encode())
    return Asked("GET", "/bucket/seed", b"")


class Connection:
    """A connection that is kept where the server keeps it. No more is read of an answer than its end asks for."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._socket: socket.socket | None = None
        self._head = "".join(f"{key}: {value}\r\n" for key, value in {"Host": target.netloc, **target.headers}.items())

    def ask(self, asked: Asked) -> bytes:
        """The status of the answer, once all of it has come. ConnectionError where the server ends it before."""
        if self._socket is None:
            host, _, port = self._target.netloc.partition(":")
            self._socket = socket.create_connection((host, int(port)), timeout=30)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"{asked.method} {asked.path} HTTP/1.1\r\n{self._head}Content-Length: {len(asked.body)}\r\n\r\n"
        self._socket.sendall(head.encode() + asked.body)
        come = b""
        while (end := come.find(b"\r\n\r\n")) < 0:
            come += self._read()
        answered = come[:end].lower()
        size = int(answered.partition(b"content-length:")[2].partition(b"\r")[0])
        left = end + 4 + size - len(come)
        while left:
            left -= len(self._read())
        if b"connection: close" in answered:
            self.close()
        return come[9:12]

    def _read(self) -> bytes:
        found = b"" if self._socket is None else self._socket.recv(65_536)
        if not found:
            raise ConnectionError("the server has ended the connection")
        return found

    def close(self) -> None:
        """Close it, until the next request."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def clients(target: Target, numbers: range, until: float) -> Told:
    """Ask by so many clients, each on one connection that is kept where the server keeps it, until a moment."""

    def work(client: int) -> tuple[list[str], list[float], list[str]]:
        errors, took, sent = list[str](), list[float](), list[str]()
        connection = Connection(target)
        turn = 0
        while time.time() < until and not errors:
            asked = target.ask(client, turn)
            started = time.perf_counter()
            try:
                status = connection.ask(asked)
                if status != b"200":
                    errors.append(f"{asked.method} {asked.path}: {status!r}")
            except (OSError, ValueError) as error:
                errors.append(f"{asked.method} {asked.path}: {error!r}")
            took.append(time.perf_counter() - started)
            if turn % 10 == 9:
                sent.append(name(client, turn))
            turn += 1
        connection.close()
        return errors, took, sent

    with ThreadPoolExecutor(len(numbers)) as pool:
        found = list(pool.map(work, numbers))
    took = [each for _, part, _ in found for each in part]
    return Told(
        len(took),
        [each for part, _, _ in found for each in part],
        sorted(took),
        [each for _, _, part in found for each in part],
    )


def share(of: int) -> list[range]:
    """The numbers of the clients of each process."""
    return [range(start, of, PROCESSES) for start in range(PROCESSES)]


def run(target: Target, seconds: float) -> tuple[float, Told, list[float]]:
    """Requests per second, what the clients came to, and the memory of this process in MiB each half a second."""
    until = time.time() + seconds
    memory: list[float] = []
    with multiprocessing.get_context("forkserver").Pool(PROCESSES) as pool:
        pool.map(abs, range(PROCESSES))  # they are there
        until = time.time() + seconds
        started = time.perf_counter()
        pending = pool.starmap_async(clients, [(target, numbers, until) for numbers in share(CLIENTS)])
        while not pending.ready():
            pending.wait(0.5)
            memory.append(resident())
        parts = pending.get()
    took = time.perf_counter() - started
    every = Told(
        sum(part.answers for part in parts),
        [error for part in parts for error in part.errors],
        sorted(each for part in parts for each in part.took),
        [each for part in parts for each in part.sent],
    )
    return every.answers / took, every, memory


def resident() -> float:
    """Memory of this process, in MiB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGESIZE") / 2**20


@contextmanager
def ours() -> Iterator[tuple[Target, FakeTenant]]:
    """A tenant with 1000 comments on a server."""
    with Server() as server:
        tenant = FakeTenant(f"{server.url}/acme/test/reinfer_")
        server.plug(tenant)
        tenant.add_dataset("acme/support", comments=1000)
        headers = {**tenant.headers, "Content-Type": "application/json"}
        yield Target(urlsplit(server.url).netloc, headers, ask_ours), tenant


@contextmanager
def httpserver(peer: Any, target: Target) -> Iterator[Target]:
    """pytest-httpserver, threaded, with the answers of the tenant ready."""
    connection = http.client.HTTPConnection(target.netloc)
    other = peer.HTTPServer(threaded=True)
    other.start()
    for turn in (0, 4, 9):
        method, path, body = ask_ours(0, turn)
        connection.request(method, path, body, target.headers)
        answer = connection.getresponse().read()
        path = path.removeprefix("/acme/test/reinfer_")
        other.expect_request(path, method=method).respond_with_data(answer, content_type="application/json")
    connection.close()
    try:
        yield Target(urlsplit(other.url_for("/")).netloc, target.headers, ask_httpserver)
    finally:
        other.stop()


@contextmanager
def moto(peer: Any) -> Iterator[Target]:
    """The server of moto, with a bucket."""
    server = peer.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    netloc = "{}:{}".format(*server.get_host_and_port())
    headers = {
        "Authorization": "AWS4-HMAC-SHA256 "
        "Credential=x/20240101/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=x"
    }
    connection = http.client.HTTPConnection(netloc)
    for path, body in (("/bucket", b""), ("/bucket/seed", b"{}" * 200)):
        connection.request("PUT", path, body, headers)
        connection.getresponse().read()
    connection.close()
    try:
        yield Target(netloc, headers, ask_moto)
    finally:
        server.stop()


def measure(report: Report) -> None:
    """Ours for the whole time in one go, with all checks; then rounds of all, to compare by."""
    peers = {"pytest-httpserver": load("pytest_httpserver"), "moto": load("moto.server")}
    found: dict[str, list[tuple[float, Told]]] = {}
    with ExitStack() as stack:
        target, tenant = stack.enter_context(ours())
        rate, told, memory = run(target, report.seconds(20, 4))
        verify(report, tenant, told, memory)
        print(f"{rate:,.0f} requests/s; p99 {p99(told):.1f} ms.")
        targets = {OURS: target}
        if peers["pytest-httpserver"] is not None:
            other = stack.enter_context(httpserver(peers["pytest-httpserver"], target))
            targets["pytest-httpserver, answers ready"] = other
        if peers["moto"] is not None:
            targets["moto's server, S3"] = stack.enter_context(moto(peers["moto"]))
        for _ in range(2 if report.quick else 5):
            gc.collect()
            for name, each in targets.items():
                rate, told, _ = run(each, 2)
                found.setdefault(name, []).append((rate, told))
    table(
        (f"{CLIENTS} clients, 9 reads to 1 write", "requests/s", "p50, ms", "p99, ms", "errors"),
        [
            (
                name,
                f"{statistics.median(rate for rate, _ in rounds):,.0f}",
                f"{statistics.median(statistics.median(told.took) for _, told in rounds) * MILLI:.1f}",
                f"{statistics.median(p99(told) for _, told in rounds):.1f}",
                sum(len(told.errors) for _, told in rounds),
            )
            for name, rounds in found.items()
        ],
    )
    for name, rounds in found.items():
        if name != OURS:
            times = statistics.median(mine[0] / its[0] for mine, its in zip(found[OURS], rounds, strict=True))
            report.at_least(f"{CLIENTS} clients, x {name}", times, 3)


def p99(told: Told) -> float:
    """The time, in ms, that one answer in a hundred took longer than."""
    return told.took[int(len(told.took) * 0.99)] * MILLI


def verify(report: Report, tenant: FakeTenant, told: Told, memory: list[float]) -> None:
    """Nothing has failed, nothing is lost or there twice, and nothing grows."""
    stored = [each["id"] for each in tenant.comments("acme/support")]
    sent = set(told.sent)
    seeded = len([each for each in stored if each not in sent])
    for error in told.errors[:3]:
        print(f"  {error}")
    lost, doubled = len(sent - set(stored)), len(stored) - len(set(stored))
    logged = len(tenant.requests) + tenant.requests.forgotten
    print(f"{told.answers:,} answers to {CLIENTS} clients, {len(told.sent):,} uploads of {len(sent):,} comments.")
    report.target("errors", len(told.errors), 0, "d")
    report.target("comments lost or doubled", lost + doubled + abs(seeded - 1000), 0, "d")
    report.target("answers and the log's count differ by", abs(logged - told.answers), 0, "d")
    report.target("requests that the log keeps", len(tenant.requests), 10_000, "d")
    quarter = memory[len(memory) // 4 :]
    report.target(
        "memory grows after a quarter of the time, MiB", max(0.0, quarter[-1] - quarter[0]), MOST_GROWTH, ".1f"
    )


if __name__ == "__main__":
    main("7l", "The live server under load", measure)
