"""Fetching: what a server is made of, from the package indexes, into a place of its own outside of the tree."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.applications.installation import Failed, run

__all__ = ["debian_packages", "needed", "node_packages", "python_packages"]


def needed(*programs: str) -> None:
    """Raises `Failed` where one of them is not on this machine."""
    for program in programs:
        if shutil.which(program) is None:
            raise Failed(f"needs {program}, which is not on this machine")


def python_packages(place: Path, wanted: Sequence[str]) -> Path:
    """The Python of a virtual environment with these packages. Raises `Failed`."""
    python = place / "bin" / "python"
    if _is_new(place, wanted):
        run([sys.executable, "-m", "venv", "--clear", str(place)])
        run([str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *wanted])
        _done(place, wanted)
    return python


def node_packages(place: Path, wanted: Sequence[str]) -> Path:
    """The directory of modules with these packages; their scripts are not run. Raises `Failed`."""
    needed("node", "npm")
    if _is_new(place, wanted):
        place.mkdir(parents=True, exist_ok=True)
        (place / "package.json").write_text('{"private": true}')
        run(["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", *wanted], at=place)
        _done(place, wanted)
    return place / "node_modules"


def debian_packages(place: Path, wanted: Sequence[str]) -> Path:
    """The root that these packages, and no others that they need, are unpacked to. Raises `Failed`."""
    needed("apt-get", "dpkg-deb")
    root = place / "root"
    if _is_new(place, wanted):
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir(parents=True)
        run(["apt-get", "download", *wanted], at=place)
        for package in sorted(place.glob("*.deb")):
            run(["dpkg-deb", "--extract", str(package), str(root)])
        _done(place, wanted)
    return root


def _is_new(place: Path, wanted: Sequence[str]) -> bool:
    done = place / "done"
    return not done.exists() or done.read_text() != repr(wanted)


def _done(place: Path, wanted: Sequence[str]) -> None:
    (place / "done").write_text(repr(wanted))
