"""Many sign-ins of one user at once, on three nodes: never more sessions than the limit, whenever one looks."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, get_args

import asyncpg
import pytest
import valkey
from tests.fixtures.process import processes
from tests.fixtures.wire import Reply, Wire

from sojourn.store.base import WhenFull

LIMIT, SIGN_INS = 1000, 1200

# In one step, so that no session is counted that has ended when another is: all are of one user, R is a live one.
LIVE_IN_VALKEY = """
local live = 0
for _, key in ipairs(redis.call('KEYS', ARGV[1] .. ':{*}:s:*')) do
  if redis.call('GETRANGE', key, 0, 0) == 'R' then live = live + 1 end
end
return live
"""
LIVE = "select count(*) from session where principal = 'alice' and claimed_until is null"

Look = Callable[[], Awaitable[int]]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("when_full", get_args(WhenFull))
async def test_of_1200_parallel_sign_ins_never_more_than_1000_sessions_live(
    store_url: str, when_full: WhenFull, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = {"limit": {"per_principal": LIMIT, "when_full": when_full}}
    with processes(tmp_path, store_url, *[{**settings, "node": f"n{number}"} for number in range(3)]) as nodes:
        with looking(store_url) as seen:
            wires = [Wire(nodes[number % 3].port) for number in range(SIGN_INS)]
            replies = await asyncio.gather(*(wire.ask("/log_in?user=alice") for wire in wires))
        there = await who_is_in(wires)
    answered = Counter(reply.status for reply in replies)
    with capsys.disabled():
        print(  # noqa: T201 - the figures are a result
            f"\n{store_url.partition(':')[0]}: {SIGN_INS} sign-ins, limit {LIMIT}, {when_full}: "
            f"answered {dict(answered)}, {there} are in; looked {len(seen)} times, at most {max(seen)} were live"
        )
    assert max(seen) == seen[-1] == there == LIMIT
    assert len(seen) > 2, "it was looked only before and after"
    assert answered == ({200: LIMIT, 429: SIGN_INS - LIMIT} if when_full == "refuse" else {200: SIGN_INS})
    assert not [reply for reply in replies if reply.status == 429 and (reply.cookies or says_who(reply))]


async def who_is_in(wires: list[Wire]) -> int:
    """How many of the visitors are known, when each asks again."""
    asked = await asyncio.gather(*(wire.ask("/who") for wire in wires))
    told = Counter(tuple(reply.value) for reply in asked)
    assert told.keys() <= {("alice", "alice"), (None, None)}
    return told["alice", "alice"]


def says_who(reply: Reply) -> bool:
    """Whether an answer is what the handler said."""
    return reply.body.startswith((b"null", b"[")) or b"alice" in reply.body


@contextlib.contextmanager
def looking(store_url: str) -> Iterator[list[int]]:
    """How many sessions are live, looked at from outside again and again, and once in the end.

    In a thread with a loop of its own, so that it looks while the test's own loop is busy with the visitors.
    """
    seen: list[int] = []
    over = threading.Event()

    async def keep_looking() -> None:
        async with _look_at(store_url) as look:
            while not over.is_set():
                seen.append(await look())
                await asyncio.sleep(0.02)  # leaves room for those who are looked at
            seen.append(await look())

    with ThreadPoolExecutor(1) as threads:
        looked = threads.submit(asyncio.run, keep_looking())
        try:
            yield seen
        finally:
            over.set()
        looked.result()


@contextlib.asynccontextmanager
async def _look_at(store_url: str) -> AsyncIterator[Look]:
    if store_url.startswith("postgresql:"):
        address, _, schema = store_url.partition("schema=")
        connection = await asyncpg.connect(address.rstrip("?&"), server_settings={"search_path": schema})
        try:
            yield lambda: connection.fetchval(LIVE)
        finally:
            await connection.close()
    else:
        opened = _at_a_file(store_url) if store_url.startswith("sqlite:") else _at_valkey(store_url)
        with opened as look:
            yield lambda: asyncio.to_thread(look)


@contextlib.contextmanager
def _at_a_file(store_url: str) -> Iterator[Callable[[], int]]:
    path = store_url.removeprefix("sqlite:///")
    with contextlib.closing(
        sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30, check_same_thread=False)
    ) as connection:
        yield lambda: int(connection.execute(LIVE).fetchone()[0])


@contextlib.contextmanager
def _at_valkey(store_url: str) -> Iterator[Callable[[], int]]:
    address, _, prefix = store_url.partition("?prefix=")
    client: Any = valkey.Valkey.from_url(address)
    with contextlib.closing(client):
        yield lambda: int(client.eval(LIVE_IN_VALKEY, 0, prefix))
