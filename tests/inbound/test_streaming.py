"""After the first byte: streaming, background tasks, and saving by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from tests.fixtures.visitor import Application, Receive, Scope, Send, Visitor, everything, sets
from tests.fixtures.watched import WatchedStore

from sojourn import Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import OutsideRequest, ResponseStarted, SessionEnded
from sojourn.inbound.asgi import SessionMiddleware

Make = Callable[..., Sessions]


def streaming(late: Callable[[Session], Any], early: Callable[[Session], Any] = len) -> Application:
    """Does `early`, sends the first byte, does `late`."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        early(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        result = late(scope["session"])
        if asyncio.iscoroutine(result):
            await result
        await send({"type": "http.response.body", "body": b" last"})

    return app


async def test_a_change_after_the_first_byte_is_stored_and_told(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    ref = (await visitor.ask(lambda s: s.ref)).value
    answer = await visitor.call(streaming(sets(b=2, c=3)))
    assert (answer.body, answer.cookies) == ("first last", {})
    (late,) = [event for event in told if isinstance(event, events.ChangedLate)]
    assert (late.ref, set(late.names)) == (ref, {"b", "c"})
    answer = await visitor.ask(everything)
    assert (answer.value, answer.cookies) == ({"a": 1, "b": 2, "c": 3}, {"__Host-id-v": "2"})


async def test_changes_before_and_after_the_first_byte_are_two_saves(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    answer = await visitor.call(streaming(sets(late=1), early=sets(early=1)))
    assert answer.cookies == {"__Host-id-v": "2"}
    assert store.calls == ["load", "save", "save"]
    assert (await visitor.ask(everything)).value == {"a": 1, "early": 1, "late": 1}


async def test_a_session_that_was_created_in_time_can_be_filled_later(visitor: Visitor) -> None:
    await visitor.call(streaming(sets(late=1), early=sets(early=1)))
    assert (await visitor.ask(everything)).value == {"early": 1, "late": 1}


async def test_nothing_changed_late_is_no_second_write(
    visitor: Visitor, store: WatchedStore, told: list[Event]
) -> None:
    await visitor.call(streaming(everything, early=sets(a=1)))
    assert store.calls == ["save"]
    assert [type(event).__name__ for event in told] == ["SessionCreated"]


@pytest.mark.parametrize("late", [sets(a=1), lambda s: setattr(s, "principal", "alice"), Session.renew])
async def test_what_needs_a_cookie_is_refused_after_the_first_byte(
    visitor: Visitor, store: WatchedStore, late: Callable[[Session], Any]
) -> None:
    answer = await visitor.call(streaming(late))
    assert isinstance(answer.error, ResponseStarted)
    assert store.calls == []


@pytest.mark.parametrize("late", [lambda s: setattr(s, "principal", "alice"), Session.renew])
async def test_a_sign_in_after_the_first_byte_leaves_the_session_as_it_was(
    visitor: Visitor, late: Callable[[Session], Any]
) -> None:
    await visitor.ask(sets(a=1))
    answer = await visitor.call(streaming(late))
    assert isinstance(answer.error, ResponseStarted)
    assert (await visitor.ask(lambda s: (s["a"], s.principal, s.version))).value == [1, None, 1]


async def test_an_end_after_the_first_byte_is_an_end(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    answer = await visitor.call(streaming(Session.end))
    assert (answer.body, answer.cookies) == ("first last", {})
    assert (await visitor.ask(everything)).value == {}
    assert await visitor.sessions.find() == []


async def test_a_stream_that_breaks_leaves_what_was_stored_when_it_began(visitor: Visitor) -> None:
    def breaks(session: Session) -> None:
        session["late"] = 1
        raise ZeroDivisionError

    answer = await visitor.call(streaming(breaks, early=sets(early=1)))
    assert isinstance(answer.error, ZeroDivisionError)
    assert (await visitor.ask(everything)).value == {"early": 1}


# --- a framework -----------------------------------------------------------------------------------------------------


def starlette(sessions: Sessions) -> Application:
    async def stream(request: Request) -> StreamingResponse:
        request.session["asked"] = 1

        async def parts() -> Any:
            yield "part"
            request.session["streamed"] = 2

        return StreamingResponse(parts())

    async def background(request: Request) -> PlainTextResponse:
        request.session["asked"] = 1
        return PlainTextResponse("ok", background=BackgroundTask(request.session.update, done=2))

    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(",".join(sorted(request.session)))

    app = Starlette(routes=[Route("/stream", stream), Route("/background", background), Route("/", read)])
    app.add_middleware(SessionMiddleware, sessions=sessions)
    return app


@pytest.mark.parametrize(("path", "name"), [("/stream", "streamed"), ("/background", "done")])
async def test_what_a_framework_does_after_the_response_is_stored(sessions: Sessions, path: str, name: str) -> None:
    visitor = Visitor(sessions)
    await visitor.call(starlette(sessions), path=path, bare=True)
    answer = await visitor.call(starlette(sessions), bare=True)
    assert answer.body == f"asked,{name}"


@pytest.mark.usefixtures("local")
def test_an_event_loop_for_each_request_is_no_hindrance(sessions: Sessions) -> None:
    client = TestClient(starlette(sessions), base_url="https://shop.example")
    assert client.get("/background").text == "ok"
    for _ in range(3):
        assert client.get("/").text == "asked,done"


def test_an_event_loop_for_all_requests_closes_the_store_when_it_ends(sessions: Sessions, store: WatchedStore) -> None:
    with TestClient(starlette(sessions), base_url="https://shop.example") as client:
        assert client.get("/stream").text == "part"
        assert client.get("/").text == "asked,streamed"
    assert store.calls[-1] == "close"


# --- saving by hand --------------------------------------------------------------------------------------------------


async def test_without_a_save_nothing_is_stored_in_manual_mode(make: Make, store: WatchedStore) -> None:
    visitor = Visitor(make(save="manual"))
    answer = await visitor.ask(sets(a=1))
    assert (store.calls, answer.cookies) == ([], {})


async def test_what_was_saved_by_hand_is_stored_and_the_rest_is_not(make: Make, store: WatchedStore) -> None:
    visitor = Visitor(make(save="manual"))

    async def act(session: Session) -> int:
        session["a"] = 1
        await session.save()
        session["b"] = 2
        return session.version

    answer = await visitor.ask(act)
    assert answer.value == 1
    assert answer.cookies.keys() == {"__Host-id", "__Host-id-v"}
    assert (await visitor.ask(everything)).value == {"a": 1}
    answer = await visitor.ask(act)
    assert (answer.value, answer.cookies) == (1, {})


@pytest.mark.usefixtures("sync")
@pytest.mark.parametrize("mode", ["sync", "manual"])
async def test_a_save_before_the_first_byte_owes_its_cookies_to_the_response(make: Make, mode: str) -> None:
    visitor = Visitor(make(save=mode))

    async def act(session: Session) -> str:
        session.principal = "alice"
        session["a"] = 1
        await session.save()
        session["a"] = 2
        await session.save()
        return session.id

    assert (await visitor.ask(act)).value == visitor.id
    assert visitor.told == "2"
    assert (await visitor.ask(lambda s: (s["a"], s.principal))).value == [2, "alice"]


async def test_a_save_after_the_first_byte_stores_at_once(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    seen: list[Any] = []

    async def late(session: Session) -> None:
        session["a"] = 2
        await session.save()
        seen.append((await visitor.twin().ask(everything)).value)
        session["a"] = 3

    await visitor.call(streaming(late))
    assert seen == [{"a": 2}]
    assert (await visitor.ask(everything)).value == {"a": 3}


async def test_a_save_of_a_session_that_has_ended_elsewhere_says_so(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))

    async def act(session: Session) -> None:
        await visitor.sessions.end(session.ref)
        session["a"] = 2
        await session.save()

    with pytest.raises(SessionEnded, match="elsewhere"):
        await visitor.twin().ask(act)
    assert await visitor.sessions.find() == []


@pytest.mark.usefixtures("sync")
async def test_an_end_and_a_sign_in_need_no_save_in_manual_mode(make: Make) -> None:
    visitor = Visitor(make(save="manual"))
    await visitor.ask(lambda s: setattr(s, "principal", "alice"))
    assert (await visitor.ask(lambda s: s.principal)).value == "alice"
    await visitor.ask(Session.end)
    assert await visitor.sessions.find() == []


async def test_a_save_that_changes_nothing_writes_nothing(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    await visitor.ask(lambda s: s.save())
    assert store.calls == ["load"]


async def test_a_save_after_the_request_is_refused(visitor: Visitor) -> None:
    kept: list[Session] = []
    await visitor.ask(kept.append)
    with pytest.raises(OutsideRequest):
        kept[0].save()
