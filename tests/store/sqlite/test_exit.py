"""The end of a process whose sync code had sessions in SQLite."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

CODE = """
import sys
from sojourn import Sessions
from sojourn.inbound.bridge import Bridge, wait

sessions = Sessions(sys.argv[1])
bridge = Bridge(sessions)

async def leave():
    session = await sessions.load(None)
    session["a"] = 1
    await session.save()

wait(leave())
"""


def test_it_ends_without_a_word(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", CODE, f"sqlite:///{tmp_path}/sessions.db"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not (tmp_path / "sessions.db-wal").exists()  # it was closed
