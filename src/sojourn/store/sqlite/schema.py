"""The schema of a SQLite store, how its file is opened, and what SQLite's errors mean."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Literal

from sojourn.errors import (
    StoreBusy,
    StoreDamaged,
    StoreFull,
    StoreReadOnly,
    StoreTooNew,
    StoreUnavailable,
)
from sojourn.store.sqlite import log

__all__ = ["connect", "explain", "identity", "made", "make", "prepare"]

APPLICATION = 0x534F4A4E  # "SOJN": tells our file from another application's

# What makes the schema: version 1, and what each later one adds to it. Nothing that is stored is dropped.
_STEPS = (
    """
create table session (
    key text not null,
    app text not null,
    ref text not null,
    principal text,
    epoch integer not null,
    version integer not null,
    created_at real not null,
    accessed_at real not null,
    renewed_at real not null,
    expires_at real not null,
    absolute_at real not null,
    node text not null,
    data blob not null,
    claimed_until real,
    primary key (key, app)
);
create unique index session_ref on session (ref, app);
create index session_expires_at on session (expires_at);
create index session_principal on session (principal, app) where principal is not null;

create table stub (
    key text not null,
    app text not null,
    target text not null,
    leads integer not null,
    until real,
    primary key (key, app)
) without rowid;
create index stub_target on stub (target, app);
create index stub_until on stub (until) where until is not null;

create table change (
    number integer primary key autoincrement,
    key text not null,
    app text not null,
    version integer not null,
    node text not null,
    ended integer not null
);
""",
    """
alter table session add column reason text;
create index session_claimed_until on session (claimed_until) where claimed_until is not null;

create table lease (
    ref text not null,
    app text not null,
    holder text not null,
    until real not null,
    primary key (ref, app)
) without rowid;
create index lease_until on lease (until);
""",
)
VERSION = len(_STEPS)


def connect(path: Path, *, mode: Literal["ro", "rw", "rwc"], durability: str) -> sqlite3.Connection:
    """A connection that waits for nobody: to read, to write, or also to make the file. Raises `sqlite3.Error`."""
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode={mode}",
        uri=True,
        timeout=0,  # the writer waits by its own rule, and a reader never holds up the event loop
        isolation_level=None,
        check_same_thread=False,
        cached_statements=64,
    )
    try:
        connection.execute(f"pragma synchronous = {durability}")
        connection.execute("pragma cache_size = -8000")  # kibibytes
        connection.execute(f"pragma wal_autocheckpoint = {log.LAST_RESORT}")
    except BaseException:
        connection.close()
        raise
    return connection


def identity(path: Path) -> tuple[int, int] | None:
    """Which file is at `path` now; None for none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Make the schema, bring an older one up to date, or check what is there. Never drops anything.

    Call it in no transaction.

    Raises `StoreTooNew`, `StoreDamaged` or `sqlite3.Error`.
    """
    version = _version(connection, path)  # before anything is changed in what may be another's file
    connection.execute("pragma journal_mode = wal")
    if version == VERSION:
        return
    connection.execute("begin immediate")  # one process makes the schema, the others wait and find it
    try:
        make(connection, above=_version(connection, path))
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:
            connection.execute("rollback")
        raise


def make(connection: sqlite3.Connection, *, above: int = 0) -> None:
    """Make what the versions above this one have, in the transaction of the caller."""
    for step in _STEPS[above:]:
        for statement in step.split(";"):
            connection.execute(statement)
    connection.execute(f"pragma application_id = {APPLICATION}")
    connection.execute(f"pragma user_version = {VERSION}")


def made(connection: sqlite3.Connection, path: Path) -> bool:
    """Whether the schema is there and up to date. Raises as `prepare`."""
    return _version(connection, path) == VERSION


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Of the schema that is there; 0 for an empty file."""
    version, application, tables = _look(connection)
    if application != APPLICATION and (version or application or tables):
        raise StoreDamaged(f"{path} is a database of another application; give the store a file of its own")
    if version > VERSION:
        raise StoreTooNew(
            f"{path} was made by a newer Sojourn (schema {version}, this one knows {VERSION}); upgrade Sojourn"
        )
    return version


def _look(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """The version, the application and the number of tables, all of one moment: another may be making them."""
    alone = not connection.in_transaction
    if alone:
        connection.execute("begin")
    try:
        (version,) = connection.execute("pragma user_version").fetchone()
        (application,) = connection.execute("pragma application_id").fetchone()
        (tables,) = connection.execute("select count(*) from sqlite_master").fetchone()
    finally:
        if alone:
            connection.execute("rollback")
    return version, application, tables


def explain(error: sqlite3.Error, path: Path) -> StoreUnavailable:
    """The error of ours that says what an error of SQLite means."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL):
        return StoreBusy(f"{path} is locked by another process for too long; find what holds it, or raise ?busy=")
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"the disk of {path} is full; make room, nothing stored is lost")
    # In a directory that cannot be written, SQLite cannot even make the files beside ours that reading takes.
    barred = code == sqlite3.SQLITE_CANTOPEN and path.exists() and not os.access(path.parent, os.W_OK)
    if barred or code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreReadOnly(f"{path} cannot be written; let this process write the file and its directory")
    undecodable = not code and isinstance(error, sqlite3.OperationalError)  # its message would show what is stored
    if undecodable or code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamaged(f"{path} is damaged or no SQLite file; it was left as it is: restore it or name another")
    if code == sqlite3.SQLITE_CANTOPEN and path.is_dir():
        return StoreUnavailable(f"{path} is a directory; name a file in it")
    if code == sqlite3.SQLITE_CANTOPEN:
        return StoreUnavailable(f"{path} cannot be opened; its directory must exist and be writable")
    return StoreUnavailable(f"{path}: {error}")
