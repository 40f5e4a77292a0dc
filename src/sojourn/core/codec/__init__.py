"""Codec: attributes ⇄ bytes."""

from sojourn.core.codec.classes import plain_fields, transient
from sojourn.core.codec.packing import (
    SEALED,
    Attributes,
    Packed,
    Undecodable,
    is_map,
    is_packed_as,
    pack,
    pack_change,
    pack_field,
    read,
    same,
    unpack,
    write,
)

__all__ = [
    "SEALED",
    "Attributes",
    "Packed",
    "Undecodable",
    "is_map",
    "is_packed_as",
    "pack",
    "pack_change",
    "pack_field",
    "plain_fields",
    "read",
    "same",
    "transient",
    "unpack",
    "write",
]
