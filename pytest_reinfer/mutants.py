"""What came of the variations of answers over all tests: what broke the client, what nobody noticed, what is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from pytest_reinfer import variations

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_reinfer.variations import Variation

BROKE: Final = "broke"  # the client failed, over what the contract allows
NOTICED: Final = "noticed"  # the test failed, as it should where the client receives something else
UNNOTICED: Final = "unnoticed"  # the test passed though the client received something else
STOOD: Final = "stood"  # a harmless one, and the test passed
UNMET: Final = "unmet"  # no answer of its run carried it, so that nothing can be said
REMEMBERS: Final = (
    "The client or a fixture remembers answers: clear its caches before each run, such as by an autouse fixture."
)
SHOWN = 60  # so many lines of a kind the terminal shows


class Outcome(NamedTuple):
    """What came of a variation in a test; `error`: what it failed with, in a line."""

    variation: Variation
    came: str
    error: str
    test: str
    command: str  # of the test alone

    @property
    def again(self) -> str:
        """The command that runs this variation alone."""
        return f"{self.command} --reinfer-mutant={self.variation}"

    def json(self) -> dict[str, str]:
        """It in plain values."""
        variation = self.variation
        return {
            "variation": str(variation),
            "route": variation.route,
            "kind": variation.kind,
            "place": variation.place,
            "test": self.test,
            "error": self.error,
            "command": self.again,
        }


class Told(NamedTuple):
    """What the tests of a session told."""

    outcomes: Sequence[Outcome]
    runs: int
    seconds: float
    left: Sequence[str]  # the tests that were not varied, and why
    cut: Sequence[str]  # those that were not varied to the end
    notes: Sequence[str] = ()  # what all of it lacks

    @property
    def broke(self) -> list[Outcome]:
        """Of each variation that broke the client, the first test that says so."""
        return _firsts(each for each in self.outcomes if each.came == BROKE)

    @property
    def unnoticed(self) -> list[Outcome]:
        """Of each telling variation that passed in every test that met it, the first of these tests."""
        seen = {each.variation for each in self.outcomes if each.came in (BROKE, NOTICED)}
        return _firsts(each for each in self.outcomes if each.came == UNNOTICED and each.variation not in seen)

    @property
    def unmet(self) -> list[Outcome]:
        """Of each test, the variations that it did not meet in their runs."""
        return [each for each in self.outcomes if each.came == UNMET]

    @property
    def depended(self) -> list[Outcome]:
        """Of each field without which, or with another value, a test fails, the first such; the innermost alone."""
        found = _firsts(each for each in self.outcomes if not each.variation.harmless and each.came in (BROKE, NOTICED))
        fields = {_field(each): each for each in reversed(found)}
        return [each for each in reversed(fields.values()) if not any(_holds(_field(each), other) for other in fields)]

    def json(self) -> dict[str, Any]:
        """It in plain values."""
        return {
            "broke": [each.json() for each in self.broke],
            "unnoticed": [each.json() for each in self.unnoticed],
            "not_met": [each.json() for each in self.unmet],
            "depended": [each.json() for each in self.depended],
            "runs": self.runs,
            "seconds": round(self.seconds, 3),
            "not_varied": [*self.left],
            "cut": [*self.cut],
            "notes": [*self.notes],
        }

    def lines(self) -> Iterator[str]:
        """It for people to read."""
        tests, broke, unnoticed = {each.test for each in self.outcomes}, self.broke, self.unnoticed
        yield f"{self.runs} runs of {len(tests)} test{'s' * (len(tests) != 1)}, {self.seconds:.1f} s"
        yield from self.notes
        yield from (f"CUT by --reinfer-mutants-max, the rest was not tried: {each}" for each in self.cut)
        yield from _shown("not varied", self.left)
        if broke:
            yield f"broke the client, which has to stand them: {len(broke)}"
            yield from _cut([f"  {each.variation}: {each.error}\n    {each.again}" for each in broke])
        if self.unmet:
            yield f"not met in its run: {len(self.unmet)}. {REMEMBERS}"
            yield from _cut([*self._forgotten()])
        if unnoticed:
            rolled = [f"  {told}\n    {each.again}" for told, each in self._rolled(unnoticed)]
            yield f"no test noticed, for none looks there: {len(unnoticed)}, in {len(rolled)} places"
            yield from _cut(rolled)
        if self.depended:
            yield f"the fields that tests depend on: {len(self.depended)}"
            yield from _cut([f"  {' '.join(_field(each))}\n    {each.again}" for each in self.depended])

    def _forgotten(self) -> Iterator[str]:
        """How many variations each test did not meet, with the first."""
        tests: dict[str, list[Outcome]] = {}
        for each in self.unmet:
            tests.setdefault(each.test, []).append(each)
        for test, found in sorted(tests.items()):
            yield f"  {test}: {len(found)}\n    {found[0].again}"

    def _rolled(self, unnoticed: list[Outcome]) -> Iterator[tuple[str, Outcome]]:
        """What nobody noticed, field by field; not what is in a field of which nobody noticed anything."""
        noticed = {_field(each) for each in self.outcomes if each.came in (BROKE, NOTICED)}
        fields: dict[tuple[str, str], list[Outcome]] = {}
        for each in unnoticed:
            fields.setdefault(_field(each), []).append(each)
        blind = {field for field in fields if not any(field == other or _holds(field, other) for other in noticed)}
        for field, found in fields.items():
            if not any(_holds(above, field) for above in blind):
                inside = sum(_holds(field, other) for other in fields) if field in blind else 0
                kinds = ", ".join(each.variation.kind for each in found)
                more = f", and {inside} field{'s' * (inside != 1)} in it" * bool(inside)
                yield f"{' '.join(field)} ({kinds}{more})", found[0]


def told(tests: Iterable[dict[str, Any]], notes: Sequence[str] = ()) -> Told:
    """What tests told, each in the plain values of its report, put together in an order of its own."""
    outcomes, left, cut, seconds, runs = [], [], [], 0.0, 0
    for test in sorted(tests, key=lambda test: str(test["test"])):
        seconds += test["seconds"]
        runs += len(test["outcomes"])
        left += [f"{test['test']}: {test['left']}"] * bool(test["left"])
        cut += [f"{test['test']}: {len(test['outcomes'])} of {test['variations']}"] * (
            len(test["outcomes"]) < test["variations"]
        )
        outcomes += [
            Outcome(variations.read(variation), came, error, test["test"], test["command"])
            for variation, came, error in test["outcomes"]
        ]
    outcomes.sort(key=lambda each: (each.variation.route, each.variation.steps, each.variation.kind))
    return Told(outcomes, runs, seconds, left, cut, notes)


def _field(outcome: Outcome) -> tuple[str, str]:
    return outcome.variation.route, outcome.variation.place


def _holds(outer: tuple[str, str], inner: tuple[str, str]) -> bool:
    return outer[0] == inner[0] and inner[1].startswith(f"{outer[1]}.")


def _firsts(found: Iterable[Outcome]) -> list[Outcome]:
    """The first outcome of each variation."""
    firsts: dict[Variation, Outcome] = {}
    for each in found:
        firsts.setdefault(each.variation, each)
    return [*firsts.values()]


def _shown(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"{title}: {len(lines)}"
        yield from _cut([f"  {line}" for line in lines])


def _cut(lines: Sequence[str]) -> list[str]:
    more = [f"  ... and {len(lines) - SHOWN} more, which --reinfer-mutants-json=FILE has"]
    return [*lines[:SHOWN], *more * (len(lines) > SHOWN)]
