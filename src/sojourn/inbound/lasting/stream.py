"""Stream: a body that async code makes while it is sent, for as long as its session goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Generic, TypeVar

from sojourn.inbound.lasting.attendance import Attendance

__all__ = ["Stream"]

T = TypeVar("T")


class Stream(Generic[T]):
    """Such a body. Who makes the next part when the session ends is cancelled, as when the visitor leaves."""

    def __init__(self, body: AsyncIterator[T]) -> None:
        """`body`: what makes it."""
        self._body = body
        self._limit: asyncio.Timeout | None = None

    async def close(self, _code: int) -> None:
        """The session has ended."""
        if self._limit is not None:
            self._limit.reschedule(asyncio.get_running_loop().time())

    async def parts(self, attendance: Attendance) -> AsyncIterator[T]:
        """The parts, until `attendance` is over."""
        try:
            while not attendance.over:
                part = await self._next()
                attendance.send()
                yield part
            if isinstance(self._body, AsyncGenerator):
                await self._body.aclose()
        except StopAsyncIteration:
            return
        except Exception as error:
            if not (attendance.caused(error) or (attendance.over and isinstance(error, TimeoutError))):
                raise

    async def _next(self) -> T:
        async with asyncio.timeout(None) as limit:
            self._limit = limit
            try:
                return await anext(self._body)
            finally:
                self._limit = None
