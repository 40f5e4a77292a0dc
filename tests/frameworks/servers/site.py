"""The application that servers in processes of their own serve: `STORE` is its store, `SAVE` when it saves."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from tests.frameworks.apps import plain_wsgi

from sojourn import Behind, Sessions
from sojourn.inbound.bridge import wait

sessions = Sessions(
    os.environ["STORE"],
    save="async" if os.environ.get("SAVE") == "async" else "sync",
    write=Behind(interval=3600) if os.environ.get("SAVE") == "async" else None,
)
if os.environ.get("BEFORE_THE_FORK"):
    wait(sessions.find())  # the loop of the parent runs, and its store is open

_app = plain_wsgi.application(sessions)


def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Says in a header which process answered."""

    def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
        return start_response(status, [*headers, ("X-Worker", str(os.getpid()))], exc_info)

    return _app(environ, start)
