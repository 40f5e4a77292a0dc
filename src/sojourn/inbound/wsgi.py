"""WSGI: sessions for any WSGI application, in `environ["sojourn.session"]`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from http import HTTPStatus
from typing import Any

from sojourn.core.session import Stage
from sojourn.errors import SojournError, StoreError
from sojourn.inbound.answers.headers import as_bytes, as_text
from sojourn.inbound.answers.refusals import FAULT, refusal
from sojourn.inbound.answers.visit import Visit
from sojourn.inbound.bridge import Bridge
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.request import RequestDefaults
from sojourn.inbound.tracking.rewriting import Parameters, Rewriting

__all__ = ["SESSION", "EnvironRequest", "SessionMiddleware", "request_of"]

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
        answer = _Answer(self._bridge, visit, start_response)
        try:
            body = self.app(environ, answer.start_response)
            whole = isinstance(body, list | tuple) or visit.session.stage is Stage.SKIPPED
            return answer.sent(body, whole=whole)
        except BaseException as error:
            answer.finish(failed=True)
            if answer.begun or not isinstance(error, SojournError) or error.status_hint == FAULT:
                raise
            return _refuse(error, start_response)  # the application leaves it to us


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
    """The answer to one request. It starts with its first byte: until then the application may change its mind."""

    begun = False
    """Whether the server was told to start."""
    _status = ""
    _headers: list[tuple[str, str]]
    _write: Callable[[bytes], object]

    def __init__(self, bridge: Bridge, visit: Visit, start_response: StartResponse) -> None:
        self._bridge = bridge
        self._visit = visit
        self._start_response = start_response

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Callable[[bytes], object]:
        """As the server's (PEP 3333), but that it waits for the first byte."""
        if exc_info is not None and self.begun:
            self._start_response(status, headers, exc_info)  # raises it
        self._status, self._headers = status, headers
        return self._write_now

    def sent(self, body: Iterable[bytes], *, whole: bool) -> Iterable[bytes]:
        """What the server is to send. `whole`: the application has done all that it will."""
        if not whole:
            return _Stream(self, body)
        try:
            self.begin()
        except SojournError as error:
            if not self._visit.refused:
                raise
            body = self.refuse(error)
        self.finish(failed=False)
        return body

    def first(self, chunks: Iterator[bytes]) -> bytes | None:
        """The first bytes that the server is to send, now that it can start; None when there are none."""
        try:
            chunk = next(chunks, None)
            while chunk == b"":  # no byte yet
                chunk = next(chunks, None)
            self.begin()
        except SojournError as error:
            if self.begun or error.status_hint == FAULT:
                raise
            self._visit.refused = True
            return b"".join(self.refuse(error))
        return chunk

    def begin(self) -> None:
        """Have the server start, once the session is stored. Raises what `Visit.start` raises."""
        if self.begun or not self._status:
            return
        visit, headers = self._visit, self._headers
        if not visit.passes():
            headers = as_text(self._bridge.start(visit, as_bytes(headers), status=int(self._status[:3])))
        elif visit.session.looked or visit.session.track is not None:
            headers = as_text(visit.passed(as_bytes(headers)))
        self.begun = True
        self._write = self._start_response(self._status, headers)

    @property
    def refused(self) -> bool:
        """Whether a refusal has taken its place."""
        return self._visit.refused

    def refuse(self, error: SojournError) -> list[bytes]:
        """Have the server start with a refusal, and return what it says."""
        self.begun = True
        return _refuse(error, self._start_response)

    def finish(self, *, failed: bool) -> None:
        """The answer is over."""
        self._bridge.finish(self._visit, failed=failed)

    def _write_now(self, data: bytes) -> None:
        self.begin()
        self._write(data)


class _Stream:
    """A body that is made while it is sent."""

    def __init__(self, answer: _Answer, body: Iterable[bytes]) -> None:
        self._answer = answer
        self._body = body
        self._chunks = iter(body)
        self._failed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._answer.refused:
            raise StopIteration
        try:
            chunk = next(self._chunks, None) if self._answer.begun else self._answer.first(self._chunks)
        except BaseException:
            self._failed = True
            raise
        if chunk is None:
            raise StopIteration
        return chunk

    def close(self) -> None:
        """The server has sent it, or given up (PEP 3333): what came meanwhile is stored."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        except BaseException:
            self._failed = True
            raise
        finally:
            self._answer.finish(failed=self._failed)


def _refuse(error: SojournError, start_response: StartResponse) -> list[bytes]:
    instead = refusal(error)
    start_response(f"{instead.status} {HTTPStatus(instead.status).phrase}", as_text(instead.headers))
    return [instead.body]


def _text(path: str) -> str:
    """What the bytes of a path spell (PEP 3333: they come as text of latin-1)."""
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "surrogateescape")
