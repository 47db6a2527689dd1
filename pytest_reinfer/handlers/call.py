"""What a handler is given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_reinfer.tenant import Tenant, User
    from pytest_reinfer.wire import JSON


@dataclass(frozen=True, slots=True)
class Call:
    """A permitted and valid request: path parameters as text, the body with the defaults of its schema."""

    tenant: Tenant
    user: User
    path: dict[str, str]
    body: JSON
