"""Handlers that fail, values that cannot be stored, stores that are out of reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.routing import Route
from tests.fixtures.visitor import (
    Answer,
    Application,
    Receive,
    Scope,
    Send,
    Visitor,
    everything,
    respond,
    sets,
    signs_in,
)
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import NotStorable, StoreUnavailable
from sojourn.inbound.asgi import SessionMiddleware

Make = Callable[..., Sessions]


def breaking(before: Callable[[Session], Any]) -> Callable[[Session], None]:
    def act(session: Session) -> None:
        before(session)
        raise ZeroDivisionError

    return act


@pytest.mark.parametrize("how", ["raises", "answers"])
async def test_a_failed_handler_changes_nothing(visitor: Visitor, store: WatchedStore, how: str) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    answer = await _fail(visitor, sets(a=2), how)
    assert answer.messages == [] or answer.cookies == {}
    assert store.calls == ["load"]
    assert (await visitor.ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("how", ["raises", "answers"])
async def test_a_failed_handler_creates_nothing(visitor: Visitor, store: WatchedStore, how: str) -> None:
    await _fail(visitor, sets(a=2), how)
    assert (store.calls, visitor.jar) == ([], {})


@pytest.mark.parametrize("how", ["raises", "answers"])
async def test_changes_of_a_failed_handler_are_kept_on_request(make: Make, how: str) -> None:
    visitor = Visitor(make(on_error="save"))
    await visitor.ask(sets(a=1))
    await _fail(visitor, sets(a=2), how)
    assert (await visitor.ask(everything)).value == {"a": 2}


@pytest.mark.parametrize("on_error", ["discard", "save"])
@pytest.mark.parametrize("how", ["raises", "answers"])
async def test_an_end_survives_a_failed_handler(make: Make, how: str, on_error: str) -> None:
    visitor = Visitor(make(on_error=on_error))
    await visitor.ask(sets(a=1))
    await _fail(visitor, Session.end, how)
    assert await visitor.sessions.find() == []


async def test_a_sign_in_survives_a_failed_answer(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    before = visitor.id
    await _fail(visitor, _changes_and_signs_in, "answers")
    assert visitor.id != before
    assert (await visitor.ask(lambda s: (s["a"], s.principal))).value == [1, "alice"]


async def test_a_sign_in_survives_a_failed_answer_without_a_session(visitor: Visitor) -> None:
    await _fail(visitor, signs_in("alice"), "answers")
    assert (await visitor.ask(lambda s: s.principal)).value == "alice"


@pytest.mark.parametrize("action", [sets(a=1), signs_in("alice")])
async def test_a_handler_that_raises_creates_no_session_that_no_cookie_leads_to(
    make: Make, action: Callable[[Session], Any]
) -> None:
    visitor = Visitor(make(on_error="save"))
    await _fail(visitor, action, "raises")
    assert await visitor.sessions.find() == []


@pytest.mark.parametrize("action", [signs_in("alice"), signs_in(None), Session.renew])
async def test_a_handler_that_raises_leaves_the_visitor_the_id_that_he_has(
    visitor: Visitor, action: Callable[[Session], Any]
) -> None:
    await visitor.ask(sets(a=1))
    await _fail(visitor, action, "raises")
    assert (await visitor.ask(lambda s: (s["a"], s.principal))).value == [1, None]


async def test_a_handler_that_raises_after_a_sign_out_leaves_nobody_signed_in(visitor: Visitor) -> None:
    await visitor.ask(signs_in("alice"))
    await _fail(visitor, signs_in(None), "raises")
    assert (await visitor.ask(lambda s: s.principal)).value is None
    assert await visitor.sessions.find() == []


def _changes_and_signs_in(session: Session) -> None:
    session["a"] = 2
    session.principal = "alice"


async def _fail(visitor: Visitor, action: Callable[[Session], Any], how: str) -> Answer:
    if how == "answers":
        return await visitor.ask(lambda s: action(s) and None, status=500)
    answer = await visitor.call(_app(breaking(action)))
    assert isinstance(answer.error, ZeroDivisionError)
    return answer


def _app(action: Callable[[Session], Any]) -> Application:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        action(scope["session"])
        await respond(send)

    return app


@pytest.mark.parametrize("status", [302, 400, 403, 404, 422])
async def test_an_error_that_the_framework_answers_is_an_answer(sessions: Sessions, status: int) -> None:
    async def refuse(request: Request) -> None:
        request.session["tries"] = request.session.get("tries", 0) + 1
        raise HTTPException(status)

    app = Starlette(routes=[Route("/", refuse)])
    app.add_middleware(SessionMiddleware, sessions=sessions)
    visitor = Visitor(sessions)
    for _ in range(2):
        assert (await visitor.call(app, bare=True)).status == status
    assert (await visitor.ask(everything)).value == {"tries": 2}


# --- values ----------------------------------------------------------------------------------------------------------


async def test_a_value_that_cannot_be_stored_is_named_and_the_stored_session_stays_whole(
    visitor: Visitor, store: WatchedStore
) -> None:
    await visitor.ask(sets(cart={"items": []}, a=1))
    store.calls.clear()
    answer = await visitor.call(_app(lambda s: (s["cart"]["items"].append(object()), s.update(a=2))))
    assert isinstance(answer.error, NotStorable)
    assert answer.error.path == "session['cart']['items'][0]"
    assert (answer.messages, store.calls) == ([], ["load"])
    assert (await visitor.ask(everything)).value == {"cart": {"items": []}, "a": 1}


@pytest.mark.parametrize("on_error", ["discard", "save"])
async def test_the_first_error_of_a_handler_is_the_one_that_is_raised(make: Make, on_error: str) -> None:
    answer = await Visitor(make(on_error=on_error)).call(_app(breaking(sets(a=object()))))
    assert isinstance(answer.error, ZeroDivisionError)


async def test_a_value_that_cannot_be_stored_after_the_first_byte_is_raised(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)
        scope["session"]["a"] = object()

    answer = await visitor.call(app)
    assert isinstance(answer.error, NotStorable)
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_an_attribute_that_cannot_be_read_is_told_and_kept(
    visitor: Visitor, store: WatchedStore, told: list[Event]
) -> None:
    await visitor.ask(sets(good=1, bad="?"))
    await _spoil(visitor.sessions, store, b"\xa3bad\xa1?", b"\xa3bad\xd4\x7f\x00")
    answer = await visitor.ask(lambda s: (s.get("bad"), s["good"], "bad" in s, s.update(good=2))[:3])
    assert answer.value == [None, 1, False]
    (event,) = [each for each in told if isinstance(each, events.AttributeUnreadable)]
    assert event.name == "bad"
    (record,) = await visitor.sessions.find()
    assert b"\xd4\x7f\x00" in record.data


async def test_a_session_that_cannot_be_read_is_none_and_is_told(
    visitor: Visitor, store: WatchedStore, told: list[Event]
) -> None:
    await visitor.ask(sets(a=1))
    await _spoil(visitor.sessions, store, b"\x81\xa1a\x01", b"\x81\xa1a")
    assert (await visitor.ask(everything)).value == {}
    assert any(isinstance(event, events.SessionUnreadable) for event in told)
    await visitor.ask(sets(a=2))
    assert (await visitor.ask(everything)).value == {"a": 2}


async def _spoil(sessions: Sessions, store: WatchedStore, old: bytes, new: bytes) -> None:
    (record,) = await sessions.find()
    assert old in record.data
    spoilt = msgspec.structs.replace(record, data=record.data.replace(old, new), version=record.version + 1)
    await store.store.save(spoilt, over=record)
    store.calls.clear()


# --- stores ----------------------------------------------------------------------------------------------------------


async def test_a_store_out_of_reach_at_the_load_is_a_503_and_the_application_does_not_run(
    visitor: Visitor, store: WatchedStore
) -> None:
    await visitor.ask(sets(a=1))
    store.before["load"] = fails
    ran: list[Any] = []
    answer = await visitor.ask(ran.append)
    assert (answer.status, ran, answer.cookies) == (503, [], {})
    assert (answer.all("retry-after"), answer.all("cache-control")) == (["1"], ["no-store"])
    assert "store" not in answer.body


@pytest.mark.parametrize("method", ["save", "delete"])
async def test_a_store_out_of_reach_at_the_commit_is_a_503_in_place_of_the_answer(
    visitor: Visitor, store: WatchedStore, method: str
) -> None:
    await visitor.ask(sets(a=1))
    store.before[method] = fails
    answer = await visitor.ask(sets(a=2) if method == "save" else Session.end)
    assert (answer.status, answer.all("retry-after"), answer.cookies) == (503, ["1"], {})
    assert [message["type"] for message in answer.messages] == ["http.response.start", "http.response.body"]
    assert answer.body == "Please try again soon."
    store.before.clear()
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_visitor_without_a_session_does_not_notice_that_the_store_is_out_of_reach(
    visitor: Visitor, store: WatchedStore
) -> None:
    store.break_down()
    assert (await visitor.ask(everything)).status == 200


async def test_a_store_out_of_reach_after_the_first_byte_is_raised(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    store.before["save"] = fails

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await respond(send)
        scope["session"]["a"] = 2

    answer = await visitor.call(app)
    assert (answer.status, type(answer.error)) == (200, StoreUnavailable)


async def test_a_store_that_comes_back_is_used_again(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    store.break_down()
    assert (await visitor.ask(sets(a=2))).status == 503
    store.before.clear()
    assert (await visitor.ask(sets(a=2))).status == 200
    assert (await visitor.ask(everything)).value == {"a": 2}
