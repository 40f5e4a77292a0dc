"""Flask's tests of sessions meet our interface in every application that sets none of its own."""

from __future__ import annotations

from typing import Any

import _pytest.monkeypatch
import flask
from flask.sessions import SessionInterface as FlaskInterface

from sojourn import Sessions
from sojourn.inbound.flask import SessionInterface


class Ours:
    """What an application gets that asks for its `session_interface`."""

    def __get__(self, app: flask.Flask | None, kind: type | None = None) -> Any:
        return self if app is None else app.__dict__.setdefault("_ours", SessionInterface(Sessions()))

    def __set__(self, app: flask.Flask, interface: FlaskInterface) -> None:
        app.__dict__["_ours"] = interface


def pytest_configure() -> None:
    _pytest.monkeypatch.notset = _pytest.monkeypatch.NOTSET  # type: ignore[attr-defined]  # Flask names it as pytest 8 did
    flask.Flask.session_interface = Ours()  # type: ignore[assignment]
