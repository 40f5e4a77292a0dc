"""ASGI: sessions for any ASGI application, in `scope["session"]`."""

from __future__ import annotations

import logging
import math
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from sojourn.core.session import Session, Stage
from sojourn.errors import Contradiction, SessionError, SojournError, StoreError
from sojourn.inbound.sessions import Sessions

__all__ = ["SessionMiddleware"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})

_log = logging.getLogger(__name__)

# How a header ends that allows storing: those for some caches alone (`CDN-Cache-Control` …) win over the general one
# there (RFC 9213 §2.2).
_CACHING = (b"cache-control", b"surrogate-control")

FAULT = 500  # of the application: for the server to tell
_BODIES = {
    409: b"The session was changed by another request.",
    429: b"You are signed in too many times: sign out elsewhere first.",
}

INTERNAL_ERROR = 1011  # RFC 6455 §7.4.1: the server cannot fulfil the request


class SessionMiddleware:
    """Gives every HTTP request and WebSocket of `app` its session: Starlette's and FastAPI's `request.session`.

    What the application did with it is stored before the first byte of the response leaves; what it does later is
    stored when it returns. Put it outside of everything that uses the session.
    """

    def __init__(self, app: Application, sessions: Sessions, *, patience: float = math.inf) -> None:
        """`app`: any ASGI application. `sessions`: shared with whoever else needs it.

        `patience`: seconds for which a start may be put off while the store is away.
        """
        self.app = app
        self.sessions = sessions
        self._patience = patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._lifespan(scope, receive, send)
            return
        answer = _Answer(self.sessions, scope, send)
        cookies = [value for name, value in scope["headers"] if name == b"cookie"]
        try:
            session = self.sessions.recall(cookies, scope["path"])
            if session is None:
                session = await self.sessions.open(cookies)
        except StoreError as error:
            await answer.refuse(error)
            return
        scope["session"] = answer.session = session
        try:
            await self.app(scope, receive, send if session.stage is Stage.SKIPPED else answer.send)
            if session.looked and not answer.over:
                await answer.finish(failed=False)
        except BaseException as error:
            await answer.finish(failed=True)
            if answer.started or not isinstance(error, SojournError) or error.status_hint == FAULT:
                raise
            await answer.refuse(error)  # the application leaves it to us
        finally:
            self.sessions.close_session(session)

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        failed = False

        async def sending(message: Message) -> None:
            nonlocal failed
            if failed:  # the server knows; the application may tell it again
                return
            kind = message["type"]
            if kind == "lifespan.startup.complete":
                try:
                    await self.sessions.start(patience=self._patience)
                except SojournError as error:
                    failed = True
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    raise  # or the application would wait for a shutdown that never comes
            elif kind in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
                await self.sessions.close()
            await send(message)

        await self.app(scope, receive, sending)


class _Answer:
    """The answer to one request, on its way out through the session's commit."""

    session: Session

    started = False
    _failed = False
    _refused = False

    def __init__(self, sessions: Sessions, scope: Scope, send: Send) -> None:
        self._sessions = sessions
        self._scope = scope
        self._send = send

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on, and the first one through the commit. No coroutine for what needs none."""
        if self.started or message["type"] not in _STARTS:
            return self._drop() if self._refused else self._send(message)
        session, sessions = self.session, self._sessions
        if session.looked or sessions.touches_always:
            rests = sessions.rests(session)
            self.started = True
            if not rests:
                return self._start(message)
            if session.looked:
                message = {**message, "headers": _vary(message.get("headers") or ())}
        self.started = True
        session.advance(Stage.STARTED)
        return self._send(message)

    async def _start(self, message: Message) -> None:
        try:
            message = await self._commit(message)
        except (StoreError, Contradiction) as error:
            await self.refuse(error)
        except SessionError:
            self.started = False  # the application is told, and may answer something else
            raise
        else:
            self.session.advance(Stage.STARTED)
            await self._send(message)

    async def _drop(self) -> None:
        """Swallow what is left of an answer that was replaced."""

    @property
    def over(self) -> bool:
        """Whether nothing is left to be committed."""
        if self._refused:
            return True
        session = self.session
        return session.stage is Stage.STARTED and session.pristine and self._scope["type"] == "http"

    async def finish(self, *, failed: bool) -> None:
        """Commit what came after the response had started, or without any."""
        if self._refused:
            return
        self.session.advance(Stage.STARTED)
        try:
            await self._sessions.commit(
                self.session, failed=failed or self._failed, counts=self._scope["type"] == "websocket"
            )
        except SojournError:
            # Nobody can be told any more but the log of the server; unless it has something worse to tell.
            if not failed:
                raise

    async def refuse(self, error: SojournError) -> None:
        """Answer that the session could not be had or stored. Nothing of what the application answers is sent."""
        self._refused = True
        # For the log alone: it names the store.
        level = logging.WARNING if error.status_hint >= 500 else logging.INFO  # whoever signs in too often fills no log
        _log.log(level, "a request was refused with %d: %s", error.status_hint, error)
        if self._scope["type"] == "websocket":
            await self._send({"type": "websocket.close", "code": INTERNAL_ERROR, "reason": ""})
            return
        body = _BODIES.get(error.status_hint, b"Please try again soon.")
        headers = [
            (b"content-type", b"text/plain; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
        ]
        if error.status_hint == 503:
            headers.append((b"retry-after", b"1"))
        await self._send({"type": "http.response.start", "status": error.status_hint, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})

    async def _commit(self, message: Message) -> Message:
        status = message.get("status", 101)
        self._failed = status >= 500
        lines = await self._sessions.commit(
            self.session,
            failed=self._failed,
            counts=status != 401 and self._scope.get("method") != "OPTIONS",
        )
        if not self.session.looked and not lines:
            return message
        headers = _vary(message.get("headers") or ())
        if lines:
            # A stored copy would hand the cookie to somebody else (CVE-2023-30861).
            headers = [header for header in headers if not header[0].lower().endswith(_CACHING)]
            headers.append((b"cache-control", b"no-store"))
            headers += [(b"set-cookie", line) for line in lines]
        return {**message, "headers": headers}


def _vary(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers, with a Vary that holds Cookie: a cache must not show what depends on a session to another."""
    given = list(headers)
    kept = [header for header in given if header[0].lower() != b"vary"]
    if len(kept) == len(given):
        kept.append((b"vary", b"Cookie"))
        return kept
    fields = [field.strip() for name, value in given if name.lower() == b"vary" for field in value.split(b",")]
    if b"*" not in fields and b"cookie" not in [field.lower() for field in fields]:
        fields.append(b"Cookie")
    kept.append((b"vary", b", ".join(fields)))
    return kept
