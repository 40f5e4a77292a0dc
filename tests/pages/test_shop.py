"""The same shop on Django, Flask and FastAPI, in Chromium."""

from __future__ import annotations

import asyncio

from tests.pages.chromium import DESKTOP, browser
from tests.pages.conftest import Open
from tests.pages.visiting import add, cart, ids, sign_in, sign_out, who


async def test_a_cart_is_there_after_a_reload_and_a_sign_in_and_not_after_the_sign_out(open_shop: Open) -> None:
    url = open_shop()
    async with browser(DESKTOP) as page:
        await page.goto(url)
        await add(page, "mug")
        await add(page, "mug")
        await page.reload()
        assert await cart(page) == {"mug": 2}
        before = await ids(page)
        await sign_in(page, "Ada")
        assert (await who(page), await cart(page)) == ("Ada", {"mug": 2})
        signed_in = await ids(page)
        await add(page, "tent")
        await page.get_by_role("link", name="Another page").click()
        assert (await who(page), await cart(page)) == ("Ada", {"mug": 2, "tent": 1})
        await sign_out(page)
        assert (await who(page), await cart(page)) == ("nobody", {})
        assert not before & signed_in
        assert not await ids(page) & (before | signed_in)


async def test_two_tabs_share_a_cart_and_neither_loses_what_the_other_adds(open_shop: Open) -> None:
    url = open_shop()
    async with browser(DESKTOP) as page:
        await page.goto(url)
        await add(page, "mug")
        other = await page.context.new_page()
        await other.goto(url)
        assert await cart(other) == {"mug": 1}
        await asyncio.gather(add(page, "tent"), add(other, "lantern"))
        for tab in (page, other):
            await tab.reload()
            assert await cart(tab) == {"lantern": 1, "mug": 1, "tent": 1}


async def test_who_signs_out_in_one_tab_is_signed_out_in_the_other(open_shop: Open) -> None:
    url = open_shop()
    async with browser(DESKTOP) as page:
        await page.goto(url)
        await sign_in(page, "Ada")
        other = await page.context.new_page()
        await other.goto(url)
        assert await who(other) == "Ada"
        await add(other, "mug")
        await sign_out(page)
        await other.reload()
        assert (await who(other), await cart(other)) == ("nobody", {})
        await add(other, "tent")
        await page.reload()
        assert (await who(page), await cart(page)) == ("nobody", {"tent": 1})


async def test_two_browsers_have_nothing_of_each_other(open_shop: Open) -> None:
    url = open_shop()
    async with browser(DESKTOP) as page, browser(DESKTOP) as stranger:
        await page.goto(url)
        await add(page, "mug")
        await stranger.goto(url)
        assert await cart(stranger) == {}
        await sign_in(stranger, "Eve")
        await page.reload()
        assert (await who(page), await cart(page)) == ("nobody", {"mug": 1})
