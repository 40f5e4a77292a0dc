"""The log of a SQLite file: what is written comes first into it, and is carried over into the file by another thread.

SQLite calls that a checkpoint. A passive one stands in nobody's way. But the log begins anew only when nothing is left
to carry over; and SQLite syncs the file only when nothing was written since the checkpoint began, which makes that one
long. So when the log has become long it is ended in three steps: most is carried over beside the writes; the rest while
the writer pauses for a moment, and goes on when the file is being synced; and what came meanwhile between two writes.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Callable

__all__ = ["LAST_RESORT", "Log"]

PACE = 0.25  # seconds between two checkpoints while there are writes: each costs an fsync
SLOW = 0.5  # seconds after which a checkpoint takes long: the disk does not keep up
LONG = 32_000  # pages, 128 MB, from which on the log is to end
LAST_RESORT = 128_000  # pages from which on SQLite carries over in the middle of commits: it is not to come so far
PAUSE = 0.01  # seconds for which the writer lets the few last pages pass


class Log:
    """Of one writer. Its thread alone calls the methods, unless they say otherwise."""

    def __init__(self, connect: Callable[[], sqlite3.Connection]) -> None:
        """`connect` opens a connection to use in another thread."""
        self._connect = connect
        self._thread: threading.Thread | None = None
        self._began = 0.0
        self._due = 0.0
        self._steps = 0  # that are left until a log, which has become long, has ended

    @property
    def relief(self) -> threading.Thread | None:
        """What is to be joined by those who would else make the log ever longer. For any thread."""
        pressing = self._steps or time.monotonic() - self._began > SLOW
        return self._thread if pressing and self._busy else None

    def grown(self) -> None:
        """Something was written: carry it over, now and then."""
        if not self._steps and time.monotonic() >= self._due:
            self.carry_over()

    def carry_over(self) -> bool:
        """Begin to carry over what was written; False when that is under way already."""
        if self._busy:
            return False
        self._began = time.monotonic()
        thread = threading.Thread(target=self._carry_over, name="sojourn-sqlite-log", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # there are too many: the log goes on, until its last resort
            return False
        self._thread = thread
        return True

    def between(self, connection: sqlite3.Connection) -> None:
        """Before a write: take the next step towards the end of a log that has become long."""
        if not self._steps or self._busy:
            return
        self._steps -= 1
        if self._steps and self.carry_over():
            self.rest(PAUSE)
        else:
            with contextlib.suppress(sqlite3.Error):
                connection.execute("pragma wal_checkpoint(full)").fetchall()  # no other process writes meanwhile

    def rest(self, seconds: float | None = None) -> None:
        """Wait until nothing is under way, for no longer than that."""
        if self._thread is not None:
            self._thread.join(seconds)

    @property
    def _busy(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _carry_over(self) -> None:
        with contextlib.suppress(sqlite3.Error), contextlib.closing(self._connect()) as connection:
            (_, pages, _) = self._checkpoint(connection)
            if pages >= LONG and not self._steps:
                self._steps = 2
                self._checkpoint(connection)  # what was written meanwhile, while sweeps wait
        self._due = time.monotonic() + PACE

    def _checkpoint(self, connection: sqlite3.Connection) -> tuple[int, int, int]:
        return connection.execute("pragma wal_checkpoint(passive)").fetchone()  # type: ignore[no-any-return]
