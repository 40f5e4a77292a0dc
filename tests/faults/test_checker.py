"""Each rule of the checker, shown on a history of a few lines: what it lets pass, and what it catches."""

from __future__ import annotations

from typing import Any

import pytest
from tests.faults.checker import check, count
from tests.faults.history import CUT, REFUSED, Announcement, Bounds, Entry, History, Injection

BOUNDS = Bounds(watch=2.0, lease=4.0, idle=10.0, slack=0.5, clock=0.5)
A, B, C = 1_000_001, 1_000_002, 1_000_003  # tokens of the first visitor


def entry(at: float, op: str = "read", **rest: Any) -> Entry:
    """A request of the first visitor that took a tenth of a second, in the session r, which it found in version 1."""
    known: dict[str, Any] = {
        "visitor": 1,
        "client": "1",
        "app": "long",
        "node": 0,
        "status": 200,
        "session": "r",
        "ref": "r",
    }
    if rest.get("status", 200) != 200:
        known |= {"ref": ""}
    known |= {"version": 1 if known["ref"] else 0, "got_at": at + 0.1, "given": "id", **rest}
    known["tokens"] = frozenset(known.get("tokens", ()))
    return Entry(op=op, sent_at=at, **known)  # type: ignore[arg-type]


def begun(at: float = 0.0, token: int = A, **rest: Any) -> Entry:
    known = {"session": "", "given": "", "left_with": "id", "version": 0, "token": token}
    return entry(at, "write", **{**known, **rest})


def signed_in(at: float, **rest: Any) -> Entry:
    return entry(at, "sign-in", **{"tokens": [A], "last": A, "left_with": "new", **rest})


def lost(at: float, op: str, status: int = CUT, **rest: Any) -> Entry:
    return entry(at, op, status=status, **rest)


def said(at: float, node: int = 0, **rest: Any) -> Announcement:
    return Announcement(
        **{"node": node, "app": "long", "ref": "r", "event_id": "e", "reason": "idle", "at": at, **rest}
    )


def fault(kind: str, node: int | None, begun_at: float, healed_at: float) -> Injection:
    return Injection(kind=kind, node=node, begun_at=begun_at, healed_at=healed_at)


def broken(*entries: Entry, said: list[Announcement] | None = None, faults: list[Injection] | None = None) -> set[str]:
    """The rules that such a history breaks."""
    history = History(entries=list(entries), announcements=said or [], injections=faults or [])
    return check(history, BOUNDS).broken


def test_a_life_without_faults_is_good() -> None:
    life = [
        begun(0),
        entry(1, "write", token=B, tokens=[A], last=A, mark=1),
        entry(2, tokens=[A, B], last=B, version=2, mark=1, node=1),
        signed_in(3, tokens=[A, B], last=B, version=2),
        entry(4, tokens=[A, B], last=B, version=3, principal="v1", given="new"),
        entry(5, "end", tokens=[A, B], last=B, version=3, given="new"),
        entry(6, "ghost", version=0, ref="other", given="new", node=1),
    ]
    assert broken(*life, said=[said(5.05)]) == set()


def test_what_was_acknowledged_is_there() -> None:
    assert broken(begun(), entry(1, last=A)) == {"no acknowledged write lost"}


def test_a_session_is_there_until_it_ends() -> None:
    assert broken(begun(), entry(1, ref="other", version=0)) == {"no acknowledged write lost"}


def test_what_was_cut_off_may_be_there_or_not() -> None:
    start, cut = begun(), lost(1, "write", token=B)
    assert broken(start, cut, entry(2, tokens=[A], last=A)) == set()
    assert broken(start, cut, entry(2, tokens=[A, B], last=B)) == set()


def test_what_was_cut_off_may_come_late() -> None:
    late = [entry(2, tokens=[A], last=A), entry(3, tokens=[A, B], last=B, version=2)]
    assert broken(begun(), lost(1, "write", token=B), *late) == set()


def test_what_was_seen_once_is_seen_again() -> None:
    seen = [entry(2, tokens=[A, B], last=B), entry(3, tokens=[A], last=A)]
    assert broken(begun(), lost(1, "write", token=B), *seen) == {"reads never go back"}


def test_a_version_is_never_followed_by_an_older_one() -> None:
    assert broken(begun(), entry(1, tokens=[A], last=A, version=5), entry(2, tokens=[A], last=A, version=4)) == {
        "reads never go back"
    }


def test_an_attribute_has_the_value_that_it_was_set_to_last() -> None:
    writes = [begun(), entry(1, "write", token=B, tokens=[A], last=A)]
    assert broken(*writes, entry(2, tokens=[A, B], last=A, version=2)) == {"reads never go back"}


def test_a_write_of_which_nothing_is_known_may_win_over_a_later_one() -> None:
    writes = [begun(), lost(1, "write", token=B), entry(2, "write", token=C, tokens=[A], last=A)]
    assert broken(*writes, entry(3, tokens=[A, B, C], last=B, version=3)) == set()


def test_a_request_that_was_refused_wrote_nothing() -> None:
    writes = [begun(), lost(1, "write", REFUSED, token=B)]
    assert broken(*writes, entry(2, tokens=[A, B], last=B)) == {"reads never go back"}


def test_others_see_it_within_the_watch_bound() -> None:
    write = entry(1, "write", token=B, tokens=[A], last=A)
    history = [begun(), write, entry(3, client="1/2", tokens=[A], last=A)]
    verdict = check(History(entries=history), BOUNDS)
    assert verdict.good
    assert verdict.staleness == pytest.approx(1.9)


def test_others_who_do_not_see_it_later_are_told_of() -> None:
    write = entry(1, "write", token=B, tokens=[A], last=A)
    assert broken(begun(), write, entry(3.2, client="1/2", tokens=[A], last=A)) == {"staleness within the watch bound"}


def test_in_the_end_all_is_stored() -> None:
    final = entry(1, "final", client="1/2", tokens=[], last=0)
    assert broken(begun(), final) == {"no acknowledged write lost"}
    assert broken(begun(), entry(1, "final", ref="", version=0)) == {"no acknowledged write lost"}


def test_in_the_end_everybody_is_served() -> None:
    assert "healed" in broken(begun(), lost(1, "final"), lost(2, "final", 503))


def test_nobody_sees_what_belongs_to_another() -> None:
    start = begun()
    strange = "no visitor sees another's data"
    assert broken(start, entry(1, tokens=[A], last=A, mark=2)) == {strange}
    assert broken(start, entry(1, tokens=[A], last=A, principal="v2")) == {strange}
    assert broken(start, entry(1, tokens=[A, 2_000_001], last=A)) == {strange}


def test_nothing_of_a_former_session_is_in_the_next() -> None:
    former = begun(0, B, ref="former")
    assert broken(former, begun(1), entry(2, tokens=[A, B], last=A)) == {"no visitor sees another's data"}


def test_who_creates_a_session_gets_its_id() -> None:
    assert broken(begun(left_with="")) == {"no acknowledged write lost"}


def test_a_sign_in_gives_a_new_id() -> None:
    assert broken(begun(), signed_in(1)) == set()
    assert broken(begun(), signed_in(1, left_with="id")) == {"a sign-in gives a new id"}


def ended(**ghost: Any) -> set[str]:
    life = [begun(), entry(1, "end", tokens=[A], last=A)]
    return broken(*life, entry(op="ghost", **{"at": 2, "tokens": [A], "last": A, **ghost}), said=[said(1)])


def test_an_ended_session_is_refused_at_once_on_its_node() -> None:
    assert ended(node=0) == {"ended stays ended"}


def test_an_ended_session_is_refused_elsewhere_within_the_watch_bound() -> None:
    assert ended(node=1) == set()
    assert ended(node=1, at=3.2) == {"ended stays ended"}


def test_an_id_from_before_a_sign_in_opens_nothing() -> None:
    life = [begun(), signed_in(1)]
    assert broken(*life, entry(2, "ghost", tokens=[A], last=A)) == {"ended stays ended"}
    assert broken(*life, entry(2, "ghost", ref="other", version=0)) == set()


def test_an_end_is_announced() -> None:
    assert broken(begun(), entry(1, "end", tokens=[A], last=A)) == {"one ended event a session"}


def test_an_end_is_announced_once() -> None:
    life = [begun(), entry(1, "end", tokens=[A], last=A)]
    assert broken(*life, said=[said(1), said(1.01, node=1)]) == {"one ended event a session"}


def test_an_end_is_announced_again_when_its_announcer_was_killed() -> None:
    life = [begun(), entry(1, "end", tokens=[A], last=A)]
    twice = [said(1, node=0), said(6, node=1)]
    assert broken(*life, said=twice, faults=[fault("kill", 0, 1.02, 1.5)]) == set()
    assert broken(*life, said=twice, faults=[fault("kill", 2, 1.02, 1.5)]) == {"one ended event a session"}
    assert broken(*life, said=twice, faults=[fault("delay", 0, 1.02, 1.5)]) == {"one ended event a session"}


def test_an_end_that_is_announced_again_is_known_by_its_event_id() -> None:
    life = [begun(), entry(1, "end", tokens=[A], last=A)]
    twice = [said(1), said(6, node=1, event_id="another")]
    assert broken(*life, said=twice, faults=[fault("kill", 0, 1.02, 1.5)]) == {"one ended event a session"}


def test_what_was_announced_as_ended_is_not_in_use() -> None:
    assert broken(begun(), entry(5, tokens=[A], last=A, node=1), said=[said(1)]) == {"ended stays ended"}


def short(at: float, op: str = "read", **rest: Any) -> Entry:
    return entry(at, op, **{"app": "short", "tokens": [A], "last": A, **rest})


def brief(*entries: Entry) -> set[str]:
    return broken(begun(app="short"), *entries, said=[said(30, app="short")])


def test_whoever_comes_in_time_keeps_his_session() -> None:
    assert brief(short(9)) == set()
    assert brief(short(9, ref="other", version=0, tokens=[], last=0)) == {"no session dies early"}


def test_whoever_comes_too_late_has_none() -> None:
    assert brief(short(12, "after", ref="other", version=0, tokens=[], last=0)) == set()
    assert brief(short(12, "after")) == {"no session outlives its time"}


def test_an_unused_session_is_announced() -> None:
    assert broken(begun(app="short")) == {"one ended event a session"}


def test_a_refusal_needs_a_fault() -> None:
    refused = lost(9, "read", 503)
    assert broken(begun(), refused) == {"answers"}
    assert broken(begun(), refused, faults=[fault("hang", 1, 8, 9)]) == set()


def test_an_error_is_no_answer() -> None:
    assert broken(begun(), lost(9, "read", 500), faults=[fault("hang", 1, 8, 9)]) == {"answers"}


def test_a_run_without_progress_shows_nothing() -> None:
    assert broken(lost(0, "write", session="", given="")) == {"progress"}


def test_listeners_hear_of_what_visitors_were_told() -> None:
    history = History(entries=[begun()], events={"SessionCreated": 2})
    assert check(history, BOUNDS).good  # the answer to the other was lost
    history.events["SessionCreated"] = 0
    assert check(history, BOUNDS).broken == {"events agree with answers"}


def test_what_happened_is_counted() -> None:
    entries = [begun(), entry(1, "write", token=B), lost(2, "write"), lost(3, "read", 503), entry(4, "end")]
    counts = count(History(entries=entries, announcements=[said(4), said(9)]))
    assert counts == {
        "requests": 5,
        "writes": 3,
        "writes acknowledged": 2,
        "sessions": 1,
        "end acknowledged": 1,
        "cut": 1,
        "status 503": 1,
        "status 503, but stored": 0,
        "announcements": 2,
        "announced again": 1,
    }
