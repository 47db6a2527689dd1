"""Exchanges with a tenant, written down as tools that record do."""

from __future__ import annotations

import gzip
import json
from base64 import b64encode
from typing import TYPE_CHECKING, Any, NamedTuple

import yaml

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.wire import Request

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

AT = "2024-03-01T10:00:00Z"
DATE = "Fri, 01 Mar 2024 10:00:00 GMT"
EXPORT = contract.routes()["export_dataset"].path.format(project="acme", dataset_name="support")
DATASETS = contract.routes()["list_datasets"].path
DATASET = contract.routes()["get_dataset"].path.format(project="acme", dataset_name="support")
SOURCES = contract.routes()["list_sources"].path


class Taken(NamedTuple):
    """An exchange, to be written down."""

    method: str
    url: str
    headers: dict[str, str]
    body: str
    status: int
    answer_headers: dict[str, str]
    answer: bytes


def taken(tenant: FakeTenant, method: str, path: str, body: Any = None, **headers: str) -> Taken:
    """An exchange with a tenant."""
    text = "" if body is None else json.dumps(body)
    sent = {**tenant.headers, "Content-Type": "application/json", **headers}
    query = path.partition("?")
    lower = {name.lower(): value for name, value in sent.items()}
    answer = tenant.answer(Request(method, query[0], query[2], lower, text.encode()))
    return Taken(method, tenant.url + path, sent, text, answer.status, answer.headers, answer.body)


def walk(tenant: FakeTenant, limit: int = 16) -> list[Taken]:
    """What a client asks that lists what there is, and exports all of it."""
    found = [taken(tenant, "GET", path) for path in (DATASETS, DATASET, SOURCES)]
    body: dict[str, Any] | None = {"limit": limit}
    while body is not None:
        found.append(taken(tenant, "POST", EXPORT, body))
        page = json.loads(found[-1].answer)
        body = {"limit": limit, "continuation": page["continuation"]} if "continuation" in page else None
    return found


def _named(headers: dict[str, str]) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers.items()]


def har(exchanges: Sequence[Taken], *, packed: bool = False) -> str:
    """As browsers and proxies write it; packed: bodies in base 64, compressed."""

    def content(each: Taken) -> dict[str, Any]:
        if packed:
            return {"text": b64encode(gzip.compress(each.answer, mtime=0)).decode(), "encoding": "base64", "size": 1}
        return {"text": each.answer.decode(), "size": len(each.answer)}

    entries = [
        {
            "startedDateTime": AT,
            "time": 12.5,
            "request": {
                "method": each.method,
                "url": each.url,
                "httpVersion": "HTTP/2",
                "headers": _named({":authority": "x", **each.headers}),
                "queryString": [],
                "cookies": [],
                "postData": {"mimeType": "application/json", "text": each.body},
                "bodySize": len(each.body),
            },
            "response": {
                "status": each.status,
                "headers": _named(each.answer_headers),
                "cookies": [],
                "content": {"mimeType": "application/json", **content(each)},
            },
        }
        for each in exchanges
    ]
    return json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "pages": [], "entries": entries}}, indent=2)


def _interactions(exchanges: Sequence[Taken]) -> dict[str, Any]:
    found = []
    for each in exchanges:
        packed = gzip.compress(each.answer, mtime=0)
        headers = {"Date": DATE, "Content-Encoding": "gzip", "Content-Length": str(len(packed)), **each.answer_headers}
        request = {
            "body": each.body or None,
            "headers": {name: [value] for name, value in each.headers.items()},
            "method": each.method,
            "uri": each.url,
        }
        answer = {
            "body": {"string": packed},
            "headers": {name: [value] for name, value in headers.items()},
            "status": {"code": each.status, "message": "OK"},
        }
        found.append({"request": request, "response": answer})
    return {"interactions": found, "version": 1}


def vcr(exchanges: Sequence[Taken]) -> str:
    """As VCR.py and pytest-recording write it."""
    return str(yaml.dump(_interactions(exchanges)))


def responses(exchanges: Sequence[Taken]) -> str:
    """As the recorder of `responses` writes it."""
    found = [
        {
            "response": {
                "auto_calculate_content_length": False,
                "body": each.answer.decode(),
                "content_type": "application/json",
                "method": each.method,
                "status": each.status,
                "url": each.url,
            }
        }
        for each in exchanges
    ]
    return str(yaml.dump({"responses": found}))


def lines(exchanges: Sequence[Taken]) -> str:
    """JSON Lines, as the docs have them."""
    found = [
        {
            "at": AT,
            "request": {"method": each.method, "url": each.url, "headers": each.headers, "body": each.body},
            "response": {"status": each.status, "headers": each.answer_headers, "json": json.loads(each.answer)},
        }
        for each in exchanges
    ]
    return "".join(json.dumps(each) + "\n" for each in found)


FORMS: dict[str, Callable[[Sequence[Taken]], str]] = {"har": har, "vcr": vcr, "responses": responses, "jsonl": lines}
