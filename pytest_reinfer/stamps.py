"""Moments: microseconds since the epoch inside the tenant, ISO-8601 text on the wire."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- kept without a zone, so that the text needs no cutting
MICROSECOND = timedelta(microseconds=1)


class Senseless(ValueError):
    """A text that means no moment; it is kept as `text`."""

    def __init__(self, message: str, text: str) -> None:
        super().__init__(message)
        self.text = text


def stamp(moment: int) -> str:
    """A moment as the service writes it: UTC with `Z`, a fraction of six digits, none where it is zero."""
    return (EPOCH + moment * MICROSECOND).isoformat() + "Z"


def moment(text: str) -> int:
    """The moment that an ISO-8601 text means; without an offset it is UTC.

    Raises Senseless where the text has the shape of a timestamp but means no moment, as the 30th of February.
    """
    since = _in_utc(text) - EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds  # quicker than a division


def restamped(text: str) -> str:
    """The moment that an ISO-8601 text means, as the service writes it; Senseless as for `moment`."""
    return _in_utc(text).isoformat() + "Z"


def _in_utc(text: str) -> datetime:
    """A moment in UTC, without a zone."""
    try:
        if text.endswith("Z") and "T" in text:  # as the service writes it: by far the quickest to read
            return datetime.fromisoformat(text[:-1])
        when = datetime.fromisoformat(text)
        return when if when.tzinfo is None else when.astimezone(UTC).replace(tzinfo=None)
    except OverflowError:
        raise Senseless(f"{text} is outside the years 1 to 9999 in UTC", text) from None
    except ValueError as problem:
        raise Senseless(str(problem), text) from None
