"""The benchmark of the outbound side: interleaved rounds, medians, a page."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from benchmarks.outbound.clients import CLIENTS
from benchmarks.outbound.page import Method, page
from benchmarks.servers import LOAD_CORE, SERVER_CORE
from sojourn.testing import Behaviour, FakeBackend

SIGN_IN = 0.05  # seconds that the back end takes for it, as a slow hash of passwords or a directory does
PARALLEL = 10_000


class Figure(NamedTuple):
    """What one measurement gave. Seconds, but for the rate; bytes."""

    rate: float
    cpu: float
    """Of the client, a call."""
    resident: int


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(prog="scripts/bench outbound", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds over all clients")
    parser.add_argument("--seconds", type=float, default=2, help="seconds of one measurement")
    parser.add_argument("--only", default="", help="clients, with commas between them; default: all")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/OUTBOUND.md")
    options = parser.parse_args()
    names = options.only.split(",") if options.only else list(CLIENTS)
    with FakeBackend(Behaviour(records=1)) as fake:
        for thread in Path(f"/proc/{fake.pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), LOAD_CORE)
        calls = _rounds(fake, names, options.rounds, ["bare", "ours"], options.seconds)
        fake.reset(Behaviour(records=1, sign_in_costs=SIGN_IN))
        slow = _rounds(fake, names, min(options.rounds, 3), ["each", "one"], options.seconds)
        fake.reset(Behaviour(records=1, takes=0.5))
        crowd = _client(fake, "aiohttp", "crowd", PARALLEL)
    method = Method(f"{options.rounds} interleaved rounds of {options.seconds:g} s", PARALLEL, SIGN_IN)
    text = page(calls, slow, crowd, method)
    print(text)
    if options.write:
        (Path(__file__).parent.parent / "OUTBOUND.md").write_text(text)
    return 0


def _rounds(
    fake: FakeBackend, names: list[str], rounds: int, ways: list[str], seconds: float
) -> dict[tuple[str, str], Figure]:
    """The medians, by client and way."""
    seen: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    for turn in range(rounds + 1):
        for name in names:
            for way in ways:
                print(f"\rround {turn} of {rounds}: {name}, {way}".ljust(79), end="", file=sys.stderr)
                figure = _client(fake, name, way, seconds)
                if turn:  # the first round warms up
                    seen[name, way].append(figure)
    print(file=sys.stderr)
    return {place: Figure(*map(statistics.median, zip(*figures, strict=True))) for place, figures in seen.items()}


def _client(fake: FakeBackend, name: str, way: str, amount: float) -> Figure:
    """One measurement, in a process of its own on the other core."""
    command = [sys.executable, "-m", "benchmarks.outbound.clients", name, way, fake.url, fake.password_of("alice")]
    process = subprocess.Popen([*command, str(amount)], stdout=subprocess.PIPE)
    os.sched_setaffinity(process.pid, SERVER_CORE)
    out, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{name}, {way}: ended with {process.returncode}")
    return Figure(**json.loads(out))


if __name__ == "__main__":
    sys.exit(main())
