"""The page: what was seen as tables, beside the budgets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.growth.measuring import Figures
from benchmarks.growth.near import SESSIONS
from benchmarks.report import machine

__all__ = ["NAMES", "page"]

NAMES = {"memory": "memory", "sqlite": "SQLite", "postgres": "PostgreSQL", "valkey": "Valkey"}

_METHOD = """\
Sessions of 500 bytes that do not compress, half of them signed in, five to a principal. They are stored one by one
through `save`, by 400 tasks at once, which a store gathers into batches; so what is stored is exactly what a fleet
would have stored. Then one request after another goes through the same public store: 10,000 loads of sessions chosen at
random, 5,000 saves of a changed session, pages of 100. At last the tenth that was created first has expired, and is
swept by what sweeps on every node, while one visitor loads and another loads and saves, with a millisecond between two
requests; their waits include those for the event loop. Asker, store and servers share the cores of the machine, and
share them with whoever else is at work: the load average is that of the last minute of filling, which itself is the
work of one or two. What a session takes is the growth of the process (memory), of the file (SQLite), of tables and
indexes (PostgreSQL), of `used_memory` (Valkey). `scripts/growth --write` makes this page; a store and size that is
measured again takes the place of its figures here."""


def _seconds(value: float) -> str:
    if value < 0.000_995:
        return f"{value * 1e6:.3g} µs"
    return f"{value * 1e3:.3g} ms" if value < 0.9995 else f"{value:.3g} s"


_COLUMNS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("load p50", lambda seen: _seconds(seen.load_p50)),
    ("load p99", lambda seen: _seconds(seen.load_p99)),
    ("save p50", lambda seen: _seconds(seen.save_p50)),
    ("save p99", lambda seen: _seconds(seen.save_p99)),
    ("first page", lambda seen: _seconds(seen.first_page)),
    ("middle page", lambda seen: _seconds(seen.middle_page)),
    ("a principal's", lambda seen: _seconds(seen.principal_page)),
)
_SWEEPS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("swept", lambda seen: f"{seen.swept:,}"),
    ("in", lambda seen: _seconds(seen.sweep)),
    ("one takes", lambda seen: _seconds(seen.sweep / seen.swept)),
    ("longest load meanwhile", lambda seen: _seconds(seen.load_wait)),
    ("longest load and save", lambda seen: _seconds(seen.save_wait)),
)
_REST: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("bytes a session", lambda seen: f"{seen.bytes:,.0f}"),
    ("all", lambda seen: f"{seen.bytes * seen.sessions / 1e6:,.0f} MB"),
    ("filled in", lambda seen: _seconds(seen.fill)),
    ("saves/s", lambda seen: f"{seen.sessions / seen.fill:,.0f}"),
    ("load average", lambda seen: f"{seen.load_average:.1f}"),
    ("on", lambda seen: seen.date),
)


def page(figures: Sequence[Figures], near: float) -> str:
    """The page. `near`: bytes of a session in a near cache."""
    lines = ["# Growth", "", f"{machine()}.", "", _METHOD, "", "![The figures as curves](growth.png)", ""]
    lines += ["## Budgets", "", *_budgets(figures, near), ""]
    for title, columns in (("Requests", _COLUMNS), ("Sweeping a tenth", _SWEEPS), ("What it takes", _REST)):
        lines += [f"## {title}", "", *_table(figures, columns), ""]
    return "\n".join([*lines, (Path(__file__).parent / "notes.md").read_text()])


def _budgets(figures: Sequence[Figures], near: float) -> list[str]:
    lines = ["| what | budget | seen |", "|---|--:|--:|"]
    for seen in figures:
        if (seen.store, seen.sessions) == ("sqlite", 1_000_000):
            wait = max(seen.load_wait, seen.save_wait)
            lines += [
                f"| a load from a million in SQLite, p99 | 1 ms | {_seconds(seen.load_p99)} |",
                f"| sweeping 100,000 of them | 3 s | {_seconds(seen.sweep)} |",
                f"| the longest wait meanwhile | 50 ms | {_seconds(wait)} |",
            ]
    return [*lines, f"| a session of 500 bytes in a near cache of {SESSIONS:,} | 2,000 bytes | {near:,.0f} bytes |"]


def _table(figures: Sequence[Figures], columns: Sequence[tuple[str, Callable[[Figures], str]]]) -> list[str]:
    lines = [f"| store | sessions | {' | '.join(title for title, _ in columns)} |", f"|---|--:{'|--:' * len(columns)}|"]
    for seen in figures:
        cells = " | ".join(cell(seen) for _, cell in columns)
        lines.append(f"| {NAMES[seen.store]} | {seen.sessions:,} | {cells} |")
    return lines
