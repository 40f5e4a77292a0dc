"""Cookies: lines that are sent as they are."""

from __future__ import annotations

from http.cookies import Morsel
from typing import Any

__all__ = ["Line"]


class Line(Morsel[str]):
    """A Set-Cookie line in `response.cookies`, which shows its attributes, as far as `http.cookies` knows them."""

    line = ""

    def __init__(self, line: str = "") -> None:
        """`line`: the value of the header."""
        super().__init__()
        if line:
            self._read(line)

    def _read(self, line: str) -> None:
        self.line = line
        pair, *attributes = line.split("; ")
        name, _, value = pair.partition("=")
        self.set(name, value, value)
        for attribute in attributes:
            name, _, text = attribute.partition("=")
            if self.isReservedKey(name):
                self[name] = text or True  # as http.cookies does

    def OutputString(self, attrs: Any = None) -> str:  # noqa: ARG002, N802 - as it is called there
        """As `Morsel`."""
        return self.line

    def __reduce__(self) -> tuple[type[Line], tuple[str]]:
        return Line, (self.line,)  # a cache may keep the response
