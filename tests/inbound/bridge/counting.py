"""A process's own visitor, whose changes wait to be saved until the process ends."""

from __future__ import annotations

from tests.inbound.bridge.asked import Asked

from sojourn import Behind, Sessions
from sojourn.inbound.bridge import Bridge

__all__ = ["count_twice"]

kept: list[Sessions] = []  # as a module of an application keeps them


def count_twice(url: str) -> None:
    kept.append(Sessions(url, save="async", write=Behind(interval=3600)))
    asked = Asked(Bridge(kept[-1]))
    for number in range(2):
        with asked.request() as session:
            session["n"] = session.get("n", 0) + 1
            assert session["n"] == number + 1
