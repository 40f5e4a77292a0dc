"""A plugin of pytest: the stores that a run is over, and an end for what a test has made of them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator

import pytest

from sojourn import Sessions
from sojourn.inbound.bridge import wait

__all__ = ["fresh", "kept"]

_numbers = itertools.count(1)
_kept: list[Sessions] = []


def fresh() -> str:
    """The address of a store that is fresh and empty, of the kind that `SOJOURN_STORE` names."""
    return os.environ["SOJOURN_STORE"].replace("NUMBER", str(next(_numbers)))


def kept(sessions: Sessions) -> Sessions:
    """`sessions`, which are closed when the test is over."""
    _kept.append(sessions)
    return sessions


@pytest.hookimpl(wrapper=True, trylast=True)
def pytest_runtest_teardown() -> Iterator[None]:
    try:
        return (yield)
    finally:
        while _kept:
            wait(_kept.pop().close())
