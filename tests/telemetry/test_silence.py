"""What nobody wants to know costs nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from tests.telemetry.day import Day

from sojourn import Sessions
from sojourn.core import events
from sojourn.inbound.ending import endings
from sojourn.store import observed

Make = Callable[..., Sessions]


class _Refused:
    """In the place of what is not to be made."""

    def __init__(self, **_: object) -> None:
        raise AssertionError("nobody asked for it")

    of = __init__


async def test_where_nobody_listens_nothing_is_made_that_could_be_told(
    day: Day, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in events.__all__:
        kind = getattr(events, name)
        if isinstance(kind, type) and issubclass(kind, events.Event):
            monkeypatch.setattr(events, name, _Refused)
    monkeypatch.setattr(endings, "SessionEnded", _Refused)
    monkeypatch.setattr(observed, "Asked", _Refused)
    await day.spend()
    await day.sessions.close()


async def test_this_would_notice(day: Day, monkeypatch: pytest.MonkeyPatch) -> None:
    day.sessions.listen(lambda _: None)
    monkeypatch.setattr(events, "SessionCreated", _Refused)
    with pytest.raises(AssertionError, match="nobody asked"):
        await day.spend()
    await day.sessions.close()
