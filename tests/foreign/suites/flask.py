"""Flask: all of its tests, those of sessions among them."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

KEY = "asks for the secret key that signs Flask's session; ours is not in the cookie, and needs none"
GUARDED = "wants a cookie without SameSite, where ours are Lax unless they are told otherwise"
EMPTIED = (
    "wants the cookie cleared when the last attribute is taken out; here an emptied session goes on, and `end` ends it"
)
AGE = "reads `Expires`; ours say `Max-Age`, which comes before it (RFC 6265bis §5.7.3)"
REFRESHED = "wants the cookie of a permanent session with each answer; ours is kept for as long as browsers keep one"
OUTSIDE = "uses a session after its request, which is refused: `OutsideRequest`"
WERKZEUG = "fails with Flask's own sessions, too: Werkzeug has changed since"

SUITE = Suite(
    name="flask",
    project="Flask",
    how="""\
All of Flask's tests, with `sojourn.inbound.flask.SessionInterface` as the interface of every application that sets none
of its own; and those of them that `-k session` selects.""",
    runs=(
        Run(
            title="`-k session`",
            requirement="flask~=3.1",
            arguments=("-p", "plugs.flask_sessions", "-k", "session", "{tests}/tests"),
            not_applicable=(
                about_sessions := {
                    "test_missing_session": KEY,
                    "test_session_secret_key_fallbacks": KEY,
                    "test_session_transactions_no_null_sessions": KEY,
                    "test_session_using_samesite_attribute": GUARDED,
                    "test_session_using_session_settings": EMPTIED,
                    "test_session_expiration": AGE,
                    "test_session_cookie_setting": REFRESHED,
                    "test_session_refresh_vary": REFRESHED,
                }
            ),
        ),
        Run(
            title="all tests",
            requirement="flask~=3.1",
            arguments=("-p", "plugs.flask_sessions", "{tests}/tests"),
            not_applicable={
                **about_sessions,
                "test_greenlet_context_copying": OUTSIDE,
                "test_greenlet_context_copying_api": OUTSIDE,
                "test_bad_environ_raises_bad_request": WERKZEUG,
            },
        ),
    ),
)
