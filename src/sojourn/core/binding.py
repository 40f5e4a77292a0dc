"""Binding: values that are told when they come into a session and when they leave it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from sojourn.core.events import AttributeChanged, Event, SessionEnded

__all__ = ["Bound", "tell_values"]


@runtime_checkable
class Bound(Protocol):
    """A value that is told where it is, when `tell_values` listens.

    A copy of it is told: what that does to itself is stored nowhere.
    """

    def value_bound(self, event: AttributeChanged) -> None:
        """It is stored in the session now, as the attribute `event.name`; so is what was changed in place."""
        ...

    def value_unbound(self, event: AttributeChanged | SessionEnded) -> None:
        """It is not any more: it was replaced (what took its place is told first) or removed, or the session ended."""
        ...


def tell_values(event: Event) -> None:
    """A listener that tells values: `sessions.listen(tell_values, AttributeChanged, SessionEnded)`.

    One that raises keeps no other from being told; an ExceptionGroup of all that was raised follows.
    """
    errors: list[Exception] = []
    if isinstance(event, AttributeChanged):
        with _collecting(errors):
            if isinstance(value := event.value, Bound):
                value.value_bound(event)
        with _collecting(errors):
            if isinstance(old := event.old, Bound):
                old.value_unbound(event)
    elif isinstance(event, SessionEnded):
        for value in event.attributes().values():
            with _collecting(errors):
                if isinstance(value, Bound):
                    value.value_unbound(event)
    if errors:
        raise ExceptionGroup(f"values failed on {event!r}", errors)


@contextmanager
def _collecting(errors: list[Exception]) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the others are told
        errors.append(error)
