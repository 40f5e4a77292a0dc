"""Trial: an application is set up, tried as it is, and tried again with one setting changed, over each store."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from tests.applications.application import STORE, Application
from tests.applications.installation import Failed, Installation, run
from tests.applications.server import serve
from tests.applications.visit import Check, visit

__all__ = ["OWN", "Trial"]

OWN = "own"
"""In the place of a store's name: the sessions of the application itself."""


class Trial:
    """An application in a directory of its own."""

    def __init__(self, application: Application, installed: Installation, home: Path) -> None:
        self._application = application
        self._installed = installed
        self._home = home

    def prepare(self) -> None:
        """Make what it needs. Raises `Failed`."""
        for name, text in {**self._application.files, "moved.py": self._application.setting}.items():
            path = self._home / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(self._filled(text))
        (self._home / "data").mkdir()
        for command in self._application.prepare:
            program, *arguments = shlex.split(self._filled(command))
            path = self._installed.python.with_name(program)
            run([str(path), *arguments], at=self._home, environment=self._environment(None))

    def run(self, store: str | None) -> dict[str, list[Check]]:
        """What came of each door; `store`: the address of ours, None for its own sessions."""
        application = self._application
        moved = store is not None
        start = partial(
            serve,
            self._installed.python,
            application.server,
            (moved and application.moved_target) or application.target,
            self._home,
            self._environment(store),
        )
        cookie = (moved and application.moved_cookie) or application.cookie
        found = {}
        for door in application.doors:
            try:
                found[door.name] = visit(door, cookie, start, store, renews=application.renews)
            except (Failed, OSError) as error:
                found[door.name] = [Check(name="start", passed=False, found=f"{type(error).__name__}: {error}")]
        return found

    def _environment(self, store: str | None) -> dict[str, str]:
        given: Mapping[str, str] = self._application.environment
        if store is not None:
            given = {**given, **self._application.moved_environment, STORE: store}
        return {"PYTHONPATH": str(self._home), **{name: self._filled(value) for name, value in given.items()}}

    def _filled(self, text: str) -> str:
        return text.replace("{home}", str(self._home)).replace("{packages}", str(self._installed.packages))
