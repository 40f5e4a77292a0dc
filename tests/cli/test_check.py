"""`sojourn store check` tries all promises of a live store, and leaves no trace of it."""

from __future__ import annotations

import asyncio
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import asyncpg
import pytest
import valkey
from tests.cli.served import COMMAND, until
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import (
    PASSWORD,
    certificates,
    tls_server,
    valkey_address,
    valkey_cluster,
    valkey_prefix,
    valkey_server,
    valkey_url,
)

from sojourn.store import Opens, Store, open_store
from sojourn.testing import FakeClock
from sojourn.testing.contract import records

__all__ = [
    "certificates",
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "tls_server",
    "valkey_address",
    "valkey_cluster",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

PATIENCE = 90.0

STORES = """\
import asyncio, contextlib, os, pathlib
from sojourn.store.memory import MemoryStore

class Right(MemoryStore): ...

@contextlib.contextmanager
def tidy(clock):
    pathlib.Path("made").touch()
    yield MemoryStore(clock=clock)
    pathlib.Path("made").unlink()

class Hasty(MemoryStore):
    async def save(self, record, *, over):  # without comparing versions
        if over is not None:
            over = await self.load(over.key, over.app) or over
        await super().save(record, over=over)

class Mute(MemoryStore):
    async def release(self, record, holder):
        await asyncio.Event().wait()

class Chatty(MemoryStore):
    def __init__(self, clock):
        print("hello")
        super().__init__(clock=clock)

class Closed(MemoryStore):
    async def open(self): raise OSError("no\\nway")
    async def close(self): ...

def raising(clock): raise RuntimeError("not\\ntoday")
def nothing(clock): ...
def ending(clock): os._exit(1)
def without(): ...
number = 3
"""


@pytest.fixture
def here(tmp_path: Path) -> Path:
    (tmp_path / "mine.py").write_text(STORES)
    return tmp_path


def run(target: str, *options: str, cwd: Path, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [COMMAND, "store", "check", target, *options],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def events(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Callable[[], list[Any]]]]:
    """The address of a store, and what there is around it."""
    match request.param:
        case "sqlite":
            yield f"sqlite:///{tmp_path}/kept.db?busy=5", lambda: sorted(tmp_path.rglob("*"))
        case "postgres":
            address = request.getfixturevalue("postgres_address")
            yield request.getfixturevalue("postgres_url"), lambda: schemas(address)
        case "valkey":
            url = request.getfixturevalue("valkey_url")
            yield url, lambda: names([valkey.Valkey.from_url(url.partition("?")[0])])
        case "tls":
            server, ca = request.getfixturevalue("tls_server"), request.getfixturevalue("certificates") / "ca.pem"
            url = f"rediss://shop:{quote(PASSWORD, safe='')}@localhost:{server.port}?ca={ca}"
            root: dict[str, Any] = {"ssl": True, "ssl_ca_certs": ca, "username": "root", "password": PASSWORD}
            yield url, lambda: names([server.client(**root)])
        case _:
            cluster = request.getfixturevalue("valkey_cluster")
            yield cluster.url, lambda: names([server.client() for server in cluster.servers])


def schemas(address: str) -> list[str]:
    async def ask() -> list[str]:
        connection = await asyncpg.connect(address)
        try:
            return [row[0] for row in await connection.fetch("select nspname from pg_namespace order by 1")]
        finally:
            await connection.close()

    return asyncio.run(ask())


def names(clients: list[Any]) -> list[bytes]:
    found: list[bytes] = []
    for client in clients:
        found += client.keys("*")
        client.close()
    return sorted(found)


async def keep(store: Store) -> Any:
    """Store a session, as a visitor of today would."""
    record = records.new(FakeClock(2e9))
    await store.save(record, over=None)
    assert isinstance(store, Opens)
    await store.close()
    return record


async def loaded(store: Store, record: Any) -> Any:
    try:
        return await store.load(record.key, record.app)
    finally:
        assert isinstance(store, Opens)
        await store.close()


def test_a_store_in_memory_keeps_its_promises(tmp_path: Path) -> None:
    ended = run("memory:", "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    begins, *promises, verdict = events(ended)
    assert begins == {"event": "begins", "promises": len(promises)}
    assert verdict["event"] == "verdict"
    assert verdict["broken"] == 0
    assert verdict["kept"] > 100


@pytest.mark.long
@pytest.mark.parametrize("place", ["sqlite", "postgres", "valkey"], indirect=True)
def test_a_live_store_keeps_its_promises_and_nothing_around_is_touched(
    place: tuple[str, Callable[[], list[Any]]], tmp_path: Path
) -> None:
    url, around = place
    record = asyncio.run(keep(open_store(url)))
    before = around()
    ended = run(url, "--json", cwd=tmp_path)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    verdict = events(ended)[-1]
    assert verdict["event"] == "verdict"
    assert verdict["broken"] == 0
    assert verdict["kept"] > 140
    assert around() == before
    assert asyncio.run(loaded(open_store(url), record)) == record


def test_a_store_that_saves_without_comparing_breaks_the_promises_about_that(here: Path) -> None:
    ended = run("mine:Hasty", cwd=here)
    assert ended.returncode == 1
    lines = ended.stdout.splitlines()
    assert "broken   the second of two updates conflicts: DID NOT RAISE Conflict" in lines
    assert "kept     what was never stored is absent" in lines
    assert lines[-1].startswith("mine:Hasty breaks ")
    assert "Traceback" not in ended.stdout + ended.stderr
    assert "mine.py" not in ended.stdout


def test_where_a_promise_was_found_broken_is_shown_to_who_asks(here: Path) -> None:
    ended = run("mine:Hasty", "--verbose", cwd=here)
    assert "with pytest.raises(Conflict)" in ended.stdout


def test_a_broken_promise_is_an_event_for_who_asked_for_json(here: Path) -> None:
    promises = {each.get("name"): each for each in events(run("mine:Hasty", "--json", cwd=here))}
    told = promises["the second of two updates conflicts"]
    assert (told["outcome"], told["reason"]) == ("broken", "DID NOT RAISE Conflict")


@pytest.mark.long
def test_a_store_of_ones_own_is_made_anew_for_each_promise_and_put_away(here: Path) -> None:
    assert run("mine:Right", cwd=here).returncode == 0
    assert run("mine:tidy", cwd=here).returncode == 0
    assert not (here / "made").exists()


def test_what_a_store_prints_is_not_taken_for_a_result(here: Path) -> None:
    ended = run("mine:Chatty", "--json", cwd=here)
    assert ended.returncode == 0
    assert events(ended)[-1]["event"] == "verdict"


@pytest.mark.long
def test_a_store_that_hangs_breaks_its_promise_in_the_end(here: Path) -> None:
    code = (
        "import sys; from sojourn.testing.check import progress; progress.PATIENCE = 0.5;"
        "from sojourn.testing.check.__main__ import main; sys.exit(main())"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code],
        input="mine:Mute\n",
        cwd=here,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 1
    broken = [each for each in events(ended) if each.get("outcome") == "broken"]
    assert {each["reason"] for each in broken} == {"TimeoutError: not done after 0.5 s"}


def test_a_bar_in_a_terminal_and_the_broken_promises_after_it(here: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen([COMMAND, "store", "check", "mine:Hasty"], cwd=here, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        while piece := read(ours):
            shown += piece
        assert process.wait(PATIENCE) == 1
    os.close(ours)
    text = shown.decode()
    assert text.index("[####") < text.index("broken   the second of two updates conflicts")
    assert "kept     " not in text


def read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux tells that the other end was closed
        return b""


MISTAKES = {
    "no scheme": ("nothing://here", "names no store"),
    "neither": ("sessions", "names no store; give its address"),
    "no module": ("nowhere:make", "importing nowhere:make raised ModuleNotFoundError: No module named 'nowhere'"),
    "no name": ("mine:Nobody", "importing mine:Nobody raised AttributeError"),
    "no function": ("mine:number", "mine:number is a int; name a class"),
    "a function that raises": ("mine:raising", "mine:raising(clock=…) raised RuntimeError: not; mend that"),
    "a function of nothing": ("mine:nothing", "gave a NoneType, which is no sojourn.store.Store"),
    "a function without a clock": ("mine:without", "unexpected keyword argument 'clock'"),
    "a store that does not open": ("mine:Closed", "opening the store raised OSError: no; mend that"),
    "no directory": ("sqlite:///nowhere/sessions.db", "nothing can be made in nowhere"),
    "a process that ends": ("mine:ending", "the check ended by itself with status 1; --verbose shows"),
    "no server": ("valkey://127.0.0.1:1", "127.0.0.1:1 cannot be reached"),
    "no database server": ("postgresql://shop:s3cret@127.0.0.1:1/app", "cannot be reached"),
}


@pytest.mark.parametrize(("target", "what"), MISTAKES.values(), ids=MISTAKES)
def test_what_cannot_be_checked_is_told_in_one_line(here: Path, target: str, what: str) -> None:
    ended = run(target, cwd=here)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("sojourn: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert what in ended.stderr
    assert "s3cret" not in ended.stderr


def test_a_mistake_is_an_event_for_who_asked_for_json(tmp_path: Path) -> None:
    ended = run("nothing://here", "--json", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert json.loads(ended.stderr)["event"] == "error"


def test_without_pytest_it_is_told_what_to_install(tmp_path: Path) -> None:
    code = (
        "import sys; sys.modules['pytest'] = None; sys.argv = ['sojourn', 'store', 'check', 'memory:'];"
        "from sojourn.cli.main import main; main()"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 2
    assert ended.stderr == "sojourn: checking a store needs what is not installed: pip install pytest\n"


@pytest.mark.parametrize(
    ("driver", "target", "extra"),
    [
        ("asyncpg", "postgresql://shop:s3cret@db/app", "sojourn[postgres]"),
        ("valkey", "valkey://:s3cret@db", "sojourn[valkey]"),
    ],
)
def test_a_driver_that_is_not_installed_is_told_with_what_to_install(
    tmp_path: Path, driver: str, target: str, extra: str
) -> None:
    (tmp_path / f"{driver}.py").write_text(f"raise ModuleNotFoundError(name={driver!r})")
    ended = run(target, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)})
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert extra in ended.stderr
    assert "s3cret" not in ended.stderr


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("sqlite", signal.SIGINT),
        ("sqlite", signal.SIGTERM),
        ("postgres", signal.SIGINT),
        ("postgres", signal.SIGKILL),
        ("valkey", signal.SIGINT),
        ("valkey", signal.SIGKILL),
        ("tls", signal.SIGTERM),
        ("cluster", signal.SIGINT),
    ],
    indirect=["place"],
)
def test_a_check_that_is_interrupted_removes_what_it_made(
    place: tuple[str, Callable[[], list[Any]]], tmp_path: Path, number: signal.Signals
) -> None:
    url, around = place
    asyncio.run(keep(open_store(url)))
    before = around()
    with subprocess.Popen(
        [COMMAND, "store", "check", url], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(20):
            process.stdout.readline()
        process.send_signal(number)
        said = process.communicate(timeout=PATIENCE)[1]
    if number != signal.SIGKILL:  # then the process that it had started finds that nobody listens
        assert process.returncode == 130
        assert said == "sojourn: interrupted, without a verdict\n"
        assert around() == before
    until(lambda: around() == before)
