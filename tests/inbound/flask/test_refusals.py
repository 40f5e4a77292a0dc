"""While the store is away Flask's own error handling says what visitors get."""

from __future__ import annotations

import flask
import pytest
from flask.testing import FlaskClient

from sojourn import Sessions
from sojourn.errors import Contradiction, SojournError, StoreUnavailable
from sojourn.testing.app.away import AwayStore


def test_without_a_handler_it_is_503_and_no_traceback(
    site: flask.Flask, visitor: FlaskClient, store: AwayStore, caplog: pytest.LogCaptureFixture
) -> None:
    visitor.get("/count")
    for question in ("load", "save"):
        with store.away(question):
            answer = visitor.get("/count")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert "Set-Cookie" not in answer.headers
    assert [record for record in caplog.records if record.exc_info] == []
    assert visitor.get("/count").text == "2"


def test_a_handler_of_the_application_is_asked(site: flask.Flask, visitor: FlaskClient, store: AwayStore) -> None:
    @site.errorhandler(StoreUnavailable)
    def away(_: StoreUnavailable) -> tuple[str, int]:
        return flask.render_template_string("Hello {{ session.get('name', 'you') }}, come again"), 503

    visitor.get("/count")
    for question in ("load", "save"):
        with store.away(question):
            answer = visitor.get("/count")
        assert (answer.status_code, answer.text) == (503, "Hello you, come again")
        assert "Set-Cookie" not in answer.headers
    assert visitor.get("/count").text == "2"


def test_a_handler_for_all_errors_of_ours_stays(site: flask.Flask, visitor: FlaskClient, store: AwayStore) -> None:
    @site.errorhandler(SojournError)
    def any_of_them(error: SojournError) -> tuple[str, int]:
        return type(error).__name__, error.status_hint

    visitor.get("/count")
    with store.away("save"):
        answer = visitor.get("/count")
    assert (answer.status_code, answer.text) == (503, "StoreUnavailable")


def test_what_a_view_does_not_handle_is_503_too(site: flask.Flask, visitor: FlaskClient, store: AwayStore) -> None:
    @site.get("/saved")
    def saved() -> str:
        flask.session["n"] = 7
        flask.session.save()  # type: ignore[attr-defined]
        return ""

    visitor.get("/count")
    with store.away("save"):
        assert visitor.get("/saved").status_code == 503
    assert visitor.get("/count").text == "2"


def test_nothing_of_the_application_takes_the_visitor_for_a_stranger(
    site: flask.Flask, visitor: FlaskClient, store: AwayStore
) -> None:
    @site.before_request
    def guard() -> flask.typing.ResponseReturnValue | None:
        return None if "n" in flask.session else flask.redirect("/login")

    with visitor.session_transaction() as session:
        session["n"] = 1
    with store.away("load"):
        assert visitor.get("/count").status_code == 503


def test_a_handler_cannot_write_to_what_is_not_there(site: flask.Flask, visitor: FlaskClient, store: AwayStore) -> None:
    @site.errorhandler(StoreUnavailable)
    def away(_: StoreUnavailable) -> str:
        with pytest.raises(StoreUnavailable, match="only read"):
            flask.session["n"] = 1
        return "told"

    visitor.get("/count")
    with store.away("load"):
        assert visitor.get("/count").text == "told"


def test_a_visitor_without_a_session_does_not_notice(site: flask.Flask, store: AwayStore) -> None:
    with store.away("load", "save"):
        assert site.test_client().get("/nothing").status_code == 200


def test_a_contradiction_is_handled_alike(site: flask.Flask, visitor: FlaskClient) -> None:
    @site.errorhandler(Contradiction)
    def contradicted(_: Contradiction) -> tuple[str, int]:
        return "changed elsewhere", 409

    @site.get("/contradict")
    def contradict() -> str:
        raise Contradiction(["n"])

    visitor.get("/count")
    assert visitor.get("/contradict").text == "changed elsewhere"


def test_no_session_stays_open(site: flask.Flask, visitor: FlaskClient, store: AwayStore, sessions: Sessions) -> None:
    visitor.get("/count")
    for question in ("load", "save"):
        with store.away(question):
            visitor.get("/count")
    assert sessions.active == 0
