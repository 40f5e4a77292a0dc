"""What a sink needs and is not installed is named, with what to do."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("package", "module", "extra"),
    [
        ("prometheus_client", "sojourn.telemetry.prometheus", "prometheus"),
        ("opentelemetry", "sojourn.telemetry.opentelemetry", "opentelemetry"),
    ],
)
def test_a_sink_without_its_package_says_what_to_install(package: str, module: str, extra: str) -> None:
    look = f"import sys; sys.modules[{package!r}] = None; import {module}"
    ended = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"{module} needs what is not installed: pip install 'sojourn[{extra}]'" in ended.stderr.splitlines()[-1]
