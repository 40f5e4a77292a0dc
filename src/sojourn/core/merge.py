"""Merge: what two requests changed in one session, put together, attribute by attribute."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from sojourn.core.codec import Attributes, Packed, Undecodable, read, write
from sojourn.errors import Contradiction

__all__ = ["Changes", "FieldChanges", "contradictions", "merge", "refuse_contradictions"]


class FieldChanges(msgspec.Struct, frozen=True):
    """What changed within one attribute that was used as a typed view."""

    fields: Mapping[str, Packed | None]
    """Packed fields by name, None where removed."""
    rest: Mapping[str, Packed] = {}
    """The fields that did not change: stored only where there is nothing to change, so that no half of an object is."""


Changes = Mapping[str, Packed | FieldChanges | None]
"""What one request changed: a packed value, changed fields, or None for an attribute that it removed."""


def merge(stored: Attributes, changes: Changes) -> dict[str, Packed]:
    """`stored` with `changes` made to it: what was changed here is as here, the rest as stored.

    With `stored` as the request found it, this is what the request leaves; with what another request stored meanwhile,
    it is the three-way merge of the two, in which the later commit wins an attribute (or field of a view) that both
    changed. Fields of a view that its class does not know stay.
    """
    merged = dict(stored)
    for name, change in changes.items():
        if change is None:
            merged.pop(name, None)
        elif isinstance(change, FieldChanges):
            merged[name] = _merge_fields(merged.get(name), change)
        else:
            merged[name] = change
    return merged


def contradictions(found: Attributes, stored: Attributes, changes: Changes) -> set[str]:
    """The attributes in `changes` that another request changed too, from `found` to `stored`, and not to the same."""
    mine = merge(found, changes)
    return {name for name in changes if _bytes(stored, name) not in (_bytes(found, name), _bytes(mine, name))}


def refuse_contradictions(found: Attributes, stored: Attributes, changes: Changes) -> None:
    """Raise `Contradiction` when there are any."""
    if names := contradictions(found, stored, changes):
        raise Contradiction(names)


def _merge_fields(packed: Packed | None, change: FieldChanges) -> bytes:
    try:
        fields = {**change.rest} if packed is None else read(bytes(packed))
    except Undecodable:
        fields = {**change.rest}  # another request put something else in its place; the later commit wins
    for name, field in change.fields.items():
        if field is None:
            fields.pop(name, None)
        else:
            fields[name] = field
    return write(fields)


def _bytes(attributes: Attributes, name: str) -> bytes | None:
    packed = attributes.get(name)
    return None if packed is None else bytes(packed)
