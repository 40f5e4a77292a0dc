"""Why something failed, in one line."""

from __future__ import annotations

import pytest

__all__ = ["reason_of"]

LONGEST = 200


def reason_of(error: BaseException) -> str:
    """The first line of what an error says, with its kind where that tells more than the line."""
    kind, text = type(error).__name__, (str(error).strip().splitlines() or [""])[0]
    speaks_for_itself = text and isinstance(error, AssertionError | pytest.fail.Exception)
    line = text if speaks_for_itself else ": ".join(filter(None, (kind, text)))
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 1]}…"
