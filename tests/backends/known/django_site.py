"""Sites of Django, by gunicorn: sign-ins are told by Django's own signals, sessions are rows of its database."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from tests.applications.installation import run
from tests.backends.backend import PASSWORD, USER, Log
from tests.backends.running import Running

from sojourn.outbound import Backend, DoubleSubmit, Form, Logout

__all__ = ["LOGIN", "Site"]

LOGIN = "/admin/login/"

SITE = """\
import logging
import sys

import django
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed, user_logged_out

settings.configure(
    SECRET_KEY="not a secret, but long enough for a trial of a site",
    ALLOWED_HOSTS=["127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": "site.db",
            "OPTIONS": {"timeout": 60, "transaction_mode": "IMMEDIATE"},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        f"django.contrib.{app}" for app in ("admin", "auth", "contenttypes", "messages", "sessions", "staticfiles")
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    ROOT_URLCONF="site_urls",
    STATIC_URL="/static/",
    USE_TZ=True,
)
django.setup()

said = logging.FileHandler("told.log")
log = logging.getLogger("told")
log.setLevel("INFO")
log.addHandler(said)


def telling(what):
    def tell(**_):
        log.info(what)

    return tell


for signal, what in (
    (user_logged_in, "signed in"),
    (user_login_failed, "refused"),
    (user_logged_out, "signed out"),
):
    signal.connect(telling(what), weak=False)

if __name__ == "__main__":
    from django.contrib.auth.models import User
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    User.objects.create_superuser(*sys.argv[1:])
else:
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
"""


class Site:
    """It runs, in two processes; its database is `site.db` in its directory."""

    def __init__(self, python: Path, home: Path, urls: str, versions: Mapping[str, str]) -> None:
        """`urls`: the module of that name.. Raises `Failed`."""
        self.versions = versions
        self._home = home
        (home / "site_made.py").write_text(SITE)
        (home / "site_urls.py").write_text(urls)
        run([str(python), "site_made.py", USER, "ada@example.org", PASSWORD], at=home)
        self._running = Running(
            [
                *(str(python), "-m", "gunicorn", "--workers", "2", "--worker-class", "gthread", "--threads", "16"),
                *(
                    "--timeout",
                    "120",
                    "--keep-alive",
                    "75",
                    "--no-control-socket",
                    "--bind",
                    "127.0.0.1:{port}",
                    "site_made:application",
                ),
            ],
            home,
            {"PYTHONPATH": str(home)},
        )
        self._running.start()

    def backend(self, password: str) -> Backend:
        return Backend(
            self._running.url,
            reuse="flow",
            auth=Form(LOGIN, {"username": USER, "password": password}, identity=USER),
            csrf=DoubleSubmit(page=LOGIN),
            closing=Logout("admin/logout/", method="POST"),
        )

    def log(self) -> Log:
        lines = self.told()
        return Log(
            lines.count("signed in"),
            lines.count("refused"),
            self.changes(),
            self.count("django_session"),
        )

    def changes(self) -> int:
        """That have been made."""
        raise NotImplementedError

    def told(self) -> list[str]:
        """What its own log tells."""
        log = self._home / "told.log"
        return log.read_text().splitlines() if log.exists() else []

    def count(self, table: str) -> int:
        """Rows of it."""
        with sqlite3.connect(self._home / "site.db", timeout=60) as database:
            found = database.execute(f"select count(*) from {table}").fetchone()  # noqa: S608 - a name of ours
        database.close()
        return int(found[0])

    def forget(self) -> None:
        with sqlite3.connect(self._home / "site.db", timeout=60) as database:
            database.execute("delete from django_session")
        database.close()

    def stop(self) -> None:
        self._running.stop()
