"""Addresses of stores: each good one names one store, each bad one says what is wrong."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import sojourn.testing
from sojourn import errors
from sojourn.store import open_store
from sojourn.store.memory import MemoryStore
from sojourn.store.sqlite import SqliteStore
from sojourn.testing import FakeClock


def sqlite(url: str) -> SqliteStore:
    store = open_store(url)
    assert isinstance(store, SqliteStore)
    return store


@pytest.mark.parametrize("url", ["memory:", "memory://"])
def test_memory_names_a_fresh_store_each_time(url: str) -> None:
    assert isinstance(open_store(url), MemoryStore)
    assert open_store(url) is not open_store(url)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///sessions.db", "sessions.db"),
        ("sqlite:///data/sessions.db", "data/sessions.db"),
        ("sqlite:////var/lib/sessions.db", "/var/lib/sessions.db"),
        ("sqlite:///my%20sessions%3F%23.db", "my sessions?#.db"),
        ("sqlite:///S%C3%B8ren.db", "Søren.db"),
        ("sqlite:///Søren@home.db", "Søren@home.db"),
        ("sqlite:///file.db?durability=full&busy=0.5", "file.db"),
    ],
)
def test_three_slashes_are_relative_and_four_absolute(
    url: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert sqlite(url)._path == tmp_path / path


def test_settings_of_sqlite_have_defaults_and_can_be_given() -> None:
    usual, other = sqlite("sqlite:///a.db"), sqlite("sqlite:///a.db?busy=0&durability=full")
    assert (usual._durability, usual._busy) == ("normal", 5.0)
    assert (other._durability, other._busy) == ("full", 0.0)


def test_the_ceiling_of_memory_can_be_given() -> None:
    usual, other = open_store("memory:"), open_store("memory:?entries=5&full=refuse")
    assert isinstance(usual, MemoryStore)
    assert isinstance(other, MemoryStore)
    assert (usual._entries, usual._full) == (100_000, "swap")
    assert (other._entries, other._full) == (5, "refuse")


async def test_a_store_uses_the_clock_that_is_given() -> None:
    clock = FakeClock(17.0)
    for url in ("memory:", "sqlite:///a.db"):
        store = open_store(url, clock=clock)
        assert isinstance(store, MemoryStore | SqliteStore)
        assert store._clock is clock


def test_naming_a_store_opens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sqlite("sqlite:///sessions.db")
    assert list(tmp_path.iterdir()) == []


async def test_a_relative_store_stays_where_it_is_when_the_process_moves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    store = sqlite("sqlite:///sessions.db")
    monkeypatch.chdir("elsewhere")
    await store.open()
    await store.close()
    assert (tmp_path / "sessions.db").exists()


BAD = {
    "": "names no store",
    "memory": "names no store",
    "sqlite": "names no store",
    ":": "names no store",
    "sessions.db": "names no store",
    "/var/lib/sessions.db": "names no store",
    "mysql://localhost/app": "names no store",
    "MEMORY:": "names no store",
    " sqlite:///a.db": "names no store",
    "memory:x": "just memory:",
    "memory:///": "just memory:",
    "memory:?limit=5": "unknown setting limit; there are entries and full",
    "memory:?entries=": "entries",
    "memory:?entries=many": "entries",
    "memory:?entries=0": "entries",
    "memory:?entries=-1": "entries",
    "memory:?entries=1.5": "entries",
    "memory:?entries=1&entries=2": "entries",
    "memory:?full=": "give swap or refuse",
    "memory:?full=grow": "give swap or refuse",
    "memory:x?entries=5": "just memory:",
    "sqlite:": "write sqlite:///file.db",
    "sqlite:a.db": "write sqlite:///file.db",
    "sqlite://": "write sqlite:///file.db",
    "sqlite:///": "write sqlite:///file.db",
    "sqlite:////": "write sqlite:///file.db",
    "sqlite:///data/": "write sqlite:///file.db",
    "sqlite://sessions.db": "write sqlite:///file.db",
    "sqlite://host/sessions.db": "write sqlite:///file.db",
    "sqlite://[": "write sqlite:///file.db",
    "sqlite:///:memory:": "memory:",
    "sqlite:///a%00b.db": "write sqlite:///file.db",
    "sqlite:///a#b.db": "%23",
    "sqlite:///a.db?durability=": "durability",
    "sqlite:///a.db?durability=paranoid": "give normal or full",
    "sqlite:///a.db?busy=": "busy",
    "sqlite:///a.db?busy=long": "busy",
    "sqlite:///a.db?busy=-1": "busy",
    "sqlite:///a.db?busy=nan": "busy",
    "sqlite:///a.db?busy=inf": "busy",
    "sqlite:///a.db?busy=1&busy=2": "busy",
    "sqlite:///a.db?cache=1": "unknown setting cache",
    "sqlite:///a.db?Durability=full": "unknown setting Durability",
    "sqlite:///a.db?durability": "durability",
}


@pytest.mark.parametrize(("url", "hint"), BAD.items(), ids=BAD)
def test_an_address_that_names_no_store_is_refused_in_one_line_that_says_why(url: str, hint: str) -> None:
    with pytest.raises(errors.SettingError) as caught:
        open_store(url)
    assert hint in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://root:hunter2@db/app",
        "sqlite://root:hunter2@db/app",
        "mysql://:hunter2@",
        "mysql:root:hunter2@db/app",
        "hunter2@db",
        "postgresql+asyncpg://db/app?password=hunter2",
        "postgresql+asyncpg://db/app?user=root&password=p@hunter2",
        "postgres:root:hunter2@db/app",
        "postgresql://db:x/app?password=hunter2",
        "redis:root:hunter2@db/0",
        "redis://:p@hunter2@db/x",
        "redis://db/x?password=hunter2",
    ],
)
def test_an_error_shows_no_password(url: str) -> None:
    with pytest.raises(errors.SettingError) as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("busy", [-1.0, float("nan"), float("inf")])
def test_a_store_refuses_a_wait_that_is_no_duration(busy: float) -> None:
    with pytest.raises(errors.SettingError, match="busy"):
        SqliteStore("a.db", busy=busy)


def test_an_address_imports_what_its_store_needs_and_no_more() -> None:
    look = "import sys; from sojourn.store import open_store; open_store('memory:'); sys.exit('sqlite3' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], check=True)


def test_the_fake_clock_needs_no_pytest() -> None:
    look = "import sys; from sojourn.testing import FakeClock; sys.exit('pytest' in sys.modules)"
    subprocess.run([sys.executable, "-c", look], check=True)


def test_what_is_not_in_sojourn_testing_is_not_found_there() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        getattr(sojourn.testing, "Nothing")  # noqa: B009 - a type checker knows that it is not there
