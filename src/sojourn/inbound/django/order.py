"""Order: what MIDDLEWARE has beside our middleware, or before it, that does not go together with it."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import Warning as CheckWarning
from django.utils.module_loading import import_string

from sojourn.inbound.answers import layers

__all__ = ["found", "tell"]

_USERS = ("AuthenticationMiddleware", "MessageMiddleware")  # of django.contrib, and what is made of them


def found(ours: type) -> Iterator[CheckWarning]:
    """What `manage.py check` is to tell; nothing where MIDDLEWARE does not have `ours`."""
    kinds = [(path, _kind(path)) for path in settings.MIDDLEWARE]
    places = [place for place, (_, kind) in enumerate(kinds) if issubclass(kind, ours)]
    if not places:
        return
    own = kinds[places[0]][0]
    for path, kind in kinds:
        if issubclass(kind, SessionMiddleware) and not issubclass(kind, ours):
            text = f"{path} is in MIDDLEWARE beside Sojourn's SessionMiddleware: two layers keep sessions."
            yield CheckWarning(text, hint="Take it out.", id="sojourn.W001")
    if len(places) > 1:
        text = f"{own} is in MIDDLEWARE, and Sojourn's SessionMiddleware once more: two layers keep sessions."
        yield CheckWarning(text, hint="Take one out.", id="sojourn.W002")
    for path, kind in kinds[: places[0]]:
        if {each.__name__ for each in kind.__mro__} & {*_USERS}:
            text = f"{path} comes before {own} in MIDDLEWARE, and runs before there is a session."
            yield CheckWarning(text, hint="Put it after that.", id="sojourn.W003")


def tell(ours: type) -> None:
    """Log the same, once a process: servers run no checks."""
    for warning in found(ours):
        layer, _, what = warning.msg.partition(" ")
        layers.tell(layer, f"{what} {warning.hint}")


def _kind(path: str) -> type:
    try:
        kind = import_string(path)
    except ImportError:  # Django says so itself
        return object
    return kind if isinstance(kind, type) else object
