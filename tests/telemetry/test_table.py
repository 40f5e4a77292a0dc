"""The page on metrics has the table of the code, and the table is one that Prometheus users know their way in."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sojourn.core import events
from sojourn.store.behind.saving import Counts as BehindCounts
from sojourn.store.near.counts import Counts as NearCounts
from sojourn.telemetry import INSTRUMENTS, Instrument
from sojourn.telemetry.measuring import READINGS

PAGE = (Path(__file__).parents[2] / "docs/how-to/metrics.md").read_text()
ENDINGS = {"counter": "_total", "gauge": "", "histogram": ""}


def row(each: Instrument) -> str:
    labels = ", ".join(each.labels[1:])
    return f"| `{each.series}{ENDINGS[each.kind]}` | {each.kind} | {labels} | {each.help} |"


def test_the_page_shows_the_table() -> None:
    rows = re.findall(r"^\| `sojourn_.*\|$", PAGE, re.MULTILINE)
    assert rows == [row(each) for each in INSTRUMENTS.values()]


@pytest.mark.parametrize("each", INSTRUMENTS.values(), ids=lambda each: str(each.name))
def test_names_follow_the_conventions(each: Instrument) -> None:
    assert re.fullmatch(r"sojourn(\.[a-z_]+){2}", each.name)
    assert re.fullmatch(r"sojourn_[a-z_]+", each.series)
    assert not each.series.endswith(("_total", "_count", "_sum", "_bucket"))
    assert each.labels[0] == "app"
    assert set(each.labels) <= {"app", "reason", "operation", "outcome"}
    assert each.help.endswith(".")
    assert bool(each.buckets) == (each.kind == "histogram")
    assert list(each.buckets) == sorted(set(each.buckets))


def test_every_count_of_a_store_around_a_store_is_told() -> None:
    for room, counts in (("near", NearCounts), ("behind", BehindCounts)):
        assert {f"{room}.{name}" for name in counts.__struct_fields__} <= READINGS.keys()


def test_every_event_but_details_is_counted() -> None:
    from sojourn.telemetry.measuring import _COUNTED

    kinds = {getattr(events, name) for name in events.__all__ if isinstance(getattr(events, name), type)}
    kinds = {kind for kind in kinds if issubclass(kind, events.Event) and not issubclass(kind, events.Detail)}
    assert kinds == {*_COUNTED, events.Event, events.SessionEnded, events.SessionRefused}
