"""Served over every store: a killed worker costs no session, and a store that is away is waited for."""

from __future__ import annotations

import asyncio
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import httpx2
import pytest
from tests.cli.served import COMMAND, HERE, PATIENCE, Serve, Served, cookie_of, run
from tests.fixtures import postgres, valkeys
from tests.fixtures.postgres import PostgresServer, postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import ValkeyServer, valkey_address, valkey_prefix, valkey_server, valkey_url

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

PASSWORD = "s3cret/of-the-shop"
QUANTITY = re.compile(r'data-product="mug" data-quantity="(\d+)"')


@pytest.fixture(params=["postgres", "valkey"])
def url(request: pytest.FixtureRequest) -> str:
    """The address of a store that is fresh and empty."""
    return str(request.getfixturevalue(f"{request.param}_url"))


@pytest.fixture(params=["postgres", "valkey"])
def server(request: pytest.FixtureRequest) -> Iterator[PostgresServer | ValkeyServer]:
    """A server that may be stopped."""
    with postgres.running("fsync=off") if request.param == "postgres" else valkeys.running() as started:
        yield started


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Serve]:
    """Starts a command, and does not wait until it serves."""
    running: list[Served] = []

    def begin(*arguments: str) -> Served:
        running.append(Served(tmp_path, *arguments))
        return running[-1]

    yield begin
    for each in running:
        each.close()


def test_a_session_is_whole_when_the_worker_that_knew_it_is_killed(command: Serve, url: str) -> None:
    served = command("serve", "applications:starlette", "--store", url)
    first = served.get()
    cookie = cookie_of(first)
    answers = [first.body]
    for _ in range(3):
        served.kill(answers[-1]["pid"])
        answer = served.get(cookie=cookie)
        cookie = "; ".join(filter(None, (cookie.partition(";")[0], cookie_of(answer))))
        answers.append(answer.body)
    assert [each["visits"] for each in answers] == [1, 2, 3, 4]
    assert served.stop() == 0


def test_the_cart_of_the_demo_outlives_its_worker(command: Serve, url: str) -> None:
    served = command("demo", "--store", url)
    with httpx2.Client(base_url=f"http://127.0.0.1:{served.port}", follow_redirects=True) as visitor:
        for kills in range(1, 4):
            visitor.post("/cart/mug/add")
            died = visitor.post("/kill")
            assert died.status_code == 200
            assert served.event("died")["signal"] == "SIGKILL"
            found = QUANTITY.search(visitor.get("/").text)
            assert found is not None
            assert int(found[1]) == kills
    assert served.stop() == 0


def test_a_store_that_is_away_at_the_start_is_waited_for(start: Serve, server: PostgresServer | ValkeyServer) -> None:
    server.stop()
    served = start("serve", "applications:starlette", "--store", server.url)
    waiting = served.event("waiting")
    assert "cannot be reached" in waiting["text"]
    assert "\n" not in waiting["text"]
    server.start()
    served.up()
    assert served.get().body["visits"] == 1
    assert served.stop() == 0
    assert served.rest() == ["stopping", "stopped"]


def test_waiting_for_a_store_ends_at_a_signal(start: Serve) -> None:
    served = start("serve", "applications:starlette", "--store", "valkey://127.0.0.1:1")
    served.event("waiting")
    assert served.stop() == 0


@pytest.mark.parametrize("store", ["valkey://{}?connect_timeout=60", "postgresql://app@{}/app?timeout=60"])
def test_waiting_for_a_store_that_hangs_ends_at_a_signal(start: Serve, store: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(PATIENCE)
        where = "{}:{}".format(*silent.getsockname())
        served = start("serve", "applications:starlette", "--workers", "1", "--store", store.format(where))
        asked, _ = silent.accept()
        with asked:
            assert served.stop() == 0  # long before the time is over that it would wait
    assert served.rest() == ["stopping", "stopped"]


def test_waiting_is_told_in_one_line(tmp_path: Path) -> None:
    with subprocess.Popen(
        [COMMAND, "serve", "applications:starlette", "--port", "0", "--store", "valkey://:s3cret@127.0.0.1:1"],
        cwd=HERE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        process.terminate()
        rest = process.communicate(timeout=PATIENCE)[1]
    assert line.startswith("sojourn: waiting for the store: Valkey at 127.0.0.1:1 cannot be reached")
    assert rest == ""


def refusal(tmp_path: Path, store: str) -> str:
    (tmp_path / "shop.py").write_text("async def app(scope, receive, send): ...")
    ended = run("serve", "shop:app", "--port", "0", "--store", store, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("sojourn: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert PASSWORD[:6] not in ended.stderr
    return ended.stderr


def test_a_wrong_password_of_valkey_is_not_waited_with(tmp_path: Path) -> None:
    with valkeys.running(f"requirepass {PASSWORD}") as guarded:
        wrong = guarded.url.replace("//", "//:s3crets@")
        assert "refuses user or password; mend them in the address" in refusal(tmp_path, wrong)


def test_a_wrong_password_of_postgresql_is_not_waited_with(tmp_path: Path) -> None:
    async def create_role(url: str) -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(f"create role shop login password '{PASSWORD}'")
        await connection.close()

    with postgres.running("fsync=off") as guarded:
        asyncio.run(create_role(guarded.url))
        guarded.guard("shop")
        wrong = guarded.url.replace("postgres@", "shop:s3crets@")
        assert "refuses this user or password" in refusal(tmp_path, wrong)


@pytest.mark.parametrize(
    ("driver", "store", "extra"),
    [("asyncpg", "postgresql://db/app", "sojourn[postgres]"), ("valkey", "valkeys://db", "sojourn[valkey]")],
)
def test_a_driver_that_is_not_installed_is_told_with_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, driver: str, store: str, extra: str
) -> None:
    (tmp_path / f"{driver}.py").write_text(f"raise ModuleNotFoundError(name={driver!r})")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert extra in refusal(tmp_path, store)


def test_the_settings_of_a_deployment_reach_the_sessions(command: Serve, url: str) -> None:
    served = command(
        *("serve", "applications:starlette", "--workers", "1", "--store", url),
        *("--save", "async", "--route", "n7", "--outage", "read-only", "--limit", "3"),
    )
    first = served.get()
    assert first.cookies[0].partition(";")[0].endswith(".n7")
    assert served.get(cookie=cookie_of(first)).body["visits"] == 2
    assert served.stop() == 0
