"""Gathering: many questions, few round trips."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from sojourn.errors import Conflict, StoreUnavailable
from sojourn.store.gathering import BATCH, Gathering


class Line:
    """Where batches go: each stands still until it is let through."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gates: list[asyncio.Event] = []

    async def __call__(self, batch: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(batch))
        self.gates.append(asyncio.Event())
        await self.gates[-1].wait()
        return [Conflict() if number < 0 else number * 10 for number in batch]


async def turns(number: int = 5) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


async def test_what_is_asked_in_one_turn_goes_together_and_what_comes_meanwhile_in_the_next() -> None:
    line = Line()
    ask: Gathering[int, int] = Gathering(line)
    first = [asyncio.create_task(ask(number)) for number in (1, 2, 3)]
    await turns()
    later = [asyncio.create_task(ask(number)) for number in (4, 5)]
    await turns()
    assert line.batches == [[1, 2, 3]]
    line.gates[0].set()
    assert await asyncio.gather(*first) == [10, 20, 30]
    await turns()
    assert line.batches == [[1, 2, 3], [4, 5]]
    line.gates[1].set()
    assert await asyncio.gather(*later) == [40, 50]
    assert (ask.asked, ask.trips) == (5, 2)


async def test_each_gets_its_own_answer_or_its_own_error() -> None:
    line = Line()
    ask: Gathering[int, int] = Gathering(line)
    asking = asyncio.gather(ask(1), ask(-2), ask(3), return_exceptions=True)
    await turns()
    line.gates[0].set()
    one, two, three = await asking
    assert (one, three) == (10, 30)
    assert isinstance(two, Conflict)


async def test_a_batch_that_fails_fails_for_all_of_it_and_for_none_after_it() -> None:
    async def fails_once(batch: Sequence[int]) -> list[int | Exception]:
        if 1 in batch:
            raise StoreUnavailable("gone; start it")
        return list(batch)

    ask: Gathering[int, int] = Gathering(fails_once)
    answers = await asyncio.gather(ask(1), ask(2), return_exceptions=True)
    assert [type(answer) for answer in answers] == [StoreUnavailable, StoreUnavailable]
    assert await ask(3) == 3


async def test_questions_of_one_place_are_asked_one_after_the_other_and_hold_up_nobody_else() -> None:
    line = Line()
    ask: Gathering[int, int] = Gathering(line, place=lambda number: number % 10, flights=2)
    asking = [asyncio.create_task(ask(number)) for number in (1, 11, 2, 21)]
    await turns()
    assert line.batches == [[1, 2]]
    line.gates[0].set()
    await turns()
    assert line.batches == [[1, 2], [11]]
    line.gates[1].set()
    await turns()
    line.gates[2].set()
    assert await asyncio.gather(*asking) == [10, 110, 20, 210]
    assert line.batches == [[1, 2], [11], [21]]


async def test_who_gives_up_while_waiting_is_left_out_and_who_gives_up_under_way_disturbs_nobody() -> None:
    line = Line()
    ask: Gathering[int, int] = Gathering(line)
    under_way, stays = asyncio.create_task(ask(1)), asyncio.create_task(ask(2))
    await turns()
    waits = asyncio.create_task(ask(3))
    await turns()
    under_way.cancel()
    waits.cancel()
    await turns()
    line.gates[0].set()
    assert await stays == 20
    await turns()
    assert line.batches == [[1, 2]]
    with pytest.raises(asyncio.CancelledError):
        await waits


async def test_no_batch_is_larger_than_is_good_and_flights_are_bounded() -> None:
    line = Line()
    ask: Gathering[int, int] = Gathering(line, flights=2)
    asking = [asyncio.create_task(ask(number)) for number in range(2 * BATCH + 1)]
    await turns()
    assert [len(batch) for batch in line.batches] == [BATCH, BATCH]
    line.gates[0].set()
    await turns()
    assert [len(batch) for batch in line.batches] == [BATCH, BATCH, 1]
    for gate in line.gates:
        gate.set()
    await asyncio.gather(*asking)


async def test_finish_waits_for_all_that_was_asked() -> None:
    line = Line()
    ask: Gathering[int, int] = Gathering(line)
    asking = asyncio.create_task(ask(1))
    await asyncio.sleep(0)
    finishing = asyncio.create_task(ask.finish())
    await turns()
    assert not finishing.done()
    line.gates[0].set()
    await finishing
    assert await asking == 10
