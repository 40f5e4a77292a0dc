"""The shop as a visitor without a browser sees it, in this process."""

from __future__ import annotations

import re
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx2
import pytest

from sojourn import Cookie, Sessions
from sojourn.demo import DEMO
from sojourn.demo.cart import MOST
from sojourn.demo.catalogue import CATALOGUE, price
from sojourn.demo.shop import app
from sojourn.inbound.asgi import SessionMiddleware
from sojourn.store.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sojourn.core.record import Record


@asynccontextmanager
async def visitors(number: int = 1, *, store: MemoryStore | None = None) -> AsyncIterator[list[httpx2.AsyncClient]]:
    """Clients of one shop, each with cookies of its own."""
    sessions = Sessions(store or MemoryStore(), cookie=Cookie.development())
    served = SessionMiddleware(app, sessions)
    clients = [
        httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=served), base_url="http://localhost", follow_redirects=True
        )
        for _ in range(number)
    ]
    try:
        yield clients
    finally:
        for client in clients:
            await client.aclose()
        await sessions.close()


def cart(page: httpx2.Response) -> dict[str, int]:
    found = re.findall(r'data-product="(\w+)" data-quantity="(\d+)"', page.text)
    return {product: int(quantity) for product, quantity in found}


def figure(page: httpx2.Response, name: str) -> str:
    found = re.search(rf'id="{name}">([^<]*)<', page.text)
    assert found is not None, name
    return found[1]


class EndedElsewhere(MemoryStore):
    """Where a session that is saved has just been ended by another request, once that is wanted."""

    wanted = False

    async def save(self, record: Record, *, over: Record | None) -> None:
        if self.wanted:
            await self.delete(record.key, record.app)
        await super().save(record, over=over)


async def test_who_only_looks_gets_no_session() -> None:
    async with visitors() as [visitor]:
        page = await visitor.get("/")
    assert page.status_code == 200
    assert "None yet" in page.text
    assert "set-cookie" not in page.headers


async def test_what_is_added_is_in_the_cart_with_its_total() -> None:
    async with visitors() as [visitor]:
        for product in ("mug", "tent", "mug"):
            page = await visitor.post(f"/cart/{product}/add")
    assert cart(page) == {"mug": 2, "tent": 1}
    assert figure(page, "total") == "€217.00"


async def test_a_form_is_answered_with_a_redirect_so_that_reloading_sends_nothing_again() -> None:
    async with visitors() as [visitor]:
        answer = await visitor.post("/cart/mug/add", follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(("quantity", "then"), [("3", {"mug": 3}), ("0", {}), ("9999", {"mug": MOST})])
async def test_a_quantity_can_be_changed(quantity: str, then: dict[str, int]) -> None:
    async with visitors() as [visitor]:
        await visitor.post("/cart/mug/add")
        page = await visitor.post("/cart/mug", data={"quantity": quantity})
    assert cart(page) == then


@pytest.mark.parametrize("quantity", ["", "-1", "1.5", "²", "many", "9" * 5000])
async def test_what_is_no_quantity_is_refused(quantity: str) -> None:
    async with visitors() as [visitor]:
        await visitor.post("/cart/mug/add")
        refusal = await visitor.post("/cart/mug", data={"quantity": quantity})
        page = await visitor.get("/")
    assert refusal.status_code == 400
    assert cart(page) == {"mug": 1}


async def test_an_unknown_product_begins_no_session() -> None:
    async with visitors() as [visitor]:
        refusal = await visitor.post("/cart/yacht/add")
    assert refusal.status_code == 404
    assert "set-cookie" not in refusal.headers


async def test_visitors_have_carts_of_their_own() -> None:
    async with visitors(2) as [one, other]:
        await one.post("/cart/mug/add")
        await other.post("/cart/tent/add")
        assert cart(await one.get("/")) == {"mug": 1}
        assert cart(await other.get("/")) == {"tent": 1}


async def test_the_page_tells_what_is_happening() -> None:
    async with visitors() as [visitor]:
        first = await visitor.post("/cart/mug/add")
        second = await visitor.get("/")
    assert figure(first, "ref") == figure(second, "ref")
    assert [figure(page, "requests") for page in (first, second)] == ["2", "3"]
    assert int(figure(second, "version")) == int(figure(first, "version")) + 1
    assert re.fullmatch(r"\d+ min \d\d s", figure(second, "left"))


async def test_the_page_tells_the_version_that_its_cookie_tells() -> None:
    async with visitors() as [visitor]:
        page = await visitor.post("/cart/mug/add")
        assert figure(page, "version") == visitor.cookies[Cookie.development().version_name]


async def test_no_page_tells_the_id() -> None:
    async with visitors() as [visitor]:
        await visitor.post("/cart/mug/add")
        page = await visitor.post("/sign-in", data={"name": "Ada"})
        assert visitor.cookies[Cookie.development().name] not in page.text


async def test_signing_in_renews_the_id_and_keeps_the_cart() -> None:
    async with visitors() as [visitor]:
        before = await visitor.post("/cart/mug/add")
        after = await visitor.post("/sign-in", data={"name": " Ada  Lovelace "})
    assert "Ada Lovelace" in after.text
    assert figure(after, "fingerprint") != figure(before, "fingerprint")
    assert figure(before, "fingerprint") in after.text
    assert figure(after, "ref") == figure(before, "ref")
    assert cart(after) == {"mug": 1}


@pytest.mark.parametrize("name", ["", "  ", "x" * 41])
async def test_what_is_no_name_is_refused(name: str) -> None:
    async with visitors() as [visitor]:
        assert (await visitor.post("/sign-in", data={"name": name})).status_code == 400


async def test_a_name_is_text_and_never_markup() -> None:
    async with visitors() as [visitor]:
        page = await visitor.post("/sign-in", data={"name": "<script>"})
    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_signing_out_ends_the_session_also_for_a_copy_of_its_cookie() -> None:
    async with visitors(2) as [visitor, thief]:
        await visitor.post("/cart/mug/add")
        await visitor.post("/sign-in", data={"name": "Ada"})
        thief.cookies.update(visitor.cookies)
        page = await visitor.post("/sign-out")
        assert "has ended" in page.text
        assert not visitor.cookies
        assert cart(await thief.get("/")) == {}


async def test_a_page_of_a_session_that_was_ended_meanwhile_says_so() -> None:
    store = EndedElsewhere()
    async with visitors(store=store) as [visitor]:
        await visitor.post("/cart/mug/add")
        store.wanted = True
        page = await visitor.get("/")
    assert (page.status_code, page.url.path) == (200, "/")
    assert "has ended" in page.text
    assert cart(page) == {}


@pytest.mark.parametrize(
    ("sender", "status"), [("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303), (None, 303)]
)
async def test_a_form_of_another_site_is_refused(sender: str | None, status: int) -> None:
    headers = {} if sender is None else {"sec-fetch-site": sender}
    async with visitors() as [visitor]:
        answer = await visitor.post("/cart/mug/add", headers=headers, follow_redirects=False)
        assert answer.status_code == status
        assert ("set-cookie" in answer.headers) == (status == 303)


async def test_a_link_on_another_site_leads_here() -> None:
    async with visitors() as [visitor]:
        assert (await visitor.get("/", headers={"sec-fetch-site": "cross-site"})).status_code == 200


@pytest.mark.parametrize("path", ["/health", "/static/shop.css", "/static/icon.svg"])
async def test_what_needs_no_session_does_not_depend_on_one(path: str) -> None:
    async with visitors() as [visitor]:
        await visitor.post("/cart/mug/add")
        answer = await visitor.get(path)
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers
    assert "cookie" not in answer.headers.get("vary", "").lower()


async def test_nothing_is_loaded_from_elsewhere() -> None:
    async with visitors() as [visitor]:
        page = await visitor.post("/cart/mug/add")
        loaded = re.findall(r'(?:src|href|action)="([^"]*)"', page.text)
        style = (await visitor.get("/static/shop.css")).text
    assert [address for address in loaded if not re.match(r"[/#](?!/)", address)] == []
    assert "url(" not in style
    assert "@import" not in style
    assert page.headers["content-security-policy"].startswith("default-src 'none'")


async def test_there_is_no_way_to_kill_a_worker_outside_of_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DEMO, raising=False)
    async with visitors() as [visitor]:
        assert "Kill" not in (await visitor.get("/")).text
        assert (await visitor.post("/kill")).status_code == 404


@pytest.mark.parametrize("product", CATALOGUE)
async def test_every_product_has_a_drawing(product: str) -> None:
    async with visitors() as [visitor]:
        page = await visitor.get("/")
    assert re.search(rf'<div class="picture {product}">\s*<svg', page.text)


def test_a_price_is_written_with_its_cents() -> None:
    assert [price(5), price(950), price(123450)] == ["€0.05", "€9.50", "€1,234.50"]
