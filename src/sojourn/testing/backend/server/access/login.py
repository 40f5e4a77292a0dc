"""Login: the form at `/login`."""

from __future__ import annotations

import hmac
import re
from urllib.parse import quote

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.access.caller import Caller
from sojourn.testing.backend.server.access.sessions import Sessions
from sojourn.testing.backend.server.access.signing import SignIn
from sojourn.testing.backend.server.messages import Answer, Request, text_answer
from sojourn.testing.backend.server.pages import login_page
from sojourn.testing.backend.server.tally import Tally

__all__ = ["Login"]

_LOCAL = re.compile(r"/(?![/\\])[!-~]*")


class Login:
    """Shows the form to visitors, each with a session and a token of their own, and takes what they send."""

    def __init__(self, behaviour: Behaviour, sessions: Sessions, sign_in: SignIn, tally: Tally) -> None:
        self._behaviour = behaviour
        self._sessions = sessions
        self._sign_in = sign_in
        self._tally = tally

    def challenge(self, request: Request, caller: Caller) -> Answer:
        """Answer a request of somebody who is not signed in."""
        if self._behaviour.login == "redirect":
            return Answer(status=302, headers=(("location", f"/login?next={quote(request.path)}"),))
        return self._page(caller, request.path)

    async def answer(self, request: Request, caller: Caller) -> Answer:
        """Answer a request for `/login` itself."""
        if request.method in ("GET", "HEAD"):
            return self._page(caller, request.query.get("next", "/"))
        if request.method != "POST":
            return text_answer(405, "Method not allowed", ("allow", "GET, HEAD, POST"))
        return await self._submitted(request, caller)

    async def _submitted(self, request: Request, caller: Caller) -> Answer:
        user_field, password_field, token_field = self._behaviour.login_fields
        form = request.form
        visitor = caller.session
        if visitor is None or not hmac.compare_digest(form.get(token_field, "").encode(), visitor.token.encode()):
            self._tally.add("csrf_refused")
            return text_answer(403, "The form is of another session, or too old")
        user = await self._sign_in.checked(form.get(user_field, ""), form.get(password_field, ""))
        if user is None:
            return self._page(caller, form.get("next", "/"), failed=True)
        session = self._sessions.open(user)
        self._sessions.close(visitor)  # another id for who has signed in: one that was planted is worth nothing
        caller.enters(user, session, fresh=True)
        return Answer(status=302, headers=(("location", _local(form.get("next", "/"))),))

    def _page(self, caller: Caller, onward: str, *, failed: bool = False) -> Answer:
        session = caller.session
        if session is None:
            session = self._sessions.open(None)
            caller.enters(None, session, fresh=True)
        page = login_page(self._behaviour.login_fields, session.token, _local(onward), failed=failed)
        return text_answer(200, page, ("cache-control", "no-store"), kind="text/html")


def _local(path: str) -> str:
    """`path`, where it is one of this server; else its first page."""
    return path if _LOCAL.fullmatch(path) else "/"
