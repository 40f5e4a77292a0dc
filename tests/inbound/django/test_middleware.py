"""What our middleware does beyond Django's: in sync requests, in async ones, and where a response streams."""

from __future__ import annotations

import asyncio
import itertools
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import alogin, alogout
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, HttpRequest, HttpResponse, StreamingHttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings
from tests.fixtures.django.urls import actions
from tests.inbound.django import conftest
from tests.inbound.django.conftest import Ask

from sojourn import Behind, Near, Sessions
from sojourn.core import events
from sojourn.core.ids import SessionId
from sojourn.inbound.bridge import wait
from sojourn.inbound.django import SessionMiddleware, SessionStore, get_sessions, middleware
from sojourn.store.memory import MemoryStore

pytestmark = pytest.mark.usefixtures("ours")

_names = itertools.count(1)


def puts(**attributes: Any) -> Any:
    return lambda request: request.session.update(attributes)


async def async_ask(client: AsyncClient, action: Callable[[Any], Any], path: str = "ado") -> Any:
    name = f"async{next(_names)}"
    actions[name] = action
    return await client.get(f"/{path}/{name}")


def test_the_version_goes_along_with_the_id(client: Client, ask: Ask) -> None:
    assert ask(client, puts(a=1)).cookies["sessionid-v"].value == "1"
    answer = ask(client, puts(a=2))
    assert (answer.cookies["sessionid-v"].value, answer.headers["Cache-Control"]) == ("2", "no-store")
    answer = ask(client, lambda request: request.session["a"])
    assert (answer.headers["Vary"], "Cache-Control" in answer.headers) == ("Cookie", False)


def test_with_cookies_that_a_browser_keeps_until_it_closes_the_id_is_told_once(client: Client, ask: Ask) -> None:
    with override_settings(SESSION_EXPIRE_AT_BROWSER_CLOSE=True):
        assert list(ask(client, puts(a=1)).cookies) == ["sessionid", "sessionid-v"]
        assert list(ask(client, puts(a=2)).cookies) == ["sessionid-v"]
        answer = ask(client, lambda request: request.session.set_expiry(60))
        assert answer.cookies["sessionid"]["max-age"] == "60"
        answer = ask(client, lambda request: request.session.set_expiry(0))
        assert answer.cookies["sessionid"]["max-age"] == ""


def test_a_sign_out_removes_both_cookies(client: Client, ask: Ask) -> None:
    ask(client, puts(a=1))
    answer = ask(client, lambda request: request.session.flush())
    assert {name: (line.value, line["max-age"]) for name, line in answer.cookies.items()} == {
        "sessionid": ("", "0"),
        "sessionid-v": ("", "0"),
    }


def test_a_sign_out_under_an_id_that_was_left_at_a_sign_in_leaves_the_new_one_alone(client: Client, ask: Ask) -> None:
    ask(client, puts(a=1))
    late = Client()
    late.cookies["sessionid"] = client.cookies["sessionid"].value
    ask(client, lambda request: setattr(request.session, "principal", "alice"))
    assert dict(ask(late, lambda request: request.session.flush()).cookies) == {}


def test_a_sign_in_is_one_write(client: Client, ask: Ask, alice: User, sessions: Sessions) -> None:
    from django.contrib.auth import login

    told: list[events.Event] = []
    ask(client, puts(a=1))
    sessions.listen(told.append, events.IdRenewed, events.SessionCreated)
    ask(client, lambda request: login(request, alice))
    [renewed] = told
    assert isinstance(renewed, events.IdRenewed)
    assert renewed.principal == str(alice.pk)


def test_a_session_that_the_application_puts_in_place_of_it_is_stored_in_djangos_way(client: Client, ask: Ask) -> None:
    def put(request: Any) -> None:
        request.session = SessionStore()
        request.session["b"] = 2

    ask(client, puts(a=1))
    ask(client, put)
    assert ask(client, lambda request: dict(request.session)).json()["value"] == {"b": 2}


def test_what_a_test_reads_after_the_answer_is_what_was_stored(client: Client, ask: Ask) -> None:
    def fails(request: Any) -> HttpResponse:
        request.session["a"] = 2
        return HttpResponse(status=500)

    answer = ask(client, puts(a=1))
    assert answer.wsgi_request.session["a"] == 1
    assert ask(client, fails).wsgi_request.session["a"] == 1


def test_an_answer_with_cookies_can_be_kept_by_a_cache() -> None:
    answer = SessionMiddleware(lambda request: request.session.update({"a": 1}) or HttpResponse())(
        RequestFactory().get("/")
    )
    copy = pickle.loads(pickle.dumps(answer))  # noqa: S301 - it is ours
    lines = [[cookie.output() for cookie in each.cookies.values()] for each in (answer, copy)]
    assert lines[0] == lines[1] != []


def test_a_session_that_the_store_cannot_give_is_told_as_503(client: Client, ask: Ask) -> None:
    with override_settings(SOJOURN_STORE="sqlite:////nowhere/at/all.db"):
        client.cookies["sessionid"] = "A" * 43
        answer = ask(client, lambda request: request.session.get("a"))
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        assert ask(Client(), lambda _: None).status_code == 200


def test_of_paths_without_sessions_nothing_is_asked(client: Client, ask: Ask) -> None:
    with override_settings(SOJOURN_STORE="sqlite:////nowhere/at/all.db", SOJOURN={"skip": ["/do/"]}):
        client.cookies["sessionid"] = "A" * 43
        assert ask(client, lambda _: None).status_code == 200
        assert ask(client, lambda request: request.session.get("a")).status_code == 500


def test_ids_may_travel_in_urls(ask: Ask) -> None:
    with override_settings(SOJOURN={"tracking": ["cookie", "url"]}):
        url = ask(Client(), lambda request: puts(a=1)(request) or request.session.encode_url("/do/x")).json()["value"]
        actions["x"] = lambda request: [request.session.get("a"), request.path]
        assert url != "/do/x"
        assert Client().get(url).json()["value"] == [1, "/do/x"]


@pytest.mark.parametrize("near", [None, Near()], ids=["bare", "near"])
def test_with_changes_that_wait_a_time_that_is_set_nearer_does_not(client: Client, ask: Ask, near: Near | None) -> None:
    store = MemoryStore()
    with override_settings(SOJOURN_STORE=store, SOJOURN={"save": "async", "write": Behind(interval=60), "near": near}):
        ask(client, puts(a=1))
        ask(client, puts(a=2))
        ask(client, lambda request: request.session.set_expiry(60))
        key = SessionId.parse(client.cookies["sessionid"].value.encode())
        assert key is not None
        stored = wait(store.load(key.key, "default"))
        assert stored is not None
        assert stored.expires_at < time.time() + 65
        wait(get_sessions().close())
        assert wait(store.load(key.key, "default")) == stored


class Reads:
    """A middleware inside ours that looks at the session."""

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> Any:
        request.session.get("a")
        return self.get_response(request)


@pytest.mark.parametrize("inside", [[], ["tests.inbound.django.test_middleware.Reads"]], ids=["view", "middleware"])
@pytest.mark.parametrize("reads", [lambda session: session.get("a"), lambda session: session.own("bob")])
def test_a_stranger_is_told_403_wherever_the_session_is_looked_at(
    client: Client, ask: Ask, inside: list[str], reads: Callable[[Any], Any]
) -> None:
    def identity(request: Any) -> str | None:
        return next((value.decode() for value in request.header(b"x-user")), None)

    settings: Any = {"SOJOURN": {"identity": identity}, "MIDDLEWARE": [conftest.OURS, *inside]}
    with override_settings(**settings):
        ask(client, puts(a=1), HTTP_X_USER="alice")
        before = {name: line.value for name, line in client.cookies.items()}
        answer = ask(client, lambda request: reads(request.session), HTTP_X_USER="bob")
        assert (answer.status_code, dict(answer.cookies)) == (403, {})
        assert {name: line.value for name, line in client.cookies.items()} == before
        assert ask(client, lambda request: request.session["a"], HTTP_X_USER="alice").json() == {"value": 1}


def test_whoever_is_not_the_owner_is_refused_in_the_words_of_django(client: Client, ask: Ask) -> None:
    def claims(request: Any) -> None:
        with pytest.raises(PermissionDenied):
            request.session.own("bob")

    ask(client, lambda request: request.session.own("alice"))
    assert ask(client, claims).status_code == 200


# --- streams ---------------------------------------------------------------------------------------------------------


def test_what_a_stream_that_is_never_read_changed_before_is_stored(sessions: Sessions) -> None:
    begun: list[bytes] = []

    def body() -> Iterator[bytes]:
        begun.append(b"")
        yield b""

    def view(request: HttpRequest) -> StreamingHttpResponse:
        request.session["a"] = 1
        return StreamingHttpResponse(body())

    answer = SessionMiddleware(view)(RequestFactory().get("/"))
    answer.close()
    assert (begun, sessions.active) == ([], 0)
    assert len(wait(sessions.find())) == 1


def test_what_a_stream_changed_before_the_visitor_left_is_stored(sessions: Sessions) -> None:
    def view(request: HttpRequest) -> StreamingHttpResponse:
        def body() -> Iterator[bytes]:
            request.session["a"] = 2
            yield b"first"
            request.session["a"] = 3
            yield b"last"

        request.session["a"] = 1
        return StreamingHttpResponse(body())

    request = RequestFactory().get("/")
    answer = SessionMiddleware(view)(request)
    assert next(iter(answer)) == b"first"
    answer.close()
    assert (request.session["a"], sessions.active) == (2, 0)


def test_a_file_is_sent_as_one(client: Client, ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"text")

    def view(request: HttpRequest) -> FileResponse:
        request.session["a"] = 1
        return FileResponse((tmp_path / "file").open("rb"))

    answer = SessionMiddleware(view)(RequestFactory().get("/"))
    assert answer.file_to_stream is not None
    assert (b"".join(answer), "sessionid" in answer.cookies) == (b"text", True)
    answer.close()


# --- under ASGI ------------------------------------------------------------------------------------------------------


async def test_an_async_request_asks_no_thread(async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    used: set[int] = set()

    async def view(request: Any) -> None:
        request.session["a"] = 1
        await request.session.aset("b", 2)

    opened = type(get_sessions()).open

    async def noting(*given: Any) -> Any:
        used.add(threading.get_ident())
        return await opened(*given)

    monkeypatch.setattr(middleware, "sync_to_async", None)
    monkeypatch.setattr(middleware, "wait", None)
    monkeypatch.setattr(type(get_sessions()), "open", noting)
    for _ in range(2):
        assert (await async_ask(async_client, view)).status_code == 200
    assert used == {threading.get_ident()}


async def test_async_views_sign_in_and_out(async_client: AsyncClient) -> None:
    user = await User.objects.acreate_user("carol", password="secret")

    async def sign_in(request: Any) -> None:
        await alogin(request, user)

    async def who(request: Any) -> list[Any]:
        return [(await request.auser()).username, request.session.principal]

    await async_ask(async_client, sign_in)
    assert (await async_ask(async_client, who)).json()["value"] == ["carol", str(user.pk)]
    await async_ask(async_client, alogout)
    assert (await async_ask(async_client, who)).json()["value"] == ["", None]
    await async_client.aforce_login(user)
    assert (await async_ask(async_client, who)).json()["value"] == ["carol", str(user.pk)]


async def test_sync_views_under_asgi_have_the_same_session(async_client: AsyncClient) -> None:
    def saves(request: Any) -> int:
        with request.session.exclusive():
            request.session["n"] = request.session.get("n", 0) + 1
        request.session.save()
        return int(request.session["n"])

    for number in range(1, 4):
        assert (await async_ask(async_client, saves, "do")).json()["value"] == number


async def test_a_request_that_is_cut_off_stores_nothing(sessions: Sessions) -> None:
    reached = asyncio.Event()

    async def view(request: HttpRequest) -> HttpResponse:
        request.session["a"] = 1
        reached.set()
        await asyncio.Event().wait()
        return HttpResponse()

    serving = asyncio.create_task(SessionMiddleware(view)(RequestFactory().get("/")))
    await reached.wait()
    serving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await serving
    assert (await sessions.find(), sessions.active) == ([], 0)
