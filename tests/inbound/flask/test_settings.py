"""Flask's settings count where the application made them, and gave Sojourn none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import flask
import pytest

from sojourn import Cookie, Lifetime, Sessions
from sojourn.errors import SettingError
from sojourn.inbound.flask import SessionInterface

Make = Callable[..., Sessions]


def site_with(sessions: Sessions, **config: Any) -> flask.Flask:
    site = flask.Flask("site")
    site.config.update(config)
    site.session_interface = SessionInterface(sessions)

    @site.get("/")
    def put() -> str:
        flask.session.permanent = bool(flask.request.args)
        return ""

    return site


def cookie_of(sessions: Sessions, **config: Any) -> str:
    """The first Set-Cookie line of a new session, without the id."""
    line = str(site_with(sessions, **config).test_client().get("/").headers["Set-Cookie"])
    name, _, rest = line.partition("=")
    return name + rest[43:]


GUARDED = "; Path=/; Secure; HttpOnly; SameSite=Lax"


@pytest.mark.parametrize(
    ("config", "cookie"),
    [
        ({}, f"__Host-id{GUARDED}"),
        ({"SESSION_COOKIE_NAME": "sid"}, f"sid{GUARDED}"),
        ({"SESSION_COOKIE_SECURE": True}, f"__Host-id{GUARDED}"),
        ({"SESSION_COOKIE_HTTPONLY": False}, "__Host-id; Path=/; Secure; SameSite=Lax"),
        ({"SESSION_COOKIE_SAMESITE": "Strict"}, "__Host-id; Path=/; Secure; HttpOnly; SameSite=Strict"),
        ({"SESSION_COOKIE_PARTITIONED": True}, f"__Host-id{GUARDED}; Partitioned"),
        ({"SESSION_COOKIE_PATH": "/app"}, "__Secure-id; Path=/app; Secure; HttpOnly; SameSite=Lax"),
        ({"APPLICATION_ROOT": "/app"}, "__Secure-id; Path=/app; Secure; HttpOnly; SameSite=Lax"),
        (
            {"SESSION_COOKIE_DOMAIN": ".example.com"},
            "__Secure-id; Path=/; Domain=example.com; Secure; HttpOnly; SameSite=Lax",
        ),
    ],
    ids=str,
)
def test_what_flask_is_told_of_the_cookie_counts(make: Make, config: dict[str, Any], cookie: str) -> None:
    assert cookie_of(make(), **config) == cookie


def test_a_cookie_that_is_given_counts_more(make: Make) -> None:
    config = {"SESSION_COOKIE_NAME": "sid", "SESSION_COOKIE_SAMESITE": "Strict", "SESSION_COOKIE_PATH": "/app"}
    assert cookie_of(make(cookie=Cookie.development()), **config) == "id; Path=/; HttpOnly; SameSite=Lax"


def test_what_no_browser_would_take_is_refused_with_the_first_request(make: Make) -> None:
    site = site_with(make(), SESSION_COOKIE_SAMESITE="invalid")
    site.testing = True
    with pytest.raises(SettingError, match="same_site='invalid'"):
        site.test_client().get("/")


@pytest.mark.parametrize(
    ("given", "told", "idle"),
    [(None, None, 1800), (None, timedelta(hours=2), 7200), (None, 600, 600), (Lifetime(idle=60), 600, 60)],
)
def test_how_long_a_session_lives_unused(make: Make, given: Lifetime | None, told: Any, idle: float) -> None:
    sessions = make(lifetime=given)
    site_with(sessions, **({} if told is None else {"PERMANENT_SESSION_LIFETIME": told})).test_client().get("/")
    assert sessions.lifetime.idle_seconds == idle


def ages(sessions: Sessions, url: str, **config: Any) -> list[str]:
    lines = site_with(sessions, **config).test_client().get(url).headers.getlist("Set-Cookie")
    return [part for line in lines for part in line.split("; ") if part.startswith("Max-Age")]


def test_browsers_keep_the_cookies_of_a_permanent_session(make: Make) -> None:
    assert ages(make(), "/?permanent") == ["Max-Age=34560000"] * 2
    assert ages(make(), "/") == []


def test_where_it_is_not_refreshed_they_keep_them_for_the_lifetime(make: Make) -> None:
    settings = {"SESSION_REFRESH_EACH_REQUEST": False, "PERMANENT_SESSION_LIFETIME": 600}
    assert ages(make(), "/?permanent", **settings) == ["Max-Age=600"] * 2


def test_an_age_that_is_given_counts_more(make: Make) -> None:
    assert ages(make(cookie=Cookie(max_age=60)), "/?permanent") == ["Max-Age=60"] * 2


def test_two_applications_of_one_sessions_have_the_same_settings(make: Make) -> None:
    sessions = make()
    for _ in range(2):
        site_with(sessions, SESSION_COOKIE_NAME="sid").test_client().get("/")
    other = site_with(sessions, SESSION_COOKIE_NAME="other")
    other.testing = True
    with pytest.raises(SettingError, match="two applications"):
        other.test_client().get("/")
