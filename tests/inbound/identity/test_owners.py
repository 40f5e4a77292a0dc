"""A principal's session is refused to a request that is somebody else's: the table of `Owners`, cell by cell."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.authentication import BaseUser, SimpleUser
from tests.fixtures.visitor import Visitor, everything, sets, signs_in

from sojourn import Session, Sessions
from sojourn.core.events import Event, SessionEnded, StrangerRefused
from sojourn.errors import NotOwner, SettingError

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]


def user(name: str | None) -> dict[str, Any]:
    """What an authentication layer outside leaves in the scope."""
    return {"user": SimpleNamespace(is_authenticated=name is not None, identity=name, display_name="")}


def owner(session: Session) -> str | None:
    return session.principal


async def test_a_new_session_of_nobody_is_nobodys(make: Make) -> None:
    visitor = Visitor(make(identity="request"))
    await visitor.ask(sets(n=1), **user(None))
    assert (await visitor.ask(owner, **user(None))).value is None


async def test_a_request_of_whom_the_application_cannot_tell_is_over(make: Make) -> None:
    asked: list[str] = []

    def told(_: object) -> str:
        if asked:
            raise LookupError(asked[0])
        return "alice"

    visitor = Visitor(sessions := make(identity=told))
    await visitor.ask(sets(n=1))
    asked.append("nobody knows")
    with pytest.raises(LookupError):
        await visitor.ask(everything)
    assert sessions.active == 0


async def test_a_new_session_is_that_of_whose_request_it_is(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    await visitor.ask(sets(n=1), **user("alice"))
    assert [record.principal for record in await sessions.find(principal="alice")] == ["alice"]


async def test_whose_request_it_is_alone_makes_no_session(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    answer = await visitor.ask(everything, **user("alice"))
    assert (answer.value, visitor.jar, await sessions.find()) == ({}, {}, [])


async def test_a_session_of_nobody_serves_nobody(make: Make) -> None:
    visitor = Visitor(make(identity="request"))
    await visitor.ask(sets(n=1))
    assert (await visitor.ask(everything)).value == {"n": 1}


async def test_a_session_of_nobody_becomes_that_of_who_asks_with_a_new_id(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    await visitor.ask(sets(n=1))
    before = visitor.twin()
    assert (await visitor.ask(everything, **user("alice"))).value == {"n": 1}
    assert visitor.id != before.id
    assert [record.principal for record in await sessions.find()] == ["alice"]
    assert (await before.ask(everything, **user("alice"))).value == {}


async def test_what_does_not_look_at_it_leaves_a_session_of_nobody_as_it_is(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    await visitor.ask(sets(n=1))
    before = visitor.id
    await visitor.ask(lambda _: None, **user("alice"))
    assert (visitor.id, (await sessions.find())[0].principal) == (before, None)


async def test_the_owner_goes_on(make: Make) -> None:
    visitor = Visitor(make(identity="request"))
    await visitor.ask(sets(n=1), **user("alice"))
    before = visitor.id
    assert (await visitor.ask(everything, **user("alice"))).value == {"n": 1}
    assert visitor.id == before


@pytest.mark.parametrize("stranger", [None, "bob"])
async def test_whoever_is_not_the_owner_is_refused(make: Make, stranger: str | None) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    await visitor.ask(sets(n=1), **user("alice"))
    thief = visitor.twin()
    answer = await thief.call(_reads, **user(stranger))
    assert (answer.status, answer.cookies) == (403, {})
    assert b"alice" not in answer.body.encode()
    assert (await visitor.ask(everything, **user("alice"))).value == {"n": 1}
    assert len(await sessions.find()) == 1


async def test_a_page_that_does_not_look_at_it_serves_strangers(make: Make) -> None:
    visitor = Visitor(make(identity="request"))
    await visitor.ask(sets(n=1), **user("alice"))
    assert (await visitor.twin().ask(lambda _: "free", **user("bob"))).value == "free"


async def test_a_stranger_does_not_put_off_the_end(make: Make, clock: Any) -> None:
    visitor = Visitor(sessions := make(identity="request", touch="always"))
    await visitor.ask(sets(n=1), **user("alice"))
    before = (await sessions.find())[0].expires_at
    clock.advance(minutes=10)
    await visitor.twin().call(_reads, **user("bob"))
    await sessions.flush()
    assert (await sessions.find())[0].expires_at == before


async def test_a_stranger_cannot_end_it_nor_write_to_it(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    await visitor.ask(sets(n=1), **user("alice"))
    for deed in (Session.end, Session.renew, Session.clear, sets(n=2), signs_in("bob")):
        assert (await visitor.twin().ask(deed, **user("bob"))).status == 403
    assert (await visitor.ask(everything, **user("alice"))).value == {"n": 1}
    assert len(await sessions.find()) == 1


async def test_what_a_stranger_begins_in_its_place_is_theirs_at_once(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request", strangers="end"))
    await visitor.ask(sets(n=1), **user("alice"))
    await visitor.ask(sets(mine=True), **user("bob"))
    assert [record.principal for record in await sessions.find()] == ["bob"]


@pytest.mark.parametrize("stranger", [None, "bob"])
async def test_where_strangers_end_it_both_begin_anew(make: Make, stranger: str | None) -> None:
    visitor = Visitor(sessions := make(identity="request", strangers="end"))
    told: list[Event] = []
    sessions.listen(told.append, SessionEnded, StrangerRefused)
    await visitor.ask(sets(n=1), **user("alice"))
    thief = visitor.twin()
    assert (await thief.ask(everything, **user(stranger))).value == {}
    await thief.ask(sets(mine=True), **user(stranger))
    assert (await visitor.ask(everything, **user("alice"))).value == {}
    assert [record.principal for record in await sessions.find()] == [stranger]
    assert [type(event) for event in told] == [StrangerRefused, SessionEnded]


async def test_a_refusal_is_told_with_the_public_name(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    told: list[StrangerRefused] = []
    sessions.listen(told.append, StrangerRefused)
    await visitor.ask(sets(n=1), **user("alice"))
    await visitor.call(_reads, **user("bob"))
    assert [event.ref for event in told] == [(await sessions.find())[0].ref]


async def test_a_user_of_starlettes_own_is_told_by_the_name(make: Make) -> None:
    visitor = Visitor(sessions := make(identity="request"))
    await visitor.ask(sets(n=1), user=SimpleUser("alice"))
    assert [record.principal for record in await sessions.find()] == ["alice"]


async def test_a_name_that_several_may_show_tells_nobody_apart(make: Make) -> None:
    class Shown(BaseUser):
        is_authenticated = True
        display_name = "Ann Smith"

    visitor = Visitor(make(identity="request"))
    with pytest.raises(SettingError, match="a Shown has no identity"):
        await visitor.ask(sets(n=1), user=Shown())


async def test_a_function_tells_whose_a_request_is(make: Make) -> None:
    by_proxy = make(identity=lambda request: next((value.decode() for value in request.header(b"x-user")), None))
    visitor = Visitor(by_proxy)
    await visitor.call(_writes, headers=[(b"x-user", b"alice")])
    assert (await visitor.call(_reads, headers=[(b"x-user", b"bob")])).status == 403
    assert (await visitor.call(_reads, headers=[(b"x-user", b"alice")])).status == 200


@pytest.mark.parametrize(
    ("whose", "who", "stands"),
    [
        (None, None, None),
        (None, "alice", "alice"),
        ("alice", "alice", "alice"),
        ("alice", "bob", NotOwner),
        ("alice", None, NotOwner),
    ],
)
async def test_an_application_that_learns_it_later_says_so(
    sessions: Sessions, whose: str | None, who: str | None, stands: Any
) -> None:
    visitor = Visitor(sessions)
    await visitor.ask(lambda session: session.update(n=1) or signs_in(whose)(session) if whose else sets(n=1)(session))
    if stands is NotOwner:
        assert (await visitor.ask(lambda session: session.own(who))).status == NotOwner.status_hint
        assert (await visitor.ask(owner)).value == whose
    else:
        await visitor.ask(lambda session: session.own(who))
        assert (await visitor.ask(owner)).value == stands


@pytest.mark.parametrize("settings", [{"identity": "user"}, {"identity": 7}, {"strangers": "ignore"}])
def test_a_setting_that_cannot_work_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"Sessions\((identity|strangers)="):
        Sessions(**settings)


async def _reads(scope: Any, receive: Any, send: Any) -> None:
    await _answer(send, scope["session"].get("n"))


async def _writes(scope: Any, receive: Any, send: Any) -> None:
    scope["session"]["n"] = 1
    await _answer(send, None)


async def _answer(send: Any, value: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(value).encode()})
