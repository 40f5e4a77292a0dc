"""Pyramid: `request.session` is the session, once `setup(config, sessions)` was called."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pyramid.config import Configurator
from pyramid.interfaces import ISession, ISessionFactory
from pyramid.registry import Registry
from pyramid.request import Request
from pyramid.response import Response
from zope.interface import implementer

from sojourn.core.session import Session
from sojourn.errors import SojournError
from sojourn.inbound.answers.headers import as_bytes, as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Bridge, Events
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.wsgi import is_whole, request_of

__all__ = ["PyramidSession", "session_factory", "setup", "tween"]

Handler = Callable[[Request], Response]

USER = "auth.userid"  # where `SessionAuthenticationHelper` keeps who is signed in

_VISIT = "sojourn.visit"  # in `environ`, so that a subrequest of a copied request goes on with it
_FLASH, _TOKEN = "_f_", "_csrft_"  # as Pyramid's own sessions name them


def setup(config: Configurator, sessions: Sessions, *, principal: str | None = USER) -> None:
    """Give every request of an application its session, in place of `config.set_session_factory(…)`.

    `principal`: as in `Sessions`, for where that says nothing: Pyramid's own name for it, of
    `SessionAuthenticationHelper`. None: only what is assigned counts.
    """
    config.set_session_factory(session_factory(sessions, principal=principal))
    config.add_tween(f"{__name__}.tween")


def session_factory(sessions: Sessions, *, principal: str | None = USER) -> Callable[[Request], PyramidSession]:
    """A session factory alone: it finds the session of a request, and stores it when the response has been made.

    Without the tween that `setup` adds, a session is opened when it is first looked at, which has to be before the body
    is made; and what it raises while the store is away is the application's to answer.
    """
    if principal is not None:
        sessions.follow(principal)
    return _Side(sessions)


@implementer(ISession)
class PyramidSession(Session):
    """A session, with what Pyramid and its add-ons expect of one."""

    _left = False

    @property
    def created(self) -> int:
        """When it was created, in seconds since the epoch."""
        return int(self.created_at)

    @property
    def new(self) -> bool:
        """Whether the visitor came without a session, or has left it."""
        return self._left or self.is_new

    def invalidate(self) -> None:
        """Leave everything behind, and end the id; what is put in afterwards gets a new one.

        Unlike after `end`, the session can be used.
        """
        self.principal = None
        self.clear()
        self._left = True

    def changed(self) -> None:
        """Nobody has to call it: a change within a value is found by itself."""

    def flash(self, msg: Any, queue: str = "", allow_duplicate: bool = True) -> None:  # noqa: FBT001, FBT002
        """Put a message into a queue. `allow_duplicate`: also when it is there already."""
        messages = self.setdefault(_FLASH + queue, [])
        if allow_duplicate or msg not in messages:
            messages.append(msg)

    def pop_flash(self, queue: str = "") -> list[Any]:
        """Take all messages out of a queue."""
        return self.pop(_FLASH + queue, [])  # type: ignore[no-any-return]

    def peek_flash(self, queue: str = "") -> list[Any]:
        """Look at the messages of a queue."""
        return self.get(_FLASH + queue, [])  # type: ignore[no-any-return]

    def new_csrf_token(self) -> str:
        """A new token, for Pyramid's default policy of storing them."""
        token = self[_TOKEN] = secrets.token_hex(20)
        return token

    def get_csrf_token(self) -> str:
        """The token; a new one where there is none."""
        return self[_TOKEN] if _TOKEN in self else self.new_csrf_token()

    def settle(self) -> None:
        """The request was answered: what was left, and is empty still, ends."""
        if self._left and not self.ended and not len(self):
            self.end()


class _Side:
    """What is done with each request: finds its session, and stores what was done with it."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        sessions.shape(PyramidSession)
        self._bridge = Bridge(sessions)

    def __call__(self, request: Request) -> PyramidSession:
        """The session of a request. Raises `StoreUnavailable`."""
        visit = request.environ.get(_VISIT)
        if visit is None:
            visit = request.environ[_VISIT] = self._bridge.open(request_of(request.environ, self.sessions))
            request.add_response_callback(self._wait)
            request.add_finished_callback(self._over)
        return visit.session  # type: ignore[no-any-return]

    def fail(self, request: Request) -> None:
        """What the request did is refused: nothing more is stored, nor told."""
        visit = request.environ.pop(_VISIT, None)
        if visit is not None:
            self._bridge.finish(visit, failed=True)

    def _wait(self, request: Request, _response: Response) -> None:
        request.add_response_callback(self._begin)  # after those of the application, which may use the session

    def _begin(self, request: Request, response: Response) -> None:
        visit: Visit | None = request.environ.get(_VISIT)
        if visit is None:
            return
        session: PyramidSession = visit.session  # type: ignore[assignment]
        session.settle()
        headers = as_bytes(response.headerlist)
        try:
            if visit.passes():
                headers = visit.passed(headers)
            else:
                headers = self._bridge.start(visit, headers, status=response.status_code)
        except SojournError as error:
            if not visit.refused:
                raise
            _replace(response, error)
            return
        response.headerlist = as_text(headers)
        if not is_whole(response.app_iter, request.environ):
            length = response.content_length  # is forgotten with the next line
            events = self._bridge.attend(visit, headers)
            response.app_iter = _Body(response.app_iter, self._bridge, request.environ.pop(_VISIT), events)
            response.content_length = length

    def _over(self, request: Request) -> None:
        visit = request.environ.pop(_VISIT, None)
        if visit is not None:
            self._bridge.finish(visit, failed=not visit.started)


def tween(handler: Handler, registry: Registry) -> Handler:
    """Opens the session of each request before it is routed, and answers what the application does not answer."""
    side: _Side = registry.getUtility(ISessionFactory)

    def serve(request: Request) -> Response:
        try:
            side(request)
            return handler(request)
        except SojournError as error:
            if error.status_hint == FAULT:
                raise
            side.fail(request)
            response = Response()
            _replace(response, error)
            return response

    return serve


class _Body:
    """A body that is made while it is sent."""

    def __init__(self, body: Iterable[bytes], bridge: Bridge, visit: Visit, events: Events | None) -> None:
        self._body = body
        self._events = events
        self._chunks = iter(body)
        self._bridge = bridge
        self._visit = visit
        self._failed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        events = self._events
        try:
            chunk = next(self._chunks)
            goes_on = events is None or events.go_on()
        except StopIteration:
            raise
        except BaseException as error:
            if events is not None and events.caused(error):
                raise StopIteration from None
            self._failed = True
            raise
        if not goes_on:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """The server has sent it, or given up (PEP 3333): what came meanwhile is stored."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            if self._events is not None:
                self._events.leave()
            self._bridge.finish(self._visit, failed=self._failed)


def _replace(response: Response, error: SojournError) -> None:
    """Make `response` a refusal."""
    close = getattr(response.app_iter, "close", None)
    if close is not None:
        close()
    instead = refusal(error)
    response.status_code = instead.status
    response.app_iter = [instead.body]
    response.headerlist = as_text(instead.headers)
