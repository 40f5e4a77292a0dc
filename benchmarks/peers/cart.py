"""What a session holds in the benchmarks."""

from __future__ import annotations

from typing import Any

__all__ = ["ITEMS", "cart", "count"]

ITEMS = {"small": 8, "large": 400}  # items of a cart; about 500 bytes and 20 kB of JSON


def cart(size: str) -> dict[str, Any]:
    """A cart as an application keeps it."""
    return {"items": [{"sku": f"sku-{n}", "quantity": n, "price": 9.5} for n in range(ITEMS[size])], "changes": 0}


def count(found: dict[str, Any] | None) -> dict[str, int]:
    """What the shop answers: little, so that the sessions are measured and not the rendering."""
    return {"items": 0, "changes": 0} if found is None else {"items": len(found["items"]), "changes": found["changes"]}
