"""The headers of a response: Set-Cookie, Vary, Cache-Control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, everything, sets, signs_in

from sojourn import Cookie, Session, Sessions

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]
ATTRIBUTES = "; Path=/; Secure; HttpOnly; SameSite=Lax"


async def test_creating_sets_the_id_and_the_version(visitor: Visitor) -> None:
    answer = await visitor.ask(sets(a=1))
    assert answer.all("set-cookie") == [f"__Host-id={visitor.id}{ATTRIBUTES}", f"__Host-id-v=1{ATTRIBUTES}"]
    assert len(visitor.id) == 43


async def test_a_change_sets_the_version_alone(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    assert (await visitor.ask(sets(a=2))).all("set-cookie") == [f"__Host-id-v=2{ATTRIBUTES}"]


async def test_nothing_is_set_where_the_version_is_known(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    assert (await visitor.ask(everything)).cookies == {}


async def test_a_version_that_another_tab_made_is_told_when_it_is_seen(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    other = visitor.twin()
    await visitor.ask(sets(a=2))
    assert (await other.ask(lambda _: None)).cookies == {}
    assert (await other.ask(everything)).cookies == {"__Host-id-v": "2"}


async def test_renewing_and_signing_in_set_both(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    for change in (Session.renew, signs_in("alice"), signs_in(None)):
        before = visitor.id
        answer = await visitor.ask(change)
        assert answer.cookies.keys() == {"__Host-id", "__Host-id-v"}
        assert visitor.id != before
        assert visitor.id[:2] == before[:2]


async def test_ending_clears_both_with_the_same_attributes(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    cleared = f"=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT{ATTRIBUTES}"
    answer = await visitor.ask(Session.end)
    assert answer.all("set-cookie") == [f"__Host-id{cleared}", f"__Host-id-v{cleared}"]


async def test_what_was_filled_and_ended_at_once_leaves_no_trace(visitor: Visitor) -> None:
    answer = await visitor.ask(_filled_and_ended)
    assert answer.cookies == {}


async def test_the_application_can_read_the_id_that_the_visitor_will_get(visitor: Visitor) -> None:
    assert (await visitor.ask(lambda s: (s.update(a=1), s.id)[1])).value == visitor.id
    assert (await visitor.ask(lambda s: s.id)).value == visitor.id
    assert (await visitor.ask(_renewed_id)).value == visitor.id


async def test_the_settings_of_the_cookie_are_in_each(make: Make) -> None:
    cookie = Cookie(name="sid", domain="shop.example", path="/shop", same_site="None", max_age=60, partitioned=True)
    visitor = Visitor(make(cookie=cookie))
    rest = "; Path=/shop; Domain=shop.example; Secure; HttpOnly; SameSite=None; Partitioned"
    answer = await visitor.ask(sets(a=1))
    assert [line.partition(";")[2] for line in answer.all("set-cookie")] == [f" Max-Age=60{rest}"] * 2
    answer = await visitor.ask(Session.end)
    assert all(line.endswith(f"GMT{rest}") for line in answer.all("set-cookie"))


# --- Vary and Cache-Control ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "look",
    [
        everything,
        len,
        bool,
        lambda s: "a" in s,
        lambda s: s.get("a"),
        lambda s: s.principal,
        lambda s: s.mark_accessed(),
        lambda s: list(s.keys()),
        lambda s: s.setdefault("a", 1),
    ],
)
async def test_whatever_looks_at_the_session_makes_the_response_vary(
    visitor: Visitor, look: Callable[[Session], Any]
) -> None:
    assert (await visitor.ask(look)).all("vary") == ["Cookie"]
    await visitor.ask(sets(a=1))
    assert (await visitor.ask(look)).all("vary") == ["Cookie"]


async def test_a_response_that_no_session_was_looked_at_for_is_left_alone(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    headers = [(b"Vary", b"Accept"), (b"Cache-Control", b"max-age=60")]
    answer = await visitor.ask(lambda _: None, headers=headers)
    assert answer.headers == headers


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([(b"vary", b"Accept-Encoding")], ["Accept-Encoding, Cookie"]),
        ([(b"Vary", b"Accept"), (b"vary", b"Origin")], ["Accept, Origin, Cookie"]),
        ([(b"vary", b"accept, COOKIE")], ["accept, COOKIE"]),
        ([(b"vary", b"*")], ["*"]),
    ],
)
async def test_cookie_joins_the_vary_of_the_application(
    visitor: Visitor, given: list[tuple[bytes, bytes]], sent: list[str]
) -> None:
    answer = await visitor.ask(everything, headers=given)
    assert [value for name, value in _plain(answer) if name == "vary"] == sent


@pytest.mark.parametrize("header", [b"Cache-Control", b"cache-control"])
async def test_a_response_that_sets_a_cookie_is_never_stored_by_a_cache(visitor: Visitor, header: bytes) -> None:
    public = [(header, b"public, max-age=600")]
    assert _caching(await visitor.ask(sets(a=1), headers=public)) == ["no-store"]
    assert _caching(await visitor.ask(sets(a=2))) == ["no-store"]
    assert _caching(await visitor.ask(everything, headers=public)) == ["public, max-age=600"]
    assert _caching(await visitor.ask(Session.end, headers=public)) == ["no-store"]


@pytest.mark.parametrize("header", [b"cdn-cache-control", b"Cloudflare-CDN-Cache-Control", b"surrogate-control"])
async def test_a_header_for_some_caches_alone_does_not_make_them_store_a_cookie(
    visitor: Visitor, header: bytes
) -> None:
    answer = await visitor.ask(sets(a=1), headers=[(header, b"max-age=600")])
    assert header not in dict(answer.headers)
    answer = await visitor.ask(everything, headers=[(header, b"max-age=600")])
    assert dict(answer.headers)[header] == b"max-age=600"


async def test_the_cookies_of_the_application_stay(visitor: Visitor) -> None:
    answer = await visitor.ask(sets(a=1), headers=[(b"set-cookie", b"theme=dark")])
    assert answer.cookies.keys() == {"theme", "__Host-id", "__Host-id-v"}


async def test_a_response_without_headers_is_one_with_none(visitor: Visitor) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["session"]["a"] = 1
        await send({"type": "http.response.start", "status": 204})
        await send({"type": "http.response.body"})

    answer = await visitor.call(app)
    assert (answer.status, answer.cookies["__Host-id-v"]) == (204, "1")


def _filled_and_ended(session: Session) -> None:
    session["a"] = 1
    session.end()


def _renewed_id(session: Session) -> str:
    session.renew()
    return session.id


def _plain(answer: Answer) -> list[tuple[str, str]]:
    return [(name.decode().lower(), value.decode()) for name, value in answer.headers]


def _caching(answer: Answer) -> list[str]:
    return [value for name, value in _plain(answer) if name == "cache-control"]
