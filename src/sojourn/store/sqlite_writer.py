"""The writer of a SQLite store: one thread, one connection, and a transaction for all that arrived together."""

from __future__ import annotations

import asyncio
import queue
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from sojourn.errors import SojournError, StoreBusy, StoreUnavailable

__all__ = ["Job", "Writer"]

Job = Callable[[sqlite3.Connection], Any]
"""One write: what it returns or raises is the answer to whoever asked for it."""

BATCH = 200  # writes in one transaction: beyond that other processes wait long and nothing is gained

_Waiting = tuple[Job, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]
_Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Writer:
    """Carries out jobs in the order in which they come. An answer is given after the commit that makes it true."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], explain: Explain, *, busy: float) -> None:
        """`connect` opens the connection; `busy`: seconds to wait for other processes that write."""
        self._connect = connect
        self._explain = explain
        self._busy = busy
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    async def do(self, job: Job) -> Any:
        """The result of `job`, when it is committed. Cancelled before it began, it does not happen."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        if self._thread is None:
            self._start()
        self._waiting.put((job, loop, future))
        return await future

    def close(self) -> None:
        """Carry out what is waiting, then stop. Blocks until that is done."""
        with self._lock:
            if self._thread is not None:
                self._waiting.put(None)
                self._thread.join()
                self._thread = None

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="sojourn-sqlite-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        last = False
        while not last:
            batch, last = self._next_batch()
            try:
                if connection is None:
                    connection = self._patiently(self._connect)
                answers = self._write(connection, batch)
            except (sqlite3.Error, SojournError) as error:
                answers = [(future, None, self._ours(error)) for _, _, future in batch]
            _answer(batch, answers)
        if connection is not None:
            connection.close()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """What waits now, at least one job, at most `BATCH`; and whether it is the last."""
        batch: list[_Waiting] = []
        try:
            while len(batch) < BATCH:
                waiting = self._waiting.get(block=not batch)
                if waiting is None:
                    return batch, True
                batch.append(waiting)
        except queue.Empty:
            pass
        return batch, False

    def _write(self, connection: sqlite3.Connection, batch: Sequence[_Waiting]) -> list[_Answer]:
        live = [waiting for waiting in batch if not waiting[2].cancelled()]
        if not live:
            return []
        try:
            return self._transact(connection, live)
        except (sqlite3.Error, StoreUnavailable) as error:
            if len(live) == 1 or isinstance(error, StoreBusy):
                return [(future, None, self._ours(error)) for _, _, future in live]
            # One that cannot be written must not take the others with it.
            return [answer for waiting in live for answer in self._write(connection, [waiting])]

    def _transact(self, connection: sqlite3.Connection, live: Sequence[_Waiting]) -> list[_Answer]:
        answers: list[_Answer] = []
        self._patiently(lambda: connection.execute("begin immediate"))
        try:
            for job, _, future in live:
                try:
                    answers.append((future, job(connection), None))
                except SojournError as refusal:  # Conflict, Gone: an answer, and nothing was written for it
                    answers.append((future, None, refusal))
            self._patiently(lambda: connection.execute("commit"))
        except BaseException:
            if connection.in_transaction:
                connection.execute("rollback")
            raise
        return answers

    def _patiently(self, action: Callable[[], Any]) -> Any:
        """`action`, tried until another process lets us. Naps shorter than SQLite's own handler, whose naps add up."""
        give_up_at = time.monotonic() + self._busy
        nap = 0.0002
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                if (error.sqlite_errorcode & 0xFF) != sqlite3.SQLITE_BUSY:
                    raise
                if time.monotonic() >= give_up_at:
                    raise self._explain(error) from None
            time.sleep(nap * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, so that two writers do not march in step
            nap = min(nap * 1.5, 0.005)

    def _ours(self, error: Exception) -> Exception:
        return self._explain(error) if isinstance(error, sqlite3.Error) else error


Explain = Callable[[sqlite3.Error], StoreUnavailable]


def _answer(batch: Sequence[_Waiting], answers: Sequence[_Answer]) -> None:
    """Hand the answers over, with one call into each event loop."""
    loops = {id(future): loop for _, loop, future in batch}
    grouped: dict[asyncio.AbstractEventLoop, list[_Answer]] = {}
    for answer in answers:
        grouped.setdefault(loops[id(answer[0])], []).append(answer)
    for loop, group in grouped.items():
        try:
            loop.call_soon_threadsafe(_resolve, group)
        except RuntimeError:  # the loop is closed; nobody waits any more
            continue


def _resolve(answers: Sequence[_Answer]) -> None:
    for future, result, error in answers:
        if future.done():
            continue
        if error is None:
            future.set_result(result)
        else:
            future.set_exception(error)
