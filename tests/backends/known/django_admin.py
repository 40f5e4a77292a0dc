"""The administration of Django, a site that nobody here wrote: a login form, tokens, sessions in a database."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path
from urllib.parse import urlencode

from tests.backends.backend import Asked, Asking, Known, plainly
from tests.backends.known.django_site import Site

__all__ = ["KNOWN"]

URLS = """\
from django.contrib import admin
from django.urls import path

urlpatterns = [path("admin/", admin.site.urls)]
"""


class Admin(Site):
    """Groups of users are added there."""

    def changes(self) -> int:
        return self.count("auth_group")


def start(places: Path, home: Path) -> Admin:
    """It runs."""
    versions = {name: version(name) for name in ("Django", "gunicorn")}
    return Admin(Path(sys.executable), home, URLS, versions)


def _add(number: int) -> Asked:
    return Asked(
        "POST",
        "admin/auth/group/add/",
        302,
        body=urlencode({"name": f"group {number}"}),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )


KNOWN = Known(
    title="the administration of Django",
    signs_in="its login form; a token for each change, `DoubleSubmit`; `Logout` by POST",
    forgets="its rows of sessions are deleted",
    counted="its signals `user_logged_in` and `user_login_failed`, and its database",
    start=start,
    callers=plainly(Asking(Asked("GET", "admin/auth/group/", 200, mark="Select group to change"), _add)),
)
