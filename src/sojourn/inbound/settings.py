"""Settings: what is wrong with those of `Sessions` is told when they are given."""

from __future__ import annotations

from collections.abc import Sequence

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.errors import SettingError
from sojourn.inbound.ending import Limit, Sweep
from sojourn.store.base import Admits, Store, power
from sojourn.store.stack import innermost

__all__ = ["check_choices", "check_kinds", "check_limit", "check_names", "lacks"]

_CHOICES = {
    "save": ("sync", "manual"),
    "touch": ("used", "always"),
    "on_error": ("discard", "save"),
    "on_conflict": ("merge", "fail"),
    "contents": ("changed", "read", "all"),
}

_KINDS: dict[str, tuple[type, str]] = {
    "cookie": (Cookie, "a Cookie"),
    "lifetime": (Lifetime, "a Lifetime"),
    "limit": (Limit, "a Limit"),
    "sweep": (Sweep, "a Sweep"),
    "store": (Store, "an address such as sqlite:///sessions.db, or a Store"),
}


def check_choices(**settings: str) -> None:
    """Raise `SettingError` for what is none of the words that there are."""
    for name, value in settings.items():
        if value not in _CHOICES[name]:
            raise SettingError(f"Sessions({name}={value!r}): give {' or '.join(map(repr, _CHOICES[name]))}")


def check_names(app: str, skip: Sequence[str]) -> None:
    """Raise `SettingError` for an application without a name, and for what is no beginning of a path."""
    if not app:
        raise SettingError("Sessions(app=''): give the application a name")
    if isinstance(skip, str) or not all(path.startswith("/") for path in skip):
        raise SettingError(f"Sessions(skip={skip!r}): give a list of beginnings of paths, as in ['/static/']")


def check_kinds(**settings: object) -> None:
    """Raise `SettingError` for what is of another kind than the setting."""
    for name, value in settings.items():
        kind, wanted = _KINDS[name]
        if not isinstance(value, kind):
            raise SettingError(f"Sessions({name}=…): give {wanted}, not a {type(value).__name__}")


def check_limit(limit: Limit | None, store: Store) -> None:
    """Raise `SettingError` for a limit that the store cannot hold anybody to."""
    if limit is None:
        return
    check_kinds(limit=limit)
    if power(store, Admits) is None:
        raise SettingError(f"Sessions(limit=…): {lacks(store, 'admit', 'Admits')}")


def lacks(store: Store, method: str, power: str) -> str:
    """What to say of a store that lacks a power."""
    return f"{type(innermost(store)).__name__} lacks `{method}` (see sojourn.store.{power})"
