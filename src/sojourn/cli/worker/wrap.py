"""Gives an application its sessions, and sees to it that nothing in it hides them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, NamedTuple, cast

from sojourn import Cookie, Lifetime, Limit, Sessions
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
    cookie = Cookie.development() if orders.plain_http else Cookie()
    sessions = Sessions(
        orders.store,
        app=orders.app,
        cookie=cookie,
        lifetime=_lifetime(orders),
        near="remote" if orders.near else None,
        save=orders.save,
        limit=Limit(per_principal=orders.limit) if orders.limit else None,
        outage=orders.outage,
        route=orders.route,
        skip=orders.skip,
    )
    served = cast("Application", SessionMiddleware(cast("Any", app), sessions))
    return Wrapped(served, sessions, _described(cookie, plain_http=orders.plain_http), warnings)


def _warning(orders: Orders, name: str) -> str:
    if orders.replace_sessions:
        return f"{name} of {orders.target} is put aside for Sojourn's sessions; remove it from the code"
    return f"{orders.target} uses {name}, which hides Sojourn's sessions; remove it or serve with --replace-sessions"


def _lifetime(orders: Orders) -> Lifetime:
    absolute = timedelta(seconds=orders.absolute) if orders.absolute else None
    if orders.idle is None:
        return Lifetime(absolute=absolute)
    return Lifetime(idle=timedelta(seconds=orders.idle), absolute=absolute)


def _described(cookie: Cookie, *, plain_http: bool) -> str:
    if plain_http:
        return f"{cookie.name}, for development: plain http on the loopback, so without Secure"
    return f"{cookie.name}, Secure: put something in front that terminates TLS, or browsers drop it"
