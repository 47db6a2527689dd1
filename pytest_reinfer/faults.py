"""Failures on demand, as plain values: what goes wrong, for which requests, when and how often.

`fail(503, times=2, route="export_dataset").then(429, retry_after=30)` is a Plan. Plans are joined by `|`, print as the
Python that builds them, and are put in force by `FakeTenant.fail`, by the marker `reinfer_fail`, or drawn by
`strategies.fault_plans`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from difflib import get_close_matches
from functools import cache
from itertools import chain, pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from pytest_reinfer import contract
from pytest_reinfer.wire import UNREACHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import EllipsisType

    from pytest_reinfer.log import LoggedRequest

Phase = Literal["before", "after", "partial"]

REQUESTS: Final = ("route", "method", "path", "when")  # what tells which requests match
EVERY_PHASE: Final = ("before", "after", "partial")
PLACES: Final = ("before_cursor", "at_cursor", "behind_cursor")
EDITS: Final = tuple(f"{edit}_{place}" for edit in ("added", "changed", "deleted") for place in PLACES)
PAGES: Final = (*EDITS, "short_page", "empty_page", "expired_continuation", "garbled_continuation")
ALTERED: Final = ("cut_json", "cut_gzip", "mislabelled_json", "miscoded_json", "no_server_timing")
MID_BODY: Final = {
    "reset_mid_body": "connection_reset",
    "closed_mid_body": "connection_closed",
    "timeout_mid_body": "timeout",
}
LOST: Final = {
    "connection_reset": "connection_reset",
    "connection_closed": "connection_closed",
    "read_timeout": "timeout",
}
SLOW: Final = ("slow_answer", "slow_body")
NETWORK: Final = (*UNREACHED, *LOST, *MID_BODY, *SLOW)
LATEST: Final = 599  # statuses end here
LONGEST: Final = 10**9  # seconds, some thirty years: dates behind cannot be told


class Kind(NamedTuple):
    """A kind of failure: the phases it can have, the usual one first, and what else may be said about it.

    `places` are those of its message that have to be filled, or the whole message given.
    """

    phases: tuple[str, ...]
    about: tuple[str, ...] = ()
    places: tuple[str, ...] = ()


@cache
def kinds() -> Mapping[str, Kind]:
    """Every kind of failure that has a name; a status is one too."""
    waits = ("retry_after", "retry_after_date")
    refusals = {
        name: tuple(re.findall(r"{(\w+)}", entry["message"])) for name, entry in contract.convention("x-errors").items()
    }
    return {
        **{
            name: Kind(EVERY_PHASE, tuple(dict.fromkeys(("message", *waits, *places))), places)
            for name, places in refusals.items()
        },
        **dict.fromkeys(contract.convention("x-failures"), Kind(EVERY_PHASE, waits)),
        **dict.fromkeys(UNREACHED, Kind(("before",))),
        **dict.fromkeys(LOST, Kind(EVERY_PHASE)),
        **dict.fromkeys((*MID_BODY, *ALTERED), Kind(("after",))),
        **dict.fromkeys(SLOW, Kind(("after",), ("seconds",))),
        **dict.fromkeys(EDITS, Kind(("before",))),
        **dict.fromkeys(PAGES[len(EDITS) :], Kind(("after",))),
    }


_STATUS: Final = Kind(EVERY_PHASE, ("message", "retry_after", "retry_after_date"))
_CALL: Final = Kind(("before",))


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong: what, for which requests, how often. Made by `fail` and `before`."""

    what: int | str | Callable[[], object]
    times: int | None = 1
    after: int = 0
    route: str | None = None
    method: str | None = None
    path: str | None = None
    when: Callable[[LoggedRequest], object] | None = None
    probability: float | None = None
    seed: int | None = None
    phase: Phase = "before"
    stored: int | None = None
    optional: bool = False
    about: tuple[tuple[str, Any], ...] = ()

    @property
    def kind(self) -> Kind:
        """What kind of failure it is."""
        if callable(self.what):
            return _CALL
        return _STATUS if isinstance(self.what, int) else kinds()[self.what]

    def __repr__(self) -> str:
        return f"{'before' if callable(self.what) else 'fail'}({self.arguments()})"

    def arguments(self, last: Fault | None = None) -> str:
        """What `fail` was given, or `then` behind a last fault, as Python."""
        said: dict[str, Any] = {}
        if self.probability is None and self.times == 1 and self.after:
            said["nth"] = self.after + 1
        else:
            usual = None if self.probability is not None else 1
            said |= {"times": self.times} if self.times != usual else {}
            said |= {"after": self.after} if self.after else {}
        of_requests = {name: getattr(self, name) for name in REQUESTS if getattr(self, name) is not None}
        if last is None or any(getattr(self, name) != getattr(last, name) for name in REQUESTS):
            said |= of_requests or ({"route": None} if last else {})
        for name in ("probability", "seed", "stored"):
            said |= {name: getattr(self, name)} if getattr(self, name) is not None else {}
        if self.phase != ("before" if self.stored is None else "partial") and self.phase != self.kind.phases[0]:
            said["phase"] = self.phase
        said |= dict(self.about)
        if self.optional != (last.optional if last else False):
            said["optional"] = self.optional
        return ", ".join([_named(self.what), *(f"{name}={_named(value)}" for name, value in said.items())])


def _named(value: Any) -> str:
    """A value as Python; a function by its name, which for one without a name is that of its type."""
    if not callable(value):
        return repr(value)
    return str(getattr(value, "__qualname__", f"<{type(value).__name__}>"))


@dataclass(frozen=True, slots=True)
class Plan:
    """Faults that stand beside each other, each followed by what comes when it is over."""

    sequences: tuple[tuple[Fault, ...], ...] = ()

    def then(self, what: int | str | Callable[[], object], **given: Any) -> Plan:
        """What goes wrong when the last fault is over; for the same requests, unless others are given."""
        __tracebackhide__ = True
        if not self.sequences:
            raise ValueError("An empty plan has no last fault for another to follow.")
        *others, last = self.sequences
        return Plan((*others, (*last, following(last[-1], what, given))))

    def __or__(self, other: Plan) -> Plan:
        if not isinstance(other, Plan):
            return NotImplemented
        return Plan((*self.sequences, *other.sequences))

    @property
    def faults(self) -> tuple[Fault, ...]:
        """All faults."""
        return tuple(fault for sequence in self.sequences for fault in sequence)

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # noqa: ARG002, FBT001 -- as IPython and Hypothesis ask
        printer.text(repr(self))

    def __repr__(self) -> str:
        return " | ".join(told(sequence) for sequence in self.sequences) or "Plan()"


def told(sequence: Iterable[Fault]) -> str:
    """A fault and what follows it, as the Python that builds them."""
    first, *others = sequence
    follow = (f".then({fault.arguments(last)})" for last, fault in pairwise((first, *others)))
    return "".join([repr(first), *follow])


def fail(  # noqa: PLR0913 -- one vocabulary for all failures
    what: int | str,
    *,
    times: int | EllipsisType | None = ...,
    after: int = 0,
    nth: int | None = None,
    route: str | None = None,
    method: str | None = None,
    path: str | None = None,
    when: Callable[[LoggedRequest], object] | None = None,
    probability: float | None = None,
    seed: int | None = None,
    phase: Phase | None = None,
    stored: int | None = None,
    optional: bool = False,
    **about: Any,
) -> Plan:
    """A plan by which requests fail: every one that matches, from the first on, so many times.

    Of several faults that are due at once the one first asked for fires, and the others at the next that matches.

    what: a status from 400 on, answered in the API's envelope, or the name of a kind, as `kinds()` has them.
    times: how often; None: as long as it is in force. Default: once, with a probability as long as it is in force.
    after, nth: so many matching requests are let pass; or the one that fails, counted from 1.
    route, method, path, when: which requests match: the name of a route's schema, a method, a pattern with `*` for the
        decoded path below the tenant's URL, a function that is told the request as the log shows it. Default: all.
    probability, seed: how likely each matching request fails (0..1), and what the draw follows from; default: the
        tenant's seed.
    phase: "before" the service did anything; "after" it did, so that only the answer is lost; "partial": of a batch the
        first `stored` items, or half of them, are stored.
    optional: whether the test may pass though it never fired.
    about: `message`, and what the API's messages have places for; `retry_after`, `retry_after_date`: seconds, said as a
        number, or as a date by `time.time()`; `seconds` for what is slow, 60 by default: before the first byte of an
        answer, or over its body, which comes in ten parts.
    Raises ValueError for what cannot be, TypeError for a function.
    """
    __tracebackhide__ = True
    given: dict[str, Any] = {
        "times": times,
        "after": after,
        "nth": nth,
        "route": route,
        "method": method,
        "path": path,
        "when": when,
    }
    given |= {"probability": probability, "seed": seed, "phase": phase, "stored": stored, "optional": optional, **about}
    if callable(what):
        raise TypeError("fail takes a status or the name of a kind; a function is called by before(...).")
    return Plan(((_fault(what, given),),))


def before(call: Callable[[], object], **given: Any) -> Plan:
    """A plan by which a function is called before a request is answered, which is then answered as ever.

    given: which requests and how often, as for `fail`.
    """
    __tracebackhide__ = True
    if not callable(call):
        raise TypeError(f"before takes a function without arguments, not {call!r}.")
    return Plan(((_fault(call, given),),))


def following(last: Fault, what: int | str | Callable[[], object], given: Mapping[str, Any]) -> Fault:
    """A fault for the same requests as the last one, unless others are given."""
    __tracebackhide__ = True
    if last.times is None:
        raise ValueError(f"{last} does not end, and so nothing follows it: say how many times.")
    same = {} if given.keys() & set(REQUESTS) else {name: getattr(last, name) for name in REQUESTS}
    return _fault(what, {**same, "optional": last.optional, **given})


_FIELDS: Final = frozenset(field.name for field in fields(Fault)) - {"what", "about"} | {"nth"}


def _fault(what: Any, given: Mapping[str, Any]) -> Fault:
    """A fault that makes sense; ValueError for any other."""
    __tracebackhide__ = True
    if not (callable(what) or _is_status(what) or (isinstance(what, str) and what in kinds())):
        near = get_close_matches(str(what), kinds(), n=3, cutoff=0.5)
        raise ValueError(
            f"No failure is called {what!r}"
            + f", a text: the status is {what}" * (isinstance(what, str) and what.isdecimal())
            + f". There are the statuses from 400 to {LATEST}, and: {', '.join(kinds())}."
            + f" Near are: {', '.join(near)}." * bool(near)
        )
    about = {name: value for name, value in given.items() if name not in _FIELDS}
    said = {name: value for name, value in given.items() if name in _FIELDS and value is not None}
    said["times"] = given.get("times", ...)
    fault = Fault(what)
    phase = said.get("phase") or ("partial" if "stored" in said else fault.kind.phases[0])
    wrong = chain(_wrong_about(fault, about), _wrong_requests(fault, said), _wrong_counts(said))
    for problem in chain(wrong, _wrong_phase(fault, phase, said)):
        raise ValueError(problem)
    if "nth" in said:
        said["after"] = said.pop("nth") - 1
    if said["times"] is ...:
        said["times"] = None if "probability" in said else 1
    if "method" in said:
        said["method"] = said["method"].upper()
    return Fault(**{**said, "what": what, "phase": phase, "about": tuple(about.items())})


def _is_status(what: object) -> bool:
    return isinstance(what, int) and not isinstance(what, bool) and 400 <= what <= LATEST  # noqa: PLR2004 -- failures


def _wrong_about(fault: Fault, about: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with what is said about a kind."""
    allowed = fault.kind.about
    unknown = [name for name in about if name not in allowed]
    if unknown:
        what = _named(fault.what) if callable(fault.what) else fault.what
        yield f"{what} takes no {', '.join(unknown)}. What may be said about it: {', '.join(allowed) or 'nothing'}."
    missing = [name for name in fault.kind.places if name not in about and "message" not in about]
    if missing == ["message"]:
        yield f"What {fault.what!r} says depends on the request: give it a message."
    elif missing:
        yield f"The message of {fault.what!r} has places for {', '.join(missing)}: give them, or a message."
    if "retry_after" in about and "retry_after_date" in about:
        yield "retry_after says the seconds as a number, retry_after_date as a date: give one of them."
    if "message" in about and not isinstance(about["message"], str):
        yield f"message is a text, not {about['message']!r}."
    for name in ("retry_after", "retry_after_date"):
        if name in about and not (_is_whole(about[name]) and 0 <= about[name] <= LONGEST):
            yield f"{name} is a whole number of seconds, at most {LONGEST}, not {about[name]!r}."
    if "seconds" in about and not (_is_number(about["seconds"]) and 0 <= about["seconds"] <= LONGEST):
        yield f"seconds is a number, at most {LONGEST}, not {about['seconds']!r}."


def _wrong_requests(fault: Fault, said: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with how the requests are told."""
    route, paging = said.get("route"), fault.what in PAGES
    if route is not None:
        if not isinstance(route, str) or route not in contract.routes() or not contract.routes()[route].built:
            there = [each.name for each in contract.routes().values() if each.built]
            yield f"No route is called {route!r}. There are: {', '.join(there)}."
        if paging and not contract.pages(route):
            yield f"{route} has no pages, and so no {fault.what}."
    for name in ("method", "path"):
        if name in said and (not isinstance(said[name], str) or not said[name]):
            yield f"{name} is a text, not {said[name]!r}."
    if "path" in said and said["path"][0] not in "/*":
        yield f"A path starts with / or *, below the tenant's URL, not as {said['path']!r} does."
    if "when" in said and not callable(said["when"]):
        yield f"when is a function that is told a request, not {said['when']!r}."
    if not isinstance(said.get("optional", False), bool):
        yield f"optional is True or False, not {said['optional']!r}."


def _wrong_counts(said: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with how often it happens."""
    times, after, nth, probability = (said.get(name) for name in ("times", "after", "nth", "probability"))
    for name, value, least in (("times", times, 1), ("after", after, 0), ("nth", nth, 1)):
        if value is not None and value is not ... and not (_is_whole(value) and value >= least):
            yield f"{name} is a whole number, at least {least}, not {value!r}."
    if nth is not None and (after or times is not ... or probability is not None):
        yield "nth is one request, counted from 1: it takes neither times nor after nor a probability."
    if probability is not None and (not _is_number(probability) or not 0 < probability <= 1):
        yield f"probability is a number above 0 and at most 1, not {probability!r}."
    if "seed" in said and (probability is None or not isinstance(said["seed"], int)):
        yield f"seed is a whole number that the draws of a probability follow from, not {said['seed']!r} without one."


def _wrong_phase(fault: Fault, phase: Any, said: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with when it happens."""
    if phase not in EVERY_PHASE:
        yield f"phase is one of {', '.join(EVERY_PHASE)}, not {phase!r}."
    if phase not in fault.kind.phases:
        what = _named(fault.what) if callable(fault.what) else fault.what
        yield f"{what} has the phase {' or '.join(fault.kind.phases)}, and cannot be {phase}."
    if "stored" in said and (phase != "partial" or not isinstance(said["stored"], int) or said["stored"] < 0):
        yield f"stored is how many items of a batch are stored, with the phase partial, not {said['stored']!r}."
    route = said.get("route")
    if phase == "partial" and route is not None and contract.batch(route) is None:
        yield f"{route} takes no batch of which a part could be stored."


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value < float("inf")
