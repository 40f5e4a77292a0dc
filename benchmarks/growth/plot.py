"""The plot: one small panel for each thing that was measured, all stores in it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator

from benchmarks.growth.measuring import Figures
from benchmarks.growth.page import NAMES

__all__ = ["plot"]

# Colours that the colour-blind can tell apart (Okabe and Ito), and a mark for those who print.
_LOOKS = {
    "memory": ("#555555", "o"),
    "sqlite": ("#0072B2", "s"),
    "postgres": ("#D55E00", "^"),
    "valkey": ("#009E73", "D"),
}

_Panel = tuple[str, Callable[[Figures], float], Callable[[float, Any], str], float | None]


def _seconds(value: float, _place: object = None) -> str:
    for unit, name in ((1, "s"), (1e-3, "ms")):
        if value >= unit * 0.9999:
            return f"{value / unit:g} {name}"
    return f"{value / 1e-6:g} µs"


def _bytes(value: float, _place: object = None) -> str:
    return f"{value:,.0f}"


# The last of each is the budget of SQLite at a million, where there is one.
_PANELS: tuple[_Panel, ...] = (
    ("Load, p50", lambda seen: seen.load_p50, _seconds, None),
    ("Load, p99", lambda seen: seen.load_p99, _seconds, 1e-3),
    ("Save, p50", lambda seen: seen.save_p50, _seconds, None),
    ("Save, p99", lambda seen: seen.save_p99, _seconds, None),
    ("A page in the middle", lambda seen: seen.middle_page, _seconds, None),
    ("A principal's sessions", lambda seen: seen.principal_page, _seconds, None),
    ("Sweep of a tenth", lambda seen: seen.sweep, _seconds, 3.0),
    ("Longest wait meanwhile", lambda seen: max(seen.load_wait, seen.save_wait), _seconds, 0.05),
    ("Bytes a session", lambda seen: seen.bytes, _bytes, None),
)


def plot(figures: Sequence[Figures], file: Path) -> None:
    """Draw `figures` into a PNG, for a page that may be as narrow as a phone."""
    with mpl.rc_context({"font.size": 15, "axes.titlesize": 16, "axes.titleweight": "bold"}):
        drawing = Figure(figsize=(9, 18), dpi=120, layout="constrained")
        grid = drawing.subplots(5, 2, sharex=True).flat
        for axes, panel in zip(grid, _PANELS, strict=False):
            _draw(axes, figures, panel)
        lines, names = grid[0].get_legend_handles_labels()
        if budgets := [line for line in grid[1].get_lines() if line.get_label() == "budget"]:
            lines, names = [*lines, budgets[0]], [*names, "budget of SQLite"]
        last = list(grid)[-1]
        last.axis("off")
        last.legend(lines, names, loc="center", frameon=False, fontsize=17, markerscale=1.4)
        drawing.savefig(file)


def _draw(axes: Any, figures: Sequence[Figures], panel: _Panel) -> None:
    title, value, label, budget = panel
    axes.set_title(title, loc="left")
    axes.set(xscale="log", yscale="log")
    sizes = sorted({seen.sessions for seen in figures})
    for store, (colour, mark) in _LOOKS.items():
        seen = [each for each in figures if each.store == store]
        axes.plot(
            [each.sessions for each in seen],
            [value(each) for each in seen],
            f"-{mark}",
            color=colour,
            lw=2.5,
            ms=8,
            label=NAMES[store],
        )
    if budget is not None:
        axes.plot(sizes[-1:], [budget], "_", color="#0072B2", ms=34, mew=4, label="budget")
    low, high = axes.get_ylim()
    if high < 100 * low:  # room for two labels at least
        middle = (low * high) ** 0.5
        axes.set_ylim(middle / 10, middle * 10)
    axes.xaxis.set_major_locator(FixedLocator(sizes))
    axes.xaxis.set_major_formatter(FuncFormatter(_sessions))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_tick_params(labelbottom=True)
    axes.margins(x=0.12)
    axes.yaxis.set_major_locator(LogLocator(base=10, numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(label))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(which="major", color="#dddddd")
    axes.spines[["top", "right"]].set_visible(False)


def _sessions(value: float, _place: object = None) -> str:
    return f"{value / 1e6:g} M" if value >= 1e6 else f"{value / 1e3:g} k"
