"""The contract in aiohttp.web."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from tests.frameworks.apps import aiohttp
from tests.frameworks.servers.aiohttp import serve_aiohttp
from tests.frameworks.serving import OverStores

from sojourn import Sessions


class TestAiohttp(OverStores):
    cannot: ClassVar[dict[str, str]] = {
        "test_*_urls": "aiohttp finds the handler by the URL before any middleware runs"
    }

    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_aiohttp(aiohttp.application(sessions)) as url:
            yield url
