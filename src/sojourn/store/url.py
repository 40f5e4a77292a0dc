"""Store addresses: a URL names a store, and imports only what that store needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any
from urllib.parse import parse_qsl, unquote

from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.store.base import Store

__all__ = ["SCHEMES", "open_store", "parts_of_postgres", "path_of_sqlite"]


def open_store(url: str, *, clock: Clock | None = None) -> Store:
    """The store that `url` names. Nothing is opened yet: that happens with the first use.

    ==========================  ======================================================================================
    ``memory:``                 this process; ends with it. ``?entries=100000`` sessions in memory; beyond that
                                ``?full=swap`` keeps them in a temporary file, ``?full=refuse`` refuses them
    ``sqlite:///file.db``       one file, relative to the working directory; ``sqlite:////var/…`` is absolute.
                                ``?durability=full`` commits with fsync; ``?busy=5`` seconds to wait for other writers
    ``postgresql://host/app``   a schema of a PostgreSQL database; ``postgresql:///app`` leaves the server to PGHOST and
                                so on. ``?schema=sojourn``, ``?timeout=5`` seconds; other options are those of asyncpg
    ``valkey://host/0``         a database of Valkey, or of Redis 7 (``redis://``). ``valkeys://`` and ``rediss://`` are
                                for TLS, ``?ca=file.pem`` names its authority, ``?cert=`` and ``?key=`` one's own.
                                ``valkey+cluster://host,host``, ``valkey+sentinel://host,host/name``,
                                ``valkey+unix:///run/valkey.sock``. ``?prefix=sojourn`` of all keys,
                                ``?timeout=5`` and ``?connect_timeout=2`` seconds
    ==========================  ======================================================================================

    `clock` is the store's own unless one is given: those of PostgreSQL and Valkey are their servers'.

    Raises `SettingError` for an address that names no store.
    """
    scheme, colon, _ = url.partition(":")
    opener = _OPENERS.get(scheme) if colon else None
    if opener is None:
        meant = get_close_matches(scheme, _OPENERS, 1)
        told = f"did you mean {meant[0]}:" if colon and meant else f"an address starts with {', '.join(_USUAL)}"
        # How it hides a password cannot be known.
        shown = f"{scheme if colon else ''}{colon}…" if not {"@", "?"}.isdisjoint(url) else url
        raise SettingError(f"{shown!r} names no store; {told}")
    return opener(url, clock)


def _memory(url: str, clock: Clock | None) -> Store:
    from sojourn.store.memory import MemoryStore

    address, _, query = url.partition("?")
    if address not in ("memory:", "memory://"):
        raise SettingError(f"{_shown(url)!r}: the store in memory is just memory:, or memory:?entries=…&full=…")
    settings = _settings(url, query, "entries", "full")
    try:
        if "entries" in settings:
            settings["entries"] = int(settings["entries"])
        return MemoryStore(**settings, clock=clock or time.time)
    except ValueError as error:
        raise SettingError(f"{_shown(url)!r}: {error}") from None


def _sqlite(url: str, clock: Clock | None) -> Store:
    from sojourn.store.sqlite import SqliteStore

    address, _, query = url.partition("?")
    path = path_of_sqlite(url)
    if path == ":memory:":
        raise SettingError(f"{_shown(url)!r}: the store in memory is memory:")
    if "#" in url:
        raise SettingError(f"{_shown(url)!r}: write %23 for the # in the name of a file")
    if not address.startswith("sqlite:///") or not path or path.endswith("/") or "\0" in path:
        raise SettingError(
            f"{_shown(url)!r}: write sqlite:///file.db, or sqlite:////var/lib/file.db for an absolute path"
        )
    settings = _settings(url, query, "durability", "busy")
    try:
        if "busy" in settings:
            settings["busy"] = float(settings["busy"])
        return SqliteStore(path, **settings, clock=clock or time.time)
    except ValueError as error:
        raise SettingError(f"{_shown(url)!r}: {error}") from None


def path_of_sqlite(url: str) -> str:
    """The file that an address names."""
    return unquote(url.partition("?")[0].removeprefix("sqlite:///"))


def _postgres(url: str, clock: Clock | None) -> Store:
    try:
        from sojourn.store.postgres import PostgresStore
    except ModuleNotFoundError:
        raise SettingError(
            f"{_shown(url.partition('?')[0])!r} needs asyncpg: pip install 'sojourn[postgres]'"
        ) from None
    address, settings = parts_of_postgres(url)
    try:
        return PostgresStore(
            address,
            schema=settings.get("schema", "sojourn"),
            timeout=float(settings.get("timeout", "5")),
            clock=clock,
        )
    except ValueError as error:
        raise SettingError(f"{_shown(address.partition('?')[0])!r}: {error}") from None


def parts_of_postgres(url: str) -> tuple[str, dict[str, str]]:
    """The address as asyncpg takes it, with its own options as they are; and the settings of the store."""
    address, _, query = url.partition("?")
    settings: dict[str, str] = {}
    others: list[str] = []
    for option in query.split("&") if query else ():
        name, _, value = option.partition("=")
        if name in ("schema", "timeout"):
            settings[name] = unquote(value)
        else:
            others.append(option)
    return address + ("?" if others else "") + "&".join(others), settings


def _valkey(url: str, clock: Clock | None) -> Store:
    try:
        from sojourn.store.valkey import ValkeyStore
    except ModuleNotFoundError:
        raise SettingError(f"{_shown(url.partition('?')[0])!r} needs valkey: pip install 'sojourn[valkey]'") from None
    return ValkeyStore(url, clock=clock)


def _settings(url: str, query: str, *known: str) -> dict[str, Any]:
    """What stands behind the question mark, each name once. Raises `SettingError`."""
    pairs = parse_qsl(query, keep_blank_values=True)
    settings: dict[str, Any] = dict(pairs)
    if len(settings) < len(pairs):
        raise SettingError(f"{_shown(url)!r}: a setting is given twice; there are {' and '.join(known)}")
    if unknown := settings.keys() - set(known):
        raise SettingError(
            f"{_shown(url)!r}: unknown setting {', '.join(sorted(unknown))}; there are {' and '.join(known)}"
        )
    return settings


_VALKEY = ("valkey", "valkeys", "redis", "rediss")

_OPENERS: dict[str, Callable[[str, Clock | None], Store]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "postgres": _postgres,
    **dict.fromkeys((*_VALKEY, *(f"{name}+{kind}" for kind in ("cluster", "sentinel") for name in _VALKEY)), _valkey),
    "valkey+unix": _valkey,
}

_USUAL = ("memory:", "sqlite:///", "postgresql://", "valkey:// or redis://")

SCHEMES = tuple(_OPENERS)
"""What an address may begin with, before its colon."""


def _shown(url: str) -> str:
    """The address without what may be a password."""
    before, at, host = url.rpartition("@")
    return f"{before.partition(':')[0]}://…@{host}" if at else url
