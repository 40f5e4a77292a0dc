"""An object that was read before others changed it: what becomes of a block and of a socket in which it is changed."""

from __future__ import annotations

import asyncio
from typing import Any

from sojourn import Sessions, Sockets
from sojourn.inbound.asgi import SessionMiddleware


async def request(sessions: Sessions, jar: dict[bytes, bytes], act: Any) -> int:
    sent: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await act(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    header = b"; ".join(name + b"=" + value for name, value in jar.items())
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"cookie", header)]}
    await SessionMiddleware(app, sessions)(scope, None, send)  # type: ignore[arg-type]
    for name, value in sent[0]["headers"]:
        if name == b"set-cookie":
            key, _, secret = value.partition(b";")[0].partition(b"=")
            jar[key] = secret
    return int(sent[0]["status"])


async def begin(session: Any) -> None:
    session["items"] = [0]


async def add(session: Any) -> None:
    session["items"].append(1)


async def test_a_block_that_changes_an_object_read_before_it_gives_the_session_back() -> None:
    sessions, jar = Sessions(), dict[bytes, bytes]()
    await request(sessions, jar, begin)

    async def late(session: Any) -> None:
        items = session["items"]
        await request(sessions, dict(jar), add)
        async with session.exclusive():
            items.append(2)  # not the one that is stored any more

    async def alone(session: Any) -> None:
        async with session.exclusive(wait=0.2):
            session["n"] = 1

    assert await request(sessions, jar, late) == 409
    assert await request(sessions, jar, alone) == 200
    await sessions.close()


async def test_a_socket_is_closed_when_its_session_ends_whatever_its_handler_has_changed() -> None:
    sessions, jar = Sessions(sockets=Sockets(check=0.05)), dict[bytes, bytes]()
    await request(sessions, jar, begin)
    sent: list[Any] = []
    changed = asyncio.Event()

    async def handler(scope: Any, receive: Any, send: Any) -> None:
        session = scope["session"]
        items = session["items"]
        await receive()
        await send({"type": "websocket.accept"})
        await request(sessions, dict(jar), add)
        async with session.exclusive():
            pass
        items.append(2)  # not the one that is stored any more
        changed.set()
        assert (await receive())["type"] == "websocket.disconnect"

    async def send(message: Any) -> None:
        sent.append(message)

    incoming: asyncio.Queue[Any] = asyncio.Queue()
    incoming.put_nowait({"type": "websocket.connect"})
    header = b"; ".join(name + b"=" + value for name, value in jar.items())
    scope = {"type": "websocket", "path": "/", "headers": [(b"cookie", header)]}
    socket = asyncio.create_task(SessionMiddleware(handler, sessions)(scope, incoming.get, send))
    await changed.wait()
    [record] = await sessions.find()
    await sessions.end(record.ref)
    done, _ = await asyncio.wait([socket], timeout=2)
    socket.cancel()
    assert done, "the socket of a session that has ended is still open"
    assert [message["type"] for message in sent] == ["websocket.accept", "websocket.close"]
    await sessions.close()
