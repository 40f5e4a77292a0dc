"""Those on Django."""

from __future__ import annotations

from tests.applications.application import NAME, PASSWORD, Application, Door

__all__ = ["APPLICATIONS"]

SETTING = """\
import os

from {module} import *

SESSION_ENGINE = "sojourn.inbound.django"
SOJOURN_STORE = os.environ["SOJOURN_STORE"]
"""

PRETALX = Application(
    name="pretalx",
    framework="Django",
    own="its database",
    environment={
        "PRETALX_DATA_DIR": "{home}/data",
        "PRETALX_FILESYSTEM_STATIC": "{home}/static",
        "DJANGO_SETTINGS_MODULE": "pretalx.settings",
        "DJANGO_SUPERUSER_EMAIL": NAME,
        "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
        "PRETALX_INIT_ORGANISER_NAME": "Analytical Society",
        "PRETALX_INIT_ORGANISER_SLUG": "society",
    },
    prepare=(
        "python -m pretalx collectstatic --noinput",
        "python -m pretalx migrate",
        "python -m pretalx init --noinput",
    ),
    target="pretalx.wsgi:application",
    cookie="pretalx_session",
    setting=SETTING.format(module="pretalx.settings"),
    renews=True,
    moved_environment={"DJANGO_SETTINGS_MODULE": "moved"},
    doors=(
        Door(
            name="organisers",
            form="/orga/login/",
            fields={"login_email": NAME, "login_password": PASSWORD},
            page="/orga/organiser/",
            mark="Analytical Society",
            out="/orga/logout/",
            out_method="POST",
        ),
    ),
)

PRETIX = Application(
    name="pretix",
    framework="Django",
    own="its database",
    environment={
        "DATA_DIR": "{home}/data",
        "PRETIX_PRETIX_URL": "http://127.0.0.1",
        "DJANGO_SETTINGS_MODULE": "pretix.settings",
    },
    prepare=("python -m pretix migrate",),
    target="pretix.wsgi:application",
    cookie="pretix_session",
    setting=SETTING.format(module="pretix.settings"),
    renews=True,
    moved_environment={"DJANGO_SETTINGS_MODULE": "moved"},
    doors=(
        Door(
            name="backend",
            form="/control/login",
            fields={"email": "admin@localhost", "password": "admin"},  # whom it makes by itself
            page="/control/settings/",
            mark="admin@localhost",
            out="/control/logout",
        ),
    ),
)

LABEL_STUDIO = Application(
    name="label-studio",
    framework="Django",
    own="signed cookies",
    environment={
        "LABEL_STUDIO_BASE_DATA_DIR": "{home}/data",
        "DJANGO_SETTINGS_MODULE": "core.settings.label_studio",
        "PYTHONPATH": "{packages}/label_studio:{home}",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "COLLECT_ANALYTICS": "False",
    },
    prepare=(
        f"label-studio init society --username {NAME} --password {PASSWORD}",
        "python -m django shell -c 'import users.models as m; m.User.objects.update(is_staff=True, is_superuser=True)'",
    ),
    target="core.wsgi:application",
    cookie="sessionid",
    # Its settings cannot be imported by others: while they are read they ask Django for themselves.
    setting="""\
import os

from django.conf import settings

settings.SESSION_ENGINE = "sojourn.inbound.django"
settings.SOJOURN_STORE = os.environ["SOJOURN_STORE"]

from core.wsgi import application
""",
    renews=True,
    moved_target="moved:application",
    doors=(
        Door(
            name="annotators",
            form="/user/login/",
            fields={"email": NAME, "password": PASSWORD},
            page="/api/current-user/whoami",
            mark=NAME,
            out="/logout",
        ),
        Door(
            name="Django's admin",
            form="/user/login/?next=/admin/",  # it signs out who has come by the admin's own form
            fields={"email": NAME, "password": PASSWORD},
            page="/admin/",
            mark="Site administration",
            out="/admin/logout/",
            out_method="POST",
        ),
    ),
)

APPLICATIONS = (PRETALX, PRETIX, LABEL_STUDIO)
