"""Export a Communications Mining dataset to JSON Lines or CSV, and go on where an export failed.

The tenant is in REINFER_ENDPOINT (or --endpoint), the API token in REINFER_TOKEN and nowhere else.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import os
import re
import sys
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import quote

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util import Retry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    JSON = dict[str, Any]

TRIES, TIMEOUT = 5, 60  # how often a call is repeated, and the seconds that each may take
HINTS = {
    401: "The token in REINFER_TOKEN is not valid, or no longer: a user has one token at a time.",
    403: 'The user of this token lacks a permission: "View labels" to list, "Export datasets" to export.',
    404: "There is no such dataset at this endpoint: `list` shows those there are.",
}
COLUMNS = ("source_id", "comment_id", "timestamp", "created_at", "from", "subject", "text", "assigned", "predicted")
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 -- as spreadsheets read them


class Failure(Exception):
    """Why the program ends with exit code 1."""


# ------------------------------------------------------------------------------------------------------------- the API


class Bearer(AuthBase):
    """Sends the token; as `auth` and not among the headers, where a .netrc would win over it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Put the token into a request."""
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def connect(token: str, backoff: float) -> requests.Session:
    """Open a session that repeats what failed on the way; an export only reads, so a POST may be repeated too."""
    if not re.fullmatch(r"[!-~]+", token):  # `requests` would quote such a token in its error
        raise Failure("Set REINFER_TOKEN to your API token: printable ASCII without spaces.")
    retry = Retry(
        TRIES,
        backoff_factor=backoff,
        status_forcelist=(429, 502, 503, 504),
        allowed_methods=None,
        raise_on_status=False,
    )
    session = requests.Session()
    session.auth = Bearer(token)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session


def call(session: requests.Session, method: str, url: str, wanted: str, body: JSON | None = None) -> JSON:
    """Ask the API, and raise Failure for whatever is no success that has what is wanted."""
    try:
        response = session.request(method, url, json=body, timeout=TIMEOUT)
    except requests.RequestException as problem:
        raise Failure(f"{method} {url} failed: {problem}") from problem
    try:
        answer = response.json()
    except ValueError:
        answer = None
    if response.ok and isinstance(answer, dict) and answer.get("status") == "ok" and wanted in answer:
        return answer
    message = answer.get("message") if isinstance(answer, dict) else None
    told = message or f"{response.status_code} {response.reason}, and not in the API's words"
    raise Failure(f"{method} {url} was answered: {told}. {HINTS.get(response.status_code, '')}".rstrip())


def datasets(session: requests.Session, endpoint: str) -> list[JSON]:
    """All datasets that the caller may see, by full name."""
    found: list[JSON] = call(session, "GET", f"{endpoint}/api/v1/datasets", "datasets")["datasets"]
    return sorted(found, key=lambda dataset: (dataset["owner"], dataset["name"]))


def pages(session: requests.Session, job: Job, continuation: str | None) -> Iterator[tuple[list[JSON], str | None]]:
    """The pages of an export, each with the continuation that leads to the next; the last one has none."""
    url = f"{job.endpoint}/api/v1/datasets/{quote(job.dataset)}/export"
    while True:
        body = job.query | ({"continuation": continuation} if continuation else {})
        page = call(session, "POST", url, "comments", body)
        continuation = page.get("continuation")
        yield page["comments"], continuation
        if continuation is None:
            return


# ------------------------------------------------------------------------------------------------------------ the files


@dataclass(frozen=True)
class Job:
    """What is exported and how: only the same job can be resumed."""

    endpoint: str
    dataset: str
    format: str
    query: JSON


@dataclass(frozen=True)
class Done:
    """How far an export came: the output is good up to `size` bytes, and goes on with `continuation`."""

    continuation: str | None = None
    size: int = 0
    comments: int = 0


def state_file(output: Path) -> Path:
    """Where it is written how far an export came."""
    return output.with_name(output.name + ".state")


def save(output: Path, job: Job, done: Done) -> None:
    """Write how far an export came: whoever reads it finds all of it, or all of what was there before."""
    new = output.with_name(output.name + ".state.new")
    new.write_text(json.dumps({"job": asdict(job), "done": asdict(done)}), encoding="utf-8")
    new.replace(state_file(output))


def load(output: Path, job: Job) -> Done:
    """How far an export came, if it was this one."""
    try:
        state = json.loads(state_file(output).read_text(encoding="utf-8"))
        begun, done = Job(**state["job"]), Done(**state["done"])
        size = output.stat().st_size
    except FileNotFoundError as problem:
        raise Failure(f"Nothing to resume, there is no {problem.filename}: run without --resume.") from None
    except (ValueError, KeyError, TypeError):
        raise Failure(f"{state_file(output)} cannot be read: run without --resume to start over.") from None
    if begun != job:
        raise Failure(f"{output} was begun with other arguments: repeat those, or run without --resume to start over.")
    if size < done.size:
        raise Failure(f"{output} has lost some of what was written: run without --resume to start over.")
    return done


def opened(output: Path, done: Done) -> BinaryIO:
    """Open the output behind what is good of it."""
    if not done.size:
        state_file(output).unlink(missing_ok=True)
        return output.open("wb")
    file = output.open("r+b")
    file.truncate(done.size)
    file.seek(done.size)
    return file


def export(session: requests.Session, job: Job, output: Path, done: Done) -> Done:
    """Write the rest of an export page by page, noting after each how far it came; the file is touched last."""
    fetched = pages(session, job, done.continuation)
    try:
        first = next(fetched)
        with opened(output, done) as file:
            for entries, continuation in chain([first], fetched):
                file.write(FORMATS[job.format](entries, start=not done.size))
                file.flush()
                reached = Done(continuation, file.tell(), done.comments + len(entries))
                if continuation is not None:
                    save(output, job, reached)
                done = reached
                show(done)
    except (Failure, OSError) as problem:
        if not done.comments:
            raise
        raise Failure(f"{problem}\n{done.comments} comments are safe in {output}: go on by --resume.") from problem
    state_file(output).unlink(missing_ok=True)
    return done


def show(done: Done) -> None:
    """Tell a terminal how far an export came; the API does not say how far it is to go."""
    if sys.stderr.isatty():
        tell(f"{done.comments:,} comments, {done.size / 1e6:,.1f} MB ", end="")


def tell(text: str, end: str = "\n") -> None:
    """Print to stderr; on a terminal, in the place of the progress that may stand there."""
    print("\r\033[K" * sys.stderr.isatty() + text, end=end, file=sys.stderr, flush=True)


def jsonl(entries: Iterable[JSON], *, start: bool) -> bytes:  # noqa: ARG001 -- a start like any other
    """Exported comments as they came, one a line."""
    lines = (json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
    return "".join(lines).encode("utf-8", "backslashreplace")  # half a surrogate pair: \ud800 is how JSON escapes it


def as_csv(entries: Iterable[JSON], *, start: bool) -> bytes:
    """Exported comments as rows, below the names of the columns."""
    text = io.StringIO()
    csv.writer(text).writerows([*([COLUMNS] if start else []), *([harmless(cell) for cell in row(e)] for e in entries)])
    return text.getvalue().encode("utf-8", "backslashreplace")


def row(entry: JSON) -> tuple[str, ...]:
    """The cells of a comment: sender and subject of its first message, the text of all."""
    comment = entry["comment"]
    source_id, _, comment_id = comment["uid"].partition(".")
    messages = comment["messages"]
    first = messages[0] if messages else {}
    return (
        source_id,
        comment_id,
        comment["timestamp"],
        comment["created_at"],
        first.get("from", ""),
        first.get("subject", {}).get("text", ""),
        "\n\n".join(message["body"]["text"] for message in messages),
        "; ".join(label["name"] for label in entry["annotations"]["labels"]["assigned"]),
        "; ".join(f"{label['name']} ({label['probability']:.2f})" for label in entry["predictions"]["labels"]),
    )


def harmless(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.lstrip(" ").startswith(FORMULA) else cell


FORMATS = {"jsonl": jsonl, "csv": as_csv}


# ----------------------------------------------------------------------------------------------------- the command line


def arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser("dataset_export", description=__doc__, allow_abbrev=False)
    endpoint = os.environ.get("REINFER_ENDPOINT", "")
    parser.add_argument("--endpoint", default=endpoint, help="URL of the tenant (default: REINFER_ENDPOINT)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="full name, title and number of sources of each dataset")
    one = commands.add_parser("export", help="write a dataset's comments and labels to a file", allow_abbrev=False)
    one.add_argument("dataset", metavar="PROJECT/DATASET")
    one.add_argument("--format", choices=FORMATS, required=True)
    one.add_argument("--output", type=Path, required=True, metavar="FILE")
    one.add_argument("--limit", type=int, default=256, metavar="N", help="comments per page, at most 256")
    one.add_argument("--order-by", choices=("timestamp", "created_at"), default="timestamp")
    one.add_argument("--from", dest="since", metavar="MOMENT", help="ISO 8601; compared with what --order-by names")
    one.add_argument("--to", dest="until", metavar="MOMENT", help="as --from; inclusive")
    one.add_argument("--resume", action="store_true", help="go on where the same export failed, by FILE.state")
    given = parser.parse_args(argv)
    if not re.match(r"https?://[^/]", given.endpoint):
        parser.error("set REINFER_ENDPOINT or --endpoint to the URL of your tenant, such as https://acme.reinfer.io")
    if given.command == "export" and not re.fullmatch(r"[^/]+/[^/]+", given.dataset):
        parser.error(f"a dataset is named PROJECT/DATASET, not {given.dataset!r}")
    given.endpoint = given.endpoint.rstrip("/")
    return given


def run_list(session: requests.Session, given: argparse.Namespace) -> None:
    """Print a line per dataset, with tabs between full name, title and number of sources."""
    for dataset in datasets(session, given.endpoint):
        title = " ".join(dataset["title"].split())
        print(f"{dataset['owner']}/{dataset['name']}", title, len(dataset["source_ids"]), sep="\t")


def run_export(session: requests.Session, given: argparse.Namespace) -> None:
    """Export a dataset, or the rest of it."""
    query = {"limit": given.limit, "order_by": given.order_by, "from": given.since, "to": given.until}
    asked = {name: value for name, value in query.items() if value is not None}
    job = Job(given.endpoint, given.dataset, given.format, asked)
    done = load(given.output, job) if given.resume else Done()
    done = export(session, job, given.output, done)
    tell(f"{done.comments} comments of {given.dataset} are in {given.output}.")


def main(argv: Sequence[str] | None = None, *, backoff: float = 0.5) -> int:
    """Run the program; its exit code."""
    given = arguments(argv)
    try:
        with connect(os.environ.get("REINFER_TOKEN", "").strip(), backoff) as session:
            (run_list if given.command == "list" else run_export)(session, given)
    except (Failure, OSError) as problem:
        tell(f"dataset_export: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
