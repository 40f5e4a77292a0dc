"""What the shop sells."""

from __future__ import annotations

import msgspec

__all__ = ["CATALOGUE", "Product", "price"]


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """Something to buy; `key` names it in the cart, in forms and in its drawing."""

    key: str
    name: str
    about: str
    cents: int


CATALOGUE = {
    product.key: product
    for product in (
        Product(key="mug", name="Enamel mug", about="Survives every fall. Keeps the dent.", cents=1400),
        Product(key="lantern", name="Storm lantern", about="Stays lit when the wind picks up.", cents=4800),
        Product(key="compass", name="Pocket compass", about="Knows the way without a network.", cents=3200),
        Product(key="blanket", name="Wool blanket", about="For one, or for two at a squeeze.", cents=6900),
        Product(key="notebook", name="Field notebook", about="Remembers what you wrote in it.", cents=950),
        Product(key="tent", name="Two-night tent", about="A short stay, wherever you are.", cents=18900),
    )
}


def price(cents: int) -> str:
    """Write an amount of money: "€1,234.50"."""
    return f"€{cents // 100:,}.{cents % 100:02}"
