"""After a fork: what goes on by itself in the parent goes on by itself in the child, too."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.inbound.bridge.programs import IN_A_CHILD, ran

BEGIN = (
    IN_A_CHILD
    + """
import asyncio, os, sys, time
from sojourn import Behind, Lifetime, Sessions, Sweep
from sojourn.inbound.bridge import Bridge, wait
from tests.inbound.bridge.asked import Asked

def stored():
    # what a process sees that has nothing of it in memory
    other = Sessions(sys.argv[1])
    try:
        return wait(other.find())
    finally:
        wait(other.close())

def until(is_so, seconds=3.0):
    begun = time.monotonic()
    while not is_so():
        assert time.monotonic() - begun < seconds, "it never came to be"
        time.sleep(0.02)
"""
)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


def run(program: str, url: str) -> None:
    told = ran(program, url)
    assert told.returncode == 0, told.stderr


def test_what_a_child_changes_behind_the_response_is_saved_in_time_though_the_parent_had_something_queued(
    url: str,
) -> None:
    program = """
sessions = Sessions(sys.argv[1], save="async", write=Behind(interval=0.3))
asked = Asked(Bridge(sessions))
def count():
    with asked.request() as session:
        session["n"] = session.get("n", 0) + 1
count()
count()  # queued, as the process forks
def child():
    count()
    until(lambda: stored()[0].version >= 3)
in_a_child(child)
"""
    run(BEGIN + program, url)


def test_a_session_that_is_used_in_a_child_alone_does_not_expire_though_the_parent_had_just_used_it(url: str) -> None:
    program = """
now = [time.time()]
sessions = Sessions(sys.argv[1], clock=lambda: now[0], lifetime=Lifetime(idle=100))
asked = Asked(Bridge(sessions))
with asked.request() as session:
    session["n"] = 1
now[0] += 50
with asked.request() as session:
    assert session["n"] == 1  # its time of use waits to be written, as the process forks
def child():
    for _ in range(3):
        now[0] += 50
        with asked.request() as session:
            assert session.get("n") == 1, "an active visitor was signed out"
        until(lambda: stored()[0].accessed_at >= now[0])
in_a_child(child)
"""
    run(BEGIN + program, url)


def test_a_child_sweeps_though_the_parent_did(url: str) -> None:
    program = """
now = [time.time()]
sessions = Sessions(sys.argv[1], clock=lambda: now[0], lifetime=Lifetime(idle=100), sweep=Sweep(every=0.1))
ended = []
sessions.listen(lambda event: ended.append(type(event).__name__))
bridge = Bridge(sessions)
with Asked(bridge).request() as session:
    session["n"] = 1
parents = sessions._sweeper._task
if pid := os.fork():  # the parent goes, as a daemon's does
    parents.get_loop().call_soon_threadsafe(parents.cancel)
    assert os.waitpid(pid, 0)[1] == 0, "the child failed"
    os._exit(0)
try:
    now[0] += 1000
    with Asked(bridge).request() as session:
        session["n"] = 2
    until(lambda: "SessionEnded" in ended)
except BaseException:
    import traceback
    traceback.print_exc()
    os._exit(1)
os._exit(0)
"""
    run(BEGIN + program, url)


def test_a_child_changes_a_session_whose_save_was_under_way_in_the_parent(url: str) -> None:
    program = """
import threading
from sojourn.store.memory import MemoryStore
from sojourn.store.url import open_store
from tests.inbound.bridge.asked import Held
held = Held(MemoryStore())
sessions = Sessions(held, save="async", write=Behind(interval=0.05))
asked = Asked(Bridge(sessions))
def count():
    with asked.request() as session:
        session["n"] = session.get("n", 0) + 1
count()
gate = held.pause("save")
count()
gate.reached.wait(5)  # what is queued is being saved, as the process forks
def child():
    held.gates.clear()
    def sign_in():
        with asked.request() as session:
            session.principal = "ann"  # is stored past the queue
    thread = threading.Thread(target=sign_in, daemon=True)
    thread.start()
    thread.join(3)
    assert not thread.is_alive(), "a sign-in waits for ever"
try:
    in_a_child(child)
finally:
    gate.opened.set()
"""
    run(BEGIN + program, url)


def test_a_child_asks_a_store_again_that_was_away_when_the_parent_was_trying_it(url: str) -> None:
    program = """
from sojourn.errors import StoreUnavailable
from sojourn.store.around import Around
from sojourn.store.breaker import BreakerStore
from sojourn.store.memory import MemoryStore
import threading
class Away(Around):
    mode = "there"
    reached = threading.Event()
    async def load(self, key, app):
        if self.mode == "away":
            raise StoreUnavailable("it is away")
        if self.mode == "hangs":
            self.reached.set()
            await asyncio.Event().wait()
        return await super().load(key, app)
away = Away(MemoryStore())
store = BreakerStore(away)
def ask():
    try:
        wait(store.load("k" * 45, "default"))
    except StoreUnavailable:
        return False
    return True
assert ask()
away.mode = "away"
until(lambda: not ask() and not store.closed)
away.mode = "hangs"
def try_it():
    until(lambda: ask() or away.reached.is_set())
threading.Thread(target=try_it, daemon=True).start()
assert away.reached.wait(5)
def child():
    away.mode = "there"
    until(ask, 8.0)
in_a_child(child)
"""
    run(BEGIN + program, url)
