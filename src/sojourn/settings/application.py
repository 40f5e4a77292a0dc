"""What is set for one application, and the sessions that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from msgspec import UNSET

from sojourn.errors import SettingError
from sojourn.inbound.sessions import Sessions
from sojourn.settings.model import SECTIONS, Layer, Options
from sojourn.settings.reading import BY_REFERENCE

__all__ = ["ApplicationSettings"]

T = TypeVar("T")

IN_MEMORY = "memory:"
_MEANT_FOR = {"write": ("save", "async"), "rewriting": ("tracking", "url"), "certificate": ("tracking", "certificate")}
_OF_STORES = ("write", "near", "outage")  # what has no meaning in memory


class ApplicationSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The options of one application, after all that is said of it and of all applications."""

    app: str
    options: Options
    origins: dict[str, str] = {}
    """Where each was given, by the names of keys; what is not here has its default."""

    @classmethod
    def of(cls, app: str, layer: Layer, environ: Mapping[str, str]) -> ApplicationSettings:
        """Those that a layer says. `environ`: where it may say that keys are.

        Raises `SettingError` with the place of what cannot be.
        """
        values: dict[str, Any] = {}
        for name, kind in SECTIONS.items():
            given = {key.partition(".")[2]: each for key, each in layer.items() if key.startswith(f"{name}.")}
            if given:
                origins = {inner: each.origin for inner, each in given.items()}
                values[name] = _made(kind, {inner: each.value for inner, each in given.items()}, origins)
        values |= {name: each.value for name, each in layer.items() if "." not in name}
        if isinstance(values.get("seal"), str):
            values["seal"] = _ring(values["seal"], layer["seal"].origin, environ)
        return cls(app=app, options=Options(**values), origins={name: each.origin for name, each in layer.items()})

    @property
    def stays_in_memory(self) -> bool:
        """Whether `failover` keeps the sessions out of the store: it, and `save`, have to be set."""
        failover = self.options.failover
        return failover is not UNSET and not (failover and self.options.save is not UNSET)

    @property
    def store(self) -> str:
        """The address of the store that the sessions are kept in."""
        return IN_MEMORY if self.stays_in_memory or self.options.store is UNSET else self.options.store

    def sessions(self, **keywords: Any) -> Sessions:
        """The sessions of the application. `keywords`: of `Sessions`, above all that is set elsewhere.

        Raises `SettingError` with the place of what cannot be.
        """
        given = {name: getattr(self.options, name) for name in Options.__struct_fields__}
        given = {name: value for name, value in given.items() if value is not UNSET} | keywords
        failover = given.pop("failover", UNSET)
        if self.stays_in_memory:
            given = {name: value for name, value in given.items() if name not in _OF_STORES} | {"store": IN_MEMORY}
            if given.get("save") == "async":
                del given["save"]
        elif failover is not UNSET and str(given.get("store", IN_MEMORY)).startswith(IN_MEMORY):
            place = self._origin("failover")
            raise SettingError(
                f"{place}: failover = true asks for a store that outlives the node; give its address as store"
            )
        for name, (setting, value) in _MEANT_FOR.items():  # what is said of all is for those that it is for
            said = given.get(setting, ())
            if value not in ((said,) if isinstance(said, str) else said) and name not in keywords:
                given.pop(name, None)
        origins = {name: self._origin(name) for name in given if name not in keywords}
        return _made(lambda **settings: Sessions(app=self.app, **settings), given, origins)

    def _origin(self, name: str) -> str:
        """Where that keyword was given; of a section, where the first of it was."""
        found = [origin for key, origin in self.origins.items() if key == name or key.startswith(f"{name}.")]
        return found[0] if found else ""


def _made(make: Callable[..., T], given: Mapping[str, Any], origins: Mapping[str, str]) -> T:
    """What `make` makes of that. Raises its `SettingError` with the place of what is to blame for it.

    Those are what it would work without, alone.
    """
    try:
        return make(**given)
    except SettingError as error:
        blamed = [name for name in given if _works(make, given, name)] or list(origins)[:1]
        places = dict.fromkeys(origins[name] for name in blamed if origins.get(name))
        raise SettingError(": ".join(filter(None, (" and ".join(places), str(error))))) from None


def _works(make: Callable[..., object], given: Mapping[str, Any], without: str) -> bool:
    try:
        make(**{name: value for name, value in given.items() if name != without})
    except SettingError:
        return False
    return True


def _ring(named: str, origin: str, environ: Mapping[str, str]) -> tuple[bytes, ...]:
    """The keys that are named, or that stand there. Raises `SettingError`, which holds nothing of them."""
    try:
        from sojourn.store.sealed import key_ring
    except ModuleNotFoundError:
        raise SettingError(f"{origin}: seal needs cryptography: pip install 'sojourn[seal]'") from None
    kind, _, name = named.partition(":")
    text = named
    try:
        if kind == "file":
            text = Path(name).read_text(encoding="ascii")
        elif named.startswith(BY_REFERENCE):
            text = environ[name]
    except (OSError, UnicodeDecodeError):
        raise SettingError(f"{origin}: seal: the file {name} cannot be read as a ring of keys") from None
    except KeyError:
        raise SettingError(f"{origin}: seal: there is no variable {name}") from None
    try:
        keys = tuple(key_ring(text))
    except SettingError as error:
        raise SettingError(f"{origin}: {error}") from None
    if not keys:
        raise SettingError(f"{origin}: seal: there is no key in it; make one with sojourn.store.sealed.new_key()")
    return keys
