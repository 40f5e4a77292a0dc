"""The near cache under requests: a hit waits for nobody, and shows no visitor less than was seen before."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, application, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore

from sojourn import Near, Session, Sessions
from sojourn.core.events import Event, FellBack
from sojourn.errors import SettingError
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.store import Recalls, power

Make = Callable[..., Sessions]


async def started(sessions: Sessions) -> Visitor:
    """A visitor of a node whose watch is alive."""
    await sessions.start()
    while not sessions.store.healthy:  # type: ignore[attr-defined]  # noqa: ASYNC110 - it is no event
        await asyncio.sleep(0)
    return Visitor(sessions)


async def test_a_hit_asks_the_store_nothing_and_never_waits(make: Make, store: WatchedStore) -> None:
    visitor = await started(make(near=Near()))
    await visitor.ask(sets(a=1))
    store.calls.clear()
    assert [(await visitor.ask(everything)).value for _ in range(3)] == [{"a": 1}] * 3
    assert store.calls == []
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    cookie = "; ".join(f"{name}={value}" for name, value in visitor.jar.items()).encode()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", cookie)]}
    serving = SessionMiddleware(application(everything), visitor.sessions)(scope, _nothing, send)
    with pytest.raises(StopIteration):
        serving.send(None)  # a coroutine that waits once would be back here
    assert sent[1]["body"] == b'{"a": 1}'
    await visitor.sessions.close()


async def _nothing() -> Any:
    raise AssertionError


@pytest.mark.parametrize("header", [b"{id}; {v}", b"x=1; {id}; y=2; {v}; z", b" {id} ;{v};", b"{v}; {id}", b"{id};{v}"])
async def test_wherever_its_cookies_stand(make: Make, store: WatchedStore, header: bytes) -> None:
    visitor = await started(make(near=Near()))
    await visitor.ask(sets(a=1))
    given, told = (f"{name}={value}".encode() for name, value in sorted(visitor.jar.items()))
    raw = header.replace(b"{id}", given).replace(b"{v}", told)
    store.calls.clear()
    assert (await visitor.ask(everything, cookies=[raw])).value == {"a": 1}
    assert store.calls == []
    await visitor.sessions.close()


@pytest.mark.parametrize("told", ["", "1x", "1" * 16, "-1", "\u0661"])
async def test_without_a_version_that_can_be_one_the_store_is_asked(make: Make, store: WatchedStore, told: str) -> None:
    visitor = await started(make(near=Near()))
    await visitor.ask(sets(a=1))
    visitor.jar["__Host-id-v"] = told
    store.calls.clear()
    answer = await visitor.ask(everything)
    assert (answer.value, store.calls) == ({"a": 1}, ["load"])
    assert answer.cookies == {"__Host-id-v": "1"}
    await visitor.sessions.close()


@pytest.mark.usefixtures("sync")
async def test_two_ids_are_refused_though_one_of_them_is_at_hand(make: Make) -> None:
    visitor = await started(make(near=Near()))
    await visitor.ask(sets(a=1))
    raw = "; ".join((*(f"{name}={value}" for name, value in visitor.jar.items()), f"__Host-id={'x' * 43}")).encode()
    assert (await visitor.ask(everything, cookies=[raw])).value == {}
    await visitor.sessions.close()


@pytest.mark.usefixtures("sync")
async def test_a_visitor_who_goes_from_node_to_node_sees_all_that_was_written_before(make: Make) -> None:
    nodes = [make(near=Near(), node=name) for name in ("n1", "n2")]
    visitors = [await started(node) for node in nodes]
    first, jar = visitors[0], visitors[0].jar
    visitors[1].jar = jar
    await first.ask(sets(n=0))
    for turn in range(1, 20):
        assert (await visitors[turn % 2].ask(lambda s: (s.update(n=s["n"] + 1), s["n"])[1])).value == turn
    assert jar["__Host-id-v"] == "20"
    for node in nodes:
        await node.close()


async def test_what_the_store_has_is_final_though_the_visitor_saw_more(make: Make, store: WatchedStore) -> None:
    """A fail-over lost it: that is told, and the cookie is set down, so that it is asked for once."""
    visitor = await started(make(near=Near()))
    told: list[Event] = []
    visitor.sessions.listen(told.append, FellBack)
    await visitor.ask(sets(a=1))
    visitor.jar["__Host-id-v"] = "7"
    store.calls.clear()
    answer = await visitor.ask(everything)
    assert (answer.value, answer.cookies, store.calls) == ({"a": 1}, {"__Host-id-v": "1"}, ["load"])
    assert [(event.told, event.version) for event in told if isinstance(event, FellBack)] == [(7, 1)]
    assert (await visitor.ask(everything)).cookies == {}
    assert store.calls == ["load"]
    await visitor.sessions.close()


@pytest.mark.usefixtures("sync")
@pytest.mark.parametrize("act", [Session.end, signs_in("alice")])
async def test_what_has_ended_here_is_refused_here_at_once(make: Make, act: Callable[[Session], None]) -> None:
    visitor = await started(make(near=Near()))
    await visitor.ask(sets(a=1))
    old = visitor.twin()
    await visitor.ask(act)
    assert (await old.ask(everything)).value == {}
    await visitor.sessions.close()


def remote(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.store, "remote", True, raising=False)


def test_it_is_there_for_stores_that_cost_a_round_trip(
    make: Make, store: WatchedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert power(make(near="remote").store, Recalls) is None
    remote(store, monkeypatch)
    assert power(make(near="remote").store, Recalls) is not None
    assert power(make(near=None).store, Recalls) is None


def test_a_store_that_cannot_be_watched_has_none(make: Make) -> None:
    class Plain:
        remote = True

        async def load(self, *_: object) -> None: ...

        save = touch = delete = load

    assert power(make(store=Plain(), near="remote").store, Recalls) is None
    with pytest.raises(SettingError, match="near=None"):
        make(store=Plain(), near=Near())
    with pytest.raises(SettingError, match="a Near"):
        make(near=10_000)
