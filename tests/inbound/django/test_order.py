"""Another layer that keeps sessions, and an order in which there is none yet, is told: by a check, and in the log."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import Client, override_settings
from tests.inbound.django.conftest import DJANGOS, OTHERS, OURS, Ask

from sojourn.inbound.answers import layers
from sojourn.inbound.django import SessionMiddleware

AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"


class Derived(SessionMiddleware):
    """One of the application's own."""


DERIVED = f"{__name__}.Derived"

WRONG = [
    pytest.param([DJANGOS, OURS, *OTHERS], ["sojourn.W001"], DJANGOS, id="theirs outside"),
    pytest.param([OURS, DJANGOS, *OTHERS], ["sojourn.W001"], DJANGOS, id="theirs inside"),
    pytest.param([OURS, *OTHERS, OURS], ["sojourn.W002"], OURS, id="twice"),
    pytest.param([DERIVED, OURS, *OTHERS], ["sojourn.W002"], DERIVED, id="once derived"),
    pytest.param([AUTHENTICATION, OURS], ["sojourn.W003"], AUTHENTICATION, id="too late"),
]
RIGHT = [
    pytest.param([OURS, *OTHERS], id="ours"),
    pytest.param([DERIVED, *OTHERS], id="derived"),
    pytest.param([DJANGOS, *OTHERS], id="theirs"),
    pytest.param(["a.missing.Middleware", OURS], id="a missing one"),
]


@pytest.fixture(autouse=True)
def _anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "_told", set())


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    return lambda: [each.getMessage() for each in caplog.records if each.name == "sojourn.inbound.answers.layers"]


def ours() -> list[Any]:
    return [each.id for each in run_checks() if str(each.id).startswith("sojourn.")]


@pytest.mark.parametrize(("middleware", "ids", "named"), WRONG)
def test_what_does_not_go_together_is_told_by_a_check_and_once_in_the_log(
    ask: Ask, told: Callable[[], list[str]], middleware: list[str], ids: list[str], named: str
) -> None:
    with override_settings(MIDDLEWARE=middleware):
        assert ours() == ids
        for _ in range(2):
            ask(Client(raise_request_exception=False), lambda _: None)
    [line] = told()
    assert line.startswith(f"{named} ")


@pytest.mark.parametrize("middleware", RIGHT)
def test_nothing_is_told_of_what_is_right(
    client: Client, ask: Ask, told: Callable[[], list[str]], middleware: list[str]
) -> None:
    with override_settings(MIDDLEWARE=middleware):
        assert ours() == []
        if not middleware[0].startswith("a.missing"):
            ask(client, lambda _: None)
    assert told() == []


def test_an_installed_app_is_checked_by_manage_py(tmp_path: Path) -> None:
    settings = f"""
SECRET_KEY = "not a secret"
INSTALLED_APPS = ["django.contrib.sessions", "sojourn.inbound.django"]
MIDDLEWARE = ["{DJANGOS}", "{OURS}"]
SESSION_ENGINE = "sojourn.inbound.django"
SOJOURN_STORE = "memory:"
"""
    (tmp_path / "shop_settings.py").write_text(settings)
    checked = subprocess.run(
        [sys.executable, "-m", "django", "check", "--settings", "shop_settings", "--pythonpath", str(tmp_path)],
        capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert f"(sojourn.W001) {DJANGOS} is in MIDDLEWARE beside Sojourn's" in checked.stderr
