"""The contract in BlackSheep."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.frameworks.apps import blacksheep
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestBlackSheep(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(blacksheep.application(sessions)) as url:
            yield url
