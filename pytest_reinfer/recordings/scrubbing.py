"""Writes recordings again without what they give away; a file in which any of it is left is not written."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pytest_reinfer.recordings import exchanges, files
from pytest_reinfer.recordings.scrubber import MOST_KNOWN, Scrubber
from pytest_reinfer.whole import replacing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_reinfer.recordings.files import Form, Piece
    from pytest_reinfer.recordings.scrubber import Found


class Refused(Exception):
    """A file that was not written, and why."""


def scrub(path: Path, scrubber: Scrubber, target: Path) -> None:
    """Write a recording without secrets in the place of `target`, in the same form, whole or not at all.

    scrubber: the one that has looked at all recordings of the run. Raises Refused where secrets would be left, and
    BadRecording and OSError as reading does.
    """
    if scrubber.overflowed:
        raise Refused(
            f"there are more than {MOST_KNOWN} different passwords, tokens and cookies in these files, too many to "
            "look for each of them everywhere: take the files in several runs, or parts of a file"
        )
    if target.exists() and not target.is_file():
        raise Refused(f"{target} is no file: name another folder by --into")
    scrubber.told = lambda _: None
    form = files.form(path)
    with replacing(target, mode_of=path) as file:
        file.writelines(form.write(_scrubbed(path, form, scrubber)))
        file.flush()
        left = _left(Path(file.name), scrubber)
        if left is not None:
            raise Refused(f"a secret would be left at {left.place} ({left.kind}): take it out by hand")


def _scrubbed(path: Path, form: Form, scrubber: Scrubber) -> Iterator[Piece]:
    """The pieces of a recording without secrets, which tell the lengths of bodies as they are now."""
    for piece in files.pieces(path, form):
        new = scrubber.value(piece.value, piece.place, piece.name)
        if piece.what == "exchange":
            before = exchanges.read(path, form, piece.place, piece.value)
            new = exchanges.resized(new, before, exchanges.read(path, form, piece.place, new))
            if before.packed:
                raise Refused(
                    f"{piece.place}: the body of the {before.packed[0]} is compressed in a way that cannot be undone "
                    "here, or is no text: take it out, or record without that compression"
                )
        yield piece._replace(value=new)


def _left(path: Path, scrubber: Scrubber) -> Found | None:
    """The first secret in a file that has been scrubbed, where there is one."""
    found: list[Found] = []
    second = Scrubber(b"", found.append)
    second.known = dict(scrubber.known)
    for piece in files.pieces(path, files.form(path)):
        second.value(piece.value, piece.place, piece.name)
        if found:
            return found[0]
    return None
