"""Uses that change nothing put off the end of a session, and are written seldom and together."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets
from tests.fixtures.watched import Gate, WatchedStore, fails

from sojourn import Lifetime, Sessions
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]


@pytest.fixture
def sessions(make: Make) -> Sessions:
    return make(lifetime=Lifetime(idle=1200))  # a use is written after 60 seconds


async def test_a_use_is_written_once_it_is_due(visitor: Visitor, store: WatchedStore, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    clock.advance(seconds=59)
    await visitor.ask(everything)
    await visitor.sessions.flush()
    assert store.calls == ["load"]
    clock.advance(seconds=1)
    answer = await visitor.ask(everything)
    await visitor.sessions.flush()
    assert (store.calls, answer.cookies) == (["load", "load", "touch"], {})
    assert (await visitor.ask(lambda s: clock.now - s.accessed_at)).value == 0


async def test_many_uses_are_one_write(visitor: Visitor, store: WatchedStore, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    await asyncio.gather(*(visitor.twin().ask(everything) for _ in range(20)))
    await visitor.sessions.flush()
    assert store.counts["touch"] == 1


async def test_nobody_waits_for_a_use_to_be_written(visitor: Visitor, store: WatchedStore, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    gate = store.pause("touch")
    flushing = None
    assert (await visitor.ask(everything)).status == 200
    flushing = asyncio.create_task(visitor.sessions.flush())
    await gate.reached.wait()
    assert (await visitor.ask(sets(a=2))).status == 200
    gate.opened.set()
    await flushing
    assert (await visitor.ask(everything)).value == {"a": 2}


async def test_uses_are_written_by_themselves_after_a_moment(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.inbound.keeping.touches.DELAY", 0)
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    written = store.after["touch"] = Gate()
    await visitor.ask(everything)
    await written.reached.wait()
    written.opened.set()


async def test_a_use_that_comes_while_others_are_written_is_written_too(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sojourn.inbound.keeping.touches.DELAY", 0)
    other = Visitor(visitor.sessions)
    await visitor.ask(sets(a=1))
    await other.ask(sets(a=1))
    clock.advance(seconds=60)
    first = store.pause("touch")
    await visitor.ask(everything)
    await first.reached.wait()
    await other.ask(everything)  # and nobody comes after it
    second = store.before["touch"] = Gate()
    first.opened.set()
    async with asyncio.timeout(5):
        await second.reached.wait()
    second.opened.set()


async def test_uses_are_written_when_the_sessions_are_closed(
    visitor: Visitor, store: WatchedStore, clock: FakeClock
) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    await visitor.ask(everything)
    await visitor.sessions.close()
    assert store.calls[-2:] == ["touch", "close"]


@pytest.mark.usefixtures("local")
def test_uses_are_written_when_the_event_loop_ends(visitor: Visitor, store: WatchedStore, clock: FakeClock) -> None:
    asyncio.run(_used(visitor, clock))
    assert store.calls[-1] == "touch"


async def _used(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    await visitor.ask(everything)
    await asyncio.sleep(0)


async def test_a_use_that_cannot_be_written_is_logged_and_no_error_to_anybody(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    store.before["touch"] = fails
    with caplog.at_level(logging.WARNING):
        assert (await visitor.ask(everything)).status == 200
        await visitor.sessions.flush()
    assert "1 of 1 times of use were not written" in caplog.text
    assert visitor.id not in caplog.text


async def test_a_fault_of_a_store_is_not_taken_for_an_outage(
    visitor: Visitor, store: WatchedStore, clock: FakeClock
) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError

    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    store.before["touch"] = broken
    await visitor.ask(everything)
    with pytest.raises(ZeroDivisionError):
        await visitor.sessions.flush()


async def test_a_use_of_what_has_ended_brings_nothing_back(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(a=1))
    clock.advance(seconds=60)
    await visitor.ask(everything)
    await visitor.twin().ask(lambda s: s.end())
    await visitor.sessions.flush()
    assert (await visitor.ask(everything)).value == {}


async def test_every_request_is_a_use_where_that_is_set(make: Make, store: WatchedStore, clock: FakeClock) -> None:
    visitor = Visitor(make(lifetime=Lifetime(idle=1200), touch="always"))
    await visitor.ask(sets(a=1))
    store.calls.clear()
    clock.advance(seconds=60)
    answer = await visitor.ask(lambda _: None)
    await visitor.sessions.flush()
    assert (store.calls, answer.cookies) == (["load", "touch"], {})
    for request in ({"status": 401}, {"method": "OPTIONS"}):
        clock.advance(seconds=60)
        await visitor.ask(lambda _: None, **request)
    await visitor.sessions.flush()
    assert store.counts["touch"] == 1
    assert (await Visitor(visitor.sessions).ask(lambda _: None)).cookies == {}
