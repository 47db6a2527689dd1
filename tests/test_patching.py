"""Replacements of one attribute that end in any order."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import permutations
from typing import TYPE_CHECKING, Any

import pytest

from pytest_reinfer.patching import Link, Replaced

if TYPE_CHECKING:
    from collections.abc import Callable


class Owner:
    """Somebody else's class."""

    def call(self) -> str:
        return "real"


def adding(letter: str) -> Callable[[Link], Callable[..., Any]]:
    def make(link: Link) -> Callable[..., Any]:
        def call(self: Owner) -> str:
            inner: str = link.previous(self)
            return letter + inner if link.open else inner

        return call

    return make


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_replacements_end_in_any_order_and_leave_nothing(order: tuple[int, ...]) -> None:
    real = Owner.call
    stacks = []
    for letter in "abc":
        stack = ExitStack()
        stack.enter_context(Replaced(Owner, "call", adding(letter)))
        stacks.append(stack)
    left = "cba"
    for index in order:
        assert Owner().call() == left + "real"
        stacks[index].close()
        left = left.replace("abc"[index], "")
    assert Owner.call is real


def test_a_foreign_patch_that_outlasts_ours_restores_something_that_leads_on(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Owner.call
    ours = ExitStack()
    ours.enter_context(Replaced(Owner, "call", adding("a")))
    patched = Owner.call
    Owner.call = lambda self: "f" + patched(self)  # type: ignore[method-assign]
    assert Owner().call() == "fareal"
    ours.close()
    assert Owner().call() == "freal"
    Owner.call = patched  # type: ignore[method-assign] # as the foreign patch restores what it found
    assert Owner().call() == "real"
    with Replaced(Owner, "call", adding("b")):
        assert Owner().call() == "breal"
    assert Owner.call is real


def test_an_error_inside_ends_the_replacement() -> None:
    real = Owner.call
    with pytest.raises(ZeroDivisionError), Replaced(Owner, "call", adding("a")):
        _ = 1 / 0
    assert Owner.call is real


# ------------------------------------------------------------------------------------------ and at the edges


def test_a_replacement_that_was_never_opened_may_be_closed() -> None:
    real = Owner.call
    Replaced(Owner, "call", adding("a")).close()
    assert Owner.call is real


def test_a_link_that_a_foreign_patch_keeps_is_passed_by_the_next_replacement() -> None:
    real = Owner.call
    first = Replaced(Owner, "call", adding("a")).open()
    patched = Owner.call
    Owner.call = lambda self: "f" + patched(self)  # type: ignore[method-assign]
    second = Replaced(Owner, "call", adding("b")).open()
    first.close()
    assert Owner().call() == "bfreal"
    second.close()
    assert Owner().call() == "freal"
    Owner.call = patched  # type: ignore[method-assign] # as the foreign patch restores what it found
    with Replaced(Owner, "call", adding("c")):
        assert Owner().call() == "creal"
    assert Owner.call is real


def test_a_mock_that_has_every_attribute_stands_over_ours_and_goes() -> None:
    from unittest import mock  # noqa: PLC0415

    real = Owner.call
    with Replaced(Owner, "call", adding("a")):
        with mock.patch.object(Owner, "call", mock.Mock(return_value="mocked")):
            with Replaced(Owner, "call", adding("b")):
                pass
            assert Owner().call() == "mocked"
        assert Owner().call() == "areal"
    assert Owner.call is real
