"""Service: a request through all that the back end looks at, in this order.

A fault at its arrival; who it is from, and whether that is allowed; whether its session is busy; its token against
CSRF; a fault before it is carried out; the resource itself; a fault after that; whether it was the last of its session.
"""

from __future__ import annotations

import time
import traceback
from dataclasses import replace
from typing import Literal

from sojourn.testing.backend.behaviour import Behaviour
from sojourn.testing.backend.counts import Counts, Seen
from sojourn.testing.backend.server.access.caller import Caller
from sojourn.testing.backend.server.access.csrf import guard_of
from sojourn.testing.backend.server.access.door import Door
from sojourn.testing.backend.server.access.login import Login
from sojourn.testing.backend.server.access.sessions import Full, Session, Sessions
from sojourn.testing.backend.server.access.signing import SignIn
from sojourn.testing.backend.server.faults import Faults, Moment
from sojourn.testing.backend.server.messages import SAFE, Answer, Request, json_answer, text_answer
from sojourn.testing.backend.server.resources import Call, Resources
from sojourn.testing.backend.server.tally import Tally

__all__ = ["Service"]

_KINDS: dict[str, Literal["basic", "bearer"] | None] = {"": None, "basic": "basic", "bearer": "bearer"}


class Service:
    """One life of the back end, from its beginning or a reset on."""

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.tally = Tally(behaviour.records)
        self.faults = Faults()
        self.sessions = Sessions(behaviour, self.tally, self._now)
        self.sign_in = SignIn(behaviour, self.tally, self._now)
        self._ahead = 0.0
        self._guard = guard_of(behaviour)
        self._login = Login(behaviour, self.sessions, self.sign_in, self.tally)
        self._door = Door(behaviour, self.sessions, self.sign_in, self._login, self.tally)
        self._resources = Resources(behaviour, self._guard, self.tally)

    def advance(self, seconds: float) -> None:
        """Let so much time have passed."""
        self._ahead += seconds

    def counts(self) -> Counts:
        """All that has happened."""
        by_session = self.sessions.requests()  # before `live`: it sees what has expired
        return self.tally.counts(self.sessions.live, by_session)

    async def answer(self, request: Request) -> Answer:
        """Serve one request. Never raises."""
        caller = Caller()
        self.tally.add("requests")
        try:
            answer = await self._served(request, caller)
        except Full:
            answer = json_answer(self.behaviour.full_status, {"error": "too many sessions of this user"})
        except Exception:  # noqa: BLE001 - a client is never left without an answer, and a test sees it in the counts
            traceback.print_exc()
            self.tally.add("faults")
            answer = text_answer(500, "The back end itself is wrong; see its log")
        if caller.fresh and caller.session is not None:
            answer = answer.with_headers(self._cookies(caller.session))
        self._remember(request, caller, answer)
        return answer

    async def _served(self, request: Request, caller: Caller) -> Answer:
        struck = await self._struck("arrival", request, self.sessions.peek(self._door.ids(request)))
        if struck is not None:
            return struck
        if request.method == "HEAD" and not self.behaviour.head:
            return text_answer(405, "Method not allowed", ("allow", "GET, POST"))
        answer = await self._open(request, caller)
        if answer is not None:
            return await self._struck("processed", request, caller.session, answer) or answer
        refused = await self._door.admit(request, caller)
        return refused or await self._alone(request, caller)

    async def _open(self, request: Request, caller: Caller) -> Answer | None:
        """Serve what is open to everybody; None for all else."""
        match request.path:
            case "/oauth/token":
                return await self.sign_in.token(request, caller)
            case "/logout":
                return self._logged_out(request, caller)
            case "/login" if "form" in self.behaviour.sign_in:
                caller.enters(None, self._door.session(request))
                return await self._login.answer(request, caller)
            case _:
                return None

    async def _alone(self, request: Request, caller: Caller) -> Answer:
        session = caller.session
        if session is None:
            return await self._carried_out(request, caller)
        if session.at_once and self.behaviour.parallel_status is not None:
            self.tally.add("parallel_refused")
            return json_answer(self.behaviour.parallel_status, {"error": "another call of this session is served"})
        session.at_once += 1
        self.tally.at_most("most_parallel", session.at_once)
        try:
            return await self._carried_out(request, caller)
        finally:
            session.at_once -= 1
            if self._is_last(request):
                self.sessions.close(session)

    def _is_last(self, request: Request) -> bool:
        header = self.behaviour.close_header
        return header is not None and request.headers.get(header.lower(), "").lower() == "false"

    async def _carried_out(self, request: Request, caller: Caller) -> Answer:
        session = caller.session
        if session is not None and request.method not in SAFE and not self._guard.admits(request, session):
            self.tally.add("csrf_refused")
            return self._guard.refusal()
        struck = await self._struck("admitted", request, session)
        if struck is not None:
            return struck
        answer = await self._resources.answer(Call(request=request, user=caller.user or "", session=session))
        if session is not None and (told := self._guard.told(request, session)):
            self.tally.add("csrf_tokens")
            answer = answer.with_headers(told)
        return await self._struck("processed", request, session, answer) or answer

    async def _struck(
        self, moment: Moment, request: Request, session: Session | None, answer: Answer | None = None
    ) -> Answer | None:
        """Let go wrong what is to; return the answer where that is another than it would be."""
        instead: Answer | None = None
        for fault in self.faults.striking(request, moment):
            match fault.do:
                case "forget" if session is not None:
                    self.sessions.close(session, "sessions_forgotten")
                case "forget-all":
                    self.sessions.forget()
                case "forget-token" if session is not None:
                    session.forget_token()
                case "hold":
                    await self.faults.hold()
                case "refuse":
                    instead = json_answer(fault.status, {"error": "out of order"})
                case "cut":
                    instead = replace(answer or text_answer(200, "cut off"), cut=True)
        return instead

    def _logged_out(self, request: Request, caller: Caller) -> Answer:
        session = self._door.session(request)
        if session is not None:
            caller.enters(session.user, session)
            self.sessions.close(session)
        if self.behaviour.session_cookie is None:
            return text_answer(200, "Signed out")
        return text_answer(200, "Signed out", self._set_cookie(f"{self.behaviour.session_cookie}=; Max-Age=0"))

    def _cookies(self, session: Session) -> list[tuple[str, str]]:
        behaviour = self.behaviour
        lines = [f"{behaviour.session_cookie}={number:032X}" for number in range(behaviour.stale_cookies)]
        lines.append(f"{behaviour.session_cookie}={session.id}")
        lines += [f"{name}={session.companion}" for name in behaviour.companions]
        return list(map(self._set_cookie, lines))

    def _set_cookie(self, line: str) -> tuple[str, str]:
        return "set-cookie", f"{line}; {self.behaviour.cookie_attributes}".rstrip("; ")

    def _remember(self, request: Request, caller: Caller, answer: Answer) -> None:
        session = caller.session
        if caller.user is not None and request.who not in (None, caller.user):
            self.tally.add("crossings")
        self.tally.answer(
            Seen(
                number=self.tally.answered + 1,
                method=request.method,
                path=request.path,
                status=answer.status,
                user=caller.user,
                session=None if session is None else session.number,
                made_session=caller.fresh,
                credentials=_KINDS.get(request.credentials[0], "other"),
                cookies=tuple(name for name, _ in request.cookies) if request.cookie_headers else None,
            )
        )

    def _now(self) -> float:
        return time.monotonic() + self._ahead
