"""Sessions of WebSockets: cookies with the handshake, changes at `save` and at the close."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.fixtures.visitor import Receive, Scope, Send, Socket, Visitor, everything, sets, signs_in
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Session
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import ResponseStarted
from sojourn.testing import FakeClock


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts, sets what it is told as the attribute `said`, and leaves when the client does."""
    session = scope["session"]
    await receive()
    session.setdefault("sockets", 0)
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] == "save":
            await session.save()
        elif message["text"] == "end":
            session.end()
        else:
            session["said"] = message["text"]
        await send({"type": "websocket.send", "text": "ok"})


async def test_the_handshake_carries_the_cookies_of_a_new_session(visitor: Visitor) -> None:
    socket = Socket(visitor, echo)
    answer = await socket.open()
    assert answer.cookies.keys() == {"__Host-id", "__Host-id-v"}
    assert (answer.all("vary"), answer.all("cache-control")) == (["Cookie"], ["no-store"])
    await socket.close()
    assert (await visitor.ask(everything)).value == {"sockets": 0}


async def test_changes_are_stored_when_the_socket_closes(visitor: Visitor, told: list[Event]) -> None:
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("hello")
    assert (await visitor.twin().ask(everything)).value == {"sockets": 0}
    await socket.close()
    assert (await visitor.ask(everything)).value == {"sockets": 0, "said": "hello"}
    (late,) = [event for event in told if isinstance(event, events.ChangedLate)]
    assert late.names == ("said",)


async def test_changes_are_stored_when_the_application_says_so(visitor: Visitor) -> None:
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("hello")
    await socket.say("save")
    assert (await visitor.twin().ask(everything)).value["said"] == "hello"
    await socket.close()


async def test_a_closing_socket_keeps_what_requests_stored_meanwhile(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1, sockets=0))
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("hello")
    await visitor.ask(sets(a=2, b=2))
    await socket.close()
    assert (await visitor.ask(everything)).value == {"a": 2, "b": 2, "sockets": 0, "said": "hello"}


async def test_a_closing_socket_does_not_overwrite_a_newer_sign_in(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(sockets=0))
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("hello")
    await visitor.ask(signs_in("alice"))
    await socket.close()
    assert (await visitor.ask(lambda s: (dict(s), s.principal))).value == [{"sockets": 0}, "alice"]
    assert any(isinstance(event, events.ChangesDropped) for event in told)


async def test_a_closing_socket_brings_nothing_back(visitor: Visitor) -> None:
    await visitor.ask(sets(sockets=0))
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("hello")
    await visitor.twin().ask(Session.end)
    await socket.close()
    assert await visitor.sessions.find() == []


async def test_a_socket_can_end_the_session(visitor: Visitor) -> None:
    await visitor.ask(sets(sockets=0))
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("end")
    await socket.close()
    assert await visitor.sessions.find() == []


async def test_a_socket_that_was_open_for_long_used_the_session(
    visitor: Visitor, clock: FakeClock, store: WatchedStore
) -> None:
    await visitor.ask(sets(sockets=0))
    socket = Socket(visitor, echo)
    await socket.open()
    clock.advance(minutes=20)
    await socket.close()
    await visitor.sessions.flush()
    clock.advance(minutes=20)
    assert (await visitor.ask(everything)).value == {"sockets": 0}


async def test_nobody_signs_in_over_an_open_socket(visitor: Visitor) -> None:
    await visitor.ask(sets(sockets=0))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept", "headers": []})
        await receive()
        scope["session"].principal = "alice"

    socket = Socket(visitor, app)
    await socket.open()
    with pytest.raises(ResponseStarted):
        await socket.close()
    assert (await visitor.ask(lambda s: s.principal)).value is None


async def test_a_refused_socket_may_change_what_there_is_and_creates_nothing(visitor: Visitor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["refused"] = 1
        await send({"type": "websocket.close", "code": 1008})

    await Socket(visitor, app).open()
    await visitor.sessions.close()
    assert await visitor.sessions.find() == []
    await visitor.ask(sets(a=1))
    socket = Socket(visitor, app)
    await socket.open()
    await socket.close()
    assert (await visitor.ask(everything)).value == {"a": 1, "refused": 1}


async def test_a_refusal_with_a_response_carries_cookies(visitor: Visitor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["refused"] = 1
        await send({"type": "websocket.http.response.start", "status": 403, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"no"})

    socket = Socket(visitor, app)
    await socket.open()
    await socket.close()
    assert socket.answer.cookies.keys() == {"__Host-id", "__Host-id-v"}


@pytest.mark.parametrize("method", ["load", "save"])
async def test_a_store_out_of_reach_closes_the_socket_with_an_internal_error(
    visitor: Visitor, store: WatchedStore, method: str
) -> None:
    await visitor.ask(sets(a=1))
    store.before[method] = fails
    socket = Socket(visitor, echo)
    answer = await socket.open()
    assert [dict(message) for message in answer.messages] == [{"type": "websocket.close", "code": 1011, "reason": ""}]
    await socket.close()


async def test_a_socket_that_is_cancelled_stores_nothing_half(visitor: Visitor) -> None:
    await visitor.ask(sets(sockets=0))
    socket = Socket(visitor, echo)
    await socket.open()
    await socket.say("hello")
    task: asyncio.Task[Any] | None = socket._task
    assert task is not None
    task.cancel()
    await asyncio.wait([task])
    assert (await visitor.ask(everything)).value == {"sockets": 0}
