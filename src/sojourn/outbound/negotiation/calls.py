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
    the credentials are refused  any                             `SignInFailed`, for all who wait
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from sojourn.errors import ExchangeEnded, SessionLost, SignInFailed
from sojourn.outbound.keeping.once import Claim
from sojourn.outbound.keeping.place import Place
from sojourn.outbound.keeping.session import BackendSession
from sojourn.outbound.messages import IDEMPOTENT, Call, Response, Send, Steps
from sojourn.outbound.negotiation.attempt import Attempt, Refused
from sojourn.outbound.rules import Rules

__all__ = ["close", "converse", "once", "vacate"]

RENEWALS = 2  # of one call: the second is for a session that was lost while this call waited to go on with it


def converse(call: Call, place: Place, rules: Rules, *, last: bool = False) -> Steps:
    """Get `call` through, with the session of `place`, and return the answer that the application gets.

    `last`: nothing follows it. Raises `SignInFailed`, `SessionLost`, `BackendBusy` or `ExchangeEnded`, and whatever the
    driver raises, which leaves the session as it is.
    """
    if not rules.own(call.url):
        return (yield from _elsewhere(call, place, rules))
    if rules.pace is None and rules.gate is None and not rules.sequential:
        return (yield from _renewing(call, place, rules, last=last))
    entered = []
    try:
        for gate in (place.turn if rules.sequential else None, rules.gate):
            if gate is not None:
                yield from gate.enter(rules.patience)
                entered.append(gate)
        if rules.pace is not None:
            yield from rules.pace.enter(rules.patience)
        return (yield from _renewing(call, place, rules, last=last))
    finally:
        for gate in reversed(entered):
            gate.leave()


def once(call: Call, place: Place, rules: Rules) -> Steps:
    """Get `call` through in a session that is for it alone, and is closed with it."""
    answer = yield from converse(call, place, rules, last=True)
    yield from close(place, rules, told=rules.closing is not None and bool(rules.closing.headers))
    return answer


def close(place: Place, rules: Rules, *, told: bool = False) -> Generator[Any, Any, None]:
    """End the scope of `place`: its session is closed, and none begins there any more.

    `told`: the back end has been told already.
    """
    place.ended = True
    yield from vacate(place, rules, told=told)


def vacate(place: Place, rules: Rules, *, told: bool = False) -> Generator[Any, Any, None]:
    """Close the session of `place`, where another one may begin."""
    session = place.value
    if session is not None and place.drop(session):
        yield from Attempt(place, session, rules).close(told=told)


def _elsewhere(call: Call, place: Place, rules: Rules) -> Steps:
    """A call to another origin: no credentials, and cookies only where they are shared."""
    session = place.value
    if session is None or not rules.shares(call.url):
        answer: Response = yield Send({})
        return answer
    return (yield from Attempt(place, session, rules).share(call))


def _renewing(call: Call, place: Place, rules: Rules, *, last: bool) -> Steps:
    for left in reversed(range(RENEWALS + 1)):
        session, claim = yield from _session(place, rules)
        attempt = Attempt(place, session, rules, claim)
        try:
            answer = yield from attempt.go(call, last=last)
        except Refused as refused:
            _give_way(call, attempt, refused, left)
            continue
        except SignInFailed as failure:
            attempt.give_up(failure)
            raise
        finally:
            attempt.give_up()
        if place.ended:  # meanwhile, so that nobody else closes what has just begun
            yield from attempt.close()
        return answer
    raise SessionLost(f"{rules.origin} forgets each session at once; {call!r} was not sent again")


def _session(place: Place, rules: Rules) -> Generator[Any, Any, tuple[BackendSession, Claim[BackendSession] | None]]:
    """The session that is held; or a new one, and the right to sign it in."""
    held = place.value
    if held is not None and rules.clock() - held.used_at > rules.idle and place.lose(held):
        place.broken = rules.stateful
    if place.ended:
        raise ExchangeEnded(f"the exchange with {rules.origin} has ended; begin another one")
    if place.broken:
        raise SessionLost(f"{rules.origin} has lost the state of this exchange with its session; begin another one")
    got = yield from place.get()
    if isinstance(got, Claim):
        try:
            if rules.room is not None:
                yield from rules.room.enter(rules.patience)
        except BaseException:
            got.give_up()
            raise
        return BackendSession(rules.new_jar(), rules.clock(), rules.room), got
    return got, None


def _give_way(call: Call, attempt: Attempt, refused: Refused, left: int) -> None:
    """Let go of what was refused. Raises where the call cannot go once more."""
    place, rules = attempt.place, attempt.rules
    repeatable = not refused.sent or call.replayable
    if refused.signed:
        if not repeatable or place.auth is None or not place.auth.forget():
            raise _failure(attempt)
        return  # once more, with credentials that are not those of before
    place.refused(attempt.session)
    begun = attempt.claim is not None and place.auth is not None  # by this call, so that no state is lost with it
    if attempt.doubtful and place.signs_always:
        raise _failure(attempt)
    stateful = rules.stateful and not begun
    place.broken = place.broken or stateful
    if refused.processed and call.method not in IDEMPOTENT:
        repeatable = False
    rules.telling.forgotten(place, attempt.session, again=repeatable and left > 0 and not stateful)
    if stateful:
        raise SessionLost(f"{rules.origin} has lost the state of this exchange with its session; begin another one")
    if not repeatable:
        why = "it may have been processed" if call.replayable else "its body cannot be sent twice"
        raise SessionLost(f"{rules.origin} has forgotten the session; {call!r} was not sent again, for {why}")


def _failure(attempt: Attempt) -> SignInFailed:
    """What is told to all who wait, too."""
    place, rules = attempt.place, attempt.rules
    rules.telling.refused(place, attempt.session)
    failure = SignInFailed(f"{rules.origin} refuses the credentials of {place.identity!r}; check them")
    attempt.give_up(failure)
    return failure
