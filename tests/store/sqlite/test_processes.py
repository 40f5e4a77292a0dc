"""Several processes, threads and event loops on one SQLite file; a process that forks or is killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from sojourn.core.record import Record
from sojourn.errors import Conflict
from sojourn.store.base import Query
from sojourn.store.sqlite import SqliteStore, schema
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

Make = Callable[..., SqliteStore]

BEGIN = """
import asyncio, os, sys
from pathlib import Path
from sojourn.errors import Conflict
from sojourn.store.base import Query
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock
from sojourn.testing.contract import records
clock = FakeClock()
store = SqliteStore(sys.argv[1], clock=clock)
def say(what):
    print(what, flush=True)
"""

INCREMENT = """
async def increment(key, times):
    for _ in range(times):
        while True:
            stored = await store.load(key, "shop")
            try:
                await store.save(records.newer(stored, data=b"%d" % (int(stored.data) + 1)), over=stored)
                break
            except Conflict:
                continue
say("ready")
sys.stdin.readline()
asyncio.run(increment("one", 100))
"""

OPEN = """
say("ready")
sys.stdin.readline()
record = records.new(clock)
asyncio.run(store.save(record, over=None))
asyncio.run(store.close())
say(record.ref)
"""

WRITE_FOR_EVER = """
async def write(key):
    record = records.new(clock, key=key, data=b"0")
    await store.save(record, over=None)
    while True:
        newer = records.newer(record, data=b"%d" % record.version + bytes(2000))
        await store.save(newer, over=record)
        say(f"{key} {newer.version}")
        record = newer
async def main():
    await asyncio.gather(*(write(f"key{number}") for number in range(8)))
asyncio.run(main())
"""

LEAVE_OPEN = """
record = records.new(clock)
asyncio.run(store.save(record, over=None))
asyncio.run(store.load(record.key, record.app))
say(record.ref)
"""

FORK = """
import warnings
warnings.simplefilter("ignore", DeprecationWarning)
def use(name):
    async def save_and_find():
        record = records.new(clock, ref=name)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record
        assert await store.touch(record)
    asyncio.run(save_and_find())
to_child, to_parent = os.pipe(), os.pipe()
use("before")
if sys.argv[2] == "write":  # the writer alone is open
    asyncio.run(store.close())
    asyncio.run(store.save(records.new(clock, ref="again"), over=None))
child = os.fork()
if child == 0:
    use("child early")
    os.write(to_parent[1], b"x")
    os.read(to_child[0], 1)
    use("child late")
    os._exit(0)
os.read(to_parent[0], 1)
use("parent")
asyncio.run(store.close())
os.write(to_child[1], b"x")
assert os.waitpid(child, 0)[1] == 0
use("parent late")
for record in asyncio.run(store.find(Query())):
    say(record.ref)
asyncio.run(store.close())
"""

FORK_AT_WORK = """
import threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)
stop = threading.Event()
lost = []
async def write(number):
    while not stop.is_set():
        record = records.new(clock)
        await asyncio.wait_for(store.save(record, over=None), 30)
        if await store.load(record.key, record.app) != record:
            lost.append(record)
        await store.find(Query(ref=record.ref))
def work():
    async def all_at_once():
        await asyncio.gather(*(write(number) for number in range(4)))
    asyncio.run(all_at_once())
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads:
    thread.start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        async def use():
            record = records.new(clock)
            await asyncio.wait_for(store.save(record, over=None), 30)
            assert await store.load(record.key, record.app) == record
            await store.close()
        try:
            asyncio.run(use())
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
asyncio.run(store.close())
say(len(lost))
"""


@contextmanager
def process(path: Path, code: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", BEGIN + code, str(path), *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as started:
        try:
            yield started
        finally:
            started.kill()


def line(started: subprocess.Popen[str]) -> str:
    assert started.stdout is not None
    return started.stdout.readline().strip()


def all_together(path: Path, code: str, number: int) -> list[str]:
    """What so many processes say that begin at the same moment."""
    with ExitStack() as running:
        started = [running.enter_context(process(path, code)) for _ in range(number)]
        assert [line(each) for each in started] == ["ready"] * number
        for each in started:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        said = [each.communicate(timeout=60)[0].strip() for each in started]
        assert [each.returncode for each in started] == [0] * number
    return said


def ended(path: Path, code: str, *arguments: str) -> list[str]:
    """What a process said, after it ended well."""
    command = [sys.executable, "-c", BEGIN + code, str(path), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


def test_no_increment_of_four_processes_is_lost(make: Make, path: Path, clock: FakeClock) -> None:
    store, record = make(), records.new(clock, key="one", data=b"0")
    asyncio.run(store.save(record, over=None))
    all_together(path, INCREMENT, 4)
    last = asyncio.run(store.load("one", "shop"))
    assert last is not None
    assert (last.data, last.version) == (b"400", 401)


def test_ten_processes_that_start_together_make_one_schema(make: Make, path: Path) -> None:
    refs = all_together(path, OPEN, 10)
    found = asyncio.run(make().find(Query()))
    assert [record.ref for record in found] == sorted(refs)


@pytest.mark.parametrize("durability", ["normal", "full"])
def test_what_was_acknowledged_outlives_a_process_that_is_killed(make: Make, path: Path, durability: str) -> None:
    code = f"store = SqliteStore(sys.argv[1], clock=clock, durability={durability!r})" + WRITE_FOR_EVER
    with process(path, code) as writer:
        said = [line(writer) for _ in range(300)]
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        said += [each.strip() for each in writer.stdout if each.endswith("\n")]
    acknowledged = {key: int(version) for key, version in map(str.split, said)}
    store = make()
    assert len(acknowledged) == 8
    for key, version in acknowledged.items():
        stored = asyncio.run(store.load(key, "shop"))
        assert stored is not None
        assert stored.version >= version


def test_a_process_that_ends_without_closing_ends_in_peace(make: Make, path: Path) -> None:
    [ref] = ended(path, LEAVE_OPEN)
    assert [record.ref for record in asyncio.run(make().find(Query()))] == [ref]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork here")
@pytest.mark.parametrize("open_before", ["read and write", "write"])
def test_a_store_that_was_used_before_a_fork_works_on_both_sides(path: Path, open_before: str) -> None:
    said = ended(path, FORK, open_before)
    assert [ref for ref in said if ref != "again"] == ["before", "child early", "child late", "parent", "parent late"]


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # other tests may have left threads
def test_nothing_is_open_in_the_moment_of_a_fork_and_all_works_after_it(store: SqliteStore, clock: FakeClock) -> None:
    record = records.new(clock)
    asyncio.run(store.save(record, over=None))
    asyncio.run(store.load(record.key, record.app))
    child = os.fork()
    if child == 0:
        here = os.path.realpath(store._path)
        opened = [os.path.realpath(each) for each in Path("/proc/self/fd").iterdir()]
        os._exit(any(name.startswith(here) for name in opened))
    assert os.waitpid(child, 0)[1] == 0
    assert asyncio.run(store.load(record.key, record.app)) == record
    assert asyncio.run(store.touch(record))


@pytest.mark.skipif(sys.platform == "win32", reason="there is no fork here")
def test_a_process_can_fork_in_the_middle_of_its_work(path: Path) -> None:
    assert ended(path, FORK_AT_WORK) == ["0"]


def in_threads(number: int, work: Callable[[int], object]) -> None:
    """Runs `work` in so many threads at once; raises what one of them raises."""
    raised: list[BaseException] = []
    together = threading.Barrier(number)

    def run(which: int) -> None:
        together.wait(timeout=30)
        try:
            work(which)
        except BaseException as error:  # noqa: BLE001 - raised below
            raised.append(error)

    threads = [threading.Thread(target=run, args=(which,)) for which in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert not raised


def test_event_loops_in_several_threads_share_a_store(store: SqliteStore, clock: FakeClock) -> None:
    shared = records.new(clock, data=b"0")
    asyncio.run(store.save(shared, over=None))

    async def increment() -> None:
        for _ in range(50):
            while True:
                stored = await store.load(shared.key, shared.app)
                assert stored is not None
                try:
                    await store.save(records.newer(stored, data=b"%d" % (int(stored.data) + 1)), over=stored)
                    break
                except Conflict:
                    continue

    in_threads(4, lambda _: asyncio.run(increment()))
    last = asyncio.run(store.load(shared.key, shared.app))
    assert last is not None
    assert last.data == b"200"


def test_threads_that_read_at_once_get_their_own_records(store: SqliteStore, clock: FakeClock) -> None:
    kept = [records.new(clock, data=b"%d" % number * 1000) for number in range(4)]

    async def fill() -> None:
        for record in kept:
            await store.save(record, over=None)

    async def read(record: Record) -> None:
        for _ in range(1500):
            assert await store.load(record.key, record.app) == record

    asyncio.run(fill())
    in_threads(4, lambda which: asyncio.run(read(kept[which])))


def test_a_store_can_be_closed_while_other_threads_use_it(store: SqliteStore, clock: FakeClock) -> None:
    async def use() -> None:
        for _ in range(100):
            record = records.new(clock)
            async with asyncio.timeout(30):
                await store.save(record, over=None)
                assert await store.load(record.key, record.app) == record

    async def close() -> None:
        for _ in range(100):
            await store.close()

    in_threads(4, lambda which: asyncio.run(use() if which else close()))
    assert len(asyncio.run(store.find(Query(), limit=1000))) == 300


class Interrupted(sqlite3.Connection):
    """A connection between whose looks at a new file another process makes the schema."""

    def execute(self, statement: str, *parameters: Any) -> sqlite3.Cursor:
        if "sqlite_master" in statement:
            other = sqlite3.connect(self.path, isolation_level=None, timeout=0)
            with closing(other), suppress(sqlite3.OperationalError):  # it may have to wait for us
                schema.prepare(other, self.path)
        return super().execute(statement, *parameters)

    path: Path


@pytest.mark.parametrize("journal", ["delete", "wal"])
def test_a_schema_that_is_made_meanwhile_is_not_taken_for_another_applications(tmp_path: Path, journal: str) -> None:
    path = tmp_path / "new.db"
    with closing(sqlite3.connect(path, isolation_level=None, factory=Interrupted)) as connection:
        connection.path = path
        sqlite3.Connection.execute(connection, f"pragma journal_mode = {journal}")
        schema.made(connection, path)
        schema.prepare(connection, path)
        assert schema.made(connection, path)
