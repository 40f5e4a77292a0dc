"""Scratch: a place of its own beside a store, where something can be tried without touching what is there."""

from __future__ import annotations

import itertools
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from sojourn.errors import StoreUnavailable
from sojourn.store.url import open_store, parts_of_postgres, path_of_sqlite

__all__ = ["Scratch", "scratch"]


class Scratch(Protocol):
    """Makes stores that are fresh and empty, and takes them away."""

    def fresh(self) -> str:
        """The address of a store that is empty, and that nobody else knows. Raises `StoreUnavailable`."""
        ...

    async def remove(self) -> None:
        """Remove all of them, and what they hold. Raises `StoreUnavailable`; then it can be called again."""
        ...


def scratch(url: str) -> Scratch:
    """A place beside the store that `url` names: on the same server, or in the same directory.

    PostgreSQL: schemas ``sojourn_check_…``; the user must be allowed to create some. Valkey: names that begin with
    ``PREFIX:check-…``. SQLite: files in a directory ``FILE-check-…``. Raises `SettingError`, as `open_store` does.
    """
    open_store(url)
    scheme = url.partition(":")[0]
    if scheme == "memory":
        return _InMemory(url)
    if scheme == "sqlite":
        return _InFiles(url)
    return _InSchemas(url) if scheme.startswith("postgres") else _UnderPrefix(url)


class _InMemory:
    def __init__(self, url: str) -> None:
        self._url = url

    def fresh(self) -> str:
        return self._url

    async def remove(self) -> None:
        """Nothing: it goes with the store."""


class _InFiles:
    def __init__(self, url: str) -> None:
        self._path = Path(path_of_sqlite(url))
        self._query = url.partition("?")[2]
        self._numbers = itertools.count(1)
        self._directory: Path | None = None

    def fresh(self) -> str:
        if self._directory is None:
            try:
                made = tempfile.mkdtemp(prefix=f"{self._path.name}-check-", dir=self._path.parent)
            except OSError as error:
                raise StoreUnavailable(
                    f"nothing can be made in {self._path.parent} ({error.strerror}); give a file in another directory"
                ) from None
            self._directory = Path(made)
        return f"sqlite:///{quote(str(self._directory / f'{next(self._numbers)}.db'))}?{self._query}"

    async def remove(self) -> None:
        if self._directory is not None:
            try:
                shutil.rmtree(self._directory)
            except OSError as error:
                raise StoreUnavailable(f"{self._directory} cannot be removed ({error.strerror}); remove it") from None
            self._directory = None


class _InSchemas:
    def __init__(self, url: str) -> None:
        self._url = url
        self._name = f"sojourn_check_{secrets.token_hex(4)}"
        self._schemas: list[str] = []

    def fresh(self) -> str:
        self._schemas.append(f"{self._name}_{len(self._schemas)}")
        return _with(self._url, "schema", self._schemas[-1])

    async def remove(self) -> None:
        from sojourn.store.postgres.scratch import drop

        if self._schemas:
            await drop(parts_of_postgres(self._url)[0], self._schemas)


class _UnderPrefix:
    def __init__(self, url: str) -> None:
        from sojourn.store.valkey.scratch import prefix_of

        self._prefix = f"{prefix_of(url)}:check-{secrets.token_hex(4)}"
        self._url = url
        self._numbers = itertools.count(1)

    def fresh(self) -> str:
        return _with(self._url, "prefix", f"{self._prefix}:{next(self._numbers)}")

    async def remove(self) -> None:
        from sojourn.store.valkey.scratch import drop

        await drop(_with(self._url, "prefix", self._prefix))


def _with(url: str, name: str, value: str) -> str:
    """`url` with that setting, and no other value of it."""
    address, _, query = url.partition("?")
    others = [option for option in query.split("&") if option and option.partition("=")[0] != name]
    return f"{address}?{'&'.join([*others, f'{name}={quote(value)}'])}"
