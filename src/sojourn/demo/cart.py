"""The cart: a view of the session, so its attributes are typed and nothing has to be saved by hand."""

from __future__ import annotations

import msgspec

from sojourn.demo.catalogue import CATALOGUE, Product

__all__ = ["MOST", "Cart", "Line"]

MOST = 99  # of one product


class Line(msgspec.Struct, frozen=True):
    """A product in the cart, and how many of it."""

    product: Product
    quantity: int

    @property
    def cents(self) -> int:
        """What the line costs."""
        return self.product.cents * self.quantity


class Cart(msgspec.Struct):
    """What the visitor wants to buy: `session.view(Cart)`. A change inside of it is found, however deep."""

    quantities: dict[str, int] = {}

    def add(self, product: Product) -> None:
        """Put in one more."""
        self.put(product, self.quantities.get(product.key, 0) + 1)

    def put(self, product: Product, quantity: int) -> None:
        """Have that many of a product; none takes it out."""
        if quantity > 0:
            self.quantities[product.key] = min(quantity, MOST)
        else:
            self.quantities.pop(product.key, None)

    @property
    def lines(self) -> list[Line]:
        """What is in it. What the shop no longer sells is left out, and kept in the session."""
        return [Line(CATALOGUE[key], number) for key, number in self.quantities.items() if key in CATALOGUE]

    @property
    def count(self) -> int:
        """How many things are in it."""
        return sum(line.quantity for line in self.lines)

    @property
    def cents(self) -> int:
        """What all of it costs."""
        return sum(line.cents for line in self.lines)
