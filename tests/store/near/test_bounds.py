"""How much is kept: never more than was set, and what was used lately stays."""

from __future__ import annotations

import math
import random
import tracemalloc
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.store.near.fleet import Node

from sojourn.core.ids import SessionId, new_ref
from sojourn.errors import SettingError
from sojourn.store.near import Near
from sojourn.store.near.entries import OVERHEAD, Entries
from sojourn.testing import FakeClock
from sojourn.testing.contract import records


async def test_those_not_used_for_longest_go_first(make: Callable[..., Node], clock: FakeClock) -> None:
    node = make(Near(entries=3))
    await node.on()
    first, second, third, fourth = (records.new(clock) for _ in range(4))
    for record in (first, second, third):
        await node.save(record, over=None)
    assert node.has(first)  # a use
    await node.save(fourth, over=None)
    assert [node.has(record) for record in (first, second, third, fourth)] == [True, False, True, True]
    assert (node.entries, node.counts.discarded) == (3, 1)


async def test_large_ones_drive_out_many(make: Callable[..., Node], clock: FakeClock) -> None:
    node = make(Near(bytes=10 * OVERHEAD))
    await node.on()
    small = [records.new(clock, data=b"") for _ in range(10)]
    for record in small:
        await node.save(record, over=None)
    assert (node.entries, node.size) == (10, 10 * OVERHEAD)
    large = records.new(clock, data=b"x" * 4 * OVERHEAD)
    await node.save(large, over=None)
    assert [node.serves(record) for record in small] == [False] * 5 + [True] * 5
    assert node.has(large)
    assert node.size <= 10 * OVERHEAD


async def test_what_is_larger_than_all_room_is_not_kept_and_drives_nothing_out(
    make: Callable[..., Node], clock: FakeClock
) -> None:
    node = make(Near(bytes=3 * OVERHEAD))
    await node.on()
    small = records.new(clock, data=b"")
    await node.save(small, over=None)
    growing = records.new(clock, data=b"")
    await node.save(growing, over=None)
    large = records.newer(growing, data=b"x" * 2 * OVERHEAD + b"x")
    await node.save(large, over=growing)
    assert not node.serves(growing)
    assert node.has(small)
    assert (node.entries, node.size) == (1, OVERHEAD)


def test_the_bounds_hold_and_the_size_is_true_whatever_comes(clock: FakeClock) -> None:
    chance = random.Random(7)
    entries = Entries(entries=20, size=30 * OVERHEAD)
    made = [records.new(clock) for _ in range(40)]
    for _ in range(5000):
        number = chance.randrange(len(made))
        record = made[number] = records.newer(made[number], data=b"x" * chance.choice([0, 500, 5000]))
        if chance.random() < 0.2:
            entries.drop((record.key, record.app))
        else:
            entries.keep(record)
        assert len(entries) <= 20
        assert entries.size == sum(len(kept.data) + OVERHEAD for kept in entries._kept.values()) <= 30 * OVERHEAD
        assert len(entries._homes) == len(entries)


def test_what_was_left_and_ended_is_forgotten_in_time(clock: FakeClock) -> None:
    entries = Entries(entries=10, size=10 * OVERHEAD)
    for number in range(10_000):
        record = records.new(clock, key=f"k{number}")
        entries.keep(record)
        entries.end((record.key, record.app))
    assert len(entries) == len(entries._homes) == entries.size == 0
    assert len(entries._left) == len(entries._ended) == 4096


def test_a_session_of_500_bytes_takes_no_more_than_2_kb(clock: FakeClock) -> None:
    count = 5000
    packed = [msgspec.msgpack.encode(typical(clock)) for _ in range(count)]
    entries = Entries(entries=count, size=1 << 30)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for each in packed:
            entries.keep(msgspec.msgpack.decode(each, type=type(records.new(clock))))
        taken = (tracemalloc.get_traced_memory()[0] - before) / count
    finally:
        tracemalloc.stop()
    assert len(entries) == count
    assert taken < 2048
    assert 0.7 < taken / (500 + OVERHEAD) < 1.3  # the bound in bytes means what it says


def typical(clock: FakeClock) -> Any:
    return records.new(
        clock,
        key=SessionId.new().key,
        ref=new_ref(),
        principal="someone@example.org",
        node="node-17.example.org:4711",
        created_at=clock() - 5.5,
        data=random.Random(7).randbytes(500),
    )


@pytest.mark.parametrize(
    "options",
    [
        {"entries": 0},
        {"entries": -1},
        {"entries": 1.5},
        {"entries": True},
        {"entries": None},
        {"bytes": 0},
        {"bytes": "64 MiB"},
        {"loads": 0},
        {"silence": 1.0},
        {"silence": 0},
        {"silence": -3.0},
        {"silence": math.inf},
        {"silence": math.nan},
        {"silence": None},
    ],
    ids=str,
)
def test_bounds_that_cannot_work_are_refused(options: dict[str, Any]) -> None:
    [name] = options
    with pytest.raises(SettingError, match=rf"Near\({name}="):
        Near(**options)
