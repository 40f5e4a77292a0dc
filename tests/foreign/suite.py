"""Suite: tests that another project wrote for its own sessions, and how they are made to test ours.

A suite is a module in `suites` with a `SUITE`. Its tests are fetched from the project's source distribution, run by
pytest in an environment of their own, and never kept here. What puts ours in the place of theirs is in `plugs`: a file
of tests that imports theirs, or a plugin of pytest that is loaded before them, with `-p plugs.name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.foreign.stores import STORES

__all__ = ["Result", "Run", "Suite"]


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run of tests."""

    title: str
    """What is tested."""
    requirement: str
    """Which release it is of, as pip has it: its source distribution is fetched, and it is installed."""
    arguments: tuple[str, ...]
    """Of pytest. In these and in `path`, `{tests}` is the source distribution's directory, `{plugs}`
    that of our plugs, `{tmp}` an empty one."""
    path: tuple[str, ...] = ("{tests}",)
    """What else modules are imported from."""
    stores: tuple[str, ...] = STORES
    """What it runs over, one after the other."""
    install: tuple[str, ...] = ()
    """What else is to be installed; all that our own tests need is there already."""
    not_applicable: Mapping[str, str] = field(default_factory=dict)
    """Tests that ask for something else than sessions, by the end of their names, and why. They have to fail."""


@dataclass(frozen=True, kw_only=True)
class Suite:
    """All runs of one project's tests."""

    name: str
    project: str
    how: str
    """For the page: which tests they are, and what is ours in them. Markdown, one paragraph."""
    checkout: str = ""
    """Where the tests are, if the source distribution has none: a directory of that, which `SOJOURN_FOREIGN_<NAME>`
    names. Without one, the suite is left out."""
    runs: tuple[Run, ...]

    @property
    def variable(self) -> str:
        """Of the environment: what names the checkout."""
        return f"SOJOURN_FOREIGN_{self.name.upper()}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a run."""

    title: str
    store: str
    release: str
    passed: int
    failed: tuple[str, ...]
    not_applicable: Mapping[str, str]
    """Why, by test."""
