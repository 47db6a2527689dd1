"""How anything below the api says no."""

from __future__ import annotations

from pytest_reinfer import contract


class Refused(Exception):
    """The service refuses: `name` is an error of the contract, the fields fill its message."""

    def __init__(self, name: str, **given: object) -> None:
        self.name = name
        self.status, message = contract.error(name)
        super().__init__(message.format(**given))


class RouteNotBuilt(NotImplementedError):
    """The API has this route, and the fake does not answer it; never an answer that looks like the vendor's."""
