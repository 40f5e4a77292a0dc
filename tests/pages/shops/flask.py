"""The shop in Flask."""

from __future__ import annotations

from functools import partial
from typing import Any

from flask import Flask, Response, redirect, request, session
from tests.pages.shops.counter import DEVICES, put, render
from werkzeug.wrappers import Response as Answer

from sojourn import Session, Sessions
from sojourn.inbound.bridge import wait
from sojourn.inbound.devices import Devices, note
from sojourn.inbound.flask import SessionInterface


def application(**options: Any) -> Flask:
    sessions = Sessions(**options)
    app = Flask("shop", static_folder=None)
    app.session_interface = SessionInterface(sessions)

    @app.get("/")
    @app.get("/other")
    def look() -> str:
        return render(session, _ours().principal, _ours().encode_url)

    @app.post("/add")
    def add() -> Answer:
        put(session, request.form["product"])
        return _back()

    @app.post("/sign-in")
    def sign_in() -> Answer:
        _ours().principal = request.form["name"]
        note(_ours(), request.headers["User-Agent"])
        return _back()

    @app.post("/sign-out")
    def sign_out() -> Answer:
        _ours().end()
        return redirect("/", 303)

    app.add_url_rule(
        DEVICES, view_func=partial(_account, Devices(sessions)), endpoint="devices", methods=["GET", "POST"]
    )
    return app


def _account(devices: Devices) -> Response:
    answer = wait(
        devices.answer(
            _ours(),
            method=request.method,
            path=request.path,
            query=request.query_string.decode(),
            form=request.get_data(),
            headers={name.lower(): value for name, value in request.headers.items()},
        )
    )
    return Response(answer.body, answer.status, [(name.decode(), value.decode()) for name, value in answer.headers])


def _ours() -> Session:
    ours = session._get_current_object()  # type: ignore[attr-defined]
    assert isinstance(ours, Session)
    return ours


def _back() -> Answer:
    return redirect(_ours().encode_redirect_url("/"), 303)
