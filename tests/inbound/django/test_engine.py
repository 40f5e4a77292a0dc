"""The engine alone, as commands, tests and other middleware use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.sessions.backends.base import CreateError, UpdateError
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils import timezone

from sojourn import Cookie, Lifetime, Sessions
from sojourn.errors import SessionEnded
from sojourn.inbound.bridge import wait
from sojourn.inbound.django import SessionMiddleware, SessionStore, get_sessions


def stored(**attributes: object) -> SessionStore:
    session = SessionStore()
    session.update(attributes)
    session.save()
    return session


def again(session: SessionStore) -> SessionStore:
    return SessionStore(session.session_key)


@contextmanager
def time_passes(*, seconds: float) -> Iterator[None]:
    """For Django alone: to the store, the session lives."""
    late = timezone.now() + timedelta(seconds=seconds)
    with mock.patch.object(timezone, "now", return_value=late):
        yield


def test_nothing_is_asked_of_the_store_before_the_session_is_used() -> None:
    with override_settings(SOJOURN_STORE="postgresql://192.0.2.1/away"):
        session = SessionStore("A" * 43)
        assert (session.session_key, session.modified, session.is_empty()) == ("A" * 43, False, False)


def test_a_new_session_is_stored_when_it_is_told_to_be() -> None:
    session = stored(a=1)
    assert dict(again(session)) == {"a": 1}
    assert stored().exists(session.session_key)


def test_a_session_is_created_once() -> None:
    session = stored(a=1)
    with pytest.raises(CreateError):
        session.save(must_create=True)


def test_a_session_that_is_created_anew_leaves_the_other_as_it_was() -> None:
    session = stored(a=1)
    before = session.session_key
    session.create()
    assert before not in (None, session.session_key)
    assert [dict(SessionStore(key)) for key in (before, session.session_key)] == [{"a": 1}, {"a": 1}]


def test_what_changed_before_a_new_key_is_stored_with_the_rest() -> None:
    session = stored(a=1)
    session["a"] = 2
    session.cycle_key()
    assert again(session)["a"] == 1
    session.save()
    assert again(session)["a"] == 2


def test_what_was_deleted_is_not_saved_again() -> None:
    session = stored(a=1)
    session.delete()
    with pytest.raises(UpdateError):
        session.save()
    session.flush()
    session.save()
    assert dict(again(session)) == {}


def test_an_end_is_carried_out_at_once(sessions: Sessions) -> None:
    session = stored(a=1)
    session.end()
    assert wait(sessions.find()) == []
    assert session.is_empty()
    with pytest.raises(SessionEnded):
        session["a"]
    with pytest.raises(UpdateError):
        session.save()
    session.flush()
    assert dict(session) == {}


def test_what_is_said_not_to_be_modified_is_so_until_it_changes_again() -> None:
    session = stored(cart=["pen"])
    session.modified = False
    assert not session.modified
    session["cart"].append("ink")
    assert session.modified
    session.modified = False
    assert not session.modified


def test_it_offers_what_sojourns_sessions_do() -> None:
    session = stored(n=1)
    with session.exclusive():
        session["n"] += 1
    assert (again(session)["n"], session.version, session.is_new) == (2, 3, True)
    session.principal = "alice"
    before, session_key = session.ref, session.session_key
    session.save()
    assert (again(session).principal, again(session).ref, session.session_key) == ("alice", before, session_key)


async def test_each_sync_method_has_its_async_twin() -> None:
    session = SessionStore()
    await session.aset("a", 1)
    await session.asave()
    before = session.session_key
    await session.acycle_key()
    assert not await session.aexists(before)
    assert await session.aload() == {"a": 1}
    await session.aflush()
    await session.acreate()
    assert await session.aexists(session.session_key)
    await session.adelete()
    assert not await session.aexists(session.session_key)
    await SessionStore.aclear_expired()


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"SOJOURN_STORE": None}, "SOJOURN_STORE is not set"),
        ({"SOJOURN_STORE": "mysql://host"}, "names no store"),
        ({"SOJOURN": {"cookie": Cookie()}}, "SESSION_COOKIE_NAME"),
        ({"SOJOURN": {"saves": "async"}}, "saves"),
        ({"SESSION_COOKIE_NAME": "__Host-id"}, "must be secure"),
        ({"SESSION_COOKIE_AGE": -1}, "idle"),
    ],
)
def test_settings_that_cannot_work_are_told(settings: dict[str, object], told: str) -> None:
    with override_settings(**settings), pytest.raises(ImproperlyConfigured, match=told):
        get_sessions()


def test_sessions_are_as_the_settings_say() -> None:
    options = {"app": "shop", "skip": ["/static/"], "lifetime": Lifetime(absolute=3600), "store": "memory:"}
    with override_settings(SOJOURN=options, SOJOURN_STORE=None, SESSION_COOKIE_AGE=60, SESSION_COOKIE_SAMESITE=False):
        sessions = get_sessions()
    assert (sessions.app, sessions.lifetime, sessions.cookie.same_site) == (
        "shop",
        Lifetime(idle=60, absolute=3600),
        "Lax",
    )


def test_our_middleware_asks_for_our_engine() -> None:
    with (
        override_settings(SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies"),
        pytest.raises(ImproperlyConfigured, match="SESSION_ENGINE"),
    ):
        SessionMiddleware(lambda request: None)


def test_a_session_whose_time_is_over_can_be_saved_or_flushed_as_a_new_one() -> None:
    for use in (SessionStore.save, SessionStore.flush, SessionStore.cycle_key, SessionStore.create):
        session = stored(a=1)
        session.set_expiry(timezone.now() + timedelta(seconds=1))
        session.save()
        with time_passes(seconds=2):
            late = again(session)
            use(late)
            assert (dict(late), late.session_key == session.session_key) == ({}, False)
