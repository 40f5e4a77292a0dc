"""Keeps the workers running until it is told to stop.

The supervisor runs no code of the application and does not serve it: it holds the listening socket, so what waits to be
accepted outlives every worker. It answers a scrape for all of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from typing import TYPE_CHECKING

from sojourn.cli.listener import url_of
from sojourn.cli.mistake import Mistake
from sojourn.cli.orders import Orders, Ready, Refused, Waiting
from sojourn.cli.process import WorkerProcess
from sojourn.cli.scrape import PATH, Endpoint, Scrape

if TYPE_CHECKING:
    import socket

    from sojourn.cli.report import Report

__all__ = ["Supervisor"]

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0


class Supervisor:
    """Some workers on one listening socket."""

    def __init__(
        self,
        orders: Orders,
        listener: socket.socket,
        *,
        workers: int,
        report: Report,
        scraped: socket.socket | None = None,
    ) -> None:
        """`listener` is bound and listens; it stays the caller's to close. As `scraped` does, for metrics."""
        self._orders = orders
        self._listener = listener
        self._wanted = workers
        self._scraped = scraped
        self._scrape = Scrape(workers)
        self._report = report
        self._running: set[WorkerProcess] = set()
        self._answered = 0
        self._announced = False
        self._waiting = False
        self._served: Ready | None = None
        self._stopping = asyncio.Event()
        self._mistake: Mistake | None = None
        self._in_time = True

    async def run(self) -> int:
        """Serve until a signal; raise `Mistake` when not one worker could ever start."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._stop)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        async with contextlib.AsyncExitStack() as until_the_end:
            if self._scraped is not None:
                await until_the_end.enter_async_context(Endpoint(self._scraped, self._scrape.text))
            async with asyncio.TaskGroup() as keepers:
                for worker in range(1, self._wanted + 1):
                    keepers.create_task(self._keep(worker))
        if self._mistake is not None:
            raise self._mistake
        self._report.stopped()
        return 0 if self._in_time else 1

    async def _keep(self, number: int) -> None:
        """Have one worker running, and after it the next. `number`: which of those that are wanted."""
        failures = 0
        before: int | None = None
        while not self._stopping.is_set():
            try:
                worker = await WorkerProcess.start(self._orders, self._listener)
            except OSError as error:  # the machine is out of memory, processes or files, for now
                self._report.warned(f"no worker could be started: {error.strerror}; it is tried again")
                failures += 1
                await self._pause(_delay(failures))
                continue
            self._running.add(worker)
            ready = await self._begin(worker, number, before)
            status = await worker.ended()
            self._scrape.ended(number)
            self._running.discard(worker)
            if self._stopping.is_set():
                break
            failures = 0 if ready else failures + 1
            self._report.died(worker.pid, status, _delay(failures))
            before = worker.pid
            await self._pause(_delay(failures))

    async def _begin(self, worker: WorkerProcess, number: int, before: int | None) -> bool:
        """Wait until a new worker serves; False when it never will."""
        if self._stopping.is_set():
            worker.stop()
        answer = await worker.answer()
        if isinstance(answer, Waiting):
            if not self._waiting:
                self._report.waiting(answer.problem)
            self._waiting = True
            answer = await worker.answer()
        if isinstance(answer, Ready):
            self._waiting = False
            self._scrape.serves(number, answer.figures)
            self._served = self._served or answer
            if before is not None:
                self._report.replaced(before, worker.pid)
        elif not self._stopping.is_set():
            self._excuse(worker, answer if isinstance(answer, Refused) else None)
        self._announce()
        return isinstance(answer, Ready)

    def _excuse(self, worker: WorkerProcess, answer: Refused | None) -> None:
        """Tell why a worker does not serve; at the first start, stop when trying again cannot help."""
        if self._served is not None:
            if answer is not None:
                self._report.warned(answer.mistake)
            return
        if answer is not None:
            self._give_up(answer.mistake)
        elif (worker.status or 0) > 0:
            what = f"a worker ended with status {worker.status} before it served {self._orders.target}"
            self._give_up(f"{what}; see what the application does when it is imported")

    def _give_up(self, mistake: str) -> None:
        self._mistake = Mistake(mistake)
        self._stopping.set()
        for worker in self._running:
            worker.kill()

    def _announce(self) -> None:
        """Say once that all is up: when each of the first workers has served or died, and one serves."""
        self._answered += 1
        if self._answered >= self._wanted and self._served and not self._announced:
            self._announced = True
            pids = sorted(each.pid for each in self._running)
            metrics = None if self._scraped is None else url_of(self._scraped) + PATH.decode()
            self._report.started(self._orders, url_of(self._listener), pids, self._served, metrics=metrics)

    async def _pause(self, delay: float) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), delay)
        except TimeoutError:
            return

    def _interrupt(self) -> None:
        """Stop; at the second interrupt at once, for somebody sits there and waits."""
        if self._stopping.is_set():
            self._kill()
        self._stop()

    def _stop(self) -> None:
        """Let the workers finish what they have; when time is up, let them not."""
        if self._stopping.is_set():  # `timeout` and others that pass a signal on send it twice
            return
        self._stopping.set()
        self._report.stopping(self._orders.drain)
        for worker in self._running:
            worker.stop()
        asyncio.get_running_loop().call_later(self._orders.drain, self._kill)

    def _kill(self) -> None:
        for worker in self._running:
            self._in_time = False
            self._report.killed(worker.pid)
            worker.kill()


def _delay(failures: int) -> float:
    """How long to wait: not at all after one that served, however soon it died, as visitors wait for the next."""
    return min(_FIRST_DELAY * 2 ** min(failures - 1, 10), _LONGEST_DELAY) if failures else 0.0
