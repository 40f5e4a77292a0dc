"""starsessions: the tests of its middleware, and of sessions that are loaded by themselves."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

UNDER_WAY = (
    "writes the session into the store while its request is under way, to be loaded later; ours is loaded before"
)
UNLOADED = "asserts that a session that was not loaded cannot be used; ours is always loaded"

SUITE = Suite(
    name="starsessions",
    project="starsessions",
    how="""\
`tests/test_middleware.py` and `tests/test_autoloading.py`, with `sojourn.inbound.asgi.SessionMiddleware` in the place
of theirs, and its settings made ours. What the tests write into their store is put into ours, under an id that ours
could have. The source distribution has no tests: these are of the repository, 2.3.0a1. Left out are the files that test
its classes: handlers, serializers, encryptors, metadata, and when its cookie is sent anew.""",
    checkout="https://github.com/alex-oleshkevich/starsessions",
    runs=(
        Run(
            title="two files of tests",
            requirement="starsessions~=2.2",
            install=("pytest-asyncio~=1.0",),
            arguments=(
                *("-p", "pytest_asyncio.plugin", "-p", "plugs.starsessions_middleware"),
                *("--noconftest", "-o", "asyncio_mode=auto"),
                *("{tests}/tests/test_middleware.py", "{tests}/tests/test_autoloading.py"),
            ),
            not_applicable={
                "test_loads_existing_session": UNDER_WAY,
                "test_send_cookie_if_session_destroyed": UNDER_WAY,
                "test_send_cookie_with_domain_if_session_destroyed_and_domain_set": UNDER_WAY,
                "test_will_clear_storage_if_session_destroyed": UNDER_WAY,
                "test_session_timedelta_lifetime": "reads an attribute of their middleware",
                "test_invalid_cookie_name_raises": "asserts the text of an error; ours refuses such names, too",
                "test_store_error_propagates": "gives a store of their kind that fails",
                "test_loads_for_string_paths": UNLOADED,
                "test_loads_for_regex_paths": UNLOADED,
            },
        ),
    ),
)
