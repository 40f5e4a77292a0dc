"""Lines: where the keys of a TOML document stand. The parser of the standard library does not tell."""

from __future__ import annotations

import re
import tomllib

__all__ = ["Path", "lines_of"]

Path = tuple[str, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_PART = re.compile(r"""[ \t]*([A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*')[ \t]*""")
_STRING = re.compile(r'''"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?'{3,5}|"(?:\\.|[^"\\])*"|'[^']*\'''', re.DOTALL)
_BARE = re.compile(r"[^,\]}#\n]+")


def lines_of(text: str) -> dict[Path, int]:
    """The line of each key and table, by its path; of a table whose parts stand apart, that of the first.

    `text` is a document that the parser has accepted: what no document can hold is not looked for.
    """
    scan = _Scan(text)
    scan.document()
    return scan.lines


class _Scan:
    """A reader that goes through a document once."""

    def __init__(self, text: str) -> None:
        self.lines: dict[Path, int] = {}
        self._text = text
        self._at = 0
        self._line, self._counted = 1, 0

    def document(self) -> None:
        table: Path = ()
        while self._next():
            if self._text[self._at] == "[":
                self._at += 2 if self._text.startswith("[[", self._at) else 1
                table = self._key(())
                self._at = self._text.index("]", self._at) + 1
                self._at += self._text.startswith("]", self._at)
            else:
                self._pair(table)

    def _pair(self, table: Path) -> None:
        path = self._key(table)
        self._at += 1  # the equals sign
        self._value(path)

    def _key(self, table: Path) -> Path:
        """A key, dotted perhaps, in that table; its path."""
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        path = table
        while True:
            path = (*path, _name(self._take(_PART)[1]))
            self.lines.setdefault(path, self._line)
            if not self._text.startswith(".", self._at):
                return path
            self._at += 1

    def _value(self, path: Path) -> None:
        self._next()
        opening = self._text[self._at]
        if opening not in "[{":
            self._take(_STRING if opening in "\"'" else _BARE)
            return
        self._at += 1
        while self._next() and self._text[self._at] not in "]}":
            if opening == "{":
                self._pair(path)
            else:
                self._value(path)
        self._at += 1

    def _take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self._text, self._at)
        if found is None:
            raise AssertionError("the parser has accepted what is no TOML")
        self._at = found.end()
        return found

    def _next(self) -> bool:
        """Go on to what is neither blank nor a comment, nor the comma between two values."""
        while True:
            self._take(_BLANK)
            if not self._text.startswith(",", self._at):
                return self._at < len(self._text)
            self._at += 1


def _name(part: str) -> str:
    return next(iter(tomllib.loads(f"{part} = 0"))) if part[0] in "\"'" else part
