"""Checker: goes over a history and finds what should not have happened. Pure: no I/O, no clock."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from tests.faults.history import CUT, REFUSED, TOKENS, Announcement, Bounds, Entry, History

OF_A_NODE = ("kill", "pause")  # faults after which a node may not have noted down what it announced
OF_THE_STORE = ("cut", "refuse", "hang", "half", "restart", "hold")  # and those of the way to where it does
ECHO = 5.0  # seconds after a fault in which what it broke may still be felt

Shown = tuple[Entry | Announcement, ...]


@dataclass(frozen=True, kw_only=True)
class Violation:
    """A promise that was broken, and the shortest history that shows it."""

    rule: str
    session: str
    what: str
    shown_by: Shown = ()


@dataclass(kw_only=True)
class Verdict:
    """What the checker found."""

    violations: list[Violation] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    staleness: float = 0.0
    """The longest time for which one client did not see what another had been told is stored, in seconds."""
    lingering: float = 0.0
    """The longest time for which another node still showed a session that had ended, in seconds."""

    @property
    def good(self) -> bool:
        return not self.violations

    @property
    def broken(self) -> set[str]:
        """The rules that do not hold."""
        return {violation.rule for violation in self.violations}


def check(history: History, bounds: Bounds) -> Verdict:
    """Apply every rule."""
    verdict = Verdict(counts=count(history))
    for ref, entries in _by_session(history.entries).items():
        session = _Session(ref, entries)
        verdict.violations += _own_view(session)
        verdict.violations += _within_bound(session, bounds, verdict)
        verdict.violations += _last_write(session)
        verdict.violations += _mixed(session)
        verdict.violations += _healed(session)
        verdict.violations += _expiry(session, bounds)
    verdict.violations += _strangers(history.entries)
    verdict.violations += _ended(history, bounds, verdict)
    verdict.violations += _announced(history)
    verdict.violations += _ids(history.entries)
    verdict.violations += _answers(history)
    verdict.violations += _told(history, verdict.counts)
    if not verdict.counts["writes acknowledged"]:
        verdict.violations.append(Violation(rule="progress", session="", what="no write was acknowledged at all"))
    return verdict


def count(history: History) -> Counter[str]:
    """What happened how often, as the visitors know it: a scrape of the nodes' metrics has to agree."""
    counts: Counter[str] = Counter({"requests": len(history.entries)})
    for entry in history.entries:
        if entry.op == "write":
            counts["writes"] += 1
            counts["writes acknowledged"] += entry.answered
            counts["sessions"] += _begins(entry)
        elif entry.op in ("end", "sign-in"):
            counts[f"{entry.op} acknowledged"] += entry.answered
        if not entry.answered:
            counts[{CUT: "cut", REFUSED: "refused"}.get(entry.status, f"status {entry.status}")] += 1
    seen = frozenset().union(*(entry.tokens for entry in history.entries))
    counts["status 503, but stored"] = sum(e.status == 503 and e.token in seen for e in history.entries)
    counts["announcements"] = len(history.announcements)
    counts["announced again"] = len(history.announcements) - len({(a.app, a.ref) for a in history.announcements})
    return counts


class _Session:
    """The requests of those who took one session for theirs, in the order in which they were sent."""

    def __init__(self, ref: str, entries: list[Entry]) -> None:
        self.ref = ref
        self.entries = sorted(entries, key=lambda entry: entry.sent_at)
        self.writes = [entry for entry in self.entries if entry.op == "write" and _belongs(entry, ref)]
        self.acknowledged = [entry for entry in self.writes if entry.answered]
        self.sights = [entry for entry in self.entries if entry.found == ref and entry.op not in ("ghost", "after")]
        self.app = self.entries[0].app

    def violation(self, rule: str, what: str, *shown_by: Entry) -> Violation:
        return Violation(rule=rule, session=self.ref, what=what, shown_by=shown_by)


def _belongs(write: Entry, ref: str) -> bool:
    """Whether it was written to that session: one that found none has begun another."""
    return write.ref == ref if write.answered else write.session == ref


def _begins(entry: Entry) -> bool:
    return entry.op == "write" and entry.answered and not entry.version


def _by_session(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    sessions: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        if entry.session:
            sessions[entry.session].append(entry)
        if _begins(entry):
            sessions[entry.ref].append(entry)
    return sessions


def _own_view(session: _Session) -> Iterator[Violation]:
    """Each client sees all that its own earlier requests wrote or saw, and its session is there until it ends it."""
    known: dict[str, dict[int, Entry]] = defaultdict(dict)  # for each client: tokens, and who told it of them
    newest: dict[str, Entry] = {}
    for entry in session.entries:
        if not entry.answered or entry.op in ("ghost", "after", "end"):
            continue
        mine = known[entry.client]
        if entry.found == session.ref:
            for token in mine.keys() - entry.tokens:
                rule, what = _loss(mine[token])
                yield session.violation(rule, what.format(token), mine[token], entry)
                return
            before = newest.get(entry.client)
            if before is not None and entry.version < before.version:
                yield session.violation("reads never go back", "an older version was shown", before, entry)
                return
            mine.update(dict.fromkeys(entry.tokens - mine.keys(), entry))
            newest[entry.client] = entry
        elif entry.session and session.app == "long":
            shown = newest.get(entry.client, entry)
            yield session.violation("no acknowledged write lost", "the session is not there any more", shown, entry)
            return
        if entry.op == "write" and _belongs(entry, session.ref):
            mine[entry.token] = entry


def _loss(told: Entry) -> tuple[str, str]:
    if told.op == "write":
        return "no acknowledged write lost", "token {}, acknowledged, was not there"
    return "reads never go back", "token {}, seen before, was not there"


def _within_bound(session: _Session, bounds: Bounds, verdict: Verdict) -> Iterator[Violation]:
    """What one client was told is stored is seen by the others within the watch bound."""
    worst: tuple[float, Entry, Entry] | None = None
    for sight in session.sights:
        for write in session.acknowledged:
            if write.client != sight.client and write.token not in sight.tokens:
                stale = sight.sent_at - write.got_at
                if stale > 0 and (worst is None or stale > worst[0]):
                    worst = stale, write, sight
    if worst is None:
        return
    stale, write, sight = worst
    if sight.op == "final":
        yield session.violation("no acknowledged write lost", f"token {write.token} is not stored", write, sight)
        return
    verdict.staleness = max(verdict.staleness, stale)
    if stale > bounds.watch:
        what = f"token {write.token} was not seen after {stale:.3f} s"
        yield session.violation("staleness within the watch bound", what, write, sight)


def _last_write(session: _Session) -> Iterator[Violation]:
    """An attribute that one client alone sets has the value it was set to last; or one whose fate is unknown."""
    if len({entry.client for entry in session.entries if entry.op != "ghost"}) > 1:
        return
    last: Entry | None = None
    unknown: set[int] = set()
    for entry in session.entries:
        if entry.found == session.ref and entry.op not in ("ghost", "after"):
            due = last.token if last is not None else 0
            if entry.last != due and entry.last not in unknown:
                shown = (last, entry) if last is not None else (entry,)
                yield session.violation("reads never go back", f"{entry.last} was shown in the place of {due}", *shown)
                return
        if entry.op == "write" and entry.answered and entry.ref == session.ref:
            last = entry
        elif entry.op == "write" and entry.unknown:
            unknown.add(entry.token)


def _mixed(session: _Session) -> Iterator[Violation]:
    """A session holds what was written to it, and nothing else."""
    written = {entry.token for entry in session.writes}
    for sight in session.sights:
        if strange := sight.tokens - written:
            yield session.violation("no visitor sees another's data", f"token {min(strange)} is of elsewhere", sight)
            return


def _healed(session: _Session) -> Iterator[Violation]:
    """When all faults are over, everybody is served."""
    finals = [entry for entry in session.entries if entry.op == "final"]
    if not finals:
        return
    if not any(entry.answered for entry in finals):
        yield session.violation("healed", "no answer though all faults were over", finals[-1])
    lost = [entry for entry in finals if entry.answered and entry.found != session.ref]
    if lost and session.acknowledged:
        yield session.violation("no acknowledged write lost", "the session is not stored", session.writes[-1], lost[0])


def _expiry(session: _Session, bounds: Bounds) -> Iterator[Violation]:
    """Whoever comes in time keeps his session; whoever comes too late has none."""
    if session.app != "short":
        return
    used: Entry | None = None
    sure = True  # that no request is still on its way
    asked_at = 0.0
    for entry in session.entries:
        if entry.answered and used is not None:
            early = entry.got_at < used.sent_at + bounds.idle - bounds.clock
            late = sure and entry.sent_at > asked_at + bounds.idle + bounds.slack + bounds.clock
            if early and entry.found != session.ref:
                yield session.violation("no session dies early", "it was not there within its idle time", used, entry)
                return
            if late and entry.found == session.ref:
                yield session.violation("no session outlives its time", "it was there too late", used, entry)
                return
        if entry.op == "write" and entry.answered and entry.ref == session.ref and entry.got_at < entry.sent_at + 0.5:
            used = entry
        sure = sure and not entry.unknown
        asked_at = max(asked_at, entry.got_at)


def _strangers(entries: Iterable[Entry]) -> Iterator[Violation]:
    """No answer holds anything of somebody else."""
    for entry in entries:
        marks = {token // TOKENS for token in entry.tokens} | ({entry.mark} if entry.mark is not None else set())
        if marks - {entry.visitor} or entry.principal not in (None, f"v{entry.visitor}"):
            what = "an answer holds another's data"
            yield Violation(rule="no visitor sees another's data", session=entry.ref, what=what, shown_by=(entry,))


def _ids(entries: Iterable[Entry]) -> Iterator[Violation]:
    """Who creates a session gets its id, and who signs in a new one."""
    for entry in entries:
        if _begins(entry) and not entry.left_with:
            what = "it was created, and its visitor was not given its id"
            yield Violation(rule="no acknowledged write lost", session=entry.ref, what=what, shown_by=(entry,))
        if entry.op == "sign-in" and entry.found and entry.left_with in ("", entry.given):
            what = "a sign-in gave no new id"
            yield Violation(rule="a sign-in gives a new id", session=entry.ref, what=what, shown_by=(entry,))


def _ended(history: History, bounds: Bounds, verdict: Verdict) -> Iterator[Violation]:
    """An id that is over opens nothing: on its node at once, elsewhere within the watch bound."""
    over = _over(history.entries)
    for entry in history.entries:
        ends = [over[name] for name in (entry.given, entry.found) if name in over] if entry.found else []
        for end in ends:
            late = entry.sent_at - end.got_at
            if late <= 0 or entry.found != end.session:
                continue
            if entry.node != end.node:
                verdict.lingering = max(verdict.lingering, late)
            if entry.node == end.node or late > bounds.watch:
                what = f"it was shown {late:.3f} s after its end"
                yield Violation(rule="ended stays ended", session=end.session, what=what, shown_by=(end, entry))
                break
    yield from _alive_after(history, bounds)


def _over(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The requests by which ids ended, and sessions as well, by id and by ref."""
    over: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda each: each.got_at):
        if entry.answered and entry.op in ("end", "sign-in"):
            for name in (entry.given, entry.session if entry.op == "end" else ""):
                if name:
                    over.setdefault(name, entry)
    return over


def _alive_after(history: History, bounds: Bounds) -> Iterator[Violation]:
    """Nothing is announced as ended that is still in use."""
    told: dict[str, Announcement] = {}
    for announcement in history.announcements:
        told.setdefault(announcement.ref, announcement)
    for entry in history.entries:
        end = told.get(entry.found)
        if end is not None and entry.sent_at > end.at + bounds.watch and entry.node != end.node:
            what = "it was shown after its end had been announced"
            yield Violation(rule="ended stays ended", session=end.ref, what=what, shown_by=(end, entry))


def _announced(history: History) -> Iterator[Violation]:
    """Each end is announced: once, or again under the same id when the first who did so could not note it down."""
    rule = "one ended event a session"
    told: dict[str, list[Announcement]] = defaultdict(list)
    for announcement in sorted(history.announcements, key=lambda each: each.at):
        told[announcement.ref].append(announcement)
    for ref, announcements in told.items():
        if len({each.event_id for each in announcements}) > 1:
            what = "it was announced under two event ids"
            yield Violation(rule=rule, session=ref, what=what, shown_by=tuple(announcements[:2]))
        elif len(announcements) > 1 and not _excused(history, announcements[0], announcements[1]):
            what = "it was announced twice, and no fault made that necessary"
            yield Violation(rule=rule, session=ref, what=what, shown_by=tuple(announcements[:2]))
    for ref, entry in awaited(history.entries).items() if history.waited else ():
        if ref not in told:
            yield Violation(rule=rule, session=ref, what="its end was not announced", shown_by=(entry,))


def awaited(entries: Iterable[Entry]) -> dict[str, Entry]:
    """The refs of the sessions whose end has to be announced, sooner or later, each with a request that shows it."""
    over: dict[str, Entry] = {}
    for entry in entries:
        if entry.op == "end" and entry.answered and entry.session:
            over.setdefault(entry.session, entry)
        elif _begins(entry) and entry.app == "short":
            over[entry.ref] = entry
    return over


def _excused(history: History, first: Announcement, again: Announcement) -> bool:
    """Whether the first could not note it down; or the other stood still so long that its own claim had run out."""
    nodes = (first.node, again.node)
    return any(
        injection.begun_at <= again.at
        and injection.healed_at + ECHO >= first.at
        and (injection.kind in OF_THE_STORE or (injection.kind in OF_A_NODE and injection.node in nodes))
        for injection in history.injections
    )


def _told(history: History, counts: Counter[str]) -> Iterator[Violation]:
    """Listeners heard of all that visitors were told has happened, and perhaps of more, whose answers were lost."""
    for event, what in (("SessionCreated", "sessions"), ("IdRenewed", "sign-in acknowledged")):
        if history.events and history.events.get(event, 0) < counts[what]:
            lacking = f"{history.events.get(event, 0)} times {event}, and {counts[what]} {what}"
            yield Violation(rule="events agree with answers", session="", what=lacking)


def _answers(history: History) -> Iterator[Violation]:
    """A request is answered, or refused with 503 while there is a fault."""
    for entry in history.entries:
        if entry.answered or entry.status in (CUT, REFUSED):
            continue
        if entry.status != 503:
            what = f"the answer was {entry.status}"
            yield Violation(rule="answers", session=entry.session, what=what, shown_by=(entry,))
        elif not any(
            injection.begun_at <= entry.got_at and injection.healed_at + ECHO >= entry.sent_at
            for injection in history.injections
        ):
            what = "it was refused, and there was no fault"
            yield Violation(rule="answers", session=entry.session, what=what, shown_by=(entry,))
