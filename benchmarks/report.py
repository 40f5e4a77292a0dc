"""The tables of a benchmark."""

from __future__ import annotations

import datetime as dt
import os
import platform
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.variants import VARIANTS

if TYPE_CHECKING:
    from benchmarks.run import Figure, Series

__all__ = ["machine", "report"]

_METHOD = (
    "One granian worker (or Node process) for each node of a variant, on one core; the load and the stores on another. "
    "32 connections, 200 visitors who send one request after another and take the cookies that they are given. "
    "{rounds}, medians. Compare the rows of one table and nothing else. *Added* is the CPU that a request costs beyond "
    "the same framework without sessions. *Trips* are round trips to the store. The handler answers some 30 bytes, so "
    "that the sessions are measured and not the rendering. `scripts/bench --write` makes this page."
)


def report(figures: Mapping[tuple[str, str], Figure], chosen: Iterable[Series], rounds: str) -> str:
    """The page. `figures`: by the title of a table and the variant."""
    lines = ["# Results", "", f"{dt.datetime.now(dt.UTC).date()}, {machine()}.", "", _METHOD.format(rounds=rounds), ""]
    for series in chosen:
        rows = {name: figures[series.title, name] for name in VARIANTS if (series.title, name) in figures}
        if rows:
            lines += [f"## {series.title}", "", *_table(rows), ""]
    return "\n".join(lines)


def machine() -> str:
    """What it ran on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in lines if "model name" in line), platform.processor())
    return f"{os.cpu_count()} cores of {model}, {platform.system()}, CPython {platform.python_version()}"


def _table(rows: Mapping[str, Figure]) -> list[str]:
    lines = ["| sessions | requests/s | CPU a request | added | p50 | p99 | trips |", "|---|--:|--:|--:|--:|--:|--:|"]
    for name, figure in rows.items():
        variant = VARIANTS[name]
        bare = rows.get(variant.bare)
        added = "" if bare is None or bare is figure else f"{(figure.cpu - bare.cpu) * 1e6:.1f} µs"
        trips = "" if figure.trips is None else f"{figure.trips:.3f}"
        lines.append(
            f"| {variant.title} | {figure.rate:,.0f} | {figure.cpu * 1e6:.1f} µs | {added} "
            f"| {figure.p50 * 1e3:.2f} ms | {figure.p99 * 1e3:.2f} ms | {trips} |"
        )
    return lines
