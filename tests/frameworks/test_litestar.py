"""The contract in Litestar."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from tests.frameworks.apps import litestar
from tests.frameworks.serving import OverStores, serve_asgi

from sojourn import Sessions


class TestLitestar(OverStores):
    cannot: ClassVar[dict[str, str]] = {
        "test_*_urls": "Litestar finds the handler by the URL before the plugin's middleware runs"
    }

    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_asgi(litestar.application(sessions)) as url:
            yield url
