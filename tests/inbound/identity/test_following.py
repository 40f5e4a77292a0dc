"""An attribute that the application has anyway tells who is signed in, and the principal follows it."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
from tests.fixtures.visitor import Visitor, everything, respond, sets

from sojourn import Session, Sessions
from sojourn.core.events import Event, IdRenewed, SessionEnded
from sojourn.errors import NotStorable, ResponseStarted, SettingError

Make = Callable[..., Sessions]

pytestmark = pytest.mark.usefixtures("once")


@pytest.fixture
def telling(make: Make) -> Visitor:
    """A visitor of an application that keeps in `user_id` who is signed in."""
    return Visitor(make(principal="user_id"))


@dataclasses.dataclass
class Cart:
    items: list[str] = dataclasses.field(default_factory=list)


def told(session: Session) -> tuple[Any, str | None]:
    return everything(session), session.principal


async def test_who_has_just_been_told_is_the_principal_at_once(telling: Visitor) -> None:
    assert (await telling.ask(lambda session: session.update(user_id=7) or session.principal)).value == "7"
    assert (await telling.ask(told)).value == [{"user_id": 7}, "7"]


async def test_another_attribute_is_no_sign_in(telling: Visitor) -> None:
    await telling.ask(sets(a=1))
    before = telling.id
    await telling.ask(sets(user=7))
    assert telling.id == before


@pytest.mark.parametrize(
    ("value", "principal"),
    [("ann", "ann"), (7, "7"), (0, "0"), (UUID(int=7), str(UUID(int=7))), (None, None), ("", None)],
)
async def test_text_numbers_and_uuids_tell_it(telling: Visitor, value: Any, principal: str | None) -> None:
    await telling.ask(sets(user_id=value))
    assert [record.principal for record in await telling.sessions.find()] == [principal]


@pytest.mark.parametrize("value", [{"id": 7}, [7], True, 7.0, b"7", "a\0nn"])
async def test_what_tells_nobody_by_name_is_refused_and_changes_nothing(telling: Visitor, value: Any) -> None:
    await telling.ask(sets(a=1))
    with pytest.raises(NotStorable, match=r"session\['user_id'\].*principal.*" + type(value).__name__) as caught:
        await telling.ask(sets(user_id=value))
    assert "7" not in str(caught.value)
    assert "nn" not in str(caught.value).replace("cannot", "")
    assert (await telling.ask(told)).value == [{"a": 1}, None]


async def test_what_is_changed_within_is_refused_too(make: Make) -> None:
    visitor = Visitor(make())
    await visitor.ask(sets(user={"id": 7}))
    visitor.sessions = make(principal="user")
    await visitor.ask(sets(a=1))  # as it was: nobody has touched it
    with pytest.raises(NotStorable, match=r"session\['user'\]"):
        await visitor.ask(lambda session: session["user"].update(id=8))


@pytest.mark.parametrize("principal", ["alice", None])
async def test_what_is_assigned_stands(telling: Visitor, principal: str | None) -> None:
    def sign_in(session: Session) -> str | None:
        session.principal = principal
        session["user_id"] = 7
        return session.principal

    assert (await telling.ask(sign_in)).value == principal
    assert (await telling.ask(told)).value == [{"user_id": 7}, principal]


async def test_whoever_was_assigned_is_signed_out_with_the_attribute(telling: Visitor) -> None:
    def sign_in(session: Session) -> None:
        session.principal, session["user_id"] = "alice", 7

    await telling.ask(sign_in)
    await telling.ask(lambda session: session.pop("user_id"))
    assert (await telling.ask(told)).value == [{}, None]


async def test_what_the_request_has_put_in_is_kept_for_who_comes_next(telling: Visitor) -> None:
    await telling.ask(sets(user_id=7, address="12 High Street", seen=["pen"], _fresh=True, Cart={"items": []}))

    def sign_in(session: Session) -> None:
        session["before"] = "welcome"
        session["seen"].append("ink")
        session.view(Cart).items.append("pen")
        session["user_id"] = 8
        session["_fresh"] = True
        session["after"] = ["news"]
        session["after"].append("more")
        session["Basket"] = {"items": ["nib"]}
        session.view(Cart, at="Basket").items.append("ink")

    await telling.ask(sign_in)
    kept = {
        "before": "welcome",
        "user_id": 8,
        "_fresh": True,
        "after": ["news", "more"],
        "Basket": {"items": ["nib", "ink"]},
    }
    assert (await telling.ask(told)).value == [kept, "8"]


async def test_who_begins_anew_as_the_same_keeps_the_id_but_nothing_else(telling: Visitor) -> None:
    await telling.ask(sets(user_id=7, a=1))
    before = telling.id

    def begin_anew(session: Session) -> None:
        session.clear()
        session["user_id"] = 7

    await telling.ask(begin_anew)
    assert (await telling.ask(told)).value == [{"user_id": 7}, "7"]
    assert telling.id == before


async def test_who_was_signed_in_before_it_was_followed_leaves_nothing_to_the_next(make: Make) -> None:
    visitor = Visitor(make())
    await visitor.ask(sets(user_id=7, address="12 High Street"))
    visitor.sessions = make(principal="user_id")
    assert (await visitor.ask(told)).value[1] is None
    await visitor.ask(sets(user_id=8))
    assert (await visitor.ask(told)).value == [{"user_id": 8}, "8"]


async def test_a_save_on_the_way_is_followed(telling: Visitor) -> None:
    async def sign_in_and_out(session: Session) -> list[str | None]:
        session["user_id"] = 7
        await session.save()
        seen = [record.principal for record in await telling.sessions.find()]
        del session["user_id"]
        return seen

    assert (await telling.ask(sign_in_and_out)).value == ["7"]
    assert [record.principal for record in await telling.sessions.find()] == [None]


async def test_who_signs_in_with_the_session_to_themselves_is_followed(telling: Visitor) -> None:
    await telling.ask(sets(a=1))

    async def sign_in(session: Session) -> None:
        async with session.exclusive():
            session["user_id"] = 7
        assert session.principal == "7"
        async with session.exclusive():
            session["a"] = 2

    before = telling.id
    await telling.ask(sign_in)
    assert telling.id != before
    assert (await telling.ask(told)).value == [{"a": 2, "user_id": 7}, "7"]


async def test_a_link_holds_the_id_that_a_sign_in_is_about_to_give(make: Make) -> None:
    visitor = Visitor(make(principal="user_id", tracking=["cookie", "url"]))
    await visitor.ask(sets(a=1))
    ids = await visitor.ask(lambda session: (session.id, session.update(user_id=7), session.id))
    assert ids.value[0] != ids.value[2] == visitor.id
    ids = await visitor.ask(lambda session: (session.id, session.update(user_id=7), session.id))
    assert ids.value[0] == ids.value[2] == visitor.id


async def test_a_sign_in_after_the_answer_has_begun_is_refused(telling: Visitor) -> None:
    await telling.ask(sets(a=1))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)
        scope["session"]["user_id"] = 7

    assert isinstance((await telling.call(app)).error, ResponseStarted)
    assert (await telling.ask(told)).value == [{"a": 1}, None]


async def test_a_sign_out_after_the_answer_has_begun_ends_the_session(telling: Visitor) -> None:
    seen: list[Event] = []
    telling.sessions.listen(seen.append, SessionEnded)
    await telling.ask(sets(user_id=7, a=1))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send)
        del scope["session"]["user_id"]

    assert (await telling.call(app)).error is None
    assert (await telling.ask(told)).value == [{}, None]
    assert len(seen) == 1


async def test_a_sign_in_that_is_the_first_use_makes_one_session(telling: Visitor) -> None:
    seen: list[Event] = []
    telling.sessions.listen(seen.append, IdRenewed)
    await telling.ask(sets(user_id=7))
    assert [record.principal for record in await telling.sessions.find()] == ["7"]
    assert seen == []


@pytest.mark.usefixtures("bare")
async def test_while_developing_what_cannot_be_stored_is_still_told(
    make: Make, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = Visitor(make(principal="user_id", check="log"))
    await visitor.ask(sets(user_id=7, odd=object()))
    assert (await visitor.ask(told)).value == [{"user_id": 7}, "7"]
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == ["sojourn.check"]


@pytest.mark.parametrize("settings", [{"principal": ""}, {"principal": "a\0"}, {"principal": ["user_id"]}])
def test_what_cannot_name_an_attribute_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match=r"Sessions\(principal="):
        Sessions(**settings)


def test_whose_a_request_is_and_who_is_signed_in_are_not_told_twice() -> None:
    with pytest.raises(SettingError, match=r"identity=…, principal=…"):
        Sessions(principal="user_id", identity="request")
