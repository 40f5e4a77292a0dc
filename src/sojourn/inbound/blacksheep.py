"""BlackSheep: `request.session` is the session, once `setup(app, sessions)` was called."""

from __future__ import annotations

import math
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import blacksheep.sessions
from blacksheep import Application, Request, Response
from blacksheep.middlewares import MiddlewareCategory
from blacksheep.server.websocket import WebSocket, WebSocketDisconnectError

from sojourn.core.session import Session
from sojourn.errors import SettingError, SojournError
from sojourn.inbound.answers import layers
from sojourn.inbound.answers.refusals import FAULT
from sojourn.inbound.asgi import Message, Receive, Scope, Send, SessionMiddleware, identify
from sojourn.inbound.sessions import Sessions

__all__ = ["BlackSheepSession", "setup"]

Handler = Callable[[Request], Awaitable[Response]]

_FAILED = "sojourn.failed"  # in `scope`: what BlackSheep is not to answer
_LEFT = "sojourn.left"  # in `scope`: that the visitor has closed the socket


def setup(app: Application, sessions: Sessions, *, patience: float = math.inf) -> None:
    """Give every request and WebSocket of `app` its session, in place of `app.use_sessions(…)`.

    Call it when other applications are mounted already: they have the same session, in `scope["session"]`. `patience`:
    seconds for which a start may be put off while the store is away. With `Sessions(identity=…)`, whose a request is
    is asked when BlackSheep has authenticated it.
    """
    sessions.shape(BlackSheepSession)
    served = SessionMiddleware(_telling(app.__call__), sessions, patience=patience, identifies=True)

    async def serve(_app: Application, scope: Scope, receive: Receive, send: Send) -> None:
        await served(scope, receive, send)

    async def carry(request: Request, handler: Handler) -> Response:
        scope: Any = request.scope
        request.session = scope["session"]
        try:
            return await handler(request)
        except WebSocketDisconnectError:
            scope[_LEFT] = True
            raise
        except Exception as error:
            if isinstance(request, WebSocket) and not sessions.stores(failed=True):
                scope["session"].revert()  # BlackSheep closes the socket: that would pass for the end of a good one
            if isinstance(request, WebSocket) or _is_the_applications(app, error):
                raise
            scope[_FAILED] = error
            return Response(getattr(error, "status_hint", FAULT))  # `SessionMiddleware` answers in its place

    app.on_start += _look_around
    app.middlewares.append(carry, MiddlewareCategory.SESSION)
    if sessions.identified:
        app.middlewares.append(_admit, MiddlewareCategory.AUTH, sys.maxsize)  # when all others of these have run
    app.extend(type("Sessioned", (), {"__call__": serve}))


async def _look_around(app: Application) -> None:
    for each in app.middlewares:
        if isinstance(each, blacksheep.sessions.SessionMiddleware):
            layers.second(type(each))


async def _admit(request: Request, handler: Handler) -> Response:
    scope: Any = request.scope
    await identify(scope, _user_of(request))
    request.session = scope["session"]
    return await handler(request)


def _user_of(request: Request) -> str | None:
    """Whose a request is by `request.user`; None where it is nobody's."""
    user = request.user
    if user is None or not user.is_authenticated():
        return None
    who = user.sub or user.get("id")
    if not who:
        raise SettingError('identity=…: a user has neither the claim "sub" nor "id"; give one to what authenticates it')
    return str(who)


def _is_the_applications(app: Application, error: Exception) -> bool:
    """Whether an error is the application's own, or one that it has a handler for."""
    if not isinstance(error, SojournError) or error.status_hint == FAULT:
        return True
    return any(kind in app.exceptions_handlers for kind in type(error).__mro__)


class BlackSheepSession(Session):
    """A session, with what BlackSheep's own has beyond a mapping."""

    def set(self, name: str, value: Any) -> None:
        """As `session[name] = value`."""
        self[name] = value

    def to_dict(self) -> dict[str, Any]:
        """All attributes."""
        return dict(self)

    @property
    def modified(self) -> bool:
        """Whether it has changed."""
        return not self.pristine


def _telling(
    app: Callable[[Scope, Receive, Send], Awaitable[None]],
) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """`app`, raising what it is not to answer in the place of that answer."""

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        async def sending(message: Message) -> None:
            if _FAILED in scope:
                raise scope[_FAILED]
            if _LEFT not in scope:  # or the server would tell of a failure, when BlackSheep closes what is closed
                await send(message)

        await app(scope, receive, sending)

    return serve
