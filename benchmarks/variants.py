"""What is compared with what."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["VARIANTS", "Variant"]


class Variant(NamedTuple):
    """One way of keeping sessions, in one server."""

    title: str
    served: str
    """`asgi` or `wsgi` by granian, or `node`."""
    app: str
    """Its name in `peers`."""
    store: str = ""
    """Which store it is given: `memory`, `sqlite`, `postgres` or `valkey`."""
    bare: str = "bare"
    """The variant without sessions that its cost is counted from."""


VARIANTS = {
    "bare": Variant("Starlette, no sessions", "asgi", "bare"),
    "ours-memory": Variant("**Sojourn**, memory", "asgi", "ours", "memory"),
    "ours-sqlite": Variant("**Sojourn**, SQLite", "asgi", "ours", "sqlite"),
    "ours-postgres": Variant("**Sojourn**, PostgreSQL", "asgi", "ours", "postgres"),
    "ours-valkey": Variant("**Sojourn**, Valkey", "asgi", "ours", "valkey"),
    "ours-valkey-async": Variant("**Sojourn**, Valkey, async", "asgi", "ours-async", "valkey"),
    "ours-valkey-without-near": Variant("**Sojourn**, Valkey, no near cache", "asgi", "ours-without-near", "valkey"),
    "starsessions": Variant("starsessions on Starlette", "asgi", "starsessions", "valkey"),
    "redis-sdk": Variant("fastapi-redis-sdk", "asgi", "redis-sdk", "valkey"),
    "litestar-bare": Variant("Litestar, no sessions", "asgi", "litestar-bare", bare="litestar-bare"),
    "litestar": Variant("Litestar", "asgi", "litestar", "valkey", bare="litestar-bare"),
    "flask-bare": Variant("Flask, no sessions", "wsgi", "flask-bare", bare="flask-bare"),
    "flask-ours": Variant("**Sojourn** on Flask, Valkey", "wsgi", "flask-ours", "valkey", bare="flask-bare"),
    "flask": Variant("Flask-Session", "wsgi", "flask", "valkey", bare="flask-bare"),
    "django-bare": Variant("Django, no sessions", "wsgi", "django-bare", bare="django-bare"),
    "django-ours": Variant("**Sojourn** on Django, Valkey", "wsgi", "django-ours", "valkey", bare="django-bare"),
    "django-ours-engine": Variant(
        "**Sojourn** on Django, its engine alone, Valkey", "wsgi", "django-ours-engine", "valkey", bare="django-bare"
    ),
    "django": Variant("Django, cache engine", "wsgi", "django", "valkey", bare="django-bare"),
    "express-bare": Variant("Express (Node), no sessions", "node", "express-bare", bare="express-bare"),
    "express": Variant("express-session (Node)", "node", "express", "valkey", bare="express-bare"),
}
