"""Run: visitors on two nodes while a script breaks nodes, store and what is between them; then the verdict."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults import report
from tests.faults.checker import Verdict, awaited, check
from tests.faults.ground.broken import BUILDS
from tests.faults.ground.fleet import Node, fleet
from tests.faults.ground.proxy import Proxy, proxy
from tests.faults.ground.stores import KINDS, StoreServer, store
from tests.faults.history import Announcement, Bounds, History
from tests.faults.script import KINDS as FAULTS
from tests.faults.script import Script, fitting
from tests.faults.visitors import Crowd, Guest, Pair, Walker
from tests.fixtures.wire import Wire

from sojourn.store.near import Near

NODES = 2
NEWS = 3.0  # seconds between two lines of progress

# The product's own waits, shortened, so that a short run sees whole lives; in seconds.
LEASE = 4.0
SWEEP_DELAY = 1.0
SWEEP_EVERY = 1.0
IDLE = 3.0


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run."""

    store: str = "valkey"
    seconds: float = 10.0
    seed: int = 1
    walkers: int = 50
    """Visitors who do one thing after another."""
    pairs: int = 50
    """Visitors with three clients."""
    guests: int = 50
    """Visitors who come for a while."""
    pause: float = 0.3
    """Seconds between two requests of a client."""
    pace: float = 1.0
    """How long faults last, and the pauses between them, compared with what is usual."""
    faults: Sequence[str] | None = None
    """None: all that the store can have."""
    silence: float | None = Near().silence
    """Of the near cache of the nodes (see `Near`); None: they have none."""
    build: str | None = None
    """One of `broken.BUILDS`; None for the product as it is."""

    @property
    def bounds(self) -> Bounds:
        return Bounds(watch=self.silence or 0.0, lease=LEASE, idle=IDLE, slack=IDLE / 20, clock=0.5)


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of it."""

    plan: Plan
    history: History
    verdict: Verdict


Tell = Callable[[str], None]


async def run(plan: Plan, directory: Path, tell: Tell) -> Result:
    """Carry it out, with all files in `directory`; `tell` is called with a line every few seconds."""
    bounds = plan.bounds
    async with _ground(plan, directory) as (server, proxies, nodes):
        crowd = Crowd([node.settings.port for node in nodes], bounds, plan.seed, pause=plan.pause)
        for kind, number in ((Walker, plan.walkers), (Pair, plan.pairs), (Guest, plan.guests)):
            crowd.add(kind, number)
        script = Script(nodes, proxies, server, watch=bounds.watch, seed=plan.seed, pace=plan.pace)
        until = time.monotonic() + plan.seconds
        visiting = asyncio.ensure_future(crowd.visit())
        telling = asyncio.ensure_future(_tell(crowd, script, tell))
        try:
            await script.run(plan.faults if plan.faults is not None else sorted(fitting(plan.store)), until)
            crowd.stopping.set()
            await visiting
            tell("all faults are over; everybody looks at what is left")
            await crowd.look_back()
            history = History(entries=crowd.entries, injections=script.injections, waited=False)
            if check(history, bounds).good:  # otherwise there is nothing to wait for
                history.waited = True
                await _hear_all(crowd, directory)
            history.scraped = await _scrape(nodes)
        finally:
            for task in (visiting, telling):
                task.cancel()
            await asyncio.gather(visiting, telling, return_exceptions=True)
    _hear(history, directory)
    return Result(plan=plan, history=history, verdict=check(history, bounds))


@contextlib.asynccontextmanager
async def _ground(plan: Plan, directory: Path) -> AsyncIterator[tuple[StoreServer, list[Proxy], list[Node]]]:
    async with contextlib.AsyncExitStack() as stack:
        server = await stack.enter_async_context(store(plan.store))
        proxies = [await stack.enter_async_context(proxy(server.port)) for _ in range(NODES if server.port else 0)]
        addresses = [server.address(each.port) for each in proxies] or [server.address(0)] * NODES
        waits = {"idle": IDLE, "lease": LEASE, "sweep_delay": SWEEP_DELAY, "sweep_every": SWEEP_EVERY}
        nodes = await stack.enter_async_context(
            fleet(addresses, directory, waits=waits, silence=plan.silence, build=plan.build)
        )
        yield server, proxies, nodes


async def _tell(crowd: Crowd, script: Script, tell: Tell) -> None:
    begun_at = time.monotonic()
    while True:
        await asyncio.sleep(NEWS)
        acknowledged = sum(entry.answered for entry in crowd.entries if entry.op == "write")
        under_way = ", ".join(sorted(script.under_way)) or "none"
        tell(
            f"{time.monotonic() - begun_at:4.0f} s: {len(crowd.entries):,} requests, {acknowledged:,} writes "
            f"acknowledged, {len(script.injections)} faults so far; now: {under_way}"
        )


async def _scrape(nodes: Sequence[Node]) -> Counter[str]:
    """What the nodes have counted themselves since they were started last."""
    scraped: Counter[str] = Counter()
    for node in nodes:
        wire = Wire(node.settings.port)
        scraped.update((await wire.ask("/counts")).value)
        wire.hang_up()
    return scraped


async def _hear_all(crowd: Crowd, directory: Path) -> None:
    """Wait until every end has been announced, or would have been."""
    due = awaited(crowd.entries).keys()
    give_up_at = time.monotonic() + IDLE + IDLE / 20 + SWEEP_DELAY + LEASE + 4 * SWEEP_EVERY
    while time.monotonic() < give_up_at:
        history = History()
        _hear(history, directory)
        if due <= {announcement.ref for announcement in history.announcements}:
            break
        await asyncio.sleep(0.2)
    await asyncio.sleep(SWEEP_EVERY)  # another time would be wrong


def _hear(history: History, directory: Path) -> None:
    """Add what listeners heard."""
    for path in sorted(directory.glob("events-*.jsonl")):
        for text in path.read_text().splitlines():
            line = json.loads(text)
            kind = line.pop("kind")
            history.events[kind] = history.events.get(kind, 0) + 1
            if kind == "SessionEnded":
                history.announcements.append(Announcement(**line))


def main() -> int:
    """Run it from the command line; 0 when every promise was held."""
    options = _options()
    results = []
    for kind in options.store or sorted(KINDS):
        each = options.visitors
        plan = Plan(
            store=kind,
            seconds=options.seconds,
            seed=options.seed,
            walkers=each,
            pairs=each,
            guests=each,
            faults=options.fault,
            silence=Near().silence if kind != "sqlite" or options.near else None,
            build=options.broken,
        )
        try:
            result = asyncio.run(_interruptible(plan, options.keep))
        except asyncio.CancelledError:
            sys.stderr.write("interrupted; everything that was started has been stopped\n")
            return 130
        results.append(result)
        if not options.json:
            sys.stdout.write(report.text(result.plan, result.history, result.verdict))
    if options.json:
        sys.stdout.write(json.dumps([report.figures(r.plan, r.history, r.verdict) for r in results], indent=2) + "\n")
    return 0 if all(result.verdict.good for result in results) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/faults", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="seconds of faults (default: 60)")
    parser.add_argument("--store", choices=sorted(KINDS), action="append", help="default: each in turn")
    parser.add_argument("--near", action="store_true", help="a near cache for SQLite too; the others always have one")
    parser.add_argument("--visitors", type=int, default=50, help="visitors of each of three kinds (default: 50)")
    parser.add_argument("--seed", type=int, default=1, help="of all chance (default: 1)")
    parser.add_argument("--fault", choices=sorted(FAULTS), action="append", help="default: all that the store can have")
    parser.add_argument("--broken", choices=sorted(BUILDS), help="a build that is broken on purpose")
    parser.add_argument("--keep", type=Path, help="an empty directory, for the logs of the nodes and what they heard")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    return parser.parse_args()


async def _interruptible(plan: Plan, keep: Path | None) -> Result:
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # the first is ignored where a shell started this behind itself
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with tempfile.TemporaryDirectory(prefix="sojourn-faults-") as directory:
        return await run(plan, keep or Path(directory), _say)


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
