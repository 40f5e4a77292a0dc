"""The contract in Quart."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.frameworks.apps import quart
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestQuart(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(quart.application(sessions)) as url:
            yield url
