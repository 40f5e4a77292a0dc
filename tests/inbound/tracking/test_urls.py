"""URL rewriting from end to end: visitors without cookies, and with both."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, everything, respond, sets, signs_in

from sojourn import Lifetime, Session, Sessions
from sojourn.core.events import Event, IdRefused
from sojourn.inbound.tracking.rewriting import Rewriting
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]
URL = re.compile(r";jsessionid=([A-Za-z0-9_-]{43})(?:\.([a-z0-9]+))?")


@pytest.fixture
def make() -> Make:
    """These rules are the same over every store."""
    return lambda **settings: Sessions(**{"clock": FakeClock(), "tracking": ["url"], **settings})


class Walker(Visitor):
    """Somebody who keeps no cookies and follows links."""

    link = "/"

    async def ask(self, action: Any, *, status: int = 200, **request: Any) -> Answer:
        return await super().ask(_then_links(action), status=status, **{"path": self.link, "keep": False, **request})

    async def follow(self, action: Any, **request: Any) -> Any:
        """Do `action` at the page of the last link; returns what it returned."""
        answer = await self.ask(action, **request)
        result, self.link = answer.value
        return result

    @property
    def id(self) -> str:
        found = URL.search(self.link)
        return "" if found is None else found[1]


def _then_links(action: Any) -> Callable[[Session], Any]:
    return lambda session: (action(session), session.encode_url("/next"))


async def test_without_a_session_urls_are_unchanged_and_none_is_created(make: Make) -> None:
    sessions = make()
    walker = Walker(sessions)
    for action in (lambda _: None, everything, lambda s: s.encode_redirect_url("/a")):
        await walker.follow(action)
        assert walker.link == "/next"
    assert await sessions.find() == []


async def test_afterwards_every_encoded_url_carries_it(make: Make) -> None:
    walker = Walker(make())
    await walker.follow(sets(a=1))
    assert walker.id
    first = walker.link
    for _ in range(3):
        assert await walker.follow(everything) == {"a": 1}
        assert walker.link == first


async def test_a_sign_in_is_a_session_and_its_urls_carry_the_new_id(make: Make) -> None:
    walker = Walker(make())
    await walker.follow(sets(cart=1))
    before = walker.link
    await walker.follow(signs_in("alice"))
    assert walker.link != before
    assert await walker.follow(lambda s: [s.principal, s["cart"]]) == ["alice", 1]
    old = Walker(walker.sessions)
    old.link = before
    assert await old.follow(everything) == {}


async def test_after_the_end_urls_are_unchanged_and_old_ones_open_nothing(make: Make) -> None:
    walker = Walker(make())
    await walker.follow(sets(a=1))
    old = walker.link
    await walker.follow(Session.end)
    assert walker.link == "/next"
    walker.link = old
    assert await walker.follow(everything) == {}
    assert walker.link == "/next"


async def test_no_cookie_is_set_where_they_are_off_nor_any_read(make: Make) -> None:
    walker = Walker(make())
    answer = await walker.ask(sets(a=1))
    assert answer.cookies == {}
    secret = URL.search(answer.value[1])
    assert secret is not None
    visitor = Visitor(walker.sessions)
    assert (await visitor.ask(everything, cookies=[f"__Host-id={secret[1]}".encode()])).value == {}


async def test_with_rewriting_off_urls_stay_and_a_parameter_is_a_part_of_the_path(make: Make) -> None:
    visitor = Visitor(make(tracking=["cookie"]))
    answer = await visitor.ask(_then_links(sets(a=1)))
    assert answer.value[1] == "/next"
    stranger, path = Visitor(visitor.sessions), f"/a;jsessionid={visitor.id}"
    seen: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["path"])
        await respond(send, str(dict(scope["session"])).encode())

    assert (await stranger.call(app, path=path)).body == "{}"
    assert seen == [path]


async def test_the_application_routes_by_a_path_without_it_and_so_do_servers_that_log(make: Make) -> None:
    walker = Walker(make())
    await walker.follow(sets(a=1))
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append((scope["path"], scope["raw_path"], dict(scope["session"])))
        await respond(send)

    raw = f"/caf%C3%A9/x;jsessionid={walker.id};v=1"
    scope: dict[str, Any] = {"path": f"/café/x;jsessionid={walker.id};v=1", "raw_path": raw.encode()}
    await walker.call(app, **scope)
    assert seen == [("/café/x;v=1", b"/caf%C3%A9/x;v=1", {"a": 1})]


async def test_with_both_on_urls_are_encoded_even_when_the_cookie_came_back(make: Make) -> None:
    for always in (True, False):
        visitor = Visitor(make(tracking=["cookie", "url"], rewriting=Rewriting(always_encode=always)))
        first = (await visitor.ask(_then_links(sets(a=1)))).value[1]
        assert first == f"/next;jsessionid={visitor.id}"  # nobody knows yet whether the cookie will come back
        again = (await visitor.ask(_then_links(everything))).value[1]
        assert again == (first if always else "/next")
        without = Walker(visitor.sessions)
        without.link = first
        assert await without.follow(everything) == {"a": 1}
        assert without.link == first


async def test_an_id_that_came_in_a_url_is_not_put_into_a_cookie_until_it_is_a_new_one(make: Make) -> None:
    """The URL may have been sent by somebody else."""
    walker = Walker(make(tracking=["cookie", "url"]))
    assert (await walker.ask(sets(a=1))).cookies.keys() == {"__Host-id", "__Host-id-v"}
    await walker.follow(sets(a=1))
    assert (await walker.ask(sets(a=2))).cookies == {}
    assert (await walker.ask(signs_in("alice"))).cookies.keys() == {"__Host-id", "__Host-id-v"}


async def test_the_end_clears_the_cookie_of_who_came_with_both(make: Make) -> None:
    visitor = Visitor(make(tracking=["url", "cookie"]))
    link = (await visitor.ask(_then_links(sets(a=1)))).value[1]
    await visitor.ask(Session.end, path=link)
    assert visitor.jar == {}


async def test_the_version_is_kept_for_who_came_with_both(make: Make) -> None:
    visitor = Visitor(make(tracking=["url", "cookie"]))
    link = (await visitor.ask(_then_links(sets(a=1)))).value[1]
    await visitor.ask(sets(a=2), path=link)
    assert visitor.told == "2"


async def test_two_ids_in_one_url_are_both_refused_and_told(make: Make) -> None:
    walker, other = Walker(make()), Walker(make())
    told: list[Event] = []
    walker.sessions.listen(told.append)
    await walker.follow(sets(a=1))
    await other.follow(sets(a=2))
    mine = walker.link
    walker.link = f"{mine}/x;jsessionid={other.id}"
    assert await walker.follow(everything) == {}
    assert IdRefused(ref="", app="default") in told
    walker.link = f"{mine}/x;jsessionid={URL.search(mine)[1]}"  # type: ignore[index]
    assert await walker.follow(everything) == {"a": 1}


@pytest.mark.parametrize("id_", ["", "x", "A" * 42, "A" * 44, f"{'A' * 43}.", "../../etc", "é" * 43, "%41" * 43])
async def test_what_is_no_id_opens_nothing_and_is_taken_out_all_the_same(make: Make, id_: str) -> None:
    walker = Walker(make())
    walker.link = f"/a;jsessionid={id_.replace('/', '')}"
    assert await walker.follow(everything) == {}
    assert walker.link == "/next"


async def test_the_route_goes_along_and_another_node_writes_its_own(make: Make) -> None:
    clock = FakeClock()
    one = make(route="n1", clock=clock)
    walker = Walker(one)
    await walker.follow(sets(a=1))
    assert walker.link.endswith(".n1")
    walker.sessions = make(route="n2", store=one.store, clock=clock)
    assert await walker.follow(everything) == {"a": 1}
    assert walker.link.endswith(".n2")
    assert await walker.follow(everything) == {"a": 1}


async def test_by_age_no_id_is_replaced_that_is_in_urls_alone(make: Make) -> None:
    """Nobody could tell the visitor's open pages."""
    clock = FakeClock()
    walker = Walker(make(lifetime=Lifetime(idle=None, renew=60), clock=clock))
    await walker.follow(sets(a=1))
    first = walker.link
    for _ in range(3):
        clock.advance(seconds=100)
        assert await walker.follow(everything) == {"a": 1}
        assert walker.link == first


async def test_by_age_the_id_is_replaced_where_a_cookie_tells_the_new_one(make: Make) -> None:
    clock = FakeClock()
    visitor = Visitor(make(tracking=["cookie", "url"], lifetime=Lifetime(idle=None, renew=60), clock=clock))
    await visitor.ask(sets(a=1))
    before = visitor.id
    clock.advance(seconds=100)
    await visitor.ask(everything)
    assert visitor.id != before
    assert (await visitor.ask(_then_links(everything))).value == [{"a": 1}, f"/next;jsessionid={visitor.id}"]


# --- what must not leak ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([], ["strict-origin"]),
        ([(b"Referrer-Policy", b"strict-origin-when-cross-origin")], ["strict-origin"]),
        ([(b"referrer-policy", b"unsafe-url")], ["strict-origin"]),
        ([(b"referrer-policy", b"no-referrer, unsafe-url")], ["strict-origin"]),
        ([(b"referrer-policy", b"same-origin")], ["strict-origin"]),
        ([(b"referrer-policy", b"no-referrer")], ["no-referrer"]),
        ([(b"referrer-policy", b"Strict-Origin")], ["Strict-Origin"]),
    ],
)
async def test_a_page_whose_url_has_an_id_tells_nobody_its_path_and_its_own_forms_its_origin(
    make: Make, given: list[tuple[bytes, bytes]], sent: list[str]
) -> None:
    walker = Walker(make(skip=["/static/"]))
    await walker.follow(sets(a=1))
    for action in (everything, lambda _: None):
        answer = await Visitor.ask(walker, action, path=walker.link, headers=given)
        assert [value.decode() for name, value in answer.headers if name.lower() == b"referrer-policy"] == sent

    async def picture(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, headers=given)

    answer = await walker.call(picture, path=f"/static/a.css;jsessionid={walker.id}")
    assert [value.decode() for name, value in answer.headers if name.lower() == b"referrer-policy"] == sent


async def test_other_pages_are_left_to_their_policy(make: Make) -> None:
    visitor = Visitor(make(tracking=["cookie", "url"]))
    answer = await visitor.ask(_then_links(sets(a=1)))
    assert answer.all("referrer-policy") == []


async def test_a_page_that_holds_the_id_is_kept_by_no_cache(make: Make) -> None:
    public = [(b"cache-control", b"public, max-age=600")]
    visitor = Visitor(make(tracking=["cookie", "url"]))
    await visitor.ask(sets(a=1))
    answer = await visitor.ask(_then_links(everything), headers=public)
    assert (answer.all("cache-control"), answer.all("vary")) == (["no-store"], ["Cookie"])
    answer = await visitor.ask(everything, headers=public)
    assert answer.all("cache-control") == ["public, max-age=600"]
    answer = await Visitor(visitor.sessions).ask(_then_links(lambda _: None), headers=public)
    assert answer.all("cache-control") == ["public, max-age=600"]  # but not for those with a session:
    assert answer.all("vary") == ["Cookie"]
    walker = Walker(make())
    assert (await walker.ask(lambda _: None, headers=public)).all("vary") == []


async def test_our_logs_and_errors_hold_no_id_that_came_in_a_url(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    walker = Walker(make(on_conflict="fail"))
    await walker.follow(sets(a=1))
    answer = await walker.call(_failing, path=walker.link)
    assert answer.error is not None
    assert walker.id not in caplog.text + repr(answer.error) + answer.body


async def _failing(scope: Any, receive: Any, send: Any) -> None:
    scope["session"]["a"] = object()
    raise RuntimeError(f"{scope['path']} {scope['session']!r}")


# --- whose it is -----------------------------------------------------------------------------------------------------


async def test_a_second_browser_cannot_use_the_first_ones_url_once_identity_is_on(make: Make) -> None:
    class User:
        def __init__(self, name: str) -> None:
            self.identity = name
            self.is_authenticated = True

    walker = Walker(make(identity="request"))
    await walker.follow(sets(a=1), user=User("alice"))
    await walker.follow(everything, user=User("alice"))
    thief = Walker(walker.sessions)
    strangers: list[dict[str, Any]] = [{"user": User("mallory")}, {}]
    for who in strangers:
        thief.link = walker.link
        answer = await thief.call(_dump, path=thief.link, **who)
        assert answer.status == 403
        assert walker.id not in answer.body
    assert await walker.follow(everything, user=User("alice")) == {"a": 1}


async def _dump(scope: Any, receive: Any, send: Any) -> None:
    await respond(send, str(dict(scope["session"])).encode())


# --- a page that is streamed, a request that was skipped -------------------------------------------------------------


async def test_links_can_be_encoded_while_the_answer_is_sent(make: Make) -> None:
    walker = Walker(make())
    await walker.follow(sets(a=1))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        len(scope["session"])
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["session"].encode_url("/late").encode()})

    assert (await walker.call(app, path=walker.link)).body == f"/late;jsessionid={walker.id}"


async def test_a_path_without_sessions_encodes_nothing(make: Make) -> None:
    walker = Walker(make(skip=["/static/"]))
    await walker.follow(sets(a=1))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await respond(send, scope["session"].encode_url("/x").encode())

    assert (await walker.call(app, path=f"/static/x;jsessionid={walker.id}")).body == "/x"
