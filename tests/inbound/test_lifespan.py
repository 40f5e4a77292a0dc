"""The lifespan of an application opens and closes its sessions; without one, they open by themselves."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from tests.fixtures.visitor import Application, Message, Receive, Scope, Send, Visitor, everything, sets
from tests.fixtures.watched import WatchedStore, fails

from sojourn import Sessions
from sojourn.errors import StoreDamaged, StoreTooNew, StoreUnavailable
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.store import stack

Make = Callable[..., Sessions]


async def live(sessions: Sessions, app: Application, **settings: Any) -> list[Message]:
    """What a server hears of an application that it starts and stops."""
    sent: list[Message] = []
    asked = iter(["startup", "shutdown"])

    async def receive() -> Message:
        return {"type": f"lifespan.{next(asked)}"}

    async def send(message: Message) -> None:
        sent.append(message)

    with contextlib.suppress(StoreUnavailable):
        await SessionMiddleware(app, sessions, **settings)({"type": "lifespan"}, receive, send)
    return sent


def lasting(startup: str = "complete", shutdown: str = "complete") -> Application:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for stage, end in (("startup", startup), ("shutdown", shutdown)):
            assert (await receive())["type"] == f"lifespan.{stage}"
            await send({"type": f"lifespan.{stage}.{end}"})

    return app


async def test_the_lifespan_opens_the_store_and_closes_it(sessions: Sessions, store: WatchedStore) -> None:
    sent = await live(sessions, lasting())
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    assert (store.calls[0], store.calls[-1]) == ("open", "close")


async def test_a_store_that_cannot_be_opened_is_told_to_the_server_in_one_line(
    sessions: Sessions, store: WatchedStore
) -> None:
    store.before["open"] = fails
    sent = await live(sessions, lasting())
    assert sent == [{"type": "lifespan.startup.failed", "message": "the store is out of reach; start it"}]


async def test_an_application_whose_store_cannot_be_opened_closes_what_it_has_opened(
    sessions: Sessions, store: WatchedStore
) -> None:
    done: list[str] = []

    @contextlib.asynccontextmanager
    async def opens_and_closes(_app: object) -> AsyncIterator[None]:
        done.append("open")
        try:
            yield
        finally:
            done.append("close")

    store.before["open"] = fails
    sent = await live(sessions, Starlette(lifespan=opens_and_closes))
    assert done == ["open", "close"]
    assert sent == [{"type": "lifespan.startup.failed", "message": "the store is out of reach; start it"}]


@pytest.fixture
def remote(store: WatchedStore, monkeypatch: pytest.MonkeyPatch) -> WatchedStore:
    monkeypatch.setattr(store.store, "remote", True, raising=False)
    monkeypatch.setattr(stack, "PAUSES", (0.001, 0.002))
    return store


def away(store: WatchedStore, times: int, error: StoreUnavailable | None = None) -> None:
    """It cannot be opened that often."""
    left = iter(range(times))

    async def step(*_: Any) -> None:
        if next(left, None) is not None:
            raise error or StoreUnavailable("the store is out of reach; start it")

    store.calls.clear()
    store.before["open"] = step


async def test_a_store_on_another_machine_that_is_down_delays_the_start(
    sessions: Sessions, remote: WatchedStore, caplog: pytest.LogCaptureFixture
) -> None:
    away(remote, 5)
    with caplog.at_level(logging.WARNING):
        sent = await live(sessions, lasting())
    assert [message["type"] for message in sent] == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
    told = [each.message for each in caplog.records if "waiting for the store" in each.message]
    assert (remote.counts["open"], len(told)) == (6, 1)
    assert "the store is out of reach" in told[0]


async def test_for_no_longer_than_the_patience_that_is_set(sessions: Sessions, remote: WatchedStore) -> None:
    away(remote, 1_000_000)
    sent = await live(sessions, lasting(), patience=0.01)
    assert sent == [{"type": "lifespan.startup.failed", "message": "the store is out of reach; start it"}]


@pytest.mark.parametrize("error", [StoreTooNew("a newer version made it"), StoreDamaged("it is none of ours")])
async def test_what_does_not_pass_is_not_waited_for(
    sessions: Sessions, remote: WatchedStore, error: StoreUnavailable
) -> None:
    away(remote, 1, error)
    sent = await live(sessions, lasting())
    assert sent == [{"type": "lifespan.startup.failed", "message": str(error)}]


async def test_a_file_that_cannot_be_opened_is_named(make: Make, tmp_path: Path) -> None:
    sessions = make(store=f"sqlite:///{tmp_path}/nowhere/sessions.db")
    sent = await live(sessions, lasting())
    assert sent[0]["type"] == "lifespan.startup.failed"
    assert "nowhere" in sent[0]["message"]
    assert "\n" not in sent[0]["message"]


@pytest.mark.parametrize(("startup", "shutdown"), [("failed", "complete"), ("complete", "failed")])
async def test_what_fails_in_the_application_is_handed_on(
    sessions: Sessions, store: WatchedStore, startup: str, shutdown: str
) -> None:
    sent = await live(sessions, lasting(startup, shutdown))
    assert [message["type"] for message in sent] == [f"lifespan.startup.{startup}", f"lifespan.shutdown.{shutdown}"]
    assert store.calls[-1] == "close"


async def test_an_application_without_a_lifespan_is_served(visitor: Visitor) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        raise AssertionError

    with pytest.raises(AssertionError):
        await live(visitor.sessions, app)
    await visitor.ask(sets(a=1))
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_closed_sessions_open_again_when_they_are_used(visitor: Visitor, store: WatchedStore) -> None:
    await visitor.ask(sets(a=1))
    await visitor.sessions.close()
    assert (await visitor.ask(everything)).value == {"a": 1}


async def test_other_kinds_of_connection_pass_untouched(sessions: Sessions) -> None:
    seen: list[Any] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(dict(scope))

    await SessionMiddleware(app, sessions)({"type": "webtransport"}, None, None)  # type: ignore[arg-type]
    assert seen == [{"type": "webtransport"}]
