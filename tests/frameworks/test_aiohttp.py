"""The contract in aiohttp.web."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.fixtures.aiohttp_server import serve_aiohttp
from tests.frameworks.apps import aiohttp
from tests.frameworks.serving import OverStores

from sojourn import Sessions


class TestAiohttp(OverStores):
    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_aiohttp(aiohttp.application(sessions)) as url:
            yield url
