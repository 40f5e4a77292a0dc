"""What is Pyramid's own: `ISession`, subrequests, callbacks, exception views and tweens."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest
from pyramid.authentication import SessionAuthenticationHelper
from pyramid.config import Configurator
from pyramid.csrf import get_csrf_token, new_csrf_token
from pyramid.interfaces import ISession
from pyramid.request import Request
from pyramid.response import FileResponse, Response
from tests.fixtures.watched import WatchedStore, fails
from tests.frameworks.serving import serve_wsgi
from zope.interface.verify import verifyObject

from sojourn import Session, Sessions
from sojourn.core.events import IdRenewed, SessionEnded
from sojourn.errors import StoreUnavailable
from sojourn.inbound.pyramid import session_factory, setup
from sojourn.store.memory import MemoryStore
from sojourn.testing.app.client import Visitor

View = Callable[[Request], Any]


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore(MemoryStore())


@pytest.fixture
def sessions(store: WatchedStore) -> Sessions:
    return Sessions(store)


def count(request: Request) -> int:
    request.session["n"] = request.session.get("n", 0) + 1
    return int(request.session["n"])


@contextmanager
def serving(
    sessions: Sessions, *, more: Callable[[Configurator], None] | None = None, **views: View
) -> Iterator[Visitor]:
    """A served application with a view for each path; what a view returns is sent as JSON."""
    with Configurator() as config:
        setup(config, sessions)
        for name, view in {"count": count, **views}.items():
            config.add_route(name, f"/{name}")
            config.add_view(view, route_name=name, renderer="json")
        if more is not None:
            more(config)
        app = config.make_wsgi_app()
    with serve_wsgi(app) as url:
        yield Visitor(url)


def test_it_is_a_session_of_pyramids(sessions: Sessions) -> None:
    def verify(request: Request) -> list[Any]:
        session = request.session
        return [verifyObject(ISession, session), isinstance(session, Session), session.new, session.created > 0]

    with serving(sessions, verify=verify) as visitor:
        assert visitor.ask("verify").value == [True] * 4


def test_messages_wait_in_their_queue_until_they_are_taken(sessions: Sessions) -> None:
    def flash(request: Request) -> None:
        session = request.session
        session.flash("saved")
        session.flash("saved", allow_duplicate=False)
        session.flash("saved")
        session.flash("late", "errors")

    def peek(request: Request) -> list[Any]:
        return [request.session.peek_flash(), request.session.peek_flash("errors"), request.session.peek_flash("none")]

    def pop(request: Request) -> list[Any]:
        return [request.session.pop_flash(), request.session.pop_flash()]

    with serving(sessions, flash=flash, peek=peek, pop=pop) as visitor:
        visitor.ask("flash")
        assert visitor.ask("peek").value == [["saved", "saved"], ["late"], []]
        assert visitor.ask("pop").value == [["saved", "saved"], []]
        assert visitor.ask("peek").value == [[], ["late"], []]


def test_pyramids_own_policy_keeps_its_token_in_the_session(sessions: Sessions) -> None:
    with serving(sessions, token=get_csrf_token, another=new_csrf_token) as visitor:
        token = visitor.ask("token").value
        assert visitor.ask("token").value == token
        another = visitor.ask("another").value
        assert another != token
        assert visitor.ask("token").value == another


def test_whom_pyramids_own_policy_remembers_is_the_principal_under_a_new_id(sessions: Sessions) -> None:
    policy = SessionAuthenticationHelper()

    def log_in(request: Request) -> None:
        policy.remember(request, request.params["user"])

    def log_out(request: Request) -> None:
        policy.forget(request)

    def show(request: Request) -> list[Any]:
        return [request.session.principal, policy.authenticated_userid(request), request.session.get("n")]

    with serving(sessions, log_in=log_in, log_out=log_out, show=show) as visitor:
        visitor.ask("count")
        planted = visitor.twin()
        visitor.ask("log_in", user="ann")
        assert visitor.ask("show").value == ["ann", "ann", 1]
        assert planted.ask("show").value == [None, None, None]
        visitor.ask("log_out")
        assert visitor.ask("show").value == [None, None, None]


def test_what_was_invalidated_can_be_used_and_gets_a_new_id(sessions: Sessions) -> None:
    told: list[IdRenewed] = []
    sessions.listen(told.append, IdRenewed)

    def start_over(request: Request) -> list[Any]:
        session = request.session
        session.invalidate()
        session["fresh"] = True
        return [dict(session), session.new, session.principal]

    def read(request: Request) -> dict[str, Any]:
        return dict(request.session)

    def log_in(request: Request) -> None:
        request.session.principal = "alice"

    with serving(sessions, start_over=start_over, read=read, log_in=log_in) as visitor:
        for steps in (["count"], ["count", "log_in"]):
            for step in steps:
                visitor.ask(step)
            before = visitor.twin()
            assert visitor.ask("start_over").value == [{"fresh": True}, True, None]
            assert before.jar["__Host-id"] != visitor.jar["__Host-id"]
            assert visitor.ask("read").value == {"fresh": True}
            assert before.ask("read").value == {}
            assert told[-1].principal is None


def test_what_was_invalidated_and_left_empty_ends(sessions: Sessions) -> None:
    told: list[SessionEnded] = []
    sessions.listen(told.append, SessionEnded)

    def leave(request: Request) -> None:
        request.session.invalidate()

    with serving(sessions, leave=leave) as visitor:
        assert visitor.ask("leave").cookies == {}
        visitor.ask("count")
        assert set(visitor.ask("leave").cookies.values()) == {""}
        assert (visitor.jar, len(told)) == ({}, 1)
        assert visitor.ask("count").value == 1


def test_what_callbacks_do_is_stored_with_the_response(sessions: Sessions) -> None:
    def view(request: Request) -> None:
        request.add_response_callback(lambda request, _response: count(request))

    with serving(sessions, view=view) as visitor:
        assert len(visitor.ask("view").cookies) == 2
        assert visitor.ask("count").value == 2


def test_a_file_keeps_its_length(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_bytes(b"a page")

    def file(request: Request) -> Response:
        count(request)
        return FileResponse(tmp_path / "page.txt", request)

    with serving(sessions, file=file) as visitor:
        answer = visitor.ask("file")
        assert (answer.body, answer.all("content-length"), len(answer.cookies)) == (b"a page", ["6"], 2)
        assert visitor.ask("file", method="HEAD").body == b""
        assert visitor.ask("count").value == 3
    assert sessions.active == 0


def test_a_file_that_the_server_sends_stays_one(sessions: Sessions, tmp_path: Path) -> None:
    (tmp_path / "page.txt").write_bytes(b"a page")
    bodies: list[object] = []

    def file(request: Request) -> Response:
        count(request)
        response = FileResponse(tmp_path / "page.txt", request)
        request.add_finished_callback(lambda _request: bodies.append(response.app_iter))
        return response

    with serving(sessions, file=file) as visitor:
        assert visitor.ask("file").body == b"a page"
    assert [type(body) for body in bodies] == [FileWrapper]  # of the server


def test_a_body_that_breaks_off_stores_what_was_done_before_it(sessions: Sessions) -> None:
    closed: list[bool] = []

    class Broken:
        def __init__(self, session: Session) -> None:
            self.session = session

        def __iter__(self) -> Iterator[bytes]:
            yield b"first"
            self.session["late"] = True
            raise ConnectionResetError

        def close(self) -> None:
            closed.append(True)

    def stream(request: Request) -> Response:
        count(request)
        return Response(app_iter=Broken(request.session))

    def read(request: Request) -> dict[str, Any]:
        return dict(request.session)

    with serving(sessions, stream=stream, read=read) as visitor:
        assert visitor.ask("stream").body == b"first"
        assert visitor.ask("read").value == {"n": 1}
    assert (closed, sessions.active) == ([True], 0)


def test_a_stream_that_is_refused_is_closed(sessions: Sessions, store: WatchedStore) -> None:
    closed: list[bool] = []

    def parts() -> Iterator[bytes]:
        yield b"never"

    class Parts:
        def __iter__(self) -> Iterator[bytes]:
            return parts()

        def close(self) -> None:
            closed.append(True)

    def stream(request: Request) -> Response:
        count(request)
        return Response(app_iter=Parts())

    store.before["save"] = fails
    with serving(sessions, stream=stream) as visitor:
        assert (visitor.ask("stream").status, closed) == (503, [True])


def test_an_exception_view_answers_with_the_session(sessions: Sessions) -> None:
    def fail(request: Request) -> None:
        count(request)
        raise LookupError

    def caught(_error: Exception, request: Request) -> Response:
        request.session.flash("gone")
        return Response(status=404)

    with serving(sessions, fail=fail, more=lambda config: config.add_exception_view(caught, LookupError)) as visitor:
        assert visitor.ask("fail").status == 404
        assert visitor.ask("count").value == 2


def test_an_exception_view_can_answer_what_would_be_refused(sessions: Sessions) -> None:
    def refuse(_request: Request) -> None:
        raise StoreUnavailable("the shop is closed")

    def caught(_error: Exception, _request: Request) -> Response:
        return Response("later", status=418)

    with serving(sessions, refuse=refuse) as visitor:
        assert visitor.ask("refuse").status == 503
    with serving(
        sessions, refuse=refuse, more=lambda config: config.add_exception_view(caught, StoreUnavailable)
    ) as visitor:
        assert visitor.ask("refuse").status == 418


def test_a_transaction_that_fails_takes_the_changes_of_the_session_along(sessions: Sessions) -> None:
    def transaction(handler: View, _registry: Any) -> View:
        def serve(request: Request) -> Any:
            handler(request)
            raise OSError("the database did not commit")

        return serve

    transactions.append(transaction)

    def more(config: Configurator) -> None:
        config.add_tween(f"{__name__}.begin_transaction")

    with serving(sessions, more=more) as visitor:
        assert (visitor.ask("count").status, visitor.jar) == (500, {})


transactions: list[Any] = []


def begin_transaction(handler: View, registry: Any) -> View:
    return transactions.pop()(handler, registry)  # type: ignore[no-any-return]


def test_a_subrequest_has_a_session_of_its_own_unless_it_is_a_copy(sessions: Sessions) -> None:
    def outer(request: Request) -> list[Any]:
        counted = [count(request)]
        counted += [
            request.invoke_subrequest(Request.blank("/count"), use_tweens=tweens).json for tweens in (False, True)
        ]
        inner = request.copy()
        inner.path_info = "/count"
        counted += [request.invoke_subrequest(inner, use_tweens=tweens).json for tweens in (False, True)]
        return counted

    with serving(sessions, outer=outer) as visitor:
        assert visitor.ask("outer").value == [1, 1, 1, 2, 3]
        assert visitor.ask("count").value == 4
    assert sessions.active == 0


def test_the_factory_alone_does_for_applications_that_answer_failures_themselves(
    sessions: Sessions, store: WatchedStore
) -> None:
    with Configurator() as config:
        config.set_session_factory(session_factory(sessions))
        config.add_route("count", "/count")
        config.add_view(count, route_name="count", renderer="json")
        app = config.make_wsgi_app()
    with serve_wsgi(app) as url:
        visitor = Visitor(url)
        assert [visitor.ask("count").value for _ in range(2)] == [1, 2]
        store.before["load"] = fails
        assert visitor.ask("count").status == 500
    assert sessions.active == 0
