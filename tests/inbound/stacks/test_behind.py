"""`save="async"`: the response does not wait for changes, and stopping loses none."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Behind, Near, Session, Sessions
from sojourn.core.events import ChangesDropped, Event
from sojourn.errors import SettingError, StoreUnavailable

Make = Callable[..., Sessions]


@pytest.fixture(params=["bare", "near"])
def visitor(request: pytest.FixtureRequest, make: Make) -> Visitor:
    near = Near() if request.param == "near" else None
    return Visitor(make(save="async", write=Behind(interval=60), near=near))


async def test_a_change_is_answered_before_it_is_stored_and_stored_when_the_node_stops(
    visitor: Visitor, store: WatchedStore, make: Make
) -> None:
    await visitor.ask(sets(n=0))
    store.calls.clear()
    for n in range(1, 4):
        await visitor.ask(sets(n=n))
        assert (await visitor.ask(everything)).value == {"n": n}
    assert "save" not in store.calls
    await visitor.sessions.close()
    assert store.counts["save"] == 1
    assert (await visitor.twin(make()).ask(everything)).value == {"n": 3}


@pytest.mark.parametrize("outage", ["fail", "anonymous"])
async def test_what_waits_can_be_stored_at_any_time(make: Make, store: WatchedStore, outage: str) -> None:
    visitor = Visitor(make(save="async", write=Behind(interval=60), outage=outage))
    await visitor.ask(sets(n=0))
    await visitor.ask(sets(n=1))
    store.break_down()
    with pytest.raises(StoreUnavailable):
        await visitor.sessions.flush()
    store.before.clear()
    await visitor.sessions.flush()
    assert (await visitor.twin(make()).ask(everything)).value == {"n": 1}


@pytest.mark.parametrize("act", [signs_in("alice"), Session.renew, Session.end])
async def test_what_decides_who_may_do_what_is_stored_before_the_answer(
    visitor: Visitor, make: Make, act: Callable[[Session], None]
) -> None:
    await visitor.ask(sets(n=0))
    await visitor.ask(sets(n=1))
    old = visitor.twin(make())
    await visitor.ask(act)
    assert (await old.ask(everything)).value == {}
    stored = await make().find()
    assert len(stored) == (act is not Session.end)
    await visitor.sessions.close()


async def test_changes_that_cannot_be_stored_any_more_are_told(
    visitor: Visitor, store: WatchedStore, make: Make
) -> None:
    told: list[Event] = []
    visitor.sessions.listen(told.append, ChangesDropped)
    await visitor.ask(sets(n=0))
    await visitor.ask(sets(n=1))
    await visitor.twin(make()).ask(Session.end)
    await visitor.sessions.close()
    assert [type(event) for event in told] == [ChangesDropped]


async def test_an_end_by_ref_takes_along_what_was_not_stored_yet(visitor: Visitor) -> None:
    told: list[Event] = []
    visitor.sessions.listen(told.append)
    await visitor.ask(sets(n=0))
    await visitor.ask(sets(n=1))
    ref = (await visitor.ask(lambda session: session.ref)).value
    assert await visitor.sessions.end(ref)
    assert told[-1].attributes() == {"n": 1}  # type: ignore[attr-defined]
    await asyncio.sleep(0)
    await visitor.sessions.close()


@pytest.mark.usefixtures("sync")
def test_writing_behind_is_asked_for_by_save(make: Make) -> None:
    with pytest.raises(SettingError, match="async"):
        make(write=Behind())
    with pytest.raises(SettingError, match="a Behind"):
        make(save="async", write=5)
