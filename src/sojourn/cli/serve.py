"""`serve`: from options to an exit status."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

from sojourn.cli.listener import is_loopback, listen, listen_at
from sojourn.cli.mistake import Mistake
from sojourn.cli.orders import Orders
from sojourn.cli.report import Report
from sojourn.cli.supervisor import Supervisor

__all__ = ["DEFAULT_STORE", "serve"]

DEFAULT_STORE = "sqlite:///sessions.db"


def serve(
    target: str,
    *,
    workers: int = 2,
    host: str = "127.0.0.1",
    port: int = 8000,
    https: bool = False,
    idle: timedelta | None = None,
    absolute: timedelta | None = None,
    drain: timedelta = timedelta(seconds=10),
    metrics: str | None = None,
    as_json: bool = False,
    **settings: Any,
) -> int:
    """Serve `MODULE:APP` until told to stop. `settings`: those of `Orders` that are handed on as they are.

    Return the exit status: 0 after a stop that all requests outlived, 1 after one that cut some off, 2 for a mistake of
    the user, told in one line.
    """
    report = Report(as_json=as_json)
    try:
        with ExitStack() as listeners:
            listener = listeners.enter_context(listen(host, port))
            orders = Orders(
                target=target,
                plain_http=is_loopback(listener) and not https,
                idle=idle.total_seconds() if idle else None,
                absolute=absolute.total_seconds() if absolute else None,
                drain=drain.total_seconds(),
                metrics=metrics is not None,
                **settings,
            )
            _check(workers, orders)
            scraped = None if metrics is None else listeners.enter_context(listen_at(metrics, "--metrics"))
            supervisor = Supervisor(orders, listener, workers=workers, report=report, scraped=scraped)
            return asyncio.run(supervisor.run())
    except Mistake as mistake:
        report.refused(str(mistake))
        return 2


def _check(workers: int, orders: Orders) -> None:
    """Raise `Mistake` for workers that would lose sessions to each other: who answers a visitor is left to chance."""
    if workers < 1:
        raise Mistake(f"{workers} workers cannot serve; give --workers 1 or more")
    if workers > 1 and orders.store.startswith("memory:"):
        raise Mistake("a store in memory is of one process; give --workers 1, or another --store")
    if workers > 1 and orders.save == "async":
        raise Mistake(
            "--save async keeps changes for a while in the worker that made them; give --workers 1 at each port, and "
            "a balancer that keeps visitors at theirs"
        )
    if orders.metrics and find_spec("prometheus_client") is None:
        raise Mistake("--metrics needs what is not installed: pip install 'sojourn[prometheus]'")
