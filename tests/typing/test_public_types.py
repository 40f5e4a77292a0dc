"""The types that users see, checked by mypy in scripts/check; run once so that nothing here is only imagined."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, MutableMapping
from datetime import timedelta
from typing import Any, assert_type

import msgspec
import pytest

from sojourn import Cookie, Lifetime, Session, Sessions
from sojourn.core.record import Record
from sojourn.store.base import Store


class Cart(msgspec.Struct):
    items: list[str] = msgspec.field(default_factory=list)


@dataclasses.dataclass
class Profile:
    name: str = ""


def test_a_view_has_the_type_of_its_class() -> None:
    session = Session(None, 0.0)
    assert_type(session.view(Cart), Cart)
    assert_type(session.view(Profile, at="profile"), Profile)
    assert_type(session.view(Cart).items, list[str])
    with pytest.raises(TypeError):
        session.view(Cart, "cart")  # type: ignore[call-arg]


def test_a_session_is_a_mapping_of_names_to_anything() -> None:
    session = Session(None, 0.0)
    mapping: MutableMapping[str, Any] = session
    session["a"] = [1]
    assert_type(session["a"], Any)
    assert_type(session.get("a"), Any | None)
    assert_type(list(session), list[str])
    assert mapping is session


def test_what_a_session_tells_is_typed() -> None:
    session = Session(None, 0.0)
    assert_type(session.id, str)
    assert_type(session.ref, str)
    assert_type(session.is_new, bool)
    assert_type(session.version, int)
    assert_type(session.created_at, float)
    assert_type(session.accessed_at, float)
    assert_type(session.expires_at, float | None)
    assert_type(session.principal, str | None)
    session.principal = "alice"
    session.principal = None
    with pytest.raises(AttributeError):
        session.version = 3  # type: ignore[misc]


def saving(session: Session) -> Awaitable[None]:
    return assert_type(session.save(), Awaitable[None])


def every_way_to_make_sessions(store: Store) -> list[Sessions]:
    return [
        Sessions(),
        Sessions("memory:"),
        Sessions(store),
        Sessions(store, app="shop", cookie=Cookie(same_site="Strict"), lifetime=Lifetime(idle=timedelta(hours=1))),
        Sessions("memory:", lifetime=Lifetime(idle=60, absolute=None, renew=3600.5), on_error="save"),
        Sessions("memory:", save="manual", touch="always", on_conflict="fail"),
        Sessions(5),  # type: ignore[arg-type]
        Sessions(save="later"),  # type: ignore[arg-type]
    ]


async def what_sessions_can_be_asked(sessions: Sessions) -> None:
    assert_type(await sessions.find(principal="alice"), list[Record])
    assert_type(await sessions.end("ref"), bool)
    assert_type(await sessions.end_all(principal="alice", but="ref"), int)
    async with sessions.access("ref") as session:
        assert_type(session, Session)


def test_settings_are_typed() -> None:
    assert_type(Cookie.development(), Cookie)
    assert_type(Cookie().set("__Host-id", "x"), bytes)
    assert_type(Lifetime().idle, timedelta | float | None)
    assert_type(Lifetime().idle_seconds, float)
    with pytest.raises(ValueError, match="same_site"):
        Cookie(same_site="lax")  # type: ignore[arg-type]
