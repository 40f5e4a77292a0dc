"""Visiting: what a visitor of the shop does, and what the page then shows."""

from __future__ import annotations

from playwright.async_api import Page

__all__ = ["add", "cart", "ids", "sign_in", "sign_out", "who"]


async def add(page: Page, product: str) -> None:
    await _press(page, f"Add {product}")


async def sign_in(page: Page, name: str) -> None:
    await page.get_by_label("Name").fill(name)
    await _press(page, "Sign in")


async def sign_out(page: Page) -> None:
    await _press(page, "Sign out")


async def cart(page: Page) -> dict[str, int]:
    lines = await page.locator("#cart li").all()
    return {
        str(await line.get_attribute("data-product")): int(await line.get_attribute("data-quantity") or 0)
        for line in lines
    }


async def ids(page: Page) -> set[str]:
    """What the cookies hold that carry an id."""
    cookies = await page.context.cookies()
    return {cookie.get("value", "") for cookie in cookies if not cookie.get("name", "").endswith("-v")}  # a version


async def who(page: Page) -> str:
    return await page.locator("#who").inner_text()


async def _press(page: Page, button: str) -> None:
    async with page.expect_navigation():
        await page.get_by_role("button", name=button).click()
