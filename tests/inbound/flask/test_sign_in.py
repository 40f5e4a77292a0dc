"""Who is signed in by what Flask-Login, or the application itself, puts into the session."""

from __future__ import annotations

from collections.abc import Callable

import flask
import pytest
from flask.testing import FlaskClient

from sojourn import Limit, Sessions
from sojourn.inbound.bridge import wait
from sojourn.inbound.flask import SessionInterface

Make = Callable[..., Sessions]


def site_with(sessions: Sessions, **settings: str | None) -> flask.Flask:
    site = flask.Flask("site")
    site.session_interface = SessionInterface(sessions, **settings)

    @site.get("/in/<user>")
    def sign_in(user: str) -> str:
        # As Flask-Login 0.6: `login_user`.
        flask.session["_user_id"] = user
        flask.session["_fresh"] = True
        flask.session["_id"] = "of the browser"
        flask.flash("welcome")
        return ""

    @site.get("/out")
    def sign_out() -> str:
        # … `logout_user`, of who was remembered
        for name in ("_user_id", "_fresh", "_id"):
            flask.session.pop(name, None)
        flask.session["_remember"] = "clear"
        flask.flash("bye")
        return ""

    @site.get("/add/<item>")
    def add(item: str) -> list[str]:
        flask.session.setdefault("cart", []).append(item)
        return flask.session["cart"]  # type: ignore[no-any-return]

    @site.get("/")
    def show() -> list[object]:
        session = flask.session
        return [session.principal, session.get("cart"), flask.get_flashed_messages()]  # type: ignore[attr-defined]

    return site


def held(visitor: FlaskClient) -> str:
    cookie = visitor.get_cookie("__Host-id", "localhost", "/")
    assert cookie is not None
    return cookie.value


@pytest.fixture
def visitor(make: Make) -> FlaskClient:
    return site_with(make(limit=Limit(per_principal=1))).test_client()


def test_who_signs_in_with_flask_login_gets_a_new_id_and_is_the_principal(visitor: FlaskClient) -> None:
    visitor.get("/add/pen")
    before = held(visitor)
    visitor.get("/in/7")
    assert held(visitor) != before
    assert visitor.get("/").json == ["7", ["pen"], ["welcome"]]
    planted = visitor.application.test_client()
    planted.set_cookie("__Host-id", before)
    assert planted.get("/").json == [None, None, []]


def test_who_signs_out_with_flask_login_leaves_nothing_but_the_last_word(visitor: FlaskClient) -> None:
    visitor.get("/in/7")
    visitor.get("/add/pen")
    visitor.get("/")
    before = held(visitor)
    visitor.get("/out")
    assert held(visitor) != before
    assert visitor.get("/").json == [None, None, ["bye"]]


def test_who_signs_in_after_another_has_all_that_flask_login_knows(visitor: FlaskClient) -> None:
    visitor.get("/in/7")
    visitor.get("/add/pen")
    visitor.get("/")
    visitor.get("/in/8")
    with visitor.session_transaction() as session:
        known = dict(session)
    assert known == {"_user_id": "8", "_fresh": True, "_id": "of the browser", "_flashes": [("message", "welcome")]}


def test_who_signs_in_with_flask_login_is_limited(visitor: FlaskClient) -> None:
    visitor.get("/in/7")
    assert visitor.application.test_client().get("/in/7").status_code == 429


def test_a_test_signs_in_by_a_transaction(visitor: FlaskClient) -> None:
    with visitor.session_transaction() as session:
        session["_user_id"] = "7"
    assert visitor.get("/").json == ["7", None, []]


@pytest.mark.parametrize(
    ("settings", "own", "principals"),
    [
        ({}, {"principal": "user"}, [None]),
        ({}, {"identity": lambda _: None}, [None]),
        ({"principal": None}, {}, [None]),
        ({"principal": "_id"}, {}, ["of the browser"]),
    ],
    ids=["sessions say something else", "requests tell it", "nothing is followed", "another name"],
)
def test_what_is_said_counts_in_place_of_flask_login(
    make: Make, settings: dict[str, str | None], own: dict[str, str], principals: list[str | None]
) -> None:
    sessions = make(**own)
    site_with(sessions, **settings).test_client().get("/in/7")
    assert [record.principal for record in wait(sessions.find())] == principals


def test_two_applications_may_share_sessions(make: Make) -> None:
    sessions = make()
    for number in (7, 8):
        site_with(sessions).test_client().get(f"/in/{number}")
    assert sorted(str(record.principal) for record in wait(sessions.find())) == ["7", "8"]
