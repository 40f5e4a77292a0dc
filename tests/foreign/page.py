"""Page: what came of the last runs, as the reference shows it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["PAGE", "RESULTS", "page"]

PAGE = Path(__file__).parents[2] / "docs/reference/foreign-suites.md"
RESULTS = Path(__file__).parent / "results"

_HEAD = """# Test suites of other projects

What other projects test their own sessions with, run against Sojourn in their place. `scripts/foreign` fetches the
tests with the projects' source distributions, runs them, and writes this page; `scripts/foreign django` runs those of
one project, `--over valkey` over one store. None of these tests is kept here. Where a test is not applicable, it was
run and failed, for the reason that is given. Each is run over all four stores; a row has those in which it came to the
same.
"""


def page() -> str:
    """The text of the page."""
    return "\n".join([_HEAD, *_parts()])


def _parts() -> Iterator[str]:
    for path in sorted(RESULTS.glob("*.json")):
        told = json.loads(path.read_text())
        yield f"## {told['project']}\n\n{told['how']}\n"
        yield "| release | tests | over | passed | failed | not applicable |\n|---|---|---|---|---|---|"
        rows: dict[tuple[Any, ...], list[str]] = {}
        for run in told["runs"]:
            counts = (run["passed"], len(run["failed"]), len(run["not_applicable"]))
            rows.setdefault((run["release"], run["title"], *counts), []).append(run["store"])
        for (release, title, *counted), stores in rows.items():
            yield f"| {release} | {title} | {', '.join(stores)} | {' | '.join(str(each or '–') for each in counted)} |"
        yield ""
        yield from _left(told["runs"])


def _left(runs: list[dict[str, Any]]) -> Iterator[str]:
    """Which tests did not pass, each once, with the number of runs in which that was so."""
    failed = Counter(test for run in runs for test in run["failed"])
    left = Counter(each for run in runs for each in run["not_applicable"].items())
    lines = [f"- `{test}` failed in {_times(number)}" for test, number in sorted(failed.items())]
    lines += [
        f"- `{test}` is not applicable in {_times(number)}: {why}" for (test, why), number in sorted(left.items())
    ]
    if lines:
        yield "\n".join([*lines, ""])


def _times(number: int) -> str:
    return "one run" if number == 1 else f"{number} runs"
