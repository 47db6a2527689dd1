"""Many tenants behind one set of doors: what a test costs then is an entry in a list."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Protocol

from pytest_reinfer.transports import requests

if TYPE_CHECKING:
    from pytest_reinfer.patching import Replaced
    from pytest_reinfer.transports.urllib3 import Locate
    from pytest_reinfer.wire import Place


def doors(locate: Locate) -> list[Replaced]:
    """The doors for the clients that this process has."""
    found = requests.doors(locate)
    if "aiohttp" in sys.modules:
        from pytest_reinfer.transports import aiohttp  # noqa: PLC0415 -- it is there only in some processes

        found += aiohttp.doors(locate)
    return found


class Tenant(Protocol):
    """Whatever knows its own URLs."""

    def locate(self, url: str) -> Place | None:
        """The place of a URL, None if it is not this tenant's."""


class Switchboard:
    """Leads clients to that of its tenants whose URL it is; of two with one URL, to the later.

    The doors open for the first tenant and stay open for the next ones.
    """

    def __init__(self) -> None:
        self._tenants: tuple[Tenant, ...] = ()
        self._doors: list[Replaced] = []

    def plug(self, tenant: Tenant) -> None:
        """Answer at a tenant's URL from now on."""
        self._tenants = (tenant, *self._tenants)
        self._doors = self._doors or doors(self.locate)
        for door in self._doors:
            if not door.on_top:  # a foreign patch has come over it since, and may take it along when it goes
                door.close()
                door.open()

    def unplug(self, tenant: Tenant) -> None:
        """Answer no longer."""
        self._tenants = tuple(each for each in self._tenants if each is not tenant)

    def locate(self, url: str) -> Place | None:
        """The place of a URL at one of the tenants."""
        for tenant in self._tenants:
            place = tenant.locate(url)
            if place is not None:
                return place
        return None

    def close(self) -> None:
        """Close the doors."""
        for door in reversed(self._doors):
            door.close()
        self._doors = []
