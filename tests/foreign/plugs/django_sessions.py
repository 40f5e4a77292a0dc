"""Django's own tests of sessions, with our engine in the place of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest import mock

import django
import pytest
from django.conf import settings
from plugs.stores import fresh  # type: ignore[import-not-found]  # on the path of the run

settings.configure(
    SECRET_KEY="not a secret",
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "sessions_tests",
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    SESSION_ENGINE="sojourn.inbound.django",
    SOJOURN_STORE=fresh(),
)
django.setup()

from django.test import SimpleTestCase  # noqa: E402 - Django has to be set up first
from django.test.utils import setup_databases, setup_test_environment  # noqa: E402
from sessions_tests import tests  # type: ignore[import-not-found]  # noqa: E402

from sojourn.inbound.django import SessionMiddleware, SessionStore  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _set_up() -> None:
    setup_test_environment()
    setup_databases(verbosity=0, interactive=False)


class EngineTests(tests.SessionTestsMixin, SimpleTestCase):  # type: ignore[misc]  # it is fetched
    backend = SessionStore


class _Model:
    """In the place of the model of Django's own engine, for the tests that look into the store."""

    class objects:  # noqa: N801 - as it is called there
        @staticmethod
        def get(session_key: str) -> Any:
            return mock.Mock(get_decoded=SessionStore(session_key).load)


class MiddlewareTests(tests.SessionMiddlewareTests):  # type: ignore[misc]
    middleware: Any = tests.SessionMiddleware

    @pytest.fixture(autouse=True)
    def _ours(self) -> Iterator[None]:
        ours = {"DatabaseSession": SessionStore, "Session": _Model, "SessionMiddleware": self.middleware}
        with mock.patch.multiple(tests, **ours):
            yield


class OurMiddlewareTests(MiddlewareTests):
    middleware = SessionMiddleware


del tests.SessionTestsMixin, tests.SessionMiddlewareTests  # are run as ours alone
