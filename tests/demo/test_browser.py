"""The demo in Chromium: what a visitor sees and clicks, with scripts switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.async_api import Page, expect
from tests.pages.chromium import DESKTOP, PHONE, browser, chromium, too_wide

if TYPE_CHECKING:
    from tests.demo.conftest import Demo

__all__ = ["chromium"]

NAMES = {
    "mug": "Enamel mug",
    "lantern": "Storm lantern",
    "compass": "Pocket compass",
    "blanket": "Wool blanket",
    "notebook": "Field notebook",
    "tent": "Two-night tent",
}


async def add(page: Page, product: str) -> None:
    await page.get_by_role("button", name=f"Add {NAMES[product]} to the cart").click()


async def kill(page: Page, demo: Demo) -> str:
    """Kill whoever answers; return the page's name for it."""
    await page.get_by_role("button", name="Kill this worker").click()
    worker = await page.locator("#worker").inner_text()
    await expect(page.get_by_role("alert")).to_contain_text(f"Worker {worker} answered this page and was then killed")
    assert demo.hear("died")["pid"] == int(worker)
    return worker


async def cart(page: Page) -> dict[str, int]:
    lines = await page.locator(".line").all()
    quantities = [await line.get_attribute("data-quantity") for line in lines]
    products = [await line.get_attribute("data-product") for line in lines]
    return {str(product): int(quantity or 0) for product, quantity in zip(products, quantities, strict=True)}


async def test_the_cart_is_whole_whichever_worker_is_killed(demo: Demo) -> None:
    async with browser(DESKTOP) as page:
        await page.goto(demo.url)
        wanted: dict[str, int] = {}
        for before, after in [("mug", "tent"), ("mug", "compass"), ("lantern", "mug"), ("blanket", "notebook")]:
            await add(page, before)
            worker = await kill(page, demo)
            await add(page, after)
            now = await page.locator("#worker").inner_text()
            assert now != worker
            await expect(page.get_by_role("status")).to_contain_text(
                f"Worker {worker} is gone, worker {now} answers now"
            )
            for product in (before, after):
                wanted[product] = wanted.get(product, 0) + 1
            assert await cart(page) == wanted
        assert await page.locator("#total").inner_text() == "€389.50"


async def test_quantities_are_changed_with_a_click(demo: Demo) -> None:
    async with browser(PHONE) as page:
        await page.goto(demo.url)
        await add(page, "mug")
        await add(page, "tent")
        await page.get_by_role("button", name="One Enamel mug more").click()
        assert await cart(page) == {"mug": 2, "tent": 1}
        await page.get_by_role("button", name="One Two-night tent fewer").click()
        assert await cart(page) == {"mug": 2}
        await page.get_by_role("button", name="Remove Enamel mug").click()
        await expect(page.get_by_text("Nothing in it yet.")).to_be_visible()


async def test_signing_in_gives_a_new_id_and_signing_out_ends_the_session(demo: Demo) -> None:
    async with browser(PHONE) as page:
        await page.goto(demo.url)
        await add(page, "mug")
        before = await page.locator("#fingerprint").inner_text()
        await page.get_by_label("Your name").fill("Ada")
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("status")).to_contain_text(before)
        assert await page.locator("#fingerprint").inner_text() != before
        assert await cart(page) == {"mug": 1}
        await page.get_by_role("button", name="Sign out").click()
        await expect(page.get_by_role("status")).to_contain_text("Your session has ended")
        assert await cart(page) == {}
        assert await page.context.cookies() == []


async def test_no_page_is_wider_than_the_screen(demo: Demo) -> None:
    async with browser(PHONE) as page:
        await page.goto(demo.url)
        assert await too_wide(page) == []
        for product in NAMES:
            await add(page, product)
        await page.get_by_label("Your name").fill("W" * 40)
        await page.get_by_role("button", name="Sign in").click()
        assert await too_wide(page) == []
        await kill(page, demo)
        assert await too_wide(page) == []
        await add(page, "tent")
        assert await too_wide(page) == []


async def test_whoever_has_no_mouse_reaches_everything_and_sees_where_they_are(demo: Demo) -> None:
    async with browser(DESKTOP) as page:
        await page.goto(demo.url)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the goods")).to_be_focused()
        await expect(page.get_by_role("link", name="Skip to the goods")).to_be_in_viewport()
        for focused in (
            page.get_by_role("link", name="Wayside"),
            page.get_by_role("link", name="Cart"),
            page.get_by_label("Your name"),
            page.get_by_role("button", name="Sign in"),
        ):
            await page.keyboard.press("Tab")
            await expect(focused).to_be_focused()
            await expect(focused).to_have_css("outline-style", "solid")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Kill this worker")).to_be_focused()
