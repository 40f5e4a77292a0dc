"""The page of devices, mounted in each shop, in Chromium: on a phone and on a desktop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import Page, ViewportSize, expect
from tests.pages.chromium import DESKTOP, PHONE, profiles, too_wide
from tests.pages.conftest import Open
from tests.pages.shops.counter import DEVICES
from tests.pages.visiting import sign_in, who

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
SAFARI = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) Version/18.0 Mobile/15E148 Safari/604.1"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/130.0.0.0 Safari/537.36 Edg/130.0"

Profile = Callable[..., Awaitable[Page]]


async def signed_in(profile: Profile, url: str, name: str, viewport: ViewportSize, agent: str) -> Page:
    page = await profile(viewport=viewport, user_agent=agent)
    await page.goto(url)
    await sign_in(page, name)
    return page


async def press(page: Page, name: str) -> None:
    async with page.expect_navigation():
        await page.get_by_role("button", name=name, exact=True).click()


async def names(page: Page) -> list[str]:
    return [line.removesuffix("this device").strip() for line in await page.locator("li h2").all_inner_texts()]


@pytest.mark.parametrize("viewport", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_one_is_signed_out_and_then_all_others(open_shop: Open, viewport: ViewportSize) -> None:
    url = open_shop()
    async with profiles(refusals=[403, 404]) as profile:
        phone = await signed_in(profile, url, "Ada", PHONE, SAFARI)
        office = await signed_in(profile, url, "Ada", DESKTOP, EDGE)
        home = await signed_in(profile, url, "Ada", DESKTOP, FIREFOX)
        eve = await signed_in(profile, url, "Eve", DESKTOP, FIREFOX)
        here = await signed_in(profile, url, "Ada", viewport, FIREFOX)

        await here.goto(f"{url}{DEVICES}")
        assert await names(here) == ["Firefox on Linux", "Firefox on Linux", "Edge on Windows", "Safari on iPhone"]
        await press(here, "Sign out: Edge on Windows")
        await expect(here.get_by_role("status")).to_have_text("Signed out of 1 other device.")
        await office.reload()
        assert await who(office) == "nobody"
        assert [await self_named(page) for page in (phone, home)] == ["Ada", "Ada"]

        await press(here, "Sign out of 2 other devices")
        await expect(here.get_by_role("status")).to_have_text("Signed out of 2 other devices.")
        assert await names(here) == ["Firefox on Linux"]
        assert [await self_named(page) for page in (phone, home, eve)] == ["nobody", "nobody", "Eve"]

        await press(here, "Sign out: Firefox on Linux, in use now")
        assert here.url == f"{url}/"
        assert await who(here) == "nobody"
        await here.goto(f"{url}{DEVICES}")
        await expect(here.get_by_text("Sign in first")).to_be_visible()


async def self_named(page: Page) -> str:
    await page.reload()
    return await who(page)


async def test_no_page_of_it_is_wider_than_the_screen_and_keys_reach_everything(open_shop: Open) -> None:
    url = open_shop()
    async with profiles(refusals=[403, 404]) as profile:
        for agent in (SAFARI, EDGE):
            await signed_in(profile, url, "Ada", PHONE, agent)
        page = await signed_in(profile, url, "Ada", PHONE, FIREFOX)
        await page.goto(f"{url}{DEVICES}")
        assert await too_wide(page) == []
        for name in (
            "Sign out: Firefox on Linux, in use now",
            "Sign out: Edge on Windows",
            "Sign out: Safari on iPhone",
        ):
            await page.keyboard.press("Tab")
            await expect(page.get_by_role("button", name=name)).to_be_focused()
            await expect(page.get_by_role("button", name=name)).to_have_css("outline-style", "solid")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("button", name="Sign out of 2 other devices")).to_be_focused()
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert await names(page) == ["Firefox on Linux"]
        assert await too_wide(page) == []


async def test_a_form_of_another_origin_ends_nothing(open_shop: Open) -> None:
    url = open_shop()
    async with profiles(refusals=[403, 404]) as profile:
        await signed_in(profile, url, "Ada", PHONE, SAFARI)
        page = await signed_in(profile, url, "Ada", DESKTOP, FIREFOX)
        await page.goto("about:blank")
        await page.set_content(
            f'<form method=post action="{url}{DEVICES}"><button name=others value=1>Win</button></form>'
        )
        await press(page, "Win")
        await page.goto(f"{url}{DEVICES}")
        assert len(await names(page)) == 2
