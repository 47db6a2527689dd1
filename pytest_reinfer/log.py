"""What was asked of a tenant, and the assertions about it."""

from __future__ import annotations

import json
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple, overload
from urllib.parse import parse_qs, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.wire import Request

MOST = 10_000  # so many requests are remembered; of more, the latest
SHOWN = 20  # so many of them a failure shows


class LoggedRequest(NamedTuple):
    """One request that reached the tenant, and what came of it.

    `target` is the path as it was sent, `arguments` the query string; `status`, `route` and `permission` are None where
    there was no answer, no match, or no permission granted. `body` is what was sent, None where it was longer than the
    log keeps.
    """

    method: str
    target: str
    arguments: str
    body: bytes | None
    status: int | None
    route: str | None
    permission: str | None
    fault: str | None = None

    @property
    def path(self) -> str:
        """The path, percent-decoded."""
        return unquote(self.target)

    @property
    def query(self) -> dict[str, list[str]]:
        """The names in the query, each with its values."""
        return parse_qs(self.arguments, keep_blank_values=True)

    @property
    def json(self) -> Any:
        """The JSON that was sent; None for an empty body, and for one that is no JSON."""
        if self.body is None:
            raise ValueError("This body is longer than the log keeps. Ask for more: FakeTenant(log_bodies=...).")
        try:
            return json.loads(self.body) if self.body else None
        except ValueError:
            return None

    def __str__(self) -> str:
        sent = "" if not self.body else f"  {self.body.decode(errors='replace'):.120}"
        met = "" if self.fault is None else f"  by {self.fault}"
        return f"{self.method} {self.path} -> {self.status or 'no answer'}{met}  [{self.route or 'no route'}]{sent}"


class Log:
    """The requests in the order they were answered: a sequence that forgets the oldest beyond a bound."""

    def __init__(self, body_bytes: int) -> None:
        self._body_bytes = body_bytes
        self._entries: deque[LoggedRequest] = deque(maxlen=MOST)
        self.permissions: dict[str, None] = {}  # in the order of their first use
        self.forgotten = 0

    def add(
        self,
        request: Request,
        status: int | None = None,
        route: str | None = None,
        permission: str | None = None,
        fault: str | None = None,
    ) -> None:
        """Remember a request and what came of it, as far as anything did; no header and no answer is kept."""
        self.forgotten += len(self._entries) == MOST
        method, path, query, _, body = request
        kept = body if len(body) <= self._body_bytes else None
        if permission is not None and permission not in self.permissions:
            self.permissions[permission] = None
        self._entries.append(LoggedRequest(method, path, query, kept, status, route, permission, fault))

    def clear(self) -> None:
        """Forget all requests."""
        self._entries.clear()
        self.permissions.clear()
        self.forgotten = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[LoggedRequest]:
        return iter(tuple(self._entries))

    @overload
    def __getitem__(self, index: int) -> LoggedRequest: ...
    @overload
    def __getitem__(self, index: slice) -> list[LoggedRequest]: ...
    def __getitem__(self, index: int | slice) -> LoggedRequest | list[LoggedRequest]:
        return list(self._entries)[index] if isinstance(index, slice) else self._entries[index]

    def __repr__(self) -> str:
        return f"<{len(self)} requests>\n{self._listing()}" if self._entries else "<0 requests>"

    def _listing(self) -> str:
        shown = list(self._entries)[-SHOWN:]
        hidden = len(self._entries) + self.forgotten - len(shown)
        lines = [f"  {number}. {entry}" for number, entry in enumerate(shown, start=hidden + 1)]
        return "\n".join([f"  ... {hidden} earlier ones"] * bool(hidden) + lines) or "  nothing"

    def assert_requested(self, route: str | None, times: int | None, expected: dict[str, Any]) -> list[LoggedRequest]:
        """The requests of a route that are as expected; AssertionError unless there are as many as asked."""
        found = [entry for entry in self if not _differences(entry, route, expected)]
        if len(found) == times if times is not None else found:
            return found
        wanted = ", ".join([route or "any route", *(f"{name}={value!r}" for name, value in expected.items())])
        often = "at least once" if times is None else f"{times} time{'s' * (times != 1)}"
        lines = [f"Expected {often}: {wanted}", f"Asked {len(found)} time{'s' * (len(found) != 1)}. All requests:"]
        lines.append(self._listing())
        others = [(entry, _differences(entry, route, expected)) for entry in self]
        near = min((each for each in others if each[1]), key=lambda each: len(each[1]), default=None)
        if near is not None and (times is None or len(found) < times):
            lines += [f"The nearest is {near[0]}", *(f"  {difference}" for difference in near[1])]
        raise AssertionError("\n".join(lines))


def _differences(entry: LoggedRequest, route: str | None, expected: dict[str, Any]) -> list[str]:
    """What of a request is not as expected, as `expected x, got y`."""
    wanted = expected if route is None else {"route": route, **expected}
    return [
        f"{name}: expected {value!r}, got {getattr(entry, name)!r}"
        for name, value in wanted.items()
        if not fits(value, getattr(entry, name))
    ]


def fits(expected: Any, got: Any) -> bool:
    """Whether a value is as expected; of an object only the expected keys are looked at, at every depth."""
    if isinstance(expected, dict) and isinstance(got, dict):
        return all(key in got and fits(value, got[key]) for key, value in expected.items())
    return bool(expected == got)
