"""Bodies of requests that are read on the way, and once more by the application."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import requests

from sojourn.outbound.drivers.reading import PIECE
from sojourn.outbound.visiting.pages import LONGEST

__all__ = ["Begun"]


class Begun:
    """A body that was read for a while, from its beginning; to requests, it is what comes in."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._head = bytearray()
        reader = requests.Response()  # for its errors
        reader.raw = raw
        self._pieces = reader.iter_content(PIECE)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

    def begin(self) -> bytes:
        """Read what fits; it is read once more for all that."""
        while len(self._head) < LONGEST and (piece := next(self._pieces, b"")):
            self._head += piece
        return bytes(self._head)

    def stream(self, amt: int = PIECE, **_: object) -> Generator[bytes, None, None]:
        while piece := self._some(amt):
            yield piece

    def read(self, amt: int | None = None, **_: object) -> bytes:
        body = bytearray()
        while (amt is None or len(body) < amt) and (piece := self._some(PIECE if amt is None else amt - len(body))):
            body += piece
        return bytes(body)

    def _some(self, amt: int) -> bytes:
        self._head += b"" if self._head else next(self._pieces, b"")
        piece = bytes(self._head[:amt])
        del self._head[:amt]
        return piece
