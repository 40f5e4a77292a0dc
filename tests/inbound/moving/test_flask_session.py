"""What Flask-Session kept goes on here: written by Flask-Session itself, on a real server."""

from __future__ import annotations

import datetime as dt
import logging
import pickle
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import flask
import flask_session  # type: ignore[import-untyped]
import msgspec
import pytest
import redis
from tests.fixtures.valkeys import ValkeyServer

from sojourn import Cookie, Sessions
from sojourn.errors import SettingError
from sojourn.inbound.bridge import wait
from sojourn.inbound.flask import SessionInterface
from sojourn.inbound.moving import FlaskSession

URL = "https://shop.example"

Move = Callable[..., Sessions]


@pytest.fixture
def client(valkey_server: ValkeyServer) -> Iterator[redis.Redis]:
    with redis.Redis(host="127.0.0.1", port=valkey_server.port) as client:
        yield client


@pytest.fixture
def site(client: redis.Redis, request: pytest.FixtureRequest) -> flask.Flask:
    site = flask.Flask("site")
    site.secret_key = "of the old"
    site.config.update(SESSION_TYPE="redis", SESSION_REDIS=client, SESSION_KEY_PREFIX=f"{id(request)}:")

    @site.get("/in")
    def sign_in() -> str:
        flask.session.update(user_id=7, cart=["pen"], seen=dt.datetime(2026, 1, 2, tzinfo=dt.UTC))
        return ""

    @site.get("/out")
    def sign_out() -> str:
        flask.session.clear()
        return ""

    @site.get("/")
    def show() -> dict[str, Any]:
        return {"user": flask.session.get("user_id"), "cart": flask.session.get("cart")}

    return site


def install(site: flask.Flask) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        flask_session.Session(site)


@pytest.fixture
def move(site: flask.Flask) -> Iterator[Move]:
    """Makes the one setting."""
    made: list[Sessions] = []

    def move(reader: FlaskSession, **settings: Any) -> Sessions:
        made.append(Sessions(takes_over=[reader], **settings))
        site.session_interface = SessionInterface(made[-1])
        return made[-1]

    yield move
    for sessions in made:
        wait(sessions.close())


@pytest.mark.parametrize("written_as", ["msgpack", "json"])
def test_who_was_signed_in_is_so_after_the_move(
    site: flask.Flask, client: redis.Redis, move: Move, written_as: str
) -> None:
    site.config["SESSION_SERIALIZATION_FORMAT"] = written_as
    install(site)
    visitor, prefix = site.test_client(), site.config["SESSION_KEY_PREFIX"]
    visitor.get("/in", base_url=URL)
    assert len(client.keys(prefix + "*")) == 1

    sessions = move(FlaskSession(client, prefix=prefix, principal="user_id"))
    for _ in range(2):
        assert visitor.get("/", base_url=URL).json == {"user": 7, "cart": ["pen"]}
    assert visitor.get_cookie("session", domain="shop.example") is None
    assert client.keys(prefix + "*") == []
    assert len(wait(sessions.find(principal="7"))) == 1


def test_a_signed_cookie_is_read_and_a_forged_one_is_not(site: flask.Flask, client: redis.Redis, move: Move) -> None:
    site.config["SESSION_USE_SIGNER"] = True
    install(site)
    visitor, prefix = site.test_client(), site.config["SESSION_KEY_PREFIX"]
    visitor.get("/in", base_url=URL)
    cookie = visitor.get_cookie("session", domain="shop.example")
    assert cookie is not None

    reader = FlaskSession(client, prefix=prefix, signed_with="of the old")
    move(reader)
    sid = cookie.value.partition(".")[0]
    for value in (cookie.value[:-1], sid, f"{sid}.", f".{cookie.value}"):
        assert reader.identify(value.encode()) is None
    assert visitor.get("/", base_url=URL).json == {"user": 7, "cart": ["pen"]}


def test_what_is_left_there_on_demand_is_left(site: flask.Flask, client: redis.Redis, move: Move) -> None:
    install(site)
    visitor, prefix = site.test_client(), site.config["SESSION_KEY_PREFIX"]
    visitor.get("/in", base_url=URL)
    move(FlaskSession(client, prefix=prefix, leave=True))
    assert visitor.get("/", base_url=URL).json == {"user": 7, "cart": ["pen"]}
    assert len(client.keys(prefix + "*")) == 1


def test_the_cookie_may_keep_its_name(site: flask.Flask, client: redis.Redis, move: Move) -> None:
    install(site)
    visitor, prefix = site.test_client(), site.config["SESSION_KEY_PREFIX"]
    visitor.get("/in", base_url=URL)
    cookie = Cookie(name="session")
    move(FlaskSession(client, prefix=prefix, cookie=cookie), cookie=cookie)
    for _ in range(2):
        assert visitor.get("/", base_url=URL).json == {"user": 7, "cart": ["pen"]}


class Trap:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("a pickle was read",)


@pytest.mark.parametrize("protocol", range(6))
async def test_a_pickle_is_not_read_and_told_of_once(protocol: int, caplog: pytest.LogCaptureFixture) -> None:
    kept = {"session:a": pickle.dumps(Trap(), protocol), "session:b": pickle.dumps({"user_id": 1}, protocol)}
    reader = FlaskSession(Kept(kept))
    with caplog.at_level(logging.WARNING):
        assert [await reader.read(name) for name in kept] == [None, None]
    assert [record.message for record in caplog.records if "pickled" in record.message] == [caplog.records[0].message]
    assert len(caplog.records) == 1


class Kept(dict[str, Any]):
    """A client."""

    def delete(self, name: str) -> None:
        self.pop(name, None)


@pytest.mark.parametrize("data", [b"", None, b"\xc1", b"[1]", b"\x93\x01\x02\x03", b"{", b"1", {"made": "elsewhere"}])
async def test_what_is_no_session_is_none(data: Any) -> None:
    assert await FlaskSession(Kept(x=data)).read("x") is None


async def test_an_async_client_is_awaited() -> None:
    class Client:
        kept = Kept(x=msgspec.msgpack.encode({"a": 1}))

        async def get(self, name: str) -> Any:
            return self.kept.get(name)

        async def delete(self, name: str) -> None:
            self.kept.delete(name)

    reader = FlaskSession(Client())
    found = await reader.read("x")
    assert found is not None
    assert found.attributes == {"a": 1}
    await reader.remove("x")
    assert await reader.read("x") is None


def test_only_what_can_be_an_id_is_looked_for() -> None:
    reader = FlaskSession(Kept())
    for value in (b"", b"short", b"../" + b"x" * 40, b"x" * 600, b"x" * 20 + b"*", b"\xff" * 20):
        assert reader.identify(value) is None
    for value in (b"A" * 43, b"2f0b4c3e-2a39-4f2a-8f1e-0f6d9a7a0e11"):
        assert reader.identify(value) == f"session:{value.decode()}"


def test_a_client_has_to_be_one() -> None:
    with pytest.raises(SettingError, match="SESSION_REDIS"):
        FlaskSession("redis://127.0.0.1")  # type: ignore[arg-type]
