"""The guard: forms are sent by the shop's own pages, or not at all."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

__all__ = ["OwnFormsOnly"]

_OWN = ("same-origin", "none")  # none: the visitor's own doing, such as sending a form again


class OwnFormsOnly:
    """Refuses what another site's page sends in the visitor's name.

    The session's cookie is SameSite=Lax, so a browser leaves it out of such a request: what is in the session is safe
    without this. But the request itself would arrive, and could begin a new session in place of the visitor's or kill
    a worker. Browsers say in Sec-Fetch-Site who sent a request; what does not say so is no browser of today.
    """

    def __init__(self, app: ASGIApp) -> None:
        """`app`: what is guarded."""
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        if scope["type"] == "http" and scope["method"] == "POST":
            sender = Headers(scope=scope).get("sec-fetch-site", "none")
            if sender not in _OWN:
                refusal = PlainTextResponse("This form was sent by another site.", status_code=403)
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)
