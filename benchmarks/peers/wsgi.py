"""WSGI: Flask with Flask-Session, Django with its sessions in the cache, and both with ours.

`app` is what the environment names.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from benchmarks.peers.cart import cart, count

__all__ = ["app"]

STORE = os.environ.get("SOJOURN_BENCH_STORE", "")


def flask(keep: Callable[[Any], None] | None) -> Any:
    """Flask, with the sessions that `keep` gives it, or without any."""
    from flask import Flask, session

    site, sessions = Flask(__name__), keep is not None
    if keep is not None:
        keep(site)

    @site.get("/plain")
    def plain() -> dict[str, int]:
        return count(None)

    @site.get("/<size>")
    def read(size: str) -> dict[str, int]:
        return count(session.get("cart") if sessions else None)

    @site.post("/<size>")
    def write(size: str) -> dict[str, int]:
        found = (session.get("cart") if sessions else None) or cart(size)
        found["changes"] += 1
        if sessions:
            session["cart"] = found
        return count(found)

    return site


def flask_session(site: Any) -> None:
    """Flask-Session."""
    import redis
    from flask_session import Session

    site.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.from_url(STORE), SESSION_COOKIE_SECURE=False)
    Session(site)


def flask_ours(site: Any) -> None:
    """Sojourn."""
    from sojourn import Cookie, Sessions
    from sojourn.inbound.flask import SessionInterface

    site.session_interface = SessionInterface(Sessions(STORE, cookie=Cookie.development()))


def django(**chosen: Any) -> Any:
    """Django, with the sessions that are chosen in its settings, or without any."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    def answer(found: Any) -> JsonResponse:
        response = JsonResponse(count(found))
        response["content-length"] = len(response.content)
        return response

    sessions = bool(chosen)

    def shop(request: Any, size: str) -> JsonResponse:
        if not sessions or size == "plain":
            return answer(None)
        found = request.session.get("cart")
        if request.method == "POST":
            found = found or cart(size)
            found["changes"] += 1
            request.session["cart"] = found
        return answer(found)

    class Urls:
        urlpatterns = [path("<str:size>", shop)]  # noqa: RUF012

    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=Urls, **{"MIDDLEWARE": [], **chosen})
    return get_wsgi_application()


IN_THE_CACHE = {
    "MIDDLEWARE": ["django.contrib.sessions.middleware.SessionMiddleware"],
    "SESSION_ENGINE": "django.contrib.sessions.backends.cache",
    "SESSION_SAVE_EVERY_REQUEST": True,  # idle time counts from the last use, as for all the others
    "CACHES": {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": STORE}},
}
OURS = {"SESSION_ENGINE": "sojourn.inbound.django", "SOJOURN_STORE": STORE, "SESSION_COOKIE_SECURE": False}

VARIANTS = {
    "flask": lambda: flask(flask_session),
    "flask-ours": lambda: flask(flask_ours),
    "flask-bare": lambda: flask(None),
    "django": lambda: django(**IN_THE_CACHE),
    "django-ours": lambda: django(**OURS, MIDDLEWARE=["sojourn.inbound.django.SessionMiddleware"]),
    "django-ours-engine": lambda: django(**OURS, MIDDLEWARE=IN_THE_CACHE["MIDDLEWARE"]),
    "django-bare": django,
}

app = VARIANTS[os.environ.get("SOJOURN_BENCH_VARIANT", "flask-bare")]()
