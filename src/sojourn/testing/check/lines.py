"""Lines: what is said to whoever started the check."""

from __future__ import annotations

import os
import sys
from typing import BinaryIO, Self

import msgspec

__all__ = ["Lines"]


class Lines:
    """JSON lines on what was stdout."""

    def __init__(self, stream: BinaryIO) -> None:
        """`stream`: unbuffered."""
        self._stream = stream
        self.heard = True

    @classmethod
    def instead_of_stdout(cls) -> Self:
        """Take stdout over: what the store under test prints goes to stderr."""
        own = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        return cls(own)

    def say(self, event: str, **fields: object) -> None:
        """Say it; `heard` turns false when nobody listens any more."""
        try:
            self._stream.write(msgspec.json.encode({"event": event, **fields}) + b"\n")
        except BrokenPipeError:
            self.heard = False
