"""Programs that are run in a process of their own, with the address of a store."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

__all__ = ["IN_A_CHILD", "ran"]

ROOT = Path(__file__).parents[3]
PATHS = os.pathsep.join([str(ROOT / "src"), str(ROOT)])

IN_A_CHILD = """
def in_a_child(act):
    pid = os.fork()
    if pid:
        assert os.waitpid(pid, 0)[1] == 0, "the child failed"
        return
    try:
        act()
    except BaseException:
        import traceback
        traceback.print_exc()
        os._exit(1)
    os._exit(0)
"""


def ran(program: str, url: str) -> subprocess.CompletedProcess[str]:
    """What has become of it."""
    return subprocess.run(
        [sys.executable, "-c", program, url],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, env={**os.environ, "PYTHONPATH": PATHS},
    )  # fmt: skip
