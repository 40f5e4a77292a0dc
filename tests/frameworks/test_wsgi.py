"""The contract on bare WSGI; also as those have it who say nothing of a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from tests.frameworks.apps import plain_wsgi
from tests.frameworks.serving import OverStores, serve_wsgi

from sojourn import Sessions
from sojourn.testing import AppContract


class TestWsgiInMemory(AppContract):
    cannot: ClassVar[dict[str, str]] = {
        "test_*socket*": "WSGI has no WebSockets",
    }

    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_wsgi(plain_wsgi.application(sessions)) as url:
            yield url


class TestWsgi(OverStores, TestWsgiInMemory):
    """The same over stores that processes can share."""
