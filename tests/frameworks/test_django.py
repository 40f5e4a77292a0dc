"""The contract in Django, under WSGI and under ASGI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from tests.frameworks.apps import django
from tests.frameworks.serving import OverStores, serve_asgi, serve_wsgi

from sojourn import Sessions


class TestDjango(OverStores):
    cannot: ClassVar[dict[str, str]] = {
        "test_*socket*": "Django has no WebSockets",
    }

    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_wsgi(django.wsgi(sessions)) as url:
            yield url


class TestDjangoUnderAsgi(OverStores):
    cannot: ClassVar[dict[str, str]] = {
        "test_*socket*": "Django has no WebSockets",
    }

    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(django.asgi(sessions), lifespan="off") as url:
            yield url
