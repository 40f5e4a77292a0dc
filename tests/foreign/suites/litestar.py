"""Litestar: the tests of its session middleware, of the sign-in that builds on it, and of its stores."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

STORES = (
    *("get", "set", "set_special_chars_key", "expires", "get_and_renew", "delete", "delete_empty", "exists"),
    *("expires_in_not_set", "delete_all", "expires_in"),
)
"""Those that each of its stores has to pass."""
SESSIONS = ("test_middleware/test_session/test_middleware", "test_middleware/test_session/test_integration")

SUITE = Suite(
    name="litestar",
    project="Litestar",
    how="""\
`test_middleware.py` and `test_integration.py` of `tests/unit/test_middleware/test_session`, and
`tests/unit/test_security/test_session_auth.py`, with `sojourn.inbound.litestar.SessionConfig` in the place of
`ServerSideSessionConfig`; and the tests of `tests/unit/test_stores.py` that each of its stores has to pass, with one
that keeps each value in a session of ours. The source distribution has no tests: these are of the repository, as of
August 2026. Left out are the tests of single backends and stores, which look into what those store, and where.""",
    checkout="https://github.com/litestar-org/litestar",
    runs=(
        Run(
            title="three files of tests",
            requirement="litestar~=2.25",
            install=("polyfactory~=2.22", "faker"),
            arguments=(
                *("-p", "plugs.litestar_sessions", "--noconftest", "--import-mode=importlib"),
                *(f"{{tests}}/tests/unit/{name}.py" for name in (*SESSIONS, "test_security/test_session_auth")),
            ),
            not_applicable={"test_set_empty": "asks a backend for the session of a connection that was not opened"},
        ),
        Run(
            title="`test_stores.py`",
            requirement="litestar~=2.25",
            install=("pytest-asyncio~=1.0", "pytest-mock~=3.0", "time-machine~=3.0"),
            arguments=(
                *("-p", "pytest_asyncio.plugin", "-p", "pytest_mock", "-p", "plugs.litestar_store"),
                *("--noconftest", "--import-mode=importlib", "-o", "asyncio_mode=auto"),
                *(f"{{tests}}/tests/unit/test_stores.py::test_{name}" for name in STORES),
            ),
        ),
    ),
)
