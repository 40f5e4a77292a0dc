"""What somebody else put where a session should be: it costs that session, and nobody else anything."""

from __future__ import annotations

import math
import struct

import pytest
import valkey

from sojourn.errors import StoreBusy, StoreDamaged
from sojourn.store.base import Query
from sojourn.store.breaker import BreakerStore
from sojourn.store.valkey import ValkeyStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

FOR_EVER = struct.pack("<d", math.inf)


@pytest.mark.parametrize(
    "put",
    [None, b"", b"R", b"R-" + b"\xff" * 90, b"S", b"S1", b"S1" + FOR_EVER + b"\xff", b"S1" + FOR_EVER + b"KEY"],
    ids=["list", "empty", "begun", "lengths", "stub", "short stub", "bytes", "circle"],
)
async def test_what_is_damaged_in_one_place_is_told_there_and_hides_nothing_else(
    valkey_address: str, valkey_prefix: str, put: bytes | None
) -> None:
    clock = FakeClock()
    inner = ValkeyStore(f"{valkey_address}?prefix={valkey_prefix}", clock=clock)
    store = BreakerStore(inner)
    damaged, whole = records.new(clock), records.new(clock)
    await store.save(damaged, over=None)
    await store.save(whole, over=None)
    with valkey.Valkey.from_url(valkey_address) as client:
        place = inner._scope().place(damaged.key, damaged.app)
        client.delete(place)
        if put is None:
            client.rpush(place, b"x")
        else:
            client.set(place, put.replace(b"KEY", damaged.key.encode()))
        with pytest.raises((StoreDamaged, StoreBusy)) as caught:
            await store.load(damaged.key, damaged.app)
        assert damaged.key not in str(caught.value)
        assert store.closed
        assert await store.load(whole.key, whole.app) == whole
        assert await inner.find(Query(app=whole.app)) == [whole]
        client.delete(place)
    await store.close()
