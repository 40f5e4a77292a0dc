"""The contract in Litestar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.frameworks.apps import litestar
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestLitestar(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(litestar.application(sessions)) as url:
            yield url
