"""ASGI: sessions for any ASGI application, in `scope["session"]`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

from sojourn.core.session import Stage
from sojourn.errors import SettingError, SojournError, StoreError
from sojourn.inbound.answers import layers
from sojourn.inbound.answers.headers import tells_events
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.lasting import Attendance
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.request import Request, RequestDefaults
from sojourn.inbound.tracking.rewriting import Parameters, Rewriting

__all__ = ["SessionMiddleware", "identify", "request_of"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

_STARTS = frozenset({"http.response.start", "websocket.accept", "websocket.http.response.start"})

_UNIDENTIFIED = "sojourn.unidentified"  # in the scope, until it is told whose the connection is: its visit
_USER = "sojourn.user"

SWITCHING = 101  # RFC 9110 §15.2.2: what accepts a WebSocket
INTERNAL_ERROR = 1011  # RFC 6455 §7.4.1: the server cannot fulfil the request


class SessionMiddleware:
    """Gives every HTTP request and WebSocket of `app` its session: Starlette's and FastAPI's `request.session`.

    What the application did with it is stored before the first byte of the response leaves; what it does later is
    stored when it returns. Put it outside of everything that uses the session.
    """

    def __init__(
        self, app: Application, sessions: Sessions, *, patience: float = math.inf, identifies: bool = False
    ) -> None:
        """`app`: any ASGI application. `sessions`: shared with whoever else needs it.

        `patience`: seconds for which a start may be put off while the store is away. `identifies`: whether `app` finds
        out itself whose a connection is, and calls `identify`; nobody can use the session before, where that matters.
        """
        self.app = app
        self.sessions = sessions
        self._patience = patience
        self._waits = identifies and sessions.identified

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] not in ("http", "websocket"):
            await self._lifespan(scope, receive, send)
            return
        answer = _Answer(self.sessions, scope, receive, send, waits=self._waits)
        try:
            if not answer.recall():
                await answer.open()
        except StoreError as error:
            await answer.refuse(error)
            return
        scope["session"] = session = answer.session
        try:
            skipped = session.stage is Stage.SKIPPED and session.track is None
            receive = answer.receive if answer.lasting and not skipped else receive
            await self.app(scope, receive, send if skipped else answer.send)
            if scope.get("session") is not answer.session:
                layers.inside(scope.get("session"))
            if not answer.over:
                await answer.finish(failed=False)
        except BaseException as error:
            if await answer.fail(error):
                raise
        finally:
            answer.close()

    async def _lifespan(self, scope: Scope, receive: Receive, send: Send) -> None:
        layers.of_application(scope.get("app"), type(self), identified=self.sessions.identified)
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


async def identify(scope: Scope, user: str | None) -> None:
    """Say whose a connection is, None for nobody's. The session that it may have is in `scope["session"]` then.

    Does nothing where `SessionMiddleware` does not wait for it.
    """
    answer: Visit | None = scope.pop(_UNIDENTIFIED, None)
    if answer is not None:
        scope[_USER] = user
        await answer.identify()
        scope["session"] = answer.session


class _Request(RequestDefaults):
    """A connection, as far as sessions look at it."""

    __slots__ = ("_scope", "cookies")

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self.cookies = [value for name, value in scope["headers"] if name == b"cookie"]

    @property
    def method(self) -> str:
        return self._scope.get("method", "GET")  # type: ignore[no-any-return]  # a WebSocket has none

    @property
    def path(self) -> str:
        return self._scope["path"]  # type: ignore[no-any-return]

    def header(self, name: bytes) -> list[bytes]:
        return [value for each, value in self._scope["headers"] if each == name]

    @property
    def told_later(self) -> bool:
        return _UNIDENTIFIED in self._scope

    @property
    def user(self) -> str | None:
        if _USER in self._scope:
            return self._scope[_USER]  # type: ignore[no-any-return]
        user = self._scope.get("user")  # as Starlette's AuthenticationMiddleware leaves it
        if user is None or not user.is_authenticated:
            return None
        try:
            return str(user.identity)
        except NotImplementedError:
            if isinstance(name := getattr(user, "username", None), str):  # as Starlette's SimpleUser has it
                return name
            # A display name may be that of several, who would have each other's sessions.
            raise SettingError(
                f"identity='request': a {type(user).__name__} has no identity; give it one, or Sessions a function"
            ) from None

    @property
    def scheme(self) -> str:
        return str(self._scope.get("scheme", "http")).replace("ws", "http")

    @property
    def mount(self) -> str:
        return self._scope.get("root_path", "")  # type: ignore[no-any-return]

    @property
    def peer(self) -> str | None:
        client = self._scope.get("client")
        return client[0] or None if client else None

    @property
    def certificates(self) -> Sequence[str]:
        tls = (self._scope.get("extensions") or {}).get("tls") or {}
        if tls.get("client_cert_error"):
            return ()
        return [*(tls.get("client_cert_chain") or ())]


class _RewrittenRequest(_Request):
    """One whose path held parameters of ours, or may have."""

    __slots__ = ("parameters",)

    def __init__(self, scope: Scope, rewriting: Rewriting) -> None:
        """Take them out: of what the application routes by, and of what a server logs of this scope."""
        super().__init__(scope)
        self.parameters: Parameters
        scope["path"], self.parameters = rewriting.take_out(scope["path"])
        if self.parameters and scope.get("raw_path"):
            scope["raw_path"] = rewriting.scrub(scope["raw_path"].decode("latin-1")).encode("latin-1")


def request_of(scope: Scope, sessions: Sessions) -> Request:
    """The connection as `sessions` look at it. Where ids travel in URLs, `scope` has none afterwards."""
    rewriting = sessions.rewriting
    return _Request(scope) if rewriting is None else _RewrittenRequest(scope, rewriting)


class _Answer(Visit):
    """The answer to one request, on its way out through the session's commit."""

    def __init__(self, sessions: Sessions, scope: Scope, receive: Receive, send: Send, *, waits: bool) -> None:
        super().__init__(sessions, request_of(scope, sessions))
        if waits:
            scope[_UNIDENTIFIED] = self
        if "session" in scope:
            layers.outside(scope["session"])
        self.lasting = scope["type"] == "websocket"
        self._receive = receive
        self._send = send

    def receive(self) -> Awaitable[Message]:
        """What comes over a WebSocket."""
        return self._receive() if self.attendance is None else self._hear(self.attendance)

    def send(self, message: Message) -> Awaitable[None]:
        """Pass a message on, and the first one through the commit. No coroutine for what needs none."""
        if self.started or message["type"] not in _STARTS:
            if self.attendance is not None:
                return self._send_more(message, self.attendance)
            return self._drop() if self.refused else self._send(message)
        if not self.passes():
            return self._start(message)
        if self.session.looked or self.session.track is not None:
            message = {**message, "headers": self.passed(message.get("headers") or ())}
            if tells_events(message["headers"]):
                self._attend_stream()
        if self.lasting:
            self._attend_socket(message)
        return self._send(message)

    async def _start(self, message: Message) -> None:
        try:
            headers = await self.start(message.get("headers") or (), status=message.get("status", SWITCHING))
        except SojournError as error:
            if not self.refused:
                raise
            await self.refuse(error)
        else:
            if self.lasting:
                self._attend_socket(message)
            elif tells_events(headers):
                self._attend_stream()
            await self._send({**message, "headers": headers})

    def _attend_socket(self, message: Message) -> None:
        if message["type"] == "websocket.accept":
            self.attend(lambda code: self._send({"type": "websocket.close", "code": code, "reason": ""}))

    def _attend_stream(self) -> None:
        self.attend(lambda _: self._send({"type": "http.response.body", "body": b"", "more_body": False}))

    async def _hear(self, attendance: Attendance) -> Message:
        message = await attendance.hear(self._receive)
        if message is None:
            code = self.sessions.attending.sockets.close_code
            return {"type": "websocket.disconnect", "code": code, "reason": ""}
        return message

    async def _send_more(self, message: Message, attendance: Attendance) -> None:
        attendance.sent()
        if message["type"] == "websocket.close" or not message.get("more_body", True):
            attendance.stop()
        await self._send(message)

    async def _drop(self) -> None:
        """Swallow what is left of an answer that was replaced."""

    async def fail(self, error: BaseException) -> bool:
        """The application has raised `error`. Returns whether that is for the server to tell."""
        await self.finish(failed=True)
        if self.attendance is not None and self.attendance.caused(error):
            return False  # it was told that the connection is over, as when a visitor leaves
        if self.started or not isinstance(error, SojournError) or error.status_hint == FAULT:
            return True
        await self.refuse(error)  # the application leaves it to us
        return False

    async def refuse(self, error: SojournError) -> None:
        """Answer that the session could not be had or stored. Nothing of what the application answers is sent."""
        self.refused = True
        instead = refusal(error)
        if self.lasting:
            await self._send({"type": "websocket.close", "code": INTERNAL_ERROR, "reason": ""})
            return
        await self._send({"type": "http.response.start", "status": instead.status, "headers": instead.headers})
        await self._send({"type": "http.response.body", "body": instead.body})
