"""Every route in eight threads at once, at a tenant of each thread's own: the same results as in one."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from asking import arrange, asked
from conftest import SENDERS, in_threads

from pytest_reinfer import FakeTenant, contract

if TYPE_CHECKING:
    from collections.abc import Callable

BUILT = [route for route in contract.routes().values() if route.built]


def results(sender: Callable[..., Any], number: int) -> list[tuple[str, int, bytes]]:
    """What every route answers to a tenant of the same seed at a URL of its own, each as the tenant was arranged."""
    found = []
    with FakeTenant(f"https://t{number}.example") as tenant:
        arrange(tenant)
        arranged = tenant.snapshot()
        for route in BUILT:
            tenant.restore(arranged)
            path, body = asked(route, tenant)
            headers = {**tenant.headers, "Content-Type": "application/json"}
            answer = sender(tenant, route.method, path, headers, b"" if body is None else json.dumps(body).encode())
            found.append((route.name, answer.status, answer.body))
        assert [(each.route, each.status) for each in tenant.requests] == [each[:2] for each in found]
    return found


@pytest.mark.parametrize("door", [door for door, sender in SENDERS.items() if sender is not None])
def test_eight_threads_get_what_one_gets(door: str) -> None:
    sender: Any = SENDERS[door]
    alone = results(sender, 0)
    assert {status for _, status, _ in alone} == {200}
    together: dict[int, Any] = {}
    in_threads(lambda number: together.update({number: results(sender, number)}))
    assert [together[number] for number in range(8)] == [alone] * 8
