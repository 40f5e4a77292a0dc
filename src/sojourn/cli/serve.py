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
from sojourn.cli.settings.chosen import chosen
from sojourn.cli.supervisor import Supervisor

__all__ = ["serve"]


def serve(
    target: str,
    *,
    workers: int = 2,
    host: str = "127.0.0.1",
    port: int = 8000,
    https: bool = False,
    drain: timedelta = timedelta(seconds=10),
    metrics: str | None = None,
    replace_sessions: bool = False,
    as_json: bool = False,
    settings: str | None = None,
    app: str | None = None,
    **options: Any,
) -> int:
    """Serve `MODULE:APP` until told to stop. `settings`: a file of them. `options`: those of the sessions, as given.

    Return the exit status: 0 after a stop that all requests outlived, 1 after one that cut some off, 2 for a mistake of
    the user, told in one line.
    """
    report = Report(as_json=as_json)
    try:
        with ExitStack() as listeners:
            listener = listeners.enter_context(listen(host, port))
            orders = Orders(
                target=target,
                settings=chosen(settings, app, options, plain_http=is_loopback(listener) and not https),
                replace_sessions=replace_sessions,
                drain=drain.total_seconds(),
                metrics=metrics is not None,
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
    settings = orders.settings
    if workers > 1 and settings.stays_in_memory:
        raise Mistake(
            f"{settings.app!r} has no fail-over (failover and its save must be set), so each of its sessions is of one "
            "process; give --workers 1"
        )
    if workers > 1 and settings.store.startswith("memory:"):
        raise Mistake("a store in memory is of one process; give --workers 1, or another --store")
    if workers > 1 and settings.options.save == "async":
        raise Mistake(
            "saving async keeps changes for a while in the worker that made them; give --workers 1 at each port, and "
            "a balancer that keeps visitors at theirs"
        )
    if orders.metrics and find_spec("prometheus_client") is None:
        raise Mistake("--metrics needs what is not installed: pip install 'sojourn[prometheus]'")
