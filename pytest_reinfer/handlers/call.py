"""What a handler is given."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_reinfer.tenant import Tenant, User
    from pytest_reinfer.wire import JSON


class Call(NamedTuple):
    """A permitted and valid request: path parameters as text; query and body with the defaults of their schemas."""

    tenant: Tenant
    user: User
    path: Mapping[str, str]
    query: JSON
    body: JSON
