"""Flask's tests of sessions meet our interface in every application that sets none of its own."""

from __future__ import annotations

from typing import Any

import _pytest.monkeypatch
import flask
from flask.sessions import SessionInterface as FlaskInterface
from plugs.stores import fresh, kept  # type: ignore[import-not-found]  # on the path of the run

from sojourn import Sessions
from sojourn.inbound.flask import SessionInterface


class Ours:
    """What an application gets that asks for its `session_interface`."""

    def __get__(self, app: flask.Flask | None, kind: type | None = None) -> Any:
        if app is None:
            return self
        if "_ours" not in app.__dict__:
            app.__dict__["_ours"] = SessionInterface(kept(Sessions(fresh())))
        return app.__dict__["_ours"]

    def __set__(self, app: flask.Flask, interface: FlaskInterface) -> None:
        app.__dict__["_ours"] = interface


def pytest_configure() -> None:
    _pytest.monkeypatch.notset = _pytest.monkeypatch.NOTSET  # type: ignore[attr-defined]  # Flask names it as pytest 8 did
    flask.Flask.session_interface = Ours()  # type: ignore[assignment]
