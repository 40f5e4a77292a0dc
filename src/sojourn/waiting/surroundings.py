"""What surrounds the bridge: servers in which no thread can run beside the requests."""

from __future__ import annotations

import os
import sys
from typing import Any

from sojourn.errors import SettingError

__all__ = ["check", "check_fork"]


def check() -> None:
    """Raise `SettingError` where a thread of ours would not run while a request waits for it."""
    for package, module, ask in _PATCHING:
        patching: Any = sys.modules.get(module)
        patched = [name for name in _NEEDED if patching is not None and getattr(patching, ask)(name)]
        if patched:
            raise SettingError(
                f"{package} has patched {patched[0]}, so no event loop can run beside the requests; use threads, "
                "as in gunicorn --worker-class gthread --threads 8"
            )
    uwsgi: Any = sys.modules.get("uwsgi")  # there only within its own processes
    if uwsgi is not None and not uwsgi.has_threads:  # since 2.0.30 it always has
        raise SettingError("uWSGI runs no threads of the application's; start it with --enable-threads")


def check_fork(begun: int) -> None:
    """Raise `SettingError` where the loop was begun in another process than this one. `begun`: its pid."""
    if begun != os.getpid():
        raise SettingError(
            "a store was used before this process was forked, and Python was not told of the fork, as in uWSGI; "
            "start that with --lazy-apps, or with --py-call-uwsgi-fork-hooks"
        )


_PATCHING = (
    ("gevent", "gevent.monkey", "is_module_patched"),
    ("eventlet", "eventlet.patcher", "is_monkey_patched"),
)
_NEEDED = ("threading", "thread", "queue", "select", "socket")  # what a loop in a thread is made of
