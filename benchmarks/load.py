"""Thirty-two clients at once that read and write: whether anything is lost, doubled or kept, and how fast they are."""

from __future__ import annotations

import gc
import http.client
import json
import multiprocessing
import os
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.harness import MILLI, Report, load, main, table
from pytest_reinfer import FakeTenant
from pytest_reinfer.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CLIENTS, PROCESSES = 32, 2
IDS = 200  # different comments of each client: they are uploaded again and again, so that the data does not grow
EXPORT, SYNC = "/api/v1/datasets/acme/support/export", "/api/v1/sources/acme/support/sync"
MOST_GROWTH = 8  # MiB, between the first quarter of the time and the end
OURS = "reinfer_server"


class Asked(NamedTuple):
    """What one client asks in turn: method, path, body."""

    method: str
    path: str
    body: bytes | None


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
    """Three reads, and an upload of one comment."""
    prefix = "/acme/test/reinfer_"
    if turn % 4 == 3:
        upload = {
            "id": f"{client}.{turn // 4 % IDS}",
            "timestamp": "2024-01-01T00:00:00Z",
            "messages": [{"body": {"text": f"turn {turn}"}}],
        }
        return Asked("POST", prefix + SYNC, json.dumps({"comments": [upload]}).encode())
    if turn % 4 == 1:
        return Asked("POST", prefix + EXPORT, b'{"limit":16}')
    return Asked("GET", prefix + "/api/v1/datasets/acme/support", None)


def ask_httpserver(client: int, turn: int) -> Asked:
    """The same requests, for answers that are ready."""
    method, path, body = ask_ours(client, turn)
    return Asked(method, path.removeprefix("/acme/test/reinfer_"), body)


def ask_moto(client: int, turn: int) -> Asked:
    """Objects of S3, put and got, in the same shares."""
    if turn % 4 == 3:
        return Asked("PUT", f"/bucket/{client}.{turn // 4 % IDS}", json.dumps({"turn": turn}).encode())
    return Asked("GET", "/bucket/seed", None)


def clients(target: Target, numbers: range, until: float) -> Told:
    """Ask by so many clients, each on one connection that is kept where the server keeps it, until a moment."""

    def work(client: int) -> tuple[list[str], list[float], list[str]]:
        errors, took, sent = list[str](), list[float](), list[str]()
        connection = http.client.HTTPConnection(target.netloc, timeout=30)
        turn = 0
        while time.time() < until and not errors:
            method, path, body = target.ask(client, turn)
            started = time.perf_counter()
            try:
                connection.request(method, path, body, target.headers)
                response = connection.getresponse()
                answer = response.read()
                if response.status != 200:
                    errors.append(f"{response.status} {answer[:200]!r}")
            except OSError as error:
                errors.append(repr(error))
            took.append(time.perf_counter() - started)
            if turn % 4 == 3:
                sent.append(f"{client}.{turn // 4 % IDS}")
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
    for turn in range(4):
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
    """Ours for the whole time in one go; its peers, in between, for as long as tells their speed."""
    seconds = report.seconds(20, 4)
    peers = {
        name: load(module) for name, module in (("pytest-httpserver", "pytest_httpserver"), ("moto", "moto.server"))
    }
    rows, rates = [], {}
    with ours() as (target, tenant):
        contexts: dict[str, Any] = {OURS: lambda: None}
        if peers["pytest-httpserver"] is not None:
            contexts["pytest-httpserver, answers ready"] = lambda: httpserver(peers["pytest-httpserver"], target)
        if peers["moto"] is not None:
            contexts["moto's server, S3"] = lambda: moto(peers["moto"])
        for name, make in contexts.items():
            gc.collect()
            if name == OURS:
                rate, told, memory = run(target, seconds)
                verify(report, tenant, told, memory)
            else:
                with make() as other:
                    rate, told, _ = run(other, min(seconds, 8))
            rates[name] = rate
            p99 = told.took[int(len(told.took) * 0.99)] * MILLI
            rows.append(
                (name, f"{rate:,.0f}", f"{statistics.median(told.took) * MILLI:.1f}", f"{p99:.1f}", len(told.errors))
            )
    table((f"{CLIENTS} clients, 3 reads to 1 write", "requests/s", "p50, ms", "p99, ms", "errors"), rows)
    for name, rate in rates.items():
        if name != OURS:
            report.at_least(f"{CLIENTS} clients, x {name}", rates[OURS] / rate, 3)


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
