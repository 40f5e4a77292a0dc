"""The shop: an application like any other. It knows nothing of workers, stores and cookies.

`sojourn demo` serves it, and `sojourn serve sojourn.demo.shop:app` does, too.
"""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route

from sojourn import Session
from sojourn.demo.cart import Cart
from sojourn.demo.catalogue import CATALOGUE, Product
from sojourn.demo.guard import OwnFormsOnly
from sojourn.demo.page import STATIC, Assets, fingerprint, page, page_before_death
from sojourn.demo.visit import Visit
from sojourn.demo.worker import may_die
from sojourn.errors import SessionEnded

__all__ = ["app"]

LONGEST_NAME = 40


async def look(request: Request) -> Response:
    """Show the shop. Somebody who only looks gets no session."""
    return await page(request, enter(request))


async def add(request: Request) -> Response:
    """Put one more of a product into the cart."""
    product = wanted(request)
    session = enter(request)
    session.view(Cart).add(product)
    session["notice"] = f"{product.name}: now in your cart."
    return back()


async def change(request: Request) -> Response:
    """Change how many of a product are in the cart; 0 takes it out."""
    product = wanted(request)
    quantity = await field(request, "quantity")
    if not (quantity.isascii() and quantity.isdigit() and len(quantity) <= 4):
        raise HTTPException(400, "A quantity is a whole number.")
    session = enter(request)
    session.view(Cart).put(product, int(quantity))
    return back()


async def sign_in(request: Request) -> Response:
    """Sign in, without a password: this is a demo."""
    name = " ".join((await field(request, "name")).split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise HTTPException(400, f"A name has 1 to {LONGEST_NAME} characters.")
    session = enter(request)
    old = f"the old one, fingerprint {fingerprint(session)}, opens nothing" if session.version else "its first"
    session.principal = name  # this alone gives the session a new id, and ends the old one
    session["notice"] = f"Welcome, {name}. Your session has a new id now: {old}."
    return back()


async def sign_out(request: Request) -> Response:
    """Sign out: the session ends, in every worker, and the cart with it."""
    enter(request).end()
    return back("/?ended")


async def kill(request: Request) -> Response:
    """Answer, and die: the only thing here that no other shop has."""
    if not may_die():
        raise HTTPException(404)
    return await page_before_death(request, enter(request))


async def health(_: Request) -> Response:
    """Tell that this worker answers. Whoever does not look at the session has none."""
    return PlainTextResponse("ok")


async def ended_elsewhere(_: Request, __: Exception) -> Response:
    """Begin anew: while this request was on its way, another one signed out."""
    return back("/?ended")


def enter(request: Request) -> Session:
    """The visitor's session, in which this request is counted; but looking around begins none."""
    session: Session = request.scope["session"]  # Starlette's `request.session`, with its real type
    if session.version or request.method == "POST":
        session.view(Visit).requests += 1
    return session


def wanted(request: Request) -> Product:
    """The product that the address names."""
    product = CATALOGUE.get(request.path_params["product"])
    if product is None:
        raise HTTPException(404, "The shop has no such product.")
    return product


async def field(request: Request, name: str) -> str:
    """One field of the form that was sent."""
    async with request.form() as form:
        return str(form.get(name, ""))


def back(to: str = "/") -> Response:
    """Answer a form: the browser gets the page next, so that reloading it sends nothing again."""
    return RedirectResponse(to, status_code=303)


app = Starlette(
    routes=[
        Route("/", look),
        Route("/cart/{product}/add", add, methods=["POST"]),
        Route("/cart/{product}", change, methods=["POST"]),
        Route("/sign-in", sign_in, methods=["POST"]),
        Route("/sign-out", sign_out, methods=["POST"]),
        Route("/kill", kill, methods=["POST"]),
        Route("/health", health),
        Mount("/static", Assets(directory=STATIC)),
    ],
    middleware=[Middleware(OwnFormsOnly)],
    exception_handlers={SessionEnded: ended_elsewhere},
)
