"""A Django site in a process of its own, before the move and after. Run with its settings as JSON."""

from __future__ import annotations

import json
import os
import sys
import threading
from contextlib import AbstractContextManager
from typing import Any

import django
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, JsonResponse
from django.urls import path
from django.utils import timezone
from django.utils.dateparse import parse_duration
from tests.frameworks.serving import serve_asgi, serve_wsgi

from sojourn import Cookie, Sessions
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.moving.django import DjangoSession

ENGINES = "django.contrib.sessions.backends."
MIDDLEWARE = {
    "old": "django.contrib.sessions.middleware.SessionMiddleware",
    "new": "sojourn.inbound.django.SessionMiddleware",
    "asgi": "sojourn.inbound.django.SessionMiddleware",
    "other": "django.contrib.sessions.middleware.SessionMiddleware",
}


def sign_in(request: HttpRequest) -> JsonResponse:
    from django.contrib.auth import authenticate, login

    login(request, authenticate(request, username="alice", password="right"))
    request.session["cart"] = ["pen ✎"] * 9
    if "live" in request.GET:
        request.session.set_expiry(timezone.now() + parse_duration(request.GET["live"]))  # type: ignore[operator]
    return JsonResponse({})


def show(request: HttpRequest) -> JsonResponse:
    return JsonResponse(
        {
            "user": request.user.get_username(),
            "cart": request.session.get("cart"),
            "hash": request.session.get("_auth_user_hash"),
        }
    )


def count(request: HttpRequest) -> JsonResponse:
    request.session[request.GET["name"]] = 1
    return JsonResponse({})


def names(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"names": sorted(request.session.keys())})


def change_password(request: HttpRequest) -> JsonResponse:
    request.user.set_password("another")
    request.user.save()
    return JsonResponse({})


urlpatterns = [
    path("in", sign_in), path("", show), path("count", count), path("names", names), path("change", change_password)
]  # fmt: skip


async def other(scope: Any, receive: Any, send: Any) -> None:
    """An application that is not Django's."""
    body = json.dumps([dict(scope["session"]), scope["session"].principal]).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


def configure(role: str, directory: str, engine: str, more: dict[str, Any]) -> None:
    moved = {
        "SESSION_ENGINE": "sojourn.inbound.django",
        "SOJOURN_STORE": f"sqlite:///{directory}/sojourn.db",
        "SOJOURN": {"takes_over": [reader(engine)]},
    }
    settings.configure(
        SECRET_KEY=more.pop("SECRET_KEY", "of the site"),
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": f"{directory}/site.db"}},
        CACHES={
            "default": {
                "BACKEND": "django.core.cache.backends.filebased.FileBasedCache",
                "LOCATION": f"{directory}/cache",
            }
        },
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"],
        MIDDLEWARE=[MIDDLEWARE[role], "django.contrib.auth.middleware.AuthenticationMiddleware"],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        ROOT_URLCONF=__name__,
        SESSION_FILE_PATH=directory,
        **({"SESSION_ENGINE": engine} if role in ("old", "other") else moved),
        **more,
    )
    django.setup()


def reader(engine: str) -> DjangoSession:
    return DjangoSession(
        engine, cookie=Cookie(name="sessionid", secure=False), trusts_cache=engine.endswith("backends.cache")
    )


def serving(role: str, directory: str, engine: str) -> AbstractContextManager[str]:
    if role == "other":
        store = f"sqlite:///{directory}/other.db"
        return serve_asgi(SessionMiddleware(other, Sessions(store, takes_over=[reader(engine)])))
    if role == "asgi":
        return serve_asgi(get_asgi_application(), lifespan="off")
    if role == "old":
        call_command("migrate", verbosity=0)
        from django.contrib.auth.models import User

        if not User.objects.exists():
            User.objects.create_user("alice", password="right")
    return serve_wsgi(get_wsgi_application())


def main() -> None:
    role, directory, engine, more = json.loads(sys.argv[1])
    configure(role, directory, engine, more)
    threading.Thread(target=_die_with_the_test, daemon=True).start()
    with serving(role, directory, engine) as url:
        print(url, flush=True)  # noqa: T201 - for the test that has started it
        sys.stdin.buffer.readline()


def _die_with_the_test() -> None:
    parent = os.getppid()
    while os.getppid() == parent:
        threading.Event().wait(1)
    os._exit(1)


if __name__ == "__main__":
    sys.modules["tests.inbound.moving.sites.django_site"] = sys.modules[__name__]
    main()
