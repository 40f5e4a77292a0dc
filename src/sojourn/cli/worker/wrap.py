"""Gives an application its sessions, and sees to it that nothing in it hides them."""

from __future__ import annotations

from typing import Any, NamedTuple, cast

from sojourn import Cookie, Sessions
from sojourn.cli.orders import Orders
from sojourn.cli.worker.middleware import keeps_sessions, middleware, name_of, without
from sojourn.cli.worker.target import Application
from sojourn.inbound.asgi import SessionMiddleware

__all__ = ["Wrapped", "wrap"]


class Wrapped(NamedTuple):
    """The application as it is served. `sessions` is None when it brings Sojourn's sessions itself."""

    app: Application
    sessions: Sessions | None
    cookie: str
    warnings: list[str]


def wrap(app: Application, orders: Orders) -> Wrapped:
    """Put `SessionMiddleware` around the application, unless it has it."""
    found = middleware(app)
    if SessionMiddleware in found:
        served_as = "is served as it is: its code says where its sessions are kept and how, not the options"
        warnings = [f"{orders.target} has Sojourn's SessionMiddleware and {served_as}"]
        if orders.metrics:
            warnings.append(
                f"--metrics counts nothing of {orders.target}; let its own sessions be watched by Prometheus"
            )
        return Wrapped(app, None, "as the application's own SessionMiddleware sets it", warnings)
    warnings = sorted(_warning(orders, name_of(kind)) for kind in found if keeps_sessions(kind))
    if orders.replace_sessions:
        app = without(app, keeps_sessions)
    sessions = orders.settings.sessions()
    served = cast("Application", SessionMiddleware(cast("Any", app), sessions))
    return Wrapped(
        served, sessions, _described(sessions.cookie, orders.settings.origins.get("cookie.secure")), warnings
    )


def _warning(orders: Orders, name: str) -> str:
    if orders.replace_sessions:
        return f"{name} of {orders.target} is put aside for Sojourn's sessions; remove it from the code"
    return f"{orders.target} uses {name}, which hides Sojourn's sessions; remove it or serve with --replace-sessions"


def _described(cookie: Cookie, said: str | None) -> str:
    """What a browser does with the cookie. `said`: where it was set whether it is Secure."""
    if cookie.secure:
        return f"{cookie.name}, Secure: put something in front that terminates TLS, or browsers drop it"
    if said:
        return f"{cookie.name}, without Secure, as {said} says: it goes over plain http, too"
    return f"{cookie.name}, for development: plain http on the loopback, so without Secure"
