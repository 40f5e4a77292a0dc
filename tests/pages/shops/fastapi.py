"""The shop in FastAPI."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, FastAPI, Form, Header
from fastapi.responses import HTMLResponse, RedirectResponse
from tests.pages.shops.counter import DEVICES, put, render

from sojourn import Session, Sessions
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.inbound.devices import Devices, note
from sojourn.inbound.fastapi import session

Ours = Annotated[Session, Depends(session)]
Field = Annotated[str, Form()]


def application(**options: Any) -> FastAPI:
    sessions = Sessions(**options)
    app = FastAPI(openapi_url=None)
    app.add_middleware(SessionMiddleware, sessions=sessions)
    app.get("/", response_class=HTMLResponse)(_look)
    app.get("/other", response_class=HTMLResponse)(_look)
    app.post("/add")(_add)
    app.post("/sign-in")(_sign_in)
    app.post("/sign-out")(_sign_out)
    app.mount(DEVICES, Devices(sessions))
    return app


async def _look(session: Ours) -> str:
    return render(session, session.principal, session.encode_url)


async def _add(session: Ours, product: Field) -> RedirectResponse:
    put(session, product)
    return _back(session)


async def _sign_in(session: Ours, name: Field, user_agent: Annotated[str, Header()]) -> RedirectResponse:
    session.principal = name
    note(session, user_agent)
    return _back(session)


async def _sign_out(session: Ours) -> RedirectResponse:
    session.end()
    return RedirectResponse("/", 303)


def _back(session: Session) -> RedirectResponse:
    return RedirectResponse(session.encode_redirect_url("/"), 303)
