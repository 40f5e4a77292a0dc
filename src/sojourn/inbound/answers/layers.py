"""Layers: another layer that keeps sessions, around ours or within it, is told of: once a process, to the log."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from sojourn.core.cookies import Cookie
from sojourn.core.session import Session

__all__ = ["KNOWN", "beside", "inside", "of_application", "outside", "second", "setting", "tell", "too_late"]

KNOWN = {
    b"session": "Starlette's, starsessions', Litestar's or Flask's",
    b"sessionid": "Django's",
    b"beaker.session.id": "Beaker's",
    b"AIOHTTP_SESSION": "aiohttp-session's",
}
"""Session cookies as others call them, unless they are told otherwise."""

_AUTHENTICATES = "AuthenticationMiddleware"  # Starlette's
_USERS = (_AUTHENTICATES, "CSRFProtectMiddleware")  # … and Starlette-WTF's: what uses a session, as it is called

_CLEARED = (b"max-age=0", b"expires=thu, 01 jan 1970", b"expires=thu, 01-jan-1970")

_OURS = (Session, type(None), type)  # another of ours, inside; or none, for which Litestar puts a class

_told: set[str] = set()
_log = logging.getLogger(__name__)


def outside(found: object) -> None:
    """`found` stood where our session is to be, before we put it there."""
    if not issubclass(type(found), Session):  # `isinstance` would ask it, and what is not loaded yet may raise
        tell(
            _kind(found),
            "keeps sessions outside of Sojourn's layer: the application sees Sojourn's alone, and visitors have two "
            "session cookies; take that layer out",
        )


def inside(found: object) -> None:
    """`found` stands where our session was, when the application has returned."""
    if not issubclass(type(found), _OURS):
        tell(
            _kind(found),
            "took the place of Sojourn's session, from a layer inside of Sojourn's: what the application keeps is kept "
            "there; take that layer out",
        )


def setting(headers: Iterable[tuple[bytes, bytes]], ours: Cookie) -> None:
    """The application answers with these headers, and has used our session."""
    for name, value in headers:
        if name.lower() != b"set-cookie":
            continue
        cookie = value.partition(b"=")[0].strip()
        if cookie in (ours.name.encode(), ours.version_name.encode()):
            tell(
                f"something inside of Sojourn's layer sets the cookie {ours.name!r}",
                "as Sojourn does, so that one overwrites the other: give Cookie(name=…) another name, or take that out",
            )
        elif cookie in KNOWN and not any(mark in value.lower() for mark in _CLEARED):
            tell(
                f"a session cookie {cookie.decode()!r} ({KNOWN[cookie]})",
                "is set beside Sojourn's: two layers keep sessions; take that one out",
            )


def of_application(app: Any, ours: type, *, identified: bool) -> None:
    """`app`, of Starlette's kind, is about to start, and `ours` is among its layers.

    `identified`: whether we are told by a layer outside whose a request is.
    """
    kinds = [each.cls for each in getattr(app, "user_middleware", ()) if isinstance(getattr(each, "cls", None), type)]
    if ours not in kinds:
        return
    for kind in kinds:
        if kind.__name__ == "SessionMiddleware" and not issubclass(kind, ours):
            second(kind)
    for kind in kinds[: kinds.index(ours)]:
        if kind.__name__ in _USERS and not (identified and kind.__name__ == _AUTHENTICATES):
            needless = '; or give identity="request", if it needs none' if kind.__name__ == _AUTHENTICATES else ""
            tell(
                _name(kind),
                "is outside of Sojourn's SessionMiddleware, and runs before there is a session: add SessionMiddleware "
                f"after it, so that it is outside{needless}",
            )


def second(layer: type) -> None:
    """`layer` keeps sessions, too, and is installed beside ours."""
    tell(_name(layer), "is there beside Sojourn's: two layers keep sessions; take that one out")


def too_late(layer: type) -> None:
    """`layer` authenticates, and runs when we have asked already whose a request is."""
    tell(
        _name(layer),
        "authenticates within the place where Sojourn asks whose a request is, so that nobody has a session: make it "
        "a middleware of the application, or say it there with session.own(…) in place of `identity`",
    )


def beside(found: object) -> None:
    """`found` stands in `environ`, under the name that another layer of WSGI's gives it."""
    tell(_kind(found), "keeps sessions beside Sojourn's: visitors have two session cookies; take that layer out")


def tell(layer: str, what: str) -> None:
    """Log it, the first time that it concerns `layer`."""
    if layer not in _told:
        _told.add(layer)
        _log.warning("%s %s", layer, what)


def _kind(found: object) -> str:
    return _name(type(found))


def _name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"
