"""Renewal and sign-in: a session moves to a new key, in one step."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest

from sojourn.core.lifetime import GRACE
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone
from sojourn.store.base import Moves, Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground
from sojourn.testing.contract.saving import MANY, outcomes

__all__ = ["MovingContract"]


async def renew(store: Store, old: Record, clock: FakeClock) -> Record:
    """`old` at a new key, after a moment."""
    clock.advance(seconds=1)
    new = records.renewed(old, clock)
    await store.save(new, over=old)
    return new


async def sign_in(store: Store, old: Record, clock: FakeClock) -> Record:
    """`old` at a new key and in new hands, after a moment."""
    clock.advance(seconds=1)
    new = records.signed_in(old, clock)
    await store.save(new, over=old)
    return new


class MovingContract(Ground):
    """The promises of `save` over another key, and of `Moves`."""

    async def test_what_is_moved_is_found_at_its_new_key(self, store: Store, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        new = await renew(store, old, clock)
        assert await store.load(new.key, new.app) == new

    @pytest.mark.parametrize("change", [records.renewed, records.signed_in])
    async def test_a_move_to_a_taken_key_changes_nothing(
        self, store: Store, clock: FakeClock, change: Callable[..., Record]
    ) -> None:
        old, other = records.new(clock), records.new(clock)
        await store.save(old, over=None)
        await store.save(other, over=None)
        with pytest.raises(Conflict):
            await store.save(change(old, clock, key=other.key), over=old)
        assert await store.load(old.key, old.app) == old
        assert await store.load(other.key, other.app) == other
        await store.save(records.newer(old), over=old)

    @pytest.mark.parametrize("change", [records.renewed, records.signed_in])
    async def test_a_move_of_an_old_version_changes_nothing(
        self, store: Store, clock: FakeClock, change: Callable[..., Record]
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        current = records.newer(old)
        await store.save(current, over=old)
        late = change(old, clock)
        with pytest.raises(Conflict) as caught:
            await store.save(late, over=old)
        assert caught.value.stored in (None, current)
        assert await store.load(old.key, old.app) == current
        assert await store.load(late.key, late.app) is None

    async def test_a_move_that_takes_the_ref_of_another_changes_nothing(self, store: Store, clock: FakeClock) -> None:
        old, other = records.new(clock), records.new(clock)
        await store.save(old, over=None)
        await store.save(other, over=None)
        late = records.renewed(old, clock, ref=other.ref)
        with pytest.raises(Conflict):
            await store.save(late, over=old)
        with pytest.raises(Conflict):
            await store.save(records.newer(old, ref=other.ref), over=old)
        assert await store.load(late.key, late.app) is None
        assert await store.load(old.key, old.app) == old
        assert await store.load(other.key, other.app) == other

    async def test_of_many_moves_at_once_one_wins(self, store: Store, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        clock.advance(seconds=1)
        tried = [records.renewed(old, clock) for _ in range(MANY)]
        answers = await outcomes(store.save(record, over=old) for record in tried)
        assert sorted(type(answer) is Conflict for answer in answers) == [False] + [True] * (MANY - 1)
        winner = tried[answers.index(None)]
        for record in tried:
            assert await store.load(record.key, record.app) == (winner if record is winner else None)
        assert await store.load(old.key, old.app) == winner

    async def test_a_key_that_was_left_is_not_given_again(self, store: Store, clock: FakeClock) -> None:
        old, other = records.new(clock), records.new(clock)
        await store.save(old, over=None)
        await store.save(other, over=None)
        new = await renew(store, old, clock)
        with pytest.raises(Conflict):
            await store.save(records.new(clock, key=old.key), over=None)
        with pytest.raises(Conflict):
            await store.save(records.renewed(other, clock, key=old.key), over=other)
        assert await store.load(old.key, old.app) == new
        assert await store.load(other.key, other.app) == other

    async def test_after_a_renewal_the_old_key_leads_on(self, store: Store, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        new = await renew(store, old, clock)
        clock.advance(minutes=20)
        assert await store.load(old.key, old.app) == new
        for late in (records.newer(old), records.renewed(old, clock)):
            with pytest.raises(Conflict) as caught:
                await store.save(late, over=old)
            assert caught.value.stored in (None, new)
        assert await store.load(new.key, new.app) == new
        assert not await store.touch(records.used(old, clock))
        assert await store.delete(old.key, old.app)
        assert await store.load(new.key, new.app) is None
        assert await store.load(old.key, old.app) is None

    @pytest.mark.parametrize("by", ["touch", "save"])
    async def test_the_old_key_is_closed_a_while_after_the_first_use_of_the_new_one(
        self, store: Store, clock: FakeClock, by: str
    ) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        new = await renew(store, old, clock)
        clock.advance(minutes=5)
        current = records.used(new, clock)
        if by == "touch":
            await store.touch(current)
        else:
            current = records.newer(current)
            await store.save(current, over=new)
        clock.advance(seconds=GRACE - 1)
        await store.touch(records.used(current, clock))  # another use puts nothing off
        assert await store.load(old.key, old.app) is not None
        clock.advance(seconds=1)
        assert await store.load(old.key, old.app) is None
        assert await store.load(new.key, new.app) is not None
        with pytest.raises(Conflict):  # a slow one still learns where its session went
            await store.save(records.newer(old), over=old)
        assert await store.delete(old.key, old.app)

    async def test_a_touch_that_is_no_use_of_the_new_key_closes_nothing(self, store: Store, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        new = await renew(store, old, clock)
        await store.touch(new)
        await store.touch(msgspec.structs.replace(old, key=new.key))
        clock.advance(minutes=20)
        assert await store.load(old.key, old.app) == new

    async def test_the_oldest_key_leads_over_two_renewals(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        second = await renew(store, first, clock)
        third = await renew(store, second, clock)
        for old in (first, second):
            assert await store.load(old.key, old.app) == third
            with pytest.raises(Conflict):
                await store.save(records.newer(old), over=old)
        clock.advance(seconds=1)
        await store.touch(records.used(third, clock))
        clock.advance(seconds=GRACE)
        for old in (first, second):
            assert await store.load(old.key, old.app) is None
        assert await store.delete(first.key, first.app)
        assert await store.load(third.key, third.app) is None

    async def test_after_a_sign_in_the_old_key_leads_nowhere(self, store: Store, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        new = await sign_in(store, old, clock)
        assert await store.load(old.key, old.app) is None
        for late in (records.newer(old), records.renewed(old, clock), records.signed_in(old, clock)):
            with pytest.raises(Gone):
                await store.save(late, over=old)
        assert not await store.touch(records.used(old, clock))
        assert not await store.delete(old.key, old.app)
        assert await store.load(new.key, new.app) == new

    async def test_a_sign_in_closes_the_keys_before_it_as_well(self, store: Store, clock: FakeClock) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        second = await renew(store, first, clock)
        third = await sign_in(store, second, clock)
        fourth = await renew(store, third, clock)
        for old in (first, second):
            assert await store.load(old.key, old.app) is None
            with pytest.raises(Gone):
                await store.save(records.newer(old), over=old)
            assert not await store.delete(old.key, old.app)
        assert await store.load(third.key, third.app) == fourth

    async def test_a_sign_in_is_remembered_for_a_while(self, store: Store, moves: Moves, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        new = await sign_in(store, old, clock)
        clock.advance(seconds=GRACE - 1)
        assert await moves.moved(old.key, old.app)
        assert not await moves.moved(old.key, "blog")
        assert not await moves.moved(new.key, new.app)
        clock.advance(seconds=1)
        assert not await moves.moved(old.key, old.app)

    async def test_a_renewal_is_no_sign_in(self, store: Store, moves: Moves, clock: FakeClock) -> None:
        old = records.new(clock)
        await store.save(old, over=None)
        assert not await moves.moved(old.key, old.app)
        await renew(store, old, clock)
        assert not await moves.moved(old.key, old.app)

    async def test_a_sign_in_is_remembered_at_the_keys_before_it_as_well(
        self, store: Store, moves: Moves, clock: FakeClock
    ) -> None:
        first = records.new(clock)
        await store.save(first, over=None)
        second = await renew(store, first, clock)
        await sign_in(store, second, clock)
        assert await moves.moved(first.key, first.app)
        assert await moves.moved(second.key, second.app)
        clock.advance(seconds=GRACE)
        assert not await moves.moved(first.key, first.app)
