"""Search in a browser: typing, suggestions, filters, the keyboard, and the way to the message."""

import re

import pytest
from playwright.async_api import expect

from bench.product import Product
from tests.browser.pages import Window, chromium

pytestmark = pytest.mark.browser


async def test_a_message_is_found_and_opened_by_keyboard_alone(embedded: Product) -> None:
    async with chromium() as browser:
        ann = await Window.open(browser, embedded.url)
        await ann.sign_up("Ann Finder", "ann.finder@example.org")
        await ann.create_workspace("Library")
        await ann.create_channel("archive")
        await ann.say("the quick brown fox <b>jumps</b>")
        await ann.sees("quick brown fox")
        await ann.say("see https://example.org/fox too")
        await ann.sees("example.org/fox")
        page = ann.page
        await page.keyboard.press("Control+f")
        box = page.get_by_test_id("search-input")
        await expect(box).to_have_value("in:#archive ")
        await box.press_sequentially("bro")
        hits = page.get_by_test_id("search-hit")
        await expect(hits).to_have_count(1)
        await expect(hits.locator("mark")).to_have_text("bro")
        await expect(hits).to_contain_text("<b>jumps</b>")
        await box.fill("")
        await box.press_sequentially("fo")
        await expect(hits).to_have_count(2)
        await page.get_by_role("button", name="has:link").first.click()
        await expect(hits).to_have_count(1)
        await expect(hits).to_contain_text("example.org")
        await box.fill("from:")
        await expect(page.get_by_role("option", name=re.compile("from:me"))).to_be_visible()
        await box.press("ArrowDown")
        await box.press("Enter")
        await expect(box).to_have_value("from:me ")
        await box.press_sequentially("nothing like it")
        await expect(page.get_by_role("heading", name="Nothing found")).to_be_visible()
        await box.fill("has:cheese")
        await expect(page.get_by_role("alert")).to_contain_text("has: takes")
        await box.fill("brown")
        await expect(hits).to_have_count(1)
        await box.press("ArrowDown")
        await expect(hits.first).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(page).to_have_url(re.compile(r"/c/\d+/m/\d+$"))
        await expect(ann.message("quick brown fox").first).to_be_visible()
        assert ann.faults == []
        await ann.context.close()


async def test_on_a_phone(embedded: Product) -> None:
    async with chromium() as browser:
        ann = await Window.open(browser, embedded.url, viewport={"width": 390, "height": 780})
        await ann.sign_up("Ann Pocket", "ann.pocket@example.org")
        await ann.create_workspace("Pocket")
        page = ann.page
        await page.goto(re.sub(r"(/w/\d+).*", r"\1/search", page.url))
        await expect(page.get_by_role("heading", name="Find what was said")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert ann.faults == []
        await ann.context.close()
