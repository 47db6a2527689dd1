"""Bodies as they were before they were compressed, and back; what is too large to look into is refused."""

from __future__ import annotations

import gzip
import json
import zlib
from functools import partial
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MOST: Final = 64 * 2**20  # bytes of a body, also once it is decompressed
GZIP: Final = b"\x1f\x8b"
NAMED: Final = 0b11100  # the flags of gzip for what it tells beside the data: more fields, a name, a comment


class TooLarge(ValueError):
    """A body that is larger than is looked into."""


def unpacked(data: bytes) -> tuple[bytes, Callable[[bytes], bytes] | None]:
    """What was compressed by gzip or deflate, framed or not, and what compresses it; other bytes as they are, and None.

    Raises TooLarge.
    """
    if data.startswith(GZIP):
        plain = _inflated(data, zlib.MAX_WBITS | 16)
        return (data, None) if plain is None else (plain, partial(gzip.compress, mtime=0))
    if len(data) > 2 and data[0] & 0x0F == 8 and int.from_bytes(data[:2]) % 31 == 0:  # noqa: PLR2004 -- RFC 1950
        plain = _inflated(data, zlib.MAX_WBITS)
        if plain is not None:
            return plain, zlib.compress
    if data and not is_text(data):
        plain = _inflated(data, -zlib.MAX_WBITS)
        return (data, None) if plain is None else (plain, partial(zlib.compress, wbits=-zlib.MAX_WBITS))
    return data, None


def is_text(data: bytes) -> bool:
    """Whether bytes are UTF-8."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def decoded(data: bytes) -> tuple[str, str]:
    """The text that bytes are, and its encoding: one of those of JSON, or else Latin-1, which any bytes are."""
    for encoding in (json.detect_encoding(data), "utf-8"):
        try:
            return data.decode(encoding), encoding
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1"), "latin-1"


def is_named(data: bytes) -> bool:
    """Whether bytes are compressed by gzip together with the name of a file, or the like."""
    return data.startswith(GZIP) and len(data) > 3 and bool(data[3] & NAMED)  # noqa: PLR2004 -- RFC 1952


def _inflated(data: bytes, bits: int) -> bytes | None:
    parts: list[bytes] = []
    left = MOST
    while data:
        member = zlib.decompressobj(bits)
        try:
            part = member.decompress(data, left + 1)
        except zlib.error:
            return None
        left -= len(part)
        if left < 0:
            raise TooLarge(f"a body has more than {MOST // 2**20} MiB once it is decompressed")
        if not member.eof:
            return None
        parts.append(part)
        data = member.unused_data
    return b"".join(parts)
