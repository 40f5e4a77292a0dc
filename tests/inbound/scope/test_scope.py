"""Several applications share an id, and each keeps a session of its own under it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from tests.fixtures.visitor import Answer, Visitor, everything, sets, signs_in

from sojourn import Cookie, Lifetime, Near, Session, Sessions
from sojourn.core.events import Event, SessionCreated, SessionEnded
from sojourn.errors import SettingError
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
Seen = Callable[..., Awaitable[Answer]]
Visit = Callable[..., tuple[Visitor, Visitor]]


def principal(session: Session) -> str | None:
    return session.principal


async def test_an_id_that_one_application_gave_out_is_good_in_the_others(visit: Visit) -> None:
    shop, blog = visit()
    await shop.ask(sets(cart=1))
    before = shop.id
    assert (await blog.ask(sets(draft="…"))).cookies == {}
    assert blog.id == before


async def test_each_application_has_its_own_session_under_it(visit: Visit) -> None:
    shop, blog = visit()
    await shop.ask(sets(n=1))
    await blog.ask(sets(n=2))
    assert (await shop.ask(everything)).value == {"n": 1}
    assert (await blog.ask(everything)).value == {"n": 2}


async def test_the_sessions_have_names_of_their_own(visit: Visit, shop: Sessions, blog: Sessions) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    [one], [two] = await shop.find(), await blog.find()
    assert (one.app, two.app, one.ref == two.ref) == ("shop", "blog", False)


async def test_who_only_looks_at_an_application_gets_nothing_there(visit: Visit, blog: Sessions) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    answer = await in_blog.ask(lambda session: [session.is_new, session.version, session.expires_at, dict(session)])
    assert (answer.value, answer.cookies) == ([True, 0, None, {}], {})
    assert await blog.find() == []


async def test_a_session_is_new_until_the_visitor_comes_back_with_it(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))

    def look(session: Session) -> list[object]:
        session["n"] = session.get("n", 0) + 1
        return [session.is_new, session.version]

    assert [(await in_blog.ask(look)).value for _ in range(3)] == [[True, 0], [False, 1], [False, 2]]


async def test_an_id_that_nobody_gave_out_is_not_taken_up(visit: Visit) -> None:
    in_shop, _ = visit()
    in_shop.jar["__Host-id"] = "A" * 43
    await in_shop.ask(sets(n=1))
    assert in_shop.id != "A" * 43


async def test_applications_that_do_not_share_do_not_know_it(visit: Visit, make: Make) -> None:
    in_shop, _ = visit()
    await in_shop.ask(sets(n=1))
    before = in_shop.id
    alone = in_shop.twin(make(app="alone"))
    assert (await alone.ask(everything)).value == {}
    await alone.ask(sets(n=2))
    assert alone.id != before


async def test_the_place_of_a_session_is_no_id(visit: Visit, shop: Sessions) -> None:
    in_shop, stranger = visit()[0], visit()[0]
    await in_shop.ask(sets(n=1))
    stranger.jar["__Host-id"] = (await shop.find())[0].key[2:]
    assert (await stranger.ask(everything)).value == {}


async def test_all_that_is_under_an_id_can_rest_in_one_slot_of_a_cluster(visit: Visit, blog: Sessions) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    await in_blog.ask(signs_in("alice"))
    assert (await blog.find())[0].key[:2] == in_shop.id[:2] == in_blog.id[:2]


async def test_a_sign_in_gives_a_new_id_for_all_applications(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    before = in_shop.id
    await in_shop.ask(signs_in("alice"))
    assert in_shop.id != before
    assert (await in_shop.ask(everything)).value == {"n": 1}
    assert (await in_blog.ask(everything)).value == {"n": 2}


async def test_after_a_sign_in_the_old_id_opens_nothing_anywhere(visit: Visit, seen: Seen) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    old = [in_shop.twin(), in_blog.twin()]
    await in_blog.ask(signs_in("alice"))
    assert [(await seen(each, everything, {})).value for each in old] == [{}, {}]


async def test_who_comes_with_the_old_id_makes_nothing_under_it(visit: Visit, shop: Sessions) -> None:
    in_shop, in_blog = visit()
    await in_blog.ask(sets(n=2))
    late = in_shop.twin()
    await in_blog.ask(signs_in("alice"))
    await late.ask(sets(n=1))
    assert (late.jar["__Host-id"] == in_blog.id, await shop.find()) == (False, [])


async def test_a_sign_in_is_one_to_its_application_alone(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_blog.ask(sets(n=2))
    await in_shop.ask(signs_in("alice"))
    assert (await in_shop.ask(principal)).value == "alice"
    assert (await in_blog.ask(principal)).value is None
    await in_blog.ask(signs_in("bob"))
    assert [(await each.ask(principal)).value for each in (in_shop, in_blog)] == ["alice", "bob"]


async def test_a_sign_in_may_be_the_first_that_an_application_has_of_a_visitor(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    before = in_shop.id
    await in_blog.ask(signs_in("alice"))
    assert in_blog.id != before
    assert (await in_blog.ask(principal)).value == "alice"
    assert (await in_shop.ask(everything)).value == {"n": 1}


async def test_a_session_may_be_stored_and_then_signed_in_to_in_one_request(visit: Visit) -> None:
    in_shop, in_blog = visit()

    async def both(session: Session) -> None:
        session["n"] = 1
        await session.save()
        session.principal = "alice"

    await in_shop.ask(both)
    before = in_shop.id
    await in_blog.ask(both)
    assert in_blog.id != before
    assert [(await each.ask(everything)).value for each in (in_shop, in_blog)] == [{"n": 1}, {"n": 1}]
    assert [(await each.ask(principal)).value for each in (in_shop, in_blog)] == ["alice", "alice"]


async def test_an_id_that_is_old_is_renewed_for_all(share: Make, clock: FakeClock, visit: Visit) -> None:
    lifetime = Lifetime(renew=600)
    in_shop, in_blog = visit(share("shop", lifetime=lifetime), share("blog", lifetime=lifetime))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    old = in_blog.twin()
    clock.advance(seconds=600)
    answer = await in_shop.ask(everything)
    assert "__Host-id" in answer.cookies
    clock.advance(seconds=1)
    assert "__Host-id" not in (await in_blog.ask(sets(m=3))).cookies
    assert (await old.ask(everything)).value == {"n": 2, "m": 3}  # for a while
    clock.advance(seconds=61)
    assert (await old.ask(everything)).value == {}
    assert (await in_blog.ask(everything)).value == {"n": 2, "m": 3}
    assert (await in_shop.ask(everything)).value == {"n": 1}


async def test_where_there_is_no_session_age_makes_none(share: Make, clock: FakeClock, visit: Visit) -> None:
    in_shop, in_blog = visit(share("shop"), blog := share("blog", lifetime=Lifetime(renew=600)))
    await in_shop.ask(sets(n=1))
    clock.advance(seconds=700)
    assert (await in_blog.ask(everything)).cookies == {}
    assert await blog.find() == []


async def test_ending_one_leaves_the_others_and_the_id(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    before = in_shop.id
    assert (await in_blog.ask(lambda session: session.end())).cookies == {}
    assert (in_shop.id, (await in_shop.ask(everything)).value) == (before, {"n": 1})
    assert (await in_blog.ask(everything)).value == {}


async def test_after_an_end_another_session_can_begin_under_the_id(visit: Visit, blog: Sessions) -> None:
    in_shop, in_blog = visit()
    told: list[Event] = []
    blog.listen(told.append, SessionCreated, SessionEnded)
    await in_shop.ask(sets(n=1))
    for n in (2, 3):
        await in_blog.ask(sets(n=n))
        assert (await in_blog.ask(everything)).value == {"n": n}
        await in_blog.ask(lambda session: session.end())
    assert [type(each) for each in told] == [SessionCreated, SessionEnded] * 2
    assert len({each.ref for each in told}) == 2


async def test_what_only_one_application_has_ends_there(visit: Visit) -> None:
    in_shop, _ = visit()
    await in_shop.ask(sets(n=1))
    late = in_shop.twin()
    await in_shop.ask(lambda session: session.end())
    assert (await late.ask(everything)).value == {}


async def test_a_session_that_is_somebodys_is_so_in_its_application_alone(share: Make, visit: Visit) -> None:
    in_shop, in_blog = visit(share("shop"), blog := share("blog", identity=lambda request: "alice"))
    await in_shop.ask(sets(n=1))
    before = in_shop.id
    assert (await in_blog.ask(everything)).cookies == {}
    await in_blog.ask(sets(n=2))
    assert in_blog.id != before
    assert [record.principal for record in await blog.find()] == ["alice"]
    assert (await in_shop.ask(everything)).value == {"n": 1}


async def test_a_block_to_oneself_counts_right_under_a_shared_id(visit: Visit) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))

    async def count(session: Session) -> int:
        async with session.exclusive():
            session["n"] = session.get("n", 0) + 1
        return int(session["n"])

    assert [(await in_blog.ask(count)).value for _ in range(3)] == [1, 2, 3]


async def test_a_session_is_found_and_changed_outside_of_its_requests(visit: Visit, blog: Sessions) -> None:
    in_shop, in_blog = visit()
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    [record] = await blog.find()
    async with blog.access(record.ref) as session:
        session["n"] = 3
    assert (await in_blog.ask(everything)).value == {"n": 3}


async def test_names_of_applications_that_are_no_words_travel_in_cookies(share: Make, visit: Visit) -> None:
    one, two = visit(share("a b;ü="), share("a b;ü=2"))
    await one.ask(sets(n=1))
    await two.ask(sets(n=2))
    assert [(await each.ask(everything)).value for each in (one, two)] == [{"n": 1}, {"n": 2}]


async def test_a_route_goes_along(share: Make, visit: Visit) -> None:
    in_shop, in_blog = visit(share("shop", route="n1"), share("blog", route="n2"))
    await in_shop.ask(sets(n=1))
    assert in_shop.id.endswith(".n1")
    await in_blog.ask(sets(n=2))
    assert in_blog.id.endswith(".n2")
    assert (await in_shop.ask(everything)).value == {"n": 1}


async def test_each_application_has_settings_of_its_own(share: Make, clock: FakeClock, visit: Visit) -> None:
    short, long = share("shop", lifetime=Lifetime(idle=600)), share("blog", lifetime=Lifetime(idle=6000))
    in_shop, in_blog = visit(short, long)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    clock.advance(seconds=700)
    assert (await in_shop.ask(everything)).value == {}
    assert (await in_blog.ask(everything)).value == {"n": 2}


async def test_the_id_lives_as_long_as_any_session_under_it(share: Make, clock: FakeClock, visit: Visit) -> None:
    in_shop, in_blog = visit(share("shop", lifetime=Lifetime(idle=7200)), share("blog", lifetime=Lifetime(idle=600)))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    for _ in range(40):
        clock.advance(seconds=500)
        await in_blog.ask(everything)
        await in_blog.sessions.flush()
    assert (await in_blog.ask(everything)).value == {"n": 2}
    clock.advance(seconds=590)
    assert (await in_blog.ask(everything)).value == {"n": 2}
    assert (await in_shop.ask(everything)).value == {}  # that one was not used


async def test_nothing_is_left_when_all_have_expired(share: Make, clock: FakeClock, visit: Visit) -> None:
    in_shop, in_blog = visit(shop := share("shop"), blog := share("blog"))
    told: list[Event] = []
    shop.listen(told.append, SessionEnded)
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    clock.advance(seconds=7200)
    assert (await shop.sweep(), await blog.sweep()) == (2, 0)
    assert sorted(each.app for each in told) == ["blog", "shop"]


@pytest.mark.parametrize(
    "settings",
    [
        {"save": "async"},
        {"tracking": ["url", "cookie"]},
        {"tracking": ["header"]},
        {"takes_over": [object()]},
        {"store": "memory:"},
        {"near": Near()},
        {"outage": "anonymous"},
    ],
    ids=lambda settings: next(iter(settings)),
)
def test_what_cannot_be_had_with_a_shared_id_is_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match="share_id"):
        Sessions(**{"store": "sqlite:///never-opened.db", **settings}, share_id=True)  # type: ignore[arg-type]


async def test_what_a_framework_has_for_its_cookies_is_taken_up(share: Make, visit: Visit) -> None:
    in_shop, in_blog = visit(share("shop"), share("blog"))
    for each in (in_shop, in_blog):
        each.sessions.assume(cookie=Cookie(name="sid", secure=False))
    await in_shop.ask(sets(n=1))
    await in_blog.ask(sets(n=2))
    assert list(in_shop.jar) == ["sid"]
    assert (await in_blog.ask(everything)).value == {"n": 2}
