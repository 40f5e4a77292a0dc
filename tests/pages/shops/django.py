"""The shop in Django: its users are those of `django.contrib.auth`, its forms need the token in the session."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import django
from django.conf import settings
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path
from tests.pages.shops.counter import DEVICES, put, render

from sojourn.inbound.bridge import wait
from sojourn.inbound.devices import Devices, note

if TYPE_CHECKING:
    from sojourn import Session


def application(**options: Any) -> WSGIHandler:
    directory = Path(options["store"].removeprefix("sqlite:///")).parent
    settings.configure(
        SECRET_KEY="not a secret",
        ALLOWED_HOSTS=["*"],
        ROOT_URLCONF=__name__,
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": str(directory / "users.db")}},
        INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
        MIDDLEWARE=[
            "sojourn.inbound.django.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        CSRF_USE_SESSIONS=True,
        SESSION_ENGINE="sojourn.inbound.django",
        SOJOURN=options,
    )
    django.setup()

    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return WSGIHandler()


def _look(request: HttpRequest) -> HttpResponse:
    from django.middleware.csrf import get_token

    ours = _ours(request)
    ours.setdefault("came", True)  # Django keeps the token when the page is made: too late for its links
    who = request.user.get_username() if request.user.is_authenticated else ours.principal
    hidden = f'<input type="hidden" name="csrfmiddlewaretoken" value="{get_token(request)}">'
    return HttpResponse(render(ours, who, ours.encode_url, hidden=hidden))


def _add(request: HttpRequest) -> HttpResponse:
    put(request.session, request.POST["product"])
    return _back(request)


def _sign_in(request: HttpRequest) -> HttpResponse:
    from django.contrib.auth import login
    from django.contrib.auth.models import User

    user, _ = User.objects.get_or_create(username=request.POST["name"])
    login(request, user)
    note(_ours(request), request.headers["User-Agent"])
    return _back(request)


def _sign_out(request: HttpRequest) -> HttpResponse:
    from django.contrib.auth import logout

    logout(request)
    return HttpResponseRedirect("/", status=303)


def _devices(request: HttpRequest) -> HttpResponse:
    from sojourn.inbound.django import get_sessions

    answer = wait(
        Devices(get_sessions()).answer(
            _ours(request),
            method=str(request.method),
            path=request.path,
            query=request.META["QUERY_STRING"],
            form=request.body,
            headers={name.lower(): value for name, value in request.headers.items()},
        )
    )
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return HttpResponse(answer.body, status=answer.status, headers=headers)


_devices.csrf_exempt = True  # type: ignore[attr-defined]  # it looks itself where a form comes from


def _ours(request: HttpRequest) -> Session:
    return cast("Session", request.session)  # which offers all that one has


def _back(request: HttpRequest) -> HttpResponse:
    return HttpResponseRedirect(_ours(request).encode_redirect_url("/"), status=303)


urlpatterns = [
    path("", _look),
    path("other", _look),
    path("add", _add),
    path("sign-in", _sign_in),
    path("sign-out", _sign_out),
    path(DEVICES.removeprefix("/"), _devices),
]
