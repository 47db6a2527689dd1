"""Upload a CSV of reviews to a Communications Mining source, each review once, however often it is run.

The tenant is in REINFER_ENDPOINT, the API token in REINFER_TOKEN. The CSV is UTF-8 and has the columns id, date,
author, rating, title and text; a date looks like 2024-03-01T09:30:00+01:00. Exit codes: 0 all reviews are stored; 1 it
had to stop, run it again to go on; 2 it was called wrongly; 3 all are stored but for those that are told.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import re
import sys
import time
from collections import Counter
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    JSON = dict[str, Any]

COLUMNS = ("id", "date", "author", "rating", "title", "text")
DATE = "%Y-%m-%dT%H:%M:%S%z"
BATCH, TRIES, TIMEOUT = 500, 6, 60  # comments a request, times that a request is sent, seconds that each may take
LONGEST = 600  # seconds: who is asked to wait for longer stops
PASSING = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)
STOPS = {
    401: "the token in REINFER_TOKEN is not valid, or no longer: a user has one token at a time",
    403: 'the user of this token lacks the permission "Edit messages" in the project',
    404: "there is no such source at this endpoint",
}


class Failure(Exception):
    """Why the program stops before its end."""


class Refused(Exception):
    """The service does not take a batch as it is."""


class Review(NamedTuple):
    """A comment, and the line of the CSV where it starts."""

    line: int
    comment: JSON


# ------------------------------------------------------------------------------------------------------------ the CSV


def read(path: Path) -> tuple[list[Review], list[str]]:
    """The reviews of a file, each once, and what is wrong with the rows that are none."""
    reviews: dict[str, Review] = {}
    wrong, line = [], 1
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, strict=True)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise Failure(f"{path} has no column {', '.join(missing)}: it needs {', '.join(COLUMNS)}")
            line = rows.line_num + 1
            for row in rows:
                try:
                    review = Review(line, comment(row))
                    first = reviews.setdefault(review.comment["id"], review)
                    if first.comment != review.comment:
                        wrong.append(f"{path}:{line}: line {first.line} has another review of the id {row['id']!r}")
                except ValueError as problem:
                    wrong.append(f"{path}:{line}: {problem}")
                line = rows.line_num + 1
    except (UnicodeDecodeError, csv.Error) as problem:
        raise Failure(f"{path} cannot be read, from line {line} on: {problem}") from problem
    return list(reviews.values()), wrong


def comment(row: JSON) -> JSON:
    """A row as a comment; ValueError for what is no review."""
    if None in row or None in row.values():
        raise ValueError("it has more or fewer cells than the header")
    date, rating, author = row["date"].strip(), row["rating"].strip(), row["author"].strip()
    if not (row["title"].strip() or row["text"].strip()):
        raise ValueError("it has neither a title nor a text")
    if rating and not re.fullmatch(r"[0-9]{1,9}([.][0-9]{1,9})?", rating):
        raise ValueError(f"the rating {rating!r} is no number such as 4 or 4.5")
    try:
        moment = datetime.strptime(date, DATE).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"the date {date!r} is not of the form 2024-03-01T09:30:00+01:00") from None
    message: JSON = {"body": {"text": row["text"]}}
    if row["title"].strip():
        message["subject"] = {"text": row["title"]}
    properties = {"string:Author": author, "number:Rating": rating and float(rating)}
    properties = {name: value for name, value in properties.items() if value != ""}
    said = {"timestamp": moment.isoformat(), "messages": [message], "user_properties": properties}
    # Percent-encoded, for an id may hold any letter and that of a comment not; no such id holds a colon.
    name = quote(row["id"].strip(), safe="") or f"content:{digest(said)}"
    return {"id": name, **said}


def digest(value: object) -> str:
    """A name that follows from a value alone."""
    return sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


# ------------------------------------------------------------------------------------------------------------- the API


def bearer(token: str) -> Callable[[requests.PreparedRequest], requests.PreparedRequest]:
    """Sends the token; as `auth` and not among the headers, where a .netrc would win over it."""

    def send(request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return send


def sync(session: requests.Session, url: str, comments: list[JSON]) -> JSON:
    """Upload a batch, again and again while that may help: what is stored twice under one id is there once."""
    told = ""
    for attempt in range(TRIES):
        wait = 2.0**attempt
        try:
            answer = session.post(url, json={"comments": comments}, timeout=TIMEOUT, allow_redirects=False)
        except PASSING as problem:
            told = str(problem)
        else:
            body = parsed(answer)
            told = body.get("message") or f"{answer.status_code} {answer.reason}, and not in the API's words"
            if answer.ok and body.get("status") == "ok":
                return body
            if answer.status_code in (400, 413, 422):
                raise Refused(told)
            if 300 <= answer.status_code < 500 and answer.status_code != 429:  # noqa: PLR2004 -- the client's fault
                raise Failure(f"{url} answered {told}: {STOPS.get(answer.status_code, 'that will not change')}")
            wait = asked_to_wait(answer) or wait
        if wait > LONGEST:
            raise Failure(f"{url} is to be left alone for {wait:.0f} seconds: {told}")
        if attempt < TRIES - 1:
            time.sleep(wait)
    raise Failure(f"{url} failed {TRIES} times, at last so: {told}")


def parsed(answer: requests.Response) -> JSON:
    """The JSON of an answer; empty where it is none."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def asked_to_wait(answer: requests.Response) -> float:
    """The seconds of a Retry-After, which may be a date; 0 where there is none that can be read."""
    asked = answer.headers.get("Retry-After", "")
    try:
        return float(asked) if asked.isdecimal() else max(0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return 0


def upload(session: requests.Session, url: str, reviews: Sequence[Review]) -> tuple[Counter[str], list[str]]:
    """Upload reviews: what became of how many, and what was refused; halves a batch until it is known which one."""
    if not reviews:
        return Counter(), []
    try:
        answer = sync(session, url, [review.comment for review in reviews])
    except Refused as problem:
        if len(reviews) == 1:
            return Counter(), [f"{reviews[0].line}: the service refused the review: {problem}"[:500]]
        half = len(reviews) // 2
        (counts, refused), (more, others) = upload(session, url, reviews[:half]), upload(session, url, reviews[half:])
        return counts + more, refused + others
    return Counter({name: answer.get(name, 0) for name in ("new", "updated", "unchanged")}), []


# --------------------------------------------------------------------------------------------------------- the progress


def load(file: Path, job: str) -> tuple[int, list[str]]:
    """How many reviews of a job were answered, and which were refused; none where the file is of another job.

    Another CSV, source or tenant starts over, and that is safe: a review has the same id at every run.
    """
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        return (state["done"], state["refused"]) if state["job"] == job else (0, [])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return 0, []


def save(file: Path, job: str, done: int, refused: list[str]) -> None:
    """Note how far a job came: whoever reads it finds all of it, or all of what was there before."""
    new = file.with_name(file.name + ".new")
    new.write_text(json.dumps({"job": job, "done": done, "refused": refused}), encoding="utf-8")
    new.replace(file)


# ----------------------------------------------------------------------------------------------------- the command line


def run(path: Path, source: str, batch: int) -> int:
    """Upload a file, or the rest of it; the exit code."""
    endpoint, token = os.environ.get("REINFER_ENDPOINT", "").rstrip("/"), os.environ.get("REINFER_TOKEN", "").strip()
    if not re.match(r"https?://[^/]", endpoint) or not re.fullmatch(r"[!-~]+", token):
        raise Failure("set REINFER_ENDPOINT to the URL of your tenant and REINFER_TOKEN to your API token")
    url = f"{endpoint}/api/v1/sources/{quote(source)}/sync"
    reviews, wrong = read(path)
    file, job = path.with_name(path.name + ".progress"), digest([url, [review.comment for review in reviews]])
    done, refused = load(file, job)
    counts = Counter[str](stored_before=done - len(refused))
    with requests.Session() as session:
        session.auth = bearer(token)
        for start in range(done, len(reviews), batch):
            part = reviews[start : start + batch]
            found, more = upload(session, url, part)
            counts += found
            refused += (f"{path}:{each}" for each in more)
            save(file, job, start + len(part), refused)
    file.unlink(missing_ok=True)  # all is answered
    told = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in counts.items() if count)
    print(f"{path}: {told or 'nothing to upload'}")
    for each in (*wrong, *refused):
        print(each, file=sys.stderr)
    return 3 if wrong or refused else 0


def main(argv: Sequence[str] | None = None) -> int:
    """Run the program; its exit code."""
    parser = argparse.ArgumentParser("review_upload", description=__doc__, allow_abbrev=False)
    parser.add_argument("csv", type=Path, metavar="CSV")
    parser.add_argument("source", metavar="PROJECT/SOURCE")
    parser.add_argument("--batch", type=int, default=BATCH, metavar="N", help=f"comments a request ({BATCH})")
    given = parser.parse_args(argv)
    if not re.fullmatch(r"[^/]+/[^/]+", given.source):
        parser.error(f"a source is named PROJECT/SOURCE, not {given.source!r}")
    if given.batch < 1:
        parser.error("a batch has one comment at least")
    try:
        return run(given.csv, given.source, given.batch)
    except (Failure, OSError) as problem:
        print(f"review_upload: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
