"""What can be done with a session when: during its request, after the response has started, after its end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.core.codec.samples import Cart
from tests.core.records import ID, holding, packed, record, unpacked

from sojourn.core.ids import SessionId
from sojourn.core.keeper import Exclusive
from sojourn.core.merge import merge
from sojourn.core.session import Session, Stage
from sojourn.errors import (
    NotStorable,
    OutsideRequest,
    ResponseStarted,
    SessionEnded,
    SessionError,
    SojournError,
    Unreadable,
    ViewMismatch,
)


def sign_in(session: Session) -> None:
    session.principal = "alice"


USES: dict[str, Callable[[Session], Any]] = {
    "get": lambda session: session["a"],
    "get with default": lambda session: session.get("a"),
    "in": lambda session: "a" in session,
    "iter": list,
    "len": len,
    "set": lambda session: session.__setitem__("a", 1),
    "set under no name": lambda session: session.__setitem__(1, 1),  # type: ignore[index]
    "delete": lambda session: session.__delitem__("a"),
    "pop": lambda session: session.pop("a", None),
    "setdefault": lambda session: session.setdefault("a", 1),
    "update": lambda session: session.update(a=1),
    "clear": lambda session: session.clear(),
    "items": lambda session: dict(session.items()),
    "view": lambda session: session.view(Cart),
    "principal": lambda session: session.principal,
    "sign in": sign_in,
    "renew": lambda session: session.renew(),
    "end": lambda session: session.end(),
    "save": lambda session: session.save(),
}


@pytest.mark.parametrize("act", USES.values(), ids=USES.keys())
@pytest.mark.parametrize("stored", [True, False])
def test_after_its_end_every_use_says_so(act: Callable[[Session], Any], stored: bool) -> None:
    session = Session(holding(a=1) if stored else None, 0.0, given=ID)
    session["a"] = 2
    ref, secret = session.ref, session.id
    session.end()
    with pytest.raises(SessionEnded, match=ref):
        act(session)
    assert session.ended
    assert (session.ref, session.id) == (ref, secret)  # still readable, for logs
    assert session.changes() == {}


def test_the_ref_of_a_session_is_readable_although_it_was_first_asked_for_after_the_end() -> None:
    session = Session(holding(a=1), 0.0)
    session.end()
    assert session.ref == "theref"
    new = Session(None, 0.0)
    new.end()
    assert new.ref == new.ref != ""


def test_a_session_that_was_lost_to_another_request_has_ended() -> None:
    session = Session(holding(a=1), 0.0, given=ID)
    session["a"] = 2
    session.lost()
    with pytest.raises(SessionEnded, match="theref"):
        session["a"]
    assert session.ref == "theref"


@pytest.mark.parametrize("act", USES.values(), ids=USES.keys())
@pytest.mark.parametrize(("stage", "hint"), [(Stage.CLOSED, "request is over"), (Stage.SKIPPED, "`skip`")])
def test_outside_of_its_request_every_use_says_so(act: Callable[[Session], Any], stage: Stage, hint: str) -> None:
    session = Session(holding(a=1), 0.0)
    session.advance(stage)
    with pytest.raises(OutsideRequest, match=hint):
        act(session)
    assert (session.ref, session.version, session.is_new) == ("theref", 1, False)


CREATES = ["set", "setdefault", "update"]


@pytest.mark.parametrize("use", CREATES)
def test_no_session_is_created_after_the_response_has_started(use: str) -> None:
    session = Session(None, 0.0)
    session.advance(Stage.STARTED)
    with pytest.raises(ResponseStarted):
        USES[use](session)
    assert session.changes() == {}


@pytest.mark.parametrize("use", ["sign in", "renew"])
@pytest.mark.parametrize("stored", [True, False])
def test_no_id_is_renewed_after_the_response_has_started(use: str, stored: bool) -> None:
    session = Session(holding(a=1) if stored else None, 0.0)
    session.advance(Stage.STARTED)
    with pytest.raises(ResponseStarted):
        USES[use](session)
    assert not session.renewing
    assert session.signed_in is None


@pytest.mark.parametrize("use", sorted(USES.keys() - {"sign in", "renew", "save", "set under no name"}))
def test_a_stored_session_can_be_used_after_the_response_has_started(use: str) -> None:
    session = Session(holding(a=1), 0.0)
    session.advance(Stage.STARTED)
    USES[use](session)


def test_a_session_without_a_store_cannot_be_saved() -> None:
    with pytest.raises(OutsideRequest, match="not connected"):
        Session(None, 0.0).save()


class Side:
    """Carries sessions; remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Session, float | None]] = []

    async def save(self, session: Session) -> None:
        self.asked.append((session, None))

    def exclusive(self, session: Session, *, wait: float) -> Exclusive:
        return Exclusive(self._alone(session, wait))

    @asynccontextmanager
    async def _alone(self, session: Session, wait: float) -> AsyncIterator[None]:
        self.asked.append((session, wait))
        yield


async def test_saving_is_done_by_the_side_that_carries_it() -> None:
    session = Session(None, 0.0, side := Side())
    await session.save()
    async with session.exclusive(wait=2):
        pass
    assert side.asked == [(session, None), (session, 2)]


def test_async_code_that_forgets_async_is_told_so() -> None:
    with pytest.raises(TypeError, match=r"async with session\.exclusive"), Session(None, 0.0, Side()).exclusive():
        pass


def test_a_sign_in_renews_and_so_does_a_sign_out() -> None:
    session = Session(record(principal="bob"), 0.0, given=ID)
    assert session.principal == "bob"
    assert session.id == ID.secret
    session.principal = None
    assert session.renewing
    assert session.principal is None
    assert session.id != ID.secret
    assert session.id == session.next_id().secret == session.id


def test_the_next_id_keeps_the_tag_of_an_id_that_was_ours_alone() -> None:
    stored, unknown = Session(record(), 0.0, given=ID), Session(None, 0.0, given=ID)
    assert stored.next_id().secret[:2] == "AA"
    tags = {Session(None, 0.0, given=ID).next_id().secret[:2] for _ in range(50)}
    assert len(tags) > 1
    assert unknown.id == unknown.next_id().secret != ID.secret


def test_after_a_renewal_the_new_id_is_owed_to_the_visitor() -> None:
    session = Session(record(), 0.0, given=ID)
    sign_in(session)
    following = session.next_id()
    session.committed(record(key=following.key, principal="alice", version=2, epoch=1), None, {})
    assert session.owed_id is session.given is following
    assert session.id == following.secret
    assert not session.renewing
    assert session.next_id() is not following


def test_a_sign_in_while_a_commit_waits_is_still_to_be_committed() -> None:
    session = Session(record(), 0.0, given=ID)
    session.committed(record(version=2), None, {})
    assert not session.renewing
    sign_in(session)
    session.committed(record(version=3), None, {})
    assert session.renewing
    assert session.signed_in == "alice"


def test_a_renewal_while_the_id_is_renewed_by_age_is_still_to_be_committed() -> None:
    session = Session(record(), 0.0, given=ID)
    following = session.next_id()
    session.renew()
    session.committed(record(key=following.key, version=2), None, {})
    assert session.renewing
    session.committed(record(key=session.next_id().key, version=3, epoch=1), None, {})
    assert not session.renewing


def test_a_new_session_tells_when_it_began() -> None:
    session = Session(None, 1234.0, told=7)
    assert (session.is_new, session.version, session.expires_at) == (True, 0, None)
    assert (session.created_at, session.accessed_at) == (1234.0, 1234.0)
    assert (session.record, session.given, session.told, session.owed_id) == (None, None, 7, None)
    assert session.stage is Stage.OPEN


# --- what cannot be read ---------------------------------------------------------------------------------------------

BROKEN = b"\xc7\x00\x63"  # an extension that there is not


def half_broken() -> dict[str, Any]:
    return {**packed(fine=[1]), "broken": BROKEN}


def unreadable_attribute() -> Session:
    from sojourn.core import codec

    return Session(record(data=codec.write(half_broken())), 0.0)


def test_an_unreadable_attribute_is_absent_and_the_others_are_fine() -> None:
    session = unreadable_attribute()
    with pytest.raises(Unreadable, match="'broken'") as caught:
        session["broken"]
    assert isinstance(caught.value, KeyError)
    assert str(caught.value).endswith("Its bytes are kept until it is set or deleted")
    assert caught.value.name == "broken"
    assert session.get("broken", 5) == 5
    assert "broken" not in session
    assert (list(session), len(session), dict(session)) == (["fine"], 1, {"fine": [1]})
    assert session.unreadable == {"broken": caught.value.reason}


def test_the_bytes_of_an_unreadable_attribute_are_kept() -> None:
    session = unreadable_attribute()
    dict(session)
    session["fine"].append(2)
    attributes = merge(half_broken(), session.changes())
    assert bytes(attributes["broken"]) == BROKEN
    session.committed(record(version=2), attributes, session.changes())
    assert "broken" not in session
    assert session.changes() == {}


def test_an_unreadable_attribute_can_be_overwritten_or_deleted() -> None:
    session = unreadable_attribute()
    session["broken"] = 1
    assert session["broken"] == 1
    assert unpacked(merge(half_broken(), session.changes())) == {"fine": [1], "broken": 1}
    session = unreadable_attribute()
    del session["broken"]
    assert session.changes() == {"broken": None}
    session = unreadable_attribute()
    assert session.setdefault("broken", 2) == 2


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x91\x01", b"\x82\xa1a\x01\xa1a\x02", b"\x81\xa1\xff\x01"])
def test_an_unreadable_record_is_a_visitor_without_a_session(data: bytes) -> None:
    session = Session(record(data=data, principal="alice"), 5.0, given=ID)
    assert dict(session) == {}
    assert (session.principal, session.is_new, session.version, session.record) == (None, True, 0, None)
    assert session.ref != "theref"
    assert session.id != ID.secret
    assert list(session.unreadable) == [""]
    session["a"] = 1
    assert unpacked(merge({}, session.changes())) == {"a": 1}


# --- what is shown ---------------------------------------------------------------------------------------------------


def test_a_repr_shows_the_ref_and_no_secret() -> None:
    session = Session(holding(a="s3cret"), 0.0, given=ID)
    session["b"] = "s3cret"
    session.principal = "s3cret"
    for shown in (repr(session), str(session), f"{session}", repr([session]), repr(session.record)):
        assert "s3cret" not in shown
        assert session.id not in shown
        assert ID.secret not in shown
        assert ID.key not in shown
        assert "theref" in shown
    assert repr(Session(None, 0.0)) == "<Session, not stored>"


ERRORS: list[SojournError] = [SessionEnded("x"), OutsideRequest("x"), ResponseStarted("x"), ViewMismatch("x")]


@pytest.mark.parametrize("error", [*ERRORS, NotStorable("p", "r"), Unreadable("n", "r")], ids=repr)
def test_errors_of_use_are_session_errors(error: SojournError) -> None:
    assert isinstance(error, SessionError)
    assert error.status_hint == 500
    assert "\n" not in str(error)


def test_the_id_of_a_lost_session_is_no_id_of_another() -> None:
    session = Session(record(), 0.0, given=ID)
    session.lost()
    assert SessionId.parse(session.id.encode()) is not None


@pytest.mark.parametrize("principal", [7, b"alice", ["alice"], "\ud800"])
def test_a_principal_is_text_that_a_store_can_keep(principal: Any) -> None:
    session = Session(None, 0.0)
    with pytest.raises(NotStorable, match=r"session\.principal"):
        session.principal = principal
    assert session.principal is None
    assert not session.renewing
