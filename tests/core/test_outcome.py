"""What the end of a request does: each row of the table, the rows of renewal, and what holds in all of them."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.records import ID, packed, record, unpacked

from sojourn import Lifetime
from sojourn.core import codec
from sojourn.core.ids import SessionId
from sojourn.core.lifetime import GRACE
from sojourn.core.merge import FieldChanges
from sojourn.core.outcome import Outcome, Use, at_rest, conclude
from sojourn.core.record import Record

OLD = SessionId("B" * 43)
NEXT = SessionId("C" * 43)
LIFETIME = Lifetime(idle=600, absolute=86_400, renew=3600)  # so the slack is 30 s
NOW = 1010.0
FILLED = packed(a=1)
STORED = record(data=codec.write(packed(a=0, b=0)), version=4, expires_at=1630.0, absolute_at=87_400.0)


def use(**different: Any) -> Use:
    usual: dict[str, Any] = {
        "app": "shop",
        "node": "n2",
        "ref": "theref",
        "next_id": lambda: NEXT,
        "given": ID,
        "version": 4,
        "changes": {},
        "principal": None,
        "renewed": False,
        "ended": False,
        "looked": True,
        "touches": True,
        "started": False,
    }
    return Use(**{"emptied": False, **usual, **different})


def brief(outcome: Outcome) -> tuple[str, str | None, int | None, bool]:
    """What is written, and which cookies are set: the id, the version, and whether both are cleared."""
    return (
        outcome.write,
        None if outcome.set_id is None else outcome.set_id.secret[:1],
        outcome.set_version,
        outcome.clear,
    )


NOTHING = ("nothing", None, None, False)
WITHOUT = {"given": None, "version": None}
LATE = NOW + 30
DUE = STORED.renewed_at + 3600

# was stored, in the request, at, what is written and which cookies are set
TABLE: dict[str, tuple[Record | None, dict[str, Any], float, tuple[str, str | None, int | None, bool]]] = {
    "no: left empty": (None, WITHOUT, NOW, NOTHING),
    "no: left empty with an unknown id": (None, {}, NOW, NOTHING),
    "no: ended": (None, {"ended": True}, NOW, NOTHING),
    "no: filled and ended": (None, {"ended": True, "changes": FILLED}, NOW, NOTHING),
    "no: only deleted": (None, {"changes": {"a": None}}, NOW, NOTHING),
    "no: renewed and left empty": (None, {"renewed": True}, NOW, NOTHING),
    "no: filled": (None, {**WITHOUT, "changes": FILLED}, NOW, ("save", "C", 1, False)),
    "no: filled with an unknown id": (None, {"changes": FILLED}, NOW, ("save", "C", 1, False)),
    "no: a view filled": (None, {"changes": {"cart": FieldChanges(FILLED)}}, NOW, ("save", "C", 1, False)),
    "no: signed in": (None, {"principal": "alice", "renewed": True}, NOW, ("save", "C", 1, False)),
    "no: filled after the start": (None, {"changes": FILLED, "started": True}, NOW, NOTHING),
    "no: signed in after the start": (None, {"principal": "a", "renewed": True, "started": True}, NOW, NOTHING),
    "yes: unchanged": (STORED, {}, NOW, NOTHING),
    "yes: unchanged, touch due": (STORED, {}, LATE, ("touch", None, None, False)),
    "yes: unchanged, touch due, but no use": (STORED, {"touches": False}, LATE, NOTHING),
    "yes: not looked at": (STORED, {"looked": False, "touches": False}, LATE, NOTHING),
    "yes: not looked at, another version": (STORED, {"looked": False, "touches": False, "version": 3}, NOW, NOTHING),
    "yes: not looked at, but every request counts": (STORED, {"looked": False}, LATE, ("touch", None, None, False)),
    "yes: unchanged, older version": (STORED, {"version": 3}, NOW, ("nothing", None, 4, False)),
    "yes: unchanged, newer version": (STORED, {"version": 5}, NOW, ("nothing", None, 4, False)),
    "yes: unchanged, no version": (STORED, {"version": None}, NOW, ("nothing", None, 4, False)),
    "yes: unchanged, older version, touch due": (STORED, {"version": 3}, LATE, ("touch", None, 4, False)),
    "yes: unchanged, older version, started": (STORED, {"version": 3, "started": True}, NOW, NOTHING),
    "yes: changed": (STORED, {"changes": FILLED}, NOW, ("save", None, 5, False)),
    "yes: emptied": (STORED, {"changes": {"a": None, "b": None}}, NOW, ("save", None, 5, False)),
    "yes: changed after the start": (STORED, {"changes": FILLED, "started": True}, NOW, ("save", None, None, False)),
    "yes: signed in": (STORED, {"principal": "alice", "renewed": True}, NOW, ("save", "C", 5, False)),
    "yes: signed in and changed": (STORED, {"renewed": True, "changes": FILLED}, NOW, ("save", "C", 5, False)),
    "yes: renewed": (STORED, {"renewed": True}, NOW, ("save", "C", 5, False)),
    "yes: renewed after the start": (STORED, {"renewed": True, "started": True}, NOW, NOTHING),
    "yes: ended": (STORED, {"ended": True}, NOW, ("delete", None, None, True)),
    "yes: ended after the start": (STORED, {"ended": True, "started": True}, NOW, ("delete", None, None, False)),
    "yes: changed and ended": (STORED, {"ended": True, "changes": FILLED}, NOW, ("delete", None, None, True)),
    "yes: signed in and ended": (STORED, {"ended": True, "renewed": True}, NOW, ("delete", None, None, True)),
    "renewal due": (STORED, {}, DUE, ("save", "C", 5, False)),
    "renewal due, changed": (STORED, {"changes": FILLED}, DUE, ("save", "C", 5, False)),
    "renewal not due yet": (STORED, {"changes": FILLED}, DUE - 0.1, ("save", None, 5, False)),
    "renewal due, not looked at": (STORED, {"looked": False, "touches": False}, DUE, NOTHING),
    "renewal due, after the start": (STORED, {"started": True}, DUE, ("touch", None, None, False)),
    "renewal due, ended": (STORED, {"ended": True}, DUE, ("delete", None, None, True)),
}


@pytest.mark.parametrize(("stored", "different", "now", "expected"), TABLE.values(), ids=TABLE.keys())
def test_each_row_of_the_table(
    stored: Record | None, different: dict[str, Any], now: float, expected: tuple[str, str | None, int | None, bool]
) -> None:
    assert brief(conclude(use(**different), stored, LIFETIME, now)) == expected


# --- a record that was renewed at 2000, and requests that still come with the id that it had before ---

RENEWED = msgspec.structs.replace(STORED, renewed_at=2000.0, accessed_at=2000.0, expires_at=2630.0)
USED = msgspec.structs.replace(RENEWED, accessed_at=2001.0)
BEHIND = {"given": OLD}

RENEWALS: dict[str, tuple[Record, dict[str, Any], float, tuple[str, str | None, int | None, bool]]] = {
    "old id, at once": (RENEWED, BEHIND, 2000.0, NOTHING),
    "old id, within the grace": (RENEWED, BEHIND, 2000.0 + GRACE - 1, ("touch", None, None, False)),
    "old id, within the slack": (RENEWED, BEHIND, 2029.0, NOTHING),
    "old id, another version": (RENEWED, {**BEHIND, "version": 1}, 2001.0, NOTHING),
    "old id, changed": (RENEWED, {**BEHIND, "changes": FILLED}, 2001.0, ("save", None, None, False)),
    "old id, after the grace, new id never used": (RENEWED, BEHIND, 2000.0 + GRACE, ("save", "C", 5, False)),
    "old id, after the grace, not looked at": (RENEWED, {**BEHIND, "looked": False, "touches": False}, 2100.0, NOTHING),
    "old id, after the grace, started": (RENEWED, {**BEHIND, "started": True}, 2061.0, ("touch", None, None, False)),
    "old id, after the grace, new id used": (USED, BEHIND, 2061.0, ("touch", None, None, False)),
    "old id, signs in": (RENEWED, {**BEHIND, "principal": "a", "renewed": True}, 2001.0, ("save", "C", 5, False)),
    "old id, ends": (RENEWED, {**BEHIND, "ended": True}, 2001.0, ("delete", None, None, True)),
    "no id, as in sessions.access": (RENEWED, {"given": None, "started": True}, 2001.0, NOTHING),
    "new id, first use": (RENEWED, {}, 2001.0, ("touch", None, None, False)),
    "new id, first use in the same instant": (RENEWED, {}, 2000.0, ("touch", None, None, False)),
    "new id, second use": (USED, {}, 2002.0, NOTHING),
    "new id, first use that changes": (RENEWED, {"changes": FILLED}, 2001.0, ("save", None, 5, False)),
    "new id, due once more": (USED, {}, 5600.0, ("save", "C", 5, False)),
}


@pytest.mark.parametrize(("stored", "different", "now", "expected"), RENEWALS.values(), ids=RENEWALS.keys())
def test_each_row_of_a_renewal(
    stored: Record, different: dict[str, Any], now: float, expected: tuple[str, str | None, int | None, bool]
) -> None:
    assert brief(conclude(use(**different), stored, LIFETIME, now)) == expected


def test_what_is_created() -> None:
    outcome = conclude(use(**WITHOUT, changes=FILLED, principal="alice", renewed=True), None, LIFETIME, NOW)
    assert outcome.record == Record(
        key=NEXT.key,
        app="shop",
        ref="theref",
        principal="alice",
        epoch=0,
        version=1,
        created_at=NOW,
        accessed_at=NOW,
        renewed_at=NOW,
        expires_at=NOW + 630,
        absolute_at=NOW + 86_400,
        node="n2",
        data=codec.write(FILLED),
    )
    assert outcome.attributes == FILLED


def test_a_change_is_merged_into_what_is_stored() -> None:
    outcome = conclude(use(changes=packed(a=1, c=1)), STORED, LIFETIME, NOW)
    assert outcome.record is not None
    assert outcome.attributes is not None
    assert unpacked(outcome.attributes) == {"a": 1, "b": 0, "c": 1}
    assert outcome.record.data == codec.write(outcome.attributes)
    assert outcome.record.node == "n2"


def test_a_sign_in_raises_the_epoch_and_moves_the_session() -> None:
    outcome = conclude(use(principal="alice", renewed=True), STORED, LIFETIME, NOW)
    assert outcome.record is not None
    assert (outcome.record.principal, outcome.record.epoch, outcome.record.key) == ("alice", 1, NEXT.key)
    assert (outcome.record.ref, outcome.record.data) == (STORED.ref, STORED.data)
    assert outcome.attributes is None


def test_a_periodic_renewal_moves_the_session_and_signs_nobody_out() -> None:
    stored = msgspec.structs.replace(STORED, principal="alice")
    outcome = conclude(use(principal=None), stored, LIFETIME, DUE)
    assert outcome.record is not None
    assert (outcome.record.principal, outcome.record.epoch) == ("alice", 0)
    assert (outcome.record.key, outcome.record.renewed_at) == (NEXT.key, DUE)


@pytest.mark.parametrize("now", [2030.0, 2061.0, 2500.0])
def test_a_request_behind_puts_off_the_end_and_is_no_use_of_the_new_id(now: float) -> None:
    for different in ({"changes": FILLED}, {"started": True}):
        outcome = conclude(use(**BEHIND, **different), USED if now > 2060 else RENEWED, LIFETIME, now)
        assert outcome.record is not None
        assert outcome.record.accessed_at == (USED if now > 2060 else RENEWED).accessed_at
        assert outcome.record.expires_at == now + 630


def test_a_clock_that_went_back_takes_nothing_away() -> None:
    stored = msgspec.structs.replace(STORED, accessed_at=2000.0, expires_at=2630.0)
    outcome = conclude(use(changes=FILLED), stored, LIFETIME, 1500.0)
    assert outcome.record is not None
    assert (outcome.record.accessed_at, outcome.record.expires_at) == (2000.0, 2630.0)
    assert brief(conclude(use(), stored, LIFETIME, 1500.0)) == NOTHING


changes = st.dictionaries(
    st.sampled_from("abc"),
    st.one_of(st.none(), st.sampled_from([codec.pack(value, "") for value in (0, 1)])),
    max_size=3,
)
uses = st.builds(
    use,
    given=st.sampled_from([ID, OLD, None]),
    version=st.sampled_from([None, 1, 4, 9]),
    changes=changes,
    principal=st.sampled_from([None, "alice"]),
    renewed=st.booleans(),
    ended=st.booleans(),
    looked=st.booleans(),
    touches=st.booleans(),
    started=st.booleans(),
)
lifetimes = st.builds(
    Lifetime,
    idle=st.sampled_from([None, 10, 600, 0]),
    absolute=st.sampled_from([None, 50, 4000]),
    renew=st.sampled_from([None, 5, 3600]),
)


@st.composite
def records(draw: st.DrawFn) -> Record:
    created = draw(st.sampled_from([0.0, 500.0, 1000.0]))
    renewed = created + draw(st.sampled_from([0.0, 10.0, 500.0]))
    end = draw(st.sampled_from([math.inf, 4000.0]))
    return msgspec.structs.replace(
        STORED,
        created_at=created,
        renewed_at=renewed,
        accessed_at=max(created, renewed + draw(st.sampled_from([-10.0, 0.0, 10.0]))),
        absolute_at=end,
        expires_at=min(end, renewed + 1000),
        principal=draw(st.sampled_from([None, "bob"])),
    )


instants = st.floats(1500.0, 3999.0)


@given(uses, st.one_of(st.none(), records()), lifetimes, instants)
def test_what_holds_for_every_request(use: Use, stored: Record | None, lifetime: Lifetime, now: float) -> None:
    outcome = conclude(use, stored, lifetime, now)
    record = outcome.record
    assert (record is None) is (outcome.write == "nothing")
    signs_out_untold = use.started and use.renewed and use.principal is None
    assert outcome.write != "delete" or use.ended or signs_out_untold
    assert outcome.clear <= (outcome.write == "delete")
    if use.started:
        assert (outcome.set_id, outcome.set_version, outcome.clear) == (None, None, False)
    if outcome.set_id is not None:
        assert record is not None
        assert (outcome.set_id.key, outcome.set_version) == (record.key, record.version)
    if record is not None:
        assert record.expires_at <= record.absolute_at
        assert outcome.attributes is None or record.data == codec.write(outcome.attributes)


@given(uses, records(), lifetimes, instants)
def test_what_holds_for_every_save_over_another(use: Use, stored: Record, lifetime: Lifetime, now: float) -> None:
    outcome = conclude(use, stored, lifetime, now)
    record = outcome.record
    if record is None or outcome.write == "delete":
        return
    saved = outcome.write == "save"
    assert record.version == stored.version + saved
    assert record.epoch == stored.epoch + (saved and use.renewed)
    assert (record.key != stored.key) is (outcome.set_id is not None)
    assert (record.principal != stored.principal) <= use.renewed
    assert (record.ref, record.app) == (stored.ref, stored.app)
    assert record.created_at == stored.created_at
    assert record.absolute_at <= stored.absolute_at
    assert record.accessed_at >= stored.accessed_at
    assert (record.renewed_at != stored.renewed_at) <= (outcome.set_id is not None)
    if not saved:
        assert record.data == stored.data


@given(uses, records(), lifetimes, instants)
def test_what_was_not_touched_is_not_written(use: Use, stored: Record, lifetime: Lifetime, now: float) -> None:
    untouched = msgspec.structs.replace(use, changes={}, renewed=False, ended=False, looked=False, touches=False)
    outcome = conclude(untouched, stored, lifetime, now)
    assert brief(outcome) == NOTHING


@given(uses, records(), lifetimes, instants)
def test_deciding_again_decides_the_same(use: Use, stored: Record, lifetime: Lifetime, now: float) -> None:
    assert conclude(use, stored, lifetime, now) == conclude(use, stored, lifetime, now)


@given(changes, records(), instants)
def test_a_handler_that_failed_changes_nothing_and_what_stands_is_carried_out(
    changes: dict[str, bytes | None], stored: Record, now: float
) -> None:
    # The changes of a failed handler are dropped before: an end and a sign-in stand.
    assert conclude(use(ended=True, changes=changes), stored, LIFETIME, now).write == "delete"
    signed_in = conclude(use(renewed=True, principal="alice"), stored, LIFETIME, now)
    assert signed_in.record is not None
    assert (signed_in.record.principal, signed_in.record.data) == ("alice", stored.data)


@pytest.mark.parametrize("times", [1, 50])
def test_of_many_requests_at_the_moment_of_renewal_one_moves_the_session(times: int) -> None:
    first = conclude(use(), STORED, LIFETIME, DUE).record
    assert first is not None
    for _ in range(times):  # the others learn of it by a conflict, and conclude over that
        assert conclude(use(), first, LIFETIME, DUE).set_id is None
        changed = conclude(use(changes=FILLED), first, LIFETIME, DUE)
        assert (changed.write, changed.set_id, changed.set_version) == ("save", None, None)


def test_nothing_that_is_stored_is_kept_for_another_principal() -> None:
    changed = {"cart": codec.pack([7], "")}
    outcome = conclude(use(principal="bob", renewed=True, emptied=True, changes=changed), STORED, LIFETIME, NOW)
    assert outcome.record is not None
    assert codec.read(outcome.record.data).keys() == {"cart"}
    left = conclude(use(principal=None, renewed=True, emptied=True, changes={}), STORED, LIFETIME, NOW)
    assert left.record is not None
    assert codec.read(left.record.data) == {}


def test_an_absolute_limit_that_came_later_holds_from_the_next_save() -> None:
    stored = msgspec.structs.replace(STORED, absolute_at=math.inf, expires_at=math.inf)
    outcome = conclude(use(changes={"a": codec.pack(1, "")}), stored, Lifetime(absolute=5000), NOW)
    assert outcome.record is not None
    assert outcome.record.absolute_at == outcome.record.expires_at == stored.created_at + 5000


times = st.integers(0, 4000).map(lambda seconds: 1000.0 + seconds)


@given(
    accessed_at=times,
    renewed_at=times,
    now=times,
    told=st.integers(3, 5) | st.none(),
    came=st.sampled_from([ID, OLD, None]),
    asked=st.fixed_dictionaries({"looked": st.booleans(), "touches": st.booleans()}),
)
def test_what_is_told_at_a_glance_to_be_at_rest_is_concluded_to_be_nothing(
    *, accessed_at: float, renewed_at: float, now: float, told: int | None, came: SessionId | None, asked: Any
) -> None:
    stored = record(version=4, accessed_at=accessed_at, renewed_at=renewed_at, expires_at=8000.0)
    if at_rest(stored, came, told, LIFETIME, now):
        assert conclude(use(given=came, version=told, **asked), stored, LIFETIME, now) == Outcome()


def test_most_requests_are_at_rest() -> None:
    assert at_rest(STORED, ID, 4, LIFETIME, NOW)
    assert not at_rest(STORED, ID, 4, LIFETIME, NOW + 30)
