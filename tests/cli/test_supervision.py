"""Workers die, are replaced, and stop; visitors are served meanwhile."""

from __future__ import annotations

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
from tests.cli.served import PATIENCE, Serve, alive, until
from websockets.sync.client import connect

if TYPE_CHECKING:
    from pathlib import Path


def test_a_killed_worker_is_replaced_while_requests_go_on(serve: Serve) -> None:
    served = serve("applications:plain")
    killed = served.get().body["pid"]
    assert killed in served.workers
    os.kill(killed, signal.SIGKILL)
    assert served.get().body["pid"] != killed
    assert served.event("died") == {"event": "died", "pid": killed, "signal": "SIGKILL", "status": -9, "delay": 0.0}
    assert served.event("replaced")["before"] == killed
    assert served.get().status == 200


def test_a_request_that_waits_to_be_accepted_outlives_the_only_worker(serve: Serve) -> None:
    served = serve("applications:plain", "--workers", "1")
    (killed,) = served.workers
    os.kill(killed, signal.SIGKILL)
    assert served.get().body["pid"] != killed


def test_ten_quick_deaths_in_a_row_do_not_make_it_give_up(serve: Serve) -> None:
    served = serve("applications:plain", "--workers", "1")
    seen = set(served.workers)
    for _ in range(10):
        (worker,) = served.workers
        seen.add(served.kill(worker))
    assert len(seen) == 11
    assert served.get().body["pid"] in served.workers
    assert served.stop() == 0


def test_a_worker_that_cannot_start_again_is_tried_until_it_can(serve: Serve, tmp_path: Path) -> None:
    shop = tmp_path / "shop.py"
    good = "async def app(scope, receive, send):\n    raise NotImplementedError\n"
    shop.write_text(good)
    served = serve("shop:app", "--workers", "1", cwd=tmp_path)
    shop.write_text("raise LookupError('half a deployment, of another size')\n")
    (worker,) = served.workers
    os.kill(worker, signal.SIGKILL)
    delays = [served.event("died")["delay"] for _ in range(3)]
    assert delays == [0.0, 0.1, 0.2]
    shop.write_text(good)
    assert served.event("replaced")["pid"] != worker


def test_a_stop_finishes_the_slow_request_and_ends_the_lifespan(serve: Serve, tmp_path: Path) -> None:
    served = serve("applications:plain")
    with ThreadPoolExecutor(1) as visitors:
        slow = visitors.submit(served.get, "/slow")
        until((tmp_path / "entered").exists)
        served.process.terminate()
        served.event("stopping")
        (tmp_path / "leave").touch()
        assert slow.result(PATIENCE).status == 200
    assert served.process.wait(PATIENCE) == 0
    assert all((tmp_path / f"shutdown-{pid}").exists() for pid in served.workers)


def test_a_stop_cuts_off_what_does_not_end_in_time(serve: Serve, tmp_path: Path) -> None:
    served = serve("applications:plain", "--drain", "1s")
    with ThreadPoolExecutor(1) as visitors:
        slow = visitors.submit(served.get, "/slow")
        until((tmp_path / "entered").exists)
        assert served.stop() == 1
        with pytest.raises(OSError, match=r"closed|reset"):
            slow.result(PATIENCE)
    assert served.event("killed")["pid"] in served.workers


def test_a_stop_that_is_told_twice_waits_all_the_same(serve: Serve, tmp_path: Path) -> None:
    served = serve("applications:plain")
    with ThreadPoolExecutor(1) as visitors:
        slow = visitors.submit(served.get, "/slow")
        until((tmp_path / "entered").exists)
        served.process.terminate()
        served.event("stopping")
        served.process.terminate()
        with pytest.raises(TimeoutError):
            slow.result(0.5)
        (tmp_path / "leave").touch()
        assert slow.result(PATIENCE).status == 200
    assert served.process.wait(PATIENCE) == 0


def test_the_second_interrupt_does_not_wait(serve: Serve, tmp_path: Path) -> None:
    served = serve("applications:plain", "--drain", "1h")
    with ThreadPoolExecutor(1) as visitors:
        slow = visitors.submit(served.get, "/slow")
        until((tmp_path / "entered").exists)
        served.process.send_signal(signal.SIGINT)
        served.event("stopping")
        served.process.send_signal(signal.SIGINT)
        assert served.process.wait(PATIENCE) == 1
        assert slow.exception(PATIENCE) is not None


def test_workers_end_with_a_killed_supervisor(serve: Serve) -> None:
    served = serve("applications:plain")
    served.process.kill()
    until(lambda: not any(map(alive, served.workers)))


def test_a_worker_outlives_an_interrupt_of_its_terminal(serve: Serve) -> None:
    served = serve("applications:plain")
    assert all(os.getpgid(pid) != os.getpgid(served.process.pid) for pid in served.workers)


def test_an_application_without_lifespan_is_served(serve: Serve) -> None:
    served = serve("applications:without_lifespan")
    assert served.get().status == 200
    assert served.stop() == 0


def test_websockets_are_served(serve: Serve) -> None:
    served = serve("applications:plain")
    with connect(f"ws://127.0.0.1:{served.port}/", proxy=None) as socket:
        socket.send("hello")
        assert socket.recv(PATIENCE) == "HELLO"
