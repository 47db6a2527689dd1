"""What holds for every route: headers, refusals, permissions, and how well a rule is known."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from pytest_reinfer.contract.reading import documents


class Error(NamedTuple):
    """One refusal of the API: its status, and its message with named places to fill."""

    status: int
    message: str


def convention(name: str) -> Any:
    """One of the tables in `api.json`, such as `x-headers`."""
    return documents()["api.json"][name]


class Header(NamedTuple):
    """A header of the API: its name, its value with places to fill, and the scheme before a token."""

    name: str
    value: str = ""
    scheme: str = ""


@cache
def header(name: str) -> Header:
    """The header called `name` in `x-headers`."""
    entry = convention("x-headers")[name]
    return Header(entry["name"], entry.get("value", ""), entry.get("scheme", ""))


@cache
def error(name: str) -> Error:
    """The refusal called `name` in `x-errors`."""
    entry = convention("x-errors")[name]
    return Error(entry["status"], entry["message"])


@cache
def display_name(permission: str) -> str:
    """The display name of a permission, which may be said by its machine name too.

    Raises ValueError, naming the permissions that there are, for a name that the API does not know.
    """
    __tracebackhide__ = True
    table = convention("x-permissions")
    display = permissions() | {name: name for name in table}
    if permission not in display:
        raise ValueError(f"{permission!r} is no permission of the API. There are: {', '.join(sorted(table))}.")
    return str(display[permission])


@cache
def permissions() -> dict[str, str]:
    """The display name of each permission by its machine name."""
    return {entry["name"]: name for name, entry in convention("x-permissions").items()}


@cache
def machine_name(permission: str) -> str:
    """The machine name of a permission, which may be said by its display name too; ValueError for an unknown one."""
    __tracebackhide__ = True
    return str(convention("x-permissions")[display_name(permission)]["name"])


@cache
def is_tenants(permission: str) -> bool:
    """Whether a permission is for the whole tenant, and not for one project or another."""
    return bool(convention("x-permissions")[display_name(permission)].get("scope") == "tenant")


@cache
def granted(permission: str) -> frozenset[str]:
    """What a permission gives, itself and the implied ones, by their display names; ValueError for an unknown one."""
    name = display_name(permission)
    implied = convention("x-permissions")[name]["implies"]
    return frozenset({name}).union(*(granted(each) for each in implied))


@cache
def every_permission() -> frozenset[str]:
    """The display names of all permissions."""
    return frozenset(convention("x-permissions"))


def kind(evidence: str) -> str:
    """The kind of an evidence, such as `documented`."""
    return evidence.partition(":")[0]


@cache
def rank(kind: str) -> int:
    """How well rules of a kind of evidence are known: 0 is best. ValueError, naming the kinds, for an unknown one."""
    __tracebackhide__ = True
    kinds = convention("x-evidence-kinds")
    if kind not in kinds:
        raise ValueError(f"{kind!r} is no kind of evidence. There are, the best known first: {', '.join(kinds)}.")
    return list(kinds).index(kind)
