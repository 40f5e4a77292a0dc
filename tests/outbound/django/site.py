"""A Django site as Django makes it: its own login, sessions and CSRF check, over https, in a process of its own.

Run with the file of its certificate, a user and a password. It tells its port, then what it was asked for, a line
each, until its stdin closes.
"""

from __future__ import annotations

import ssl
import sys
import threading
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.urls import path

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

FORM = "<form method=post>{% csrf_token %}{{ form.as_p }}<button>Sign in</button></form>"  # as its documentation has it


@login_required
def orders(request: HttpRequest) -> HttpResponse:
    """Says who asks, and how."""
    return HttpResponse(f"{request.method} {request.user}", content_type="text/html")


@login_required
def leave(request: HttpRequest) -> HttpResponse:
    """Forgets the session, not the client."""
    request.session.flush()
    return HttpResponse("forgotten", content_type="text/plain")


def denied(request: HttpRequest) -> HttpResponse:
    """Is for nobody."""
    return HttpResponse("not for you", status=403)


urlpatterns = [
    path("orders/", orders),
    path("leave/", leave),
    path("denied/", denied),
]


class Handler(WSGIRequestHandler):
    """Says that it is behind TLS, and nothing else."""

    def get_environ(self) -> dict[str, str]:
        return {**super().get_environ(), "HTTPS": "on"}

    def log_message(self, *args: object) -> None:
        return


class Server(ThreadingMixIn, WSGIServer):
    """A thread for each connection."""

    daemon_threads = True


def telling(site: WSGIApplication) -> WSGIApplication:
    """Each request is told before it is answered."""

    def answer(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
        def begin(status: str, *rest: Any) -> Any:
            query = environ["QUERY_STRING"]
            target = environ["PATH_INFO"] + (f"?{query}" if query else "")
            print(environ["REQUEST_METHOD"], target, status.split(maxsplit=1)[0], flush=True)  # noqa: T201 - it is told so
            return start(status, *rest)

        return site(environ, begin)

    return answer


def main() -> None:
    settings.configure(
        SECRET_KEY="not a secret, but long enough for a test of a site",
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "file:site?mode=memory&cache=shared"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[f"django.contrib.{app}" for app in ("auth", "contenttypes", "sessions")],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {"loaders": [("django.template.loaders.locmem.Loader", {"registration/login.html": FORM})]},
            }
        ],
        ROOT_URLCONF=__name__,
        CSRF_COOKIE_SECURE=True,
        SESSION_COOKIE_SECURE=True,
    )
    django.setup()
    from django.contrib.auth.models import User
    from django.contrib.auth.views import LoginView
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application

    call_command("migrate", verbosity=0)
    User.objects.create_user(sys.argv[2], password=sys.argv[3])
    urlpatterns.append(path("accounts/login/", LoginView.as_view()))
    server = Server(("127.0.0.1", 0), Handler)
    server.set_app(telling(get_wsgi_application()))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(sys.argv[1])
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)  # noqa: T201 - as above
    sys.stdin.read()


if __name__ == "__main__":
    main()
