"""What happens first: the store has it, then the visitor hears of it; and what a request leaves that is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Receive, Scope, Send, Visitor, application, everything, respond, sets, signs_in
from tests.fixtures.watched import Gate, WatchedStore

from sojourn import Session, Sessions
from sojourn.errors import StoreUnavailable
from sojourn.inbound.asgi import SessionMiddleware

Make = Callable[..., Sessions]


async def settle() -> None:
    """Let all that can run without the store run."""
    for _ in range(20):
        await asyncio.sleep(0)


@pytest.mark.parametrize("change", [sets(a=2), signs_in("alice"), Session.renew])
async def test_the_response_starts_when_the_store_has_acknowledged(
    visitor: Visitor, store: WatchedStore, change: Callable[[Session], Any]
) -> None:
    await visitor.ask(sets(a=1))
    sent: list[str] = []
    gate = store.pause_after("save")

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        change(scope["session"])
        await respond(send)
        sent.append("all")

    asking = asyncio.create_task(visitor.call(app))
    await gate.reached.wait()
    await settle()
    assert (sent, asking.done()) == ([], False)
    gate.opened.set()
    assert (await asking).cookies["__Host-id-v"] == "2"


async def test_nothing_is_sent_while_the_store_still_thinks(visitor: Visitor, store: WatchedStore) -> None:
    gate = store.pause("save")
    messages: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 1
        await respond(send)

    async def send(message: Any) -> None:
        messages.append(message)

    scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
    running = asyncio.create_task(SessionMiddleware(app, visitor.sessions)(scope, _silence, send))
    await gate.reached.wait()
    await settle()
    assert messages == []
    gate.opened.set()
    await running
    assert [message["type"] for message in messages] == ["http.response.start", "http.response.body"]


async def _silence() -> dict[str, Any]:
    return {"type": "http.disconnect"}


async def test_an_end_is_carried_out_before_the_response_starts(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    gate = store.pause_after("delete")
    asking = asyncio.create_task(visitor.ask(Session.end))
    await gate.reached.wait()
    assert visitor.jar
    gate.opened.set()
    await asking
    assert not visitor.jar


# --- cut off ---------------------------------------------------------------------------------------------------------


async def _cancelled(request: asyncio.Task[Any], *gates: Gate) -> None:
    request.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await request
    for gate in gates:
        gate.opened.set()
    await settle()


async def test_a_request_that_is_cancelled_in_its_handler_changes_nothing(
    visitor: Visitor, store: WatchedStore
) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    handler = Gate()

    async def act(session: Session) -> None:
        session["a"] = 2
        await handler()

    other = visitor.twin()
    asking = asyncio.create_task(other.ask(act))
    await handler.reached.wait()
    await _cancelled(asking)
    assert store.calls == ["load"]
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_request_that_is_cancelled_before_it_has_its_session_changes_nothing(
    visitor: Visitor, store: WatchedStore
) -> None:
    await visitor.ask(sets(a=1))
    gate = store.pause("load")
    asking = asyncio.create_task(visitor.twin().ask(sets(a=2)))
    await gate.reached.wait()
    await _cancelled(asking, gate)
    assert (await visitor.ask(everything)).value == {"a": 1}


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("change", [sets(a=2, b=2), lambda s: (s.update(a=2, b=2), s.renew())])
async def test_a_request_that_is_cancelled_while_it_is_stored_is_stored_whole(
    visitor: Visitor, store: WatchedStore, when: str, change: Callable[[Session], Any]
) -> None:
    await visitor.ask(sets(a=1, b=1))
    (ref,) = [record.ref for record in await visitor.sessions.find()]
    gate = store.pause("save") if when == "before" else store.pause_after("save")
    asking = asyncio.create_task(visitor.twin().ask(change))
    await gate.reached.wait()
    await _cancelled(asking, gate)
    await visitor.sessions.close()
    async with visitor.sessions.access(ref) as session:
        assert everything(session) == {"a": 2, "b": 2}
    assert len(await visitor.sessions.find()) == 1


async def test_a_creation_that_is_cancelled_while_it_is_stored_is_made_once(
    visitor: Visitor, store: WatchedStore
) -> None:
    gate = store.pause("save")
    asking = asyncio.create_task(visitor.ask(signs_in("alice")))
    await gate.reached.wait()
    await _cancelled(asking, gate)
    await visitor.sessions.close()
    assert [record.version for record in await visitor.sessions.find()] == [1]
    assert not visitor.jar


async def test_a_change_that_fails_when_its_request_was_cut_off_is_told_in_one_line(
    visitor: Visitor, store: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    await visitor.ask(sets(a=1))
    gate = Gate()

    async def fails_late(*_: Any) -> None:
        await gate()
        raise StoreUnavailable("the store is out of reach; start it")

    store.before["save"] = fails_late
    asking = asyncio.create_task(visitor.twin().ask(sets(a=2)))
    await gate.reached.wait()
    await _cancelled(asking, gate)
    await visitor.sessions.close()
    gc.collect()
    assert [record.getMessage() for record in caplog.records if record.levelname in ("WARNING", "ERROR")] == [
        "what a request that was cut off had changed is not stored: the store is out of reach; start it"
    ]


async def test_a_request_that_waits_for_its_turn_can_be_cancelled(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    gate = store.pause("save")
    first = asyncio.create_task(visitor.twin().ask(sets(b=2)))
    await gate.reached.wait()
    handled = asyncio.Event()

    def act(session: Session) -> None:
        session["c"] = 3
        handled.set()

    second = asyncio.create_task(visitor.twin().ask(act))
    await handled.wait()
    await settle()
    await _cancelled(second, gate)
    assert (await first).status == 200
    await visitor.sessions.close()
    assert (await visitor.ask(everything)).value == {"a": 1, "b": 2, "c": 3}


async def test_an_end_survives_the_cancellation_of_its_request(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    handler = Gate()

    async def act(session: Session) -> None:
        session.end()
        await handler()

    asking = asyncio.create_task(visitor.twin().ask(act))
    await handler.reached.wait()
    await _cancelled(asking)
    assert (await visitor.ask(everything)).value == {}


async def test_a_client_that_has_gone_changes_nothing(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["session"]["a"] = 2
        await respond(send)

    async def gone(_: Any) -> None:
        raise OSError("the client has gone")

    cookie = f"__Host-id={visitor.id}".encode()
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", cookie)]}
    with pytest.raises(OSError, match="gone"):
        await SessionMiddleware(app, visitor.sessions)(scope, _silence, gone)
    assert (await visitor.ask(everything)).value == {"a": 2}


async def test_closing_waits_for_what_is_being_written(visitor: Visitor, store: WatchedStore) -> None:
    gate = store.pause("save")
    asking = asyncio.create_task(visitor.ask(sets(a=1)))
    await gate.reached.wait()
    asking.cancel()
    closing = asyncio.create_task(visitor.sessions.close())
    await settle()
    assert not closing.done()
    gate.opened.set()
    await closing
    assert len(await visitor.sessions.find()) == 1


async def test_requests_that_overlap_see_none_of_each_other(make: Make) -> None:
    sessions = make()
    visitors = [Visitor(sessions) for _ in range(20)]
    for number, visitor in enumerate(visitors):
        await visitor.ask(sets(who=number))
    together = asyncio.Barrier(len(visitors))

    async def act(session: Session) -> Any:
        before = session["who"]
        await together.wait()
        session["seen"] = before
        return session["who"], before

    answers = await asyncio.gather(*(visitor.ask(act) for visitor in visitors))
    assert [answer.value for answer in answers] == [[number, number] for number in range(20)]


async def test_one_request_may_be_served_in_another_task(visitor: Visitor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.create_task(application(sets(a=1))(scope, receive, send))  # type: ignore[arg-type]

    await visitor.call(app)
    assert (await visitor.ask(everything)).value == {"a": 1}
