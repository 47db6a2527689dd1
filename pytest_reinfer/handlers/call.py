"""What a handler is given."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from pytest_reinfer.tenant import Tenant, User
from pytest_reinfer.wire import JSON


class Call(NamedTuple):
    """A permitted and valid request: path parameters as text, the body with the defaults of its schema."""

    tenant: Tenant
    user: User
    path: Mapping[str, str]
    body: JSON
