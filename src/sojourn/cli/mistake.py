"""What the user got wrong, told in one line instead of a traceback."""

from __future__ import annotations

import importlib
import sysconfig
import traceback
from pathlib import Path

__all__ = ["Mistake", "told"]

_CLI = str(Path(__file__).parent)
_PACKAGES = tuple({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
_INSTALLED = (*_PACKAGES, sysconfig.get_path("stdlib"), str(Path(importlib.__file__).parent), _CLI, "<frozen ")


class Mistake(Exception):
    """Only the user can put this right; the message is one line that says what is wrong and what to do."""


def told(error: BaseException) -> str:
    """Say in one line what an error is and where the user's code raised it."""
    lines = str(error).strip().splitlines() if not isinstance(error, SyntaxError) else [error.msg]
    what = f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
    place = _place(error)
    return f"{what} ({place})" if place else what


def _place(error: BaseException) -> str | None:
    """Find the last line of the user's own that led to the error: what lies deeper is not theirs to change."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith(_INSTALLED)]
    return f"{_short(theirs[-1].filename)}:{theirs[-1].lineno}" if theirs else None


def _short(filename: str) -> str:
    path = Path(filename)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else filename
