"""FakeBackend: a picky back end in a process of its own."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import threading
from types import TracebackType
from typing import Self

import msgspec

from sojourn.errors import SettingError, SojournError
from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.control import PATIENCE, Control
from sojourn.testing.backend.started import Started, check_installed

__all__ = ["FakeBackend"]

_NO_END = 5.0  # seconds for requests in flight at the end of a test


class FakeBackend(Control):
    """A real HTTP server that plays a picky back end, on a free port of the loopback.

        with FakeBackend(Behaviour(csrf="fetch")) as backend:
            call(backend.url)
            assert backend.counts().sign_ins == 1

    It serves from the beginning, in a process of its own, and ends with the block, or with this process. Where the
    block fails, what the server had to say is added to the error.
    """

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        """Raise `SettingError` where the server is not installed, `SojournError` where it does not start."""
        check_installed()
        self.behaviour = behaviour or Behaviour()
        self._said = ""
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `stop`
        self._process = subprocess.Popen(
            # What is in the current directory takes the place of nothing that the server imports.
            [sys.executable, "-P", "-m", "sojourn.testing.backend", "--held", "--port", "0"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            process_group=0,  # a Ctrl-C in the terminal is for the tests, which end it
        )
        started = self._started(self.behaviour)
        super().__init__(started.control)
        self.url = started.url

    @property
    def pid(self) -> int:
        """The process of the server."""
        return self._process.pid

    @property
    def log(self) -> str:
        """What the server has said on stderr; after its end, too."""
        if not self._stderr.closed:
            self._stderr.seek(0)
            self._said = self._stderr.read().decode(errors="replace")
        return self._said

    def password_of(self, user: str) -> str:
        """The password of a user, of any name."""
        return self.behaviour.password_of(user)

    def reset(self, behaviour: Behaviour | None = None) -> None:
        """Begin anew: no sessions, no tokens, no faults, nothing counted. `behaviour`: another than it has."""
        behaviour = behaviour or self.behaviour
        if behaviour.cookie_header != self.behaviour.cookie_header:
            raise SettingError("Behaviour(cookie_header=): that is for the whole life of a server; start another one")
        super().reset(behaviour)
        self.behaviour = behaviour

    def stop(self) -> None:
        """End the server; requests in flight are answered first, for a while."""
        self._process.terminate()
        try:
            self._process.wait(_NO_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._said = self.log
        for file in (self._process.stdin, self._process.stdout, self._stderr):
            if file is not None:
                file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if log := self.log:
            said = f"The back end at {self.url} said:\n{log}"
            if error is None:
                sys.stderr.write(said)  # where pytest shows it beside the test that failed
            else:
                error.add_note(said)
        self.stop()

    def _started(self, behaviour: Behaviour) -> Started:
        """Hand over the settings, and wait for the word that it serves."""
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        impatient = threading.Timer(PATIENCE, self._process.kill)
        impatient.start()
        line = b""
        try:
            with contextlib.suppress(BrokenPipeError):
                stdin.write(msgspec.json.encode(behaviour) + b"\n")
                stdin.flush()
                line = stdout.readline()
        finally:
            impatient.cancel()
            if not line:
                self.stop()
        if not line:
            raise SojournError(f"the fake back end did not start: {self.log.strip() or 'it said nothing'}")
        return msgspec.json.decode(line, type=Started)
