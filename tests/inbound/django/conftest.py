"""A Django site in process, with our middleware and with Django's own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import AsyncClient, Client, override_settings
from django.test.utils import setup_databases, teardown_databases
from tests.fixtures.django import site

site.set_up()

from django.contrib.auth.models import User  # noqa: E402 - Django has to be set up first
from tests.fixtures.django.urls import actions  # noqa: E402

from sojourn import Sessions  # noqa: E402
from sojourn.inbound.bridge import wait  # noqa: E402
from sojourn.inbound.django import get_sessions  # noqa: E402
from sojourn.inbound.django import settings as django_settings  # noqa: E402

OURS, DJANGOS = "sojourn.inbound.django.SessionMiddleware", "django.contrib.sessions.middleware.SessionMiddleware"
OTHERS = [
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]

Ask = Callable[..., Any]

_names = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def _database() -> Iterator[None]:
    made = setup_databases(verbosity=0, interactive=False)
    yield
    teardown_databases(made, verbosity=0)


@pytest.fixture(autouse=True)
def _fresh(_database: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Sessions of its own for each test, closed when it is over: a sweep must not go on in the tests of others."""
    made: list[Sessions] = []

    def make(*given: Any, **named: Any) -> Sessions:
        made.append(Sessions(*given, **named))
        return made[-1]

    monkeypatch.setattr(django_settings, "Sessions", make)
    with override_settings(SOJOURN_STORE="memory:", SESSION_EXPIRE_AT_BROWSER_CLOSE=False):
        yield
    for sessions in made:
        wait(sessions.close())
    User.objects.all().delete()


@pytest.fixture(params=["ours", "django's"])
def middleware(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which middleware the site has; the test runs with both."""
    with override_settings(MIDDLEWARE=[OURS if request.param == "ours" else DJANGOS, *OTHERS]):
        yield request.param


@pytest.fixture
def ours() -> Iterator[None]:
    """The site has ours."""
    with override_settings(MIDDLEWARE=[OURS, *OTHERS]):
        yield


@pytest.fixture
def client() -> Client:
    return Client(raise_request_exception=False)


@pytest.fixture
def async_client() -> AsyncClient:
    return AsyncClient(raise_request_exception=False)


@pytest.fixture
def ask() -> Ask:
    """Have the view do something with the request of a client."""

    def ask(client: Client, action: Callable[[Any], Any], **extra: Any) -> Any:
        name = f"a{next(_names)}"
        actions[name] = action
        return client.get(f"/do/{name}", **extra)

    return ask


@pytest.fixture
def alice() -> User:
    return User.objects.create_user("alice", password="secret")


@pytest.fixture
def bob() -> User:
    return User.objects.create_user("bob", password="secret")


@pytest.fixture
def sessions() -> Sessions:
    return get_sessions()
