"""One worker process, as its supervisor sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Self

import msgspec

from sojourn.cli.orders import Answer, Orders

if TYPE_CHECKING:
    import socket

__all__ = ["WorkerProcess"]

_ANSWER: msgspec.json.Decoder[Answer] = msgspec.json.Decoder(Answer)
_LAST_WORDS = 1.0


class WorkerProcess:
    """A running `sojourn.cli.worker`, the pipe that keeps it alive and the one that it answers on."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int, answers: int) -> None:
        """`lifeline`: while it is open the worker runs. `answers`: where its answers arrive."""
        self.pid = process.pid
        self._process = process
        self._lifeline = lifeline
        self._answers = answers
        self._heard = b""

    @classmethod
    async def start(cls, orders: Orders, listener: socket.socket) -> Self:
        """Start a process that accepts from `listener` and dies with this one."""
        orders_end, lifeline = os.pipe()
        answers, answer_end = os.pipe()
        try:
            inherited = (listener.fileno(), orders_end, answer_end)
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",  # the current directory is searched for the application alone, not for what Sojourn imports
                *("-m", "sojourn.cli.worker"),
                *map(str, inherited),
                stdin=subprocess.DEVNULL,
                pass_fds=inherited,
                process_group=0,  # a Ctrl-C in the terminal is the supervisor's to pass on
            )
            os.write(lifeline, msgspec.json.encode(orders) + b"\n")
        except BaseException:
            os.close(lifeline)
            os.close(answers)
            raise
        finally:
            os.close(orders_end)
            os.close(answer_end)
        return cls(process, lifeline, answers)

    @property
    def status(self) -> int | None:
        """Its exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    async def answer(self) -> Answer | None:
        """Wait for the worker's next answer; None when it died without one."""
        heard = asyncio.ensure_future(self._line())
        gone = asyncio.ensure_future(self._process.wait())
        try:
            await asyncio.wait({heard, gone}, return_when=asyncio.FIRST_COMPLETED)
            # What it said before it died is still in the pipe, which a child of its own may hold open.
            await asyncio.wait({heard}, timeout=_LAST_WORDS)
            answer = heard.result() if heard.done() else b""
        finally:
            heard.cancel()
            gone.cancel()
        if answer:
            return _ANSWER.decode(answer)
        await self._process.wait()
        return None

    async def ended(self) -> int:
        """Wait until it is gone; return its exit status, negative for a signal."""
        status = await self._process.wait()
        os.close(self._lifeline)
        os.close(self._answers)
        return status

    def stop(self) -> None:
        """Tell it to finish what it has and end."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once, if it still runs."""
        self._send(signal.SIGKILL)

    def _send(self, number: int) -> None:
        if self._process.returncode is None:
            # Not `send_signal`: it would collect the exit status of a dead one, which asyncio then waits for in vain.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def _line(self) -> bytes:
        """Read up to the end of a line, or to the end of the pipe: then nothing."""
        loop = asyncio.get_running_loop()
        os.set_blocking(self._answers, False)
        while b"\n" not in self._heard:
            readable = asyncio.Event()
            loop.add_reader(self._answers, readable.set)
            try:
                await readable.wait()
            finally:
                loop.remove_reader(self._answers)
            piece = os.read(self._answers, 65536)
            if not piece:
                return b""
            self._heard += piece
        line, _, self._heard = self._heard.partition(b"\n")
        return line
