"""Hypothesis for the core: the same examples on every run in CI, new ones at a desk."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "core",
    deadline=None,  # time is no promise of the core
    derandomize=bool(os.environ.get("CI")),
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("core")
