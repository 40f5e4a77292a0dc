"""What is Flask's own: its session object, contexts, streams, signals and test client."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from flask.testing import FlaskClient
from markupsafe import Markup

from sojourn import Session, Sessions
from sojourn.errors import NotStorable, OutsideRequest
from sojourn.inbound import bridge
from sojourn.inbound.flask import MixinSession, SessionInterface

Make = Callable[..., Sessions]


def test_the_session_is_ours_and_flasks(site: flask.Flask, visitor: FlaskClient) -> None:
    seen: list[Any] = []

    @site.get("/look")
    def look() -> str:
        session: Any = flask.session
        found = session._get_current_object()
        seen.extend([isinstance(found, Session), isinstance(found, flask.sessions.SessionMixin)])
        before = session.new, session.modified, session.permanent
        session["cart"] = ["pen"]
        seen.append((before, session.new, session.modified, session.accessed))
        session.principal = "alice"
        return ""

    visitor.get("/look")
    assert seen == [True, True, ((True, False, False), True, True, True)]


def test_a_change_within_a_value_is_kept_and_nobody_says_so(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/add/<item>")
    def add(item: str) -> dict[str, Any]:
        flask.session.setdefault("cart", []).append(item)
        return {"cart": flask.session["cart"], "modified": flask.session.modified}

    visitor.get("/add/pen")
    assert visitor.get("/add/ink").json == {"cart": ["pen", "ink"], "modified": True}
    assert visitor.get("/add/ink").json == {"cart": ["pen", "ink", "ink"], "modified": True}


def test_to_say_that_it_was_modified_does_no_harm(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/say")
    def say() -> str:
        flask.session.modified = True
        return str(flask.session.modified)

    visitor.get("/count")
    answer = visitor.get("/say")
    assert (answer.text, answer.headers.getlist("Set-Cookie")) == ("True", [])


def test_what_is_flashed_is_shown_once_and_stays_html(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/flash")
    def flash() -> str:
        flask.flash(Markup("<b>saved</b>"), "info")
        return ""

    @site.get("/show")
    def show() -> str:
        return flask.render_template_string("{% for each in get_flashed_messages() %}{{ each }}{% endfor %}")

    visitor.get("/flash")
    assert [visitor.get("/show").text for _ in range(2)] == ["<b>saved</b>", ""]


def test_what_after_request_does_is_stored_too(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.after_request
    def note(response: flask.Response) -> flask.Response:
        flask.session["last"] = flask.request.path
        return response

    visitor.get("/nothing")
    with visitor.session_transaction() as session:
        assert dict(session) == {"last": "/nothing"}


def test_it_is_stored_when_flask_says_that_the_request_is_finished(
    site: flask.Flask, visitor: FlaskClient, sessions: Sessions
) -> None:
    stored: list[int] = []

    def finished(_: flask.Flask, response: flask.Response) -> None:
        stored.append(len(bridge.wait(sessions.find())))
        assert "Set-Cookie" in response.headers

    with flask.request_finished.connected_to(finished, site):
        visitor.get("/count")
    assert stored == [1]


def test_blueprints_and_application_contexts_within_a_request_change_nothing(
    site: flask.Flask, visitor: FlaskClient
) -> None:
    part = flask.Blueprint("part", "part", url_prefix="/part")

    @part.get("/count")
    def count() -> str:
        with site.app_context():
            flask.session["n"] = flask.session.get("n", 0) + 1
        with site.test_request_context("/other"):
            assert "n" not in flask.session
        return str(flask.session["n"])

    site.register_blueprint(part)
    assert [visitor.get("/part/count").text for _ in range(2)] == ["1", "2"]


def test_an_async_view_has_it(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/async")
    async def wait() -> str:
        session: Any = flask.session
        session["n"] = session.get("n", 0) + 1
        session.save()
        return str(session.version)

    assert [visitor.get("/async").text for _ in range(2)] == ["1", "2"]


def test_a_copied_context_that_is_over_first_takes_nothing_away(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/threads")
    def threads() -> str:
        @flask.copy_current_request_context
        def work() -> None:
            flask.session["n"] = flask.session.get("n", 0) + 1

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        flask.session["here"] = True
        return str(flask.session["n"])

    visitor.get("/count")
    assert visitor.get("/threads").text == "2"
    with visitor.session_transaction() as session:
        assert dict(session) == {"n": 2, "here": True}


def test_a_session_that_outlives_its_request_says_so(site: flask.Flask, visitor: FlaskClient) -> None:
    kept: list[Any] = []

    @site.get("/keep")
    def keep() -> str:
        session: Any = flask.session
        kept.append(session._get_current_object())
        return ""

    visitor.get("/keep")
    with pytest.raises(OutsideRequest):
        kept[0].get("n")
    with pytest.raises(RuntimeError, match="outside of request context"):
        flask.session.get("n")


def test_an_error_of_the_application_drops_its_changes(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/fail")
    def fail() -> str:
        flask.session["n"] = 100
        raise ZeroDivisionError

    visitor.get("/count")
    assert visitor.get("/fail").status_code == 500
    site.testing = True
    with pytest.raises(ZeroDivisionError):
        visitor.get("/fail")
    assert visitor.get("/count").text == "2"


def test_what_cannot_be_stored_is_an_error_of_the_application(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/odd")
    def odd() -> str:
        flask.session["odd"] = object()
        return ""

    assert visitor.get("/odd").status_code == 500
    site.testing = True
    with pytest.raises(NotStorable):
        visitor.get("/odd")


def test_it_is_found_where_it_was_put_in_while_developing(site: flask.Flask, visitor: FlaskClient, make: Make) -> None:
    site.session_interface = SessionInterface(make(check="error"))
    raised: list[Exception] = []

    @site.get("/odd")
    def odd() -> str:
        try:
            flask.session["odd"] = object()
        except NotStorable as error:
            raised.append(error)
        return str(flask.session.permanent)

    assert visitor.get("/odd").text == "False"
    assert len(raised) == 1


# --- streams


def streaming(site: flask.Flask, sessions: Sessions, parts: Any) -> None:
    @site.get("/stream")
    def stream() -> flask.Response:
        len(flask.session)
        return flask.Response(flask.stream_with_context(parts()))


def test_the_session_is_open_until_the_stream_is_over(
    site: flask.Flask, visitor: FlaskClient, sessions: Sessions
) -> None:
    def parts() -> Iterator[str]:
        yield "a"
        flask.session["late"] = True
        yield str(sessions.active)

    streaming(site, sessions, parts)
    visitor.get("/count")
    assert visitor.get("/stream").data == b"a1"
    assert sessions.active == 0
    with visitor.session_transaction() as session:
        assert session["late"] is True


def test_a_stream_that_fails_drops_what_it_did(site: flask.Flask, visitor: FlaskClient, sessions: Sessions) -> None:
    def parts() -> Iterator[str]:
        yield "a"
        flask.session["late"] = True
        raise ZeroDivisionError

    streaming(site, sessions, parts)
    visitor.get("/count")
    answer = visitor.get("/stream")
    with pytest.raises(ZeroDivisionError):
        answer.get_data()
    answer.close()
    assert sessions.active == 0
    with visitor.session_transaction() as session:
        assert "late" not in session


def test_a_visitor_who_leaves_a_stream_keeps_what_it_did(
    site: flask.Flask, visitor: FlaskClient, sessions: Sessions
) -> None:
    closed: list[bool] = []

    def parts() -> Iterator[str]:
        try:
            flask.session["late"] = True
            yield "a"
            yield "b"
        finally:
            closed.append(True)

    streaming(site, sessions, parts)
    visitor.get("/count")
    answer = visitor.get("/stream")
    assert next(answer.iter_encoded()) == b"a"
    answer.close()
    assert (closed, sessions.active) == ([True], 0)
    with visitor.session_transaction() as session:
        assert session["late"] is True


def test_a_file_is_sent_as_flask_sends_it(
    site: flask.Flask, visitor: FlaskClient, sessions: Sessions, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"data")

    @site.get("/file")
    def file() -> flask.Response:
        flask.session["got"] = True
        return flask.send_file(tmp_path / "file", mimetype="text/plain")

    with visitor.get("/file") as answer:
        assert (answer.data, "Set-Cookie" in answer.headers) == (b"data", True)
    assert sessions.active == 0


# --- the test client


def test_a_test_reads_what_its_request_left(site: flask.Flask, visitor: FlaskClient, sessions: Sessions) -> None:
    with visitor:
        visitor.get("/count")
        assert flask.session["n"] == 1
        assert flask.session.modified
        visitor.get("/count")
        assert flask.session["n"] == 2
    assert sessions.active == 0


def test_a_test_writes_what_a_request_finds(visitor: FlaskClient, sessions: Sessions) -> None:
    with visitor.session_transaction() as session:
        session["n"] = 5
    with visitor.session_transaction() as session:
        assert session["n"] == 5
        session["n"] += 1
    assert visitor.get("/count").text == "7"
    assert sessions.active == 0


def test_a_test_signs_somebody_in(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.get("/who")
    def who() -> str:
        session: Any = flask.session
        return str(session.principal)

    with visitor.session_transaction() as session:
        assert isinstance(session, MixinSession)
        session.principal = "alice"
    assert visitor.get("/who").text == "alice"


def test_paths_without_sessions_are_left_alone(site: flask.Flask, visitor: FlaskClient, make: Make) -> None:
    site.session_interface = SessionInterface(make(skip=["/nothing"]))
    visitor.get("/count")
    answer = visitor.get("/nothing")
    assert (answer.status_code, "Vary" in answer.headers) == (200, False)


def test_ids_may_travel_in_urls(site: flask.Flask, make: Make) -> None:
    site.session_interface = SessionInterface(make(tracking=["cookie", "url"]))

    @site.get("/link")
    def link() -> str:
        session: Any = flask.session
        session["n"] = 1
        return str(session.encode_url("/count?a=b"))

    url = site.test_client().get("/link").text
    assert (url.startswith("/count;"), url.endswith("?a=b")) == (True, True)
    visitor = site.test_client(use_cookies=False)
    assert [visitor.get(url).text for _ in range(2)] == ["2", "3"]
