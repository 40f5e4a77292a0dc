"""A disk that is full or read-only: a clear error, what was acknowledged is kept, and no restart is needed after."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sojourn import errors
from sojourn.core.record import Record
from sojourn.store.base import Query
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

Make = Callable[..., SqliteStore]


def remount(disk: Path, how: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{how}", disk], check=True)


def resize(path: Path, size: int) -> None:
    """Fill the file with that many bytes."""
    path.write_bytes(b"x" * size)


async def save_until_refused(store: SqliteStore, clock: FakeClock) -> tuple[list[Record], errors.StoreError]:
    """What was acknowledged, and the first error."""
    kept: list[Record] = []
    for number in range(10_000):
        record = records.new(clock, data=number.to_bytes(4, "big") * 3000)
        try:
            await store.save(record, over=None)
        except errors.StoreError as error:
            return kept, error
        kept.append(record)
    raise AssertionError("it never was full")


async def loaded(store: SqliteStore, kept: list[Record]) -> list[Record | None]:
    return [await store.load(record.key, record.app) for record in kept]


@pytest.mark.parametrize("durability", ["normal", "full"])
async def test_a_full_disk_refuses_what_it_cannot_keep_and_keeps_what_it_acknowledged(
    make: Make, disk: Path, clock: FakeClock, durability: str
) -> None:
    resize(disk / "ballast", 1 << 20)
    store = make(at=disk / "sessions.db", durability=durability)
    kept, error = await save_until_refused(store, clock)
    assert type(error) is errors.StoreFull
    assert "disk" in str(error)
    assert "\n" not in str(error)
    assert len(kept) > 10
    refused = await asyncio.gather(
        *(store.save(records.new(clock, data=b"x" * 100_000), over=None) for _ in range(10)), return_exceptions=True
    )
    assert {type(each) for each in refused} == {errors.StoreFull}
    assert await loaded(store, kept) == kept
    assert len(await store.find(Query(), limit=10_000)) == len(kept)

    resize(disk / "ballast", 0)
    more = records.new(clock, data=b"x" * 100_000)
    await store.save(more, over=None)
    assert await store.delete(kept[0].key, kept[0].app)
    await store.close()
    assert await loaded(make(at=disk / "sessions.db"), [*kept, more]) == [None, *kept[1:], more]


async def test_a_store_that_cannot_be_made_on_a_full_disk_is_made_when_there_is_room(
    make: Make, disk: Path, clock: FakeClock
) -> None:
    resize(disk / "ballast", (3 << 20) - 4096)
    store, record = make(at=disk / "sessions.db"), records.new(clock)
    for _ in range(2):
        with pytest.raises(errors.StoreFull):
            await store.save(record, over=None)
    resize(disk / "ballast", 0)
    await store.save(record, over=None)
    assert await store.load(record.key, record.app) == record


async def test_a_disk_that_is_mounted_read_only_is_told_and_can_be_written_to_again(
    make: Make, disk: Path, clock: FakeClock
) -> None:
    first, record = make(at=disk / "sessions.db"), records.new(clock)
    await first.save(record, over=None)
    await first.close()
    remount(disk, "ro")
    store = make(at=disk / "sessions.db")
    for call in (store.touch(record), store.open(), store.delete(record.key, record.app)):
        with pytest.raises(errors.StoreReadOnly) as caught:
            await call
        assert "cannot be written" in str(caught.value)
    remount(disk, "rw")
    assert await store.load(record.key, record.app) == record
    assert await store.touch(record)


async def test_nothing_can_be_made_on_a_disk_that_is_read_only(make: Make, disk: Path, clock: FakeClock) -> None:
    remount(disk, "ro")
    store = make(at=disk / "sessions.db")
    with pytest.raises(errors.StoreUnavailable, match="directory must exist and be writable"):
        await store.save(records.new(clock), over=None)


@pytest.fixture
def unwritable(path: Path) -> Iterator[Callable[[bool], None]]:
    """Makes the file read-only, and writable again."""

    def mark(immutable: bool) -> None:
        if os.geteuid() != 0:
            path.chmod(0o400 if immutable else 0o600)
        elif (
            shutil.which("chattr") is None
            or subprocess.run(
                ["chattr", "+i" if immutable else "-i", path], check=False, capture_output=True
            ).returncode
        ):
            pytest.skip("root can write every file here")

    yield mark
    mark(immutable=False)


async def test_a_read_only_file_can_be_read_but_not_written(
    make: Make, clock: FakeClock, unwritable: Callable[[bool], None]
) -> None:
    first, record = make(), records.new(clock)
    await first.save(record, over=None)
    await first.close()
    unwritable(True)
    store = make()
    assert await store.load(record.key, record.app) == record
    assert await store.find(Query()) == [record]
    for call in (store.touch(record), store.save(records.newer(record), over=record), store.claim(limit=1, lease=1)):
        with pytest.raises(errors.StoreReadOnly):
            await call
    assert await store.load(record.key, record.app) == record
    unwritable(False)
    assert await store.touch(record)
