"""What each of the properties does to visitors, from the file of properties through a sojourn.toml."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, application, everything, sets
from tests.fixtures.watched import WatchedStore

from sojourn import Session, Sessions
from sojourn.errors import NotStorable
from sojourn.settings import Settings
from sojourn.settings.properties import read_properties
from sojourn.settings.spring import imported
from sojourn.settings.writing import written
from sojourn.store.memory import MemoryStore

Begin = Callable[..., Sessions]


@pytest.fixture
def store() -> WatchedStore:
    return WatchedStore(MemoryStore())


@pytest.fixture
def begin(tmp_path: Path, store: WatchedStore) -> Begin:
    """A node of the application shop, or another; all of them with one store."""

    def begin(*properties: str, app: str = "shop") -> Sessions:
        file = tmp_path / "sojourn.toml"
        names = [f"{'' if each.startswith('session.') else 'spring.session.'}{each}" for each in properties]
        found = imported(read_properties("\n".join(names).encode(), "local.properties"))
        file.write_text(written(found.source), encoding="utf-8")
        return Settings.load(file, environ={}).sessions(app, store=store, near=None)

    return begin


async def outlives_its_node(begin: Begin, *properties: str) -> bool:
    visitor = Visitor(begin(*properties))
    await visitor.ask(sets(n=1))
    await visitor.sessions.close()
    found = (await visitor.twin(begin(*properties)).ask(everything)).value
    assert found in ({"n": 1}, {})
    return bool(found)


@pytest.mark.parametrize("enabled", ["true", "false", None])
@pytest.mark.parametrize("save", ["sync", "async", None])
async def test_sessions_outlive_their_node_where_enabled_and_save_are_set(
    begin: Begin, store: WatchedStore, enabled: str | None, save: str | None
) -> None:
    properties = [f"enabled={enabled}"] if enabled else []
    properties += [f"shop.save={save}"] if save else []
    wanted = enabled == "true" and save is not None
    assert await outlives_its_node(begin, *properties) is wanted
    assert ("save" in store.calls) is wanted


async def test_save_of_one_application_is_none_of_another(begin: Begin, store: WatchedStore) -> None:
    properties = "enabled=true", "shop.save=sync", "hac.cookie.path=/hac"
    await Visitor(begin(*properties, app="hac")).ask(sets(n=1))
    assert "save" not in store.calls
    await Visitor(begin(*properties)).ask(sets(n=1))
    assert "save" in store.calls


async def test_sync_saves_before_the_response_and_async_after_it(begin: Begin, store: WatchedStore) -> None:
    for mode, saves in (("sync", 2), ("async", 1)):
        visitor = Visitor(begin("enabled=true", f"shop.save={mode}", "save.async.interval=3600000"))
        await visitor.ask(sets(n=0))
        await visitor.ask(sets(n=1))
        assert store.counts["save"] == saves
        await visitor.sessions.close()  # a node that stops saves what waits
        assert store.counts["save"] == 2
        store.calls.clear()


async def test_the_interval_is_what_saving_waits_for_in_milliseconds(begin: Begin, store: WatchedStore) -> None:
    saved = asyncio.Event()
    nodes = [begin("enabled=true", "shop.save=async", f"save.async.interval={each}") for each in (3600000, 40)]
    slow, quick = map(Visitor, nodes)
    for visitor in (slow, quick):
        await visitor.ask(sets(n=0))

    async def note(*_: Any) -> None:
        saved.set()

    store.after["save"] = note
    began = asyncio.get_running_loop().time()
    for visitor in (slow, quick):
        await visitor.ask(sets(n=1))
    async with asyncio.timeout(10):
        await saved.wait()
    assert asyncio.get_running_loop().time() - began >= 0.04
    assert store.counts["save"] == 3
    for visitor in (slow, quick):
        await visitor.sessions.close()
    assert store.counts["save"] == 4


async def test_when_the_queue_is_full_a_change_is_saved_before_the_response(begin: Begin, store: WatchedStore) -> None:
    sessions = begin("enabled=true", "shop.save=async", "save.async.interval=3600000", "save.async.queue.size=2")
    visitors = [Visitor(sessions) for _ in range(3)]
    for visitor in visitors:
        await visitor.ask(sets(n=0))
    answers = asyncio.Event()

    async def wait(*_: Any) -> None:
        await answers.wait()

    store.before["save"] = wait
    for visitor in visitors[:2]:
        await visitor.ask(sets(n=1))
    third = asyncio.create_task(visitors[2].ask(sets(n=1)))
    for _ in range(50):
        await asyncio.sleep(0)
    assert not third.done()
    answers.set()
    await third
    await sessions.close()


async def test_no_attempt_saves_more_sessions_than_it_may(begin: Begin, store: WatchedStore) -> None:
    sessions = begin("enabled=true", "shop.save=async", "save.async.interval=3600000", "save.async.max.items=2")
    visitors = [Visitor(sessions) for _ in range(5)]
    for number, visitor in enumerate(visitors * 2):
        await visitor.ask(sets(n=number))
    under_way, most = 0, 0

    async def enter(*_: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)

    async def leave(*_: Any) -> None:
        nonlocal under_way
        under_way -= 1

    store.before["save"], store.after["save"] = enter, leave
    await sessions.flush()
    assert (most, store.counts["save"]) == (2, 10)
    await sessions.close()


async def attributes(begin: Begin, *properties: str, app: str = "shop") -> list[str]:
    """The name of the cookie that a visitor is given, and its attributes."""
    answer = await Visitor(begin("shop.save=sync", *properties, app=app)).ask(sets(n=1))
    pair, *rest = answer.all("set-cookie")[0].split("; ")
    return [pair.partition("=")[0], *rest]


@pytest.mark.parametrize(("properties", "name"), [([], "JSESSIONID"), (["shop.cookie.name=SHOP"], "SHOP")])
async def test_the_cookie_has_the_name_that_is_set(begin: Begin, properties: list[str], name: str) -> None:
    assert (await attributes(begin, *properties))[0] == name


@pytest.mark.parametrize(("properties", "path"), [([], "/shop"), (["shop.cookie.path=/store"], "/store")])
async def test_the_cookie_has_the_path_that_is_set(begin: Begin, properties: list[str], path: str) -> None:
    assert f"Path={path}" in await attributes(begin, *properties)


@pytest.mark.parametrize(("name", "attribute"), [("secure", "Secure"), ("cookie.httponly", "HttpOnly")])
@pytest.mark.parametrize("value", ["true", "false", "", None])
async def test_the_cookie_is_secure_and_out_of_reach_for_scripts_unless_it_is_set_not_to_be(
    begin: Begin, name: str, attribute: str, value: str | None
) -> None:
    found = await attributes(begin, *([] if value is None else [f"shop.{name}={value}"]))
    assert (attribute in found) is (value != "false")


async def test_applications_beside_each_other_have_a_cookie_each(begin: Begin) -> None:
    both = "shop.save=sync", "hac.save=sync"
    assert await attributes(begin, *both, app="shop") != await attributes(begin, *both, app="hac")


CHECK = "session.serialization.check"


async def puts_in_what_cannot_be_stored(begin: Begin, *properties: str, app: str = "shop") -> Answer:
    def both(session: Session) -> None:
        session["cart"] = 1
        session["socket"] = object()

    visitor = Visitor(begin(*properties, app=app))
    answer = await visitor.call(application(both))
    if answer.error is None:
        assert (await visitor.ask(everything)).value == {"cart": 1}
    return answer


@pytest.mark.parametrize("error", ["", f"{CHECK}.response.error=false", f"{CHECK}.response.error=true"])
async def test_checking_logs_what_cannot_be_stored_and_answers_with_an_error_where_that_is_set(
    begin: Begin, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    answer = await puts_in_what_cannot_be_stored(begin, f"{CHECK}=true", error)
    assert "session['socket'] cannot be stored" in caplog.text
    assert __file__ in caplog.text  # the line that put it in
    assert isinstance(answer.error, NotStorable) is error.endswith("=true")


@pytest.mark.parametrize("properties", [[], [f"{CHECK}=false"], [f"{CHECK}.response.error=true"]])
async def test_nothing_is_checked_unless_it_is_set(
    begin: Begin, caplog: pytest.LogCaptureFixture, properties: list[str]
) -> None:
    answer = await puts_in_what_cannot_be_stored(begin, "shop.save=sync", *properties)
    assert isinstance(answer.error, NotStorable)  # found when it was stored
    assert "cannot be stored" not in caplog.text


@pytest.mark.parametrize(("listed", "checked"), [("", True), ("hac, shop", True), ("hac", False)])
async def test_checking_is_for_the_applications_that_are_listed_or_all(
    begin: Begin, caplog: pytest.LogCaptureFixture, listed: str, checked: bool
) -> None:
    await puts_in_what_cannot_be_stored(begin, f"{CHECK}=true", f"{CHECK}.extensions={listed}")
    assert ("cannot be stored" in caplog.text) is checked
