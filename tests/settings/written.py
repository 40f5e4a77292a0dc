"""What a test writes, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sojourn.errors import SettingError
from sojourn.settings import Settings

Load = Callable[..., Settings]
"""Loads the text of a sojourn.toml, and variables."""


def refusal(work: Callable[[], object]) -> str:
    with pytest.raises(SettingError) as refused:
        work()
    assert "\n" not in str(refused.value)
    return str(refused.value)
