"""Attempt: a call in one session."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from typing import Any, Literal, TypeVar

from sojourn.errors import BackendBusy, BackendError, SessionLost, SignInFailed
from sojourn.outbound.csrf.base import Cookies, Csrf
from sojourn.outbound.jar import merged
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.messages import SAFE, Ask, Call, Request, Response, Send, Steps, Wait
from sojourn.outbound.once import Claim
from sojourn.outbound.rules import Rules

__all__ = ["Attempt", "Refused"]

REQUESTS = 50
"""Of its own for one call, at most. A form behind two redirects, that leads to a page behind two more, costs 6, and 4
more where it was out of date; a token and another one cost 4; all of it three times, where sessions are lost: 42."""

T = TypeVar("T")


class Refused(Exception):
    """The back end does not know this session, or not these credentials."""

    def __init__(self, *, signed: bool, answer: Response | None = None, processed: bool = False) -> None:
        """Say what was refused.

        `signed`: with credentials. `answer`: to the call; None where it was not sent. `processed`: what the call asks
        for may have been done.
        """
        super().__init__()
        self.signed = signed
        self.answer = answer
        self.processed = processed


class Attempt:
    """A call in one session, of which each step is seen by that session, and by no other."""

    __slots__ = ("_credentials", "_since", "asked", "claim", "doubtful", "place", "requests", "rules", "session")

    def __init__(
        self, place: Place, rules: Rules, session: BackendSession, claim: Claim[BackendSession] | None = None
    ) -> None:
        """`claim`: the right to sign `session` in, where nobody has."""
        self.place = place
        self.session = session
        self.rules = rules
        self.claim = claim
        self.asked = False
        """Whether it took requests to have credentials, its own or those of another call, so that they are new."""
        self.doubtful = False
        """Whether it has signed in by requests of its own, and no answer has shown yet that this came to something."""
        self.requests = 0
        """How many of its own the call has cost until now."""
        self._credentials: Mapping[str, str] = {}
        self._since = 0.0

    def go(self, call: Call, *, last: bool) -> Steps:
        """The whole of it. Raises `Refused` or `SignInFailed`."""
        session = self.session
        # Where a refusal is likely and would be the end of the call, it is not risked.
        risky = self.place.doubts and not (session.proven or call.replayable)
        if self.claim is not None or session.signs_always or risky:
            self._since = self.rules.clock()
            yield from self._sign_in()
        csrf, token = self.rules.csrf, ""
        if csrf is not None and call.method not in SAFE:
            token = yield from self._token(csrf, call)
        answer: Response = yield from self.send(call, token=token, last=last)
        if token and csrf is not None and csrf.headers(token, call) and csrf.refuses(answer):
            self.session.token.drop(token)
            newer = (yield from self._token(csrf, call, stale=token)) if call.replayable else ""
            if newer not in ("", token):
                answer = yield from self.send(call, token=newer, last=last)
        return answer

    def send(self, call: Call, *, token: str = "", last: bool = False) -> Steps:
        """The call itself."""
        rules, session, auth = self.rules, self.session, self.place.auth
        headers = self._headers(call, token)
        if last and rules.closing is not None:
            headers.update(rules.closing.headers)
        signed = bool(self._credentials)
        rules.telling.sent(self.place, session, call, headers.get("Cookie"), credentials=signed, token=bool(token))
        whole = rules.sequential or rules.gate is not None  # or the next call would go while this one is being answered
        answer: Response = yield Send(headers, auth.reads if auth is not None else None, whole)
        self._received(call.url, answer)
        if auth is not None and auth.refuses(answer):
            raise Refused(signed=signed, answer=answer)
        if rules.lost is not None and rules.lost(answer):
            raise Refused(signed=signed, answer=answer, processed=True)
        if rules.csrf is not None and (seen := rules.csrf.seen(call, answer, self._cookies(call))):
            session.changed = session.changed or session.token.value != seen
            session.token.value = seen
        self._settle(answer)
        return answer

    def share(self, call: Call) -> Steps:
        """A call to another host, that the cookies are for, too."""
        cookie = self._cookie(call)
        headers: dict[str, str | None] = {"Cookie": cookie} if cookie else {}
        self.rules.telling.sent(self.place, self.session, call, cookie)
        answer: Response = yield Send(headers)
        self._received(call.url, answer)
        return answer

    def give_up(self, failure: BackendError | None = None) -> None:
        """The session has not begun, if it has not. `failure`: why it cannot for anybody."""
        if self.claim is not None and self.claim.give_up(failure):
            self.session.leave()

    def drop_credentials(self) -> bool:
        """They were refused. Whether they were kept from before, and others can be had."""
        auth = self.place.auth
        return auth is not None and not self.asked and auth.forget(self._credentials)

    def put_back(self, session: BackendSession) -> None:
        """`session` is there again, which was taken for lost: nobody has signed in after it."""
        if self.claim is not None and not self.claim.settled.done():
            self.place.denials += 1
            session.take_over(self.session)
            self.claim.use(session)

    def close(self, *, told: bool = False) -> Generator[Any, Any, None]:
        """Tell the back end that the session is not needed any more, unless it was `told`."""
        closing = self.rules.closing
        done: Literal["yes", "no", "failed"] = "yes" if told else "no"
        try:
            if closing is not None and not told and len(self.session.jar):
                answer = yield from self._sign_out(closing.request(self.rules.url))
                done = "yes" if answer.status < 400 or answer.status == 401 else "failed"
        except Exception:  # noqa: BLE001 - the work is done: what it was done with expires by itself
            done = "failed"
        finally:
            self.session.leave()
            self.rules.telling.closed(self.place, self.session, done)

    def _headers(self, call: Call, token: str) -> dict[str, str | None]:
        cookie = self._cookie(call)
        headers: dict[str, str | None] = {"Cookie": cookie} if cookie else {}
        if self._credentials:
            headers.update(self._credentials)
        elif call.first("authorization"):
            headers["Authorization"] = None  # the session stands for it, if need be that of who came first
        if token and self.rules.csrf is not None:
            headers.update(self.rules.csrf.headers(token, call))
        return headers

    def _cookie(self, call: Call) -> str | None:
        cookie = self.session.jar.header(call.url, now=self.session.used_at)
        given = call.first("cookie")
        return merged(cookie, given) if given else cookie

    def _sign_in(self) -> Generator[Any, Any, None]:
        auth = self.place.auth
        if auth is None:
            return
        self._credentials = yield from self._play(
            auth.sign_in(self.rules.url, self.rules.clock()), self._ask_to_sign_in
        )
        if not self._credentials:
            self.doubtful = True
            self._begin()

    def _sign_out(self, request: Request) -> Generator[Any, Any, Response]:
        csrf = self.rules.csrf
        if csrf is not None and request.method not in SAFE and self.rules.own(request.url):
            given = Response.of(0, request.url, request.headers)
            call = Call(method=request.method, url=request.url, fields=given.all, replayable=True)
            token = yield from self._token(csrf, call)
            return (yield from self._ask(request.set(csrf.headers(token, call) if token else {}), token=bool(token)))
        return (yield from self._ask(request))

    def _token(self, csrf: Csrf, call: Call, *, stale: str | None = None) -> Generator[Any, Any, str]:
        """The token of the session, fetched if it has none; empty where the back end gives none."""
        try:
            got = yield from self.session.token.get(self.rules.patience, self.rules.clock)
        except TimeoutError:
            raise self._busy("fetched the token of the session") from None
        if not isinstance(got, Claim):
            return got
        try:
            steps = csrf.fetch(self.rules.url, call, self._cookies(call), stale)
            token = yield from self._play(steps, self._ask_signed_in)
            got.use(token or "")
            self.session.changed = True
        finally:
            got.give_up()
        self.rules.telling.fetched(self.place, self.session, token)
        if len(self.session.jar):
            self._begin()
        return token or ""

    def _play(
        self, steps: Generator[Request | Wait, Any, T], ask: Callable[[Request], Generator[Any, Any, Response]]
    ) -> Generator[Any, Any, T]:
        """Have done what is asked for, requests in the way of `ask`; and return what comes of it."""
        try:
            step = next(steps)
            while True:
                step = steps.send((yield from (self._wait(step) if isinstance(step, Wait) else ask(step))))
        except StopIteration as stop:
            value: T = stop.value
            return value
        finally:
            steps.close()

    def _ask_to_sign_in(self, request: Request) -> Generator[Any, Any, Response]:
        self.asked = True
        names = {name.lower() for name, _ in request.headers}
        return (yield from self._ask(request, credentials=bool(request.body) or "authorization" in names))

    def _ask_signed_in(self, request: Request) -> Generator[Any, Any, Response]:
        """Raises `Refused` where nobody is."""
        if not self.rules.own(request.url):
            return (yield from self._ask(request))
        auth, signed = self.place.auth, bool(self._credentials)
        answer = yield from self._ask(request.set(self._credentials), credentials=signed)
        if auth is not None and auth.refuses(answer):
            raise Refused(signed=signed)
        self._known(signed=signed)
        return answer

    def _wait(self, step: Wait) -> Generator[Any, Any, None]:
        """For the credentials, which another one fetches."""
        self.asked, rules = True, self.rules
        try:
            yield Wait(step.future, max(0.0, min(rules.patience, self._since + rules.patience - rules.clock())))
        except TimeoutError:
            raise self._busy(f"had the credentials of {self.place.identity!r}") from None

    def _busy(self, what: str) -> BackendBusy:
        """`what`: another call has not done in time."""
        rules = self.rules
        return BackendBusy(
            f"{rules.origin}: another call has not {what} within {rules.patience:g} s; this one was not sent"
        )

    def _ask(
        self, request: Request, *, credentials: bool = False, token: bool = False
    ) -> Generator[Any, Any, Response]:
        if self.requests == REQUESTS:
            raise SignInFailed(
                f"{self.rules.origin} asks for more than {REQUESTS} requests before a call; see where it redirects to"
            )
        self.requests += 1
        ours = self.rules.own(request.url) or self.rules.shares(request.url)
        cookie = self.session.jar.header(request.url, now=self.session.used_at) if ours else None
        if cookie:
            request = request.set({"Cookie": cookie})
        self.rules.telling.sent(self.place, self.session, request, cookie, credentials=credentials, token=token)
        answer: Response = yield Ask(request)
        self._received(request.url, answer, ours=ours)
        return answer

    def _received(self, url: str, answer: Response, *, ours: bool = True) -> None:
        session, rules = self.session, self.rules
        session.used_at = rules.clock()
        rules.telling.answered(self.place, session, answer)
        if ours and (cookies := answer.all("set-cookie")):
            held = self.place.value is session  # what is being begun or closed may change its name
            before = self._names_of_session() if rules.stateful and held else {}
            session.changed = session.jar.receive(url, cookies, now=session.used_at) or session.changed
            if before and before.items() - self._names_of_session().items():
                self.place.refused(session, session.used_at)
                self.place.broken = True
                raise SessionLost(f"{rules.origin} has begun another session in the middle of a stateful exchange")

    def _names_of_session(self) -> dict[str, str]:
        """What the session is known by."""
        name, key = self.rules.session_cookie, self.session.ref.encode()
        return {each.name: each.digest(key) for each in self.session.jar if name.fullmatch(each.name)}

    def _cookies(self, call: Call) -> Cookies:
        return lambda name: self.session.jar.value(call.url, name, now=self.session.used_at)

    def _settle(self, answer: Response) -> None:
        """Conclude from an answer what the back end knows its visitor by."""
        session, place = self.session, self.place
        self._known(signed=bool(self._credentials))
        cookies = len(session.jar)
        if self.claim is not None and (cookies or answer.status < 500):
            session.signs_always = place.auth is not None and (not cookies or place.signs_always(session.used_at))
            if session.signs_always:
                self.rules.telling.signs_in_each_time(place, session)
            self._begin()
        elif self._credentials and place.value is not session and answer.all("set-cookie"):
            place.superseded.append(session)  # it was refused to others meanwhile, and has begun anew for nobody
        elif cookies and session.signs_always and not place.signs_always(session.used_at):
            session.signs_always = False

    def _known(self, *, signed: bool) -> None:
        """The back end has answered somebody whom it knows; `signed`: by the credentials."""
        self.doubtful = False
        self.place.denials = 0
        if not signed:
            self.session.changed = self.session.changed or not self.session.proven
            self.session.proven = True
            self.place.doubts = 0

    def _begin(self) -> None:
        """The session is there for whoever waits for it."""
        if self.claim is None or self.claim.settled.done():
            return
        if not self.session.signs_always:
            self.session.signs_always = self.place.signs_always(self.session.used_at)
        if not self.session.signs_always and len(self.session.jar):
            self._credentials = {}
        self.claim.use(self.session)
        # By a clock that may be set back meanwhile.
        self.rules.telling.began(self.place, self.session, max(0.0, self.rules.clock() - self._since))
