"""Beaker: the tests that each of its backends has to pass."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

SUITE = Suite(
    name="beaker",
    project="Beaker",
    how="""\
`CacheManagerBaseTests` of `tests/test_managers/base.py`, with a backend that keeps each of Beaker's namespaces, a
session of Beaker's or a cache, as a session of ours. It shows that our sessions keep what Beaker puts into its own; the
cookie, and how long a session lives, are Beaker's there. The source distribution has no tests: these are of the
repository, as of December 2025.""",
    checkout="https://github.com/bbangert/beaker",
    runs=(
        Run(
            title="`CacheManagerBaseTests`",
            requirement="Beaker~=1.14",
            install=("WebTest~=3.0", "waitress~=3.0", "beautifulsoup4~=4.12", "soupsieve~=2.6"),
            arguments=("{plugs}/beaker_namespace.py",),
        ),
    ),
)
