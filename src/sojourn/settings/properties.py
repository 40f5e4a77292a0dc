"""Properties: files of Java's `java.util.Properties`, as its `load(InputStream)` describes them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from sojourn.errors import SettingError

__all__ = ["Property", "read_properties"]

_LINE_END = re.compile(r"\r\n|\n|\r")
_BLANK = " \t\f"
_PAIR = re.compile(r"((?:\\.|[^\\=: \t\f])*)[ \t\f]*[=:]?[ \t\f]*(.*)", re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_LETTERS = {"t": "\t", "n": "\n", "r": "\r", "f": "\f"}


class Property(NamedTuple):
    """A name, its value, and the file and line where it begins."""

    name: str
    value: str
    origin: str


def read_properties(data: bytes, file: str) -> list[Property]:
    """The properties of a file, in its order; of those of one name Java takes the last.

    Raises `SettingError` with the line of what Java would refuse, or read as something that nobody meant.
    """
    if data.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise SettingError(
            f"{file}:1: begins with a byte order mark, which Java reads as part of a name; save it without"
        )
    found = []
    for number, line in _logical(_LINE_END.split(data.decode("latin-1"))):
        name, value = _PAIR.findall(line)[0]
        origin = f"{file}:{number}"
        found.append(Property(_text(name, origin), _text(value, origin), origin))
    return found


def _logical(lines: list[str]) -> Iterator[tuple[int, str]]:
    """Lines with those that continue them, without blank ones and comments; each with its number."""
    begun, text = 0, ""
    for number, natural in enumerate(lines, start=1):
        line = natural.lstrip(_BLANK)
        if not text:
            if not line or line[0] in "#!":
                continue
            begun = number
        continued = (len(line) - len(line.rstrip("\\"))) % 2 == 1
        text += line[:-1] if continued else line
        if not continued:
            yield begun, text
            text = ""
    if text:
        yield begun, text


def _text(escaped: str, origin: str) -> str:
    """What the escapes stand for; one that means nothing stands for its letter."""

    def meant(found: re.Match[str]) -> str:
        if found[1]:
            return chr(int(found[1], 16))
        if found[2] == "u":
            raise SettingError(f"{origin}: \\u asks for four hexadecimal digits")
        return _LETTERS.get(found[2], found[2])

    text = _ESCAPE.sub(meant, escaped)
    try:
        return text.encode("utf-16", "surrogatepass").decode("utf-16")  # two escapes may be one character
    except UnicodeDecodeError:
        raise SettingError(f"{origin}: \\u names half of a character; give both halves") from None
