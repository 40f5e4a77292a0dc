"""What only aiohttp has: middlewares, payloads, and answers that show their request."""

from __future__ import annotations

import io
from collections.abc import AsyncGenerator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.outbound.drivers.server import Reply, Server

from sojourn.errors import SessionLost
from sojourn.outbound import Backend, Limits
from sojourn.testing.backend import FakeBackend


def backend_of(fake: FakeBackend, **settings: object) -> Backend:
    pair = ("alice", fake.password_of("alice"))
    return Backend(fake.url, reuse="exchange", auth=pair, **settings)  # type: ignore[arg-type]


async def status(call: aiohttp.client._RequestContextManager) -> int:
    async with call as response:
        return response.status


async def test_what_can_be_read_again_is_sent_again(fake: FakeBackend, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"- from a file")
    async with backend_of(fake).exchange().aiohttp() as http:
        with file.open("rb") as opened:
            opened.seek(2)
            for body in (b"bytes", "text", io.BytesIO(b"buffer"), opened, {"field": "a"}):
                fake.forget()
                assert await status(http.post("orders", data=body)) == 201
        form = aiohttp.FormData({"field": "b"})
        form.add_field("file", io.BytesIO(b"of a form"), filename="f")
        fake.forget()
        assert await status(http.post("orders", data=form)) == 201
    bodies = [order.body for order in fake.orders()]
    assert bodies[:5] == ["bytes", "text", "buffer", "from a file", "field=a"]
    assert "of a form" in bodies[5]


async def test_a_form_with_a_part_that_can_be_read_once_is_not_sent_again(fake: FakeBackend) -> None:
    async with backend_of(fake).exchange().aiohttp() as http:
        await status(http.get("me"))
        fake.forget()
        with aiohttp.MultipartWriter() as form:
            form.append("text")
            form.append(aiohttp.payload.AsyncIterablePayload(pieces()))
        with pytest.raises(SessionLost):
            await status(http.post("orders", data=form))
    assert fake.orders() == []


async def pieces() -> AsyncGenerator[bytes, None]:
    yield b"once"


async def test_an_error_of_aiohttps_shows_nothing_secret(fake: FakeBackend) -> None:
    async with backend_of(fake).exchange().aiohttp(raise_for_status=True) as http:
        for _ in range(2):
            with pytest.raises(aiohttp.ClientResponseError) as caught:
                await status(http.get("nowhere"))
            told = repr(caught.value) + repr(caught.value.request_info.headers) + repr(caught.value.headers)
            assert "Basic" not in told
            assert "JSESSIONID" not in told


async def test_middlewares_of_the_applications_go_around_the_exchange(fake: FakeBackend) -> None:
    seen = []

    async def watch(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
        response = await handler(request)
        seen.append((request.url.path, response.status))
        return response

    async with backend_of(fake, csrf=True).exchange().aiohttp(middlewares=[watch]) as http:
        await status(http.get("me"))
        fake.forget()
        assert await status(http.post("orders", data=b"1")) == 201
    assert seen == [("/me", 200), ("/orders", 201)]


async def test_cookies_of_the_applications_are_sent_with_those_of_the_session(server: Server) -> None:
    server.answer = lambda _: Reply(headers=((b"Set-Cookie", b"JSESSIONID=1"),))
    backend = Backend(server.url, reuse="exchange")
    async with backend.exchange().aiohttp(cookies={"lang": "de"}) as http:
        await status(http.get("", cookies={"once": "1"}))
        await status(http.get(""))
    assert [sorted(each.all("cookie")[0].split(b"; ")) for each in server.log.asked] == [
        [b"lang=de", b"once=1"],
        [b"JSESSIONID=1", b"lang=de"],
    ]


async def test_a_connector_of_the_applications_is_closed_with_the_session_unless_it_is_to_stay(
    fake: FakeBackend,
) -> None:
    exchange = backend_of(fake).exchange()
    connector, kept = aiohttp.TCPConnector(), aiohttp.TCPConnector()
    async with (
        exchange.aiohttp(connector=connector) as http,
        exchange.aiohttp(connector=kept, connector_owner=False) as other,
    ):
        assert await status(http.get("me")) == await status(other.get("me")) == 200
    assert (connector.closed, kept.closed, http.closed) == (True, False, True)
    await kept.close()
    counts = fake.counts()
    assert (counts.sign_ins, counts.sessions_made) == (1, 1)


async def test_an_answer_that_was_read_on_the_way_can_be_read_as_a_stream(fake: FakeBackend) -> None:
    async with backend_of(fake, limits=Limits(calls=1)).exchange().aiohttp() as http, http.get("me") as response:
        assert b"alice" in await response.content.readline()
        assert response.content.at_eof()
        assert "alice" in await response.text()


async def test_a_web_socket_is_in_the_session_also_where_answers_are_read_on_the_way() -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        if "JSESSIONID" not in request.cookies:
            return web.Response(headers={"Set-Cookie": "JSESSIONID=1"})
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(await socket.receive_str())
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/", echo)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    backend = Backend(f"http://127.0.0.1:{runner.addresses[0][1]}/", reuse="exchange", limits=Limits(calls=1))
    try:
        async with backend.exchange().aiohttp() as http:
            await status(http.get(""))
            async with http.ws_connect("") as socket:
                await socket.send_str("hello")
                assert await socket.receive_str() == "hello"
    finally:
        await runner.cleanup()
