"""Codec: attributes ⇄ bytes, one attribute at a time, each value with the type that it had.

The data of a record is a MessagePack map of attribute name to value. It is read as names and raw values, and only the
values that are asked for are decoded. Types that MessagePack lacks travel as extensions (`extensions`); nothing is
ever executed, and what is unknown is refused.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import msgspec
import ormsgpack

from sojourn.core.codec import classes, extensions
from sojourn.core.codec.depth import deeper_than
from sojourn.core.codec.extensions import Code
from sojourn.core.codec.paths import parts_of
from sojourn.core.codec.refusal import refusal
from sojourn.errors import NotStorable

__all__ = [
    "Attributes",
    "Packed",
    "Undecodable",
    "is_map",
    "is_packed_as",
    "pack",
    "pack_change",
    "pack_field",
    "read",
    "same",
    "unpack",
    "write",
]

Packed = msgspec.Raw | bytes
"""One value in its packed form."""

Attributes = Mapping[str, Packed]
"""Packed values by attribute name."""

SEALED = b"\xc1"
"""What sealed data begins with: the one byte that MessagePack never uses."""

NESTING = 32  # extensions in extensions (a tuple in a set in a tuple …): bounds the stack of a decoder
DEPTH = 64  # containers within one such extension
# Lists and dicts outside of any extension are bounded at 1,024 by the decoder itself.

# Whatever ormsgpack would turn into something else without a word is passed to our own hook instead.
_OPTIONS = (
    ormsgpack.OPT_PASSTHROUGH_BIG_INT
    | ormsgpack.OPT_PASSTHROUGH_DATACLASS
    | ormsgpack.OPT_PASSTHROUGH_DATETIME
    | ormsgpack.OPT_PASSTHROUGH_ENUM
    | ormsgpack.OPT_PASSTHROUGH_SUBCLASS
    | ormsgpack.OPT_PASSTHROUGH_TUPLE
    | ormsgpack.OPT_PASSTHROUGH_UUID
)
_attributes = msgspec.msgpack.Decoder(dict[str, msgspec.Raw])
_encode = msgspec.msgpack.Encoder().encode


class Undecodable(ValueError):
    """Bytes that are not a packed value of this version."""


def read(data: bytes) -> dict[str, Packed]:
    """The attributes in the data of a record, not yet decoded. Raises `Undecodable`."""
    try:
        attributes: dict[str, Packed] = {**_attributes.decode(data)}
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        if data.startswith(SEALED):
            raise Undecodable("the data is sealed, and no key at hand opens it") from None
        raise Undecodable(f"the data is no map of attributes: {error}") from None
    if _map_size(data) != len(attributes):
        raise Undecodable("the data holds an attribute twice")
    return attributes


def write(attributes: Attributes) -> bytes:
    """The data of a record that has these attributes; what was not touched is copied as it is."""
    return _encode({name: _raw(packed) for name, packed in attributes.items()})


def pack(value: object, path: str) -> bytes:
    """`value` in packed form. Raises `NotStorable` with the path from `path` to the part that cannot be packed."""
    return _pack_or_explain(value, path, tagged=True)


def pack_field(value: object, path: str) -> bytes:
    """`pack` for a field of a typed view: the type says what is a dataclass, Struct or Enum, so the bytes need not."""
    return _pack_or_explain(value, path, tagged=False)


def pack_change(value: object, found: Packed | None, path: str) -> bytes | None:
    """`pack`, or None where the value is that of `found`: most that was looked at has not changed."""
    if found is None:
        return pack(value, path)
    if is_packed_as(value, found):
        return None
    packed = pack(value, path)
    return None if same(packed, found) else packed


def is_packed_as(value: object, found: Packed) -> bool:
    """Whether `value` packs to the very bytes of `found`; False also where it takes more to tell."""
    try:
        return ormsgpack.packb(value, option=_OPTIONS) == bytes(found)
    except TypeError:  # it needs the hook
        return False


def unpack(packed: Packed) -> Any:
    """The value of a packed one. Raises `Undecodable`."""
    opening = _Opening()
    try:
        return ormsgpack.unpackb(memoryview(packed), ext_hook=opening)
    except (ValueError, TypeError) as error:  # what ormsgpack raises, also for whatever its hook raised
        raise Undecodable(opening.reason or str(error)) from None


def same(packed: Packed, before: Packed) -> bool:
    """Whether two packed values are one value, whichever version of the codec wrote `before`."""
    if bytes(packed) == bytes(before):
        return True
    try:
        return bytes(packed) == pack(unpack(before), "")
    except (Undecodable, NotStorable):
        return False


def is_map(packed: Packed) -> bool:
    """Whether it is a plain dict whose keys are all `str`, such as the fields of a view."""
    first = memoryview(packed)[0]
    return first & 0xF0 == 0x80 or first in (0xDE, 0xDF)


def _raw(packed: Packed) -> msgspec.Raw:
    return packed if isinstance(packed, msgspec.Raw) else msgspec.Raw(packed)


def _map_size(data: bytes) -> int:
    first = data[0]
    if first & 0xF0 == 0x80:
        return first & 0x0F
    return int.from_bytes(data[1:3] if first == 0xDE else data[1:5])


# --- packing ---------------------------------------------------------------------------------------------------------

_TOO_DEEP = (
    f"it is nested too deeply (more than {NESTING} tuples or sets, or {DEPTH} levels in one), or contains itself"
)


def _pack_or_explain(value: object, path: str, *, tagged: bool) -> bytes:
    packing = _Packing(tagged=tagged)
    try:
        return packing.pack(value)
    except (TypeError, ValueError, RecursionError) as error:
        reason = packing.error or error
        if str(reason) == _TOO_DEEP or "ecursion" in str(reason):
            raise NotStorable(path, _TOO_DEEP) from None
        raise NotStorable(*_explain(value, path, str(reason), tagged=tagged)) from None


class _Packing:
    """The packing of one value: ormsgpack's hook for what MessagePack lacks. Keeps the first error, which it drops."""

    __slots__ = ("error", "nesting", "tagged")

    def __init__(self, *, tagged: bool) -> None:
        """`tagged`: whether an object is packed with the name of its class."""
        self.tagged = tagged
        self.nesting = 0
        self.error: Exception | None = None

    def pack(self, value: object) -> bytes:
        try:
            packed = ormsgpack.packb(value, default=self, option=_OPTIONS)
        except TypeError as error:
            if "Dict key must be str" not in str(error):
                raise
            # Rare enough that only those pay for it: a dict with other keys becomes an extension.
            packed = ormsgpack.packb(self._with_maps(value, 0), default=self, option=_OPTIONS)
        if b"\xc4" in packed or b"\xc5" in packed or b"\xc6" in packed:  # what binary data begins with
            _refuse_buffers(value)
        return packed

    def __call__(self, value: Any) -> Any:
        try:
            return self._extend(value)
        except Exception as error:
            self.error = self.error or error
            raise

    def _extend(self, value: Any) -> Any:
        kind = type(value)
        if (leaf := extensions.LEAVES.get(kind)) is not None:
            return ormsgpack.Ext(*leaf(value))
        if kind is tuple:
            return self._nested(Code.TUPLE, list(value))
        if kind is set or kind is frozenset:
            return self._members(Code.SET if kind is set else Code.FROZENSET, value)
        if self.tagged:
            code = Code.ENUM if isinstance(value, enum.Enum) else Code.HTML if classes.is_html(value) else Code.FIELDS
            return self._nested(code, classes.named_parts(value))
        plain = classes.untagged(value)
        _refuse_buffers(plain)
        return self._with_maps(plain, 0)

    def _nested(self, code: int, parts: list[Any]) -> ormsgpack.Ext:
        self._enter()
        payload = self.pack(parts)
        self.nesting -= 1
        return _checked(code, payload)

    def _members(self, code: int, members: frozenset[Any]) -> ormsgpack.Ext:
        # In the order of their bytes: the order of a set differs between processes (hash seeds).
        self._enter()
        packed = sorted(self.pack(member) for member in members)
        self.nesting -= 1
        return _checked(code, _encode([msgspec.Raw(member) for member in packed]))

    def _enter(self) -> None:
        self.nesting += 1
        if self.nesting > NESTING:
            raise TypeError(_TOO_DEEP)

    def _with_maps(self, value: Any, depth: int) -> Any:
        """`value`, in which every dict whose keys are not all `str` is an extension."""
        if depth > DEPTH:
            raise TypeError(_TOO_DEEP)
        if type(value) is list:
            return [self._with_maps(member, depth + 1) for member in value]
        if type(value) is not dict:
            return value
        if all(type(key) is str for key in value):
            return {key: self._with_maps(member, depth + 1) for key, member in value.items()}
        return self._nested(Code.MAP, [part for item in value.items() for part in item])


def _refuse_buffers(value: object) -> None:
    """Raise TypeError for what ormsgpack turns into bytes without a word: it has no option against it."""
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if type(value) is list:
            waiting += value
        elif type(value) is dict:
            waiting += value.values()
        elif isinstance(value, (bytearray, memoryview)):
            raise TypeError(refusal(value))


def _checked(code: int, payload: bytes) -> ormsgpack.Ext:
    # Refused here, since it would be refused when it is read.
    if deeper_than(payload, DEPTH):
        raise TypeError(_TOO_DEEP)
    return ormsgpack.Ext(code, payload)


def _explain(value: object, path: str, reason: str, *, tagged: bool) -> tuple[str, str]:
    """The path of the first part of `value` that cannot be packed, and why."""
    for step, part in parts_of(value):
        packing = _Packing(tagged=tagged)
        try:
            packing.pack(part)
        except (TypeError, ValueError) as error:
            return _explain(part, path + step, str(packing.error or error), tagged=tagged)
    return path, refusal(value) if "not msgpack serializable" in reason else reason


# --- unpacking -------------------------------------------------------------------------------------------------------


class _Opening:
    """The unpacking of one value: ormsgpack's hook for extensions. Keeps the first reason, which ormsgpack drops."""

    __slots__ = ("nesting", "reason")

    def __init__(self) -> None:
        self.nesting = 0
        self.reason: str | None = None

    def __call__(self, code: int, payload: bytes) -> Any:
        try:
            leaf = extensions.OPENERS.get(code)
            return leaf(payload) if leaf is not None else self._container(code, payload)
        except Exception as error:
            self.reason = self.reason or _reason(code, error)
            raise

    def _container(self, code: int, payload: bytes) -> Any:
        build = extensions.CONTAINERS.get(code)
        if build is None:
            raise Undecodable(f"unknown extension code {code}: a newer Sojourn, or something else, wrote it")
        if self.nesting == NESTING or deeper_than(payload, DEPTH):
            raise Undecodable(_TOO_DEEP)
        self.nesting += 1
        parts = ormsgpack.unpackb(payload, ext_hook=self)
        self.nesting -= 1
        if type(parts) is not list:
            raise Undecodable("an extension that holds no list")
        return build(parts)


def _reason(code: int, error: Exception) -> str:
    if isinstance(error, Undecodable) or type(error) is LookupError:
        return str(error)
    # Another's text may show the value, on many lines.
    return f"what is stored as {Code(code).name} is none ({type(error).__name__})"
