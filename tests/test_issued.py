"""The search for ids at the end of a run finds what it is to find, and lets nothing else fail the run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.fixtures.child.sitecustomize import NOTED
from tests.fixtures.issued import Search

ROOT = Path(__file__).parent.parent

SUITE = """
import asyncio, logging, subprocess, sys
import msgspec
from tests.fixtures import issued
from tests.fixtures.visitor import Visitor, sets, signs_in
from sojourn import Near, Sessions
from sojourn.core.ids import SessionId

MAKES_ONE = "import sys, sojourn.core.ids as ids; open(sys.argv[1], 'w').write(ids.SessionId.new().secret)"


async def test_what_sessions_do(tmp_path):
    sessions = Sessions(f"sqlite:///{tmp_path}/sessions.db", near=Near())
    visitor = Visitor(sessions)
    for act in (sets(a=1), signs_in("alice"), lambda session: print(session, session.ref), sets(b=2)):
        await visitor.ask(act)
        logging.warning("%r %s", sessions, await sessions.find())
    await sessions.close()
    return visitor
"""

PLANTS = {
    "logs": "logging.warning('somebody came with %s', secret)",
    "output of a test": "print('somebody came with', secret)",
    "files": """(tmp_path / 'left').write_bytes(b'x' * (2 << 20) + secret.encode())
    subprocess.run([sys.executable, '-c', MAKES_ONE, str(tmp_path / 'by another')], check=True)""",
    "stores and caches in memory": "asyncio.run(Visitor(Sessions()).ask(sets(a=secret)))",
    "what a fixture throws away": "issued.look('what a fixture throws away', [b'\\x81' + secret.encode() + b'AZ'])",
}

PLANTING = """
def test_plants_{}(tmp_path):
    secret = SessionId.new().secret
    {}
"""


def run(tmp_path: Path, *tests: str) -> subprocess.CompletedProcess[str]:
    (tmp_path / "conftest.py").write_text("from tests.conftest import pytest_configure, pytest_pyfunc_call")
    (tmp_path / "test_suite.py").write_text("\n\n".join((SUITE, *tests)))
    command = [sys.executable, "-m", "pytest", "-c", os.devnull, "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    environment = {name: value for name, value in os.environ.items() if name != NOTED}
    environment["PYTHONPATH"] = str(ROOT)
    return subprocess.run(
        [*command, "--import-mode=importlib", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
    )


def test_sessions_in_use_leave_none(tmp_path: Path) -> None:
    ran = run(tmp_path)
    assert (ran.returncode, "FOUND" in ran.stdout) == (0, False), ran.stdout
    assert "2 issued" in ran.stdout


def test_ids_that_were_left_fail_the_run_and_it_says_where(tmp_path: Path) -> None:
    ran = run(tmp_path, *(PLANTING.format(number, plant) for number, plant in enumerate(PLANTS.values())))
    assert f"{1 + len(PLANTS)} passed" in ran.stdout, ran.stdout
    assert ran.returncode == 1
    for where in PLANTS:
        assert f" in {where} (" in ran.stdout, (where, ran.stdout)
    assert "FOUND 2 in files" in ran.stdout  # that of another process too


def test_threads_search_at_once(tmp_path: Path) -> None:
    search, together = Search(tmp_path / "ids"), threading.Barrier(4)

    def know(made: bytes) -> bool:
        together.wait()
        return made in search.ids()

    with ThreadPoolExecutor(4) as threads:
        for number in range(200):
            made = b"%043d" % number
            with (tmp_path / "ids").open("ab") as file:
                file.write(made + b"\n")
            assert list(threads.map(know, [made] * 4)) == [True] * 4
