"""The examples run as they are printed, and the back end sees what they promise."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from sojourn.outbound import Backend
from sojourn.testing import Behaviour, FakeBackend

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(scope="module")
def fake() -> Iterator[FakeBackend]:
    with FakeBackend() as fake:
        yield fake


def run(name: str, fake: FakeBackend, *users: str) -> list[str]:
    told = [part for user in users for part in (user, fake.password_of(user))]
    ended = subprocess.run(
        [sys.executable, EXAMPLES / name, fake.url, *told], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    return ended.stdout.splitlines()


def test_a_thousand_items_are_sent_in_one_session_with_one_token(fake: FakeBackend) -> None:
    fake.reset(Behaviour(csrf="fetch", sign_in_costs=0.05))
    assert run("split_order.py", fake, "iFlowDesignGuidelineUser") == ["1000 items taken"]
    counts = fake.counts()
    assert (counts.sign_ins, counts.csrf_tokens, counts.sessions_made, counts.orders) == (1, 1, 1, 1000)
    assert (counts.sessions_closed, counts.sessions_live, counts.duplicates) == (1, 0, 0)


def test_two_messages_read_their_blocks_with_a_cursor_each(fake: FakeBackend) -> None:
    fake.reset(Behaviour())
    assert run("read_in_blocks.py", fake, "alice") == ["100 rows", "100 rows"]
    assert (fake.counts().sessions_made, fake.counts().sessions_closed) == (2, 2)


def test_all_messages_share_one_session(fake: FakeBackend) -> None:
    fake.reset(Behaviour(sign_in_costs=0.05))
    assert run("many_messages.py", fake, "alice") == ["100 messages handled"]
    counts = fake.counts()
    assert (counts.sign_ins, counts.sessions_made, counts.sessions_closed, counts.orders) == (1, 1, 1, 100)
    assert counts.most_parallel <= 20


def test_two_users_of_one_message_are_seen_as_themselves(fake: FakeBackend) -> None:
    fake.reset(Behaviour())
    assert run("two_users.py", fake, "alice", "bob") == ["exchange: alice, bob, alice", "none: alice, bob, alice"]
    assert (fake.counts().sign_ins, fake.counts().mixed) == (2 + 3, 0)


@pytest.mark.parametrize("asks_first", [True, False])
async def test_with_and_without_a_call_before_the_split_there_is_one_sign_in(
    fake: FakeBackend, asks_first: bool
) -> None:
    fake.reset(Behaviour(csrf="fetch", sign_in_costs=0.05))
    erp = Backend(fake.url, reuse="exchange", auth=("alice", fake.password_of("alice")), csrf=True)
    async with erp.exchange().aiohttp() as http:

        async def post(number: int) -> None:
            async with http.post("orders", json=number) as answer:
                assert answer.status == 201

        if asks_first:
            async with http.get("me"):
                pass
        await asyncio.gather(*map(post, range(1000)))
    counts = fake.counts()
    assert (counts.sign_ins, counts.csrf_tokens, counts.sessions_made, counts.orders) == (1, 1, 1, 1000)
