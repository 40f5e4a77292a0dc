"""Ids in URLs, in a browser whose owner lets no site set a cookie."""

from __future__ import annotations

import pytest
from tests.pages.chromium import DESKTOP, PHONE, browser
from tests.pages.conftest import Open
from tests.pages.visiting import add, cart, sign_in, sign_out, who

WAYS = ["cookie", "url"]


async def test_without_cookies_a_cart_goes_along_in_the_url(open_shop: Open) -> None:
    url = open_shop(tracking=WAYS)
    async with browser(PHONE, cookies=False) as page:
        await page.goto(url)
        assert "jsessionid" not in page.url
        await add(page, "mug")
        assert "/;jsessionid=" in page.url
        await page.reload()
        await add(page, "mug")
        await page.get_by_role("link", name="Another page").click()
        assert page.url.endswith("?page=2")
        assert await cart(page) == {"mug": 2}
        before = page.url
        await sign_in(page, "Ada")
        assert (await who(page), await cart(page)) == ("Ada", {"mug": 2})
        await page.goto(before)
        assert (await who(page), await cart(page)) == ("nobody", {})  # a sign-in ends the URLs of before
        await page.go_back()
        await sign_out(page)
        assert (await who(page), await cart(page)) == ("nobody", {})
        assert await page.context.cookies() == []


async def test_by_default_no_url_ever_holds_an_id(open_shop: Open) -> None:
    url = open_shop()
    async with browser(DESKTOP, cookies=False, refusals=[403, 404]) as page:  # Django misses its token
        await page.goto(url)
        await add(page, "mug")
        assert "jsessionid" not in page.url
        await page.goto(url)
        assert await cart(page) == {}
        assert "jsessionid" not in await page.content()


@pytest.mark.parametrize("stranger", [None, "eve"])
async def test_a_second_browser_cannot_use_the_url_of_the_first_once_identity_is_on(
    open_shop: Open, stranger: str | None
) -> None:
    url = open_shop(tracking=WAYS, identity="proxy")
    headers = {"x-user": stranger} if stranger else {}
    async with browser(DESKTOP, cookies=False, extra_http_headers={"x-user": "ada"}) as page:
        await page.goto(url)
        await add(page, "mug")
        assert (await who(page), await cart(page)) == ("ada", {"mug": 1})
        copied = page.url
        assert "jsessionid" in copied
        for cookies in (True, False):
            async with browser(DESKTOP, cookies=cookies, refusals=[403, 404], extra_http_headers=headers) as other:
                answer = await other.goto(copied)
                assert answer is not None
                assert answer.status == 403
                assert "mug" not in await other.content()
                assert await other.context.cookies() == []
        await page.reload()
        assert await cart(page) == {"mug": 1}


async def test_without_identity_a_url_is_its_session_to_whoever_has_it(open_shop: Open) -> None:
    url = open_shop(tracking=WAYS)
    async with browser(DESKTOP, cookies=False) as page, browser(DESKTOP) as other:
        await page.goto(url)
        await add(page, "mug")
        await other.goto(page.url)
        assert await cart(other) == {"mug": 1}
        await other.goto(url)
        assert await cart(other) == {}  # and a cookie never comes of it
