"""What Django's own engines kept goes on here: written by Django, with its users, in processes of their own."""

from __future__ import annotations

import asyncio
import json
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from sojourn import Sessions
from sojourn.errors import SettingError
from sojourn.inbound.moving.django import DjangoSession
from sojourn.testing.app.client import Visitor

ROOT = Path(__file__).parents[3]
ENGINES = ["db", "cached_db", "cache", "file", "signed_cookies"]
PATIENCE = 30.0  # seconds after which a site is taken to have failed


@contextmanager
def site(role: str, directory: Path, engine: str = "db", **settings: Any) -> Iterator[str]:
    """The site before the move (`"old"`), after it (`"new"`, `"asgi"`), and one that is not Django's (`"other"`)."""
    told = json.dumps([role, str(directory), f"django.contrib.sessions.backends.{engine}", settings])
    log = directory / f"{role}.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.inbound.moving.sites.django_site", told],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
        )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().decode().strip()
        assert url, log.read_text()
        yield url
    finally:
        process.stdin.close()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            process.stdout.close()


def signed_in(directory: Path, engine: str = "db", query: str = "", **settings: Any) -> Visitor:
    """Somebody who has signed in before the move. What is there then is copied, for a site takes a second to start."""
    kept = directory.parent / f"{engine}{query or ''}{'-'.join(settings)}".replace("?", "-")
    if not kept.exists():
        kept.mkdir()
        with site("old", kept, engine, **settings) as url:
            visitor = Visitor(url)
            visitor.send(f"/in{query}")
            (kept / "jar").write_text(json.dumps(visitor.jar))
    shutil.copytree(kept, directory, dirs_exist_ok=True)
    jar = json.loads((directory / "jar").read_text())
    assert list(jar) == ["sessionid"]
    return Visitor("", jar)


@pytest.mark.parametrize("engine", ENGINES)
def test_nobody_is_signed_out_by_the_move(tmp_path: Path, engine: str) -> None:
    with site("old", tmp_path, engine) as url:
        visitor = Visitor(url)
        visitor.send("/in")
        before = visitor.send("/").value
    assert before["user"] == "alice"
    assert before["hash"]
    with site("new", tmp_path, engine) as url:
        visitor = visitor.twin(url)
        for _ in range(2):
            assert visitor.send("/").value == before
        assert set(visitor.jar) == {"sessionid", "sessionid-v"}
        twin = visitor.twin()
        visitor.send("/change")
        assert twin.send("/").value["user"] == ""  # by the hash that came along


def test_nobody_is_signed_out_under_asgi(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path)
    with site("asgi", tmp_path) as url:
        visitor = visitor.twin(url)
        for _ in range(2):
            assert visitor.send("/").value["user"] == "alice"


@pytest.mark.parametrize("engine", ENGINES)
def test_they_go_on_in_an_application_that_is_not_djangos(tmp_path: Path, engine: str) -> None:
    visitor = signed_in(tmp_path, engine)
    with site("other", tmp_path, engine) as url:
        visitor = visitor.twin(url)
        for _ in range(2):
            attributes, principal = visitor.send("/").value
            assert (attributes["cart"], attributes["_auth_user_id"], principal) == (["pen ✎"] * 9, "1", "1")
            assert attributes["_auth_user_hash"]
        assert "sessionid" not in visitor.jar


def test_first_requests_at_the_same_time_make_one_session(tmp_path: Path) -> None:
    visitor, names = signed_in(tmp_path), "abcdefgh"
    with site("new", tmp_path) as url:
        twins = [visitor.twin(url) for _ in names]
        with ThreadPoolExecutor(len(names)) as threads:
            list(threads.map(lambda twin, name: twin.send(f"/count?name={name}"), twins, names))
        told = next(twin for twin in twins if "sessionid-v" in twin.jar)
        assert set(names) < set(told.send("/names").value["names"])
    assert asyncio.run(principals(tmp_path)) == ["1"]


def test_what_it_kept_is_removed(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path)
    assert rows(tmp_path, "select count(*) from django_session") == [(1,)]
    with site("new", tmp_path) as url:
        visitor.twin(url).send("/")
    assert rows(tmp_path, "select count(*) from django_session") == [(0,)]


def test_a_forged_row_opens_nothing(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path)
    ((data,),) = rows(tmp_path, "select session_data from django_session")
    body, stamp, signature = data.split(":")
    rows(tmp_path, "update django_session set session_data = ?", f"{body}:{stamp}:{signature[::-1]}")
    with site("other", tmp_path) as url:
        assert visitor.twin(url).send("/").value == [{}, None]


def test_a_forged_cookie_opens_nothing(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path, "signed_cookies")
    body, stamp, signature = visitor.jar["sessionid"].split(":")
    with site("other", tmp_path, "signed_cookies") as url:
        for forged in (f"{body}:{stamp}:{signature[::-1]}", f"{body}:zzzzzz:{signature}", body, "a" * 32):
            assert Visitor(url, {"sessionid": forged}).send("/").value == [{}, None]
    with site("other", tmp_path, "signed_cookies", SECRET_KEY_FALLBACKS=["x"]) as url:
        assert visitor.twin(url).send("/").value[1] == "1"


def test_a_key_that_is_out_of_use_is_still_believed_as_django_believes_it(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path)
    with site("other", tmp_path, SECRET_KEY="next", SECRET_KEY_FALLBACKS=["of the site"]) as url:
        assert visitor.twin(url).send("/").value[1] == "1"


def test_another_key_opens_nothing(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path)
    with site("other", tmp_path, SECRET_KEY="another") as url:
        assert visitor.twin(url).send("/").value == [{}, None]


def test_a_row_that_has_expired_opens_nothing(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path)
    rows(tmp_path, "update django_session set expire_date = '2020-01-01'")
    with site("new", tmp_path) as url:
        assert visitor.twin(url).send("/").value["user"] == ""


@pytest.mark.parametrize(("live", "alive"), [("-1 00:00:00", False), ("1 00:00:00", True)])
def test_a_cookie_that_was_to_live_until_a_time_lives_until_then(tmp_path: Path, live: str, alive: bool) -> None:
    visitor = signed_in(tmp_path, "signed_cookies", f"?live={live.replace(' ', '%20')}")
    with site("other", tmp_path, "signed_cookies") as url:
        assert (visitor.twin(url).send("/").value[1] == "1") is alive


def test_a_cookie_that_is_too_old_opens_nothing(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path, "signed_cookies")
    with site("other", tmp_path, "signed_cookies", SESSION_COOKIE_AGE=-1) as url:
        assert visitor.twin(url).send("/").value == [{}, None]


def test_what_was_pickled_into_a_row_is_not_read(tmp_path: Path) -> None:
    visitor = signed_in(tmp_path, SESSION_SERIALIZER="tests.inbound.moving.sites.pickled.Serializer")
    with site("other", tmp_path, SESSION_SERIALIZER="tests.inbound.moving.sites.pickled.Serializer") as url:
        assert visitor.twin(url).send("/").value == [{}, None]


async def principals(directory: Path) -> list[str | None]:
    """Who is signed in where, after the move."""
    sessions = Sessions(f"sqlite:///{directory}/sojourn.db")
    try:
        return [record.principal for record in await sessions.find()]
    finally:
        await sessions.close()


def rows(directory: Path, statement: str, *values: str) -> list[Any]:
    with closing(sqlite3.connect(directory / "site.db")) as database, database:
        return database.execute(statement, values).fetchall()


def test_a_cache_is_read_only_where_it_is_trusted() -> None:
    with pytest.raises(SettingError, match="trusts_cache"):
        DjangoSession("django.contrib.sessions.backends.cache")
    with pytest.raises(SettingError, match="SESSION_ENGINE"):
        DjangoSession(object())  # type: ignore[arg-type]


@pytest.mark.parametrize("engine", ["nowhere.to.be.found", "django.contrib.sessions"])
def test_an_engine_has_to_be_one(engine: str) -> None:
    with pytest.raises(SettingError, match="SessionStore"):
        DjangoSession(engine).identify(b"a" * 32)
