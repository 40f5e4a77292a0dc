"""`sojourn settings show`: what holds and where it was set, without secrets."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.cli.served import run

from sojourn.settings.model import KEYS
from sojourn.store.sealed import new_key

FILE = """
[sessions]
store = "postgresql://app:s3cret@host/app?password=hidden"
[sessions.lifetime]
idle = "20m"
[applications.shop]
save = "async"
[applications.shop.cookie]
name = "shop"
[applications.office]
failover = false
"""


def shown(cwd: Path, *options: str) -> list[str]:
    (cwd / "sojourn.toml").write_text(FILE, encoding="utf-8")
    ended = run("settings", "show", "--settings", "sojourn.toml", *options, cwd=cwd)
    assert ended.stderr == ""
    assert ended.returncode == 0
    return [" ".join(line.split()) for line in ended.stdout.splitlines()]


def test_what_holds_for_all_is_shown_with_its_place(tmp_path: Path) -> None:
    lines = shown(tmp_path)
    assert "[sessions]" in lines
    assert "lifetime.idle 1200 sojourn.toml:5" in lines
    assert 'cookie.name "__Host-id" default' in lines
    assert 'near "remote" default' in lines
    assert "failover unset default" in lines


def test_of_an_application_is_shown_what_differs(tmp_path: Path) -> None:
    lines = shown(tmp_path)
    shop = lines[lines.index("[applications.shop]") + 1 :]
    assert shop[: shop.index("")] == ['save "async" sojourn.toml:7', 'cookie.name "shop" sojourn.toml:9']


def test_one_application_is_shown_whole(tmp_path: Path) -> None:
    lines = shown(tmp_path, "--app", "shop")
    assert 'cookie.name "shop" sojourn.toml:9' in lines
    assert "lifetime.idle 1200 sojourn.toml:5" in lines
    assert "[sessions]" not in lines


def test_sessions_that_fail_over_keeps_in_memory_are_shown_there(tmp_path: Path) -> None:
    assert '(kept in) "memory:" failover, sojourn.toml:11, and save' in shown(tmp_path)


def test_variables_are_places_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOJOURN_APPLICATIONS__SHOP__NEAR_ENTRIES", "5")
    monkeypatch.setenv("SOJOURN_TOUCH", "always")
    lines = shown(tmp_path, "--app", "shop")
    assert "near.entries 5 SOJOURN_APPLICATIONS__SHOP__NEAR_ENTRIES" in lines
    assert "near.loads 200 default" in lines
    assert 'touch "always" SOJOURN_TOUCH' in lines


@pytest.mark.parametrize("options", [[], ["--json"], ["--app", "shop"]])
def test_no_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]) -> None:
    key = new_key()
    monkeypatch.setenv("SOJOURN_SEAL", key)
    text = "\n".join(shown(tmp_path, *options))
    assert "***" in text
    assert "s3cret" not in text
    assert "hidden" not in text
    assert key[:8] not in text


def test_the_place_of_a_secret_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "keys").write_text(new_key(), encoding="ascii")
    monkeypatch.setenv("SOJOURN_SEAL", "file:keys")
    assert 'seal "file:keys" SOJOURN_SEAL' in shown(tmp_path)


def test_programs_are_told_a_line_for_each_setting(tmp_path: Path) -> None:
    rows = [json.loads(line) for line in shown(tmp_path, "--json")]
    assert {"app": None, "key": "save", "value": '"sync"', "origin": "default"} in rows
    assert {"app": "shop", "key": "save", "value": '"async"', "origin": "sojourn.toml:7"} in rows
    assert {row["key"] for row in rows} <= {*KEYS, "(kept in)"}


@pytest.mark.parametrize("text", ["[sessions]\nsav = 1", "[sessions.cookie]\npath = '/shop'"])
def test_a_mistake_is_told_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / "sojourn.toml").write_text(text, encoding="utf-8")
    ended = run("settings", "show", "--settings", "sojourn.toml", cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stdout == ""
    assert ended.stderr.startswith("sojourn: sojourn.toml:2: ")
    assert ended.stderr.count("\n") == 1
