"""The date of a cookie: what servers have written for thirty years, read as browsers read it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache

__all__ = ["parsed"]

# RFC 6265bis §5.1.1; each token is read for the first of time, day, month and year that is not found yet and fits.
_TOKEN = re.compile(r"[^\t\x20-\x2F\x3B-\x40\x5B-\x60\x7B-\x7E]+")
_TIME = re.compile(r"([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?![0-9])")
_DAY = re.compile(r"([0-9]{1,2})(?![0-9])")
_MONTH = re.compile(r"(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE | re.ASCII)
_YEAR = re.compile(r"([0-9]{2,4})(?![0-9])")
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")


@lru_cache(maxsize=256)  # within a second all sessions are given the same
def parsed(text: str) -> float | None:
    """The instant in seconds since 1970; None for what is no date."""
    missing = [_TIME, _DAY, _MONTH, _YEAR]
    found: dict[re.Pattern[str], tuple[str, ...]] = {}
    for token in _TOKEN.findall(text):
        for form in missing:
            match = form.match(token)
            if match is not None:
                found[form] = match.groups()
                missing.remove(form)
                break
        if not missing:
            break
    return None if missing else _instant(found[_TIME], found[_DAY][0], found[_MONTH][0], found[_YEAR][0])


def _instant(time: tuple[str, ...], day: str, month: str, digits: str) -> float | None:
    hour, minute, second = map(int, time)
    year = int(digits)
    if year < 100:
        year += 1900 if year >= 70 else 2000
    if year < 1601:
        return None
    try:
        return datetime(year, _MONTHS.index(month.lower()) + 1, int(day), hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:  # no such day or time
        return None
