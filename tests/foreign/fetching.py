"""Fetching: source distributions, and environments to run their tests in. Both are kept in `.venv/foreign`."""

from __future__ import annotations

import re
import site
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

__all__ = ["CACHE", "environment", "sources"]

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".venv/foreign"


def sources(requirement: str) -> Path:
    """The directory with the unpacked source distribution of a release, such as `django~=5.2.0`."""
    place = CACHE / "sources" / _name(requirement)
    if not place.exists():
        archives = CACHE / "archives" / _name(requirement)
        _pip("download", "--no-deps", "--no-binary=:all:", "--dest", str(archives), requirement)
        [archive] = archives.iterdir()
        unpacked = place.with_suffix(".new")
        _unpack(archive, unpacked)
        unpacked.rename(place)
    [directory] = place.iterdir()
    return directory


def environment(release: str, *more: str) -> Path:
    """The Python of an environment that has `release`, as in `django==5.2.1`, and `more` before what our tests have."""
    place = CACHE / "environments" / _name("-".join((release, *more)))
    python = place / "bin/python"
    if not (place / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(place)], check=True)
        _pip("--python", str(python), "install", "--no-deps", release, *more)
        [packages] = (place / "lib").glob("python*/site-packages")
        (packages / "ours.pth").write_text("\n".join(site.getsitepackages()) + "\n")
        (place / "ready").touch()
    return python


def _name(requirement: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", requirement)


def _unpack(archive: Path, place: Path) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive) as opened:
            opened.extractall(place)  # noqa: S202 - it keeps to that place
    else:
        with tarfile.open(archive) as tar:
            tar.extractall(place, filter="data")


def _pip(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", *arguments], check=True)
