"""The applications that are tried, and those that cannot be."""

from __future__ import annotations

from tests.applications.known import django, fastapi, flask

__all__ = ["APPLICATIONS", "UNFIT"]

APPLICATIONS = {each.name: each for each in (*django.APPLICATIONS, *flask.APPLICATIONS, *fastapi.APPLICATIONS)}

UNFIT = {
    "flaskbb": "Flask. Does not install: its source distribution does not build with the setuptools of today",
    "weblate": "Django. Does not install from wheels alone: it needs libraries of the system, and a PostgreSQL",
}
"""Applications with users that were looked at, and why they are not here."""
