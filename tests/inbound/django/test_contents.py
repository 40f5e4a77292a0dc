"""What is kept, and until when: the same with Django's own middleware and with ours."""

from __future__ import annotations

import collections
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import TextChoices
from django.test import Client, override_settings
from django.utils import timezone
from django.utils.functional import lazystr
from tests.inbound.django.conftest import Ask

from sojourn import Lifetime, Sessions
from sojourn.core import events
from sojourn.inbound.bridge import wait
from sojourn.inbound.django import SessionStore, get_sessions
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("middleware")

WEEKS = 14 * 24 * 3600


class Size(TextChoices):
    SMALL = "s", "small"


class Basket(dict[str, int]):
    """As applications make them."""


def puts(**attributes: Any) -> Any:
    return lambda request: request.session.update(attributes)


def data(client: Client, ask: Ask) -> Any:
    return ask(client, lambda request: dict(request.session)).json()["value"]


def test_a_change_deep_within_is_kept_though_nobody_says_so(client: Client, ask: Ask) -> None:
    ask(client, puts(cart={"items": ["pen"]}))
    ask(client, lambda request: request.session["cart"]["items"].append("ink"))
    assert data(client, ask) == {"cart": {"items": ["pen", "ink"]}}


def test_two_requests_at_once_lose_nothing_of_each_other(client: Client, ask: Ask) -> None:
    def meanwhile(request: Any) -> None:
        request.session["a"] = 2
        ask(twin, puts(b=2))

    ask(client, puts(a=1, b=1))
    twin = Client()
    twin.cookies["sessionid"] = client.cookies["sessionid"].value
    ask(client, meanwhile)
    assert data(client, ask) == {"a": 2, "b": 2}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (collections.OrderedDict(a=[1, None]), {"a": [1, None]}),
        (collections.defaultdict(list, a=["x"]), {"a": ["x"]}),
        ({"deep": [Basket(pen=1)]}, {"deep": [{"pen": 1}]}),
        (Size.SMALL, "s"),
        ({"text": "Grüße ☃", "number": 1.5}, {"text": "Grüße ☃", "number": 1.5}),
    ],
)
def test_what_djangos_serializer_keeps_is_kept_as_it_would(client: Client, ask: Ask, value: Any, kept: Any) -> None:
    assert ask(client, puts(a=value, b=value)).status_code == 200
    assert data(client, ask) == {"a": kept, "b": kept}


@pytest.mark.parametrize("value", [object(), "\ud800", {"x": lazystr("lazy")}])
def test_what_neither_can_keep_is_an_error_and_leaves_the_session_whole(client: Client, ask: Ask, value: Any) -> None:
    ask(client, puts(a=1))
    assert ask(client, puts(a=2, b=value)).status_code == 500
    assert data(client, ask) == {"a": 1}


def test_an_id_that_was_never_given_out_is_not_adopted(client: Client, ask: Ask) -> None:
    client.cookies["sessionid"] = "A" * 43
    ask(client, puts(a=1))
    assert client.cookies["sessionid"].value not in ("", "A" * 43)


def test_a_request_does_not_bring_back_a_session_that_ended_meanwhile(
    client: Client, ask: Ask, sessions: Sessions, middleware: str
) -> None:
    def meanwhile(request: Any) -> None:
        request.session["a"] = 2
        SessionStore(client.cookies["sessionid"].value).delete()

    ask(client, puts(a=1))
    answer = ask(client, meanwhile)
    assert (answer.status_code, dict(answer.cookies)) == (200 if middleware == "ours" else 400, {})
    assert wait(sessions.find()) == []


def test_a_late_request_takes_nothing_from_who_has_just_signed_in(client: Client, ask: Ask) -> None:
    ask(client, puts(a=1))
    late = Client()
    late.cookies["sessionid"] = client.cookies["sessionid"].value
    ask(client, lambda request: setattr(request.session, "principal", "alice"))
    assert dict(ask(late, lambda request: request.session.get("a")).cookies) == {}
    assert dict(ask(late, puts(a=2)).cookies) == {}
    assert data(client, ask) == {"a": 1}


def test_a_cookie_is_kept_for_as_long_as_the_settings_say(client: Client, ask: Ask) -> None:
    assert ask(client, puts(a=1)).cookies["sessionid"]["max-age"] in (WEEKS, str(WEEKS))
    with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=True):
        assert ask(Client(), puts(a=1)).cookies["sessionid"]["max-age"] == ""


@pytest.mark.parametrize(("expiry", "age"), [(0, ""), (60, 60), (timedelta(days=60), 60 * 24 * 3600), (None, WEEKS)])
def test_a_cookie_is_kept_for_as_long_as_the_session_says(client: Client, ask: Ask, expiry: Any, age: Any) -> None:
    ask(client, puts(a=1))
    answer = ask(client, lambda request: request.session.set_expiry(expiry) or request.session.update({"a": 2}))
    assert int(answer.cookies["sessionid"]["max-age"] or 0) == pytest.approx(age or 0, abs=1)


def test_what_is_changed_tells_the_cookie_again_and_what_is_read_does_not(client: Client, ask: Ask) -> None:
    key = ask(client, puts(a=1)).cookies["sessionid"].value
    assert dict(ask(client, lambda request: request.session["a"]).cookies) == {}
    assert ask(client, puts(a=2)).cookies["sessionid"].value == key
    assert ask(client, lambda request: setattr(request.session, "modified", True)).cookies["sessionid"].value == key
    with override_settings(SESSION_SAVE_EVERY_REQUEST=True):
        assert ask(client, lambda _: None).cookies["sessionid"].value == key


def _with(clock: FakeClock, **options: Any) -> Any:
    return override_settings(SOJOURN={"clock": clock, **options})


def test_a_session_lives_as_long_as_the_settings_say(client: Client, ask: Ask) -> None:
    clock = FakeClock()
    with _with(clock):
        ask(client, puts(a=1))
        clock.advance(seconds=WEEKS - 1)
        assert data(client, ask) == {"a": 1}
        wait(get_sessions().flush())
        clock.advance(seconds=WEEKS + 61)
        assert data(client, ask) == {}


@pytest.mark.parametrize("expiry", [60, 8 * WEEKS])
def test_a_session_lives_as_long_as_it_says_itself(client: Client, ask: Ask, expiry: int) -> None:
    clock = FakeClock()
    with _with(clock):
        ask(client, puts(a=1))
        ask(client, lambda request: request.session.set_expiry(expiry))
        clock.advance(seconds=expiry - 1)
        assert data(client, ask)["a"] == 1
        wait(get_sessions().flush())
        clock.advance(seconds=expiry + 61)
        assert data(client, ask) == {}


def test_a_session_that_ends_at_a_time_is_over_then(client: Client, ask: Ask) -> None:
    ask(client, puts(a=1))
    ask(client, lambda request: request.session.set_expiry(timezone.now() + timedelta(days=1)))
    assert data(client, ask)["a"] == 1
    ask(client, lambda request: request.session.set_expiry(timezone.now() - timedelta(seconds=1)))
    assert data(client, ask) == {}


def test_the_absolute_limit_holds_whatever_the_session_says(client: Client, ask: Ask) -> None:
    clock = FakeClock()
    with _with(clock, lifetime=Lifetime(absolute=3600)):
        ask(client, lambda request: request.session.set_expiry(8 * WEEKS))
        clock.advance(seconds=3599)
        assert "_session_expiry" in data(client, ask)
        clock.advance(seconds=1)
        assert data(client, ask) == {}


def test_expired_sessions_are_cleared_and_told(client: Client, ask: Ask) -> None:
    clock, ended = FakeClock(), list[events.SessionEnded]()
    with _with(clock):
        get_sessions().listen(ended.append, events.SessionEnded)
        ask(client, puts(a=1))
        clock.advance(seconds=WEEKS + 200)
        call_command("clearsessions")
    assert [(event.reason, event.attributes()) for event in ended] == [("idle", {"a": 1})]


def test_the_cookie_is_that_of_the_settings(client: Client, ask: Ask) -> None:
    settings = {
        "SESSION_COOKIE_NAME": "__Host-shop",
        "SESSION_COOKIE_SECURE": True,
        "SESSION_COOKIE_HTTPONLY": False,
        "SESSION_COOKIE_SAMESITE": "Strict",
    }
    with override_settings(**settings):
        cookie = ask(client, puts(a=1)).cookies["__Host-shop"]
        assert (cookie["secure"], cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "", "Strict", "/")
        assert data(client, ask) == {"a": 1}
