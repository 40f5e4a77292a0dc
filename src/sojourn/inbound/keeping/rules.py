"""Settings: what is wrong with those of `Sessions` is told when they are given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

import msgspec

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Clock, Lifetime
from sojourn.core.record import BACKENDS, is_text
from sojourn.errors import SettingError
from sojourn.inbound.ending import Limit, Sweep
from sojourn.inbound.lasting import Sockets
from sojourn.store.base import Admits, Store, Watches, power
from sojourn.store.behind import Behind
from sojourn.store.near import Near
from sojourn.store.stack import NEAR, innermost

__all__ = ["Choices", "Rules", "behind_of", "check_kinds", "check_limit", "check_names", "lacks", "near_of"]

_CHOICES: dict[str, tuple[str, ...]] = {
    "save": ("sync", "async", "manual"),
    "touch": ("used", "always"),
    "on_error": ("discard", "save"),
    "on_conflict": ("merge", "fail"),
    "contents": ("changed", "read", "all"),
    "check": ("off", "log", "error"),
}


class Choices(msgspec.Struct, frozen=True, kw_only=True):
    """The settings of `Sessions` that are words; each is described there. Raises `SettingError` for any other."""

    save: str
    touch: str
    on_error: str
    on_conflict: str
    contents: Literal["changed", "read", "all"]
    check: Literal["off", "log", "error"]

    def __post_init__(self) -> None:
        for name, choices in _CHOICES.items():
            value = getattr(self, name)
            if value not in choices:
                raise SettingError(f"Sessions({name}={value!r}): give {' or '.join(map(repr, choices))}")


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """The settings that a commit follows."""

    app: str
    node: str
    lifetime: Lifetime
    clock: Clock
    choices: Choices
    limit: Limit | None
    principal: str | None = None


_KINDS: dict[str, tuple[type, str]] = {
    "cookie": (Cookie, "a Cookie"),
    "lifetime": (Lifetime, "a Lifetime"),
    "limit": (Limit, "a Limit"),
    "near": (Near, "a Near, None for no near cache, or 'remote'"),
    "sweep": (Sweep, "a Sweep"),
    "sockets": (Sockets, "a Sockets"),
    "write": (Behind, "a Behind"),
    "store": (Store, "an address such as sqlite:///sessions.db, or a Store"),
}


def check_names(app: str, skip: Sequence[str]) -> None:
    """Raise `SettingError` for an application without a name, and for what is no beginning of a path."""
    if not app or not is_text(app):
        raise SettingError(f"Sessions(app={app!r}): give the application a name, without NUL")
    if app.startswith(BACKENDS):
        raise SettingError(f"Sessions(app={app!r}): {BACKENDS} begins the names of back ends; give another")
    if isinstance(skip, str) or not all(path.startswith("/") for path in skip):
        raise SettingError(f"Sessions(skip={skip!r}): give a list of beginnings of paths, as in ['/static/']")


def check_kinds(**settings: object) -> None:
    """Raise `SettingError` for what is of another kind than the setting."""
    for name, value in settings.items():
        kind, wanted = _KINDS[name]
        if not isinstance(value, kind) or isinstance(value, type):  # a class of stores has the methods of one, too
            raise SettingError(f"Sessions({name}=…): give {wanted}, not a {type(value).__name__}")


def check_limit(limit: Limit | None, store: Store) -> None:
    """Raise `SettingError` for a limit that the store cannot hold anybody to."""
    if limit is None:
        return
    check_kinds(limit=limit)
    if power(store, Admits) is None:
        raise SettingError(f"Sessions(limit=…): {lacks(store, 'admit', 'Admits')}")


def near_of(near: object, store: Store) -> Near | Literal["remote"] | None:
    """`near`, if it is one that can be around the store. Raises `SettingError`."""
    if near is not None and near != NEAR:
        check_kinds(near=near)
        if power(store, Watches) is None:
            raise SettingError(f"Sessions(near=…): {lacks(store, 'watch', 'Watches')}; give near=None")
    return cast("Near | Literal['remote'] | None", near)


def behind_of(save: str, write: Behind | None) -> Behind | None:
    """How changes are written behind the response; None when they are not. Raises `SettingError`."""
    if write is not None:
        check_kinds(write=write)
        if save != "async":
            raise SettingError(f'Sessions(save={save!r}, write=…): writing behind the response is for save="async"')
    return write if write is not None or save != "async" else Behind()


def lacks(store: Store, method: str, power: str) -> str:
    """What to say of a store that lacks a power."""
    return f"{type(innermost(store)).__name__} lacks `{method}` (see sojourn.store.{power})"
