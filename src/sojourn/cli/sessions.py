"""`sessions list`, `show` and `end`: for operators, on whichever store, while its nodes are running or not."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click
import msgspec

from sojourn import Sessions
from sojourn.cli.mistake import Mistake
from sojourn.core import codec
from sojourn.core.events import Reason
from sojourn.core.record import Record
from sojourn.errors import SojournError
from sojourn.store import Lists, Opens, Query, Store, open_store, power
from sojourn.store.around import Around
from sojourn.store.base import Sweeps
from sojourn.store.stack import clock_of
from sojourn.store.url import path_of_sqlite

__all__ = ["end", "list_all", "show"]

AT_ONCE = 1.0  # seconds that a session has ended for until a node may announce that

Row = dict[str, Any]


class _AnnouncedByNodes(Around):
    """Ends sessions, and leaves it to the nodes to announce that: nobody listens here."""

    async def end(self, key: str, app: str, *, reason: Reason, lease: float) -> Record | None:  # noqa: ARG002
        """As `Sweeps`, for a moment only: then the sweep of a node claims and announces it."""
        return await super().end(key, app, reason=reason, lease=AT_ONCE)

    async def forget(self, records: Sequence[Record]) -> None:
        """As `Sweeps`: not before it was announced."""


def list_all(
    url: str,
    app: str,
    *,
    principal: str | None,
    node: str | None,
    unused: timedelta | None,
    limit: int,
    after: str,
    as_json: bool,
) -> int:
    """Print sessions of an application, a page of them; return the exit status.

    `unused`: only those that were not used for so long. `after`: the ref that the page before ended with.
    """

    async def work(store: Store) -> int:
        now = clock_of(store)()
        before = None if unused is None else now - unused.total_seconds()
        query = Query(app=app, principal=principal, node=node, accessed_before=before)
        found = await _lists(store).find(query, limit=limit, after=after)
        if as_json:
            for record in found:
                _say(_row(record))
        else:
            _table(found, now)
            if len(found) >= limit:
                click.echo(f"perhaps there are more: --after {found[-1].ref}")
        return 0

    return _with_store(url, work)


def show(url: str, app: str, ref: str, *, as_json: bool) -> int:
    """Print what is known of one session, but no value of it; return the exit status."""

    async def work(store: Store) -> int:
        found = await _lists(store).find(Query(app=app, ref=ref))
        if not found:
            return _absent([ref])
        row = _row(found[0]) | _attributes(found[0])
        if as_json:
            _say(row)
            return 0
        for name, value in row.items():
            if name != "attributes":
                click.echo(f"{name:<12} {_time(value) if name.endswith('_at') else _plain(str(value))}")
        for name, size in row.get("attributes", {}).items():
            click.echo(f"{'attribute':<12} {name!r}, {size} bytes")
        return 0

    return _with_store(url, work)


def end(url: str, app: str, refs: Sequence[str], *, principal: str | None, as_json: bool) -> int:
    """End sessions, those of these refs and all of `principal`; return the exit status."""
    if not refs and principal is None:
        raise Mistake("end which? give the refs of sessions, or --principal NAME")

    async def work(store: Store) -> int:
        around = _AnnouncedByNodes(store)
        sessions = Sessions(around if power(store, Sweeps) is not None else store, app=app, near=None)
        sessions.listen(lambda _: None)  # so that a session is claimed rather than forgotten
        gone = [ref for ref in refs if not await sessions.end(ref)]
        count = len(refs) - len(gone)
        if principal is not None:
            count += await sessions.end_all(principal=principal)
        if as_json:
            _say({"ended": count, "absent": gone})
        else:
            click.echo(f"ended {count} session{'' if count == 1 else 's'}")
        return _absent(gone) if gone else 0

    return _with_store(url, work)


def _with_store(url: str, work: Callable[[Store], Coroutine[Any, Any, int]]) -> int:
    _check_there(url)

    async def run() -> int:
        async with _opened(url) as store:
            return await work(store)

    try:
        return asyncio.run(run())
    except SojournError as error:
        raise Mistake(str(error)) from None


def _check_there(url: str) -> None:
    """Raise `Mistake` where opening the store would make it."""
    if url.startswith("memory:"):
        raise Mistake("a store in memory is known to its own process only; name the store that is served from")
    if url.startswith("sqlite:///") and not Path(path_of_sqlite(url)).exists():
        raise Mistake(f"there is no file {path_of_sqlite(url)}; name the one that is served from")


@contextlib.asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Store]:
    """The store, opened."""
    store = open_store(url)
    opens = power(store, Opens)
    if opens is None:
        yield store
        return
    try:
        await opens.open()
        yield store
    finally:
        await opens.close()


def _lists(store: Store) -> Lists:
    lists = power(store, Lists)
    if lists is None:
        raise Mistake("this store cannot be searched (see sojourn.store.Lists)")
    return lists


def _row(record: Record) -> Row:
    """What may be shown: never the key, nor a value."""
    names = ("ref", "app", "principal", "node", "version", "created_at", "accessed_at", "expires_at")
    return {name: getattr(record, name) for name in names} | {"bytes": len(record.data)}


def _attributes(record: Record) -> Row:
    try:
        found = codec.read(record.data)
    except codec.Undecodable as error:
        return {"unreadable": str(error)}
    return {"attributes": {name: len(bytes(packed)) for name, packed in found.items()}}


def _table(found: Sequence[Record], now: float) -> None:
    rows = [("REF", "PRINCIPAL", "CREATED", "USED", "ENDS", "BYTES", "NODE")]
    for record in found:
        ages = (f"{_span(now - record.created_at)} ago", f"{_span(now - record.accessed_at)} ago")
        ends = "never" if math.isinf(record.expires_at) else f"in {_span(record.expires_at - now)}"
        rows.append((record.ref, _plain(record.principal or "-"), *ages, ends, str(len(record.data)), record.node))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows if found else ():
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    if not found:
        click.echo("no session")


def _span(seconds: float) -> str:
    """A time as people say it: its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length:.0f}{unit}"
    return f"{max(seconds, 0):.0f}s"


def _plain(text: str) -> str:
    """A text that visitors may have chosen, without what a terminal obeys."""
    return "".join(each if each.isprintable() else "?" for each in text)


def _time(seconds: float) -> str:
    return "never" if math.isinf(seconds) else datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")


def _absent(refs: Sequence[str]) -> int:
    for ref in refs:
        click.echo(f"sojourn: there is no session {ref}", err=True)
    return 1


def _say(row: Row) -> None:
    limits = {name: None if value == math.inf else value for name, value in row.items()}
    click.echo(msgspec.json.encode(limits).decode())
