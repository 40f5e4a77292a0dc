"""The same shop on each framework."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from tests.pages.chromium import chromium
from tests.pages.shops.process import FRAMEWORKS, opened

__all__ = ["chromium"]

Open = Callable[..., str]


@pytest.fixture(params=FRAMEWORKS)
def open_shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Opens a shop with `Sessions(**settings)`, and returns its address; on each framework."""
    with ExitStack() as stack:

        def open_shop(**settings: Any) -> str:
            return stack.enter_context(opened(request.param, tmp_path, **settings))

        yield open_shop
