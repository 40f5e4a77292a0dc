"""The back ends that are known, by name."""

from __future__ import annotations

from tests.backends.backend import Known
from tests.backends.known import django_admin, odata, soap, tomcat

__all__ = ["BACKENDS"]

BACKENDS: dict[str, Known] = {
    "django": django_admin.KNOWN,
    "tomcat": tomcat.KNOWN,
    "spyne": soap.KNOWN,
    "odata": odata.KNOWN,
}
