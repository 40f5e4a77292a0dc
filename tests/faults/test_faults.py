"""A short run under faults for each store. `scripts/faults` makes longer ones."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.faults import report
from tests.faults.ground.fleet import ROOT, faketime
from tests.faults.ground.stores import KINDS
from tests.faults.run import NODES, Plan, run

SECONDS = 8.0


def silent(line: str) -> None:
    """No progress."""


@pytest.mark.timeout(120)
@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_every_promise_is_held_under_faults(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = Plan(store=kind, seconds=SECONDS, near=kind != "sqlite", walkers=20, pairs=20, guests=20)
    result = await run(plan, tmp_path, silent)
    with capsys.disabled():
        print(report.text(plan, result.history, result.verdict))  # noqa: T201 - the figures are a result
    assert result.verdict.good
    assert result.verdict.counts["writes acknowledged"] > 100
    assert len({injection.kind for injection in result.history.injections}) >= 3


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


@pytest.mark.skipif(faketime() is not None, reason="libfaketime is there: the clocks of nodes are skewed in every run")
def test_clocks_cannot_be_skewed_here() -> None:
    pytest.skip("libfaketime is not installed (Debian: apt-get install libfaketime): no node's clock was skewed")
