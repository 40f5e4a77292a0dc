"""Node: one process that serves the test's application. Run with its settings as JSON in its first argument."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, MutableMapping
from dataclasses import asdict, dataclass
from typing import Any, cast
from urllib.parse import parse_qsl

import uvicorn
from tests.faults.ground import broken

from sojourn import Cookie, Lifetime, Session, Sessions
from sojourn.core.events import Event, SessionEnded
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.ending import Sweep
from sojourn.store import Store, open_store
from sojourn.store.near import Near
from sojourn.telemetry.prometheus import Prometheus

BROKEN = "SOJOURN_FAULTS_BROKEN"
Given = dict[str, str]
Scope = MutableMapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Of one node. Times in seconds, shorter than the product's own, so that a short run sees whole lives."""

    index: int
    port: int
    store: str
    silence: float | None
    """Of the near cache (see `Near`); None: there is none."""
    events: str
    """The file to which what listeners hear is appended."""
    idle: float
    lease: float
    sweep_delay: float
    sweep_every: float

    def as_argument(self) -> str:
        return json.dumps(asdict(self))


def found(session: Session) -> dict[str, Any]:
    """What the session held before the deed."""
    held = dict(session)
    return {
        "ref": session.ref,
        "version": session.version,
        "tokens": [value for name, value in held.items() if name.startswith("t")],
        "last": held.get("last", 0),
        "mark": held.get("mark"),
        "principal": session.principal,
    }


def write(session: Session, given: Given) -> None:
    token = int(given["token"])
    session.setdefault("mark", int(given["visitor"]))
    session[f"t{token}"] = session["last"] = token


def read(session: Session, given: Given) -> None:
    """Nothing but a look."""


def sign_in(session: Session, given: Given) -> None:
    if session.principal is None:
        session.principal = given["principal"]
    else:
        session.renew()


def end(session: Session, given: Given) -> None:
    session.end()


DEEDS: dict[str, Callable[[Session, Given], None]] = {
    "/write": write,
    "/read": read,
    "/sign-in": sign_in,
    "/end": end,
}


async def app(scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Do as the path says, and answer with what was there before."""
    if scope["type"] == "lifespan":
        for stage in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{stage}.complete"})
        return
    given = dict(parse_qsl(scope["query_string"].decode()))
    session = scope["session"]
    before = found(session)
    DEEDS[scope["path"]](session, given)
    await respond(send, before)


async def respond(send: Callable[..., Any], value: Any) -> None:
    body = json.dumps(value).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body})


class Two:
    """Two applications in one: sessions that are kept for long, and below `/short` such as are left to expire."""

    def __init__(self, long: SessionMiddleware, short: SessionMiddleware, counts: Callable[[], Any]) -> None:
        """`counts`: the counters of the node's own metrics, over all labels, to be had at `/counts`."""
        self._long = long
        self._short = short
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        if scope["type"] == "http" and scope["path"] == "/counts":
            await respond(send, self._counts())
        elif scope["type"] == "http" and scope["path"].startswith("/short/"):
            await self._short({**scope, "path": scope["path"].removeprefix("/short")}, receive, send)
        else:
            await self._long(scope, receive, send)


class Ear:
    """A listener that writes down what it hears, at once: what is written is there when the process is killed."""

    def __init__(self, settings: Settings) -> None:
        self._node = settings.index
        self._file = os.open(settings.events, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def __call__(self, event: Event) -> None:
        line: dict[str, Any] = {"kind": type(event).__name__, "node": self._node, "app": event.app, "ref": event.ref}
        if isinstance(event, SessionEnded):
            line |= {"event_id": event.event_id, "reason": event.reason, "at": time.monotonic()}
        os.write(self._file, json.dumps(line).encode() + b"\n")


def made(settings: Settings, store: Store) -> Two:
    """Both applications, with their sessions in one store."""
    ear = Ear(settings)
    prometheus = Prometheus()

    def side(name: str, lifetime: Lifetime) -> SessionMiddleware:
        sessions = Sessions(
            store,
            app=name,
            cookie=Cookie(name=f"__Host-{name}"),
            lifetime=lifetime,
            near=Near(silence=settings.silence) if settings.silence is not None else None,
            sweep=Sweep(every=settings.sweep_every),
            node=f"n{settings.index}",
        )
        sessions.listen(ear)
        prometheus.watch(sessions)
        return SessionMiddleware(app, sessions)

    def counts() -> dict[str, int]:
        counted: Counter[str] = Counter()
        for metric in prometheus.registry.collect():
            for sample in metric.samples:
                if sample.name.endswith("_total"):
                    counted[sample.name.removeprefix("sojourn_").removesuffix("_total")] += int(sample.value)
        return counted

    return Two(side("long", Lifetime()), side("short", Lifetime(idle=settings.idle)), counts)


def hasten(settings: Settings) -> None:
    """Give the product's waits the lengths of the test, in every module that knows them."""
    waits = {"SWEEP_DELAY": settings.sweep_delay, "LEASE": settings.lease}
    for name, module in tuple(sys.modules.items()):
        for wait, seconds in waits.items():
            if name.startswith("sojourn.") and isinstance(getattr(module, wait, None), float):
                setattr(module, wait, seconds)


def die_with_parent() -> None:
    """End when the test has gone, however it went: it holds the other end of the standard input."""
    sys.stdin.buffer.read()
    os._exit(1)


def main() -> None:
    settings = Settings(**json.loads(sys.argv[1]))
    threading.Thread(target=die_with_parent, daemon=True).start()
    hasten(settings)  # before the driver is imported, which may build the delay into what it asks of its server
    store = open_store(settings.store)
    if name := os.environ.get(BROKEN):
        broken.BUILDS[name](type(store))
    served = made(settings, store)
    hasten(settings)
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)  # the test keeps the port while nobody listens
        listener.bind(("127.0.0.1", settings.port))
        listener.listen(512)
        config = uvicorn.Config(
            cast("Any", served),
            log_level="warning",
            access_log=False,
            ws="none",
            lifespan="on",
            timeout_keep_alive=600,
        )
        asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
