"""What is Quart's own: contexts, streams, WebSockets, error handlers, its test client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import quart
from tests.fixtures.watched import Gate, WatchedStore
from werkzeug.datastructures import Headers

from sojourn import Session, Sessions
from sojourn.errors import OutsideRequest, ResponseStarted, StoreUnavailable
from sojourn.inbound.lasting import Sockets
from sojourn.inbound.quart import SessionInterface
from sojourn.store.memory import MemoryStore
from sojourn.testing.app.away import AwayStore

HTTPS: dict[str, Any] = {"scheme": "https"}


@pytest.fixture
def store() -> AwayStore:
    return AwayStore(MemoryStore())


@pytest.fixture
def sessions(store: AwayStore) -> Sessions:
    return Sessions(store)


@pytest.fixture
def site(sessions: Sessions) -> quart.Quart:
    site = quart.Quart("site")
    site.session_interface = SessionInterface(sessions)  # type: ignore[assignment]

    @site.get("/count")
    async def count() -> str:
        quart.session["n"] = quart.session.get("n", 0) + 1
        return str(quart.session["n"])

    return site


async def text(visitor: Any, path: str) -> str:
    answer = await visitor.get(path, **HTTPS)
    return str(await answer.get_data(as_text=True))


async def held(visitor: Any) -> dict[str, Any]:
    async with visitor.session_transaction(**HTTPS) as session:
        return dict(session)


def cookies(visitor: Any) -> dict[str, str]:
    return {"cookie": "; ".join(f"{each.name}={each.value}" for each in visitor.cookie_jar)}


def session() -> Session:
    proxy: Any = quart.session
    found = proxy._get_current_object()
    assert isinstance(found, Session)
    return found


async def test_a_test_reads_and_writes_what_requests_find(site: quart.Quart, sessions: Sessions) -> None:
    visitor = site.test_client()
    async with visitor.session_transaction(**HTTPS) as session:
        session["n"] = 5
    assert await text(visitor, "/count") == "6"
    assert await held(visitor) == {"n": 6}
    assert sessions.active == 0
    async with visitor:
        await visitor.get("/count", **HTTPS)
        assert quart.session["n"] == 7


async def test_a_stream_keeps_its_session_open(site: quart.Quart, sessions: Sessions) -> None:
    @site.get("/stream")
    async def stream() -> quart.Response:
        quart.session["early"] = True

        @quart.stream_with_context
        async def parts() -> AsyncIterator[str]:
            yield "a"
            quart.session["late"] = True
            await session().save()
            yield str(session().version)

        return quart.Response(parts())

    visitor = site.test_client()
    assert await text(visitor, "/count") == "1"
    assert await text(visitor, "/stream") == "a3"
    assert await held(visitor) == {"n": 1, "early": True, "late": True}
    assert sessions.active == 0


async def test_a_copied_context_that_is_over_first_takes_nothing_away(site: quart.Quart) -> None:
    @site.get("/tasks")
    async def tasks() -> str:
        @quart.copy_current_request_context
        async def work() -> None:
            quart.session["n"] = quart.session.get("n", 0) + 1

        await asyncio.gather(work(), work())
        quart.session["here"] = True
        return ""

    visitor = site.test_client()
    await text(visitor, "/tasks")
    assert await held(visitor) == {"n": 2, "here": True}


async def test_a_session_that_outlives_its_request_says_so(site: quart.Quart) -> None:
    kept: list[Session] = []

    @site.get("/keep")
    async def keep() -> str:
        kept.append(session())
        return ""

    await text(site.test_client(), "/keep")
    with pytest.raises(OutsideRequest):
        kept[0].get("n")


async def test_a_socket_may_begin_a_session_until_it_is_accepted(site: quart.Quart, sessions: Sessions) -> None:
    refused: list[Exception] = []

    @site.websocket("/socket")
    async def socket() -> None:
        session().principal = "alice"
        await quart.websocket.accept(headers=Headers({"x-own": "1"}))
        try:
            session().principal = "bob"
        except ResponseStarted as error:
            refused.append(error)
        quart.session["late"] = True
        await quart.websocket.send("done")

    accepted, *_ = await shake_hands(site)
    headers = Headers([(name.decode(), value.decode()) for name, value in accepted["headers"]])
    assert (accepted["type"], headers["x-own"], len(headers.getlist("set-cookie"))) == ("websocket.accept", "1", 2)
    assert len(refused) == 1
    assert [record.principal for record in await sessions.find()] == ["alice"]


async def shake_hands(site: quart.Quart, cookie: str = "") -> list[dict[str, Any]]:
    """What a client gets that connects and says nothing, until the application is done."""
    messages: list[Any] = []
    headers = [(b"host", b"shop.example"), *([(b"cookie", cookie.encode())] if cookie else [])]
    scope: Any = {
        "type": "websocket", "asgi": {"spec_version": "2.3"}, "http_version": "1.1", "scheme": "wss",
        "path": "/socket", "raw_path": b"/socket", "query_string": b"", "root_path": "", "subprotocols": [],
        "headers": headers,
    }  # fmt: skip

    async def send(message: Any) -> None:
        messages.append(message)

    async def receive() -> Any:
        return await asyncio.get_running_loop().create_future()

    async with asyncio.timeout(10):
        await site(scope, receive, send)
    return messages


@pytest.mark.parametrize("act", ["receive", "send", "look"])
async def test_a_socket_is_closed_when_its_session_ends(
    site: quart.Quart, store: AwayStore, caplog: Any, act: str
) -> None:
    sessions = Sessions(store, sockets=Sockets(check=0.01))
    site.session_interface = SessionInterface(sessions)  # type: ignore[assignment]
    left: list[BaseException] = []

    @site.websocket("/socket")
    async def socket() -> None:
        ref = session().ref
        quart.session["n"] = 7
        await quart.websocket.accept()
        await sessions.end(ref)
        try:
            while True:
                if act == "receive":
                    await quart.websocket.receive()
                await asyncio.sleep(0.001)
                if act == "send":
                    await quart.websocket.send("news")
                else:
                    quart.session.get("n")
        except BaseException as error:
            left.append(error)
            raise

    visitor = site.test_client()
    await text(visitor, "/count")
    messages = await shake_hands(site, cookies(visitor)["cookie"])
    kinds = [message["type"] for message in messages if message["type"] != "websocket.send"]
    assert (kinds, messages[-1]["code"]) == (["websocket.accept", "websocket.close"], 4401)
    assert [type(error).__name__ for error in left] == ["SessionEnded" if act == "look" else "CancelledError"]
    assert [record for record in caplog.records if record.exc_info] == []
    assert await sessions.find() == []
    await sessions.close()


@pytest.mark.parametrize("ends", ["session", "stream", "visitor"])
async def test_a_stream_of_events_ends_with_its_session(
    site: quart.Quart, store: AwayStore, caplog: Any, ends: str
) -> None:
    sessions = Sessions(store, sockets=Sockets(check=0.01))
    site.session_interface = SessionInterface(sessions)  # type: ignore[assignment]
    left: list[str] = []

    @site.get("/events")
    async def events() -> quart.Response:
        ref = session().ref
        quart.session["n"] = 7

        @quart.stream_with_context
        async def parts() -> AsyncIterator[str]:
            try:
                yield f"data: {quart.session['n']}\n\n"
                if ends == "session":
                    await sessions.end(ref)
                if ends != "stream":
                    await asyncio.get_running_loop().create_future()
            finally:
                left.append(quart.request.path)

        return quart.Response(parts(), content_type="text/event-stream")

    visitor = site.test_client()
    await text(visitor, "/count")
    async with asyncio.timeout(10), visitor.request("/events", headers=cookies(visitor), **HTTPS) as connection:
        await connection.send_complete()
        assert await connection.receive() == b"data: 7\n\n"
        if ends == "visitor":
            await connection.disconnect()
    assert left == ["/events"]
    assert [record for record in caplog.records if record.exc_info] == []
    assert len(await sessions.find()) == (ends != "session")
    assert sessions.active == 0
    await sessions.close()


async def test_what_a_socket_did_is_stored_though_its_handler_is_cancelled_twice(site: quart.Quart) -> None:
    store, gate = WatchedStore(MemoryStore()), Gate()
    sessions = Sessions(store)
    site.session_interface = SessionInterface(sessions)  # type: ignore[assignment]
    handling, stored = asyncio.Future[Any](), Gate()

    @site.websocket("/socket")
    async def socket() -> None:
        await quart.websocket.accept()
        quart.session["n"] = 7
        handling.set_result(asyncio.current_task())
        store.before["save"] = gate
        await asyncio.get_running_loop().create_future()

    visitor = site.test_client()
    await text(visitor, "/count")
    serving = asyncio.create_task(shake_hands(site, cookies(visitor)["cookie"]))
    handler = await handling
    handler.cancel()
    await gate.reached.wait()
    handler.cancel()
    await asyncio.wait([handler])
    assert sessions.active == 1
    store.after["save"] = stored
    gate.opened.set()
    await stored.reached.wait()
    stored.opened.set()
    await asyncio.wait([serving])
    assert await held(visitor) == {"n": 7}
    await sessions.close()


async def test_a_socket_is_refused_while_the_session_cannot_be_stored(site: quart.Quart, store: AwayStore) -> None:
    @site.websocket("/socket")
    async def socket() -> None:
        session().principal = "alice"
        await quart.websocket.accept()

    with store.away("save"):
        assert [message["type"] for message in await shake_hands(site)] == ["websocket.close"]


async def test_a_request_from_within_a_socket_has_its_own(site: quart.Quart, sessions: Sessions) -> None:
    @site.websocket("/socket")
    async def socket() -> None:
        quart.session["here"] = True
        await quart.websocket.accept()
        assert await text(site.test_client(), "/count") == "1"

    await shake_hands(site)
    assert sorted(len(record.data) for record in await sessions.find()) == [4, 7]
    assert sessions.active == 0


async def test_the_applications_handler_is_asked_while_the_store_is_away(site: quart.Quart, store: AwayStore) -> None:
    @site.errorhandler(StoreUnavailable)
    async def away(_: StoreUnavailable) -> tuple[str, int]:
        return f"Hello {quart.session.get('name', 'you')}, come again", 503

    visitor = site.test_client()
    await text(visitor, "/count")
    for question in ("load", "save"):
        with store.away(question):
            answer = await visitor.get("/count", **HTTPS)
        assert (answer.status_code, await answer.get_data(as_text=True)) == (503, "Hello you, come again")
        assert "set-cookie" not in answer.headers
    assert await text(visitor, "/count") == "2"


async def test_without_a_handler_it_is_503(site: quart.Quart, store: AwayStore, caplog: Any) -> None:
    visitor = site.test_client()
    await text(visitor, "/count")
    for question in ("load", "save"):
        with store.away(question):
            assert (await visitor.get("/count", **HTTPS)).status_code == 503
    assert [record for record in caplog.records if record.exc_info] == []


async def test_sessions_are_closed_when_it_stops_serving(site: quart.Quart, sessions: Sessions) -> None:
    closed: list[bool] = []
    close = sessions.close

    async def closing() -> None:
        closed.append(True)
        await close()

    sessions.close = closing  # type: ignore[method-assign]
    async with site.test_app() as app:
        await text(app.test_client(), "/count")
    assert closed == [True]


async def test_settings_of_quart_count(site: quart.Quart, sessions: Sessions) -> None:
    site.config.update(SESSION_COOKIE_NAME="sid", SESSION_COOKIE_SAMESITE="Strict", PERMANENT_SESSION_LIFETIME=600)

    @site.get("/keep")
    async def keep() -> str:
        quart.session.permanent = True
        return ""

    answer = await site.test_client().get("/keep", **HTTPS)
    line = answer.headers.getlist("set-cookie")[0]
    assert (line[:4], line[47:]) == ("sid=", "; Max-Age=34560000; Path=/; Secure; HttpOnly; SameSite=Strict")
    assert sessions.lifetime.idle_seconds == 600


async def test_ids_may_travel_in_urls(site: quart.Quart) -> None:
    site.session_interface = SessionInterface(Sessions(tracking=["cookie", "url"]))  # type: ignore[assignment]

    @site.get("/link")
    async def link() -> str:
        quart.session["n"] = 1
        return session().encode_url("/count?a=b")

    url = await text(site.test_client(), "/link")
    visitor = site.test_client(use_cookies=False)
    assert [await text(visitor, url) for _ in range(2)] == ["2", "3"]
