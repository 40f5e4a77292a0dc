"""What is shipped: the wheel, its dependencies, the lock files, the version."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import ZipFile

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ZipFile]:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with ZipFile(next(directory.glob("*.whl"))) as opened:
        yield opened


def direct(extra: str) -> Iterator[Requirement]:
    """What `extra` asks for, with what the extras that it includes ask for."""
    for requirement in map(Requirement, PROJECT["dependencies"] + EXTRAS[extra]):
        if requirement.name == "sojourn":
            for included in requirement.extras:
                yield from direct(included)
        else:
            yield requirement


def locked(extra: str) -> dict[str, str]:
    text = (ROOT / "requirements" / f"{extra}.txt").read_text()
    return dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", text, re.MULTILINE))


def tracked() -> Iterator[tuple[str, str]]:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for name in filter(None, listing.split("\0")):
        if (ROOT / name).is_file():
            yield name, (ROOT / name).read_text(errors="replace")


def test_the_wheel_has_every_file_of_the_package(wheel: ZipFile) -> None:
    sources = {path for path in (ROOT / "src").rglob("*") if path.is_file() and path.suffix not in {".pyc", ".pyo"}}
    shipped = {name for name in wheel.namelist() if not name.startswith("sojourn-")}
    assert "sojourn/py.typed" in shipped
    assert shipped == {path.relative_to(ROOT / "src").as_posix() for path in sources}


def test_the_wheel_states_its_licence_and_dependencies(wheel: ZipFile) -> None:
    metadata = Parser().parsestr(wheel.read(f"sojourn-{PROJECT['version']}.dist-info/METADATA").decode())
    needed = [Requirement(line) for line in metadata.get_all("Requires-Dist", [])]
    assert metadata["License-Expression"] == "Apache-2.0"
    assert {each.name for each in needed if "extra" not in str(each.marker)} == {"msgspec", "ormsgpack"}


def test_all_holds_what_every_extra_for_users_holds() -> None:
    users = {name for extra in EXTRAS if extra not in {"all", "dev"} for name in map(str, direct(extra))}
    assert set(map(str, direct("all"))) == users
    assert users <= set(map(str, direct("dev")))


@pytest.mark.parametrize("extra", ["demo", "dev"])
def test_the_lock_fits_what_is_asked_for(extra: str) -> None:
    versions = locked(extra)
    asked = {canonicalize_name(requirement.name): requirement.specifier for requirement in direct(extra)}
    assert asked.keys() <= versions.keys()
    assert not [name for name, specifier in asked.items() if not specifier.contains(versions[name])]


def test_a_machine_set_up_for_development_can_run_the_demo() -> None:
    assert locked("demo").items() <= locked("dev").items()


def test_the_changelog_begins_with_this_version() -> None:
    newest = re.search(r"^## \[(\d+\.\d+\.\d+)\]", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert newest is not None
    assert newest[1] == PROJECT["version"]


def test_no_file_names_the_machine_or_registry_it_was_made_with() -> None:
    path = re.compile(r"(?<![\w./:-])/(?:work|root)/[\w.]")
    registry = re.compile(r"\b(?:pypi|pythonhosted|npmjs|crates|proxy\.golang|deb\.debian)\.(?:org|io)\b")
    assert not [name for name, text in tracked() if path.search(text) or registry.search(text)]
