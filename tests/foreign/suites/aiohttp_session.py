"""aiohttp-session: the tests of its middleware, its kinds of answers and its storage in Redis."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

FILES = ("get_session", "http_exception", "path_domain", "redis_storage", "response_types")

CLASS = "makes a session of that library's class"
ERROR = "asserts a `RuntimeError`; ours is a `SettingError`, which says what is to be set up"
COOKIE = "writes what the session holds into its cookie, and reads it there; ours has an id there"

SUITE = Suite(
    name="aiohttp_session",
    project="aiohttp-session",
    how="""\
`tests/test_get_session.py`, `test_http_exception.py`, `test_path_domain.py`, `test_redis_storage.py` and
`test_response_types.py`, with the middleware and the `get_session` of `sojourn.inbound.aiohttp`. What the tests write
into Redis is put into our store, and what they read there is read there. Left out are four tests of how that library
finds its Redis, and the files about its classes alone: its storages in cookies and in memcached, its session.""",
    runs=(
        Run(
            title="five files of tests",
            requirement="aiohttp-session~=2.12",
            install=("pytest-asyncio~=1.0", "pytest-aiohttp~=1.1", "pytest-mock~=3.0"),
            arguments=(
                *("-p", "pytest_asyncio.plugin", "-p", "pytest_aiohttp.plugin", "-p", "pytest_mock"),
                *("-p", "plugs.aiohttp_sessions", "--noconftest", "-o", "asyncio_mode=auto"),
                *("-k", "not aioredis and not create_pool and not redis_provided"),
                *(f"{{tests}}/tests/test_{name}.py" for name in FILES),
            ),
            not_applicable={
                **dict.fromkeys(
                    ("test_get_stored_session", "test_get_new_session", "test_get_new_session_no_storage"), CLASS
                ),
                **dict.fromkeys(
                    ("test_session_is_not_stored", "test_storage_returns_not_session_on_load_session"), ERROR
                ),
                **dict.fromkeys(
                    ("_same_path_domain", "test_with_different_path", "test_with_different_domain"), COOKIE
                ),
                "test_bad_response_type": "asserts an error that aiohttp raises itself",
                "test_change_session": "asserts that each change sets the cookie anew; here the id is told once",
                "test_clear_cookie_on_session_invalidation": "asserts that Redis keeps an empty session; ours is gone",
                "test_create_storage_with_custom_key_factory": "makes ids of its own, which are never adopted here",
                "test_load_bad_session": "asserts that a session that cannot be read is no new one",
                "test_prepared_response_type": "asserts that prepared answers are refused; here they have a session",
                "test_stream_response": "asserts that what is done before a stream is lost; here it is stored",
            },
        ),
    ),
)
