"""What is kept: every byte, in any number, and nothing of the secret."""

from __future__ import annotations

import asyncio
import base64
import math

import pytest

from sojourn.core.ids import SessionId
from sojourn.store.base import Store
from sojourn.testing.clock import FakeClock
from sojourn.testing.contract import records
from sojourn.testing.contract.ground import Ground

__all__ = ["KeepingContract"]

ODD = [
    "",
    " ",
    "Ærøskøbing 東京 🦉 e\u0301",
    "'; drop table session; --",
    '"\\\n\r\t\x01\x7f%_?:',
    "{0}%s$1",
    "x" * 5000,
]


class KeepingContract(Ground):
    """The promises about what a store keeps."""

    @pytest.mark.parametrize("data", [b"", b"\0", bytes(range(256)) * 4, b"\xff" * (1 << 20)], ids=len)
    async def test_data_comes_back_byte_for_byte(self, store: Store, clock: FakeClock, data: bytes) -> None:
        record = records.new(clock, data=data)
        await store.save(record, over=None)
        loaded = await store.load(record.key, record.app)
        assert loaded is not None
        assert type(loaded.data) is bytes
        assert loaded.data == data

    @pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
    async def test_any_text_comes_back_as_it_was(self, store: Store, clock: FakeClock, text: str) -> None:
        record = records.new(clock, app=text, ref=text or "ref", principal=text, node=text)
        await store.save(record, over=None)
        assert await store.load(record.key, text) == record
        await store.save(records.newer(record), over=record)
        assert await store.touch(record)
        assert await store.delete(record.key, text)

    async def test_no_principal_is_not_an_empty_one(self, store: Store, clock: FakeClock) -> None:
        nobody, empty = records.new(clock), records.new(clock, principal="")
        await store.save(nobody, over=None)
        await store.save(empty, over=None)
        assert await store.load(nobody.key, nobody.app) == nobody
        assert await store.load(empty.key, empty.app) == empty

    async def test_a_session_without_limits_lives_for_ever(self, store: Store, clock: FakeClock) -> None:
        record = records.new(clock, expires_at=math.inf, absolute_at=math.inf)
        await store.save(record, over=None)
        await store.touch(record)
        clock.advance(days=36_500)
        assert await store.load(record.key, record.app) == record

    async def test_instants_are_kept_to_the_microsecond_and_versions_beyond_32_bits(
        self, store: Store, clock: FakeClock
    ) -> None:
        now = 1_800_000_000.123457
        record = records.new(clock, version=2**40, epoch=2**33, created_at=now, accessed_at=now, renewed_at=now)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record

    async def test_ten_thousand_sessions_are_kept_apart(self, store: Store, clock: FakeClock) -> None:
        kept = [records.new(clock, data=b"%d" % number) for number in range(10_000)]
        pages = [kept[start : start + 500] for start in range(0, len(kept), 500)]
        for page in pages:
            await asyncio.gather(*(store.save(record, over=None) for record in page))
        for page in pages:
            assert await asyncio.gather(*(store.load(record.key, record.app) for record in page)) == page

    async def test_many_tasks_do_not_mix_up_their_sessions(self, store: Store, clock: FakeClock) -> None:
        async def visit(number: int) -> bool:
            record = records.new(clock, data=b"%d-0" % number)
            await store.save(record, over=None)
            for turn in range(1, 6):
                current = records.newer(record, data=b"%d-%d" % (number, turn))
                await store.save(current, over=record)
                record = current
                assert await store.touch(record)
                assert await store.load(record.key, record.app) == record
            return await store.delete(record.key, record.app)

        assert all(await asyncio.gather(*(visit(number) for number in range(100))))

    async def test_a_cancelled_create_happens_wholly_or_not_at_all(self, store: Store, clock: FakeClock) -> None:
        tried = [records.new(clock, data=b"x" * 2000) for _ in range(40)]
        tasks = [asyncio.create_task(store.save(record, over=None)) for record in tried]
        for number, task in enumerate(tasks):
            if number % 4 == 0:
                await asyncio.sleep(0)  # lets the others go on
            task.cancel()
        answers = await asyncio.gather(*tasks, return_exceptions=True)
        for record, answer in zip(tried, answers, strict=True):
            stored = await store.load(record.key, record.app)
            assert stored == record or (stored is None and isinstance(answer, asyncio.CancelledError))

    async def test_a_cancelled_move_leaves_the_session_at_one_key(self, store: Store, clock: FakeClock) -> None:
        before = [records.new(clock) for _ in range(40)]
        await asyncio.gather(*(store.save(record, over=None) for record in before))
        after = [records.signed_in(record, clock) for record in before]
        tasks = [asyncio.create_task(store.save(new, over=old)) for new, old in zip(after, before, strict=True)]
        for number, task in enumerate(tasks):
            if number % 4 == 0:
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await store.save(records.new(clock), over=None)  # after what was begun
        for old, new in zip(before, after, strict=True):
            found = (await store.load(old.key, old.app), await store.load(new.key, new.app))
            assert found in ((old, None), (None, new))

    async def test_nothing_of_the_secret_is_at_rest(self, store: Store, clock: FakeClock) -> None:
        ids = [SessionId.new()]
        record = records.new(clock, key=ids[0].key)
        await store.save(record, over=None)
        for change in (records.renewed, records.signed_in):
            clock.advance(seconds=1)
            ids.append(SessionId.new(ids[-1]))
            moved = change(record, clock, key=ids[-1].key)
            await store.save(moved, over=record)
            record = moved
        await store.touch(records.used(record, clock))
        kept = b"\n".join(self.raw_bytes(store))
        assert record.key.encode() in kept, "raw_bytes does not show what the store keeps"
        for each in ids:
            assert each.secret.encode() not in kept
            assert each.secret[2:].encode() not in kept
            assert base64.urlsafe_b64decode(each.secret + "=") not in kept
