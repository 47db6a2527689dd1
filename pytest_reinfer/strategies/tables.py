"""Tables of 256 rows: what a drawn byte stands for. Row 0 is the plainest, and what a failing example shrinks to."""

from __future__ import annotations

import re
from datetime import timedelta
from functools import cache
from hashlib import blake2b
from itertools import accumulate, chain, cycle, islice
from typing import TYPE_CHECKING, Any, Final, TypeVar

from pytest_reinfer.stamps import EPOCH, moment, stamp

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    T = TypeVar("T")

ROWS: Final = 256
SEPARATOR: Final = " > "  # between a label and its children

# fmt: off
PLAIN: Final = (
    "a", "0", "Hello", "Thank you", "Best regards, Ann", "Where is my order?", "ok", "A1", "x y",
    "Dear all,\n\nplease find the figures attached.\n\nRegards\nAnn Other",
)
HOSTILE: Final = (  # ASCII that breaks programs
    " ", "\n", "\t", "\r\n", "  a  ", "\x00", "a\x00b", "\x1b[31m", "\x7f", "\x0b\x0c",
    "<b>", "<script>alert(1)</script>", "&amp;", "<p>a</p>\n<br/>", "</textarea>", "<!-- ",
    "=1+1", "+1", "-1", "@SUM(A1)", '=HYPERLINK("http://example.com")', "a,b", "a;b", '"', 'a "b" c', "'", "a\tb",
    "{}", "[]", '{"a": {"b": [1, null]}}', '"\\u0000"', "null", "true", "0", "-0.0", "1e400", "NaN", "None", "0x10",
    "\\", "\\n", "%", "%s", "%2F", "{0}", "${x}", "a/b", "../a", "a.b", "#", "?a=b&c=d", "a > b", ">", "`", "--",
    "'; --",
)
FOREIGN: Final = (  # beyond ASCII
    "é", "e\u0301", "ä", "ß", "ﬁ", "İ", "ı", "ǅ", "Å", "ñ", "œ", "½", "²", "€", "–", "…", "“a”", "＝１", "\u00a0",
    "\xad",     "Grüße aus Köln", "Привет", "你好", "お世話になっております", "안녕하세요", "नमस्ते", "สวัสดี", "தமிழ்",
    "שלום", "مرحبا", "a\u200fb", "\u202eabc\u202c", "\u2066a\u2069",  # right to left
    "😀", "👍🏽", "👨\u200d👩\u200d👧", "🇩🇪", "𝒳", "𐍈", "a😀b",  # beyond the BMP
    "\u2028", "\u2029", "\x85", "a\u2028b", "\ufeff", "\ufeffa", "\u200b", "\ufffd", "\ufffe", "\U0010ffff",
    "a" + "\u0300" * 20,  # combining marks
    "Z\u0351\u036b\u0343a\u0313\u0301l\u0308\u0302g\u0342\u0300o",
)
# fmt: on
WIDE: Final = "\U0001f600"  # one code point, two units of UTF-16, four bytes of UTF-8
MOST_DRAWN: Final = 40  # signs of a text that Hypothesis draws itself
DRAWN: Final = object()  # a row of a text table: Hypothesis draws the text itself

DAY: Final = 86_400_000_000  # microseconds
BEGIN: Final = moment("2024-01-01T00:00:00Z")  # what moments shrink to
FIRST, LAST = moment("0001-01-01T00:00:00Z"), moment("9999-12-31T23:59:59.999999Z")
# fmt: off
EDGES: Final = tuple(map(moment, (
    "2024-02-29T12:00:00Z", "2000-02-29T00:00:00Z", "1900-02-28T23:59:59.999999Z", "2100-03-01T00:00:00Z",
    "1970-01-01T00:00:00Z", "1969-12-31T23:59:59.999Z", "2038-01-19T03:14:08Z", "2106-02-07T06:28:16Z",
    "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z", "9999-12-31T23:59:59Z", "0099-12-31T23:59:59Z",
    "2023-12-31T23:59:59.999999Z", "2024-03-31T01:30:00Z", "2024-10-27T01:30:00.000001Z", "2262-04-11T23:47:17Z",
    "1582-10-10T00:00:00Z", "1883-11-18T12:03:58Z", "2016-12-31T23:59:59.5Z", "2199-12-31T00:00:00.100Z",
)))
# fmt: on


def filled(rows: Iterable[T]) -> tuple[T, ...]:
    """Rows repeated in turn until there are 256 of them, the plainest first."""
    return tuple(islice(cycle(rows), ROWS))


def shares(*parts: tuple[int, Iterable[T]]) -> tuple[T, ...]:
    """So many rows of each part, each part's own rows in turn."""
    table = tuple(chain.from_iterable(islice(cycle(rows), count) for count, rows in parts))
    if len(table) != ROWS:
        raise ValueError(f"a table has {ROWS} rows, not {len(table)}")
    return table


@cache
def texts(shortest: int = 0, longest: int | None = None) -> tuple[Any, ...]:
    """Texts of so many code points: plain words, what breaks programs, both ends, and rows that are drawn."""

    def fit(pool: Sequence[str]) -> list[str]:
        return [text for text in pool if shortest <= len(text) and (longest is None or len(text) <= longest)]

    if longest is not None and longest < shortest:
        raise ValueError(f"no text has {shortest} to {longest} signs")
    least, most = "a" * shortest, max(4096 if longest is None else longest, shortest)
    plain = [word for word in PLAIN if longest is None or len(word) <= longest]
    ends = ["a" * most] * (1 if most > 20_000 else 4)  # the longest of all seldom: they take time
    return shares(
        (16, [least]),
        (36, fit(plain) or [least]),
        (44, fit(HOSTILE) or [least]),
        (3 + len(ends), [*(fit(["ab " * 100, "a\r\n" * 1365, "a" * 4095]) or ends[:1] * 3)[:3], *ends]),
        (103 - len(ends), fit(FOREIGN) or [WIDE * shortest]),
        (2, [*fit(["e\u0301" * 500]), WIDE * most]),
        (52, [DRAWN if shortest <= MOST_DRAWN else least]),
    )


@cache
def stamps(low: int = FIRST, high: int = LAST) -> tuple[str, ...]:
    """Moments as the service writes them, from `low` to `high` (microseconds since 1970, both inclusive)."""
    return tuple(_written(time, number) for number, time in enumerate(moments(low, high)))


def _written(time: int, number: int) -> str:
    """A stamp with six digits of fraction, or three where these are enough, or none."""
    text = stamp(time)
    return text.replace("000Z", "Z") if number % 4 == 3 and "." in text else text


@cache
def moments(low: int = FIRST, high: int = LAST) -> tuple[int, ...]:
    """Nearly half of them ordinary days, the others known edges or spread evenly between both ends; some are equal.

    They go from an ordinary day up to the last, and then from there down to the first: what fails from some moment on,
    or before it, shrinks to that moment.
    """
    begin = min(max(BEGIN, low), high)
    step = min(17 * DAY + 61_000_001, max((high - begin) // 128, 0))
    ordinary = [begin + number // 2 * 2 * step for number in range(128)]  # each of them twice
    edges = [*(time for time in EDGES if low <= time <= high), low, high]
    spread = [low + number * ((high - low) // 79) for number in range(80)]
    every = sorted(shares((112, ordinary), (64, edges), (80, spread)))
    return (*(time for time in every if time >= begin), *(time for time in reversed(every) if time < begin))


@cache
def timestamps(low: int = FIRST, high: int = LAST) -> tuple[str, ...]:
    """The same moments in all the forms that the API takes: offsets, fractions, no seconds, dates alone."""
    return tuple(_formed(time, number) for number, time in enumerate(moments(low, high)))


FORMS: Final = (  # strftime formats, and minutes that the clock there is ahead of UTC
    ("%Y-%m-%dT%H:%M:%S.%fZ", 0),
    ("%Y-%m-%dT%H:%M:%SZ", 0),
    ("%Y-%m-%d", 0),
    ("%Y-%m-%dT%H:%M:%S.%f+01:00", 60),
    ("%Y-%m-%dT%H:%M:%S", 0),
    ("%Y-%m-%d %H:%M:%S.%f-0330", -210),
    ("%Y-%m-%dT%H:%MZ", 0),
    ("%Y-%m-%dT%H:%M:%S,%f+14", 840),
    ("%Y-%m-%dT%H:%M:%S+05:45", 345),
    ("%Y-%m-%dT%H:%M:%S.%f000-23:59", -1439),
    ("%Y-%m-%d %H:%M", 0),
    ("%Y-%m-%dT%H:%M:%S-00:00", 0),
)


def _formed(time: int, number: int) -> str:
    """A moment in the form of that number, or in the next one that can say it exactly; row 0 has the plainest."""
    if number <= 1:
        return stamp(time)
    for form, ahead in islice(cycle(FORMS), number % len(FORMS), None):
        try:
            there = EPOCH + timedelta(microseconds=time, minutes=ahead)
            text = there.strftime(form.replace("%Y", f"{there.year:04d}"))
            if moment(text) == time:
                return text
        except (ValueError, OverflowError):  # out of the years that there are
            continue
    raise AssertionError


# ------------------------------------------------------------------------------------------------------ names and ids


def _hex(what: str, size: int) -> tuple[str, ...]:
    """Hex digits of so many bytes: all zero, then some that look like numbers, then any."""
    digits = 2 * size
    odd = ["0" * digits, "f" * digits, "1" * digits, "0" * (digits - 1) + "1", f"{'1e':0<{digits}}", "9" * digits]
    return (*odd, *(blake2b(f"{what} {n}".encode(), digest_size=size).hexdigest() for n in range(ROWS - len(odd))))


@cache
def ids() -> tuple[str, ...]:
    """Ids as the service makes them."""
    return _hex("id", 8)


@cache
def continuations() -> tuple[str, ...]:
    """Continuations of the service's form, which no page gave out."""
    return tuple(map("{}.{}".format, stamps(), _hex("continuation", 16)))


@cache
def comment_ids() -> tuple[str, ...]:
    """Ids that callers gave their comments: with dots, and with what must be escaped in a URL."""
    # fmt: off
    dotted = ("a.b", "0.0", "a.b.c", ".a", "a.", ".", "..", "CAF3x=Q9abc.def@mail.example.com", "<1.2@example.com>")
    odd = (
        "%2F", "a%20b", "a+b", "a&b=c", "?a", "#a", "a;b", "a:b", "~a", "*", "'a'", '"a"', "\\", "{a}", "[0]", "|", "`",
        "null", "1e5", "007", "A", "id:a", "urn:uuid:0", "a@b", "$a", "-", "--", "_", "=1+1", ",", "x" * 64,
    )
    # fmt: on
    return shares(
        (64, map(str, range(64))),
        (56, dotted),
        (2, ["a." * 512]),
        (62, odd),
        (2, ["a" * 1024]),
        (70, _hex("comment", 8)),
    )


@cache
def names(pattern: str) -> tuple[str, ...]:
    """Names of projects, datasets and sources: letters of ASCII, digits, and what else the pattern allows."""
    most = max(map(int, re.findall(r"\{\d+,(\d+)\}", pattern)))
    odd = (
        "Support",
        "SUPPORT",
        "support-2024",
        "a_b",
        "-",
        "_",
        "0",
        "id",
        "null",
        "model-tags",
        "export",
        "a.b",
        "..",
        ".",
    )
    fit = [name for name in odd if re.fullmatch(pattern, name)]
    return shares((64, ["a", "support", "mail", "b"]), (188, fit), (4, ["a" * most, "9" * most]))


TREES: Final = (  # label names; parents are labels too
    ("a",),
    ("a", "a > b"),
    ("a", "b"),
    ("a", "a > b", "a > c", "d"),
    ("a", "a > b", "a > b > c"),
    ("Claim", "Claim > New", "Claim > Rejected", "Order", "Order > Missing", "Order > Missing > Parcel", "Thanks"),
    ("A", "a", "a ", " a"),  # differ by case or blanks alone
    ("a>b", "a >b", "a> b", "a>b > c"),  # look like parents
    ("Größe", "Größe > é", "Größe > e\u0301", "価格", "価格 > 高い", "שלום", "שלום > עולם"),
    ("😀", "😀 > 👨\u200d👩\u200d👧", "a,b", "a,b > c;d", 'He said "no"', "'", "<b>", "=1+1", "{}", "null"),
    ("a\nb", "a\nb > \u2028", "\t", "a\x00b"),
    ("x" * 64, "y", SEPARATOR.join(["y", "x" * 60]), WIDE * 64),
    tuple(f"l{number}" for number in range(8)),
)
DEEPEST: Final = tuple(accumulate(["x" * 64] * 64, "{} > {}".format))  # as many parts as a name may have, as long


@cache
def trees(*, bare: bool = False) -> tuple[tuple[str, ...], ...]:
    """The names of all labels of a dataset, parents before children; the plainest first, which may be none at all."""
    every = ((), *TREES) if bare else TREES
    return tuple(every[number * len(every) // ROWS] for number in range(ROWS))


@cache
def label_names() -> tuple[str, ...]:
    """Single label names, of which the parents are not told."""
    every = list(dict.fromkeys(name for tree in TREES for name in tree))
    return shares((248, every), (8, [DEEPEST[-1], DEEPEST[7]]))


@cache
def part_names(longest: int) -> tuple[str, ...]:
    """Label names of so many code points at most, parents and children."""
    return filled(
        name for name in (*label_names()[:1], *dict.fromkeys(label_names()), "a" * longest) if len(name) <= longest
    )


# -------------------------------------------------------------------------------------------------------------- numbers


@cache
def integers(low: int | None, high: int | None) -> tuple[int, ...]:
    """Small numbers, both ends and their neighbours, and where machines run out of bits."""
    pool = [
        *range(100),
        *(2**bits + more for bits in (8, 16, 31, 32, 53, 63) for more in (-1, 0)),
        -1,
        -(2**31),
        -(2**63),
    ]
    near = [end + more for end in (low, high) if end is not None for more in (0, 1, -1)]
    begin = low if low is not None and low > 0 else 0
    every = [n for n in (begin, *pool, *near) if (low is None or low <= n) and (high is None or n <= high)]
    ends = [end for end in (low, high) if end is not None] or every
    return (*islice(cycle(dict.fromkeys(every)), 240), *islice(cycle(ends), 16))


@cache
def numbers(low: float | None, high: float | None) -> tuple[float, ...]:
    """Both ends, short and long fractions, the very small and the very large."""
    # fmt: off
    pool = (
        0, 1, 0.5, 0.1, 0.25, 1 / 3, 0.1 + 0.2, 0.99, 0.999999999999, 5e-324, 1e-9, -1, -0.5, -0.0, 2, 12.5, 1e16,
        2**53 + 1,
    )
    # fmt: on
    wide = (*pool, -1 / 3, 1e-300, 1e308, -1e308, 100, 0.954979807138443, -0.4281917143125379)
    spread = () if low is None or high is None else (low + (high - low) * n / 97 for n in range(98))
    every = [n for n in (*wide, *spread) if (low is None or low <= n) and (high is None or n <= high)]
    ends = [end for end in (low, high) if end is not None] or every
    return (*islice(cycle(every), 240), *islice(cycle(ends), 16))


ANYTHING: Final = (  # JSON of no certain shape, as text: every draw has its own
    *("{}", "[]", '""', "0", "false", "null", '{"a": 1}', '[{"kind": "text", "text": "a"}]', '"\\ud83d\\ude00"'),
    "[" * 40 + "]" * 40,
)
