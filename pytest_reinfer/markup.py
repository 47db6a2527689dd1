"""The layout of a comment's texts, which callers get where they ask for it."""

from __future__ import annotations

import json
from typing import Final

from pytest_reinfer.comments import MARKED
from pytest_reinfer.tenant import encode

MARKUP: Final = ("text_markup", "translated_from_markup")
PARTS: Final = ("body", "signature")  # of a message, those that may have it


def without(data: bytes) -> bytes:
    """A comment as it is stored, without the layout of its texts."""
    if MARKED not in data:
        return data
    comment = json.loads(data)
    for message in comment["messages"]:
        for text in (message[part] for part in PARTS if part in message):
            for name in MARKUP:
                text.pop(name, None)
    return encode(comment)
