"""Writes a sojourn.toml for a test."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest
from tests.settings.written import Load

from sojourn.settings import Settings


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Load:
    monkeypatch.chdir(tmp_path)

    def load(text: str = "", **environ: str) -> Settings:
        Path("sojourn.toml").write_text(dedent(text), encoding="utf-8")
        return Settings.load("sojourn.toml", environ=environ)

    return load
