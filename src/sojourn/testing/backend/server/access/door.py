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
            if self._sign_in.claimed(request) not in (None, session.user):
                self._tally.add("mixed")
            caller.enters(session.user, session)
        else:
            user = await self._sign_in.user_of(request)
            if user is None:
                caller.session = session
                return self._challenge(request, caller)
            has_sessions = self._behaviour.session_cookie is not None
            caller.enters(user, self._sessions.open(user) if has_sessions else None, fresh=has_sessions)
        self._let_in(request, caller)
        return None

    def _let_in(self, request: Request, caller: Caller) -> None:
        if caller.session is not None:
            caller.session.requests += 1
        if caller.user is not None:
            self._tally.by_user[caller.user] += 1
        if request.who not in (None, caller.user):
            self._tally.add("crossings")

    def _challenge(self, request: Request, caller: Caller) -> Answer:
        self._tally.add("challenges")
        if self._behaviour.sign_in[0] == "form" and not request.credentials[0]:
            return self._login.challenge(request, caller)
        return json_answer(401, {"error": "sign in"}).with_headers(self._sign_in.challenges(request))
