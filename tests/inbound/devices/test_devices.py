"""A visitor sees their own sessions, and ends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.fixtures.visitor import Answer, Visitor, everything, sets

from sojourn import Session, Sessions
from sojourn.inbound.devices import Devices, name_of, note
from sojourn.inbound.devices.devices import LONGEST

pytestmark = pytest.mark.usefixtures("bare")

Make = Callable[..., Sessions]
PATH = "/account/devices"

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 "
    "Mobile/15E148 Safari/604.1"
)
EDGE = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 "
    "Edg/130.0"
)


async def signed_in(sessions: Sessions, who: str, agent: str = FIREFOX) -> Visitor:
    visitor = Visitor(sessions)

    def sign_in(session: Session) -> None:
        session.principal = who
        note(session, agent)

    await visitor.ask(sign_in)
    return visitor


async def ref_of(visitor: Visitor) -> str:
    return str((await visitor.ask(lambda session: session.ref)).value)


async def shown(visitor: Visitor, query: str = "") -> Answer:
    return await visitor.call(Devices(visitor.sessions), path=PATH, query_string=query.encode())


async def sent(visitor: Visitor, form: str, headers: dict[str, str] | None = None) -> Answer:
    given = {"host": "shop.example", **(headers or {})}

    async def app(scope: Any, _receive: Any, send: Any) -> None:
        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": form.encode(), "more_body": False}

        scope["headers"] = [(name.encode(), value.encode()) for name, value in given.items()]
        await Devices(visitor.sessions)(scope, receive, send)

    return await visitor.call(app, path=PATH, method="POST", query_string=b"")


async def is_in(visitor: Visitor) -> bool:
    return (await visitor.ask(lambda session: session.principal)).value is not None


async def test_the_page_shows_where_one_is_signed_in_this_device_first(sessions: Sessions) -> None:
    await signed_in(sessions, "alice", SAFARI)
    here = await signed_in(sessions, "alice")
    await signed_in(sessions, "alice", EDGE)
    page = (await shown(here)).body
    assert page.index("Firefox on Linux") < page.index("Safari on iPhone")
    assert "Edge on Windows" in page
    assert page.count("this device") == 1


async def test_the_page_shows_nothing_of_anybody_else(sessions: Sessions) -> None:
    await signed_in(sessions, "bob", EDGE)
    alice = await signed_in(sessions, "alice")
    assert "Edge" not in (await shown(alice)).body


async def test_the_page_holds_no_id(sessions: Sessions) -> None:
    alice = await signed_in(sessions, "alice")
    answer = await shown(alice)
    assert alice.id not in answer.body + str(answer.headers)


@pytest.mark.parametrize("fill", [sets(n=1), lambda _: None])
async def test_nobody_is_asked_to_sign_in_first(visitor: Visitor, fill: Any) -> None:
    await visitor.ask(fill)
    answer = await shown(visitor)
    assert (answer.status, "<form" in answer.body) == (403, False)
    assert (await sent(visitor, "others=1")).status == 403


async def test_one_of_them_is_ended(sessions: Sessions) -> None:
    here, there, third = [await signed_in(sessions, "alice") for _ in range(3)]
    answer = await sent(here, f"end={await ref_of(there)}")
    assert (answer.status, answer.all("location")) == (303, [f"{PATH}?ended=1"])
    assert [await is_in(each) for each in (here, there, third)] == [True, False, True]


async def test_all_others_are_ended(sessions: Sessions) -> None:
    here, there, third = [await signed_in(sessions, "alice") for _ in range(3)]
    bob = await signed_in(sessions, "bob")
    assert (await sent(here, "others=1")).all("location") == [f"{PATH}?ended=2"]
    assert [await is_in(each) for each in (here, there, third, bob)] == [True, False, False, True]


async def test_this_one_is_ended_and_the_visitor_sent_away(sessions: Sessions) -> None:
    here = await signed_in(sessions, "alice")
    answer = await sent(here, f"end={await ref_of(here)}")
    assert (answer.status, answer.all("location"), here.jar) == (303, ["/"], {})
    assert (await here.ask(everything)).value == {}


@pytest.mark.parametrize("form", ["end={bob}", "end=", "end=%00", "", "end=aaaaaaaaaaaaaaaa", "else=1"])
async def test_what_is_not_ones_own_is_not_ended(sessions: Sessions, form: str) -> None:
    here, bob = await signed_in(sessions, "alice"), await signed_in(sessions, "bob")
    answer = await sent(here, form.format(bob=await ref_of(bob)))
    assert (answer.status, answer.all("location")) == (303, [f"{PATH}?ended=0"])
    assert [await is_in(here), await is_in(bob)] == [True, True]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "same-origin"}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://shop.example"}, 303),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://shop.example"}, 403),
        ({}, 303),
    ],
)
async def test_a_form_of_another_origin_ends_nothing(sessions: Sessions, headers: dict[str, str], status: int) -> None:
    here, there = [await signed_in(sessions, "alice") for _ in range(2)]
    assert (await sent(here, "others=1", headers)).status == status
    assert await is_in(there) is (status == 403)


async def test_a_form_that_is_too_long_is_refused(sessions: Sessions) -> None:
    here = await signed_in(sessions, "alice")
    assert (await sent(here, "end=" + "a" * LONGEST)).status == 413


async def test_what_a_device_calls_itself_is_shown_as_text(sessions: Sessions) -> None:
    here = await signed_in(sessions, "alice")
    await here.ask(sets(device="<script>alert(1)</script>" + "x" * 500))
    page = (await shown(here)).body
    assert "<script>" not in page
    assert "x" * 100 not in page


@pytest.mark.parametrize("odd", [7, None, ["a"], ""])
async def test_a_device_that_was_noted_oddly_is_unknown(sessions: Sessions, odd: Any) -> None:
    here = await signed_in(sessions, "alice")
    await here.ask(sets(device=odd))
    assert "Unknown device" in (await shown(here)).body


@pytest.mark.parametrize("ended", ["x", "-1", "<b>", "²", "digits"])
async def test_the_query_says_nothing_but_a_number(sessions: Sessions, ended: str) -> None:
    here = await signed_in(sessions, "alice")
    answer = await shown(here, "ended=" + ended.replace("digits", "9" * 5000))
    assert (answer.status, 'class="said"' in answer.body) == (200, False)


async def test_no_page_may_be_kept_framed_or_scripted(sessions: Sessions) -> None:
    answer = await shown(await signed_in(sessions, "alice"))
    policy = answer.all("content-security-policy")[0]
    assert ("default-src 'none'" in policy, "frame-ancestors 'none'" in policy) == (True, True)
    assert answer.all("cache-control") == ["no-store"]


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        (FIREFOX, "Firefox on Linux"),
        (SAFARI, "Safari on iPhone"),
        (EDGE, "Edge on Windows"),
        ("curl/8.5.0", "curl"),
        ("", "Unknown device"),
        ("something/1.0", "Unknown device"),
    ],
)
def test_a_device_is_named_by_browser_and_system(agent: str, name: str) -> None:
    assert name_of(agent) == name
