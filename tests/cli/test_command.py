"""What the command prints."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import pytest
from tests.cli.served import COMMAND, HERE, PATIENCE, run

from sojourn.cli.commands import Duration
from sojourn.cli.report import masked

if TYPE_CHECKING:
    from pathlib import Path


def test_the_start_is_told_in_aligned_lines(tmp_path: Path) -> None:
    store = f"sqlite:///{tmp_path}/sessions.db"
    with subprocess.Popen(
        [COMMAND, "serve", "applications:plain", "--port", "0", "--store", store],
        cwd=HERE,
        env={**os.environ, "TEST_DIRECTORY": str(tmp_path)},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().rstrip() for _ in range(5)]
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        assert process.wait(PATIENCE) == 0
    assert lines[0] == "sojourn serves applications:plain"
    assert lines[1].startswith("  url      http://127.0.0.1:")
    assert len(lines[2].removeprefix("  workers  ").split()) == 2
    assert lines[3] == f"  store    {store}"
    assert lines[4] == "  cookie   id, for development: plain http on the loopback, so without Secure"
    assert rest.splitlines() == ["stopping; requests in flight have 10 s to finish", "stopped"]


def test_the_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    assert run("--version", cwd=tmp_path).stdout == f"sojourn {version('sojourn')}\n"


def test_help_names_every_option_of_serve(tmp_path: Path) -> None:
    text = run("serve", "--help", cwd=tmp_path).stdout
    options = "--workers --store --host --port --app --https --skip --replace-sessions --idle --absolute --drain --json"
    options += " --limit --save --outage --route --metrics"
    assert all(option in text for option in options.split())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["serve"], "Missing argument 'MODULE:APP'"),
        (["serve", "shop:app", "--idle", "soon"], "'soon' is no time; write it as"),
        (["serve", "shop:app", "--port", "x"], "'x' is not a valid integer"),
        (["serv"], "No such command 'serv'"),
    ],
)
def test_a_wrong_word_is_told_in_one_line(tmp_path: Path, arguments: list[str], told: str) -> None:
    ended = run(*arguments, cwd=tmp_path)
    assert ended.returncode == 2
    assert ended.stderr.startswith("sojourn: ")
    assert ended.stderr.count("\n") == 1
    assert told in ended.stderr


@pytest.mark.parametrize("missing", ["click", "granian"])
def test_a_missing_library_is_told_with_what_to_install(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; from sojourn.cli.main import main; main()"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1
    assert "pip install 'sojourn[serve]'" in ended.stderr


@pytest.mark.parametrize(
    ("store", "shown"),
    [
        ("postgresql://shop:s3cret@db:5432/app", "postgresql://shop:***@db:5432/app"),
        ("postgresql://shop:s3:cr/et@db/app", "postgresql://shop:***@db/app"),
        ("valkey://:s3cret@cache", "valkey://:***@cache"),
        ("postgresql:///app?user=shop&password=s3cret&x=1", "postgresql:///app?user=shop&password=***&x=1"),
        ("sqlite:///sessions.db", "sqlite:///sessions.db"),
    ],
)
def test_a_password_is_never_shown(store: str, shown: str) -> None:
    assert masked(store) == shown


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43200), ("7d", 604800), ("1h30m", 5400)]
)
def test_a_time_is_written_as_people_do(text: str, seconds: int) -> None:
    assert Duration().convert(text, None, None) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "0s", "30", "m", "1.5h", "-1h", "1h 30m"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(click.UsageError, match="is no time"):
        Duration().convert(text, None, None)
