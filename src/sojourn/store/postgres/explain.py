"""What the errors of asyncpg and PostgreSQL mean."""

from __future__ import annotations

from urllib.parse import urlsplit

import asyncpg

from sojourn.errors import (
    Conflict,
    OutcomeUnknown,
    StoreBusy,
    StoreDamaged,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

__all__ = ["ANOTHER_SCHEMA", "Refused", "explain", "lost", "refused", "shown", "unconnected"]

ANOTHER_SCHEMA = ("3F000", "42P01", "42703", "42883")  # what is undefined: schema, table, column, function


class Refused(Exception):
    """The server refused a statement, and nothing of it happened. One question may have spoilt it for the others."""

    def __init__(self, sqlstate: str, meaning: StoreError) -> None:
        """`meaning`: what it is for a question that was asked alone."""
        super().__init__(sqlstate)
        self.collided = sqlstate.startswith("40")  # with others, in a deadlock: worth another try
        self.meaning = meaning


def shown(url: str) -> str:
    """The address without user, password and options."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def unconnected(error: Exception, where: str) -> StoreUnavailable:
    """The error of ours for a connection that could not be made."""
    state = _state(error)
    if isinstance(error, TimeoutError):
        return StoreUnavailable(f"{where} did not answer in time; see whether the server hangs, or raise ?timeout=")
    if state.startswith("28"):
        return StoreDenied(f"{where} refuses this user or password; correct them in the address or in PGPASSWORD")
    if state == "3D000":
        return StoreUnavailable(f"{where}: there is no such database; create it")
    if state in ("53300", "57P03"):
        return StoreBusy(f"{where} takes no connection now ({_name(error)}); wait, or raise max_connections")
    if isinstance(error, OSError):
        return StoreUnavailable(f"{where} cannot be reached ({_name(error)}); start the server or correct the address")
    if isinstance(error, asyncpg.ConnectionDoesNotExistError | asyncpg.ConnectionFailureError):
        return lost(where, writes=False, overdue=False)
    if isinstance(error, asyncpg.PostgresError) and not state.startswith("08"):
        return explain(error, where)
    return StoreUnavailable(f"{where} cannot be used ({_name(error)}); correct the address and its options")


def lost(where: str, *, writes: bool, overdue: bool) -> StoreUnavailable:
    """The error for a question whose answer never came."""
    how = "did not answer in time" if overdue else "broke the connection off"
    if writes:
        return OutcomeUnknown(f"{where} {how}: what was to be written is, or is not; load it to find out")
    return StoreUnavailable(f"{where} {how}; see whether the server is well")


def explain(error: asyncpg.PostgresError | asyncpg.InterfaceError, where: str) -> StoreUnavailable:
    """The error of ours that says what a refusal of the server means. Never its message, which may show values."""
    state = _state(error)
    if state == "53100":
        return StoreFull(f"the disk of {where} is full; make room, nothing stored is lost")
    if state.startswith("53") or state in ("55P03", "57014", "40P01", "40001"):
        return StoreBusy(f"{where} is held up by others for too long ({_name(error)}); find what locks or loads it")
    if state == "25006":
        return StoreReadOnly(f"{where} may only be read: a standby, perhaps; name the primary in the address")
    if state == "42501":
        return StoreReadOnly(f"{where}: this user lacks a right there; let the owner grant all on the schema to it")
    if state in ANOTHER_SCHEMA or state.startswith(("XX", "58")):
        return StoreDamaged(f"{where} holds not what Sojourn made there ({_name(error)}); restore it, or name another")
    return StoreUnavailable(f"{where} refuses a statement ({_name(error)})")


def refused(error: asyncpg.PostgresError | asyncpg.InterfaceError, where: str) -> StoreUnavailable | Refused:
    """As `explain`; `Refused` where one question of many may be the reason."""
    state = _state(error)
    if state == "23505":
        return Refused(state, Conflict())
    # Without a context it did not wait for a row, but for all others to commit what they notify of.
    held_up = state == "55P03" and getattr(error, "context", None)
    if held_up or not state or state.startswith(("22", "23", "40", "54")):
        return Refused(state, explain(error, where))
    return explain(error, where)


def _state(error: Exception) -> str:
    return getattr(error, "sqlstate", None) or ""


def _name(error: Exception) -> str:
    return " ".join(filter(None, (type(error).__name__, _state(error))))
