"""Desk: what one event loop has of a PostgreSQL store. Questions gather here, and go to the server together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

from sojourn.core.lifetime import Clock
from sojourn.core.record import Record
from sojourn.errors import Conflict, Gone, LimitReached, StoreUnavailable
from sojourn.store.base import Traffic
from sojourn.store.gathering import Gathering
from sojourn.store.postgres import questions, statements
from sojourn.store.postgres.explain import Refused
from sojourn.store.postgres.functions import DONE, FULL, IN_THE_WAY, MISSED
from sojourn.store.postgres.lane import Lane, Row, part
from sojourn.store.postgres.questions import Write
from sojourn.store.postgres.schema import Connection, Schema

__all__ = ["Desk"]

Q = TypeVar("Q")
A = TypeVar("A")

TRIES = 5  # of a statement that was chosen to give way in a deadlock

Admission = tuple[Write, int, str, float]  # a save, the limit, what to do when it is reached, the lease of the evicted
Ending = tuple[str, str, str, float]  # key, app, reason, lease


class Desk:
    """Three connections: one reads, one writes, and one is for what may take long."""

    def __init__(self, schema: Schema, now: Clock) -> None:
        """`now`: the time by which records live and die."""
        self.reading = Lane(schema)
        self.writing = Lane(schema)
        self.aside = Lane(schema, in_order=True)
        self.watching: set[Connection] = set()
        self._now = now
        self._tasks: set[asyncio.Task[Any]] = set()
        self._alone = 0
        self.loads = Gathering(_carefully(self._load))
        self._standings = Gathering(_carefully(self._standing))
        self._writes = Gathering(_carefully(self._write), place=_place)
        self._writes_apart = Gathering(_carefully(self._write_apart), place=_place)
        self._admissions = Gathering(_carefully(self._admit), place=lambda admission: admission[0].place)
        self.ends = Gathering(_carefully(self._end), place=lambda ending: ending[:2])
        self.forgets = Gathering(_carefully(self._forget))

    async def save(self, write: Write) -> None:
        """Create, replace or move. Raises `Conflict` or `Gone`, explained apart: no batch waits for those who lost."""
        code = MISSED if write.kind == "move" else await self._writes(write)
        if code == MISSED and write.kind != "replace":
            code = await self._writes_apart(write)
        if code != DONE:
            raise await self._why(code, write)

    async def touch(self, write: Write) -> bool:
        """Whether it was there."""
        return await self._writes(write) == DONE

    async def remove(self, write: Write) -> bool:
        """Whether it was there."""
        return await self._writes_apart(write) == DONE

    async def admit(self, write: Write, *, limit: int, when_full: str, lease: float) -> list[Record]:
        """As `save`, with those evicted. Raises `LimitReached` too."""
        code, evicted = await self._admissions((write, limit, when_full, lease))
        if code != DONE:
            raise await self._why(code, write)
        return _first(evicted, when_full)

    async def ask(
        self, lane: Lane, statement: str, values: Callable[[], Sequence[Any]], *, writes: bool = True
    ) -> list[Row]:
        """What answers one question alone. It is asked also when whoever wants to know is cancelled."""
        self._alone += 1
        task = asyncio.get_running_loop().create_task(lane.ask(statement, values, writes=writes))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            return await asyncio.shield(task)
        except Refused as error:
            problem = error.meaning
        raise problem

    @property
    def traffic(self) -> Traffic:
        """What was asked here."""
        gatherings = (self.loads, *self._changing, self._standings)
        gathered, departed = sum(each.asked for each in gatherings), sum(each.trips for each in gatherings)
        return Traffic(operations=gathered + self._alone, round_trips=departed + self._alone)

    async def close(self) -> None:
        """Finish what was asked for, then close all connections."""
        for gathering in (self.loads, *self._changing, self._standings):  # one may lead to another that comes later
            await gathering.finish()
        if self._tasks:
            await asyncio.wait(self._tasks)
        lanes = (self.reading, self.writing, self.aside)
        await asyncio.gather(*(lane.close() for lane in lanes), *map(part, self.watching))

    @property
    def _changing(self) -> tuple[Gathering[Any, Any], ...]:
        return self._admissions, self.ends, self.forgets, self._writes, self._writes_apart

    async def _load(self, places: Sequence[tuple[str, str]]) -> Sequence[Record | None]:
        keys, apps = questions.turned(places)
        rows = await self.reading.ask(statements.LOAD, lambda: (keys, apps, self._now()), writes=False)
        return _numbered(rows, len(places))

    async def _write(self, writes: Sequence[Write]) -> Sequence[int]:
        """The usual writes, all in one go: creating, replacing, touching. What is not so simple goes apart."""
        columns = questions.turned(write.values for write in writes)
        [row] = await self.writing.ask(statements.WRITE, lambda: columns)
        updated = set(row[0] or ())
        added = set(zip(row[1] or (), row[2] or (), strict=True))
        return [
            DONE if number in updated or write.place in added else MISSED
            for number, write in enumerate(writes, start=1)
        ]

    async def _write_apart(self, writes: Sequence[Write]) -> Sequence[int]:
        columns = questions.turned(write.values for write in writes)
        [row] = await self.writing.ask(statements.WRITE_APART, lambda: (*columns, self._now()))
        codes: list[int] = row[0]
        return codes

    async def _admit(self, admissions: Sequence[Admission]) -> Sequence[tuple[int, list[Record]]]:
        columns = questions.turned((*write.values, *how) for write, *how in admissions)
        rows = await self.writing.ask(statements.ADMIT, lambda: (*columns, self._now()))
        codes = {row[0]: row[1] for row in rows}
        evicted: dict[int, list[Record]] = {number: [] for number in codes}
        for row in rows:
            if row[2] is not None:
                evicted[row[0]].append(questions.record(row, 2))
        return [(codes[number], evicted[number]) for number in range(1, len(admissions) + 1)]

    async def _end(self, ends: Sequence[Ending]) -> Sequence[Record | None]:
        columns = questions.turned(ends)
        rows = await self.writing.ask(statements.END, lambda: (*columns, self._now()))
        return _numbered(rows, len(ends))

    async def _forget(self, places: Sequence[tuple[str, str]]) -> Sequence[None]:
        columns = questions.turned(places)
        await self.aside.ask(statements.FORGET, lambda: columns)
        return [None] * len(places)

    async def _why(self, code: int, write: Write) -> Exception:
        """Why nothing was saved: by what is there now, which may be newer than what was in the way."""
        values = (write.app, write.key, write.values[2])
        if code == MISSED:
            stored = await self._standings(write.place)
            return Gone() if stored is None or stored.ref != write.values[2] else Conflict(stored)
        if code == IN_THE_WAY:
            rows = await self.ask(self.reading, statements.IN_THE_WAY, lambda: values, writes=False)
            return _in_the_way(rows, self._now())
        if code == FULL:
            return LimitReached("the principal has as many sessions as one may have; end one of them first")
        return Conflict()

    async def _standing(self, places: Sequence[tuple[str, str]]) -> Sequence[Record | None]:
        keys, apps = questions.turned(places)
        rows = await self.reading.ask(statements.STANDING, lambda: (keys, apps), writes=False)
        return _numbered(rows, len(places))


def _numbered(rows: Sequence[Row], count: int) -> list[Record | None]:
    """The records of `rows`, each at the number of its question."""
    found: list[Record | None] = [None] * count
    for row in rows:
        found[row[0] - 1] = questions.record(row, 1)
    return found


def _in_the_way(rows: Sequence[Row], now: float) -> Conflict:
    for row in rows:
        stored = questions.record(row)
        if row[-1] is not None:
            return Conflict()
        if stored.expires_at > now:
            return Conflict(stored)
    return Conflict()


def _first(evicted: list[Record], when_full: str) -> list[Record]:
    """In the order in which they had to go."""
    since = "created_at" if when_full == "end-oldest" else "accessed_at"
    return sorted(evicted, key=lambda record: (getattr(record, since), record.ref))


def _place(write: Write) -> tuple[str, str]:
    return write.place


def _carefully(
    ask: Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]],
) -> Callable[[Sequence[Q]], Awaitable[Sequence[A | Exception]]]:
    """`ask`, once more one by one where one question may have spoilt it for the others."""

    async def careful(questions: Sequence[Q]) -> Sequence[A | Exception]:
        for _ in range(TRIES):
            try:
                return await ask(questions)
            except Refused as error:
                refusal = error
            if not refusal.collided:
                break
        if len(questions) == 1:
            return [refusal.meaning]
        answers: list[A | Exception] = []
        for number, question in enumerate(questions):
            try:
                answers += await careful([question])
            except StoreUnavailable as error:  # so nobody asks for the others any more
                rest = StoreUnavailable(str(error))
                return [*answers, error, *(rest for _ in questions[number + 1 :])]
        return answers

    return careful
