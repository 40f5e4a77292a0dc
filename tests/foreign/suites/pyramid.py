"""Pyramid: the tests of its sessions in cookies, as far as they are about sessions."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

COOKIE = "looks into the class that keeps Pyramid's session in its cookie"
TIMEOUT = (
    "sets a timeout of Pyramid's factory; ours is the `Lifetime` of `Sessions`, and counts when a session is stored"
)
FIRST = "calls the first callback of a response by hand; ours waits there until those of the application have run"

SUITE = Suite(
    name="pyramid",
    project="Pyramid",
    how="""\
`SharedCookieSessionTests` of `tests/test_session.py`, with the session factory of `sojourn.inbound.pyramid`: `ISession`
is verified, and what Pyramid promises of flash messages, CSRF tokens, invalidation and cookies that are none. What the
tests put into a cookie is stored, and its id put there. Left out is one that asserts that the first callback sets no
cookie: ours never does.""",
    runs=(
        Run(
            title="`SharedCookieSessionTests`",
            requirement="pyramid~=2.0",
            arguments=("{plugs}/pyramid_sessions.py", "-k", "not no_set_cookie"),
            not_applicable={
                **{
                    f"TestPyramid::{test}": COOKIE
                    for test in (
                        "test__set_cookie_cookieval_too_long",
                        "test__set_cookie_on_exception",
                        "test__set_cookie_on_exception_no_request_exception",
                        "test__set_cookie_options",
                        "test__set_cookie_real_webob_response",
                        "test_changed",
                        "test_reissue_triggered",
                    )
                },
                **dict.fromkeys(("::test_timeout", "::test_timeout_invalid", "::test_timeout_str"), TIMEOUT),
                **dict.fromkeys(("::test_cookie_is_set", "::test_set_cookie_with_exception"), FIRST),
            },
        ),
    ),
)
