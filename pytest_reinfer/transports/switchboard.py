"""All doors as one set, and many tenants behind it: what a test costs then is an entry in a list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_reinfer.transports import http_client, requests
from pytest_reinfer.transports.arrivals import Arrivals

if TYPE_CHECKING:
    from pytest_reinfer.wire import Place


class Tenant(Protocol):
    """Whatever knows its own URLs."""

    def locate(self, url: str) -> Place | None:
        """The place of a URL, None if it is not this tenant's."""

    def serves(self, origin: str) -> bool:
        """Whether it has URLs at a scheme, host and port, such as `https://acme.example:443`."""


class Door(Protocol):
    """What leads a client to a tenant while it is open."""

    @property
    def on_top(self) -> bool:
        """Whether no foreign patch has come over it."""

    def open(self) -> object:
        """Lead there."""

    def close(self) -> None:
        """Lead there no longer."""


def doors(tenant: Tenant) -> list[Door]:
    """The doors of all clients, still closed."""
    return [
        *requests.doors(tenant.locate),
        *http_client.doors(tenant.locate, tenant.serves),
        Arrivals(tenant.locate),
    ]


class Switchboard:
    """Leads clients to that of its tenants whose URL it is; of two with one URL, to the later.

    The doors open for the first tenant and stay open for the next ones.
    """

    def __init__(self) -> None:
        self._tenants: tuple[Tenant, ...] = ()
        self._doors: list[Door] = []

    def plug(self, tenant: Tenant) -> None:
        """Answer at a tenant's URL from now on."""
        self._tenants = (tenant, *self._tenants)
        self._doors = self._doors or doors(self)
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

    def serves(self, origin: str) -> bool:
        """Whether one of the tenants has URLs at a scheme, host and port."""
        return any(tenant.serves(origin) for tenant in self._tenants)

    def close(self) -> None:
        """Close the doors."""
        for door in reversed(self._doors):
            door.close()
        self._doors = []
