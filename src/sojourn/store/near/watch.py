"""Watch: a task that hears of every change, and knows whether it does."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import math
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from sojourn.chance import chance
from sojourn.core.lifetime import Clock
from sojourn.errors import StoreError
from sojourn.store.base import Beat, Change, Watches

__all__ = ["Pulse", "Watch"]

PATIENCE = 10.0  # seconds until the first sign of life of a new watch: it may have to connect
FIRST_PAUSE = 0.1  # seconds before a new watch, jittered; doubled each time
LONGEST_PAUSE = 2.0  # the store has to answer many loads meanwhile, so not for long

_log = logging.getLogger(__name__)


class Pulse:
    """Whether a watch is alive. Any thread may ask."""

    def __init__(self, silence: float, monotonic: Clock) -> None:
        """`silence`: seconds without a sign of life, by `monotonic`, that are bearable."""
        self.silence = silence
        self.monotonic = monotonic
        self._until = -math.inf

    def beating(self) -> bool:
        """Whether everything was told up to a moment ago, that is less than the bearable silence."""
        return self.monotonic() < self._until

    def beat(self, asked_at: float) -> None:
        """Everything was told, up to the instant `asked_at`."""
        self._until = asked_at + self.silence

    def stop(self) -> None:
        """Nothing is certain any more."""
        self._until = -math.inf


class Watch:
    """Watches a store from one event loop, and begins again when it breaks."""

    def __init__(
        self,
        watches: Watches,
        *,
        heard: Callable[[Change], None],
        missed: Callable[[], None],
        off: Callable[[], None],
        broke: Callable[[], None],
        pulse: Pulse,
        node: str,
    ) -> None:
        """`watches`: what is watched. `pulse`: is kept while it is on. `node`: whose it is, for the log.

        `heard` is called with each change; `missed` when changes may have been missed, up to now; `off` when changes
        are not heard of any more; `broke` when they were before.
        """
        self._watches = watches
        self._heard = heard
        self._missed = missed
        self._went_off = off
        self._broke = broke
        self._pulse = pulse
        self._node = node
        self._starting = threading.Lock()
        self._task: asyncio.Task[None] | None = None
        self._last: int | None = None  # the number of the newest change; None while it is not on

    def start(self) -> None:
        """Watch from now on, in the running event loop, unless another one does."""
        task = self._task
        if task is not None and not task.done() and not task.get_loop().is_closed():
            return
        loop = asyncio.get_running_loop()
        with self._starting:
            if self._task is not task:  # another thread was faster
                return
            self._off()  # a loop that was closed in the middle could not say so
            # In a context of its own: what the first request has in its context is not to live as long as this task.
            self._task = contextvars.Context().run(loop.create_task, self._run(), name=f"sojourn near {self._node}")

    async def stop(self) -> None:
        """Watch no more. The next `start` begins anew."""
        task = self._task
        if task is None or task.done() or task.get_loop().is_closed():
            return
        if task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            await asyncio.wait([task])
        else:
            with contextlib.suppress(RuntimeError):  # it has closed just now
                task.get_loop().call_soon_threadsafe(task.cancel)

    async def _run(self) -> None:
        pause, quiet = FIRST_PAUSE, False
        try:
            while True:
                why = await self._follow()
                was_on = self._last is not None
                self._off()
                if was_on:
                    self._broke()
                    pause = FIRST_PAUSE
                if was_on or not quiet:
                    _log.warning("%s: nothing is served from memory, for the watch is broken: %s", self._node, why)
                    quiet = True
                await asyncio.sleep(pause * chance.uniform(0.5, 1))  # so that nodes do not come at once
                pause = min(2 * pause, LONGEST_PAUSE)
        finally:
            self._off()

    async def _follow(self) -> str:
        """Watch until that breaks. Returns why it did."""
        news: AsyncIterator[Change | Beat] | None = None
        try:
            news = self._watches.watch()
            async with asyncio.timeout(PATIENCE) as patience:
                while True:
                    told = await anext(news, None)
                    if told is None:
                        return "it has ended"
                    if isinstance(told, Change):
                        self._hear(told)
                    else:
                        self._beat(told)
                        patience.reschedule(asyncio.get_running_loop().time() + self._pulse.silence)
        except TimeoutError:
            return "it gives no sign of life"
        except StoreError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - whatever a driver raises, the watch has to go on
            return type(error).__name__  # its text may hold anything
        finally:
            if isinstance(news, AsyncGenerator):
                with contextlib.suppress(Exception):  # it is given up anyway
                    await news.aclose()

    def _beat(self, beat: Beat) -> None:
        if self._last is None:
            _log.info("%s: the watch is on", self._node)
        if self._last is None or beat.number > self._last:
            self._missed()
            self._last = beat.number
        self._pulse.beat(beat.asked_at)

    def _hear(self, change: Change) -> None:
        if self._last is None:
            return  # before the first beat anything may be missing, so nothing is kept yet
        if change.number > self._last + 1:
            self._missed()
        self._last = max(self._last, change.number)
        self._heard(change)

    def _off(self) -> None:
        self._last = None
        self._pulse.stop()
        self._went_off()
