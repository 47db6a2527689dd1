"""Realistic comments, labels and predictions that depend on a seed and on names, never on the process or the clock.

Faker fills a pool of people, firms and sentences once per seed; comments are then composed from that pool.
"""
# ruff: noqa: S311 - made-up e-mails need reproducible randomness, not secret randomness

import random
import struct
import unicodedata
import zlib
from binascii import b2a_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import shake_128
from itertools import accumulate, cycle
from operator import itemgetter
from typing import Any, TypeVar

from pytest_reinfer.phrases import (
    EMOJI,
    FILES,
    FOREIGN_LABELS,
    LABELS,
    MAILBOXES,
    PROVIDERS,
    PUNCTUATED_LABELS,
    REF_PREFIXES,
    TOP_LEVELS,
    VOICES,
    Voice,
)

T = TypeVar("T")

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND, SECOND, HOUR, DAY = 1_000, 1_000_000, 3_600_000_000, 86_400_000_000  # microseconds
SPAN = 90 * DAY  # comments are at most this old
LONGEST_WAIT = 6 * HOUR  # between two messages of a thread
MOST_MESSAGES = 16  # in a thread: 4 comments of 4 messages
OPENING_SPAN = SPAN - HOUR - MOST_MESSAGES * (LONGEST_WAIT + SECOND)  # threads open early enough to end before `until`
BLOCK = 12  # comments are cut into threads within blocks of as many numbers
MOST_ASSIGNED, MOST_PREDICTED = 3, 5  # labels of one comment
WORD = 0xFFFF_FFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who writes or answers e-mails. The address is ASCII, the name need not be."""

    name: str
    address: str
    firm: str
    phone: str


@dataclass(frozen=True, slots=True)
class Tongue:
    """One language of a pool: its voice, at least 12 people, and paragraphs of one to three sentences."""

    voice: Voice
    people: tuple[Person, ...]
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pool:
    """Everything comments of one seed are composed of. `weights` are the cumulated shares of `tongues`."""

    tongues: tuple[Tongue, ...]
    weights: tuple[int, ...]
    domains: tuple[str, ...]


def comments(seed: int, source: str, start: int, count: int, until: int) -> tuple[dict[str, Any], ...]:
    """Uploads for one source: comments number `start` .. `start + count - 1`.

    A comment depends on its number, not on the batch. All times fall in the 90 days before `until` (microseconds
    since the epoch); another `until` moves the times and changes nothing else.
    """
    stop = start + count
    made: list[dict[str, Any]] = []
    for block in range(start // BLOCK, -(-stop // BLOCK)):
        for first, length, age in _threads(seed, source, block):
            if first < stop and start < first + length:
                thread = _thread(seed, source, first, length, until - age)
                made += thread[max(start - first, 0) : stop - first]
    return tuple(made)


def label_tree(seed: int, name: str) -> tuple[str, ...]:
    """14 to 20 label names of a dataset, up to three levels joined by " > ", parents before children."""
    rng = random.Random(f"labels {seed} {name}")
    roots = rng.sample(sorted(LABELS), 4)
    foreign, punctuated = rng.sample(roots, 2)
    names: list[str] = []
    deepest = rng.choice((1, 2, 3, 4))
    for position, root in enumerate(roots):
        names.append(root)
        eldest = rng.choice([child for child, grandchildren in LABELS[root].items() if grandchildren])
        others = [child for child in LABELS[root] if child != eldest]
        # One root with three children for certain makes 14 names at the least.
        children = [eldest, *rng.sample(others, 2 if position == 0 else rng.choice((1, 2)))]
        if root == foreign:
            children[-1] = rng.choice(FOREIGN_LABELS)
        if root == punctuated:
            children[-1] = rng.choice(PUNCTUATED_LABELS)
        for child in children:
            names.append(f"{root} > {child}")
            grandchildren = LABELS[root].get(child, ())[:deepest]
            names += [f"{root} > {child} > {grandchild}" for grandchild in grandchildren]
            deepest -= len(grandchildren)
    return tuple(names)


def marks(
    seed: int, dataset: str, uid: str, labels: tuple[str, ...], *, has_sentiment: bool
) -> tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]:
    """(assigned, predicted) of one comment in one dataset; names come from `labels`.

    Assigned: none for some 60 % of comments, else 1 to 3 {"name", "sentiment"}, parents before children. Predicted:
    0 to 5 {"name", "probability", "sentiment"}, most probable first, parents at least as probable as their children.
    (A label with so many ancestors that it would not fit is still taken where it is the only one.)
    """
    draw = _short_stream(f"marks {seed} {dataset} {uid}")
    lines = _lines(labels)
    assigned: dict[str, str] = {}
    chances: dict[str, float] = {}
    if lines and draw() >= 0.6:  # noqa: PLR2004 - the share without assigned labels
        for _ in range(1 + int(3 * draw())):
            line = _pick(draw, lines)
            sentiment = "positive" if draw() < 0.4 else "negative"  # noqa: PLR2004 - the share of contented writers
            if not assigned or len(assigned.keys() | line) <= MOST_ASSIGNED:
                for name in reversed(line):
                    assigned.setdefault(name, sentiment)
                # The model learnt from these, so it mostly predicts them too.
                _predict(draw, line, 0.7 + 0.3 * draw(), chances)
    for _ in range(int(4 * draw()) if lines else 0):
        _predict(draw, _pick(draw, lines), draw(), chances)
    # Children have entered before their parents: ascending order, reversed, puts a parent before an equal child.
    ranked = sorted(chances.items(), key=itemgetter(1))[::-1]
    if has_sentiment:
        return (
            tuple([{"name": name, "sentiment": sentiment} for name, sentiment in assigned.items()]),
            tuple([{"name": name, "probability": p, "sentiment": 2 * draw() - 1} for name, p in ranked]),
        )
    return (
        tuple([{"name": name} for name in assigned]),
        tuple([{"name": name, "probability": p} for name, p in ranked]),
    )


def _pick(draw: Callable[[], float], choices: Sequence[T]) -> T:
    """One of `choices`, some three times as fast as `Random.choice`."""
    return choices[int(draw() * len(choices))]


def _short_stream(text: str) -> Callable[[], float]:
    """Numbers in [0, 1) that depend on the text: 64, then the same again. Made in half the time of a `Random`."""
    numbers = struct.unpack("<64I", shake_128(text.encode()).digest(256))
    return map((2.0**-32).__mul__, cycle(numbers)).__next__


# The pool.


@lru_cache(maxsize=4)
def _pool(seed: int) -> Pool:
    """What comments of this seed are made of. Takes a fifth of a second, once Faker is imported."""
    tongues = tuple(_tongue(seed, voice) for voice in VOICES)
    domains = sorted({person.address.partition("@")[2] for tongue in tongues for person in tongue.people})
    return Pool(tongues, tuple(accumulate(voice.weight for voice in VOICES)), tuple(domains))


def _tongue(seed: int, voice: Voice) -> Tongue:
    """People and paragraphs of one language."""
    from faker import Faker  # noqa: PLC0415 - a quarter of a second that only seeded tenants should pay

    # Only what names and words draw on: with all providers, building a generator takes twice as long.
    providers = [f"faker.providers.{name}" for name in PROVIDERS]
    people = Faker(voice.people_locale, providers=providers, use_weighting=False)
    words = people
    if voice.words_locale != voice.people_locale:
        words = Faker(voice.words_locale, providers=providers, use_weighting=False)
    many = 4 if voice.weight >= 50 else 1  # noqa: PLR2004 - the language of most threads needs the most variety
    people.seed_instance(zlib.crc32(f"people {seed} {voice.language}".encode()))
    crowd = tuple(
        _person(people.name(), people.company(), people.phone_number(), people.user_name(), _domain(people))
        for _ in range(24 * many)
    )
    words.seed_instance(zlib.crc32(f"words {seed} {voice.language}".encode()))
    paragraphs = tuple(
        voice.space.join(
            words.sentence(nb_words=9, ext_word_list=voice.words) for _ in range(words.random_int(min=1, max=3))
        )
        for _ in range(40 * many)
    )
    return Tongue(voice, crowd, paragraphs)


def _domain(fake: Any) -> str:
    """The domain of a company, under a name reserved for examples."""
    word = fake.domain_word()
    # Where a locale yields but the form of the company or a number, a suffix makes a name of it.
    return f"{word if len(word) > 4 else word + '-group'}.{fake.random_element(TOP_LEVELS)}"  # noqa: PLR2004


def _person(name: str, firm: str, phone: str, user: str, domain: str) -> Person:
    """A person whose address is first.last where the name can be written in ASCII, else the given user name."""
    plain = unicodedata.normalize("NFKD", name).replace("ß", "ss")
    local = ".".join(word.strip(".-'").lower() for word in plain.split() if not word.endswith("."))
    local = "".join(letter for letter in local if not unicodedata.combining(letter))
    return Person(name, f"{local if local.isascii() and local else user}@{domain}", firm, phone)


# Comments.


@lru_cache(maxsize=256)
def _source(seed: int, source: str) -> tuple[int, str]:
    """(64 bits that set the ids of this source apart, domain of those who answer its e-mails)."""
    rng = random.Random(f"source {seed} {source}")
    return rng.getrandbits(64), rng.choice(_pool(seed).domains)


def _threads(seed: int, source: str, block: int) -> list[tuple[int, int, int]]:
    """(number of the first comment, comments, microseconds from the opening to `until`) of each thread of a block.

    In three blocks of ten two threads open in the same microsecond, as sent by a machine.
    """
    rng = random.Random(f"block {seed} {source} {block}")
    draw = rng.random
    threads: list[tuple[int, int, int]] = []
    used = 0
    while used < BLOCK:
        length = min(_pick(draw, (1, 1, 1, 2, 2, 2, 3, 3, 4)), BLOCK - used)
        threads.append((BLOCK * block + used, length, SPAN - int(draw() * OPENING_SPAN)))
        used += length
    if draw() < 0.3:  # noqa: PLR2004 - makes 5 % of comments
        at = 1 + int(draw() * (len(threads) - 1))
        first, length, _ = threads[at]
        threads[at] = (first, length, threads[at - 1][2])
    return threads


def _thread(seed: int, source: str, first: int, length: int, opened: int) -> list[dict[str, Any]]:
    """The comments of one thread, whose first message is sent at `opened` (microseconds) or just after."""
    rng = random.Random(f"thread {seed} {source} {first}")
    draw = rng.random
    pool = _pool(seed)
    key, home = _source(seed, source)
    tongue = rng.choices(pool.tongues, cum_weights=pool.weights)[0]
    voice = tongue.voice
    at = int(draw() * len(tongue.people))
    customer, colleague = tongue.people[at], tongue.people[at - 1]
    mailbox = f"{_pick(draw, MAILBOXES)}@{home}"
    agent = Person(colleague.name, mailbox, home.partition(".")[0].title(), colleague.phone)
    writer = f'"{customer.name}" <{customer.address}>' if draw() < 0.2 else customer.address  # noqa: PLR2004
    copied = [tongue.people[at - 2 - n].address for n in range(_pick(draw, (0, 0, 0, 0, 1, 2)))]
    terms = {"ref": _pick(draw, REF_PREFIXES) + str(int(draw() * 900_000) + 100_000), "firm": customer.firm}
    subject = _pick(draw, voice.subjects).format_map(terms)
    reply = _pick(draw, voice.reply_marks) + subject
    thread_id = f"{_mix(key ^ WORD ^ first):016x}" if length > 1 or draw() < 0.8 else ""  # noqa: PLR2004

    made: list[dict[str, Any]] = []
    sent, former, turn = opened, "", 0
    for number in range(first, first + length):
        messages: list[dict[str, Any]] = []
        # Some comments are a whole exchange.
        for _ in range(1 if draw() < 0.88 else 2 + int(3 * draw())):  # noqa: PLR2004
            # Whole seconds and whole milliseconds both occur. Rounded up, lest it falls before the 90 days; what opens
            # at the same time is rounded the same way, being rounded by the time alone.
            grain = SECOND if sent // MILLISECOND % 5 < 3 else MILLISECOND  # noqa: PLR2004
            sent = -(-sent // grain) * grain
            answering = turn % 2 == 1
            text, signature = _text(draw, tongue, agent if answering else customer, terms, answering=answering)
            message: dict[str, Any] = {
                "body": {"text": text if not former or draw() < 0.6 else _quoting(text, former)},  # noqa: PLR2004
                "subject": {"text": reply if turn else subject},
                "from": mailbox if answering else writer,
                "to": [writer if answering else mailbox],
                "sent_at": _iso(sent),
                "language": voice.language,
            }
            if copied:
                message["cc"] = list(copied)
            if draw() < 0.02:  # noqa: PLR2004
                message["bcc"] = [f"archive@{home}"]
            if signature:
                message["signature"] = {"text": signature}
            messages.append(message)
            former = text
            turn += 1
            sent += SECOND + int(draw() * LONGEST_WAIT)
        sender, recipient = (
            (mailbox, customer.address) if messages[0]["from"] == mailbox else (customer.address, mailbox)
        )
        properties: dict[str, Any] = {
            "string:Sender Domain": sender.partition("@")[2],
            "string:Recipient Domain": recipient.partition("@")[2],
            "string:Mailbox": mailbox,
            "number:Priority": 1 + int(5 * draw()),
        }
        if draw() < 0.3:  # noqa: PLR2004
            properties["number:Order Value (€)"] = round(10 ** (1 + 4 * draw()), 2)
        comment: dict[str, Any] = {
            "id": _uid(draw, _mix(key + number), home),
            "timestamp": messages[0]["sent_at"],
            "messages": messages,
            "user_properties": properties,
            "attachments": _attachments(draw, terms) if draw() < 0.12 else [],  # noqa: PLR2004
            "text_format": "plain",
        }
        if thread_id:
            comment["thread_id"] = thread_id
        made.append(comment)
    return made


def _iso(time: int) -> str:
    """Microseconds since the epoch as the API writes them: no fraction where it would be zero."""
    return (EPOCH + timedelta(microseconds=time)).isoformat()[:-6] + "Z"


def _mix(number: int) -> int:
    """64 bits that look random and differ for different 64 bits: the finaliser of SplitMix64, a bijection."""
    number &= WORD
    number = ((number ^ (number >> 30)) * 0xBF58_476D_1CE4_E5B9) & WORD
    number = ((number ^ (number >> 27)) * 0x94D0_49BB_1331_11EB) & WORD
    return number ^ (number >> 31)


def _uid(draw: Callable[[], float], token: int, domain: str) -> str:
    """An id in one of the shapes mail systems use; every shape holds the whole of the 64-bit token."""
    text = f"{token:016x}"
    at = draw()
    for share, shape in SHAPES:
        if at < share:
            return shape(text, domain)
    return text


SHAPES: tuple[tuple[float, Callable[[str, str], str]], ...] = (  # in cumulated shares; the rest is the bare token
    (0.07, lambda text, domain: f"CAF3x=Q9{text[:6]}.{text[6:]}@mail.{domain}"),
    (0.12, lambda text, domain: f"<{text[:8]}.{text[8:]}@{domain}>"),
    (0.16, lambda text, _: "AAMkAD" + b2a_base64(bytes.fromhex(text), newline=False).decode().replace("/", "-")),
    (0.20, lambda text, _: f"urn:uuid:{text[:8]}-{text[8:12]}-4{text[12:15]}-8{text[15:]}00-0242ac120002"),
    (0.23, lambda text, domain: f"%3C{text}%40{domain}%3E"),
    (0.26, lambda text, _: f"ticket+{text}:{text[-2:]}=1"),
)


def _attachments(draw: Callable[[], float], terms: dict[str, str]) -> list[dict[str, Any]]:
    """One to three attachments, of 1 KB to 10 MB."""
    return [
        {"name": name.format_map(terms).replace("/", "-"), "size": int(10 ** (3 + 4 * draw())), "content_type": kind}
        for name, kind in (_pick(draw, FILES) for _ in range(_pick(draw, (1, 1, 2, 3))))
    ]


def _text(
    draw: Callable[[], float], tongue: Tongue, person: Person, terms: dict[str, str], *, answering: bool
) -> tuple[str, str]:
    """(body, signature) of one message; the signature is empty where the body ends with the name instead."""
    voice = tongue.voice
    terms = {**terms, "phone": person.phone}
    at = draw()
    if at < 0.08:  # noqa: PLR2004 - the share of one-liners
        return _pick(draw, voice.short).format_map(terms), ""
    parts = [
        _pick(draw, voice.greetings),
        _pick(draw, voice.answers if answering else voice.openings).format_map(terms)
        + voice.space
        + _pick(draw, tongue.paragraphs),
    ]
    parts += [_pick(draw, tongue.paragraphs) for _ in range(_pick(draw, (0, 0, 0, 1, 1, 2)))]
    parts.append(_pick(draw, voice.closings).format_map(terms))
    sign_off = _pick(draw, voice.sign_offs)
    if draw() < 0.4:  # noqa: PLR2004 - the share with a separate signature
        signature = f"{sign_off}\n{person.name}\n{person.firm}\n{person.phone}\n{person.address}"
    else:
        signature = ""
        parts.append(f"{sign_off}\n{person.name}")
    text = "\n\n".join(parts)
    for share, change in ODDITIES:
        if at < share:
            return change(draw, text, terms), signature
    return text, signature


def _quoting(text: str, former: str) -> str:
    """The text above the first lines of the message it answers."""
    lines = [line for line in former.splitlines() if line][:4]
    return "\n".join([text, "", *(f"> {line[:300]}" for line in lines)])


def _with_emoji(draw: Callable[[], float], text: str, _: dict[str, str]) -> str:
    return f"{text} {_pick(draw, EMOJI)}{_pick(draw, EMOJI)}"


def _with_tabs(draw: Callable[[], float], text: str, terms: dict[str, str]) -> str:
    rows = "\n".join(f"{n}\t{terms['ref']}-{n}\t{int(draw() * 90)}\t" for n in (1, 2, 3))
    return f"{text}\n\nPos\tItem\tQty\tNote\n{rows}"


def _with_crlf(_: Callable[[], float], text: str, __: dict[str, str]) -> str:
    return text.replace("\n", "\r\n")


def _as_html(_: Callable[[], float], text: str, terms: dict[str, str]) -> str:
    return f'<div class="x">{text.replace(chr(10), "<br/>")}</div><p>&nbsp;{terms["ref"]} &amp; co. </p><!-- end -->'


def _with_csv(draw: Callable[[], float], text: str, terms: dict[str, str]) -> str:
    amount = f"{draw() * 9000:.2f}"
    return f'ref,"name, first",amount;unit\n"{terms["ref"]}","O""Neil, Ann",{amount};"€"\n,,;\n\n{text}'


def _as_formula(draw: Callable[[], float], text: str, terms: dict[str, str]) -> str:
    return f'=HYPERLINK("https://portal.example.com/?q={terms["ref"]}&n={int(draw() * 99)}","{terms["ref"]}")\n{text}'


def _with_long_line(draw: Callable[[], float], text: str, _: dict[str, str]) -> str:
    tail = f"{int(draw() * 1e15):015d}" * (100 + int(draw() * 200))
    return f"{text}\n\nhttps://tracking.example.com/click?upn={tail}"


ODDITIES: tuple[tuple[float, Callable[[Callable[[], float], str, dict[str, str]], str]], ...] = (
    # In cumulated shares, from where the share of one-liners ends; the rest is ordinary.
    (0.12, _with_emoji),
    (0.15, _with_tabs),
    (0.21, _with_crlf),
    (0.24, _as_html),
    (0.27, _with_csv),
    (0.29, _as_formula),
    (0.30, _with_long_line),
)


# Labels of comments.


@lru_cache(maxsize=64)
def _lines(labels: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """For each label: itself, its parent, its parent's parent, as far as they are labels."""
    known = frozenset(labels)
    lines = []
    for label in labels:
        upward = [*accumulate(label.split(" > "), "{} > {}".format)][::-1]
        lines.append(tuple(name for name in upward if name in known))
    return tuple(lines)


def _predict(draw: Callable[[], float], line: tuple[str, ...], chance: float, chances: dict[str, float]) -> None:
    """Add a label and its ancestors to the predicted `chances`, unless they would become too many."""
    if chances and len(chances.keys() | line) > MOST_PREDICTED:
        return
    for name in line:
        if name in chances and chances[name] > chance:
            chance = chances[name]
        chances[name] = chance
        chance += (1 - chance) * draw()
