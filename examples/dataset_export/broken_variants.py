"""Three ways to get an export wrong that look right: each is one function in the place of one of the program's."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import quote

from dataset_export import call, pages, row

if TYPE_CHECKING:
    from collections.abc import Iterator

    import requests

    from dataset_export import JSON, Job


def forgets_the_continuation(
    session: requests.Session, job: Job, continuation: str | None
) -> Iterator[tuple[list[JSON], str | None]]:
    """In the place of `pages`: the first page is all there is."""
    return islice(pages(session, job, continuation), 1)


def stops_on_a_short_page(
    session: requests.Session, job: Job, continuation: str | None
) -> Iterator[tuple[list[JSON], str | None]]:
    """In the place of `pages`: a page is the last one where it is short, and not where it has no continuation."""
    url = f"{job.endpoint}/api/v1/datasets/{quote(job.dataset)}/export"
    body = job.query | ({"continuation": continuation} if continuation else {})
    while True:
        page = call(session, "POST", url, "comments", body)
        yield page["comments"], page.get("continuation")
        if len(page["comments"]) < job.query["limit"]:
            return
        body["continuation"] = page["continuation"]


def splits_the_uid_at_its_last_dot(entry: JSON) -> tuple[str, ...]:
    """In the place of `row`: the part behind the last dot is taken for the comment's id, which may hold dots."""
    source_id, _, comment_id = entry["comment"]["uid"].rpartition(".")
    return (source_id, comment_id, *row(entry)[2:])
