"""Observed: calls as those see them who measure. While nobody does, nothing is timed."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Literal

import msgspec

from sojourn.errors import BackendBusy, ExchangeEnded, SessionLost, SignInFailed
from sojourn.outbound.messages import Pause, Response, Room, Send, Step, Steps, Wait

__all__ = ["Called", "Came", "Observer", "Waited", "observed"]

Came = Literal["answered", "repeated", "lost", "refused", "busy", "ended", "cancelled", "failed"]
"""What came of a call. It was `"answered"`, whatever its status; or so, but had been sent more than once
(`"repeated"`), as the session, the token or the credentials were good no longer. Or as the errors of back ends say:
`SessionLost`, `SignInFailed` (`"refused"`), `BackendBusy`, `ExchangeEnded`. `"failed"` is any other error."""

Waited = Literal["sign-in", "sequential", "sessions", "calls", "pace"]
"""What a call waited for: another one that signs in or fetches a token; or room, by the setting that limits it."""


class Called(msgspec.Struct, frozen=True, kw_only=True):
    """One call of the application, and what came of it. Names nobody, and nothing that was asked for."""

    outcome: Came
    seconds: float
    """Until it was answered; signing in, waiting and sending it once more are part of it."""
    waited: tuple[tuple[Waited, float], ...]
    """For what, and for how many seconds; mostly nothing."""


Observer = Callable[[Called], None]
"""Is told of each call, in the task or thread that made it. What it raises is logged and goes no further."""

_log = logging.getLogger(__name__)

_ERRORS: tuple[tuple[type[BaseException], Came], ...] = (
    (SessionLost, "lost"),
    (SignInFailed, "refused"),
    (BackendBusy, "busy"),
    (ExchangeEnded, "ended"),
    (Exception, "failed"),
)

_ROOMS: dict[Room, Waited] = {"": "sign-in", "the session": "sequential", "sessions": "sessions", "calls": "calls"}


def observed(steps: Steps, observers: tuple[Observer, ...]) -> Steps:
    """The same steps, of which these observers are told when they have come to an end."""
    began, sent, waited = time.perf_counter(), 0, []
    outcome: Came = "cancelled"  # what is no `Exception`
    try:
        step = next(steps)
        while True:
            sent += type(step) is Send
            reason, since = _reason(step), time.perf_counter()
            try:
                done = yield step
            except BaseException as error:  # noqa: BLE001 - it is raised again by the negotiation
                step = steps.throw(error)
            else:
                step = steps.send(done)
            finally:
                if reason is not None:
                    waited.append((reason, time.perf_counter() - since))
    except StopIteration as stop:
        outcome = "repeated" if sent > 1 else "answered"
        answer: Response = stop.value
        return answer
    except Exception as error:
        outcome = next(outcome for kind, outcome in _ERRORS if isinstance(error, kind))
        raise
    finally:
        _tell(Called(outcome=outcome, seconds=time.perf_counter() - began, waited=tuple(waited)), observers)


def _reason(step: Step) -> Waited | None:
    if isinstance(step, Wait):
        return _ROOMS[step.room]
    return "pace" if isinstance(step, Pause) else None


def _tell(called: Called, observers: tuple[Observer, ...]) -> None:
    for observer in observers:
        try:
            observer(called)
        except Exception:  # noqa: BLE001 - whatever it is, the next observer and the application must not suffer
            _log.exception("an observer failed on a call to a back end")
