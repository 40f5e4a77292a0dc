"""The benchmark: interleaved rounds over all variants, medians, tables. Writes RESULTS.md when asked to."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.report import report
from benchmarks.servers import LOAD_CORE, Node, started
from benchmarks.stores import Stores
from benchmarks.variants import VARIANTS

__all__ = ["Figure", "Series", "main"]

CONNECTIONS = 32
VISITORS = 200
TWO_NODES = ("ours-valkey", "ours-postgres", "starsessions")


class Series(NamedTuple):
    """One table: what its visitors do, and to which variants."""

    title: str
    path: str
    share: float
    """Of the requests that write."""
    variants: tuple[str, ...]
    nodes: int = 1
    sticky: bool = True


_ALL = tuple(VARIANTS)
_PEERS = tuple(name for name in _ALL if "bare" not in name)
SERIES = (
    Series("No session touched", "/plain", 0, _ALL),
    Series("Read only, 500 bytes", "/small", 0, _ALL),
    Series("20 % writes, 500 bytes", "/small", 0.2, _ALL),
    Series("Writes only, 500 bytes", "/small", 1, _ALL),
    Series("20 % writes, 20 kB", "/large", 0.2, _ALL),
    Series("Two nodes, sticky, 20 % writes, 500 bytes", "/small", 0.2, TWO_NODES, nodes=2),
    Series("Two nodes, round robin, 20 % writes, 500 bytes", "/small", 0.2, TWO_NODES, nodes=2, sticky=False),
    Series("Two nodes, round robin, read only, 500 bytes", "/small", 0, TWO_NODES, nodes=2, sticky=False),
)


class Load(NamedTuple):
    """Who sends, with the cookies that they have, and for how long."""

    jars: list[dict[str, str]]
    seconds: float


class Figure(NamedTuple):
    """What one measurement gave. Seconds, but for the rate."""

    rate: float
    cpu: float
    """Of the servers, a request."""
    p50: float
    p99: float
    trips: float | None
    """To the store, a request."""


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds over all variants")
    parser.add_argument("--seconds", type=float, default=2, help="seconds of one measurement")
    parser.add_argument("--only", default="", help="variants, with commas between them; default: all that can run here")
    parser.add_argument("--series", default="", help="a part of the titles of the tables wanted; default: all")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/RESULTS.md")
    options = parser.parse_args()
    names = [name for name in (options.only.split(",") if options.only else _ALL) if _can_run(name)]
    chosen = [series for series in SERIES if options.series in series.title]
    with tempfile.TemporaryDirectory(prefix="sojourn-bench-", ignore_cleanup_errors=True) as directory:
        figures = measure(names, chosen, options.rounds, options.seconds, Path(directory))
    text = report(figures, chosen, f"{options.rounds} interleaved rounds of {options.seconds:g} s")
    print(text)
    if options.write:
        (Path(__file__).parent / "RESULTS.md").write_text(text)
    return 0


def measure(
    names: list[str], chosen: list[Series], rounds: int, seconds: float, directory: Path
) -> dict[tuple[str, str], Figure]:
    """The medians, by the title of the table and the variant."""
    seen: dict[tuple[str, str], list[Figure]] = defaultdict(list)
    nodes = {name: 2 for name in TWO_NODES if any(series.nodes == 2 for series in chosen)}
    with started(names, nodes, directory) as (servers, stores):
        jars: dict[tuple[str, str, int], list[dict[str, str]]] = {}
        for turn in range(rounds + 1):
            for series in chosen:
                for name in (each for each in series.variants if each in servers):
                    print(f"\rround {turn} of {rounds}: {series.title}, {name}".ljust(79), end="", file=sys.stderr)
                    place = (name, series.path, series.nodes)
                    if place not in jars:
                        jars[place] = _filled(servers[name], series)
                    load = Load(jars[place], seconds)
                    figure, jars[place] = _measure(servers[name], series, stores, name, load)
                    if turn and figure is not None:  # the first round warms up
                        seen[series.title, name].append(figure)
    print(file=sys.stderr)
    return {place: _median(figures) for place, figures in seen.items()}


def _filled(nodes: list[Node], series: Series) -> list[dict[str, str]]:
    """The cookies of visitors who have a filled cart; of nobody, where no session is wanted."""
    nobody: list[dict[str, str]] = [{} for _ in range(VISITORS)]
    if series.path == "/plain":
        return nobody
    return _load(nodes[: series.nodes], series._replace(share=1.0), Load(nobody, 1.0))["visitors"]  # type: ignore[no-any-return]


def _measure(
    nodes: list[Node], series: Series, stores: Stores, name: str, load: Load
) -> tuple[Figure | None, list[dict[str, str]]]:
    """What was seen, None where it does not count; and the cookies of the visitors afterwards."""
    serving, store = nodes[: series.nodes], VARIANTS[name].store
    trips = stores.round_trips(store)
    used = sum(node.cpu_seconds() for node in serving)
    seen = _load(serving, series, load)
    used = sum(node.cpu_seconds() for node in serving) - used
    after = stores.round_trips(store)
    requests = seen["requests"]
    if seen["failed"] or not requests:
        print(f"\n{seen['failed']} of {requests} requests to {name} failed: left out", file=sys.stderr)
        return None, seen["visitors"]
    figure = Figure(
        rate=requests / seen["seconds"],
        cpu=used / requests,
        p50=seen["p50"],
        p99=seen["p99"],
        trips=None if trips is None or after is None else (after - trips) / requests,
    )
    return figure, seen["visitors"]


def _load(nodes: list[Node], series: Series, load: Load) -> dict[str, Any]:
    orders = {
        "ports": [node.port for node in nodes],
        "path": series.path,
        "share": series.share,
        "sticky": series.sticky,
        "seconds": load.seconds,
        "connections": CONNECTIONS,
        "visitors": load.jars,
        "affinity": sorted(LOAD_CORE),
    }
    command = [sys.executable, "-m", "benchmarks.load"]
    said = subprocess.run(command, input=json.dumps(orders), capture_output=True, text=True, check=True)
    return json.loads(said.stdout)  # type: ignore[no-any-return]


def _median(figures: list[Figure]) -> Figure:
    columns = zip(*(figure[:4] for figure in figures), strict=True)
    trips = [figure.trips for figure in figures if figure.trips is not None]
    return Figure(*map(statistics.median, columns), trips=statistics.median(trips) if trips else None)


def _can_run(name: str) -> bool:
    if name not in VARIANTS:
        raise SystemExit(f"there is no variant {name}: {', '.join(VARIANTS)}")
    if VARIANTS[name].served == "node" and (shutil.which("node") is None or shutil.which("npm") is None):
        print(f"{name} is left out: Node is not installed", file=sys.stderr)
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
