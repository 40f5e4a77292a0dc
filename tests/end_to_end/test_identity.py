"""Ids and cookies, probed from outside (requirements R01–R13)."""

from __future__ import annotations

import asyncio
import base64
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest
from tests.fixtures.nodes import node
from tests.fixtures.servers import Serving
from tests.fixtures.wire import Reply, Wire

from sojourn import Cookie, Sessions
from sojourn.errors import SettingError

STRANGER = "A" * 43


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[int]:
    """The port of a node with the cookie that is meant for https."""
    with node(Sessions(f"sqlite:///{tmp_path}/guarded.db")) as port:
        yield port


async def test_ids_are_unique_and_random_in_every_position(serving: Serving) -> None:
    """R01."""

    async def collect(count: int) -> list[str]:
        wire, ids = Wire(serving.port), []
        for _ in range(count):
            wire.jar.clear()
            await wire.ask("/count")
            ids.append(wire.jar["id"])
        return ids

    ids = [each for part in await asyncio.gather(*(collect(300) for _ in range(10))) for each in part]
    assert len(set(ids)) == len(ids) == 3000
    assert {len(each) for each in ids} == {43}
    for position in range(42):  # the 43rd character holds four bits
        counts = Counter(each[position] for each in ids)
        assert -sum(n / 3000 * math.log2(n / 3000) for n in counts.values()) > 5.9
    decoded = [base64.urlsafe_b64decode(each + "=") for each in ids]
    assert not [each for each in decoded if any(str(pid).encode() in each for pid in serving.workers)]
    assert max(Counter(each[:4] for each in decoded).values()) <= 3  # no time, no process in front


@pytest.mark.parametrize("given", ["attacker", STRANGER, "", "deleted", "0", "null"])
async def test_an_id_that_was_not_issued_is_never_adopted(serving: Serving, given: str) -> None:
    """R02."""
    reply = await Wire(serving.port, {"id": given}).ask("/count")
    assert reply.value == 1
    assert reply.cookies["id"] not in {given, ""}
    planted = (await Wire(serving.port, {"id": given}).ask("/read")).value
    assert (planted["data"], planted["version"]) == ({}, 0)


@pytest.mark.parametrize("change", ["/log_in?user=alice", "/renew"])
async def test_the_id_changes_at_a_sign_in_and_the_old_one_dies_at_once(serving: Serving, change: str) -> None:
    """R03."""
    wire = Wire(serving.port)
    await wire.ask("/count")
    for _ in range(2):  # a sign-in, and one more
        old = wire.twin()
        await wire.ask(change)
        assert wire.jar["id"] != old.jar["id"]
        for worker in serving.workers:
            with serving.only(worker):
                assert (await old.twin().ask("/read")).value["data"] == {}
    assert (await wire.ask("/read")).value["data"]["n"] == 1


TARGETS = (
    "/count",
    "/read",
    "/put?a=1",
    "/log_in?user=alice",
    "/renew",
    "/nothing",
    "/absent",
    "/end",
    "/count",
    "/fail",
)


async def crawl(wire: Wire) -> list[Reply]:
    return [await wire.ask(target) for target in TARGETS]


async def test_every_cookie_is_guarded(guarded: int) -> None:
    """R04."""
    lines = [line for reply in await crawl(Wire(guarded)) for line in reply.all("set-cookie")]
    assert len(lines) >= 8
    for line in lines:
        name, *attributes = line.split("; ")
        assert name.startswith("__Host-")
        assert {"Path=/", "Secure", "HttpOnly", "SameSite=Lax"} <= set(attributes)
        assert not [each for each in attributes if each.lower().startswith("domain")]


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_secure_comes_from_the_settings_and_not_from_a_header(
    guarded: int, serving: Serving, scheme: str
) -> None:
    """R05."""
    forwarded = [("X-Forwarded-Proto", scheme), ("Forwarded", f"proto={scheme}")]
    for port, secure in ((guarded, True), (serving.port, False)):
        lines = (await Wire(port).ask("/count", headers=forwarded)).all("set-cookie")
        assert lines
        assert all(("; Secure" in line) is secure for line in lines)


async def test_an_id_is_nowhere_but_in_its_cookie(serving: Serving) -> None:
    """R06."""
    wire, ids, shown = Wire(serving.port), set(), b""
    for target in (*TARGETS, "/log_in?user=bob", "/fail", "/absent?x=1"):
        reply = await wire.ask(target)
        ids.add(wire.jar.get("id", reply.cookies.get("id")) or STRANGER)
        shown += reply.body
        shown += b"".join(line for line in reply.head.split(b"\r\n") if not line.lower().startswith(b"set-cookie:"))
    assert len(ids) >= 4
    assert not [each for each in ids if each.encode() in shown or each in serving.output]


async def test_an_id_in_the_address_is_ignored(serving: Serving) -> None:
    """R06."""
    wire = Wire(serving.port)
    await wire.ask("/put?mine=1")
    known = wire.jar["id"]
    for target in (f"/read?id={known}", f"/read?JSESSIONID={known}", f"/read?jsessionid={known}"):
        assert (await Wire(serving.port).ask(target)).value["data"] == {}
    assert known.encode() not in (await Wire(serving.port).ask(f"/read;jsessionid={known}")).body


async def test_our_cookies_are_few_and_short(guarded: int) -> None:
    """R07."""
    wire = Wire(guarded)
    replies = await crawl(wire)
    await asyncio.gather(*(wire.twin().ask(f"/log_in?user=user{number}") for number in range(100)))
    assert max(len(line) for reply in replies for line in reply.all("set-cookie")) <= 256
    assert max(len(reply.cookies) for reply in replies) <= 2
    assert len(wire.cookie) <= 256


POSES = [
    b"=__Host-id=%s",
    b"\xa0__Host-id=%s",
    "\u2000".encode() + b"__Host-id=%s",
    b"%%5F_Host-id=%s",
    b'$Version=1; a="x, __Host-id=%s"',
    b"a=1, __Host-id=%s",
    b'__Host-id="%s"',
    b"__host-id=%s",
    b"x__Host-id=%s",
]


@pytest.mark.parametrize("cookie", POSES)
async def test_no_other_bytes_pose_as_the_session_cookie(guarded: int, cookie: bytes) -> None:
    """R08."""
    wire = Wire(guarded)
    await wire.ask("/put?a=1")
    reply = await wire.ask("/read", headers=[("Cookie", cookie % wire.jar["__Host-id"].encode())])
    assert reply.status == 400 or reply.value["data"] == {}  # a server may refuse such bytes


async def test_two_guarded_ids_are_both_ignored_and_of_two_open_ones_the_stored_counts(
    guarded: int, serving: Serving
) -> None:
    """R09."""
    for port, name, expected in ((guarded, "__Host-id", {}), (serving.port, "id", {"a": "1"})):
        wire = Wire(port)
        await wire.ask("/put?a=1")
        mine = wire.jar[name]
        for pair in ((mine, STRANGER), (STRANGER, mine)):
            cookie = "; ".join(f"{name}={each}" for each in pair)
            reply = await wire.twin().ask("/read", headers=[("Cookie", cookie)])
            assert reply.value["data"] == expected
            assert name not in reply.cookies


async def test_a_bad_cookie_elsewhere_hides_nothing(serving: Serving) -> None:
    """R10."""
    wire = Wire(serving.port)
    await wire.ask("/put?a=1")
    mine = f"id={wire.jar['id']}".encode()
    for rest in (b"foo[bar]=1; b{}ad=2; %s", b'a="b; %s; c="', b"; ;=; %s;;", b"\xff=\xfe; %s", b"%s; " + b"x" * 4000):
        reply = await wire.ask("/read", headers=[("Cookie", rest % mine)])
        assert reply.value["data"] == {"a": "1"}


async def test_what_deletes_a_cookie_repeats_its_attributes(guarded: int) -> None:
    """R11."""
    wire = Wire(guarded)
    made = (await wire.ask("/count")).all("set-cookie")
    gone = (await wire.ask("/end")).all("set-cookie")
    for before, after in zip(made, gone, strict=True):
        assert after.startswith(before.split("=")[0] + "=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ")
        assert after.endswith(before.partition("; ")[2])
    assert wire.jar == {}


@pytest.mark.parametrize("bad", ["\r\n", "\0", ";", "\n", "a\r\nSet-Cookie: x=1"])
async def test_bytes_that_would_split_a_header_are_refused(serving: Serving, bad: str) -> None:
    """R12."""
    for settings in ({"name": f"id{bad}"}, {"path": f"/{bad}"}, {"domain": f"x{bad}"}):
        with pytest.raises(SettingError):
            Cookie(**settings)  # type: ignore[arg-type]
    quoted = "".join(f"%{ord(char):02x}" for char in bad)
    reply = await Wire(serving.port).ask(f"/put?a={quoted}&user={quoted}")
    assert reply.cookies.keys() == {"id", "id-v"}


async def test_every_cookie_header_of_a_request_is_read(serving: Serving) -> None:
    """R13."""
    wire = Wire(serving.port)
    await wire.ask("/put?a=1")
    mine, version = f"id={wire.jar['id']}", f"id-v={wire.jar['id-v']}"
    for parts in (["x=1", mine, version], [version, "y=2", mine], [mine, version]):
        reply = await wire.ask("/read", headers=[("Cookie", part) for part in parts])
        assert (reply.value["data"], reply.cookies) == ({"a": "1"}, {})


async def test_every_cookie_field_of_a_request_over_http2_is_read(serving: Serving) -> None:
    """R13."""
    async with httpx2.AsyncClient(http1=False, http2=True, base_url=serving.url) as client:
        made = await client.get("/put?a=1")
        jar = dict(client.cookies)
        client.cookies.clear()
        fields = [("cookie", "x=1"), ("cookie", f"id-v={jar['id-v']}"), ("cookie", f"id={jar['id']}")]
        reply = await client.get("/read", headers=fields)
    assert (made.http_version, reply.http_version) == ("HTTP/2", "HTTP/2")
    assert (reply.json()["data"], reply.headers.get_list("set-cookie")) == ({"a": "1"}, [])
