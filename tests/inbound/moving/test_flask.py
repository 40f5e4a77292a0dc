"""What Flask and Quart kept in their signed cookie goes on here: written by themselves."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import flask
import itsdangerous
import pytest
import quart
from markupsafe import Markup

from sojourn import Cookie, Sessions
from sojourn.errors import SettingError
from sojourn.inbound.bridge import wait
from sojourn.inbound.flask import SessionInterface
from sojourn.inbound.moving.flask import FlaskCookie
from sojourn.inbound.quart import SessionInterface as QuartInterface
from sojourn.testing import FakeClock

KEY = "of the old"
SEEN = dt.datetime(2026, 1, 2, tzinfo=dt.UTC)
HELD = {
    "_user_id": "7", "cart": ["pen ✎"], "seen": SEEN, "pair": (1, "a"), "raw": b"\0\xff", "number": UUID(int=7),
    "word": Markup("<b>hello</b>"), "odd": {" t": [1]},
}  # fmt: skip

Make = Callable[..., Sessions]


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes `Sessions` that are closed when the test is over."""
    made: list[Sessions] = []

    def make(**settings: Any) -> Sessions:
        made.append(Sessions(**settings))
        return made[-1]

    yield make
    for sessions in made:
        wait(sessions.close())


def site(**config: Any) -> flask.Flask:
    site = flask.Flask("site")
    site.config.update(SECRET_KEY=KEY, **config)

    @site.get("/in")
    def sign_in() -> str:
        flask.session.permanent = True
        flask.session.update(HELD)
        return ""

    @site.get("/count/<name>")
    def count(name: str) -> str:
        flask.session[name] = 1
        return ""

    @site.get("/same")
    def same() -> list[bool]:
        return [flask.session.get(name) == value for name, value in HELD.items()] + [flask.session.permanent]

    return site


def cookie_of(site: flask.Flask) -> str:
    """What somebody has who has signed in at the old application."""
    client = site.test_client()
    client.get("/in")
    cookie = client.get_cookie("session")
    assert cookie is not None
    return cookie.value


def moved(sessions: Sessions, value: str, **config: Any) -> Any:
    """A visitor of the new application, with the cookie of the old one."""
    new = site(**config)
    new.session_interface = SessionInterface(sessions)
    client = new.test_client()
    client.set_cookie("session", value)
    return client


def test_who_was_signed_in_is_so_after_the_move_with_all_that_there_was(make: Make) -> None:
    sessions = make(takes_over=[FlaskCookie(KEY)])
    client = moved(sessions, cookie_of(site()))
    for _ in range(2):
        assert client.get("/same").json == [True] * 9
    assert client.get_cookie("session") is None
    assert [record.principal for record in wait(sessions.find())] == ["7"]


@pytest.mark.parametrize(
    ("reader", "own", "principal"),
    [
        ({}, {"principal": "number"}, str(UUID(int=7))),
        ({}, {"principal": "cart"}, None),
        ({"principal": "_user_id"}, {}, "7"),
    ],
)
def test_who_that_is_is_told_by_the_reader_or_by_the_sessions(
    make: Make, reader: dict[str, Any], own: dict[str, str], principal: str | None
) -> None:
    sessions = make(takes_over=[FlaskCookie(KEY, **reader)], **own)
    moved(sessions, cookie_of(site())).get("/same")
    assert [record.principal for record in wait(sessions.find())] == [principal]


def test_first_requests_at_the_same_time_make_one_session(make: Make) -> None:
    sessions, value, names = make(takes_over=[FlaskCookie(KEY)]), cookie_of(site()), "abcdefgh"
    new = moved(sessions, value).application
    clients = [new.test_client() for _ in names]
    for client in clients:
        client.set_cookie("session", value)
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda client, name: client.get(f"/count/{name}"), clients, names))
    (record,) = wait(sessions.find())
    told = next(client for client in clients if client.get_cookie("__Host-id", "localhost", "/"))
    with told.session_transaction() as session:
        assert session.ref == record.ref
        assert dict(session) == {**HELD, "_permanent": True, **dict.fromkeys(names, 1)}


@pytest.mark.parametrize("signed_with", [KEY, "older", b"oldest"])
async def test_what_was_signed_with_an_older_key_is_read(signed_with: str | bytes) -> None:
    old = site()
    old.secret_key = signed_with
    reader = FlaskCookie(KEY, fallbacks=[b"oldest", "older"])
    identity = reader.identify(cookie_of(old).encode())
    assert identity is not None
    found = await reader.read(identity)
    assert found is not None
    assert dict(found.attributes) == {**HELD, "_permanent": True}
    assert (FlaskCookie(KEY).identify(identity.encode()) is None) is (signed_with != KEY)


def test_a_forged_cookie_opens_nothing(make: Make) -> None:
    value = cookie_of(site())
    body, stamp, signature = value.rsplit(".", 2)
    reader = FlaskCookie(KEY)
    assert reader.identify(value.encode()) == value
    forgeries = [
        value[:-1], f"{body}.{stamp}.", f"{body[4:]}.{stamp}.{signature}", f"{body}.AAAA.{signature}", body, "", ".",
        itsdangerous.URLSafeTimedSerializer(KEY, salt="cookie-session").dumps({"_user_id": "1"}),
        itsdangerous.TimestampSigner(KEY, salt="another", key_derivation="hmac").sign(body).decode(),
    ]  # fmt: skip
    for forged in (*(text.encode() for text in forgeries), b"\xff.\xff.\xff"):
        assert reader.identify(forged) is None
    assert moved(make(takes_over=[reader]), forgeries[0]).get("/same").json == [False] * 9


async def test_what_is_too_old_by_its_own_rule_is_not_read() -> None:
    value, clock = cookie_of(site()), FakeClock()
    signer = itsdangerous.TimestampSigner(KEY, salt="cookie-session", key_derivation="hmac")
    signed_at = signer.unsign(value, return_timestamp=True)[1].timestamp()
    reader = FlaskCookie(KEY, lifetime=dt.timedelta(minutes=1), clock=clock)
    for age, alive in ((-1, False), (0, True), (60, True), (61, False)):
        clock.advance(seconds=signed_at + age - clock())
        assert (await reader.read(value) is not None) is alive


@pytest.mark.parametrize("payload", ["", "!", "bnVsbA", "e30", "WzFd", "a.b", ".eJw", "eyIgdSI6IngifQ", "eyIgYiI6MX0"])
async def test_what_is_signed_and_no_session_is_none(payload: str) -> None:
    value = itsdangerous.TimestampSigner(KEY, salt="cookie-session", key_derivation="hmac").sign(payload)
    reader = FlaskCookie(KEY)
    identity = reader.identify(value)
    assert identity is not None
    assert await reader.read(identity) is None


def test_the_cookie_may_keep_its_name(make: Make) -> None:
    cookie = Cookie(name="session", secure=False)
    client = moved(make(cookie=cookie, takes_over=[FlaskCookie(KEY, cookie=cookie)]), cookie_of(site()))
    for _ in range(2):
        assert client.get("/same").json == [True] * 9


async def test_what_quart_kept_goes_on_too() -> None:
    old, new = quart.Quart("old"), quart.Quart("new")
    old.secret_key = KEY
    sessions = Sessions(takes_over=[FlaskCookie(KEY)])
    new.session_interface = QuartInterface(sessions)  # type: ignore[assignment]
    before, after = old.test_client(), new.test_client()
    async with before.session_transaction() as session:
        session.update(HELD)
    cookie = next(iter(before.cookie_jar or ()))
    after.set_cookie("localhost", "session", str(cookie.value))
    for _ in range(2):
        async with after.session_transaction(scheme="https") as session:
            assert dict(session) == HELD
    assert [record.principal for record in await sessions.find()] == ["7"]
    await sessions.close()


@pytest.mark.parametrize(
    "wrong",
    [{"secret_key": ""}, {"fallbacks": "older"}, {"fallbacks": [""]}, {"lifetime": 0}, {"lifetime": float("nan")}],
)
def test_settings_have_to_make_sense(wrong: dict[str, Any]) -> None:
    with pytest.raises(SettingError, match="FlaskCookie"):
        FlaskCookie(**{"secret_key": KEY, **wrong})
