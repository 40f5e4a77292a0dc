"""Device: one of a principal's sessions, as its owner would know it."""

from __future__ import annotations

import msgspec

from sojourn.core import codec
from sojourn.core.record import Record
from sojourn.core.session import Session

__all__ = ["Device", "device_of", "name_of", "note"]

ATTRIBUTE = "device"
UNKNOWN = "Unknown device"
LONGEST = 80  # characters of a name: what a page shows on one line

# In this order: Edge and Opera call themselves Chrome, Chrome calls itself Safari, and Android calls itself Linux.
_BROWSERS = (
    ("Edg", "Edge"), ("OPR/", "Opera"), ("SamsungBrowser/", "Samsung Internet"), ("Firefox/", "Firefox"),
    ("FxiOS/", "Firefox"), ("CriOS/", "Chrome"), ("Chrome/", "Chrome"), ("Safari/", "Safari"), ("curl/", "curl"),
    ("python", "Python"),
)  # fmt: skip
_SYSTEMS = (
    ("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("CrOS", "ChromeOS"),
    ("Mac OS X", "macOS"), ("Linux", "Linux"),
)  # fmt: skip


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A session of a principal. Times in seconds since the epoch."""

    ref: str
    """Its public name: what `Sessions.end` takes."""
    name: str
    """What it was noted as; `Unknown device` when it was not."""
    here: bool
    """Whether it is the session that asks."""
    created_at: float
    accessed_at: float


def note(session: Session, user_agent: str) -> None:
    """Keep in `session` which browser it is of, for its owner to recognise; best when signing in.

    `user_agent`: the header of that name. What is kept is `name_of` it, in the attribute `device`.
    """
    session[ATTRIBUTE] = name_of(user_agent)


def name_of(user_agent: str) -> str:
    """A browser and a system, such as `Firefox on Linux`, by what it says of itself; for people, not to decide by."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), None)
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), None)
    return " on ".join(filter(None, (browser, system))) or UNKNOWN


def device_of(record: Record, ref: str) -> Device:
    """What `record` is to its owner, who asks from the session `ref`."""
    return Device(
        ref=record.ref,
        name=_noted(record),
        here=record.ref == ref,
        created_at=record.created_at,
        accessed_at=record.accessed_at,
    )


def _noted(record: Record) -> str:
    try:
        name = codec.unpack(codec.read(record.data)[ATTRIBUTE])
    except (KeyError, codec.Undecodable):
        return UNKNOWN
    return name[:LONGEST] if isinstance(name, str) and name else UNKNOWN
