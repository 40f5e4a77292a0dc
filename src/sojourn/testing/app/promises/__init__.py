"""The parts of `AppContract`, one for each idea."""

from __future__ import annotations

import pkgutil

import pytest

# So that a promise that is broken shows what it met.
pytest.register_assert_rewrite(*(part.name for part in pkgutil.iter_modules(__path__, f"{__name__}.")))
