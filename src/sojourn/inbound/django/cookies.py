"""Cookies: lines that are sent as they are."""

from __future__ import annotations

from functools import lru_cache
from http.cookies import Morsel
from typing import Any

__all__ = ["Line"]


@lru_cache(maxsize=64)  # most lines differ in nothing but the value
def _parts(attributes: str) -> dict[str, Any]:
    """Those that `http.cookies` knows, as it has them."""
    parts: Morsel[str] = Morsel()
    pairs = (attribute.partition("=") for attribute in attributes.split("; "))
    found: dict[str, Any] = {name: value or True for name, _, value in pairs if parts.isReservedKey(name)}
    parts.update(found)
    return dict(parts)


class Line(Morsel[str]):
    """A Set-Cookie line in `response.cookies`, which shows its attributes, as far as `http.cookies` knows them."""

    line = ""

    def __init__(self, line: str = "") -> None:
        """`line`: the value of the header."""
        if line:
            self._read(line)
        else:
            super().__init__()

    def _read(self, line: str) -> None:
        self.line = line
        pair, _, attributes = line.partition("; ")
        name, _, value = pair.partition("=")
        self.set(name, value, value)
        dict.update(self, _parts(attributes))  # which are legal, all of them

    def OutputString(self, attrs: Any = None) -> str:  # noqa: ARG002, N802 - as it is called there
        """As `Morsel`."""
        return self.line

    def __reduce__(self) -> tuple[type[Line], tuple[str]]:
        return Line, (self.line,)  # a cache may keep the response
