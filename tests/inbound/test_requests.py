"""What a request asks of the store, and which cookies it may come with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.visitor import Message, Receive, Scope, Send, Visitor, everything, respond, sets
from tests.fixtures.watched import WatchedStore

from sojourn import Cookie, Session, Sessions
from sojourn.core import events
from sojourn.core.events import Event
from sojourn.errors import OutsideRequest, SettingError
from sojourn.testing import FakeClock

Make = Callable[..., Sessions]
STRANGER = "A" * 43


async def test_a_session_is_created_by_what_is_put_into_it(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(everything)
    assert (visitor.jar, store.calls) == ({}, [])
    await visitor.ask(sets(cart=["pen"]))
    assert store.calls == ["save"]
    assert (await visitor.ask(everything)).value == {"cart": ["pen"]}


@pytest.mark.parametrize(
    "look",
    [
        everything,
        len,
        lambda s: "cart" in s,
        lambda s: s.get("cart"),
        lambda s: s.ref,
        lambda s: s.principal,
        lambda s: s.update(cart=1) or s.pop("cart"),
        lambda s: s.mark_accessed(),
        lambda s: s.end(),
    ],
)
async def test_a_visitor_without_a_session_costs_no_store_operation(
    visitor: Visitor, store: WatchedStore, look: Callable[[Session], Any]
) -> None:
    answer = await visitor.ask(look)
    assert (store.calls, answer.cookies) == ([], {})


async def test_reading_writes_nothing(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(cart={"items": ["pen"]}, seen=1))
    store.calls.clear()
    answer = await visitor.ask(lambda s: (s["cart"]["items"][0], s.ref, len(s), s.version))
    assert (store.calls, answer.cookies) == (["load"], {})


async def test_a_change_undone_writes_nothing(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(cart={"items": ["pen"]}))
    store.calls.clear()
    await visitor.ask(lambda s: (s["cart"]["items"].append("ink"), s["cart"]["items"].pop(), s.update(a=1), s.pop("a")))
    assert store.calls == ["load"]


async def test_a_change_deep_inside_is_kept(visitor: Visitor) -> None:
    await visitor.ask(sets(cart={"items": [{"name": "pen"}]}))
    await visitor.ask(lambda s: s["cart"]["items"][0].update(count=2))
    assert (await visitor.ask(everything)).value == {"cart": {"items": [{"name": "pen", "count": 2}]}}


async def test_an_application_that_does_not_look_at_the_session_only_costs_a_load(
    visitor: Visitor, store: WatchedStore, clock: FakeClock
) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    clock.advance(minutes=20)
    answer = await visitor.ask(lambda _: None)
    await visitor.sessions.flush()
    assert (store.calls, answer.all("vary"), answer.cookies) == (["load"], [], {})


# --- paths without sessions ------------------------------------------------------------------------------------------


async def test_skipped_paths_load_nothing_and_refuse_the_session(make: Make, store: WatchedStore) -> None:
    visitor = Visitor(make(skip=["/static/", "/health"]))
    await visitor.ask(sets(a=1))
    store.calls.clear()
    answer = await visitor.ask(lambda _: None, path="/static/shop.css")
    assert (store.calls, answer.cookies, answer.all("vary")) == ([], {}, [])
    for use in (everything, sets(a=2), lambda s: s.end(), lambda s: s.save()):
        with pytest.raises(OutsideRequest, match="skip"):
            await visitor.ask(use, path="/health")
    assert store.calls == []


async def test_a_skipped_path_refuses_the_session_after_the_first_byte_too(make: Make) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        everything(scope["session"])

    answer = await Visitor(make(skip=["/static/"])).call(app, path="/static/shop.css")
    assert isinstance(answer.error, OutsideRequest)
    assert "skip" in str(answer.error)


@pytest.mark.parametrize("request_", [{"method": "OPTIONS"}, {"status": 401}])
async def test_preflights_and_refusals_are_no_use(
    visitor: Visitor, store: WatchedStore, clock: FakeClock, request_: dict[str, Any]
) -> None:
    await visitor.ask(sets(a=1))
    store.calls.clear()
    clock.advance(minutes=20)
    await visitor.ask(everything, **request_)
    await visitor.sessions.flush()
    assert store.calls == ["load"]


# --- cookies of a request --------------------------------------------------------------------------------------------


async def test_an_id_that_was_never_issued_is_not_adopted(visitor: Visitor, store: WatchedStore) -> None:
    visitor.jar["__Host-id"] = STRANGER
    await visitor.ask(sets(a=1))
    assert visitor.id != STRANGER
    assert visitor.id[:2] != STRANGER[:2]
    planted = Visitor(visitor.sessions)
    planted.jar["__Host-id"] = STRANGER
    assert (await planted.ask(everything)).value == {}


@pytest.mark.parametrize("value", ["short", "x" * 44, "../" + "x" * 40, "x" * 42 + "*", "x" * 1_000_000, "", "\0" * 43])
async def test_what_cannot_be_an_id_never_reaches_the_store(visitor: Visitor, store: WatchedStore, value: str) -> None:
    answer = await visitor.call(_reads, cookies=[b"__Host-id=" + value.encode()])
    assert (answer.value, store.calls, answer.cookies) == ({}, [], {})


async def _reads(scope: Scope, receive: Receive, send: Send) -> None:
    await respond(send, json.dumps(dict(scope["session"])).encode())


async def test_every_cookie_header_of_a_request_is_read(visitor: Visitor) -> None:
    await visitor.ask(sets(a=1))
    mine = f"__Host-id={visitor.id}".encode()
    version = f"__Host-id-v={visitor.told}".encode()
    for cookies in ([b"x=1", mine, version], [version, mine], [b"foo[bar]=1; b\x01ad=2; " + mine, b"y"]):
        assert (await visitor.call(_reads, cookies=cookies)).value == {"a": 1}


@pytest.mark.parametrize(
    "header",
    [
        b"=__Host-id=%s",
        b"\xa0__Host-id=%s",
        "\u2000".encode() + b"__Host-id=%s",
        b"%%5F_Host-id=%s",
        b"a=1, __Host-id=%s",
        b"__host-id=%s",
        b'__Host-id="%s"',
        b"\x0b__Host-id=%s",
        b"__Host-id\x00=%s",
    ],
)
async def test_no_other_cookie_poses_as_the_session_cookie(visitor: Visitor, header: bytes) -> None:
    await visitor.ask(sets(a=1))
    assert (await visitor.call(_reads, cookies=[header % visitor.id.encode()])).value == {}


async def test_two_ids_under_a_guarded_name_are_both_refused_and_told(visitor: Visitor, told: list[Event]) -> None:
    await visitor.ask(sets(a=1))
    forged = STRANGER.encode()
    mine = visitor.id.encode()
    told.clear()
    for first, second in ((forged, mine), (mine, forged)):
        answer = await visitor.call(_reads, cookies=[b"__Host-id=%s; __Host-id=%s" % (first, second)])
        assert (answer.value, answer.cookies) == ({}, {})
    assert told == [events.IdRefused(ref="", app="default")] * 2
    assert (await visitor.call(_reads, cookies=[b"__Host-id=%s; __Host-id=%s" % (mine, mine)])).value == {"a": 1}


async def test_of_two_ids_under_an_open_name_the_one_that_is_stored_counts(make: Make) -> None:
    visitor = Visitor(make(cookie=Cookie.development()))
    await visitor.ask(sets(a=1))
    mine = visitor.id.encode()
    for first, second in ((STRANGER.encode(), mine), (mine, STRANGER.encode()), (b"junk", mine)):
        assert (await visitor.call(_reads, cookies=[b"id=%s; id=%s" % (first, second)])).value == {"a": 1}
    assert (await visitor.call(_reads, cookies=[b"id=junk; id=%s" % STRANGER.encode()])).value == {}


async def test_planted_cookies_cost_few_lookups(make: Make, store: WatchedStore) -> None:
    planted = "; ".join(f"id={number:043}" for number in range(50)).encode()
    await Visitor(make(cookie=Cookie.development())).call(_reads, cookies=[planted])
    assert store.counts["load"] <= 4


@pytest.mark.parametrize("version", [b"", b"x", b"-1", b"9" * 16, b"1; __Host-id-v=2", "\u0661".encode()])
async def test_a_version_cookie_that_cannot_be_one_is_replaced(visitor: Visitor, version: bytes) -> None:
    await visitor.ask(sets(a=1))
    answer = await visitor.call(_reads, cookies=[b"__Host-id=%s; __Host-id-v=%s" % (visitor.id.encode(), version)])
    assert (answer.value, answer.cookies) == ({"a": 1}, {"__Host-id-v": "1"})


# --- an application's own --------------------------------------------------------------------------------------------


async def test_sessions_of_two_applications_are_strangers_in_one_store(make: Make) -> None:
    shop = Visitor(make(app="shop"))
    await shop.ask(sets(a=1))
    assert (await shop.twin(make(app="forum")).ask(everything)).value == {}
    assert (await shop.ask(everything)).value == {"a": 1}


async def test_a_session_cannot_be_used_after_its_request(visitor: Visitor) -> None:
    kept: list[Session] = []
    await visitor.ask(kept.append)
    for use in (everything, sets(a=1), len):
        with pytest.raises(OutsideRequest):
            use(kept[0])


@pytest.mark.parametrize(
    "settings",
    [
        {"save": "later"},
        {"touch": "never"},
        {"on_error": "x"},
        {"on_conflict": "x"},
        {"app": ""},
        {"store": "nowhere:"},
        {"store": Path("sessions.db")},
        {"cookie": "sid"},
        {"lifetime": 1800},
        {"skip": "/static/"},
        {"skip": ["static/"]},
        {"skip": [""]},
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_given(settings: dict[str, Any]) -> None:
    with pytest.raises(SettingError) as caught:
        Sessions(**settings)
    assert "\n" not in str(caught.value)


async def test_other_messages_of_an_application_pass_untouched(visitor: Visitor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        everything(scope["session"])
        await send({"type": "http.response.debug", "info": 1})
        assert (await receive())["type"] == "http.request"
        await respond(send, b"ok")

    answer = await visitor.call(app)
    first: Message = answer.messages[0]
    assert first == {"type": "http.response.debug", "info": 1}
    assert answer.body == "ok"
