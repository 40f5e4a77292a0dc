"""A picky door for the small server: who comes signs in by Basic, and changes nothing without a token."""

from __future__ import annotations

import base64
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.cookies import SimpleCookie

from tests.outbound.drivers.server import Asked, Reply, Server


class Door:
    """Lets in, and counts. Sessions by their id, each with its token."""

    def __init__(self, inside: Callable[[Asked], Reply]) -> None:
        self.inside = inside
        self.sessions: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def answer(self, asked: Asked) -> Reply:
        cookies = SimpleCookie(b"; ".join(asked.all("cookie")).decode())
        session = cookies["JSESSIONID"].value if "JSESSIONID" in cookies else ""
        more: tuple[tuple[bytes, bytes], ...] = ()
        if session not in self.sessions:
            if asked.all("authorization") != [b"Basic " + base64.b64encode(b"alice:secret")]:
                self.counts["refused"] += 1
                return Reply(401)
            self.counts["sign-ins"] += 1
            session = secrets.token_hex(8)
            self.sessions[session] = secrets.token_hex(8)
            more = ((b"Set-Cookie", f"JSESSIONID={session}; Path=/; HttpOnly".encode()),)
        token = self.sessions[session].encode()
        given = asked.all("x-csrf-token")
        if given == [b"Fetch"]:
            self.counts["tokens"] += 1
            more += ((b"X-CSRF-Token", token),)
        elif asked.method not in ("GET", "HEAD") and given != [token]:
            self.counts["tokens refused"] += 1
            return Reply(403, (*more, (b"X-CSRF-Token", b"Required")))
        reply = self.inside(asked)
        return replace(reply, headers=(*reply.headers, *more))


@contextmanager
def behind_a_door(inside: Callable[[Asked], Reply]) -> Iterator[tuple[Server, Door]]:
    door = Door(inside)
    with Server(door.answer) as server:
        yield server, door
