"""Django: the tests of its own session engines, and of its middleware."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from tests.foreign.suite import Run, Suite

RELEASES = {"4.2": (3, 8), "5.0": (3, 10), "5.1": (3, 10), "5.2": (3, 10), "6.0": (3, 12), "6.1": (3, 12)}
"""Those that may be in use, and the Python that each asks for."""

SPELLING = (
    "asserts the very text of the line with which Django removes a cookie; ours has its attributes in another order, "
    "and HttpOnly beside them"
)


def _runs() -> Iterator[Run]:
    for release, python in RELEASES.items():
        if sys.version_info < python:
            continue
        yield _run(release, "`SessionTestsMixin`", "EngineTests")
        yield _run(release, "`SessionMiddlewareTests`", "MiddlewareTests")
        yield _run(release, "`SessionMiddlewareTests` of our middleware", "OurMiddlewareTests")


def _run(release: str, title: str, tests: str) -> Run:
    return Run(
        title=title,
        requirement=f"django~={release}.0",
        arguments=(f"{{plugs}}/django_sessions.py::{tests}",),
        path=("{tests}/tests",),
        not_applicable={
            f"OurMiddlewareTests::{test}": SPELLING
            for test in (
                "test_session_delete_on_end",
                "test_session_delete_on_end_with_custom_domain_and_path",
            )
            if tests == "OurMiddlewareTests"
        },
    )


SUITE = Suite(
    name="django",
    project="Django",
    how="""\
`tests/sessions_tests/tests.py`: the mixin that each of Django's engines is tested with, and the tests of its session
middleware, on `SESSION_ENGINE = "sojourn.inbound.django"`; and the latter once more with
`sojourn.inbound.django.SessionMiddleware` in its place. For each release that may be in use, and runs on this
Python.""",
    runs=tuple(_runs()),
)
