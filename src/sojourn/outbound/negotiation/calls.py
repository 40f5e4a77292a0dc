"""Calls: one call to a back end, from the sign-in to the answer, as a generator that yields what a driver is to do.

It decides all, so that every driver, async or not, does the same:

    in the session               the call                        what is done
    ---------------------------  ------------------------------  ---------------------------------------------------
    nobody is signed in          is the first to come            sign in; the call carries the credentials
    somebody is signing in       comes meanwhile                 wait, then go on with that session
    signed in                    any                             cookies alone, no credentials
    signed in, no token          changes something               fetch a token, once for all who wait; then as above
    the token is refused         its body can be sent again      fetch another; with that, send it once more
    the session is refused       was refused before processing   sign in, once for all who wait; send it once more
    the session is refused       may have been processed         once more if it is idempotent, else `SessionLost`
    the session is refused       its body cannot be sent again   `SessionLost`
    the session is refused       is part of a stateful exchange  `SessionLost`, for the rest of the exchange
    it and a new one is refused  any                             that is its answer, and the session of all others stays
    the credentials are refused  any                             `SignInFailed`, for all who wait
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from typing import Any

from sojourn.errors import BackendBusy, BackendError, ExchangeEnded, SessionLost, SignInFailed, StoreError
from sojourn.outbound.keeping.gate import Gate
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.messages import IDEMPOTENT, Call, Response, Send, Steps, shown
from sojourn.outbound.negotiation.attempt import Attempt, Refused
from sojourn.outbound.once import Claim
from sojourn.outbound.rules import Rules

__all__ = ["close", "converse", "forget", "once", "vacate"]

RENEWALS = 2  # of one call: the second is for a session that was lost while this call waited to go on with it
LEFT = tuple(reversed(range(RENEWALS + 1)))
DENIALS = 2  # sign-ins in a row that are taken for denials of their calls; after many more, users are locked out


def converse(call: Call, place: Place, rules: Rules, *, last: bool = False) -> Steps:
    """Get `call` through, with the session of `place`, and return the answer that the application gets.

    `last`: nothing follows it. Raises `SignInFailed`, `SessionLost`, `BackendBusy` or `ExchangeEnded`, and whatever the
    driver raises, which leaves the session as it is.
    """
    if not rules.own(call.url):
        return (yield from _elsewhere(call, place, rules))
    place.enter()
    try:
        answer = yield from _renewing(call, place, rules, last=last)
        if rules.fleet is not None and rules.fleet.due(place):
            yield from rules.fleet.keep(place)
    except BackendError:
        yield from _tidy(place, rules, ended=place.leave())
        raise
    except BaseException:
        if place.leave():
            _abandon(place, rules)
        _let_expire(place, rules, place.left_behind())
        if _wanted(rules) and (spare := rules.spare()) is not None and spare.give_way():
            _abandon(spare, rules)
        raise
    ended = place.leave()
    if ended or place.superseded or _wanted(rules):
        told = last and rules.closing is not None and bool(rules.closing.headers)
        yield from _tidy(place, rules, ended=ended, told=told)
    return answer


def _tidy(place: Place, rules: Rules, *, ended: bool, told: bool = False) -> Generator[Any, Any, None]:
    """Close what nobody needs any more. `ended`: nobody will come. `told`: the back end knows so already."""
    if ended:
        yield from _close(place, rules, told=told)
    yield from _close_left(place, rules)
    if _wanted(rules):
        yield from _make_room(rules)


def once(call: Call, place: Place, rules: Rules) -> Steps:
    """Get `call` through in a session that is for it alone, and is closed with it."""
    place.give_way()
    return (yield from converse(call, place, rules, last=True))


def close(places: Iterable[Place], rules: Rules) -> Generator[Any, Any, None]:
    """End the scope of `places`: their sessions are closed, and none begins there any more."""
    left = list(places)
    for place in left:
        place.ended = True
    try:
        while left:
            yield from _close(left[-1], rules)
            left.pop()
    finally:
        for place in left:
            _abandon(place, rules)


def forget(scope: str, places: Iterable[Place], rules: Rules) -> Generator[Any, Any, None]:
    """As `close`, for all nodes: the sessions of that scope are taken from the fleet as well, and closed.

    Raises `StoreError` where the store cannot be asked; what this node holds is closed for all that.
    """
    own = list(places)
    refs = {session.ref for place in own if (session := place.value) is not None}
    failure: StoreError | None = None
    others: list[BackendSession] = []
    for place in own:
        place.ended = place.forgotten = True  # first, or a call that ends meanwhile would store it again
    try:
        others = (yield from rules.fleet.end(scope)) if rules.fleet is not None else []
    except StoreError as error:
        failure = error
    except BaseException:
        for place in own:
            _abandon(place, rules)
        raise
    yield from close(own, rules)
    for session in others:
        if session.ref not in refs:
            yield from Attempt(Place(None, scope), rules, session).close()
    if failure is not None:
        raise failure


def vacate(place: Place, rules: Rules) -> Generator[Any, Any, None]:
    """Close the session of `place`, which another one has taken the room of; where calls go on, with the last one."""
    if place.give_way():
        yield from _close(place, rules)


def _close(place: Place, rules: Rules, *, told: bool = False) -> Generator[Any, Any, None]:
    """`told`: the back end has been told already."""
    session = place.value
    if session is not None and place.drop(session):
        if place.others_have(session):
            session.leave()
        else:
            yield from Attempt(place, rules, session).close(told=told)
    yield from _close_left(place, rules)


def _close_left(place: Place, rules: Rules) -> Generator[Any, Any, None]:
    """Close what gave way to the session of another node, when no call is in it any more."""
    left = place.left_behind()
    try:
        while left:
            yield from Attempt(place, rules, left.pop()).close()
    finally:
        _let_expire(place, rules, left)


def _wanted(rules: Rules) -> bool:
    """Whether somebody waits for room for a session."""
    return rules.room is not None and rules.room.crowded


def _make_room(rules: Rules) -> Generator[Any, Any, None]:
    """Close a session that nobody uses just now, for one that somebody waits for."""
    place = rules.spare()
    if place is not None:
        yield from vacate(place, rules)


def _abandon(place: Place, rules: Rules) -> None:
    """Let the session go, and the back end let it expire."""
    session = place.value
    if session is not None and place.lose(session) and not place.others_have(session):
        rules.telling.closed(place, session, "no")
    _let_expire(place, rules, place.left_behind())


def _let_expire(place: Place, rules: Rules, sessions: Iterable[BackendSession]) -> None:
    for session in sessions:
        session.leave()
        rules.telling.closed(place, session, "no")


def _elsewhere(call: Call, place: Place, rules: Rules) -> Steps:
    """A call to another origin: no credentials, and cookies only where they are shared."""
    session = place.value
    if session is None or not rules.shares(call.url):
        answer: Response = yield Send({})
        return answer
    return (yield from Attempt(place, rules, session).share(call))


def _renewing(call: Call, place: Place, rules: Rules, *, last: bool) -> Steps:
    gone: BackendSession | None = None
    requests = 0
    for left in LEFT:
        attempt, entered = _at_once(place, rules) or (yield from _admitted(place, rules, seeks=left > 0))
        try:
            attempt.requests = requests
            return (yield from attempt.go(call, last=last))
        except Refused as refused:
            requests = attempt.requests
            answer = _answer(call, attempt, refused, gone, left)
            if answer is not None:
                return answer
            gone = attempt.session if attempt.session.proven else gone
        except SignInFailed as failure:
            rules.telling.refused(place, attempt.session)
            attempt.give_up(failure)
            raise
        finally:
            attempt.give_up()
            _leave(entered)
    raise SessionLost(f"{rules.origin} forgets each session at once; {call!r} was not sent again")


def _at_once(place: Place, rules: Rules) -> tuple[Attempt, Sequence[Gate]] | None:
    """As `_admitted`, where a session is held and nothing is to be waited for."""
    session = place.value
    if session is None or place.ended or place.broken or _stale(session, rules):
        return None
    if rules.sequential or rules.gate is not None or rules.pace is not None:
        return None
    return Attempt(place, rules, session), ()


def _admitted(place: Place, rules: Rules, *, seeks: bool) -> Generator[Any, Any, tuple[Attempt, Sequence[Gate]]]:
    """What may go now, in the session that is there by now; and what it is to leave when it has gone.

    Who waits for a session has not entered anything yet, or those who have one could not go on and end. `seeks`: that
    of another node will do, too.
    """
    while True:
        attempt = Attempt(place, rules, *(yield from _session(place, rules, seeks=seeks)))
        entered: list[Gate] = []
        try:
            for gate in (place.turn if rules.sequential else None, rules.gate):
                if gate is not None:
                    yield from gate.enter(rules.patience)
                    entered.append(gate)
            there = attempt.claim is not None or place.value is attempt.session
            if there and rules.pace is not None:
                yield from rules.pace.enter(rules.patience)
        except BaseException:
            attempt.give_up()
            _leave(entered)
            raise
        if there:
            return attempt, entered
        _leave(entered)


def _leave(entered: Sequence[Gate]) -> None:
    for gate in reversed(entered):
        gate.leave()


def _session(
    place: Place, rules: Rules, *, seeks: bool
) -> Generator[Any, Any, tuple[BackendSession, Claim[BackendSession] | None]]:
    """The session that is held; or a new one, and the right to sign it in."""
    held = place.value
    if held is not None and _stale(held, rules) and place.lose(held):
        place.broken = rules.stateful
    _check_open(place, rules)
    try:
        got = yield from place.get(rules.patience, rules.clock)
    except TimeoutError:
        raise BackendBusy(
            f"{rules.origin}: another call has not signed in within {rules.patience:g} s; this one was not sent"
        ) from None
    if isinstance(got, Claim):
        try:
            _check_open(place, rules)  # it may have ended while this call waited
        except BackendError:
            got.give_up()
            raise
        found = (yield from _found(place, got, rules)) if seeks else None
        return (found, None) if found is not None else ((yield from _begun(got, rules)), got)
    return got, None


def _stale(session: BackendSession, rules: Rules) -> bool:
    """Whether it was not used for too long to be tried."""
    return rules.clock() - session.used_at > rules.idle


def _check_open(place: Place, rules: Rules) -> None:
    """Raise `ExchangeEnded` or `SessionLost` where no session begins any more."""
    if place.forgotten:
        raise ExchangeEnded(f"{rules.origin}: this user was forgotten while the call waited; it was not sent")
    if place.ended:
        raise ExchangeEnded(f"the exchange with {rules.origin} has ended; begin another one")
    if place.broken:
        raise SessionLost(f"{rules.origin} has lost the state of this exchange with its session; begin another one")


def _found(place: Place, claim: Claim[BackendSession], rules: Rules) -> Generator[Any, Any, BackendSession | None]:
    """The session of another node, with which all go on who wait; None: there is none."""
    if rules.fleet is None:
        return None
    try:
        session = yield from rules.fleet.seek(place)
    except BaseException:
        claim.give_up()
        raise
    if session is not None:
        claim.use(session)
        rules.telling.adopted(place, session)
    return session


def _begun(claim: Claim[BackendSession], rules: Rules) -> Generator[Any, Any, BackendSession]:
    """A session that nobody has signed in yet, when there is room for it."""
    try:
        session = BackendSession(rules.jar.like(), rules.clock(), rules.room)
        if rules.room is not None:
            if rules.room.full:
                yield from _make_room(rules)
            yield from rules.room.enter(rules.patience)
    except BaseException:
        claim.give_up()
        raise
    return session


def _answer(call: Call, attempt: Attempt, refused: Refused, gone: BackendSession | None, left: int) -> Response | None:
    """What was refused as the answer of the call; None where it goes once more. Raises where it cannot.

    `gone`: the session that worked, and in which it was refused before. `left`: how many times it may go.
    """
    place, rules, key = attempt.place, attempt.rules, (call.method, shown(call.url))
    if refused.answer is not None and not refused.signed and place.denies(key, rules.clock()):
        return refused.answer
    repeatable = refused.answer is None or call.replayable
    if refused.signed and attempt.drop_credentials() and left and repeatable:
        return None
    tried = place.denials >= DENIALS
    if gone is None or (tried if refused.signed else left and not tried):
        _give_way(call, attempt, refused, left)
        return None
    if refused.signed or not tried:
        place.deny(key, rules.clock())
    attempt.put_back(gone)
    if refused.answer is None:
        raise SignInFailed(f"{rules.origin} refuses {place.identity!r} the token for {call!r}; it was not sent")
    return refused.answer


def _give_way(call: Call, attempt: Attempt, refused: Refused, left: int) -> None:
    """Let go of what was refused. Raises where the call cannot go once more."""
    place, rules = attempt.place, attempt.rules
    repeatable = refused.answer is None or call.replayable
    if refused.signed:
        raise _failure(attempt)
    place.refused(attempt.session, rules.clock())
    begun = attempt.claim is not None and place.auth is not None  # by this call, so that no state is lost with it
    if attempt.doubtful and place.signs_always(rules.clock()):
        raise _failure(attempt)
    stateful = rules.stateful and not begun
    place.broken = place.broken or stateful
    if refused.processed and call.method not in IDEMPOTENT:
        repeatable = False
    rules.telling.forgotten(place, attempt.session, again=repeatable and left > 0 and not stateful)
    if stateful:
        raise SessionLost(f"{rules.origin} has lost the state of this exchange with its session; begin another one")
    if not repeatable:
        place.broken = place.broken or rules.stateful  # whoever is told so begins another exchange
        why = "it may have been processed" if call.replayable else "its body cannot be sent twice"
        raise SessionLost(f"{rules.origin} has forgotten the session; {call!r} was not sent again, for {why}")


def _failure(attempt: Attempt) -> SignInFailed:
    """What is told to all who wait, too."""
    place, rules = attempt.place, attempt.rules
    rules.telling.refused(place, attempt.session)
    failure = SignInFailed(f"{rules.origin} refuses the credentials of {place.identity!r}; check them")
    attempt.give_up(failure)
    return failure
