"""Deeds: what the application of `AppContract` does with a session, the same in every framework.

An application for the contract has these routes, each of which answers any method:

- `/<deed>?name=value…`: the answer of `perform(deed, session, given)`, or of `await perform_async(…)` where the
  framework is async: a status, and a body of JSON; what it raises goes through.
- `/stream`: `begin(session)` before the answer starts, then a body that `stream(session)` makes while it is sent.
- `/events`: a body of the type `text/event-stream`, as `events(session)` makes it, or `events_async(session)` where the
  framework is async; it is called before the answer starts.
- `/socket`, where the framework has WebSockets: for each text that comes, a deed as in a URL, the body as text.
- `/static/…`: as a deed; the contract has set `skip` for it.
"""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from sojourn.core.session import Session
from sojourn.testing.app.gates import pass_gate

__all__ = ["DEEDS", "MANY", "Result", "begin", "events", "events_async", "perform", "perform_async", "stream"]

MANY = 1000  # parts of a stream of events that nobody ends

_KINDS = {
    "text": "word",
    "bytes": b"bytes",
    "none": None,
    "yes": True,
    "many": 2**80,
    "share": 0.1,
    "price": Decimal("9.90"),
    "number": UUID(int=7),
    "day": dt.date(2027, 1, 15),
    "instant": dt.datetime(2027, 1, 15, 8, tzinfo=dt.UTC),
    "span": dt.timedelta(minutes=5),
    "pair": (1, "a"),
    "set": {1, 2},
    "deep": {"items": [{"n": 1}]},
}

Given = Mapping[str, str]
Result = tuple[int, bytes]
"""A status, and a body of JSON."""


@dataclasses.dataclass
class Cart:
    """A typed view."""

    items: list[str] = dataclasses.field(default_factory=list)
    coupon: str = ""


def nothing(_session: Session, _given: Given) -> None:
    """Does not look at the session."""


def read(session: Session, _given: Given) -> dict[str, Any]:
    """All there is to see."""
    return {
        "data": dict(session),
        "principal": session.principal,
        "ref": session.ref,
        "version": session.version,
        "new": session.is_new,
        "created": session.created_at,
        "accessed": session.accessed_at,
    }


def get(session: Session, given: Given) -> Any:
    """One attribute."""
    return session.get(given["name"])


def put(session: Session, given: Given) -> None:
    """Attributes as given."""
    session.update(given)


def delete(session: Session, given: Given) -> None:
    """One attribute less."""
    del session[given["name"]]


def clear(session: Session, _given: Given) -> None:
    """None is left."""
    session.clear()


def count(session: Session, _given: Given) -> int:
    """One more."""
    session["n"] = session.get("n", 0) + 1
    return int(session["n"])


def save(session: Session, given: Given) -> int:
    """One more, which `perform` stores at once."""
    return count(session, given)


def nested(session: Session, given: Given) -> int:
    """A change deep within, and no flag."""
    items = session.setdefault("cart", {"items": []})["items"]
    items.append(given["item"])
    return len(items)


def view(session: Session, given: Given) -> list[Any]:
    """A typed view, changed where something is given."""
    cart = session.view(Cart)
    if "item" in given:
        cart.items.append(given["item"])
    cart.coupon = given.get("coupon", cart.coupon)
    return [cart.items, cart.coupon]


def kinds(session: Session, _given: Given) -> list[Any]:
    """Values of many kinds, as they come back; put in by the first who asks."""
    back = [name in session and _same(session[name], value) for name, value in _KINDS.items()]
    session.update(_KINDS)
    return back


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and bool(one == other)


def fill(session: Session, given: Given) -> int:
    """Many bytes; how many there were."""
    before = len(session.get("bytes", b""))
    session["bytes"] = bytes(int(given["size"]))
    return before


def link(session: Session, given: Given) -> str:
    """A URL of the application's, for those who keep no cookies."""
    session.setdefault("linked", True)
    return session.encode_url(given["to"])


def odd(session: Session, _given: Given) -> None:
    """A value that cannot be kept."""
    session["odd"] = object()


def log_in(session: Session, given: Given) -> str:
    """A sign-in. Answers the ref."""
    session.principal = given["user"]
    return session.ref


def log_out(session: Session, _given: Given) -> None:
    """A sign-out that keeps the session."""
    session.principal = None


def renew(session: Session, _given: Given) -> None:
    """A new id."""
    session.renew()


def end(session: Session, given: Given) -> None:
    """The end; with `everywhere`, of all sessions under the id."""
    session.end(everywhere="everywhere" in given)


def end_and_use(session: Session, _given: Given) -> None:
    """A mistake."""
    session.end()
    session.get("n")


def fail(session: Session, _given: Given) -> None:
    """A change, and an error of the application's."""
    session["failed"] = True
    raise ZeroDivisionError


DEEDS: dict[str, Callable[[Session, Given], Any]] = {
    deed.__name__: deed
    for deed in (
        nothing, read, get, put, delete, clear, count, save, nested, view, kinds, fill, link, odd,
        log_in, log_out, renew, end, end_and_use, fail,
    )
}  # fmt: skip
"""By name."""


def perform(deed: str, session: Session, given: Given) -> Result:
    """Do what is asked for in a sync framework. `given`: what the URL says behind `?`; `status` is answered.

    Beside `DEEDS`: `save` counts and stores at once, `alone` counts while it has the session to itself, and may fail
    there. `gate` names a gate that is passed when it is done.
    """
    if deed == "alone":
        with session.exclusive(wait=_patience(given)):
            said: Any = _alone(session, given)
            _pass(given)
    else:
        said = _done(deed, session, given)
        if deed == "save":
            session.save()
        _pass(given)
    return _answered(given, said)


async def perform_async(deed: str, session: Session, given: Given) -> Result:
    """As `perform`, in an async framework."""
    if deed == "alone":
        async with session.exclusive(wait=_patience(given)):
            said: Any = _alone(session, given)
            await asyncio.to_thread(_pass, given)
    else:
        said = _done(deed, session, given)
        if deed == "save":
            await session.save()
        if "gate" in given:
            await asyncio.to_thread(_pass, given)
    return _answered(given, said)


def begin(session: Session) -> None:
    """What is done before a stream starts."""
    session["early"] = True


def stream(session: Session) -> Iterator[bytes]:
    """The parts of a body, and between them a change that is late."""
    yield b"first"
    session["late"] = True
    yield b"last"


def events(session: Session) -> Iterator[bytes]:
    """Server-sent events, for as long as they are heard; called before the answer starts."""
    return _ticks(f"data: {session.principal}\n\n".encode())


def events_async(session: Session) -> AsyncIterator[bytes]:
    """As `events`, in an async framework."""
    return _ticks_async(f"data: {session.principal}\n\n".encode())


def _ticks(event: bytes) -> Iterator[bytes]:
    for _ in range(MANY):
        yield event
        time.sleep(0.01)


async def _ticks_async(event: bytes) -> AsyncIterator[bytes]:
    for _ in range(MANY):
        yield event
        await asyncio.sleep(0.01)


def _done(deed: str, session: Session, given: Given) -> Any:
    act = DEEDS.get(deed.rpartition("/")[2])
    return None if act is None else act(session, {name: given[name] for name in given if name not in _OURS})


def _alone(session: Session, given: Given) -> int:
    counted = count(session, given)
    if "fails" in given:
        raise ZeroDivisionError
    return counted


_OURS = ("gate", "status", "wait")


def _answered(given: Given, said: Any) -> Result:
    return int(given.get("status", "200")), json.dumps(said).encode()


def _pass(given: Given) -> None:
    if "gate" in given:
        pass_gate(given["gate"])


def _patience(given: Given) -> float:
    return float(given.get("wait", "5"))
