"""History: what visitors asked and were told, what listeners heard, what was done to the nodes and the store.

All times are of the machine's monotonic clock, in seconds: the nodes are processes of the same machine, and no fault
touches that clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Op = Literal["write", "read", "sign-in", "end", "ghost", "after", "final"]
"""`ghost` comes with an id that is over, `after` when an unused session should have expired, `final` when all is healed
and without the version, so that the store is asked."""

ANSWERED = 200
REFUSED = -1  # the connection was refused: the request never left
CUT = 0  # the connection broke, or nothing came for too long: it happened, or it did not

TOKENS = 1_000_000  # of one visitor; so a token tells whose it is


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One request."""

    visitor: int
    client: str
    """One cookie jar. Its requests come one after another."""
    app: str
    op: Op
    node: int
    sent_at: float
    got_at: float
    status: int
    """Of HTTP; `REFUSED`, `CUT`."""
    session: str = ""
    """The ref of the session that the client takes for its own; "" when it begins one."""
    given: str = ""
    """The id that it came with, hashed."""
    left_with: str = ""
    """The id that it had afterwards, hashed; "" for none."""
    told: int = -1
    """The version that its cookie told; -1 when none."""
    token: int = 0
    """What a write added, in an attribute of its own."""
    ref: str = ""
    """What the application found, before it did anything: the ref, 0 for the version where nothing was stored."""
    version: int = 0
    tokens: frozenset[int] = frozenset()
    last: int = 0
    """An attribute that all writes set to their token."""
    mark: int | None = None
    principal: str | None = None

    @property
    def answered(self) -> bool:
        return self.status == ANSWERED

    @property
    def unknown(self) -> bool:
        """Whether it may have happened, now or later."""
        return self.status not in (ANSWERED, REFUSED)

    @property
    def found(self) -> str:
        """The ref of the stored session that was found; "" for none."""
        return self.ref if self.answered and self.version else ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Announcement:
    """An end that a listener of a node was told of."""

    node: int
    app: str
    ref: str
    event_id: str
    reason: str
    at: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Injection:
    """A fault: what was done, to which node's side (None: to all), from when until when."""

    kind: str
    node: int | None
    begun_at: float
    healed_at: float


@dataclass(kw_only=True)
class History:
    """Everything that happened in a run."""

    entries: list[Entry] = field(default_factory=list)
    announcements: list[Announcement] = field(default_factory=list)
    injections: list[Injection] = field(default_factory=list)
    events: dict[str, int] = field(default_factory=dict)
    """How often each kind of event was told, over all nodes."""
    waited: bool = True
    """Whether all ends had their time to be announced."""
    scraped: dict[str, int] = field(default_factory=dict)
    """What the nodes have counted themselves."""


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """What is promised, in seconds."""

    watch: float
    """After how long what one client did is seen by the others."""
    lease: float
    """For how long an end that was claimed is announced by nobody else."""
    idle: float
    """The idle limit of the application whose sessions are left to expire."""
    slack: float
    """How much longer they may live."""
    clock: float
    """How far a node may be off the store's clock, after it was corrected."""
