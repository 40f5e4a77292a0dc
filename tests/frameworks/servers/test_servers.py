"""WSGI servers as they are run: processes, threads, a fork after the application was loaded; and their ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.fixtures.postgres import free_port
from tests.frameworks.servers.running import PATIENCE, ROOT, Server, granian, gunicorn, running, stored

from sojourn.testing.app.client import Visitor

Command = Callable[..., list[str]]

SERVERS = {
    "gunicorn-sync": (gunicorn, ["--workers", "2"]),
    "gunicorn-gthread": (gunicorn, ["--workers", "2", "--worker-class", "gthread", "--threads", "4"]),
    "gunicorn-preload": (gunicorn, ["--workers", "2", "--threads", "2", "--preload"]),
    "granian-threads": (granian, ["--workers", "2", "--blocking-threads", "4"]),
}


@pytest.fixture(params=SERVERS)
def command(request: pytest.FixtureRequest) -> tuple[Command, list[str]]:
    return SERVERS[request.param]


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/sessions.db"


def test_visitors_are_served_by_processes_and_threads_and_lose_nothing(
    command: tuple[Command, list[str]], url: str, tmp_path: Path
) -> None:
    make, options = command
    port = free_port()
    with running(make(port, *options), port, tmp_path / "log", STORE=url, BEFORE_THE_FORK="1") as server:
        _wait_for_both(server)
        visitors = _come_at_once(server, 8, 6)
        assert [visitor.ask("read").value["data"] for visitor in visitors] == [
            {"me": str(number), "n": 6} for number in range(8)
        ]
        server.stop()
        assert "Traceback" not in server.log


@pytest.mark.parametrize("name", ["gunicorn-preload", "granian-threads"])
def test_requests_of_one_visitor_at_all_processes_lose_nothing(name: str, store_address: str, tmp_path: Path) -> None:
    make, options = SERVERS[name]
    port = free_port()
    with running(make(port, *options), port, tmp_path / "log", STORE=store_address, BEFORE_THE_FORK="1") as server:
        _wait_for_both(server)
        visitor = Visitor(server.url)
        visitor.ask("put", first=1)
        with ThreadPoolExecutor(8) as threads:
            counted = list(threads.map(lambda _: visitor.twin().ask("alone").value, range(24)))
            answers = list(threads.map(lambda number: visitor.twin().send(f"/put?a{number}=1"), range(24)))
        assert sorted(counted) == [*range(1, 25)]
        assert {answer.status for answer in answers} == {200}
        give_up_at = time.monotonic() + PATIENCE  # this browser has not seen what the others' were told
        while len(visitor.ask("read").value["data"]) < 26:
            assert time.monotonic() < give_up_at


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_what_waits_to_be_saved_is_saved_when_the_server_ends(
    command: tuple[Command, list[str]], url: str, tmp_path: Path, how: signal.Signals
) -> None:
    make, options = command
    port = free_port()
    options = [*options, "--workers", "1"]  # visitors stay with their node
    with running(make(port, *options), port, tmp_path / "log", STORE=url, SAVE="async") as server:
        visitors = _come_at_once(server, 4, 5)
        refs = [visitor.ask("read").value["ref"] for visitor in visitors]
        assert {ref: held.get("n") for ref, held in stored(url).items()} != dict.fromkeys(refs, 5)
        assert server.stop(how) == 0, server.log
    assert {ref: held["n"] for ref, held in stored(url).items()} == dict.fromkeys(refs, 5)
    assert "Traceback" not in server.log


def test_gunicorn_with_gevent_is_refused_before_it_serves(url: str, tmp_path: Path) -> None:
    port = free_port()
    told = subprocess.run(
        gunicorn(port, "--worker-class", "gevent"),
        cwd=ROOT, env={**os.environ, "STORE": url}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.returncode == 3, told.stderr  # gunicorn's: a worker failed to boot
    assert "sojourn.errors.SettingError: gevent has patched threading," in told.stderr
    assert "--worker-class gthread" in told.stderr


def test_gunicorn_with_gevent_that_loads_the_application_first_answers_with_that_error(
    url: str, tmp_path: Path
) -> None:
    port = free_port()
    command = gunicorn(port, "--worker-class", "gevent", "--preload")
    with running(command, port, tmp_path / "log", STORE=url) as server:
        assert Visitor(server.url).ask("count").status == 500
        assert "gevent has patched threading," in server.log


def _come_at_once(server: Server, visitors: int, times: int) -> list[Visitor]:
    """Visitors who each count on and on, all at once."""

    def come(number: int) -> Visitor:
        visitor = Visitor(server.url)
        visitor.ask("put", me=number)
        assert [visitor.ask("count").value for _ in range(times)] == [*range(1, times + 1)]
        return visitor

    with ThreadPoolExecutor(visitors) as threads:
        return list(threads.map(come, range(visitors)))


def _wait_for_both(server: Server) -> None:
    """Until two processes have answered."""
    workers, give_up_at = set[str](), time.monotonic() + PATIENCE
    with ThreadPoolExecutor(8) as threads:
        while len(workers) < 2:
            assert time.monotonic() < give_up_at, server.log
            answers = threads.map(lambda _: Visitor(server.url).ask().all("x-worker"), range(16))
            workers.update(*answers)
