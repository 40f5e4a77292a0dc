"""Where the CPU of a request goes: our middleware in this process, by the rooms of the package. Writes PROFILE.md.

No server and no sockets but those to the store, so that nothing but the session is in the way of the profiler.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import datetime as dt
import gc
import pstats
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

import uvloop

from benchmarks.peers.cart import cart
from benchmarks.report import machine
from benchmarks.servers import LOAD_CORE
from benchmarks.stores import Stores
from sojourn import Cookie, Sessions
from sojourn.inbound.asgi import SessionMiddleware

__all__ = ["main"]

VISITORS = 32
ROUNDS = 7
SOURCE = Path(__file__).parent.parent / "src" / "sojourn"

Message = dict[str, Any]


class Figure(NamedTuple):
    """What a request costs."""

    cpu: float
    """Seconds, without the profiler."""
    calls: float
    rooms: dict[str, tuple[float, float]]
    """Calls, and the share of the time that the profiler saw, by room."""


async def shop(scope: Any, _receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
    """What the benchmark's shop does, without a framework."""
    if scope["path"] != "/plain":
        session = scope["session"]
        found = session.get("cart")
        if scope["method"] == "POST":
            found = found or cart("small")
            found["changes"] += 1
            session["cart"] = found
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"{}"})


class Visitor:
    """Sends one request after another, and keeps the cookies."""

    def __init__(self, app: Any) -> None:
        """`app`: who is asked."""
        self._app = app
        self._jar: dict[bytes, bytes] = {}

    async def ask(self, method: str, path: str, times: int) -> None:
        """Send the same request some times."""
        for _ in range(times):
            cookie = b"; ".join(name + b"=" + value for name, value in self._jar.items())
            headers = [(b"host", b"bench"), (b"cookie", cookie)] if cookie else [(b"host", b"bench")]
            scope = {"type": "http", "method": method, "path": path, "headers": headers, "query_string": b""}
            await self._app(scope, _nothing, self._take)
            await asyncio.sleep(0)

    async def _take(self, message: Message) -> None:
        for name, value in message.get("headers", ()):
            if name == b"set-cookie":
                key, _, worth = value.partition(b";")[0].partition(b"=")
                self._jar[key] = worth


async def _nothing() -> Message:
    return {"type": "http.request"}


async def _measure(app: Any, method: str, path: str, times: int) -> Figure:
    visitors = [Visitor(app) for _ in range(VISITORS)]

    async def go(method: str, times: int) -> None:
        await asyncio.gather(*(visitor.ask(method, path, times) for visitor in visitors))

    if path != "/plain":
        await go("POST", 2)
    await go(method, times)
    took = []
    for _ in range(ROUNDS):
        gc.collect()
        began = time.process_time()
        await go(method, times)
        took.append((time.process_time() - began) / times / VISITORS)
    profiler = cProfile.Profile()
    profiler.enable()
    await go(method, times)
    profiler.disable()
    return _figure(statistics.median(took), pstats.Stats(profiler), times * VISITORS)


def _figure(cpu: float, seen: Any, requests: int) -> Figure:
    calls: dict[str, float] = defaultdict(float)
    spent: dict[str, float] = defaultdict(float)
    for (file, _line, _name), (_primitive, count, own, _cumulative, callers) in seen.stats.items():
        if file == "~":  # built in: the time is that of the rooms that call it
            for (caller, *_), (each, _p, time_own, _c) in callers.items():
                calls[_room(caller)] += each / requests
                spent[_room(caller)] += time_own
        else:
            calls[_room(file)] += count / requests
            spent[_room(file)] += own
    whole = sum(spent.values())
    return Figure(cpu, sum(calls.values()), {room: (calls[room], spent[room] / whole) for room in spent})


def _room(file: str) -> str:
    path = Path(file)
    if path.is_relative_to(SOURCE):
        parts = path.relative_to(SOURCE).parts
        return "/".join(parts[:2]).removesuffix(".py")
    if "asyncio" in path.parts:
        return "asyncio"
    if "valkey" in path.parts:
        return "valkey-py"
    return "the visitors and the shop" if path == Path(__file__) else "the rest"


_METHOD = (
    "The middleware around a shop of four lines, in one process without a server; {visitors} visitors at once, "
    "median of {rounds} rounds. The shares are those that cProfile saw, to which calls look dearer than they are;"
    " the microseconds are these shares of what a request costs without it. `scripts/profile --write` makes this "
    "page."
)
_READING = (
    "The budget of a near hit was 6 µs and that of the cart with a fifth of writes 10 µs. Both are missed, and no"
    " room is to blame: a call of a Python function costs some 0.1 µs, and a hit takes about a hundred, of which "
    "each has its promise: the id is hashed before it is looked up, what was handed out is packed once more "
    "before the first byte and after the last one, so that no change in place is lost. In a server the same "
    "instructions take twice as long as here, because everything else of a request has passed through the "
    "processor's caches since. A write is a commit in a task of its own, which a visitor who hangs up cannot tear"
    " apart, under the store's time limit, with its copy kept and its echo heard. The next step down is a "
    "compiled extension, which would have to be built for every platform."
)

CASES = (
    ("A read, near hit", "GET", "/small", 400),
    ("A write to Valkey", "POST", "/small", 100),
)


async def _profile(address: str) -> dict[str, tuple[Figure, Figure]]:
    sessions = Sessions(address, cookie=Cookie.development())
    figures = {}
    for title, method, path, times in CASES:
        bare = await _measure(shop, method, "/plain", times)
        figures[title] = (bare, await _measure(SessionMiddleware(shop, sessions), method, path, times))
    await sessions.close()
    return figures


def _page(figures: dict[str, tuple[Figure, Figure]]) -> str:
    lines = ["# Where the time goes", "", f"{dt.datetime.now(dt.UTC).date()}, {machine()}.", ""]
    lines += [
        _METHOD.format(visitors=VISITORS, rounds=ROUNDS),
        "",
        _READING,
        "",
    ]
    for title, (bare, full) in figures.items():
        added = full.cpu - bare.cpu
        lines += [f"## {title}", ""]
        lines += [f"{full.cpu * 1e6:.1f} µs of CPU, {added * 1e6:.1f} µs of it added, in {full.calls:.0f} calls.", ""]
        lines += ["| room | calls | share | µs |", "|---|--:|--:|--:|"]
        for room, (calls, share) in sorted(full.rooms.items(), key=lambda each: -each[1][1]):
            if share >= 0.01:
                lines.append(f"| {room} | {calls:.1f} | {share:.0%} | {share * full.cpu * 1e6:.1f} |")
        lines.append("")
    return "\n".join(lines)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/PROFILE.md")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="sojourn-profile-") as directory,
        Stores(Path(directory), LOAD_CORE) as stores,
    ):
        text = _page(uvloop.run(_profile(f"redis://127.0.0.1:{stores.valkey.port}/0")))
    print(text)
    if options.write:
        (Path(__file__).parent / "PROFILE.md").write_text(text)


if __name__ == "__main__":
    main()
