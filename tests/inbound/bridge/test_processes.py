"""The bridge over forks, and at the end of processes: each has a loop of its own, and leaves nothing unsaved."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.inbound.bridge.programs import IN_A_CHILD, ran

BEGIN = (
    IN_A_CHILD
    + """
import asyncio, multiprocessing, os, signal, sys, threading
from sojourn import Behind, Sessions
from sojourn.inbound.bridge import Bridge, wait
from sojourn.waiting import loop
from tests.inbound.bridge.asked import Asked

sessions = Sessions(sys.argv[1], save="async", write=Behind(interval=3600))
asked = Asked(Bridge(sessions))

def count():
    with asked.request() as session:
        session["n"] = session.get("n", 0) + 1
        return session["n"]

def stored():
    # what a process sees that has nothing of it in memory
    other = Sessions(sys.argv[1])
    async def read():
        [record] = await other.find()
        async with other.access(record.ref) as session:
            return session["n"]
    try:
        return wait(read())
    finally:
        wait(other.close())
"""
)

READ = BEGIN + "\nprint(stored())"


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


def run(program: str, url: str) -> str:
    told = ran(program, url)
    assert (told.returncode, told.stderr) == (0, "")
    return told.stdout


def test_what_waits_to_be_saved_is_saved_when_the_process_ends(url: str) -> None:
    run(BEGIN + "count(); count(); assert stored() == 1", url)
    assert run(READ, url) == "2\n"


@pytest.mark.parametrize("end", ["sys.exit(0)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_it_is_saved_when_a_signal_ends_the_process_in_order(url: str, end: str) -> None:
    run(BEGIN + f"signal.signal(signal.SIGTERM, lambda *_: sys.exit(0)); count(); count(); {end}", url)
    assert run(READ, url) == "2\n"


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_it_is_saved_when_multiprocessing_ends_the_process(url: str, method: str) -> None:
    program = f"""
from tests.inbound.bridge.counting import count_twice
import multiprocessing
process = multiprocessing.get_context({method!r}).Process(target=count_twice, args=({url!r},))
process.start()
process.join()
assert process.exitcode == 0
"""
    run(program, url)
    assert run(READ, url) == "2\n"


def test_a_child_has_a_loop_of_its_own_and_leaves_the_parents_alone(url: str) -> None:
    program = """
count()
before = loop._thread
def child():
    assert loop._thread is None and loop._loop is None
    assert count() == 2
    wait(sessions.flush())
    assert loop._thread is not before
in_a_child(child)
assert loop._thread is before and before.is_alive()
count()
wait(sessions.flush())
assert stored() in (2, 3)
"""
    run(BEGIN + program, url)


def test_a_fork_while_others_wait_leaves_the_child_free(url: str) -> None:
    program = """
count()
entered, freed = threading.Event(), threading.Event()
async def block():
    entered.set()
    freed.wait(10)
threads = [threading.Thread(target=lambda: wait(block())) for _ in range(1)]
threads.append(threading.Thread(target=count))
for thread in threads:
    thread.start()
entered.wait(10)
loop._lock.acquire()  # as by a thread that has the loop begin
in_a_child(lambda: wait(asyncio.sleep(0)))
loop._lock.release()
freed.set()
for thread in threads:
    thread.join(10)
"""
    run(BEGIN + program, url)


def test_a_child_that_ends_does_not_end_what_is_the_parents(url: str) -> None:
    program = """
count(); count()
def child():
    loop._finish(os.getpid())  # nothing of its own
    from multiprocessing.util import _exit_function
    _exit_function()
in_a_child(child)
assert stored() == 1
assert count() == 3
"""
    run(BEGIN + program, url)
    assert run(READ, url) == "3\n"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks here")
def test_children_of_children_are_served(url: str) -> None:
    program = """
count()
def grandchild():
    assert count() == 3
    wait(sessions.flush())
def child():
    assert count() == 2
    wait(sessions.flush())
    in_a_child(grandchild)
in_a_child(child)
assert stored() == 3
"""
    run(BEGIN + program, url)
