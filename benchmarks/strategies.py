"""Table 3: what the Hypothesis strategies cost, what failures shrink to, and how the examples spread."""

from __future__ import annotations

import gc
import importlib.metadata
import json
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from unittest import mock

from hypothesis import HealthCheck, Phase, find, given, seed, settings
from hypothesis import strategies as st
from hypothesis.control import current_build_context
from hypothesis.errors import HypothesisException, HypothesisWarning, NoSuchExample

from benchmarks import harness
from pytest_reinfer import FakeTenant, contract, strategies

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hypothesis.strategies import SearchStrategy

    Strategy = SearchStrategy[Any]

FLOOR, ONE, PAGE = "st.integers()", "exported_comments()", "export_pages(min_size=1, max_size=20)"
NAIVE, UNBOUNDED = "written by hand, up to 20 messages", "written by hand, lists of any length"
FROM_SCHEMA = "from_schema() of hypothesis-jsonschema: a page of 1 to 20"
ENTRY_REF, PAGE_REF = "objects/exported_comment.json", "routes/export_dataset.json#/properties/response"
BATCH, QUICK_BATCH, SLOW_BATCH = 60, 30, 8  # examples of one run
SPREAD = 300  # exported comments of a run of which the shares are told


def ours() -> dict[str, Strategy]:
    """Every strategy of objects, requests and tenants; leaves such as `ids()` are parts of them."""
    calls = (
        *("exported_comments()", "export_pages(min_size=1, max_size=20)", "comments()", "comments(form='upload')"),
        *("messages()", "attachments()", "user_properties()", "labels()", "predicted_labels()", "annotations()"),
        *("predictions()", "datasets()", "sources()", "model_tags()", "create_dataset_requests()"),
        *("update_dataset_requests()", "export_requests()", "invalid('create_dataset')", "error_bodies()", "errors()"),
        *("tenants(limit=3)", "tenants()"),
    )
    return {call: eval(call, vars(strategies)) for call in calls}  # noqa: S307 -- our own words, from just above


def run(strategy: Strategy, count: int, number: int, look: Callable[[Any], object] = bool) -> int:
    """Draw so many examples as a test does, without shrinking and checks of health; how many they came to be."""
    seen = 0

    def test(example: Any) -> None:
        nonlocal seen
        seen += 1
        look(example)

    plan = settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    seed(number)(plan(given(strategy)(test)))()
    return seen


def timed(strategy: Strategy, count: int, number: int) -> float:
    """Seconds of this process per example: what else runs on the machine takes none of them."""
    gc.collect()
    started = time.process_time()
    seen = run(strategy, count, number)
    return (time.process_time() - started) / seen


# ---------------------------------------------------------------------------------------------------------------- peers


def by_hand(most: int | None) -> Strategy:
    """An exported comment as one writes it down from the documentation; `most`: items of a list."""
    identifier = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
    comment_id = st.from_regex(r"[!-.0-~]{1,64}", fullmatch=True)
    stamp = st.from_regex(r"[0-9]{4}-(0[1-9]|1[0-2])-[0-2][1-8]T([01][0-9]|2[0-3])(:[0-5][0-9]){2}Z", fullmatch=True)
    when = st.datetimes().map(lambda moment: moment.isoformat() + "Z")
    subject = st.fixed_dictionaries({"text": st.text()}, optional={"translated_from": st.text()})
    markup = st.none() | st.booleans() | st.text()
    text = st.fixed_dictionaries(
        {"text": st.text()},
        optional={"translated_from": st.text(), "text_markup": markup, "translated_from_markup": markup},
    )
    people, name = st.lists(st.emails(), max_size=most), st.text(min_size=1, max_size=64)
    also = {"subject": subject, "signature": text, "from": st.emails(), "to": people, "cc": people, "bcc": people}
    message = st.fixed_dictionaries(
        {"body": text}, optional={**also, "sent_at": when, "language": st.text(min_size=1, max_size=8)}
    )
    attachment = st.fixed_dictionaries(
        {"name": st.text(max_size=256), "size": st.integers(min_value=0), "content_type": st.text(max_size=256)},
        optional={"content_hash": st.text(), "attachment_reference": st.text(), "inline": st.booleans()},
    )
    words = st.dictionaries(st.text().map("string:{}".format), st.text(), max_size=most)
    figures = st.dictionaries(st.text().map("number:{}".format), st.floats(allow_nan=False), max_size=most)
    moments = {"timestamp": stamp, "created_at": when, "last_modified": when}
    comment = st.fixed_dictionaries(
        {
            "id": comment_id,
            "uid": st.builds("{}.{}".format, identifier, comment_id),
            "source_id": identifier,
            **moments,
            "messages": st.lists(message, min_size=1, max_size=most and 20),
            "user_properties": st.builds(lambda one, other: one | other, words, figures),
        },
        optional={
            "attachments": st.lists(attachment, max_size=most),
            "thread_id": st.text(),
            "text_format": st.sampled_from(["plain", "markdown"]),
            "context": st.text(),
            "has_annotations": st.booleans(),
        },
    )
    metadata = st.fixed_dictionaries({}, optional={"user_id": st.text(), "timestamp": stamp})
    feeling = {"sentiment": st.sampled_from(["positive", "negative"])}
    assigned = st.fixed_dictionaries(
        {"name": name}, optional={**feeling, "instructions": st.text(), "metadata": metadata}
    )
    predicted = st.fixed_dictionaries(
        {"name": name, "probability": st.floats(0, 1)},
        optional={"sentiment": st.floats(-1, 1), "auto_thresholds": st.lists(st.text(), max_size=most)},
    )
    labels = st.fixed_dictionaries({"assigned": st.lists(assigned, max_size=most)})
    return st.fixed_dictionaries(
        {
            "comment": comment,
            "annotations": st.fixed_dictionaries({"labels": labels}),
            "predictions": st.fixed_dictionaries({"labels": st.lists(predicted, max_size=most)}),
        }
    )


RULES: Final = frozenset(
    {
        *("type", "enum", "const", "pattern", "minLength", "maxLength", "minimum", "maximum", "required"),
        *("minItems", "maxItems", "uniqueItems", "additionalProperties"),
    }
)


def inlined(ref: str) -> dict[str, Any]:
    """The schema at `ref` without references and remarks: then draft 7 and draft 2020-12 mean the same by it."""
    place, schema = contract.target(ref)
    found: dict[str, Any] = {rule: value for rule, value in schema.items() if rule in RULES}
    for rule in {"properties", "patternProperties"} & schema.keys():
        found[rule] = {name: inlined(f"{place}/{rule}/{name}") for name in schema[rule]}
    if "items" in schema:
        found["items"] = inlined(f"{place}/items")
    return found


def from_schema() -> Strategy | None:
    """The page by hypothesis-jsonschema; None, and a line that says so, where it is not there or does not work."""
    module = harness.load("hypothesis_jsonschema")
    if module is None:
        return None
    page = inlined(PAGE_REF)
    page["properties"]["comments"].update(minItems=1, maxItems=20)
    strategy: Strategy = module.from_schema({"$schema": "http://json-schema.org/draft-07/schema#", **page})
    try:
        run(strategy, 2, 0)
    except Exception as error:  # noqa: BLE001 -- whatever it fails with
        versions = [f"{name} {importlib.metadata.version(name)}" for name in ("hypothesis-jsonschema", "hypothesis")]
        print(f"({versions[0]} fails with {versions[1]}, {type(error).__name__}: left out)")
        return None
    return strategy


# ----------------------------------------------------------------------------------------------------------------- cost


class Entrant(NamedTuple):
    """A strategy to measure: examples of a run, and in which rounds it takes part."""

    strategy: Strategy
    batch: int
    every: int = 1


def sizes(strategy: Strategy, count: int) -> tuple[str, str]:
    """The median number of choices of an example, and of bytes of its JSON."""
    choices, lengths = list[int](), list[int]()

    def look(example: Any) -> None:
        choices.append(len(current_build_context().data.nodes))
        if isinstance(example, (dict, list)):
            lengths.append(len(json.dumps(example, ensure_ascii=False).encode()))

    run(strategy, count, 0, look)
    return f"{statistics.median(choices):,.0f}", f"{statistics.median(lengths):,.0f}" if lengths else "-"


def cost(report: harness.Report) -> None:
    """3a and 3b: an example of each strategy over one of integers."""
    batch = QUICK_BATCH if report.quick else BATCH
    entrants = {FLOOR: Entrant(st.integers(), batch)}
    entrants |= {name: Entrant(strategy, batch) for name, strategy in ours().items()}
    entrants[NAIVE] = Entrant(by_hand(3), SLOW_BATCH)
    entrants[UNBOUNDED] = Entrant(by_hand(None), SLOW_BATCH, every=3)
    peer = from_schema()
    if peer is not None:
        entrants[FROM_SCHEMA] = Entrant(peer, 4, every=3)
    found = {name: harness.Sample() for name in entrants}
    rounds: dict[str, dict[int, float]] = {name: {} for name in entrants}  # the ratio of each round
    described = {name: sizes(each.strategy, min(each.batch, 24)) for name, each in entrants.items()}  # and warmed up
    floor, rng = entrants[FLOOR].strategy, random.Random(3)  # noqa: S311 -- an order
    gc.collect()
    gc.freeze()
    for turn in range(2 if report.quick else 9):
        before = timed(floor, batch, turn)
        for name, each in rng.sample(list(entrants.items()), len(entrants)):
            if turn % each.every == 0:
                took = timed(each.strategy, each.batch, turn)
                after = timed(floor, batch, turn)
                rounds[name][turn] = 2 * took / (before + after)
                found[name].seconds.append(took)
                found[name].ratios.append(rounds[name][turn])
                before = after
    gc.unfreeze()
    rows = []
    for name, sample in found.items():
        seconds = statistics.median(sample.seconds)
        span = f"{min(sample.ratios):.2f} .. {max(sample.ratios):.2f}"
        rows.append((name, f"{seconds * harness.MICRO:,.0f}", f"{sample.ratio:.2f}", span, f"{1 / seconds:,.1f}"))
    head = ("", "us an example", "x floor, paired median", "all rounds", "examples a second", "choices", "JSON bytes")
    harness.table(head, ([*row, *described[row[0]]] for row in rows))
    many = 1 / statistics.median(found[ONE].seconds)
    report.target("a: an exported comment over an integer", found[ONE].ratio, 5, ".2f")
    report.at_least("a: exported comments, times as fast as written by hand", paired(rounds, NAIVE, ONE), 20, ".1f")
    report.at_least("a: exported comments a second", many, 300, ".0f")
    report.target("b: a page of 1 to 20 comments over an integer", found[PAGE].ratio, 12, ".2f")
    if peer is not None:
        faster = paired(rounds, FROM_SCHEMA, PAGE)
        report.at_least("b: pages, times as fast as hypothesis-jsonschema", faster, 15, ".1f")
    print()


def paired(rounds: dict[str, dict[int, float]], one: str, other: str) -> float:
    """How many times as long the one takes as the other: the median over the rounds in which both were measured."""
    return statistics.median(ratio / rounds[other][turn] for turn, ratio in rounds[one].items())


class Unbuilt:
    """Stands for a `FakeTenant` while tenants are drawn: it takes every call, and builds nothing.

    The same seed draws the same data with it, so that the difference in time is what tenants cost beyond their data.
    """

    url: Final = FakeTenant().url
    environment: Final[dict[str, str]] = {}
    sources: Final = ()

    def __init__(self, **_: Any) -> None:
        pass

    def dataset(self, _: str) -> Any:
        """The one thing that is asked back: where comments went."""
        return mock.NonCallableMock(spec_set=["source_ids"], source_ids=["0" * 16])

    def __getattr__(self, _: str) -> Callable[..., None]:
        return nothing


def nothing(*_: Any, **__: Any) -> None:
    """Do nothing."""


def building(report: harness.Report) -> None:
    """What it takes to build, open and close the tenants that are drawn."""
    rows, extra, batch = [], {}, QUICK_BATCH if report.quick else BATCH
    for name, strategy in (("tenants()", strategies.tenants()), ("tenants(limit=3)", strategies.tenants(limit=3))):
        built, drawn = list[float](), list[float]()
        for turn in range(2 if report.quick else 7):
            built.append(timed(strategy, batch, turn) * harness.MILLI)
            with mock.patch("pytest_reinfer.strategies.tenants.FakeTenant", Unbuilt):
                drawn.append(timed(strategy, batch, turn) * harness.MILLI)
        more = [one - other for one, other in zip(built, drawn, strict=True)]
        extra[name] = statistics.median(more)
        span = f"{min(more):+.2f} .. {max(more):+.2f}"
        rows.append((name, *(f"{statistics.median(each):.2f}" for each in (built, drawn, more)), span))
    harness.table(("ms an example", "all", "drawing its data alone", "difference", "all rounds"), rows)
    report.target("ms that tenants() takes over drawing its data", extra["tenants()"], 5, ".2f")
    print()


# ------------------------------------------------------------------------------------------------------------ shrinking


def least(message: dict[str, Any] | None = None, messages: int = 1, at: str = "2024-01-01T00:00:00Z") -> dict[str, Any]:
    """An exported comment with nothing in it but what is said."""
    comment = {
        "id": "0",
        "uid": "0000000000000000.0",
        "source_id": "0000000000000000",
        "timestamp": at,
        "messages": [message or {"body": {"text": ""}}] * messages,
        "user_properties": {},
        "created_at": "2024-01-01T00:00:00Z",
        "last_modified": "2024-01-01T00:00:00Z",
    }
    return {"comment": comment, "annotations": {"labels": {"assigned": []}}, "predictions": {"labels": []}}


def bodies(entry: dict[str, Any]) -> list[str]:
    """The texts of the bodies of a comment."""
    return [message["body"]["text"] for message in entry["comment"]["messages"]]


def foreign(entry: dict[str, Any]) -> bool:
    """Whether a body is not ASCII."""
    return not all(text.isascii() for text in bodies(entry))


def year(entry: dict[str, Any]) -> int:
    """The year of a comment."""
    return int(entry["comment"]["timestamp"][:4])


def alike(page: dict[str, Any]) -> bool:
    """Whether two comments have one text."""
    texts = [text for entry in page["comments"] for text in set(bodies(entry)) if text]
    return len(set(texts)) < len(texts)


def at_once(page: dict[str, Any]) -> bool:
    """Whether two comments, which come in order, have one timestamp."""
    moments = [entry["comment"]["timestamp"] for entry in page["comments"]]
    return any(one == other for one, other in pairwise(moments))


def in_messages(test: Callable[[dict[str, Any]], bool]) -> Callable[[Any], bool]:
    """Whether a message of a comment passes."""
    return lambda entry: any(map(test, entry["comment"]["messages"]))


def in_page(test: Callable[[Any], bool]) -> Callable[[Any], bool]:
    """Whether a comment of a page passes."""
    return lambda page: any(map(test, page["comments"]))


class Property(NamedTuple):
    """What an example has that a test fails with; `minimum`: what it must shrink to."""

    name: str
    strategy: Strategy
    has: Callable[[Any], bool]
    minimum: Any = None


def exact() -> list[Property]:
    """What must shrink to the very minimum, in a comment and in a page."""
    entries = (
        ("more than one message", lambda entry: len(bodies(entry)) > 1, least(messages=2)),
        ("non-ASCII body", foreign, least({"body": {"text": "é"}})),
        # 32 bits of seconds are full in 2106: the first moment after 2100 that the tables hold beyond that year
        ("year above 2100", lambda entry: year(entry) > 2100, least(at="2106-02-07T06:28:16Z")),
    )
    one, page = strategies.exported_comments(), strategies.export_pages()
    alone = [Property(f"entry: {name}", one, has, minimum) for name, has, minimum in entries]
    return alone + [
        Property(f"page: {name}", page, in_page(has), {"comments": [minimum], "status": "ok"})
        for name, has, minimum in entries
    ]


def named() -> list[Property]:
    """What clients have failed with, and what is told of it."""
    one, page = strategies.exported_comments(), strategies.export_pages()

    def predicted(entry: dict[str, Any], *, sentiment: bool) -> bool:
        return any(("sentiment" in label) is sentiment for label in entry["predictions"]["labels"])

    def child(entry: dict[str, Any]) -> bool:
        return any(" > " in label["name"] for label in entry["annotations"]["labels"]["assigned"])

    def number(entry: dict[str, Any]) -> bool:
        return any(name.startswith("number:") for name in entry["comment"]["user_properties"])

    full = strategies.export_pages(max_size=256)
    return [
        Property("a comment id with a dot", one, lambda entry: "." in entry["comment"]["id"]),
        Property("created before 1900", one, lambda entry: int(entry["comment"]["created_at"][:4]) < 1900),
        Property("a prediction without sentiment", one, lambda entry: predicted(entry, sentiment=False)),
        Property("a prediction with sentiment", one, lambda entry: predicted(entry, sentiment=True)),
        Property("an assigned child label", one, child),
        Property("two cc addresses", one, in_messages(lambda message: len(message.get("cc", ())) >= 2)),
        Property("an attachment", one, lambda entry: bool(entry["comment"].get("attachments"))),
        Property("a number among user properties", one, number),
        Property(
            "a body of more than 60,000 characters", one, lambda entry: max(map(len, bodies(entry)), default=0) > 60_000
        ),
        Property("two comments with the same non-empty text", page, alike),
        Property("two equal timestamps in a page", page, at_once),
        Property("65 comments in a page", full, lambda page: len(page["comments"]) >= 65),
        Property("a dataset with more than three labels", strategies.datasets(), lambda it: len(it["label_defs"]) > 3),
    ]


class Shrunk(NamedTuple):
    """What was found with one seed: its JSON ("" for nothing), how often the property was looked at, and seconds."""

    found: str
    calls: int
    seconds: float


def canonical(example: Any) -> str:
    """An example as a text that equal ones share."""
    return json.dumps(example, sort_keys=True, ensure_ascii=False)


def shrink(wanted: Property, number: int) -> Shrunk:
    """Find an example, and let Hypothesis make it as small as it can."""
    calls = 0

    def has(example: Any) -> bool:
        nonlocal calls
        calls += 1
        return wanted.has(example)

    plan = settings(max_examples=500, database=None, deadline=None)
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", HypothesisWarning)  # that what was found is long
            found = canonical(find(wanted.strategy, has, settings=plan, random=random.Random(number)))  # noqa: S311
    except NoSuchExample:
        found = ""
    return Shrunk(found, calls, time.process_time() - started)


def shrinking(report: harness.Report) -> None:
    """3c: to what failures shrink, in how many calls of the test."""
    rows, other, tried, calls, slowest = [], 0, 0, list[float](), list[float]()
    for wanted in (*exact(), *(() if report.quick else named())):
        aimed = wanted.minimum is not None
        results = [shrink(wanted, number) for number in range(1 if report.quick else 3)]
        minima = {each.found for each in results if each.found}
        missed = [each.found for each in results if aimed and each.found != canonical(wanted.minimum)]
        calls_, seconds = statistics.median(each.calls for each in results), max(each.seconds for each in results)
        hits = f"{sum(bool(each.found) for each in results)} of {len(results)}"
        at_minimum = f"{len(results) - len(missed)} of {len(results)}" if aimed else ""
        rows.append((wanted.name, f"{calls_:.0f}", f"{seconds:.2f}", hits, len(minima), at_minimum))
        if aimed:
            other, tried = other + len(missed), tried + len(results)
            calls, slowest = [*calls, calls_], [*slowest, seconds]
        for each in missed:
            print(f"{wanted.name}: shrinks to {each or 'nothing'}\n  instead of {canonical(wanted.minimum)}")
    harness.table(
        ("shrunk by find()", "calls, median", "seconds, slowest", "found", "distinct minima", "at the minimum"), rows
    )
    report.target(f"c: results that are not the exact minimum, of {tried}", other, 0, "d")
    report.target("c: calls of the test, median of the worst property", max(calls), 150, ".0f")
    report.target("c: seconds, the slowest", max(slowest), 1.5, ".2f")
    print()


# --------------------------------------------------------------------------------------------------------------- spread

LOWEST: Final = {  # at least so many of the exported comments
    "non-ASCII body": 0.50,
    "empty body": 0.25,
    "more than one message": 0.40,
    "five messages and more": 0.10,
    "before 1900": 0.05,
    "after 2100": 0.20,
    "no optional key": 0.03,
}


def optional() -> list[str]:
    """The keys that a comment may lack."""
    schema = contract.node("objects/comment.json")
    return [name for name in schema["properties"] if name not in schema["required"]]


def traits(entry: dict[str, Any]) -> set[str]:
    """What a comment is like, in the words of the table."""
    texts, there = bodies(entry), [name for name in optional() if name in entry["comment"]]
    labels = entry["annotations"]["labels"]["assigned"], entry["predictions"]["labels"]
    every = {
        "non-ASCII body": foreign(entry),
        "empty body": "" in texts,
        "no message": not texts,
        "more than one message": len(texts) > 1,
        "five messages and more": len(texts) >= 5,
        "before 1900": year(entry) < 1900,
        "after 2100": year(entry) > 2100,
        "no optional key": not there,
        "assigned labels": bool(labels[0]),
        "predicted labels": bool(labels[1]),
        **{f"`{name}`": name in there for name in optional()},
    }
    return {name for name, has in every.items() if has}


def spread(report: harness.Report) -> None:
    """3d: of many examples, how many are what breaks programs; and whether all of them are as the schemas say."""
    entries, pages = list[Any](), list[Any]()
    for number in range(2 if report.quick else 8):  # one run alone is off by some 5 %: Hypothesis repeats itself
        run(strategies.exported_comments(), SPREAD, number, entries.append)
        run(strategies.export_pages(), SPREAD // 3, number, pages.append)
    alone = Counter(trait for entry in entries for trait in traits(entry))
    some = Counter(trait for page in pages for trait in set[str]().union(*map(traits, page["comments"])))
    shares = {trait: times / len(entries) for trait, times in alone.most_common()}
    rows = [(trait, f"{share:.0%}", f"{some[trait] / len(pages):.0%}") for trait, share in shares.items()]
    head = f"of {len(entries):,} comments, and of {len(pages):,} pages"
    harness.table((head, "exported_comments()", "export_pages(), with at least one"), rows)
    for trait, limit in LOWEST.items():
        report.at_least(f"d: share of comments, {trait}", shares.get(trait, 0), limit, ".2f")
    report.target("d: share of comments, no optional key", shares.get("no optional key", 0), 0.20, ".2f")
    rarest = min(shares.get(f"`{name}`", 0) for name in optional())
    report.at_least("d: share of comments with an optional key, the rarest of them", rarest, 0.10, ".2f")
    wrong = sum(not contract.valid(ENTRY_REF, entry) for entry in entries)
    wrong += sum(not contract.valid(PAGE_REF, page) for page in pages)
    report.target("d: examples that break the schema", wrong, 0, "d")
    report.target("d: strategies that fail a health check or the deadline", len(unhealthy()), 0, "d")
    print()


def unhealthy() -> Sequence[str]:
    """The strategies with which an empty test fails, by Hypothesis's own settings."""
    found = []
    for name, strategy in ours().items():

        @seed(5)
        @settings(database=None)
        @given(strategy)
        def test(_: Any) -> None:
            pass

        try:
            test()
        except HypothesisException as error:
            print(f"{name}: {error}")
            found.append(name)
    return found


# --------------------------------------------------------------------------------------------------------------- others


def unused(report: harness.Report) -> None:
    """What those pay who do not use the strategies: what is loaded beside Hypothesis."""
    code = "import pytest_reinfer, hypothesis, sys; print(*sorted(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    loaded = [name for name in done.stdout.split() if name.partition(".")[0] == "pytest_reinfer"]
    print(f"After `import pytest_reinfer, hypothesis` there are of ours: {', '.join(loaded)}.\n")
    dear = [name for name in loaded if name.startswith("pytest_reinfer.strategies")]
    report.target("modules of strategies, loaded by who does not use them", len(dear), 0, "d")


def measure(report: harness.Report) -> None:
    """Each part in turn, in this process."""
    print(f"hypothesis {importlib.metadata.version('hypothesis')}; floor: {FLOOR}")
    cost(report)
    building(report)
    shrinking(report)
    spread(report)
    unused(report)


if __name__ == "__main__":
    harness.main("3", "Hypothesis strategies", measure)
