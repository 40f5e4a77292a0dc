"""View: one attribute of a session as an object of the application's own class."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from sojourn.core import codec
from sojourn.core.codec import Packed
from sojourn.core.merge import FieldChanges
from sojourn.errors import SettingError, ViewMismatch

__all__ = ["View"]


class View:
    """An object that was handed out for an attribute, and its fields as they were first seen.

    What it changed is found field by field, so a field that its class does not know is never touched: an old and a new
    version of a class can use one session side by side.
    """

    __slots__ = ("_before", "_of_defaults", "kind", "name", "value", "whole")

    def __init__(self, name: str, kind: type, packed: Packed | None, live: object = msgspec.UNSET) -> None:
        """Build the object of class `kind` from what is stored, or from the plain value in use where there is one.

        Raises `ViewMismatch` when the data does not fit, `SettingError` when `kind` is no class of data.
        """
        if not (isinstance(kind, type) and (issubclass(kind, msgspec.Struct) or dataclasses.is_dataclass(kind))):
            raise SettingError(f"session.view({kind!r}): a view is a dataclass or a msgspec Struct")
        self.name = name
        self.kind = kind
        stored = None if packed is None else self._build(_unpack(name, packed))
        self._before: dict[str, Packed | None] = {} if stored is None else {**self._fields(stored)}
        self.whole = isinstance(live, kind)  # put in as an object of its class, so it stays one
        self._of_defaults = stored is None and live is msgspec.UNSET
        if live is not msgspec.UNSET:
            self.value = self._build(live)
        elif stored is None:
            self.value = self._build({})
            self._before = {**self._fields(self.value)}  # looking at a view creates nothing
        else:
            self.value = stored

    @property
    def untouched(self) -> bool:
        """Whether it is an object of defaults that nobody has changed."""
        return self._of_defaults and self.changes(None) is None

    def changes(self, packed: Packed | None) -> Packed | FieldChanges | None:
        """The fields that are not as they were, None when all are. Raises `NotStorable`."""
        if packed is not None and not codec.is_map(packed):
            # Stored as an object of its class and not as fields, so it stays one.
            whole = codec.pack(self.value, f"session[{self.name!r}]")
            return None if codec.same(whole, packed) else whole
        now = self._fields(self.value)
        changed: dict[str, Packed | None] = {k: field for k, field in now.items() if self._before.get(k) != field}
        changed.update((key, None) for key, field in self._before.items() if field is not None and key not in now)
        if not changed:
            return None
        return FieldChanges(changed, {key: field for key, field in now.items() if key not in changed})

    def committed(self, changes: FieldChanges) -> None:
        """Go on from a record that holds `changes`."""
        self._before = {**self._before, **changes.fields}

    def _fields(self, value: object) -> dict[str, bytes]:
        path = f"session[{self.name!r}]"
        return {key: codec.pack_field(part, f"{path}.{key}") for key, part in codec.plain_fields(value).items()}

    def _build(self, plain: Any) -> Any:
        try:
            return msgspec.convert(plain, self.kind)
        except (msgspec.ValidationError, TypeError) as error:
            raise ViewMismatch(
                f"session[{self.name!r}] does not fit {self.kind.__qualname__}: {_misfit(error)}; "
                "give new fields a default, or the view another name with at=…"
            ) from None


def _unpack(name: str, packed: Packed) -> Any:
    try:
        return codec.unpack(packed)
    except codec.Undecodable as error:
        raise ViewMismatch(f"session[{name!r}] cannot be read: {error}") from None


def _misfit(error: Exception) -> str:
    reason, at, path = str(error).rpartition(" - at ")
    reason = reason or (path if not at else "")
    # Of msgspec's reasons these name types and fields; others show the value.
    return f"{reason if reason.startswith(('Expected ', 'Object ')) else 'Invalid value'}{at}{path if at else ''}"
