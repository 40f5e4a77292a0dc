"""Session: the mapping that the application sees during a request."""

from __future__ import annotations

from collections.abc import Awaitable, Iterable

from sojourn.core import codec
from sojourn.core.attributes.contents import Contents
from sojourn.core.codec import Attributes, Packed
from sojourn.core.dates import Dated
from sojourn.core.ids import SessionId
from sojourn.core.keeper import Exclusive, Keeper, Right, Stage
from sojourn.core.lifetime import Lifetime
from sojourn.core.merge import Changes, FieldChanges
from sojourn.core.outcome import at_rest
from sojourn.core.record import Record, is_text
from sojourn.errors import NotOwner, NotStorable, OutsideRequest, ResponseStarted, SessionEnded

__all__ = ["Session", "Stage"]

_NOT_OWNER = "the session belongs to somebody else than this request; let its visitor sign in anew"


class Session(Dated):
    """A visitor's session: a mapping of attribute names to values, valid during one request.

    Nothing needs to be saved or marked: what has changed is found by comparing bytes, nested changes too. A session
    that is left empty is never stored. Values come back with the type that they had; what can be stored is listed in
    `codec`. Reading an attribute that was handed out returns the same object again.
    """

    # Most requests look at little of their session, so what they do not need is not made for them.
    _stage = Stage.OPEN
    _looked = False
    _ended = False
    _renew = False
    _emptied = False
    _contents: Contents | None = None
    _given: SessionId | None = None
    _told: int | None = None
    farewell: tuple[bytes, ...] = ()
    """Set-Cookie values that go along with an id, and remove the cookie in whose place it comes."""
    keep_for: int | None = None
    """Seconds for which browsers keep what this request gives them; None: as `Cookie` says."""
    _principal: str | None = None
    _said = False  # whether the application has said itself who is signed in, since the last commit
    _next_id: SessionId | None = None
    _owed_id: SessionId | None = None
    _unreadable: str | None = None
    _strange = ""  # why nobody may use it
    everywhere = False
    """Whether it ends in all applications that share its id."""
    lifetime: Lifetime | None = None
    """How long it lives from now on; None: as long as all others, and no end that was put off comes nearer."""
    right: Right | None = None
    """The sole right to the session, while this request has it."""
    refusal: type[NotOwner] = NotOwner
    """What strangers are refused with: a framework may know what to answer to one of its own."""

    def __init__(
        self,
        record: Record | None,
        now: float,
        keeper: Keeper | None = None,
        *,
        given: SessionId | None = None,
        told: int | None = None,
    ) -> None:
        """Begin with what is stored, or with nothing.

        `record`: what is stored, None for a visitor without a session. `now`: when the request began, in seconds since
        the epoch. `keeper`: carries out `save` and `exclusive`. `given`: the id that the request came with. `told`: the
        version that its cookie told.
        """
        self._found = self._record = record
        self._now = now
        self._keeper = keeper
        if record is not None:
            self._principal = record.principal
        if given is not None:
            self._given = given
        if told is not None:
            self._told = told

    def __repr__(self) -> str:
        return f"<Session {self._record.ref}>" if self._record is not None else "<Session, not stored>"

    # --- who and when --------------------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """The secret that the visitor carries. Keep it out of logs: use `ref` there."""
        return self._kept_id().secret

    @property
    def principal(self) -> str | None:
        """Who is signed in. Assigning it is a sign-in, or with None a sign-out.

        Either gives the session a new id and ends the old one at once (ASVS 7.2.4), so assign it when it happens, not
        with every request. What a visitor left before signing in is kept; what somebody left who was signed in is not,
        when another one or nobody takes their place.
        """
        self._look()
        return self._who()

    @principal.setter
    def principal(self, principal: str | None) -> None:
        self._refuse_late("a sign-in")
        self._begin()
        if principal is not None and type(principal) is not str:
            raise NotStorable("session.principal", f"it is a {type(principal).__name__}; give a str, or None")
        if principal is not None and not is_text(principal):
            raise NotStorable("session.principal", "it holds a NUL or half a character; give Unicode text, or None")
        if self._principal not in (None, principal):
            self._contents, self._emptied = Contents(None), True
        self._principal = principal
        self._renew = self._said = True

    def own(self, principal: str | None) -> None:
        """Say whose request this is, where the application knows it from elsewhere: a token, a proxy, a certificate.

        A session of nobody becomes theirs, with a new id; one that is theirs stays so. Raises `NotOwner` for one of
        somebody else's, also when `principal` is None: a stolen id alone opens nothing. Where the side that carries the
        session can tell, give `identity` to `Sessions` instead, and this is done before the application runs.
        """
        self._look()
        if self._principal is None:
            if principal is not None:
                self.principal = principal
        elif self._principal != principal:
            raise self.refusal(_NOT_OWNER)

    def renew(self) -> None:
        """Give the session a new id, and end the old one at once: for any change of what the visitor may do."""
        self._refuse_late("a renewal")
        self._renew = True

    def end(self, *, everywhere: bool = False) -> None:
        """End the session, on all nodes, whatever other requests still do with it. Frees its data at once.

        `everywhere`: where several applications share its id, end theirs as well.
        """
        self._look()
        self.everywhere = everywhere
        self._ref = self.ref
        self._ended = True
        self._contents = None

    def save(self) -> Awaitable[None]:
        """Store the changes now. For `save="manual"`, WebSockets and long responses; otherwise nobody needs it.

        Async code awaits it; in sync frameworks they are stored when it returns.
        """
        return self._kept().save(self)

    def exclusive(self, *, wait: float = 5.0) -> Exclusive:
        """Have the session to oneself: `async with session.exclusive(): session["n"] += 1`; `with` in sync frameworks.

        Whoever else asks for that waits until the block is over, `wait` seconds at most; what those do who do not ask
        is merged as ever. The session is then as it is stored now: what was changed before is stored first, and an
        object that another has changed since it was read is to be read again. What the block changes is stored at its
        end; nothing, when it raises. A block within a block is part of it. A session that is not stored yet is this
        request's alone, and the block does nothing.

        Raises `Occupied` when others had it for too long, `LeaseLost` when the right ran out and another took it before
        the end, `SessionEnded`, and what `save` raises. `SettingError` when the store has no leases.
        """
        return self._kept().exclusive(self, wait=wait)

    def mark_accessed(self) -> None:
        """Count this request as a use of the session. Frameworks call it when the application asks for the session."""
        self._looked = True

    # --- for the side that carries it ----------------------------------------------------------------------------

    @property
    def record(self) -> Record | None:
        """What is stored, as far as this request knows."""
        return self._record

    @property
    def given(self) -> SessionId | None:
        """The id that the request came with, or that it got since; None when its session has ended."""
        return self._given

    @property
    def told(self) -> int | None:
        """The version that the visitor's cookie tells."""
        return self._told

    @property
    def owed_id(self) -> SessionId | None:
        """The id that the visitor is to be told: got during this request, or come with another node's route."""
        record = self._record
        return self._owed_id if record is not None and self._owed_id and self._owed_id.key == record.key else None

    def kept_by(self, keeper: Keeper) -> None:
        """Have `keeper` carry out `save` and `exclusive` from now on."""
        self._keeper = keeper

    def belong(self, principal: str) -> None:
        """Take note that the request is that of `principal`, and the session nobody's: theirs, if it is used."""
        self._principal = principal
        self._renew = self._record is not None

    def estrange(self, why: str = _NOT_OWNER) -> None:
        """Refuse every use: what the request came with is somebody else's, or may be."""
        self._strange = why

    def accept(self) -> None:
        """Allow its use: it is known by now whose the request is."""
        self._strange = ""

    def rebind(self) -> None:
        """Tell the visitor the id that came, with the route of this node."""
        self._owed_id = self._given

    def keep_id(self) -> None:
        """Let the next renewal leave it the id that it has: it got that in this request, and nobody was told it yet."""
        self._next_id = self._given

    def next_id(self) -> SessionId:
        """The id that the session gets when it is created or renewed: the same for every call, until it has it."""
        if self._next_id is None:
            fixed = self._given if self._given is not None and self._given.fixed else None
            # The tag is kept from an id that was ours; one that the visitor made up leaves no trace (R02).
            self._next_id = fixed or SessionId.new(after=self._given if self._record is not None else None)
        return self._next_id

    @property
    def stage(self) -> Stage:
        """How far the request is."""
        return self._stage

    @property
    def signed_in(self) -> str | None:
        """The principal; asking is no use of the session."""
        return self._principal

    @property
    def looked(self) -> bool:
        """Whether the application used the session, or asked for it."""
        return self._looked

    @property
    def ended(self) -> bool:
        """Whether it has ended: here, or elsewhere as far as is known."""
        return self._ended

    @property
    def renewing(self) -> bool:
        """Whether it is to get a new id, and whoever has the old one is to lose it."""
        return self._renew

    @property
    def emptied(self) -> bool:
        """Whether all that is stored is to be left behind, since it was another principal's."""
        return self._emptied

    @property
    def unreadable(self) -> dict[str, str]:
        """Why an attribute could not be read, by name; with the name "", why nothing of the session could."""
        if self._unreadable is not None:
            return {"": self._unreadable}
        return self._contents.unreadable if self._contents is not None else {}

    @property
    def pristine(self) -> bool:
        """Whether the application has but looked, and at nothing that it could have changed in place."""
        return not (self._ended or self._renew) and (self._contents is None or self._contents.pristine)

    def rests(self, lifetime: Lifetime, now: float) -> bool:
        """Whether, apart from changes, nothing is to be stored, and the visitor has to be told nothing."""
        record = self._record
        if self._ended or self._renew or self._owed_id is not None:
            return False
        if record is None:
            return self._given is None  # nobody came, and nothing was left
        own = self.lifetime
        if own is not None and own.expires_at(now, record.absolute_at) - record.expires_at >= own.slack:
            return False
        return at_rest(record, self._given, self._told, self.lifetime or lifetime, now)

    def advance(self, stage: Stage) -> None:
        """Go on to the next stage of the request."""
        self._stage = stage

    def changes(self) -> dict[str, Packed | FieldChanges | None]:
        """What differs from what is stored. Raises `NotStorable`."""
        return self._contents.changes() if self._contents is not None else {}

    def pending(self) -> dict[str, Packed | FieldChanges | None]:
        """The changes, now that they are to be stored. Raises `NotStorable`."""
        return self.changes()

    def found(self, *, unread: bool) -> Attributes:
        """What was read, as it was found; with `unread` everything else, too."""
        return self._contents.found(unread=unread) if self._contents is not None else {}

    def committed(self, record: Record, attributes: Attributes | None, changes: Changes) -> None:
        """Go on from `record`, which holds `attributes` (None: what was found), among them `changes`.

        The application may have gone on meanwhile: what it did since is still to be committed.
        """
        if self._next_id is not None and record.key == self._next_id.key:
            changed_hands = self._record is None or record.epoch > self._record.epoch
            self._given = self._owed_id = self._next_id
            self._next_id = None
            self._renew = self._renew and not (changed_hands and self._principal == record.principal)
            self._emptied = self._emptied and self._renew
        self._said = False
        self._record = record
        self._ref = None  # of a certificate's session, that another request has made at the same time
        if self._contents is not None and attributes is not None:
            self._contents.committed(attributes, changes)

    def give_up(self, names: Iterable[str]) -> None:
        """Drop what was done with these attributes."""
        if self._contents is not None:
            self._contents.give_up(names)

    def lost(self) -> None:
        """Take note that the session has ended elsewhere, and drop what was done with it."""
        self._ref = self.ref
        self._ended = True
        self._record = self._contents = self._given = None

    def refresh(self) -> None:
        """Show what is stored by now, wherever nothing is left to be committed. Raises `NotStorable`."""
        if self._contents is None or self._record is None or self._emptied:
            return
        try:
            self._contents.refresh(codec.read(self._record.data))
        except codec.Undecodable:
            self._contents = None  # looked at anew, and found to be unreadable

    def revert(self) -> None:
        """Drop what was not committed; an end, a sign-in and a renewal stand."""
        if self._contents is not None:
            self._contents.revert()
            self.refresh()

    def _linked_id(self) -> SessionId | None:
        if self._ended or self._stage is Stage.SKIPPED:
            return None
        self._look()
        signs_in = self._renew and self._principal is not None
        return self._kept_id() if self._record is not None or signs_in or len(self) else None

    def _kept_id(self) -> SessionId:
        given = self._given
        kept = given is not None and not given.passing and self._record is not None and not self._renew
        return given if kept else self.next_id()  # type: ignore[return-value]

    def _who(self) -> str | None:
        return self._principal

    def _kept(self) -> Keeper:
        self._look()
        if self._keeper is None:
            raise OutsideRequest("this session is not connected to a store")
        return self._keeper

    def _use(self) -> Contents:
        self._look()
        if self._contents is None:
            try:
                self._contents = Contents(None if self._record is None else self._record.data)
            except codec.Undecodable as error:
                # Nothing of it can be used and nothing is overwritten: the visitor is one without a session.
                self._unreadable = str(error)
                self._record = self._found = self._ref = self._principal = None
                self._contents = Contents(None)
        return self._contents

    def _begin(self) -> None:
        if self._record is None and self._stage is Stage.STARTED:
            raise ResponseStarted("a session cannot be created after the response has started; set it before")
        if self._record is None:
            self._refuse_untracked()

    def _look(self) -> None:
        self._looked = True
        if self._strange:
            raise self.refusal(self._strange)
        if self._ended:
            raise SessionEnded(f"session {self.ref} has ended; the visitor's next request begins a new one")
        if self._stage is Stage.CLOSED:
            raise OutsideRequest(
                "this session's request is over: it is valid during its own request only; use sessions.access(ref)"
            )
        if self._stage is Stage.SKIPPED:
            raise OutsideRequest("this path has no session: it is in `skip` of Sessions(…)")

    def _refuse_late(self, what: str) -> None:
        self._look()
        if self._stage is Stage.STARTED:
            raise ResponseStarted(f"{what} needs a cookie, and the response has started; do it before")
