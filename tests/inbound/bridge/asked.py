"""Requests of one visitor to a sync framework, and a store whose answers can be put off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sojourn import Session
from sojourn.core.record import Record
from sojourn.inbound.bridge import Bridge
from sojourn.inbound.tracking.request import RequestDefaults
from sojourn.store.around import Around

PATIENCE = 10.0


class Gate:
    """Where a question to the store stands still."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.opened = threading.Event()

    async def __call__(self) -> None:
        self.reached.set()
        while not self.opened.is_set():  # noqa: ASYNC110 - it is opened by another thread
            await asyncio.sleep(0.001)


class Held(Around):
    """A store that waits at a gate before it is asked."""

    def __init__(self, inner: object) -> None:
        super().__init__(inner)  # type: ignore[arg-type]
        self.gates: dict[str, Gate] = {}

    def pause(self, question: str) -> Gate:
        gate = self.gates[question] = Gate()
        return gate

    async def load(self, key: str, app: str) -> Record | None:
        await self._pass("load")
        return await super().load(key, app)

    async def save(self, record: Record, *, over: Record | None) -> None:
        await self._pass("save")
        await super().save(record, over=over)

    async def _pass(self, question: str) -> None:
        if question in self.gates:
            await self.gates[question]()


class Visit(RequestDefaults):
    """A request."""

    method, path = "GET", "/"

    def __init__(self, jar: dict[str, str]) -> None:
        self.cookies = ["; ".join(f"{name}={value}" for name, value in jar.items()).encode()] if jar else []

    def header(self, name: bytes) -> list[bytes]:
        return []


class Asked:
    """Requests, one after another, of a visitor with a cookie jar."""

    def __init__(self, bridge: Bridge, jar: dict[str, str] | None = None) -> None:
        self.bridge = bridge
        self.jar = dict(jar or {})

    def twin(self) -> Asked:
        return Asked(self.bridge, self.jar)

    @contextmanager
    def request(self, status: int = 200) -> Iterator[Session]:
        """A request, from its first line to the end of its answer."""
        visit = self.bridge.open(Visit(self.jar))
        failed = True
        try:
            yield visit.session
            failed = False
            if not visit.passes():
                self._keep(self.bridge.start(visit, [], status=status))
        finally:
            self.bridge.finish(visit, failed=failed)

    def _keep(self, headers: list[tuple[bytes, bytes]]) -> None:
        for name, value in headers:
            if name == b"set-cookie":
                cookie, _, secret = value.decode().partition(";")[0].partition("=")
                self.jar[cookie] = secret
