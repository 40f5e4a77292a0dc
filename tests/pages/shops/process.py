"""Process: a shop in a process of its own, since Django's settings are a process's.

Run with the name of a framework, and the settings of its `Sessions` as JSON.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.frameworks.serving import serve_asgi, serve_wsgi

from sojourn.inbound.tracking.request import Request

__all__ = ["FRAMEWORKS", "opened"]

FRAMEWORKS = ["django", "flask", "fastapi"]
ROOT = Path(__file__).parents[3]
PATIENCE = 30.0  # seconds after which a shop is taken not to stop


@contextlib.contextmanager
def opened(framework: str, directory: Path, **settings: Any) -> Iterator[str]:
    """The address of a shop that keeps its sessions in `directory`. `settings`: of its `Sessions`, as JSON has them."""
    settings = {"store": f"sqlite:///{directory}/sessions.db", **settings}
    log = directory / "shop.log"
    command = [sys.executable, "-m", "tests.pages.shops.process", framework, json.dumps(settings)]
    with (
        log.open("wb") as stderr,
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr) as shop,
    ):
        assert shop.stdin is not None
        assert shop.stdout is not None
        try:
            url = shop.stdout.readline().decode().strip()
            assert url, log.read_text()
            yield url
            shop.stdin.close()
            assert shop.wait(PATIENCE) == 0, log.read_text()
        finally:
            shop.kill()
    assert "Traceback" not in log.read_text()


def by_proxy(request: Request) -> str | None:
    """Whose request it is: a proxy's word, in a header that it removes where a client sent it."""
    return next((value.decode() for value in request.header(b"x-user")), None)


def run(framework: str, settings: dict[str, Any]) -> None:
    """Serve until nobody listens any more."""
    if settings.get("identity") == "proxy":
        settings["identity"] = by_proxy
    serve = serve_asgi if framework == "fastapi" else serve_wsgi
    application = importlib.import_module(f"tests.pages.shops.{framework}").application
    with serve(application(**settings)) as url:
        print(url, flush=True)  # noqa: T201 - that is how it tells
        sys.stdin.read()


if __name__ == "__main__":
    run(sys.argv[1], json.loads(sys.argv[2]))
