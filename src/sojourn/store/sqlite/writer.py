"""The writer of a SQLite store: one thread, one connection, and a transaction for all that arrived together."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any

from sojourn.chance import chance
from sojourn.errors import StoreBusy, StoreUnavailable
from sojourn.store.sqlite.log import Log
from sojourn.store.sqlite.threads import in_thread

__all__ = ["Job", "Writer"]

Job = Callable[[sqlite3.Connection], Any]
"""One write: what it returns or raises is the answer to whoever asked for it."""

BATCH = 200  # writes in one transaction: beyond that other processes wait long and nothing is gained
QUIET = 0.05  # seconds without a write after which the log is carried over into the file: it costs two fsyncs

# Another process is at work, and will be done soon.
_PASSING = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PROTOCOL)

# What may be over when the file is opened anew: an administrator mended it, or the rights to it.
_SUSPECT = (
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_READONLY,
)

_Waiting = tuple[Job, asyncio.AbstractEventLoop, "asyncio.Future[Any]"]
_Answer = tuple["asyncio.Future[Any]", Any, BaseException | None]


class Writer:
    """Carries out jobs in the order in which they come. An answer is given after the commit that makes it true."""

    def __init__(
        self,
        connect: Callable[[], sqlite3.Connection],
        explain: Explain,
        *,
        log: Log,
        identity: Callable[[], Hashable],
        busy: float,
    ) -> None:
        """`connect` opens the connection; `log`: where it writes; `busy`: seconds to wait for others that write.

        `identity`: what the file is now. A connection keeps the file that it was opened for, so when another has come
        in its place, what was acknowledged would be lost.
        """
        self._connect = connect
        self._log = log
        self._identity = identity
        self._explain = explain
        self._busy = busy
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()  # what is put in while it is held is carried out: the thread lives
        self._suspect = False
        self._logged = False  # whether something was written since the log was carried over

    async def do(self, job: Job) -> Any:
        """The result of `job`, when it is committed. Cancelled before it began, it does not happen."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        with self._lock:
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="sojourn-sqlite-writer", daemon=True)
                thread.start()
                self._thread = thread
            self._waiting.put((job, loop, future))
        return await future

    async def relief(self) -> None:
        """Wait while the log, that has become long, is carried over."""
        if (carrying := self._log.relief) is not None:
            await in_thread(carrying.join)

    def close(self) -> None:
        """Carry out what is waiting, then stop. Blocks until that is done."""
        with self.stopped():
            pass

    @contextlib.contextmanager
    def stopped(self) -> Iterator[None]:
        """Closed, and whoever asks for a write meanwhile is held up."""
        with self._lock:
            if self._thread is not None:
                self._waiting.put(None)
                self._thread.join()
                self._thread = None
            yield

    def _run(self) -> None:
        connection: sqlite3.Connection | None = None
        opened: Hashable = None
        last = False
        while not last:
            batch, last = self._next_batch()
            if not batch:
                self._logged = self._logged and not self._log.carry_over()
                continue
            try:
                if connection is not None and (self._suspect or self._identity() != opened):
                    connection.close()
                    connection = None
                if connection is None:
                    connection = self._patiently(self._connect)
                    opened, self._suspect = self._identity(), False
                self._log.between(connection)
                answers = self._write(connection, batch)
            except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
                answers = [(future, None, self._ours(error)) for _, _, future in batch]
            _answer(batch, answers)
            self._log.grown()
        self._log.rest()
        if connection is not None:
            connection.close()

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """What waits now, at most `BATCH`, and whether it is the last. Nothing, when it has been quiet for a while."""
        batch: list[_Waiting] = []
        try:
            while len(batch) < BATCH:
                waiting = self._waiting.get(block=not batch, timeout=QUIET if self._logged else None)
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
        except Exception as error:  # noqa: BLE001 - it is answered
            self._suspect = self._suspect or _code(error) in _SUSPECT
            if len(live) == 1 or isinstance(error, StoreBusy):
                return [(future, None, self._ours(error)) for _, _, future in live]
            # One that cannot be written must not take the others with it.
            return [answer for waiting in live for answer in self._write(connection, [waiting])]

    def _transact(self, connection: sqlite3.Connection, live: Sequence[_Waiting]) -> list[_Answer]:
        answers: list[_Answer] = []
        self._patiently(lambda: connection.execute("begin immediate"))
        try:
            for job, _, future in live:
                before = connection.total_changes
                try:
                    answers.append((future, job(connection), None))
                except sqlite3.Error:
                    raise
                except Exception as refusal:  # Conflict, Gone: an answer, if nothing was written before it
                    if connection.total_changes != before:
                        raise
                    answers.append((future, None, refusal))
            self._patiently(lambda: connection.execute("commit"))
            self._logged = True
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
                if _code(error) not in _PASSING:
                    raise
                if time.monotonic() >= give_up_at:
                    raise self._explain(error) from None
            time.sleep(nap * chance.uniform(0.5, 1.5))  # jitter, so that two writers do not march in step
            nap = min(nap * 1.5, 0.005)

    def _ours(self, error: Exception) -> Exception:
        return self._explain(error) if isinstance(error, sqlite3.Error) else error


Explain = Callable[[sqlite3.Error], StoreUnavailable]


def _code(error: Exception) -> int:
    """SQLite's primary code; 0 for what is not SQLite's."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


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
