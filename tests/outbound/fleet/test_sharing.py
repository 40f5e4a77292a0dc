"""Two nodes and one back end: over each store, they are one visitor there."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from tests.outbound.fleet.conftest import Node

from sojourn.core.events import Event
from sojourn.core.record import Record
from sojourn.outbound import Backend
from sojourn.outbound.events import SessionAdopted, SignedIn
from sojourn.store.around import Around
from sojourn.store.base import Store
from sojourn.store.url import open_store
from sojourn.testing import Behaviour, FakeBackend


async def get(node: Backend, user: str | None = None) -> int:
    async with node.exchange(user=user) as http:
        return (await http.get("rows")).status_code


async def post(node: Backend, body: str) -> int:
    async with node.exchange() as http:
        return (await http.post("orders", content=body)).status_code


async def test_two_nodes_sign_in_once(fake: FakeBackend, node: Node) -> None:
    told: list[Event] = []
    async with node() as one, node() as two:
        two.listen(told.append, SignedIn, SessionAdopted)
        assert [await get(each) for each in (one, two, one, two)] == [200] * 4
        assert fake.counts().sign_ins == 1
    assert [type(each) for each in told] == [SessionAdopted]


async def test_what_one_node_has_renewed_is_adopted_by_the_other(fake: FakeBackend, node: Node) -> None:
    async with node() as one, node() as two:
        assert [await get(each) for each in (one, two)] == [200] * 2
        fake.forget()
        assert [await get(each) for each in (one, two)] == [200] * 2
        assert (fake.counts().sign_ins, fake.counts().sessions_live) == (2, 1)


async def test_the_token_goes_with_the_session(fake: FakeBackend, node: Node) -> None:
    fake.reset(Behaviour(csrf="fetch"))
    async with node(csrf=True) as one, node(csrf=True) as two:
        assert await post(one, "first") == 201
        assert await post(two, "second") == 201
        assert (fake.counts().sign_ins, fake.counts().csrf_tokens) == (1, 1)


async def test_the_end_of_one_node_leaves_the_session_to_the_other(fake: FakeBackend, node: Node) -> None:
    async with node() as two:
        async with node() as one:
            await get(one)
        assert await get(two) == 200
        assert (fake.counts().sign_ins, fake.counts().sessions_closed) == (1, 0)


@contextlib.asynccontextmanager
async def closing(store: Around) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await store.close()


class Abreast(Around):
    """What is loaded first is known to nobody before another has loaded, too."""

    def __init__(self, inner: Store, both: asyncio.Barrier) -> None:
        super().__init__(inner)
        self._both: asyncio.Barrier | None = both

    async def load(self, key: str, app: str) -> Record | None:
        record = await super().load(key, app)
        both, self._both = self._both, None
        if both is not None:
            await both.wait()
        return record


async def test_of_two_that_sign_in_at_once_one_session_stays(fake: FakeBackend, node: Node, store: str | Store) -> None:
    inner, both = open_store(store) if isinstance(store, str) else store, asyncio.Barrier(2)
    first, second = Abreast(inner, both), Abreast(inner, both)
    async with closing(first), node(store=first) as one, node(store=second) as two:
        assert list(await asyncio.gather(get(one), get(two))) == [200] * 2
        assert [await get(each) for each in (one, two)] == [200] * 2
        assert (fake.counts().sign_ins, fake.counts().sessions_live, fake.counts().sessions_closed) == (2, 1, 1)


async def test_a_user_who_is_forgotten_is_signed_out_on_all_nodes(fake: FakeBackend, node: Node) -> None:
    async with node(reuse="user") as one, node(reuse="user") as two, node(reuse="user") as three:
        await get(one, "her")
        await get(two, "her")
        await get(one, "him")
        await three.aforget("her")  # which has never heard of her
        assert (fake.counts().sessions_live, fake.counts().sessions_closed) == (1, 1)
        assert await get(two, "her") == 200
        assert (fake.counts().sign_ins, fake.counts().sessions_live) == (3, 2)


async def test_users_have_sessions_of_their_own(fake: FakeBackend, node: Node) -> None:
    async with node(reuse="user") as one, node(reuse="user") as two:
        assert [await get(each, user) for user in ("her", "him") for each in (one, two)] == [200] * 4
        assert fake.counts().sign_ins == 2


async def test_nodes_with_other_keys_are_strangers(fake: FakeBackend, node: Node) -> None:
    async with node() as one, node(key=b"of another installation") as two:
        assert [await get(each) for each in (one, two)] == [200] * 2
        assert fake.counts().sign_ins == 2


async def test_what_does_not_open_counts_as_absent_and_is_replaced(fake: FakeBackend, node: Node) -> None:
    async with node() as one:
        await get(one)
    async with node(seal=[b"t" * 32]) as two, node(seal=[b"t" * 32]) as three:
        assert [await get(each) for each in (two, three)] == [200] * 2
        assert fake.counts().sign_ins == 2


def test_clients_that_wait_share_as_well(fake: FakeBackend, node: Node) -> None:
    with node() as one, node() as two:
        for each in (one, two):
            with each.exchange() as http:
                assert http.get("rows").status_code == 200
            with each.exchange().requests() as session:
                assert session.get("rows").status_code == 200
        assert fake.counts().sign_ins == 1


@pytest.mark.parametrize("first", ["async", "waiting"])
def test_both_kinds_of_clients_share(fake: FakeBackend, node: Node, first: str) -> None:
    async def awaited() -> None:
        async with node() as one:
            await get(one)

    def waited() -> None:
        with node() as two, two.exchange() as http:
            http.get("rows")

    if first == "waiting":
        waited()
    asyncio.run(awaited())
    if first == "async":
        waited()
    assert fake.counts().sign_ins == 1
