"""Running: a server's process on a free port of the loopback, stopped by its own process id."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.applications.installation import Failed

__all__ = ["Running"]

PATIENCE = 180.0  # seconds for a start


class Running:
    """A server that can be started anew, where it was. What it says is in `log`."""

    def __init__(self, command: Sequence[str], home: Path, environment: Mapping[str, str] | None = None) -> None:
        """`command`: with `{port}` for where it is to listen."""
        self.port = _free_port()
        self.log = home / "server.log"
        self._command = [part.replace("{port}", str(self.port)) for part in command]
        self._home = home
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        """Raises `Failed`."""
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self._command,
                cwd=self._home,
                env={**os.environ, **self._environment},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self._process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.1)
        self.stop()
        raise Failed(f"the server did not start: {' / '.join(self.said().splitlines()[-3:])}")

    def stop(self) -> None:
        """It may have stopped already."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def said(self) -> str:
        """All that it said since the first start."""
        return self.log.read_text("utf-8", "replace") if self.log.exists() else ""


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
