"""Counter: what every shop sells, and its page; each framework's shop is a few routes around it."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from html import escape
from typing import Any

__all__ = ["DEVICES", "PRODUCTS", "put", "render"]

PRODUCTS = ("compass", "lantern", "mug", "tent")
DEVICES = "/account/devices"

# An attribute for each product: two tabs that add at the same time change different ones, and both count.
_ATTRIBUTE = "cart.{}".format


def put(session: MutableMapping[str, Any], product: str) -> None:
    """One more of a product into the cart."""
    if product in PRODUCTS:
        session[_ATTRIBUTE(product)] = session.get(_ATTRIBUTE(product), 0) + 1


def render(
    session: MutableMapping[str, Any], who: str | None, encode: Callable[[str], str], *, hidden: str = ""
) -> str:
    """The page. `who`: is signed in. `encode`: makes a link of an address. `hidden`: what its forms hold besides."""
    cart = {product: session.get(_ATTRIBUTE(product), 0) for product in PRODUCTS}
    lines = "".join(f"<li data-product={name} data-quantity={count}>{name}" for name, count in cart.items() if count)
    buttons = "".join(f'<button name="product" value="{name}">Add {name}</button>' for name in PRODUCTS)
    sign_in = f"{hidden}<label>Name <input name=name></label><button>Sign in</button>"
    entry = (
        _form(encode("/sign-out"), f"{hidden}<button>Sign out</button>") if who else _form(encode("/sign-in"), sign_in)
    )
    return (
        '<!doctype html><html lang="en"><link rel="icon" href="data:,"><title>Shop</title>'
        f"<p id=who>{escape(who or 'nobody')}</p><ul id=cart>{lines}</ul>"
        f"{_form(encode('/add'), hidden + buttons)}{entry}"
        f'<a href="{escape(encode("/"))}">Shop</a> <a href="{escape(encode("/other?page=2"))}">Another page</a></html>'
    )


def _form(action: str, content: str) -> str:
    return f'<form method="post" action="{escape(action)}">{content}</form>'
