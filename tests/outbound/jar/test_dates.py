"""The edges of RFC 6265bis §5.1.1, beside the dates that others have published."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sojourn.outbound.jar.dates import parsed


def read(text: str) -> str | None:
    instant = parsed(text)
    return None if instant is None else datetime.fromtimestamp(instant, UTC).isoformat(" ", "seconds")[:19]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1 jan 1601 00:00:00", "1601-01-01 00:00:00"),
        ("31 dec 9999 23:59:59", "9999-12-31 23:59:59"),
        ("1 jan 70 00:00:00", "1970-01-01 00:00:00"),
        ("1 jan 99 00:00:00", "1999-01-01 00:00:00"),
        ("1 jan 69 00:00:00", "2069-01-01 00:00:00"),
        ("1 jan 00 00:00:00", "2000-01-01 00:00:00"),
        ("29 feb 2024 1:2:3", "2024-02-29 01:02:03"),
        ("Thu, 01-Jan-2026 00:00:00 GMT", "2026-01-01 00:00:00"),
        ("Thu Jan  1 00:00:00 2026", "2026-01-01 00:00:00"),
        ("00:00:00 2026 jan 1", "2026-01-01 00:00:00"),
        ("00:00:00 1 2026 jan", "2026-01-01 00:00:00"),
        ("1 JANUARY 2026 00:00:00", "2026-01-01 00:00:00"),
        ("1 jan 2026 00:00:00 2 feb 2027 01:01:01", "2026-01-01 00:00:00"),
        ("1st jan 2026ad 00:00:00z", "2026-01-01 00:00:00"),
        ("\t1/jan/2026;;00:00:00,", "2026-01-01 00:00:00"),
        ("1 jan 2026 -1:00:00", "2026-01-01 01:00:00"),
        ("1 jan 2026 00:00:00 +0500", "2026-01-01 00:00:00"),  # all are of Greenwich, whatever they say
    ],
)
def test_these_are_dates(text: str, instant: str) -> None:
    assert read(text) == instant


@pytest.mark.parametrize(
    "text",
    [
        "",
        "never",
        "1 jan 2026",
        "jan 2026 00:00:00",
        "1 2026 00:00:00",
        "1 jan 00:00:00",
        "0 jan 2026 00:00:00",
        "32 jan 2026 00:00:00",
        "001 jan 2026 00:00:00",
        "30 feb 2024 00:00:00",
        "29 feb 2023 00:00:00",
        "31 apr 2026 00:00:00",
        "1 jan 1600 00:00:00",
        "1 jan 10000 00:00:00",
        "1 jan 6 00:00:00",
        "1 ja 2026 00:00:00",
        "1 01 2026 00:00:00",
        "1 jan 2026 24:00:00",
        "1 jan 2026 00:60:00",
        "1 jan 2026 00:00:60",
        "1 jan 2026 00:00:000",
        "1 jan 2026 000:00:00",
        "1 jan 2026 00:00",
        "1 \u017fan 2026 00:00:00",
        "\u0661 jan 2026 00:00:00",
    ],
)
def test_these_are_none(text: str) -> None:
    assert read(text) is None
