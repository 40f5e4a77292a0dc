"""What surrounds the bridge: servers in which no thread can run beside the requests."""

from __future__ import annotations

import sys
from typing import Any

from sojourn.errors import SettingError

__all__ = ["check"]


def check() -> None:
    """Raise `SettingError` where a thread of ours would not run while a request waits for it."""
    for package, module in (("gevent", "gevent.monkey"), ("eventlet", "eventlet.patcher")):
        patching: Any = sys.modules.get(module)
        if patching is not None and _patched(patching):
            raise SettingError(
                f"{package} has patched threading, so no event loop can run beside the requests; use threads instead, "
                "as in gunicorn --worker-class gthread --threads 8"
            )
    uwsgi: Any = sys.modules.get("uwsgi")  # there only within its own processes
    if uwsgi is not None and not {"enable-threads", "threads"} & {_text(name) for name in uwsgi.opt}:
        raise SettingError("uWSGI runs no threads of the application's; start it with --enable-threads")


def _patched(patching: Any) -> bool:
    ask = getattr(patching, "is_module_patched", None)
    return bool(ask("threading") if ask is not None else patching.is_monkey_patched("thread"))


def _text(name: str | bytes) -> str:
    return name.decode() if isinstance(name, bytes) else name
