"""The live server beside pytest-httpserver: requests per second, p99, and how long it takes to stop."""

from __future__ import annotations

import http.client
import random
import re
import shutil
import socket
import statistics
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.harness import MILLI, Report, load, main, table
from pytest_reinfer import FakeTenant
from pytest_reinfer.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator

PATH = "/api/v1/datasets/acme/support"
OURS, PEER = "reinfer_server", "pytest-httpserver, the same body ready"
CONNECTIONS = (1, 8)
STOPS = 20


@dataclass
class Found:
    """What rounds of one server with so many connections came to; p99 in seconds."""

    rates: list[float] = field(default_factory=list)
    p99s: list[float] = field(default_factory=list)


def by_wrk(url: str, headers: dict[str, str], connections: int, seconds: float) -> tuple[float, float]:
    """Requests per second and p99 in seconds, as wrk has it."""
    given = [each for name, value in headers.items() for each in ("-H", f"{name}: {value}")]
    command = ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--latency", *given, url]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    wrong = re.search(r"Non-2xx.*|Socket errors.*", told)
    if wrong:
        raise RuntimeError(f"{url}: {wrong[0]}")
    value, unit = re.search(r"99%\s+([\d.]+)(us|ms|s)", told).groups()  # type: ignore[union-attr] # it is always there
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])  # type: ignore[index]
    return rate, float(value) * {"us": 1e-6, "ms": 1e-3, "s": 1}[unit]


def by_threads(url: str, headers: dict[str, str], connections: int, seconds: float) -> tuple[float, float]:
    """The same by threads of this process, which take a good part of the time themselves."""
    parts = urlsplit(url)
    until = time.perf_counter() + seconds

    def work(_: int) -> Iterator[float]:
        connection = http.client.HTTPConnection(parts.netloc)
        while (started := time.perf_counter()) < until:
            connection.request("GET", parts.path, headers=headers)
            response = connection.getresponse()
            if response.status != 200 or not response.read():
                raise RuntimeError(f"{url}: {response.status}")
            yield time.perf_counter() - started
        connection.close()

    with ThreadPoolExecutor(connections) as pool:
        took = [each for found in pool.map(lambda number: list(work(number)), range(connections)) for each in found]
    return len(took) / seconds, statistics.quantiles(took, n=100)[-1]


def stopping() -> list[float]:
    """Seconds that a server takes to stop that has a connection which is kept, and one that waits for an answer."""
    took = []
    for _ in range(STOPS):
        with ExitStack() as stack:
            server = Server().start()
            tenant = FakeTenant(f"{server.url}/acme")
            server.plug(tenant)
            tenant.fail("read_timeout")
            for path in ("", "/acme"):
                address = urlsplit(server.url)
                client = stack.enter_context(socket.create_connection((address.hostname, address.port)))
                client.sendall(f"GET {path}{PATH} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
                if not path:
                    client.recv(1000)
            while not tenant.requests:
                time.sleep(0.001)
            started = time.perf_counter()
            server.close()
            took.append(time.perf_counter() - started)
    return took


def measure(report: Report) -> None:
    """Rounds in a new random order each; of each server the median."""
    peer: Any = load("pytest_httpserver")
    if peer is None:
        return
    load_it = by_wrk if shutil.which("wrk") else by_threads
    print(f"Asked by {'wrk -t1' if load_it is by_wrk else 'threads of this process (wrk is not there)'}.")
    found = {(name, number): Found() for name in (OURS, PEER) for number in CONNECTIONS}
    with Server() as server:
        tenant = FakeTenant(f"{server.url}/acme/test/reinfer_")
        server.plug(tenant)
        tenant.add_dataset("acme/support", comments=10)
        connection = http.client.HTTPConnection(urlsplit(server.url).netloc)
        connection.request("GET", urlsplit(tenant.url + PATH).path, headers=tenant.headers)
        body = connection.getresponse().read()
        connection.close()
        other = peer.HTTPServer()
        other.start()
        other.expect_request(PATH).respond_with_data(body, content_type="application/json")
        urls = {OURS: tenant.url + PATH, PEER: other.url_for(PATH)}
        rng = random.Random(1)  # noqa: S311 -- an order
        for _ in range(4 if report.quick else 15):
            for name, number in rng.sample(list(found), len(found)):
                rate, p99 = load_it(urls[name], tenant.headers, number, report.seconds(1, 1))
                found[name, number].rates.append(rate)
                found[name, number].p99s.append(p99)
                other.clear_log()
        other.stop()
    stops = stopping()
    table(
        ("GET of one dataset, keep-alive", "connections", "requests/s", "x pytest-httpserver", "p99, ms"),
        [
            (
                name,
                number,
                f"{statistics.median(each.rates):,.0f}",
                f"{times(found, name, number):.2f}",
                f"{statistics.median(each.p99s) * MILLI:.2f}",
            )
            for (name, number), each in found.items()
        ],
    )
    report.at_least("one connection, x pytest-httpserver", times(found, OURS, 1), 2)
    report.at_least("eight connections, x pytest-httpserver", times(found, OURS, 8), 4)
    for number in CONNECTIONS:
        p99 = statistics.median(found[OURS, number].p99s) * MILLI
        report.target(f"p99 with {number} connection{'s' * (number > 1)}, ms", p99, 5, ".2f")
    report.target(f"stop, the slowest of {STOPS}, ms", max(stops) * MILLI, 50, ".1f")


def times(found: dict[tuple[str, int], Found], name: str, number: int) -> float:
    """How many times as fast as the peer: the median over the rounds, each by itself."""
    pairs = zip(found[name, number].rates, found[PEER, number].rates, strict=True)
    return statistics.median(ours / theirs for ours, theirs in pairs)


if __name__ == "__main__":
    main("7s", "The live server", measure)
