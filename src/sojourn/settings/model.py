"""Model: what can be set from outside, of which type, and how it is called there."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator
from functools import reduce
from operator import or_
from typing import Any, Literal, NamedTuple, cast, get_args, get_type_hints

import msgspec
from msgspec import UNSET, UnsetType

from sojourn.core.cookies import Cookie
from sojourn.core.lifetime import Lifetime
from sojourn.inbound.ending import Limit, Sweep
from sojourn.inbound.keeping.checking import Check
from sojourn.inbound.lasting import Sockets
from sojourn.inbound.opening.owners import Strangers
from sojourn.inbound.sessions import Sessions
from sojourn.inbound.tracking.certificates import Certificate
from sojourn.inbound.tracking.rewriting import Rewriting
from sojourn.inbound.tracking.ways import Way
from sojourn.store.behind import Behind
from sojourn.store.near import Near
from sojourn.store.outage import Outage

__all__ = ["KEYS", "SECTIONS", "Given", "Key", "Layer", "Options", "Source", "default_of"]


_SECRET = ("store", "seal")


class Options(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The keywords of `Sessions` that can be set from outside; what is left out has the default that it has there.

    Each is described at `Sessions`, but for `failover`: whether sessions are kept in the store, so that they outlive
    their node. `false` keeps all of them in the memory of theirs; `true` keeps those in the store whose `save` is set,
    and the others in memory; where it is left out, what `store` says holds.
    """

    store: str | UnsetType = UNSET
    failover: bool | UnsetType = UNSET
    save: Literal["sync", "async", "manual"] | UnsetType = UNSET
    write: Behind | UnsetType = UNSET
    cookie: Cookie | UnsetType = UNSET
    lifetime: Lifetime | UnsetType = UNSET
    near: Near | Literal["remote"] | UnsetType | None = UNSET
    seal: tuple[bytes, ...] | UnsetType | None = UNSET
    touch: Literal["used", "always"] | UnsetType = UNSET
    on_error: Literal["discard", "save"] | UnsetType = UNSET
    on_conflict: Literal["merge", "fail"] | UnsetType = UNSET
    contents: Literal["changed", "read", "all"] | UnsetType = UNSET
    limit: Limit | UnsetType | None = UNSET
    sweep: Sweep | UnsetType = UNSET
    sockets: Sockets | UnsetType = UNSET
    outage: Outage | UnsetType = UNSET
    tracking: tuple[Way, ...] | UnsetType = UNSET
    rewriting: Rewriting | UnsetType = UNSET
    certificate: Certificate | UnsetType = UNSET
    route: str | UnsetType | None = UNSET
    share_id: bool | UnsetType = UNSET
    node: str | UnsetType | None = UNSET
    skip: tuple[str, ...] | UnsetType = UNSET
    principal: str | UnsetType | None = UNSET
    identity: Literal["request"] | UnsetType | None = UNSET
    strangers: Strangers | UnsetType = UNSET
    check: Check | UnsetType = UNSET

    def __repr__(self) -> str:
        """What is given, without keys, and without addresses, which may hold a password."""
        given = {name: getattr(self, name) for name in self.__struct_fields__ if getattr(self, name) is not UNSET}
        shown = (f"{name}={'…' if name in _SECRET else repr(value)}" for name, value in given.items())
        return f"Options({', '.join(shown)})"


class Key(NamedTuple):
    """One setting: as `lifetime.idle` in Python's words, `idle` under `[sessions.lifetime]` in a file."""

    name: str
    kind: Any

    @property
    def variable(self) -> str:
        """What it is called in the environment, behind the prefix."""
        return self.name.replace(".", "_").upper()


class Given(NamedTuple):
    """A value, and where it was given: a line of a file, a variable, an option."""

    value: Any
    origin: str

    def __repr__(self) -> str:
        """Where it was given: the value may be a secret."""
        return f"Given(…, {self.origin!r})"


Layer = dict[str, Given]
"""What one place says, by the names of keys."""


class Source(NamedTuple):
    """What a file, the environment or Python says: of all applications, and of each by its name."""

    sessions: Layer
    applications: dict[str, Layer]


def default_of(name: str) -> object:
    """What holds where the key is not given; `UNSET` where that is neither a value nor none."""
    field, _, inner = name.partition(".")
    if inner:
        return next(each.default for each in dataclasses.fields(SECTIONS[field]) if each.name == inner)
    given = inspect.signature(Sessions.__init__).parameters.get(field)
    return UNSET if given is None else given.default


def _sections() -> Iterator[tuple[str, type]]:
    for name, kinds in _FIELDS.items():
        for kind in kinds:
            if dataclasses.is_dataclass(kind):
                yield name, cast("type", kind)


def _keys() -> Iterator[Key]:
    for name, kinds in _FIELDS.items():
        plain = [kind for kind in kinds if not dataclasses.is_dataclass(kind)]
        if plain:
            yield Key(name, reduce(or_, plain))
        if name in SECTIONS:
            hints = get_type_hints(SECTIONS[name])
            for field in dataclasses.fields(SECTIONS[name]):
                yield Key(f"{name}.{field.name}", hints[field.name])


_FIELDS = {
    name: [kind for kind in get_args(hint) if kind is not UnsetType] for name, hint in get_type_hints(Options).items()
}

SECTIONS: dict[str, Any] = dict(_sections())
"""The settings that are tables, and the class of each."""

KEYS = {key.name: key for key in _keys()}
"""All settings, by name. A section is among them where it can be something else than a table."""
