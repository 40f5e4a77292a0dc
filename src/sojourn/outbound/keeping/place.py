"""Place: where the session of one principal is held in one scope."""

from __future__ import annotations

from sojourn.outbound.auth.base import Auth
from sojourn.outbound.keeping.entry import Entry
from sojourn.outbound.keeping.gate import Gate
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.once import Once

__all__ = ["Place"]

DENIALS = 100  # calls that are remembered as denied: what is denied is mostly the same few
DENIED = 60.0  # seconds for which they are: the right may be given at any time, and the session be lost as well
DOUBTS = 2  # sessions in a row that were refused at their first use: the back end knows nobody by its cookies
DOUBTED = 60.0  # seconds for which that is believed: it may just have been started twice


class Place(Once[BackendSession]):
    """Holds a session, or knows who is signing in; and what was learned of the back end."""

    __slots__ = (
        "_calls",
        "_denied",
        "_doubted_at",
        "_given_way",
        "_sharers",
        "auth",
        "broken",
        "denials",
        "doubts",
        "ended",
        "entry",
        "forgotten",
        "scope",
        "superseded",
        "told_to_sign_always",
        "turn",
    )

    def __init__(self, auth: Auth | None, scope: str = "") -> None:
        """`auth`: who signs in; None: nobody, and the back end gives a session to whoever comes. `scope`: its name."""
        super().__init__()
        self.auth = auth
        self.scope = scope
        self.entry = Entry()
        """Of it in the store of a fleet, where there is one."""
        self.forgotten = False
        """Whether its session is to be in no store any more."""
        self.superseded: list[BackendSession] = []
        """Sessions that gave way to what other nodes did, and are to be closed when no call is in them any more."""
        self.turn = Gate(1, "the session")
        """For back ends that cannot serve one session in parallel."""
        self.broken = False
        """Whether the session of a stateful exchange was lost."""
        self.ended = False
        """Whether its scope has ended, so that no session is held any more."""
        self.denials = 0
        """Sign-ins in a row that were refused, though a session had worked: for the call, or for the credentials."""
        self.doubts = 0
        self.told_to_sign_always = False
        """Whether somebody was told that the back end keeps no session."""
        self._calls = 0
        self._doubted_at = 0.0
        self._denied: dict[tuple[str, str], float] = {}
        self._given_way = False
        self._sharers = 1

    @property
    def identity(self) -> str:
        """Whose it is, for logs and events."""
        return self.auth.identity if self.auth is not None else ""

    def signs_always(self, now: float) -> bool:
        """Whether the back end refuses whoever comes with a cookie alone."""
        return self.doubts >= DOUBTS and now < self._doubted_at + DOUBTED

    def share(self) -> None:
        """One exchange more has it."""
        with self._lock:
            self._sharers += 1

    def part(self) -> bool:
        """One exchange less has it; whether none has it any more."""
        with self._lock:
            self._sharers -= 1
            return not self._sharers

    def enter(self) -> None:
        """A call begins."""
        with self._lock:
            self._calls += 1

    def leave(self) -> bool:
        """A call has ended; whether its session is to be closed, as nobody will come any more."""
        with self._lock:
            self._calls -= 1
            return not self._calls and (self.ended or self._given_way)

    @property
    def spare(self) -> bool:
        """Whether it holds a session that makes room, and no call is in it."""
        session = self.value
        return session is not None and session.occupies and not self._calls

    def give_way(self) -> bool:
        """Let the session go with the last call; whether that is now."""
        with self._lock:
            self._given_way = True
            return not self._calls

    def others_have(self, session: BackendSession) -> bool:
        """Whether other nodes go on with a session of it."""
        return session.shared and not self.forgotten

    def replace(self, session: BackendSession, other: BackendSession) -> bool:
        """Hold `other` instead of `session`; False where it holds that no more."""
        with self._lock:
            if self.value is not session:
                return False
            self.value = other
            return True

    def retire(self, session: BackendSession) -> None:
        """Another node has forgotten it: it is not brought back, and is closed in case that node has not."""
        if self.lose(session):
            session.shared = False
            self.superseded.append(session)

    def left_behind(self) -> list[BackendSession]:
        """The superseded sessions, for the one who is to close them; none while calls go on."""
        if not self.superseded:
            return []
        with self._lock:
            if self._calls:
                return []
            left, self.superseded = self.superseded, []
            return [each for each in left if each is not self.value]  # it may have been put back

    def deny(self, call: tuple[str, str], now: float) -> None:
        """That call, by method and address, is refused in whatever session."""
        with self._lock:
            self._denied.pop(call, None)
            self._denied[call] = now + DENIED
            if len(self._denied) > DENIALS:
                del self._denied[next(iter(self._denied))]

    def denies(self, call: tuple[str, str], now: float) -> bool:
        """Whether that was so a moment ago."""
        return now < self._denied.get(call, now)

    def lose(self, session: BackendSession) -> bool:
        """The back end does not know that session any more; False where it was known already."""
        if not self.drop(session):
            return False
        session.leave()
        return True

    def refused(self, session: BackendSession, now: float) -> None:
        """The back end has said so, to a call in it."""
        if self.lose(session):
            self.entry.refused(session)
            self.doubts = 0 if session.proven else self.doubts + 1
            self._doubted_at = now
