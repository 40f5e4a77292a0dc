"""What keeps sessions consistent is switched off, one thing at a time, and the checker sees that it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.ground.broken import BUILDS
from tests.faults.run import Plan, run
from tests.faults.script import left_out
from tests.faults.test_faults import SILENCE, silent

LOST, BACK = "no acknowledged write lost", "reads never go back"
STALE, ENDED, ONCE = "staleness within the watch bound", "ended stays ended", "one ended event a session"
EARLY, LATE = "no session dies early", "no session outlives its time"

# For each build: the faults that bring it out, and the rules of which at least one has to see it.
CASES: dict[str, tuple[list[str], set[str]]] = {
    "version check": (["slow-watch"], {LOST, BACK}),
    "compare-and-swap": ([], {LOST}),
    "watch": ([], {STALE, ENDED}),
    "heartbeat": (["hang-watch"], {STALE, ENDED}),
    "merge": ([], {LOST}),
    "claim": (["delay"], {ONCE}),
    "clock": (["skew"], {EARLY, LATE}),
}


def test_every_broken_build_has_a_case() -> None:
    assert CASES.keys() == BUILDS.keys()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("build", BUILDS)
async def test_a_broken_build_is_caught(build: str, tmp_path: Path) -> None:
    faults, seen_by = CASES[build]
    if why := [each for kind, each in left_out("valkey").items() if kind in faults]:
        pytest.skip(why[0])
    guests = 40 if build in ("claim", "clock") else 0
    plan = Plan(seconds=5, silence=SILENCE, walkers=20, pairs=20, guests=guests, pause=0.15, faults=faults, build=build)
    result = await run(plan, tmp_path, silent)
    assert result.verdict.broken & seen_by
