"""Server: an application by two processes, on a free port of the loopback; stopped by its own process id."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.applications.installation import Failed

__all__ = ["serve"]

PATIENCE = 180.0  # seconds for a start
SERVERS = {
    "gunicorn": ("-m", "gunicorn", "--workers", "2", "--timeout", "120", "--bind", "127.0.0.1:{port}", "{target}"),
    "uvicorn": ("-m", "uvicorn", "--workers", "2", "--host", "127.0.0.1", "--port", "{port}", "{target}"),
}


@contextlib.contextmanager
def serve(python: Path, kind: str, target: str, home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address of `target`, which `python` runs in `home`; its log is there. Raises `Failed`."""
    port = _free_port()
    command = [part.format(port=port, target=target) for part in SERVERS[kind]]
    log = home / "server.log"
    with log.open("ab") as output:
        server = subprocess.Popen(
            [str(python), *command],
            cwd=home,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait(server, port, log)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise Failed(f"the server did not start: {' / '.join(log.read_text('utf-8', 'replace').splitlines()[-3:])}")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
