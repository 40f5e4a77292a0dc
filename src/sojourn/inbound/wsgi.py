"""WSGI: sessions for any WSGI application, in `environ["sojourn.session"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from sojourn.core.session import Stage
from sojourn.errors import SojournError, StoreError
from sojourn.inbound.answers import layers
from sojourn.inbound.answers.headers import as_bytes, as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Bridge, Events
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.request import RequestDefaults
from sojourn.inbound.tracking.rewriting import Parameters, Rewriting

__all__ = ["SESSION", "EnvironRequest", "SessionMiddleware", "is_whole", "request_of"]

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]

_TARGETS = ("REQUEST_URI", "RAW_URI")  # the target as it came, where a server tells it

SESSION = "sojourn.session"
"""Where the session is in `environ`."""


class SessionMiddleware:
    """Gives every request to `app` its session, as `environ["sojourn.session"]`.

    What the application did with it is stored before the first byte of the response leaves; what it does later, while
    it streams, is stored when the response is over. Put it outside of everything that uses the session.
    """

    def __init__(self, app: Application, sessions: Sessions) -> None:
        """`app`: any WSGI application. `sessions`: shared with whoever else needs it."""
        self.app = app
        self.sessions = sessions
        self._bridge = Bridge(sessions)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        try:
            visit = self._bridge.open(request_of(environ, self.sessions))
        except StoreError as error:
            return _refuse(error, start_response)
        environ[SESSION] = visit.session
        if visit.session.stage is Stage.SKIPPED:
            return self.app(environ, start_response)
        answer, body = _Answer(self._bridge, visit, start_response), None
        try:
            body = self.app(environ, answer.start_response)
            if "beaker.session" in environ:
                layers.beside(environ["beaker.session"])
            if not is_whole(body, environ):
                return _Stream(answer, body)
            answer.begin()
            answer.finish()
        except BaseException as error:  # noqa: BLE001 - it is raised again, unless we answer in its place
            try:
                return answer.fail(error)
            finally:
                _close(body)
                answer.finish()
        return body


class EnvironRequest(RequestDefaults):
    """A request, as far as sessions look at it."""

    __slots__ = ("_environ", "cookies")

    def __init__(self, environ: Environ) -> None:
        """`environ`: of the request."""
        self._environ = environ
        header = environ.get("HTTP_COOKIE")
        self.cookies = [header.encode("latin-1")] if header else []  # PEP 3333: bytes, as text of latin-1

    @property
    def method(self) -> str:
        """As `Request`."""
        return self._environ["REQUEST_METHOD"]  # type: ignore[no-any-return]

    @property
    def path(self) -> str:
        """As `Request`."""
        return _text(self._environ.get("PATH_INFO") or "/")

    def header(self, name: bytes) -> list[bytes]:
        """As `Request`."""
        value = self._environ.get("HTTP_" + name.decode().upper().replace("-", "_"))
        return [] if value is None else [value.encode("latin-1")]

    @property
    def user(self) -> str | None:
        """As `Request`."""
        return self._environ.get("REMOTE_USER") or None

    @property
    def scheme(self) -> str:
        """As `Request`."""
        return self._environ["wsgi.url_scheme"]  # type: ignore[no-any-return]

    @property
    def mount(self) -> str:
        """As `Request`."""
        return _text(self._environ.get("SCRIPT_NAME", ""))

    @property
    def peer(self) -> str | None:
        """As `Request`."""
        return self._environ.get("REMOTE_ADDR") or None


class _RewrittenRequest(EnvironRequest):
    """One whose path held parameters of ours, or may have."""

    __slots__ = ("parameters",)

    def __init__(self, environ: Environ, rewriting: Rewriting) -> None:
        """Take them out: of what the application routes by, and of what a server logs of this `environ`."""
        super().__init__(environ)
        self.parameters: Parameters
        environ["PATH_INFO"], self.parameters = rewriting.take_out(environ.get("PATH_INFO", ""))
        for name in _TARGETS if self.parameters else ():
            if name in environ:
                environ[name] = rewriting.scrub(environ[name])


def request_of(environ: Environ, sessions: Sessions) -> EnvironRequest:
    """The request as `sessions` look at it. Where ids travel in URLs, `environ` has none afterwards."""
    rewriting = sessions.rewriting
    return EnvironRequest(environ) if rewriting is None else _RewrittenRequest(environ, rewriting)


class _Answer:
    """The answer to one request. It starts with its first part: until then the application may change its mind."""

    refused = False
    """Whether a refusal has taken its place."""
    _begun = False  # the server was told to start
    _over = False
    _failed = False
    _lasts = False  # its body is made while it is sent
    _events: Events | None = None
    _status = ""
    _headers: list[tuple[str, str]]
    _sent: list[tuple[str, str]]
    _write: Callable[[bytes], object]

    def __init__(self, bridge: Bridge, visit: Visit, start_response: StartResponse) -> None:
        self._bridge = bridge
        self._visit = visit
        self._start_response = start_response

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """As the server's (PEP 3333), but that it waits for the first part of the body."""
        if exc_info is None and self._status:
            raise AssertionError(
                "start_response was called twice; give exc_info to replace what it was told (PEP 3333)"
            )
        if self._begun:  # the server raises the error, unless it has sent no byte yet
            ours = [header for header in self._sent if header not in self._headers]
            self._write = self._start_response(status, [*headers, *ours], exc_info)
        self._status, self._headers = status, headers
        return self._write_now

    def begin(self) -> None:
        """Have the server start, once the session is stored. Raises what `Visit.start` raises."""
        if self._begun or not self._status:
            return
        visit, headers = self._visit, self._headers
        if not visit.passes():
            headers = as_text(self._bridge.start(visit, as_bytes(headers), status=int(self._status[:3])))
        elif visit.session.looked or visit.session.track is not None:
            headers = as_text(visit.passed(as_bytes(headers)))
        self._begun, self._sent = True, headers
        self._write = self._start_response(self._status, headers)

    def go_on(self) -> bool:
        """Have it begin, if it has not; whether a part may be sent that is there now."""
        if not self._begun:
            self.begin()
        if self._begun and not self._lasts:
            self._lasts, self._events = True, self._bridge.attend(self._visit, as_bytes(self._sent))
        return self._events is None or self._events.go_on()

    def fail(self, error: BaseException) -> list[bytes]:
        """What the visitor is told in the application's place. Raises `error` where that is for the server to tell."""
        self._failed = True
        if self._events is not None and self._events.caused(error):
            return []  # it was told that the stream is over, as when a visitor leaves
        if self._begun or not isinstance(error, SojournError) or error.status_hint == FAULT:
            raise error
        self.finish()
        self.refused = True
        return _refuse(error, self._start_response)

    def finish(self) -> None:
        """The answer is over."""
        if not self._over:
            self._over = True
            if self._events is not None:
                self._events.leave()
            self._bridge.finish(self._visit, failed=self._failed)

    def _write_now(self, data: bytes) -> None:
        self.begin()
        self._write(data)


class _Stream:
    """A body that is made while it is sent."""

    def __init__(self, answer: _Answer, body: Iterable[bytes]) -> None:
        self._answer = answer
        self._body = body
        self._parts = iter(body)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._answer.refused:
            raise StopIteration
        try:
            part = next(self._parts, None)
            goes_on = self._answer.go_on()
        except BaseException as error:  # noqa: BLE001 - it is raised again, unless we answer in its place
            return b"".join(self._answer.fail(error))
        if part is None or not goes_on:
            raise StopIteration
        return part

    def close(self) -> None:
        """The server has sent it, or given up (PEP 3333): what came meanwhile is stored."""
        try:
            _close(self._body)
        except BaseException as error:  # noqa: BLE001 - as above
            self._answer.fail(error)
        finally:
            self._answer.finish()


def is_whole(body: Iterable[bytes], environ: Environ) -> bool:
    """Whether the application has done all that it will: what is in memory is sent, or a file is, by the server."""
    if isinstance(body, list | tuple):
        return True
    file_wrapper = environ.get("wsgi.file_wrapper")
    return isinstance(file_wrapper, type) and isinstance(body, file_wrapper)


def _close(body: Any) -> None:
    close = getattr(body, "close", None)
    if close is not None:
        close()


def _refuse(error: SojournError, start_response: StartResponse) -> list[bytes]:
    instead = refusal(error)
    start_response(f"{instead.status} {HTTPStatus(instead.status).phrase}", as_text(instead.headers))
    return [instead.body]


def _text(path: str) -> str:
    """What the bytes of a path spell (PEP 3333: they come as text of latin-1)."""
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "surrogateescape")
