"""The applications that are tried, and those that cannot be."""

from __future__ import annotations

from tests.applications.known import django, fastapi, flask

__all__ = ["APPLICATIONS", "UNFIT"]

APPLICATIONS = {each.name: each for each in (*django.APPLICATIONS, *flask.APPLICATIONS, *fastapi.APPLICATIONS)}

UNFIT = {
    "calibreweb": "Flask. Sets a session interface of its own as it starts, and is its own server: no setting does it",
    "flaskbb": "Flask. Does not install: something that it needs does not build with the setuptools of today",
    "pyload-ng": "Flask. Makes its application within its own server, where no setting reaches it",
    "weblate": "Django. Does not install from wheels alone: one of its parts is built against libraries of the system",
}
"""Applications with users that were looked at, and why they are not here."""
