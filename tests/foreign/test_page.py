"""The page of the reference says what came of the last runs."""

from __future__ import annotations

import importlib
import pkgutil

from tests.foreign import suites
from tests.foreign.page import PAGE, RESULTS, page
from tests.foreign.run import _judged
from tests.foreign.suite import Run

RUN = Run(title="of all", requirement="peer~=1.0", arguments=(), not_applicable={"::test_c": "it is about tea"})


def test_it_is_written_from_the_results() -> None:
    assert PAGE.read_text() == page(), "run scripts/foreign"


def test_every_suite_has_been_run() -> None:
    known = {module.name for module in pkgutil.iter_modules(suites.__path__)}
    assert {path.stem for path in RESULTS.glob("*.json")} == known
    for name in known:
        assert importlib.import_module(f"{suites.__name__}.{name}").SUITE.name == name


def test_what_is_not_applicable_has_to_fail() -> None:
    result = _judged(RUN, "memory", "1.0", {"A::test_a": "passed", "A::test_b": "failed", "A::test_c": "failed"})
    assert (result.passed, result.failed, result.not_applicable) == (
        1,
        ("A::test_b",),
        {"A::test_c": "it is about tea"},
    )
    result = _judged(RUN, "memory", "1.0", {"A::test_c": "passed", "A::test_d": "skipped"})
    assert (result.passed, result.failed) == (0, ("A::test_c applies after all: it did not fail",))
    assert result.not_applicable["A::test_d"] == "skipped by the suite itself"
