"""A save whose answer was lost happened or did not: nothing is done twice, and nothing of others is undone."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import msgspec
import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Limit, Session, Sessions
from sojourn.core import codec, events
from sojourn.core.events import Event
from sojourn.core.record import Record
from sojourn.errors import OutcomeUnknown
from sojourn.inbound import doubt

Make = Callable[..., Sessions]
Step = Callable[..., Awaitable[None]]
Action = Callable[[Session], Any]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doubt, "PAUSES", (0,) * len(doubt.PAUSES))


@pytest.fixture(params=["never arrived", "was made"])
def lose(request: pytest.FixtureRequest, store: WatchedStore) -> Callable[..., None]:
    """Loses the answer to the next save: it never arrived, or it was made. Other saves come in between."""

    def lose(*between: Callable[[Record], Awaitable[Any]], name: str = "save") -> None:
        where = store.before if request.param == "never arrived" else store.after

        async def step(record: Record, *_: Any) -> None:
            del where[name]
            for other in between:
                await other(record)
            raise OutcomeUnknown("the answer was lost; look what is stored")

        where[name] = step

    return lose


def saved_by_another(store: WatchedStore, **values: Any) -> Callable[[Record], Awaitable[None]]:
    """Another node saves values of its own, over whatever is stored."""

    async def save(record: Record) -> None:
        stored = await store.store.load(record.key, record.app)
        data = codec.write({**codec.read(stored.data), **{name: codec.pack(v, name) for name, v in values.items()}})
        newer = msgspec.structs.replace(stored, version=stored.version + 1, node="another", data=data)
        await store.store.save(newer, over=stored)

    return save


async def test_a_session_is_created_once(
    visitor: Visitor, store: WatchedStore, lose: Callable[..., None], told: list[Event]
) -> None:
    lose()
    answer = await visitor.ask(sets(a=1))
    assert (answer.status, sorted(answer.cookies)) == (200, ["__Host-id", "__Host-id-v"])
    assert (await visitor.ask(lambda session: [everything(session), session.version])).value == [{"a": 1}, 1]
    assert len(await visitor.sessions.find()) == 1
    assert [type(event) for event in told] == [events.SessionCreated]


async def test_a_change_is_made_once(visitor: Visitor, lose: Callable[..., None], told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    lose()
    assert (await visitor.ask(sets(a=2))).cookies == {"__Host-id-v": "2"}
    assert (await visitor.ask(lambda session: [everything(session), session.version])).value == [{"a": 2}, 2]
    assert [type(event) for event in told] == [events.SessionCreated]


@pytest.mark.parametrize("act", [signs_in("alice"), Session.renew])
async def test_an_id_is_renewed_once(
    visitor: Visitor, lose: Callable[..., None], told: list[Event], act: Action
) -> None:
    await visitor.ask(sets(a=1))
    old = visitor.twin()
    told.clear()
    lose()
    answer = await visitor.ask(act)
    assert (sorted(answer.cookies), answer.cookies["__Host-id-v"]) == (["__Host-id", "__Host-id-v"], "2")
    assert (await visitor.ask(lambda session: [everything(session), session.version])).value == [{"a": 1}, 2]
    assert (await old.ask(everything)).value == {}
    assert [type(event) for event in told] == [events.IdRenewed, events.SessionAbsent]


async def test_what_another_saved_meanwhile_is_kept(
    visitor: Visitor, store: WatchedStore, lose: Callable[..., None]
) -> None:
    await visitor.ask(sets(a=1, b=1))
    lose(saved_by_another(store, b=2))
    assert (await visitor.ask(sets(a=2))).status == 200
    assert (await visitor.ask(everything)).value == {"a": 2, "b": 2}


async def test_what_another_may_have_made_of_ours_is_not_undone(
    visitor: Visitor, store: WatchedStore, lose: Callable[..., None], told: list[Event]
) -> None:
    """It counted on from what it saw, twice: which of the two was over ours cannot be known."""
    await visitor.ask(sets(n=1, mine=1))
    told.clear()
    lose(saved_by_another(store, n=10), saved_by_another(store, n=11))
    answer = await visitor.ask(sets(n=2, mine=2))
    assert answer.status == 200
    assert (await visitor.ask(everything)).value == {"n": 11, "mine": 2}
    assert [event.names for event in told if isinstance(event, events.ChangesDropped)] == [("n",)]


async def test_what_gave_way_is_read_anew_and_not_saved_later(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(n=1))

    async def act(session: Session) -> list[int]:
        async def lost(record: Record, *_: Any) -> None:
            store.before.clear()
            for n in (10, 11):
                await saved_by_another(store, n=n)(record)
            raise OutcomeUnknown("the answer was lost; look what is stored")

        session["n"] += 1
        store.before["save"] = lost
        await session.save()
        return [session["n"], session.version]

    assert (await visitor.ask(act)).value == [11, 3]
    assert (await visitor.ask(lambda session: session["n"])).value == 11


async def test_what_is_certain_not_to_have_been_made_is_merged_as_ever(
    visitor: Visitor, store: WatchedStore, told: list[Event]
) -> None:
    """The one save since is another's: the later commit wins."""
    await visitor.ask(sets(n=1))

    async def lost(record: Record, *_: Any) -> None:
        store.before.clear()
        await saved_by_another(store, n=10)(record)
        raise OutcomeUnknown("the answer was lost; look what is stored")

    store.before["save"] = lost
    await visitor.ask(sets(n=2))
    assert (await visitor.ask(everything)).value == {"n": 2}
    assert not [event for event in told if isinstance(event, events.ChangesDropped)]


async def test_a_contradiction_in_doubt_is_refused_where_contradictions_are(
    make: Make, store: WatchedStore, lose: Callable[..., None]
) -> None:
    visitor = Visitor(make(on_conflict="fail"))
    await visitor.ask(sets(n=1))
    lose(saved_by_another(store, n=10), saved_by_another(store, n=11))
    assert (await visitor.ask(sets(n=2))).status == 409
    assert (await visitor.ask(everything)).value == {"n": 11}


async def test_what_has_ended_in_doubt_is_not_brought_back(
    visitor: Visitor, store: WatchedStore, lose: Callable[..., None], told: list[Event]
) -> None:
    async def ends(record: Record) -> None:
        await store.store.delete(record.key, record.app)

    await visitor.ask(sets(a=1))
    told.clear()
    lose(ends)
    assert (await visitor.ask(sets(a=2))).cookies == {}
    assert await visitor.sessions.find() == []
    assert [type(event) for event in told] == [events.ChangesDropped]


async def test_a_sign_in_within_a_limit_is_made_once(make: Make, lose: Callable[..., None]) -> None:
    visitor = Visitor(make(limit=Limit(per_principal=1)))
    lose(name="admit")
    assert (await visitor.ask(signs_in("alice"))).status == 200
    assert (await visitor.ask(lambda session: session.principal)).value == "alice"
    assert len(await visitor.sessions.find(principal="alice")) == 1


@pytest.fixture
def attempts(store: WatchedStore) -> Iterator[list[str]]:
    made: list[str] = []

    async def lost(*_: Any) -> None:
        made.append("save")
        raise OutcomeUnknown("the answer was lost; look what is stored")

    store.before["save"] = lost
    yield made
    store.before.clear()


async def test_a_store_that_stays_away_is_a_503_after_a_while(
    visitor: Visitor, attempts: list[str], store: WatchedStore
) -> None:
    answer = await visitor.ask(sets(a=1))
    assert (answer.status, answer.cookies, len(attempts)) == (503, {}, 1 + len(doubt.PAUSES))


async def test_a_store_that_hangs_is_not_asked_for_longer_than_that(
    visitor: Visitor, attempts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doubt, "PATIENCE", -1.0)
    assert ((await visitor.ask(sets(a=1))).status, len(attempts)) == (503, 1)


async def test_a_store_that_fails_while_it_is_asked_again_is_asked_once_more(
    visitor: Visitor, store: WatchedStore
) -> None:
    """Whether it refuses to save, or to tell what it has."""
    await visitor.ask(sets(a=1))

    async def lost(*_: Any) -> None:
        store.after.clear()
        store.before["save"] = store.before["load"] = away
        raise OutcomeUnknown("the answer was lost; look what is stored")

    times = iter(range(3))

    async def away(*_: Any) -> None:
        if next(times, None) is None:
            store.before.clear()
        else:
            await fails()

    store.after["save"] = lost
    assert (await visitor.ask(sets(a=2))).cookies == {"__Host-id-v": "2"}
    assert (await visitor.ask(lambda session: [everything(session), session.version])).value == [{"a": 2}, 2]
