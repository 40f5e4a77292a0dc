"""A session in sync code: `save` and `exclusive` return when they are done, and a copy in memory costs no crossing."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url  # noqa: F401 - fixtures
from tests.inbound.bridge.asked import PATIENCE, Asked, Held

from sojourn import Near, Session, Sessions
from sojourn.errors import Occupied, StoreUnavailable
from sojourn.inbound.bridge import Bridge, wait
from sojourn.store.near import NearStore
from sojourn.store.stack import layers


def count(session: Session) -> None:
    session["n"] = session.get("n", 0) + 1


def fail_after(session: Session) -> None:
    count(session)
    raise ZeroDivisionError


def test_a_save_has_stored_when_it_returns(asked: Asked) -> None:
    with asked.request() as session:
        count(session)
    with asked.request() as session:
        count(session)
        session.save()
        with asked.twin().request() as other:
            assert other["n"] == 2


def test_a_save_that_cannot_be_made_raises_where_it_is_asked_for(asked: Asked, store: Held) -> None:
    async def refuse() -> None:
        raise StoreUnavailable("the store is away")

    with asked.request() as session:
        count(session)
    with asked.request() as session:
        count(session)
        store.gates["save"] = refuse  # type: ignore[assignment]
        with pytest.raises(StoreUnavailable):
            session.save()
        store.gates.clear()
    with asked.request() as session:
        assert session["n"] == 2


def test_a_block_keeps_others_out_until_it_is_over(asked: Asked) -> None:
    with asked.request() as session:
        count(session)
    order: list[str] = []
    inside, queued = threading.Event(), threading.Event()

    def first() -> None:
        with asked.twin().request() as session, session.exclusive():
            inside.set()
            queued.wait(PATIENCE)
            order.append("first")
            count(session)

    def second() -> None:
        inside.wait(PATIENCE)
        with asked.twin().request() as session:
            with pytest.raises(Occupied), session.exclusive(wait=0):
                raise AssertionError
            queued.set()
            with session.exclusive():
                order.append("second")
                count(session)

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(first), threads.submit(second)]:
            done.result(PATIENCE)
    assert order == ["first", "second"]
    with asked.request() as session:
        assert session["n"] == 3


def test_threads_that_count_in_blocks_lose_nothing(asked: Asked) -> None:
    with asked.request() as session:
        count(session)

    def one() -> None:
        with asked.twin().request() as session, session.exclusive():
            count(session)

    with ThreadPoolExecutor(8) as threads:
        for done in [threads.submit(one) for _ in range(32)]:
            done.result(PATIENCE)
    with asked.request() as session:
        assert session["n"] == 33


def test_a_block_within_a_block_is_part_of_it(asked: Asked) -> None:
    with asked.request() as session:
        count(session)
    with asked.request() as session, session.exclusive():
        with session.exclusive(wait=0):
            count(session)
        with session.exclusive(wait=0):
            count(session)
        assert session["n"] == 3
    with asked.request() as session:
        assert session["n"] == 3


def test_a_block_that_raises_leaves_nothing_and_lets_others_in(asked: Asked) -> None:
    with asked.request() as session:
        count(session)
    with asked.request() as session:
        with pytest.raises(ZeroDivisionError), session.exclusive():
            fail_after(session)
        assert session["n"] == 1
        with asked.twin().request() as other, other.exclusive(wait=0):
            count(other)
    with asked.request() as session:
        assert session["n"] == 2


def test_one_request_of_a_thread_within_another_has_blocks_of_its_own(asked: Asked) -> None:
    with asked.request() as session:
        count(session)
    stranger = Asked(asked.bridge)
    with stranger.request() as theirs:
        count(theirs)
    with asked.request() as session, session.exclusive():
        with stranger.request() as theirs, theirs.exclusive(wait=0):
            count(theirs)
        with asked.twin().request() as twin, pytest.raises(Occupied), twin.exclusive(wait=0):
            raise AssertionError
    with stranger.request() as theirs:
        assert theirs["n"] == 2


@pytest.fixture
def near(valkey_url: str) -> Iterator[Asked]:  # noqa: F811 - the fixture
    """Over a near cache whose watch is on: before, each request would ask the store."""
    sessions = Sessions(valkey_url, near=Near())
    asked = Asked(Bridge(sessions))
    [kept] = [each for each in layers(sessions.store) if isinstance(each, NearStore)]
    wait(kept.open())
    give_up_at = time.monotonic() + PATIENCE
    while not kept.healthy:
        assert time.monotonic() < give_up_at
        time.sleep(0.001)
    yield asked
    wait(sessions.close())


def test_a_copy_in_memory_is_shown_while_the_loop_stands_still(near: Asked) -> None:
    with near.request() as session:
        count(session)
    with near.request() as session:
        assert session["n"] == 1
    freed, entered = threading.Event(), threading.Event()

    async def block() -> None:
        entered.set()
        freed.wait(PATIENCE)

    def read() -> int:
        with near.request() as session:
            return int(session["n"])

    with ThreadPoolExecutor(2) as threads:
        blocked = threads.submit(wait, block())
        assert entered.wait(PATIENCE)
        try:
            assert threads.submit(read).result(PATIENCE / 2) == 1
            assert not blocked.done()
        finally:
            freed.set()
