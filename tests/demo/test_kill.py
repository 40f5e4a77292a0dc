"""The button that kills a worker, over HTTP against `sojourn demo`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import httpx2

if TYPE_CHECKING:
    from tests.demo.conftest import Demo

GONE = re.compile(r"Worker (\d+) is gone, worker (\d+) answers now")
QUANTITY = re.compile(r'data-product="mug" data-quantity="(\d+)"')
WORKER = re.compile(r'id="worker">(\d+)<')


def number(pattern: re.Pattern[str], page: httpx2.Response) -> int:
    found = pattern.search(page.text)
    assert found is not None, page.text
    return int(found[1])


def test_a_dead_worker_has_answered_completely_and_the_next_one_has_the_cart(demo: Demo) -> None:
    with httpx2.Client(base_url=demo.url, follow_redirects=True) as visitor:
        for kills in range(1, 7):
            visitor.post("/cart/mug/add")
            last = visitor.post("/kill")
            worker = number(WORKER, last)
            assert last.status_code == 200
            assert last.text.rstrip().endswith("</html>")
            assert f"Worker {worker} answered this page and was then killed" in last.text
            died = demo.hear("died")
            assert (died["pid"], died["signal"]) == (worker, "SIGKILL")
            after = visitor.get("/")
            found = GONE.search(after.text)
            assert found is not None
            assert int(found[1]) == worker != int(found[2])
            assert number(QUANTITY, after) == kills
            assert GONE.search(visitor.get("/").text) is None


def test_a_kill_before_anything_else_begins_a_session_and_keeps_it(demo: Demo) -> None:
    with httpx2.Client(base_url=demo.url, follow_redirects=True) as visitor:
        worker = number(WORKER, visitor.post("/kill"))
        demo.hear("died")
        assert f"Worker {worker} is gone" in visitor.get("/").text


def test_another_site_cannot_kill_a_worker(demo: Demo) -> None:
    refusal = httpx2.post(f"{demo.url}/kill", headers={"sec-fetch-site": "cross-site"})
    assert refusal.status_code == 403
    assert httpx2.get(f"{demo.url}/health").text == "ok"
