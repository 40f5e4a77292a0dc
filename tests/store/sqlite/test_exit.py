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


def run(code: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, f"sqlite:///{tmp_path}/sessions.db"]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_it_ends_without_a_word(tmp_path: Path) -> None:
    ended = run(CODE, tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert not (tmp_path / "sessions.db-wal").exists()  # it was closed


LAST = """
import atexit

def say():
    found = wait(sessions.find())
    print(len(found), wait(sessions.end(found[0].ref)), len(wait(sessions.find())))

atexit.register(say)
"""


def test_until_then_sessions_can_be_searched_and_ended(tmp_path: Path) -> None:
    ended = run(CODE + LAST, tmp_path)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "1 True 0\n", "")
