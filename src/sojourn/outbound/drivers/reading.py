"""Reading: how much of an answer is held in memory that the application has not asked for."""

from __future__ import annotations

__all__ = ["MOST", "PIECE", "Reading"]

MOST = 1 << 20  # bytes of one answer, decoded: four times what is looked at of a page, or of an answer with a token
PIECE = 1 << 16  # bytes: as much as the libraries read at once


class Reading:
    """The beginning of a body. What follows is not needed: a landing page, or what a service says of itself.

    `$metadata`, where a token is asked for by GET, is megabytes at times, and what counts of it is a header.
    """

    __slots__ = ("_body",)

    def __init__(self) -> None:
        """Nothing yet."""
        self._body = bytearray()

    def take(self, piece: bytes) -> bool:
        """Whether there is use for more."""
        self._body += piece[: MOST - len(self._body)]
        return len(self._body) < MOST

    @property
    def body(self) -> bytes:
        """What was read."""
        return bytes(self._body)
