"""Door: who is let in."""

from __future__ import annotations

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.server.access.caller import Caller
from sojourn.testing.backend.server.access.login import Login
from sojourn.testing.backend.server.access.sessions import Session, Sessions
from sojourn.testing.backend.server.access.signing import SignIn
from sojourn.testing.backend.server.messages import Answer, Request, json_answer
from sojourn.testing.backend.server.tally import Tally

__all__ = ["Door"]


class Door:
    """Knows callers by their session, or by their credentials: then they get a session, where there are any."""

    def __init__(self, behaviour: Behaviour, sessions: Sessions, sign_in: SignIn, login: Login, tally: Tally) -> None:
        self._behaviour = behaviour
        self._sessions = sessions
        self._sign_in = sign_in
        self._login = login
        self._tally = tally

    def ids(self, request: Request) -> list[str]:
        """The ids that a request shows, right or wrong."""
        name = self._behaviour.session_cookie
        return [] if name is None else request.values(name)

    def session(self, request: Request) -> Session | None:
        """The session that a request is in, which is used by that; None without one, or without its companions."""
        session = self._sessions.find(self.ids(request))
        if session is None or not all(session.companion in request.values(name) for name in self._behaviour.companions):
            return None
        return session

    async def admit(self, request: Request, caller: Caller) -> Answer | None:
        """Find out who calls; return an answer where they are not let in. Raises `Full`."""
        if request.cookie_headers > 1 or len(self.ids(request)) > 1:
            self._tally.add("doubled")
        session = self.session(request)
        if session is not None and session.user is not None:
            user = session.user
            if self._sign_in.claimed(request) not in (None, user):
                self._tally.add("mixed")
            caller.enters(user, session)
        else:
            signed_in = await self._sign_in.user_of(request)
            if signed_in is None:
                caller.enters(None, session)
                return self._challenge(request, caller)
            user = signed_in
            session = None if self._behaviour.session_cookie is None else self._sessions.open(user)
            caller.enters(user, session, fresh=session is not None)
        self._tally.by_user[user] += 1
        if session is not None:
            session.requests += 1
        return None

    def _challenge(self, request: Request, caller: Caller) -> Answer:
        self._tally.add("challenges")
        schemes = self._sign_in.challenges(request)
        tried = bool(request.credentials[0] and schemes)
        if self._behaviour.sign_in[0] == "form" and not tried:
            return self._login.challenge(request, caller)
        return json_answer(401, {"error": "sign in"}).with_headers(schemes)
