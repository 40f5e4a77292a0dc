"""Nodes of a fleet whose sessions are limited: what gives way makes room, however it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.outbound.fleet.conftest import KEY, at_once
from tests.outbound.negotiation.played import Played, backend

from sojourn.errors import StoreError
from sojourn.outbound import Backend, Limits, Logout
from sojourn.outbound.messages import Do, Send
from sojourn.store.memory import MemoryStore


def node(store: MemoryStore, **settings: Any) -> Backend:
    return backend(store=store, key=KEY, closing=Logout("out"), limits=Limits(sessions=1), **settings)


def stored(call: Played) -> Played:
    """Let the store answer what it is asked."""
    while isinstance(call.step, Do):
        try:
            done = at_once(call.step.work())
        except StoreError as error:
            call.fail(error)
        else:
            call.done(done)
    return call


def begun(erp: Backend, name: str, **how: Any) -> Played:
    """A call that signs in, and whose session is about to be stored."""
    call = stored(Played(erp.exchange(**how)))
    call.answer(200, ("Set-Cookie", f"JSESSIONID={name}; Path=/"))
    return call


def overtaken() -> tuple[Backend, Played]:
    """A node whose session gave way to that of another one, and a call in it."""
    store = MemoryStore()
    one, two = node(store, reuse="flow"), node(store, reuse="flow")
    first = begun(one, "s1")
    other = stored(Played(one.exchange()))
    stored(begun(two, "s2"))
    assert stored(first).result is not None
    return one, other


def full(erp: Backend) -> bool:
    assert erp.rules.room is not None
    return erp.rules.room.full


def test_a_call_does_not_wait_for_the_room_of_a_session_that_gave_way_under_it() -> None:
    _, other = overtaken()
    other.answer(401)  # the back end starts anew
    assert stored(other).sent["Cookie"] == "JSESSIONID=s2"
    other.answer(401)
    stored(other)
    assert isinstance(other.step, Send), "it waits for itself"
    assert "Authorization" in other.sent


def test_a_call_that_fails_leaves_no_session_behind_that_gave_way() -> None:
    erp, other = overtaken()
    other.fail(ConnectionError())
    assert not full(erp)


def test_who_forgets_a_user_and_is_cancelled_leaves_no_room_taken() -> None:
    erp = node(MemoryStore(), reuse="user")
    stored(begun(erp, "s1", user="her"))
    forgetting = erp.forgetting("her")
    assert isinstance(next(forgetting), Do)
    with pytest.raises(asyncio.CancelledError):
        forgetting.throw(asyncio.CancelledError())
    assert not full(erp)


def test_a_sign_out_that_is_cancelled_leaves_no_other_session_behind() -> None:
    store = MemoryStore()
    one, two = (
        backend(store=store, key=KEY, closing=Logout("out"), reuse="flow", limits=Limits(sessions=5)) for _ in "12"
    )
    first = begun(one, "s1")
    waiting = stored(Played(one.exchange()))
    stored(begun(two, "s2"))
    stored(first)
    [place] = one.held._places.values()
    assert len(place.superseded) == 1
    waiting.answer(200)
    assert waiting.asked == "GET out"
    waiting.fail(asyncio.CancelledError())
    assert not place.superseded
    assert one.rules.room is not None
    assert one.rules.room._room == 5
