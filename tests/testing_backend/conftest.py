"""One back end for a module, as each test wants it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2
import pytest

from sojourn.testing import Behaviour, FakeBackend

Client = Callable[..., httpx2.Client]

NOBODY = httpx2.Auth()
"""Sends no credentials."""


@pytest.fixture(scope="module")
def running() -> Iterator[FakeBackend]:
    with FakeBackend() as backend:
        yield backend


@pytest.fixture
def backend(running: FakeBackend) -> FakeBackend:
    """A fresh one, which a test resets to the behaviour that it is about."""
    running.reset(Behaviour())
    return running


@pytest.fixture
def client(backend: FakeBackend) -> Iterator[Client]:
    """Makes clients of a user, or of nobody: each with a jar of its own."""
    opened: list[httpx2.Client] = []

    def make(user: str | None = None) -> httpx2.Client:
        auth = None if user is None else (user, backend.password_of(user))
        opened.append(httpx2.Client(base_url=backend.url, auth=auth, timeout=10))
        return opened[-1]

    yield make
    for each in opened:
        each.close()
