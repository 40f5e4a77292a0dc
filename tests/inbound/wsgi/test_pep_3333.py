"""The middleware as PEP 3333 has it, between a server and an application that go to the limits of what it allows."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.handlers import SimpleHandler
from wsgiref.util import FileWrapper, setup_testing_defaults
from wsgiref.validate import validator

import pytest

from sojourn import Session, Sessions
from sojourn.core.record import Record
from sojourn.errors import Occupied, OutsideRequest, StoreUnavailable
from sojourn.inbound.bridge import wait
from sojourn.inbound.wsgi import SESSION, SessionMiddleware
from sojourn.store.around import Around
from sojourn.store.memory import MemoryStore

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]

OK = ("200 OK", [("Content-Type", "text/plain")])
ERROR = (ZeroDivisionError, ZeroDivisionError("sorry"), None)


class Shaky(Around):
    """A store that may be away."""

    away = False

    async def save(self, record: Record, *, over: Record | None) -> None:
        if self.away:
            raise StoreUnavailable("the store is away")
        await super().save(record, over=over)


@pytest.fixture
def store() -> Shaky:
    return Shaky(MemoryStore())


@pytest.fixture
def sessions(store: Shaky) -> Iterator[Sessions]:
    sessions = Sessions(store, skip=["/static/"])
    yield sessions
    wait(sessions.close())


class Visitor:
    """Asks applications by way of the standard library's server."""

    def __init__(self, sessions: Sessions) -> None:
        self.sessions = sessions
        self.jar: dict[str, str] = {}
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.body = b""
        self.log = ""

    def ask(self, app: Application, path: str = "/", method: str = "GET", around: Any = lambda app: app) -> Visitor:
        environ: dict[str, Any] = {"SCRIPT_NAME": "", "PATH_INFO": path, "REQUEST_METHOD": method, "QUERY_STRING": ""}
        setup_testing_defaults(environ)
        if self.jar:
            environ["HTTP_COOKIE"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        out, log = io.BytesIO(), io.StringIO()
        handler = SimpleHandler(io.BytesIO(), out, log, environ)
        handler.run(around(SessionMiddleware(app, self.sessions)))
        head, _, self.body = out.getvalue().partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        self.status, self.log = first.partition(" ")[2], log.getvalue()
        pairs = (line.partition(": ") for line in lines)
        self.headers = [(name.lower(), value) for name, _, value in pairs]
        for name, value in self.headers:
            if name == "set-cookie":
                cookie, _, secret = value.partition(";")[0].partition("=")
                self.jar[cookie] = secret
        return self

    @property
    def held(self) -> dict[str, Any]:
        """What the session holds by now."""
        seen: dict[str, Any] = {}

        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            seen.update(environ[SESSION])
            start_response(*OK)
            return [b""]

        Visitor.ask(self, app)
        return seen


@pytest.fixture
def visitor(sessions: Sessions) -> Visitor:
    return Visitor(sessions)


def ignored(*_: Any) -> Callable[[bytes], object]:
    """A `start_response` of a server that sends nothing anywhere."""
    return len


def noting(told: list[Any]) -> Callable[..., Callable[[bytes], object]]:
    """A `start_response` that notes what it is told."""

    def start_response(*given: Any) -> Callable[[bytes], object]:
        told.append(given)
        return len

    return start_response


class Body(list[bytes]):
    """A body that wants to be closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def listed(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ[SESSION]["early"] = 1
    start_response(*OK)
    return [b"first", b"last"]


def generated(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    environ[SESSION]["early"] = 1
    start_response(*OK)
    yield b"first"
    environ[SESSION]["late"] = 1
    yield b"last"


def written(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    environ[SESSION]["early"] = 1
    write = start_response(*OK)
    write(b"first")
    environ[SESSION]["late"] = 1
    write(b"la")
    return [b"st"]


def empty(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
    environ[SESSION]["early"] = 1
    start_response("204 No Content", [])
    return iter(())


@pytest.mark.parametrize("app", [listed, generated, written, empty])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
def test_both_sides_find_nothing_to_complain_about(visitor: Visitor, app: Application, method: str) -> None:
    for _ in range(2):
        visitor.ask(validator(app), method=method, around=validator)
        assert (visitor.status[:3], visitor.log) == ("204" if app is empty else "200", "")
    assert visitor.body == (b"" if app is empty else b"firstlast")
    assert visitor.held == ({"early": 1} if app in (listed, empty) else {"early": 1, "late": 1})


@pytest.mark.parametrize("app", [listed, generated, written, empty])
def test_what_was_done_before_the_first_byte_is_stored_before_it(
    visitor: Visitor, app: Application, store: Shaky
) -> None:
    store.away = True
    visitor.ask(validator(app), around=validator)
    assert (visitor.status, visitor.body) == ("503 Service Unavailable", b"Please try again soon.")
    assert (visitor.jar, visitor.log) == ({}, "")


def test_the_application_may_start_with_its_first_part(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ[SESSION]["a"] = 1
        yield from ()
        start_response(*OK)
        yield b"body"

    assert visitor.ask(app).body == b"body"
    assert visitor.held == {"a": 1}


def test_a_part_without_a_byte_is_handed_on_and_not_waited_out(visitor: Visitor) -> None:
    asked: list[str] = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(*OK)
        for part in (b"", b"", b"body"):
            asked.append("part")
            yield part

    started: list[Any] = []
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = iter(SessionMiddleware(app, visitor.sessions)(environ, noting(started)))
    assert (next(body), asked, len(started)) == (b"", ["part"], 1)
    assert [*body] == [b"", b"body"]


def test_until_the_first_byte_the_application_may_change_its_mind(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[SESSION]["a"] = 1
        start_response(*OK)
        start_response("500 Sorry", OK[1], ERROR)
        return [b"sorry"]

    visitor.ask(validator(app), around=validator)
    assert (visitor.status, visitor.body, visitor.jar) == ("500 Sorry", b"sorry", {})


def test_who_changes_his_mind_before_a_byte_was_sent_keeps_the_cookies(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ[SESSION].principal = "alice"
        start_response("200 OK", [("X-Old", "1")])
        yield b""
        start_response("500 Sorry", [("X-New", "1")], ERROR)
        yield b"sorry"

    replaced: list[Any] = []
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body = SessionMiddleware(app, visitor.sessions)(environ, noting(replaced))
    assert [*body] == [b"", b"sorry"]
    (_, first), (status, second, _) = replaced
    assert status == "500 Sorry"
    assert [header for header in first if header[0] != "X-Old"] == [header for header in second if header[0] != "X-New"]
    assert [name for name, _ in second].count("set-cookie") == 2
    body.close()  # type: ignore[attr-defined]


def test_after_the_first_byte_the_error_is_raised_and_the_change_is_dropped(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        session: Session = environ[SESSION]
        session["early"] = 1
        start_response(*OK)
        yield b"first"
        session["late"] = 1
        try:
            int("x")
        except ValueError:
            start_response("500 Sorry", [], sys.exc_info())

    visitor.ask(app)
    assert (visitor.status, visitor.body) == ("200 OK", b"first")
    assert "ValueError" in visitor.log
    assert visitor.held == {"early": 1}


def test_an_answer_starts_once(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response(*OK)
        start_response(*OK)
        return [b"body"]

    visitor.ask(app)
    assert visitor.status.startswith("500")
    assert "twice" in visitor.log


@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("away", [True, False])
def test_a_body_is_closed_once_whatever_becomes_of_it(
    visitor: Visitor, store: Shaky, *, whole: bool, away: bool
) -> None:
    body = Body([b"body"])

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"body"])

        def close(self) -> None:
            body.close()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[SESSION]["a"] = 1
        start_response(*OK)
        return body if whole else Parts()

    store.away = away
    visitor.ask(app)
    assert (visitor.status[:3], body.closed) == ("503" if away else "200", 1)


@pytest.mark.parametrize("whole", [True, False])
def test_a_body_of_what_cannot_be_kept_is_closed(visitor: Visitor, *, whole: bool) -> None:
    body = Body([b"body"])

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"body"])

        def close(self) -> None:
            body.close()

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ[SESSION]["a"] = object()
        start_response(*OK)
        return body if whole else Parts()

    visitor.ask(app)
    assert (visitor.status[:3], body.closed) == ("500", 1)
    assert "NotStorable" in visitor.log


def test_a_file_is_handed_to_the_server_as_it_is(visitor: Visitor) -> None:
    file = io.BytesIO(b"a file")

    def app(environ: dict[str, Any], start_response: Any) -> Any:
        environ[SESSION]["a"] = 1
        start_response(*OK)
        return environ["wsgi.file_wrapper"](file)

    environ: dict[str, Any] = {"wsgi.file_wrapper": FileWrapper}
    setup_testing_defaults(environ)
    body = SessionMiddleware(app, visitor.sessions)(environ, ignored)
    assert isinstance(body, FileWrapper)
    assert visitor.ask(app).body == b"a file"
    assert file.closed
    assert visitor.held == {"a": 1}


def test_a_path_without_sessions_is_none_of_ours(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        with pytest.raises(OutsideRequest):
            len(environ[SESSION])
        start_response(*OK)
        yield b"body"

    environ: dict[str, Any] = {"PATH_INFO": "/static/x"}
    setup_testing_defaults(environ)

    assert [*SessionMiddleware(app, visitor.sessions)(environ, ignored)] == [b"body"]
    visitor.ask(validator(app), "/static/x", around=validator)
    assert (visitor.status, visitor.body, visitor.log) == ("200 OK", b"body", "")


@pytest.mark.parametrize("streams", [True, False])
def test_a_refusal_that_the_application_leaves_to_us_keeps_its_end(visitor: Visitor, *, streams: bool) -> None:
    visitor.ask(listed)

    def parts(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ[SESSION].end()
        start_response(*OK)
        raise Occupied("others have it")
        yield b""

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = parts(environ, start_response)
        return body if streams else [*body]

    visitor.ask(app, around=validator)
    assert (visitor.status[:3], visitor.body) == ("503", b"Please try again soon.")
    assert wait(visitor.sessions.find()) == []


def test_who_leaves_in_the_middle_has_what_was_done_until_then_stored(visitor: Visitor) -> None:
    visitor.ask(listed)
    environ: dict[str, Any] = {"HTTP_COOKIE": "; ".join(f"{name}={value}" for name, value in visitor.jar.items())}
    setup_testing_defaults(environ)

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response(*OK)
        yield b"first"
        environ[SESSION]["late"] = 1
        yield b"second"
        environ[SESSION]["never"] = 1

    body: Any = SessionMiddleware(app, visitor.sessions)(environ, ignored)
    assert [next(body), next(body)] == [b"first", b"second"]
    body.close()
    assert visitor.held == {"early": 1, "late": 1}


def test_a_body_that_nobody_asks_for_is_over_when_it_is_closed(visitor: Visitor) -> None:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    body: Any = SessionMiddleware(generated, visitor.sessions)(environ, ignored)
    body.close()
    with pytest.raises(OutsideRequest):
        len(environ[SESSION])
    assert wait(visitor.sessions.find()) == []


def test_an_error_in_the_middle_leaves_what_was_stored_when_it_began(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        environ[SESSION]["early"] = 1
        start_response(*OK)
        yield b"first"
        environ[SESSION]["late"] = 1
        raise ZeroDivisionError

    visitor.ask(app)
    assert "ZeroDivisionError" in visitor.log
    assert visitor.held == {"early": 1}


def test_what_an_application_writes_by_hand_is_answered_for_by_it_when_it_cannot_be_stored(
    visitor: Visitor, store: Shaky
) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[SESSION]["a"] = 1
        write = start_response(*OK)
        try:
            write(b"first")
        except StoreUnavailable as error:
            start_response("500 Sorry", OK[1], (type(error), error, error.__traceback__))
        return [b"sorry"]

    store.away = True
    assert (visitor.ask(app).status, visitor.body) == ("500 Sorry", b"sorry")
    store.away = False
    assert (visitor.held, visitor.jar) == ({}, {})


def test_headers_beyond_ascii_stay_as_they_are(visitor: Visitor) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        environ[SESSION]["a"] = 1
        start_response("200 OK", [("Content-Type", "text/plain"), ("X-Name", "Gr\u00fc\u00dfe")])
        return [b""]

    assert ("x-name", "Gr\u00fc\u00dfe") in visitor.ask(validator(app), around=validator).headers
