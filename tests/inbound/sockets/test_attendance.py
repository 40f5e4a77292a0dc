"""An open connection and its session keep step: the one is closed when the other ends, and its use is a use of both."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Application, Receive, Scope, Send, Socket, Visitor, everything, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore, fails

from sojourn import Lifetime, Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.core.record import Record
from sojourn.errors import SettingError
from sojourn.inbound.lasting import Attendance, Sockets
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]

pytestmark = pytest.mark.usefixtures("once")

QUICK = Sockets(check=0.01)
PATIENCE = 10.0


@pytest.fixture
def sessions(make: Make) -> Sessions:
    return make(sockets=QUICK)


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Accepts, notes what it is told, and leaves when the client does."""
    session = scope["session"]
    await receive()
    session.get("seen")
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        if message["text"] == "end":
            session.end()
        elif message["text"] != "look":
            session["said"] = message["text"]
        await send({"type": "websocket.send", "text": "ok"})


async def opened(visitor: Visitor, app: Application = echo) -> Socket:
    await visitor.ask(sets(a=1))
    socket = Socket(visitor, app)
    await socket.open()
    return socket


async def over(socket: Socket) -> list[Any]:
    """Wait until the application has returned, of itself. Returns what the client was told since it was accepted."""
    assert socket._task is not None
    await asyncio.wait_for(socket._task, PATIENCE)
    return [dict(message) for message in socket.answer.messages[1:]]


CLOSED = {"type": "websocket.close", "code": 4401, "reason": ""}


async def test_a_socket_is_closed_when_its_session_ends_elsewhere(visitor: Visitor) -> None:
    socket = await opened(visitor)
    await visitor.twin().ask(Session.end)
    assert await over(socket) == [CLOSED]
    await visitor.sessions.close()
    assert await visitor.sessions.find() == []


async def test_a_socket_is_closed_when_its_session_is_ended_from_outside(visitor: Visitor) -> None:
    socket = await opened(visitor)
    (record,) = await visitor.sessions.find()
    await visitor.sessions.end(record.ref)
    assert await over(socket) == [CLOSED]


async def test_a_socket_is_closed_when_its_session_ends_at_another_node(make: Make, visitor: Visitor) -> None:
    socket = await opened(visitor)
    await visitor.sessions.flush()
    await visitor.twin(make()).ask(Session.end)
    assert await over(socket) == [CLOSED]


@pytest.mark.parametrize("principal", ["alice", None])
async def test_a_socket_is_closed_when_another_signs_in_or_out(visitor: Visitor, principal: str | None) -> None:
    await visitor.ask(signs_in("bob"))
    socket = await opened(visitor)
    await visitor.ask(signs_in(principal))
    assert await over(socket) == [CLOSED]
    assert (await visitor.ask(lambda session: session.principal)).value == principal


async def test_a_handler_that_ends_the_session_is_told_so_when_it_listens_again(visitor: Visitor) -> None:
    socket = await opened(visitor)
    await socket.say("end")
    assert await over(socket) == [{"type": "websocket.send", "text": "ok"}, CLOSED]
    assert await visitor.sessions.find() == []


async def test_a_session_that_is_not_used_expires_though_a_socket_is_open(
    visitor: Visitor, clock: FakeClock, told: list[Event]
) -> None:
    socket = await opened(visitor)
    await socket.say("late")
    clock.advance(minutes=32)
    assert await over(socket) == [{"type": "websocket.send", "text": "ok"}, CLOSED]
    assert (await visitor.ask(everything)).value == {}
    assert any(isinstance(event, events.ChangesDropped) for event in told)


async def test_messages_keep_the_session_alive(visitor: Visitor, clock: FakeClock) -> None:
    socket = await opened(visitor)
    for _ in range(4):
        clock.advance(minutes=10)
        await socket.say("look")
        await touched(visitor.sessions, clock)
    assert (await visitor.twin().ask(everything)).value == {"a": 1}
    await socket.close()


async def touched(sessions: Sessions, clock: FakeClock) -> None:
    """Wait until the time of use is stored."""
    async with asyncio.timeout(PATIENCE):
        while not [record for record in await sessions.find() if record.accessed_at == clock()]:
            await asyncio.sleep(0.005)
            await sessions.flush()


async def test_what_is_sent_is_a_use_unless_only_the_visitors_words_are(
    make: Make, clock: FakeClock, sync: None
) -> None:
    for uses, alive in (("traffic", True), ("received", False)):
        visitor = Visitor(make(sockets=Sockets(check=0.01, uses=uses)))  # type: ignore[arg-type]
        ticks: asyncio.Queue[None] = asyncio.Queue()

        async def ticker(scope: Scope, receive: Receive, send: Send, ticks: asyncio.Queue[None] = ticks) -> None:
            scope["session"].get("a")
            await send({"type": "websocket.accept"})
            while True:
                await ticks.get()
                await send({"type": "websocket.send", "text": "tick"})

        socket = await opened(visitor, ticker)
        task = socket._task
        assert task is not None
        clock.advance(minutes=20)
        ticks.put_nowait(None)
        if alive:
            await touched(visitor.sessions, clock)
        clock.advance(minutes=20)
        if not alive:
            while socket.answer.messages[-1]["type"] != "websocket.close":  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0.001)
        ticks.put_nowait(None)
        if not alive:
            await asyncio.wait_for(task, PATIENCE)  # by what `send` raised
        assert (await visitor.twin().ask(everything)).value == ({"a": 1} if alive else {})
        task.cancel()
        await asyncio.wait([task])


async def test_an_open_socket_can_be_all_that_a_session_needs(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(sockets=Sockets(check=0.01, uses="open")))
    socket = await opened(visitor)
    for _ in range(3):
        clock.advance(minutes=20)
        await touched(visitor.sessions, clock)
    await socket.close()
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_socket_never_outlives_the_absolute_limit(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(sockets=Sockets(check=0.01, uses="open"), lifetime=Lifetime(absolute=3600)))
    socket = await opened(visitor)
    for _ in range(3):
        clock.advance(minutes=19)
        await touched(visitor.sessions, clock)
    clock.advance(minutes=5)
    assert await over(socket) == [CLOSED]


async def test_a_socket_goes_on_when_the_id_is_renewed_for_its_age(make: Make, clock: FakeClock) -> None:
    visitor = Visitor(make(sockets=Sockets(check=0.01, uses="open"), lifetime=Lifetime(renew=600)))
    socket = await opened(visitor)
    for _ in range(4):
        clock.advance(minutes=11)
        before = visitor.id
        await visitor.ask(everything)  # renews
        assert visitor.id != before
        clock.advance(minutes=2)
        await visitor.ask(everything)  # the old id leads nowhere any more
        await asyncio.sleep(0.05)
    assert await socket.say("still") == "ok"
    await socket.close()
    assert (await visitor.ask(everything)).value == {"a": 1, "said": "still"}


async def test_a_socket_that_does_not_look_at_its_session_is_left_alone(visitor: Visitor) -> None:
    async def deaf(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "websocket.accept"})
        while (await receive())["type"] != "websocket.disconnect":
            await send({"type": "websocket.send", "text": "ok"})

    socket = await opened(visitor, deaf)
    await visitor.twin().ask(Session.end)
    await asyncio.sleep(0.05)
    assert await socket.say("there?") == "ok"
    await socket.close()


async def test_nobody_is_cut_off_because_the_store_is_away(visitor: Visitor, store: WatchedStore) -> None:
    socket = await opened(visitor)
    store.before["load"] = fails
    await asyncio.sleep(0.05)
    assert await socket.say("look") == "ok"
    store.before.clear()
    await visitor.twin().ask(Session.end)
    assert (await over(socket))[-1] == CLOSED


async def test_the_code_is_a_setting(make: Make) -> None:
    visitor = Visitor(make(sockets=Sockets(check=0.01, close_code=3000)))
    socket = await opened(visitor)
    await visitor.twin().ask(Session.end)
    assert await over(socket) == [{**CLOSED, "code": 3000}]


async def test_a_handler_that_waits_with_a_limit_misses_no_message(visitor: Visitor) -> None:
    heard: list[str] = []

    async def impatient(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"].get("a")
        await receive()
        await send({"type": "websocket.accept"})
        while True:
            try:
                message = await asyncio.wait_for(receive(), 0.005)
            except TimeoutError:
                continue
            if message["type"] == "websocket.disconnect":
                heard.append(message["code"])
                return
            heard.append(message["text"])
            await send({"type": "websocket.send", "text": "ok"})

    socket = await opened(visitor, impatient)
    for number in range(5):
        await asyncio.sleep(0.012)
        await socket.say(str(number))
    await visitor.twin().ask(Session.end)
    await over(socket)
    assert heard == ["0", "1", "2", "3", "4", 4401]


async def test_what_a_closing_socket_stores_late_loses_to_a_sign_in(
    make: Make, visitor: Visitor, store: WatchedStore, told: list[Event]
) -> None:
    """The order is forced: the save is on its way to the store when the visitor signs in at another node."""
    socket = await opened(visitor)
    await socket.say("late")
    gate = store.before["save"] = Gate()
    closing = asyncio.create_task(socket.close())
    await gate.reached.wait()
    twin = visitor.twin(make())
    await twin.ask(signs_in("alice"))
    await twin.ask(sets(b=2))
    gate.opened.set()
    await closing
    assert (await twin.ask(lambda s: (dict(s), s.principal))).value == [{"a": 1, "b": 2}, "alice"]
    assert [event.names for event in told if isinstance(event, events.ChangesDropped)] == [("said",)]
    assert [record.principal for record in await visitor.sessions.find()] == ["alice"]


async def test_a_message_that_comes_as_the_handler_gives_up_waiting_is_there_the_next_time(sessions: Sessions) -> None:
    session = Session(await stored(sessions), 0.0)
    attendance = Attendance(sessions.attending, session, sessions.lifetime, never)
    coming: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    waiting = asyncio.create_task(attendance.hear(lambda: coming))
    await asyncio.sleep(0)
    coming.set_result("hello")
    waiting.cancel()
    await asyncio.wait([waiting])
    assert await attendance.hear(lambda: coming) == "hello"
    attendance.stop()


async def test_it_is_closed_by_a_server_that_closes_nothing_while_it_is_listened_to(sessions: Sessions) -> None:
    session, line, codes = Session(await stored(sessions), 0.0), asyncio.Lock(), list[int]()
    session.mark_accessed()

    async def receive() -> str:
        async with line:
            await asyncio.Event().wait()
        return "nothing"

    async def close(code: int) -> None:
        async with line:
            codes.append(code)

    attendance = Attendance(sessions.attending, session, sessions.lifetime, close)
    waiting = asyncio.create_task(attendance.hear(receive))
    await sessions.end(session.ref)
    assert await asyncio.wait_for(waiting, PATIENCE) is None
    assert codes == [4401]
    with pytest.raises(ConnectionAbortedError):
        attendance.sent()
    attendance.stop()


async def stored(sessions: Sessions) -> Record:
    await Visitor(sessions).ask(sets(a=1))
    (record,) = await sessions.find()
    return record


async def never(_code: int) -> None:
    pytest.fail("it was closed")


@pytest.mark.parametrize(
    "wrong",
    [{"close_code": 1001}, {"close_code": 5000}, {"check": 0}, {"check": 31}, {"check": float("nan")}, {"uses": "x"}],
)  # fmt: skip
def test_settings_have_to_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="Sockets"):
        Sockets(**wrong)
    with pytest.raises(SettingError, match="sockets"):
        Sessions(sockets=4401)  # type: ignore[arg-type]
