"""What a test relied on: the rules that its requests used, held against the evidence that it asks for."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import parse_qs, unquote

from pytest_reinfer import contract, evidence
from pytest_reinfer.tenant import encode

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_reinfer.contract import Shape
    from pytest_reinfer.evidence import Rule
    from pytest_reinfer.wire import Exchange, Request

MOST: Final = 1000  # so many rules are remembered
SHOWN: Final = 20  # so many of them a failure shows


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
        self._worst = evidence.rank(kind)
        self._used: dict[str, tuple[Rule, _Use]] = {}
        self._left_out: dict[str, Rule] = {}

    @property
    def left_out(self) -> Sequence[Rule]:
        """The fields that answers came without, for being known on lesser evidence."""
        return tuple(self._left_out.values())

    def met(self, number: int, request: Request, exchange: Exchange, fault: str | None) -> Exchange:
        """Remember what a request relied on; the exchange, with an answer without what is known on lesser evidence."""
        for rule in used(request, exchange, fault):
            if contract.rank(rule.kind) > self._worst:
                self._remember(rule, f"request {number}, {request.method} {unquote(request.path)}")
        return self._trimmed(exchange)

    def take(self) -> LesserEvidence | None:
        """The error that tells the rules, and nothing left to tell; None where there are none."""
        used, self._used = self._used, {}
        if not used:
            return None
        rules = sorted((each for each in used.values()), key=lambda each: -contract.rank(each[0].kind))
        lines = [f"The test is to rely on nothing less than min_evidence={self._kind!r}, and relied on:", ""]
        for rule, use in rules[:SHOWN]:
            often = "" if use.times == 1 else f", and by {use.times - 1} more"
            lines += [f"  {rule.about}: {rule}", f"    {rule.kind}: {rule.source}", f"    by {use.request}{often}"]
        if len(rules) > SHOWN:
            lines.append(f"  ... and {len(rules) - SHOWN} more rules")
        worst = rules[0][0].kind
        names = " ".join(dict.fromkeys(rule.about for rule, _ in rules[:SHOWN]))
        lines += [
            "",
            "Do without them in the code under test, or let the test rely on them, by "
            f'@pytest.mark.reinfer(min_evidence="{worst}") for the fixture, by min_evidence="{worst}" for a tenant that '
            f"the test makes. All rules, with what is known of them: pytest-reinfer evidence {names}",
        ]
        return LesserEvidence("\n".join(lines))

    def _remember(self, rule: Rule, request: str) -> None:
        name = f"{rule.about} {rule}"
        if name in self._used:
            _, use = self._used[name]
            self._used[name] = rule, use._replace(times=use.times + 1)
        elif len(self._used) < MOST:
            self._used[name] = rule, _Use(request, 1)

    def _trimmed(self, exchange: Exchange) -> Exchange:
        """The exchange with its answer trimmed, if it is a success of a route."""
        response = exchange.response
        if exchange.route is None or exchange.refusal is not None or response.status != 200:  # noqa: PLR2004
            return exchange
        try:
            answer = json.loads(response.body)
        except ValueError:  # a fault has spoilt it
            return exchange
        if not isinstance(answer, dict):
            return exchange
        rest, left_out = evidence.trimmed(exchange.route, answer, self._kind)
        for rule in left_out[: MOST - len(self._left_out)]:
            self._left_out.setdefault(f"{rule.about} {rule}", rule)
        return exchange._replace(response=response._replace(body=encode(rest))) if left_out else exchange


def used(request: Request, exchange: Exchange, fault: str | None) -> Iterator[Rule]:
    """The rules that a request used, as far as one exchange can tell.

    The route and its permission; the fields that were sent, and the limits that their values stand at; the refusal that
    was met, with the rules that were broken; the headers that came; and what is done with such fields and in such
    cases. What a fault answered is what the test arranged, and counts for nothing.
    """
    title, sent = exchange.route, {}
    if title is not None:
        yield evidence.route(title)
        if exchange.permission is not None:
            yield evidence.permission(title)
        for part, value in _read(request, title).items():
            shape = contract.shape(f"routes/{title}.json#/properties/{part}")
            yield from _stood_at(title, f"$.{part}", shape, value, sent)
        yield from (rule for rule in sent.values() if rule is not None)
    refusal = None if fault else exchange.refusal
    if refusal is not None:
        yield evidence.entry_of("x-errors", "error", refusal)
    if fault is None:
        came = {name.lower() for name in exchange.response.headers}
        for name in contract.convention("x-headers"):
            if name != "content_type" and contract.header(name).name.lower() in came:
                yield evidence.entry_of("x-headers", "header", name)
    for each in filter(None, ("api", title)):
        yield from evidence.applied(each, sent, refusal)


def _read(request: Request, title: str) -> JSON:
    """The path, the query and the body of a request for a route, as far as they can be read."""


def _stood_at(title: str, place: str, shape: Shape, value: Any, sent: dict[str, Rule | None]) -> Iterator[Rule]:
    """The limits that values stand at, here and below; `sent` gets the fields, by their places."""
    for part in shape:
        for keyword, at in AT.items():
            if keyword in part.schema and at(part.schema[keyword], value):
                yield evidence.constraint(title, place, part, keyword)
