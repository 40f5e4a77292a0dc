"""Questions to a PostgreSQL store as the values of its statements, and rows as records."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sojourn.core.record import Record
from sojourn.store.base import Query
from sojourn.store.postgres.lane import Row
from sojourn.store.postgres.statements import FIELDS, STORED

__all__ = ["Write", "find", "record", "removing", "saving", "touching", "turned"]


class Write(msgspec.Struct, frozen=True):
    """What is to be written of one session."""

    kind: str
    """`add`, `replace`, `move`, `touch` or `remove`."""
    key: str
    """Where it stands now, or comes to stand."""
    app: str
    values: tuple[Any, ...]

    @property
    def place(self) -> tuple[str, str]:
        """What no two writes that are under way have in common."""
        return (self.key, self.app)


def saving(record: Record, over: Record | None) -> Write:
    """To put `record` in the place of `over`."""
    values = _values(record)
    if over is None:
        return Write("add", record.key, record.app, ("add", record.key, record.ref, None, *values))
    kind = "replace" if over.key == record.key else "move"
    return Write(kind, over.key, over.app, (kind, over.key, over.ref, over.version, *values))


def touching(record: Record) -> Write:
    """To carry over the times of `record`."""
    bare = _values(msgspec.structs.replace(record, data=b""))
    return Write("touch", record.key, record.app, ("touch", record.key, record.ref, None, *bare))


def removing(key: str, app: str) -> Write:
    """To forget the session at `key`."""
    return Write("remove", key, app, ("remove", key, None, None, key, app, *(None,) * (len(FIELDS) - 2)))


def find(query: Query, limit: int, after: str, now: float) -> tuple[str, list[Any]]:
    """The statement and the values to find a page: the live records that fit, in the order of their refs."""
    values: list[Any] = [after, now, limit]
    # For one principal's no index of refs is of use: the planner would go over half of it.
    beyond = "ref > $1" if query.principal is None else "(ref > $1) is true"
    conditions = [beyond, "expires_at > $2", "reason is null"]
    for name, condition in _CONDITIONS.items():
        wanted = getattr(query, name)
        if wanted is not None:
            values.append(wanted)
            conditions.append(condition.format(f"${len(values)}"))
    # All that fit are found before they are sorted, where that is the short way: one principal's.
    found = "materialized" if query.principal is not None else ""
    statement = (
        f"with fitting as {found} (select {STORED} from session s where {' and '.join(conditions)}) "  # noqa: S608
        # A page ends between two refs.
        "select * from fitting order by ref fetch first ($3::integer) rows with ties"
    )
    return statement, values


_CONDITIONS = {
    "app": "(app = {}) is true",
    "ref": "ref = {}",
    "principal": "hashtextextended(principal, 0) = hashtextextended({0}, 0) and principal = {0}",
    "node": "node = {}",
    "accessed_before": "accessed_at < {}",
}


def turned(rows: Iterable[Sequence[Any]]) -> list[Sequence[Any]]:
    """Rows as columns."""
    return list(zip(*rows, strict=True))


def record(row: Row, first: int = 0) -> Record:
    """The record whose fields are in `row`, from column `first` on."""
    return Record(
        key=row[first],
        app=row[first + 1],
        ref=row[first + 2],
        principal=row[first + 3],
        epoch=row[first + 4],
        version=row[first + 5],
        created_at=row[first + 6],
        accessed_at=row[first + 7],
        renewed_at=row[first + 8],
        expires_at=row[first + 9],
        absolute_at=row[first + 10],
        node=row[first + 11],
        data=row[first + 12],
    )


def _values(record: Record) -> tuple[Any, ...]:
    return (
        record.key,
        record.app,
        record.ref,
        record.principal,
        record.epoch,
        record.version,
        record.created_at,
        record.accessed_at,
        record.renewed_at,
        record.expires_at,
        record.absolute_at,
        record.node,
        record.data,
    )
