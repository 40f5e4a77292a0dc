"""The contract in FastAPI."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.frameworks.apps import fastapi
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestFastApi(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(fastapi.application(sessions)) as url:
            yield url
