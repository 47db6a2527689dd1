"""The content of seeded tenants: reproducible, valid, and varied enough to break a naive client."""

import hashlib
import json
import os
import re
import subprocess
import sys
import unicodedata
from collections import Counter
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from pytest_reinfer import content

UNTIL = 1_700_000_000_000_000
SOURCE = "acme/support"
ID = re.compile(r"[\w\x21-\x2e\x3a-\x40\x5b-\x60\x7b-\x7e]{1,1024}", re.ASCII)
STAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3}000)?Z")
REPLY = re.compile(r"^(?:Re|RE|AW): ")


@lru_cache
def many() -> tuple[dict[str, Any], ...]:
    return content.comments(7, SOURCE, 0, 500, UNTIL)


def digest(seed: int) -> str:
    labels = content.label_tree(seed, "acme/triage")
    made = content.comments(seed, SOURCE, 0, 60, UNTIL)
    marked = [content.marks(seed, "acme/triage", comment["id"], labels, has_sentiment=True) for comment in made]
    everything = [made, labels, marked]
    return hashlib.sha256(json.dumps(everything).encode()).hexdigest()


def texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [text for key, item in value.items() for text in [key, *texts(item)]]
    return [text for item in value for text in texts(item)] if isinstance(value, list) else []


def bodies() -> list[str]:
    return [message["body"]["text"] for comment in many() for message in comment["messages"]]


def threads() -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for comment in many():
        if "thread_id" in comment:
            found.setdefault(comment["thread_id"], []).append(comment)
    return found


def micros(stamp: str) -> int:
    whole, _, fraction = stamp.removesuffix("Z").partition(".")
    return int(datetime.fromisoformat(f"{whole}+00:00").timestamp()) * 1_000_000 + int(fraction or 0)


def output(program: str, **environment: str) -> str:
    """What the program prints in a process of its own that finds the same modules, this one included."""
    path = os.pathsep.join([*sys.path, str(Path(__file__).parent)])
    answer = subprocess.run(  # noqa: S603 - this very interpreter
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": path, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return answer.stdout.strip()


@pytest.mark.parametrize("hash_seed", ["1", "2"])
def test_a_seed_gives_the_same_content_in_every_process(hash_seed: str) -> None:
    assert output("from test_content import digest; print(digest(7))", PYTHONHASHSEED=hash_seed) == digest(7)


def test_another_seed_gives_other_content() -> None:
    assert digest(7) != digest(8)
    assert not {comment["id"] for comment in many()} & {c["id"] for c in content.comments(8, SOURCE, 0, 500, UNTIL)}


def test_another_source_gives_other_comments() -> None:
    others = content.comments(7, "acme/sales", 0, 500, UNTIL)
    assert not {comment["id"] for comment in many()} & {comment["id"] for comment in others}


def test_another_end_moves_the_times_and_nothing_else() -> None:
    def timeless(comments: tuple[dict[str, Any], ...]) -> str:
        return STAMP.sub("", json.dumps(comments))

    later = content.comments(7, SOURCE, 0, 500, UNTIL + 123_456_789_000)
    assert timeless(later) == timeless(many())
    assert all(one["timestamp"] < other["timestamp"] for one, other in zip(many(), later, strict=True))


@pytest.mark.parametrize("size", [1, 2, 7, 12, 13, 100])
def test_a_comment_does_not_depend_on_the_batch_it_is_made_in(size: int) -> None:
    made: list[dict[str, Any]] = []
    for start in range(0, 100, size):
        made += content.comments(7, SOURCE, start, size, UNTIL)
    assert made[:100] == list(many()[:100])


def test_a_batch_has_as_many_comments_as_were_asked_for() -> None:
    assert [len(content.comments(7, SOURCE, 5, count, UNTIL)) for count in (0, 1, 30)] == [0, 1, 30]


def test_ids_are_unique_and_in_the_allowed_alphabet() -> None:
    ids = [comment["id"] for comment in content.comments(7, SOURCE, 0, 5000, UNTIL)]
    assert len(set(ids)) == len(ids)
    assert all(ID.fullmatch(uid) for uid in ids)
    assert sum(bool(re.fullmatch("[0-9a-f]{16}", uid)) for uid in ids) > len(ids) / 2


@pytest.mark.parametrize("character", ".:+=%@<")
def test_some_ids_hold_characters_that_naive_clients_stumble_over(character: str) -> None:
    assert any(character in comment["id"] for comment in many())


def test_times_are_written_as_the_platform_writes_them() -> None:
    stamps = [message["sent_at"] for comment in many() for message in comment["messages"]]
    assert all(STAMP.fullmatch(stamp) for stamp in stamps)
    assert not any(stamp.endswith(".000000Z") for stamp in stamps)
    assert 0.2 < sum("." in stamp for stamp in stamps) / len(stamps) < 0.8


@pytest.mark.parametrize("until", [UNTIL, UNTIL + 1, UNTIL + 123_456])
def test_times_fall_in_the_ninety_days_before_the_end(until: int) -> None:
    made = content.comments(7, SOURCE, 0, 2000, until)
    times = [micros(message["sent_at"]) for comment in made for message in comment["messages"]]
    assert until - 90 * 86_400_000_000 <= min(times) < max(times) <= until


def test_the_order_of_numbers_is_not_the_order_of_times() -> None:
    stamps = [comment["timestamp"] for comment in many()]
    assert stamps != sorted(stamps)


def test_some_five_per_cent_of_comments_share_their_time_with_another() -> None:
    made = content.comments(7, SOURCE, 0, 3000, UNTIL)
    shared = Counter(comment["timestamp"] for comment in made)
    assert 0.03 < sum(times for times in shared.values() if times > 1) / len(made) < 0.08


def test_a_comment_has_the_time_of_its_first_message_and_the_rest_follow() -> None:
    for comment in many():
        sent = [micros(message["sent_at"]) for message in comment["messages"]]
        assert comment["timestamp"] == comment["messages"][0]["sent_at"]
        assert sent == sorted(set(sent))


def test_a_thread_has_one_subject_one_language_and_the_same_participants() -> None:
    for comments in threads().values():
        messages = [message for comment in comments for message in comment["messages"]]
        assert len({REPLY.sub("", message["subject"]["text"]) for message in messages}) == 1
        assert len({message["language"] for message in messages}) == 1
        assert len({frozenset([m["from"], *m["to"], *m.get("cc", [])]) for m in messages}) == 1
        assert all(REPLY.match(message["subject"]["text"]) for message in messages[1:])
        assert [m["sent_at"][:19] for m in messages] == sorted(m["sent_at"][:19] for m in messages)


def test_threads_have_one_to_four_comments_with_consecutive_numbers() -> None:
    assert {len(comments) for comments in threads().values()} == {1, 2, 3, 4}
    number = {comment["id"]: n for n, comment in enumerate(many())}
    for comments in threads().values():
        first = number[comments[0]["id"]]
        assert [number[comment["id"]] for comment in comments] == list(range(first, first + len(comments)))


def test_some_comments_have_no_thread_and_some_hold_a_whole_exchange() -> None:
    assert any("thread_id" not in comment for comment in many())
    assert {len(comment["messages"]) for comment in many()} == {1, 2, 3, 4}


def test_some_replies_quote_the_former_message() -> None:
    assert any("\n> " in body for body in bodies())


def test_at_least_six_scripts_are_seen() -> None:
    letters = {letter for body in bodies() for letter in body if letter.isalpha()}
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    assert scripts >= {"LATIN", "CYRILLIC", "ARABIC", "CJK", "HIRAGANA", "KATAKANA", "DEVANAGARI"}


def test_addresses_are_ascii_on_domains_that_nobody_owns() -> None:
    for comment in many():
        for message in comment["messages"]:
            for participant in [message["from"], *message["to"], *message.get("cc", []), *message.get("bcc", [])]:
                address = participant.rpartition("<")[2].removesuffix(">")
                assert re.fullmatch(r"[a-z0-9_.'-]+@[a-z0-9-]+(\.co)?\.example(\.com|\.net|\.org)?", address)


@pytest.mark.parametrize(
    "pattern",
    [r"\t", r"\r\n", r"<div", r'(?m)^"[^"]+","O""Neil', r"\A=", r"[^\n]{1500}", "[😀-🙏👍📦❤🇬👩]", r"\A[^\n]{1,40}\Z"],
    ids=["tabs", "CRLF", "HTML", "CSV", "formula", "long line", "emoji", "one-liner"],
)
def test_some_texts_are_awkward(pattern: str) -> None:
    assert any(re.search(pattern, body) for body in bodies())


def test_all_text_can_be_encoded_and_nothing_is_left_to_fill_in() -> None:
    for text in texts(list(many())):
        assert text.encode("utf-8").decode("utf-8") == text
        assert not re.search(r"\{\w+\}", text)


def test_a_comment_has_the_size_of_a_typical_email() -> None:
    sizes = [len(json.dumps(comment, ensure_ascii=False).encode()) for comment in many()]
    assert 1000 <= sum(sizes) / len(sizes) <= 2000


def test_properties_carry_their_type_in_the_key() -> None:
    for comment in many():
        properties = comment["user_properties"]
        assert properties.keys() >= {"string:Sender Domain", "string:Recipient Domain", "string:Mailbox"}
        assert type(properties["number:Priority"]) is int
        assert type(properties.get("number:Order Value (€)", 0.5)) is float
        sender = comment["messages"][0]["from"].rpartition("@")[2].removesuffix(">")
        assert properties["string:Sender Domain"] == sender


def test_some_comments_have_one_to_three_attachments() -> None:
    counts = Counter(len(comment["attachments"]) for comment in many())
    assert counts.keys() == {0, 1, 2, 3}
    assert 0.8 < counts[0] / 500 < 0.95
    kept = [attachment for comment in many() for attachment in comment["attachments"]]
    assert all(attachment.keys() == {"name", "size", "content_type"} for attachment in kept)
    assert all(type(attachment["size"]) is int and attachment["size"] > 0 for attachment in kept)


def test_every_parent_of_a_label_is_a_label_and_stands_before_it() -> None:
    for seed in range(200):
        labels = content.label_tree(seed, "acme/triage")
        assert 14 <= len(labels) == len(set(labels)) <= 20
        for position, label in enumerate(labels):
            parent = label.rpartition(" > ")[0]
            assert not parent or parent in labels[:position]
        assert max(label.count(" > ") for label in labels) == 2


def test_every_label_tree_has_a_name_beyond_ascii_and_one_with_punctuation() -> None:
    for seed in range(200):
        labels = content.label_tree(seed, "acme/triage")
        assert not all(label.isascii() for label in labels)
        assert any(re.search("[^\\w >()]", label) for label in labels)


def marked(*, has_sentiment: bool) -> list[tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]]:
    labels = content.label_tree(7, "acme/triage")
    return [content.marks(7, "acme/triage", f"0{n:x}", labels, has_sentiment=has_sentiment) for n in range(2000)]


def test_some_sixty_per_cent_of_comments_have_no_assigned_label() -> None:
    counts = Counter(len(assigned) for assigned, _ in marked(has_sentiment=True))
    assert counts.keys() == {0, 1, 2, 3}
    assert 0.55 < counts[0] / 2000 < 0.65


def test_the_parent_of_an_assigned_label_is_assigned_before_it() -> None:
    for assigned, _ in marked(has_sentiment=True):
        names = [label["name"] for label in assigned]
        assert len(set(names)) == len(names)
        for position, name in enumerate(names):
            parent = name.rpartition(" > ")[0]
            assert not parent or parent in names[:position]


def test_predictions_are_sorted_bounded_and_hold_the_parents() -> None:
    seen = set()
    for _, predicted in marked(has_sentiment=True):
        seen.add(len(predicted))
        chances = [label["probability"] for label in predicted]
        names = [label["name"] for label in predicted]
        assert chances == sorted(chances, reverse=True)
        assert len(set(names)) == len(names)
        assert all(0 <= chance <= 1 for chance in chances)
        assert all(-1 <= label["sentiment"] <= 1 for label in predicted)
        for position, name in enumerate(names):
            parent = name.rpartition(" > ")[0]
            assert not parent or parent in names[:position]
    assert seen == {0, 1, 2, 3, 4, 5}


def test_there_is_no_sentiment_in_a_dataset_without() -> None:
    for assigned, predicted in marked(has_sentiment=False):
        assert all(label.keys() == {"name"} for label in assigned)
        assert all(label.keys() == {"name", "probability"} for label in predicted)


def test_sentiment_does_not_change_which_labels_there_are() -> None:
    def names(marks: list[tuple[tuple[dict[str, Any], ...], tuple[dict[str, Any], ...]]]) -> list[list[str]]:
        return [[label["name"] for side in one for label in side] for one in marks]

    assert names(marked(has_sentiment=True)) == names(marked(has_sentiment=False))
    sentiments = {label["sentiment"] for assigned, _ in marked(has_sentiment=True) for label in assigned}
    assert sentiments == {"positive", "negative"}


@pytest.mark.parametrize(
    "labels", [(), ("One",), ("Lost > Child",), tuple(" > ".join("abcdefgh"[:n]) for n in (1, 2, 8))]
)
def test_marks_name_nothing_but_the_labels_given(labels: tuple[str, ...]) -> None:
    for n in range(100):
        for side in content.marks(7, "acme/triage", str(n), labels, has_sentiment=True):
            assert {label["name"] for label in side} <= set(labels)


def test_faker_is_imported_only_when_comments_are_made() -> None:
    program = (
        "import sys; from pytest_reinfer import content; content.label_tree(1, 'a/b');"
        "content.marks(1, 'a/b', 'c', ('d',), has_sentiment=True); print('faker' in sys.modules)"
    )
    assert output(program) == "False"
