"""WSGI: Flask with Flask-Session, and Django with its sessions in the cache. `app` is what the environment names."""

from __future__ import annotations

import os
from typing import Any

from benchmarks.peers.cart import cart, count

__all__ = ["app"]

STORE = os.environ.get("SOJOURN_BENCH_STORE", "")


def flask(*, sessions: bool) -> Any:
    """Flask, with or without Flask-Session."""
    from flask import Flask, session

    site = Flask(__name__)
    if sessions:
        import redis
        from flask_session import Session

        site.config.update(SESSION_TYPE="redis", SESSION_REDIS=redis.from_url(STORE), SESSION_COOKIE_SECURE=False)
        Session(site)

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


def django(*, sessions: bool) -> Any:
    """Django, with its cache engine or without sessions."""
    from django.conf import settings
    from django.core.wsgi import get_wsgi_application
    from django.http import JsonResponse
    from django.urls import path

    def answer(found: Any) -> JsonResponse:
        response = JsonResponse(count(found))
        response["content-length"] = len(response.content)
        return response

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

    settings.configure(
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=Urls,
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"] if sessions else [],
        SESSION_ENGINE="django.contrib.sessions.backends.cache",
        SESSION_SAVE_EVERY_REQUEST=True,  # idle time counts from the last use, as for all the others
        CACHES={"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": STORE}},
    )
    return get_wsgi_application()


VARIANTS = {
    "flask": lambda: flask(sessions=True),
    "flask-bare": lambda: flask(sessions=False),
    "django": lambda: django(sessions=True),
    "django-bare": lambda: django(sessions=False),
}

app = VARIANTS[os.environ.get("SOJOURN_BENCH_VARIANT", "flask-bare")]()
