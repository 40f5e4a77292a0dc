"""Store addresses: a URL names a store, and imports only what that store needs."""

from __future__ import annotations

import time
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote

from sojourn.core.lifetime import Clock
from sojourn.errors import SettingError
from sojourn.store.base import Store

__all__ = ["open_store"]


def open_store(url: str, *, clock: Clock | None = None) -> Store:
    """The store that `url` names. Nothing is opened yet: that happens with the first use.

    ==========================  ======================================================================================
    ``memory:``                 this process; ends with it
    ``sqlite:///file.db``       one file, relative to the working directory; ``sqlite:////var/…`` is absolute.
                                ``?durability=full`` commits with fsync; ``?busy=5`` seconds to wait for other writers
    ``postgresql://host/app``   a schema of a PostgreSQL database; ``postgresql:///app`` leaves the server to PGHOST and
                                so on. ``?schema=sojourn``, ``?timeout=5`` seconds; other options are those of asyncpg
    ==========================  ======================================================================================

    `clock` is the store's own unless one is given: that of PostgreSQL is its server's.

    Raises `SettingError` for an address that names no store.
    """
    scheme, colon, _ = url.partition(":")
    opener = _OPENERS.get(scheme) if colon else None
    if opener is None:
        known = ", ".join(f"{name}:" for name in _OPENERS)
        raise SettingError(f"{_shown(url)!r} names no store; an address starts with one of {known}")
    return opener(url, clock)


def _memory(url: str, clock: Clock | None) -> Store:
    from sojourn.store.memory import MemoryStore

    if url not in ("memory:", "memory://"):
        raise SettingError(f"{_shown(url)!r}: the store in memory is just memory:")
    return MemoryStore(clock=clock or time.time)


def _sqlite(url: str, clock: Clock | None) -> Store:
    from sojourn.store.sqlite import SqliteStore

    address, _, query = url.partition("?")
    path = unquote(address.removeprefix("sqlite:///"))
    if path == ":memory:":
        raise SettingError(f"{_shown(url)!r}: the store in memory is memory:")
    if "#" in url:
        raise SettingError(f"{_shown(url)!r}: write %23 for the # in the name of a file")
    if not address.startswith("sqlite:///") or not path or path.endswith("/") or "\0" in path:
        raise SettingError(
            f"{_shown(url)!r}: write sqlite:///file.db, or sqlite:////var/lib/file.db for an absolute path"
        )
    pairs = parse_qsl(query, keep_blank_values=True)
    settings = dict(pairs)
    if len(settings) < len(pairs):
        raise SettingError(f"{_shown(url)!r}: a setting is given twice")
    durability = settings.pop("durability", "normal")
    busy = settings.pop("busy", "5")
    if settings:
        raise SettingError(f"{_shown(url)!r}: unknown setting {', '.join(settings)}; there are durability and busy")
    try:
        return SqliteStore(path, durability=durability, busy=float(busy), clock=clock or time.time)  # type: ignore[arg-type]
    except ValueError as error:
        raise SettingError(f"{_shown(url)!r}: {error}") from None


def _postgres(url: str, clock: Clock | None) -> Store:
    try:
        from sojourn.store.postgres import PostgresStore
    except ModuleNotFoundError:
        raise SettingError(f"{_shown(url.partition('?')[0])!r} needs asyncpg; install sojourn[postgres]") from None
    address, _, query = url.partition("?")
    settings: dict[str, str] = {}
    others: list[str] = []  # for asyncpg, as they are
    for option in query.split("&") if query else ():
        name, _, value = option.partition("=")
        if name in ("schema", "timeout"):
            settings[name] = unquote(value)
        else:
            others.append(option)
    try:
        return PostgresStore(
            address + ("?" if others else "") + "&".join(others),
            schema=settings.get("schema", "sojourn"),
            timeout=float(settings.get("timeout", "5")),
            clock=clock,
        )
    except ValueError as error:
        raise SettingError(f"{_shown(address)!r}: {error}") from None


_OPENERS: dict[str, Callable[[str, Clock | None], Store]] = {
    "memory": _memory,
    "sqlite": _sqlite,
    "postgresql": _postgres,
    "postgres": _postgres,
}


def _shown(url: str) -> str:
    """The address without what may be a password."""
    scheme, separator, rest = url.partition("://")
    _, at, host = rest.rpartition("@")
    return f"{scheme}://…@{host}" if separator and at else url
