"""Installation: a virtual environment outside of the tree, with an application in it and with this tree's Sojourn."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.applications.application import Application

__all__ = ["Failed", "Installation", "wheel"]

ROOT = Path(__file__).parents[2]
DRIVERS = ("sojourn[postgres,valkey]",)
PATIENCE = 1800.0  # seconds for an installation


class Failed(Exception):
    """A program that was to prepare something has failed."""


class Installation:
    """An application that is installed. It is kept, and found again by what was asked for."""

    def __init__(self, application: Application, places: Path) -> None:
        wanted = (*application.requirements, application.name) if application.name else ()
        mark = hashlib.sha256(repr((wanted, sys.version)).encode()).hexdigest()[:8]
        self._wanted = [each for each in wanted if not _is_named_again(each, wanted)]
        self.place = places / f"{application.name}-{mark}"
        self.python = self.place / "bin" / "python"

    def install(self, wheel: Path) -> None:
        """Install what is missing, and this tree's Sojourn anew. Raises `Failed`."""
        done = self.place / "done"
        if not done.exists():
            run([sys.executable, "-m", "venv", "--clear", str(self.place)])
            self._pip("install", "--prefer-binary", *self._wanted, "gunicorn", "uvicorn")
            self._pip("install", f"{wheel}[postgres,valkey]")
            done.touch()
        self._pip("install", "--force-reinstall", "--no-deps", str(wheel))

    @property
    def packages(self) -> Path:
        """Where modules are."""
        return next((self.place / "lib").glob("python*/site-packages"))

    def version(self, name: str) -> str:
        """Of a package."""
        code = f"import importlib.metadata; print(importlib.metadata.version({name!r}))"
        return run([str(self.python), "-c", code]).strip()

    def _pip(self, *arguments: str) -> None:
        run([str(self.python), "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments])


def wheel(directory: Path) -> Path:
    """Sojourn as this tree has it, built into `directory`."""
    run(
        [
            sys.executable,
            "-m",
            "pip",
            "--quiet",
            "wheel",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            str(directory),
            str(ROOT),
        ]
    )
    return next(directory.glob("sojourn-*.whl"))


def run(command: Sequence[str], *, at: Path | None = None, environment: Mapping[str, str] | None = None) -> str:
    """What it prints. Raises `Failed` with its last lines."""
    done = subprocess.run(
        command,
        cwd=at,
        env={**os.environ, **(environment or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise Failed(f"{' '.join(command[:6])} …: {' / '.join(said[-3:])}")
    return done.stdout


def _is_named_again(requirement: str, wanted: Sequence[str]) -> bool:
    """Whether another one says which version of the same is wanted."""
    return any(other != requirement and other.startswith((f"{requirement}=", f"{requirement}<")) for other in wanted)
