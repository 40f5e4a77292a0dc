"""Litestar: `request.session` and `socket.session` are the session, with the plugin `SessionConfig(sessions)`."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NoReturn
from uuid import UUID

import litestar.middleware.session
from litestar import Litestar
from litestar.config.app import AppConfig
from litestar.exceptions import WebSocketDisconnect
from litestar.middleware.authentication import AbstractAuthenticationMiddleware
from litestar.middleware.base import DefineMiddleware
from litestar.middleware.session.base import BaseBackendConfig, BaseSessionBackend
from litestar.plugins import InitPlugin
from litestar.types import ASGIApp, Empty
from litestar.utils.scope.state import ScopeState

from sojourn import errors
from sojourn.core.session import Session
from sojourn.errors import SettingError, SojournError
from sojourn.inbound.answers import layers
from sojourn.inbound.answers.refusals import FAULT
from sojourn.inbound.asgi import SessionMiddleware, identify
from sojourn.inbound.sessions import Sessions

__all__ = ["SessionConfig"]

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

_FAILED = "sojourn.failed"  # in `scope`: that the handler of a WebSocket raised
_OURS = "sojourn.session"  # in `scope`: the session
_LEFT = "sojourn.left"  # in `scope`: that the visitor has closed the socket
_STARTS = ("http.response.start", "websocket.accept")


class SessionConfig(InitPlugin, BaseBackendConfig[Any]):
    """Gives every request and WebSocket that has a route its session: `Litestar(plugins=[SessionConfig(sessions)])`.

    Opens `sessions` when the application starts, and closes them when it stops. Also what `SessionAuth` wants as
    `session_backend_config`.
    """

    exclude_opt_key = "skip_session"

    def __init__(
        self, sessions: Sessions, *, exclude: str | list[str] | None = None, patience: float = math.inf
    ) -> None:
        """`sessions`: shared with whoever else needs it.

        `exclude`: patterns of paths without a session; `skip` of `Sessions` takes beginnings. `patience`: seconds for
        which the start may be put off while the store is away.
        """
        self.sessions = sessions
        self.key = sessions.cookie.name
        self.exclude = exclude
        self.config = self  # Litestar's middleware asks a backend for it
        self._patience = patience

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        """As Litestar's plugins."""
        app_config.middleware.insert(0, self.middleware)
        if self.sessions.identified:
            admitting: Any = _Admission
            app_config.middleware.append(admitting)  # within what authenticates
        handlers = app_config.exception_handlers
        # What the application does not answer is answered outside of it, and nothing is stored.
        app_config.exception_handlers = {
            **handlers,
            **{kind: _raise for kind in _refused() if not _handled(kind, handlers)},
        }
        app_config.after_exception.append(_note)
        app_config.on_startup.insert(0, self._start)
        app_config.on_shutdown.append(self.sessions.close)
        return app_config

    @property
    def middleware(self) -> DefineMiddleware:
        """As Litestar's configs of session backends."""
        layer: Any = _Layer  # its types are not Litestar's own, which are the same
        return DefineMiddleware(layer, backend=self)

    def _backend_class(self, config: SessionConfig) -> SessionConfig:  # type: ignore[override]
        return config  # for `SessionAuth`, which hands it on to the middleware

    async def _start(self, app: Litestar) -> None:
        _look_around(app)
        await self.sessions.start(patience=self._patience)
        handler: Any = app.asgi_handler
        if self.sessions.rewriting is not None and not isinstance(handler, SessionMiddleware):
            # Before the application routes by the URL; once, however often it is started.
            app.asgi_handler = SessionMiddleware(handler, self.sessions, identifies=True)  # type: ignore[assignment]


def _look_around(app: Litestar) -> None:
    """Tell of other layers that keep sessions, and of what authenticates too late for `identity`."""
    for route in app.routes:
        handlers: Any = getattr(route, "route_handlers", None) or [route.route_handler]  # type: ignore[union-attr]
        for handler in handlers:
            stack = [*reversed(handler.resolve_middleware())]
            for theirs in filter(None, map(_second_of, stack)):
                layers.second(theirs)
            within = stack[stack.index(_Admission) :] if _Admission in stack else []
            for kind in [getattr(each, "middleware", each) for each in within]:
                if isinstance(kind, type) and issubclass(kind, AbstractAuthenticationMiddleware):
                    layers.too_late(kind)


def _second_of(layer: Any) -> type | None:
    """What keeps sessions in that layer, if it does, and is not ours."""
    backend = getattr(getattr(layer, "kwargs", {}).get("config"), "session_backend_config", None)  # of `SessionAuth`
    if backend is not None:
        return None if isinstance(backend, SessionConfig) else type(backend)
    kind = getattr(layer, "middleware", layer)
    theirs = isinstance(kind, type) and issubclass(kind, litestar.middleware.session.SessionMiddleware)
    return kind if theirs and kind is not _Layer else None


class _Layer(litestar.middleware.session.SessionMiddleware[Any]):
    """The middleware, around an application that may put something else in the place of the session."""

    def __init__(self, app: ASGIApp, backend: SessionConfig) -> None:
        super().__init__(app, backend)
        self._app: Any = app
        self._sessions = backend.sessions
        self._outer = SessionMiddleware(self._serve, backend.sessions, identifies=True)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection, unless another layer has given it its session."""
        if isinstance(scope.get("session"), Session):
            await self._serve(scope, receive, send)
            return
        await self._outer(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        _begin(scope)

        async def sending(message: Message) -> None:
            if message["type"] in _STARTS:
                _settle(scope)
            if _LEFT not in scope:  # or the server would tell of a failure, when Litestar closes what is closed
                await send(message)

        try:
            await self._app(scope, receive, sending)
        finally:
            _settle(scope)
        if _FAILED in scope and not self._sessions.stores(failed=True):
            scope["session"].revert()


class _Admission:
    """The middleware that knows whose a connection is, since another has authenticated it."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        await identify(scope, _user_of(scope))
        _begin(scope)
        await self._app(scope, receive, send)


def _user_of(scope: Scope) -> str | None:
    """Whose a connection is by `scope["auth"]`, where that is a token, or by `scope["user"]`; None: nobody's."""
    user, subject = scope.get("user"), getattr(scope.get("auth"), "sub", None)
    if user is None and subject is None:
        return None
    who = next(
        (each for each in (subject, user, getattr(user, "id", None)) if isinstance(each, str | int | UUID)), None
    )
    if who is None:
        raise SettingError(f"identity=…: a {type(user).__name__} tells nobody apart; give it an id, or the token a sub")
    return str(who)


async def _note(error: Exception, scope: Any) -> None:
    """Remember what Litestar catches: it closes the socket, and that would pass for the end of a good one."""
    if scope["type"] == "websocket":
        scope[_LEFT if isinstance(error, WebSocketDisconnect) else _FAILED] = True


def _id_of(session: Session) -> str:
    """The id that it has, or gets when it is stored; to look at that is no use of it."""
    return (session.given if session.given and session.record is not None else session.next_id()).secret


def _begin(scope: Scope) -> None:
    """Have `request.get_session_id()` tell the id, and know the session by whatever is put in its place."""
    session = scope[_OURS] = scope["session"]
    ScopeState.from_scope(scope).session_id = _id_of(session)  # type: ignore[arg-type]


def _settle(scope: Scope) -> None:
    """Do with the session what `request.set_session(…)` and `request.clear_session()` did with `scope`."""
    instead, session = scope["session"], scope[_OURS]
    scope["session"] = session
    if instead is session:
        return
    if instead is Empty or instead is None:
        session.end()
        return
    if not isinstance(instead, Mapping):
        instead = BaseSessionBackend.deserialize_data(BaseSessionBackend.serialize_data(instead, scope))  # type: ignore[arg-type]
    session.clear()
    session.update(instead)


def _refused() -> list[type[SojournError]]:
    """The kinds of errors that are no fault of the application's; of a family of them, its head."""
    kinds = [getattr(errors, name) for name in errors.__all__]
    return [kind for kind in kinds if kind.status_hint != FAULT and kind.__base__.status_hint == FAULT]


def _handled(kind: type[SojournError], handlers: Mapping[Any, Any]) -> bool:
    return any(each in handlers for each in kind.__mro__ if issubclass(each, SojournError))


def _raise(_request: Any, error: Exception) -> NoReturn:
    raise error
