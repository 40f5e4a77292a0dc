"""Starlette: the tests of its session middleware."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

BOUNDS = "sets a `max_age` of 0 or less, which would be refused by every browser, and is refused as a setting here"

SUITE = Suite(
    name="starlette",
    project="Starlette",
    how="""\
`tests/middleware/test_session.py`, with `sojourn.inbound.asgi.SessionMiddleware` in the place of Starlette's, and its
settings made ours; on asyncio, and but for the one test of the class that Starlette keeps a session in. A session of
ours is a mapping and no `dict`: what the tests' views answer with is made one. The names of a cookie's attributes are
spelled as Starlette's.""",
    runs=(
        Run(
            title="`test_session.py`",
            requirement="starlette~=1.0",
            arguments=(
                *(
                    "-p",
                    "anyio.pytest_plugin",
                    "-p",
                    "plugs.starlette_sessions",
                    "-k",
                    "not trio and not tracks_modification",
                ),
                "{tests}/tests/middleware/test_session.py",
            ),
            not_applicable={
                "test_session_expires[asyncio]": BOUNDS,
                "test_session_zero_max_age[asyncio]": BOUNDS,
            },
        ),
    ),
)
