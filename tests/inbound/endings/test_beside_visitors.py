"""Visitors are served while a store is swept that answers without waiting."""

from __future__ import annotations

import asyncio

import pytest
from tests.fixtures.visitor import Visitor, sets

from sojourn.inbound.ending import sweeping
from sojourn.testing import FakeClock


async def test_visitors_have_their_turn_between_two_batches(
    visitor: Visitor, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 2)
    for number in range(10):
        await Visitor(visitor.sessions).ask(sets(number=number))
    clock.advance(hours=1)
    sweep = asyncio.create_task(visitor.sessions.sweep())
    turns = 0
    while not sweep.done():
        await asyncio.sleep(0)
        turns += 1
    assert await sweep == 10
    assert turns >= 5
