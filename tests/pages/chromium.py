"""Chromium: what a visitor sees and clicks; a page fails the test that its console or network complains of."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from playwright.async_api import BrowserContext, Page, ViewportSize, async_playwright

__all__ = ["DESKTOP", "PHONE", "browser", "chromium", "profiles", "too_wide"]

PATH = shutil.which("chromium") or shutil.which("chromium-browser")
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
PHONE = ViewportSize(width=390, height=844)
DESKTOP = ViewportSize(width=1280, height=800)

# A status, and the console's word for one.
_ANSWERED = re.compile(r"(?:Failed to load resource: the server responded with a status of )?(\d{3}) ")

BLOCKED = 2  # Chromium's word for a thing that its owner has switched off for all sites


@pytest.fixture(autouse=True)
def chromium() -> None:
    """To be imported by the modules and `conftest.py` of those who need it."""
    if PATH is None and os.environ.get("CI") == "true":
        pytest.fail("Chromium is not installed; apt-get install chromium")
    if PATH is None:
        pytest.skip("needs Chromium; apt-get install chromium")


@asynccontextmanager
async def browser(
    viewport: ViewportSize, *, cookies: bool = True, refusals: Collection[int] = (), **given: Any
) -> AsyncIterator[Page]:
    """A page of a new browser, which is closed without a complaint of its consoles or network.

    `cookies`: whether its owner lets sites set them. `refusals`: the statuses from 400 on that are no complaint.
    `given`: of Playwright's context.
    """
    complaints: list[str] = []
    with TemporaryDirectory(prefix="sojourn-chromium-") as directory:
        if not cookies:
            _block_cookies(Path(directory))
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                directory, executable_path=PATH, args=ARGUMENTS, viewport=viewport, java_script_enabled=False, **given
            )
            _listen(context, complaints)
            yield context.pages[0]
            await context.close()
    left = [each for each in complaints if not _is_wanted(each, refusals)]
    assert left == [], left


@asynccontextmanager
async def profiles(*, refusals: Collection[int] = ()) -> AsyncIterator[Callable[..., Awaitable[Page]]]:
    """Gives pages of one browser that know nothing of each other, as of devices each of its own.

    Called with Playwright's settings of a context. In the end it is as with `browser`, which takes seconds to start.
    """
    complaints: list[str] = []
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=PATH, args=ARGUMENTS)

        async def profile(**given: Any) -> Page:
            context = await started.new_context(java_script_enabled=False, **given)
            _listen(context, complaints)
            return await context.new_page()

        yield profile
        for context in started.contexts:
            await context.close()
        await started.close()
    left = [each for each in complaints if not _is_wanted(each, refusals)]
    assert left == [], left


async def too_wide(page: Page) -> list[int]:
    """The screens, by their width, on which the page has to be moved sideways."""
    found = []
    for width in (320, 390, 768, 1024, 1280):
        await page.set_viewport_size(ViewportSize(width=width, height=844))
        if await page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(width)
    return found


def _listen(context: BrowserContext, complaints: list[str]) -> None:
    context.on("console", lambda message: complaints.append(message.text))
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("requestfailed", lambda request: complaints.append(f"{request.url} {request.failure}"))
    context.on("response", lambda answer: complaints.append(f"{answer.status} {answer.url}"))


def _block_cookies(directory: Path) -> None:
    """As its owner does in the settings, under privacy."""
    preferences = directory / "Default" / "Preferences"
    preferences.parent.mkdir()
    preferences.write_text(json.dumps({"profile": {"default_content_setting_values": {"cookies": BLOCKED}}}))


def _is_wanted(complaint: str, refusals: Collection[int]) -> bool:
    answered = _ANSWERED.match(complaint)
    return answered is not None and ((status := int(answered[1])) < 400 or status in refusals)
