"""Tracking by a header, for clients that are no browsers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, application, everything, sets, signs_in

from sojourn import Session, Sessions
from sojourn.core.events import Event, IdRefused
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]
NAME = b"x-session-id"


@pytest.fixture
def make() -> Make:
    return lambda **settings: Sessions(**{"clock": FakeClock(), "tracking": ["header"], **settings})


class Client(Visitor):
    """A program that keeps what X-Session-Id told, and maybe cookies."""

    held: str | None = ""

    async def call(self, app: Any, **request: Any) -> Answer:
        headers = [(b"host", b"shop.example")]
        if self.held is not None:
            headers.append((NAME, self.held.encode()))
        answer = await _call(self, app, headers, request)
        for value in answer.all("x-session-id") if answer.messages else ():
            self.held = value
        return answer


async def _call(visitor: Visitor, app: Any, headers: list[tuple[bytes, bytes]], request: dict[str, Any]) -> Answer:
    async def with_headers(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] = headers + [each for each in scope["headers"] if each[0] == b"cookie"]
        await SessionMiddleware(app, visitor.sessions)(scope, receive, send)

    return await Visitor.call(visitor, with_headers, **{**request, "bare": True})


async def test_the_id_is_told_when_it_is_new_and_no_other_time(make: Make) -> None:
    client = Client(make())
    assert (await client.ask(everything)).all("x-session-id") == []
    answer = await client.ask(sets(a=1))
    first = client.held
    assert first is not None
    assert len(first) == 43
    assert (answer.all("x-session-id"), answer.cookies) == ([first], {})
    assert (await client.ask(sets(a=2))).all("x-session-id") == []
    assert (await client.ask(everything)).value == {"a": 2}
    await client.ask(signs_in("alice"))
    assert client.held != first
    assert (await client.ask(lambda s: s.principal)).value == "alice"


async def test_the_end_is_told_by_an_empty_one(make: Make) -> None:
    client = Client(make())
    await client.ask(sets(a=1))
    assert (await client.ask(Session.end)).all("x-session-id") == [""]
    assert (await client.ask(everything)).value == {}


async def test_an_answer_that_depends_on_it_says_so_and_one_that_tells_it_is_kept_by_no_cache(make: Make) -> None:
    client = Client(make())
    answer = await client.ask(sets(a=1), headers=[(b"cache-control", b"public")])
    assert (answer.all("cache-control"), answer.all("vary")) == (["no-store"], ["X-Session-Id"])
    answer = await client.ask(everything, headers=[(b"cache-control", b"public"), (b"vary", b"x-session-id, Accept")])
    assert (answer.all("cache-control"), answer.all("vary")) == (["public"], ["x-session-id, Accept"])
    assert (await client.ask(lambda _: None)).all("vary") == []


async def test_with_cookies_first_a_header_is_for_those_who_ask_for_it(make: Make) -> None:
    """A script could read it, and what is in a cookie is out of its reach."""
    sessions = make(tracking=["header", "cookie"])
    browser, client = Visitor(sessions), Client(sessions)
    answer = await browser.ask(sets(a=1))
    assert answer.all("x-session-id") == []
    assert answer.all("vary") == ["Cookie, X-Session-Id"]
    assert (await browser.ask(signs_in("alice"))).all("x-session-id") == []
    answer = await client.ask(sets(b=1))
    assert (len(answer.all("x-session-id")), answer.cookies) == (1, {})
    assert (await client.ask(everything)).value == {"b": 1}


async def test_two_ids_are_both_refused(make: Make) -> None:
    client = Client(make())
    told: list[Event] = []
    client.sessions.listen(told.append)
    await client.ask(sets(a=1))
    secret = str(client.held).encode()
    answer = await _call(client, application(everything), [(NAME, secret), (NAME, b"B" * 43)], {})
    assert (answer.value, told[-1]) == ({}, IdRefused(ref="", app="default"))
    answer = await _call(client, application(everything), [(NAME, secret), (NAME, secret)], {})
    assert answer.value == {"a": 1}


@pytest.mark.parametrize("value", ["", "x", "A" * 42, "A" * 44, "A" * 42 + "\n", "' or 1=1", "A" * 100_000])
async def test_what_is_no_id_opens_nothing(make: Make, value: str) -> None:
    client = Client(make())
    client.held = value
    assert (await client.ask(everything)).value == {}
    await client.ask(sets(a=1))
    assert client.held not in (value, None)


async def test_the_route_has_a_cookie_of_its_own_and_the_node_that_serves_writes_it(make: Make) -> None:
    clock = FakeClock()
    one = make(route="n1", clock=clock)
    client = Client(one)
    assert (await client.ask(sets(a=1))).cookies == {"__Host-id-route": "n1"}
    assert len(str(client.held)) == 43
    assert (await client.ask(everything)).cookies == {}
    client.sessions = make(route="n2", store=one.store, clock=clock)
    answer = await client.ask(everything)
    assert (answer.value, answer.cookies) == ({"a": 1}, {"__Host-id-route": "n2"})
    await client.ask(Session.end)
    assert client.jar == {}


async def test_where_urls_are_on_and_cookies_off_the_route_is_a_parameter(make: Make) -> None:
    clock = FakeClock()
    one = make(tracking=["header", "url"], route="n1", clock=clock)
    client = Client(one)
    link = (await client.ask(_filled_and_linked)).value
    assert link == "/next;jsessionid-route=n1"
    client.sessions = make(tracking=["header", "url"], route="n2", store=one.store, clock=clock)
    told: list[Event] = []
    client.sessions.listen(told.append)
    answer = await client.ask(lambda s: [dict(s), s.encode_url(link)], path=link)
    assert answer.value == [{"a": 1}, "/next;jsessionid-route=n2"]
    assert answer.cookies == {}
    assert [getattr(event, "came_from", None) for event in told] == ["n1"]


async def test_a_header_tracks_a_websocket_too(make: Make) -> None:
    client = Client(make())
    await client.ask(sets(a=1))
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(dict(scope["session"]))
        await send({"type": "websocket.accept"})

    await client.call(app, type="websocket", scheme="wss")
    assert seen == [{"a": 1}]


def _filled_and_linked(session: Session) -> str:
    session["a"] = 1
    return session.encode_url("/next")
