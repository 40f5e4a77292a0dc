"""A SOAP service that spyne makes, in a Django site behind its login and its check of tokens; the client is zeep."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

from tests.applications.installation import run
from tests.backends.backend import Known, Waiting
from tests.backends.fetching import python_packages
from tests.backends.known.django_site import Site

from sojourn.outbound import Exchange

__all__ = ["KNOWN", "Zeep"]

PACKAGES = ("spyne", "Django<6", "gunicorn", "lxml")

URLS = """\
import logging

from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.urls import path
from spyne import Application, Integer, Service, Unicode, rpc
from spyne.protocol.soap import Soap11
from spyne.server.django import DjangoView

log = logging.getLogger("told")


class Orders(Service):
    @rpc(Integer, _returns=Integer)
    def place(ctx, item):
        log.info("placed %s", item)
        return item

    @rpc(_returns=Unicode)
    def asks(ctx):
        return ctx.transport.req.user.get_username()


served = DjangoView.as_view(
    application=Application(
        [Orders], tns="orders", in_protocol=Soap11(validator="lxml"), out_protocol=Soap11()
    )
)


@login_required(login_url="/admin/login/")
def orders(request):
    return served(request)


urlpatterns = [path("admin/", admin.site.urls), path("orders/", orders)]
"""


class Orders(Site):
    """Orders are placed there."""

    def changes(self) -> int:
        return sum(line.startswith("placed ") for line in self.told())


class Zeep(Waiting):
    """A client of zeep over a session of requests; both are shared by threads."""

    def __init__(self, exchange: Exchange) -> None:
        """Nothing is sent until the first call, which asks for the WSDL."""
        super().__init__(16)
        self._exchange = exchange
        self._session = exchange.requests()
        self._lock = threading.Lock()
        self._made: Any = None

    async def read(self) -> str:
        return await self.run(self._call, "asks", (), "ada")

    async def change(self, number: int) -> str:
        return await self.run(self._call, "place", (number,), number)

    async def close(self) -> None:
        await super().close()
        self._session.close()

    def _call(self, name: str, arguments: tuple[object, ...], expected: object) -> str:
        answer = self._client().service[name](*arguments)
        return "" if answer == expected else f"{name} returned {answer!r}"

    def _client(self) -> Any:
        zeep: Any = importlib.import_module("zeep")  # it has no types
        with self._lock:
            if self._made is None:
                transport = zeep.Transport(session=self._session)
                self._made = zeep.Client(f"{self._exchange.backend.rules.url}orders/?wsdl", transport=transport)
        return self._made


def start(places: Path, home: Path) -> Orders:
    """Raises `Failed`."""
    python = python_packages(places / "spyne", PACKAGES)
    code = "from importlib.metadata import version; print(*map(version, ('spyne', 'Django', 'gunicorn')))"
    versions = dict(zip(("spyne", "Django", "gunicorn"), run([str(python), "-c", code]).split(), strict=True))
    return Orders(python, home, URLS, versions)


KNOWN = Known(
    title="a SOAP service of spyne in a Django site",
    signs_in="the login form of Django's administration, with a token for each call, `DoubleSubmit`; `Logout` by POST",
    forgets="its rows of sessions are deleted",
    counted="Django's signals `user_logged_in` and `user_login_failed`, its database, and a line for each order",
    start=start,
    callers={"zeep over requests": Zeep},
)
