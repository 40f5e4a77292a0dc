"""A limit holds for a fleet: 1,200 sign-ins of one principal at once, on three nodes of one store."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from tests.fixtures.visitor import Visitor, signs_in

from sojourn import Limit, Sessions
from sojourn.core.events import Event, SessionEnded
from sojourn.store.base import WhenFull

SIGN_INS, LIMIT = 1200, 1000


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.mark.parametrize(
    ("when_full", "answers", "ended"),
    [
        ("refuse", {200: LIMIT, 429: SIGN_INS - LIMIT}, 0),
        ("end-oldest", {200: SIGN_INS}, SIGN_INS - LIMIT),
        ("end-least-used", {200: SIGN_INS}, SIGN_INS - LIMIT),
    ],
)
async def test_never_more_are_live_and_each_is_answered_as_it_was_set(
    address: str, when_full: WhenFull, answers: dict[int, int], ended: int
) -> None:
    told: list[Event] = []
    nodes = [Sessions(address, node=name, limit=Limit(when_full=when_full)) for name in ("n1", "n2", "n3")]
    for node in nodes:
        node.listen(told.append, SessionEnded)
        await node.start()
    given = await asyncio.gather(*(Visitor(nodes[n % 3]).ask(signs_in("alice")) for n in range(SIGN_INS)))
    assert Counter(answer.status for answer in given) == answers
    assert [len(await node.find(principal="alice", limit=SIGN_INS)) for node in nodes] == [LIMIT] * 3
    assert [event.reason for event in told if isinstance(event, SessionEnded)] == ["evicted"] * ended
    assert await nodes[0].end_everything() == LIMIT
    assert len({event.ref for event in told}) == len(told) == LIMIT + ended
    for node in nodes:
        await node.close()
