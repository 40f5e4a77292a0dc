"""Instruments: all that is counted and measured, in one table.

Names and units are those of OpenTelemetry (units: UCUM); Prometheus has the same under names of its own rules, which
`Instrument.series` follows. Labels take few values: the name of an application, or a back end by scheme, host and
port; a reason, an operation, an outcome.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ["INSTRUMENTS", "Instrument"]

_SUFFIXES = {"s": "_seconds", "By": "_bytes"}

_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_CALLS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
_BYTES = (64.0, 256.0, 1024.0, 4096.0, 16384.0, 65536.0, 262144.0, 1048576.0)
_LIFETIMES = (1.0, 10.0, 60.0, 300.0, 900.0, 1800.0, 3600.0, 14400.0, 43200.0, 86400.0, 604800.0, 2592000.0)


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """One figure that a process tells."""

    name: str
    kind: Literal["counter", "histogram", "gauge"]
    unit: str
    help: str
    labels: tuple[str, ...] = ("app",)
    buckets: tuple[float, ...] = ()
    """Upper bounds, for a histogram."""

    @property
    def series(self) -> str:
        """What it is called in Prometheus, without the ending of a counter."""
        return self.name.replace(".", "_") + _SUFFIXES.get(self.unit, "")


def _counter(name: str, what: str, text: str, *labels: str) -> Instrument:
    return Instrument(name=f"sojourn.{name}", kind="counter", unit=f"{{{what}}}", help=text, labels=("app", *labels))


def _gauge(name: str, unit: str, text: str) -> Instrument:
    return Instrument(name=f"sojourn.{name}", kind="gauge", unit=unit, help=text)


def _histogram(name: str, unit: str, text: str, labels: tuple[str, ...], buckets: tuple[float, ...]) -> Instrument:
    name = f"sojourn.{name}"
    return Instrument(name=name, kind="histogram", unit=unit, help=text, labels=("app", *labels), buckets=buckets)


INSTRUMENTS: dict[str, Instrument] = {
    each.name.removeprefix("sojourn."): each
    for each in (
        # What happened to sessions.
        _counter("sessions.created", "session", "Sessions that were stored for the first time."),
        _counter(
            "sessions.ended", "session", "Sessions that ended; by time where the reason is idle or absolute.", "reason"
        ),
        _histogram(
            "sessions.lifetime", "s", "From the creation of a session to its last use.", ("reason",), _LIFETIMES
        ),
        _gauge("sessions.active", "{session}", "Requests, WebSockets and blocks under way that found a session."),
        _counter("sessions.absent", "request", "Requests with an id that has no session."),
        _counter("sessions.refused", "session", "Sessions that there was no room for.", "reason"),
        _counter("sessions.renewed", "session", "New ids of sessions: at a sign-in or sign-out, or in time."),
        _counter("sessions.unreadable", "session", "Stored sessions that could not be read."),
        _counter("sessions.fell_back", "request", "Requests that had seen a newer version than the store has."),
        _counter("attributes.unreadable", "attribute", "Stored attributes that could not be read."),
        _counter("changes.dropped", "session", "Changes that were not stored, since the session had ended meanwhile."),
        _counter(
            "changes.late", "session", "Changes that came after the first byte of the response; they were stored."
        ),
        _counter("ids.refused", "request", "Requests with several ids where a browser sends one: one was forged."),
        _counter("strangers.refused", "request", "Requests that came with the id of another principal's session."),
        _counter("tracking.disagreed", "request", "Requests with two live sessions, in two ways of tracking."),
        _counter("affinity.broken", "request", "Requests that came with the route of another node."),
        # What the store was asked.
        _histogram("store.duration", "s", "How long the store took to answer.", ("operation", "outcome"), _SECONDS),
        _histogram(
            "store.size", "By", "What records held that went to the store or came back.", ("operation",), _BYTES
        ),
        _counter("store.operations", "operation", "Questions to a server, before they were gathered."),
        _counter("store.round_trips", "trip", "Round trips to a server; each takes all that was gathered."),
        _counter("breaker.breaks", "break", "How often the store went away."),
        _counter("breaker.refused", "operation", "Questions that failed at once, while the store was away."),
        _gauge("breaker.closed", "1", "1 while the store is asked as ever, 0 while it is away."),
        _counter("outage.answered", "request", "Loads that were answered in place of a store that was away."),
        _counter("outage.dropped", "session", "New sessions and times of use that were dropped, the store being away."),
        # What is in the memory of this process.
        _counter("near.hits", "request", "Requests that a copy in memory has served."),
        _counter("near.misses", "request", "Requests that had to ask the store."),
        _counter("near.stale", "request", "Loads that brought less than the visitor had seen."),
        _counter("near.joined", "request", "Requests that waited for a load that another had begun."),
        _counter("near.dropped", "copy", "Copies that were dropped, since something changed elsewhere."),
        _counter("near.discarded", "copy", "Copies that had to make room."),
        _counter("near.breaks", "break", "How often the watch of the store broke."),
        _gauge("near.entries", "{session}", "Sessions of which there is a copy in memory."),
        _gauge("near.size", "By", "What these copies take."),
        _gauge("near.healthy", "1", "1 while the watch of the store is alive, so that copies are served."),
        _counter("behind.queued", "change", "Changes that were queued to be stored later."),
        _counter("behind.flushed", "session", "Saves of queued sessions."),
        _counter("behind.merged", "session", "Queued sessions that another node had changed meanwhile."),
        _counter("behind.dropped", "session", "Queued sessions that had ended elsewhere, so they were not saved."),
        _counter("behind.full", "change", "Changes that were stored at once, since the queue was full."),
        _counter("behind.lost", "session", "Queued sessions that were lost: the store was away at the stop."),
        _gauge("behind.depth", "{session}", "Sessions that wait to be stored."),
        _gauge("behind.oldest", "s", "For how long the oldest of them has waited."),
        # What happens at back ends.
        _histogram("backend.duration", "s", "How long calls took until they were answered.", ("outcome",), _CALLS),
        _histogram("backend.waiting", "s", "How long calls waited, of those that had to.", ("reason",), _CALLS),
        _gauge("backend.queued", "{call}", "Calls that wait for room at this moment."),
        _gauge("backend.held", "{session}", "Sessions that are held from one exchange to the next."),
        _counter("backend.begun", "session", "Sessions that began there."),
        _histogram("backend.signing_in", "s", "How long it took until they had begun.", (), _CALLS),
        _counter("backend.adopted", "session", "Sessions that other nodes had begun, and this one has, too."),
        _counter("backend.refused", "sign_in", "Sign-ins that were refused, or came to no session."),
        _counter("backend.tokens", "token", "Tokens against forged requests that were fetched."),
        _counter("backend.tokenless", "token", "Tokens against forged requests that were asked for and not given."),
        _counter("backend.forgotten", "call", "Calls that found their session forgotten by the back end.", "outcome"),
        _counter("backend.closed", "session", "Sessions whose scope has ended.", "outcome"),
        _counter("backend.unkept", "sign_in", "Sign-ins after which the back end knows nobody by a cookie."),
        _counter("backend.ignored", "call", "Calls in the session of another principal."),
        _counter("backend.store_away", "break", "How often the store of shared sessions went away."),
    )
}
"""By their names without `sojourn.`."""
