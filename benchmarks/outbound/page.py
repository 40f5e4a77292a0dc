"""The page of the benchmark."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from benchmarks.outbound.clients import CLIENTS
from benchmarks.report import machine

if TYPE_CHECKING:
    from benchmarks.outbound.__main__ import Figure

__all__ = ["Method", "page"]

_METHOD = (
    "The client on one core, the back end on another. {rounds}, medians. Compare the rows of one table and nothing "
    "else. *Bare* is the client with its own cookie jar, which was signed in before. `scripts/bench outbound --write` "
    "makes this page."
)


class Method(NamedTuple):
    """How it was measured."""

    rounds: str
    parallel: int
    """Calls at once, of a crowd."""
    sign_in: float
    """Seconds that signing in takes at a slow back end."""


def page(
    calls: Mapping[tuple[str, str], Figure],
    slow: Mapping[tuple[str, str], Figure],
    crowd: Figure,
    method: Method,
) -> str:
    """The page. `calls`, `slow`: by client and way."""
    rounds, parallel, sign_in = method
    names = [name for name in CLIENTS if (name, "bare") in calls]
    lines = ["# Results of the outbound side", "", f"{dt.datetime.now(dt.UTC).date()}, {machine()}.", ""]
    lines += [_METHOD.format(rounds=rounds), "", "## A call in a session", ""]
    lines += ["| client | bare calls/s | ours | bare CPU a call | ours | added |", "|---|--:|--:|--:|--:|--:|"]
    for name in names:
        bare, ours = calls[name, "bare"], calls[name, "ours"]
        added = f"{(ours.cpu - bare.cpu) * 1e6:+.1f} µs, {ours.cpu / bare.cpu - 1:+.0%}"
        lines.append(
            f"| {CLIENTS[name]} | {bare.rate:,.0f} | {ours.rate:,.0f} | {bare.cpu * 1e6:.1f} µs "
            f"| {ours.cpu * 1e6:.1f} µs | {added} |"
        )
    lines += ["", f"## Where signing in takes {sign_in * 1e3:g} ms", "", "One call after the other.", ""]
    lines += ["| client | each call signs in | one session | faster |", "|---|--:|--:|--:|"]
    for name in names:
        each, one = slow[name, "each"], slow[name, "one"]
        client = CLIENTS[name].partition(",")[0] + (" that waits" if name == "httpx2-sync" else "")
        lines.append(f"| {client} | {each.rate:,.1f} calls/s | {one.rate:,.0f} | {one.rate / each.rate:.0f} times |")
    lines += ["", f"## {parallel:,} calls at once", ""]
    lines.append(
        f"Through aiohttp, each on a connection of its own, to a back end that takes half a second: one session, "
        f"{crowd.resident / 2**20:.0f} MiB resident at most, {crowd.rate:,.0f} calls/s."
    )
    return "\n".join([*lines, ""])
