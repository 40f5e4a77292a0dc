"""Keeps the workers running until it is told to stop.

The supervisor runs no code of the application and no server: it holds the listening socket, so what waits to be
accepted outlives every worker.
"""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING

from sojourn.cli.listener import url_of
from sojourn.cli.mistake import Mistake
from sojourn.cli.orders import Orders, Ready, Refused
from sojourn.cli.process import WorkerProcess

if TYPE_CHECKING:
    import socket

    from sojourn.cli.report import Report

__all__ = ["Supervisor"]

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0


class Supervisor:
    """Some workers on one listening socket."""

    def __init__(self, orders: Orders, listener: socket.socket, *, workers: int, report: Report) -> None:
        """`listener` is bound and listens; it stays the caller's to close."""
        self._orders = orders
        self._listener = listener
        self._wanted = workers
        self._report = report
        self._running: set[WorkerProcess] = set()
        self._answered = 0
        self._served: Ready | None = None
        self._stopping = asyncio.Event()
        self._mistake: Mistake | None = None
        self._in_time = True

    async def run(self) -> int:
        """Serve until a signal; raise `Mistake` when not one worker could ever start."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        async with asyncio.TaskGroup() as keepers:
            for _ in range(self._wanted):
                keepers.create_task(self._keep())
        if self._mistake is not None:
            raise self._mistake
        self._report.stopped()
        return 0 if self._in_time else 1

    async def _keep(self) -> None:
        """Have one worker running, and after it the next."""
        failures = 0
        before: int | None = None
        while not self._stopping.is_set():
            worker = await WorkerProcess.start(self._orders, self._listener)
            self._running.add(worker)
            ready = await self._begin(worker, before)
            status = await worker.ended()
            self._running.discard(worker)
            if self._stopping.is_set():
                break
            failures = 0 if ready else failures + 1
            # One that served is replaced at once, however often: visitors wait for it.
            delay = min(_FIRST_DELAY * 2 ** (failures - 1), _LONGEST_DELAY) if failures else 0.0
            self._report.died(worker.pid, status, delay)
            before = worker.pid
            await self._pause(delay)

    async def _begin(self, worker: WorkerProcess, before: int | None) -> bool:
        """Wait until a new worker serves; False when it never will."""
        if self._stopping.is_set():
            worker.stop()
        answer = await worker.answer()
        if isinstance(answer, Ready):
            self._served = self._served or answer
            if before is not None:
                self._report.replaced(before, worker.pid)
        elif self._served is None and not self._stopping.is_set():
            self._give_up(worker, answer)
        elif isinstance(answer, Refused):
            self._report.warned(answer.mistake)
        if before is None:
            self._announce()
        return isinstance(answer, Ready)

    def _give_up(self, worker: WorkerProcess, answer: Refused | None) -> None:
        """At the first start, stop when a worker says that trying again cannot help."""
        if isinstance(answer, Refused):
            self._mistake = Mistake(answer.mistake)
        elif (worker.status or 0) > 0:
            what = f"a worker ended with status {worker.status} before it served {self._orders.target}"
            self._mistake = Mistake(f"{what}; see what the application does when it is imported")
        if self._mistake is not None:
            self._stopping.set()
            for each in self._running:
                each.kill()

    def _announce(self) -> None:
        """Say that all is up, once the first worker of every place has served or died."""
        self._answered += 1
        if self._answered == self._wanted and self._served:
            pids = sorted(each.pid for each in self._running)
            self._report.started(self._orders, url_of(self._listener), pids, self._served)

    async def _pause(self, delay: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            return

    def _stop(self) -> None:
        """Let the workers finish what they have; at the second call, and when time is up, let them not."""
        if self._stopping.is_set():
            self._kill()
            return
        self._stopping.set()
        self._report.stopping(len(self._running), self._orders.drain)
        for worker in self._running:
            worker.stop()
        asyncio.get_running_loop().call_later(self._orders.drain, self._kill)

    def _kill(self) -> None:
        for worker in self._running:
            self._in_time = False
            self._report.killed(worker.pid)
            worker.kill()
