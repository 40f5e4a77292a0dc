"""Several ways at once: the order decides, and whoever disagrees is told of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, application, everything, sets
from tests.fixtures.watched import WatchedStore

from sojourn import Near, Session, Sessions
from sojourn.core.events import Event, SessionAbsent, TrackingDisagreed
from sojourn.errors import SettingError
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.inbound.tracking.rewriting import Rewriting
from sojourn.store import open_store
from sojourn.testing import FakeClock

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]


@pytest.fixture
def make() -> Make:
    return lambda **settings: Sessions(**{"clock": FakeClock(), **settings})


async def ask(sessions: Sessions, action: Any, *, url: str = "", header: str = "", cookie: str = "") -> Answer:
    """What is answered to a request that carries these ids."""
    inner = SessionMiddleware(application(action), sessions)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scope["headers"] += [(b"x-session-id", header.encode())] if header else []
        await inner(scope, receive, send)

    path = f"/;jsessionid={url}" if url else "/"
    cookies = [f"__Host-id={cookie}".encode()] if cookie else []
    answer = await Visitor(sessions).call(app, path=path, cookies=cookies, bare=True)
    assert answer.error is None
    return answer


async def begun(sessions: Sessions, name: str) -> str:
    """The id of a session that holds that name."""
    return str((await ask(sessions, lambda s: (s.update(name=name), s.id)[1])).value)


def named(session: Session) -> Any:
    return session.get("name")


@pytest.mark.parametrize(
    "order", [["cookie", "url", "header"], ["header", "cookie", "url"], ["url", "header", "cookie"], ["header", "url"]]
)
async def test_of_two_live_sessions_the_way_that_comes_first_is_followed_and_the_other_told_of(
    make: Make, order: Sequence[Any]
) -> None:
    sessions = make(tracking=order)
    told: list[Event] = []
    sessions.listen(told.append)
    ids = {way: await begun(sessions, way) for way in order}
    refs = {record.ref for record in await sessions.find()}
    answer = await ask(sessions, lambda s: [named(s), s.ref], **ids)
    assert answer.value[0] == order[0]
    disagreed = [event for event in told if isinstance(event, TrackingDisagreed)]
    assert [(event.followed, event.passed_over) for event in disagreed] == [(order[0], way) for way in order[1:]]
    assert {event.other for event in disagreed} == refs - {answer.value[1]}
    assert all(secret not in repr(event) for event in told for secret in ids.values())


async def test_an_id_without_a_session_gives_way_to_the_next(make: Make) -> None:
    sessions = make(tracking=["cookie", "url"])
    told: list[Event] = []
    sessions.listen(told.append)
    live, dead = await begun(sessions, "url"), "D" * 43
    assert (await ask(sessions, named, cookie=dead, url=live)).value == "url"
    assert (await ask(sessions, named, cookie=live, url=dead)).value == "url"
    assert [event for event in told if isinstance(event, (SessionAbsent, TrackingDisagreed))] == []
    assert (await ask(sessions, named, cookie=dead, url=dead)).value is None
    assert isinstance(told[-1], SessionAbsent)


async def test_an_old_id_of_the_same_session_is_no_disagreement(make: Make) -> None:
    sessions = make(tracking=["cookie", "url"])
    told: list[Event] = []
    sessions.listen(told.append)
    old = await begun(sessions, "a")
    new = (await ask(sessions, lambda s: (s.renew(), s.id)[1], cookie=old)).value
    assert (await ask(sessions, named, cookie=new, url=old)).value == "a"
    assert [event for event in told if isinstance(event, TrackingDisagreed)] == []


async def test_nobody_is_asked_for_the_second_session_where_nobody_listens(make: Make) -> None:
    store = WatchedStore(open_store("memory:", clock=FakeClock()))
    sessions = make(store=store, tracking=["cookie", "url"], near=None)
    ids = {way: await begun(sessions, way) for way in ("cookie", "url")}
    store.calls.clear()
    await ask(sessions, named, **ids)
    assert store.calls.count("load") == 1


async def test_a_cookie_with_its_version_is_read_from_near_and_nothing_else_is(make: Make) -> None:
    clock = FakeClock()
    store = WatchedStore(open_store("memory:", clock=clock))
    sessions = make(store=store, tracking=["cookie", "url"], near=Near(), clock=clock)
    visitor = Visitor(sessions)
    link = (await visitor.ask(lambda s: (s.update(a=1), s.encode_url("/a"))[1])).value
    await visitor.ask(everything)
    store.calls.clear()
    assert (await visitor.ask(everything)).value == {"a": 1}
    assert (await visitor.ask(everything, path=link)).value == {"a": 1}  # the same id in both
    assert "load" not in store.calls
    assert (await visitor.ask(everything, path=link, cookies=[])).value == {"a": 1}
    assert "load" in store.calls
    await sessions.close()


async def test_a_request_that_carries_nothing_asks_nobody(make: Make) -> None:
    store = WatchedStore(open_store("memory:", clock=FakeClock()))
    sessions = make(store=store, tracking=["certificate", "header", "url", "cookie"], near=None)
    assert (await ask(sessions, everything)).value == {}
    assert store.calls == []


async def test_by_default_cookies_alone_track(make: Make) -> None:
    sessions = make()
    secret = (await ask(sessions, lambda s: (s.update(a=1), s.id)[1])).value
    assert (await ask(sessions, everything, header=secret, url=secret)).value == {}
    assert (await ask(sessions, everything, cookie=secret)).value == {"a": 1}


async def test_a_session_of_cookies_goes_on_when_a_way_is_added(make: Make) -> None:
    """The id is the same in each."""
    clock = FakeClock()
    sessions = make(clock=clock)
    visitor = Visitor(sessions)
    await visitor.ask(sets(a=1))
    later = make(store=sessions.store, clock=clock, near=None, tracking=["header", "cookie", "url"])
    assert (await visitor.twin(later).ask(everything)).value == {"a": 1}


@pytest.mark.parametrize(
    ("settings", "what"),
    [
        ({"tracking": []}, "tracking"),
        ({"tracking": "cookie"}, "tracking"),
        ({"tracking": ["cookie", "ssl"]}, "certificate"),
        ({"tracking": ["cookie", "cookie"]}, "once"),
        ({"tracking": [None]}, "tracking"),
        ({"rewriting": Rewriting()}, "url"),
        ({"tracking": ["url"], "rewriting": "jsessionid"}, "Rewriting"),
        ({"certificate": Certificate()}, "certificate"),
        ({"tracking": ["certificate"], "certificate": "Client-Cert"}, "Certificate"),
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_given(settings: dict[str, Any], what: str) -> None:
    with pytest.raises(SettingError, match=what):
        Sessions(**settings)
