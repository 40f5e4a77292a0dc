"""`serve`: from options to an exit status."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from sojourn.cli.listener import is_loopback, listen
from sojourn.cli.mistake import Mistake
from sojourn.cli.orders import Orders
from sojourn.cli.report import Report
from sojourn.cli.supervisor import Supervisor
from sojourn.store.outage import Outage

__all__ = ["DEFAULT_STORE", "serve"]

DEFAULT_STORE = "sqlite:///sessions.db"


def serve(
    target: str,
    *,
    workers: int = 2,
    store: str = DEFAULT_STORE,
    host: str = "127.0.0.1",
    port: int = 8000,
    app: str = "default",
    https: bool = False,
    skip: Sequence[str] = (),
    replace_sessions: bool = False,
    idle: timedelta | None = None,
    absolute: timedelta | None = None,
    drain: timedelta = timedelta(seconds=10),
    save: Literal["sync", "async"] = "sync",
    outage: Outage = "fail",
    limit: int | None = None,
    route: str | None = None,
    as_json: bool = False,
) -> int:
    """Serve `MODULE:APP` until told to stop.

    Return the exit status: 0 after a stop that all requests outlived, 1 after one that cut some off, 2 for a mistake of
    the user, told in one line.
    """
    report = Report(as_json=as_json)
    try:
        _check(workers, store, save)
        with listen(host, port) as listener:
            orders = Orders(
                target=target,
                store=store,
                app=app,
                plain_http=is_loopback(listener) and not https,
                skip=tuple(skip),
                replace_sessions=replace_sessions,
                idle=idle.total_seconds() if idle else None,
                absolute=absolute.total_seconds() if absolute else None,
                drain=drain.total_seconds(),
                save=save,
                outage=outage,
                limit=limit,
                route=route,
            )
            return asyncio.run(Supervisor(orders, listener, workers=workers, report=report).run())
    except Mistake as mistake:
        report.refused(str(mistake))
        return 2


def _check(workers: int, store: str, save: str) -> None:
    """Raise `Mistake` for workers that would lose sessions to each other: who answers a visitor is left to chance."""
    if workers < 1:
        raise Mistake(f"{workers} workers cannot serve; give --workers 1 or more")
    if workers > 1 and store.startswith("memory:"):
        raise Mistake("a store in memory is of one process; give --workers 1, or another --store")
    if workers > 1 and save == "async":
        raise Mistake(
            "--save async keeps changes for a while in the worker that made them; give --workers 1 at each port, and "
            "a balancer that keeps visitors at theirs"
        )
