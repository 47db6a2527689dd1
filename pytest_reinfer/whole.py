"""Files that are written whole or not at all, and the reports that users want in one."""

from __future__ import annotations

import os
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

PRIVATE: Final = 0o600  # who may read and write a new file: its owner
USUAL: Final = 0o666  # whoever the umask leaves


def report(text: str, where: str | None, folder: Path = Path()) -> None:
    """Write what a user asked for to standard output, which is "-" too, or in the place of a file of that folder.

    Folders that are missing are made. Raises OSError.
    """
    if where is None or where == "-":
        sys.stdout.write(text)
        sys.stdout.flush()
        return
    with shown(folder / where) as file:
        file.write(text.encode(errors="replace"))


@contextmanager
def shown(path: Path) -> Iterator[IO[bytes]]:
    """The same as `replacing`, for a file that is no secret: its mode is that of the other, or the usual one."""
    place = Path(os.path.realpath(path))
    place.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path, mode_of=place) if place.is_file() else replacing(path, mode=USUAL) as file:
        yield file


@contextmanager
def replacing(path: str | os.PathLike[str], *, mode_of: Path | None = None, mode: int = PRIVATE) -> Iterator[IO[bytes]]:
    """A file to write what is to stand in the place of another; where that fails, the other is as it was.

    A link is followed; a device or a pipe stays what it is and is written to. A file has the mode of `mode_of`, or
    `mode` by the umask. Raises OSError.
    """
    if Path(path).exists() and not Path(path).is_file():  # as the system sees it: a pipe has no real path
        with Path(path).open("wb") as file:
            yield file
        return
    place = Path(os.path.realpath(path))
    temporary = place.with_name(f".{token_hex(8)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    try:
        os.close(descriptor)
        with temporary.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if mode_of is not None:
            shutil.copymode(mode_of, temporary)
        temporary.replace(place)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with suppress(OSError, AttributeError):  # the name is safe too, where folders can be synchronised
        folder = os.open(place.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
