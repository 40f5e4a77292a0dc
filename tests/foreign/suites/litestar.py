"""Litestar: the tests of its session middleware, and of the sign-in that builds on it."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

SESSIONS = ("test_middleware/test_session/test_middleware", "test_middleware/test_session/test_integration")

SUITE = Suite(
    name="litestar",
    project="Litestar",
    how="""\
`test_middleware.py` and `test_integration.py` of `tests/unit/test_middleware/test_session`, and
`tests/unit/test_security/test_session_auth.py`, with `sojourn.inbound.litestar.SessionConfig` in the place of
`ServerSideSessionConfig`. The source distribution has no tests: these are of the repository, as of August 2026. Left
out are the tests of single backends, which look into what those store, and where.""",
    checkout="https://github.com/litestar-org/litestar",
    runs=(
        Run(
            title="three files of tests over memory",
            requirement="litestar~=2.25",
            install=("polyfactory~=2.22", "faker"),
            arguments=(
                *("-p", "plugs.litestar_sessions", "--noconftest", "--import-mode=importlib"),
                *(f"{{tests}}/tests/unit/{name}.py" for name in (*SESSIONS, "test_security/test_session_auth")),
            ),
            not_applicable={"test_set_empty": "asks a backend for the session of a connection that was not opened"},
        ),
    ),
)
