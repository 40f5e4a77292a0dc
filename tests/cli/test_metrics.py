"""One scrape for all workers, whichever of them served, and whichever of them died."""

from __future__ import annotations

import http.client
import os
import signal
import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.cli.served import PATIENCE, Serve, Served, cookie_of, run, until

Figures = dict[tuple[str, str], float]

VISITS = 40


def scraped(served: Served) -> Figures:
    """Series and worker to value, all other labels added up."""
    address = urlsplit(served.metrics)
    connection = http.client.HTTPConnection(str(address.hostname), address.port or 0, timeout=PATIENCE)
    try:
        connection.request("GET", address.path)
        response = connection.getresponse()
        assert response.status == 200
        text = response.read().decode()
    finally:
        connection.close()
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            place = (sample.name, sample.labels["worker"])
            found[place] = found.get(place, 0.0) + sample.value
    return found


def total(found: Figures, series: str) -> float:
    return sum(value for (name, _), value in found.items() if name == series)


def test_a_scrape_has_what_all_workers_have_counted(serve: Serve) -> None:
    served = serve("applications:starlette", "--metrics", "0")
    assert served.metrics.startswith("http://127.0.0.1:")
    answers = [served.get() for _ in range(VISITS)]
    returned = [served.get(cookie=cookie_of(answer)) for answer in answers]
    assert {answer.body["visits"] for answer in returned} == {2}
    found = scraped(served)
    assert total(found, "sojourn_sessions_created_total") == VISITS
    assert found["sojourn_worker_up", "1"] == found["sojourn_worker_up", "2"] == 1
    for worker in ("1", "2"):
        assert 0 < found["sojourn_sessions_created_total", worker] < VISITS
    assert total(found, "sojourn_store_duration_seconds_count") >= 3 * VISITS
    assert served.stop() == 0


def test_who_takes_the_place_of_another_has_its_number(serve: Serve) -> None:
    served = serve("applications:starlette", "--metrics", "0")
    served.kill(min(served.workers))
    served.get()
    found = scraped(served)
    assert {worker for _, worker in found} == {"1", "2"}
    assert total(found, "sojourn_worker_up") == 2
    assert total(found, "sojourn_sessions_created_total") == 1


def test_a_worker_that_hangs_is_told_and_the_others_are_still_told(serve: Serve) -> None:
    served = serve("applications:starlette", "--metrics", "0")
    pid = min(served.workers)
    os.kill(pid, signal.SIGSTOP)
    try:
        found = scraped(served)
        assert sorted(found["sojourn_worker_up", worker] for worker in ("1", "2")) == [0, 1]
        assert len({worker for name, worker in found if name == "sojourn_sessions_created_total"}) == 1
    finally:
        os.kill(pid, signal.SIGCONT)
    until(lambda: total(scraped(served), "sojourn_worker_up") == 2)


def test_without_the_option_nothing_is_counted_or_told(serve: Serve) -> None:
    served = serve("applications:starlette")
    assert served.metrics == ""


def test_sessions_of_its_own_are_said_not_to_be_counted(command: Serve) -> None:
    served = command("serve", "applications:ours", "--metrics", "0", "--workers", "1")
    assert "--metrics counts nothing" in served.event("warning")["text"] + served.event("warning")["text"]
    assert total(scraped(served), "sojourn_worker_up") == 0


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("x", "'x' is no address; give --metrics a PORT, or HOST:PORT"),
        ("127.0.0.1:99999", "port 99999 does not exist; give --metrics one from 1 to 65535"),
        ("nowhere.invalid:9000", "host 'nowhere.invalid' is unknown; give --metrics an address"),
    ],
)
def test_an_address_that_is_none_is_refused_in_one_line(tmp_path: Path, address: str, told: str) -> None:
    done = run("serve", "shop:app", "--port", "0", "--metrics", address, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"sojourn: {told}")
    assert done.stderr.count("\n") == 1


def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("serve", "shop:app", "--port", "0", "--metrics", str(port), cwd=tmp_path)
    told = f"sojourn: port {port} of 127.0.0.1 is taken; stop what listens there or give another --metrics\n"
    assert (done.returncode, done.stderr) == (2, told)
