"""The contract in Pyramid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

from tests.frameworks.apps import pyramid
from tests.frameworks.serving import OverStores, serve_wsgi

from sojourn import Sessions


class TestPyramid(OverStores):
    cannot: ClassVar[dict[str, str]] = {
        "test_*socket*": "WSGI has no WebSockets",
    }

    @contextmanager
    def serve(self, sessions: Sessions) -> Iterator[str]:
        with serve_wsgi(pyramid.application(sessions)) as url:
            yield url
