"""The page: the shop as one visitor sees it, and what is happening behind it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import Any

import jinja2
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from sojourn import Session
from sojourn.demo.cart import MOST, Cart
from sojourn.demo.catalogue import CATALOGUE, price
from sojourn.demo.visit import Visit
from sojourn.demo.worker import die_after, may_die

__all__ = ["STATIC", "Assets", "fingerprint", "page", "page_before_death"]

STATIC = Path(__file__).parent / "static"

_templates = jinja2.Environment(
    loader=jinja2.PackageLoader("sojourn.demo"),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["price"] = price
_template = _templates.get_template("shop.html")
_style = hashlib.sha256((STATIC / "shop.css").read_bytes()).hexdigest()[:12]

_HEADERS = {
    # Nothing from elsewhere, no scripts at all, and in nobody's frame.
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cache-control": "no-store",
}


class Assets(StaticFiles):
    """Files that browsers keep: a new content has a new address."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """Answer with a file, or that it has not changed."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


async def page(request: Request, session: Session) -> Response:
    """Show the shop."""
    return HTMLResponse(await _render(request, session), headers=_HEADERS)


async def page_before_death(request: Request, session: Session) -> Response:
    """Show the shop, and kill this worker when the page has been sent."""
    body = await _render(request, session, dying=True)
    headers = {**_HEADERS, "connection": "close"}  # so that it is known when the page has left
    return HTMLResponse(body, headers=headers, background=BackgroundTask(die_after, request))


def fingerprint(session: Session) -> str:
    """Tell one id from another without telling the id."""
    return hashlib.sha256(session.id.encode()).hexdigest()[:8]


async def _render(request: Request, session: Session, *, dying: bool = False) -> str:
    worker = os.getpid()
    shown: dict[str, Any] = {"gone": 0, "before": 0, "notice": None}
    if session.version or dying:
        visit = session.view(Visit)
        answered = visit.answered_by(worker)
        shown = {"gone": answered.gone, "before": answered.before, "notice": session.pop("notice", None)}
        visit.killed = worker if dying else 0
        # It would be stored by itself before the response starts. Now, so that the page can tell the new version.
        await session.save()
    return _template.render(
        **shown,
        products=CATALOGUE.values(),
        cart=session.view(Cart),
        most=MOST,
        worker=worker,
        session=session if session.version else None,
        requests=session.view(Visit).requests,
        fingerprint=fingerprint(session),
        left=_minutes((session.expires_at or 0) - time.time()),
        ended="ended" in request.query_params,
        dying=dying,
        may_die=may_die(),
        style=_style,
    )


def _minutes(seconds: float) -> str:
    minutes, rest = divmod(max(int(seconds), 0), 60)
    return f"{minutes} min {rest:02} s"
