"""A session of another library goes on here: once, whole, and for nobody but its visitor."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore, fails

from sojourn import Cookie, Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.core.lifetime import GRACE
from sojourn.errors import SettingError
from sojourn.inbound.moving import Found
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

pytestmark = pytest.mark.usefixtures("once")
Step = Callable[[], Awaitable[Any]]


class Old:
    """Sessions of an old library, in a dict."""

    name = "old"

    def __init__(self, kept: Mapping[str, Any], *, cookie: Cookie | None = None) -> None:
        self.cookie = cookie or Cookie(name="old", secure=False)
        self.kept = dict(kept)
        self.reads = self.removals = 0
        self.away = False
        self.before_reading: Step | None = None
        self.after_reading: Step | None = None

    def identify(self, value: bytes) -> str | None:
        return value.decode() if value.isalnum() else None

    async def read(self, identity: str) -> Found | None:
        self.reads += 1
        if self.before_reading is not None:
            await self.before_reading()
        found = self.kept.get(identity)
        if self.after_reading is not None:
            await self.after_reading()
        if self.away:
            raise ConnectionError(identity)
        return None if found is None else Found(attributes=found, principal=found.get("user"))

    async def remove(self, identity: str) -> None:
        self.removals += 1
        if self.away:
            raise ConnectionError(identity)
        self.kept.pop(identity, None)


@pytest.fixture
def old() -> Old:
    return Old({"a1": {"cart": ["pen"]}, "b2": {"user": "bob", "cart": []}})


@pytest.fixture
def sessions(make: Make, old: Old) -> Sessions:
    return make(takes_over=[old])


def coming_with(sessions: Sessions, identity: str, name: str = "old") -> Visitor:
    visitor = Visitor(sessions)
    visitor.jar[name] = identity
    return visitor


async def test_what_the_other_kept_goes_on_here_under_an_id_of_ours(sessions: Sessions, old: Old) -> None:
    visitor = coming_with(sessions, "a1")
    answer = await visitor.ask(everything)
    assert answer.value == {"cart": ["pen"]}
    name = sessions.cookie.name
    assert list(visitor.jar) == [name, f"{name}-v"]
    assert answer.all("set-cookie")[-1].startswith("old=; Max-Age=0;")
    assert answer.all("cache-control") == ["no-store"]
    assert ([*old.kept], old.reads) == (["b2"], 1)
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}
    assert old.reads == 1


async def test_who_was_signed_in_is_still(sessions: Sessions) -> None:
    visitor = coming_with(sessions, "b2")
    assert (await visitor.ask(lambda session: session.principal)).value == "bob"
    assert [record.principal for record in await sessions.find(principal="bob")] == ["bob"]


async def test_that_it_began_here_is_told(sessions: Sessions, told: list[Event]) -> None:
    await coming_with(sessions, "b2").ask(everything)
    assert [type(event) for event in told] == [events.SessionCreated, events.IdRenewed]


async def test_requests_at_the_same_time_get_one_session_and_lose_nothing(sessions: Sessions, old: Old) -> None:
    visitor, gate = coming_with(sessions, "a1"), asyncio.Barrier(3)
    old.after_reading = gate.wait  # all three have read before one goes on
    names = ["x", "y", "z"]
    await asyncio.gather(*(visitor.twin().ask(sets(**{name: 1})) for name in names))
    old.after_reading = None
    again = await visitor.ask(everything)
    assert again.value == {"cart": ["pen"], "x": 1, "y": 1, "z": 1}
    assert len(await sessions.find()) == 1


async def test_a_request_under_way_with_the_old_cookie_finds_it_and_takes_no_id_away(
    sessions: Sessions, old: Old
) -> None:
    visitor = coming_with(sessions, "a1")
    late = visitor.twin()
    await visitor.ask(sets(first=1))
    answer = await late.ask(sets(second=2))
    assert answer.cookies == {}
    assert (await visitor.ask(everything)).value == {"cart": ["pen"], "first": 1, "second": 2}
    assert len(await sessions.find()) == 1


async def test_a_request_that_reads_after_another_has_removed_it_finds_it_here(sessions: Sessions, old: Old) -> None:
    visitor = coming_with(sessions, "a1")

    async def another_is_faster() -> None:
        old.before_reading = None
        await visitor.twin().ask(sets(x=1))
        assert "a1" not in old.kept

    old.before_reading = another_is_faster  # after it had looked here
    assert (await visitor.ask(everything)).value == {"cart": ["pen"], "x": 1}
    assert len(await sessions.find()) == 1


async def test_whoever_signed_in_with_it_is_not_overtaken_by_the_old_cookie(sessions: Sessions) -> None:
    visitor = coming_with(sessions, "a1")
    late = visitor.twin()
    await visitor.ask(signs_in("alice"))
    answer = await late.ask(everything)
    assert (answer.value, answer.cookies) == ({}, {})
    answer = await late.ask(sets(x=1))
    assert answer.cookies == {}
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


async def test_what_has_ended_here_is_not_brought_back_by_the_old_cookie(sessions: Sessions, clock: FakeClock) -> None:
    visitor = coming_with(sessions, "a1")
    late = visitor.twin()
    answer = await visitor.ask(lambda session: session.end())
    assert answer.cookies == {"old": "", sessions.cookie.name: "", sessions.cookie.version_name: ""}
    assert (await late.ask(everything)).value == {}
    clock.advance(hours=2)
    assert (await late.ask(everything)).value == {}


async def test_what_stands_for_the_old_cookie_is_no_id(sessions: Sessions) -> None:
    visitor = coming_with(sessions, "a1")
    ids: list[str] = []

    def look(session: Session) -> None:
        assert session
        assert session.given
        ids.extend([session.given.secret, session.id])

    await visitor.ask(look)
    stand_in, given_out = ids
    assert given_out == visitor.id
    thief = coming_with(sessions, stand_in, sessions.cookie.name)
    assert (await thief.ask(everything)).value == {}


async def test_who_has_an_id_of_ours_is_not_asked_for_the_old_one(sessions: Sessions, old: Old) -> None:
    visitor = Visitor(sessions)
    await visitor.ask(sets(mine=1))
    visitor.jar["old"] = "a1"
    assert (await visitor.ask(everything)).value == {"mine": 1}
    await visitor.ask(lambda session: session.end())
    visitor.jar = {"old": "a1", sessions.cookie.name: "A" * 43}
    assert (await visitor.ask(everything)).value == {}
    assert old.reads == 0


async def test_the_old_cookie_may_have_the_name_of_ours(make: Make) -> None:
    cookie = Cookie(name="session")
    old = Old({"a1": {"x": 1}, "A" * 43: {"x": 2}}, cookie=cookie)
    sessions = make(takes_over=[old], cookie=cookie)
    for identity, kept in (("a1", {"x": 1}), ("A" * 43, {"x": 2})):
        visitor = coming_with(sessions, identity, "session")
        answer = await visitor.ask(everything)
        assert (answer.value, list(answer.cookies)) == (kept, ["session", "session-v"])
        assert (await visitor.ask(everything)).value == kept


async def test_an_old_cookie_of_another_place_is_cleared_there(make: Make) -> None:
    old = Old({"a1": {"x": 1}}, cookie=Cookie(name="session", domain="example.com", path="/app"))
    visitor = coming_with(make(takes_over=[old], cookie=Cookie(name="session")), "a1", "session")
    lines = (await visitor.ask(everything)).all("set-cookie")
    assert [line.partition("=")[0] for line in lines] == ["session", "session-v", "session"]
    assert "; Path=/app; Domain=example.com;" in lines[-1]


async def test_while_the_old_store_is_away_visitors_wait_and_are_not_signed_out(
    sessions: Sessions, old: Old, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = coming_with(sessions, "a1")
    old.away = True
    assert (await visitor.call(lambda *_: pytest.fail("not served"))).status == 503
    assert visitor.jar == {"old": "a1"}
    assert "what old kept cannot be read (ConnectionError)" in caplog.text
    old.away = False
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


async def test_what_could_not_be_removed_is_removed_by_the_next_that_comes(sessions: Sessions, old: Old) -> None:
    visitor = coming_with(sessions, "a1")
    removed, old.remove = old.remove, failing  # type: ignore[method-assign]
    assert (await visitor.ask(lambda session: None)).cookies == {}
    old.remove = removed  # type: ignore[method-assign]
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}
    assert old.kept.keys() == {"b2"}


async def failing(identity: str) -> None:
    raise ConnectionError(identity)


async def test_a_request_that_does_not_look_changes_nothing_for_the_visitor(sessions: Sessions, old: Old) -> None:
    visitor = coming_with(sessions, "a1")
    answer = await visitor.ask(lambda _: None)
    assert (answer.cookies, answer.all("vary"), visitor.jar) == ({}, [], {"old": "a1"})
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}
    assert (old.reads, len(await sessions.find())) == (1, 1)


async def test_an_answer_that_was_lost_is_given_anew(sessions: Sessions, clock: FakeClock) -> None:
    visitor = coming_with(sessions, "a1")
    await visitor.twin().ask(everything)  # the answer never came
    assert (await visitor.ask(everything)).cookies == {}
    clock.advance(seconds=GRACE)
    assert sessions.cookie.name in (await visitor.ask(everything)).cookies
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


async def test_the_old_cookie_opens_nothing_when_the_new_id_is_in_use(sessions: Sessions, clock: FakeClock) -> None:
    visitor = coming_with(sessions, "a1")
    thief = visitor.twin()
    await visitor.ask(everything)
    clock.advance(seconds=61)
    await visitor.ask(everything)
    await sessions.flush()
    clock.advance(seconds=GRACE + 1)
    assert (await thief.ask(everything)).value == {}
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


async def test_what_cannot_be_kept_here_is_left_behind_by_name(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    sessions = make(takes_over=[Old({"a1": {"fit": 1, "odd": object(), 3: "secret", "bad\0name": 1}})])
    assert (await coming_with(sessions, "a1").ask(everything)).value == {"fit": 1}
    assert "session['odd'] cannot be stored" in caplog.text
    assert "secret" not in caplog.text


async def test_the_route_goes_along(make: Make, old: Old) -> None:
    visitor = coming_with(make(takes_over=[old], route="n1"), "a1")
    await visitor.ask(everything)
    assert visitor.id.endswith(".n1")


async def test_predecessors_are_asked_in_their_order(make: Make) -> None:
    first, second = Old({"a1": {"x": 1}}), Old({"a1": {"x": 2}, "b2": {"x": 3}})
    second.name = "older"
    sessions = make(takes_over=[first, second])
    assert [(await coming_with(sessions, each).ask(everything)).value for each in ("a1", "b2")] == [{"x": 1}, {"x": 3}]


async def test_what_identifies_nothing_is_not_looked_for(sessions: Sessions, old: Old) -> None:
    for value in ("", "../x", "c3"):
        assert (await coming_with(sessions, value).ask(everything)).value == {}
    assert old.reads == 1


def test_only_predecessors_are_taken_over() -> None:
    for given in ("flask", [object()], [Old]):
        with pytest.raises(SettingError, match="takes_over"):
            Sessions(takes_over=given)  # type: ignore[arg-type]


@pytest.mark.parametrize("tracking", [["cookie", "url"], ["header", "cookie"]])
async def test_it_does_so_whatever_ids_travel_in_beside_cookies(make: Make, old: Old, tracking: list[Any]) -> None:
    visitor = coming_with(make(takes_over=[old], tracking=tracking), "a1")
    for _ in range(2):
        assert (await visitor.ask(everything)).value == {"cart": ["pen"]}
    assert "old" not in visitor.jar
    assert len(visitor.id) == 43


@pytest.mark.parametrize("identity", ["a1", "b2"])
async def test_who_is_served_without_a_session_while_the_store_is_away_is_taken_over_later(
    make: Make, store: WatchedStore, old: Old, identity: str
) -> None:
    kept = dict(old.kept[identity])
    sessions = make(takes_over=[old], outage="anonymous")
    visitor = coming_with(sessions, identity)
    store.before.update(load=fails, save=fails)
    assert (await visitor.ask(everything)).value == {}
    answer = await visitor.ask(sets(x=1))
    assert (answer.cookies, visitor.jar) == ({}, {"old": identity})
    store.before.clear()
    assert (await visitor.ask(everything)).value == kept


async def test_while_ours_is_away_nothing_is_lost_there(make: Make, store: WatchedStore, old: Old) -> None:
    visitor = coming_with(make(takes_over=[old]), "a1")
    for question in ("load", "save"):
        store.before[question] = fails
        assert (await visitor.call(lambda *_: pytest.fail("not served"))).status == 503
        store.before.clear()
    assert "a1" in old.kept
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


async def test_two_nodes_make_one_session_of_it(make: Make, old: Old) -> None:
    nodes, gate = [make(takes_over=[old], node=name) for name in ("n1", "n2")], asyncio.Barrier(2)
    old.after_reading = gate.wait
    visitors = [coming_with(node, "a1") for node in nodes]
    await asyncio.gather(*(each.ask(sets(**{f"x{n}": 1})) for n, each in enumerate(visitors)))
    old.after_reading = None
    winner = next(each for each in visitors if "old" not in each.jar)
    assert [len(await node.find()) for node in nodes] == [1, 1]
    assert (await winner.twin(nodes[0]).ask(everything)).value == {"cart": ["pen"], "x0": 1, "x1": 1}


async def test_a_visitor_who_leaves_meanwhile_loses_nothing(make: Make, store: WatchedStore, old: Old) -> None:
    visitor = coming_with(make(takes_over=[old]), "a1")
    for step in (store.before, store.after):
        gate = Gate()
        step["save"] = gate
        request = asyncio.create_task(visitor.twin().ask(everything))
        await gate.reached.wait()
        request.cancel()
        gate.opened.set()
        with contextlib.suppress(asyncio.CancelledError):
            await request
        step.clear()
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}
    assert [*old.kept] == ["b2"]
