"""Breaker: while the store is away nobody waits for it but the one who tries."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
import pytest
from tests.fixtures.watched import WatchedStore

from sojourn.errors import (
    Conflict,
    Gone,
    LimitReached,
    OutcomeUnknown,
    SettingError,
    StoreBusy,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from sojourn.store import Store
from sojourn.store.base import Query
from sojourn.store.breaker import FIRST_PAUSE, LONGEST_PAUSE, PROMPT, BreakerStore
from sojourn.store.memory import MemoryStore
from sojourn.testing import FakeClock, StoreContract
from sojourn.testing.contract import records


class TestBreaker(StoreContract):
    @pytest.fixture
    def store(self, clock: FakeClock) -> BreakerStore:
        return BreakerStore(MemoryStore(clock=clock))

    def raw_bytes(self, store: Store) -> Iterable[bytes]:
        assert isinstance(store, BreakerStore)
        assert isinstance(store.inner, MemoryStore)
        kept = {name: value for name, value in vars(store.inner._memory).items() if isinstance(value, dict)}
        yield msgspec.msgpack.encode({name: list(value.items()) for name, value in kept.items()})


@pytest.fixture
def inner(clock: FakeClock) -> WatchedStore:
    return WatchedStore(MemoryStore(clock=clock))


@pytest.fixture
def monotonic() -> FakeClock:
    return FakeClock(0)


@pytest.fixture
def breaker(inner: WatchedStore, monotonic: FakeClock) -> BreakerStore:
    return BreakerStore(inner, limit=0.02, monotonic=monotonic)


async def absent(store: Store) -> bool:
    """Whether the store answers; nothing is there."""
    return await store.load("absent", "shop") is None


async def fails(breaker: BreakerStore) -> None:
    with pytest.raises(StoreUnavailable):
        await absent(breaker)


async def breaks(breaker: BreakerStore) -> None:
    """It fails, and so does the one who asks next."""
    await fails(breaker)
    assert breaker.closed
    await fails(breaker)
    assert not breaker.closed


class Unreached(StoreUnavailable):
    """A store's own kind."""


async def test_a_store_may_have_a_kind_of_its_own_for_being_away(inner: WatchedStore, breaker: BreakerStore) -> None:
    async def unreached(*_: object) -> None:
        raise Unreached("nobody answers; start it")

    inner.before["load"] = unreached
    await breaks(breaker)
    assert (breaker.closed, breaker.breaks) == (False, 1)


async def test_after_a_failure_the_others_fail_at_once(inner: WatchedStore, breaker: BreakerStore) -> None:
    inner.break_down()
    await breaks(breaker)
    for _ in range(5):
        with pytest.raises(StoreUnavailable, match="a moment ago"):
            await absent(breaker)
    assert inner.counts == {"load": 2}
    assert (breaker.closed, breaker.breaks, breaker.refused) == (False, 1, 5)


async def test_a_failure_of_one_connection_refuses_nobody_who_comes_after(
    inner: WatchedStore, breaker: BreakerStore
) -> None:
    cut = asyncio.Event()

    async def is_cut(*_: object) -> None:
        await cut.wait()
        raise StoreUnavailable("the connection broke; ask again")

    inner.before["load"] = is_cut
    on_it = [asyncio.create_task(absent(breaker)) for _ in range(20)]
    await asyncio.sleep(0)
    cut.set()
    answers = await asyncio.gather(*on_it, return_exceptions=True)
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    inner.before.clear()
    assert await absent(breaker)
    assert await asyncio.gather(*(absent(breaker) for _ in range(20))) == [True] * 20
    assert (breaker.closed, breaker.breaks, breaker.refused) == (True, 0, 0)


async def test_after_the_first_failure_one_tries_alone(inner: WatchedStore, breaker: BreakerStore) -> None:
    inner.break_down()
    await fails(breaker)
    inner.before["load"] = lambda *_: asyncio.Event().wait()  # type: ignore[assignment]
    asked = await asyncio.gather(*(absent(breaker) for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in asked} == {StoreUnavailable}
    assert inner.counts == {"load": 2}
    assert (breaker.closed, breaker.breaks) == (False, 1)


async def test_a_failure_that_took_long_breaks_the_circuit_by_itself(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock
) -> None:
    async def hangs(*_: object) -> None:
        monotonic.advance(seconds=PROMPT)
        raise StoreUnavailable("it gave itself up; see whether it hangs")

    inner.before["load"] = hangs
    await fails(breaker)
    assert (breaker.closed, breaker.breaks) == (False, 1)


async def test_who_cannot_open_it_has_tried_a_connection_of_its_own(inner: WatchedStore, breaker: BreakerStore) -> None:
    inner.break_down()
    opening = await asyncio.gather(*(breaker.open() for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in opening} == {StoreUnavailable}
    assert (breaker.closed, breaker.breaks, breaker._pause) == (False, 1, FIRST_PAUSE)


async def test_after_a_pause_one_tries_and_its_answer_closes_the_circuit(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock
) -> None:
    inner.break_down()
    await breaks(breaker)
    monotonic.advance(seconds=FIRST_PAUSE)
    inner.before.clear()
    gate = inner.pause_after("load")
    trying = asyncio.create_task(absent(breaker))
    await gate.reached.wait()
    await fails(breaker)
    assert inner.counts == {"load": 3}
    gate.opened.set()
    assert await trying
    assert breaker.closed
    assert await absent(breaker)


async def test_who_tries_in_vain_prolongs_the_pause_up_to_a_bound(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock
) -> None:
    inner.break_down()
    pauses = []
    await fails(breaker)
    for _ in range(10):
        await fails(breaker)
        assert breaker._until is not None
        pauses.append(breaker._until - monotonic())
        monotonic.now = breaker._until
    assert FIRST_PAUSE / 2 <= pauses[0] <= FIRST_PAUSE
    assert LONGEST_PAUSE / 2 <= pauses[-1] <= LONGEST_PAUSE
    assert (inner.counts, breaker.breaks) == ({"load": 11}, 1)


async def test_those_who_had_asked_before_prolong_nothing(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock
) -> None:
    inner.break_down()
    asked = await asyncio.gather(*(absent(breaker) for _ in range(20)), return_exceptions=True)
    assert {type(answer) for answer in asked} == {StoreUnavailable}
    monotonic.advance(seconds=FIRST_PAUSE)
    inner.before.clear()
    assert await absent(breaker)


async def test_a_store_that_hangs_is_given_up_and_a_write_may_have_happened(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock, clock: FakeClock
) -> None:
    for name in ("load", "save"):
        inner.before[name] = lambda *_: asyncio.Event().wait()  # type: ignore[assignment]
    with pytest.raises(StoreUnavailable, match=r"within 0\.02 seconds") as caught:
        await absent(breaker)
    assert type(caught.value) is StoreUnavailable
    monotonic.advance(seconds=FIRST_PAUSE)
    with pytest.raises(OutcomeUnknown):
        await breaker.save(records.new(clock), over=None)


async def test_a_search_may_take_its_time_unless_it_is_the_one_who_tries(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock
) -> None:
    async def slowly(*_: Any) -> None:
        await asyncio.sleep(0.05)

    inner.before["find"] = slowly
    assert await breaker.find(Query()) == []
    inner.break_down()
    await breaks(breaker)
    monotonic.advance(seconds=FIRST_PAUSE)
    inner.before["find"] = slowly
    with pytest.raises(StoreUnavailable, match="within"):
        await breaker.find(Query())


async def test_who_gives_up_trying_leaves_it_to_the_next(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock
) -> None:
    inner.break_down()
    await breaks(breaker)
    monotonic.advance(seconds=FIRST_PAUSE)
    inner.before.clear()
    gate = inner.pause("load")
    trying = asyncio.create_task(absent(breaker))
    await gate.reached.wait()
    trying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await trying
    assert await absent(breaker)


@pytest.mark.parametrize("kind", [Conflict, StoreBusy, StoreFull])
async def test_an_answer_that_is_no_outage_breaks_nothing(
    inner: WatchedStore, breaker: BreakerStore, clock: FakeClock, kind: type[Exception]
) -> None:
    async def refuses(*_: Any) -> None:
        raise kind

    inner.before["save"] = refuses
    with pytest.raises(kind):
        await breaker.save(records.new(clock), over=None)
    assert breaker.closed


@pytest.mark.parametrize("refusal", [Conflict(), Gone(), LimitReached("full; end one"), StoreFull("full; make room")])
async def test_who_tries_and_is_refused_closes_the_circuit_all_the_same(
    inner: WatchedStore, breaker: BreakerStore, monotonic: FakeClock, refusal: StoreError
) -> None:
    async def refuses(*_: object) -> None:
        raise refusal

    inner.break_down()
    await breaks(breaker)
    monotonic.advance(seconds=FIRST_PAUSE)
    inner.before = {"save": refuses}
    with pytest.raises(type(refusal)):
        await breaker.save(records.new(FakeClock()), over=None)
    assert breaker.closed


async def test_a_timeout_of_the_stores_own_is_passed_on(inner: WatchedStore, breaker: BreakerStore) -> None:
    async def fails(*_: Any) -> None:
        raise TimeoutError("its own")

    inner.before["load"] = fails
    with pytest.raises(TimeoutError, match="its own"):
        await absent(breaker)


@pytest.mark.parametrize("limit", [0, -1, float("nan"), float("inf")])
def test_a_limit_that_is_none_is_refused(inner: WatchedStore, limit: float) -> None:
    with pytest.raises(SettingError, match="limit"):
        BreakerStore(inner, limit=limit)
