"""What a test asked of a tenant that no test should: kept until its end, and told with what to do about it."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple
from urllib.parse import unquote

from pytest_reinfer import contract

if TYPE_CHECKING:
    from pytest_reinfer.wire import Request

Policy = Literal["fail", "allow"]
MEANT = (
    'If the test means to ask for it, allow it: by @pytest.mark.reinfer(unknown_routes="allow") for the fixture, by '
    'unknown_routes="allow" for a tenant that the test makes or draws.'
)
MOST = 100  # so many different requests are told apart


class UnexpectedRequests(AssertionError):
    """The test asked for routes that the API does not have, or that the fake does not build."""


class WouldHang(AssertionError):
    """A client without a timeout waits for what never comes: on a network the test would not end."""


class _Asked(NamedTuple):
    method: str
    path: str
    what: str


class Unexpected:
    """The unexpected requests since the last telling. `unknown_routes` and `unbuilt_routes` say what is let pass."""

    def __init__(self, unknown_routes: Policy, unbuilt_routes: Policy) -> None:
        self._told = _told(unknown_routes, unbuilt_routes)
        self._asked: Counter[_Asked] = Counter()
        self._stopped: list[str] = []
        self._crash: BaseException | None = None

    def lets_pass(self, what: str) -> bool:
        """Whether the test says that it means requests of which this becomes."""
        return what not in self._told

    def add(self, request: Request, what: str | None, route: str | None = None) -> None:
        """Remember a request for a route and what became of it, where that is to be told."""
        if what == "unauthorized" and route is None:
            what = "unknown_route"
        if what is None or what not in self._told:
            return
        asked = _Asked(request.method, unquote(request.path), what)
        if asked in self._asked or len(self._asked) < MOST:
            self._asked[asked] += 1

    def stop(self, message: str) -> None:
        """Remember that somebody was kept from reaching the tenant's host over the network."""
        if message not in self._stopped and len(self._stopped) < MOST:
            self._stopped.append(message)

    def stray(self, request: Request, url: str) -> None:
        """Remember a request to the port of a tenant that is below no tenant's URL, where that is to be told."""
        if "unknown_route" in self._told:
            self.stop(
                f"{request.method} {unquote(request.path)}: no tenant is at this path, and the answer was 404.\n"
                f"The tenant of the test is at {url}, all of which goes before a path of the API; `urljoin` drops its "
                f"path.\n{MEANT}"
            )

    def crash(self, request: Request, error: BaseException) -> None:
        """Remember that the fake itself failed over a request."""
        self._crash = self._crash or error
        self.add(request, "crash")

    def interrupted(self, request: Request, error: BaseException) -> None:
        """Remember that a function of the test's own failed, called while a request was answered."""
        self._crash = self._crash or error
        self.add(request, "interrupted")

    def take(self) -> UnexpectedRequests | None:
        """The error that tells them, and nothing left to tell; None where there is nothing."""
        asked, stopped, crash = self._asked, self._stopped, self._crash
        self._asked, self._stopped, self._crash = Counter(), [], None
        if not asked and not stopped:
            return None
        told = [_paragraph(request, times) for request, times in asked.items()]
        if told:
            wrongly = {each.what for each in asked} - {"crash", "interrupted"}
            head = "The code under test asked the tenant for what it should not:"
            told.insert(0, head if wrongly else "While the tenant answered:")
        error = UnexpectedRequests("\n\n".join(told + stopped))
        error.__cause__ = crash
        return error


@cache
def _told(unknown_routes: Policy, unbuilt_routes: Policy) -> frozenset[str]:
    """What is told under two policies."""
    policies = {
        **dict.fromkeys(("unknown_route", "wrong_method"), unknown_routes),
        **dict.fromkeys(("unbuilt_route", "unbuilt_part"), unbuilt_routes),
    }
    for policy in policies.values():
        if policy not in ("fail", "allow"):
            raise ValueError(f"unknown_routes and unbuilt_routes are 'fail' or 'allow', not {policy!r}.")
    return frozenset({what for what, policy in policies.items() if policy == "fail"} | {"crash", "interrupted"})


def _paragraph(asked: _Asked, times: int) -> str:
    often = "" if times == 1 else f"  ({times} times)"
    lines = {
        "unknown_route": ["The API has no such route."],
        "wrong_method": ["The API has this path, but not with this method: it answered 405."],
        "unbuilt_route": [
            "The API has this route, but pytest-reinfer does not build it: the call raised RouteNotBuilt."
        ],
        "unbuilt_part": [
            "It asked for what pytest-reinfer does not build; the call raised RouteNotBuilt, and says what."
        ],
        "interrupted": ["A function that the test gave, to be called here, raised: its traceback is above."],
        "crash": ["pytest-reinfer itself failed over this request: a bug of ours, its traceback is above."],
    }[asked.what]
    if asked.what not in ("crash", "interrupted", "unbuilt_part"):
        lines += ["The nearest routes:"]
        lines += [
            f"  {route}{'' if route.built else '  (not built)'}" for route in contract.nearest(asked.method, asked.path)
        ]
    unbuilt = (
        "To go on, stub this URL with `responses`: a stub of the test's own wins over the tenant. Or, where the "
        'code under test may see the exception, mark the test @pytest.mark.reinfer(unbuilt_routes="allow").'
    )
    remedy = {
        "unknown_route": MEANT,
        "wrong_method": MEANT,
        "unbuilt_route": unbuilt,
        "unbuilt_part": unbuilt,
        "interrupted": "",
        "crash": "",
    }[asked.what]
    return "\n  ".join([f"{asked.method} {asked.path}{often}", *lines, *([remedy] if remedy else [])])
