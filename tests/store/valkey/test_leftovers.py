"""Nothing stays for ever, nothing is missed: registers that lag are mended, and what has ended leaves no key."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import Any

import msgspec
import pytest
from tests.fixtures.valkeys import Cluster, ValkeyServer, dump

from sojourn.core.lifetime import GRACE
from sojourn.errors import Conflict, LimitReached, StoreBusy
from sojourn.store.base import SWEEP_DELAY, Query
from sojourn.store.valkey import ValkeyStore, layout, registry
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

LEASE = 30.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def stores(valkey_server: ValkeyServer, valkey_prefix: str, clock: FakeClock) -> list[ValkeyStore]:
    """Two nodes."""
    return [ValkeyStore(f"{valkey_server.url}?prefix={valkey_prefix}", clock=clock) for _ in range(2)]


@pytest.fixture
def client(valkey_server: ValkeyServer) -> Any:
    return valkey_server.client()


def left(client: Any, prefix: str) -> list[bytes]:
    return list(client.scan_iter(match=f"{prefix}:*", count=1000))


async def full_life(store: ValkeyStore, clock: FakeClock) -> None:
    """Every kind of thing that is kept."""
    old = records.new(clock)
    await store.save(old, over=None)
    clock.advance(seconds=1)
    new = records.renewed(old, clock)
    await store.save(new, over=old)
    clock.advance(seconds=1)
    used = records.newer(records.used(new, clock))
    await store.save(used, over=new)
    clock.advance(seconds=1)
    signed = records.signed_in(used, clock)
    await store.admit(signed, over=used, limit=9, when_full="refuse", lease=LEASE)
    assert await store.hold(signed, "n1", seconds=5)
    await store.touch(records.used(signed, clock))


async def test_every_key_has_a_time_after_which_the_server_drops_it(
    stores: list[ValkeyStore], client: Any, valkey_prefix: str, clock: FakeClock
) -> None:
    store = stores[0]
    for _ in range(5):
        await full_life(store, clock)
    kept = left(client, valkey_prefix)
    assert {name.decode().rpartition("}:")[2].partition(":")[0] for name in kept} == {
        *("s", "refs", "due", "l", "index", "seats", "apps")
    }
    for name in kept:
        assert 3000 < client.ttl(name) < 10 * 86_400, name
    clock.advance(hours=2)
    ended = await store.claim(limit=100, lease=LEASE)
    for name in left(client, valkey_prefix):
        assert client.ttl(name) > 3000, name
    await store.forget([ending.record for ending in ended])
    assert len(ended) == 5
    assert {name.decode().rpartition("}:")[2].partition(":")[0] for name in left(client, valkey_prefix)} == {"l"}
    await store.close()


async def test_what_never_ends_is_not_dropped(
    stores: list[ValkeyStore], client: Any, valkey_prefix: str, clock: FakeClock
) -> None:
    store, forever = stores[0], float("inf")
    mortal = records.new(clock, principal="alice")
    await store.save(mortal, over=None)
    record = records.new(clock, principal="alice", expires_at=forever, absolute_at=forever)
    await store.save(record, over=None)
    names = layout.Names(valkey_prefix, 0)
    root = names.root(layout.tag_of(record.key))
    seats = names.principal("alice")
    for name in (f"{root}s:{record.key}/shop", f"{root}refs", f"{root}due", names.index(record.ref), f"{seats}apps"):
        assert client.ttl(name) == -1, name
    await store.delete(mortal.key, "shop")
    await store.delete(record.key, "shop")
    assert left(client, valkey_prefix) == []
    await store.close()


async def test_two_nodes_that_sweep_at_once_share_what_there_is(stores: list[ValkeyStore], clock: FakeClock) -> None:
    made = [records.new(clock) for _ in range(300)]
    await asyncio.gather(*(stores[0].save(record, over=None) for record in made))
    clock.now = made[0].expires_at + SWEEP_DELAY
    rounds = await asyncio.gather(*(store.claim(limit=40, lease=LEASE) for store in stores * 5))
    claimed = [ending.record.key for each in rounds for ending in each]
    assert sorted(claimed) == sorted(record.key for record in made)
    assert all(len(each) <= 40 for each in rounds)
    for store in stores:
        await store.close()


async def test_a_sweep_of_a_cluster_finds_what_is_due_everywhere(
    valkey_cluster: Cluster, valkey_prefix: str, clock: FakeClock
) -> None:
    store = ValkeyStore(f"{valkey_cluster.url}?prefix={valkey_prefix}", clock=clock)
    made = [records.new(clock) for _ in range(50)]
    await asyncio.gather(*(store.save(record, over=None) for record in made))
    clock.now = made[0].expires_at + SWEEP_DELAY
    first = await store.claim(limit=20, lease=LEASE)
    second = await store.claim(limit=100, lease=LEASE)
    assert (len(first), len(second)) == (20, 30)
    await store.forget([ending.record for ending in first + second])
    kept = list(dump((server.client() for server in valkey_cluster.servers), valkey_prefix))
    assert kept == []
    await store.close()


async def test_what_cannot_be_read_is_set_aside_and_stops_nobody(
    stores: list[ValkeyStore],
    client: Any,
    valkey_prefix: str,
    clock: FakeClock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    store = stores[0]
    made = [records.new(clock, node="node") for _ in range(3)]
    for record in made:
        await store.save(record, over=None)
    names = [f"{valkey_prefix}:{{{record.key[:2]}}}:s:{record.key}/shop" for record in made]
    client.set(names[0], b"torn")
    client.setrange(names[1], 70 + 16, b"\xff\xff")  # the node is no text any more
    clock.now = made[0].expires_at + SWEEP_DELAY
    with caplog.at_level(logging.ERROR, "sojourn"):
        assert [ending.record for ending in await store.claim(limit=10, lease=LEASE)] == [made[2]]
        clock.advance(seconds=LEASE)
        assert [ending.record for ending in await store.claim(limit=10, lease=LEASE)] == [made[2]]
    assert len(caplog.records) == 2
    assert all(record.key not in caplog.text and record.ref not in caplog.text for record in made)
    await store.close()


async def test_an_entry_without_a_record_is_nobodys_after_a_while(
    stores: list[ValkeyStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node died between the entry and the record."""
    store = stores[0]
    scope = store._scope()
    dead, living = records.new(clock, principal="alice"), records.new(clock, principal="alice")
    await registry.register(scope, dead)
    await registry.take_seat(scope, dead, 1)
    with pytest.raises(LimitReached):
        await store.admit(living, over=None, limit=1, when_full="refuse", lease=LEASE)
    with pytest.raises(Conflict):
        await store.save(records.new(clock, ref=dead.ref), over=None)
    assert await store.find(Query()) == []
    monkeypatch.setattr(registry, "VOID", -1)
    monkeypatch.setattr("sojourn.store.valkey.searching.VOID", -1)
    assert await store.find(Query()) == []
    await store.admit(living, over=None, limit=1, when_full="refuse", lease=LEASE)
    other = records.new(clock, ref=dead.ref)
    await store.save(other, over=None)
    assert {record.key for record in await store.find(Query())} == {living.key, other.key}
    await store.close()


async def test_a_node_that_stood_still_after_its_entry_writes_nothing(
    stores: list[ValkeyStore], clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = stores[0]
    monkeypatch.setattr(registry, "ENTERING", -1)
    record = records.new(clock, principal="alice")
    with pytest.raises(StoreBusy, match="stood still"):
        await store.admit(record, over=None, limit=1, when_full="refuse", lease=LEASE)
    assert await store.load(record.key, "shop") is None
    monkeypatch.undo()
    await store.admit(record, over=None, limit=1, when_full="refuse", lease=LEASE)
    await store.close()


async def test_a_session_that_goes_on_for_days_stays_in_the_registers(
    stores: list[ValkeyStore], client: Any, valkey_prefix: str, clock: FakeClock
) -> None:
    store = stores[0]
    record = records.new(clock, principal="alice", absolute_at=clock() + 1e9)
    await store.save(record, over=None)
    names = layout.Names(valkey_prefix, 0)
    registers = [names.index(record.ref), f"{names.principal('alice')}seats:shop", f"{names.principal('alice')}apps"]
    client.delete(registers[0])  # lost, by whatever
    for name in registers[1:]:
        client.expire(name, 1000)
    clock.advance(days=1)
    used = records.used(record, clock)
    assert await store.touch(used)
    for name in registers:
        assert client.ttl(name) > 86_400, name
    assert await store.find(Query()) == [used]
    await store.close()


async def test_many_sign_ins_on_two_nodes_of_a_cluster_never_exceed_the_limit(
    valkey_cluster: Cluster, valkey_prefix: str, clock: FakeClock
) -> None:
    stores = [ValkeyStore(f"{valkey_cluster.url}?prefix={valkey_prefix}", clock=clock) for _ in range(2)]
    made = [records.new(clock, principal="alice") for _ in range(60)]

    async def sign_in(number: int) -> bool:
        with contextlib.suppress(LimitReached):
            await stores[number % 2].admit(made[number], over=None, limit=10, when_full="refuse", lease=LEASE)
            return True
        return False

    assert sum(await asyncio.gather(*map(sign_in, range(60)))) == 10
    assert len(await stores[0].find(Query(principal="alice"), limit=100)) == 10
    more = [records.new(clock, principal="alice") for _ in range(30)]
    evicted = await asyncio.gather(
        *(
            stores[number % 2].admit(record, over=None, limit=10, when_full="end-oldest", lease=LEASE)
            for number, record in enumerate(more)
        )
    )
    gone = [record.key for each in evicted for record in each]
    assert len(gone) == len(set(gone)) == 30
    assert len(await stores[0].find(Query(principal="alice"), limit=100)) == 10
    for store in stores:
        await store.close()


async def test_who_waits_for_a_seat_beside_others_is_not_evicted_for_its_own_sake(
    stores: list[ValkeyStore], clock: FakeClock
) -> None:
    store = stores[0]
    sitting = [records.new(clock, principal="alice") for _ in range(3)]
    for record in sitting:
        await store.save(record, over=None)
        clock.advance(seconds=1)
    again = records.renewed(sitting[0], clock, epoch=1)
    coming = [records.new(clock, principal="alice") for _ in range(5)]
    await asyncio.gather(
        *(store.admit(record, over=None, limit=2, when_full="end-least-used", lease=LEASE) for record in coming[:2]),
        store.admit(again, over=sitting[0], limit=2, when_full="end-least-used", lease=LEASE),
        *(store.admit(record, over=None, limit=2, when_full="end-least-used", lease=LEASE) for record in coming[2:]),
        return_exceptions=True,
    )
    assert len(await store.find(Query(principal="alice"), limit=100)) == 2
    await store.close()


async def test_those_who_are_refused_at_once_share_one_look(stores: list[ValkeyStore], clock: FakeClock) -> None:
    store = stores[0]
    for _ in range(50):
        await store.admit(records.new(clock, principal="alice"), over=None, limit=50, when_full="refuse", lease=LEASE)
    [line] = store._scope().lane._lines.values()
    before = line.ask.asked
    refused = [records.new(clock, principal="alice") for _ in range(100)]
    answers = await asyncio.gather(
        *(store.admit(record, over=None, limit=50, when_full="refuse", lease=LEASE) for record in refused),
        return_exceptions=True,
    )
    assert all(isinstance(answer, LimitReached) for answer in answers)
    assert line.ask.asked - before < 100 * 6 + 3 * 50
    await store.close()


async def test_nobody_is_evicted_for_a_save_that_cannot_happen(stores: list[ValkeyStore], clock: FakeClock) -> None:
    store = stores[0]
    sitting = records.new(clock, principal="alice")
    await store.save(sitting, over=None)
    visitor = records.new(clock)
    await store.save(visitor, over=None)
    await store.save(records.newer(visitor), over=visitor)
    with pytest.raises(Conflict):
        await store.admit(records.signed_in(visitor, clock), over=visitor, limit=1, when_full="end-oldest", lease=LEASE)
    assert await store.load(sitting.key, "shop") == sitting
    await store.close()


async def test_a_move_out_of_its_slot_is_refused(stores: list[ValkeyStore], clock: FakeClock) -> None:
    store = stores[0]
    record = records.new(clock, key="aa" + "x" * 43)
    await store.save(record, over=None)
    with pytest.raises(ValueError, match="same first two characters"):
        await store.save(msgspec.structs.replace(records.newer(record), key="bb" + "x" * 43), over=record)
    assert await store.load(record.key, "shop") == record
    await store.close()


async def test_a_stub_is_dropped_when_it_was_closed_long_ago(
    stores: list[ValkeyStore], client: Any, valkey_prefix: str, clock: FakeClock
) -> None:
    store = stores[0]
    old = records.new(clock, expires_at=clock() + 1e6)
    await store.save(old, over=None)
    clock.advance(seconds=1)
    new = records.signed_in(old, clock)
    await store.save(new, over=old)
    clock.advance(seconds=2 * GRACE)
    await store.claim(limit=10, lease=LEASE)
    assert not any(old.key.encode() in name for name in left(client, valkey_prefix))
    assert not any(old.key.encode() in kept for kept in dump([client], valkey_prefix))
    await store.close()
