"""What a test relied on: the rules that its requests used, held against the evidence that it asks for."""

from __future__ import annotations

import json
from contextlib import suppress
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote

from pytest_reinfer import contract, evidence
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from pytest_reinfer.contract import Shape
    from pytest_reinfer.evidence import Rule
    from pytest_reinfer.wire import JSON, Exchange, Request

MOST: Final = 1000  # so many rules are remembered
SHOWN: Final = 20  # so many of them a failure shows
LONGEST: Final = 300  # characters of a line there
OK: Final = 200
ANY_OTHER: Final = "$.query.*"  # how a rule names query parameters that the route does not have
AT: Final[Mapping[str, Callable[[Any, Any], bool]]] = MappingProxyType(  # whether a value stands at a limit
    {
        "minimum": lambda limit, value: value == limit,
        "maximum": lambda limit, value: value == limit,
        "minLength": lambda limit, value: isinstance(value, str) and len(value) == limit,
        "maxLength": lambda limit, value: isinstance(value, str) and len(value) == limit,
        "minItems": lambda limit, value: isinstance(value, list) and len(value) == limit,
        "maxItems": lambda limit, value: isinstance(value, list) and len(value) == limit,
        "enum": lambda limit, value: value in limit,
    }
)


class LesserEvidence(AssertionError):
    """The test relied on rules that are known on lesser evidence than it asks for."""


class _Use(NamedTuple):
    """The first request that used a rule, and how many did."""

    request: str
    times: int


class Reliance:
    """The rules of lesser evidence than `kind` that requests used since the last telling, and the keys left out.

    Raises ValueError for what is no kind of evidence.
    """

    def __init__(self, kind: str) -> None:
        __tracebackhide__ = True
        self._kind = kind
        self._worst = contract.rank(kind)
        self._used: dict[str, tuple[Rule, _Use]] = {}
        self._left_out: dict[str, Rule] = {}

    @property
    def left_out(self) -> Sequence[Rule]:
        """The fields that answers came without, for being known on lesser evidence."""
        return tuple(self._left_out.values())

    def met(self, number: int, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        """Remember what a request relied on; the exchange, with an answer without what is known on lesser evidence."""
        lesser = (rule for rule in used(request, exchange, fault) if contract.rank(rule.kind) > self._worst)
        for name, rule in {f"{rule.about} {rule}": rule for rule in lesser}.items():  # each once for a request
            if name in self._used:
                _, use = self._used[name]
                self._used[name] = rule, use._replace(times=use.times + 1)
            elif len(self._used) < MOST:
                told = f"request {number}: {request.method} {unquote(request.path)}"
                self._used[name] = rule, _Use(told[:LONGEST], 1)
        answered, left_out = trimmed(exchange, self._kind)
        for rule in left_out[: MOST - len(self._left_out)]:
            self._left_out.setdefault(f"{rule.about} {rule}", rule)
        return answered

    def shown(self, route: str, answer: JSON) -> JSON:
        """An answer of a route without what is known on lesser evidence."""
        return evidence.trimmed(route, answer, self._kind).answer

    def take(self) -> LesserEvidence | None:
        """The error that tells the rules, and nothing left to tell; None where there are none."""
        used, self._used = self._used, {}
        if not used:
            return None
        found = sorted(used.values(), key=lambda each: -contract.rank(each[0].kind))
        lines = [f"The test is to rely on nothing less than min_evidence={self._kind!r}, and relied on:"]
        for rule, use in found[:SHOWN]:
            often = "" if use.times == 1 else f", and {use.times - 1} more"
            lines += ["", f"  {rule.about} {rule}", f"    {rule.kind}: {rule.source}", f"    {use.request}{often}"]
        if len(found) > SHOWN:
            lines += ["", f"  ... and {len(found) - SHOWN} more rules"]
        worst = f'min_evidence="{found[0][0].kind}"'
        names = " ".join(dict.fromkeys(rule.about for rule, _ in found[:SHOWN]))
        remedy = (
            "Let the code under test do without, or say that the test may rely on them: by "
            f"@pytest.mark.reinfer({worst}) for the fixture, by {worst} for a tenant that the test makes.\n"
            f"All rules, and how they are known: pytest-reinfer evidence {names}"
        )
        return LesserEvidence("\n".join([*(line[:LONGEST] for line in lines), "", remedy]))


def trimmed(exchange: Exchange, kind: str) -> tuple[Exchange, Sequence[Rule]]:
    """The exchange with its answer trimmed, if it is a success of a route, and the fields that were left out."""
    response = exchange.response
    if exchange.route is None or exchange.refusal is not None or response.status != OK:
        return exchange, ()
    try:
        answer = json.loads(response.body.decode())
    except ValueError:  # a fault has spoilt it
        return exchange, ()
    if not isinstance(answer, dict):
        return exchange, ()
    rest, left_out = evidence.trimmed(exchange.route, answer, kind)
    return (exchange._replace(response=response._replace(body=encode(rest))) if left_out else exchange), left_out


def used(request: Request, exchange: Exchange, fault: str | None) -> Iterator[Rule]:
    """The rules that a request used, as far as one exchange can tell.

    The route and its permission; the fields that were sent, and the limits that their values stand at; the refusal that
    was met, with the rules that were broken; the headers that came; and what is done with such fields and in such
    cases. What a fault answered is what the test arranged, and counts for nothing.
    """
    sent: dict[str, Shape] = {}
    if exchange.route is not None:
        yield from _asked(request, exchange.route, exchange.permission, sent)
    refusal = None if fault else exchange.refusal
    if fault is None:
        yield from _answered(request, exchange)
    for title in filter(None, ("api", exchange.route)):
        yield from evidence.applied(title, sent, refusal)


def _asked(request: Request, title: str, permission: str | None, sent: dict[str, Shape]) -> Iterator[Rule]:
    """What a request for a route used; `sent` gets its fields, by their places."""
    yield evidence.route(title)
    if permission is not None:
        yield evidence.permission(title)
    for part, value in _read(request, title):
        shape = contract.shape(f"routes/{title}.json#/properties/{part}")
        yield from _stood_at(title, f"$.{part}", shape, value, sent)
    if contract.given(request.query).keys() - contract.query_names(title):
        sent[ANY_OTHER] = ()


def _answered(request: Request, exchange: Exchange) -> Iterator[Rule]:
    """What an answer used: the words of a refusal, and headers."""
    if exchange.refusal is not None:
        yield evidence.entry_of("x-errors", "error", exchange.refusal)
    if exchange.refusal == "schema_violation":
        for breach in contract.breaches(request):
            title = exchange.route or "api"
            place = breach.path[:LONGEST]  # which may hold a key that was sent
            yield evidence.stated(title, place, breach.rule, breach.expected, breach.evidence)
    came = {name.lower() for name in exchange.response.headers}
    for name in contract.convention("x-headers"):
        if name != "content_type" and contract.header(name).name.lower() in came:
            yield evidence.entry_of("x-headers", "header", name)


def _read(request: Request, title: str) -> Iterator[tuple[str, Any]]:
    """The query and the body of a request for a route, as far as they can be read; its path is the route's."""
    if contract.takes_query(title):
        yield "query", contract.query(title, request.query)
    if contract.takes_body(title):
        with suppress(ValueError, RecursionError):
            yield "body", json.loads(request.body)


def _stood_at(title: str, place: str, shape: Shape, value: Any, sent: dict[str, Shape]) -> Iterator[Rule]:
    """The limits that a value, and what it holds, stands at, and its fields; `sent` gets these, by their places."""
    if not shape:  # data, of which no rule speaks
        return
    usual = [part.schema["default"] for part in shape if "default" in part.schema]
    for part in shape:
        for keyword, limit in part.schema.items():
            if keyword in AT and AT[keyword](limit, value) and value not in usual:
                yield evidence.constraint(title, place, part, keyword)
    held: Iterable[tuple[str, str | int, Any]] = ()
    if isinstance(value, list):
        held = (("[*]", 0, item) for item in value)
    elif isinstance(value, dict):
        held = ((evidence.label(shape, key), key, inner) for key, inner in value.items())
    for label, step, inner in held:
        here = place + label
        if here not in sent:
            sent[here] = contract.member(shape, step)
            if sent[here] and step != 0:
                yield evidence.stated(title, here, "field", "", evidence.presence(sent[here]))
        yield from _stood_at(title, here, sent[here], inner, sent)
