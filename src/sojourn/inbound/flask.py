"""Flask: `flask.session` is the session, once `site.session_interface = SessionInterface(sessions)`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any
from weakref import WeakSet

from flask import Flask, Request, Response, request, request_started, request_tearing_down
from flask.ctx import RequestContext
from flask.globals import request_ctx
from flask.sessions import NullSession, SessionMixin
from flask.sessions import SessionInterface as FlaskInterface

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.core.session import Session, Stage
from sojourn.errors import SessionError, SojournError, StoreError, StoreUnavailable
from sojourn.inbound.answers.headers import as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Bridge, Events, wait
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.wsgi import request_of

__all__ = ["USER", "MixinSession", "SessionInterface", "Unavailable", "assume_settings"]

USER = "_user_id"  # where Flask-Login, and Quart-Login, keep who is signed in

LONGEST = 400 * 24 * 3600  # seconds that browsers keep a cookie at most (RFC 6265bis §5.5)

_OPENED = "sojourn.opened"  # in `environ`: the context that opened the session, and the visit
_REFUSED = "sojourn.refused"


class MixinSession(SessionMixin, Session):
    """A session, with what Flask and its extensions expect of one."""

    visit: Visit | None = None
    """For the side that carries it."""
    _marked = False

    @property
    def new(self) -> bool:  # type: ignore[override]
        """Whether the visitor came without a session."""
        return self.is_new

    @property
    def modified(self) -> bool:
        """Whether it has changed. Nobody has to set it: a change within a value is found by itself."""
        return self._marked or not self.pristine

    @modified.setter
    def modified(self, modified: bool) -> None:
        self._marked = modified

    @property
    def accessed(self) -> bool:
        """Whether the application looked at it, or asked for it."""
        return self.looked

    @accessed.setter
    def accessed(self, accessed: bool) -> None:
        if accessed:
            self.mark_accessed()

    def keep(self, lifetime: timedelta, *, refreshed: bool) -> None:
        """Have browsers keep the cookies of a permanent session for `lifetime`.

        `refreshed`: for as long as they can, since each use puts off the end, and the server knows when that is.
        """
        try:
            permanent = self.looked and self.permanent
        except SessionError:  # it has ended, or is somebody else's
            return
        if permanent:
            self.keep_for = LONGEST if refreshed else int(lifetime.total_seconds())


class Unavailable(NullSession):
    """What an error handler gets in the place of a session that could not be had: empty, and not to be written to."""

    def _fail(self, *_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the store is away, so this request has no session; an error handler can only read one")

    __setitem__ = __delitem__ = clear = pop = popitem = update = setdefault = _fail


class SessionInterface(FlaskInterface):
    """Gives every request of a Flask application its session.

    What was done with it is stored when the answer has been made, before its first byte leaves; what a stream does
    later, in `stream_with_context`, when it is over. While the store is away a request that has a session is answered
    with 503, or by the application's own `errorhandler(StoreUnavailable)`.

    `SESSION_COOKIE_*` and `PERMANENT_SESSION_LIFETIME` count where they are not Flask's defaults and `Sessions` was
    given no `cookie` or `lifetime`.
    """

    null_session_class = Unavailable

    def __init__(self, sessions: Sessions, *, principal: str | None = USER) -> None:
        """`sessions`: of the application, or of several with the same settings.

        `principal`: as in `Sessions`, for where that says nothing: Flask-Login's name for it. None: only what is
        assigned counts.
        """
        self.sessions = sessions
        sessions.shape(MixinSession)
        if principal is not None:
            sessions.follow(principal)
        self._bridge = Bridge(sessions)
        self._joined = WeakSet[Flask]()
        self._joining = threading.Lock()

    def open_session(self, app: Flask, request: Request) -> MixinSession | None:
        """As Flask's."""
        if app not in self._joined:
            self._join(app)
        carried = request_of(request.environ, self.sessions)
        if self.sessions.rewriting is not None:  # the path has no id in it any more
            request.path = "/" + carried.path.lstrip("/")
            _context().url_adapter = app.create_url_adapter(request)
        try:
            visit = self._bridge.open(carried)
        except StoreError as error:
            request.environ[_REFUSED] = error  # raised where Flask's error handlers are asked
            return None
        session: MixinSession = visit.session  # type: ignore[assignment]
        session.visit = visit
        # A test client's `session_transaction` opens a second one, which ends with its `save_session`.
        request.environ.setdefault(_OPENED, (_context(), visit))
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """As Flask's."""
        visit: Visit = session.visit  # type: ignore[attr-defined]
        if visit.refused:
            return
        own = _own_visit() is visit
        events = None
        try:
            events = self._bridge.attend(visit, self._start(visit, app, response))
        except SojournError as error:
            if not (visit.refused and own):
                raise
            _replace(response, app.make_response(app.handle_user_exception(error)))
        finally:
            if not own:
                self._finish(visit, failed=False)
        if own and response.is_streamed and not response.direct_passthrough:
            del request.environ[_OPENED]  # some versions of Flask leave the context before the stream begins
            response.response = _Stream(response.response, events, partial(self._finish, visit))

    def _start(self, visit: Visit, app: Flask, response: Response) -> list[tuple[bytes, bytes]]:
        """Store what was done, and give the response its headers, which are returned."""
        session: MixinSession = visit.session  # type: ignore[assignment]
        headers = [(name.encode(), value.encode()) for name, value in response.headers]
        if visit.passes():
            headers = visit.passed(headers)
        else:
            session.modified = session.modified  # stays so when it is stored
            if self.sessions.cookie.max_age is None:
                session.keep(app.permanent_session_lifetime, refreshed=app.config["SESSION_REFRESH_EACH_REQUEST"])
            headers = self._bridge.start(visit, headers, status=response.status_code)
        response.headers.clear()
        response.headers.extend((name.decode(), value.decode()) for name, value in headers)
        return headers

    def _join(self, app: Flask) -> None:
        with self._joining:
            if app in self._joined:
                return
            assume_settings(self.sessions, app.config, Flask.default_config, app.permanent_session_lifetime)
            request_started.connect(self._refuse, app)
            request_tearing_down.connect(self._end, app)
            app.error_handler_spec[None][None].setdefault(SojournError, self._answer)
            self._joined.add(app)

    def _refuse(self, _app: Flask, **_: Any) -> None:
        """The first step of a request whose errors Flask hands to handlers."""
        error = request.environ.pop(_REFUSED, None)
        if error is not None:
            raise error

    def _answer(self, error: SojournError) -> Response:
        """The answer to what the application does not handle itself."""
        if error.status_hint == FAULT:
            raise error
        visit = _own_visit()
        if visit is not None:
            if not visit.over:
                wait(visit.finish(failed=True))
            visit.refused = True
        instead = refusal(error)
        return Response(instead.body, instead.status, as_text(instead.headers))

    def _end(self, _app: Flask, exc: BaseException | None = None, **_: Any) -> None:
        """The last step of a request, or of its stream."""
        context, visit = request.environ.get(_OPENED, (None, None))
        if visit is None or context is not _context():
            return  # a copy of the context is torn down (`copy_current_request_context`)
        del request.environ[_OPENED]
        self._finish(visit, failed=exc is not None)
        if "werkzeug.debug.preserve_context" in request.environ:
            visit.session.advance(Stage.STARTED)  # a test, or the debugger, may read it

    def _finish(self, visit: Visit, *, failed: bool) -> None:
        try:
            self._bridge.finish(visit, failed=failed)
        finally:
            # Or they would wait for the garbage collector: what keeps it holds the context that holds the session.
            visit.session.visit = None  # type: ignore[attr-defined]
            visit.session.kept_by(self.sessions.keeper)


class _Stream:
    """A body that is made while it is sent: its end is that of the request."""

    def __init__(self, body: Iterable[Any], events: Events | None, finish: Callable[..., None]) -> None:
        self._body = body
        self._events = events
        self._finish: Callable[..., None] | None = finish
        self._failed = False

    def __iter__(self) -> Iterator[Any]:
        events = self._events
        try:
            for part in self._body:
                if events is not None and not events.go_on():
                    break
                yield part
        except Exception as error:
            if events is None or not events.caused(error):
                self._failed = True
                raise
        self._end()

    def close(self) -> None:
        """The server has sent it, or given up (PEP 3333)."""
        try:
            if hasattr(self._body, "close"):
                self._body.close()
        finally:
            self._end()

    def _end(self) -> None:
        finish, self._finish = self._finish, None
        if finish is not None:
            if self._events is not None:
                self._events.leave()
            finish(failed=self._failed)


def assume_settings(
    sessions: Sessions, config: Mapping[str, Any], usual: Mapping[str, Any], lifetime: timedelta
) -> None:
    """Have the settings count that an application of Flask or Quart has made. `usual`: what they are otherwise.

    Raises `SettingError`.
    """
    path = config["SESSION_COOKIE_PATH"] or config["APPLICATION_ROOT"] or "/"
    domain = config["SESSION_COOKIE_DOMAIN"] or None
    own = "__Host-id" if path == "/" and domain is None else "__Secure-id"
    name = config["SESSION_COOKIE_NAME"]
    cookie = Cookie(
        name=own if name == usual["SESSION_COOKIE_NAME"] else name,
        http_only=config["SESSION_COOKIE_HTTPONLY"],
        same_site=config["SESSION_COOKIE_SAMESITE"] or "Lax",
        path=path,
        domain=domain.lstrip(".") if domain else None,  # RFC 6265bis §5.6.3
        partitioned=config.get("SESSION_COOKIE_PARTITIONED", False),
    )
    usually = usual["PERMANENT_SESSION_LIFETIME"]
    sessions.assume(cookie=cookie, lifetime=None if lifetime == usually else Lifetime(idle=lifetime))


def _context() -> RequestContext:
    # Flask's documentation names this method for what a proxy stands for.
    return request_ctx._get_current_object()  # type: ignore[attr-defined, no-any-return]  # noqa: SLF001


def _own_visit() -> Visit | None:
    """That of the session that the request under way opened itself."""
    return request.environ.get(_OPENED, (None, None))[1]  # type: ignore[no-any-return]


def _replace(response: Response, other: Response) -> None:
    """Make `response` the same answer as `other`."""
    if hasattr(response.response, "close"):
        response.call_on_close(response.response.close)
    response.status = other.status
    response.headers = other.headers
    response.direct_passthrough = other.direct_passthrough
    response.response = other.response
