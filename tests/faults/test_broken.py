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

SEEDS = 4  # runs of a build, until one has met what it does wrong: two nodes have to be at one thing at one moment

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


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("build", BUILDS)
async def test_a_broken_build_is_caught(build: str, tmp_path: Path) -> None:
    faults, seen_by = CASES[build]
    if why := [each for kind, each in left_out("valkey").items() if kind in faults]:
        pytest.skip(why[0])
    guests = 40 if build in ("claim", "clock") else 0
    seen: set[str] = set()
    for seed in range(1, SEEDS + 1):
        plan = Plan(
            seconds=5,
            seed=seed,
            silence=SILENCE,
            walkers=20,
            pairs=20,
            guests=guests,
            pause=0.15,
            faults=faults,
            build=build,
        )
        directory = tmp_path / str(seed)
        directory.mkdir()
        seen |= (await run(plan, directory, silent)).verdict.broken
        if seen & seen_by:
            return
    pytest.fail(f"{SEEDS} runs have seen no more than {seen}")
