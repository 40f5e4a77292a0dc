"""aiohttp-session: the tests of its middleware, its kinds of answers and its storage in Redis."""

from __future__ import annotations

from tests.foreign.suite import Run, Suite

SUITE = Suite(
    name="aiohttp_session",
    project="aiohttp-session",
    how="""\
`tests/test_http_exception.py`, `test_response_types.py` and `test_redis_storage.py`, with the middleware and the
`get_session` of `sojourn.inbound.aiohttp`. What the tests write into Redis is put into our store, and what they read
there is read there. Left out are four tests of how that library finds its Redis, and the other files, which are about
its classes: its storages in cookies, its session, its `new_session`.""",
    runs=(
        Run(
            title="three files of tests over memory",
            requirement="aiohttp-session~=2.12",
            install=("pytest-asyncio~=1.0", "pytest-aiohttp~=1.1", "pytest-mock~=3.0"),
            arguments=(
                *("-p", "pytest_asyncio.plugin", "-p", "pytest_aiohttp.plugin", "-p", "pytest_mock"),
                *("-p", "plugs.aiohttp_sessions", "--noconftest", "-o", "asyncio_mode=auto"),
                *("-k", "not aioredis and not create_pool and not redis_provided"),
                *(f"{{tests}}/tests/test_{name}.py" for name in ("http_exception", "response_types", "redis_storage")),
            ),
            not_applicable={
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
