"""Addresses, and what a server refuses: told in one line, without a password."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from urllib.parse import quote

import pytest
from tests.fixtures.valkeys import PASSWORD, RIGHTS, ValkeyServer, make_certificates, running

from sojourn.errors import SettingError, StoreDenied, StoreFull, StoreReadOnly, StoreUnavailable
from sojourn.store import Store, open_store
from sojourn.store.valkey import ValkeyStore
from sojourn.store.valkey.client.address import Address
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

ESCAPED = quote(PASSWORD, safe="")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


async def refusal(store: Store, clock: FakeClock) -> StoreUnavailable:
    """What a save says, when it says the same as opening."""
    assert isinstance(store, ValkeyStore)
    record = records.new(clock)
    with pytest.raises(StoreUnavailable) as caught:
        await store.save(record, over=None)
    await store.close()
    told = str(caught.value)
    assert PASSWORD not in told
    assert ESCAPED not in told
    assert record.key not in told
    assert "\n" not in told
    return caught.value


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("valkey://localhost", Address(hosts=(("localhost", 6379),))),
        ("redis://", Address(hosts=(("localhost", 6379),))),
        ("redis://:p%40ss@h:1/2", Address(hosts=(("h", 1),), db=2, password="p@ss")),
        ("valkeys://u:p@[::1]:7?ca=a", Address(hosts=(("::1", 7),), tls=True, username="u", password="p", ca="a")),
        ("valkey+unix:///run/valkey.sock?db=1", Address(hosts=("/run/valkey.sock",), db=1)),
        ("valkey+cluster://a,b:7", Address(kind="cluster", hosts=(("a", 6379), ("b", 7)))),
        ("valkey+sentinel://a,b:7/name/3", Address(kind="sentinel", hosts=(("a", 26379), ("b", 7)), name="name", db=3)),
        ("valkey://h?prefix=shop&timeout=1", Address(hosts=(("h", 6379),), prefix="shop", timeout=1.0)),
    ],
)  # fmt: skip
def test_an_address_says_where_and_how(url: str, expected: Address) -> None:
    assert Address.parse(url) == expected
    assert isinstance(open_store(url), ValkeyStore)


@pytest.mark.parametrize(
    "url",
    [
        "valkey:h",
        "valkey://:secret@h:0",
        "valkey://:secret@h:x",
        "valkey://:secret@h/name",
        "valkey://:secret@h?ca=x",
        "valkey://:secret@h?secret=1",
        "valkey://:secret@h?timeout=0",
        "valkey://:secret@h?timeout=1&timeout=2",
        "valkey://:secret@h?prefix=",
        "valkey://:secret@h?prefix={a}",
        "valkey+cluster://:secret@h/1",
        "valkey+sentinel://:secret@h",
        "valkey+other://:secret@h",
    ],
)
def test_an_address_that_cannot_work_is_refused_without_its_password(url: str) -> None:
    with pytest.raises(SettingError) as caught:
        open_store(url)
    assert ":secret" not in str(caught.value)


def test_nothing_shows_a_password() -> None:
    store = open_store(f"valkey://user:{ESCAPED}@h")
    assert repr(store) == "<ValkeyStore <Address of server h:6379>>"


async def test_a_wrong_password_is_told(tls_server: ValkeyServer, certificates: Path, clock: FakeClock) -> None:
    ca = certificates / "ca.pem"
    for user in ("shop:wrong", "nobody:wrong"):
        store = open_store(f"valkeys://{user}@localhost:{tls_server.port}?ca={ca}", clock=clock)
        assert "refuses user or password" in str(await refusal(store, clock))


async def test_no_password_at_all_is_told(tls_server: ValkeyServer, certificates: Path, clock: FakeClock) -> None:
    store = open_store(f"valkeys://localhost:{tls_server.port}?ca={certificates}/ca.pem", clock=clock)
    assert "refuses user or password" in str(await refusal(store, clock))


async def test_an_unknown_authority_is_told(tls_server: ValkeyServer, tmp_path: Path, clock: FakeClock) -> None:
    make_certificates(tmp_path)
    for option in ("", f"?ca={tmp_path}/ca.pem"):
        store = open_store(f"valkeys://shop:{ESCAPED}@localhost:{tls_server.port}{option}", clock=clock)
        assert "its certificate is not trusted" in str(await refusal(store, clock))


async def test_a_file_that_is_not_there_is_told(tmp_path: Path, clock: FakeClock) -> None:
    store = open_store(f"valkeys://localhost:1?ca={tmp_path}/ca.pem", clock=clock)
    assert "no file that ?ca=, ?cert= or ?key= names" in str(await refusal(store, clock))


async def test_a_database_that_is_not_there_is_told(valkey_server: ValkeyServer, clock: FakeClock) -> None:
    told = await refusal(open_store(f"valkey://127.0.0.1:{valkey_server.port}/9999", clock=clock), clock)
    assert isinstance(told, StoreDenied)
    assert "has no database of that number" in str(told)


async def test_a_certificate_for_another_host_is_refused(tmp_path: Path, clock: FakeClock) -> None:
    make_certificates(tmp_path, names=("elsewhere.example",))
    settings = (f"tls-cert-file {tmp_path}/server.pem", f"tls-key-file {tmp_path}/server.key", "tls-auth-clients no")
    with running(*settings, f"tls-ca-cert-file {tmp_path}/ca.pem", program="redis-server") as server:
        store = open_store(f"valkeys://localhost:{server.port}?ca={tmp_path}/ca.pem", clock=clock)
        assert "its certificate is not trusted" in str(await refusal(store, clock))


async def test_plain_text_to_a_server_that_speaks_tls_is_told(tls_server: ValkeyServer, clock: FakeClock) -> None:
    await refusal(open_store(f"valkey://localhost:{tls_server.port}", clock=clock), clock)


async def test_tls_to_a_server_that_speaks_plain_text_is_told(valkey_server: ValkeyServer, clock: FakeClock) -> None:
    store = open_store(f"valkeys://localhost:{valkey_server.port}?connect_timeout=0.5", clock=clock)
    await refusal(store, clock)


@pytest.mark.parametrize("missing", ["-evalsha", "-zadd", "-publish"])
async def test_a_missing_right_is_told(clock: FakeClock, missing: str) -> None:
    with running("user default off", f"user shop on >{PASSWORD} {RIGHTS} {missing}") as server:
        store = open_store(f"valkey://shop:{ESCAPED}@127.0.0.1:{server.port}", clock=clock)
        assert "forbids what the store needs" in str(await refusal(store, clock))


async def test_a_server_whose_memory_is_full_refuses_what_is_new_and_lets_go_of_what_was(clock: FakeClock) -> None:
    with running("maxmemory 4mb") as server:
        store = ValkeyStore(server.url, clock=clock)
        many = [records.new(clock, data=b"x" * 100_000) for _ in range(100)]
        answers = await asyncio.gather(*(store.save(record, over=None) for record in many), return_exceptions=True)
        kept = [record for record, answer in zip(many, answers, strict=True) if answer is None]
        assert 0 < len(kept) < len(many)
        with pytest.raises(StoreFull, match="no memory left"):
            await store.save(many[-1], over=None)
        assert await store.load(kept[0].key, "shop") == kept[0]
        assert await store.touch(records.used(kept[0], clock))
        for record in kept:
            assert await store.delete(record.key, "shop")
        await store.save(records.new(clock), over=None)
        await store.close()


async def test_a_replica_is_read_only(valkey_server: ValkeyServer, clock: FakeClock) -> None:
    with running(f"replicaof 127.0.0.1 {valkey_server.port}") as replica:
        store = ValkeyStore(replica.url, clock=clock)
        told = await refusal(store, clock)
        assert isinstance(told, StoreReadOnly | StoreUnavailable)
        replica.client().execute_command("REPLICAOF", "NO", "ONE")
        record = records.new(clock)
        await store.save(record, over=None)
        await store.close()


async def test_a_server_that_may_drop_sessions_is_warned_of_once(
    clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    with running("maxmemory-policy allkeys-lru") as server, caplog.at_level(logging.WARNING, "sojourn"):
        store = ValkeyStore(server.url, clock=clock)
        await store.open()
        await store.close()
        await store.open()
        await store.close()
    [told] = [each.getMessage() for each in caplog.records]
    assert "allkeys-lru" in told
    assert "noeviction" in told


async def test_the_time_is_that_of_the_server(valkey_server: ValkeyServer, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ValkeyStore(valkey_server.url)
    with pytest.raises(StoreUnavailable, match="open the store first"):
        store.now()
    monkeypatch.setattr("time.time", lambda: 0.0)
    await store.open()
    client = valkey_server.client()
    before, now, after = client.time(), store.now(), client.time()
    assert before[0] + before[1] / 1e6 - 0.5 < now < after[0] + after[1] / 1e6 + 0.5
    await store.close()


async def test_a_socket_of_this_machine_will_do(tmp_path: Path, clock: FakeClock) -> None:
    with running(f"unixsocket {tmp_path}/valkey.sock"):
        while not (tmp_path / "valkey.sock").exists():  # noqa: ASYNC110 - the server has its port a moment before
            await asyncio.sleep(0.01)
        store = open_store(f"valkey+unix://{tmp_path}/valkey.sock?db=2", clock=clock)
        record = records.new(clock)
        await store.save(record, over=None)
        assert await store.load(record.key, record.app) == record
        assert isinstance(store, ValkeyStore)
        await store.close()
