"""The contract on bare ASGI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.frameworks.apps import plain_asgi
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestAsgi(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(plain_asgi.application(sessions)) as url:
            yield url
