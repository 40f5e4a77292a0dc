"""The contract in Starlette."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.frameworks.apps import starlette
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestStarlette(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(starlette.application(sessions)) as url:
            yield url
