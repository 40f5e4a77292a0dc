"""`sojourn settings import`: properties become a file, and are told of."""

from __future__ import annotations

import tomllib
from pathlib import Path

from tests.cli.served import run

PROPERTIES = """\
spring.session.enabled=true
spring.session.shop.save=sync
spring.session.timeout=5
"""


def test_the_file_goes_to_stdout_and_what_became_of_each_property_to_stderr(tmp_path: Path) -> None:
    (tmp_path / "local.properties").write_text(PROPERTIES, encoding="latin-1")
    ended = run("settings", "import", "local.properties", "--store", "sqlite:///sessions.db", cwd=tmp_path)
    assert ended.returncode == 0
    assert tomllib.loads(ended.stdout) == {
        "sessions": {"failover": True, "store": "sqlite:///sessions.db", "cookie": {"name": "JSESSIONID"}},
        "applications": {"shop": {"save": "sync", "cookie": {"path": "/shop"}}},
    }
    told = ended.stderr.splitlines()
    assert told[0] == "local.properties:1: spring.session.enabled became failover in [sessions]"
    assert told[2].startswith("local.properties:3: spring.session.timeout became nothing: it is not known")


def test_the_file_can_be_written_but_not_over_another(tmp_path: Path) -> None:
    (tmp_path / "local.properties").write_text(PROPERTIES, encoding="latin-1")
    command = "settings", "import", "local.properties", "--output", "sojourn.toml"
    ended = run(*command, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (0, "")
    before = (tmp_path / "sojourn.toml").read_text(encoding="utf-8")
    assert tomllib.loads(before)["sessions"]["failover"] is True
    again = run(*command, cwd=tmp_path)
    assert again.returncode == 2
    assert again.stderr == "sojourn: sojourn.toml is there already; remove it, or give --output another name\n"
    assert (tmp_path / "sojourn.toml").read_text(encoding="utf-8") == before


def test_a_mistake_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "local.properties").write_text("\nspring.session.enabled=yes", encoding="latin-1")
    ended = run("settings", "import", "local.properties", cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr == ("sojourn: local.properties:2: spring.session.enabled: 'yes' is neither true nor false\n")


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    ended = run("settings", "import", "local.properties", cwd=tmp_path)
    assert ended.stderr == "sojourn: local.properties: cannot be read: No such file or directory\n"


def test_a_password_that_comes_into_the_file_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "local.properties").write_text(PROPERTIES, encoding="latin-1")
    ended = run("settings", "import", "local.properties", "--store", "postgresql://app:s3cret@host/app", cwd=tmp_path)
    assert "SOJOURN_STORE is a better place" in ended.stderr
    assert "s3cret" not in ended.stderr
