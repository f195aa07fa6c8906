"""Two people see each other come, type, set a status, and want to be left in peace."""

import os
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from bench.product import Product
from tests.browser.test_two_people import _two, browser

__all__ = ["browser"]
pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]


async def shot(page: Page, name: str) -> None:
    """With SHOTS=folder, what it looks like."""
    if folder := os.environ.get("SHOTS"):
        await page.screenshot(path=str(Path(folder) / f"{name}.png"))


async def test_dots_typing_and_status(browser: Browser, embedded: Product) -> None:
    ann, bob = await _two(browser, embedded)
    await ann.direct_message("Bob Baker")
    await ann.say("Hello Bob")
    row = ann.page.get_by_test_id("sidebar").get_by_test_id("sidebar-channel").filter(has_text="Bob Baker")
    await expect(row.get_by_test_id("presence")).to_have_attribute("data-state", "online")

    await bob.page.get_by_test_id("sidebar-channel").filter(has_text="Ann Archer").click()
    await bob.page.get_by_test_id("composer-channel").press_sequentially("I am thinking", delay=20)
    await expect(ann.page.get_by_test_id("typing")).to_have_text("Bob Baker is typing…")
    await shot(ann.page, "typing")
    await bob.page.get_by_test_id("composer-channel").press("Enter")
    await ann.sees("I am thinking")
    await expect(ann.page.get_by_test_id("typing")).to_have_count(0)

    await bob.page.get_by_test_id("user-menu").click()
    await shot(bob.page, "menu")
    await bob.page.get_by_role("menuitem", name="Set a status").click()
    await bob.page.get_by_role("button", name=re.compile("On holiday")).click()
    await shot(bob.page, "status")
    await bob.page.get_by_test_id("status-form").get_by_role("button", name="Save").click()
    await expect(row.get_by_test_id("status-emoji")).to_have_text("🌴")

    await bob.page.get_by_test_id("user-menu").click()
    await bob.page.get_by_role("menuitem", name="Pause notifications").click()
    await bob.page.get_by_role("checkbox", name="Every week at these times").check()
    await shot(bob.page, "dnd")
    await bob.page.get_by_role("button", name="1 hour", exact=True).click()
    await expect(row.get_by_test_id("presence")).to_have_accessible_name(re.compile("notifications paused"))
    await bob.page.get_by_test_id("user-menu").click()
    await bob.page.get_by_role("menuitem", name="Show yourself as away").click()
    await expect(row.get_by_test_id("presence")).to_have_attribute("data-state", "away")

    await ann.page.get_by_test_id("message").get_by_role("button", name="Bob Baker").first.click()
    card = ann.page.get_by_test_id("profile-card")
    await expect(card).to_contain_text("On holiday")
    await expect(card).to_contain_text("local time")
    await expect(card.get_by_role("button", name="Message")).to_be_visible()
    await shot(ann.page, "card")
    await ann.page.keyboard.press("Escape")
    await expect(card).to_have_count(0)
    await ann.page.set_viewport_size({"width": 390, "height": 800})
    await ann.page.emulate_media(color_scheme="dark")
    await ann.page.get_by_test_id("message").get_by_role("button", name="Bob Baker").first.click()
    await expect(card).to_be_visible()
    await shot(ann.page, "card-phone-dark")
    assert ann.faults == bob.faults == []
