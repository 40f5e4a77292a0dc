"""What the servlet world promises of a session, and holds here: what docs/reference/servlet-contract.md names.

The names are those of the tests of Jakarta's compatibility kit (TCK), put into words.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.visitor import Visitor, everything, sets

from sojourn import Session, Sessions
from sojourn.core.events import (
    AttributeAdded,
    AttributeChanged,
    AttributeRemoved,
    AttributeReplaced,
    Event,
    IdRenewed,
    SessionActivated,
    SessionCreated,
    SessionEnded,
    SessionPassivated,
)
from sojourn.errors import SessionEnded as Ended
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("bare")

PAGE = Path(__file__).parents[2] / "docs/reference/servlet-contract.md"


async def test_is_new_until_the_visitor_comes_back_with_the_id(visitor: Visitor) -> None:
    assert (await visitor.ask(lambda session: [session.update(n=1), session.is_new])).value == [None, True]
    assert (await visitor.ask(lambda session: session.is_new)).value is False


async def test_a_visitor_who_refuses_the_cookie_is_new_each_time(sessions: Sessions) -> None:
    refuses = Visitor(sessions)
    for _ in range(2):
        answer = await refuses.ask(lambda session: [session.update(n=1), session.is_new], keep=False)
        assert answer.value[1] is True
    assert len(await sessions.find()) == 2


async def test_the_creation_time_stays(visitor: Visitor, clock: FakeClock) -> None:
    created = (await visitor.ask(lambda session: [session.update(n=1), session.created_at])).value[1]
    clock.advance(minutes=5)
    assert (await visitor.ask(lambda session: session.created_at)).value == created


async def test_the_last_access_is_that_of_the_previous_request(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(n=1))
    times = []
    for _ in range(3):
        clock.advance(minutes=5)
        times.append((clock.now, (await visitor.ask(lambda session: [session.get("n"), session.accessed_at])).value[1]))
        await visitor.sessions.flush()
    assert [accessed for _, accessed in times[1:]] == [now for now, _ in times[:-1]]


async def test_using_attributes_does_not_move_the_last_access(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(n=1))
    clock.advance(minutes=5)

    def use(session: Session) -> list[float]:
        before = session.accessed_at
        session["n"] = session["n"] + 1
        return [before, session.accessed_at]

    before, after = (await visitor.ask(use)).value
    assert before == after


async def test_a_session_that_was_not_used_for_its_time_is_over(visitor: Visitor, clock: FakeClock) -> None:
    await visitor.ask(sets(n=1))
    clock.advance(minutes=29)
    assert (await visitor.ask(everything)).value == {"n": 1}
    clock.advance(minutes=32)
    assert (await visitor.ask(everything)).value == {}


@pytest.mark.parametrize(
    "use",
    [
        lambda session: session["n"],
        list,
        lambda session: session.update(n=2),
        lambda session: session.pop("n"),
        lambda session: session.end(),
        lambda session: session.renew(),
    ],
    ids=["getAttribute", "getAttributeNames", "setAttribute", "removeAttribute", "invalidate", "changeSessionId"],
)
async def test_an_ended_session_refuses_use(visitor: Visitor, use: Any) -> None:
    await visitor.ask(sets(n=1))

    def end(session: Session) -> None:
        session.end()
        with pytest.raises(Ended, match="has ended"):
            use(session)

    await visitor.ask(end)


async def test_an_ended_session_can_still_be_named(visitor: Visitor) -> None:
    ref = (await visitor.ask(lambda session: [session.update(n=1), session.ref])).value[1]

    def end(session: Session) -> str:
        session.end()
        return session.ref

    assert (await visitor.ask(end)).value == ref


async def test_what_is_ended_is_gone_for_the_next_request(visitor: Visitor) -> None:
    await visitor.ask(sets(n=1))
    before = visitor.twin()
    await visitor.ask(Session.end)
    assert (await before.ask(everything)).value == {}


async def test_attributes_are_set_read_named_and_removed(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1, b=2))
    assert (await visitor.ask(lambda session: [session["a"], sorted(session)])).value == [1, ["a", "b"]]
    await visitor.ask(lambda session: session.pop("a"))
    assert (await visitor.ask(everything)).value == {"b": 2}


async def test_removing_what_is_not_there_does_nothing(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    assert (await visitor.ask(lambda session: session.pop("b", None))).value is None
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_a_change_of_the_id_is_told_and_keeps_the_session(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    before = visitor.id
    await visitor.ask(Session.renew)
    assert visitor.id != before
    assert (await visitor.ask(everything)).value == {"a": 1}
    assert [type(event) for event in told] == [SessionCreated, IdRenewed]
    assert told[0].ref == told[1].ref


async def test_attribute_listeners_are_told_with_the_old_value(visitor: Visitor) -> None:
    told: list[AttributeChanged] = []
    visitor.sessions.listen(told.append, AttributeChanged)
    await visitor.ask(sets(a=1))
    await visitor.ask(sets(a=2))
    await visitor.ask(lambda session: session.pop("a"))
    assert [(type(event), event.name, event.old, event.value) for event in told] == [
        (AttributeAdded, "a", None, 1),
        (AttributeReplaced, "a", 1, 2),
        (AttributeRemoved, "a", 2, None),
    ]


async def test_listeners_are_told_in_the_order_in_which_they_came(visitor: Visitor) -> None:
    order: list[str] = []
    visitor.sessions.listen(lambda _: order.append("first"), SessionCreated)
    visitor.sessions.listen(lambda _: order.append("second"), SessionCreated)
    await visitor.ask(sets(a=1))
    assert order == ["first", "second"]


async def test_a_listener_of_the_end_still_reads_what_it_held(visitor: Visitor) -> None:
    held: list[Any] = []
    visitor.sessions.listen(lambda event: held.append(event.attributes()), SessionEnded)
    await visitor.ask(sets(a=1))
    await visitor.ask(Session.end)
    assert held == [{"a": 1}]


async def test_a_session_that_moves_to_another_node_is_told_of(make: Any) -> None:
    here, there = make(node="n1"), make(node="n2")
    told: list[tuple[str, str]] = []
    here.listen(lambda event: told.append(("n1", type(event).__name__)), SessionPassivated)
    there.listen(lambda event: told.append(("n2", type(event).__name__)), SessionActivated)
    visitor = Visitor(here)
    await visitor.ask(sets(a=1))
    await visitor.twin(there).ask(sets(a=2))
    assert told == [("n1", "SessionPassivated"), ("n2", "SessionActivated")]


async def test_a_session_is_used_outside_of_a_request_by_its_ref(visitor: Visitor) -> None:
    ref = (await visitor.ask(lambda session: [session.update(a=1), session.ref])).value[1]
    async with visitor.sessions.access(ref) as session:
        session["a"] = 2
    assert (await visitor.ask(everything)).value == {"a": 2}


async def test_applications_of_different_names_do_not_share_a_session(make: Any) -> None:
    shop, blog = make(app="shop"), make(app="blog")
    visitor = Visitor(shop)
    await visitor.ask(sets(a=1))
    assert (await visitor.twin(blog).ask(everything)).value == {}


def test_every_test_that_the_page_names_is_here() -> None:
    named = {word.strip("`") for word in PAGE.read_text().split() if word.startswith("`test_")}
    assert named == {name for name in globals() if name.startswith("test_")} - {
        "test_every_test_that_the_page_names_is_here"
    }
