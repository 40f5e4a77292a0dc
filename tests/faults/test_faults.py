"""A short run under faults for each store. `scripts/faults` makes longer ones."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.faults import report
from tests.faults.ground.fleet import ROOT, faketime, wrong_time
from tests.faults.ground.stores import KINDS
from tests.faults.run import NODES, Plan, run
from tests.faults.script import SKEW, fitting

SECONDS = 8.0
SILENCE = 1.5


def silent(line: str) -> None:
    """No progress."""


@pytest.mark.long
@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_every_promise_is_held_under_faults(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(
        store=kind,
        seconds=SECONDS,
        silence=None if kind == "sqlite" else SILENCE,
        pace=0.5,
        walkers=20,
        pairs=20,
        guests=20,
    )
    result = await run(plan, tmp_path, silent)
    with capsys.disabled():
        print(report.text(plan, result.history, result.verdict))  # noqa: T201 - the figures are a result
    assert result.verdict.good
    assert result.verdict.counts["writes acknowledged"] > 100
    assert {injection.kind for injection in result.history.injections} == fitting(kind)


@pytest.mark.long
@pytest.mark.timeout(120)
async def test_the_metrics_of_the_nodes_agree_with_what_visitors_were_told(tmp_path: Path) -> None:
    faults = ["pause", "delay", "slow-watch"]  # after which no answer is missing
    plan = Plan(store="valkey", seconds=4, pace=0.3, silence=SILENCE, walkers=20, pairs=10, guests=10, faults=faults)
    result = await run(plan, tmp_path, silent)
    counts, scraped = result.verdict.counts, result.history.scraped
    assert result.verdict.good
    assert not counts["cut"]
    assert scraped["sessions_created"] == counts["sessions"]
    assert scraped["sessions_renewed"] == counts["sign-in acknowledged"]
    assert scraped["sessions_ended"] == counts["announcements"]


def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.faults.run", "--store", "sqlite", "--visitors", "2"]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "TMPDIR": str(tmp_path)}, stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        assert "requests" in process.stderr.readline()
        assert len(_processes_about(tmp_path)) == NODES
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert not _processes_about(tmp_path)
    assert not list(tmp_path.iterdir())


def _processes_about(directory: Path) -> list[str]:
    """Those that have it in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if str(directory).encode() in path.read_bytes():
                found.append(path.parent.name)
    return found


@pytest.mark.skipif(faketime() is None, reason="libfaketime is not installed (Debian: apt-get install libfaketime)")
def test_a_node_can_be_shown_a_wrong_time_and_keeps_its_monotonic_clock(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text(f"{SKEW:+g}\n")
    before = time.time(), time.monotonic()
    shown = subprocess.run(
        [sys.executable, "-c", "import time; print(time.time(), time.monotonic())"],
        env={**os.environ, **wrong_time(clock)},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    told, monotonic = map(float, shown.split())
    assert SKEW - 1 < told - before[0] < SKEW + 20
    assert 0 < monotonic - before[1] < 20
