"""`sojourn demo` runs the shop, and leaves nothing behind."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cli.served import PATIENCE, Serve

if TYPE_CHECKING:
    from tests.cli.served import Served


def page(served: Served) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.status == 200
        return response.read().decode()
    finally:
        connection.close()


def test_the_demo_shows_a_shop_and_takes_its_sessions_away_again(command: Serve, tmp_path: Path) -> None:
    served = command("demo")
    store = next(tmp_path.glob("sojourn-*/sessions.db"))
    assert "<html" in page(served)
    assert served.stop() == 0
    assert not store.parent.exists()


def test_the_demo_can_keep_its_sessions(command: Serve, tmp_path: Path) -> None:
    store = tmp_path / "kept.db"
    served = command("demo", "--workers", "1", "--store", f"sqlite:///{store}")
    assert "<html" in page(served)
    assert served.stop() == 0
    assert store.exists()
