"""Where no thread can run beside the requests, that is said when the application is made, in one line."""

from __future__ import annotations

import os
import subprocess
import sys
from types import ModuleType, SimpleNamespace

import pytest

from sojourn import Sessions
from sojourn.errors import SettingError
from sojourn.inbound.bridge import Bridge, wait

PATCHED = """
from gevent import monkey
monkey.patch_all()
from sojourn import Sessions
from sojourn.errors import SettingError
from sojourn.inbound.bridge import Bridge, wait
sessions = Sessions()
for act in (lambda: Bridge(sessions), lambda: wait(sessions.close())):
    try:
        act()
    except SettingError as error:
        print(error)
"""

IMPORTED = """
import gevent.monkey
from sojourn import Sessions
from sojourn.inbound.bridge import Bridge, wait
sessions = Sessions()
Bridge(sessions)
wait(sessions.find())
"""


FORKED = """
import ctypes, os, sys
from sojourn import Sessions
from sojourn.errors import SettingError
from sojourn.inbound.bridge import wait
sessions = Sessions()
wait(sessions.find())
if not ctypes.PyDLL(None).fork():  # as uWSGI does it
    try:
        wait(sessions.find())
    except SettingError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""


def run(program: str) -> str:
    told = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", "-c", program],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    return told.stdout


@pytest.mark.parametrize(
    ("patch", "named"),
    [
        ("all()", "threading"),
        ("all(thread=False)", "queue"),
        ("all(thread=False, queue=False)", "select"),
        ("socket()", "socket"),
    ],
)
def test_a_process_that_gevent_has_patched_is_refused_at_once(patch: str, named: str) -> None:
    lines = run(PATCHED.replace("all()", patch)).splitlines()
    assert len(lines) == 2
    assert len(set(lines)) == 1
    assert lines[0].startswith(f"gevent has patched {named}, ")
    assert "gthread" in lines[0]


def test_a_process_that_has_gevent_and_patched_nothing_is_served() -> None:
    assert run(IMPORTED) == ""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_a_process_that_was_forked_behind_the_back_of_python_is_told_so_instead_of_waiting_for_ever() -> None:
    (line,) = run(FORKED).splitlines()
    assert "--lazy-apps" in line


def test_a_process_that_eventlet_has_patched_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    patcher = ModuleType("eventlet.patcher")
    patcher.is_monkey_patched = lambda name: name == "thread"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "eventlet.patcher", patcher)
    with pytest.raises(SettingError, match="eventlet has patched thread,"):
        Bridge(Sessions())


@pytest.mark.parametrize(
    ("options", "works"),  # as uWSGI 2.0.22 tells them
    [
        ({"has_threads": 0, "opt": {"master": True}}, False),
        ({"has_threads": 0, "opt": {"ini": b"site.ini", "enable-threads": b"false"}}, False),
        ({"has_threads": 1, "opt": {"enable-threads": True}}, True),
        ({"has_threads": 1, "opt": {"threads": b"8"}}, True),
        ({"has_threads": 1, "opt": {"master": True}}, True),  # 2.0.30
    ],
    ids=["bare", "false", "enable-threads", "threads", "always"],
)
def test_uwsgi_is_refused_unless_it_runs_threads(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, object], *, works: bool
) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(**options))
    if works:
        Bridge(Sessions())
    else:
        with pytest.raises(SettingError, match="--enable-threads"):
            Bridge(Sessions())


def test_what_is_refused_leaves_no_work_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uwsgi", SimpleNamespace(has_threads=0))
    monkeypatch.setattr("sojourn.waiting.loop._loop", None)
    with pytest.raises(SettingError):
        wait(Sessions().close())
