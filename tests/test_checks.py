"""Whether an exchange keeps the contract, told of whatever client made it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import requests
from asking import EVERY, Asking

from pytest_reinfer import FakeTenant, contract
from pytest_reinfer.violations import simplest, violations
from pytest_reinfer.wire import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.contract import Breach

URL = "https://acme.reinfer.io"
