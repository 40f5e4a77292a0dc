"""Reading: what the readers of several libraries have in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["attributes_of", "principal_of"]


def attributes_of(data: bytes) -> dict[str, Any] | None:
    """The attributes that are in JSON, as Python's `json` writes it; None for what is something else."""
    try:
        attributes = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return attributes if isinstance(attributes, dict) else None


def principal_of(attributes: Mapping[str, Any], name: str | None) -> str | None:
    """Who is signed in by what the attribute `name` tells; None where none does."""
    principal = None if name is None else attributes.get(name)
    return None if principal is None else str(principal)
