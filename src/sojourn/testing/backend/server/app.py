"""App: the back end as an ASGI application."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.messages import Answer, Request, text_answer
from sojourn.testing.backend.server.remote import Remote
from sojourn.testing.backend.server.service import Service

__all__ = ["App"]

LARGEST = 1 << 20  # bytes of a body: orders are remembered

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class App:
    """Reads requests, has them served, sends the answers."""

    def __init__(self, behaviour: Behaviour, key: str) -> None:
        """`key`: what a path begins with that tells the back end what to do."""
        self.service = Service(behaviour)
        self._remote = Remote(self, key)

    def reset(self, behaviour: Behaviour) -> None:
        """Begin anew; what is being served is answered as it would have been."""
        self.service.faults.clear()
        self.service = Service(behaviour)

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one request; other things than requests are not served."""
        if scope["type"] != "http":
            if scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1003})
            return
        body = await _body(receive)
        if body is None:
            return
        if len(body) > LARGEST:
            await _send(send, text_answer(413, f"No more than {LARGEST} bytes"), scope["method"])
            return
        request = Request.of(scope, body)
        if self._remote.is_meant(request):
            answer = await self._remote.answer(request)
        else:
            answer = await self.service.answer(request)
        await _send(send, answer, request.method)


async def _body(receive: Receive) -> bytes | None:
    """What was sent, up to a little more than is allowed; None when the client has gone before."""
    body = b""
    while len(body) <= LARGEST:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return body


async def _send(send: Send, answer: Answer, method: str) -> None:
    length = len(answer.body) + (1 if answer.cut else 0)  # one byte is promised that never comes
    headers = [(b"content-length", str(length).encode())]
    headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if answer.cut:
        await send({"type": "http.response.body", "body": answer.body, "more_body": True})
        return
    await send({"type": "http.response.body", "body": b"" if method == "HEAD" else answer.body})
