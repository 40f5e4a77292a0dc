"""`sojourn sessions`: what is stored is looked at and ended, and the nodes hear of it."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from tests.cli.served import run
from tests.fixtures.postgres import postgres_address, postgres_url, postgres_urls
from tests.fixtures.valkeys import valkey_address, valkey_prefix, valkey_server, valkey_url

from sojourn import Sessions
from sojourn.core.events import Event, SessionEnded
from sojourn.core.ids import SessionId
from sojourn.core.record import Record
from sojourn.store import open_store
from sojourn.store.base import Store

__all__ = [
    "postgres_address",
    "postgres_url",
    "postgres_urls",
    "valkey_address",
    "valkey_prefix",
    "valkey_server",
    "valkey_url",
]

T = TypeVar("T")


@pytest.fixture(params=["sqlite", "postgres", "valkey"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/sessions.db"
    return str(request.getfixturevalue(f"{request.param}_url"))


def using(url: str, work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the store, as a node that was there before."""

    async def do() -> T:
        store: Any = open_store(url)
        try:
            await store.open()
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(do())


def stored(url: str, *principals: str | None, ago: float = 10.0, **fields: Any) -> list[Record]:
    """Sessions that were begun, and used, so many seconds ago."""

    async def work(store: Any) -> list[Record]:
        then = store.now() - ago
        values: dict[str, Any] = {
            "app": "default",
            "epoch": 0,
            "version": 1,
            "node": "n1",
            "data": b"\x81\xa4cart\xa5apple",
            "created_at": then,
            "accessed_at": then,
            "renewed_at": then,
            "expires_at": then + 1800,
            "absolute_at": float("inf"),
            **fields,
        }
        made = [
            Record(key=SessionId.new().key, ref=f"ref{number}", principal=principal, **values)
            for number, principal in enumerate(principals)
        ]
        for record in made:
            await store.save(record, over=None)
        return made

    return using(url, work)


def rows(ended: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_live_sessions_are_listed_by_what_they_are_asked_for(url: str, tmp_path: Path) -> None:
    made = stored(url, "alice", "bob", None)

    def refs(*options: str) -> list[str]:
        return [row["ref"] for row in rows(run("sessions", "list", "--store", url, "--json", *options, cwd=tmp_path))]

    assert refs() == [record.ref for record in made]
    assert refs("--principal", "bob") == ["ref1"]
    assert refs("--limit", "1", "--after", "ref0") == ["ref1"]
    assert refs("--unused", "5m") == []
    assert refs("--unused", "2s") == refs("--node", "n1") == refs()
    assert refs("--node", "n2") == refs("--app", "blog") == []


def test_no_key_and_no_value_is_shown(url: str, tmp_path: Path) -> None:
    [record] = stored(url, "alice")
    listed = run("sessions", "list", "--store", url, cwd=tmp_path).stdout
    shown = run("sessions", "show", record.ref, "--store", url, cwd=tmp_path).stdout
    as_json = run("sessions", "show", record.ref, "--store", url, "--json", cwd=tmp_path).stdout
    assert "attribute    'cart', 6 bytes" in shown
    assert json.loads(as_json)["attributes"] == {"cart": 6}
    for text in (listed, shown, as_json):
        assert record.ref in text
        assert "alice" in text
        assert record.key not in text
        assert "apple" not in text


def test_what_cannot_be_read_is_shown_without_it(url: str, tmp_path: Path) -> None:
    [record] = stored(url, "alice", data=b"\xc1")
    ended = run("sessions", "show", record.ref, "--store", url, cwd=tmp_path)
    assert ended.returncode == 0
    assert "unreadable" in ended.stdout


def test_an_ended_session_is_gone_at_once_and_a_node_announces_it(url: str, tmp_path: Path) -> None:
    ended, other = stored(url, "alice", "bob", ago=0)
    answer = run("sessions", "end", ended.ref, "--store", url, cwd=tmp_path)
    assert (answer.returncode, answer.stdout) == (0, "ended 1 session\n")
    heard: list[Event] = []

    async def as_node(store: Store) -> list[Record | None]:
        sessions = Sessions(store, near=None)
        sessions.listen(heard.append, SessionEnded)
        left = [await store.load(record.key, record.app) for record in (ended, other)]
        async with asyncio.timeout(20):
            while not heard:
                await sessions.sweep()
                await asyncio.sleep(0.1)
        return left

    assert using(url, as_node) == [None, other]
    [event] = heard
    assert isinstance(event, SessionEnded)
    assert (event.ref, event.reason) == (ended.ref, "revoked")


def test_all_sessions_of_a_principal_are_ended(url: str, tmp_path: Path) -> None:
    stored(url, "alice", "bob", "alice", None)
    answer = run("sessions", "end", "--principal", "alice", "--store", url, "--json", cwd=tmp_path)
    assert rows(answer) == [{"ended": 2, "absent": []}]
    left = rows(run("sessions", "list", "--store", url, "--json", cwd=tmp_path))
    assert [row["principal"] for row in left] == ["bob", None]


def test_a_table_is_aligned_and_tells_where_it_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    stored(url, "alice", "bob", ago=120)
    lines = run("sessions", "list", "--store", url, "--limit", "1", cwd=tmp_path).stdout.splitlines()
    assert lines[0].split() == ["REF", "PRINCIPAL", "CREATED", "USED", "ENDS", "BYTES", "NODE"]
    assert lines[1].split() == ["ref0", "alice", "2m", "ago", "2m", "ago", "in", "27m", "12", "n1"]
    assert lines[0].index("PRINCIPAL") == lines[1].index("alice")
    assert lines[2] == "perhaps there are more: --after ref0"


def test_a_session_without_an_end_never_ends(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    stored(url, None, expires_at=float("inf"))
    assert "  never  " in run("sessions", "list", "--store", url, cwd=tmp_path).stdout
    [row] = rows(run("sessions", "list", "--store", url, "--json", cwd=tmp_path))
    assert row["expires_at"] is None


def test_a_name_does_nothing_to_the_terminal(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    [record] = stored(url, "al\x1b[2Jice\n")
    for command in (["list"], ["show", record.ref]):
        shown = run("sessions", *command, "--store", url, cwd=tmp_path).stdout
        assert "al?[2Jice?" in shown


@pytest.mark.parametrize("command", [["show", "nobody"], ["end", "nobody"]])
def test_a_session_that_is_not_there_is_said_so(tmp_path: Path, command: list[str]) -> None:
    url = f"sqlite:///{tmp_path}/sessions.db"
    stored(url, None)
    ended = run("sessions", *command, "--store", url, cwd=tmp_path)
    assert ended.returncode == 1
    assert ended.stderr == "sojourn: there is no session nobody\n"


MISTAKES = {
    "no file": (["list", "--store", "sqlite:///typo.db"], "there is no file typo.db"),
    "memory": (["list", "--store", "memory:"], "known to its own process only"),
    "no store": (["list", "--store", "nothing://here"], "names no store"),
    "no server": (["list", "--store", "valkey://:s3cret@127.0.0.1:1"], "cannot be reached"),
    "nothing to end": (["end", "--store", "sqlite:///typo.db"], "end which?"),
    "no time": (["list", "--unused", "long"], "is no time"),
}


@pytest.mark.parametrize(("command", "what"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line(tmp_path: Path, command: list[str], what: str) -> None:
    ended = run("sessions", *command, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("sojourn: ")
    assert ended.stderr.count("\n") == 1, ended.stderr
    assert what in ended.stderr
    assert "s3cret" not in ended.stderr
    assert not list(tmp_path.glob("*.db"))
