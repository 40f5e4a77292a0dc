"""The benchmark: interleaved rounds over all variants, medians, a table. Writes RESULTS.md when asked to."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.apps import VARIANTS
from benchmarks.growth import growth
from benchmarks.servers import VISITORS, Server, started

HERE = Path(__file__).parent
CONNECTIONS = 32
WORKLOADS = {  # path, share of writes in percent, whether visitors have a session
    "no session": ("/plain", 0, False),
    "read only": ("/cart", 0, True),
    "cart, 20 % writes": ("/cart", 20, True),
    "writes only": ("/cart", 100, True),
}

Figures = dict[tuple[str, str], list[tuple[float, float, float, float]]]  # requests/s, CPU µs, p50 ms, p99 ms


def main() -> int:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds over all variants")
    parser.add_argument("--seconds", type=int, default=3, help="seconds of one measurement")
    parser.add_argument("--sessions", type=int, default=1_000_000, help="stored sessions in the growth test; 0: none")
    parser.add_argument("--write", action="store_true", help="keep the result in benchmarks/RESULTS.md")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        print("the load comes from wrk: install it first (Debian: apt-get install wrk)", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="sojourn-bench-") as name:
        directory = Path(name)
        with started(list(VARIANTS), directory) as servers:
            figures = _measure(servers, directory, options.rounds, options.seconds)
        grown = growth(directory, options.sessions, options.sessions // 10) if options.sessions else {}
    report = _report(figures, grown, options.rounds, options.seconds)
    print(report)
    if options.write:
        (HERE / "RESULTS.md").write_text(report)
    return 0


def _measure(servers: list[Server], directory: Path, rounds: int, seconds: int) -> Figures:
    visitors = {}
    for server in servers:
        visitors[server.variant] = directory / f"{server.variant}.cookies"
        visitors[server.variant].write_text("\n".join(server.cookies()) + "\n")
    nobody = directory / "nobody.cookies"
    nobody.write_text("\n")
    figures: Figures = {}
    for round_ in range(rounds + 1):
        for workload, (path, share, known) in WORKLOADS.items():
            for server in servers:
                cookies = visitors[server.variant] if known else nobody
                figure = _load(server, path, share, cookies, seconds if round_ else 1)
                if round_:  # the first round warms up
                    figures.setdefault((workload, server.variant), []).append(figure)
                print(f"\rround {round_} of {rounds}: {workload}, {server.variant}".ljust(70), end="", file=sys.stderr)
    print(file=sys.stderr)
    return figures


def _load(server: Server, path: str, share: int, cookies: Path, seconds: int) -> tuple[float, float, float, float]:
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", str(HERE / "load.lua"), server.url]
    before = server.cpu_seconds()
    output = subprocess.run(
        [*command, "--", str(cookies), str(share), path], capture_output=True, text=True, check=True
    ).stdout
    used = server.cpu_seconds() - before
    line = next(line for line in output.splitlines() if line.startswith("RESULT"))
    requests, microseconds, failed, p50, p99 = map(int, line.split()[1:])
    if failed:
        raise SystemExit(f"{failed} of {requests} requests to {server.variant} failed")
    return requests / microseconds * 1e6, used / requests * 1e6, p50 / 1000, p99 / 1000


def _report(figures: Figures, grown: dict[str, float], rounds: int, seconds: int) -> str:
    lines = ["# Results", ""]
    method = (
        f"One granian worker for each variant, `wrk` with {CONNECTIONS} connections and {VISITORS} visitors, {rounds} "
        f"interleaved rounds of {seconds} s, medians. Load and server share the machine, so compare the rows of one "
        "table and nothing else. *CPU added* is what a request costs beyond the bare application. A session is a cart "
        "of eight items; its visitors do not take the version cookie, so each of their reads sets it anew. "
        "`scripts/bench --write` makes this page."
    )
    lines += [f"{dt.datetime.now(dt.UTC).date()}, {_machine()}.", "", method, ""]
    for workload in WORKLOADS:
        lines += [f"## {workload[0].upper()}{workload[1:]}", "", *_table(figures, workload), ""]
    if grown:
        lines += ["## A million sessions in SQLite" if grown["sessions"] == 1e6 else "## Many sessions in SQLite", ""]
        lines += _growth_lines(grown)
    return "\n".join(lines) + "\n"


def _table(figures: Figures, workload: str) -> list[str]:
    lines = ["| sessions | requests/s | CPU a request | CPU added | p50 | p99 |", "|---|--:|--:|--:|--:|--:|"]
    bare = _median(figures[workload, "bare"], 1)
    for variant, name in VARIANTS.items():
        rate, cpu, p50, p99 = (_median(figures[workload, variant], column) for column in range(4))
        added = "" if variant == "bare" else f"{cpu - bare:.1f} µs"
        lines.append(f"| {name} | {rate:,.0f} | {cpu:.1f} µs | {added} | {p50:.2f} ms | {p99:.2f} ms |")
    return lines


def _growth_lines(grown: dict[str, float]) -> list[str]:
    text = (
        f"{grown['sessions']:,.0f} sessions of 500 bytes ({grown['megabytes']:,.0f} MB): a load takes "
        f"{grown['load p50'] * 1e6:.0f} µs (p50), {grown['load p99'] * 1e6:.0f} µs (p99). "
        f"Sweeping {grown['swept']:,.0f} expired ones takes {grown['sweep']:.1f} s, "
        f"during which no request waited longer than {grown['longest wait of a request meanwhile'] * 1000:.0f} ms."
    )
    return [text]


def _median(rows: list[tuple[float, float, float, float]], column: int) -> float:
    return statistics.median(row[column] for row in rows)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    return f"{os.cpu_count()} cores of {model}, {platform.system()}, CPython {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
