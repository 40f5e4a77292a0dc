"""Threads: where what takes long is done, beside the event loop."""

from __future__ import annotations

import asyncio
import concurrent.futures.thread  # noqa: F401 - asyncio imports it late; its hooks for forks must not come during one
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

__all__ = ["in_thread"]

T = TypeVar("T")


async def in_thread(act: Callable[..., T], *given: Any) -> T:
    """What `act` returns or raises, done in a thread.

    Once the main thread has ended, the interpreter gives out no threads any more, though the process may go on: then it
    is done here.
    """
    try:
        done = asyncio.get_running_loop().run_in_executor(None, partial(act, *given))
    except RuntimeError:
        return act(*given)
    return await done
