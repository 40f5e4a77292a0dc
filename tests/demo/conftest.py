"""The demo, as `sojourn demo` serves it: two workers, SQLite, a free port."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE = 30.0  # seconds


class Demo:
    """A running demo: where it is, and what its supervisor says."""

    def __init__(self, output: IO[bytes]) -> None:
        self._output = output
        self.url: str = self.hear("started")["url"]

    def hear(self, event: str) -> dict[str, Any]:
        """Wait until the supervisor says that."""
        line, said, deadline = b"", b"", time.monotonic() + PATIENCE
        while (remaining := deadline - time.monotonic()) > 0:
            ready, _, _ = select.select([self._output], [], [], remaining)
            piece = self._output.read(1) if ready else b""
            if not piece:
                break
            line += piece
            if piece == b"\n":
                found: dict[str, Any] = json.loads(line)
                if found["event"] == event:
                    return found
                said, line = said + line, b""
        pytest.fail(f"the supervisor never said {event!r}, but {said!r}")


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    """A demo of its own; when the test is over, it has to end by itself and without a complaint."""
    complaints = tmp_path / "complaints"
    command = [str(Path(sys.executable).with_name("sojourn")), "demo", "--port", "0", "--json"]
    with (
        complaints.open("wb") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, cwd=tmp_path, bufsize=0) as server,
    ):
        assert server.stdout is not None
        try:
            running = Demo(server.stdout)
            yield running
            server.terminate()
            running.hear("stopped")
            assert server.wait(PATIENCE) == 0
        finally:
            server.kill()
    assert complaints.read_text() == ""
