"""What rests in the store, and what reaches it, probed from outside (requirements R57–R58, R70–R73)."""

from __future__ import annotations

import asyncio
import hashlib
import pickle
import random
import sqlite3
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.end_to_end.stored import at_rest, overwrite, records
from tests.fixtures.servers import Serving
from tests.fixtures.visitor import Visitor, everything, sets
from tests.fixtures.wire import Wire, gates

from sojourn import Sessions
from sojourn.store.sqlite import schema

LOOKS = ("/read", "/has", "/who", "/count", "/put?a=1", "/undone", "/log_in?user=alice", "/renew")
STATUSES = (200, 302, 404, 500)
ROUNDS, AT_ONCE = 8, 125  # for each of two users: a thousand requests


@pytest.mark.parametrize("look", LOOKS)
async def test_what_depends_on_a_session_varies_and_what_sets_a_cookie_is_not_stored(
    serving: Serving, look: str
) -> None:
    """R57."""
    for status in STATUSES:
        for begun in (False, True):
            wire = Wire(serving.port)
            if begun or look == "/undone":
                await wire.ask("/nested?item=pen")
            reply = await wire.ask(f"{look}{'&' if '?' in look else '?'}status={status}")
            assert (reply.status, reply.all("vary")) == (status, ["Cookie"])
            assert reply.all("cache-control") == (["no-store"] if reply.cookies else [])
            wire.hang_up()
    reply = await wire.ask("/nothing")
    assert (reply.all("vary"), reply.cookies) == ([], {})


async def crowd(users: dict[str, Wire], chance: random.Random) -> list[tuple[str, str]]:
    """Who asked and who was answered, for requests that are all in their handlers at once; some are cut off there."""
    names = [*users] * AT_ONCE
    wires = [users[name].twin() for name in names]
    async with gates() as gate:
        asking = [asyncio.create_task(wire.ask(f"/tag?gate={gate.port}")) for wire in wires]
        held = [await gate.arrival() for _ in asking]
        for cut_off in chance.sample(asking, len(asking) // 3):
            cut_off.cancel()
        chance.shuffle(held)
        for writer in held:
            writer.write(b"!")
        await asyncio.wait(asking)
    for wire in wires:
        wire.hang_up()
    answered = [(name, each.result()) for name, each in zip(names, asking, strict=True) if not each.cancelled()]
    assert {reply.status for _, reply in answered} == {200}
    return [(name, told) for name, reply in answered for told in reply.value]


async def test_no_request_ever_answers_for_another_user(serving: Serving) -> None:
    """R58: two users, a thousand slow requests each, hundreds of them at once, a third of them cut off."""
    chance = random.Random(58)
    users = {name: Wire(serving.port) for name in ("alice", "bob")}
    for name, wire in users.items():
        await wire.ask(f"/log_in?user={name}")
    echoes = [echo for _ in range(ROUNDS) for echo in await crowd(users, chance)]
    assert len(echoes) > 2 * ROUNDS * AT_ONCE
    assert not [(name, echo) for name, echo in echoes if echo != name]
    for name, wire in users.items():
        assert (await wire.ask("/who")).value == [name, name]


# --- at rest ---------------------------------------------------------------------------------------------------------


async def test_no_id_is_in_what_the_store_keeps(serving: Serving) -> None:
    """R70."""
    ids = []
    for number in range(20):
        wire = Wire(serving.port)
        for target in (f"/log_in?user=user{number}", "/count", "/renew"):
            await wire.ask(target)
            ids.append(wire.jar["id"])
        wire.hang_up()
    dump = b"".join(at_rest(serving.store))
    assert b"user19" in dump
    assert not [each for each in ids if each.encode() in dump]


async def test_a_lookup_is_by_the_hash_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """R71: where no statement holds the secret, no comparison in the database can tell of it."""
    statements: list[str] = []
    connect = schema.connect

    def traced(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        connection = connect(*args, **kwargs)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(schema, "connect", traced)
    sessions = Sessions(f"sqlite:///{tmp_path}/traced.db")
    visitor = Visitor(sessions)
    secrets = set()
    for action in (sets(a=1), everything, lambda s: s.renew(), sets(a=2), lambda s: s.end()):
        await visitor.ask(action)
        secrets.add(visitor.jar.get("__Host-id", ""))
    await sessions.close()
    text = "\n".join(statements)
    secrets.discard("")
    assert len(secrets) == 2
    for secret in secrets:
        assert secret not in text
        assert urlsafe_b64encode(hashlib.sha256(b"cookie\0" + secret.encode()).digest())[:43].decode() in text


class Bomb:
    """Leaves a file where it is unpickled."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return open, (self.path, "w")


@pytest.mark.parametrize("where", ["the whole session", "an attribute", "an extension"])
async def test_a_pickle_in_the_store_is_rejected_and_not_executed(serving: Serving, tmp_path: Path, where: str) -> None:
    """R72."""
    planted = tmp_path / "executed"
    bomb = pickle.dumps(Bomb(str(planted)))
    data = {
        "the whole session": bomb,
        "an attribute": b"\x82\xa1a\xc4" + bytes([len(bomb)]) + bomb + b"\xa1b\x01",
        "an extension": b"\x82\xa1a\xc7" + bytes([len(bomb)]) + b"\x50" + bomb + b"\xa1b\x01",
    }[where]
    wire = Wire(serving.port)
    await wire.ask("/count")
    ref = (await wire.ask("/read")).value["ref"]
    [stored] = [record for record in await records(serving.store) if record.ref == ref]
    planting = msgspec.structs.replace(stored, data=data, version=stored.version + 1)
    await overwrite(serving.store, planting, stored)
    for target in ("/has", "/who", "/count"):
        assert (await wire.ask(target)).status == 200
    assert not planted.exists()
    if where == "an extension":  # the other attributes can still be read
        assert (await wire.ask("/read")).value["data"]["b"] == 1


BAD_IDS = [
    b"../../../../etc/passwd" + b"x" * 21,
    b"'; drop table session; --" + b"x" * 18,
    b"a" * 42 + b"*",
    b"a" * 42 + b":",
    b"a" * 42 + b"%",
    b"a" * 42 + b"\xff",
    b"a" * 42 + b"\x00",
    b"a" * 44,
    b"a" * 42,
    b"$(touch x)" + b"a" * 33,
]


@pytest.mark.parametrize("value", BAD_IDS)
async def test_what_cannot_be_an_id_is_no_session_and_no_error(serving: Serving, value: bytes) -> None:
    """R73."""
    reply = await Wire(serving.port).ask("/read", headers=[("Cookie", b"id=" + value)])
    assert reply.status == 400 or (reply.status, reply.value["data"], reply.cookies) == (200, {}, {})
    assert (await Wire(serving.port).ask("/count", headers=[("Cookie", b"id=" + value[:40])])).value == 1


async def test_an_id_of_a_megabyte_does_no_harm(serving: Serving) -> None:
    """R73."""
    wire = Wire(serving.port)
    try:
        reply = await wire.ask("/read", headers=[("Cookie", b"id=" + b"a" * 1_000_000)])
        assert reply.status in {200, 400, 413, 431}
    except ConnectionError:  # a server may hang up on it
        pass
    assert (await Wire(serving.port).ask("/count")).value == 1
