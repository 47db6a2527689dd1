"""The contract of the API: what `schemas/` say, and whether exchanges keep it.

`breaches(request, response)` names every rule that an exchange breaks, and `assert_kept` raises them; both take what
`requests` and httpx have, this package's own values, and mappings. The rest reads the routes, the objects, the limits,
the permissions and the messages.
"""

from __future__ import annotations

from pytest_reinfer.contract.checks import Breach, assert_kept, breaches
from pytest_reinfer.contract.conventions import (
    Error,
    Header,
    convention,
    display_name,
    error,
    every_permission,
    granted,
    header,
    is_tenants,
    kind,
    machine_name,
    permissions,
    rank,
)
from pytest_reinfer.contract.exchanges import below, is_below, request_of, response_of
from pytest_reinfer.contract.reading import BASE, documents, folder, node, target
from pytest_reinfer.contract.routing import (
    Match,
    Route,
    batch,
    given,
    kinds,
    match,
    nearest,
    pages,
    query,
    query_names,
    reads,
    routes,
    takes_body,
    takes_query,
)
from pytest_reinfer.contract.shapes import Part, Shape, member, names, shape
from pytest_reinfer.contract.validation import Problem, problem, valid, with_defaults, words

__all__ = [
    "BASE",
    "Breach",
    "Error",
    "Header",
    "Match",
    "Part",
    "Problem",
    "Route",
    "Shape",
    "assert_kept",
    "batch",
    "below",
    "breaches",
    "convention",
    "display_name",
    "documents",
    "error",
    "every_permission",
    "folder",
    "given",
    "granted",
    "header",
    "is_below",
    "is_tenants",
    "kind",
    "kinds",
    "machine_name",
    "match",
    "member",
    "names",
    "nearest",
    "node",
    "pages",
    "permissions",
    "problem",
    "query",
    "query_names",
    "rank",
    "reads",
    "request_of",
    "response_of",
    "routes",
    "shape",
    "takes_body",
    "takes_query",
    "target",
    "valid",
    "with_defaults",
    "words",
]
